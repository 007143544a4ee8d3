"""The part that layers without parameters share: none are drawn, and the shape is checked."""

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Params


class Parameterless:
    """A layer without parameters whose output has the shape of its input, unless it says otherwise."""

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if not input_shape or min(input_shape) < 1:
            raise ValueError(f"input_shape must hold at least one side, each at least 1, found {input_shape}")
        return input_shape

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        del rng, dtype
        self.output_shape(input_shape)
        return {}
