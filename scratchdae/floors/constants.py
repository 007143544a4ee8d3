"""The best constant: what a model reaches that ignores its input, and the scale on which to read any loss."""

import numpy as np

from scratchdae.arguments import Array, choice, number, unit_interval
from scratchdae.floors.entropy import binary_entropy
from scratchdae.floors.examples import finite_matrix

LOSSES = ("squared_error", "absolute_error", "cross_entropy")


def best_constant(x: Array, loss: str = "squared_error") -> Array:
    """Return the prediction that is best for all rows alike: what only the output's biases can say.

    Parameters
    ----------
    x : ndarray, shape (N, D)
        Targets; in [0, 1] for the cross-entropy.
    loss : {"squared_error", "absolute_error", "cross_entropy"}
        The mean of each column is best for the square and for the cross-entropy, its median for the absolute error.

    Returns
    -------
    ndarray, shape (D,)
        One number a column, in units of `x`.
    """
    choice("loss", loss, LOSSES)
    x = finite_matrix("x", x)
    if loss == "cross_entropy":
        unit_interval("x", x)
    return np.asarray(np.median(x, axis=0) if loss == "absolute_error" else x.mean(axis=0))


def constant(x: Array, loss: str = "squared_error") -> float:
    """Return the loss of the best constant, the ceiling that a model which learned anything must be below.

    ::

        squared error    mean over columns of the variance (divided by N)
        absolute error   mean over columns of E|x - median|
        cross-entropy    mean over columns of H_b(E x), in nats

    For uniform data on [0, 1] these tend to 1/12, 1/4 and ln 2. Not to be confused with the loss of one constant for
    all columns, which is larger, nor with that of an all-black picture, E[x²].

    Parameters
    ----------
    x : ndarray, shape (N, D)
        Targets; in [0, 1] for the cross-entropy.
    loss : {"squared_error", "absolute_error", "cross_entropy"}
        Which loss.

    Returns
    -------
    float
        The mean over elements: squared units of `x`, units of `x`, or nats.
    """
    best, x = best_constant(x, loss), finite_matrix("x", x)
    if loss == "squared_error":
        return float(np.square(x - best).mean())
    if loss == "absolute_error":
        return float(np.abs(x - best).mean())
    return float(binary_entropy(best).mean())


def relative_excess(loss: float, floor: float, ceiling: float) -> float:
    """Return where a loss lies between its floor (0) and that of the best constant (1): the number to report.

    ``(loss - floor) / (ceiling - floor)``. Unlike the loss it can be compared between losses, reductions and data sets.
    It is below 0 where the model beats the floor, as one that has memorised its training examples does, or one with
    more freedom than the floor allows it; and above 1 where it is worse than knowing nothing.

    Parameters
    ----------
    loss : float
        What was measured, finite, in the same units and the same reduction as the other two.
    floor : float
        The least that is possible.
    ceiling : float
        The loss of the best constant; it must exceed the floor, or there is nothing to learn.

    Returns
    -------
    float
        Without a unit.
    """
    loss, floor, ceiling = number("loss", loss), number("floor", floor), number("ceiling", ceiling)
    if not ceiling > floor:
        raise ValueError(f"ceiling must exceed floor = {floor:.6g}, found {ceiling:.6g}")
    return (loss - floor) / (ceiling - floor)
