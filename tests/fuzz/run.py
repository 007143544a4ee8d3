"""Fuzz the command line, the API, the kernels and the files with malformed inputs.

``python tests/fuzz/run.py --seed N --inputs 5000 --minutes M`` prints a table and writes what was found as JSON lines.
An input follows from the seed, its target and its number: ``--target api --first 17 --inputs 1`` runs that one again.
A target runs in a process of its own, which says what it begins; if it dies or falls silent, that input did it, and
another process goes on with the next.
"""

import argparse
import importlib
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple


class Target(NamedTuple):
    """What is fuzzed."""

    module: str
    share: float  # of the inputs
    seconds: int  # that an input may take
    silence: int  # seconds after which its process is ended


TARGETS = {
    "api": Target("api_calls", 0.6, 20, 60),
    "files": Target("damaged_files", 0.22, 20, 60),
    "commands": Target("command_lines", 0.13, 40, 120),
    "kernels": Target("kernel_calls", 0.05, 60, 120),
}
WARMS = 300  # seconds until the first input, on a machine where nothing has been compiled
MEMORY = 4 * 2**30  # bytes of addresses, so that a vast array is refused at once


def work(name, module, seconds, seed, first, last, root):
    """Judge some inputs; say before each which it is, and then what became of it."""
    import resource

    said, wrong = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(2), "w", 1)
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    sys.excepthook = lambda *error: traceback.print_exception(*error, file=wrong)
    os.chdir(root)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    from verdict import judge

    target = importlib.import_module(module)
    target.warm(root)
    for index in range(first, last):
        folder = root / str(index)
        folder.mkdir()
        case = target.case(random.Random(f"{seed} {name} {index}"), folder)
        line = {"target": name, "index": index, "label": case.label}
        print(json.dumps(line), file=said, flush=True)
        verdict, sentence = judge(case, seconds)
        print(json.dumps({**line, "verdict": verdict, "said": sentence}), file=said, flush=True)
        shutil.rmtree(folder, ignore_errors=True)


def judged(name, seed, first, last, root, deadline):
    """Yield what became of each input, of those as well that ended or silenced their process."""
    target = TARGETS[name]
    while first < last and time.monotonic() < deadline:
        numbers = map(str, (target.seconds, seed, first, last, tempfile.mkdtemp(dir=root)))
        command = [sys.executable, __file__, "--work", name, target.module, *numbers]
        begun, over, patience, said = None, "crash", WARMS, queue.SimpleQueue()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as child:
            reader = threading.Thread(target=lambda pipe=child.stdout, put=said.put: (*map(put, pipe), put("")))
            reader.start()
            try:
                while line := said.get(timeout=max(0, min(patience, deadline - time.monotonic()))):
                    begun, patience = json.loads(line), target.silence
                    if "verdict" in begun:
                        yield begun
                        first, begun = begun["index"] + 1, None
                status = child.wait(target.silence)
            except (queue.Empty, subprocess.TimeoutExpired):
                over, status = "hang", 0
            finally:
                child.kill()
                reader.join()
        if time.monotonic() > deadline:
            return
        if begun is None and status > 0:
            raise RuntimeError(f"the fuzzer itself ended with {status}: {' '.join(command)}")
        if begun is not None or status or over == "hang":
            begun = begun or {"target": name, "index": first, "label": "an input before this one"}
            yield {**begun, "verdict": over, "said": f"the process ended with {status}" if status else "silence"}
            first = begun["index"] + 1


def fuzz(seed, inputs, minutes, findings, names=tuple(TARGETS), start=0):
    """Run targets in turn; return counts of verdicts by target, and write what is not as it should be."""
    from verdict import FINDINGS

    root, shares = Path(tempfile.mkdtemp(prefix="scratchdae-fuzz-")), sum(TARGETS[name].share for name in names)
    counts, deadline = {name: Counter() for name in names}, time.monotonic() + 60 * minutes
    try:
        with Path(findings).open("w") as file:
            for name, count in counts.items():
                last = start + max(1, round(inputs * TARGETS[name].share / shares))
                for line in judged(name, seed, start, last, root, deadline):
                    count[line["verdict"]] += 1
                    if line["verdict"] in (*FINDINGS, "unnamed"):
                        file.write(json.dumps(line) + "\n")
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return counts


def named(counts):
    """Return the fraction of refusals that name their argument."""
    total = sum(counts.values(), Counter())
    return total["named"] / max(1, total["named"] + total["unnamed"])


def table(counts):
    from verdict import KINDS

    rows = [("", "inputs", *KINDS), *((name, n.total(), *(n[kind] for kind in KINDS)) for name, n in counts.items())]
    yield from ("".join(f"{cell!s:>11}" for cell in row) for row in rows)
    yield f"{named(counts):.1%} of the refusals name the argument"


def main():
    from verdict import FINDINGS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind, default in (("seed", int, 0), ("inputs", int, 5000), ("first", int, 0), ("minutes", float, 60)):
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings.jsonl"))
    options = parser.parse_args()
    names = tuple(options.target or TARGETS)
    counts = fuzz(options.seed, options.inputs, options.minutes, options.findings, names, options.first)
    sys.stdout.write("\n".join([*table(counts), f"what is not as it should be: {options.findings}\n"]))
    return int(named(counts) < 0.97 or any(count[kind] for count in counts.values() for kind in FINDINGS))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:4], *map(int, sys.argv[4:8]), Path(sys.argv[8]))
    else:
        sys.exit(main())
