"""What a case gives as drawn (masks, coins, noise, units to keep) the library draws itself.

Corruptions first draw and then change the batch; that second half is handed a case's draws. For layers a generator that
hands out those very draws takes the place of NumPy's, and they run as they do in training.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.corruption.processes import destroy, disturb


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
    """Corrupt a batch by the library's processes."""
    x, corruption = inputs["x"], conventions["corruption"]
    if corruption == "none":
        return x
    if corruption == "gaussian":
        return disturb(x, conventions["sigma"], inputs["noise"])
    return destroy(x, inputs["mask"], inputs["coin"] if corruption == "salt_and_pepper" else 0)
