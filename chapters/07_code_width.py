# %% [markdown]
# # Too narrow a code leaves the trailing eigenvectors; too wide a one, without noise, is the identity
#
# Two complaints with one cause. *Blurred*: the loss falls fast and stops, the reconstructions are soft, and neither
# patience nor a better optimizer sharpens them. *Perfect*: the loss goes to zero, and the code turns out to be good for
# nothing; whatever you show the network comes back, static included.
#
# *Failure modes: F19, F20 · networks: none · advice: widen the code, capacity balance, too wide means identity*

# %% [markdown]
# ## The claim
#
# Answers to three of the four questions (Q1, Q2, Q3) blame the width of the code, as too small or as too large. On
# trial:
#
# 1. a linear code of $k$ numbers leaves $\tfrac1d\sum_{i>k}\lambda_i$, the variance along the trailing eigenvectors,
#    and nothing along the leading ones (Eckart and Young 1936; Baldi and Hornik 1989);
# 2. double the code: if the loss falls, it was too narrow;
# 3. a code that is too wide learns the identity, and so says nothing new (Q1, Q2, Q3);
# 4. learning the identity improves the training loss but little (Q3);
# 5. encoder and decoder should be in balance (Q2): equal capacity on both sides is best.

# %%
from functools import cache

import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, Sequential, evaluate, fit, floors
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float
from scratchdae.layers import Dense, ReLU
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.schedules import Geometric

chapter = Chapter.begin("07_code_width")

D, FACTORS, NOISE = 32, 8, 0.15  # columns, hidden numbers behind them, share of a column that is its own
N_TRAIN, N_TEST = (2000, 1000) if chapter.quick else (5000, 5000)
EPOCHS, LR = (14, 4e-2) if chapter.quick else (30, 1e-2)
FEW_EPOCHS, LONGER = (10, 3) if chapter.quick else (5, 10)
NARROW, ENOUGH, WIDE = 4, 8, 64
S = 0.5  # standard deviation of the noise that is to be removed; a column's is 1

SIDE = 14
WIDTHS = (4, 8) if chapter.quick else (2, 4, 8, 16, 32)
DIGIT_EPOCHS, DIGIT_LR = (12, 1e-2) if chapter.quick else (25, 4e-3)
PROBE_EPOCHS, PROBE_LR = (10, 1e-2) if chapter.quick else (25, 2e-3)
N_DIGITS = 1000 if chapter.quick else 4000

# %% [markdown]
# ## The run: too narrow
#
# 32 columns of variance 1 are mixtures of 8 hidden numbers, with a little noise of their own. Broken: a code of 4.
# Repaired: a code of 8, from the same seed.


# %%
@cache  # every run of a seed has the same rows
def table(seed):
    """Draw the rows, the training ones first."""
    x, _ = redundant_columns(N_TRAIN + N_TEST, D, FACTORS, np.random.default_rng([seed, 1]), noise=NOISE)
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


def train(layers, x, seed, epochs, **options):
    """Train with Adam, its rate falling a hundredfold; return the network and its history."""
    model = Sequential(layers, x.shape[1:], np.random.default_rng([seed, 2]), dtype=np.float32)
    options = {"lr": Geometric(LR, LR / 100, epochs), **options, "optimizer": Adam(), "backend": "numpy", "seed": seed}
    return model, fit(model, x, epochs=epochs, batch_size=50, **options, progress=False)


def linear(k, d=D):
    """Return the layers of a linear autoencoder with a code of k."""
    return [Dense(k), Dense(d)]


@cache  # the confirming run "as it is" is the broken one
def narrow(seed, times=1, longer=1):
    """Broken: a code of 4 for 8 hidden numbers. The confirming runs multiply the code, or the epochs."""
    return train(linear(times * NARROW), table(seed)[:N_TRAIN], seed, longer * EPOCHS)[0]


@cache
def wide_enough(seed):
    """Repaired: a code of 8."""
    return train(linear(ENOUGH), table(seed)[:N_TRAIN], seed, EPOCHS)


