# %% [markdown]
# # Too much downsampling leaves the edges behind, and only the edges
#
# The reconstructions are right, but coarse: every stroke is a staircase. The loss falls quickly and then stands, and
# neither time nor another learning rate nor more filters in the encoder will move it.
#
# *Failure modes: F21 · networks: Q1b, Q2a, Q2b · advice: fewer poolings, more channels, a wider code*

# %% [markdown]
# ## Is it yours?
#
# On digits the loss goes to 0.04 in the first epochs and stays there, well below the best constant picture (0.06).
# Draw reconstruction minus picture: it is an outline drawing.
#
# ![Broken beside repaired, and what each leaves](../figures/08_downsampling.png)
#
# **The one measurement.** Let $k$ be what your poolings multiply to: two of 2 make $k = 4$. Take the difference's mean
# over each block of $k \times k$ pixels out of it. If nearly all of its energy is left, the network knows the mean of
# every block and nothing else. And compare the loss with the variance *within* the blocks of your pictures, which needs
# no training. Far above it, something else fails first. (A code that is too narrow, chapter 07, is wrong about means.)
#
# On trial are two answers. One says of Q2a that it may fail from overly aggressive downsampling, and shows Q2b, with
# one pooling fewer, as better. The other blames the 16 units of a denoiser for 256×256×3 (Q1b), and wants a wider code.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, fit, floors, plots, posted, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.layers import AveragePool2D, Conv2D, Conv2DTranspose, Dense, ReLU, Reshape, UpSampling2D
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, ORANGE
from scratchdae.schedules import Geometric

chapter = Chapter.begin("08_downsampling")

N_TRAIN, N_TEST = (512, 200) if chapter.quick else (1024, 500)
FALLING, FALLING_LINEAR = Geometric(5e-3, 5e-4, 6), Geometric(5e-2, 2.5e-3, 12)  # learning rates by epoch
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))
POSTED_EPOCHS, POSTED_BATCH = (1, 4) if chapter.quick else (2, 8)
SIDE = 16 if chapter.quick else 256 if chapter.full else 32  # of Q1b's pictures
N_COLOUR, COLOUR_EPOCHS, COLOUR_BATCH = (160, 4, 16) if chapter.full else (320, 8, 8) if chapter.quick else (600, 8, 16)

# %% [markdown]
# ## The run
#
# The embedded digits, which a program draws. The broken network's code has one number at each of 7×7 places, and the
# decoder repeats it. One repair has a grid of 14×14; the other keeps 7×7 places, with four numbers each.


# %%
def two_poolings():
    """Broken: a code of 7 × 7 × 1 numbers, each repeated over 4 × 4 pixels."""
    return [Conv2D(8), ReLU(), AveragePool2D(), Conv2D(16), ReLU(), AveragePool2D(), Conv2D(1), UpSampling2D(4)]


def one_pooling_fewer():
    """Repaired: 14 × 14 × 1, each repeated over 2 × 2 pixels."""
    return [Conv2D(8), ReLU(), AveragePool2D(), Conv2D(16), ReLU(), Conv2D(1), UpSampling2D(2)]


def more_channels():
    """Repaired: 7 × 7 × 4, each the weight of a pattern of 4 × 4 pixels."""
    return [Conv2D(4, 4, 4, "valid"), Conv2DTranspose(1, 4, 4, "valid")]


def train(layers, x, target, seed, lr, epochs, batch_size=16, loss="squared_error"):
    """Train a network; return it."""
    network = Sequential(layers, x.shape[1:], streams(seed).initialisation, loss=loss, dtype=np.float32)
    options = {"lr": lr, "epochs": epochs, "batch_size": batch_size, "optimizer": Adam(), "seed": seed}
    fit(network, x, target, **options, progress=False)
    return network


def residual(layers, *how, **options):
    """Train on digits; return reconstruction minus picture of the held-out ones, (N, 28, 28)."""
    network = train(layers, x_train, x_train, *how, **options)
    return (network.predict(x_test).astype(np.float64) - x_test)[..., 0]


