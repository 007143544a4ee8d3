"""Two-dimensional transposed convolution: a small kernel spread around every pixel, to make larger images."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scratchdae import backend, initializers
from scratchdae.arguments import Array, Params, choice, integer, keep, shapes
from scratchdae.layers import correlation
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.windows import PADDINGS, Grid, grid, image_shape, pair, transposed_size


class _Cache(NamedTuple):
    W: Array  # (kh, kw, filters, C)
    x: Array  # (B, H, W, C)
    grid: Grid  # of the convolution that this is the transpose of


@dataclass(frozen=True)
class Conv2DTranspose:
    """The gradient of a convolution with respect to its images, used forwards: (H, W, C) to (H s, W s, filters).

    ::

        y_hwf = b_f + Σ_{rcij k: rs+i−p=h, cs+j−p=w} x_rck W_ijfk          (1)
        dW_ijfk = Σ_rc dy_{rs+i−p, cs+j−p, f} x_rck  (and over the batch)  (2)
        db_f = Σ_hw dy_hwf                           (and over the batch)  (3)
        dx_rck = Σ_ijf dy_{rs+i−p, cs+j−p, f} W_ijfk                       (4)

    With A for the linear map of `Conv2D` with the same kernel, stride and padding on an image of the output's size,
    (1) is Aᵀ and (4) is A: ⟨A u, v⟩ = ⟨u, Aᵀ v⟩. Not to be confused with the inverse of a convolution, whatever the
    name deconvolution suggests, nor with upsampling followed by a convolution, which leaves no checkerboard where the
    stride does not divide the kernel.

    Where frameworks differ: Keras keeps W as here, with the filters before the channels; PyTorch keeps
    (C, filters, kh, kw) and asks for the size by ``padding`` and ``output_padding``. The first weights are drawn with
    kh·kw·C inputs and kh·kw·filters outputs; Keras and PyTorch take the one for the other, which
    changes nothing for Glorot's initializers and much for He's where C and filters differ.
    """

    filters: int  # channels of the output
    kernel: int | tuple[int, int] = (3, 3)  # height and width
    stride: int | tuple[int, int] = 1  # pixels of the output from one spread kernel to the next, down and across
    padding: str = "same"  # the output has H s rows; "valid": H s + max(kh − s, 0)
    init_W: str = "glorot_uniform"  # of `scratchdae.initializers`; b begins at zero

    def __post_init__(self) -> None:
        keep(self, integer, "filters")
        keep(self, pair, "kernel", "stride")
        keep(self, choice, "padding", choices=PADDINGS)
        keep(self, initializers.named, "init_W")

    def _size(self, height: int, width: int) -> tuple[int, int]:
        return transposed_size((height, width), pair("kernel", self.kernel), pair("stride", self.stride), self.padding)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        height, width, _ = image_shape(input_shape)
        return (*self._size(height, width), self.filters)

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        self.output_shape(input_shape)
        shape = (*pair("kernel", self.kernel), input_shape[2], self.filters)  # fan-in before fan-out
        W = initializers.get(self.init_W)(shape, rng, dtype).swapaxes(2, 3)  # (kh, kw, filters, C)
        return {"W": np.ascontiguousarray(W), "b": np.zeros(self.filters, dtype)}

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Cache]:
        """Compute the outputs, equation (1)."""
        del rng
        shape = (*pair("kernel", self.kernel), self.filters, "C")
        W = shapes("params", params, {"W": shape, "b": (self.filters,)})["W"]
        x = batch("x", x, (None, None, W.shape[3]), W.dtype)  # (B, H, W, C)
        size = self._size(x.shape[1], x.shape[2])
        cache = _Cache(W, x, grid(size, pair("kernel", self.kernel), pair("stride", self.stride), self.padding))
        return backend.twin(correlation, x, W).spread(x, W, params["b"], cache.grid, size), cache  # (1)

    def backward(self, cache: _Cache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equations (2) to (4)."""
        W, x, windows = cache
        size = self._size(x.shape[1], x.shape[2])
        dy = cotangent(d_output, (len(x), *size, W.shape[2]), W.dtype)  # (B, rows, columns, filters)
        loops = backend.twin(correlation, x, W, dy)
        dW = loops.kernel_gradient(dy, x, W.shape[:2], windows)  # (2)
        db = loops.channel_sums(dy)  # (3)
        dx = loops.correlate(dy, W, np.zeros(W.shape[3], W.dtype), windows)  # (4)
        return dx, {"W": dW, "b": db}
