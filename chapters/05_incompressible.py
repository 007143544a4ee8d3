# %% [markdown]
# # Independent numbers cannot be compressed: every code of k lands on the line 1 − k/d
#
# You test an autoencoder on random numbers, because they are at hand. The loss falls a little, and stays. You widen the
# code: it falls a little further. Nothing else changes more than the third digit. The reconstruction is grey.
#
# *Failure modes: F23 · networks: Q3b, Q4a, Q4f · advice: widen the code, redundant columns compress*

# %% [markdown]
# ## Is it yours?
#
# Shuffle every column of your data *by itself* and train again. That keeps each column's values and destroys only what
# ties the columns together. If the loss is no worse, there was nothing to compress, and no network will find it.
#
# Two questions train on noise. One asks why the loss does not decrease (Q3; its second example has a code of 8 numbers,
# and blames the code). The other asks why it cannot reach zero (Q4a; uniform numbers, six layers of 100). An answer
# to that one blames the loss function, and says that independence matters where there is a bottleneck: redundant
# columns can be compressed, independent ones cannot (Q4f). It is so: $d$ independent columns of
# variance $\sigma^2$ leave $(1 - k/d)\,\sigma^2$ of a code of $k$ numbers. Is Q3's code to blame? What holds Q4a up?

# %%
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, evaluate, fit, floors, posted
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float, uniform
from scratchdae.layers import Dense, LeakyReLU, ReLU
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, ORANGE, tiles
from scratchdae.schedules import Geometric

chapter = Chapter.begin("05_incompressible")

D, FACTORS = 24, 4  # columns, and the hidden numbers that the structured ones are mixtures of
WIDTHS = (4, 8) if chapter.quick else (2, 4, 8, 12, 16)  # of the code
N_TRAIN, N_TEST, EPOCHS = (1500, 2000, 8) if chapter.quick else (4000, 2000, 16)
CODE = 20  # of the digits' 196 pixels

SIDE, WIDTH, N_IMAGES = (32, 16, 1000) if chapter.full else (16, 8, 128 if chapter.quick else 400)  # --full: as posted
IMAGE_EPOCHS, IMAGE_LR = (12, 4e-3) if chapter.quick else (10 if chapter.full else 30, 1e-3)
IMAGE_CODES = (8, 32) if chapter.quick else (8, 32, 512)
POSTED_ROWS = 30_000 if chapter.full else 900 if chapter.quick else 5000
POSTED_EPOCHS = 50 if chapter.full else 20 if chapter.quick else 30

# %% [markdown]
# ## The run
#
# **The line.** Columns are scaled to variance 1, so that the loss *is* the fraction of the variance left. Structured
# data are mixtures of 4 hidden uniform numbers. The broken run differs from the repaired one in the data alone.


# %%
def standardised(x):
    """Return x with columns of mean 0 and variance 1."""
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


def shuffled(x, stream):
    """Return the same columns, each shuffled by itself, so that none tells anything about another."""
    return np.random.default_rng([chapter.seed, stream]).permuted(x, axis=0)


def train(layers, x, epochs, lr, batch_size):
    """Train with Adam on the mean squared error; return the network and its losses by epoch."""
    model = Sequential(layers, x.shape[1:], np.random.default_rng([chapter.seed, 1]), dtype=np.float32)
    options = {"epochs": epochs, "lr": lr, "batch_size": batch_size, "optimizer": Adam(), "seed": chapter.seed}
    return model, fit(model, x, **options, backend="auto" if chapter.full else "numpy", progress=False)["loss"]


def left_by(kind, k, x, n_test=N_TEST):
    """Return the trained network with a code of k, linear or deep, and its error on held-out rows."""
    d = x.shape[1]
    layers = [Dense(k), Dense(d)] if kind == "linear" else [Dense(64), ReLU(), Dense(k), Dense(64), ReLU(), Dense(d)]
    decay = Geometric(4e-2 if kind == "linear" and d == D else 5e-3, 3e-4, EPOCHS)
    model, _ = train(layers, x[:-n_test], EPOCHS, decay, 50)
    return model, evaluate(model, x[-n_test:])


rng = np.random.default_rng(chapter.seed)
rows, columns = redundant_columns(N_TRAIN + N_TEST, D, FACTORS, rng)[0], uniform(N_TRAIN + N_TEST, D, rng)
tables = {
    "independent": standardised(columns),
    "structured": standardised(rows),
    "shuffled": shuffled(standardised(rows), 3),
}
both = [(name, kind) for name in tables for kind in ("linear", "deep")]
left = {(name, kind): {k: left_by(kind, k, tables[name])[1] for k in WIDTHS} for name, kind in both}
print("fraction of the variance left on held-out rows, by width of the code")
print(f"{'the line 1 − k/d':<22}", *(f"{floors.independent(k, D, 1.0):7.4f}" for k in WIDTHS))
for (name, kind), values in left.items():
    print(f"{f'{name}, {kind}':<22}", *(f"{value:7.4f}" for value in values.values()))

