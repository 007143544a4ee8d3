"""The held-out half: families, networks and severities that no other part has. Nothing is tuned on it."""

import numpy as np
from twins import Family


def embeddings(rng, n):
    """Place words of nine subjects in six dimensions; vectors of one length in twenty-four columns."""
    subject = rng.standard_normal((9, 6))[rng.integers(0, 9, n)]
    word = subject + 0.6 * rng.standard_normal((n, 6))
    x = word @ rng.standard_normal((6, 24)) + 0.3 * rng.standard_normal((n, 24))
    return 4.2 * x / np.linalg.norm(x, axis=1, keepdims=True)


def outlines(rng, n):
    """Sample the outline of an ellipse of any place, axes and tilt at thirteen points of the plane."""
    angle = 2 * np.pi * np.arange(13) / 13
    tilt, long, short = (rng.uniform(low, high, (n, 1)) for low, high in ((0, np.pi), (0.9, 1.8), (0.3, 0.9)))
    u, v = long * np.cos(angle), short * np.sin(angle)
    across, up = np.cos(tilt) * u - np.sin(tilt) * v, np.sin(tilt) * u + np.cos(tilt) * v
    at = 0.5 * rng.standard_normal((2, n, 1))
    return np.concatenate([across + at[0], up + at[1]], 1) + 0.06 * rng.standard_normal((n, 26))


def returns(rng, n):
    """Let a market and four sectors move twenty stocks, on calm and on wild days."""
    wild = rng.choice([0.6, 1.0, 1.7], (n, 1), p=[0.4, 0.4, 0.2])
    market, sector = rng.standard_normal((n, 1)), 0.7 * rng.standard_normal((n, 4)).repeat(5, 1)
    return wild * (market * rng.uniform(0.4, 1.2, 20) + sector + 0.35 * rng.standard_normal((n, 20)))


def customers(rng, n):
    """Fill a table in: five numbers, standardised, beside three one-hot categories, as six kinds of people would."""
    kind = rng.integers(0, 6, n)
    numbers = 0.9 * rng.standard_normal((6, 5))[kind] + 0.8 * rng.standard_normal((n, 2)) @ rng.standard_normal((2, 5))
    numbers = (numbers + 0.2 * rng.standard_normal((n, 5))) / 1.4
    table = [numbers]
    for choices in (3, 4, 6):
        usual = rng.integers(0, choices, 6)[kind]
        table.append(np.eye(choices)[np.where(rng.random(n) < 0.08, rng.integers(0, choices, n), usual)])
    return np.concatenate(table, 1)


def gait(rng, n):
    """Cut windows of thirty samples from somebody walking: a cadence, its double, a lean and a tremor."""
    t = np.linspace(0, 1, 30)
    cadence, phase = rng.uniform(1.3, 1.7, (n, 1)), rng.uniform(0, 2 * np.pi, (n, 1))
    strong, second, lean = rng.uniform(0.7, 1.5, (n, 1)), rng.uniform(0, 0.7, (n, 1)), 0.4 * rng.standard_normal((n, 1))
    turn = 2 * np.pi * cadence * t + phase
    return lean + strong * np.cos(turn) + second * np.cos(2 * turn + 1) + 0.1 * rng.standard_normal((n, 30))


def arm(rng, n):
    """Bend an arm of three joints; its joints' places and directions in sixteen columns."""
    angle = np.cumsum(rng.uniform(-1.1, 1.1, (n, 3)), 1)
    direction = np.concatenate([np.cos(angle), np.sin(angle)], 1)
    reach = np.concatenate([np.cumsum(np.cos(angle), 1), np.cumsum(np.sin(angle), 1)], 1)
    seen = np.concatenate([direction, 0.6 * reach], 1) @ rng.standard_normal((12, 16)) / 1.6
    return seen - seen.mean(0) + 0.06 * rng.standard_normal((n, 16))


def heartbeats(rng, n):
    """Trace a heartbeat of three waves, each of its own height, place and width, at thirty-six samples."""
    t, beat = np.arange(36), np.zeros((n, 36))
    for at, wide, height in ((8, 2.2, 0.9), (17, 1.1, 3.2), (27, 3.0, 1.4)):
        place = at + rng.uniform(-1, 1, (n, 1))
        beat += height * rng.uniform(0.4, 1.6, (n, 1)) * np.exp(-0.5 * ((t - place) / (wide * 1.3)) ** 2)
    drift = 0.5 * rng.standard_normal((n, 1)) + 0.5 * rng.standard_normal((n, 1)) * (t - 18) / 18
    return beat - 0.7 + drift + 0.08 * rng.standard_normal((n, 36))


