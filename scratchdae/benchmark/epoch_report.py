"""A benchmark of epochs in words, in JSON, and as a table that can be quoted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scratchdae.benchmark.measure import TOLERANCE
from scratchdae.benchmark.measure_epochs import EpochRow
from scratchdae.benchmark.report import SUBJECT
from scratchdae.benchmark.works.epoch import EpochKind, EpochSetting
from scratchdae.benchmark.works.work import VALIDATED_STEPS

BARE = "bare steps"
_CLEAN = "none"
_COLUMNS = {SUBJECT: "`fit`", "torch": "PyTorch", "torch-inplace": "PyTorch by hand", "jax": "JAX", "numpy": "NumPy"}


@dataclass(frozen=True)
class EpochResult:
    """All that a benchmark of epochs found."""

    kind: EpochKind
    rows: tuple[EpochRow, ...]  # a competitor in a setting each
    left_out: dict[str, str]  # why a competitor did not take part, by its name
    about: dict[str, Any]  # command, machine, threads, versions and data, ready for JSON

    @property
    def settings(self) -> list[EpochSetting]:
        """List what was timed, in the order of the rows."""
        return list(dict.fromkeys(row.setting for row in self.rows))

    @property
    def peers(self) -> list[str]:
        """List whom `fit` is compared with."""
        return [name for name in dict.fromkeys(row.name for row in self.rows) if name not in (SUBJECT, BARE)]

    def median(self, name: str, H: int, B: int, corruption: str) -> float | None:
        """Return the median samples a second; None where it was not timed."""
        found = ((row, row.setting) for row in self.rows if row.rates and row.name == name)
        where = (H, B, corruption)
        return next((row.median for row, at in found if (at.n_hidden, at.batch_size, at.corruption) == where), None)

    def ratio(self, setting: EpochSetting, name: str, corruption: str | None = None) -> float | None:
        """Divide the rate of `fit` by another's, or by that with another corruption."""
        where = setting.n_hidden, setting.batch_size
        subject = self.median(SUBJECT, *where, setting.corruption)
        other = self.median(name, *where, setting.corruption if corruption is None else corruption)
        return None if subject is None or other is None else subject / other

    def as_json(self) -> dict[str, Any]:
        """Return the content of ``bench.json``."""
        compared = []
        for setting in self.settings:
            ratios = {name: self.ratio(setting, name) for name in (*self.peers, BARE)}
            ratios["clean"] = None if setting.corruption == _CLEAN else self.ratio(setting, SUBJECT, _CLEAN)
            found = {name: round(ratio, 3) for name, ratio in ratios.items() if ratio is not None}
            where = {"n_hidden": setting.n_hidden, "batch_size": setting.batch_size, "corruption": setting.corruption}
            compared.append({**where, "ratios": found})
        return {
            **self.about,
            "finding": finding(self),
            "work": {"name": self.kind.name, **self.kind.about},
            "rows": [row.as_json() for row in self.rows],
            f"{SUBJECT}_divided_by": compared,
            "left_out": [{"name": name, "reason": reason} for name, reason in self.left_out.items()],
        }


def progress(rows: tuple[EpochRow, ...]) -> list[str]:
    """Write what was found in settings that differ in corruption alone, the fastest of each first."""
    lines = []
    for setting in dict.fromkeys(row.setting for row in rows):
        here = [row for row in rows if row.setting == setting]
        timed = sorted((row for row in here if row.rates), key=lambda row: -row.median)
        lines.append(f"{setting}: samples a second, median (least to most) of {max(map(_rounds, here))} epochs")
        for row in timed:
            spread = f"({min(row.rates):,.0f} to {max(row.rates):,.0f})"
            lines.append(f"  {row.name:<14}{row.median:>9,.0f}  {spread:<23}  {row.examples:,} examples")
        for row in here:
            if row.failure is not None:
                lines.append(f"  {row.name:<14}FAILED {row.failure}")
            elif not row.right:
                error, allowed = row.update_error, TOLERANCE[setting.dtype]
                lines.append(
                    f"  {row.name:<14}WRONG, not timed: after {VALIDATED_STEPS} steps its updates differ from the "
                    f"reference's by {error:.1e} of their own size, allowed are {allowed:.0e}"
                )
    return lines


def table(result: EpochResult) -> list[str]:
    """Write all medians as a Markdown table, and how many times as fast as each peer `fit` is."""
    peers, clean = result.peers, any(setting.corruption == _CLEAN for setting in result.settings)
    noisy = clean and any(setting.corruption != _CLEAN for setting in result.settings)
    bare = any(row.name == BARE for row in result.rows)
    heads = ["H", "B", "corruption", *(_COLUMNS.get(name, name) for name in (SUBJECT, *peers))]
    heads += [f"÷ {_COLUMNS.get(name, name)}" for name in peers] + ["÷ clean"] * noisy + [f"÷ {BARE}"] * bare
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for setting in result.settings:
        where = setting.n_hidden, setting.batch_size, setting.corruption
        cells = [str(part) for part in where]
        cells += [_cell(result.median(name, *where), "{:,.0f}".format) for name in (SUBJECT, *peers)]
        of_clean = None if setting.corruption == _CLEAN else result.ratio(setting, SUBJECT, _CLEAN)
        ratios = [result.ratio(setting, name) for name in peers]
        ratios += [of_clean] * noisy + [result.ratio(setting, BARE)] * bare
        lines.append(f"| {' | '.join([*cells, *(_cell(ratio, '{:.2f}'.format) for ratio in ratios)])} |")
    return lines


def finding(result: EpochResult) -> str:
    """Say in a sentence, without a full stop, how `fit` compares with each peer, with the first corruption."""
    if not result.settings:
        return "nothing was timed"
    first = result.settings[0].corruption
    parts, slower = [], []
    for name in result.peers:
        ratios = {s: found for s in result.settings if s.corruption == first and (found := result.ratio(s, name))}
        if ratios:
            least, most = f"{min(ratios.values()):.2f}", f"{max(ratios.values()):.2f}"
            parts.append(f"{least if least == most else f'{least} to {most}'} × {name}")
        slower += [f"{name} at H = {s.n_hidden}, B = {s.batch_size}" for s, found in ratios.items() if found < 1]
    if not parts:
        return f"{SUBJECT} and a peer were never both timed"
    sentence = f"fit with {first if first != _CLEAN else 'no corruption'}: {', '.join(parts)}"
    return f"{sentence}; slower than {', '.join(slower)}" if slower else sentence


def _rounds(row: EpochRow) -> int:
    return len(row.rates)


def _cell(value: float | None, form: Callable[[float], str]) -> str:
    return "" if value is None else form(value)
