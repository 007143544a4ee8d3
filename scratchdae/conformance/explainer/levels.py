"""Mistakes in what has no gradient: schedules, averages of weights, and the update rules of version 2."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Row, Switch, Told, Unknown, Wrong, mistakes
from scratchdae.conformance.explainer.recognised import factor
from scratchdae.conformance.explainer.update_rule import OTHERS

_COUNTED: tuple[Row, ...] = (
    ("counted_from_1", "epoch", "epochs are counted from 1"),
    ("an_epoch_late", "epoch", "each level comes an epoch late"),
)
_OF_KIND: dict[str, tuple[Row, ...]] = {
    "linear": (("last_an_epoch_late", "steps", "the change takes as many steps as epochs: last comes an epoch late"),
               ("never_ends", "end", "the schedule goes on beyond last")),
    "geometric": (("last_an_epoch_late", "steps", "the change takes as many steps as epochs: last comes late"),
                  ("never_ends", "end", "the schedule goes on below last"),
                  ("linear_instead", "curve", "the steps are equal, not the factors")),
    "step": (("at_every_epoch", "curve", "the factor is multiplied in at every epoch"),),
    "exponential": (("natural", "curve", "the level is first · exp(-factor · epoch)"),),
    "cosine": (("last_an_epoch_late", "steps", "the change takes as many steps as epochs: last comes an epoch late"),
               ("never_ends", "end", "the schedule rises again after its end"),
               ("restarts", "end", "the schedule begins again after its end"),
               ("quarter", "curve", "the level follows a quarter of a cosine, not half of one")),
}  # fmt: skip
_WARM_UP: tuple[Row, ...] = (
    ("warm_up_from_0", "warm-up", "the warm-up begins at 0"),
    ("warm_up_an_epoch_short", "warm-up", "the warm-up's last epoch has the first level already"),
    (
        "counted_from_the_beginning",
        "count",
        "the epochs of the schedule are counted from 0, not from the warm-up's end",
    ),
)
_AVERAGE: tuple[Row, ...] = (
    ("decay_for_share", "decay", "decay is taken for the share of the new weights"),
    ("a_step_late", "weights", "each step averages the weights from before it"),
    ("other_decay", "decay", "decay is {value}", Unknown("decay", 0.0, (), (0.9, 0.99, 0.999, 0.5), "rate")),
)
_FROM: dict[str, tuple[Row, ...]] = {
    "first": (("from_first_step", "start", "the average begins with the weights after the first step"),
              ("from_zero", "start", "the average begins at zero")),
    "zero": (("not_corrected", "correction", "the average is not divided by 1 - decay^t"),
             ("correction_kept", "correction", "the corrected average is what the next step goes on from"),
             ("corrected_from_0", "correction", "the steps of the correction are counted from 0")),
}  # fmt: skip
_RULES: dict[str, tuple[Row, ...]] = {
    "adagrad": (("sum_before", "sum", "the gradient is divided by the sum before it"),
                ("root_missing", "root", "the root of the sum is not taken"),
                ("fading_sum", "sum", "the squares fade, as in RMSprop with a decay rate of 0.9")),
    "adadelta": (("scaled_step_remembered", "memory", "the step is remembered after it is multiplied by lr"),
                 ("eps_outside", "eps", "eps is added to both roots, not inside them"),
                 ("memory_missing", "memory", "what is remembered of the steps is left out")),
    "nadam": (("adam_instead", "momentum", "the step is Adam's"),
              ("same_beta1", "next", "the step has its own beta1 in place of that of the next"),
              ("product_missing", "product", "the bias is corrected by beta1^t, not by the product of all"),
              ("bias_not_corrected", "product", "no bias is corrected in the first moment")),
}  # fmt: skip

_SCHEDULED: tuple[Row, ...] = (("scheduled_beta1", "momentum", "beta1 changes with the step, as in PyTorch"),)


def schedule(case: Case) -> Account:
    """Tell a schedule."""
    c, epochs = case.conventions, case.inputs["epoch"]

    def _told(wrong: Wrong) -> Told:
        return {"level": np.array([_level(int(epoch), c, wrong) for epoch in epochs])}

    rows = (*_COUNTED, *_OF_KIND[c["schedule"]], *(_WARM_UP if "warm_up" in c else ()))
    if "factor" in c:
        rate = Unknown("rate", c["factor"], (), (0.1, 0.5, 0.9, 0.95), "log")
        rows += (("other_factor", "factor", f"the factor is {{value}}, where the case has {c['factor']:g}", rate),)
    return Account((*mistakes(*rows), factor("level_factor", "the level", {}, "level factor")), _scaled(_told, "level"))


def averaging(case: Case) -> Account:
    """Tell an average of weights."""
    decay, zero = case.conventions["decay"], case.conventions["start"] == "zero"

    def _told(wrong: Wrong) -> Told:
        old = 1 - decay if "decay_for_share" in wrong else wrong.get("other_decay", decay)
        given = [case.inputs["W"], *case.inputs["W_steps"]]
        given = given[:-1] if "a_step_late" in wrong else given[1:]
        average, after = case.inputs["W"], list[Array]()
        average = 0 * average if zero or "from_zero" in wrong else average
        average = case.inputs["W_steps"][0] if "from_first_step" in wrong else average
        for t, W in enumerate(given, start=0 if "corrected_from_0" in wrong else 1):
            average = old * average + (1 - old) * W
            shown = average / (1 - old**t) if zero and "not_corrected" not in wrong and t else average
            average = shown if "correction_kept" in wrong else average
            after.append(shown)
        return {"average_steps": np.stack(after)}

    return Account(mistakes(*_AVERAGE, *_FROM[case.conventions["start"]]), _told)


def rule(case: Case) -> Account:
    """Tell Adagrad, Adadelta or NAdam."""
    c, lrs = case.conventions, case.inputs["lr"]
    steps = {"adagrad": _adagrad, "adadelta": _adadelta, "nadam": _nadam}
    steps |= {f"rule:{name}": _other(name) for name in ("Adam", "RMSprop")}

    def _told(wrong: Wrong) -> Told:
        own = {**c, **{name.removeprefix("other_"): value for name, value in wrong.items() if name in numbers}}
        own |= {"epsilon": "outside"} if "epsilon_outside" in wrong else {}
        own |= {"epsilon": "inside"} if "epsilon_inside" in wrong else {}
        told, step = {}, next((steps[id] for id in wrong if id in steps), steps[c["rule"]])
        for name in ("W", "b"):
            value, after = case.inputs[name], list[Array]()
            state = dict.fromkeys(("u", "v", "m", "max"), 0 * value)
            for t, (g, lr) in enumerate(zip(case.inputs[f"d{name}"], lrs, strict=True), start=1):
                value = value - lr * wrong.get("lr_factor", 1.0) * step(g, t, lr, state, own, wrong)
                after.append(value)
            told[f"{name}_steps"] = np.stack(after)
        return told

    rows = _RULES[c["rule"]]
    if not c.get("scheduled", True):
        rows = (*(row for row in rows if row[0] not in ("same_beta1", "product_missing")), *_SCHEDULED)
    others = ("RMSprop",) if c["rule"] == "nadam" else ("Adam", "RMSprop")
    rows += tuple((f"rule:{one}", "eps", f"the rule is {one}, with PyTorch's numbers") for one in others)
    switches = [*mistakes(*rows), *_numbers(c), factor("lr_factor", "the learning rate", {}, "lr")]
    numbers = {switch.id for switch in switches if switch.id.startswith("other_")}
    if "epsilon" in c:
        other = "inside" if c["epsilon"] == "outside" else "outside"
        switches += mistakes(
            (f"epsilon_{other}", "eps place", f"eps is {other} the root, where the case has it elsewhere")
        )
    return Account(tuple(switches), _told)


def _numbers(c: Mapping[str, Any]) -> Iterator[Switch]:
    """Yield the numbers of a rule that may be other ones."""
    starts = {
        "eps": (1e-10, 1e-8, 1e-7, 1e-6, 1e-3), "decay_rate": (0.9, 0.95, 0.99), "initial": (0.0, 0.1),
        "beta1": (0.9, 0.5), "beta2": (0.999, 0.99), "momentum_decay": (0.004, 1.0),
    }  # fmt: skip
    for name, values in starts.items():
        if name in c and (name != "momentum_decay" or c["scheduled"]):
            scale = "log" if name == "eps" else "linear" if name in ("initial", "momentum_decay") else "rate"
            begin = tuple(value for value in values if value != c[name])
            unknown = Unknown(name, c[name], (), begin, scale)
            yield Switch(f"other_{name}", name, f"{name} is {{value}}, where the case has {c[name]:g}", unknown)


def _scaled(told: Callable[[Wrong], Told], name: str) -> Callable[[Wrong], Told]:
    return lambda wrong: {name: wrong.get(f"{name}_factor", 1.0) * told(wrong)[name]}


def _level(epoch: int, c: Mapping[str, Any], wrong: Wrong) -> float:
    epoch += ("counted_from_1" in wrong) - ("an_epoch_late" in wrong and epoch > 0)
    c = {**c, "factor": wrong["other_factor"]} if "other_factor" in wrong else c
    first, kind, warm_up = c["first"], c["schedule"], c.get("warm_up", 0)
    above = warm_up if "warm_up_an_epoch_short" in wrong else warm_up + 1
    if epoch < warm_up:
        return float(first * (epoch if "warm_up_from_0" in wrong else epoch + 1) / above)
    epoch -= 0 if "counted_from_the_beginning" in wrong else warm_up
    if kind == "step":
        return float(first * c["factor"] ** (epoch if "at_every_epoch" in wrong else epoch // c["every"]))
    if kind == "exponential":
        return float(first * (np.exp(-c["factor"] * epoch) if "natural" in wrong else c["factor"] ** epoch))
    steps = c["epochs"] - ("last_an_epoch_late" not in wrong)
    done = epoch / steps
    done = done if "never_ends" in wrong else done % 1 if "restarts" in wrong and done > 1 else min(done, 1.0)
    if kind == "geometric" and "linear_instead" not in wrong:
        return float(first ** (1 - done) * c["last"] ** done)
    if kind == "cosine":
        done = 1 - np.cos(np.pi * done / 2) if "quarter" in wrong else (1 - np.cos(np.pi * done)) / 2
    return float((1 - done) * first + done * c["last"])


def _other(rule: str) -> Callable[..., Array]:
    return lambda g, t, _, state, *__: OTHERS[rule](g, 1.0, t - 1, state, {})


def _adagrad(g: Array, t: int, lr: float, state: dict[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Array:
    del lr
    before = state["v"] if t > 1 else state["v"] + c["initial"]
    state["v"] = 0.9 * before + 0.1 * g * g if "fading_sum" in wrong else before + g * g
    v = before if "sum_before" in wrong else state["v"]
    inside = c["epsilon"] == "inside"
    root = v + c["eps"] if "root_missing" in wrong else np.sqrt(v + c["eps"]) if inside else np.sqrt(v) + c["eps"]
    return np.asarray(g / root)


def _adadelta(g: Array, t: int, lr: float, state: dict[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Array:
    del t
    old, eps = c["decay_rate"], c["eps"]
    state["v"] = old * state["v"] + (1 - old) * g * g
    roots = [np.sqrt(state[k]) + eps if "eps_outside" in wrong else np.sqrt(state[k] + eps) for k in "uv"]
    s = g * (1.0 if "memory_missing" in wrong else roots[0]) / roots[1]
    kept = lr * s if "scaled_step_remembered" in wrong else s
    state["u"] = old * state["u"] + (1 - old) * kept * kept
    return np.asarray(s)


def _nadam(g: Array, t: int, lr: float, state: dict[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Array:
    del lr
    counts = np.arange(1, t + 2)
    decay = 0.004 if "scheduled_beta1" in wrong else c["momentum_decay"]
    scheduled = c["scheduled"] or "scheduled_beta1" in wrong
    mu = c["beta1"] * (1 - 0.5 * 0.96 ** (counts * decay) if scheduled else np.ones(t + 1))
    now, ahead = mu[-2], mu[-2] if "same_beta1" in wrong else mu[-1]
    product = c["beta1"] ** t if "product_missing" in wrong else mu[:-1].prod()
    product, then = (0.0, 0.0) if "bias_not_corrected" in wrong else (product, product * ahead)
    state["u"] = c["beta1"] * state["u"] + (1 - c["beta1"]) * g
    state["v"] = c["beta2"] * state["v"] + (1 - c["beta2"]) * g * g
    m = ahead * state["u"] / (1 - then) + (1 - now) * g / (1 - product)
    m = state["u"] / (1 - c["beta1"] ** t) if "adam_instead" in wrong else m
    return np.asarray(m / (np.sqrt(state["v"] / (1 - c["beta2"] ** t)) + c["eps"]))
