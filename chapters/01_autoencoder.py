# %% [markdown]
# # A gradient with a missing term still trains, so check it, do not watch it
#
# You wrote an autoencoder by hand. The loss falls from the first step, the reconstructions look like digits, if a
# little soft. More hidden units do not help, other learning rates do not help, and somebody else's program, with the
# same numbers in, gets a loss you never reach. Nothing crashes. Is it the learning rate, the initialisation, the data?
#
# Quite often it is one line of the backward pass. This chapter writes the whole autoencoder in plain NumPy, derives its
# gradient line by line, *proves* it right with three independent measurements, and then drops one term at a time. Every
# one of the broken gradients can be made to lower the loss, most at the first attempt; every one is caught, by name, in
# a fraction of a second.

# %% [markdown]
# ## The claim
#
# The model is that of Vincent, Larochelle, Bengio and Manzagol (*Extracting and composing robust features with
# denoising autoencoders*, ICML 2008), sections 2.1 to 2.3. Part of the input $x$ is destroyed, which gives $\tilde x$;
# the hidden representation $y$ and the reconstruction $z$ follow; the loss compares $z$ with the *clean* $x$. Batches
# are rows here, so $W$ is the transpose of the paper's, with shape $(D, H)$. The numbers are those of
# `scratchdae/autoencoder.py`.
#
# $$
# \begin{aligned}
# a_y &= \tilde x W + b, & y &= s(a_y) & &(1)\\
# a_z &= y W^\top + b', & z &= s(a_z) & &(2)\\
# L &= \frac1B \sum_{\text{batch}} \sum_k \bigl[\log(1 + e^{a_{z,k}}) - x_k\, a_{z,k}\bigr] & & & &(3)
# \end{aligned}
# $$
#
# (3) is the paper's cross-entropy $-\sum_k [x_k \log z_k + (1 - x_k)\log(1 - z_k)]$, with
# $\log z = a - \log(1 + e^a)$ and $\log (1 - z) = -\log(1 + e^a)$ put in. The same $W$ encodes and decodes: the weights
# are *tied*. That is where hand-written gradients go wrong.
#
# Two claims are on trial.
#
# 1. The gradient derived below is right to the last digit that float64 has. The complex step (Squire and Trapp, *Using
#    complex variables to estimate derivatives of real functions*, SIAM Review 1998) can show it, because it does not
#    subtract; a central difference cannot see past about $10^{-10}$.
# 2. A loss that goes down is no evidence for a gradient, and that it goes down less far than it should is hard to see
#    without the right one beside it.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import autoencoder, gradcheck, streams
from scratchdae.chapter import Chapter
from scratchdae.corruption import masking
from scratchdae.datasets import digits, to_float
from scratchdae.initializers import sigmoid_uniform
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("01_autoencoder")

D, H, B = 12, 7, 5  # the small network on which gradients are checked: unequal, so that a transpose cannot hide
N_DIRECTIONS = 10 if chapter.quick else 30  # random directions that the error curves are averaged over

N_TRAIN = 2500 if chapter.quick else 4000
N_HIDDEN = 50 if chapter.quick else 200
EPOCHS = 8 if chapter.quick else 12
BATCH_SIZE = 20
LR = 0.1
LR_WITHOUT_SLOPE = 0.01  # for the one variant that diverges at LR
NU = 0.5  # fraction of the components destroyed

