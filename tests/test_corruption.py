"""Every corruption is a row of `ROWS`, which buys it the suite: counts or rates, purity, dtype, seeds, text, fit.

Counts are exact, rates and moments are those of the distribution, and every component is as likely as any other. The
suite is itself tested with planted bugs.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae import DenoisingAutoencoder, fit
from scratchdae.corruption import CORRUPTIONS, Corruption, bernoulli_mask, draws, exact_mask, gaussian, masking
from scratchdae.schedules import Geometric, Linear


def exactly(x, x_tilde, nu):
    assert ((x_tilde != x).sum(axis=1) == round(nu * x.shape[1])).all()


def on_average(x, x_tilde, nu):
    counts = (x_tilde != x).sum(axis=1)
    assert abs(counts.mean() - nu * x.shape[1]) < 5 * np.sqrt(nu * (1 - nu) * x.shape[1] / len(x))
    assert counts.var() == pytest.approx(nu * (1 - nu) * x.shape[1], rel=0.1)


def by_a_deviation(x, x_tilde, sigma):
    noise = (x_tilde - x) / sigma
    assert abs(noise.mean()) < 5 / np.sqrt(x.size)
    assert noise.std() == pytest.approx(1, rel=0.01)
    assert noise.min() < -3
    assert noise.max() > 3


def a_square(x, x_tilde, nu):
    side = int(x.shape[1] ** 0.5)
    changed = (x_tilde != x).reshape(-1, side, side)
    n = round(nu**0.5 * side)
    for pixels in changed.any(axis=2), changed.any(axis=1):  # its rows, its columns: n that stand together
        assert (pixels.sum(axis=1) == n).all()
        assert (np.abs(np.diff(pixels.astype(int), axis=1)).sum(axis=1) <= 2).all()
        first = np.bincount(pixels.argmax(axis=1), minlength=side - n + 1)
        assert len(first) == side - n + 1
        assert np.abs(first / len(x) - 1 / (side - n + 1)).max() < 5 * 0.5 / np.sqrt(len(x))  # every place as often
    assert (changed.sum(axis=(1, 2)) == n * n).all()


class Row(NamedTuple):
    """What the suite is told of a corruption."""

    destroys: Callable[..., None]  # asserts how much is changed, of (x, x_tilde, level)
    to: set[float] | None  # the values that it sets, if it does
    most: float = 1.0  # the largest level
    image: tuple[int, ...] = (4, 5, 2)  # an example that is corrupted as its row is


ROWS = {
    "masking": Row(exactly, {0.0}),
    "bernoulli": Row(on_average, {0.0}),
    "salt_and_pepper": Row(exactly, {0.0, 1.0}),
    "gaussian": Row(by_a_deviation, None, most=np.inf),
    "block": Row(a_square, {0.0}, image=(6, 6)),
}


def test_every_corruption_has_a_row():
    assert set(ROWS) == set(CORRUPTIONS)


# The suite


def images(row, n, seed=0, dtype=np.float64):
    """Examples with no value that a corruption could set."""
    return np.random.default_rng(seed).uniform(0.1, 0.9, (n, int(np.prod(row.image)))).astype(dtype)


def destroys_what_it_says(process, row, _):
    for level in (0.1, 0.25, 0.5):
        x = images(row, 4000)
        x_tilde = process(x, level, np.random.default_rng(1))
        row.destroys(x, x_tilde, level)
        if row.to is not None:
            assert set(np.unique(x_tilde[x_tilde != x])) == row.to


def leaves_everything_at_level_zero(process, row, _):
    x = images(row, 50)
    x_tilde = process(x, 0.0, np.random.default_rng(1))
    np.testing.assert_array_equal(x_tilde, x)
    assert x_tilde is not x


def is_pure_and_keeps_the_dtype(process, row, _):
    for dtype in (np.float32, np.float64):
        x = images(row, 20, dtype=dtype)
        x_tilde = process(x, 0.5, np.random.default_rng(1))
        assert x_tilde.dtype == dtype
        assert (x_tilde != x).any()
        if row.to is None and dtype == np.float64:  # the noise of float64 is drawn as that
            noise = process(0 * x, 1.0, np.random.default_rng(1))
            assert (noise != noise.astype(np.float32)).mean() > 0.9
        assert not np.shares_memory(x_tilde, x)
        np.testing.assert_array_equal(x, images(row, 20, dtype=dtype))


def draws_from_the_generator_alone(process, row, _):
    x = images(row, 20)
    one, same, other = (process(x, 0.5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    generator = np.random.default_rng(1)
    process(x, 0.5, generator)
    assert (process(x, 0.5, generator) != one).any()  # the generator went on


def corrupts_an_image_as_its_row(process, row, _):
    rows = images(row, 6)
    found = process(rows.reshape(-1, *row.image), 0.4, np.random.default_rng(1))
    assert found.shape == (6, *row.image)
    np.testing.assert_array_equal(found.reshape(6, -1), process(rows, 0.4, np.random.default_rng(1)))


def refuses_bad_input(process, row, _):
    x, rng = images(row, 4), np.random.default_rng(1)
    for level in (-0.1, np.nan, np.inf, "half", *([1.01] if row.most == 1 else [])):
        with pytest.raises(ValueError, match="must be a finite number, at least 0"):
            process(x, level, rng)
    for wrong in ((255 * x).astype(np.uint8), x[0], x[:0]):
        with pytest.raises(ValueError, match="x must"):
            process(wrong, 0.5, rng)
    with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator"):
        process(x, 0.5, 0)


def prints_as_it_is_parsed(_, row, kind):
    for level in ("0.25", "geometric(0.5, 0.1, 3)", "warmup(2, linear(0.5, 0.1, 3))"):
        corruption = Corruption.parse(f"{kind}:{level}")
        assert str(corruption) == f"{kind}:{level}"
        assert Corruption.parse(str(corruption)) == corruption
    assert Corruption(kind, 0.25) == Corruption.parse(f"{kind}:0.25")
    if row.most > 1:
        assert Corruption.parse(f"{kind}:1.5").at(0) == 1.5
    else:
        with pytest.raises(ValueError, match=f"{kind} level must be a finite number, at least 0 and at most 1"):
            Corruption.parse(f"{kind}:linear(0.5, 1.5, 3)")


def is_what_fit_corrupts_with(process, row, kind):
    x = images(row, 12)
    losses = {}
    for level in (0.0, 0.5):
        model = DenoisingAutoencoder(x.shape[1], 3, np.random.default_rng(1), dtype=np.float64)
        history = fit(model, x, epochs=1, lr=0.1, corruption=Corruption(kind, level), progress=False, backend="numpy")
        losses[level] = history.records[-1]["loss"]
    assert np.isfinite(list(losses.values())).all()
    assert losses[0.0] != losses[0.5]


CHECKS = {
    check.__name__: check
    for check in (
        destroys_what_it_says,
        leaves_everything_at_level_zero,
        is_pure_and_keeps_the_dtype,
        draws_from_the_generator_alone,
        corrupts_an_image_as_its_row,
        refuses_bad_input,
        prints_as_it_is_parsed,
        is_what_fit_corrupts_with,
    )
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", ROWS)
def test_every_corruption(kind, check):
    CHECKS[check](CORRUPTIONS[kind], ROWS[kind], kind)


# Planted bugs of the suite


def in_place(x, nu, rng):
    x[exact_mask(x.shape, nu, rng)] = 0
    return x


BUGS = {
    "writes into its input": ("masking", in_place, "is_pure_and_keeps_the_dtype"),
    "returns its input": (
        "masking",
        lambda x, nu, rng: masking(x, nu, rng) if nu else x,
        "leaves_everything_at_level_zero",
    ),
    "upcasts": ("gaussian", lambda x, s, rng: x + s * rng.standard_normal(x.shape), "is_pure_and_keeps_the_dtype"),
    "a count rounded up": (
        "masking",
        lambda x, nu, rng: masking(x, np.ceil(nu * x.shape[1] + 0.5) / x.shape[1], rng),
        "destroys_what_it_says",
    ),
    "Bernoulli for exact": ("masking", CORRUPTIONS["bernoulli"], "destroys_what_it_says"),
    "exact for Bernoulli": ("bernoulli", masking, "destroys_what_it_says"),
    "one mask for all": (
        "bernoulli",
        lambda x, nu, rng: np.where(bernoulli_mask((1, x.shape[1]), nu, rng), 0, x),
        "destroys_what_it_says",
    ),
    "rescaled as dropout does": ("masking", lambda x, nu, rng: masking(x, nu, rng) / (1 - nu), "destroys_what_it_says"),
    "pepper alone": ("salt_and_pepper", masking, "destroys_what_it_says"),
    "noise of float32": (
        "gaussian",
        lambda x, s, rng: gaussian(x.astype(np.float32), s, rng).astype(x.dtype),
        "is_pure_and_keeps_the_dtype",
    ),
    "variance for deviation": ("gaussian", lambda x, s, rng: gaussian(x, s**0.5, rng), "destroys_what_it_says"),
    "clipped": ("gaussian", lambda x, s, rng: np.clip(gaussian(x, s, rng), 0, 1), "destroys_what_it_says"),
    "a seed of its own": (
        "masking",
        lambda x, nu, rng: masking(x, nu, np.random.default_rng(0)),
        "draws_from_the_generator_alone",
    ),
    "no generator asked for": (
        "masking",
        lambda x, nu, rng: masking(x, nu, np.random.default_rng(rng)),
        "refuses_bad_input",
    ),
    "one place for all": (
        "block",
        lambda x, nu, rng: np.where(CORRUPTIONS["block"](np.ones_like(x[:1]), nu, rng) == 0, 0, x),
        "destroys_what_it_says",
    ),
    "a fraction of the side": (
        "block",
        lambda x, nu, rng: CORRUPTIONS["block"](x, nu**2, rng),
        "destroys_what_it_says",
    ),
    "a square of a transposed place": (
        "block",
        lambda x, nu, rng: (
            CORRUPTIONS["block"](x, nu, rng)
            if x.ndim == 2
            else CORRUPTIONS["block"](x.swapaxes(1, 2), nu, rng).swapaxes(1, 2)
        ),
        "corrupts_an_image_as_its_row",
    ),
    "channels apart": (
        "masking",
        lambda x, nu, rng: masking(x, nu, rng) if x.ndim == 2 else np.stack([masking(c, nu, rng) for c in x]),
        "corrupts_an_image_as_its_row",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_suite_notices(bug):
    kind, process, check = BUGS[bug]
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        CHECKS[check](process, ROWS[kind], kind)


# What is special about one of them


@given(b=st.integers(1, 5), d=st.integers(1, 40), nu=st.floats(0, 1), seed=st.integers(0, 100))
def test_masking_destroys_an_exact_count_in_every_example(b, d, nu, seed):
    x = np.ones((b, d))
    x_tilde = masking(x, nu, np.random.default_rng(seed))
    assert ((x_tilde == 0).sum(axis=1) == round(nu * d)).all()
    assert (x == 1).all()


def is_drawn_evenly(draw, d, count):
    """Of 10,000 draws each component is hit as often as any other, give or take 6 standard deviations."""
    hits, share = draw((10_000, d), count / d, np.random.default_rng(4)).sum(axis=0), count / d
    assert hits.sum() == 10_000 * count
    assert np.abs(hits - 10_000 * share).max() < 6 * np.sqrt(10_000 * share * (1 - share))


@pytest.mark.parametrize(("d", "count"), [(10, 3), (784, 1), (784, 2), (300, 299)])
def test_every_component_is_destroyed_equally_often(d, count):
    is_drawn_evenly(exact_mask, d, count)


def partitioned_at(kth):
    """The mask of `exact_mask`, its row partitioned at another place: what stands first there is not the smallest."""

    def draw(shape, nu, rng):
        order, mask = rng.random(shape).argpartition(kth, axis=1), np.zeros(shape, bool)
        np.put_along_axis(mask, order[:, : round(nu * shape[1])], True, axis=1)
        return mask

    return draw


@pytest.mark.parametrize(
    "draw", [partitioned_at(-1), lambda shape, nu, rng: exact_mask(shape, nu, rng)[:, ::-1].cumsum(1) == 1]
)
def test_an_uneven_draw_of_one_from_many_is_noticed(draw):
    is_drawn_evenly(partitioned_at(0), 784, 1)
    with pytest.raises(AssertionError):
        is_drawn_evenly(draw, 784, 1)


def test_components_are_destroyed_without_replacement(rng):
    pairs = exact_mask((20_000, 4), 0.5, rng)
    together = (pairs[:, 0] & pairs[:, 1]).mean()
    assert together == pytest.approx(1 / 6, abs=0.015)  # without replacement: 2/4 · 1/3


def test_bernoulli_mask_is_binomial(rng):
    counts = bernoulli_mask((20_000, 50), 0.3, rng).sum(axis=1)
    assert counts.mean() == pytest.approx(15, abs=0.12)
    assert counts.var() == pytest.approx(10.5, abs=0.6)
    assert bernoulli_mask((3, 4), 1.0, rng).all()
    assert not bernoulli_mask((3, 4), 0.0, rng).any()


@pytest.mark.parametrize(
    ("drawn", "nu", "destroyed"), [(0, 0.0, 0), (0, 1e-12, 1), (2**32 - 1, 1.0, 1), (2**31, 0.5, 0)]
)
def test_the_least_and_the_largest_draw_are_on_the_right_side_of_a_probability(drawn, nu, destroyed, monkeypatch):
    monkeypatch.setattr(draws, "halves", lambda keys, n: np.full((len(keys), n), drawn, np.uint32))
    assert (bernoulli_mask((3, 4), nu, np.random.default_rng(0)) == destroyed).all()


def test_salt_and_pepper_tosses_a_fair_coin(rng):
    x_tilde = CORRUPTIONS["salt_and_pepper"](np.full((2_000, 100), 0.5), 0.4, rng)
    assert (x_tilde == 1).sum() / 80_000 == pytest.approx(0.5, abs=0.01)


def test_a_block_of_images_with_other_sides_and_channels(rng):
    x = rng.uniform(0.1, 0.9, (300, 4, 7, 3))
    gone = CORRUPTIONS["block"](x, 0.25, rng) == 0
    assert (gone.any(axis=-1) == gone.all(axis=-1)).all()  # all channels together
    assert (gone[..., 0].sum(axis=(1, 2)) == 4).all()  # half of the shorter side
    assert gone.any(axis=(0, 3)).all()  # up to every edge
    assert (CORRUPTIONS["block"](x[:, :, :4], 1.0, rng) == 0).all()
    for shape in ((3, 5), (3, 2, 2, 2, 2)):
        with pytest.raises(ValueError, match=r"x must be images \(B, h, w\), \(B, h, w, C\) or rows of square images"):
            CORRUPTIONS["block"](np.ones(shape), 0.25, rng)


def test_level_follows_its_schedule():
    annealed = Corruption.parse("gaussian:linear(0.5, 0.1, 5)")
    assert annealed == Corruption("gaussian", Linear(0.5, 0.1, 5))
    assert [round(annealed.at(epoch), 12) for epoch in (0, 2, 4, 99)] == [0.5, 0.3, 0.1, 0.1]
    x = np.zeros((50, 400))
    first, last = (annealed.corrupt(x, np.random.default_rng(0), epoch).std() for epoch in (0, 4))
    assert first / last == pytest.approx(5, rel=1e-9)


def test_no_corruption_at_all():
    assert Corruption.parse("none") is None
    assert Corruption("gaussian", Geometric(0.5, 0.1, 3)) == Corruption.parse("gaussian:geometric(0.5,0.1,3)")
