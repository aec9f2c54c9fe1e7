"""Caffe's message classes, built from the descriptor that caffe2onnx ships, in a pool of their own."""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

MARK = "serialized_pb="
MODULE = "caffe2onnx.proto.caffe_upsample_pb2"
NAMES = ("NetParameter", "LayerParameter", "V1LayerParameter")


@cache
def classes() -> SimpleNamespace:
    """Return the message classes by name.

    The generated module of caffe2onnx is refused by protobuf 4 and later, and its file name would be taken in the
    common pool: its descriptor is read as data, and the module is never run.
    """
    from google.protobuf import descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_descriptor())
    found = {name: pool.FindMessageTypeByName(f"caffe.{name}") for name in NAMES}
    return SimpleNamespace(**{name: message_factory.GetMessageClass(kind) for name, kind in found.items()})


def _descriptor() -> bytes:
    spec = find_spec("caffe2onnx")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    for folder in folders:
        path = Path(folder, *MODULE.split(".")[1:]).with_suffix(".py")
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip().startswith(MARK):
                return bytes(ast.literal_eval(line.strip().removeprefix(MARK).rstrip(",")))
    raise ImportError("caffe2onnx holds no message descriptor")


def layer(name: str, kind: str, bottoms: tuple[str, ...], **parameters: Any) -> Any:
    """Return a LayerParameter whose one top is called like the layer."""
    return classes().LayerParameter(name=name, type=kind, bottom=bottoms, top=[name], **parameters)
