# %% [markdown]
# # A training loss below the floor is not success: the network has memorised its rows
#
# The training loss goes to zero; everything you trained on comes back perfect. Then you show the network something it
# has not seen, and what comes back is hardly better than the mean: new digits return as other digits. No learning rate
# helps, and none should: training works.
#
# *Failure modes: H2 · advice: more data, regularise, add noise, stop early*

# %% [markdown]
# ## The claim
#
# A code of $k$ numbers has a floor: on rows with covariance eigenvalues $\lambda_1 \ge \lambda_2 \ge \dots$ no linear
# autoencoder leaves less than $\tfrac1d\sum_{i>k}\lambda_i$, and where the rest is independent noise no other one
# leaves much less. *On the rows it was trained on* it can: it has seen that noise. On trial:
#
# 1. a training loss far under the population's floor means memorised rows, and the held-out loss is far above it;
# 2. even a *linear* code goes under it, by exactly as much as Marchenko and Pastur's law of sample eigenvalues says;
# 3. the sign that tells this from everything else: trained on columns shuffled one by one, in which there is nothing
#    to learn, the same network has the same training loss;
# 4. more data repair it. So does, it is said, each of noise, weight decay and early stopping.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, Sequential, evaluate, fit, floors, plots
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float, uniform
from scratchdae.layers import Dense, ReLU, Sigmoid
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.schedules import Geometric

chapter = Chapter.begin("10_memorising")

D, CODE, HIDDEN = 32, 4, 128
NOISE = 0.3  # share of a column that is its own, and cannot be said in a code of 4
FEW, MANY, N_TEST = 64, 4096, 4000  # rows
STEPS, LR = (700, 5e-3) if chapter.quick else (3000, 2e-3)  # steps of 32 rows each, for every run
LINEAR_D, LINEAR_CODE = 64, 8
LINEAR_ROWS = (96, 512) if chapter.quick else (80, 128, 256, 512, 2048)
DIGITS_FEW, DIGITS_MANY, DIGITS_STEPS = 30, 2000, 300 if chapter.quick else 1500

# %% [markdown]
# ## The run
#
# 32 columns, mixtures of 4 hidden numbers with noise of their own, scaled to variance 1. The network has a code of 4
# between hidden layers of 128, some ten thousand weights. Every run takes the same number of steps, from the same first
# weights. Broken: 64 rows. Repaired: 4096 rows, and nothing else is changed.


# %%
def rows(seed):
    """Draw training rows (as many as the repaired run takes), held-out rows, and all of them for the floor."""
    rng = np.random.default_rng([seed, 1])
    x, _ = redundant_columns(MANY + N_TEST, D, CODE, rng, noise=NOISE)
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    return x[:MANY], x[MANY:], x


def network(seed):
    """Return an untrained autoencoder: 32-128-4-128-32, ReLU around a linear code."""
    layers = [Dense(HIDDEN), ReLU(), Dense(CODE), Dense(HIDDEN), ReLU(), Dense(D)]
    return Sequential(layers, (D,), np.random.default_rng([seed, 2]), dtype=np.float32)


def train(model, x, seed, steps, **options):
    """Train with Adam for a number of steps, however many rows there are."""
    batch_size = min(32, len(x))
    epochs = round(steps * batch_size / len(x))
    decay = Geometric(LR, LR / 10, epochs)
    options |= {"optimizer": Adam(), "seed": seed, "backend": "numpy", "progress": False}
    return fit(model, x, epochs=epochs, lr=decay, batch_size=batch_size, **options)


def result(x, held_out, seed, curve=None, **options):
    """Train on x; return the losses on x and on held-out rows, clean ones, and note some sixty on the way in curve."""
    model = network(seed)
    steps = len(x) / 32  # an epoch
    every = max(1, round(STEPS / steps / 60))

    def look(record, params):
        if curve is not None and record["epoch"] % every == 0:
            losses = (evaluate(model, rows, params=params) for rows in (x, held_out))
            curve.append((record["epoch"] * steps, *losses))

    train(model, x, seed, STEPS, on_epoch=look, **options)
    return {"training": evaluate(model, x), "held_out": evaluate(model, held_out)}


