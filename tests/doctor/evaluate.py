"""Ask the judges about the trainings of a split, check what they say by rerunning, and summarise.

`python tests/doctor/evaluate.py --split development --who doctor,rules --out FILE.jsonl`, then `--summary FILE.jsonl`.
A line is appended for each training and judge; those that are there are skipped.
"""

import argparse
import json
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from injections import INJECTIONS
from judges import JUDGES
from realise import clearly_better, metric
from repairs import REPAIRS, repair, repair_all, restored
from truth import SIZES, read

NEAREST = {  # the failure without code that a mistake in code looks like
    "C01": "F08", "C02": "F08", "C03": "F24", "C04": "F24", "C05": "F14", "C06": "F01", "C07": "F01", "C08": "F17",
    "C09": "F23", "C10": "F02", "C11": "F01",
}  # fmt: skip


class OutOfTimeError(BaseException):
    """Raised by the alarm; no `except Exception` of a judge swallows it."""


def out_of_time(*_):
    """Answer the alarm."""
    raise OutOfTimeError


def same(named, injected, nearest=None):
    """Decide whether a named cause is the injected one: itself, its nearest, or one whose nearest it is."""
    return injected in (named, NEAREST.get(named), nearest) or NEAREST.get(injected) == named


def restores(line, changes):
    """Rerun a training with changes; give whether its health is restored, and its FVU."""
    t = repair_all(line["training"], [tuple(change) for change in changes])
    if t is None:
        return False, None
    fvu = metric(t)
    return restored(fvu, line["twin_fvu"], line["fvu"]), round(fvu, 5)


def improves(line, changes):
    """Rerun a training that counts as healthy with changes; give whether it is clearly better then, and its FVU."""
    t = repair_all(line["training"], [tuple(change) for change in changes])
    if t is None:
        return False, None
    fvu = metric(t)
    return clearly_better(fvu, line["fvu"]), round(fvu, 5)


def right_cause(line, said):
    """Decide whether the first cause named is right: the injected one, or one whose own repair restores health."""
    first = said["causes"][0] if said["causes"] else None
    for injected in (cause["id"] for cause in line["training"]["causes"]):
        floor = said["verdict"] == "at_floor" and (first == "F23" or first_change(said) == "other_data")
        if injected == "F23" and floor:
            return "injected"
        if said["verdict"] == "cause" and first and same(first, injected, said["nearest"]):
            return "injected"
    if said["verdict"] != "cause":
        return ""
    factors = dict(said["prescription"] or [])
    for name in REPAIRS.get(first, []):
        if repair(line["training"], name) is not None and restores(line, [(name, factors.get(name))])[0]:
            return "restores"
    return ""


def first_change(said):
    """Give the name of the first prescription."""
    return said["prescription"][0][0] if said["prescription"] else None


def examine(line, who, budget_s):
    """Ask one judge about one training, with a time limit, and check what it says."""
    out = {"id": line["id"], "who": who, "status": line["status"], "what": line["what"]}
    out["injected"] = [cause["id"] for cause in line["training"]["causes"]]
    signal.signal(signal.SIGALRM, out_of_time)
    started = time.perf_counter()
    try:
        signal.alarm(int(4 * budget_s + 60))
        said = JUDGES[who](line["training"], budget_s, int(line["id"][-3:]))
    except OutOfTimeError:
        return out | {"verdict": "error", "error": "out of time", "seconds": time.perf_counter() - started}
    except Exception as error:
        text = f"{type(error).__name__}: {error}"[:300]
        return out | {"verdict": "error", "error": text, "seconds": round(time.perf_counter() - started, 3)}
    finally:
        signal.alarm(0)
    out |= said | {"seconds": round(time.perf_counter() - started, 3)}
    if line["status"] == "failing":
        out["right"] = right_cause(line, said)
        if said["prescription"] and said["verdict"] in ("cause", "at_floor"):
            out["restored"], out["rerun_fvu"] = restores(line, said["prescription"])
        else:
            out["restored"] = False
    elif said["verdict"] == "cause" and said["prescription"]:
        out["improved"], out["rerun_fvu"] = improves(line, said["prescription"])
    return out


