# %% [markdown]
# # An overcomplete autoencoder copies; it denoises only if it is shown noise
#
# You train an autoencoder with more hidden units than pixels. The error falls and falls, the pictures are sharp. Then
# you hand it a digit with half of the pixels knocked out, and it returns a digit with half of the pixels knocked out.
# You look at its filters, and most are static. Nothing is broken: it says what it is shown, as it was asked to.

# %% [markdown]
# ## Is it yours?
#
# 1,000 hidden units for digits of 28×28; the squared error per pixel on digits that were not trained on:
#
# ```text
#                            clean digits    half destroyed: error on the destroyed pixels
# trained without noise          0.002                      0.09
# trained with noise             0.013                      0.014
# answer 0 (copy)                  -                        0.11
# answer the mean picture        0.06                       0.06
# ```
#
# ![Destroyed digits and their reconstructions, filters, and errors beside simple guesses](../figures/02_denoising.png)
#
# **The one measurement**: destroy half of the pixels of images it has not seen, and take its error on *these pixels
# only*, beside that of the mean picture. On clean images the copier is the better network; that number hides it.
#
# ## The claim
#
# Vincent et al. (ICML 2008), section 2.3: replace the input $x$ by a copy $\tilde x$ with a fraction $\nu$ of its
# components set to 0, and ask for the *clean* $x$. To put a missing component back the code has to hold the
# dependencies between components, so that even an overcomplete code learns something. Their figure 3 shows filters
# (columns of our $W$). Without noise many of theirs are nearly even grey patches, not static; with more noise they are
# more distinct and less local (chapter 28 measures that). On trial:
#
# 1. without noise the network copies: on what was destroyed it is worse than the mean picture;
# 2. with noise it guesses what was destroyed, better than the best *linear* guess;
# 3. on clean images the copier is nevertheless the better one;
# 4. static in the filters is the sign of copying, and smooth filters that of denoising. (This one is false.)

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, DenoisingAutoencoder, autoencoder, fit, floors, streams
from scratchdae.activations import sigmoid
from scratchdae.chapter import Chapter
from scratchdae.corruption import exact_mask
from scratchdae.datasets import digits, locate_mnist, mnist, to_float
from scratchdae.initializers import glorot_uniform, sigmoid_uniform
from scratchdae.plots import BLUE, GREY, ORANGE, picture_rows

chapter = Chapter.begin("02_denoising")

SIDE, H = (14, 256) if chapter.quick else (28, 1000)  # --quick averages blocks of 2×2 pixels; H > D: overcomplete
D, NU = SIDE**2, 0.5  # the fraction destroyed
N_TRAIN, EPOCHS, LR = (50_000, 12, 0.1) if chapter.full else (4000, 9, 0.5) if chapter.quick else (4000, 12, 0.15)

# %% [markdown]
# ## The run
#
# Three networks with tied weights, sigmoids and the paper's cross-entropy, on the embedded digits, which a program
# draws (the paper has MNIST, as has `--full` where it is there). They see the same images in the same order. Two begin
# with the same weights, bit for bit, the third with these divided by four, for claim 4.

# %%
data = mnist() if chapter.full and locate_mnist() else digits()
x_train, x_test = (to_float(x, np.float32, SIDE) for x in (data.x_train[:N_TRAIN], data.x_test[:1000]))


def train(corruption, initializer=sigmoid_uniform):
    """Train a tied autoencoder; return its first W and its last parameters."""
    first = streams(chapter.seed).initialisation
    model = DenoisingAutoencoder(D, H, first, dtype=np.float32, initializer=initializer)
    before = model.params["W"].copy()
    options = {"epochs": EPOCHS, "lr": LR, "batch_size": 20, "seed": chapter.seed, "corruption": corruption}
    fit(model, x_train, **options, backend="auto" if chapter.full else "numpy", progress=False)
    return before, model.params


COPIER, DENOISER, SMALL = "without noise", "with noise", "without noise, small first weights"
first, last = {}, {}
first[COPIER], last[COPIER] = train(None)  # broken: it is shown exactly what it is asked for
first[DENOISER], last[DENOISER] = train(Corruption("masking", NU))  # repaired: the clean image is asked for
first[SMALL], last[SMALL] = train(None, glorot_uniform)


def reconstruct(name, x):
    return sigmoid(autoencoder.decode(last[name], autoencoder.encode(last[name], x)))


def squared_error(z, x, mask=slice(None)):
    return float(np.square(z - x, dtype=np.float64)[mask].mean())