def share_within(error, k=4):
    """Return the measurement: the share of a residual's energy that is left without the blocks' means."""
    means = error.reshape(len(error), 28 // k, k, 28 // k, k).mean(axis=(2, 4))
    return 1 - np.mean(means**2) / np.mean(error**2)


data = digits()
x_train, x_test = (to_float(x, np.float32).reshape(-1, 28, 28, 1) for x in (data.x_train, data.x_test))
x_train, x_test = x_train[:N_TRAIN], x_test[:N_TEST]
images = x_test[..., 0].astype(np.float64)
flat = images.reshape(len(images), -1)
patches = images.reshape(-1, 7, 4, 7, 4).transpose(0, 1, 3, 2, 4).reshape(-1, 16)
grid_floor = {k: floors.average_pooling(images, k) for k in (2, 4)}
patch_floor = floors.pca(patches)  # of the best affine code of C numbers a block
constant, code_floor = floors.constant(flat), floors.pca(flat)

TWO, FEWER, MORE = "two poolings, 7×7×1", "one pooling fewer, 14×14×1", "more channels, 7×7×4"
broken_and_repaired = {
    TWO: (two_poolings, FALLING, grid_floor[4]),
    FEWER: (one_pooling_fewer, FALLING, grid_floor[2]),
    MORE: (more_channels, FALLING_LINEAR, patch_floor[4]),
}
floor_of = {name: floor for name, (_, _, floor) in broken_and_repaired.items()}
grid = {
    name: [residual(make(), seed, lr, lr.epochs) for seed in SEEDS]
    for name, (make, lr, _) in broken_and_repaired.items()
}
loss = {name: [np.mean(error**2) for error in errors] for name, errors in grid.items()}

units = int(np.argmax(code_floor < grid_floor[4]))  # the narrowest linear code that does better than the broken one
leading = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)[2][:units]
narrow = ((flat - flat.mean(axis=0)) @ (leading.T @ leading - np.eye(784))).reshape(images.shape)
shares = {TWO: share_within(grid[TWO][0]), "narrow code": share_within(narrow)}
print(f"best constant {constant:.4f}")
for name, found in loss.items():
    print(f"{name:<28} floor {floor_of[name]:.4f}  found", *(f"{value:.4f}" for value in found))
print(f"within blocks: {shares[TWO]:.1%} of the residual; of a code of {units} units {shares['narrow code']:.0%}")

# %% [markdown]
# **Q2a and Q2b.** Q2a has 7·7·16 = 784 numbers for 784 pixels. It is trained as posted, then with cross-entropy from
# the pre-activations of its output (the repair of chapter 13); at the default size then so with one pooling fewer and
# as many numbers, and Q2b, with 14·14·32 numbers.

# %%
q2a = posted.NETWORKS["q2a"].layers
runs = {"Q2a as posted, 7×7×16": (q2a(16), "squared_error"), "Q2a from logits, 7×7×16": (q2a(16), "cross_entropy")}
if not chapter.quick:
    finer_grid = [layer for place, layer in enumerate(q2a(4)) if place not in (5, 8)]  # a pooling and an upsampling
    runs["Q2a from logits, 7×7×1"] = (q2a(1), "cross_entropy")
    runs["Q2a from logits, 14×14×4"] = (finer_grid, "cross_entropy")
    runs["Q2b as posted, 14×14×32"] = (posted.NETWORKS["q2b"].layers(), "squared_error")
of_posted = {
    name: np.mean(residual(layers, chapter.seed, 1e-3, POSTED_EPOCHS, batch_size=POSTED_BATCH, loss=of) ** 2)
    for name, (layers, of) in runs.items()
}
print("\n".join(f"{name:<28} {error:.4f}" for name, error in of_posted.items()))

# %% [markdown]
# **Q1b** is asked for as it was posted: 128×128 doubled twice is 512×512, and the target has 256×256. With its last
# stride put right it can be built. It gets a rival with the same encoder and as many units, whose decoder is one dense
# layer. Coloured digits with noise stand in for photographs: ink and paper have a random colour each.

# %%
complaint = ""
try:
    posted.NETWORKS["q1b"].model(chapter.seed, np.float32)
except ValueError as refusal:
    complaint = str(refusal)
rng = np.random.default_rng([chapter.seed, 2])


