# %% [markdown]
# # Rectifiers die of data that are not centred: one step too large moves every example to the wrong side at once
#
# The loss falls for a few batches and then stands at the error of the mean picture, to the fourth digit. No learning
# rate, smaller or larger, moves it any more. The gradient of the first layer is not small, as it is when gradients
# vanish: it is 0.0. A count tells the rest: 128 of 128 hidden units are active on no example.
#
# Someone else has a deep and very narrow network that is dead before the first step, whatever the initialisation.
#
# *Failure modes: F13 · networks: width 2 and depth 10 · advice: LeakyReLU, He's weights, smaller steps*

# %% [markdown]
# ## The claim
#
# A rectified unit whose pre-activation is negative on every example has output 0 and gradient 0: it is dead, and stays
# so. There are two ways to die.
#
# **At birth.** With symmetric weights and zero biases a unit is inactive at a given point with probability 1/2. A
# layer of $n$ units loses the point with probability $2^{-n}$, and with it every later layer. Over $L - 1$ rectified
# layers
#
# $$ P(\text{dead}) = 1 - (1 - 2^{-n})^{L-1}. \qquad (1) $$
#
# For one point this is exact, for a whole data set it is an upper bound (Lu et al., *Dying ReLU and initialization*,
# 2019). The scale of the weights does not occur: He's weights cannot repair it.
#
# **In training.** A gradient step moves the pre-activation of example $m$ by
#
# $$ a_m \to a_m - \eta\, s_m, \qquad s_m = \textstyle\sum_n (x_n^\top x_m + 1)\, da_n, \qquad (2) $$
#
# exactly. Where the data are not centred, $x_n^\top x_m$ is positive and large for every pair, all $s_m$ of a unit
# have one sign, and a large $\eta$ takes all examples to the negative side *together*. On centred data the signs
# differ.
#
# Leaky units, He's weights, smaller steps: what does each repair?

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import NonFiniteError, Sequential, evaluate, fit, floors, layer_statistics
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float, uniform
from scratchdae.layers import Dense, LeakyReLU, ReLU
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("25_dead_units")
rng = np.random.default_rng([chapter.seed, 25])

NETWORKS = 2000 if chapter.quick else 10000  # drawn to count the still-born
DEEPEST, POINTS = 10, 20

N_TRAIN, HIDDEN = 1000, 128
EPOCHS = 12 if chapter.quick else 20
LR, SMALL_LR = 5.0, 0.1  # of plain gradient descent; the loss is averaged over pixels
SEEDS = [chapter.seed] if chapter.quick else [chapter.seed, chapter.seed + 1, chapter.seed + 2]

N_ROWS, COLUMNS = 1000, 10  # of the network whose layers are as wide as its data
EPOCHS_TENS = 60 if chapter.quick else 310

# %% [markdown]
# ## The run
#
# **At birth.** Ten thousand networks of each width, He's weights, all drawn at once: first at one point, then on a
# cloud of 20 points in the square $[0, 1]^2$.


# %%
def still_born(width, points):
    """Return, by number of rectified layers, the share of networks whose output is 0 at every one of the points."""
    y = np.broadcast_to(points, (NETWORKS, *points.shape))
    shares = []
    for _ in range(DEEPEST - 1):
        W = np.sqrt(2 / y.shape[2]) * rng.standard_normal((NETWORKS, y.shape[2], width))
        y = np.maximum(y @ W, 0)
        shares.append(float(np.mean(y.max(axis=(1, 2)) == 0)))
    return np.array(shares)


widths, layers = (2, 3, 5), np.arange(1, DEEPEST)
born = {width: still_born(width, rng.random((1, 2))) for width in widths}
born_on_cloud = {width: still_born(width, rng.random((POINTS, 2))) for width in widths}
bound = {width: 1 - (1 - 2.0**-width) ** layers for width in widths}
for width in widths:
    print(
        f"width {width}, depth {DEEPEST}: dead at a point {born[width][-1]:.4f}, by (1) {bound[width][-1]:.4f}; "
        f"on {POINTS} points {born_on_cloud[width][-1]:.4f}"
    )

