"""A restricted Boltzmann machine's sizes, options and parameters in one object. Mathematics: `scratchdae.rbm`."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchdae import arguments, autoencoder, losses, rbm
from scratchdae.arguments import Array, Params, choice, matrix, precision, shapes, shown
from scratchdae.initializers import Initializer, get, normal, zeros

VISIBLE = ("probabilities", "samples")
SMALL_NORMAL = partial(normal, scale=0.01)  # Hinton 2010, section 8


class RestrictedBoltzmannMachine:
    """The restricted Boltzmann machine as an object that `scratchdae.fit` trains, by contrastive divergence.

    The loop takes what CD-k yields for a gradient, and draws its chains from the stream that dropout draws from in
    other models. The loss that it records is the reconstruction's, which CD does not descend: to know more, call
    `scratchdae.rbm.log_pseudo_likelihood` or `free_energy` after an epoch, through ``on_epoch``.

    Parameters
    ----------
    n_visible, n_hidden : int
        D and H, each at least 1.
    rng : numpy.random.Generator
        Source of the first weights.
    k : int
        Steps of the chain.
    visible : {"probabilities", "samples"}
        What the visible units of the chain are.
    dtype : {float64, float32}
        Of the parameters and so of everything computed with them.
    initializer : Initializer
        Draws the weights; biases begin at zero.

    Attributes
    ----------
    params : dict of str to ndarray
        ``W`` (D, H), ``b`` (H,) of the hidden and ``b_prime`` (D,) of the visible units.
    """

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        rng: np.random.Generator,
        *,
        k: int = 1,
        visible: str = "probabilities",
        dtype: npt.DTypeLike = np.float64,
        initializer: Initializer = SMALL_NORMAL,
    ) -> None:
        arguments.generator("rng", rng)
        self._configure(n_visible, n_hidden, k, visible, dtype)
        D, H = self.n_visible, self.n_hidden
        drawn = {
            "W": get(initializer)((D, H), rng, self.dtype),
            "b": zeros((H,), dtype=self.dtype),
            "b_prime": zeros((D,), dtype=self.dtype),
        }
        self.params: Params = self.check_params(drawn, "initializer")

    def _configure(self, n_visible: int, n_hidden: int, k: int, visible: str, dtype: npt.DTypeLike) -> None:
        self.n_visible = arguments.integer("n_visible", n_visible)
        self.n_hidden = arguments.integer("n_hidden", n_hidden)
        self.k = arguments.integer("k", k)
        self.visible = choice("visible", visible, VISIBLE)
        self.dtype = precision("dtype", dtype)

    @classmethod
    def from_config(cls, config: dict[str, Any], params: Params) -> "RestrictedBoltzmannMachine":
        """Rebuild a model, which shares the arrays, from its `config` and parameters, as a checkpoint holds them."""
        model = cls.__new__(cls)
        try:
            model._configure(**{name: value for name, value in config.items() if name != "model"})
        except (AttributeError, TypeError):
            raise ValueError(f"config must be that of a restricted Boltzmann machine, found {shown(config)}") from None
        model.params = shapes("params", params, model._shapes())
        model.dtype = precision("the dtype of params", model.params["W"].dtype)
        return model

    @property
    def config(self) -> dict[str, Any]:
        """Sizes and options, ready for JSON: what `from_config` takes."""
        sizes = {"n_visible": self.n_visible, "n_hidden": self.n_hidden}
        return {"model": "rbm", **sizes, "k": self.k, "visible": self.visible, "dtype": self.dtype.name}

    def check_params(self, params: Params, name: str = "params") -> Params:
        """Return parameters in the model's order, refused unless they have its names, shapes and dtype."""
        return shapes(name, params, self._shapes(), self.dtype)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {"W": (self.n_visible, self.n_hidden), "b": (self.n_hidden,), "b_prime": (self.n_visible,)}

    def check(self, x: Array, target: Array) -> None:
        """Refuse examples (B, D) that do not fit or lie outside [0, 1], and any target but the same examples."""
        x = matrix("x", x, columns=self.n_visible)
        arguments.unit_interval("x", x)
        if not np.array_equal(x, matrix("target", target)):
            raise ValueError(
                "target must be the input itself for a restricted Boltzmann machine, which takes neither targets nor "
                "corruption, found another"
            )

    def loss_and_grads(
        self, params: Params, x: Array, target: Array, rng: np.random.Generator | None = None
    ) -> tuple[np.inexact, Params]:
        """Take CD-k's statistics with the model's options.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters; the model's own are `params`.
        x, target : ndarray, shape (B, D)
            Examples in [0, 1], and the same again.
        rng : numpy.random.Generator
            Draws the chain.

        Returns
        -------
        loss : scalar
            Cross-entropy of the reconstruction from drawn hidden units.
        grads : dict of str to ndarray
            What stands for the gradient of each parameter; not that of the loss.
        """
        rng = arguments.generator("rng", rng)
        self.check_params(params)
        self.check(x, target)
        hidden = rng.random((self.k, len(x), self.n_hidden), dtype=self.dtype.type)
        visible = None
        if self.visible == "samples":
            visible = rng.random((self.k, len(x), self.n_visible), dtype=self.dtype.type)
        return rbm.contrastive_divergence(params, x, hidden, visible)

    def loss(self, params: Params, x: Array, target: Array) -> np.inexact:
        """Evaluate the reconstruction from the hidden units' probabilities; nothing is drawn.

        It is the cross-entropy that an autoencoder of these parameters has: sum over D, mean over B, in nats.
        """
        a_z, _ = autoencoder.forward(params, matrix("x", x, columns=self.n_visible))
        target = matrix("target", target, columns=self.n_visible, dtype=a_z.dtype)
        arguments.same_shape("target", target, "x", a_z)
        arguments.unit_interval("target", target)
        return losses.cross_entropy(a_z, target)[0]

    def encode(self, x: Array) -> Array:
        """Return the probabilities (B, H) of the hidden units, p(h_j = 1 | v = x), for examples (B, D)."""
        return autoencoder.encode(self.params, x)