def too_few_steps(seed, times=1, longer=1):
    """Broken otherwise: a code of 8, stopped when its loss is about that of the code of 4."""
    return train(linear(times * ENOUGH), table(seed)[:N_TRAIN], seed, longer * FEW_EPOCHS, lr=1e-3)[0]


narrow_runs = []
for seed in range(chapter.seed, chapter.seed + 3):
    x, spectrum = table(seed), floors.pca(table(seed))
    runs = {"narrow": narrow(seed), "enough": wide_enough(seed)[0]}
    losses = {name: evaluate(model, x[N_TRAIN:]) for name, model in runs.items()}
    row = {**losses, "narrow_floor": float(spectrum[NARROW]), "enough_floor": float(spectrum[ENOUGH])}
    narrow_runs.append(row)
    print(f"seed {seed}:", ", ".join(f"{name} {value:.5f}" for name, value in row.items()))

x = table(chapter.seed)
x_train, x_test = x[:N_TRAIN], x[N_TRAIN:]
values, vectors = np.linalg.eigh(np.cov(x.T, dtype=np.float64))
values, vectors = values[::-1], vectors[:, ::-1]
model = narrow(chapter.seed)
residual = (x_test - model.predict(x_test)).astype(np.float64) @ vectors
residual_by_direction = residual.var(axis=0)
leading_share = float(residual_by_direction[:NARROW].sum() / residual_by_direction.sum())
print(f"share of the residual along the {NARROW} leading eigenvectors: {leading_share:.2%}")

# %% [markdown]
# **Double the code.** Its neighbour is a code of 8 stopped too early, at about the same loss. Each is given twice the
# code, or ten times the steps (three times with `--quick`).

# %%
MORE_STEPS = f"{LONGER} × the steps"
confirm = {
    name: {
        "as it is": evaluate(run(chapter.seed), x_test),
        "2 × the code": evaluate(run(chapter.seed, times=2), x_test),
        MORE_STEPS: evaluate(run(chapter.seed, longer=LONGER), x_test),
    }
    for name, run in (("code of 4, trained to the end", narrow), ("code of 8, stopped early", too_few_steps))
}
for name, row in confirm.items():
    print(f"{name:<30}", ", ".join(f"{key} {value:.4f}" for key, value in row.items()))

# %% [markdown]
# ## The run: too wide
#
# A linear code of 64 for the same 32 columns, trained without noise (broken), with noise of standard deviation 0.5
# (repaired), and, without noise, a code of 8 (the other repair). Then two things are done to each that training did not
# do: rows with noise are to be cleaned, and pure static, which is no data at all, is to be reconstructed.


# %%
def too_wide(seed):
    """Broken: a code of 64 for 32 columns, and nothing to keep it from copying."""
    return train(linear(WIDE), table(seed)[:N_TRAIN], seed, EPOCHS)


def too_wide_with_noise(seed):
    """Repaired: the same, shown rows with noise and asked for clean ones."""
    noise = Corruption("gaussian", S)
    return train(linear(WIDE), table(seed)[:N_TRAIN], seed, EPOCHS, corruption=noise)


def gain(model):
    """Return the matrix W of the whole linear network, x̂ = x W + constant."""
    return model.params["dense_1.W"].astype(np.float64) @ model.params["dense_2.W"]


def probe_wide(model, history, seed):
    """Return what a network does to data, to noisy data and to static, and how far from the identity it is."""
    rows, rng = table(seed)[N_TRAIN:], np.random.default_rng([seed, 3])
    noisy = (rows + S * rng.standard_normal(rows.shape)).astype(np.float32)
    static = rng.standard_normal(rows.shape).astype(np.float32)
    return {
        "training_loss": float(history["loss"][-1]),
        "clean": evaluate(model, rows),
        "noisy": evaluate(model, noisy, rows),
        "static": evaluate(model, static),
        "distance_from_identity": float(np.linalg.norm(gain(model) - np.eye(D)) / np.sqrt(D)),
    }