def coloured(x):
    """Return digits of random ink on random paper, (N, SIDE, SIDE, 3), and noisy copies."""
    grey = np.pad(to_float(x, np.float32).reshape(-1, 28, 28), ((0, 0), (2, 2), (2, 2)))
    grey = grey[:, :: max(1, 32 // SIDE), :: max(1, 32 // SIDE)]
    grey = np.kron(grey, np.ones((1, SIDE // grey.shape[1], SIDE // grey.shape[1]), np.float32))[..., None]
    paper, ink = rng.uniform(0, 0.4, (len(x), 1, 1, 3)), rng.uniform(0.6, 1, (len(x), 1, 1, 3))
    clean = (paper + (ink - paper) * grey).astype(np.float32)
    return clean, clean + np.float32(0.1) * rng.standard_normal(clean.shape, dtype=np.float32)


clean, noisy = coloured(data.x_train[:N_COLOUR])
new_clean, new_noisy = coloured(data.x_test[: 32 if chapter.full else 200])
networks = {f"Q1b, {n} units": posted.NETWORKS["q1b"].layers(n, SIDE, last_stride=1) for n in (16, 128)}
networks["16 units, dense decoder"] = [*networks["Q1b, 16 units"][:8], Dense(SIDE**2 * 3), Reshape((SIDE, SIDE, 3))]
colour = {"best constant": np.mean((new_clean - clean.mean(axis=0)) ** 2)}
for name, layers in networks.items():
    network = train(layers, noisy, clean, chapter.seed, 1e-3, COLOUR_EPOCHS, COLOUR_BATCH)
    colour[name] = np.mean((network.predict(new_noisy) - new_clean) ** 2, dtype=np.float64)
print("Q1b as posted:", complaint, *(f"{name:<28} {error:.4f}" for name, error in colour.items()), sep="\n")

# %% [markdown]
# ## The check

# %%
for name, found in loss.items():
    for value, seed in zip(found, SEEDS, strict=True):
        ratio = value / floor_of[name]
        assert 1 <= ratio < 1.1, f"{name}, seed {seed}: must stand on its floor, found {ratio:.4f} of it"
for name in (FEWER, MORE):
    ratio = loss[name][0] / loss[TWO][0]
    assert ratio < 0.42, f"{name}: must repair, found {ratio:.3f} of the broken network's error"
assert shares[TWO] > 0.97, f"what a grid leaves must be within its blocks, found {shares[TWO]:.3f}"
assert shares["narrow code"] < 0.8, f"what a narrow code leaves must not be, found {shares['narrow code']:.3f}"

as_posted, repaired = (of_posted[f"Q2a {how}, 7×7×16"] for how in ("as posted", "from logits"))
assert as_posted > 1.5 * constant, f"Q2a as posted must be worse than the best constant, found {as_posted:.4f}"
assert repaired < 0.8 * grid_floor[4], f"the same bottleneck must do from logits, found {repaired:.4f}"
if not chapter.quick:
    one, finer = of_posted["Q2a from logits, 7×7×1"], of_posted["Q2a from logits, 14×14×4"]
    assert one < 0.8 * grid_floor[4], f"a decoder with convolutions must pass the grid's floor, found {one:.4f}"
    assert finer < 0.6 * repaired, f"as many numbers on the finer grid must train better, found {finer:.4f}"
    assert of_posted["Q2b as posted, 14×14×32"] < finer, f"Q2b must be the best of them, found {of_posted}"

assert "found (512, 512, 3)" in complaint, f"Q1b as posted must be refused, found {complaint!r}"
ratio = colour["16 units, dense decoder"] / min(colour["Q1b, 16 units"], colour["Q1b, 128 units"])
bound = 0.95 if chapter.full else 0.8  # at the posted size 40 steps have to do
assert ratio < bound, f"16 units with a dense decoder must do better than both, found {ratio:.2f} of the error"

# %% [markdown]
# ## The figure

# %%
figure, (eyes, curve) = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained", width_ratios=(1, 1.25))
shown = np.array([np.flatnonzero(data.t_test[:N_TEST] == digit)[0] for digit in range(2, 7)])
sheets = [images, images + grid[TWO][0], 0.5 + grid[TWO][0], images + grid[FEWER][0], 0.5 + grid[FEWER][0]]
plots.tiles(eyes, np.concatenate([sheet[shown] for sheet in sheets]).reshape(-1, 784), (28, 28), len(shown))
labels = ["picture", "broken:\ntwo poolings", "what it\nleaves", "repaired:\none fewer", "what it\nleaves"]
eyes.set_yticks([29 * row + 14 for row in range(5)], labels)
eyes.tick_params(length=0)
eyes.set_title(f"{shares[TWO]:.0%} of what two poolings leave\nis edges within the blocks")

curve.loglog(49 * np.arange(1, 16), patch_floor[1:16], "-", color=BLUE)
curve.text(330, 0.0022, "floor of\n7×7×C", color=BLUE, ha="right", va="top")
for level, name in ((grid_floor[4], "within 4×4"), (grid_floor[2], "within 2×2"), (constant, "best constant")):
    plots.floor_line(curve, level)
    curve.text(16, level * 1.03, name)
for x, y, name, marker in (
    (49, loss[TWO][0], "two poolings", "X"),
    (196, loss[FEWER][0], "one fewer", "s"),
    (196, loss[MORE][0], "more channels", "D"),
    (784, as_posted, "Q2a as posted", "X"),
    (784, repaired, "Q2a from logits", "P"),
):
    curve.plot(x, y, marker, color=ORANGE if marker == "X" else BLUE, markersize=9)
    curve.text(x * (1.15 if marker == "s" else 0.9), y * 0.9, name, ha="left" if marker == "s" else "right", va="top")
curve.set(xlim=(15, 1100), ylim=(5e-4, 0.16), xlabel="numbers in the code", ylabel="squared error, held-out digits")
plots.logarithmic(curve, "x", (49, 98, 196, 392, 784))
curve.set_title("A grid stands on its floor. More numbers at\neach place take it down as a finer grid does")
curve.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **The floor of a grid.** If the last layer repeats the number $c_b$ over block $b$, the error of that block is
# $\sum_{i \in b} (x_i - c_b)^2 = \sum_{i \in b} (x_i - \bar x_b)^2 + k^2 (\bar x_b - c_b)^2$: the mixed term vanishes,
# since $\sum_{i \in b} (x_i - \bar x_b) = 0$. The first part does not depend on the network. The second is 0 at $c_b =
# \bar x_b$. So the floor is the variance within the blocks, however clever the encoder.
#
# **More numbers at each place.** If block $b$ is $p_0 + \sum_{j \le C} c_{bj}\, p_j$ with patterns $p_j$ that all
# blocks share, its $k^2$ pixels lie in an affine space of dimension $C$. The best one is spanned by the first $C$
# principal components of the patches, and the floor is $\frac1{k^2}\sum_{j > C} \lambda_j$. Four constants on the
# quarters of a 4×4 block are one choice of four patterns: so 7×7×4 *cannot* be worse than 14×14×1. Where convolutions
# follow the upsampling they draw lines across blocks, and the bound does not hold: Q2a with 49 numbers passes it.
#
# **Q2a and Q2b.** A loss above the best constant is not the doing of a bottleneck: the constant needs no code at all.
# Chapter 13 has the cause. With that repaired, taking a pooling out does help, with as many numbers as before: the
# coarse grid must learn first what to do with its channels. Q2b does best, with eight times as many numbers as the
# picture has. It does not compress, and may learn nothing but to copy (chapter 02).
#
# **Q1b** stays near the best constant after as many steps as its rival has, with 128 units as with 16: the width of the
# code is not the point. At the posted 256×256 (`--full`, 40 steps) the order is the same. What slows it down we have
# not isolated: the one channel that all colours pass suggests itself, but eight did little in a trial.

# %% [markdown]
# ## The cure in PyTorch
#
# `x` is a batch of pictures (N, 1, H, W), `k` the product of the poolings. The repair puts four numbers at each place
# and a pattern for each in place of the last two layers, `Conv2d(16, 1, 3, padding=1)` and `Upsample(scale_factor=4)`.
# (Or leave out a pooling, and upsample by 2.) Train it again.
#
# ```python
# left = (model(x) - x).detach()
# share = 1 - torch.nn.functional.avg_pool2d(left, k).square().mean() / left.square().mean()  # near 1: edges only
# floor = x.square().mean() - torch.nn.functional.avg_pool2d(x, k).square().mean()  # and the loss stands on this
#
# several = [torch.nn.Conv2d(16, 4, 3, padding=1), torch.nn.ConvTranspose2d(4, 1, k, stride=k)]
# model = torch.nn.Sequential(*list(model)[:-2], *several)
# ```

# %% [markdown]
# ## The cure in Keras
#
# ```python
# left, means = model.predict(x, verbose=0) - x, keras.layers.AveragePooling2D(k)  # x: (N, H, W, 1)
# share = 1 - np.mean(means(left) ** 2) / np.mean(left**2)  # near 1: edges only
# floor = np.mean(x**2) - np.mean(means(x) ** 2)  # and the loss stands on this
#
# several = [keras.layers.Conv2D(4, 3, padding="same"), keras.layers.Conv2DTranspose(1, k, strides=k)]
# model = keras.Sequential([*model.layers[:-2], *several])  # then compile and fit again
# ```

# %% [markdown]
# ## Exercises
#
# 1. White noise of variance $v$: what is the floor for $k \times k$ blocks? And for a slope of $g$ per pixel?
# 2. Shuffle the pixels, the same way in all pictures. What happens to a grid, what to a code of a few units?
# *Answers.*
# 1. A block mean takes one of $k^2$ degrees of freedom: $v(1 - 1/k^2)$. For a slope it is $g^2 (k^2 - 1)/12$.
# 2. A grid lives on neighbours being alike: its floor rises to about twice what it was. A code of units does not care
#    where a pixel stands: its floor stays the same to the last digit.

# %%
found = {"best_constant": constant, "floor": floor_of, "mean_squared_error": loss, "posted": of_posted}
found["share_of_residual_within_blocks"] = shares | {"units_of_narrow_code": units}
chapter.finish(figure, found | {"q1b": {"refused": complaint, "side": SIDE, **colour}})
print("Too few numbers at each place of the grid leave the edges: the loss stands on the variance within the blocks.")
print("Take the blocks' means out of your residual. If nearly all is left: more channels there, or a pooling fewer.")