def substances(rng, n):
    """Mix the spectra of five substances with four peaks each over a sloping background; forty-five channels."""
    grid = np.arange(45)
    at, wide, high = rng.uniform(3, 42, (5, 4, 1)), rng.uniform(1, 3, (5, 4, 1)), rng.uniform(0.5, 2, (5, 4, 1))
    pure = (high / (1 + ((grid - at) / wide) ** 2)).sum(1)
    slope = rng.uniform(0, 1, (n, 2)) @ np.stack([grid / 45, 1 - grid / 45])
    return rng.gamma(1.2, 0.6, (n, 5)) @ pure + slope + 0.08 * np.abs(rng.standard_normal((n, 45)))


def transcripts(rng, n):
    """Count the transcripts of twenty-six genes in cells of any size between five types; logarithms."""
    share = rng.dirichlet(np.full(5, 0.5), n) @ rng.dirichlet(np.full(26, 0.4), 5)
    return 0.6 * np.log1p(rng.poisson(share * rng.lognormal(6.2, 0.5, (n, 1))))


def ratings(rng, n):
    """Rate twenty-two films by four tastes, in five steps from nought to one."""
    liked = rng.standard_normal((n, 4)) @ rng.standard_normal((4, 22)) + 0.5 * rng.standard_normal(22)
    return np.clip(np.round(2 + 1.1 * liked), 0, 4) / 4


def power(rng, n):
    """Use power for twenty-four hours: by night, two peaks that move, and the sun in between."""
    hour, use = np.arange(24), 0.1 + 0.15 * rng.random((n, 1))
    for at, spread, wide in ((7.5, 0.9, 1.6), (19, 1.2, 2.2)):
        place = at + spread * rng.standard_normal((n, 1))
        use = use + rng.uniform(0.1, 0.7, (n, 1)) * np.exp(-0.5 * ((hour - place) / wide) ** 2)
    sun = rng.choice([0.0, 0.3], (n, 1)) * np.exp(-0.5 * ((hour - 13) / 2.5) ** 2)
    return np.clip(use + sun + 0.03 * rng.standard_normal((n, 24)), 0, 1)


def beacons(rng, n):
    """Walk about a room with twenty-eight beacons: how strong each is heard at a place."""
    at, beacon = rng.uniform(0, 1, (n, 1, 2)), rng.uniform(-0.1, 1.1, (28, 2))
    near = np.exp(-((at - beacon) ** 2).sum(2) / (2 * 0.2**2))
    return np.clip(0.05 + 0.85 * near + 0.02 * rng.standard_normal((n, 28)), 0, 1)


def baskets(rng, n):
    """Fill baskets: each of six habits puts its own third of thirty-two goods in, and forgets some."""
    habit, goods = rng.random((n, 6)) < 0.35, rng.random((6, 32)) < 0.33
    taken = (habit[:, :, None] & goods & (rng.random((n, 6, 32)) < 0.95)).any(1)
    return taken | (rng.random((n, 32)) < 0.015)


def motifs(rng, n):
    """Write nine letters of four, one-hot: five motifs, read forwards or backwards, with mutations."""
    motif = rng.integers(0, 4, (5, 9))[rng.integers(0, 5, n)]
    motif = np.where(rng.random((n, 1)) < 0.5, motif, 3 - motif[:, ::-1])
    letters = np.where(rng.random((n, 9)) < 0.07, rng.integers(0, 4, (n, 9)), motif)
    return np.eye(4)[letters].reshape(n, 36)


def discs(rng, n):
    """Draw a disc of any colour on a ground of any colour: 8 by 8 pixels in three channels."""
    y, x = np.mgrid[:8, :8]
    top, left = rng.uniform(2.5, 4.5, (2, n, 1, 1))
    inside = 1 / (1 + np.exp(2.5 * (np.hypot(y - top, x - left) - rng.uniform(1.5, 3, (n, 1, 1)))))[:, None]
    disc, ground = rng.random((2, n, 3, 1, 1))
    return inside * disc + (1 - inside) * ground


def lines(rng, n):
    """Draw a straight line with soft edges right across 11 by 11 pixels, thin or thick."""
    y, x = np.mgrid[:11, :11] - 5.0
    angle, away = rng.uniform(0, np.pi, (n, 1, 1)), rng.uniform(-3, 3, (n, 1, 1))
    distance = np.abs(x * np.cos(angle) + y * np.sin(angle) - away)
    return (rng.uniform(0.5, 1, (n, 1, 1)) / (1 + np.exp(2 * (distance - rng.uniform(0.8, 2, (n, 1, 1))))))[:, None]


