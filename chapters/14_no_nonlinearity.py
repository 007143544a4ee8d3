# %% [markdown]
# # Without a nonlinearity a deep autoencoder is PCA, however many layers you add
#
# The autoencoder learns something, then stops. You add two layers; it stops at the same loss. Four more: the same, to
# two digits. Somewhere an activation was left out, or the default was `linear`.
#
# *Failure modes: F22 · networks: none · advice: add nonlinearity; add layers; balance encoder and decoder*

# %% [markdown]
# ## Is it yours?
#
# The loss comes down on the floor that `scratchdae floors` prints for a linear code of your width, and stays on it,
# whatever you add. In the picture the answers lie on a straight line, where the data do not.
#
# ![Answers on a line, and along the curve](../figures/14_no_nonlinearity.png)
#
# **The one measurement.** An affine map takes middles to middles. Take pairs of examples, and compare the answer to
# their middle with the middle of their answers. They differ by round-off, about 1e-16 in double precision: nothing in
# the network bends. This also finds ReLUs that are active on every example, which are as linear.
#
# On trial is advice: add nonlinearity, or layers (Q3); keep encoder and decoder in balance (Q2).

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, fit, floors, plots, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import curved_manifold, digits, project_to_curve, redundant_columns, to_float
from scratchdae.layers import Dense, LeakyReLU, ReLU, Tanh
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.schedules import Cosine

chapter = Chapter.begin("14_no_nonlinearity")

N, BATCH_SIZE = (300, 25) if chapter.quick else (1000, 50)
EPOCHS, EPOCHS_PLANE, EPOCHS_DIGITS = (150, 75, 50) if chapter.quick else (150, 150, 80)
LR = 5e-2  # falls to a hundredth of it along a cosine; on digits it begins at 0.01
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))
DEPTHS = (1, 2) if chapter.quick else (1, 2, 4)  # hidden layers on either side of the code
CODES = () if chapter.quick else (2, 4, 8, 16)  # of the networks on digits, which take too long for --quick

# %% [markdown]
# ## The run
#
# Points on three quarters of a circle, in the plane: one number says where on it a point lies, so the code has one
# unit. The broken network has dense layers of widths 16, 16, 1, 16, 16, 2 with nothing between them; the repaired one
# has a tanh after each of those that are 16 wide. Same first weights, same batches.


# %%
def train(layers, x, seed, epochs=EPOCHS, lr=LR):
    """Train a network; return it, and the loss on all of x after each epoch."""
    model, losses = Sequential(layers, x.shape[1:], streams(seed).initialisation), []
    options = {"epochs": epochs, "lr": Cosine(lr, lr / 100, epochs), "batch_size": BATCH_SIZE, "optimizer": Adam()}

    def keep(_, params):
        losses.append(float(model.loss(params, x, x)))

    fit(model, x, **options, seed=seed, backend="numpy", progress=False, on_epoch=keep)
    return model, np.array(losses)


def without(x, code, depth=2):
    """Broken: affine maps, one after the other."""
    hidden = [Dense(16)] * depth
    return [*hidden, Dense(code), *hidden, Dense(x.shape[1])]


def with_tanh(x, code, depth=2):
    """Repaired: a tanh after each hidden one."""
    hidden = [Dense(16), Tanh()] * depth
    return [*hidden, Dense(code), *hidden, Dense(x.shape[1])]


