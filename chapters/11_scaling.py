# %% [markdown]
# # Unscaled data: 65,025 times the curvature. Adam with ReLU does not care; momentum and tanh do
#
# The images are integers from 0 to 255. With momentum the loss is `nan` before the first epoch is over. A colleague
# trains on the same images with Adam and sees nothing wrong. A third uses Adam too, but tanh, and her loss, above that
# of the best constant, creeps along a straight line as if the learning rate were a hundred times too small. All three
# are told to scale their data.
#
# *Failure modes: F16 · networks: Q3 · advice: scale the data*

# %% [markdown]
# ## Is it yours?
#
# On the screen, the loss over the variance of the data, epoch by epoch (the output is linear in all of them; one that
# cannot reach the data is chapter 12):
#
# ```text
# momentum, ReLU   nan                                  on data / 255, same rate:  0.5 after 20 epochs
# Adam, ReLU       1.7  1.0  0.9  0.9  0.8  ...         the same
# Adam, tanh       1.93 1.91 1.88 1.84 1.81 ...         0.3 after 20 epochs
# ```
#
# One measurement: the largest eigenvalue $\lambda_{\max}$ of the data's second moment $E[xx^\top]$. For one linear
# layer and the mean squared error over $d$ outputs the curvature is $2\lambda_{\max}/d$, and gradient descent is stable
# below $d/\lambda_{\max}$. If your rate is thousands of times above that, it is yours, whatever the deeper layers add.
# The confirming run: divide the rate by the square of the data's scale. It must then train as scaled data do.
#
# On trial, from an answer to the question why the training loss is not decreasing (Q3): *scale the data*; that Adam
# needs it as well; and that tanh sticks *because it is saturated*. (This one turns out to be false.)

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import NonFiniteError, Sequential, fit, floors, layer_statistics, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.layers import Dense, ReLU, Tanh
from scratchdae.optimizers import SGD, Adam
from scratchdae.plots import BLUE, GREY, ORANGE, floor_line

chapter = Chapter.begin("11_scaling")

N = 400 if chapter.quick else 1000  # digits, of 14×14 pixels
HIDDEN = 64
EPOCHS = 20
BATCH_SIZE = 20 if chapter.quick else 50
STEPS = EPOCHS * N // BATCH_SIZE
LR_ADAM = 1e-3
LR_MOMENTUM, MOMENTUM = 0.5, 0.9
N_SEEDS = 1 if chapter.quick else 3
SAMPLE = 100 if chapter.quick else 200  # digits on which the curvature is measured

# %% [markdown]
# ## The run
#
# The embedded digits, which a program draws, in 14×14 pixels; a 196-64-32-64-196 network with a linear output. Losses
# are divided by the variance of the targets: 1 is the best constant image.

# %%
grey = to_float(digits().x_train[:N].astype(float), side=14)  # 0 to 255, as floats are taken as they are


