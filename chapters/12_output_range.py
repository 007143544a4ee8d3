# %% [markdown]
# # An output that cannot reach the targets stops at a number you can compute before training
#
# The loss is 21,600 before the first step and 21,468 after the second epoch, and there it stays, to eight digits, for
# as long as you care to wait. Another learning rate, another optimizer, another loss: it stays elsewhere, or there
# again. The reconstructions are white. The code is a copy of a tutorial that works.
#
# *Failure modes: F14 · networks: Q3a, Q3c · advice: output activation by range, loss that suits the data*

# %% [markdown]
# ## The claim
#
# An answer to the question why the training loss is not decreasing (Q3) shows three networks. The first (Q3a) ends in a
# sigmoid and is asked for integers from 0 to 255. A sigmoid reaches 1. Let $[l, h]$ be the closure of what the last
# activation can give. Then no weights, no optimizer and no patience get below the **range floor**
#
# $$ E\bigl[\operatorname{dist}(x, [l, h])^2\bigr], \tag{1} $$
#
# which needs nothing but the data. On trial:
#
# 1. Q3a's plateau is (1). It is at most 0.587 % below the loss of an output of ½: that is all there is to learn;
# 2. the advice to put a sigmoid or a tanh outside, by the range, is right about *which* outputs fail, and (1) says by
#    how much;
# 3. the advice to use a loss that suits the data (absolute error, say) does not help here;
# 4. ReLU for the output (Q3c) is fine on data in [0, 1]; it fails on signed data, and where it is dead;
# 5. the advice to look at *how* it does not decrease: a plateau is not a diagnosis. Its height is.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, fit, floors, posted, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits
from scratchdae.layers import (
    Dense,
    Identity,
    ReLU,
    Sigmoid,
    Tanh,
)
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("12_output_range")

SIDE = 16 if chapter.quick else 32  # of the images; posted: 32
WIDTH = 8 if chapter.quick else 16  # channels next to the code, twice as many outside; posted: 16
N = 96 if chapter.quick else 1000 if chapter.full else 320
EPOCHS = 6 if chapter.quick else 10
BATCH_SIZE = 8 if chapter.quick else 32
LR = 3e-3 if chapter.quick else 1e-3
CODE = 32
DENSE_SIDE = 8 if chapter.quick else 16  # of the images that the dense networks get
N_SEEDS = 1 if chapter.quick else 3  # the test suite runs --quick with three seeds
OUTPUTS = {  # the last layer, and the closure of its range
    "linear": (Identity(), (-np.inf, np.inf)),
    "sigmoid": (Sigmoid(), (0.0, 1.0)),
    "tanh": (Tanh(), (-1.0, 1.0)),
    "ReLU": (ReLU(), (0.0, np.inf)),
}

# %% [markdown]
# ## The run
#
# Q3a as posted: 32×32×3, two convolutions with pooling, 32 numbers, and back; Adam, squared error, ten epochs in
# batches of 32. The posted data are independent random integers, in which there is nothing to compress (F23), so that
# no repair could be seen. A second set has structure: the embedded digits, which a program draws, each in a random ink
# on a random paper, in integers from 0 to 255. (1,000 images were posted. Here they are 320, 1,000 with `--full`.)


# %%
def posters(n, side, rng):
    """Draw (n, side, side, 3) images, grey levels 0 to 255: a digit in one random colour on another."""
    picture = np.zeros((n, 32, 32, 1))
    picture[:, 2:30, 2:30, 0] = digits().x_train[:n].reshape(n, 28, 28) / 255
    ink, paper = rng.integers(0, 256, (2, n, 1, 1, 3))
    step = 32 // side
    return np.rint(picture * ink + (1 - picture) * paper)[:, ::step, ::step].astype(np.float32)


def network(output, seed, loss="squared_error"):
    """Build the posted network (--quick: a smaller one), with this for its last activation."""
    layers = posted.NETWORKS["q3a"].layers(CODE, OUTPUTS[output][0], SIDE, WIDTH)
    first = streams(seed).initialisation
    return Sequential(layers, (SIDE, SIDE, 3), first, loss=loss, dtype=np.float32)