def few_rows(seed, curve=None):
    """Broken: 64 rows for ten thousand weights."""
    x, held_out, _ = rows(seed)
    return result(x[:FEW], held_out, seed, curve)


def many_rows(seed, curve=None):
    """Repaired: 4096 rows."""
    x, held_out, _ = rows(seed)
    return result(x, held_out, seed, curve)


def few_rows_shuffled(seed):
    """Confirm: 64 rows whose columns are shuffled one by one, which leaves nothing to learn but the rows."""
    x, held_out, _ = rows(seed)
    rng = np.random.default_rng([seed, 3])
    return result(rng.permuted(x[:FEW], axis=0), rng.permuted(held_out, axis=0), seed)


seeds = range(chapter.seed, chapter.seed + 3)
floor = {seed: float(floors.pca(rows(seed)[2])[CODE]) for seed in seeds}
watched = {FEW: [], MANY: []}
broken = {seed: few_rows(seed, watched[FEW] if seed == chapter.seed else None) for seed in seeds}
repaired = {seed: many_rows(seed, watched[MANY] if seed == chapter.seed else None) for seed in seeds}
shuffled = few_rows_shuffled(chapter.seed)
print("fractions of the variance        floor   training  held-out")
for seed in seeds:
    for name, row in ((f"{FEW} rows", broken[seed]), (f"{MANY} rows", repaired[seed])):
        print(f"seed {seed}, {name:<22} {floor[seed]:7.4f} {row['training']:9.4f} {row['held_out']:9.4f}")
print(f"64 rows, columns shuffled {shuffled['training']:23.4f} {shuffled['held_out']:9.4f}")

# %% [markdown]
# **The other repairs**, on the same 64 rows from the same first weights. Early stopping is given more than it deserves:
# it may look at the held-out rows to choose its epoch.

# %%
x_train, x_test, everything = rows(chapter.seed)
x_few = x_train[:FEW]
remedies = {
    "noise, std 0.5": result(x_few, x_test, chapter.seed, corruption=Corruption("gaussian", 0.5)),
    "noise, std 1": result(x_few, x_test, chapter.seed, corruption=Corruption("gaussian", 1.0)),
    "weight decay 0.001": result(x_few, x_test, chapter.seed, l2=1e-3),
    "weight decay 0.005": result(x_few, x_test, chapter.seed, l2=5e-3),
}
watched = {n: np.array(curve) for n, curve in watched.items()}
best = watched[FEW][watched[FEW][:, 2].argmin()]
remedies["stopped early"] = {"training": float(best[1]), "held_out": float(best[2]), "steps": float(best[0])}

_, vectors = np.linalg.eigh(np.cov(x_few.T))
basis, centre = vectors[:, -CODE:], x_few.mean(axis=0)
linear_error = np.mean((x_test - centre - (x_test - centre) @ basis @ basis.T) ** 2, dtype=np.float64)
remedies["linear code of 4"] = {"held_out": float(linear_error)}
for name, row in remedies.items():
    print(f"64 rows, {name:<22} held-out {row['held_out']:.4f}, floor {floor[chapter.seed]:.4f}")

# %% [markdown]
# **A linear code on independent columns**, where the closed form is exact in the limit of many columns: 64 uniform
# columns, a code of 8, trained to the end.


# %%
def linear_losses(n, seed):
    """Train a linear code of 8 on n rows of 64 independent columns; return the two losses, in units of the variance."""
    rng = np.random.default_rng([seed, 4, n])
    x = (np.sqrt(12) * (uniform(n + 1000, LINEAR_D, rng) - 0.5)).astype(np.float32)
    model = Sequential([Dense(LINEAR_CODE), Dense(LINEAR_D)], (LINEAR_D,), rng, dtype=np.float32)
    options = {"optimizer": Adam(), "seed": seed, "backend": "numpy", "progress": False}
    epochs = 400 if chapter.quick else 800
    fit(model, x[:n], epochs=epochs, lr=Geometric(2e-2, 1e-3, epochs), batch_size=n, **options)
    return evaluate(model, x[:n]), evaluate(model, x[n:])


