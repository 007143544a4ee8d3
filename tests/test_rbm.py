"""The Boltzmann machine against the enumeration of all its states, and against scikit-learn's on the same draws."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optional_packages import require

from scratchdae import gradcheck
from scratchdae.activations import sigmoid
from scratchdae.autoencoder import decode, encode
from scratchdae.losses import cross_entropy
from scratchdae.rbm import (
    contrastive_divergence,
    draw,
    energy,
    free_energy,
    free_energy_grads,
    gibbs_step,
    log_pseudo_likelihood,
)

SIZES = st.tuples(st.integers(1, 5), st.integers(1, 6))  # D, H: all of 2^11 states can be looked at
SEEDS = st.integers(0, 10**6)


def machine(D, H, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return {
        "W": rng.normal(0, scale, (D, H)),
        "b": rng.normal(0, scale, H),
        "b_prime": rng.normal(0, scale, D),
    }


def states(n):
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def joint(params):
    """Probabilities of all states of all units (2^D, 2^H), from the energy written with loops."""
    v, h = states(len(params["b_prime"])), states(len(params["b"]))
    E = np.zeros((len(v), len(h)))
    for (n, one), (m, other) in itertools.product(enumerate(v), enumerate(h)):
        E[n, m] -= sum(one[i] * params["W"][i, j] * other[j] for i in range(len(one)) for j in range(len(other)))
        E[n, m] -= one @ params["b_prime"] + other @ params["b"]
    p = np.exp(-E)
    return v, h, p / p.sum(), E


def transition(params):
    """Probability of every next visible state given every present one, equation (7) with drawn units."""
    v, _, p, _ = joint(params)
    h_given_v, v_given_h = p / p.sum(axis=1, keepdims=True), p / p.sum(axis=0)
    return v, h_given_v @ v_given_h.T, p.sum(axis=1)


def close(a, b, rtol):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=0, atol=rtol * np.abs(b[name]).max(), err_msg=name)


# Against enumeration


@given(sizes=SIZES, seed=SEEDS)
def test_energies_and_conditionals_are_those_of_the_enumeration(sizes, seed):
    params = machine(*sizes, seed)
    v, h, p, E = joint(params)
    rows, columns = np.repeat(v, len(h), axis=0), np.tile(h, (len(v), 1))
    np.testing.assert_allclose(energy(params, rows, columns), E.ravel(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(free_energy(params, v), -np.log(np.exp(-E).sum(axis=1)), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(encode(params, v), (p @ h) / p.sum(axis=1)[:, None], rtol=1e-11)
    np.testing.assert_allclose(sigmoid(decode(params, h)), (p.T @ v) / p.sum(axis=0)[:, None], rtol=1e-11)


@given(sizes=SIZES, seed=SEEDS, rows=st.integers(1, 4))
def test_gradient_of_the_free_energy_is_the_complex_step(sizes, seed, rows):
    rng = np.random.default_rng(seed)
    params, v, dF = machine(*sizes, seed), rng.random((rows, sizes[0])), rng.normal(size=rows)
    gradcheck.check(
        lambda p: (dF @ free_energy(p, v), free_energy_grads(p, v, dF)), params, "complex"
    ).raise_on_failure()


@given(sizes=SIZES, seed=SEEDS)
def test_both_phases_make_the_gradient_of_the_likelihood(sizes, seed):
    """Equation (5): the positive phase is an example's, the negative that of all states, each with its probability.

    The two may almost cancel, so the difference is held to what each of them is exact to.
    """
    params = machine(*sizes, seed)
    v, _, p, _ = joint(params)
    data = v[np.random.default_rng(seed).integers(len(v), size=3)]
    positive, negative = free_energy_grads(params, data, np.full(3, 1 / 3)), free_energy_grads(params, v, p.sum(axis=1))

    def loss_and_grads(params):
        loss = free_energy(params, data).mean() + np.log(np.exp(-free_energy(params, v)).sum())
        return loss, {}

    for name, value in params.items():
        numeric = np.empty_like(value)
        for index in np.ndindex(value.shape):
            unit = {other: np.zeros_like(one) for other, one in params.items()}
            unit[name][index] = 1
            numeric[index] = gradcheck.complex_step(loss_and_grads, params, unit)
        largest = max(np.abs(positive[name]).max(), np.abs(negative[name]).max())
        np.testing.assert_allclose(positive[name] - negative[name], numeric, rtol=0, atol=1e-12 * largest, err_msg=name)


@pytest.mark.parametrize("drawn", [True, False])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_contrastive_divergence_is_the_difference_of_the_two_phases(k, drawn):
    """Equations (7) and (8), unit by unit."""
    B, D, H = 4, 5, 3
    params, rng = machine(D, H), np.random.default_rng(k)
    v, hidden, visible = rng.random((B, D)), rng.random((k, B, H)), rng.random((k, B, D))
    W, b, b_prime = params["W"], params["b"], params["b_prime"]
    expected = {name: np.zeros_like(value) for name, value in params.items()}
    for n in range(B):
        chain = [v[n]]
        for t in range(k):
            h = [float(hidden[t, n, j] < sigmoid(chain[-1] @ W[:, j] + b[j])) for j in range(H)]
            p = [sigmoid(np.float64(W[i] @ h + b_prime[i])) for i in range(D)]
            chain.append(np.array([visible[t, n, i] < p[i] for i in range(D)], float) if drawn else np.array(p))
        for sign, end in ((1, chain[0]), (-1, chain[-1])):
            p = sigmoid(end @ W + b)
            for i, j in itertools.product(range(D), range(H)):
                expected["W"][i, j] -= sign * end[i] * p[j] / B
            expected["b"] -= sign * p / B
            expected["b_prime"] -= sign * end / B
    reconstruction, grads = contrastive_divergence(params, v, hidden, visible if drawn else None)
    close(grads, expected, 1e-13)
    a_v = decode(params, draw(encode(params, v), hidden[0]))
    assert reconstruction == cross_entropy(a_v, v)[0]


@pytest.mark.parametrize("k", [1, 3, 40])
def test_its_mean_is_known_and_tends_to_the_gradient_of_the_likelihood(k):
    """Over 200,000 chains from one picture, against the exact distribution of where such a chain is after k steps."""
    params, rng, B = machine(4, 3, seed=2, scale=1.5), np.random.default_rng(k), 200_000
    v, T, p = transition(params)
    start = 11
    after = np.linalg.matrix_power(T, k)[start]
    _, grads = contrastive_divergence(params, np.tile(v[start], (B, 1)), rng.random((k, B, 3)), rng.random((k, B, 4)))
    weights = np.eye(len(v))[start] - after
    expected = free_energy_grads(params, v, weights)
    for name, grad in grads.items():  # a mean of B numbers in [0, 1]: its deviation is at most 1 / 2√B
        assert np.abs(grad - expected[name]).max() < 4 * 0.5 / np.sqrt(B)
    far = np.abs(after - p).sum()
    assert (far < 1e-6) == (k == 40)  # found 0.4, 0.03 and 2e-15
    if k == 40:
        close(expected, free_energy_grads(params, v, np.eye(len(v))[start] - p), 1e-6)


def test_the_chain_leaves_the_models_distribution_as_it_is():
    params = machine(4, 3, seed=2)
    _, T, p = transition(params)
    np.testing.assert_allclose(p @ T, p, rtol=1e-12)
    # And so does the code's: chains that begin anywhere end up in p.
    rng, chains = np.random.default_rng(0), 100_000
    now = np.zeros((chains, 4))
    for _ in range(40):
        _, now = gibbs_step(params, now, rng.random((chains, 3)), rng.random((chains, 4)))
    found = np.bincount((now @ (8, 4, 2, 1)).astype(int), minlength=16)
    chi2 = (((found - chains * p) ** 2) / (chains * p)).sum()
    assert chi2 < 37.7  # 15 degrees of freedom: exceeded once in a thousand seeds


@given(sizes=SIZES, seed=SEEDS)
def test_pseudo_likelihood_is_that_of_the_conditionals(sizes, seed):
    params, D = machine(*sizes, seed), sizes[0]
    v, _, p, _ = joint(params)
    p = p.sum(axis=1)
    index = np.arange(len(v))
    flipped = [index ^ (1 << (D - 1 - i)) for i in range(D)]
    terms = np.array([np.log(p / (p + p[flip])) for flip in flipped])
    np.testing.assert_allclose(log_pseudo_likelihood(params, v), terms.sum(axis=0), rtol=1e-10, atol=1e-12)
    for i in range(D):
        one = log_pseudo_likelihood(params, v, np.full(len(v), i))
        np.testing.assert_allclose(one, D * terms[i], rtol=1e-10, atol=1e-12)


def test_pseudo_likelihood_of_grey_levels(rng):
    """A grey level is the mean of the two terms of its unit, the others grey as they are."""
    params, v = machine(4, 3), rng.random((6, 4))
    for i in range(4):
        on, off = v.copy(), v.copy()
        on[:, i], off[:, i] = 1, 0
        logit = free_energy(params, off) - free_energy(params, on)
        expected = 4 * (v[:, i] * np.log(sigmoid(logit)) + (1 - v[:, i]) * np.log(sigmoid(-logit)))
        found = log_pseudo_likelihood(params, v, np.full(6, i))
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_extreme_weights_give_finite_numbers_and_nan_stays_nan():
    params = machine(4, 3, scale=1e4)
    v = states(4)
    assert np.isfinite(log_pseudo_likelihood(params, v)).all()
    assert np.isfinite(free_energy(params, v)).all()
    params["b_prime"][1] = np.nan
    assert np.isnan(free_energy(params, v)).all()
    assert np.isnan(log_pseudo_likelihood(params, v)).all()


def test_float32_stays_float32(rng):
    params = {name: value.astype(np.float32) for name, value in machine(4, 3).items()}
    v = rng.random((5, 4))
    loss, grads = contrastive_divergence(params, v, rng.random((2, 5, 3)), rng.random((2, 5, 4)))
    assert {loss.dtype, *(g.dtype for g in grads.values())} == {np.dtype(np.float32)}
    assert log_pseudo_likelihood(params, v).dtype == free_energy(params, v).dtype == np.float32


# Against scikit-learn


@pytest.fixture
def theirs():
    require("sklearn")
    from sklearn.neural_network import BernoulliRBM

    return BernoulliRBM


def from_theirs(model):
    return {
        "W": model.components_.T.copy(),
        "b": model.intercept_hidden_.copy(),
        "b_prime": model.intercept_visible_.copy(),
    }


def test_sklearn_has_the_same_probabilities_energies_and_pseudo_likelihood(theirs, rng):
    x = (rng.random((60, 9)) < 0.4).astype(float)
    model = theirs(7, learning_rate=0.5, n_iter=5, random_state=4).fit(x)
    params = from_theirs(model)
    np.testing.assert_allclose(encode(params, x), model.transform(x), rtol=1e-13)
    np.testing.assert_allclose(free_energy(params, x), model._free_energy(x), rtol=1e-13)
    units = np.random.RandomState(4).randint(0, 9, 60)  # the generator it draws from
    np.testing.assert_allclose(log_pseudo_likelihood(params, x, units), model.score_samples(x), rtol=1e-11)


def test_sklearn_takes_the_same_step_of_cd_1(theirs, rng):
    """It goes on from the chain of the last step; given hidden units drawn from the examples, that is CD-1."""
    B, D, H = 20, 9, 7
    x = (rng.random((B, D)) < 0.4).astype(float)
    model = theirs(H, learning_rate=0.3, batch_size=B, n_iter=2, random_state=5).fit(x)
    params, hidden = from_theirs(model), rng.random((1, B, H))
    model.h_samples_ = draw(encode(params, x), hidden[0])
    visible = np.random.RandomState(6).uniform(size=(1, B, D))
    model._fit(x, np.random.RandomState(6))
    _, grads = contrastive_divergence(params, x, hidden, visible)
    close({name: params[name] - 0.3 * grads[name] for name in params}, from_theirs(model), 1e-14)


def test_sklearn_trains_to_the_same_weights_along_one_chain(theirs, rng):
    """Its whole fit, persistent contrastive divergence, from the functions here and the numbers it draws."""
    B, D, H, epochs, lr = 10, 9, 7, 12, 0.2
    x = (rng.random((40, D)) < 0.4).astype(float)
    model = theirs(H, learning_rate=lr, batch_size=B, n_iter=epochs, random_state=8).fit(x)
    random = np.random.RandomState(8)
    params = {"W": random.normal(0, 0.01, (H, D)).T, "b": np.zeros(H), "b_prime": np.zeros(D)}
    h, dF = np.zeros((B, H)), np.full(B, 1 / B)
    for _ in range(epochs):
        for start in range(0, 40, B):
            v = draw(sigmoid(decode(params, h)), random.uniform(size=(B, D)))
            h = draw(encode(params, v), random.uniform(size=(B, H)))
            grads = free_energy_grads(params, np.concatenate([x[start : start + B], v]), np.concatenate([dF, -dF]))
            params = {name: value - lr * grads[name] for name, value in params.items()}
    close(params, from_theirs(model), 1e-12)
    assert np.abs(params["W"]).max() > 0.1  # it has gone far from where it began: found 0.18


# Bad input

P, V, U, X = machine(4, 3), states(4)[:5], np.full((1, 5, 3), 0.5), np.full((1, 5, 4), 0.5)
CASES = {
    "visible columns": (lambda: free_energy(P, V[:, :3]), "v must have 4 columns"),
    "hidden columns": (lambda: energy(P, V, V), "h must have 3 columns"),
    "weights of other rows": (lambda: free_energy_grads(P, V, np.ones(4)), "dF must have the shape of the rows of v"),
    "numbers for other units": (lambda: draw(V, U[0]), "uniforms must have the shape of the units"),
    "no step": (lambda: contrastive_divergence(P, V, U[:0]), "k >= 1 steps"),
    "numbers for one step": (lambda: contrastive_divergence(P, V, U[0]), "for each of k >= 1 steps"),
    "unequal steps": (lambda: contrastive_divergence(P, V, U, X[[0, 0]]), "for each of k >= 1 steps"),
    "visible numbers": (lambda: contrastive_divergence(P, V, U, U), "uniforms must have the shape of the units"),
    "examples above one": (lambda: contrastive_divergence(P, 2 * V, U), r"x must lie in \[0, 1\]"),
    "likelihood above one": (lambda: log_pseudo_likelihood(P, 2 * V), r"v must lie in \[0, 1\]"),
    "a unit too far": (lambda: log_pseudo_likelihood(P, V, np.full(5, 4)), "units must be 5 integers from 0 to 3"),
    "a unit below": (lambda: log_pseudo_likelihood(P, V, np.full(5, -1)), "units must be 5 integers from 0 to 3"),
    "units too few": (lambda: log_pseudo_likelihood(P, V, np.zeros(4, int)), "units must be 5 integers"),
    "units of floats": (lambda: log_pseudo_likelihood(P, V, np.zeros(5)), "units must be 5 integers"),
}


@pytest.mark.parametrize(("call", "what"), CASES.values(), ids=CASES)
def test_is_refused_by_name(call, what):
    with pytest.raises(ValueError, match=what):
        call()
