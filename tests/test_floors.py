"""Each floor against an optimum that was found without its formula: least squares on drawn data, a search, mpmath."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scratchdae import corruption, floors, losses
from scratchdae.datasets import bernoulli, redundant_columns, uniform

PROBABILITIES = arrays(np.float64, st.integers(1, 9), elements=st.floats(0, 1))
MATRICES = arrays(np.float64, st.tuples(st.integers(2, 12), st.integers(1, 7)), elements=st.floats(-3, 3))


def least_squares(inputs, targets, constant=True):
    """Return the mean squared error of the best affine (or linear) map from one matrix to the other."""
    A = np.hstack([inputs, np.ones((len(inputs), 1))]) if constant else inputs
    return np.square(targets - A @ np.linalg.lstsq(A, targets, rcond=None)[0]).mean()


# The best constant


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "cross_entropy"])
def test_best_constant_is_where_the_loss_itself_is_least(loss, rng):
    x = rng.beta(0.7, 2, (101, 3))
    grid = np.linspace(0.001, 0.999, 999)
    as_output = np.log(grid / (1 - grid)) if loss == "cross_entropy" else grid
    table = np.array(
        [[losses.LOSSES[loss](np.full((101, 1), c), x[:, [k]], "mean")[0] for c in as_output] for k in range(3)]
    )
    assert floors.constant(x, loss) == pytest.approx(table.min(axis=1).mean(), abs=3e-6)
    assert floors.constant(x, loss) <= table.min(axis=1).mean() + 1e-15
    np.testing.assert_allclose(floors.best_constant(x, loss), grid[table.argmin(axis=1)], atol=0.001)


@pytest.mark.parametrize(
    ("loss", "limit"), [("squared_error", 1 / 12), ("absolute_error", 1 / 4), ("cross_entropy", np.log(2))]
)
def test_constants_of_uniform_data(loss, limit, rng):
    assert floors.constant(uniform(20000, 10, rng), loss) == pytest.approx(limit, rel=0.005)


def test_one_constant_a_column_not_one_for_all():
    x = np.array([[0.0, 1.0], [0.0, 1.0]])
    for loss in ("squared_error", "absolute_error", "cross_entropy"):
        assert floors.constant(x, loss) == 0


def test_relative_excess_places_floor_and_constant():
    assert floors.relative_excess(0.25, 0.25, 1.0) == 0
    assert floors.relative_excess(1.0, 0.25, 1.0) == 1
    assert floors.relative_excess(0.1, 0.25, 1.0) == pytest.approx(-0.2)
    with pytest.raises(ValueError, match=r"ceiling must exceed floor = 0.5, found 0.5"):
        floors.relative_excess(0.6, 0.5, 0.5)
    with pytest.raises(ValueError, match="loss must be a finite number, found nan"):
        floors.relative_excess(np.nan, 0.5, 1)


# Entropy


@given(p=PROBABILITIES)
def test_binary_entropy_in_fifty_digits(p):
    with mpmath.workdps(50):
        exact = [-sum(q * mpmath.log(q) for q in (mpmath.mpf(float(v)), 1 - mpmath.mpf(float(v))) if q > 0) for v in p]
    np.testing.assert_allclose(floors.binary_entropy(p), [float(h) for h in exact], rtol=3e-16, atol=2e-16)


@given(p=PROBABILITIES, a=st.floats(-20, 20))
def test_no_output_is_below_the_entropy(p, a):
    x = p[None]
    floor = floors.cross_entropy(x)
    assert losses.cross_entropy(np.full(x.shape, a), x, "mean")[0] >= floor - 1e-15
    inside = x[(x > 0) & (x < 1)][None]
    if inside.size:
        at_x = losses.cross_entropy(np.log(inside) - np.log1p(-inside), inside, "mean")[0]
        assert at_x == pytest.approx(floors.cross_entropy(inside), rel=1e-14)


def test_binary_entropy_at_its_ends_is_exact():
    np.testing.assert_array_equal(floors.binary_entropy([0, 1]), [0, 0])
    assert floors.binary_entropy(0.5) == np.log(2)
    assert floors.binary_entropy(np.eye(3)).shape == (3, 3)
    assert floors.cross_entropy(bernoulli(50, 4, np.random.default_rng(0))) == 0


@given(x=st.floats(1e-12, 1e12))
def test_digamma_is_that_of_mpmath(x):
    exact = float(mpmath.digamma(mpmath.mpf(x)))
    assert floors.digamma(x) == pytest.approx(exact, rel=3e-15, abs=3e-15)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (0.5, 0.5), (2, 5), (0.01, 3), (40, 60), (1e-9, 1e-9), (1e6, 1)])
def test_beta_cross_entropy_is_the_integral(a, b):
    with mpmath.workdps(40):
        a_, b_ = mpmath.mpf(a), mpmath.mpf(b)
        # E[-x ln x] from the derivative of the moment E[x^s], written with Gamma functions, at s = 1.
        moment = lambda s, a=a_, b=b_: mpmath.gammaprod([a + s, a + b], [a, a + b + s])  # noqa: E731
        exact = -mpmath.diff(moment, 1) - mpmath.diff(lambda s: moment(s, b_, a_), 1)
    assert floors.beta_cross_entropy(a, b) == pytest.approx(float(exact), rel=1e-14, abs=1e-15)


def test_beta_cross_entropy_is_the_mean_of_drawn_data(rng):
    for a, b in ((1, 1), (0.3, 0.8), (3, 2)):
        x = rng.beta(a, b, (100000, 1))
        assert floors.cross_entropy(x) == pytest.approx(floors.beta_cross_entropy(a, b), rel=0.006)
    assert floors.beta_cross_entropy(1, 1) == pytest.approx(0.5, rel=1e-15)


# Linear codes


@given(x=MATRICES)
def test_pca_is_what_a_truncated_singular_value_decomposition_leaves(x):
    """No eigenvalue is used: the rows themselves are reconstructed."""
    d = x.shape[1]
    centred = x - x.mean(axis=0)
    U, s, Vt = np.linalg.svd(centred, full_matrices=False)
    for k in range(d + 1):
        reconstruction = (U[:, :k] * s[:k]) @ Vt[:k]
        assert floors.pca(x)[k] == pytest.approx(np.square(centred - reconstruction).mean(), abs=1e-13)
    assert floors.pca(x)[0] == pytest.approx(floors.constant(x), rel=1e-12, abs=1e-15)
    assert floors.pca(x)[d] == 0
    assert np.all(np.diff(floors.pca(x)) <= 0)


def test_no_random_code_is_below_pca(rng):
    x = rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6)
    floor = floors.pca(x)[2]
    best = min(least_squares(x @ rng.normal(size=(6, 2)), x) for _ in range(300))
    assert floor < best < 3 * floor  # the search comes near, so that a floor of 0 would not pass
    vectors = np.linalg.eigh(np.cov(x.T))[1][:, -2:]
    assert least_squares(x @ vectors, x) == pytest.approx(floor, rel=1e-12)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (7, 7), (1, 4)])
def test_eigenvalues_whichever_side_is_longer(shape, rng):
    x = rng.normal(size=shape)
    found = floors.eigenvalues(x)
    np.testing.assert_allclose(
        found, np.linalg.eigvalsh(np.cov(x.T, bias=True).reshape(shape[1], -1))[::-1], atol=1e-14
    )
    assert found.shape == (shape[1],)
    assert found.min() >= 0


def test_redundant_columns_compress_and_shuffled_ones_do_not(rng):
    x, _ = redundant_columns(4000, 12, 3, rng)
    assert floors.pca(x)[3] < 1e-15
    shuffled = floors.permute_features(x, rng)
    assert floors.pca(shuffled)[3] > 0.6 * floors.pca(shuffled)[0]  # (1 - 3/12) = 0.75 where variances are equal
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(x, axis=0))
    assert floors.constant(shuffled) == pytest.approx(floors.constant(x), rel=1e-12)
    assert not np.array_equal(np.argsort(shuffled[:, 0]), np.argsort(shuffled[:, 1]))


def test_independent_is_the_limit_of_many_examples(rng):
    p = floors.pca(uniform(100000, 20, rng))
    for k in (0, 1, 7, 19, 20):
        assert p[k] == pytest.approx(floors.independent(k, 20), rel=0.03)
        assert floors.sample_pca(k, 10**9, 20) == pytest.approx(
            floors.independent(k, 20), rel=5e-4
        )  # it differs by 2 √(d/n)


@pytest.mark.parametrize(("n", "d"), [(400, 100), (150, 100), (101, 100), (60, 100)])
def test_sample_pca_is_what_components_of_drawn_data_leave(n, d, rng):
    measured = np.mean([floors.pca(uniform(n, d, rng)) for _ in range(5)], axis=0)
    for k in (0, 5, 20, 40, 55):
        # Of the order 1/d: measured up to 0.008 of the variance, half of it the luck of five draws.
        assert floors.sample_pca(k, n, d) == pytest.approx(measured[k], abs=0.012 / 12)
        assert floors.sample_pca(k, n, d) < floors.independent(k, d)
    assert floors.sample_pca(min(n - 1, d), n, d) == 0
    assert floors.sample_pca(0, n, d, 2.0) == pytest.approx(2 * (n - 1) / n, rel=1e-14)


@given(gamma=st.one_of(st.floats(0.05, 0.98), st.floats(1.02, 20)), phi=st.floats(0.1, np.pi))
def test_marchenko_pastur_mass_is_the_integral_of_its_density(gamma, phi):
    from scratchdae.floors.spectrum import _mass

    low = (1 - np.sqrt(gamma)) ** 2
    high = (1 + np.sqrt(gamma)) ** 2
    theta = np.linspace(0, phi, 20001)  # λ = 1 + γ - 2√γ cos θ takes the square roots out of the density
    value = 1 + gamma - 2 * np.sqrt(gamma) * np.cos(theta)
    with np.errstate(invalid="ignore", divide="ignore"):
        density = np.sqrt(np.maximum((high - value) * (value - low), 0)) / (2 * np.pi * gamma * value)
        integrand = density * 2 * np.sqrt(gamma) * np.sin(theta)
    integrand[0] = 0
    assert _mass(phi, 1.0) == pytest.approx((phi + np.sin(phi)) / np.pi, rel=1e-14)  # ∫ (1 + cos θ) / π, by hand
    assert _mass(phi, gamma) == pytest.approx((integrand[1:] + integrand[:-1]).sum() / 2 * theta[1], abs=2e-5)


# Noise


def test_wiener_is_least_squares_on_drawn_noise(rng):
    values = np.array([3.0, 1.0, 0.3, 0.0])
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    x = (rng.normal(size=(200000, 4)) * np.sqrt(values)) @ turn.T
    for s in (0.1, 0.5, 2.0):
        x_tilde = corruption.gaussian(x, s, rng)
        assert floors.wiener(values, s) == pytest.approx(least_squares(x_tilde, x), rel=0.01)
        for k in range(5):  # reduced-rank regression: the fitted values, then their first k components
            A = np.linalg.lstsq(x_tilde, x, rcond=None)[0]
            fitted = x_tilde @ A
            V = np.linalg.svd(fitted, full_matrices=False)[2][:k]
            assert floors.wiener(values, s, k) == pytest.approx(np.square(x - fitted @ V.T @ V).mean(), rel=0.01)


@given(values=arrays(np.float64, 5, elements=st.floats(0, 4)), k=st.integers(0, 5), s=st.floats(0, 5))
def test_wiener_between_its_limits(values, k, s):
    codes = floors.linear_codes(values)
    assert floors.wiener(values, 0.0, k) == pytest.approx(codes[k], abs=1e-15)
    assert codes[k] - 1e-12 <= floors.wiener(values, s, k) <= codes[0] + 1e-12
    assert floors.wiener(values, s) <= s**2 + 1e-12  # leaving the noise in costs s²


@pytest.mark.parametrize("exact_count", [False, True])
@pytest.mark.parametrize("constant", [False, True])
def test_masking_is_least_squares_on_drawn_masks(constant, exact_count, rng):
    x, _ = redundant_columns(200000, 5, 2, rng, noise=0.3)
    mean = x.mean(axis=0) if constant else None
    for nu in (0.2, 0.4, 0.8):
        x_tilde = (corruption.masking if exact_count else corruption.bernoulli_masking)(x, nu, rng)
        floor, W = floors.masking(x.T @ x / len(x), nu, mean, exact_count)
        assert floor == pytest.approx(least_squares(x_tilde, x, constant), rel=0.008)
        b = mean - (1 - nu) * mean @ W if constant else 0
        assert np.square(x_tilde @ W + b - x).mean() == pytest.approx(floor, rel=0.008)


def test_masking_of_independent_centred_columns_is_nu_times_the_variance():
    variances = np.array([1.0, 4.0, 0.5])
    for nu in (0, 0.25, 1):
        floor, W = floors.masking(np.diag(variances), nu)
        assert floor == pytest.approx(nu * variances.mean(), abs=1e-15)
        np.testing.assert_allclose(W, np.eye(3) if nu < 1 else 0, atol=1e-15)


def test_masking_of_two_correlated_columns_by_hand():
    """W = [[1 - p ρ², nu ρ], [nu ρ, 1 - p ρ²]] / (1 - p² ρ²), p = 1 - nu."""
    rho, nu = 0.6, 0.3
    p = 1 - nu
    _, W = floors.masking(np.array([[1, rho], [rho, 1]]), nu)
    diagonal, off = 1 - p * rho**2, nu * rho
    np.testing.assert_allclose(W, np.array([[diagonal, off], [off, diagonal]]) / (1 - p**2 * rho**2), rtol=1e-13)


def test_masking_takes_dead_columns_and_one_column(rng):
    x = np.hstack([rng.random((50, 2)), np.zeros((50, 1))])
    S = x.T @ x / 50
    floor, W = floors.masking(S, 0.5)
    assert floor == pytest.approx(floors.masking(S[:2, :2], 0.5)[0] * 2 / 3, rel=1e-12)
    np.testing.assert_array_equal(W[2], 0)
    assert floors.masking(np.zeros((2, 2)), 0.5)[0] == 0
    assert floors.masking(np.array([[2.0]]), 1.0, exact_count=True)[0] == 2


def test_masking_binary_is_what_the_counts_say(rng):
    p, nu = np.array([0.1, 0.5, 0.9]), 0.3
    x = (rng.random((300000, 3)) < p).astype(float)
    x_tilde = corruption.bernoulli_masking(x, nu, rng)
    # The best prediction from one bit seen: the mean of the clean bits where it was 0, and where it was 1.
    best = [
        sum(
            (x_tilde[:, k] == seen).mean() * floors.binary_entropy(x[x_tilde[:, k] == seen, k].mean())
            for seen in (0, 1)
        )
        for k in range(3)
    ]
    assert floors.masking_binary(p, nu) == pytest.approx(np.mean(best), rel=0.005)
    assert floors.masking_binary(0.5, 0.3) == pytest.approx(0.65 * floors.binary_entropy(0.15 / 0.65))


@given(p=PROBABILITIES, nu=st.floats(0, 1))
def test_masking_binary_between_nothing_lost_and_all_lost(p, nu):
    assert floors.masking_binary(p, 0) == 0
    assert floors.masking_binary(p, 1) == pytest.approx(floors.binary_entropy(p).mean(), abs=1e-15)
    between = floors.masking_binary(p, nu)
    assert nu * floors.binary_entropy(p).mean() - 1e-15 <= between <= floors.binary_entropy(p).mean() + 1e-15


# The output's reach


@given(x=MATRICES, low=st.floats(-2, 0), high=st.floats(0, 2))
def test_output_range_is_the_loss_of_the_nearest_value(x, low, high):
    assert floors.output_range(x, low, high) == pytest.approx(np.square(x - np.clip(x, low, high)).mean(), abs=1e-15)


def test_output_range_of_unscaled_pixels():
    x = np.arange(256.0)[:, None]
    floor, half = floors.output_range(x, 0, 1), np.square(x - 0.5).mean()
    assert 1 - floor / half == pytest.approx(0.00587, abs=5e-6)
    assert floors.output_range(x, 0) == 0
    assert floors.output_range(-x, 0) == pytest.approx(np.square(x).mean())
    assert floors.output_range(x) == 0


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_average_pooling_is_what_pooling_and_repeating_leaves(k, rng):
    images = rng.random((4, 6, 12))
    repeated = np.zeros_like(images)
    for top in range(0, 6, k):
        for left in range(0, 12, k):
            block = np.s_[:, top : top + k, left : left + k]
            repeated[block] = images[block].mean(axis=(1, 2), keepdims=True)
    assert floors.average_pooling(images, k) == pytest.approx(np.square(images - repeated).mean(), rel=1e-13, abs=1e-30)


# What a check must catch, and what is refused

WRONG = {  # plausible slips: each must fail against the same oracle that the right formula passes
    "variance with N - 1": (lambda x: x.var(axis=0, ddof=1).mean(), floors.constant),
    "one constant for all columns": (lambda x: x.var(), floors.constant),
    "mean for the median": (
        lambda x: np.abs(x - x.mean(axis=0)).mean(),
        lambda x: floors.constant(x, "absolute_error"),
    ),
    "entropy of the mean": (lambda x: floors.binary_entropy(x.mean(axis=0)).mean(), floors.cross_entropy),
    "entropy in bits": (lambda x: floors.cross_entropy(x) / np.log(2), floors.cross_entropy),
    "sum over D": (lambda x: floors.pca(x)[1] * x.shape[1], lambda x: floors.pca(x)[1]),
    "eigenvalues not centred": (
        lambda x: np.linalg.eigvalsh(x.T @ x / len(x))[:-1].sum() / x.shape[1],
        lambda x: floors.pca(x)[1],
    ),
    "first eigenvalues for last": (lambda x: floors.eigenvalues(x)[:1].sum() / x.shape[1], lambda x: floors.pca(x)[1]),
    "s for s²": (
        lambda x: np.mean(floors.eigenvalues(x) * 0.1 / (floors.eigenvalues(x) + 0.1)),
        lambda x: floors.wiener(floors.eigenvalues(x), 0.1),
    ),
    "centred moment in masking": (
        lambda x: floors.masking(np.cov(x.T, bias=True), 0.3)[0],
        lambda x: floors.masking(x.T @ x / len(x), 0.3, x.mean(axis=0))[0],
    ),
    "told which bits were destroyed": (
        lambda x: 0.3 * floors.binary_entropy(x).mean(),
        lambda x: floors.masking_binary(x, 0.3),
    ),
}


@pytest.mark.parametrize("slip", WRONG)
def test_a_slip_is_told_from_the_right_formula(slip, rng):
    x = rng.beta(0.6, 1.7, (40, 4))
    wrong, right = WRONG[slip]
    assert abs(wrong(x) / right(x) - 1) > 0.004


REFUSED = [
    (lambda x: floors.constant(x[0]), "x must be a matrix with one example a row, found shape"),
    (lambda x: floors.constant(x[:0]), "x must not be empty"),
    (lambda x: floors.constant((255 * x).astype(np.uint8)), "x must be floating-point, found dtype uint8"),
    (lambda x: floors.pca(x + 1j), "x must be real floating-point, found dtype complex128"),
    (lambda x: floors.pca(np.where(x == x[2, 1], np.nan, x)), "x must be finite, found nan in row 2, column 1"),
    (lambda x: floors.eigenvalues(np.where(x == x[0, 3], np.inf, x)), "x must be finite, found inf in row 0, column 3"),
    (lambda x: floors.constant(x, "huber"), "loss must be one of 'squared_error'"),
    (lambda x: floors.constant(x - 1, "cross_entropy"), r"x must lie in \[0, 1\], found values"),
    (lambda x: floors.cross_entropy(2 * x), r"x must lie in \[0, 1\], found values"),
    (lambda x: floors.binary_entropy([]), "p must hold real numbers, at least one"),
    (lambda x: floors.binary_entropy(["a"]), "p must hold real numbers"),
    (lambda x: floors.binary_entropy([0.5, np.nan]), r"p must lie in \[0, 1\]"),
    (lambda x: floors.digamma(0), "x must be a finite number, greater than 0, found 0"),
    (lambda x: floors.beta_cross_entropy(1, -1), "b must be a finite number, greater than 0, found -1"),
    (lambda x: floors.linear_codes([[1.0]]), "values must be real numbers in one dimension"),
    (lambda x: floors.wiener([1.0, -0.1], 1), "eigenvalues must be finite and at least 0, found values from -0.1"),
    (lambda x: floors.wiener([1.0, np.nan], 1), "eigenvalues must be finite and at least 0"),
    (lambda x: floors.wiener([1.0], -1), "s must be a finite number, at least 0, found -1"),
    (lambda x: floors.wiener([1.0], 1, 2), "k must be at most D = 1, found 2"),
    (lambda x: floors.independent(3, 2), "k must be at most d = 2, found 3"),
    (lambda x: floors.sample_pca(1, 1, 2), "n must be an integer of at least 2, found 1"),
    (lambda x: floors.sample_pca(1.0, 5, 2), "k must be an integer of at least 0, found 1.0"),
    (lambda x: floors.masking(x, 0.1), "S must be a symmetric matrix"),
    (lambda x: floors.masking(np.array([[1.0, 0.5], [0.4, 1.0]]), 0.1), "S must be a symmetric matrix"),
    (lambda x: floors.masking(-np.eye(2), 0.1), "least diagonal entry -1"),
    (lambda x: floors.masking(np.eye(2), 1.1), "nu must be a finite number, at least 0 and at most 1, found 1.1"),
    (lambda x: floors.masking(np.eye(2), 0.1, np.zeros(3)), r"mean must have shape \(2,\), found \(3,\)"),
    (lambda x: floors.masking_binary([1.5], 0.1), r"p must lie in \[0, 1\]"),
    (lambda x: floors.masking_binary("half", 0.1), "p must hold real numbers"),
    (lambda x: floors.output_range(x, 1, 0), "low must be at most high, found low = 1, high = 0"),
    (lambda x: floors.output_range(x, np.nan, 0), "low must be at most high, found low = nan"),
    (lambda x: floors.average_pooling(x, 2), r"images must have shape \(N, height, width\)"),
    (lambda x: floors.average_pooling(x[None], 3), "k must divide height and width of images of 5×4, found 3"),
    (lambda x: floors.permute_features(x, 3), "rng must be a numpy.random.Generator"),
]


@pytest.mark.parametrize(("call", "what"), REFUSED)
def test_bad_arguments_are_refused(call, what, rng):
    with pytest.raises(ValueError, match=what):
        call(rng.random((5, 4)))
