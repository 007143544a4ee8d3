# %% [markdown]
# # Nine wrong gradients, eight of which train: compare the decrease with the promise
#
# The backward pass is yours. The loss falls, then hardly falls any more, well above what others report, while the
# gradients you print are anything but small. A smaller learning rate makes it slower, a larger one makes it jump. So
# it must be the learning rate, the optimizer, a local minimum, the capacity?
#
# A gradient makes a promise: along its direction the loss falls by so much. It takes two evaluations of the loss to
# see whether the promise is kept, where the loss has stalled. None of the other explanations breaks it; eight of
# the nine mistakes below do.
#
# *Failure modes: F08 · networks: tied autoencoder, 196 – 196 · advice: gradient checks and their tolerance*

# %% [markdown]
# ## The claim
#
# A loss that stalls while the gradients are large is a sign of a wrong backward pass, and a gradient check is the
# remedy. To which tolerance? The notes of Stanford's course CS231n call a gradient probably wrong above a relative
# error of 1e-2, doubtful above 1e-4, good below 1e-7; it is easy to stop at the first of these. Chapter 1 derives the
# gradient and shows how the complex step works. Here nine mistakes are planted in it, each as one writes it; most are
# in the encoder's half. Three claims are on trial.
#
# 1. A falling loss says nothing: with $d$ in place of the gradient $g$, a small step changes the loss by
#    $-\eta\,\langle g, d\rangle$, so any $d$ within 90° of $g$ trains.
# 2. The ratio of decrease and promise, $R = \langle g, d\rangle / \langle d, d\rangle$, is 1 for the right gradient,
#    wherever it is measured. A wrong one gives another number, unless what is wrong is *missing*: if $d$ is $g$ with
#    some entries set to zero, then $\langle g, d\rangle = \langle d, d\rangle$ and $R = 1$. (3)
# 3. The tolerance $10^{-2}$, taken over all parameters together, passes five of the nine, if the weights are small
#    enough: everything that comes through the encoder is proportional to the decoder's weights. (4)

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import floors, gradcheck
from scratchdae.chapter import Chapter
from scratchdae.corruption import masking
from scratchdae.datasets import digits, to_float
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("26_wrong_backward")
rng = np.random.default_rng([chapter.seed, 26])

D = H = 196  # square, so that a transposed gradient has the right shape
N_IMAGES, STEPS, MORE = (120, 80, 20) if chapter.quick else (300, 300, 50)
LR = 30.0  # of the loss averaged over images and pixels; 0.15 of the sum over pixels
LR_AFTER = 10.0  # of the continuation
NU, SIGMA = 0.3, 0.1  # share of destroyed pixels; standard deviation of the first weights
SCALES = np.geomspace(0.0003, 0.3, 7)  # of the weights, for claim 3
LOOSE = 1e-2  # the tolerance on trial

x = to_float(digits().x_train[:N_IMAGES]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, D)
x_tilde = masking(x, NU, rng)
constant, floor = floors.constant(x, loss="cross_entropy"), floors.cross_entropy(x)


def first_weights(sigma, n=D):
    """Draw the weights; the biases are not zero, so that nothing is at a special point."""
    draw = np.random.default_rng([chapter.seed, 27]).standard_normal
    return {"W": sigma * draw((n, n)), "b": 0.1 * draw(n), "b_prime": 0.1 * draw(n)}


# %% [markdown]
# ## The run
#
# The parts that all variants share, the right gradient, and the nine wrong ones. The numbers are those of
# `scratchdae/autoencoder.py`: (8) the decoder's part of $dW$, (10) the slope of the hidden units, (12) the encoder's
# part. They train on the embedded digits, which a program draws, averaged to 14×14 pixels.


# %%
def sigmoid(a):
    return 1 / (1 + np.exp(-a))  # takes complex numbers, which the complex step needs


def parts(params, x_tilde, x):
    """Run forwards, and backwards as far as all variants agree: the loss, y, da_z, dy."""
    y = sigmoid(x_tilde @ params["W"] + params["b"])
    a_z = y @ params["W"].T + params["b_prime"]
    loss = (np.log1p(np.exp(a_z)) - x * a_z).mean()
    da_z = (sigmoid(a_z) - x) / x.size
    return loss, y, da_z, da_z @ params["W"]


def right(params, x_tilde, x):
    """Return the loss and its gradient."""
    loss, y, da_z, dy = parts(params, x_tilde, x)
    da_y = dy * y * (1 - y)  # (10)
    return loss, {"W": da_z.T @ y + x_tilde.T @ da_y, "b": da_y.sum(axis=0), "b_prime": da_z.sum(axis=0)}


