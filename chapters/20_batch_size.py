# %% [markdown]
# # Larger batches make gradients steadier, not shakier; what they cost is updates
#
# You have a larger machine now, so you take batches of 1,000 where you had 10. An epoch is faster, and the loss after
# the same five epochs is six times as far from its floor. The network, the data and the rate are what they were.
#
# *Failure modes: F06 · advice: larger batches make gradients less stable, change the batch size, grid search*

# %% [markdown]
# ## Is it yours?
#
# The paper's autoencoder after five epochs of 4,000 digits; nats per image above the entropy of the targets, held out:
#
# ```text
# batch    rate    updates   excess
#    10   0.005      2,000      11
# 1,000   0.005         20      73       the larger batch alone; the best constant has 29
# 1,000   0.5           20      13       and the rate changed with it
# ```
#
# ![The variance of a gradient by batch, and the loss by rate times updates](../figures/20_batch_size.png)
#
# **The one measurement**: as many *updates* with both batches, at the same rate. If the larger batch now gets as far as
# the smaller one, it was not at fault: it had too few updates. (The picture: draw the loss against $lr \cdot$ updates,
# not against epochs. The failed run lies on the curve of the good one, near its beginning.)
#
# ## The claim
#
# One answer (to Q2) warns that larger batches may make gradients less stable; another (to Q1) that a large batch on few
# data can generalise poorly; both advise to try several batch sizes. On trial:
#
# 1. the variance of a batch's gradient is $\sigma^2/B$, times $(N - B)/(N - 1)$ if no example is drawn twice;
# 2. at the same rate and number of epochs a larger batch fails for want of updates, and a batch of one for noise; what
#    repairs both is to change the rate with the batch, $lr \propto B$, until it nears the limit of chapter 17;
# 3. at the same number of updates a larger batch memorises no more than a small one.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, DenoisingAutoencoder, autoencoder, evaluate, fit, floors, streams
from scratchdae.chapter import Chapter
from scratchdae.corruption import masking
from scratchdae.datasets import digits, to_float
from scratchdae.plots import BLUE, ORANGE, floor_line

chapter = Chapter.begin("20_batch_size")
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))

D, H, NU = 196, 50 if chapter.quick else 100, 0.25  # 14×14 pixels, hidden units, destroyed fraction
N_TRAIN, EPOCHS = (2000, 3) if chapter.quick else (4000, 5)
SMALL, MIDDLE, LARGE = 10, 100, 1000  # batch sizes
LR = 0.005  # suits the small batch; the rule gives the large one 0.5
FAST = 0.5  # a high rate, still good for the small batch, and too high for batches of 1
N_NOISE, REPEATS, NOISE_BATCHES = 600 if chapter.quick else 1000, 200, (1, 4, 16, 64, 256, 512)
N_FEW, UPDATES = (100, 600) if chapter.quick else (200, 1500)

# %% [markdown]
# ## The run: how steady is a gradient?
#
# The paper's autoencoder on the embedded digits, which a program draws, trained for an epoch and then held still. The
# same examples with the same destroyed pixels throughout, so that the batch is all that varies.

# %%
data = digits()


def pictures(x):
    """Return 14×14 pixels: averages of 2×2."""
    return to_float(x, side=14).astype(np.float32)


x_train, x_test = pictures(data.x_train[:N_TRAIN]), pictures(data.x_test[:300] if chapter.quick else data.x_test)
floor = D * floors.cross_entropy(x_test)
constant_excess = D * floors.constant(x_test, "cross_entropy") - floor


def train(seed, batch_size, lr, epochs=EPOCHS, x=x_train, nu=NU):
    """Train; return the network and its excess over the entropy floor on held-out digits, before and by epoch."""
    network, excess = DenoisingAutoencoder(D, H, streams(seed).initialisation, dtype=np.float32), []
    corruption = Corruption("masking", nu) if nu else None
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
sigma2 = sum(float((gradient([row]) ** 2).sum()) for row in range(N_NOISE)) / N_NOISE - float(full @ full)
noise_scale = sigma2 / float(full @ full)  # the batch at which half of a gradient is signal


def variance(size):
    """Return that of a batch without repetition, in closed form."""
    return sigma2 / size * (N_NOISE - size) / (N_NOISE - 1)


def drawn(size):
    """Return gradients of random batches."""
    return np.array([gradient(rng.choice(N_NOISE, size, replace=False)) for _ in range(REPEATS)])


sampled = {size: float(((drawn(size) - full) ** 2).sum(axis=1).mean()) for size in NOISE_BATCHES}
for size, found in sampled.items():
    print(f"B = {size:3d}: B·Var/σ² {size * found / sigma2:.3f} (computed {size * variance(size) / sigma2:.3f})")
print(f"a batch is half signal at B = {noise_scale:.0f}")

# %% [markdown]
# ## The run: the same epochs, other batches
#
# Broken and repaired differ in the rate.

