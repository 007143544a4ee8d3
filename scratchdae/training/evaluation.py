"""Loss and error over a whole data set, some examples at a time, and what data must be before anything begins."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from scratchdae.arguments import Array, Params, array, generator, having, instance, integer, sequence, shown
from scratchdae.corruption import Corruption
from scratchdae.datasets import to_float
from scratchdae.training.steps import Model

EVALUATION_BATCH = 1000  # examples at a time outside training, or fewer where they are large: it bounds the memory
EVALUATION_SIZE = 2**20  # numbers of input at a time


class Classifier(Model, Protocol):
    """A model with an output a class."""

    def forward(self, params: Params, x: Array, /) -> tuple[Array, Any]: ...


def evaluate(
    model: Model,
    x: Array,
    target: Array | None = None,
    *,
    params: Params | None = None,
    noise: tuple[Corruption, int, np.random.Generator] | None = None,
) -> float:
    """Return the mean loss over a data set, a thousand examples at a time.

    Parameters
    ----------
    model : Model
        The model.
    x : ndarray, shape (N, ...)
        Inputs, uint8 or floating-point.
    target : ndarray, shape (N, ...), optional
        Targets; the inputs if left out.
    params : dict of str to ndarray, optional
        Parameters to use in place of the model's.
    noise : (Corruption, int, numpy.random.Generator), optional
        Corruption, epoch and generator, to evaluate on corrupted inputs; they are clean otherwise.

    Returns
    -------
    float
        The loss, in the model's reduction.
    """
    target = x if target is None else target
    _check_examples("x", x, target, model)
    noise = None if noise is None else _noise(noise)
    return mean_loss(model, x, target, _checked_params(model, params), noise, checked=False)


def _noise(noise: object) -> tuple[Corruption, int, np.random.Generator]:
    parts = sequence("noise", noise, "a corruption, an epoch and a generator")
    if len(parts) != 3:
        raise ValueError(f"noise must be a corruption, an epoch and a generator, found {shown(noise)}")
    corruption = instance("noise's corruption", parts[0], Corruption)
    return corruption, integer("noise's epoch", parts[1], at_least=0), generator("noise's rng", parts[2])


def _checked_params(model: Model, params: Params | None) -> Any:
    """Refuse parameters that the model cannot have; a model of the user's own may have no such check."""
    name = "model.params" if params is None else "params"
    params = model.params if params is None else params
    check = getattr(model, "check_params", None)
    return params if check is None else check(params, name)


def mean_loss(
    model: Model,
    x: Array,
    target: Array,
    params: Params,
    noise: tuple[Corruption, int, np.random.Generator] | None = None,
    checked: bool = True,
    look: Callable[[Params, Array, Array], float] | None = None,
) -> float:
    """As `evaluate`, of data that were checked before, or are checked as they come; by `look`, if there is one."""
    total = 0.0
    for rows in _parts(x, len(x)):
        clean = to_float(x[rows], model.dtype)
        t = clean if target is x else gather(target, rows, model)
        if not checked:
            model.check(clean, t)
        noisy = clean
        if noise is not None:
            corruption, epoch, rng = noise
            noisy = corruption.corrupt(clean, rng, epoch)
        total += float((look or model.loss)(params, noisy, t)) * len(clean)
    return total / len(x)


def classification_error(model: Classifier, x: Array, labels: Array, *, params: Params | None = None) -> float:
    """Return the fraction of examples whose largest output is not that of their label.

    Parameters
    ----------
    model : Sequential
        A network with an output a class.
    x : ndarray, shape (N, ...)
        Inputs, uint8 or floating-point.
    labels : ndarray of int, shape (N,)
        The classes.
    params : dict of str to ndarray, optional
        Parameters to use in place of the model's.

    Returns
    -------
    float
        In [0, 1]; NaN if an output is NaN.
    """
    having("model", model, "a network with an output a class", "forward")
    check_data("x", x, labels, model)
    params, wrong = _checked_params(model, params), 0.0
    for rows in _parts(x, len(x)):
        outputs, _ = model.forward(params, to_float(x[rows], model.dtype))
        wrong += np.nan if np.isnan(outputs).any() else int((outputs.argmax(axis=1) != labels[rows]).sum())
    return wrong / len(x)


def _parts(x: Array, n: int) -> list[slice]:
    """Cut the first n examples into parts whose floating-point copy stays small."""
    size = max(1, min(EVALUATION_BATCH, EVALUATION_SIZE // max(1, x[0].size)))
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def gather(target: Array, rows: Any, model: Model) -> Array:
    """Return a batch of targets: images and numbers as floats, labels as they are."""
    batch: Array = target[rows]
    return batch if batch.ndim == 1 else to_float(batch, model.dtype)


def _check_examples(name: str, x: Array, target: Array, model: Model) -> None:
    having("model", model, "a model, such as DenoisingAutoencoder", "params", "dtype", "check", "loss")
    for what, examples in ((name, x), (f"{name}'s target", target)):
        if not isinstance(examples, np.ndarray) or examples.ndim < 1 or len(examples) == 0:
            found = f"{type(examples).__name__}, {shown(examples)}"
            raise ValueError(f"{what} must be an array of at least one example, found {found}")
        array(what, examples)
        labels = what != name and examples.ndim == 1
        if examples.dtype.kind != "f" and examples.dtype != np.uint8 and not (labels and examples.dtype.kind in "iu"):
            kinds = f"{'labels, ' if labels else ''}uint8 grey levels (0 to 255) or floating-point"
            raise ValueError(f"{what} must be {kinds}, found dtype {examples.dtype}")
    if len(x) != len(target):
        raise ValueError(f"{name} and its target must have as many examples, found {len(x)} and {len(target)}")


def check_data(name: str, x: Array, target: Array, model: Model) -> None:
    """Refuse data that do not fit the model, before anything is written; all but images are read through once."""
    _check_examples(name, x, target, model)
    _checked_params(model, None)
    checked = 1 if x.dtype == target.dtype == np.uint8 and target.ndim > 1 else len(x)  # bytes are always in range
    for rows in _parts(x, checked):
        clean = to_float(x[rows], model.dtype)
        t = clean if target is x else gather(target, rows, model)
        refused = None
        try:
            model.check(clean, t)
        except ValueError as error:
            refused = error
        # A model that has found every target in [0, 1] has seen that its inputs, which they are, are finite.
        seen = refused is None and t is clean and model.config.get("loss") == "cross_entropy"
        if not seen and not np.isfinite(clean).all():
            row = rows.start + int(np.argwhere(~np.isfinite(clean))[0][0])
            raise ValueError(f"{name} must be finite, found NaN or inf in example {row}")
        if not seen and t is not clean and not np.isfinite(t).all() and refused is None:
            row = rows.start + int(np.argwhere(~np.isfinite(t))[0][0])
            raise ValueError(f"{name}'s target must be finite, found NaN or inf in example {row}")
        if refused is not None:
            wrong = None if t is clean or t.dtype.kind != "f" else np.argwhere(~np.isfinite(t))
            where = (
                f", in example {rows.start + int(wrong[0][0])} of the target"
                if wrong is not None and wrong.size
                else ""
            )
            raise ValueError(f"{name} does not fit the model: {refused}{where}")
