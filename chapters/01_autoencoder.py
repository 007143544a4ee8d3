# %% [markdown]
# # A gradient with a missing term still trains, so check it, do not watch it
#
# You wrote an autoencoder by hand. The loss falls from the first step, the reconstructions look like digits, if a
# little soft. More hidden units do not help, nor do other learning rates, and somebody else's program gets a loss you
# never reach. Is it the rate, the initialisation, the data? Quite often it is one line of the backward pass.

# %% [markdown]
# ## Is it yours?
#
# Same weights, batches and rate; the loss in nats per digit on held-out digits of 14×14 pixels, half destroyed:
#
# ```text
#                              epoch 1    epoch 30    a gradient check names
# right                          44         36               nothing
# x for x̃ in one product        43         39               W
# the decoder's part missing     56         37               W
# 0.05 % too large in db         44         36               b
# best constant                  52
# ```
#
# ![Four losses that all fall, and the error of a measured derivative against its step](../figures/01_autoencoder.png)
#
# **The one measurement** is a gradient check by complex step, on a small network with float64, corrupted inputs and
# weights that do not saturate: `print(scratchdae.gradcheck.check(loss_and_grads, params))` for a function of yours.
#
# ## The claim
#
# The model is that of Vincent, Larochelle, Bengio and Manzagol (*Extracting and composing robust features with
# denoising autoencoders*, ICML 2008), sections 2.1 to 2.3. Part of the input $x$ is destroyed, which gives $\tilde x$;
# the hidden representation $y$ and the reconstruction $z$ follow; the loss compares $z$ with the *clean* $x$. Batches
# are rows, so $W$ is the transpose of the paper's, $(D, H)$. Equations are numbered as in `scratchdae/autoencoder.py`.
#
# $$ a_y = \tilde x W + b,\ \ y = s(a_y) \quad (1), \qquad a_z = y W^\top + b',\ \ z = s(a_z) \quad (2), $$
# $$ L = \tfrac1B \textstyle\sum_{\text{batch}} \sum_k \bigl[\log(1 + e^{a_{z,k}}) - x_k\, a_{z,k}\bigr] \quad (3). $$
#
# (3) is the paper's cross-entropy $-\sum_k [x_k \log z_k + (1 - x_k)\log(1 - z_k)]$ with $\log z = a - \log(1 + e^a)$
# and $\log (1 - z) = -\log(1 + e^a)$ put in. The same $W$ encodes and decodes: the weights are *tied*. On trial:
#
# 1. The gradient derived below is right to the last digit of float64. The complex step (Squire and Trapp, SIAM Review
#    1998) can show it, because it does not subtract; a central difference cannot see past about $10^{-10}$.
# 2. A loss that goes down is no evidence for a gradient. That it goes less far shows only beside the right one.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import autoencoder, floors, gradcheck, streams
from scratchdae.chapter import Chapter
from scratchdae.corruption import masking
from scratchdae.datasets import digits, to_float
from scratchdae.initializers import sigmoid_uniform
from scratchdae.plots import BLUE, GREY, ORANGE, floor_line

chapter = Chapter.begin("01_autoencoder")

D, H, B = 12, 7, 5  # the small network on which gradients are checked: unequal, so that a transpose cannot hide
N_TRAIN, N_HIDDEN, EPOCHS = 2500, 50, 12 if chapter.quick else 30
BATCH_SIZE, LR, NU = 20, 0.1, 0.5  # NU: the fraction of the components destroyed