# %% [markdown]
# ## The backward pass, line by line
#
# Write $dv$ for $\partial L / \partial v$; it has the shape of $v$. Start at the loss and walk back.
#
# **The output.** The derivative of $\log(1 + e^a)$ is $s(a)$, so (3) gives, for each example and component,
#
# $$ da_z = (z - x)/B. \tag{5} $$
#
# Sigmoid and cross-entropy cancel: no $z(1-z)$ is left over. With the squared error there would be one (6).
#
# **The decoder**, $a_{z,nk} = \sum_j y_{nj} W_{kj} + b'_k$ for example $n$. Each $b'_k$ is added once an example:
#
# $$ db' = \textstyle\sum_{\text{batch}} da_z. \tag{7} $$
#
# $\partial a_{z,nk} / \partial W_{kj} = y_{nj}$, summed over the examples: $\sum_n da_{z,nk}\, y_{nj}$, which is
#
# $$ dW_{\text{decoder}} = da_z^\top\, y, \qquad (D, B)(B, H). \tag{8} $$
#
# $\partial a_{z,nk} / \partial y_{nj} = W_{kj}$, summed over the outputs $k$ that $y_{nj}$ feeds:
#
# $$ dy = da_z\, W, \qquad (B, D)(D, H). \tag{9} $$
#
# **The hidden units.** $y = s(a_y)$ and $s' = s(1 - s)$, each unit for itself:
#
# $$ da_y = dy \odot y \odot (1 - y). \tag{10} $$
#
# **The encoder**, $a_{y,nj} = \sum_k \tilde x_{nk} W_{kj} + b_j$, in the same way. What the encoder saw was $\tilde x$,
# so it is $\tilde x$, not $x$, that multiplies:
#
# $$ db = \textstyle\sum_{\text{batch}} da_y, \tag{11} $$
# $$ dW_{\text{encoder}} = \tilde x^\top da_y, \qquad (D, B)(B, H). \tag{12} $$
#
# **Tied weights.** $W$ occurs twice in $L$. By the chain rule its gradient is the sum over the occurrences,
# $dW = (8) + (12)$. There is also $d\tilde x = da_y W^\top$ (13), for whoever stacks layers.
#
# In NumPy every line is one line. The functions below use nothing that refuses complex numbers: the proof needs that.


# %%
def pieces(params, x_tilde, x):
    """Forward pass, and the part of the backward pass that all variants below share."""
    W, b, b_prime = params["W"], params["b"], params["b_prime"]
    y = 1 / (1 + np.exp(-(x_tilde @ W + b)))  # (1)
    a_z = y @ W.T + b_prime  # (2)
    loss = (np.log1p(np.exp(a_z)) - x * a_z).sum() / len(x)  # (3)
    da_z = (1 / (1 + np.exp(-a_z)) - x) / len(x)  # (5)
    dy = da_z @ W  # (9)
    da_y = dy * y * (1 - y)  # (10)
    return loss, y, da_z, dy, da_y


def gradients(dW, da_y, da_z):
    """Name the gradients, with those of the biases: (7) and (11)."""
    return {"W": dW, "b": da_y.sum(axis=0), "b_prime": da_z.sum(axis=0)}


def right(params, x_tilde, x):
    """Return the loss and its gradient."""
    loss, y, da_z, _, da_y = pieces(params, x_tilde, x)
    return loss, gradients(da_z.T @ y + x_tilde.T @ da_y, da_y, da_z)  # (8) + (12)


# %% [markdown]
# And now the same with one thing wrong: what one really writes late in the evening.


# %%
def no_decoder_part(params, x_tilde, x):
    """Broken: (8) is missing. W is trained as if only the encoder had it."""
    loss, _, da_z, _, da_y = pieces(params, x_tilde, x)
    return loss, gradients(x_tilde.T @ da_y, da_y, da_z)


def no_encoder_part(params, x_tilde, x):
    """Broken: (12) is missing. W is trained as if only the decoder had it."""
    loss, y, da_z, _, da_y = pieces(params, x_tilde, x)
    return loss, gradients(da_z.T @ y, da_y, da_z)


def clean_input(params, x_tilde, x):
    """Broken: x for x_tilde in (12). Without corruption it makes no difference."""
    loss, y, da_z, _, da_y = pieces(params, x_tilde, x)
    return loss, gradients(da_z.T @ y + x.T @ da_y, da_y, da_z)


def no_slope(params, x_tilde, x):
    """Broken: y(1 - y) is missing in (10)."""
    loss, y, da_z, dy, _ = pieces(params, x_tilde, x)
    return loss, gradients(da_z.T @ y + x_tilde.T @ dy, dy, da_z)


