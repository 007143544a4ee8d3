# %% [markdown]
# # Too narrow a code leaves the trailing eigenvectors; too wide a one, without noise, is the identity
#
# *Blurred*: the loss falls fast and stops, the reconstructions are soft, and neither patience nor a better optimizer
# sharpens them. *Perfect*: the loss goes to zero, and the code turns out to be good for nothing.
#
# *Failure modes: F19, F20 · networks: none · advice: widen the code, too wide means identity*

# %% [markdown]
# ## Is it yours?
#
# Too narrow, the loss stops at, say, a quarter of the variance. Too wide, it reads 1e-6 and is still falling.
#
# ![Three codes, and what each does to data and to static](../figures/07_code_width.png)
#
# **The one measurement**, of either: hand the trained network static, noise of the data's scale that is no data at all.
#
# - It comes back untouched: the network is the identity, and its code says nothing new.
# - It comes back cut to $k/d$ of its variance, and your loss is what the data's variance leaves beyond its $k$ leading
#   eigenvalues: the code is too narrow, and `scratchdae floors` says how many numbers it needs.
#
# On trial is advice: double the code, and if the loss falls it was too narrow; a code that is too wide learns the
# identity (answers to Q1, Q2 and Q3); learning it improves the training loss but little (Q3).

# %%
from functools import cache

import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, Sequential, evaluate, fit, floors, plots
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float
from scratchdae.layers import Dense, ReLU
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.schedules import Geometric

chapter = Chapter.begin("07_code_width")

D, FACTORS, NOISE = 32, 8, 0.15  # columns, hidden numbers behind them, share of a column that is its own
NARROW, ENOUGH, WIDE = 4, 8, 64  # numbers in the code
S = 0.5  # standard deviation of the noise that is to be removed; a column's is 1
N_TRAIN, N_TEST = (2000, 1000) if chapter.quick else (5000, 5000)
EPOCHS, LR = (16, 4e-2) if chapter.quick else (30, 1e-2)
FEW_EPOCHS, FEW_LR, LONGER = (5, 8e-3, 4) if chapter.quick else (5, 4e-3, 10)
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))
N_DIGITS, DIGIT_EPOCHS, DIGIT_LR = (1500, 12, 1e-2) if chapter.quick else (4000, 25, 2e-3)

# %% [markdown]
# ## The run
#
# 32 columns of variance 1 are mixtures of 8 hidden numbers, with a little noise of their own. The code is linear. Too
# narrow, it has 4 numbers; too wide, 64. The repairs: 8, and 64 again but with noise in the input, and clean targets.


# %%
@cache  # every run of a seed has the same rows
def table(seed):
    """Draw the rows, the training ones first."""
    x, _ = redundant_columns(N_TRAIN + N_TEST, D, FACTORS, np.random.default_rng([seed, 1]), noise=NOISE)
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


@cache
def autoencoder(seed, code, corruption=None, epochs=EPOCHS, lr=LR):
    """Train a linear code of so many numbers with Adam, its rate falling a hundredfold; return it and its last loss."""
    model = Sequential([Dense(code), Dense(D)], (D,), np.random.default_rng([seed, 2]), dtype=np.float32)
    options = {"lr": Geometric(lr, lr / 100, epochs), "batch_size": 50, "optimizer": Adam(), "backend": "numpy"}
    x = table(seed)[:N_TRAIN]
    history = fit(model, x, epochs=epochs, corruption=corruption, seed=seed, progress=False, **options)
    return model, float(history["loss"][-1])


NETWORKS = {
    "code of 4": (NARROW, None),  # broken: 4 numbers for 8 hidden ones
    "code of 8": (ENOUGH, None),  # repaired
    "code of 64": (WIDE, None),  # broken: 64 numbers for 32 columns, and nothing to keep the network from copying
    "64, with noise": (WIDE, Corruption("gaussian", S)),  # repaired: shown rows with noise, asked for clean ones
}


def examine(model, training_loss, seed):
    """Return what a network does to data, to noisy data and to static, and how far from the identity it is."""
    rows, rng = table(seed)[N_TRAIN:], np.random.default_rng([seed, 3])
    noisy = (rows + S * rng.standard_normal(rows.shape)).astype(np.float32)
    static = rng.standard_normal(rows.shape).astype(np.float32)
    gain = model.params["dense_1.W"].astype(np.float64) @ model.params["dense_2.W"]  # x̂ = x W + constant
    left = (rows - model.predict(rows)) @ np.linalg.eigh(np.cov(rows.T))[1]  # along each eigenvector, the largest last
    errors = {"clean": evaluate(model, rows), "noisy": evaluate(model, noisy, rows), "static": evaluate(model, static)}
    return errors | {
        "training_loss": training_loss,
        "share_along_leading": float(np.mean(left[:, -NARROW:] ** 2) * NARROW / D / np.mean(left**2)),
        "distance_from_identity": float(np.linalg.norm(gain - np.eye(D)) / np.sqrt(D)),
    }


