# %% [markdown]
# # The number that training reports is not the error that you want
#
# The loss looks excellent and the pictures are poor. Or it stands at a value that nothing will move, and they are fine.
# Or the validation loss changes from one evaluation to the next, and the weights did not. Or there are a few absurd
# readings in the data, and every reconstruction leans towards them.
#
# *Failure modes: F24 · networks: Q2c · advice: L2 against overfitting, MAE against outliers*

# %% [markdown]
# ## Is it yours?
#
# Gradient descent does what it is told. Measure what you *mean*: the mean squared distance of the reconstruction from
# clean data that was held out, in evaluation mode, without penalty. If that is another number than the one on the
# screen, this is your chapter. It takes four objectives, each with a closed form for both numbers.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, fit, floors, posted, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float
from scratchdae.layers import Dense, GaussianNoise
from scratchdae.losses import l2_penalty
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, ORANGE
from scratchdae.schedules import Cosine

chapter = Chapter.begin("15_wrong_objective")

D, K, N_TRAIN, N_TEST = 16, 4, 4000, 4000  # columns, what they are mixed from, rows
EPOCHS, LR = 20 if chapter.quick else 30, 0.05
S, STRONG = 0.15, 0.004  # standard deviation of the noise; an L2 coefficient
L2S = (0.0, 0.001, 0.004) if chapter.quick else (0.0, 0.0003, 0.001, 0.002, 0.004, 0.008)
FRACTION, OUTLIER = 0.05, 5.0  # of the target's entries; and what one reads, on data from 0 to 1
Q2C_N, Q2C_BATCH, Q2C_EPOCHS = (4000, 128, 18) if chapter.full else (400, 4, 6)  # --full has the posted batch

# %% [markdown]
# ## The run
#
# Sixteen columns that are mixtures of four, plus a little of their own: their best codes and denoisers are known. What
# goes wrong here does not need a large network.

# %%
x, _ = redundant_columns(N_TRAIN + N_TEST, D, K, np.random.default_rng([chapter.seed, 1]), noise=0.1)
x_train, x_test = x[:N_TRAIN], x[N_TRAIN:]
eigenvalues, linear_code = floors.eigenvalues(x_test), floors.pca(x_test)[K]
LINEAR, CODE = [Dense(D)], [Dense(K), Dense(D)]


def mean_square(error):
    """Return the mean of the squares."""
    return float(np.mean(error * error))


def train(layers, inputs, target, *, loss="squared_error", l2=0.0):
    """Train with Adam and a falling learning rate; return the network and the loss and penalty reported last."""
    network = Sequential(layers, (D,), streams(chapter.seed).initialisation, loss=loss)
    options = {"epochs": EPOCHS, "lr": Cosine(LR, 0.0, EPOCHS), "batch_size": 50, "optimizer": Adam(), "l2": l2}
    history = fit(network, inputs, target, **options, seed=chapter.seed, backend="numpy", progress=False)
    return network, float(history["loss"][-1]), float(l2_penalty(network.params, l2)[0])


def noisy(clean, stream):
    """Return a noisy copy; another stream, another noise."""
    return clean + S * np.random.default_rng([chapter.seed, stream]).standard_normal(clean.shape)


# %% [markdown]
# **1. A noisy target.** The input is the clean data plus noise in all three; only the target differs. Independent noise
# in it adds its variance to the report, and does no harm. The *input's own* noise, where a noisy array is passed as its
# own target, takes the report to 0: the network copies noise.

# %%
found, expected = {}, {}  # by objective: what is reported, and the clean error
wiener = floors.wiener(eigenvalues, S)
for name, target, numbers in (
    ("own noise as target", noisy(x_train, 2), (0.0, S**2)),
    ("independent noise as target", noisy(x_train, 3), (wiener + S**2, wiener)),
    ("clean target", x_train, (wiener, wiener)),
):
    network, reported, _ = train(LINEAR, noisy(x_train, 2), target)
    found[name], expected[name] = (reported, mean_square(network.predict(noisy(x_test, 4)) - x_test)), numbers

# %% [markdown]
# **2. Too much L2.** Here in a linear autoencoder with a code of K units, whose penalised minimum is known.


# %%
def shrunk(l2):
    """Return the closed forms of penalty and data error: each component is shrunk by D · l2, or given up."""
    trained_on = floors.eigenvalues(x_train)
    kept = np.clip(1 - D * l2 / trained_on[:K], 0, None)
    error = float((trained_on[:K] * (1 - kept) ** 2).sum() + trained_on[K:].sum()) / D
    return 2 * l2 * float(kept.sum()), error


