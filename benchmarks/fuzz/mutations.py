"""What can go wrong with a file: damage to its bytes, and lies in its structure that keep its checksums right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import archives
import pickles
import protobuf
import trees
from numpy.random import Generator

Mutation = Callable[[bytes, Generator, str], bytes]
"""From the content of a file, a generator and the path that a payload would create, to the mutated content."""

NUMBERS: Sequence[Any] = (
    0, -1, 1, 2, 3, 7, 1 << 16, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63, 1 << 70, -(1 << 31),
    0.5, 1e308, -1e-308, float("nan"), float("inf"),
)  # fmt: skip
VALUES: Sequence[Any] = (
    *NUMBERS, None, True, "", "words", "x" * 100_000, "../../x", "two\nlines\x1b[31m", [], {}, [[]], [1, "a"],
    [1 << 40] * 3, {"a": 1},
)  # fmt: skip
DEPTH = 5_000


def picked(items: Sequence[Any], random: Generator) -> Any:
    """Return one of the items."""
    return items[int(random.integers(len(items)))]


def damaged(content: bytes, random: Generator, target: str = "") -> bytes:
    """Return the bytes with flipped bits, cut, filled, with numbers in them, or with parts moved, doubled or gone."""
    size = len(content)
    if not size:
        return random.bytes(int(random.integers(1, 64)))
    start, other = (int(random.integers(size)) for _ in range(2))
    part = slice(
        start, start + int(random.integers(1, min(size, 1 + max(4, size // int(2 ** random.integers(1, 9)))) + 1))
    )
    changed, kind = bytearray(content), int(random.integers(10))
    if kind <= 2:
        for _ in range(int(random.integers(1, 9))):
            changed[int(random.integers(size))] ^= 1 << int(random.integers(8))
    elif kind == 3:
        del changed[start:]
    elif kind == 4:
        changed[part] = bytes([picked((0, 0xFF, 0x80, 0x7F), random)]) * len(changed[part])
    elif kind == 5:
        width = picked((1, 2, 4, 8), random)
        number = int(picked([n for n in NUMBERS if isinstance(n, int)], random)) & ((1 << 8 * width) - 1)
        changed[start : start + width] = number.to_bytes(width, picked(("little", "big"), random))
    elif kind == 6:
        del changed[part]
    elif kind == 7:
        changed[other:other] = changed[part]
    elif kind == 8:
        changed[other:other] = random.bytes(int(random.integers(1, 64)))
    else:
        changed[part], changed[other : other + 16] = changed[other : other + 16], changed[part]
    return bytes(changed)


def described(content: bytes, random: Generator, target: str) -> bytes:
    """Return a JSON document with absurd values, keys gone or swapped, layers that would run code, or deep nesting."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return damaged(content, random)
    if random.random() < 0.03:
        deep = picked(("[", '{"a":'), random) * DEPTH * picked((1, 20), random)
        return content.replace(picked((b"null", b"1", b"true", b"3"), random), deep.encode(), 1)
    for _ in range(int(random.integers(1, 4))):
        _change(document, random, target)
    return json.dumps(document).encode()


def _change(document: Any, random: Generator, target: str) -> None:
    places = [
        (holder, key)
        for holder in _holders(document)
        for key in (holder if isinstance(holder, dict) else range(len(holder)))
    ]
    if not places:
        return
    holder, key = picked(places, random)
    kind = int(random.integers(10))
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other, name = picked(places, random)
        holder[key], other[name] = other[name], holder[key]
    elif kind == 2 and isinstance(holder, list):
        holder[key:key] = [holder[key]] * picked((1, 3, 1000), random)
    elif kind == 3 and isinstance(holder, dict):
        holder[picked(("x", "", "__class__", "a\nb"), random)] = holder.pop(key)
    elif kind == 4 and isinstance(holder.get("config") if isinstance(holder, dict) else None, dict):
        holder.update({"class_name": "Lambda", "module": "keras.layers"})
        holder["config"] = {"name": "run", "function": pickles.function(target), "function_type": "lambda"}
    elif isinstance(holder[key], list) and all(isinstance(item, int) for item in holder[key]):
        holder[key] = [picked(NUMBERS, random) for _ in range(int(random.integers(0, 6)))]
    else:
        holder[key] = picked(NUMBERS if isinstance(holder[key], int | float) else VALUES, random)


def _holders(document: Any) -> list[Any]:
    found, stack = [], [document]
    while stack:
        item = stack.pop()
        if isinstance(item, dict | list):
            found.append(item)
            stack += item.values() if isinstance(item, dict) else item
    return found


def written(content: bytes, random: Generator, target: str) -> bytes:
    """Return a text with absurd numbers, lines moved, doubled or gone, deep nesting, and lines that would run code."""
    text = content.decode(errors="replace")
    numbers, words = list(re.finditer(r"-?\d+\.?\d*", text)), list(re.finditer(r"[A-Za-z_]\w*", text))
    lines = text.splitlines(keepends=True)
    kind = int(random.integers(8))
    if kind <= 2 and numbers:
        found, value = picked(numbers, random), picked(NUMBERS, random)
        text = f"{text[: found.start()]}{value}{text[found.end() :]}"
    elif kind == 3 and words:
        found, other = picked(words, random), picked(words, random)
        text = text[: found.start()] + other[0] + text[found.end() :]
    elif kind == 4 and lines:
        first, second = (int(random.integers(len(lines))) for _ in range(2))
        lines[first], lines[second] = lines[second], picked((lines[first], "", lines[second] * 200), random)
        text = "".join(lines)
    elif kind == 5 and lines:
        del lines[int(random.integers(len(lines)))]
        text = "".join(lines)
    elif kind == 6:
        place, nested = (
            picked(words, random).end() if words else 0,
            picked(("(", "[", "{", "layer {", "-", "a."), random),
        )
        text = text[:place] + nested * DEPTH + text[place:]
    elif lines:
        place = int(random.integers(len(lines)))
        indent = re.match(r"\s*", lines[place])
        code = f"{indent[0] if indent else ''}{picked(pickles.lines(target), random)}\n"
        text = "".join([*lines[:place], code, *lines[place:]])
    return text.encode(errors="replace")


def _inside(content: bytes, name: str, random: Generator, target: str) -> bytes:
    return mutated(content, name, random, target)


def _archive(content: bytes, random: Generator, target: str) -> bytes:
    return archives.mutated(content, random, target, _inside)


def _tree(content: bytes, random: Generator, target: str) -> bytes:
    return trees.mutated(content, random, lambda text: described(text, random, target))


def _message(content: bytes, random: Generator, target: str) -> bytes:
    return protobuf.mutated(content, random, damaged)


STRUCTURES: Mapping[str, Mutation] = {
    ".keras": _archive, ".pt2": _archive, ".pt": _archive, ".npz": _archive, ".snntk": _archive,
    ".pth": _archive, ".h5": _tree, ".nir": _tree, ".json": described, ".onnx": _message, ".caffemodel": _message,
    ".prototxt": written, ".py": written, ".toml": written, ".pkl": pickles.mutated,
}  # fmt: skip
"""How a file's structure is changed, by the end of its name."""


def mutated(content: bytes, name: str, random: Generator, target: str) -> bytes:
    """Return the mutated content of a file.  ``target``: what a payload in it would create."""
    suffix = name[name.rfind(".") :].lower()
    structure = STRUCTURES.get(suffix)
    if structure is None or random.random() < 0.3:
        return damaged(content, random)
    try:
        return structure(content, random, target)
    except Exception:  # the file is a negative seed, or of a kind that its name does not tell
        return damaged(content, random)
