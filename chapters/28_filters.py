# %% [markdown]
# # Corruption turns all-over texture into blobs and strokes on rotated digits, into single dots on random backgrounds
#
# You draw the filters of your autoencoder and do not know what to think. Half of them look like static, a few are
# blobs, one or two might be pen strokes. Is that a bad network, or too few epochs, or is it what they look like? You
# remember the figure in the paper: there the filters get larger and clearer as more of the input is destroyed. You
# destroy half of it, on noisier data, and get grey squares with one white dot in each.
#
# *Failure modes: F18, F20 · advice: judge a denoising autoencoder by its filters*

# %% [markdown]
# ## The claim
#
# Vincent et al. (ICML 2008), figure 3: filters (columns of our $W$) after training on digits, at growing fractions
# $\nu$ of destroyed inputs; filters in the same place began with the same weights. The text says that without noise
# many filters stay uninteresting; that with more noise they differentiate and become distinctive; and that higher
# noise gives *less local* filters, from blobs to strokes to whole characters.
#
# Chapter 02 asked this of clean digits and could not confirm that filters grow. Here are two of the paper's harder
# problems, made from the embedded digits, which a program draws: digits turned by any angle (rot), and digits on
# uniform noise (bg-rand). On trial, each with a number, for $\nu = 0$, 0.1, 0.25, 0.5 and several seeds:
#
# 1. with more corruption a filter keeps less of its first weights;
# 2. what it has become is larger: weights agree over a larger patch;
# 3. filters are less local: they are spread over more pixels;
# 4. all this is a property of corruption, whatever the data.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, DenoisingAutoencoder, fit, plots, streams
from scratchdae.activations import sigmoid
from scratchdae.chapter import Chapter
from scratchdae.corruption import exact_mask
from scratchdae.datasets import digits, rotate, to_float
from scratchdae.initializers import glorot_uniform
from scratchdae.plots import BLUE, ORANGE

chapter = Chapter.begin("28_filters")

NUS = (0.0, 0.1, 0.25, 0.5)
SEEDS = [chapter.seed] if chapter.quick else [chapter.seed, chapter.seed + 1, chapter.seed + 2]
ROT, RAND = "rotated digits", "random backgrounds"
SIDE = {ROT: 14, RAND: 7} if chapter.quick else {ROT: 28, RAND: 14}  # below 28: averages over blocks of pixels
H = {ROT: 144, RAND: 64} if chapter.quick else {ROT: 300, RAND: 256}
N_TRAIN = 1000 if chapter.quick else 3000
EPOCHS = {ROT: 25, RAND: 40} if chapter.quick else {ROT: 40, RAND: 60}
LR = {ROT: 0.6, RAND: 0.5} if chapter.quick else {ROT: 0.25, RAND: 0.3}
BATCH_SIZE = {ROT: 20, RAND: 10}
KAPPA = 9 / 5  # E[w⁴] / E[w²]² of uniformly distributed weights
SHEET = 8  # filters a row and a column in the figure: the first ones, not chosen


# %% [markdown]
# ## The run
#
# One layer, tied weights, sigmoids, the paper's cross-entropy. For a seed all networks begin with the same weights (of
# Glorot's size) and see the same images in the same order: only $\nu$ differs.


# %%
def pictures(x, task, rng):
    """Return images of a task made of digits, grey levels in [0, 1], one a row."""
    x = x.reshape(-1, 28, 28)
    if task == ROT:
        x = rotate(x, rng.uniform(0, 2 * np.pi, len(x)))
    side, block = SIDE[task], 28 // SIDE[task]
    x = to_float(x, np.float32).reshape(-1, side, block, side, block).mean(axis=(2, 4)).reshape(-1, side**2)
    return np.maximum(x, rng.random(x.shape, dtype=np.float32)) if task == RAND else x


def train(task, nu, x, seed):
    """Train an autoencoder that has a fraction nu of its input destroyed; return its first W and its last parameters.

    With nu = 0 this is the broken variant, the ordinary autoencoder; nothing else differs.
    """
    rng = streams(seed).initialisation
    model = DenoisingAutoencoder(x.shape[1], H[task], rng, dtype=np.float32, initializer=glorot_uniform)
    W_first = model.params["W"].copy()
    fit(
        model,
        x,
        epochs=EPOCHS[task],
        lr=LR[task],
        batch_size=BATCH_SIZE[task],
        corruption=Corruption("masking", nu) if nu else None,
        seed=seed,
        progress=False,
    )
    return W_first, model.params