def slope_twice(params, x_tilde, x):
    """Broken: y(1 - y) is there twice in (10), once in `dy` and once in `da_y`."""
    loss, y, da_z, _, da_y = pieces(params, x_tilde, x)
    da_y = da_y * y * (1 - y)
    return loss, gradients(da_z.T @ y + x_tilde.T @ da_y, da_y, da_z)


def half(params, x_tilde, x):
    """Broken: a stray factor 1/2 on everything, as if the loss had been halved in the gradient only."""
    loss, grads = right(params, x_tilde, x)
    return loss, {name: gradient / 2 for name, gradient in grads.items()}


def slightly_off(params, x_tilde, x):
    """Broken: the gradient of the hidden biases is 0.05 % too large."""
    loss, grads = right(params, x_tilde, x)
    return loss, grads | {"b": 1.0005 * grads["b"]}


WRONG_IN = {  # each broken variant, and the parameters that a gradient check should name
    no_decoder_part: {"W"},
    no_encoder_part: {"W"},
    clean_input: {"W"},
    no_slope: {"W", "b"},
    slope_twice: {"W", "b"},
    half: {"W", "b", "b_prime"},
    slightly_off: {"b"},
}

# %% [markdown]
# ## The proof
#
# Three measurements know nothing of the derivation; they only evaluate the loss. Along a direction $v$ in the space of
# all parameters, with $f(h) = L(\theta + hv)$:
#
# - the **central difference** $[f(h) - f(-h)]/2h$. Its truncation error is $|f'''|h^2/6$; its round-off is about
#   $\varepsilon |f|/h$, because two nearly equal numbers of size $|f|$ are subtracted, each rounded to
#   $\varepsilon = 2^{-53}$. The sum is a V on logarithmic axes. Setting its derivative to zero,
#   $|f'''|h/3 = \varepsilon|f|/h^2$, puts the bottom at $h^* = (3\varepsilon|f|/|f'''|)^{1/3}$;
# - the **complex step** $\operatorname{Im} f(ih)/h$. Expand: $f(ih) = f + ihf' - h^2f''/2 - ih^3f'''/6 + \dots$ The
#   imaginary part divided by $h$ is $f' - h^2f'''/6$, and *nothing was subtracted*. So $h$ may be $10^{-30}$:
#   truncation vanishes, round-off does not come;
# - the **Taylor remainder** $|f(h) - f(0) - h\langle g, v\rangle|$. With the right gradient $g$ it is $|f''|h^2/2$ and
#   falls with slope 2. With a wrong one, $h|\langle \nabla L - g, v\rangle|$ is left and the slope is 1. No tolerance
#   has to be chosen.

# %%
rng = np.random.default_rng([chapter.seed, 1])
params = {
    "W": 0.5 * rng.standard_normal((D, H)),
    "b": 0.3 * rng.standard_normal(H),
    "b_prime": 0.3 * rng.standard_normal(D),
}
x = rng.random((B, D))
x_tilde = masking(x, NU, rng)


def on_batch(variant):
    """Fix the batch, so that a loss of the parameters alone is left, as the checker wants it."""
    return lambda params: variant(params, x_tilde, x)


def random_direction():
    """Draw a direction of length 1 in the space of all parameters together."""
    v = {name: rng.standard_normal(value.shape) for name, value in params.items()}
    length = np.sqrt(sum((array**2).sum() for array in v.values()))
    return {name: array / length for name, array in v.items()}


def along(grads, v):
    """Return the inner product ⟨g, v⟩."""
    return sum(np.vdot(grads[name], v[name]) for name in v)


def shifted(v, h):
    """Return θ + h v."""
    return {name: value + h * v[name] for name, value in params.items()}


def rms(values):
    """Return the root mean square over the directions, the first axis."""
    return np.sqrt(np.mean(np.square(values), axis=0))