def no_decoder_part(params, x_tilde, x):
    """Broken: (8) is missing."""
    loss, y, _, dy = parts(params, x_tilde, x)
    return loss, right(params, x_tilde, x)[1] | {"W": x_tilde.T @ (dy * y * (1 - y))}


def no_encoder_part(params, x_tilde, x):
    """Broken: (12) is missing."""
    loss, y, da_z, _ = parts(params, x_tilde, x)
    return loss, right(params, x_tilde, x)[1] | {"W": da_z.T @ y}


def clean_input(params, x_tilde, x):
    """Broken: x for x_tilde in (12)."""
    loss, y, da_z, dy = parts(params, x_tilde, x)
    return loss, right(params, x_tilde, x)[1] | {"W": da_z.T @ y + x.T @ (dy * y * (1 - y))}


def half(params, x_tilde, x):
    """Broken: a factor 1/2 on everything."""
    loss, grads = right(params, x_tilde, x)
    return loss, {name: gradient / 2 for name, gradient in grads.items()}


def no_slope(params, x_tilde, x):
    """Broken: y(1 - y) is missing in (10)."""
    loss, y, da_z, dy = parts(params, x_tilde, x)
    return loss, {"W": da_z.T @ y + x_tilde.T @ dy, "b": dy.sum(axis=0), "b_prime": da_z.sum(axis=0)}


def biases_not_summed(params, x_tilde, x):
    """Broken: the biases' gradients are those of the first example, where the sum over the batch belongs."""
    loss, y, da_z, dy = parts(params, x_tilde, x)
    return loss, right(params, x_tilde, x)[1] | {"b": (dy * y * (1 - y))[0], "b_prime": da_z[0]}


def transposed(params, x_tilde, x):
    """Broken: (12) is transposed. Only where D = H does NumPy not object."""
    loss, y, da_z, dy = parts(params, x_tilde, x)
    return loss, right(params, x_tilde, x)[1] | {"W": da_z.T @ y + (dy * y * (1 - y)).T @ x_tilde}


def encoder_sign(params, x_tilde, x):
    """Broken: (12) has the wrong sign."""
    loss, y, da_z, dy = parts(params, x_tilde, x)
    return loss, right(params, x_tilde, x)[1] | {"W": da_z.T @ y - x_tilde.T @ (dy * y * (1 - y))}


def uphill(params, x_tilde, x):
    """Broken: everything has the wrong sign."""
    loss, grads = right(params, x_tilde, x)
    return loss, {name: -gradient for name, gradient in grads.items()}


EVERYTHING = {"W", "b", "b_prime"}
WRONG_IN = {  # and the parameters that a check should name
    no_decoder_part: {"W"},
    no_encoder_part: {"W"},
    clean_input: {"W"},
    half: EVERYTHING,
    no_slope: {"W", "b"},
    biases_not_summed: {"b", "b_prime"},
    transposed: {"W"},
    encoder_sign: {"W"},
    uphill: EVERYTHING,
}
VARIANTS = (right, *WRONG_IN)

# %% [markdown]
# **Training**: plain gradient descent on all images at once, so that nothing in the curves is noise, from the same
# weights, at the same learning rate. At the first and the last step the promise is tested, by a central difference of
# the loss along $d$.


# %%
def norm(grads):
    """Return the length of all gradients as one vector."""
    return float(np.sqrt(sum((gradient**2).sum() for gradient in grads.values())))


def promise_kept(variant, params):
    """Return R of (3), measured: the decrease of the loss along d, over the one that d promises."""
    d = variant(params, x_tilde, x)[1]
    length = norm(d)
    v = {name: gradient / length for name, gradient in d.items()}
    return gradcheck.central_difference(lambda p: parts(p, x_tilde, x), params, v, 1e-4) / length


def train(variant):
    """Return the losses, R at both ends, the true gradient's length at the end, and the loss of a continuation.

    The continuation is that of the repair: MORE steps with the right gradient, against as many with the variant.
    """
    params, losses = first_weights(SIGMA), []
    kept = [promise_kept(variant, params)]
    for _ in range(STEPS):
        loss, d = variant(params, x_tilde, x)
        losses.append(float(loss))
        params = {name: value - LR * d[name] for name, value in params.items()}
        if variant is uphill and loss > 3 * losses[0]:
            break  # there is nothing more to see
    kept.append(promise_kept(variant, params))
    gradient, continued = norm(right(params, x_tilde, x)[1]), []
    for one in (variant, right):
        after = params
        for _ in range(MORE):
            d = one(after, x_tilde, x)[1]
            after = {name: value - LR_AFTER * d[name] for name, value in after.items()}
        continued.append(float(parts(after, x_tilde, x)[0]))
    return {"losses": losses, "kept": kept, "gradient": gradient, "continued": continued}


