# %% [markdown]
# # Nine wrong gradients, eight of which train: compare the decrease with the promise
#
# The backward pass is yours. The loss falls, then hardly falls any more, well above what others report, while the
# gradients you print are anything but small. A smaller learning rate makes it slower, a larger one makes it jump. So
# it must be the learning rate, the optimizer, a local minimum, the capacity?
#
# *Failure modes: F08 · networks: tied autoencoder, 196 – 196 · advice: gradient checks and their tolerance*

# %% [markdown]
# ## Is it yours?
#
# On the screen, at the same rate and from the same weights:
#
# ```text
#                               loss at step 300   true gradient   decrease / promise
# right                               0.17             0.001               1.00
# the decoder's part missing          0.20             0.009               1.10
# ```
#
# One measurement. A gradient makes a promise: along its direction $d$ the loss falls by $\eta\,\langle d, d\rangle$ in
# a small step $\eta$. With the right gradient $g$ it falls by $\eta\,\langle g, d\rangle$. The ratio of decrease and
# promise, $R = \langle g, d\rangle / \langle d, d\rangle$, is 1 for $d = g$, wherever it is measured, and takes two
# evaluations of the loss, where the loss has stalled. No learning rate, no minimum and no capacity changes it.
#
# Nine mistakes are planted here, each as one writes it. On trial:
#
# 1. a falling loss says nothing: any $d$ within 90° of $g$ trains;
# 2. a wrong gradient has another $R$, unless what is wrong is *missing*: if $d$ is $g$ with some entries set to zero,
#    then $\langle g, d\rangle = \langle d, d\rangle$ and $R = 1$. That takes a gradient check (chapter 01);
# 3. a check to a relative error of 1e-2 over all parameters together (the notes of Stanford's CS231n call a gradient
#    probably wrong above that, doubtful above 1e-4, and it is easy to stop at the first) passes five of the nine, where
#    the weights are small: everything that comes through the encoder is proportional to the decoder's weights.

# %%
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np

from scratchdae import floors, gradcheck
from scratchdae.chapter import Chapter
from scratchdae.corruption import masking
from scratchdae.datasets import digits, to_float
from scratchdae.plots import BLUE, ORANGE, floor_line

chapter = Chapter.begin("26_wrong_backward")
rng = np.random.default_rng([chapter.seed, 26])

D = H = 196  # square, so that a transposed gradient has the right shape
N_IMAGES, STEPS, MORE = (120, 80, 20) if chapter.quick else (300, 300, 50)
LR = 30.0  # of the loss averaged over images and pixels; 0.15 of the sum over pixels
LR_AFTER = 10.0  # of the continuation
NU, SIGMA = 0.3, 0.1  # share of destroyed pixels; standard deviation of the first weights
TINY, LOOSE = 0.001, 1e-2  # the weights and the tolerance of claim 3

x = to_float(digits().x_train[:N_IMAGES], side=14)
x_tilde = masking(x, NU, rng)
constant, floor = floors.constant(x, loss="cross_entropy"), floors.cross_entropy(x)


def first_weights(sigma, n=D):
    """Draw the weights; the biases are not zero, so that nothing is at a special point."""
    draw = np.random.default_rng([chapter.seed, 27]).standard_normal
    return {"W": sigma * draw((n, n)), "b": 0.1 * draw(n), "b_prime": 0.1 * draw(n)}


# %% [markdown]
# ## The run
#
# The parts that all variants share, the right gradient, and the nine wrong ones, each beside what it replaces. The
# numbers are those of `scratchdae/autoencoder.py`: (8) the decoder's part of $dW$, (10) the slope of the hidden units,
# (12) the encoder's part. They train on the embedded digits, which a program draws, averaged to 14×14 pixels.


# %%
def sigmoid(a):
    return 1 / (1 + np.exp(-a))  # takes complex numbers, which the complex step needs


