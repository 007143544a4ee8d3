# %% [markdown]
# # A penalty of the code, too strong, leaves the mean: directions go out at twice their eigenvalue, rectifiers for good
#
# A sparsity penalty or a contractive one was added, as the papers have it. The loss falls at first, and then every
# answer is the mean. Units are dead, or all answer alike; without the penalty the same network learns.
#
# *Failure modes: F24, F13 · advice: make the code sparse, or contractive*

# %% [markdown]
# ## Is it yours?
#
# Digits, 64 rectifiers with an L1 penalty of their activities, a tied decoder, 2,000 steps of Adam; the loss of a digit
# is the sum over its pixels:
#
# ```text
# weight of the penalty      0    0.1      1      3
# loss as reported         0.4      2      8      9
# without the penalty      0.4    0.9      7      9
# units that are ever on   most   most    few   none
# best constant              9
# ```
#
# ![What a penalty leaves, with its closed form, and what rectifiers make of it](../figures/35_penalties.png)
#
# **The one measurement**: the same seed, penalty 0. If that learns, it was the penalty. The loss in evaluation mode,
# which leaves it out, beside the one reported says how much of the report is penalty.
#
# ## The claim
#
# The contractive penalty asks the code to change little when the input does; so does noise at the input, if it is
# small. On trial: the two are the same number, up to the square of the noise. But their effects are not: in a tied
# linear autoencoder noise shrinks each direction of the data, whereas the penalty removes those whose eigenvalue is
# below half of its weight, and all of them beyond twice the largest. Rectifiers under a strong L1 penalty die, and stay
# dead when the penalty is taken away.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, fit, floors, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.layers import ContractiveDense, Dense, L1Activity, ReLU, TiedDense
from scratchdae.optimizers import Adam
from scratchdae.plots import GREY, ORANGE
from scratchdae.schedules import Cosine

chapter = Chapter.begin("35_penalties")
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))

SIDE, UNITS, N, BATCH_SIZE = 14, 64, 600 if chapter.quick else 1000, 50
EPOCHS, LR = 60 if chapter.quick else 100, 3e-3
NONE, LITTLE, MUCH, TOO_MUCH = 0.0, 0.1, 1.0, 3.0  # weights of the L1 penalty
VARIANCES = np.array([4.0, 2.0, 1.0, 0.5])  # of the linear data, by direction
WEIGHTS = np.array([0.0, 0.5, 1.5, 3.0, 6.0, 9.0])  # of the contractive penalty, or of the noise's variance
LINEAR_STEPS = 500 if chapter.quick else 1000

# %% [markdown]
# ## The run
#
# First the digits. `L1Activity` stands behind the rectifiers; training adds its penalty to the loss, evaluation does
# not.

# %%
x = to_float(digits().x_train, np.float64, side=SIDE)[:N]
D = SIDE * SIDE
constant = D * floors.constant(x)


def network_of(weight, seed):
    layers = [Dense(UNITS), ReLU(), L1Activity(weight), TiedDense(D, tied_to=0)]
    return Sequential(layers, (D,), streams(seed).initialisation, loss="squared_error", reduction="paper")


def train(network, seed, *, epochs=EPOCHS):
    """Train; return the last loss that is reported, the loss without the penalty, and how many units are ever on."""
    reported = []
    options = {"batch_size": BATCH_SIZE, "optimizer": Adam(), "seed": seed, "backend": "numpy", "progress": False}
    fit(network, x, epochs=epochs, lr=LR, on_epoch=lambda row, _: reported.append(row["loss"]), **options)
    on = network.forward(network.params, x, depth=2)[0].max(axis=0) > 0
    return {"reported": reported[-1], "evaluated": float(network.loss(network.params, x, x)), "on": float(on.mean())}


def from_where_it_is(network, seed):
    """Take the penalty away from a trained network and go on."""
    freed = network_of(NONE, seed)
    freed.params = dict(network.params)
    return train(freed, seed)