WHAT = ("clean", "noisy", "static")  # rows that a network is given
found, closed = [], []  # what each seed's networks do; what the closed forms say
for seed in SEEDS:
    found.append({name: examine(*autoencoder(seed, *how), seed) for name, how in NETWORKS.items()})
    spectrum, left = floors.eigenvalues(table(seed)), floors.pca(table(seed))
    lost = (S**2 / (spectrum + S**2)) ** 2  # of static, along each eigenvector, by Wiener's gain
    forms = [(left[k], left[k] + S**2 * k / D, 1 - k / D) for k in (NARROW, ENOUGH)]
    forms += [(0.0, S**2, 0.0), (np.mean(lost * spectrum), floors.wiener(spectrum, S), np.mean(lost))]
    closed.append({name: dict(zip(WHAT, form, strict=True)) for name, form in zip(NETWORKS, forms, strict=True)})
    for name, row in found[-1].items():
        pairs = (f"{key} {row[key]:.4f} ({value:.4f})" for key, value in closed[-1][name].items())
        print(f"seed {seed}, {name}: reported {row['training_loss']:.1e}; (closed form)", ", ".join(pairs))

# %% [markdown]
# **Double the code?** Its neighbour is a code of 8 that was stopped too early. Each is given twice the code, or more
# steps.

# %%
x_test, MORE_STEPS = table(chapter.seed)[N_TRAIN:], f"{LONGER} × the steps"
TO_THE_END, STOPPED = "code of 4, trained to the end", "code of 8, stopped early"
doubled = {}
for name, code, epochs, lr in ((TO_THE_END, NARROW, EPOCHS, LR), (STOPPED, ENOUGH, FEW_EPOCHS, FEW_LR)):
    changes = {"as it is": (1, 1), "2 × the code": (2, 1), MORE_STEPS: (1, LONGER)}
    doubled[name] = {
        change: evaluate(autoencoder(chapter.seed, times * code, None, longer * epochs, lr)[0], x_test)
        for change, (times, longer) in changes.items()
    }
    print(f"{name}:", ", ".join(f"{change} {value:.4f}" for change, value in doubled[name].items()))

# %% [markdown]
# **Does a wide code say anything new?** A linear classifier (least squares) is fitted to codes of the embedded digits,
# which a program draws: codes twice as wide as their 14×14 pixels.


# %%
def accuracy(features, new_features):
    """Return the share of held-out digits that least squares on these features labels rightly."""
    scale = features.std(axis=0).mean()  # so that the ridge below means the same for all
    a, b = (np.hstack([part / scale, np.ones((len(part), 1))]) for part in (features, new_features))
    weights = np.linalg.solve(a.T @ a + 1e-3 * len(a) * np.eye(a.shape[1]), a.T @ np.eye(10)[data.t_train[:N_DIGITS]])
    return float(np.mean((b @ weights).argmax(axis=1) == data.t_test))


data = digits()
images, new_images = (to_float(part, np.float32, side=14) for part in (data.x_train[:N_DIGITS], data.x_test))
labelled, switching = {"pixels": accuracy(images, new_images)}, {}
options = {"lr": Geometric(DIGIT_LR, DIGIT_LR / 20, DIGIT_EPOCHS), "epochs": DIGIT_EPOCHS, "batch_size": 50}
for name, corruption in (("untrained", None), ("trained", None), ("with masking", Corruption("masking", 0.5))):
    rng = np.random.default_rng([chapter.seed, 2])
    model = Sequential([Dense(392), ReLU(), Dense(196)], (196,), rng, dtype=np.float32)
    if name != "untrained":
        fit(model, images, optimizer=Adam(), corruption=corruption, seed=chapter.seed, progress=False, **options)
    codes = [model.forward(model.params, part, depth=2)[0] for part in (images, new_images)]
    labelled[name] = accuracy(*codes)
    on = (codes[0] > 0).mean(axis=0)
    switching[name] = float(np.mean((on > 0.05) & (on < 0.95)))  # on for some digits and off for others
print("labelled rightly:", ", ".join(f"{name} {value:.1%}" for name, value in labelled.items()))
print("units that switch:", ", ".join(f"{name} {value:.0%}" for name, value in switching.items()))

