# %% [markdown]
# # A rectified LSTM explodes along its sequence; its tanh cures it, and clipping spares Adam the memory
#
# From one batch to the next the loss of the sequence autoencoder is a thousand times that of the constant, or 10¹², or
# `nan`; then it comes back, and stays far above what it should be. With shorter sequences everything is fine.
#
# *Failure modes: F12 · networks: Q1c · advice: learning rate, RMSprop against Adam, clipping*

# %% [markdown]
# ## Is it yours?
#
# Follow the first recurrent layer through a sequence. If the norm of its state grows by a factor at every step *of the
# sequence*, the explosion is in the recurrence. With a rate merely too high the loss grows from one *update* to the
# next (chapter 17).
#
# The network is from an answer to why a denoising autoencoder fails to train (Q1c): 50 steps of 5 features, LSTM 32 –
# LSTM 16 – repeat 50 times – LSTM 16 – LSTM 32 – 5 outputs a step, the cells rectified (`relu` where an LSTM has
# `tanh`), with Adam at $10^{-3}$. RMSprop, at a smaller rate, is said there to have trained far better. The data are
# not given; these can be learnt: a series is a level and a slow wave, three numbers in all. They are not standardised.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import NonFiniteError, Sequential, fit, floors, posted
from scratchdae.chapter import Chapter
from scratchdae.layers import lstm_forward
from scratchdae.optimizers import Adam, Clipped, RMSprop
from scratchdae.plots import BLUE, ORANGE

chapter = Chapter.begin("24_exploding_gradients")

N_SERIES, STEPS, FEATURES, BATCH_SIZE = 200, 50, 5, 20
EPOCHS, POSTED_LR, MAX_NORM = 30, 1e-3, 1.0
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 4))
LARGE_LR = 0.1  # of the single step under the microscope


def series(seed):
    """Draw levels in ±3, each with one wave of random phase and height."""
    rng = np.random.default_rng([seed, 24])
    height, phase = rng.uniform(0.5, 1, (N_SERIES, 1, 1)), rng.uniform(0, 2 * np.pi, (N_SERIES, 1, 1))
    level = rng.uniform(-1, 1, (N_SERIES, 1, 1))
    turns = np.arange(STEPS)[:, None] / STEPS + np.arange(FEATURES) / FEATURES
    return 3 * (level + 0.3 * height * np.sin(2 * np.pi * turns + phase))


def network(activation, seed, dtype=np.float32):
    """Build the posted network; its cells are rectified, or have their tanh."""
    layers = posted.NETWORKS["q1c"].layers(activation=activation)
    return Sequential(layers, (STEPS, FEATURES), np.random.default_rng(seed), dtype=dtype)


# %% [markdown]
# ## The run
#
# **Training** at the posted rate. The broken run and its repairs differ in one thing each.

# %%
RELU, TANH, CLIPPED, TORCH = "ReLU, Adam", "tanh, Adam", "ReLU, Adam, clipped", "ReLU, RMSprop of PyTorch"
RUNS = {
    RELU: ("relu", Adam()),
    TANH: ("tanh", Adam()),
    CLIPPED: ("relu", Clipped(Adam(), max_norm=MAX_NORM)),
}
if not chapter.quick:
    RUNS[TORCH] = ("relu", RMSprop.of("torch"))  # decay 0.99
    RUNS |= {
        "ReLU, RMSprop of Keras": ("relu", RMSprop.of("keras")),
        "tanh, RMSprop of Keras": ("tanh", RMSprop.of("keras")),
    }  # decay 0.9


def train(activation, optimizer, seed):
    """Return the network and its losses by epoch as shares of the constant's; inf from where they are not finite."""
    x, model, losses = series(seed), network(activation, seed), []
    options = {"epochs": EPOCHS, "lr": POSTED_LR, "batch_size": BATCH_SIZE, "optimizer": optimizer, "seed": seed}
    try:
        fit(model, x, **options, progress=False, on_epoch=lambda record, _: losses.append(record["loss"]))
    except NonFiniteError:
        losses += [np.inf] * (EPOCHS - len(losses))
    return model, np.array(losses) / floors.constant(x.reshape(N_SERIES, -1))


results = {(run, seed): train(*how, seed) for run, how in RUNS.items() for seed in SEEDS}
losses = {key: loss for key, (_, loss) in results.items()}
print(f"{'loss / the constant’s':<26}{'highest':>24}{'after ' + str(EPOCHS) + ' epochs':>26}   seeds below 0.2")
for run in RUNS:
    highest, last = ([f(losses[run, seed]) for seed in SEEDS] for f in (np.max, lambda loss: loss[-1]))
    ends = [f"{min(part):.3g} to {max(part):.3g}" for part in (highest, last)]
    print(f"{run:<26}{ends[0]:>24}{ends[1]:>26}   {sum(value < 0.2 for value in last)} of {len(SEEDS)}")

