"""The part that layers without parameters share: none are drawn, and the shape is checked."""

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Params, sides


class Parameterless:
    """A layer without parameters whose output has the shape of its input, unless it says otherwise."""

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return sides("input_shape", input_shape, form="hold at least one side")

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        del rng, dtype
        self.output_shape(input_shape)
        return {}
