# %% [markdown]
# # A training loss below the floor is not success: the network has memorised its rows
#
# The training loss goes to zero; everything you trained on comes back perfect. Then you show the network something it
# has not seen, and what comes back is hardly better than the mean: new digits return as other digits. No learning rate
# helps, and none should: training works.
#
# *Failure modes: H2 · advice: more data, regularise, add noise, stop early*

# %% [markdown]
# ## Is it yours?
#
# On the screen:
#
# ```text
# training 0.001      held-out 0.043      the mean image 0.047
# ```
#
# Two measurements. Keep some rows out of training: their loss is far above the training loss. And if there are none to
# spare: **shuffle every column by itself and train again.** Nothing is left to learn but the rows. If the training loss
# is as low as before, it says nothing about the data. No neighbouring cause shows this: a code too narrow or a rate too
# low keep the training loss *above* the floor, and the two losses together.
#
# The floor: on rows with covariance eigenvalues $\lambda_1 \ge \lambda_2 \ge \dots$ no linear code of $k$ numbers
# leaves less than $\tfrac1d\sum_{i>k}\lambda_i$, and where the rest is independent noise no other one leaves much less.
# On the rows that it was trained on it can: it has seen that noise. On trial: that even a *linear* code goes under the
# floor of its population, by as much as Marchenko and Pastur's law says; and the repairs.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, Sequential, evaluate, fit, floors
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float, uniform
from scratchdae.layers import Dense, ReLU, Sigmoid
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE, floor_line, picture_rows
from scratchdae.schedules import Geometric

chapter = Chapter.begin("10_memorising")

D, CODE, HIDDEN = 32, 4, 128
NOISE = 0.3  # share of a column that is its own, and cannot be said in a code of 4
FEW, MANY, N_TEST = 64, 4096, 4000  # rows
STEPS, LR = (700, 5e-3) if chapter.quick else (3000, 2e-3)  # steps of 32 rows each, for every run
LINEAR_D, LINEAR_CODE = 64, 8
LINEAR_ROWS, LINEAR_EPOCHS = ((96, 512), 400) if chapter.quick else ((80, 128, 256, 512, 2048), 800)
DIGITS_FEW, DIGITS_MANY, DIGITS_STEPS = 30, 2000, 300 if chapter.quick else 1500
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))
QUIET = {"optimizer": Adam(), "backend": "numpy", "progress": False}

# %% [markdown]
# ## The run
#
# 32 columns, mixtures of 4 hidden numbers with noise of their own, scaled to variance 1. The network has a code of 4
# between hidden layers of 128, some ten thousand weights. Every run takes the same number of steps, from the same first
# weights. Broken and repaired differ in the number of rows.


# %%
def rows(seed):
    """Draw training rows (as many as the repaired run takes), held-out rows, and all of them for the floor."""
    x, _ = redundant_columns(MANY + N_TEST, D, CODE, np.random.default_rng([seed, 1]), noise=NOISE)
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    return x[:MANY], x[MANY:], x


def train(model, x, seed, steps, **options):
    """Train with Adam for a number of steps, however many rows there are."""
    size = min(32, len(x))
    epochs = round(steps * size / len(x))
    return fit(
        model, x, epochs=epochs, lr=Geometric(LR, LR / 10, epochs), batch_size=size, seed=seed, **QUIET, **options
    )


def result(x, held_out, seed, curve=None, **options):
    """Train 32-128-4-128-32 on x; return the clean losses on x and on held-out rows, some on the way in `curve`."""
    layers = [Dense(HIDDEN), ReLU(), Dense(CODE), Dense(HIDDEN), ReLU(), Dense(D)]
    model = Sequential(layers, (D,), np.random.default_rng([seed, 2]), dtype=np.float32)
    every = max(1, round(STEPS * 32 / len(x) / 60))

    def look(record, params):
        if curve is not None and record["epoch"] % every == 0:
            losses = (evaluate(model, rows, params=params) for rows in (x, held_out))
            curve.append((record["epoch"] * len(x) / 32, *losses))

    train(model, x, seed, STEPS, on_epoch=look, **options)
    return {"training": evaluate(model, x), "held_out": evaluate(model, held_out)}


def few_rows(seed, curve=None):
    """Broken: 64 rows for ten thousand weights."""
    x, held_out, _ = rows(seed)
    return result(x[:FEW], held_out, seed, curve)


def many_rows(seed, curve=None):
    """Repaired: 4096 rows."""
    x, held_out, _ = rows(seed)
    return result(x[:MANY], held_out, seed, curve)