# %% [markdown]
# **The test for your own data**, on the embedded digits, which a program draws, in 14×14 pixels, with a linear code.

# %%
data = digits()
pixels = to_float(np.concatenate([data.x_train, data.x_test]), np.float32, side=14)
tests = {"digits": pixels, "digits, shuffled": shuffled(pixels, 6)}
trained, digit_loss = {}, {}
for name, x in tests.items():
    trained[name], loss = left_by("linear", CODE, x, len(data.x_test))
    digit_loss[name] = {"loss": loss, "floor": float(floors.pca(x)[CODE]), "constant": floors.constant(x)}
    print(f"{name:<18}", *(f"{key} {value:.5f}" for key, value in digit_loss[name].items()))
own_line = float(np.sort(pixels.var(axis=0, dtype=np.float64))[:-CODE].sum() / 196)  # a code keeps the CODE of most
print(f"independent columns of the same variances: {own_line:.5f}")

# %% [markdown]
# **The convolutional network of Q3**: two convolutions with pooling, a code, and the way back, sigmoid at the end
# (`--full` at the posted 32×32×3, otherwise half of it each way). The images with structure have 8 blocks, each of one
# random grey level from 0 to 255. A pixel of them is distributed *exactly* as a pixel of the noise.

# %%
PIXEL_VARIANCE = (256**2 - 1) / 12 / 255**2  # of a uniform integer from 0 to 255, scaled
rng = np.random.default_rng([chapter.seed, 4])
noise = (rng.integers(0, 256, (2 * N_IMAGES, SIDE, SIDE, 3)) / 255).astype(np.float32)
levels = rng.integers(0, 256, (2 * N_IMAGES, 2, 4)).repeat(SIDE // 2, axis=1).repeat(SIDE // 4, axis=2)
blocks = np.broadcast_to(levels[..., None] / 255, noise.shape).astype(np.float32)
images = {}
for name, x, code in (*(("noise", noise, code) for code in IMAGE_CODES), ("8 blocks", blocks, 32)):
    layers = posted.NETWORKS["q3a"].layers(code=code, side=SIDE, width=WIDTH)
    model, _ = train(layers, x[:N_IMAGES], IMAGE_EPOCHS, IMAGE_LR, 32)
    images[f"{name}, code of {code}"] = evaluate(model, x[N_IMAGES:]) / PIXEL_VARIANCE
print("share of the constant's error:", ", ".join(f"{name} {value:.3f}" for name, value in images.items()))

# %% [markdown]
# **Six layers of 100** (Q4a), as posted, and with one thing changed: without its rectifiers; with LeakyReLU(0.1), whose
# units cannot die; and with *fixed gains*: no unit bends, but half of each layer's, drawn once, pass only a tenth.


# %%
@dataclass(frozen=True)
class Gains:
    """A layer that multiplies every unit by a number of its own, 1 or a tenth, drawn once, and has no bend."""

    seed: int
    init = staticmethod(lambda *_: {})
    output_shape = staticmethod(lambda shape: shape)

    def forward(self, params, x, rng=None):
        del params, rng
        gains = np.random.default_rng([self.seed, 9]).choice(np.array([0.1, 1], x.dtype), x.shape[1])
        return x * gains, gains

    def backward(self, gains, d_output):
        return d_output * gains, {}


def six(between):
    """Return the posted layers with something else between them."""
    dense = [layer for layer in posted.NETWORKS["q4a"].layers() if layer != ReLU()]
    parts = [part for k, layer in enumerate(dense) for part in (layer, between(k) if k < 5 else None)]
    return [part for part in parts if part is not None]


def narrowest(model, x):
    """Return how many units are positive for some row, in the layer where fewest are."""
    return min(int((model.forward(model.params, x, depth=k)[0] > 0).any(axis=0).sum()) for k in range(2, 12, 2))


LINEAR, LEAKY, FIXED = "without ReLU", "LeakyReLU(0.1)", "fixed gains"
BETWEEN = {LINEAR: lambda _: None, "ReLU": lambda _: ReLU(), LEAKY: lambda _: LeakyReLU(0.1), FIXED: Gains}
x = uniform(POSTED_ROWS + 2000, 100, np.random.default_rng([chapter.seed, 5])).astype(np.float32)
x_train, x_test, share, curves, living = x[:-2000], x[-2000:], {}, {}, 100
for name, between in BETWEEN.items():
    model, losses = train(six(between), x_train, POSTED_EPOCHS, 1e-3, 128)
    variance = floors.constant(x_test)
    share[name], curves[name] = evaluate(model, x_test) / variance, losses / variance
    living = narrowest(model, x_test) if name == "ReLU" else living
lag = {name: (value - share[LINEAR]) / (share["ReLU"] - share[LINEAR]) for name, value in share.items()}
for name, value in share.items():
    print(f"six layers, {name:<15} {value:.3f} of the variance left: {lag[name]:.2f} of ReLU's lag")
print(f"ReLU: {living} of 100 units live in the narrowest layer: at least {1 - living / 100:.2f} is left")

# %% [markdown]
# ## The check

# %%
for name in ("independent", "shuffled"):
    for kind, tolerance in (("linear", 0.03), ("deep", 0.06)):
        for k, value in left[name, kind].items():
            ratio = value / floors.independent(k, D, 1.0)
            assert abs(ratio - 1) < tolerance, f"{name}, {kind}, k = {k}: {ratio:.3f} times the line 1 − k/d"
for kind, bound in (("linear", 0.08 if chapter.quick else 0.03), ("deep", 0.02)):
    for k, value in left["structured", kind].items():
        assert k < FACTORS or value < bound, f"structured, {kind}, k = {k}: nothing should be left, found {value:.2e}"
for name, row in digit_loss.items():
    ratio = row["loss"] / row["floor"]
    assert 0.98 < ratio < 1.2, f"{name}: {ratio:.3f} times the floor of a linear code of {CODE}"
ratio = digit_loss["digits, shuffled"]["loss"] / digit_loss["digits"]["loss"]
assert ratio > 2, f"digits can be compressed: shuffled, they must leave more, found {ratio:.2f} times"
ratio = digit_loss["digits, shuffled"]["floor"] / own_line
assert abs(ratio - 1) < 0.06, f"shuffled digits: floor {ratio:.3f} times that of independent columns"
for code in IMAGE_CODES:
    assert abs(images[f"noise, code of {code}"] - 1) < 0.03, f"noise must stay at the constant, found {images}"
assert images["8 blocks, code of 32"] < (0.7 if chapter.quick else 0.2), (
    f"images of 8 blocks must be learnt, found {images}"
)
assert living < 95, f"some rectifiers must be dead in every row, {living} live"
assert share["ReLU"] > 1 - living / 100, f"left {share['ReLU']:.3f}, under the living units' line, {living} live"
assert share[LINEAR] < 0.85 * share["ReLU"], f"without ReLU less must be left, found {share}"
assert lag[LEAKY] > 0.4, f"where no unit can die, a good part of the lag must stay, found {lag}"
assert lag[LEAKY] < 0.95, f"dead units must explain a part of the lag, found {lag}"
assert lag[FIXED] > 0.8 * lag[LEAKY], f"without a bend, gains alone must lag as much, found {lag}"

# %% [markdown]
# ## The figure

# %%
layout = [["pictures", "pictures"], ["line", "six"]]
figure, axes = plt.subplot_mosaic(layout, figsize=(9, 6.4), height_ratios=[1.4, 2.6], layout="constrained")
sheet = [part for name, x in tests.items() for part in (x[-10:], trained[name].predict(x[-10:]))]
tiles(axes["pictures"], np.concatenate(sheet), (14, 14), 10)
coded = f"by a code of {CODE}"
axes["pictures"].set_yticks(6.5 + 15 * np.arange(4), ["digits", coded, "shuffled", coded])
axes["pictures"].set_title("Shuffling each column leaves every pixel its values, and nothing to compress", fontsize=11)
axes["line"].plot([0, D], [1, 0], color="black", linewidth=1)
for (name, kind), values in left.items():
    color, marker = (BLUE, "s") if name == "structured" else (ORANGE, "o" if name == "independent" else "x")
    face = {} if marker == "x" else {"markerfacecolor": "white" if kind == "linear" else color}
    axes["line"].plot(values.keys(), values.values(), marker, color=color, markersize=7, **face)
axes["line"].text(9, 0.68, "independent (o), shuffled (×)", color=ORANGE)
axes["line"].text(10, 0.06, "structured", color=BLUE)
axes["line"].set(xlabel=f"numbers in the code, k (of d = {D})", ylabel="fraction of the variance left")
axes["line"].set(title=f"{D} columns, linear (hollow) and deep codes")
colors = {LINEAR: BLUE, "ReLU": ORANGE, LEAKY: "black", FIXED: "0.5"}
for name, curve in curves.items():
    axes["six"].plot(range(1, POSTED_EPOCHS + 1), curve, "--" if name == FIXED else "-", color=colors[name])
for k, name in enumerate(sorted(curves, key=lambda name: -curves[name][-1])):
    axes["six"].text(POSTED_EPOCHS, 0.97 - 0.08 * k, name, color=colors[name], ha="right")
axes["six"].set(xlabel="epoch", ylabel="fraction of the variance left", ylim=(0, 1.05))
axes["six"].set(title="Q4a: no layer is narrow", xticks=range(0, POSTED_EPOCHS + 1, 5))

# %% [markdown]
# ## The cause
#
# Let the columns be uncorrelated with equal variance: the covariance is $C = \sigma^2 I$. A linear code of $k$ numbers
# and the best read-out reconstruct $P(x - \mu) + \mu$ with a projection $P$ of rank $k$, and
#
# $$ \tfrac1d\, E\,\lVert (I - P)(x - \mu) \rVert^2 = \tfrac1d \operatorname{tr}\,[(I - P)\,C] = \sigma^2\,(1 - k/d). $$
#
# It does not matter *which* projection: there is nothing to find. For structured data $P$ takes the leading
# eigenvectors, and $\tfrac1d\sum_{i>k}\lambda_i$ is left. A network that bends gains a few per cent, as a curve
# through a cube comes nearer to its points than a line. (There *are* exact codes. A number can hold all digits of 24
# others, interleaved. No gradient leads there, and one more digit of noise destroys it.)
#
# **Q3's noise.** A code of 8 is not to blame: one of 32 ends at the same place. For both that *is* the line, to within
# its width. 512 numbers end there too; the line would be lower, but pooling and few epochs do not let the network near.
#
# **Q4a** is slow, and not stopped by independence: without its rectifiers the same network goes on falling towards the
# floor of its last sigmoid, 0.000834. What do they cost? Some units die: they are negative for every row, and
# independent columns have nothing to spare for a narrow layer. But where none can die, with LeakyReLU(0.1), a good
# part of the lag stays: about two thirds of it after 50 epochs of 30,000 rows. That part needs no bend: gains of 1 and
# a tenth, fixed, cost as much or more. All inputs are positive, so many units stay on one side for nearly all rows: a
# layer is nearly linear, with a tenth on some units. Five of them one after another are badly conditioned, and training
# is slow in the weak directions (chapter 19). How much of the lag of *these* units is that, is open.
#
# ## The cure in PyTorch
# The measurement, with a function `train` that trains your network anew and returns its loss on held-out rows:
#
# ```python
# shuffled = torch.stack([column[torch.randperm(len(x))] for column in x.T], dim=1)
# ratio = train(x) / train(shuffled)
# print(f"{ratio:.2f} of what is left without structure")  # near 1: there is nothing to compress
# ```
# If so, there is no repair but other data. Compare with what must be left of independent columns:
# ```python
# variances = x.var(dim=0, correction=0).sort().values
# line = variances[:-code].sum().item() / x.shape[1]  # by a code of so many numbers
# ```
# ## The cure in Keras
# ```python
# shuffled = numpy.random.default_rng(0).permuted(x, axis=0)
# ratio = train(x) / train(shuffled)
# print(f"{ratio:.2f} of what is left without structure")  # near 1: there is nothing to compress
# line = float(numpy.sort(x.var(axis=0))[:-code].sum() / x.shape[1])  # that is left of independent columns
# ```
# ## Exercises
# 1. *Uniform numbers, $d = 100$, code of 32. What is the loss when training is over?*
# 2. *Why is the loss on the training rows a little below the line?* 3. *Shuffle whole rows. What happens?*
# 4. *The columns of your table have very different variances. What now?*
#
# **Answers.** 1. $(1 - 32/100)/12 = 0.0567$. If you see that number, stop training: nothing is wrong.
# 2. The eigenvalues of the sample covariance spread by about $\pm 2\sqrt{d/n}$, and training picks the larger ones
# (chapter 10). 3. Nothing: the rows are a set. 4. A code of $k$ keeps the $k$ largest variances. That is the floor
# of the shuffled digits here.

# %%
print("Where columns are independent, a code of k numbers leaves 1 − k/d of the variance, in any network.")
print("Your own data: shuffle every column by itself and train again. As good? There is nothing to compress.")
numbers = {"digits": {**digit_loss, "independent_columns": own_line}, "convolutional": images}
numbers["fraction_left"] = {f"{name}, {kind}": list(left[name, kind].items()) for name, kind in left}
chapter.finish(figure, numbers | {"six_layers": {"left": share, "lag": lag, "living": living}})
