"""Clipped gradients are those of the frameworks, each by its own convention."""

import itertools

import numpy as np
import pytest

from scratchdae.optimizers import SGD, Clipped, clip_by_norm, clip_by_value, global_norm

BOUND = 1e-12  # of the largest entry


def distance(mine, theirs):
    return max(np.abs(mine[name] - theirs[name]).max() / np.abs(theirs[name]).max() for name in theirs)


def test_clipping_by_norm(torch, optax, keras):
    rng = np.random.default_rng(0)
    draws = [{"W": rng.normal(0, 3, (3, 4)), "b": rng.normal(0, 1e-4, 4)} for _ in range(3)]
    for grads, max_norm in itertools.product(draws, (1e-3, 1.0, 1e3)):
        tensors = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in grads.values()]
        for tensor, g in zip(tensors, grads.values(), strict=True):
            tensor.grad = torch.tensor(g)
        norm = torch.nn.utils.clip_grad_norm_(tensors, max_norm)
        assert global_norm(grads) == pytest.approx(norm.item(), rel=1e-14)
        theirs = {name: tensor.grad.numpy() for name, tensor in zip(grads, tensors, strict=True)}
        assert distance(clip_by_norm(grads, max_norm, "torch"), theirs) < BOUND

        tree = {name: keras.ops.convert_to_tensor(g, "float64") for name, g in grads.items()}
        theirs = optax.clip_by_global_norm(max_norm).update(tree, optax.EmptyState())[0]
        theirs = {name: np.asarray(value) for name, value in theirs.items()}
        assert distance(clip_by_norm(grads, max_norm, "optax"), theirs) < BOUND
        optimizer = keras.optimizers.SGD(global_clipnorm=max_norm)
        theirs = dict(zip(tree, map(np.asarray, optimizer._clip_gradients(list(tree.values()))), strict=True))
        assert distance(clip_by_norm(grads, max_norm, "keras"), theirs) < BOUND


def test_clipping_keeps_the_direction_and_short_gradients():
    grads = {"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])}
    assert global_norm(grads) == 5
    clipped = clip_by_norm(grads, 1.0)
    np.testing.assert_allclose(clipped["W"], [[0.6, 0]], rtol=1e-15)
    np.testing.assert_allclose(clipped["b"], [0.8], rtol=1e-15)
    assert clip_by_norm(grads, 5.0)["b"][0] == 4
    assert clip_by_norm(grads, 5.0) is not grads  # who adds to the result does not add to the gradients
    assert 0 < 1 - global_norm(clip_by_norm(grads, 1.0, "torch")) < 3e-7  # PyTorch's stays a little short
    np.testing.assert_array_equal(clip_by_value(grads, 3.5)["b"], [3.5])
    assert np.isnan(clip_by_value({"W": np.array([np.nan])}, 1.0)["W"]).all()
    assert np.isnan(clip_by_norm({"W": np.array([np.nan, 1.0])}, 1.0)["W"][0])
    assert global_norm({"W": np.full(4, 1e30, np.float32)}) == pytest.approx(2e30, rel=1e-6)


@pytest.mark.parametrize(
    ("bug", "wrong"),
    {
        "each array by itself": lambda grads: {n: clip_by_norm({n: g}, 1.0)[n] for n, g in grads.items()},
        "square root forgotten": lambda grads: {n: g / global_norm(grads) ** 2 for n, g in grads.items()},
        "PyTorch's for optax's": lambda grads: clip_by_norm(grads, 1.0, "torch"),
        "by value": lambda grads: clip_by_value(grads, 1.0),
    }.items(),
)
def test_each_planted_bug_is_caught(bug, wrong):
    grads = {"W": np.array([[3.0, 0.5]]), "b": np.array([4.0])}
    assert distance(wrong(grads), clip_by_norm(grads, 1.0)) > 1e5 * BOUND, bug


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: clip_by_norm({"W": np.ones(2)}, 0), "max_norm must be a finite number, greater than 0"),
        (lambda: clip_by_norm({"W": np.ones(2)}, 1, "numpy"), "convention must be one of"),
        (lambda: clip_by_value({"W": np.ones(2)}, -1), "limit must be a finite number, greater than 0"),
        (lambda: Clipped(SGD(), np.inf), "max_norm must be a finite number"),
        (lambda: Clipped(SGD(), limit=0), "limit must be a finite number"),
        (lambda: Clipped(SGD()), "max_norm or limit must be given"),
    ],
)
def test_is_refused_by_name(call, what):
    with pytest.raises(ValueError, match=what):
        call()


def test_a_clipped_rule_clips_entries_first_and_then_the_norm():
    params, grads = {"w": np.zeros(3)}, {"w": np.array([30.0, -4.0, 0.5])}
    for rule, step in (
        (Clipped(SGD(), limit=3.0), [3, -3, 0.5]),
        (Clipped(SGD(), max_norm=1.0), grads["w"] / np.linalg.norm(grads["w"])),
        (Clipped(SGD(), max_norm=1.0, limit=3.0), np.array([3, -3, 0.5]) / np.linalg.norm([3, -3, 0.5])),
    ):
        np.testing.assert_allclose(rule.update(params, grads, {}, 1.0)[0]["w"], -np.asarray(step), rtol=1e-14)
    assert str(Clipped(SGD(), limit=3.0)) == "Clipped(SGD(), limit=3.0, convention='optax')"
