"""How a tensor inside the step lies to the examples: another order of axes, another scale, the same numbers."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from scratchdae.arguments import Array

_ENOUGH = 2e-2  # of the examples' own numbers found unchanged: so much that it is no accident


@dataclass(frozen=True)
class Layout:
    """Tells how u (B, …) is made of a batch x (B, …): axes in another order, then a shape, then ``a x + b``."""

    order: tuple[int, ...]  # of x's axes
    shape: tuple[int, ...]  # of u, -1 for the axis of the examples
    axes: tuple[int, ...]  # x's own shape but for the batch
    a: Array  # () or (D,)
    b: Array
    fit: float  # the share of u's variance that this explains, 1 at best

    def flatten(self, u: Array) -> Array:
        """Return u as (B, D), in x's order and u's units."""
        inner = tuple(self.axes[axis - 1] if axis else -1 for axis in self.order)
        return np.transpose(u.reshape(inner), np.argsort(self.order)).reshape(-1, int(np.prod(self.axes)))

    def apply(self, x: Array) -> Array:
        """Return the u that examples x (B, D) make."""
        scaled = self.a * x + self.b
        return np.transpose(scaled.reshape(-1, *self.axes), self.order).reshape(self.shape)

    def back(self, u: Array) -> Array:
        """Return the examples (B, D), in their own units, that a tensor u stands for."""
        return (self.flatten(u) - self.b) / self.a


def find(x: Array, u: Array, draws: list[Array] | None = None) -> Layout | None:
    """Return how u lies to the batch x (B, …), None where it has other numbers; `draws` are u's of other noise."""
    if x.size != u.size:
        return None
    x, u = x.astype(np.float64), u.astype(np.float64)
    axes, best = x.shape[1:], None
    orders = [tuple(range(x.ndim))]
    if x.ndim > 2 and u.shape != x.shape:
        orders += [order for order in permutations(range(x.ndim)) if order != orders[0]]
    for order in orders:
        turned = np.transpose(x, order)
        batch = order.index(0)
        if batch and turned.shape != u.shape:
            continue
        if turned.shape != u.shape and order != orders[0] and len(order) == u.ndim:
            continue
        shape = tuple(-1 if axis == batch else side for axis, side in enumerate(u.shape))
        if u.shape[batch] != len(x) and batch == 0 and u.ndim > 1:  # rows of each example apart, as (B·T, F)
            shape = (-1, *u.shape[1:])
        plain = Layout(order, shape, axes, np.float64(1), np.float64(0), 0.0)  # type: ignore[arg-type]
        flat = x.reshape(len(x), -1)
        found = _scaled(plain, flat, [plain.flatten(one.astype(np.float64)) for one in (draws or [u])])
        if best is None or found.fit > best.fit:
            best = found
        if found.fit > 0.999:
            break
    return best


def _scaled(plain: Layout, x: Array, draws: list[Array]) -> Layout:
    """Return the layout with the scale that fits best, over draws of the noise."""
    inner = x != 0
    if inner.any() and np.mean(draws[0][inner] == x[inner]) > _ENOUGH:
        return Layout(plain.order, plain.shape, plain.axes, plain.a, plain.b, 1.0)
    kept = inner & (draws[0] != 0)
    holes = 1 - kept.sum() / max(int(inner.sum()), 1)
    if holes > _ENOUGH and kept.any():  # a mask, on data of another scale or scaled up as by dropout
        ratios = draws[0][kept] / x[kept]
        ratio = float(np.median(ratios))
        if np.mean(np.abs(ratios - ratio) < 1e-4 * abs(ratio)) > 0.9:
            one = np.asarray(1.0 if abs(ratio * (1 - holes) - 1) < 0.1 else ratio)
            return Layout(plain.order, plain.shape, plain.axes, one, plain.b, 1.0)
    u = np.median(draws, axis=0)
    options = [(np.float64(1), np.float64(0)), _line(x, u, None)]
    if x.shape[0] > 2:
        options.append(_line(x, u, 0))
    total = float(((u - u.mean()) ** 2).sum()) or 1.0
    fits = [1 - float(((a * x + b - u) ** 2).sum()) / total for a, b in options]
    chosen = 0
    for index in range(1, len(options)):
        if fits[index] > fits[chosen] + 0.02:  # another scale must explain clearly more
            chosen = index
    a, b = options[chosen]
    return Layout(plain.order, plain.shape, plain.axes, a, b, fits[chosen])  # type: ignore[arg-type]


def _line(x: Array, u: Array, axis: int | None) -> tuple[Array, Array]:
    centred = x - x.mean(axis=axis)
    spread = (centred**2).sum(axis=axis)
    a = (centred * u).sum(axis=axis) / np.where(spread > 0, spread, 1)
    a = np.where((spread > 0) & (a != 0), a, 1.0)
    return a, u.mean(axis=axis) - a * x.mean(axis=axis)
