"""Schedules over the epochs, and the average of weights over the steps."""

import numpy as np

from scratchdae.arguments import Array


def schedule_linear(epoch: Array, first: float, last: float, epochs: int) -> dict[str, Array]:
    """A schedule that goes in equal steps from first to last, where it stays."""
    done = np.minimum(epoch / (epochs - 1), 1)  # the share of the way; epochs count from 0
    level = (1 - done) * first + done * last
    return {"level": level}


def schedule_geometric(epoch: Array, first: float, last: float, epochs: int) -> dict[str, Array]:
    """A schedule that goes by equal factors from first to last, where it stays."""
    done = np.minimum(epoch / (epochs - 1), 1)  # the share of the way; epochs count from 0
    level = first ** (1 - done) * last**done
    return {"level": level}


def schedule_cosine(epoch: Array, first: float, last: float, epochs: int) -> dict[str, Array]:
    """A schedule that follows half a wave of the cosine from first to last, where it stays."""
    done = np.minimum(epoch / (epochs - 1), 1)  # the share of the way; epochs count from 0
    done = (1 - np.cos(np.pi * done)) / 2
    level = (1 - done) * first + done * last
    return {"level": level}


def schedule_exponential(epoch: Array, first: float, factor: float) -> dict[str, Array]:
    """A schedule that is multiplied by the factor at every epoch."""
    level = first * factor**epoch
    return {"level": level}


def schedule_step(
    epoch: Array,
    first: float,
    factor: float,
    every: int,
    warm_up: int = 0,
) -> dict[str, Array]:
    """A schedule that is multiplied by the factor every so many epochs, after a warm-up in equal steps."""
    after = epoch - warm_up
    level = first * factor ** (after // every)
    rising = first * (epoch + 1) / (warm_up + 1)
    level = np.where(epoch < warm_up, rising, level)
    return {"level": level}


def averaging(W: Array, W_steps: Array, decay: float, start: str) -> dict[str, Array]:
    """The moving average of the weights, after each step; one that starts from zero is corrected for that."""
    T = len(W_steps)
    weights = np.concatenate([W[None], W_steps])
    average = weights[0]
    if start == "zero":
        average = np.zeros_like(W)
    average_steps = np.zeros_like(W_steps)
    for t in range(T):
        average = decay * average + (1 - decay) * weights[t + 1]
        average_steps[t] = average
        if start == "zero":
            average_steps[t] = average / (1 - decay ** (t + 1))
    return {"average_steps": average_steps}
