# %% [markdown]
# # The number that training reports is not the error that you want
#
# The loss looks excellent and the pictures are poor. Or the other way round: the loss stands at a value that nothing
# will move, and the pictures are fine. Or the validation loss changes from one evaluation to the next, and the weights
# did not. Or a few absurd readings in the data, and every reconstruction leans towards them.
#
# In each case gradient descent did what it was told. It was told to minimise something that is not the distance of the
# reconstruction from the clean data. This chapter takes four such objectives, each with a closed form for the distance
# between what is reported and what is meant, and measures both on the same weights.
#
# *Failure modes: F24 · networks: Q2c · advice: L2 against overfitting, MAE against outliers*

# %% [markdown]
# ## The claim
#
# 1. **A noisy target.** If the target carries independent noise of variance $s^2$, the reported loss is $s^2$ too high
#    and the network is as good as ever. If it is the *input's own* noise, because the noisy array was passed as its own
#    target, the reported loss goes to 0 and the clean error to $s^2$: the network copies noise.
# 2. **Too much L2.** An answer to the question why a convolutional autoencoder fails to train shows this network:
#    Conv64, Conv32, pool, ConvT32, up, Conv64, Conv1, sigmoid, on 28×28 images, with an L2 penalty of 0.001 on every
#    kernel but the last, Adam at 1e-4 and a batch of 128 (Q2c). Its reported loss is mostly penalty, and its error is
#    worse than without.
# 3. **Corruption left on** when the network is evaluated: a dropout or noise layer still in training mode.
# 4. **Outliers**: with the squared error, a few per cent of absurd targets pull every reconstruction towards them.
#    The same answer says that the absolute error may be more robust.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, fit, floors, posted, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, redundant_columns, to_float
from scratchdae.layers import Dense, GaussianNoise
from scratchdae.losses import l2_penalty
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.schedules import Cosine

chapter = Chapter.begin("15_wrong_objective")

D, K = 16, 4  # columns, and what they are mixed from
N_TRAIN, N_TEST = 4000, 4000
EPOCHS = 20 if chapter.quick else 30
LR = 0.05
SEEDS = [chapter.seed + k for k in range(1 if chapter.quick else 3)]
NOISES = (0.05, 0.15) if chapter.quick else (0.05, 0.1, 0.15, 0.2)  # standard deviations
S = 0.15  # that of the measurements below
L2S = (0.0, 0.001, 0.004) if chapter.quick else (0.0, 0.0003, 0.001, 0.002, 0.004, 0.008)
STRONG = 0.004
OUTLIERS = (0.05,) if chapter.quick else (0.0, 0.02, 0.05, 0.1)  # fractions of the target's entries
FRACTION, OUTLIER = 0.05, 5.0  # of the measurements below; and what an outlier reads, on data from 0 to 1
Q2C_EPOCHS, Q2C_BATCH, Q2C_L2, Q2C_LR = (18, 128, 0.001, 1e-4) if chapter.full else (6, 4, 0.001, 1e-4)
Q2C_N = 4000 if chapter.full else 400

# %% [markdown]
# ## The run
#
# Sixteen columns that are mixtures of four, plus a little of their own, so that all is known of them: their covariance,
# their linear codes, their best linear denoiser. The networks are linear and small; what goes wrong here does not need
# a large one.

# %%
rng = np.random.default_rng([chapter.seed, 1])
x, _ = redundant_columns(N_TRAIN + N_TEST, D, K, rng, noise=0.1)
x_train, x_test = x[:N_TRAIN], x[N_TRAIN:]
eigenvalues = floors.eigenvalues(x_test)
linear_code = floors.pca(x_test)[K]


def mean_square(error):
    """Return the mean of the squares."""
    return float(np.mean(error * error))


def train(layers, seed, inputs, target=None, *, loss="squared_error", l2=0.0):
    """Train with Adam and a falling learning rate; return the network and the loss that training reported last."""
    network = Sequential(layers, (D,), streams(seed).initialisation, loss=loss)
    history = fit(
        network,
        inputs,
        target,
        epochs=EPOCHS,
        lr=Cosine(LR, 0.0, EPOCHS),
        batch_size=50,
        optimizer=Adam(),
        l2=l2,
        seed=seed,
        backend="numpy",
        progress=False,
    )
    return network, float(history["loss"][-1])


