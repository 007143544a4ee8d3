# %% [markdown]
# # The first weights set a factor per layer: too small, too large or all alike, it shows before training
#
# Three people, one architecture. The first sees a loss that drops within two epochs to that of a grey blur and stays.
# The second sees a first loss of sixty for data between 0 and 1. The third sees a code of 64 units do no better than a
# code of one. None of them has a wrong learning rate.
#
# *Failure modes: F09, F10 · networks: He, Glorot, 1/(3 fan-in), N(0, 0.1²) · advice: initial weights*

# %% [markdown]
# ## Is it yours?
#
# Five rectified layers of 128, the same draw of weights times a factor, Adam at 1e-3; the squared error per pixel:
#
# ```text
# epoch                  0      1     30
# too small           0.09   0.06   0.03
# too large             60      5   0.05
# rescaled            0.10   0.05  0.005
# best constant       0.05
# ```
#
# ![The loss by epoch, and the signal layer by layer before any step](../figures/22_initial_weights.png)
#
# **The one measurement**, before any step: the second moment $E[y^2]$ of each layer's output on one batch. It must not
# change by a large factor from layer to layer. For the third person: are the columns of a weight matrix all equal?
#
# ## The claim
#
# An answer to the question why the training loss of an autoencoder does not decrease (Q3) says that poor initial
# weights can make gradients vanish or explode, and leaves it at that. The quantitative version is due to Glorot and
# Bengio (AISTATS 2010) and He et al. (ICCV 2015). Let the weights of a layer be independent with mean 0 and variance
# $v$, and the units rectifiers. Then $q = E[y^2]$ obeys
#
# $$ q_{\ell} = \tfrac12\, n\, v\, q_{\ell-1} \qquad\Longrightarrow\qquad q_L = (n v / 2)^L\, q_0. \qquad (1) $$
#
# | initialisation | $v$ | factor of $q$ per layer |
# |---|---|---|
# | He | $2/n$ | 1 |
# | Glorot, $n$ inputs and $n$ outputs | $1/n$ | 1/2 |
# | uniform on $\pm 1/\sqrt n$, PyTorch's default | $1/(3n)$ | 1/6 |
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
from scratchdae.plots import BLUE, ORANGE, floor_line

chapter = Chapter.begin("22_initial_weights")

WIDTH, DEPTH, DRAWS = 512, 10, 1 if chapter.quick else 4  # of the network whose signal is followed, untrained
HIDDEN, LAYERS = 128, 5  # of the network that is trained
EPOCHS = 11 if chapter.quick else 30
SMALL, GOOD, LARGE = 0.01, 1 / np.sqrt(HIDDEN), 0.2  # standard deviations; the middle one is Glorot's where n = n
HE = np.sqrt(2 / HIDDEN)
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))
CODE, ALIKE = 64, 0.05  # units of the code of the third failure, and every weight of it

x = to_float(digits().x_train[: 600 if chapter.quick else 1000], side=14)
constant, pca = floors.constant(x), floors.pca(x)

# %% [markdown]
# ## The run
#
# First without training: ten layers of 512 rectifiers, four ways to draw their weights.

# %%
FACTORS = {"he_normal": 1.0, "glorot_uniform": 1 / 2, "lecun_uniform(0.5773502691896258)": 1 / 6, "normal(0.1)": 2.56}
NAMES = dict(zip(FACTORS, ("He", "Glorot", "1/(3 fan-in)", "N(0, 0.1²)"), strict=True))


def second_moments(initializer, seed):
    """Follow E[y²] of standard normal input through rectifiers at their first weights: DEPTH + 1 numbers."""
    rng = np.random.default_rng([seed, 22])
    layers = [layer for _ in range(DEPTH) for layer in (Dense(WIDTH, initializer), ReLU())]
    rows = layer_statistics(Sequential(layers, (WIDTH,), rng), u := rng.standard_normal((64, WIDTH)), u)
    return np.array([np.mean(u * u), *(row.mean**2 + row.std**2 for row in rows[1::2])])


