"""Every layer and option: the graph computes what a forward pass of Lasagne's semantics computes."""

import numpy as np
import pytest

from snntk_core.ops import Transpose

CONV = [(4, 2, 3, 3), (4,)]
NETWORKS = {
    "dense": (["DenseLayer(l, 5)"], [(12, 5), (5,)], (12,)),
    "dense without bias": (["DenseLayer(l, 5, b=None, nonlinearity=None)"], [(12, 5)], (12,)),
    "dense flattens": (["DenseLayer(l, 5)"], [(30, 5), (5,)], (2, 3, 5)),
    "convolution flips": (["Conv2DLayer(l, 4, 3)"], CONV, (2, 6, 7)),
    "convolution, no flip": (["Conv2DLayer(l, 4, 3, flip_filters=False)"], CONV, (2, 6, 7)),
    "cudnn does not flip": (["lasagne.layers.dnn.Conv2DDNNLayer(l, 4, 3)"], CONV, (2, 6, 7)),
    "cudnn, flip": (["lasagne.layers.dnn.Conv2DDNNLayer(l, 4, 3, flip_filters=True)"], CONV, (2, 6, 7)),
    "same": (["Conv2DLayer(l, 4, (3, 3), pad='same')"], CONV, (2, 6, 7)),
    "full": (["Conv2DLayer(l, 4, (3, 3), pad='full')"], CONV, (2, 6, 7)),
    "valid": (["Conv2DLayer(l, 4, (3, 3), pad='valid', stride=2)"], CONV, (2, 7, 8)),
    "same, stride": (["Conv2DLayer(l, 4, (3, 3), stride=(2, 1), pad='same')"], CONV, (2, 7, 8)),
    "pad of each axis": (["Conv2DLayer(l, 4, (3, 5), pad=(0, 2))"], [(4, 2, 3, 5), (4,)], (2, 6, 7)),
    "groups": (["Conv2DLayer(l, 6, 3, num_groups=2)"], [(6, 2, 3, 3), (6,)], (4, 6, 6)),
    "untied biases": (["Conv2DLayer(l, 4, 3, untie_biases=True)"], [(4, 2, 3, 3), (4, 4, 5)], (2, 6, 7)),
    "1-d": (["Conv1DLayer(l, 4, 3, pad='same')"], [(4, 2, 3), (4,)], (2, 9)),
    "1-d pool": (["MaxPool1DLayer(l, 2)"], [], (2, 9)),
    "max pool": (["MaxPool2DLayer(l, 2)"], [], (2, 7, 7)),
    "max pool with border": (["MaxPool2DLayer(l, 2, ignore_border=False)"], [], (2, 7, 7)),
    "max pool, overlapping border": (["MaxPool2DLayer(l, 3, stride=2, ignore_border=False)"], [], (2, 8, 8)),
    "max pool, wide stride": (["MaxPool2DLayer(l, 2, stride=3, ignore_border=False)"], [], (2, 8, 7)),
    "max pool padded": (["MaxPool2DLayer(l, (3, 3), stride=(2, 2), pad=(1, 1))"], [], (2, 7, 7)),
    "average with pad": (["Pool2DLayer(l, 3, stride=2, pad=1, mode='average_inc_pad')"], [], (2, 7, 7)),
    "average without pad": (["Pool2DLayer(l, 3, stride=2, pad=1, mode='average_exc_pad')"], [], (2, 7, 7)),
    "average with border": (["Pool2DLayer(l, 2, mode='average_inc_pad', ignore_border=False)"], [], (2, 7, 7)),
    "global average": (["DenseLayer(GlobalPoolLayer(l), 3, nonlinearity=None)"], [(4, 3), (3,)], (4, 5, 5)),
    "global maximum": (["GlobalPoolLayer(l, pool_function=T.max)"], [], (4, 5, 5)),
    "norm of maps": (["BatchNormLayer(l)"], [(4,)] * 4, (4, 5, 5)),
    "norm of features": (["BatchNormLayer(l, beta=None)"], [(6,)] * 3, (6,)),
    "norm without scale": (["BatchNormLayer(l, gamma=None, axes=(0, 2, 3))"], [(6,)] * 3, (6, 2, 2)),
    "batch_norm": (["batch_norm(Conv2DLayer(l, 4, 3))"], [CONV[0], *[(4,)] * 4], (2, 6, 7)),
    "batch_norm, linear": (["batch_norm(DenseLayer(l, 4, nonlinearity=None))"], [(6, 4), *[(4,)] * 4], (6,)),
    "local response": (["LocalResponseNormalization2DLayer(l)"], [], (7, 3, 2)),
    "local response, wide": (["LocalResponseNormalization2DLayer(l, alpha=0.3, k=1, beta=0.5, n=9)"], [], (4, 3, 2)),
    "concat": (["a = Conv2DLayer(l, 4, 1)", "ConcatLayer([a, l])"], [(4, 2, 1, 1), (4,)], (2, 4, 4)),
    "concat of rows": (["ConcatLayer([l, l], axis=2)"], [], (2, 3, 4)),
    "sum": (["a = Conv2DLayer(l, 2, 1)", "ElemwiseSumLayer([a, l])"], [(2, 2, 1, 1), (2,)], (2, 4, 4)),
    "weighted sum": (["ElemwiseSumLayer([l, DropoutLayer(l)], coeffs=[0.5, -2])"], [], (2, 4, 4)),
    "flatten": (["DenseLayer(FlattenLayer(l), 3)"], [(24, 3), (3,)], (2, 3, 4)),
    "reshape": (["DenseLayer(ReshapeLayer(l, ([0], -1)), 3)"], [(24, 3), (3,)], (2, 3, 4)),
    "reshape to maps": (["Conv2DLayer(ReshapeLayer(l, (-1, 2, 3, 4)), 3, 1)"], [(3, 2, 1, 1), (3,)], (24,)),
    "dimshuffle": (["DenseLayer(DimshuffleLayer(l, (0, 2, 3, 1)), 3)"], [(24, 3), (3,)], (2, 3, 4)),
    "softmax": (["DenseLayer(l, 5, nonlinearity=softmax)"], [(12, 5), (5,)], (12,)),
    "leaky": (["NonlinearityLayer(l, LeakyRectify(0.3))"], [], (12,)),
}
NONLINEARITIES = ("rectify", "linear", "sigmoid", "tanh", "elu", "selu", "softplus", "leaky_rectify",
                  "very_leaky_rectify")  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_layer(compare, name):
    graph = compare(*NETWORKS[name])
    expected = 1 if name in ("dimshuffle",) else 2
    assert sum(isinstance(node.op, Transpose) for node in graph) <= expected


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_nonlinearity(compare, name):
    compare([f"NonlinearityLayer(l, nonlinearity=lasagne.nonlinearities.{name})"], [], (12,))


def test_parameters_are_read_in_the_order_of_lasagne(compare):
    """Depth first from the output, the first incoming layer first: not the order of the script."""
    body = [
        "a = DenseLayer(l, 3, nonlinearity=None)",
        "b = DenseLayer(l, 4, nonlinearity=None)",
        "ConcatLayer([b, a])",
    ]
    compare(body, [(6, 4), (4,), (6, 3), (3,)], (6,))


def test_a_saved_inverse_deviation_is_kept_to_the_bit(compare):
    graph = compare(["BatchNormLayer(l, gamma=None, beta=None)"], [(6,)] * 2, (6,))
    op = graph["batchnorm_1"].op
    np.testing.assert_array_equal(op.variance, 1)
    assert op.epsilon == 0
