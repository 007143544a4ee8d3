# %% [markdown]
# # Stuck at 0.5 is solved: cross-entropy stops at the entropy of its targets
#
# Two columns of uniform numbers, a network of 2-2-2 linear units with a sigmoid at the end, cross-entropy, Adam. This
# should be easy: two numbers in, two numbers out. The loss comes down from 0.73 to 0.50 and stays. More epochs, a
# larger learning rate, a wider network: 0.50. With zeros and ones in place of the uniform numbers the same script goes
# on falling towards 0. What is wrong with the first? Nothing. Half a nat is what a *perfect* reconstruction costs.
#
# *Failure modes: H1, F01 · networks: Q4c, Q4d · advice: mean squared error for continuous, cross-entropy for binary*

# %% [markdown]
# ## Is it yours?
#
# On the screen, two runs that look much alike on an axis that begins at zero:
#
# ```text
# solved            epoch 1  0.73      epoch 100  0.59      epoch 200  0.51      epoch 280  0.505
# learns nothing    epoch 1  0.73      epoch 100  0.73      epoch 200  0.72      epoch 280  0.72
# ```
#
# One measurement: hand the loss the target as its own prediction. That is the **floor**, the mean binary entropy
# $H_b(x) = -x\ln x - (1-x)\ln(1-x)$ of your targets (Shannon 1948), and `scratchdae floors FILE` prints it. Hand it the
# mean of each column: that is the best constant. The *relative excess*, (loss − floor) / (constant − floor), is near 0
# if nothing is wrong, near 1 or above if nothing was learned, whatever the loss itself says. A loss of 0.56 for a
# constant of 0.69 may be either.
#
# On trial is an answer to the question why an autoencoder cannot reach zero loss. It boils the question down to this
# network (Q4c), reports that it does not get below about 0.5 whatever the learning rate and the complexity, and that
# on random bits it converges (Q4d); and advises the squared error for continuous data, cross-entropy for binary data.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, evaluate, fit, floors, losses, streams
from scratchdae import posted as networks
from scratchdae.chapter import Chapter
from scratchdae.datasets import bernoulli, uniform
from scratchdae.layers import Dense, ReLU, Sigmoid
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE, floor_line
from scratchdae.schedules import Geometric

chapter = Chapter.begin("09_entropy_floor")

N, BATCH = 3000 if chapter.quick else 10000, 128  # posted: 30,000 rows
LR = 2e-3 if chapter.quick else 1e-4  # Adam; posted: 1e-4
EPOCHS = 100 if chapter.quick else 280
TINY = 0.01  # what the broken run's learning rate is multiplied by
WIDE, WIDE_EPOCHS, WIDE_LR = 64, 60 if chapter.quick else 80, 1e-2
SHAPES = (0.1, 10.0) if chapter.quick else (0.1, 0.3, 3.0, 10.0)  # a of Beta(a, a)

# %% [markdown]
# ## The run
#
# `q4c` is the network of that answer. `with_tiny_steps` is the broken run beside which it has to be judged: the same
# seed and a hundredth of the learning rate. Three things are tried, one at a time: ten times the learning rate, a
# network that can bend, and the same data rounded to 0 and 1.


# %%
def train(x, layers, lr, epochs):
    """Train a network to reconstruct x; return it and the loss of every epoch."""
    model = Sequential(layers, (x.shape[1],), streams(chapter.seed).initialisation, loss="cross_entropy")
    options = {"batch_size": BATCH, "optimizer": Adam(), "seed": chapter.seed, "backend": "numpy"}
    return model, fit(model, x, epochs=epochs, lr=lr, progress=False, **options)["loss"]


def q4c(x, lr=LR):
    """The network as posted: linear 2-2-2, a sigmoid, cross-entropy."""
    return train(x, networks.NETWORKS["q4c"].layers(), lr, EPOCHS)


def with_tiny_steps(x):
    """Broken: a hundredth of the learning rate."""
    return q4c(x, TINY * LR)


def wide(x):
    """A network that can be nearly the identity: 64 rectified units between."""
    layers = [Dense(WIDE, init_W="he_normal"), ReLU(), Dense(x.shape[1]), Sigmoid()]
    return train(x, layers, Geometric(WIDE_LR, WIDE_LR / 100, WIDE_EPOCHS), WIDE_EPOCHS)