line = floors.independent(LINEAR_CODE, LINEAR_D, 1.0)
linear = {}
for n in LINEAR_ROWS:
    training, held_out = linear_losses(n, chapter.seed)
    expected = floors.sample_pca(LINEAR_CODE, n, LINEAR_D, 1.0)
    linear[n] = {"training": training, "held_out": held_out, "marchenko_pastur": expected}
    print(
        f"linear, {n:5d} rows: training {training:.4f} (law {expected:.4f}), held-out {held_out:.4f} (line {line:.4f})"
    )

# %% [markdown]
# **The embedded digits**, which a program draws: 14×14 pixels, a code of 8, trained on 30 images or on 2000, for the
# same number of steps.

# %%
data = digits()
n_images = DIGITS_MANY + 500
pixels = to_float(data.x_train[:n_images], np.float32).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
pictures, new_pictures = pixels[:DIGITS_MANY], pixels[DIGITS_MANY:]
digit_models, digit_losses = {}, {"mean image": {"held_out": floors.constant(new_pictures)}}
for n in (DIGITS_FEW, DIGITS_MANY):
    layers = [Dense(HIDDEN), ReLU(), Dense(8), Dense(HIDDEN), ReLU(), Dense(196), Sigmoid()]
    model = Sequential(layers, (196,), np.random.default_rng([chapter.seed, 5]), dtype=np.float32)
    train(model, pictures[:n], chapter.seed, DIGITS_STEPS)
    digit_models[n] = model
    digit_losses[f"{n} images"] = {
        "training": evaluate(model, pictures[:n]),
        "held_out": evaluate(model, new_pictures),
    }
print("digits:", {name: {key: round(value, 4) for key, value in row.items()} for name, row in digit_losses.items()})

# %% [markdown]
# ## The check

# %%
for seed in seeds:
    a, b, least = broken[seed], repaired[seed], floor[seed]
    assert a["training"] < 0.25 * least, (
        f"seed {seed}: 64 rows must train to far under the floor {least:.4f}, found {a}"
    )
    excess = a["held_out"] / least - 1
    assert excess > 0.5, f"seed {seed}: held-out rows must be over 1.5 times the floor {least:.4f}, found {a}"
    assert -0.03 < b["held_out"] / least - 1 < 0.1 * excess, f"seed {seed}: 4096 rows must reach {least:.4f}, found {b}"
    assert abs(b["training"] / b["held_out"] - 1) < 0.05, (
        f"seed {seed}: with 4096 rows the losses must agree, found {b}"
    )
first = broken[chapter.seed]
assert shuffled["training"] < 0.15 * floors.independent(CODE, D, 1.0), (
    f"shuffled columns must be memorised too, far under their own line, found {shuffled}"
)
least = floor[chapter.seed]
for name, row in remedies.items():
    ratio = (row["held_out"] - least) / (first["held_out"] - least)
    assert 0.02 < ratio < 0.75, f"{name}: must repair a part, found {ratio:.3f} of the excess left"
    assert row["held_out"] > repaired[chapter.seed]["held_out"], f"{name}: better than 4096 rows, found {row}"

for n, row in linear.items():
    ratio = row["training"] / row["marchenko_pastur"]
    assert abs(ratio - 1) < 0.04, f"linear, {n} rows: training loss {ratio:.4f} times Marchenko and Pastur's"
    assert row["training"] < line, f"linear, {n} rows: training loss must lie under the line {line:.4f}, found {row}"
    ratio = row["held_out"] / line
    assert 0.97 < ratio < 1.05, f"linear, {n} rows: held-out loss {ratio:.4f} times the line"

few, many = digit_losses[f"{DIGITS_FEW} images"], digit_losses[f"{DIGITS_MANY} images"]
assert few["held_out"] > 3 * few["training"], f"30 digits must be memorised, found {few}"
ratio = few["held_out"] / digit_losses["mean image"]["held_out"]
assert ratio > 0.7, f"and new ones be hardly better than the mean image, found {ratio:.3f} of its error"
assert many["held_out"] < 0.65 * few["held_out"], f"2000 digits must help, found {many} against {few}"

# %% [markdown]
# ## The figure

