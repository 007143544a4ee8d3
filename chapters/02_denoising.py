# %% [markdown]
# # An overcomplete autoencoder copies; it denoises only if it is shown noise
#
# You train an autoencoder with more hidden units than pixels. It is a triumph: the reconstruction error falls and
# falls, the pictures are sharp. Then you hand it a digit with half of the pixels knocked out, and it returns a digit
# with half of the pixels knocked out. You look at its filters, and most of them are static.
#
# Nothing is broken in the usual sense. The network solves the task it was given, which was to say what it is shown.
# This chapter measures the copying, repairs it by destroying inputs, and asks of five explanations whether they are
# true. (One of them is not.)

# %% [markdown]
# ## The claim
#
# Vincent, Larochelle, Bengio and Manzagol (ICML 2008), section 2.3: replace the input $x$ by a copy $\tilde x$ with a
# fraction $\nu$ of its components set to 0, and ask for the *clean* $x$. To put a missing component back the code has
# to hold the dependencies between components, so that even an overcomplete code learns something. Their figure 3 shows
# the filters (the columns of our $W$) for growing $\nu$, and single units followed from the same first weights: without
# noise many of *their* filters are nearly even grey patches; the more is destroyed, the more distinct and the less
# local they are. (Static at $\nu = 0$ is what *this* copier shows. It comes from its first weights: claim 5.)
#
# Five claims are on trial, each with a number:
#
# 1. without noise, the network copies: what was destroyed stays destroyed, and it is worse there than the *mean
#    picture*;
# 2. with noise it guesses what was destroyed, better than the best *linear* guess;
# 3. on clean images the copier is nevertheless the better one;
# 4. with more noise the filters keep less of their first weights, and neighbouring pixels agree more;
# 5. static in the filters is the sign of copying, and smooth filters the sign of features.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, DenoisingAutoencoder, autoencoder, fit, plots, streams
from scratchdae.activations import sigmoid
from scratchdae.chapter import Chapter
from scratchdae.corruption import exact_mask
from scratchdae.datasets import digits, to_float
from scratchdae.initializers import glorot_uniform, sigmoid_uniform
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("02_denoising")

SIDE = 14 if chapter.quick else 28  # --quick averages blocks of 2×2 pixels
D = SIDE**2
H = 256 if chapter.quick else 1000  # more hidden units than pixels: overcomplete
EPOCHS = 9 if chapter.quick else 12
LR = 0.5 if chapter.quick else 0.15
BATCH_SIZE = 20
N_DRAWN = 81  # filters in the figure, the largest of each network
TEST_NUS = (0.25, 0.5)  # fractions destroyed in the held-out images

# %% [markdown]
# ## The run
#
# Four networks with tied weights, sigmoid units and the paper's cross-entropy, on the embedded digits, which a program
# draws (the paper has MNIST). They see the same images in the same order. The first three begin with the same weights,
# bit for bit. The fourth begins with the same weights divided by four; it is there for the fifth claim.

# %%
data = digits()


def pictures(x, dtype):
    """Return grey levels in [0, 1], averaged over blocks so that SIDE × SIDE pixels are left."""
    block = 28 // SIDE
    return to_float(x, dtype).reshape(-1, SIDE, block, SIDE, block).mean(axis=(2, 4)).reshape(-1, D)


x_train, x_test = pictures(data.x_train, np.float32), pictures(data.x_test, np.float32)


def train(nu, initializer):
    """Train a tied autoencoder and return its parameters, the first and the last."""
    first = streams(chapter.seed).initialisation
    model = DenoisingAutoencoder(D, H, first, dtype=np.float32, initializer=initializer)
    before = {name: value.copy() for name, value in model.params.items()}
    fit(
        model,
        x_train,
        epochs=EPOCHS,
        lr=LR,
        batch_size=BATCH_SIZE,
        corruption=Corruption("masking", nu) if nu else None,
        seed=chapter.seed,
        backend="numpy",
        progress=False,
    )
    return before, model.params


def without_noise():
    """Broken: the network is shown exactly what it is asked for."""
    return train(0.0, sigmoid_uniform)


