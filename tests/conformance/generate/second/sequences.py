"""Convolutions of one axis, with holes and in groups; and a decoder whose weights are the encoder's."""

from collections.abc import Iterator
from typing import Any

from generate.draw import Draw
from generate.second.made import made, of_layer
from generate.vector import Vector
from scratchdae.layers import Conv1D, Conv1DTranspose

B, C, F = 2, 3, 5
_ALONG = "output_tf = b_f + Σ_ik x_{ts+i-p, k} W_ikf, the kernel not flipped; W is (kernel, channels, filters)"
_SPREAD = (
    "the transpose of the convolution that maps the output's length to the input's; W is (kernel, filters, channels)"
)
_SEQUENCES: tuple[tuple[str, Any, int, str], ...] = (
    ("conv1d_same", Conv1D(F, 3, 2, "same"), 8, "symmetric padding; a kernel that is flipped"),
    ("conv1d_valid", Conv1D(F, 2, 3, "valid"), 7, "a border that is padded; a kernel that is flipped"),
    ("conv1d_transpose_same", Conv1DTranspose(F, 3, 2, "same"), 4,
     "an output one step off; the kernel flipped"),
    ("conv1d_transpose_valid", Conv1DTranspose(F, 4, 2, "valid"), 3, "overlapping steps written over, not added up"),
)  # fmt: skip
_IMAGES: tuple[tuple[str, tuple[int, int], dict[str, Any], str, str], ...] = (
    ("conv_dilated_valid", (7, 5), {"layer": "DilatedConv2D", "kernel": [3, 2], "stride": [1, 1], "dilation": [2, 3],
     "padding": "valid"}, "output_rcf = b_f + Σ_ijk x_{rs+id-p, cs+je-p, k} W_ijkf, with d, e the dilation",
     "dilation left out, or its two axes exchanged; a dilation that is one too many"),
    ("conv_dilated_same", (5, 4), {"layer": "DilatedConv2D", "kernel": [2, 3], "stride": [2, 1], "dilation": [3, 1],
     "padding": "same"}, "output_rcf = b_f + Σ_ijk x_{rs+id-p, cs+je-p, k} W_ijkf, with d, e the dilation; "
     "padding is that of a kernel as large as the dilated one", "padding of the kernel without its holes"),
    ("conv_grouped", (4, 5), {"layer": "GroupedConv2D", "kernel": [2, 3], "stride": [1, 2], "groups": 2,
     "padding": "same"}, "filter f sees the channels of group f // (filters / groups) alone; W is (height, width, "
     "channels / groups, filters)", "filters dealt out to the groups in turn; every filter on the first group"),
)  # fmt: skip


def cases() -> Iterator[Vector]:
    for name, layer, steps, aim in _SEQUENCES:
        draw, along = Draw(name), isinstance(layer, Conv1D)
        x, W = draw.normal(B, steps, C), draw.normal(layer.kernel, *((C, F) if along else (F, C)))
        inputs = {"x": x, "W": W, "b": draw.normal(F)}
        words = _ALONG if along else _SPREAD
        yield made(name, "layer", of_layer(layer, x), inputs, words, aim, "33_traffic")
    for name, size, conventions, in_words, aim in _IMAGES:
        draw, groups = Draw(name), conventions.get("groups", 1)
        filters, channels = (F, C) if groups == 1 else (3 * groups, 2 * groups)
        kernel = conventions["kernel"]
        inputs = {"x": draw.normal(B, *size, channels), "W": draw.normal(*kernel, channels // groups, filters)}
        inputs["b"] = draw.normal(filters)
        own = {"image_layout": "NHWC", "filters": filters} | conventions
        yield made(name, "layer", own, inputs, in_words, aim, "08_downsampling")
    draw = Draw("tied_dense")
    inputs = {"x": draw.normal(3, 5), "W": draw.normal(7, 5), "b": draw.normal(7)}
    words = "output = x Wᵀ + b; W is the encoder's, (units, inputs)"
    aim = "dW transposed, or that of an untied W; dW or db averaged over the batch"
    conventions = {"layer": "TiedDense", "units": 7}
    yield made("tied_dense", "layer", conventions, inputs, words, aim, "02_denoising")
