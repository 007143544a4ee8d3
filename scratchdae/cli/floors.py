"""``scratchdae floors``: what loss to expect of one's own data, before anything is trained on them."""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae import plots
from scratchdae.arguments import integer, literal, number
from scratchdae.cli import example_files, reading_options
from scratchdae.cli.example_files import Examples
from scratchdae.cli.results import printable, writable_picture
from scratchdae.corruption import Corruption
from scratchdae.floors import Survey, survey
from scratchdae.floors.denoising import LARGEST_NOISE

_ALIKE = 0.8  # of what shuffled columns leave: from here on, dependence is not worth speaking of
_UNITS = {"squared_error": "squared units", "absolute_error": "units of the data", "cross_entropy": "nats"}
_BOUNDS = {  # what a floor of this kind bounds
    "constant": "constants",
    "entropy": "any model",
    "range": "any model",
    "code": "linear codes",
    "gaussian": "linear denoisers",
    "masking": "linear denoisers",
    "pooling": "pooling and repeating",
}


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compute what loss to expect of your data. Two are bounds for every model: the entropy and the output's "
        "range. The others are levels to compare with, what the best constant, linear code, linear denoiser or "
        "average pooling leaves; a nonlinear model may go below. All are means over elements; the loss with the "
        "reduction 'paper' is D times that."
    )
    parser.epilog = (
        f"FILE: {reading_options.KINDS}. Report what your model reaches as (loss - floor) / (constant - floor)."
    )
    parser.set_defaults(run=run)
    parser.add_argument("file", metavar="FILE[:NAME]", help="your data, or digits or mnist")
    parser.add_argument("--codes", metavar="K,...", help="units of the linear codes to list (powers of 2)")
    parser.add_argument("--corruption", metavar="KIND:LEVEL", help="what you train with: masking, bernoulli, gaussian")
    parser.add_argument("--nu", metavar="NU,...", help="fractions destroyed by masking (0.1,0.25,0.5,0.75)")
    parser.add_argument("--sigma", metavar="S,...", help="of Gaussian noise (0.1, 0.2, 0.5 and 1 of the data's own)")
    parser.add_argument("--range", nargs=2, type=float, metavar=("LOW", "HIGH"), help="of your model's output")
    parser.add_argument("--pool", metavar="K,...", help="sides of the blocks of average pooling (2,4)")
    parser.add_argument("--sample", type=int, metavar="N", help="examples to use at most (10000, fewer if large)")
    parser.add_argument("--seed", type=int, default=0, help="of drawing and of shuffling them (0)")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the floors")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    reading_options.add(parser)


def run(options: argparse.Namespace) -> int:
    """Compute the floors, print them, and draw them if asked."""
    plot: Path | None = options.plot
    if plot is not None:
        writable_picture("--plot", plot)
    levels = _levels(options)
    seed = integer("seed", options.seed, at_least=0)
    rng = np.random.default_rng(seed)
    most = None if options.sample is None else integer("sample", options.sample)
    examples = example_files.read(options.file, most, rng, options)
    if options.pool is not None and examples.image_shape is None:
        raise ValueError(f"--pool needs examples that are images, found {examples.sizes()}")
    found = survey(examples.x, rng, image_shape=examples.image_shape, **levels)
    if options.json:
        about = {"data": examples.source, "examples": examples.sizes(), "found": examples.found, "seed": seed}
        about["odd"] = examples.notes
        print(json.dumps(about | found.as_json(), indent=2, allow_nan=False))
    else:
        print("\n".join(_table(examples, found)))
    if plot is not None:
        _draw(plot, examples, found)
        if not options.json:
            print(f"figure    {plot}")
    return 0


