"""What the explainer says: named mistakes, and where an answer first disagrees."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchdae.conformance.comparison import Difference

ALONE = "this, and nothing else known"
ONE_OF = "one of these"
PLACE = "the place and the factor, not the cause"
UNKNOWN = "unknown"
NO_CAUSE = "what it should be"  # of a sentence that has a factor and no more
ROUNDING = "no more than rounding"  # what one that comes as near as that leaves


@dataclass(frozen=True)
class Mistake:
    """One thing that was done otherwise than the case asks."""

    id: str  # its name, for programs
    sentence: str  # what it is, for people
    # numbers that the case does not know and the answer betrays: a factor, a coefficient, an epsilon
    recovered: Mapping[str, float] = field(default_factory=dict)
    weight: int = 1  # 2 if it holds a short number without a name, 3 if that number is long or a bare factor
    turned: tuple[str, Any] = field(default=("", None), compare=False)  # the switch of the account, and its value


@dataclass(frozen=True)
class Finding:
    """Mistakes that together, and no fewer of them, reproduce every array of an answer."""

    mistakes: tuple[Mistake, ...]  # one or two

    @property
    def ids(self) -> frozenset[str]:
        """Return the names of the mistakes."""
        return frozenset(mistake.id for mistake in self.mistakes)

    @property
    def weight(self) -> int:
        """Return how much it has to assume: a fitted number costs more than a named mistake."""
        return sum(mistake.weight for mistake in self.mistakes)

    def __str__(self) -> str:
        return "; and ".join(mistake.sentence for mistake in self.mistakes)


@dataclass(frozen=True)
class Explanation:
    """Why an answer disagrees with a case."""

    # all that fit and cost least. Empty if the answer agrees, or if nothing known reproduces it
    findings: tuple[Finding, ...]
    first_difference: Difference | None  # the first array that disagrees, and by how much; None if all agree
    degenerate: tuple[str, ...] = ()  # arrays that are all zero, constant or NaN, in sentences
    pattern: str = ""  # where nothing fits: what the first difference looks like
    nearest: tuple[str, ...] = ()  # where nothing fits: the named mistakes that come nearest, and how near
    refuted: bool = False  # whether other cases of the same operation speak against all that fit, or fitted, here

    @property
    def confidence(self) -> str:
        """Say how much is known, in one of four phrases; nothing if the answer agrees."""
        if self.first_difference is None:
            return ""
        if not self.findings:
            return UNKNOWN
        if len(self.findings) > 1:
            return ONE_OF
        factors = any(one.weight == 3 or NO_CAUSE in one.sentence for one in self.findings[0].mistakes)
        return PLACE if factors else ALONE

    def __str__(self) -> str:
        if self.first_difference is None:
            return "the answer agrees"
        lines = list(self.degenerate)
        if self.findings:
            lines += [f"{'or: ' * (k > 0)}{finding}" for k, finding in enumerate(self.findings)]
            if self.refuted:
                lines.append(
                    "but it is not made throughout: in other cases of the operation it would give another answer"
                )
            apart = ": no case that was asked tells them apart" if len(self.findings) > 1 else ""
            return "\n".join([*lines, f"({self.confidence}{apart})"])
        none = "no known mistake reproduces the answer" + " and those to the other cases" * self.refuted
        lines.append(f"{none}; it first differs in {self.first_difference}")
        lines += [self.pattern] if self.pattern else []
        near = ("nearly" if ROUNDING in one else "near, but not it" for one in self.nearest)
        lines += [f"{how}: {one}" for how, one in zip(near, self.nearest, strict=True)]
        return "\n".join([*lines, f"({UNKNOWN})"])
