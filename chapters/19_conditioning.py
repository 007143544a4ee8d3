# %% [markdown]
# # First fast, then crawling: data away from zero cost 1 + 3d, and centring them costs one line
#
# In the first step the loss drops by three quarters. Then it crawls. It is not noise: the curve is smooth. It is not a
# rate too low: at a little over twice the rate it explodes. It is not the floor: a hundred times as many steps do get
# there.
#
# *Failure modes: F05 · advice: plain gradient descent against adaptive, Adam or RMSprop*

# %% [markdown]
# ## The claim
#
# Gradient descent on a quadratic needs about as many steps as its *condition number*, the largest curvature over the
# smallest. Who asks why an autoencoder does not train is advised to take Adam or RMSprop in place of plain gradient
# descent (Q2, Q3). On trial:
#
# 1. uniform data in $[0, 1]^d$, not centred, have the condition number $1 + 3d$; centred, they have 1;
# 2. what repairs it: centring, whitening, momentum ($\sqrt{1 + 3d}$ in place of $1 + 3d$), RMSprop, Adam;
# 3. Adam and RMSprop are better than plain gradient descent.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import NonFiniteError, Sequential, evaluate, fit, floors, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float, uniform
from scratchdae.layers import Dense, ReLU
from scratchdae.optimizers import SGD, Adam, RMSprop
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("19_conditioning")

D, T = 100, 100  # dimensions, and steps
SIZES = (3, 10, 30) if chapter.quick else (3, 10, 30, 100)
GOAL = 0.01  # of the best constant's loss
ADAPTIVE_RATES = (3e-3, 1e-2, 3e-2, 1e-1)

CODE, BATCH_SIZE = 16, 50
N_TRAIN, EPOCHS = (1000, 10) if chapter.quick else (2000, 15)
DECADES = (0.5, 1.0) if chapter.quick else (-0.5, 0.0, 0.5, 1.0, 1.5)
RULES = {  # the rule, the middle of the rates that are tried, and the rate that libraries have for a default
    "gradient descent": (SGD(), 1.0, 0.01),
    "momentum 0.9": (SGD(momentum=0.9), 0.1 * 10**0.5, 0.01),
    "RMSprop": (RMSprop(), 1e-3 / 10**0.5, 1e-3),
    "Adam": (Adam(), 1e-3, 1e-3),
}

# %% [markdown]
# ## The run: a linear autoencoder
#
# $z = xW$ and the mean squared error have the curvatures $h_i = 2\lambda_i/d$, with $\lambda_i$ the eigenvalues of the
# second moment $S = E[xx^\top]$. The floor is 0, at $W = I$. The expectation is exact here; nothing is sampled.


# %%
def second_moment(d):
    """Return S of uniform data that were not centred: 1/12 on the diagonal, and 1/4 everywhere."""
    return np.eye(d) / 12 + 0.25


def covariance(d):
    """Return S of the same data, centred."""
    return np.eye(d) / 12


def descend(S, rule, lr, steps=T):
    """Train from W = 0; return the loss at each step, in units of the best constant's, 1/12."""
    d = len(S)
    params = {"W": np.zeros((d, d))}
    state, losses = rule.init(params), []
    for step in range(steps + 1):
        rest = params["W"] - np.eye(d)
        slope = S @ rest
        losses.append(float(np.vdot(rest, slope)) / d * 12)
        if step < steps and losses[-1] > 1e-20:
            params, state = rule.update(params, {"W": 2 / d * slope}, state, lr)
    return np.array(losses)


def best_rate(S):
    """Return the largest rate that overshoots in no direction: one over the largest curvature."""
    return len(S) / (2 * np.linalg.eigvalsh(S)[-1])


def as_they_are(d=D):
    """Broken: the data as they are, in 0 … 1."""
    return descend(second_moment(d), SGD(), best_rate(second_moment(d)))


def centred(d=D):
    """Repaired: the mean is subtracted. The rule for the rate is the same."""
    return descend(covariance(d), SGD(), best_rate(covariance(d)))


def heavy_ball(d=D, steps=T):
    """Repaired in another way: Polyak's momentum and rate for this condition number."""
    root = np.sqrt(1 + 3 * d)
    smallest = 2 / (12 * d)
    momentum, lr = ((root - 1) / (root + 1)) ** 2, 4 / (smallest * (root + 1) ** 2)
    return descend(second_moment(d), SGD(momentum=momentum), lr, steps)


