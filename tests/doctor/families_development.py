"""The development half: families of data, networks and severities to tune on."""

import numpy as np
from twins import Family


def factors(rng, n):
    """Mix four factors linearly into twenty columns."""
    return rng.standard_normal((n, 4)) @ rng.standard_normal((4, 20)) / 2 + 0.15 * rng.standard_normal((n, 20))


def ring(rng, n):
    """Bend an angle and a radius into twelve columns."""
    angle, radius = rng.uniform(0, 2 * np.pi, (n, 1)), rng.uniform(0.5, 1.5, (n, 1))
    return radius * np.cos(angle * rng.integers(1, 4, 12) + rng.uniform(0, 6, 12)) * 1.4


def clusters(rng, n):
    """Scatter around seven centres."""
    return 1.2 * rng.standard_normal((7, 16))[rng.integers(0, 7, n)] + 0.3 * rng.standard_normal((n, 16))


def patterns(rng, n):
    """Flip few bits of eight binary patterns."""
    bits = (rng.random((8, 36)) < 0.4)[rng.integers(0, 8, n)]
    return bits ^ (rng.random((n, 36)) < 0.04)


def spectra(rng, n):
    """Put two lines on forty channels."""
    grid, at, wide = np.arange(40), rng.uniform(5, 35, (n, 2, 1)), rng.uniform(2, 5, (n, 2, 1))
    return np.clip((rng.uniform(0.3, 1, (n, 2, 1)) * np.exp(-0.5 * ((grid - at) / wide) ** 2)).sum(1), 0, 1)


def counts(rng, n):
    """Skew positive columns that three causes share."""
    h = rng.standard_normal((n, 3)) @ rng.standard_normal((3, 15))
    return np.log1p(np.exp(h + 0.2 * rng.standard_normal((n, 15))))


def bars(rng, n):
    """Draw one or two bars on 8 by 8 pixels."""
    out = np.zeros((n, 1, 8, 8))
    for image in out:
        image[0, rng.integers(0, 8)] = rng.uniform(0.6, 1)
        image[0, :, rng.integers(0, 8)] = rng.uniform(0.6, 1)
    return out


def blobs(rng, n):
    """Draw two smooth blobs on 10 by 10 pixels."""
    y, x = np.mgrid[:10, :10]
    at = rng.uniform(1, 9, (n, 2, 2, 1, 1))
    wide = rng.uniform(1.2, 2.2, (n, 2, 1, 1))
    return np.clip(np.exp(-((y - at[:, :, 0]) ** 2 + (x - at[:, :, 1]) ** 2) / (2 * wide**2)).sum(1), 0, 1)[:, None]


def sines(rng, n):
    """Sample three phases of one wave at ten steps."""
    t, f = np.arange(10)[:, None], rng.uniform(0.3, 0.9, (n, 1, 1))
    return rng.uniform(0.6, 1.6, (n, 1, 1)) * np.sin(f * t + rng.uniform(0, 6, (n, 1, 1)) + np.array([0, 1, 2.5]))


def walks(rng, n):
    """Let four columns walk along two directions."""
    steps = rng.standard_normal((n, 1, 2)) + 0.4 * rng.standard_normal((n, 8, 2))
    return np.cumsum(steps, 1) @ rng.standard_normal((2, 4)) / 4


def uniform(rng, n):
    """Draw independent columns."""
    return rng.random((n, 12))


def coins(rng, n):
    """Draw independent bits."""
    return rng.random((n, 20)) < 0.5


FAMILIES = {
    "factors": Family(factors, "dense", "signed", 4),
    "ring": Family(ring, "dense", "signed", 4),
    "clusters": Family(clusters, "dense", "signed", 6),
    "patterns": Family(patterns, "dense", "binary", 6),
    "spectra": Family(spectra, "dense", "unit", 8),
    "counts": Family(counts, "dense", "positive", 3),
    "bars": Family(bars, "conv", "unit", 16),
    "blobs": Family(blobs, "conv", "unit", 12),
    "sines": Family(sines, "recurrent", "signed", 6),
    "walks": Family(walks, "recurrent", "signed", 6),
    "uniform": Family(uniform, "floor", "unit", 4),
    "coins": Family(coins, "floor", "binary", 4),
}

