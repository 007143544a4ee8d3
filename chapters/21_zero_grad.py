# %% [markdown]
# # Gradients that are never zeroed make training swing for ever, with a period that can be computed
#
# The loss falls quickly, perhaps below that of the best constant. Then it rises, falls, rises, and so on for ever.
#
# *Failure modes: F07 · networks: Q4b · advice: lower the learning rate when the loss oscillates*

# %% [markdown]
# ## Is it yours?
#
# The same network, data, first weights and optimizer (Adam at 1e-3); the loss after some epochs, rounded:
#
# ```text
# epoch             0      1      2      5     10     12
# not zeroed      0.4    0.2   0.07   0.05   0.05    0.2
# zeroed          0.4   0.09   0.06   0.01   4e-5   1e-6
# best constant  0.08
# ```
#
# ![The loss with and without the missing line, and the swing beside its closed form](../figures/21_zero_grad.png)
#
# **The one measurement**: look at the gradients just *before* `backward()`, from the second step on. They must be 0 or
# `None`. From outside it shows as well: a tenth of the learning rate ends an overshoot, but this swing is as high as
# before and $\sqrt{10}$ times as long.
#
# ## The claim
#
# In PyTorch `loss.backward()` *adds* to the gradients that are there; `optimizer.zero_grad()` empties them. The loop
# that was posted in answer to the question why an autoencoder cannot reach zero loss, as it circulates, lacks that
# line. So each step applies not the gradient but the sum of all gradients so far. Here that loop trains the answer's
# smallest network (Q4b: linear 2–2–2, uniform data, squared error, batches of 128). On trial, none of it claimed there:
# two consecutive applied gradients differ by exactly the fresh one; plain gradient descent swings without damping, with
# the period $2\pi/\arccos(1 - lr\,h/2)$ along a direction of curvature $h$; without the line the network does not train
# and with it Adam at 1e-3 passes 1e-5, the loop's goal.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from scratchdae import floors, posted, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import uniform
from scratchdae.optimizers import SGD, Adam
from scratchdae.plots import BLUE, GREY, ORANGE, floor_line

chapter = Chapter.begin("21_zero_grad")
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))

N, BATCH_SIZE, GOAL = 30_000, 128, 1e-5  # the goal is the tolerance of the posted loop
EPOCHS, SOON = 40, 12  # of thirty seeds the slowest needs 29; how many show that without the line nothing is reached
LR, DESCENT_LR = 1e-3, 0.1  # Adam's, and that of plain gradient descent on the same network
SWING_LR, SWING_STEPS = 0.05, 500  # of gradient descent on one linear layer

# %% [markdown]
# ## The run: the loop, by hand
#
# The library has no such state, and so nothing to forget; this loop brings it in.


# %%
def loop(params, gradient, rule, lr, steps, zeroed):
    """Train as PyTorch does; yield the parameters and the gradient that was applied, step by step."""
    total = {name: np.zeros_like(value) for name, value in params.items()}
    state = rule.init(params)
    for step in range(steps):
        if zeroed:
            total = {name: np.zeros_like(value) for name, value in params.items()}  # optimizer.zero_grad()
        for name, fresh in gradient(params, step).items():
            total[name] += fresh  # loss.backward()
        params, state = rule.update(params, total, state, lr)  # optimizer.step()
        yield params, total


def flat(arrays):
    return np.concatenate([array.ravel() for array in arrays.values()])