seeds = range(100 * chapter.seed, 100 * chapter.seed + DRAWS)
moments = {name: np.mean([second_moments(name, seed) for seed in seeds], axis=0) for name in FACTORS}
per_layer = {name: float((q[-1] / q[0]) ** (1 / DEPTH)) for name, q in moments.items()}
for name, factor in per_layer.items():
    print(f"{NAMES[name]:<13} second moment per layer {factor:6.4f}, expected {FACTORS[name]:.4f}")

# %% [markdown]
# Now training. The embedded digits, which a program draws, at 14×14 pixels, go through five layers of 128 rectifiers to
# a linear output. The weights are all $N(0, \sigma^2)$, drawn with one seed: broken and repaired are *the same numbers
# times a factor*.


# %%
def network(sigma, seed):
    """Build the deep autoencoder; sigma only scales the weights that the seed fixes."""
    layers = [layer for _ in range(LAYERS) for layer in (Dense(HIDDEN, f"normal({sigma})"), ReLU())]
    return Sequential([*layers, Dense(196, f"normal({sigma})")], (196,), np.random.default_rng(seed), dtype=np.float32)


def train(model, seed, optimizer=None, lr=0.001):
    """Return the loss before the first step, and after each epoch."""
    first, rule = evaluate(model, x), optimizer or Adam()
    history = fit(model, x, epochs=EPOCHS, lr=lr, optimizer=rule, seed=seed, progress=False, backend="numpy")
    return np.array([first, *history["loss"]])


def expected_first_loss(sigma):
    """Compute E[z²] + E[x²] at the first weights, by (1): z has a random sign, so E[zx] = 0."""
    q = np.mean(x * x) * 196 * sigma**2 / 2 * (HIDDEN * sigma**2 / 2) ** (LAYERS - 1)
    return q * HIDDEN * sigma**2 + np.mean(x * x)


curves = {(sigma, seed): train(network(sigma, seed), seed) for seed in SEEDS for sigma in (SMALL, LARGE, GOOD, HE)}
excess = {key: float(curve[-1] - pca[HIDDEN]) for key, curve in curves.items()}
steps_ten = {seed: float(train(network(SMALL, seed), seed, lr=0.01)[-1]) for seed in SEEDS}  # were it the learning rate
momentum = {
    sigma: float(train(network(sigma, chapter.seed), chapter.seed, SGD(momentum=0.9), 0.5)[-1])
    for sigma in (SMALL, GOOD)
}
stopped = None
try:
    train(network(LARGE, chapter.seed), chapter.seed, SGD(momentum=0.9), 0.5)
except NonFiniteError as error:
    stopped = str(error).split(";")[0]
print(f"constant {constant:.4f}, linear code of {HIDDEN}: {pca[HIDDEN]:.4f} (squared error per pixel)")
for (sigma, seed), curve in curves.items():
    print(f"σ {sigma:.3f} seed {seed}: factor {HIDDEN * sigma**2 / 2:.2g}, first loss {curve[0]:.4f} ", end="")
    print(f"(expected {expected_first_loss(sigma):.4f}), epoch 1 {curve[1]:.4f}, last {curve[-1]:.4f}")
print(f"σ {SMALL} with ten times the rate {steps_ten}; gradient descent with momentum {momentum}, σ {LARGE}: {stopped}")

# %% [markdown]
# And the third failure: a single code layer, whose weights all have the same *size*. In the broken run they have the
# same sign too; the repair draws the signs, and nothing more.


# %%
def all_alike(seed, signs=(1.0,)):
    """Broken: every weight is the same number. The library's initializers by name cannot do this."""
    rng = np.random.default_rng(seed)
    model = Sequential([Dense(CODE), ReLU(), Dense(196)], (196,), rng)
    for name, value in model.params.items():
        model.params[name] = ALIKE * name.endswith("W") * rng.choice(signs, value.shape)
    return model


alike, signed = all_alike(chapter.seed), all_alike(chapter.seed, signs=(-1.0, 1.0))
for model in (alike, signed):
    train(model, chapter.seed)
