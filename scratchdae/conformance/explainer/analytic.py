"""NumPy for the complex step: what is real in a formula stays so, and what decides looks at real parts alone."""

import ast
from typing import Any

import numpy as np

from scratchdae.arguments import Array


class OfRealParts(ast.NodeTransformer):
    """Makes every comparison of numbers one of their real parts."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """Take the real parts, except of words."""
        self.generic_visit(node)
        compared = [node.left, *node.comparators]
        if isinstance(node.ops[0], (ast.Is, ast.IsNot)) or any(
            isinstance(one, ast.Constant) and isinstance(one.value, str) for one in compared
        ):
            return node
        real: list[ast.expr] = [ast.Call(ast.parse("np.real", mode="eval").body, [one], []) for one in compared]
        return ast.Compare(real[0], node.ops, real[1:])


class _Analytic:
    """NumPy, whose arrays are complex, and whose functions have derivatives."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def zeros(shape: Any, dtype: Any = complex) -> Array:
        return np.zeros(shape, complex if dtype in (complex, float) else dtype)

    @staticmethod
    def zeros_like(x: Array) -> Array:
        return np.zeros(np.shape(x), complex)

    @staticmethod
    def full(shape: Any, value: Any) -> Array:
        return np.full(shape, value, complex)

    @staticmethod
    def abs(x: Array) -> Array:
        return np.where(np.real(x) < 0, -x, x)

    @staticmethod
    def sign(x: Array) -> Array:
        return np.asarray(np.sign(np.real(x)))

    @staticmethod
    def maximum(x: Array, y: Array) -> Array:
        return np.where(np.real(x) >= np.real(y), x, y)

    @staticmethod
    def minimum(x: Array, y: Array) -> Array:
        return np.where(np.real(x) <= np.real(y), x, y)

    @classmethod
    def clip(cls, x: Array, low: Any, high: Any) -> Array:
        return cls.minimum(cls.maximum(x, low), high)


def sigmoid(a: Array) -> Array:
    """Return 1 / (1 + exp(-a))."""
    return 1 / (1 + np.exp(-a))


def softplus(a: Array) -> Array:
    """Return log(1 + exp(a)), also of what would overflow."""
    return np.asarray(np.where(np.real(a) > 0, a, 0) + np.log1p(np.exp(np.where(np.real(a) > 0, -a, a))))


def rectify(a: Array) -> Array:
    """Return what is positive, and 0 for the rest."""
    return np.where(np.real(a) > 0, a, 0)


BESIDE: dict[str, Any] = {"np": _Analytic(), "sigmoid": sigmoid, "softplus": softplus, "rectify": rectify}