# %%
figure, ((ax, law), (bars, eyes)) = plt.subplots(2, 2, figsize=(14.5, 11), layout="constrained")
figure.suptitle("Under the floor in training, above it on new rows: that is memory, not compression", fontsize=15)

for n, color, marker in ((FEW, ORANGE, "o"), (MANY, BLUE, "s")):
    curve = watched[n]
    ax.plot(curve[:, 0], curve[:, 1], "-", color=color, linewidth=2, label=f"{n} rows, training")
    ax.plot(curve[:, 0], curve[:, 2], "--", color=color, marker=marker, markevery=6, label=f"{n} rows, held-out")
ax.axhline(least, color="black", linewidth=1.2)
ax.text(STEPS, least - 0.012, f"population floor {least:.3f}", ha="right", va="top")
ax.set(xlabel="steps of 32 rows", ylabel="fraction of the variance left", ylim=(0, 0.85))
ax.set_title("The same network and steps, 64 rows or 4096:\nwith few, both losses leave the floor, one down, one up")
ax.legend(fontsize=9, loc="center right", bbox_to_anchor=(1, 0.62))

n = np.geomspace(70, 4000, 60)
values = [floors.sample_pca(LINEAR_CODE, int(m), LINEAR_D, 1.0) for m in n]
law.plot(n, values, color="black", linewidth=1.2, label="training, by Marchenko and Pastur's law")
law.axhline(line, color="black", linestyle=":", linewidth=1.5, label=f"the population's line, 1 − k/d = {line:.3f}")
for key, color, marker in (("training", ORANGE, "o"), ("held_out", BLUE, "s")):
    label = f"{key.replace('_', '-')}, measured"
    law.plot(list(linear), [row[key] for row in linear.values()], marker, color=color, markersize=7, label=label)
law.set(xscale="log", xlabel="rows trained on", ylabel="fraction of the variance left", ylim=(0.6, 0.93))
law.set_title("A linear code of 8 for 64 independent columns:\neven it goes under the line, by a known amount")
law.legend(fontsize=9, loc="lower right")

entries = {f"{FEW} rows": first, **remedies, f"{MANY} rows": repaired[chapter.seed]}
for row, entry in enumerate(entries.values()):
    color, hatch = (ORANGE, "//") if row == 0 else (BLUE, "") if row == len(entries) - 1 else (GREY, "")
    bars.barh(row, entry["held_out"], 0.6, color=color, hatch=hatch, edgecolor="white")
    bars.text(entry["held_out"] + 0.008, row, f"{entry['held_out']:.3f}", va="center")
    if "training" in entry:
        bars.plot(entry["training"], row, "D", color="black", markerfacecolor="white", markersize=7)
row = len(entries)
bars.barh(row, shuffled["held_out"], 0.6, color="white", hatch="..", edgecolor=ORANGE)
bars.text(shuffled["held_out"] + 0.008, row, f"{shuffled['held_out']:.3f}", va="center")
bars.plot(shuffled["training"], row, "D", color="black", markerfacecolor="white", markersize=7, label="training loss")
bars.axvline(least, color="black", linewidth=1.2, label="population floor")
bars.set_yticks(range(row + 1), [*entries, "columns shuffled"])
bars.invert_yaxis()
bars.set(xlabel="fraction of the variance left on held-out rows (bars)", xlim=(0, 1.25 * shuffled["held_out"]))
bars.set_title(
    "On 64 rows every remedy helps, only more rows reach the floor.\nShuffled columns are memorised as well (diamonds)"
)
bars.legend(fontsize=9, loc="lower right", bbox_to_anchor=(1, 0.42))

old, new = pictures[:10], new_pictures[:10]
sheet = {
    "trained on": old,
    f"back, {DIGITS_FEW} images": digit_models[DIGITS_FEW].predict(old),
    "new": new,
    f"back, {DIGITS_FEW} images ": digit_models[DIGITS_FEW].predict(new),
    f"back, {DIGITS_MANY} images": digit_models[DIGITS_MANY].predict(new),
}
eyes.imshow(plots.tile(np.concatenate(list(sheet.values())), (14, 14), 10, gap=0.5), cmap="gray", vmin=0, vmax=1)
eyes.set_yticks([15 * row + 7 for row in range(len(sheet))], list(sheet))
eyes.set_xticks([])
eyes.tick_params(length=0)
eyes.spines[:].set_visible(False)
eyes.set_title("Thirty digits come back; of new ones\nthe network makes mixtures of those thirty")
for panel in (ax, law, bars):
    panel.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **Linear.** Let the $d$ columns be independent with variance $\sigma^2$ and let there be $n$ rows. The sample
