# %% [markdown]
# # Stuck at 0.5 is solved: cross-entropy stops at the entropy of its targets
#
# Two columns of uniform numbers, a network of 2-2-2 linear units with a sigmoid at the end, cross-entropy, Adam. This
# should be easy: two numbers in, two numbers out. The loss comes down from 0.73 to 0.50 and stays. More epochs, a
# larger learning rate, a wider network: 0.50. With zeros and ones in place of the uniform numbers the same script goes
# to 0.016 and keeps falling. What is wrong with the first?
#
# Nothing. Its reconstructions have a root mean square error of 0.031, and half a nat is what a *perfect* reconstruction
# costs.
#
# *Failure modes: H1, F01 · networks: Q4c, Q4d · advice: mean squared error for continuous, cross-entropy for binary*

# %% [markdown]
# ## The claim
#
# Somebody asked why an autoencoder cannot reach zero loss. The answer boils the question down to this network (Q4c),
# reports that it does not get below about 0.5, and that on random bits it does (Q4d); and it advises the squared error
# for continuous data and cross-entropy for binary data. On trial:
#
# 1. With targets in $[0, 1]$ the least cross-entropy is their mean binary entropy $H_b(x) = -x\ln x - (1-x)\ln(1-x)$
#    (Shannon 1948), reached by $z = x$ and by nothing else. For uniform targets it is exactly ½ nat.
# 2. The posted network, as Q4c is called here, cannot quite be perfect. The best $\sigma(wx + c)$ is not the identity;
#    it stays at 0.50495.
# 3. Random bits have entropy 0 as targets: there the same network converges to 0.
# 4. The advice is half right. Cross-entropy is a proper loss on all of $[0, 1]$: its minimiser is that of the squared
#    error wherever the network can reach it. What misleads is the number, not the loss. So subtract the floor.
#
# The neighbour to tell it from is a run that learns nothing (F01): it sits at $\ln 2 = 0.693$ or above, which looks
# much alike on an axis that begins at zero.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, evaluate, fit, floors, losses, streams
from scratchdae import posted as networks
from scratchdae.chapter import Chapter
from scratchdae.datasets import bernoulli, digits, to_float, uniform
from scratchdae.layers import Dense, ReLU, Sigmoid
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.schedules import Geometric

chapter = Chapter.begin("09_entropy_floor")

N, BATCH = 3000 if chapter.quick else 10000, 128
LR = 2e-3 if chapter.quick else 1e-4  # Adam; 1e-4 as posted
EPOCHS = 75 if chapter.quick else 280
TINY = 0.01  # what the broken run's learning rate is multiplied by
WIDE, WIDE_EPOCHS, WIDE_LR = 64, 60 if chapter.quick else 80, 1e-2
SHAPES = (0.1, 1.0) if chapter.quick else (0.1, 0.3, 1.0, 3.0, 10.0)  # a of Beta(a, a)
N_DIGITS, HIDDEN, DIGIT_EPOCHS, DIGIT_BATCH = (800, 60, 15, 20) if chapter.quick else (3000, 60, 40, 20)

# %% [markdown]
# ## The run
#
# `posted` is the network of that answer. `with_tiny_steps` is the broken run beside which it has to be judged: the
# same seed and a hundredth of the learning rate. On the posted network itself three things are tried, one at a time:
# ten times the learning rate, a network that can be nearly the identity, and the same data rounded to 0 and 1. The
# suite runs all of it for three seeds.


# %%
def train(x, layers, lr, epochs, loss="cross_entropy", batch_size=BATCH):
    """Train a network to reconstruct x; return it and the loss of every epoch."""
    model = Sequential(layers, (x.shape[1],), streams(chapter.seed).initialisation, loss=loss)
    options = {"batch_size": batch_size, "optimizer": Adam(), "seed": chapter.seed}
    history = fit(model, x, epochs=epochs, lr=lr, progress=False, backend="numpy", **options)
    return model, history["loss"]


def posted(x, lr=LR):
    """The posted network: linear 2-2-2, a sigmoid, cross-entropy."""
    return train(x, networks.NETWORKS["q4c"].layers(), lr, EPOCHS)


def with_tiny_steps(x):
    """Broken: a hundredth of the learning rate."""
    return posted(x, TINY * LR)