runs = {variant: train(variant) for variant in VARIANTS}

# %% [markdown]
# **The check**, on a small square network, and the global relative error on the large one as the scale of its weights
# is turned down.

# %%
small = first_weights(0.5, 8)
x_small = rng.random((5, 8))
x_tilde_small = masking(x_small, 0.5, rng)
reports = {
    variant: gradcheck.check(lambda p, variant=variant: variant(p, x_tilde_small, x_small), small)
    for variant in VARIANTS
}
largest_error = {variant: max(row.error for row in report.rows) for variant, report in reports.items()}
named = {variant: {row.name for row in report.rows if not row.ok} for variant, report in reports.items()}


def global_error(variant, sigma):
    """Return the error relative to the whole gradient, all parameters in one vector, at weights of this scale."""
    params = first_weights(sigma)
    g, d = (one(params, x_tilde, x)[1] for one in (right, variant))
    return norm({name: d[name] - g[name] for name in g}) / norm(g)


by_scale = {variant: np.array([global_error(variant, sigma) for sigma in SCALES]) for variant in WRONG_IN}
passes = {variant: bool(global_error(variant, 0.001) < LOOSE) for variant in WRONG_IN}
print(f"best constant {constant:.4f}, entropy of the targets {floor:.4f} (nats per pixel)")
print("variant            last loss  R first   R last  |g| last  continued, repaired  check error  passes 1e-2")
for variant, run in runs.items():
    continued, repaired = run["continued"]
    print(
        f"{variant.__name__:<18} {run['losses'][-1]:9.4f} {run['kept'][0]:8.4f} {run['kept'][1]:8.4f} "
        f"{run['gradient']:9.5f}  {continued:9.4f} {repaired:9.4f}  {largest_error[variant]:11.1e}  "
        f"{passes.get(variant, '')}"
    )

# %% [markdown]
# ## The assertions

# %%
for variant, report in reports.items():
    assert report.method == "complex", f"{variant.__name__}: the complex step expected, found {report.method}"
    assert report.ok == (variant is right), f"{variant.__name__}: the check says {report.ok}"
    expected = WRONG_IN.get(variant, set())
    assert named[variant] == expected, f"{variant.__name__}: must name {expected}, named {named[variant]}"
assert largest_error[right] < 1e-14, f"the right gradient is right to round-off, found {largest_error[right]:.1e}"
for place in (0, 1):
    off = abs(runs[right]["kept"][place] - 1)
    assert off < 1e-5, f"the right gradient keeps its promise, off by {off:.1e}"
for variant in WRONG_IN:
    off = abs(runs[variant]["kept"][1] - 1)
    if variant is biases_not_summed:  # most of what is wrong with it is missing
        assert off < 5e-3, f"{variant.__name__}: R sees next to nothing, found 1 ± {off:.1e}"
    else:
        assert off > 0.02, f"{variant.__name__}: R must give it away after training, found 1 ± {off:.1e}"
assert abs(runs[half]["kept"][0] - 2) < 1e-5, f"a factor 1/2 must give R = 2, found {runs[half]['kept'][0]}"
assert abs(runs[uphill]["kept"][0] + 1) < 1e-5, f"a sign must give R = -1, found {runs[uphill]['kept'][0]}"
for variant in WRONG_IN:
    assert not reports[variant].direction.ok, f"{variant.__name__}: a random direction must see it"
    wrong, repaired = runs[variant]["continued"]
    if variant not in (clean_input, no_slope, biases_not_summed):  # two are ahead for a while, one is level
        assert repaired < wrong, f"{variant.__name__}: going on right {repaired:.4f}, going on wrong {wrong:.4f}"
for variant in VARIANTS:
    last = runs[variant]["losses"][-1]
    if variant is uphill:
        assert last > runs[variant]["losses"][0], f"uphill must be visible, found {last:.4f}"
    else:
        assert last < constant, f"{variant.__name__} must look as if it learned, found {last:.4f}"
