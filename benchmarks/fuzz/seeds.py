"""The files that are mutated: what the project makes itself, and the collection's models where it is at hand."""

from __future__ import annotations

import io
import os
import pickle
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

LARGEST = 1 << 20  # bytes of a file of the collection
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "torch": {"model_class": "seed_networks:network", "input_shape": [2, 8, 8]},
}
FOLDERS = {"pytorch": "torch"}
SUFFIXES = {
    "onnx": (".onnx",), "keras": (".keras", ".h5", ".json"), "torch": (".pt", ".pth", ".pt2"),
    "caffe": (".prototxt", ".caffemodel"), "lasagne": (".npz", ".pkl", ".py", ".toml"), "nir": (".nir",),
}  # fmt: skip


@dataclass(frozen=True)
class Seed:
    """A source: its files in order, the parser that reads it (``snntk`` for a saved network), and its options."""

    name: str
    parser: str
    files: Mapping[str, bytes]
    options: Mapping[str, Any] = field(default_factory=dict)
    own: bool = True


def seeds(format: str, plugin: Path | None = None) -> list[Seed]:
    """Return the seeds of a format, or those of the parser of that name in a plugin file: its examples that are paths.

    Raises `ValueError` where there are none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = _examples(format, plugin) if plugin else OWN[format]()
        own = [Seed(name, format, files, OPTIONS.get(format, {})) for name, files in made]
    if not own:
        raise ValueError(f"the parser {format} has no examples that are files")
    return [*own, *_collected(format)]


def _collected(format: str) -> Iterator[Seed]:
    models = Path(os.environ.get("SNNTK_SHARED", "/nowhere")) / "models"
    for folder in sorted(models.glob("*/*")):
        if FOLDERS.get(folder.parent.name, folder.parent.name) != format or not folder.is_dir():
            continue
        paths = [path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES.get(format, ())]
        small = [path for path in paths if path.stat().st_size <= LARGEST]
        groups = [small] if format == "caffe" and len(small) == 2 else [[path] for path in small if format != "caffe"]
        for group in groups:
            files = {path.name: path.read_bytes() for path in group}
            yield Seed(f"{folder.name}/{'+'.join(files)}", format, files, OPTIONS.get(format, {}), own=False)


def _examples(name: str, plugin: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    from snntk_core.registry import Registry

    registry = Registry()
    registry.register_file(plugin)
    for make in registry.parsers[name].examples:
        source = make()
        paths = source if isinstance(source, tuple) else (source,)
        if all(isinstance(path, str | Path) for path in paths):
            yield make.__name__, _read(*map(Path, paths))


def _read(*paths: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}


def _onnx() -> Iterator[tuple[str, dict[str, bytes]]]:
    from snntk_onnx.examples import image_classifier, perceptron

    for make in (image_classifier, perceptron):
        yield make.__name__, {"model.onnx": make().SerializeToString()}


def _keras() -> Iterator[tuple[str, dict[str, bytes]]]:
    from snntk_keras.examples import architecture_and_weights, legacy_file, zip_file

    yield "zip file", _read(zip_file())
    yield "legacy file", _read(legacy_file())
    yield "architecture and weights", _read(*architecture_and_weights())


def _torch() -> Iterator[tuple[str, dict[str, bytes]]]:
    import seed_networks
    import torch

    module, example = seed_networks.network(), torch.zeros(2, 2, 8, 8)
    program = torch.export.export(module, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    state = module.state_dict()
    writers: dict[str, Callable[[io.BytesIO], object]] = {
        "program.pt2": lambda file: torch.export.save(program, file),
        "scripted.pt": lambda file: torch.jit.save(torch.jit.script(module), file),
        "traced.pt": lambda file: torch.jit.save(torch.jit.trace(module, example), file),
        "state.pth": lambda file: torch.save(state, file),
        "legacy.pth": lambda file: torch.save(state, file, _use_new_zipfile_serialization=False),
    }
    for name, write in writers.items():
        buffer = io.BytesIO()
        write(buffer)
        yield name, {name: buffer.getvalue()}


def _caffe() -> Iterator[tuple[str, dict[str, bytes]]]:
    import h5py

    from snntk_caffe.examples import WEIGHTS, convolutional

    network, weights = convolutional()
    yield "deployed", _read(network, weights)
    random, buffer = np.random.default_rng(0), io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for layer, shapes in WEIGHTS.items():
            for index, shape in enumerate(shapes):
                file[f"data/{layer}/{index}"] = random.normal(size=shape).astype(np.float32)
    yield "with HDF5", {network.name: network.read_bytes(), "example.caffemodel.h5": buffer.getvalue()}


LASAGNE = """
[[layer]]
kind = "Input"
shape = [12]

[[layer]]
kind = "Dense"
name = "first"
num_units = 8
nonlinearity = { name = "leaky_rectify", number = 0.2 }

[[layer]]
kind = "Dense"
reads = "first"
num_units = 3
nonlinearity = "softmax"
"""


def _lasagne() -> Iterator[tuple[str, dict[str, bytes]]]:
    import h5py

    from snntk_lasagne.examples import SCRIPT, SHAPES, parameters_alone, script_and_parameters

    yield "script", _read(*script_and_parameters())
    yield "alone", _read(parameters_alone())
    random = np.random.default_rng(1)
    for title, text, shapes in (("n.toml", LASAGNE, ((12, 8), (8,), (8, 3), (3,))), ("n.py", SCRIPT, SHAPES)):
        arrays = [random.uniform(0.5, 1, shape).astype(np.float32) for shape in shapes]
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            for index, array in enumerate(arrays):
                file[f"param_{index:03d}"] = array
        yield f"{title} and HDF5", {title: text.encode(), "model.h5": buffer.getvalue()}
        for protocol in (0, 2, 4):
            content = pickle.dumps({"param values": arrays}, protocol=protocol)
            yield f"{title} and pickle {protocol}", {title: text.encode(), "model.pkl": content}


def _nir() -> Iterator[tuple[str, dict[str, bytes]]]:
    import nir

    from snntk_nir.examples import convolutional, perceptron

    with tempfile.TemporaryDirectory() as folder:
        for make in (convolutional, perceptron):
            path = Path(folder, "model.nir")
            nir.write(str(path), make())
            yield make.__name__, _read(path)


def _saved() -> Iterator[tuple[str, dict[str, bytes]]]:
    import snntk
    from snntk_keras.examples import legacy_file
    from snntk_lasagne.examples import parameters_alone

    random = np.random.default_rng(2)
    with tempfile.TemporaryDirectory() as folder:
        for make in (legacy_file, parameters_alone):
            graph = snntk.parse(make())
            samples = random.uniform(size=(4, *graph.input_shape))
            for name, network in (("analog", graph), ("spiking", snntk.convert(graph, calibration=samples))):
                path = Path(folder, "net.snntk")
                snntk.save(network, path)
                yield f"{make.__name__} {name}", _read(path)


OWN: Mapping[str, Callable[[], Iterator[tuple[str, dict[str, bytes]]]]] = {
    "onnx": _onnx, "keras": _keras, "torch": _torch, "caffe": _caffe, "lasagne": _lasagne, "nir": _nir, "snntk": _saved,
}  # fmt: skip
"""What the project makes of each format."""
