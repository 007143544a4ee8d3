"""What an epoch trains on: the examples in a shuffled order, as numbers, corrupted, some batches at a time.

A stretch of batches is made at once, so that no step waits for a draw. Its arrays are used again for the next stretch:
fresh memory costs more to get than to fill. However large the data are, a stretch stays small.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from scratchdae import backend
from scratchdae.arguments import Array
from scratchdae.corruption import processes
from scratchdae.training.generators import Streams
from scratchdae.training.options import Training

STRETCH_SIZE = 2**19  # numbers of input in the batches that are made at a time
TOGETHER = 256  # and how many batches, at most


class Batches:
    """The batches of a data set, epoch by epoch."""

    def __init__(self, x: Array, target: Array, training: Training, dtype: np.dtype[Any], name: str) -> None:
        self._x, self._target, self._dtype = x, target, dtype
        self._size, self._corruption = training.batch_size, training.corruption
        self._prepare = backend.loops(processes, name).prepare
        self._together = max(1, min(TOGETHER, STRETCH_SIZE // (self._size * max(1, x[0].size))))
        self._kept: dict[str, Array] = {}

    def of_epoch(self, epoch: int, streams: Streams) -> Iterator[tuple[Array, Array]]:
        """Shuffle the examples; yield stretches of x̃ and of targets, (S, B, ...), the last, shorter batch by itself.

        They are overwritten when the next are asked for.
        """
        order, whole = streams.shuffling.permutation(len(self._x)), len(self._x) // self._size
        cuts = [batch * self._size for batch in (*range(0, whole, self._together), whole)]
        for start, stop in zip(cuts, (*cuts[1:], len(order)), strict=True):
            if start < stop:
                stretch = self._taken(order[start:stop], epoch, streams.corruption)
                sides = -1, min(self._size, stop - start)
                x_tilde, t = (part.reshape(*sides, *part.shape[1:]) for part in stretch)
                yield x_tilde, t

    def _taken(self, rows: Array, epoch: int, rng: np.random.Generator) -> tuple[Array, Array]:
        clean, process = self._memory("clean", self._x, len(rows)), self._corruption
        if process is None:
            x_tilde = clean
            self._prepare(self._x, rows, clean, clean, None, 0.0, rng)
        else:
            x_tilde = self._memory("x_tilde", self._x, len(rows))
            self._prepare(self._x, rows, clean, x_tilde, process.kind, process.at(epoch), rng)
        if self._target is self._x:
            return x_tilde, clean
        if self._target.ndim == 1:  # labels
            return x_tilde, self._target[rows]
        t = self._memory("target", self._target, len(rows))
        self._prepare(self._target, rows, t, t, None, 0.0, rng)
        return x_tilde, t

    def _memory(self, name: str, like: Array, n: int) -> Array:
        if name not in self._kept:
            most = min(len(like), self._together * self._size)
            self._kept[name] = np.empty((most, *like.shape[1:]), self._dtype)
        return self._kept[name][:n]