# %% [markdown]
# ## The backward pass, line by line
#
# Write $dv$ for $\partial L / \partial v$; it has the shape of $v$. **The output**: $\log(1 + e^a)$ has the derivative
# $s(a)$, so $da_z = (z - x)/B$ (5). No $z(1-z)$ is left over, as there is with the squared error (6).
#
# **The decoder**, $a_{z,nk} = \sum_j y_{nj} W_{kj} + b'_k$ for example $n$. Each $b'_k$ is added once per example; the
# slope by $W_{kj}$, $y_{nj}$, is summed over the examples; that by $y_{nj}$, $W_{kj}$, over the outputs $k$ it feeds:
#
# $$ db' = \textstyle\sum_{\text{batch}} da_z \quad (7), \qquad dW_{\text{decoder}} = da_z^\top\, y \quad (8), \qquad
#    dy = da_z\, W \quad (9). $$
#
# **The hidden units**, each for itself, have $s' = s(1 - s)$. **The encoder**, $a_{y,nj} = \sum_k \tilde x_{nk}
# W_{kj} + b_j$, is as the decoder. What it saw was $\tilde x$, so it is $\tilde x$, not $x$, that multiplies:
#
# $$ da_y = dy \odot y \odot (1 - y) \quad (10), \qquad db = \textstyle\sum_{\text{batch}} da_y \quad (11), \qquad
#    dW_{\text{encoder}} = \tilde x^\top da_y \quad (12). $$
#
# **Tied weights.** $W$ occurs twice in $L$, so its gradient is the sum over the occurrences, $dW = (8) + (12)$. (13) is
# $d\tilde x = da_y W^\top$, for stacked layers. The code refuses no complex numbers: the proof needs that.


# %%
RIGHT, DECODER, CLEAN, OFF = "right", "decoder's part missing", "x for x̃", "db 0.05 % too large"
WRONG_IN = {DECODER: {"W"}, CLEAN: {"W"}, OFF: {"b"}}  # the broken variants, and what a gradient check should name


def loss_and_grads(params, x_tilde, x, variant=RIGHT):
    """Return the loss and its gradient, or what a variant takes for it."""
    W, b, b_prime = params["W"], params["b"], params["b_prime"]
    y = 1 / (1 + np.exp(-(x_tilde @ W + b)))  # (1)
    a_z = y @ W.T + b_prime  # (2)
    loss = (np.log1p(np.exp(a_z)) - x * a_z).sum() / len(x)  # (3)
    da_z = (1 / (1 + np.exp(-a_z)) - x) / len(x)  # (5)
    da_y = (da_z @ W) * y * (1 - y)  # (9), (10)
    db, db_prime = da_y.sum(axis=0), da_z.sum(axis=0)  # (11), (7)
    dW = da_z.T @ y + x_tilde.T @ da_y  # (8) + (12)
    if variant == DECODER:
        dW = x_tilde.T @ da_y  # broken: as if only the encoder had W
    elif variant == CLEAN:
        dW = da_z.T @ y + x.T @ da_y  # broken: without corruption it makes no difference
    elif variant == OFF:
        db = 1.0005 * db  # broken
    return loss, {"W": dW, "b": db, "b_prime": db_prime}


# %% [markdown]
# ## The run
#
# **Watched**: each variant trains on the embedded digits, which a program draws, averaged to 14×14 pixels.

# %%
x_train, x_test = (to_float(x, np.float32, side=14) for x in (digits().x_train[:N_TRAIN], digits().x_test))
x_test_tilde = masking(x_test, NU, np.random.default_rng([chapter.seed, 2]))
constant = 196 * floors.constant(x_test.astype(np.float64), "cross_entropy")
first = {"W": sigmoid_uniform((196, N_HIDDEN), streams(chapter.seed).initialisation, np.float32)}
first |= {"b": np.zeros(N_HIDDEN, np.float32), "b_prime": np.zeros(196, np.float32)}


def train(variant):
    """Take plain gradient steps with what a variant calls a gradient; return the held-out loss of each epoch."""
    generators, params, losses = streams(chapter.seed), first, []
    for _ in range(EPOCHS):
        for rows in generators.shuffling.permutation(N_TRAIN).reshape(-1, BATCH_SIZE):
            x_tilde = masking(x_train[rows], NU, generators.corruption)
            _, grads = loss_and_grads(params, x_tilde, x_train[rows], variant)
            params = {name: value - LR * grads[name] for name, value in params.items()}
        losses.append(float(loss_and_grads(params, x_test_tilde, x_test)[0]))
    return losses