watched = {FEW: [], MANY: []}
floor = {seed: float(floors.pca(rows(seed)[2])[CODE]) for seed in SEEDS}
broken = {seed: few_rows(seed, watched[FEW] if seed == chapter.seed else None) for seed in SEEDS}
repaired = {seed: many_rows(seed, watched[MANY] if seed == chapter.seed else None) for seed in SEEDS}
x_train, x_test, _ = rows(chapter.seed)
x_few, rng = x_train[:FEW], np.random.default_rng([chapter.seed, 3])
shuffled = result(rng.permuted(x_few, axis=0), rng.permuted(x_test, axis=0), chapter.seed)
print("fractions of the variance        floor   training  held-out")
for seed in SEEDS:
    for name, row in ((f"{FEW} rows", broken[seed]), (f"{MANY} rows", repaired[seed])):
        print(f"seed {seed}, {name:<22} {floor[seed]:7.4f} {row['training']:9.4f} {row['held_out']:9.4f}")
print(f"64 rows, columns shuffled {shuffled['training']:23.4f} {shuffled['held_out']:9.4f}")

# %% [markdown]
# **The other repairs**, on the same 64 rows from the same first weights. Early stopping is given more than it deserves:
# it may look at the held-out rows to choose its epoch. The linear code is the exact one of those rows.

# %%
remedies = {
    "noise, std 0.5": result(x_few, x_test, chapter.seed, corruption=Corruption("gaussian", 0.5)),
    "noise, std 1": result(x_few, x_test, chapter.seed, corruption=Corruption("gaussian", 1.0)),
    "weight decay 0.001": result(x_few, x_test, chapter.seed, l2=1e-3),
    "weight decay 0.005": result(x_few, x_test, chapter.seed, l2=5e-3),
}
watched = {n: np.array(curve) for n, curve in watched.items()}
best = watched[FEW][watched[FEW][:, 2].argmin()]
remedies["stopped early"] = {"training": float(best[1]), "held_out": float(best[2]), "steps": float(best[0])}
basis, centre = np.linalg.eigh(np.cov(x_few.T))[1][:, -CODE:], x_few.mean(axis=0)
linear_error = np.mean((x_test - centre - (x_test - centre) @ basis @ basis.T) ** 2, dtype=np.float64)
remedies["linear code of 4"] = {"held_out": float(linear_error)}
for name, row in remedies.items():
    print(f"64 rows, {name:<22} held-out {row['held_out']:.4f}, floor {floor[chapter.seed]:.4f}")

# %% [markdown]
# **A linear code on independent columns**, where the closed form is exact in the limit of many columns: 64 uniform
# columns of variance 1, a code of 8, trained to the end. **The embedded digits**, which a program draws: 14×14 pixels,
# a code of 8, 30 images or 2000, the same number of steps.

# %%
line = floors.independent(LINEAR_CODE, LINEAR_D, 1.0)
linear = {}
for n in LINEAR_ROWS:
    rng = np.random.default_rng([chapter.seed, 4, n])
    x = (np.sqrt(12) * (uniform(n + 1000, LINEAR_D, rng) - 0.5)).astype(np.float32)
    model = Sequential([Dense(LINEAR_CODE), Dense(LINEAR_D)], (LINEAR_D,), rng, dtype=np.float32)
    decay = Geometric(2e-2, 1e-3, LINEAR_EPOCHS)
    fit(model, x[:n], epochs=LINEAR_EPOCHS, lr=decay, batch_size=n, seed=chapter.seed, **QUIET)
    linear[n] = {"training": evaluate(model, x[:n]), "held_out": evaluate(model, x[n:])}
    linear[n]["law"] = floors.sample_pca(LINEAR_CODE, n, LINEAR_D, 1.0)
    print(f"linear, {n:5d} rows, line {line:.4f}:", {key: round(value, 4) for key, value in linear[n].items()})

pixels = to_float(digits().x_train[: DIGITS_MANY + 500], np.float32, side=14)
pictures, new_pictures = np.split(pixels, [DIGITS_MANY])
mean_image, digit_models, digit_losses = floors.constant(new_pictures), {}, {}
for n in (DIGITS_FEW, DIGITS_MANY):
    layers = [Dense(HIDDEN), ReLU(), Dense(8), Dense(HIDDEN), ReLU(), Dense(196), Sigmoid()]
    model = Sequential(layers, (196,), np.random.default_rng([chapter.seed, 5]), dtype=np.float32)
    train(model, pictures[:n], chapter.seed, DIGITS_STEPS)
    digit_models[n] = model
    digit_losses[n] = {"training": evaluate(model, pictures[:n]), "held_out": evaluate(model, new_pictures)}
    print(f"{n} digits: {digit_losses[n]}, the mean image {mean_image:.4f}")

