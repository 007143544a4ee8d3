"""One training of a Keras model in progress: begun, trained a batch at a time, and measured."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from scratchdae.activations import sigmoid
from scratchdae.arguments import Array
from scratchdae.doctor.patient import CannotChange, Change, UsersError
from scratchdae.doctor.patients import course, keras_changes, keras_step
from scratchdae.doctor.patients.course import Activity, flat
from scratchdae.doctor.patients.keras_model import DECLARED, Compiled, activation, inner, live, plan_of
from scratchdae.doctor.patients.keras_weights import Weights

if TYPE_CHECKING:
    from scratchdae.doctor.patients.keras import KerasPatient


class Trainee:
    """One training in progress: the user's model taken apart, changed, put together, and begun."""

    def __init__(self, patient: "KerasPatient", seed: int, changes: Sequence[Change] = ()) -> None:
        self.patient, self.seed = patient, seed
        keras.utils.set_random_seed(seed)
        with users_code():
            built = patient.build(seed)
        model = built[0] if isinstance(built, tuple) else built
        if not isinstance(model, keras.Model) or not model.compiled:
            raise UsersError(f"build must return a compiled Keras model, found {type(model).__name__}")
        with users_code():
            if not model.built and type(model).__name__ == "Sequential":
                model.build((None, *patient.axes))
            elif not model.built:
                model.predict_on_batch(patient.one())
        self.plan = plan_of(model, rename=patient.step is None)
        self.loss = patient.loss
        self.lr_factor, self.batch_factor, self.extra_noise, self.noise_left = 1.0, 1.0, 0.0, 1.0
        self.clean_target = False
        self.scale: tuple[Array, Array] | None = None  # what is taken off every column, and what it is divided by
        self.after: list[Callable[[Weights], None]] = []
        for change in changes:
            if change.name == "more_steps":  # the laboratory takes them
                continue
            if change.name not in keras_changes.CHANGES:
                raise course.not_from_outside(change.name)
            keras_changes.CHANGES[change.name](self, change)
        self.size = max(1, min(round(patient.batch_size * self.batch_factor), len(patient.x)))
        first = next((inner(a) for a in self.plan.layers), None)
        dropped = first is not None and first["class_name"] == "Dropout" and patient.fed_noise.kind == "none"
        self.gain = 1 / (1 - first["config"]["rate"]) if dropped and first is not None else 1.0

    @property
    def twice(self) -> bool:
        """Whether the output has a sigmoid although the loss is of logits."""
        last = self.plan.last
        named = None if last is None else activation(self.plan.layers[last])
        return "logits" in self.loss and named in ("sigmoid", "softmax")

    def sizes(self) -> list[tuple[int, int]]:
        """Return how many numbers of an example go into each of the plan's layers, and out of it."""
        layers = live(self.plan.users)

        def size(origin: int | None) -> tuple[int, int]:
            if origin is None:
                return sys.maxsize, sys.maxsize
            try:
                shapes = layers[origin].input.shape, layers[origin].output.shape
            except (AttributeError, ValueError):  # called more than once
                return sys.maxsize, sys.maxsize
            return math.prod(s or 1 for s in shapes[0][1:]), math.prod(s or 1 for s in shapes[1][1:])

        return [size(origin) for origin in self.plan.origins]

    # ------------------------------------------------------------------ beginning
    def begin(self) -> None:
        """Put the model together, or take one that is compiled already, and set its first weights."""
        plan, patient = self.plan, self.patient
        first = {k: [(v.name, to_numpy(v)) for v in weights_of(layer)] for k, layer in enumerate(live(plan.users))}
        own = plan.whole is None or not (plan.rename or plan.edited)
        key = plan.key()
        if key not in patient.made or own:
            model = plan.assembled()
            patient.made[key] = Compiled(model, [to_numpy(v) for v in model.optimizer.variables])
        self.made = patient.made[key]
        self.model = self.made.model
        layers = live(self.model)
        rng = np.random.default_rng([self.seed, 3])
        values = []
        for k, layer in enumerate(layers):
            origin = plan.origins[k] if plan.origins else k
            users: list[Any] = first.get(origin, []) if origin is not None else []
            values.append([
                (v.name, _fitted(old[1], tuple(v.shape), rng) if old else to_numpy(v))
                for v, old in zip(weights_of(layer), users or [None] * len(weights_of(layer)), strict=True)
            ])  # fmt: skip
        for act in self.after:
            act(values)
        for layer, arrays in zip(layers, values, strict=True):
            for v, (_, value) in zip(weights_of(layer), arrays, strict=True):
                v.assign(value.astype(str(v.dtype)))
        for k, v in enumerate(self.model.variables):
            if "seed_generator" in v.path:
                v.assign(np.array([self.seed + 7919 * k, 0], str(v.dtype)))
        optimizer = self.model.optimizer
        for v, value in zip(optimizer.variables, self.made.state, strict=True):
            v.assign(value)
        rate = plan.optimizer[1].get("learning_rate")
        if not isinstance(rate, dict):
            optimizer.learning_rate = float(rate or 0.0) * self.lr_factor
        self.noise_rng = np.random.default_rng([self.seed, 1])
        self.x = self._shaped(self.transform(patient.x))

    def _shaped(self, x: Array) -> Array:
        return x.reshape(len(x), *self.patient.axes).astype(keras.config.floatx())

    def transform(self, x: Array) -> Array:
        return x if self.scale is None else (x - self.scale[0]) / self.scale[1]

    @property
    def rate(self) -> float:
        return float(to_numpy(self.model.optimizer.learning_rate))

    # ------------------------------------------------------------------ training
    def batch(self, rows: Array) -> Array:
        """Return a batch as it is trained on."""
        return self.x[rows]

    def _added(self, shape: tuple[int, ...]) -> Array:
        size = self.extra_noise / (1.0 if self.scale is None else float(np.mean(self.scale[1])))
        added: Array = size * self.noise_rng.standard_normal(shape)
        return added

    def _exchange(self, fed: Array, target: Array) -> tuple[Array, Array]:
        """Change what the user's step feeds and compares."""
        seen = self.patient.seen
        if seen is None:
            return fed, target
        clean = self.transform(self.patient.x[self.rows])
        if self.noise_left < 1:
            plain = seen.feed.apply(clean).reshape(fed.shape)
            if seen.noise.kind == "masking":
                fed = np.where(self.noise_rng.random(fed.shape) < self.noise_left, fed, plain)
            else:
                fed = plain + self.noise_left * (fed - plain)
        if self.extra_noise:
            fed = fed + float(np.mean(np.abs(seen.feed.a))) * self._added(fed.shape)
        if self.clean_target:
            target = seen.target.apply(clean).reshape(target.shape)
        return fed.astype("float32"), target.astype("float32")

    @contextlib.contextmanager
    def stepping(self) -> Iterator[None]:
        """Stand in for the model's training while the user's steps call it."""
        changed = self.noise_left < 1 or self.extra_noise or self.clean_target
        with keras_step.intercepted(self.model, self._exchange) if changed and self.patient.step else (
            contextlib.nullcontext()):  # fmt: skip
            yield

    def step(self, rows: Array) -> float:
        self.rows = rows
        batch = self.x[rows]
        with users_code():
            if self.patient.step is not None:
                return keras_step.number(self.patient.step(self.model, batch))
            fed = (batch + self._added(batch.shape)).astype(batch.dtype) if self.extra_noise else batch
            return keras_step.number(self.model.train_on_batch(fed, batch))

    def steps(self, batches: list[Array]) -> list[float]:
        losses = []
        for rows in batches:
            losses.append(self.step(rows))
            if not math.isfinite(losses[-1]):
                break
        return losses

    def weights(self) -> list[Array]:
        return [to_numpy(v) for v in self.model.trainable_variables if len(v.shape) > 1]

    def gradients(self, rows: Array) -> list[Array]:
        matrices = [len(v.shape) > 1 and v.name != "recurrent_kernel" for v in self.model.trainable_variables]
        if self.model.loss is None or (self.patient.step is not None and self.patient.seen is None):
            return []
        x = target = self.x[rows]
        if self.patient.seen is not None:
            flat_x = flat(x)
            x, target = (a.apply(flat_x).astype("float32") for a in (self.patient.seen.feed, self.patient.seen.target))
        found = gradients_of(self.made, x, target)
        return [g for g, wanted in zip(found, matrices, strict=True) if wanted] if found else []

    # ------------------------------------------------------------------ measuring
    def _fed(self, fed: Array) -> Array:
        seen = self.patient.seen
        return self._shaped(fed) if seen is None else seen.feed.apply(fed).astype("float32")

    def reconstruct(self, fed: Array) -> Array:
        with users_code():
            z = np.asarray(self.model.predict_on_batch(self._fed(fed)), np.float64)
        if "logits" in self.loss and not self.twice:
            z = sigmoid(z)
        z = flat(z) if self.patient.seen is None else self.patient.seen.target.back(z)
        if z.shape != fed.shape:
            raise UsersError(f"the output must have as many numbers as an example, {fed.shape[1]}, found {z.shape[1]}")
        return z if self.scale is None else z * self.scale[1] + self.scale[0]

    def activities(self, fed: Array) -> list[Activity]:
        plan, found = self.plan, list[Activity]()
        places = [k for k, layer in enumerate(plan.layers) if activation(layer)]
        last = plan.last
        layers = live(self.model)
        if places and not any(type(a).__name__ in DECLARED for a in self.model.layers) and plan.whole is not None:
            if self.made.inside is None:
                self.made.inside = keras.Model(self.model.inputs[0], [layers[k].output for k in places])
            values = self.made.inside.predict_on_batch(self._fed(fed))
            values = values if isinstance(values, list | tuple) else [values]
            for k, value in zip(places, values, strict=True):
                found.append(Activity(str(activation(plan.layers[k])), np.asarray(value), k == last))
        if "logits" in self.loss and not self.twice:
            z = np.asarray(self.model.predict_on_batch(self._fed(fed)), np.float64)
            found.append(Activity("sigmoid", sigmoid(z), True))
        return found


