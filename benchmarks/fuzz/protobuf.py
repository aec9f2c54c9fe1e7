"""Messages in protobuf's encoding, changed field by field without knowing what the fields mean."""

from __future__ import annotations

from collections.abc import Callable

from numpy.random import Generator

INTEGERS = (
    0,
    1,
    2,
    3,
    5,
    16,
    127,
    255,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)
LARGEST = 1 << 16  # of bytes that may be a message themselves
DEPTH = 2_000
Field = tuple[int, int, int | bytes]
"""Number, wire type, and the value."""


def read(content: bytes) -> list[Field] | None:
    """Return the fields of a message; None where the bytes are not one."""
    fields: list[Field] = []
    place = 0
    while place < len(content):
        tag, place = _varint(content, place)
        kind = tag & 7
        if not tag >> 3 or kind not in (0, 1, 2, 5) or place < 0:
            return None
        if kind == 0:
            value, place = _varint(content, place)
            if place < 0:
                return None
            fields.append((tag >> 3, kind, value))
            continue
        length = {1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            length, place = _varint(content, place)
        if place < 0 or place + length > len(content):
            return None
        fields.append((tag >> 3, kind, content[place : place + length]))
        place += length
    return fields


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(content):
            return 0, -1
        value |= (content[place] & 0x7F) << shift
        place += 1
        if content[place - 1] < 0x80:
            return value, place
    return 0, -1


def written(fields: list[Field]) -> bytes:
    """Return the bytes of a message."""
    out = bytearray()
    for number, kind, value in fields:
        out += _bytes(number << 3 | kind)
        if isinstance(value, int):
            out += _bytes(value)
        else:
            out += (_bytes(len(value)) if kind == 2 else b"") + value
    return bytes(out)


def _bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def mutated(content: bytes, random: Generator, damaged: Callable[[bytes, Generator], bytes]) -> bytes:
    """Return a message with one to three fields changed, somewhere in its tree; ``damaged`` changes plain bytes."""
    for _ in range(int(random.integers(1, 4))):
        content = _changed(content, random, damaged, 0)
    return content


def _changed(content: bytes, random: Generator, damaged: Callable[[bytes, Generator], bytes], depth: int) -> bytes:
    fields = read(content)
    if not fields:
        return damaged(content, random)
    index = int(random.integers(len(fields)))
    number, kind, value = fields[index]
    inner = isinstance(value, bytes) and kind == 2 and (depth == 0 or len(value) < LARGEST) and bool(read(value))
    if inner and isinstance(value, bytes) and random.random() < 0.85:
        fields[index] = (number, kind, _changed(value, random, damaged, depth + 1))
        return written(fields)
    change, other = int(random.integers(7)), int(random.integers(len(fields)))
    if change == 0:
        del fields[index]
    elif change == 1:
        fields[index:index] = [fields[index]] * (1 if random.random() < 0.8 else 300)
    elif change == 2:
        fields[index], fields[other] = fields[other], fields[index]
    elif change == 3 and fields[other][1] == kind:
        fields[index] = (number, kind, fields[other][2])
    elif isinstance(value, int):
        fields[index] = (number, kind, INTEGERS[int(random.integers(len(INTEGERS)))])
    elif change == 4 and kind == 2:
        fields[index] = (number, kind, (b"", b"x" * 100_000, b"..", b"\xff\xfe", b"a\nb")[int(random.integers(5))])
    elif change == 5 and kind == 2 and random.random() < 0.2:
        for _ in range(DEPTH):
            value = written([(number, kind, value)])
        fields[index] = (number, kind, value)
    else:
        fields[index] = (
            number,
            kind,
            damaged(value, random)[: len(value) if kind != 2 else None].ljust(len(value) if kind != 2 else 0, b"\0"),
        )
    return written(fields)