def crawl(d, t):
    """Return the closed form for the data as they are, from step 1 on: only the slow directions are left."""
    return (d - 1) / d * (1 - 1 / (1 + 3 * d)) ** (2 * np.asarray(t))


def steps_to_goal(losses):
    """Return the first step from which the loss stays below the goal; none if it does not."""
    above = np.flatnonzero(losses > GOAL)
    return int(above[-1]) + 1 if above[-1] + 1 < len(losses) else None


raw, repaired = as_they_are(), centred()
doubled = descend(second_moment(D), SGD(), 2.2 * best_rate(second_moment(D)))
needed = {}
for d in SIZES:
    S, limit = second_moment(d), int(2.5 * (1 + 3 * d)) + 20
    runs = {
        "as they are": [descend(S, SGD(), best_rate(S), limit)],
        "centred": [centred(d)],
        "heavy ball": [heavy_ball(d, limit + 100)],
        "RMSprop, best rate": [descend(S, RMSprop(), lr, limit + 300) for lr in (1e-3, *ADAPTIVE_RATES)],
        "Adam, best rate": [descend(S, Adam(), lr, limit + 300) for lr in ADAPTIVE_RATES],
    }
    for name, tried in runs.items():
        reached = [steps for steps in map(steps_to_goal, tried) if steps is not None]
        needed.setdefault(name, {})[d] = min(reached) if reached else None
predicted_steps = {d: np.log(GOAL * d / (d - 1)) / (2 * np.log(1 - 1 / (1 + 3 * d))) for d in SIZES}

sample = uniform(50_000, 10, np.random.default_rng([chapter.seed, 1]))
condition = {
    "measured, d = 10": float(np.linalg.cond(sample.T @ sample / len(sample))),
    "measured, centred": float(np.linalg.cond(np.cov(sample.T))),
}
augmented = np.block([[second_moment(D), np.full((D, 1), 0.5)], [np.full((1, D), 0.5), np.ones((1, 1))]])
trace = 1 / 12 + D / 4 + 1
with_bias = (trace + np.sqrt(trace**2 - 1 / 3)) ** 2 * 3  # λ₊/λ₋ with λ₊ λ₋ = 1/12
condition["with a bias"] = float(np.linalg.cond(augmented))
print(f"condition numbers {condition}; 1 + 3d = {1 + 3 * 10} at d = 10; with a bias {with_bias:.1f} computed")
print(f"loss over the constant's, {T} steps: as they are {raw[-1]:.4f} ({crawl(D, T):.4f}), centred {repaired[-1]:.1e}")
print(f"at 2.2 times the rate: {doubled[-1]:.1e}")
for name, row in needed.items():
    print(f"steps to {GOAL:.0%} of the constant, d = {SIZES}: {list(row.values())}  {name}")
print(f"  computed {[round(float(n), 1) for n in predicted_steps.values()]}")

# %% [markdown]
# ## The run: digits, four rules, best against best
#
# Comparing rules at one rate compares rates. So each rule gets its best of several rates, and besides, the rate that
# libraries give it by default. Two networks with a code of 16: a linear one, whose floor is exact (the trailing
# eigenvalues of the covariance), and a deep one with ReLUs, which may go below that floor. Their loss is given as
# excess over it, in floors. Raw digits, the embedded ones that a program draws, are in 0 … 1; centred ones have the
# mean picture subtracted; the whitened input consists of their 64 leading components, scaled to variance 1, and the
# target is the centred picture.