# covariance has not $d$ eigenvalues $\sigma^2$: they spread over $\sigma^2\,(1 \pm \sqrt{\gamma})^2$ with
# $\gamma = d/n$, with the density (Marchenko and Pastur 1967)
#
# $$ p(\lambda) = \frac{\sqrt{(\lambda_+ - \lambda)(\lambda - \lambda_-)}}{2\pi\gamma\sigma^2\lambda}, \qquad
#    \lambda_\pm = \sigma^2 (1 \pm \sqrt\gamma)^2. $$
#
# Training keeps the $k$ largest, a share $k/d$ from the top, down to a $\lambda_k$, and leaves
# $\int_{\lambda_-}^{\lambda_k} \lambda\, p(\lambda)\, d\lambda < (1 - k/d)\,\sigma^2$. On *new* rows every projection
# of rank $k$ is as good as every other, and $(1 - k/d)\,\sigma^2$ is left; the mean was estimated too, which costs a
# factor near $1 + 1/n$. What training gained below the line is not in the data but in these $n$ rows.
#
# **Not linear.** A decoder with more weights than there are numbers in the rows can send 64 points of its code to 64
# given rows, noise and all: 64 × 32 numbers, against some nine thousand weights. Between the points it does as it
# pleases. That needs no structure in the data, hence the test with shuffled columns: **if the training loss is as low
# after every column has been shuffled by itself, the loss says nothing about the data.** None of the neighbouring
# causes shows this. A code too narrow or a rate too low keep the training loss *above* the floor, and the two losses
# together.
#
# **The repairs.** More rows are the only one here that reaches the floor, and the training loss *rises* to it. Noise,
# weight decay and early stopping all remove a good part of the excess, none all of it; how much depends on a strength
# that has to be chosen with held-out rows. Noise on the input makes every row a cloud, which the decoder has to send to
# one point: the wider the cloud, the smoother the map. And the plain linear code, fitted to the same 64 rows, beats
# them all here: with few rows a smaller model is a repair as well.

# %% [markdown]
# ## Exercises
#
# 1. *Training loss 0.20, held-out loss 0.34, floor 0.29. Which of the two is the bad news?*
#
#    Neither alone. Under the floor says that rows are memorised; above it says what this costs: 17 % of the floor.
#    The gap between the two is what more rows would close, from both sides.
#
# 2. *A linear code of k on $n \le k$ rows. What is the training loss?*
#
#    Zero: $n$ rows span at most $n - 1$ dimensions about their mean. The law says so too: for $\gamma > 1$ a share
#    $1 - 1/\gamma$ of the eigenvalues is exactly zero.
#
# 3. *No held-out rows are left, and the floor is not known. How can you tell?*
#
#    Shuffle every column by itself and train again. If the training loss is about the same, it is memory. (Compare with
#    chapter 5: there the same test tells whether there is anything to compress.)
#
# 4. *Does the gap shrink like $1/\sqrt n$ or like $1/n$?*
#
#    For the linear code under the line it is like $1/\sqrt n$: the edge of the law is $1 + 2\sqrt{d/n} + d/n$. Where
#    structure separates the leading eigenvalues from the rest, it is like $1/n$: a fixed number of parameters is
#    estimated.

# %%
chapter.finish(
    figure,
    {
        "floor": {str(seed): value for seed, value in floor.items()},
        "few_rows": {str(seed): row for seed, row in broken.items()},
        "many_rows": {str(seed): row for seed, row in repaired.items()},
        "few_rows_shuffled": shuffled,
        "remedies_on_few_rows": remedies,
        "linear": {"line": line, **{str(n): row for n, row in linear.items()}},
        "digits": digit_losses,
    },
)
