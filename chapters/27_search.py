# %% [markdown]
# # A search finds the learning rate; its winner is partly luck, by an amount that can be computed
#
# Your autoencoder does not learn. Somebody advises a grid search. A day later you hold a table of a hundred losses: one
# corner has not moved, another is full of NaN, and somewhere between them is a lowest number, a little below the next.
# You take its settings, train again, and get another number.
#
# *Failure modes: F01, F02, F06 · advice: grid search over learning rate and batch size; RMSprop rather than Adam*

# %% [markdown]
# ## Is it yours?
#
# The lowest numbers of a grid, one run per cell, and the same settings with fresh seeds. Errors are fractions of the
# variance: 1 is what the mean picture leaves.
#
# ```text
#                              in the table     fresh seeds
# RMSprop, lr 0.0042              0.391        0.401 ± 0.007
# Adam,    lr 0.0075              0.392        0.396 ± 0.005
# Adam,    lr 0.0056              0.393        0.402 ± 0.005
# ```
#
# By the table RMSprop has won. It has not.
#
# ![Three valleys of the learning rate; and the best cells with fresh seeds](../figures/27_search.png)
#
# **The one measurement**: the winner and the next few again, five fresh seeds each. Their standard deviation $s$ is the
# unit. What differs by less than $s$ was not ranked by one run each, and the winner's number in the table is too low,
# by more the more cells came near it. What you report is the mean of the fresh runs.
#
# ## The claim
#
# An answer to the question why a denoising autoencoder fails to train shows one that stands still (Q1c: Adam at a
# learning rate of $10^{-6}$, see chapter 17), and reports that a grid search over learning rates and batch sizes, and
# RMSprop in place of Adam, mended it. On trial is what such a search may claim:
#
# 1. it finds the learning rate: one run per cell shows too low and too high;
# 2. it cannot rank neighbours: two cells whose means differ by $\Delta$ are put in the wrong order with probability
#    $\Phi(-\Delta / \sqrt{s_1^2 + s_2^2})$;
# 3. its number is too good: the lowest of $n$ equally good cells is below their mean by $s\,E[\max(Z_1, \dots, Z_n)]$,
#    with standard normal $Z_i$;
# 4. fresh seeds for the best few, and choosing by their means, repair both.

# %%
from math import comb, sqrt
from statistics import NormalDist

import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, NonFiniteError, Sequential, evaluate, fit, floors, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.layers import Dense, Tanh
from scratchdae.optimizers import SGD, Adam, RMSprop
from scratchdae.plots import BLUE, GREY, ORANGE, floor_line, logarithmic

chapter = Chapter.begin("27_search")

SIDE, K = 14, 16  # pixels along a side, units of the code
D, N, EPOCHS = SIDE**2, 400 if chapter.quick else 800, 6  # pixels, examples to train on
COARSE = [-6, -4, -3, -1, 0, 1, 2] if chapter.quick else np.arange(-6, 2, 0.5)  # powers of ten
LRS = 10.0 ** np.union1d(COARSE, np.arange(-2.75, -1.3, 0.125))  # finer where it is known to work, as one does
BATCH_SIZES = (16, 64) if chapter.quick else (16, 64, 256)
OPTIMIZERS = {"SGD": SGD(), "Adam": Adam()} if chapter.quick else {"SGD": SGD(), "RMSprop": RMSprop(), "Adam": Adam()}
NOISE, POSTED_LR = 0.25, 1e-6  # standard deviation, of grey levels from 0 to 1
N_BEST, REPEATS, MANY = (6, 10, 24) if chapter.quick else (6, 20, 60)  # cells trained again, how often, and the first
AGAIN, SEARCHES = 5, 4000  # runs per cell by which the repaired search chooses; searches that are played
LOST = 1e9  # times the variance: a loss like that is on its way to infinity

# %% [markdown]
# ## The run
#
# The embedded digits, which a program draws, in 14×14 pixels, a code of 16 tanh units, a linear output, squared error:
# small enough that a training takes a fortieth of a second. Every cell of the grid starts from the same weights and
# sees the same images in the same order, as a search that fixes its seed does.

# %%
data = digits()
x_train, x_valid = to_float(data.x_train[:N], np.float32, SIDE), to_float(data.x_test[:N], np.float32, SIDE)
spectrum = floors.eigenvalues(x_valid.astype(np.float64))
variance = spectrum.mean()


def network(seed):
    return Sequential([Dense(K), Tanh(), Dense(D)], (D,), streams(seed).initialisation, dtype=np.float32)


