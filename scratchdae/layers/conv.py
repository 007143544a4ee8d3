"""Two-dimensional convolution: the same small kernels at every place of an image."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scratchdae import backend, initializers
from scratchdae.arguments import Array, Params, choice, integer, keep, shapes
from scratchdae.layers import correlation
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.windows import PADDINGS, Grid, grid, image_shape, pair


class _Cache(NamedTuple):
    W: Array  # (kh, kw, C, filters)
    x: Array  # (B, H, W, C)
    grid: Grid


@dataclass(frozen=True)
class Conv2D:
    """Convolution of images: (H, W, C) to (rows, columns, filters).

    ::

        y_rcf = b_f + Σ_ijk x_{rs+i−p, cs+j−p, k} W_ijkf                   (1)
        dW_ijkf = Σ_rc x_{rs+i−p, cs+j−p, k} dy_rcf  (and over the batch)  (2)
        db_f = Σ_rc dy_rcf                           (and over the batch)  (3)
        dx_hwk = Σ_{rcij f: rs+i−p=h, cs+j−p=w} dy_rcf W_ijkf              (4)

    s is the stride, p the padding before the first pixel. The kernel is not flipped: strictly this is a
    cross-correlation, as in all frameworks. `scratchdae.layers.correlation` computes it; `scratchdae.layers.windows`
    tells where the windows lie. Not to be confused with a dilated or a grouped convolution, which this is not.

    Where frameworks differ: ``padding="same"`` is TensorFlow's and Keras' rule, which for strides above 1 puts the
    windows elsewhere than PyTorch's symmetric padding. Keras keeps W as here; PyTorch keeps (filters, C, kh, kw), and
    its images are (C, H, W).
    """

    filters: int  # number of kernels, the channels of the output
    kernel: int | tuple[int, int] = (3, 3)  # height and width
    stride: int | tuple[int, int] = 1  # pixels from one window to the next, down and across
    padding: str = "same"  # ceil(H / s) windows with zeros around the image; "valid": only those inside it
    init_W: str = "glorot_uniform"  # of `scratchdae.initializers`; b begins at zero

    def __post_init__(self) -> None:
        keep(self, integer, "filters")
        keep(self, pair, "kernel", "stride")
        keep(self, choice, "padding", choices=PADDINGS)
        keep(self, initializers.named, "init_W")

    def _grid(self, size: tuple[int, int]) -> Grid:
        return grid(size, pair("kernel", self.kernel), pair("stride", self.stride), self.padding)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        height, width, _ = image_shape(input_shape)
        return (*self._grid((height, width)).size, self.filters)

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        self.output_shape(input_shape)
        shape = (*pair("kernel", self.kernel), input_shape[2], self.filters)  # (kh, kw, C, filters)
        return {"W": initializers.get(self.init_W)(shape, rng, dtype), "b": np.zeros(self.filters, dtype)}

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Cache]:
        """Compute the outputs, equation (1)."""
        del rng
        shape = (*pair("kernel", self.kernel), "C", self.filters)
        W = shapes("params", params, {"W": shape, "b": (self.filters,)})["W"]
        x = batch("x", x, (None, None, W.shape[2]), W.dtype)  # (B, H, W, C)
        cache = _Cache(W, x, self._grid((x.shape[1], x.shape[2])))
        return backend.twin(correlation, x, W).correlate(x, W, params["b"], cache.grid), cache  # (1)

    def backward(self, cache: _Cache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equations (2) to (4)."""
        W, x, windows = cache
        dy = cotangent(d_output, (len(x), *windows.size, W.shape[3]), W.dtype)  # (B, rows, columns, filters)
        loops = backend.twin(correlation, x, W, dy)
        dW = loops.kernel_gradient(x, dy, W.shape[:2], windows)  # (2)
        db = loops.channel_sums(dy)  # (3)
        dx = loops.spread(dy, W, np.zeros(W.shape[2], W.dtype), windows, x.shape[1:3])  # (4)
        return dx, {"W": dW, "b": db}