# %%
SETTINGS = {
    "small": (SMALL, LR),
    "middle, same rate": (MIDDLE, LR),
    "middle, rate × 10": (MIDDLE, LR * MIDDLE / SMALL),
    "large, same rate": (LARGE, LR),  # broken
    "large, rate × 100": (LARGE, LR * LARGE / SMALL),  # repaired
    "large, rate × 400": (LARGE, 4 * LR * LARGE / SMALL),  # where the rule has ended
    "small, rate × 4": (SMALL, 4 * LR),
    "small, fast": (SMALL, FAST),
    "one, fast": (1, FAST),  # broken at the other end
    "one, rate ÷ 10": (1, FAST / SMALL),  # repaired
}
runs = {name: {seed: train(seed, *setting)[1] for seed in SEEDS} for name, setting in SETTINGS.items()}
last = {name: {seed: float(losses[-1]) for seed, losses in row.items()} for name, row in runs.items()}
few_updates = N_TRAIN // LARGE * EPOCHS  # as many as the large batch has in all
equal_updates = {seed: float(train(seed, SMALL, LR, 1, x_train[: SMALL * few_updates])[1][-1]) for seed in SEEDS}
print(f"excess over the floor {floor:.2f} after {EPOCHS} epochs; constant {constant_excess:.2f} nats")
for name, row in last.items():
    print("  " + ", ".join(f"{value:.2f}" for value in row.values()) + f"  {name}")
print("  " + ", ".join(f"{value:.2f}" for value in equal_updates.values()) + f"  small, only {few_updates} updates")

# %% [markdown]
# **Does a larger batch memorise?** A few digits, no noise, one number of updates. The large batch takes all of them in
# every step, and so goes through the data many times as often as the batch of 5.

