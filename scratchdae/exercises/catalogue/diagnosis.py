"""Exercises 17 to 19: a failing run is given, and asked is what it should reach, why it does not, and what repairs it.

The answer is three constants, which are read from the file; the file itself is not run. The repair is tried: the run of
the skeleton, with what the student changes, on a seed of its own.
"""

import re
import secrets
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from scratchdae import floors
from scratchdae.arguments import Array, number
from scratchdae.doctor.causes import CAUSES
from scratchdae.exercises.checking import NOT_BEGUN, REFUSED, RIGHT, WRONG, Verdict
from scratchdae.exercises.exercise import Exercise, Task, exercise
from scratchdae.initializers import INITIALIZERS

_WITHIN = 0.02  # of the floor
_CHOICES: dict[str, Collection[str]] = {"init": INITIALIZERS, "output": ("sigmoid", "linear")}


def _run(skeleton: str, repair: dict[str, Any], seed: int) -> float:
    """Run a skeleton's training with some of its settings changed; return its loss."""
    namespace: dict[str, Any] = {"__name__": "diagnosis"}
    exec(skeleton, namespace)
    with np.errstate(all="ignore"):
        return float(namespace["run"](**repair, seed=seed))


def _data(skeleton: str) -> Array:
    namespace: dict[str, Any] = {"__name__": "diagnosis"}
    exec(skeleton, namespace)
    found: Array = namespace["x"]
    return found


def _refused(repair: object) -> str:
    """Say what is not to be changed, or not so; nothing if all is well."""
    if not isinstance(repair, dict) or not 1 <= len(repair) <= 2:
        return "REPAIR must be a dict of one or two settings of run()"
    for name, value in repair.items():
        if name == "lr":
            try:
                number("lr", value, above=0, at_most=10)
            except ValueError as error:
                return f"REPAIR: {error}"
        elif name not in _CHOICES or not isinstance(value, str) or value not in _CHOICES[name]:
            return f"REPAIR: {name!s:.40} = {value!r:.40} is no setting of run(); lr, init and output are"
    return ""


@np.errstate(all="ignore")
def _instead(text: str, x: Array, right: float, mine: object) -> str:
    """Say what a wrong floor is, if it is one of those that are often taken for it."""
    D, p, mean, tiny = x.shape[1], float(x.mean()), x.mean(axis=0), 1e-30
    known = {
        "it summed over the pixels": right * D, "it averaged over the pixels": right / D,
        "it in bits": right / np.log(2), "it twice": right * 2, "it halved": right / 2,
        "the error of the mean picture": x.var(axis=0).mean(), "that of the answer 0 everywhere": (x**2).mean(), "that of one grey": x.var(),
        "what the targets below 0 cost": (np.minimum(x, 0) ** 2).mean(), "what the targets above 1 cost": (np.maximum(x - 1, 0) ** 2).mean(),
        "that of one grey, in nats": -D * (p * np.log(p) + (1 - p) * np.log(1 - p)), "that of the answer 1/2 everywhere, in nats": D * np.log(2),
        "the part of x log z alone": -np.sum(mean * np.log(np.maximum(mean, tiny))), "the part of (1 − x) log(1 − z) alone": -np.sum((1 - mean) * np.log(np.maximum(1 - mean, tiny))),
    }  # fmt: skip
    known |= {f"the loss as posted, {loss}": float(loss) for loss in re.findall(r"loss (\d[\d.]*)", text)}
    own = mine if isinstance(mine, int | float) else 0.0
    return next((f": it is {s}" for s, v in known.items() if 0.99 * float(v) <= own <= 1.01 * float(v)), "")


def _judge(
    name: str, floor: Callable[[Array], float], causes: Collection[str], goal: float
) -> Callable[[dict[str, Any]], Verdict]:
    """Make the judge of a diagnosis: `causes` are those that are right, `goal` what the repaired run must reach."""

    def judge(found: dict[str, Any]) -> Verdict:
        told = {task.function: task for task in next(e for e in DIAGNOSES if e.name == name).tasks}
        text = next(e for e in DIAGNOSES if e.name == name).skeleton
        mine, cause, repair = (found.get(key) for key in ("FLOOR", "CAUSE", "REPAIR"))
        if mine is None and not cause and not repair:
            return Verdict(NOT_BEGUN, where="FLOOR, CAUSE and REPAIR are still empty")
        right = float(floor(_data(text)))
        if not isinstance(mine, int | float) or not (1 - _WITHIN) * right <= mine <= (1 + _WITHIN) * right:
            where = f"FLOOR is {mine!r:.40}, which is not within 2 % of what it should be{_instead(text, _data(text), right, mine)}"
            return Verdict(WRONG, "FLOOR", where, task=told["FLOOR"])
        if cause not in causes:
            known = CAUSES[cause].name if isinstance(cause, str) and cause in CAUSES else "no id of the list"
            where = f"CAUSE is {cause!r:.40} ({known}), which is not what stops this run"
            return Verdict(WRONG, "CAUSE", where, task=told["CAUSE"])
        refused = _refused(repair)
        if refused:
            return Verdict(REFUSED, "REPAIR", refused, task=told["REPAIR"])
        assert isinstance(repair, dict)
        seed = secrets.randbelow(1000)
        loss = _run(text, repair, seed)
        if not loss <= goal:
            where = f"the run with {repair} ends at {loss:.4g}; {goal:g} or less is asked for"
            parts = repair.items() if len(repair) > 1 else ()
            alone = [name for name, value in parts if _run(text, {name: value}, seed) <= goal]
            if alone:  # then what is said of the cause would mislead
                return Verdict(WRONG, "REPAIR", f"{where}: {alone[0]} alone would do, and the other setting undoes it")
            return Verdict(WRONG, "REPAIR", where, task=told["REPAIR"])
        return Verdict(RIGHT)

    return judge


def _nats(x: Array) -> float:
    return float(x.shape[1] * floors.constant(x, "cross_entropy"))


def _diagnosis(n: int, name: str, *about: Any) -> Exercise:
    tasks = (Task(constant, {}, (), lambda: (), {}) for constant in ("FLOOR", "CAUSE", "REPAIR"))
    return exercise(n, name, *tasks, judge=_judge(name, *about))


DIAGNOSES = (
    _diagnosis(17, "picture_stays_black", lambda x: floors.constant(x), ("F15",), 0.052),
    _diagnosis(18, "below_the_mean_and_no_further", lambda x: floors.output_range(x, 0, 1), ("F14",), 0.4),
    _diagnosis(19, "same_answer_to_all", _nats, ("F09",), 175.0),
)
