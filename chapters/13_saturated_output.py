# %% [markdown]
# # An all-black picture is a saturated output, not a tight bottleneck
#
# You train a convolutional autoencoder on digits. For a few steps the loss falls, then it stands, to four digits, for
# as long as you care to wait. Every reconstruction is black. (On a light background it is white.) A wider code gives
# the same number, and so do, most of the time, another optimizer, another batch size and another loss, against
# outliers. The filters look alive, the gradients are there, only very small.
#
# Look at the number. If it is the mean square of your pixels, $E[x^2]$, the network answers 0 everywhere. The *best*
# constant picture, the mean, would do much better. No bottleneck can push a network above its best constant: a code of
# size nothing reaches that. Something else holds it.
#
# *Failure modes: F15 · networks: Q2a, Q2b · advice: ReLU inside and sigmoid or tanh outside, Adam or RMSprop, batch
# size, MAE against outliers, capacity balance, depth*

# %% [markdown]
# ## The claim
#
# An answer to the question why a convolutional autoencoder fails to train shows this network for 28×28 images (Q2a):
# Conv32, pool, Conv16, pool, ConvT16, up, ConvT32, up, Conv1, all 3×3 with `same` padding and ReLU, a sigmoid at the
# end, squared error, Adam with its defaults. It might fail, it is said, from overly aggressive downsampling. The code
# has 7·7·16 = 784 numbers, as many as the picture has pixels.
#
# 1. It fails, and what fails is the output: its pre-activations run to $-100$, where the slope of the sigmoid, a factor
#    of the squared error's gradient, is $e^{-100}$. The hidden units are alive.
# 2. Each of these repairs it, with the same bottleneck: cross-entropy computed from the pre-activations; an output bias
#    of $\operatorname{logit}(\bar x)$ to begin with; no sigmoid.
# 3. A learning rate of 1e-4 is said to repair it as well.
# 4. Six pieces of advice from the same answer: ReLU inside and sigmoid or tanh outside, by the range; Adam or
#    RMSprop; another batch size; absolute error against outliers; capacity; depth.
# 5. The network that is shown as the improved one (Q2b: Conv64, Conv32, pool, ConvT32, up, Conv64, Conv1) is better
#    because it keeps more.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, floors, layer_statistics, plots, posted, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.layers import Conv2D, ReLU, Sigmoid, Tanh
from scratchdae.optimizers import SGD, Adam, RMSprop
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("13_saturated_output")

BATCH_SIZE = 4 if chapter.quick else 32 if chapter.full else 8
STEPS = 250 if chapter.full else 110 if chapter.quick else 120
STEPS_BROKEN = 12_500 if chapter.full else STEPS  # --full: the posted 100 epochs, of 4,000 images
SLOWER = 5  # times as many steps for a tenth of the learning rate
SEEDS = [chapter.seed + k for k in range(1 if chapter.quick or chapter.full else 3)]
LR = 1e-3  # Adam's default
N_TEST = 100 if chapter.quick else 200
N_WATCHED = 16 if chapter.quick else 32  # held-out images on which the curves are measured
EVERY = 10 if chapter.quick else 5  # steps between two points of a curve

# %% [markdown]
# ## The run
#
# The embedded digits, which a program draws; first weights after Glorot and zero biases, as Keras has them. All
# variants draw the same batches.


# %%
def encoder_decoder(code=16):
    """Return Q2a up to its output: a code of 7 × 7 × `code` numbers."""
    return posted.NETWORKS["q2a"].layers(code)[:-1]


def broken():
    """Broken: Q2a exactly, whose squared error reaches its weights through a sigmoid."""
    return [*encoder_decoder(), Sigmoid()]


def linear_output():
    """Repaired: Q2a without the sigmoid."""
    return encoder_decoder()


def one_pooling_fewer():
    """Q2a with the second pooling and the first upsampling left out: a code of 14 × 14 × 16 numbers."""
    layers = broken()
    return layers[:5] + layers[6:8] + layers[9:]


def posted_as_working():
    """Q2b: a code of 14 × 14 × 32 numbers, eight times the picture."""
    return posted.NETWORKS["q2b"].layers()


def pictures(x):
    """Return grey levels in [0, 1] as images of one channel."""
    return to_float(x, np.float32).reshape(-1, 28, 28, 1)


