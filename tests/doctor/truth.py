"""Compute what is true of the trainings of a split, once: `python tests/doctor/truth.py --split development`."""

import argparse
import importlib
import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from injections import INJECTIONS, inject
from realise import PLAIN, clearly_better, metric, realise
from twins import ODD, accepted, draw, odd, pick

HERE = Path(__file__).parent
SIZES = {  # accepted twins; of each cause failing and harmless ones; with two causes; odd; twins themselves
    "development": {"pool": 66, "failing": 3, "harmless": 1, "two": 13, "odd": 42, "twins": 48},
    "earlier": {"pool": 84, "failing": 5, "harmless": 2, "two": 26, "odd": 100, "twins": 84},
    "second": {"pool": 80, "failing": 5, "harmless": 2, "two": 24, "odd": 92, "twins": 80},
    "held_out": {"pool": 88, "failing": 3, "harmless": 1, "two": 14, "odd": 98, "twins": 88},
}
SEEDS = {"development": 11, "earlier": 8, "second": 8, "held_out": 1130}  # as the frozen ones were drawn


def compact(t):
    """Leave out what is as in a plain training."""
    return {name: value for name, value in t.items() if name not in PLAIN or value != PLAIN[name]}


def whole(t):
    """Put back what `compact` left out."""
    return json.loads(json.dumps(PLAIN)) | t


def measured(t):
    """Give the metric of a training as plain JSON; None where it is an error a user would see at once."""
    t = json.loads(json.dumps(t))
    try:
        realise(t)
        return round(metric(t), 5)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        sys.stderr.write(f"no training: {t['causes']} {t['kind']} {t['norm']}: {error!r:.150}\n")
        return None