OPTIONS = {
    "n": [800, 1200, 2000],
    "widths": [[32], [48], [24], [40, 24]],
    "act": ["relu", "relu", "tanh", "leaky", "sigmoid"],
    "channels": [[8], [6, 8], [8, 8], [12]],
    "kernel": [3],
    "down": ["max"],
    "up": ["resize"],
    "conv_code": [True, False],
    "cell": ["lstm"],
    "cell_width": [12, 16],
    "batch": [16, 32, 64],
    "steps": [200, 300, 400, 500],
    "rates": {"adam": [3e-3, 1e-2], "adamw": [5e-3], "rmsprop": [2e-3, 5e-3], "momentum": [0.1, 0.3], "sgd": [1.0]},
    "optimizers": ["adam", "adam", "adam", "momentum", "rmsprop", "sgd", "adamw"],
    "noise": [["none", 0.0], ["gaussian", 0.2], ["gaussian", 0.4], ["masking", 0.2], ["masking", 0.3], ["salt", 0.15]],
    "wide_noise": [["gaussian", 0.7], ["gaussian", 0.9], ["masking", 0.5]],
    "norm": [None, None, None, "batch"],
    "module": ["sequential", "encoder_decoder", "functional"],
    "noise_style": ["torch", "bernoulli", "numpy", "dropout"],
    "loss_style": ["module", "function", "hand"],
}

SEVERITIES = {
    "F01": [2, 10, 30, 100, 1000, 10000],
    "F02": [10, 30, 100, 1000],
    "F03": [3, 8, 20],
    "F04": [2, 5, 10, 30],
    "F05": [(0.1, 0), (0.02, 0), (0.05, 2), (0.01, 5)],
    "F06": [("small", 1), ("small", 2), ("large", 16), ("large", 50)],
    "F07": [1],
    "F08": [("sign", 0), ("rolled", 0), ("scale", 0.1), ("scale", 1e-4)],
    "F09": [("normal", 0.1), ("normal", 0.01), ("normal", 1e-3), ("constant", 0.05), ("constant", 0.0)],
    "F10": [3, 10, 30, 100],
    "F11": [2, 4, 6, 9],
    "F12": [(2, 3), (4, 4), (6, 6)],
    "F13": [0.3, 1, 3, 10],
    "F14": ["sigmoid", "tanh", "relu", 2, 10, 255],
    "F15": [(2, 1), (6, 1), (15, 1), (40, 1), (0, 30), (0, 200)],
    "F16": [(10, 0), (255, 0), (10000, 0), (0.003, 0), (1, 5), (1, 50), (50, 200)],
    "F17": [1, 2, 5, 20],
    "F18": [0.5, 0.1, 0.0],
    "F19": [1, 2, 3],
    "F20": [1, 2, 3],
    "F21": [1, 2],
    "F22": [1],
    "F23": [0.2, 0.6, 1.0],
    "F24": [("noisy_target", 0), ("l2", 1e-3), ("l2", 1e-2), ("l2", 0.1),
            ("outliers", (0.02, 10)), ("outliers", (0.1, 30)), ("left_on", 0.3), ("left_on", 0.7)],
    "F25": [3, 30, 100],
    "H2": [10, 25, 60, 200],
    "C01": [("code", 0.3), ("code", 1.0), ("loss", 0)],
    "C02": ["decoder_only", "encoder_only", "recreated", "recreated_first", "frozen", "frozen_first"],
    "C03": [("rolled", 0), ("permuted", 0.2), ("permuted", 1.0), ("previous", 0)],
    "C04": [("mean", 0), ("columns", 0.5), ("columns", 0.1), ("rows", 0.5), ("own", 0)],
    "C05": [1, 2],
    "C06": [0.3, 1e-2, 1e-4, 1e-7, 1e-9],
    "C07": [0.998, 0.98, 0.9, 0.5],
    "C08": [("dropout", 0.2), ("dropout", 0.6), ("dropout", 0.9), ("eval", 0)],
    "C09": [("rows", 1), ("rows", 4), ("rows", 30), ("step", 0)],
    "C10": ["sum", "per_example"],
    "C11": [("never", 0), ("seldom", 10), ("seldom", 60), ("no_backward", 0)],
}  # fmt: skip
