"""Derivatives of a loss along a direction, measured: the complex step, the central difference, the Taylor order."""

import warnings
from collections.abc import Mapping

import numpy as np

from scratchdae.arguments import Array, Params, number
from scratchdae.gradcheck.answers import LossAndGrads, answer_of, check_grads, loss_of, point

COMPLEX_STEP = 1e-30  # no subtraction, so no round-off: the step can be as small as one likes
CENTRAL_STEP = 1e-5  # near the cube root of the unit round-off, where truncation and round-off balance


def complex_step(loss_and_grads: LossAndGrads, params: Params, v: Params, step: float = COMPLEX_STEP) -> float:
    """Measure the derivative of the loss along a direction, Im f(θ + ihv) / h.

    Parameters
    ----------
    loss_and_grads : callable
        The function; its loss must be analytic code: no ``abs``, no cast to float.
    params, v : dict of str to ndarray
        The point θ and the direction.
    step : float
        The step h.

    Returns
    -------
    float
        The derivative, to round-off: nothing is subtracted.

    Raises
    ------
    ValueError
        If the function does not take complex arrays, or drops their imaginary part with a warning.
    """
    params, v = point(loss_and_grads, params, v)
    number("step", step, above=0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            answer = loss_and_grads({name: value + 1j * step * v[name] for name, value in params.items()})
    except Exception as error:
        raise ValueError(f"loss_and_grads does not take complex arrays ({type(error).__name__}: {error})") from error
    loss = loss_of(answer, kinds="fciu")
    if not np.iscomplexobj(loss):
        raise ValueError("loss_and_grads does not take complex arrays: its loss is real")
    return float(np.imag(loss) / step)


def central_difference(loss_and_grads: LossAndGrads, params: Params, v: Params, step: float = CENTRAL_STEP) -> float:
    """Measure the derivative of the loss along a direction, [f(θ + hv) − f(θ − hv)] / 2h.

    Parameters
    ----------
    loss_and_grads : callable
        The function.
    params, v : dict of str to ndarray
        The point θ and the direction.
    step : float
        The step h.

    Returns
    -------
    float
        The derivative, with a truncation error O(h²) and a round-off of about 1e-16 |f| / h.
    """
    params, v = point(loss_and_grads, params, v)
    number("step", step, above=0)
    return (_along(loss_and_grads, params, v, step) - _along(loss_and_grads, params, v, -step)) / (2 * step)


def taylor_order(loss_and_grads: LossAndGrads, params: Params, v: Params) -> float:
    """Estimate the order of the Taylor remainder |f(θ + hv) − f(θ) − h⟨g, v⟩| as h shrinks.

    Parameters
    ----------
    loss_and_grads : callable
        The function.
    params, v : dict of str to ndarray
        The point θ and the direction.

    Returns
    -------
    float
        Slope of log remainder against log h, the median of the three smallest steps down to 1e-4 whose remainder
        stands clear of round-off: 2 for a right gradient, 1 for a wrong one. NaN if fewer than two do: the function is
        then linear along the direction.
    """
    params, v = point(loss_and_grads, params, v)
    loss, grads = answer_of(loss_and_grads(params))
    slope = inner(check_grads(grads, params), v)
    steps = 10.0 ** -np.arange(1, 4.5, 0.5)
    remainders = np.array([abs(_along(loss_and_grads, params, v, h) - float(loss) - h * slope) for h in steps])
    heard = remainders > 1e-13 * max(abs(float(loss)), 1e-3)
    if heard.sum() < 2:
        return float("nan")
    slopes = np.diff(np.log(remainders[heard])) / np.diff(np.log(steps[heard]))
    return float(np.median(slopes[-3:]))


def inner(grads: Mapping[str, Array], v: Params) -> float:
    """Return ⟨g, v⟩, the derivative along v that the gradients claim."""
    return float(sum((np.asarray(gradient) * v[name]).sum() for name, gradient in grads.items()))


def _along(loss_and_grads: LossAndGrads, params: Params, v: Params, h: float) -> float:
    return float(loss_of(loss_and_grads({name: value + h * v[name] for name, value in params.items()})))
