"""A benchmark in words and in JSON."""

from dataclasses import dataclass
from typing import Any

from scratchdae.benchmark.limits import Limits
from scratchdae.benchmark.measure import TOLERANCE, Row
from scratchdae.benchmark.work import LR, NU, VALIDATED_STEPS

SUBJECT = "scratchdae"  # whom the others are compared with


@dataclass(frozen=True)
class Result:
    """All that a benchmark found.

    Attributes
    ----------
    rows : tuple of Row
        A competitor in a setting each.
    left_out : dict of str to str
        Why a competitor did not take part, by its name.
    limits : Limits
        Of the machine.
    n_visible : int
        D.
    about : dict
        Command, machine, threads, versions and data, ready for JSON.
    """

    rows: tuple[Row, ...]
    left_out: dict[str, str]
    limits: Limits
    n_visible: int
    about: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the content of ``bench.json``.

        Returns
        -------
        dict
            Ready for JSON.
        """
        hidden = sorted({row.setting.n_hidden for row in self.rows})
        return {
            **self.about,
            "work": {
                "model": "denoising autoencoder, tied weights, sigmoid units",
                "loss": "cross_entropy",
                "corruption": f"masking:{NU}",
                "optimizer": f"SGD, lr {LR}",
                "n_visible": self.n_visible,
            },
            "limits": {
                "gemm_gflops": self.limits.gflops,
                "fastest_gemm": self.limits.fastest,
                "copy_gbytes_per_second": self.limits.gbytes,
                "dense_samples_per_second": {str(H): self.limits.dense(self.n_visible, H) for H in hidden},
            },
            "rows": [row.as_json() for row in self.rows],
            "left_out": [{"name": name, "reason": reason} for name, reason in self.left_out.items()],
        }


def table(rows: tuple[Row, ...]) -> list[str]:
    """Write the rows of one setting as a table, the fastest first.

    Parameters
    ----------
    rows : tuple of Row
        The competitors in one setting.

    Returns
    -------
    list of str
        Its lines.
    """
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
        if not row.right:
            lines.append(
                f"  {row.name:<14}WRONG, not timed: after {VALIDATED_STEPS} steps its updates differ from the "
                f"reference's by {row.error:.1e} of the largest, allowed are {TOLERANCE[setting.dtype]:.0e}"
            )
    return lines


def summary(result: Result) -> list[str]:
    """Write the medians of all settings, a line each, and how the subject compares with the limit and its best peer.

    Parameters
    ----------
    result : Result
        What was found.

    Returns
    -------
    list of str
        The lines of a table, with a heading.
    """
    rows = result.rows
    names = list(dict.fromkeys(row.name for row in rows))
    width = max(13, *map(len, names)) + 2
    lines = [f"{'H':>6}{'B':>6}{''.join(f'{name:>{width}}' for name in names)}{'dense limit':>{width}}"]
    for setting in dict.fromkeys(row.setting for row in rows):
        medians = {row.name: row.median for row in rows if row.setting == setting and row.rates}
        cells = [f"{medians[name]:,.0f}" if name in medians else "wrong" for name in names]
        line = f"{setting.n_hidden:>6}{setting.batch_size:>6}{''.join(f'{cell:>{width}}' for cell in cells)}"
        line += f"{result.limits.dense(result.n_visible, setting.n_hidden):>{width},.0f}"
        peers = {name: median for name, median in medians.items() if name != SUBJECT}
        if SUBJECT in medians and peers:
            strongest = max(peers, key=lambda name: peers[name])
            line += f"   {SUBJECT} is {medians[SUBJECT] / peers[strongest]:.2f} × {strongest}"
        lines.append(line)
    return lines
