# %% [markdown]
# # Too much downsampling leaves the edges behind, and only the edges
#
# The reconstructions are right, but coarse: every stroke is a staircase. The loss falls quickly and then stands at a
# value that neither time nor another learning rate nor more filters in the encoder will move. You draw the difference
# between picture and reconstruction, and it is an outline drawing: the inside of every shape is gone, its edges remain.
#
# Poolings are the suspect, and often wrongly. People count them, find the downsampling too aggressive, and take one
# out. This chapter counts something else: the *numbers* that the code has at each place. It computes the loss that a
# grid can reach, shows a network standing on it, and then measures three networks that were said to suffer from it.
#
# *Failure modes: F21 · networks: Q1b, Q2a, Q2b · advice: fewer poolings, more channels, a wider code*

# %% [markdown]
# ## The claim
#
# 1. A network that ends by repeating each of its numbers over a block of $k \times k$ pixels cannot get below the
#    variance *within* the blocks, whatever stands before it. What it leaves has mean 0 in every block: edges.
# 2. One pooling fewer repairs it. So do more numbers at each place of the same grid.
# 3. An answer (to Q2) says that this network may fail from overly aggressive downsampling (Q2a: Conv32, pool, Conv16,
#    pool, ConvT16, up, ConvT32, up, Conv1, sigmoid, on 28×28 images), and that this one improves on it by downsampling
#    less and by a larger bottleneck (Q2b: Conv64, Conv32, pool, ConvT32, up, Conv64, Conv1, sigmoid).
# 4. Another (to Q1): this denoiser for 256×256×3 fails for the 16 units of its code and wants a wider one (Q1b: Conv16,
#    pool, Conv32, pool, Dense16, Dense 128·128, reshape 128×128×1, ConvT32 with stride 2, ConvT16 with stride 2,
#    ConvT3, sigmoid).

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, fit, floors, plots, streams
from scratchdae import posted as networks
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.layers import (
    AveragePool2D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    ReLU,
    Reshape,
    UpSampling2D,
)
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("08_downsampling")

N_TRAIN, N_TEST = 512 if chapter.quick else 1024, 200 if chapter.quick else 500
EPOCHS = 5 if chapter.quick else 4
SEEDS = [chapter.seed + k for k in range(1 if chapter.quick else 3)]
BATCH_SIZE, POSTED_BATCH_SIZE = 16, 4 if chapter.quick else 8
LR, LR_LINEAR, LR_DEEP = 2e-3, 1e-2, 1e-3
CHANNELS = (4,) if chapter.quick else (1, 2, 4, 8, 16)  # numbers at each place of the 7×7 grid
SIDE = 16 if chapter.quick else 256 if chapter.full else 32  # of Q1b's images
N_COLOUR = 160 if chapter.full else 320 if chapter.quick else 600
Q1B_EPOCHS = 4 if chapter.full else 8
UNITS, WIDER = 16, 128
NOISE = 0.1  # standard deviation, of Q1b

# %% [markdown]
# ## The run
#
# ### The grid and nothing else
#
# On the embedded digits, which a program draws. The encoder of the broken network has two convolutions with ReLU and
# two poolings, and could say what it likes. Its code has one number at each of 7×7 places, and the decoder repeats it.
# `one_pooling_fewer` changes the grid to 14×14. `more_channels` keeps the 7×7 grid; every place has C numbers, and each
# of them scales a 4×4 pattern that is learnt.


# %%
def encoder(poolings):
    """Return two convolutions, each followed by a pooling or not, and a code of one number a place."""
    second = [AveragePool2D()] if poolings == 2 else []
    return [Conv2D(8), ReLU(), AveragePool2D(), Conv2D(16), ReLU(), *second, Conv2D(1)]


def two_poolings():
    """Broken: a code of 7 × 7 × 1 numbers, each repeated over 4 × 4 pixels."""
    return [*encoder(2), UpSampling2D(4)]


def one_pooling_fewer():
    """Repaired: 14 × 14 × 1, each repeated over 2 × 2 pixels."""
    return [*encoder(1), UpSampling2D(2)]


def more_channels(channels):
    """Repaired: 7 × 7 × C, each the weight of a pattern of 4 × 4 pixels."""
    return [Conv2D(channels, 4, 4, "valid"), Conv2DTranspose(1, 4, 4, "valid")]


