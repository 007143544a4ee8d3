# %% [markdown]
# # Batch normalisation evaluates by statistics that lag, by a share that you can compute, and one pass fills it in
#
# The training loss falls as it should. The loss of the *same* examples in evaluation is many times that of the best
# constant, and comes down by itself, over hundreds of steps. Or every picture that is shown alone comes out the same.
#
# *Failure modes: F24 · advice: call eval() before you evaluate*

# %% [markdown]
# ## Is it yours?
#
# Pixels from 0 to 255 into a network with batch normalisation, as Keras sets it, ten steps an epoch:
#
# ```text
# epoch                                          1     3     6    12
# loss as training reports it                 0.13  0.03  0.02  0.01
# the same examples in evaluation                3   0.5   0.1  0.02
# in evaluation, statistics gathered anew     0.05  0.02  0.02  0.01
# best constant  0.05
# ```
#
# ![Three losses by step, and pictures restored by the same weights in both modes](../figures/34_evaluation_mode.png)
#
# **The one measurement**: the loss of one batch of training examples, in training mode and in evaluation mode, with
# dropout and noise off. If the second is far above the first, it is not the weights.
#
# ## The claim
#
# A network with batch normalisation is two functions. In training each channel is brought to mean 0 and variance 1 by
# the batch itself; in evaluation by running statistics, which began at 0 and 1 and of which every step leaves the share
# $\rho$. On trial here: with weights held still, after $t$ steps exactly $\rho^t$ of the first values is left; training
# and evaluation part for that reason alone, since the same weights are good in evaluation as soon as one pass through
# the data has gathered the statistics anew; and a network that is left in training mode answers every picture that
# comes alone with the same picture.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from scratchdae import Sequential, fit, floors, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.layers import BatchNorm, Dense, ReLU
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE, floor_line

chapter = Chapter.begin("34_evaluation_mode")
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))

SIDE, UNITS, BATCH_SIZE, STEPS_AN_EPOCH = 14, 64, 100, 10  # a small data set: ten batches
EPOCHS, LR = 12, 0.01
EARLY = 3  # epochs
SCALE = 255.0  # of the inputs; the targets are from 0 to 1
KERAS = BatchNorm.of("keras")  # rho = 0.99, which wants hundreds of steps
FASTER = BatchNorm(decay_rate=0.9, eps=KERAS.eps, running="biased")  # rho as PyTorch has it

# %% [markdown]
# ## The run
#
# One hidden layer of rectifiers. Batch normalisation makes training indifferent to the scale of the data, so nothing
# on the screen says that they are not scaled.

# %%
data = digits()
N = BATCH_SIZE * STEPS_AN_EPOCH
target = to_float(data.x_train, np.float64, side=SIDE)[:N]
x = SCALE * target
constant = floors.constant(target)


def in_training(network, params, rows):
    """Return the output by the statistics of the batch itself, as in training."""
    return network.forward(params, rows, np.random.default_rng(0))[0]  # a generator means training; nothing is drawn


def gathered_anew(network, params, rows):
    """The repair: return the parameters with the statistics of all rows, layer by layer. No weight changes."""
    params, h = dict(params), rows
    for name, layer in zip(network.names, network.layers, strict=True):
        if isinstance(layer, BatchNorm):
            params |= {f"{name}.running_mean": h.mean(axis=0), f"{name}.running_variance": h.var(axis=0)}
        h = layer.forward(network.of_layer(params, name), h)[0]
    return params


def train(normalisation, seed):
    """Train; return the network, and by epoch the loss reported, evaluated, and evaluated after the repair."""
    layers = [Dense(UNITS), normalisation, ReLU(), Dense(SIDE * SIDE)]
    network = Sequential(layers, (SIDE * SIDE,), streams(seed).initialisation, loss="squared_error")
    losses = []

    def look(row, params):
        anew = gathered_anew(network, params, x)
        losses.append((row["loss"], network.loss(params, x, target), network.loss(anew, x, target)))

    options = {"batch_size": BATCH_SIZE, "optimizer": Adam(), "seed": seed, "backend": "numpy", "progress": False}
    fit(network, x, target, epochs=EPOCHS, lr=LR, on_epoch=look, **options)
    return network, np.array(losses)


runs = {seed: train(KERAS, seed) for seed in SEEDS}
faster = {seed: train(FASTER, seed)[1] for seed in SEEDS}
for seed, (_, losses) in runs.items():
    for what, column in zip(("reported in training", "evaluated", "gathered anew"), losses.T, strict=True):
        print(f"seed {seed}, {what:20}: {', '.join(f'{loss:.2g}' for loss in column)}")
    print(f"seed {seed}, {'evaluated, rho 0.9':20}: {', '.join(f'{loss:.2g}' for loss in faster[seed][:, 1])}")
print(f"best constant {constant:.3f}")

# %% [markdown]
# The lag alone, where it can be computed: the weights are held, the batches go by. And the network that nobody has put
# into evaluation mode, shown one picture at a time, and the same pictures in the company of others.

