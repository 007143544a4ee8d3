"""A corruption process with its level, as `fit` takes it and the command line writes it."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, choice, instance, integer, number, shown
from scratchdae.corruption.processes import CORRUPTIONS
from scratchdae.schedules import AnySchedule, Constant, parse


@dataclass(frozen=True)
class Corruption:
    """A corruption process whose level follows a schedule; it prints as it is parsed, ``masking:0.3``.

    Attributes
    ----------
    kind : str
        Which process: a name in `CORRUPTIONS`.
    level : float or schedule
        The fraction `nu`, or the standard deviation for Gaussian noise.

    Raises
    ------
    ValueError
        If the process is unknown or a level it will reach, in whatever epoch, is out of range.
    """

    kind: str
    level: float | AnySchedule

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", choice("corruption", self.kind, CORRUPTIONS))
        if not callable(self.level):
            object.__setattr__(self, "level", Constant(number("corruption level", self.level)))
        at_most = np.inf if self.kind == "gaussian" else 1.0
        # Schedules rise or fall all the way, but for a warm-up, which turns where it ends.
        for end in (self.at(0), self.at(getattr(self.level, "epochs", 0)), self.at(10**9)):
            number(f"{self.kind} level", end, at_least=0, at_most=at_most)

    @classmethod
    def parse(cls, text: str) -> "Corruption | None":
        """Read ``KIND:LEVEL``, for example ``masking:0.3`` or ``gaussian:linear(0.5, 0.1, 10)``.

        Parameters
        ----------
        text : str
            A kind and its level, or ``none``.

        Returns
        -------
        Corruption or None
            The process, or None for no corruption at all.
        """
        if instance("corruption", text, str, "text, KIND:LEVEL") == "none":
            return None
        kind, colon, level = text.partition(":")
        choice("corruption", kind, CORRUPTIONS)
        if not colon:
            raise ValueError(f"corruption must be KIND:LEVEL, for example masking:0.3, found {shown(text)}")
        return cls(kind, parse("corruption level", level))

    def at(self, epoch: int) -> float:
        """Return the level of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        float
            A fraction, or a standard deviation.
        """
        assert callable(self.level)
        return self.level(integer("epoch", epoch, at_least=0))

    def corrupt(self, x: Array, rng: np.random.Generator, epoch: int = 0) -> Array:
        """Corrupt a batch.

        Parameters
        ----------
        x : ndarray, shape (B, D) or (B, ...)
            Clean batch.
        rng : numpy.random.Generator
            Source of randomness.
        epoch : int
            Counted from 0; it sets the level.

        Returns
        -------
        ndarray, shape of `x`
            The corrupted batch.
        """
        return CORRUPTIONS[self.kind](x, self.at(epoch), rng)

    def __str__(self) -> str:
        return f"{self.kind}:{self.level}"