class Search:
    """The draws of one split."""

    def __init__(self, split, out, scale=1.0):
        self.split, self.out = split, out
        families = importlib.import_module(f"families_{split}")
        self.families, self.options, self.severities = families.FAMILIES, families.OPTIONS, families.SEVERITIES
        self.sizes = {name: max(round(size * scale), 1) for name, size in SIZES[split].items()}
        known = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
        self.twins = [line for line in known if "what" not in line]
        self.found = [line for line in known if "what" in line]
        self.rng = np.random.default_rng([2008, SEEDS[split], len(known)])

    def save(self, stage):
        """Write what is known; what has no place in the order yet gets one when the search is over."""
        self.out.write_text("".join(json.dumps(line) + "\n" for line in [*self.twins, *self.found]))
        sys.stderr.write(f"{stage} after {time.process_time():.0f} s\n")

    def keep(self, what, t, fvu, twin):
        """Add a training whose truth is known."""
        harm = clearly_better(twin["fvu"], fvu) if what != "floor" else False
        status = "failing" if harm else "at_floor" if what == "floor" else "healthy"
        t = json.loads(json.dumps(t))
        if any(one["training"] == compact(t) for one in self.found):
            return
        found = {"what": what, "status": status, "fvu": fvu, "twin": twin["twin"], "twin_fvu": twin["fvu"]}
        self.found.append(found | {"training": compact(t)})
        self.save(f"{status}: {what}")

    def pool(self):
        """Draw twins, the families in turn, until enough are accepted."""
        names = [name for name, family in self.families.items() if family.kind != "floor"]
        if self.found:
            return  # the twins are complete
        for n in range(4 * self.sizes["pool"]):
            if len(self.twins) >= self.sizes["pool"]:
                return
            t = draw(self.split, self.families, self.options, self.rng, names[n % len(names)])
            if accepted(t):
                fvu = measured(t)
                if fvu < 0.6:
                    self.twins.append({"twin": len(self.twins), "fvu": fvu, "training": compact(t)})
                    self.save("twin")

    def try_cause(self, cause):
        """Inject a cause into twins until it has done harm often enough."""
        for _ in range(6 * self.sizes["failing"]):
            injected = [one for one in self.found if one["what"] == "injected"]
            mine = [one["status"] for one in injected if one["training"]["causes"][0]["id"] == cause]
            if mine.count("failing") >= self.sizes["failing"]:
                return
            made, twin = self.injected(cause)
            fvu = measured(made) if made else None
            enough = mine.count("healthy") >= self.sizes["harmless"]
            if fvu is not None and (clearly_better(twin["fvu"], fvu) or not enough):
                self.keep("injected", made, fvu, twin)

    def injected(self, cause, into=None):
        """Find a twin to which a cause applies."""
        for _ in range(200):
            twin = into or pick(self.rng, self.twins)
            t = whole(twin["training"])
            made = inject(t, cause, pick(self.rng, self.severities[cause]))
            if made is not None:
                return made, twin
            if into:
                break
        return None, None

    def try_two(self):
        """Put two causes into one training."""
        causes = list(INJECTIONS)
        for _ in range(6 * self.sizes["two"]):
            if sum(one["what"] == "two" for one in self.found) >= self.sizes["two"]:
                return
            first, twin = self.injected(pick(self.rng, causes))
            second = pick(self.rng, causes)
            if first is None or second == first["causes"][0]["id"]:
                continue
            both = inject(first, second, pick(self.rng, self.severities[second]))
            fvu = measured(both) if both else None
            if fvu is not None and clearly_better(twin["fvu"], fvu):
                self.keep("two", both, fvu, twin)

    def try_odd(self):
        """Make healthy trainings that look ill."""
        floors = [name for name, family in self.families.items() if family.kind == "floor"]
        for n in range(5 * self.sizes["odd"]):
            if sum(one["what"].startswith(("odd", "floor")) for one in self.found) >= self.sizes["odd"]:
                return
            which = ODD[n % len(ODD)]
            if which == "floor":
                t = draw(self.split, self.families, self.options, self.rng, pick(self.rng, floors))
                t |= {"noise": ["none", 0.0], "metric_noise": ["none", 0.0], "noise_style": "torch"}
                code, inputs = t["hidden"][-1], realise(t).x[0].numel()
                fvu = measured(t)
                if fvu > 1 - code / inputs + 0.08 or not accepted(t, floor=True):
                    continue
                self.keep("floor", t, fvu, {"twin": None, "fvu": fvu})
                continue
            twin = pick(self.rng, self.twins)
            t = odd(whole(twin["training"]), which, self.rng)
            fvu = measured(t) if t else None
            if fvu is not None and not clearly_better(twin["fvu"], fvu):
                self.keep(f"odd: {which}", t, fvu, twin)

    def search(self):
        """Find every training of the split that is not there yet; new ones get their place in the order by lot."""
        self.pool()
        self.save(f"{len(self.twins)} twins")
        for n in self.rng.permutation(len(self.twins)):
            if sum(one["what"] == "twin" for one in self.found) < self.sizes["twins"]:
                self.keep("twin", whole(self.twins[n]["training"]), self.twins[n]["fvu"], self.twins[n])
        self.try_odd()
        self.save("odd ones")
        for cause in INJECTIONS:
            self.try_cause(cause)
            self.save(cause)
        self.try_two()
        old, new = [one for one in self.found if "id" in one], [one for one in self.found if "id" not in one]
        first = 1 + max((int(one["id"][-3:]) for one in old), default=-1)
        for n, k in enumerate(self.rng.permutation(len(new))):
            old.append({"id": f"{self.split}-{first + n:03d}"} | new[k])
        self.found = old
        self.save("all")


def read(split):
    """Read the truth of a split: its trainings, whole, and its twins by number."""
    lines = [json.loads(line) for line in (HERE / f"truth_{split}.jsonl").read_text().splitlines()]
    lines = [line | {"training": whole(line["training"])} for line in lines]
    return [line for line in lines if "what" in line], {line["twin"]: line for line in lines if "what" not in line}


def main():
    """Search, and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--split", required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of trainings, for a trial")
    parser.add_argument("--out")
    arguments = parser.parse_args()
    out = Path(arguments.out or HERE / f"truth_{arguments.split}.jsonl")
    search = Search(arguments.split, out, arguments.scale)
    search.search()
    counts = Counter(line["status"] for line in search.found)
    sys.stdout.write(f"{dict(counts)}, {time.process_time():.0f} s\n")


if __name__ == "__main__":
    main()
