"""Small trainings that go wrong in known ways: each shows a symptom of the index for a reason that it knows.

Where a training would take long to arrive, it begins with the weights at which it would.
"""

from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace

import numpy as np
from index_patients import ADAM, Patient, flat, gaussian
from index_steps import clipped, fresh

from scratchdae import (
    Corruption,
    Sequential,
    Training,
    classification_error,
    evaluate,
    finetune,
    fit,
    floors,
    losses,
)
from scratchdae.datasets import bernoulli, curved_manifold, digits, redundant_columns, sinusoids, to_float, uniform
from scratchdae.doctor import examine
from scratchdae.layers import (
    LSTM,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    L1Activity,
    ReLU,
    RepeatVector,
    Sigmoid,
    Tanh,
    UpSampling2D,
)
from scratchdae.optimizers import SGD, Adam

KERAS = Adam.of("keras")
_RNG = np.random.default_rng(2008)
MIXED = redundant_columns(200, 10, 2, _RNG)[0]  # ten columns that two numbers tell, in [0, 1]
FACTORS = redundant_columns(300, 10, 6, _RNG)[0]
NOISE = uniform(300, 10, _RNG)  # independent columns
CENTRED = MIXED - MIXED.mean(axis=0)
RAW = np.round(255 * MIXED)
ARC = curved_manifold(300, _RNG)[0]
PICTURES = to_float(digits().x_train[:100]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))  # 14×14
SERIES = sinusoids(30, 8, 3, _RNG)
HIDDEN = (Dense(8), ReLU(), Dense(10))


def kill(network, x):
    """Take all units of the first layer to the negative side of every example."""
    network.params["dense_1.b"][:] = -100


def times(factor, which=""):
    """Multiply the first weights."""

    def first(network, x):
        for name, value in network.params.items():
            if name.startswith(which):
                network.params[name] = factor * value

    return first


def to_map(A, b=0.0, encoder="dense_1", decoder="dense_2"):
    """Let a linear code be that map, as after a training that has converged: x → x A + b, through its rank."""

    def first(network, x):
        left, values, right = np.linalg.svd(A)
        k = network.params[f"{encoder}.W"].shape[1]
        network.params[f"{encoder}.W"] = left[:, :k] * values[:k]
        network.params[f"{decoder}.W"] = right[:k]
        network.params[f"{decoder}.b"] = np.zeros(len(right)) + b

    return first


def to_pca(network, x):
    """Let a linear code be the best one."""
    _, vectors = np.linalg.eigh(np.cov(x.T))
    k = network.params["dense_1.W"].shape[1]
    A = vectors[:, -k:] @ vectors[:, -k:].T
    to_map(A, x.mean(axis=0) - x.mean(axis=0) @ A)(network, x)


def to_denoiser(s):
    """Let a linear network be Wiener's filter."""

    def first(network, x):
        C = np.cov(x.T)
        A = np.linalg.solve(C + s * s * np.eye(len(C)), C)
        to_map(A, x.mean(axis=0) - x.mean(axis=0) @ A)(network, x)

    return first


def identity(network, x):
    """Let a network of one wide rectified layer copy: units that are on for every example, and others that are off."""
    W, b = np.zeros_like(network.params["dense_1.W"]), np.full_like(network.params["dense_1.b"], -100.0)
    d = len(W)
    W[:, :d], b[:d] = np.eye(d), 10
    network.params |= {"dense_1.W": W, "dense_1.b": b, "dense_2.W": W.T.copy(), "dense_2.b": np.full(d, -10.0)}


@cache
def out_of_range():
    """Grey levels from 0 to 255 under a sigmoid."""
    return Patient((Dense(8), ReLU(), Dense(10), Sigmoid()), RAW, 60, 0.1, options=ADAM)


@cache
def faint_range():
    """Values of some tens on both sides of 0 under a sigmoid: what it can reach is hardly better than the mean."""
    return replace(out_of_range_signed(), x=7.5 * out_of_range_signed().x - 1.8, epochs=100)


