"""What the explainer says: named mistakes, and where an answer first disagrees."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scratchdae.conformance.comparison import Difference


@dataclass(frozen=True)
class Mistake:
    """One thing that was done otherwise than the case asks.

    Attributes
    ----------
    id : str
        Its name, for programs.
    sentence : str
        What it is, for people.
    recovered : mapping of str to float
        Numbers that the case does not know and the answer betrays: a factor, a coefficient, an epsilon.
    """

    id: str
    sentence: str
    recovered: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Mistakes that together, and no fewer of them, reproduce every array of an answer.

    Attributes
    ----------
    mistakes : tuple of Mistake
        One or two.
    """

    mistakes: tuple[Mistake, ...]

    @property
    def ids(self) -> frozenset[str]:
        """Return the names of the mistakes.

        Returns
        -------
        frozenset of str
            One or two.
        """
        return frozenset(mistake.id for mistake in self.mistakes)

    def __str__(self) -> str:
        return "; and ".join(mistake.sentence for mistake in self.mistakes)


@dataclass(frozen=True)
class Explanation:
    """Why an answer disagrees with a case.

    Attributes
    ----------
    findings : tuple of Finding
        All that fit, none longer than another. Empty if the answer agrees, or if nothing known reproduces it.
    first_difference : Difference or None
        The first array that disagrees, and by how much; None if all agree.
    """

    findings: tuple[Finding, ...]
    first_difference: Difference | None

    def __str__(self) -> str:
        if self.first_difference is None:
            return "the answer agrees"
        if not self.findings:
            return f"no known mistake reproduces the answer; it first differs in {self.first_difference}"
        return "\nor: ".join(map(str, self.findings))