def train(cell, seed):
    """Train a network as a cell of the grid says; return it, or None if the numbers ran away."""
    (optimizer, lr, batch_size), model = cell, network(seed)
    options = {"epochs": EPOCHS, "lr": lr, "batch_size": batch_size, "corruption": Corruption("gaussian", NOISE)}
    try:
        history = fit(model, x_train, optimizer=OPTIMIZERS[optimizer], seed=seed, progress=False, **options)
    except NonFiniteError:
        return None
    return model if history["loss"][-1] < LOST * variance else None


def error(cell, seed):
    """Return a cell's error on clean held-out digits, over their variance."""
    model = train(cell, seed)
    return np.nan if model is None else float(evaluate(model, x_valid) / variance)


def words(cell):
    optimizer, lr, batch_size = cell
    return f"{optimizer}, lr {lr:.2g}, batch {batch_size}"


CELLS = [(name, float(lr), size) for name in OPTIMIZERS for size in BATCH_SIZES for lr in LRS]
score = {cell: error(cell, chapter.seed) for cell in CELLS}  # broken: believed, one run each
ranked = sorted((cell for cell in CELLS if np.isfinite(score[cell])), key=score.get)[:N_BEST]
fresh = {  # repaired: the best again, with fresh seeds
    cell: np.array([error(cell, 1000 * (chapter.seed + 1) + k) for k in range(MANY if rank == 0 else REPEATS)])
    for rank, cell in enumerate(ranked)
}
best = ranked[0]
winner, s = fresh[best], float(fresh[best].std(ddof=1))
print(f"{len(CELLS)} cells; a linear code of {K} leaves {floors.linear_codes(spectrum)[K] / variance:.3f}")
for cell, values in fresh.items():
    print(f"{words(cell):<28} in the table {score[cell]:.4f}, fresh {values.mean():.4f}, s {values.std(ddof=1):.4f}")

# %% [markdown]
# **Both ends of the rate**: the posted rate of Adam and the best that was found for it, at the same batch size. Then
# **searches that are played**: each draws runs from those that we have, chooses the cell with the lowest mean, and
# reports that mean. Broken: one run per cell. Repaired: five.