def noisy(clean, s, stream):
    """Return a noisy copy; another stream, another noise."""
    return clean + s * np.random.default_rng([chapter.seed, stream]).standard_normal(clean.shape)


# %% [markdown]
# ### 1. A noisy target
#
# The input is the clean data plus noise in all three. What differs is the target, and it is one argument of `fit`.


# %%
def own_noise_as_target(s, seed):
    """Broken: the noisy array is passed alone, and so is its own target."""
    return train([Dense(D)], seed, noisy(x_train, s, 2))


def independent_noise_as_target(s, seed):
    """Suspected: the target is a second noisy measurement of the same thing."""
    return train([Dense(D)], seed, noisy(x_train, s, 2), noisy(x_train, s, 3))


def clean_target(s, seed):
    """Repaired: the target is the clean data."""
    return train([Dense(D)], seed, noisy(x_train, s, 2), x_train)


def reported_and_clean(variant, s, seed):
    """Return the loss that training reported, and the error of denoising held-out data."""
    network, reported = variant(s, seed)
    return reported, mean_square(network.predict(noisy(x_test, s, 4)) - x_test)


TARGETS = {
    "its own noise": own_noise_as_target,
    "independent noise": independent_noise_as_target,
    "clean": clean_target,
}
targets = {
    name: {s: [reported_and_clean(variant, s, seed) for seed in (SEEDS if s == S else SEEDS[:1])] for s in NOISES}
    for name, variant in TARGETS.items()
}
wiener = {s: floors.wiener(eigenvalues, s) for s in NOISES}
print(f"noise {S}: variance {S**2:.5f}, best linear denoiser {wiener[S]:.5f}")
for name, by_noise in targets.items():
    for reported, clean in by_noise[S]:
        print(f"  target {name:<18} reported {reported:.5f}  clean error {clean:.5f}")

# %% [markdown]
# ### 2. Too much L2
#
# First a linear autoencoder with a code of K units, for which the penalised minimum is known, then Q2c, on the embedded
# digits, which a program draws. (Its last kernel is penalised too, here: a sixtieth of the first penalty.)


# %%
def autoencoder_with(l2, seed):
    """Return data error, penalty and the network of a linear autoencoder; broken where `l2` is large."""
    network, data_loss = train([Dense(K), Dense(D)], seed, x_train, l2=l2)
    return mean_square(network.predict(x_test) - x_test), float(l2_penalty(network.params, l2)[0]), data_loss


def shrunk(l2):
    """Return the closed forms of data error and penalty: each component is shrunk by D · l2, or given up."""
    trained_on = floors.eigenvalues(x_train)
    kept = np.clip(1 - D * l2 / trained_on[:K], 0, None)
    return float((trained_on[:K] * (1 - kept) ** 2).sum() + trained_on[K:].sum()) / D, 2 * l2 * float(kept.sum())


penalised = {l2: [autoencoder_with(l2, seed) for seed in (SEEDS if l2 in (0, STRONG) else SEEDS[:1])] for l2 in L2S}
for l2, results in penalised.items():
    error, penalty, _ = results[0]
    print(
        f"l2 {l2:<7} data error {error:.5f}, penalty {penalty:.5f};"
        f" closed forms {shrunk(l2)[0]:.5f}, {shrunk(l2)[1]:.5f}"
    )


def pictures(x):
    """Return grey levels in [0, 1] as images of one channel."""
    return to_float(x, np.float32).reshape(-1, 28, 28, 1)


