"""The survey of all floors: against the floors one by one; its drawings against its numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from scratchdae import datasets, floors, plots

FLOATS = np.random.default_rng(4).random((30, 5))


def test_survey_is_the_floors_one_by_one(rng):
    x = rng.beta(0.5, 1, (40, 16))
    found = floors.survey(
        x, rng, codes=[3], noises=[0.2], masks=[0.25], limits=(0.1, 0.6), image_shape=(2, 8), pools=[2]
    )
    S, mean = x.T @ x / 40, x.mean(axis=0)
    expected = {
        ("constant", "squared_error"): floors.constant(x),
        ("constant", "absolute_error"): floors.constant(x, "absolute_error"),
        ("constant", "cross_entropy"): floors.constant(x, "cross_entropy"),
        ("entropy", "cross_entropy"): floors.cross_entropy(x),
        ("code", "squared_error"): floors.pca(x)[3],
        ("gaussian", "squared_error"): floors.wiener(floors.eigenvalues(x), 0.2),
        ("masking", "squared_error"): floors.masking(S, 0.25, mean, exact_count=True)[0],
        ("pooling", "squared_error"): floors.average_pooling(x.reshape(40, 2, 8), 2),
    }
    got = {(f.kind, f.loss): f.value for f in found.floors if f.kind != "range"}
    assert got == pytest.approx(expected, rel=1e-12)
    ranges = [f.value for f in found.floors if f.kind == "range"]
    assert ranges == pytest.approx([floors.output_range(x, 0.1, 0.6), 0, 0, 0])
    np.testing.assert_array_equal(found.codes, floors.pca(x))
    assert found.shuffled[0] == pytest.approx(found.codes[0])
    other = floors.survey(x, rng, masks=[0.25], exact_count=False, noises=[], codes=[])
    by_kind = {f.kind: f.value for f in other.floors}
    assert by_kind["masking"] == pytest.approx(floors.masking(S, 0.25, mean)[0], rel=1e-12)
    assert found.left_out == other.left_out == ()
    assert not {"code", "gaussian", "pooling"} & set(by_kind)


def test_survey_has_the_levels_of_the_documentation_where_none_are_given(rng):
    x = 3 * rng.random((40, 12))
    found = floors.survey(x, rng, image_shape=(4, 3))
    levels = {kind: [f.level for f in found.floors if f.kind == kind] for kind in ("code", "gaussian", "masking")}
    assert levels["code"] == [1, 2, 4, 8]
    assert levels["gaussian"] == pytest.approx([s * found.variance**0.5 for s in (0.1, 0.2, 0.5, 1.0)], rel=1e-13)
    assert levels["masking"] == [0.1, 0.25, 0.5, 0.75]
    assert [f.level for f in found.floors if f.kind == "pooling"] == []  # neither 2 nor 4 divides 3
    names = [f.name for f in found.floors if f.kind == "range"]
    assert names == ["output from 0 to 1 (sigmoid)", "output from -1 to 1 (tanh)", "output from 0 to inf (ReLU)"]
    assert (found.n, found.d, found.low, found.high) == (40, 12, x.min(), x.max())
    assert (found.mean, found.variance) == pytest.approx((x.mean(), x.var(axis=0).mean()))


def test_survey_of_colour_pools_each_channel(rng):
    x = rng.random((7, 4, 4, 3))
    found = floors.survey(x.reshape(7, -1), rng, image_shape=(4, 4, 3), codes=[], noises=[], masks=[])
    for k in (2, 4):
        expected = np.mean([floors.average_pooling(x[..., c], k) for c in range(3)])
        assert [f.value for f in found.floors if f.kind == "pooling" and f.level == k] == [pytest.approx(expected)]


def test_survey_tells_data_that_compress_from_data_that_do_not(rng):
    mixed, _ = datasets.redundant_columns(3000, 20, 2, rng)
    compressible, noise = floors.survey(mixed, rng), floors.survey(datasets.uniform(3000, 20, rng), rng)
    assert compressible.codes[10] < 1e-3 * compressible.shuffled[10]
    assert noise.codes[10] == pytest.approx(noise.shuffled[10], rel=0.02)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"codes": [6]}, "codes must be at most D = 5, found 6"),
        ({"codes": [0]}, "codes must be an integer of at least 1"),
        ({"noises": [-1.0]}, "noises must be a finite number, at least 0"),
        ({"masks": [2.0]}, "masks must be a finite number, at least 0 and at most 1"),
        ({"limits": (1.0, 0.0)}, "low must be at most high"),
        ({"pools": [2]}, "pools needs examples that are images"),
        ({"image_shape": (2, 3)}, r"image_shape must be two or three sides whose product is 5, found \(2, 3\)"),
    ],
)
def test_survey_refuses_what_does_not_fit(options, what, rng):
    with pytest.raises(ValueError, match=what):
        floors.survey(FLOATS, rng, **options)
    with pytest.raises(ValueError, match="rng must be a numpy"):
        floors.survey(FLOATS, 0)


def test_survey_of_many_columns_says_what_it_left_out(rng):
    found = floors.survey(rng.random((5, 2001)), rng)
    assert [f for f in found.floors if f.kind == "masking"] == []
    assert "masking: its floor needs a matrix of D×D, done up to D = 2000, found 2001" in found.left_out
    with pytest.raises(ValueError, match="masks needs at most 2000 components an example, found 2001"):
        floors.survey(rng.random((5, 2001)), rng, masks=[0.5])


def test_the_figure_draws_the_numbers(rng):
    x, _ = datasets.redundant_columns(200, 8, 3, rng)
    found = floors.survey(x, rng)
    code, noise, bars = Figure().subplots(1, 3)
    assert plots.code_floors(code, found) is code
    np.testing.assert_array_equal(code.lines[0].get_ydata(), found.codes)
    np.testing.assert_array_equal(code.lines[1].get_ydata(), found.shuffled)
    assert plots.noise_floors(noise, found) is noise
    s = noise.lines[0].get_xdata()[-1] * found.variance**0.5
    assert noise.lines[0].get_ydata()[-1] == pytest.approx(floors.wiener(found.eigenvalues, s))
    assert plots.floor_bars(bars, found) is bars
    assert [patch.get_width() for patch in bars.patches] == pytest.approx([found.share(f) for f in found.floors])
    assert len(bars.get_yticklabels()) == len(found.floors)