networks = {(weight, seed): network_of(weight, seed) for weight in (NONE, LITTLE, MUCH, TOO_MUCH) for seed in SEEDS}
runs = {key: train(network, key[1]) for key, network in networks.items()}
afterwards = {seed: from_where_it_is(networks[TOO_MUCH, seed], seed) for seed in SEEDS}
for (weight, seed), run in runs.items():
    print(
        f"seed {seed}, weight {weight:<4}: reported {run['reported']:.2f}, evaluated {run['evaluated']:.2f}, ", end=""
    )
    print(f"{run['on']:.0%} of the units are ever on")
print(f"best constant {constant:.2f}; after the penalty was taken away {afterwards[chapter.seed]['evaluated']:.2f}")
# %% [markdown]
# Now what can be computed. Data with four directions, a tied linear autoencoder with room for all of them, all of the
# data in every step. The contractive penalty of a linear layer is $\lambda \|W\|^2$, which `fit` knows as `l2`. The
# same network is shown noise of variance $\lambda$ and asked for the clean data; of the noise only its second moments
# count, so a row of noise along each axis stands for all.

# %%
rng = np.random.default_rng([chapter.seed, 1])
k = len(VARIANCES)
white = np.linalg.qr(rng.standard_normal((200, k)))[0] * np.sqrt(200)  # E[x xᵀ] = I, exactly
rotation = np.linalg.qr(rng.standard_normal((k, k)))[0]
data = np.concatenate([white, -white]) * np.sqrt(VARIANCES) @ rotation.T  # mean 0


def shares(rows, target, l2=0.0):
    """Train a tied linear autoencoder; return how much of each direction comes through."""
    layers = [Dense(k), TiedDense(k, tied_to=0)]
    network = Sequential(layers, (k,), streams(chapter.seed).initialisation, loss="squared_error", reduction="paper")
    options = {"batch_size": len(rows), "optimizer": Adam(), "backend": "numpy", "progress": False, "l2": l2}
    fit(network, rows, target, epochs=LINEAR_STEPS, lr=Cosine(0.1, 0.0, LINEAR_STEPS), **options)
    W = network.params["dense_1.W"]
    return np.diag(rotation.T @ W @ W.T @ rotation)


def penalised(weight):
    return shares(data, data, l2=weight)


def noisy(weight):
    noise = np.sqrt(len(data) * weight / 2) * np.concatenate([np.eye(k), -np.eye(k)])
    return shares(np.concatenate([data, noise]), np.concatenate([data, np.zeros_like(noise)]))


by_penalty = np.array([penalised(weight) for weight in WEIGHTS])
by_noise = np.array([noisy(weight) for weight in WEIGHTS])
penalty_form = np.maximum(0, 1 - WEIGHTS[:, None] / (2 * VARIANCES))
noise_form = VARIANCES / (VARIANCES + WEIGHTS[:, None])
form_error = float(max(np.abs(by_penalty - penalty_form).max(), np.abs(by_noise - noise_form).max()))
print(f"shares of the directions, closed form off by {form_error:.1e}:\n{by_penalty.round(3)}\n{by_noise.round(3)}")

# %% [markdown]
# And the two objectives as numbers: how much noise of variance $\sigma^2$ moves the code of a sigmoid layer, over
# $\sigma^2$, beside the penalty in closed form. The noise sits on one pixel at a time, each as likely.

# %%
layer = ContractiveDense(UNITS, init_W="he_normal", weight=1.0)
own = layer.init((D,), streams(chapter.seed).initialisation)
code, cache = layer.forward(own, x[:20], np.random.default_rng(0))


def moved(sigma):
    steps = sigma * np.sqrt(D) * np.eye(D)
    moves = np.concatenate([steps, -steps])
    changes = [layer.forward(own, row + moves)[0] - y for row, y in zip(x, code, strict=False)]
    return float(np.mean([np.square(change).sum(axis=1) for change in changes])) / sigma**2


apart = {sigma: abs(moved(sigma) / float(cache.penalty) - 1) for sigma in (0.1, 0.01, 0.001)}
print("noise and penalty differ by " + ", ".join(f"{d:.1e} at sigma {sigma}" for sigma, d in apart.items()))

# %% [markdown]
# ## The check

