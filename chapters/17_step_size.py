# %% [markdown]
# # A learning rate can be wrong in three ways, and each way signs its name
#
# Too low, too high, and too high by less than it takes to explode. Each has a number that can be computed.
#
# *Failure modes: F01, F02, F03 · networks: Q1c · advice: learning rate 1e-6 or 1e-3*

# %% [markdown]
# ## Is it yours?
#
# Three screens, the loss (and in the other rows its excess over the floor, in floors), beside another rate:
#
# ```text
# too low              step   0: 0.373     100: 0.373      300: 0.372     at 1e-3: 0.05 to 0.13
# too high             step  50: 10^4      100: 10^8       300: 10^24     10 % less: 10^-15
# too high for noise   step 500: 0.7     2,000: 0.7      4,000: 0.7       after a drop to a tenth: 0.04
# ```
#
# ![A straight line, geometric growth, and a plateau, each with its prediction](../figures/17_step_size.png)
#
# **The one measurement**: ten times the learning rate, the same seed. If it reaches the same place in a tenth of the
# steps, the rate was too low. If the loss explodes, go to a tenth: one that now gets further down was held up by its
# rate. If neither changes where it ends, it is not the rate.
#
# ## The claim
#
# An answer to the question why a denoising autoencoder fails to train shows one for sequences of 50 steps with 5
# features (Q1c): LSTM 32 – LSTM 16 – repeat – LSTM 16 – LSTM 32 – Dense 5, with rectifiers in the cells. Adam with the
# learning rate 1e-6 is called more or less non-functional there, 1e-3 works. On trial: the test of the factor ten; that
# gradient descent diverges from $2/h_{\max}$ on ($h_{\max}$: the largest curvature), the heavy ball from
# $2(1+\beta)/h_{\max}$ on; and that minibatches stay above the floor well below it, by an amount that can be computed.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, backend, floors, posted, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.optimizers import SGD, Adam
from scratchdae.plots import BLUE, ORANGE, floor_line

chapter = Chapter.begin("17_step_size")
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))
SERIES_STEPS, UNITS, SLOW_STEPS = (12, 16, 100) if chapter.quick else (50, 32, 300)  # --quick: a smaller network
TOO_LOW, WORKS = 1e-6, 1e-3
D, SIGMA, T = 49, 0.15, 300  # the linear denoiser: digits of 7×7 pixels, their noise, the steps of descent
B, NOISY_LR, NOISY_STEPS, DROP_AT, BETA = 10, 1.5, 4000, 2800, 0.9

# %% [markdown]
# ## Too low: the network that was posted
#
# The data here are travelling waves, a phase each, with noise added; the best constant has their variance, 1/8.


# %%
def waves(seed):
    """Draw clean series and noisy ones: a phase each, the features a fifth of a turn apart."""
    rng = np.random.default_rng([seed, 1])
    turns = 2 * np.arange(SERIES_STEPS)[:, None] / SERIES_STEPS + np.arange(5) / 5
    x = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.uniform(size=(320, 1, 1)) + turns))
    return x.astype(np.float32), (x + 0.1 * rng.normal(size=x.shape)).astype(np.float32)


def watch(seed, lr, steps):
    """Train with Adam; note the losses, the fall that is predicted, and the longest move of a weight, in all."""
    layers, (x, x_tilde) = posted.NETWORKS["q1c"].layers(UNITS, SERIES_STEPS), waves(seed)
    network = Sequential(layers, (SERIES_STEPS, 5), streams(seed).initialisation, dtype=np.float32)
    first = params = network.params
    state, shuffling, losses = Adam().init(params), streams(seed).shuffling, []
    start, grads = network.loss_and_grads(params, x_tilde, x)
    slope = lr * float(sum(np.abs(g).sum() for g in grads.values()))  # the loss falls so much if every weight moves lr
    for step in range(steps):
        if step % 10 == 0:
            order = shuffling.permutation(len(x)).reshape(10, -1)
        rows = order[step % 10]
        loss, grads = network.loss_and_grads(params, x_tilde[rows], x[rows])
        params, state = Adam().update(params, grads, state, lr)
        losses.append(float(loss))
    fall = float(start) - float(network.loss(params, x_tilde, x))
    furthest = max(float(np.abs(params[name] - first[name]).max()) for name in params) / (lr * steps)
    return {"losses": losses, "start": float(start), "fall": fall, "slope": slope, "furthest": furthest}


