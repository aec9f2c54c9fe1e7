"""Which of its two neighbors on the grid a weight is rounded to: learned, then improved one weight at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, pi

import numpy as np

from snntk_calibrate.squares import Squares
from snntk_core import Array

STRETCH, SHIFT = 1.2, 0.1  # of the sigmoid: it reaches zero and one
STEEPEST, FLATTEST = 20.0, 2.0  # beta of the regularization, from the first to the last iteration
WARM_UP = 0.2  # share of the iterations without regularization
BLOCK = 64  # inputs between two updates of all slopes
DAMPING = 0.01  # of the mean square input: added, so that few samples do not decide everything


@dataclass(frozen=True)
class Learning:
    """How long, how fast and how hard the rounding is pushed to the grid."""

    iterations: int
    rate: float
    regularization: float
    sweeps: int
    seed: int


@dataclass(frozen=True, eq=False)
class Choice:
    """Weights as codes, ``low`` or ``high``, as matrices (groups, width, outputs), in steps of the same shape."""

    weight: Array
    step: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, weight: Array, step: Array, lowest: int, highest: int) -> Choice:
        """Return the neighbors of each weight, as far as there are such codes."""
        low = np.floor(weight / step)
        return cls(weight, step, np.clip(low, lowest, highest), np.clip(low + 1, lowest, highest))

    def moves(self, codes: Array) -> Array:
        """Return how far codes are from the weights."""
        return np.asarray(codes * self.step - self.weight)


def rounded(choice: Choice, squares: Squares, nearest: Array, learning: Learning) -> Array:
    """Return codes whose error is for no output above that of the ``nearest`` ones."""
    damped = _damped(squares)
    found = _improved(choice, damped, _learned(choice, damped, nearest, learning), learning.sweeps)
    better = squares.error(choice.moves(found)) < squares.error(choice.moves(nearest))
    return np.where(better[:, None], found, nearest)


def _damped(squares: Squares) -> Squares:
    width = squares.gram.shape[-1]
    mean = np.trace(squares.gram, axis1=1, axis2=2) / width
    return replace(squares, gram=squares.gram + DAMPING * mean[:, None, None] * np.eye(width))


def _learned(choice: Choice, squares: Squares, nearest: Array, learning: Learning) -> Array:
    """Minimize ``E + lambda * sum(1 - |2h - 1|^beta)`` over ``h = clip(1.2 * sigmoid(a) - 0.1, 0, 1)`` with Adam.

    The errors are relative to the mean one of nearest rounding, so that ``lambda`` means the same in any layer.
    """
    import torch

    reference = float(squares.error(choice.moves(nearest)).sum()) / max(nearest.size, 1)
    if not reference > 0:
        return nearest
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(learning.seed)
        gram, cross, step, weight, low, high = (
            torch.from_numpy(np.ascontiguousarray(array, np.float32))
            for array in (
                *(squares.gram / reference, squares.cross / reference),
                *(choice.step, choice.weight, choice.low, choice.high),
            )
        )
        share = (weight / step - low).clamp(0, 1)
        slope = (-torch.log(STRETCH / (share + SHIFT) - 1)).requires_grad_()
        optimizer = torch.optim.Adam([slope], lr=learning.rate)
        for iteration in range(learning.iterations):
            soft = (torch.sigmoid(slope) * STRETCH - SHIFT).clamp(0, 1)
            moves = torch.minimum(low + soft, high) * step - weight
            error = (moves * (gram @ moves - 2 * cross)).sum()
            push = (1 - (2 * soft - 1).abs() ** beta(iteration, learning.iterations)).sum()
            if iteration and not push.item() > 0:
                break
            warm = iteration < WARM_UP * learning.iterations
            optimizer.zero_grad()
            (error if warm else error + learning.regularization * push).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        up = (slope.detach() >= 0).numpy()
    return np.where(up, choice.high, choice.low)


def beta(iteration: int, iterations: int) -> float:
    """Return the exponent of the regularization, which falls from 20 to 2 along half a cosine."""
    return FLATTEST + (STEEPEST - FLATTEST) * 0.5 * (1 + cos(pi * iteration / max(iterations, 1)))


def _improved(choice: Choice, squares: Squares, codes: Array, sweeps: int) -> Array:
    """Move each weight to its other neighbor where that lowers the error, input by input for all outputs at once."""
    codes, step = codes.copy(), np.broadcast_to(choice.step, codes.shape)
    slope = squares.gram @ choice.moves(codes) - squares.cross
    for _ in range(sweeps):
        before = codes.copy()
        for start in range(0, codes.shape[1], BLOCK):
            inside = slice(start, start + BLOCK)
            moved = _improved_block(choice, squares.gram[:, inside, inside], slope[:, inside], codes, step, inside)
            slope += squares.gram[:, :, inside] @ moved
        if np.array_equal(before, codes):
            break
    return codes


def _improved_block(choice: Choice, gram: Array, slope: Array, codes: Array, step: Array, inside: slice) -> Array:
    """Improve ``codes`` in some inputs, in place, and return how far the weights moved there."""
    low, high, own, step = choice.low[:, inside], choice.high[:, inside], codes[:, inside], step[:, inside]
    slope, moved = slope.copy(), np.zeros_like(slope)
    for index in range(own.shape[1]):
        other = low[:, index] + high[:, index] - own[:, index]
        move = (other - own[:, index]) * step[:, index]
        gains = move * (2 * slope[:, index] + gram[:, index, index, None] * move) < 0
        move = np.where(gains, move, 0.0)
        own[:, index] = np.where(gains, other, own[:, index])
        slope += gram[:, :, index, None] * move[:, None]
        moved[:, index] = move
    return moved