encoder_half = (no_encoder_part, clean_input, no_slope, transposed, encoder_sign)
for variant in encoder_half:
    slope = np.diff(np.log(by_scale[variant][:3])) / np.diff(np.log(SCALES[:3]))
    assert np.abs(slope - 1).max() < 0.1, (
        f"{variant.__name__}: error must be proportional to the weights, found {slope}"
    )
    assert passes[variant], f"{variant.__name__} must pass a global tolerance of {LOOSE} at small weights"
for variant in (no_decoder_part, half, uphill):
    assert not passes[variant], f"{variant.__name__} must fail even a tolerance of {LOOSE}"

# %% [markdown]
# ## The figure

# %%
figure, ((course, promise), (errors, scales)) = plt.subplots(2, 2, figsize=(15, 11), layout="constrained")
LABELS = {
    right: "right",
    no_decoder_part: "(8), decoder's part, missing",
    no_encoder_part: "(12), encoder's part, missing",
    clean_input: "x for x̃ in (12)",
    half: "factor 1/2 on everything",
    no_slope: "y(1 − y) missing in (10)",
    biases_not_summed: "biases not summed",
    transposed: "(12) transposed",
    encoder_sign: "sign of (12)",
    uphill: "sign of everything",
}
styles = dict(zip(VARIANTS, ("-", "-", "--", ":", "-.", "-", "--", ":", "-.", "-"), strict=True))
colors = dict(zip(VARIANTS, (BLUE, *[ORANGE] * 3, GREY, GREY, BLUE, "black", "black", "black"), strict=True))

for variant in sorted(VARIANTS, key=lambda variant: -runs[variant]["losses"][-1]):
    losses = runs[variant]["losses"]
    label = f"{losses[-1]:.4f}  {LABELS[variant]}"
    width = 3 if variant is right else 1.5
    course.plot(losses, styles[variant], color=colors[variant], linewidth=width, label=label)
course.axhline(constant, color=GREY, linestyle="--", linewidth=1)
course.text(STEPS, constant - 0.002, "best constant", ha="right", va="top")
course.set(xlabel="step", ylabel="cross-entropy (nats per pixel, training digits)", ylim=(0.14, 0.42))
course.set_title("Eight of nine wrong gradients train, and at this\nlearning rate two are ahead of the right one")
course.legend(title="last loss")

names = [LABELS[variant] for variant in VARIANTS]
rows = np.arange(len(VARIANTS))
for place, marker, label in ((0, "o", "first step"), (1, "D", "last step")):
    values = [runs[variant]["kept"][place] for variant in VARIANTS]
    promise.plot(values, rows, marker, color=(BLUE, ORANGE)[place], markersize=8, fillstyle="none", label=label)
promise.axvline(1, color="black", linestyle="--", linewidth=1, label="(3): promise kept, R = 1")
promise.set_yticks(rows, names)
promise.invert_yaxis()
promise.set(xlabel="R: measured decrease of the loss over the promised one")
promise.set_title("Decrease over promise: wrong gradients break it,\nall the more after training; missing ones do not")
promise.legend(loc="center left")

errors.semilogx([largest_error[variant] for variant in VARIANTS], rows, "s", color=ORANGE, markersize=8)
errors.axvline(1e-12, color="black", linestyle="--", linewidth=1)
errors.text(1.5e-12, 0, "tolerance of the complex step", va="center")
errors.set_yticks(rows, names)
errors.invert_yaxis()
errors.set(xlabel="largest error of an entry, in units of max|g| of its parameter (8 × 8 network, σ = 0.5)")
errors.set_title("The complex step: fifteen powers of ten\nbetween right and wrong")

markers = dict(zip(WRONG_IN, "os^Dv*xP+", strict=True))
for variant, values in by_scale.items():
    scales.loglog(
        SCALES, values, marker=markers[variant], color=colors[variant], linestyle=styles[variant], label=LABELS[variant]
    )
