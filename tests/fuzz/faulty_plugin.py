"""A parser that does everything a parser must not: the fuzzing program has to notice each."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from snntk_core import Graph, Node, ParseError, Parser, hookimpl
from snntk_core.ops import Dense, Input

FAULTS = ("raises", "allocates", "writes", "rambles", "ends", "removes", "starts", "invalid", "refuses", "sound") * 2
FAULTS += ("waits",)  # seconds each


def example() -> Path:
    """Return a file that is read as it should be."""
    path = Path(tempfile.mkdtemp()) / "sound.faulty"
    path.write_bytes(b"sound")
    return path


@dataclass(frozen=True)
class FaultyParser(Parser):
    """Does what the file's content says; a file that it does not know is refused."""

    name = "faulty"
    examples = (example,)

    def accepts(self, source):
        return str(source).endswith(".faulty")

    def load(self, source):
        content = Path(source).read_bytes()
        kind = FAULTS[crc32(content) % len(FAULTS)] if content != b"sound" else "sound"
        if kind == "raises":
            raise KeyError("layer")
        if kind == "waits":
            while True:
                time.process_time()
        if kind == "allocates":
            return np.ones(3 << 28)
        if kind == "writes":
            Path("left.txt").write_text("x")
        if kind == "removes":
            Path(source).write_bytes(b"")
        if kind == "refuses":
            raise ParseError(str(source), "it is another kind of file.")
        if kind == "rambles":
            raise ParseError(str(source), "it is\nnot one line")
        if kind == "ends":
            os._exit(3)
        if kind == "starts":
            os.system("true")
        return kind

    def parse(self, model):
        nodes = (Node("in", Input((2,))), Node("out", Dense(np.ones((2, 2), np.float32)), ("in",)))
        return Graph(nodes if model != "invalid" else nodes[1:], ("out",))

    def predict(self, model, batch):
        return batch


@hookimpl
def snntk_parsers():
    return [FaultyParser]