def wide(x):
    """A network that can be nearly the identity: 64 rectified units between."""
    layers = [Dense(WIDE, init_W="he_normal"), ReLU(), Dense(x.shape[1]), Sigmoid()]
    return train(x, layers, Geometric(WIDE_LR, WIDE_LR / 100, WIDE_EPOCHS), WIDE_EPOCHS)


rng = np.random.default_rng([chapter.seed, 9])
x = uniform(N, 2, rng)
bits = bernoulli(N, 2, rng)
runs = {
    "posted": (x, *posted(x)),
    "tiny steps": (x, *with_tiny_steps(x)),
    "×10 learning rate": (x, *posted(x, 10 * LR)),
    "wide": (x, *wide(x)),
    "rounded to 0 and 1": (np.round(x), *posted(np.round(x))),
    "random bits": (bits, *posted(bits)),
}
measured = {}
for name, (target, model, _) in runs.items():
    loss, floor = evaluate(model, target), floors.cross_entropy(target)
    measured[name] = {
        "loss": loss,
        "floor": floor,
        "excess": loss - floor,
        "relative_excess": floors.relative_excess(loss, floor, floors.constant(target, "cross_entropy")),
        "rms_error": float(np.sqrt(np.square(model.predict(target) - target).mean())),
    }
    print(f"{name:<20}" + "".join(f"{key} {value:8.5f}   " for key, value in measured[name].items()))

# %% [markdown]
# ## What is exactly known
#
# The perfect reconstruction $z = x$ can be put into the loss. The best $\sigma(wx + c)$ for uniform $x$ has $c = -w/2$
# by symmetry, and $w$ where the derivative of the expected loss vanishes; a Gauss-Legendre rule of 200 nodes gives the
# integrals to all digits. For targets between binary and uniform, and beyond, there is a closed form with the digamma
# function, `floors.beta_cross_entropy`.

# %%
logits = np.log(x) - np.log1p(-x)
perfect_loss, perfect_gradient = losses.cross_entropy(logits, x, "mean")

nodes, weights = np.polynomial.legendre.leggauss(200)
nodes, weights = (nodes + 1) / 2, weights / 2  # on [0, 1]


def sigmoid_line(w):
    """Cross-entropy and squared error of σ(w (x − ½)) on uniform data, and their derivatives with respect to w."""
    a = w * (nodes - 0.5)
    z = 1 / (1 + np.exp(-a))
    cross_entropy, square = weights @ (np.logaddexp(0, a) - nodes * a), weights @ (z - nodes) ** 2
    slope = (z - nodes) * (nodes - 0.5)
    return cross_entropy, square, weights @ slope, 2 * weights @ (slope * z * (1 - z))


def best_slope(which):
    """Halve an interval of w until the derivative of one of the two losses vanishes."""
    low, high = 1.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sigmoid_line(middle)[which] < 0 else (low, middle)
    return high


best = {"cross_entropy": best_slope(2), "squared_error": best_slope(3)}
line = {name: dict(zip(best, map(float, sigmoid_line(w)[:2]), strict=True)) | {"w": w} for name, w in best.items()}
print(f"z = x: loss {perfect_loss:.5f}, largest gradient {np.abs(perfect_gradient).max():.1e}")
for name, found in line.items():
    print(f"best σ(w(x − ½)) by {name}: {found}")

beta_rng = np.random.default_rng([chapter.seed, 10])
beta = {}
for a in SHAPES:
    drawn = beta_rng.beta(a, a, (N, 2))
    loss = evaluate(wide(drawn)[0], drawn)
    beta[a] = {"loss": loss, "excess": loss - floors.cross_entropy(drawn), "floor": floors.beta_cross_entropy(a, a)}
    print(f"Beta({a}, {a})", beta[a])

# %% [markdown]
# ## The advice
#
# The squared error for continuous data, cross-entropy for binary: grey levels are continuous. The same network is
# trained on the embedded digits, which a program draws, once with each loss, and both are judged by both.