# %%
few, memory = x_train[:N_FEW], {}
for size in (5, N_FEW):
    network, losses = train(chapter.seed, size, 0.2, UPDATES * size // N_FEW, few, nu=0)
    memory[size] = {"training": evaluate(network, few) - D * floors.cross_entropy(few), "held out": float(losses[-1])}
    print(f"{UPDATES} updates, B = {size}: {memory[size]}")

# %% [markdown]
# ## The check

# %%
for size, found in sampled.items():
    constancy = found / variance(size)
    assert abs(constancy - 1) < 0.15, f"B = {size}: the variance must be σ²/B, found {constancy:.3f} of it"
for seed in SEEDS:
    small, broken, fixed = (last[name][seed] for name in ("small", "large, same rate", "large, rate × 100"))
    assert broken > 2.5 * small, f"the larger batch alone must be far behind, found {broken:.1f} against {small:.1f}"
    assert fixed < 0.4 * broken, f"changed with the rate it must recover, found {fixed:.1f} of {broken:.1f}"
    off = broken / equal_updates[seed] - 1
    assert abs(off) < 0.1, f"with as few updates the small batch must be no better, off by {off:+.1%}"
    off = last["middle, rate × 10"][seed] / small - 1
    assert abs(off) < 0.03, f"100 at ten times the rate must end where the small batch does, off by {off:+.1%}"
    assert last["middle, same rate"][seed] > 1.5 * small, "ten times fewer updates must show"
    ratio = last["large, rate × 400"][seed] / last["small, rate × 4"][seed]
    assert ratio > 1.4, f"at four times the rate the rule must have ended, found {ratio:.2f} times the excess"
    reference, noisy, calmed = (last[name][seed] for name in ("small, fast", "one, fast", "one, rate ÷ 10"))
    assert noisy > 1.4 * reference, f"single examples must fail at that rate, found {noisy:.1f}, {reference:.1f}"
    off = calmed / reference - 1
    assert abs(off) < 0.35, f"at a tenth of it they must recover, found {calmed:.2f} against {reference:.2f}"
for key in ("training", "held out"):
    ratio = memory[N_FEW][key] / memory[5][key]
    assert 0.8 < ratio < 1.1, f"at equal updates the large batch must not memorise more, {key} {ratio:.3f}"

# %% [markdown]
# ## The figure

# %%
figure, (noise_ax, update_ax) = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
fine = np.geomspace(1, 0.9 * N_NOISE, 200)
noise_ax.loglog(fine, variance(fine) / sigma2, "k-", linewidth=1)
noise_ax.loglog(NOISE_BATCHES, np.array(list(sampled.values())) / sigma2, "o", color=BLUE, markersize=7)
noise_ax.text(8, 0.3, "line: (1/B)(N − B)/(N − 1)")
noise_ax.set(xlabel="batch size B", ylabel="variance of the gradient, over one example's")
noise_ax.set_title("Larger batches are steadier:\nB · variance is a constant", fontsize=11)

for name, color, marker, label, place, side in (
    ("small", BLUE, "o", f"B = {SMALL}", (1.6, 14), "right"),
    ("large, rate × 100", BLUE, "^", f"B = {LARGE:,}, rate × 100", (1.6, 21), "right"),
    ("large, same rate", ORANGE, "^", f"B = {LARGE:,}, same rate", (0.09, 110), "left"),
):
    size, lr = SETTINGS[name]
    losses = runs[name][chapter.seed]
    update_ax.loglog(lr * N_TRAIN / size * np.arange(1, 1 + len(losses)), losses, marker + "-", color=color)
    update_ax.text(*place, label, color=color, ha=side)
begun = (LR * few_updates, equal_updates[chapter.seed])
update_ax.plot(*begun, "o", color=BLUE, markersize=12, markerfacecolor="none")
update_ax.text(begun[0] * 1.3, begun[1], f"B = {SMALL}, as few updates", color=BLUE, va="center")
floor_line(update_ax, constant_excess)
update_ax.text(0.01, constant_excess * 1.03, "best constant", transform=update_ax.get_yaxis_transform())
update_ax.set(xlabel="rate × updates", ylabel="excess over the entropy floor (nats per image)")
update_ax.set_yticks([10, 20, 50, 100], ["10", "20", "50", "100"])
update_ax.minorticks_off()
update_ax.set_title(f"{EPOCHS} epochs each: the large batch alone\nhas only begun", fontsize=11)

# %% [markdown]
# ## The cause
#
# The gradient of a batch is the mean of $B$ examples' gradients. Drawn with repetition these are independent, and the
# variance of the mean is $\sigma^2/B$. Without, two of them have the covariance $-\sigma^2/(N - 1)$, since all $N$
# deviations sum to zero, which gives the factor $(N - B)/(N - 1)$.
#
# $E$ epochs have $EN/B$ updates. While $lr\,h \ll 1$, a direction of curvature $h$ is left with $(1 - lr\,h)^{EN/B}
# \approx e^{-h\,EN \cdot lr/B}$: only $lr/B$ counts. The noise floor of chapter 17, $lr\,s^2/(2B(2 - lr\,h))$, depends
# on the same quotient. Hence the rule $lr \propto B$, in both directions. It ends where $lr\,h$ is no longer small, and
# not at once: batches of 100 end within a few per cent of batches of 10, batches of 1,000 with about a sixth more
# excess, and at four times these rates they end far behind.
#
# **The advice.** That larger batches make gradients less stable is backwards. That they memorise: at equal updates, no;
# at equal *epochs* they memorise less, having moved less. A grid over batch sizes at one rate is a grid over $lr/B$,
# and mostly finds the rate. In time the larger batch is cheaper by the example, which is what it is for.

# %% [markdown]
# ## The cure in PyTorch
#
# `small` and `large` are the two batch sizes, `lr` the rate that suited the small one.
#
# ```python
# def loss_after(updates, batch_size, lr):
#     trial = copy.deepcopy(model)
#     optimizer = torch.optim.SGD(trial.parameters(), lr)
#     for _ in range(updates):
#         batch = x[torch.randint(len(x), (batch_size,))]
#         optimizer.zero_grad()
#         loss_fn(trial(batch), batch).backward()
#         optimizer.step()
#     return loss_fn(trial(x), x).item()
#
# ratio = loss_after(200, large, lr) / loss_after(200, small, lr)  # near 1: it wants updates
# lr = lr * large / small  # for gradient descent; with Adam the root of that
# ```
#
# ## The cure in Keras
#
# ```python
# def loss_after(updates, batch_size, lr):
#     trial = keras.models.clone_model(model)
#     trial.set_weights(model.get_weights())
#     trial.compile(keras.optimizers.SGD(lr), loss_fn)
#     rows = np.random.default_rng(0).integers(len(x), size=updates * batch_size)
#     trial.fit(x[rows], x[rows], batch_size=batch_size, verbose=0)
#     return trial.evaluate(x, x, verbose=0)
#
# ratio = loss_after(200, large, lr) / loss_after(200, small, lr)
# lr = lr * large / small
# ```

# %% [markdown]
# ## Exercises
#
# 1. At which $B$ is half of a batch's gradient signal?
# 2. Some scale the rate with $\sqrt B$. When is that right?
#
# ### Answers
#
# 1. Where the variance is $|g|^2$: $B = \sigma^2/|g|^2$, which the run prints, of the order of a hundred. This is the
#    gradient noise scale. Larger batches buy little. It grows as training goes on, since $g$ shrinks.
# 2. It keeps the variance of a *step*, $lr^2\sigma^2/B$, constant, and not the path in $E$ epochs. With Adam, whose
#    step has no unit and shrinks when the gradient is mostly noise, the root is the better rule.

# %%
print("A larger batch has the steadier gradient and fewer updates; the rate, changed in proportion, makes up for them.")
print("Your own network: compare both batches at an equal number of updates. If they agree, scale the rate.")
numbers = {
    "B_times_variance": {str(size): size * found / sigma2 for size, found in sampled.items()},
    "gradient_noise_scale": noise_scale,
    "floor": floor,
    "constant_excess": constant_excess,
    "excess": last | {f"small, {few_updates} updates": equal_updates},
    "memory": memory,
}
chapter.finish(figure, numbers)
