"""The answer that is to be explained, and how far an account is from it."""

from collections.abc import Mapping

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.comparison import errors, value_by_value


class Target:
    """The arrays of an answer that a case knows; each may be off by the fraction `relative` of its largest value.

    Those of `by_value` are held value by value as well, as `compare` does it.
    """

    def __init__(
        self,
        expected: Mapping[str, Array],
        answer: Mapping[str, Array],
        relative: float,
        by_value: tuple[str, ...] = (),
        dtype: str = "float64",
    ) -> None:
        self.relative, self._by_value, self._dtype = relative, by_value, dtype
        self.expected = expected
        self.found = {name: np.asarray(answer[name], np.float64) for name in expected if name in answer}
        self._scales = {name: _scale(found) for name, found in self.found.items()}

    @property
    def size(self) -> int:
        """Return how many values an answer has."""
        return sum(found.size for found in self.found.values())

    def misfit(self, told: Mapping[str, Array], limit: float = 1.0) -> float:
        """Return the largest error of an account, in units of what is allowed; inf where a shape differs.

        An array that it leaves out no mistake of it can change: it is the expected one. Under ``±NAME`` it can say how
        far rounding alone may take NAME, where a mistake magnifies it. The first array beyond `limit` is the last
        looked at.
        """
        worst = 0.0
        for name in self.found:
            worst = max(worst, self.misfit_of(name, told, limit))
            if not worst <= limit:
                return worst
        return worst

    def misfit_of(self, name: str, told: Mapping[str, Array], limit: float = 1.0) -> float:
        """Return the largest error of one array of an account."""
        found, rounding = self.found[name], float(told.get(f"±{name}", 0))
        model = np.asarray(told[name] if name in told else self.expected[name], np.float64)
        worst = self._error(found, model, rounding)
        if worst <= limit and name in self._by_value:
            allowed = value_by_value(model, self.relative, self._dtype) + rounding
            worst = max(worst, float((errors(found, model) / allowed).max(initial=0.0)))
        return worst

    def beginning(self, told: Mapping[str, Array]) -> "Target":
        """Return the part of the answer that the first steps of an operation tell of: of their arrays as many rows."""
        expected = {name: self.expected[name][: len(array)] for name, array in told.items()}
        return Target(
            expected,
            {name: found[: len(told[name])] for name, found in self.found.items() if name in told},
            self.relative,
        )

    def off(self, name: str) -> bool:
        """Say whether an array of the answer is off by more than is allowed, or has another shape."""
        expected = np.asarray(self.expected[name], np.float64)
        if not self._error(self.found[name], expected, 0.0) <= 1:
            return True
        return name in self._by_value and bool(
            (errors(self.found[name], expected) > value_by_value(expected, self.relative, self._dtype)).any()
        )

    def residual(self, told: Mapping[str, Array]) -> Array | None:
        """Return all errors as one vector, each array in units of its own size; None where a shape differs.

        It is 1 where only one of the two is finite, 0 where neither is.
        """
        parts = []
        for name, found in self.found.items():
            model = np.asarray(told[name] if name in told else self.expected[name], np.float64)
            if model.shape != found.shape:
                return None
            error = np.where(np.isfinite(model) & np.isfinite(found), (model - found) / self._scales[name], 0.0)
            parts.append(np.where(np.isfinite(model) == np.isfinite(found), error, 1.0).ravel())
        return np.concatenate(parts)

    def _error(self, found: Array, model: Array, rounding: float) -> float:
        """Return the largest error of one array, in units of what is allowed."""
        if found.shape != model.shape:
            return np.inf
        if not found.size:
            return 0.0
        worst = float(errors(found, model).max())
        if worst == 0:
            return 0.0
        values = np.abs(model[np.isfinite(model)])
        allowed = rounding + (self.relative * float(values.max()) if values.size else 0.0)
        return worst / allowed if allowed else np.inf


def _scale(array: Array) -> float:
    values = np.abs(array[np.isfinite(array)])
    return float(values.max()) or 1.0 if values.size else 1.0
