"""A case can tell its conventions from others: under another one the formulas give what the case does not accept."""

import pytest
from oracle import recompute
from oracle_optimizers import RULES

from scratchdae.conformance import load_cases
from scratchdae.conformance.comparison import compare

CASES = load_cases(spec=1)
OTHER = {
    "reduction": {"paper": "mean", "mean": "paper"},
    "loss": {"cross_entropy": "squared_error", "squared_error": "cross_entropy", "absolute_error": "huber"},
    "output": {"linear": "sigmoid"},
    "corruption": {"masking": "none", "salt_and_pepper": "masking"},
    "padding": {"same": "valid", "valid": "same"},
    "layer": {"MaxPool2D": "AveragePool2D", "AveragePool2D": "MaxPool2D"},
    "activation": {"tanh": "relu", "relu": "tanh"},
    "epsilon": {"outside": "inside", "inside": "outside"},
    "decay": {"gradient": "decoupled", "decoupled": "gradient"},
    "decayed": {"all": "weights", "weights": "all"},
    "framework": {"torch": "keras", "keras": "torch", "optax": "torch"},
    "clip": {"norm": "value", "value": "norm"},
}
NUMBERS = (
    "l2",
    "sigma",
    "slope",
    "delta",
    "lr",
    "rate",
    "std",
    "momentum",
    "dampening",
    "weight_decay",
    "eps",
    "limit",
)
SWITCHES = ("nesterov", "centred", "return_sequences")
# One of a rule's options decides only where another is at work, and the formulas of one framework have no other place.
IDLE = {
    "framework": lambda c: same_formula(c, OTHER["framework"].get(c["framework"])),
    "epsilon": lambda c: c["rule"] not in ("adam", "adamw") or c["framework"] == "keras",
    "decay": lambda c: not c["weight_decay"] or c["rule"] not in ("adam", "adamw") or c["framework"] == "keras",
    "decayed": lambda c: not c["weight_decay"],
    "nesterov": lambda c: not c["momentum"],
    "clip": lambda c: c["framework"] == "none",
    "reduction": lambda c: c.get("loss", "softmax_cross_entropy") == "softmax_cross_entropy",  # of labels: both alike
}
ALIKE = {  # nothing is clipped, or no window needs padding
    ("clipping/clip_norm_short", "framework"),
    ("clipping/clip_norm_short", "limit"),
    ("clipping/clip_norm_short", "clip"),
    ("clipping/clip_norm_at_the_limit_optax", "clip"),
    ("layer/conv_transpose_stride_beyond_kernel", "padding"),
    ("layer/conv_valid_stride_beyond_kernel", "padding"),
    ("layer/max_pool_ties", "padding"),
}


def same_formula(conventions, framework):
    if "rule" not in conventions:
        return framework is None
    own, other = (RULES.get((conventions["rule"], name)) for name in (conventions["framework"], framework))
    alike = conventions["rule"] == "sgd" and (conventions["framework"] == "optax" or not conventions["momentum"])
    return other is None or own is other or alike


def changes():
    for case in CASES:
        for name, value in case.conventions.items():
            if (name in IDLE and IDLE[name](case.conventions)) or (case.id, name) in ALIKE:
                continue
            if name in SWITCHES:
                yield case, name, not value
            elif name in NUMBERS and value:
                yield case, name, value * 0.75
            elif isinstance(value, str) and value in OTHER.get(name, {}):
                yield case, name, OTHER[name][value]


CHANGES = list(changes())


@pytest.mark.parametrize(("case", "name", "other"), CHANGES, ids=[f"{case.id}-{name}" for case, name, _ in CHANGES])
def test_another_convention_is_noticed(case, name, other):
    try:
        found = recompute(case.operation, case.inputs, {**case.conventions, name: other})
    except (ValueError, KeyError):  # it does not even have the shape of this one
        return
    assert not compare(case, {name: found[name] for name in case.required}).agrees


def test_every_group_is_tried():
    assert {case.group for case, _, _ in CHANGES} == {case.group for case in CASES}
    assert len(CHANGES) > 200