def _levels(options: argparse.Namespace) -> dict[str, Any]:
    """Turn the options into arguments of `survey`."""
    levels: dict[str, Any] = {
        "codes": _numbers("--codes", options.codes, int, integer),
        "masks": _numbers("--nu", options.nu, float, partial(number, at_least=0, at_most=1)),
        "noises": _numbers("--sigma", options.sigma, float, partial(number, at_least=0, at_most=LARGEST_NOISE)),
        "pools": _numbers("--pool", options.pool, int, integer),
        "limits": tuple(options.range) if options.range else None,
    }
    if options.corruption is not None:
        if options.nu is not None or options.sigma is not None:
            raise ValueError("--corruption names the one noise to list, found --nu or --sigma beside it")
        corruption = Corruption.parse(options.corruption)
        if corruption is None or corruption.kind not in ("masking", "bernoulli", "gaussian"):
            raise ValueError(f"--corruption must be masking, bernoulli or gaussian, found {options.corruption!r}")
        if corruption.at(0) != corruption.at(10**9):
            raise ValueError(f"--corruption must have one level, found the schedule {corruption}")
        if corruption.kind == "gaussian":
            levels |= {"noises": [corruption.at(0)], "masks": []}
        else:
            levels |= {"masks": [corruption.at(0)], "noises": []}
        levels["exact_count"] = corruption.kind != "bernoulli"
    return levels


def _numbers(
    name: str, text: str | None, kind: type[int] | type[float], check: Callable[[str, object], Any]
) -> list[Any] | None:
    if text is None:
        return None
    try:
        numbers = [literal(kind, part) for part in text.split(",")]
    except ValueError:
        what = "integers" if kind is int else "numbers"
        raise ValueError(f"{name} must be {what} with commas between, found {text!r}") from None
    return [check(name, one) for one in numbers]


def _table(examples: Examples, found: Survey) -> list[str]:
    lines = [
        f"data      {examples.source}",
        f"examples  {examples.sizes()}",
        f"found     {examples.found}",
        *(f"odd       {note}" for note in examples.notes),
        f"values    {found.low:.6g} to {found.high:.6g}, mean {found.mean:.6g}, "
        f"standard deviation {found.variance**0.5:.6g} (root of the columns' mean variance)",
    ]
    width = max(len(floor.name) for floor in found.floors)
    for loss, unit in _UNITS.items():
        rows = [floor for floor in found.floors if floor.loss == loss]
        if not rows:
            continue
        title = f"{loss.replace('_', ' ')}, {unit}"
        lines += ["", f"{title:<{width}}  {'per component':>13}  {'per example':>11}  of the constant  bounds"]
        for floor in rows:
            share = found.share(floor)
            percent = "-" if share is None else f"{100 * share:.4g} %"
            row = f"{floor.name:<{width}}  {floor.value:>13.6g}  {floor.value * found.d:>11.6g}  {percent:>15}"
            lines.append(f"{row}  {_BOUNDS[floor.kind]}")
    lines += ["", *_advice(found), *(f"left out: {reason}" for reason in found.left_out)]
    return lines


def _advice(found: Survey) -> list[str]:
    """Say what the numbers mean for somebody about to train."""
    constant = found.constant()
    if constant == 0:
        return ["every example is the same: there is nothing to learn, and the best constant has loss 0"]
    lines = [
        f"a model that learned nothing ends at a squared error of {constant:.6g}; "
        "report the rest as (loss - floor) / (constant - floor)",
        "no weights get below what bounds any model; the other floors are levels to compare with, and nonlinear models "
        "may go below them",
    ]
    k = int(np.argmax(found.shuffled <= constant / 2))
    left, shuffled = found.codes[k] / constant, found.shuffled[k] / constant
    lines.append(
        f"a linear code of {k} unit{'s' * (k > 1)} leaves {100 * left:.3g} % of that, "
        f"and {100 * shuffled:.3g} % once each column is shuffled by itself"
    )
    if left > _ALIKE * shuffled:
        lines.append("so linear codes find hardly anything to compress in these data")
    if found.n < 10 * found.d:
        lines.append(
            f"{found.n} examples of {found.d} numbers are few: floors of linear codes and denoisers are those of these "
            "examples, and lie below what holds for new ones"
        )
    return lines


def _draw(path: Path, examples: Examples, found: Survey) -> None:
    figure = plots.sheet(15, 5.6)
    code, noise, bars = figure.subplots(1, 3, width_ratios=(1, 1, 1.15))
    plots.code_floors(code, found)
    plots.noise_floors(noise, found)
    plots.floor_bars(bars, found)
    title = printable(f"What loss to expect: {examples.source}\n{examples.sizes()}")
    figure.suptitle(title, fontsize=11, parse_math=False)
    plots.save(figure, path)
