# %% [markdown]
# # A search finds the learning rate; it cannot repair an impossible task, and its winner is partly luck
#
# Your autoencoder does not learn. Somebody advises a grid search. A day later you hold a table of a hundred losses: one
# corner has not moved, another is full of NaN, and somewhere between them is a lowest number, 2 % below the next. You
# take its settings, train again, and get another number. Or you searched over the amount of noise as well, and the
# search says that no noise at all is best.
#
# This chapter makes such a table, draws it as a heat map, and asks what can be read from it.
#
# *Failure modes: F01, F02, F06, F23 · networks: none of its own · advice: grid search over learning rate and batch
# size; RMSprop rather than Adam*

# %% [markdown]
# ## The claim
#
# An answer to the question why a denoising autoencoder fails to train shows one that stands still (Q1c: an LSTM with
# Adam at a learning rate of $10^{-6}$), and reports that a grid search over learning rates and batch sizes, and RMSprop
# in place of Adam, mended it. Five claims about searching are on trial:
#
# 1. it finds the learning rate: too low and too high are plain to see, and closed forms say where they begin;
# 2. losses under different noise must not be compared: a search over the noise has to be told what the network is for;
# 3. it cannot repair an impossible task: on independent columns the best cell is no better than the constant;
# 4. one run a cell cannot rank neighbours: the spread between seeds says which differences are real, and the lowest of
#    $n$ numbers is too good to be true by a known amount;
# 5. RMSprop beats Adam.

# %%
from math import comb, erfc, sqrt

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

from scratchdae import Corruption, NonFiniteError, Sequential, evaluate, fit, floors, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float, uniform
from scratchdae.layers import Dense, Tanh
from scratchdae.optimizers import SGD, Adam, RMSprop
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("27_search")

SIDE, K = 14, 16  # pixels a side, units of the code
D = SIDE**2
N = 400 if chapter.quick else 800  # examples to train on, and as many to evaluate on
EPOCHS = 6
LRS = 10.0 ** (np.r_[-6, -4:3] if chapter.quick else np.arange(-6, 2, 0.5))
BATCH_SIZES = (16, 64) if chapter.quick else (16, 64, 256)
OPTIMIZERS = {"SGD": SGD(), "RMSprop": RMSprop(), "Adam": Adam()}
if chapter.quick:
    del OPTIMIZERS["RMSprop"]
NOISES = (0.0, 0.25, 0.5)  # standard deviations of the noise in training; grey levels go from 0 to 1
NOISE = 0.25  # that of the heat maps
MET = 0.5  # that of the images which are to be restored in the end
POSTED_LR = 1e-6
N_BEST, REPEATS = (3, 6) if chapter.quick else (6, 12)  # cells that are trained again, and how often
MANY = 20 if chapter.quick else 48  # how often the best of all is
LOST = 1e9  # times the variance: a loss like that is on its way to infinity

# %% [markdown]
# ## The run
#
# The embedded digits, which a program draws, in 14×14 pixels, a code of 16 tanh units, a linear output, squared error:
# small enough that a training takes a fortieth of a second. Every cell of the grid starts from the same weights and
# sees the same images in the same order. Every error is divided by the variance of the data, so that 1 is what the mean
# picture leaves.

# %%
data = digits()
rng = np.random.default_rng([chapter.seed, 27])


def pictures(x):
    """Return grey levels in [0, 1], averaged over blocks of 2 × 2 pixels."""
    return to_float(x, np.float32).reshape(-1, SIDE, 2, SIDE, 2).mean(axis=(2, 4)).reshape(-1, D)


x_train, x_valid = pictures(data.x_train[:N]), pictures(data.x_test[:N])
u_train, u_valid = uniform(N, D, rng).astype(np.float32), uniform(N, D, rng).astype(np.float32)
x_met = x_valid + MET * rng.standard_normal(x_valid.shape, dtype=np.float32)
spectrum = floors.eigenvalues(x_valid.astype(np.float64))
variance = spectrum.mean()


def network(seed, dtype=np.float32):
    """Return an autoencoder with a code of K tanh units and a linear output."""
    return Sequential([Dense(K), Tanh(), Dense(D)], (D,), streams(seed).initialisation, dtype=dtype)


