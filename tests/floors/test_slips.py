"""What a check of the floors must catch, and what is refused."""

import numpy as np
import pytest

from scratchdae import floors

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
    (lambda x: floors.beta_cross_entropy(0, 1), "a must be a finite number, greater than 0, found 0"),
    (lambda x: floors.beta_cross_entropy(-0.5, 1), "a must be a finite number, greater than 0, found -0.5"),
    (lambda x: floors.linear_codes([[1.0]]), "values must be real numbers in one dimension"),
    (lambda x: floors.wiener([1.0, -0.1], 1), "eigenvalues must be finite and at least 0, found values from -0.1"),
    (lambda x: floors.wiener([1.0, np.nan], 1), "eigenvalues must be finite and at least 0"),
    (lambda x: floors.wiener([1.0], -1), "s must be a finite number, at least 0 and at most 1e.100, found -1"),
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
