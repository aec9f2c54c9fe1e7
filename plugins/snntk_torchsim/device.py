"""Where to compute, and arithmetic that rounds as float32 does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from snntk_core import Array
from snntk_core.errors import OptionError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def chosen_device(name: str) -> torch.device:
    """Return the device of the option ``device``; raises `OptionError` for a GPU that torch does not find."""
    import torch

    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        build = f"torch {torch.__version__} finds no GPU here"
        raise OptionError([f"torch: device 'cuda' was asked for, but {build}. Say device 'cpu' or 'auto'."])
    return torch.device("cuda" if found and name != "cpu" else "cpu")


@contextmanager
def float32() -> Iterator[None]:
    """Turn off what trades precision for speed, in torch's settings of the process, and put them back.

    That is TF32 and bfloat16 inside of products, and convolutions by transforms, which round numbers that a sum of
    products leaves exact.
    """
    import torch

    precision, convolution = torch.get_float32_matmul_precision(), torch.backends.mkldnn.conv
    before = getattr(convolution, "fp32_precision", None)  # since torch 2.9
    torch.set_float32_matmul_precision("highest")
    try:
        if before is not None:
            convolution.fp32_precision = "ieee"
        with (
            torch.backends.nnpack.flags(enabled=False),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        if before is not None:
            convolution.fp32_precision = before


def tensor(array: Array, device: torch.device) -> Tensor:
    """Return an array as a float32 tensor of its own on a device.

    Its memory is in the order of its axes: torch 2.13 computes grouped transposed convolutions wrongly where that of
    the weights is in another.
    """
    import numpy as np
    import torch

    return torch.from_numpy(np.array(array, np.float32, order="C")).to(device)
