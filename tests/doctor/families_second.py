"""The second half that was held out at first and has been seen since: another to tune on."""

import functools

import numpy as np
from twins import Family

from scratchdae.datasets import digits


def waves(rng, n):
    """Add up three tones of fixed pitch with random strengths and phases, at thirty-two instants."""
    t, pitch = np.linspace(0, 1, 32), np.array([1.0, 2.3, 4.1])[:, None]
    strength, phase = rng.gamma(3.0, 0.35, (n, 3, 1)), rng.uniform(0, 2 * np.pi, (n, 3, 1))
    return (strength * np.sin(2 * np.pi * pitch * t + phase)).sum(1) + 0.1 * rng.standard_normal((n, 32))


def heavy(rng, n):
    """Rotate three factors with heavy tails into eighteen columns."""
    turned = np.linalg.qr(rng.standard_normal((18, 18)))[0][:3] * np.array([[3.0], [2.2], [1.5]])
    return rng.standard_t(5, (n, 3)) @ turned + 0.25 * rng.standard_normal((n, 18))


def caps(rng, n):
    """Scatter on the unit sphere of five dimensions around six directions; fourteen columns see it."""
    at = rng.standard_normal((6, 5))[rng.integers(0, 6, n)] + 0.5 * rng.standard_normal((n, 5))
    at /= np.linalg.norm(at, axis=1, keepdims=True)
    return 1.5 * at @ rng.standard_normal((5, 14)) / 1.5 + 0.1 * rng.standard_normal((n, 14))


def surface(rng, n):
    """Bend a square quadratically into fifteen columns."""
    u, v = rng.uniform(-1, 1, (2, n))
    terms = np.stack([u, v, 2 * u * v, 1.5 * (u * u - 1 / 3), 1.5 * (v * v - 1 / 3)], 1)
    return terms @ rng.standard_normal((5, 15)) + 0.05 * rng.standard_normal((n, 15))


def tree(rng, n):
    """Let sixteen leaves of a tree inherit from the branches they hang on."""
    value = np.zeros((n, 1))
    for spread in (0.8, 0.8, 0.6, 0.3):
        value = np.repeat(value, 2, 1)
        value = value + spread * rng.standard_normal(value.shape)
    return value


def groups(rng, n):
    """Switch groups of three atoms on together; each atom has a weight of its own."""
    on = (rng.random((n, 4)) < 0.4).repeat(3, 1) * rng.normal(0.5, 0.9, (n, 12))
    return on @ rng.standard_normal((12, 30)) * 0.55


def poisson(rng, n):
    """Count events whose rates three gammas share; the roots of the counts."""
    rates = rng.gamma(1.5, 4.0, (n, 3)) @ rng.dirichlet(np.full(24, 0.6), 3) * 14
    return np.sqrt(rng.poisson(rates)) / 2


def growth(rng, n):
    """Grow from a start to a plateau along twenty-two days."""
    day = np.linspace(0, 1, 22)
    onset, rate = rng.uniform(0.15, 0.85, (n, 1)), rng.uniform(6, 25, (n, 1))
    low, high = rng.uniform(0, 0.25, (n, 1)), rng.uniform(0.5, 1, (n, 1))
    curve = low + (high - low) / (1 + np.exp(-rate * (day - onset)))
    return np.clip(curve + 0.02 * rng.standard_normal((n, 22)), 0, 1)


def answers(rng, n):
    """Answer six questions of three or four choices, one-hot, as one of seven profiles mostly would."""
    profile, out = rng.integers(0, 7, n), []
    for choices in (3, 4, 3, 4, 4, 3):
        usual = rng.integers(0, choices, 7)[profile]
        said = np.where(rng.random(n) < 0.1, rng.integers(0, choices, n), usual)
        out.append(np.eye(choices)[said])
    return np.concatenate(out, 1)


def grains(rng, n):
    """Draw a smooth random field on a torus of 9 by 9 pixels, squashed."""
    out = rng.standard_normal((n, 9, 9))
    for _ in range(5):
        out = out / 3 + sum(np.roll(out, shift, axis) for shift in (-1, 1) for axis in (1, 2)) / 6
    return (1 / (1 + np.exp(-2.5 * out / out.std())))[:, None]