# %%
images = to_float(digits().x_train[:N_DIGITS]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(N_DIGITS, -1)
held_out = to_float(digits().x_test).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(1000, -1)
advice = {}
for trained_by in best:
    layers = [Dense(HIDDEN), Sigmoid(), Dense(images.shape[1]), Sigmoid()]
    model, _ = train(images, layers, Geometric(0.01, 0.001, DIGIT_EPOCHS), DIGIT_EPOCHS, trained_by, DIGIT_BATCH)
    a_z = model.forward(model.params, held_out, depth=3)[0]  # before the last sigmoid: exact however far it saturates
    judged = {
        "cross_entropy": losses.cross_entropy(a_z, held_out, "mean")[0],
        "squared_error": losses.squared_error(model.predict(held_out), held_out, "mean")[0],
    }
    least = {"cross_entropy": floors.cross_entropy(held_out), "squared_error": 0.0}
    advice[trained_by] = {
        loss: {
            "loss": float(value),
            "floor": least[loss],
            "relative_excess": floors.relative_excess(float(value), least[loss], floors.constant(held_out, loss)),
        }
        for loss, value in judged.items()
    }
    print(f"digits, trained by {trained_by}:", advice[trained_by])

# %% [markdown]
# ## The check

# %%
# 1. A perfect reconstruction costs the entropy, and nothing pulls at it. No run is below its floor.
floor = measured["posted"]["floor"]
assert abs(perfect_loss - floor) < 1e-12, f"z = x must cost the entropy {floor:.6f}, found {perfect_loss:.6f}"
assert np.abs(perfect_gradient).max() < 1e-17, f"and its gradient must be 0, found {np.abs(perfect_gradient).max():.1e}"
assert floors.beta_cross_entropy(1, 1) == 0.5, f"uniform: ½ nat, found {floors.beta_cross_entropy(1, 1)}"
assert abs(floor - 0.5) < 0.01, f"{N} uniform rows must have an entropy near ½, found {floor:.4f}"
for name, found in measured.items():
    assert found["excess"] > 0, f"{name} must not be below the entropy, found {found}"

# 2. The posted network is as good as a sigmoid of a line can be; one that can bend is better, and no lower than ½.
expected = line["cross_entropy"]["cross_entropy"] - 0.5
assert abs(expected - 0.004947) < 1e-6, f"the best σ(wx + c) must cost 0.504947, found {0.5 + expected:.6f}"
found = measured["posted"]["excess"]
assert abs(found - expected) < 0.0006, f"the posted network must be {expected:.5f} above its floor, found {found:.5f}"
assert measured["wide"]["excess"] < 0.9 * found, f"the wide network must come nearer, found {measured['wide']}"

# 3. It is not the learning rate: ten times as much changes nothing here, and everything in the broken run.
moved = abs(measured["×10 learning rate"]["loss"] - measured["posted"]["loss"])
assert moved < 0.0005, f"at its floor the loss must stay where it is, found a change of {moved:.5f}"
broken, right = measured["tiny steps"]["relative_excess"], measured["posted"]["relative_excess"]
assert broken > 0.5, f"tiny steps must leave more than half of the way, found {broken:.3f}"
assert right < 0.06 * broken, (
    f"the posted learning rate must take nearly all of it away, left {right:.4f} of {broken:.3f}"
)

# 4. It is the targets: rounded, or drawn as bits, the same network goes to 0 and is still falling.
for name in ("rounded to 0 and 1", "random bits"):
    curve = runs[name][2]
    assert measured[name]["loss"] < 0.03, f"{name} must approach 0, found {measured[name]['loss']:.4f}"
    later = curve[-1] / curve[int(0.9 * EPOCHS)]
    assert later < 0.95, f"{name} must still be falling, the last tenth brought it to {later:.3f} of what it was"
for a, found in beta.items():
    assert found["excess"] < 0.04, f"Beta({a}, {a}) must end near its floor {found['floor']:.4f}, found {found}"

# 5. Where the network cannot be perfect the two losses want different weights; each is better by its own measure.
assert best["cross_entropy"] > 1.04 * best["squared_error"], f"the best slopes must differ, found {best}"
costs = line["cross_entropy"]["squared_error"] / line["squared_error"]["squared_error"]
assert 1.1 < costs < 1.15, f"cross-entropy must cost about an eighth more squared error here, found {costs:.4f}"
for loss, other in (("cross_entropy", "squared_error"), ("squared_error", "cross_entropy")):
    own, foreign = (advice[by][loss]["relative_excess"] for by in (loss, other))
    assert own < foreign < own + 0.06, f"by {loss}, training by it must win, and not by much: {own:.4f}, {foreign:.4f}"

# %% [markdown]
# ## The figure

# %%
figure, ((ax, near), (family, bars)) = plt.subplots(2, 2, figsize=(14.5, 11), layout="constrained")
figure.suptitle("Stuck at ½ nat is solved: the floor of cross-entropy is the entropy of its targets", fontsize=14)

steps = np.arange(1, EPOCHS + 1) * -(-N // BATCH)
for name, style, color, label in (
    ("tiny steps", ":", ORANGE, "learning rate a hundredth:\nlearns nothing"),
    ("posted", "-", BLUE, "as posted: solved"),
    ("random bits", "--", BLUE, "random bits, same network:\nstill falling"),
):
    curve = runs[name][2]
    ax.plot(steps, curve, style, color=color, linewidth=2.5)
    ax.annotate(label, (steps[-1], curve[-1]), xytext=(5, 3), textcoords="offset points", color=color)
for level, text in (
    (np.log(2), "best constant, ln 2"),
    (0.5, "entropy of uniform targets, ½"),
    (0.0, "entropy of bits, 0"),
):
    ax.axhline(level, color="black", linewidth=1)
    ax.annotate(text, (1.55 * steps[-1], level), xytext=(-3, -4), textcoords="offset points", va="top", ha="right")
ax.set(
    xlabel="steps of Adam", ylabel="cross-entropy (nats per component)", ylim=(-0.06, 0.85), xlim=(0, 1.55 * steps[-1])
)
ax.set_title("Two plateaus that look alike, and only one is a failure")
ax.grid(alpha=0.3)

tried = ("posted", "×10 learning rate", "wide")
for row, name in enumerate(tried):
    value = 1000 * measured[name]["excess"]
    near.barh(row, value, color=BLUE, hatch="//" if name == "wide" else "", edgecolor="white")
    near.text(0.1, row, f"{value:.2f}   reconstructs with rms error {measured[name]['rms_error']:.3f}", va="center",
              bbox={"facecolor": "white", "edgecolor": "none", "pad": 2})  # fmt: skip
near.barh(len(tried), 0)
near.plot(0, len(tried), "|", color="black", markersize=30, markeredgewidth=4)
near.text(0.1, len(tried), "0.00   perfect: the gradient is 0", va="center")
near.axvline(1000 * expected, color="black", linestyle="--")
near.text(1000 * expected, -0.75, "best σ(wx + c) ", ha="right")
near.set_yticks(range(len(tried) + 1), ["posted", "posted,\n×10 learning rate", f"wide,\n2-{WIDE}-2", "z = x"])
near.set_ylim(len(tried) + 0.5, -1)
near.set_xlim(0, 6.5)
near.set(xlabel="excess over the entropy of the same rows (thousandths of a nat)")
near.set_title(
    "What is left of 0.50 above the floor\n"
    f"(learning rate a hundredth: {1000 * measured['tiny steps']['excess']:.0f}, off to the right)"
)

grid = np.geomspace(0.01, 100, 200)
family.plot(
    grid, [floors.beta_cross_entropy(a, a) for a in grid], color="black", linewidth=2, label="floor, closed form"
)
family.axhline(np.log(2), color=GREY, linestyle="--", label="best constant, ln 2")
family.plot(list(beta), [found["loss"] for found in beta.values()], "o", color=BLUE, markersize=11,
            label="trained, 2-64-2")  # fmt: skip
family.set_xscale("log")
family.annotate("uniform: ½", (1, 0.5), xytext=(20, -25), textcoords="offset points", arrowprops={"arrowstyle": "-"})
family.annotate("nearly binary", (0.009, 0.085), ha="left")
family.annotate("nearly grey", (90, 0.63), ha="right")
family.set(xlabel="a, of targets drawn from Beta(a, a)", ylabel="cross-entropy (nats per component)", ylim=(0, 0.75))
family.set_title(
    "From binary to grey targets the floor rises continuously to the\nconstant's: the loss alone says nothing"
)
family.legend(loc="center left", bbox_to_anchor=(0.0, 0.6))
family.grid(alpha=0.3)

names = {"cross_entropy": "cross-entropy", "squared_error": "squared error"}
for k, (trained_by, color, hatch) in enumerate((("cross_entropy", BLUE, ""), ("squared_error", ORANGE, "//"))):
    for group, loss in enumerate(names):
        value, place = 100 * advice[trained_by][loss]["relative_excess"], group + 0.38 * (k - 0.5)
        label = f"trained by {names[trained_by]}" if group == 0 else None
        bars.bar(place, value, 0.36, color=color, hatch=hatch, edgecolor="white", label=label)
        bars.text(place, value, f"{value:.1f} %\nloss {advice[trained_by][loss]['loss']:.4f}", ha="center", va="bottom")
bars.set_xticks(range(2), [f"judged by {name}" for name in names.values()])
bars.set_ylabel("relative excess over the floor (%)")
bars.set_title(
    "Grey-level digits, held out: each loss wins by its own measure,\nby little; the raw losses cannot be compared"
)
bars.set_ylim(0, 1.35 * 100 * max(found["relative_excess"] for row in advice.values() for found in row.values()))
bars.legend(loc="upper right")

# %% [markdown]
# ## The cause
#
# **The floor.** For a target $x$ and a prediction $z$, both in $[0, 1]$,
#
# $$ -x\ln z - (1-x)\ln(1-z) = H_b(x) + \mathrm{KL}(x \,\Vert\, z), \qquad \mathrm{KL} \ge 0,\ = 0 \iff z = x. $$
#
# The first term is a property of the data. For uniform $x$, $\int_0^1 -u\ln u\,du = \tfrac14$, twice: ½ nat. For
# $x \sim \mathrm{Beta}(a, b)$ with mean $m$, $E[x \ln x] = m\,[\psi(a+1) - \psi(a+b+1)]$, because $x$ times the density
# is $m$ times that of $\mathrm{Beta}(a+1, b)$, under which $E \ln x$ is that bracket. As $a = b \to 0$ targets become
# bits and the floor goes to 0: the only case in which a loss is all error.
#
# **0.50495.** The identity needs the pre-activation $\ln x/(1-x)$, which is steep at both ends. Linear layers offer a
# straight line. At the best one, $5.20\,(x - ½)$, the mean divergence is 0.00495. It is all that the posted network has
# above ½, and the wide one bends most of it away.
#
# **The advice.** The gradients with respect to $z$ are $(z - x)/(z(1-z))$ and $2(z - x)$. In expectation both vanish at
# $z = E[x \mid \text{input}]$: where a network can produce that, the two losses have the same minimiser. Where it
# cannot, cross-entropy weighs errors near 0 and 1 more, by $1/(z(1-z))$. The posted network is such a case: the best
# slope is 5.20 by cross-entropy and 4.92 by the squared error, and the first leaves 9.38e-4 squared error where 8.34e-4
# is possible. On the digits each loss wins by its own measure. Neither is wrong for continuous data. To compare runs,
# report the excess.
#
# **How to tell.** Compute `floors.cross_entropy(x)` first (`scratchdae floors FILE` prints it). At the floor ten times
# the learning rate changes nothing, the reconstruction is close, and rounding the targets sends the loss to 0. A run
# that learned nothing has a loss of at least that of the constant and reacts to the learning rate at once.

# %% [markdown]
# ## Exercises
#
# 1. *A script sums over the two columns. Where does it stop? And in bits per component?*
#
#    At $2 \cdot ½ = 1$ nat an example; $½/\ln 2 = 0.7213$ bits per component.
#
# 2. *Somebody smooths binary targets to 0.05 and 0.95. What is the new floor?*
#
#    $H_b(0.05) = 0.1985$ nats per component, for every one of them. `floors.binary_entropy(0.05)`.
#
# 3. *Half of random bits are masked to 0 and have to be restored. What is the least cross-entropy?*
#
#    A 0 that is seen was a 1 with probability $q = 0.25/0.75 = 1/3$, and zeros are seen three times in four: $0.75\,
#    H_b(1/3) = 0.4774$. With corrupted inputs there is a floor even for binary targets:
#    `floors.masking_binary(0.5, 0.5)`.
#
# 4. *Near the floor, how does the excess relate to the squared error?*
#
#    $\mathrm{KL}(x \Vert z) \approx (z - x)^2 / (2z(1-z))$, at least $2(z-x)^2$. The posted network's rms error of
#    0.031 makes that at least 0.0019 nats; its errors are largest at the ends, where they weigh more, and the excess is
#    0.0050.

# %%
chapter.finish(
    figure,
    {
        "runs": measured,
        "loss_of_the_first_epoch": {name: float(curve[0]) for name, (_, _, curve) in runs.items()},
        "best_sigmoid_of_a_line": line,
        "beta": {str(a): found for a, found in beta.items()},
        "digits": advice,
    },
)
