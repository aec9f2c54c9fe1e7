"""Pickles and code that would create a file if anything ran them."""

from __future__ import annotations

import base64
import marshal
import pickle
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

ODD = (
    b"cos\nsystem\n(S'true'\ntR.", b"(S'true'\nios\nsystem\n.", b"\x82\x01.", b"Pname\n.", b"\x80\x05\x97.",
    b"Nr" + struct.pack("<I", 0xFFFFFFF0) + b".", b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x.",
    b"\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"x.", b"I" + b"9" * 50_000 + b"\n.",
    b"(" * 50_000 + b"l" * 50_000 + b".", b"]q\x00h\x00a.", b"", b".",
)  # fmt: skip


class Payload:
    """What calls a function when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.reduced


def payload(target: str, random: Generator) -> bytes:
    """Return a pickle that would create ``target``, alone or among arrays, or one of opcodes that do harm."""
    if random.random() < 0.2:
        return ODD[int(random.integers(len(ODD)))]
    call = (Payload(open, target, "w"), Payload(eval, f"open({target!r}, 'w')"))[int(random.integers(2))]
    values: tuple[Any, ...] = (
        call,
        [call],
        [np.zeros(3, np.float32), call],
        {"param values": [np.zeros(3)], "x": call},
    )
    return pickle.dumps(values[int(random.integers(len(values)))], protocol=int(random.integers(6)))


def mutated(content: bytes, random: Generator, target: str) -> bytes:
    """Return the pickle with a payload, doubled, or with opcodes put into it."""
    kind = int(random.integers(4))
    if kind == 0:
        return payload(target, random)
    place = int(random.integers(len(content)))
    odd = ODD[int(random.integers(len(ODD)))]
    return (content + content, content[:place] + odd, content[:place] + odd[:-1] + content[place:])[kind - 1]


def function(target: str) -> list[Any]:
    """Return a lambda as Keras stores one, which would create ``target``."""
    code = compile(f"lambda x: open({target!r}, 'w')", "<lambda>", "eval").co_consts[0]
    return [base64.b64encode(marshal.dumps(code)).decode(), None, None]


def lines(target: str) -> tuple[str, ...]:
    """Return lines of scripts, which would create ``target``."""
    return (
        f"open({target!r}, 'w').close()", f"import os; os.system('touch {target}')", "while True: pass",
        "x = [0] * 10 ** 12", "x = 'a' * 10 ** 12", "x = 9 ** 9 ** 9 ** 9", "import sys; sys.exit()",
        "def build_network(): return build_network()", "for a in range(10 ** 12): x = a",
        "x = (lambda f: f(f))(lambda f: f(f))", "from lasagne.layers import *", "l = DenseLayer(l, -1)",
        "include: '/etc/passwd'", "layer { type: 'Python' }",
    )  # fmt: skip
