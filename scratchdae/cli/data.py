"""``scratchdae data``: say which data sets are here, download them, draw more digits or a sheet of samples."""

import argparse
from pathlib import Path

import numpy as np

from scratchdae import atomic, datasets
from scratchdae.arguments import choice, integer
from scratchdae.cli import reading_options, training_data
from scratchdae.cli.results import writable_file, writable_picture
from scratchdae.cli.sheet import COLUMNS, ROWS, Panel, draw_sheet
from scratchdae.datasets import files
from scratchdae.datasets.larochelle import PROBLEMS, locate_originals, photographs
from scratchdae.datasets.reading.oddities import examine

_MOST_DRAWN = 5_000_000  # digits, which are in memory before they are written


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="commands", metavar="COMMAND")

    parser = actions.add_parser("list", help="where they are, and whether they are as published")
    parser.set_defaults(run=show)
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of the four files of MNIST")

    parser = actions.add_parser("fetch", help="download a data set and verify its checksums")
    parser.set_defaults(run=fetch)
    parser.add_argument("name", choices=("mnist", "larochelle"))
    parser.add_argument("problems", nargs="*", metavar="PROBLEM", help="of larochelle: which of the eight (all)")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder to fill ($SCRATCHDAE_DATA/NAME, or the cache)")

    parser = actions.add_parser("draw", help="draw stroke digits with the library's own pen")
    parser.set_defaults(run=draw)
    parser.add_argument("n", type=int, metavar="N", help="how many")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".npz: images x, labels t; .npy: images alone"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the drawings (0)")

    parser = actions.add_parser("sheet", help="draw a sheet of samples of data sets")
    parser.set_defaults(run=sheet)
    parser.epilog = f"FILE: {reading_options.KINDS}."
    parser.add_argument(
        "problems", nargs="*", metavar="PROBLEM|FILE[:NAME]", help="of Larochelle et al. 2007 (all eight), or your data"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the picture, .png")
    parser.add_argument("--seed", type=int, help="of the drawings (0)")
    parser.add_argument("--original", action="store_true", help="show the published images instead of drawing ours")
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="folder of the folders mnist and natural; with --original, of the archives; of mnist, of its files",
    )
    reading_options.add(parser, root=False)


def show(options: argparse.Namespace) -> int:
    """Print where each data set is; status 1 if files are there but cannot be read."""
    lines, sound = describe(options.root)
    print("\n".join(lines))
    return 0 if sound else 1


def fetch(options: argparse.Namespace) -> int:
    """Download a data set, where it is not there yet."""
    if options.root is not None and options.root.exists() and not options.root.is_dir():
        raise ValueError(f"--root must be a folder, found the file {options.root}")
    if options.name == "larochelle":
        print(f"larochelle is in {datasets.fetch_larochelle(options.problems or None, options.root)}")
        return 0
    if options.problems:
        raise ValueError(f"mnist must be fetched whole, found {' '.join(options.problems)!r} after it")
    print(f"mnist   is in {datasets.fetch_mnist(options.root)}")
    return 0


def sheet(options: argparse.Namespace) -> int:
    """Draw the first training images of each problem of Larochelle et al. 2007."""
    out: Path = options.out
    writable_picture("--out", out)
    if options.original and options.seed is not None:
        raise ValueError(f"--seed must be left out with --original, which draws nothing, found {options.seed}")
    names = [name if _is_data(name) else choice("PROBLEM", name, PROBLEMS) for name in options.problems or PROBLEMS]
    theirs = [name for name in names if name not in PROBLEMS]
    if options.original and theirs:
        raise ValueError(f"--original is for the problems of Larochelle et al. 2007, found {theirs[0]} beside it")
    if theirs and names != theirs:
        raise ValueError(f"a sheet must be of problems or of your data, found {names[0]} beside {names[-1]}")
    if theirs:
        read = [_panel(name, options) for name in names]
        draw_sheet(out, [panel for panel, _ in read], "The first examples, as a model is given them")
        print("\n".join([f"{out}: examples of {', '.join(names)}", *(line for _, lines in read for line in lines)]))
        return 0
    if options.root is not None and not options.original and set(names) <= {"rect", "convex"}:
        raise ValueError(
            f"--root must be left out with {' and '.join(names)}: no files are needed, found {options.root}"
        )
    seed = 0 if options.seed is None else options.seed
    if options.original:
        problems = [datasets.larochelle_original(name, options.root) for name in names]
    else:
        problems = [datasets.larochelle(name, seed, options.root) for name in names]
    n, source = ROWS * COLUMNS, "the published images" if options.original else f"drawn here, seed {seed}"
    panels = [
        Panel(f"{one.name}: {PROBLEMS[one.name].title}", one.x_train[:n], one.image_shape, one.t_train[:n])
        for one in problems
    ]
    draw_sheet(out, panels, f"The problems of Larochelle et al. 2007: {source}")
    print(f"{out}: training images of {', '.join(names)}")
    return 0


