"""Says that the core is being compiled, because a program that is silent for ten seconds seems to hang."""

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from numba.core import event

_TEXT = "scratchdae: compiling the core for this processor, some seconds; it is kept for the next time\n"
_register: Callable[..., None] = event.register


class _Announcer(event.Listener):
    """Hears of each function that is compiled; one that is found on the disk is not."""

    said = False

    def on_start(self, event: Any) -> None:
        module = getattr(event.data["dispatcher"].py_func, "__module__", "")
        if sys.stderr and not self.said and module.startswith("scratchdae.kernels"):
            self.said = True
            sys.stderr.write(_TEXT)
            sys.stderr.flush()

    def on_end(self, event: Any) -> None:
        """Say nothing more."""


@lru_cache(maxsize=1)
def install() -> None:
    """Announce the first compilation of this process on its standard error."""
    _register("numba:compile", _Announcer())
