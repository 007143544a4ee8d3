"""What came of each case, and of all: for people in a terminal, and as data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scratchdae.conformance.array_files import in_json
from scratchdae.conformance.case import Case
from scratchdae.conformance.comparison import Comparison, Difference
from scratchdae.conformance.manifest import DTYPES

if TYPE_CHECKING:
    from scratchdae.conformance.explainer import Explanation

AGREES, DISAGREES, ERROR, UNSUPPORTED = "agrees", "disagrees", "error", "unsupported"
STATUSES = (AGREES, DISAGREES, ERROR, UNSUPPORTED)
_NONE = "·"  # in place of a 0, so that what is not 0 is seen
_LONGEST = 1000  # characters of one line; what an adapter says may be as long as it likes


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a case."""

    case: Case
    status: str  # of `STATUSES`; an error is an answer that cannot be compared: an exception, a time-out, no arrays
    seconds: float  # what it took, the explanation included
    reason: str = ""  # why it is unsupported, or what the error was; otherwise empty
    comparison: Comparison | None = None  # of the answer with the case; None if there was no answer
    explanation: "Explanation | None" = None  # what the disagreement is; None if there is none, or none was asked for
    overridden: bool = False  # whether the adapter set the tolerance itself
    said: str = ""  # the whole of what a program that failed said on its standard error, if that is more than a line

    @property
    def supported(self) -> bool:
        """Say whether the candidate does what the case asks."""
        return self.status != UNSUPPORTED

    @property
    def difference(self) -> Difference | None:
        """Return where the answer disagrees first; None where it agrees or there is none."""
        return self.comparison.difference if self.comparison else None

    def sentence(self) -> str:
        """Say what came of it in one line, in which whatever the adapter said is made printable."""
        if self.comparison is None:
            return plain(self.reason)
        if self.difference is not None:
            return plain(str(self.difference))
        allowed = f", allowed {self.comparison.relative:.3g} by the adapter" if self.overridden else ""
        n = len(self.comparison.agreed)
        return f"{n} array{'s' * (n > 1)}, largest error {self.comparison.largest:.2g}{allowed}"

    @property
    def widened(self) -> bool:
        """Say whether the adapter's own tolerance is wider than that of the case."""
        comparison = self.comparison
        return (
            self.overridden and comparison is not None and max(map(self.case.tolerance, DTYPES)) < comparison.relative
        )

    def explained(self) -> list[str]:
        """Say what the disagreement is, in lines; none if there is no explanation."""
        return [] if self.explanation is None else [plain(line) for line in str(self.explanation).splitlines()]


@dataclass(frozen=True, eq=False)
class Report:
    """What came of all cases."""

    name: str  # of the candidate
    dtype: str  # float64 or float32: what it computes in
    tolerances: Mapping[str, float]  # those that it set itself
    results: tuple[Result, ...]  # one for each case

    @property
    def passed(self) -> bool:
        """Say whether at least one case is supported, and all that are agree."""
        supported = [result for result in self.results if result.supported]
        return bool(supported) and all(result.status == AGREES for result in supported)

    @property
    def specs(self) -> tuple[int, ...]:
        """Return the versions of the cases that were asked."""
        return versions(result.case for result in self.results)

    def count(self, status: str) -> int:
        """Count the results that have one of `STATUSES`."""
        return sum(result.status == status for result in self.results)

    def by_group(self) -> dict[str, list[Result]]:
        """Sort the results into groups, in the order in which the cases were asked."""
        groups = dict[str, list[Result]]()
        for result in self.results:
            groups.setdefault(result.case.group, []).append(result)
        return groups

    def as_json(self) -> dict[str, Any]:
        """Describe the report, ready for JSON; what that has no number for is the word NaN, Infinity or -Infinity."""
        return {
            "spec": self.specs[0] if len(self.specs) == 1 else list(self.specs),
            "adapter": plain(self.name),
            "dtype": self.dtype,
            "tolerances": {plain(name): value for name, value in self.tolerances.items()},
            "passed": self.passed,
            "passed_by_own_tolerances": self.passed and any(result.widened for result in self.results),
            "counts": {status: self.count(status) for status in STATUSES},
            "cases": [_result_as_json(result) for result in self.results],
        }

    def __str__(self) -> str:
        width = case_width(result.case for result in self.results)
        supported = self.results if self.count(UNSUPPORTED) < len(self.results) else ()
        rows = [line for result in supported for line in row(result, width)]
        parts = [
            *heading(self.name, self.dtype, self.tolerances, self.specs),
            "",
            *rows,
            *explanations(self),
            "",
            *summary(self),
        ]
        return "\n".join(parts)


def heading(name: str, dtype: str, tolerances: Mapping[str, float], specs: Iterable[int]) -> list[str]:
    """Say who answers, in lines for a terminal."""
    own = [f"tolerance  {plain(of)}: {relative:.3g}, set by the adapter" for of, relative in tolerances.items()]
    return [f"adapter    {plain(name)}, {dtype}; cases of spec {in_words(specs)}", *own]


