# %% [markdown]
# # Larger batches make gradients steadier, not shakier; what they cost is updates
#
# You have a larger machine now, so you take batches of 1,000 where you had 10. An epoch is faster, and the loss after
# the same five epochs is six times as far from its floor. Or the other way round: a rate that served well with large
# batches, and with small ones the loss jitters and stays high. The network, the data and the rate are what they were.
#
# *Failure modes: F06 · advice: larger batches make gradients less stable, change the batch size, grid search*

# %% [markdown]
# ## The claim
#
# One answer (to Q2) warns that larger batches may make gradients less stable; another (to Q1) that a large batch on few
# data generalises poorly; both advise to try several batch sizes. On trial:
#
# 1. the variance of a batch's gradient is $\sigma^2/B$, times $(N - B)/(N - 1)$ if no example is drawn twice:
#    $B \cdot \operatorname{Var}$ is a constant. Larger batches are *more* stable;
# 2. at the same rate and number of epochs a larger batch fails for want of updates, a smaller one for noise; what
#    repairs both is to change the rate with the batch, $lr \propto B$;
# 3. that ends where the rate comes near the limit of chapter 17;
# 4. at the same number of updates a larger batch memorises no more than a small one.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, DenoisingAutoencoder, autoencoder, evaluate, fit, floors, streams
from scratchdae.chapter import Chapter
from scratchdae.corruption import masking
from scratchdae.datasets import digits, to_float
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("20_batch_size")
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))

D, H, NU = 196, 50 if chapter.quick else 100, 0.25  # 14×14 pixels, hidden units, destroyed fraction
N_TRAIN, EPOCHS = (2000, 3) if chapter.quick else (4000, 5)
SMALL, MIDDLE, LARGE = 10, 100, 1000  # batch sizes
LR = 0.005  # suits the small batch; the rule gives the large one 0.5
FAST = 0.5  # a high rate, still good for the small batch, and too high for batches of 1
N_NOISE, REPEATS = (600, 200) if chapter.quick else (1000, 200)  # examples and batches for the variance
NOISE_BATCHES = (1, 4, 16, 64, 256, 512)
N_FEW, UPDATES, FEW_LR = (100, 600, 0.2) if chapter.quick else (200, 1500, 0.2)

# %% [markdown]
# ## The run: how steady is a gradient?
#
# The paper's autoencoder on the embedded digits, which a program draws, trained for an epoch and then held still. The
# same examples with the same destroyed pixels throughout, so that the batch is all that varies.

# %%
data = digits()


def pictures(x):
    """Return 14×14 pixels: averages of 2×2."""
    return to_float(x).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, D).astype(np.float32)


x_train, x_test = pictures(data.x_train[:N_TRAIN]), pictures(data.x_test[:300] if chapter.quick else data.x_test)
floor = D * floors.cross_entropy(x_test)
constant_excess = D * floors.constant(x_test, "cross_entropy") - floor


def train(seed, batch_size, lr, epochs=EPOCHS, x=x_train, nu=NU):
    """Train; return the network and its excess over the entropy floor on held-out digits, before and by epoch."""
    network = DenoisingAutoencoder(D, H, streams(seed).initialisation, dtype=np.float32)
    corruption = Corruption("masking", nu) if nu else None
    excess = [evaluate(network, x_test) - floor]
    options = {"lr": lr, "batch_size": batch_size, "corruption": corruption, "seed": seed, "progress": False}

    def watch(_, params):
        excess.append(evaluate(network, x_test, params=params) - floor)

    fit(network, x, epochs=epochs, on_epoch=watch, **options)
    return network, np.array(excess)


still, _ = train(chapter.seed, SMALL, 0.02, epochs=1)
params = {name: value.astype(np.float64) for name, value in still.params.items()}
rng = np.random.default_rng([chapter.seed, 1])
x_noise = x_train[:N_NOISE].astype(np.float64)
x_tilde = masking(x_noise, NU, rng)


def gradient(rows):
    """Return the gradient of a batch as one vector."""
    grads = autoencoder.loss_and_grads(params, x_tilde[rows], x_noise[rows])[1]
    return np.concatenate([array.ravel() for array in grads.values()])