WITHOUT, WITH, CODE_8 = "64, no noise", "64, noise 0.5", "8, no noise"
wide_runs = []
for seed in range(chapter.seed, chapter.seed + 3):
    spectrum = floors.eigenvalues(table(seed))
    wide_runs.append(
        {
            WITHOUT: probe_wide(*too_wide(seed), seed),
            WITH: probe_wide(*too_wide_with_noise(seed), seed),
            CODE_8: probe_wide(*wide_enough(seed), seed),
            "wiener": floors.wiener(spectrum, S),
            "wiener_static": float(np.mean((S**2 / (spectrum + S**2)) ** 2)),
            "code_8_noisy": float(floors.pca(table(seed))[ENOUGH] + S**2 * ENOUGH / D),
        }
    )
wide = wide_runs[0]
for name in (WITHOUT, WITH, CODE_8):
    print(f"code of {name:<14}", ", ".join(f"{key} {value:.5f}" for key, value in wide[name].items()))
print(f"closed forms: copying leaves {S**2:.4f} of the noise, Wiener {wide['wiener']:.4f}")

# %% [markdown]
# **Does the code say anything new?** A linear classifier (least squares) is fitted to codes of the embedded digits,
# which a program draws.


# %%
def accuracy(features, new_features):
    """Return the share of held-out digits that least squares on these features labels rightly."""
    scale = features.std(axis=0).mean()  # so that the ridge below means the same for all
    a, b = (np.hstack([part / scale, np.ones((len(part), 1))]) for part in (features, new_features))
    ridge = 1e-3 * len(a) * np.eye(a.shape[1])
    weights = np.linalg.solve(a.T @ a + ridge, a.T @ np.eye(10)[labels])
    return float(np.mean((b @ weights).argmax(axis=1) == new_labels))


def shrink(images):
    """Return 14×14 pixels in [0, 1]."""
    return to_float(images, np.float32).reshape(-1, SIDE, 2, SIDE, 2).mean(axis=(2, 4)).reshape(-1, SIDE**2)


data = digits()
images, new_images = shrink(data.x_train[:N_DIGITS]), shrink(data.x_test[:1000])
labels, new_labels = data.t_train[:N_DIGITS], data.t_test[:1000]
DP = SIDE**2
digit_floor = floors.pca(images)
digit_loss = {"linear": {}, "deep": {}}
for k in WIDTHS:
    for name, layers, lr, epochs in (
        ("linear", linear(k, DP), 2 * DIGIT_LR, 2 * DIGIT_EPOCHS),
        ("deep", [Dense(128), ReLU(), Dense(k), Dense(128), ReLU(), Dense(DP)], DIGIT_LR, DIGIT_EPOCHS),
    ):
        model, _ = train(layers, images, chapter.seed, epochs, lr=Geometric(lr, 2e-4, epochs))
        digit_loss[name][k] = evaluate(model, images)
    print(f"digits, code of {k:2d}: floor {digit_floor[k]:.5f}", {n: round(v[k], 5) for n, v in digit_loss.items()})

probes = {"the pixels themselves": accuracy(images, new_images)}
switching = {}  # share of the units that are on for some digits and off for others, 5 % of them at least
wide_relu = [Dense(2 * DP), ReLU(), Dense(DP)]
masked = Corruption("masking", 0.5)
for name, layers, depth, corruption in (
    ("linear code of 392", linear(2 * DP, DP), 1, None),
    ("ReLU code of 392", wide_relu, 2, None),
    ("ReLU code of 392, masking 0.5", wide_relu, 2, masked),
):
    untrained = Sequential(layers, (DP,), np.random.default_rng([chapter.seed, 2]), dtype=np.float32)
    decay = Geometric(PROBE_LR, PROBE_LR / 20, PROBE_EPOCHS)
    trained, _ = train(layers, images, chapter.seed, PROBE_EPOCHS, lr=decay, corruption=corruption)
    for state, model in (("untrained", untrained), ("trained", trained)):
        if state == "trained" or corruption is None:
            codes = [model.forward(model.params, part, depth=depth)[0] for part in (images, new_images)]
            probes[f"{name}, {state}"] = accuracy(*codes)
            on = (codes[0] > 0).mean(axis=0)
            switching[f"{name}, {state}"] = float(np.mean((on > 0.05) & (on < 0.95)))
