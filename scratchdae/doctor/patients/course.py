"""The course of one training, where a framework shows weights and activations as arrays: steps, measures, signs.

scratchdae's and Keras' models go through it; PyTorch's steps are the user's own, and have a course of their own.
"""

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from scratchdae.arguments import Array
from scratchdae.doctor.patient import CannotChange, Change, Noise, Outcome, corrupted, spread_of, unexplained
from scratchdae.doctor.remedies import REMEDIES

MEASURED = 256  # examples that are measured
CLEAN = Noise()
LOOKS = 6  # at what a training does on its way
FAR = {"sigmoid": (0.01, 0.99), "tanh": (-0.98, 0.98)}  # beyond these an activation is saturated


class Activity(NamedTuple):
    """What an activation gave for some examples."""

    name: str
    values: Array  # (n, ..., units)
    output: bool = False  # the network's last


class Trainee(Protocol):
    """One training in progress."""

    size: int  # examples a batch

    @property
    def gain(self) -> float: ...  # of what is left by a mask, as dropout has it; 1 elsewhere

    @property
    def rate(self) -> float: ...  # the learning rate of the next step

    def step(self, rows: Array) -> float: ...  # on these training examples; the loss, not finite where it diverged

    def steps(self, batches: list[Array]) -> list[float]: ...  # a stretch of them; it ends where one is not finite

    def transform(self, x: Array) -> Array: ...  # examples (n, D) as the training is given them

    def reconstruct(
        self, fed: Array
    ) -> Array: ...  # (n, D) to (n, D), back in the units of the data; no layer is noisy

    def activities(self, fed: Array) -> list[Activity]: ...

    def weights(self) -> list[Array]: ...  # copies of the matrices, from the input to the output

    def gradients(self, rows: Array) -> list[Array]: ...  # of these matrices, without a step


class Examples(NamedTuple):
    """What is trained on and measured, (N, D)."""

    x: Array
    held_out: Array


def train(
    trainee: Trainee, data: Examples, seed: int, steps: int, changes: Sequence[Change], reference: Noise, signs: bool
) -> Outcome:
    """Take the steps, and measure on the way."""
    began, outcome = time.perf_counter(), Outcome(seed, steps, tuple(changes))
    rng, losses = np.random.default_rng(seed), list[float]()
    marks = sorted({0, *np.linspace(0, steps, LOOKS + 1).astype(int)[1:-1].tolist()})
    found, first_rate = dict[str, list[float]](), trainee.rate
    order: Array = np.zeros(0, int)

    def batch() -> Array:
        nonlocal order
        if len(order) < trainee.size:
            order = rng.permutation(len(data.x))
        rows, order = order[: trainee.size], order[trainee.size :]
        return rows

    for mark, following in zip(marks, [*marks[1:], steps], strict=True):
        outcome.at.append(mark)
        outcome.unexplained.append(measure(trainee, data.held_out, reference)[0])
        batches = [batch() for _ in range(following - mark)]
        if signs:
            _look(trainee, data.held_out, found)
            losses.append(_watched(trainee, batches.pop(0), found))
        if not losses or math.isfinite(losses[-1]):
            losses += trainee.steps(batches) if batches else []
        if not math.isfinite(losses[-1]):
            break
    outcome.loss = np.array(losses)
    outcome.at.append(len(losses))
    if np.isfinite(outcome.loss).all():
        outcome.score, outcome.reconstructions = measure(trainee, data.held_out, reference)
        outcome.clean = measure(trainee, data.held_out, Noise())[0] if reference.kind != "none" else outcome.score
        outcome.train = measure(trainee, data.x, reference)[0]
    outcome.unexplained.append(outcome.score)
    if signs:
        _look(trainee, data.held_out, found)
        outcome.signs = {name: values[-1] for name, values in found.items()}
        outcome.signs |= {f"{name}_first": values[0] for name, values in found.items()}
        outcome.signs["rate_left"] = trainee.rate / first_rate if first_rate else 1.0
    outcome.seconds = time.perf_counter() - began
    return outcome


def measure(trainee: Trainee, x: Array, noise: Noise) -> tuple[float, Array]:
    """Return what is unexplained of up to `MEASURED` examples, and the reconstructions of these."""
    x, rng = x[:MEASURED], np.random.default_rng(12345)
    fed = trainee.transform(corrupted(x, noise, rng) if noise.kind == "gaussian" else x)
    if noise.kind == "masking":  # of what is fed, where 0 is what a mask puts
        fed = trainee.gain * corrupted(fed, noise, rng)
    z = trainee.reconstruct(fed)
    return unexplained(z, x), z


