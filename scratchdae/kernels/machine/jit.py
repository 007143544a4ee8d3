"""Compiles for this processor, and keeps what was compiled on the disk: numba's own way, but for what goes wrong there.

A damaged file of the cache ends numba's program; here it is made anew. Numba asks whether the file of a function has
changed, not those that it calls; here all kernels have to be the same. Where there is nowhere to keep anything, as
without a home, every process compiles.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache

_Cache: Any = FunctionCache  # has no types
_njit: Any = partial(numba.njit, nogil=True, no_cfunc_wrapper=True)  # nobody calls a kernel from C


@lru_cache(maxsize=1)
def _sources() -> str:
    """Return a digest of all kernels as they are on the disk."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Mended(_Cache):  # type: ignore[misc]
    """The cache of one function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file._source_stamp = _sources()

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return what was compiled before, or None; what cannot be read is forgotten."""
        try:
            return super().load_overload(signature, target)
        except Exception:  # of pickle, or whatever a changed byte makes of it
            self.flush()
            return None


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function without the interpreter's lock, at its first call for each kind of arguments."""

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = _njit(**options)(function)
        if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
            with suppress(RuntimeError):  # there is nowhere to keep it
                dispatcher._cache = _Mended(function)
        return dispatcher

    return compiled
