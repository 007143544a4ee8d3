"""What the doctor found: the verdict, its causes, what was tried, and what was seen to help."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scratchdae.arguments import Array
from scratchdae.doctor.causes import CAUSES, nearest
from scratchdae.doctor.laboratory import Trial
from scratchdae.doctor.patient import Anatomy, Fact, Outcome

VERDICTS = ("healthy", "at_floor", "cause", "unknown", "contract")
STATUS = {"healthy": 0, "at_floor": 0, "cause": 1, "contract": 2, "unknown": 3}  # of the command line


class Named(NamedTuple):
    """A cause by its id, and how sure."""

    id: str
    confidence: float


@dataclass(frozen=True)
class Prescription:
    """A change that helps, or one that could not be tried."""

    name: str  # a row of remedies.REMEDIES
    factor: float | None = None
    together: tuple[tuple[str, float | None], ...] = ()  # (name, factor) of what belongs to it
    evidence: str = ""
    proved: bool = False  # rerun on this training, on three seeds
    before: float = float("nan")  # unexplained share, the median over the seeds
    after: float = float("nan")
    cause: str = ""  # the id that it repairs
    lines: str = ""  # as the user would write it


class Floor(NamedTuple):
    """What a reconstruction leaves at best, as a share of the variance."""

    name: str
    share: float


@dataclass
class Report:
    """A diagnosis. `verdict` is healthy, at_floor, cause, contract (the training cannot run as it is) or unknown."""

    verdict: str
    sentence: str  # the verdict in words, with its number
    causes: list[Named] = field(default_factory=list)  # best first
    prescription: list[Prescription] = field(default_factory=list)  # best first
    rejected: list[tuple[str, str]] = field(default_factory=list)  # runners-up, and why not
    floors: list[Floor] = field(default_factory=list)
    facts: tuple[Fact, ...] = ()  # seen directly; harmless where no cause names them
    unseen: tuple[str, ...] = ()  # what could not be seen
    trials: list[Trial] = field(default_factory=list)  # all that was tried, as it is first
    anatomy: Anatomy | None = None
    score: float = float("nan")  # the unexplained share of the training as it is
    judged: str = ""  # what reconstructions are judged by
    measure: str = "what is left of the variance"  # what the shares are shares of
    watched: Outcome | None = None  # the user's own training, where none was made here
    about: dict[str, Any] = field(default_factory=dict)  # framework, examples, shape, batch_size, steps, seed, seconds
    held_out: Array | None = None  # (n, D) examples whose reconstructions the trials hold
    image_shape: tuple[int, ...] | None = None

    @property
    def status(self) -> int:
        """The exit status of the command line: 0 healthy or at its floor, 1 a cause, 2 bad input, 3 unknown."""
        return STATUS[self.verdict]

    @staticmethod
    def nearest(cause: str) -> str:
        """Return the failure of training that a cause comes nearest to."""
        return nearest(cause)

    def __str__(self) -> str:
        from scratchdae.doctor.table import table

        return table(self)

    def as_json(self) -> dict[str, Any]:
        """Return everything but pictures, ready for JSON."""
        from scratchdae.doctor.table import as_json

        return as_json(self)

    def html(self) -> str:
        """Return one page that needs nothing else: curves, floors, reconstructions before and after."""
        from scratchdae.doctor.page import page

        return page(self)


def cause_name(cause: str) -> str:
    """Return a cause in words."""
    return CAUSES[cause].name