data = digits()
q2c = {}
network = posted.NETWORKS["q2c"].model(chapter.seed, np.float32)
channels = ((1, 64), (64, 32), (32, 32), (32, 64), (64, 1))
first_penalty = {
    "measured": float(l2_penalty(network.params, Q2C_L2)[0]),
    "expected": Q2C_L2 * sum(2 * c * f / (c + f) for c, f in channels),
}
if not chapter.quick:
    images, held_out = pictures(data.x_train[:Q2C_N]), pictures(data.x_test[:200])
    for l2 in (Q2C_L2, 0.0):
        network = posted.NETWORKS["q2c"].model(chapter.seed, np.float32)
        options = {"epochs": Q2C_EPOCHS, "lr": Q2C_LR, "batch_size": Q2C_BATCH, "optimizer": Adam.of("keras")}
        history = fit(network, images, l2=l2, seed=chapter.seed, progress=False, **options)
        error = mean_square(network.predict(held_out).astype(np.float64) - held_out)
        q2c[l2] = {"error": error, "loss": float(history["loss"][-1]), "penalty": float(history["penalty"][-1])}
        print(f"Q2c, l2 {l2:<6} held-out error {error:.5f}, reported {q2c[l2]['loss'] + q2c[l2]['penalty']:.5f}")
print(f"first penalty of Q2c {first_penalty['measured']:.4f}, expected {first_penalty['expected']:.4f}")

# %% [markdown]
# ### 3. Corruption left on
#
# A denoiser that has its noise in a layer. The broken evaluation passes a generator to `forward`, which is what
# training mode is here; in other libraries it is a forgotten switch.


# %%
def still_in_training_mode(network, stream):
    """Broken: the noise layer acts while the network is evaluated."""
    output, _ = network.forward(network.params, x_test, np.random.default_rng([chapter.seed, stream]))
    return mean_square(output - x_test)


def evaluated(network):
    """Repaired: `predict` has no noise."""
    return mean_square(network.predict(x_test) - x_test)


left_on = []
for seed in SEEDS:
    network, _ = train([GaussianNoise(S), Dense(D)], seed, x_train)
    again = [still_in_training_mode(network, stream) for stream in range(10, 18)]
    left_on.append({"on": again, "off": [evaluated(network), evaluated(network)]})
gain = eigenvalues / (eigenvalues + S**2)
expected_on = floors.wiener(eigenvalues, S)
expected_off = float((eigenvalues * (1 - gain) ** 2).mean())
print(f"noise left on, expected {expected_on:.5f}; off, expected {expected_off:.5f}")
for row in left_on:
    print("  left on", *(f"{error:.5f}" for error in row["on"][:3]), " off", *(f"{error:.5f}" for error in row["off"]))

# %% [markdown]
# ### 4. Outliers
#
# A fraction of the entries of the *target* reads 5, on data between 0 and 1: a sensor's error code. A linear
# autoencoder of K units is trained on it, and its error measured on clean data.


# %%
def with_outliers(fraction):
    """Return the training data with a fraction of its entries replaced."""
    hit = np.random.default_rng([chapter.seed, 7]).random(x_train.shape) < fraction
    return np.where(hit, OUTLIER, x_train)


def reported_and_clean_error(loss, fraction, seed):
    """Return reported loss and clean squared error, trained on targets with outliers; broken with the squared error."""
    network, reported = train([Dense(K), Dense(D)], seed, x_train, with_outliers(fraction), loss=loss)
    return reported, mean_square(network.predict(x_test) - x_test)


LOSSES = {"squared_error": "squared error", "huber": "Huber, δ = 1", "absolute_error": "absolute error"}
outliers = {
    loss: {
        e: [reported_and_clean_error(loss, e, seed) for seed in (SEEDS if e == FRACTION else SEEDS[:1])]
        for e in OUTLIERS
    }
    for loss in LOSSES
}
distance = mean_square(OUTLIER - x_test) - linear_code  # from an outlier to what the best code says


def pulled(e, loss):
    """Return the closed form of the clean error: the code's own, and the square of the pull."""
    if loss == "squared_error":
        return linear_code + e**2 * distance
    return linear_code + (e / (1 - e)) ** 2 if loss == "huber" else linear_code


