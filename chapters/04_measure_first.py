# %% [markdown]
# # A loss means nothing until you know its floor, and the floor can be measured before training
#
# Two runs are on your screen, on different data. One has settled, and no learning rate, optimizer or number of epochs
# moves it. The other has a lower loss. Which one is failing?
#
# *Failure modes: F19, F23, H1 · networks: Q1a, Q4a, Q4f · advice: know what loss to expect*

# %% [markdown]
# ## Is it yours?
#
# Squared error per component, the same kind of network on both:
#
# ```text
#                            loss   best constant   floor   relative excess
# uniform noise, 100 columns 0.050          0.084   0.050              0.00
# digits, 784 pixels         0.043          0.062   0.014              0.61
# digits, the rate repaired  0.014          0.062   0.014              0.00
# ```
#
# ![Losses of different data have no order; the relative excess tells which run fails](../figures/04_measure_first.png)
#
# The lower loss is the failing one: the first run has reached all that its data and its linear code allow.
#
# **The one measurement**: the best constant and the floor of your data, before any training, in one command:
#
# ```
# scratchdae floors DATA.npy --codes 8,32 --corruption gaussian:0.1 --plot floors.png
# ```
#
# It takes files and folders of images; `scratchdae floors digits` needs no file at all.
#
# ## The claim
#
# A loss $L$ is read between two numbers.
#
# - The **ceiling** is the best constant: what the output's biases reach when the input is ignored. For the squared
#   error it is the variance, for cross-entropy the binary entropy of each column's mean.
# - Below it stands a **floor**, of one of two kinds. A *bound* no weights can beat, in any network: the entropy of the
#   targets, what the output cannot reach. A *linear reference* is what the best linear map leaves: through $k$ units
#   (Eckart and Young 1936), or of noise (Wiener 1949). It bounds linear networks; others may go below it, and do.
#
# The number to report is the **relative excess**, $(L - \text{floor}) / (\text{ceiling} - \text{floor})$: 1 has learned
# nothing, 0 has reached the floor, which is all there is if that is a bound. Four claims are on trial. Floors computed
# in one call agree with closed forms. Linear networks land on them, and none lands below. The losses of different data
# have no order that means anything; by the excess the run that fails stands out. A deeper network goes below a linear
# reference.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, Sequential, evaluate, fit, floors, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float, uniform
from scratchdae.layers import Dense, ReLU
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, ORANGE
from scratchdae.schedules import Geometric

chapter = Chapter.begin("04_measure_first")

N = 1000 if chapter.quick else 2000  # examples of each data set
BLOCK = 2 if chapter.quick else 1  # the quick digits are 14×14, each pixel the mean of four
D, HIDDEN_COLUMNS, NOISE_SHARE = 100, 8, 0.1  # of the two data sets that are drawn
K = {"uniform noise": 32, "mixtures of 8": 8, "digits": 16 if chapter.quick else 32}  # units of the code
SIGMA = 0.5  # of the noise on the mixtures, in standard deviations of these
EPOCHS, BATCH, LR = (60 if chapter.quick else 80), 25 if chapter.quick else 50, 5e-3
TOO_LOW = 1 / 60 if chapter.quick else 1 / 120  # what the broken run's learning rate is multiplied by
K_DEEP, WIDE = 8, 64 if chapter.quick else 128  # code and hidden layers of the deeper network

# %% [markdown]
# ## The run
#
# **The floors.** Uniform noise is what people feed a network to try it out. The mixtures are 100 columns made of 8
# hidden ones, plus a tenth of noise of their own: what one column lost, others still tell. The digits are those
# embedded in the package, 28×28 images that a program draws.

