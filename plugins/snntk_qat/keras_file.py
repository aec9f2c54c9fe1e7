"""A Keras model with quantized layers, from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snntk_core.errors import ParseError, said
from snntk_qat.keras_activations import activation_layers
from snntk_qat.keras_layers import keras_library, weighted_layers


def load_quantized_model(
    path: str | Path, custom_objects: Mapping[str, Any] | None = None, compile_model: bool = True
) -> Any:
    """Return the Keras model of a .keras or .h5 file with quantized layers, ours or those of cnn2snn.

    ``custom_objects``: classes of your own by name.  Raises `ParseError` for a file that Keras cannot open.
    """
    keras = keras_library()
    if not Path(path).exists():
        raise ParseError(str(path), "there is no such file.")
    known = {kind.__name__: kind for kind in (*weighted_layers().values(), *activation_layers().values())}
    try:
        return keras.models.load_model(
            str(path), custom_objects={**known, **(custom_objects or {})}, compile=compile_model, safe_mode=True
        )
    except Exception as error:  # each kind of damage has its own exception in Keras
        raise ParseError(str(path), f"Keras cannot open it ({said(error)});", remedy="save the model again.") from error
