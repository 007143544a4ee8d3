# %% [markdown]
# # Gradients that are never zeroed make training swing for ever, with a period that can be computed
#
# The loss falls quickly, almost to zero. Then it rises again, falls, rises, and so on to the end of time. A smaller
# learning rate makes the swings slower, not smaller. It looks like a learning rate that is too high; but at a tenth of
# it the loss still comes back up, only later.
#
# *Failure modes: F07 · networks: Q4b · advice: lower the learning rate when the loss oscillates*

# %% [markdown]
# ## The claim
#
# In PyTorch `loss.backward()` *adds* to the gradients that are there; `optimizer.zero_grad()` empties them. The loop
# that was posted in answer to the question why an autoencoder cannot reach zero loss, as it circulates, lacks that
# line. So the $t$-th step applies not the gradient but the sum of all gradients so far. Here it trains that answer's
# smallest network (Q4b: linear 2–2–2, uniform data, squared error, batches of 128). On trial, none of it claimed there:
#
# 1. plain gradient descent then follows $x_{t+1} = 2x_t - x_{t-1} - lr\,h\,x_t$ in each direction of curvature $h$: an
#    oscillation without damping, of period $2\pi/\arccos(1 - lr\,h/2)$;
# 2. two consecutive applied gradients differ by exactly the fresh one, as they do under no rule with less than momentum
#    1;
# 3. without the line the network does not train, with it Adam at 1e-3 passes 1e-5, the answer's goal, in 25 epochs.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import floors, posted, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import uniform
from scratchdae.optimizers import SGD, Adam
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("21_zero_grad")
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))

N, BATCH_SIZE = 30_000, 128
EPOCHS = 12 if chapter.quick else 25
LR, DESCENT_LR = 1e-3, 0.1  # Adam's, and that of plain gradient descent on the same network
SWING_LR = 0.05  # of gradient descent on the linear layer
SWING_STEPS = 500
GOAL = 1e-5  # the tolerance of the posted loop

# %% [markdown]
# ## The run: the loop, by hand
#
# What PyTorch's autograd does to `.grad` is one line here: `total[name] += fresh[name]`. The library has no such state,
# and so nothing to forget; the loop brings it in.


# %%
def posted_loop(params, gradient, rule, lr, steps):
    """Broken: as it circulates. Each backward pass adds to the gradients, and nothing empties them."""
    total = {name: np.zeros_like(value) for name, value in params.items()}
    state = rule.init(params)
    for step in range(steps):
        for name, fresh in gradient(params, step).items():
            total[name] += fresh
        params, state = rule.update(params, total, state, lr)
        yield params, total


def zeroed_loop(params, gradient, rule, lr, steps):
    """Repaired: the same loop with the missing line."""
    total = {name: np.zeros_like(value) for name, value in params.items()}
    state = rule.init(params)
    for step in range(steps):
        for array in total.values():
            array[:] = 0  # optimizer.zero_grad()
        for name, fresh in gradient(params, step).items():
            total[name] += fresh
        params, state = rule.update(params, total, state, lr)
        yield params, total


def flat(arrays):
    """Return all arrays as one vector."""
    return np.concatenate([array.ravel() for array in arrays.values()])


def train(seed, loop, rule, lr, epochs=EPOCHS):
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
        for step, (params, applied) in enumerate(loop(network.params, gradient, rule, lr, epochs * batches)):
            now, fresh = flat(applied), fresh_gradients.pop()
            if 0 < step < 2 * batches:
                misses.append(float(np.abs(now - before - fresh).max() / np.abs(now).max()))
            before = now
            if (step + 1) % batches == 0:
                losses.append(float(network.loss(params, x, x)))
    return {"losses": np.array(losses), "misses": np.array(misses)}


