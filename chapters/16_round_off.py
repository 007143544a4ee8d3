# %% [markdown]
# # Cross-entropy from probabilities loses a wrong answer to round-off; from logits it does not
#
# A fresh network reports 7 nats per pixel, where tossing a coin costs 0.7. Twelve epochs later it reports 0.9 and seems
# to arrive. It does not: the report left out what was worst. Or, with another loss of the same name, all goes well for
# seven epochs, and in the eighth the loss is `nan` and every weight with it. Both are one fault, in one line: the
# sigmoid is computed first, and the logarithm of the result second.
#
# *Failure modes: F25 · networks: Q4g · advice: compute cross-entropy on the logit scale*

# %% [markdown]
# ## Is it yours?
#
# ```text
# reported, clipped (Keras)    7    2   ...  0.9                computed right, the same weights:  30  15 ... 10
# reported, (1) below        0.7  0.1   ...  nan in epoch 8                                        0.03 one step before
# ```
#
# One measurement: the loss once more, *from the logits* $z$, the numbers that enter the last sigmoid. Larger than the
# report: it is clipped, and the entries that it hides get no gradient. Small and finite where the report is `nan`: only
# the formula broke. (After a step too large, chapter 17, it is large.)
#
# With $p = 1/(1 + e^{-z})$ and the target $t$ there are two ways to write one loss:
#
# $$ L = -t\log p - (1 - t)\log(1 - p) \quad (1) \qquad\qquad L = \max(z, 0) - zt + \log(1 + e^{-|z|}) \quad (2) $$
#
# On trial is an advice for extremely small losses (Q4g): compute on the logit scale. $p$ *is* 1 in float32 from
# $z = 24\ln 2 = 16.6355$, in float64 from $53\ln 2$. Beyond, (1) is $0\cdot(-\infty)$, NaN, even where the answer is
# right. The safeguards make it finite and wrong: Keras clips $p$ to $[10^{-7}, 1 - 10^{-7}]$, so the loss stops at
# 15.942 for $t = 0$, at 16.118 for $t = 1$; PyTorch's `BCELoss` holds the logarithm at $-100$, so its loss jumps from
# 15.94 to 100. Behind either the gradient is exactly 0. (In Keras on TensorFlow a compiled model finds the sigmoid in
# its graph and quietly uses (2); the clip is what happens elsewhere.)

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, floors, streams
from scratchdae.activations import sigmoid
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits
from scratchdae.layers import Dense, ReLU, Sigmoid
from scratchdae.losses import cross_entropy
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE, floor_line

chapter = Chapter.begin("16_round_off")

N = 500 if chapter.quick else 2000
H, BATCH_SIZE = 128, 50
SMALL = 2 if chapter.quick else 1  # the death of --quick takes every second pixel of every second row
LR, EPOCHS_STUCK = (3e-2, 10) if chapter.quick else (1e-2, 12)
EPOCHS, LONGER = (30, 300) if chapter.quick else (16, 64)  # of the run that dies in float32; in float64 it lives longer
N_SEEDS = 1 if chapter.quick else 3
BITS = {np.float16: 11, np.float32: 24, np.float64: 53}  # of the significand, with the one that is not stored
THRESHOLD = {dtype: bits * np.log(2) for dtype, bits in BITS.items()}

# %% [markdown]
# ## The run
#
# A rule takes $p$ and $t$ and gives the loss and $\partial L/\partial p$, entry by entry, as the frameworks do. The
# sigmoid's own backward pass multiplies by $p(1 - p)$, whatever the rule.


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


RULES = {rule.__name__: on_probabilities(rule) for rule in (naive, clipped, clamped)} | {"on_logits": on_logits}


def at(rule, z, t):
    """Return the loss and the gradient of a rule at one logit, in float32."""
    return tuple(float(value[0]) for value in RULES[rule](np.array([z], np.float32), np.array([t], np.float32)))


def first_logit_of_one(dtype):
    """Return the least of all floating-point numbers z whose sigmoid is 1, found by bisection."""
    low, high = dtype(0), dtype(64)
    while np.nextafter(low, high) < high:
        middle = low + (high - low) / 2
        low, high = (low, middle) if sigmoid(np.array([middle]))[0] == 1 else (middle, high)
    return float(high)


