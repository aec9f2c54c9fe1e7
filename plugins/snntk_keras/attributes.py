"""Attributes of an HDF5 object, read from its header.

libhdf5 allocates what a text of variable length claims to be, up to 4 GiB, and may never return from a damaged heap;
here every length is checked against the file first.  Layout: HDF5 File Format Specification, version 3.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from struct import unpack_from
from typing import Any

from snntk_keras.model import Unsupported

Content = bytes | mmap.mmap
ATTRIBUTE, CONTINUATION = 0x0C, 0x10
BLOCKS = 256  # of one object's header
TEXT, VARIABLE = 3, 9  # classes of types


@dataclass(frozen=True)
class _Attribute:
    name: str
    kind: int  # the class of its type
    width: int  # bytes of one element
    shape: tuple[int, ...]
    data: bytes


def attribute_texts(content: Content, address: int, name: str) -> tuple[str, ...] | None:
    """Return an attribute of the object at ``address`` as texts, one for a scalar; None if it has none of that name.

    Raises `Unsupported` for an attribute that is no text, or whose parts do not lie in the file.
    """
    try:
        found = next((item for item in _attributes(content, address) if item.name == name), None)
        return None if found is None else tuple(_texts(content, found))
    except (IndexError, ValueError, OverflowError, ArithmeticError) as error:
        raise Unsupported(f"its attribute {name} is damaged") from error
    except Exception as error:
        if type(error).__name__ == "error":  # struct.error: a field beyond the end of the file
            raise Unsupported(f"its attribute {name} is truncated") from error
        raise


def _attributes(content: Content, address: int) -> Iterator[_Attribute]:
    for kind, body in _messages(content, address):
        if kind == ATTRIBUTE:
            yield _decoded(body)


def _messages(content: Content, address: int) -> Iterator[tuple[int, bytes]]:
    """The messages of an object header of version 1 or 2, and of the blocks that continue it."""
    if content[address : address + 4] == b"OHDR":
        flags = content[address + 5]
        start = address + 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 1 << (flags & 3)
        size = int.from_bytes(content[start : start + width], "little")
        blocks, head = [(start + width, size)], 4 + 2 * bool(flags & 4)
    else:
        blocks, head = [(address + 16, unpack_from("<I", content, address + 8)[0])], 8
    for count, (start, size) in enumerate(blocks):
        if count > BLOCKS or not 0 <= start <= start + size <= len(content):
            raise ValueError
        block = content[start : start + size]
        place = 4 if block[:4] == b"OCHK" else 0
        while place + head <= len(block):
            if head == 8:
                kind, length = unpack_from("<HH", block, place)
            else:
                kind, length = unpack_from("<BH", block, place)
            body = block[place + head : place + head + length]
            if kind == CONTINUATION:
                blocks.append(unpack_from("<QQ", body))
            yield kind, body
            place += head + length


def _decoded(body: bytes) -> _Attribute:
    version, _, name_size, type_size, space_size = unpack_from("<BBHHH", body)
    place = 9 if version == 3 else 8
    step = (lambda size: -(-size // 8) * 8) if version == 1 else (lambda size: size)
    name = body[place : place + name_size].partition(b"\0")[0].decode("utf-8", errors="replace")
    place += step(name_size)
    kind, width = body[place] & 15, unpack_from("<I", body, place + 4)[0]
    place += step(type_size)
    space = body[place : place + space_size]
    place += step(space_size)
    rank, lead = space[1], 8 if space[0] == 1 else 4
    return _Attribute(name, kind, width, unpack_from(f"<{rank}Q", space, lead), body[place:])


def _texts(content: Content, attribute: _Attribute) -> Iterator[str]:
    count, width = prod(attribute.shape), attribute.width
    if count and (len(attribute.shape) > 1 or count * width > len(attribute.data) or width < 1):
        raise ValueError
    if count and attribute.kind not in (TEXT, VARIABLE):
        raise Unsupported(f"its attribute {attribute.name} is no text")
    for index in range(count):
        part = attribute.data[index * width : (index + 1) * width]
        text = _from_heap(content, part) if attribute.kind == VARIABLE else part
        yield text.rstrip(b"\0").decode("utf-8", errors="replace")


def _from_heap(content: Content, part: bytes) -> bytes:
    """A text of variable length: its length, the collection it lies in, and its number there."""
    length, address, number = unpack_from("<IQI", part)
    if not length:
        return b""
    if content[address : address + 4] != b"GCOL":
        raise ValueError
    end = address + unpack_from("<Q", content, address + 8)[0]
    place = address + 16
    while place + 16 <= min(end, len(content)):
        found, size = unpack_from("<H6xQ", content, place)
        if found == number and size >= length and place + 16 + length <= len(content):
            return bytes(content[place + 16 : place + 16 + length])
        if found in (0, number):  # what is left is free, or the text is longer than its place
            break
        place += 16 + -(-size // 8) * 8
    raise ValueError


def mapped(stream: Any) -> Content:
    """Return an open file's content without reading it."""
    return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
