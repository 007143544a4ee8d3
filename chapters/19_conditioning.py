# %% [markdown]
# # First fast, then crawling: data away from zero cost 1 + 3d, and centring them costs one line
#
# In the first step the loss drops by three quarters. Then it crawls, smoothly. It is not a rate too low: at a little
# over twice the rate it explodes. It is not the floor: a hundred times as many steps do get there.
#
# *Failure modes: F05 · advice: plain gradient descent against adaptive, Adam or RMSprop*

# %% [markdown]
# ## Is it yours?
#
# On the screen, the loss over that of the best constant, with 100 columns of numbers between 0 and 1:
#
# ```text
# step 0  4.0      step 1  0.98      step 10  0.93      step 50  0.71      step 100  0.51
# ```
#
# It begins *above* the constant and stays near it. One measurement: the **condition number**, the largest eigenvalue of
# $S = E[xx^\top]$ over the smallest, before and after subtracting the mean of each column. For $d$ independent columns
# with mean $\mu$ and standard deviation $\sigma$ it is $1 + d\mu^2/\sigma^2$ before, 1 after: 1 + 3d for uniform data,
# and for 84 columns that scatter by a tenth around 1.1 about ten thousand. If it falls by much, it is yours. On trial:
# whether Adam or RMSprop should stand in place of plain gradient descent (advice in answers to Q2 and Q3).

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import NonFiniteError, Sequential, evaluate, fit, floors, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float, uniform
from scratchdae.layers import Dense, ReLU
from scratchdae.optimizers import SGD, Adam, RMSprop
from scratchdae.plots import BLUE, GREY, ORANGE, logarithmic

chapter = Chapter.begin("19_conditioning")

D, T = 100, 100  # dimensions, and steps
SIZES = (3, 10, 30) if chapter.quick else (3, 10, 30, 100)
GOAL = 0.01  # of the best constant's loss
ADAPTIVE_RATES = (3e-3, 1e-2, 3e-2, 1e-1)
CODE, BATCH_SIZE = 16, 50
N_TRAIN, EPOCHS = (1000, 10) if chapter.quick else (2000, 15)
DECADES = (0.5, 1.0) if chapter.quick else (-0.5, 0.0, 0.5, 1.0, 1.5)
RULES = {  # the rule, the middle of the rates that are tried, and the rate that libraries have for a default
    "gradient descent": (SGD(), 1.0, 0.01),
    "momentum 0.9": (SGD(momentum=0.9), 0.1 * 10**0.5, 0.01),
    "RMSprop": (RMSprop(), 1e-3 / 10**0.5, 1e-3),
    "Adam": (Adam(), 1e-3, 1e-3),
}

# %% [markdown]
# ## The run: a linear autoencoder
#
# $z = xW$ and the mean squared error have the curvatures $h_i = 2\lambda_i/d$, with $\lambda_i$ the eigenvalues of $S$.
# The floor is 0, at $W = I$. The expectation is exact here; nothing is sampled.


# %%
def second_moment(d, mean=0.5):
    """Return S of uniform data about a mean: 1/12 on the diagonal, and the mean's square everywhere."""
    return np.eye(d) / 12 + mean**2


def descend(S, rule, lr, steps=T):
    """Train from W = 0; return the loss at each step, in units of the best constant's, 1/12."""
    d = len(S)
    params, losses = {"W": np.zeros((d, d))}, []
    state = rule.init(params)
    for step in range(steps + 1):
        rest = params["W"] - np.eye(d)
        slope = S @ rest
        losses.append(float(np.vdot(rest, slope)) / d * 12)
        if step < steps and losses[-1] > 1e-20:
            params, state = rule.update(params, {"W": 2 / d * slope}, state, lr)
    return np.array(losses)


def best_rate(S):
    """Return the largest rate that overshoots in no direction: one over the largest curvature."""
    return len(S) / (2 * np.linalg.eigvalsh(S)[-1])


def as_they_are(d=D):
    """Broken: the data as they are, in 0 … 1."""
    return descend(second_moment(d), SGD(), best_rate(second_moment(d)))


def centred(d=D):
    """Repaired: the mean is subtracted. The rule for the rate is the same."""
    return descend(second_moment(d, 0), SGD(), best_rate(second_moment(d, 0)))


