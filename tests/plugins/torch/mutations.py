"""Files of PyTorch, and what can go wrong with them: flipped bits, truncation, swapped and edited members."""

from __future__ import annotations

import io
import json
import warnings
import zipfile

import numpy as np
import torch
from torch import nn


def network() -> nn.Module:
    """Return a small network with most kinds of things in its file."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(), nn.Linear(27, 4), nn.Softmax(dim=1)).eval()


def files() -> dict[str, bytes]:
    """Return the network as each kind of file, by name."""
    module, example, found = network(), torch.zeros(2, 2, 6, 6), {}

    def kept(name, write):
        buffer = io.BytesIO()
        write(buffer)
        found[name] = buffer.getvalue()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        kept("program.pt2", lambda buffer: torch.export.save(program, buffer))
        kept("scripted.pt", lambda buffer: torch.jit.save(torch.jit.script(module), buffer))
        kept("traced.pt", lambda buffer: torch.jit.save(torch.jit.trace(module, example), buffer))
        kept("state.pth", lambda buffer: torch.save(module.state_dict(), buffer))
        kept("legacy.pth", lambda b: torch.save(module.state_dict(), b, _use_new_zipfile_serialization=False))
    return found


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def flipped(content: bytes, generator: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(generator.integers(1, 6))):
        changed[int(generator.integers(len(changed)))] ^= 1 << int(generator.integers(8))
    return bytes(changed)


def renumbered(content: bytes, generator: np.random.Generator) -> bytes:
    """Replace numbers of a JSON document by absurd ones, or values by values of another type."""
    odd = [0, -1, 1 << 40, 1 << 70, 0.5, None, "words", [], {}, True, [1, "a"]]

    def walk(item, depth=0):
        if isinstance(item, dict):
            return {key: walk(value) for key, value in item.items()}
        if isinstance(item, list):
            return [walk(value) for value in item]
        return odd[int(generator.integers(len(odd)))] if generator.random() < 0.004 else item

    return json.dumps(walk(json.loads(content))).encode()


def mutated(content: bytes, generator: np.random.Generator) -> bytes:
    """Return a file with one thing wrong in it; its checksums are right again where a member was changed."""
    kind = int(generator.integers(6)) if content[:4] == b"PK\x03\x04" else int(generator.integers(2))
    if kind == 0:
        return flipped(content, generator)
    if kind == 1:
        return content[: int(generator.integers(len(content)))]
    parts = members(content)
    names = list(parts)
    first, second = (names[int(generator.integers(len(names)))] for _ in range(2))
    described = [name for name in names if name.endswith((".json", ".pkl", ".py"))]
    if kind == 2:
        parts[first], parts[second] = parts[second], parts[first]
    elif kind == 3:
        del parts[first]
    else:
        name = described[int(generator.integers(len(described)))] if described and kind == 5 else first
        change = renumbered if name.endswith(".json") and generator.random() < 0.7 else flipped
        parts[name] = change(parts[name], generator) if parts[name] else b"\xff"
    return zipped(parts)