mask = exact_mask(x_test.shape, NU, np.random.default_rng([chapter.seed, 1]))
x_tilde = np.where(mask, np.float32(0), x_test)
COPY, MEAN = "copy: 0", "the mean picture"
mean = x_train.mean(axis=0, dtype=np.float64)
answers = {COPY: np.zeros_like(x_test), MEAN: np.broadcast_to(mean, x_test.shape)}
answers |= {name: reconstruct(name, x_tilde) for name in last}
bright = {name: float(answers[name][mask & (x_test > 0.5)].mean()) for name in last}
clean = {name: squared_error(reconstruct(name, x_test), x_test) for name in last}
error = {name: squared_error(z, x_test, mask) for name, z in answers.items()}
for name, value in error.items():
    more = f"; clean digits {clean[name]:.4f}; answers {bright[name]:.2f} where it was bright" if name in last else ""
    print(f"{value:.4f} on destroyed pixels  {name}{more}")

# %% [markdown]
# ### The hardest opponents: the best linear guesses
#
# With $S = E[xx^\top]$, $C = S - \mu\mu^\top$ and $p = 1 - \nu$ the covariance of the destroyed image is
#
# $$ K = p^2\, C + p\nu \operatorname{diag} S. $$
#
# Off the diagonal two pixels' masks are independent, which gives $p^2 C$; on it $m_i x_i$ has the variance
# $p\,S_{ii} - p^2\mu_i^2$. Mind the *uncentred* $S$: a destroyed pixel goes to 0, not to its mean. (The corruption
# destroys an exact count, a difference of order $1/D$.) The best guess depends on where it has to be good:
#
# - **All pixels**, as the network is trained: $\hat x = \mu + p\,C K^{-1}(\tilde x - p\mu)$.
# - **Destroyed pixels only**: $x_i$ from the *other* pixels. With $P = K^{-1}$ the regression of $\tilde x_i$ on the
#   others has the coefficients $-P_{ij}/P_{ii}$ and leaves the variance $1/P_{ii}$; the covariance of $x_i$ with
#   $\tilde x_j$ is $1/p$ times that of $\tilde x_i$. So the coefficients are $-P_{ij}/(p P_{ii})$, the error
#   $C_{ii} - (K_{ii} - 1/P_{ii})/p^2$. It knows that it will be asked about destroyed pixels; no network here does.

# %%
LINEAR, LINEAR_DESTROYED = "linear, all pixels", "linear, destroyed only"
p, X = 1 - NU, x_train.astype(np.float64)
S = X.T @ X / len(X)
C = S - np.outer(mean, mean)
K = p**2 * C + p * NU * np.diag(np.diag(S))
lit = np.diag(S) > 0  # the others are black in every training image and need no guess
P = np.zeros_like(K)
P[np.ix_(lit, lit)] = np.linalg.inv(K[np.ix_(lit, lit)])
own = np.where(lit, np.diag(P), 1)
W_destroyed = -P / (p * own)  # column i: the guess of pixel i
np.fill_diagonal(W_destroyed, 0)
expected = float(np.where(lit, np.diag(C) - (np.diag(K) - 1 / own) / p**2, 0).mean())


def guess(W, x_tilde):
    return mean + (x_tilde - p * mean) @ W


for name, W in ((LINEAR, floors.masking(S, NU, mean)[1]), (LINEAR_DESTROYED, W_destroyed)):
    error[name] = squared_error(guess(W, x_tilde), x_test, mask)
    print(f"{error[name]:.4f} on destroyed pixels  {name}")
mask_train = exact_mask(x_train.shape, NU, np.random.default_rng([chapter.seed, 2]))
measured = squared_error(guess(W_destroyed, np.where(mask_train, 0, x_train)), x_train, mask_train)

# %% [markdown]
# ### Why it copies, and what its filters are
#
# The **own-pixel share**: the output before its sigmoid responds to the input pixels by the Jacobian
# $J = W \operatorname{diag}(y(1-y))\, W^\top$; the share is the part of $\sum_{ij} J_{ij}^2$ on the diagonal, 1 for a
# copy. The **cosine** of a filter with its own first weights and the **correlation of neighbouring weights**, near 0
# for static and near 1 if smooth, are medians over the units.


# %%
def own_pixel_share(W, y):
    jacobians = [(W * slope) @ W.T for slope in y * (1 - y)]
    return float(np.mean([(np.diag(J) ** 2).sum() / (J**2).sum() for J in jacobians]))


def cosine(W, V):
    return float(np.median((W * V).sum(axis=0) / (np.linalg.norm(W, axis=0) * np.linalg.norm(V, axis=0))))


