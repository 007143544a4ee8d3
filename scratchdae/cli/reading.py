"""How to read a run: its loss between that of a model which learned nothing and the least there is; its pictures."""

import numpy as np

from scratchdae import floors
from scratchdae.arguments import Array
from scratchdae.datasets import to_float
from scratchdae.models import DenoisingAutoencoder
from scratchdae.training import evaluate

_MOST, _NUMBERS = 5_000, 2_000_000  # examples, and numbers in them: it should take no time beside the training
_FEW = 100  # of fewer examples than this the best constant knows too much


def loss(model: DenoisingAutoencoder, parts: dict[str, Array | None]) -> list[str]:
    """Say where the loss lies on clean inputs, in two lines; of the parts, the first that is not small is looked at."""
    there = {name: x for name, x in parts.items() if x is not None}
    name = next((name for name, x in there.items() if len(x) >= _FEW), list(there)[-1])
    x = there[name][: max(1, min(_MOST, _NUMBERS // model.n_visible))]
    targets, kind, output = to_float(x), model.options["loss"], model.options["output"]
    times = model.n_visible if model.options["reduction"] == "paper" else 1
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers whose squares are too large; seen below
        nothing, yours = times * floors.constant(targets, kind), evaluate(model, x)
        if kind == "cross_entropy":
            perfect, which = times * floors.cross_entropy(targets), "the entropy of the data, which no model gets below"
        elif output == "sigmoid" and (least := floors.output_range(targets, 0, 1)) > 0:
            perfect, which = times * least, "as near as an output in [0, 1] gets; --output linear gets to 0"
        else:
            perfect, which = 0.0, "every number restored"
    if not np.isfinite([nothing, perfect, yours]).all():
        verdict = "these numbers cannot be compared"
    elif nothing <= perfect:
        verdict = "this model has nothing to gain"
    elif (left := floors.relative_excess(yours, perfect, nothing)) > 1:
        verdict = "worse than a model that learned nothing"
    else:
        verdict = f"{100 * left:.3g} % is left"
    return [
        f"nothing learned costs {nothing:.4g}, perfect {perfect:.4g}, yours {yours:.4g}: {verdict}",
        f"({len(x)} {name} examples, clean; nothing learned: the best constant; perfect: {which})",
    ]


def pictures(steps: int, validated: bool) -> list[str]:
    """Say what to look for in the three pictures, a line each."""
    memorising = "; validation rising while training falls: it memorises" if validated else ""
    few = f"after {steps:,} step{'s' if steps > 1 else ''} some may still look like it"
    return [
        f"filters.png: shapes were learned; noise is what every filter began as, and {few}",
        "reconstructions.png: the middle row should look like the lowest, whatever the uppermost has lost",
        f"loss.png: still falling: train longer{memorising}",
    ]
