# %% [markdown]
# # Too much noise has a floor near the variance, too little copies; change it, and see whether the loss moves
#
# A denoising autoencoder does not get below 0.2 on data of variance 0.08, and the noise is blamed. Another has a
# hundredth of that loss, and what it denoises comes back with the noise in it.
#
# *Failure modes: F17, F18 · networks: Q1a · advice: the noise is excessive, anneal it from 5 % of std to 1–2 %*

# %% [markdown]
# ## Is it yours?
#
# **The one measurement**: train again, from the same seed, with another level of noise, and with none.
#
# - The loss hardly moves: it is not the noise. It may be that the network has only begun (chapter 18).
# - It moves along Wiener's floor, which `scratchdae floors` prints for your data. Where this floor is near their
#   variance, the noise is too strong.
# - With less noise the loss is lower. That says nothing: every level has its own floor. Evaluate both networks at the
#   level that is to be removed. One whose error is the noise's own variance copies: its noise was too weak.
#
# ![Four networks that are to remove noise, and where the loss goes](../figures/06_noise_level.png)
#
# On trial is an answer to Q1, why a denoising autoencoder fails to train. Its example has 100 rows of 10 uniform
# columns, noise of 0.2 times their standard deviation, and 10 epochs (Q1a). It calls such noise excessive, and advises
# to anneal it from 5 % of the standard deviation to 1 or 2 %.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, Sequential, evaluate, fit, floors, plots, posted
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float, uniform
from scratchdae.layers import Dense, ReLU
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, ORANGE
from scratchdae.schedules import Geometric, Linear

chapter = Chapter.begin("06_noise_level")

SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))
POSTED_EPOCHS, LONG_EPOCHS = 10, 150 if chapter.quick else 1000  # 4 steps each
D, FACTORS = 24, 3  # columns of variance 1, mixtures of so many hidden numbers
N_TRAIN, N_TEST = (1600, 2000) if chapter.quick else (4000, 4000)
EPOCHS, LR = (16, 6e-2) if chapter.quick else (30, 3e-2)
WEAK, RIGHT, STRONG = 0.05, 0.5, 2.0  # standard deviations; 0.5 is the one to be removed
LEVELS = (WEAK, RIGHT, STRONG) if chapter.quick else (WEAK, 0.1, 0.2, RIGHT, 1.0, STRONG, 4.0)
SIDE = 28 if chapter.full else 14
DIGIT_NOISE = 0.2  # of the range from black to white
N_DIGITS, DIGIT_EPOCHS, DIGIT_LR = (800, 10, 4e-3) if chapter.quick else (3000, 30, 2e-3)

# %% [markdown]
# ## The run
#
# **The question's network**: a ReLU layer of 5, a linear layer of 10, Adam at its default rate, batches of 32, mean
# squared error; but its noise is drawn for every batch, where the post draws it once. Then the advice, and other levels
# of noise; then ten times the learning rate, and a hundred times the steps (fewer with `--quick`), noise and all.


# %%
def train(layers, x, seed, epochs, lr, corruption, batch_size=50):
    """Train with Adam; return the network and its training loss after each epoch."""
    model = Sequential(layers, x.shape[1:], np.random.default_rng([seed, 2]), dtype=x.dtype)
    options = {"lr": lr, "batch_size": batch_size, "optimizer": Adam(), "corruption": corruption}
    return model, fit(model, x, epochs=epochs, seed=seed, **options, backend="numpy", progress=False)["loss"]


def gaussian(level):
    """Return noise of this standard deviation, a number or a schedule; none for 0."""
    return Corruption("gaussian", level) if level else None


QUESTION = {  # noise in standard deviations of the data, epochs, learning rate
    "0.2 std, as posted": (0.2, POSTED_EPOCHS, 1e-3),
    "annealed 5 % → 1 %": ((0.05, 0.01), POSTED_EPOCHS, 1e-3),
    "no noise": (0.0, POSTED_EPOCHS, 1e-3),
    "1 std": (1.0, POSTED_EPOCHS, 1e-3),
    "0.2 std, rate × 10": (0.2, POSTED_EPOCHS, 1e-2),
    "0.2 std, more steps": (0.2, LONG_EPOCHS, 1e-3),
}
question = []
for seed in SEEDS:
    x = uniform(100, 10, np.random.default_rng([seed, 1]))
    question.append({"variance": floors.constant(x), "floor of the code": float(floors.pca(x)[5])})
    for name, (noise, epochs, lr) in QUESTION.items():
        level = Linear(*(x.std() * np.array(noise)), epochs - 1) if isinstance(noise, tuple) else noise * x.std()
        model, _ = train(posted.NETWORKS["q1a"].layers(), x, seed, epochs, lr, gaussian(level), 32)
        question[-1][name] = evaluate(model, x)
    print(f"seed {seed}, clean rows:", ", ".join(f"{name} {value:.4f}" for name, value in question[-1].items()))

