# %% [markdown]
# # A sigmoid divides the gradient by four: after five layers the network only learns the mean
#
# The deep autoencoder compiles, trains, and after one epoch has a loss that never changes again, in the third digit
# or the fourth. All reconstructions are the same grey blur, whatever goes in. A network with one hidden layer learns
# from the same data without trouble. Look at the gradients: the last layer's has an ordinary size, the first layer's
# is thousands of times smaller. It looks as if the units were saturated. They are not: not one.
#
# *Failure modes: F11 · networks: five hidden layers of 100 · advice: depth and vanishing gradients*

# %% [markdown]
# ## The claim
#
# An answer to the question why a convolutional autoencoder fails to train (Q2) blames *depth and vanishing gradients*,
# among other things. Depth alone does not do it. What happens per layer can be computed (Glorot and Bengio 2010; He et
# al. 2015). With weights independent, of mean 0 and variance $v$, $n$ units a layer, activation $\phi$ and $q$ the
# variance of a pre-activation,
#
# $$ E[dy_{\ell-1}^2] = \chi\, E[dy_\ell^2], \qquad \chi = n v\, E\bigl[\phi'(\sqrt q\, u)^2\bigr], \quad
#    u \sim N(0, 1). \qquad (1) $$
#
# A sigmoid has $\phi' \le 1/4$, so with $v = 1/n$ the squared gradient loses *at least* a factor 16 a layer: (1) with
# nothing saturated. The same $\chi$ rules forwards: two inputs that differ by $\varepsilon$ give outputs that differ
# by $\varepsilon\,\chi^{L/2}$. So the last layer, which has a good gradient, sees the same code for every image, and
# all it can learn is the mean.
#
# Two repairs are on trial: rectifiers with He's weights, for which $\chi = 1$, and the answer of the paper (Vincent et
# al. 2010, section 3): pretrain each layer as a denoising autoencoder on the clean codes of the one below.

# %%
import matplotlib.pyplot as plt
import numpy as np

from scratchdae import DenoisingAutoencoder, Sequential, evaluate, fit, floors, layer_statistics
from scratchdae.activations import sigmoid
from scratchdae.chapter import Chapter
from scratchdae.corruption import Corruption
from scratchdae.datasets import digits, to_float
from scratchdae.layers import Dense, ReLU, Sigmoid, Tanh
from scratchdae.optimizers import SGD, Adam
from scratchdae.plots import BLUE, GREY, ORANGE

chapter = Chapter.begin("23_vanishing_gradients")

WIDTH, DEPTH, CODERS = 100, 10, 3  # CODERS layers that encode; the trained network has 2 CODERS - 1 hidden ones
DRAWS = 3 if chapter.quick else 20  # of the first weights; (1) is about their mean
N_TRAIN = 1000
EPOCHS = 12 if chapter.quick else 30
PRETRAINING = 8 if chapter.quick else 10  # epochs for each layer
LR, MOMENTUM = 1.0, 0.9  # of the loss averaged over pixels
REPAIRED = 0.4 if chapter.quick else 0.3  # largest excess over the floor, relative to the broken run's
SEEDS = [chapter.seed] if chapter.quick else [chapter.seed, chapter.seed + 1, chapter.seed + 2]

x = to_float(digits().x_train[:N_TRAIN], np.float32).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
constant, floor = floors.constant(x, loss="cross_entropy"), floors.cross_entropy(x)

BROKEN, FOUR, TANH, HE = "sigmoid, variance 1/n", "sigmoid, 4 × Glorot", "tanh, Glorot", "ReLU, He"
PRETRAINED = "sigmoid, pretrained"
KINDS = {  # activation, initializer, and the n v of (1)
    BROKEN: (Sigmoid, "lecun_normal", 1.0),
    FOUR: (Sigmoid, "sigmoid_uniform", 16.0),
    TANH: (Tanh, "glorot_uniform", 1.0),
    HE: (ReLU, "he_normal", 2.0),
}
TRAINED = (BROKEN, HE, PRETRAINED) if chapter.quick else (*KINDS, PRETRAINED)