def train(x, cell, noise, seed):
    """Train a network as a cell of the grid says; return it and its last training loss, NaN if the numbers ran away."""
    optimizer, lr, batch_size = cell
    model = network(seed)
    corruption = Corruption("gaussian", noise) if noise else None
    options = {"epochs": EPOCHS, "lr": lr, "batch_size": batch_size, "corruption": corruption, "seed": seed}
    try:
        history = fit(model, x, optimizer=OPTIMIZERS[optimizer], backend="numpy", progress=False, **options)
    except NonFiniteError:
        return model, np.nan
    loss = history["loss"][-1]
    return model, loss if loss < LOST * variance else np.nan


TRAINING, CLEAN, RESTORED = range(3)


def errors(cell, noise, seed):
    """Return a cell's training loss, its error on clean held-out digits, and on those that have the noise MET."""
    model, loss = train(x_train, cell, noise, seed)
    if np.isnan(loss):
        return np.full(3, np.nan)
    return np.array([loss, evaluate(model, x_valid), evaluate(model, x_met, x_valid)]) / variance


def uniform_error(cell, seed):
    """Return a cell's error on clean held-out examples of independent uniform columns, whose variance is 1/12."""
    model, loss = train(u_train, cell, NOISE, seed)
    return np.nan if np.isnan(loss) else evaluate(model, u_valid) * 12


CELLS = [(name, float(lr), size) for name in OPTIMIZERS for size in BATCH_SIZES for lr in LRS]
grid = {noise: np.array([errors(cell, noise, chapter.seed) for cell in CELLS]) for noise in NOISES}
impossible = np.array([uniform_error(cell, chapter.seed) for cell in CELLS])
score = grid[NOISE][:, CLEAN]
best = CELLS[np.nanargmin(score)]
floor = float(floors.linear_codes(spectrum)[K] / variance)
uniform_floor = floors.independent(K, D) * 12


def words(cell):
    """Say a cell in words."""
    optimizer, lr, batch_size = cell
    return f"{optimizer}, lr {lr:.2g}, batch {batch_size}"


print(f"{len(CELLS)} cells, {len(CELLS) * (len(NOISES) + 1)} trainings; errors are fractions of the variance")
print(f"best on digits  {np.nanmin(score):.3f}  {words(best)} (linear codes of {K}: {floor:.3f})")
print(f"best on uniform {np.nanmin(impossible):.3f}  (linear codes of {K}: {uniform_floor:.3f})")

# %% [markdown]
# ### Both ends of the learning rate
#
# The **broken** run has the optimizer and the learning rate of the question, the **repaired** one the best rate of the
# map for that optimizer and batch; nothing else differs. Adam moves a weight by about the learning rate in a step,
# and by $\eta T$ in $T$ steps while its gradient keeps its sign.
#
# At the other end gradient descent leaves a quadratic bowl as soon as $\eta > 2/\lambda_{\max}$. The network is no
# bowl; we take the largest eigenvalue of the Hessian at the first weights, and again at the end of every run of SGD
# that came close.


# %%
adam = min((cell for cell in CELLS if cell[0] == "Adam"), key=lambda cell: score[CELLS.index(cell)])


def posted(seed):
    """Broken: the learning rate as posted."""
    return train(x_train, ("Adam", POSTED_LR, adam[2]), NOISE, seed)[0]


def searched(seed):
    """Repaired: the learning rate that the search found."""
    return train(x_train, adam, NOISE, seed)[0]


def clean_excess(model):
    """Return where the clean error lies between that of the best linear code (0) and the mean picture (1)."""
    return floors.relative_excess(evaluate(model, x_valid) / variance, floor, 1)


