"""The names of Keras 1 as those of Keras 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
}
KEYS = {
    "nb_filter": "filters",
    "output_dim": "units",
    "border_mode": "padding",
    "bias": "use_bias",
    "p": "rate",
    "sigma": "stddev",
    "atrous_rate": "dilation_rate",
    "length": "size",
    "concat_axis": "axis",
}
LAYOUTS = {"th": "channels_first", "tf": "channels_last"}
MERGES = {"sum": "Add", "mul": "Multiply", "concat": "Concatenate", "ave": "Average", "max": "Maximum"}


def modern(kind: str, config: Mapping[str, Any], version: int) -> tuple[str, Mapping[str, Any]]:
    """Return the class and the configuration of a layer under today's names."""
    kind = CLASSES.get(kind, kind)
    if version > 1:
        return kind, config
    found = {KEYS.get(key, key): value for key, value in config.items() if not (kind == "Concatenate" and key == "p")}
    if "dim_ordering" in config:
        found["data_format"] = LAYOUTS.get(config["dim_ordering"], "channels_last")
    if "subsample" in config:
        found["strides"] = config["subsample"]
    if "nb_row" in config and "nb_col" in config:
        found["kernel_size"] = [config["nb_row"], config["nb_col"]]
    if "filter_length" in config:
        found |= {"kernel_size": [config["filter_length"]], "strides": [config.get("subsample_length", 1)]}
    if "pool_length" in config:
        found |= {"pool_size": [config["pool_length"]], "strides": [config.get("stride") or config["pool_length"]]}
    if kind == "Merge":
        kind = MERGES.get(str(config.get("mode")), kind)
    return kind, found
