# %% [markdown]
# # Rectifiers die of data that are not centred: one step too large moves every example to the wrong side at once
#
# The loss falls for a few batches and then stands at the error of the mean picture. No learning rate, smaller or
# larger, moves it any more.
#
# *Failure modes: F13 · networks: width 2 and depth 10 · advice: LeakyReLU, He's weights, smaller steps*

# %% [markdown]
# ## Is it yours?
#
# Every reconstruction is the same grey picture, whatever the input. The gradient of the first layer is not small, as it
# is when gradients vanish: in a dead unit it is 0. Count the hidden units that are positive on **no** example of the
# training data. If most are, they are dead, and this is your chapter. The run prints all of it, broken beside repaired.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import NonFiniteError, Sequential, evaluate, fit, floors
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.layers import Dense, LeakyReLU, ReLU
from scratchdae.plots import BLUE, GREY, ORANGE, tiles

chapter = Chapter.begin("25_dead_units")

N_TRAIN, HIDDEN, EPOCHS = 1000, 128, 20
SMALLER, LARGE, LR = 0.3, 1.0, 3.0  # rates of plain gradient descent; the loss is averaged over pixels
RATES = (SMALLER, LARGE, LR) if chapter.quick else (0.03, 0.1, SMALLER, LARGE, LR, 10.0)
NETWORKS, WIDTH, DEPTH = 4000 if chapter.quick else 20000, 2, 10  # drawn to count the still-born
WHITE, BLACK, CENTRED = "ink on white", "ink on black", "centred"

# %% [markdown]
# ## The run
#
# An autoencoder of the embedded digits, which a program draws, in 14×14 pixels: 196 – 128 rectifiers – 196. The same
# images three ways: ink is 1 on 0, ink is 0 on 1, and centred. The targets are the inputs; their variance, and so the
# error of the best constant answer, is the same in all three.

# %%
images = to_float(digits().x_train[:N_TRAIN], side=14)
DATA = {WHITE: 1 - images, BLACK: images, CENTRED: images - images.mean(axis=0)}
constant = floors.constant(images)


def network(activation):
    """Build the autoencoder with He's weights and zero biases."""
    layers = [Dense(HIDDEN, "he_normal"), activation, Dense(196, "lecun_normal")]
    return Sequential(layers, (196,), np.random.default_rng(chapter.seed))


def dead(model, x):
    """Count the hidden units that are positive on no example: the measurement."""
    return int((model.forward(model.params, x, depth=1)[0].max(axis=0) <= 0).sum())


def train(name, activation, lr):
    """Return the trained network and its loss; None and the loss inf if that became infinite."""
    model, options = network(activation), {"epochs": EPOCHS, "lr": lr, "seed": chapter.seed, "progress": False}
    try:
        fit(model, DATA[name], **options, backend="numpy")
    except NonFiniteError:
        return None, np.inf
    return model, evaluate(model, DATA[name])


BROKEN, LEAKY, ALMOST, FED_CENTRED = "ReLU", "LeakyReLU(0.1)", "LeakyReLU(0.01)", "ReLU, centred"
SWEEP = {BROKEN: (WHITE, ReLU()), LEAKY: (WHITE, LeakyReLU(0.1)), ALMOST: (WHITE, LeakyReLU(0.01))}
SWEEP[FED_CENTRED] = (CENTRED, ReLU())
runs = {(run, lr): train(*SWEEP[run], lr) for run in SWEEP for lr in ([LARGE] if run == ALMOST else RATES)}
share = {key: loss / constant for key, (_, loss) in runs.items()}
count = {key: None if model is None else dead(model, DATA[SWEEP[key[0]][0]]) for key, (model, _) in runs.items()}
print(f"loss after {EPOCHS} epochs / the constant's {constant:.4f} (of {HIDDEN} units, positive on no example)")
for run in SWEEP:
    row = (f"lr {lr:g}: {share[run, lr]:.3f} ({count[run, lr]})" for which, lr in runs if which == run)
    print(f"{run:<16}", *row, sep="   ")

# %% [markdown]
# **One step.** A gradient step on all examples moves the pre-activation of example $m$ by
#
# $$ a_m \to a_m - \eta\, s_m, \qquad s_m = \textstyle\sum_n (x_n^\top x_m + 1)\, da_n, \qquad (1) $$
#
# exactly. It says, for each unit, which learning rates kill it in a single step, and so how many die at a given rate.
# Here that is counted at the first weights.


