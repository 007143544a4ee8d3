# %% [markdown]
# # The first weights set a factor per layer: too small, too large or all alike, it shows before training
#
# Three people, one architecture. The first sees a loss that drops within an epoch to a number it then keeps: every
# reconstruction is the same grey blur, the mean of the data. The second sees a first loss of sixty, or `inf`
# from the third batch on, for data between 0 and 1. The third sees a network that learns, but with a code of 64 units
# no better than a code of one.
#
# None of them has a wrong learning rate. All three differ only in the numbers that training begins with, and one
# forward pass, before any step, tells them apart.
#
# *Failure modes: F09, F10 · networks: He, Glorot, 1/(3 fan-in), N(0, 0.1²) · advice: initial weights*

# %% [markdown]
# ## The claim
#
# An answer to the question why the training loss of an autoencoder does not decrease (Q3) lists *initial weights*, says
# that poor ones make gradients vanish or explode, and leaves it at that. The quantitative version is due to Glorot and
# Bengio (*Understanding the difficulty of training deep feedforward neural networks*, AISTATS 2010) and He et al.
# (*Delving deep into rectifiers*, ICCV 2015). Let the weights of a layer be independent with mean 0 and variance $v$,
# and the units rectifiers. Then the second moment $q = E[y^2]$ obeys
#
# $$ q_{\ell} = \tfrac12\, n\, v\, q_{\ell-1} \qquad\Longrightarrow\qquad q_L = (n v / 2)^L\, q_0. \qquad (1) $$
#
# | initialisation | $v$ | factor of $q$ per layer |
# |---|---|---|
# | He | $2/n$ | 1 |
# | Glorot, $n$ inputs and $n$ outputs | $1/n$ | 1/2 |
# | uniform on $\pm 1/\sqrt n$, the default of some frameworks | $1/(3n)$ | 1/6 |
# | $N(0, 0.1^2)$ with $n = 512$ | 0.01 | 2.56 |
#
# And without randomness, all units of a layer alike, they stay alike for ever: the layer is one unit, and
# the loss cannot go below that of the best linear code with *one* component, however wide the layer.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import NonFiniteError, Sequential, evaluate, fit, floors, layer_statistics
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.layers import Dense, ReLU
from scratchdae.optimizers import SGD, Adam
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("22_initial_weights")

WIDTH, DEPTH = 512, 10  # of the network whose signal is followed, at its first weights
DRAWS = 1 if chapter.quick else 4  # of its weights; (1) is about the mean over draws

N_TRAIN = 1000
HIDDEN, LAYERS = 128, 5  # of the network that is trained
EPOCHS = 11 if chapter.quick else 30
LR = 0.001  # of Adam
SMALL, GOOD, LARGE = 0.01, 1 / np.sqrt(HIDDEN), 0.2  # standard deviations; the middle one is Glorot's where n = n
SWEEP = () if chapter.quick else (0.03, 0.05, np.sqrt(2 / HIDDEN), 0.16)
SEEDS = [chapter.seed] if chapter.quick else [chapter.seed, chapter.seed + 1, chapter.seed + 2]
CODES = (32, 64)  # sizes of the shallow code of the third failure
ALIKE = 0.05  # every weight of it

