"""``scratchdae reproduce``: the paper's experiments, with their numbers beside the published ones."""

import argparse
import json
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from scratchdae import atomic, plots
from scratchdae.arguments import choice, integer, literal
from scratchdae.blas_threads import limited
from scratchdae.cli.results import origin, writable_folder, write_numbers


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="experiments", metavar="EXPERIMENT")

    parser = actions.add_parser(
        "sda",
        help="the Theano tutorial's stacked denoising autoencoder on MNIST",
        description="Pretrain and fine-tune 784-1000-1000-1000-10 on MNIST, once a seed: as the tutorial does, an "
        "example a step, and with batches, in minutes. Leave reproduce_sda.json and reproduce_sda.png, in which a "
        "setting that is not run this time stays as it is.",
        epilog="Ctrl-C keeps the last whole epoch; the same command goes on from there, to the same bits.",
    )
    parser.set_defaults(run=sda)
    parser.add_argument("--setting", choices=("tutorial", "fast", "both"), default="both", help="(both)")
    parser.add_argument("--seeds", default="0,1,2", metavar="N,...", help="a run each (0,1,2)")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of the four files of MNIST")
    parser.add_argument("--threads", type=int, metavar="N", help="of the steps (as many as processors)")
    _where(parser, "runs/reproduce/sda")

    parser = actions.add_parser(
        "larochelle",
        help="the eight problems of the paper's table",
        description="Train some choices of each method on each problem, test the one of least validation error, and "
        "print the errors beside the paper's. Leave reproduce_larochelle.json and reproduce_larochelle.png.",
        epilog="Data: $SCRATCHDAE_DATA or the cache; rect and convex need none. Ctrl-C loses nothing that a trial "
        "has finished, and an unfinished one goes on from its last epoch. A larger budget adds trials to those there.",
    )
    parser.set_defaults(run=larochelle)
    parser.add_argument("--problem", default="all", metavar="NAME,...", help="basic, rot, bg-rand, bg-img, ... (all)")
    parser.add_argument(
        "--method",
        default="sda,saa,dbn,mlp,svm",
        metavar="NAME,...",
        help="also logistic (sda,saa,dbn,mlp,svm)",
    )
    parser.add_argument("--budget", type=int, default=3, metavar="N", help="choices to try of each method (3)")
    parser.add_argument("--seed", type=int, default=0, help="of the images and the training (0)")
    parser.add_argument(
        "--draws", type=int, default=1, metavar="N", help="draws of each problem on which what was chosen is tested (1)"
    )
    parser.add_argument(
        "--originals", action="store_true", help="the authors' files (`scratchdae data fetch larochelle`), not drawings"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="trials at a time, a thread each (1)")
    _where(parser, "runs/reproduce/larochelle")


def sda(options: argparse.Namespace) -> int:
    """Run the tutorial's experiment, and say what came out."""
    from scratchdae.reproduce import sda, sda_report

    seeds = _seeds(options.seeds)
    settings = tuple(sda.SETTINGS) if options.setting == "both" else (options.setting,)
    threads = os.cpu_count() or 1 if options.threads is None else integer("threads", options.threads)
    about = origin(options, threads)
    figures = _folders(options)
    numbers, known = figures / "reproduce_sda.json", tuple(sda.SETTINGS)
    _settings(numbers, known)  # another's file is refused before hours are spent
    with limited(threads):
        found = sda.reproduce(
            settings,
            seeds,
            options.out,
            parts=sda.split(options.root),
            progress=not options.no_progress,
            on_run=lambda name, outcome: print(sda_report.line(name, outcome), flush=True),
        )
    published = {"test_error": sda.TUTORIAL_ERROR, "minutes_of_pretraining_and_finetuning": sda.TUTORIAL_MINUTES}
    with _turn(figures, "reproduce_sda"):
        kept = _settings(numbers, known) | {name: {**about, **one} for name, one in found.items()}
        every = {name: kept[name] for name in sda.SETTINGS if name in kept}
        print("", *sda_report.table(every), sep="\n")
        _leave(figures, "reproduce_sda", {"tutorial": published, "settings": every}, sda_report.draw(every))
    return 0


def larochelle(options: argparse.Namespace) -> int:
    """Run the benchmark, and say what came out."""
    from scratchdae.datasets.larochelle import PROBLEMS
    from scratchdae.reproduce import larochelle, larochelle_report, methods

    problems = tuple(PROBLEMS) if options.problem == "all" else _names("--problem", options.problem, tuple(PROBLEMS))
    wanted = _names("--method", options.method, tuple(methods.NAMES))
    about, figures = origin(options, threads=1), _folders(options)
    with limited(1):
        found = larochelle.reproduce(
            problems,
            wanted,
            options.budget,
            options.out,
            seed=options.seed,
            draws=options.draws,
            originals=options.originals,
            jobs=options.jobs,
            progress=not options.no_progress,
        )
    notes = larochelle_report.notes(found)
    print(*larochelle_report.details(found), "", *larochelle_report.table(found), "", *notes, "", sep="\n")
    finding = larochelle_report.finding(found)
    print(finding)
    content = {
        **about,
        "seed": options.seed,
        "budget": options.budget,
        "draws": options.draws,
        "originals": options.originals,
        "finding": finding,
        "notes": notes,
        "problems": found,
    }
    with _turn(figures, "reproduce_larochelle"):
        _leave(figures, "reproduce_larochelle", content, larochelle_report.draw(found))
    return 0


def _turn(folder: Path, stem: str) -> AbstractContextManager[None]:
    """Wait until no other command is at these numbers and their figure: they go together, and may be added to."""
    return atomic.locked(folder / f"{stem}.json", folder=False, wait=True)


def _names(option: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Read a list of names, each once."""
    return tuple(dict.fromkeys(choice(option, name.strip(), known) for name in text.split(",")))


def _where(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument("--no-progress", action="store_true", help="no progress bars")
    parser.add_argument("--out", type=Path, default=Path(out), metavar="DIR", help=f"folder of the runs ({out})")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="folder of the numbers and the figure (--out)")


def _folders(options: argparse.Namespace) -> Path:
    """Check where everything will go, before it begins; return the folder of the numbers and the figure."""
    out = writable_folder("--out", options.out)
    return out if options.figures is None else writable_folder("--figures", options.figures)


def _settings(path: Path, known: tuple[str, ...]) -> dict[str, Any]:
    """Read the settings that an earlier run has left: those not run this time stay in the file."""
    if not path.exists():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))["settings"]
        return {name: settings[name] for name in known if name in settings}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} must be what this command leaves, found something else ({error!r})") from None


def _seeds(text: str) -> list[int]:
    """Read a list of seeds, each once."""
    try:
        seeds = [literal(int, part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--seeds must be integers with commas between them, found {text!r}") from None
    if min(seeds) < 0 or len(set(seeds)) != len(seeds):
        raise ValueError(f"--seeds must be different integers of at least 0, found {text!r}")
    return seeds


def _leave(folder: Path, stem: str, content: dict[str, Any], figure: Any) -> None:
    """Write the numbers and the figure, each whole or not at all."""
    write_numbers(folder / f"{stem}.json", content, indent=1)
    plots.save(figure, folder / f"{stem}.png")
    print(f"numbers {folder / stem}.json\nfigure  {folder / stem}.png")
