# %% [markdown]
# # Pretraining pays more with depth, and not because it fits better: at an equal training loss it errs less
#
# One hidden layer gives 37 % errors. You add a second, a third, a fourth: 37 %, 37 %, 40 %. Depth does nothing for
# you. Given time, the training loss goes to 0 with any number of layers, so nothing
# is wrong with the optimisation. You remember that the first deep networks were pretrained, and that some of them were
# shown noise.
#
# *Failure modes: F11, F18 · advice: pretrain each layer; add layers*

# %% [markdown]
# ## The claim
#
# Vincent et al. (JMLR 2010) compare networks of one to three hidden layers whose first weights are random (MLP), come
# from ordinary autoencoders (SAA, the paper's $\nu = 0$) or from denoising ones (SdA): pretraining helps, denoising
# helps more. Erhan et al. (JMLR 2010) add, for up to five layers, that random first weights
# get *worse* with depth, while pretrained ones do not; and that pretraining acts as a regulariser: at an equal training
# cost the pretrained network has the lower test cost. On trial:
#
# 1. at every depth SdA < SAA < MLP in test error;
# 2. the advantage of pretraining grows from one layer to several;
# 3. random first weights gain nothing from depth, pretrained ones do;
# 4. it is not optimisation: the MLP fits its training set as well, and at an equal training loss it is worse.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import LayerSpec, classification_error, finetune, pretrain
from scratchdae.activations import sigmoid
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, draw_digits, rotate, to_float
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("30_depth")

SEEDS = [chapter.seed] if chapter.quick else [chapter.seed, chapter.seed + 1, chapter.seed + 2]
DEPTHS = (1, 3) if chapter.quick else (1, 2, 3, 4)
UNITS = 100 if chapter.quick else 200
UNLABELLED, LABELLED = (1500, 300) if chapter.quick else (3000, 500)
VALIDATION, TEST = 500, 2000 if chapter.quick else 5000
PRETRAINING, FINETUNING = (15, 30) if chapter.quick else (20, 50)  # epochs
PRETRAINING_LR, FINETUNING_LR = 0.3, 1.0
MLP, SAA, SDA = "MLP: random first weights", "SAA: pretrained, ν = 0", "SdA: pretrained, ν = 0.4"
SPECS = {
    MLP: LayerSpec(UNITS, epochs=0),
    SAA: LayerSpec(UNITS, nu=0.0, lr=PRETRAINING_LR, epochs=PRETRAINING),
    SDA: LayerSpec(UNITS, nu=0.4, lr=PRETRAINING_LR, epochs=PRETRAINING),
}

# %% [markdown]
# ## The run
#
# Rotated digits (the embedded ones, which a program draws) with few labels, as in chapter 29. Greedy training makes the
# comparison cheap and exact: the layers of a stack of two are the first two of the stack of four. For a seed all three
# methods begin with the same weights, and fine-tuning is the same for all: same rate, same epochs, same order, early
# stopping on the same validation digits.


# %%
def pictures(x, rng):
    """Return rotated digits, averaged over blocks of 2×2 pixels, grey levels in [0, 1]."""
    x = rotate(x.reshape(-1, 28, 28), rng.uniform(0, 2 * np.pi, len(x)))
    return to_float(x, np.float32, side=14)


def task(seed):
    """Return unlabelled and labelled training, validation and test digits of a seed, each rotated by its own angle."""
    rng, data = np.random.default_rng([seed, 30]), digits()
    x = pictures(data.x_train[:UNLABELLED], rng)
    valid = pictures(data.x_test[:VALIDATION], rng), data.t_test[:VALIDATION]
    drawn, t_drawn = draw_digits(TEST, rng)
    return x, (x[:LABELLED], data.t_train[:LABELLED]), valid, (pictures(drawn, rng), t_drawn)


def fine_tune(layers, labelled, valid, seed, epochs=FINETUNING, lr=FINETUNING_LR):
    """Train a stack with labels, for all of the epochs; keep the weights of the lowest validation error."""
    options = {"classes": 10, "epochs": epochs, "lr": lr, "validation": valid, "patience": epochs, "seed": seed}
    return finetune(layers, *labelled, **options, progress=False)