def heavy_ball(d=D, steps=T):
    """Repaired in another way: Polyak's momentum and rate for this condition number."""
    root = np.sqrt(1 + 3 * d)
    momentum, lr = ((root - 1) / (root + 1)) ** 2, 24 * d / (root + 1) ** 2
    return descend(second_moment(d), SGD(momentum=momentum), lr, steps)


def crawl(d, t):
    """Return the closed form for the data as they are, from step 1 on: only the slow directions are left."""
    return (d - 1) / d * (1 - 1 / (1 + 3 * d)) ** (2 * np.asarray(t))


def steps_to_goal(losses):
    """Return the first step from which the loss stays below the goal; infinity if it does not."""
    above = np.flatnonzero(losses > GOAL)
    return float(above[-1] + 1) if above[-1] + 1 < len(losses) else np.inf


raw, repaired = as_they_are(), centred()
doubled = descend(second_moment(D), SGD(), 2.2 * best_rate(second_moment(D)))
needed = {}
for d in SIZES:
    S, limit = second_moment(d), int(2.5 * (1 + 3 * d)) + 20
    runs = {
        "as they are": [descend(S, SGD(), best_rate(S), limit)],
        "centred": [centred(d)],
        "heavy ball": [heavy_ball(d, limit + 100)],
        "RMSprop": [descend(S, RMSprop(), lr, limit + 300) for lr in (1e-3, *ADAPTIVE_RATES)],
        "Adam": [descend(S, Adam(), lr, limit + 300) for lr in ADAPTIVE_RATES],
    }
    needed[d] = {name: min(map(steps_to_goal, tried)) for name, tried in runs.items()}
predicted = {d: np.log(GOAL * d / (d - 1)) / (2 * np.log(1 - 1 / (1 + 3 * d))) for d in SIZES}
sample = uniform(50_000, 10, np.random.default_rng([chapter.seed, 1]))
measured = float(np.linalg.cond(sample.T @ sample / len(sample))), float(np.linalg.cond(np.cov(sample.T)))
print(f"condition number at d = 10: {measured[0]:.1f}, centred {measured[1]:.2f}; computed {1 + 3 * 10} and 1")
print(f"loss over the constant's, {T} steps: as they are {raw[-1]:.4f} ({crawl(D, T):.4f}), centred {repaired[-1]:.1e}")
for d, row in needed.items():
    print(f"steps to {GOAL:.0%} of the constant, best rate, d = {d}: {row}; as they are, computed {predicted[d]:.1f}")

# %% [markdown]
# ## The run: digits, four rules, best against best
#
# Comparing rules at one rate compares rates. So each rule gets its best of several rates, and besides, the rate that
# libraries give it by default. Two networks with a code of 16: a linear one, whose floor is exact (the trailing
# eigenvalues of the covariance), and a deep one with ReLUs, which may go below it. The embedded digits, which a program
# draws, are raw in 0 … 1, or centred; the whitened input consists of their 64 leading components, scaled to variance 1,
# with the centred picture for its target.

# %%
images = to_float(digits().x_train[:N_TRAIN], side=14)
about_mean = images - images.mean(axis=0)
variances, directions = np.linalg.eigh(about_mean.T @ about_mean / N_TRAIN)
white = about_mean @ directions[:, -64:] / np.sqrt(variances[-64:])
floor = float(floors.pca(images)[CODE])
PREPARED = {"raw": (images, images), "centred": (about_mean, about_mean), "whitened": (white, about_mean)}
NETWORKS = {
    "linear": [Dense(CODE), Dense(196)],
    "deep": [Dense(64, "he_normal"), ReLU(), Dense(CODE), Dense(64, "he_normal"), ReLU(), Dense(196)],
}


def final_excess(layers, data, rule, lr):
    """Train and return the excess over the floor of a linear code; infinite if it diverged."""
    x, target = (array.astype(np.float32) for array in PREPARED[data])
    given = {"output_shape": (196,), "dtype": np.float32}
    network = Sequential(NETWORKS[layers], x.shape[1:], streams(chapter.seed).initialisation, **given)
    options = {"batch_size": BATCH_SIZE, "optimizer": rule, "seed": chapter.seed, "progress": False, "backend": "numpy"}
    try:
        fit(network, x, target, epochs=EPOCHS, lr=lr, **options)
    except NonFiniteError:
        return np.inf
    return evaluate(network, x, target) / floor - 1


