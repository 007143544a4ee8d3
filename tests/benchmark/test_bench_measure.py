"""Who is wrong or fails is not timed, the others are, in turn. No test asserts a time."""

import json

import numpy as np
import pytest
from planted_competitors import competitor, forgetful, raising, trained
from small_works import SMALL, draw

from scratchdae import autoencoder
from scratchdae.benchmark import measure, report
from scratchdae.benchmark.competitors import reference


def test_a_wrong_update_is_reported_and_not_timed():
    right, wrong = competitor("right", autoencoder.sgd_step), competitor("wrong", forgetful)
    rows = measure.measure([wrong, right], SMALL, draw(SMALL), 1, rounds=2)
    assert [(row.name, row.right, len(row.rates)) for row in rows] == [("wrong", False, 0), ("right", True, 2)]
    assert rows[0].update_error > 0.01
    lines = "\n".join(report.table(rows))
    assert "wrong         WRONG, not timed" in lines
    assert rows[0].as_json()["samples_per_second"] is None


class Failing(reference.StepTrainer):
    """It does what it should for some stretches, of which the first is validated."""

    def __init__(self, task, good):
        super().__init__(task, autoencoder.sgd_step)
        self.good = good

    def stretch(self):
        if self.good == 0:
            raising()
        self.good -= 1
        super().stretch()


def not_twice(task, threads):
    """Make a trainer for the validation, and then no more."""
    if len(task.inputs) > measure.VALIDATED_STEPS:
        raising()
    return reference.StepTrainer(task, autoencoder.sgd_step)


@pytest.mark.parametrize(
    ("prepare", "stage"),
    [
        (raising, "validated"),
        (lambda w, threads: Failing(w, 0), "validated"),
        (not_twice, "prepared"),
        (lambda w, threads: Failing(w, 2), "timed"),
    ],
    ids=["preparing for validation", "validating", "preparing", "timing round 3"],
)
def test_a_competitor_that_raises_does_not_end_the_run(prepare, stage):
    right = competitor("right", autoencoder.sgd_step)
    rows = measure.measure([trained("broken", prepare), right], SMALL, draw(SMALL, 8), 1, rounds=4)
    assert [(row.name, row.right, len(row.rates)) for row in rows] == [("broken", False, 0), ("right", True, 4)]
    failure = f"while it was {stage}: RuntimeError: the machine is on fire"
    assert rows[0].as_json()["failure"] == rows[0].failure == failure
    assert rows[0].as_json()["samples_per_second"] is None
    assert rows[1].as_json()["failure"] is None
    json.dumps([row.as_json() for row in rows], allow_nan=False)
    assert f"  broken        FAILED {failure}" in report.table(rows)


def test_an_update_of_nan_is_wrong():
    def nan(params, x_tilde, x, lr):
        params["b"] *= np.nan
        return 0.0, True

    (row,) = measure.measure([competitor("nan", nan)], SMALL, draw(SMALL), 1, rounds=1)
    assert not row.right
    assert not row.rates
    json.dumps(row.as_json(), allow_nan=False)


def test_rounds_alternate_and_each_stretch_follows_a_step(monkeypatch):
    calls = []

    class Recorder(reference.StepTrainer):
        def __init__(self, task, name):
            super().__init__(task, autoencoder.sgd_step)
            self.name = name

        def step(self):
            calls.append(f"step {self.name}")

        def stretch(self):
            calls.append(f"stretch {self.name}")
            super().stretch()

    three = [trained(name, lambda w, threads, name=name: Recorder(w, name)) for name in "abc"]
    measure.measure(three, SMALL, draw(SMALL), 1, rounds=4)
    timed = calls[3:]  # after the three validations
    assert timed[0::2] == [f"step {name}" for name in "abcbcacababc"]
    assert timed[1::2] == [f"stretch {name}" for name in "abcbcacababc"]


def test_a_rate_is_samples_by_seconds(monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr(measure.time, "perf_counter", lambda: float(next(ticks)))
    monkeypatch.setattr(measure.time, "process_time", lambda: 0.0)
    one = competitor("one", autoencoder.sgd_step)
    _, _, stretches = measure._time(one.prepare(draw(SMALL), 1))
    (row,) = measure.measure([one], SMALL, draw(SMALL), 1, rounds=3)
    # One tick before the stretch, one to see whether to go on, one at the end: two seconds for 6 batches of 3.
    assert stretches == 1
    assert row.rates == (9.0, 9.0, 9.0)