@cache
def out_of_range_signed():
    """Standardised data under a sigmoid."""
    x = (MIXED - MIXED.mean(axis=0)) / MIXED.std(axis=0)
    return Patient((Dense(16), ReLU(), Dense(10), Sigmoid()), x, 800, 0.05, options=ADAM)


def near_the_identity(network, x):
    network.params |= {"dense_1.W": np.eye(2), "dense_2.W": 4.9 * np.eye(2), "dense_2.b": np.full(2, -2.45)}


@cache
def at_the_entropy():
    """Uniform numbers under a cross-entropy, the best weights."""
    x = uniform(500, 2, np.random.default_rng(1))
    return Patient(
        (Dense(2), Dense(2), Sigmoid()), x, 40, 1e-2, loss="cross_entropy", first=near_the_identity, options=ADAM
    )


@cache
def killed():
    return Patient(HIDDEN, MIXED, 20, 0.1, first=kill, at_mean=True)


@cache
def penalised():
    """An L1 penalty that costs more than what a code is worth."""
    return Patient((Dense(8), ReLU(), L1Activity(3.0), Dense(10)), MIXED, 400, 0.02, options=ADAM)


@cache
def black():
    """A sigmoid at the output whose pre-activations are far on the dark side."""

    def first(network, x):
        network.params["dense_2.b"][:] = -40

    return Patient((*HIDDEN, Sigmoid()), MIXED, 20, 0.1, first=first)


@cache
def faint():
    return Patient(
        (*(layer for _ in range(4) for layer in (Dense(16), ReLU())), Dense(10)),
        MIXED,
        20,
        0.1,
        first=times(0.01),
        at_mean=True,
    )


@cache
def sigmoids():
    layers = tuple(layer for _ in range(6) for layer in (Dense(16), Sigmoid()))
    return Patient((*layers, Dense(10)), MIXED, 30, 0.1, at_mean=True)


@cache
def slow():
    return Patient(HIDDEN, MIXED, 50, 1e-7, options=ADAM)


@cache
def slow_from_the_mean():
    return replace(slow(), first=times(0.01, "dense_2.W"), at_mean=True)


@cache
def denoising(s):
    level = s * CENTRED.std()
    return Patient((Dense(10), Dense(10)), CENTRED, first=to_denoiser(level), options={"corruption": gaussian(level)})


def checked_pictures():
    """Pictures with detail within every block of 2×2."""
    rng = np.random.default_rng(4)
    return 0.5 * rng.random((100, 4, 4, 1)).repeat(2, axis=1).repeat(2, axis=2) + 0.5 * rng.random((100, 8, 8, 1))


@cache
def pooled():
    def first(network, x):
        network.params["conv2d_1.W"][:] = 1

    return Patient((AveragePool2D(2), Conv2D(1, 1), UpSampling2D(2)), checked_pictures(), first=first)


@cache
def incompressible():
    return Patient((Dense(3), Dense(10)), NOISE, first=to_pca)


@cache
def incompressible_at_the_constant():
    """A code of one number for independent columns, hardly below the mean."""
    x = uniform(4000, 50, np.random.default_rng(2))
    return Patient((Dense(1), Dense(50)), x, first=to_pca)


@cache
def deep_linear():
    return Patient((Dense(16), Dense(1), Dense(16), Dense(2)), ARC, 400, 0.02, options=ADAM)


@cache
def narrow():
    return Patient((Dense(3), Dense(10)), FACTORS, first=to_pca)


@cache
def stopped():
    """Below the constant, and still falling."""
    return Patient((Dense(4), Tanh(), Dense(10)), MIXED, 60, 0.01, options=ADAM)


@cache
def on_its_way():
    """Flat, on the floor of a code of one; but it has a code of four."""

    def first(network, x):
        to_pca(network, x)
        network.params["dense_1.W"][:, :3] = 0
        network.params["dense_2.b"] = (
            x.mean(axis=0) - x.mean(axis=0) @ network.params["dense_1.W"] @ network.params["dense_2.W"]
        )

    return Patient((Dense(4), Dense(10)), FACTORS, first=first)


