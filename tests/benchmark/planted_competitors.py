"""Competitors of the tests, right and wrong ones, and the real ones where their libraries are installed."""

from optional_packages import require

from scratchdae import autoencoder
from scratchdae.benchmark.competitors import PEERS, SCRATCHDAE, Competitor, reference
from scratchdae.benchmark.works.denoising import Denoising

TIMED = ["scratchdae", "torch", "torch-inplace", "jax", "numpy"]


def who(name):
    one = SCRATCHDAE if name == "scratchdae" else PEERS[name]
    for package in one.packages:
        require(package)
    return one


def forgetful(params, x_tilde, x, lr):
    """Take a step that leaves out the decoder's part of the gradient of W."""
    _, grads = autoencoder.loss_and_grads(params, x_tilde, x)
    a_z, cache = autoencoder.forward(params, x_tilde)
    da_z = autoencoder.output_loss(a_z, x, "cross_entropy", "sigmoid", "paper")[1]
    grads["W"] -= da_z.T @ cache.y
    for name, array in params.items():
        array -= lr * grads[name]
    return 0.0, True


def competitor(name, step):
    return trained(name, lambda w, threads: reference.StepTrainer(w, step))


def trained(name, prepare):
    return Competitor(name, "a test's", (), {Denoising: prepare})


def raising(*arguments):
    raise RuntimeError("the machine\n  is on fire")