def hills(rng, n):
    """Light a slope with a hill or a hollow on it; 10 by 10 pixels."""
    y, x = np.mgrid[:10, :10] / 9 - 0.5
    slope = rng.uniform(-0.45, 0.45, (2, n, 1, 1))
    top, left = rng.uniform(-0.3, 0.3, (2, n, 1, 1))
    hill = rng.uniform(-0.6, 0.6, (n, 1, 1)) * np.exp(-((y - top) ** 2 + (x - left) ** 2) / 0.06)
    return np.clip(0.5 + slope[0] * y + slope[1] * x + hill, 0, 1)[:, None]


def tanks(rng, n):
    """Let three tanks run into one another while two valves are now and then turned; ten readings."""
    level, valve, out = 1.4 * rng.standard_normal((n, 3)), rng.standard_normal((n, 2)), []
    for _ in range(10):
        out.append(level)
        valve = np.where(rng.random((n, 2)) < 0.06, rng.standard_normal((n, 2)), valve)
        flow = 0.25 * level
        level = level - flow + np.stack([0.5 * valve[:, 0], flow[:, 0] + 0.4 * valve[:, 1], flow[:, 1]], 1)
    return np.stack(out, 1) + 0.06 * rng.standard_normal((n, 10, 3))


def pens(rng, n):
    """Move a pen along figures of eight of any size, slant, place and start; thirteen places in the plane."""
    t = 2 * np.pi * np.arange(13) / 13 + rng.uniform(0, 2 * np.pi, (n, 1))
    wide, tall, slant = rng.uniform(0.5, 1.6, (n, 1)), rng.uniform(0.3, 1.2, (n, 1)), rng.uniform(-0.6, 0.6, (n, 1))
    x = wide * np.sin(t) + 0.4 * rng.standard_normal((n, 1))
    y = tall * np.sin(2 * t) + 0.4 * rng.standard_normal((n, 1))
    return np.stack([x + slant * y, y], 2) + 0.04 * rng.standard_normal((n, 13, 2))


def triangles(rng, n):
    """Draw independent columns with a triangular margin."""
    return rng.triangular(0, 0.3, 1, (n, 14))


def hashes(rng, n):
    """Draw independent bits, a little more of them off than on."""
    return rng.random((n, 26)) < 0.42


def tails(rng, n):
    """Draw independent columns with heavy tails."""
    return 0.8 * rng.standard_t(6, (n, 12))


FAMILIES = {
    "embeddings": Family(embeddings, "dense", "signed", 7),
    "outlines": Family(outlines, "dense", "signed", 6),
    "discs": Family(discs, "conv", "unit", 9),
    "returns": Family(returns, "dense", "signed", 5),
    "tanks": Family(tanks, "recurrent", "signed", 6),
    "customers": Family(customers, "dense", "signed", 7),
    "gait": Family(gait, "dense", "signed", 6),
    "lines": Family(lines, "conv", "unit", 13),
    "arm": Family(arm, "dense", "signed", 5),
    "heartbeats": Family(heartbeats, "dense", "signed", 7),
    "pens": Family(pens, "recurrent", "signed", 6),
    "substances": Family(substances, "dense", "positive", 6),
    "transcripts": Family(transcripts, "dense", "positive", 5),
    "hills": Family(hills, "conv", "unit", 6),
    "ratings": Family(ratings, "dense", "unit", 4),
    "power": Family(power, "dense", "unit", 6),
    "beacons": Family(beacons, "dense", "unit", 2),
    "baskets": Family(baskets, "dense", "binary", 7),
    "motifs": Family(motifs, "dense", "binary", 8),
    "triangles": Family(triangles, "floor", "unit", 5),
    "hashes": Family(hashes, "floor", "binary", 6),
    "tails": Family(tails, "floor", "signed", 4),
}