def pictures(x):
    """Return grey levels in [0, 1] as images of one channel."""
    return to_float(x, np.float32).reshape(-1, 28, 28, 1)


def within_blocks(images, k):
    """Return the images with the mean of each k × k block taken out."""
    blocks = images.reshape(len(images), 28 // k, k, 28 // k, k)
    return (blocks - blocks.mean(axis=(2, 4), keepdims=True)).reshape(images.shape)


def patches(images, k):
    """Cut images (N, 28, 28) into blocks, one a row."""
    return images.reshape(-1, 28 // k, k, 28 // k, k).transpose(0, 1, 3, 2, 4).reshape(-1, k * k)


def train(layers, seed, x=None, *, loss="squared_error", lr=LR, epochs=EPOCHS, batch_size=BATCH_SIZE):
    """Train on the embedded digits, and return the network."""
    network = Sequential(layers, (28, 28, 1), streams(seed).initialisation, loss=loss, dtype=np.float32)
    x = x_train if x is None else x
    fit(network, x, epochs=epochs, lr=lr, batch_size=batch_size, optimizer=Adam(), seed=seed, progress=False)
    return network


def residual(network, x):
    """Return reconstruction minus image, (N, 28, 28), in float64."""
    return (network.predict(x).astype(np.float64) - x)[..., 0]


def mean_square(error):
    """Return the mean of the squares."""
    return float(np.mean(error * error))


def share_within(error, k=4):
    """Return the share of a residual's energy that is within blocks, so that no block mean would repair it."""
    return mean_square(within_blocks(error, k)) / mean_square(error)


data = digits()
x_train, x_test = pictures(data.x_train[:N_TRAIN]), pictures(data.x_test[:N_TEST])
images = x_test[..., 0].astype(np.float64)
flat = images.reshape(len(images), -1)
black, constant = mean_square(images), floors.constant(flat)
grid_floor = {k: floors.average_pooling(images, k) for k in (2, 4)}
patch_floor = floors.pca(patches(images, 4))  # best affine code of C numbers a block, C = 0 … 16
code_floor = floors.pca(flat)  # best affine code of the whole image

TWO, FEWER, MORE = "two poolings, 7×7×1", "one pooling fewer, 14×14×1", "more channels, 7×7×4"
grid = {
    TWO: [residual(train(two_poolings(), seed), x_test) for seed in SEEDS],
    FEWER: [residual(train(one_pooling_fewer(), seed), x_test) for seed in SEEDS],
    MORE: [residual(train(more_channels(4), seed, lr=LR_LINEAR), x_test) for seed in SEEDS],
}
by_channels = {C: mean_square(residual(train(more_channels(C), chapter.seed, lr=LR_LINEAR), x_test)) for C in CHANNELS}

floor_of = {TWO: grid_floor[4], FEWER: grid_floor[2], MORE: patch_floor[4]}
print(f"all black {black:.4f}, best constant {constant:.4f}")
for name, results in grid.items():
    print(f"{name:<28} floor {floor_of[name]:.4f}  found", *(f"{mean_square(error):.4f}" for error in results))
for C, error in by_channels.items():
    print(f"7×7×{C:<2} floor {patch_floor[C]:.4f}  found {error:.4f}")

# %% [markdown]
# ### Two measurements that tell it from a narrow code
#
# A code with few units for the *whole* image fails differently. Take the best linear code of $k$ units whose loss is as
# large as that of the broken network. Its residual is wrong about whole regions; the broken network's is not.
#
# And shuffle the pixels: one permutation for all images. A code of units does not care where a pixel stands, and its
# floor stays the same to the last digit. A grid lives on neighbours being alike: its floor rises to nearly the variance
# of all pixels.

# %%
mean = flat.mean(axis=0)
units = int(np.argmax(code_floor < grid_floor[4]))  # the narrowest code that beats the broken network
axes_of_digits = np.linalg.svd(flat - mean, full_matrices=False)[2][:units]
narrow = ((flat - mean) @ axes_of_digits.T @ axes_of_digits + mean - flat).reshape(images.shape)
shares = {TWO: share_within(grid[TWO][0]), "narrow code": share_within(narrow)}

permutation = np.random.default_rng([chapter.seed, 1]).permutation(784)


def shuffle(x):
    """Put the pixels of all images in the same other order."""
    return x.reshape(len(x), -1)[:, permutation].reshape(x.shape)


shuffled = {
    "grid floor": floors.average_pooling(shuffle(images), 4),
    "two poolings": mean_square(residual(train(two_poolings(), chapter.seed, shuffle(x_train)), shuffle(x_test))),
    "narrow code": float(floors.pca(shuffle(images).reshape(len(images), -1))[units]),
}
print(f"share of the residual within blocks: {shares[TWO]:.3f}; of a code of {units} units {shares['narrow code']:.3f}")
print("pixels shuffled:", ", ".join(f"{name} {value:.4f}" for name, value in shuffled.items()))

# %% [markdown]
# ### The networks that were posted
#
# Q2a has 7·7·16 = 784 numbers for 784 pixels. It is trained as posted, then with cross-entropy from the pre-activations
# of its output, the repair of chapter 13, for narrower codes. Q2b has 14·14·32 = 6,272 numbers.


# %%
def q2a(code, poolings=2):
    """Return Q2a with `code` channels; with one pooling its code lies on a 14×14 grid."""
    layers = networks.NETWORKS["q2a"].layers(code)
    return layers if poolings == 2 else layers[:5] + layers[6:8] + layers[9:]


def loss_of(layers, loss, epochs):
    """Train a posted network at Adam's default learning rate, and return its squared error on held-out digits."""
    network = train(layers, chapter.seed, loss=loss, lr=LR_DEEP, epochs=epochs, batch_size=POSTED_BATCH_SIZE)
    return mean_square(residual(network, x_test))


POSTED_EPOCHS = 1 if chapter.quick else 2
posted = {"Q2a as posted, 7×7×16": loss_of(q2a(16), "squared_error", POSTED_EPOCHS)}
from_logits = {(7, 16): loss_of(q2a(16), "cross_entropy", POSTED_EPOCHS)}
if not chapter.quick:
    posted["Q2b as posted, 14×14×32"] = loss_of(networks.NETWORKS["q2b"].layers(), "squared_error", 1)
    from_logits |= {(7, C): loss_of(q2a(C), "cross_entropy", POSTED_EPOCHS) for C in (1, 4)}
    from_logits |= {(14, C): loss_of(q2a(C, 1), "cross_entropy", POSTED_EPOCHS) for C in (1, 4)}
for name, error in posted.items():
    print(f"{name:<28} {error:.4f}")
for (side, C), error in sorted(from_logits.items()):
    print(f"Q2a from logits, {side}×{side}×{C:<2} = {side * side * C:>3} numbers  {error:.4f}")

# %% [markdown]
# ### Q1b, which cannot be trained at all
#
# The library is asked to build it exactly as it was posted.


# %%
def q1b(side, units):
    """Return Q1b for images of a side, with its last stride put right; posted: 256, 16 units and a stride of 2."""
    return networks.NETWORKS["q1b"].layers(units, side, last_stride=1)


def dense_decoder(side, units):
    """Repaired: the encoder and the number of units of Q1b; they are linear, and so is the way to the picture."""
    return [*q1b(side, units)[:8], Dense(side * side * 3), Reshape((side, side, 3))]


def q1b_as_posted():
    """Broken: 128 × 128 doubled twice is 512 × 512, and the target has 256 × 256."""
    return networks.NETWORKS["q1b"].model(chapter.seed, np.float32)


try:
    q1b_as_posted()
    complaint = ""
except ValueError as error:
    complaint = str(error)
print("Q1b as posted:", complaint)

# %% [markdown]
# With one stride put right it can be built. It gets a rival with the same encoder and as many units, whose decoder is
# one dense layer instead of a picture of one channel and three convolutions. Coloured digits stand in for photographs:
# ink and paper have a random colour each. What can 16 units do? The best linear denoiser of rank 16 has a closed form;
# it is computed from the training images and tried on held-out ones.

# %%
rng = np.random.default_rng([chapter.seed, 2])


def coloured(x):
    """Return digits of random ink on random paper, (N, SIDE, SIDE, 3), and noisy copies."""
    grey = np.pad(to_float(x, np.float32).reshape(-1, 28, 28), ((0, 0), (2, 2), (2, 2)))
    if SIDE < 32:
        grey = grey.reshape(-1, SIDE, 32 // SIDE, SIDE, 32 // SIDE).mean(axis=(2, 4))
    grey = grey.repeat(max(1, SIDE // 32), axis=1).repeat(max(1, SIDE // 32), axis=2)[..., None]
    paper = rng.uniform(0, 0.4, (len(x), 1, 1, 3)).astype(np.float32)
    ink = rng.uniform(0.6, 1, (len(x), 1, 1, 3)).astype(np.float32)
    clean = paper + (ink - paper) * grey
    return clean, clean + np.float32(NOISE) * rng.standard_normal(clean.shape, dtype=np.float32)


def components(x):
    """Return mean, eigenvalues and eigenvectors of the covariance, from the N × N matrix of inner products."""
    mu = x.mean(axis=0, dtype=np.float64)
    values, vectors = np.linalg.eigh((x - mu) @ (x - mu).T)
    kept = np.flatnonzero(values > 1e-9 * values.max())[::-1]  # the rest is round-off
    return mu, values[kept] / len(x), (vectors[:, kept] / np.sqrt(values[kept])).T @ (x - mu)


colour_train, colour_noisy = coloured(data.x_train[:N_COLOUR])
colour_test, colour_test_noisy = coloured(data.x_test[: 32 if chapter.full else 200])
mu, eigenvalues, directions = components(colour_train.reshape(N_COLOUR, -1))
n_pixels = directions.shape[1]
rank_floor = floors.wiener(np.append(eigenvalues, np.zeros(n_pixels - len(eigenvalues))), NOISE, UNITS)
gain = (eigenvalues / (eigenvalues + NOISE**2))[:UNITS]
centred = colour_test_noisy.reshape(len(colour_test), -1) - mu
linear = mu + (centred @ directions[:UNITS].T * gain) @ directions[:UNITS]
CONSTANT, RANK = "best constant", f"linear, rank {UNITS}"
colour, denoised = (
    {
        CONSTANT: mean_square(colour_test.reshape(len(colour_test), -1) - mu),
        RANK: mean_square(linear - colour_test.reshape(len(colour_test), -1)),
    },
    {RANK: linear.reshape(colour_test.shape)},
)
candidates = {
    f"Q1b, {UNITS} units": q1b(SIDE, UNITS),
    f"Q1b, {WIDER} units": q1b(SIDE, WIDER),
    f"{UNITS} units, dense decoder": dense_decoder(SIDE, UNITS),
}
for name, layers in ({} if chapter.quick else candidates).items():  # --quick has no time to train them
    network = Sequential(layers, (SIDE, SIDE, 3), streams(chapter.seed).initialisation, dtype=np.float32)
    options = {"epochs": Q1B_EPOCHS, "lr": LR_DEEP, "batch_size": BATCH_SIZE, "optimizer": Adam()}
    fit(network, colour_noisy, colour_train, seed=chapter.seed, progress=False, **options)
    denoised[name] = network.predict(colour_test_noisy)
    colour[name] = mean_square(denoised[name] - colour_test)
print(f"closed form of rank 16 on the training images: {rank_floor:.4f}")
for name, error in colour.items():
    print(f"{name:<20} {error:.4f}")

# %% [markdown]
# ## The check

# %%
for name, results in grid.items():
    for error, seed in zip(results, SEEDS, strict=True):
        ratio = mean_square(error) / floor_of[name]
        assert 1 <= ratio < (1.08 if chapter.quick else 1.04), (
            f"{name}, seed {seed}: must stand on its floor, found {ratio:.4f} of it"
        )
for name in (FEWER, MORE):
    ratio = mean_square(grid[name][0]) / mean_square(grid[TWO][0])
    assert ratio < 0.42, f"{name}: must repair, found {ratio:.3f} of the broken network's error"
assert shares[TWO] > 0.97, f"what a grid leaves must be within its blocks, found {shares[TWO]:.3f}"
assert shares["narrow code"] < 0.8, f"what a narrow code leaves must not be, found {shares['narrow code']:.3f}"
ratio = shuffled["two poolings"] / shuffled["grid floor"]
assert 1 <= ratio < 1.04, f"pixels shuffled: must stand on the new floor, found {ratio:.4f} of it"
assert shuffled["grid floor"] > 1.9 * grid_floor[4], f"shuffling must cost the grid, found {shuffled['grid floor']:.4f}"
assert np.isclose(shuffled["narrow code"], code_floor[units], rtol=1e-9), "shuffling must cost a code of units nothing"

as_posted = posted["Q2a as posted, 7×7×16"]
assert as_posted > 1.5 * constant, f"Q2a as posted must be worse than the best constant, found {as_posted:.4f}"
assert as_posted > 2.5 * grid_floor[4], f"and than the coarsest use of its grid, found {as_posted:.4f}"
assert from_logits[7, 16] < 0.8 * grid_floor[4], f"the same bottleneck from logits: found {from_logits[7, 16]:.4f}"
if not chapter.quick:
    assert from_logits[7, 1] < 0.8 * grid_floor[4], f"a decoder with convolutions must pass it: {from_logits[7, 1]:.4f}"
    assert from_logits[14, 4] < from_logits[7, 16], f"784 numbers on the finer grid must train better: {from_logits}"

assert "found (512, 512, 3)" in complaint, f"Q1b as posted must be refused, found {complaint!r}"
ratio = colour[RANK] / rank_floor
assert 0.95 < ratio < (1.6 if chapter.full else 1.25), (
    f"rank 16 on held-out images: {ratio:.3f} of the closed form on the training images"
)
if not chapter.quick:
    for name in (f"Q1b, {UNITS} units", f"Q1b, {WIDER} units"):
        ratio = colour[name] / colour[RANK]
        assert ratio > 2, f"{name} must be far from what {UNITS} linear units can do, found {ratio:.2f} times its error"
    ratio = colour[f"{UNITS} units, dense decoder"] / colour[f"Q1b, {UNITS} units"]
    bound = 0.95 if chapter.full else 0.8  # at the posted size 40 steps have to do
    assert ratio < bound, f"{UNITS} units with a dense decoder must do better, found {ratio:.2f} of the error"

# %% [markdown]
# ## The figure

# %%
figure = plt.figure(figsize=(17.5, 11.5), layout="constrained")
(curve, eyes, tests), (bars, deep, colours) = figure.subplots(2, 3)

numbers = np.arange(1, 17)
curve.loglog(49 * numbers[:15], patch_floor[1:16], "-", color=GREY, label="7×7×C, closed form")
curve.loglog([49 * C for C in by_channels], list(by_channels.values()), "D", color=BLUE, label="7×7×C, trained")
curve.loglog(np.arange(1, 200), code_floor[1:200], "k:", linewidth=1, label="units for the whole image, closed form")
for k, side, name, color, marker in ((4, 7, TWO, ORANGE, "X"), (2, 14, FEWER, BLUE, "s")):
    curve.axhline(grid_floor[k], color="black", linewidth=0.8)
    curve.text(1, grid_floor[k] * 1.05, f"within-block variance, {k}×{k}")
    curve.loglog([side**2] * len(SEEDS), [mean_square(e) for e in grid[name]], marker, color=color, ms=10, label=name)
curve.set(xlabel="numbers in the code", ylabel="mean squared error, held-out digits", ylim=(3e-4, 0.13))
curve.set_title("A grid stands on its within-block variance;\nmore numbers a place take it down as a finer grid does")
curve.legend(loc="lower left", fontsize=9)

shown = np.array([np.flatnonzero(data.t_test[:N_TEST] == digit)[0] for digit in range(2, 8)])
sheets = {
    "held out": images[shown],
    "two poolings": (images + grid[TWO][0])[shown],
    "what it leaves": 0.5 + grid[TWO][0][shown],
    "what a code of\nfew units leaves": 0.5 + narrow[shown],
    "more channels": (images + grid[MORE][0])[shown],
}
sheet = plots.tile(np.concatenate(list(sheets.values())).reshape(-1, 784), (28, 28), len(shown), gap=0.5)
eyes.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
eyes.set_yticks([29 * (row + 0.5) for row in range(len(sheets))], list(sheets))
eyes.set_title("What downsampling leaves is edges;\na narrow code is wrong about whole strokes")

rows = (
    (f"two poolings, {shares[TWO]:.0%} of its\nresidual within blocks", mean_square(grid[TWO][0]), grid_floor[4]),
    ("two poolings,\npixels shuffled", shuffled["two poolings"], shuffled["grid floor"]),
    (
        f"{units} linear units, {shares['narrow code']:.0%} of\ntheir residual within blocks",
        mean_square(narrow),
        code_floor[units],
    ),
    (f"{units} linear units,\npixels shuffled", shuffled["narrow code"], code_floor[units]),
)
for row, (_, value, floor) in enumerate(rows):
    tests.barh(row, value, color=(ORANGE, GREY)[row > 1], hatch="//" if row % 2 else "", edgecolor="white")
    tests.plot([floor, floor], [row - 0.45, row + 0.45], color="black", linewidth=2)
    tests.text(value + 0.001, row, f"{value:.4f}", va="center")
tests.set_yticks(range(len(rows)), [name for name, _, _ in rows])
tests.invert_yaxis()
tests.set(xlabel="mean squared error (black marks: closed form)", xlim=(0, 0.105))
tests.set_title("Shuffle the pixels, the same way in all images:\na grid pays, a code of units does not")

entries = posted | {f"Q2a from logits, {s}×{s}×{C}": error for (s, C), error in sorted(from_logits.items())}
for row, (name, error) in enumerate(entries.items()):
    broken = name.startswith("Q2a as")
    bars.barh(row, error, color=ORANGE if broken else BLUE, hatch="//" if broken else "", edgecolor="white")
    bars.text(error + 0.001, row, f"{error:.4f}", va="center")
bars.set_yticks(range(len(entries)), list(entries))
for value, name in ((black, "all black "), (constant, "best constant "), (grid_floor[4], "within 4×4 blocks ")):
    bars.axvline(value, color="black", linestyle="--", linewidth=1)
    bars.text(value, -0.55 if value != constant else -0.85, name, ha="right", va="bottom", fontsize=9)
bars.set(xlabel="mean squared error, held-out digits", xlim=(0, 0.13), ylim=(len(entries) - 0.4, -1.3))
bars.set_title(
    "Q2a fails above its best constant: no bottleneck can do that.\nAnother loss, the same code, and it works"
)

for row, (name, error) in enumerate(colour.items()):
    color, hatch = (ORANGE, "//") if name.startswith("Q1b") else (BLUE, "") if "dense" in name else (GREY, "")
    deep.barh(row, error, color=color, hatch=hatch, edgecolor="white")
    deep.text(error + 0.0002, row, f"{error:.4f}", va="center")
deep.axvline(rank_floor, color="black", linestyle="--", linewidth=1)
deep.text(rank_floor, -0.5, f" closed form, rank {UNITS}", ha="left", va="bottom", fontsize=9)
deep.set_yticks(range(len(colour)), list(colour))
deep.set(xlabel="mean squared error, held-out coloured digits", ylim=(len(colour) - 0.4, -1), xlim=(0, 0.036))
deep.set_title(
    f"Q1b with its shape put right, {SIDE}×{SIDE}×3: {UNITS} units can do\n"
    f"far better than it does, and {WIDER} do not help it"
)

rows = {"noisy": colour_test_noisy} | denoised
sheet = np.ones((len(rows) * (SIDE + 1) - 1, 6 * (SIDE + 1) - 1, 3))
for row, pictures_of_row in enumerate(rows.values()):
    for column in range(6):
        top, left = row * (SIDE + 1), column * (SIDE + 1)
        sheet[top : top + SIDE, left : left + SIDE] = pictures_of_row[column].clip(0, 1)
colours.imshow(sheet, interpolation="nearest")
colours.set_yticks([(SIDE + 1) * (row + 0.5) for row in range(len(rows))], list(rows))
colours.set_title("Held-out images: after as many steps\nQ1b has not even found the colours")
for ax in (eyes, colours):
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
for ax in (curve, tests, bars, deep):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **The floor of a grid.** If the last layer repeats the number $c_b$ over block $b$, the error of that block is
# $\sum_{i \in b} (x_i - c_b)^2 = \sum_{i \in b} (x_i - \bar x_b)^2 + k^2 (\bar x_b - c_b)^2$: the mixed term vanishes,
# since $\sum_{i \in b} (x_i - \bar x_b) = 0$. The first part does not depend on the network. The second is 0 at $c_b =
# \bar x_b$, which average pooling says at once. So the floor is the variance within the blocks, however clever the
# encoder, and the residual that is left has mean 0 in each block.
#
# **More numbers a place.** If block $b$ is $p_0 + \sum_{j \le C} c_{bj}\, p_j$ with patterns $p_j$ that all blocks
# share, its $k^2$ pixels lie in an affine space of dimension $C$. The best one is spanned by the first $C$ principal
# components of the patches (Eckart and Young), and the floor is $\frac1{k^2}\sum_{j > C} \lambda_j$. Four constants on
# the quarters of a 4×4 block are one choice of four patterns: so 7×7×4 *cannot* be worse than 14×14×1, which has as
# many numbers. Here its floor is 0.0096 against 0.0150. A coarser grid loses nothing if the channels grow as the places
# shrink.
#
# **Where convolutions follow.** A convolution after the upsampling sees neighbouring places, draws slopes and lines
# across blocks, and the bound does not hold: Q2a with one channel, 49 numbers, reaches 0.0228 on digits, below 0.0407.
#
# **Q2a.** A loss above the best constant, 0.1077 against 0.0616, is not the doing of a bottleneck: the best constant
# needs no code at all. Chapter 13 has the cause. From logits the same 784 numbers give 0.0101.
#
# **What is right about the advice.** Taking a pooling out does help, even from logits and with as many numbers or
# fewer: 14×14×1 reaches 0.0058 after 256 steps, 7×7×16 only 0.0101. It is not that the coarse grid could not hold the
# picture. It must learn first what to do with its channels, and the fine grid is born with the picture in place. Q2b,
# whose code holds eight times as many numbers as the picture, reaches 0.0017 as posted. It does not compress, and
# without noise it need not learn anything but to copy (chapter 02).
#
# **Q1b.** Sixteen linear units take the error of coloured digits from 0.0289 to 0.0090, and the closed form of the
# training images says 0.0085. The posted network stands at 0.0264 after as many steps as the others had, and at 0.0251
# with 128 units. So neither the units nor a wider code is the point. The same encoder with a dense decoder gets to
# 0.0149. At the posted 256×256 (`--full`, 40 steps on 160 pictures) the order is the same and the distances are
# smaller: 0.0271, 0.0265 and 0.0243, where the best constant has 0.0275 and 16 linear units 0.0095. What slows Q1b down
# we have not isolated: the one channel that all colours have to pass suggests itself, but eight in its place did little
# in a trial on 16×16 pictures.

# %% [markdown]
# ## Exercises
#
# 1. *White noise of variance $v$: what is the floor for $k \times k$ blocks? And for a picture that is linear in each
#    block?*
#
#    A block mean takes one of $k^2$ degrees of freedom: $v(1 - 1/k^2)$. That is what shuffling digits nearly gives. For
#    a slope $g$ a pixel in one direction the floor is $g^2 (k^2 - 1)/12$: it grows like $k^2$, and doubling the block
#    costs four times as much until the block is larger than what is drawn.
#
# 2. *Maximum pooling in place of average pooling, with the same decoder. Does the floor change?*
#
#    No. The bound never asked about the encoder. Whether it is *reached* depends on whether the encoder can find the
#    mean; with two convolutions before the pooling it comes within a few per cent.
#
# 3. *You see a residual of outlines. How do you find out in a minute whether the grid is to blame?*
#
#    Compute the within-block variance of the data for the factor of your network, no training needed. If your loss is
#    well above it, something else fails first. If it stands on it, add channels at the coarsest place.
#
# 4. *Why does the library refuse Q1b, when some frameworks only warn, or broadcast?*
#
#    A reconstruction is compared with its input entry by entry. With shapes that differ there is no such comparison;
#    where broadcasting finds one, it compares every pixel with something else, and the loss it reports means nothing.

# %%
chapter.finish(
    figure,
    {
        "all_black": black,
        "best_constant": constant,
        "within_block_variance": {f"{k}x{k}": value for k, value in grid_floor.items()},
        "floor": floor_of,
        "mean_squared_error": {name: [mean_square(error) for error in results] for name, results in grid.items()},
        "by_channels": {C: {"floor": patch_floor[C], "found": error} for C, error in by_channels.items()},
        "share_of_residual_within_blocks": shares,
        "units_of_narrow_code": units,
        "pixels_shuffled": shuffled,
        "posted": posted,
        "q2a_from_logits": {f"{side}x{side}x{C}": error for (side, C), error in from_logits.items()},
        "q1b": {"refused": complaint, "side": SIDE, "closed_form_rank_16": rank_floor, **colour},
    },
)