rng = np.random.default_rng([chapter.seed, 9])
x, bits = uniform(N, 2, rng), bernoulli(N, 2, rng)
runs = {
    "as posted": (x, *q4c(x)),
    "tiny steps": (x, *with_tiny_steps(x)),
    "×10 learning rate": (x, *q4c(x, 10 * LR)),
    "wide": (x, *wide(x)),
    "rounded to 0 and 1": (np.round(x), *q4c(np.round(x))),
    "random bits": (bits, *q4c(bits)),
}
for a in SHAPES:  # targets between bits and grey
    drawn = rng.beta(a, a, (N, 2))
    runs[f"Beta({a}, {a})"] = (drawn, *wide(drawn))
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
# The perfect reconstruction $z = x$ can be put into the loss. The network as posted cannot quite be perfect: its output
# is $\sigma(wx + c)$. The best one for uniform $x$ has $c = -w/2$ by symmetry, and $w$ where the derivative of the
# expected loss vanishes; a Gauss-Legendre rule gives the integrals to all digits. For Beta targets there is a closed
# form with the digamma function, `floors.beta_cross_entropy`.

# %%
perfect_loss, perfect_gradient = losses.cross_entropy(np.log(x) - np.log1p(-x), x, "mean")
nodes, weights = np.polynomial.legendre.leggauss(200)
nodes, weights = (nodes + 1) / 2, weights / 2  # on [0, 1]


def sigmoid_line(w):
    """Cross-entropy and squared error of σ(w (x − ½)) on uniform data, and their derivatives with respect to w."""
    a = w * (nodes - 0.5)
    z = 1 / (1 + np.exp(-a))
    slope = (z - nodes) * (nodes - 0.5)
    cross_entropy, square = weights @ (np.logaddexp(0, a) - nodes * a), weights @ (z - nodes) ** 2
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

# %% [markdown]
# ## The check

# %%
# 1. A perfect reconstruction costs the entropy, and nothing pulls at it. No run is below its floor.
floor = measured["as posted"]["floor"]
assert abs(perfect_loss - floor) < 1e-12, f"z = x must cost the entropy {floor:.6f}, found {perfect_loss:.6f}"
assert np.abs(perfect_gradient).max() < 1e-17, f"and its gradient must be 0, found {np.abs(perfect_gradient).max():.1e}"
assert abs(floor - 0.5) < 0.01, f"{N} uniform rows must have an entropy near ½, found {floor:.4f}"
for name, found in measured.items():
    assert found["excess"] > 0, f"{name} must not be below the entropy, found {found}"

# 2. As posted it is as good as a sigmoid of a line can be; one that can bend is better, and no lower than ½.
expected = line["cross_entropy"]["cross_entropy"] - 0.5
found = measured["as posted"]["excess"]
assert abs(found - expected) < 0.0008, f"as posted it must be {expected:.5f} above its floor, found {found:.5f}"
assert measured["wide"]["excess"] < 0.9 * found, f"the wide network must come nearer, found {measured['wide']}"

# 3. It is not the learning rate: ten times as much changes nothing here, and everything in the broken run.
moved = abs(measured["×10 learning rate"]["loss"] - measured["as posted"]["loss"])
assert moved < 0.0008, f"at its floor the loss must stay where it is, found a change of {moved:.5f}"
broken, right = measured["tiny steps"]["relative_excess"], measured["as posted"]["relative_excess"]
assert broken > 0.5, f"tiny steps must leave more than half of the way, found {broken:.3f}"
assert right < 0.05, f"as posted next to nothing must be left, found {right:.4f}"

# 4. It is the targets: rounded, or drawn as bits, the same network goes to 0 and is still falling.
for name in ("rounded to 0 and 1", "random bits"):
    curve = runs[name][2]
    assert measured[name]["loss"] < 0.05, f"{name} must approach 0, found {measured[name]['loss']:.4f}"
    later = curve[-1] / curve[int(0.9 * EPOCHS)]
    assert later < 0.95, f"{name} must still be falling, the last tenth brought it to {later:.3f} of what it was"
for a in SHAPES:
    found, promised = measured[f"Beta({a}, {a})"], floors.beta_cross_entropy(a, a)
    assert abs(found["loss"] - promised) < 0.04, f"Beta({a}, {a}) must end near {promised:.4f}, found {found}"

# 5. Where the network cannot be perfect the two losses want different weights.
costs = line["cross_entropy"]["squared_error"] / line["squared_error"]["squared_error"]
assert 1.1 < costs < 1.15, f"cross-entropy must cost about an eighth more squared error here, found {costs:.4f}"

# %% [markdown]
# ## The figure

# %%
figure, (course, seen) = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
epochs = np.arange(1, EPOCHS + 1)
for name, style, color, above, text in (
    ("tiny steps", ":", ORANGE, 0.03, "a hundredth of the rate: learns nothing"),
    ("as posted", "-", BLUE, 0.04, "as posted: solved"),
    ("random bits", "--", BLUE, 0.12, "random bits, same network"),
):
    course.plot(epochs, runs[name][2], style, color=color, linewidth=2.5)
    course.text(EPOCHS, runs[name][2][-1] + above, text, ha="right", va="bottom", color=color)
for level, text in ((np.log(2), "best constant, ln 2"), (0.5, "entropy of uniform targets, ½"), (0.0, "of bits, 0")):
    floor_line(course, level)
    course.text(EPOCHS, level - 0.012, text, ha="right", va="top")