# %% [markdown]
# **One step.** An autoencoder of the embedded digits, which a program draws: 196 – 128 rectifiers – 196. The same
# images three ways: ink is 1 on 0, ink is 0 on 1, and centred. (2) says, for each unit, from which learning rate on a
# single step kills it. The targets are the same as the inputs; their variance, and so the best constant, is the same in
# all three.

# %%
images = to_float(digits().x_train[:N_TRAIN]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
WHITE, BLACK, CENTRED = "ink on white", "ink on black", "centred"
DATA = {WHITE: 1 - images, BLACK: images, CENTRED: images - images.mean(axis=0)}
constant, pca = floors.constant(images), floors.pca(images)


def network(activation, seed):
    """Build the autoencoder with He's weights and zero biases."""
    layers = [Dense(HIDDEN, "he_normal"), activation, Dense(196, "lecun_normal")]
    return Sequential(layers, (196,), np.random.default_rng(seed))


def dead(model, x):
    """Count the hidden units whose pre-activation is positive on no example, leaky or not."""
    return int((model.forward(model.params, x, depth=1)[0].max(axis=0) <= 0).sum())


def deadly_rates(model, x):
    """Return, by (2), from which learning rate to which one step on all of x leaves each unit dead; (inf, inf) if none.

    A unit is dead after the step if a <= lr s on every example: lr >= a/s where s > 0, lr <= a/s where s < 0.
    """
    a = model.forward(model.params, x, depth=1)[0]
    output, _ = model.forward(model.params, x)
    dy = model.output_loss(output, x)[1] @ model.params["dense_2.W"].T
    s = (x @ x.T + 1) @ (dy * (a > 0))
    least = np.divide(a, s, out=np.zeros_like(a), where=s > 0).max(axis=0)
    most = np.divide(a, s, out=np.full_like(a, np.inf), where=s < 0).min(axis=0)
    possible = (least <= most) & ~((s == 0) & (a > 0)).any(axis=0)
    return np.where(possible, [least, most], np.inf)


def dead_after_a_step(model, x, lr):
    """Take the step and count."""
    grads = model.loss_and_grads(model.params, x, x)[1]
    after = network(ReLU(), 0)
    after.params = {name: value - lr * grads[name] for name, value in model.params.items()}
    return dead(after, x)


one = network(ReLU(), chapter.seed)
deadly = {name: deadly_rates(one, x) for name, x in DATA.items()}
steps = np.geomspace(0.1, 300, 12)
counted = {name: [dead_after_a_step(one, x, lr) for lr in steps] for name, x in DATA.items()}


def expected_dead(name, lr):
    """Count the units whose range of deadly rates contains this one."""
    least, most = deadly[name]
    return int(((least <= lr) & (lr <= most)).sum())


one_step = {}
for name, (least, _) in deadly.items():
    one_step[name] = {
        "dead_at_birth": int((least == 0).sum()),
        "can_be_killed": int(((least > 0) & np.isfinite(least)).sum()),
        "first_at_lr": float(least[least > 0].min()) if np.isfinite(least[least > 0]).any() else None,
        "counted": counted[name],
        "expected": [expected_dead(name, lr) for lr in steps],
        "dead_at_the_rate_of_training": dead_after_a_step(one, DATA[name], LR),
    }
    print(f"{name:<13}", ", ".join(f"{key} {value}" for key, value in one_step[name].items()))

# %% [markdown]
# **Training**, from the same first weights. One thing is changed at a time.

# %%
BROKEN, FED_CENTRED = f"white, ReLU, lr {LR:g}", f"centred, ReLU, lr {LR:g}"
SLOWER, LEAKY = f"white, ReLU, lr {SMALL_LR}", f"white, leaky 0.1, lr {LR:g}"
LEAKY_SLOWER = f"white, leaky 0.1, lr {SMALL_LR}"
RUNS = {
    BROKEN: (WHITE, ReLU(), LR),
    FED_CENTRED: (CENTRED, ReLU(), LR),
    SLOWER: (WHITE, ReLU(), SMALL_LR),
    LEAKY: (WHITE, LeakyReLU(0.1), LR),
    LEAKY_SLOWER: (WHITE, LeakyReLU(0.1), SMALL_LR),
}


def train(name, activation, lr, seed):
    """Return the losses by epoch, the dead units at the end, the norm of dW of the first layer, and what stopped it."""
    x, model, losses, stopped = DATA[name], network(activation, seed), [], None
    try:
        fit(
            model,
            x,
            epochs=EPOCHS,
            lr=lr,
            seed=seed,
            progress=False,
            backend="numpy",
            on_epoch=lambda record, _: losses.append(record["loss"]),
        )
    except NonFiniteError as error:
        stopped = str(error).split(";")[0]
    if stopped:
        return {"losses": losses, "dead": None, "gradient": None, "stopped": stopped}
    gradient = layer_statistics(model, x, x)[0].gradient
    return {"losses": losses, "dead": dead(model, x), "gradient": gradient, "stopped": None}


results = {(run, seed): train(*RUNS[run], seed) for run in RUNS for seed in SEEDS}
print(f"\nconstant {constant:.5f}, linear code of {HIDDEN}: {pca[HIDDEN]:.5f} (squared error per pixel)")
for (run, seed), row in results.items():
    if row["stopped"]:
        print(f"{run:<26} seed {seed}: {row['stopped']}")
    else:
        last = row["losses"][-1]
        print(f"{run:<26} seed {seed}: loss {last:.5f}, dead {row['dead']:3d}, |dW| of layer 1 {row['gradient']:.1e}")

# %% [markdown]
# **No unit to spare**: uniform data of 10 independent columns, four layers of 10 with a leaky rectifier after each but
# the last, Adam. (This is not Q4e, which was posted with 10-10-10-10-10 and `LeakyReLU(0.1)`: that has two of them, its
# code is linear, and it is in chapter 18.) Beside it, the same with rectifiers.


# %%
def ten_wide(activation, seed):
    """Train 10-10-10-10-10; return the losses, the dead units of each hidden layer, and the lost directions."""
    scale = "lecun_uniform(0.5773502691896258)"  # ±1/√n, a common default
    hidden = [layer for _ in range(3) for layer in (Dense(COLUMNS, scale), activation)]
    model = Sequential([*hidden, Dense(COLUMNS, scale)], (COLUMNS,), np.random.default_rng(seed))
    history = fit(
        model,
        rows,
        epochs=EPOCHS_TENS,
        lr=0.001,
        batch_size=32,
        optimizer=Adam(),
        seed=seed,
        progress=False,
        backend="numpy",
    )
    counts = []
    for k in (1, 3, 5):
        counts.append(int((model.forward(model.params, rows, depth=k)[0].max(axis=0) <= 0).sum()))
    y = model.predict(rows)
    return {
        "losses": history["loss"],
        "last": evaluate(model, rows),
        "dead": counts,
        "rank": int(np.sum(floors.eigenvalues(y) > 0.01)),
    }


rows = uniform(N_ROWS, COLUMNS, np.random.default_rng([chapter.seed, 26]))
row_floors = floors.pca(rows)
tens = {
    (name, seed): ten_wide(activation, seed)
    for name, activation in (("leaky", LeakyReLU(0.1)), ("ReLU", ReLU()))
    for seed in SEEDS
}
print()
for (name, seed), row in tens.items():
    below = np.flatnonzero(row["losses"] < 1e-5)
    row["epoch_of_1e-5"] = int(below[0]) + 1 if len(below) else None
    row["floor"] = float(row_floors[COLUMNS - max(row["dead"])])
    print(
        f"tens, {name:<5} seed {seed}: last loss {row['last']:.3g}, 1e-5 at epoch {row['epoch_of_1e-5']}, "
        f"dead {row['dead']}, floor of that {row['floor']:.4f}, directions kept {row['rank']}"
    )

# %% [markdown]
# ## The check

# %%
tolerance = 4 * np.sqrt(0.25 / NETWORKS)  # four standard deviations of a share
for width in widths:
    error = np.abs(born[width] - bound[width]).max()
    assert error < tolerance, f"width {width}: still-born at a point must follow (1), off by {error:.4f}"
    above = (born_on_cloud[width] - bound[width]).max()
    assert above < tolerance, f"width {width}: (1) must bound the still-born on a cloud, exceeded by {above:.4f}"
for name, row in one_step.items():
    error = max(abs(a - b) for a, b in zip(row["counted"], row["expected"], strict=True))
    assert error <= 1, f"{name}: (2) must predict who dies in a step, found {row['counted']}, {row['expected']}"
first = [one_step[name]["first_at_lr"] or np.inf for name in (WHITE, BLACK, CENTRED)]
assert 5 * first[0] < first[1], f"ink on white must kill at far smaller steps than ink on black, found {first}"
assert 5 * first[1] < first[2], f"ink on black must kill at far smaller steps than centred data, found {first}"
assert one_step[CENTRED]["can_be_killed"] < HIDDEN / 10, f"centred, few can be killed at all, found {one_step[CENTRED]}"
for seed in SEEDS:
    broken, repaired, slower = (results[run, seed] for run in (BROKEN, FED_CENTRED, SLOWER))
    assert broken["dead"] > 0.9 * HIDDEN, f"seed {seed}: most units must die, found {broken['dead']}"
    ratio = broken["losses"][-1] / constant
    assert abs(ratio - 1) < 0.01, f"seed {seed}: the dead must answer with the mean, found {ratio:.3f} of its loss"
    assert repaired["dead"] == 0, f"seed {seed}: centred, none must die, found {repaired['dead']}"
    ratio = (repaired["losses"][-1] - pca[HIDDEN]) / (broken["losses"][-1] - pca[HIDDEN])
    assert ratio < 0.25, f"seed {seed}: centring leaves {ratio:.2f} of the excess"
    assert slower["dead"] < HIDDEN / 2, f"seed {seed}: small steps must spare the units, dead {slower['dead']}"
    assert slower["losses"][-1] > 0.9 * constant, f"seed {seed}: but get nowhere, found {slower['losses'][-1]:.4f}"
    assert results[LEAKY, seed]["stopped"], f"seed {seed}: leaky units must diverge at that rate"
for (name, seed), row in tens.items():
    if name == "ReLU" and max(row["dead"]) > 0 and not chapter.quick:  # which stops before it is there
        ratio = row["last"] / row["floor"]
        assert abs(ratio - 1) < 0.1, f"seed {seed}: {row['dead']} dead must cost their floor, found {ratio:.3f} of it"
last_tens = {name: float(np.mean([tens[name, seed]["last"] for seed in SEEDS])) for name in ("leaky", "ReLU")}
assert last_tens["leaky"] < last_tens["ReLU"], f"leaky units must do better on average, found {last_tens}"

# %% [markdown]
# ## The figure

# %%
figure, ((birth, step), (course, tens_axis)) = plt.subplots(2, 2, figsize=(14, 11), layout="constrained")

for width, marker, color in zip(widths, "o^s", (ORANGE, BLUE, GREY), strict=True):
    birth.plot(layers, bound[width], "--", color=color, linewidth=1)
    birth.plot(layers, born[width], marker, color=color, label=f"width {width}, at one point")
    birth.plot(
        layers,
        born_on_cloud[width],
        marker,
        color=color,
        markerfacecolor="none",
        label=f"width {width}, on {POINTS} points",
    )
birth.plot([], [], "k--", linewidth=1, label="$1 - (1 - 2^{-n})^{L-1}$")
birth.set(xlabel="rectified layers, L − 1", ylabel="share of networks dead before the first step", ylim=(0, 1))
birth.set_title("Still-born: exact at one point, a bound on many;\nno scale of the weights enters")
birth.legend()

grid = np.geomspace(0.1, 300, 400)
for name, marker, color in zip(DATA, "D^o", (ORANGE, GREY, BLUE), strict=True):
    step.semilogx(grid, [expected_dead(name, lr) / HIDDEN for lr in grid], "-", color=color, linewidth=1)
    step.semilogx(steps, np.array(counted[name]) / HIDDEN, marker, color=color, markersize=7, label=name)
step.semilogx([], [], "-", color="black", linewidth=1, label="predicted by (2)")
step.axvline(LR, color="black", linestyle=":", linewidth=1)
step.text(LR * 1.1, 0.3, "used below", va="top")
step.set(xlabel="learning rate of one step on all examples", ylabel="share of hidden units dead afterwards")
step.set_title("One step kills most units where the data are not\ncentred, and hardly any where they are")
step.legend(loc="center right")

epochs = np.arange(1, EPOCHS + 1)
styles = {BROKEN: (ORANGE, "D-"), SLOWER: (GREY, "^--"), LEAKY_SLOWER: (GREY, "v:"), FED_CENTRED: (BLUE, "o-")}
for run, (color, style) in styles.items():
    row = results[run, chapter.seed]
    label = f"{run}: {row['dead']} dead"
    course.semilogy(epochs, row["losses"], style, color=color, markersize=5, label=label)
course.plot([], [], "X", color=ORANGE, label=f"{LEAKY}: not finite in epoch 1")
course.axhline(constant, color="black", linestyle="--", linewidth=1)
course.text(EPOCHS, constant * 0.94, "best constant", ha="right", va="top")
course.set(xlabel="epoch", ylabel="squared error per pixel, training digits")
course.set_title(
    f"Small steps spare the units and still crawl, leaky units\ndiverge; centring alone repairs (of {HIDDEN} units)"
)
course.legend()

epochs = np.arange(1, EPOCHS_TENS + 1)
for (name, seed), row in tens.items():
    color, style = (BLUE, "-") if name == "leaky" else (ORANGE, "--")
    label = f"{name}, seed {seed}: {row['rank']} directions kept"
    tens_axis.semilogy(epochs, row["losses"], style, color=color, linewidth=1 + seed - chapter.seed, label=label)
for k in range(COLUMNS - 4, COLUMNS):
    tens_axis.axhline(row_floors[k], color="black", linestyle=":", linewidth=0.8)
tens_axis.text(1, row_floors[COLUMNS - 1] * 0.9, "floors with 1, 2, 3, 4 directions lost", va="top")
tens_axis.set(xlabel="epoch", ylabel="squared error per number, training data")
tens_axis.set_title(
    "10-10-10-10-10: each lost direction costs a tenth of the\nvariance; leaky units lose fewer, and not always none"
)
tens_axis.set_ylim(1e-10, 1)  # room for the legend
tens_axis.legend(loc="lower left", fontsize=9)
for ax in (birth, step, course, tens_axis):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **At birth.** Given a point and the outputs of the layer below, not all zero, the $n$ pre-activations are independent
# and symmetric: all are negative with probability $2^{-n}$. If they are, every later output is a function of the zero
# vector. A network lives at the point with probability $(1 - 2^{-n})^{L-1}$. To be dead it must be dead at every point
# of the data, hence the bound. A factor on the weights changes no sign: He, Glorot, $N(0, 1)$, all give (1).
#
# **In training.** $W \to W - \eta \sum_n x_n\, da_n$ and $b \to b - \eta \sum_n da_n$, put into $a_m = x_m^\top W +
# b$, give (2). Images that are nearly one point have nearly the same output and the same error, so for one unit all
# $da_n$ tend to have one sign. The factors $x_n^\top x_m + 1$ are all positive and large. So $s_m$ has one sign for
# all $m$, and a unit for which it is positive is pushed down as a block. (2) says who dies at which rate, and the
# counts agree one by one. With ink on white 30 of 128 units are dead before any step, because all images point the
# same way and are one point to them; from a learning rate of 0.25 others follow, 96 are dead at 5. With ink on black
# the first dies at 9.6, on centred data at 224.
#
# **What tells it from its neighbours.** Vanishing gradients are small; here the first layer's is 0.0 (seed 0; with
# seeds 1 and 2 two units and one are left). A plateau from small weights gives way to Adam or to patience, this one to
# nothing. And `scratchdae.models.statistics` counts the units active on no example.
#
# **The truth about the advice.** *Smaller steps*: at 0.1 hardly a unit dies after birth, but 20 epochs only reach the
# constant, 0.0485: the data are as badly conditioned as before. *Leaky units*: at the same rate the network diverges
# in the first epoch. The dead rectifiers had at least kept it finite: their dying was the symptom. *He's weights*:
# were there from the start. *Centred data*: one subtraction, same rate, same rectifiers, no dead unit, 0.0065.
#
# **No unit to spare.** After 310 epochs, 9,920 steps, one of the three leaky networks is below $10^{-5}$, since epoch
# 201; the other two are at 0.0074 and 0.0148, one and two tenths of the variance: as many directions of the data do not
# get through. They are not lost for good. That is a saddle, and leaky units leave it: three other runs of this network,
# with batches of 128, were below $10^{-5}$ after 10,000 to 28,000 steps. Dead rectifiers do not come back: 1, 4 and 3
# of them in one layer leave at most 9, 6 and 7 directions, and the losses 0.0072, 0.0311 and 0.0229 lie within 3 % of
# the best that so many principal components allow: 0.0071, 0.0304, 0.0224. So the leaky unit helps here because width
# and data are equal, and not one direction can be spared. That is not general advice.

# %% [markdown]
# ## Exercises
#
# 1. *How wide must a network of depth 10 be, so that fewer than 1 in 100 are dead at a point?*
#
#    $9 \cdot 2^{-n} < 0.01$: $n = 10$. Real networks do not die at birth.
#
# 2. *Biases begin at $+0.1$. Does it help?*
#
#    At birth: a unit is now inactive with a probability below 1/2, and with a zero input it is active; a dead layer no
#    longer takes all later ones with it. In a step: it adds 0.1 to $a_m$, against $\eta s_m$.
#
# 3. *Can a dead unit come back?*
#
#    Its own weights have gradient 0. But its inputs can change, if layers below still learn, or the data do: feed the
#    dead network centred images, and all 128 units are active again.
#
# 4. *The leaky network at rate 0.1 has 36 units positive on no example. Are they dead?*
#
#    No: their slope is 0.1, they learn, ten times more slowly. They are linear on these data, though, and a layer of
#    them adds nothing to the next.

# %%
chapter.finish(
    figure,
    {
        "still_born_at_a_point": {str(width): {"measured": born[width], "expected": bound[width]} for width in widths},
        "still_born_on_a_cloud": {str(width): born_on_cloud[width] for width in widths},
        "one_step": {"lr": steps, **one_step},
        "constant": constant,
        "runs": [
            {"run": run, "seed": seed, "last": row["losses"][-1] if row["losses"] else None}
            | {key: row[key] for key in ("dead", "gradient", "stopped")}
            for (run, seed), row in results.items()
        ],
        "ten_wide": [
            {"units": name, "seed": seed} | {key: value for key, value in row.items() if key != "losses"}
            for (name, seed), row in tens.items()
        ],
    },
)