def train(seed, rule, lr, epochs, *, zeroed):
    """Train the posted network; return its loss by epoch, and by how much applied gradients miss the sum rule."""
    network = posted.NETWORKS["q4b"].model(seed)
    x, shuffling = uniform(N, 2, np.random.default_rng([seed, 1])), streams(seed).shuffling
    batches = -(-N // BATCH_SIZE)
    fresh_gradients, order = [], None

    def gradient(params, step):
        nonlocal order
        if step % batches == 0:
            order = shuffling.permutation(N)
        rows = order[step % batches * BATCH_SIZE :][:BATCH_SIZE]
        grads = network.loss_and_grads(params, x[rows], x[rows])[1]
        fresh_gradients.append(flat(grads))
        return grads

    losses, misses, before = [float(network.loss(network.params, x, x))], [], 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # one of the runs overflows
        for step, (params, applied) in enumerate(loop(network.params, gradient, rule, lr, epochs * batches, zeroed)):
            now, fresh = flat(applied), fresh_gradients.pop()
            misses.append(float(np.abs(now - before - fresh).max() / np.abs(now).max()) if 0 < step < batches else 0)
            before = now
            if (step + 1) % batches == 0:
                losses.append(float(network.loss(params, x, x)))
    return {"losses": np.array(losses), "misses": np.array(misses)}


as_it_circulates, with_the_missing_line = partial(train, zeroed=False), partial(train, zeroed=True)
broken = {seed: as_it_circulates(seed, Adam(), LR, SOON if chapter.quick else EPOCHS) for seed in SEEDS}
repaired = {seed: with_the_missing_line(seed, Adam(), LR, EPOCHS) for seed in SEEDS}
broken_descent = {seed: as_it_circulates(seed, SGD(), DESCENT_LR, SOON)["losses"][-1] for seed in SEEDS}
repaired_descent = {seed: with_the_missing_line(seed, SGD(), DESCENT_LR, SOON)["losses"][-1] for seed in SEEDS}
x = uniform(N, 2, np.random.default_rng([chapter.seed, 1]))
constant = floors.constant(x)
back = {seed: float(broken[seed]["losses"][5 : SOON + 1].max()) for seed in SEEDS}
reached = {seed: int(np.argmax(repaired[seed]["losses"] < GOAL)) for seed in SEEDS}
for seed in SEEDS:
    print(f"seed {seed}, not zeroed: {', '.join(f'{loss:.2g}' for loss in broken[seed]['losses'][: SOON + 1])}")
    print(f"seed {seed}, zeroed:     {', '.join(f'{loss:.2g}' for loss in repaired[seed]['losses'][: SOON + 1])}")
    print(f"  zeroed {GOAL:g} in epoch {reached[seed]}; gradient descent, not zeroed: {broken_descent[seed]}")

# %% [markdown]
# And the same bug where every step can be computed: one linear layer, $z = xW$, all the data in every step, gradient
# descent from $W = 0$. The loss $E\,|xW - x|^2$ has the curvatures $h_i = 2\lambda_i$, with $\lambda_i$ the eigenvalues
# of $S = E[x x^\top]$; for two uniform columns $\tfrac1{12} + \tfrac12$ along $(1, 1)$ and $\tfrac1{12}$ across.

# %%
S = x.T @ x / N
moments, directions = np.linalg.eigh(S)
curvatures = 2 * moments
t = np.arange(SWING_STEPS + 1)


def swing(lr, zeroed=False, steps=SWING_STEPS):
    """Return the error W − 1 along each direction, by step, from its first value −1 on."""

    def gradient(params, step):
        del step
        return {"W": 2 * S @ (params["W"] - np.eye(2))}

    rows = [params["W"] for params, _ in loop({"W": np.zeros((2, 2))}, gradient, SGD(), lr, steps, zeroed)]
    errors = np.array([np.zeros((2, 2)), *rows]) - np.eye(2)
    return np.einsum("di,tde,ei->ti", directions, errors, directions)


def closed_form(lr, h, t):
    """Return the undamped oscillation from −1, with the first step a plain gradient step."""
    omega = np.arccos(1 - lr * h / 2)
    return -np.cos(omega * (t + 0.5)) / np.cos(omega / 2)


def period(lr, h):
    return 2 * np.pi / np.arccos(1 - lr * h / 2)


swings = {lr: swing(lr) for lr in (SWING_LR, SWING_LR / 10)}
damped = swing(SWING_LR, zeroed=True)
form_error = max(
    float(np.abs(e[:, i] - closed_form(lr, h, t)).max()) for lr, e in swings.items() for i, h in enumerate(curvatures)
)
amplitude = {lr: float(np.abs(e[SWING_STEPS // 2 :, 1]).max()) for lr, e in swings.items()}
beyond = swing(4.1 / curvatures[1], steps=200)[:, 1]
growth, measured_growth = max(abs(np.roots([1, 4.1 - 2, 1]))), abs(beyond[200] / beyond[150]) ** (1 / 50)
print(f"best constant {constant:.4f}; error of the closed form {form_error:.1e}; heights of the swing {amplitude}")

# %% [markdown]
# ## The check

# %%
for seed in SEEDS:
    miss, right_miss = broken[seed]["misses"].max(), repaired[seed]["misses"].max()
    assert miss < 1e-14, f"applied gradients must differ by exactly the fresh one, found {miss:.1e}"
    assert right_miss > 0.5, f"zeroed, they miss it by the size of a gradient, found {right_miss:.2f}"
    least = broken[seed]["losses"].min()
    assert least > 100 * GOAL, f"seed {seed}: not zeroed it must never come near {GOAL:g}, found {least:.1e}"
    assert back[seed] > constant / 2, f"seed {seed}: and come back to the constant {constant:.3f}: {back[seed]:.3f}"
    end = repaired[seed]["losses"][-1]
    assert end < GOAL, f"seed {seed}: zeroed, {EPOCHS} epochs must do, found {end:.1e}"
    gone = broken_descent[seed]
    assert not np.isfinite(gone), f"plain gradient descent must diverge if not zeroed, found {gone:.3g}"
    assert repaired_descent[seed] < constant, f"and learn in the zeroed loop, found {repaired_descent[seed]:.3g}"
assert form_error < 1e-10, f"every step must be on the closed form, off by {form_error:.1e}"
slowdown = period(SWING_LR / 10, curvatures[1]) / period(SWING_LR, curvatures[1])
assert abs(slowdown / np.sqrt(10) - 1) < 0.02, f"a tenth of lr must lengthen the period by √10: {slowdown:.3f}"
assert all(0.99 < height < 1.02 for height in amplitude.values()), f"the swing must not shrink, found {amplitude}"
assert np.abs(damped[-1]).max() < 0.05, f"zeroed, gradient descent must be near its goal, found {damped[-1]}"
assert abs(measured_growth / growth - 1) < 1e-3, f"beyond lr h = 4: growth {growth:.4f}, found {measured_growth:.4f}"

# %% [markdown]
# ## The figure

# %%
figure, (run_ax, swing_ax) = plt.subplots(1, 2, figsize=(9, 4.3), layout="constrained")
for run, color, marker in ((broken, ORANGE, "s-"), (repaired, BLUE, "o-")):
    run_ax.semilogy(run[chapter.seed]["losses"][:26], marker, color=color, markersize=4)
run_ax.text(1, 4, "not zeroed, as it circulates", color=ORANGE)
run_ax.text(reached[chapter.seed] + 1, GOAL, "zeroed", color=BLUE)
floor_line(run_ax, constant)
run_ax.text(25, constant / 10, "dotted: best constant", ha="right")
run_ax.set(xlabel="epoch", ylabel="mean squared error", ylim=(1e-12, 30))
run_ax.xaxis.set_major_locator(MaxNLocator(integer=True))
run_ax.set_title("Adam at 1e-3: one missing line, and the\nloss keeps coming back to the constant", fontsize=11)

shown, h = slice(0, 101), curvatures[1]
swing_ax.plot(t[shown], closed_form(SWING_LR, h, t[shown]), "k-", linewidth=1)
swing_ax.plot(t[shown][::2], swings[SWING_LR][shown, 1][::2], "s", color=ORANGE, markersize=4)
swing_ax.plot(t[shown], swings[SWING_LR / 10][shown, 1], ":", color=GREY, linewidth=2.5)
swing_ax.plot(t[shown], damped[shown, 1], "-", color=BLUE, linewidth=2)
swing_ax.text(0, 1.4, "squares: not zeroed; line: closed form", color=ORANGE)
swing_ax.text(0, 1.15, "dotted: not zeroed, a tenth of the rate", color="0.4")
swing_ax.text(0, 1.65, "zeroed", color=BLUE)
swing_ax.set(xlabel="step", ylabel="error of W along (1, 1)", ylim=(-1.15, 1.95))
swing_ax.set_title(f"One linear layer: a swing of {period(SWING_LR, h):.1f} steps,\nwhich nothing damps", fontsize=11)

# %% [markdown]
# ## The cause
#
# Let $x$ be the error in a direction of curvature $h$. The step applies the sum of all gradients so far:
# $x_{t+1} - x_t = -lr \sum_{s \le t} h\,x_s$. Subtract the same line for $t - 1$; the sum telescopes:
#
# $$ x_{t+1} = 2x_t - x_{t-1} - lr\,h\,x_t. $$
#
# That is Newton's law for a mass on a spring, $\ddot x = -lr\,h\,x$, in discrete time: the sum of gradients is a
# velocity. $x_t = \cos \omega t$ is a solution if $2\cos\omega = 2 - lr\,h$. The period is $2\pi/\omega$, for small
# $lr\,h$ about $2\pi/\sqrt{lr\,h}$, and nothing damps. Beyond $lr\,h = 4$ the swing grows. It is also the heavy ball
# with $\beta = 1$. PyTorch, Keras and optax take that momentum without a word; this library refuses it.
#
# **Does it diverge?** Plain gradient descent does: with two layers, batches and the rate 0.1 the loss is `nan` within a
# few epochs. Batch noise is summed up too, so the swing gains energy, until the curvature at its turning points, which
# is not constant in a product of two layers, is too large. With Adam it does *not* diverge: its steps have at most a
# few learning rates whatever the gradient is. The loss wanders around the best constant for as long as one looks.

# %% [markdown]
# ## The cure in PyTorch
#
# `model`, `loss_fn`, `optimizer`, `loader` and `epochs` are yours. Call `held()` before `backward()`: it must be 0.
#
# ```python
# def held():
#     return sum(float(p.grad.abs().sum()) for p in model.parameters() if p.grad is not None)
#
# for _ in range(epochs):
#     for batch in loader:
#         optimizer.zero_grad()  # the missing line
#         assert held() == 0
#         loss = loss_fn(model(batch), batch)
#         loss.backward()
#         optimizer.step()
# ```
#
# ## The cure in Keras
#
# `fit` as it comes cannot forget, and JAX and TensorFlow return gradients in place of keeping them. A `train_step` of
# your own can, where Keras computes with PyTorch. `layers` is a function that returns the layers of your network.
#
# ```python
# import keras
# import torch
#
# class Zeroed(keras.Sequential):
#     def train_step(self, data):
#         self.zero_grad()  # the missing line; then the measurement
#         assert all(w.value.grad is None for w in self.trainable_weights)
#         loss = self.compute_loss(data[0], data[1], self(data[0], training=True))
#         loss.backward()
#         with torch.no_grad():
#             self.optimizer.apply([w.value.grad for w in self.trainable_weights], self.trainable_weights)
#         self.metrics[0].update_state(loss)  # what fit prints
#         return self.get_metrics_result()
#
# repaired = Zeroed(layers())
# ```

# %% [markdown]
# ## Exercises
#
# 1. Which learning rate makes the loop swing with period 4?
# 2. Some people call `zero_grad` and `step` every $n$-th time only, on purpose. What do they do?
# 3. The gradient of each batch has noise of variance $s^2$. How fast does the swing of plain gradient descent grow?
#
# ### Answers
#
# 1. $\omega = \pi/2$, so $1 - lr\,h/2 = 0$ and $lr = 2/h$: where plain gradient descent stops converging.
# 2. They step with the sum of $n$ batches, at $n$ times the rate of their mean. Sound; the bug is to step in between.
# 3. The noise pushes the spring by $-lr\,\xi_t$; $n$ steps later that is $\sin(\omega n)/\sin\omega$ times as much.
#    From rest $E\,x_t^2 \approx lr^2 s^2\,t\,/\,(2\sin^2\omega)$: the energy grows in proportion to $t$, without end.

# %%
print("Gradients that are never zeroed swing without damping, as high at a tenth of the learning rate.")
print("Your own network: look at the gradients before backward(). If they are not 0, call zero_grad() there.")
chapter.finish(
    figure,
    {
        "best_constant": constant,
        "not_zeroed": {str(seed): run["losses"] for seed, run in broken.items()},
        "zeroed": {str(seed): run["losses"] for seed, run in repaired.items()},
        "zeroed_passes_1e-5_in_epoch": reached,
        "error_of_the_closed_form": form_error,
    },
)
