"""``scratchdae bench``: training steps or epochs beside other libraries; peak memory; growth with the data."""

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median

from scratchdae import plots
from scratchdae.arguments import integer
from scratchdae.benchmark.competitors import PEERS, SCRATCHDAE, jax_scan
from scratchdae.benchmark.works import EPOCHS, KINDS, PIXELS, examples
from scratchdae.benchmark.works.work import Setting
from scratchdae.blas_threads import environment, limited
from scratchdae.cli import bench_fit, bench_rungs
from scratchdae.cli.bench_fit import about_run, introduce, peers, say, write
from scratchdae.cli.results import writable_folder

_ROUNDS = {"small": 5, "full": 7}
_SCALE_ROUNDS = 3


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Time the training step of a tied-weight denoising autoencoder, or of the fine-tuning of a deep "
        "network, or whole epochs through fit, beside other libraries: the same work, parameters, batches and threads, "
        "in alternating rounds, each competitor checked against the NumPy reference first. Leave bench.json and "
        "bench.png."
    )
    parser.epilog = "The machine should be quiet. Exit status 1: the updates of a competitor are wrong, or it failed."
    parser.set_defaults(run=run)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--memory", action="store_true", help="instead: peak memory of an epoch of 60,000 images")
    what.add_argument("--scale", action="store_true", help="instead: seconds of an epoch against its images")
    parser.add_argument(
        "--work",
        choices=(*KINDS, *EPOCHS, "rungs"),
        help="an autoencoder's steps on images; on a hidden layer's outputs; steps of a 784-1000-1000-1000-10 network "
        "with labels; fit...: epochs, from bytes to trained weights, of that autoencoder (by SGD or Adam), of that "
        "network, of a convolutional and a recurrent one; rungs: the ladder from the NumPy step to fit (pixels)",
    )
    parser.add_argument(
        "--grid",
        choices=tuple(PIXELS.grids),
        help="H 500, B to 100 (finetune: B to 20), about a minute; or H to 2000, B to 512 (small)",
    )
    parser.add_argument("--peers", metavar="NAME,...", help=f"of {','.join(PEERS)} (all)")
    parser.add_argument("--threads", type=int, metavar="N", help="for everyone (as many as processors)")
    parser.add_argument("--rounds", type=int, metavar="N", help="(small 5, full 7, --scale 3; fit...: 3, 5)")
    bench_fit.add(parser)
    bench_rungs.add(parser)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="(float32)")
    parser.add_argument("--data", choices=examples.DATA, default="digits", help="(digits)")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), metavar="DIR", help="(runs/bench)")


def run(options: argparse.Namespace) -> int:
    """Measure, print, and leave the files; status 1 also if the memory's peak is over its allowance."""
    threads = integer("threads", os.cpu_count() or 1 if options.threads is None else options.threads)
    if options.rounds is not None:
        integer("rounds", options.rounds)
    writable_folder("--out", options.out)
    epochs, rungs = options.work in EPOCHS, options.work == "rungs"
    mode = "--memory" if options.memory else "--scale" if options.scale else f"--work {options.work or 'pixels'}"
    others = () if epochs else ("cells", "samples", "resume")
    _refuse(options, mode, *others, *(("grid", "peers") if rungs else ("rung",)))
    measured = bench_rungs.climb if rungs else bench_fit.compare if epochs else _compare
    measured = _memory if options.memory else _scale if options.scale else measured
    with limited(threads), environment(jax_scan.environment(threads)):
        return measured(options, threads)