def bend(model, x):
    """Return the measurement: how far the middle of two answers is from the answer to the middle."""
    a, b = x[: len(x) // 2], x[len(x) // 2 :][: len(x) // 2]
    return float(np.abs(model.predict((a + b) / 2) - (model.predict(a) + model.predict(b)) / 2).max())


arcs = {seed: curved_manifold(N, np.random.default_rng([seed, 1]))[0] for seed in SEEDS}
floor = {seed: floors.pca(x)[1] for seed, x in arcs.items()}
broken = {seed: train(without(x, 1), x, seed) for seed, x in arcs.items()}
repaired = {seed: train(with_tanh(x, 1), x, seed) for seed, x in arcs.items()}
arc = arcs[chapter.seed]
linear = {depth: train(without(arc, 1, depth), arc, chapter.seed) for depth in DEPTHS if depth != 2}
linear = sorted((linear | {2: broken[chapter.seed]}).items())
over = {f"{2 * depth + 2} layers": losses / floor[chapter.seed] for depth, (_, losses) in linear}  # after each epoch
matrices = [value for value in broken[chapter.seed][0].params.values() if value.ndim == 2]
singular = np.linalg.svd(np.linalg.multi_dot(matrices), compute_uv=False)
bends = {"without": bend(broken[chapter.seed][0], arc), "tanh": bend(repaired[chapter.seed][0], arc)}
for seed in SEEDS:
    ends = (run[seed][1][-1] / floor[seed] for run in (broken, repaired))
    print("arc, seed {}: without {:.5f} of PCA's loss, with tanh {:.4f}".format(seed, *ends))
for name, losses in over.items():
    print(f"without, {name}: {losses[-1]:.5f} of PCA's loss")
print(
    f"singular values of the product {singular.round(3)}; bend without {bends['without']:.0e}, tanh {bends['tanh']:.2f}"
)

# %% [markdown]
# **The neighbour**, a code that is too narrow (chapter 07): ten columns that are mixtures of four lie in a flat part of
# the space. With a code of two, does a tanh help? Does width?

# %%
plane, _ = redundant_columns(N, 10, 4, np.random.default_rng([chapter.seed, 2]))
plane_floor = floors.pca(plane)[2]
flat = {
    "without, code of 2": train(without(plane, 2), plane, chapter.seed, EPOCHS_PLANE)[1][-1] / plane_floor,
    "tanh, code of 2": train(with_tanh(plane, 2), plane, chapter.seed, EPOCHS_PLANE)[1][-1] / plane_floor,
    "without, code of 4": train(without(plane, 4), plane, chapter.seed, EPOCHS_PLANE)[1][-1] / plane_floor,
}
print("plane, over PCA's loss for 2:", ", ".join(f"{name} {value:.2g}" for name, value in flat.items()))

# %% [markdown]
# **On which side?** The embedded digits, which a program draws, of 14×14 pixels. Hidden layers of 64 without and with
# LeakyReLU; then a code of 8 with a hidden ReLU layer of 128 in the encoder or in the decoder only, or 64 in both.

# %%
images = to_float(digits().x_train[:N], side=14)
pca = floors.pca(images)
leaky = {}
for code in CODES:
    for name, between in (("without", []), ("LeakyReLU", [LeakyReLU()])):
        layers = [Dense(64), *between, Dense(code), *between, Dense(64), *between, Dense(196)]
        leaky[code, name] = train(layers, images, chapter.seed, EPOCHS_DIGITS, 1e-2)[1][-1] / pca[code]
    print(f"digits, code of {code}, over PCA's loss: without {leaky[code, 'without']:.4f},", end=" ")
    print(f"LeakyReLU {leaky[code, 'LeakyReLU']:.4f}")
wide, narrow = [Dense(128), ReLU()], [Dense(64), ReLU()]
BALANCE = {"encoder 128": (wide, []), "decoder 128": ([], wide), "both 64": (narrow, narrow)}
balance = {
    name: train([*before, Dense(8), *after, Dense(196)], images, chapter.seed, EPOCHS_DIGITS, 1e-2)[1][-1] / pca[8]
    for name, (before, after) in BALANCE.items()
}
print("digits, code of 8, over PCA's loss:", ", ".join(f"{name} {value:.3f}" for name, value in balance.items()))

# %% [markdown]
# ## The check

# %%
for seed in SEEDS:
    before, after = broken[seed][1][-1] / floor[seed], repaired[seed][1][-1] / floor[seed]
    assert -1e-9 < before - 1 < 1e-2, f"seed {seed}: linear layers must end at PCA's loss, found {before:.6f} of it"
    assert after < 0.25, f"seed {seed}: with a tanh it must end under a quarter of that, found {after:.3f}"
for name, losses in over.items():
    assert -1e-9 < losses[-1] - 1 < 1e-2, f"{name} must end at PCA's loss too, found {losses[-1]:.6f} of it"
assert np.allclose(singular, [1, 0], rtol=0, atol=0.02), f"the product must be a projection, found {singular}"
assert singular[1] < 1e-12, f"of rank 1, found {singular}"
assert bends["without"] < 1e-12, f"an affine map must map middles to middles, found {bends['without']:.1e}"
assert bends["tanh"] > 0.1, f"a nonlinear one must not, found {bends['tanh']:.3f}"

for name in ("without, code of 2", "tanh, code of 2"):
    assert 0.95 < flat[name] < 1.05, f"on a plane, {name} must end at PCA's loss, found {flat[name]:.4f} of it"
least = 0.5 if chapter.quick else 1e-2  # with half of the epochs not every seed gets to zero
assert flat["without, code of 4"] < least, f"four units must hold the plane, found {flat['without, code of 4']}"
for (code, name), value in leaky.items():
    low, high = (1 - 1e-9, 1.02) if name == "without" else (0, 0.96)
    assert low < value < high, f"digits, code of {code}, {name}: found {value:.4f} of PCA's loss"
assert balance["encoder 128"] > 0.99, f"a linear decoder must not get below PCA, found {balance}"
assert balance["decoder 128"] < 0.9, f"a decoder that bends must, found {balance}"
assert balance["decoder 128"] < 1.05 * balance["both 64"], f"balance must not be better, found {balance}"

# %% [markdown]
# ## The figure

# %%
figure, (picture, curves) = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained", width_ratios=(1, 1.3))
order = np.argsort(project_to_curve(arc))[:: N // 60]
picture.plot(*arc.T, ".", color="0.8", markersize=6)
for run, color, marker in ((broken, ORANGE, "s"), (repaired, BLUE, "o")):
    picture.plot(*run[chapter.seed][0].predict(arc)[order].T, marker, color=color, markersize=4)
picture.text(0.62, 0.5, "data", color=GREY)
picture.text(0.62, 0.42, "without: a line", color=ORANGE)
picture.text(0.62, 0.34, "tanh: the curve", color=BLUE)
picture.set(aspect="equal", xlim=(0.05, 1.1), xlabel="first coordinate", ylabel="second coordinate")
picture.set_title("One number for each point:\non a straight line, or along the curve")

epochs = np.arange(1, EPOCHS + 1)
for losses in over.values():
    curves.semilogy(epochs, losses, color=ORANGE, linewidth=1.2)
for seed in SEEDS:
    curves.semilogy(epochs, repaired[seed][1] / floor[seed], color=BLUE)
plots.floor_line(curves, 1)
curves.text(EPOCHS, 1.1, f"without: {', '.join(over)}", color=ORANGE, ha="right", va="bottom")
label = f"with tanh, {len(SEEDS)} seed{'s' * (len(SEEDS) > 1)}"
curves.text(0.03, 0.05, label, color=BLUE, transform=curves.transAxes)
curves.text(EPOCHS, 0.93, "PCA", ha="right", va="top")
curves.set(xlabel="epoch", ylabel="loss over PCA's")
curves.set_title("Linear layers come down on PCA's loss,\nhowever many; a tanh goes below it")
curves.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **The floor.** Two layers without an activation give $(xW_1 + b_1)W_2 + b_2 = xW_1W_2 + (b_1W_2 + b_2)$, and so on:
# the network is $xM + c$ with $M$ the product of all matrices, of rank at most $k$, the narrowest width. The best $c$
# makes the means agree. What is left is to choose $M$ of rank $k$ so that $E\lVert(x - \mu)(I - M)\rVert^2$ is least,
# and by the theorem of Eckart and Young it is the projection on the $k$ eigenvectors of the covariance with the largest
# eigenvalues $\lambda_1 \ge \lambda_2 \ge \dots$. What the others hold is lost:
#
# $$ \text{mean squared error per component} \ \ge\ \frac1d \sum_{i > k} \lambda_i. $$
#
# Depth is not in it. And the networks arrive there: every minimum is a best one, and all other stationary points are
# saddles, for one hidden layer (Baldi and Hornik, *Neural networks and principal component analysis*, 1989) and for any
# number (Kawaguchi, *Deep learning without poor local minima*, 2016; in deep networks some saddles are flat).
#
# **The repair** is one argument. The new floor is 0 for the arc; the one for digits is not known.
#
# **The neighbour.** At its plateau a code that is too narrow looks the same: loss on the line of PCA, whatever the
# depth. Put in the nonlinearity, and nothing happens. (It is not forbidden to do better. A curve can be folded into a
# plane to come near every point, but gradient descent did not find that here.) Widen the code to four, and the linear
# network goes to zero.
#
# **Which side.** Fix a linear decoder $y A$. For each $x$ the best code is the least-squares solution, which is linear
# in $x$: no encoder, however deep, beats the linear one. A decoder with a hidden layer can bend the $k$-dimensional
# sheet on which all reconstructions lie. With as many weights it does as well as balanced halves or better. The advice
# to balance is right only in so far as it puts something into the decoder.

# %% [markdown]
# ## The cure in PyTorch
#
# Measure: `x` is a batch of examples, an even number of them. Repair: an activation after each layer but the last.
#
# ```python
# a, b = x.chunk(2)
# bend = (model((a + b) / 2) - (model(a) + model(b)) / 2).abs().max().item()  # round-off: nothing bends
#
# bent = [part for layer in model for part in (layer, torch.nn.Tanh())]
# model = torch.nn.Sequential(*bent[:-1])
# ```

# %% [markdown]
# ## The cure in Keras
#
# ```python
# a, b, answer = x[::2], x[1::2], lambda x: model.predict(x, verbose=0)
# bend = np.abs(answer((a + b) / 2) - (answer(a) + answer(b)) / 2).max()  # round-off: nothing bends
#
# for layer in model.layers[:-1]:
#     layer.activation = keras.activations.tanh  # better: Dense(16, activation="tanh") when it is made
# model.compile(optimizer="adam", loss="mse")  # also makes Keras forget what it compiled; then fit
# ```

# %% [markdown]
# ## Exercises
#
# 1. Leave the tanh after the code alone, and drop the others: 16-16-1-tanh-16-16-2. What is its floor?
# 2. A sigmoid only at the output, as tutorials have it. Is that network PCA?
# 3. Why does the loss of a linear network first drop fast and then in steps?
#
# *Answers.*
# 1. PCA's, for the arc. The decoder is affine in one number, so that all reconstructions lie on a straight line. The
#    nonlinearity has to stand between the code and the output, and for a code that is no projection before it as well.
# 2. Not exactly: it is PCA before a squashing (a kind of logistic PCA with a squared error). The answers lie on a
#    curved surface, the same one however many linear layers stand before.
# 3. The directions are learnt one after the other, the one with the largest eigenvalue first; the time for each is
#    about inverse to its eigenvalue.

# %%
arc_over = {str(s): {"without": broken[s][1][-1] / floor[s], "tanh": repaired[s][1][-1] / floor[s]} for s in SEEDS}
shallow_and_deep = {name: losses[-1] for name, losses in over.items()}
on_digits = {f"{name}, code of {code}": value for (code, name), value in leaky.items()} | balance
numbers = {"arc": arc_over, "by_depth": shallow_and_deep, "plane": flat, "digits": on_digits, "bend": bends}
chapter.finish(figure, {"over_the_loss_of_pca": numbers, "singular_values": singular})
print("Layers without a nonlinearity are one affine map, and end at the loss of PCA, however many they are.")
print("Compare the answer to a middle with the middle of the answers. No difference: put in activations, not layers.")
