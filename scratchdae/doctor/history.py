"""A curve and the data: where a loss lies among the floors, and what cannot be known from that.

Nothing is run, so nothing is proved: the verdict is ``at_floor`` or ``unknown``, and causes are suspicions.
"""

import csv
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae.arguments import Array, choice, numbers, shown
from scratchdae.doctor.patient import Outcome
from scratchdae.doctor.report import Floor, Named, Report
from scratchdae.floors import Survey, survey

LOSSES = {  # as people call them, and as `scratchdae.losses` does
    "mse": "squared_error", "mean_squared_error": "squared_error", "squared_error": "squared_error",
    "mae": "absolute_error", "l1": "absolute_error", "absolute_error": "absolute_error",
    "bce": "cross_entropy", "binary_crossentropy": "cross_entropy", "cross_entropy": "cross_entropy",
}  # fmt: skip
_NAMES = ("loss", "train_loss", "training_loss", "train/loss", "mse")  # of the column, the first that is there
_MOST = 10_000  # examples whose floors are computed
_AT = 0.05  # of the constant's loss: so near to a floor it is at it
_FALLING, _JUMPING = 0.05, 0.25  # over the last fifth; from one loss to the next
_MEASURE = "the loss over that of the best constant"
_HIDDEN = (
    "the network, its output, its noise, the optimizer and the code: a curve and the data do not show them",
    "what a change would do: nothing was rerun",
)


def read_history(losses: str | os.PathLike[str] | Array, x: Array, loss: str = "mse") -> Report:
    """Return where a curve lies among the floors of the data it was trained on.

    Parameters
    ----------
    losses : path or ndarray, shape (n,)
        A .csv or .jsonl file with a column called loss, or one number a line; or the losses. One a step or an epoch.
    x : ndarray, shape (N, ...)
        The examples as the network was fed them.
    loss : str
        mse, mae or bce, and their longer names; a mean over all entries, or a sum over each example's, which is told
        from its size.

    Returns
    -------
    Report
        The verdict ``at_floor`` or ``unknown``, with what may be the cause.
    """
    kind = LOSSES[choice("loss", loss, LOSSES)]
    path = losses if isinstance(losses, str | os.PathLike) else None
    curve = read_losses(path) if path is not None else numbers("losses", losses).astype(np.float64).ravel()
    if not len(curve):
        raise ValueError("losses must hold at least one number, found none")
    examples = numbers("x", x)
    if examples.ndim < 2 or not examples.size:
        raise ValueError(f"x must have shape (N, ...) with one example a row, found {examples.shape}")
    rng = np.random.default_rng(0)
    flat = examples.reshape(len(examples), -1)
    if len(flat) > _MOST:
        flat = flat[np.sort(rng.choice(len(flat), _MOST, replace=False))]
    found = survey(flat.astype(np.float64), rng, masks=[], noises=[])
    report = Report("unknown", "", measure=_MEASURE)
    report.about = {"examples": len(examples), "numbers": found.d, "losses": len(curve)}
    report.unseen = _HIDDEN
    _place(report, curve, found, kind)
    return report


