"""A training of scratchdae's own: a denoising autoencoder or a sequence of layers, and its `Training`.

A change edits what `build` returned before the first step: the layers, which are plain data and are put together anew,
the weights, the data, the `Training`. Steps are those of `fit`, compiled where they are.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from scratchdae import backend
from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params
from scratchdae.datasets import to_float
from scratchdae.doctor.patient import Anatomy, Change, Fact, Noise, Outcome, UsersError
from scratchdae.doctor.patients import course
from scratchdae.doctor.patients.course import CLEAN, Activity, Examples, flat
from scratchdae.doctor.remedies import REMEDIES
from scratchdae.layers import Dropout, GaussianNoise, Identity, Layer
from scratchdae.layers.activation import Elementwise
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.sequential import Sequential
from scratchdae.optimizers import Clipped, Optimizer, global_norm
from scratchdae.training.generators import streams
from scratchdae.training.history import History
from scratchdae.training.options import Training
from scratchdae.training.state import Run
from scratchdae.training.steps import choose

Build = Callable[[int], tuple[Any, Training]]
KINDS = {"Dense": "linear", "Conv2D": "conv2d", "Conv2DTranspose": "conv_transpose2d", "LSTM": "lstm"}
NAMES = {"LeakyReLU": "leaky_relu"}
NEARLY_NOTHING = 0.05  # of a gradient is left by clipping


class ScratchPatient:
    """A `build` whose model trains by `fit`, and the data."""

    framework = "scratchdae"
    output_scale = (np.float64(1), np.float64(0))  # the loss compares the examples as they are

    def __init__(self, build: Build, x: Any, held_out: Any = None, unseen: tuple[str, ...] = ()) -> None:
        self.build, self.unseen = build, unseen
        x = to_float(np.asarray(x), np.float64)
        x, held_out = course.split(x, None if held_out is None else to_float(np.asarray(held_out), np.float64))
        self.axes = x.shape[1:]
        self.x, self.held_out = flat(x), flat(held_out)
        self.image_shape = course.image_shape(self.axes)
        self.batch_size = min(Trainee(self, 0).training.batch_size, len(x))

    def anatomy(self, seed: int) -> Anatomy:
        trainee = Trainee(self, seed)
        trainee.begin()
        model, training = trainee.model, trainee.training
        rule = bare(training.optimizer)
        facts = self._facts(trainee)
        layers, shapes = trainee.layers, trainee.shapes
        with_weights = [k for k, layer in enumerate(layers) if type(layer).__name__ in KINDS]
        widths = [min(math.prod(shapes[a + 1]), math.prod(shapes[b])) for a, b in pairwise(with_weights)]
        noisy = training.corruption is not None and training.corruption.kind not in ("gaussian", "masking", "bernoulli")
        unseen = (f"{training.corruption} is judged as masking of as much",) if noisy else ()
        return Anatomy(
            framework=self.framework,
            loss={"cross_entropy": "cross_entropy_from_logits"}.get(trainee.loss, trainee.loss),
            scale=self.x.shape[1] if trainee.reduction == "paper" else 1.0,
            penalty=float(training.l2 > 0),
            output=name_of(layers[trainee.last]) if trainee.last is not None else "linear",
            hidden=tuple(
                name_of(layer) for k, layer in enumerate(layers) if is_activation(layer) and k != trainee.last
            ),
            layers=tuple(KINDS[type(layers[k]).__name__] for k in with_weights),
            code=min(widths, default=None),
            noise=trainee.noise,
            optimizer=type(rule).__name__,
            lr=training.rate(0),
            weight_decay=2 * training.l2 + getattr(rule, "weight_decay", 0.0),  # l2 Σ W² has the gradient 2 l2 W
            parameters=sum(value.size for value in model.params.values()),
            facts=tuple(facts),
            unseen=(*self.unseen, *unseen),
        )

    def _facts(self, trainee: "Trainee") -> list[Fact]:
        facts, training = [], trainee.training
        if isinstance(training.optimizer, Clipped) and training.optimizer.max_norm is not None:
            grads = trainee.all_gradients(np.arange(trainee.size))
            norm = global_norm(grads)
            if math.isfinite(norm) and training.optimizer.max_norm < NEARLY_NOTHING * norm:
                left = training.optimizer.max_norm / norm
                facts.append(Fact("C06", f"clipping leaves {left:.2g} of the first gradient"))
        strong = [layer.rate for layer in trainee.layers if isinstance(layer, Dropout) and layer.rate >= 0.5]
        if strong:
            facts.append(Fact("C08", f"dropout of {max(strong):g}"))
        nothing = [n for n, value in trainee.model.params.items() if value.ndim > 1 and not value.any()]
        if nothing:
            facts.append(Fact("F09", f"the first weights {', '.join(nothing[:3])} are all 0"))
        return facts

    def train(
        self, seed: int, steps: int, changes: Sequence[Change] = (), reference: Noise = CLEAN, signs: bool = False
    ) -> Outcome:
        trainee = Trainee(self, seed, changes)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            trainee.begin()
            return course.train(trainee, Examples(self.x, self.held_out), seed, steps, changes, reference, signs)

    def lines(self, change: Change) -> str:
        remedy = REMEDIES[change.name]
        return (remedy.scratchdae or f"# {remedy.sentence}").format(
            factor=course.amount(change), what="its clipping, its schedule, its dropout"
        )


class Trainee:
    """One training in progress: what `build` gave, taken apart, changed, and put together again."""

    def __init__(self, patient: ScratchPatient, seed: int, changes: Sequence[Change] = ()) -> None:
        from scratchdae.doctor.patients import scratch_changes

        self.patient, self.seed = patient, seed
        try:
            built = patient.build(seed)
        except Exception as error:
            raise UsersError(f"{type(error).__name__}: {' '.join(str(error).split())} (in build)") from error
        if not isinstance(built, tuple) or len(built) != 2 or not isinstance(built[1], Training):
            raise UsersError(f"build must return (model, Training), found {type(built).__name__}")
        model, self.training = built
        if not isinstance(model, DenoisingAutoencoder | Sequential):
            raise UsersError(f"build must return a DenoisingAutoencoder or a Sequential, found {type(model).__name__}")
        self.model: Any = model
        self.is_paper = isinstance(model, DenoisingAutoencoder)
        if isinstance(model, Sequential):
            if model.loss_name == "softmax_cross_entropy" or math.prod(model.shapes[-1]) != math.prod(model.shapes[0]):
                raise UsersError("the model must reconstruct its input, found another output")
            self.layers: list[Layer] = list(model.layers)
            self.loss, self.reduction, self.axes = model.loss_name, model.reduction, model.shapes[0]
        else:
            self.layers = scratch_changes.as_layers(model)
            self.loss, self.reduction = model.options["loss"], model.options["reduction"]
            self.axes = (model.n_visible,)
        self.lr_factor, self.batch_factor, self.extra_noise = 1.0, 1.0, 0.0
        self.scale: tuple[Array, Array] | None = None  # what is taken off every column, and what it is divided by
        self.after: list[Callable[[Params], None]] = []  # what is done to the first weights, in place
        for change in changes:
            if change.name == "more_steps":  # the laboratory takes them
                continue
            if change.name not in scratch_changes.CHANGES:
                raise course.not_from_outside(change.name)
            scratch_changes.CHANGES[change.name](self, change)
        self.size = max(1, min(round(self.training.batch_size * self.batch_factor), len(patient.x)))

    # ------------------------------------------------------------------ putting together
    @property
    def last(self) -> int | None:
        """The place of the output's activation among the layers; None where the output is linear."""
        for k in reversed(range(len(self.layers))):
            if is_activation(self.layers[k]):
                return k
            if type(self.layers[k]).__name__ not in ("Flatten", "Reshape", "Identity"):
                return None
        return None

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of one example before the first layer, and after each."""
        found = [tuple(self.axes)]
        for layer in self.layers:
            found.append(layer.output_shape(found[-1]))
        return found

    @property
    def noise(self) -> Noise:
        """What the network is fed, beside the examples."""
        corruption = self.training.corruption
        if corruption is not None and corruption.at(0) > 0:
            return Noise("gaussian" if corruption.kind == "gaussian" else "masking", corruption.at(0))
        first = self.layers[0]
        if isinstance(first, GaussianNoise) and first.std > 0:
            return Noise("gaussian", first.std)
        return Noise("masking", first.rate) if isinstance(first, Dropout) and first.rate > 0 else Noise()

    @property
    def gain(self) -> float:
        first = self.layers[0]
        return 1 / (1 - first.rate) if isinstance(first, Dropout) else 1.0

    def begin(self) -> None:
        """Put the model together, with the user's first weights wherever they still fit."""
        from scratchdae.doctor.patients import scratch_changes

        self.model = scratch_changes.assembled(self, np.random.default_rng(self.seed))
        x = self.transform(self.patient.x)
        try:
            self.model.check(self._shaped(x[: self.size]), self._shaped(x[: self.size]))
        except ValueError as error:
            raise UsersError(str(error)) from None
        for act in self.after:
            act(self.model.params)
        params = {name: np.array(value, order="C") for name, value in self.model.params.items()}
        optimizer: Optimizer = self.training.optimizer
        self.x = self._shaped(x)
        self.run = Run({}, params, optimizer.init(params), streams(self.seed), History(), False)
        chosen = choose(self.model, optimizer, self.training.backend)
        self.take, self.backend = chosen.take, chosen.name
        self.taken = 0
        self.noise_rng = np.random.default_rng([self.seed, 1])

    def _shaped(self, x: Array) -> Array:
        return x.reshape(len(x), *self.axes).astype(self.model.dtype)

    def transform(self, x: Array) -> Array:
        return x if self.scale is None else (x - self.scale[0]) / self.scale[1]

    # ------------------------------------------------------------------ training
    @property
    def epoch(self) -> int:
        """How often the data were gone through, from 0."""
        return self.taken * self.size // len(self.patient.x)

    @property
    def rate(self) -> float:
        return self.training.rate(self.epoch) * self.lr_factor

    def _corrupted(self, clean: Array) -> Array:
        corruption = self.training.corruption
        x_tilde = clean if corruption is None else corruption.corrupt(clean, self.run.streams.corruption, self.epoch)
        if self.extra_noise:
            size = self.extra_noise / (1.0 if self.scale is None else float(np.mean(self.scale[1])))
            x_tilde = x_tilde + (size * self.noise_rng.standard_normal(clean.shape)).astype(clean.dtype)
        return x_tilde

    def step(self, rows: Array) -> float:
        clean = self.x[rows]
        losses, culprit = self.take(self.run, self._corrupted(clean)[None], clean[None], self.rate, self.training.l2)
        self.taken += 1
        return float(losses[-1]) if culprit is None else math.nan

    def steps(self, batches: list[Array]) -> list[float]:
        losses = []
        for rows in batches:
            losses.append(self.step(rows))
            if not math.isfinite(losses[-1]):
                break
        return losses

    def all_gradients(self, rows: Array) -> Params:
        """Return the gradients of a batch without noise."""
        with backend.using(self.backend):
            found: Params = self.model.loss_and_grads(self.run.params, self.x[rows], self.x[rows], None)[1]
        return found

    def gradients(self, rows: Array) -> list[Array]:
        return [grad for name, grad in self.all_gradients(rows).items() if grad.ndim > 1 and ".U" not in name]

    def weights(self) -> list[Array]:
        return [value.copy() for value in self.run.params.values() if value.ndim > 1]

    # ------------------------------------------------------------------ measuring
    def reconstruct(self, fed: Array) -> Array:
        self.model.params = self.run.params
        x = self._shaped(fed)
        with backend.using(self.backend):
            z = flat(self.model.reconstruct(x) if self.is_paper else self.model.predict(x))
        return z if self.scale is None else z * self.scale[1] + self.scale[0]

    def activities(self, fed: Array) -> list[Activity]:
        x, params = self._shaped(fed), self.run.params
        if self.is_paper:
            y = sigmoid(x @ params["W"] + params["b"])
            found = [Activity("sigmoid", y)]
            if self.model.options["output"] == "sigmoid":
                self.model.params = params
                found.append(Activity("sigmoid", self.model.reconstruct(x), True))
            return found
        found = []
        for k, (name, layer) in enumerate(zip(self.model.names, self.layers, strict=True)):
            x = layer.forward(self.model.of_layer(params, name), x)[0]
            if is_activation(layer):
                found.append(Activity(name_of(layer), x, k == self.last))
        return found


def patient_of(build: Build, x: Any, held_out: Any = None) -> ScratchPatient:
    """Return the patient of a `build(seed)` that returns (model, Training): a DenoisingAutoencoder or a Sequential.

    Data of uint8 are scaled to [0, 1], as `fit` does it.
    """
    return ScratchPatient(build, x, held_out)


def is_activation(layer: Layer) -> bool:
    """Whether a layer is an activation that does something."""
    return isinstance(layer, Elementwise) and not isinstance(layer, Identity)


def name_of(layer: Layer) -> str:
    """Return the name of an activation as the doctor has it."""
    return NAMES.get(type(layer).__name__, type(layer).__name__.lower())


def bare(optimizer: Optimizer) -> Any:
    """Return an update rule without its clipping."""
    return bare(optimizer.rule) if isinstance(optimizer, Clipped) else optimizer