def train(model, x, seed, epochs=EPOCHS, lr=LR):
    """Train on x; return the loss of each epoch, and what the network makes of x at the end."""
    options = {"optimizer": Adam.of("keras"), "batch_size": BATCH_SIZE, "seed": seed, "progress": False}
    return fit(model, x, epochs=epochs, lr=lr, **options)["loss"], model.predict(x)


def as_posted(x, seed, **options):
    """Broken: targets from 0 to 255, and a sigmoid to reach them."""
    return train(network("sigmoid", seed), x, seed, **options)


def scaled(x, seed):
    """Repaired: the same, with the data divided by 255; the loss in the units of x."""
    losses, z = train(network("sigmoid", seed), x / np.float32(255), seed)
    return 255**2 * losses, z


def range_floor(x, output):
    """Compute (1), in float64."""
    return floors.output_range(x.reshape(len(x), -1), *OUTPUTS[output][1])


def variance(x):
    """Loss of the best constant image."""
    return floors.constant(x.reshape(len(x), -1))


seeds = range(chapter.seed, chapter.seed + N_SEEDS)
noise = np.random.default_rng([chapter.seed, 1]).integers(0, 256, (N, SIDE, SIDE, 3)).astype(np.float32)
noise_floor, noise_variance = range_floor(noise, "sigmoid"), variance(noise)
on_noise = {"as posted": as_posted(noise, chapter.seed)[0], "scaled": scaled(noise, chapter.seed)[0]}
all_ones = float(np.mean((noise.astype(np.float64) - 1) ** 2))  # the loss at the extreme output
all_half = float(np.mean((noise.astype(np.float64) - 0.5) ** 2))
expected_floor = 254 * 255 * 509 / 6 / 256  # Σ (k − 1)² / 256 over k = 1 … 255
expected_half = (256**2 - 1) / 12 + (127.5 - 0.5) ** 2

images = {seed: posters(N, SIDE, np.random.default_rng([seed, 2])) for seed in seeds}
broken = {seed: as_posted(x, seed)[0] for seed, x in images.items()}
repaired = {seed: scaled(x, seed)[0] for seed, x in images.items()}

print(f"random integers: range floor {noise_floor:.4f}, output of 1 {all_ones:.4f}, output of 1/2 {all_half:.2f}")
print(
    f"  expected: floor {expected_floor:.2f}, 1/2 {expected_half:.2f}, apart {1 - expected_floor / expected_half:.3%}"
)
print(f"  as posted, by epoch: {', '.join(f'{value:.4f}' for value in on_noise['as posted'])}")
print(f"  scaled, in the same units: {on_noise['scaled'][-1]:.1f}; best constant {noise_variance:.1f}")
for seed, x in images.items():
    floor, before, after = (v / variance(x) for v in (range_floor(x, "sigmoid"), broken[seed][-1], repaired[seed][-1]))
    print(f"posters {seed}, over their variance: floor {floor:.5f}, as posted {before:.5f}, scaled {after:.4f}")

# %% [markdown]
# ### What else people change
#
# The confirming measurement: change the learning rate tenfold, or the loss. A learning rate too low (F01) would gain
# from the first. Here both runs stop at the floor again, the second at its own, $E[\operatorname{dist}(x, [l, h])]$.

# %%
x = images[chapter.seed]
FEW = EPOCHS // 2


def absolute_range_floor(x, output):
    """The range floor of the absolute error, E[dist(x, [l, h])]."""
    return float(np.abs(x - np.clip(x, *OUTPUTS[output][1])).mean(dtype=np.float64))