@cache
def hardly_varying():
    """84 columns about 1.109 that vary by hundredths."""
    x = 1.109 + 0.02 * (redundant_columns(200, 84, 4, np.random.default_rng(3))[0] - 0.5)
    return Patient((Dense(16), ReLU(), Dense(84)), x, 100, 0.2, first=times(0.1, "dense_2.W"), at_mean=True)


@cache
def hardly_varying_at_first():
    return replace(hardly_varying(), at_mean=False, options={"batch_size": 20}, epochs=20, lr=0.01)


@cache
def before_the_saddle():
    """Gradient descent at a good rate, stopped before it leaves the mean."""
    return Patient((Dense(6), Dense(10)), 4 * CENTRED, 10, 0.1, first=times(0.05))


@cache
def tanh_on_grey_levels():
    return Patient((Dense(16), Tanh(), Dense(10)), RAW, 300, 1e-2, options=ADAM)


@cache
def crawling():
    """Uniform columns, not centred, at the largest rate that is stable."""
    x = uniform(300, 60, np.random.default_rng(5))
    largest = 2 / 60 * np.linalg.eigvalsh(x.T @ x / len(x))[-1]
    return Patient((Dense(60),), x, 20, 1.8 / largest)


def sequence(activation="relu", epochs=30, lr=1e-6, steps=8):
    layers = (
        LSTM(8, activation=activation),
        RepeatVector(steps),
        LSTM(8, return_sequences=True, activation=activation),
        Dense(3),
    )

    def first(network, x):
        network.params["dense_1.b"][:] = 0.5

    return Patient(layers, SERIES, epochs, lr, first=first, options=ADAM)


@cache
def slow_sequence():
    return sequence()


@cache
def short_sequence():
    return sequence("tanh", 60, 0.02)


@cache
def exploded_sequence():
    return sequence(lr=0.3, epochs=90)


@cache
def long_sequence():
    """Forty steps in single precision: the state overflows."""
    series = sinusoids(5, 40, 3, np.random.default_rng(9)).astype(np.float32)
    return replace(sequence(lr=1.0, epochs=20, steps=40), x=series, dtype=np.float32)


@cache
def slow_coin():
    """Balanced bits under a cross-entropy, at a rate of nothing."""
    x = bernoulli(300, 6, np.random.default_rng(6))
    return Patient((Dense(6), Sigmoid()), x, 50, 1e-7, loss="cross_entropy", options=ADAM)


@dataclass(frozen=True)
class NeverZeroed:
    """Broken: gradient descent along the sum of all gradients so far."""

    def init(self, params):
        return {name: np.zeros_like(value) for name, value in params.items()}

    def update(self, params, grads, state, lr):
        state = {name: state[name] + grads[name] for name in params}
        return {name: value - lr * state[name] for name, value in params.items()}, state


@cache
def never_zeroed():
    x = CENTRED @ np.linalg.svd(CENTRED)[2][:1].T  # a single curvature
    return Patient((Dense(1),), x, 600, 0.05, options={"optimizer": NeverZeroed()})


@cache
def noisy_batches():
    x = NOISE[:, :6]
    return Patient((Dense(2), Dense(6)), x - x.mean(axis=0), 16, 0.3, first=to_pca, options={"batch_size": 2})


@cache
def too_fast():
    return Patient((Dense(6), Tanh(), Dense(10)), MIXED, 200, 0.3, options=ADAM)


@cache
def nan_in_the_data():
    x = np.c_[MIXED, np.ones(200)]
    with np.errstate(invalid="ignore"):
        return Patient((Dense(4), ReLU(), Dense(11)), (x - x.mean(axis=0)) / x.std(axis=0))


@cache
def overflowing():
    layers = tuple(layer for _ in range(40) for layer in (Dense(10, init_W="he_normal"), ReLU()))
    return Patient((*layers, Dense(10)), MIXED.astype(np.float32), first=times(10), dtype=np.float32)


