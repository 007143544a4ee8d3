"""Independent random generators, one a purpose: changing what one draws does not disturb another."""

from typing import NamedTuple

import numpy as np

from scratchdae.arguments import integer


class Streams(NamedTuple):
    """The generators of a run."""

    initialisation: np.random.Generator  # the first weights
    shuffling: np.random.Generator  # the order of the examples
    corruption: np.random.Generator  # of the inputs
    validation: np.random.Generator  # the corruption of validation data, where it is asked for
    layers: np.random.Generator  # layers that draw, such as dropout


def streams(seed: int) -> Streams:
    """Spawn the generators of a run from its seed.

    Parameters
    ----------
    seed : int
        At least 0.

    Returns
    -------
    Streams
        For the first weights, the order of the examples, their corruption, that of validation data where it is asked
        for, and layers that draw, such as dropout.
    """
    children = np.random.SeedSequence(integer("seed", seed, at_least=0, at_most=None)).spawn(len(Streams._fields))
    return Streams(*map(np.random.default_rng, children))