# %%
def deadly_rates(model, x):
    """Return, by (1), from which learning rate to which one step on all of x leaves each unit dead; (inf, inf) if none.

    A unit is dead after the step if a <= lr s on every example: lr >= a/s where s > 0, lr <= a/s where s < 0.
    """
    a = model.forward(model.params, x, depth=1)[0]
    output, _ = model.forward(model.params, x)
    dy = model.output_loss(output, x)[1] @ model.params["dense_2.W"].T
    s = (x @ x.T + 1) @ (dy * (a > 0))
    least = np.divide(a, s, out=np.zeros_like(a), where=s > 0).max(axis=0)
    most = np.divide(a, s, out=np.full_like(a, np.inf), where=s < 0).min(axis=0)
    possible = (least <= most) & ~((s == 0) & (a > 0)).any(axis=0)
    return np.where(possible, [least, most], np.inf)


def dead_after_a_step(x, lr):
    """Take the step and count."""
    model = network(ReLU())
    grads = model.loss_and_grads(model.params, x, x)[1]
    model.params = {name: value - lr * grads[name] for name, value in model.params.items()}
    return dead(model, x)


def expected_dead(name, lr):
    """Count the units whose range of deadly rates contains this one."""
    least, most = deadly[name]
    return int(((least <= lr) & (lr <= most)).sum())


steps = np.geomspace(0.1, 300, 12)
deadly = {name: deadly_rates(network(ReLU()), x) for name, x in DATA.items()}
one_step = {}
for name, (least, _) in deadly.items():
    killed = least[(least > 0) & np.isfinite(least)]
    one_step[name] = {"dead_at_birth": int((least == 0).sum()), "first_at_lr": float(killed.min(initial=1e9))}
    one_step[name]["counted"] = [dead_after_a_step(DATA[name], lr) for lr in steps]
    one_step[name]["expected"] = [expected_dead(name, lr) for lr in steps]
    print(f"{name:<13} dead at birth {one_step[name]['dead_at_birth']}, next at {one_step[name]['first_at_lr']:.3g}")

# %% [markdown]
# **At birth.** A unit with symmetric weights and no bias is inactive at a given point with probability 1/2; a layer of
# $n$ loses the point with probability $2^{-n}$, and with it every later layer. Over $L - 1$ rectified layers
#
# $$ P(\text{dead}) = 1 - (1 - 2^{-n})^{L-1}. \qquad (2) $$
#
# For one point this is exact, for a whole data set it is an upper bound (Lu et al., *Dying ReLU and initialization*,
# 2019). Here many networks of width 2 and depth 10 are drawn at once, at one point and on 20.


# %%
def still_born(points, rng):
    """Return the share of networks whose output is 0 at every one of the points."""
    y = np.broadcast_to(points, (NETWORKS, *points.shape))
    for _ in range(DEPTH - 1):
        W = np.sqrt(2 / y.shape[2]) * rng.standard_normal((NETWORKS, y.shape[2], WIDTH))
        y = np.maximum(y @ W, 0)
    return float(np.mean(y.max(axis=(1, 2)) == 0))


rng = np.random.default_rng([chapter.seed, 25])
born, born_on_cloud = (still_born(rng.random((n, 2)), rng) for n in (1, 20))
bound = 1 - (1 - 2.0**-WIDTH) ** (DEPTH - 1)
print(f"width {WIDTH}, depth {DEPTH}: dead at a point {born:.4f}, by (2) {bound:.4f}; on 20 points {born_on_cloud:.4f}")

# %% [markdown]
# ## The check

