# %% [markdown]
# # A sigmoid divides the gradient by four: after five layers the network only learns the mean
#
# The deep autoencoder trains, and after two epochs its loss no longer changes. All reconstructions are the same grey
# blur. A network with one hidden layer learns from the same data. It looks as if the units were saturated. Not one is.
#
# *Failure modes: F11 · networks: five hidden layers of 100 · advice: depth and vanishing gradients*

# %% [markdown]
# ## Is it yours?
#
# Five hidden layers of 100 units on 14×14 digits; the loss in nats per pixel, rounded:
#
# ```text
# epoch                 0     1     2     5    10    30
# sigmoid, as often   0.7   0.3  0.27  0.27  0.27  0.27
# ReLU with He's      0.7   0.3  0.23  0.18  0.16  0.15
# best constant      0.27
# ```
#
# ![Gradients layer by layer before the first step, and the loss by epoch](../figures/23_vanishing_gradients.png)
#
# **The one measurement**, before training: the root mean square of the gradient of the first layer's weights over the
# last one's. In the first row it is below a thousandth, in the second of the order of one.
#
# ## The claim
#
# An answer to the question why a convolutional autoencoder fails to train (Q2) says that deep networks are more prone
# to vanishing gradients. Depth alone does not do it. What happens per layer can be computed (Glorot and Bengio 2010; He
# et al. 2015). With weights independent, of mean 0 and variance $v$, $n$ units a layer, activation $\phi$ and $q$ the
# variance of a pre-activation,
#
# $$ E[dy_{\ell-1}^2] = \chi\, E[dy_\ell^2], \qquad \chi = n v\, E\bigl[\phi'(\sqrt q\, u)^2\bigr], \quad
#    u \sim N(0, 1). \qquad (1) $$
#
# A sigmoid has $\phi' \le 1/4$, so with $v = 1/n$ the squared gradient loses *at least* a factor 16 a layer, with
# nothing saturated. The same $\chi$ rules forwards: two inputs that differ by $\varepsilon$ give outputs that differ
# by $\varepsilon\,\chi^{L/2}$. Two repairs are on trial: rectifiers with He's weights, for which $\chi = 1$, and the
# paper's (Vincent et al. 2010, section 3): pretrain each layer as a denoising autoencoder on the clean codes of the one
# below.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import Corruption, DenoisingAutoencoder, Sequential, evaluate, fit, floors, layer_statistics
from scratchdae.activations import sigmoid
from scratchdae.chapter import Chapter
from scratchdae.datasets import digits, to_float
from scratchdae.layers import Dense, ReLU, Sigmoid, Tanh
from scratchdae.optimizers import SGD, Adam
from scratchdae.plots import BLUE, GREY, ORANGE, floor_line

chapter = Chapter.begin("23_vanishing_gradients")

WIDTH, DEPTH, CODERS = 100, 10, 3  # CODERS layers that encode; the trained network has 2 CODERS - 1 hidden ones
DRAWS = 5 if chapter.quick else 20  # of the first weights; (1) is about their mean
EPOCHS, PRETRAINING = (12, 8) if chapter.quick else (30, 10)  # the second for each layer
SEEDS = range(chapter.seed, chapter.seed + (1 if chapter.quick else 3))

x = to_float(digits().x_train[:1000], np.float32, side=14)
constant, floor = floors.constant(x, loss="cross_entropy"), floors.cross_entropy(x)

BROKEN, FOUR, TANH, HE = "sigmoid, variance 1/n", "sigmoid, 4 × Glorot", "tanh, Glorot", "ReLU, He"
PRETRAINED = "sigmoid, pretrained"
KINDS = {  # activation, initializer, the n v of (1), and the variance of the first layer's weights
    BROKEN: (Sigmoid, "lecun_normal", 1.0, 1 / 196),
    FOUR: (Sigmoid, "sigmoid_uniform", 16.0, 32 / (196 + WIDTH)),
    TANH: (Tanh, "glorot_uniform", 1.0, 2 / (196 + WIDTH)),
    HE: (ReLU, "he_normal", 2.0, 2 / 196),
}
TRAINED = (BROKEN, HE, PRETRAINED) if chapter.quick else (*KINDS, PRETRAINED)


def network(kind, seed, hidden=2 * CODERS - 1, dtype=np.float32):
    """Build an autoencoder of so many hidden layers; its sigmoid output is trained by cross-entropy from logits."""
    activation, initializer, *_ = KINDS[kind]
    layers = [*[Dense(WIDTH, initializer), activation()] * hidden, Dense(196, initializer), Sigmoid()]
    return Sequential(layers, (196,), np.random.default_rng(seed), loss="cross_entropy", dtype=dtype)