hit = float((with_outliers(FRACTION) == OUTLIER).mean())  # the fraction that was drawn
for loss, name in LOSSES.items():
    found = [f"{clean:.5f}" for _, clean in outliers[loss][FRACTION]]
    print(f"{name:<16} clean error", *found, f" expected {pulled(hit, loss):.5f}")

# %% [markdown]
# ## The check

# %%
for name, reported_expected, clean_expected in (
    ("its own noise", 0.0, S**2),
    ("independent noise", wiener[S] + S**2, wiener[S]),
    ("clean", wiener[S], wiener[S]),
):
    for reported, clean in targets[name][S]:
        off = abs(reported - reported_expected) / S**2
        assert off < 0.03, f"target {name}: reported {reported:.5f}, expected {reported_expected:.5f}"
        ratio = clean / clean_expected
        assert 0.95 < ratio < 1.06, f"target {name}: clean error {ratio:.3f} of the closed form"
for (_, broken), (_, repaired) in zip(targets["its own noise"][S], targets["clean"][S], strict=True):
    assert broken > 1.5 * wiener[S], f"its own noise: must be far above the Wiener floor, found {broken:.5f}"
    excess = (repaired - wiener[S]) / (broken - wiener[S])
    assert excess < 0.05, f"clean target: {excess:.3f} of the excess is left"

for l2, results in penalised.items():
    for error, penalty, _ in results:
        ratio = error / shrunk(l2)[0]
        assert 0.94 < ratio < 1.15, f"l2 = {l2}: data error {ratio:.3f} of the closed form"
        off = abs(penalty / shrunk(l2)[1] - 1) if l2 else penalty
        assert off < 0.03, f"l2 = {l2}: penalty {penalty:.5f}, closed form {shrunk(l2)[1]:.5f}"
ratio = penalised[STRONG][0][0] / penalised[0.0][0][0]
assert ratio > 10, f"a penalty of {STRONG} must ruin the data error, found {ratio:.2f} times"
ratio = first_penalty["measured"] / first_penalty["expected"]
assert abs(ratio - 1) < 0.03, f"first penalty of Q2c: {ratio:.3f} of the closed form"
if q2c:
    share = q2c[Q2C_L2]["penalty"] / (q2c[Q2C_L2]["loss"] + q2c[Q2C_L2]["penalty"])
    worse = q2c[Q2C_L2]["error"] / q2c[0.0]["error"]
    assert share > 0.8, f"Q2c: most of the reported loss must be penalty, found {share:.0%}"
    assert worse > 1.3, f"Q2c: the penalty must cost data error, found {worse:.3f} times"

for row in left_on:
    assert len(set(row["on"])) == len(row["on"]), f"noise left on: no two evaluations may agree, found {row['on']}"
    assert len(set(row["off"])) == 1, f"noise off: two evaluations must agree to the bit, found {row['off']}"
    on_ratio, off_ratio = np.mean(row["on"]) / expected_on, row["off"][0] / expected_off
    assert 0.97 < on_ratio < 1.06, f"noise left on: {on_ratio:.3f} of the closed form"
    assert 0.9 < off_ratio < 1.1, f"noise off: {off_ratio:.3f} of the closed form"
    assert min(row["on"]) > 1.5 * row["off"][0], f"noise left on must report far more, found {row}"

for loss in LOSSES:
    for _, clean in outliers[loss][FRACTION]:
        ratio = clean / pulled(hit, loss)
        assert 0.95 < ratio < 1.15, f"{loss}, outliers: clean error {ratio:.3f} of the closed form"
for (_, broken), (_, repaired) in zip(
    outliers["squared_error"][FRACTION], outliers["absolute_error"][FRACTION], strict=True
):
    assert broken > 10 * linear_code, f"outliers: the squared error must be ruined, found {broken:.5f}"
    excess = (repaired - linear_code) / (broken - linear_code)
    assert excess < 0.01, f"outliers: the absolute error leaves {excess:.4f} of the excess"

# %% [markdown]
# ## The figure

# %%
figure, axes = plt.subplots(2, 3, figsize=(17.5, 10.5), layout="constrained")
(noise, weights, q2c_bars), (again, pull, summary) = axes