for name, value in probes.items():
    units = f", {switching[name]:.0%} of the units switch" if "ReLU" in name else ""
    print(f"linear classifier on {name:<40} {value:.1%}{units}")

# %% [markdown]
# **Balance.** A code of 8 for digits; hidden layers of 128, or of 64, on one side, the other, or both.

# %%
BALANCE = {
    "neither side": ([], []),
    "encoder 128": ([Dense(128), ReLU()], []),
    "decoder 128": ([], [Dense(128), ReLU()]),
    "both 64": ([Dense(64), ReLU()], [Dense(64), ReLU()]),
}
balance = {}
for name, (encoder, decoder) in BALANCE.items():
    layers = [*encoder, Dense(8), *decoder, Dense(DP)]
    model, _ = train(layers, images, chapter.seed, DIGIT_EPOCHS, lr=Geometric(DIGIT_LR, 2e-4, DIGIT_EPOCHS))
    weights = sum(value.size for value in model.params.values())
    balance[name] = {"held_out": evaluate(model, new_images), "weights": weights}
    print(f"{name:<14} {weights:6d} weights, held-out {balance[name]['held_out']:.5f}")

# %% [markdown]
# ## The check

# %%
for offset, row in enumerate(narrow_runs):
    for name in ("narrow", "enough"):
        ratio = row[name] / row[f"{name}_floor"]
        assert 0.97 < ratio < 1.06, f"seed + {offset}, {name}: {ratio:.4f} times the trailing eigenvalues"
    broken, repaired = (row[name] / row["enough_floor"] - 1 for name in ("narrow", "enough"))
    assert broken > 1, (
        f"seed + {offset}: a code of 4 must leave over twice what 8 leave, found an excess of {broken:.2f}"
    )
    assert repaired < 0.05 * broken, f"seed + {offset}: a code of 8 must repair it, found {repaired:.4f} of excess"
assert leading_share < 0.06, f"the residual must be along trailing eigenvectors, found {leading_share:.2%} along others"
row = confirm["code of 4, trained to the end"]
change = row[MORE_STEPS] / row["as it is"] - 1
assert abs(change) < 0.05, f"more steps must not help a narrow code, found a change of {change:.2%}"
row = confirm["code of 8, stopped early"]
for name in ("2 × the code", MORE_STEPS):
    ratio = row[name] / row["as it is"]
    assert ratio < 0.75, f"{name} must help a code stopped early, found {ratio:.3f} of the loss"

for offset, row in enumerate(wide_runs):
    copier, denoiser, small = row[WITHOUT], row[WITH], row[CODE_8]
    assert copier["training_loss"] < 1e-3, f"seed + {offset}: too wide must train to zero, found {copier}"
    assert copier["distance_from_identity"] < 0.05, f"seed + {offset}: W must be the identity, found {copier}"
    assert copier["static"] < 5e-3, f"seed + {offset}: the identity must return static, found {copier}"
    ratio = copier["noisy"] / S**2
    assert abs(ratio - 1) < 0.03, f"seed + {offset}: copying must leave all the noise, found {ratio:.3f} of it"
    excess, repaired = copier["noisy"] / row["wiener"] - 1, denoiser["noisy"] / row["wiener"] - 1
    assert excess > 0.5, f"seed + {offset}: copying must be far over Wiener's floor, found an excess of {excess:.3f}"
    assert abs(repaired) < 0.04, (
        f"seed + {offset}: with noise Wiener's floor must be reached, found {repaired:.3f} over"
    )
    ratio = denoiser["static"] / row["wiener_static"]
    assert abs(ratio - 1) < 0.05, f"seed + {offset}: static after the denoiser: {ratio:.3f} times the closed form"
    for name, expected in (("static", 1 - ENOUGH / D), ("noisy", row["code_8_noisy"])):
        ratio = small[name] / expected
        assert abs(ratio - 1) < 0.06, f"seed + {offset}, code of 8, {name}: {ratio:.3f} times the closed form"

