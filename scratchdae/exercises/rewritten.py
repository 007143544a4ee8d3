"""Right solutions line by line, so that a mistake is a line that reads otherwise, and two of them can be joined."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any

import numpy as np

from scratchdae.activations import sigmoid
from scratchdae.arguments import Array


@dataclass(frozen=True)
class Rewritten:
    """A solution of which some lines read otherwise."""

    make: Callable[[Mapping[str, str]], Callable[..., Any]]  # the solution, of its other lines
    other: Mapping[str, str]

    def __call__(self, *given: Any) -> Any:
        """Answer as that solution does."""
        return self.make(self.other)(*given)

    def joined(self, more: object) -> "Rewritten | None":
        """Return the solution with the lines of both; None if they touch the same line, or another solution."""
        if not isinstance(more, Rewritten) or more.make != self.make or self.other.keys() & more.other.keys():
            return None
        return Rewritten(self.make, {**self.other, **more.other})


class Lines:
    """A solution: its arguments, its lines (a name and what it is), and what it returns."""

    def __init__(self, arguments: str, returns: str, **lines: str) -> None:
        self.arguments, self.returns, self.lines = arguments, returns, lines
        self.known: Mapping[str, Any] = {}

    def knowing(self, **known: Any) -> "Lines":
        """Let the lines use these functions."""
        self.known = known
        return self

    def __call__(self, **other: str) -> Rewritten:
        """Make the solution in which these lines read otherwise."""
        assert other.keys() <= self.lines.keys(), other
        return Rewritten(self.made, other)

    def made(self, other: Mapping[str, str]) -> Callable[..., Any]:
        """Make a function of the lines."""
        lines, names = {**self.lines, **other}, self.arguments.split(", ")

        def solution(*given: Any) -> Any:
            known = {**self.known, **dict(zip(names, given, strict=True))}
            for name, line in lines.items():
                known[name] = value(line, known)
            return value(self.returns, known)

        return solution


def value(line: str, known: Mapping[str, Any]) -> Any:
    """Return what a line is, of what is known."""
    return eval(_compiled(line), _KNOWN, known)


def _softmax(a: Array, axis: int = 1) -> Array:
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


@cache
def _compiled(line: str) -> CodeType:
    return compile(line, "<line>", "eval")


_KNOWN = {"np": np, "s": sigmoid, "softmax": _softmax}
