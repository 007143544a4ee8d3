"""What a case gives as drawn (masks, coins, noise, units to keep) the library draws itself.

A generator that hands out those very draws takes the place of NumPy's: the processes run as they do in training.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.corruption import gaussian, masking, salt_and_pepper


class _Replay(np.random.Generator):
    def __init__(self, uniforms: Iterable[Array], normals: Iterable[Array]) -> None:
        super().__init__(np.random.PCG64(0))
        self._uniforms, self._normals = iter(uniforms), iter(normals)

    def random(self, *_: Any, **__: Any) -> Array:  # type: ignore[override]
        return next(self._uniforms).astype(np.float32)

    def standard_normal(self, *_: Any, **__: Any) -> Array:  # type: ignore[override]
        return next(self._normals).copy()


def replay(uniforms: Iterable[Array] = (), normals: Iterable[Array] = ()) -> np.random.Generator:
    """Make a generator that hands out what was drawn before, an array a call, whatever the size asked for."""
    return _Replay(uniforms, normals)


def corrupt(inputs: Params, conventions: Mapping[str, Any]) -> Array:
    """Corrupt a batch by the library's processes, an example at a time: their exact count is one for a whole batch."""
    x, corruption = inputs["x"], conventions["corruption"]
    if corruption == "none":
        return x
    if corruption == "gaussian":
        return gaussian(x, conventions["sigma"], replay(normals=[inputs["noise"]]))
    process, rows = {"masking": masking, "salt_and_pepper": salt_and_pepper}[corruption], []
    for i in range(len(x)):
        mask = inputs["mask"][i : i + 1]  # the smallest uniforms are destroyed; heads are below 1/2
        draws = [~mask] if mask.any() else []  # nothing is drawn where nothing is destroyed
        draws += [~inputs["coin"][i : i + 1]] if "coin" in inputs else []
        rows.append(process(x[i : i + 1], mask.mean(), replay(uniforms=draws)))
    return np.concatenate(rows)
