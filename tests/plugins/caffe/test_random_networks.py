"""Random networks compute what Caffe's semantics say: as ONNX models in onnxruntime, and as graphs."""

from __future__ import annotations

import numpy as np
from caffe_networks import data, layer, needs_caffe
from caffe_networks import pooling as compute_pooling
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = needs_caffe
EPSILON = 1e-3


def convolution(r, name, bottom, shape):
    channels, height, width = shape
    kernel, stride, dilation = r.integers(1, 4, 2), r.integers(1, 3, 2), r.integers(1, 3, 2)
    pad = [int(r.integers(0, k)) for k in kernel]
    extent = dilation * (kernel - 1) + 1
    if any(n + 2 * p < e for n, p, e in zip((height, width), pad, extent, strict=True)):
        kernel, pad, dilation, extent = np.ones(2, int), [0, 0], np.ones(2, int), np.ones(2, int)
    groups = int(r.choice([g for g in (1, 2, 3, channels) if channels % g == 0]))
    units, biased = groups * int(r.integers(1, 3)), bool(r.integers(2))
    blobs = [r.normal(size=(units, channels // groups, *kernel)), r.normal(size=units)][: 1 + biased]
    fields = {"num_output": units, "group": groups, "bias_term": biased, "dilation": dilation.tolist()}
    if r.integers(2):
        fields |= {"kernel_size": kernel.tolist(), "stride": stride.tolist(), "pad": pad}
    else:
        fields |= {"kernel_h": int(kernel[0]), "kernel_w": int(kernel[1]), "pad_h": pad[0], "pad_w": pad[1]}
        fields |= {"stride_h": int(stride[0]), "stride_w": int(stride[1])}
    room = [n + 2 * p - e for n, p, e in zip((height, width), pad, extent, strict=True)]
    grown = [int(n // s + 1) for n, s in zip(room, stride, strict=True)]
    return layer("Convolution", name, bottom, blobs=blobs, convolution_param=fields), (units, *grown)


def pooling(r, name, bottom, shape):
    kind = str(r.choice(["MAX", "AVE"]))
    if r.integers(4) == 0:
        return layer("Pooling", name, bottom, pooling_param={"pool": kind, "global_pooling": True}), (shape[0], 1, 1)
    kernel = r.integers(1, 4, 2)
    stride = [int(r.integers(1, k + 1)) for k in kernel]
    pad = [int(r.integers(0, k)) for k in kernel]
    fields = {"pool": kind, "kernel_h": int(kernel[0]), "kernel_w": int(kernel[1]), "pad_h": pad[0], "pad_w": pad[1]}
    fields |= {"stride_h": stride[0], "stride_w": stride[1], "round_mode": str(r.choice(["CEIL", "FLOOR"]))}
    made = layer("Pooling", name, bottom, pooling_param=fields)
    lengths = shape[1:]
    if any(n + 2 * p < k for n, p, k in zip(lengths, pad, kernel, strict=True)):
        return layer("Split", name, bottom), shape
    return made, compute_pooling(made, np.zeros((1, *shape))).shape[1:]


def batch_norm(r, name, bottom, shape):
    factor = float(r.choice([1.0, 999.98, 0.5]))
    mean, variance = r.normal(size=shape[0]), r.uniform(0.5, 2, shape[0])
    blobs = [mean * factor, variance * factor, [factor]]
    return layer("BatchNorm", name, bottom, blobs=blobs, batch_norm_param={"eps": EPSILON}), shape


def scale(r, name, bottom, shape):
    axis, biased = int(r.integers(1, len(shape) + 1)), bool(r.integers(2))
    axes = int(r.integers(-1, len(shape) - axis + 2))
    size = shape[axis - 1 :] if axes == -1 else shape[axis - 1 : axis - 1 + axes]
    blobs = [r.normal(size=size), r.normal(size=size)][: 1 + biased]
    fields = {"axis": axis, "num_axes": axes, "bias_term": biased}
    return layer("Scale", name, bottom, blobs=blobs, scale_param=fields), shape


def inner_product(r, name, bottom, shape):
    units, transposed = int(r.integers(1, 6)), bool(r.integers(2))
    features = int(np.prod(shape))
    weight = r.normal(size=(features, units) if transposed else (units, features))
    biased = bool(r.integers(2))
    fields = {"num_output": units, "transpose": transposed, "bias_term": biased}
    blobs = [weight, r.normal(size=units)][: 1 + biased]
    return layer("InnerProduct", name, bottom, blobs=blobs, inner_product_param=fields), (units,)


def relu(r, name, bottom, shape):
    return layer("ReLU", name, bottom, relu_param={"negative_slope": float(r.choice([0, 0.1]))}), shape


def p_relu(r, name, bottom, shape):
    shared = bool(r.integers(2))
    blobs = [r.uniform(size=1 if shared else shape[0])]
    return layer("PReLU", name, bottom, blobs=blobs, prelu_param={"channel_shared": shared}), shape


def softmax(r, name, bottom, shape):
    axis = int(r.integers(1, len(shape) + 1))
    return layer("Softmax", name, bottom, softmax_param={"axis": axis}), shape


def flatten(r, name, bottom, shape):
    return layer("Flatten", name, bottom), (int(np.prod(shape)),)


def plain(kind):
    return lambda r, name, bottom, shape: (layer(kind, name, bottom), shape)


ANY = {
    "relu": relu,
    "prelu": p_relu,
    "scale": scale,
    "norm": batch_norm,
    "ip": inner_product,
    "softmax": softmax,
    "flatten": flatten,
    "dropout": plain("Dropout"),
    "split": plain("Split"),
    "sigmoid": plain("Sigmoid"),
    "tanh": plain("TanH"),
    "relu6": plain("ReLU6"),
}
IMAGE = {"conv": convolution, "pool": pooling}
JOINS = {"sum", "difference", "product", "max", "concat"}
KINDS = sorted({*ANY, *IMAGE, *JOINS})


def join(r, kind, name, names, shape):
    """Join two or three values of one shape; all but the last may be read again."""
    if kind == "concat":
        axis = int(r.integers(1, len(shape) + 1))
        grown = tuple(n * len(names) if i == axis - 1 else n for i, n in enumerate(shape))
        return layer("Concat", name, " ".join(names), concat_param={"axis": axis}), grown
    fields = {"operation": {"product": "PROD", "max": "MAX"}.get(kind, "SUM")}
    if kind == "difference":
        fields["coeff"] = r.choice([-1.0, 1.0, 0.5], len(names)).tolist()
    return layer("Eltwise", name, " ".join(names), eltwise_param=fields), shape


def network(kinds, seed):
    """Return layers of the given kinds one behind another; joins take the value and one or two made from it."""
    r = np.random.default_rng(seed)
    shape = (int(r.integers(1, 5)), int(r.integers(3, 9)), int(r.integers(3, 9)))
    layers, value = [data(*shape)], "data"
    for index, kind in enumerate(["relu6", *kinds] if r.integers(2) else [*kinds, "relu"]):
        name = f"layer{index}"
        if kind in JOINS:
            names = [value]
            for branch in range(int(r.integers(1, 3))):
                layers.append(p_relu(r, f"{name}{branch}", value, shape)[0])
                names.append(f"{name}{branch}")
            made, shape = join(r, kind, name, names, shape)
        elif kind in ANY:
            made, shape = ANY[kind](r, name, value, shape)
        elif len(shape) == 3:
            made, shape = IMAGE[kind](r, name, value, shape)
        else:
            continue
        if made["bottom"] == [value] and value != "data" and r.integers(2):
            made["top"] = [value]  # in place
        layers.append(made)
        value = made["top"][0]
    return layers


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=6), seed=st.integers(0, 2**32 - 1))
def test_random_networks(compare, kinds, seed):
    compare(network(kinds, seed), seed=seed, cancels=True)