def network(kind, seed, hidden, dtype=np.float32):
    """Build an autoencoder of so many hidden layers; its sigmoid output is trained by cross-entropy from logits."""
    activation, initializer, _ = KINDS[kind]
    layers = [layer for _ in range(hidden) for layer in (Dense(WIDTH, initializer), activation())]
    return Sequential(
        [*layers, Dense(196, initializer), Sigmoid()],
        (196,),
        np.random.default_rng(seed),
        loss="cross_entropy",
        dtype=dtype,
    )


# %% [markdown]
# ## The run
#
# On the embedded digits, which a program draws, averaged to 14×14 pixels. First the gradients of networks that have
# taken no step, layer by layer, beside (1). The expectations over $u$ are Gauss–Hermite sums; for sigmoid and tanh, $q$
# itself changes from layer to layer.

# %%
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
VALUES = {Sigmoid: sigmoid, Tanh: np.tanh, ReLU: lambda a: np.maximum(a, 0)}
SLOPES = {
    Sigmoid: lambda a: sigmoid(a) * sigmoid(-a),
    Tanh: lambda a: 1 - np.tanh(a) ** 2,
    ReLU: lambda a: (a > 0) + 0.0,
}


def expectation(values):
    """Average over a standard normal variable, given the values at the nodes."""
    return float(values @ WEIGHTS / WEIGHTS.sum())


def factors(kind, hidden=DEPTH):
    """Return χ of layers 2 to `hidden`, by (1), from the recursion for q."""
    activation, _, nv = KINDS[kind]
    q = expectation_of_first(kind)
    chi = []
    for _ in range(hidden - 1):
        q = nv * expectation(VALUES[activation](np.sqrt(q) * NODES) ** 2)
        chi.append(nv * expectation(SLOPES[activation](np.sqrt(q) * NODES) ** 2))
    return np.array(chi)


def expectation_of_first(kind):
    """Return q of the first layer: 196 inputs, and Glorot's variance looks at both sides."""
    variance = {BROKEN: 1 / 196, FOUR: 32 / (196 + WIDTH), TANH: 2 / (196 + WIDTH), HE: 2 / 196}[kind]
    return 196 * variance * float(np.mean(x * x))


def look(kind, seed):
    """Return by hidden layer: mean squared gradient, squared difference of images, saturated share; and dW's norms."""
    model = network(kind, seed, DEPTH, np.float64)  # in float32 the codes of layer 10 differ by round-off
    batch = x[:200].astype(np.float64)
    rows = [row for row in layer_statistics(model, batch, batch) if not row.name.startswith("dense")][:DEPTH]
    spread = [np.mean(model.forward(model.params, batch, depth=2 * k)[0].var(axis=0)) for k in range(1, DEPTH + 1)]
    return np.array([row.signal**2 for row in rows]), np.array(spread), [row.saturated or 0.0 for row in rows]


looks = {kind: [look(kind, 1000 * chapter.seed + draw) for draw in range(DRAWS)] for kind in KINDS}
signal = {kind: np.exp(np.mean([np.log(one[0] / one[0][-1]) for one in many], axis=0)) for kind, many in looks.items()}
spread = {kind: np.exp(np.mean([np.log(one[1] / one[1][0]) for one in many], axis=0)) for kind, many in looks.items()}
saturated = float(np.max([one[2] for one in looks[BROKEN]]))
chi = {kind: factors(kind) for kind in KINDS}
predicted = {kind: np.append(np.cumprod(values[::-1])[::-1], 1.0) for kind, values in chi.items()}
per_layer = {
    kind: {
        "measured": float(signal[kind][0] ** (1 / (DEPTH - 1))),
        "expected": float(predicted[kind][0] ** (1 / (DEPTH - 1))),
    }
    for kind in KINDS
}
for kind, row in per_layer.items():
    print(f"{kind:<22} squared gradient per layer {row['measured']:.4f}, by (1) {row['expected']:.4f}")
forwards = float(spread[BROKEN][-1] ** (1 / (DEPTH - 1)))
print(f"sigmoid: variance over images per layer, forwards {forwards:.4f}; largest saturated share {saturated:.1%}")


# %%
def train(model, seed, epochs=EPOCHS, optimizer=None, lr=LR):
    """Train end to end; return the loss per pixel after each epoch, the first entry before any."""
    first = evaluate(model, x)
    rule = optimizer or SGD(momentum=MOMENTUM)
    history = fit(model, x, epochs=epochs, lr=lr, optimizer=rule, seed=seed, progress=False, backend="numpy")
    return np.array([first, *history["loss"]])


