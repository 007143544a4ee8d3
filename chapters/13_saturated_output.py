# %% [markdown]
# # An all-black picture is a saturated output, not a tight bottleneck
#
# You train a convolutional autoencoder on digits. For a few steps the loss falls, then it stands, to four digits, for
# as long as you care to wait. Every reconstruction is black. (On a light background it is white.) A wider code gives
# the same number, and so do, most of the time, another optimizer, another batch size and another loss.
#
# *Failure modes: F15 · networks: Q2a, Q2b · advice: ReLU inside and sigmoid or tanh outside, Adam or RMSprop, batch
# size, MAE against outliers, capacity balance, depth*

# %% [markdown]
# ## Is it yours?
#
# On the screen:
#
# ```text
# step 20  loss 0.10      step 40  loss 0.1079      step 80  loss 0.1080      step 120  loss 0.1080
# ```
#
# One measurement, beside that number: $E[x^2]$, the loss of answering 0 everywhere, and $E[(1 - x)^2]$, that of 1. If
# yours is one of them, and above that of the best *constant* picture, it is yours: no bottleneck can push a network
# above its best constant, since a code of size nothing reaches that. The confirmation: the pre-activations of the
# output lie beyond ±10, while the hidden units are alive. At the constant and not above it: chapter 23 or 05; with
# targets outside the output's range: chapter 12.
#
# On trial, from an answer to the question why a convolutional autoencoder fails to train: Conv32, pool, Conv16, pool,
# ConvT16, up, ConvT32, up, Conv1, 3×3, ReLU inside, a sigmoid at the end, squared error, Adam (Q2a) might fail from
# overly aggressive downsampling. Its code has 7·7·16 = 784 numbers, as many as the picture has pixels. And the advice
# that comes with it: ReLU inside and sigmoid or tanh outside, Adam or RMSprop, the batch size, absolute error against
# outliers, capacity, depth.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, floors, layer_statistics, posted, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, locate_mnist, mnist, to_float
from scratchdae.layers import Conv2D, ReLU, Sigmoid, Tanh
from scratchdae.optimizers import SGD, Adam, RMSprop
from scratchdae.plots import BLUE, GREY, ORANGE, floor_line, picture_rows

chapter = Chapter.begin("13_saturated_output")

BATCH_SIZE = 4 if chapter.quick else 8  # posted: Keras' 32
STEPS = 110 if chapter.quick else 120
STEPS_BROKEN = 10 * STEPS if chapter.full else STEPS
SLOWER = 5  # times as many steps for a tenth of the learning rate
SEEDS = [chapter.seed + k for k in range(3)]
LR = 1e-3  # Adam's default
N_TEST = 100 if chapter.quick else 200

# %% [markdown]
# ## The run
#
# The embedded digits, which a program draws (`--full`: MNIST where it is there, ten times the steps for the network as
# posted; `--quick`: of the advice the absolute error alone); first weights after Glorot and zero biases, as in Keras.


# %%
def encoder_decoder(code=16):
    """Return Q2a up to its output: a code of 7 × 7 × `code` numbers."""
    return posted.NETWORKS["q2a"].layers(code)[:-1]


def broken():
    """Broken: Q2a exactly, whose squared error reaches its weights through a sigmoid."""
    return [*encoder_decoder(), Sigmoid()]


def one_pooling_fewer():
    """Q2a with the second pooling and the first upsampling left out: a code of 14 × 14 × 16 numbers."""
    layers = broken()
    return layers[:5] + layers[6:8] + layers[9:]


def pictures(x):
    """Return grey levels in [0, 1] as images of one channel."""
    return to_float(x, np.float32).reshape(-1, 28, 28, 1)


data = mnist() if chapter.full and locate_mnist() else digits()
x_train, x_test = pictures(data.x_train), pictures(data.x_test[:N_TEST])
black = float(np.square(x_test, dtype=np.float64).mean())  # E[x²]: the error of answering 0
best_constant = floors.constant(x_test.reshape(len(x_test), -1))
mean = float(x_train.mean(dtype=np.float64))
logit_of_mean = float(np.log(mean / (1 - mean)))