# %% [markdown]
# ## The check

# %%
for seed in SEEDS:
    a, b, least = broken[seed], repaired[seed], floor[seed]
    assert a["training"] < 0.3 * least, f"seed {seed}: 64 rows must train far under the floor {least:.4f}, found {a}"
    excess = a["held_out"] / least - 1
    assert excess > 0.4, f"seed {seed}: held-out rows must be far over the floor {least:.4f}, found {a}"
    assert -0.05 < b["held_out"] / least - 1 < 0.2 * excess, f"seed {seed}: 4096 rows must reach {least:.4f}, found {b}"
    off = abs(b["training"] / b["held_out"] - 1)
    assert off < 0.08, f"seed {seed}: with 4096 rows the losses must agree, found {b}"
first, least = broken[chapter.seed], floor[chapter.seed]
independent = floors.independent(CODE, D, 1.0)
assert shuffled["training"] < 0.2 * independent, f"shuffled columns must be memorised too, found {shuffled}"
for name, row in remedies.items():
    ratio = (row["held_out"] - least) / (first["held_out"] - least)
    assert ratio < 0.85, f"{name}: must repair a part, found {ratio:.3f} of the excess left"
    assert row["held_out"] > repaired[chapter.seed]["held_out"], f"{name}: better than 4096 rows, found {row}"
for n, row in linear.items():
    ratio = row["training"] / row["law"]
    assert abs(ratio - 1) < 0.05, f"linear, {n} rows: training loss {ratio:.4f} times Marchenko and Pastur's"
    assert row["training"] < line, f"linear, {n} rows: training loss must lie under the line {line:.4f}, found {row}"
    ratio = row["held_out"] / line
    assert 0.95 < ratio < 1.07, f"linear, {n} rows: held-out loss {ratio:.4f} times the line"
few, many = digit_losses[DIGITS_FEW], digit_losses[DIGITS_MANY]
assert few["held_out"] > 3 * few["training"], f"30 digits must be memorised, found {few}"
assert few["held_out"] > 0.65 * mean_image, f"and new ones be hardly better than the mean image, found {few}"
assert many["held_out"] < 0.75 * few["held_out"], f"2000 digits must help, found {many} against {few}"

# %% [markdown]
# ## The figure

# %%
figure, axes = plt.subplot_mosaic([["course", "bars"], ["eyes", "eyes"]], figsize=(9, 8), layout="constrained")
course, bars, eyes = (axes[name] for name in ("course", "bars", "eyes"))
for n, color in ((FEW, ORANGE), (MANY, BLUE)):
    steps, training, held_out = watched[n].T
    course.plot(steps, training, "-", color=color, linewidth=2)
    course.plot(steps, held_out, "--", color=color, linewidth=2)
floor_line(course, least)
course.text(STEPS, first["held_out"] + 0.02, f"{FEW} rows, held out", ha="right", va="bottom", color=ORANGE)
course.text(STEPS, first["training"] + 0.03, f"{FEW} rows, training", ha="right", va="bottom", color=ORANGE)
course.text(STEPS, least + 0.02, f"{MANY} rows, both, on the floor", ha="right", va="bottom", color=BLUE)
course.set(xlabel="step", ylabel="fraction of the variance left", ylim=(0, 1.35 * first["held_out"]))
course.set_title("Few rows: one loss goes down, one up")

entries = {f"{FEW} rows": first, **remedies, f"{MANY} rows": repaired[chapter.seed]}
for row, entry in enumerate(entries.values()):
    color = ORANGE if row == 0 else BLUE if row == len(entries) - 1 else GREY
    bars.barh(row, entry["held_out"], 0.6, color=color)
    bars.text(entry["held_out"] + 0.008, row, f"{entry['held_out']:.2f}", va="center")
bars.axvline(least, color="black", linewidth=1, linestyle=":")
bars.set_yticks(range(len(entries)), entries)
bars.invert_yaxis()
bars.set(xlabel="held-out loss over the variance; dotted: floor", xlim=(0, 1.2 * first["held_out"]))
bars.set_title("Only more rows reach the floor")