pixels_alone = probes["the pixels themselves"]
gap = abs(probes["linear code of 392, trained"] - pixels_alone)
assert gap < 0.015, f"a wide linear code must say what the pixels say, found {gap:.3f} between the accuracies"
gap = probes["ReLU code of 392, untrained"] - probes["ReLU code of 392, trained"]
assert gap > 0.012, f"training without noise must make the ReLU code worse than untrained, found {gap:.3f}"
gap = probes["ReLU code of 392, masking 0.5, trained"] - probes["ReLU code of 392, trained"]
assert gap > 0.012, f"training with masking must not, found {gap:.3f} over that without noise"

for k, value in digit_loss["linear"].items():
    ratio = value / digit_floor[k]
    assert 0.999 < ratio < 1.12, f"digits, linear code of {k}: {ratio:.4f} times the trailing eigenvalues"
    ratio = digit_loss["deep"][k] / value
    assert ratio < 0.95, f"digits, code of {k}: a deep network must beat the linear one, found {ratio:.3f} of its loss"
ratio = balance["encoder 128"]["held_out"] / balance["neither side"]["held_out"]
assert ratio > 0.93, f"a deep encoder before a linear decoder must gain nothing, found {ratio:.3f} of the loss"
ratio = balance["decoder 128"]["held_out"] / balance["both 64"]["held_out"]
assert ratio < 1.03, f"all capacity in the decoder must be no worse than balance, found {ratio:.3f} of its loss"

# %% [markdown]
# ## The figure

# %%
figure, ((ax, test, static), (clean, labelling, sides)) = plt.subplots(2, 3, figsize=(18, 10.5), layout="constrained")
figure.suptitle(
    "The code's width: too narrow leaves a known residual, too wide copies unless it is shown noise", fontsize=15
)

ks = np.arange(1, 41)
ax.plot(ks, digit_floor[ks], color="black", linewidth=1.2, label="trailing eigenvalues (Eckart–Young)")
ax.plot(WIDTHS, digit_loss["linear"].values(), "o", color=ORANGE, markersize=8, label="linear autoencoder")
ax.plot(
    WIDTHS, digit_loss["deep"].values(), "s", color=BLUE, markersize=7, label="deep autoencoder, ReLU 128 on each side"
)
ax.set(xscale="log", yscale="log", xlabel="numbers in the code", ylabel="mean squared error (grey levels 0 to 1)")
ax.set_xticks(WIDTHS, WIDTHS, minor=False)
ax.set_title("Digits: a linear code lands on the eigenvalues;\na deep one goes below, and still pays for width")
ax.legend(fontsize=9)

spectrum = floors.pca(x)
width = 0.26
for group, (_, row) in enumerate(confirm.items()):
    for place, (name, value) in enumerate(row.items()):
        color, hatch = ((GREY, ""), (BLUE, "//"), (ORANGE, ".."))[place]
        label = name if group == 0 else None
        at = group + (place - 1) * width
        test.bar(at, value, width * 0.92, color=color, hatch=hatch, edgecolor="white", label=label)
        test.text(at, value + 0.004, f"{value:.3f}", ha="center")
for k in (NARROW, ENOUGH):
    test.axhline(spectrum[k], color="black", linewidth=1.2)
    test.text(0.5, spectrum[k] + 0.003, f"floor for {k}", ha="center")
test.set_xticks(range(2), [name.replace(", ", ",\n") for name in confirm])
test.set(
    ylabel="fraction of the variance left, held-out",
    xlim=(-0.5, 1.5),
    ylim=(0, 1.3 * max(confirm[next(iter(confirm))].values())),
)
test.set_title(
    "Same loss, two causes: twice the code lowers both;\nmore steps help only the one that was stopped early"
)
test.legend(fontsize=9, ncols=3, loc="upper center")