def neighbours(W):
    image = W.T.reshape(-1, SIDE, SIDE)
    pairs = ((image[:, :, 1:], image[:, :, :-1]), (image[:, 1:], image[:, :-1]))
    one, other = (np.hstack([pair[k].reshape(len(image), -1) for pair in pairs]) for k in (0, 1))
    return float(np.median([np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True)]))


filters = {
    name: {
        "own_pixel_share": own_pixel_share(params["W"][lit], autoencoder.encode(params, x_test[:10])),
        "cosine_with_first": cosine(params["W"], first[name]),
        "neighbour_correlation": neighbours(params["W"]),
    }
    for name, params in last.items()
}
born, born_expected = own_pixel_share(first[COPIER], np.full((1, H), 0.5)), (H + 4 / 5) / (H + D - 1 / 5)
for name, row in filters.items():
    print(f"{name:<36} {'  '.join(f'{key} {value:.2f}' for key, value in row.items())}")
print(f"own-pixel share of the first weights {born:.4f}, expected {born_expected:.4f}")

# %% [markdown]
# ## The check

# %%
ratio = measured / expected
assert abs(ratio - 1) < 0.04, f"the linear guess must have its closed-form error, found {ratio:.3f} times it"
for name, everywhere in ((COPY, x_test), (MEAN, x_test - mean)):
    ratio = error[name] / squared_error(everywhere, 0)
    assert abs(ratio - 1) < 0.02, f"{name}: error on destroyed pixels {ratio:.3f} times that on all: they must agree"
ratio = born / born_expected
assert abs(ratio - 1) < 0.03, f"own-pixel share of the first weights: {ratio:.3f} times (H + κ − 1)/(H + D + κ − 2)"
for name, bound in ((COPIER, 1.25), (SMALL, 1.1)):
    ratio = error[name] / error[MEAN]
    assert ratio > bound, f"{name} must be worse than the mean picture, found {ratio:.2f} times its error"
assert bright[COPIER] < 0.15, f"the copier must answer dark for destroyed, found {bright[COPIER]:.2f}"
assert bright[DENOISER] > 0.4, f"the denoiser must put bright pixels back, found {bright[DENOISER]:.2f}"
ratio = error[DENOISER] / min(error[LINEAR], error[LINEAR_DESTROYED])
assert ratio < 0.95, f"the denoiser must beat both linear guesses, found {ratio:.3f} times the better one's error"
ratio = clean[COPIER] / clean[DENOISER]
assert ratio < 0.5, f"on clean images the copier must be twice as good, found {ratio:.2f} times the denoiser's error"
copier, denoiser, small = filters.values()
assert copier["cosine_with_first"] > denoiser["cosine_with_first"] + 0.01, f"noise must change filters more: {filters}"
assert copier["own_pixel_share"] > 1.5 * denoiser["own_pixel_share"], f"the copier must use the own pixel: {filters}"
for one in (denoiser, small):
    ratio = one["neighbour_correlation"] / copier["neighbour_correlation"]
    assert ratio > 1.25, f"noise, and small first weights, must each make filters smooth: {filters}"

# %% [markdown]
# ## The figure

# %%
figure = plt.figure(figsize=(9, 6.2), layout="constrained")
top, bottom = figure.subfigures(2, 1)
(eyes, units), bars = top.subplots(1, 2), bottom.subplots()
shown = np.array([np.flatnonzero(data.t_test[:1000] == digit)[0] for digit in (2, 3, 4, 5, 6, 8)])
rows = {"destroyed": x_tilde[shown], COPIER: answers[COPIER][shown], DENOISER: answers[DENOISER][shown]}
picture_rows(eyes, rows | {"clean": x_test[shown]}, (SIDE, SIDE), len(shown))
eyes.set_title("The copier leaves the holes,\nthe denoiser fills them", fontsize=11)
largest = np.argsort(-np.linalg.norm(last[DENOISER]["W"], axis=0), kind="stable")[:6]
weights = {"first weights": first[COPIER], COPIER: last[COPIER]["W"], DENOISER: last[DENOISER]["W"]}
weights["small first\nweights"] = last[SMALL]["W"]
rows = {name: 0.5 + 0.5 * W.T[largest] / np.abs(W.T[largest]).max(axis=1)[:, None] for name, W in weights.items()}
picture_rows(units, rows, (SIDE, SIDE), len(largest))
units.set_title("Six filters: less static with noise,\nand with small first weights", fontsize=11)
order = sorted(error, key=error.get)
for row, name in enumerate(order):
    bars.barh(row, error[name], color=BLUE if name == DENOISER else ORANGE if name in last else GREY)
    bars.text(error[name] + 0.001, row, f"{error[name]:.4f}", va="center")
