# %% [markdown]
# # Without a nonlinearity a deep autoencoder is PCA, however many layers you add
#
# The autoencoder learns something, then stops. You add two layers; it stops at the same loss. Four more: the same, to
# two digits. Somewhere an activation was left out, or the default was `linear`.
#
# *Failure modes: F22 · networks: Q4b · advice: add nonlinearity; add layers*

# %% [markdown]
# ## The claim
#
# A composition of affine maps is an affine map. If the narrowest layer has $k$ units, its matrix has rank at most $k$,
# and the best such map is principal component analysis (Baldi and Hornik, *Neural networks and principal component
# analysis*, Neural Networks 1989). With the eigenvalues $\lambda_1 \ge \lambda_2 \ge \dots$ of the data's covariance,
#
# $$ \text{mean squared error per component} \ \ge\ \frac1d \sum_{i > k} \lambda_i. \tag{1} $$
#
# Who asks why the training loss is not decreasing (Q3) is advised to add nonlinearity, and told that the encoder may be
# too shallow. On trial:
#
# 1. (1) bounds linear networks of every depth, and they reach it; more layers change nothing;
# 2. a nonlinearity gets below (1) where the data lie on a curve, in the same number of units and steps;
# 3. where the data lie on a plane it gets nothing: then the code is too narrow (F19), and only width helps;
# 4. from the question why an autoencoder cannot reach zero loss: a linear 2-2-2 network can (Q4b).

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Sequential, fit, floors, streams
from scratchdae.chapter import Chapter
from scratchdae.datasets import curved_manifold, digits, project_to_curve, redundant_columns, to_float, uniform
from scratchdae.layers import Dense, LeakyReLU, Tanh
from scratchdae.optimizers import Adam
from scratchdae.plots import BLUE, ORANGE
from scratchdae.schedules import Cosine

chapter = Chapter.begin("14_no_nonlinearity")

N = 300 if chapter.quick else 1000
EPOCHS = 150  # on the toy data
EPOCHS_PLANE = 75 if chapter.quick else 150
BATCH_SIZE = 25 if chapter.quick else 50
LR = 1e-2  # falls to a hundredth of it along a cosine
N_SEEDS = 1 if chapter.quick else 3  # the test suite runs --quick with three seeds
DEPTHS = (1, 2) if chapter.quick else (1, 2, 4)  # hidden layers on either side of the code
CODES = (8,) if chapter.quick else (2, 4, 8, 16)  # of the networks on digits
EPOCHS_DIGITS = 80

# %% [markdown]
# ## The run
#
# Points on three quarters of a circle, in the plane: one number says where on it a point lies, so the code has one
# unit. The broken network has dense layers of widths 16, 16, 1, 16, 16, 2 with nothing between them; the repaired one
# has a tanh after each but the last. Same first weights, same batches.


# %%
def train(widths, x, seed, activation=None, epochs=EPOCHS, batch_size=BATCH_SIZE):
    """Train dense layers of these widths, with an activation after each but the last if one is given.

    Returns the network, and the loss on all of x after each epoch.
    """
    between = [] if activation is None else [activation]
    layers = [layer for width in widths[:-1] for layer in (Dense(width), *between)]
    model = Sequential([*layers, Dense(widths[-1])], x.shape[1:], streams(seed).initialisation)
    losses = []
    fit(
        model,
        x,
        epochs=epochs,
        lr=Cosine(LR, LR / 100, epochs),
        batch_size=batch_size,
        optimizer=Adam(),
        seed=seed,
        backend="numpy",
        progress=False,
        on_epoch=lambda _, params: losses.append(float(model.loss(params, x, x))),
    )
    return model, np.array(losses)


def around(code, d, depth=2, hidden=16):
    """Return the widths of a network with `depth` hidden layers on either side of its code."""
    return [hidden] * depth + [code] + [hidden] * depth + [d]


def without(x, code, seed, depth=2, epochs=EPOCHS):
    """Broken: affine maps, one after the other."""
    return train(around(code, x.shape[1], depth), x, seed, epochs=epochs)


def with_tanh(x, code, seed, depth=2, epochs=EPOCHS):
    """Repaired: a tanh after each but the last."""
    return train(around(code, x.shape[1], depth), x, seed, Tanh(), epochs)


def composed(model):
    """Multiply the matrices of a network's dense layers."""
    return np.linalg.multi_dot([value for value in model.params.values() if value.ndim == 2])


