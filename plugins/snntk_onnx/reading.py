"""Reading a model file that may be hostile: nothing is allocated or opened on its word alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snntk_core import ParseError
from snntk_onnx.tensors import Unsupported, expected_bytes

FILE_BYTES = 2 << 30  # protobuf itself takes no more
NAME_LENGTH = 250


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """A ModelProto with every tensor inside it, and the file it came from."""

    proto: Any
    path: Path | None = None

    @property
    def label(self) -> str:
        """What messages call the model: its file, or the one that a live model says it was made from."""
        if self.path:
            return str(self.path)
        properties = self.proto.metadata_props if is_live(self.proto) else ()
        made_from = next((entry.value for entry in properties if entry.key == "source"), "")
        return printable(made_from) or "the ONNX model"


def is_live(source: object) -> bool:
    """Whether ``source`` is a ModelProto; asked without importing onnx."""
    kind = type(source)
    return kind.__name__ == "ModelProto" and kind.__module__.split(".")[0] == "onnx"


def text(value: str | bytes) -> str:
    """Return a string of a file; protobuf gives bytes where they are not valid text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def printable(name: str | bytes) -> str:
    """Return a name from a file as it may appear in a message."""
    clean = "".join(character if character.isprintable() else "?" for character in text(name))
    return (clean if len(clean) <= NAME_LENGTH else clean[:NAME_LENGTH] + "...").strip()


def read(source: object) -> OnnxModel:
    """Return the model behind a path, a ModelProto or an `OnnxModel`.

    Raises `ParseError` for a missing, truncated or corrupt file and for external data that is missing, too short or
    outside the folder of the model.
    """
    if isinstance(source, OnnxModel):
        return source
    model = _read_file(Path(source)) if isinstance(source, str | Path) else OnnxModel(source)
    if not is_live(model.proto):
        raise ParseError(model.label, f"a {type(source).__name__} is not an ONNX model; give a path or a ModelProto.")
    if not model.proto.graph.node:
        raise ParseError(
            model.label, "this is not an ONNX model, or one that holds no nodes; export the network again."
        )
    external = [tensor for tensor in _tensors(model.proto.graph) if tensor.data_location == tensor.EXTERNAL]
    for tensor in external:
        _embed(tensor, model)
    return model


def _read_file(path: Path) -> OnnxModel:
    import onnx

    try:
        if path.stat().st_size > FILE_BYTES:
            raise ParseError(str(path), "the file is larger than 2 GiB; export its weights as external data.")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ParseError(str(path), f"the file cannot be read ({reason}); check the path.") from error
    try:
        return OnnxModel(onnx.load_model_from_string(content), path)
    except Exception as error:  # whatever protobuf raises: its classes differ between versions
        raise ParseError(
            str(path), "the file is truncated, corrupt or not an ONNX model; download or export it again."
        ) from error


def _tensors(graph: Any) -> Iterator[Any]:
    """Every tensor of a graph, those in attributes and subgraphs included."""
    pending = [graph]
    while pending:
        current = pending.pop()
        yield from current.initializer
        for attribute in (attribute for node in current.node for attribute in node.attribute):
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            pending += [attribute.g] if attribute.HasField("g") else []
            pending += attribute.graphs


def _embed(tensor: Any, model: OnnxModel) -> None:
    """Read a tensor's external data, which lies in the folder of the model, into the tensor."""
    where = f"tensor {printable(tensor.name)!r}"
    entries = {text(entry.key): text(entry.value) for entry in tensor.external_data}
    location = entries.get("location", "")
    if model.path is None:
        raise ParseError(model.label, "its weights are in another file; give the path of the model.", where=where)
    file = _inside(model.path.parent, location)
    if file is None:
        problem = f"its data is at {printable(location)!r}, outside the model's folder; only files beside it are read."
        raise ParseError(model.label, problem, where=where)
    if not file.is_file():
        problem = f"its data file {printable(location)!r} is missing; put it beside the model."
        raise ParseError(model.label, problem, where=where)
    try:
        expected = expected_bytes(tensor)
        start, count = int(entries.get("offset", 0)), int(entries.get("length", expected))
        if count != expected or start < 0 or start + count > file.stat().st_size:
            raise Unsupported(f"its {expected} bytes are not in {printable(location)!r} at {start}")
        with file.open("rb") as stream:
            stream.seek(start)
            tensor.raw_data = stream.read(count)
    except (OSError, ValueError, Unsupported) as error:
        raise ParseError(model.label, f"{printable(str(error))}; export the model again.", where=where) from error
    tensor.data_location = tensor.DEFAULT
    del tensor.external_data[:]


def _inside(folder: Path, location: str) -> Path | None:
    """The file at a relative ``location`` if it is inside ``folder``, links followed; else None."""
    relative = Path(location.replace("\\", "/"))
    if not location or "\0" in location or relative.is_absolute() or ".." in relative.parts or ":" in location:
        return None
    file = (folder / relative).resolve()
    return file if file.is_relative_to(folder.resolve()) else None
