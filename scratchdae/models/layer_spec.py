"""What one layer of a stack is, and how it is pretrained, in one object that compares, hashes and goes into JSON."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import choice, integer, keep, number
from scratchdae.autoencoder import LOSSES
from scratchdae.corruption import Corruption
from scratchdae.models.boltzmann import RestrictedBoltzmannMachine
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.schedules import Constant, Schedule
from scratchdae.training.options import Training

KINDS = ("autoencoder", "rbm")
StackedLayer: TypeAlias = DenoisingAutoencoder | RestrictedBoltzmannMachine


@dataclass(frozen=True)
class LayerSpec:
    """What one layer is, and how it is pretrained.

    Attributes
    ----------
    units : int
        Its hidden units.
    nu : float or Corruption
        The fraction of its input that is destroyed, an exact count an example, or another corruption. 0 trains an
        ordinary autoencoder.
    lr : float or schedule
        Learning rate, per epoch.
    epochs : int
        How often to go through the examples; 0 leaves the first weights as they were drawn.
    batch_size : int
        Examples a step.
    loss : {"cross_entropy", "squared_error"}
        Of an autoencoder's reconstruction, through a sigmoid in either case.
    kind : {"autoencoder", "rbm"}
        A denoising autoencoder, or a restricted Boltzmann machine, of which deep belief networks are made.
    k : int
        Steps of contrastive divergence, for the machine.
    """

    units: int
    nu: float | Corruption = 0.0
    lr: float | Schedule = 0.1
    epochs: int = 10
    batch_size: int = 20
    loss: str = "cross_entropy"
    kind: str = "autoencoder"
    k: int = 1

    def __post_init__(self) -> None:
        keep(self, integer, "units", "batch_size", "k")
        if not isinstance(self.nu, Corruption):
            keep(self, number, "nu", at_least=0, at_most=1)
        if not callable(self.lr):
            keep(self, number, "lr", above=0)
        keep(self, integer, "epochs", at_least=0)
        lr = self.lr if self.epochs or not callable(self.lr) else 0.1
        Training(self.epochs or 1, lr, self.batch_size)  # checks them
        keep(self, choice, "loss", choices=LOSSES)
        keep(self, choice, "kind", choices=KINDS)
        if self.kind == "autoencoder" and self.k != 1:
            raise ValueError(f"k must be left out for an autoencoder, which has no chain, found {self.k}")
        if self.kind == "rbm" and (self.nu != 0 or self.loss != "cross_entropy"):
            found = f"nu={self.nu!s} and loss={self.loss!r}"
            raise ValueError(f"nu and loss must be left out for kind='rbm', which has neither, found {found}")

    @property
    def corruption(self) -> Corruption | None:
        """The corruption process: masking of an exact count where `nu` is a number, None where that is 0."""
        if isinstance(self.nu, Corruption):
            return self.nu
        return Corruption("masking", self.nu) if self.nu else None

    def training(self, seed: int, backend: str) -> Training:
        """Return how the layer is pretrained; `epochs` must not be 0."""
        return Training(self.epochs, self.lr, self.batch_size, corruption=self.corruption, seed=seed, backend=backend)

    @property
    def config(self) -> dict[str, Any]:
        """The specification, ready for JSON: schedules as they print; ``kind`` and ``k`` for the machine alone."""
        schedule = str(self.lr if callable(self.lr) else Constant(self.lr))
        training = {"lr": schedule, "epochs": self.epochs, "batch_size": self.batch_size}
        if self.kind == "rbm":
            return {"kind": self.kind, "units": self.units, "k": self.k, **training}
        return {"units": self.units, "corruption": str(self.corruption or "none"), **training, "loss": self.loss}

    def build(self, n_visible: int, rng: np.random.Generator, dtype: npt.DTypeLike) -> StackedLayer:
        """Make the layer on `n_visible` units, untrained, with first weights from `rng` in `dtype`."""
        if self.kind == "rbm":
            return RestrictedBoltzmannMachine(n_visible, self.units, rng, k=self.k, dtype=dtype)
        return DenoisingAutoencoder(n_visible, self.units, rng, loss=self.loss, dtype=dtype)