class Probabilities(Sequential):
    """Broken: the cross-entropy from probabilities, in single precision."""

    def output_loss(self, output, target):
        value, d_output = super().output_loss(output, target)
        z, t = 1 / (1 + np.exp(-output)), target
        with np.errstate(all="ignore"):
            value = -(t * np.log(z) + (1 - t) * np.log(1 - z)).mean()
            d_output = (z - t) / (z * (1 - z)) * z * (1 - z) / t.size
        return value, d_output


BITS = bernoulli(100, 6, np.random.default_rng(7)).astype(np.float32)


@cache
def rounded(scale=40.0, epochs=1):
    """Right answers, so sure that their probability is 1."""

    def first(network, x):
        network.params |= {
            "dense_1.W": scale * np.eye(6, dtype=np.float32),
            "dense_1.b": np.full(6, -scale / 2, np.float32),
        }

    return Patient(
        (Dense(6), Sigmoid()),
        BITS,
        epochs,
        0.5,
        loss="cross_entropy",
        first=first,
        model=Probabilities,
        dtype=np.float32,
    )


@cache
def rounded_later():
    return replace(rounded(32.0), epochs=60, lr=0.02, options=ADAM)


@cache
def diverging():
    return Patient((Dense(10),), CENTRED, 400, 200.0)


@cache
def diverging_unscaled():
    return Patient((Dense(10),), RAW, 200, 0.05, options={"optimizer": SGD(momentum=0.5)})


@cache
def scaled_twice():
    return Patient(HIDDEN, MIXED / MIXED.max() / 255, 20, 0.001, options=ADAM)


@cache
def rectified(x=None, hidden=False):
    """An output of rectifiers that are positive on no example."""

    def first(network, x):
        network.params["dense_2.b"][:] = -100
        if hidden:
            network.params["dense_1.b"][:] = -100

    return Patient((*HIDDEN, ReLU()), CENTRED if x is None else x, 5, 0.01, first=first)


@cache
def noisy_copy():
    """Wiener's filter for little noise, looked at with that noise."""
    return denoising(0.3)


@cache
def memorised():
    """Twenty rows of thirty independent columns, a code of nineteen."""
    x, new = (uniform(n, 30, np.random.default_rng(8)) for n in (20, 200))
    return Patient((Dense(19), Dense(30)), x, first=to_pca, new=new[20:])


@cache
def own_noise():
    """The noisy array was passed as its own target."""
    noisy = CENTRED + 0.3 * np.random.default_rng(10).standard_normal(CENTRED.shape)
    return Patient((Dense(10), Dense(10)), noisy, first=to_map(np.eye(10)), new=noisy[:50], clean=CENTRED)


@cache
def copying(width, corruption=None):
    options = {} if corruption is None else {"corruption": gaussian(corruption)}
    x = MIXED
    layers = (Dense(width), Dense(10)) if width == 10 else (Dense(width), ReLU(), Dense(10))
    return Patient(
        layers, x, first=to_map(np.eye(10)) if width == 10 else identity, new=x[:50], options=options, clean=x
    )


class WrongBackward(Sequential):
    """Broken: the first layer's gradient lacks its factor."""

    def loss_and_grads(self, params, x, target, rng=None):
        value, grads = super().loss_and_grads(params, x, target, rng)
        return value, {name: 0.2 * grad if name.startswith("dense_1.") else grad for name, grad in grads.items()}


@cache
def wrong_backward():
    return Patient((Dense(4), Tanh(), Dense(10)), MIXED, 40, 0.1, model=WrongBackward)


@cache
def large_batches():
    return Patient((Dense(10),), FACTORS - FACTORS.mean(axis=0), 10, 7.0, options={"batch_size": 300})


@cache
def long_way():
    """A batch of one, a good rate for it, a few epochs."""
    x = FACTORS[:4] - FACTORS[:4].mean(axis=0)
    return Patient((Dense(10),), x, 10, 4.0, options={"batch_size": 1})


@cache
def summed():
    return Patient((Dense(20), ReLU(), Dense(196)), flat(PICTURES), reduction="paper")


@cache
def overflowing_mildly():
    layers = tuple(layer for _ in range(6) for layer in (Dense(10, init_W="he_normal"), ReLU()))
    return Patient((*layers, Dense(10)), MIXED, first=times(10))


