# %% [markdown]
# # Too much noise has a floor near the variance, too little copies; change it, and see whether the loss moves
#
# A denoising autoencoder does not get below 0.2 on data of variance 0.08, and the noise is blamed. Another trains
# beautifully, its loss is a hundredth of that, and what it denoises comes back with the noise in it.
#
# *Failure modes: F17, F18 · networks: Q1a · advice: the noise is excessive, anneal it from 5 % of std to 1–2 %*

# %% [markdown]
# ## The claim
#
# An answer to the question "Why is the denoising autoencoder failing to train?" gives as its example 100 rows of 10
# uniform columns, noise of 0.2 times their standard deviation, and 10 epochs (Q1a). It calls such noise excessive, and
# advises to anneal it from 5 % of the standard deviation to 1 or 2 %. On trial:
#
# 1. 0.2 standard deviations are too much, and annealing repairs it;
# 2. noise has a floor in closed form, Wiener's, and too strong means that this floor is near the variance;
# 3. noise too weak makes a copier, its Jacobian near the identity; so does noise that is annealed to zero;
# 4. the lower training loss shows the better noise level. (It does not: every level has its own floor.)

# %%
from functools import cache

import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, Sequential, evaluate, fit, floors, plots
from scratchdae import posted as networks
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float, uniform
from scratchdae.layers import Dense, ReLU
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.schedules import Geometric, Linear

chapter = Chapter.begin("06_noise_level")

