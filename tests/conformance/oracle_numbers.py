"""Numbers of fifty digits that remember how they were made, so that a gradient is found without writing it down.

Every operation keeps its operands and the derivative with respect to each; `differentiate` goes back through them.
Nothing here comes from scratchdae: a formula that is given to these numbers forwards yields its own gradients, and a
mistake in a backward pass written by hand cannot repeat itself.
"""

import mpmath
import numpy as np
from mpmath import mp, mpf

DIGITS = 50


class Number:
    """A value, and the numbers it was made of with the derivative with respect to each."""

    __slots__ = ("gradient", "parents", "value")

    def __init__(self, value, *parents):
        self.value = mpf(value)
        self.parents = [(parent, derivative) for parent, derivative in parents if isinstance(parent, Number)]
        self.gradient = mpf(0)

    def __add__(self, other):
        return Number(self.value + value(other), (self, 1), (other, 1))

    def __mul__(self, other):
        return Number(self.value * value(other), (self, value(other)), (other, self.value))

    def __neg__(self):
        return -1 * self

    def __sub__(self, other):
        return self + -1 * other

    def __rsub__(self, other):
        return other + -1 * self

    def __truediv__(self, other):
        return self * (1 / value(other)) if not isinstance(other, Number) else self * reciprocal(other)

    def __rtruediv__(self, other):
        return other * reciprocal(self)

    __radd__, __rmul__ = __add__, __mul__


def value(number):
    return number.value if isinstance(number, Number) else mpf(number)  # of a float every bit


def reciprocal(x):
    return Number(1 / x.value, (x, -1 / x.value**2))


def _exp(x):
    return Number(mp.exp(x.value), (x, mp.exp(x.value)))


def _log(x):
    return Number(mp.log(x.value), (x, 1 / x.value))


def _log1p(x):  # 1 + x would lose an x below 1e-50
    return Number(mp.log1p(x.value), (x, 1 / (1 + x.value)))


def _sqrt(x):
    return Number(mp.sqrt(x.value), (x, 1 / (2 * mp.sqrt(x.value))))


def _normal_cdf(x):
    return Number(mp.erfc(-x.value / mp.sqrt(2)) / 2, (x, mp.exp(-(x.value**2) / 2) / mp.sqrt(2 * mp.pi)))


exp, log, log1p, sqrt, normal_cdf = (
    np.frompyfunc(function, 1, 1) for function in (_exp, _log, _log1p, _sqrt, _normal_cdf)
)


def differentiate(outputs, seeds=1):
    """Set `gradient` of everything that went into the outputs: that of Σ seeds · outputs."""
    order, seen = [], set()
    outputs = np.ravel(np.asarray(outputs, dtype=object))
    waiting = [(output, False) for output in outputs]
    while waiting:
        number, done = waiting.pop()
        if done:
            order.append(number)
        elif id(number) not in seen:
            seen.add(id(number))
            waiting.append((number, True))
            waiting.extend((parent, False) for parent, _ in number.parents)
    for output, seed in zip(outputs, np.broadcast_to(np.ravel(seeds), outputs.shape).tolist(), strict=True):
        output.gradient += seed
    for number in reversed(order):
        for parent, derivative in number.parents:
            parent.gradient += number.gradient * derivative


def numbers(array):
    """Return an array of float64 or of mpmath's numbers as numbers of their own, without rounding."""
    return _each(lambda x: Number(x if isinstance(x, mpf) else float(x)), array)


def values(array):
    return _each(value, array)


def gradients(array):
    return _each(lambda number: number.gradient, array)


def nearest(array):
    """Return the float64 nearest to each number, halves to even: Python divides integers so."""

    def divide(x):
        numerator, denominator = mpmath.libmp.to_rational(value(x)._mpf_)
        return numerator / denominator

    return _each(divide, array).astype(np.float64)


def _each(function, array):
    array = np.asarray(array, dtype=object)
    result = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        result[index] = function(array[index])
    return result