data = digits()
first, last = {}, {}
for seed in SEEDS:
    x = pictures(data.x_train[:N_TRAIN], ROT, np.random.default_rng([seed, 28]))
    for nu in NUS:
        first[ROT, seed], last[ROT, nu, seed] = train(ROT, nu, x, seed)
noisy = pictures(data.x_train[:N_TRAIN], RAND, np.random.default_rng([chapter.seed, 28]))
for nu in NUS:
    first[RAND, chapter.seed], last[RAND, nu, chapter.seed] = train(RAND, nu, noisy, chapter.seed)

# %% [markdown]
# ### Four numbers for a filter
#
# - The **cosine** with its own first weights.
# - The **area of agreement** $A = \sum_\delta \rho_\delta^2$, where $\rho_\delta = \sum_i w_i w_{i+\delta} / \sum_i
#   w_i^2$ is the filter's correlation with itself moved by $\delta$ pixels. A Gaussian blob of standard deviation $s$
#   has $\rho_\delta = e^{-\delta^2/4s^2}$ and $A = 2\pi s^2$. Independent weights have
#
#   $$ A = 1 + \frac{D - 1}{D + \kappa - 1} \approx 2: \qquad (1) $$
#
#   1 from $\delta = 0$, and another 1 from the chance correlations at all the other $\delta$ together.
# - The **support** $n = (\sum w_i^2)^2 / \sum w_i^4$, the pixels that the filter is spread over: 1 for a single
#   pixel, and for independent weights
#
#   $$ n = D / \kappa, \qquad \kappa = 9/5. \qquad (2) $$
# - Is it a **dot**: is more than half of its squared weight on one pixel?


# %%
def cosine(W, V):
    """Return, for each unit, the cosine of the angle between its weights in W and in V."""
    return (W * V).sum(axis=0) / (np.linalg.norm(W, axis=0) * np.linalg.norm(V, axis=0))


def area_of_agreement(W):
    """Return, for each unit, the sum of its squared autocorrelations over all displacements."""
    side = round(np.sqrt(len(W)))
    spectrum = np.abs(np.fft.fft2(W.T.reshape(-1, side, side).astype(np.float64), s=(2 * side, 2 * side))) ** 2
    rho = np.fft.ifft2(spectrum).real  # the padding with zeros keeps the displacements from wrapping around
    return np.square(rho / rho[:, :1, :1]).sum(axis=(1, 2))


def support(W):
    """Return, for each unit, over how many pixels its squared weights are spread."""
    energy = W.astype(np.float64) ** 2
    return energy.sum(axis=0) ** 2 / (energy**2).sum(axis=0)


def dots(W):
    """Return the share of the units that have more than half of their squared weight on one pixel."""
    energy = W.astype(np.float64) ** 2
    return float(np.mean(energy.max(axis=0) > energy.sum(axis=0) / 2))


def measure(W, W_first):
    """Return the numbers of a layer, medians over its units; the support as a share of all pixels."""
    return {
        "cosine": float(np.median(cosine(W, W_first))),
        "area": float(np.median(area_of_agreement(W))),
        "support": float(np.median(support(W)) / len(W)),
        "dots": dots(W),
    }


rows = {(task, nu, seed): measure(params["W"], first[task, seed]) for (task, nu, seed), params in last.items()}
static = {task: measure(first[task, chapter.seed], first[task, chapter.seed]) for task in (ROT, RAND)}
offset = np.arange(28) - 13.5
blob = np.exp(-(offset[:, None] ** 2 + offset[None, :] ** 2) / (2 * 2.0**2)).reshape(-1, 1)
blob_area = float(area_of_agreement(blob)[0])  # of a Gaussian of standard deviation 2

units = np.arange(H[ROT])
strangers = np.roll(units, 1)
W_some, W_half = last[ROT, 0.1, chapter.seed]["W"], last[ROT, 0.5, chapter.seed]["W"]
akin = {
    "same_unit": float(np.median(np.abs(cosine(W_some, W_half)))),
    "another_unit": float(np.median(np.abs(cosine(W_some[:, strangers], W_half)))),
}
print(f"{'medians over the units':<40} cosine    area  support  dots")
for (task, nu, seed), row in rows.items():
    text = "  ".join(f"{value:6.3f}" for value in row.values())
    print(f"{task}, ν = {nu:<4} seed {seed:<3}".ljust(40), text)