penalised = {}
for l2 in L2S:
    network, reported, penalty = train(CODE, x_train, x_train, l2=l2)
    penalised[l2] = penalty, mean_square(network.predict(x_test) - x_test)
    if l2 == STRONG:
        found["too much L2"] = reported + penalty, penalised[l2][1]
        expected["too much L2"] = sum(shrunk(l2)), shrunk(l2)[1]

# %% [markdown]
# **3. Corruption left on.** A denoiser has its noise in a layer. The broken evaluation passes a generator to `forward`,
# which is what training mode is here; in other libraries it is a forgotten switch.

# %%
network, *_ = train([GaussianNoise(S), *LINEAR], x_train, x_train)
streams_of_noise = [np.random.default_rng([chapter.seed, stream]) for stream in range(10, 18)]
left_on = [mean_square(network.forward(network.params, x_test, rng)[0] - x_test) for rng in streams_of_noise]  # broken
turned_off = [mean_square(network.predict(x_test) - x_test) for _ in range(2)]  # repaired
found["noise left on"] = left_on[0], turned_off[0]
expected["noise left on"] = wiener, float((eigenvalues * (1 - eigenvalues / (eigenvalues + S**2)) ** 2).mean())

# %% [markdown]
# **4. Outliers.** A fraction of the entries of the *target* reads 5, on data between 0 and 1: a sensor's error code. An
# answer to why a convolutional autoencoder fails says that the absolute error might be more robust.

# %%
hit = np.random.default_rng([chapter.seed, 7]).random(x_train.shape) < FRACTION
drawn = float(hit.mean())
squared = drawn**2 * (mean_square(OUTLIER - x_test) - linear_code)
for loss, pull in (("squared_error", squared), ("huber", (drawn / (1 - drawn)) ** 2), ("absolute_error", 0.0)):  # δ = 1
    network, reported, _ = train(CODE, x_train, np.where(hit, OUTLIER, x_train), loss=loss)
    name = f"outliers, {loss.replace('_', ' ')}"
    found[name] = reported, mean_square(network.predict(x_test) - x_test)
    expected[name] = None, linear_code + pull  # losses of different kinds are not compared by value

print(f"{'objective':<30} reported    error   in closed form")
for name in found:
    print(f"{name:<30}", *(f"{value:8.4f}" for value in (*found[name], *expected[name]) if value is not None))

# %% [markdown]
# **The posted network with L2.** Conv64, Conv32, pool, ConvT32, up, Conv64, Conv1, sigmoid, on 28×28 images, with a
# penalty of 0.001 on every kernel *but the last*, Adam at $10^{-4}$ and a batch of 128 (Q2c), on the embedded digits,
# which a program draws. `fit` penalises every kernel, so the loop is written out. (`--quick` only looks at the first
# penalty; without `--full` the batch is 4.)

# %%
Q2C, L2 = posted.NETWORKS["q2c"], posted.NETWORKS["q2c"].training.l2


def kernels(network):
    """Return the parameters that the post penalises."""
    return {name: value for name, value in network.params.items() if name not in Q2C.unpenalised}


def train_q2c(l2):
    """Return what is reported last, averaged over an epoch: the data's part and the penalty; and the held-out error."""
    x = to_float(np.concatenate([digits().x_test[:200], digits().x_train[:Q2C_N]]), np.float32).reshape(-1, 28, 28, 1)
    held_out, images = x[:200], x[200:]
    network, rule = Q2C.model(chapter.seed, np.float32), Adam.of("keras")
    state, rng = rule.init(network.params), np.random.default_rng([chapter.seed, 15])
    for _ in range(Q2C_EPOCHS):
        reported = []
        for batch in np.split(rng.permutation(Q2C_N), range(Q2C_BATCH, Q2C_N, Q2C_BATCH)):
            loss, grads = network.loss_and_grads(network.params, images[batch], images[batch])
            penalty, of_penalty = l2_penalty(kernels(network), l2)
            grads |= {name: grads[name] + more for name, more in of_penalty.items()}
            reported.append((float(loss), float(penalty)))
            network.params, state = rule.update(network.params, grads, state, Q2C.training.lr)
    error = mean_square(network.predict(held_out).astype(np.float64) - held_out)
    return dict(zip(("loss", "penalty", "error"), (*np.mean(reported, axis=0).tolist(), error), strict=True))