@cache
def sure_and_wrong():
    """Weights from N(0, 1), as many a tutorial has them; the loss is what a clip at 1e-7 leaves of it."""

    def first(network, x):
        for name, value in network.params.items():
            if name.endswith("W"):
                network.params[name] = np.random.default_rng(8).standard_normal(value.shape)

    return Patient((Dense(128), ReLU(), Dense(196), Sigmoid()), flat(PICTURES), loss="cross_entropy", first=first)


@cache
def small_units():
    """Numbers that are small by nature: metres where millimetres were meant."""
    return Patient(HIDDEN, 1e-3 * CENTRED, 5, 0.01)


@cache
def signed_cross_entropy():
    return signed(CENTRED)


@cache
def grey_level_cross_entropy():
    return signed(RAW)


def signed(t):
    """Report what a cross-entropy that does not look at its targets makes of them."""
    a = np.where(t < 0, -10, np.where(t > 1, 10, 0))
    return SimpleNamespace(t=t, reported=float((np.maximum(a, 0) - t * a + np.log1p(np.exp(-np.abs(a)))).mean()))


def watched(layers, epochs, lr, corruption=None, random=True, batch_size=20):
    model = Sequential(layers, (10,), np.random.default_rng(0))
    records = fit(
        model,
        MIXED,
        epochs=epochs,
        lr=lr,
        optimizer=Adam(),
        corruption=corruption,
        validation=MIXED,
        batch_size=batch_size,
        progress=False,
        backend="numpy",
    )
    return SimpleNamespace(
        model=model,
        params=model.params,
        x=MIXED,
        training=records["loss"],
        validation=records["validation_loss"],
        random_in_training=random,
    )


@cache
def dropout():
    return watched([Dense(20), ReLU(), Dropout(0.5), Dense(10)], 60, 0.01)


@cache
def first_epochs():
    return watched([Dense(20), ReLU(), Dense(10)], 3, 0.01, random=False)


@dataclass
class Other:
    """Somebody else's implementation beside the library's; what is not said otherwise is the library's."""

    factor: float = 1.0
    clip: bool = False
    wrong: bool = False
    rule: object = SGD(momentum=0.9)  # frozen
    adapter: object = None

    def __post_init__(self):
        self.x = uniform(20, 6, np.random.default_rng(1))
        self.network = (WrongBackward if self.wrong else Sequential)(
            [Dense(4), Tanh(), Dense(6)], (6,), np.random.default_rng(2)
        )
        self.params = self.network.params

    def own_loss(self, scale):
        return losses.cross_entropy(scale * (self.x - 0.4), self.x, "mean")[0]

    def loss(self, scale):
        a = scale * (self.x - 0.4)
        if not self.clip:
            return self.factor * losses.cross_entropy(a, self.x, "mean")[0]
        z = np.clip(1 / (1 + np.exp(-a)), 1e-7, 1 - 1e-7)
        return -(self.x * np.log(z) + (1 - self.x) * np.log(1 - z)).mean()

    def loss_and_grads(self, params):
        return self.network.loss_and_grads(params, self.x, self.x)

    def after_one_step(self):
        _, grads = self.loss_and_grads(self.params)
        rules = Adam(), self.rule
        return [rule.update(self.params, grads, rule.init(self.params), 0.01)[0] for rule in rules]


class MeanOverAll:
    """Broken: divides by the components too, whatever it is asked for."""

    name = "mean over all"

    def loss(self, inputs, conventions):
        found = losses.LOSSES[conventions["loss"]](inputs["a"], inputs["target"], "mean")
        return {"loss": found[0], "d_a": found[1]}


@cache
def jumping():
    return Patient((Dense(6), Tanh(), Dense(10)), MIXED, 200, 0.3, options=ADAM)


def evaluation(patient, bad, random=False, noisy=False):
    return SimpleNamespace(patient=patient, bad=bad, random_in_evaluation=random, comes_back_noisy=lambda: noisy)


@dataclass(frozen=True, eq=False)
class InTraining(Patient):
    """What it reports is by the statistics of the batch."""

    @property
    def final(self):
        return self.run.model.loss_and_grads(self.run.model.params, self.x, self.t, np.random.default_rng(0))[0]


