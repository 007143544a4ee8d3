"""Put the evaluation of the doctor into `figures/doctor.json` and draw it.

`python tests/doctor/publish.py RESULTS.jsonl...`, of what `evaluate.py` left.
"""

import json
import os
import platform
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from evaluate import NEAREST, wilson

from scratchdae import plots

FIGURES = Path(__file__).resolve().parents[2] / "figures"
NAMES = {
    "doctor": "the doctor", "fixed": "always Adam 1e-3, He, linear,\nstandardised", "random": "a random change",
    "rules": "rules on traces", "torchmortem": "torchmortem", "torchmortem_critical": "torchmortem,\ncritical alone",
}  # fmt: skip
SHARES = {  # what is counted, among whom, and the target
    "cause right": ("failing", lambda x: bool(x.get("right")), 85),
    "first prescription restores health": ("failing", lambda x: bool(x.get("restored")), 85),
    "healthy called ill": ("healthy", lambda x: x["verdict"] == "cause", 3),
    "failing left unknown": ("failing", lambda x: x["verdict"] == "unknown", 10),
}


def summary(lines):
    """Return the shares of one judge with Wilson's 95 % intervals."""
    groups = {
        "healthy": [x for x in lines if x["status"] != "failing"],
        "failing": [x for x in lines if x["status"] == "failing"],
    }  # fmt: skip
    found = {"trainings": {name: len(group) for name, group in groups.items()}}
    for name, (group, test, _) in SHARES.items():
        k, n = sum(map(test, groups[group])), len(groups[group])
        found[name] = {"count": k, "of": n, "percent": round(100 * k / max(n, 1), 1),
                       "interval": [round(100 * bound, 1) for bound in wilson(k, n)]}  # fmt: skip
    named = [x for x in groups["failing"] if x["verdict"] == "cause"]
    found["right among those given a cause"] = f"{sum(bool(x.get('right')) for x in named)} of {len(named)}"
    found["healed among those given a cause"] = f"{sum(bool(x.get('restored')) for x in named)} of {len(named)}"
    alarms = [x for x in groups["healthy"] if x["verdict"] == "cause"]
    found["called ill, and clearly better by the prescription when rerun"] = (
        f"{sum(bool(x.get('improved')) for x in alarms)} of {len(alarms)}"
    )
    found["failing called healthy"] = sum(x["verdict"] in ("healthy", "at_floor") for x in groups["failing"])
    seconds = [x["seconds"] for x in lines]
    found["seconds"] = {
        "median": round(float(np.median(seconds)), 1),
        "95 %": round(float(np.percentile(seconds, 95)), 1),
    }
    return found


def first(line):
    """Return the cause that was named first, or the verdict where none was."""
    return line["causes"][0] if line["verdict"] == "cause" and line["causes"] else line["verdict"]


def confusion(lines):
    """Return by injected cause how often each was named first, and how many were healed."""
    table = {}
    for line in lines:
        if line["status"] == "failing" and len(line["injected"]) == 1:
            row = table.setdefault(line["injected"][0], {"n": 0, "right": 0, "healed": 0, "named": Counter()})
            row["n"] += 1
            row["right"] += bool(line.get("right"))
            row["healed"] += bool(line.get("restored"))
            row["named"][first(line)] += 1
    return {cause: row | {"named": dict(row["named"].most_common())} for cause, row in sorted(table.items())}


def draw(judges, table):
    """Draw the shares of the judges, and the confusions of the doctor."""
    figure = plots.sheet(13, 6.2)
    bars, matrix = figure.subplots(1, 2, width_ratios=(1, 1.25))
    shown = list(SHARES)[:3]
    for place, share in enumerate(shown):
        values = [judges[who][share]["percent"] for who in judges]
        low, high = (np.array([judges[who][share]["interval"][end] for who in judges]) for end in (0, 1))
        at = np.arange(len(judges)) + 0.27 * (place - 1)
        bars.barh(at, values, 0.25, xerr=[values - low, high - values], label=share, error_kw={"lw": 0.8})
    bars.axvline(85, color="0.3", lw=0.8, ls="--")
    bars.axvline(3, color="0.3", lw=0.8, ls=":")
    bars.set(yticks=range(len(judges)), yticklabels=[NAMES[who] for who in judges], xlim=(0, 101),
             xlabel="percent; dashed the targets, 85 and 3; 95 % intervals")  # fmt: skip
    bars.invert_yaxis()
    bars.legend(loc="lower center", bbox_to_anchor=(0.3, 1.0), ncols=3, fontsize=8, frameon=False)
    columns = sorted({name for row in table.values() for name in row["named"]}, key=lambda n: (len(n) > 3, n))
    counts = np.array([[row["named"].get(name, 0) / row["n"] for name in columns] for row in table.values()])
    matrix.imshow(counts, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, (cause, row) in enumerate(table.items()):
        for x, name in enumerate(columns):
            if row["named"].get(name):
                same = name == cause or NEAREST.get(cause) == name or NEAREST.get(name) == cause
                style = {"color": "white" if counts[y, x] > 0.5 else "black", "weight": "bold" if same else "normal"}
                matrix.text(x, y, row["named"][name], ha="center", va="center", fontsize=7, **style)
    matrix.set(
        xticks=range(len(columns)), yticks=range(len(table)), xlabel="named first, or the verdict", ylabel="injected"
    )
    matrix.set_xticklabels(columns, rotation=90, fontsize=7)
    matrix.set_yticklabels([f"{cause} ({row['healed']}/{row['n']} healed)" for cause, row in table.items()], fontsize=7)
    figure.suptitle("The doctor on families of data, networks and severities that it was not tuned on")
    figure.tight_layout()
    plots.save(figure, FIGURES / "doctor.png", dpi=90)


def main():
    """Read, sum up, write, draw."""
    lines = [json.loads(line) for path in sys.argv[1:] for line in Path(path).read_text().splitlines()]
    judges = {
        who: summary([x for x in lines if x["who"] == who]) for who in NAMES if any(x["who"] == who for x in lines)
    }
    mine = [x for x in lines if x["who"] == "doctor"]
    missed = [
        {name: line.get(name) for name in ("id", "what", "injected", "verdict", "causes", "prescription", "improved")}
        for line in sorted(mine, key=lambda x: x["id"])
        if (line["status"] == "failing" and not line.get("restored"))
        or (line["status"] != "failing" and line["verdict"] == "cause")
    ]
    table = confusion(mine)
    found = {
        "commands": [
            "python tests/doctor/evaluate.py --split held_out --who doctor --out RESULTS.jsonl --budget-s 120",
            "python tests/doctor/evaluate.py --split held_out --who fixed,random,rules,torchmortem --only 80 "
            "--out RESULTS.jsonl",
            "python tests/doctor/publish.py RESULTS.jsonl",
        ],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared; Python {platform.python_version()}",
        "judges": judges,
        "confusion": table,
        "healthy called ill, by what": dict(
            Counter(x["what"] for x in mine if x["status"] != "failing" and x["verdict"] == "cause")
        ),
        "missed": missed,
    }
    (FIGURES / "doctor.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    draw(judges, table)


if __name__ == "__main__":
    main()