def gradient_ratio(model):
    """Return the root mean square of the first layer's dW over that of the last layer's."""
    grads = model.loss_and_grads(model.params, x, x)[1]
    first, *_, last = (np.sqrt(np.mean(value**2)) for name, value in grads.items() if name.endswith("W"))
    return float(first / last)


def pretrained(seed):
    """Build the broken network, and set its weights by denoising autoencoders trained one after the other."""
    model = network(BROKEN, seed, 2 * CODERS - 1)
    rng, codes = np.random.default_rng([seed, 23]), x
    for k in range(1, CODERS + 1):
        layer = DenoisingAutoencoder(codes.shape[1], WIDTH, rng, dtype=np.float32)
        fit(
            layer,
            codes,
            epochs=PRETRAINING,
            lr=0.1,
            corruption=Corruption("masking", 0.25),
            seed=seed + k,
            progress=False,
        )
        encoder, decoder = f"dense_{k}", f"dense_{2 * CODERS + 1 - k}"
        model.params[f"{encoder}.W"], model.params[f"{encoder}.b"] = layer.params["W"], layer.params["b"]
        model.params[f"{decoder}.W"], model.params[f"{decoder}.b"] = layer.params["W"].T.copy(), layer.params["b_prime"]
        codes = layer.encode(codes)  # of clean inputs: corruption is for training only
    return model


curves, ratios = {}, {}
for seed in SEEDS:
    for kind in TRAINED:
        model = pretrained(seed) if kind == PRETRAINED else network(kind, seed, 2 * CODERS - 1)
        ratios[kind, seed] = gradient_ratio(model)
        longer = kind == BROKEN and not chapter.quick  # it is given the time that pretraining takes
        epochs = EPOCHS + CODERS * PRETRAINING * longer
        curves[kind, seed] = train(model, seed, epochs)
last = {key: float(curve[-1]) for key, curve in curves.items()}
excess = {key: value - floor for key, value in last.items()}
depths = (1, 2 * CODERS - 1) if chapter.quick else (1, 3, 2 * CODERS - 1)
by_depth = {
    kind: [
        curves[kind, chapter.seed][EPOCHS]
        if hidden == depths[-1]
        else train(network(kind, chapter.seed, hidden), chapter.seed)[-1]
        for hidden in depths
    ]
    for kind in (BROKEN, HE)
}
adam = None
if not chapter.quick:
    model = network(BROKEN, chapter.seed, 2 * CODERS - 1)
    adam = float(train(model, chapter.seed, optimizer=Adam(), lr=0.001)[-1])
    print(f"{BROKEN} with Adam at 0.001: {adam:.4f}")
print(f"\nconstant {constant:.4f}, entropy of the targets {floor:.4f} (nats per pixel)")
for (kind, seed), curve in curves.items():
    print(
        f"{kind:<22} seed {seed}: dW first/last {ratios[kind, seed]:.1e}, before {curve[0]:.4f}, last {curve[-1]:.4f}"
    )
over_one = {kind: (np.array(values) - floor) / (values[0] - floor) for kind, values in by_depth.items()}
for kind, values in by_depth.items():
    print(f"{kind:<22} with {depths} hidden layers: {np.round(values, 4)}; excess over that of one: {over_one[kind]}")

# %% [markdown]
# ## The check

# %%
for kind, tolerance in ((BROKEN, 0.05), (FOUR, 0.15), (TANH, 0.05), (HE, 0.2)):
    ratio = per_layer[kind]["measured"] / per_layer[kind]["expected"]
    assert abs(ratio - 1) < tolerance, f"{kind}: squared gradient per layer {ratio:.3f} times (1)"
assert chi[BROKEN].max() <= 1 / 16, f"a sigmoid of variance 1/n loses at least a factor 16, found {chi[BROKEN].max()}"
ratio = forwards / per_layer[BROKEN]["expected"]
assert abs(ratio - 1) < 0.05, f"differences of images must shrink by the same factor, found {ratio:.3f} of it"
assert saturated == 0, f"no unit may be saturated: it is the slope 1/4 that does it, found {saturated:.1%}"
for seed in SEEDS:
    broken = excess[BROKEN, seed]
    assert ratios[BROKEN, seed] < 2e-3, f"seed {seed}: first/last gradient {ratios[BROKEN, seed]:.1e}"
    assert abs(last[BROKEN, seed] / constant - 1) < 0.02, f"seed {seed}: broken ends at {last[BROKEN, seed]:.4f}"
    for kind in TRAINED[1:]:
        bound = 0.5 if kind == FOUR else REPAIRED
        found = excess[kind, seed] / broken
        assert found < bound, f"seed {seed}: {kind} leaves {found:.2f} of the excess"
        assert ratios[kind, seed] > 20 * ratios[BROKEN, seed], f"{kind}: first/last gradient {ratios[kind, seed]:.1e}"