def parts(params, x_tilde, x):
    """Run forwards, and backwards as far as most variants agree: the loss, and what a gradient is made of."""
    y = sigmoid(x_tilde @ params["W"] + params["b"])
    a_z = y @ params["W"].T + params["b_prime"]
    loss = (np.log1p(np.exp(a_z)) - x * a_z).mean()
    da_z = (sigmoid(a_z) - x) / x.size
    dy = da_z @ params["W"]
    return loss, SimpleNamespace(x=x, x_tilde=x_tilde, y=y, da_z=da_z, dy=dy, da_y=dy * y * (1 - y))  # (10)


def right(p):
    """Return the gradient."""
    return {"W": p.da_z.T @ p.y + p.x_tilde.T @ p.da_y, "b": p.da_y.sum(axis=0), "b_prime": p.da_z.sum(axis=0)}


RIGHT, DECODER, SLOPE, BIASES, UPHILL = "right", "decoder's part", "y(1 − y)", "sums of biases", "sign of everything"
BROKEN = {  # what is missing or wrong, and what stands there in place of the right gradient
    DECODER: lambda p: {"W": p.x_tilde.T @ p.da_y},  # (8) is missing
    "encoder's part": lambda p: {"W": p.da_z.T @ p.y},  # (12) is missing
    "x for x̃": lambda p: {"W": p.da_z.T @ p.y + p.x.T @ p.da_y},
    "half of everything": lambda p: {name: gradient / 2 for name, gradient in right(p).items()},
    SLOPE: lambda p: {"W": p.da_z.T @ p.y + p.x_tilde.T @ p.dy, "b": p.dy.sum(axis=0)},
    BIASES: lambda p: {"b": p.da_y[0], "b_prime": p.da_z[0]},  # those of the first example
    "encoder transposed": lambda p: {"W": p.da_z.T @ p.y + p.da_y.T @ p.x_tilde},  # NumPy objects unless D = H
    "encoder's sign": lambda p: {"W": p.da_z.T @ p.y - p.x_tilde.T @ p.da_y},
    UPHILL: lambda p: {name: -gradient for name, gradient in right(p).items()},
}
ENCODER_HALF = {"encoder's part", "x for x̃", SLOPE, "encoder transposed", "encoder's sign"}
VARIANTS = (RIGHT, *BROKEN)


def gradient(variant, params, x_tilde=x_tilde, x=x):
    """Return the loss and what this variant takes for its gradient."""
    loss, p = parts(params, x_tilde, x)
    return loss, right(p) | (BROKEN[variant](p) if variant in BROKEN else {})


def norm(grads):
    """Return the length of all gradients as one vector."""
    return float(np.sqrt(sum((value**2).sum() for value in grads.values())))


def promise_kept(variant, params):
    """Return R, measured: the decrease of the loss along d, over the one that d promises."""
    d = gradient(variant, params)[1]
    v = {name: value / norm(d) for name, value in d.items()}
    return gradcheck.central_difference(lambda q: gradient(RIGHT, q), params, v, 1e-4) / norm(d)


def descend(variant, params, steps, lr):
    """Train by plain gradient descent on all images, so that nothing is noise; return the losses and the weights."""
    losses = []
    for _ in range(steps):
        loss, d = gradient(variant, params)
        losses.append(float(loss))
        params = {name: value - lr * d[name] for name, value in params.items()}
        if loss > 3 * losses[0]:
            break  # there is nothing more to see
    return losses, params


runs = {}
for variant in VARIANTS:
    first = first_weights(SIGMA)
    losses, params = descend(variant, first, STEPS, LR)
    kept = [promise_kept(variant, first), promise_kept(variant, params)]
    after = [descend(rule, params, MORE, LR_AFTER)[0][-1] for rule in (variant, RIGHT)]  # the second is the repair
    runs[variant] = {"losses": losses, "kept": kept, "gradient": norm(gradient(RIGHT, params)[1]), "continued": after}

# %% [markdown]
# **The gradient check** of chapter 01, on a small square network, and the global relative error of claim 3.