# %% [markdown]
# **One step, under the microscope.** A cell is $c_t = f \odot c_{t-1} + i \odot \phi(W_g^\top x_t + U_g^\top h_{t-1})$,
# $h_t = o \odot \phi(c_t)$. With $\phi = \tanh$, $|i \odot \phi| \le 1$, so $|c_t| \le t$ whatever the weights (1). A
# rectifier sets no bound. Once the state is large, every gate is 0 or 1, the input does not matter, and the step is
# exactly linear:
#
# $$ c_t = M c_{t-1}, \qquad M = \operatorname{diag}(f) + \operatorname{diag}(i \odot 1[g > 0])\; U_g^\top\,
#    \operatorname{diag}(o \odot 1[c > 0]). \qquad (2) $$
#
# The state grows by $\rho(M)$ per step of the sequence. To see it at once, take one step of Adam at a large rate, 0.1.

# %%
x = series(chapter.seed)


def after_one_step(activation, optimizer):
    """Return the network's parameters after the first step on the first batch, in float64."""
    model = network(activation, chapter.seed, np.float64)
    grads = model.loss_and_grads(model.params, x[:BATCH_SIZE], x[:BATCH_SIZE])[1]
    return optimizer.update(model.params, grads, optimizer.init(model.params), LARGE_LR)[0]


def states(params, activation):
    """Run the first LSTM; return the norm of its cell state by step, for the first series, and what it kept."""
    cache = lstm_forward(Sequential.own(params, "lstm_1"), x[:1], activation=activation)[2]
    return np.linalg.norm(cache.c[:, 0], axis=1), cache


def matrix(params, cache):
    """Build M of (2) from the gates of the last step."""
    i, f, g, o = np.split(cache.gates[-1, 0], 4)
    U_g = np.split(params["lstm_1.U"], 4, axis=1)[2]
    return np.diag(f) + (i * (g > 0))[:, None] * U_g.T * (o * (cache.c[-2, 0] > 0))


stepped = {activation: after_one_step(activation, Adam()) for activation in ("relu", "tanh")}
norms = {activation: states(params, activation)[0] for activation, params in stepped.items()}  # (T + 1,)
cache = states(stepped["relu"], "relu")[1]
M = matrix(stepped["relu"], cache)
rho = float(np.abs(np.linalg.eigvals(M)).max())
linear = float(np.linalg.norm(M @ cache.c[-2, 0] - cache.c[-1, 0]) / norms["relu"][-1])
growth = float(norms["relu"][-1] / norms["relu"][-2])
print(f"the rectified state grows by {growth:.4f} per step, spectral radius {rho:.4f}")

# %% [markdown]
# **What Adam remembers.** The gradient that comes back through an explosion is as large as the explosion. Take one
# weight of which the gradient is 1 at every step, but $-10^6$ once. Adam at the rate $\eta$ otherwise moves it by
# $-\eta$ a step.

# %%
SPIKE, BEFORE, AFTER = -1e6, 10_000, 1000


def after_a_spike(optimizer):
    """Return how far the weight has moved from where it was before the spike, AFTER steps later, and the last step."""
    w = {"w": np.zeros(1)}
    state, path = optimizer.init(w), []
    for t in range(BEFORE + AFTER):
        w, state = optimizer.update(w, {"w": np.array([SPIKE if t == BEFORE else 1.0])}, state, 1.0)
        path.append(float(w["w"][0]))
    return path[-1] - path[BEFORE - 1], path[-2] - path[-1]


w, rules = {"w": np.zeros(1)}, (Adam(), Clipped(Adam(), max_norm=1.0))
first = [float(rule.update(w, {"w": np.array([SPIKE])}, rule.init(w), 1.0)[0]["w"][0]) for rule in rules]
jump, crawl = after_a_spike(Adam())
clipped_jump, _ = after_a_spike(rules[1])
leap = 0.1 / np.sqrt(0.001) / (1 - 0.9 / np.sqrt(0.999))  # Σ of the steps in which Adam's mean forgets the spike
print(f"first step of Adam, in rates: {first[0]:.6f}, clipped {first[1]:.6f}")
print(
    f"after a spike: moved by {jump:+.1f} rates (expected {leap:+.1f}), and by {crawl:.1e} in the 1,000th step after it"
)
print(f"clipped at 1:  moved by {clipped_jump:+.1f} rates in those 1,000 steps")

# %% [markdown]
# ## The check