@cache
def lagging():
    """Grey levels, forty steps, and batch normalisation that keeps 0.99 of its statistics at each."""
    layers = (Dense(20), BatchNorm.of("keras"), ReLU(), Dense(10))
    p = InTraining(layers, RAW, 40, 0.02, MIXED, options=ADAM)
    return evaluation(p, evaluate(p.run.model, p.x, p.t))


@cache
def bad_on_new():
    p = memorised()
    return evaluation(p, evaluate(p.run.model, p.new, p.new))


@cache
def left_in_training():
    """A dropout layer that is on when the network is evaluated."""
    p = Patient((Dropout(0.2), Dense(20), ReLU(), Dense(10)), MIXED, first=identity, new=MIXED[:50])
    output, _ = p.run.model.forward(p.run.model.params, MIXED, np.random.default_rng(0))
    return evaluation(p, np.square(output - MIXED).mean(), random=True)


@cache
def noisy_comes_back_noisy():
    p = copying(20)
    noisy = MIXED + 0.3 * np.random.default_rng(12).standard_normal(MIXED.shape)
    back = p.run.model.predict(noisy)
    return evaluation(p, np.square(back - MIXED).mean(), noisy=np.square(back - noisy).mean() < 0.01 * 0.3**2)


@cache
def never_shown_clean():
    """The best linear answer to masked inputs, handed whole ones."""
    S = MIXED.T @ MIXED / len(MIXED)
    _, W = floors.masking(S, 0.75, MIXED.mean(axis=0), exact_count=False)
    p = Patient((Dense(10), Dense(10)), MIXED, new=MIXED, options={"corruption": Corruption("bernoulli", 0.75)})
    b = MIXED.mean(axis=0) - 0.25 * MIXED.mean(axis=0) @ W
    p = replace(p, first=to_map(W, b))
    return evaluation(p, evaluate(p.run.model, MIXED, MIXED))


def picture_report(patient, reported=None, clean=None):
    reported = patient.final if reported is None else reported
    return SimpleNamespace(patient=patient, reported=reported, clean=patient.t if clean is None else clean)


@cache
def clip_hides():
    p = sure_and_wrong()
    return picture_report(p, clipped(p))


@cache
def own_noise_report():
    return picture_report(own_noise(), clean=CENTRED)


@cache
def solved():
    return picture_report(at_the_entropy())


@cache
def small_units_report():
    return picture_report(replace(small_units(), epochs=1))


@cache
def ignored():
    """A code of one, little noise."""
    return replace(narrow(), layers=(Dense(1), Dense(10)), options={"corruption": gaussian(0.01)})


@cache
def alike():
    def first(network, x):
        for name in ("dense_1.W", "dense_2.W"):
            network.params[name] = np.full_like(network.params[name], 0.1)

    return Patient(HIDDEN, MIXED, 50, 0.05, first=first)


@cache
def mostly_dead():
    def first(network, x):
        network.params["dense_1.b"][:6] = -100

    return Patient(HIDDEN, MIXED, 50, 0.05, first=first)


@cache
def sometimes_explodes():
    return sequence(lr=0.15, epochs=25)


@cache
def sometimes_dead():
    layers = tuple(layer for _ in range(4) for layer in (Dense(3, init_W="he_normal"), ReLU()))
    return Patient((*layers, Dense(10)), MIXED, 60, 0.05, options=ADAM)


@cache
def scattered():
    return Patient((Dense(2), Tanh(), Dense(10)), FACTORS, 60, 0.02, options=ADAM)


@cache
def hopeless_map():
    return tuple(replace(incompressible_at_the_constant(), lr=lr) for lr in (1e-9, 1e-8))


@cache
def noise_map():
    return tuple(denoising(s) for s in (0.1, 0.5, 1.0))


@cache
def luck_map():
    return tuple(run for lr in (0.02, 0.022) for run in fresh(replace(scattered(), lr=lr), 6))