names = {WITHOUT: "code of 64,\nno noise", WITH: "code of 64,\nnoise 0.5", CODE_8: "code of 8,\nno noise"}
styles = {WITHOUT: (ORANGE, "//"), WITH: (BLUE, ""), CODE_8: (GREY, "..")}
forms = {
    "static": {WITHOUT: 0.0, WITH: wide["wiener_static"], CODE_8: 1 - ENOUGH / D},
    "noisy": {WITHOUT: S**2, WITH: wide["wiener"], CODE_8: wide["code_8_noisy"]},
}
for panel, key in ((static, "static"), (clean, "noisy")):
    for place, name in enumerate(names):
        color, hatch = styles[name]
        value = wide[name][key]
        panel.bar(place, value, 0.6, color=color, hatch=hatch, edgecolor="white")
        panel.plot([place - 0.4, place + 0.4], [forms[key][name]] * 2, color="black", linewidth=1.5)
        panel.annotate(f"{value:.3f}", (place, value), (0, 5), textcoords="offset points", ha="center")
    panel.set_xticks(range(3), names.values())
    panel.plot([], [], color="black", linewidth=1.5, label="closed form")
    panel.legend(fontsize=9, loc="upper left")
    panel.set_ylim(0, 1.22 * max(forms[key].values()))
static.set_ylabel("error on pure static, as fraction of its variance")
static.set_title("Show it static: what returns static has learnt\nnothing about the data")
clean.set_ylabel("error after noise of variance 0.25, held-out")
clean.set_title("Too wide is the identity only without noise:\nthe same network reaches Wiener's floor")

for place, (name, value) in enumerate(probes.items()):
    color, marker = (
        (BLUE, "s") if "masking" in name else (ORANGE, "o") if name.endswith("392, trained") else (GREY, "D")
    )
    labelling.plot(100 * value, place, marker, color=color, markersize=11)
    labelling.text(100 * value + 0.35, place, f"{100 * value:.1f}", va="center")
labelling.axvline(100 * pixels_alone, color="black", linewidth=1.2)
labelling.set_yticks(
    range(len(probes)), [name.replace(" of 392, ", ",\n").replace(" themselves", "") for name in probes]
)
labelling.invert_yaxis()
labelling.set(
    xlim=(min(90, 100 * pixels_alone - 1), 100), xlabel="digits labelled rightly by a linear classifier on the code (%)"
)
labelling.set_title("Without noise training makes a wide ReLU code\nas good as the pixels: worse than untrained")

for place, (name, row) in enumerate(balance.items()):
    color, hatch = (BLUE, "") if "decoder" in name or "both" in name else (ORANGE, "//")
    sides.bar(place, row["held_out"], 0.6, color=color, hatch=hatch, edgecolor="white")
    text = f"{row['held_out']:.4f}\n{row['weights']:,}\nweights"
    sides.annotate(text, (place, row["held_out"]), (0, 4), textcoords="offset points", ha="center", fontsize=9)
sides.axhline(digit_floor[8], color="black", linewidth=1.2, label="trailing eigenvalues, k = 8")
sides.set_xticks(range(len(balance)), ["neither\nside", "encoder\n128", "decoder\n128", "both\n64"])
sides.set(ylabel="mean squared error, held-out digits", ylim=(0, 1.35 * balance["neither side"]["held_out"]))
sides.legend(fontsize=9, loc="upper right")
sides.set_title("Balance: a hidden layer in the decoder counts,\none in the encoder alone gains nothing")
for panel in (ax, test, static, clean, labelling, sides):
    panel.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **Narrow.** A linear code and read-out make a map of rank $k$. With a projection $P$ of that rank the error is