alike_loss, signed_loss, W = evaluate(alike, x), evaluate(signed, x), alike.params["dense_1.W"]
distance = float(np.abs(W - W[:, :1]).max() / np.abs(W).max())
print(f"linear code of one component {pca[1]:.4f}: {CODE} units all alike {alike_loss:.4f}, they differ by {distance},")
print(f"with random signs {signed_loss:.4f}")

# %% [markdown]
# ## The check

# %%
for name, factor in per_layer.items():
    ratio = factor / FACTORS[name]
    assert abs(ratio - 1) < 0.1, f"{NAMES[name]}: second moment per layer must be {FACTORS[name]:.3f}, found {factor}"
for (sigma, _), curve in curves.items():
    ratio = curve[0] / expected_first_loss(sigma)
    assert 0.4 < ratio < 2.5, f"σ = {sigma:.3f}: first loss {curve[0]:.4f}, {ratio:.2f} times the expected"
for seed in SEEDS:
    small, good, large = (excess[sigma, seed] for sigma in (SMALL, GOOD, LARGE))
    for what, value in (("small", small), ("large", large)):
        assert value > 0.5 * constant, f"seed {seed}: too {what} must keep half of the variance, found {value:.4f}"
        assert good < 0.4 * value, f"seed {seed}: too {what} leaves {value:.4f}, rescaled only {good:.4f}"
    assert curves[LARGE, seed][0] > 20 * constant, f"seed {seed}: a first loss far above the constant's expected"
    assert steps_ten[seed] > 0.5 * constant, f"seed {seed}: ten times the rate must not repair it: {steps_ten[seed]}"
assert abs(momentum[SMALL] / constant - 1) < 0.02, f"momentum must stay at the constant: {momentum[SMALL]}"
assert momentum[GOOD] < 0.9 * constant, f"rescaled, momentum must learn: {momentum[GOOD]}"
assert stopped, "with weights that are too large momentum must end in inf or NaN"
assert distance < 1e-9, f"equal units must stay equal, they differ by {distance:.1e}"
assert pca[1] <= alike_loss < constant, f"equal units are one: {alike_loss:.4f}, one component {pca[1]:.4f}"
ratio = (signed_loss - pca[CODE]) / (alike_loss - pca[CODE])
assert ratio < 0.3, f"random signs must leave a quarter of the excess or so, found {ratio:.2f}"
assert abs(0.1**2 * 200 / 2 - 1) < 1e-9, "exercise 1"

# %% [markdown]
# ## The figure

# %%
figure, (course, signal) = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
for sigma, color, style, place, text in (
    (LARGE, ORANGE, "D-", (2.2, 0.4), f"σ = {LARGE}: too large"),
    (SMALL, ORANGE, "^-", (EPOCHS / 2, 0.017), f"σ = {SMALL}: too small"),
    (GOOD, BLUE, "o-", (1, 0.0025), f"σ = {GOOD:.3f}: the same\ndraw, rescaled"),
):
    course.semilogy(curves[sigma, chapter.seed], style, color=color, markersize=4)
    course.text(*place, text, color=color)
course.semilogy(0, expected_first_loss(LARGE), "k*", markersize=12)
course.text(1.5, expected_first_loss(LARGE), "star: computed by (1)", va="center")
floor_line(course, constant)
course.text(1.5, 15, "dotted: best constant")
course.set(xlabel="epoch", ylabel="squared error per pixel", xticks=range(0, EPOCHS + 1, 5), ylim=(0.002, 200))
course.set_title("Too large is seen at epoch 0,\ntoo small as a stay at the constant", fontsize=11)

depth = np.arange(DEPTH + 1)
for (name, q), marker, color in zip(moments.items(), "os^D", (BLUE, BLUE, ORANGE, ORANGE), strict=True):
    signal.semilogy(depth, q, marker, color=color)
    signal.semilogy(depth, FACTORS[name] ** depth, "k-", linewidth=0.8)
    place = (DEPTH, q[-1] * (3 if FACTORS[name] >= 1 else 0.05))
    signal.text(*place, f"{NAMES[name]}: {per_layer[name]:.2f}", color=color, ha="right")
signal.set(xlabel="layer (512 rectifiers each)", ylabel="second moment of the outputs", ylim=(1e-11, 1e6))
signal.set_title("Before any step: a factor per layer\n(lines: computed)", fontsize=11)

