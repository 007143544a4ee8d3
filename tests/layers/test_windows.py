"""The padding arithmetic, against counting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae.layers.windows import grid, pair, transposed_size

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
small = st.tuples(st.integers(1, 5), st.integers(1, 5))


@pytest.mark.parametrize(
    ("n", "k", "s", "padding", "m", "before"),
    [
        (5, 2, 1, "same", 5, 0),  # the one extra pixel comes after the last
        (6, 3, 2, "same", 3, 0),
        (5, 3, 2, "same", 3, 1),
        (28, 3, 1, "same", 28, 1),
        (28, 5, 3, "same", 10, 2),
        (7, 1, 3, "same", 3, 0),  # windows shorter than the step need no padding
        (4, 7, 1, "same", 4, 3),
        (7, 3, 2, "valid", 3, 0),
        (8, 3, 2, "valid", 3, 0),
    ],
)
def test_known_cases(n, k, s, padding, m, before):
    found = grid((n, n), (k, k), (s, s), padding)
    assert found.size == (m, m)
    assert found.before == (before, before)


@given(size=sizes, kernel=small, stride=small)
def test_same_windows_cover_what_they_must(size, kernel, stride):
    """Every window touches the image, and the padding before is never more than the padding after."""
    found = grid(size, kernel, stride, "same")
    for n, k, s, m, before in zip(size, kernel, stride, found.size, found.before, strict=True):
        begins = [r * s - before for r in range(m)]
        after = max(begins[-1] + k - n, 0)
        assert all(begin < n and begin + k > 0 for begin in begins)
        assert 0 <= after - before <= 1 or (before == 0 and k <= s)
        assert m * s >= n > (m - 1) * s


@given(size=sizes, kernel=small, stride=small, padding=st.sampled_from(["same", "valid"]))
def test_the_transposed_size_is_one_that_the_convolution_maps_back(size, kernel, stride, padding):
    assert grid(transposed_size(size, kernel, stride, padding), kernel, stride, padding).size == size


@pytest.mark.parametrize("bad", [0, 2.0, True, (1, 2, 3), (1, 0), "3", None])
def test_a_bad_pair_is_named(bad):
    with pytest.raises(ValueError, match="kernel must be"):
        pair("kernel", bad)