full = gradient(np.arange(N_NOISE))
squares = sum(float((gradient([row]) ** 2).sum()) for row in range(N_NOISE)) / N_NOISE
sigma2 = squares - float(full @ full)  # variance of one example's gradient, summed over the weights
sampled, agreement = {}, {}
for size in NOISE_BATCHES:
    drawn = np.array([gradient(rng.choice(N_NOISE, size, replace=False)) for _ in range(REPEATS)])
    sampled[size] = float(((drawn - full) ** 2).sum(axis=1).mean())
    products = (drawn[::2] * drawn[1::2]).sum(axis=1).mean()
    agreement[size] = float(products / (drawn**2).sum(axis=1).mean())


def variance_of_batch(size):
    """Return the closed form for a batch without repetition."""
    return sigma2 / size * (N_NOISE - size) / (N_NOISE - 1)


def cosine_of_batches(size):
    """Return the closed form of the agreement of two batches: E⟨g, g'⟩ / E|g|²."""
    signal = float(full @ full)
    return signal / (signal + variance_of_batch(size))


print(f"variance of one example's gradient {sigma2:.1f}, squared norm of the mean gradient {full @ full:.3f}")
for size in NOISE_BATCHES:
    print(
        f"  B = {size:3d}: B·Var/σ² {size * sampled[size] / sigma2:.3f} ({(N_NOISE - size) / (N_NOISE - 1):.3f}); "
        f"agreement of two batches {agreement[size]:.3f} ({cosine_of_batches(size):.3f})"
    )

# %% [markdown]
# ## The run: the same epochs, other batches


# %%
def larger_batch_only(seed):
    """Broken: batches of 1,000 at the rate that suited 10."""
    return train(seed, LARGE, LR)[1]


def batch_and_rate(seed):
    """Repaired: the rate changed with the batch, a hundred times as large."""
    return train(seed, LARGE, LR * LARGE / SMALL)[1]


def single_examples(seed):
    """Broken at the other end: one example a step, at a rate that suits ten."""
    return train(seed, 1, FAST)[1]


def single_examples_and_rate(seed):
    """Repaired: the rate changed with the batch, a tenth."""
    return train(seed, 1, FAST / SMALL)[1]


runs = {
    "small": {seed: train(seed, SMALL, LR)[1] for seed in SEEDS},
    "middle, same rate": {seed: train(seed, MIDDLE, LR)[1] for seed in SEEDS},
    "middle, rate × 10": {seed: train(seed, MIDDLE, LR * MIDDLE / SMALL)[1] for seed in SEEDS},
    "middle, epochs × 10": {seed: train(seed, MIDDLE, LR, 10 * EPOCHS)[1] for seed in SEEDS},
    "large, same rate": {seed: larger_batch_only(seed) for seed in SEEDS},
    "large, rate × 100": {seed: batch_and_rate(seed) for seed in SEEDS},
    "large, rate × 400": {seed: train(seed, LARGE, 4 * LR * LARGE / SMALL)[1] for seed in SEEDS},
    "small, rate × 4": {seed: train(seed, SMALL, 4 * LR)[1] for seed in SEEDS},
    "small, fast": {seed: train(seed, SMALL, FAST)[1] for seed in SEEDS},
    "one, same fast rate": {seed: single_examples(seed) for seed in SEEDS},
    "one, rate ÷ 10": {seed: single_examples_and_rate(seed) for seed in SEEDS},
}
begun = {  # the small batch's excess early in its first epoch, by the number of updates
    updates: train(chapter.seed, SMALL, LR, 1, x_train[: SMALL * updates])[1][-1] for updates in (4, 10, 20, 40, 100)
}
last = {name: {seed: float(losses[-1]) for seed, losses in row.items()} for name, row in runs.items()}
print(
    f"excess over the floor {floor:.2f} on held-out digits after {EPOCHS} epochs; constant {constant_excess:.2f} nats"
)
for name, row in last.items():
    print("  " + ", ".join(f"{value:.2f}" for value in row.values()) + f"  {name}")