sheet = {
    "trained on": pictures,
    f"back, {DIGITS_FEW}": digit_models[DIGITS_FEW].predict(pictures[:12]),
    "new": new_pictures,
    f"back, {DIGITS_FEW} ": digit_models[DIGITS_FEW].predict(new_pictures[:12]),
    f"back, {DIGITS_MANY}": digit_models[DIGITS_MANY].predict(new_pictures[:12]),
}
picture_rows(eyes, sheet, (14, 14), columns=12)
eyes.set_title(f"Digits come back; new ones, from a network that saw {DIGITS_FEW}, as other digits")

# %% [markdown]
# ## The cause
#
# **Linear.** Let the $d$ columns be independent with variance $\sigma^2$ and let there be $n$ rows. The sample
# covariance has not $d$ eigenvalues $\sigma^2$: they spread over $\sigma^2\,(1 \pm \sqrt{\gamma})^2$, $\gamma = d/n$,
# with the density $p(\lambda) = \sqrt{(\lambda_+ - \lambda)(\lambda - \lambda_-)}\,/\,2\pi\gamma\sigma^2\lambda$
# (Marchenko and Pastur 1967). Training keeps the $k$ largest and leaves the integral of $\lambda\, p(\lambda)$ over the
# rest, which is below $(1 - k/d)\,\sigma^2$. On *new* rows every projection is as good as another of its rank, and
# $(1 - k/d)\,\sigma^2$ is left. What training gained below the line is not in the data but in these $n$ rows.
#
# **Not linear.** A decoder with more weights than there are numbers in the rows can send 64 points of its code to 64
# given rows, noise and all. Between the points it does as it pleases. That needs no structure in the data, hence the
# test with shuffled columns.
#
# **The repairs.** More rows are the only one here that reaches the floor, and the training loss *rises* to it. Noise,
# weight decay and early stopping remove a part of the excess; how much depends on a strength that has to be chosen with
# held-out rows. Noise makes every row a cloud, which the decoder has to send to one point: the wider the cloud, the
# smoother the map. And the plain linear code, fitted to the same rows, is a repair as well: a smaller model.
#
# ## The cure in PyTorch
#
# `train(x, corrupt)` is your own training: it makes a fresh model, feeds it `corrupt(batch)`, and returns it.
#
# ```python
# few, held_out = x[: -len(x) // 5], x[-len(x) // 5 :]
# shuffled = torch.stack([column[torch.randperm(len(few))] for column in few.T], dim=1)
# model, memory = train(few, lambda batch: batch), train(shuffled, lambda batch: batch)
# with torch.no_grad():
#     pairs = ((model, few), (model, held_out), (memory, shuffled))
#     training, new, on_shuffled = ((net(rows) - rows).square().mean().item() for net, rows in pairs)
#
# repaired = train(few, lambda batch: batch + few.std() * torch.randn_like(batch))  # or more rows
# ```
#
# ## The cure in Keras
#
# ```python
# few, held_out = x[: -len(x) // 5], x[-len(x) // 5 :]
# shuffled = np.random.default_rng(0).permuted(few, axis=0)
# pairs = ((train(model, few), few), (model, held_out), (train(keras.models.clone_model(model), shuffled), shuffled))
# training, new, on_shuffled = (float(np.mean((net.predict(rows, verbose=0) - rows) ** 2)) for net, rows in pairs)
#
# fresh = keras.models.clone_model(model)
# repaired = train(keras.Sequential([keras.layers.GaussianNoise(few.std()), fresh]), few)  # or more rows
# ```
#
# ## Exercises
#
# 1. *Training loss 0.20, held-out loss 0.34, floor 0.29. Which of the two is the bad news?*
# 2. *A linear code of k on $n \le k$ rows. What is the training loss?*
# 3. *Does the gap shrink like $1/\sqrt n$ or like $1/n$?*
#
# ## Answers
#
# 1. Neither alone. Under the floor says that rows are memorised; above it says what this costs: 17 % of the floor.
# 2. Zero: $n$ rows span at most $n - 1$ dimensions about their mean.
# 3. For the linear code under the line like $1/\sqrt n$: the edge of the law is $1 + 2\sqrt{d/n} + d/n$. Where
#    structure separates the leading eigenvalues from the rest, like $1/n$: a fixed number of parameters is estimated.

# %%
found = {"floor": floor, "few_rows": broken, "many_rows": repaired, "few_rows_shuffled": shuffled}
chapter.finish(figure, found | {"remedies": remedies, "line": line, "linear": linear, "digits": digit_losses})
print("Rows that come back and new ones that do not are memory. Shuffle the columns to tell, and get more rows.")