OPTIONS = {
    "n": [750, 1100, 1500, 1900, 2400],
    "widths": [[26], [42], [68], [96], [46, 32], [38, 22], [50, 34, 18], [27, 27, 27]],
    "wide": [120],
    "act": ["relu", "relu", "relu", "gelu", "leaky", "silu", "tanh", "tanh", "elu", "selu", "softplus", "sigmoid"],
    "channels": [[7], [11], [5, 8], [10, 5], [9, 9], [4, 6, 8]],
    "kernel": [3, 3, 5, 7],
    "down": ["average", "max", "stride"],
    "up": ["transpose", "resize"],
    "conv_code": [True, True, False],
    "cell": ["gru", "lstm", "lstm", "rnn"],
    "cell_width": [13, 17, 22],
    "batch": [14, 28, 36, 50, 72],
    "steps": [230, 320, 420, 520],
    "rates": {"adam": [2.5e-3, 3.5e-3, 7e-3, 9e-3], "adamw": [4e-3, 8e-3], "nadam": [3e-3, 7e-3],
              "adamax": [8e-3, 1.5e-2], "rmsprop": [1.5e-3, 2.5e-3], "nesterov": [0.06, 0.16],
              "momentum": [0.08, 0.25], "sgd": [0.7, 0.9, 1.8]},
    "optimizers": ["adam", "adam", "adam", "adam", "adamw", "nadam", "adamax", "rmsprop", "nesterov", "momentum",
                   "sgd"],
    "losses": ["mse", "mse", "mse", "mse", "huber", "l1"],
    "noise": [["none", 0.0], ["none", 0.0], ["gaussian", 0.12], ["gaussian", 0.22], ["gaussian", 0.45],
              ["masking", 0.1], ["masking", 0.18], ["masking", 0.28], ["salt", 0.06], ["salt", 0.12], ["salt", 0.18]],
    "wide_noise": [["gaussian", 0.55], ["gaussian", 0.65], ["gaussian", 0.85], ["masking", 0.42], ["masking", 0.55]],
    "norm": [None, None, None, None, "layer", "batch"],
    "module": ["functional", "sequential", "encoder_decoder"],
    "noise_style": ["numpy", "torch", "dropout", "bernoulli"],
    "loss_style": ["module", "hand", "function"],
}  # fmt: skip

SEVERITIES = {
    "F01": [4, 8, 25, 80, 400, 5000],
    "F02": [12, 40, 80, 250, 700],
    "F03": [6, 9, 15, 18],
    "F04": [6, 12, 25, 60],
    "F05": [(0.08, 0), (0.04, 0), (0.012, 0), (0.025, 1.5), (0.015, 3), (0.006, 7)],
    "F06": [("small", 1), ("small", 5), ("large", 14), ("large", 25), ("large", 60)],
    "F07": [1],
    "F08": [("sign", 0), ("rolled", 0), ("scale", 0.02), ("scale", 2e-3), ("scale", 1e-5), ("scale", -0.5)],
    "F09": [("normal", 0.02), ("normal", 5e-3), ("normal", 5e-4), ("normal", 3e-5), ("constant", 0.3),
            ("constant", 5e-3)],
    "F10": [6, 15, 25, 50],
    "F11": [2, 11, 14],
    "F12": [(2, 5), (3, 4), (5, 5), (7, 4)],
    "F13": [0.4, 0.9, 2.5, 6, 12],
    "F14": ["sigmoid", "tanh", "relu", "softplus", 6, 30, 200],
    "F15": [(5, 1), (12, 1), (20, 1), (0, 40), (0, 120), (2, 15)],
    "F16": [(15, 0), (60, 0), (300, 0), (5000, 0), (0.005, 0), (1, 7), (1, 40), (25, 150)],
    "F17": [1.3, 2.5, 7, 10, 18],
    "F18": [0.25, 0.08, 0.0],
    "F19": [1, 2],
    "F20": [1, 2, 6],
    "F21": [1, 2],
    "F22": [1],
    "F23": [0.3, 0.7, 1.0],
    "F24": [("noisy_target", 0), ("l2", 2e-3), ("l2", 0.02), ("l2", 0.15),
            ("outliers", (0.04, 12)), ("outliers", (0.08, 35)), ("left_on", 0.45), ("left_on", 0.55)],
    "F25": [10, 25, 50],
    "H2": [8, 20, 50, 120],
    "C01": [("code", 0.4), ("code", 0.8), ("code", 1.0), ("loss", 0)],
    "C02": ["decoder_only", "encoder_only", "recreated", "recreated_first", "frozen", "frozen_first"],
    "C03": [("rolled", 0), ("permuted", 0.3), ("permuted", 0.7), ("previous", 0)],
    "C04": [("mean", 0), ("columns", 0.4), ("columns", 0.15), ("rows", 0.3), ("own", 0)],
    "C05": [1, 2],
    "C06": [0.05, 5e-3, 3e-4, 3e-6, 3e-8],
    "C07": [0.993, 0.97, 0.85, 0.6],
    "C08": [("dropout", 0.5), ("dropout", 0.75), ("dropout", 0.88), ("eval", 0)],
    "C09": [("rows", 5), ("rows", 15), ("rows", 40), ("step", 0)],
    "C10": ["sum", "per_example"],
    "C11": [("never", 0), ("seldom", 12), ("seldom", 30), ("seldom", 80), ("no_backward", 0)],
}  # fmt: skip
