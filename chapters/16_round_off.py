# %% [markdown]
# # Cross-entropy from probabilities loses a wrong answer to round-off; from logits it does not
#
# The loss falls as it should, for seven epochs. In the eighth it is `nan`, and every weight with it. You halve the
# learning rate and it happens again, later. Or nothing is ever `nan`: a fresh network reports 7 nats per pixel, where
# tossing a coin costs 0.7, and twelve epochs later it reports 0.9 and seems to arrive. It does not. The same weights,
# computed right, began near 30 nats and are still near 10: the report left out what was worst.
#
# Both are one fault, in one line: the sigmoid is computed first, and the logarithm of the result second.
#
# *Failure modes: F25 · networks: Q4g · advice: compute cross-entropy on the logit scale*

# %% [markdown]
# ## The claim
#
# With the logit $z$, the probability $p = s(z) = 1/(1 + e^{-z})$ and the target $t$, two ways to write one loss:
#
# $$ L = -t\log p - (1 - t)\log(1 - p) \quad (1) \qquad\qquad L = \max(z, 0) - zt + \log(1 + e^{-|z|}) \quad (2) $$
#
# Who asked why an autoencoder cannot reach zero loss was told, among other things, to compute cross-entropy on the
# logit scale, because of round-off (Q4g). On trial, exactly:
#
# 1. the sigmoid *is* 1 in float32 from $z = 24\ln 2 = 16.6355$, in float64 from $53\ln 2 = 36.7368$;
# 2. beyond, (1) is $0\cdot(-\infty)$, which is NaN, even where the answer is *right*; a training that is well in every
#    other way dies in the very step in which one logit gets there;
# 3. the frameworks' safeguards make it finite and wrong. Keras' rule is to clip $p$ to $[10^{-7}, 1 - 10^{-7}]$: the
#    loss stops at 15.942 for $t = 0$, at 16.118 for $t = 1$. PyTorch's `BCELoss` keeps the logarithm above $-100$: its
#    loss jumps from 15.94 to 100. Behind the safeguard the gradient is exactly 0, so the worst mistakes are the
#    ones that are never corrected;
# 4. (2) has none of this. Two things that people try, 1e-7 inside the logarithm and float64, have it still.
#
# The rules are written out by hand below. (In Keras on TensorFlow a compiled model finds the sigmoid in its graph and
# quietly uses (2); the rule is what happens elsewhere.)

# %%
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, floors, streams
from scratchdae.activations import sigmoid
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits
from scratchdae.layers import Dense, ReLU, Sigmoid
from scratchdae.losses import cross_entropy
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("16_round_off")

N = 500 if chapter.quick else 2000
H = 128
SMALL = 2 if chapter.quick else 1  # the death of --quick takes every second pixel of every second row
LR = 3e-2 if chapter.quick else 1e-2
EPOCHS = 30 if chapter.quick else 16  # of the run that dies in float32
LONGER = 300 if chapter.quick else 64  # at most: in float64, or with half the learning rate, it dies too, but later
EPOCHS_STUCK = 10 if chapter.quick else 12
BATCH_SIZE = 50
N_SEEDS = 1 if chapter.quick else 3  # the test suite runs --quick with three seeds

BITS = {np.float16: 11, np.float32: 24, np.float64: 53}  # of the significand, with the one that is not stored
THRESHOLD = {dtype: bits * np.log(2) for dtype, bits in BITS.items()}

# %% [markdown]
# ## The run
#
# A rule takes $p$ and $t$ and gives the loss and $\partial L/\partial p$, entry by entry, as the frameworks do. The
# sigmoid's own backward pass then multiplies by $p(1 - p)$, whatever the rule. Only the last one sees $z$.


# %%
def naive(p, t):
    """Broken: (1) as it stands in the textbook."""
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)), (1 - t) / (1 - p) - t / p


def clipped(p, t):
    """Broken: Keras' rule. Where the clip acts, its derivative is 0."""
    low = p.dtype.type(1e-7)
    inside = (p >= low) & (p <= 1 - low)
    loss, dp = naive(np.clip(p, low, 1 - low), t)
    return loss, dp * inside