def annuli(rng, n):
    """Draw a ring of any place, radius and brightness on 10 by 10 pixels."""
    y, x = np.mgrid[:10, :10]
    top, left = rng.uniform(3.5, 5.5, (2, n, 1, 1))
    away = np.hypot(y - top, x - left) - rng.uniform(1.5, 4, (n, 1, 1))
    return (rng.uniform(0.6, 1, (n, 1, 1)) * np.exp(-0.5 * (away / 0.8) ** 2))[:, None]


@functools.cache
def small_digits():
    """Give the embedded digits for training, on 7 by 7 pixels in a row."""
    x = digits().x_train.reshape(-1, 28, 28) / 255.0
    return np.minimum(1.7 * x.reshape(-1, 7, 4, 7, 4).mean((2, 4)), 1).reshape(-1, 49)


def numerals(rng, n):
    """Take some of the embedded digits."""
    x = small_digits()
    return x[rng.permutation(len(x))[:n]]


def springs(rng, n):
    """Let two masses on springs swing from any start: two places and two speeds at eleven instants."""
    k = np.array([[2.0, -0.8], [-0.8, 1.2]])
    place, speed, out = 0.9 * rng.standard_normal((n, 2)), 0.9 * rng.standard_normal((n, 2)), []
    for _ in range(11):
        for _ in range(4):
            speed = speed - 0.1 * (place @ k + 0.15 * speed)
            place = place + 0.1 * speed
        out.append(np.concatenate([place, speed], 1))
    return np.stack(out, 1) + 0.05 * rng.standard_normal((n, 11, 4))


def bounces(rng, n):
    """Let a ball bounce between two walls under a slow drift; its place and its height at twelve instants."""
    t = np.arange(12)[:, None]
    at, speed = rng.uniform(0, 4, (n, 1, 1)), rng.uniform(0.15, 0.45, (n, 1, 1))
    place = np.abs((at + speed * t) % 4 - 2) - 1
    height, rise = rng.uniform(-0.5, 0.5, (n, 1, 1)), rng.uniform(0, 0.35, (n, 1, 1))
    return 1.3 * np.concatenate([place, height + rise * t - 0.03 * t * t], 2) + 0.03 * rng.standard_normal((n, 12, 2))


def lamps(rng, n):
    """Switch three lamps on one after the other and off together; nine instants of a machine's day, few misread."""
    t, on = np.arange(9)[:, None], rng.integers(0, 5, (n, 1, 1))
    lamps = (t >= on + np.array([0, 1, 2])) & (t < on + rng.integers(3, 7, (n, 1, 1)))
    return lamps ^ (rng.random((n, 9, 3)) < 0.02)


def waits(rng, n):
    """Draw independent waiting times."""
    return rng.exponential(0.8, (n, 13))


def rare(rng, n):
    """Draw independent bits that are seldom on."""
    return rng.random((n, 22)) < 0.25


def laplace(rng, n):
    """Draw independent columns with two-sided exponential margins."""
    return rng.laplace(0.0, 0.8, (n, 11))


FAMILIES = {
    "waves": Family(waves, "dense", "signed", 6),
    "heavy": Family(heavy, "dense", "signed", 3),
    "grains": Family(grains, "conv", "unit", 12),
    "caps": Family(caps, "dense", "signed", 5),
    "springs": Family(springs, "recurrent", "signed", 5),
    "surface": Family(surface, "dense", "signed", 2),
    "tree": Family(tree, "dense", "signed", 7),
    "annuli": Family(annuli, "conv", "unit", 10),
    "groups": Family(groups, "dense", "signed", 11),
    "poisson": Family(poisson, "dense", "positive", 4),
    "bounces": Family(bounces, "recurrent", "signed", 5),
    "growth": Family(growth, "dense", "unit", 4),
    "answers": Family(answers, "dense", "binary", 7),
    "numerals": Family(numerals, "dense", "unit", 14),
    "lamps": Family(lamps, "recurrent", "binary", 5),
    "waits": Family(waits, "floor", "positive", 5),
    "rare": Family(rare, "floor", "binary", 6),
    "laplace": Family(laplace, "floor", "signed", 4),
}

