"""The check itself: every gradient entry by entry, then a random direction and the Taylor order."""

from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params, choice, framework, generator, integer, number
from scratchdae.gradcheck.answers import LossAndGrads, answer_of, check_grads, check_params, point
from scratchdae.gradcheck.derivatives import central_difference, complex_step, inner, taylor_order
from scratchdae.gradcheck.readings import Entries, read
from scratchdae.gradcheck.report import Report, Row

METHODS = ("auto", "complex", "central")
TOLERANCE = {"complex": 1e-12, "central": 1e-7}


def check(
    loss_and_grads: LossAndGrads | Any,
    params: Params | Any,
    method: str = "auto",
    *,
    rng: np.random.Generator | None = None,
    tolerance: float | None = None,
    max_entries: int = 200,
) -> Report:
    """Check the gradients that a function returns against its own loss.

    Parameters
    ----------
    loss_and_grads : callable
        Takes a dict of arrays, returns the loss and a dict of gradients of the same names and shapes. Anything
        random in it must be fixed: the same arrays must give the same loss. Or a ``torch.nn.Module`` or a
        ``keras.Model`` (on JAX or PyTorch): then what is checked are the gradients that its own backward pass gives,
        in float64 and evaluation mode.
    params : dict of str to ndarray
        Where to check. float64, small and unsaturated values tell most. It is not changed. Of a model it is where it
        stands: give its examples here, to check the squared error of reconstructing them, or a pair of examples and
        targets, whose integer labels stand for the softmax cross-entropy.
    method : {"auto", "complex", "central"}
        ``auto`` takes the complex step if the loss takes complex arrays and agrees with a central difference along
        a random direction (``abs``, say, silently drops the imaginary part), and central differences otherwise.
    rng : numpy.random.Generator, optional
        Chooses the direction, and the entries of large arrays; ``default_rng(0)`` if left out.
    tolerance : float, optional
        Largest error in units of max|g| of each parameter (no less than a thousandth of the largest of all): 1e-12
        for the complex step and 1e-7 for central differences unless given.
    max_entries : int
        How many entries of each parameter to look at; all of them where there are no more.

    Returns
    -------
    Report
        Prints as a table; ``report.ok`` tells whether all is well.

    Raises
    ------
    ValueError
        If a parameter is not float64, a gradient is missing or has another shape, the loss is not a finite scalar
        or not the same twice, or the complex step is asked for and cannot be taken.
    """
    if framework(loss_and_grads):
        from scratchdae import interchange

        loss_and_grads, params = interchange.as_loss_and_grads(loss_and_grads, params)
    choice("method", method, METHODS)
    integer("max_entries", max_entries)
    tolerance = None if tolerance is None else number("tolerance", tolerance, above=0)
    rng = np.random.default_rng(0) if rng is None else generator("rng", rng)
    params = {name: np.array(value) for name, value in point(loss_and_grads, params)[0].items()}
    check_params(params)
    loss, grads = answer_of(loss_and_grads({name: value.copy() for name, value in params.items()}))
    if not np.isfinite(loss):
        raise ValueError(f"loss_and_grads must return a finite scalar loss, found {loss!r}")
    grads = check_grads(grads, params)
    if loss_and_grads(params)[0] != loss:
        raise ValueError("loss_and_grads must return the same loss for the same arrays: fix its random generator")

    v = _direction(params, rng)
    method, reason = _choose(loss_and_grads, params, v, method)
    tolerance = TOLERANCE[method] if tolerance is None else tolerance
    derivative = complex_step if method == "complex" else central_difference

    rows, looked_at = [], dict[str, Entries]()
    for name, gradient in grads.items():
        size = gradient.size
        flat = np.arange(size) if size <= max_entries else np.sort(rng.choice(size, max_entries, replace=False))
        numeric = np.array([derivative(loss_and_grads, params, _unit(params, name, int(k))) for k in flat])
        looked_at[name] = Entries(gradient.ravel()[flat], numeric, params[name].ravel()[flat], gradient.shape)
        error = _relative(gradient.ravel()[flat], numeric, _scale(gradient, grads))
        worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
        index = tuple(int(i) for i in np.unravel_index(flat[worst], gradient.shape))
        values = float(gradient[index]), float(numeric[worst]), float(error[worst])
        rows.append(Row(name, index, *values, len(flat), bool(error[worst] <= tolerance)))

    analytic = inner(grads, v)
    numeric_v = derivative(loss_and_grads, params, v)
    scale = np.sqrt(sum(float((g * g).sum()) for g in grads.values())) or 1.0
    error_v = float(_relative(np.array(analytic), np.array(numeric_v), float(scale)))
    size = sum(value.size for value in params.values())
    direction = Row("(direction)", (), analytic, numeric_v, error_v, size, error_v <= tolerance)
    order = taylor_order(loss_and_grads, params, v)
    readings = tuple(read(rows, direction, order, looked_at, 100 * tolerance))
    return Report(method, reason, tolerance, tuple(rows), direction, order, readings)


def _choose(loss_and_grads: LossAndGrads, params: Params, v: Params, method: str) -> tuple[str, str]:
    if method != "auto":
        if method == "complex":
            complex_step(loss_and_grads, params, v)  # raises where it cannot be taken
        return method, "asked for"
    try:
        along = complex_step(loss_and_grads, params, v)
    except ValueError as error:
        return "central", str(error)
    central = central_difference(loss_and_grads, params, v)
    round_off = 1e-6 * abs(float(loss_and_grads(params)[0]))  # of the difference; it goes with the loss
    if abs(along - central) <= 1e-5 * max(abs(along), abs(central), round_off):
        return "complex", "the loss takes complex arrays"
    return "central", "the loss takes complex arrays but is not analytic in them"


def _direction(params: Params, rng: np.random.Generator) -> Params:
    v = {name: rng.standard_normal(value.shape) for name, value in params.items()}
    norm = np.sqrt(sum(float((array * array).sum()) for array in v.values()))
    return {name: array / norm for name, array in v.items()}


def _unit(params: Params, name: str, k: int) -> Params:
    v = {key: np.zeros(value.shape) for key, value in params.items()}
    v[name].flat[k] = 1
    return v


def _scale(gradient: Array, grads: Params) -> float:
    """Return max|g| of a parameter, and no less than a thousandth of the largest of all.

    Below that a gradient is what cancellation left of larger terms, and its last digits are nobody's fault.
    """
    largest = max(float(np.abs(g).max()) for g in grads.values())
    return max(float(np.abs(gradient).max()), 1e-3 * largest) or 1.0


def _relative(analytic: Array, numeric: Array, scale: float) -> Array:
    return np.asarray(np.abs(analytic - numeric) / scale)