def _compare(options: argparse.Namespace, threads: int) -> int:
    from scratchdae.benchmark import figure, limits, measure, report

    kind, grid = KINDS[options.work or "pixels"], options.grid or "small"
    settings, rounds = kind.settings(grid, options.dtype), options.rounds or _ROUNDS[grid]
    chosen = (SCRATCHDAE, *peers(options.peers))
    data, about = examples.load(options.data), about_run(options, threads)
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
    best, rows = limits.measure(competitors, options.dtype, threads), list[measure.Row]()
    before, nearby = best, dict[Setting, limits.Limits]()
    say("limits", str(best))
    for setting in settings:
        found = measure.measure(competitors, setting, kind.prepare(setting, data), threads, rounds)
        print("", *report.table(found), sep="\n", flush=True)
        rows += found
        after = limits.measure(competitors, options.dtype, threads)  # whatever slowed the last may be gone
        best, nearby[setting], before = best.best(after), before.best(after), after
    result = report.Result(kind, tuple(rows), left_out, best, about, nearby)
    print("", "median samples a second", *report.summary(result), "", sep="\n")
    for line in report.products(result):
        say("products", line)
    say("limits", f"{best}; the best of {len(settings) + 1} measurements")
    for name, error in best.failed.items():
        say("limits", f"the matrix product of {name} FAILED: {error}")
    say("finding", report.finding(result))
    write(options.out, "bench.json", result.as_json())
    if not any(row.rates for row in rows):
        (options.out / "bench.png").unlink(missing_ok=True)  # an earlier run's would belie the numbers
    else:
        plots.save(figure.draw(result), options.out / "bench.png", 120)
        say("figure", str(options.out / "bench.png"))
    return 0 if all(row.right for row in rows) and not best.failed else 1


def _memory(options: argparse.Namespace, threads: int) -> int:
    from scratchdae.benchmark import memory, scale

    _refuse(options, "--memory", "work", "grid", "peers", "rounds")
    about = about_run(options, threads)
    images = examples.load("mnist").x_train if options.data == "mnist" else None
    introduce(about)
    with tempfile.TemporaryDirectory(prefix="scratchdae-bench-") as folder:
        file = Path(folder) / "images.npy"
        if images is None:
            scale.draw(file, memory.IMAGES)
        else:
            scale.write(file, len(images), [images])
        found = memory.measure(file, options.dtype)
    size, before, peak = (found[name] / 1e6 for name in ("file", "before", "peak"))
    say("file", f"{found['images']:,} images of uint8, {size:,.0f} MB, mapped into memory")
    say("trained", f"one epoch, H = 500, B = 20, {options.dtype}, by {found['backend']}")
    say("peak", f"{peak:,.0f} MB resident, {before:,.0f} MB of them before the file was read")
    verdict = "under" if found["within"] else "NOT UNDER"
    say("verdict", f"{verdict} the file's size plus {found['allowance'] / 1e6:,.0f} MB")
    write(options.out, "memory.json", {**about, "bytes": found})
    return 0 if found["within"] else 1


def _scale(options: argparse.Namespace, threads: int) -> int:
    import numpy as np

    from scratchdae.benchmark import scale

    _refuse(options, "--scale", "work", "peers")
    if options.data != "digits":
        raise ValueError(f"--scale draws its digits and goes with --data digits, found {options.data}")
    sizes, about = scale.SIZES[options.grid or "small"], about_run(options, threads)
    introduce(about)
    with tempfile.TemporaryDirectory(prefix="scratchdae-bench-") as folder:
        file = Path(folder) / "digits.npy"
        say("drawing", f"{max(sizes):,} digits into a file")
        scale.draw(file, max(sizes))
        images = np.load(file, mmap_mode="r")
        seconds = scale.seconds_an_epoch(images, sizes, options.rounds or _SCALE_ROUNDS, options.dtype)
        del images  # Windows removes no file that is mapped
    for size, times in seconds.items():
        spread = f"({min(times):.3f} to {max(times):.3f}, {len(times)} rounds)"
        say(f"{size:,}", f"images: {median(times):.3f} s an epoch {spread}, {size / median(times):,.0f} a second")
    exponent = scale.exponent(seconds)
    say("exponent", f"{exponent:.3f}: seconds grow as images to this power; 1 is linear")
    rows = [
        {"images": size, "seconds": {"median": median(times), "minimum": min(times), "maximum": max(times)}}
        for size, times in seconds.items()
    ]
    write(options.out, "scale.json", {**about, "exponent": exponent, "rows": rows})
    return 0


def _refuse(options: argparse.Namespace, mode: str, *names: str) -> None:
    for name in names:
        if getattr(options, name) not in (None, False):
            raise ValueError(f"--{name} does not go with {mode}")