absolute_floor = absolute_range_floor(x, "sigmoid")
same = {"seed": chapter.seed, "epochs": FEW}
at_ten_times, _ = as_posted(x, lr=10 * LR, **same)
absolute, _ = train(network("sigmoid", chapter.seed, "absolute_error"), x, **same)
variants = {
    "squared error": broken[chapter.seed][:FEW] / range_floor(x, "sigmoid") - 1,
    "learning rate × 10": at_ten_times / range_floor(x, "sigmoid") - 1,
    "absolute error": absolute / absolute_floor - 1,
}
for name, excess in variants.items():
    print(f"{name:<20} loss over its range floor, less 1, by epoch: {', '.join(f'{value:.1e}' for value in excess)}")

# %% [markdown]
# ### Q3c: ReLU for the output
#
# The posted network on the posters in [0, 1], and on the same in [−1, 1].

# %%
q3c = {}
for name, data in (("[0, 1]", x / np.float32(255)), ("[−1, 1]", x / np.float32(127.5) - 1)):
    losses, z = train(network("ReLU", chapter.seed), data, chapter.seed)
    dead = int((~(z > 0).any(axis=(0, 1, 2))).sum())
    q3c[name] = {"loss": losses[-1] / variance(data), "floor": range_floor(data, "ReLU") / variance(data), "dead": dead}
    print(f"Q3c, {name}: {q3c[name]}")

# %% [markdown]
# ### Every output on every range
#
# Small dense networks, D-128-32-128-D with ReLU inside, one for each pair of a last activation and a scaling of the
# posters. If (1) is all that matters, the losses sort themselves by it. With a ReLU at the end, a pixel is *dead* if it
# is positive for no image. Then its output is 0, its loss $E[x^2]$, and no gradient brings it back.

# %%
step = SIDE // DENSE_SIDE
flat = x[:, ::step, ::step].reshape(N, -1)
SCALINGS = {
    "0 to 255": flat,
    "[0, 1]": flat / np.float32(255),
    "[−1, 1]": flat / np.float32(127.5) - 1,
    "standardised": (flat - flat.mean(axis=0)) / flat.std(axis=0),
}
matrix, born_dead, given = {}, {}, {}
for scaling, data in SCALINGS.items():
    for output, (layer, _) in OUTPUTS.items():
        layers = [Dense(128), ReLU(), Dense(CODE), ReLU(), Dense(128), ReLU(), Dense(data.shape[1]), layer]
        model = Sequential(layers, data.shape[1:], streams(chapter.seed).initialisation, dtype=np.float32)
        at_birth = (model.predict(data) > 0).any(axis=0)
        _, z = train(model, data, chapter.seed, lr=2e-3)
        loss = float(np.mean((z - data) ** 2, dtype=np.float64))
        matrix[output, scaling] = (loss / variance(data), range_floor(data, output) / variance(data))
        if output == "sigmoid":
            given[scaling] = z
        if output == "ReLU":
            dead = ~(z > 0).any(axis=0)
            second_moment = float(np.mean(data[:, dead] ** 2, dtype=np.float64))
            born_dead[scaling] = {
                "at_birth": float(1 - at_birth.mean()),
                "at_the_end": float(dead.mean()),
                "loss_over_second_moment": float(np.mean((z - data)[:, dead] ** 2, dtype=np.float64)) / second_moment,
                "share_of_loss": float(dead.mean()) * second_moment / loss,
            }
for (output, scaling), (loss, floor) in matrix.items():
    print(f"{output:<8} {scaling:<13} loss {loss:7.4f}, range floor {floor:7.4f}, of the variance")
for scaling, numbers in born_dead.items():
    print(f"ReLU output, {scaling:<13} {numbers}")

# %% [markdown]
# ## The check
#
# Broken means: at the range floor, several times the loss of the best constant. Repaired means: at most a quarter of
# that, and below the constant. One of the two lies above the floor in every case, because the floor is a bound.