OPTIONS = {
    "n": [700, 900, 1400, 1800, 2200],
    "widths": [[28], [44], [80], [52, 26], [34, 18], [24, 24, 16]],
    "wide": [90],
    "act": ["relu", "relu", "relu", "selu", "mish", "leaky", "tanh", "elu", "hardswish", "sigmoid"],
    "channels": [[9], [8, 4], [6, 6, 6], [4, 12]],
    "kernel": [3, 3, 5],
    "down": ["max", "stride", "average"],
    "up": ["resize", "transpose"],
    "conv_code": [True, False],
    "cell": ["lstm", "gru", "gru", "rnn"],
    "cell_width": [11, 18],
    "batch": [12, 24, 40, 80],
    "steps": [180, 280, 380, 480],
    "rates": {"adam": [1.5e-3, 4e-3, 6e-3], "adamw": [2e-3, 7e-3], "nadam": [2e-3, 5e-3], "adamax": [6e-3, 1.2e-2],
              "rmsprop": [1.2e-3, 4e-3], "nesterov": [0.04, 0.12], "momentum": [0.15], "sgd": [0.4, 1.2]},
    "optimizers": ["adam", "adam", "adam", "adamw", "nadam", "adamax", "rmsprop", "nesterov", "momentum", "sgd"],
    "losses": ["mse", "mse", "mse", "huber", "l1"],
    "noise": [["none", 0.0], ["none", 0.0], ["gaussian", 0.1], ["gaussian", 0.25], ["gaussian", 0.35],
              ["masking", 0.12], ["masking", 0.35], ["salt", 0.08], ["salt", 0.25]],
    "wide_noise": [["gaussian", 0.5], ["gaussian", 0.75], ["masking", 0.45]],
    "norm": [None, None, None, None, "batch", "layer"],
    "module": ["encoder_decoder", "functional", "sequential"],
    "noise_style": ["dropout", "torch", "bernoulli", "numpy"],
    "loss_style": ["function", "module", "hand"],
}  # fmt: skip

SEVERITIES = {
    "F01": [5, 15, 50, 200, 2000],
    "F02": [20, 70, 150, 300],
    "F03": [5, 12, 30],
    "F04": [4, 8, 15, 40],
    "F05": [(0.05, 0), (0.015, 0), (0.02, 1), (0.04, 4), (0.01, 6)],
    "F06": [("small", 1), ("small", 4), ("large", 12), ("large", 40)],
    "F07": [1],
    "F08": [("sign", 0), ("rolled", 0), ("scale", 0.05), ("scale", 3e-4), ("scale", -0.1)],
    "F09": [("normal", 0.03), ("normal", 2e-3), ("normal", 3e-4), ("constant", 0.2), ("constant", 0.02)],
    "F10": [5, 12, 40, 80],
    "F11": [2, 8, 12],
    "F12": [(2, 4), (4, 3), (6, 5), (8, 4)],
    "F13": [0.7, 1.5, 4, 8],
    "F14": ["sigmoid", "tanh", "relu", 4, 15, 50],
    "F15": [(4, 1), (10, 1), (30, 1), (0, 80), (3, 20)],
    "F16": [(40, 0), (500, 0), (2000, 0), (0.02, 0), (1, 6), (1, 20), (10, 60)],
    "F17": [1.7, 4, 6, 12],
    "F18": [0.4, 0.2, 0.0],
    "F19": [1, 2],
    "F20": [1, 2, 5],
    "F21": [1, 2],
    "F22": [1],
    "F23": [0.5, 0.9, 1.0],
    "F24": [("noisy_target", 0), ("l2", 5e-3), ("l2", 0.05), ("l2", 0.2),
            ("outliers", (0.03, 20)), ("outliers", (0.2, 25)), ("left_on", 0.5), ("left_on", 0.65)],
    "F25": [8, 40, 80],
    "H2": [12, 30, 80],
    "C01": [("code", 0.7), ("code", 1.0), ("loss", 0)],
    "C02": ["decoder_only", "encoder_only", "recreated", "recreated_first", "frozen", "frozen_first"],
    "C03": [("rolled", 0), ("permuted", 0.5), ("permuted", 0.9), ("previous", 0)],
    "C04": [("mean", 0), ("columns", 0.6), ("columns", 0.2), ("rows", 0.2), ("own", 0)],
    "C05": [1, 2],
    "C06": [0.03, 1e-3, 3e-5, 1e-6],
    "C07": [0.99, 0.96, 0.7],
    "C08": [("dropout", 0.4), ("dropout", 0.65), ("dropout", 0.8), ("eval", 0)],
    "C09": [("rows", 3), ("rows", 12), ("rows", 20), ("step", 0)],
    "C10": ["sum", "per_example"],
    "C11": [("never", 0), ("seldom", 15), ("seldom", 40), ("no_backward", 0)],
}  # fmt: skip
