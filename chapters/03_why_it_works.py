# %% [markdown]
# # Noise makes the reconstruction mean something: it points to where data are dense
#
# Two autoencoders of 40 hidden units have learnt the same curve in the plane. Both put points of the curve back almost
# exactly. Hand them a point a little beside the curve and they part: one returns it to the curve; the other may leave
# it, pull it in, or push it out, and which of these depends on the weights it began with. The only difference in
# training was noise on the input.
#
# ![Arrows of two autoencoders, and where a chain of them ends](../figures/03_why_it_works.png)

# %% [markdown]
# ## The claim
#
# Vincent et al. (2008, section 4) look at the denoising autoencoder from several sides. Here the first two become
# numbers, on a problem so small that the right answer is known:
#
# - **Manifold** (4.1): the reconstruction leads from $\tilde x$ back to where data are dense. Vincent (2011) made it
#   exact: with the squared error and Gaussian noise, the way it goes is the *score*, the gradient of the noisy data's
#   log-density. Without noise the first weights decide where it goes.
# - **Stochastic operator** (4.3): corrupting and reconstructing training points draws samples of a model of the data.
#   Bengio et al. (2013) showed which chain of such steps has the data as its stationary distribution: one that draws
#   from $p(x\mid\tilde x)$, and not one that takes its mean.
#
# The other two, a bound on $\log p(\tilde x)$ (4.2) and one on the mutual information of $X$ and its code (4.3), are
# exercises 3 and 4.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, DenoisingAutoencoder, Sequential, autoencoder, fit, streams
from scratchdae.chapter import Chapter
from scratchdae.corruption import gaussian
from scratchdae.datasets import curve, curved_manifold, project_to_curve
from scratchdae.layers import ContractiveDense, TiedDense
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.schedules import Geometric

chapter = Chapter.begin("03_why_it_works")

RADIUS, SIGMA = 0.35, 0.07  # of the arc; of the noise
N, HIDDEN, BATCH = 2000, 40, 20
EPOCHS = 60 if chapter.quick else 300
STARTS = {"0.3": (0.3, True), "1": (1.0, True), "1, b = 0": (1.0, False)}  # deviation of W; b through the data or 0?
CHAINS, STEPS = (400, 300) if chapter.quick else (1500, 600)

# %% [markdown]
# ## The run
#
# Data lie on three quarters of a circle, uniformly. The model has tied weights, a linear output and the squared error.
# Lengths are given to it in units of $\sigma$. It is trained from three kinds of first weights, with noise and without:
# `without_noise` is the broken variant.


# %%
def beginning(start):
    """Return the data in units of sigma, and the first weights."""
    scale, through_data = STARTS[start]
    x = (curved_manifold(N, np.random.default_rng(chapter.seed))[0] - 0.5) / SIGMA
    rng = streams(chapter.seed).initialisation
    W, b = rng.normal(0, scale, (2, HIDDEN)), np.zeros(HIDDEN)
    if through_data:  # each hidden unit changes its mind at some point near the data
        b = -(gaussian(x[:HIDDEN], 1.0, rng).T * W).sum(axis=0)
    return x, {"W": W, "b": b, "b_prime": -W.sum(axis=1) / 2}  # half-active units reconstruct the centre


def train(model, x, epochs=EPOCHS, corruption="none"):
    options = {"batch_size": BATCH, "seed": chapter.seed, "backend": "numpy", "progress": False}
    fit(model, x, epochs=epochs, lr=Geometric(0.05, 0.001, epochs), corruption=Corruption.parse(corruption), **options)


def with_noise(start, corruption="gaussian:1"):
    """Train one autoencoder on the curve; return its reconstruction, a function of points of the plane."""
    model = DenoisingAutoencoder(2, HIDDEN, streams(chapter.seed).initialisation, loss="squared_error", output="linear")
    x, model.params = beginning(start)
    train(model, x, corruption=corruption)
    return lambda points: 0.5 + SIGMA * autoencoder.forward(model.params, (points - 0.5) / SIGMA)[0]


def without_noise(start):
    """Train the same autoencoder to copy its clean input: nothing says what to do beside the curve."""
    return with_noise(start, corruption="none")


