"""The doctor: why an autoencoder does not train, found by experiments on the user's own training.

It observes the training as it is, reruns it with one thing changed at a time, and prescribes only what it has seen
work. What the user writes are two functions and the data::

    def build(seed): ...; return model, optimizer       # fresh
    def step(model, optimizer, batch): ...; return loss  # your step: noise, loss, zero_grad, backward, optimizer.step

    report = scratchdae.doctor.examine(build, step, x)
    print(report)
"""

from collections.abc import Callable
from typing import Any

from scratchdae.arguments import function, integer, number
from scratchdae.doctor.examination import examine_patient
from scratchdae.doctor.history import read_history as from_history
from scratchdae.doctor.report import Report
from scratchdae.doctor.watch import watch

__all__ = ["Report", "examine", "from_history", "watch"]


def examine(
    build: Callable[[int], Any],
    step: Callable[..., Any] | None,
    x: Any,
    *,
    batch_size: int = 64,
    steps: int = 500,
    seed: int = 0,
    budget_s: float = 60.0,
    held_out: Any = None,
    progress: Callable[[str, float], None] | None = None,
) -> Report:
    """Find out why a training fails."""
    function("build", build)
    batch_size, steps = integer("batch_size", batch_size), integer("steps", steps)
    seed, budget_s = integer("seed", seed, at_least=0), number("budget_s", budget_s, above=0)
    from scratchdae.doctor.patients.torch import TorchPatient

    assert step is not None
    patient = TorchPatient(build, step, x, batch_size, held_out)
    return examine_patient(patient, steps, seed, budget_s, progress)
