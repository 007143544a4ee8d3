# %% [markdown]
# # A loss means nothing until you know its floor, and the floor can be measured before training
#
# Two runs are on your screen, on different data. The first has settled at 0.050, and no learning rate, optimizer or
# number of epochs moves it. The second has come down to 0.043. Which one is failing?
#
# The second. The first has reached the least loss that its data and its linear code allow; nothing is wrong with it.
# The second has more than half of its way before it. The two losses cannot say so, nor can they be compared with each
# other: each lacks the two numbers that it has to be read between. Both can be computed from the data in a second,
# before anything is trained.
#
# *Failure modes: F19, F23, H1 · networks: Q1a, Q4a, Q4f · advice: know what loss to expect*

# %% [markdown]
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
# nothing, 0 has reached the floor, which is all there is if that is a bound. It does not depend on the reduction or on
# the units, so that runs on different data can be set side by side, as their losses cannot. Four claims are on trial.
#
# 1. The floors of three very different data sets, computed in one call, agree with closed forms where these exist.
# 2. Linear networks trained on them land on their floors, and none lands below.
# 3. The losses of different data have no order that means anything; by the excess, the run that fails stands out.
# 4. What a linear code leaves is a bound for *linear* codes, and a reference level for others. A deeper network may go
#    below it, and on digits it does.
#
# At the prompt the same numbers, as a table and a figure, for your own file:
#
# ```
# scratchdae floors DATA.npy --codes 8,32 --corruption gaussian:0.1 --plot floors.png
# ```
#
# It takes .npy, .npz and IDX files and folders of images; `scratchdae floors digits` needs no file at all.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, Sequential, evaluate, fit, floors, plots, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float, uniform
from scratchdae.layers import Dense, ReLU
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE
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
# ## The floors, in one call
#
# Uniform noise is what people feed a network to try it out. The mixtures are 100 columns made of 8 hidden ones, plus a
# tenth of noise of their own: what one column lost, others still tell. The digits are those embedded in the package,
# 28×28 images that a program draws.

