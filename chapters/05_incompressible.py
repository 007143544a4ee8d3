# %% [markdown]
# # Independent numbers cannot be compressed: every code of k lands on the line 1 − k/d
#
# You test an autoencoder on random numbers, because random numbers are at hand. The loss starts at 0.083, falls a
# little, and stays. You widen the code: it falls a little further and stays there. You change the learning rate, the
# optimizer, the depth; nothing changes but the third digit. The reconstruction is grey, for every input.
#
# *Failure modes: F23 · networks: Q3b, Q4a, Q4f · advice: widen the code, redundant columns compress*

# %% [markdown]
# ## The claim
#
# Two questions train on noise: one why the loss does not decrease (Q3; random integers from 0 to 255, a convolutional
# network with a code of 8 or 32 numbers, both of its answer), the other why it cannot reach zero (Q4a; uniform numbers,
# six layers of 100). The latter's answer blames a loss that does not suit the data, says that no bottleneck is there,
# and that behind one independent columns cannot be compressed and redundant ones can. On trial:
#
# 1. for $d$ independent columns of variance $\sigma^2$ a code of $k$ numbers leaves $(1 - k/d)\,\sigma^2$, and deep
#    networks do hardly better than linear ones;
# 2. with structure the same network leaves nothing; *shuffle every column by itself*, which keeps each column's values
#    and destroys only what ties them together, and it is back on the line;
# 3. on noise, codes of 8, 32 and 512 all end at the constant;
# 4. what keeps uniform numbers above zero in six layers of 100. Nothing there is narrower than the data, unless
#    something has made it so.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, evaluate, fit, floors, posted
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float, uniform
from scratchdae.layers import Conv2D, Conv2DTranspose, Dense, Flatten, MaxPool2D, ReLU, Reshape, Sigmoid, UpSampling2D
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.schedules import Geometric

chapter = Chapter.begin("05_incompressible")

D, FACTORS = 24, 4  # columns, and the hidden numbers that the structured ones are mixtures of
WIDTHS = (4, 8) if chapter.quick else (2, 4, 8, 12, 16)  # of the code
N_TRAIN, N_TEST = (1500, 2000) if chapter.quick else (4000, 2000)
EPOCHS = 8 if chapter.quick else 16
REPEATED = 4  # the width of the code that is run with three seeds

SIDE = 32 if chapter.full else 16  # of the images; --full has the size that was posted
FILTERS = (32, 16) if chapter.full else (8, 8) if chapter.quick else (16, 8)
N_IMAGES = 1000 if chapter.full else 128 if chapter.quick else 400
IMAGE_EPOCHS = 10 if chapter.full else 12 if chapter.quick else 30
NOISE_CODES = (8, 512) if chapter.quick else (8, 32, 512)
IMAGE_LR = 4e-3 if chapter.quick else 1e-3

POSTED_ROWS = 30_000 if chapter.full else 900 if chapter.quick else 5000
POSTED_EPOCHS = 500 if chapter.full else 20 if chapter.quick else 30

# %% [markdown]
# ## The run
#
# **The line.** Columns are scaled to variance 1, so that the loss *is* the fraction of the variance left. Structured
# data are mixtures of 4 hidden uniform numbers. The broken run differs from the repaired one in the data alone: each
# column is shuffled by itself.


# %%
def structured(rng):
    """Repaired: 24 columns that are mixtures of 4 hidden numbers."""
    return standardised(redundant_columns(N_TRAIN + N_TEST, D, FACTORS, rng)[0])


def without_structure(x, rng):
    """Broken: the same columns, each shuffled by itself, so that none tells anything about another."""
    return rng.permuted(x, axis=0)


def standardised(x):
    """Return x with columns of mean 0 and variance 1."""
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


def linear(k):
    """Return the layers of a linear autoencoder with a code of k."""
    return [Dense(k), Dense(D)]


def deep(k):
    """Return the layers of an autoencoder with a hidden ReLU layer on either side of its code."""
    return [Dense(64), ReLU(), Dense(k), Dense(64), ReLU(), Dense(D)]