def gradients_of(made: Compiled, x: Array, target: Array) -> list[Array]:
    """Return the gradients of the loss without noise, of all trainable variables; none on a backend not known."""
    model = made.model
    function = keras.losses.get(model.loss)

    def loss(z: Any, t: Any) -> Any:
        return keras.ops.mean(function(keras.ops.convert_to_tensor(t), z))

    if keras.backend.backend() == "torch":
        model.zero_grad()
        loss(model(x, training=False), target).backward()
        found = [v.value.grad for v in model.trainable_variables]
        arrays = [np.zeros(v.shape) if g is None else g.detach().cpu().numpy() for g, v in
                  zip(found, model.trainable_variables, strict=True)]  # fmt: skip
        model.zero_grad()
        return arrays
    if keras.backend.backend() == "jax":
        import jax

        def of(variables: Any, fixed: Any, x: Any, t: Any) -> Any:
            return loss(model.stateless_call(variables, fixed, x, training=False)[0], t)

        made.slopes = made.slopes or jax.jit(jax.grad(of))
        fixed = [v.value for v in model.non_trainable_variables]
        return [np.asarray(g) for g in made.slopes([v.value for v in model.trainable_variables], fixed, x, target)]
    return []


def weights_of(layer: Any) -> list[Any]:
    """Return the variables that a layer keeps; an operation has none."""
    return list(getattr(layer, "weights", []))


def to_numpy(value: Any) -> Array:
    """Return a variable's value as an array of its own."""
    return np.array(keras.ops.convert_to_numpy(value))


def _fitted(old: Array, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return the user's first weights; where another shape is asked for, others as spread out as they."""
    if old.shape == shape:
        return old
    if len(shape) == 1:  # blocks of an LSTM's bias stay blocks
        return old[np.arange(shape[0]) * len(old) // shape[0]]
    fans = math.prod(old.shape[:-1]) / math.prod(shape[:-1])
    return rng.normal(float(old.mean()), float(old.std()) * math.sqrt(fans), shape)


@contextlib.contextmanager
def users_code() -> Iterator[None]:
    """Turn an exception in the user's code, or in Keras on its behalf, into a UsersError."""
    try:
        yield
    except (UsersError, CannotChange):
        raise
    except Exception as error:
        raise UsersError(f"{type(error).__name__}: {' '.join(str(error).split())[:400]}") from error