SEEDS = range(chapter.seed, chapter.seed + 3)
excess = {run.__name__: [clean_excess(run(seed)) for seed in SEEDS] for run in (posted, searched)}
first = network(chapter.seed).params
moved = max(np.abs(value - first[name]).max() for name, value in posted(chapter.seed).params.items())
reach = POSTED_LR * EPOCHS * -(-N // adam[2])


def sharpness(model, iterations=20 if chapter.quick else 60):
    """Return the largest eigenvalue of the Hessian of the training loss, by the power method."""
    x = x_train.astype(np.float64)
    rng = np.random.default_rng(chapter.seed)
    x_tilde = x + NOISE * rng.standard_normal(x.shape)
    params = {name: value.astype(np.float64) for name, value in model.params.items()}
    gradient, h = network(0, np.float64).loss_and_grads, 1e-5
    v = {name: rng.standard_normal(value.shape) for name, value in params.items()}
    for _ in range(iterations):
        norm = sqrt(sum((value**2).sum() for value in v.values()))
        up, down = (
            gradient({name: params[name] + step * v[name] / norm for name in v}, x_tilde, x)[1] for step in (h, -h)
        )
        v = {name: (up[name] - down[name]) / (2 * h) for name in v}
    return sqrt(sum((value**2).sum() for value in v.values()))


limit = 2 / sharpness(network(chapter.seed))
sgd = [(cell, value) for cell, value in zip(CELLS, score, strict=True) if cell[0] == "SGD"]
lasting = max(lr for (_, lr, _), value in sgd if np.isfinite(value))
lost = min(lr for (_, lr, _), value in sgd if np.isnan(value))
at_the_end = {
    cell[2]: 2 / sharpness(train(x_train, cell, NOISE, chapter.seed)[0])
    for cell, value in sgd
    if cell[1] == lasting and np.isfinite(value)
}
for name, values in excess.items():
    print(f"excess, {name:<8} {', '.join(f'{value:.3f}' for value in values)} (three seeds)")
print(f"at the posted rate no weight moved further than {moved:.2e}; lr × steps = {reach:.2e}")
print(f"SGD: 2/λmax = {limit:.1f} at first; lr = {lasting:.3g} lasts, {lost:.3g} is lost")
print(
    f"2/λmax after training with {lasting:.3g}: {', '.join(f'{end:.1f} (batch {B})' for B, end in at_the_end.items())}"
)

# %% [markdown]
# ### The noise as one more axis
#
# Now the whole grid, at three levels of noise. Three things can be minimised: the training loss that the screen shows,
# the error on clean held-out images, the error on images with the noise that will be met, here 0.5. For the linear
# denoiser of rank $K$ that was made for the noise $s$ and meets $s'$ there is a closed form; $s' = s$ is Wiener's.


# %%
def line(s, met):
    """Return the error of the best linear denoiser of rank K for noise s when it meets another noise, over variance."""
    kept, dropped = spectrum[:K], spectrum[K:]
    gain = kept / (kept + s**2)
    return float((kept * (1 - gain) ** 2 + met**2 * gain**2).sum() + dropped.sum()) / D / variance


lowest = {s: np.nanmin(grid[s], axis=0) for s in NOISES}
chosen = {}  # by each criterion, over the whole grid of four axes
for criterion in (TRAINING, CLEAN, RESTORED):
    s = min(NOISES, key=lambda s: lowest[s][criterion])
    index = np.nanargmin(grid[s][:, criterion])
    chosen[criterion] = {"noise": s, "cell": words(CELLS[index]), "restores": float(grid[s][index, RESTORED])}
for name, row in zip(("training loss", "clean error", "error at the noise met"), chosen.values(), strict=True):
    print(f"lowest {name:<23} noise {row['noise']:<4}  {row['cell']:<27} restores to {row['restores']:.3f}")

# %% [markdown]
# ### The same cells again
#
# The best cells of the map are trained again with fresh seeds, and the best of all so often that its own runs can play
# the part of a search: choose $n$ of them and take the lowest. The mean over all choices needs no sampling: among $M$
# numbers the $i$-th largest is the lowest of $n$ chosen with probability $\binom{i-1}{n-1} / \binom{M}{n}$.

# %%
ranked = [CELLS[index] for index in np.argsort(score)[:N_BEST]]
fresh = {
    cell: np.array([errors(cell, NOISE, 1000 * (chapter.seed + 1) + k)[CLEAN] for k in range(repeats)])
    for cell, repeats in zip(ranked, [MANY] + [REPEATS] * (N_BEST - 1), strict=True)
}
winner = fresh[best]
spread = float(winner.std(ddof=1))


def normal_below(t):
    """Return the probability that a standard normal is below t."""
    return erfc(-t / sqrt(2)) / 2


def largest_normal(n):
    """Return E[max of n standard normals]: the integral of t over the density of the largest."""
    t = np.linspace(-9, 9, 4001)
    return float((np.diff([normal_below(value) ** n for value in t]) * (t[1:] + t[:-1]) / 2).sum())


def lowest_of(values, n):
    """Return the mean, over all choices of n of the values, of the lowest."""
    ascending, M = np.sort(values), len(values)
    return float(sum(value * comb(M - 1 - i, n - 1) for i, value in enumerate(ascending)) / comb(M, n))


COUNTS = range(1, MANY // 4 + 1)
luck = {n: (lowest_of(winner, n), float(winner.mean()) - spread * largest_normal(n)) for n in COUNTS}

comparisons = []
print(f"{'':<32} first run   mean    s      difference      a single pair of runs is in the wrong order")
print(f"{words(best):<32} {np.nanmin(score):.4f}     {winner.mean():.4f} {spread:.4f}")
for cell in ranked[1:]:
    values = fresh[cell]
    difference = values.mean() - winner.mean()
    error = sqrt(values.var(ddof=1) / len(values) + winner.var(ddof=1) / len(winner))
    wrong = normal_below(-difference / sqrt(values.var(ddof=1) + winner.var(ddof=1)))
    counted = float((values[:, None] < winner).mean())
    once = float(score[CELLS.index(cell)])
    row = {"cell": words(cell), "first_run": once, "mean": values.mean(), "s": values.std(ddof=1)}
    comparisons.append(row | {"difference": difference, "error": error, "wrong": wrong, "counted": counted})
    print(
        f"{words(cell):<32} {once:.4f}     {row['mean']:.4f} {row['s']:.4f} {difference:7.4f} ± {error:.4f}   "
        f"expected {wrong:.3f}, counted {counted:.3f}"
    )


# %% [markdown]
# ## The check

# %%
# 1. Both ends of the learning rate.
assert min(excess["posted"]) > 2, f"the posted rate must leave more than twice what the mean does, found {excess}"
assert max(excess["searched"]) < 0.12 * min(excess["posted"]), f"the searched rate must repair it, found {excess}"
assert abs(moved / reach - 1) < 0.03, (
    f"Adam must move no weight much further than lr·T, and some that far, found {moved / reach:.3f} of that"
)
assert limit < lost, f"SGD must be lost beyond 2/λmax = {limit:.2f}, first at {lost:.3g}"
assert all(np.isfinite(value) for (_, lr, _), value in sgd if lr < limit), "SGD must last below 2/λmax"
assert min(at_the_end.values()) > lasting, f"SGD with {lasting:.3g} must end where 2/λmax is more, found {at_the_end}"
assert np.isfinite([value for cell, value in zip(CELLS, score, strict=True) if cell[0] != "SGD"]).all()
# 2. Training losses at different noise are different questions.
for s in NOISES:
    assert abs(line(s, s) * variance / floors.wiener(spectrum, s, K) - 1) < 1e-9, "the line must contain Wiener's error"
    ratio = lowest[s][TRAINING] / line(s, s)
    assert 1 < ratio < 1.4, f"the lowest training loss at noise {s} must follow Wiener's, found {ratio:.3f} times it"
assert chosen[TRAINING]["noise"] == chosen[CLEAN]["noise"] == 0, f"without noise both must be lowest, found {chosen}"
ratio = chosen[TRAINING]["restores"] / chosen[RESTORED]["restores"]
assert chosen[TRAINING]["restores"] > 1.2, f"what training loss chose must be worse than the mean picture: {chosen}"
assert ratio > 1.6, f"and much worse than the right choice, found {ratio:.2f} times its error"
# 3. The impossible task.
assert np.nanmin(score) < 0.5, f"on digits the search must find something, found {np.nanmin(score):.3f}"
assert 0.95 < np.nanmin(impossible) < 1.02, (
    f"on uniform columns the constant is best, found {np.nanmin(impossible):.3f}"
)
assert np.nanmin(impossible) > uniform_floor, f"nothing may pass the floor {uniform_floor:.3f}"
# 4. Luck.
assert abs(largest_normal(2) * sqrt(np.pi) - 1) < 1e-4, f"E[max of 2] must be 1/√π, found {largest_normal(2):.5f}"
for n, (found, expected) in luck.items():
    off = abs(found - expected) / spread
    assert off < 0.45, f"the lowest of {n} must be mean − s·E[max of {n}], found it {off:.2f} s away"
for row in comparisons:
    off = abs(row["wrong"] - row["counted"])
    assert off < 0.12, f"{row['cell']}: wrong order expected {row['wrong']:.3f}, counted {row['counted']:.3f}"

# %% [markdown]
# ## The figure

# %%
figure = plt.figure(figsize=(17, 14), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=(1.05, 1), hspace=0.03)
maps = top.subplots(1, 2)
norm = LogNorm(1 / 3, 3)
rows = [f"{name} {size}" for name in OPTIMIZERS for size in BATCH_SIZES]
position = np.interp(np.log10(limit), np.log10(LRS), np.arange(len(LRS)))
titles = (
    f"Digits: a valley, a plateau and a cliff;\nthe best cell leaves {np.nanmin(score):.2f}",
    "Independent uniform columns: no cell beats the mean;\n"
    f"the best leaves {np.nanmin(impossible):.2f}, linear codes {uniform_floor:.2f} (dashed on the scale)",
)
for ax, values, title in zip(maps, (score, impossible), titles, strict=True):
    table = values.reshape(len(rows), len(LRS))
    ax.set_facecolor("#555555")
    shown = ax.imshow(np.clip(table, 1 / 3, 3), norm=norm, cmap="RdBu_r", aspect="auto")
    for (i, j), value in np.ndenumerate(table):
        text = "NaN" if np.isnan(value) else f"{value:.2f}" if value < 9.995 else f"$10^{{{np.log10(value):.0f}}}$"
        dark = np.isnan(value) or abs(np.log(min(value, 3))) > 0.75
        ax.text(j, i, text, ha="center", va="center", fontsize=7.5, color="white" if dark else "black")
    ax.set_xticks(range(len(LRS)), [f"$10^{{{np.log10(lr):g}}}$" for lr in LRS], fontsize=8)
    ax.set_yticks(range(len(rows)), rows)
    for edge in range(1, len(OPTIMIZERS)):
        ax.axhline(edge * len(BATCH_SIZES) - 0.5, color="black", linewidth=1.5)
    ax.set(xlabel="learning rate", ylabel="optimizer, batch size")
    ax.set_title(title, pad=20)
for row in range(len(BATCH_SIZES)):  # the line leaves the numbers free
    maps[0].vlines([position] * 2, [row - 0.5, row + 0.25], [row - 0.25, row + 0.5], color="black", linewidth=3)
maps[0].text(position, -0.55, "2/λmax at the first weights", ha="center", va="bottom", fontsize=9)
bar = top.colorbar(shown, ax=maps, label="clean held-out error, as a fraction of the variance (log scale)", shrink=0.9)
bar.set_ticks([1 / 3, 0.5, 1, 2, 3], labels=["≤ 1/3", "0.5", "1: the mean", "2", "≥ 3"])
bar.minorticks_off()
bar.ax.axhline(uniform_floor, color="black", linestyle="--")

ax, strip, curve = bottom.subplots(1, 3, width_ratios=(1, 1.15, 1))
s_line = np.linspace(0, NOISES[-1], 101)[1:]
for criterion, met, color, style, marker, label in (
    (TRAINING, None, GREY, ":", "o", "training loss"),
    (CLEAN, 0.0, BLUE, "--", "s", "clean held-out images"),
    (RESTORED, MET, ORANGE, "-", "^", f"held-out images with noise {MET:g}"),
):
    ax.plot(
        NOISES, [lowest[s][criterion] for s in NOISES], marker, color=color, markersize=9, label=f"network, {label}"
    )
    ax.plot(
        s_line, [line(s, s if met is None else met) for s in s_line], style, color=color, label="linear, closed form"
    )
ax.axhline(1, color="black", linewidth=0.8)
ax.text(NOISES[-1], 1.01, "the mean picture", ha="right", va="bottom", fontsize=9)
ax.set(
    xlabel="noise in training (standard deviation; grey levels 0 to 1)", ylabel="lowest error in the grid / variance"
)
ax.set_title("Training loss and clean error choose no noise;\nonly the task itself chooses the noise it will meet")
ax.set_ylim(0.25, max(1.55, 1.3 * lowest[0.0][RESTORED]))
ax.legend(fontsize=8, loc="upper right")
ax.grid(alpha=0.3)

for row, cell in enumerate(ranked):
    values = fresh[cell]
    strip.plot(values, np.full(len(values), row) + np.linspace(-0.22, 0.22, len(values)), ".", color=BLUE, markersize=5)
    half = 2 * values.std(ddof=1) / sqrt(len(values))
    strip.errorbar(values.mean(), row, xerr=half, fmt="|", color="black", markersize=18, linewidth=2, capsize=4)
    strip.plot(score[CELLS.index(cell)], row, "D", color=ORANGE, markersize=8)
strip.plot([], [], ".", color=BLUE, label="fresh seeds")
strip.plot([], [], "D", color=ORANGE, label="the one run of the grid")
strip.plot([], [], "k|", markersize=12, label="mean ± 2 standard errors")
strip.set_yticks(range(N_BEST), [words(cell).replace(", batch", ",\nbatch") for cell in ranked])
strip.invert_yaxis()
strip.set(xlabel="clean held-out error / variance")
strip.set_title("The best cells in the order of the grid:\none run each cannot rank them")
strip.legend(fontsize=8)
strip.grid(alpha=0.3, axis="x")

curve.plot(COUNTS, [luck[n][0] for n in COUNTS], "o", color=BLUE, label=f"lowest of n of the {MANY} runs, all choices")
curve.plot(COUNTS, [luck[n][1] for n in COUNTS], "--", color="black", label="mean − s · E[max of n normals]")
curve.axhline(winner.mean(), color=GREY, linewidth=1)
curve.text(COUNTS[-1], winner.mean(), "what the settings are worth", ha="right", va="bottom", color="#555555")
curve.set(xlabel="n, runs among which the lowest is taken", ylabel="clean held-out error / variance")
curve.set_title(f"The lowest of n is flattered, even if all n are alike:\n{words(best)}, seeds alone")
curve.legend(fontsize=8)
curve.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **Both ends of the learning rate.** Along an eigenvector of the Hessian with eigenvalue $\lambda$, gradient descent
# multiplies the distance to the minimum by $1 - \eta\lambda$ at each step. After $T$ steps about $e^{-\eta\lambda T}$
# of it is left: below $\eta \approx 1/(\lambda T)$ nothing has happened. Above $2/\lambda_{\max}$ the factor is less
# than $-1$. Between these ends lies the valley. With a fixed number of epochs $T$ is proportional to $1/B$, and so the
# valley runs aslant: a larger batch wants a larger rate. Part of what looks like an effect of the batch is the number
# of steps (chapter 20).
#
# The cliff does not stand exactly at the line. At the first weights $2/\lambda_{\max}$ is 9.2, and SGD at 10 lasts. It
# moves to flatter ground: where the runs at 10 end, $2/\lambda_{\max}$ is 13.0, 13.5 and 12.1. One cell further on it
# is lost. A bowl cannot become flatter; a network can, somewhat (Lewkowycz et al. 2020).
#
# Adam and RMSprop divide by the size of the gradient, so a step is about $\eta$ whatever the gradient, and they have no
# NaN region: the wrong side is an error of up to $10^6$ times the variance, and finite. Their low end is $\eta T$,
# about as far as a weight can go. At the posted $10^{-6}$ that is $3\cdot 10^{-4}$ in 300 steps, of which 99 % was
# measured; the weights begin up to 0.17 in size. About the rate the answer was right.
#
# **Noise.** The best linear denoiser for noise $s$ leaves $\lambda s^2 / (\lambda + s^2)$ along an eigenvector, and
#
# $$ \frac{d}{d(s^2)} \frac{\lambda s^2}{\lambda + s^2} = \frac{\lambda^2}{(\lambda + s^2)^2} > 0. $$
#
# What can be reached grows with the noise, for every $\lambda$. A search that compares training losses chooses no
# noise. So does one that compares clean errors: those are one quantity and may be compared, but on clean images a code
# that has not learned to distrust them is best (chapter 02). What both chose restores noisy images to 1.80 of the
# variance, where the mean picture leaves 1. The gain that is best for the noise met minimises
# $(1 - g)^2\lambda + g^2 s'^2$, so that $g = \lambda/(\lambda + s'^2)$: train with the noise that you will meet, and
# let the search choose by the error there. That restores to 0.65. (Projection on $K$ eigenvectors, the best linear code
# without noise, lets through no more noise than came in those $K$ directions: 0.73. The network trained without noise
# amplifies it; nothing in its task forbade that.)
#
# **The impossible task.** For independent columns no linear code of $K$ units leaves less than $1 - K/D = 0.918$ of the
# variance. A search had eight hundredths to win, and won none. A map without a blue cell is no reason for a larger map.
# Compute the floor first: it costs less than one training (chapters 04 and 05).
#
# **The luck of the winner.** Runs that differ in their seed alone scatter with standard deviation $s$ about their mean
# $\mu$. The lowest of $n$ equally good cells has $P(\min > v) = P(X > v)^n$, and if the errors are normal
#
# $$ E[\min] = \mu - s\,E[\max(Z_1, \dots, Z_n)], \qquad E[\max] = \int t \, d\,\Phi(t)^n, $$
#
# 0.56 for 2, 1.03 for 4, 1.63 for 12. Measured, the lowest of 12 is a third of an $s$ less lucky than that: these
# errors are skewed, a run can go wrong further than it can go right. Two cells whose means differ by $\Delta$ are put
# in the wrong order by one run each with probability $\Phi(-\Delta / \sqrt{s_1^2 + s_2^2})$: expected 0.154 for the
# best two, counted 0.141. The cell with rate 0.032 and batch 64 scatters most. With seed 0 it is the last of the six,
# though its mean is the fourth; with `--seed 2` it *wins* the grid, 0.039 below its own mean. Large scatter wins
# searches.
#
# **RMSprop and Adam.** Each at its best rate, Adam is better here, by 0.0096 ± 0.0022. Repeated seeds establish that;
# one run each would have reversed it one time in seven. The next learning rate of the grid costs more than five times
# as much. And at a shared rate either can be made to win: at $10^{-3}$ and batch 16 RMSprop leaves 0.57 and Adam 0.66,
# at $10^{-1.5}$ it is 2.34 and 0.50. To beat means nothing before each has had its own search.

# %% [markdown]
# ## Exercises
#
# 1. *Two settings differ by $\Delta = 0.01$, the scatter of each is $s = 0.0067$. How many seeds does each need before
#    the difference is two standard errors?*
#
#    The standard error is $s\sqrt{2/R}$. From $0.01 = 2 s \sqrt{2/R}$ follows $R = 8 s^2/\Delta^2 = 3.6$: four. And
#    then it is detected only every second time, since the measured difference scatters about $\Delta$. Eleven seeds see
#    it in 93 of 100 cases: the standard error is $\Delta/3.5$, and $\Phi(3.5 - 2) = 0.93$.
#
# 2. *The best cell has the smallest batch size of the grid. What does that say?*
#
#    That the search has not ended: a minimum at the edge is a bound on the best, not the best. Extend the grid on that
#    side. But the epochs were fixed, so the smallest batch had four times as many steps as the next; ask first whether
#    more epochs at 64 do the same.
#
# 3. *You report the error of the winner on the images that chose it. Is the bias only that of the seeds?*
#
#    No. The held-out images are a sample as well, common to all cells. A cell can suit them by chance, and choosing the
#    lowest prefers such cells. Fresh seeds do not remove this; fresh images do. Choose on one set, report on another.
#
# 4. *Cells can also be drawn at random (Bergstra and Bengio 2012). If only the learning rate matters and the fraction
#    $p = 1/8$ of the range is good, what finds it more often with nine trainings: three rates by three batch sizes, or
#    nine random draws? And on the map above?*
#
#    The grid tries three distinct rates, evenly spaced, and hits with $3p = 0.375$. The draws hit with
#    $1 - (7/8)^9 = 0.70$: a grid repeats itself along the axis that does not matter. On this map both axes matter,
#    since the good cells have small batches. There the argument loses its premise.

# %%
chapter.finish(
    figure,
    {
        "best": {"cell": words(best), "error": float(np.nanmin(score)), "floor": floor},
        "uniform": {"error": float(np.nanmin(impossible)), "floor": uniform_floor},
        "excess": excess,
        "map": [[None if np.isnan(value) else value for value in row] for row in score.reshape(-1, len(LRS))],
        "moved_over_reach": moved / reach,
        "sgd": {"limit": limit, "lasting": lasting, "lost": lost, "limit_at_the_end": at_the_end},
        "lowest_by_noise": {str(s): lowest[s] for s in NOISES},
        "linear_without_noise_restores": line(0.0, MET),
        "chosen": list(chosen.values()),
        "winner": {"mean": winner.mean(), "s": spread},
        "comparisons": comparisons,
        "lowest_of_n": {str(n): pair for n, pair in luck.items()},
    },
)