bars.axvline(error[MEAN], color="black", linestyle=":", linewidth=1)
bars.set_yticks(range(len(order)), order)
bars.set(xlabel="squared error per destroyed pixel", xlim=(0, 1.1 * max(error.values())))
bars.set_title("What was destroyed: copiers (orange) are worse than the mean picture (dotted)", fontsize=11)

# %% [markdown]
# ## The cause
#
# **It is born a copier.** At the first weights $y \approx 1/2$ and $J \approx \tfrac14 W W^\top$. For independent
# weights of mean 0, variance $\sigma^2$ and fourth moment $\kappa\sigma^4$ ($\kappa = 9/5$ if uniform),
#
# $$ E\,(WW^\top)_{ii}^2 = \sigma^4\,(H^2 + (\kappa - 1) H), \qquad E\,(WW^\top)_{ij}^2 = \sigma^4 H \quad (i \ne j), $$
#
# and the share of the diagonal, one entry against $D - 1$, is $(H + \kappa - 1)/(H + D + \kappa - 2)$: more than one
# half as soon as $H > D$. Training without noise only has to set gains and biases. Nothing asks the filters to change
# direction, so they do not: their median cosine with the first weights stays at 0.91. The static is not what copying
# looks like. It is the initialisation, left alone, so a copier can as well be grey, as the paper's is.
#
# **What noise changes** can be read off the linear guess, $C\,[(1 - \nu)\,C + \nu \operatorname{diag} S]^{-1}$ after a
# factor $p$ is cancelled. At $\nu = 0$ it is the identity: *copying is the optimum*. With $\nu > 0$ it is a ridge
# regression with a pixel's own second moment as its ridge: directions in which pixels vary together keep their gain,
# others are damped, weight moves from the own pixel to its neighbours. So does the network, by its own-pixel share,
# 0.41 and 0.10, and it goes beyond: what it adds depends on which strokes the rest suggests, which is not linear. The
# price: it treats every dark pixel as perhaps destroyed, and smooths a clean image too.
#
# **Claim 4 fails.** From weights a quarter as large the network without noise grows smooth filters too (neighbours
# correlate by 0.58, the denoiser's by 0.39; on MNIST 0.42 and 0.52), having less static to look through. It still
# leaves destroyed pixels dark. Look at what a network does to a destroyed pixel, not at how its filters please.

# %% [markdown]
# ## Exercises
#
# 1. Two pixels of mean 0, variance 1 and correlation $\rho$. Find the linear guess $W$ for masking with $\nu$.
# 2. Someone uses $\operatorname{diag} C$ in place of $\operatorname{diag} S$. Where is the guess wrong most?
# 3. Make the layer narrow, 20 hidden units, without noise. Does it copy?
#
# ### Answers
#
# 1. $K = p\,\begin{pmatrix}1 & p\rho\\ p\rho & 1\end{pmatrix}$, since $p^2 + p\nu = p$. So $W = pCK^{-1} =
#    \frac{1}{1 - p^2\rho^2}\begin{pmatrix}1 - p\rho^2 & \nu\rho\\ \nu\rho & 1 - p\rho^2\end{pmatrix}$. At $\nu = 0$ the
#    neighbour counts for nothing, however strong the correlation: noise makes the dependency worth learning.
# 2. Where $\mu_i^2$ is large against $C_{ii}$, at pixels that are nearly always bright. They hardly vary but are
#    destroyed as violently as any: masking alone gives $\tilde x_i$ the variance $p\nu S_{ii}$.
# 3. It cannot: $J$ has rank 20. As a multiple of a projection it has $J_{ii} = 20/D$ and $\sum_{ij} J_{ij}^2 = 20$, a
#    share of $20/D$. A bottleneck forces dependencies to be used, as noise does; the paper needs no narrow code.

# %%
print("Without noise an overcomplete network copies: it is worse than the mean picture on what was destroyed.")
print("Your own network: destroy half of held-out images, and take its error there beside the mean picture's.")
numbers = {
    "squared_error_on_destroyed_pixels": error,
    "squared_error_on_clean_images": clean,
    "brightness_where_a_bright_pixel_was_destroyed": bright,
    "linear_guess_closed_form": {"expected": expected, "measured": measured},
    "filters": filters,
    "own_pixel_share_of_first_weights": {"measured": born, "expected": born_expected},
}
chapter.finish(figure, numbers)
