# %% [markdown]
# # A gradient check cannot tell you that the loss is wrong; a reference can, and names what is wrong with it
#
# Your gradients agree with your loss to the last digit, training runs, and still the numbers are not the paper's: the
# learning rate that works there crawls here, or single pixels cost 15.94, or 100, and nothing moves any more. Every
# check that compares an implementation with itself passes.
#
# *Failure modes: F08 wrong backward, F24 wrong objective, F25 cross-entropy on probabilities · advice: check your
# gradients numerically*

# %% [markdown]
# ## The claim
#
# PyTorch, Keras and scikit-learn do, on purpose or not, something else than the paper:
#
# 1. PyTorch's `BCELoss` averages over all $B \cdot D$ entries, where the paper sums over $D$; and it cuts logarithms
#    off at $-100$, so that a confident mistake costs 100 and has no gradient;
# 2. Keras' `BinaryCrossentropy` clips probabilities to $[10^{-7}, 1 - 10^{-7}]$: no entry can cost more than
#    $-\log 10^{-7} = 16.118$, in single precision 15.942 where the target is 0, and beyond its gradient is exactly 0;
# 3. scikit-learn's `MLPRegressor` halves the squared error and averages it over the outputs too, but its gradient is
#    that of the half summed over them: loss and gradient differ by the number of outputs, $D$.
#
# Held to frozen cases, each can be found without reading its source. Below they are written as their authors have
# them; the project's tests hold the frameworks themselves to the same cases, and get the same names.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae.activations import sigmoid
from scratchdae.chapter import Chapter
from scratchdae.conformance import Unsupported, check
from scratchdae.losses import cross_entropy
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("31_conformance")
SIZES = (2, 8, 32) if chapter.quick else (2, 4, 8, 16, 32, 64, 128)  # outputs D of the last panel
SHOWN = np.linspace(-5, 45, 201 if chapter.quick else 1001)  # pre-activations of the first two
EPSILON = 1e-7  # Keras' keras.config.epsilon()
TORCH_EPSILON = float(np.float32(1e-12))  # PyTorch divides by at least this, a constant of single precision
ONE_FROM = 24 * np.log(2)  # 16.6355: a sigmoid is exactly 1 from here on in float32, from 53 ln 2 = 36.74 in float64

# %% [markdown]
# ## The run: an implementation, asked in ten lines
#
# An adapter is any object with a method for each operation that it knows; inputs and answer are dicts of arrays. This
# one is the right one, the loss of the library from pre-activations.


# %%
class Mine:
    """Repaired: from the pre-activations, summed over D and averaged over B, or over both where the case says so."""

    name = "mine"

    def loss(self, inputs, conventions):
        if conventions["loss"] != "cross_entropy":
            raise Unsupported("only the cross-entropy")
        loss, d_a = cross_entropy(inputs["a"], inputs["target"], conventions["reduction"])
        return {"loss": loss, "d_a": d_a}


# %% [markdown]
# And the three others. Each is the framework's arithmetic, with the derivative that its automatic differentiation, or
# its hand-written backward pass, makes of it.


# %%
class BCELoss:
    """Broken: PyTorch's, on probabilities, with its default reduction."""

    name = "BCELoss"

    def loss(self, inputs, conventions):
        if conventions["loss"] != "cross_entropy":
            raise Unsupported("only the cross-entropy")
        x, z = inputs["target"], sigmoid(inputs["a"])
        with np.errstate(divide="ignore"):  # log 0 is cut off
            losses = -(x * np.maximum(np.log(z), -100) + (1 - x) * np.maximum(np.log1p(-z), -100))
        dz = (z - x) / np.maximum((1 - z) * z, TORCH_EPSILON) / x.size
        return {"loss": losses.mean(), "d_a": dz * z * (1 - z)}


class BinaryCrossentropy:
    """Broken: Keras', with its sum over the batch, so that only the clipping is left to be found."""

    name = "BinaryCrossentropy"

    def loss(self, inputs, conventions):
        if conventions["loss"] != "cross_entropy":
            raise Unsupported("only the cross-entropy")
        x, z = inputs["target"], sigmoid(inputs["a"])
        low = z.dtype.type(EPSILON)
        p = np.clip(z, low, 1 - low)
        by = x.size if conventions["reduction"] == "mean" else len(x)
        losses = -(x * np.log(p) + (1 - x) * np.log(1 - p))
        dz = np.where(p == z, (p - x) / (p * (1 - p)), 0) / by  # a clip passes no gradient
        return {"loss": losses.sum() / by, "d_a": dz * z * (1 - z)}


