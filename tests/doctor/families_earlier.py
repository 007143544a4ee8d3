"""The half that was held out at first and has been seen since: one more to tune on."""

import numpy as np
from twins import Family


def pendulum(rng, n):
    """Observe a pendulum of unknown length for twenty-four instants."""
    t = np.linspace(0, 4, 24)
    speed, phase, height = rng.uniform(1, 2.5, (n, 1)), rng.uniform(0, 2 * np.pi, (n, 1)), rng.uniform(0.4, 1.2, (n, 1))
    return 2 * height * np.sin(speed * t + phase)


def roll(rng, n):
    """Roll a sheet up and turn it into ten columns."""
    turn = rng.uniform(1.5 * np.pi, 4 * np.pi, n)
    sheet = np.stack([turn * np.cos(turn), rng.uniform(-8, 8, n), turn * np.sin(turn)], 1) / 8
    return sheet @ np.linalg.qr(rng.standard_normal((10, 10)))[0][:3] * 1.8 + 0.05 * rng.standard_normal((n, 10))


def topics(rng, n):
    """Mix five distributions over thirty words; shares, times ten."""
    return rng.dirichlet(np.full(5, 0.4), n) @ rng.dirichlet(np.full(30, 0.25), 5) * 10


def toeplitz(rng, n):
    """Draw columns correlated with their neighbours."""
    at = np.arange(18)
    return rng.multivariate_normal(np.zeros(18), np.exp(-np.abs(at[:, None] - at) / 9.0), n)


def sparse(rng, n):
    """Add up few atoms of a dictionary of eight."""
    on = (rng.random((n, 8)) < 0.35) * rng.gamma(2.0, 0.6, (n, 8))
    return on @ rng.standard_normal((8, 28)) * 0.8


def chains(rng, n):
    """Let a bit seldom change along thirty places."""
    start = rng.random((n, 1)) < 0.5
    return start ^ (np.cumsum(rng.random((n, 30)) < 0.06, 1) % 2).astype(bool)


def parts_on(rng, n):
    """Switch groups of bits on and off together."""
    groups = (rng.random((n, 6)) < 0.5).repeat(8, 1)
    return groups ^ (rng.random((n, 48)) < 0.03)


def sensors(rng, n):
    """Read one hidden state through squashed sensors."""
    h = rng.standard_normal((n, 4)) @ rng.standard_normal((4, 25)) + rng.standard_normal(25)
    return np.clip(1 / (1 + np.exp(-1.3 * h)) + 0.02 * rng.standard_normal((n, 25)), 0, 1)


def gratings(rng, n):
    """Draw a grating of any direction on 12 by 12 pixels."""
    y, x = np.mgrid[:12, :12] / 12.0
    angle, f, phase = (rng.uniform(low, high, (n, 1, 1)) for low, high in ((0, np.pi), (4, 9), (0, 6.28)))
    return (0.5 + 0.45 * np.sin(f * (x * np.cos(angle) + y * np.sin(angle)) + phase))[:, None]


def boxes(rng, n):
    """Draw a filled rectangle on 9 by 9 pixels."""
    out = np.zeros((n, 1, 9, 9))
    for image in out:
        (top, left), (tall, wide) = rng.integers(0, 5, 2), rng.integers(3, 6, 2)
        image[0, top : top + tall, left : left + wide] = rng.uniform(0.5, 1)
    return out


def pulses(rng, n):
    """Let a blow die away, in two columns."""
    t, start, decay = np.arange(12)[:, None], rng.integers(0, 5, (n, 1, 1)), rng.uniform(0.1, 0.6, (n, 1, 1))
    late = np.maximum(t - start, 0)
    return rng.uniform(1, 3, (n, 1, 1)) * (t >= start) * np.exp(-decay * late) * np.array([1.0, -0.6]) - 0.3


def switching(rng, n):
    """Jump between three states, each with a mean of five columns."""
    means, state, out = 1.3 * rng.standard_normal((3, 5)), rng.integers(0, 3, n), []
    for _ in range(9):
        out.append(means[state] + 0.2 * rng.standard_normal((n, 5)))
        state = np.where(rng.random(n) < 0.15, rng.integers(0, 3, n), state)
    return np.stack(out, 1)


def ramps(rng, n):
    """Draw independent columns with one skewed margin."""
    return rng.beta(1.5, 3.0, (n, 16))


def dice(rng, n):
    """Draw independent bits that are on a third of the time."""
    return rng.random((n, 24)) < 0.35


def normals(rng, n):
    """Draw independent normal columns."""
    return rng.standard_normal((n, 10))