# %%
plateau = on_noise["as posted"][-3:]
assert abs(noise_floor / expected_floor - 1) < 0.01, f"{expected_floor:.1f} expected, found {noise_floor:.1f}"
assert abs((1 - expected_floor / expected_half) - 0.00587) < 5e-6, "0.587 % is what a sigmoid can gain from ½"
assert np.abs(plateau / all_ones - 1).max() < 1e-6, f"Q3a must stop at an output of 1, {all_ones:.4f}, found {plateau}"
assert all_ones / noise_floor - 1 < 1e-6, f"an output of 1 must cost the range floor, found {all_ones / noise_floor}"
unlearned = on_noise["scaled"][-1] / noise_variance
assert 0.99 < unlearned < 1.03, f"scaled, independent noise must stop at the constant, found {unlearned:.3f} times it"

for seed, x in images.items():
    over = broken[seed][-1] / range_floor(x, "sigmoid") - 1
    assert -1e-6 < over < 1e-5, f"seed {seed}: as posted it must stop at the range floor, found {over:.1e} above"
    assert range_floor(x, "sigmoid") > 3 * variance(x), f"seed {seed}: the range floor must be far above the variance"
    assert repaired[seed][-1] < 0.25 * broken[seed][-1], f"seed {seed}: scaled it must get under a quarter"
    left = repaired[seed][-1] / variance(x)
    assert left < 0.9, f"seed {seed}: scaled it must get under the best constant, found {left:.3f} of the variance"
for name, excess in variants.items():
    assert -1e-6 < excess[-1] < 1e-4, f"{name}: it must stop at its range floor too, found {excess[-1]:.1e} above"

assert q3c["[0, 1]"]["loss"] < 0.95, f"Q3c must learn data in [0, 1], found {q3c['[0, 1]']['loss']:.3f}"
assert q3c["[−1, 1]"]["loss"] > q3c["[−1, 1]"]["floor"] > 0.3, f"Q3c on signed data: {q3c['[−1, 1]']}"
for (output, scaling), (loss, floor) in matrix.items():
    assert loss > floor * (1 - 1e-6), f"{output}, {scaling}: nothing gets below the range floor, found {loss}, {floor}"
    if floor > 1:
        assert loss < 1.01 * floor, f"{output}, {scaling}: must be at the range floor {floor:.3f}, found {loss:.3f}"
    elif floor == 0 and output != "ReLU":
        assert loss < 0.45, f"{output}, {scaling}: an output that reaches the targets must learn, found {loss:.3f}"
for scaling, numbers in born_dead.items():
    assert abs(numbers["loss_over_second_moment"] - 1) < 1e-6, f"a dead pixel must cost E[x²]: {scaling}, {numbers}"
assert born_dead["[0, 1]"]["at_the_end"] > 0.05, f"many pixels must be dead: {born_dead['[0, 1]']}"
assert born_dead["[0, 1]"]["share_of_loss"] > 0.5, f"the dead must cost most of the loss: {born_dead['[0, 1]']}"

# %% [markdown]
# ## The figure

# %%
panels = [["noise", "posters", "excess"], ["matrix", "matrix", "pictures"]]
figure, axes = plt.subplot_mosaic(panels, figsize=(17, 9.5), layout="constrained")
epochs = np.arange(1, EPOCHS + 1)

axes["noise"].plot(epochs, on_noise["as posted"], "s--", color=ORANGE, label="as posted: sigmoid, targets 0 to 255")
axes["noise"].plot(epochs, on_noise["scaled"], "o-", color=BLUE, label="targets / 255 (in the same units)")
axes["noise"].axhline(noise_floor, color="k", linestyle=":", label=f"range floor {noise_floor:.2f}")
axes["noise"].axhline(noise_variance, color=GREY, linestyle="-.", label=f"best constant {noise_variance:.0f}")
axes["noise"].set(xlabel="epoch", ylabel="training loss (squared grey levels)", ylim=(0, 27000))
axes["noise"].set_title("Posted data: the plateau is the range floor;\nscaled, it is that of incompressible noise")
axes["noise"].legend(loc="center right", fontsize=9)