def contractive(start, weight=10.0):
    """Train it on the clean curve, with a penalty of the code's derivative in place of noise."""
    layers, rng = [ContractiveDense(HIDDEN, weight=weight), TiedDense(2, 0)], streams(chapter.seed).initialisation
    model = Sequential(layers, (2,), rng, reduction="paper")
    x, first = beginning(start)
    model.params = dict(zip(model.params, first.values(), strict=True))
    train(model, x, EPOCHS // 2)
    return lambda points: 0.5 + SIGMA * model.predict((points - 0.5) / SIGMA)


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
contracted = measure(contractive("1"))
paths = {}
for key, r in (reconstructions | {("best", "mean"): best_mean, ("best", "sample"): best_sample}).items():
    paths[key], ending = run_chain(r)
    curved[key] = curved.get(key, {}) | ending
    print(f"{key[0]:>8} {key[1]:8}", "  ".join(f"{name} {value:6.3f}" for name, value in curved[key].items()))

# %% [markdown]
# ## The check
#
# First the yardstick, against what it must equal; then the claims.

# %%
# Tweedie: (E[X | x̃] − x̃) / σ² is the gradient of log p(x̃), here by central differences.
h = 1e-5 * np.eye(2)
slope = np.stack([(posterior(noisy + e)[1] - posterior(noisy - e)[1]) / 2e-5 for e in h], axis=1)
assert np.abs(slope - score).max() < 1e-6 * np.abs(score).max(), "Tweedie's formula fails for the best reconstruction"

with_, without = ([curved[kind, start] for start in STARTS] for kind in ("noise", "no noise"))
for start, ours, broken in zip(STARTS, with_, without, strict=True):
    assert ours["cosine"] > 0.96, f"first weights {start}: the arrows do not point home, cosine {ours['cosine']:.3f}"
    assert ours["removed"] > 0.6, f"first weights {start}: one step removes only {ours['removed']:.2f} of the distance"
    assert ours["score_error"] < 0.3, f"first weights {start}: wrong about the score by {ours['score_error']:.2f}"
    assert broken["error_on_curve"] < ours["error_on_curve"] / 2, "on the curve itself the copier should be the better"
    assert ours["chain_90%"] < 0.6, f"first weights {start}: the chain leaves the curve, {ours['chain_90%']:.2f} sigma"
    assert broken["score_error"] > 1.3 * ours["score_error"], f"first weights {start}: the copier must know less"
spread = [np.ptp([m["removed"] for m in group]) for group in (with_, without)]
assert spread[0] < 0.2, f"with noise the first weights should not matter, found a spread of {spread[0]:.2f}"
assert spread[1] > 0.3, f"without noise the first weights should decide, found a spread of {spread[1]:.2f}"
lost = max(broken["chain_90%"] for broken in without)
assert lost > 1.2, f"a copier's chain should not find the curve, found all within {lost:.2f} sigma"
copied = curved["no noise", "1"]  # from the first weights that do worst
assert contracted["cosine"] > copied["cosine"] + 0.25, "the penalty should turn the arrows home"
assert contracted["score_error"] < 0.6 * copied["score_error"], "and tell about the score"

mean, sample = curved["best", "mean"], curved["best", "sample"]
inside = SIGMA / (2 * RADIUS)  # how far inside an arc the mean of its blurred points lies, in sigmas
assert abs(mean["chain_50%"] / inside - 1) < 0.1, f"the chain of means should run {inside:.2f} sigma off the curve"
assert mean["ends"] < 0.015 < 0.03 < sample["ends"] < 0.07, "only exact samples should visit the ends, 5 % of the time"
assert sample["total_variation"] < mean["total_variation"], "exact samples should cover the curve best"

# %% [markdown]
# ## The figure

# %%
figure, (plane, steps) = plt.subplots(1, 2, figsize=(9, 4.7), layout="constrained")
looks = {"noise": (BLUE, "o", 0.008), "no noise": (ORANGE, "s", 0.004)}
t = np.linspace(0.02, 0.98, 25)
dots = np.concatenate([curve(t) + side * SIGMA * (curve(t) - 0.5) / RADIUS for side in (-2, 2)])
plane.plot(*NODES.T, color=GREY, lw=4, alpha=0.6)
plane.plot(*dots.T, ".", color="black")
for kind, (color, marker, width) in looks.items():
    moved = reconstructions[kind, "1"](dots)
    plane.quiver(*dots.T, *(moved - dots).T, color=color, width=width, angles="xy", scale_units="xy", scale=1)
    plane.plot(*moved.T, marker, markersize=4, color=color, markerfacecolor="none")
plane.text(0.8, 0.56, "the curve", color=GREY)
plane.text(0.8, 0.5, "with noise", color=BLUE)
plane.text(0.8, 0.44, "without noise", color=ORANGE)
plane.set(aspect="equal", xlim=(-0.1, 1.15), ylim=(-0.125, 1.125), xlabel="$x_1$", ylabel="$x_2$")
gone = [", ".join(f"{100 * m['removed']:.0f}" for m in group).replace("-", "−") for group in (with_, without)]
plane.set_title(f"One step takes {gone[0]} % of the\ndistance away; without noise, {gone[1]} %")

for (kind, start), path in paths.items():
    line = dict(zip(STARTS, ("-", "--", ":"), strict=True)).get(start, "-.")
    if start != "sample":
        steps.plot(np.quantile(path, 0.9, axis=1), line, color=looks[kind][0] if kind in looks else "black", lw=1.3)
steps.set(xscale="symlog", yscale="log", ylim=(0.05, 30), xlabel="step of the chain (dashes tell the first weights)")
steps.set_ylabel("90 % are nearer to the curve than this (σ)")
steps.text(1.5, 11, "without noise", color=ORANGE)
steps.text(8, 0.72, "with noise", color=BLUE)
steps.text(1.5, 0.085, "the best mean", color="black")
steps.set_title("Corrupt, reconstruct, repeat: with noise\nevery chain finds the curve and stays")
steps.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **A direction.** For squared error the best $r(\tilde x)$ is $E[X\mid\tilde x]$. With $p_\sigma$ the data's density
# after Gaussian noise, differentiate $p_\sigma(\tilde x)=\int q(x)\,\mathcal N(\tilde x;x,\sigma^2 I)\,dx$ under the
# integral:
#
# $$\nabla\log p_\sigma(\tilde x)=\frac{\int q(x)\,\mathcal N(\tilde x;x,\sigma^2I)\,\frac{x-\tilde x}{\sigma^2}\,dx}
# {p_\sigma(\tilde x)}=\frac{E[X\mid\tilde x]-\tilde x}{\sigma^2}.$$
#
# The arrows climb the density of the *noisy* data (Tweedie's formula). Without noise the loss sees $r$ on the curve
# only, where $r(x)=x$ is best; beside it any $r$ is as good as any other, so the answer is what the first weights left.
# It need not be the identity: these copiers push points away, leave them where they are or pull them in. One that
# happens to pull in is luck, not learning.
#
# **A sampler.** One step with the exact conditional carries $q(x)$ to $\sum_{\tilde x}p(x'\mid\tilde x)\,q(\tilde x)=
# q(x')$, and the flow $q(x)\,T(x'\mid x)=\sum_{\tilde x}q(\tilde x)\,p(x\mid\tilde x)\,p(x'\mid\tilde x)$ is symmetric:
# the chain is reversible. A mean in place of the sample breaks this. The mean of points spread by $\sigma$ along an arc
# of radius $R$ lies $\sigma^2/2R$ inside it, and near an end of the curve it lies inwards of the end: the chain of
# means, a trained network's too, hardly visits the outer 5 % of the curve. Independent output bits, as the paper has
# them, break it as well: copies of a bit that were all destroyed should come back equal, and cannot.

# %% [markdown]
# ## Exercises
#
# 1. Tied weights make $r(\tilde x)=W s(W^\top\tilde x+b)+b'$ (with our $W$, and columns for vectors). Is $r$ then a
#    gradient? Must the best reconstruction be one?
# 2. Set `SIGMA` to 0.2 and look at the best mean. Where do the arrows lead, and why no longer to the curve?
# 3. The paper takes $Y=f(\tilde x)$, deterministic, as its variational distribution, and drops the entropy of $Y$ from
#    the bound on $\log p(\tilde x)$ because it is constant. What is that constant?
# 4. Training maximises a lower bound on $I(X;Y)$: no decoder's cross-entropy $L$ is below $H(X\mid Y)$, so $I(X;Y)\ge
#    H(X)-L$. Bits were corrupted in 42 ways and encoded with real numbers. What can training add to the information?
# 5. What does noise of a small $\sigma$ add to the squared error? `contractive` is trained without any: why do its
#    arrows turn home too?
#
# *Answers.*
# 1. Yes, of $\sum_j\mathrm{softplus}(w_j^\top\tilde x+b_j)+b'^\top\tilde x$. The best one is the gradient of
#    $\|\tilde x\|^2/2+\sigma^2\log p_\sigma(\tilde x)$. Both potentials are convex: the second one's Hessian is
#    $\mathrm{Cov}[X\mid\tilde x]/\sigma^2$.
# 2. Inwards of the curve, by $\sigma^2/2R$: the smoothed density no longer has its ridge on it.
# 3. $-\infty$, for a continuous $Y$. The argument justifies the direction of training, minimising the cross-entropy,
#    and says nothing of how good $p(\tilde x)$ is. Blur the code by $\varepsilon$ in each of $d'$ units, and the bound
#    holds, with $d'\log\varepsilon$ in place of it: $E\log p(\tilde X)\ge -L_\varepsilon+H(X)-H(\tilde X)+d'\log
#    \varepsilon$.
# 4. Nothing, as soon as the 42 codes differ, which they do before any training: $I(X;Y)=I(X;\tilde X)$. The bound rises
#    all the same: training makes information legible. Only a code of finite precision can gain any.
# 5. $\sigma^2\|\partial r/\partial x\|^2$ where $r(x)=x$, to first order in $\sigma^2$ (Bishop 1995). The contractive
#    autoencoder (Rifai et al. 2011) pays for $\|\partial y/\partial x\|^2$, of the code; tied weights carry it to $r$.
#    Along the curve the reconstruction must follow, so it is across that both give way. The penalty sees the curve
#    alone, and knows less of what lies a $\sigma$ away.

# %%
curved["contractive", "1"] = contracted
chapter.finish(figure, {"curve": {", ".join(key): values for key, values in curved.items()}})
print("With noise the reconstruction points to where data are dense, by the score; without, the first weights decide.")
print("Hand your network points beside the data. If they do not come back, it was shown too little noise to know.")
