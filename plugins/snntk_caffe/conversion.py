"""Running caffe2onnx 2.0.1 beside today's protobuf, numpy and onnx, without changing anything outside its modules."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from snntk_caffe.messages import MODULE, classes, layer
from snntk_caffe.network import Converted, Normalized
from snntk_caffe.refusal import printable
from snntk_core import ParseError
from snntk_core.ops import Array


def convert(network: Normalized, label: str) -> Any:
    """Return what caffe2onnx makes of a network.  Raises `ParseError` where it gives up."""
    try:
        with np.errstate(over="ignore"):  # it writes the least double as a float, in a place that is replaced
            made = _converter().Caffe2Onnx(_net(network), _model(network), "caffe")
            return made.createOnnxModel()
    except (Exception, SystemExit) as error:  # it ends the process over a layer it does not know
        reason = printable(error) or type(error).__name__
        raise ParseError(label, f"caffe2onnx cannot convert it ({reason}); report this with the prototxt.") from error


def partner(id: str) -> str:
    """Return the name of the Scale that goes with a BatchNorm."""
    return f"{id}*"


def _net(network: Normalized) -> Any:
    layers = [
        layer(id, "Input", (), input_param={"shape": [{"dim": (1, *shape)}]}) for id, shape in network.entries.items()
    ]
    for item in network.layers:
        layers.append(layer(item.id, item.kind, item.bottoms, **item.parameters))
        if item.pair:
            layers.append(layer(partner(item.id), "Scale", (item.id,)))
    return classes().NetParameter(layer=layers)


def _model(network: Normalized) -> Any:
    """What caffe2onnx reads weights from: it looks like a NetParameter, but keeps arrays as they are."""
    layers = [part for item in network.layers for part in _weights(item)]
    return SimpleNamespace(layer=layers or [SimpleNamespace(name="", blobs=[])], layers=[])


def _weights(item: Converted) -> list[Any]:
    named = ((item.id, item.arrays), (partner(item.id), item.pair))
    return [SimpleNamespace(name=name, blobs=list(map(_blob, arrays))) for name, arrays in named if arrays]


def _blob(array: Array) -> Any:
    return SimpleNamespace(shape=SimpleNamespace(dim=list(array.shape)), data=array.reshape(-1))


@cache
def _converter() -> ModuleType:
    """The converter's module, given message classes, numpy's former names, and nothing to print with.

    Its own message module is what protobuf refuses; ours stands in for it only while the converter is imported.
    """
    stand_in = ModuleType(MODULE)
    vars(stand_in).update(vars(classes()))
    before = sys.modules.get(MODULE)
    sys.modules[MODULE] = stand_in
    try:
        converter = import_module("caffe2onnx.src.caffe2onnx")
    finally:
        del sys.modules[MODULE]
        if before is not None:
            sys.modules[MODULE] = before
    aliases = ModuleType("numpy")
    vars(aliases).update({"float": float, "int": int, "__getattr__": lambda name: getattr(np, name)})
    vars(converter).update({"np": aliases, "print": lambda *words: None})
    return converter