# %%
network, _ = runs[chapter.seed]
T = 100
held = dict(network.params)
first_layer, normalisation = network.layers[:2]
pre_activations = first_layer.forward(network.of_layer(held, network.names[0]), x[:BATCH_SIZE])[0]
mean, variance = pre_activations.mean(axis=0), pre_activations.var(axis=0)
own = {"gamma": np.ones(UNITS), "beta": np.zeros(UNITS)}
own |= {"running_mean": np.zeros(UNITS), "running_variance": np.ones(UNITS)}
for _ in range(T):
    _, cache = normalisation.forward(own, pre_activations, np.random.default_rng(0))
    own |= cache.statistics
left = normalisation.decay_rate**T  # of the first values, 0 and 1
lag_error = max(
    float(np.abs(own["running_mean"] / ((1 - left) * mean) - 1).max()),
    float(np.abs(own["running_variance"] / ((1 - left) * variance + left) - 1).max()),
)

SHOWN = 10
repaired = gathered_anew(network, held, x)
alone = np.concatenate([in_training(network, held, x[i : i + 1]) for i in range(SHOWN)])
in_company = [in_training(network, held, np.concatenate([x[:SHOWN], x[k : k + 10]]))[:SHOWN] for k in (100, 200)]
evaluated_alone = np.concatenate([network.forward(repaired, x[i : i + 1])[0] for i in range(SHOWN)])
evaluated_together = network.forward(repaired, x)[0][:SHOWN]
alike = float(np.abs(alone - alone[0]).max())
company = float(np.mean((in_company[0] - in_company[1]) ** 2) / np.mean((in_company[0] - target[:SHOWN]) ** 2))
difference = float(np.abs(evaluated_alone - evaluated_together).max())
print(f"after {T} steps {left:.3f} of the first statistics is left; closed form off by {lag_error:.1e}")
print(f"left in training mode: pictures shown alone differ by {alike:.1e}; others beside it change an answer by")
print(f"{company:.0%} of its squared error; in evaluation mode by {difference:.1e}")

# %% [markdown]
# ## The check

# %%
for seed, (_, losses) in runs.items():
    reported, evaluated, anew = losses.T
    assert evaluated[:EARLY].min() > 2 * constant, f"seed {seed}: it must evaluate badly, found {evaluated[:EARLY]}"
    assert reported[EARLY] < 0.7 * constant, f"seed {seed}: while training does well, found {reported[EARLY]:.3f}"
    assert anew[EARLY] < reported[EARLY], f"seed {seed}: gathered anew, it must be as good: {anew[EARLY]:.3f}"
    assert anew[-1] < 0.3 * constant, f"seed {seed}: and learn, found {anew[-1] / constant:.2f} of the constant"
    assert evaluated[-1] < evaluated[0] / 20, f"seed {seed}: the lag must pass, found {evaluated[-1]:.3f}"
    ratio = faster[seed][EARLY, 1] / faster[seed][EARLY, 2]
    assert ratio < 1.5, f"seed {seed}: with rho = 0.9 there must be no lag by then, found {ratio:.2f}"
assert lag_error < 1e-12, f"the share of the first values must be rho to the t, off by {lag_error:.1e}"
assert alike < 1e-9, f"alone, every picture must come out the same, found {alike:.1e}"
assert company > 0.02, f"other neighbours must change an answer, found {company:.3f} of its error"
assert difference < 1e-9, f"in evaluation they must not, found {difference:.1e}"

# %% [markdown]
# ## The figure

# %%
reported, evaluated, anew = runs[chapter.seed][1].T
epochs = np.arange(1, EPOCHS + 1)
figure = plt.figure(figsize=(9, 4.2), layout="constrained")
loss_ax, pictures_ax = figure.subplots(1, 2, width_ratios=[1.15, 1])
loss_ax.semilogy(epochs, evaluated, "s-", color=ORANGE, markersize=5)
loss_ax.semilogy(epochs, reported, ":", color=GREY, linewidth=2.5)
loss_ax.semilogy(epochs, anew, "o-", color=BLUE, markersize=5)
floor_line(loss_ax, constant)
loss_ax.text(3.3, evaluated[2] * 1.2, "the same examples, evaluated", color=ORANGE)
loss_ax.text(EPOCHS, constant * 1.15, "best constant", ha="right")
loss_ax.text(1, anew[-1] / 1.7, "dotted: reported in training", color="0.4")
loss_ax.text(1, anew[-1] / 2.6, "circles: evaluated, statistics gathered anew", color=BLUE)
loss_ax.set(xlabel="epoch of ten steps", ylabel="mean squared error", ylim=(anew[-1] / 4, 10))
loss_ax.xaxis.set_major_locator(MaxNLocator(integer=True))
times = evaluated[0] / reported[0]
loss_ax.set_title(f"After one epoch the evaluated loss\nis {times:.0f} times the reported", fontsize=11)

