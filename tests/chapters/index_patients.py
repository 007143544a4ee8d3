"""A training that somebody brings, and what can be measured on it with the library's own functions."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from scratchdae import Corruption, NonFiniteError, Sequential, evaluate, fit, floors, layer_statistics, losses
from scratchdae.layers import Dense, ReLU, Sigmoid, Tanh
from scratchdae.optimizers import Adam

RANGES = {Sigmoid: (0.0, 1.0), Tanh: (-1.0, 1.0), ReLU: (0.0, np.inf)}
ADAM = {"optimizer": Adam()}
EVERY = 10**6  # a batch of all examples


class Run(NamedTuple):
    """What a training left."""

    model: Sequential
    first: dict  # parameters before the first step
    losses: np.ndarray  # before the first step and after every epoch
    finite: bool  # False if a loss or a gradient was not


@dataclass(frozen=True, eq=False)
class Patient:
    """A training, not yet run."""

    layers: tuple
    x: np.ndarray  # what it is fed
    epochs: int = 1
    lr: float = 1e-9  # of a training that has long converged, to the weights that `first` sets
    target: np.ndarray | None = None  # the clean input if left out
    loss: str = "squared_error"
    options: dict = field(default_factory=dict)  # of `fit`; batches of all examples unless it says otherwise
    first: object = None  # changes the network's parameters before the first step, when it has seen the data
    at_mean: bool = False  # whether it begins with the mean of the data for its mean answer, as after a few steps
    clean: np.ndarray | None = None  # what is wanted, where that is not the target
    new: np.ndarray | None = None  # examples that it is not trained on
    model: type = Sequential
    reduction: str = "mean"
    dtype: type = np.float64
    seed: int = 0

    @property
    def t(self):
        return self.x if self.target is None else self.target

    @property
    def noise(self):
        corruption = self.options.get("corruption")
        return None if corruption is None else (corruption, 0, np.random.default_rng(9))

    def build(self):
        options = {"loss": self.loss, "reduction": self.reduction, "dtype": self.dtype}
        network = self.model(list(self.layers), self.x.shape[1:], np.random.default_rng(self.seed), **options)
        if self.first is not None:
            self.first(network, self.x)
        if self.at_mean:
            name = f"dense_{sum(isinstance(layer, Dense) for layer in self.layers)}.b"
            network.params[name] = network.params[name] + (self.t - network.predict(self.x)).mean(axis=0)
        return network

    @cached_property
    def run(self):
        """Train, and evaluate before the first step and after every epoch as the training does, with its noise."""
        model = self.build()
        first = dict(model.params)
        with np.errstate(all="ignore"):
            watched = [evaluate(model, self.x, self.t, noise=self.noise)]

        def watch(_, params):
            watched.append(evaluate(model, self.x, self.t, params=params, noise=self.noise))

        options = {"progress": False, "batch_size": EVERY, "backend": "numpy", "seed": self.seed} | self.options
        finite = True
        try:
            with np.errstate(all="ignore"):
                fit(model, self.x, self.target, epochs=self.epochs, lr=self.lr, on_epoch=watch, **options)
        except NonFiniteError:
            finite = False
        return Run(model, first, np.array(watched), finite)

    @cached_property
    def table(self):
        return layer_statistics(self.run.model, self.x[:200], self.t[:200])

    @property
    def final(self):
        return self.run.losses[-1]

    @cached_property
    def constant(self):
        return floors.constant(flat(self.t), self.loss)

    @property
    def share(self):
        """The loss as a share of the constant's; infinite if it is none."""
        return self.final / self.constant if self.run.finite else np.inf

    @property
    def answers(self):
        return self.run.model.predict(self.x)

    @property
    def logits(self):
        model = self.run.model
        return model.forward(model.params, self.x, depth=len(self.layers) - 1)[0]

    @property
    def output(self):
        return type(self.layers[-1])

    @property
    def width(self):
        """Of the narrowest dense layer but the last."""
        return min(layer.units for layer in self.layers[:-1] if isinstance(layer, Dense))


def flat(x):
    return x.reshape(len(x), -1)


def onwards(patient, **changes):
    """Return the training that begins with the last weights of another."""
    weights = patient.run.model.params
    return replace(patient, first=lambda network, x: network.params.update(weights), at_mean=False, **changes)


def on(patient, change):
    """Return the training on data that were changed."""
    return replace(patient, x=change(patient.x), target=None if patient.target is None else change(patient.target))


