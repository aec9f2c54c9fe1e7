"""Texts of variable length in an HDF5 file, read without the HDF5 library.

The library allocates whatever a text claims to be, and goes round forever in a heap whose free space claims no bytes.
Here each length is checked against the file first.  Source: HDF5 file format specification, version 3, section III.E.
"""

from __future__ import annotations

from snntk_nir.refusal import Refused

SIGNATURE = b"GCOL\x01\0\0\0"
HEADER, OBJECT = 16, 16  # bytes before the objects of a heap, and before the data of an object
REFERENCE = 16  # bytes that stand for one text: its length, the address of its heap, and its index there
DAMAGED = "it is not an HDF5 file, or it is damaged"


class Heaps:
    """The global heaps of a file, each walked once."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.heaps: dict[int, dict[int, tuple[int, int]]] = {}

    def texts(self, offset: int, count: int) -> list[str]:
        """Return ``count`` texts whose references begin at ``offset``."""
        if not 0 <= offset <= offset + count * REFERENCE <= len(self.content):
            raise Refused(DAMAGED)
        places = range(offset, offset + count * REFERENCE, REFERENCE)
        return [self._text(self.content[place : place + REFERENCE]) for place in places]

    def _text(self, reference: bytes) -> str:
        length, address, index = (int.from_bytes(part, "little") for part in _parts(reference))
        if not length:
            return ""
        if address not in self.heaps:
            self.heaps[address] = self._objects(address)
        start, size = self.heaps[address].get(index, (0, -1))
        if length > size:
            raise Refused(DAMAGED)
        return self.content[start : start + length].decode(errors="replace")

    def _objects(self, address: int) -> dict[int, tuple[int, int]]:
        """Return where the data of each object of a heap begins, and how long it is."""
        head = self.content[address : address + HEADER]
        end = address + int.from_bytes(head[8:], "little")
        if not head.startswith(SIGNATURE) or end > len(self.content):
            raise Refused(DAMAGED)
        found: dict[int, tuple[int, int]] = {}
        place = address + HEADER
        while end - place >= OBJECT:
            index = int.from_bytes(self.content[place : place + 2], "little")
            size = int.from_bytes(self.content[place + 8 : place + OBJECT], "little")
            if not index:
                break
            if place + OBJECT + size > end:
                raise Refused(DAMAGED)
            found[index] = (place + OBJECT, size)
            place += OBJECT + -(-size // 8) * 8
        return found


def _parts(reference: bytes) -> tuple[bytes, bytes, bytes]:
    return reference[:4], reference[4:12], reference[12:]