@cache
def static():
    """An overcomplete copier, whose filters are its first weights."""

    def first(network, x):
        W = network.params["dense_1.W"]
        network.params["dense_2.W"] = np.linalg.pinv(W)

    return Patient((Dense(40), Dense(10)), CENTRED, first=first)


@cache
def texture():
    return Patient(
        (Dense(20), Sigmoid(), Dense(196), Sigmoid()),
        flat(PICTURES),
        150,
        0.02,
        loss="cross_entropy",
        options=ADAM | {"corruption": Corruption("masking", 0.3)},
    )


@dataclass(frozen=True)
class Features:
    """A linear code of four numbers, pretrained with a fraction of the input destroyed, and a softmax on the codes.

    Of 28 columns 20 share a faint number, by which the classes are told; the eight others are strong, and each alone.
    """

    tell: bool = True  # whether the classes have anything to do with the columns
    memorises: bool = False

    def data(self, seed, n=200):
        rng = np.random.default_rng(seed)
        shared = rng.choice([-0.08, 0.08], (n, 1))
        x = np.c_[shared + 0.01 * rng.standard_normal((n, 20)), rng.choice([-0.5, 0.5], (n, 8))]
        return x, (shared[:, 0] > 0).astype(int) if self.tell else rng.integers(0, 2, n)

    def patient(self, nu, seed=0):
        if self.memorises:
            return memorised()
        x, _ = self.data(0)
        corruption = {"corruption": Corruption("masking", nu)} if nu else {}
        return Patient((Dense(4), Dense(28)), x, 250, 0.02, new=self.data(1)[0], options=ADAM | corruption, seed=seed)

    def error(self, nu, seed):
        model = self.patient(nu, seed).run.model
        codes = [(x @ model.params["dense_1.W"], t) for x, t in (self.data(0), self.data(1))]
        (x, t), new = codes
        network, _ = finetune([], x, t, classes=2, epochs=20, lr=0.5, progress=False, backend="numpy")
        return classification_error(network, *new)


@cache
def deep_classifier():
    return classifier(6, 4, 0.05)


@cache
def overfitting_classifier():
    return classifier(2, 30, 0.01, Tanh())


def classifier(depth, epochs, lr, activation=Sigmoid()):  # noqa: B008  # frozen
    """Tell the sign of a sum from noise beside it: few examples, many columns."""
    rng = np.random.default_rng(11)
    x = rng.standard_normal((260, 20))
    labels = (x[:, 0] + 2 * rng.standard_normal(260) > 0).astype(int)
    layers = [*(layer for _ in range(depth) for layer in (Dense(16), activation)), Dense(2)]

    class Labelled:
        chance = np.log(2)

        def __init__(self, epochs):
            self.epochs = epochs
            self.model = Sequential(
                layers, (20,), np.random.default_rng(0), loss="softmax_cross_entropy", output_shape=(2,)
            )
            rule = {"optimizer": Adam()} if depth == 2 else {}
            fit(self.model, x[:60], labels[:60], epochs=epochs, lr=lr, progress=False, backend="numpy", **rule)

        @property
        def final(self):
            return evaluate(self.model, x[:60], labels[:60])

        @property
        def test_error(self):
            return classification_error(self.model, x[60:], labels[60:])

        def longer(self):
            return Labelled(10 * self.epochs)

    return Labelled(epochs)


@dataclass(frozen=True)
class Timed:
    """The step of a tied autoencoder, 784-500 in float32, at some batch size, on a machine that is stated.

    No test asks a clock: the machine carries 10 GB a second and does 50 billion operations. A step carries W fifteen
    times, whatever the batch, and does 10 B D H operations, as chapter 33 counts.
    """

    batch_size: int
    training: Patient | None = None

    def seconds(self, times):
        weights = 784 * 500
        return 15 * 4 * weights / 10e9 + 10 * times * self.batch_size * weights / 50e9


def ask_the_doctor():
    def build(seed):
        return Sequential(list(HIDDEN), (10,), np.random.default_rng(seed)), Training(10, 1e-6, 64, optimizer=Adam())

    return examine(build, None, MIXED, steps=60, budget_s=5.0)
