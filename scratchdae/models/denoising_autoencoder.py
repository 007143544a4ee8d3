"""An autoencoder's sizes, options and parameters in one object. The mathematics is in `scratchdae.autoencoder`."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scratchdae import arguments, autoencoder, losses
from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params, flag, generator, integer, matrix, pair, precision, shapes, unit_interval
from scratchdae.initializers import Initializer, get, sigmoid_uniform, zeros


class DenoisingAutoencoder:
    """The denoising autoencoder as an object that `scratchdae.fit` trains.

    Parameters
    ----------
    n_visible, n_hidden : int
        D and H, each at least 1.
    rng : numpy.random.Generator
        Source of the first weights.
    tied : bool
        Whether the decoder's weights are the encoder's, transposed; the paper calls it optional.
    loss, output, reduction : str
        As in `scratchdae.autoencoder.loss_and_grads`.
    dtype : {float64, float32}
        Of the parameters and so of everything computed with them.
    initializer : Initializer
        Draws the weights; biases begin at zero.

    Attributes
    ----------
    params : dict of str to ndarray
        ``W`` (D, H), ``b`` (H,), ``b_prime`` (D,) and, untied, ``W_prime`` (H, D).
    """

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        rng: np.random.Generator,
        *,
        tied: bool = True,
        loss: str = "cross_entropy",
        output: str = "sigmoid",
        reduction: str = "paper",
        dtype: npt.DTypeLike = np.float64,
        initializer: Initializer = sigmoid_uniform,
    ) -> None:
        generator("rng", rng)
        self._configure(n_visible, n_hidden, tied, loss, output, reduction, dtype)
        D, H, draw = self.n_visible, self.n_hidden, get(initializer)
        drawn = {
            "W": draw((D, H), rng, self.dtype),
            "b": zeros((H,), dtype=self.dtype),
            "b_prime": zeros((D,), dtype=self.dtype),
        }
        if not self.tied:
            drawn["W_prime"] = draw((H, D), rng, self.dtype)
        self.params: Params = self.check_params(drawn, "initializer")

    def _configure(
        self, n_visible: int, n_hidden: int, tied: bool, loss: str, output: str, reduction: str, dtype: npt.DTypeLike
    ) -> None:
        self.n_visible = integer("n_visible", n_visible)
        self.n_hidden = integer("n_hidden", n_hidden)
        self.tied = flag("tied", tied)
        self.dtype = precision("dtype", dtype)
        autoencoder.check_options(loss, output, reduction)
        self.options = {"loss": str(loss), "output": str(output), "reduction": str(reduction)}

    @classmethod
    def from_config(cls, config: dict[str, Any], params: Params) -> "DenoisingAutoencoder":
        """Rebuild a model, which shares the arrays, from its `config` and parameters, as a checkpoint holds them."""
        model = cls.__new__(cls)
        try:
            model._configure(**{name: value for name, value in config.items() if name != "model"})
        except (AttributeError, TypeError):
            raise ValueError(
                f"config must be that of a denoising autoencoder, found {arguments.shown(config)}"
            ) from None
        model.params = shapes("params", params, model._shapes())
        model.dtype = precision("the dtype of params", model.params["W"].dtype)
        return model

    @property
    def config(self) -> dict[str, Any]:
        """Sizes and options, ready for JSON: what `from_config` takes."""
        sizes = {"n_visible": self.n_visible, "n_hidden": self.n_hidden, "tied": self.tied}
        return {"model": "autoencoder", **sizes, **self.options, "dtype": self.dtype.name}

    def check_params(self, params: Params, name: str = "params") -> Params:
        """Return parameters in the model's order, refused unless they have its names, shapes and dtype."""
        return shapes(name, params, self._shapes(), self.dtype)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        D, H = self.n_visible, self.n_hidden
        return {"W": (D, H), "b": (H,), "b_prime": (D,), **({} if self.tied else {"W_prime": (H, D)})}

    def check(self, x: Array, target: Array) -> None:
        """Refuse inputs (B, D) and targets (B, D) that do not fit: the door to `loss_and_grads` and `loss`."""
        matrix("x", x, columns=self.n_visible)
        target = matrix("target", target, columns=self.n_visible)
        if self.options["loss"] == "cross_entropy":
            unit_interval("target", target)

    def loss_and_grads(
        self, params: Params, x_tilde: Array, x: Array, rng: np.random.Generator | None = None
    ) -> tuple[np.inexact, Params]:
        """Evaluate the loss and its gradients with the model's options, of a batch whose range `check` let through.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters; the model's own are `params`.
        x_tilde, x : ndarray, shape (B, D)
            Corrupted inputs and clean targets.
        rng : numpy.random.Generator, optional
            Not used: nothing in the model is random. The loop hands it to networks with noise or dropout inside.

        Returns
        -------
        loss : scalar
            The loss.
        grads : dict of str to ndarray
            Gradient of each parameter.
        """
        del rng
        W = autoencoder.check_params(params)
        x_tilde, x = pair("x_tilde", x_tilde, "x", x, W.shape[0], W.dtype)
        return autoencoder.gradients(params, x_tilde, x, *self.options.values())

    def loss(self, params: Params, x_tilde: Array, x: Array) -> np.inexact:
        """Evaluate the loss alone, of inputs (B, D), clean or corrupted, and clean targets whose range was checked."""
        W = autoencoder.check_params(params)
        x_tilde, x = pair("x_tilde", x_tilde, "x", x, W.shape[0], W.dtype)
        a_z = autoencoder.forward(params, x_tilde)[0]
        if self.options["loss"] == "cross_entropy":
            return losses.cross_entropy_alone(a_z, x, len(x) if self.options["reduction"] == "paper" else x.size)
        return autoencoder.output_loss(a_z, x, **self.options)[0]

    def encode(self, x: Array) -> Array:
        """Return the hidden representation (B, H) of clean inputs (B, D)."""
        return autoencoder.encode(self.params, x)

    def reconstruct(self, x: Array) -> Array:
        """Return the reconstruction (B, D) of inputs (B, D), clean or corrupted, taken as they are."""
        a_z, _ = autoencoder.forward(self.params, x)
        return a_z if self.options["output"] == "linear" else sigmoid(a_z)
