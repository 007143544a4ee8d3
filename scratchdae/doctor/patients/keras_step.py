"""A user's own step of a Keras training: what it feeds and compares is seen where it calls the model's training.

Such a step draws its noise, then calls `train_on_batch` or `fit`; these are stood in for on the one model, so that
their arguments can be read and exchanged.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from scratchdae.arguments import Array
from scratchdae.doctor.patient import Noise, noise_of
from scratchdae.doctor.patients.torch_layout import Layout, find

DRAWS = 8  # of the noise, to see what it is added to
Exchange = Callable[[Array, Array], tuple[Array, Array]]


@dataclass
class Seen:
    """How what a step feeds and what it compares with lie to the examples."""

    feed: Layout
    target: Layout
    noise: Noise


@contextlib.contextmanager
def intercepted(model: Any, exchange: Exchange, learn: bool = True) -> Iterator[None]:
    """Let every call of the model's training see exchanged inputs and targets; without learning it does nothing."""

    def standing(name: str) -> Callable[..., Any]:
        original = getattr(model, name)

        def call(x: Any, y: Any = None, *args: Any, **options: Any) -> Any:
            if hasattr(x, "shape") and hasattr(y, "shape"):  # no generator or data set of Keras' own
                x, y = exchange(as_array(x), as_array(y))
            if learn:
                return original(x, y, *args, **options)
            return SimpleNamespace(history={"loss": [0.0]}) if name == "fit" else 0.0

        return call

    kept = {name: standing(name) for name in ("train_on_batch", "fit")}
    for name, function in kept.items():
        object.__setattr__(model, name, function)
    try:
        yield
    finally:
        for name in kept:
            object.__delattr__(model, name)


def look(model: Any, step: Callable[..., Any], batch: Array, x: Array) -> tuple[Seen | None, Array | None]:
    """Run a step some times without learning; return what it feeds of x (B, …), and the last target (B, D)."""
    fed, targets = [], []

    def keep(a: Array, b: Array) -> tuple[Array, Array]:
        fed.append(a)
        targets.append(b)
        return a, b

    with intercepted(model, keep, learn=False):
        for _ in range(DRAWS):
            step(model, batch)
    if not fed or fed[0].size != x.size or targets[0].size != x.size:
        return None, None
    feed, target = find(x, fed[0], fed), find(x, targets[0], targets)
    if feed is None or target is None or feed.fit < 0.5:
        return None, None
    plain = target if target.fit >= 0.5 else Layout(target.order, target.shape, target.axes, feed.a, feed.b, target.fit)
    rows = x.reshape(len(x), -1)
    return Seen(feed, plain, noise_of(rows, feed.back(fed[0]))), plain.back(targets[-1])


def as_array(x: Any) -> Array:
    """Return what Keras takes for data as an array."""
    return np.asarray(x if isinstance(x, np.ndarray) else keras.ops.convert_to_numpy(x))


def number(loss: Any) -> float:
    """Return the loss of what a step returned: a number, a list that begins with it, a history; NaN of nothing."""
    if hasattr(loss, "history"):
        loss = loss.history["loss"]
        return float(loss[-1])
    if isinstance(loss, dict):
        loss = loss.get("loss", math.nan)
    if isinstance(loss, list | tuple):
        loss = loss[0]
    return 0.0 if loss is None else float(np.mean(as_array(loss)))
