"""What a file does not say about itself, and its user may; what was found in it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scratchdae.arguments import Array, choice, flag, instance, integer, number, sides

if TYPE_CHECKING:
    from scratchdae.datasets.reading.pictures import Pictures

SCALES = (
    "range",
    "standard",
    "raw",
    "stored",
)  # [0, 1]; each column of mean 0 and deviation 1; as numbers; as they are
BEHIND = {"black": 0, "white": 255}  # transparent pixels


@dataclass(frozen=True)
class Options:
    """How to read; what is None is found by looking, or left alone."""

    shape: tuple[int, ...] | None = None  # of an example: (rows, columns[, channels]), or (D,), which is no image
    channels: str | None = None  # of images (N, ., ., .): "first" or "last"
    transpose: bool = False  # exchange rows and columns of images, as EMNIST needs
    label: str | None = None  # the column of a table that is no input, by name or number from 0; "none": all are
    scale: float | str | None = None  # what to divide by, or one of SCALES
    alpha: str | None = None  # what is behind transparent pixels: "black" or "white"
    frame: int | None = None  # samples of a sound in an example
    hop: int | None = None  # samples from one example to the next; as many as `frame` has

    def __post_init__(self) -> None:
        """Refuse what says nothing."""
        if self.shape is not None:
            sides("shape", self.shape, (1, 2, 3), "be (rows, columns), (rows, columns, channels) or (numbers,)")
        for name, allowed in (("channels", ("first", "last")), ("alpha", tuple(BEHIND))):
            if getattr(self, name) is not None:
                choice(name, getattr(self, name), allowed)
        if isinstance(self.scale, str):
            choice("scale", self.scale, SCALES)
        elif self.scale is not None:
            number("scale", self.scale, above=0)
        flag("transpose", self.transpose)
        if self.label is not None:
            instance("label", self.label, str, "the name of a column, its number as text, or none")
        for name in ("frame", "hop"):
            if getattr(self, name) is not None:
                integer(name, getattr(self, name))


@dataclass
class Found:
    """What a file holds, as it holds it."""

    x: "Array | Pictures"
    labels: Callable[[], Array | None] = lambda: None  # read only where they are asked for
    test: Array | None = None  # (M, ...), where a file has such a part
    notes: list[str] = field(default_factory=list)  # what was done already, and what is odd
    columns: list[str] | None = None  # of a table, of which a square number is no image; "" of those without a name
    matlab: bool = False  # whose images may have the examples last