def train(layers, x, seed, epochs, lr, batch_size):
    """Train with Adam on the mean squared error; return the network and its history."""
    model = Sequential(layers, x.shape[1:], np.random.default_rng([seed, 1]), dtype=np.float32)
    options = {"epochs": epochs, "lr": lr, "batch_size": batch_size, "optimizer": Adam(), "seed": seed}
    return model, fit(model, x, **options, backend="auto" if chapter.full else "numpy", progress=False)


def left_by(layers, x, seed):
    """Return the mean squared error on held-out rows."""
    lr = 5e-3 if len(layers) > 2 else 4e-2
    model, _ = train(layers, x[:N_TRAIN], seed, EPOCHS, Geometric(lr, 3e-4, EPOCHS), 50)
    return evaluate(model, x[N_TRAIN:])


rng = np.random.default_rng(chapter.seed)
rows = structured(rng)
tables = {
    "independent": standardised(uniform(N_TRAIN + N_TEST, D, rng)),
    "structured": rows,
    "structured, then shuffled": without_structure(rows, rng),
}
left = {
    name: {
        "linear": {k: left_by(linear(k), x, chapter.seed) for k in WIDTHS},
        "deep": {k: left_by(deep(k), x, chapter.seed) for k in WIDTHS},
    }
    for name, x in tables.items()
}
repeats = []
for seed in range(chapter.seed, chapter.seed + 3):
    rows = structured(np.random.default_rng([seed, 2]))
    shuffled = without_structure(rows, np.random.default_rng([seed, 3]))
    repeats.append({"broken": left_by(deep(REPEATED), shuffled, seed), "repaired": left_by(deep(REPEATED), rows, seed)})

print("fraction of the variance left on held-out rows, by width of the code")
print(f"{'the line 1 − k/d':<36}", *(f"{floors.independent(k, D, 1.0):7.4f}" for k in WIDTHS))
for name, row in left.items():
    for kind, values in row.items():
        print(f"{f'{name}, {kind}':<36}", *(f"{value:7.4f}" for value in values.values()))
print(f"a code of {REPEATED}, three seeds:", *(f"{r['broken']:.4f} → {r['repaired']:.5f}" for r in repeats))

# %% [markdown]
# **The convolutional network of the question**: two convolutions with pooling, a code, and the way back, sigmoid at the
# end (`--full` at the posted 32×32×3, otherwise half of it each way). The images with structure have 8 blocks, each of
# one random grey level from 0 to 255. A pixel of them is distributed *exactly* as a pixel of the noise.


# %%
def posted_convolutional(code):
    """Return the layers of the question's network, for images scaled to [0, 1]."""
    first, second = FILTERS
    quarter = SIDE // 4
    encoder = [Conv2D(first), ReLU(), MaxPool2D(), Conv2D(second), ReLU(), MaxPool2D(), Flatten(), Dense(code), ReLU()]
    decoder = [Dense(quarter * quarter * second), ReLU(), Reshape((quarter, quarter, second))]
    decoder += [Conv2DTranspose(second), ReLU(), UpSampling2D(), Conv2DTranspose(first), ReLU(), UpSampling2D()]
    return [*encoder, *decoder, Conv2DTranspose(3), Sigmoid()]