held_out = {variant: train(variant) for variant in (RIGHT, *WRONG_IN)}

# %% [markdown]
# **Checked.** Two measurements only evaluate the loss. Along a direction $v$, with $f(h) = L(\theta + hv)$:
#
# - the **central difference** $[f(h) - f(-h)]/2h$. Its truncation error is $|f'''|h^2/6$; its round-off about
#   $\varepsilon |f|/h$, because two nearly equal numbers of size $|f|$ are subtracted, each rounded to $\varepsilon =
#   2^{-53}$. The sum is a V on logarithmic axes, with its bottom at $h^* = (3\varepsilon|f|/|f'''|)^{1/3}$;
# - the **complex step** $\operatorname{Im} f(ih)/h$. Expand: $f(ih) = f + ihf' - h^2f''/2 - ih^3f'''/6 + \dots$ The
#   imaginary part divided by $h$ is $f' - h^2f'''/6$, and *nothing was subtracted*. So $h$ may be $10^{-30}$:
#   truncation vanishes, round-off does not come.

# %%
rng = np.random.default_rng([chapter.seed, 1])
params = {"W": 0.5 * rng.standard_normal((D, H)), "b": 0.3 * rng.standard_normal(H)}
params["b_prime"] = 0.3 * rng.standard_normal(D)
x = rng.random((B, D))
x_tilde = masking(x, NU, rng)
loss, grads = loss_and_grads(params, x_tilde, x)
library = autoencoder.loss_and_grads(params, x_tilde, x)[1]
difference = max(float(np.abs(grads[name] - library[name]).max() / np.abs(grads[name]).max()) for name in params)


def on_batch(variant=RIGHT):  # a loss of the parameters alone, as the checker wants it
    return lambda params: loss_and_grads(params, x_tilde, x, variant)


def direction():  # of length 1, in the space of all parameters together
    v = {name: rng.standard_normal(value.shape) for name, value in params.items()}
    return {name: part / np.sqrt(sum((each**2).sum() for each in v.values())) for name, part in v.items()}


def slope(v, h=0.0):  # along v at θ + h v, from the gradient that is checked
    grads = on_batch()({name: value + h * v[name] for name, value in params.items()})[1]
    return sum(np.vdot(grads[name], v[name]) for name in v)


def error(measure, steps):
    """Return the error of a measured derivative at each step, as a root mean square over the directions."""
    found = [[measure(on_batch(), params, v, h) - slope(v) for h in steps] for v in directions]
    return np.sqrt(np.mean(np.square(found), axis=0))


directions = [direction() for _ in range(30)]  # the error curves are averaged over them
steps, complex_steps = 10.0 ** np.arange(-13, -0.4, 0.25), 10.0 ** np.arange(-30, -0.4, 1.0)
central_error, complex_error = error(gradcheck.central_difference, steps), error(gradcheck.complex_step, complex_steps)
third = np.sqrt(np.mean([((slope(v, 1e-3) - 2 * slope(v) + slope(v, -1e-3)) / 1e-6) ** 2 for v in directions]))
best_step = (3 * 2.0**-53 * loss / third) ** (1 / 3)
predicted_error = 2.0**-53 * loss / steps + third * steps**2 / 6

report = gradcheck.check(on_batch(), params, "complex", tolerance=1e-14)
reports = {variant: gradcheck.check(on_batch(variant), params) for variant in WRONG_IN}
blind = float(np.mean([gradcheck.taylor_order(on_batch(OFF), params, v) > 1.5 for v in directions]))
uncorrupted = gradcheck.check(lambda params: loss_and_grads(params, x, x, CLEAN), params)
named = {variant: {row.name for row in found.rows if not row.ok} for variant, found in reports.items()}
largest = {variant: max(row.error for row in found.rows) for variant, found in reports.items()}
print(f"{report}\n{OFF}: the Taylor test passes along {blind:.0%} of the directions; best constant {constant:.1f}")
for variant, losses in held_out.items():
    print(f"{variant:<23} epoch 1 {losses[0]:.1f}, last {losses[-1]:.1f}; ", end="")
    print(f"the check names {named.get(variant, 'nothing')}, largest error {largest.get(variant, 0):.0e}")