# %% [markdown]
# ## The cause
#
# **The factor.** A pre-activation is $a = \sum_k w_k y_k$ over $n$ inputs. The weights are independent of mean 0, so
# $E[a^2] = n v\, q$. The distribution of $a$ is symmetric, and a rectifier keeps the positive half, which has half of
# the second moment. That is (1). No data, no training and no bias enters.
#
# **The first loss.** A linear output has $E[z^2] = n v q_L$ and a random sign, so $E[(z - x)^2] = E[z^2] + E[x^2]$. The
# constant's loss is at most $E[x^2]$. A first loss far above it cannot be the learning rate: no step was taken.
#
# **Why too small stays at the constant.** Only the output bias gets a gradient of ordinary size. That of layer $\ell$
# carries the outputs below it and the weights above it, all tiny. Adam divides every gradient by its own size, so it
# does get away, late. Ten times the learning rate does not help it: that tells small weights from small steps.
#
# **Why equal units stay equal.** Unit $j$ has $dW_{kj} = \sum x_k\, dy_j\, 1[a_j > 0]$ with $dy_j = \sum_i dz_i
# W'_{ji}$. If neither $W_{kj}$ nor $W'_{ji}$ depends on $j$, nor does the gradient, and by induction they never will.
# The reconstructions lie on a line; by Eckart and Young none can beat the first principal component.
#
# **He's weights are not always the better ones** for rectifiers: over 30 epochs the factor 1/2 ends lower here. He's
# keep the signal, but begin with a larger first loss that must be unlearnt first. And no standard deviation is good or
# bad by itself: 0.1 means a factor 2.56 at width 512 and a harmless 0.64 at width 128.

# %% [markdown]
# ## The cure in PyTorch
#
# `moments` must stay within a factor of about two from layer to layer. The repair draws all weights anew.
#
# ```python
# moments, y = [], batch
# for layer in model:
#     y = layer(y).detach()
#     moments.append(float(y.square().mean()))
#
# for layer in model:
#     if isinstance(layer, torch.nn.Linear):
#         torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
#         torch.nn.init.zeros_(layer.bias)
# ```
#
# ## The cure in Keras
#
# ```python
# look = keras.Model(model.inputs, [layer.output for layer in model.layers])
# moments = [float((y**2).mean()) for y in look.predict(batch, verbose=0)]
#
# for layer in model.layers:
#     layer.kernel.assign(keras.initializers.HeNormal()(layer.kernel.shape))
#     layer.bias.assign(0 * layer.bias)
# ```

# %% [markdown]
# ## Exercises
#
# 1. For which width is $N(0, 0.1^2)$ He's initialisation?
# 2. Find the factor for leaky rectifiers of slope $\alpha$.
# 3. What does a network learn whose weights are all zero?
#
# ### Answers
#
# 1. $2/n = v$: $n = 200$. To ask for small random numbers is a statement about a width.
# 2. The negative half now contributes $\alpha^2$ of its second moment: $n v (1 + \alpha^2) / 2$.
# 3. $y = 0$ and $a = 0$: $dW' = y^\top dz = 0$, $dy = dz\,W'^\top = 0$. Only $b'$ has a gradient: the best constant.

# %%
print("First weights of variance v multiply the signal's second moment by n v / 2 a rectified layer, before any step.")
print("Your own network: look at each layer's second moment on one batch. If it shrinks or grows, draw He's weights.")
numbers = {
    "second_moment_per_layer": {NAMES[name]: value for name, value in per_layer.items()},
    "constant": constant,
    "linear_code": {str(k): pca[k] for k in (1, CODE, HIDDEN)},
    "loss_by_epoch": {f"sigma {sigma:.3f}, seed {seed}": curve for (sigma, seed), curve in curves.items()},
    "ten_times_the_learning_rate": steps_ten,
    "momentum": {f"{sigma:.3f}": loss for sigma, loss in momentum.items()} | {str(LARGE): stopped},
    "alike_and_with_random_signs": [alike_loss, signed_loss],
}
chapter.finish(figure, numbers)