def clamped(p, t):
    """Broken: the rule of PyTorch's BCELoss; its backward pass has a floor of its own, 1e-12."""
    loss = -(t * np.maximum(np.log(p), -100) + (1 - t) * np.maximum(np.log1p(-p), -100))
    return loss, (p - t) / np.maximum(p * (1 - p), p.dtype.type(1e-12))


def shifted(p, t):
    """Broken: a small number inside the logarithm."""
    epsilon = p.dtype.type(1e-7)
    loss = -(t * np.log(p + epsilon) + (1 - t) * np.log(1 - p + epsilon))
    return loss, (1 - t) / (1 - p + epsilon) - t / (p + epsilon)


def on_probabilities(rule):
    """Apply the sigmoid, then a rule; return the loss of each entry and its gradient with respect to z."""

    def loss_and_gradient(z, t):
        p = sigmoid(z)
        with np.errstate(divide="ignore", invalid="ignore"):
            loss, dp = rule(p, t)
            return loss, dp * (p * (1 - p))

    return loss_and_gradient


def on_logits(z, t):
    """Repaired: (2), and its gradient p − t."""
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))), sigmoid(z) - t


RULES = {rule.__name__: on_probabilities(rule) for rule in (naive, clipped, clamped, shifted)}
RULES["on_logits"] = on_logits

# %% [markdown]
# First without any training: each rule along the logit, and the smallest $z$ whose sigmoid is exactly 1, searched for
# among all floating-point numbers by bisection.


# %%
def first_logit_of_one(dtype):
    """Return the least z for which the sigmoid, computed in this dtype, is 1."""
    low, high = dtype(0), dtype(64)
    while np.nextafter(low, high) < high:
        middle = low + (high - low) / 2
        low, high = (low, middle) if sigmoid(np.array([middle]))[0] == 1 else (middle, high)
    return float(high)


def at(rule, z, t, dtype=np.float32):
    """Return the loss and the gradient of a rule at one logit."""
    loss, gradient = RULES[rule](np.array([z], dtype), np.array([t], dtype))
    return float(loss[0]), float(gradient[0])


one_from = {dtype: first_logit_of_one(dtype) for dtype in BITS}
caps = {"clipped, t = 0": at("clipped", 30, 0), "clipped, t = 1": at("clipped", -30, 1)}
jump = {z: at("clamped", z, 0) for z in (16.6, 16.7)}
right_answer = at("naive", 20, 1)

z_line = np.linspace(10, 24, 1401, dtype=np.float32)
wrong = {name: rule(z_line, np.zeros_like(z_line)) for name, rule in RULES.items()}
exact, _ = on_logits(z_line.astype(np.float64), 0.0)

for dtype, z in one_from.items():
    print(f"{dtype.__name__}: the sigmoid is 1 from z = {z:.7f}; predicted {THRESHOLD[dtype]:.7f}")
print(f"naive, right answer (t = 1, z = 20): loss {right_answer[0]}, gradient {right_answer[1]}")
for name, (loss, gradient) in caps.items():
    print(f"{name}, z = ±30: loss {loss:.4f}, gradient {gradient}")
for z, (loss, gradient) in jump.items():
    print(f"clamped, t = 0, z = {z}: loss {loss:.4f}, gradient {gradient:.4f}")

if find_spec("torch") and not chapter.quick:  # an extra where PyTorch is installed; importing it takes seconds
    import torch

    for target in (0.0, 1.0):
        p = torch.tensor(sigmoid(np.linspace(-120, 30, 3001, dtype=np.float32)), requires_grad=True)
        t = torch.full_like(p, target)
        torch_loss = torch.nn.BCELoss(reduction="none")(p, t)
        torch_loss.sum().backward()
        with np.errstate(divide="ignore"):
            loss, dp = clamped(p.detach().numpy(), t.numpy())
        np.testing.assert_allclose(loss, torch_loss.detach().numpy(), rtol=1e-6)
        np.testing.assert_allclose(dp, p.grad.numpy(), rtol=1e-6)
    print("the rule `clamped` agrees with PyTorch's BCELoss, loss and gradient, to 1e-6")

