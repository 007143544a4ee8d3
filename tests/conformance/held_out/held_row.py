"""A row of the held-out set: an implementation as a stranger writes it, and a sentence that says what is wrong."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

Answer = Mapping[str, Any]


class Held(NamedTuple):
    """One implementation; `mistakes` has two sentences for a pair, one for a single mistake, none for a right one."""

    id: str
    sentence: str  # what was done wrong, or how a right answer was computed
    cases: tuple[str, ...]  # patterns of GROUP/NAME that it answers; all others are left to the reference
    language: str
    answer: Callable[..., Answer] | None  # (inputs, conventions) -> arrays; None for JavaScript, which is asked by id
    dtype: str = "float64"
    mistakes: tuple[str, ...] = ()

    @property
    def pair(self) -> bool:
        return len(self.mistakes) == 2


class Rows:
    """Collects the rows of one language."""

    def __init__(self, language: str, prefix: str) -> None:
        self.language, self.prefix = language, prefix
        self.all: list[Held] = []

    def wrong(
        self, name: str, said: str | tuple[str, str], cases: str, answer: Any, dtype: str = "float64", **how: Any
    ) -> None:
        """Add a mistake, or two; `cases` are patterns with spaces between them, `how` is what the base takes."""
        mistakes = (said,) if isinstance(said, str) else said
        self.all.append(self._held(name, " ".join(mistakes), cases, answer, dtype, mistakes, how))

    def right(self, name: str, said: str, cases: str, answer: Any, dtype: str = "float64", **how: Any) -> None:
        """Add an implementation that is right."""
        self.all.append(self._held(name, said, cases, answer, dtype, (), how))

    def _held(self, name: str, said: str, cases: str, answer: Any, dtype: str, mistakes: Any, how: Any) -> Held:
        called = partial(answer, **how) if how else answer
        return Held(f"{self.prefix}_{name}", said, tuple(cases.split()), self.language, called, dtype, mistakes)
