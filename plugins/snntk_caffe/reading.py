"""Reading a prototxt: the layers of a deployed network, whatever version of Caffe they were written for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snntk_caffe.messages import classes
from snntk_caffe.network import Description, Entry, Layer
from snntk_caffe.refusal import printable
from snntk_caffe.weights import content
from snntk_core import ParseError
from snntk_core.shapes import Shape

FILE_BYTES = 2 << 20  # text is parsed in Python, and a network of a thousand layers takes a quarter of this
LAYERS = 2_000  # beyond any network
STAGES = frozenset({"deploy"})
TEST = 1
DATA = {"Data", "ImageData", "HDF5Data", "MemoryData", "WindowData", "DummyData", "AnnotatedData", "Input"}
SPELLED = {  # types of version 1 that are not its words in capitals
    "RELU": "ReLU",
    "TANH": "TanH",
    "LRN": "LRN",
    "BNLL": "BNLL",
    "MVN": "MVN",
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
}


def read_network(path: Path) -> Description:
    """Return the layers that are active in a deployed network.  Raises `ParseError` for a file that is not one."""
    net = _message(path)
    if net.layer and net.layers:
        raise ParseError(str(path), "it has layers of two versions (layer and layers); keep those of one.")
    active = [layer for layer in (*net.layer, *net.layers) if _included(layer)]
    if not active:
        raise ParseError(str(path), "it describes no layers; give the network's prototxt, not the solver's.")
    if len(active) > LAYERS:
        raise ParseError(str(path), f"it has {len(active)} layers, but at most {LAYERS} are read.")
    entries, layers = list(_header(net)), []
    for layer in active:
        kind = _kind(path, layer)
        if kind in DATA:
            entries += _entries(layer, kind)
        else:
            name = printable(layer.name) or kind
            layers.append(Layer(name, kind, layer, tuple(layer.bottom), tuple(layer.top)))
    return Description(str(path), tuple(entries), tuple(layers))


def _message(path: Path) -> Any:
    from google.protobuf import text_format

    data = content(path, FILE_BYTES)
    try:
        return text_format.Parse(data.decode("utf-8"), classes().NetParameter())
    except text_format.ParseError as error:
        place, _, reason = str(error).partition(" : ")
        where = f"line {place.partition(':')[0]}" if reason else ""
        problem = f"it is not a network that Caffe reads ({printable(reason or place).rstrip('.')});"
        raise ParseError(str(path), problem, where=where, remedy="correct that place.") from error
    except (UnicodeDecodeError, ValueError, TypeError, RecursionError) as error:
        raise ParseError(str(path), "it is not a text that describes a network; check the path.") from error


def _kind(path: Path, layer: Any) -> str:
    if isinstance(layer, classes().LayerParameter):
        return printable(layer.type) or "without a type"
    if layer.HasField("layer"):
        problem = "it is written for a Caffe of 2013; bring it up to date with Caffe's upgrade_net_proto_text."
        raise ParseError(str(path), problem)
    name = classes().V1LayerParameter.LayerType.Name(layer.type)
    return SPELLED.get(name) or "".join(word.capitalize() for word in name.split("_"))


def _included(layer: Any) -> bool:
    """Whether a layer is there when the network is tested or deployed."""
    if layer.include:
        return any(map(_met, layer.include))
    return not any(map(_met, layer.exclude))


def _met(rule: Any) -> bool:
    phase = not rule.HasField("phase") or rule.phase == TEST
    level = (not rule.HasField("min_level") or rule.min_level <= 0) and (
        not rule.HasField("max_level") or rule.max_level >= 0
    )
    return phase and level and set(rule.stage) <= STAGES and not set(rule.not_stage) & STAGES


def _header(net: Any) -> Iterator[Entry]:
    for index, blob in enumerate(net.input):
        dims = tuple(net.input_dim[4 * index : 4 * index + 4])
        if index < len(net.input_shape):
            dims = tuple(net.input_shape[index].dim)
        yield Entry(blob, _lengths(dims[1:]))


def _lengths(dims: Shape) -> Shape:
    return tuple(max(int(length), 0) for length in dims)


def _entries(layer: Any, kind: str) -> Iterator[Entry]:
    if kind == "Input":
        shapes = layer.input_param.shape
        for index, blob in enumerate(layer.top):
            dims = shapes[min(index, len(shapes) - 1)].dim if len(shapes) else ()
            yield Entry(blob, _lengths(tuple(dims)[1:]))
        return
    for blob in layer.top:
        yield Entry(blob, _stored(layer, kind))


def _stored(layer: Any, kind: str) -> Shape:
    """The shape of samples that a layer reads from a disk, as far as it says."""
    if kind == "MemoryData":
        memory = layer.memory_data_param
        return _lengths((memory.channels, memory.height, memory.width))
    if kind == "DummyData" and layer.dummy_data_param.shape:
        return _lengths(tuple(layer.dummy_data_param.shape[0].dim)[1:])
    crop = layer.transform_param.crop_size or layer.data_param.crop_size or layer.image_data_param.crop_size
    if crop:
        return _lengths((0, crop, crop))
    return _lengths((0, layer.image_data_param.new_height, layer.image_data_param.new_width))