# %% [markdown]
# ## The check

# %%
measured_best = steps[np.argmin(central_error)]
truncation = np.abs(central_error / predicted_error - 1)[(steps > 2e-3) & (steps < 2e-2)].max()
round_off = (central_error / predicted_error)[steps < 1e-6]
flat = complex_error[complex_steps < 1e-9].max()

assert difference < 1e-14, f"the library must agree with the chapter, found {difference:.1e}"
report.raise_on_failure()
assert 1 / 4 < measured_best / best_step < 4, f"bottom of the V: {measured_best:.1e} found, {best_step:.1e} predicted"
assert truncation < 0.01, f"truncation must be |third derivative| h²/6 within 1 %, off by {truncation:.1%}"
assert 1 / 3 < np.median(round_off) < 3, f"round-off must be about ε|f|/h, found {np.median(round_off):.2f} of it"
assert flat < 1e-15, f"the complex step must be flat at round-off, found {flat:.1e}"
assert central_error.min() > 1e4 * flat, "a central difference must lose four digits to the complex step"
for variant, names in WRONG_IN.items():
    assert named[variant] == names, f"{variant}: the check must name {names}, it named {named[variant]}"
    assert held_out[variant][-1] < 0.85 * constant, f"{variant} must look as if it learned: {held_out[variant]}"
for variant in (DECODER, CLEAN):
    order, ratio = reports[variant].order, held_out[variant][-1] / held_out[RIGHT][-1]
    assert abs(order - 1) < 0.3, f"{variant}: the Taylor remainder must fall with slope 1, found {order:.2f}"
    assert ratio > 1.02, f"{variant}: it must end above the right gradient, found {ratio:.3f} times its loss"
assert blind > 0.1, f"0.05 % must look right to the Taylor test along many directions, found {blind:.0%}"
ratio = held_out[OFF][-1] / held_out[RIGHT][-1]
assert abs(ratio - 1) < 1e-3, f"0.05 % in b must be invisible in the loss, found {ratio:.5f}"
assert uncorrupted.ok, "exercise 2: without corruption x for x̃ must pass"
lead = held_out[RIGHT][0] - held_out[CLEAN][0]
assert lead > 0, f"x for x̃ must be ahead after the first epoch, found {-lead:.2f} behind"

# %% [markdown]
# ## The figure

# %%
figure, (watched, checked) = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
for variant, color, style, epoch, place, label in (
    (DECODER, ORANGE, "D-", 2, ("left", "bottom"), f" {DECODER}"),
    (CLEAN, ORANGE, "s-", EPOCHS, ("right", "bottom"), f"{CLEAN}\n"),
    (OFF, BLUE, "o", EPOCHS, ("right", "top"), f"\nright (circles: {OFF})"),
    (RIGHT, BLUE, "-", EPOCHS, ("right", "top"), ""),
):
    watched.plot(range(1, EPOCHS + 1), held_out[variant], style, color=color, fillstyle="none")
    watched.text(epoch, held_out[variant][epoch - 1], label, color=color, ha=place[0], va=place[1])
