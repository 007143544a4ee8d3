"""The optimum that needs no formula: what drawn inputs tell of drawn targets."""

import numpy as np


def least_squares(inputs, targets, constant=True):
    """Return the mean squared error of the best affine (or linear) map from one matrix to the other."""
    A = np.hstack([inputs, np.ones((len(inputs), 1))]) if constant else inputs
    return np.square(targets - A @ np.linalg.lstsq(A, targets, rcond=None)[0]).mean()
