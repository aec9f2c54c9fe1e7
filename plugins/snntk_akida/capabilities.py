"""What Akida takes in its first version, as one declaration for the exporter, the check and a simulator."""

from __future__ import annotations

from snntk_akida import layer_rules, number_rules, order_rules
from snntk_core import (
    Add,
    AveragePool,
    BatchNorm,
    Capabilities,
    ClippedRelu,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    FakeQuantize,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Identity,
    Input,
    LogSoftmax,
    MaxPool,
    QuantizedRelu,
    Relu,
    Reshape,
    Scale,
    Sigmoid,
    Softmax,
    SpikeSource,
    Tanh,
)

VERSION_1 = Capabilities(
    ops=frozenset(
        {
            *(Input, Conv2D, DepthwiseConv2D, Dense, MaxPool, GlobalAveragePool, QuantizedRelu, Flatten, Reshape),
            *(Scale, Dropout, Identity, Softmax, LogSoftmax, Sigmoid, Tanh),
        }
    ),
    rules=(*order_rules.RULES, *layer_rules.RULES, *number_rules.RULES),
    remedies={
        Relu: "Quantize activations to 1, 2 or 4 bits.",
        ClippedRelu: "Quantize activations to 1, 2 or 4 bits.",
        FakeQuantize: "Quantize the ReLUs only.",
        Conv1D: "Give it images one pixel high, and use a Conv2D.",
        ConvTranspose2D: "Use a Conv2D.",
        AveragePool: "Use a convolution with strides, or one GlobalAveragePool.",
        GlobalMaxPool: "Use a MaxPool, or one GlobalAveragePool.",
        BatchNorm: "Fold it with arrange-blocks or fold-batchnorm, then quantize.",
        Add: "Train a network without branches.",
        Concat: "Train a network without branches.",
        SpikeSource: "Take the quantized network, before it is made spiking.",
    },
)
"""Source: the conditions of cnn2snn's converter for version 1."""