# %% [markdown]
# ## The check

# %%
for seed, networks, forms in zip(SEEDS, found, closed, strict=True):
    for name, row in networks.items():
        for key, expected in forms[name].items():
            gap = abs(row[key] - expected)
            assert gap < 0.06 * expected + 0.01, f"seed {seed}, {name}, {key}: {row[key]:.4f}, must be {expected:.4f}"
    narrow, enough, wide, noised = networks.values()
    ratio = enough["clean"] / narrow["clean"]
    assert ratio < 0.55, f"seed {seed}: a code of 8 must leave half of what 4 leave, found {ratio:.3f}"
    share = narrow["share_along_leading"]
    assert share < 0.3, (  # of fifty seeds 22 % is the most
        f"seed {seed}: the residual must be along trailing eigenvectors, found {share:.2%} along others"
    )
    far = max(wide["training_loss"], wide["distance_from_identity"])
    assert far < 0.02, f"seed {seed}: too wide must train to zero and be the identity, found {wide}"
    ratio = noised["noisy"] / wide["noisy"]
    assert ratio < 0.65, f"seed {seed}: trained with noise it must remove noise, found {ratio:.3f} of copying's error"

row = doubled[TO_THE_END]
change = row[MORE_STEPS] / row["as it is"] - 1
assert abs(change) < 0.05, f"more steps must not help a narrow code, found a change of {change:.2%}"
row = doubled[STOPPED]
for name in ("2 × the code", MORE_STEPS):
    ratio = row[name] / row["as it is"]
    assert ratio < 0.8, f"{name} must help a code stopped early, found {ratio:.3f} of the loss"
for name in ("untrained", "with masking"):
    gap = labelled[name] - labelled["trained"]
    assert gap > 0.01, f"training without noise must make the ReLU code worse than {name}, found {gap:.3f}"
assert switching["trained"] < 0.5 * switching["with masking"], f"masking must keep the units switching: {switching}"

# %% [markdown]
# ## The figure

# %%
figure, (what, test) = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained", width_ratios=(1.25, 1))
for shift, key, color, hatch in ((-0.2, "static", GREY, ""), (0.2, "noisy", BLUE, "//")):
    for place, name in enumerate(NETWORKS):
        value, form = found[0][name][key], closed[0][name][key]
        what.bar(place + shift, value, 0.37, color=color, hatch=hatch, edgecolor="white")
        what.plot([place + shift - 0.19, place + shift + 0.19], [form] * 2, color="black", linewidth=1.5)
        what.text(place + shift, max(value, form) + 0.015, f"{value:.2f}", ha="center")
what.text(1.55, 0.9, "given static", color=GREY)
what.text(1.55, 0.82, "given noisy rows", color=BLUE)
what.set_xticks(range(4), [name.replace("code of ", "code of\n").replace(", ", ",\n") for name in NETWORKS])
what.set(ylim=(0, 1.02), ylabel="squared error (black: closed forms)")
what.set_title("Static comes back untouched from a wide code,\nunless it was trained with noise")

for group, row in enumerate(doubled.values()):
    for place, value in enumerate(row.values()):
        at = 4 * group + place
        test.bar(at, value, 0.9, color=(GREY, BLUE, ORANGE)[place], hatch=("", "//", "..")[place], edgecolor="white")
        test.text(at, value + 0.004, f"{value:.2f}", ha="center")
for code in (NARROW, ENOUGH):
    plots.floor_line(test, closed[0][f"code of {code}"]["clean"])
    test.text(3, closed[0][f"code of {code}"]["clean"] + 0.004, f"floor\nof {code}", ha="center")
test.set_xticks([0, 1, 2, 4, 5, 6], [*doubled[STOPPED]] * 2, rotation=40, ha="right")
for at, name in ((1, "code of 4,\nto the end"), (5, "code of 8,\nstopped early")):
    test.text(at, 0.33, name, ha="center", va="top")
test.set(ylim=(0, 0.34), ylabel="squared error, held-out rows")
test.set_title("Twice the code lowers both; more steps\nhelp only the one that was stopped early")

