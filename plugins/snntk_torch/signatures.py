"""The names of the operators' positional arguments, in PyTorch's order."""

from __future__ import annotations

from collections.abc import Mapping

CONVOLUTION = "input weight bias stride padding dilation groups"
TRANSPOSED = "input weight bias stride padding output_padding groups dilation"
GENERAL = "input weight bias stride padding dilation transposed output_padding groups"
MAX_POOL = "self kernel_size stride padding dilation ceil_mode"
NORMALIZED = "input weight bias running_mean running_var training momentum eps cudnn_enabled"
REDUCED = "self dim keepdim dtype"

_SPELLED: Mapping[str, str] = {
    "conv1d conv2d _convolution_mode": CONVOLUTION,
    "conv_transpose1d conv_transpose2d": TRANSPOSED,
    "convolution _convolution": GENERAL,
    "linear": "input weight bias",
    "addmm": "self mat1 mat2",
    "mm": "self mat2",
    "matmul": "self other",
    "hardtanh": "self min_val max_val",
    "clamp clip": "self min max",
    "clamp_min": "self min",
    "clamp_max": "self max",
    "leaky_relu": "self negative_slope",
    "prelu _prelu_kernel": "self weight",
    "elu": "self alpha scale input_scale",
    "celu": "self alpha",
    "rrelu": "self lower upper training",
    "gelu": "self approximate",
    "softplus": "self beta threshold",
    "threshold": "self threshold value",
    "softmax log_softmax": "self dim dtype",
    "_softmax _log_softmax": "self dim half_to_float",
    "glu": "self dim",
    "max_pool1d max_pool2d max_pool2d_with_indices max_pool1d_with_indices": MAX_POOL,
    "avg_pool1d": "self kernel_size stride padding ceil_mode count_include_pad",
    "avg_pool2d": "self kernel_size stride padding ceil_mode count_include_pad divisor_override",
    "adaptive_avg_pool1d adaptive_avg_pool2d _adaptive_avg_pool2d": "self output_size",
    "adaptive_max_pool1d adaptive_max_pool2d": "self output_size",
    "mean sum": REDUCED,
    "amax max": "self dim keepdim",
    "batch_norm native_batch_norm _native_batch_norm_legit cudnn_batch_norm": NORMALIZED,
    "_native_batch_norm_legit_no_training": "input weight bias running_mean running_var momentum eps",
    "_batch_norm_impl_index": NORMALIZED,
    "flatten": "self start_dim end_dim",
    "unflatten": "self dim sizes",
    "view reshape _unsafe_view _reshape_alias": "self shape",
    "squeeze unsqueeze": "self dim",
    "permute": "self dims",
    "transpose swapaxes": "self dim0 dim1",
    "cat concat stack": "tensors dim",
    "add sub subtract rsub": "self other alpha",
    "mul multiply div divide": "self other rounding_mode",
    "pad": "self pad mode value",
    "constant_pad_nd": "self pad value",
    "upsample_nearest1d upsample_nearest2d": "self output_size scale_factors scales_w",
    "_upsample_nearest_exact1d _upsample_nearest_exact2d": "self output_size scale_factors scales_w",
    "dropout feature_dropout alpha_dropout feature_alpha_dropout native_dropout": "input p train",
    "expand": "self shape",
    "chunk": "self chunks dim",
    "split": "self split_size dim",
    "split_with_sizes": "self split_size dim",
    "unsafe_split unsafe_split_with_sizes": "self split_size dim",
    "unsafe_chunk": "self chunks dim",
    "slice": "self dim start end step",
    "select": "self dim index",
    "narrow": "self dim start length",
    "unbind": "self dim",
    "pixel_shuffle": "self upscale_factor",
    "pixel_unshuffle": "self downscale_factor",
    "channel_shuffle": "self groups",
    "size sym_size": "self dim",
    "to _to_copy": "self dtype other",
}

SIGNATURES: Mapping[str, tuple[str, ...]] = {
    name: tuple(arguments.split()) for names, arguments in _SPELLED.items() for name in names.split()
}
"""By operator; one that is missing takes ``self`` alone."""

RENAMED: Mapping[str, str] = {
    "size": "shape",
    "split_sizes": "split_size",
    "lambd": "lambda",
    "scales": "scale_factors",
    "scales_h": "scale_factors",
    "min_indices": "min",
}
"""Keywords that another overload spells differently."""
