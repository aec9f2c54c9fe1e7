"""What follows what: one branch of blocks, each weights, pooling, activation."""

from __future__ import annotations

from collections.abc import Iterator

from snntk_akida.sequence import (
    POOLS,
    RECTIFIERS,
    above,
    below,
    is_behind_last_layer,
    is_first_layer,
    is_other_activation,
    is_pointwise_half,
    previous_stage,
)
from snntk_core import (
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Graph,
    Input,
    Issue,
    MaxPool,
    Node,
    QuantizedRelu,
    Reshape,
    Scale,
    WeightedOp,
)

ARRANGE = "arrange-blocks puts most networks in order."


def one_branch(graph: Graph, node: Node) -> Iterator[Issue]:
    """The network is one sequence of layers."""
    users = graph.users(node.name)
    if len(users) > 1:
        readers = " and ".join(user.name for user in users)
        yield Issue(
            node.name, f"it feeds {readers}, and only one branch is taken.", "Train a network without branches."
        )


def one_output(graph: Graph, node: Node) -> Iterator[Issue]:
    """The network has one output, and it is the end."""
    if node.name in graph.outputs[1:] or (node.name in graph.outputs and graph.users(node.name)):
        yield Issue(node.name, "it is a second output.", "Keep the last one only.")


def vector_or_image(graph: Graph, node: Node) -> Iterator[Issue]:
    """The input is a vector, or an image with one or three channels."""
    if not isinstance(node.op, Input):
        return
    shape = graph.shapes[node.name]
    if len(shape) not in (1, 3):
        yield Issue(node.name, f"its samples have {len(shape)} axes.", "Give it vectors, or images with channels.")
    elif len(shape) == 3 and shape[-1] not in (1, 3):
        yield Issue(node.name, f"its images have {shape[-1]} channels.", "Give it images with one or three channels.")


def images_meet_a_convolution(graph: Graph, node: Node) -> Iterator[Issue]:
    """The first layer on images is a convolution."""
    wrong = isinstance(node.op, WeightedOp) and not isinstance(node.op, Conv2D)
    if wrong and is_first_layer(graph, node) and len(graph.shapes[graph.source.name]) == 3:
        kind = type(node.op).__name__
        yield Issue(node.name, f"{kind} is the first layer on images.", "Begin with a Conv2D.")


def activation_between_layers(graph: Graph, node: Node) -> Iterator[Issue]:
    """A quantized activation stands between two layers with weights."""
    if not isinstance(node.op, WeightedOp) or is_pointwise_half(graph, node):
        return
    last = previous_stage(graph, node)
    if last is not None and isinstance(last.op, WeightedOp):
        remedy = f"Put a quantized ReLU between them, or join them with fuse-consecutive-linear. {ARRANGE}"
        yield Issue(node.name, f"no quantized activation stands between {last.name} and it.", remedy)


def layer_between_activations(graph: Graph, node: Node) -> Iterator[Issue]:
    """Weights stand before each quantized activation."""
    if not isinstance(node.op, QuantizedRelu):
        return
    last = previous_stage(graph, node)
    if last is None:
        yield Issue(node.name, "no layer with weights stands before it.", "Begin with a layer that has weights.")
    elif isinstance(last.op, RECTIFIERS):
        yield Issue(node.name, f"no layer with weights stands between {last.name} and it.", "Keep one of the two.")


def pooling_behind_convolution(graph: Graph, node: Node) -> Iterator[Issue]:
    """Pooling comes right behind a convolution, once; a maximum may wait for the activation."""
    if not isinstance(node.op, POOLS):
        return
    last = above(graph, node)
    if isinstance(node.op, MaxPool) and last is not None and isinstance(last.op, RECTIFIERS):
        last = above(graph, last)
    if last is not None and isinstance(last.op, Conv2D):
        return
    name = "the input" if last is None or isinstance(last.op, Input) else last.name
    if isinstance(node.op, GlobalAveragePool):
        problem = f"it averages {name}, which is not a convolution that has not been activated yet."
    else:
        problem = f"it pools {name}, which is not a convolution."
    yield Issue(node.name, problem, f"Pool once, between convolution and activation. {ARRANGE}")


def flat_before_dense(graph: Graph, node: Node) -> Iterator[Issue]:
    """Flatten leads to a Dense layer or is the end."""
    following = below(graph, node)
    if isinstance(node.op, Flatten) and following is not None and not isinstance(following.op, Dense):
        yield Issue(node.name, f"it flattens for {following.name}, which is not Dense.", "Flatten right before Dense.")


def reshape_of_vectors(graph: Graph, node: Node) -> Iterator[Issue]:
    """Reshape only adds or drops axes of length one before a vector."""
    if not isinstance(node.op, Reshape):
        return
    shapes = graph.shapes[node.inputs[0]], graph.shapes[node.name]
    if shapes[0] != shapes[1] and any(shape not in ((shape[-1],), (1, 1, shape[-1])) for shape in shapes):
        problem = f"it turns {list(shapes[0])} into {list(shapes[1])}."
        yield Issue(node.name, problem, "Only vectors (N,) and (1, 1, N) turn into each other.")


def scale_of_input(graph: Graph, node: Node) -> Iterator[Issue]:
    """One factor above zero and one offset for all rescale the input, and nothing else."""
    if not isinstance(node.op, Scale):
        return
    last = above(graph, node)
    if last is None or not isinstance(last.op, Input):
        yield Issue(node.name, "it scales what is not the input.", "Fold it with fold-constant-scale.")
    elif any(array.size != 1 for array in node.op.arrays.values()):
        yield Issue(node.name, "it scales channels or positions differently.", "Fold it with fold-constant-scale.")
    elif node.op.factor.item() <= 0:
        yield Issue(node.name, f"it multiplies the input by {node.op.factor.item():g}.", "Use a factor above zero.")


def host_activations_at_the_end(graph: Graph, node: Node) -> Iterator[Issue]:
    """Softmax and other activations come after the last layer only, where the host computes them."""
    if is_other_activation(node) and not is_behind_last_layer(graph, node):
        kind = type(node.op).__name__
        yield Issue(node.name, f"{kind} stands before layers with weights.", "Use a quantized ReLU there.")


def separable_in_one_piece(graph: Graph, node: Node) -> Iterator[Issue]:
    """A depthwise convolution is the first half of a separable one: no bias, one kernel for each channel."""
    op = node.op
    if not isinstance(op, DepthwiseConv2D):
        return
    following = below(graph, node)
    if following is None or not is_pointwise_half(graph, following):
        yield Issue(node.name, "no convolution with kernel one reads it alone.", "Follow it by a pointwise Conv2D.")
    if op.bias is not None and op.bias.any():
        yield Issue(node.name, "it has a bias, which a separable convolution has at its end only.",
                    "Train it without, or as a separable convolution.")  # fmt: skip
    if op.weight.shape[3] != 1:
        yield Issue(node.name, f"it has {op.weight.shape[3]} kernels for each channel.", "Use one.")


RULES = (
    *(one_branch, one_output, vector_or_image, images_meet_a_convolution, activation_between_layers),
    *(layer_between_activations, pooling_behind_convolution, flat_before_dense, reshape_of_vectors, scale_of_input),
    *(host_activations_at_the_end, separable_in_one_piece),
)
