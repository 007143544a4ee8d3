"""The baseline of support vectors is what it says: scikit-learn's machine."""

import json
import sys

import numpy as np
import pytest
from optional_packages import require

from scratchdae.datasets import digits
from scratchdae.reproduce import svm
from scratchdae.reproduce.recipe import Parts
from scratchdae.reproduce.svm import svm_rbf

DATA = digits()
PARTS = Parts(
    (DATA.x_train[:600], DATA.t_train[:600]),
    (DATA.x_train[600:900], DATA.t_train[600:900]),
    (DATA.x_test[:500], DATA.t_test[:500]),
)
NUMBERS = {"C": 5.0, "gamma": 0.02}


@pytest.fixture
def svc():
    require("sklearn")
    from sklearn.svm import SVC

    return SVC


@pytest.mark.parametrize("together", [1000, 7])
def test_it_is_the_machine_of_scikit_learn(svc, monkeypatch, together):
    monkeypatch.setattr(svm, "EVALUATION_BATCH", together)
    found = svm_rbf(PARTS, **NUMBERS)
    x, x_valid, x_test = (part[0] / 255 for part in PARTS)
    machine = svc(C=5, gamma=0.02).fit(x, PARTS.train[1])
    assert found["validation_error"] == pytest.approx(
        (machine.predict(x_valid) != PARTS.validation[1]).mean(), rel=1e-12
    )
    assert found["support_vectors"] == len(machine.support_)
    alone = (machine.predict(x_test) != PARTS.test[1]).mean()
    # What is tested has learnt from the validation examples too.
    machine.fit(np.concatenate([x, x_valid]), np.concatenate([PARTS.train[1], PARTS.validation[1]]))
    assert found["test_error"] == pytest.approx((machine.predict(x_test) != PARTS.test[1]).mean(), rel=1e-12)
    assert found["test_error"] != alone
    assert 0 < found["test_error"] < 0.1  # found 0.04; chance is 0.9
    assert set(found["seconds"]) == {"fit", "validation", "fit_again", "test"}
    assert json.loads(json.dumps(found)) == found


def test_a_search_need_not_test(svc):
    broken = Parts(PARTS.train, PARTS.validation, (PARTS.test[0][:, :5], PARTS.test[1]))  # would be refused if touched
    found = svm_rbf(broken, **NUMBERS, test=False)
    whole = svm_rbf(PARTS, **NUMBERS)
    assert found["test_error"] is None
    assert found["validation_error"] == whole["validation_error"]
    assert set(found["seconds"]) == {"fit", "validation"}


def test_its_numbers_matter(svc):
    errors = {
        (C, gamma): svm_rbf(PARTS, C=C, gamma=gamma, test=False)["validation_error"]
        for C, gamma in ((5, 0.02), (1e-3, 0.02), (5, 10.0))
    }
    assert errors[5, 0.02] < 0.1
    assert min(errors[1e-3, 0.02], errors[5, 10.0]) > 0.5


def test_without_scikit_learn_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'scratchdae\[sklearn\]'"):
        svm_rbf(PARTS, **NUMBERS)


CASES = {
    "C": (lambda: svm_rbf(PARTS, C=0, gamma=0.1), "C must be a finite number, greater than 0"),
    "gamma": (lambda: svm_rbf(PARTS, C=1, gamma=-1), "gamma must be a finite number, greater than 0"),
    "cache": (lambda: svm_rbf(PARTS, C=1, gamma=1, cache_mb=0), "cache_mb must be an integer of at least 1"),
}


@pytest.mark.parametrize(("call", "what"), CASES.values(), ids=CASES)
def test_is_refused_by_name(call, what):
    with pytest.raises(ValueError, match=what):
        call()