def standardised(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def scaled(x):
    return (x - x.min()) / (x.max() - x.min())


def shuffled(x):
    return floors.permute_features(flat(x), np.random.default_rng(1)).reshape(x.shape)


def further(one, other):
    """Whether a training left a clearly smaller share of the constant's loss than another."""
    return one.share < 0.9 * other.share


def range_floor(patient):
    low, high = RANGES.get(patient.output, (-np.inf, np.inf))
    return floors.output_range(flat(patient.t), low, high)


def on_floor(patient, floor, room=0.05):
    """Whether the loss has come down to a floor that is not 0: a relative excess near 0."""
    return floor > 0.01 * patient.constant and patient.final - floor < room * abs(patient.constant - floor)


def dead(patient):
    """Whether all units of a layer are dead; then no gradient passes it."""
    for k, row in enumerate(patient.table):
        if row.dead is not None and row.dead == patient.run.model.shapes[k + 1][-1]:
            assert all(before.gradient in (0, None) for before in patient.table[:k])
            return True
    return False


def saturated(patient):
    """Whether the output's sigmoid has next to no slope nearly anywhere, its pre-activations beyond ±10."""
    if patient.output is not Sigmoid or np.mean(np.abs(patient.logits) > 10) < 0.9:
        return False
    assert patient.table[-1].saturated > 0.9
    return True


def fading(patient):
    """Tell, where the input's variation is lost from layer to layer, whether the layers' values go with it."""
    rows = [row for row in patient.table[:-1] if not row.name.startswith("dense")]
    if not rows or rows[-1].of_input > 0.03:
        return None
    shares = [row.of_input for row in rows]
    assert all(after < before for before, after in pairwise(shares))
    return "22" if abs(rows[-1].mean) < 0.05 else "23"


def tenfold(patient):
    """Whether ten times the learning rate gets as far in a tenth of the steps, and that is somewhere."""
    fast = replace(patient, lr=10 * patient.lr, epochs=patient.epochs // 10).run
    came = patient.run.losses[0] - patient.final
    return fast.finite and came > 0 and abs(fast.losses[0] - fast.losses[-1] - came) < 0.3 * came


def more_steps(patient):
    """Whether ten times the steps get further."""
    return further(replace(patient, epochs=10 * patient.epochs), patient)


def still_falls(patient):
    """Whether the last tenth of the run lowered the loss by a hundredth or more."""
    tail = patient.run.losses[-len(patient.run.losses) // 10 :]
    return tail[-1] < 0.99 * tail[0]


def about_the_mean(x):
    """The columns' mean square over their variance."""
    return float(np.square(x.mean(axis=0)).mean() / x.var(axis=0).mean())


def conditioning(x):
    values = np.linalg.eigvalsh(flat(x).T @ flat(x) / len(x))
    return values[-1] / max(values[0], 1e-15)


def grows_by_layer(patient):
    """Whether the outputs of the dense layers, before any step, at least double from each to the next."""
    with np.errstate(all="ignore"):
        table = layer_statistics(patient.build(), patient.x, patient.t)
    stds = [row.std for row in table if row.name.startswith("dense") and np.isfinite(row.std)]
    return len(stds) > 2 and stds[-1] > 2.0 ** (len(stds) - 1) * stds[0]


def promise(patient):
    """The decrease of the loss in one small step, over what the gradient promises."""
    model, h = patient.run.model, 1e-6
    before, grads = model.loss_and_grads(model.params, patient.x, patient.t)
    after = model.loss({name: value - h * grads[name] for name, value in model.params.items()}, patient.x, patient.t)
    return (before - after) / (h * sum((g * g).sum() for g in grads.values()))


def shuffled_codes(patient):
    """Whether a linear code of that width leaves as much of columns that were shuffled one by one."""
    found = floors.survey(flat(patient.t), np.random.default_rng(0), masks=[])
    k = min(patient.width, found.d)
    return found.codes[k] > 0.9 * found.shuffled[k]


def code_floor(patient):
    codes = floors.linear_codes(floors.eigenvalues(flat(patient.t)))
    return codes[min(patient.width, len(codes) - 1)]


def noise_floor(patient):
    corruption = patient.options.get("corruption")
    if corruption is None:
        return 0.0
    level, x = corruption.at(0), flat(patient.t)
    if corruption.kind == "gaussian":
        return floors.wiener(floors.eigenvalues(x), level)
    return floors.masking(x.T @ x / len(x), level, x.mean(axis=0), exact_count=True)[0]


def grid_floor(patient):
    if patient.x.ndim != 4 or not any(type(layer).__name__ == "AveragePool2D" for layer in patient.layers):
        return 0.0
    return floors.average_pooling(patient.x[..., 0], 2)


def nonlinear(patient):
    """The same training with a tanh after every dense layer but the code and the last."""
    code = patient.width
    layers = [
        layer for dense in patient.layers[:-1] for layer in ((dense,) if dense.units == code else (dense, Tanh()))
    ]
    return replace(patient, layers=(*layers, patient.layers[-1]))


def gain(patient):
    """How much of a small random change of the input arrives at the output."""
    change = 1e-3 * np.random.default_rng(4).standard_normal(patient.x.shape)
    arrives = patient.run.model.predict(patient.x + change) - patient.answers
    return float((arrives * change).sum() / (change * change).sum())


def logit_loss(patient, dtype=np.float64):
    """The cross-entropy from logits, in double precision, per entry."""
    return float(losses.cross_entropy(flat(patient.logits).astype(dtype), flat(patient.t).astype(dtype), "mean")[0])


def gaussian(level):
    return Corruption("gaussian", level)