assert by_depth[BROKEN][0] < 0.9 * constant, f"one sigmoid layer must learn, found {by_depth[BROKEN][0]:.4f}"

# %% [markdown]
# ## The figure

# %%
figure, (signals, course, depth_axis) = plt.subplots(1, 3, figsize=(18, 6), layout="constrained")

layer = np.arange(1, DEPTH + 1)
markers = {BROKEN: ("^", ORANGE), FOUR: ("v", GREY), TANH: ("s", BLUE), HE: ("o", BLUE)}
for kind, (marker, color) in markers.items():
    label = f"{kind}: {per_layer[kind]['measured']:.3f} a layer"
    signals.semilogy(layer, signal[kind], marker, color=color, markersize=7, label=label)
    signals.semilogy(
        layer, predicted[kind], "k--", linewidth=1, label="(1), with its recursion" if kind == HE else None
    )
signals.semilogy(layer, 16.0 ** (layer - DEPTH), ":", color="black", label="1/16 a layer")
signals.semilogy(
    layer, spread[BROKEN], "x-", color=ORANGE, linewidth=0.8, label="sigmoid, 1/n: variance over images, forwards"
)
signals.set(xlabel=f"hidden layer (width {WIDTH})", ylabel="mean squared gradient, relative to the last layer")
signals.set_title(
    "Before any step: gradients shrink backwards, and differences\nof images forwards, by a factor that can be computed"
)
signals.set_ylim(1e-19, 30)  # room for the legend
signals.legend(loc="lower right", fontsize=9)

styles = {BROKEN: (ORANGE, "^-"), FOUR: (GREY, "v-"), PRETRAINED: (BLUE, "D--"), TANH: (BLUE, "s:"), HE: (BLUE, "o-")}
for kind in TRAINED:
    color, style = styles[kind]
    curve = curves[kind, chapter.seed][: EPOCHS + 1]
    course.semilogy(np.arange(len(curve)), curve, style, color=color, markersize=4, label=f"{kind}: {curve[-1]:.4f}")
course.axhline(constant, color="black", linestyle="--", linewidth=1)
course.text(EPOCHS, constant * 1.02, "best constant", ha="right")
course.axhline(floor, color="black", linestyle=":", linewidth=1)
course.text(EPOCHS, floor * 1.01, "entropy of the targets", ha="right")
course.set(xlabel="epoch (0: before the first step)", ylabel="cross-entropy (nats per pixel, training digits)")
course.set_yticks([0.12, 0.15, 0.2, 0.3, 0.5, 1.0], ["0.12", "0.15", "0.2", "0.3", "0.5", "1"])
course.minorticks_off()
course.set_title(
    f"{2 * CODERS - 1} hidden layers: the sigmoids stay at the mean;\npretrained, the same network starts far below it"
)
course.legend()

for kind in (BROKEN, HE):
    color, style = styles[kind]
    depth_axis.plot(depths, by_depth[kind], style, color=color, markersize=8, label=kind)
depth_axis.plot(depths[-1], last[PRETRAINED, chapter.seed], "D", color=BLUE, markersize=9, label=PRETRAINED)
depth_axis.axhline(constant, color="black", linestyle="--", linewidth=1)
depth_axis.axhline(floor, color="black", linestyle=":", linewidth=1)
depth_axis.set(xlabel="hidden layers", ylabel=f"cross-entropy after {EPOCHS} epochs (nats per pixel)", xticks=depths)
depth_axis.set_title(
    "Depth times a small factor does it, not depth: with factor 1\n"
    f"five layers train too, to {over_one[HE][-1]:.1f} times the excess of one"
)
depth_axis.legend()
for ax in (signals, course, depth_axis):
    ax.grid(alpha=0.3)