# %%
assert count[BROKEN, LR] > 0.9 * HIDDEN, f"most units must die at {LR}, found {count[BROKEN, LR]}"
assert abs(share[BROKEN, LR] - 1) < 0.02, (
    f"the dead must answer with the mean, found {share[BROKEN, LR]:.3f} of its loss"
)
assert count[FED_CENTRED, LR] == 0, f"centred, none must die, found {count[FED_CENTRED, LR]}"
assert share[FED_CENTRED, LR] < 0.3, f"centred, the same rate must train, found {share[FED_CENTRED, LR]:.3f}"
assert share[BROKEN, SMALLER] < 0.85, f"smaller steps must repair, found {share[BROKEN, SMALLER]:.3f}"
assert count[BROKEN, SMALLER] < HIDDEN / 2, f"smaller steps must spare the units, dead {count[BROKEN, SMALLER]}"
assert share[LEAKY, LARGE] < 0.8, f"leaky units must repair at {LARGE}, found {share[LEAKY, LARGE]:.3f}"
ratio = share[LEAKY, LARGE] / share[BROKEN, LARGE]
assert ratio < 0.88, f"at {LARGE} leaky units must leave less than rectifiers, found {ratio:.3f} of it"
assert share[ALMOST, LARGE] > 0.8, f"a slope of 0.01 must not repair there, found {share[ALMOST, LARGE]:.3f}"
assert share[LEAKY, LR] == np.inf, f"at {LR} leaky units must diverge, found {share[LEAKY, LR]}"
again = dead(runs[BROKEN, LR][0], DATA[CENTRED])
assert again < HIDDEN / 4, f"on centred images most dead units must be active again (exercise 3), found {again} dead"
for name, row in one_step.items():
    error = max(abs(a - b) for a, b in zip(row["counted"], row["expected"], strict=True))
    assert error <= 1, f"{name}: (1) must predict who dies in a step, found {row['counted']}, {row['expected']}"
first = [one_step[name]["first_at_lr"] for name in (WHITE, BLACK, CENTRED)]
assert 5 * first[0] < first[1], f"ink on white must kill at far smaller steps than ink on black, found {first}"
assert 5 * first[1] < first[2], f"ink on black must kill at far smaller steps than centred data, found {first}"
tolerance = 4 * np.sqrt(0.25 / NETWORKS)  # four standard deviations of a share
assert abs(born - bound) < tolerance, f"still-born at a point: {born:.4f}, by (2) {bound:.4f}"
assert born_on_cloud < bound + tolerance, f"(2) must bound the still-born on a cloud, found {born_on_cloud:.4f}"

# %% [markdown]
# ## The figure

# %%
layout = [["pictures", "pictures"], ["sweep", "step"]]
figure, axes = plt.subplot_mosaic(layout, figsize=(9, 6.2), height_ratios=[1, 2.6], layout="constrained")
x = DATA[WHITE][5:15]
said = runs[BROKEN, LR][0].predict(x), runs[FED_CENTRED, LR][0].predict(DATA[CENTRED][5:15])
tiles(axes["pictures"], np.concatenate([1 - x, 1 - said[0], said[1] + images.mean(axis=0)]), (14, 14), 10)
axes["pictures"].set_yticks([6.5, 21.5, 36.5], ["input", f"{count[BROKEN, LR]} of {HIDDEN} dead", "centred, none dead"])
axes["pictures"].set_title(f"The same network at the same rate, {LR:g}")

sweep, step = axes["sweep"], axes["step"]
for run, color, style, (x, y) in (
    (BROKEN, ORANGE, "D-", (LR, 1.05)),
    (LEAKY, BLUE, "o-", (SMALLER * 0.9, 0.6)),
    (FED_CENTRED, "0.35", "s--", (LR * 0.85, 0.1)),
):
    sweep.semilogx(RATES, [share[run, lr] for lr in RATES], style, color=color, markersize=5)
    sweep.text(x, y, run, color=color, ha="center" if run == BROKEN else "right")
sweep.text(LARGE * 1.15, share[LEAKY, LARGE], "then diverges", color=BLUE, va="center")
sweep.axhline(1, color="black", linestyle="--", linewidth=1)
sweep.set(xlabel="learning rate", ylabel="loss / that of the best constant", ylim=(0, 1.5))
sweep.set_title(f"After {EPOCHS} epochs: smaller steps and leaky\nunits repair, centring repairs most", fontsize=11)

grid = np.geomspace(0.1, 300, 400)
for name, marker, color in zip(DATA, "D^o", (ORANGE, GREY, BLUE), strict=True):
    step.semilogx(grid, [expected_dead(name, lr) / HIDDEN for lr in grid], "-", color=color, linewidth=1)
    step.semilogx(steps, np.array(one_step[name]["counted"]) / HIDDEN, marker, color=color, markersize=6)