# ------------------------------------------------------------------ where it lies
def _place(report: Report, curve: Array, found: Survey, kind: str) -> None:
    """Fill in the verdict."""
    suspected = _data(found, kind)
    bad = np.flatnonzero(~np.isfinite(curve))
    constant = next((f.value for f in found.floors if f.kind == "constant" and f.loss == kind), 0.0)
    if constant <= 0:
        alike = found.variance == 0
        why = (
            "all examples are the same" if alike else f"values lie from {found.low:g} to {found.high:g}, not in [0, 1]"
        )
        report.sentence = f"this loss has no floor on these data: {why}"
        report.causes = _named(suspected | ({"C09": 0.35} if alike else {"F14": 0.35}))
        return
    summed = _summed(curve, constant, found.d)
    shares = curve / (constant * (found.d if summed else 1))
    report.unseen += (
        f"the reduction: taken for a {'sum over each example' if summed else 'mean over all entries'}, by its size",
    )
    report.floors = _floors(found, kind)
    report.watched = Outcome(0, len(curve), loss=curve)
    report.watched.at, report.watched.unexplained = _thinned(shares)
    if len(bad):
        report.score = math.inf
        report.sentence = f"the loss is {curve[bad[0]]} from number {bad[0] + 1} of {len(curve)} on"
        report.causes = _named(suspected | {"F02": 0.4, "F12": 0.2} | ({"F25": 0.3} if kind == "cross_entropy" else {}))
        return
    tail = shares[-max(1, len(shares) // 10) :]
    report.score = last = float(np.median(tail))
    moving, more = _movement(shares)
    near = [floor for floor in report.floors if abs(last - floor.share) < _AT * max(1.0, floor.share)]
    where = f"at {near[0].name}" if near else _between(last, report.floors)
    report.sentence = f"the loss ends at {100 * last:.3g} % of the best constant's, {where}{moving}"
    entropy = next((floor.value / constant for floor in found.floors if floor.kind == "entropy"), 0.0)
    if kind == "cross_entropy" and not more and 0 <= last - entropy < _AT * (1 - entropy):
        report.verdict, report.causes = "at_floor", [Named("H1", 0.5)]
        report.sentence += ": no network gets below the entropy of the targets, so more training is of no use"
        return
    report.causes = _named(suspected | more | _level(last, near))


def _floors(found: Survey, kind: str) -> list[Floor]:
    """Return the floors that bound a loss, as shares of the best constant's."""
    floors = [Floor("the best constant", 1.0)]
    for floor in found.floors:
        share = found.share(floor) if floor.loss == kind else None
        if share is None or floor.kind == "constant" or (floor.kind == "range" and share < 1e-3):
            continue
        floors.append(
            Floor({"range": "the best ", "code": "a ", "entropy": "the "}.get(floor.kind, "") + floor.name, share)
        )
    return floors


def _between(last: float, floors: list[Floor]) -> str:
    below = [floor for floor in floors if floor.share < last]
    above = [floor for floor in floors if floor.share > last]
    parts = [f"above {max(below, key=lambda f: f.share).name}"] if below else []
    parts += [f"below {min(above, key=lambda f: f.share).name}"] if above else []
    return " and ".join(parts)


def _summed(curve: Array, constant: float, d: int) -> bool:
    """Tell a sum over an example's entries from a mean: losses are seldom many times those of a constant."""
    finite = curve[np.isfinite(curve)]
    return bool(len(finite)) and d >= 30 and float(np.median(finite)) > 0.02 * d * constant and (
        float(finite.min()) > 2 * constant
    )  # fmt: skip


def _movement(shares: Array) -> tuple[str, dict[str, float]]:
    """Say how the curve moves at its end, and what that may mean."""
    n = len(shares)
    if n < 10:
        return f"; {n} losses are too few to see how it moves", {}
    fifth = max(1, n // 10)
    earlier, late = shares[-2 * fifth : -fifth], shares[-fifth:]
    fall = (float(earlier.mean()) - float(late.mean())) / (float(earlier.mean()) or 1.0)
    steps = np.diff(shares[-max(8, n // 4) :])
    jump = float(np.abs(steps).mean()) / (float(np.abs(late).mean()) or 1.0)
    if float(np.median(late)) > 1.5 * float(shares.min()) + 1e-3:
        return f", and has risen from {100 * float(shares.min()):.3g} %", {"F02": 0.4, "F03": 0.2}
    if jump > _JUMPING:
        turns = float((steps[1:] * steps[:-1] < 0).mean())
        how = "up and down from one to the next" if turns > 0.8 else "from one to the next"
        return f", and jumps by {100 * jump:.0f} % of itself {how}", {"F03": 0.4, "F06": 0.2}
    if fall > _FALLING:
        return f", and still falls: by {100 * fall:.2g} % over the last tenth", {"F04": 0.4, "F01": 0.3}
    return ", and no longer moves", {}


def _level(last: float, near: list[Floor]) -> dict[str, float]:
    """Say what a loss may mean that stays where it is."""
    if any("output from" in floor.name for floor in near):
        return {"F14": 0.4}
    if last > 1 + _AT:
        return {"F14": 0.25, "F15": 0.2, "F16": 0.2, "F01": 0.2}
    if last > 1 - 2 * _AT:
        return {"F01": 0.25, "F13": 0.2, "F15": 0.2, "F11": 0.15}
    return {}


def _data(found: Survey, kind: str) -> dict[str, float]:
    """Suspect the data of what they show by themselves."""
    suspected = {}
    spread = math.sqrt(found.variance)
    if spread > 0 and (abs(found.mean) > 2.5 * spread or abs(math.log10(spread)) > 1.3):
        suspected["F16"] = 0.3
    k = max(1, found.d // 8)
    if (
        found.d > 1
        and found.variance > 0
        and found.codes[k] > 0.85 * found.shuffled[k]
        and found.codes[k] > 0.3 * found.codes[0]
    ):
        suspected["F23"] = 0.3
    if kind == "cross_entropy" and (found.low < 0 or found.high > 1):
        suspected["F14"] = 0.35
    return suspected


def _named(suspected: dict[str, float]) -> list[Named]:
    return [Named(cause, suspected[cause]) for cause in sorted(suspected, key=lambda cause: -suspected[cause])]


def _thinned(shares: Array, points: int = 60) -> tuple[list[int], list[float]]:
    at = sorted(set(np.linspace(0, len(shares) - 1, min(points, len(shares))).astype(int).tolist()))
    return at, shares[at].tolist()


# ------------------------------------------------------------------ files
def read_losses(path: str | os.PathLike[str]) -> Array:
    """Read the losses of a file: JSON lines, or CSV with a header or without."""
    path = Path(path)
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise ValueError(f"{path} must hold losses, found an empty file")
    if lines[0][1].lstrip().startswith(("{", "[")):
        return np.array(_json(path, lines))
    return np.array(_csv(path, lines))


def _json(path: Path, lines: list[tuple[int, str]]) -> list[float]:
    found = []
    for number, line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            raise ValueError(f"{path}, line {number} must be JSON, found {shown(line)}") from None
        values = record if isinstance(record, list) and len(lines) == 1 else [record]
        for value in values:
            if isinstance(value, dict):
                name = next((name for name in _NAMES if name in value), None)
                if name is None:
                    raise ValueError(
                        f"{path}, line {number} must have a number called loss, found {shown(list(value))}"
                    )
                value = value[name]
            found += _number(path, number, value)
    return found


def _csv(path: Path, lines: list[tuple[int, str]]) -> list[float]:
    delimiter = max(",;\t", key=lines[0][1].count)
    rows = list(csv.reader((line for _, line in lines), delimiter=delimiter, skipinitialspace=True))
    first = [cell.strip() for cell in rows[0]]
    column, header = 0, not all(_is_number(cell) for cell in first)
    if header:
        names = [cell.lower() for cell in first]
        wanted = next((name for name in _NAMES if name in names), names[0] if len(names) == 1 else None)
        if wanted is None:
            raise ValueError(f"{path} must have a column called loss, found {shown(first)}")
        column = names.index(wanted)
    elif len(first) == 2:
        column = 1  # the first counts
    elif len(first) > 2:
        raise ValueError(f"{path} must have a column called loss, found {len(first)} columns without names")
    found = []
    for (number, line), row in zip(lines[header:], rows[header:], strict=False):
        if column >= len(row):
            raise ValueError(f"{path}, line {number} must have {len(first)} columns, found {shown(line)}")
        found += _number(path, number, row[column])
    return found


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell
    return True


def _number(path: Path, line: int, value: Any) -> list[float]:
    """Return a loss; none where the cell is empty, as loggers leave it in the rows of a validation."""
    if isinstance(value, str) and not value.strip():
        return []
    if value is None:
        return [math.nan]  # JSON's word for it
    try:
        return [float(value)]
    except (TypeError, ValueError):
        raise ValueError(f"{path}, line {line} must have a number for its loss, found {shown(value)}") from None