data = digits()
x_train, x_test = pictures(data.x_train), pictures(data.x_test[:N_TEST])
black = float(np.square(x_test, dtype=np.float64).mean())  # E[x²]: the error of answering 0
best_constant = floors.constant(x_test.reshape(len(x_test), -1))
mean = float(x_train.mean(dtype=np.float64))
logit_of_mean = float(np.log(mean / (1 - mean)))


def outputs(network, x):
    """Return the pre-activations of the output, which the last convolution gives, and the output itself."""
    last = max(k for k, layer in enumerate(network.layers) if isinstance(layer, Conv2D))
    a, _ = network.forward(network.params, x, depth=last + 1)
    z = a
    for layer in network.layers[last + 1 :]:
        z, _ = layer.forward({}, z)
    return a, z


def train(
    layers,
    seed,
    *,
    steps=STEPS,
    lr=LR,
    optimizer=None,
    loss="squared_error",
    bias=0.0,
    batch_size=BATCH_SIZE,
    params=None,
    signed=False,
):
    """Train, and return the network, its error by step as a share of E[x²], its pre-activations and its gradients.

    `signed` trains on 2x − 1, for a tanh; its error is reported for x. `params` are parameters to begin with.
    """
    generators = streams(seed)
    optimizer = optimizer or Adam.of("keras")
    network = Sequential(layers, x_train.shape[1:], generators.initialisation, loss=loss, dtype=np.float32)
    if params is not None:
        network.params = params
    output_bias = list(network.params)[-1]
    network.params |= {output_bias: network.params[output_bias] + np.float32(bias)}
    shift, scale = (np.float32(1), np.float32(2)) if signed else (np.float32(0), np.float32(1))
    state, curve, gradients = optimizer.init(network.params), [], []
    watched = x_test[:N_WATCHED]
    for step in range(steps + 1):
        if step % max(EVERY, steps // 200) == 0 or step == steps:
            a, z = outputs(network, scale * watched - shift)
            error = np.square((z + shift) / scale - watched, dtype=np.float64).mean()
            error /= np.square(watched, dtype=np.float64).mean()
            curve.append((step, float(error), float(a.mean())))
        batch = scale * x_train[generators.shuffling.integers(0, len(x_train), batch_size)] - shift
        _, grads = network.loss_and_grads(network.params, batch, batch)
        gradients.append(float(np.sqrt(sum((g * g).sum(dtype=np.float64) for g in grads.values()))))
        if step < steps:
            network.params, state = optimizer.update(network.params, grads, state, lr)
    z = (network.predict(scale * x_test - shift) + shift) / scale
    return {
        "network": network,
        "mse": float(np.square(z - x_test, dtype=np.float64).mean()),
        "curve": np.array(curve).T,
        "gradients": np.array(gradients),
    }


BROKEN, FROM_LOGITS, BIAS, LINEAR = "as posted", "cross-entropy from logits", "bias = logit(mean)", "linear output"
runs = {
    BROKEN: [train(broken(), seed, steps=STEPS_BROKEN) for seed in SEEDS],
    FROM_LOGITS: [train(broken(), seed, loss="cross_entropy") for seed in SEEDS],
    BIAS: [train(broken(), seed, bias=logit_of_mean) for seed in SEEDS],
    LINEAR: [train(linear_output(), seed) for seed in SEEDS],
}

MAE, WIDE, BATCH = "absolute error", "code four times as wide", "four times the batch"
TANH, RMS, FEWER, SLOW = "tanh, data in [−1, 1]", "RMSprop", "one pooling fewer", "learning rate 1e-4"
DESCENT, WORKS = "plain gradient descent", "Q2b, posted as working"
advice = {MAE: [train(broken(), seed, loss="absolute_error") for seed in SEEDS]}
if not chapter.quick:
    one_seed = SEEDS[:1]  # of what costs most
    advice |= {
        WIDE: [train([*encoder_decoder(64), Sigmoid()], seed) for seed in SEEDS],
        BATCH: [train(broken(), seed, batch_size=4 * BATCH_SIZE) for seed in one_seed],
        TANH: [train([*encoder_decoder(), Tanh()], seed, signed=True) for seed in SEEDS],
        SLOW: [train(broken(), seed, steps=SLOWER * STEPS, lr=LR / 10) for seed in SEEDS],
        RMS: [train(broken(), seed, optimizer=RMSprop.of("keras")) for seed in SEEDS],
        FEWER: [train(one_pooling_fewer(), seed) for seed in SEEDS],
        DESCENT: [train(broken(), seed, steps=3 * STEPS, lr=0.1, optimizer=SGD()) for seed in one_seed],
        WORKS: [train(posted_as_working(), seed) for seed in one_seed],
    }

print(f"all black E[x²] = {black:.4f}, best constant {best_constant:.4f}, logit of the mean {logit_of_mean:.2f}")
for name, results in (runs | advice).items():
    print(f"{name:<26} mean squared error", *(f"{run['mse']:.4f}" for run in results))

# %% [markdown]
# ### The experiment that tells it from its neighbours
#
# A dead network has nothing to give to its output; a saturated output has everything and is not allowed to. So take the
# stuck weights *as they are* and change nothing but the loss. If the hidden layers were dead, or the code too narrow,
# cross-entropy would not help either. A tenth and ten times the learning rate, from the same weights, are there for
# those who would rather turn that knob.

# %%
stuck = runs[BROKEN][0]["network"]
rows = layer_statistics(stuck, x_test, x_test)
dead = sum(row.dead for row in rows if row.dead is not None)
units = sum(shape[-1] for shape, layer in zip(stuck.shapes[1:], stuck.layers, strict=True) if isinstance(layer, ReLU))
saturated = rows[-1].saturated

a = outputs(stuck, x_test)[0].astype(np.float64)
bright = x_test > 0.5
lost = a < -20  # so far that z is nothing beside x
z, cache = Sigmoid().forward({}, a)
signal, _ = Sigmoid().backward(cache, 2 * (z - x_test))  # what the squared error sends back, but for 1/n
expected = -2 * x_test.astype(np.float64) * np.exp(a)
signal_ratio = signal[lost & bright] / expected[lost & bright]

same_weights = Sequential(
    broken(), x_train.shape[1:], streams(0).initialisation, loss="cross_entropy", dtype=np.float32
)
same_weights.params = stuck.params


def gradient_norm(network):
    """Return the norm of the gradient on the held-out images."""
    _, grads = network.loss_and_grads(network.params, x_test, x_test)
    return float(np.sqrt(sum((g * g).sum(dtype=np.float64) for g in grads.values())))


gradient = {
    "first weights, squared error": float(runs[BROKEN][0]["gradients"][0]),
    "stuck, squared error": gradient_norm(stuck),
    "stuck, cross-entropy": gradient_norm(same_weights),
}
ON_LOGITS, ON_SLOWER, ON_FASTER = "cross-entropy from logits", "squared error, lr / 10", "squared error, lr × 10"
seed = chapter.seed + 100  # other batches than those that led here
onward = {ON_LOGITS: train(broken(), seed, steps=2 * STEPS, loss="cross_entropy", params=stuck.params)}
onward[ON_FASTER] = train(broken(), seed, steps=STEPS // 2, lr=10 * LR, params=stuck.params)
if not chapter.quick:
    onward[ON_SLOWER] = train(broken(), seed, lr=LR / 10, params=stuck.params)

print(f"hidden channels dead: {dead} of {units}; outputs saturated: {saturated:.0%}")
print(f"pre-activations from {a.min():.0f} to {a.max():.1f}, median over the bright pixels {np.median(a[bright]):.0f}")
print("gradient:", ", ".join(f"{name} {norm:.1e}" for name, norm in gradient.items()))
print("from the stuck weights on:", ", ".join(f"{name} {run['mse']:.4f}" for name, run in onward.items()))

# %% [markdown]
# ### How long is the way back?
#
# One output unit with target 1, gradient descent on its pre-activation $a$ with the learning rate $\eta$, from $a_0 <
# 0$ until $a = 0$. The squared error has $\dot a = 2\eta z(1-z)^2$, cross-entropy $\dot a = \eta(1-z)$. With $u = e^a$
# both integrate:
#
# $$
# T_{\text{squared}} = \frac1{2\eta}\Bigl[e^{|a_0|} + 3|a_0| + \tfrac52 - 3e^{a_0} - \tfrac12 e^{2a_0}\Bigr],
# \qquad T_{\text{cross-entropy}} = \frac1\eta\bigl[\,|a_0| + 1 - e^{a_0}\bigr].
# $$

# %%
ETA = 0.05
starts = -np.arange(1.0, 7.0 if chapter.quick else 9.0)


def steps_back(slope):
    """Count the steps from each start to 0."""
    a, count = starts.copy(), np.zeros(len(starts), dtype=int)
    while (below := a < 0).any():
        a = np.where(below, a + ETA * slope(1 / (1 + np.exp(-a))), a)
        count += below
    return count


counted = {
    "squared error": steps_back(lambda z: 2 * z * (1 - z) ** 2),
    "cross-entropy": steps_back(lambda z: 1 - z),
}


def way_back(a):
    """Return the two closed forms."""
    squared = (np.exp(-a) - 3 * a + 2.5 - 3 * np.exp(a) - np.exp(2 * a) / 2) / (2 * ETA)
    return {"squared error": squared, "cross-entropy": (1 - a - np.exp(a)) / ETA}


deviation = {name: float(np.abs(counted[name] / way_back(starts)[name] - 1).max()) for name in counted}

# %% [markdown]
# ## The check

# %%
for run, seed in zip(runs[BROKEN], SEEDS, strict=True):
    ratio = run["mse"] / black
    assert abs(ratio - 1) < 0.005, f"seed {seed}: as posted must end all black, found {ratio:.4f} of E[x²]"
    assert run["mse"] > 1.5 * best_constant, f"seed {seed}: must be far above the best constant, found {run['mse']:.4f}"
for name in (FROM_LOGITS, BIAS, LINEAR):
    for run, seed in zip(runs[name], SEEDS, strict=True):
        ratio = run["mse"] / black
        assert ratio < 0.25, f"{name}, seed {seed}: must recover, found {ratio:.3f} of the black picture's error"
for name in {MAE, WIDE, BATCH} & set(advice):
    for run in advice[name]:
        assert abs(run["mse"] / black - 1) < 0.005, f"{name}: must not help, found {run['mse']:.4f}"
for name in {DESCENT, WORKS} & set(advice):
    for run in advice[name]:
        assert run["mse"] < 0.4 * black, f"{name}: must not saturate, found {run['mse']:.4f}"

assert dead <= units // 3, f"the hidden channels must be alive, found {dead} dead of {units}"
assert saturated > 0.9, f"the output must be saturated, found {saturated:.0%}"
assert (np.abs(signal) <= 2 * np.exp(-np.abs(a)) * (1 + 1e-9)).all(), "the signal must stay below 2 exp(−|a|)"
worst = float(np.abs(signal_ratio - 1).max())
assert worst < 1e-7, f"the signal at bright pixels must be −2x exp(a), found {worst:.1e} off"
fall = gradient["stuck, cross-entropy"] / gradient["stuck, squared error"]
assert fall > 100, f"from the same weights cross-entropy must have a far larger gradient, found {fall:.0f} times"
for name, run in onward.items():
    bound = run["mse"] < 0.4 * black if name == ON_LOGITS else run["mse"] > 0.99 * black
    assert bound, f"{name}, from the stuck weights: found {run['mse']:.4f}, all black {black:.4f}"
for name, off in deviation.items():
    assert off < 0.03, f"way back, {name}: steps counted and closed form differ by {off:.1%}"

# %% [markdown]
# ## The figure

# %%
figure, axes = plt.subplots(2, 3, figsize=(17.5, 10.5), layout="constrained")
(errors, run_off, switched), (way, bars, eyes) = axes
STYLES = {BROKEN: (ORANGE, "X-"), FROM_LOGITS: (BLUE, "-"), BIAS: (BLUE, "--"), LINEAR: (BLUE, ":")}

for name, (color, style) in STYLES.items():
    for k, run in enumerate(runs[name]):
        steps, error, mean_output = run["curve"]
        label = name if k == 0 else None
        errors.plot(steps, error, style, color=color, linewidth=2, label=label)
        if name != LINEAR:
            run_off.plot(steps, mean_output, style, color=color, linewidth=2, label=label)
errors.set(xlabel="step", ylabel="mean squared error / E[x²], held-out images", ylim=(0, 1.8))
errors.set_title("As posted it lands on E[x²], the all-black picture,\nand stays; three one-line repairs do not")
run_off.axhline(logit_of_mean, color="black", linewidth=1)
run_off.text(STEPS, logit_of_mean + 0.8, "logit of the mean grey level", ha="right", va="bottom")
run_off.set(xlabel="step", ylabel="mean pre-activation of the output")
run_off.set_title("The output runs far past the mean it was looking for;\nonly a loss from logits can call it back")

for name, color, style in ((ON_FASTER, ORANGE, "X-"), (ON_SLOWER, "black", "+"), (ON_LOGITS, BLUE, "-")):
    if name in onward:
        steps, error, _ = onward[name]["curve"]
        switched.plot(steps, error, style, color=color, linewidth=2, markersize=9, label=name)
switched.set(xlabel="further steps, from the same stuck weights", ylabel="mean squared error / E[x²]", ylim=(0, 1.8))
switched.set_title("Same stuck weights, another loss: the hidden layers\nwere alive, only the output was deaf")
for ax in (errors, switched):
    ax.axhline(1, color="black", linewidth=1)
    ax.axhline(best_constant / black, color="black", linestyle=(0, (1, 2)), linewidth=1)
    ax.text(0.99, 1.02, "all black, E[x²]", va="bottom", ha="right", transform=ax.get_yaxis_transform())
    ax.text(
        0.99, best_constant / black + 0.02, "best constant", va="bottom", ha="right", transform=ax.get_yaxis_transform()
    )

fine = np.linspace(starts.min(), starts.max(), 200)
for name, color, style, marker in (("squared error", ORANGE, "-", "o"), ("cross-entropy", BLUE, "--", "s")):
    way.semilogy(fine, way_back(fine)[name], style, color=color, linewidth=2, label=f"{name}, closed form")
    way.semilogy(starts, counted[name], marker, color=color, label=f"{name}, steps counted")
way.set(
    xlabel="pre-activation of a unit whose target is 1, at the start", ylabel=f"steps back to 0 (learning rate {ETA})"
)
way.set_title("The way back costs exp(|a|) steps with the squared error,\n|a| steps with cross-entropy")

everything = advice | {name: runs[name] for name in (BROKEN, FROM_LOGITS, BIAS, LINEAR)}
order = sorted(everything, key=lambda name: (-np.mean([run["mse"] for run in everything[name]]), name))
for row, name in enumerate(order):
    color, marker = (ORANGE, "X") if name == BROKEN else (BLUE, "o") if name in runs else (GREY, "D")
    values = [run["mse"] / black for run in everything[name]]
    bars.plot(values, np.full(len(values), row), marker, color=color, markersize=8, alpha=0.8)
bars.axvline(1, color="black", linewidth=1)
bars.axvline(best_constant / black, color="black", linestyle=(0, (1, 2)), linewidth=1)
bars.set_yticks(range(len(order)), order)
bars.invert_yaxis()
bars.set(xlabel="mean squared error / E[x²], one mark a seed", xlim=(0, 1.1))
bars.set_title("Advice in grey: some never helps, some helps on some seeds;\nrepairs in blue help on every seed")

shown = np.array([np.flatnonzero(data.t_test[:N_TEST] == digit)[0] for digit in range(8)])
rows = {"held out": x_test[shown]}
rows |= {name: runs[name][0]["network"].predict(x_test[shown]) for name in (BROKEN, FROM_LOGITS, LINEAR)}
sheet = plots.tile(np.concatenate(list(rows.values())).reshape(-1, 784), (28, 28), len(shown), gap=0.5)
eyes.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
eyes.set_yticks([29 * (row + 0.5) for row in range(len(rows))], [name.replace(" from", "\nfrom") for name in rows])
eyes.set_xticks([])
eyes.tick_params(length=0)
eyes.spines[:].set_visible(False)
eyes.set_title(f"After {STEPS} steps of {BATCH_SIZE} digits: the same network,\nthe same 784-number code")
if chapter.full:
    errors.set_xscale("symlog", linthresh=STEPS)
    run_off.set_xscale("symlog", linthresh=STEPS)
for ax in (errors, run_off, switched, way):
    ax.grid(alpha=0.3)
    ax.legend(loc="best")
bars.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **Why it is not called back.** With $z = \sigma(a)$ the squared error $(z - x)^2$ has the derivative
#
# $$
# \frac{\partial L}{\partial a} = 2 (z - x)\, z (1 - z), \qquad z(1 - z) = \frac{1}{(1 + e^a)(1 + e^{-a})} \le e^{-|a|}.
# $$
#
# Far to the left $z \approx e^a$ and this is $-2x\,e^a$. At $a = -89$, the median of the pixels that ought to be
# bright, nothing is left of it, though 76 of the 96 hidden channels are alive and say where the strokes are.
# Cross-entropy's derivative is $z - x$, with no factor: $-x$, however far the unit has run. Integrated, the first gives
# $e^{|a|}/2\eta$ steps for the way back, the second $|a|/\eta$. From $-89$ the first is $10^{38}/\eta$. Waiting longer
# is no repair.
#
# **Why it runs away at all.** At the first weights $z \approx \frac12$ and the mean of the pictures is 0.13: nearly all
# outputs are told to go down, and for a while this is *all* the network is told. Adam moves every weight by about its
# learning rate in that direction, the last layer's 288 weights, which see non-negative inputs, and those before them
# that make these inputs larger. The product falls ever faster. It passes the logit of the mean, $-1.88$, at which it
# should have stopped, with ten steps of momentum behind it.
#
# **What the repairs change.** Cross-entropy lets the background run as far as it likes, and calls the bright pixels
# back. A bias of $\operatorname{logit}(\bar x)$ takes away the long common way down. A linear output has no flat part.
# All three keep the code of 784 numbers, and all three recover on every seed.
#
# **The advice**, after so many steps as the broken network had, or more:
#
# | advice | what happened |
# |---|---|
# | sigmoid or tanh outside, by the range | tanh on data in $[-1, 1]$ is the same curve: black with 2 of 3 seeds |
# | Adam or RMSprop | RMSprop, which has no momentum: black with 1 of 3 seeds; plain gradient descent is not |
# | batch size | four times the batch: black |
# | absolute error against outliers | black with all: for most pixels black *is* the median |
# | capacity | a code four times as wide: black with all |
# | depth, downsampling | one pooling fewer: black with 1 of 3 seeds, otherwise better than any repair |
# | learning rate 1e-4 | black with 1 of 3 seeds, after five times as many steps |
#
# So a learning rate of 1e-4 is no repair: it runs the same way more slowly, and sometimes learns to see on the way. Nor
# is one pooling fewer, the advice that was given, though it moves the odds, and chapter 08 says what else it is good
# for. Q2b has one pooling and works on these digits; the last exercise has digits on which it does not. A larger code
# is not why: one four times as wide at Q2a's depth is as black. For the odds themselves we know no closed form.
#
# **Not this chapter.** If the plateau is at the best *constant* and not above it, look elsewhere: incompressible data
# (05), the noise level (06), the width of the code (07), downsampling (08), the entropy floor (09), memorising (10),
# the scale of the data (11), a range that the output cannot reach (12), no nonlinearity (14), a wrong objective (15),
# round-off in the loss (16), the step size (17), too few steps (18), conditioning (19), the batch (20), gradients that
# were not zeroed (21), first weights (22), vanishing (23) and exploding gradients (24), dead units (25), a wrong
# backward pass (26). Chapter 27 searches among them.

# %% [markdown]
# ## Exercises
#
# 1. *Your reconstructions are all white and the loss is 0.88 on pictures with a mean of 0.1 and a mean square of 0.08.
#    What happened?*
#
#    The mirror image: $E[(1 - x)^2]$, outputs far to the right. It takes first weights or a learning rate that throw
#    the output there before it has seen anything; the repairs are the same.
#
# 2. *Show that tanh on data in $[-1, 1]$ with the squared error is the sigmoid on $[0, 1]$ in disguise.*
#
#    $\tanh a = 2\sigma(2a) - 1$. With $u = 2x - 1$ the error $(\tanh a - u)^2$ is $4(\sigma(2a) - x)^2$: four times the
#    loss, at twice the pre-activation. Adam does not notice the four.
#
# 3. *Would clipping the gradient's norm help?*
#
#    No. Adam divides by the gradient's size anyhow, and where the output is stuck the gradient is too small, not too
#    large.
#
# 4. *Train Q2b on digits averaged to 14×14.*
#
#    Adam, 1e-4, the squared error: the held-out error ends at 0.093, which is those pictures' $E[x^2]$. The network
#    that was posted as working is all black, on smaller pictures of the same digits.

# %%
chapter.finish(
    figure,
    {
        "all_black": black,
        "best_constant": best_constant,
        "logit_of_mean": logit_of_mean,
        "mean_squared_error": {name: [run["mse"] for run in results] for name, results in (runs | advice).items()},
        "mean_squared_error_from_the_stuck_weights": {name: run["mse"] for name, run in onward.items()},
        "hidden_channels": {"dead": dead, "all": units},
        "outputs_saturated": saturated,
        "pre_activation": {
            "least": float(a.min()),
            "greatest": float(a.max()),
            "mean": float(a.mean()),
            "median_at_bright_pixels": float(np.median(a[bright])),
        },
        "gradient_norm": gradient,
        "way_back_worst_relative_deviation": deviation,
    },
)
