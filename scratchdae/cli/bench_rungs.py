"""``scratchdae bench --work rungs``: the ladder from the NumPy step to `fit`, and what each rung adds."""

import argparse

from scratchdae.arguments import choice
from scratchdae.blas_threads import limited
from scratchdae.cli.results import origin, write_numbers

RUNGS = "numpy", "compiled", "fused", "zeros", "team", "together", "fit"
_ROUNDS = 5


def add(parser: argparse.ArgumentParser) -> None:
    """Add what only the ladder knows."""
    only = parser.add_argument_group("--work rungs")
    only.add_argument("--rung", metavar="NAME,...", help=f"of {','.join(RUNGS)} (all)")


def climb(options: argparse.Namespace, threads: int) -> int:
    """Check and time rung after rung, print the table, and leave the numbers; status 1 if one is wrong."""
    from scratchdae.benchmark import measure, rungs
    from scratchdae.benchmark.works import denoising, examples
    from scratchdae.benchmark.works.work import Setting

    names = RUNGS if options.rung is None else [name.strip() for name in options.rung.split(",")]
    chosen = [rungs.RUNGS[choice("--rung", name, RUNGS)] for name in dict.fromkeys(names)]
    setting = Setting("rungs", rungs.HIDDEN, rungs.BATCH_SIZE, options.dtype)
    about = {**origin(options, threads), "data": options.data, "dtype": options.dtype}
    work = rungs.prepare(setting, examples.load(options.data), rungs.STEPS)
    found, weights = about["machine"], work.params["W"]
    load = "" if found["load_before"] is None else f", load {found['load_before']:.1f} before"
    _say("machine", f"{found['processor']}, {found['processors']} processors{load}")
    _say("threads", f"1 for the rungs up to zeros, {threads} from team on")
    _say("work", f"{setting}, masking:{denoising.NU}; {len(work.inputs)} steps; W has {weights.nbytes / 1e6:.1f} MB")
    competitors = []
    for one in (rung.competitor for rung in chosen):
        reason = one.reason_to_leave_out(rungs.Drawn)
        if reason is None:
            competitors.append(one)
        else:
            _say("left out", f"{one.name}: {reason}")
    with limited(1):  # the BLAS of the first two rungs
        rows = measure.measure(competitors, setting, work, threads, options.rounds or _ROUNDS)
    print("", *rungs.table(rows, weights.nbytes), "", sep="\n")
    carried = {row.name: dict(zip(("read", "written"), rungs.RUNGS[row.name].carried, strict=True)) for row in rows}
    content = [{**row.as_json(), "arrays_as_large_as_W": carried[row.name]} for row in rows]
    write_numbers(options.out / "rungs.json", {**about, "bytes_of_W": weights.nbytes, "rows": content}, indent=2)
    _say("numbers", str(options.out / "rungs.json"))
    return 0 if all(row.right for row in rows) else 1


def _say(label: str, text: str) -> None:
    print(f"{label:<11} {text}", flush=True)
