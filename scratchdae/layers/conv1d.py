"""Convolutions along one axis: those of `Conv2D` and `Conv2DTranspose` on images of one row."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from scratchdae import initializers
from scratchdae.arguments import Array, Params, choice, integer, keep, shapes, sides
from scratchdae.layers.conv import Conv2D
from scratchdae.layers.conv_transpose import Conv2DTranspose
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.windows import PADDINGS


@dataclass(frozen=True)
class _OfSequences:
    """What both share; they differ in the layer of images that computes them."""

    filters: int  # number of kernels, the channels of the output
    kernel: int = 3  # steps that a window sees
    stride: int = 1  # steps from one window to the next
    padding: str = "same"  # ceil(T / s) windows with zeros around the sequence; "valid": only those inside it
    init_W: str = "glorot_uniform"  # of `scratchdae.initializers`; b begins at zero

    _twin: ClassVar[type[Conv2D] | type[Conv2DTranspose]]
    _axes: ClassVar[tuple[str, ...]]  # the last two of W

    def __post_init__(self) -> None:
        keep(self, integer, "filters", "kernel", "stride")
        keep(self, choice, "padding", choices=PADDINGS)
        keep(self, initializers.named, "init_W")

    @property
    def _of_images(self) -> Conv2D | Conv2DTranspose:
        return self._twin(self.filters, (1, self.kernel), (1, self.stride), self.padding, self.init_W)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        steps, channels = sides("input_shape", input_shape, (2,), "be (steps, channels)")
        return self._of_images.output_shape((1, steps, channels))[1:]

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        self.output_shape(input_shape)
        drawn = self._of_images.init((1, *input_shape), rng, dtype)
        return drawn | {"W": drawn["W"][0]}

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Compute the outputs, equation (1)."""
        del rng
        sizes = [self.filters if axis == "filters" else axis for axis in self._axes]
        params = shapes("params", params, {"W": (self.kernel, *sizes), "b": (self.filters,)})
        W = params["W"]
        x = batch("x", x, (None, W.shape[1 + self._axes.index("C")]), W.dtype)  # (B, T, C)
        y, cache = self._of_images.forward(params | {"W": W[None]}, x[:, None])
        return y[:, 0], cache  # (B, steps, filters)

    def backward(self, cache: Any, d_output: Array) -> tuple[Array, Params]:
        shape = (len(cache.x), *self.output_shape(cache.x.shape[2:]))
        dx, grads = self._of_images.backward(cache, cotangent(d_output, shape)[:, None])
        return dx[:, 0], grads | {"W": grads["W"][0]}


@dataclass(frozen=True)
class Conv1D(_OfSequences):
    """Convolution of sequences: (T, C) to (steps, filters).

    ::

        y_tf = b_f + Σ_ik x_{ts+i−p, k} W_ikf                              (1)

    and backwards the equations of `Conv2D`, of which this is the case of one row, with the same padding and the same
    differences between frameworks. Keras keeps W (kernel, C, filters) as here; PyTorch keeps (filters, C, kernel), and
    its sequences are (C, T). Not to be confused with a causal convolution, whose padding is all before the first step.
    """

    _twin: ClassVar[type[Conv2D] | type[Conv2DTranspose]] = Conv2D
    _axes: ClassVar[tuple[str, ...]] = ("C", "filters")


@dataclass(frozen=True)
class Conv1DTranspose(_OfSequences):
    """The gradient of a `Conv1D` with respect to its sequences, used forwards: (T, C) to (T s, filters).

    ::

        y_hf = b_f + Σ_{tik: ts+i−p=h} x_tk W_ifk                          (1)

    Sizes, padding and what it is not to be confused with are those of `Conv2DTranspose`. Keras keeps W
    (kernel, filters, C) as here; PyTorch keeps (C, filters, kernel) and asks for the size by ``padding`` and
    ``output_padding``.
    """

    _twin: ClassVar[type[Conv2D] | type[Conv2DTranspose]] = Conv2DTranspose
    _axes: ClassVar[tuple[str, ...]] = ("filters", "C")
