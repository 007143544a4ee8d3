"""Gradient checks: complex step, central difference, random direction and Taylor order.

They check any function of named arrays that returns a loss and its gradients, a user's own included::

    report = gradcheck.check(loss_and_grads, params)
    print(report)
    report.raise_on_failure()

What each can tell, on a correct tied autoencoder in float64 (errors in units of the largest entry of the gradient):

=================  ===========================================  ==============  ============================
method             formula                                      measured error  needs
=================  ===========================================  ==============  ============================
complex step       Im f(θ + ih e_k) / h,  h = 1e-30             3e-16           code that takes complex arrays
central            [f(θ + h e_k) − f(θ − h e_k)] / 2h           3e-10           float64
random direction   ⟨g, v⟩ against the same along v              as above        two evaluations in all
Taylor order       |f(θ + hv) − f(θ) − h⟨g, v⟩| = O(h²)         order 2.00      no tolerance to choose
=================  ===========================================  ==============  ============================

(Squire & Trapp 1998 for the complex step.) Entry by entry costs one or two evaluations an entry; a random direction
costs two in all and sees every entry at once, but does not say which is wrong.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from scratchdae.arguments import (
    Array,
    Params,
    choice,
    framework,
    function,
    generator,
    integer,
    mapping,
    number,
    numbers,
    shown,
)

LossAndGrads: TypeAlias = Callable[[Params], tuple[Any, Mapping[str, Array]]]

MISSING = object()  # no direction was asked for
METHODS = ("auto", "complex", "central")
COMPLEX_STEP = 1e-30  # no subtraction, so no round-off: the step can be as small as one likes
CENTRAL_STEP = 1e-5  # near the cube root of the unit round-off, where truncation and round-off balance
TOLERANCE = {"complex": 1e-12, "central": 1e-7}


@dataclass(frozen=True)
class Row:
    """The worst entry of one parameter."""

    name: str  # the parameter
    index: tuple[int, ...]  # where in it the error is largest
    analytic: float  # the gradient that was given there
    numeric: float  # the one measured
    error: float  # their difference, in units of the largest entry of that parameter's gradient
    entries: int  # how many were looked at
    ok: bool  # whether the error is within the tolerance


@dataclass(frozen=True)
class Report:
    """What a gradient check found: one row a parameter, then the direction that sees all entries at once."""

    method: str  # "complex" or "central"
    reason: str  # why that method, where it was not asked for
    tolerance: float  # largest error allowed
    rows: tuple[Row, ...]  # the worst entry of each parameter
    direction: Row  # the random direction: ⟨g, v⟩ as given and as measured
    order: float  # of the Taylor remainder, as `taylor_order` returns it
    readings: tuple[str, ...] = ()  # what is wrong, in sentences, as far as the numbers tell

    @property
    def ok(self) -> bool:
        """Whether every error is within the tolerance and the Taylor order is not that of a wrong gradient."""
        return all(row.ok for row in (*self.rows, self.direction)) and not self.order < 1.5

    def raise_on_failure(self) -> None:
        """Raise an AssertionError with the report as its message if the check failed."""
        if not self.ok:
            raise AssertionError(f"the gradient is wrong\n{self}")

    def __str__(self) -> str:
        width = max(len(row.name) for row in (*self.rows, self.direction))
        head = f"{'':4}  {'parameter':<{width}}  {'worst index':<14}  {'analytic':>16}  {'numeric':>16}  {'error':>8}"
        lines = [f"gradient check, {self.method} ({self.reason}), tolerance {self.tolerance:.0e} of max|g|", head]
        for row in (*self.rows, self.direction):
            where = str(row.index) if row.index else "-"
            lines.append(
                f"{'ok' if row.ok else 'FAIL':4}  {row.name:<{width}}  {where:<14}  "
                f"{row.analytic:>16.9e}  {row.numeric:>16.9e}  {row.error:>8.1e}"
            )
        verdict = "2 for a right gradient, 1 for a wrong one" if np.isfinite(self.order) else "too small to tell"
        lines.append(f"{'FAIL' if self.order < 1.5 else 'ok':4}  Taylor order {self.order:.2f} ({verdict})")
        return "\n".join([*lines, *self.readings])


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
        random in it must be fixed: the same arrays must give the same loss. Or a ``torch.nn.Module``: then what is
        checked are the gradients that its own backward pass gives, in float64 and evaluation mode.
    params : dict of str to ndarray
        Where to check. float64, small and unsaturated values tell most. It is not changed. Of a module it is where it
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
    params = {name: np.array(value) for name, value in _point(loss_and_grads, params)[0].items()}
    _check_params(params)
    loss, grads = _answer(loss_and_grads({name: value.copy() for name, value in params.items()}))
    if not np.isfinite(loss):
        raise ValueError(f"loss_and_grads must return a finite scalar loss, found {loss!r}")
    grads = _check_grads(grads, params)
    if loss_and_grads(params)[0] != loss:
        raise ValueError("loss_and_grads must return the same loss for the same arrays: fix its random generator")

    v = _direction(params, rng)
    method, reason = _choose(loss_and_grads, params, v, method)
    tolerance = TOLERANCE[method] if tolerance is None else tolerance
    derivative = complex_step if method == "complex" else central_difference

    rows, looked_at = [], dict[str, _Entries]()
    for name, gradient in grads.items():
        size = gradient.size
        flat = np.arange(size) if size <= max_entries else np.sort(rng.choice(size, max_entries, replace=False))
        numeric = np.array([derivative(loss_and_grads, params, _unit(params, name, int(k))) for k in flat])
        looked_at[name] = _Entries(gradient.ravel()[flat], numeric, params[name].ravel()[flat], gradient.shape)
        error = _relative(gradient.ravel()[flat], numeric, _scale(gradient, grads))
        worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
        index = tuple(int(i) for i in np.unravel_index(flat[worst], gradient.shape))
        values = float(gradient[index]), float(numeric[worst]), float(error[worst])
        rows.append(Row(name, index, *values, len(flat), bool(error[worst] <= tolerance)))

    analytic = _inner(grads, v)
    numeric_v = derivative(loss_and_grads, params, v)
    scale = np.sqrt(sum(float((g * g).sum()) for g in grads.values())) or 1.0
    error_v = float(_relative(np.array(analytic), np.array(numeric_v), float(scale)))
    size = sum(value.size for value in params.values())
    direction = Row("(direction)", (), analytic, numeric_v, error_v, size, error_v <= tolerance)
    order = taylor_order(loss_and_grads, params, v)
    readings = tuple(_read(rows, direction, order, looked_at, 100 * tolerance))
    return Report(method, reason, tolerance, tuple(rows), direction, order, readings)


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
    params, v = _point(loss_and_grads, params, v)
    number("step", step, above=0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            answer = loss_and_grads({name: value + 1j * step * v[name] for name, value in params.items()})
    except Exception as error:
        raise ValueError(f"loss_and_grads does not take complex arrays ({type(error).__name__}: {error})") from error
    loss = _loss(answer, kinds="fciu")
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
    params, v = _point(loss_and_grads, params, v)
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
    params, v = _point(loss_and_grads, params, v)
    loss, grads = _answer(loss_and_grads(params))
    slope = _inner(_check_grads(grads, params), v)
    steps = 10.0 ** -np.arange(1, 4.5, 0.5)
    remainders = np.array([abs(_along(loss_and_grads, params, v, h) - float(loss) - h * slope) for h in steps])
    heard = remainders > 1e-13 * max(abs(float(loss)), 1e-3)
    if heard.sum() < 2:
        return float("nan")
    slopes = np.diff(np.log(remainders[heard])) / np.diff(np.log(steps[heard]))
    return float(np.median(slopes[-3:]))


class _Entries(NamedTuple):
    """The entries of a parameter that were looked at, flat."""

    analytic: Array
    numeric: Array
    value: Array  # the parameter's own
    shape: tuple[int, ...]  # of the whole parameter


def _read(
    rows: list[Row], direction: Row, order: float, looked_at: Mapping[str, _Entries], close: float
) -> Iterator[str]:
    """Say what is wrong with gradients, as far as the entries that were looked at tell."""
    wrong = [row.name for row in rows if not row.ok]
    factors = {name: _factor(looked_at[name], close) for name in looked_at}
    known = [factor for factor in factors.values() if factor is not None]
    common = known[0] if len(known) == len(factors) and np.ptp(known) <= close * max(map(abs, known)) else None
    if len(wrong) == len(rows) and common is not None and (common or len(rows) > 1):
        whose = "every gradient" if len(rows) > 1 else f"the gradient of {wrong[0]}"
        yield f"{whose} is {_in_words(common, looked_at)}"
    else:
        for name in wrong:
            yield f"{name}: {_of_one(looked_at[name], factors[name], looked_at, close)}"
        right = [row.name for row in rows if row.ok]
        if right and wrong:
            # the chain rule ran through what they share
            yield f"{', '.join(right)} right, so look at the lines that make the gradient of {', '.join(wrong)} alone"
    if not wrong and not direction.ok:
        yield "all entries that were looked at are right, the direction is not: one of the others is wrong"
    if wrong and direction.ok:
        yield "the direction has not noticed: its errors are small beside the whole, or cancel"
    if order < 1.5 and not wrong and direction.ok:
        yield "the loss does not go where the gradient points, though it agrees here: is there a kink close by?"


def _factor(one: _Entries, close: float) -> float | None:
    """Return the factor by which a gradient is off, 1 if by none; None if by no factor."""
    size = float(one.numeric @ one.numeric)
    if not np.isfinite(one.analytic).all() or not size:
        return None
    factor = float(one.analytic @ one.numeric) / size
    apart = one.analytic - factor * one.numeric
    return factor if np.sqrt(apart @ apart / size) <= close * max(abs(factor), 1.0) else None


def _in_words(factor: float, looked_at: Mapping[str, _Entries]) -> str:
    """Say what a factor may come from."""
    sign = " and of the wrong sign" if factor < 0 else ""
    if abs(factor) < 1e-12:
        return "zero: never computed, or cut off from the loss"
    if abs(factor + 1) < 1e-6:
        return "right but for its sign: a minus too many, or a step uphill"
    for size, words in ((abs(factor), "times too large"), (1 / abs(factor), "times too small")):
        n = round(size)
        if n > 1 and abs(size - n) < 1e-6 * n:
            axes = [f"{name} has an axis of {n}" for name, one in looked_at.items() if n in one.shape]
            of = f" ({', '.join(axes)})" if axes else ""
            square = ", or the 2 of a square" if n == 2 else ""
            return (
                f"{n} {words}{sign}: your batch, or another axis of {n}{of}? Then one of loss and gradient has a mean "
                f"over it, the other a sum{square}"
            )
    return f"{factor:.6g} times what was measured, everywhere: a constant that the loss has not, or has once more"


def _of_one(one: _Entries, factor: float | None, looked_at: Mapping[str, _Entries], close: float) -> str:
    """Say what is wrong with the gradient of one parameter."""
    if not np.isfinite(one.analytic).all():
        return "its gradient is not finite"
    if not one.numeric.any():
        return "its gradient is not zero, but the loss does not depend on it"
    if factor is not None and abs(factor - 1) > close:
        return f"its gradient is {_in_words(factor, looked_at)}"
    missing = one.numeric - one.analytic
    scale = float(one.value @ one.value)
    times = float(missing @ one.value) / scale if scale else 0.0
    apart = missing - times * one.value
    if missing.size > 1 and times and np.sqrt(apart @ apart) <= 1e-6 * np.sqrt(missing @ missing):
        which = "lacks" if times > 0 else "has too much"
        times = abs(times)
        return f"its gradient {which} {times:.6g} times the parameter: a penalty of its square, l2 = {times / 2:.6g}"
    if missing.size == int(np.prod(one.shape)):
        off = (np.abs(missing) > close * np.abs(one.numeric).max()).reshape(one.shape)
        square = len(one.shape) == 2 and one.shape[0] == one.shape[1] > 1
        if square and np.allclose(one.analytic.reshape(one.shape).T.ravel(), one.numeric, rtol=1e-6, atol=0):
            return "its gradient is transposed"
        for axis in range(off.ndim):
            there = np.flatnonzero(off.any(axis=tuple(k for k in range(off.ndim) if k != axis)))
            if len(there) == 1 and off.shape[axis] > 1:
                word = ("row", "column")[axis] if off.ndim == 2 else "index" if off.ndim == 1 else f"axis {axis}, index"
                return f"its gradient is wrong in {word} {there[0]} alone"
    part = float(one.analytic @ one.numeric) / float(one.numeric @ one.numeric)
    return f"no factor explains it: a term is missing or wrong (it holds {part:.2f} of the right gradient)"


def _point(loss_and_grads: object, params: object, v: object = MISSING) -> tuple[Params, Params]:
    """Return the arrays and the direction, refused where they are no numbers or have other names or shapes."""
    function("loss_and_grads", loss_and_grads)
    point = {name: numbers(f"params[{name!r}]", value) for name, value in mapping("params", params).items()}
    if v is MISSING:
        return point, {}
    if mapping("v", v).keys() != point.keys():
        raise ValueError(f"v must hold {sorted(point)}, found {shown(sorted(mapping('v', v)))}")
    along = {name: numbers(f"v[{name!r}]", value) for name, value in mapping("v", v).items()}
    for name, value in along.items():
        if value.shape != point[name].shape:
            raise ValueError(f"v[{name!r}] must have shape {point[name].shape}, found {shown(value)}")
    return point, along


def _loss(answer: Any, kinds: str = "fiu") -> Any:
    """Return the loss of an answer, whose gradients nobody asked for; complex only where that is among the kinds."""
    loss: Any = answer[0] if isinstance(answer, tuple) and answer else None
    if np.ndim(loss) != 0:
        raise ValueError(f"loss_and_grads must return a finite scalar loss, found {shown(loss)}")
    if np.iscomplexobj(loss) and "c" not in kinds and np.imag(loss) == 0:
        loss = np.real(loss)
    if np.asarray(loss).dtype.kind not in kinds:
        raise ValueError(f"loss_and_grads must return a real number and a dict of gradients, found {shown(answer)}")
    return loss


def _answer(answer: Any) -> tuple[Any, Mapping[str, Array]]:
    loss = _loss(answer)
    if len(answer) != 2 or not isinstance(answer[1], Mapping):
        raise ValueError(f"loss_and_grads must return a real number and a dict of gradients, found {shown(answer)}")
    return loss, answer[1]


def _check_params(params: Params) -> None:
    if not params:
        raise ValueError("params must hold at least one array, found none")
    for name, value in params.items():
        if value.dtype != np.float64 or value.size == 0:
            raise ValueError(
                f"params[{name!r}] must be a float64 array with at least one entry, found {value.dtype} {value.shape}: "
                "a finite difference in float32 has three digits"
            )


def _check_grads(grads: Mapping[str, Array], params: Params) -> Params:
    if set(grads) != set(params):
        found = shown(sorted(map(str, grads)))
        raise ValueError(f"loss_and_grads must return gradients for {sorted(params)}, found {found}")
    answer = {name: numbers(f"grads[{name!r}]", grads[name], "an array of real numbers") for name in params}
    for name, gradient in answer.items():
        if gradient.shape != params[name].shape or gradient.dtype.kind == "c":
            raise ValueError(f"grads[{name!r}] must be real, of shape {params[name].shape}, found {shown(gradient)}")
    return {name: gradient.astype(np.float64) for name, gradient in answer.items()}


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


def _along(loss_and_grads: LossAndGrads, params: Params, v: Params, h: float) -> float:
    return float(_loss(loss_and_grads({name: value + h * v[name] for name, value in params.items()})))


def _inner(grads: Mapping[str, Array], v: Params) -> float:
    return float(sum((np.asarray(gradient) * v[name]).sum() for name, gradient in grads.items()))


def _scale(gradient: Array, grads: Params) -> float:
    """Return max|g| of a parameter, and no less than a thousandth of the largest of all.

    Below that a gradient is what cancellation left of larger terms, and its last digits are nobody's fault.
    """
    largest = max(float(np.abs(g).max()) for g in grads.values())
    return max(float(np.abs(gradient).max()), 1e-3 * largest) or 1.0


def _relative(analytic: Array, numeric: Array, scale: float) -> Array:
    return np.asarray(np.abs(analytic - numeric) / scale)