error, history, stacks = {}, {}, {}
for seed in SEEDS:
    x, labelled, valid, test = task(seed)
    for method, spec in SPECS.items():
        layers, _ = pretrain(x, [spec] * DEPTHS[-1], seed=seed, progress=False)
        if seed == chapter.seed:
            stacks[method], looked_at = layers, x[:500]
        for depth in DEPTHS:
            key = method, depth, seed
            network, history[key] = fine_tune(layers[:depth], labelled, valid, seed)
            error[key] = classification_error(network, *test)

# The broken network with all the time that pretraining took, as further epochs; and with other learning rates.
extra = {}
LONGER = FINETUNING + DEPTHS[-1] * PRETRAINING * UNLABELLED // LABELLED
if not chapter.quick:
    x, labelled, valid, test = task(chapter.seed)
    layers, _ = pretrain(x, [SPECS[MLP]] * DEPTHS[-1], seed=chapter.seed, progress=False)
    for epochs, lr in ((LONGER, FINETUNING_LR), (2 * FINETUNING, 0.3), (FINETUNING, 2.0)):
        network, record = fine_tune(layers, labelled, valid, chapter.seed, epochs, lr)
        extra[epochs, lr] = {
            "validation_error": float(min(record["validation_error"])),
            "test_error": classification_error(network, *test),
            "training_loss": float(record["loss"][-1]),
        }
        if epochs == LONGER:
            history["longer"] = record

keys = [(method, depth) for method in SPECS for depth in DEPTHS]
mean = {key: float(np.mean([error[*key, seed] for seed in SEEDS])) for key in keys}
final_loss = {key: float(np.mean([history[*key, seed]["loss"][-1] for seed in SEEDS])) for key in keys}
for method, depth in keys:
    each = " ".join(f"{error[method, depth, seed]:.2%}" for seed in SEEDS)
    print(f"{method:<27} depth {depth}: {mean[method, depth]:.2%} [{each}]  last loss {final_loss[method, depth]:.4f}")
for (epochs, lr), row in extra.items():
    print(f"MLP, depth {DEPTHS[-1]}, {epochs} epochs, lr = {lr:g}: {row}")


# %% [markdown]
# ### Two measurements that tell the causes apart
#
# **Is it generalisation?** Follow fine-tuning, and compare the validation errors of epochs that have the same training
# loss, within a factor of two. If pretraining only made the descent faster, the methods would agree there.
#
# **Is it the gradient?** Chapter 23: with weights of variance $v$, $n$ units a layer and pre-activations of variance
# $q$, the mean squared gradient changes from a layer to the one below by
#
# $$ \chi = n v\, E[s'(\sqrt q\, u)^2], \qquad u \sim N(0, 1), \qquad (1) $$
#
# and $q$ by $q \to n v\, E[s(\sqrt q\, u)^2]$. The first weights here have $v = 32 / (n + n)$.


# %%
COMPARED = 1 if chapter.quick else DEPTHS[-1]  # hidden layers; a small deep MLP needs too long
LEVEL = 0.4 if chapter.quick else 0.1  # nats per training example


def error_at(record, level=LEVEL):
    """Return the median validation error of the epochs whose training loss is between half a level and the level."""
    loss, wrong = record["loss"], record["validation_error"]
    return float(np.median(wrong[(loss > level / 2) & (loss < level)]))


deep = {method: history[method, COMPARED, chapter.seed] for method in SPECS}
if not chapter.quick:
    deep[MLP] = history["longer"]
at_level = {method: error_at(record) for method, record in deep.items()}
print(
    f"validation error where the training loss is {LEVEL / 2:g} to {LEVEL:g} nats, hidden layers {COMPARED}: {at_level}"
)

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)


def predicted_factors(x):
    """Return χ of layers 2, 3, ... by (1), for the first weights."""
    q, chi = 32 / (196 + UNITS) * 196 * float(np.square(x, dtype=np.float64).mean()), []
    for _ in range(DEPTHS[-1] - 1):
        y = sigmoid(np.sqrt(q) * NODES)
        q = 16 * float(y**2 @ WEIGHTS / WEIGHTS.sum())
        slope = sigmoid(np.sqrt(q) * NODES) * sigmoid(-np.sqrt(q) * NODES)
        chi.append(16 * float(slope**2 @ WEIGHTS / WEIGHTS.sum()))
    return chi