best, default = {}, {}
for layers in NETWORKS:
    for data in PREPARED:
        for name, (rule, middle, _) in RULES.items():
            tried = [final_excess(layers, data, rule, middle * 10**decade) for decade in DECADES]
            best[layers, data, name] = min(tried)
    for name, (rule, _, usual) in RULES.items():
        default[layers, name] = final_excess(layers, "raw", rule, usual)
        row = ", ".join(f"{data} {best[layers, data, name]:.3f}" for data in PREPARED)
        print(f"{layers}, {name}: excess over the floor, best rate: {row}; raw, default {default[layers, name]:.3f}")

# %% [markdown]
# ## The check

# %%
assert abs(raw[-1] / crawl(D, T) - 1) < 1e-9, f"it must crawl as computed, found {raw[-1]} for {crawl(D, T)}"
assert raw[-1] > 0.5, f"after {T} steps it must still have half of the constant's loss, found {raw[-1]:.3f}"
assert repaired[1] < 1e-20, f"centred, one step must do, found {repaired[1]:.1e}"
assert doubled[-1] > 1e6, f"it is no rate too low: 2.2 times the rate must diverge, found {doubled[-1]:.1e}"
for d, row in needed.items():
    found = row["as they are"]
    assert found == np.ceil(predicted[d]), f"d = {d}: {found} steps, computed {predicted[d]:.1f}"
    assert row["heavy ball"] < 7 * np.sqrt(1 + 3 * d), f"d = {d}: heavy ball in {row['heavy ball']} steps"
gain = needed[SIZES[-1]]["as they are"] / needed[SIZES[-1]]["Adam"]
assert gain > 2.5, f"Adam must be several times faster at d = {SIZES[-1]}, found {gain:.1f}"
assert abs(measured[0] / 31 - 1) < 0.06, f"1 + 3d = 31, found {measured[0]:.2f}"
assert measured[1] < 1.1, f"centred it is 1, found {measured[1]:.3f}"
for layers in NETWORKS:
    worst, good = default[layers, "gradient descent"], best[layers, "raw", "gradient descent"]
    assert worst > 3, f"{layers}: at 0.01 gradient descent must have hardly begun, found {worst:.2f}"
    assert good < 0.4 * worst, f"{layers}: its own best rate must repair most of that, found {good:.2f}"
for name in RULES:
    before, after = best["deep", "raw", name], best["deep", "centred", name]
    assert after < before - 0.05, f"centring must help {name} in the deep network, found {before:.3f} to {after:.3f}"
    assert best["deep", "whitened", name] > after, f"whitening must not help {name} there"
lead = best["deep", "raw", "gradient descent"] - best["deep", "raw", "Adam"]
assert lead > 0.25, f"Adam must beat gradient descent in the deep network, best against best, found {lead:.2f}"

# %% [markdown]
# ## The figure

# %%
figure, (run_ax, race_ax) = plt.subplots(1, 2, figsize=(9, 5), layout="constrained")
t, bottom = np.arange(T + 1), 1e-4
run_ax.semilogy(t, raw, "s", color=ORANGE, markevery=4, markersize=4)
run_ax.semilogy(t[1:], crawl(D, t[1:]), "k-", linewidth=1)
run_ax.semilogy(t, np.maximum(repaired, bottom), "o-", color=BLUE, markevery=4, markersize=4)
run_ax.semilogy(t, heavy_ball(), "--", color=GREY)
run_ax.semilogy(t[:24], doubled[:24], ":", color=ORANGE, linewidth=2)
for height, text, color in (
    (2e4, "2.2 times the rate", ORANGE),
    (1.3, "as they are, and (1)", ORANGE),
    (5e-3, "heavy ball", GREY),
    (1.5 * bottom, "centred: one step", BLUE),
):
    run_ax.text(T, height, text, ha="right", color=color)
run_ax.set(xlabel="step", ylabel="loss over the best constant's", ylim=(bottom / 2, 1e6))
run_ax.set_title(f"Uniform data, d = {D}: fast, then a crawl")

rows = [(layers, name) for layers in NETWORKS for name in RULES]
for data, marker, color in (("raw", "s", ORANGE), ("centred", "o", BLUE), ("whitened", "^", GREY)):
    race_ax.plot([1 + best[layers, data, name] for layers, name in rows], range(len(rows)), marker, color=color)
