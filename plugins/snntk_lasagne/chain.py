"""An architecture from the saved arrays alone, where shapes leave one reading: Dense layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from snntk_core.ops import Array
from snntk_lasagne.layers import Call, Nonlinearity, call_layer
from snntk_lasagne.refusal import Refused

WAY_OUT = "give the architecture beside it, as a .toml specification or the script with build_network()"


def read_chain(arrays: Sequence[Array]) -> Call:
    """Return the last of the Dense layers that ``arrays`` belong to.

    Shapes do not say a nonlinearity: every layer but the last has Lasagne's default, rectify, and the last none, which
    changes no decision.  Raises `Refused` where shapes leave several readings, or none.
    """
    shapes = [array.shape for array in arrays]
    if not shapes or len(shapes[0]) != 2:
        first = f"begin with {shapes[0]}" if shapes else "are none"
        convolution = bool(shapes) and len(shapes[0]) > 2
        silent = "; a convolution's shape does not say its padding, stride and pooling" if convolution else ""
        raise Refused(f"its shapes do not form a chain of Dense layers, they {first}{silent}")
    widths, biases = [shapes[0][0]], []
    for index, shape in enumerate(shapes):
        if len(shape) == 2 and shape[0] == widths[-1]:
            widths.append(shape[1])
            biases.append(False)
        elif len(shape) == 1 and shape == (widths[-1],) and not biases[-1]:
            biases[-1] = True
        else:
            raise Refused(f"its shapes leave no single reading: array {index} has {shape} after {shapes[index - 1]}")
    last = call_layer("InputLayer", [(None, widths[0])], {}, "input")
    for number, (units, bias) in enumerate(zip(widths[1:], biases, strict=True), 1):
        options = {} if bias else {"b": None}
        nonlinearity = Nonlinearity("linear" if number == len(biases) else "rectify")
        last = call_layer("DenseLayer", [last, units], {"nonlinearity": nonlinearity, **options}, f"layer {number}")
    return last