floor_line(watched, constant)
watched.text(EPOCHS, constant + 0.3, "best constant", ha="right")
watched.set(xlabel="epoch", ylabel="cross-entropy, held-out digits (nats per digit)", ylim=(32, 58))
watched.set_title("Watched: every wrong gradient trains", fontsize=11)
watched.set_xticks(range(0, EPOCHS + 1, EPOCHS // 6))

checked.loglog(steps, predicted_error, "k-", linewidth=1)
checked.loglog(steps, central_error, "o", color=ORANGE, markersize=4)
checked.loglog(complex_steps, complex_error, "s", color=BLUE, markersize=4)
checked.axvline(best_step, color=GREY, linestyle=":", linewidth=1)
checked.text(1e-13, 1e-7, "central difference\n(line: predicted)", color=ORANGE, ha="right")
checked.text(1e-21, 1e-15, "complex step", color=BLUE)
checked.set(xlabel="step h", ylabel="error of the derivative (nats per unit length)", xlim=(1e-22, 1))
checked.set_title("Checked: a difference loses a third of\nthe digits, the complex step none", fontsize=11)

# %% [markdown]
# ## The cause
#
# **Why a wrong gradient trains.** A small step $\theta - \eta d$ changes the loss by $-\eta\,\langle \nabla L, d\rangle
# + O(\eta^2)$. Any $d$ within 90° of the gradient lowers it. With $\nabla_W L = p + q$, the decoder's part (8) and the
# encoder's (12), leaving out $p$ gives $\langle p + q, q\rangle = \|q\|^2 + \langle p, q\rangle$: positive unless the
# parts are strongly opposed. That angle is all that a falling loss tells.
#
# **Why it ends higher.** Descent along $d$ rests where the *expected* $d$ vanishes, not where $\nabla L$ does. With
# $x$ for $\tilde x$, $d = \nabla_W L + (x - \tilde x)^\top da_y$: the second term trains the weight from an input that
# was 0 as if it had been lit, and stays at the minimum. It is *ahead* after the first epoch, then stands still.
#
# **Why the check needs small numbers.** 0.05 % in $db$ leaves the curve as it is, and a tolerance of 1e-2 passes it. So
# does the Taylor test, that $|f(h) - f(0) - h\langle g, v\rangle|$ falls as $h^2$ and not as $h$, along many
# directions: at steps above $2|\delta|/|f''|$, $\delta = \langle\nabla L - g, v\rangle$. The complex step fails it.
#
# **In float32** $\varepsilon$ is $2^{-24}$, the best step of the difference 800 times as large, and three digits are
# left: check in float64. Chapter 26 has more mistakes, and what to measure in a network that trains.

# %% [markdown]
# ## Exercises
#
# 1. Untie the weights: $W' \ne W^\top$. Which lines change, and which mistake can no longer happen?
# 2. Without corruption (`NU = 0`), which variant passes the gradient check?
# 3. $y(1 - y)$ is left out of (10). Why does this look like a wrong learning rate?
#
# ### Answers
#
# 1. (8) becomes $dW' = y^\top da_z$, (9) becomes $dy = da_z W'^\top$, and $dW$ is (12) alone: no part of a sum can be
#    forgotten where there is no sum. Forgetting (8) now leaves $W'$ at its first values; the check names `W_prime`.
# 2. $x$ for $\tilde x$. A check is only as good as its case: unequal sizes, corrupted inputs, unsaturated weights.
# 3. $y(1 - y) \le 1/4$: the encoder's part is at least four times too large, and a rate that was right may diverge.
#    Whoever divides it by ten is rewarded: now it trains.

# %%
print("A falling loss is no evidence for a gradient: every wrong one here trains, and a check names each.")
print("Your own backward pass: run gradcheck.check on it, in float64, on a small case with nothing equal or zero.")
numbers = {
    "library_difference": difference,
    "gradient_check": {row.name: row.error for row in (*report.rows, report.direction)},
    "share_of_directions_where_the_taylor_test_is_blind": blind,
    "best_step": {"predicted": best_step, "measured": measured_best},
    "errors": {"least_central": central_error.min(), "largest_of_complex_steps_below_1e-9": flat},
    "named_and_largest_error": {variant: [sorted(named[variant]), largest[variant]] for variant in WRONG_IN},
    "held_out_loss": held_out | {"best constant": constant},
}
chapter.finish(figure, numbers)
