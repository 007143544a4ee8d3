"""What is interrupted: ``interrupted_run.py KIND BACKEND FOLDER``, a small run that goes on if it is started again."""

import sys
from pathlib import Path

import numpy as np

from scratchdae import Corruption, DenoisingAutoencoder, LayerSpec, Sequential, Training, datasets, fit, streams
from scratchdae.layers import Conv2D, Dense, Flatten, ReLU
from scratchdae.optimizers import Adam
from scratchdae.reproduce import sda
from scratchdae.reproduce.recipe import Parts, Recipe
from scratchdae.sweep import Trial, processes, sweep

TINY = Recipe((LayerSpec(30, 0.1, 0.1, 4, 10), LayerSpec(20, 0.2, 0.1, 3, 10)), Training(epochs=6, lr=0.2, patience=3))
DATA = datasets.digits()
X, T = DATA.x_train[:1000], DATA.t_train[:1000]


def sgd(out, backend, seed=0, epochs=25):
    """Plain gradient descent on an autoencoder, which has compiled steps of its own."""
    model = DenoisingAutoencoder(X.shape[1], 60, streams(seed).initialisation)
    options = {"corruption": Corruption("masking", 0.3), "seed": seed, "backend": backend}
    return fit(model, X, epochs=epochs, lr=0.1, out=out, resume=True, progress=False, **options)["loss"][-1]


def adam(out, backend):
    """Adam on layers that have compiled loops, with a penalty and early stopping."""
    layers, images = [Conv2D(4, 5, 2), ReLU(), Flatten(), Dense(10)], X[:600].reshape(-1, 28, 28, 1)
    model = Sequential(layers, (28, 28, 1), np.random.default_rng(0), loss="softmax_cross_entropy", dtype=np.float32)
    options = {"optimizer": Adam(), "l2": 1e-4, "patience": 12, "validation": (images[500:], T[500:600])}
    given = {"epochs": 12, "lr": 0.002, "backend": backend, "out": out, "resume": True, "progress": False}
    fit(model, images[:500], T[:500], **given, **options)


def trial(x, seed, out):
    return sgd(out, "numpy", seed, 6 + x)


def many(out, backend):
    trials = [Trial(trial, {"x": x}, x) for x in range(5)]
    sweep(trials, processes(2), file=Path(out) / "results.jsonl", folders=Path(out) / "runs", progress=False)


def experiment(out, backend):
    parts = Parts((X[:400], T[:400]), (X[400:500], T[400:500]), (X[500:600], T[500:600]))
    sda.reproduce(("tiny",), (0, 1), out, parts=parts, recipes={"tiny": TINY}, backend=backend, progress=False)


if __name__ == "__main__":
    {"sgd": sgd, "adam": adam, "sweep": many, "reproduce": experiment}[sys.argv[1]](sys.argv[3], sys.argv[2])