# %% [markdown]
# ## The run
#
# On the embedded digits, which a program draws, at 14×14 pixels. First ten layers that have taken no step, beside (1).
# The expectations over $u$ are Gauss–Hermite sums; for sigmoid and tanh $q$ changes from layer to layer.

# %%
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
ACTIVATIONS = {  # and their slopes
    Sigmoid: (sigmoid, lambda a: sigmoid(a) * sigmoid(-a)),
    Tanh: (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    ReLU: (lambda a: np.maximum(a, 0), lambda a: a > 0),
}


def factors(kind):
    """Return χ of layers 2 to DEPTH, by (1), from the recursion for q."""
    activation, _, nv, first = KINDS[kind]
    q, chi, (phi, slope) = 196 * first * float(np.mean(x * x)), [], ACTIVATIONS[activation]
    for _ in range(DEPTH - 1):
        q = nv * phi(np.sqrt(q) * NODES) ** 2 @ WEIGHTS
        chi.append(nv * slope(np.sqrt(q) * NODES) ** 2 @ WEIGHTS)
    return np.array(chi)


def look(kind, seed):
    """Return by hidden layer: mean squared gradient, squared difference of images; and the saturated share."""
    model = network(kind, seed, DEPTH, np.float64)  # in float32 the codes of layer 10 differ by round-off
    batch = x[:200].astype(np.float64)
    rows = [row for row in layer_statistics(model, batch, batch) if not row.name.startswith("dense")][:DEPTH]
    spread = [np.mean(model.forward(model.params, batch, depth=2 * k)[0].var(axis=0)) for k in range(1, DEPTH + 1)]
    return np.array([row.signal**2 for row in rows]), np.array(spread), max(row.saturated or 0.0 for row in rows)


looks = {kind: [look(kind, 1000 * chapter.seed + draw) for draw in range(DRAWS)] for kind in KINDS}
signal = {kind: np.exp(np.mean([np.log(one[0] / one[0][-1]) for one in many], axis=0)) for kind, many in looks.items()}
spread = np.exp(np.mean([np.log(one[1] / one[1][0]) for one in looks[BROKEN]], axis=0))
saturated = max(one[2] for one in looks[BROKEN])
predicted = {kind: np.append(np.cumprod(factors(kind)[::-1])[::-1], 1.0) for kind in KINDS}
per_layer = {kind: [float(way[kind][0] ** (1 / (DEPTH - 1))) for way in (signal, predicted)] for kind in KINDS}
forwards = float(spread[-1] ** (1 / (DEPTH - 1)))
for kind, (measured, expected) in per_layer.items():
    print(f"{kind:<22} squared gradient per layer {measured:.4f}, by (1) {expected:.4f}")
print(f"sigmoid: variance over images per layer, forwards {forwards:.4f}; saturated at most {saturated:.1%}")

# %% [markdown]
# Then five layers, trained. Broken and repaired differ by a row of `KINDS`, or by pretrained weights.


# %%
def train(model, seed, epochs=EPOCHS, optimizer=None, lr=1.0):
    """Train end to end; return the loss per pixel before training and after each epoch."""
    first, rule = evaluate(model, x), optimizer or SGD(momentum=0.9)
    history = fit(model, x, epochs=epochs, lr=lr, optimizer=rule, seed=seed, progress=False, backend="numpy")
    return np.array([first, *history["loss"]])


def gradient_ratio(model):
    """Return the root mean square of the first layer's dW over that of the last layer's."""
    grads = model.loss_and_grads(model.params, x, x)[1]
    first, *_, last = (np.sqrt(np.mean(value**2)) for name, value in grads.items() if name.endswith("W"))
    return float(first / last)


def pretrained(seed):
    """Build the broken network, and set its weights by denoising autoencoders trained one after the other."""
    model, codes, noise = network(BROKEN, seed), x, Corruption("masking", 0.25)
    for k in range(1, CODERS + 1):
        layer = DenoisingAutoencoder(codes.shape[1], WIDTH, np.random.default_rng([seed, k]), dtype=np.float32)
        fit(layer, codes, epochs=PRETRAINING, lr=0.1, corruption=noise, seed=seed + k, progress=False)
        W, b, b_prime = (layer.params[name] for name in ("W", "b", "b_prime"))
        model.params |= {f"dense_{k}.W": W, f"dense_{k}.b": b}
        model.params |= {f"dense_{2 * CODERS + 1 - k}.W": W.T.copy(), f"dense_{2 * CODERS + 1 - k}.b": b_prime}
        codes = layer.encode(codes)  # of clean inputs: corruption is for training only
    return model


curves, ratios = {}, {}
for seed in SEEDS:
    for kind in TRAINED:
        model = pretrained(seed) if kind == PRETRAINED else network(kind, seed)
        ratios[kind, seed] = gradient_ratio(model)
        longer = kind == BROKEN and not chapter.quick  # it is given the time that pretraining takes
        curves[kind, seed] = train(model, seed, EPOCHS + CODERS * PRETRAINING * longer)
excess = {key: float(curve[-1]) - floor for key, curve in curves.items()}
one = {kind: float(train(network(kind, chapter.seed, 1), chapter.seed)[-1]) for kind in (BROKEN, HE)}
price = excess[HE, chapter.seed] / (one[HE] - floor)  # of five rectified layers, in excesses of one
adam = float(train(network(BROKEN, chapter.seed), chapter.seed, optimizer=Adam(), lr=0.001)[-1])
print(f"nats per pixel: constant {constant:.4f}, entropy of the targets {floor:.4f}; broken, but with Adam: {adam:.4f}")
for key, curve in curves.items():
    print(f"{key}: dW first/last {ratios[key]:.1e}, before {curve[0]:.4f}, last {curve[-1]:.4f}")
print(f"one hidden layer: {one}; five rectified layers end at {price:.1f} times the excess of one")

# %% [markdown]
# ## The check

# %%
for kind, tolerance in ((BROKEN, 0.08), (FOUR, 0.15), (TANH, 0.08), (HE, 0.25)):
    ratio = per_layer[kind][0] / per_layer[kind][1]
    assert abs(ratio - 1) < tolerance, f"{kind}: squared gradient per layer {ratio:.3f} times (1)"
ratio = forwards / per_layer[BROKEN][1]
assert abs(ratio - 1) < 0.05, f"differences of images must shrink by the same factor, found {ratio:.3f} of it"
assert saturated == 0, f"no unit may be saturated: it is the slope 1/4 that does it, found {saturated:.1%}"
for seed in SEEDS:
    end, begin = curves[BROKEN, seed][-1] / constant, curves[PRETRAINED, seed][0] / constant
    assert ratios[BROKEN, seed] < 2e-3, f"seed {seed}: first/last gradient {ratios[BROKEN, seed]:.1e}"
    assert abs(end - 1) < 0.03, f"seed {seed}: the broken network must stay at the constant, found {end:.3f} of it"
    assert begin < 0.9, f"seed {seed}: pretrained it must begin below the constant, found {begin:.2f} of it"
    for kind in TRAINED[1:]:
        found = excess[kind, seed] / (constant - floor)
        assert found < 0.5, f"seed {seed}: {kind} leaves {found:.2f} of the constant's excess"
        assert ratios[kind, seed] > 20 * ratios[BROKEN, seed], f"{kind}: first/last gradient {ratios[kind, seed]:.1e}"
assert one[BROKEN] < 0.9 * constant, f"one sigmoid layer must learn, found {one[BROKEN]:.4f}"
assert 1.2 < price < 3.5, f"five rectified layers train, at a price: found {price:.1f} times the excess of one"

# %% [markdown]
# ## The figure

# %%
figure, (signals, course) = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
layer = np.arange(1, DEPTH + 1)
places = ((4.2, 1e-9), (1, 3e-5), (1, 0.03), (1, 20))
for kind, marker, color, at in zip(KINDS, "^vso", (ORANGE, GREY, BLUE, BLUE), places, strict=True):
    signals.semilogy(layer, signal[kind], marker, color=color, markersize=6)
    signals.semilogy(layer, predicted[kind], "k-", linewidth=0.8)
    signals.text(*at, f"{kind}: {per_layer[kind][0]:.2g}", color="0.4" if color == GREY else color)
signals.set(xlabel=f"hidden layer (of {DEPTH})", ylabel="squared gradient over the last layer's", ylim=(1e-13, 1e3))
signals.set_title("Before any step, and the factor per layer\n(lines: computed)", fontsize=11)

for kind, color, style in ((BROKEN, ORANGE, "^-"), (PRETRAINED, GREY, "D-"), (HE, BLUE, "o-")):
    course.semilogy(curves[kind, chapter.seed][: EPOCHS + 1], style, color=color, markersize=3)
course.text(EPOCHS, constant * 1.02, f"best constant, and {BROKEN}", color=ORANGE, ha="right", va="bottom")
course.text(EPOCHS * 0.3, 0.182, PRETRAINED, color="0.4")
course.text(EPOCHS, curves[HE, chapter.seed][-1] * 0.96, HE, color=BLUE, ha="right", va="top")
[floor_line(course, level) for level in (constant, floor)]
course.text(0, floor * 1.01, "entropy of the targets", va="bottom")
course.set(xlabel="epoch", ylabel="cross-entropy, nats per pixel", xticks=range(0, EPOCHS + 1, 3))
course.set_yticks([0.12, 0.15, 0.2, 0.3, 0.5, 1.0], ["0.12", "0.15", "0.2", "0.3", "0.5", "1"])
course.minorticks_off()
course.set_title(f"{2 * CODERS - 1} hidden layers:\nthe sigmoids stay at the constant", fontsize=11)

# %% [markdown]
# ## The cause
#
# **The factor.** $dy_{\ell-1} = W_\ell\,(dy_\ell \odot \phi'(a_\ell))$ is a sum of $n$ terms with weights of mean 0:
# (1), if the weights are independent of what comes from above. For rectifiers active units carry more of the gradient.
#
# **No saturation.** Sigmoids with $v = 1/n$ have $q \approx 0.26$: they sit in the middle of their range, where
# the slope is largest, and that is 1/4. So $\chi$ is a little below $1/16$. Multiply Glorot's weights by four, as the
# Theano tutorial does ($n v = 16$), and $\chi$ would be 1 at $q = 0$; but now $q$ is near 6, most units are away from
# the middle, and 0.4 is left. It trains, slowly.
#
# **Why the loss is that of the constant.** The last layer could learn, as on random features, if it saw any. Forwards
# the variance over images falls by the same $\chi$ a layer, so it learns a bias.
#
# **The truth about the advice.** Depth is not what stops it: five rectified layers train. It does cost something in as
# many epochs, about twice the excess of one layer, where five sigmoid layers keep all of the constant's. The networks
# of the question are rectified, so this is not what ails them. Adam, which divides by the size of the gradient, leaves
# the plateau late. Nor is the plateau a minimum: with pretrained weights the same network begins below it.

# %% [markdown]
# ## The cure in PyTorch
#
# `model` ends in logits, `loss_fn` is `BCEWithLogitsLoss()`, `widths` is `[196, 100, 100, 100, 100, 100, 196]`.
#
# ```python
# loss_fn(model(batch), batch).backward()
# grads = [float(p.grad.square().mean().sqrt()) for p in model.parameters() if p.dim() == 2]
# ratio = grads[0] / grads[-1]
#
# layers = []
# for n_in, n_out in zip(widths[:-1], widths[1:]):
#     layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
#     torch.nn.init.kaiming_normal_(layers[-2].weight, nonlinearity="relu")
# repaired = torch.nn.Sequential(*layers[:-1])
# ```
#
# ## The cure in Keras
#
# The same forwards: how much the images differ after the last hidden layer, over the first.
#
# ```python
# look = keras.Model(model.inputs, [layer.output for layer in model.layers])
# spread = [float(y.std(axis=0).mean()) for y in look.predict(batch, verbose=0)]
# ratio = spread[-2] / spread[0]
#
# layers = [keras.layers.Dense(n, "relu", kernel_initializer="he_normal") for n in widths[1:-1]]
# repaired = keras.Sequential([keras.Input(widths[:1]), *layers, keras.layers.Dense(widths[-1])])
# ```

# %% [markdown]
# ## Exercises
#
# 1. Why does tanh with $n v = 1$ lose its gradient only slowly, though $\chi < 1$?
# 2. Could a larger learning rate replace the repair?
#
# ### Answers
#
# 1. For small $q$: $E[\tanh^2] \approx q - 2q^2$ and $E[(1 - \tanh^2)^2] \approx 1 - 2q$. The recursion $q \to q -
#    2q^2$ has $q_\ell \approx 1/(2\ell)$, so $\chi_\ell \approx 1 - 1/\ell$, and the product over layers $m$ to $L$
#    is $(m - 1)/L$: a power of the depth, not an exponential.
# 2. No: one rate for all diverges in the last layer first. One rate for each layer is, roughly, what Adam has.

# %%
print("A sigmoid layer with weights of variance 1/n takes a factor 16 off the squared gradient, unsaturated.")
print("Your own network: compare the first layer's gradient with the last one's before training. Rectify the units.")
chapter.finish(
    figure,
    {
        "squared_gradient_per_layer_measured_and_computed": per_layer,
        "constant": constant,
        "floor": floor,
        "first_over_last_gradient": {f"{kind}, seed {seed}": ratio for (kind, seed), ratio in ratios.items()},
        "loss_by_epoch": {f"{kind}, seed {seed}": curve for (kind, seed), curve in curves.items()},
        "one_hidden_layer": one,
        "broken_with_adam": adam,
    },
)