# %% [markdown]
# Now two trainings of a 784-128-784 autoencoder (ReLU, sigmoid, Adam) on the embedded digits, which a program draws,
# each pixel made 0 or 1.
#
# - **The death**: a well-chosen learning rate, ordinary first weights. `naive` against `on_logits`: same seed, same
#   batches, one change. The naive one runs in float64 as well.
# - **The paralysis**: first weights drawn from N(0, 1), which is what `randn` gives to who forgets to scale it (F10).
#   Half of the first logits lie beyond ±50. Each rule has to find its way back from there.


# %%
def train(rule, x, seed, epochs, dtype=np.float32, init_W="glorot_uniform", lr=LR):
    """Train with a rule, until a loss or a gradient is not finite.

    Returns the true loss of each epoch, which is (2) whatever the rule, and the one that the rule reports; both before
    the first step, on all data; the largest logit of a lit pixel at each step; the step that failed, or None, and the
    true loss on all data then; the fraction of entries that are wrong and have gradient 0 at the end.
    """
    generators, x = streams(seed), x.astype(dtype)
    layers = [Dense(H, init_W), ReLU(), Dense(x.shape[1], init_W), Sigmoid()]
    network = Sequential(layers, x.shape[1:], generators.initialisation, loss="cross_entropy", dtype=dtype)
    params, optimizer = network.params, Adam()
    state = optimizer.init(params)
    losses, reports, largest, failed = [], [], [], None
    z, _ = network.forward(params, x, depth=network.depth)
    before = {"true": float(cross_entropy(z, x, "mean")[0]), "reported": float(RULES[rule](z, x)[0].mean())}
    while failed is None and len(losses) < epochs:
        order, total, reported = generators.shuffling.permutation(len(x)), 0.0, 0.0
        for start in range(0, len(x), BATCH_SIZE):
            t = x[order[start : start + BATCH_SIZE]]
            z, caches = network.forward(params, t, depth=network.depth)
            loss, dz = RULES[rule](z, t)
            largest.append(float(z[t == 1].max()))
            if not (np.isfinite(loss).all() and np.isfinite(dz).all()):
                failed = len(largest)
                break
            total += float(cross_entropy(z, t, "mean")[0]) * len(t)
            reported += float(loss.mean()) * len(t)
            _, grads = network.backward(caches, dz / z.size)
            params, state = optimizer.update(params, grads, state, lr)
        else:
            losses.append(total / len(x))
            reports.append(reported / len(x))
    z, _ = network.forward(params, x, depth=network.depth)
    lost = (np.abs(sigmoid(z) - x) > 0.5) & (RULES[rule](z, x)[1] == 0)
    last = float(cross_entropy(z, x, "mean")[0])
    found = {"losses": losses, "reports": reports, "before": before, "largest": np.array(largest)}
    return found | {"failed": failed, "last": last, "lost": float(lost.mean())}


pictures = (digits().x_train[:N] > 127).astype(np.float64)
small = pictures.reshape(N, 28, 28)[:, ::SMALL, ::SMALL].reshape(N, -1)
constant = floors.constant(pictures, "cross_entropy")

seeds = range(chapter.seed, chapter.seed + N_SEEDS)
death = {(rule, seed): train(rule, small, seed, EPOCHS) for seed in seeds for rule in ("naive", "on_logits")}
double = train("naive", small, chapter.seed, LONGER, np.float64)
slower = train("naive", small, chapter.seed, LONGER, lr=LR / 2)
STUCK = ("clipped", "shifted", "clamped", "on_logits")
stuck = {
    (rule, seed): train(rule, pictures, seed, EPOCHS_STUCK, init_W="normal(1.0)", lr=1e-2)
    for seed in seeds
    for rule in STUCK
}

for seed in seeds:
    run, repaired = death["naive", seed], death["on_logits", seed]
    print(
        f"seed {seed}: naive not finite at step {run['failed']}, largest logit then {run['largest'][-1]:.2f}, before "
        f"{run['largest'][:-1].max():.2f}, true loss {run['last']:.4f}; on logits {repaired['last']:.4f} at the end"
    )
