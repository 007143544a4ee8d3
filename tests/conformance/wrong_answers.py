"""The collection of wrong implementations: each is a function of a case that answers it, with one mistake or two."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Wrong(NamedTuple):
    """An implementation with mistakes, the case it is tried on, and what the explainer has to call them."""

    case: str
    mistakes: frozenset[str]
    answer: Callable
    needs: str | None

    @property
    def id(self):
        return f"{self.answer.__name__}@{self.case}"


def collection():
    """Return an empty collection, and the decorator that adds to it."""
    wrongs: list[Wrong] = []

    def wrong(case, *mistakes, needs=None):
        def add(answer):
            wrongs.append(Wrong(case, frozenset(mistakes), answer, needs))
            return answer

        return add

    return wrongs, wrong


def logistic(a):
    return 1.0 / (1.0 + np.exp(-a))