course.set(xlabel="epoch", ylabel="cross-entropy (nats per component)", ylim=(-0.06, 0.85), xlim=(0, EPOCHS))
course.set_title("Two plateaus, and only one is a failure")

for name, color in (("tiny steps", ORANGE), ("as posted", BLUE)):
    z = runs[name][1].predict(x[:400])
    seen.plot(x[:400].ravel(), z.ravel(), ".", color=color, markersize=4)
seen.plot([0, 1], [0, 1], color=GREY, linewidth=1)
seen.text(0.02, 0.9, f"as posted: within {measured['as posted']['rms_error']:.2f}", color=BLUE)
seen.text(0.98, 0.05, f"a hundredth of the rate: {measured['tiny steps']['rms_error']:.2f}", ha="right", color=ORANGE)
seen.set(xlabel="target", ylabel="reconstruction", xlim=(0, 1), ylim=(0, 1))
seen.set_title("What comes back (rms error)")

# %% [markdown]
# ## The cause
#
# **The floor.** For a target $x$ and a prediction $z$, both in $[0, 1]$,
#
# $$ -x\ln z - (1-x)\ln(1-z) = H_b(x) + \mathrm{KL}(x \,\Vert\, z), \qquad \mathrm{KL} \ge 0,\ = 0 \iff z = x. $$
#
# The first term is a property of the data. For uniform $x$, $\int_0^1 -u\ln u\,du = \tfrac14$, twice: ½ nat. For
# $x \sim \mathrm{Beta}(a, b)$ with mean $m$, $E[x \ln x] = m\,[\psi(a+1) - \psi(a+b+1)]$. As $a = b \to 0$ targets
# become bits and the floor goes to 0: the only case in which a loss is all error.
#
# **0.50495.** The identity needs the pre-activation $\ln x/(1-x)$, which is steep at both ends. Linear layers offer a
# straight line. At the best one, $5.20\,(x - ½)$, the mean divergence is 0.00495. It is all that the network as posted
# has above ½, and the wide one bends most of it away.
#
# **The advice** is half right. The gradients with respect to $z$ are $(z - x)/(z(1-z))$ and $2(z - x)$. In expectation
# both vanish at $z = E[x \mid \text{input}]$: where a network can produce that, the two losses have the same minimiser.
# Where it cannot, cross-entropy weighs errors near 0 and 1 more: the best slope is 5.20 by cross-entropy and 4.92 by
# the squared error, and the first leaves 9.38e-4 squared error where 8.34e-4 is possible. What misleads is the number,
# not the loss.
#
# ## The cure in PyTorch
#
# There is nothing to repair but the report: subtract the floor, which has no gradient. The loss then ends at 0.
#
# ```python
# entropy = torch.nn.functional.binary_cross_entropy
# with torch.no_grad():
#     loss, floor, constant = (entropy(z, x).item() for z in (model(x), x, x.mean(0).expand_as(x)))
# excess = (loss - floor) / (constant - floor)
#
# loss_function = lambda z, x: entropy(z, x) - entropy(x, x)
# ```
#
# ## The cure in Keras
#
# ```python
# entropy = keras.losses.binary_crossentropy
# z, mean = model.predict(x, verbose=0), np.broadcast_to(x.mean(0), x.shape)
# loss, floor, constant = (float(np.mean(entropy(x, given))) for given in (z, x, mean))
# excess = (loss - floor) / (constant - floor)
#
# model.compile("adam", lambda x, z: entropy(x, z) - entropy(x, x))
# ```
#
# ## Exercises
#
# 1. *A script sums over the two columns. Where does it stop? And in bits per component?*
# 2. *Somebody smooths binary targets to 0.05 and 0.95. What is the new floor?*
# 3. *Half of random bits are masked to 0 and have to be restored. What is the least cross-entropy?*
# 4. *Near the floor, how does the excess relate to the squared error?*
#
# ## Answers
#
# 1. At $2 \cdot ½ = 1$ nat an example; $½/\ln 2 = 0.7213$ bits per component.
# 2. $H_b(0.05) = 0.1985$ nats per component, for every one of them: `floors.binary_entropy(0.05)`.
# 3. A 0 that is seen was a 1 with probability $0.25/0.75 = 1/3$, and zeros are seen three times in four:
#    $0.75\,H_b(1/3) = 0.4774$, `floors.masking_binary(0.5, 0.5)`. With corrupted inputs even bits have a floor.
# 4. $\mathrm{KL}(x \Vert z) \approx (z - x)^2 / (2z(1-z))$, at least $2(z-x)^2$.

# %%
chapter.finish(figure, {"runs": measured, "best_sigmoid_of_a_line": line})
print("A loss means its excess over the floor. Hand your loss the target as its own prediction, and subtract that.")