for name, run in (("in float64", double), ("with half the learning rate", slower)):
    print(f"seed {chapter.seed}, naive {name}: not finite at step {run['failed']}, logit {run['largest'][-1]:.2f}")
for rule in STUCK:
    for what, key in (("reported", "reports"), ("true", "losses")):
        begins = ", ".join(f"{stuck[rule, seed]['before'][what]:.1f}" for seed in seeds)
        ends = ", ".join(f"{stuck[rule, seed][key][-1]:.2f}" for seed in seeds)
        print(f"{rule:<10} from N(0, 1), {what} loss: {begins} before, {ends} after {EPOCHS_STUCK} epochs")
    print(f"{'':<10} wrong with gradient 0: at most {max(stuck[rule, seed]['lost'] for seed in seeds):.2%}")
print(f"best constant {constant:.4f} nats per pixel; the floor is 0, for targets that are 0 or 1")

# %% [markdown]
# ## The check
#
# The floor of this loss is the mean binary entropy of the targets, 0 here, so that a loss is its own excess. What tells
# round-off from its neighbours, a learning rate too high (F02) above all: the true loss at the fatal step is finite and
# low; the step is the *first* whose largest logit passes the threshold; in float64 the same run goes on, to die at
# *that* threshold.

# %%
for dtype, z in one_from.items():
    ulps = abs(z - THRESHOLD[dtype]) / np.spacing(dtype(z))
    assert ulps <= 2, f"{dtype.__name__}: 1 from {THRESHOLD[dtype]:.7f} expected within 2 ulp, found {z:.7f}"
assert np.isnan(right_answer).all(), f"naive, t = 1, z = 20 must be 0 · (−inf) = NaN, found {right_answer}"
for name, cap in (("clipped, t = 0", 23 * np.log(2)), ("clipped, t = 1", 7 * np.log(10))):
    loss, gradient = caps[name]
    assert abs(loss - cap) < 2e-6, f"{name}: a loss of {cap:.4f} expected, found {loss:.6f}"
    assert gradient == 0, f"{name}: gradient 0 expected, found {gradient}"
assert abs(jump[16.6][0] - 23 * np.log(2)) < 2e-6, f"clamped, z = 16.6: 15.942 expected, found {jump[16.6][0]}"
assert jump[16.7] == (100, 0), f"clamped, z = 16.7: loss 100 and gradient 0 expected, found {jump[16.7]}"
stable_error = np.abs(wrong["on_logits"][0] / exact - 1).max()
assert stable_error < 3e-7, f"on logits float32 must keep all its digits, lost {stable_error:.1e}"

for seed in seeds:
    run, repaired = death["naive", seed], death["on_logits", seed]
    assert run["failed"], f"seed {seed}: naive must become NaN"
    before, after = run["largest"][:-1].max(), run["largest"][-1]
    assert before < THRESHOLD[np.float32] <= after, (
        f"seed {seed}: logits {before:.4f}, {after:.4f} around the threshold"
    )
    assert run["last"] < 0.2 * constant, f"seed {seed}: it must die in good health, true loss {run['last']:.3f}"
    assert repaired["failed"] is None, f"seed {seed}: (2) must stay finite, step {repaired['failed']} was not"
    assert repaired["last"] < run["last"], f"seed {seed}: (2) must get lower, found {repaired['last']:.4f}"
    assert repaired["largest"].max() > THRESHOLD[np.float32], f"seed {seed}: (2) must pass the threshold unharmed"
    right = stuck["on_logits", seed]["losses"][-1]
    for rule in ("clipped", "shifted", "clamped"):
        ratio = stuck[rule, seed]["losses"][-1] / right
        assert ratio > 5, f"seed {seed}: {rule} must stay above 5 times the loss of (2), found {ratio:.1f}"
        assert stuck[rule, seed]["lost"] > 0.01, f"seed {seed}: {rule} must leave wrong entries without gradient"
    assert stuck["on_logits", seed]["lost"] == 0, f"seed {seed}: on logits no wrong entry is without gradient"
    run, honest = stuck["clipped", seed], stuck["on_logits", seed]
    hidden = run["losses"][-1] / run["reports"][-1]
    assert hidden > 5, f"seed {seed}: the clip must report a fraction of the true loss, which is {hidden:.1f} times it"
    assert run["before"]["true"] > 3 * run["before"]["reported"], f"seed {seed}: before any step too: {run['before']}"
    off = abs(honest["reports"][-1] / honest["losses"][-1] - 1)
    assert off < 1e-6, f"seed {seed}: on logits the report is the true loss, off by {off:.1e}"
