"""A benchmark in words and in JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from scratchdae.benchmark.limits import Limits
from scratchdae.benchmark.measure import TOLERANCE, Row
from scratchdae.benchmark.works.work import VALIDATED_STEPS, Kind, Setting

SUBJECT = "scratchdae"  # whom the others are compared with


@dataclass(frozen=True)
class Result:
    """All that a benchmark found."""

    kind: Kind
    rows: tuple[Row, ...]  # a competitor in a setting each
    left_out: dict[str, str]  # why a competitor did not take part, by its name
    limits: Limits
    about: dict[str, Any]  # command, machine, threads, versions and data, ready for JSON
    # What was measured just before and after a setting, whichever is more: the machine of that minute.
    nearby: Mapping[Setting, Limits] = field(default_factory=dict)

    @property
    def settings(self) -> list[Setting]:
        """List what was timed, in the order of the rows."""
        return list(dict.fromkeys(row.setting for row in self.rows))

    def medians(self, setting: Setting) -> dict[str, float]:
        """List the median samples a second in a setting, of each competitor that was timed."""
        return {row.name: row.median for row in self.rows if row.setting == setting and row.rates}

    def dense(self, setting: Setting) -> float:
        """Return how many samples a second the fastest matrix product alone would allow, if no zero is left out."""
        return self.limits.dense(self.kind.operations(setting.n_hidden))

    def beside_strongest(self, setting: Setting) -> tuple[str, float] | None:
        """Name the fastest of the others and divide the subject's rate by its rate; None where either is missing."""
        medians = self.medians(setting)
        subject = medians.pop(SUBJECT, None)
        if subject is None or not medians:
            return None
        strongest = max(medians, key=lambda name: medians[name])
        return strongest, subject / medians[strongest]

    def beside_products(self, setting: Setting) -> dict[str, Any] | None:
        """Compare the subject with the libraries' products, as if it left out no zero; None where it was not timed."""
        subject = self.medians(setting).get(SUBJECT)
        if subject is None:
            return None
        gflops, products = subject * self.kind.operations(setting.n_hidden) / 1e9, self.nearby.get(setting, self.limits)
        return {
            **asdict(setting),
            "equivalent_gflops": gflops,
            "gemm_gflops": products.gflops,
            "of_gemm": {name: gflops / rate for name, rate in products.gflops.items()},
        }

    def as_json(self) -> dict[str, Any]:
        """Return the content of ``bench.json``."""
        hidden = sorted({setting.n_hidden for setting in self.settings})
        beside_products = [self.beside_products(setting) for setting in self.settings]
        return {
            **self.about,
            "finding": finding(self),
            "work": {
                "name": self.kind.name,
                **self.kind.work.about,
                "units_a_layer": {str(H): list(self.kind.sizes(H)) for H in hidden},
                "operations_a_sample": {str(H): self.kind.operations(H) for H in hidden},
                "operations": f"of the matrix products if no zero is left out: {self.kind.work.cost}",
            },
            "limits": {
                "gemm_gflops": self.limits.gflops,
                "gemm_blas": self.limits.blas,
                "gemm_failed": self.limits.failed,
                "fastest_gemm": self.limits.fastest,
                "copy_gbytes_per_second": self.limits.gbytes,
                "dense_samples_per_second": {str(H): self.limits.dense(self.kind.operations(H)) for H in hidden},
            },
            "rows": [row.as_json() for row in self.rows],
            f"{SUBJECT}_beside_products": [found for found in beside_products if found is not None],
            "left_out": [{"name": name, "reason": reason} for name, reason in self.left_out.items()],
        }


def table(rows: tuple[Row, ...]) -> list[str]:
    """Write the rows of one setting as a table, the fastest first."""
    setting = rows[0].setting
    timed = sorted((row for row in rows if row.rates), key=lambda row: -row.median)
    rounds = max((len(row.rates) for row in timed), default=0)
    lines = [f"{setting}: samples a second, median (least to most) of {rounds} rounds"]
    subject = next((row for row in timed if row.name == SUBJECT), None)
    for row in timed:
        spread = f"({min(row.rates):,.0f} to {max(row.rates):,.0f})"
        line = f"  {row.name:<14}{row.median:>9,.0f}  {spread:<23}"
        if subject is not None and row is not subject:
            line += f"  {SUBJECT} takes {subject.median / row.median:.2f} times as many"
        lines.append(line.rstrip())
    for row in rows:
        if row.failure is not None:
            lines.append(f"  {row.name:<14}FAILED {row.failure}")
        elif not row.right:
            lines.append(
                f"  {row.name:<14}WRONG, not timed: after {VALIDATED_STEPS} steps its updates differ from the "
                f"reference's by {row.update_error:.1e} of the largest, allowed are {TOLERANCE[setting.dtype]:.0e}"
            )
    return lines


def summary(result: Result) -> list[str]:
    """Write the medians of all settings, a line each, and how the subject compares with the limit and its best peer."""
    names = list(dict.fromkeys(row.name for row in result.rows))
    failed = {(row.name, row.setting) for row in result.rows if row.failure is not None}
    width = max(13, *map(len, names)) + 2
    lines = [f"{'H':>6}{'B':>6}{''.join(f'{name:>{width}}' for name in names)}{'dense limit':>{width}}"]
    for setting in result.settings:
        medians = result.medians(setting)
        untimed = {name: "failed" if (name, setting) in failed else "wrong" for name in names}
        cells = [f"{medians[name]:,.0f}" if name in medians else untimed[name] for name in names]
        line = f"{setting.n_hidden:>6}{setting.batch_size:>6}{''.join(f'{cell:>{width}}' for cell in cells)}"
        line += f"{result.dense(setting):>{width},.0f}"
        if (beside := result.beside_strongest(setting)) is not None:
            line += f"   {SUBJECT} is {beside[1]:.2f} × {beside[0]}"
        lines.append(line)
    return lines


def products(result: Result) -> list[str]:
    """Write what the subject makes of the matrix products, for every H, with the batch where they matter most."""
    largest, lines = max(setting.batch_size for setting in result.settings), []
    for setting in result.settings:
        if setting.batch_size != largest or (found := result.beside_products(setting)) is None:
            continue
        shares = ", ".join(f"{share:.2f} × {result.limits.called(name)}" for name, share in found["of_gemm"].items())
        lines.append(
            f"H = {setting.n_hidden}, B = {largest}: {SUBJECT} does the work of {found['equivalent_gflops']:,.0f} "
            f"dense GFLOP/s ({result.kind.work.cost}), {shares}"
        )
    return lines


def finding(result: Result) -> str:
    """Say in a sentence, without a full stop, how the subject compares with the strongest peer of each setting."""
    beside = {setting: result.beside_strongest(setting) for setting in result.settings}
    ratios = {setting: found[1] for setting, found in beside.items() if found is not None}
    if not ratios:
        return f"{SUBJECT} and a peer were never both timed"
    least, most = f"{min(ratios.values()):.2f}", f"{max(ratios.values()):.2f}"
    ratio = least if least == most else f"{least} to {most}"
    sentence = f"{SUBJECT} is {ratio} times as fast as its strongest peer"
    slower = [f"H = {one.n_hidden}, B = {one.batch_size}" for one, found in ratios.items() if found < 1]
    if slower:
        sentence += f"; slower in {len(slower)} of {len(ratios)} settings"
        sentence += f" ({'; '.join(slower)})" if len(slower) <= 3 else ""
    return sentence
