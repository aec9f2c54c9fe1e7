"""Where to compute, and arithmetic that rounds as float32 does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
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


class Shared:
    """Settings of the whole process that overlapping blocks share: what was before returns when the last of them ends.

    ``settings``: a block that changes them and puts them back.
    """

    def __init__(self, settings: Callable[[], AbstractContextManager[None]]) -> None:
        self.settings, self.lock, self.users = settings, Lock(), 0
        self.held: AbstractContextManager[None] | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Change the settings for a block."""
        with self.lock:
            if not self.users:
                self.held = self.settings()
                self.held.__enter__()
            self.users += 1
        try:
            yield
        finally:
            with self.lock:
                self.users -= 1
                if not self.users and self.held is not None:
                    self.held.__exit__(None, None, None)
                    self.held = None


@contextmanager
def _float32() -> Iterator[None]:
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


float32 = Shared(_float32)
"""A block in which float32 is not traded for speed."""


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Give torch ``count`` threads for a block; every thread of Python has a number of its own."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def tensor(array: Array, device: torch.device) -> Tensor:
    """Return an array as a float32 tensor of its own on a device.

    Its memory is in the order of its axes: torch 2.13 computes grouped transposed convolutions wrongly where that of
    the weights is in another.
    """
    import numpy as np
    import torch

    return torch.from_numpy(np.array(array, np.float32, order="C")).to(device)
