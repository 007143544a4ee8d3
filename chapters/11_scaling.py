# %% [markdown]
# # Unscaled data: 65,025 times the curvature. Adam with ReLU does not care; momentum and tanh do
#
# The images are integers from 0 to 255. With momentum the loss is `nan` before the first epoch is over. A colleague
# trains on the same images with Adam and sees nothing wrong. A third uses Adam too, but tanh, and her loss creeps along
# a straight line as if the learning rate were a hundred times too small. All three are told to scale their data.
#
# *Failure modes: F16, F05 · networks: Q3 · advice: scale the data*

# %% [markdown]
# ## The claim
#
# From an answer to the question why the training loss is not decreasing (Q3), with integers from 0 to 255 for data.
# (That its output cannot reach them is another matter, for the next chapter: here the output is linear throughout.) On
# trial:
#
# 1. data 255 times as large have a curvature $255^2 = 65{,}025$ times as large, and so the largest stable learning rate
#    is 65,025 times smaller;
# 2. data that are not centred are badly conditioned even when they are scaled: for $d$ independent uniform columns the
#    condition number is $1 + 3d$;
# 3. Adam with ReLU trains on 0 to 255 as well as on [0, 1]; momentum becomes NaN; tanh sticks;
# 4. tanh sticks *because it is saturated*. (This one turns out to be false.)

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import NonFiniteError, Sequential, fit, floors, layer_statistics, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, uniform
from scratchdae.layers import Dense, ReLU, Tanh
from scratchdae.optimizers import SGD, Adam
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("11_scaling")

COLUMNS = 64  # of the uniform data
ROWS = 20_000
STEPS = 120  # of gradient descent on them
N = 400 if chapter.quick else 1000  # digits, of 14×14 pixels
HIDDEN = 64
EPOCHS = 20
BATCH_SIZE = 20 if chapter.quick else 50
LR_ADAM = 1e-3
LR_MOMENTUM, MOMENTUM = 0.5, 0.9
N_SEEDS = 1 if chapter.quick else 3  # the test suite runs --quick with three seeds
SWEEP = 2.0 ** np.arange(-2, 9)  # learning rates for data in [0, 1]; the others are tried 65,025 times smaller
SWEEP_STEPS = 25 if chapter.quick else 40
SAMPLE = 100 if chapter.quick else 200

# %% [markdown]
# ## The run
#
# ### One layer, where everything is known
#
# A single linear layer $z = xW$ that is to learn the identity on uniform data, by gradient descent from $W = 0$. Its
# loss is exactly quadratic; its curvature is $2S/d$ with $S = E[x x^\top]$, the *uncentred* second moment.


# %%
def descend(x):
    """Run gradient descent at the best constant rate; return the measured loss at each step and the predicted one."""
    d = x.shape[1]
    S = x.T @ x / len(x)
    eigenvalues = np.linalg.eigvalsh(S)
    lr = d / (eigenvalues[0] + eigenvalues[-1])  # 2 / (smallest + largest) of the curvature 2S/d
    W, measured = np.zeros((d, d)), []
    for _ in range(STEPS + 1):
        error = W - np.eye(d)
        measured.append(float(np.trace(error.T @ S @ error)) / d)
        W = W - lr * 2 / d * S @ error
    left = 1 - 2 * lr / d * eigenvalues
    predicted = [float((eigenvalues * left ** (2 * step)).sum()) / d for step in range(STEPS + 1)]
    return np.array(measured), np.array(predicted), eigenvalues


def uncentred(x):
    """Broken: the data as they come."""
    return descend(x)


def centred(x):
    """Repaired: the mean of each column subtracted."""
    return descend(x - x.mean(axis=0))