one_from = {dtype: first_logit_of_one(dtype) for dtype in BITS}
print("the sigmoid is 1 from", {dtype.__name__: f"{z:.5f}" for dtype, z in one_from.items()})

# %% [markdown]
# Two trainings of a 784-128-784 autoencoder (ReLU, sigmoid, Adam) on the embedded digits, which a program draws, each
# pixel made 0 or 1, so that the floor of the loss is 0. **The death**: ordinary first weights, `naive` beside
# `on_logits`. **The paralysis**: first weights from N(0, 1), which is what `randn` gives to who forgets to scale it
# (chapter 22). Half of the first logits lie beyond ±50, and each rule has to find its way back from there.


# %%
def train(rule, x, seed, epochs, dtype=np.float32, init_W="glorot_uniform", lr=LR):
    """Train with a rule, until something is not finite at the step `failed`.

    Returns the true loss (2) and the reported one of all data, from before the first epoch on; the largest logit of a
    lit pixel at each step; the share of entries that are wrong and have gradient 0 at the end.
    """
    generators, x = streams(seed), x.astype(dtype)
    layers = [Dense(H, init_W), ReLU(), Dense(x.shape[1], init_W), Sigmoid()]
    network = Sequential(layers, x.shape[1:], generators.initialisation, loss="cross_entropy", dtype=dtype)
    params, optimizer = network.params, Adam()
    state, largest, failed, true, reported = optimizer.init(params), [], None, [], []
    while True:
        z, _ = network.forward(params, x, depth=network.depth)
        true.append(float(cross_entropy(z, x, "mean")[0]))
        reported.append(float(RULES[rule](z, x)[0].mean()))
        if failed or len(true) > epochs:
            break
        order = generators.shuffling.permutation(len(x))
        for start in range(0, len(x), BATCH_SIZE):
            t = x[order[start : start + BATCH_SIZE]]
            z, caches = network.forward(params, t, depth=network.depth)
            loss, dz = RULES[rule](z, t)
            largest.append(float(z[t == 1].max()))
            if not (np.isfinite(loss).all() and np.isfinite(dz).all()):
                failed = len(largest)
                break
            _, grads = network.backward(caches, dz / z.size)
            params, state = optimizer.update(params, grads, state, lr)
    lost = float(((np.abs(sigmoid(z) - x) > 0.5) & (RULES[rule](z, x)[1] == 0)).mean())
    return {"true": true, "reported": reported, "largest": np.array(largest), "failed": failed, "lost": lost}


pictures = (digits().x_train[:N] > 127).astype(np.float64)
small = pictures.reshape(N, 28, 28)[:, ::SMALL, ::SMALL].reshape(N, -1)
constant = floors.constant(pictures, "cross_entropy")
seeds = range(chapter.seed, chapter.seed + N_SEEDS)
death = {(rule, seed): train(rule, small, seed, EPOCHS) for seed in seeds for rule in ("naive", "on_logits")}
double = train("naive", small, chapter.seed, LONGER, np.float64)
STUCK = ("clipped", "clamped", "on_logits")
far = {"init_W": "normal(1.0)", "lr": 1e-2}
stuck = {(rule, seed): train(rule, pictures, seed, EPOCHS_STUCK, **far) for seed in seeds for rule in STUCK}
for (rule, seed), run in {**death, ("in float64", chapter.seed): double}.items():
    print(f"seed {seed}, {rule}: fails at step {run['failed']}, true loss there or at the end {run['true'][-1]:.4f}")
for rule, seed in stuck:
    true, reported = (stuck[rule, seed][key] for key in ("true", "reported"))
    print(f"N(0, 1), {rule}: reported {reported[0]:.1f} to {reported[-1]:.2f}, true {true[0]:.1f} to {true[-1]:.2f}")

# %% [markdown]
# ## The check

# %%
for dtype, z in one_from.items():
    ulps = abs(z - THRESHOLD[dtype]) / np.spacing(dtype(z))
    assert ulps <= 2, f"{dtype.__name__}: 1 from {THRESHOLD[dtype]:.7f} expected within 2 ulp, found {z:.7f}"
