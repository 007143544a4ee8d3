"""The doctor: why an autoencoder does not train, found by experiments on the user's own training.

It observes the training as it is, reruns it with one thing changed at a time, and prescribes only what it has seen
work. What the user writes are two functions and the data::

    def build(seed): ...; return model, optimizer       # fresh
    def step(model, optimizer, batch): ...; return loss  # your step: noise, loss, zero_grad, backward, optimizer.step

    report = scratchdae.doctor.examine(build, step, x)
    print(report)
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from scratchdae.arguments import choice, function, integer, number
from scratchdae.corruption import Corruption
from scratchdae.doctor.examination import examine_patient
from scratchdae.doctor.history import read_history as from_history
from scratchdae.doctor.patient import Anatomy, Noise, Patient, UsersError
from scratchdae.doctor.report import Report
from scratchdae.doctor.watch import watch

__all__ = ["Report", "examine", "from_history", "watch"]

_LOSSES = {
    "mse": "squared_error", "squared_error": "squared_error", "mae": "absolute_error", "l1": "absolute_error",
    "absolute_error": "absolute_error", "huber": "huber", "bce": "cross_entropy", "cross_entropy": "cross_entropy",
    "bce_logits": "cross_entropy_from_logits", "cross_entropy_from_logits": "cross_entropy_from_logits",
}  # fmt: skip
_OUTPUTS = ("linear", "sigmoid", "tanh", "relu", "softplus", "softmax")


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
    output: str | None = None,
    corruption: str | None = None,
    loss: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Report:
    """Find out why a training fails, by experiments on it, and what repairs it.

    The user's model is not touched: everything happens on fresh ones from `build`, the states of the global generators
    are put back, and nothing is written.

    Parameters
    ----------
    build : callable
        ``build(seed)`` returns a fresh ``(model, optimizer)`` of PyTorch, a compiled Keras model, or a model of
        scratchdae and its `Training`.
    step : callable, optional
        ``step(model, optimizer, batch)`` trains on one batch of rows of `x` and returns the loss, as the user does it:
        noise, loss, zero_grad, backward, update. Keras and scratchdae need none.
    x : array, tensor, tuple of them, or iterable of batches
        The examples (N, ...), as the user feeds them; of a tuple the first are the examples, and a batch is a tuple.
    batch_size : int
        Examples a step.
    steps : int
        Of the training as it is.
    seed : int
        Of the first training; a repair is proved on two more.
    budget_s : float
        Seconds for all trainings together; what is known by then is reported.
    held_out : array or tensor, optional
        Examples to judge by; a fifth of `x` if left out.
    output, corruption, loss : str, optional
        What the user knows, in place of what can be seen: the output's activation; the noise, as ``gaussian:0.3`` or
        ``masking:0.25``; the loss, as ``mse``, ``bce`` or ``bce_logits``.
    progress : callable, optional
        Called with the name of each experiment and the seconds that are left.

    Returns
    -------
    Report
        The verdict, its causes, what repairs them and the evidence; ``print`` it.

    Raises
    ------
    ValueError
        If an argument cannot be used. An exception in the user's own code is a verdict, with its line.
    """
    function("build", build)
    if step is not None:
        function("step", step)
    batch_size, steps = integer("batch_size", batch_size), integer("steps", steps)
    seed, budget_s = integer("seed", seed, at_least=0), number("budget_s", budget_s, above=0)
    stated: dict[str, Any] = {}
    if output is not None:
        stated["output"] = choice("output", output, _OUTPUTS)
    if loss is not None:
        stated["loss"] = _LOSSES[choice("loss", loss, _LOSSES)]
    if corruption is not None:
        stated["noise"] = _noise(corruption)
    try:
        patient = _patient(build, step, x, batch_size, held_out, seed)
    except UsersError as error:
        return Report("contract", f"the training does not run: {error}")
    return examine_patient(patient, steps, seed, budget_s, progress, lambda anatomy: _told(anatomy, stated))


def _told(anatomy: Anatomy, stated: dict[str, Any]) -> Anatomy:
    return replace(anatomy, **stated)


def _noise(text: str) -> Noise:
    corruption = Corruption.parse(text)
    if corruption is None:
        return Noise()
    kinds = {"gaussian": "gaussian", "masking": "masking", "bernoulli": "masking", "salt_and_pepper": "masking"}
    if corruption.kind not in kinds or corruption.at(0) != corruption.at(10**9):
        raise ValueError(f"corruption must have one level of {', '.join(kinds)}, found {text!r}")
    return Noise(kinds[corruption.kind], corruption.at(0))


def _patient(
    build: Callable[[int], Any], step: Callable[..., Any] | None, x: Any, batch_size: int, held_out: Any, seed: int
) -> Patient:
    """Tell by what `build` returns whose training it is; PyTorch's where a step is given and nothing else is known."""
    from scratchdae.doctor.patients import kinds

    built = kinds.first(build, seed)
    model = built[0] if isinstance(built, tuple) and built else built
    if kinds.is_keras(model):
        from scratchdae.doctor.patients.keras import KerasPatient

        return KerasPatient(build, x, batch_size, held_out, step)
    if kinds.is_scratch(model):
        from scratchdae.doctor.patients.scratch import patient_of

        return patient_of(build, x, held_out)
    if step is None:
        raise ValueError(f"step must be given for a model of {type(model).__module__.partition('.')[0]}, found None")
    from scratchdae.doctor.patients.torch import TorchPatient

    return TorchPatient(build, step, x, batch_size, held_out)