broken = {seed: train(seed, posted_loop, Adam(), LR) for seed in SEEDS}
repaired = {seed: train(seed, zeroed_loop, Adam(), LR) for seed in SEEDS}
posted_descent = {seed: train(seed, posted_loop, SGD(), DESCENT_LR, epochs=3)["losses"] for seed in SEEDS}
zeroed_descent = {seed: train(seed, zeroed_loop, SGD(), DESCENT_LR, epochs=3)["losses"] for seed in SEEDS}
x = uniform(N, 2, np.random.default_rng([chapter.seed, 1]))
constant = floors.constant(x)
ends = {seed: float(broken[seed]["losses"][-5:].mean()) for seed in SEEDS}

# The neighbours: the loops are right, and yet the loss swings or grows.
neighbours = {
    "momentum 0.99": train(chapter.seed, zeroed_loop, SGD(momentum=0.99), 0.01, epochs=2),
    "Adam, lr ×300": train(chapter.seed, zeroed_loop, Adam(), 300 * LR, epochs=2),
}

# %% [markdown]
# And the same bug where every step can be computed: one linear layer without a hidden one, $z = xW$, all the data in
# every step, plain gradient descent from $W = 0$. The loss $E\,|xW - x|^2$ has the curvatures $h_i = 2\lambda_i$, with
# $\lambda_i$ the eigenvalues of $S = E[x x^\top]$; for two uniform columns $\tfrac1{12} + \tfrac12$ along $(1, 1)$ and
# $\tfrac1{12}$ across.

# %%
S = x.T @ x / N
moments, directions = np.linalg.eigh(S)
curvatures = 2 * moments


def swing(loop, lr, steps=SWING_STEPS):
    """Return the error W − 1 along each direction, by step, from its first value −1 on."""

    def gradient(params, step):
        del step
        return {"W": 2 * S @ (params["W"] - np.eye(2))}

    rows = [params["W"] for params, _ in loop({"W": np.zeros((2, 2))}, gradient, SGD(), lr, steps)]
    errors = np.array([np.zeros((2, 2)), *rows]) - np.eye(2)
    return np.einsum("di,tde,ei->ti", directions, errors, directions)


def closed_form(lr, h, t):
    """Return the undamped oscillation from −1, with the first step a plain gradient step."""
    omega = np.arccos(1 - lr * h / 2)
    return -np.cos(omega * (t + 0.5)) / np.cos(omega / 2)


def period(lr, h):
    """Return the steps of one swing."""
    return 2 * np.pi / np.arccos(1 - lr * h / 2)


def measured_period(error):
    """Return the mean distance of the upward zero crossings, interpolated."""
    up = np.flatnonzero((error[:-1] < 0) & (error[1:] >= 0))
    crossings = up + error[up] / (error[up] - error[up + 1])
    return float(np.diff(crossings).mean())


def loss_of(errors):
    """Return the mean squared error per component, from the errors along the directions."""
    return (moments * errors**2).sum(axis=1) / 2


