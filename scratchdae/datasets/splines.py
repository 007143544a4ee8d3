"""Smooth curves through few points: the uniform cubic B-spline, as one matrix.

A B-spline is linear in its control points, so a whole batch of curves of one design is one matrix product. Its
second derivative is continuous, as the motion of a hand is, and it stays within the hull of its control points, so it
cannot overshoot. A control point given three times in a row lies on the curve and makes a corner.

Source: C. de Boor, A Practical Guide to Splines (1978), chapters IX and X.
"""

import numpy as np

from scratchdae.arguments import Array, integer

_TRIES = 64  # parameter values a spline piece, of which `arc_length_samples` keeps the evenly spaced ones


def bspline_matrix(points: int, parameters: Array) -> Array:  # K, (S,) -> (S, K)
    """Return the matrix that turns control points into points of their cubic B-spline.

    Both end points are tripled, so the curve starts at the first control point, parameter 0, and ends at the last,
    parameter 1. The weights (S, K) are non-negative and their rows sum to one.
    """
    pieces = integer("points", points, at_least=2) + 1
    # Piece i, with u from 0 to 1, blends the four (padded) control points i .. i + 3.
    position = np.clip(np.asarray(parameters) * pieces, 0, pieces)
    piece = np.minimum(position.astype(np.intp), pieces - 1)
    u = position - piece
    blend = np.stack([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], axis=1) / 6
    matrix = np.zeros((len(position), points))
    for k in range(4):
        control = np.clip(piece + k - 2, 0, points - 1)  # the padding: both ends three times
        np.add.at(matrix, (np.arange(len(position)), control), blend[:, k])
    return matrix


def arc_length_samples(control: Array, spacing: float) -> Array:  # (K, 2) -> (S, K)
    """Return the rows of `bspline_matrix` (S, K) at points that lie, nearly, `spacing` apart along the curve.

    Times `control`, or control points near it, they are the curve; `spacing` is in the units of `control` and measured
    on it.
    """
    fine = np.linspace(0, 1, _TRIES * (len(control) + 1) + 1)
    curve = bspline_matrix(len(control), fine) @ control
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    steps = max(1, int(np.ceil(length[-1] / spacing)))
    return bspline_matrix(len(control), np.interp(np.linspace(0, length[-1], steps + 1), length, fine))
