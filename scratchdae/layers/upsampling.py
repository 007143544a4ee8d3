"""Upsampling: every pixel repeated, the reverse path of pooling in a convolutional autoencoder."""

import sys
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scratchdae import backend
from scratchdae.arguments import Array, Params, keep
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.parameterless import Parameterless
from scratchdae.layers.windows import image_shape, pair

_LOOPS = sys.modules[__name__]  # its functions have compiled twins


def upsample(x: Array, factor: tuple[int, int]) -> Array:
    """Repeat every pixel, down and across."""
    (B, H, W, C), (fh, fw) = x.shape, factor
    repeated = np.broadcast_to(x[:, :, None, :, None], (B, H, fh, W, fw, C))
    return repeated.reshape(B, H * fh, W * fw, C)


def block_sums(dy: Array, factor: tuple[int, int]) -> Array:
    """Sum the gradient over the copies of each pixel."""
    fh, fw = factor
    sums = dy[:, ::fh, ::fw].copy()  # (B, H, W, C), of (B, H·fh, W·fw, C)
    for i in range(fh):
        for j in range(fw):
            if i or j:
                sums += dy[:, i::fh, j::fw]
    return sums


class _Cache(NamedTuple):
    shape: tuple[int, ...]  # of the outputs
    dtype: np.dtype


@dataclass(frozen=True)
class UpSampling2D(Parameterless):
    """Every pixel repeated, its nearest neighbour taken: (H, W, C) to (H·factor, W·factor, C).

    ::

        y_hwk = x_{⌊h/factor⌋, ⌊w/factor⌋, k}                              (1)
        dx_hwk = Σ dy over the copies of the pixel                         (2)

    Keras' layer of that name with its default interpolation, PyTorch's ``Upsample(scale_factor=factor)``. Not to be
    confused with unpooling, which puts each value back where the maximum stood, nor with bilinear interpolation.
    """

    factor: int | tuple[int, int] = 2  # how often each pixel is repeated, down and across

    def __post_init__(self) -> None:
        keep(self, pair, "factor")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        (height, width, channels), (fh, fw) = image_shape(input_shape), pair("factor", self.factor)
        return height * fh, width * fw, channels

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Cache]:
        """Repeat the pixels, equation (1)."""
        del params, rng
        x = batch("x", x, (None, None, None))
        y = backend.twin(_LOOPS, x).upsample(x, self.factor)  # (1)
        return y, _Cache(y.shape, x.dtype)

    def backward(self, cache: _Cache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equation (2)."""
        dy = cotangent(d_output, cache.shape, cache.dtype)
        return backend.twin(_LOOPS, dy).block_sums(dy, self.factor), {}  # (2)