# %%
small, x_small = first_weights(0.5, 8), rng.random((5, 8))
pair = masking(x_small, 0.5, rng), x_small
reports = {name: gradcheck.check(lambda q, name=name: gradient(name, q, *pair), small) for name in VARIANTS}
named = {variant: {row.name for row in report.rows if not row.ok} for variant, report in reports.items()}
wrong_in = {RIGHT: set()} | {name: set(rule(parts(small, *pair)[1])) for name, rule in BROKEN.items()}
tiny = {name: gradient(name, first_weights(TINY))[1] for name in VARIANTS}
global_error = {
    name: norm({key: d[key] - tiny[RIGHT][key] for key in d}) / norm(tiny[RIGHT]) for name, d in tiny.items()
}
print(f"best constant {constant:.4f}, entropy of the targets {floor:.4f} (nats per pixel)")
print("variant            last loss  R first   R last  |g| last  continued, repaired  global error, small weights")
for variant, run in runs.items():
    row = (run["losses"][-1], *run["kept"], run["gradient"], *run["continued"])
    print(f"{variant:<20}" + "".join(f"{value:9.4f} " for value in row) + f" {global_error[variant]:.1e}")

# %% [markdown]
# ## The check

# %%
for variant, report in reports.items():
    assert named[variant] == wrong_in[variant], f"{variant}: must name {wrong_in[variant]}, named {named[variant]}"
    assert report.direction.ok == (variant == RIGHT), f"{variant}: a random direction says the opposite"
for variant, run in runs.items():
    off = abs(run["kept"][1] - 1)
    if variant in (RIGHT, BIASES):  # most of what is wrong with the biases is missing
        assert off < (1e-5 if variant == RIGHT else 1e-2), f"{variant}: R must be 1, found 1 ± {off:.1e}"
    else:
        assert off > 0.02, f"{variant}: R must give it away after training, found 1 ± {off:.1e}"
    last = run["losses"][-1]
    learnt = last < constant if variant != UPHILL else last > run["losses"][0]
    assert learnt, f"{variant}: all but the last must look as if they learned, found {last:.4f}"
    wrong, repaired = run["continued"]
    if variant not in (RIGHT, "x for x̃", SLOPE, BIASES):  # two are ahead for a while, one is level
        assert repaired < wrong, f"{variant}: going on right {repaired:.4f}, going on wrong {wrong:.4f}"
for variant, ratio in (("half of everything", 2), (UPHILL, -1)):
    assert abs(runs[variant]["kept"][0] - ratio) < 1e-5, f"{variant}: R = {ratio}, found {runs[variant]['kept'][0]}"
lag = runs[DECODER]["losses"][-1] - runs[RIGHT]["losses"][-1]
assert lag > 0.005, f"without the decoder's part it must stall above the right one, found {lag:.4f} above"
passed = {variant for variant in BROKEN if global_error[variant] < LOOSE}
assert passed == ENCODER_HALF, f"small weights must hide the encoder's half and nothing else, {passed} passed"

# %% [markdown]
# ## The figure

# %%
figure, (course, promise) = plt.subplots(1, 2, figsize=(9, 5), layout="constrained")
for variant in (*BROKEN, RIGHT):
    if variant != UPHILL:
        blue = variant == RIGHT
        course.plot(runs[variant]["losses"], color=BLUE if blue else ORANGE, linewidth=3 if blue else 1)
floor_line(course, constant)
course.text(STEPS, constant + 0.003, "best constant", ha="right", va="bottom")
course.text(0.3 * STEPS, 0.36, "blue: the right gradient\norange: eight wrong ones", va="center")
course.set(xlabel="step", ylabel="cross-entropy (nats per pixel)", ylim=(0.14, 0.42))
course.set_title("Eight of nine wrong gradients train")

for place, marker, color in ((0, "o", BLUE), (1, "D", ORANGE)):
    values = [runs[variant]["kept"][place] for variant in VARIANTS]
    promise.plot(values, range(len(VARIANTS)), marker, color=color, markersize=8, fillstyle="none")
promise.axvline(1, color="black", linestyle=":", linewidth=1)
promise.set_yticks(range(len(VARIANTS)), VARIANTS)
promise.invert_yaxis()
promise.set(xlabel="R (circle: first step, diamond: last)")
promise.set_title("After training R is not 1, but for the biases")

