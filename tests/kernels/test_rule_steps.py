"""The fused steps by rules that remember, against the reference: a gradient, and the rule's update of whole arrays."""

import numpy as np
import pytest

pytest.importorskip("numba")

from scratchdae import Corruption, DenoisingAutoencoder, NonFiniteError, fit, kernels, streams
from scratchdae.kernels import update
from scratchdae.kernels.autoencoder import steps
from scratchdae.kernels.machine import threads
from scratchdae.losses import l2_penalty
from scratchdae.optimizers import SGD, Adagrad, Adam, AdamW, Clipped, RMSprop

KINDS = [("cross_entropy", "sigmoid"), ("squared_error", "sigmoid"), ("squared_error", "linear")]
EVERY_PLACE = [
    SGD(momentum=0.9),
    SGD(momentum=0.8, nesterov=True),
    SGD(momentum=0.8, nesterov=True, momentum_lr="inside"),
    SGD(momentum=0.9, dampening=0.3, momentum_lr="inside"),
    SGD(momentum=0.5, weight_decay=0.1),
    SGD(momentum=0.5, weight_decay=0.1, decay="decoupled", decayed="all"),
    RMSprop(),
    RMSprop(epsilon="inside", eps=1e-3, decay_rate=0.9),
    RMSprop(momentum=0.9, weight_decay=0.1),
    RMSprop(centred=True, eps=1e-2, decayed="all", weight_decay=0.1),
    RMSprop(momentum=0.9, centred=True, momentum_lr="inside", epsilon="inside", eps=1e-2),
    Adagrad(),
    Adagrad(initial=0.1, eps=1e-3, epsilon="inside", weight_decay=0.1, decay="decoupled"),
    Adam(),
    Adam(beta1=0.5, beta2=0.9, eps=1e-3, weight_decay=0.1),
    Adam(epsilon="inside", eps=1e-3),
    Adam(epsilon="hat", eps=1e-3, decayed="all", weight_decay=0.1),
    AdamW(weight_decay=0.1),
    AdamW(weight_decay=0.1, decayed="all", epsilon="hat"),
]
FUSED = [SGD(momentum=0.9, nesterov=True), RMSprop(), Adam(), AdamW(weight_decay=0.1, decayed="all")]


def draw(sizes, dtype, seed):
    """Draw parameters, and 12 batches whose inputs are sparse or dense in turn."""
    B, D, H = sizes
    rng = np.random.default_rng(seed)
    params = {"W": rng.normal(size=(D, H)) / np.sqrt(max(D, H)), "b": rng.normal(0, 0.1, H), "b_prime": np.zeros(D)}
    x = rng.random((12, B, D))
    share = np.where(np.arange(12) % 3 == 2, 0.9, 0.2)[:, None, None]
    return {name: value.astype(dtype) for name, value in params.items()}, (
        (x * (rng.random(x.shape) < share)).astype(dtype),
        x.astype(dtype),
    )


def fused(params, state, optimizer, x_tilde, x, options, l2, lr=0.01):
    return kernels.rule_steps(optimizer)(params, state, optimizer, x_tilde, x, lr, **options, l2=l2)


def reference(params, optimizer, x_tilde, x, options, l2, lr=0.01):
    """Take the steps in float64, as the loop takes them without a compiler."""
    params = {name: value.astype(np.float64) for name, value in params.items()}
    model = DenoisingAutoencoder(*params["W"].shape, np.random.default_rng(0), **options)
    state, losses = optimizer.init(params), []
    for corrupted, clean in zip(x_tilde.astype(np.float64), x.astype(np.float64), strict=True):
        loss, grads = model.loss_and_grads(params, corrupted, clean)
        decay = l2_penalty(params, l2)[1]
        grads = {name: grad + decay.get(name, 0) for name, grad in grads.items()}
        params, state = optimizer.update(params, grads, state, lr)
        losses.append(loss)
    return losses, params, state


def max_error(found, expected):
    return max(
        np.abs(value - expected[name]).max() / max(np.abs(expected[name]).max(), 1e-30)
        for name, value in found.items()
    )


@pytest.fixture(params=[1, 3], ids="team of {}".format)
def team(request, monkeypatch):
    """However small the work is, and a block of W smaller than a thread's share of it."""
    monkeypatch.setattr(steps, "_ALONE", 0)
    monkeypatch.setattr(steps, "_NEAR", 1)
    monkeypatch.setattr(threads, "count", lambda: request.param)