assert np.isnan(at("naive", 20, 1)).all(), f"t = 1, z = 20 must be 0 · (−inf) = NaN, found {at('naive', 20, 1)}"
for target, logit, cap in ((0, 30, 23 * np.log(2)), (1, -30, 7 * np.log(10))):
    loss, gradient = at("clipped", logit, target)
    assert abs(loss - cap) < 2e-6, f"t = {target}: the clip must charge {cap:.4f}, found {loss:.6f}"
    assert gradient == 0, f"t = {target}: and its gradient must be 0, found {gradient}"
jump = at("clamped", 16.6, 0)[0], *at("clamped", 16.7, 0)
np.testing.assert_allclose(jump, (23 * np.log(2), 100, 0), atol=2e-6, err_msg="the clamp: from 15.942 to 100")
for seed in seeds:
    run, repaired = death["naive", seed], death["on_logits", seed]
    assert run["failed"], f"seed {seed}: naive must become NaN"
    assert run["true"][-1] < 0.3 * constant, f"seed {seed}: it must die in good health, true loss {run['true'][-1]:.3f}"
    assert repaired["failed"] is None, f"seed {seed}: (2) must stay finite, step {repaired['failed']} was not"
    assert repaired["true"][-1] < run["true"][-1], f"seed {seed}: (2) must get lower, found {repaired['true'][-1]:.4f}"
    assert repaired["largest"].max() > THRESHOLD[np.float32], f"seed {seed}: (2) must pass the threshold unharmed"
    right, clip = stuck["on_logits", seed], stuck["clipped", seed]
    for rule in ("clipped", "clamped"):
        ratio = stuck[rule, seed]["true"][-1] / right["true"][-1]
        assert ratio > 3, f"seed {seed}: {rule} must stay above 3 times the loss of (2), found {ratio:.1f}"
        assert stuck[rule, seed]["lost"] > 0.005, f"seed {seed}: {rule} must leave wrong entries without gradient"
    assert right["lost"] == 0, f"seed {seed}: on logits no wrong entry is without gradient, found {right['lost']:.2%}"
    hidden = [clip["true"][place] / clip["reported"][place] for place in (0, -1)]
    assert min(hidden) > 3, f"seed {seed}: the clip must hide most of the loss, before and after, found {hidden}"
for dtype, run in [(np.float32, death["naive", seed]) for seed in seeds] + [(np.float64, double)]:
    before, after = run["largest"][:-1].max(), run["largest"][-1]
    assert before < THRESHOLD[dtype] <= after, f"{dtype.__name__}: dies at {after:.4f}, after {before:.4f}"
assert double["failed"] > death["naive", chapter.seed]["failed"], f"in float64 later, at step {double['failed']}"

# %% [markdown]
# ## The figure

# %%
figure, (way, die) = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
runs, epochs = {rule: stuck[rule, chapter.seed] for rule in STUCK}, np.arange(EPOCHS_STUCK + 1)
for rule, key, style, color, text in (
    ("clipped", "true", "-", ORANGE, "clipped: true"),
    ("clipped", "reported", ":", ORANGE, "clipped: reported"),
    ("clamped", "true", "--", "black", "held at −100: true"),
    ("on_logits", "true", "-", BLUE, "on logits"),
):
    way.semilogy(epochs, runs[rule][key], color=color, linestyle=style, linewidth=2)
    way.text(EPOCHS_STUCK, 1.25 * runs[rule][key][-1], text, ha="right", va="bottom", color=color)
floor_line(way, constant)
way.set(xlabel="epoch", ylabel="cross-entropy (nats per pixel)", xticks=epochs[::2], ylim=(0.1, 60))
way.set_title("From N(0, 1): the clip reports\na fraction of what is left")

shown = (double, GREY, "float64: NaN", "right", 40), (death["naive", chapter.seed], ORANGE, "float32: NaN", "left", 10)
for run, color, text, side, height in shown:
    die.plot(np.arange(1, len(run["largest"]) + 1), run["largest"], color=color, linewidth=1)
    die.plot(run["failed"], run["largest"][-1], "X", color=color, markersize=10)
    die.text(run["failed"], height, text, ha=side, color=color)
