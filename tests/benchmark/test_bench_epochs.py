"""Epochs: every competitor does what `fit` does, a wrong one is caught, the others are timed. No time is asserted."""

import dataclasses
import json

import numpy as np
import pytest
from planted_competitors import TIMED, raising, who
from small_works import DATA

from scratchdae.benchmark import measure_epochs
from scratchdae.benchmark.competitors import BARE, Competitor, fitting
from scratchdae.benchmark.works import EPOCHS
from scratchdae.benchmark.works.epoch import EpochSetting

CASES = [
    EpochSetting("fit", 16, 4, "float32", "masking:0.25"),
    EpochSetting("fit", 16, 1, "float64", "masking:0.25"),
    EpochSetting("fit", 16, 20, "float32", "bernoulli:0.25"),
    EpochSetting("fit", 16, 4, "float32", "none"),
    EpochSetting("fit-adam", 16, 4, "float32", "masking:0.25"),
    EpochSetting("fit-finetune", 16, 4, "float32", "none"),
    EpochSetting("fit-convolutional", 4, 8, "float32", "masking:0.25"),
    EpochSetting("fit-lstm", 4, 8, "float32", "gaussian:0.1"),
]
SMALL = CASES[0]


def draw(setting):
    return EPOCHS[setting.work].prepare(setting, DATA)


@pytest.fixture(scope="module")
def expected():
    """Find what the reference finds, once a setting."""
    found = {}

    def of(setting):
        if setting not in found:
            found[setting] = measure_epochs.Expected.of(draw(setting))
        return found[setting]

    return of


@pytest.mark.parametrize("name", [*TIMED, "bare steps"])
@pytest.mark.parametrize("setting", CASES, ids=str)
def test_every_competitor_does_what_fit_does(setting, name, expected):
    one = who("scratchdae") and BARE if name == "bare steps" else who(name)
    if type(draw(setting)) not in one.trainers:
        assert one.reason_to_leave_out(type(draw(setting))) == "it is not written here for this work"
        return
    candidate = measure_epochs._Candidate(one)
    candidate.check_all(draw(setting), expected(setting), threads=1)
    assert candidate.error < {"float32": 5e-5, "float64": 1e-13}[setting.dtype]  # found: 1.4e-5, 4e-15
    assert candidate.rate > 0


def test_an_epoch_of_the_compiled_core_is_that_of_the_reference():
    """Both draw the same order and the same masks from a seed."""
    who("scratchdae")
    work = draw(EpochSetting("fit", 16, 4, "float64", "masking:0.25"))
    core, plain = fitting.by_default(work, 1), fitting.plain(work, 1)
    for one in (core, plain):
        one.epoch(40)
    assert measure_epochs.update_error(core.params(), plain.params(), work.params) < 1e-12


def test_the_work_is_the_same_every_time_and_is_not_changed():
    work, again = draw(SMALL), draw(SMALL)
    before = work.copy_params()
    fitting.plain(work, 1).epoch(40)
    for name, value in work.params.items():
        assert np.array_equal(value, before[name])
        assert np.array_equal(value, again.params[name])
    assert np.array_equal(work.inputs, again.inputs)
    assert work.x.dtype == np.uint8
    assert work.checked == 256


class Planted(fitting.FitTrainer):
    """A loop around `fit`, with a mistake."""

    def __init__(self, work, mistake):
        super().__init__(work, "numpy")
        self.mistake = mistake

    def stretch(self):
        if self.mistake == "steps":
            self._work = dataclasses.replace(self._work, lr=1.01 * self._work.lr)
        super().stretch()

    def epoch(self, n):
        if self.mistake == "examples":
            n -= 32
        super().epoch(n)

    def corrupt(self, x):
        noisy = super().corrupt(x)
        if self.mistake == "count":
            noisy[0, np.argmax(noisy[0])] = 0
        elif self.mistake == "fraction":
            noisy = super().corrupt(noisy)
        elif self.mistake == "value":
            noisy[noisy == 0] = 0.5
        elif self.mistake == "same":
            noisy[:] = 1
            noisy[:, :196] = 0
        elif self.mistake == "place":
            noisy.sort(axis=1)
        elif self.mistake == "deviation":
            noisy = x + 1.1 * (noisy - x)
        elif self.mistake == "clean":
            noisy = 0 * x
        return noisy