# %%
images = to_float(digits().x_train[:N_TRAIN]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
about_mean = images - images.mean(axis=0)
variances, directions = np.linalg.eigh(about_mean.T @ about_mean / N_TRAIN)
leading = slice(-64, None)
white = about_mean @ directions[:, leading] / np.sqrt(variances[leading])
floor = float(floors.pca(images)[CODE])
PREPARED = {"raw": (images, images), "centred": (about_mean, about_mean), "whitened": (white, about_mean)}
NETWORKS = {
    "linear": [Dense(CODE), Dense(196)],
    "deep": [Dense(64, "he_normal"), ReLU(), Dense(CODE), Dense(64, "he_normal"), ReLU(), Dense(196)],
}


def final_excess(layers, data, rule, lr):
    """Train and return the excess over the floor of a linear code; infinite if it diverged."""
    x, target = (array.astype(np.float32) for array in PREPARED[data])
    first = streams(chapter.seed).initialisation
    network = Sequential(NETWORKS[layers], x.shape[1:], first, output_shape=(196,), dtype=np.float32)
    options = {"lr": lr, "batch_size": BATCH_SIZE, "optimizer": rule, "seed": chapter.seed, "progress": False}
    try:
        fit(network, x, target, epochs=EPOCHS, backend="numpy", **options)
    except NonFiniteError:
        return np.inf
    return evaluate(network, x, target) / floor - 1


best, default = {}, {}
for layers in NETWORKS:
    for data in ("raw", "centred", "whitened"):
        for name, (rule, middle, usual) in RULES.items():
            tried = [final_excess(layers, data, rule, middle * 10**decade) for decade in DECADES]
            best[layers, data, name] = min(tried)
            if data == "raw":
                default[layers, name] = final_excess(layers, data, rule, usual)
for layers in NETWORKS:
    print(f"{layers}: excess over the floor {floor:.5f} after {EPOCHS} epochs")
    for name in RULES:
        row = ", ".join(f"{data} {best[layers, data, name]:.3f}" for data in PREPARED)
        print(f"  {name}: at its best rate {row}; raw at the default rate {default[layers, name]:.3f}")

# %% [markdown]
# ## The check

# %%
assert abs(raw[-1] / crawl(D, T) - 1) < 1e-9, f"it must crawl as computed, found {raw[-1]} for {crawl(D, T)}"
assert raw[-1] > 0.5, f"after {T} steps it must still have half of the constant's loss, found {raw[-1]:.3f}"
assert repaired[1] < 1e-20, f"centred, one step must do, found {repaired[1]:.1e}"
assert doubled[-1] > 1e6, f"it is no rate too low: 2.2 times the rate must diverge, found {doubled[-1]:.1e}"
for d in SIZES:
    steps = needed["as they are"][d]
    assert steps == int(np.ceil(predicted_steps[d])), f"d = {d}: {steps} steps, computed {predicted_steps[d]:.1f}"
    assert needed["heavy ball"][d] < 7 * np.sqrt(1 + 3 * d), f"d = {d}: heavy ball in {needed['heavy ball'][d]} steps"
last = SIZES[-1]
gain = needed["as they are"][last] / needed["Adam, best rate"][last]
assert gain > 2.5, f"Adam must be several times faster at d = {last}, found {gain:.1f}"
assert abs(condition["measured, d = 10"] / 31 - 1) < 0.06, f"1 + 3d = 31, found {condition['measured, d = 10']:.2f}"
assert condition["measured, centred"] < 1.1, f"centred it is 1, found {condition['measured, centred']:.3f}"
assert abs(condition["with a bias"] / with_bias - 1) < 1e-6, f"with a bias {condition['with a bias']:.1f}"

for layers in NETWORKS:
    worst, good = default[layers, "gradient descent"], best[layers, "raw", "gradient descent"]
    assert worst > 3, f"{layers}: at 0.01 gradient descent must have hardly begun, found {worst:.2f}"
    assert good < 0.3 * worst, f"{layers}: its own best rate must repair most of that, found {good:.2f}"
for name in RULES:
    before, after = best["deep", "raw", name], best["deep", "centred", name]
    assert after < before - 0.1, f"centring must help {name} in the deep network, found {before:.3f} to {after:.3f}"
    assert best["deep", "whitened", name] > after, f"whitening must not help {name} there"
lead = best["deep", "raw", "gradient descent"] - best["deep", "raw", "Adam"]
assert lead > 0.4, f"Adam must beat gradient descent in the deep network, best against best, found {lead:.2f}"

# %% [markdown]
# ## The figure

# %%
figure, (run_ax, size_ax, race_ax) = plt.subplots(1, 3, figsize=(17.5, 5.8), layout="constrained")
t = np.arange(T + 1)
floor_drawn = 1e-4
run_ax.semilogy(t, raw, "s", color=ORANGE, markevery=4, label="as they are")
run_ax.semilogy(t[1:], crawl(D, t[1:]), "k-", linewidth=1, label="closed form (1 − 1/κ)$^{2t}$, κ = 1 + 3d")
run_ax.semilogy(t, np.maximum(repaired, floor_drawn / 10), "o-", color=BLUE, markevery=4, label="centred")
run_ax.semilogy(t, heavy_ball(), "--", color=GREY, label="as they are, heavy ball")
adam = descend(second_moment(D), Adam(), 0.03)
run_ax.semilogy(t, adam, "-.", color="0.3", label="as they are, Adam at 0.03")
run_ax.semilogy(t[:16], doubled[:16], ":", color=ORANGE, linewidth=2, label="as they are, 2.2 times the rate")
run_ax.set(xlabel="step", ylabel="loss over the best constant's", ylim=(floor_drawn, 1e6))
run_ax.set_title(
    f"Linear autoencoder, uniform data, d = {D}: one fast step,\nthen a crawl at the computed pace; centred, one is all"
)
run_ax.legend(loc="upper right", fontsize=9)

sizes = np.geomspace(SIZES[0], SIZES[-1], 100)
computed = np.log(GOAL * sizes / (sizes - 1)) / (2 * np.log(1 - 1 / (1 + 3 * sizes)))
size_ax.loglog(sizes, computed, "k-", linewidth=1, label="closed form, about 2.3 (1 + 3d)")
styles = {
    "as they are": ("s", ORANGE),
    "RMSprop, best rate": ("x", "0.3"),
    "Adam, best rate": ("D", "0.3"),
    "heavy ball": ("^", GREY),
    "centred": ("o", BLUE),
}
for name, (marker, color) in styles.items():
    row = {d: steps for d, steps in needed[name].items() if steps is not None}
    size_ax.loglog(list(row), list(row.values()), marker, color=color, markersize=8, label=name)
size_ax.set(xlabel="dimensions d", ylabel=f"steps until the loss stays below {GOAL:.0%} of the constant's")
size_ax.set_xticks(SIZES, [str(d) for d in SIZES])
size_ax.set_title(
    "Steps grow like 1 + 3d, with the heavy ball like its root;\nRMSprop at a constant rate may never settle"
)
size_ax.legend(loc="lower right", bbox_to_anchor=(1, 0.07), fontsize=9)

rows = [(layers, name) for layers in NETWORKS for name in RULES]
for y, (layers, name) in enumerate(rows):
    values = {data: 1 + best[layers, data, name] for data in PREPARED}
    for data, marker, color in (("raw", "s", ORANGE), ("centred", "o", BLUE), ("whitened", "^", GREY)):
        if np.isfinite(values[data]):
            race_ax.plot(
                values[data], y, marker, color=color, markersize=8, label=f"{data}, best rate" if y == 0 else None
            )
    label = "raw, default rate" if y == 0 else None
    race_ax.plot(1 + default[layers, name], y, "s", color=ORANGE, markerfacecolor="none", markersize=8, label=label)
race_ax.axvline(1, color="black", linestyle="--", linewidth=1)
race_ax.axhline(3.5, color=GREY, linewidth=0.6)
race_ax.set_xscale("log")
race_ax.set_xticks([0.7, 1, 2, 3, 5, 7], ["0.7", "1", "2", "3", "5", "7"])
race_ax.minorticks_off()
race_ax.set_yticks(range(len(rows)), [f"{layers}: {name}" for layers, name in rows])
race_ax.invert_yaxis()
race_ax.set(xlabel="loss over the floor of a linear code of 16, digits")
race_ax.set_title(
    "Best against best: no difference in the linear network,\na clear one in the deep; the default rate decides most"
)
race_ax.legend(loc="lower right", fontsize=9)
for ax in (run_ax, size_ax, race_ax):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# For independent columns with mean $\mu$ and variance $v$, $S = vI + \mu\mu^\top$. Along $\mu$ its eigenvalue is
# $v + |\mu|^2$, in all other directions $v$; for uniform data $\tfrac1{12} + \tfrac d4$ and $\tfrac1{12}$, so
#
# $$ \kappa = \frac{1/12 + d/4}{1/12} = 1 + 3d. $$
#
# The largest curvature limits the rate: at $lr = 1/h_{\max}$ the error along the mean is gone in one step, and each
# other direction is multiplied by $1 - 1/\kappa$. The loss, over the constant's, is $4$ at first, then
# $\frac{d-1}{d}(1 - 1/\kappa)^{2t}$, whose logarithm falls by $2/\kappa$ a step. The large eigenvalue says nothing that
# one would want to know: it says that all numbers are positive.
#
# What tells it from its neighbours: a rate too low gets better with a higher rate, this diverges beyond twice the rate,
# $2/h_{\max}$; a floor does not move, this does; and subtracting the mean, which changes nothing about what there is to
# learn, makes it seven hundred times as fast.
#
# The heavy ball turns $\kappa$ into its root. RMSprop and Adam divide each weight's gradient by its own size. That
# would undo a bad scaling of single columns; here the bad direction is $(1, 1, \dots, 1)$, across all columns, and no
# scaling of columns changes the condition number. Adam is fast nevertheless (113 steps for 691), because its momentum
# damps the swing along the mean while its steps along the others do not shrink with the gradient. RMSprop has no
# momentum: at $d = 100$ none of the rates tried settles below 1 %.
#
# ## What is true of the advice
#
# **In a linear network, best against best, adaptive rules win nothing** (raw digits after 15 epochs, seed 0): gradient
# descent is 3.0 % above the floor, momentum 1.6 %, RMSprop 5.0 %, Adam 2.2 %. What people compare are the default
# rates, and there the advice looks a wonder: 549 %, 253 %, 5.5 %, 18 %. Gradient descent at 0.01 has not moved, since
# the mean over 196 outputs divides its gradient by 196; Adam's steps do not know about that.
#
# **In the deep network they do win**: 59 % and 28 % above the floor for gradient descent and momentum, 1 % and 14 %
# *below* it for RMSprop and Adam. Centring moves every rule down by more than ten points (to 11 %, −5 %, −24 %, −31 %).
# So: centre first, it is free; then Adam or RMSprop for depth; and never judge a rule at one rate.
#
# **Whitening** is the complete cure for a quadratic and no medicine for anything else. It helps plain gradient descent
# a little in the linear network (0.7 % for 1.0 %), and ruins the deep one under all four rules: it makes 64 components
# equally loud, of which the code can keep 16.

# %% [markdown]
# ## Exercises
#
# 1. *A layer with a bias sees the data with a column of ones. Does the bias do the centring?*
#
#    It could, but gradient descent has to find it, and it is worse off: $S$ gets the eigenvalues $\lambda_\pm$ with
#    $\lambda_+ + \lambda_- = \tfrac1{12} + \tfrac d4 + 1$ and $\lambda_+\lambda_- = \tfrac1{12}$. The condition number
#    is about $\tfrac34 d^2$: 8,162 at $d = 100$, where it was 301 without the bias.
#
# 2. *The data are in 0 … 255. What is the condition number?*
#
#    The same. All curvatures are 65,025 times as large, and so the best rate is as many times smaller. Scaling and
#    centring are two things.
#
# 3. *One column is in metres, the others, as spread, in kilometres. What do centring and Adam do?*
#
#    Centring leaves a condition number of 10⁶. Adam divides column by column and removes it.
#
# 4. *Why does a rate of $2/(h_{\max} + h_{\min})$ look worse at first, and is better in the end?*
#
#    It overshoots along the mean by nearly as much as there was, so the loss starts at 4 and not at 1; but all
#    directions shrink by $(\kappa - 1)/(\kappa + 1)$, about $1 - 2/\kappa$ a step in place of $1 - 1/\kappa$.

# %%
chapter.finish(
    figure,
    {
        "condition_number": condition | {"with a bias, computed": with_bias},
        "after_100_steps": {"as_they_are": raw[-1], "closed_form": float(crawl(D, T)), "centred": repaired[-1]},
        "at_2.2_times_the_rate": doubled[-1],
        "steps_to_1_percent": needed | {"closed form": predicted_steps},
        "digits": {
            layers: {
                name: {data: best[layers, data, name] for data in PREPARED if np.isfinite(best[layers, data, name])}
                | {"raw, default rate": default[layers, name]}
                for name in RULES
            }
            for layers in NETWORKS
        },
        "floor": floor,
    },
)