def versions(cases: Iterable[Case]) -> tuple[int, ...]:
    """Return the versions that there are among cases."""
    return tuple(sorted({case.spec for case in cases}))


def in_words(specs: Iterable[int]) -> str:
    """Name versions: ``1``, or ``1 and 2``."""
    return " and ".join(map(str, specs))


def case_width(cases: Iterable[Case]) -> int:
    """Return how wide the column of all cases that will be shown is, in characters."""
    return max((len(case.id) for case in cases), default=0)


def row(result: Result, width: int) -> list[str]:
    """Show a result in a line for a terminal, and what a program said in more."""
    word = result.status if result.status in (AGREES, UNSUPPORTED) else result.status.upper()
    return [
        f"{result.case.id:<{width}}  {word:<11}  {result.sentence()}",
        *(f"  | {plain(line)}" for line in result.said.splitlines()),
    ]


def explained_together(report: Report) -> list[tuple[list[str], list[str]]]:
    """Return each explanation of a run once, in lines, with the cases that have it."""
    of: dict[tuple[str, ...], list[str]] = {}
    for result in report.results:
        if result.explanation is not None:
            of.setdefault(tuple(result.explained()), []).append(result.case.id)
    return [(list(lines), cases) for lines, cases in of.items()]


def explanations(report: Report) -> list[str]:
    """Show what the disagreements of a run are, in lines for a terminal."""
    lines = []
    for explained, cases in explained_together(report):
        lines += ["", f"in {', '.join(cases)}:", *(f"  {line}" for line in explained)]
    return lines


def summary(report: Report) -> list[str]:
    """Count the results of each group, and of all, in lines for a terminal."""
    groups = report.by_group()
    width = max((len(name) for name in groups), default=0)
    lines = [f"{'group':<{width}}  {'  '.join(f'{status:>11}' for status in STATUSES)}"] if groups else []
    for name, results in groups.items():
        counts = [sum(result.status == status for result in results) for status in STATUSES]
        lines.append(f"{name:<{width}}  {'  '.join(f'{count or _NONE:>11}' for count in counts)}")
    return [*lines, "", *nothing(report), verdict(report)]


def nothing(report: Report) -> list[str]:
    """Say what to do where not one case is supported."""
    if not report.results or report.count(UNSUPPORTED) < len(report.results):
        return []
    operations = dict.fromkeys(result.case.operation for result in report.results)
    reasons = dict.fromkeys(result.sentence() for result in report.results)
    said = next(iter(reasons)) if len(reasons) == 1 else f"it has none of the methods {', '.join(operations)}"
    return [f"nothing was answered ({said}): `scratchdae conform template {next(iter(operations))}` writes a beginning"]


def verdict(report: Report) -> str:
    """Say what came of all cases, in a sentence."""
    unsupported = report.count(UNSUPPORTED)
    supported = len(report.results) - unsupported
    if not supported:
        return f"none of {len(report.results)} cases is supported: nothing was compared"
    rest = f"; {unsupported} are unsupported" if unsupported else ""
    own = sum(result.widened and result.status == AGREES for result in report.results)
    own_words = f", {own} of them within wider tolerances that the adapter set itself" if own else ""
    return f"{report.count(AGREES)} of {supported} supported cases agree{own_words}{rest}"


def plain(text: str) -> str:
    """Make a text printable in one line, whatever an adapter put in it; a long one loses its middle.

    Control characters, line ends and lone surrogates are escaped as Python writes them.
    """
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _result_as_json(result: Result) -> dict[str, Any]:
    comparison, difference = result.comparison, result.difference
    content: dict[str, Any] = {
        "case": result.case.id,
        "operation": result.case.operation,
        "status": result.status,
        "seconds": round(result.seconds, 6),
    }
    if result.reason:
        content["reason"] = plain(result.reason)
    if result.said:
        content["standard_error"] = [plain(line) for line in result.said.splitlines()]
    if comparison is not None:
        content |= {"allowed": comparison.relative, "allowed_by": "adapter" if result.overridden else "case"}
        content |= {"agreed": list(comparison.agreed), "largest_error": comparison.largest}
    if difference is not None:
        numbers = {name: getattr(difference, name) for name in ("expected", "found", "error", "allowed", "ulp")}
        content["difference"] = {
            "stage": difference.stage,
            "array": plain(difference.array),
            "message": plain(difference.message),
            "index": None if difference.index is None else list(difference.index),
            **{name: None if value is None else in_json(value) for name, value in numbers.items()},
        }
    if result.explanation is not None:
        content["explanation"] = result.explained()
        content["confidence"] = result.explanation.confidence
        content["findings"] = [
            [
                {"mistake": one.id, "recovered": {name: in_json(v) for name, v in one.recovered.items()}}
                for one in mistakes
            ]
            for mistakes in (finding.mistakes for finding in result.explanation.findings)
        ]
    return content