race_ax.plot([1 + default[row] for row in rows], range(len(rows)), "s", color=ORANGE, fillstyle="none")
race_ax.axvline(1, color="black", linestyle=":", linewidth=1)
logarithmic(race_ax, "x", [0.7, 1, 2, 3, 5])
race_ax.set_yticks(range(len(rows)), [f"{layers}: {name}" for layers, name in rows])
race_ax.invert_yaxis()
race_ax.set_xlabel("loss over the linear floor; squares raw (hollow:\ndefault rate), circles centred, triangles white")
race_ax.set_title("Digits: centring helps deep networks")

# %% [markdown]
# ## The cause
#
# For independent columns $S = \sigma^2 I + \mu\mu^\top$: along $\mu$ its eigenvalue is $\sigma^2 + |\mu|^2$, elsewhere
# $\sigma^2$; for uniform data $\tfrac1{12} + \tfrac d4$ and $\tfrac1{12}$, so $\kappa = 1 + 3d$. The largest
# curvature limits the rate: at $lr = 1/h_{\max}$ the error along the mean is gone in one step, and each other direction
# is multiplied by $1 - 1/\kappa$. The loss, over the constant's, is 4 at first, then
#
# $$ \frac{d-1}{d}\,(1 - 1/\kappa)^{2t}. \tag{1} $$
#
# The large eigenvalue says nothing that one would want to know: that all numbers are positive. A rate too low gets
# better with a higher rate, this diverges beyond twice the rate, $2/h_{\max}$; a floor does not move, this does.
#
# The heavy ball turns $\kappa$ into its root. RMSprop and Adam divide each weight's gradient by its own size, which
# would undo a bad scaling of single columns; here the bad direction is $(1, 1, \dots, 1)$. Adam is fast nevertheless:
# its momentum damps the swing along the mean. RMSprop has none: at $d = 100$ no rate tried settles below 1 %.
#
# **The advice.** In a linear network, best against best, adaptive rules win nothing; what people compare are default
# rates, and there the advice looks a wonder: gradient descent at 0.01 has hardly moved, since the mean over 196 outputs
# divides its gradient by 196, and Adam's steps do not know about that. In the deep network adaptive rules do win, and
# centring moves every rule down. So: centre first, it is free; then Adam or RMSprop for depth; never judge a rule at
# one rate. Whitening is the complete cure for a quadratic and no medicine for anything else: it makes 64 components
# equally loud, of which the code can keep 16.
#
# ## The cure in PyTorch
#
# ```python
# mean = x.mean(0)
# spectra = (torch.linalg.eigvalsh(data.T @ data / len(x)) for data in (x, x - mean))
# before, after = ((spectrum[-1] / spectrum[0]).item() for spectrum in spectra)
#
# centred = x - mean  # train on this; what comes out is z + mean
# ```
#
# ## The cure in Keras
#
# ```python
# mean = x.mean(0)
# before, after = (np.linalg.cond(data.T @ data / len(x)) for data in (x, x - mean))
#
# centred = x - mean  # train on this; what comes out is z + mean
# ```
#
# ## Exercises
#
# 1. *A layer with a bias sees the data with a column of ones. Does the bias do the centring?*
# 2. *The data are in 0 … 255. What is the condition number?*
#
# ## Answers
#
# 1. It could, but gradient descent has to find it, and it is worse off: $S$ gets the eigenvalues $\lambda_\pm$ with
#    $\lambda_+ + \lambda_- = \tfrac1{12} + \tfrac d4 + 1$ and $\lambda_+\lambda_- = \tfrac1{12}$. Their ratio is about
#    $\tfrac34 d^2$: 8,162 at $d = 100$, where it was 301 without the bias.
# 2. The same. All curvatures are 65,025 times as large, and so the best rate is as many times smaller (chapter 11).

# %%
found = {
    "condition_number_d_10": measured,
    "steps_to_1_percent": {d: {name: n for name, n in row.items() if n < np.inf} for d, row in needed.items()},
    "digits_best_rate": {", ".join(key): value for key, value in best.items() if value < np.inf},
    "digits_default_rate": {", ".join(key): value for key, value in default.items()},
}
chapter.finish(figure, found)
print("Fast, then crawling: compare the condition number before and after centring. If it falls, subtract the mean.")