scales.loglog(SCALES, by_scale[no_encoder_part][0] * SCALES / SCALES[0], color="black", linewidth=0.6, label="(4): ∝ σ")
scales.axhline(LOOSE, color="black", linestyle="--", linewidth=1)
scales.text(SCALES[0], LOOSE * 1.1, "tolerance 1e-2", va="bottom")
scales.set(xlabel="standard deviation σ of the weights", ylabel="error relative to the whole gradient")
scales.set_title(
    "Below the line a global tolerance passes it: with small\nweights, every mistake in the encoder's half"
)
scales.legend(fontsize=9, loc="lower right")
for ax in (course, promise, errors, scales):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **The promise.** For small $\eta$, $L(\theta) - L(\theta - \eta d) = \eta\,\langle g, d\rangle$, while whoever
# believes $d$ to be the gradient expects $\eta\,\langle d, d\rangle$. The quotient is $R$. A factor 1/2 gives 2, a
# wrong sign $-1$, a sum in place of a mean over $D$ pixels $1/D$. For the others it begins within two percent of
# 1, save for `no_decoder_part` and `no_slope`, and moves away as training goes on: for `clean_input` from 0.99 to
# 0.33. The reason is that training drives $d$ to zero, not $g$; what is left of $d$ is more and more what is wrong
# with it.
#
# **What it does not see.** If $d = Pg$ with a projection $P$, then $\langle g, Pg\rangle = \langle Pg, Pg\rangle$ and
# $R = 1$. `biases_not_summed` is nearly that: one example of 300 is almost nothing, the biases hardly move, and $R$ is
# 0.9988. Its curve cannot be told from the right one either (0.1685 against 0.1681). A *random* direction sees it,
# $\langle g, v\rangle$ against $\langle d, v\rangle$, and so does the complex step, which names `b` and `b_prime`.
#
# **Large gradients?** At the last step the true gradient is 6.5 times as long without the decoder's part, 7 times
# without the slope, 3.8 times with the wrong sign, and at most 1.7 times in the other five that train. The
# description that opens this chapter fits three mistakes of nine.
#
# **A loss convicts nobody.** At this learning rate two wrong gradients are *ahead*: without $y(1 - y)$ the encoder
# learns at least four times as fast (0.1641), and with $x$ for $\tilde x$ it sees more ink (0.1676). The repair shows
# when the right gradient takes over at the last step: 50 steps later the loss is lower than with 50 more wrong ones,
# for every variant but `biases_not_summed` (without the decoder's part 0.1859 against 0.1951).
#
# **The tolerance.** The encoder's part is $\tilde x^\top [(da_z W) \odot y \odot (1 - y)]$: proportional to $W$. The
# decoder's part, $da_z^\top y$, and $db'$ are not. So every mistake in the encoder's half has an error in proportion
# to $\sigma$, (4), the straight lines in the last panel. At $\sigma = 0.001$ five of the nine pass a global relative
# tolerance of $10^{-2}$, the missing encoder's part among them: half of the algorithm. Check with weights of order
# 1/2, unequal sizes, corrupted inputs, nonzero biases, each parameter on its own scale, and a tolerance that sits
# next to round-off. The complex step then leaves 15 powers of ten between right and wrong.

# %% [markdown]
# ## Exercises
#
# 1. *Someone forgets to update $b'$ altogether. What do $R$, the complex step and the curve say?*
#
#    $R = 1$, exactly: a projection. The complex step names `b_prime`. The curve says nothing: it ends where
#    that of the right gradient ends. The hidden units supply the mean.
#
# 2. *The loss has a penalty $\lambda \sum W^2$, the gradient does not. What is $R$?*
#
#    $g = d + 2\lambda W$ in $W$, so $R = 1 + 2\lambda\,\langle W, d\rangle / \langle d, d\rangle$. It grows as $d$
#    gets small.
#
# 3. *The corruption is drawn anew at each evaluation. Can the promise still be tested?*
#
#    Not so: two draws differ by more than a small step changes. Fix the draw, or give both evaluations a generator
#    with the same seed.
#
# 4. *Which mistake vanishes on clean data, and which on a network with $D \ne H$?*
#
#    `clean_input`: without corruption $x = \tilde x$. `transposed`: the shapes $(H, D)$ and $(D, H)$ then differ, and
#    NumPy refuses the sum. So a check should be on corrupted data, and a network should not be square.

# %%
chapter.finish(
    figure,
    {
        "constant": constant,
        "floor": floor,
        "variants": {
            variant.__name__: {
                "last_loss": run["losses"][-1],
                "decrease_over_promise": run["kept"],
                "true_gradient_at_the_end": run["gradient"],
                "continued_wrong_and_right": run["continued"],
                "complex_step_error": largest_error[variant],
                "named": sorted(named[variant]),
            }
            | (
                {"global_error_by_scale": by_scale[variant], "passes_1e-2": passes[variant]}
                if variant in by_scale
                else {}
            )
            for variant, run in runs.items()
        },
        "scales": SCALES,
    },
)
