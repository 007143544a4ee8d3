"""The formulas that `conform show` prints are those of the cases: they are read back and computed."""

import re

import numpy as np
import pytest

from scratchdae.conformance import load_cases
from scratchdae.conformance.formulas import formulas
from scratchdae.conformance.skeleton import described

CASES = [case for case in load_cases(spec="all") if formulas(case)]
PYTHON = {"θ": "theta", "·": "*", "²": "**2", "^": "**"}


def computed(case, name):
    """Take the steps of one parameter by the lines of the text alone."""
    c = dict(case.conventions)
    state = {"theta": case.inputs[name].copy(), "u": 0.0, "v": c.get("initial", 0.0), "w": 0.0, "m": 0.0}
    lines = [line for line in formulas(case) if "←" in line or line.startswith(("g =", "s ="))]
    after = []
    for t, (given, lr) in enumerate(zip(case.inputs[f"d{name}"], case.inputs["lr"], strict=True), 1):
        for line in lines:
            if ("for W alone" in line and name != "W") or ("at the first step" in line and t > 1):
                if line.startswith("g ="):
                    state["g"] = given
                continue
            line = re.sub(r", for W alone|, with the new u|, v = initial.*| before the step| at the first.*", "", line)
            left, right = re.split(r" ← | = ", line)
            for symbol, python in PYTHON.items():
                left, right = left.replace(symbol, python), right.replace(symbol, python)
            right = right.replace("the gradient given", "given")
            state[left] = eval(right, {"sqrt": np.sqrt, "t": t, "lr": lr, "given": given, **c}, state)
        after.append(state["theta"])
    return np.stack(after)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_rule_is_what_is_printed(case):
    for name in ("W", "b"):
        expected = case.expected[f"{name}_steps"]
        np.testing.assert_allclose(computed(case, name), expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max())
    assert formulas(case)[-2] in described(case)


def test_every_rule_of_the_first_version_is_written_out():
    named = {case.name for case in load_cases(spec=1) if case.operation == "optimizer"}
    assert named <= {case.name for case in CASES}
    assert len(CASES) > 30
