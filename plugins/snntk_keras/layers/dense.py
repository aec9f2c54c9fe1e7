"""Builders of Dense and of the sparse one of snn_toolbox."""

from __future__ import annotations

from collections.abc import Mapping

from snntk_core.ops import Array, Dense
from snntk_core.shapes import Shape
from snntk_keras.layers.activation import with_activation
from snntk_keras.model import Unsupported
from snntk_keras.translation import Builder, LayerCall, Tensor


def kernel_and_bias(call: LayerCall, shape: Shape, units: int) -> tuple[Array, Array | None]:
    """Return a layer's kernel, times its mask if it is a sparse layer, and its bias if it uses one."""
    biased = call.flag("use_bias", True)
    if not call.layer.kind.startswith("Sparse"):
        call.expect_arrays(1 + biased)
        return call.array(0, shape, "kernel"), call.array(1, (units,), "bias") if biased else None
    call.expect_arrays(2 + biased)
    names, arrays = call.variables.names, call.variables.arrays
    masks = [index for index, name in enumerate(names) if "mask" in name.rpartition("/")[2]]
    place = masks[0] if masks else next((i for i in range(1, len(arrays)) if arrays[i].shape == shape), 0)
    kernel = call.array(1 if place == 0 else 0, shape, "kernel") * call.array(place, shape, "mask")
    rest = [index for index in range(len(arrays)) if index not in (place, 1 if place == 0 else 0)]
    return kernel, call.array(rest[0], (units,), "bias") if biased else None


def _dense(call: LayerCall) -> Tensor:
    units = call.integer("units")
    if not call.input.shape:
        raise Unsupported("its input has no axes")
    kernel, bias = kernel_and_bias(call, (call.input.shape[-1], units), units)
    return with_activation(call, call.add(Dense(kernel, bias)))


DENSE: Mapping[str, Builder] = {"Dense": _dense, "Sparse": _dense}
"""Builders of dense layers."""