# %%
for seed in SEEDS:
    for run in (run for run in RUNS if run.startswith("ReLU")):
        highest = losses[run, seed].max()
        assert highest > 1.1, f"{run}, seed {seed}: must rise above the constant, found {highest:.3f} of it"
    highest, last = losses[TANH, seed].max(), losses[TANH, seed][-1]
    assert highest < 1.05, f"{TANH}, seed {seed}: no peak expected, found {highest:.3f} of the constant's loss"
    assert last < 0.2, f"{TANH}, seed {seed}: must learn, found {last:.3f} of the constant's loss"
middle = {run: float(np.median([losses[run, seed][-1] for seed in SEEDS])) for run in RUNS}
if not chapter.quick:
    assert middle[CLIPPED] < 0.2, f"clipped, most seeds must learn, found {middle[CLIPPED]:.3f} in the middle"
    assert middle[RELU] > 1.3 * middle[CLIPPED], f"unclipped, they must be behind, found {middle}"
assert linear < 1e-3, f"the last step must be M's, by (2), found a difference of {linear:.1e}"
assert abs(growth / rho - 1) < 0.02, f"growth {growth}, spectral radius {rho}"
assert rho > 1.3, f"one step of {LARGE_LR} must make ρ > 1.3, found {rho:.3f}"
cells = np.abs(states(stepped["tanh"], "tanh")[1].c[:, 0]).max(axis=1)
assert (cells <= np.arange(STEPS + 1)).all(), "with tanh no cell may exceed t, by (1)"
assert max(abs(step - 1) for step in first) < 1e-6, f"clipped or not, Adam's first step is a rate, found {first}"
assert abs(jump / leap - 1) < 0.02, f"after the spike Adam must move by {leap:.2f} rates, found {jump:.2f}"
assert abs(crawl) < 1e-3, f"and then stand still, found {crawl:.2e} rates a step"
assert abs(clipped_jump + AFTER) < 3, f"clipped, the spike must cost next to nothing, found {clipped_jump:.1f}"

# %% [markdown]
# ## The figure

# %%
layout = [["series", "state"], ["course", "course"]]
figure, axes = plt.subplot_mosaic(layout, figsize=(9, 7), height_ratios=[1, 1.2], layout="constrained")
t = np.arange(1, STEPS + 1)
shown, colors = series(chapter.seed)[:1], {RELU: ORANGE, TANH: BLUE, CLIPPED: "0.35", TORCH: ORANGE}
axes["series"].plot(t, shown[0, :, 0], "--", color="black", linewidth=1)
axes["series"].text(26, shown[0, 25, 0], "given", va="top")
for run in (RELU, TANH):
    z = results[run, chapter.seed][0].predict(shown.astype(np.float32))[0, :, 0]
    axes["series"].plot(t, z, color=colors[run])
    axes["series"].text(STEPS, z[-1], run.split(",")[0], color=colors[run], ha="right", va="bottom")
axes["series"].set(xlabel="step of the sequence", ylabel="first feature", title="A series and its reconstructions")
axes["series"].margins(y=0.12)
for activation, color in (("relu", ORANGE), ("tanh", BLUE)):
    axes["state"].semilogy(t, norms[activation][1:], "o", color=color, markersize=3)
axes["state"].semilogy(t[4:], norms["relu"][-1] * rho ** (t[4:] - float(STEPS)), "k--", linewidth=1)
axes["state"].text(28, norms["relu"][29], f"ReLU, and ρ(M)$^t$,\nρ = {rho:.2f} ", color=ORANGE, ha="right", va="bottom")
axes["state"].text(STEPS, norms["tanh"][-1] * 10, "tanh", color=BLUE, ha="right", va="bottom")
axes["state"].set(xlabel="step of the sequence", ylabel="norm of the state", title="After one large step of Adam")
epochs = np.arange(1, EPOCHS + 1)
for run in (run for run in colors if run in RUNS):
    axes["course"].semilogy(epochs, losses[run, chapter.seed], ":" if run == TORCH else "-", color=colors[run])
    if np.isfinite(losses[run, chapter.seed][-1]):
        side = "top" if run == CLIPPED else "bottom"
        axes["course"].text(EPOCHS + 0.4, losses[run, chapter.seed][-1], run, color=colors[run], va=side)
axes["course"].axhline(1, color="black", linestyle="--", linewidth=1)
axes["course"].text(1.32 * EPOCHS, 0.92, "best constant", ha="right", va="top")
axes["course"].set(xlabel="epoch", ylabel="loss / that of the best constant", xlim=(0.5, 1.33 * EPOCHS))
axes["course"].set(xticks=range(5, EPOCHS + 1, 5), title="At the posted rate the rectified runs peak, tanh does not")

