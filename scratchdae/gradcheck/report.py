"""What a gradient check found, and how it prints."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Row:
    """The worst entry of one parameter."""

    __module__ = "scratchdae.gradcheck"  # where files that hold one look for it

    name: str  # the parameter
    index: tuple[int, ...]  # where in it the error is largest
    analytic: float  # the gradient that was given there
    numeric: float  # the one measured
    error: float  # their difference, in units of the largest entry of that parameter's gradient
    entries: int  # how many were looked at
    ok: bool  # whether the error is within the tolerance


@dataclass(frozen=True)
class Report:
    """What a gradient check found: one row a parameter, then the direction that sees all entries at once."""

    __module__ = "scratchdae.gradcheck"

    method: str  # "complex" or "central"
    reason: str  # why that method, where it was not asked for
    tolerance: float  # largest error allowed
    rows: tuple[Row, ...]  # the worst entry of each parameter
    direction: Row  # the random direction: ⟨g, v⟩ as given and as measured
    order: float  # of the Taylor remainder, as `taylor_order` returns it
    readings: tuple[str, ...] = ()  # what is wrong, in sentences, as far as the numbers tell

    @property
    def ok(self) -> bool:
        """Whether every error is within the tolerance and the Taylor order is not that of a wrong gradient."""
        return all(row.ok for row in (*self.rows, self.direction)) and not self.order < 1.5

    def raise_on_failure(self) -> None:
        """Raise an AssertionError with the report as its message if the check failed."""
        if not self.ok:
            raise AssertionError(f"the gradient is wrong\n{self}")

    def __str__(self) -> str:
        width = max(len(row.name) for row in (*self.rows, self.direction))
        head = f"{'':4}  {'parameter':<{width}}  {'worst index':<14}  {'analytic':>16}  {'numeric':>16}  {'error':>8}"
        lines = [f"gradient check, {self.method} ({self.reason}), tolerance {self.tolerance:.0e} of max|g|", head]
        for row in (*self.rows, self.direction):
            where = str(row.index) if row.index else "-"
            lines.append(
                f"{'ok' if row.ok else 'FAIL':4}  {row.name:<{width}}  {where:<14}  "
                f"{row.analytic:>16.9e}  {row.numeric:>16.9e}  {row.error:>8.1e}"
            )
        verdict = "2 for a right gradient, 1 for a wrong one" if np.isfinite(self.order) else "too small to tell"
        lines.append(f"{'FAIL' if self.order < 1.5 else 'ok':4}  Taylor order {self.order:.2f} ({verdict})")
        return "\n".join([*lines, *self.readings])