def measured_factors(layers, x):
    """Return by how much the layers 2, 3, ... multiply the mean square of a random gradient on its way down."""
    y = [x]
    for layer in layers:
        y.append(layer.encode(y[-1]))
    dy, factors = np.random.default_rng(chapter.seed).standard_normal(y[-1].shape), []
    for k in range(len(layers), 1, -1):
        below = (dy * y[k] * (1 - y[k])) @ layers[k - 1].params["W"].T
        factors.append(float(np.square(below).mean() / np.square(dy).mean()))
        dy = below
    return factors[::-1]


chi = {"expected": predicted_factors(looked_at)}
for method, layers in stacks.items():
    chi[method] = measured_factors(layers, looked_at)
    print(f"squared gradient per layer, {method}: {np.round(chi[method], 3)}; by (1) {np.round(chi['expected'], 3)}")

# %% [markdown]
# ## The check

# %%
ratio = (np.prod(chi[MLP]) / np.prod(chi["expected"])) ** (1 / (DEPTHS[-1] - 1))
assert abs(ratio - 1) < 0.2, f"gradient of the first weights per layer: {chi[MLP]} for {chi['expected']}"
first, last = DEPTHS[0], DEPTHS[-1]
for seed in SEEDS:
    for depth in DEPTHS:
        mlp, saa, sda = (error[method, depth, seed] for method in SPECS)
        assert sda < saa - 0.01, f"seed {seed}, depth {depth}: denoising must help, found {sda:.2%}, {saa:.2%} without"
        assert sda < mlp - 0.02, f"seed {seed}, depth {depth}: pretraining must help, found {sda:.2%}, MLP {mlp:.2%}"
    assert error[SDA, last, seed] < error[SDA, first, seed], f"seed {seed}: depth must help SdA, found {error}"
growth = (mean[MLP, last] - mean[SDA, last]) - (mean[MLP, first] - mean[SDA, first])
assert growth > (-0.02 if chapter.quick else 0.02), f"the advantage must grow with depth, found by {growth:+.2%}"
for depth in DEPTHS[1:]:
    assert mean[SAA, depth] < mean[MLP, depth] - 0.01, f"depth {depth}: SAA must be better than MLP, found {mean}"
assert mean[MLP, last] > mean[MLP, 1] - 0.05, f"depth must not help random weights much, found {mean}"
fits = at_level[MLP] - at_level[SDA]
assert fits > (0.01 if chapter.quick else 0.05), f"at an equal training loss SdA must be better, found {at_level}"
if not chapter.quick:
    row, sda = extra[LONGER, FINETUNING_LR], error[SDA, last, chapter.seed]
    assert row["training_loss"] < final_loss[SDA, last], f"given the time, the MLP must fit as well, found {row}"
    assert min(row["test_error"] for row in extra.values()) > sda + 0.05, f"and remain worse than {sda:.2%}: {extra}"

# %% [markdown]
# ## The figure

# %%
figure, (depth_axis, course_axis) = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
styles = {MLP: (ORANGE, "^", "--"), SAA: (GREY, "s", "-."), SDA: (BLUE, "o", "-")}
for method, (color, marker, line) in styles.items():
    values = [100 * mean[method, depth] for depth in DEPTHS]
    depth_axis.plot(DEPTHS, values, marker + line, color=color, linewidth=2, markersize=8)
    depth_axis.text(DEPTHS[-1] + 0.1, values[-1], method[:3], color=color, va="center")
    for seed in SEEDS:
        values = [100 * error[method, depth, seed] for depth in DEPTHS]
        depth_axis.plot(DEPTHS, values, marker, color=color, markersize=4, markerfacecolor="white")
depth_axis.set(xlabel="hidden layers", ylabel="test error (%)", xticks=DEPTHS, xlim=(0.8, DEPTHS[-1] + 0.5))
depth_axis.set_title("Depth pays after pretraining,\nmost with noise (small: each seed)", fontsize=11)
for method, (color, _, line) in styles.items():
    loss, wrong = deep[method]["loss"], 100 * deep[method]["validation_error"]
    course_axis.semilogx(loss, wrong, line, color=color, linewidth=1.6)
    course_axis.plot(LEVEL / np.sqrt(2), 100 * at_level[method], "o", color=color, markeredgecolor="black")
