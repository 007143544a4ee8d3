"""The explainer against implementations with a mistake that was named last."""

import re

import numpy as np
import pytest
from optional_packages import require

require("torch")

from planted_names import PLANTED, cases  # noqa: E402

from scratchdae.conformance.adapter import as_arrays  # noqa: E402
from scratchdae.conformance.explainer import explain  # noqa: E402


@pytest.mark.parametrize(("name", "case", "answer"), PLANTED, ids=[f"{case}-{name}" for name, case, _ in PLANTED])
def test_it_has_its_name(name, case, answer):
    case = cases()[case]
    with np.errstate(all="ignore"):
        found = as_arrays(answer({k: v.copy() for k, v in case.inputs.items()}, case.conventions))
    explanation = explain(case, found, judged=False)
    ids = [finding.ids for finding in explanation.findings]
    assert ids == [{re.sub(r"0_(?=\d)", "0.", name)}], str(explanation)