for bits in (24, 53):
    floor_line(die, bits * np.log(2)).text(
        0.02, bits * np.log(2) - 0.4, f"{bits} ln 2", va="top", transform=die.get_yaxis_transform()
    )
die.set(xlabel="step", ylabel="largest logit of a lit pixel", ylim=(0, 44))
die.set_title("(1) dies in the step in which one\nlogit passes the threshold")

# %% [markdown]
# ## The cause
#
# **Where 24 ln 2 comes from.** A float32 has 24 bits. Above 1 the next number is $1 + 2^{-23}$, so that $1 + e^{-z}$ is
# rounded to 1 as soon as $e^{-z} \le 2^{-24}$ (the tie goes to the even neighbour). Just before, $p$ is $1 - 2^{-23}$,
# so the last finite loss at $t = 0$ is $23\ln 2 = 15.942$. And $1 - 10^{-7}$, which is no float32, is rounded to the
# same $1 - 2^{-23}$: hence Keras' ceiling there, and $-\log 10^{-7} = 16.118$ on the other side.
#
# **Why a right answer is the first to die.** With targets of exactly 0 or 1 the loss has no minimum: right logits go on
# growing, and a well-trained network passes any threshold. Black pixels are safe for longer: floating-point numbers
# are dense near 0, and $p = e^z$ keeps its digits down to $2^{-150}$, $z = -104$. Float64, or a smaller rate, postpone.
#
# **Why the safeguards paralyse.** $\frac{\partial L}{\partial z} = \frac{p - t}{p(1 - p)}\cdot p(1 - p)$. The factors
# cancel. (2) lets them cancel in algebra and keeps $p - t$; (1) leaves it to the machine, which forms
# $\infty\cdot 0$. A clip makes the first factor 0, a clamp makes it finite and the second is 0 anyway. 1e-7 inside the
# logarithm is a clip by another name. (2) does not repair the first weights: it ends above the best constant.
#
# ## The cure in PyTorch
#
# ```python
# with torch.no_grad():
#     z = model[:-1](x)  # the network without its sigmoid
#     reported = torch.nn.functional.binary_cross_entropy(torch.sigmoid(z), x).item()
#     true = torch.nn.functional.binary_cross_entropy_with_logits(z.double(), x.double()).item()
#
# model, loss = model[:-1], torch.nn.BCEWithLogitsLoss()  # for a picture: torch.sigmoid(model(x))
# ```
#
# ## The cure in Keras
#
# ```python
# reported = model.evaluate(x, x, verbose=0)
# model.layers[-1].activation = keras.activations.linear  # for a picture: keras.ops.sigmoid(model(x))
# model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
# true = model.evaluate(x, x, verbose=0)
# ```
#
# ## Exercises
#
# 1. *From which logit is the sigmoid exactly 1 in bfloat16, with 8 bits?*
# 2. *Train `naive` on grey levels in place of zeros and ones. Does it still die?*
# 3. *(2) is also $\log(1 + e^z) - zt$. Why not write that?*
#
# ## Answers
#
# 1. $8 \ln 2 = 5.55$, the logit of $p = 0.996$. In mixed precision compute this loss in float32, and from logits.
# 2. If it overshoots: for $t = 254/255$ the minimum is at 5.5. But one pixel that is exactly 255 is enough.
# 3. $e^z$ overflows in float32 from 88.7; and at $t = 1$ two numbers of size $z$ are subtracted to give $e^{-z}$.

# %%
numbers = {
    f"{what}, {rule}, {seed}": {key: run[key] for key in ("failed", "true", "lost")}
    | {"reported": [value for value in run["reported"] if np.isfinite(value)]}  # naive ends with NaN
    for what, those in (("death", death), ("from N(0, 1)", stuck))
    for (rule, seed), run in those.items()
}
chapter.finish(figure, {"best_constant": constant, "double_fails_at": double["failed"], **numbers})
print(
    "From probabilities the loss hides or kills what is most wrong. Hand the logits to the loss, and keep the sigmoid."
)