# %%
rng = np.random.default_rng([chapter.seed, 4])
images = to_float(digits().x_train[:N], side=28 // BLOCK)
mixtures, mixing = redundant_columns(N, D, HIDDEN_COLUMNS, rng, noise=NOISE_SHARE)
data = {"uniform noise": uniform(N, D, rng), "mixtures of 8": mixtures, "digits": images.reshape(N, -1)}
surveys = {name: floors.survey(x, rng, codes=[K[name]], masks=[]) for name, x in data.items()}
for name, found in surveys.items():
    print(
        f"{name:<13} {found.n}×{found.d}: constant {found.constant():.5f}, code of {K[name]} "
        f"{found.codes[K[name]]:.5f}, once shuffled {found.shuffled[K[name]]:.5f}, "
        f"entropy floor {floors.cross_entropy(data[name]):.4f} nats"
    )

# %% [markdown]
# **The networks.** Each is a linear code, a layer of $k$ units and a layer back, trained with Adam on the squared
# error; on the mixtures it also denoises. The broken one has a learning rate 120 times too low, and nothing else. As a
# control the same network gets digits whose columns were shuffled, each by itself: every pixel keeps its values, and no
# pixel knows of another. One deeper network with a code of 8 asks whether the reference of linear codes holds for it.


# %%
def train(x, layers, lr, corruption=None):
    """Train a network to reconstruct x; return its loss per component, on corrupted inputs if it trained on them."""
    x = x - x.mean(axis=0)  # so that the first output, near 0, is the best constant
    model = Sequential(layers, (x.shape[1],), streams(chapter.seed).initialisation, dtype=np.float32)
    options = {"batch_size": BATCH, "optimizer": Adam(), "corruption": corruption, "seed": chapter.seed}
    fit(model, x, epochs=EPOCHS, lr=Geometric(lr, lr / 30, EPOCHS), progress=False, backend="numpy", **options)
    noise = (corruption, 0, np.random.default_rng([chapter.seed, 5])) if corruption else None
    return evaluate(model, np.tile(x, (4, 1)) if corruption else x, noise=noise)


def linear(x, k):
    return [Dense(k), Dense(x.shape[1])]


def deep(x, k):
    return [Dense(WIDE), ReLU(), Dense(k), Dense(WIDE), ReLU(), Dense(x.shape[1])]


noise, mixed, pictures = data.values()
sigma = SIGMA * np.sqrt(surveys["mixtures of 8"].variance)
shuffled = floors.permute_features(pictures, rng)
k = K["digits"]
runs = {  # the loss reached, and the floor predicted before
    "uniform noise": (train(noise, linear(noise, 32), LR), surveys["uniform noise"].codes[32]),
    "mixtures, denoised": (
        train(mixed, linear(mixed, 8), LR, Corruption("gaussian", float(sigma))),
        floors.wiener(surveys["mixtures of 8"].eigenvalues, sigma, 8),
    ),
    "digits, small steps": (train(pictures, linear(pictures, k), TOO_LOW * LR), surveys["digits"].codes[k]),
    "digits, repaired": (train(pictures, linear(pictures, k), LR), surveys["digits"].codes[k]),
    "digits, shuffled": (train(shuffled, linear(shuffled, k), LR), floors.pca(shuffled)[k]),
    "digits, deep": (train(pictures, deep(pictures, K_DEEP), LR), surveys["digits"].codes[K_DEEP]),
}
of = {run: next(found for name, found in surveys.items() if name[:6] == run[:6]) for run in runs}
excess = {run: floors.relative_excess(loss, floor, of[run].constant()) for run, (loss, floor) in runs.items()}
print(f"{'':<20} {'loss':>8} {'floor':>8} {'constant':>9} {'excess':>8}")
for run, (loss, floor) in runs.items():
    print(f"{run:<20} {loss:8.5f} {floor:8.5f} {of[run].constant():9.5f} {excess[run]:8.4f}")

# The eigenvalues of the mixtures' population, given the mixing; and what 32 components find in so few rows of noise.
population = np.linalg.eigvalsh(((1 - NOISE_SHARE) ** 2 * mixing @ mixing.T + NOISE_SHARE**2 * np.eye(D)) / 12)
population_floor = floors.linear_codes(population)[HIDDEN_COLUMNS]
finite_floor, line = floors.sample_pca(32, N, D), floors.independent(32, D)

# %% [markdown]
# ## The check

# %%
# 1. The floors agree with closed forms. Uniform: variance 1/12, entropy 1/2, and Marchenko and Pastur's law.
found, entropy = surveys["uniform noise"], floors.cross_entropy(noise)
assert abs(12 * found.constant() - 1) < 0.02, f"the variance of uniform data must be 1/12, found {found.constant():.5f}"
assert abs(entropy - 0.5) < 0.004, f"the entropy floor of uniform data must be 1/2 nat, found {entropy:.4f}"
measured = found.codes[32]
assert abs(measured / finite_floor - 1) < 0.01, f"32 components must leave {finite_floor:.5f}, found {measured:.5f}"
assert measured < 0.92 * line, f"{N} rows look more structured than they are: {measured:.5f} must be below {line:.5f}"
measured = surveys["mixtures of 8"].codes[8]
assert abs(measured / population_floor - 1) < 0.03, f"8 components must leave {population_floor:.6f}: {measured:.6f}"
# Shuffling each column tells data that can be compressed from data that cannot.
for name, least, most in (("uniform noise", 0.98, 1.02), ("mixtures of 8", 0, 0.1), ("digits", 0, 0.5)):
    ratio = surveys[name].codes[K[name]] / surveys[name].shuffled[K[name]]
    assert least < ratio < most, f"{name}: floor over that once shuffled, {least} to {most}, found {ratio:.3f}"

# 2. Every linear network but the broken one lands on its floor, and none below (the noise is drawn: 0.1 % of leeway).
for run in ("uniform noise", "mixtures, denoised", "digits, repaired", "digits, shuffled"):
    assert -1e-3 < excess[run] < 0.012, f"{run} must land on its floor, found a relative excess of {excess[run]:.4f}"
assert runs["digits, repaired"][0] > runs["digits, repaired"][1] * (1 - 1e-5), "no linear code may beat the eigenvalues"

# 3. The failing run has the lower loss, which means nothing, since the data differ; the excess tells.
broken = excess["digits, small steps"]
assert broken > 0.5, f"small steps must leave more than half of the way, found {broken:.3f}"
assert runs["digits, small steps"][0] < runs["uniform noise"][0], f"the failing run must have the lower loss: {runs}"
assert broken > 40 * max(excess["uniform noise"], excess["digits, repaired"]), f"the excess must tell them: {excess}"

# 4. A deeper network of 8 units goes below the best linear code of 8.
assert excess["digits, deep"] < -0.3, f"it must go below the linear reference, found {excess['digits, deep']:.3f}"

# %% [markdown]
# ## The figure

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained", sharey=True)
order = sorted(runs, key=lambda run: runs[run][0])
for row, run in enumerate(order):
    loss, floor = runs[run]
    style = {"color": ORANGE, "hatch": "//"} if run == "digits, small steps" else {"color": BLUE}
    left.barh(row, loss, edgecolor="white", **style)
    left.plot([floor, floor], [row - 0.45, row + 0.45], color="black", linewidth=3)
    left.plot(of[run].constant(), row, "o", markerfacecolor="white", markeredgecolor="black", markersize=8)
    right.barh(row, excess[run], edgecolor="white", **style)
    right.text(max(excess[run], 0) + 0.03, row, f"{excess[run]:.2f}", va="center")
left.set_yticks(range(len(order)), order)
left.set(xlabel="squared error per component", xlim=(0, 0.095))
left.text(0.025, -0.1, "black line: floor\ncircle: best constant", va="center")
left.set_title("Losses of different data, each with\nits own floor: they have no order", fontsize=11)
right.axvline(0, color="black", linewidth=3)
right.axvline(1, color="black", linestyle=":")
right.text(0.97, 0, "best constant", ha="right", va="center")
right.set(xlabel="(loss − floor) / (constant − floor)", xlim=(-0.9, 1.2))
right.set_title("Read by the relative excess,\nonly one has far to go", fontsize=11)

# %% [markdown]
# ## The cause
#
# **Ceiling.** For any constant $c$, $E(x - c)^2 = \operatorname{var} x + (E x - c)^2$: the mean is best and leaves the
# variance. The output's biases learn it in the first steps, so a loss on the ceiling means that nothing else was
# learned.
#
# **Code.** A network that passes through $k$ linear units reconstructs $\hat x = \mu + M(x - \mu)$ with
# $\operatorname{rank} M \le k$. In the eigenvectors of the covariance, with eigenvalues $\lambda_1 \ge \lambda_2 \ge
# \dots$, the error is least when $M$ keeps the first $k$ and drops the others:
#
# $$ L_k = \frac1D \sum_{i>k} \lambda_i. $$
#
# With independent columns all $\lambda_i$ are equal and this is the straight line $(1 - k/D)\operatorname{var} x$. On
# $N$ rows it bends below the line, because eigenvalues of a finite sample spread over an interval of relative
# half-width $2\sqrt{D/N}$ even where the population has one value (Marchenko and Pastur 1967): components fitted to
# noise do find something, which is not there in new rows. Here 32 units leave 0.050 of the 2,000 rows, not 0.057.
#
# **Noise.** Along one eigenvector the input is $u + n$ with variances $\lambda$ and $s^2$. The gain $g$ leaves
# $(1-g)^2\lambda + g^2 s^2$; the derivative vanishes at $g = \lambda/(\lambda + s^2)$, where $\lambda
# s^2/(\lambda + s^2)$ is left. Wiener's floor is the sum over the $k$ directions kept, plus those dropped.
#
# **Why the ratio.** Another reduction multiplies $L$, floor and ceiling by the same $D$; another unit of the data, by
# the same square. Both cancel, so that runs on different data can be set side by side, as their losses cannot.
#
# **What does not follow.** $L_k$ bounds linear codes only. The digits lie near a curved surface, on which 8 numbers say
# more than 8 projections do: the deeper network's excess is below zero. A negative excess has two other causes, which
# look alike and are not good news: components fitted to few rows (compare with held-out rows), and a floor that was
# computed for other data (scaled or corrupted otherwise).

# %% [markdown]
# ## The cure in PyTorch
#
# `model`, `data` (as you feed them) and the width `k` of your code are yours. Measure; where the excess is far from 0
# and still falls, ten or a hundred times the learning rate, from the same first weights:
#
# ```python
# from scratchdae import floors
#
# def excess():
#     loss = float(((model(data) - data) ** 2).mean().detach())
#     x = data.numpy().reshape(len(data), -1)
#     return floors.relative_excess(loss, floors.pca(x)[k], floors.constant(x))
#
# for group in optimizer.param_groups:
#     group["lr"] *= 100
# ```
#
# ## The cure in Keras
#
# ```python
# from scratchdae import floors
#
# def excess():
#     loss = float(((model.predict(data, verbose=0) - data) ** 2).mean())
#     x = data.reshape(len(data), -1)
#     return floors.relative_excess(loss, floors.pca(x)[k], floors.constant(x))
#
# model.optimizer.learning_rate = 100 * float(model.optimizer.learning_rate)
# ```

# %% [markdown]
# ## Exercises
#
# 1. Your data are uniform, 100 columns, and the code has 32 units. What squared error do you expect on new rows?
# 2. A loss of 0.03, summed over an example, is reported for 784 pixels. Is that good?
# 3. The relative excess of a run is 1.02 after a hundred epochs. What do you look at first?
# 4. Why shuffle each column rather than compare with uniform noise?
#
# ### Answers
#
# 1. $(1 - 32/100)/12 = 0.057$ at best. On the training rows less: `floors.sample_pca` says how much. The components
#    that were fitted to these rows are no better than others on new ones.
# 2. Per component it is $0.03/784$, below anything here, so either it is nearly the identity (a wide code without
#    noise), or the reduction was named wrongly. The floors decide: compute them, then ask what the code is.
# 3. It is worse than its own output biases would be alone. Either it has hardly moved from random first weights (raise
#    the learning rate tenfold with the same seed), or the output cannot reach the targets or has saturated.
# 4. Shuffled columns keep every column's distribution: variance, entropy, range, dead pixels. Only dependence is gone.
#    So a difference between the two is due to dependence, at any number of rows.

# %%
print("A loss is read between the best constant and a floor; both come from the data, before any training.")
print("Your own: scratchdae floors DATA.npy, and report (loss - floor) / (constant - floor) beside every loss.")
chapter.finish(
    figure,
    {
        "runs": {
            run: {"loss": loss, "floor": float(floor), "constant": of[run].constant(), "relative_excess": excess[run]}
            for run, (loss, floor) in runs.items()
        },
        "floors": {
            name: {"constant": survey.constant(), "entropy": floors.cross_entropy(data[name]), "units": K[name]}
            | {"code": survey.codes[K[name]], "code_once_shuffled": survey.shuffled[K[name]]}
            for name, survey in surveys.items()
        },
        "uniform_noise_floor_by_marchenko_pastur": finite_floor,
        "uniform_noise_floor_of_the_population": line,
        "mixtures_floor_of_the_population": population_floor,
    },
)