loss, grads = right(params, x_tilde, x)
library_loss, library_grads = autoencoder.loss_and_grads(params, x_tilde, x)
library_difference = {
    name: np.abs(grads[name] - library_grads[name]).max() / np.abs(grads[name]).max() for name in params
}

reports = {
    method: gradcheck.check(on_batch(right), params, method, tolerance=tolerance)
    for method, tolerance in (("complex", 1e-14), ("central", 3e-8))
}
for report in reports.values():
    print(report, end="\n\n")

directions = [random_direction() for _ in range(N_DIRECTIONS)]
steps = 10.0 ** np.arange(-13, -0.4, 0.25)
complex_steps = 10.0 ** np.arange(-30, -0.4, 1.0)
slopes = np.array([along(grads, v) for v in directions])
central_error = rms(
    [
        [gradcheck.central_difference(on_batch(right), params, v, h) - slope for h in steps]
        for v, slope in zip(directions, slopes, strict=True)
    ]
)
complex_error = rms(
    [
        [gradcheck.complex_step(on_batch(right), params, v, h) - slope for h in complex_steps]
        for v, slope in zip(directions, slopes, strict=True)
    ]
)


def second_and_third_derivative(v, h=1e-3):
    """Differentiate the checked gradient along v once and twice more, by central differences."""
    before, at, after = (along(right(shifted(v, s), x_tilde, x)[1], v) for s in (-h, 0, h))
    return (after - before) / (2 * h), (after - 2 * at + before) / h**2


second, third = np.array([second_and_third_derivative(v) for v in directions]).T
best_step = (3 * 2.0**-53 * loss / rms(third)) ** (1 / 3)
predicted_error = 2.0**-53 * loss / steps + rms(third) * steps**2 / 6

taylor_steps = 10.0 ** np.arange(-6, -0.9, 0.25)


def taylor_remainder(variant):
    """Return the remainder of the first-order expansion at each step, as an rms over the directions."""
    claimed = variant(params, x_tilde, x)[1]
    return rms(
        [
            [abs(right(shifted(v, h), x_tilde, x)[0] - loss - h * along(claimed, v)) for h in taylor_steps]
            for v in directions
        ]
    )


remainders = {variant: taylor_remainder(variant) for variant in (right, slightly_off, clean_input, no_decoder_part)}
taylor_slopes = {variant.__name__: np.diff(np.log10(r)) / 0.25 for variant, r in remainders.items()}
error_of_b = rms([along({"b": 0.0005 * grads["b"]}, {"b": v["b"]}) for v in directions])
bend = 2 * error_of_b / rms(second)  # where the two terms of the remainder, h |error| and |f''| h² / 2, are equal

wrong_reports = {variant: gradcheck.check(on_batch(variant), params) for variant in WRONG_IN}
named = {variant: {row.name for row in report.rows if not row.ok} for variant, report in wrong_reports.items()}

# %% [markdown]
# ## The trap
#
# Every variant now trains on the embedded digits, which a program draws, from the same first weights, on the same
# batches and with the same destroyed pixels. After each epoch we measure the cross-entropy of reconstructing 1,000
# digits that were not trained on, half of whose pixels are destroyed, always the same ones. Two levels to hold it
# against: the best *constant* picture, which is the mean, has the loss $\sum_k H_b(\bar x_k)$ with the binary entropy
# $H_b(p) = -p\log p - (1-p)\log(1-p)$; and because some grey levels lie strictly between 0 and 1, no reconstruction at
# all can go below the mean of $\sum_k H_b(x_k)$.

# %%
data = digits()
x_train, x_test = to_float(data.x_train[:N_TRAIN], np.float32), to_float(data.x_test, np.float32)
x_test_tilde = masking(x_test, NU, np.random.default_rng([chapter.seed, 2]))


def first_weights(rng):
    """Draw the weights that every variant begins with; the biases are zero."""
    n_visible = x_train.shape[1]
    return {
        "W": sigmoid_uniform((n_visible, N_HIDDEN), rng, np.float32),
        "b": np.zeros(N_HIDDEN, np.float32),
        "b_prime": np.zeros(n_visible, np.float32),
    }