for seed, x in images.items():
    first = seed == chapter.seed
    labels = ("as posted", "targets / 255", "range floor of each") if first else (None, None, None)
    axes["posters"].plot(epochs, broken[seed] / variance(x), "s--", color=ORANGE, label=labels[0])
    axes["posters"].plot(epochs, repaired[seed] / variance(x), "o-", color=BLUE, label=labels[1])
    level = range_floor(x, "sigmoid") / variance(x)
    axes["posters"].axhline(level, color="k", linestyle=":", label=labels[2])
axes["posters"].axhline(1, color=GREY, linestyle="-.", label="best constant")
axes["posters"].set(xlabel="epoch", ylabel="training loss / variance of the data", ylim=(0, None))
axes["posters"].set_title(f"Images with structure: one change repairs it\n({N_SEEDS} seed{'s' * (N_SEEDS > 1)})")
axes["posters"].legend(loc="center right")

for (name, excess), style in zip(variants.items(), ("s--", "^-", "D:"), strict=True):
    axes["excess"].semilogy(
        range(1, FEW + 1), np.abs(excess), style, label=name, color=ORANGE if "sq" in name else "0.3"
    )
axes["excess"].set(xlabel="epoch", ylabel="|loss / range floor − 1|", xticks=range(1, FEW + 1))
axes["excess"].set_title("Ten times the learning rate, or another loss:\neach stops at its own range floor")
axes["excess"].legend()

place = np.arange(len(matrix))
values, bounds = np.array(list(matrix.values())).T
colours = [ORANGE if bound > 0 else BLUE for bound in bounds]
bars = axes["matrix"].bar(place, values, 0.7, color=colours)
for bar, bound in zip(bars, bounds, strict=True):
    bar.set_hatch("//" if bound > 0 else "")
axes["matrix"].hlines(bounds, place - 0.45, place + 0.45, color="k", linewidth=2.5, label="range floor")
axes["matrix"].axhline(1, color=GREY, linestyle="-.", label="best constant")
axes["matrix"].bar_label(bars, [f"{value:.2f}" for value in values], padding=3)
axes["matrix"].set_xticks(place, [output for output, _ in matrix])
for k, scaling in enumerate(SCALINGS):
    axes["matrix"].text(4 * k + 1.5, 6.2, f"targets {scaling}", ha="center", fontsize=12)
    axes["matrix"].axvline(4 * k - 0.5, color="0.8")
axes["matrix"].set(ylabel="training loss / variance (log scale)", yscale="log", ylim=(0.1, 9), xlim=(-0.6, 15.6))
axes["matrix"].set_title(
    "Dense networks: hatched where the floor (black) is above 0. ReLU fails on [0, 1] too: "
    f"{born_dead['[0, 1]']['at_the_end']:.0%} of its pixels are dead"
)
axes["matrix"].set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
axes["matrix"].minorticks_off()
axes["matrix"].legend(loc=(0.27, 0.63))

cell = DENSE_SIDE + 2
strip = np.full((3 * cell - 2, 6 * cell - 2, 3), 0.9)
for row, pictures in enumerate((flat / 255, given["0 to 255"], given["[0, 1]"])):
    for column, picture in enumerate(pictures[:6].reshape(6, DENSE_SIDE, DENSE_SIDE, 3)):
        strip[row * cell :, column * cell :][:DENSE_SIDE, :DENSE_SIDE] = picture
axes["pictures"].imshow(strip, interpolation="nearest")
ticks = [DENSE_SIDE / 2 + row * cell for row in range(3)]
axes["pictures"].set_yticks(ticks, ["target", "targets\n0 to 255", "targets\n[0, 1]"])
axes["pictures"].set_xticks([])
axes["pictures"].tick_params(length=0)
axes["pictures"].spines[:].set_visible(False)
axes["pictures"].set_title("What the dense network with the sigmoid gives")
for name in ("noise", "posters", "excess"):
    axes[name].grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **The floor.** An output $z$ in $[l, h]$ has $|x - z| \ge \operatorname{dist}(x, [l, h])$, entry by entry, whatever it
