"""How much the compiler tries: less than numba asks of it, where that makes nothing slower.

Numba optimises a function when it is compiled, and once more within each that calls it, so that most of a first call is
spent on what has been optimised already. The steps are written as they are to run: blocks that stay in registers,
loops over them. At the first level, loops are still made vector loops and small functions still become part of their
callers; a fifth of the time is saved and the steps are as fast. The loops of layers need all three.
"""

import os
from functools import lru_cache
from typing import Any

from numba.core import config, event

_LEVEL = 1
_NEEDS_ALL = "scratchdae.kernels.layers"
_config: Any = config
_register: Any = event.register


class _Effort(event.Listener):
    """Sets the level while a function of ours is compiled, and puts back what was there: others' are not concerned."""

    def __init__(self) -> None:
        self._before: list[Any] = []  # of the functions being compiled, the outermost first

    def on_start(self, event: Any) -> None:
        dispatcher = event.data["dispatcher"]
        self._before.append(_config.OPT)
        dispatcher.targetctx.codegen()  # made once for the whole process, at the level that is set: before it changes
        module = getattr(dispatcher.py_func, "__module__", "")
        if module.startswith("scratchdae.kernels") and not module.startswith(_NEEDS_ALL):
            _config.OPT = type(_config.OPT)(_LEVEL)

    def on_end(self, event: Any) -> None:
        del event
        _config.OPT = self._before.pop()


@lru_cache(maxsize=1)
def install() -> None:
    """Compile with less effort from now on, unless the user has said how much."""
    if "NUMBA_OPT" not in os.environ:
        _register("numba:compile", _Effort())
