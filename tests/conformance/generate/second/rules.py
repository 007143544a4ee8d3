"""Update rules that version 1 has not, schedules of a level, and averages of weights."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from generate.draw import Draw
from generate.optimizer import LR
from generate.second.made import made
from generate.vector import Vector
from scratchdae.optimizers import Adadelta, Adagrad

P, Q, STEPS = 2, 3, 10
_ADAGRAD = "v ← v + g², from initial; θ ← θ - lr g / (sqrt(v) + eps), or with eps inside the root"
_ADADELTA = (
    "v ← decay_rate v + (1 - decay_rate) g²; s = g sqrt(u + eps) / sqrt(v + eps); θ ← θ - lr s; u ← decay_rate u + "
    "(1 - decay_rate) s²"
)
_NADAM = (
    "m and v as Adam's; θ ← θ - lr (μ' m / (1 - π μ') + (1 - μ) g / (1 - π)) / (sqrt(v / (1 - beta2^t)) + eps)",
    "μ is that of step t, μ' of step t + 1, π the product of all μ up to t: μ_t = beta1 (1 - 0.96^(t "
    "momentum_decay) / 2) if scheduled, otherwise beta1",
)  # fmt: skip
_OF = {
    "torch": {"eps": 1e-8, "scheduled": True, "momentum_decay": 0.004},
    "keras": {"eps": 1e-7, "scheduled": True, "momentum_decay": 1.0},
    "optax": {"eps": 1e-8, "scheduled": False, "momentum_decay": 0.0},
}
_SCHEDULES: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("linear", {"last": 0.125, "epochs": 7}, "from first to last in equal steps over so many epochs, then last",
     "epochs steps in place of epochs - 1, so that last comes an epoch late"),
    ("geometric", {"last": 0.03125, "epochs": 6}, "from first to last by equal factors over so many epochs, then last",
     "equal steps in place of equal factors; a schedule that goes on below last"),
    ("step", {"factor": 0.25, "every": 3}, "first, multiplied by factor after every so many epochs",
     "a step that comes an epoch early or late; a factor at every epoch"),
    ("exponential", {"factor": 0.75}, "first · factor^epoch", "an epoch counted from 1; exp(-epoch) of another rate"),
    ("cosine", {"last": 0.125, "epochs": 7}, "from first to last along half a cosine over so many epochs, then last",
     "a quarter of a cosine; epochs in place of epochs - 1; a restart at the end"),
    ("step_after_warm_up", {"factor": 0.5, "every": 2, "warm_up": 3}, "up to first in equal steps, first (epoch + 1) / "
     "(warm_up + 1), then first, multiplied by factor after every so many epochs, counted from the end of the warm-up",
     "a warm-up that begins at 0, or is over an epoch early; epochs that are counted from the beginning"),
)  # fmt: skip


def cases() -> Iterator[Vector]:
    for framework in ("torch", "optax", "keras"):
        aim = "the sum of squares from another beginning; another place or size of eps; a mean that fades, as RMSprop's"
        yield _rule(f"adagrad_{framework}", framework, Adagrad.of(framework), _ADAGRAD, aim)
        aim = "another decay rate or eps; the step remembered after it is scaled; eps outside the roots"
        yield _rule(f"adadelta_{framework}", framework, Adadelta.of(framework), _ADADELTA, aim)
        options = {
            "beta1": 0.9,
            "beta2": 0.999,
            **_OF[framework],
            "weight_decay": 0.0,
            "decay": "gradient",
            "decayed": "all",
        }
        aim = "Adam itself; the beta1 of the step for that of the next; another momentum_decay"
        aim = "Adam itself; a beta1 that changes with the step" if framework == "optax" else aim
        yield _rule(f"nadam_{framework}", framework, options, _NADAM, aim)
    for kind, options, in_words, aim in _SCHEDULES:
        conventions = {"schedule": kind.removesuffix("_after_warm_up"), "first": 0.5, **options}
        yield made(f"schedule_{kind}", "schedule", conventions, {"epoch": np.arange(11)}, in_words, aim, "17_step_size")
    for start, words, aim in (
        ("first", "average ← decay average + (1 - decay) W_t, from W", "the decay taken for the share of the new; "
         "an average that begins with the first step in place of W"),
        ("zero", "average ← decay average + (1 - decay) W_t, from zeros, divided by 1 - decay^t to be shown",
         "no correction of the beginning; a correction that is kept in the average"),
    ):  # fmt: skip
        name = f"average_from_{start}"
        inputs = {"W": Draw(name).normal(P, Q), "W_steps": Draw(f"{name}/steps").normal(7, P, Q)}
        yield made(name, "averaging", {"decay": 0.875, "start": start}, inputs, words, aim, "20_batch_size")


def _rule(name: str, framework: str, rule: Any, in_words: str | tuple[str, ...], aimed_at: str) -> Vector:
    draw, kind = Draw(name), name.partition("_")[0]
    options = rule if isinstance(rule, dict) else asdict(rule)
    inputs = {"W": draw.normal(P, Q), "b": draw.normal(Q), "dW": draw.normal(STEPS, P, Q), "db": draw.normal(STEPS, Q)}
    inputs |= {"lr": np.array(LR) * (8 if kind == "adadelta" else 1)}
    sizes = {"P": P, "Q": Q, "steps": STEPS}
    conventions = {"rule": kind, "framework": framework} | options
    return made(name, "optimizer", conventions, inputs, in_words, aimed_at, "11_scaling", sizes=sizes)