course_axis.axvspan(LEVEL / 2, LEVEL, color="black", alpha=0.08)
course_axis.set_ylim(20, 70)
course_axis.invert_xaxis()
course_axis.set(xlabel="training loss (nats per example)", ylabel="validation error (%)")
course_axis.set_title(
    f"At an equal training loss the pretrained\none is better ({COMPARED} hidden layers)", fontsize=11
)
for ax in (depth_axis, course_axis):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **Not a lack of fit.** With one to three layers all methods end below 0.05 nats a training example. The MLP of four
# layers is slower, 0.28; given all the epochs that pretraining took, it reaches 0.0002 and still has 38.8 % errors,
# the SdA 27.7 %. Where both have a loss of 0.05 to 0.1, the validation errors are 39.9 and 26.2 %. Five hundred
# labels do not determine a network of 160,000 weights. There are many ways to have no error on them, and
# where the descent starts decides which one it finds: near features of 3,000 unlabelled images, or near none.
#
# **Not the gradient.** (1) follows from independent weights as in chapter 23; for these it is 0.40 a layer, and 0.40
# is measured. From the fourth layer to the first that leaves 7 % of the squared gradient of the MLP, which is why its
# deepest network is slow. But the SdA keeps no more than 10 %, the SAA 19 %, and the SdA is the better one. Chapter 23
# had weights sixteen times smaller in variance; there the gradient *was* the cause, and pretraining repaired that too.
#
# **What noise adds** is about the same at every depth: the SdA is better than the SAA by 4.7, 4.6, 6.5 and 4.4 points.
# Both gain from further layers, where random weights do not. So what grows with depth is the worth of pretraining, and
# the worth of denoising is there from the first layer on: better features, chapter 29.
#
# **The truth about the claims.** 1 holds for the means at every depth; with one layer SAA and MLP are half a point
# apart and not ordered in each seed. 2 holds: the advantage of SdA over MLP is 5.2, 8.2, 9.5 and 12.6 points. 3 holds,
# with 37.4, 37.0, 37.4, 40.4 % for random weights; most of the last step is slowness, since ten times the epochs take
# 3.9 of the points back (seed 0). 4 holds. The learning rate of 1 was not chosen against the MLP: with 0.3 and twice
# the epochs it has 40.5 %, with 2 it has 51.4 %. What these numbers do not show: that pretraining helps where labels
# are many (next exercise), or where rectifiers, better first weights and dropout are used.

# %% [markdown]
# ## Exercises
#
# 1. *With labels for all 3,000 training digits, what is left of the advantage?*
#    Run once, two layers, seed 0, 30 epochs: 15.0 % errors without pretraining, 14.2 % with, and 14.2 % with noise.
#    Labels do what the unlabelled images did, and then some.
# 2. *Why is the output layer begun with zeros, and does it keep the layers below from learning?*
#    Each output has a class, and so a gradient, of its own; the first step makes its weights differ. In that one step
#    the gradient below is exactly 0, as $dy = W\\,da$ with $W = 0$. In the next it is not.
# 3. *The stack of two is cut out of the stack of four. Would it have been another one, trained by itself?*
#    No: a layer never hears of those above it, and each stage has a random stream of its own. That is what greedy
#    means. After fine-tuning the first layers differ, of course.

# %%
print("Pretraining is worth more the deeper the network, not because it fits better but because it errs less.")
print("Your own: compare two networks at an equal training loss. Only what differs there is not speed.")
chapter.finish(
    figure,
    {
        "runs": [
            {"method": method, "hidden_layers": depth, "seed": seed, "test_error": error[method, depth, seed]}
            | {
                "validation_error": min(history[method, depth, seed]["validation_error"]),
                "last_training_loss": history[method, depth, seed]["loss"][-1],
            }
            for method, depth in keys
            for seed in SEEDS
        ],
        "mean_test_error": {f"{method}, {depth} layers": mean[method, depth] for method, depth in keys},
        "deepest_mlp_otherwise": [{"epochs": epochs, "lr": lr, **row} for (epochs, lr), row in extra.items()],
        "training_loss_level": LEVEL,
        "hidden_layers_at_that_level": COMPARED,
        "validation_error_at_that_level": at_level,
        "squared_gradient_per_layer": chi,
    },
)