columns = uniform(ROWS, COLUMNS, np.random.default_rng([chapter.seed, 1]))
layer = {"uncentred": uncentred(columns), "centred": centred(columns)}
condition = {name: eigenvalues[-1] / eigenvalues[0] for name, (_, _, eigenvalues) in layer.items()}
largest = {name: descend(scale * columns)[2][-1] for name, scale in (("[0, 1]", 1), ("0 to 255", 255))}
with_ones = np.hstack([columns, np.ones((ROWS, 1))])  # a bias is a column of ones
condition["uncentred, with a bias"] = float(np.linalg.cond(with_ones.T @ with_ones))
trace = 13 / 12 + COLUMNS / 4
expected = {
    "uncentred": 1 + 3 * COLUMNS,
    "centred": 1.0,
    "uncentred, with a bias": (trace + np.sqrt(trace**2 - 1 / 3)) ** 2 * 3,
}
for name, value in condition.items():
    print(f"condition number, {name}: {value:.1f}; expected of infinitely many rows {expected[name]:.1f}")
print(f"largest eigenvalue, 0 to 255 over [0, 1]: {largest['0 to 255'] / largest['[0, 1]']:.4f}")

# %% [markdown]
# ### A network
#
# The embedded digits, which a program draws, in 14×14 pixels; a 196-64-32-64-196 network with a linear output. Losses
# are divided by the variance of the targets, so that they compare: 1 is the best constant image.

# %%
grey = digits().x_train[:N].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(N, -1)  # 0 to 255


