"""Zip archives with members that are swapped, gone, renamed, replaced by bombs, or lie about their sizes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pickles
from numpy.random import Generator

GIANT = 3 << 29
ABSURD = (0, 1, 0x7FFFFFFF, 0xFFFFFFFE)
NAMES = ("../outside", "/outside", "C:\\outside", "a\nb", "", "x" * 1000, "arr_999999.npy", "graph.json", "config.json")


@dataclass(frozen=True)
class Member:
    """A member as it is stored: the bytes, how they are compressed, and what the directory says of them."""

    name: str
    data: bytes
    method: int = 0
    size: int = 0
    crc: int = 0
    stored_size: int | None = None


def mutated(
    content: bytes, random: Generator, target: str, inside: Callable[[bytes, str, Generator, str], bytes]
) -> bytes:
    """Return an archive with one thing wrong; ``inside`` mutates the content of a member by its name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [_plain(info.filename, archive.read(info)) for info in archive.infolist()]
    index, other = (int(random.integers(len(members))) for _ in range(2))
    member, kind = members[index], int(random.integers(16))
    if kind == 0:
        del members[index]
    elif kind == 1:
        members[index], members[other] = (
            _plain(member.name, members[other].data),
            _plain(members[other].name, member.data),
        )
    elif kind == 2:
        members[index] = replace(member, name=NAMES[int(random.integers(len(NAMES)))])
    elif kind == 3:
        members.append(_plain(member.name, inside(member.data, member.name, random, target)))
    elif kind == 4:
        members[index] = bomb(member.name)
    elif kind == 5:
        members[index] = replace(member, size=ABSURD[int(random.integers(len(ABSURD)))])
    elif kind == 6:
        members[index] = replace(member, stored_size=ABSURD[int(random.integers(len(ABSURD)))])
    elif kind == 7:
        members[index] = replace(member, crc=member.crc ^ 1, method=int(random.integers(0, 100)))
    elif kind == 8:
        members[index] = _plain(member.name, pickles.payload(target, random))
    elif kind == 9:
        members += [replace(member, name=f"{member.name}{number}") for number in range(2000)]
    else:
        members[index] = _plain(member.name, inside(member.data, member.name, random, target))
    return zipped(members)


def _plain(name: str, data: bytes) -> Member:
    return Member(name, data, 0, len(data), zlib.crc32(data))


def bomb(name: str) -> Member:
    """Return a member of a few MB that expands to 1.5 GiB of zeros; its sum is not right, which is known at its end."""
    return Member(name, zeros(GIANT, -15), 8, GIANT)


def zeros(size: int, bits: int) -> bytes:
    """Return zeros as zlib packs them, but for the sum at the end; ``bits`` below zero leave its header out."""
    part = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = part.compress(bytes(1 << 20)) + part.flush(zlib.Z_FULL_FLUSH)
    packed = block * (size >> 20) + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    return packed if bits < 0 else b"\x78\xda" + packed + bytes(4)


def zipped(members: Sequence[Member]) -> bytes:
    """Return the archive, with what the members say of themselves."""
    out, directory = io.BytesIO(), io.BytesIO()
    for member in members:
        name, place = member.name.encode(errors="replace"), out.tell()
        stored = len(member.data) if member.stored_size is None else member.stored_size
        facts = struct.pack(
            "<HHHHHIIIHH", 20, 0x800, member.method, 0, 33, member.crc, stored, member.size, len(name), 0
        )
        out.write(b"PK\x03\x04" + facts + name + member.data)
        directory.write(b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, place) + name)
    index, count = directory.getvalue(), min(len(members), 0xFFFF)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(index), out.tell(), 0)
    return out.getvalue() + index + end