def with_noise(nu):
    """Repaired: a fraction nu of the input is destroyed, and the clean image is asked for."""
    return train(nu, sigmoid_uniform)


def without_noise_from_small_weights():
    """Broken in the same way, but the first weights are a quarter as large."""
    return train(0.0, glorot_uniform)


COPIER, QUARTER, HALF, SMALL = "ν = 0", "ν = 0.25", "ν = 0.5", "ν = 0, small first weights"
first, last = {}, {}
first[COPIER], last[COPIER] = without_noise()
first[QUARTER], last[QUARTER] = with_noise(0.25)
first[HALF], last[HALF] = with_noise(0.5)
first[SMALL], last[SMALL] = without_noise_from_small_weights()


def reconstruct(params, x):
    """Return z, the reconstruction of x."""
    return sigmoid(autoencoder.decode(params, autoencoder.encode(params, x)))


# %% [markdown]
# ### What to hold it against
#
# A pixel of a held-out image is destroyed. What can be said of it?
#
# - **Copy**: 0, as it was given. The squared error is $E[x^2]$, on average $\operatorname{tr} S / D$ with
#   $S = E[x x^\top]$.
# - **Constant**: its mean $\mu$. The error is its variance, $\operatorname{tr} C / D$ with $C = S - \mu\mu^\top$.
# - **Linear**: the best affine function of $\tilde x$, in closed form. There are two of them, because the linear guess
#   has to be told what to be good at. Write $p = 1 - \nu$. The covariance of the destroyed image is
#
#   $$ K = p^2\, C + p\nu \operatorname{diag} S. $$
#
#   Off the diagonal the masks of two pixels are independent, which gives $p^2 C$. On the diagonal
#   $\operatorname{Var}(m_i x_i) = p\,E[x_i^2] - p^2\mu_i^2 = p^2 C_{ii} + p\nu S_{ii}$. Mind the *uncentred* $S$: a
#   destroyed pixel goes to 0, not to its mean, and so bright pixels suffer more than dark ones. Then
#
#   $$ \hat x = \mu + W(\tilde x - p\mu), \qquad W = p\, C K^{-1} $$
#
#   is the best on *all* pixels together, which is what the network is trained for. (Appending to $x$ a component that
#   is always 1 and never destroyed, and working with $S$ throughout, gives the same.)
# - **Linear, destroyed only**: the best guess of $x_i$ from the *other* pixels. With $P = K^{-1}$ the regression of
#   $\tilde x_i$ on the others has the coefficients $-P_{ij}/P_{ii}$ and leaves the variance $1/P_{ii}$. The covariance
#   of $x_i$ with $\tilde x_j$ is $1/p$ times that of $\tilde x_i$, so the coefficients are $-P_{ij}/(p P_{ii})$ and the
#   error
#
#   $$ C_{ii} - \frac{K_{ii} - 1/P_{ii}}{p^2}. $$
#
#   This one knows that it will be asked about destroyed pixels only. No network here does: it is the harder opponent.
#
# (The formulas take the mask of each pixel as independent. The corruption destroys an exact count; that makes a
# difference of order $1/D$.)

# %%
lit = x_train.max(axis=0) > 0  # pixels that are black in every training image say nothing and need no guess
X = x_train.astype(np.float64)
mean = X.mean(axis=0)
S = X.T @ X / len(X)
C = S - np.outer(mean, mean)


def linear_guesses(nu):
    """Return the best W on all pixels, the best W on destroyed ones, and the latter's expected error."""
    p = 1 - nu
    K = p**2 * C + p * nu * np.diag(np.diag(S))
    P = np.zeros_like(K)
    P[np.ix_(lit, lit)] = np.linalg.inv(K[np.ix_(lit, lit)])
    own = np.where(lit, np.diag(P), 1)
    W_destroyed = -P / (p * own[:, None])
    np.fill_diagonal(W_destroyed, 0)
    error = np.where(lit, np.diag(C) - (np.diag(K) - 1 / own) / p**2, 0)
    return p * C @ P, W_destroyed, float(error.mean())


def guess(W, x_tilde, nu):
    """Return the affine guess with the matrix W."""
    return mean + (x_tilde - (1 - nu) * mean) @ W.T


