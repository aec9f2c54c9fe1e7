"""HDF5 files with members that are gone, swapped, of another type, without end, elsewhere or inside themselves."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import archives
import h5py
import numpy as np
from numpy.random import Generator

DEPTH = 300


def mutated(content: bytes, random: Generator, described: Callable[[bytes], bytes]) -> bytes:
    """Return a file with one or two things wrong; ``described`` changes the JSON documents in its attributes."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        for _ in range(int(random.integers(1, 3))):
            members = _members(file)
            owners = [file, *members.values()]
            attributes = [(owner, key) for owner in owners for key in owner.attrs]
            if attributes and random.random() < 0.45:
                _change_attribute(*attributes[int(random.integers(len(attributes)))], random, described)
            elif members:
                _change_member(file, members, random)
    return buffer.getvalue()


def _change_attribute(owner: Any, key: str, random: Generator, described: Callable[[bytes], bytes]) -> None:
    value, kind = owner.attrs[key], int(random.integers(10))
    text = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else b""
    if kind == 0:
        del owner.attrs[key]
    elif text[:1] in (b"{", b"["):
        owner.attrs[key] = np.bytes_(described(text)) if kind < 8 else text[: int(random.integers(len(text)))]
    elif kind <= 3 and isinstance(value, np.ndarray) and value.size:
        items = value.reshape(-1).copy()
        items[int(random.integers(items.size))] = items[int(random.integers(items.size))]
        owner.attrs[key] = items[: items.size - int(kind == 3)] if kind > 1 else np.tile(items, 50)
    else:
        odd = (
            0,
            -1,
            1 << 62,
            1.5,
            "words",
            b"\xff\xfe",
            "",
            np.zeros(0),
            np.zeros((2, 2)),
            [b"a", b"b"],
            h5py.Empty("f4"),
        )
        chosen: Any = odd[int(random.integers(len(odd)))]
        owner.attrs[key] = chosen


def _members(file: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    file.visititems(lambda name, item: found.update({name: item}))
    return found


def _change_member(file: Any, members: dict[str, Any], random: Generator) -> None:
    names, arrays = list(members), [name for name, item in members.items() if isinstance(item, h5py.Dataset)]
    name = str((arrays if arrays and random.random() < 0.8 else names)[int(random.integers(len(arrays or names)))])
    other = names[int(random.integers(len(names)))]
    kind = int(random.integers(15))
    held = members[name]
    shape = held.shape if isinstance(held, h5py.Dataset) else (3,)
    if kind == 0:
        del file[name]
    elif kind == 1 and not (name.startswith(other) or other.startswith(name)):
        file.move(name, "swapped")
        file.move(other, name)
        file.move("swapped", other)
    elif kind == 2:
        file.move(name, f"{name}{('x', '/y', ' ', '.1')[int(random.integers(4))]}")
    elif kind == 3:
        del file[name]
        file[name] = (h5py.SoftLink("/" + name), h5py.SoftLink("/nowhere"), h5py.ExternalLink("other.h5", "/x"),
                      h5py.ExternalLink("/etc/hostname", "/"))[int(random.integers(4))]  # fmt: skip
    elif kind == 4:
        holder = held if isinstance(held, h5py.Group) else held.parent
        holder["again"] = file["/"]
    elif kind == 5:
        inner = file
        for _ in range(DEPTH):
            inner = inner.create_group("g")
    else:
        del file[name]
        _create(file, name, shape or (), kind, random)


def _create(file: Any, name: str, shape: tuple[int, ...], kind: int, random: Generator) -> None:
    if kind == 6:  # nothing is allocated: a reader sees zeros
        length = (1 << 28, 1 << 40, 1 << 62)[int(random.integers(3))]
        file.create_dataset(
            name, (length,), "f4", chunks=(1 << 12,), compression=(None, "gzip")[int(random.integers(2))]
        )
    elif kind == 7:
        rank = max(1, len(shape))
        file.create_dataset(name, (1 << 14,) * rank, "f4", chunks=(4,) * rank)
    elif kind == 8:
        file.create_dataset(name, data=random.normal(size=[*shape, 2][int(random.integers(2)) :]).astype("f4"))
    elif kind == 9:
        types: tuple[Any, ...] = ("f8", "f2", "i8", "u1", "?", "c8", "S4", h5py.string_dtype(), h5py.ref_dtype,
                                  h5py.vlen_dtype("f4"), [("a", "f4")], h5py.enum_dtype({"a": 1}))  # fmt: skip
        file.create_dataset(name, shape, types[int(random.integers(len(types)))])
    elif kind == 10:
        file.create_dataset(name, data=np.full(shape, (np.nan, np.inf, 1e38, -1e38)[int(random.integers(4))], "f4"))
    elif kind == 11:
        file.create_dataset(name, (max(1, int(np.prod(shape))),), "u1", external=[("/etc/hostname", 0, 1 << 20)])
    elif kind == 14:  # a piece of 2 GiB that is packed into 2 MB holds three numbers
        made = file.create_dataset(name, (3,), "f4", maxshape=(None,), chunks=(1 << 29,), compression="gzip")
        made.id.write_direct_chunk((0,), archives.zeros(2 << 30, 15))
    elif kind == 12:
        layout = h5py.VirtualLayout(shape or (1,), "f4")
        layout[...] = h5py.VirtualSource("/etc/hostname", "x", shape or (1,))
        file.create_virtual_dataset(name, layout)
    else:
        file.create_dataset(name, data=json.dumps({"a": [1]}) if random.random() < 0.5 else h5py.Empty("f4"))
