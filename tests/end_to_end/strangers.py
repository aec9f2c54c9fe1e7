"""Networks made by strangers and the real images they are tested on; both lie outside the project, see SNNTK_SHARED."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

SEED = 7


@dataclass(frozen=True)
class Stranger:
    """A model file, its images and how it takes them: ``(x / 255 - mean) / deviation``, or ``x`` as it is."""

    folder: str
    images: str
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)
    full: float = 255.0


CIFAR = ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))
STRANGERS = {
    "cntk-mnist8": Stranger("cntk-mnist8", "mnist", full=1.0),
    "kanav99-lenet": Stranger("kanav99-lenet", "mnist"),
    "mab700-inception": Stranger("mab700-inception", "mnist", (0.1307,), (0.3081,)),
    "amandashi-resnet20": Stranger("amandashi-resnet20", "cifar10", *CIFAR),
}


def shared() -> Path:
    """Return the folder with models and data, or skip the test."""
    folder = os.environ.get("SNNTK_SHARED")
    if not folder:
        pytest.skip("SNNTK_SHARED does not name the folder with strangers' models and the data sets")
    return Path(folder)


@cache
def _split(images: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    spec = importlib.util.spec_from_file_location("load", shared() / "data" / "load.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x, y = getattr(module, images)(split)
    return x.reshape(*x.shape[:3], -1), y


def samples(stranger: Stranger, split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first test images, or training images drawn with a fixed seed: (n, channels, height, width)."""
    x, y = _split(stranger.images, split)
    index = np.arange(count) if split == "test" else np.random.default_rng(SEED).choice(len(x), count, replace=False)
    x = (x[index] / stranger.full - np.array(stranger.mean)) / np.array(stranger.deviation)
    return x.astype(np.float32).transpose(0, 3, 1, 2), y[index]


def model(stranger: Stranger) -> Path:
    """Return the path of the model file."""
    return next((shared() / "models" / "onnx" / stranger.folder).glob("*.onnx"))
