"""What one layer of a stack is, and how it is pretrained, in one object that compares, hashes and goes into JSON."""

from dataclasses import dataclass
from typing import Any

from scratchdae.arguments import choice, integer, number
from scratchdae.autoencoder import LOSSES
from scratchdae.corruption import Corruption
from scratchdae.schedules import Constant, Schedule


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
        Of the reconstruction, through a sigmoid in either case.

    Raises
    ------
    ValueError
        If one is out of range.
    """

    units: int
    nu: float | Corruption = 0.0
    lr: float | Schedule = 0.1
    epochs: int = 10
    batch_size: int = 20
    loss: str = "cross_entropy"

    def __post_init__(self) -> None:
        integer("units", self.units)
        if not isinstance(self.nu, Corruption):
            number("nu", self.nu, at_least=0, at_most=1)
        if not callable(self.lr):
            number("lr", self.lr, above=0)
        integer("epochs", self.epochs, at_least=0)
        integer("batch_size", self.batch_size)
        choice("loss", self.loss, LOSSES)

    @property
    def corruption(self) -> Corruption | None:
        """The corruption process.

        Returns
        -------
        Corruption or None
            Masking of an exact count where `nu` is a number; None where that is 0.
        """
        if isinstance(self.nu, Corruption):
            return self.nu
        return Corruption("masking", self.nu) if self.nu else None

    @property
    def config(self) -> dict[str, Any]:
        """The specification, ready for JSON.

        Returns
        -------
        dict
            Corruption and learning rate in the form in which they print.
        """
        return {
            "units": self.units,
            "corruption": str(self.corruption or "none"),
            "lr": str(self.lr if callable(self.lr) else Constant(self.lr)),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "loss": self.loss,
        }
