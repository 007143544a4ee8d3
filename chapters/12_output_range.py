# %% [markdown]
# # An output that cannot reach the targets stops at a number you can compute before training
#
# The loss is 21,600 before the first step and 21,500 after the first epoch, and there it stays, to seven digits, for as
# long as you care to wait. Another learning rate, another optimizer: it stays there again. Another loss: it stays
# elsewhere. The reconstructions are white.
#
# *Failure modes: F14 · networks: Q3a, Q3c · advice: output activation by range, loss that suits the data*

# %% [markdown]
# ## Is it yours?
#
# On the screen (pictures of 0 to 255, a sigmoid at the end, squared error):
#
# ```text
# epoch 1  loss 21503      epoch 2  loss 21453      epoch 3  loss 21453      epoch 10  loss 21453
# ```
#
# One measurement, before any training. Let $[l, h]$ be the closure of what the last activation can give: $[0, 1]$ for a
# sigmoid, $[-1, 1]$ for tanh, $[0, \infty)$ for ReLU. No weights, no optimizer and no patience get below the **range
# floor**
#
# $$ E\bigl[\operatorname{dist}(x, [l, h])^2\bigr], \tag{1} $$
#
# which needs nothing but the targets. If your loss stands on it, it is yours; if (1) is far below your loss, look
# elsewhere. On trial is an answer to the question why the training loss is not decreasing (Q3): choose the output by
# the range, use a loss that suits the data, look at *how* the loss does not decrease.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, fit, floors, posted, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits
from scratchdae.layers import Dense, Identity, ReLU, Sigmoid, Tanh
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, ORANGE, floor_line, picture_rows

chapter = Chapter.begin("12_output_range")

SIDE, WIDTH = (16, 8) if chapter.quick else (32, 16)  # of the images; channels next to the code. Posted: 32, 16
N = 96 if chapter.quick else 1000 if chapter.full else 320  # images; posted: 1,000
EPOCHS = 6 if chapter.quick else 10
BATCH_SIZE = 8 if chapter.quick else 32
LR = 3e-3 if chapter.quick else 1e-3
DENSE_SIDE = 8 if chapter.quick else 16  # of the images that the dense networks get
N_SEEDS = 1 if chapter.quick else 3
OUTPUTS = {  # the last layer, and the closure of its range
    "linear": (Identity(), (-np.inf, np.inf)),
    "sigmoid": (Sigmoid(), (0.0, 1.0)),
    "tanh": (Tanh(), (-1.0, 1.0)),
    "ReLU": (ReLU(), (0.0, np.inf)),
}

# %% [markdown]
# ## The run
#
# Q3a as posted: 32×32×3, two convolutions with pooling, a code of 32, and back; Adam, squared error, ten epochs in
# batches of 32. The posted data are independent random integers, in which there is nothing to compress (chapter 05). A
# second set has structure: posters, each an embedded digit, which a program draws, in a random ink on a random paper.