def destroy(x, nu, stream):
    """Return x with a fraction nu of each image set to 0, and where."""
    mask = exact_mask(x.shape, nu, np.random.default_rng([chapter.seed, stream]))
    return np.where(mask, np.float32(0), x), mask


def squared_error(z, x, mask):
    """Return the mean squared error on the pixels of the mask."""
    return float(np.square(z - x, dtype=np.float64)[mask].mean())


COPY, CONSTANT, LINEAR, LINEAR_DESTROYED = (
    "copy: 0",
    "constant: the mean",
    "linear, all pixels",
    "linear, destroyed only",
)
errors, brightness, closed_form = {}, {}, {}
for nu in TEST_NUS:
    x_tilde, mask = destroy(x_test, nu, 1)
    W_all, W_destroyed, expected = linear_guesses(nu)
    answers = {
        COPY: np.zeros_like(x_test),
        CONSTANT: np.broadcast_to(mean, x_test.shape),
        LINEAR: guess(W_all, x_tilde, nu),
        LINEAR_DESTROYED: guess(W_destroyed, x_tilde, nu),
    }
    answers |= {name: reconstruct(params, x_tilde) for name, params in last.items()}
    errors[nu] = {name: squared_error(z, x_test, mask) for name, z in answers.items()}
    bright = mask & (x_test > 0.5)
    brightness[nu] = {name: float(answers[name][bright].mean()) for name in last}
    x_train_tilde, train_mask = destroy(x_train, nu, 2)
    measured = squared_error(guess(W_destroyed, x_train_tilde, nu), x_train, train_mask)
    closed_form[nu] = {"expected": expected, "measured": measured}

everywhere = np.ones(x_test.shape, dtype=bool)
clean_error = {name: squared_error(reconstruct(params, x_test), x_test, everywhere) for name, params in last.items()}

for nu in TEST_NUS:
    print(f"squared error on destroyed pixels of held-out digits, {nu:.0%} destroyed")
    for name, error in sorted(errors[nu].items(), key=lambda item: -item[1]):
        more = f"   answers {brightness[nu][name]:.2f} where it was bright" if name in last else ""
        print(f"  {error:.4f}  {name}{more}")
print("squared error on clean held-out digits")
for name, error in clean_error.items():
    print(f"  {error:.4f}  {name}")

# %% [markdown]
# ### What the filters are
#
# A picture of filters persuades too easily, so four numbers go with it. Three are medians over all hidden units:
#
# - the **cosine** between a filter and its own first weights: how much of it is still what the generator drew;
# - the **correlation of neighbours**, weights next to each other in the image: near 0 for static, near 1 if smooth;
# - the **share of its squared weights inside a window** of a quarter of the side, where this share is largest: $1/16$
#   if spread evenly, 1 if it fits in the window.
#
# The fourth is the **extent**, how many pixels have a weight of at least half the largest: the median over the 81
# filters of largest norm, those of the figure.
#
# A fifth number is for the network as a whole, the copying itself. How does the output before the sigmoid respond to
# each input pixel? The Jacobian $J = \partial a_z / \partial\tilde x = W \operatorname{diag}(y(1-y))\, W^\top$ says it.
# The **own-pixel share** is the part of $\sum_{ij} J_{ij}^2$ that stands on the diagonal: 1 for a copy.


# %%
def cosine_with_first(W, W_first):
    """Return, for each unit, the cosine of the angle between its weights and its first ones."""
    return (W * W_first).sum(axis=0) / (np.linalg.norm(W, axis=0) * np.linalg.norm(W_first, axis=0))


def neighbour_correlation(W):
    """Return, for each unit, the correlation of weights that are neighbours in the image."""
    image = W.T.reshape(-1, SIDE, SIDE)
    one = np.concatenate([image[:, :, 1:].reshape(len(image), -1), image[:, 1:].reshape(len(image), -1)], axis=1)
    other = np.concatenate([image[:, :, :-1].reshape(len(image), -1), image[:, :-1].reshape(len(image), -1)], axis=1)
    one, other = (side - side.mean(axis=1, keepdims=True) for side in (one, other))
    return (one * other).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))