def train(contestants):
    """Train all in step: each takes plain gradient steps with what it calls a gradient, at its learning rate."""
    generators = streams(chapter.seed)
    first = first_weights(generators.initialisation)
    params = dict.fromkeys(contestants, first)
    losses = {one: [float(pieces(first, x_test_tilde, x_test)[0])] for one in contestants}
    for _ in range(EPOCHS):
        order = generators.shuffling.permutation(len(x_train))
        for start in range(0, len(order), BATCH_SIZE):
            clean = x_train[order[start : start + BATCH_SIZE]]
            corrupted = masking(clean, NU, generators.corruption)
            for one, (variant, lr) in contestants.items():
                if np.isfinite(losses[one][-1]):
                    _, grads = variant(params[one], corrupted, clean)
                    params[one] = {name: value - lr * grads[name] for name, value in params[one].items()}
        for one in contestants:
            losses[one].append(float(pieces(params[one], x_test_tilde, x_test)[0]))
    return losses, params


def total_binary_entropy(p):
    """Sum H_b over all entries; certain pixels, 0 or 1, add nothing."""
    p = p[(p > 0) & (p < 1)]
    return float(-(p * np.log(p) + (1 - p) * np.log1p(-p)).sum())


x_test_64 = to_float(data.x_test)
constant_loss = total_binary_entropy(x_test_64.mean(axis=0))
floor = total_binary_entropy(x_test_64) / len(x_test_64)

contestants = {variant: (variant, LR) for variant in (right, *WRONG_IN)}
contestants[no_slope] = (no_slope, LR_WITHOUT_SLOPE)
contestants["no_slope at LR"] = (no_slope, LR)
with np.errstate(over="ignore", invalid="ignore"):  # the last one overflows, and that is the point
    held_out, trained = train(contestants)
diverged = held_out.pop("no_slope at LR")
final = {variant: losses[-1] for variant, losses in held_out.items()}

x_train_tilde = masking(x_train, NU, np.random.default_rng([chapter.seed, 3]))


def cosine(variant, params):
    """Return the cosine between a variant's dW and the right one, on all training images."""
    g, d = (gradient_of(params, x_train_tilde, x_train)[1]["W"] for gradient_of in (right, variant))
    return float(np.vdot(g, d) / (np.linalg.norm(g) * np.linalg.norm(d)))


first = first_weights(streams(chapter.seed).initialisation)
cosines = {variant: (cosine(variant, first), cosine(variant, trained[variant])) for variant in WRONG_IN}

print(
    f"{'variant':<16} {'loss, epoch 1':>13} {'last epoch':>11}  the check fails in  largest error  cosine, first, last"
)
print(f"{'right':<16} {held_out[right][1]:13.2f} {final[right]:11.2f}  nothing")
for variant, report in wrong_reports.items():
    error = max(row.error for row in report.rows)
    print(
        f"{variant.__name__:<16} {held_out[variant][1]:13.2f} {final[variant]:11.2f}  "
        f"{', '.join(sorted(named[variant])):<18} {error:14.1e}  {cosines[variant][0]:.3f} {cosines[variant][1]:.3f}"
    )
print(f"best constant {constant_loss:.2f}, floor {floor:.2f} nats per example")
print(f"no_slope at the shared learning rate {LR}: {diverged[1]} after the first epoch")

# %% [markdown]
# ## The check

# %%
measured_best = steps[np.argmin(central_error)]
truncation = (steps > 2e-3) & (steps < 2e-2)
truncation_error = np.abs(central_error / predicted_error - 1)[truncation].max()
round_off = (central_error / predicted_error)[steps < 1e-6]
flat = complex_error[complex_steps < 1e-9]

assert max(library_difference.values()) < 1e-14, f"the library disagrees with the chapter: {library_difference}"
for report in reports.values():
    report.raise_on_failure()