print(f"|cosine| of ν = 0.1 and 0.5: same unit {akin['same_unit']:.2f}, another unit {akin['another_unit']:.2f}")


# %% [markdown]
# ### What the dots are for
#
# On a random background, a pixel that no digit ever covers is independent of everything. The best guess of it is
# $\tilde x_i$ if that is not 0, and its mean if it is: the error is $\nu\sigma^2$. That is a function of one pixel, and
# not a straight line. The best straight line, $\mu + w(\tilde x_i - p\mu)$ with $p = 1 - \nu$ and $S = E[x_i^2]$,
# leaves
#
# $$ \sigma^2\,\frac{\nu S}{p\sigma^2 + \nu S}, \qquad \text{of a uniform pixel: } \frac{4\nu}{1 + 3\nu}\,\sigma^2.
#    \qquad (3) $$
#
# So a unit that looks at one pixel alone can do what no sum over many pixels can: tell destroyed from dark.
#
# The last function is for the cause below: how selective the best linear guess is among directions.

# %%
HALF = 0.5
side, block = SIDE[RAND], 28 // SIDE[RAND]
ink = to_float(data.x_train, np.float64).reshape(-1, side, block, side, block).mean(axis=(0, 2, 4)).ravel()
backdrop = np.flatnonzero(ink < 1e-3)  # pixels that hardly a digit covers
fresh = np.random.default_rng([chapter.seed, 29])
x_test = pictures(data.x_test, RAND, fresh)
mask = exact_mask(x_test.shape, HALF, fresh)
x_tilde = np.where(mask, np.float32(0), x_test)


def left(nu):
    """Return the squared error on background pixels over their variance, half of the held-out images destroyed."""
    params = last[RAND, nu, chapter.seed]
    y = sigmoid(x_tilde @ params["W"] + params["b"])
    z = sigmoid(y @ params["W"].T + params["b_prime"])
    error = np.square(z - x_test, dtype=np.float64)[:, backdrop].mean()
    return float(error / x_test[:, backdrop].var(dtype=np.float64))


background = {
    "pixels": len(backdrop),
    "linear": 4 * HALF / (1 + 3 * HALF),
    "best": HALF,
    "copy": 4 * HALF,  # S from a destroyed pixel, nothing from the others
    **{f"network, ν = {nu}": left(nu) for nu in (0.0, HALF)},
}


def share_of_directions(x):
    """Return over what share of the principal directions the gain λ/(pλ + νS) of the best linear guess is spread."""
    eigenvalues = np.linalg.eigvalsh(np.cov(x.astype(np.float64), rowvar=False))
    gain = eigenvalues / ((1 - HALF) * eigenvalues + HALF * np.square(x, dtype=np.float64).mean())
    return float(gain.sum() ** 2 / np.square(gain).sum() / len(gain))


spread = {ROT: share_of_directions(x), RAND: share_of_directions(noisy)}
print(f"share of the directions that the linear gain is spread over, half destroyed: {spread}")
print("squared error on background pixels, half destroyed, over their variance")
for name, value in background.items():
    print(f"  {value:.3f}  {name}")

# %% [markdown]
# ## The check

# %%
for task in (ROT, RAND):
    D = SIDE[task] ** 2
    for name, expected in (("area", 1 + (D - 1) / (D + KAPPA - 1)), ("support", 1 / KAPPA)):
        ratio = static[task][name] / expected
        assert abs(ratio - 1) < (0.1 if chapter.quick else 0.05), (
            f"first weights, {task}: {name} {ratio:.3f} times its closed form"
        )
ratio = blob_area / (2 * np.pi * 2.0**2)
assert abs(ratio - 1) < 1e-3, f"a Gaussian blob must have the area 2πs², found {ratio:.5f} times it"

for seed in SEEDS:
    none, some, quarter, half = (rows[ROT, nu, seed] for nu in NUS)
    cosines = [row["cosine"] for row in (none, some, quarter, half)]
    assert all(np.diff(cosines) < 0), f"seed {seed}: with more corruption less of the first weights, found {cosines}"
    areas = [row["area"] for row in (none, quarter, half)]
    assert areas[1] > 1.1 * areas[0], f"seed {seed}: ν = 0.25 must have larger filters than ν = 0, found {areas}"
    assert areas[2] > 1.1 * areas[1], f"seed {seed}: ν = 0.5 must have larger filters than ν = 0.25, found {areas}"
    if not chapter.quick:  # 14×14 pixels hold too little static
        supports = [row["support"] for row in (none, quarter)]
        assert supports[1] < 0.6 * supports[0], f"seed {seed}: filters must draw together, found {supports}"
    assert max(row["dots"] for row in (none, some, quarter, half)) < 0.02, f"seed {seed}: no dots on rotated digits"