def window_share(W):
    """Return, for each unit, the largest share of its squared weights in a window of a quarter of the side."""
    energy = W.T.reshape(-1, SIDE, SIDE) ** 2
    window = (SIDE // 4, SIDE // 4)
    inside = np.lib.stride_tricks.sliding_window_view(energy, window, axis=(1, 2)).sum(axis=(3, 4))
    return inside.max(axis=(1, 2)) / energy.sum(axis=(1, 2))


def extent(W):
    """Return, for each unit, how many pixels have a weight of at least half the largest."""
    return (np.abs(W) >= np.abs(W).max(axis=0) / 2).sum(axis=0)


def largest(W, n):
    """Return the indices of the n units of largest norm, the largest first."""
    return np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:n]


def own_pixel_share(W, y):
    """Return the share of the squared Jacobian on its diagonal, averaged over the codes y."""
    shares = []
    for slope in y * (1 - y):
        J = (W * slope) @ W.T
        shares.append((np.diag(J) ** 2).sum() / (J**2).sum())
    return float(np.mean(shares))


correlations = {name: neighbour_correlation(params["W"]) for name, params in last.items()}
filters = {
    name: {
        "cosine_with_first": float(np.median(cosine_with_first(params["W"], first[name]["W"]))),
        "neighbour_correlation": float(np.median(correlations[name])),
        "window_share": float(np.median(window_share(params["W"]))),
        "extent_of_the_largest": float(np.median(extent(params["W"][:, largest(params["W"], N_DRAWN)]))),
        "own_pixel_share": own_pixel_share(params["W"][lit], autoencoder.encode(params, x_test[:10])),
    }
    for name, params in last.items()
}
W_first = first[COPIER]["W"]
first_correlations = neighbour_correlation(W_first)
born = {
    "measured": own_pixel_share(W_first, np.full((1, H), np.float32(0.5))),
    "expected": (H + 9 / 5 - 1) / (H + D + 9 / 5 - 2),
}
print(f"{'medians over the units':<28} cosine  neighbours  window  extent  own pixel")
for name, row in filters.items():
    print(f"{name:<28} {' '.join(f'{value:8.3f}' for value in row.values())}")
print(f"own-pixel share of the first weights: {born['measured']:.4f}, expected {born['expected']:.4f}")

# %% [markdown]
# ## The check

# %%
half, quarter = errors[0.5], errors[0.25]

for nu, row in closed_form.items():
    ratio = row["measured"] / row["expected"]
    assert abs(ratio - 1) < 0.04, f"linear guess, {nu:.0%} destroyed: {ratio:.3f} times its closed-form error"
x_test_64 = x_test.astype(np.float64)
for name, expected in ((COPY, x_test_64**2), (CONSTANT, (x_test_64 - mean) ** 2)):
    ratio = half[name] / expected.mean()
    assert abs(ratio - 1) < 0.02, (
        f"{name}: error on destroyed pixels {ratio:.3f} times that on all, which it must equal"
    )
ratio = born["measured"] / born["expected"]
assert abs(ratio - 1) < 0.03, f"own-pixel share of the first weights: {ratio:.3f} times (H + κ − 1)/(H + D + κ − 2)"

# 1. Without noise it copies.
ratio = half[COPIER] / half[CONSTANT]
assert ratio > 1.25, f"ν = 0 must be worse than the mean picture on destroyed pixels, found {ratio:.2f} times its error"
assert brightness[0.5][COPIER] < 0.15, f"ν = 0 must answer dark for destroyed, found {brightness[0.5][COPIER]:.2f}"
# 2. With noise it guesses, better than a line.
for name, opponent, row, bound in (
    (HALF, LINEAR_DESTROYED, half, 0.95),
    (HALF, LINEAR_DESTROYED, quarter, 0.95),
    (QUARTER, LINEAR, quarter, 0.85),
):
    ratio = row[name] / row[opponent]
    assert ratio < bound, f"{name} must beat {opponent!r} by 1 to {bound}, found {ratio:.3f} times its error"