with backend.using("auto"):
    slow = {seed: watch(seed, TOO_LOW, SLOW_STEPS) for seed in SEEDS}  # broken: as posted
    tenfold = {seed: watch(seed, 10 * TOO_LOW, SLOW_STEPS // 10) for seed in SEEDS}
    works = {seed: watch(seed, WORKS, SLOW_STEPS) for seed in SEEDS}  # repaired
constant = {seed: floors.constant(waves(seed)[0].reshape(320, -1)) for seed in SEEDS}
for seed in SEEDS:
    falls = [run[seed]["fall"] for run in (slow, tenfold, works)]
    print(f"seed {seed}: from {slow[seed]['start']:.4f}, constant {constant[seed]:.4f}; 1e-6, 1e-5, 1e-3: {falls}")

# %% [markdown]
# ## Too high: a denoiser whose every step is known
#
# The smallest denoiser is linear, $z = \tilde x W$, with $\tilde x = x + \sigma\varepsilon$, here on the embedded
# digits, which a program draws. Where the data's covariance has the eigenvalues $\lambda_i$, the loss has curvatures
# $h_i = 2(\lambda_i + \sigma^2)$ and Wiener's floor. From $W = 0$ each error is multiplied by $1 - lr\,h_i$ a step, so
#
# $$ L_t - L_\infty = \sum_i \frac{\lambda_i^2}{\lambda_i + \sigma^2}\,(1 - lr\,h_i)^{2t}. $$

# %%
x = to_float(digits().x_train, side=7)
x -= x.mean(axis=0)
C = x.T @ x / len(x)
variances, directions = np.linalg.eigh(C)
h = 2 * (variances + SIGMA**2)
floor = D * floors.wiener(floors.eigenvalues(x), SIGMA)
limit, heavy_limit = 2 / h.max(), 2 * (1 + BETA) / h.max()


def relative_excess(W):  # over the floor, in floors
    rest = np.eye(D) - W
    return float(np.vdot(rest, C @ rest) + SIGMA**2 * np.vdot(W, W)) / floor - 1


def descend(lr, rule=None):
    """Follow the exact gradient, without minibatches and with the noise averaged out; return the excess by step."""
    rule, params = rule or SGD(), {"W": np.zeros((D, D))}
    state, excess = rule.init(params), [relative_excess(params["W"])]
    for _ in range(T):
        gradient = 2 * (C @ (params["W"] - np.eye(D)) + SIGMA**2 * params["W"])
        params, state = rule.update(params, {"W": gradient}, state, lr)
        excess.append(relative_excess(params["W"]))
    return np.array(excess)


def computed(lr):
    return (1 - lr * h) ** (2 * np.arange(T + 1)[:, None]) @ (variances**2 / (variances + SIGMA**2)) / floor


too_high, below = descend(1.05 * limit), descend(0.95 * limit)  # broken and repaired
heavy, heavy_below = (descend(factor * heavy_limit, SGD(momentum=BETA)) for factor in (1.03, 0.97))
print(f"limit {limit:.3f}; 5 % above: {too_high[-1]:.1e} floors after {T} steps, below: {below[-1]:.1e}")

# %% [markdown]
# ## Too high for the noise: minibatches of 10, with fresh noise, at a third of the limit above


# %%
def on_minibatches(seed, drop):
    """Train on batches drawn with replacement, at a rate that drops by a factor late; return the excess by step."""
    rng, W, excess = np.random.default_rng([seed, 2]), np.zeros((D, D)), []
    for step in range(NOISY_STEPS):
        clean = x[rng.integers(len(x), size=B)]
        noisy = clean + SIGMA * rng.normal(size=clean.shape)
        W = W - NOISY_LR * (drop if step >= DROP_AT else 1) * 2 / B * noisy.T @ (noisy @ W - clean)
        excess.append(relative_excess(W))
    return np.array(excess)


def noise_floor(lr):
    """Return the relative excess to first order, k: with the variance s² of one example's gradient at the optimum."""
    noisy = x + SIGMA * np.random.default_rng([chapter.seed, 3]).normal(size=x.shape)
    optimum = (directions * (variances / (variances + SIGMA**2))) @ directions.T
    s2 = 4 * ((noisy @ directions) ** 2 * ((noisy @ optimum - x) ** 2).sum(axis=1, keepdims=True)).mean(axis=0)
    return float((lr * s2 / (2 * B * (2 - lr * h))).sum()) / floor


noisy = {seed: on_minibatches(seed, 1) for seed in SEEDS}  # broken
decayed = {seed: on_minibatches(seed, 0.1) for seed in SEEDS}  # repaired
plateau, repaired = ({s: float(run[s][DROP_AT + 600 :].mean()) for s in SEEDS} for run in (noisy, decayed))
k, k_repaired = noise_floor(NOISY_LR), noise_floor(NOISY_LR / 10)
grid = np.linspace(0.1, 0.99, 90) * limit
limit_of_noise = float(np.interp(1.0, [noise_floor(lr) for lr in grid], grid))  # where k = 1
print(f"plateau {plateau}, first order {k:.3f}, k / (1 - k) = {k / (1 - k):.3f}; after the drop {repaired}")

# %% [markdown]
# ## The check

# %%
for seed in SEEDS:
    stays = slow[seed]["start"] - slow[seed]["fall"] - constant[seed]
    assert stays > constant[seed], f"1e-6 must stay far above the constant, found {stays:.3f} above it"
    left = (works[seed]["start"] - works[seed]["fall"] - constant[seed]) / stays
    assert left < 0.45, f"1e-3 must remove more than half of that, left {left:.2f} (seed {seed})"
    same_place = tenfold[seed]["fall"] / slow[seed]["fall"]
    assert 0.95 < same_place < 1.05, f"×10 must be there in a tenth of the steps, found {same_place:.3f}"
    ratio = slow[seed]["fall"] / (SLOW_STEPS * slow[seed]["slope"])
    assert 0.8 < ratio < 1.5, f"the loss must fall by about lr Σ|g| a step, found {ratio:.2f} of it"
    assert 0.5 < slow[seed]["furthest"] < 1.7, f"Adam must move about lr T, found {slow[seed]['furthest']:.2f}"
    off = plateau[seed] / (k / (1 - k)) - 1
    assert abs(off) < 0.08, f"the plateau must be where noise puts it, found {plateau[seed]:.3f}, {off:+.1%}"
    off = repaired[seed] / (k_repaired / (1 - k_repaired)) - 1
    assert abs(off) < 0.08, f"and after the drop, found {repaired[seed]:.4f}, {off:+.1%}"
for run, lr in ((too_high, 1.05 * limit), (below, 0.95 * limit)):
    off = (np.abs(run - computed(lr)) / (computed(lr) + 1e-6)).max()
    assert off < 1e-6, f"every step at {lr:.2f} must be on the closed form, off by {off:.1e}"
for above, lower in ((too_high[-1], below[-1]), (heavy[-1], heavy_below[-1])):
    assert above > 1e20 and lower < 1e-3, f"above the limit it must diverge, below not: {above:.1e}, {lower:.1e}"  # noqa: PT018
assert 1.2 * limit_of_noise < limit, f"noise must lower the limit, found {limit_of_noise:.2f} against {limit:.2f}"

# %% [markdown]
# ## The figure

# %%
figure, (low, high, plate) = plt.subplots(1, 3, figsize=(9, 3.7), layout="constrained")
run, steps = slow[chapter.seed], np.arange(SLOW_STEPS)
low.plot(steps[5::10], np.reshape(run["losses"], (-1, 10)).mean(axis=1), "s", color=ORANGE, markersize=4)
low.plot(steps, run["start"] - run["slope"] * steps, "k-", linewidth=1)
fast = np.reshape(tenfold[chapter.seed]["losses"], (-1, 10)).mean(axis=1)
low.plot(steps[45::100], fast, "o", color=BLUE, markersize=10, markerfacecolor="none")
low.set(xlabel="step (rings: a tenth of it, at 1e-5)", ylabel="mean squared error")
low.set_title("Too low: Adam at 1e-6\n(line: predicted)", fontsize=11)

for excess, lr, marker, color in ((too_high, 1.05 * limit, "s", ORANGE), (below, 0.95 * limit, "o", BLUE)):
    high.semilogy(np.arange(0, 101, 10), excess[:101:10], marker, color=color, markersize=5)
    high.semilogy(computed(lr)[:101], "k-", linewidth=1)
high.text(2, 1e8, "5 % above 2/h\n(lines: computed)", color=ORANGE)
high.text(35, 0.003, "5 % below", color=BLUE)
high.set(xlabel="step", ylabel="excess over the floor, in floors", ylim=(1e-3, 1e11))
high.set_title("Too high:\ngeometric growth", fontsize=11)

centres = np.arange(25, NOISY_STEPS, 50)
for excess, color in ((noisy, ORANGE), (decayed, BLUE)):
    plate.semilogy(centres, excess[chapter.seed].reshape(-1, 50).mean(axis=1), color=color)
for level in (k / (1 - k), k_repaired / (1 - k_repaired)):
    floor_line(plate, level)
plate.text(100, 3, f"rate {NOISY_LR} to the end", color=ORANGE)
plate.text(DROP_AT - 100, 0.1, "a tenth of it\nfrom here on", color=BLUE, ha="right")
plate.set(xlabel="step", ylabel="excess over the floor, in floors", ylim=(0.01, 10), xticks=(0, 2000, 4000))
plate.set_title("Too high for the noise\n(dotted: computed)", fontsize=11)

# %% [markdown]
# ## The cause
#
# **Too low.** While the gradient of a weight keeps its sign, Adam moves it by $lr$ a step, by about $lr \cdot T$ in
# all, and the loss falls by $lr\sum|g|$ a step: a straight line. For gradient descent the place depends on
# $lr \cdot T$ alone while $lr\,h \ll 1$, since $(1 - lr\,h)^T \approx e^{-lr\,h\,T}$. A network that is dead, saturated
# or at its floor does not get there ten times earlier: it is not going anywhere.
#
# **Too high.** The error in direction $i$ shrinks while $|1 - lr\,h_i| < 1$, that is $lr < 2/h_i$. With momentum the
# largest root of $\rho^2 - (1 + \beta - lr\,h)\rho + \beta = 0$ decides, which is $-1$ where $lr\,h = 2 + 2\beta$.
#
# **Too high for the noise.** One step is $e' = (1 - lr\,h)\,e - lr\,\xi$, with the variance $s^2/B$ of $\xi$ ($s^2$: of
# one example's gradient). Where $E\,e^2$ stays, $\tfrac12 h\,E\,e^2 = lr\,s^2/(2B\,(2 - lr\,h))$. Summed and divided
# by the floor this is $k$. But $s^2$ is in proportion to the loss at which training *stays*: the excess is
# $k\,(1 + \text{excess}) = k/(1 - k)$. At $k = 1$ it diverges, here at two thirds of $2/h_{\max}$.

# %% [markdown]
# ## The cure in PyTorch
#
# `noisy` and `clean` are a batch, `lr` is your rate. Too high: a tenth. At a plateau: `ReduceLROnPlateau`, in both.
#
# ```python
# import copy
#
# def fall(lr, steps):
#     trial = copy.deepcopy(model)
#     optimizer = torch.optim.Adam(trial.parameters(), lr)
#     for _ in range(steps):
#         optimizer.zero_grad()
#         loss_fn(trial(noisy), clean).backward()
#         optimizer.step()
#     return (loss_fn(model(noisy), clean) - loss_fn(trial(noisy), clean)).item()
#
# while 0.8 < fall(10 * lr, 20) / fall(lr, 200) < 1.2:  # the same place in a tenth of the steps
#     lr *= 10
# ```
#
# ## The cure in Keras
#
# ```python
# def fall(lr, steps):
#     trial = keras.models.clone_model(model)
#     trial.set_weights(model.get_weights())
#     trial.compile(keras.optimizers.Adam(lr), "mse")
#     before = trial.evaluate(noisy, clean, verbose=0)
#     trial.fit(np.tile(noisy, (steps, 1)), np.tile(clean, (steps, 1)), batch_size=len(noisy), shuffle=False, verbose=0)
#     return before - trial.evaluate(noisy, clean, verbose=0)
#
# while 0.8 < fall(10 * lr, 20) / fall(lr, 200) < 1.2:
#     lr *= 10
# ```

# %% [markdown]
# ## Exercises
#
# 1. The data are in 0 … 255 instead of 0 … 1. What happens to $2/h_{\max}$, and what to Adam?
# 2. How far can one step of Adam go? The bound that is quoted is $(1-\beta_1)/\sqrt{1-\beta_2} = 3.16$ learning rates.
# 3. The same weights, gradient and rate; after one step of the optimizer PyTorch's and Keras' weights differ. Why?
#
# ### Answers
#
# 1. $h$ has the squared unit of the input: the limit falls by 65,025. Adam's steps stay; they have no unit.
# 2. The bound is that of one gradient after a long silence. The Cauchy–Schwarz inequality for $|m|/\sqrt v$ gives
#    $3.16\,/\sqrt{1-\beta_1^2/\beta_2} = 7.27$, attained by gradients that grow by $\beta_2/\beta_1$ a step.
# 3. RMSprop's first step is $1/\sqrt{1 - \text{decay}}$ rates: ten in PyTorch, 3.16 in Keras (Adam's is one in both). ε
#    and weight decay stand elsewhere, too. `RMSprop.of("keras")`, `Adam.of("torch")` and so on step as theirs do.

# %%
print("Too low, ten times the rate is there in a tenth of the steps; too high, the loss grows or stays up.")
print("Your own network: try ten times the rate with the same seed, and a tenth if that explodes.")
numbers = {
    "adam": {"1e-6": slow, "1e-5 in a tenth of the steps": tenfold, "1e-3": works},
    "limit": {"gradient_descent": limit, "heavy_ball": heavy_limit, "with_sampling_noise": limit_of_noise},
    "plateau": {"computed": k / (1 - k), "first_order": k, "found": plateau, "after_the_drop": repaired},
}
chapter.finish(figure, numbers)
