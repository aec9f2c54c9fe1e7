"""What caffe2onnx gets wrong in a normalized network is put right in the ONNX model that it made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from snntk_caffe.network import Converted, Normalized
from snntk_caffe.refusal import printable
from snntk_caffe.translation import ID_LENGTH

OPSET, IR = 13, 8
LAYERS = "snntk.layers"
"""The metadata by which the ONNX parser knows what the nodes stand for."""


def repair(network: Normalized, made: Any, source: str) -> Any:
    """Return the ModelProto of a normalized network from what caffe2onnx made of it.

    Every node reads what its layer reads, whatever caffe2onnx took it for; the operators are those of version 13;
    the batch is free; only data is an input.  ``source``: what messages call the model.
    """
    from onnx import helper

    tensors = {tensor.name: tensor for tensor in made.graph.initializer}
    own: dict[str, list[Any]] = {}
    for node in made.graph.node:
        own.setdefault(node.name[:ID_LENGTH], []).append(node)
    nodes = [node for layer in network.layers for node in _repaired(layer, own[layer.id], tensors)]
    names = _names(network)
    for node in nodes:
        _rename(node.input, names)
        _rename(node.output, names)
    read = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "caffe",
        [_described(names[id], shape) for id, shape in network.entries.items()],
        [_described(names[id], network.shapes[id]) for id in network.outputs],
        [tensor for name, tensor in tensors.items() if name in read],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="snntk_caffe"
    )
    kinds = {names[id]: "Input" for id in network.entries} | dict(network.kinds)
    helper.set_model_props(model, {"source": source, LAYERS: json.dumps(kinds)})
    return model


def _described(name: str, shape: tuple[int, ...]) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ("batch", *shape))


def _names(network: Normalized) -> Mapping[str, str]:
    """Names for inputs and outputs as the file has them, each once."""
    names: dict[str, str] = {}
    for id in (*network.entries, *network.outputs):
        stem = name = printable(network.blobs.get(id, "")) or "output"
        count = 2
        while name in names.values():
            name, count = f"{stem}_{count}", count + 1
        names[id] = name
    return names


def _rename(values: Any, names: Mapping[str, str]) -> None:
    for index, value in enumerate(values):
        values[index] = names.get(value, value)


def _repaired(layer: Converted, nodes: Iterable[Any], tensors: dict[str, Any]) -> Iterator[Any]:
    bottoms = list(layer.bottoms)
    for node in nodes:
        if node.op_type == "Pad" and not layer.padding:
            continue
        constants = [name for name in node.input if name in tensors]
        if node.op_type == "Pad":
            _set_pads(tensors[constants[0]], layer.padding)
        elif layer.attributes is not None or layer.op:
            _set_operator(node, layer)
        if node.op_type in ("Flatten",):
            constants = []
        if layer.constant_shape is not None:
            for name in constants:
                _set_shape(tensors[name], layer.constant_shape)
        del node.input[:]
        node.input.extend(bottoms + constants)
        node.name = layer.name + _ending(node)
        node.metadata_props.add(key=LAYERS, value=json.dumps(layer.origin))
        bottoms = list(node.output)[:1]
        yield node


def _ending(node: Any) -> str:
    if node.op_type == "Pad":
        return "_pad"
    return node.name[ID_LENGTH:]


def _set_operator(node: Any, layer: Converted) -> None:
    from onnx import helper

    node.op_type = layer.op or node.op_type
    if layer.attributes is not None:
        del node.attribute[:]
        node.attribute.extend(helper.make_attribute(key, value) for key, value in layer.attributes.items())


def _set_pads(tensor: Any, padding: tuple[int, ...]) -> None:
    from onnx import TensorProto, helper

    around = [0, 0, *padding] * 2
    tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.INT64, [len(around)], around))


def _set_shape(tensor: Any, shape: tuple[int, ...]) -> None:
    del tensor.dims[:]
    tensor.dims.extend(shape)