# %% [markdown]
# ## The cause
#
# **The factor.** $dy_{\ell-1} = W_\ell\,(dy_\ell \odot \phi'(a_\ell))$ is a sum of $n$ terms with independent weights
# of mean 0, so $E[dy_{\ell-1}^2] = n v\, E[dy_\ell^2]\, E[\phi'(a_\ell)^2]$, which is (1), as long as the weights may
# be taken as independent of what comes from above. That is good to a percent for sigmoid and tanh. For rectifiers the
# measured factor is 1.09 and not 1: the gradient of this loss is correlated with the outputs, and active units carry
# more of it.
#
# **No saturation.** Sigmoids with $v = 1/n$ have $q \approx 0.26$: they sit in the middle of their range, where
# the slope is largest, and that largest slope is 1/4. So $\chi = 0.0557$, a little below $1/16 = 0.0625$. The
# share of saturated units is 0. Multiply the weights by four, as the tutorials for sigmoid units do ($n v = 16$), and
# $\chi$ would be 1 at $q = 0$; but now $q$ is near 6, most units are away from the middle, and 0.40 is left. It
# trains, slowly: 0.1758.
#
# **Why the loss is that of the constant.** One would expect a network with untrained first layers to learn with its
# last one, as with random features. It cannot: forwards the variance over images falls by 0.0556 a layer, the same
# $\chi$. The last layer gets a bias and next to nothing else. With one hidden layer the same sigmoids reach 0.1613,
# with three 0.2488, with five 0.2681, where the constant has 0.2666.
#
# **The repairs.** The same network with pretrained weights has a loss of 0.1898 before the first common step; the
# broken one, given all the epochs that pretraining took on top, ends at 0.2675. First over last gradient: 0.28
# against 0.0003. Rectifiers with He's weights need no pretraining and end lower, 0.1455 against 0.1537, tanh at
# 0.1505. History went the same way.
#
# **The truth about the advice.** Depth is not what stops it: five rectified layers end at 0.1455, one at 0.1311. Over
# the entropy of the targets that is more than twice the excess of one, so depth does cost something in as many epochs;
# but it is less than a fifth of the constant's, where five sigmoid layers stay. The networks of the question are
# rectified, so this is not what ails them. And Adam, which divides by the size of the gradient, does leave the plateau
# in the end (0.2509 after 30 epochs), but slowly: it cannot restore what is lost forwards.

# %% [markdown]
# ## Exercises
#
# 1. *How much smaller is the gradient five sigmoid layers down, at least, with $v = 1/n$?*
#
#    In the mean square $16^5$, about a million; in amplitude $4^5 = 1024$.
#
# 2. *Why does tanh with $n v = 1$ lose its gradient only slowly, though $\chi < 1$?*
#
#    For small $q$: $E[\tanh^2] \approx q - 2q^2$ and $E[(1 - \tanh^2)^2] \approx 1 - 2q$. The recursion $q \to q -
#    2q^2$ has $q_\ell \approx 1/(2\ell)$, so $\chi_\ell \approx 1 - 1/\ell$, and the product over layers $m$ to $L$
#    is $(m - 1)/L$: a power of the depth, not an exponential.
#
# 3. *Could a larger learning rate replace the repair?*
#
#    A step in the first layer would have to be 3,000 times larger than in the last. One rate for all diverges in the
#    last layer first. One rate for each layer is, roughly, what Adam has.
#
# 4. *The gradient of the first layer is tiny. Is the network at a minimum?*
#
#    No: at a plateau. Same network, same data, other weights (the pretrained ones), lower loss.

# %%
chapter.finish(
    figure,
    {
        "squared_gradient_per_layer": per_layer,
        "factor_of_the_last_layer": {kind: values[-1] for kind, values in chi.items()},
        "variance_over_images_per_layer_sigmoid": forwards,
        "largest_saturated_share": saturated,
        "constant": constant,
        "floor": floor,
        "runs": [
            {
                "kind": kind,
                "seed": seed,
                "first_over_last_gradient": ratios[kind, seed],
                "before": curve[0],
                "last": curve[-1],
                "excess": excess[kind, seed],
                "excess_over_that_of_the_broken": excess[kind, seed] / excess[BROKEN, seed],
            }
            for (kind, seed), curve in curves.items()
        ],
        "by_depth": {"hidden_layers": depths, **by_depth},
        "broken_with_adam": adam,
    },
)
