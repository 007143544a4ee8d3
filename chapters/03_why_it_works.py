# %% [markdown]
# # Noise makes the reconstruction mean something: a direction, a sampler, and two bounds
#
# **The question.** Two autoencoders of 40 hidden units have learnt the same curve in the plane. Both put points of the
# curve back almost exactly. Hand them a point a little beside the curve and they part: one returns it to the curve; the
# other may leave it, pull it in, or push it out, and which of these depends on the weights it began with. The only
# difference in training was noise on the input. What did the noise teach, and what exactly can we conclude from it?

# %% [markdown]
# **The claims.** Vincent et al. (2008, section 4) look at the denoising autoencoder from four sides. Here each becomes
# numbers, on problems so small that the right answer is known.
#
# - **a. Manifold** (4.1): the reconstruction leads from $\tilde x$ back to where data are dense. *It does. Without
#   noise the first weights decide where it leads.*
# - **b. Stochastic operator** (4.3): corrupting and reconstructing training points draws samples of a model of the
#   data. *The samples are exact if $p(x\mid\tilde x)$ is; independent output bits, or a mean in place of a sample,
#   cost.*
# - **c. Top-down generative model** (4.2): training maximises a variational bound on $\log p(\tilde x)$. *It follows
#   the bound's gradient. The bound itself, as the paper writes it, is $-\infty$.*
# - **d. Information** (4.3): training maximises a lower bound on $I(X;Y)$. *The bound holds and rises. The information
#   need not rise with it, and we show a code from which it leaks.*
#
# Two later papers sharpen a and b: Vincent (2011) finds the score in the direction of the reconstruction; Bengio et al.
# (2013) show which chain has the data as its stationary distribution. Information is in nats throughout.

# %%
from itertools import combinations, product

import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, DenoisingAutoencoder, autoencoder, fit, streams
from scratchdae.activations import sigmoid, softplus
from scratchdae.chapter import Chapter
from scratchdae.corruption import gaussian
from scratchdae.datasets import curve, curved_manifold, project_to_curve
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.schedules import Geometric

chapter = Chapter.begin("03_why_it_works")

RADIUS, SIGMA = 0.35, 0.07  # of the arc; of the noise
N, HIDDEN, BATCH = 2000, 40, 20
EPOCHS = 40 if chapter.quick else 300
STARTS = {"0.3": (0.3, True), "1": (1.0, True), "1, b = 0": (1.0, False)}  # deviation of W; b through the data or 0?
CHAINS, STEPS = (400, 300) if chapter.quick else (1500, 600)

D, SLIP, DESTROYED = 6, 0.05, 3  # bits; chance that a copy is wrong; bits that the corruption sets to 0
NARROW, WIDE = 2, 20  # hidden units: few enough to integrate over, enough to fit
UPDATES, LR = [0, 1, 2, 4, 7, 14, 28, 54, 106, 208, 407, 800, 1600, 3000, 6000], 2.0  # steps of the exact gradient
BLUR = 0.2  # width of the code's noise in panel d
WIDTHS = [1, 0.7, 0.5, 0.3, 0.2, 0.1, 0.03, 0.01, 0.003, 0.001]  # of the code's noise in panel c

# %% [markdown]
# ## The run, a and b: a curve in the plane
#
# Data lie on three quarters of a circle, uniformly. The model has tied weights, a linear output and the squared error.
# Lengths are given to it in units of $\sigma$. It is trained from three kinds of first weights, with noise and without:
# `without_noise` is the broken variant.


# %%
def with_noise(start, corruption="gaussian:1"):
    """Train one autoencoder on the curve; return its reconstruction, a function of points of the plane."""
    scale, through_data = STARTS[start]
    x = (curved_manifold(N, np.random.default_rng(chapter.seed))[0] - 0.5) / SIGMA
    rng = streams(chapter.seed).initialisation
    options = {"loss": "squared_error", "output": "linear"}
    model = DenoisingAutoencoder(2, HIDDEN, rng, initializer=lambda size, rng, _: rng.normal(0, scale, size), **options)
    W = model.params["W"]
    if through_data:  # each hidden unit changes its mind at some point near the data
        model.params["b"] = -(gaussian(x[:HIDDEN], 1.0, rng).T * W).sum(axis=0)
    model.params["b_prime"] = -W.sum(axis=1) / 2  # half-active units reconstruct the centre
    options = {"batch_size": BATCH, "seed": chapter.seed, "backend": "numpy", "progress": False}
    fit(model, x, epochs=EPOCHS, lr=Geometric(0.05, 0.001, EPOCHS), corruption=Corruption.parse(corruption), **options)
    return lambda points: 0.5 + SIGMA * autoencoder.forward(model.params, (points - 0.5) / SIGMA)[0]