def build(activation, seed):
    """Build the network, with this activation inside."""
    layers = [layer for units in (HIDDEN, HIDDEN // 2, HIDDEN) for layer in (Dense(units), activation)]
    return Sequential([*layers, Dense(grey.shape[1])], grey.shape[1:], streams(seed).initialisation)


def train(activation, optimizer, lr, seed, x, target):
    """Train until something is not finite; return the loss of each epoch over the variance, and the network."""
    model, losses = build(activation, seed), []
    options = {"batch_size": BATCH_SIZE, "optimizer": optimizer, "seed": seed, "backend": "numpy", "progress": False}
    try:
        fit(model, x, target, epochs=EPOCHS, lr=lr, on_epoch=lambda row, _: losses.append(row["loss"]), **options)
    except NonFiniteError as error:
        print(f"  seed {seed}: {str(error).split(';')[0]}")
    return np.array(losses) / floors.constant(target), model


OPTIONS = {
    "momentum, ReLU": (ReLU(), SGD(momentum=MOMENTUM), LR_MOMENTUM),
    "Adam, ReLU": (ReLU(), Adam(), LR_ADAM),
    "Adam, tanh": (Tanh(), Adam(), LR_ADAM),
}


def raw(name, seed):
    """Broken: 0 to 255 in and out."""
    return train(*OPTIONS[name], seed, grey, grey)[0]


def scaled(name, seed):
    """Repaired: divided by 255."""
    return train(*OPTIONS[name], seed, grey / 255, grey / 255)[0]


seeds = range(chapter.seed, chapter.seed + N_SEEDS)
broken = {(name, seed): raw(name, seed) for name in OPTIONS for seed in seeds}
repaired = {(name, seed): scaled(name, seed) for name in OPTIONS for seed in seeds}
momentum = SGD(momentum=MOMENTUM)
slower = {seed: train(ReLU(), momentum, LR_MOMENTUM / 65025, seed, grey, grey)[0] for seed in seeds}
for name, seed in broken:
    before, after = broken[name, seed], repaired[name, seed][-1]
    end = f"{before[-1]:.3g}" if len(before) == EPOCHS else f"not finite in epoch {len(before) + 1}"
    print(f"{name}, seed {seed}: 0 to 255 {end}, [0, 1] {after:.3f}")
print("momentum on 0 to 255 with lr / 65,025:", ", ".join(f"{slower[seed][-1]:.3f}" for seed in seeds))

# %% [markdown]
# ### How much sharper?
#
# The largest eigenvalue of the loss's curvature at the first weights comes from power iteration on differences of
# gradients, for the network and, beside it, from the data alone.


# %%
def curvature(x, iterations=12):
    """Return the largest eigenvalue of the Hessian at the first weights, by power iteration."""
    model, rng = build(ReLU(), chapter.seed), np.random.default_rng([chapter.seed, 2])
    v = {name: rng.standard_normal(value.shape) for name, value in model.params.items()}
    for _ in range(iterations):
        length = np.sqrt(sum((array**2).sum() for array in v.values()))
        h = 1e-5 / length
        sides = [{name: value + side * h * v[name] for name, value in model.params.items()} for side in (1, -1)]
        up, down = (model.loss_and_grads(side, x, x)[1] for side in sides)
        product = {name: (up[name] - down[name]) / (2 * h) for name in v}
        eigenvalue = sum(np.vdot(v[name], product[name]) for name in v) / length**2
        v = product
    return float(eigenvalue)


def limit(x):
    """Return the largest stable rate of one linear layer on these data, d / λmax."""
    return float(x.shape[1] / np.linalg.eigvalsh(x.T @ x / len(x))[-1])


sharper = curvature(grey[:SAMPLE]) / curvature(grey[:SAMPLE] / 255)
limits = {"0 to 255": limit(grey), "[0, 1]": limit(grey / 255)}
print(f"the network's curvature grows {sharper:,.0f} times; one linear layer is stable below {limits}")

# %% [markdown]
# ### Is it saturation?
#
# Large inputs saturate the tanh. Large targets are something else. Scale only one of the two, and count the saturated
# units of the first layer before training (slope under a hundredth).
#
# The other suspect is how far Adam can get. A step moves a weight by about the learning rate, whatever the gradient,
# and a tanh is at most 1. After $T$ steps no output is further from 0 than about
#
# $$ R_T = \max_k \sum_j |W_{jk}| + \mathrm{lr}\cdot T\,(H + 1), $$
#
# with the first weights $W$ of the last layer and its $H$ inputs. That makes a range floor (chapter 12) which recedes
# with time, $E[\operatorname{dist}(x, [-R_T, R_T])^2]$.

# %%
quarters = {}
for name, by_input, by_target in (("neither", 1, 1), ("the input", 255, 1), ("the target", 1, 255), ("both", 255, 255)):
    x, target = grey / by_input, grey / by_target
    at_birth = layer_statistics(build(Tanh(), chapter.seed), x, target)[1].saturated
    losses, model = train(*OPTIONS["Adam, tanh"], chapter.seed, x, target)
    first = build(Tanh(), chapter.seed).params["dense_4.W"]
    moved = float(np.abs(model.params["dense_4.W"] - first).max())
    quarters[name] = {"losses": losses, "saturated": at_birth, "moved": moved}
    print(f"tanh, scaled {name}: loss {losses[-1]:.3f}, saturated at birth {at_birth:.0%}, moved at most {moved:.3f}")
steps = np.arange(1, EPOCHS + 1) * (STEPS // EPOCHS)
reach = np.abs(first).sum(axis=0).max() + LR_ADAM * steps * (HIDDEN + 1)
reach_floor = np.array([floors.output_range(grey, -r, r) for r in reach]) / floors.constant(grey)

# %% [markdown]
# ## The check

# %%
for seed in seeds:
    ends = {name: repaired[name, seed][-1] for name in OPTIONS}
    for name, end in ends.items():
        assert end < 0.7, f"{name}, seed {seed}: scaled, it must learn, found {end:.3f} of the variance"
    alike = broken["Adam, ReLU", seed][-1] / ends["Adam, ReLU"]
    assert 0.8 < alike < 1.25, f"seed {seed}: Adam with ReLU must not care, found a ratio of {alike:.3f}"
    stuck = broken["Adam, tanh", seed][-1]
    assert stuck > max(1.3, 3 * ends["Adam, tanh"]), f"seed {seed}: Adam with tanh must stick, found {stuck:.3f}"
    lost = broken["momentum, ReLU", seed]
    assert len(lost) < EPOCHS or lost.max() > 1e6, f"seed {seed}: momentum must blow up, found {lost}"
    again = slower[seed][-1] / ends["momentum, ReLU"]
    assert 0.85 < again < 1.15, f"seed {seed}: lr / 65,025 must do what scaling does, found a ratio of {again:.3f}"
assert 4e4 < sharper < 65025, f"the network's curvature must grow nearly 65,025 times, found {sharper:.0f}"
assert limits["0 to 255"] < LR_MOMENTUM / 1000, f"the measurement must accuse 0 to 255, stable below {limits}"
assert limits["[0, 1]"] > LR_MOMENTUM, f"and acquit [0, 1], stable below {limits}"

ends = {name: quarter["losses"][-1] for name, quarter in quarters.items()}
assert quarters["the target"]["saturated"] > 0.9, "0 to 255 must saturate the first layer"
assert quarters["the input"]["saturated"] < 0.05, "[0, 1] must not"
assert ends["the target"] < 0.75, f"saturated, but with small targets, it must learn: {ends}"
assert ends["the input"] > 1.3, f"not saturated, but with large targets, it must stick: {ends}"
assert 0.9 < ends["the input"] / ends["neither"] < 1.1, f"the input's scale must hardly matter then: {ends}"
moved = quarters["neither"]["moved"] / (LR_ADAM * STEPS)
assert 0.8 < moved < 1.3, f"Adam must have moved a weight by about lr · T, found {moved:.2f} of it"
assert (broken["Adam, tanh", chapter.seed] > reach_floor).all(), "the loss must stay above what Adam's reach allows"

# %% [markdown]
# ## The figure

# %%
figure, (fast, creep) = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
epochs = np.arange(1, EPOCHS + 1)
for seed in seeds:
    lost = np.minimum(broken["momentum, ReLU", seed], 300)
    fast.semilogy([*epochs[: len(lost)], len(lost) + 1][:EPOCHS], [*lost, 300][:EPOCHS], "s--", color=ORANGE)
    fast.semilogy(epochs, repaired["momentum, ReLU", seed], "-", color=BLUE, linewidth=4, alpha=0.4)
    fast.semilogy(epochs, slower[seed], ":", color="black")
fast.text(EPOCHS, 220, "0 to 255: above this picture, or nan", ha="right", va="top", color=ORANGE)
fast.text(EPOCHS, 0.32, "data / 255 (line), or the rate / 65,025 (dots)", ha="right", va="bottom", color=BLUE)
fast.set(ylim=(0.28, 400), ylabel="training loss / variance")
fast.set_title("Momentum, ReLU: scaling the data or\nthe rate is the same repair")

heights = {"neither": 2.35, "the input": 2.18, "the target": 0.86, "both": 0.18}
for (name, height), color in zip(heights.items(), (ORANGE, GREY, GREY, BLUE), strict=True):
    creep.plot(epochs, quarters[name]["losses"], "--" if name == "the input" else "-", color=color, linewidth=2)
    text = f"{name} scaled, {quarters[name]['saturated']:.0%} saturated"
    creep.text(EPOCHS, height, text, ha="right", va="center", color=color)
creep.plot(epochs, reach_floor, "k:", linewidth=1.5)
creep.text(EPOCHS, reach_floor[-1] - 0.06, "what Adam can reach", ha="right", va="top")
creep.set(ylim=(0, 2.8), ylabel="training loss / variance")
creep.set_title("Adam, tanh: not the saturation, the targets")
creep.text(EPOCHS, 1.02, "best constant", ha="right", va="bottom")
for ax in (fast, creep):
    floor_line(ax, 1).set(xlabel="epoch", xticks=range(0, EPOCHS + 1, 5))

# %% [markdown]
# ## The cause
#
# **Curvature.** The gradient of $\frac1d E\lVert xW - x\rVert^2$ is $\frac2d S(W - I)$ with $S = E[xx^\top]$. With
# $x \to 255x$ every eigenvalue of $S$ is 65,025 times as large, and the largest stable rate that many times smaller.
# (What *centring* does to the eigenvalues is chapter 19.)
#
# **Momentum.** For the network the factor is only nearly right, because the part of the curvature that belongs to the
# biases does not grow as fast. But the remedy is good enough to tell the cause: divide the learning rate by 65,025, and
# the unscaled data train as the scaled ones do. In double precision some seeds are not NaN but beyond $10^{70}$, which
# in float32 is infinite. A rate too high (chapter 17) is cured in the same way. What makes it this failure is that the
# factor is known beforehand.
#
# **Adam with ReLU.** A ReLU network without biases is homogeneous: $f(cx) = c f(x)$. The right weights for $255x$ are
# the right weights for $x$, and Adam's step does not depend on the gradient's scale.
#
# **Adam with tanh.** Saturation would explain it, and nearly all of the first layer is saturated. But with the inputs
# scaled and the targets not, nothing is saturated and the loss is the same; with the targets scaled and the inputs not,
# as much is saturated as before, and it learns. It is the *targets*. The codes are bounded by 1, so the last weights
# must grow to the size of the targets, and Adam moves them by no more than about $10^{-3}$ a step, $\mathrm{lr}\cdot T
# = 0.4$ in all. The dotted floor recedes just as slowly. (With ReLU the codes are as large as the inputs, and nothing
# has to grow.) Saturation costs the rest. So the advice is right, for reasons that differ between optimizers.
#
# ## The cure in PyTorch
#
# ```python
# limit = x.shape[1] / torch.linalg.eigvalsh(x.T @ x / len(x))[-1].item()
# print(f"from {x.min():.3g} to {x.max():.3g}; one linear layer is stable below a rate of {limit:.2g}")
#
# mean, scale = x.mean(0), x.std()
# scaled = (x - mean) / scale  # train on this; what comes out is z * scale + mean
# ```
#
# ## The cure in Keras
#
# ```python
# limit = x.shape[1] / np.linalg.eigvalsh(x.T @ x / len(x))[-1]
# print(f"from {x.min():.3g} to {x.max():.3g}; one linear layer is stable below a rate of {limit:.2g}")
#
# mean, scale = x.mean(0), x.std()
# scaled = (x - mean) / scale  # train on this; what comes out is z * scale + mean
# ```
#
# ## Exercises
#
# 1. *Divide each pixel by its own standard deviation in place of 255. What is new?*
# 2. *How long would Adam with tanh need on 0 to 255?*
# 3. *Show that for a linear network without biases, scaling the data by $c$ and the learning rate by $1/c^2$ gives the
#    same weights at every step.*
#
# ## Answers
#
# 1. Border pixels that are lit in one image of a thousand get a variance of 1 and count as much as the centre; those
#    that are never lit have none, and the division gives NaN. (Columns in different units do need it.)
# 2. Bright pixels want about 255 from 64 codes of at most 1: a reach $R_T$ of 255, so $T = 255/(65\cdot10^{-3})$, about
#    4,000 steps at the very least. With a learning rate of 0.1 the reach is there in 40 steps.
# 3. The loss is a quadratic form in $x$, $L(cx) = c^2L(x)$ for all weights, and so is its gradient; the factor cancels.

# %%
chapter.finish(
    figure,
    {
        "loss_over_variance": {
            name: {str(seed): {"raw": broken[name, seed], "scaled": repaired[name, seed][-1]} for seed in seeds}
            for name in OPTIONS
        },
        "raw_with_smaller_rate": {str(seed): losses[-1] for seed, losses in slower.items()},
        "tanh": quarters,
        "curvature_ratio": sharper,
        "linear_layer_stable_below": limits,
    },
)
print("Data 255 times as large bend the loss 65,025 times as much. Scale them once, before anything else is tuned.")