fine = np.linspace(0.0, max(NOISES) * 1.05, 100)
wiener_line = np.array([floors.wiener(eigenvalues, s) for s in fine])
noise.plot(fine**2, fine**2, "-", color=ORANGE, linewidth=1.5)
noise.plot(fine**2, wiener_line + fine**2, "--", color=GREY, linewidth=1.5)
noise.plot(fine**2, wiener_line, "-", color=BLUE, linewidth=1.5)
for name, color, marker in (
    ("its own noise", ORANGE, "X"),
    ("independent noise", GREY, "D"),
    ("clean", BLUE, "o"),
):
    for k, which in enumerate(("reported", "clean error")):
        style = {"markerfacecolor": "white" if k == 0 else color, "markeredgecolor": color, "markersize": 9}
        values = [targets[name][s][0][k] for s in NOISES]
        noise.plot(np.square(NOISES), values, marker, linestyle="", label=f"target {name}: {which}", **style)
noise.set(xlabel="variance s² of the noise", ylabel="mean squared error")
noise.set_title(
    "A target with its own noise: reported 0, true s².\nWith independent noise: reported s² too much, true fine"
)

fine = np.linspace(0, max(L2S) * 1.05, 200)
weights.plot(fine, [shrunk(l2)[0] for l2 in fine], "-", color=ORANGE, label="data error, closed form")
weights.plot(fine, [shrunk(l2)[1] for l2 in fine], "--", color=GREY, label="penalty, closed form")
weights.plot(L2S, [penalised[l2][0][0] for l2 in L2S], "X", color=ORANGE, markersize=9, label="data error, trained")
weights.plot(L2S, [penalised[l2][0][1] for l2 in L2S], "D", color=GREY, markersize=7, label="penalty, trained")
weights.axhline(linear_code, color="black", linestyle=":", linewidth=1)
weights.text(max(L2S), linear_code, f"best code of {K} units", ha="right", va="bottom")
weights.set(xlabel="L2 coefficient", ylabel="mean squared error, or penalty")
weights.set_title(
    "A linear autoencoder under L2: components are shrunk,\nthen given up, and the reported loss does not say so"
)

for row, result in enumerate(q2c.values()):
    q2c_bars.barh(row, result["loss"], color=BLUE, label="data part, training" if row == 0 else None)
    hatch = {"hatch": "//", "edgecolor": "white", "label": "penalty" if row == 0 else None}
    q2c_bars.barh(row, result["penalty"], left=result["loss"], color=ORANGE, **hatch)
    total = result["loss"] + result["penalty"]
    q2c_bars.text(total + 0.002, row, f"held-out error\n{result['error']:.4f}", va="center")
q2c_bars.axvline(first_penalty["expected"], color="black", linestyle=":", linewidth=1)
q2c_bars.text(first_penalty["expected"], 1.47, "penalty of the first\nweights, closed form ", ha="right", va="top")
q2c_bars.set_yticks(range(2), [f"Q2c,\nL2 {Q2C_L2}", "the same,\nwithout L2"])
q2c_bars.set(xlabel="reported loss at the end of training", xlim=(0, 0.14), ylim=(-0.6, 1.6))
q2c_bars.set_title(
    f"Q2c: {share:.0%} of its loss is penalty, and the\nheld-out error is {worse:.1f} times that without"
    if q2c
    else "Q2c is left out of --quick"
)

row = left_on[0]
again.plot(range(1, 9), row["on"], "X", color=ORANGE, markersize=9, label="noise left on")
again.plot(range(1, 9), [row["off"][0]] * 8, "o", color=BLUE, markersize=8, label="noise off")
again.axhline(expected_on, color=ORANGE, linestyle="--", label="left on, closed form")
again.axhline(expected_off, color=BLUE, label="off, closed form")
again.set(
    xlabel="evaluation of the same weights", ylabel="mean squared error, held out", ylim=(0, 1.3 * max(row["on"]))
)
again.set_title("Corruption left on: more than it should be, and never\nthe same twice")