def without_noise(start):
    """Train the same autoencoder to copy its clean input: nothing says what to do beside the curve."""
    return with_noise(start, corruption="none")


reconstructions = {("noise", start): with_noise(start) for start in STARTS}
reconstructions |= {("no noise", start): without_noise(start) for start in STARTS}

# %% [markdown]
# The best reconstruction is known: $E[X\mid\tilde x]$, a sum over positions on the curve. With 200 equal steps of the
# curve it is exact to more digits than we need, and $X$ uniform on these 200 points is exactly stationary below.

# %%
NODES = curve((np.arange(200) + 0.5) / 200)


def posterior(points):
    """Return p(node | x̃), a row for each x̃, and the log of the smoothed density up to a constant."""
    squared = (points**2).sum(axis=1)[:, None] - 2 * points @ NODES.T + (NODES**2).sum(axis=1)  # distances
    p = np.exp(-squared / (2 * SIGMA**2))
    total = p.sum(axis=1)
    return p / total[:, None], np.log(total)


def best_mean(points):
    """E[X | x̃]: no reconstruction has a smaller squared error."""
    return posterior(points)[0] @ NODES


def best_sample(points):
    """Draw from p(X | x̃) itself, where `best_mean` returns its mean."""
    levels = posterior(points)[0].cumsum(axis=1)
    return NODES[(levels < rng.random((len(points), 1)) * levels[:, -1:]).sum(axis=1)]


def distance(points):
    """Distance to the curve, in units of sigma."""
    return np.linalg.norm(points - curve(project_to_curve(points)), axis=1) / SIGMA


rng = np.random.default_rng([chapter.seed, 1])
foot = curve(rng.random(3000))  # a probe lies one to three sigma from its foot, along the normal
probes = foot + (foot - 0.5) / RADIUS * (rng.choice([-1, 1], 3000) * rng.uniform(1, 3, 3000) * SIGMA)[:, None]
noisy = curved_manifold(3000, rng, noise=SIGMA)[0]
score = (best_mean(noisy) - noisy) / SIGMA**2


def measure(r):
    """How a reconstruction treats points one to three sigma off the curve, and how well it estimates the score."""
    home, step = curve(project_to_curve(probes)) - probes, r(probes) - probes
    cosine = (home * step).sum(axis=1) / np.linalg.norm(home, axis=1) / np.linalg.norm(step, axis=1)
    error = (r(noisy) - noisy) / SIGMA**2 - score
    return {
        "cosine": cosine.mean(),
        "removed": 1 - distance(r(probes)).mean() / distance(probes).mean(),
        "score_error": np.sqrt((error**2).sum() / (score**2).sum()),
        "error_on_curve": np.sqrt(((r(foot) - foot) ** 2).sum(axis=1).mean()) / SIGMA,  # in sigmas
    }


def run_chain(r):
    """Corrupt, reconstruct, repeat, from points far off; return all distances, and where the second half went."""
    x, positions = rng.uniform(-0.5, 1.5, (CHAINS, 2)), []
    distances = [distance(x)]
    for step in range(STEPS):
        x = r(gaussian(x, SIGMA, rng))
        distances.append(distance(x))
        if step >= STEPS / 2 and step % 10 == 0:
            positions.append(project_to_curve(x))
    t = np.ravel(positions)
    return np.array(distances), {
        "chain_50%": np.median(distances[-1]),  # in sigmas
        "chain_90%": np.quantile(distances[-1], 0.9),
        "total_variation": np.abs(np.histogram(t, 20, (0, 1))[0] / t.size - 1 / 20).sum() / 2,  # from uniform
        "ends": np.mean((t < 0.025) | (t > 0.975)),  # share of the outer 5 % of the curve
    }


curved = {key: measure(r) for key, r in reconstructions.items()} | {("best", "mean"): measure(best_mean)}
paths = {}
for key, r in (reconstructions | {("best", "mean"): best_mean, ("best", "sample"): best_sample}).items():
    paths[key], ending = run_chain(r)
    curved[key] = curved.get(key, {}) | ending
    print(f"{key[0]:>8} {key[1]:8}", "  ".join(f"{name} {value:6.3f}" for name, value in curved[key].items()))