for dtype, run in ((np.float64, double), (np.float32, slower)):
    before, after = run["largest"][:-1].max(), run["largest"][-1]
    assert run["failed"], f"{dtype.__name__}: it must become NaN, only later; the largest logit was {after:.2f}"
    assert before < THRESHOLD[dtype] <= after, f"{dtype.__name__}: dies at {after:.4f}, after {before:.4f}"
    assert run["failed"] > death["naive", chapter.seed]["failed"], f"later than before, found step {run['failed']}"

# %% [markdown]
# ## The figure

# %%
figure, axes = plt.subplot_mosaic([["loss", "logit", "stuck"], ["gradient", "curve", "stuck"]], figsize=(17, 9.5))
figure.set_layout_engine("constrained")
styles = {  # colour, line, marker, width, label
    "on_logits": (BLUE, "-", "o", 5, "on logits (2)"),
    "naive": (ORANGE, "-", "", 2, "naive (1): infinite, gradient NaN"),
    "clamped": ("0.3", "--", "D", 2, "logarithm held at −100 (PyTorch's BCELoss)"),
    "clipped": (ORANGE, ":", "s", 2, "p clipped to [1e-7, 1 − 1e-7] (Keras' rule)"),
    "shifted": (GREY, "-.", "^", 2, "1e-7 inside the logarithm"),
}
for name, (color, style, _, width, label) in styles.items():
    loss, gradient = wrong[name]
    loss = np.where(np.isfinite(loss), loss, np.nan)
    axes["loss"].plot(z_line, loss, style, color=color, linewidth=width, alpha=0.8, label=label)
    axes["gradient"].plot(z_line, gradient, style, color=color, linewidth=width, alpha=0.8)
for name in ("loss", "gradient"):
    axes[name].axvline(THRESHOLD[np.float32], color="k", linestyle=":", linewidth=1)
    axes[name].set(xlabel="logit z of a pixel that should be 0", xlim=(10, 24))
axes["loss"].set(yscale="log", ylim=(9, 330), ylabel="loss of the pixel (nats)")
axes["loss"].set_yticks([10, 16, 24, 50, 100], ["10", "16", "24", "50", "100"])
axes["loss"].minorticks_off()
axes["loss"].text(16.4, 55, "24 ln 2 = 16.6355:\np is exactly 1", ha="right")
axes["loss"].set_title("From probabilities the loss of a wrong pixel\nends at infinity, at 100 or at 16")
axes["loss"].legend(loc="upper left", fontsize=9)
axes["gradient"].set(ylabel="gradient with respect to z", ylim=(-0.1, 1.3))
axes["gradient"].text(17.2, 0.05, "all three safeguards: exactly 0", color="0.3")
axes["gradient"].text(17.2, 1.06, "on logits: p − t, still 1", color=BLUE)
axes["gradient"].set_title("Where the answer is most wrong,\nno gradient is left to correct it")

