"""The laboratory's JavaScript computes what the Python computes, and its failures fail as it says."""

import re
from pathlib import Path

import numpy as np
import pytest

from scratchdae import autoencoder
from scratchdae.book import laboratory
from scratchdae.book.laboratory import TRAINED, cases
from scratchdae.book.laboratory import pictures as digits
from scratchdae.corruption import draws

WEIGHTS, ORDER, CORRUPTION = range(3)
FAILURES = (
    "no_decoder", "clean_input", "not_zeroed", "rate_low", "rate_high", "rate_noisy", "weights_small", "weights_large",
    "equal", "saturated", "out_of_range", "unscaled", "noise_strong", "no_noise", "linear", "round_off", "independent",
)  # fmt: skip


def test_agrees_with_every_frozen_case_that_is_about_it(in_node):
    found = in_node("cases", cases=cases())
    assert found["differ"] == []
    assert found["agreed"] == found["of"] == 47
    assert found["largest"] < 1e-14


def _key(seed, purpose, n):
    return draws.words(draws.words(np.array([seed], np.uint64), purpose, purpose + 1)[0], n, n + 1)[0]


def _keys(seed, purpose, numbers):
    return np.array([_key(seed, purpose, n)[0] for n in numbers], np.uint64)


@pytest.mark.parametrize("noise", ["masking", "salt_and_pepper", "gaussian"])
def test_a_run_in_javascript_is_the_run_in_python(in_node, pictures, noise):
    """The same weights, order and noise, from the same keys: 120 steps, more than an epoch."""
    side, H, B, lr, nu, seed, steps = 14, 20, 20, 0.1, 0.25, 3, 120
    D = side * side
    settings = {"side": side, "hidden": H, "batch": B, "lr": lr, "nu": nu, "seed": seed, "noise": noise}
    theirs = in_node("losses", settings=settings, steps=steps, pictures=pictures)

    x = digits()[:TRAINED].reshape(-1, side, 2, side, 2).mean(axis=(2, 4)).reshape(-1, D) / 255
    bound = 4 * np.sqrt(6 / (D + H))
    halves = draws.halves(_keys(seed, WEIGHTS, [0]), D * H)[0]
    W = bound * (2 * (halves + 0.5) / 2**32 - 1)
    params = {"W": W.reshape(D, H).astype(np.float32).astype(float), "b": np.zeros(H), "b_prime": np.zeros(D)}
    each, ours = len(x) // B, []
    for t in range(steps):
        words = draws.words(_keys(seed, ORDER, [t // each]), 0, len(x))[0]
        clean = x[np.argsort(words, kind="stable")[t % each * B : (t % each + 1) * B]]
        keys, count = _keys(seed, CORRUPTION, range(t * B, (t + 1) * B)), round(nu * D)
        if noise == "gaussian":
            x_tilde = clean + nu * draws.normals(keys, D)
        else:
            coins = draws.coins(keys, draws.spent(D, count), D) if noise == "salt_and_pepper" else 0
            x_tilde = np.where(draws.subsets(keys, D, count), coins, clean)
        loss, grads = autoencoder.loss_and_grads(params, x_tilde, clean)
        params = {name: value - lr * grads[name] for name, value in params.items()}
        ours.append(loss)
    np.testing.assert_allclose(theirs, ours, rtol=2e-5)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_shows_in_its_number_and_a_repair_takes_it_away(in_node, pictures, failure):
    broken, repaired = in_node("failure", id=failure, seed=1, pictures=pictures)
    assert broken["shown"], broken["sentence"]
    assert not repaired["shown"], repaired["sentence"]
    assert repaired["share"] < 1  # better than the best constant


def test_its_failures_are_those_of_the_page_and_have_chapters(in_node):
    names = in_node("names")
    assert tuple(name for name, _ in names) == FAILURES
    for _, chapter in names:
        assert (Path(__file__).parents[2] / "chapters" / f"{chapter}.py").is_file()


def test_the_page_asks_nothing_of_another_machine():
    text = re.sub(r'<script type="(application/json|text/plain)" id="(cases|digits)">[^<]*', "", laboratory())
    assert not re.search(r"https?:|//[a-z]+\.|\bfetch\(|\bXMLHttp|@import|\bimport\b.*from", text)
    assert len(laboratory()) < 1_000_000