# %% [markdown]
# ## The run, b, c and d: six bits that can be enumerated
#
# Two coins are tossed and each result is written down three times; a copy is wrong with probability 0.05. That makes
# $2^6$ possible $x$, all with known probability $q(x)$. The corruption sets three of the six bits to 0, so $q(\tilde x
# \mid x)$ has at most 20 outcomes and every expectation is a finite sum. We train on the sum itself: with weights
# $q(\tilde x)$ and targets $E[X\mid\tilde x]$ (the cross-entropy is linear in its target) there is no sampling error.

# %%
X = np.array(list(product([0.0, 1.0], repeat=D)))  # (64, D)
slips = np.array([np.abs(X - np.repeat(coins, D // 2)).sum(axis=1) for coins in product([0, 1], repeat=2)])
q_x = (SLIP**slips * (1 - SLIP) ** (D - slips)).mean(axis=0)
masks = np.array([[k in lost for k in range(D)] for lost in combinations(range(D), DESTROYED)])
place = (np.where(masks[:, None], 0, X) @ 2 ** np.arange(D)[::-1]).astype(int)  # (20, 64): which x̃ a mask makes of x
corrupting = np.array([np.bincount(column, minlength=len(X)) for column in place.T]) / len(masks)  # q(x̃ | x)
possible = corrupting.any(axis=0)
X_tilde, corrupting = X[possible], corrupting[:, possible]  # 42 of the 64: at most three ones are left
joint = q_x[:, None] * corrupting
q_tilde = joint.sum(axis=0)
repair = (joint / q_tilde).T  # q(x | x̃), one row an x̃
mean_x = repair @ X


def entropy(p):
    """−Σ p log p; an impossible outcome adds nothing."""
    p = p[p > 0]
    return -(p * np.log(p)).sum()


H_x, H_tilde = entropy(q_x), entropy(q_tilde)
I_tilde = H_x + H_tilde - entropy(joint)  # I(X; X̃), the most that any code of x̃ can keep
bits = np.array([entropy(np.array([p, 1 - p])) for p in mean_x.ravel()]).reshape(mean_x.shape)
factorial_cost = q_tilde @ (bits.sum(axis=1) - [entropy(p) for p in repair])  # total correlation of x given x̃


def cross_entropy(params):
    """The denoising criterion itself, summed over all x and x̃."""
    a_z, _ = autoencoder.forward(params, X_tilde)
    return q_tilde @ (softplus(a_z) - mean_x * a_z).sum(axis=1)


def descend(n_hidden, x_tilde=X_tilde, target=mean_x, weights=q_tilde):
    """Follow the exact gradient; return the parameters after each number of `UPDATES`."""
    params, kept = DenoisingAutoencoder(D, n_hidden, streams(chapter.seed).initialisation).params, []
    for update in range(UPDATES[-1] + 1):
        if update in UPDATES:
            kept.append(params)
        a_z, cache = autoencoder.forward(params, x_tilde)
        _, grads = autoencoder.backward(weights[:, None] * (sigmoid(a_z) - target), cache, params)
        params = {name: value - LR * grads[name] for name, value in params.items()}
    return kept


narrow, wide = descend(NARROW), descend(WIDE)
copier = descend(WIDE, X, X, q_x)[-1]  # the broken variant: its inputs are clean


def independent(p):
    """p(x) of independent bits with the given probabilities, for each row and each of the 64 x."""
    return np.prod(np.where(X == 1, p[:, None], 1 - p[:, None]), axis=-1)


def stationary(operator):
    """Return the left eigenvector of eigenvalue 1: where the chain x → x̃ → x ends."""
    values, vectors = np.linalg.eig(operator.T)
    p = vectors[:, np.argmax(values.real)].real
    return p / p.sum()


operators = {"exact p(x | x̃)": corrupting @ repair, "its marginals": corrupting @ independent(mean_x)}
for name, params in {"trained": wide[-1], "no noise": copier}.items():
    operators[name] = corrupting @ independent(sigmoid(autoencoder.forward(params, X_tilde)[0]))
lasting = {name: np.abs(stationary(T) - q_x).sum() / 2 for name, T in operators.items()}
one_step = {name: np.abs(q_x @ T - q_x).sum() / 2 for name, T in operators.items()}
for name in operators:
    print(f"{name:>15}: total variation {one_step[name]:.3f} after one step from the data, {lasting[name]:.3f} at last")

# %% [markdown]
# For c, the paper's generative model: $Y$ uniform on the unit square, $p(x\mid y)$ independent bits with probabilities
# $s(W'y+b')$, and $p(\tilde x\mid x)=q(\tilde x\mid x)$. With two hidden units $p(\tilde x)$ is an integral over the
# square. **Here we depart from the paper**, which lets $Y=f(\tilde x)$ be deterministic; the bound is then $-\infty$
# (see *The cause*). We blur the code, $Y=(1-\varepsilon)f(\tilde x)+\varepsilon U$ with $U$ uniform on the square: its
# entropy is $2\log\varepsilon$ whatever the parameters, it never leaves the square, and the paper's code is the limit
# $\varepsilon\to0$.


# %%
def square(n=16):
    """Return the nodes and weights of the Gauss–Legendre rule on the unit square."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return np.array(list(product((nodes + 1) / 2, repeat=2))), np.outer(weights, weights).ravel() / 4


def log_likelihood(params, y):
    """Log p(x | y) for each row y and each of the 64 x."""
    a_z = autoencoder.decode(params, y)
    return a_z @ X.T - softplus(a_z).sum(axis=1, keepdims=True)


def log_evidence(params, n=16):
    """Log p(x̃) of the generative model, x summed out and y integrated out."""
    nodes, weights = square(n)
    return np.log(weights @ np.exp(log_likelihood(params, nodes)) @ corrupting)


def variational(params, width):
    """For each x̃: the bound, the divergence of q* from p(x, y | x̃), and the blurred cross-entropy."""
    nodes, weights = square()
    codes, evidence, rows = autoencoder.encode(params, X_tilde), log_evidence(params), []
    for k, code in enumerate(codes):
        can = repair[k] > 0  # the x that this x̃ may come from
        r, c = repair[k, can], corrupting[can, k]
        log_p = log_likelihood(params, (1 - width) * code + width * nodes)[:, can]
        error = -weights @ log_p @ r
        bound = -error + r @ (np.log(c) - np.log(r)) + NARROW * np.log(width)
        # The divergence by the chain rule, D(q(y) ‖ p(y | x̃)) + E D(q(x) ‖ p(x | y, x̃)): not by subtraction.
        log_y = np.log(np.exp(log_p) @ c)
        of_y = -NARROW * np.log(width) - weights @ (log_y - evidence[k])
        of_x = r @ np.log(r) - weights @ (log_p + np.log(c) - log_y[:, None]) @ r
        rows.append((bound, of_y + of_x, error))
    return np.array(rows).T


def blurred_information(params, width):
    """I(X; Y) of the blurred code, exactly: the boxes' edges cut the square into cells of constant density."""
    low = (1 - width) * autoencoder.encode(params, X_tilde)
    edges = [np.unique([low[:, j], low[:, j] + width]) for j in range(NARROW)]
    inside = [(e[:-1] >= low[:, j, None]) & (e[1:] <= low[:, j, None] + width) for j, e in enumerate(edges)]
    density = (inside[0][:, :, None] & inside[1][:, None, :]).reshape(len(low), -1) / width**NARROW
    p = joint @ (density * np.outer(np.diff(edges[0]), np.diff(edges[1])).ravel())  # p(x, cell)
    return H_x + entropy(p.sum(axis=0)) - entropy(p)


evidence = log_evidence(narrow[-1])
by_width = {width: variational(narrow[-1], width) for width in WIDTHS}
mean_bound = np.array([q_tilde @ bound for bound, _, _ in by_width.values()])
blurred = np.array([q_tilde @ error for _, _, error in by_width.values()])
kl = np.array([-H_tilde - q_tilde @ log_evidence(params) for params in narrow])  # of q(x̃) from p(x̃)

codes_of_wide = [len(np.unique(autoencoder.encode(params, X_tilde), axis=0)) for params in wide]
wide_bound = np.array([H_x - cross_entropy(params) for params in wide])
blur_exact = np.array([blurred_information(params, BLUR) for params in narrow])
blur_bound = np.array([H_x - q_tilde @ variational(params, BLUR)[2] for params in narrow])
sharp = [blurred_information(narrow[k], WIDTHS[-1]) for k in (0, -1)]
print("mean of log p(x̃)", (q_tilde @ evidence).round(4), "and its bound by width", mean_bound.round(3).tolist())
print("KL of q(x̃) from p(x̃) during training", kl.round(4).tolist())
print(f"H(X) {H_x:.4f}, I(X; X̃) {I_tilde:.4f}, price of independent bits {factorial_cost:.4f}")
print("20 units: bound", wide_bound.round(4).tolist())
print("2 units, blurred: I", blur_exact.round(4).tolist(), "bound", blur_bound.round(4).tolist())
print("2 units, nearly sharp: I before and after", np.round(sharp, 4).tolist())

# %% [markdown]
# ## The check
#
# First the yardsticks, against what they must equal; then the claims.

# %%
# Tweedie: (E[X | x̃] − x̃) / σ² is the gradient of log p(x̃), here by central differences.
h = 1e-5 * np.eye(2)
slope = np.stack([(posterior(noisy + e)[1] - posterior(noisy - e)[1]) / 2e-5 for e in h], axis=1)
assert np.abs(slope - score).max() < 1e-6 * np.abs(score).max(), "Tweedie's formula fails for the best reconstruction"

with_, without = ([curved[kind, start] for start in STARTS] for kind in ("noise", "no noise"))
for start, ours, broken in zip(STARTS, with_, without, strict=True):
    assert ours["cosine"] > 0.97, f"first weights {start}: the arrows do not point home, cosine {ours['cosine']:.3f}"
    assert ours["removed"] > 0.7, f"first weights {start}: one step removes only {ours['removed']:.2f} of the distance"
    assert ours["score_error"] < 0.3 < broken["score_error"], f"first weights {start}: no better at the score"
    assert broken["error_on_curve"] < ours["error_on_curve"] / 2, "on the curve itself the copier should be the better"
    assert ours["chain_90%"] < 0.6, f"first weights {start}: the chain leaves the curve, {ours['chain_90%']:.2f} sigma"
    assert broken["chain_90%"] > 1.2, f"first weights {start}: the copier's chain should not find the curve"
spread = [np.ptp([m["removed"] for m in group]) for group in (with_, without)]
assert spread[0] < 0.1, f"with noise the first weights should not matter, found a spread of {spread[0]:.2f}"
assert spread[1] > 0.6, f"without noise the first weights should decide, found a spread of {spread[1]:.2f}"

mean, sample = curved["best", "mean"], curved["best", "sample"]
inside = SIGMA / (2 * RADIUS)  # how far inside an arc the mean of its blurred points lies, in sigmas
assert abs(mean["chain_50%"] / inside - 1) < 0.1, f"the chain of means should run {inside:.2f} sigma off the curve"
assert mean["ends"] < 0.015 < 0.03 < sample["ends"] < 0.07, "only exact samples should visit the ends, 5 % of the time"
assert sample["total_variation"] < mean["total_variation"], "exact samples should cover the curve best"

flow = q_x[:, None] * operators["exact p(x | x̃)"]
assert np.abs(flow - flow.T).max() < 1e-15, "the exact chain is not reversible"
assert lasting["exact p(x | x̃)"] < 1e-12, "the exact chain does not keep the data distribution"
assert 0.13 < lasting["its marginals"] < 0.15, "the price of independent output bits is not what it was"
assert abs(lasting["trained"] - lasting["its marginals"]) < 0.01, "training is not down to that price"
assert lasting["no noise"] > 0.7, "without noise in training the chain should forget the data"

assert np.abs(log_evidence(narrow[-1], 32) - evidence).max() < 1e-10, "16 nodes are too few"
for width, (bound, divergence, _) in by_width.items():
    assert (bound < evidence).all(), f"width {width}: the bound is above log p(x̃)"
    assert np.abs(evidence - bound - divergence).max() < 1e-11, f"width {width}: the gap is not the divergence"
constant = H_x - H_tilde + NARROW * np.log(WIDTHS)
assert np.abs(mean_bound + blurred - constant).max() < 1e-12, "the mean bound is not −cross-entropy + constant"
assert blurred[-1] - cross_entropy(narrow[-1]) < 1e-3, "the blurred criterion does not tend to the criterion"
rise = mean_bound[-1] - q_tilde @ variational(narrow[0], WIDTHS[-1])[0]
fall = cross_entropy(narrow[0]) - cross_entropy(narrow[-1])
assert abs(rise - fall) < 0.01, f"the bound should rise by what the criterion falls, found {rise:.4f} and {fall:.4f}"
assert kl[-1] < 0.5 * kl[0], "training should bring p(x̃) nearer to q(x̃)"

assert set(codes_of_wide) == {len(X_tilde)}, "two x̃ share a code, so I(X; Y) < I(X; X̃)"
assert (wide_bound < I_tilde - factorial_cost).all(), "the bound passes what independent bits allow"
assert I_tilde - factorial_cost - wide_bound[-1] < 5e-3, "the gap does not close to the price of independent bits"
assert (blur_bound < blur_exact).all(), "the bound passes I(X; Y) of the blurred code"
assert (blur_exact < I_tilde).all(), "the blurred code knows more than x̃ does"
assert blur_exact[-1] > blur_exact[0] + 0.2, "training does not make the blurred code more informative"
assert blur_exact[-1] - blur_bound[-1] < 0.2 * (blur_exact[0] - blur_bound[0]), "the gap of the blurred code stays open"
ones = joint @ (np.arange(16) == (X_tilde.reshape(-1, 2, 3).sum(axis=2) @ [4, 1])[:, None])  # p(x, ones per coin)
I_ones = H_x + entropy(ones.sum(axis=0)) - entropy(ones)
assert np.abs(np.subtract(sharp, (I_tilde, I_ones))).max() < 1e-3, "the trained sharp code should only count ones"
print("all checks hold")

# %% [markdown]
# ## The figure

# %%
figure, axes = plt.subplots(2, 2, figsize=(13, 10.5), layout="constrained")
plane, steps, bounds, information = axes.flat
looks = {"noise": (BLUE, "o", 0.006), "no noise": (ORANGE, "s", 0.003)}

t = np.linspace(0.02, 0.98, 25)
dots = np.concatenate([curve(t) + side * SIGMA * (curve(t) - 0.5) / RADIUS for side in (-2, 2)])
plane.plot(*NODES.T, color=GREY, lw=4, alpha=0.6, label="the curve")
plane.plot(*dots.T, ".", color="black", label=r"$\tilde{x}$, two $\sigma$ off the curve")
for kind, (color, marker, width) in looks.items():
    moved = reconstructions[kind, "1"](dots)
    plane.quiver(*dots.T, *(moved - dots).T, color=color, width=width, angles="xy", scale_units="xy", scale=1)
    plane.plot(*moved.T, marker, ms=5, color=color, mfc="none", label=rf"$r(\tilde{{x}})$, {kind} in training")
plane.set(aspect="equal", xlim=(-0.1, 1.7), xlabel="$x_1$ (units of the data)", ylabel="$x_2$ (units of the data)")
plane.legend(loc="center right", fontsize=8)
gone = [", ".join(f"{100 * m['removed']:.0f} %" for m in group).replace("-", "−") for group in (with_, without)]
title = (
    f"a  With noise, one step removes {gone[0]} of the distance\nfrom three kinds of first weights; without, {gone[1]}"
)
plane.set_title(title)

places = [0, *np.unique(np.geomspace(1, STEPS, 12).astype(int))]
for (kind, start), path in paths.items():
    y = np.quantile(path, 0.9, axis=1)
    if kind in looks:
        color, marker, _ = looks[kind]
        look = {"ls": dict(zip(STARTS, ("-", "--", ":"), strict=True))[start], "marker": marker, "markevery": places}
        steps.plot(y, color=color, ms=4, lw=1, label=f"{kind}, first weights {start}", **look)
    elif start == "mean":
        steps.plot(y, color="black", lw=1, label=r"the best mean, $E[X\,|\,\tilde{x}]$")
steps.set(xscale="symlog", yscale="log", ylim=(0.015, 20), xlabel="step of the chain")
steps.set_ylabel("distance from the curve that 90 % are within (σ)")
steps.set_title(
    "b  Corrupt, reconstruct, repeat: trained with noise the chain\nfinds the curve and stays; without, it does not"
)
steps.legend(fontsize=8, ncols=2, loc="lower center")

level, limit = q_tilde @ evidence, H_x - H_tilde - cross_entropy(narrow[-1])
bounds.fill_between(WIDTHS, mean_bound, level, color=GREY, alpha=0.2, label="gap = KL divergence, to round-off")
bounds.axhline(level, color="black", label=r"$\log p(\tilde{x})$, by integration")
bounds.plot(WIDTHS, mean_bound, "o-", color=BLUE, label="variational bound")
label = r"the same $-\,2\ln\varepsilon$, which is no bound"
bounds.plot(WIDTHS, mean_bound - NARROW * np.log(WIDTHS), "s--", color=ORANGE, mfc="none", label=label)
bounds.axhline(limit, color=ORANGE, ls=":", label="−(denoising cross-entropy) + constant")
bounds.set(
    xscale="log", xlabel=r"width $\varepsilon$ of the code's noise; the paper: $\varepsilon \to 0$", ylabel="nats"
)
bounds.invert_xaxis()
title = "c  The bound holds at every width, but falls to −∞ at the paper's;\nthere, training moves the criterion alone"
bounds.set_title(title)
bounds.legend(fontsize=8, loc="lower left")

information.plot(UPDATES, np.full(len(UPDATES), I_tilde), "^-", color=BLUE, label="$I(X;Y)$, 20 units")
information.plot(UPDATES, wide_bound, "o--", color=BLUE, label="$H(X) -$ cross-entropy, 20 units")
information.plot(UPDATES, blur_exact, "s-", color=ORANGE, label=f"$I(X;Y)$, 2 units blurred by {BLUR}")
information.plot(UPDATES, blur_bound, "D--", color=ORANGE, label="$H(X) -$ cross-entropy, 2 units blurred")
most = "the most that independent output bits can show"
information.axhline(I_tilde - factorial_cost, color=GREY, ls=":", label=most)
information.set(xscale="symlog", xlim=(-0.3, 9000), ylim=(-3, 1.6), xlabel="gradient steps")
information.set_ylabel("information about $X$ (nats)")
title = (
    "d  Reconstruction bounds information from below: training lifts\nthe bound, not what a sharp 20-unit code knows"
)
information.set_title(title)
information.legend(fontsize=8, loc="lower right")

numbers = {
    "curve": {", ".join(key): values for key, values in curved.items()},
    "binary_chain": {"total_variation_one_step": one_step, "total_variation_stationary": lasting},
    "variational": {
        "widths": WIDTHS, "bound": mean_bound, "log_evidence": level, "cross_entropy": cross_entropy(narrow[-1]),
        "updates": UPDATES, "kl_of_corrupted_data": kl,
    },
    "information": {
        "entropy": H_x, "exact": I_tilde, "factorial_cost": factorial_cost, "bound": wide_bound,
        "blurred_exact": blur_exact, "blurred_bound": blur_bound, "sharp_before_and_after": sharp, "of_counts": I_ones,
    },
}  # fmt: skip
chapter.finish(figure, numbers)

# %% [markdown]
# ## The cause
#
# **a.** For squared error the best $r(\tilde x)$ is $E[X\mid\tilde x]$. With $p_\sigma$ the data's density after
# Gaussian noise, differentiate $p_\sigma(\tilde x)=\int q(x)\,\mathcal N(\tilde x;x,\sigma^2 I)\,dx$ under the
# integral:
#
# $$\nabla\log p_\sigma(\tilde x)=\frac{\int q(x)\,\mathcal N(\tilde x;x,\sigma^2I)\,\frac{x-\tilde x}{\sigma^2}\,dx}
# {p_\sigma(\tilde x)}=\frac{E[X\mid\tilde x]-\tilde x}{\sigma^2}.$$
#
# The arrows climb the density of the *noisy* data (Tweedie's formula). Without noise the loss sees $r$ on the curve
# only, where $r(x)=x$ is best; beside it any $r$ is as good as any other, so the answer is what the first weights left.
# It need not be the identity: these copiers push points away, leave them where they are or pull them in. One that
# happens to pull in (the one from 1, b = 0) is luck, not learning.
#
# **b.** One step with the exact conditional carries $q(x)$ to $\sum_{\tilde x}p(x'\mid\tilde x)\,q(\tilde x)=q(x')$,
# and the flow $q(x)\,T(x'\mid x)=\sum_{\tilde x}q(\tilde x)\,p(x\mid\tilde x)\,p(x'\mid\tilde x)$ is symmetric: the
# chain is reversible. A mean in place of the sample breaks this. The mean of points spread by $\sigma$ along an arc of
# radius $R$ lies $\sigma^2/2R$ inside it, and near an end of the curve it lies inwards of the end, so the chain of
# means hardly visits the ends: the outer 5 % of the curve get 0.3 % of its samples, 0.5 % of the trained model's and
# 4.8 % of the exact chain's. Independent output bits break it too: when all copies of a coin are destroyed they should
# come back equal, and cannot. The paper claims one step from training points, not a chain; that step pays a like price,
# 0.125 in total variation against 0.141 for the chain.
#
# **c.** For any $q^*(x,y\mid\tilde x)$, the rule $p(x,y,\tilde x)=p(x,y\mid\tilde x)\,p(\tilde x)$ gives
#
# $$\log p(\tilde x)=E_{q^*}\!\left[\log\frac{p(x,y,\tilde x)}{q^*(x,y\mid\tilde x)}\right]
# +\mathrm{KL}\big(q^*(x,y\mid\tilde x)\,\|\,p(x,y\mid\tilde x)\big).$$
#
# Take $q^*=q(x\mid\tilde x)\,q_\varepsilon(y\mid\tilde x)$. The prior adds $\log 1=0$ and the blurred code
# $d'\log\varepsilon$. Averaged over $q(\tilde x)$, $E\log q(\tilde x\mid x)+H(X\mid\tilde X)=H(X)-H(\tilde X)$, and
#
# $$E\log p(\tilde X)\;\ge\;-L_\varepsilon+H(X)-H(\tilde X)+d'\log\varepsilon,\qquad
# L_\varepsilon=E[-\log p(X\mid Y)]\to L\ \text{ as }\varepsilon\to0.$$
#
# Only $L_\varepsilon$ depends on the parameters, so maximising the bound is minimising the denoising criterion. The
# paper drops the entropy of the deterministic $Y$ because it is constant. It is, but for a continuous $Y$ the constant
# is $-\infty$: the argument justifies the direction of training and says nothing of how good $p(\tilde x)$ is.
#
# **d.** No decoder's cross-entropy is below the conditional entropy: $L\ge H(X\mid Y)$, so $I(X;Y)\ge H(X)-L$. With $Y$
# a function of $\tilde X$ that loses nothing, the gap is $E\,\mathrm{KL}(q(x\mid\tilde x)\,\|\,p(x\mid y))$: what the
# fit lacks, plus the dependence among the bits of $X$ given $\tilde X$, which independent output bits cannot express.
# But 42 different $\tilde x$ have 42 different real-valued codes even before training, so $I(X;Y)=I(X;\tilde X)$ from
# the start, and training can add nothing: it makes information legible. Only where the code has a finite precision, as
# our blurred one, can training increase the information itself.

# %% [markdown]
# ## Exercises
#
# **1.** Tied weights make $r(\tilde x)=W s(W^\top\tilde x+b)+b'$ (with our $W$, and columns for vectors). Is $r$ then a
# gradient? Must the best reconstruction be one? *Answer.* Yes, of $\sum_j\mathrm{softplus}(w_j^\top\tilde x+b_j)+
# b'^\top\tilde x$. The best one is the gradient of $\|\tilde x\|^2/2+\sigma^2\log p_\sigma(\tilde x)$. Both potentials
# are convex: the second one's Hessian is $\mathrm{Cov}[X\mid\tilde x]/\sigma^2$.
#
# **2.** Set `DESTROYED` to 1, 2, 4, 5, 6 (some checks will rightly stop you). How far from the data is the chain of
# independent bits? *Answer.* 0.07, 0.12, 0.31, 0.56, 0.67 in total variation, against 0.14 for 3. The fewer bits are
# destroyed, the fewer must agree with one another; the exact conditional stays at 0.
#
# **3.** Show that the bounds of c and d are one. *Answer.* Put c into
# $\mathrm{KL}(q(\tilde x)\,\|\,p(\tilde x))=-H(\tilde X)-E\log p(\tilde X)$: the divergence is at most
# $d'\log(1/\varepsilon)-[H(X)-L_\varepsilon]$. The bracket is the bound on $I(X;Y)$: what one gains, so does the other.
#
# **4.** The criterion falls to the end. Does the divergence of $q(\tilde x)$ from $p(\tilde x)$? *Answer.* With seed 0
# it does, from 0.32 to 0.076. With seed 1 it rises again from 0.082 to 0.093, with seed 2 from 0.100 to 0.133: a bound
# may rise because its gap shrinks.
#
# **5.** The code of two units, almost sharp ($\varepsilon=0.001$), begins with 1.364 nats about $X$ and ends with
# 1.219, while the bound rises. What was lost? *Answer.* *Which* copies are ones. After training the weights of the
# three copies of a coin are equal, so the code counts ones, and $I(X;\text{counts})=1.219$.