# may depend on. Take squares and expectations: (1). It is reached by $z = \min(\max(x, l), h)$. For integers uniform on
# 0 … 255 and a sigmoid that is $z = 1$ but for the zeros, and
#
# $$ \frac1{256}\sum_{k=1}^{255}(k - 1)^2 = \frac{254\cdot255\cdot509}{6\cdot256} = 21463.5,
# \qquad E\bigl[(x - \tfrac12)^2\bigr] = \frac{256^2 - 1}{12} + 127^2 = 21590.25. $$
#
# A fresh network begins near the second and can get down to the first: 0.587 %. The network finds it simpler still. It
# says 1 everywhere, which costs 1 more for every zero, $1/256 = 0.004$ on average: the sample's floor is 21452.8431, an
# output of 1 costs 21452.8471, and the run stops at 21452.847.
#
# **Which plateau is it?** The same network on the same data, divided by 255, stops as flatly, at 5462 in the same
# units. That is the best constant, 5448, because independent noise cannot be compressed (F23). Neither curve
# decreases. What tells them apart is a number: compute (1), the variance, $E[x^2]$ and $E[(1 - x)^2]$ before training,
# and see which one the loss has found. (The latter two are those of an output that is all black or all white though it
# could be otherwise: F15, the next chapter.)
#
# **The advice.** To choose by the range is right: of the eight pairs with a sigmoid or a tanh in the figure, the four
# with a floor under a tenth of the variance learn, the other four end at their floor or a little above. But no tanh is
# needed for signed data, nor a sigmoid for [0, 1]: a linear output learns on all four scalings, 0 to 255 included. A
# loss that suits the data changes the floor to $E[\operatorname{dist}]$, no more. Ten times the learning rate arrives
# sooner.
#
# **ReLU at the output** has the range $[0, \infty)$ and so the floor $E[\min(x, 0)^2]$: 0 on [0, 1], 0.48 of the
# variance on [−1, 1]. That it is fine on [0, 1] holds for Q3c, where a unit of the output is a channel, shared by all
# pixels. In the dense network it does not: 10 % of the pixels are dead at the end, each at exactly $E[x^2]$, and they
# make up 74 % of the loss, which is 3.9 times that of the linear output. A pixel whose pre-activation is negative on
# all images has no gradient (F13).

# %% [markdown]
# ## Exercises
#
# 1. *What is the range floor of a tanh for standard normal data?*
#
#    $2\int_1^\infty (x - 1)^2\varphi(x)\,dx = 2[(1 + 1)(1 - \Phi(1)) - \varphi(1)] = 0.151$ of the variance.
#
# 2. *Q3a with cross-entropy in place of the squared error, on targets 0 to 255?*
#
#    The library refuses it. Where it is not refused, $L = \log(1 + e^a) - xa$ has no lower bound for $x > 1$: its slope
#    in $a$ tends to $1 - x$, and the loss falls for ever. A negative cross-entropy is the sign.
#
# 3. *Keep the targets at 0 to 255 and put a layer that multiplies by 255 after the sigmoid. Is that a repair?*
#
#    The range covers the targets then, and the floor is 0. The gradients with respect to all weights are $255^2$ times
#    those of the scaled problem, which Adam does not notice and gradient descent does: see chapter 11.

# %%
chapter.finish(
    figure,
    {
        "random_integers": {
            "range_floor": noise_floor,
            "output_of_one": all_ones,
            "output_of_half": all_half,
            "expected_floor": expected_floor,
            "expected_half": expected_half,
            "as_posted": on_noise["as posted"],
            "scaled_in_the_same_units": on_noise["scaled"],
            "best_constant": noise_variance,
        },
        "posters_over_variance": {
            str(seed): {
                "range_floor": range_floor(x, "sigmoid") / variance(x),
                "as_posted": broken[seed] / variance(x),
                "scaled": repaired[seed] / variance(x),
            }
            for seed, x in images.items()
        },
        "excess_over_range_floor": variants,
        "q3c": q3c,
        "matrix": {f"{output}, {scaling}": pair for (output, scaling), pair in matrix.items()},
        "dead_pixels_of_relu_output": born_dead,
    },
)