assert 1 / 4 < measured_best / best_step < 4, f"bottom of the V: {measured_best:.1e} found, {best_step:.1e} predicted"
assert truncation_error < 0.01, f"truncation must be |third derivative| h²/6 within 1 %, off by {truncation_error:.1%}"
assert 1 / 3 < np.median(round_off) < 3, f"round-off must be about ε|f|/h, found {np.median(round_off):.2f} of it"
assert round_off.max() < 6, f"round-off must nowhere be far above ε|f|/h, found {round_off.max():.2f} of it"
assert flat.max() < 1e-15, f"the complex step must be flat at round-off, found {flat.max():.1e}"
assert central_error.min() > 1e4 * flat.max(), "a central difference must lose four digits to the complex step"

middle = (taylor_steps[:-1] > 1e-5) & (taylor_steps[:-1] < 1e-2)
assert np.abs(taylor_slopes["right"][middle] - 2).max() < 0.02, f"slope 2 expected, found {taylor_slopes['right']}"
for name in ("clean_input", "no_decoder_part"):
    assert np.abs(taylor_slopes[name][:8] - 1).max() < 0.02, f"{name}: slope 1 expected, found {taylor_slopes[name]}"
subtle = taylor_slopes["slightly_off"]
assert subtle[0] < 1.3, f"0.05 % must bend the slope to 1 at small steps, found {subtle[0]:.2f}"
assert subtle[-1] > 1.9, f"0.05 % must leave the slope at 2 at large steps, found {subtle[-1]:.2f}"

for variant, names in WRONG_IN.items():
    assert not wrong_reports[variant].ok, f"{variant.__name__} passed the gradient check"
    assert named[variant] == names, f"{variant.__name__}: the check must name {names}, it named {named[variant]}"

for variant, value in final.items():
    assert value < 0.8 * constant_loss, f"{variant.__name__} must look as if it learned, found {value:.1f}"
for variant in set(WRONG_IN) - {slightly_off}:
    ratio = final[variant] / final[right]
    assert ratio > 1.02, f"{variant.__name__} must end above the right gradient, found {ratio:.3f} times its loss"
ratio = final[slightly_off] / final[right]
assert abs(ratio - 1) < 1e-3, f"0.05 % in b must be invisible in the loss, found {ratio:.5f}"
assert held_out[clean_input][1] < held_out[right][1], "x for x̃ must be ahead after the first epoch"
assert not np.isfinite(diverged[1]), f"without y(1 - y) the shared learning rate must diverge, found {diverged[1]}"

# %% [markdown]
# ## The figure

# %%
figure, (left, centre, trap) = plt.subplots(1, 3, figsize=(17, 5.6), layout="constrained")

left.loglog(steps, predicted_error, "k--", linewidth=1, zorder=3, label="predicted: ε|f|/h + |f‴|h²/6")
left.loglog(steps, central_error, "o", color=ORANGE, markersize=5, label="central difference")
left.loglog(complex_steps, complex_error, "s-", color=BLUE, markersize=4, label="complex step")
left.axvline(best_step, color=GREY, linestyle=":", linewidth=1.2)
left.annotate(
    f"predicted best step\n(3ε|f| / |f‴|)$^{{1/3}}$ = {best_step:.1e}",
    (best_step, central_error.min()),
    xytext=(1e-21, 1e-9),
    arrowprops={"arrowstyle": "-", "color": GREY},
)
left.set(xlabel="step h", ylabel="error of the derivative along v (nats per unit length)", xlim=(1e-22, 1))
left.set_title(
    "At its best step a difference loses a third of the digits;\nthe complex step loses none, at any small step"
)
left.legend(loc="lower left", bbox_to_anchor=(0, 0.12))

styles = {
    right: (BLUE, "o-", "right"),
    slightly_off: (ORANGE, "^--", "db 0.05 % too large"),
    clean_input: (GREY, "s:", "x for x̃ in (12)"),
    no_decoder_part: (GREY, "D-.", "(8), the decoder's part, missing"),
}
for variant, (color, style, label) in styles.items():
    centre.loglog(taylor_steps, remainders[variant], style, color=color, markersize=4, label=label)