assert akin["same_unit"] > 2 * akin["another_unit"], f"a unit must resemble itself at another ν, found {akin}"

none, half = rows[RAND, 0.0, chapter.seed], rows[RAND, 0.5, chapter.seed]
assert none["dots"] < 0.02, f"no dots without corruption, found {none['dots']:.2f}"
assert half["dots"] > 0.15, f"dots on random backgrounds with ν = 0.5, found {half['dots']:.2f}"
assert half["support"] < none["support"] / 2, f"filters must get smaller there, found {none}, {half}"
assert half["area"] < 1.2 * none["area"], f"and must not grow, found {none}, {half}"
found = background["network, ν = 0.5"]
assert HALF < found < 0.98 * background["linear"], f"the dots must do what no straight line does (3), found {found:.3f}"
assert spread[ROT] < 0.5 < 0.9 < spread[RAND], f"rotated digits must prefer few directions, noise none, found {spread}"
found = background["network, ν = 0.0"]
assert found > 1, f"ν = 0 must be worse than the mean on the background, found {found:.3f}"

# %% [markdown]
# ## The figure

# %%
figure = plt.figure(figsize=(17, 17.5), layout="constrained")
top, middle, bottom = figure.subfigures(3, 1, height_ratios=(1, 1, 1.3))
for part, task, verdict in (
    (top, ROT, "Rotated digits: texture all over the image gives way to blobs and strokes"),
    (middle, RAND, "Digits on random backgrounds: static gives way to single dots"),
):
    part.suptitle(f"{verdict} (the same {SHEET**2} units in the same places)", fontsize=15)
    for ax, nu in zip(part.subplots(1, 4), NUS, strict=True):
        W = last[task, nu, chapter.seed]["W"].T[: SHEET**2]
        images = W / np.abs(W).max(axis=1, keepdims=True)
        sheet = plots.tile(images, (SIDE[task], SIDE[task]), SHEET)
        ax.imshow(sheet, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        ax.set_title(f"ν = {nu:g}")
        ax.set_axis_off()

followed_part, plots_part = bottom.subfigures(1, 2, width_ratios=(1, 2))
ax = followed_part.subplots()
followed = np.arange(SHEET)[: SHEET - 2]
stages = {"first\nweights": first[ROT, chapter.seed], **{f"ν = {nu:g}": last[ROT, nu, chapter.seed]["W"] for nu in NUS}}
images = np.concatenate([W.T[followed] / np.abs(W.T[followed]).max(axis=1, keepdims=True) for W in stages.values()])
sheet = plots.tile(images, (SIDE[ROT], SIDE[ROT]), len(followed))
ax.imshow(sheet, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
ax.set_yticks([(SIDE[ROT] + 1) * (row + 0.5) for row in range(len(stages))], stages)
ax.set_xticks([])
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
ax.set_title("The first six units, followed\n(rotated digits)")

(area_axis, support_axis), (cosine_axis, dots_axis) = plots_part.subplots(2, 2)
panels = (
    (area_axis, "area", "area of agreement (pixels)", "Larger: weights agree over larger patches"),
    (support_axis, "support", "support (share of all pixels)", "More local: fewer pixels in a filter"),
    (cosine_axis, "cosine", "cosine with first weights", "Less is left of the first weights"),
    (dots_axis, "dots", "share of filters that are dots", "On random backgrounds most become dots"),
)
for ax, name, label, title in panels:
    for seed in SEEDS:
        values = [rows[ROT, nu, seed][name] for nu in NUS]
        ax.plot(NUS, values, "o-", color=BLUE, linewidth=1.2, label=f"{ROT}, each seed" if seed == SEEDS[0] else None)
    values = [rows[RAND, nu, chapter.seed][name] for nu in NUS]
    ax.plot(NUS, values, "^--", color=ORANGE, linewidth=1.8, label=RAND)
    ax.set(xlabel="fraction destroyed, ν", ylabel=label, title=title, xticks=NUS, ylim=(0, None))
    ax.grid(alpha=0.3)
area_axis.axhline(2, color="black", linestyle=":", linewidth=1.2, label="static, (1)")
support_axis.axhline(1 / KAPPA, color="black", linestyle=":", linewidth=1.2, label="static, (2)")
support_axis.set_ylim(0, 0.6)
area_axis.legend(fontsize=9)
support_axis.legend(fontsize=9)

# %% [markdown]
# ## The cause
#
# **The closed forms.** For independent weights of mean 0 and variance $\sigma^2$, $E[(\sum_i w_i w_{i+\delta})^2]$ is
# $\sigma^4$ for every pair of pixels $\delta$ apart. Over all $\delta \ne 0$ that makes $\sigma^4 (D^2 - D)$, and
# $E[(\sum w_i^2)^2] = \sigma^4 (D^2 + (\kappa - 1) D)$. The ratio, plus 1 for $\delta = 0$, is (1). (2) is
# $(D\sigma^2)^2 / (D\kappa\sigma^4)$.
#
# **Which scale.** Chapter 02 derived the best linear guess $C\,[(1 - \nu)\,C + \nu \operatorname{diag} S]^{-1}$.
# A direction of variance $\lambda$ gets the gain $\lambda / (p\lambda + \nu S)$: 1 for all at $\nu = 0$, so any
# filters will do, and texture that fills the image is as good as anything. With $\nu > 0$ the directions of little
# variance, which are the fine ones, are damped, and the more so the larger $\nu$. On rotated digits the gain at
# $\nu = 0.5$ is spread over 0.18 of the directions. That is the growth of the patches.
#
# **Why not on random backgrounds.** There every direction but a few has the same variance, that of the noise, 1/12.
# All are damped alike (the gain is spread over 0.92 of them), and no scale is preferred. What corruption asks of
# the network is something else, (3): to treat an intact pixel and a destroyed one differently, pixel by pixel. That
# is not linear, so it depends on the basis, and the basis that can do it is one unit a pixel. The error on the
# background falls to 0.745, below the best line at 0.8 and on the way to 0.5.
#
# **The truth about the claim.** 1 holds: the cosine falls from 0.26 to 0.18, in every seed, and from 0.44 to 0.18 on
# backgrounds. 2 holds on rotated digits: the area grows from 9.5 to 14.9 pixels, which in a Gaussian blob would be a
# standard deviation of 1.23 and 1.54. 3 does not: the support *falls*, from 0.26 of the image to 0.09. Without noise
# the filters are not small blobs; they are textures all over the image, and corruption draws them together. Between
# $\nu = 0.25$ and 0.5 the patches grow while the support stays. 4 is wrong: on random backgrounds the same corruption
# shrinks filters to a median support of 1.6 pixels out of 196. The paper drew its filters from plain digits, with
# longer training and more units. The backgrounds were run with one seed only; the suite repeats them, smaller, with
# seeds 0, 1 and 2.

# %% [markdown]
# ## Exercises
#
# 1. *A filter is a bar, 3 pixels wide and 9 long, all weights equal. What are its area and its support?*
#
#    $\rho$ is a product of two triangles. $\sum_\delta (1 - |\delta|/m)^2 = (2m^2 + 1)/(3m)$, so $A = \frac{19}{9}
#    \cdot \frac{163}{27} = 12.7$; the support is 27.
#
# 2. *Same bar, its weights alternately $+1$ and $-1$. Which of the two numbers notices?*
#
#    Neither: $\rho_\delta$ changes its sign and is squared. The correlation of neighbours (chapter 02) would turn
#    negative. A grating and a bar are equally large.
#
# 3. *At $\nu = 0$, multiply $W$ by an orthogonal matrix from the right. What happens to a linear network's loss?*
#
#    Nothing: $W Q Q^\top W^\top = W W^\top$, and the loss depends on this alone. It is so with corruption, too. The
#    basis matters only as far as the units are not linear; the dots are the work of the sigmoid.
#
# 4. *Could dots on bg-rand be good for classification?*
#
#    They are a copy of the input, with the corruption marked, so a classifier on top starts where it would without
#    them. The filters that found a digit are what helps; at this size there are few of them.

# %%
chapter.finish(
    figure,
    {
        "units": [{"task": task, "nu": nu, "seed": seed, **row} for (task, nu, seed), row in rows.items()],
        "first_weights": static,
        "area_of_a_blob_of_standard_deviation_2": blob_area,
        "absolute_cosine_of_nu_0.1_and_0.5": akin,
        "share_of_directions_of_the_linear_gain_half_destroyed": spread,
        "error_on_background_over_its_variance_half_destroyed": background,
    },
)