assert brightness[0.5][HALF] > 0.4, f"ν = 0.5 must put bright pixels back, found {brightness[0.5][HALF]:.2f}"
# 3. On clean images the copier is the better one.
for name in (QUARTER, HALF):
    ratio = clean_error[COPIER] / clean_error[name]
    assert ratio < 0.5, f"ν = 0 must be twice as good as {name} on clean images, found {ratio:.2f} times its error"
# 4. Filters: less of the first weights, more agreement of neighbours, less of the own pixel.
for less, more in ((COPIER, QUARTER), (QUARTER, HALF)):
    a, b = filters[less], filters[more]
    assert a["cosine_with_first"] > b["cosine_with_first"] + 0.005, (
        f"{less} must keep more of its first weights: {a}, {b}"
    )
    assert a["own_pixel_share"] > 1.2 * b["own_pixel_share"], f"{less} must rely more on the own pixel: {a}, {b}"
for name in (QUARTER, HALF):
    a, b = filters[COPIER], filters[name]
    assert b["neighbour_correlation"] > 1.25 * a["neighbour_correlation"], f"{name} must be smoother: {a}, {b}"
    assert b["window_share"] > 1.1 * a["window_share"], f"{name} must be more local: {a}, {b}"
# 5. Smooth filters are no proof: from small first weights they come without noise, and the network still copies.
a, b = filters[SMALL]["neighbour_correlation"], filters[COPIER]["neighbour_correlation"]
assert a > 1.4 * b, f"small first weights must give smooth filters without noise, found {a:.3f} against {b:.3f}"
ratio = half[SMALL] / half[CONSTANT]
assert ratio > 1.1, f"and it must still be worse than the mean picture, found {ratio:.2f} times its error"

# %% [markdown]
# ## The figure

# %%
figure = plt.figure(figsize=(17, 17.5), layout="constrained")
top, middle, bottom = figure.subfigures(3, 1, height_ratios=(1.13, 0.78, 0.8), hspace=0.03)

sheets = {
    COPIER: "ν = 0, nothing destroyed:\nmost filters are the static they began with",
    QUARTER: "ν = 0.25, a quarter destroyed:\nblobs and strokes on a quiet ground",
    HALF: "ν = 0.5, half destroyed:\nless static, more strokes",
}
for ax, (name, title) in zip(top.subplots(1, 3), sheets.items(), strict=True):
    plots.filters(ax, last[name]["W"], (SIDE, SIDE), n=N_DRAWN, columns=9).set_title(title)

units, eyes = middle.subplots(1, 2)
followed = largest(last[HALF]["W"], 9)
rows = {"first\nweights": W_first, **{name: last[name]["W"] for name in sheets}}
sheet = np.concatenate([W.T[followed] / np.abs(W.T[followed]).max(axis=1, keepdims=True) for W in rows.values()])
units.imshow(plots.tile(sheet, (SIDE, SIDE), len(followed)), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
units.set_title("Nine units from the same first weights (the largest at ν = 0.5):\nwithout noise the static stays")
units.set_yticks([(SIDE + 1) * (row + 0.5) for row in range(len(rows))], rows)

shown = np.array([np.flatnonzero(data.t_test == digit)[0] for digit in range(9)])
x_tilde, _ = destroy(x_test, 0.5, 1)
rows = {"half\ndestroyed": x_tilde[shown]}
rows |= {f"network,\n{name}": reconstruct(last[name], x_tilde[shown]) for name in (COPIER, HALF)}
rows["clean"] = x_test[shown]
sheet = plots.tile(np.concatenate(list(rows.values())), (SIDE, SIDE), len(shown), gap=0.5)
eyes.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
eyes.set_title("What is destroyed, the copier leaves destroyed;\nthe denoiser puts it back (held-out digits)")
eyes.set_yticks([(SIDE + 1) * (row + 0.5) for row in range(len(rows))], rows)
for ax in (units, eyes):
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)