first_penalty = float(l2_penalty(kernels(Q2C.model(chapter.seed, np.float32)), L2)[0])
first_expected = L2 * sum(2 * c * f / (c + f) for c, f in ((1, 64), (64, 32), (32, 32), (32, 64)))
q2c = {} if chapter.quick else {l2: train_q2c(l2) for l2 in (L2, 0.0)}
print(f"Q2c, first penalty {first_penalty:.4f}, expected {first_expected:.4f}")
for l2, row in q2c.items():
    print(f"Q2c, L2 {l2:<6} reported {row['loss'] + row['penalty']:.4f}, held-out error {row['error']:.4f}")

# %% [markdown]
# ## The check

# %%
for name, (reported, error) in found.items():
    reported_form, error_form = expected[name]
    off = 0.0 if reported_form is None else abs(reported - reported_form) / max(reported_form, S**2)
    assert off < 0.06, f"{name}: reported {reported:.5f}, closed form {reported_form}"
    assert 0.9 < error / error_form < 1.15, f"{name}: error {error:.5f}, closed form {error_form:.5f}"
own, independent = (found[f"{name} noise as target"][1] for name in ("own", "independent"))
assert own > 1.5 * independent, f"its own noise must ruin the network, found {own:.5f} and {independent:.5f}"
for l2, (penalty, error) in penalised.items():
    assert 0.94 < error / shrunk(l2)[1] < 1.15, f"l2 = {l2}: error {error:.5f}, closed form {shrunk(l2)[1]:.5f}"
    assert abs(penalty - shrunk(l2)[0]) <= 0.03 * shrunk(l2)[0], (
        f"l2 = {l2}: penalty {penalty:.5f}, closed form {shrunk(l2)[0]:.5f}"
    )
assert penalised[STRONG][1] > 5 * penalised[0.0][1], f"L2 of {STRONG} must ruin the error, found {penalised}"
assert len(set(left_on)) == len(left_on), f"noise left on: no two evaluations may agree, found {left_on}"
assert len(set(turned_off)) == 1, f"noise off: two evaluations must agree to the bit, found {turned_off}"
assert min(left_on) > 1.5 * turned_off[0], f"noise left on must report far more, found {left_on}, {turned_off}"
ruined, absolute = (found[f"outliers, {loss} error"][1] - linear_code for loss in ("squared", "absolute"))
assert ruined > 9 * linear_code, f"outliers must ruin the squared error, found an excess of {ruined:.5f}"
assert absolute < 0.01 * ruined, f"the absolute error must not be pulled, found an excess of {absolute:.5f}"
assert abs(first_penalty / first_expected - 1) < 0.03, f"first penalty: {first_penalty:.4f}, not {first_expected:.4f}"
if q2c:
    assert q2c[L2]["penalty"] > 4 * q2c[L2]["loss"], f"Q2c: most of the report must be penalty, found {q2c}"
    assert q2c[L2]["error"] > 1.3 * q2c[0.0]["error"], f"Q2c: the penalty must cost data error, found {q2c}"

# %% [markdown]
# ## The figure

# %%
figure, (screen, weights) = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained", width_ratios=[1.25, 1])
for row, (name, (reported, error)) in enumerate(found.items()):
    color = BLUE if name in ("clean target", "outliers, absolute error") else ORANGE
    shown = max(reported, 3e-4)  # 0 has no place on a logarithmic axis
    screen.semilogx([error, shown], [row, row], "o-", color=color, linewidth=1, markersize=8, markevery=[0])
    screen.semilogx(shown, row, "<" if shown > reported else "o", color=color, markerfacecolor="white", markersize=8)
screen.set_yticks(range(len(found)), list(found))
screen.set(ylim=(len(found) - 0.5, -0.5), xlabel="hollow: reported; filled: error", title="On the screen, and in truth")

fine = np.linspace(0, max(L2S) * 1.05, 200)
for k, color, text in ((1, ORANGE, "data error"), (0, "0.35", "penalty")):
    weights.plot(fine, [shrunk(l2)[k] for l2 in fine], color=color)
    weights.plot(L2S, [penalised[l2][k] for l2 in L2S], "o", color=color)
    weights.text(0.005, shrunk(0.005)[k], f"{text} ", color=color, ha=("left", "right")[k], va="bottom")
weights.set(xlabel="L2 coefficient", ylabel="per number", title="L2: found, and closed form")