def build(activation, seed):
    """Build the network, with this activation inside."""
    layers = [layer for units in (HIDDEN, HIDDEN // 2, HIDDEN) for layer in (Dense(units), activation)]
    return Sequential([*layers, Dense(grey.shape[1])], grey.shape[1:], streams(seed).initialisation)


def train(activation, optimizer, lr, seed, x, target):
    """Train until something is not finite; return the loss of each epoch over the variance, and the network."""
    model, losses = build(activation, seed), []
    try:
        fit(
            model,
            x,
            target,
            epochs=EPOCHS,
            lr=lr,
            batch_size=BATCH_SIZE,
            optimizer=optimizer,
            seed=seed,
            backend="numpy",
            progress=False,
            on_epoch=lambda record, _: losses.append(record["loss"]),
        )
    except NonFiniteError as error:
        print(f"  seed {seed}: {str(error).split(';')[0]}")
    return np.array(losses) / floors.constant(target), model


OPTIONS = {
    "Adam, ReLU": (ReLU(), Adam(), LR_ADAM),
    "Adam, tanh": (Tanh(), Adam(), LR_ADAM),
    "momentum, ReLU": (ReLU(), SGD(momentum=MOMENTUM), LR_MOMENTUM),
}


def raw(name, seed):
    """Broken: 0 to 255 in and out."""
    return train(*OPTIONS[name], seed, grey, grey)


def scaled(name, seed):
    """Repaired: divided by 255."""
    return train(*OPTIONS[name], seed, grey / 255, grey / 255)


seeds = range(chapter.seed, chapter.seed + N_SEEDS)
broken = {(name, seed): raw(name, seed)[0] for name in OPTIONS for seed in seeds}
repaired = {(name, seed): scaled(name, seed)[0] for name in OPTIONS for seed in seeds}
slower = {
    seed: train(ReLU(), SGD(momentum=MOMENTUM), LR_MOMENTUM / 65025, seed, grey, grey)[0] for seed in seeds
}  # the same as `raw`, at a learning rate 65,025 times smaller
for name in OPTIONS:
    for seed in seeds:
        before, after = broken[name, seed], repaired[name, seed][-1]
        end = f"{before[-1]:.3f}" if len(before) == EPOCHS else f"not finite in epoch {len(before) + 1}"
        print(f"{name}, seed {seed}: 0 to 255 {end}, [0, 1] {after:.3f}")
print("momentum on 0 to 255 with lr / 65,025:", ", ".join(f"{slower[seed][-1]:.3f}" for seed in seeds))

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
for name, by_input, by_target in (
    ("neither", 1, 1),
    ("only the input", 255, 1),
    ("only the target", 1, 255),
    ("both", 255, 255),
):
    x, target = grey / by_input, grey / by_target
    at_birth = layer_statistics(build(Tanh(), chapter.seed), x, target)[1].saturated
    losses, model = train(*OPTIONS["Adam, tanh"], chapter.seed, x, target)
    first = build(Tanh(), chapter.seed).params["dense_4.W"]
    moved = float(np.abs(model.params["dense_4.W"] - first).max())
    quarters[name] = {"losses": losses, "saturated": at_birth, "moved": moved}
    print(f"tanh, scaled {name}: loss {losses[-1]:.3f}, saturated at birth {at_birth:.0%}, moved at most {moved:.3f}")
steps = np.arange(1, EPOCHS + 1) * -(-N // BATCH_SIZE)
reach = np.abs(first).sum(axis=0).max() + LR_ADAM * steps * (HIDDEN + 1)
reach_floor = np.array([floors.output_range(grey, -r, r) for r in reach]) / floors.constant(grey)

# %% [markdown]
# ### Where it becomes unstable
#
# Heavy-ball descent on a quadratic is stable for $\mathrm{lr} < 2(1 + \beta)/\lambda_{\max}$. The largest eigenvalue of
# the loss's curvature at the first weights comes from power iteration on differences of gradients; where training
# really blows up comes from trying, a few steps on all of a sample at each learning rate.


# %%
def curvature(x, iterations=12):
    """Return the largest eigenvalue of the Hessian at the first weights, by power iteration."""
    model = build(ReLU(), chapter.seed)
    rng = np.random.default_rng([chapter.seed, 2])
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


def worst_loss(x, lr):
    """Return the largest loss of some momentum steps on all of x, over that of the first weights."""
    model, optimizer = build(ReLU(), chapter.seed), SGD(momentum=MOMENTUM)
    params = model.params
    state, losses = optimizer.init(params), [float(model.loss(params, x, x))]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(SWEEP_STEPS):
            params, state = optimizer.update(params, model.loss_and_grads(params, x, x)[1], state, lr)
            losses.append(float(model.loss(params, x, x)))
    return float(np.max(losses) / losses[0]) if np.isfinite(losses).all() else np.inf


sample = {"[0, 1]": grey[:SAMPLE] / 255, "0 to 255": grey[:SAMPLE]}
rates = {"[0, 1]": SWEEP, "0 to 255": SWEEP / 65025}
sharpest = {name: curvature(x) for name, x in sample.items()}
sweep = {name: np.array([worst_loss(x, lr) for lr in rates[name]]) for name, x in sample.items()}
blows_up = {name: float(rates[name][worst > 10].min()) for name, worst in sweep.items()}
for name, value in sharpest.items():
    bound = 2 * (1 + MOMENTUM) / value
    print(f"{name}: curvature {value:.4g}, stable below {bound:.3g} if quadratic; blows up from {blows_up[name]:.3g}")
print(f"ratios: {sharpest['0 to 255'] / sharpest['[0, 1]']:.0f}, {blows_up['[0, 1]'] / blows_up['0 to 255']:.0f}")

# %% [markdown]
# ## The check

# %%
for name, (measured, predicted, _) in layer.items():
    worst = np.abs(measured / predicted - 1)[predicted > 1e-12].max()
    assert worst < 1e-6, f"{name}: gradient descent must follow Σ λ (1 − 2 lr λ/d)^2T, off by {worst:.1e}"
for name, value in condition.items():
    assert 0.9 < value / expected[name] < 1.3, (
        f"{name}: condition number {expected[name]:.1f} expected, found {value:.1f}"
    )
ratio = largest["0 to 255"] / largest["[0, 1]"]
assert abs(ratio / 65025 - 1) < 1e-9, f"the largest eigenvalue must grow 65,025 times, found {ratio:.3f}"
slow, fast = (layer[name][0][STEPS] / floors.constant(columns) for name in ("uncentred", "centred"))
assert slow > 0.02, f"uncentred, descent must be far from done after {STEPS} steps, found {slow:.4f} of the variance"
assert fast < 1e-12, f"centred, it must be done, found {fast:.1e}"

for seed in seeds:
    ends = {name: repaired[name, seed][-1] for name in OPTIONS}
    for name, end in ends.items():
        assert end < 0.7, f"{name}, seed {seed}: scaled, it must learn, found {end:.3f} of the variance"
    alike = broken["Adam, ReLU", seed][-1] / ends["Adam, ReLU"]
    assert 0.9 < alike < 1.1, f"seed {seed}: Adam with ReLU must not care, found a ratio of {alike:.3f}"
    stuck = broken["Adam, tanh", seed][-1]
    assert stuck > 4 * ends["Adam, tanh"], f"seed {seed}: Adam with tanh must stick, found {stuck:.3f}"
    lost = broken["momentum, ReLU", seed]
    assert len(lost) < EPOCHS or lost.max() > 1e6, f"seed {seed}: momentum must blow up, found {lost}"
    again = slower[seed][-1] / ends["momentum, ReLU"]
    assert 0.9 < again < 1.1, f"seed {seed}: lr / 65,025 must do what scaling does, found a ratio of {again:.3f}"

ends = {name: quarter["losses"][-1] for name, quarter in quarters.items()}
assert quarters["only the target"]["saturated"] > 0.9, "0 to 255 must saturate the first layer"
assert quarters["only the input"]["saturated"] < 0.05, "[0, 1] must not"
assert ends["only the target"] < 0.75, f"saturated, but with small targets, it must learn: {ends}"
assert ends["only the input"] > 1.3, f"not saturated, but with large targets, it must stick: {ends}"
assert 0.9 < ends["only the input"] / ends["neither"] < 1.1, f"the input's scale must hardly matter then: {ends}"
moved = quarters["neither"]["moved"] / (LR_ADAM * steps[-1])
assert 0.8 < moved < 1.3, f"Adam must have moved a weight by about lr · T, found {moved:.2f} of it"
assert (broken["Adam, tanh", chapter.seed] > reach_floor).all(), "the loss must stay above what Adam's reach allows"
curvature_ratio = sharpest["0 to 255"] / sharpest["[0, 1]"]
assert 4e4 < curvature_ratio < 65025, (
    f"the network's curvature must grow nearly 65,025 times, found {curvature_ratio:.0f}"
)
threshold_ratio = blows_up["[0, 1]"] / blows_up["0 to 255"]
assert 65025 / 8.1 < threshold_ratio < 65025 * 8.1, f"so must the stable rate shrink, found {threshold_ratio:.0f}"

# %% [markdown]
# ## The figure

# %%
figure, axes = plt.subplots(2, 3, figsize=(17, 9.5), layout="constrained")
(layer_panel, sweep_panel, momentum_panel), (relu_panel, tanh_panel, quarter_panel) = axes
epochs = np.arange(1, EPOCHS + 1)

for (name, (measured, predicted, _)), color, marker in zip(layer.items(), (ORANGE, BLUE), "so", strict=True):
    every = slice(0, None, 5 if name == "uncentred" else 1)
    layer_panel.semilogy(predicted / floors.constant(columns), "k:", label=None if marker == "s" else "closed form")
    label = f"{name}: condition {condition[name]:.1f}"
    shown = np.arange(STEPS + 1)[every]
    layer_panel.semilogy(
        shown, measured[every] / floors.constant(columns), marker, color=color, markersize=5, label=label
    )
layer_panel.set(xlabel="step of gradient descent, best rate", ylabel="loss / variance", ylim=(1e-6, 10))
layer_panel.set_title(
    f"Uniform data, {COLUMNS} columns, one linear layer:\nuncentred, the condition is 1 + 3d = {expected['uncentred']}"
)
layer_panel.legend()

for (name, worst), color, style in zip(sweep.items(), (BLUE, ORANGE), ("o-", "s--"), strict=True):
    shown = np.minimum(worst, 1e9)
    sweep_panel.loglog(rates[name], shown, style, color=color, label=f"data {name}")
    bound = 2 * (1 + MOMENTUM) / sharpest[name]
    label = "2(1 + β) / λmax at the first weights" if color == BLUE else None
    sweep_panel.axvline(bound, color="k", linestyle=":", label=label)
sweep_panel.set(xlabel="learning rate", ylabel="largest loss / first loss", ylim=(0.5, 2e9))
sweep_panel.set_title(
    f"{SWEEP_STEPS} steps, momentum {MOMENTUM}: blows up from {blows_up['[0, 1]']:.0f} or {blows_up['0 to 255']:.1g};\n"
    f"the curvature differs by a factor of {curvature_ratio:,.0f}"
)
sweep_panel.legend(loc="center", bbox_to_anchor=(0.5, 0.6))

for seed in seeds:
    first = seed == chapter.seed
    labels = (
        ("data 0 to 255 (cut at 300)", "data [0, 1]", "0 to 255, learning rate / 65,025")
        if first
        else (None, None, None)
    )
    lost = np.minimum(broken["momentum, ReLU", seed], 300)
    momentum_panel.semilogy(epochs[: len(lost)], lost, "s--", color=ORANGE, label=labels[0] if len(lost) else None)
    momentum_panel.semilogy(
        epochs, repaired["momentum, ReLU", seed], "-", color=BLUE, linewidth=4, alpha=0.4, label=labels[1]
    )
    momentum_panel.semilogy(epochs, slower[seed], ":", color="0.2", label=labels[2])
    if len(lost) < EPOCHS:
        momentum_panel.plot(len(lost) + 1, 200, "X", color=ORANGE, markersize=12)
momentum_panel.plot([], [], "X", color=ORANGE, markersize=12, linestyle="", label="data 0 to 255: not finite from here")
momentum_panel.set_ylim(0.3, 400)
momentum_panel.set_title("Momentum, ReLU: scaling, or the smaller rate,\nis the same repair")

for panel, name in ((relu_panel, "Adam, ReLU"), (tanh_panel, "Adam, tanh")):
    for seed in seeds:
        labels = ("data 0 to 255", "data [0, 1]") if seed == chapter.seed else (None, None)
        panel.plot(epochs, broken[name, seed], "s--", color=ORANGE, markersize=5, label=labels[0])
        panel.plot(epochs, repaired[name, seed], "o-", color=BLUE, markersize=4, label=labels[1])
tanh_panel.plot(epochs, reach_floor, "k:", linewidth=2, label="floor of what Adam can reach by then")
relu_panel.set_title("Adam, ReLU: no difference")
tanh_panel.set_title("Adam, tanh: it creeps,\nas fast as Adam's steps allow")
styles = {
    "neither": (ORANGE, "s--"),
    "only the input": ("0.3", "^--"),
    "only the target": (GREY, "D-"),
    "both": (BLUE, "o-"),
}
for name, (color, style) in styles.items():
    label = f"{name}; {quarters[name]['saturated']:.0%} saturated at birth"
    quarter_panel.plot(epochs, quarters[name]["losses"], style, color=color, markersize=5, label=label)
quarter_panel.set_title("Not the saturation: the targets.\nOf the network with tanh, scale …")
for ax in (momentum_panel, relu_panel, tanh_panel, quarter_panel):
    ax.axhline(1, color=GREY, linestyle="-.", linewidth=1)
    ax.set(xlabel="epoch", ylabel="training loss / variance (1: best constant)")
    ax.legend()
for ax in axes.flat:
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **One layer.** The gradient of $\frac1d E\lVert xW - x\rVert^2$ is $\frac2d S(W - I)$. In the basis of $S$'s
# eigenvectors every row of the error $W - I$ shrinks by itself, by $1 - 2\,\mathrm{lr}\,\lambda_i/d$ a step, so that
# from $W = 0$
#
# $$ L_T = \frac1d \sum_i \lambda_i \bigl(1 - 2\,\mathrm{lr}\,\lambda_i/d\bigr)^{2T}. $$
#
# With $x \to 255x$ every $\lambda_i$ is 65,025 times as large, and the factor must stay between −1 and 1. For
# independent columns with mean ½ and variance 1/12, $S = I/12 + \mathbf 1\mathbf 1^\top/4$ has the eigenvalue
# $1/12 + d/4$ once and $1/12$ for the rest: their ratio is $1 + 3d$. At the best rate the slow directions shrink by
# $(\kappa - 1)/(\kappa + 1)$ a step. After 120 steps 0.41 of the variance is left uncentred, and nothing centred.
# (215.5 is measured, not 193, since the smallest of 64 sample eigenvalues is smaller than 1/12.)
#
# With a bias it is worse, which is seldom said. The bias is a column of ones, and in the plane of $\mathbf 1/\sqrt d$
# and the bias the second moment is $\begin{pmatrix}1/12 + d/4 & \sqrt d/2\\ \sqrt d/2 & 1\end{pmatrix}$, with
# determinant 1/12 and trace $\tau = 13/12 + d/4$. The condition number is about $12\tau^2$: 3500, measured 3490.
#
# **Momentum.** For the network the factor 65,025 is only nearly right: the curvature at the first weights grows
# 56,605 times, because the part that belongs to the biases does not grow as fast. Where it blows up is less regular
# still: a quadratic would at 9.3, the network on [0, 1] does at 64. But the remedy is good enough to tell the cause:
# *divide the learning rate by 65,025, and the unscaled data train as the scaled ones do*, to 0.489 against 0.499. NaN
# is what happens to two of the three seeds; the third ends at 1.6e78 times the variance, which in float32 would be
# infinite. A rate too high (F02) is cured in the same way. What makes it this failure is that the factor is known
# beforehand.
#
# **Adam with ReLU.** A ReLU network without biases is homogeneous: $f(cx) = c f(x)$. The right weights for $255x$ are
# the right weights for $x$, and Adam's step does not depend on the gradient's scale. Hence 0.350 and 0.348.
#
# **Adam with tanh.** Saturation would explain it, and saturated it is, 98 % of the first layer. But with the
# inputs scaled and the targets not, 0 % are saturated and the loss is the same, 1.495; with the targets scaled and the
# inputs not, 98 % are saturated and it learns, to 0.561. It is the *targets*. The codes are bounded by 1, so the last
# weights must grow to the size of the targets, and Adam moves them by no more than about $10^{-3}$ a step: 0.45 in 400
# steps, where $\mathrm{lr}\cdot T$ is 0.4. The dotted floor recedes just as slowly. (With ReLU the codes are as large
# as the inputs, and nothing has to grow.) Saturation costs the rest: 0.561 against 0.274.
#
# **The advice**, to scale, is right, for reasons that differ from one optimizer to the next.

# %% [markdown]
# ## Exercises
#
# 1. *Standardise the pixels in place of dividing by 255. What is new?*
#
#    Centring removes the large eigenvalue. But border pixels that are lit in one image of a thousand get a variance of
#    1 and count as much as the centre; those that are never lit have none, and the division gives NaN.
#
# 2. *How long would Adam with tanh need on 0 to 255?*
#
#    Bright pixels want about 255 from 64 codes of at most 1: a reach $R_T$ of 255, so $T = 255/(65\cdot10^{-3})$, about
#    4,000 steps at the very least, 200 epochs here. With a learning rate of 0.1 the reach is there in 40 steps.
#
# 3. *Show that for a linear network without biases, scaling the data by $c$ and the learning rate by $1/c^2$ gives the
#    same weights at every step.*
#
#    The loss is a quadratic form in $x$, $L(cx) = c^2L(x)$ for all weights, and so is its gradient; the factor cancels.

# %%
chapter.finish(
    figure,
    {
        "condition": condition,
        "expected_condition": expected,
        "loss_over_variance_of_the_layer": {"uncentred": slow, "centred": fast},
        "loss_over_variance": {
            name: {str(seed): {"raw": broken[name, seed], "scaled": repaired[name, seed][-1]} for seed in seeds}
            for name in OPTIONS
        },
        "raw_with_smaller_rate": {str(seed): losses[-1] for seed, losses in slower.items()},
        "tanh": quarters,
        "reach_floor": reach_floor,
        "curvature": sharpest,
        "curvature_ratio": curvature_ratio,
        "blows_up_from": blows_up,
        "threshold_ratio": threshold_ratio,
    },
)