def wilson(k, n, z=1.96):
    """Give the bounds of Wilson's interval of a share."""
    if n == 0:
        return 0.0, 1.0
    p, spread = k / n, z * np.sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))
    centre, scale = p + z * z / (2 * n), 1 + z * z / n
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def share(k, n):
    """Write a share with its interval."""
    low, high = wilson(k, n)
    return f"{k}/{n} = {100 * k / max(n, 1):.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def summarise(lines):
    """Write what each judge reached, and the causes one by one."""
    text = []
    for who in dict.fromkeys(line["who"] for line in lines):
        mine = [line for line in lines if line["who"] == who]
        healthy = [line for line in mine if line["status"] != "failing"]
        failing = [line for line in mine if line["status"] == "failing"]
        named = [line for line in failing if line["verdict"] == "cause"]
        seconds = np.array([line["seconds"] for line in mine])
        shares = [
            ("healthy called ill", healthy, lambda x: x["verdict"] == "cause"),
            ("healthy left unknown", healthy, lambda x: x["verdict"] == "unknown"),
            ("cause right", failing, lambda x: bool(x.get("right"))),
            ("  the injected one itself", failing, lambda x: x.get("right") == "injected"),
            ("  of those given a cause", named, lambda x: bool(x.get("right"))),
            ("first prescription restores", failing, lambda x: bool(x.get("restored"))),
            ("  of those given a cause", named, lambda x: bool(x.get("restored"))),
            ("failing left unknown", failing, lambda x: x["verdict"] == "unknown"),
            ("failing called healthy", failing, lambda x: x["verdict"] in ("healthy", "at_floor")),
            ("errors", mine, lambda x: x["verdict"] == "error"),
        ]
        text.append(f"== {who}: {len(mine)} trainings")
        text += [f"{name:28} {share(sum(map(test, of)), len(of))}" for name, of, test in shares]
        text.append(f"seconds: median {np.median(seconds):.1f}, 95th percentile {np.percentile(seconds, 95):.1f}")
        text.append("healthy called ill, by what: " + by(healthy, lambda x: x["what"], shares[0][2]))
        text.append("cause   n  right restored  named first")
        for cause in INJECTIONS:
            rows = [line for line in failing if line["injected"][:1] == [cause] and line["what"] == "injected"]
            if rows:
                text.append(table_row(cause, rows))
        rows = [line for line in failing if line["what"] == "two"]
        if rows:
            text.append(table_row("two", rows))
    return "\n".join(text)


def by(lines, key, test):
    """Count the lines that pass a test among those of a key."""
    keys = sorted({key(line) for line in lines})
    return ", ".join(
        f"{name} {sum(test(x) for x in lines if key(x) == name)}/{sum(key(x) == name for x in lines)}" for name in keys
    )


def table_row(cause, rows):
    """Write a row of the table of confusions."""
    names = [(row.get("causes") or ["-"])[0] if row["verdict"] == "cause" else row["verdict"] for row in rows]
    counts = sorted({name: names.count(name) for name in names}.items(), key=lambda item: -item[1])
    right, well = sum(bool(row.get("right")) for row in rows), sum(bool(row.get("restored")) for row in rows)
    return f"{cause:5} {len(rows):3} {right:6} {well:8}  " + ", ".join(f"{name} {n}" for name, n in counts)


def main():
    """Run, or summarise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--split", choices=list(SIZES))
    parser.add_argument("--who", default="doctor")
    parser.add_argument("--out")
    parser.add_argument("--budget-s", type=float, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", type=int, help="the first so many trainings")
    parser.add_argument("--ids", nargs="*", help="these trainings")
    parser.add_argument("--causes", nargs="*", help="those with these causes injected")
    parser.add_argument("--summary")
    arguments = parser.parse_args()
    if arguments.summary:
        lines = [json.loads(line) for line in Path(arguments.summary).read_text().splitlines()]
        sys.stdout.write(summarise(lines) + "\n")
        return
    lines = read(arguments.split)[0]
    if arguments.ids:
        lines = [line for line in lines if line["id"] in arguments.ids]
    if arguments.causes:
        wanted = set(arguments.causes)
        lines = [line for line in lines if wanted & {cause["id"] for cause in line["training"]["causes"]}]
    out = Path(arguments.out)
    done = {(x["id"], x["who"]) for x in map(json.loads, out.read_text().splitlines())} if out.exists() else set()
    todo = [(line, who) for line in lines[: arguments.only] for who in arguments.who.split(",")]
    todo = [(line, who) for line, who in todo if (line["id"], who) not in done]
    with ProcessPoolExecutor(arguments.workers) as pool, out.open("a") as file:
        for future in as_completed([pool.submit(examine, line, who, arguments.budget_s) for line, who in todo]):
            file.write(json.dumps(future.result()) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
