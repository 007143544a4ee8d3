"""Says that the core is being compiled, because a program that is silent for ten seconds seems to hang."""

import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from numba.core import event

_TEXT = "scratchdae: compiling the core for this processor, some seconds; it is kept for the next time\n"
_register: Callable[..., None] = event.register


class _Announcer(event.Listener):
    """Hears of each function that is compiled, of those that it calls too; one that is found on the disk is not."""

    said = False
    seconds = 0.0  # spent so far

    def __init__(self) -> None:
        self._within: list[float | None] = []  # when each began, the outermost first; one thread compiles at a time

    def on_start(self, event: Any) -> None:
        module = getattr(event.data["dispatcher"].py_func, "__module__", "")
        ours = module.startswith("scratchdae.kernels")
        if ours and not self._within:
            self._tell()
        self._within.append(time.perf_counter() if ours and not any(self._within) else None)

    def on_end(self, event: Any) -> None:
        del event
        began = self._within.pop()
        if began is not None:
            self.seconds += time.perf_counter() - began
        if not self._within:
            _describe("")

    def _tell(self) -> None:
        """Say it on the progress bars; the first time, where there are none, on a line."""
        if not _describe("compiling") and sys.stderr and not self.said:
            sys.stderr.write(_TEXT)
            sys.stderr.flush()
        self.said = True


def _describe(text: str) -> bool:
    """Write something before the progress bars that are shown, if there are any."""
    tqdm = sys.modules.get("tqdm")
    bars = [] if tqdm is None else list(getattr(tqdm.tqdm, "_instances", ()))
    for bar in bars:
        bar.set_description(text)
    return bool(bars)


_announcer = lru_cache(maxsize=1)(_Announcer)


@lru_cache(maxsize=1)
def install() -> None:
    """Announce the first compilation of this process, and take its time."""
    _register("numba:compile", _announcer())


def seconds() -> float:
    """Return how long this process has compiled so far."""
    return _announcer().seconds