def bend(model, x):
    """How far the middle of two answers is from the answer to the middle: 0 for every affine map."""
    a, b = x[: len(x) // 2], x[len(x) // 2 :][: len(x) // 2]
    middle = (model.predict(a) + model.predict(b)) / 2
    return float(np.abs(model.predict((a + b) / 2) - middle).max())


seeds = range(chapter.seed, chapter.seed + N_SEEDS)
arcs = {seed: curved_manifold(N, np.random.default_rng([seed, 1]))[0] for seed in seeds}
floor = {seed: floors.pca(x)[1] for seed, x in arcs.items()}
broken = {seed: without(x, 1, seed) for seed, x in arcs.items()}
repaired = {seed: with_tanh(x, 1, seed) for seed, x in arcs.items()}
arc = arcs[chapter.seed]
by_depth = {depth: without(arc, 1, chapter.seed, depth) for depth in DEPTHS if depth != 2}
by_depth = dict(sorted((by_depth | {2: broken[chapter.seed]}).items()))
singular = np.linalg.svd(composed(broken[chapter.seed][0]), compute_uv=False)
bends = {"without": bend(broken[chapter.seed][0], arc), "tanh": bend(repaired[chapter.seed][0], arc)}

for seed in seeds:
    before, after = broken[seed][1][-1] / floor[seed], repaired[seed][1][-1] / floor[seed]
    print(f"arc, seed {seed}: without {before:.5f} of the floor (1), with tanh {after:.4f}")
for depth, (_, losses) in by_depth.items():
    print(f"without, {2 * depth + 2} layers: {losses[-1] / floor[chapter.seed]:.5f} of the floor")
print(f"singular values of the composed map: {singular}; bend without {bends['without']:.1e}, tanh {bends['tanh']:.2f}")

# %% [markdown]
# ### The neighbour: a code that is too narrow
#
# Ten columns that are mixtures of four: the data lie in a flat, four-dimensional part of the space (F19). With a code
# of two, does a tanh help? Does width?

# %%
plane, _ = redundant_columns(N, 10, 4, np.random.default_rng([chapter.seed, 2]))
plane_floor = floors.pca(plane)
flat = {
    "no nonlinearity, code 2": without(plane, 2, chapter.seed, epochs=EPOCHS_PLANE)[1] / plane_floor[2],
    "tanh, code 2": with_tanh(plane, 2, chapter.seed, epochs=EPOCHS_PLANE)[1] / plane_floor[2],
    "no nonlinearity, code 4": without(plane, 4, chapter.seed, epochs=EPOCHS_PLANE)[1] / plane_floor[2],
}
for name, losses in flat.items():
    print(f"plane, {name}: {losses[-1]:.2g} of the floor for a code of 2")

# %% [markdown]
# ### Digits
#
# Those embedded in the package, which a program draws: 14×14 pixels, 196-64-k-64-196, without and with LeakyReLU.

# %%
images = to_float(digits().x_train[:N]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(N, -1)
pca = floors.pca(images)
on_digits = {
    (code, activation): train(around(code, 196, 1, 64), images, chapter.seed, activation, EPOCHS_DIGITS)[1][-1]
    for code in CODES
    for activation in (None, LeakyReLU())
}
for (code, activation), loss in on_digits.items():
    print(f"digits, code {code}, {activation or 'nothing between'}: {loss / pca[code]:.4f} of the floor")

# %% [markdown]
# ### Which networks can reach zero
#
# The floor (1) is 0 where $k = d$. So nothing forbids it to the linear 2-2-2 network (Q4b). How long it takes at the
# posted learning rate is for chapter 18; here Adam's rate falls from 0.01.

# %%
square = uniform(N, 2, np.random.default_rng([chapter.seed, 3]))
q4b = train([2, 2], square, chapter.seed)[1]
print(f"Q4b, linear 2-2-2: {q4b[-1]:.1e}")

# %% [markdown]
# ## The check

# %%
for seed in seeds:
    before, after = broken[seed][1][-1] / floor[seed], repaired[seed][1][-1] / floor[seed]
    assert -1e-9 < before - 1 < 1e-3, f"seed {seed}: linear layers must end at the floor (1), found {before:.6f} of it"
    assert after < 0.25, f"seed {seed}: with a tanh it must end under a quarter of the floor, found {after:.3f}"
for depth, (model, losses) in by_depth.items():
    over = losses[-1] / floor[chapter.seed] - 1
    assert -1e-9 < over < 1e-3, f"{2 * depth + 2} linear layers must end at the floor too, found {over:.1e} above"
    assert np.linalg.matrix_rank(composed(model)) == 1, f"{2 * depth + 2} linear layers must be a map of rank 1"
assert abs(singular[0] - 1) < 0.01, f"the composed map must be a projection, found singular values {singular}"
assert bends["without"] < 1e-12, f"an affine map must map middles to middles, found {bends['without']:.1e}"
assert bends["tanh"] > 0.1, f"a nonlinear one must not, found {bends['tanh']:.3f}"

ends = {name: losses[-1] for name, losses in flat.items()}
for name in ("no nonlinearity, code 2", "tanh, code 2"):
    assert 0.95 < ends[name] < 1.02, f"on a plane, {name} must end at the floor, found {ends[name]:.4f} of it"
assert ends["no nonlinearity, code 4"] < 1e-2, (
    f"four units must hold the plane, found {ends['no nonlinearity, code 4']}"
)
for code in CODES:
    before, after = on_digits[code, None] / pca[code], on_digits[code, LeakyReLU()] / pca[code]
    assert -1e-9 < before - 1 < 0.02, f"digits, code {code}: linear layers must end at the floor, found {before:.4f}"
    assert after < 0.96, f"digits, code {code}: LeakyReLU must get below, found {after:.3f} of the floor"
assert q4b[-1] < 1e-8, f"the linear 2-2-2 network must reach zero, found {q4b[-1]:.1e}"

# %% [markdown]
# ## The figure

# %%
figure, axes = plt.subplot_mosaic("aabbcc;.ddee.", figsize=(17, 9.5), layout="constrained")
picture, curves, depth_panel, plane_panel, digit_panel = axes.values()
epochs = np.arange(1, EPOCHS + 1)
CURVED = "with tanh"

order = np.argsort(project_to_curve(arc))
picture.plot(*arc.T, ".", color="0.75", markersize=6, label="data")
for (model, _), color, marker, label in (
    (broken[chapter.seed], ORANGE, "s", "no nonlinearity"),
    (repaired[chapter.seed], BLUE, "o", CURVED),
):
    z = model.predict(arc)[order[:: N // 60]]
    picture.plot(*z.T, marker, color=color, markersize=4, label=f"reconstructed, {label}")
picture.set(xlabel="first coordinate", ylabel="second coordinate", aspect="equal", xlim=(0.05, 1.25))
picture.set_title("One number a point: on a straight line,\nor along the curve")
picture.legend(loc="center right", fontsize=9)

for seed in seeds:
    labels = ("no nonlinearity", CURVED) if seed == chapter.seed else (None, None)
    curves.semilogy(epochs, broken[seed][1] / floor[seed], "--", color=ORANGE, label=labels[0])
    curves.semilogy(epochs, repaired[seed][1] / floor[seed], "-", color=BLUE, label=labels[1])
curves.axhline(1, color="k", linestyle=":", label="PCA floor (1)")
curves.set(xlabel="epoch", ylabel="loss / floor (1)", ylim=(2e-3, 10))
curves.set_title(f"Points on an arc, code of one unit\n({N_SEEDS} seed{'s' * (N_SEEDS > 1)})")
curves.legend(loc="lower left")

for depth, style in zip(DEPTHS, ("-", "--", ":"), strict=False):
    losses = by_depth[depth][1] / floor[chapter.seed] - 1
    depth_panel.semilogy(epochs, losses, style, color=ORANGE, label=f"{2 * depth + 2} layers: {losses[-1]:.0e}")
depth_panel.set(xlabel="epoch", ylabel="loss / floor (1) − 1")
depth_panel.set_title("Add linear layers: nothing changes.\nEach comes down on the floor, never below")
depth_panel.legend(title="excess at the end")

for (name, losses), (color, style) in zip(flat.items(), ((ORANGE, "--"), (BLUE, "-"), ("0.3", "-.")), strict=True):
    plane_panel.semilogy(epochs[:EPOCHS_PLANE], np.maximum(losses, 1e-9), style, color=color, label=name)
plane_panel.axhline(1, color="k", linestyle=":", label="floor (1) for a code of 2")
plane_panel.set(xlabel="epoch", ylabel="loss / floor (1)", ylim=(1e-6, 30))
plane_panel.set_title("The neighbour: data on a plane of dimension 4.\nHere a tanh gains nothing, and width everything")
plane_panel.legend(loc="center right", bbox_to_anchor=(1, 0.6))

every = np.arange(1, 21)
digit_panel.semilogy(every, pca[every], "k:", label="PCA floor (1)")
digit_panel.plot(
    CODES, [on_digits[code, None] for code in CODES], "s", color=ORANGE, markersize=9, label="no nonlinearity"
)
leaky = [on_digits[code, LeakyReLU()] for code in CODES]
digit_panel.plot(CODES, leaky, "o-", color=BLUE, label="LeakyReLU")
digit_panel.set(xlabel="units of the code, k", ylabel="loss (squared grey levels per pixel)", xticks=[2, 4, 8, 16])
digit_panel.set_title("Digits: linear networks lie on the line of PCA;\nnonlinear ones below it")
digit_panel.legend()

for ax in (curves, depth_panel, plane_panel, digit_panel):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **The floor.** Two layers without an activation give $(xW_1 + b_1)W_2 + b_2 = xW_1W_2 + (b_1W_2 + b_2)$, and so on:
# the network is $xM + c$ with $M$ the product of all matrices, of rank at most $k$, the narrowest width. The best $c$
# makes the means agree. What is left is to choose $M$ of rank $k$ so that $E\lVert(x - \mu)(I - M)\rVert^2$ is least,
# and by the theorem of Eckart and Young it is the projection on the $k$ eigenvectors with the largest eigenvalues; the
# variance in the others is lost, which is (1). Depth is not in it. Nor in this: every minimum is a best one, and all
# other stationary points are saddles, for one hidden layer (Baldi and Hornik 1989) and for any number (Kawaguchi, *Deep
# learning without poor local minima*, 2016; in deep networks some saddles are flat). So these networks arrive: within
# 2e-5 of the floor for all three seeds, within 5e-6 with 4, 6 and 10 layers. The composed map has the singular values 1
# and 0, a projection.
#
# **How to know it in a network that you did not write.** An affine map takes middles to middles. Take pairs of examples
# and compare the answer to their middle with the middle of their answers: here they differ by 4e-16 without, by 0.44
# with tanh. It also finds a network with ReLUs that are active on every example, which is as linear.
#
# **The repair** is one argument. On the arc the loss goes to 0.007, 0.016 and 0.005 of the floor, on digits to between
# 0.65 and 0.79 of it for codes of 4 to 16. The new floor is 0 for the arc; the one for digits is not known.
#
# **The neighbour.** At its plateau a code that is too narrow (F19) looks the same: loss on the line of PCA, whatever
# the depth. Put in the nonlinearity, and nothing happens: on the plane the tanh network ends at 1.001 of the floor. (It
# is not forbidden to do better. A curve can be folded into a plane to come near every point, but gradient descent did
# not find that here.) Widen the code to four, and the linear network goes to zero.
#

# %% [markdown]
# ## Exercises
#
# 1. *Leave the tanh after the code alone, and drop the others: 16-16-1-tanh-16-16-2. What is its floor?*
#
#    (1), for the arc. The decoder is affine in one number, so that all reconstructions lie on a straight line. The
#    nonlinearity has to stand between the code and the output, and for a code that is not a projection of the data
#    before it as well.
#
# 2. *A sigmoid only at the output, as tutorials have it. Is that network PCA?*
#
#    Not exactly: it is PCA before a squashing (a kind of logistic PCA with a squared error). The answers lie on a
#    curved surface, the same one however many linear layers stand before.
#
# 3. *Why does the loss of a linear network first drop fast and then in steps?*
#
#    The directions are learnt one after the other, the one with the largest eigenvalue first; the time for each is
#    about inverse to its eigenvalue.

# %%
chapter.finish(
    figure,
    {
        "arc_over_floor": {
            str(seed): {"without": broken[seed][1][-1] / floor[seed], "tanh": repaired[seed][1][-1] / floor[seed]}
            for seed in seeds
        },
        "excess_by_layers": {
            str(2 * depth + 2): losses[-1] / floor[chapter.seed] - 1 for depth, (_, losses) in by_depth.items()
        },
        "singular_values": singular,
        "bend": bends,
        "plane_over_floor": ends,
        "digits": {
            str(code): {
                "floor": pca[code],
                "without_over_floor": on_digits[code, None] / pca[code],
                "leaky_relu_over_floor": on_digits[code, LeakyReLU()] / pca[code],
            }
            for code in CODES
        },
        "q4b": q4b[-1],
    },
)