POSTED_EPOCHS = 10  # 4 steps each
LONG_EPOCHS = 120 if chapter.quick else 1000
D, FACTORS = 24, 3  # columns of variance 1, mixtures of so many hidden numbers
N_TRAIN, N_TEST = (1600, 2000) if chapter.quick else (4000, 4000)
EPOCHS, LR = (16, 6e-2) if chapter.quick else (30, 3e-2)
LEVELS = (0.05, 0.5, 2.0) if chapter.quick else (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
WEAK, RIGHT, STRONG = 0.05, 0.5, 2.0  # standard deviations; 0.5 is the one to be removed
MASKED = (0.5,) if chapter.quick else (0.25, 0.5, 0.75)
SIDE = 28 if chapter.full else 14
DIGIT_NOISE = 0.2  # of the range from black to white
DIGIT_EPOCHS, DIGIT_LR = (10, 4e-3) if chapter.quick else (30, 2e-3)
N_DIGITS = 800 if chapter.quick else 3000

# %% [markdown]
# ## The run
#
# **The question's network**: a ReLU layer of 5, a linear layer of 10, Adam at its default rate, batches of 32, mean
# squared error; but its noise is drawn for every batch, where the post draws it once. Then the advice; then other
# changes, one at a time: ten times the learning rate, a hundred times the steps (fewer with `--quick`), and on top of
# these a code of 10.


# %%
def posted(seed, noise=0.2, epochs=POSTED_EPOCHS, code=5, lr=1e-3):
    """Train the question's network; noise is in standard deviations of the data, a number or (first, last)."""
    x = uniform(100, 10, np.random.default_rng([seed, 1]))
    std = x.std()
    level = Linear(noise[0] * std, noise[1] * std, epochs - 1) if isinstance(noise, tuple) else noise * std
    model = Sequential(networks.NETWORKS["q1a"].layers(code), (10,), np.random.default_rng([seed, 2]))
    corruption = Corruption("gaussian", level) if noise else None
    options = {"batch_size": 32, "optimizer": Adam(), "corruption": corruption, "seed": seed}
    history = fit(model, x, epochs=epochs, lr=lr, **options, backend="numpy", progress=False)
    return model, history, x


def advised(seed):
    """Do as advised: anneal the noise from 5 % of the standard deviation to 1 %."""
    return posted(seed, noise=(0.05, 0.01))


def longer(seed, noise=0.2, code=5):
    """Repaired: as posted, noise and all, but a hundred times as long."""
    return posted(seed, noise, LONG_EPOCHS, code)


POSTED, ADVISED, QUIET, LOUD = "as posted, 0.2 std", "annealed 5 % → 1 %", "no noise", "noise of 1 std"
FASTER, LONGER, LONGER_QUIET = "rate × 10", "more steps", "more steps, no noise"
WIDER = "more steps, code of 10"
question, question_floors, question_curves = [], [], {}
for seed in range(chapter.seed, chapter.seed + 3):
    runs = {
        POSTED: posted(seed),
        ADVISED: advised(seed),
        QUIET: posted(seed, noise=0.0),
        LOUD: posted(seed, noise=1.0),
        FASTER: posted(seed, lr=1e-2),
        LONGER: longer(seed),
        LONGER_QUIET: longer(seed, noise=0.0),
        WIDER: longer(seed, code=10),
    }
    question.append({name: evaluate(model, x) for name, (model, _, x) in runs.items()})
    x = runs[POSTED][2]
    spectrum = floors.eigenvalues(x)
    question_floors.append(
        {
            "variance": floors.constant(x),
            "code of 5, no noise": float(floors.pca(x)[5]),
            "code of 5, 0.2 std": floors.wiener(spectrum, 0.2 * x.std(), 5),
            "code of 10, 0.2 std": floors.wiener(spectrum, 0.2 * x.std()),
        }
    )
    if seed == chapter.seed:
        question_curves = {name: history["loss"] for name, (_, history, _) in runs.items()}
    print(f"seed {seed}, on clean rows:", ", ".join(f"{name} {value:.4f}" for name, value in question[-1].items()))
    print("  floors:", ", ".join(f"{name} {value:.4f}" for name, value in question_floors[-1].items()))
in_closed_form = {
    "code of 10": floors.wiener(np.ones(10), 0.2),
    "code of 5": floors.wiener(np.ones(10), 0.2, 5) - floors.independent(5, 10, 1.0),
}
print("0.2 std cost, as a share of the variance:", {name: f"{cost:.2%}" for name, cost in in_closed_form.items()})

# %% [markdown]
# **Wiener's floor.** A linear layer without a bottleneck, for 24 columns of variance 1: independent ones, or mixtures
# of 3 hidden numbers. Every level of noise is trained; every network is then also asked to remove noise of 0.5.


# %%
@cache
def table(name, seed):
    """Draw rows, the training ones first, with columns of mean 0 and variance 1."""
    rng = np.random.default_rng([seed, 3])
    x = uniform(N_TRAIN + N_TEST, D, rng)
    if name == "mixtures":
        x, _ = redundant_columns(N_TRAIN + N_TEST, D, FACTORS, rng, noise=0.25)
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


def denoiser(name, seed, corruption):
    """Train one linear layer to undo a corruption; return it."""
    x = table(name, seed)[:N_TRAIN]
    model = Sequential([Dense(D)], (D,), np.random.default_rng([seed, 4]), dtype=np.float32)
    options = {"lr": Geometric(LR, 1e-4, EPOCHS), "batch_size": 50, "optimizer": Adam(), "seed": seed}
    fit(model, x, epochs=EPOCHS, **options, corruption=corruption, backend="numpy", progress=False)
    return model


def too_strong(seed):
    """Broken: noise of twice the standard deviation, on columns that do not help each other."""
    return denoiser("independent", seed, Corruption("gaussian", STRONG))


def correlated(seed):
    """Repaired: the same noise, but columns that are mixtures of 3 numbers: 24 noisy looks at 3."""
    return denoiser("mixtures", seed, Corruption("gaussian", STRONG))


def too_weak(seed):
    """Broken: noise of a twentieth, for a network that is to remove a half."""
    return denoiser("mixtures", seed, Corruption("gaussian", WEAK))


def right_level(seed):
    """Repaired: the noise that is to be removed."""
    return denoiser("mixtures", seed, Corruption("gaussian", RIGHT))


def annealed(seed):
    """Broken again: the right noise, annealed to zero."""
    return denoiser("mixtures", seed, Corruption("gaussian", Linear(RIGHT, 0.0, EPOCHS - 1)))


def on_noise(model, name, seed, s):
    """Return the mean squared error after noise of standard deviation s on held-out rows."""
    clean = table(name, seed)[N_TRAIN:]
    noisy = clean + np.float32(s) * np.random.default_rng([seed, 5]).standard_normal(clean.shape, dtype=np.float32)
    return evaluate(model, noisy, clean)


def distance_from_identity(model):
    """Return ‖W − I‖ / √d; W is the Jacobian of the layer."""
    return float(np.linalg.norm(model.params["dense_1.W"] - np.eye(D)) / np.sqrt(D))


def transfer(spectrum, trained, asked):
    """Return the error of Wiener's gains for one noise on data with another, in closed form."""
    gain = spectrum / (spectrum + trained**2)
    return float(np.mean((1 - gain) ** 2 * spectrum + gain**2 * asked**2))


seed = chapter.seed
spectra = {name: floors.eigenvalues(table(name, seed)) for name in ("independent", "mixtures")}
levels = {name: {} for name in spectra}
for name, spectrum in spectra.items():
    for s in LEVELS:
        model = denoiser(name, seed, Corruption("gaussian", s))
        levels[name][s] = {
            "own_noise": on_noise(model, name, seed, s),
            "wiener": floors.wiener(spectrum, s),
            "asked_noise": on_noise(model, name, seed, RIGHT),
            "asked_noise_closed_form": transfer(spectrum, s, RIGHT),
            "distance_from_identity": distance_from_identity(model),
            "distance_closed_form": float(np.sqrt(np.mean((s**2 / (spectrum + s**2)) ** 2))),
        }
    print(f"{name}: noise, loss at it (Wiener), error at 0.5 (closed form), distance of W from I (closed form)")
    for s, row in levels[name].items():
        pairs = list(row.values())
        print(f"  {s:4.2f}", *(f"{a:8.4f} ({b:.4f})" for a, b in zip(pairs[::2], pairs[1::2], strict=True)))

masking = {name: {} for name in spectra}
for name in spectra:
    for nu in MASKED:
        model = denoiser(name, seed, Corruption("bernoulli", nu))
        x = table(name, seed).astype(np.float64)
        floor, _ = floors.masking(x.T @ x / len(x), nu)
        kept = np.random.default_rng([seed, 6]).random(x[N_TRAIN:].shape) >= nu
        loss = evaluate(model, np.float32(x[N_TRAIN:] * kept), np.float32(x[N_TRAIN:]))
        masking[name][nu] = {"loss": loss, "floor": float(floor)}
        print(f"{name}, {nu:.0%} masked: {loss:.4f}, floor {floor:.4f}")

ends = []
for seed in range(chapter.seed, chapter.seed + 3):
    spectrum = floors.eigenvalues(table("mixtures", seed))
    fading = annealed(seed)
    ends.append(
        {
            "strong": on_noise(too_strong(seed), "independent", seed, STRONG),
            "strong_correlated": on_noise(correlated(seed), "mixtures", seed, STRONG),
            "weak": on_noise(too_weak(seed), "mixtures", seed, RIGHT),
            "right": on_noise(right_level(seed), "mixtures", seed, RIGHT),
            "annealed": on_noise(fading, "mixtures", seed, RIGHT),
            "annealed_distance_from_identity": distance_from_identity(fading),
            "wiener_right": floors.wiener(spectrum, RIGHT),
            "wiener_strong_correlated": floors.wiener(spectrum, STRONG),
        }
    )
    print(f"seed {seed}:", ", ".join(f"{name} {value:.4f}" for name, value in ends[-1].items()))

# %% [markdown]
# **The embedded digits**, which a program draws, with noise of 20 % of the range, one hidden ReLU layer wider than the
# image; the same network without noise, and with the noise annealed to zero. All three are asked to remove 20 %.

# %%
data = digits()
DP = SIDE**2


def pictures(images):
    """Return grey levels in [0, 1], averaged over blocks so that SIDE × SIDE pixels are left."""
    block = 28 // SIDE
    return to_float(images, np.float32).reshape(-1, SIDE, block, SIDE, block).mean(axis=(2, 4)).reshape(-1, DP)


images, new_images = pictures(data.x_train[:N_DIGITS]), pictures(data.x_test[:1000])
rng = np.random.default_rng([chapter.seed, 7])
new_noisy = new_images + np.float32(DIGIT_NOISE) * rng.standard_normal(new_images.shape, dtype=np.float32)
CONSTANT_NOISE, FADING, NONE = "noise 0.2", "noise 0.2 annealed to 0", "no noise"
digit_runs, digit_answers = {}, {}
for name, corruption in (
    (CONSTANT_NOISE, Corruption("gaussian", DIGIT_NOISE)),
    (FADING, Corruption("gaussian", Linear(DIGIT_NOISE, 0.0, DIGIT_EPOCHS - 1))),
    (NONE, None),
):
    layers = [Dense(2 * DP), ReLU(), Dense(DP)]
    model = Sequential(layers, (DP,), np.random.default_rng([chapter.seed, 8]), dtype=np.float32)
    options = {
        "lr": Geometric(DIGIT_LR, DIGIT_LR / 10, DIGIT_EPOCHS),
        "batch_size": 50,
        "optimizer": Adam(),
        "seed": chapter.seed,
    }
    history = fit(model, images, epochs=DIGIT_EPOCHS, **options, corruption=corruption, backend="numpy", progress=False)
    digit_answers[name] = model.predict(new_noisy)
    digit_runs[name] = {
        "training_loss": float(history["loss"][-1]),
        "noise_of_20_percent": evaluate(model, new_noisy, new_images),
        "clean": evaluate(model, new_images),
    }
    print(f"digits, {name:<24}", ", ".join(f"{key} {value:.5f}" for key, value in digit_runs[name].items()))
digit_floors = {
    "constant": floors.constant(new_images),
    "copy": DIGIT_NOISE**2,
    "wiener": floors.wiener(floors.eigenvalues(new_images), DIGIT_NOISE),
}
print("digits:", ", ".join(f"{name} {value:.5f}" for name, value in digit_floors.items()))

# %% [markdown]
# ## The check

# %%
assert abs(in_closed_form["code of 10"] - 0.04 / 1.04) < 1e-12, f"0.2 std must cost 1/26, found {in_closed_form}"
for offset, (row, least) in enumerate(zip(question, question_floors, strict=True)):
    for name in (ADVISED, QUIET):
        change = row[name] / row[POSTED] - 1
        assert abs(change) < 0.01, f"seed + {offset}: {name} must change nothing, found {change:.2%} of the loss"
    change = row[LOUD] / row[POSTED] - 1
    assert abs(change) < 0.05, f"seed + {offset}: even noise of 1 std must change little, found {change:.2%}"
    floor = least["code of 5, no noise"]  # of what is measured here, the error on clean rows
    broken, repaired = row[POSTED] / floor - 1, row[LONGER] / floor - 1
    assert broken > 4, f"seed + {offset}: as posted it must be far above its floor, found an excess of {broken:.2f}"
    assert -0.02 < repaired < 0.25 * broken, (
        f"seed + {offset}: more steps must repair it, found {repaired:.2f} of excess"
    )
    ratio = row[FASTER] / row[POSTED]
    assert ratio < 0.6, f"seed + {offset}: ten times the rate must help, found {ratio:.3f} of the loss"
    ratio = row[WIDER] / row[LONGER]
    assert ratio < 1.15, f"seed + {offset}: a code of 10 must not be worse, found {ratio:.2f} times the loss"

for name, rows in levels.items():
    for s, row in rows.items():
        if s >= RIGHT:
            ratio = row["own_noise"] / row["wiener"]
            assert abs(ratio - 1) < 0.05, f"{name}, noise {s}: {ratio:.4f} times Wiener's floor"
        for key, tolerance in (("asked_noise", 0.03), ("distance", 0.1)):
            found = row["distance_from_identity" if key == "distance" else key]
            gap = abs(found - row[f"{key}_closed_form"])
            assert gap < tolerance, f"{name}, noise {s}: {key} {gap:.4f} away from the closed form"
for name, rows in masking.items():
    for nu, row in rows.items():
        ratio = row["loss"] / row["floor"]
        assert abs(ratio - 1) < 0.06, f"{name}, {nu:.0%} masked: {ratio:.4f} times the floor"
for nu, row in masking["independent"].items():
    assert abs(row["floor"] / nu - 1) < 0.03, f"independent, {nu:.0%} masked: the floor must be ν, found {row['floor']}"
for offset, row in enumerate(ends):
    assert row["strong"] > 0.75, f"seed + {offset}: too strong must leave the variance nearly whole, found {row}"
    ratio = row["strong_correlated"] / row["strong"]
    assert ratio < 0.6, f"seed + {offset}: correlated columns must bear the same noise better, found {ratio:.3f}"
    least = row["wiener_right"]
    weak, right, faded = (row[name] / least - 1 for name in ("weak", "right", "annealed"))
    assert weak > 0.5, f"seed + {offset}: trained on weak noise it must fail at 0.5, found an excess of {weak:.3f}"
    assert abs(right) < 0.04, f"seed + {offset}: trained on 0.5 it must reach Wiener's floor, found {right:.3f} over it"
    assert faded > 0.2, f"seed + {offset}: annealed to zero it must copy again, found an excess of {faded:.3f}"

good, faded, none = (digit_runs[name] for name in (CONSTANT_NOISE, FADING, NONE))
ratio = good["noise_of_20_percent"] / digit_floors["constant"]
assert ratio < 0.45, f"digits at 20 % noise must train, found {ratio:.3f} of the constant's error"
for name, row, bound in (("annealed", faded, 1.08), ("no noise", none, 1.3)):
    ratio = row["noise_of_20_percent"] / good["noise_of_20_percent"]
    assert ratio > bound, f"digits, {name}: must denoise worse than constant noise, found {ratio:.3f} times its error"
    ratio = row["training_loss"] / good["training_loss"]
    assert ratio < 0.7, f"digits, {name}: must have the lower training loss all the same, found {ratio:.3f} of it"

# %% [markdown]
# ## The figure

# %%
figure, ((asked, steps, wiener), (weak, own, eyes)) = plt.subplots(2, 3, figsize=(18, 10.5), layout="constrained")
figure.suptitle(
    "Is it the noise? Change it: the loss moves along a known curve, or something else is wrong", fontsize=15
)

names = (POSTED, ADVISED, QUIET, LOUD, FASTER, LONGER, WIDER)
for place, name in enumerate(names):
    values = [row[name] for row in question]
    color, marker = (ORANGE, "o") if place < 4 else (BLUE, "s")
    asked.plot(values, [place] * len(values), marker, color=color, markersize=8, alpha=0.8)
variance, least = question_floors[0]["variance"], question_floors[0]["code of 5, no noise"]
asked.axvline(variance, color="black", linestyle=":", linewidth=1.5, label=f"variance {variance:.3f}: the constant")
asked.axvline(least, color="black", linewidth=1.2, label=f"best linear code of 5: {least:.3f}")
asked.set_yticks(range(len(names)), [f"{name}".replace(", ", ",\n") for name in names])
asked.invert_yaxis()
asked.set(xlim=(0, None), xlabel="mean squared error on clean rows, three seeds")
asked.set_title("The question's network: four levels of noise, the same loss;\nrate or steps repair it, noise and all")
asked.legend(fontsize=9, loc="lower right")

for name, color, style in (
    (LONGER, BLUE, "-"),
    (FASTER, BLUE, "--"),
    (LOUD, GREY, "-"),
    (POSTED, ORANGE, "-"),
    (ADVISED, "black", ":"),
):
    curve = question_curves[name]
    steps.plot(4 * np.arange(1, len(curve) + 1), curve, style, color=color, linewidth=2, label=name)
steps.axvline(40, color="black", linewidth=0.8, linestyle="--")
steps.text(43, 0.012, "the question stops here:\n40 steps")
least = question_floors[0]["code of 5, 0.2 std"]
steps.axhline(least, color="black", linewidth=1.2)
steps.text(4, least * 1.04, f"code of 5 and noise of 0.2 std: {least:.3f}")
steps.set(xscale="log", yscale="log", xlabel="steps of 32 rows", ylabel="training loss", ylim=(0.01, None))
steps.set_title("The noise costs 2 % of the variance;\n40 steps at this rate cost three times all of it")
steps.legend(fontsize=9)

s = np.geomspace(0.04, 5, 100)
for name, color, marker in (("independent", ORANGE, "o"), ("mixtures", BLUE, "s")):
    wiener.plot(s, [floors.wiener(spectra[name], level) for level in s], color="black", linewidth=1.2)
    rows = levels[name]
    wiener.plot(list(rows), [row["own_noise"] for row in rows.values()], marker, color=color, markersize=8, label=name)
    for nu, row in masking[name].items():
        label = f"{name}, masked by ν: at s = √(ν/(1 − ν))" if nu == MASKED[0] else None
        at = np.sqrt(nu / (1 - nu))
        wiener.plot(at, row["loss"], marker, color=color, markerfacecolor="white", markersize=11, label=label)
wiener.axhline(1, color="black", linestyle=":", linewidth=1.5)
wiener.text(0.045, 1.01, "the constant", va="bottom")
wiener.set(
    xscale="log", xlabel="standard deviation of the noise (a column's is 1)", ylabel="fraction of the variance left"
)
wiener.set_title("Too strong: the loss is on Wiener's floor, which is\nnear 1 for columns that do not help each other")
wiener.set_ylim(0, 1.12)
wiener.legend(fontsize=9, loc="upper left", bbox_to_anchor=(0, 0.86))

rows = levels["mixtures"]
weak.plot(s, [transfer(spectra["mixtures"], level, RIGHT) for level in s], color="black", label="closed form")
label = "error after noise of 0.5"
weak.plot(list(rows), [row["asked_noise"] for row in rows.values()], "s", color=BLUE, markersize=8, label=label)
label = "error at its own noise (the loss)"
weak.plot(list(rows), [row["own_noise"] for row in rows.values()], "o:", color=ORANGE, markersize=6, label=label)
weak.plot(
    RIGHT, ends[0]["annealed"], "*", color=ORANGE, markersize=17, label="annealed from 0.5 to 0, after noise of 0.5"
)
weak.axhline(RIGHT**2, color="black", linestyle="--", linewidth=1)
weak.text(0.25, RIGHT**2 + 0.006, "copying: 0.25")
weak.axhline(ends[0]["wiener_right"], color="black", linestyle=":", linewidth=1.5)
weak.text(5, ends[0]["wiener_right"] - 0.008, "Wiener's floor", ha="right", va="top")
weak.set(
    xscale="log", ylim=(0, 0.5), xlabel="noise in training (standard deviation)", ylabel="fraction of the variance left"
)
weak.set_title("Too weak: the least training loss\nbelongs to the networks that copy")
weak.legend(fontsize=9, loc="upper left", bbox_to_anchor=(0, 0.98))

keys = (
    ("training_loss", "its own training loss", GREY, ""),
    ("noise_of_20_percent", "held-out, 20 % noise", BLUE, "//"),
)
for place, name in enumerate(digit_runs):
    for shift, (key, label, color, hatch) in zip((-0.2, 0.2), keys, strict=True):
        value = digit_runs[name][key]
        own.bar(place + shift, value, 0.38, color=color, hatch=hatch, edgecolor="white", label=None if place else label)
        own.text(place + shift, value + 0.0005, f"{value:.5f}", ha="center", fontsize=9)
for (name, value), style in zip(digit_floors.items(), (":", "--", "-"), strict=True):
    own.axhline(value, color="black", linestyle=style, linewidth=1.2)
    text = {"constant": "constant", "copy": "copying: 0.04", "wiener": "Wiener: linear"}[name]
    own.text(1.41 if name == "wiener" else -0.45, value + 0.0005, text)
own.set_xticks(range(len(digit_runs)), [name.replace(" annealed", "\nannealed") for name in digit_runs])
own.set(ylabel="mean squared error (grey levels 0 to 1)", ylim=(0, 0.056))
own.set_title("Digits, 20 % noise: it trains; annealed to zero,\nthe loss is lower and the noise comes through")
own.legend(fontsize=9, loc="upper right", bbox_to_anchor=(1, 0.84))

sheet = {"noise of 20 %": new_noisy, **digit_answers, "clean": new_images}
stack = np.concatenate([rows[:9] for rows in sheet.values()])
eyes.imshow(plots.tile(stack, (SIDE, SIDE), 9, gap=0.5), cmap="gray", vmin=0, vmax=1)
labels = [name.replace(" annealed", "\nannealed") for name in sheet]
eyes.set_yticks([(SIDE + 1) * (row + 0.5) for row in range(len(sheet))], labels)
eyes.set_xticks([])
eyes.tick_params(length=0)
eyes.spines[:].set_visible(False)
eyes.set_title("Held-out digits")
for panel in (asked, steps, wiener, weak, own):
    panel.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **Wiener's floor.** The input is $\tilde x = x + s\epsilon$; $x$ has mean 0 and covariance $C$. The best linear guess
# is $W = C\,(C + s^2 I)^{-1}$, since $C$ is the covariance of $x$ with $\tilde x$ and $C + s^2 I$ that of $\tilde x$.
# Along an eigenvector it multiplies by the gain $g_i = \lambda_i/(\lambda_i + s^2)$, and leaves
#
# $$
# \frac1d\sum_i \bigl[(1 - g_i)^2\lambda_i + g_i^2 s^2\bigr] = \frac1d\sum_i \frac{\lambda_i s^2}{\lambda_i + s^2}.
# $$
#
# With a code of $k$ only the first $k$ gains are there, and $\tfrac1d[\sum_i\lambda_i - \sum_{i\le k} \lambda_i g_i]$
# is left. For independent columns of variance 1 it is $s^2/(1 + s^2)$: 0.80 at $s = 2$. Where columns are mixtures of
# few numbers, most $\lambda_i$ are small and a few are large, up to $d$ times as large. These stand above the noise,
# and it averages out. (Masking a centred column has the same form: it leaves $\nu$ of an independent one, which is
# Wiener's floor for $s^2 = \nu/(1 - \nu)$.)
#
# **The question.** $s = 0.2$ standard deviations, independent columns: $0.04/1.04 = 3.85\,\%$ of the variance, for a
# code of 10. With a code of 5 it is half of that, 1.92 %, beside the 50 % that the code itself costs (less on 100 rows,
# see chapter 10). It cannot be why the loss is three times the *variance*. Change the noise from nothing to a whole
# standard deviation, and the loss after 40 steps moves in the third digit. Adam's rate of 0.001 moves a weight by about
# 0.04 in 40 steps: the biases have not yet reached the mean, 0.5. The advice to anneal was aimed at something that was
# not wrong, and does nothing. More steps repair most of it with the noise left in. What then remains above the floor is
# the ReLU: a unit of the code that dies or never bends leaves less than five numbers.
#
# **Too weak.** As $s \to 0$ all gains go to 1 and $W \to I$: a copier, with an error of $s^2$ at whatever noise $s$ it
# is asked to remove. Its training loss is the smallest of all, because its own noise is. *Losses at different levels
# cannot be compared*: each has its own floor. Compare them at one level, the one that matters.
#
# **Annealing to zero** means to train at $s = 0$ in the end. The network forgets as fast as it learnt: the large
# eigenvalues' gains were near 1 anyway, and the small ones go back there, as far as the last epochs reach. On digits,
# too, annealing ends with a much lower training loss and more noise let through. Anneal, if at all, to the level that
# will be met.

# %% [markdown]
# ## Exercises
#
# 1. *Columns of variance 1, independent. Which noise leaves half of the variance?*
#
#    $s^2/(1 + s^2) = 1/2$: $s = 1$. For masking, $\nu = 1/2$.
#
# 2. *24 columns that are all the same number, of variance 1, plus noise of $s = 2$. What is left?*
#
#    One eigenvalue, $\lambda = 24$: $\tfrac{1}{24}\cdot 24 \cdot 4/28 = 1/7$, against $4/5$ for independent columns.
#    The mean of 24 noisy copies has the noise variance $4/24 = 1/6$, and $\tfrac{1/6}{1 + 1/6} = 1/7$.
#
# 3. *A run with noise 0.1 has the loss 0.009, one with noise 0.5 has 0.15. Which is the better denoiser?*
#
#    The losses do not say. 0.009 is nearly $s^2 = 0.01$, what copying costs; 0.15 is well below 0.25. On this evidence
#    the second removes noise, and the first hardly does.
#
# 4. *How would you have found, without a formula, that noise was not the trouble in the question?*
#
#    Set it to zero, and run again with the same seed. If the loss is the same, it was not the noise.

# %%
chapter.finish(
    figure,
    {
        "question": question,
        "question_floors": question_floors,
        "cost_of_0.2_std": in_closed_form,
        "levels": {name: {str(level): row for level, row in rows.items()} for name, rows in levels.items()},
        "masking": {name: {str(nu): row for nu, row in rows.items()} for name, rows in masking.items()},
        "three_seeds": ends,
        "digits": digit_runs,
        "digits_floors": digit_floors,
    },
)