bars, ax = bottom.subplots(1, 2)
order = sorted(half, key=half.get, reverse=True)
styles = {COPIER: (ORANGE, "//"), SMALL: (ORANGE, ".."), QUARTER: (BLUE, ""), HALF: (BLUE, "")}
labels = {name: f"network, {name}".replace(", small", ",\nsmall") for name in last}
for row, name in enumerate(order):
    color, hatch = styles.get(name, (GREY, ""))
    bars.barh(row, half[name], color=color, hatch=hatch, edgecolor="white")
    bars.text(half[name] + 0.001, row, f"{half[name]:.4f}", va="center")
bars.axvline(half[CONSTANT], color="black", linestyle=":", linewidth=1)
bars.set_yticks(range(len(order)), [labels.get(name, name) for name in order])
bars.invert_yaxis()
bars.set(xlabel="mean squared error on destroyed pixels (grey levels from 0 to 1), half destroyed", xlim=(0, 0.12))
bars.set_title(
    "On destroyed pixels the copiers are worse than the mean picture;\nonly ν = 0.5 beats the best linear guesses"
)

cumulative = np.arange(1, H + 1) / H
for name, values, color, style in (
    ("first weights", first_correlations, GREY, ":"),
    (COPIER, correlations[COPIER], ORANGE, "-"),
    (QUARTER, correlations[QUARTER], BLUE, "--"),
    (HALF, correlations[HALF], BLUE, "-"),
    (SMALL, correlations[SMALL], ORANGE, "-."),
):
    ax.plot(
        np.sort(values),
        cumulative,
        style,
        color=color,
        linewidth=2,
        label=f"{round(np.median(values), 2) + 0:.2f}  {name}",
    )
ax.axhline(0.5, color="black", linewidth=0.6)
ax.set(xlabel="correlation of neighbouring weights in a filter", ylabel="share of hidden units below", xlim=(-0.2, 1))
ax.set_title(
    "Noise makes filters smooth, but so do small first weights,\nand those leave a copier: smooth is not denoising"
)
ax.legend(title="median", loc="lower right")
ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **It is born a copier.** At the first weights $y \approx 1/2$ and $J \approx \tfrac14 W W^\top$. The weights are
# independent with mean 0, variance $\sigma^2$ and fourth moment $\kappa\sigma^4$ ($\kappa = 9/5$ for the uniform
# distribution), so
#
# $$
# E\,(WW^\top)_{ii}^2 = \sigma^4\,(H^2 + (\kappa - 1) H), \qquad E\,(WW^\top)_{ij}^2 = \sigma^4 H \quad (i \ne j),
# $$
#
# and the share of the diagonal, one entry against $D - 1$, is $(H + \kappa - 1)/(H + D + \kappa - 2)$, more than one
# half as soon as $H > D$. The script measures it to three digits. A wide layer of random filters keeps everything about
# its input and, with tied weights, already reads it back: $WW^\top$ tends to a multiple of the identity as $H$ grows.
# Training without noise only has to set gains and biases. Nothing in that task asks the filters to change direction, so
# they do not: the median cosine with the first weights stays at 0.91. The static is not what copying looks like. It is
# the initialisation, left alone.
#
# **What noise changes** can be read off the linear guess, $W = C\,[(1 - \nu)\,C + \nu \operatorname{diag} S]^{-1}$
# after a factor $p$ has been cancelled. At $\nu = 0$ it is the identity: *copying is the optimum*, not an accident.
# With $\nu > 0$ it is a ridge regression whose ridge, $\nu S_{ii}$, is a pixel's own second moment. Directions in which
# pixels vary together keep their gain, the others are damped, and weight moves from the own pixel to its neighbours.
# The network does the same, measured by the own-pixel share, 0.41, 0.16, 0.10, and goes beyond: what it adds to a pixel
# depends on which strokes the rest of the image suggests, and that is not linear.
#
# **Why it costs on clean images.** A network that has seen half of the world destroyed treats every dark pixel as
# perhaps destroyed. Given a clean image it still smooths: its error there is seven times that of the copier. Which one
# is better depends on what it is for, and a low reconstruction error alone says nothing about features.
#
# **What does not hold.** Claim 5. Start from weights a quarter as large and the same noise-free network grows filters
# that are *smoother* than the denoiser's (0.58 against 0.39 in full), because there is less static to look through. Yet
# it still leaves destroyed pixels dark, and with half destroyed it is worse than the mean picture. Look at what a
# network does to a destroyed pixel, not at how its filters please. Four more qualifications. That filters become
# *larger* with more noise we could not confirm: the extent of the largest filters went from 23 to 24 pixels between
# $\nu = 0.25$ and $0.5$ with seed 0, from 23 to 21 with seed 1, from 23 to 24 with seed 2. With only a *quarter*
# destroyed the 28×28 copiers are not as bad: the one from small weights beats the constant clearly, and the other is
# level with it, since at this resolution a pixel's neighbours nearly determine it. The network trained at $\nu = 0.25$
# beats, at its own level, the linear guess with the same aim, and is level with the one made for destroyed pixels only
# (0.0117 both). And a denoiser is made for its level: trained at 0.25 and given 0.5, it does worse than a line.

