"""The generator of the frozen cases: one file for each group, and what all of them share.

Every file it writes is the same bit for bit on any machine. Expected values are computed with 400 decimal digits from
the printed formulas and rounded once (see `decimals`); inputs are drawn from a seed that is the case's name.

Version 2 (see `second`) has its expected values from the formulas of the oracle, in as many digits.

To add a case, write it into its group's file, then run ``python -m generate --measure``, which
measures what the library is off, and the same without the option, which writes the files.
"""

from collections.abc import Iterator
from types import ModuleType

from generate import (
    activation,
    autoencoder,
    clipping,
    convolution,
    corruption,
    layer,
    loss,
    lstm,
    optimizer,
    penalty,
    pooling,
    stack,
    training,
)
from generate.decimals import arithmetic
from generate.second import GROUPS as SECOND
from generate.vector import Vector

GROUPS: tuple[ModuleType, ...] = (
    activation, loss, corruption, autoencoder, layer, convolution, pooling, lstm, optimizer, clipping, penalty,
    training, stack,
)  # fmt: skip


def vectors(spec: int = 1) -> Iterator[Vector]:
    """Make all cases of a version, group by group."""
    names: set[str] = set()
    with arithmetic():
        for group in GROUPS if spec == 1 else SECOND:
            for vector in group.cases():
                if vector.name in names:
                    raise ValueError(f"names of cases must be unique, found {vector.name!r} twice")
                names.add(vector.name)
                yield vector