# %% [markdown]
# ## The cause
#
# **The promise.** A factor 1/2 gives $R = 2$, a wrong sign $-1$, a sum in place of a mean over $D$ pixels $1/D$. For
# most others $R$ begins within a few percent of 1 and moves away as training goes on: training drives $d$ to zero, not
# $g$, and what is left of $d$ is more and more what is wrong with it. So measure where the loss has stalled.
#
# **What it does not see.** If $d = Pg$ with a projection $P$, then $\langle g, Pg\rangle = \langle Pg, Pg\rangle$ and
# $R = 1$. `sums of biases` is nearly that: one example of hundreds is almost nothing, the biases hardly move. Its
# curve cannot be told from the right one either. A *random* direction sees it, $\langle g, v\rangle$ against
# $\langle d, v\rangle$, and so does the complex step, which names `b` and `b_prime`.
#
# **Large gradients?** At the last step the true gradient is several times as long as the right run's without the
# decoder's part, without the slope and with the wrong sign, and about as long in the others that train: the description
# that opens this chapter fits three mistakes of nine. **And a loss convicts nobody**: without $y(1 - y)$ the encoder
# learns at least four times as fast, and may be ahead for a while.
#
# **The tolerance.** The encoder's part is $\tilde x^\top [(da_z W) \odot y \odot (1 - y)]$: proportional to $W$. The
# decoder's part, $da_z^\top y$, and $db'$ are not. At $\sigma = 0.001$ the missing encoder's part passes, half of the
# algorithm. Check with weights of order 1/2, unequal sizes, corrupted inputs, nonzero biases, each parameter by itself,
# and a tolerance next to round-off.
#
# ## The cure in PyTorch
#
# The usual place is an `autograd.Function` of one's own, here `operation`, with `inputs` that it is tried on.
#
# ```python
# params = list(model.parameters())
# before = loss_function(model(x), x)
# grads = torch.autograd.grad(before, params)
# promise = sum(d.square().sum() for d in grads)
# step = 1e-3 * before.item() / promise.item()
# with torch.no_grad():
#     torch._foreach_add_(params, grads, alpha=-step)
#     ratio = ((before - loss_function(model(x), x)) / (step * promise)).item()  # 1 if the gradient is right
#     torch._foreach_add_(params, grads, alpha=step)
#
# right = torch.autograd.gradcheck(operation, inputs, raise_exception=False)  # float64; else use what autograd knows
# ```
#
# ## The cure in Keras
#
# ```python
# step, weights, whole = 0.01, model.get_weights(), {"batch_size": len(x), "verbose": 0}
# model.compile(keras.optimizers.SGD(step), "mse")
# before = model.evaluate(x, x, **whole)
# model.fit(x, x, epochs=1, **whole)
# moved = sum(float(((new - old) ** 2).sum()) for new, old in zip(model.get_weights(), weights))
# ratio = (before - model.evaluate(x, x, **whole)) / (moved / step)  # 1 if the gradient is right; halve step: still 1
# model.set_weights(weights)
# ```
#
# ## Exercises
#
# 1. *Someone forgets to update $b'$ altogether. What do $R$, the complex step and the curve say?*
# 2. *The loss has a penalty $\lambda \sum W^2$, the gradient does not. What is $R$?*
# 3. *The corruption is drawn anew at each evaluation. Can the promise still be tested?*
# 4. *Which mistake vanishes on clean data, and which on a network with $D \ne H$?*
#
# ## Answers
#
# 1. $R = 1$: a projection. The complex step names `b_prime`. The curve says nothing: the hidden units supply the mean.
# 2. $1 + 2\lambda\,\langle W, d\rangle / \langle d, d\rangle$, which grows as $d$ gets small.
# 3. Not so: two draws differ by more than a small step changes. Give both evaluations the same draw.
# 4. `x for x̃`: without corruption they are equal. `encoder transposed`: NumPy refuses the sum of other shapes.

# %%
rows = {
    variant: run | {"losses": run["losses"][-1], "named": sorted(named[variant]), "global_error": global_error[variant]}
    for variant, run in runs.items()
}
chapter.finish(figure, {"constant": constant, "floor": floor, "variants": rows})
print(
    "A falling loss proves no gradient. Compare a small step's decrease with its promise: anything but 1 is a mistake."
)