centre.axvline(bend, color=ORANGE, linestyle=":", linewidth=1.2)
centre.annotate("h = 2|error| / |f″|", (bend, 1e-1), xytext=(5, 0), textcoords="offset points", color=ORANGE)
centre.text(2e-3, 2e-8, "slope 2", color=BLUE)
centre.text(2e-5, 3e-5, "slope 1", color="0.35")
centre.set(xlabel="step h", ylabel="Taylor remainder |f(h) − f(0) − h⟨g, v⟩| (nats)")
centre.set_title("With the right gradient the remainder falls as h²;\na wrong one turns to slope 1, a small error late")
centre.legend(loc="lower right")

epochs = np.arange(1, EPOCHS + 1)
lines = {
    no_slope: ("0.35", "v--", f"y(1 − y) missing (lr {LR_WITHOUT_SLOPE}; NaN at {LR})"),
    no_decoder_part: ("0.35", "D-.", "(8), decoder's part, missing"),
    clean_input: (ORANGE, "s-", "x for x̃ in (12)"),
    no_encoder_part: (GREY, "x:", "(12), encoder's part, missing"),
    half: (GREY, "+--", "factor 1/2 on everything"),
    slope_twice: (GREY, "*-", "y(1 − y) twice"),
    right: (BLUE, "-", "right"),
    slightly_off: (BLUE, "o", "db 0.05 % too large"),
}
for variant, (color, style, label) in sorted(lines.items(), key=lambda item: -final[item[0]]):
    open_circle = {"markerfacecolor": "none", "markersize": 8} if variant is slightly_off else {"markersize": 5}
    trap.plot(epochs, held_out[variant][1:], style, color=color, label=f"{final[variant]:.1f}  {label}", **open_circle)
trap.set(xlabel="epoch", ylabel="cross-entropy, held-out digits, half destroyed (nats per image)")
trap.set_title(
    f"Every wrong gradient trains (the best constant has {constant_loss:.0f});\nall but the smallest error end higher"
)
trap.legend(title="last epoch")
for ax in (left, centre, trap):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **Why a wrong gradient trains.** A small step $\theta - \eta d$ changes the loss by $-\eta\,\langle \nabla L, d\rangle
# + O(\eta^2)$. Any $d$ within 90° of the gradient lowers it. With $\nabla_W L = p + q$, where $p$ is the decoder's part
# (8) and $q$ the encoder's (12), leaving out $p$ gives $\langle p + q, q\rangle = \|q\|^2 + \langle p, q\rangle$:
# positive unless the two parts are strongly opposed, and nothing opposes them. The table that the script prints has the
# measured cosines: 0.98 for `clean_input` at the first weights, 0.97 without the encoder's part, and still 0.45 without
# the decoder's. The biases are right in all three. That is all that a falling loss tells: an angle below 90°.
#
# **Why it ends higher.** Descent along $d$ rests where the *expected* $d$ vanishes, not where $\nabla L$ does. With
# `clean_input`, $d = \nabla_W L + (x - \tilde x)^\top da_y$. The second term exists on destroyed components only; it
# trains the weight from an input that was 0 as if it had been lit, and it does not vanish at the minimum. So this
# variant is *ahead* after the first epoch, then stands still, while its weights go on growing. Nobody who watches one
# curve would suspect the gradient.
#
# **Why the missing slope looks like a learning rate.** $y(1 - y) \le 1/4$, and much less where a unit saturates.
# Without it the encoder's part is at least four times too large, and at the shared learning rate the loss is NaN within
# an epoch. Whoever divides the rate by ten, a natural thing to do, is rewarded: now it trains. (So its curve is at
# another learning rate than the rest, and compares with them only as a user would compare.)
#
# **Why the factor 1/2 is different.** It is a learning rate half as large, no more: the same path, slower. It is still
# a wrong gradient of the loss that is reported, and the check says so (all three parameters, error 1 in units of
# max|g|: the measured derivative is twice the claimed one). Mixing up the sum over $D$ with the mean is a factor $D$ of
# just this kind.
#
# **Why the check needs small numbers.** A relative error of 0.05 % in $db$ leaves the training curve as it is to all
# printed digits. The remainder along $v$ is $|h\,\delta + f''h^2/2|$ with the error $\delta = \langle\nabla L - g,
# v\rangle$. It looks quadratic as long as $h > 2|\delta|/|f''|$, the dotted line in the second panel; a Taylor test
# that stops above passes it, and so does an entry-by-entry test with the tolerance 1e-2 that one often sees. The
# complex step, with a tolerance of 1e-12, does not.
#
# **Where the V comes from** was derived above; the points lie on the prediction, and so does their lowest one, as
# nearly as round-off, which is random, lets one say. Nothing in it is particular to autoencoders. In float32
# $\varepsilon$ is $2^{-24}$, the best step about 800 times larger, and three digits are left: check gradients in
# float64.

