"""A report as one page of HTML that needs nothing else: no network, no script; its figures are inside it."""

import base64
import io
import math
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from scratchdae import plots
from scratchdae.arguments import Array
from scratchdae.doctor import table
from scratchdae.doctor.laboratory import Trial
from scratchdae.doctor.patient import Outcome
from scratchdae.doctor.remedies import REMEDIES
from scratchdae.doctor.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PICTURES, _LINES = 10, 4  # examples that are shown
_FLOORS = (":", "--", "-.", (0, (5, 1)), (0, (1, 4)))
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; max-width: 860px; margin: 0 auto; padding: 1em; }
h1 { font-size: 1.5em; line-height: 1.2; } h2 { font-size: 1.1em; margin: 1.8em 0 .4em; }
.healthy, .at_floor { border-left: 8px solid #1f5fa8; } .cause, .contract { border-left: 8px solid #d9622b; }
.unknown { border-left: 8px solid #8a8a8a; } header { padding-left: .8em; }
pre { background: #f3f3f0; padding: .7em; overflow-x: auto; font-size: .88em; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(330px, 100%), 1fr)); gap: 1em; }
figure { margin: 0; } img { width: 100%; height: auto; } figcaption, .small { color: #555; font-size: .88em; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92em; }
td, th { text-align: left; vertical-align: top; padding: .25em .6em .25em 0; border-bottom: 1px solid #e2e2e2; }
td.number { text-align: right; white-space: nowrap; } .yours { font-weight: bold; }
.bar { display: block; height: .45em; background: #1f5fa8; min-width: 1px; } td.length { width: 20%; }
"""


def page(report: Report) -> str:
    """Return the page."""
    title, measured = escape(table.title(report)), table.measured(report)
    parts = [
        f'<header class="{escape(report.verdict)}"><h1>{title}</h1><p>{escape(report.sentence)}</p></header>',
        _section("Evidence", _list(table.evidence(report))),
        _section("Repair", "".join(_repairs(report))),
        _section("Curves and pictures", _figures(report)),
        _section(measured[:1].upper() + measured[1:], _floors(report)),
        _section("Seen directly", _list(table.told(report, fact) for fact in report.facts)),
        _section("To read", _list(table.to_read(report))),
        _section("What was tried, and what it left", _trials(report)),
        _section("Rejected", _list(f"{table.cause_of(cause)}: {why}" for cause, why in report.rejected)),
        _section("What could not be seen", _list(report.unseen)),
        f'<p class="small">{escape(table.about(report))}</p>',
    ]
    body = "\n".join(part for part in parts if part)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


# ------------------------------------------------------------------ text
def _section(heading: str, content: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{content}</section>" if content else ""


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _repairs(report: Report) -> Iterable[str]:
    for place, one in enumerate(table.repairs(report)):
        code = table.code(report, one)
        yield f"<p>{'' if place == 0 else 'or: '}{escape(table.words(report, one))} <span class='small'>"
        yield f"({escape(table.proof(one))})</span></p>{f'<pre>{escape(code)}</pre>' if code else ''}"


def _floors(report: Report) -> str:
    rows = (
        f'<tr{" class=yours" if name.startswith("YOURS") else ""}><td class="number">{table.percent(share)}</td>'
        f'<td class="length">{_bar(share)}</td><td>{escape(name)}</td></tr>'
        for share, name in ((floor.share, floor.name) for floor in table.marks(report))
    )
    return _table(rows)


def _trials(report: Report) -> str:
    rows = (
        f'<tr><td class="number">{escape(share)}</td><td class="length">{_bar(value)}</td><td>{escape(name)}</td>'
        f"<td>{escape(what)}</td></tr>"
        for share, name, what, value in table.trials(report)
    )
    return _table(rows)


def _table(rows: Iterable[str]) -> str:
    body = "".join(rows)
    return f'<div class="scroll"><table>{body}</table></div>' if body else ""


def _bar(share: float) -> str:
    """Draw a share, at most 1, as a length."""
    return f'<span class="bar" style="width:{100 * min(share, 1):.1f}%"></span>' if math.isfinite(share) else ""


# ------------------------------------------------------------------ figures
def _figures(report: Report) -> str:
    base = table.seen(report)
    if base is None:
        return ""
    found = repaired(report)
    after = found.outcome if found is not None else None
    drawn = []
    if len(base.unexplained) > 1:
        drawn.append(_figure(_shares(report, base, after), f"{report.measure.capitalize()}, step by step."))
    if len(base.loss) > 1:
        drawn.append(_figure(_losses(base, after), "What your step returned; a repair may change what it measures."))
    text = "".join(drawn)
    pictures = _examples(report, base, after)
    if pictures is not None:
        seen = f"Reconstructions of {report.judged or 'held-out examples'}."
        text = f'<div class="figures">{text}</div>{_figure(pictures, seen)}'
    else:
        text = f'<div class="figures">{text}</div>' if text else ""
    return text


def repaired(report: Report) -> Trial | None:
    """Return the trial of the first prescription."""
    if report.verdict != "cause" or not report.prescription:
        return None
    first = report.prescription[0]
    wanted = [(first.name, first.factor), *first.together]
    for trial in report.trials:
        made = [(name, factor or REMEDIES[name].factor) for name, factor in trial.changes]
        if made == wanted and trial.outcome is not None:
            return trial
    return None


def _figure(figure: "Figure", caption: str) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150, metadata={"Software": None})
    data = base64.b64encode(file.getvalue()).decode("ascii")
    text = escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'


def _shares(report: Report, base: Outcome, after: Outcome | None) -> "Figure":
    figure = plots.sheet(5.2, 4.4)
    ax: Axes = figure.subplots()
    runs = [(base, "as it is", plots.ORANGE, "o")]
    runs += [(after, "repaired", plots.BLUE, "s")] if after is not None else []
    far = len(runs) > 1 and max(run.at[-1] for run, *_ in runs) > 3 * min(run.at[-1] for run, *_ in runs)
    for run, label, color, marker in runs:
        found = np.asarray(run.unexplained)
        shares = np.where(np.isfinite(found), np.clip(found, 1e-4, 10), np.nan)  # a gap where it was not finite
        steps = np.maximum(run.at, 1) if far else np.asarray(run.at)
        plots.points(ax, steps, shares, color=color, marker=marker, line="-", markersize=4, label=label)
    for floor, style in zip((f for f in report.floors if f.share > 0), _FLOORS, strict=False):
        plots.floor_line(ax, min(floor.share, 10.0), linestyle=style, color=plots.GREY, label=floor.name)
    plots.logarithmic(ax, "y")
    if far:
        plots.logarithmic(ax, "x")
    else:
        ax.locator_params(axis="x", integer=True)
    ax.set(xlabel="step", ylabel=report.measure)
    ax.grid(alpha=0.3)
    return plots.legend(figure, "outside lower center", fontsize=8, ncols=1)


def _losses(base: Outcome, after: Outcome | None) -> "Figure":
    figure = plots.sheet(5.2, 4.4)
    ax: Axes = figure.subplots()
    positive = True
    for run, label, color in ((base, "as it is", plots.ORANGE), (after, "repaired", plots.BLUE)):
        if run is None or len(run.loss) < 2:
            continue
        steps, loss = table.curve(run.loss)
        ax.plot(steps + 1, np.where(np.isfinite(loss), loss, np.nan), color=color, linewidth=1.2, label=label)
        positive &= bool((loss[np.isfinite(loss)] > 0).all())
    if positive:
        plots.logarithmic(ax, "y")
    ax.locator_params(axis="x", integer=True)
    ax.set(xlabel="step", ylabel="loss")
    ax.grid(alpha=0.3)
    return plots.legend(figure, "outside lower center", fontsize=8)


def _examples(report: Report, base: Outcome, after: Outcome | None) -> "Figure | None":
    """Draw held-out examples beside their reconstructions, as pictures or as lines."""
    if report.held_out is None or base.reconstructions is None:
        return None
    rows = [("held out", report.held_out), ("as it is", base.reconstructions)]
    rows += [("repaired", after.reconstructions)] if after is not None and after.reconstructions is not None else []
    count = min(_PICTURES if report.image_shape else _LINES, *(len(z) for _, z in rows))
    chosen = [(name, z[:count].astype(np.float64)) for name, z in rows]
    chosen = [(name, np.where(np.isfinite(z), z, np.nan)) for name, z in chosen]  # what is not finite is left blank
    if report.image_shape is None:
        return _as_lines(chosen)
    pictures = [(name, _grey(z, report.image_shape)) for name, z in chosen]
    height, width = report.image_shape[:2]
    figure = plots.sheet(9, 0.3 + 8.4 / count * len(rows) * height / width)
    ax: Axes = figure.subplots()
    low, high = float(pictures[0][1].min()), float(pictures[0][1].max())
    plots.tiles(
        ax, np.concatenate([z for _, z in pictures]), (height, width), count, low, high if high > low else low + 1
    )
    ax.set_yticks([row * (height + 1) + (height - 1) / 2 for row in range(len(rows))], [name for name, _ in rows])
    ax.tick_params(length=0)
    return figure


def _as_lines(rows: list[tuple[str, Array]]) -> "Figure":
    count = len(rows[0][1])
    figure = plots.sheet(9, 1.6 * math.ceil(count / 2) + 0.5)
    styles = ((plots.GREY, 3.0), (plots.ORANGE, 1.2), (plots.BLUE, 1.2))
    for k, ax in enumerate(figure.subplots(math.ceil(count / 2), min(2, count), squeeze=False).ravel()[:count]):
        for (name, z), (color, width) in zip(rows, styles, strict=False):
            ax.plot(z[k], color=color, linewidth=width, label=name)
        truth = rows[0][1][k]
        room = 0.5 * float(truth.max() - truth.min()) or 1.0
        ax.set_ylim(float(truth.min()) - room, float(truth.max()) + room)  # what diverged must not hide the rest
        ax.grid(alpha=0.3)
    return plots.legend(figure, "outside lower center", ncols=3)


def _grey(z: Array, shape: tuple[int, ...]) -> Array:
    """Return pictures (n, D) in one grey channel; whether channels stand first or last, the smoother picture tells."""
    if len(shape) == 2 or shape[2] == 1:
        return z
    height, width, channels = shape
    first = z.reshape(-1, channels, height, width).mean(axis=1)
    last = z.reshape(-1, height, width, channels).mean(axis=3)
    smoother: Array = min((first, last), key=lambda picture: float(np.abs(np.diff(picture, axis=2)).mean()))
    return smoother.reshape(len(z), height * width)