class MLPRegressor:
    """Broken: scikit-learn's squared error and the delta that its backward pass begins with."""

    name = "MLPRegressor"

    def loss(self, inputs, conventions):
        if conventions["loss"] != "squared_error":
            raise Unsupported("only the squared error")
        z, x = inputs["a"], inputs["target"]
        return {"loss": ((z - x) ** 2).mean() / 2, "d_a": (z - x) / len(x)}


reports = {
    adapter.name: check(adapter, groups=["loss"])
    for adapter in (Mine(), BCELoss(), BinaryCrossentropy(), MLPRegressor())
}
for report in reports.values():
    print(report)

# %% [markdown]
# Three further measurements, to see with one's own eyes what the explainer says: the loss of one entry and its
# gradient as the prediction becomes ever more confident and ever more wrong, and how far scikit-learn's gradient is
# from the slope of its own loss. The frozen cases are in double precision, so that a mistake stands out; the first two
# are measured in float32, in which PyTorch and Keras train unless they are told otherwise.


# %%
def entry(adapter, a):
    """Return loss and gradient of one entry with target 0."""
    case = {"a": np.array([[a]], np.float32), "target": np.zeros((1, 1), np.float32)}
    answer = adapter.loss(case, {"loss": "cross_entropy", "reduction": "paper"})
    return float(answer["loss"]), float(answer["d_a"][0, 0])


curves = {
    adapter.name: np.array([entry(adapter, a) for a in SHOWN]).T
    for adapter in (Mine(), BCELoss(), BinaryCrossentropy())
}


def gradient_over_slope(D, rng):
    """Return <d_a, v> over the slope of the loss along v, for scikit-learn's squared error with D outputs."""
    z, x, v = rng.random((3, 5, D))
    ask = MLPRegressor().loss
    about = {"loss": "squared_error", "reduction": "paper"}
    h = 1e-4
    above, below = (ask({"a": z + side * h * v, "target": x}, about)["loss"] for side in (1, -1))
    return float((ask({"a": z, "target": x}, about)["d_a"] * v).sum() / ((above - below) / (2 * h)))


rng = np.random.default_rng(chapter.seed)
ratios = np.array([gradient_over_slope(D, rng) for D in SIZES])


# %% [markdown]
# ## The assertions


# %%
def named(adapter, case):
    """Return the sets of mistakes that explain an answer."""
    result = next(result for result in reports[adapter].results if result.case.name == case)
    return [finding.ids for finding in result.explanation.findings] if result.explanation else None


assert all(result.status != "disagrees" for result in reports["mine"].results), "the reference must agree with itself"
assert named("BCELoss", "cross_entropy_paper") == [{"reduction:element_mean"}], named("BCELoss", "cross_entropy_paper")
assert named("BCELoss", "cross_entropy_extreme") == [{"reduction:element_mean", "clamped_logarithms"}]
assert named("BCELoss", "cross_entropy_mean") is None, "with the mean as convention BCELoss is right"
assert named("BinaryCrossentropy", "cross_entropy_paper") is None, "unsaturated, the clip does nothing"
assert named("BinaryCrossentropy", "cross_entropy_extreme") == [{"clipped_probabilities"}]
assert named("MLPRegressor", "squared_error_paper") == [{"loss_factor:1/2D", "gradient_factor:1/2"}]

beyond = SHOWN > ONE_FROM
assert np.all(curves["BCELoss"][0][beyond] == 100), "a hopeless prediction costs 100"
assert np.all(curves["BCELoss"][1][beyond] == 0), "and has no gradient"
before = curves["BCELoss"][0][~beyond].max()
assert before < 16, f"just before it costs 15.94 at most, found {before:.3f}"
cap = 23 * np.log(2)  # 1 − 1e-7 is rounded to 1 − 2⁻²³
assert np.allclose(curves["BinaryCrossentropy"][0][beyond], cap, rtol=1e-6), "no entry costs more than 15.942"
assert np.all(curves["BinaryCrossentropy"][1][beyond] == 0), "and beyond nothing moves"
assert np.allclose(curves["mine"][0], np.logaddexp(0, SHOWN), rtol=1e-6)
assert np.all(curves["mine"][1][beyond] > 0.9999999), "from the pre-activations the gradient stays 1"
assert np.allclose(ratios, SIZES, rtol=1e-8), f"the gradient is D times the slope, found {ratios}"

# %% [markdown]
# ## The figure

# %%
figure, (loss_ax, slope_ax, ratio_ax) = plt.subplots(1, 3, figsize=(15, 4.8), layout="constrained")
styles = {"mine": (BLUE, "-", 3), "BCELoss": (ORANGE, "--", 2), "BinaryCrossentropy": ("black", ":", 2)}
labels = {
    "mine": "from pre-activations",
    "BCELoss": "PyTorch's BCELoss",
    "BinaryCrossentropy": "Keras' BinaryCrossentropy",
}
for name, (color, line, width) in styles.items():
    for ax, values in zip((loss_ax, slope_ax), curves[name], strict=True):
        ax.plot(SHOWN, values, line, color=color, linewidth=width, label=labels[name])