step.text(3, 0.8, WHITE, color=ORANGE, ha="right")
step.text(60, 0.55, BLACK, color="0.35", ha="right")
step.text(280, 0.1, CENTRED, color=BLUE, ha="right")
step.set(xlabel="learning rate of one step", ylabel="share of hidden units dead", ylim=(-0.03, 1))
step.set_title("One step on all examples: counted (marks),\nand by (1) (lines)", fontsize=11)
sweep.grid(alpha=0.3), step.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# A rectified unit that is negative on every example has output 0 and gradient 0, and stays so. (1) is $W \to W - \eta
# \sum_n x_n\, da_n$ and $b \to b - \eta \sum_n da_n$, put into $a_m = x_m^\top W + b$. Where the data are not centred,
# the factors $x_n^\top x_m + 1$ are positive for every pair. And images that are nearly one point have nearly the same
# output and the same error, so for one unit most $da_n$ have one sign. Then $s_m$ has that sign for all $m$, and if it
# is positive, a large $\eta$ takes all examples to the negative side *together*. On centred data the factors have both
# signs, and hardly a unit can be killed at all. About a quarter of the units is dead on ink on white before any step,
# because to them all images are one point.
#
# **At birth.** Given a point and the outputs of the layer below, not all zero, the $n$ pre-activations are independent
# and symmetric, hence $2^{-n}$. A factor on the weights changes no sign: He's weights, which all networks here have,
# cannot repair it. More width does.
#
# **The truth about the advice.** *Smaller steps* repair: the units that live go on. *Leaky units* repair: they train at
# the rate at which rectifiers die, if their slope is large enough. 0.1 is, and 0.01, which is PyTorch's default
# (Keras' is 0.3), is not. Beyond that they diverge where the rectifiers had died: both are answers to a step that is
# too large for these data. *Centring* removes its cause, with the same rectifiers at the same rate. Where no unit can
# be spared, because the layers are as wide as the data, see chapter 05.

# %% [markdown]
# ## The cure in PyTorch
#
# The measurement, on a trained `model` of Linear, ReLU, Linear and all training data `x`:
# ```python
# dead = (model[:2](x) <= 0).all(dim=0).sum().item()
# print(dead, "units are active on no example")
# ```
#
# The repair, for a new training from the start. Subtract from the targets too, or add the mean to the output's bias:
#
# ```python
# x = x - x.mean(dim=0)
# model = torch.nn.Sequential(
#     torch.nn.Linear(x.shape[1], 128), torch.nn.LeakyReLU(0.1), torch.nn.Linear(128, x.shape[1])  # was ReLU()
# )
# ```

# %% [markdown]
# ## The cure in Keras
#
# ```python
# y = keras.Model(model.inputs, model.layers[0].output).predict(x, verbose=0)  # the first Dense, with its ReLU
# dead = int((y <= 0).all(axis=0).sum())
# print(dead, "units are active on no example")
# ```
#
# The repair:
#
# ```python
# x = x - x.mean(axis=0)
# hidden = keras.layers.Dense(128, kernel_initializer="he_normal")  # was activation="relu"
# model = keras.Sequential([hidden, keras.layers.LeakyReLU(0.1), keras.layers.Dense(x.shape[1])])
# ```

# %% [markdown]
# ## Exercises
# 1. *How wide must a network of depth 10 be, so that fewer than 1 in 100 are dead at a point?*
# 2. *Biases of 0.1: a help?* 3. *Can a dead unit come back?* 4. *Is a leaky unit dead if it is never positive?*
#
# **Answers.** 1. $9 \cdot 2^{-n} < 0.01$: $n = 10$. Networks of usual width do not die at birth.
# 2. At birth: a unit is now inactive with a probability below 1/2, and with a zero input it is active, so a dead layer
# no longer takes all later ones with it. In a step: it adds 0.1 to $a_m$, against $\eta s_m$.
# 3. Its own weights have gradient 0. But its inputs can change, if layers below still learn, or the data do: feed the
# dead network centred images, and most of its units are active again.
# 4. No: their slope is 0.1, they learn, ten times more slowly. They are linear on these data, though, and a layer of
# them adds nothing to the next.

# %%
print(f"""
One step too large for data that are not centred kills rectifiers for good: {count[BROKEN, LR]} of {HIDDEN} at
the rate {LR:g}, and none once the mean is subtracted. In your network, count the units that are active on no example;
if they are many, train again with centred data, a smaller rate, or LeakyReLU(0.1).""")
chapter.finish(
    figure,
    {
        "constant": constant,
        "sweep": [[*key, count[key], value if np.isfinite(value) else None] for key, value in share.items()],
        "one_step": {"lr": steps, **one_step},
        "still_born": {"at_a_point": born, "expected": bound, "on_20_points": born_on_cloud},
    },
)
