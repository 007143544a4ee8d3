"""``scratchdae bench --work fit``: epochs through `fit` beside the loops that others write."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scratchdae import plots
from scratchdae.arguments import choice, integer
from scratchdae.benchmark.competitors import BARE, PEERS, SCRATCHDAE, Competitor
from scratchdae.benchmark.works import EPOCHS, examples
from scratchdae.cli.results import origin, write_numbers

if TYPE_CHECKING:
    from scratchdae.benchmark.measure_epochs import EpochRow
    from scratchdae.benchmark.works.epoch import EpochSetting

_ROUNDS = {"small": 3, "full": 5}
_SAME = ("machine", "threads", "versions", "data", "dtype", "samples", "rounds")  # in a run that is gone on with


def add(parser: argparse.ArgumentParser) -> None:
    """Add what only the works of epochs know."""
    only = parser.add_argument_group("--work fit...")
    only.add_argument("--cells", metavar="HxB,...", help="only these settings of the grid, as in 500x20,500x100")
    only.add_argument("--samples", type=int, metavar="N", help="at most so many examples an epoch (what 0.3 s allow)")
    only.add_argument("--resume", action="store_true", help="keep what bench.json has of the same machine and options")


def compare(options: argparse.Namespace, threads: int) -> int:
    """Measure epoch by epoch, print, and leave the files after every setting; status 1 if somebody is wrong."""
    from scratchdae.benchmark import epoch_figure, epoch_report, measure_epochs

    kind, grid, file = EPOCHS[options.work], options.grid or "small", options.out / "bench.json"
    most = 10**9 if options.samples is None else integer("samples", options.samples)
    groups, rounds = kind.settings(grid, options.dtype), options.rounds or _ROUNDS[grid]
    groups = groups if options.cells is None else _chosen(groups, options.cells)
    chosen = (SCRATCHDAE, *peers(options.peers), *([BARE] if kind.work in BARE.trainers else []))
    data, about = examples.load(options.data), about_run(options, threads)
    about |= {"samples": options.samples, "rounds": rounds}
    introduce(about)
    say("work", f"{kind.title}, {options.dtype}")
    left_out = {one.name: reason for one in chosen if (reason := one.reason_to_leave_out(kind.work)) is not None}
    for name, reason in left_out.items():
        say("left out", f"{name}: {reason}")
    competitors = [one for one in chosen if one.name not in left_out]
    if not competitors:
        raise ValueError("--peers must leave somebody to time, found nobody that can take part here")
    for one in competitors:
        say("takes part", f"{one.name}: {one.about}")
    before = _kept(file, about, kind.name) if options.resume else []
    rows: list[EpochRow] = []
    for group in groups:
        found = tuple(row for row in before if row.setting in group)
        if {(row.name, row.setting) for row in found} != {(one.name, s) for one in competitors for s in group}:
            entries = [(one, s, work) for s in group for work in [kind.prepare(s, data)] for one in competitors]
            found = measure_epochs.measure(entries, threads, rounds, most)
        print("", *epoch_report.progress(found), sep="\n", flush=True)
        rows += found
        result = epoch_report.EpochResult(kind, tuple(rows), left_out, about)
        write_numbers(file, result.as_json(), indent=2)
    print("", *epoch_report.table(result), "", sep="\n")
    say("finding", epoch_report.finding(result))
    say("numbers", str(file))
    if not any(row.rates for row in rows):
        (options.out / "bench.png").unlink(missing_ok=True)  # an earlier run's would belie the numbers
    else:
        plots.save(epoch_figure.draw(result), options.out / "bench.png", 120)
        say("figure", str(options.out / "bench.png"))
    return 0 if all(row.right for row in rows) else 1


def _chosen(groups: "list[list[EpochSetting]]", cells: str) -> "list[list[EpochSetting]]":
    """Keep the settings of the grid that were named."""
    known = {f"{group[0].n_hidden}x{group[0].batch_size}": group for group in groups}
    names = [name.strip() for name in cells.split(",")]
    return [known[choice("--cells", name, tuple(known))] for name in dict.fromkeys(names)]


def _kept(file: Path, about: dict[str, Any], work: str) -> "list[EpochRow]":
    """Read the rows that an earlier run left, if it was one of the same on the same machine."""
    from scratchdae.benchmark.measure_epochs import EpochRow

    if not file.is_file():
        return []
    content = json.loads(file.read_text(encoding="utf-8"))

    def same(found: dict[str, Any]) -> list[Any]:
        machine = {name: value for name, value in found["machine"].items() if name != "load_before"}
        return [machine, *(found[name] for name in _SAME[1:])]

    try:
        if content["work"]["name"] == work and same(content) == same(json.loads(json.dumps(about))):
            return [EpochRow.from_json(row) for row in content["rows"]]
    except (KeyError, TypeError, AttributeError):  # it is of other works
        pass
    raise ValueError(f"--resume must find the same work, machine and options, found others in {file}")


def peers(names: str | None) -> list[Competitor]:
    """Return the peers of the command line, all if none are named."""
    chosen = list(PEERS) if names is None else list(dict.fromkeys(name.strip() for name in names.split(",")))
    return [PEERS[choice("--peers", name, tuple(PEERS))] for name in chosen]


def about_run(options: argparse.Namespace, threads: int) -> dict[str, Any]:
    """Say what was asked for, on which machine and data."""
    return {**origin(options, threads), "data": options.data, "dtype": options.dtype}


def introduce(about: dict[str, Any]) -> None:
    """Print what the numbers depend on."""
    found, threads = about["machine"], about["threads"]
    load = "" if found["load_before"] is None else f", load {found['load_before']:.1f} before"
    say("machine", f"{found['processor']}, {found['processors']} processors, {found['system']}{load}")
    say("blas", found["blas"])
    say("threads", f"{threads} for everyone")
    say("versions", ", ".join(f"{name} {version}" for name, version in about["versions"].items()))


def say(label: str, text: str) -> None:
    """Print a line of what is going on."""
    print(f"{label:<11} {text}", flush=True)


def write(out: Path, name: str, content: dict[str, Any]) -> None:
    """Leave numbers, and say where."""
    write_numbers(out / name, content, indent=2)
    say("numbers", str(out / name))