# %% [markdown]
# ## Exercises
#
# 1. *Untie the weights: $W' \ne W^\top$. Which lines change, and which of the broken variants can no longer happen?*
#
#    (8) becomes $dW' = y^\top da_z$, (9) becomes $dy = da_z W'^\top$, and $dW$ is (12) alone. Forgetting one part of a
#    sum cannot happen, since there is no sum. Forgetting (8) now leaves $W'$ at its first values, and the check names
#    `W_prime`.
#
# 2. *Without corruption (`NU = 0`), which variant passes the gradient check?*
#
#    `clean_input`: then $x = \tilde x$ and (12) is right. A check is only as good as the case it runs on. That is why
#    the small network here has unequal sizes, corrupted inputs and weights that do not saturate.
#
# 3. *Train with `clean_input` and, when it stands still, go on with the right gradient. What happens?*
#
#    The loss falls at once (in one run from 107.7 to 98.1 nats in four epochs). So it was neither
#    a local minimum nor the capacity of the network.
#
# 4. *Show that with $H = 0$ hidden units the best $b'$ is $\operatorname{logit}(\bar x)$, and its loss is the level of
#    the best constant.*
#
#    Then $a_z = b'$, and (7) is zero where $s(b') = \bar x$, the mean over the examples. Put into (3) this gives
#    $-\sum_k[\bar x_k\log\bar x_k + (1 - \bar x_k)\log(1 - \bar x_k)]$.
#
# 5. *Why does the complex step need $h^2|f'''|/6 < \varepsilon|f'|$ and not more?*
#
#    Its only error besides the rounding of $f'$ itself is the truncation $h^2f'''/6$. With the values here $h <
#    10^{-8}$ is enough, which is where the squares in the first panel become flat.

# %%
chapter.finish(
    figure,
    {
        "library_difference": library_difference,
        "gradient_check": {
            method: {row.name: row.error for row in (*report.rows, report.direction)}
            for method, report in reports.items()
        },
        "best_step": {"predicted": best_step, "measured": measured_best},
        "central_error": {"least": central_error.min(), "truncation_against_prediction": truncation_error},
        "complex_error": {"largest_below_1e-9": flat.max()},
        "taylor_slopes": {name: {"smallest_steps": s[0], "largest_steps": s[-1]} for name, s in taylor_slopes.items()},
        "bend_of_slightly_off": bend,
        "caught": {
            variant.__name__: {"named": sorted(named[variant]), "error": max(row.error for row in report.rows)}
            for variant, report in wrong_reports.items()
        },
        "cosine_of_dW": {
            variant.__name__: {"first_weights": begin, "last_weights": end} for variant, (begin, end) in cosines.items()
        },
        "held_out_loss": {variant.__name__: losses for variant, losses in held_out.items()},
        "best_constant": constant_loss,
        "entropy_floor": floor,
    },
)