# %%
adam = min((cell for cell in CELLS if cell[0] == "Adam"), key=score.get)
posted = ("Adam", POSTED_LR, adam[2])
first, last = network(chapter.seed).params, train(posted, chapter.seed).params
moved = max(float(np.abs(last[name] - first[name]).max()) for name in first) / (POSTED_LR * EPOCHS * -(-N // adam[2]))
lost = [lr for lr in LRS if np.isnan(score["SGD", lr, BATCH_SIZES[0]])]
print(
    f"Adam at {POSTED_LR:g} leaves {score[posted]:.2f}, weights move {moved:.2f} lr T; {adam[1]:.2g}: {score[adam]:.2f}"
)

rng, truth = np.random.default_rng([chapter.seed, 27]), np.array([values.mean() for values in fresh.values()])


def play(runs):
    """Return how often a search takes the cell that is best in truth, and by how many s its number is too low."""
    found = np.array([rng.choice(values, (SEARCHES, runs)).mean(axis=1) for values in fresh.values()])
    chosen = found.argmin(axis=0)
    return float(np.mean(chosen == truth.argmin())), float((truth[chosen] - found.min(axis=0)).mean() / s)


played = {runs: play(runs) for runs in (1, AGAIN)}
for runs, (right, flattered) in played.items():
    print(
        f"searches with {runs} runs per cell: {right:.0%} take the best cell, their number is {flattered:.2f} s too low"
    )

# %% [markdown]
# **The closed forms.** For the order of two cells, all pairs of their runs are counted. For the lowest of $n$, the
# winner's own runs play the part of $n$ cells that are exactly alike; the mean over all choices of $n$ among $M$ needs
# no sampling, because the $i$-th largest is the lowest with probability $\binom{i-1}{n-1} / \binom{M}{n}$.

# %%
normal = NormalDist().cdf
order, alike = {}, {}  # of the winner and another cell: expected and counted share in the wrong order; correlation
for cell in ranked[1:]:
    difference, both = fresh[cell].mean() - winner.mean(), sqrt(fresh[cell].var(ddof=1) + winner.var(ddof=1))
    order[words(cell)] = normal(-difference / both), float((fresh[cell][:, None] < winner).mean())
    alike[words(cell)] = float(np.corrcoef(fresh[cell], winner[:REPEATS])[0, 1])


def largest_normal(n):
    """Return E[max of n standard normals]: the integral of t over the density of the largest."""
    t = np.linspace(-9, 9, 4001)
    return float((np.diff([normal(value) ** n for value in t]) * (t[1:] + t[:-1]) / 2).sum())


def lowest_of(values, n):
    """Return the mean, over all choices of n of the values, of the lowest."""
    ascending, M = np.sort(values), len(values)
    return float(sum(value * comb(M - 1 - i, n - 1) for i, value in enumerate(ascending)) / comb(M, n))


luck = {n: ((winner.mean() - lowest_of(winner, n)) / s, largest_normal(n)) for n in (2, 3, 4, 6)}
for name, (expected, counted) in order.items():
    print(f"one run each ranks {name:<29} before the winner: expected {expected:.2f}, counted {counted:.2f}", end="")
    print(f"; at equal seeds the two correlate by {alike[name]:.2f}")
print(
    "the lowest of n is too low by, in s,", {n: f"{found:.2f} (computed: {by:.2f})" for n, (found, by) in luck.items()}
)

# %% [markdown]
# ## The check

# %%
assert score[posted] > 1.5, f"the posted rate must leave more than the mean picture does, found {score[posted]:.2f}"
assert score[adam] < 0.35 * score[posted], f"the searched rate must repair it, found {score[adam]:.2f}"
assert abs(moved - 1) < 0.03, f"Adam must move weights by lr T at most, and some that far, found {moved:.3f}"
assert lost == list(LRS[-len(lost) :]), f"SGD must be lost at the largest rates and at no others, found {lost}"
slow = [score["Adam", LRS[np.isclose(LRS, 1e-3)][0], size] for size in BATCH_SIZES]
assert slow == sorted(slow), f"at a low rate larger batches, which have fewer steps, must be worse, found {slow}"
for name, (expected, counted) in order.items():
    assert abs(expected - counted) < 0.12, f"{name}: wrong order expected {expected:.2f}, counted {counted:.2f}"
assert abs(largest_normal(2) * sqrt(np.pi) - 1) < 1e-4, f"E[max of 2] must be 1/√π, found {largest_normal(2):.5f}"
for n, (found, expected) in luck.items():
    assert abs(found - expected) < 0.45, f"the lowest of {n} must be {expected:.2f} s too low, found {found:.2f}"
(right, flattered), (right_again, flattered_again) = played[1], played[AGAIN]
assert flattered > 0.5, f"the number of a search with one run per cell must be too low, found {flattered:.2f} s"
assert flattered_again < 0.6 * flattered, f"five runs per cell must take most of that away, found {played}"
assert np.mean(list(alike.values())) > 0, f"what a seed does must be alike in all cells, found {alike}"
assert right_again > right, f"and must find the best cell more often, found {played}"

# %% [markdown]
# ## The figure

# %%
figure, (valley, strip) = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained", width_ratios=(1.2, 1))
COLORS = {"SGD": GREY, "RMSprop": ORANGE, "Adam": BLUE}
for name, marker, at in (("SGD", "^", (2e-3, 2.7)), ("RMSprop", "s", (1.2e-3, 3.4)), ("Adam", "o", (0.7, 1.8))):
    if name in OPTIMIZERS:
        values = [score[name, lr, BATCH_SIZES[0]] for lr in LRS]
        valley.plot(LRS, values, marker + "-", color=COLORS[name], markersize=4)
        valley.text(*at, name, color=COLORS[name])
valley.plot(POSTED_LR, score[posted], "X", color="black", markersize=9)
valley.text(POSTED_LR, 1.12 * score[posted], "as posted", va="bottom")
floor_line(valley, 1)
logarithmic(valley, "y", (0.3, 0.5, 1, 2, 4))
valley.set(xscale="log", ylim=(0.3, 5), xlabel="learning rate", ylabel="held-out error / variance")
valley.text(POSTED_LR, 1.02, "mean picture", va="bottom")
valley.set_title(f"One run per cell finds the valley\n(batches of {BATCH_SIZES[0]})", fontsize=11)
for row, (cell, values) in enumerate(fresh.items()):
    strip.plot(values, row + np.linspace(-0.25, 0.25, len(values)), ".", color=COLORS[cell[0]], markersize=4)
    strip.plot([values.mean()] * 2, [row - 0.35, row + 0.35], color="black", linewidth=2)
    strip.plot(score[cell], row, "D", color="black", markerfacecolor="white", markersize=8)
strip.set_yticks(range(N_BEST), [words(cell).replace(", lr", "\nlr").replace("batch ", "B ") for cell in ranked])
strip.set(xlabel="held-out error / variance", ylim=(N_BEST - 0.5, -0.5))
strip.set_title("It cannot rank the best: diamonds, the table;\ndots and bars, fresh seeds", fontsize=11)

# %% [markdown]
# ## The cause
#
# **Both ends.** Chapter 17 says where they lie. With a fixed number of epochs the number of steps is proportional to
# $1/B$: a larger batch wants a larger rate, and part of what looks like an effect of the batch is the number of steps
# (chapter 20). Adam and RMSprop divide by the size of the gradient and have no NaN: too high is large, and finite.
#
# **The order.** The difference of two runs has variance $s_1^2 + s_2^2$ and mean $\Delta$. With the same seed for both
# it has $s_1^2 + s_2^2 - 2\rho s_1 s_2$: first weights that are lucky for one rate are lucky for the next. So give all
# cells the same seeds, and compare seed by seed; that helps the ranking. It does nothing for the number: a lucky seed
# lowers the whole table.
#
# **The number.** $P(\min > v) = P(X > v)^n$, and if the errors are normal with mean $\mu$
#
# $$ E[\min] = \mu - s\,E[\max(Z_1, \dots, Z_n)], \qquad E[\max] = \int t \, d\,\Phi(t)^n, $$
#
# 0.56 for 2, 1.03 for 4, 1.27 for 6. Measured it is a little less where $n$ is large: errors are skewed, a run can go
# wrong further than it can go right. Cells that are not alike count for less than one each; and of two cells with equal
# means the one that scatters more wins more searches.
#
# **RMSprop and Adam.** To beat means nothing before each has had its own search, and its own seeds. The next rate of
# the grid costs more than the optimizer, and at a shared rate either can be made to win: they divide by the gradient in
# different ways, so that their valleys lie at different rates.

# %% [markdown]
# ## Exercises
#
# 1. Two settings differ by $\Delta = 1.5\,s$. How many seeds does each need before that is two standard errors?
# 2. The best cell has the smallest batch size of the grid. What does that say?
# 3. You report the error of the winner on the images that chose it. Is the bias only that of the seeds?
# 4. Cells can also be drawn at random (Bergstra and Bengio 2012). If only the rate matters, and $p = 1/8$ of its range
#    is good, what finds it more often with nine trainings: three rates by three batch sizes, or nine random draws?
# 5. The amount of noise in training is one more axis, and cells are compared by their training loss. What wins?
# 6. No cell of a map on independent columns is better than the mean. Is a larger map worth its time?
#
# ### Answers
#
# 1. The standard error is $s\sqrt{2/R}$, so $R = 8 s^2/\Delta^2 = 3.6$: four, and then it is seen every second time.
#    Nine seeds see it in 88 of 100 cases: $\Phi(1.5\sqrt{9/2} - 2) = 0.88$.
# 2. That the search has not ended: a minimum at the edge is a bound. But the epochs were fixed, so the smallest batch
#    had the most steps; ask first whether more epochs do the same.
# 3. No. They are a sample as well, common to all cells; the lowest is a cell that suits them. Fresh seeds do not remove
#    that, fresh images do: choose on one set, report on another.
# 4. The grid tries three rates, evenly spaced: $3p = 0.375$. The draws: $1 - (7/8)^9 = 0.70$. A grid repeats itself
#    along the axis that does not matter. (Here both matter.)
# 5. No noise. The best linear denoiser leaves $\lambda s^2/(\lambda + s^2)$ of an eigenvalue $\lambda$ of the data,
#    which grows with $s$. Compare the error on images with the noise that will be met (chapter 06).
# 6. No. A linear code of $K$ leaves at least $1 - K/D$, which costs less to compute than one training (chapter 05).

# %%
print("A search finds the learning rate; the order of its best cells, and the winner's number, are partly luck.")
print("Your own search: the best few again with five fresh seeds each, the same for all. Report the mean of those.")
chapter.finish(
    figure,
    {
        "table": {words(cell): None if np.isnan(value) else value for cell, value in score.items()},
        "best_in_the_table_and_fresh": {words(cell): [score[cell], values.mean()] for cell, values in fresh.items()},
        "scatter": {words(cell): values.std(ddof=1) for cell, values in fresh.items()},
        "moved_over_lr_T": moved,
        "played_right_and_flattered_by_runs_per_cell": played,
        "wrong_order_expected_and_counted": order,
        "correlation_with_the_winner_at_equal_seeds": alike,
        "lowest_of_n_too_low_by_and_computed": luck,
    },
)
