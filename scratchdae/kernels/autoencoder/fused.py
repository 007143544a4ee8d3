"""The compiled steps of tied weights: gives a team of threads its memory, and lets it go.

`minibatch` and, for one example at a time, `online` say what the steps do differently from their reference. The weights
are copied into rows that begin with a line of the cache, at the first step, and back after the last: the more steps are
taken at a time, the less that costs.
"""

from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.autoencoder import minibatch, online
from scratchdae.kernels.machine import team, threads
from scratchdae.kernels.machine.panels import ROWS, VECTORS
from scratchdae.kernels.machine.products import TERMS
from scratchdae.kernels.machine.room import LINE, memory, multiple, padded, row_pitch
from scratchdae.kernels.machine.tile import lanes
from scratchdae.kernels.machine.zeros import room_for_lists

_ALONE = 1_000_000  # operations of a step below which threads would wait for each other longer than they work


def steps(
    W: Array, b: Array, b_prime: Array, x_tilde: Array, x: Array, lr: Any, decay: Any, scale: Any, kind: int
) -> tuple[Array, int]:
    """Take a step on each batch, until something may not be finite.

    Parameters
    ----------
    W, b, b_prime : ndarray, shapes (D, H), (H,), (D,)
        The parameters, C-contiguous, which are overwritten.
    x_tilde, x : ndarray, shape (S, B, D)
        Corrupted inputs and clean targets, C-contiguous.
    lr, decay, scale : number of W's type
        The learning rate, that of the weights' decay (a gradient of ``decay * W``) and the factor before the loss.
    kind : {0, 1, 2}
        Cross-entropy, squared error, squared error of linear outputs.

    Returns
    -------
    losses : ndarray of float64, shape (S,)
        Of the steps that were taken.
    taken : int
        How many; the next one, if there is one, is for the general step to decide.
    """
    S, B, D = x.shape
    H, dtype = W.shape[1], W.dtype
    size = threads.count() if 10 * B * D * H >= _ALONE else 1
    width, register = padded(H, lanes(dtype), VECTORS), lanes(dtype)
    losses, taken = np.empty(S), np.zeros(1, np.int64)
    options = lr, decay, scale, kind, width, register, float(np.finfo(dtype).max) / 4, losses, taken
    if B == 1:
        alone = _online_room(D, width, size, dtype)
        alone.b[:, :H], alone.b[:, H:] = b, -np.inf  # so that y is 0 beyond H
        team.run(online.steps, size, W, b_prime, x_tilde[:, 0], x[:, 0], *options, alone)
        b[:] = alone.b[0, :H]
    else:
        room = _minibatch_room(B, D, width, size, dtype)
        room.b[:H], room.b[H:] = b, -np.inf
        room.y[B:] = 0
        team.run(minibatch.steps, size, W, b_prime, x_tilde, x, *options, room)
        b[:] = room.b[:H]
    return losses, int(taken[0])


def _minibatch_room(B: int, D: int, width: int, size: int, dtype: Any) -> minibatch.Room:
    examples, rows = multiple(B, ROWS), multiple(D, ROWS)
    pitch, z_pitch = row_pitch(width, dtype), row_pitch(rows, dtype)
    return minibatch.Room(
        W=memory("W", (rows, pitch), dtype),
        y=memory("y", (examples, pitch), dtype),
        da_y=memory("da_y", (examples, pitch), dtype),
        parts=memory("parts", (size, examples, pitch), dtype),
        da_z=memory("da_z", (examples, z_pitch), dtype),
        b=memory("b", (pitch,), dtype),
        x=memory("x", (examples, z_pitch), dtype),
        lists=room_for_lists(B, D, size, dtype),
        panel=memory("panel", (size, TERMS * VECTORS * lanes(dtype)), dtype),
        totals=memory("totals", (size, LINE // 8), np.float64),
    )


def _online_room(D: int, width: int, size: int, dtype: Any) -> online.Room:
    rows, pitch = multiple(D, online.ROWS), row_pitch(width, dtype)
    own = (rows // online.ROWS // size + 1) * online.ROWS
    return online.Room(
        W=memory("W", (rows, pitch), dtype),
        b=memory("b", (size, pitch), dtype),
        y=memory("y", (size, pitch), dtype),
        da_y=memory("da_y", (size, pitch), dtype),
        a_y_parts=memory("parts", (size, pitch), dtype),
        dy_parts=memory("dy_parts", (size, pitch), dtype),
        da_z=memory("da_z", (size, row_pitch(own, dtype)), dtype),
        inputs=memory("inputs", (size, own + 1), dtype),
        input_rows=memory("input_rows", (size, own + 1), np.int64),
        totals=memory("totals", (size, LINE // 8), np.float64),
    )