# %% [markdown]
# **Wiener's floor.** A linear layer without a bottleneck, for 24 columns of variance 1: independent ones, or mixtures
# of 3 hidden numbers. Every network is also asked to remove noise of 0.5. The broken ones have noise of 2 on
# independent columns, noise of 0.05, or the right noise, annealed to zero.


# %%
def table(name, seed):
    """Draw rows, the training ones first, with columns of mean 0 and variance 1."""
    rng = np.random.default_rng([seed, 3])
    x = uniform(N_TRAIN + N_TEST, D, rng)
    if name == "mixtures":
        x, _ = redundant_columns(N_TRAIN + N_TEST, D, FACTORS, rng, noise=0.25)
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


def denoise(name, seed, level):
    """Train one linear layer against noise; return its errors on held-out rows, and what closed forms say of them."""
    x = table(name, seed)
    model, _ = train([Dense(D)], x[:N_TRAIN], seed, EPOCHS, Geometric(LR, 1e-4, EPOCHS), gaussian(level))
    spectrum, s = floors.eigenvalues(x), 0.0 if isinstance(level, Linear) else level
    noise = np.random.default_rng([seed, 5]).standard_normal((N_TEST, D), dtype=np.float32)
    clean, gain = x[N_TRAIN:], spectrum / (spectrum + s**2)
    errors = [evaluate(model, clean + np.float32(level) * noise, clean) for level in (s, RIGHT)]
    closed = [floors.wiener(spectrum, s), float(np.mean((1 - gain) ** 2 * spectrum + gain**2 * RIGHT**2))]
    distance = float(np.linalg.norm(model.params["dense_1.W"] - np.eye(D)) / np.sqrt(D))
    pairs = zip([*errors, distance], [*closed, float(np.sqrt(np.mean((1 - gain) ** 2)))], strict=True)
    return dict(zip(("own noise", "noise of 0.5", "distance from I"), pairs, strict=True))


levels = {name: [{s: denoise(name, seed, s) for s in LEVELS} for seed in SEEDS] for name in ("independent", "mixtures")}
annealed = [denoise("mixtures", seed, Linear(RIGHT, 0.0, EPOCHS - 1)) for seed in SEEDS]
for name, of_seeds in levels.items():
    for s, row in of_seeds[0].items():
        pairs = (f"{key} {found:.3f} ({closed:.3f})" for key, (found, closed) in row.items())
        print(f"{name}, trained with {s}, found (closed form):", ", ".join(pairs))
print("mixtures, annealed to 0:", ", ".join(f"{key} {found:.3f}" for key, (found, _) in annealed[0].items()))

# %% [markdown]
# **The embedded digits**, which a program draws, with noise of 20 % of the range, one hidden ReLU layer wider than the
# image; the same network without noise, and with the noise annealed to zero. All three are asked to remove 20 %.

# %%
data = digits()
images, new_images = (to_float(part, np.float32, SIDE) for part in (data.x_train[:N_DIGITS], data.x_test))
static = np.random.default_rng([chapter.seed, 7]).standard_normal(new_images.shape, dtype=np.float32)
new_noisy = new_images + np.float32(DIGIT_NOISE) * static
on_digits, answers = {}, {"noisy": new_noisy}
fading = Linear(DIGIT_NOISE, 0.0, DIGIT_EPOCHS - 1)
for name, level in (("noise of 0.2", DIGIT_NOISE), ("noise annealed to 0", fading), ("no noise", 0.0)):
    rate = Geometric(DIGIT_LR, DIGIT_LR / 10, DIGIT_EPOCHS)
    layers = [Dense(2 * SIDE**2), ReLU(), Dense(SIDE**2)]
    model, losses = train(layers, images, chapter.seed, DIGIT_EPOCHS, rate, gaussian(level))
    answers[name] = model.predict(new_noisy)
    error = evaluate(model, new_noisy, new_images)
    on_digits[name] = {"training_loss": float(losses[-1]), "noise_of_20_percent": error}
    print(f"digits, {name}: reported {losses[-1]:.5f}, held-out digits with noise of 20 % {error:.5f}")

# %% [markdown]
# ## The check