t = np.arange(SWING_STEPS + 1)
swings = {lr: swing(posted_loop, lr) for lr in (SWING_LR, SWING_LR / 10)}
damped = swing(zeroed_loop, SWING_LR)
form_error = max(
    float(np.abs(e[:, i] - closed_form(lr, h, t)).max()) for lr, e in swings.items() for i, h in enumerate(curvatures)
)
periods = {
    f"h = {h:.3f}": (measured_period(swings[SWING_LR][:, i]), float(period(SWING_LR, h)))
    for i, h in enumerate(curvatures)
}
slowdown = measured_period(swings[SWING_LR / 10][:, 1]) / measured_period(swings[SWING_LR][:, 1])
amplitude = {lr: float(np.abs(e[SWING_STEPS // 2 :, 1]).max()) for lr, e in swings.items()}
left = float(np.abs(damped[-1]).max())
with np.errstate(over="ignore", invalid="ignore"):
    beyond = swing(posted_loop, 4.1 / curvatures[1], 200)[:, 1]
p = 2 - 4.1
growth = float(max(abs(np.roots([1, -p, 1]))))
measured_growth = float(abs(beyond[200] / beyond[150]) ** (1 / 50))

print(f"best constant {constant:.4f}")
for seed in SEEDS:
    print(
        f"seed {seed}: not zeroed {ends[seed]:.3f} (mean of the last five epochs), "
        f"zeroed {repaired[seed]['losses'][-1]:.1e}; "
        f"applied − previous − fresh: {broken[seed]['misses'].max():.1e}, {np.median(repaired[seed]['misses']):.2f}"
    )
    print(
        f"  plain gradient descent, three epochs: not zeroed {posted_descent[seed][-1]:.3g}, "
        f"zeroed {zeroed_descent[seed][-1]:.2g}"
    )
for name, run in neighbours.items():
    print(f"{name}: applied − previous − fresh {np.median(run['misses']):.2f} (least {run['misses'].min():.2f})")
print(f"periods, measured and computed: {periods}; error of the closed form {form_error:.1e}")
print(f"a tenth of the learning rate: period ×{slowdown:.3f}, amplitude {amplitude}")
print(f"beyond lr h = 4: growth {measured_growth:.4f} a step, computed {growth:.4f}")

# %% [markdown]
# ## The check

# %%
for seed in SEEDS:
    miss, right_miss = broken[seed]["misses"].max(), np.median(repaired[seed]["misses"])
    assert miss < 1e-14, f"applied gradients must differ by exactly the fresh one, found {miss:.1e}"
    assert 0.5 < right_miss < 2, f"zeroed, they miss it by the size of a gradient, found {right_miss:.2f}"
    assert ends[seed] > constant / 2, (
        f"not zeroed it must stay near the constant {constant:.3f}, found {ends[seed]:.3f}"
    )
    end = repaired[seed]["losses"][-1]
    assert end < 1e-4 * ends[seed], f"with the missing line it must converge, found {end:.1e}"
    assert chapter.quick or end < GOAL, f"and within {EPOCHS} epochs pass {GOAL:g}, found {end:.1e}"
    gone = posted_descent[seed][-1]
    assert not np.isfinite(gone), f"plain gradient descent must diverge in the posted loop, found {gone:.3g}"
    assert zeroed_descent[seed][-1] < constant, f"and learn in the zeroed one, found {zeroed_descent[seed][-1]:.3g}"
for name, run in neighbours.items():
    assert run["misses"].min() > 0.05, f"{name} must not obey the sum rule, found {run['misses'].min():.2g}"

assert form_error < 1e-10, f"every step must be on the closed form, off by {form_error:.1e}"
for name, (found, computed) in periods.items():
    assert abs(found / computed - 1) < 1e-3, f"{name}: period {found:.3f}, computed {computed:.3f}"
assert abs(slowdown / np.sqrt(10) - 1) < 0.02, f"a tenth of lr must lengthen the period by √10, found {slowdown:.3f}"
for lr, height in amplitude.items():
    assert 0.99 < height < 1.02, f"the swing must not shrink at lr {lr}, found {height:.3f} of the first error"
assert left < 0.05, f"zeroed, gradient descent must be near its goal, found {left:.3f}"
assert abs(measured_growth / growth - 1) < 1e-3, (
    f"beyond lr h = 4 it must grow by {growth:.4f}, found {measured_growth:.4f}"
)

# %% [markdown]
# ## The figure

# %%
figure, (run_ax, swing_ax, rule_ax) = plt.subplots(1, 3, figsize=(17, 5.6), layout="constrained")
epochs = np.arange(EPOCHS + 1)
run_ax.semilogy(epochs, broken[chapter.seed]["losses"], "s-", color=ORANGE, markersize=4, label="not zeroed, as posted")
run_ax.semilogy(epochs, repaired[chapter.seed]["losses"], "o--", color=BLUE, markersize=4, label="zeroed")
run_ax.axhline(constant, color="black", linestyle=":", linewidth=1)
run_ax.text(EPOCHS, 2.5, "dotted: best constant, 1/12", ha="right")
run_ax.set(xlabel="epoch", ylabel="mean squared error", ylim=(1e-12, 10))
run_ax.set_title("2–2–2 in the posted loop, Adam at 1e-3:\none missing line keeps it at the constant, or worse")
run_ax.legend(loc="lower left")

shown = slice(0, 161, 4)
styles = {1: (ORANGE, "s", "along (1, 1)"), 0: (ORANGE, "^", "across")}
for i, (color, marker, label) in styles.items():
    h = curvatures[i]
    swing_ax.plot(t[:161], closed_form(SWING_LR, h, t[:161]), "k-", linewidth=1, label="closed form" if i else None)
    found = f"not zeroed, {label}: period {period(SWING_LR, h):.1f}"
    swing_ax.plot(t[shown], swings[SWING_LR][shown, i], marker, color=color, markersize=5, label=found)
small = closed_form(SWING_LR / 10, curvatures[1], t[:161])
swing_ax.plot(t[:161], small, ":", color=GREY, linewidth=2.5, label="a tenth of lr, along (1, 1): √10 slower")
swing_ax.plot(t[:161], damped[:161, 1], "--", color=BLUE, linewidth=2, label="zeroed, along (1, 1)")
swing_ax.set(xlabel="step", ylabel="error of W along the direction", ylim=(-1.15, 2.3))
swing_ax.set_title(
    "One linear layer: the swing has no damping, and the period\n2π / arccos(1 − lr·h/2); a smaller rate only slows it"
)
swing_ax.legend(loc="upper right", fontsize=9)

steps = np.arange(1, 1 + len(broken[chapter.seed]["misses"]))
contestants = {
    "Adam at 300 times the rate, zeroed": (neighbours["Adam, lr ×300"], GREY, ":"),
    "momentum 0.99, zeroed": (neighbours["momentum 0.99"], "0.3", "-."),
    "zeroed": (repaired[chapter.seed], BLUE, "--"),
    "not zeroed": (broken[chapter.seed], ORANGE, "-"),
}
for label, (run, color, style) in contestants.items():
    rule_ax.semilogy(steps[::5], np.maximum(run["misses"][::5], 1e-18), style, color=color, label=label)
rule_ax.axhline(2.0**-53, color="black", linestyle="--", linewidth=1)
rule_ax.text(steps[-1], 2.0**-53 * 1.5, "float64: 2⁻⁵³", ha="right", va="bottom")
rule_ax.set(xlabel="step", ylabel="max |applied − previous − fresh| / max |applied|", ylim=(1e-19, 1e4))
rule_ax.set_title(
    "Two applied gradients differ by exactly the fresh one:\nof these four runs in one only, however else they swing"
)
rule_ax.legend(loc="center right")
for ax in (run_ax, swing_ax, rule_ax):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# Let $x$ be the error in a direction of curvature $h$. The step applies the sum of all gradients so far:
# $x_{t+1} - x_t = -lr \sum_{s \le t} h\,x_s$. Subtract the same line for $t - 1$; the sum telescopes:
#
# $$ x_{t+1} = 2x_t - x_{t-1} - lr\,h\,x_t. $$
#
# That is Newton's law for a mass on a spring, $\ddot x = -lr\,h\,x$, in discrete time: the sum of gradients is a
# velocity. Put in $x_t = \cos \omega t$: since $\cos\omega(t + 1) + \cos\omega(t - 1) = 2\cos\omega\cos\omega t$, it is
# a solution if $2\cos\omega = 2 - lr\,h$. The period is $2\pi/\omega$, and nothing damps. For small $lr\,h$ it is
# $2\pi/\sqrt{lr\,h}$, so that a tenth of the learning rate makes it $\sqrt{10}$ times as long. Beyond $lr\,h = 4$
# there is no such $\omega$, and the swing grows.
#
# It is also the heavy ball with $\beta = 1$, in which nothing ever fades. PyTorch, Keras and optax take that momentum
# without a word; this library refuses it.
#
# **Does it diverge?** Plain gradient descent does: with two layers, batches and the rate 0.1 the loss is `nan` within
# three epochs, while the zeroed loop learns. Batch noise is summed up too, so the swing gains energy step by step,
# until the curvature at its turning points, which is not constant in a product of two layers, is too large. With Adam
# it does *not* diverge: its steps have at most a few learning rates whatever the gradient is. The loss wanders around
# the best constant, from half of it to ten times as much with seed 0, for as long as one looks. And with the line put
# in, 1e-5 is passed in about ten epochs, and after 25 round-off is all that is left. How many epochs it takes says more
# about the number of rows, 30,000 here, than about the network. (The answer reports 310 epochs for its larger network.
# Which optimizer and rate it took is lost.)
#
# **The advice** to lower the learning rate helps a loss that swings because the rate is too high (chapter 17). Here it
# stretches the swing. That is a test by itself: at a tenth of the rate an overshoot disappears, a bug does not.

# %% [markdown]
# ## Exercises
#
# 1. *Which learning rate makes the posted loop swing with period 4?*
#
#    $\omega = \pi/2$, so $1 - lr\,h/2 = 0$ and $lr = 2/h$: where plain gradient descent stops converging.
#
# 2. *Some people leave `zero_grad` out on purpose, and call it every $n$-th step together with `step`. What do they
#    do?*
#
#    They step with the sum of $n$ batches: the gradient of a batch $n$ times as large, at $n$ times the rate. That is
#    sound. The bug is to step in between.
#
# 3. *Zero the gradients once an epoch. What happens?*
#
#    Within an epoch it swings; each epoch starts from rest. If an epoch is a small part of a period the error only
#    falls, so it even converges, faster than plain descent. If it is a whole period, it is where it was.
#
# 4. *The gradient of each batch has noise of variance $s^2$. How fast does the swing of plain gradient descent grow?*
#
#    The noise $\xi_t$ pushes the spring: $x_{t+1} = 2x_t - x_{t-1} - lr\,h\,x_t - lr\,\xi_t$. A push answers with
#    $\sin(\omega n)/\sin\omega$ after $n$ steps, so $E\,x_t^2 = lr^2 s^2 \sum_n \sin^2(\omega n)/\sin^2\omega \approx
#    lr^2 s^2\,t\,/\,(2\sin^2\omega)$ from rest at 0: the energy grows in proportion to $t$, without end.

# %%
chapter.finish(
    figure,
    {
        "best_constant": constant,
        "not_zeroed": {str(seed): run["losses"] for seed, run in broken.items()},
        "not_zeroed_last_five_epochs": {str(seed): end for seed, end in ends.items()},
        "zeroed": {str(seed): run["losses"] for seed, run in repaired.items()},
        "first_epoch_below_1e-5": {
            str(seed): int(np.argmax(run["losses"] < GOAL)) if run["losses"][-1] < GOAL else None
            for seed, run in repaired.items()
        },
        "plain_descent_zeroed": {str(seed): losses for seed, losses in zeroed_descent.items()},
        "plain_descent_not_zeroed_finite_epochs": {
            str(seed): int(np.isfinite(losses).sum()) - 1 for seed, losses in posted_descent.items()
        },
        "sum_rule_missed_by": {
            "not_zeroed": max(float(run["misses"].max()) for run in broken.values()),
            "zeroed": float(np.median(repaired[chapter.seed]["misses"])),
            **{name: float(np.median(run["misses"])) for name, run in neighbours.items()},
        },
        "periods": {name: {"measured": found, "computed": computed} for name, (found, computed) in periods.items()},
        "closed_form_error": form_error,
        "period_at_a_tenth_of_the_rate": slowdown,
        "growth_beyond_4": {"measured": measured_growth, "computed": growth},
    },
)