def _is_data(name: str) -> bool:
    return name not in PROBLEMS and (name in files.SETS or files.locate(name)[0].exists())


def _panel(name: str, options: argparse.Namespace) -> tuple[Panel, list[str]]:
    """Read the first examples, and say in lines what was found."""
    stored = reading_options.read(name, options)
    n = min(ROWS * COLUMNS, len(stored.x))
    x, shape = training_data.drawable(stored, stored.x[np.arange(n)])
    seen = examine(name, x, shape is not None, axes=stored.x.shape[1:], names=stored.columns)
    labels = stored.labels()
    lines = [f"found     {stored.found(seen.low, seen.high, n)}", *(f"odd       {note}" for note in seen.notes)]
    return Panel(Path(name).name, x, shape, None if labels is None or len(labels) < n else labels[:n]), lines


def draw(options: argparse.Namespace) -> int:
    """Draw digits and write them to a file, whole or not at all."""
    out: Path = options.out
    writable_file("--out", out, (".npz", ".npy"))
    if options.n > _MOST_DRAWN:
        raise ValueError(f"N must be at most {_MOST_DRAWN}, which take 4 GB of memory, found {options.n}")
    rng = np.random.default_rng(integer("seed", options.seed, at_least=0))
    x, t = datasets.draw_digits(options.n, rng)
    with atomic.replacing(out) as temporary:
        if out.suffix == ".npz":
            np.savez_compressed(temporary, x=x, t=t)
        else:
            with temporary.open("wb") as file:  # np.save does not say that a disk is full
                np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(x))
                file.write(x.data)
    what = "images x and labels t" if out.suffix == ".npz" else "images, ready to be memory-mapped"
    print(f"{out}: {len(x)} {what}, 28×28, uint8, seed {options.seed}")
    return 0


def describe(root: Path | None = None) -> tuple[list[str], bool]:  # root: the folder of MNIST
    """Say where each data set is, how large, whether its files are the published ones, and whether all can be read."""
    lines, sound = [], True
    try:
        lines.append(f"digits  embedded, sha256 as published: {_sizes(datasets.digits())}")
    except (ValueError, OSError) as error:
        lines, sound = [f"digits  damaged: {error}"], False
    more, whole = _describe_mnist(root)
    return [*lines, *more, _describe_photographs(), _describe_originals()], sound and whole


def _describe_mnist(root: Path | None) -> tuple[list[str], bool]:
    files = datasets.locate_mnist(root)
    if files is None:
        where = f" in {root}" if root else ""
        return [f"mnist   not found{where}; `scratchdae data fetch mnist` downloads it"], True
    lines, sound = [], True
    try:
        lines.append(f"mnist   in {files.root}: {_sizes(datasets.mnist(root))}")
    except (ValueError, OSError) as error:
        lines, sound = [f"mnist   in {files.root}, damaged: {error}"], False
    for name, published in files.published().items():
        lines.append(f"        {name}: {'sha256 as published' if published else 'not the published bytes'}")
    return lines, sound


def _describe_photographs() -> str:
    try:
        found = photographs()
    except FileNotFoundError as error:
        return f"larochelle: {error}"
    except ValueError as error:
        return f"larochelle: photographs damaged: {error}"
    return f"larochelle: photographs for the backgrounds: {len(found)}"


def _describe_originals() -> str:
    found = locate_originals()
    if not found:
        return "larochelle: published archives not found; `scratchdae data fetch larochelle` downloads them"
    folders = sorted({str(path.parent) for path in found.values()})
    return f"larochelle: published archives of {', '.join(sorted(found))} in {' and '.join(folders)}"


def _sizes(dataset: datasets.Dataset) -> str:
    rows, columns = dataset.image_shape
    return f"{len(dataset.x_train)} training and {len(dataset.x_test)} test images of {rows}×{columns}"