for run, dtype, color, style, width, label in (
    (death["on_logits", chapter.seed], np.float32, BLUE, "-", 5, "on logits, float32"),
    (double, np.float64, "0.3", "--", 1, "naive, float64"),
    (death["naive", chapter.seed], np.float32, ORANGE, "-", 1.5, "naive, float32"),
):
    line = {"color": color, "linestyle": style, "linewidth": width, "label": label}
    steps, epochs = np.arange(1, len(run["largest"]) + 1), np.arange(1, len(run["losses"]) + 1)
    axes["logit"].plot(steps, run["largest"], **line, alpha=0.4 if width == 5 else 1)
    axes["curve"].semilogy(epochs, run["losses"], **line, alpha=0.4 if width == 5 else 1)
    if run["failed"]:
        axes["logit"].plot(run["failed"], run["largest"][-1], "X", color=color, markersize=12, zorder=5)
        axes["curve"].plot(epochs[-1], run["losses"][-1], "X", color=color, markersize=12, zorder=5)
        axes["logit"].axhline(THRESHOLD[dtype], color="k", linestyle=":", linewidth=1)
        axes["logit"].text(
            run["failed"], THRESHOLD[dtype] + 2.2, f"NaN at step {run['failed']}", ha="right", color=color
        )
        axes["logit"].text(0, THRESHOLD[dtype] + 0.4, f"{BITS[dtype]} ln 2")
axes["logit"].set(xlabel="step", ylabel="largest logit of a lit pixel", ylim=(0, 42))
axes["logit"].set_title("Naive training dies in the step in which\none logit passes the threshold")
axes["curve"].axhline(constant, color=GREY, linestyle="--", linewidth=1, label="best constant")
axes["curve"].set(xlabel="epoch", ylabel="true cross-entropy, training (nats per pixel)")
axes["curve"].set_title("× the last epoch before NaN:\nthe loss tells nothing beforehand")
axes["logit"].legend(loc="lower right")
axes["curve"].legend(loc="upper right", bbox_to_anchor=(1, 0.95))

for rule in STUCK:
    color, style, marker, _, label = styles[rule]
    for seed in seeds:
        losses = stuck[rule, seed]["losses"]
        label = f"{losses[-1]:.2f}  {label}" if seed == chapter.seed else None
        axes["stuck"].semilogy(range(1, EPOCHS_STUCK + 1), losses, style + marker, color=color, label=label)
reports = [stuck["clipped", chapter.seed]["before"]["reported"], *stuck["clipped", chapter.seed]["reports"]]
label = f"{reports[-1]:.2f}  what the clip reports of its own"
axes["stuck"].semilogy(range(EPOCHS_STUCK + 1), reports, ":", color=ORANGE, linewidth=3.5, label=label)
axes["stuck"].axhline(constant, color=GREY, linestyle="--", linewidth=1)
axes["stuck"].text(EPOCHS_STUCK, 0.93 * constant, "best constant", ha="right", va="top", color="0.35")
axes["stuck"].set(xlabel="epoch", ylabel="true cross-entropy, training (nats per pixel)", ylim=(0.15, 60))
axes["stuck"].set_title(
    "From first weights N(0, 1) only the loss on logits\nfinds its way back; the clip reports that it does"
)
axes["stuck"].legend(title=f"after epoch {EPOCHS_STUCK}, seed {chapter.seed}", loc="upper right", fontsize=9)
for ax in axes.values():
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **Where 24 ln 2 comes from.** A float32 has 24 bits. Above 1 the next number is $1 + 2^{-23}$, so that $1 + e^{-z}$ is
# rounded to 1 as soon as $e^{-z} \le 2^{-24}$ (the tie goes to the even neighbour, 1): from $z = 24\ln 2$. With 53 bits
# it is $53\ln 2$, with the 11 of float16 already $11\ln 2 = 7.62$. Just before, $1 + e^{-z}$ is rounded to
# $1 + 2^{-23}$ and $p$ is $1 - 2^{-23}$: no larger $p$ but 1 itself ever comes out, so the last finite loss at $t = 0$
# is $23\ln 2 = 15.942$. And $1 - 10^{-7}$, which is no float32, is rounded to the same $1 - 2^{-23}$: hence Keras'
# ceiling of $15.942$ on this side and of $-\log 10^{-7} = 16.118$ on the other.
#
# **Why a right answer is the first to die.** At $t = 1$ the factor $1 - t$ is 0 and the logarithm $-\infty$. With
# targets that are exactly 0 or 1 the loss has no minimum: right logits go on growing, and a well-trained network is
# bound to pass any threshold. Black pixels are safe for longer: floating-point numbers are dense near 0, and $p = e^z$
# keeps its digits down to $2^{-150}$, which is $z = -103.97$. Seed 0 dies at step 311, after seven whole epochs, with
# the largest logit at 17.36 and at most 16.49 before; the true loss of those very weights is 0.033, an eighth of the
# best constant's. That is how to know it: *compute the loss again, from the logits.* A divergence (F02) has a large
# loss there. In float64 the run goes on to step 1030 and dies at 37.23; with half the learning rate it dies at step
# 478. Both are postponements.
#
# **Why the safeguards paralyse.** By the chain rule
#
# $$ \frac{\partial L}{\partial z} = \frac{p - t}{p(1 - p)}\cdot p(1 - p). $$
#
# The two factors cancel. (2) lets them cancel in algebra and keeps $p - t$; (1) leaves it to the machine, which forms
# $\infty\cdot 0$. A clip makes the first factor 0, a clamp makes it finite and the second is 0 anyway: the product is 0
# where it should be $\pm1$. `BCELoss` has one more such place: its backward pass divides by no less than $10^{-12}$, so
# that for $t = 1$ the gradient fades as $10^{12} e^{z}$ from $z = -27.6$ on, while the loss is still right.
#
# **What one sees, and what there is.** From N(0, 1) half of the first logits lie beyond ±50. Each of them that is wrong
# costs its size, about 30 nats on average over all pixels; the clip charges 16 at most and reports 7. In twelve epochs
# the report falls below 1, as that of a training does that is nearly done, while 10 are left. Entries that are wrong
# *and* have no gradient are then still 5.6 % of all, and they cost most of it; `BCELoss`' rule ends at 3.7, (2) at
# 0.29. It is the same network, the same batches, the same Adam. (1e-7 inside the logarithm does as the clip: it is one
# by another name.) So do not judge a loss by the one that trains: compute it from logits, on the side. Not that (2)
# repairs the first weights: 0.29 after twelve epochs is still above the best constant, 0.26, where ordinary weights get
# to 0.015 in sixteen. That is another failure, F10.
#
# A small network may get away with it: shared weights move, and carry a pixel without gradient back into sight. Do
# not count on it.

