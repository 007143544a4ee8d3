"""Corruption processes q(x̃ | x): what destroys part of an input before it is encoded.

Corruption is for training only: encoding and evaluation see clean data unless asked. Each process takes the clean
batch, a level and a generator, and returns a new array of the same shape and dtype; the components of an example are
counted together, whatever its shape. The level is ``nu``, a fraction of the components, for all but Gaussian noise,
whose level is a standard deviation. The generator gives each example a key, from which all else follows
(`scratchdae.corruption.draws`): what happens to an example does not depend on the batch that it is in.
"""

from scratchdae.corruption.processes import (
    CORRUPTIONS,
    bernoulli_mask,
    bernoulli_masking,
    block,
    exact_mask,
    gaussian,
    masking,
    salt_and_pepper,
)
from scratchdae.corruption.scheduled import Corruption

__all__ = [
    "CORRUPTIONS",
    "Corruption",
    "bernoulli_mask",
    "bernoulli_masking",
    "block",
    "exact_mask",
    "gaussian",
    "masking",
    "salt_and_pepper",
]
