"""Zip archives as PyTorch writes them: stored but for code, checked, and never much larger than the file."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from snntk_core import ParseError
from snntk_torch.refusal import printable

MEMBERS = 1 << 17
COMPRESSED = 64 << 20  # of all compressed members together: TorchScript compresses its code


REPEATED = 8  # how often a storage may be shared, all together: tied weights are


@dataclass(eq=False)
class Archive:
    """The members of a zip file by name, below the one folder that PyTorch puts them in.

    ``allowed``: how many bytes tensors may still be made of, so that a small file does not fill the memory.
    """

    label: str
    file: zipfile.ZipFile
    names: Mapping[str, str]
    allowed: int = COMPRESSED

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def storage(self, name: str) -> bytes:
        """Return the bytes of a tensor's storage.  Raises `ParseError` where the file shares storages without end."""
        content = self.read(name)
        self.allowed -= len(content)
        if self.allowed < 0:
            raise ParseError(self.label, "its tensors share their memory too often; save the model again.")
        return content

    def read(self, name: str) -> bytes:
        """Return a member's bytes.  Raises `ParseError` for one that is missing or damaged."""
        if name not in self.names:
            raise ParseError(self.label, f"its part {printable(name)!r} is missing; save the model again.")
        try:
            return self.file.read(self.names[name])
        except Exception as error:  # zipfile raises several kinds, NotImplementedError among them
            problem = f"its part {printable(name)!r} is damaged; download or save the model again."
            raise ParseError(self.label, problem) from error


def is_archive(path: Path) -> bool:
    """Whether a file begins as a zip file does."""
    with path.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def opened(source: Path | IO[bytes], label: str) -> Archive:
    """Return the archive in a file.  Raises `ParseError` for one that PyTorch has not written so."""
    try:
        file = zipfile.ZipFile(source)
        entries = file.infolist()
        total = file.fp.seek(0, 2) if file.fp is not None else 0
    except Exception as error:  # whatever a broken directory makes zipfile raise
        raise ParseError(label, "the file is truncated or corrupt; download or save it again.") from error
    if not {entry.compress_type for entry in entries} <= {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        # others allocate what the file says
        raise ParseError(label, "its parts are compressed in a way that PyTorch does not use; save it again.")
    stored = sum(entry.file_size for entry in entries if entry.compress_type == zipfile.ZIP_STORED)
    others = sum(entry.file_size for entry in entries if entry.compress_type != zipfile.ZIP_STORED)
    packed = max((entry.compress_size for entry in entries), default=0)
    if len(entries) > MEMBERS or max(stored, packed) > total or others > COMPRESSED:
        raise ParseError(label, "its parts claim to be larger than the file; download or save it again.")
    names: dict[str, str] = {}
    for entry in entries:
        short = entry.filename.partition("/")[2]
        if names.setdefault(short, entry.filename) != entry.filename or len(names) > len(entries):
            twice = f"its part {printable(short)!r} is there twice; save the model again."
            raise ParseError(
                label, twice if short else "it is a zip file, but none that PyTorch wrote; check the path."
            )
    if len(names) != len(entries):
        raise ParseError(label, "one of its parts is there twice; save the model again.")
    return Archive(label, file, names, REPEATED * total + COMPRESSED)