# %%
for seed in SEEDS:
    none, little, much, too_much = (runs[weight, seed] for weight in (NONE, LITTLE, MUCH, TOO_MUCH))
    assert abs(too_much["evaluated"] / constant - 1) < 0.01, f"seed {seed}: the mean, found {too_much['evaluated']:.2f}"
    assert too_much["on"] == 0, f"seed {seed}: every unit must be dead, found {too_much['on']:.0%} on"
    left = afterwards[seed]["evaluated"]
    assert abs(left / constant - 1) < 0.01, f"seed {seed}: and stay so without the penalty, found {left:.2f}"
    assert none["evaluated"] < 0.12 * constant, f"seed {seed}: without it the network learns: {none['evaluated']:.2f}"
    assert little["evaluated"] < 0.2 * constant, f"seed {seed}: with a little too, found {little['evaluated']:.2f}"
    share = 1 - little["evaluated"] / little["reported"]
    assert 0.3 < share < 0.8, f"seed {seed}: of which much is penalty in the report, found {share:.2f}"
    assert much["on"] < 0.5, f"seed {seed}: with ten times as much most units die, found {much['on']:.0%} on"
assert form_error < 1e-3, f"the shares must be on the closed forms, off by {form_error:.1e}"
assert (by_penalty[-1] < 1e-3).all(), f"beyond twice the largest eigenvalue nothing is left, found {by_penalty[-1]}"
assert (by_noise[-1] > 0.04).all(), f"noise must remove nothing, found {by_noise[-1]}"
assert 30 < apart[0.1] / apart[0.01] < 300, f"noise and penalty must part by the square of sigma, found {apart}"
assert apart[0.001] < 1e-5, f"and be the same number for small noise, off by {apart[0.001]:.1e}"

# %% [markdown]
# ## The figure

# %%
figure = plt.figure(figsize=(9, 4.3), layout="constrained")
share_ax, pictures_ax = figure.subplots(1, 2, width_ratios=[1, 1.1])
fine = np.linspace(0, 10, 400)
for column, (variance, width) in enumerate(zip(VARIANCES, (2.6, 2.1, 1.6, 1.1), strict=True)):
    share_ax.plot(fine, variance / (variance + fine), "-", color=GREY, linewidth=width)
    share_ax.plot(fine, np.maximum(0, 1 - fine / (2 * variance)), "-", color=ORANGE, linewidth=width)
    share_ax.plot(WEIGHTS, by_penalty[:, column], "s", color=ORANGE, markersize=5)
    share_ax.plot(WEIGHTS, by_noise[:, column], "o", color=GREY, markersize=4)
    if 2 * variance > 1:
        share_ax.text(2 * variance, -0.035, f"{2 * variance:g}", color=ORANGE, ha="center", va="top")
share_ax.text(2.3, 0.93, "squares: contractive penalty\ncircles: noise; lines: closed forms", va="center")
share_ax.set(xlabel="weight of the penalty, or variance of the noise", ylabel="share of a direction that is left")
share_ax.set(ylim=(-0.12, 1.05))
share_ax.set_title("A penalty removes the direction λ at 2λ,\nnoise only shrinks it", fontsize=11)

shown = {"input": x[:5]}
for weight, label in ((NONE, "no penalty"), (LITTLE, "weight 0.1"), (MUCH, "weight 1"), (TOO_MUCH, "weight 3")):
    shown[f"{label}\n{runs[weight, chapter.seed]['on']:.0%} on"] = networks[weight, chapter.seed].predict(x[:5])
rows = [np.concatenate(list(pictures.reshape(-1, SIDE, SIDE)), axis=1) for pictures in shown.values()]
pictures_ax.imshow(np.concatenate(rows), cmap="gray", vmin=0, vmax=1)
pictures_ax.set_yticks([SIDE * (row + 0.5) for row in range(len(rows))], list(shown))
pictures_ax.set_xticks([])
pictures_ax.tick_params(length=0)
pictures_ax.set_title("L1 penalty of rectifiers: at last every unit\nis dead, and the answer is the mean", fontsize=11)