at_end = {
    "input": target[:5],
    "alone, in\ntraining mode": alone[:5],
    "alone, in\nevaluation": evaluated_alone[:5],
}
sheet = np.concatenate([np.concatenate(list(rows.reshape(-1, SIDE, SIDE)), axis=1) for rows in at_end.values()])
pictures_ax.imshow(sheet, cmap="gray", vmin=0, vmax=1)
pictures_ax.set_yticks([SIDE * (row + 0.5) for row in range(3)], list(at_end))
pictures_ax.set_xticks([])
pictures_ax.tick_params(length=0)
pictures_ax.set_title("Shown alone, in training mode,\nevery digit comes out the same", fontsize=11)

# %% [markdown]
# ## The cause
#
# For a channel of mean $\mu$ and variance $v$ the running statistics after $t$ steps, weights held, are
#
# $$ r_t = (1 - \rho^t)\,\mu, \qquad s_t = (1 - \rho^t)\,v + \rho^t . $$
#
# Evaluation computes $(a - r_t)/\sqrt{s_t}$, which is off by $\rho^t \mu/\sqrt{s_t}$. If $v$ is large, as with pixels
# to 255, that is $\mu/\sqrt v$ times $\rho^t/\sqrt{1 - \rho^t}$: after ten steps at $\rho = 0.99$ 2.9, after a
# hundred 0.46, after three hundred 0.05. If $v$ is far below 1, the $\rho^t$ in $s_t$ shrinks all units to nothing
# instead. Either passes by itself after some multiples of $1/(1 - \rho)$ steps, 100 with Keras' 0.99, 10 with PyTorch's
# 0.9, which PyTorch calls a momentum of 0.1. Ten epochs of four steps never get there
# (chapter 18 counts steps, not epochs).
#
# Statistics also lag behind weights that move, are those of corrupted inputs while one evaluates clean ones, or those
# of a batch that holds one class. The measurement is the same, and so is the cure.
#
# One example in a batch of its own is its own mean: $a - \mu = 0$ for whatever it is, so the next layer sees $\beta$
# alone. PyTorch refuses it for a table, but not for pictures, whose channels have many numbers each. What is forgotten
# is `model.eval()`, or `training=False`.

# %% [markdown]
# ## The cure in PyTorch
#
# `model`, `loss_fn`, `loader`, `batch` and `target` are yours.
#
# ```python
# import copy
# import torch
#
# with torch.no_grad():  # a copy, because a pass in training mode moves the running statistics
#     in_training = float(loss_fn(copy.deepcopy(model).train()(batch), target))
#     in_evaluation = float(loss_fn(model.eval()(batch), target))
#
# torch.optim.swa_utils.update_bn(loader, model)  # gathers the statistics anew: one pass, no step
# with torch.no_grad():
#     gathered_anew = float(loss_fn(model.eval()(batch), target))
# ```
#
# ## The cure in Keras
#
# ```python
# import keras
#
# in_evaluation = float(loss_fn(target, model(batch, training=False)))
# in_training = float(loss_fn(target, model(batch, training=True)))
#
# for layer in model.layers:
#     if isinstance(layer, keras.layers.BatchNormalization):
#         layer.momentum = 0.9  # in place of 0.99: forty batches leave 0.015 of what was there
# for rows in batches:
#     model(rows, training=True)  # no step: the weights stay
# gathered_anew = float(loss_fn(target, model(batch, training=False)))
# ```

# %% [markdown]
# ## Exercises
#
# 1. After how many steps is a hundredth of the first statistics left, at 0.9, 0.99 and 0.999?
# 2. Batches of two: what does batch normalisation make of two numbers $a \ne b$, if eps is 0?
# 3. A denoising autoencoder with batch normalisation of its *input* is trained with a fraction $\nu$ of the pixels set
#    to 0, and evaluated on clean ones. By how many standard deviations is a pixel of mean $m$ and variance $s^2$ off?
#
# ### Answers
#
# 1. $\ln 0.01/\ln\rho$: 44, 458 and 4,603 steps.
# 2. Their mean is $(a + b)/2$, their standard deviation $|a - b|/2$: +1 and −1. Only which is the larger is left.
# 3. The corrupted pixel has mean $(1 - \nu)m$ and variance $(1 - \nu)(s^2 + \nu m^2)$, so a clean one is off by
#    $\nu m/\sqrt{(1 - \nu)(s^2 + \nu m^2)}$: for $s = m$ and $\nu = 1/2$, 0.58.

# %%
print("With batch normalisation the same weights evaluate badly until the running statistics have caught up.")
print("Your own network: one batch in training mode and in evaluation mode. They differ: gather the statistics anew.")
chapter.finish(
    figure,
    {
        "best_constant": constant,
        "reported": {str(seed): losses[:, 0] for seed, (_, losses) in runs.items()},
        "evaluated": {str(seed): losses[:, 1] for seed, (_, losses) in runs.items()},
        "gathered_anew": {str(seed): losses[:, 2] for seed, (_, losses) in runs.items()},
        "evaluated_rho_0.9": {str(seed): losses[:, 1] for seed, losses in faster.items()},
        "share_left_after_100_steps": left,
        "error_of_the_closed_form": lag_error,
        "alone_in_training_mode_pictures_differ_by": alike,
        "others_beside_it_change_an_answer_by": company,
    },
)