def planted(mistake):
    who("numpy")
    types = {type(draw(setting)) for setting in CASES}
    return Competitor("planted", "", (), dict.fromkeys(types, lambda work, threads: Planted(work, mistake)))


@pytest.mark.parametrize(
    ("mistake", "setting", "sentence"),
    [
        ("examples", SMALL, "its epoch of 256 examples lowered the loss 0."),
        ("count", SMALL, "its masks destroy 196 to 197 of 784 inputs"),
        ("fraction", CASES[2], "the share that it destroys is 0.4"),
        ("value", SMALL, "it changes inputs to something other than 0"),
        ("same", SMALL, "it destroys the same in every example"),
        ("place", CASES[2], "the share that it destroys of the first half is 0.5"),
        ("deviation", CASES[-1], "the deviation of its noise is 0.11"),
        ("clean", CASES[3], "it corrupts inputs that should stay clean"),
    ],
)
def test_a_wrong_loop_is_caught(mistake, setting, sentence):
    rows = measure_epochs.measure(
        [(planted(""), setting, draw(setting)), (planted(mistake), setting, draw(setting))], 1, 1, 40, 0.0
    )
    assert [row.right for row in rows] == [True, False]
    assert rows[1].failure.startswith(f"while it was validated: ValueError: {sentence}")
    assert not rows[1].rates
    assert len(rows[0].rates) == 1


def test_wrong_steps_are_reported_and_not_timed():
    (row,) = measure_epochs.measure([(planted("steps"), SMALL, draw(SMALL))], 1, 1, 40)
    assert 0.005 < row.update_error < 0.02
    assert row.failure is None
    assert not row.right
    assert not row.rates


def test_a_competitor_that_raises_does_not_end_the_run():
    broken = Competitor("broken", "", (), {type(draw(SMALL)): raising})
    rows = measure_epochs.measure([(broken, SMALL, draw(SMALL)), (planted(""), SMALL, draw(SMALL))], 1, 2, 100)
    assert rows[0].failure == "while it was validated: RuntimeError: the machine is on fire"
    assert (len(rows[1].rates), rows[1].examples) == (2, 100)


def test_epochs_are_as_long_as_the_time_allows_in_whole_batches(monkeypatch):
    work, seen = draw(SMALL), []
    monkeypatch.setattr(Planted, "epoch", lambda self, n: seen.append(n))
    candidate = measure_epochs._Candidate(planted(""))
    for rate, most, n in ((1000.0, 10**9, 500), (1.0, 10**9, 256), (10**9, 10**9, 4000), (1000.0, 41, 40), (1.0, 1, 4)):
        candidate.rate = rate
        candidate.prepare_epoch(work, 1, most, 0.5)
        candidate.add_epoch()
        assert seen.pop() == candidate.n == min(n, len(work.x) // 4 * 4)


def test_a_row_comes_back_from_its_json():
    row = measure_epochs.EpochRow("numpy", SMALL, (1.5, 2.5), 0.75, 1e-6, None, 40)
    wrong = measure_epochs.EpochRow("numpy", SMALL, (), 0.0, 0.5, "while it was timed: ValueError", 0)
    for one in (row, wrong):
        assert measure_epochs.EpochRow.from_json(json.loads(json.dumps(one.as_json()))) == one


def test_the_grids_are_those_of_the_targets():
    groups = EPOCHS["fit"].settings("full", "float32")
    assert [(group[0].n_hidden, group[0].batch_size) for group in groups] == [
        (H, B) for H in (500, 1000, 2000) for B in (1, 20, 100, 512)
    ]
    assert all([s.corruption for s in group] == ["masking:0.25", "bernoulli:0.25", "none"] for group in groups)
    assert [group[0].batch_size for group in EPOCHS["fit"].settings("small", "float32")] == [1, 20, 100, 512]
    assert {20, 512} < {group[0].batch_size for group in EPOCHS["fit-adam"].settings("full", "float32")}
    assert str(groups[0][2]) == "fit, H = 500, B = 1, none, float32"