fine = np.linspace(0, max(OUTLIERS) * 1.05, 100)
for loss, color, style, marker in (
    ("squared_error", ORANGE, "-", "X"),
    ("huber", GREY, "--", "D"),
    ("absolute_error", BLUE, ":", "o"),
):
    pull.semilogy(fine, [pulled(e, loss) for e in fine], style, color=color, label=f"{LOSSES[loss]}, closed form")
    values = [outliers[loss][e][0][1] for e in OUTLIERS]
    pull.semilogy(OUTLIERS, values, marker, color=color, markersize=9, label=f"{LOSSES[loss]}, trained")
pull.set(
    xlabel=f"fraction of target entries that read {OUTLIER:g}",
    ylabel="mean squared error on clean data",
    ylim=(4e-4, 8),
)
pull.set_title(
    "Outliers pull the squared error's minimum by ε(5 − x),\nHuber's by ε/(1 − ε), the absolute error's not at all"
)

rows = {
    "its own noise as target": targets["its own noise"][S][0],
    "independent noise as target": targets["independent noise"][S][0],
    f"L2 of {STRONG}": (penalised[STRONG][0][2] + penalised[STRONG][0][1], penalised[STRONG][0][0]),
    "noise left on": (row["on"][0], row["off"][0]),
    "outliers, squared error": outliers["squared_error"][FRACTION][0],
    "clean target, no L2, noise off": targets["clean"][S][0],
}
for k, (name, (reported, clean)) in enumerate(rows.items()):
    color, marker = (BLUE, "o") if name.startswith("clean") else (ORANGE, "X")
    ratio = max(reported / clean, 0.02)
    summary.semilogx([1, ratio], [k, k], color=color, linewidth=1)
    summary.semilogx(ratio, k, "<" if ratio == 0.02 else marker, color=color, markersize=10)
    if ratio == 0.02:
        summary.text(0.025, k + 0.12, "reported as good as 0", va="top")
summary.axvline(1, color="black", linewidth=1)
summary.set_yticks(range(len(rows)), list(rows))
summary.invert_yaxis()
summary.set(xlabel="reported loss / clean error on held-out data", xlim=(0.015, 60))
summary.set_title("What is reported, as a multiple of what is meant:\nan honest objective stands at 1")
for ax in (noise, weights, again, pull, summary):
    ax.grid(alpha=0.3)
for ax in (noise, weights, again, pull):
    ax.legend(fontsize=9, loc="upper right" if ax is again else "upper left")
if q2c:
    q2c_bars.legend(loc="lower right", fontsize=9)