x = to_float(digits().x_train[:N_TRAIN]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
constant, pca = floors.constant(x), floors.pca(x)

# %% [markdown]
# ## The run
#
# First without training. Ten layers of 512 rectifiers, four ways to draw their weights, and what
# `scratchdae.models.statistics` says about each layer.

# %%
FACTORS = {"he_normal": 1.0, "glorot_uniform": 1 / 2, "lecun_uniform(0.5773502691896258)": 1 / 6, "normal(0.1)": 2.56}
NAMES = dict(zip(FACTORS, ("He", "Glorot", "1/(3 fan-in)", "N(0, 0.1²)"), strict=True))


def second_moments(initializer, seed):
    """Follow E[y²] of standard normal input through rectifiers at their first weights: DEPTH + 1 numbers."""
    rng = np.random.default_rng([seed, 22])
    layers = [layer for _ in range(DEPTH) for layer in (Dense(WIDTH, initializer), ReLU())]
    network = Sequential(layers, (WIDTH,), rng)
    rows = layer_statistics(network, u := rng.standard_normal((64, WIDTH)), u)
    return np.array([np.mean(u * u), *(row.mean**2 + row.std**2 for row in rows[1::2])])


moments = {
    name: np.mean([second_moments(name, 100 * chapter.seed + draw) for draw in range(DRAWS)], axis=0)
    for name in FACTORS
}
per_layer = {name: float((q[-1] / q[0]) ** (1 / DEPTH)) for name, q in moments.items()}
for name, factor in per_layer.items():
    print(f"{NAMES[name]:<13} second moment per layer {factor:6.4f}, expected {FACTORS[name]:.4f}")

# %% [markdown]
# Now training. The embedded digits, which a program draws, reduced to 14×14 pixels, go through five layers of 128
# rectifiers to a linear output. The weights are all $N(0, \sigma^2)$, drawn with one seed: what is called broken and
# what is called repaired are *the same numbers times a factor*. Nothing else is changed.


# %%
def network(sigma, seed):
    """Build the deep autoencoder; sigma only scales the weights that the seed fixes."""
    layers = [layer for _ in range(LAYERS) for layer in (Dense(HIDDEN, f"normal({sigma})"), ReLU())]
    return Sequential([*layers, Dense(196, f"normal({sigma})")], (196,), np.random.default_rng(seed), dtype=np.float32)


def train(model, seed, optimizer, lr):
    """Return the loss before the first step, and after each epoch."""
    first = evaluate(model, x)
    history = fit(model, x, epochs=EPOCHS, lr=lr, optimizer=optimizer, seed=seed, progress=False, backend="numpy")
    return np.array([first, *history["loss"]])


def expected_first_loss(sigma):
    """Compute E[z²] + E[x²] at the first weights, by (1): z has a random sign, so E[zx] = 0."""
    q = np.mean(x * x) * 196 * sigma**2 / 2 * (HIDDEN * sigma**2 / 2) ** (LAYERS - 1)
    return q * HIDDEN * sigma**2 + np.mean(x * x)


curves = {
    (sigma, seed): train(network(sigma, seed), seed, Adam(), LR) for seed in SEEDS for sigma in (SMALL, GOOD, LARGE)
}
curves |= {(sigma, chapter.seed): train(network(sigma, chapter.seed), chapter.seed, Adam(), LR) for sigma in SWEEP}
excess = {key: float(curve[-1] - pca[HIDDEN]) for key, curve in curves.items()}
momentum = {sigma: train(network(sigma, chapter.seed), chapter.seed, SGD(momentum=0.9), 0.5) for sigma in (SMALL, GOOD)}
stopped = None
try:
    train(network(LARGE, chapter.seed), chapter.seed, SGD(momentum=0.9), 0.5)
except NonFiniteError as error:
    stopped = str(error).split(";")[0]
print(f"gradient descent with momentum, σ {LARGE}: {stopped}")
ten_times = None  # were it the learning rate …
if not chapter.quick:
    ten_times = train(network(SMALL, chapter.seed), chapter.seed, Adam(), 10 * LR)
    print(f"σ {SMALL} with ten times the learning rate: last {ten_times[-1]:.5f}")
print(f"\nconstant {constant:.4f}, linear code of {HIDDEN}: {pca[HIDDEN]:.4f} (squared error per pixel)")
for (sigma, seed), curve in sorted(curves.items()):
    print(
        f"σ {sigma:.4f} seed {seed}: factor {HIDDEN * sigma**2 / 2:6.3f}, first loss {curve[0]:9.4f} "
        f"(expected {expected_first_loss(sigma):9.4f}), epoch 1 {curve[1]:.4f}, last {curve[-1]:.4f}"
    )
for sigma, curve in momentum.items():
    print(f"gradient descent with momentum, σ {sigma:.4f}: last {curve[-1]:.5f}")

# %% [markdown]
# And the third failure. A single code layer, whose weights all have the same *size*. In the broken run they have the
# same sign too; the repair draws the signs, and nothing more.


# %%
def all_alike(code):
    """Broken: every weight is the same number. The library's initializers by name cannot do this."""
    model = Sequential([Dense(code), ReLU(), Dense(196)], (196,), np.random.default_rng(0))
    model.params = {
        name: np.full(value.shape, ALIKE if name.endswith("W") else 0.0) for name, value in model.params.items()
    }
    return model


def random_signs(code, seed):
    """Repaired: the same numbers, each with a sign of its own."""
    rng = np.random.default_rng([seed, 23])
    model = all_alike(code)
    model.params = {name: value * rng.choice([-1.0, 1.0], value.shape) for name, value in model.params.items()}
    return model


def distance_of_units(model):
    """Return how far the incoming weights of any unit are from those of the first, relative to the largest."""
    W = model.params["dense_1.W"]
    return float(np.abs(W - W[:, :1]).max() / np.abs(W).max())


alike, signed = {code: all_alike(code) for code in CODES}, random_signs(CODES[-1], chapter.seed)
alike_curves = {code: train(model, chapter.seed, Adam(), LR) for code, model in alike.items()}
signed_curve = train(signed, chapter.seed, Adam(), LR)
alike_final = {code: evaluate(model, x) for code, model in alike.items()}
signed_final = evaluate(signed, x)
distances = {code: distance_of_units(model) for code, model in alike.items()}
print(f"\nlinear code of one component {pca[1]:.5f}, of {CODES[-1]}: {pca[CODES[-1]]:.5f}")
print(f"all alike: {alike_final}, units differ by {distances}; random signs: {signed_final:.5f}")

# %% [markdown]
# ## The check

# %%
tolerance = 3 * np.sqrt(5 / (WIDTH * DEPTH * DRAWS))  # three standard deviations: Var y² = 5 E[y²]² for a rectifier
for name, factor in per_layer.items():
    ratio = factor / FACTORS[name]
    assert abs(ratio - 1) < tolerance, (
        f"{NAMES[name]}: second moment per layer must be {FACTORS[name]:.3f}, found {factor}"
    )
for (sigma, _), curve in curves.items():
    ratio = curve[0] / expected_first_loss(sigma)
    assert 0.5 < ratio < 2, f"σ = {sigma:.3f}: first loss {curve[0]:.4f}, {ratio:.2f} times the expected"
for seed in SEEDS:
    small, good, large = (excess[sigma, seed] for sigma in (SMALL, GOOD, LARGE))
    for what, value in (("small", small), ("large", large)):
        assert value > 0.5 * constant, f"seed {seed}: too {what} must keep half of the variance, found {value:.4f}"
        assert good < 0.25 * value, f"seed {seed}: too {what} leaves {value:.4f}, rescaled only {good:.4f}"
    assert curves[LARGE, seed][0] > 20 * constant, f"seed {seed}: a first loss far above the constant's expected"
assert abs(momentum[SMALL][-1] / constant - 1) < 0.01, f"momentum must stay at the constant: {momentum[SMALL][-1]}"
assert momentum[GOOD][-1] < 0.8 * constant, f"rescaled, momentum must learn: {momentum[GOOD][-1]}"
assert stopped, "with weights that are too large momentum must end in inf or NaN"
for code in CODES:
    assert distances[code] < 1e-9, f"{code} equal units must stay equal, they differ by {distances[code]:.1e}"
    assert alike_final[code] >= pca[1], f"{code} equal units cannot beat one: {alike_final[code]} < {pca[1]}"
    assert alike_final[code] < constant, f"{code} equal units still learn something: {alike_final[code]}"
ratio = (signed_final - pca[CODES[-1]]) / (alike_final[CODES[-1]] - pca[CODES[-1]])
assert ratio < 0.25, f"random signs must leave a quarter of the excess at most, found {ratio:.2f}"

# %% [markdown]
# ## The figure

# %%
figure, ((signal, course), (scale, equal)) = plt.subplots(2, 2, figsize=(14, 10.5), layout="constrained")

depth = np.arange(DEPTH + 1)
for (name, q), marker, color in zip(moments.items(), "os^D", (BLUE, BLUE, ORANGE, ORANGE), strict=True):
    signal.semilogy(depth, q, marker, color=color, label=f"{NAMES[name]}: {per_layer[name]:.3f} a layer, measured")
    signal.semilogy(depth, FACTORS[name] ** depth, "k--", linewidth=1, label="(1)" if name == "normal(0.1)" else None)
signal.set(xlabel=f"layer (rectifiers, width {WIDTH})", ylabel="second moment of the outputs, E[y²]")
signal.set_title("Before any step: the second moment is a geometric\nsequence, and only the variance sets its ratio")
signal.legend()

epochs = np.arange(EPOCHS + 1)
shown = {
    LARGE: (ORANGE, "D-", f"σ = {LARGE}, too large: factor 2.56"),
    SMALL: (ORANGE, "^--", f"σ = {SMALL}, too small: factor 0.0064"),
    GOOD: (BLUE, "o-", f"σ = {GOOD:.3f}, the same draw rescaled: ½"),
}
for sigma, (color, style, label) in shown.items():
    course.semilogy(epochs, curves[sigma, chapter.seed], style, color=color, markersize=4, label=label)
if ten_times is not None:
    course.semilogy(epochs, ten_times, ":", color=ORANGE, label=f"σ = {SMALL}, learning rate times ten")
course.semilogy(0, expected_first_loss(LARGE), "k*", markersize=13, label="first loss by (1)")
course.axhline(constant, color="black", linestyle="--", linewidth=1)
course.text(EPOCHS, constant * 1.12, "best constant", ha="right")
course.set(xlabel="epoch (0: before the first step)", ylabel="squared error per pixel, training digits")
course.set_title("Too large is seen at epoch 0, too small as a stay\nat the constant; one factor repairs both")
course.legend()

grid = np.geomspace(0.008, 0.23, 200)
sigmas = sorted(sigma for sigma, seed in curves if seed == chapter.seed)
scale.loglog(HIDDEN * grid**2 / 2, expected_first_loss(grid), "k--", linewidth=1, label="first loss by (1)")
for place, style, color, label in ((0, "D", GREY, "first loss"), (-1, "o-", BLUE, f"loss after {EPOCHS} epochs")):
    values = [curves[sigma, chapter.seed][place] for sigma in sigmas]
    scale.loglog([HIDDEN * sigma**2 / 2 for sigma in sigmas], values, style, color=color, label=label)
scale.axhline(constant, color="black", linestyle=":", linewidth=1)
scale.text(0.006, constant * 1.1, "best constant", va="bottom")
scale.set(xlabel="factor of the second moment per layer, n σ² / 2", ylabel="squared error per pixel")
scale.set_title("The best scale lies at or a little below factor 1;\nthe price rises on both sides")
scale.legend()

for code, style in zip(CODES, ("s--", "x-"), strict=True):
    equal.semilogy(epochs[1:], alike_curves[code][1:], style, color=ORANGE, label=f"{code} units, all weights {ALIKE}")
equal.semilogy(epochs[1:], signed_curve[1:], "o-", color=BLUE, label=f"{CODES[-1]} units, ±{ALIKE}, random signs")
equal.axhline(pca[1], color="black", linestyle="--", linewidth=1)
equal.text(EPOCHS, pca[1] * 0.95, "floor of one unit: linear code, k = 1", ha="right", va="top")
equal.axhline(pca[CODES[-1]], color="black", linestyle=":", linewidth=1)
equal.text(1, pca[CODES[-1]] * 1.05, f"linear code, k = {CODES[-1]}", va="bottom")
equal.set(xlabel="epoch", ylabel="squared error per pixel, training digits")
equal.set_title(
    "Equal units are one unit: twice the code changes nothing,\nrandom signs of the same weights change everything"
)
equal.legend(loc="upper right")
for ax in (signal, course, scale, equal):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **The factor.** A pre-activation is $a = \sum_k w_k y_k$ over $n$ inputs. The weights are independent of mean 0, so
# the mixed terms of $a^2$ vanish and $E[a^2] = n v\, E[y^2] = n v\, q$. The distribution of $a$ is symmetric, and a
# rectifier keeps the positive half, which has half of the second moment: $E[\max(a, 0)^2] = n v q / 2$. That is (1).
# No data, no training and no bias enters; a wrong factor is there before the first step, and a power of the depth.
#
# **The first loss.** A linear output has $E[z^2] = n v q_L$, and its sign is random, so $E[(z - x)^2] = E[z^2] +
# E[x^2]$, the star in the figure. The constant's loss, the variance, is at most $E[x^2]$. A first loss far above it
# therefore means weights that are too large, or an output of the wrong scale. It cannot be the learning rate: no step
# was taken.
#
# **Why too small stays at the constant.** Only the output bias gets a gradient of ordinary size; it learns the mean.
# The gradient of layer $\ell$ carries the outputs below it and the weights above it, all tiny. Gradient descent with
# momentum ends at 0.04808, where the constant has 0.04797. Adam divides every gradient by its own size, so it does get
# away, late: 0.0336 after 30 epochs, against 0.0046 from the same draw rescaled. Ten times the learning rate does not
# help it: 0.0482 (0.0401 with seed 1). That is the experiment which tells small weights from small steps.
#
# **Why equal units stay equal.** Unit $j$ has $dW_{kj} = \sum x_k\, dy_j\, 1[a_j > 0]$ with $dy_j = \sum_i dz_i
# W'_{ji}$. If neither $W_{kj}$ nor $W'_{ji}$ depends on $j$, nor does the gradient, and by induction over the steps
# they never will, with any optimizer that treats entries alike: the measured difference is exactly 0. The
# reconstruction is then $z = b' + w'\, h(x)$ with a single number $h(x)$; all reconstructions lie on a line, and by
# Eckart and Young none can beat the first principal component. Its error is 0.0426; 32 and 64 equal units end at
# 0.0450 and 0.0455.
#
# **He's weights are not always the better ones** for rectifiers: over these 30 epochs the factor 1/2, which is
# Glorot's, ends at 0.0046 and He's at 0.0090. He's keeps the signal, but also begins with a first loss of 0.34 that
# must be unlearnt first. And no standard deviation is good or bad by itself: 0.1 means a factor 2.56 at width 512 and
# a harmless 0.64 at width 128.

# %% [markdown]
# ## Exercises
#
# 1. *For which width is $N(0, 0.1^2)$ He's initialisation? And $N(0, 0.01^2)$?*
#
#    $2/n = v$: $n = 200$ and $n = 20{,}000$. To ask for small random numbers is a statement about a width.
#
# 2. *Find the factor for leaky rectifiers of slope $\alpha$.*
#
#    The negative half now contributes $\alpha^2$ of its second moment: $n v (1 + \alpha^2) / 2$.
#
# 3. *What does a network learn whose weights are all zero?*
#
#    Then $y = 0$ and $a = 0$: $dW' = y^\top dz = 0$, $dy = dz\,W'^\top = 0$. Only $b'$ has a gradient. The network is
#    the best constant, exactly, and for ever.
#
# 4. *After how many layers of factor 1/6 is the signal's amplitude a thousandth?*
#
#    $6^{-L} = 10^{-6}$: $L = 6\ln 10/\ln 6 = 7.7$. Eight layers.

# %%
chapter.finish(
    figure,
    {
        "second_moment_per_layer": {NAMES[name]: value for name, value in per_layer.items()},
        "constant": constant,
        "linear_code": {str(k): pca[k] for k in (1, *CODES, HIDDEN)},
        "runs": [
            {
                "sigma": sigma,
                "seed": seed,
                "factor": HIDDEN * sigma**2 / 2,
                "first_loss": curve[0],
                "expected_first_loss": expected_first_loss(sigma),
                "last_loss": curve[-1],
                "excess": excess[sigma, seed],
            }
            for (sigma, seed), curve in sorted(curves.items())
        ],
        "ten_times_the_learning_rate": None if ten_times is None else ten_times[-1],
        "momentum_from_large_weights": stopped,
        "momentum": {f"{sigma:.4f}": curve[-1] for sigma, curve in momentum.items()},
        "alike": {str(code): alike_final[code] for code in CODES},
        "alike_units_differ_by": {str(code): distances[code] for code in CODES},
        "random_signs": signed_final,
    },
)