# %% [markdown]
# ## Exercises
#
# 1. *Two pixels of mean 0, variance 1 and correlation $\rho$. Find the linear guess $W$ for masking with $\nu$.*
#
#    $K = p\,\begin{pmatrix}1 & p\rho\\ p\rho & 1\end{pmatrix}$ with $p = 1 - \nu$, since $p^2 + p\nu = p$. Hence $W =
#    pCK^{-1} = \dfrac{1}{1 - p^2\rho^2}\begin{pmatrix}1 - p\rho^2 & \nu\rho\\ \nu\rho & 1 - p\rho^2\end{pmatrix}$. At
#    $\nu = 0$ the neighbour counts for nothing, however strong the correlation. Its weight grows like $\nu\rho$: noise
#    is what makes the dependency worth learning. And with $\rho = 0$ the guess is $\tilde x$ itself: independent pixels
#    cannot be denoised.
#
# 2. *Someone centres the data, uses $\operatorname{diag} C$ in place of $\operatorname{diag} S$, and masks the raw
#    images. Where is the guess wrong most?*
#
#    Where $\mu_i^2$ is large against $C_{ii}$: pixels that are nearly always bright. Such a pixel hardly varies but is
#    destroyed as violently as any: its $\tilde x_i$ has the variance $p\nu S_{ii}$ from masking alone. The wrong $K$
#    trusts it.
#
# 3. *Does weight decay without noise denoise?*
#
#    It makes smooth filters. With 14×14 pixels, seed 0 and a penalty of $0.001\sum W^2$ the correlation of neighbours
#    is 0.38, more than at $\nu = 0.5$, and with 0.003 it is 0.48. The error on destroyed pixels is 0.073 and 0.065
#    (half destroyed), still above the constant's 0.048. It shrinks the static; it does not ask for the dependencies.
#
# 4. *The network trained at $\nu = 0.25$ loses to the linear guess when half is destroyed. Why?*
#
#    The linear guess is computed for the level of the test, the network was trained for another. What a dark pixel
#    means depends on $\nu$: it is destroyed with probability $\nu / (\nu + (1 - \nu)\,P(\text{dark}))$, by Bayes' rule.
#    One who learnt that the dark is mostly true answers too darkly: 0.39 where it was bright, against 0.68.
#
# 5. *Make the layer narrow, 20 hidden units, without noise. Does it copy?*
#
#    It cannot: $W \operatorname{diag}(\cdot) W^\top$ has rank 20. If it treats all pixels alike, say as a multiple of a
#    projection, then $J_{ii} = 20/D$ and $\sum_{ij} J_{ij}^2 = 20$, and the share of the diagonal is $20/D$. A
#    bottleneck forces dependencies to be used, as noise does. The paper's point is that noise does it without a narrow
#    code.

# %%
chapter.finish(
    figure,
    {
        "squared_error_on_destroyed_pixels": {str(nu): row for nu, row in errors.items()},
        "brightness_where_a_bright_pixel_was_destroyed": {str(nu): row for nu, row in brightness.items()},
        "squared_error_on_clean_images": clean_error,
        "linear_guess_closed_form": {str(nu): row for nu, row in closed_form.items()},
        "filters": filters,
        "first_weights": {"own_pixel_share": born, "neighbour_correlation": float(np.median(first_correlations))},
    },
)
