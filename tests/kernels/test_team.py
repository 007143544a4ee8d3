"""Whoever leaves a team early releases the rest; labels that changed meanwhile reach no memory."""

import os
import subprocess
import sys

import numpy as np
import pytest
from optional_packages import require

from scratchdae import Sequential, fit, streams
from scratchdae.layers import Dense, Sigmoid

TRAIN = """
import os, signal, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np, scratchdae as s
x = np.random.default_rng(0).random((64, 300)).astype(np.float32)
labels = np.arange(64) % 10
def autoencoder(batch_size):
    model = s.DenoisingAutoencoder(300, 400, s.streams(0).initialisation, dtype=np.float32)
    s.fit(model, x, epochs=2, lr=0.1, batch_size=batch_size)
    return model.params["W"].sum()
def perceptron(batch_size):
    layers = [s.layers.Dense(400), s.layers.Sigmoid(), s.layers.Dense(10)]
    loss = "softmax_cross_entropy"
    model = s.Sequential(layers, (300,), s.streams(0).initialisation, loss=loss, dtype=np.float32)
    s.fit(model, x, labels, epochs=2, lr=0.1, batch_size=batch_size)
    return model.params["dense_1.W"].sum()
train, batch_size, signals = {"autoencoder": autoencoder, "perceptron": perceptron}[sys.argv[1]], int(sys.argv[2]), 2
whole = train(batch_size)
submit = ThreadPoolExecutor.submit
def interrupted(*arguments):
    global signals
    future = submit(*arguments)
    if signals:
        signals -= 1
        signal.raise_signal(signal.SIGINT)
    return future
ThreadPoolExecutor.submit = interrupted
for _ in range(2):
    try:
        train(batch_size)
    except KeyboardInterrupt:
        print("interrupted")
print(train(batch_size) == whole)
"""


@pytest.mark.parametrize(("model", "batch_size"), [("autoencoder", 1), ("autoencoder", 20), ("perceptron", 20)])
def test_ctrl_c_between_two_who_begin_sends_the_first_home(model, batch_size, tmp_path):
    """And the process ends, which a thread that waits for ever would keep it from."""
    require("numba")
    command = [sys.executable, "-c", TRAIN, model, str(batch_size)]
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    found = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert found.stdout.split() == ["interrupted", "interrupted", "True"], found.stderr


@pytest.mark.parametrize("label", [-(2**40), -1, 4, 2**40])
def test_a_label_that_changed_after_it_was_checked_is_refused(label):
    require("numba")
    rng = np.random.default_rng(0)
    x, labels = rng.random((40, 6)), rng.integers(0, 4, 40)
    network = Sequential([Dense(5), Sigmoid(), Dense(4)], (6,), streams(0).initialisation, loss="softmax_cross_entropy")

    def change(record, params):
        labels[17] = label

    with pytest.raises(ValueError, match="target must be integer labels from 0 to 3, found labels from"):
        fit(network, x, labels, epochs=2, lr=0.1, backend="numba", on_epoch=change)


def test_arrays_that_do_not_fit_reach_no_kernel():
    require("numba")
    from scratchdae.kernels import perceptron

    x, t = np.zeros((1, 2, 3)), np.zeros((1, 2), int)
    good = [np.zeros((3, 4)), np.zeros((4, 2))], [np.zeros(4), np.zeros(2)]
    assert perceptron.steps(*good, x, t, 0.1)[1] == 1
    for weights, biases in (
        ([good[0][0], np.zeros((5, 2))], good[1]),
        (good[0], [np.zeros(4), np.zeros(1)]),
        (good[0], [np.zeros(4), np.zeros(2, np.float32)]),
    ):
        with pytest.raises(ValueError, match=r"layer 2 must have W \(4, n\) and b \(n,\) of float64"):
            perceptron.steps(weights, biases, x, t, 0.1)
    with pytest.raises(ValueError, match="t must hold integer labels of shape"):
        perceptron.steps(*good, x, t[:, :1], 0.1)
