"""The activations in torch; those with steps pass gradients as if they were not rounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snntk_core import (
    BinarySigmoid,
    BinaryTanh,
    ClippedRelu,
    Elu,
    FakeQuantize,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    LogSoftmax,
    PRelu,
    QuantizedRelu,
    Readout,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Swish,
    Tanh,
    ThresholdRelu,
)
from snntk_qat.torch_ops import Arrays, computed

if TYPE_CHECKING:
    from torch import Tensor


def straight(x: Tensor, value: Tensor) -> Tensor:
    """Return ``value`` with the gradient of ``x``."""
    return x + (value - x).detach()


@computed.register(Relu)
def _(op: Relu, arrays: Arrays, x: Tensor) -> Tensor:
    return x.relu()


@computed.register(ClippedRelu)
def _(op: ClippedRelu, arrays: Arrays, x: Tensor) -> Tensor:
    return x.maximum(arrays["lower"]).minimum(arrays["upper"])


@computed.register(LeakyRelu)
def _(op: LeakyRelu, arrays: Arrays, x: Tensor) -> Tensor:
    return x.where(x > 0, op.slope * x)


@computed.register(PRelu)
def _(op: PRelu, arrays: Arrays, x: Tensor) -> Tensor:
    return x.where(x > 0, arrays["slope"] * x)


@computed.register(Elu)
def _(op: Elu, arrays: Arrays, x: Tensor) -> Tensor:
    return x.where(x > 0, op.alpha * x.clamp(max=0).expm1())


@computed.register(Selu)
def _(op: Selu, arrays: Arrays, x: Tensor) -> Tensor:
    return op.gamma * x.where(x > 0, op.alpha * x.clamp(max=0).expm1())


@computed.register(Sigmoid)
def _(op: Sigmoid, arrays: Arrays, x: Tensor) -> Tensor:
    return x.sigmoid()


@computed.register(HardSigmoid)
def _(op: HardSigmoid, arrays: Arrays, x: Tensor) -> Tensor:
    return (op.alpha * x + op.beta).clamp(0, 1)


@computed.register(Tanh)
def _(op: Tanh, arrays: Arrays, x: Tensor) -> Tensor:
    return x.tanh()


@computed.register(Softplus)
def _(op: Softplus, arrays: Arrays, x: Tensor) -> Tensor:
    return op.scale * (x / op.scale).logaddexp(x.new_zeros(()))


@computed.register(Softsign)
def _(op: Softsign, arrays: Arrays, x: Tensor) -> Tensor:
    return x / (1 + x.abs())


@computed.register(Swish)
def _(op: Swish, arrays: Arrays, x: Tensor) -> Tensor:
    return x * (op.beta * x).sigmoid()


@computed.register(HardSwish)
def _(op: HardSwish, arrays: Arrays, x: Tensor) -> Tensor:
    return x * (x + 3).clamp(0, 6) / 6


@computed.register(Gelu)
def _(op: Gelu, arrays: Arrays, x: Tensor) -> Tensor:
    from torch.nn import functional

    return functional.gelu(x, approximate="tanh" if op.approximate else "none")


@computed.register(ThresholdRelu)
def _(op: ThresholdRelu, arrays: Arrays, x: Tensor) -> Tensor:
    return (x if op.upper is None else x.clamp(max=op.upper)).where(x >= op.threshold, x.new_zeros(()))


@computed.register(QuantizedRelu)
def _(op: QuantizedRelu, arrays: Arrays, x: Tensor) -> Tensor:
    step = arrays["step"]
    if op.rounding == "half-down":
        codes = (x - step / 2) / step
        codes = straight(codes, codes.ceil())
    else:
        codes = straight(x / step, (x / step).round())
    return step * codes.clamp(0, op.levels)


@computed.register(FakeQuantize)
def _(op: FakeQuantize, arrays: Arrays, x: Tensor) -> Tensor:
    step = arrays["step"]
    return step * straight(x / step, (x / step).round()).clamp(op.lowest, op.highest)


@computed.register(BinarySigmoid)
def _(op: BinarySigmoid, arrays: Arrays, x: Tensor) -> Tensor:
    return straight(((x + 1) / 2).clamp(0, 1), (x > 0).to(x.dtype))


@computed.register(BinaryTanh)
def _(op: BinaryTanh, arrays: Arrays, x: Tensor) -> Tensor:
    return straight(x.clamp(-1, 1), 2 * (x > 0).to(x.dtype) - 1)


@computed.register(Softmax)
@computed.register(LogSoftmax)
def _(op: Any, arrays: Arrays, x: Tensor) -> Tensor:
    axis = op.axis if op.axis < 0 else op.axis + 1
    return x.softmax(dim=axis) if isinstance(op, Softmax) else x.log_softmax(dim=axis)


@computed.register(Readout)  # a recipe has one before the network is quantized
def _(op: Readout, arrays: Arrays, x: Tensor) -> Tensor:
    links = {"softmax": lambda: x.softmax(dim=-1), "log-softmax": lambda: x.log_softmax(dim=-1)}
    return {"sigmoid": x.sigmoid, "tanh": x.tanh, "identity": lambda: x, **links}[op.link]()