def blocks(n, rng):
    """Draw images of 2 × 4 blocks, each of one grey level: 8 numbers an image."""
    levels = rng.integers(0, 256, (n, 2, 4)).repeat(SIDE // 2, axis=1).repeat(SIDE // 4, axis=2)
    return np.broadcast_to(levels[..., None] / 255, (n, SIDE, SIDE, 3)).astype(np.float32)


def noise(n, rng):
    """Draw images of independent pixels, random integers from 0 to 255, scaled."""
    return (rng.integers(0, 256, (n, SIDE, SIDE, 3)) / 255).astype(np.float32)


PIXEL_VARIANCE = (256**2 - 1) / 12 / 255**2  # of a uniform integer from 0 to 255, scaled
rng = np.random.default_rng([chapter.seed, 4])
pictures = {"noise": noise(2 * N_IMAGES, rng), "8 blocks": blocks(2 * N_IMAGES, rng)}
image_loss, image_curves, living_code = {}, {}, {}
for name, code in (*(("noise", code) for code in NOISE_CODES), ("8 blocks", 8), ("8 blocks", 32)):
    x = pictures[name]
    model, history = train(posted_convolutional(code), x[:N_IMAGES], chapter.seed, IMAGE_EPOCHS, IMAGE_LR, 32)
    key = f"{name}, code of {code}"
    image_loss[key], image_curves[key] = evaluate(model, x[N_IMAGES:]), history["loss"]
    y, _ = model.forward(model.params, x[N_IMAGES:], depth=9)  # what comes out of the ReLU of the code
    living_code[key] = int((y > 0).any(axis=0).sum())
    line = floors.independent(min(code, x[0].size), x[0].size, PIXEL_VARIANCE) if name == "noise" else 0.0
    print(f"{key:<22} {image_loss[key]:.5f}   constant {PIXEL_VARIANCE:.5f}   best linear {line:.5f}")

# %% [markdown]
# **Six layers of 100.** The rows are uniform, or mixtures of 10 hidden numbers, or the same mixtures shuffled. Two
# variants: as posted, and the same without its ReLUs. A hidden unit *lives* if it is positive for some held-out row.


# %%
def posted_six(relu):
    """Return six dense layers of 100 with a sigmoid at the end, with ReLUs between them as posted or without."""
    return [layer for layer in posted.NETWORKS["q4a"].layers() if relu or layer != ReLU()]


def sigmoid_floor():
    """Return the least mean squared error of σ(w (x − ½)) for x uniform on [0, 1]: what the last layer costs."""
    x = (np.arange(2000) + 0.5) / 2000
    return min(float(np.mean((1 / (1 + np.exp(-w * (x - 0.5))) - x) ** 2)) for w in np.linspace(3, 7, 401))


def narrowest(model, x):
    """Return how many units live in the layer where fewest do."""
    outputs = (model.forward(model.params, x, depth=depth)[0] for depth in range(2, 12, 2))
    return min(int((y > 0).any(axis=0).sum()) for y in outputs)


rng = np.random.default_rng([chapter.seed, 5])
mixtures = redundant_columns(POSTED_ROWS + 2000, 100, 10, rng)[0].astype(np.float32)
wide_tables = {
    "uniform": uniform(POSTED_ROWS + 2000, 100, rng).astype(np.float32),
    "10 factors": mixtures,
    "10 factors, shuffled": without_structure(mixtures, rng),
}
six, six_curves = {}, {}
for name, relu in (("uniform", True), ("uniform", False), ("10 factors", True), ("10 factors, shuffled", True)):
    x_train, x_test = np.split(wide_tables[name], [POSTED_ROWS])
    model, history = train(posted_six(relu), x_train, chapter.seed, POSTED_EPOCHS, 1e-3, 128)
    variance = floors.constant(x_test)
    key = name if relu else f"{name}, without ReLU"
    living = narrowest(model, x_test) if relu else 100
    smallest = np.sort(x_test.var(axis=0, dtype=np.float64))[: 100 - living]  # what independent columns would lose
    six[key] = {
        "loss": evaluate(model, x_test),
        "variance": variance,
        "fraction_left": evaluate(model, x_test) / variance,
        "narrowest_layer_living": living,
        "line": float(smallest.sum() / 100 / variance),
    }
    six_curves[key] = history["loss"] / variance
    print(
        f"{key:<22} loss {six[key]['loss']:.5f}, {six[key]['fraction_left']:7.2%} of the variance, "
        f"narrowest layer {living}: line {six[key]['line']:.1%}"
    )
print(f"floor of a last sigmoid {sigmoid_floor():.3e}")

# %% [markdown]
# **The test for your own data**: shuffle every column, train again. Here on the embedded digits, which a program draws,
# in 14×14 pixels, with a linear code.

# %%
CODE = 20
data = digits()
pixels = to_float(np.concatenate([data.x_train, data.x_test]), np.float32)
pixels = pixels.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
n_test = len(data.x_test)
shuffled_pixels = without_structure(pixels, np.random.default_rng([chapter.seed, 6]))
digit_loss = {}
for name, x in (("digits", pixels), ("digits, shuffled", shuffled_pixels)):
    layers, decay = [Dense(CODE), Dense(196)], Geometric(5e-3, 2e-4, EPOCHS)
    model, _ = train(layers, x[:-n_test], chapter.seed, EPOCHS, decay, 50)
    digit_loss[name] = {
        "loss": evaluate(model, x[-n_test:]),
        "floor": float(floors.pca(x)[CODE]),
        "constant": floors.constant(x),
    }
    print(f"{name:<18}", *(f"{key} {value:.5f}" for key, value in digit_loss[name].items()))
column_variances = np.sort(pixels.var(axis=0, dtype=np.float64))
own_line = float(column_variances[:-CODE].sum() / 196)  # independent columns: a code keeps the CODE of most variance
print(f"independent columns of the same variances: {own_line:.5f}")

# %% [markdown]
# ## The check

# %%
for name in ("independent", "structured, then shuffled"):
    for kind, tolerance in (("linear", 0.03), ("deep", 0.06)):
        for k, value in left[name][kind].items():
            ratio = value / floors.independent(k, D, 1.0)
            assert abs(ratio - 1) < tolerance, f"{name}, {kind}, k = {k}: {ratio:.3f} times the line 1 − k/d"
for kind, bound in (("linear", 0.03), ("deep", 0.01)):
    for k in (k for k in WIDTHS if k >= FACTORS):
        value = left["structured"][kind][k]
        assert value < bound, f"structured, {kind}, k = {k}: nothing should be left, found {value:.2e} of the variance"
for offset, row in enumerate(repeats):
    assert row["broken"] > 0.5, f"seed + {offset}: shuffled must leave over half of the variance, found {row['broken']}"
    ratio = row["repaired"] / row["broken"]
    assert ratio < 0.02, f"seed + {offset}: structure must leave under 2 % of what shuffled columns do, found {ratio}"

for code in NOISE_CODES:
    ratio = image_loss[f"noise, code of {code}"] / PIXEL_VARIANCE
    assert abs(ratio - 1) < 0.03, f"noise, code of {code}: {ratio:.4f} times the constant predictor's error"
ratio = image_loss["8 blocks, code of 32"] / image_loss["noise, code of 8"]
assert ratio < 0.4, f"the same network must learn images of 8 blocks, found {ratio:.3f} of what noise leaves"

for name in ("uniform", "10 factors, shuffled"):
    row = six[name]
    line = row["line"]
    assert row["narrowest_layer_living"] < 95, f"{name}: some units must be dead in every row, found {row}"
    assert row["fraction_left"] > line, (
        f"{name}: {row['fraction_left']:.3f} left, under the living units' line {line:.3f}"
    )
ratio = six["uniform, without ReLU"]["loss"] / six["uniform"]["loss"]
assert ratio < 0.85, f"without ReLU the same data must leave less, found {ratio:.3f} of it"
ratio = six["10 factors"]["fraction_left"] / six["10 factors, shuffled"]["fraction_left"]
assert ratio < 0.35, f"redundant columns must pass the same layers, found {ratio:.3f} of what is left of shuffled ones"

for name, row in digit_loss.items():
    ratio = row["loss"] / row["floor"]
    assert 0.98 < ratio < 1.2, f"{name}: {ratio:.3f} times the floor of a linear code of {CODE}"
ratio = digit_loss["digits, shuffled"]["floor"] / own_line
assert abs(ratio - 1) < 0.06, f"shuffled digits: floor {ratio:.3f} times that of independent columns"

# %% [markdown]
# ## The figure

# %%
figure, ((ax, own), (conv, wide)) = plt.subplots(2, 2, figsize=(14.5, 11), layout="constrained")
figure.suptitle("What is independent stays on the line, however it is coded; structure leaves it", fontsize=15)

ax.plot([0, D], [1, 0], color="black", linewidth=1.2, label="the line 1 − k/d")
for name, color, marker in (
    ("independent", ORANGE, "o"),
    ("structured, then shuffled", ORANGE, "x"),
    ("structured", BLUE, "s"),
):
    for kind, size in (("linear", 9), ("deep", 5)):
        filled = {} if marker == "x" else {"markerfacecolor": "white" if kind == "linear" else color}
        values = left[name][kind]
        label = f"{name}, {kind}"
        ax.plot(list(values), list(values.values()), marker, color=color, markersize=size, label=label, **filled)
ax.set(
    xlabel="numbers in the code, k (of d = 24)", ylabel="fraction of the variance left, held-out", ylim=(-0.03, 1.03)
)
ax.set_title("24 columns: shuffling each column by itself\nputs the structured data back on the line")
ax.legend(fontsize=9)

labels = ("digits", "digits, shuffled")
for row, name in enumerate(labels):
    share = digit_loss[name]["loss"] / digit_loss[name]["constant"]
    color, hatch = (BLUE, "") if row == 0 else (ORANGE, "//")
    own.barh(row, share, 0.5, color=color, hatch=hatch, edgecolor="white")
    own.text(share + 0.01, row, f"{share:.3f}", va="center")
    line = (
        digit_loss[name]["floor"] / digit_loss[name]["constant"] if row == 0 else own_line / pixels.var(axis=0).mean()
    )
    own.plot([line, line], [row - 0.36, row + 0.36], color="black", linewidth=2)
    text = "trailing eigenvalues" if row == 0 else "the line, for columns of these variances"
    own.text(line, row - 0.38, f"floor: {text}", ha="left" if row == 0 else "right", va="bottom")
own.set_yticks(range(2), labels)
own.set(xlabel=f"fraction of the variance left by a code of {CODE} (of 196 pixels)", xlim=(0, 1), ylim=(1.6, -0.7))
own.set_title("The test for your own data: shuffle every column, train again.\nNo difference means nothing to compress")

styles = {8: "-", 32: "--", 512: ":"}
for key, curve in image_curves.items():
    name, code = key.split(", code of ")
    color, marker = (ORANGE, "o") if name == "noise" else (BLUE, "s")
    epochs = range(1, len(curve) + 1)
    conv.plot(epochs, curve, styles[int(code)], color=color, marker=marker, markersize=3, label=key)
conv.axhline(PIXEL_VARIANCE, color="black", linewidth=1.2)
conv.text(1, PIXEL_VARIANCE + 0.0012, "the constant predictor: 0.0840", va="bottom")
dead = 8 - living_code["8 blocks, code of 8"]
conv.axhline(dead / 8 * PIXEL_VARIANCE, color=BLUE, linewidth=1)
text = f"{dead} of 8 code units dead: {dead}/8 of the variance"
conv.text(IMAGE_EPOCHS, dead / 8 * PIXEL_VARIANCE - 0.0025, text, color=BLUE, ha="right", va="top")
conv.set(xlabel="epoch", ylabel="mean squared error, training (grey levels from 0 to 1)", ylim=(0, 0.095))
conv.set_title(
    "The posted convolutional network: noise stays at the constant,\nthe same pixel values in 8 blocks are learnt"
)
conv.legend(fontsize=9, loc=(0.62, 0.55))

for key, color, style in (
    ("10 factors, shuffled", ORANGE, "--"),
    ("uniform", ORANGE, "-"),
    ("uniform, without ReLU", GREY, "-."),
    ("10 factors", BLUE, "-"),
):
    curve = six_curves[key]
    wide.plot(range(1, len(curve) + 1), curve, style, color=color, linewidth=2, label=key)
living = six["uniform"]["narrowest_layer_living"]
wide.axhline(1 - living / 100, color="black", linewidth=1.2)
wide.text(
    POSTED_EPOCHS, 1 - living / 100, f"uniform: the line for {living} living units of 100", ha="right", va="bottom"
)
wide.set(xlabel="epoch", ylabel="fraction of the variance left, training", ylim=(0, 1.03))
wide.set_title("Six layers of 100: nothing is narrow, but units die,\nand independent columns miss every one of them")
wide.legend(fontsize=9)
for panel in (ax, own, conv, wide):
    panel.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# Let the columns be uncorrelated with equal variance: the covariance is $C = \sigma^2 I$. A linear code of $k$ numbers
# and the best read-out reconstruct $P(x - \mu) + \mu$ with a projection $P$ of rank $k$, and
#
# $$ \tfrac1d\, E\,\lVert (I - P)(x - \mu) \rVert^2 = \tfrac1d \operatorname{tr}\,[(I - P)\,C] = \sigma^2\,(1 - k/d). $$
#
# It does not matter *which* projection. For structured data the choice is everything: $P$ takes the leading
# eigenvectors and $\tfrac1d\sum_{i>k}\lambda_i$ is left. Here there is nothing to find, so there is nothing to learn
# after the code's width has been used. Shuffling the columns sets the covariances to zero and leaves the variances.
#
# A network that is not linear may bend: a curve through a cube comes nearer to its points than a straight line does.
# The deep networks here gain a few per cent by it, no more. (There *are* exact codes. A number can hold all digits of
# 24 others, interleaved. No gradient leads there, and one more digit of noise destroys it.)
#
# **Codes of 8, 32 and 512 on noise.** They end at the constant, as claimed. For 8 and 32 that is the line, to within
# its width here. For 512 it is not: the line would be far lower (the script prints it, "best linear"). Pooling and ten
# or thirty epochs stop it, not the data. That all widths end at the constant is true of these runs and no law.
#
# **Eight blocks, code of 8.** Eight numbers suffice, and a good part remains. The code ends in a ReLU, and a unit that
# is negative for every image carries nothing. Blocks are independent of each other, so they too obey the line, with the
# *living* units in place of $k$: each dead one costs an eighth of the variance. A code of 32 has units to spare.
#
# **Six layers of 100.** No layer is narrower than the data, so nothing has to be compressed, and without its ReLUs the
# same network goes on falling towards the floor of its last sigmoid, 0.000834. With them, units die: they are negative
# for every row. All inputs are positive, so a unit's pre-activation has the sign of its weights' sum, more or less, for
# all rows alike. Those on the wrong side give nothing, and the others pass their sum on. In the narrowest layer 74 of
# 100 units live here, and the line for these is 26 % of the variance, which independent columns hardly go below;
# mixtures of 10 do not notice. But the loss ends far above that line, and dead units explain only a part: with
# LeakyReLU(0.1), where none can die, four fifths of the lag behind the network without ReLUs stay, and at the posted
# size, after 50 epochs, about two thirds. Nor is a bend needed for that: without any, but with half of each layer's
# units, drawn once, passing a tenth of what they get, the network lags as much or more. Such layers one after another
# are badly conditioned (chapter 19). How much of the lag of rectifiers that is, is open. (These controls are not in the
# script; but for the posted size they had 5,000 rows and 30 epochs, one seed.)

# %% [markdown]
# ## Exercises
#
# 1. *Uniform numbers, $d = 100$, code of 32. What is the loss when training is over?*
#
#    $(1 - 32/100)/12 = 0.0567$. If you see that number, stop training: nothing is wrong.
#
# 2. *Why is the loss on the training rows a little below the line?*
#
#    The sample covariance of independent columns is not $\sigma^2 I$; its eigenvalues spread by about
#    $\pm 2\sqrt{d/n}$, and training picks the larger ones. Chapter 10 computes by how much.
#
# 3. *Shuffle whole rows instead of columns. What happens?*
#
#    Nothing. The rows are a set; training visits them in random order anyway. Only shuffling columns *against each
#    other* removes dependence.
#
# 4. *The columns of your table have very different variances. Does the shuffle test still give $1 - k/d$?*
#
#    No: independent columns have a diagonal covariance, whose eigenvalues are the variances, and a code of $k$ keeps
#    the $k$ largest. That is the second floor of the digits' panel. Standardise the columns and the line is straight.

# %%
chapter.finish(
    figure,
    {
        "fraction_left": {
            name: {kind: {str(k): value for k, value in values.items()} for kind, values in row.items()}
            for name, row in left.items()
        },
        "three_seeds": repeats,
        "convolutional": image_loss,
        "convolutional_living_units_of_the_code": living_code,
        "pixel_variance": PIXEL_VARIANCE,
        "six_layers": six,
        "sigmoid_floor": sigmoid_floor(),
        "digits": {**digit_loss, "independent_columns": own_line},
    },
)