# %%
for seed, row in zip(SEEDS, question, strict=True):
    for name in ("annealed 5 % → 1 %", "no noise", "1 std"):
        change, most = row[name] / row["0.2 std, as posted"] - 1, 0.06 if name == "1 std" else 0.01
        assert abs(change) < most, f"seed {seed}: {name} must change next to nothing, found {change:.2%} of the loss"
    floor = row["floor of the code"]
    before, after = row["0.2 std, as posted"] / floor - 1, row["0.2 std, more steps"] / floor - 1
    assert before > 4, f"seed {seed}: as posted it must be far above its floor, found an excess of {before:.2f}"
    assert -0.02 < after < 0.4 * before, f"seed {seed}: more steps must repair most of it, found {after:.2f} of excess"
    ratio = row["0.2 std, rate × 10"] / row["0.2 std, as posted"]
    assert ratio < 0.6, f"seed {seed}: ten times the rate must help, found {ratio:.3f} of the loss"
for name, of_seeds in levels.items():
    for seed, rows in zip(SEEDS, of_seeds, strict=True):
        for s, row in rows.items():
            for key, (found, closed) in row.items():
                far = abs(found - closed) > 0.05 * closed + (0.1 if key == "distance from I" else 0.03)
                assert not far, f"{name}, {s}, seed {seed}: {key} must be {closed:.3f}, is {found:.3f}"
for place, seed in enumerate(SEEDS):
    strong, correlated = (levels[name][place][STRONG]["own noise"][0] for name in ("independent", "mixtures"))
    assert strong > 0.75, f"seed {seed}: too strong must leave most of the variance, found {strong:.3f}"
    assert correlated < 0.6 * strong, f"seed {seed}: mixtures must bear it better, found {correlated:.3f}"
    least = levels["mixtures"][place][RIGHT]["noise of 0.5"][1]
    weak, right = (levels["mixtures"][place][s]["noise of 0.5"][0] / least - 1 for s in (WEAK, RIGHT))
    faded = annealed[place]["noise of 0.5"][0] / least - 1
    assert weak > 0.5, f"seed {seed}: trained on weak noise it must fail at 0.5, found an excess of {weak:.3f}"
    assert abs(right) < 0.05, f"seed {seed}: trained on 0.5 it must reach Wiener's floor, found {right:.3f} over it"
    assert faded > 0.2, f"seed {seed}: annealed to zero it must copy again, found an excess of {faded:.3f}"
ratio = on_digits["noise of 0.2"]["noise_of_20_percent"] / floors.constant(new_images)
assert ratio < 0.45, f"digits at 20 % noise must train, found {ratio:.3f} of the constant's error"
for name, bound in (("noise annealed to 0", 1.05), ("no noise", 1.3)):
    reported, error = (on_digits[name][key] / value for key, value in on_digits["noise of 0.2"].items())
    assert error > bound, f"digits, {name}: must denoise worse than constant noise, found {error:.3f} times its error"
    assert reported < 0.8, f"digits, {name}: must have the lower training loss all the same, found {reported:.3f} of it"

# %% [markdown]
# ## The figure

# %%
figure, axes = plt.subplot_mosaic("ab;cc", figsize=(9, 8), layout="constrained", height_ratios=(1, 0.85))
asked, curves, eyes = axes.values()
for place, name in enumerate(QUESTION):
    values = [row[name] for row in question]
    asked.plot(values, [place] * len(values), "o" if place < 4 else "s", color=ORANGE if place < 4 else BLUE)
for name in ("variance", "floor of the code"):
    asked.axvline(question[0][name], color="black", linewidth=1, linestyle=":")
    asked.text(question[0][name] + 0.003, 2.5, name.split()[0])
asked.set_yticks(range(len(QUESTION)), [name.replace(", ", ",\n") for name in QUESTION])
asked.set(xlim=(0, None), ylim=(5.5, -0.5), xlabel="squared error on clean rows")
asked.set_title("The question's network: any noise, the\nsame loss; rate or steps repair it")

s = np.geomspace(0.04, 5, 100)
spectrum = floors.eigenvalues(table("mixtures", chapter.seed))
curves.plot(s, [floors.wiener(spectrum, level) for level in s], color=ORANGE)
gains = spectrum / (spectrum + s[:, None] ** 2)
curves.plot(s, np.mean((1 - gains) ** 2 * spectrum + gains**2 * RIGHT**2, axis=1), color=BLUE)
for key, color, marker in (("own noise", ORANGE, "o"), ("noise of 0.5", BLUE, "s")):
    rows = levels["mixtures"][0]
    curves.plot(list(rows), [row[key][0] for row in rows.values()], marker, color=color)
