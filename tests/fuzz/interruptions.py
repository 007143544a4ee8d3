"""Stop runs at random moments, start them again until they are done: the same bits, and nothing left running.

``python tests/fuzz/interruptions.py --times 200`` goes through kinds of runs, backends, threads and signals, writes a
JSON line for each, and goes on where it stopped itself. It looks for processes in /proc, which Linux has.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
ROWS = list(
    product(("sgd", "adam", "sweep", "reproduce"), ("numpy", "numba"), (1, 2), SIGNALS)
)  # with one, two threads
ENDS, LEAVES, FINISHES = 60, 20, 300  # seconds: until it must have ended, its workers too; until a run is done
KEPT = ("checkpoint.safetensors", "history.jsonl", "config.json")  # of every run: to the bit


def start(kind, backend, threads, folder):
    """Start a run in a session of its own, whose members are found even when their parent is gone."""
    counts = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "said").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, HERE / "interrupted_run.py", kind, backend, folder],
            env=os.environ | counts | {"PYTHONPATH": str(HERE.parents[1])},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def running(session):
    """List the processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has ended meanwhile
            continue
        if int(its_session) == session and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def left(session, seconds):
    """Wait for a session to be empty; end and count those that are left in it."""
    deadline = time.monotonic() + seconds
    while (found := running(session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in found:
        os.kill(process, signal.SIGKILL)
    return len(found)


def finish(child, seconds):
    """Wait for a run; return its exit status, or None if it had to be killed."""
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        left(child.pid, 0)
        child.wait()
        return None


def bits(folder):
    """Digest what a run leaves, without what the clock has written."""
    digest, results = hashlib.sha256(), folder / "results.jsonl"
    for path in sorted(path for path in folder.rglob("*") if path.name in KEPT):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    lines = map(json.loads, results.read_text().splitlines() if results.exists() else [])
    digest.update(str(sorted((line["arguments"]["x"], line["value"]) for line in lines)).encode())
    return digest.hexdigest()


def uninterrupted(run, work):
    """Run to the end, with numba after a first time that compiles; return what it leaves and how long it takes."""
    for attempt in ("compiled", "whole") if "numba" in run else ("whole",):
        folder, begun = work / f"{attempt}-{'-'.join(map(str, run))}", time.monotonic()
        shutil.rmtree(folder, ignore_errors=True)
        if finish(start(*run, folder), FINISHES) != 0:
            raise RuntimeError(f"{run} does not run: {(work / 'said').read_text()[-2000:]}")
    return bits(folder), time.monotonic() - begun


def interrupt(index, seed, work, known, row, most=3):
    """Stop a run once or a few times, let it end, and say what was wrong; `known` are whole runs."""
    draw, (*run, number) = random.Random(f"{seed} {index}"), row
    if tuple(run) not in known:
        known[tuple(run)] = uninterrupted(run, work)
    (expected, seconds), folder, wrong, landed = known[tuple(run)], work / f"run-{index}", [], 0
    shutil.rmtree(folder, ignore_errors=True)
    for _ in range(draw.randint(1, most)):
        child = start(*run, folder)
        time.sleep(draw.uniform(0.05, 0.95) * seconds)
        if child.poll() is None:  # Ctrl-C in a terminal reaches the whole group
            landed += 1
            (os.killpg if number == signal.SIGINT and draw.random() < 0.5 else os.kill)(child.pid, number)
        if finish(child, ENDS) is None:
            wrong.append("did not end")
        elif count := left(child.pid, LEAVES):
            wrong.append(f"left {count} running")
    status = finish(start(*run, folder), FINISHES)
    if status != 0:
        wrong.append("the last start hangs" if status is None else f"the last start ends with {status}")
    elif bits(folder) != expected:
        wrong.append("other bits")
    if not wrong:
        shutil.rmtree(folder)
    return {"index": index, "run": run, "signal": signal.Signals(number).name, "landed": landed, "wrong": wrong}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "scratchdae-interruptions")
    options = parser.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a script's background jobs are started deaf to Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    options.work.mkdir(parents=True, exist_ok=True)
    record = options.work / f"interruptions-{options.seed}.jsonl"
    found = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    order, known = random.Random(options.seed).sample(ROWS, len(ROWS)), {}
    for index in range(len(found), options.times):
        found.append(interrupt(index, options.seed, options.work, known, order[index % len(order)]))
        with record.open("a") as file:
            file.write(json.dumps(found[-1]) + "\n")
    wrong = [f"{one}\n" for one in found if one["wrong"]]
    sys.stdout.write(
        f"{len(found)} runs stopped {sum(one['landed'] for one in found)} times; {len(wrong)} went wrong\n"
    )
    sys.stdout.writelines(wrong)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