def train(seed, layers=None, *, params=None, signed=False, steps=STEPS, lr=LR, batch_size=BATCH_SIZE, **options):
    """Train, and return the network, its held-out error, and the error by step on 16 images as a share of E[x²].

    `signed` trains on 2x − 1, for a tanh; its error is reported for x. `params` are parameters to begin with, and
    `options` an optimizer, a loss, and a bias of the output.
    """
    generators, optimizer = streams(seed), options.get("optimizer", Adam.of("keras"))
    given = {"loss": options.get("loss", "squared_error"), "dtype": np.float32}
    network = Sequential(layers or broken(), x_train.shape[1:], generators.initialisation, **given)
    network.params = params or network.params
    output_bias = list(network.params)[-1]
    network.params |= {output_bias: network.params[output_bias] + np.float32(options.get("bias", 0))}
    shift, scale = (np.float32(1), np.float32(2)) if signed else (np.float32(0), np.float32(1))

    def error(x):
        return float(np.square((network.predict(scale * x - shift) + shift) / scale - x, dtype=np.float64).mean())

    state, curve, watched = optimizer.init(network.params), [], x_test[:16]
    for step in range(steps + 1):
        if step % max(10, steps // 100) == 0:
            curve.append((step, error(watched) / float(np.square(watched).mean())))
        if step < steps:
            batch = scale * x_train[generators.shuffling.integers(0, len(x_train), batch_size)] - shift
            _, grads = network.loss_and_grads(network.params, batch, batch)
            network.params, state = optimizer.update(network.params, grads, state, lr)
    return {"network": network, "mse": error(x_test), "curve": np.array(curve).T}


AS_POSTED, MAE = "as posted", "absolute error"
REPAIRS = {
    "cross-entropy from logits": {"loss": "cross_entropy"},
    "bias = logit(mean)": {"bias": logit_of_mean},
    "linear output": {"layers": encoder_decoder()},
}
ADVICE = {MAE: {"loss": "absolute_error"}}
if not chapter.quick:
    ADVICE |= {
        "code four times as wide": {"layers": [*encoder_decoder(64), Sigmoid()]},
        "four times the batch": {"batch_size": 4 * BATCH_SIZE},
        "tanh, data in [−1, 1]": {"layers": [*encoder_decoder(), Tanh()], "signed": True},
        "learning rate 1e-4": {"steps": SLOWER * STEPS, "lr": LR / 10},
        "RMSprop": {"optimizer": RMSprop.of("keras")},
        "one pooling fewer": {"layers": one_pooling_fewer()},
        "plain gradient descent": {"steps": 3 * STEPS, "lr": 0.1, "optimizer": SGD()},
        "Q2b, posted as working": {"layers": posted.NETWORKS["q2b"].layers()},
    }
COSTLY = ("four times the batch", "plain gradient descent", "Q2b, posted as working")  # which get one seed
runs = {AS_POSTED: [train(seed, steps=STEPS_BROKEN) for seed in SEEDS]}
for name, options in (REPAIRS | ADVICE).items():
    few = chapter.quick or name in COSTLY
    runs[name] = [train(seed, **options) for seed in (SEEDS[:1] if few else SEEDS)]
is_black = {name: [abs(run["mse"] / black - 1) < 0.01 for run in results] for name, results in runs.items()}
print(f"all black E[x²] = {black:.4f}, best constant {best_constant:.4f}, logit of the mean {logit_of_mean:.2f}")
for name, results in runs.items():
    share = f"black with {sum(is_black[name])} of {len(results)}"
    print(f"{name:<26} {share}, mean squared error", *(f"{run['mse']:.4f}" for run in results))

# %% [markdown]
# ### The experiment that tells it from its neighbours
#
# A dead network has nothing to give to its output; a saturated output has everything and is not allowed to. So take the
# stuck weights *as they are* and change nothing but the loss. If the hidden layers were dead, or the code too narrow,
# cross-entropy would not help either. Ten times the learning rate is there for those who would rather turn that knob.

# %%
assert any(is_black[AS_POSTED]), f"as posted it must end all black, found {runs[AS_POSTED][0]['mse']:.4f}"
stuck = runs[AS_POSTED][is_black[AS_POSTED].index(True)]["network"]
rows = layer_statistics(stuck, x_test, x_test)
dead = sum(row.dead for row in rows if row.dead is not None)
units = sum(shape[-1] for shape, layer in zip(stuck.shapes[1:], stuck.layers, strict=True) if isinstance(layer, ReLU))
last = max(k for k, layer in enumerate(stuck.layers) if isinstance(layer, Conv2D))
a = stuck.forward(stuck.params, x_test, depth=last + 1)[0].astype(np.float64)  # before the sigmoid
bright, lost = x_test > 0.5, a < -20  # so far that z is nothing beside x
z, cache = Sigmoid().forward({}, a)
signal, _ = Sigmoid().backward(cache, 2 * (z - x_test))  # what the squared error sends back, but for 1/n
promised = -2 * x_test.astype(np.float64) * np.exp(a)
further = chapter.seed + 100  # other batches than those that led here
onward = {
    "cross-entropy": train(further, steps=2 * STEPS, loss="cross_entropy", params=stuck.params),
    "ten times the rate": train(further, steps=STEPS // 2, lr=10 * LR, params=stuck.params),
}
print(f"hidden channels dead: {dead} of {units}; outputs saturated: {rows[-1].saturated:.0%}")
print(f"pre-activations down to {a.min():.0f}, median over the bright pixels {np.median(a[bright]):.0f}")
print("from the stuck weights on:", ", ".join(f"{name} {run['mse']:.4f}" for name, run in onward.items()))

# %% [markdown]
# ## The check

# %%
for name in {AS_POSTED, MAE, "code four times as wide", "four times the batch"} & set(runs):
    share = np.mean(is_black[name])
    assert share > 0.5, f"{name}: must end all black, found {share:.0%} of the seeds, {runs[name][0]['mse']:.4f}"
assert black > 1.5 * best_constant, f"that is far above the best constant, {black:.4f} and {best_constant:.4f}"
for name in {*REPAIRS, "plain gradient descent", "Q2b, posted as working"} & set(runs):
    for run in runs[name]:
        assert run["mse"] < 0.5 * black, f"{name}: must recover, found {run['mse'] / black:.3f} of E[x²]"
assert dead < 0.6 * units, f"the hidden channels must be alive, found {dead} dead of {units}"
assert rows[-1].saturated > 0.9, f"the output must be saturated, found {rows[-1].saturated:.0%}"
assert np.median(a[bright]) < -10, f"where it should be bright too, found {np.median(a[bright]):.1f}"
assert (np.abs(signal) <= 2 * np.exp(-np.abs(a)) * (1 + 1e-9)).all(), "the signal must stay below 2 exp(−|a|)"
worst = float(np.abs(signal[lost & bright] / promised[lost & bright] - 1).max(initial=0))
assert worst < 1e-7, f"the signal at bright pixels must be −2x exp(a), found {worst:.1e} off"
assert onward["cross-entropy"]["mse"] < 0.6 * black, "from the stuck weights cross-entropy must recover"
assert onward["ten times the rate"]["mse"] > 0.9 * black, "from the stuck weights a higher rate must not"

# %% [markdown]
# ## The figure

# %%
figure, axes = plt.subplot_mosaic([["errors", "bars"], ["eyes", "eyes"]], figsize=(9, 8), layout="constrained")
errors, bars, eyes = (axes[name] for name in ("errors", "bars", "eyes"))
for name in (AS_POSTED, *REPAIRS):
    for run in runs[name]:
        errors.plot(*run["curve"], "-", color=ORANGE if name == AS_POSTED else BLUE, linewidth=1.5)
floor_line(errors, 1)
floor_line(errors, best_constant / black)
errors.text(0.98 * STEPS, 1.02, "as posted: all black, E[x²]", ha="right", va="bottom", color=ORANGE)
errors.text(0.98 * STEPS, best_constant / black + 0.01, "best constant", ha="right", va="bottom")
errors.text(0.98 * STEPS, 0.02, "three repairs of one line", ha="right", va="bottom", color=BLUE)
errors.set(xlabel="step", ylabel="mean squared error / E[x²]", xlim=(0, STEPS), ylim=(0, 1.6))
errors.set_title("It lands on E[x²] and stays")

order = sorted(runs, key=lambda name: -np.mean([run["mse"] for run in runs[name]]))
for row, name in enumerate(order):
    color, marker = (ORANGE, "X") if name == AS_POSTED else (BLUE, "o") if name in REPAIRS else (GREY, "D")
    bars.plot([run["mse"] / black for run in runs[name]], [row] * len(runs[name]), marker, color=color, alpha=0.8)
bars.axvline(1, color="black", linewidth=1, linestyle=":")
bars.set_yticks(range(len(order)), order)
bars.invert_yaxis()
bars.set(xlabel="mean squared error / E[x²]", xlim=(0, 1.1))
bars.set_title("Advice grey, repairs blue")
networks = [runs[name][0]["network"] for name in ("cross-entropy from logits", "linear output")]
images = [x_test, *(network.predict(x_test[:10]) for network in (stuck, *networks))]
shown = dict(zip(("held out", AS_POSTED, "from logits", "linear"), images, strict=True))
picture_rows(eyes, shown, (28, 28), columns=10)
eyes.set_title("The same code of 784 numbers, black and repaired")

# %% [markdown]
# ## The cause
#
# **Why it is not called back.** With $z = \sigma(a)$ the squared error $(z - x)^2$ has the derivative
#
# $$ \frac{\partial L}{\partial a} = 2 (z - x)\, z (1 - z), \qquad z(1 - z) \le e^{-|a|}. $$
#
# Far to the left it is $-2x\,e^a$. At $a = -89$ nothing is left of it, though most hidden channels are alive and say
# where the strokes are; at a rate $\eta$ the way back takes at least $e^{|a|}/2\eta$ steps. Cross-entropy's derivative
# is $z - x$, with no factor: $|a|/\eta$ steps. Waiting longer is no repair: after
# the posted 100 epochs, in batches of 32, it was black too.
#
# **Why it runs away.** At the first weights $z \approx \frac12$ and the mean of the pictures is 0.13: nearly all
# outputs are told to go down, and for a while this is *all* the network is told. Adam moves every weight by about its
# learning rate in that direction, the last layer's 288 and those before them that make its inputs larger. The product
# falls ever faster, and passes the logit of the mean, −1.9, at which it should have stopped, with momentum behind it.
# (With a few seeds it turns in time.)
#
# **The repairs.** Cross-entropy calls the bright pixels back. A bias of $\operatorname{logit}(\bar x)$ takes away the
# long common way down. A linear output has no flat part. All three keep the code of 784 numbers.
#
# **The advice.** Absolute error: black, since for most pixels black *is* the median. Four times the code, four times
# the batch: black. Tanh on $[-1, 1]$ is the same curve, RMSprop and a rate of 1e-4 (with five times the steps) run
# the same way, and with one pooling fewer, the advice that was given, it happens as well: each of these is black with
# some seeds and learns to see with others. They move the odds, for which we know no closed form. Plain gradient descent
# does not saturate. Q2b has one pooling and works on these digits; on digits averaged to 14×14 it is all black too.
#
# ## The cure in PyTorch
#
# ```python
# with torch.no_grad():
#     a, z = model[:-1](x), model(x)  # before and after the last sigmoid
# loss, black, white = (value.square().mean().item() for value in (z - x, x, 1 - x))
# print(f"loss {loss:.4f}, black {black:.4f}, white {white:.4f}, pre-activations {a.median():.1f}")
#
# model, loss_function = model[:-1], torch.nn.BCEWithLogitsLoss()  # the same weights go on from here
# ```
#
# ## The cure in Keras
#
# ```python
# z = model.predict(x, verbose=0)
# loss, black, white = (float(np.square(value).mean()) for value in (z - x, x, 1 - x))
# print(f"loss {loss:.4f}, black {black:.4f}, white {white:.4f}")
#
# model.layers[-1].activation = keras.activations.linear  # the same weights go on from here
# model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
# ```
#
# ## Exercises
#
# 1. *All reconstructions are white, and the loss is 0.88 on pictures of mean 0.1 and mean square 0.08. What happened?*
# 2. *Show that tanh on data in $[-1, 1]$ with the squared error is the sigmoid on $[0, 1]$ in disguise.*
# 3. *Would clipping the gradient's norm help?*
#
# ## Answers
#
# 1. The mirror image: $E[(1 - x)^2]$, outputs far to the right. The repairs are the same.
# 2. $\tanh a = 2\sigma(2a) - 1$. With $u = 2x - 1$ the error $(\tanh a - u)^2$ is $4(\sigma(2a) - x)^2$: four times the
#    loss, at twice the pre-activation. Adam does not notice the four.
# 3. No. Where the output is stuck the gradient is too small, not too large.

# %%
numbers = {name: [run["mse"] for run in results] for name, results in runs.items()}
about = {"all_black": black, "best_constant": best_constant, "logit_of_mean": logit_of_mean, "data": data.name}
found = {
    "dead": dead,
    "hidden": units,
    "saturated": rows[-1].saturated,
    "median_at_bright": float(np.median(a[bright])),
}
after = {name: run["mse"] for name, run in onward.items()}
chapter.finish(figure, {**about, "mean_squared_error": numbers, "stuck": found, "from_the_stuck_weights": after})
print("A loss of E[x²] is a saturated output: compute the loss from logits, or begin at the mean, and keep the code.")