# %% [markdown]
# ### Does a larger batch memorise?
#
# A few digits, no noise, one number of updates. The large batch takes all of them in every step, and so goes through
# the data forty times as often as the batch of 5.

# %%
few = x_train[:N_FEW]
few_floor = D * floors.cross_entropy(few)
memory = {}
for size in (5, N_FEW):
    network, losses = train(chapter.seed, size, FEW_LR, UPDATES * size // N_FEW, few, nu=0)
    memory[size] = {"training": evaluate(network, few) - few_floor, "held_out": float(losses[-1])}
for size, row in memory.items():
    print(f"{UPDATES} updates, B = {size}: training {row['training']:.3f}, held out {row['held_out']:.3f}")

# %% [markdown]
# ## The check

# %%
for size in NOISE_BATCHES:
    constancy = sampled[size] / variance_of_batch(size)
    assert abs(constancy - 1) < 0.15, f"B = {size}: the variance must be σ²/B, found {constancy:.3f} of it"
    off = agreement[size] - cosine_of_batches(size)
    assert abs(off) < 0.06, f"B = {size}: two batches must agree as computed, off by {off:+.3f}"
steadier = [agreement[size] for size in (16, 64, 256, 512)]
assert steadier == sorted(steadier), f"larger batches must agree more, found {steadier}"

for seed in SEEDS:
    small, broken, fixed = (last[name][seed] for name in ("small", "large, same rate", "large, rate × 100"))
    assert broken > 4 * small, f"the larger batch alone must be far behind, found {broken:.1f} against {small:.1f}"
    assert fixed < 0.25 * broken, f"changed with the rate it must recover, found {fixed:.1f} of {broken:.1f}"
    for name in ("middle, rate × 10", "middle, epochs × 10"):
        off = last[name][seed] / small - 1
        assert abs(off) < 0.02, f"{name} must end where the small batch does, off by {off:+.1%}"
    assert last["middle, same rate"][seed] > 1.5 * small, "ten times fewer updates must show"
    ratio = last["large, rate × 400"][seed] / last["small, rate × 4"][seed]
    assert ratio > 1.5, (
        f"at four times the rate the rule must have ended, found {ratio:.2f} times the small batch's excess"
    )
    reference, noisy, calmed = (last[name][seed] for name in ("small, fast", "one, same fast rate", "one, rate ÷ 10"))
    assert noisy > 1.6 * reference, f"single examples at that rate must fail, found {noisy:.1f} against {reference:.1f}"
    off = calmed / reference - 1
    assert abs(off) < 0.3, f"at a tenth of it they must recover, found {calmed:.2f} against {reference:.2f}"
for key in ("training", "held_out"):
    ratio = memory[N_FEW][key] / memory[5][key]
    assert 0.85 < ratio < 1.05, f"at equal updates the large batch must not memorise more, {key} {ratio:.3f}"

# %% [markdown]
# ## The figure

# %%
figure, (noise_ax, update_ax, end_ax) = plt.subplots(1, 3, figsize=(17.5, 5.6), layout="constrained")
fine = np.geomspace(1, 0.9 * N_NOISE, 200)
noise_ax.loglog(fine, variance_of_batch(fine) / sigma2, "k-", linewidth=1, label="(1/B)(N − B)/(N − 1)")
noise_ax.loglog(fine, 1 / fine, ":", color=GREY, label="1/B: examples may repeat")
found = [sampled[size] / sigma2 for size in NOISE_BATCHES]
noise_ax.loglog(NOISE_BATCHES, found, "o", color=BLUE, markersize=8, label="variance of the gradient, over σ²")
noise_ax.loglog(fine, cosine_of_batches(fine), "k--", linewidth=1, label="|g|² / (|g|² + Var)")
found = [agreement[size] for size in NOISE_BATCHES]
noise_ax.loglog(
    NOISE_BATCHES, np.maximum(found, 1e-4), "^", color=ORANGE, markersize=8, label="agreement of two batches"
)
noise_ax.set(xlabel="batch size B", ylabel="relative to one example's variance; cosine", ylim=(5e-4, 3))
noise_ax.set_title("Larger batches agree with one another better:\nB · Var is a constant")
noise_ax.legend(loc="lower center", fontsize=9)

seed = chapter.seed
off_middle, off_large = (
    float(np.mean([last[name][s] / last["small"][s] - 1 for s in SEEDS]))
    for name in ("middle, rate × 10", "large, rate × 100")
)
lines = (
    ("small", SMALL, LR, BLUE, "-", "o", f"B = {SMALL}, lr {LR}"),
    ("middle, rate × 10", MIDDLE, 10 * LR, BLUE, "", "s", f"B = {MIDDLE}, lr × 10"),
    ("large, rate × 100", LARGE, 100 * LR, BLUE, "--", "^", f"B = {LARGE}, lr × 100"),
    ("middle, same rate", MIDDLE, LR, ORANGE, "-", "s", f"B = {MIDDLE}, same lr"),
    ("large, same rate", LARGE, LR, ORANGE, "--", "^", f"B = {LARGE}, same lr"),
)
for name, size, lr, color, style, marker, label in lines:
    losses = runs[name][seed][1:]
    travelled = lr * -(-N_TRAIN // size) * np.arange(1, 1 + len(losses))
    if name == "small":
        travelled = np.concatenate([LR * np.array(list(begun)), travelled])
        losses = np.concatenate([list(begun.values()), losses])
    face = "none" if name == "middle, rate × 10" else color
    options = {"markersize": 13 if face == "none" else 6, "markerfacecolor": face}
    update_ax.loglog(travelled, losses, style, color=color, marker=marker, label=label, **options)
update_ax.axhline(constant_excess, color="black", linestyle=":", linewidth=1)
update_ax.text(0.99, constant_excess * 1.05, "best constant", ha="right", transform=update_ax.get_yaxis_transform())
update_ax.set(xlabel="lr · updates", ylabel="excess over the entropy floor, held out (nats per image)")
update_ax.set_title(
    f"{EPOCHS} epochs each: what counts is lr · updates; with the rate changed,\n"
    f"B = {MIDDLE} ends within {abs(off_middle):.1%} of B = {SMALL}, B = {LARGE:,} {off_large:.0%} above"
)
update_ax.legend(loc="lower left", fontsize=9)

bars = (
    ("small, rate × 4", f"B = {SMALL}, lr {4 * LR:g}", BLUE, ""),
    ("large, rate × 400", f"B = {LARGE}, lr {400 * LR:g}", ORANGE, "//"),
    ("small, fast", f"B = {SMALL}, lr {FAST:g}", BLUE, ""),
    ("one, same fast rate", f"B = 1, lr {FAST:g}", ORANGE, "//"),
    ("one, rate ÷ 10", f"B = 1, lr {FAST / SMALL:g}", BLUE, ""),
)
for y, (name, _, color, hatch) in enumerate(bars):
    values = list(last[name].values())
    end_ax.barh(y, np.mean(values), color=color, hatch=hatch, edgecolor="white")
    end_ax.plot(values, [y] * len(values), "k|", markersize=12)
    end_ax.text(max(values) + 0.4, y, f"{np.mean(values):.1f}", va="center")
end_ax.axvline(constant_excess, color="black", linestyle=":", linewidth=1)
end_ax.text(constant_excess - 0.3, 4.4, "best constant", rotation=90, ha="right")
end_ax.set_yticks(range(len(bars)), [label for _, label, _, _ in bars])
end_ax.invert_yaxis()
end_ax.set(xlabel="excess over the entropy floor, held out (nats per image)", xlim=(0, 32))
end_ax.set_title("Both ends: a rate beyond what batches of 1,000 allow,\nand single examples at a rate for ten")
for ax in (noise_ax, update_ax, end_ax):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# The gradient of a batch is the mean of $B$ examples' gradients. Drawn with repetition these are independent, and the
# variance of the mean is $\sigma^2/B$. Without repetition two of them have the covariance $-\sigma^2/(N - 1)$, since
# all $N$ deviations sum to zero, and
#
# $$ \operatorname{Var} = \frac{\sigma^2}{B} - \frac{B - 1}{B}\,\frac{\sigma^2}{N - 1}
#    = \frac{\sigma^2}{B}\,\frac{N - B}{N - 1}. $$
#
# Two batches share the mean gradient $g$, and nothing else: $E\langle g_1, g_2\rangle = |g|^2$ and $E|g_1|^2 = |g|^2 +
# \operatorname{Var}$. At $B = 1$ the quotient is 0.008 here: two examples pull nearly at right angles. That does not
# keep them from training well, since the noise averages out over the steps, as long as the rate is low.
#
# $E$ epochs have $EN/B$ updates. While $lr\,h \ll 1$, a direction of curvature $h$ is left with
#
# $$ (1 - lr\,h)^{EN/B} \approx e^{-h\,EN \cdot lr/B}, $$
#
# so that only $lr/B$ counts. The noise floor of chapter 17, $lr\,s^2/(2B(2 - lr\,h))$, depends on the same quotient.
# Hence the rule $lr \propto B$, in both directions. It ends where $lr\,h$ is no longer small, and not at once. At the
# rates of the rule batches of 100 end within a per cent of batches of 10, batches of 1,000 with about a sixth more
# excess; at four times these rates batches of 1,000 end at 21 to 24 nats, where batches of 10 end below 8.
#
# What tells a batch too large from a network that cannot: draw the loss against $lr \cdot$ updates, not against epochs.
# The failed run lies on the curve of the good one, near its beginning. And ten times the epochs at the same rate end,
# with a batch of 100, within a per cent of the small batch.
#
# ## What is true of the advice
#
# **That larger batches make gradients less stable** is backwards. What people saw, one supposes, is a large batch at
# a rate that was scaled up with it too far.
#
# **That larger batches memorise:** at equal updates, no: after 1,500 the training excess is 1.57 with batches of 5 and
# 1.47 with all 200 at once, the held-out one 3.99 and 3.90. The large batch went through the data forty times as often
# and memorised as much, because it took the same path with less noise. At an equal number of *epochs* it memorises
# less, having moved less.
#
# **A grid over batch sizes** at one rate is a grid over $lr/B$, and mostly finds the rate. The noise itself is rarely
# what matters, and a smaller batch is not better for being noisy; it is better for its updates. In time it is the
# larger batch that is cheaper by the example, which is what it is for.

# %% [markdown]
# ## Exercises
#
# 1. *At which $B$ is half of a batch's gradient signal?*
#
#    Where $\operatorname{Var} = |g|^2$: $B = \sigma^2/|g|^2 = 129$, or 114 with the correction for finite $N$. This is
#    the gradient noise scale. Batches much larger than that buy little. It grows as training goes on, since $g$
#    shrinks.
#
# 2. *Some scale the rate with $\sqrt B$. When is that right?*
#
#    It keeps the variance of a *step*, $lr^2\sigma^2/B$, constant, and not the path in $E$ epochs. With Adam, whose
#    step has no unit and shrinks when the gradient is mostly noise, the root is the better rule.
#
# 3. *$N = 4{,}000$ and $B = 3{,}000$ without repetition: what is the last batch of an epoch?*
#
#    1,000 examples, with three times the weight of the others, each. The library takes it as it is, and so do the
#    frameworks unless told to drop it. With a batch that does not divide $N$ the last step is noisier.
#
# 4. *By how much does the noise floor differ between $B = 10$ and $B = 1{,}000$ at 0.005 and 0.5?*
#
#    By the factor $(2 - 0.005\,h)/(2 - 0.5\,h)$ alone.

# %%
chapter.finish(
    figure,
    {
        "variance_of_one_gradient": sigma2,
        "squared_norm_of_the_mean": float(full @ full),
        "B_times_variance": {str(b): b * sampled[b] / sigma2 for b in NOISE_BATCHES},
        "B_times_variance_closed_form": {str(b): (N_NOISE - b) / (N_NOISE - 1) for b in NOISE_BATCHES},
        "agreement": {str(b): agreement[b] for b in NOISE_BATCHES},
        "agreement_closed_form": {str(b): cosine_of_batches(b) for b in NOISE_BATCHES},
        "floor": floor,
        "constant_excess": constant_excess,
        "excess": last,
        "memory": {str(size): row for size, row in memory.items()},
    },
)
