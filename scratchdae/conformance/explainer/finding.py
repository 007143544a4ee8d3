"""What the explainer says: named mistakes, and where an answer first disagrees."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scratchdae.conformance.comparison import Difference


@dataclass(frozen=True)
class Mistake:
    """One thing that was done otherwise than the case asks."""

    id: str  # its name, for programs
    sentence: str  # what it is, for people
    # numbers that the case does not know and the answer betrays: a factor, a coefficient, an epsilon
    recovered: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Mistakes that together, and no fewer of them, reproduce every array of an answer."""

    mistakes: tuple[Mistake, ...]  # one or two

    @property
    def ids(self) -> frozenset[str]:
        """Return the names of the mistakes."""
        return frozenset(mistake.id for mistake in self.mistakes)

    def __str__(self) -> str:
        return "; and ".join(mistake.sentence for mistake in self.mistakes)


@dataclass(frozen=True)
class Explanation:
    """Why an answer disagrees with a case."""

    # all that fit, none longer than another. Empty if the answer agrees, or if nothing known reproduces it
    findings: tuple[Finding, ...]
    first_difference: Difference | None  # the first array that disagrees, and by how much; None if all agree

    def __str__(self) -> str:
        if self.first_difference is None:
            return "the answer agrees"
        if not self.findings:
            return f"no known mistake reproduces the answer; it first differs in {self.first_difference}"
        return "\nor: ".join(map(str, self.findings))