plots.floor_line(curves, RIGHT**2)
curves.text(0.045, RIGHT**2 + 0.007, "copying: 0.25")
curves.text(0.045, 0.33, "asked to remove 0.5", color=BLUE)
curves.text(0.045, 0.03, "the loss, at\nits own noise", color=ORANGE)
plots.logarithmic(curves, "x", LEVELS)
curves.set(ylim=(0, 0.5), xlabel="noise in training (deviation of a column: 1)", ylabel="fraction of the variance left")
curves.set_title("Mixtures: the least loss belongs\nto the networks that copy")

sheet = [*answers.values(), new_images]
plots.tiles(eyes, np.concatenate([rows[:12] for rows in sheet]), (SIDE, SIDE), 12)
labels = ["noisy", *(f"trained with\n{name}" for name in on_digits), "clean"]
eyes.set_yticks([(SIDE + 1) * row + SIDE / 2 for row in range(5)], labels)
eyes.set_title("Held-out digits with noise of 20 %, as three networks clean them")

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
# few numbers, a few $\lambda_i$ are large, up to $d$, and stand above the noise. (Masking leaves $\nu$ of an
# independent centred column, which is Wiener's floor for $s^2 = \nu/(1 - \nu)$.)
#
# **The question.** $s = 0.2$ standard deviations, independent columns: $0.04/1.04$, or 3.85 % of the variance, for a
# code of 10. With a code of 5 it is half of that, beside the 50 % that the code itself costs (less on 100 rows, see
# chapter 10). It cannot be why the loss is three times the *variance*. Adam's rate of 0.001 moves a weight by about
# 0.04 in 40 steps: the biases have not yet reached the mean, 0.5. More steps repair most of it with the noise left in;
# what then remains above the floor is the ReLU, whose dead units leave fewer numbers.
#
# **Too weak.** As $s \to 0$ all gains go to 1 and $W \to I$: a copier, with an error of $s^2$ at whatever noise $s$ it
# is asked to remove. Its training loss is the smallest of all, because its own noise is.
# **Annealing to zero** means to train at $s = 0$ in the end: the small eigenvalues' gains go back to 1, as far as the
# last epochs reach. Anneal, if at all, to the level that will be met.

# %% [markdown]
# ## The cure in PyTorch
#
# Measure: `x` holds clean examples (N, d), of mean 0 in every column; `s` is the noise that will be met.
#
# ```python
# noise, values = s * torch.randn_like(x), torch.linalg.eigvalsh(x.T @ x / len(x))
# wiener = (values * s**2 / (values + s**2)).mean().item()  # near the variance: too much noise for these data
# error = (model(x + noise) - x).square().mean().item()  # on `wiener`: well trained; near s**2: it copies
# ```
#
# Repair of a copier: that noise in training, to the end. (Of too much noise: none but less noise, or related columns.)
# ```python
# loss = (model(batch + s * torch.randn_like(batch)) - batch).square().mean()  # it was a smaller s
# loss.backward()
# ```

# %% [markdown]
# ## The cure in Keras
#
# ```python
# noise, values = s * np.random.default_rng(0).standard_normal(x.shape), np.linalg.eigvalsh(x.T @ x / len(x))
# wiener = np.mean(values * s**2 / (values + s**2))  # near the variance: too much noise for these data
# error = np.mean((model.predict(x + noise, verbose=0) - x) ** 2)  # on `wiener`: well trained; near s**2: it copies
# ```
#
# ```python
# model = keras.Sequential([keras.layers.GaussianNoise(s), *model.layers[1:]])  # in place of the GaussianNoise before
# ```

# %% [markdown]
# ## Exercises
#
# 1. 24 columns that are all the same number, of variance 1, plus noise of $s = 2$. What is left?
# 2. A run with noise 0.1 has the loss 0.009, one with noise 0.5 has 0.15. Which is the better denoiser?
#
# *Answers.*
# 1. One eigenvalue, $\lambda = 24$: $\tfrac{1}{24}\cdot 24 \cdot 4/28 = 1/7$, against $4/5$ for independent columns.
# 2. The losses do not say. 0.009 is nearly $s^2 = 0.01$, what copying costs; 0.15 is well below 0.25. On this evidence
#    the second removes noise, and the first hardly does.

# %%
numbers = {"question": question, "found_and_closed_form": levels, "annealed": annealed}
chapter.finish(figure, numbers | {"digits": on_digits, "digits_constant": floors.constant(new_images)})
print("Noise that is too strong leaves Wiener's floor, near the variance; noise that is too weak leaves a copier.")
print(
    "Change the noise and train again: a loss that does not move has another cause. Compare errors at one level only."
)