# %% [markdown]
# ## The cause
#
# **Where (2) comes from.** Let $c$ be large. The gates see pre-activations in proportion to $c$ and are 0 or 1; input
# and bias are negligible; which units are active no longer changes. What is left is a constant matrix, whose largest
# eigenvalue takes over. The gradient goes back through $M^\top$: both grow like $\rho^T$, the length is an exponent.
#
# **Why Adam gets there.** A step of Adam moves *every* weight by about the rate, whatever the size of the gradient. If
# the signs agree, $n$ steps give $U_g$ of 32 units a matrix of rank one with an eigenvalue of up to $32\,n\,\eta$: at
# 0.1 after one step, at $10^{-3}$ within the first epochs. Large inputs help: they open the gates.
#
# **What clipping does.** It cannot stop the explosion, which is over before there is a gradient. It does not change
# Adam's first step (but for the ε in it), which does not depend on the gradient's size. But Adam *remembers*. After one
# gradient $G$ its mean $m$ holds $(1 - \beta_1) G \beta_1^k$ and its mean square $v$ $(1 - \beta_2) G^2 \beta_2^k$:
# the weight leaps by $(1 - \beta_1)/\sqrt{1 - \beta_2}\; /\; (1 - \beta_1/\sqrt{\beta_2}) \approx 32$ rates, and then
# stands still, because $v$ takes some 20,000 steps to forget $10^6$. Clipped, neither happens, and the network recovers
# from its explosions; not with every seed, as the run's table says. Its tanh is the better cure: nothing explodes.
#
# **The truth about the advice.** $10^{-3}$ works with tanh, on these data. RMSprop is not the cure: with rectifiers it
# explodes too, PyTorch's most, whose first step is $1/\sqrt{1 - 0.99} = 10$ times the rate (Keras': 3.2 times). With
# tanh there is nothing to choose between RMSprop and Adam. (What learns has learnt the level by then, not the wave.)
#
# ## The cure in PyTorch
# PyTorch's LSTM always has its tanh; what can explode is `RNN(nonlinearity="relu")`, or a cell of one's own. Of the
# first recurrent `layer`, for sequences `x`:
# ```python
# norms = layer(x)[0].norm(dim=2).mean(dim=0)
# growth = ((norms[-1] / norms[-11]) ** 0.1).item()
# print(f"the state grows by {growth:.2f} per step of the sequence")  # above 1: yours
# ```
#
# The repair, and clipping before the optimizer sees the gradient:
# ```python
# layer = torch.nn.LSTM(5, 32, batch_first=True)  # was torch.nn.RNN(5, 32, nonlinearity="relu", batch_first=True)
# def step(model, optimizer, x):
#     optimizer.zero_grad()
#     torch.nn.functional.mse_loss(model(x), x).backward()
#     torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
#     optimizer.step()
# ```
#
# ## The cure in Keras
# ```python
# norms = keras.ops.mean(keras.ops.norm(layer(x), axis=2), axis=0)  # of the first LSTM, which returns sequences
# growth = float((norms[-1] / norms[-11]) ** 0.1)
# print(f"the state grows by {growth:.2f} per step of the sequence")  # above 1: yours
# ```
#
# The repair (`clipnorm` would shorten each array by itself):
# ```python
# layer = keras.layers.LSTM(32, return_sequences=True)  # was activation="relu"
# optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
# ```
#
# ## Exercises
# 1. *One unit, no input, gates at 1/2: for which recurrent weight $u$ does the state grow? And with gates at 1?*
# 2. *When does float32 overflow at $\rho = 2.5$?* 3. *Does (1) mean that the gradient of a tanh cell cannot explode?*
#
# **Answers.** 1. $c_t = (f + i\,u\,o)\,c_{t-1}$: $1/2 + u/4 > 1$ for $u > 2$; with gates at 1, for every positive $u$.
# 2. The squared error at $|z| = 1.8 \cdot 10^{19}$: after $\ln(1.8 \cdot 10^{19})/\ln 2.5 = 48$ steps of one LSTM.
# 3. No. It bounds the state, not the Jacobian, which has $U_g$ in it. Then clipping is the right answer.

# %%
print("""
A rectified recurrent layer multiplies its state at every step of the sequence. In your network, measure that factor;
above 1, give the layer its tanh back, and clip the gradient's global norm before Adam sees it.""")
chapter.finish(
    figure,
    {
        "losses": {
            f"{run}, seed {seed}": [v if np.isfinite(v) else None for v in x] for (run, seed), x in losses.items()
        },
        "one_step": {"growth": growth, "spectral_radius": rho},
        "spike": {"moved": jump, "expected": leap, "clipped": clipped_jump, "first_step": first},
    },
)