# %% [markdown]
# ## The cause
#
# **Narrow.** A linear code and read-out make a map of rank $k$. With a projection $P$ of that rank the error is
# $\tfrac1d \operatorname{tr}[(I - P)\,C]$, least if $P$ holds the $k$ leading eigenvectors of the covariance $C$; then
# $\tfrac1d\sum_{i>k}\lambda_i$ is left (Eckart and Young 1936; Baldi and Hornik 1989), along the trailing eigenvectors
# and none along the leading ones. No step size, optimizer or patience changes this number. A deep network gets below it
# where the data are curved (chapter 14), and still pays for width.
#
# **Wide.** From $k = d$ on the identity has rank enough, and zero is the least loss. Where $C$ is invertible the
# product of a *linear* network's two matrices must be $I$ for that: it *does* learn the identity, and no training loss
# is lower. With noise $x + s\,\epsilon$ in the input the best product is no longer $I$ but $C\,(C + s^2 I)^{-1}$, with
# the gain $\lambda_i/(\lambda_i + s^2)$ along each eigenvector; $\tfrac1d\sum_i \lambda_i s^2/(\lambda_i + s^2)$ is
# left, where the identity leaves $s^2$ and a projection $\tfrac1d\sum_{i>k}\lambda_i + s^2 k/d$. Static comes back with
# the error $0$, $\tfrac1d\sum_i (s^2/(\lambda_i + s^2))^2$ or $1 - k/d$. That too wide a code learns the identity is
# true of training without noise, and only of it.
#
# **Doubling the code** is not the test that it is taken for. The code stopped early improves as well: it has twice the
# paths along which a gradient flows. What tells the two apart is *more steps*, which leave a narrow code where it is,
# and the closed form, on which the doubled code has to land.
#
# **Says nothing new.** A linear classifier on a linear code that is wide enough is one on the pixels. A ReLU code is
# another matter: *untrained* it is a set of random features, and labels more digits rightly than the pixels do.
# Training without noise takes that away. To give back every input exactly, a unit is best left on for all digits, so
# that it is linear, or off for all: few switch any more, and the accuracy goes towards that of the pixels. Training
# with half of the pixels masked keeps more of them switching.

# %% [markdown]
# ## The cure in PyTorch
#
# Measure: `x` holds examples (N, d), of mean 0 in every column; `k` is the width of the code.
#
# ```python
# static = torch.randn_like(x) * x.std()
# back = ((model(static) - static).square().mean() / static.square().mean()).item()  # 0: copies; 1 - k/d: projects
# leading = torch.linalg.eigvalsh(x.T @ x / len(x)).flip(0)  # the largest first
# floor = (leading[k:].sum() / x.shape[1]).item()  # with the loss on this, the code is too narrow
# ```
#
# Repair of a code that is too wide: noise on the input, drawn anew for every batch, never on the target.
# ```python
# noisy = batch + 0.5 * torch.randn_like(batch)  # 0.5: of the size that is to be removed
# loss = (model(noisy) - batch).square().mean()  # it was model(batch)
# loss.backward()
# ```

# %% [markdown]
# ## The cure in Keras
#
# ```python
# static = x.std() * np.random.default_rng(0).standard_normal(x.shape)
# back = np.mean((model.predict(static, verbose=0) - static) ** 2) / np.mean(static**2)  # 0: copies; 1 - k/d: projects
# floor = np.linalg.eigvalsh(x.T @ x / len(x))[::-1][k:].sum() / x.shape[1]  # with the loss on this, it is too narrow
# ```
#
# ```python
# noise = keras.layers.GaussianNoise(0.5)  # on in training only
# model = keras.Sequential([noise, *model.layers])  # then compile and fit again, with x as input and target
# ```

# %% [markdown]
# ## Exercises
#
# 1. Eigenvalues 4, 2, 1, 1. What does a linear code of 2 leave, as a fraction of the variance? How much noise makes a
#    full-width denoiser leave as much?
# 2. Does weight decay on a too wide linear code help against the identity?
# *Answers.*
# 1. $(1 + 1)/8 = 1/4$, or $2/4$ in each component. A denoiser leaves $\tfrac14(4/5 + 2/3 + 1/2 + 1/2) = 0.617$ at
#    $s^2 = 1$, more already, and 2/4 at $s^2 = 0.73$.
# 2. It shrinks the gains, $1 - O(\text{decay}/\lambda_i)$, small eigenvalues most. That resembles Wiener's gain: noise
#    on the input of a linear map is the same as the penalty $s^2 \lVert W\rVert^2$ on the product $W$ of the matrices.

# %%
probe = {"labelled_rightly": labelled, "share_of_units_that_switch": switching}
chapter.finish(figure, {"found": found, "closed_form": closed, "doubled": doubled, **probe})
print("A narrow code leaves the trailing eigenvectors, whatever the steps; a wide one without noise copies everything.")
print("Hand your network static. If it comes back: noise in the input. If not, and the loss is on the floor: widen it.")