# %%
rng = np.random.default_rng([chapter.seed, 4])
images = to_float(digits().x_train[:N]).reshape(N, 28, 28)
images = images.reshape(N, 28 // BLOCK, BLOCK, 28 // BLOCK, BLOCK).mean(axis=(2, 4))
side = images.shape[1]
mixtures, mixing = redundant_columns(N, D, HIDDEN_COLUMNS, rng, noise=NOISE_SHARE)
data = {"uniform noise": uniform(N, D, rng), "mixtures of 8": mixtures, "digits": images.reshape(N, -1)}

surveys = {name: floors.survey(x, rng, codes=[K[name]], masks=[]) for name, x in data.items()}
for name, found in surveys.items():
    print(
        f"{name:<13} {found.n}×{found.d}: constant {found.constant():.5f}, "
        f"code of {K[name]} {found.codes[K[name]]:.5f}, once shuffled {found.shuffled[K[name]]:.5f}, "
        f"entropy floor {floors.cross_entropy(data[name]):.4f} nats"
    )

# %% [markdown]
# ## The runs
#
# Each network is a linear code: a layer of $k$ units and a layer back, trained with Adam on the squared error. The run
# on the mixtures also denoises. `with_small_steps` is the broken variant: a learning rate 120 times too low, and
# nothing else. As a control the same network is trained on digits whose columns were shuffled, each by itself: every
# pixel keeps its values, and no pixel knows of another. One deeper network with a code of 8 asks whether the floor of
# linear codes holds for it. The test suite runs all of it for three seeds.


# %%
def train(x, layers, lr, corruption=None):
    """Train a network to reconstruct x; return its loss per component, on corrupted inputs if it trained on them."""
    x = x - x.mean(axis=0)  # so that the first output, near 0, is the best constant
    model = Sequential(layers, (x.shape[1],), streams(chapter.seed).initialisation, dtype=np.float32)
    options = {"batch_size": BATCH, "optimizer": Adam(), "corruption": corruption, "seed": chapter.seed}
    fit(model, x, epochs=EPOCHS, lr=lr, progress=False, backend="numpy", **options)
    noise = (corruption, 0, np.random.default_rng([chapter.seed, 5])) if corruption else None
    return evaluate(model, np.tile(x, (4, 1)) if corruption else x, noise=noise)


def linear(x, k):
    """A code of k units and the way back, with nothing in between."""
    return [Dense(k), Dense(x.shape[1])]


def deep(x, k):
    """The same code between two hidden layers."""
    return [Dense(WIDE), ReLU(), Dense(k), Dense(WIDE), ReLU(), Dense(x.shape[1])]


def with_small_steps(x, k):
    """Broken: a learning rate so low that the loss falls and never arrives."""
    return train(x, linear(x, k), Geometric(TOO_LOW * LR, TOO_LOW * LR / 30, EPOCHS))


def repaired(x, k, corruption=None):
    """The learning rate that arrives, falling to a thirtieth so that the end is not blurred by large steps."""
    return train(x, linear(x, k), Geometric(LR, LR / 30, EPOCHS), corruption)


noise, mixed, pictures = data.values()
sigma = SIGMA * np.sqrt(surveys["mixtures of 8"].variance)
shuffled = floors.permute_features(pictures, rng)
runs = {  # the loss reached, and the floor predicted before
    "uniform noise": (repaired(noise, K["uniform noise"]), surveys["uniform noise"].codes[K["uniform noise"]]),
    "mixtures, denoised": (
        repaired(mixed, K["mixtures of 8"], Corruption("gaussian", float(sigma))),
        floors.wiener(surveys["mixtures of 8"].eigenvalues, sigma, K["mixtures of 8"]),
    ),
    "digits, small steps": (with_small_steps(pictures, K["digits"]), surveys["digits"].codes[K["digits"]]),
    "digits, repaired": (repaired(pictures, K["digits"]), surveys["digits"].codes[K["digits"]]),
    "digits, shuffled": (repaired(shuffled, K["digits"]), floors.pca(shuffled)[K["digits"]]),
    "digits, deep": (
        train(pictures, deep(pictures, K_DEEP), Geometric(LR, LR / 30, EPOCHS)),
        surveys["digits"].codes[K_DEEP],
    ),
}
of = {run: next(found for name, found in surveys.items() if name[:6] == run[:6]) for run in runs}
excess = {run: floors.relative_excess(loss, floor, of[run].constant()) for run, (loss, floor) in runs.items()}
print(f"{'':<20} {'loss':>8} {'floor':>8} {'constant':>9} {'excess':>8}")
for run, (loss, floor) in runs.items():
    print(f"{run:<20} {loss:8.5f} {floor:8.5f} {of[run].constant():9.5f} {excess[run]:8.4f}")

# The eigenvalues of the mixtures' population, given the mixing; and what 32 components find in so few rows of noise.
population = np.linalg.eigvalsh(((1 - NOISE_SHARE) ** 2 * mixing @ mixing.T + NOISE_SHARE**2 * np.eye(D)) / 12)
population_floor = floors.linear_codes(population)[HIDDEN_COLUMNS]
finite_floor = floors.sample_pca(K["uniform noise"], N, D)
line = floors.independent(K["uniform noise"], D)

# %% [markdown]
# ## The check

# %%
# 1. The floors agree with closed forms. Uniform: variance 1/12, entropy 1/2, and Marchenko and Pastur's law.
found = surveys["uniform noise"]
assert abs(12 * found.constant() - 1) < 0.02, f"the variance of uniform data must be 1/12, found {found.constant():.5f}"
entropy = floors.cross_entropy(noise)
assert abs(entropy - 0.5) < 0.004, f"the entropy floor of uniform data must be 1/2 nat, found {entropy:.4f}"
measured = found.codes[K["uniform noise"]]
assert abs(measured / finite_floor - 1) < 0.01, (
    f"{K['uniform noise']} components must leave {finite_floor:.5f}, found {measured:.5f}"
)
assert measured < 0.92 * line, f"{N} rows look more structured than they are: {measured:.5f} must be below {line:.5f}"
measured = surveys["mixtures of 8"].codes[HIDDEN_COLUMNS]
assert abs(measured / population_floor - 1) < 0.03, (
    f"8 components must leave {population_floor:.6f}, found {measured:.6f}"
)
# Shuffling each column tells data that can be compressed from data that cannot.
for name, least, most in (("uniform noise", 0.98, 1.02), ("mixtures of 8", 0, 0.1), ("digits", 0, 0.5)):
    ratio = surveys[name].codes[K[name]] / surveys[name].shuffled[K[name]]
    assert least < ratio < most, (
        f"{name}: floor over the floor once shuffled must be {least} to {most}, found {ratio:.3f}"
    )

# 2. Every linear network but the broken one lands on its floor, and none below (the noise is drawn: 0.1 % of leeway).
for run in ("uniform noise", "mixtures, denoised", "digits, repaired", "digits, shuffled"):
    assert -1e-3 < excess[run] < 0.012, f"{run} must land on its floor, found a relative excess of {excess[run]:.4f}"
assert runs["digits, repaired"][0] > runs["digits, repaired"][1] * (1 - 1e-5), "no linear code may beat the eigenvalues"
broken = excess["digits, small steps"]
assert broken > 0.5, f"small steps must leave more than half of the way, found {broken:.3f}"
assert excess["digits, repaired"] < 0.02 * broken, (
    f"the repair must take it away, left {excess['digits, repaired']:.4f}"
)

# 3. The failing run has the lower loss, which means nothing, since the data differ; the excess tells.
assert runs["digits, small steps"][0] < runs["uniform noise"][0], f"the failing run must have the lower loss: {runs}"
assert broken > 40 * excess["uniform noise"], f"the excess must tell them apart, found {excess}"

# 4. A deeper network of 8 units beats the best linear code of 8.
assert excess["digits, deep"] < -0.3, (
    f"the deep code must go below the linear floor, found {excess['digits, deep']:.3f}"
)

# %% [markdown]
# ## The figure

# %%
figure = plt.figure(figsize=(15.5, 10), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=(1.1, 1))
figure.suptitle("What loss to expect, measured before training (lines) and reached by training (markers)", fontsize=14)
markers = {"digits, small steps": ("X", ORANGE), "digits, shuffled": ("D", GREY), "digits, deep": ("*", BLUE)}
titles = {
    "uniform noise": "Uniform noise: shuffled or not, one curve;\nthere is nothing to compress",
    "mixtures of 8": "Mixtures of 8: eight units carry all;\nnoise adds what Wiener says",
    "digits": "Digits: the broken run stops half-way,\nthe deep one goes below the linear floor",
}
for ax, (name, survey) in zip(top.subplots(1, 3), surveys.items(), strict=True):
    plots.code_floors(ax, survey)
    if name == "mixtures of 8":
        curve = [floors.wiener(survey.eigenvalues, sigma, k) for k in range(D + 1)]
        ax.plot(curve, "-.", color=ORANGE, linewidth=2, label="denoiser of rank k, noise of half the deviation")
    for run, (loss, _) in runs.items():
        if of[run] is survey:
            marker, color = markers.get(run, ("o", BLUE))
            label = {"uniform noise": "trained", "mixtures, denoised": "trained"}.get(run, run[8:])
            k = K_DEEP if run == "digits, deep" else K[name]
            ax.plot(
                k,
                loss,
                marker,
                color=color,
                markersize=13,
                markeredgecolor="black",
                label=label,
                zorder=4,
                linestyle="",
            )
    ax.set_title(titles[name])
    ax.set_xlim(-2, 104 if survey.d == D else 160)
    ax.legend(
        facecolor="white", edgecolor="none", framealpha=1, loc="upper right", bbox_to_anchor=(1, 0.89), markerscale=0.6
    )

left, right = bottom.subplots(1, 2, sharey=True)
order = sorted(runs, key=lambda run: runs[run][0])
for row, run in enumerate(order):
    loss, floor = runs[run]
    color, hatch = (ORANGE, "//") if run == "digits, small steps" else (BLUE, "")
    left.barh(row, loss, color=color, hatch=hatch, edgecolor="white")
    left.plot([floor, floor], [row - 0.4, row + 0.4], color="black", linewidth=3, label="floor" if row == 0 else None)
    left.plot(of[run].constant(), row, "o", markerfacecolor="white", markeredgecolor="black", markersize=9,
              label="best constant" if row == 0 else None)  # fmt: skip
    right.barh(row, excess[run], color=color, hatch=hatch, edgecolor="white")
    right.text(max(excess[run], 0) + 0.02, row, f"{excess[run]:.4f}", va="center")
left.set_yticks(range(len(order)), order)
left.set(xlabel="squared error per component")
left.set_title("Losses of different data, each with its own floor:\nthey have no order")
left.legend(loc="lower right")
right.axvline(0, color="black", linewidth=3)
right.axvline(1, color="black", linestyle=":")
right.text(0.99, -0.45, "best constant", ha="right", fontsize=9)
right.set(xlabel="relative excess: (loss − floor) / (constant − floor)", xlim=(-0.9, 1.25),
          title="Read by the relative excess,\nonly one has far to go")  # fmt: skip
for ax in (left, right):
    ax.grid(axis="x", alpha=0.3)

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
# noise do find something, which is not there in new rows. Here 32 units leave 0.0499 of the 2,000 rows, not 0.0567.
#
# **Noise.** Along one eigenvector the input is $u + n$ with variances $\lambda$ and $s^2$. The gain $g$ leaves
# $(1-g)^2\lambda + g^2 s^2$; the derivative vanishes at $g = \lambda/(\lambda + s^2)$, where $\lambda
# s^2/(\lambda + s^2)$ is left. Summed over the $k$ directions kept, plus those dropped, it is the dash-dotted line.
#
# **Why the ratio.** Another reduction multiplies $L$, floor and ceiling by the same $D$; another unit of the data, by
# the same square. Both cancel.
#
# **What does not follow.** $L_k$ bounds linear codes only. The digits lie near a curved surface, on which 8 numbers say
# more than 8 projections do: the deeper network's excess is below zero. A negative excess has two other causes, which
# look alike and are not good news: components fitted to few rows (compare with held-out rows), and a floor that was
# computed for other data (scaled or corrupted otherwise).

# %% [markdown]
# ## Exercises
#
# 1. *Your data are uniform, 100 columns, and the code has 32 units. What squared error do you expect on new rows?*
#
#    $(1 - 32/100)/12 = 0.0567$ at best. On the training rows less: `floors.sample_pca` says how much. The components
#    that were fitted to these rows are no better than any others on new ones.
#
# 2. *A loss of 0.03, summed over an example, is reported for 784 pixels. Is that good?*
#
#    Per component it is $0.03/784$, below anything here, so either it is nearly the identity (a wide code without
#    noise), or the reduction was named wrongly. The floors decide: compute them, then ask what the code is.
#
# 3. *The relative excess of a run is 1.02 after a hundred epochs. What do you look at first?*
#
#    It is worse than its own output biases would be alone. Either it has hardly moved from random first weights (raise
#    the learning rate tenfold with the same seed), or the output cannot reach the targets or has saturated.
#
# 4. *Why shuffle each column rather than compare with uniform noise?*
#
#    Shuffled columns keep every column's distribution: variance, entropy, range, dead pixels. Only dependence is gone.
#    So a difference between the two curves is due to dependence, and to nothing else, at any number of rows.

# %%
chapter.finish(
    figure,
    {
        "runs": {
            run: {"loss": loss, "floor": float(floor), "constant": of[run].constant(), "relative_excess": excess[run]}
            for run, (loss, floor) in runs.items()
        },
        "floors": {
            name: {
                "constant": survey.constant(),
                "entropy": floors.cross_entropy(data[name]),
                "units": K[name],
                "code": survey.codes[K[name]],
                "code_once_shuffled": survey.shuffled[K[name]],
            }
            for name, survey in surveys.items()
        },
        "uniform_noise_floor_by_marchenko_pastur": finite_floor,
        "uniform_noise_floor_of_the_population": line,
        "mixtures_floor_of_the_population": population_floor,
    },
)