def _watched(trainee: Trainee, rows: Array, found: dict[str, list[float]]) -> float:
    """Take one step, and keep what it does to the weights."""
    sizes = [float(np.sqrt(np.square(g, dtype=np.float64).mean())) for g in trainee.gradients(rows)]
    if len(sizes) > 1:
        found.setdefault("gradient_ratio", []).append(sizes[0] / sizes[-1] if sizes[-1] > 0 else math.inf)
    before = trainee.weights()
    loss = trainee.step(rows)
    pairs = zip(trainee.weights(), before, strict=True)
    moves = [float(np.linalg.norm(after - first) / (np.linalg.norm(first) + 1e-12)) for after, first in pairs]
    if moves:
        found.setdefault("update", []).append(float(np.median(moves)))
    return loss


def _look(trainee: Trainee, held_out: Array, found: dict[str, list[float]]) -> None:
    """Keep how active units are, and how far the outputs spread."""
    x = held_out[:MEASURED]
    fed = trainee.transform(x)
    z = trainee.reconstruct(fed)
    signs: dict[str, float] = {"dead": 0.0, "saturated": 0.0, "alike": 0.0}
    signs["spread"] = spread_of(z, x)
    for name, values, output in trainee.activities(fed):
        units = values.reshape(-1, values.shape[-1]).astype(np.float64)
        if name == "relu":
            active = (units > 0).any(axis=0)
            _most(signs, "output_dead" if output else "dead", float(1 - active.mean()))
            units = units[:, active]  # those that are dead are alike, and are told so already
        if name in FAR:
            low, high = FAR[name]
            _most(signs, "output_saturated" if output else "saturated", float(((units < low) | (units > high)).mean()))
        if not output:
            _most(signs, "alike", _alike(units))
    for name, value in signs.items():
        found.setdefault(name, []).append(value)


def _most(signs: dict[str, float], name: str, value: float) -> None:
    signs[name] = max(signs.get(name, 0.0), value)


def _alike(units: Array) -> float:
    """Return the share of columns (n, units) that are equal to another."""
    size = float(np.abs(units).max()) if units.size else 0.0
    if units.shape[1] < 2 or size == 0 or not math.isfinite(size):
        return 0.0
    distinct = len(np.unique((units.T / size * 1e4).round(), axis=0))
    return float(1 - (distinct - 1) / (units.shape[1] - 1))


def rescaling(name: str, x: Array, factor: float | None) -> tuple[Array, Array]:
    """Return what a change of the data (N, D) takes off every column, and what it divides by.

    `standardise_data` has one spread for all; with a factor each its own, but no rare column is scaled up beyond 20
    times the largest.
    """
    if name == "scale_to_unit":
        return np.asarray(x.min()), np.asarray((x.max() - x.min()) or 1.0)
    spread = x.std(axis=0)
    size = np.maximum(spread, spread.max() / 20) if factor else np.sqrt((spread**2).mean())
    return x.mean(axis=0), size


def amount(change: Change, default: float = 1.0) -> float:
    """Return how much of a change is meant."""
    return float(change.factor or REMEDIES[change.name].factor or default)


def not_from_outside(name: str) -> CannotChange:
    """Say why nothing here makes a change that only the user can make."""
    return CannotChange(
        {
            "more_data_or_regularise": "there are no more data than these; more_noise tries the noise",
            "other_data": "there are no other data than these",
            "none": "there is nothing to change",
            "clean_target": "the output is compared with the clean batch",
            "zero_grad": "the framework computes gradients anew in every step",
        }.get(name, f"{name} is not known here")
    )


def split(x: Array, held_out: Any) -> tuple[Array, Array]:
    """Return training examples (N, ...) and held-out ones: a tenth from the end, at most 1000, where none are given."""
    if held_out is not None:
        return x, np.asarray(held_out)
    rows = max(1, min(1000, len(x) // 10))
    return x[:-rows], x[-rows:]


def flat(x: Array) -> Array:
    """Return examples as rows (N, D), in float64."""
    return np.asarray(x, np.float64).reshape(len(x), -1)


def image_shape(axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of the pictures that examples are, if they are any; channels last."""
    if len(axes) == 2 or (len(axes) == 3 and axes[2] <= 4):
        return axes
    return None