FAMILIES = {
    "pendulum": Family(pendulum, "dense", "signed", 5),
    "roll": Family(roll, "dense", "signed", 3),
    "topics": Family(topics, "dense", "positive", 5),
    "toeplitz": Family(toeplitz, "dense", "signed", 5),
    "sparse": Family(sparse, "dense", "signed", 8),
    "chains": Family(chains, "dense", "binary", 9),
    "parts_on": Family(parts_on, "dense", "binary", 6),
    "sensors": Family(sensors, "dense", "unit", 4),
    "gratings": Family(gratings, "conv", "unit", 10),
    "boxes": Family(boxes, "conv", "unit", 14),
    "pulses": Family(pulses, "recurrent", "signed", 4),
    "switching": Family(switching, "recurrent", "signed", 8),
    "ramps": Family(ramps, "floor", "unit", 6),
    "dice": Family(dice, "floor", "binary", 7),
    "normals": Family(normals, "floor", "signed", 3),
}

OPTIONS = {
    "n": [600, 1000, 1600, 2500],
    "widths": [[20], [36], [64], [56, 28], [30, 30], [40, 30, 20]],
    "act": ["elu", "gelu", "silu", "relu", "relu", "softplus", "tanh", "sigmoid"],
    "channels": [[10], [5, 10], [12, 6], [7, 7]],
    "kernel": [3, 5],
    "down": ["stride", "average"],
    "up": ["transpose", "resize"],
    "conv_code": [True, True, False],
    "cell": ["gru", "rnn", "lstm"],
    "cell_width": [10, 14],
    "batch": [20, 48, 100],
    "steps": [250, 350, 450],
    "rates": {"adam": [2e-3, 5e-3, 8e-3], "adamw": [3e-3, 1e-2], "rmsprop": [1e-3, 3e-3], "momentum": [0.05, 0.2],
              "sgd": [0.5, 1.5]},
    "optimizers": ["adam", "adam", "adamw", "momentum", "rmsprop", "sgd"],
    "noise": [["none", 0.0], ["gaussian", 0.15], ["gaussian", 0.3], ["gaussian", 0.5], ["masking", 0.15],
              ["masking", 0.25], ["salt", 0.1], ["salt", 0.2]],
    "wide_noise": [["gaussian", 0.6], ["gaussian", 0.8], ["masking", 0.4]],
    "norm": [None, None, None, "layer", "batch"],
    "module": ["functional", "encoder_decoder", "sequential"],
    "noise_style": ["bernoulli", "numpy", "dropout", "torch"],
    "loss_style": ["hand", "function", "module"],
}  # fmt: skip

SEVERITIES = {
    "F01": [3, 20, 60, 300, 3000],
    "F02": [15, 50, 200, 500],
    "F03": [4, 10, 25],
    "F04": [3, 7, 20, 50],
    "F05": [(0.07, 0), (0.03, 0), (0.03, 3), (0.005, 1), (0.02, 8)],
    "F06": [("small", 1), ("small", 3), ("large", 10), ("large", 30)],
    "F07": [1],
    "F08": [("sign", 0), ("rolled", 0), ("scale", 0.03), ("scale", 1e-3), ("scale", -0.3)],
    "F09": [("normal", 0.05), ("normal", 0.003), ("normal", 1e-4), ("constant", 0.1), ("constant", 0.01)],
    "F10": [4, 8, 20, 60],
    "F11": [3, 5, 7, 10],
    "F12": [(3, 3), (5, 4), (7, 5)],
    "F13": [0.5, 2, 5, 20],
    "F14": ["sigmoid", "tanh", "relu", 3, 20, 100],
    "F15": [(3, 1), (8, 1), (25, 1), (0, 50), (4, 10)],
    "F16": [(20, 0), (100, 0), (3000, 0), (0.01, 0), (1, 8), (1, 30), (30, 100)],
    "F17": [1.5, 3, 8, 15],
    "F18": [0.3, 0.05, 0.0],
    "F19": [1, 2],
    "F20": [1, 2, 4],
    "F21": [1, 2],
    "F22": [1],
    "F23": [0.4, 0.8, 1.0],
    "F24": [("noisy_target", 0), ("l2", 3e-3), ("l2", 3e-2), ("l2", 0.3),
            ("outliers", (0.05, 15)), ("outliers", (0.15, 40)), ("left_on", 0.4), ("left_on", 0.6)],
    "F25": [5, 20, 60],
    "H2": [15, 40, 100],
    "C01": [("code", 0.5), ("code", 1.0), ("loss", 0)],
    "C02": ["decoder_only", "encoder_only", "recreated", "recreated_first", "frozen", "frozen_first"],
    "C03": [("rolled", 0), ("permuted", 0.4), ("permuted", 0.8), ("previous", 0)],
    "C04": [("mean", 0), ("columns", 0.7), ("columns", 0.3), ("rows", 0.1), ("own", 0)],
    "C05": [1, 2],
    "C06": [0.1, 3e-3, 1e-5, 1e-8],
    "C07": [0.995, 0.95, 0.8],
    "C08": [("dropout", 0.3), ("dropout", 0.7), ("dropout", 0.85), ("eval", 0)],
    "C09": [("rows", 2), ("rows", 8), ("rows", 50), ("step", 0)],
    "C10": ["sum", "per_example"],
    "C11": [("never", 0), ("seldom", 20), ("seldom", 100), ("no_backward", 0)],
}  # fmt: skip