# %% [markdown]
# ## The cause
#
# **The squared error is minimised by the conditional mean of the target**, whatever the target is. With $t = x + e$,
# and $e$ independent of the input, $E[t \mid \tilde x] = E[x \mid \tilde x]$: the minimiser has not changed, and $E(z -
# t)^2 = E(z - x)^2 + s^2$, because the mixed term has mean 0. Several noisy measurements of one thing are all that is
# needed to learn to denoise. But if $t = \tilde x$, then $E[t \mid \tilde x] = \tilde x$: the minimiser is the
# identity, the reported loss 0, the clean error $s^2$. Of the noise only the part that the *input does not know* is
# averaged away.
#
# **L2 on two layers shrinks each component.** Along an eigenvector with eigenvalue $\lambda$ the two layers multiply to
# a gain $p = vw$, which costs $\frac1D \lambda (1 - p)^2$ in data and at least $\min_{vw = p} l_2 (v^2 + w^2) = 2 l_2
# p$ in penalty. The minimum is at
#
# $$
# p = \max(0,\; 1 - D\, l_2 / \lambda), \qquad
# \text{data error } \frac1D \Bigl[\,\sum_{i \le K} \min(\lambda_i,\; (D\, l_2)^2 / \lambda_i)
#    + \sum_{i > K} \lambda_i\Bigr].
# $$
#
# The second sum is what a code of $K$ units leaves in any case. A component with $\lambda < D\, l_2$ is given up
# altogether. The penalty counts once, the mean squared error is divided by $D$: the same coefficient is sixteen times
# as strong for sixteen columns with the mean as with the sum.
#
# **Q2c.** Glorot's uniform weights of a kernel with $C$ inputs and $F$ filters have $\sum W^2 = 2CF/(C + F)$ on
# average, whatever the kernel's size, so the penalty begins at $0.001 \cdot 121 = 0.121$, which is more than all the
# digits' mean square. At the end of this run it is 92 % of what is reported. The held-out error is 0.0043; without the
# penalty it is 0.0024. The posted batch of 128 is one of 4 here, which gives 600 steps for the time of 20; `--full`
# runs the posted one.
#
# **Noise left on** adds the variance that passes the network: with the gain $g = \lambda / (\lambda + s^2)$ the error
# is $\lambda (1 - g)^2 + s^2 g^2$ with the noise and $\lambda (1 - g)^2$ without. Which of the two is right depends on
# the question. Asked how well it denoises, corrupted inputs are the right test; they should then be corrupted once, and
# the same for everybody. Asked for the reconstruction of what is there, or for features, they are not.
#
# **Outliers.** With probability $\varepsilon$ the target is $c$. The squared error wants $(1 - \varepsilon)x +
# \varepsilon c$, Huber $x + \delta\varepsilon/(1 - \varepsilon)$ as long as the pull stays below $\delta$, the absolute
# error the median, which is $x$ for every $\varepsilon < \frac12$. The advice is right *for outliers in the target*. It
# is no cure for anything else: on pictures that are mostly black the median of a pixel is black, and the absolute error
# makes the saturation of chapter 13 no better. Nor can losses of different kinds be compared by value.

# %% [markdown]
# ## Exercises
#
# 1. *Your validation loss is 0.0027 above the error that you measure by hand on clean data, and training uses targets
#    from a sensor. What is the sensor's noise, and what do you change?*
#
#    $s^2 = 0.0027$, so $s \approx 0.052$. Nothing has to be changed, if the noise is independent of the input's:
#    subtract $s^2$ from what is reported. If it is the same noise, the two would differ the other way.
#
# 2. *At which coefficient does the linear autoencoder give up its weakest component, and what is the data error there?*
#
#    At $l_2 = \lambda_K / D$. There $(D\, l_2)^2/\lambda_K = \lambda_K$: the two branches of the minimum meet, so that
#    from there on the weakest component is lost as those beyond $K$ are, and the error has no jump, only a kink. The
#    figure shows one for each component.
#
# 3. *What does the absolute error cost where there are no outliers, but normal noise in the target?*
#
#    It estimates a median, whose variance is $\pi/2$ times that of the mean for normal noise: 57 % more data for the
#    same accuracy. Huber's loss costs a few per cent, and is pulled by $\delta\varepsilon/(1 - \varepsilon)$; choose
#    $\delta$ a little above the size of ordinary errors, not 1 because the data end there.
#
# 4. *Half of the target's entries and more are absurd, and always the same value. Which loss still works?*
#
#    None of the three: the median is absurd too. Leave those entries out of the loss, by a mask. That is another
#    objective, and the right one.

# %%
chapter.finish(
    figure,
    {
        "wiener": wiener,
        "noisy_target": {name: {str(s): v for s, v in by_noise.items()} for name, by_noise in targets.items()},
        "best_code": linear_code,
        "l2": {str(l2): {"found": v, "closed_form": shrunk(l2)} for l2, v in penalised.items()},
        "q2c_first_penalty": first_penalty,
        "q2c": {str(l2): result for l2, result in q2c.items()},
        "noise_left_on": {"found": left_on, "expected_on": expected_on, "expected_off": expected_off},
        "outliers": {
            "found": {loss: {str(e): v for e, v in by_fraction.items()} for loss, by_fraction in outliers.items()},
            "closed_form": {loss: {str(e): pulled(e, loss) for e in OUTLIERS} for loss in LOSSES},
            "fraction_drawn": hit,
        },
    },
)
