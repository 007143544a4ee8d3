"""Two-dimensional convolution: the same small kernels at every place of an image."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scratchdae import backend, initializers
from scratchdae.arguments import Array, Params, integer
from scratchdae.layers import correlation
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.windows import Grid, grid, image_shape, padding_name, pair


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

    Attributes
    ----------
    filters : int
        Number of kernels, the channels of the output.
    kernel : int or (int, int)
        Height and width of a kernel.
    stride : int or (int, int)
        Pixels from one window to the next.
    padding : {"same", "valid"}
        ceil(H / s) windows with zeros around the image, or only those inside it.
    init_W : str
        Name of the initializer of ``W``, in `scratchdae.initializers`; ``b`` begins at zero.
    """

    filters: int
    kernel: int | tuple[int, int] = (3, 3)
    stride: int | tuple[int, int] = 1
    padding: str = "same"
    init_W: str = "glorot_uniform"

    def __post_init__(self) -> None:
        integer("filters", self.filters)
        object.__setattr__(self, "kernel", pair("kernel", self.kernel))
        object.__setattr__(self, "stride", pair("stride", self.stride))
        padding_name(self.padding)
        initializers.get(self.init_W)

    def _grid(self, size: tuple[int, int]) -> Grid:
        return grid(size, pair("kernel", self.kernel), pair("stride", self.stride), self.padding)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of an output, without the batch axis.

        Parameters
        ----------
        input_shape : (int, int, int)
            Height, width, channels.

        Returns
        -------
        tuple of int
            Rows, columns, filters.

        Raises
        ------
        ValueError
            If the input is no image, or the kernel does not fit into it.
        """
        height, width, _ = image_shape(input_shape)
        return (*self._grid((height, width)).size, self.filters)

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        """Draw the first parameters.

        Parameters
        ----------
        input_shape : (int, int, int)
            Height, width, channels.
        rng : numpy.random.Generator
            Source of randomness.
        dtype : dtype
            Of the parameters.

        Returns
        -------
        dict of str to ndarray
            ``W`` (kh, kw, C, filters), ``b`` (filters,).

        Raises
        ------
        ValueError
            If the input is no image, or the kernel does not fit into it.
        """
        self.output_shape(input_shape)
        shape = (*pair("kernel", self.kernel), input_shape[2], self.filters)
        return {"W": initializers.get(self.init_W)(shape, rng, dtype), "b": np.zeros(self.filters, dtype)}

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Cache]:
        """Compute the outputs, equation (1).

        Parameters
        ----------
        params : dict of str to ndarray
            ``W`` (kh, kw, C, filters), ``b`` (filters,).
        x : ndarray, shape (B, H, W, C)
            Images.
        rng : numpy.random.Generator, optional
            Not used: nothing is drawn.

        Returns
        -------
        y : ndarray, shape (B, rows, columns, filters)
            Outputs.
        cache : tuple
            What `backward` needs.

        Raises
        ------
        ValueError
            If `x` does not hold images of C channels, or the kernel does not fit into them.
        """
        del rng
        W = params["W"]
        x = batch("x", x, (None, None, W.shape[2]), W.dtype)
        cache = _Cache(W, x, self._grid((x.shape[1], x.shape[2])))
        return backend.twin(correlation, x, W).correlate(x, W, params["b"], cache.grid), cache  # (1)

    def backward(self, cache: _Cache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equations (2) to (4).

        Parameters
        ----------
        cache : tuple
            From `forward`.
        d_output : ndarray, shape (B, rows, columns, filters)
            Gradient with respect to the outputs.

        Returns
        -------
        dx : ndarray, shape (B, H, W, C)
            Gradient with respect to the images.
        grads : dict of str to ndarray
            Gradients of ``W`` and ``b``.

        Raises
        ------
        ValueError
            If the gradient's shape is not that of the outputs.
        """
        W, x, windows = cache
        dy = cotangent(d_output, (len(x), *windows.size, W.shape[3]), W.dtype)
        loops = backend.twin(correlation, x, W, dy)
        dW = loops.kernel_gradient(x, dy, W.shape[:2], windows)  # (2)
        db = loops.channel_sums(dy)  # (3)
        dx = loops.spread(dy, W, np.zeros(W.shape[2], W.dtype), windows, x.shape[1:3])  # (4)
        return dx, {"W": dW, "b": db}
