"""Repeating a vector: planted bugs, memory; what all layers share is in `layer_table`."""

import numpy as np
import pytest

from scratchdae.layers.repeat import RepeatVector


@pytest.mark.parametrize(
    "wrong", [lambda d: d[:, -1], lambda d: d.mean(axis=1), lambda d: d[:, 0]], ids=["last", "mean", "first"]
)
def test_each_planted_bug_is_caught(wrong, rng, check_gradients):
    class Wrong(RepeatVector):
        def backward(self, _, d_output):
            return wrong(d_output), {}

    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(Wrong(4), {}, rng.normal(size=(3, 2)))


def test_output_is_its_own(rng):
    x = rng.normal(size=(2, 3))
    assert not np.shares_memory(x, RepeatVector(4).forward({}, x)[0])


def test_is_refused_by_name():
    with pytest.raises(ValueError, match="n must be an integer of at least 1, found 0"):
        RepeatVector(0)
    with pytest.raises(ValueError, match=r"d_output must have shape \(B, 2, any\)"):
        RepeatVector(2).backward(None, np.ones((2, 3, 4)))