# %% [markdown]
# ## The cause
#
# In a tied linear autoencoder each direction of the data, of variance $\lambda_i$, is on its own: with $s_i$ for the
# share of it that comes through, the loss is $\lambda_i (1 - s_i)^2$. The Jacobian of the code is $W$, and $\|W\|^2 =
# \sum_i s_i$. So the contractive penalty of weight $\lambda$ asks for the least of
#
# $$ \lambda_i (1 - s_i)^2 + \lambda s_i , \qquad s_i = \max\left(0,\; 1 - \frac{\lambda}{2 \lambda_i}\right), $$
#
# because the penalty has a slope at $s = 0$. Noise of variance $\sigma^2$ adds $\sigma^2 s_i^2$, which has none there:
# $s_i = \lambda_i/(\lambda_i + \sigma^2)$, small but never 0. The whole network is at the mean at $\lambda \ge
# 2\lambda_1$: compute the largest eigenvalue of your data before you choose a weight.
#
# Why the two are said to be the same: $E\,|h(x + \sigma\varepsilon) - h(x)|^2 = \sigma^2 \|\partial h/\partial x\|^2 +
# O(\sigma^4)$. That is the noise seen by the *code*. Denoising looks at it through the decoder, where $s_i$ is squared.
#
# An L1 penalty has a slope at a code of 0, and what a small code is worth has none: with tied weights it grows as their
# square. A unit that comes near 0 is drawn the rest of the way, its bias ends below all examples, and its gradient is 0
# then, penalty or no penalty (chapter 25). Start again; do not go on.
#
# **Untied, the penalty asks for little**: a small encoder and a large decoder make the same answers for less. The
# papers tie the weights, or bound the norm of the decoder's.

# %% [markdown]
# ## The cure in PyTorch
#
# `model` is yours with its first weights, `code_of(model, batch)` the layer that is penalised, `train(model, weight)`
# your training with the penalty times `weight`.
#
# ```python
# import copy
# import torch
#
# first, losses = copy.deepcopy(model.state_dict()), {}
# for weight in (strong, strong / 30, 0.0):  # the same first weights each time
#     model.load_state_dict(first)
#     train(model, weight)
#     with torch.no_grad():
#         losses[weight] = float(loss_fn(model(batch), batch))  # without the penalty
#         on = float((code_of(model, batch) > 0).any(dim=0).float().mean())
#     print(f"{weight:g}: {losses[weight]:.3f}, {on:.0%} of the units are ever on")
# ```
#
# ## The cure in Keras
#
# `evaluate` has the penalty in its loss; by hand it has not. `build(weight)` is a function that returns your compiled
# model, from the same seed, with `activity_regularizer=keras.regularizers.L1(weight)`.
#
# ```python
# import keras
#
# losses = {}
# for weight in (strong, strong / 30, 0.0):
#     model = build(weight)
#     model.fit(batch, batch, epochs=epochs, batch_size=50, verbose=0)
#     losses[weight] = float(keras.losses.MeanSquaredError()(batch, model.predict(batch, verbose=0)))
# ```

# %% [markdown]
# ## Exercises
#
# 1. Weight decay of both weights of an *untied* linear autoencoder, $\mu(\|W\|^2 + \|V\|^2)$: which direction does it
#    remove?
# 2. What would a contractive penalty of weight 3 leave of the digits above, if the network were linear? Their largest
#    eigenvalue is a ninth of the constant.
# 3. A KL sparsity penalty asks the *mean* of a unit for $\rho$. Why need it not make the code constant, however strong?
#
# ### Answers
#
# 1. For a share $s = wv$ the cheapest pair is $w = v = \sqrt s$, at $2\mu s$: the tied case, $\lambda = 2\mu$. Those
#    with $\lambda_i \le \mu$.
# 2. Nothing: $2\lambda_1$ is about 2.1, and the answer is the mean.
# 3. A unit that is on for a share $\rho$ of the examples has that mean, and tells those from the others. It is slow to
#    find: with a weight of 100 the biases alone meet the penalty within a few steps.

# %%
print("A strong penalty of the code leaves the mean, and rectifiers that it has killed stay dead without it.")
print("Your own network: the same seed without the penalty. If that learns, start again with a thirtieth of it.")
chapter.finish(
    figure,
    {
        "best_constant": constant,
        "l1": {f"weight {weight:g}, seed {seed}": run for (weight, seed), run in runs.items()},
        "penalty_taken_away": afterwards,
        "left_by_the_penalty": by_penalty,
        "left_by_noise": by_noise,
        "error_of_the_closed_forms": form_error,
        "noise_and_penalty_differ_by": apart,
    },
)
