"""Every competitor takes the steps of the reference, and says why where it cannot take part."""

import numpy as np
import pytest
from optional_packages import require
from planted_competitors import TIMED, who
from small_works import draw

from scratchdae import kernels
from scratchdae.benchmark import measure
from scratchdae.benchmark.competitors import Competitor, compiled, reference
from scratchdae.benchmark.works import KINDS
from scratchdae.benchmark.works.denoising import Denoising
from scratchdae.benchmark.works.finetuning import Finetuning
from scratchdae.benchmark.works.work import Setting


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_competitor_takes_the_steps_of_the_reference(kind, name, dtype, batch_size):
    task = draw(Setting(kind, 16, batch_size, dtype))
    error = measure.validate(who(name), task, measure.reference_params(task), threads=1)
    factor = 10 if kind == "finetune" else 1  # a deep network's weights change little, their own rounding counts
    assert error < factor * {"float32": 1e-5, "float64": 1e-13}[dtype]  # found: 2e-6, 4e-15; 3e-5, 2e-13


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("kind", KINDS)
def test_steps_then_stretches_go_on_from_where_they_were(kind, name):
    """What is timed is what was validated: a step on the first batch, then one on each."""
    task = draw(Setting(kind, 16, 2, "float64"), 3)
    before = task.copy_params()
    trainer = who(name).prepare(task, 1)
    trainer.step()
    trainer.stretch()
    expected = task.copy_params()
    for i in (0, 0, 1, 2):
        task.sgd_step(expected, task.inputs[i], task.targets[i], task.lr)
    assert measure.update_error(trainer.params(), expected, task.params) < 1e-13
    for key, value in before.items():  # the common beginning is untouched
        assert np.array_equal(task.params[key], value)


def test_compiled_steps_that_stop_early_are_not_timed_as_if_they_had_not(monkeypatch):
    task = draw(Setting("finetune", 5, 2, "float64"), 4)
    monkeypatch.setattr(kernels, "perceptron_steps", lambda: lambda W, b, x, t, lr: (np.zeros(4), 2))
    with pytest.raises(FloatingPointError, match="step 3 of 4 was not taken"):
        compiled.finetuning(task, 1).stretch()
    monkeypatch.setattr(kernels, "perceptron_steps", lambda: None)
    with pytest.raises(ValueError, match="NUMBA_DISABLE_JIT is set"):
        compiled.finetuning(task, 1)


def test_compiled_steps_of_numbers_that_are_not_finite_are_not_timed():
    require("numba")
    task = draw(Setting("pixels", 5, 2), 4)
    task.inputs[2, 0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="step 3 of 4 was not taken"):
        compiled.denoising(task, 1).stretch()


def test_a_peer_that_cannot_be_imported_is_named(monkeypatch, tmp_path):
    (tmp_path / "broken_package.py").write_text("raise ImportError('it needs\\nanother NumPy')")
    monkeypatch.syspath_prepend(tmp_path)
    broken = Competitor("broken", "", ("broken_package",), {Denoising: reference.plain}, {Finetuning: "too deep"})
    expected = "broken_package is installed but cannot be imported: ImportError: it needs another NumPy"
    assert broken.reason_to_leave_out(Denoising) == expected
    assert broken.reason_to_leave_out(Finetuning) == "too deep"