# $\tfrac1d \operatorname{tr}[(I - P)\,C]$, least if $P$ holds the $k$ leading eigenvectors of the covariance $C$; then
# $\tfrac1d\sum_{i>k}\lambda_i$ is left. No step size, optimizer or patience changes this number. The residual has
# variance $\lambda_i$ along the trailing eigenvectors and none along the others, which is why it looks like fine
# detail.
#
# **Wide.** From $k = d$ on the identity has rank enough, and zero is the least loss. Where $C$ is invertible the
# product of a *linear* network's two matrices must be $I$ for that. So it *does* learn the identity, and the advice
# that this improves the training loss but little has it backwards: no training loss is lower.
#
# With noise $x + s\,\epsilon$ in the input the best product is no longer $I$ but $C\,(C + s^2 I)^{-1}$, with the gain
# $\lambda_i/(\lambda_i + s^2)$ along each eigenvector, and $\tfrac1d\sum_i \lambda_i s^2/(\lambda_i + s^2)$ is left.
# The identity leaves $s^2$; a projection on the first $k$ leaves $\tfrac1d\sum_{i>k}\lambda_i + s^2 k/d$. Static with
# covariance $I$ comes back with the error $0$, $\tfrac1d\sum_i (s^2/(\lambda_i + s^2))^2$ or $1 - k/d$. That too wide
# a code learns the identity is true of training without noise, and only of it.
#
# **Doubling the code** is not the test that it is taken for. The code stopped early improves as well: twice the
# code is twice the paths along which a gradient flows, and it trains faster. What tells the two apart is *more steps*,
# which leave a narrow code where it is, and the closed form, on which the doubled code has to land.
#
# **Says nothing new.** A linear code that is wide enough is an invertible map of the pixels, and a linear classifier on
# it is one on the pixels. A ReLU code is another matter: *untrained* it is a set of random features, and labels more
# digits rightly than the pixels do. Training without noise takes that away. To give back every input exactly, a unit is
# best left on for all digits, so that it is linear, or off for all: the share of units that switch goes to nearly zero,
# and the accuracy to that of the pixels. Training with half of the pixels masked keeps the units switching.
#
# **Balance.** Fix a linear decoder $y A$. For each $x$ the best code is the least-squares solution, which is linear in
# $x$: no encoder, however deep, beats the linear one, and the error is that of the trailing eigenvalues. A decoder with
# a hidden layer can bend the $k$-dimensional sheet on which all reconstructions lie. With as many weights it does as
# well or better than balanced halves here. The advice is right only in so far as it puts something into the decoder.

# %% [markdown]
# ## Exercises
#
# 1. *Eigenvalues 4, 2, 1, 1. What does a linear code of 2 leave, as a fraction of the variance? How much noise makes
#    a full-width denoiser leave as much?*
#
#    $(1 + 1)/8 = 1/4$, or $2/4$ a component. With $s^2 = 1$: $\tfrac14(4/5 + 2/3 + 1/2 + 1/2) = 0.617$, more already;
#    with $s^2 = 0.7$ it is 0.484, and 2/4 at $s^2 = 0.73$.
#
# 2. *A deep network without any nonlinearity, 32-64-4-64-32. What is its loss?*
#
#    That of the code of 4: the product of its matrices has rank 4. Layers without bends add nothing but slower
#    training.
#
# 3. *The training loss is $10^{-6}$. How do you find out in one line whether the network is the identity?*
#
#    Give it static of the data's scale. If the error is small, it is. A good code cannot reconstruct what is no data.
#
# 4. *Does weight decay on a too wide linear code help against the identity?*
#
#    It shrinks the gains, $1 - O(\text{decay}/\lambda_i)$, small eigenvalues most. That resembles Wiener's gain: noise
#    on the input of a linear map is the same as the penalty $s^2 \lVert W\rVert^2$ on the product $W$ of the matrices.

# %%
chapter.finish(
    figure,
    {
        "narrow": narrow_runs,
        "residual_along_leading_eigenvectors": leading_share,
        "confirming": confirm,
        "wide": wide_runs,
        "digits": {name: {str(k): value for k, value in row.items()} for name, row in digit_loss.items()},
        "digits_floor": {str(k): float(digit_floor[k]) for k in WIDTHS},
        "accuracy_of_a_linear_classifier": probes,
        "share_of_units_that_switch": switching,
        "balance": balance,
    },
)