# %% [markdown]
# ## The cause
#
# **The squared error is minimised by the conditional mean of the target**, whatever the target is. With $t = x + e$,
# and $e$ independent of the input, $E[t \mid \tilde x] = E[x \mid \tilde x]$: the minimiser has not changed, and $E(z -
# t)^2 = E(z - x)^2 + s^2$. Several noisy measurements of one thing are all that is needed to learn to denoise. But if
# $t = \tilde x$, the minimiser is the identity: noise that the input knows is not averaged away.
#
# **L2 on two layers shrinks each component.** Along an eigenvector with eigenvalue $\lambda$ the two layers multiply to
# a gain $p = vw$, which costs $\frac1D \lambda (1 - p)^2$ in data and at least $\min_{vw = p} l_2 (v^2 + w^2) = 2 l_2
# p$ in penalty. The minimum is at
#
# $$ p = \max(0,\; 1 - D\, l_2 / \lambda), \qquad
# \text{data error } \frac1D \Bigl[\,\sum_{i \le K} \min(\lambda_i,\; (D\, l_2)^2 / \lambda_i)
#    + \sum_{i > K} \lambda_i\Bigr]. $$
#
# The second sum is what a code of $K$ units leaves in any case. A component with $\lambda < D\, l_2$ is given up. The
# penalty counts once, the mean squared error is divided by $D$: the same coefficient is sixteen times as strong for
# sixteen columns with the mean as with the sum. For Q2c, Glorot's weights of a kernel with $C$ inputs and $F$ filters
# have $\sum W^2 = 2CF/(C + F)$ on average, whatever its size: the penalty begins at 0.119, which is more than all the
# digits' mean square. At the end most of what is reported is penalty, and the error is clearly larger than without.
#
# **Noise left on** adds the variance that passes the network: with the gain $g = \lambda / (\lambda + s^2)$ the error
# is $\lambda (1 - g)^2 + s^2 g^2$ with the noise and $\lambda (1 - g)^2$ without. It is right to judge a denoiser by.
#
# **Outliers.** With probability $\varepsilon$ the target is $c$. The squared error wants $(1 - \varepsilon)x +
# \varepsilon c$, Huber $x + \delta\varepsilon/(1 - \varepsilon)$ while the pull is below $\delta$, the absolute error
# the median: $x$ for every $\varepsilon < \frac12$ (beyond, mask those entries). The advice is right *for outliers in
# the target*, and no cure for anything else: on mostly black pictures the median of a pixel is black (chapter 13).
#
# ## The cure in PyTorch
# ```python
# model.eval()  # noise and dropout off
# with torch.no_grad():
#     error = ((model(noisy) - clean) ** 2).mean().item()  # held-out data; no penalty
# print(f"reported {reported:.4f}, error {error:.4f}")
# ```
#
# ```python
# target = clean  # was noisy
# loss_fn = torch.nn.L1Loss() if outliers else torch.nn.MSELoss()
# optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0)  # a weight_decay of w is an L2 of w / 2
# ```
#
# ## The cure in Keras
# `evaluate` adds the penalty; `predict` has neither penalty nor noise.
# ```python
# error = float(((model.predict(noisy, verbose=0) - clean) ** 2).mean())
# print(f"reported {reported:.4f}, error {error:.4f}")
# ```
#
# ```python
# target = clean  # was noisy
# model.compile(keras.optimizers.Adam(0.01), "mae" if outliers else "mse")
# layer = keras.layers.Dense(clean.shape[1], kernel_regularizer=None)  # was keras.regularizers.l2(0.001)
# ```
#
# ## Exercises
# 1. *Your validation loss, with targets from a sensor, is 0.0027 above the error by hand. What do you change?*
# 2. *At which coefficient is the weakest component given up?* 3. *What does the absolute error cost?*
#
# **Answers.** 1. Nothing, if its noise is independent of the input's: subtract $s^2$, with $s \approx 0.052$.
# 2. At $l_2 = \lambda_K / D$: the error has no jump there, only a kink.
# 3. With normal noise in the target: it estimates a median, whose variance is $\pi/2$ times the mean's, 57 % more data.
# Huber's costs a few per cent, and is pulled; choose $\delta$ a little above ordinary errors.

# %%
print("""
What is reported is what was asked for, not what is wanted. In your network, measure the error on clean, held-out data,
noise off and penalty apart; where the two differ, mend the target, the penalty, the mode or the loss.""")
numbers = {
    "objectives": {name: {"found": found[name], "closed_form": expected[name]} for name in found},
    "l2": {str(l2): {"found": v, "closed_form": shrunk(l2)} for l2, v in penalised.items()},
}
chapter.finish(figure, numbers | {"q2c": {"first_penalty": first_penalty} | {str(l2): row for l2, row in q2c.items()}})