# %%
def posters(n, side, rng):
    """Draw (n, side, side, 3) images, grey levels 0 to 255: a digit in one random colour on another."""
    picture = np.pad(digits().x_train[:n].reshape(n, 28, 28, 1) / 255, [(0, 0), (2, 2), (2, 2), (0, 0)])
    ink, paper = rng.integers(0, 256, (2, n, 1, 1, 3))
    return np.rint(picture * ink + (1 - picture) * paper)[:, :: 32 // side, :: 32 // side].astype(np.float32)


def train(model, x, seed, epochs=EPOCHS, lr=LR):
    """Train on x; return the loss of each epoch, and what the network makes of x at the end."""
    options = {"optimizer": Adam.of("keras"), "batch_size": BATCH_SIZE, "seed": seed, "progress": False}
    return fit(model, x, epochs=epochs, lr=lr, **options)["loss"], model.predict(x)


def q3(x, seed, output="sigmoid", loss="squared_error", **options):
    """Train the posted network (--quick: a smaller one), with this for its last activation."""
    layers, first = posted.NETWORKS["q3a"].layers(32, OUTPUTS[output][0], SIDE, WIDTH), streams(seed).initialisation
    return train(Sequential(layers, x.shape[1:], first, loss=loss, dtype=np.float32), x, seed, **options)[0]


def as_posted(x, seed):
    """Broken: targets from 0 to 255, and a sigmoid to reach them."""
    return q3(x, seed)


def scaled(x, seed):
    """Repaired: the same, with the data divided by 255; the loss in the units of x."""
    return 255**2 * q3(x / np.float32(255), seed)


def range_floor(x, output):
    """Compute (1), in float64."""
    return floors.output_range(x.reshape(len(x), -1), *OUTPUTS[output][1])


def variance(x):
    """Return the loss of the best constant image."""
    return floors.constant(x.reshape(len(x), -1))


seeds = range(chapter.seed, chapter.seed + N_SEEDS)
noise = np.random.default_rng([chapter.seed, 1]).integers(0, 256, (N, SIDE, SIDE, 3)).astype(np.float32)
on_noise = {"as posted": as_posted(noise, chapter.seed), "scaled": scaled(noise, chapter.seed)}
all_ones = float(np.mean((noise.astype(np.float64) - 1) ** 2))  # the loss of an output of 1 everywhere
expected_floor = 254 * 255 * 509 / 6 / 256  # Σ (k − 1)² / 256 over k = 1 … 255

images = {seed: posters(N, SIDE, np.random.default_rng([seed, 2])) for seed in seeds}
broken = {seed: as_posted(x, seed) for seed, x in images.items()}
repaired = {seed: scaled(x, seed) for seed, x in images.items()}

print(f"random integers: range floor {range_floor(noise, 'sigmoid'):.3f} (expected {expected_floor:.1f})")
for name, losses in on_noise.items():
    print(f"  {name}, by epoch: {', '.join(f'{value:.3f}' for value in losses)}; best constant {variance(noise):.0f}")
for seed, x in images.items():
    losses = np.array([range_floor(x, "sigmoid"), broken[seed][-1], repaired[seed][-1]])
    print("posters, over their variance: floor {:.4f}, as posted {:.4f}, scaled {:.3f}".format(*losses / variance(x)))

# %% [markdown]
# ### What else people change
#
# A learning rate too low would gain from ten times as much. And another loss has another floor, the absolute error
# $E[\operatorname{dist}(x, [l, h])]$. Q3c is Q3a with a ReLU for its output, on scaled data.

# %%
x = images[chapter.seed]
absolute_floor = float(np.abs(x - np.clip(x, 0, 1)).mean(dtype=np.float64))
variants = {
    "learning rate × 10": q3(x, chapter.seed, lr=10 * LR, epochs=EPOCHS // 2)[-1] / range_floor(x, "sigmoid") - 1,
    "absolute error": q3(x, chapter.seed, loss="absolute_error", epochs=EPOCHS // 2)[-1] / absolute_floor - 1,
}
q3c = float(q3(x / np.float32(255), chapter.seed, "ReLU")[-1]) / variance(x / np.float32(255))
print(f"they stop at the range floor, relative distance {variants}; Q3c, on [0, 1]: {q3c:.3f} of the variance")

# %% [markdown]
# ### Every output on every range
#
# Small dense networks, one for each pair of a last activation and a scaling of the posters. If (1) is all that matters,
# the losses sort themselves by it.

# %%
flat = x[:, :: SIDE // DENSE_SIDE, :: SIDE // DENSE_SIDE].reshape(N, -1)
SCALINGS = {
    "0 to 255": flat,
    "[0, 1]": flat / np.float32(255),
    "[−1, 1]": flat / np.float32(127.5) - 1,
    "standardised": (flat - flat.mean(axis=0)) / flat.std(axis=0),
}
matrix, made = {}, {}
for scaling, data in SCALINGS.items():
    for output, (layer, _) in OUTPUTS.items():
        layers = [Dense(128), ReLU(), Dense(32), ReLU(), Dense(128), ReLU(), Dense(data.shape[1]), layer]
        model = Sequential(layers, data.shape[1:], streams(chapter.seed).initialisation, dtype=np.float32)
        _, z = train(model, data, chapter.seed, lr=2e-3)
        made[output, scaling] = z[:5]
        loss = np.square(z - data, dtype=np.float64).mean()
        matrix[output, scaling] = (loss / variance(data), range_floor(data, output) / variance(data))
for (output, scaling), (loss, floor) in matrix.items():
    print(f"{output:<8} {scaling:<13} loss {loss:7.3f}, range floor {floor:7.3f}, of the variance")

# %% [markdown]
# ## The check

# %%
floor = range_floor(noise, "sigmoid")
assert abs(floor / expected_floor - 1) < 0.02, f"{expected_floor:.1f} expected, found {floor:.1f}"
off = np.abs(on_noise["as posted"][-3:] / all_ones - 1).max()
assert off < 1e-6, f"Q3a must stop at an output of 1, {all_ones:.3f}, found {on_noise['as posted'][-3:]}"
unlearned = on_noise["scaled"][-1] / variance(noise)
assert 0.98 < unlearned < 1.04, f"scaled, independent noise must stop at the constant, found {unlearned:.3f} times it"
for seed, x in images.items():
    over, left = broken[seed][-1] / range_floor(x, "sigmoid") - 1, repaired[seed][-1] / variance(x)
    assert -1e-6 < over < 1e-5, f"seed {seed}: as posted it must stop at the range floor, found {over:.1e} above"
    assert left < 0.9, f"seed {seed}: scaled it must get under the best constant, found {left:.3f} of its loss"
for name, excess in variants.items():
    assert -1e-6 < excess < 1e-4, f"{name}: it must stop at its range floor too, found {excess:.1e} above"
assert q3c < 0.95, f"Q3c must learn data in [0, 1], found {q3c:.3f} of the variance"
for (output, scaling), (loss, floor) in matrix.items():
    assert loss > floor * (1 - 1e-6), f"{output}, {scaling}: nothing gets below the range floor, found {loss}, {floor}"
    if floor > 1:
        assert loss < 1.02 * floor, f"{output}, {scaling}: must be at the range floor {floor:.3f}, found {loss:.3f}"
    elif floor == 0 and output != "ReLU":
        assert loss < 0.5, f"{output}, {scaling}: an output that reaches the targets must learn, found {loss:.3f}"

# %% [markdown]
# ## The figure

# %%
figure, axes = plt.subplot_mosaic([["curve", "pictures"], ["bars", "bars"]], figsize=(9, 7.6), layout="constrained")
curve, pictures, bars = (axes[name] for name in ("curve", "pictures", "bars"))
epochs = np.arange(1, EPOCHS + 1)
for seed, x in images.items():
    curve.plot(epochs, broken[seed] / variance(x), "s-", color=ORANGE, markersize=4)
    curve.plot(epochs, repaired[seed] / variance(x), "o-", color=BLUE, markersize=4)
level = range_floor(images[chapter.seed], "sigmoid") / variance(images[chapter.seed])
_ = floor_line(curve, level), floor_line(curve, 1), floor_line(bars, 1)
curve.text(EPOCHS, 0.94 * level, "targets 0 to 255:\non the range floor", ha="right", va="top", color=ORANGE)
curve.text(EPOCHS, 1.08, "targets / 255, below the best constant", ha="right", va="bottom", color=BLUE)
curve.set(xlabel="epoch", ylabel="training loss / variance", ylim=(0, 1.15 * level), xticks=epochs[1::2])
curve.set_title("The sigmoid's plateau is the range floor")

rows = {"target": flat / 255, "0 to 255": made["sigmoid", "0 to 255"], "/ 255": made["sigmoid", "[0, 1]"]}
red = {name: shown[:5].reshape(-1, DENSE_SIDE, DENSE_SIDE, 3)[..., 0] for name, shown in rows.items()}
picture_rows(pictures, red, (DENSE_SIDE, DENSE_SIDE), columns=5)
pictures.set_title("Sigmoid, red channel: white, repaired")

place = np.arange(len(matrix))
values, bounds = np.array(list(matrix.values())).T
drawn = bars.bar(place, values, 0.7, color=[ORANGE if bound > 0 else BLUE for bound in bounds])
bars.hlines(bounds[bounds > 0], place[bounds > 0] - 0.45, place[bounds > 0] + 0.45, color="black", linewidth=2.5)
bars.bar_label(drawn, [f"{value:.2f}" for value in values], padding=3)
bars.set_xticks(place, [output for output, _ in matrix], rotation=30)
for k, scaling in enumerate(SCALINGS):
    bars.text(4 * k + 1.5, 6.3, f"targets {scaling}", ha="center")
    bars.axvline(4 * k - 0.5, color="0.8")
bars.set(ylabel="training loss / variance", yscale="log", ylim=(0.08, 9), xlim=(-0.6, 15.6))
bars.set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
bars.minorticks_off()
bars.set_title("Orange: outputs out of reach of the targets, and their range floor in black")

# %% [markdown]
# ## The cause
#
# An output $z$ in $[l, h]$ has $|x - z| \ge \operatorname{dist}(x, [l, h])$, entry by entry. Take squares and
# expectations: (1). It is reached by $z = \min(\max(x, l), h)$. For integers uniform on 0 … 255 and a sigmoid that is
# $z = 1$ but for the zeros, and
#
# $$ \frac1{256}\sum_{k=1}^{255}(k - 1)^2 = 21463.5, \qquad E\bigl[(x - \tfrac12)^2\bigr] = \frac{256^2 - 1}{12} + 127^2
#    = 21590.25. $$
#
# A fresh network begins near the second and can get down to the first: 0.587 % is all that there is to learn. It finds
# something simpler still and says 1 everywhere, which costs 1 more for every zero, $1/256 = 0.004$ on average.
#
# **Which plateau is it?** The same network on the same integers divided by 255 stops as flatly, at their variance,
# because independent noise cannot be compressed. Neither curve decreases; a plateau is no diagnosis, its height is.
# Compute (1), the variance, $E[x^2]$ and $E[(1 - x)^2]$ before training, and see which one the loss has found. (The
# last two: chapter 13.)
#
# **The advice.** To choose by the range is right. But no tanh is needed for signed data, nor a sigmoid for [0, 1]: a
# linear output learns on all four scalings. Ten times the learning rate arrives sooner at the same place. ReLU has the
# floor $E[\min(x, 0)^2]$: 0 on [0, 1], where Q3c learns, about half of the variance on [−1, 1]. In a dense network it
# has another weakness: a pixel whose pre-activation is negative on all images has no gradient, and stays at exactly
# $E[x^2]$ (dead units: chapter 25).
#
# ## The cure in PyTorch
#
# ```python
# with torch.no_grad():
#     loss = (model(x) - x).square().mean().item()
# floor = (x - x.clamp(0, 1)).square().mean().item()  # a sigmoid's; tanh: clamp(-1, 1), ReLU: clamp(min=0)
# print(f"loss {loss:.6g}, range floor {floor:.6g}, best constant {x.var(0, correction=0).mean():.6g}")
#
# scaled = x / 255
# linear = model[:-1]  # or, in place of that: the network without its last activation
# ```
#
# ## The cure in Keras
#
# ```python
# loss = float(np.mean((model.predict(x, verbose=0) - x) ** 2))
# floor = float(np.mean((x - np.clip(x, 0, 1)) ** 2))
# print(f"loss {loss:.6g}, range floor {floor:.6g}, best constant {x.var(0).mean():.6g}")
#
# scaled = x / 255
# model.layers[-1].activation = keras.activations.linear  # or, in place of that; then compile anew
# ```
#
# ## Exercises
#
# 1. *What is the range floor of a tanh for standard normal data?*
# 2. *Q3a with cross-entropy in place of the squared error, on targets 0 to 255?*
# 3. *Keep the targets at 0 to 255 and put a layer that multiplies by 255 after the sigmoid. Is that a repair?*
#
# ## Answers
#
# 1. $2\int_1^\infty (x - 1)^2\varphi(x)\,dx = 2[2(1 - \Phi(1)) - \varphi(1)] = 0.151$ of the variance.
# 2. The library refuses it. Where it is not refused, $L = \log(1 + e^a) - xa$ has no lower bound for $x > 1$: its slope
#    in $a$ tends to $1 - x$, and the loss falls for ever. A negative cross-entropy is the sign.
# 3. The range covers the targets then, and the floor is 0. The gradients are $255^2$ times those of the scaled problem,
#    which Adam does not notice and gradient descent does: chapter 11.

# %%
chapter.finish(
    figure,
    {
        "random_integers": {"expected_floor": expected_floor, "output_of_one": all_ones, **on_noise},
        "posters_over_variance": {
            str(seed): {"as_posted": broken[seed] / variance(x), "scaled": repaired[seed] / variance(x)}
            for seed, x in images.items()
        },
        "excess_over_range_floor": variants,
        "q3c_over_variance": q3c,
        "matrix": {f"{output}, {scaling}": pair for (output, scaling), pair in matrix.items()},
    },
)
print("Out of reach, the loss stops at E[dist(x, range)²]. If yours is that of your targets: scale, or go linear.")