# %% [markdown]
# ## Exercises
#
# 1. *From which logit is the sigmoid exactly 1 in bfloat16, with 8 bits?*
#
#    $8 \ln 2 = 5.55$, which is the logit of $p = 0.996$. In mixed precision compute this loss in float32, and from
#    logits.
#
# 2. *Train `naive` on grey levels in place of zeros and ones. Does it still die?*
#
#    If it overshoots. A target $t$ strictly inside has its minimum at the finite logit $\log t/(1 - t)$; for $t =
#    254/255$ it is 5.5. But the pixels that are exactly 255 remain, and one of them is enough.
#
# 3. *(2) is also $\log(1 + e^z) - zt$. Why not write that?*
#
#    $e^z$ overflows in float32 from 88.7 and the loss is infinite; and at $t = 1$ and large $z$ two numbers of size $z$
#    are subtracted to give $e^{-z}$, which leaves nothing of it.

# %%
chapter.finish(
    figure,
    {
        "sigmoid_is_one_from": {dtype.__name__: z for dtype, z in one_from.items()},
        "predicted": {dtype.__name__: z for dtype, z in THRESHOLD.items()},
        "caps": {name: loss for name, (loss, _) in caps.items()},
        "clamped_loss_at": {str(z): loss for z, (loss, _) in jump.items()},
        "relative_error_on_logits": stable_error,
        "death": {
            str(seed): {key: death["naive", seed][key] for key in ("failed", "last", "losses")}
            | {"logits": death["naive", seed]["largest"][-2:], "repaired": death["on_logits", seed]["last"]}
            for seed in seeds
        },
        "death_in_float64": {"failed": double["failed"], "logit": double["largest"][-1]},
        "death_with_half_the_learning_rate": {"failed": slower["failed"], "logit": slower["largest"][-1]},
        "stuck": {
            rule: {
                str(seed): {key: stuck[rule, seed][key] for key in ("before", "reports", "losses", "lost")}
                for seed in seeds
            }
            for rule in STUCK
        },
        "best_constant": constant,
    },
)
