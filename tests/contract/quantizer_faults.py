"""Components that break what quantizers promise, one way each; with the check that must catch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sound_components as sound
from sound_components import mutant

from snntk_core import (
    NumberFormat,
)


def format_of(chosen: Callable[[Any, np.ndarray], Any]) -> Callable[[], Any]:
    """Return a quantizer that chooses the format by ``chosen(self, array)``."""
    return lambda: mutant(sound.LargestValue, format_for=lambda self, array, role, node: chosen(self, array))


def halved(self: Any, array: np.ndarray) -> NumberFormat:
    return NumberFormat(self.bits, np.abs(array).max(initial=1e-3) / 2 ** (self.bits - 1) / 2)


def upside_down(self: Any, array: np.ndarray) -> NumberFormat:
    bits = 10 - self.bits
    return NumberFormat(bits, np.abs(array).max(initial=1e-3) / (2 ** (bits - 1) - 1))


class ShiftedZero(NumberFormat):
    """A grid on which zero becomes a half step."""

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return ((codes + 0.5) * self.scale).astype(np.float32)


class LossyCodes(NumberFormat):
    """Codes that wander when decoded and encoded again."""

    def encode(self, values: np.ndarray) -> np.ndarray:
        return NumberFormat.encode(self, values) // 2


FAULTS: list[tuple[str, Callable[[], Any]]] = [
    ("check_formats_are_honored", format_of(lambda self, array: "int8")),
    ("check_formats_are_honored", format_of(lambda self, array: NumberFormat(8, np.ones(7), axis=-1))),
    ("check_codes_are_lossless", format_of(lambda self, array: LossyCodes(8, np.float32(0.01)))),
    ("check_quantizing_twice_equals_once", format_of(halved)),
    ("check_more_bits_do_not_hurt", format_of(upside_down)),
    ("check_zero_stays_zero", format_of(lambda self, array: ShiftedZero(8, np.float32(0.01)))),
    ("check_zero_stays_zero", format_of(lambda self, array: NumberFormat(8, np.abs(array).max() / 127))),
]