loss_ax.axhline(cap, color=GREY, linewidth=0.8)
loss_ax.text(45, cap + 1.5, f"{cap:.3f}", ha="right", color=GREY)
for ax in (loss_ax, slope_ax):
    ax.axvline(ONE_FROM, color=GREY, linewidth=0.8)
slope_ax.text(ONE_FROM + 0.7, 0.5, "24 ln 2: from here on\nthe sigmoid is 1", color=GREY)
loss_ax.set(xlabel="pre-activation a, target 0", ylabel="loss of the entry (nats)")
loss_ax.set_title("Confidently wrong, in float32: one loss goes on,\none jumps to 100, one stops at 15.942")
slope_ax.set(xlabel="pre-activation a, target 0", ylabel="gradient with respect to a")
slope_ax.set_title("What the mistake is punished with:\n1, or nothing at all")
loss_ax.legend(loc="center right", bbox_to_anchor=(1, 0.72))
ratio_ax.loglog(SIZES, SIZES, color=GREY, linewidth=1, label="D")
ratio_ax.loglog(SIZES, ratios, "o", color=ORANGE, markersize=8, label="measured")
ratio_ax.set(xlabel="outputs D", ylabel="gradient along v / slope of the loss along v")
ratio_ax.set_title("scikit-learn's regressor: its gradient\nis D times that of the loss it reports")
ratio_ax.legend()
for ax in (loss_ax, slope_ax, ratio_ax):
    ax.grid(alpha=0.3)
chapter.finish(
    figure,
    {
        "finding": "each of three deviations is found by the frozen cases and named",
        "cases": {
            name: {
                result.case.name: {
                    "status": result.status,
                    "explained_by": [sorted(ids) for ids in named(name, result.case.name) or []],
                }
                for result in report.results
                if result.status != "unsupported"
            }
            for name, report in reports.items()
        },
        "most_that_an_entry_costs": {name: float(values[0].max()) for name, values in curves.items()},
        "outputs": list(SIZES),
        "gradient_over_slope": ratios,
    },
)

# %% [markdown]
# ## The cause
#
# **A reduction is a learning rate.** With $D = 784$ the mean over entries makes loss and gradient 784 times smaller
# than the paper's. Gradient descent with the paper's learning rate of 0.1 then takes steps of $1.3 \cdot 10^{-4}$; Adam
# does not notice, which is why it goes unnoticed. A gradient check compares the two halves of one program and is
# content.
#
# **A clip is a plateau.** $\min(\max(z, \epsilon), 1 - \epsilon)$ has derivative zero outside. An output that has
# saturated on the wrong side is the one that needs a gradient most, and it gets none: chapter 16 shows a network that
# is paralysed by it. From the pre-activation the gradient is $s(a) - x$, which tends to 1 where the mistake is largest.
#
# **Loss and gradient are two programs.** scikit-learn's loss is $\frac{1}{2BD}\sum (z - x)^2$, the delta of its
# backward pass $(z - x)/B$, that of $\frac{1}{2B}\sum (z - x)^2$. The optimizer sees only the second, so it trains.
# Whoever checks the gradient against the reported loss finds a factor $D$; whoever compares its losses with another
# library's finds $2D$. The explainer reports what it can know: two factors, and that it takes both.
#
# **Why several cases.** At $a = 0$ everywhere (`cross_entropy_undecided`) the loss alone cannot be told from one that
# is divided by $D$ once more. The unsaturated cases cannot see a clip. So the answers to all cases of an operation are
# explained together. Each case says in its manifest which mistake it is aimed at.

# %% [markdown]
# ## Exercises
#
# 1. *Give `BCELoss` the sum over all entries, divided by $B$. Which cases still disagree?*
#
#    `cross_entropy_extreme` alone (and `cross_entropy_mean`, whose convention it then no longer follows): the clamp is
#    left, and is named alone.
#
# 2. *Keras' cap is written $-\log(10^{-7}) = 16.118$ for target 1. In float32 it is 15.942 for target 0. Why?*
#
#    $1 - 10^{-7}$ rounds to $1 - 2^{-23}$ in float32, so $-\log(1 - p) = 23 \ln 2 = 15.942$.
#
# 3. *How would you hold an implementation in another language to the cases?*
#
#    `scratchdae conform run --exec "./mine {case_dir} {out_dir}"`: it reads and writes safetensors, or `.npy`.
