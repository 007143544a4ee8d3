"""A training in Keras 3, on whatever backend: a `build` that returns a compiled model, and the data.

Without a step of the user's the training is ``model.fit(x, x)``, noise being layers of the model. What is trained is
the user's model built anew from its config, with the user's first weights; a model of the same structure is compiled
once, and begun again with other weights.
"""

import contextlib
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import keras
import numpy as np

from scratchdae.arguments import Array
from scratchdae.doctor.patient import Anatomy, Change, Fact, Noise, Outcome
from scratchdae.doctor.patients import course, keras_changes, keras_step
from scratchdae.doctor.patients.course import CLEAN, Examples, flat
from scratchdae.doctor.patients.keras_model import (
    Compiled,
    Plan,
    activation,
    inner,
    kind,
    live,
    recognised,
)
from scratchdae.doctor.patients.keras_trainee import Trainee, to_numpy, users_code, weights_of
from scratchdae.doctor.remedies import REMEDIES

NEARLY_NOTHING = 0.05  # of a gradient is left by clipping


class KerasPatient:
    """A `build`, the data and perhaps a `step(model, batch)`, as the user has them."""

    framework = "Keras"

    def __init__(
        self, build: Callable[[int], Any], x: Any, batch_size: int, held_out: Any = None,
        step: Callable[..., Any] | None = None,
    ) -> None:  # fmt: skip
        self.build, self.batch_size, self.step = build, batch_size, step
        x, held_out = course.split(np.asarray(x), held_out)
        self.axes = x.shape[1:]
        self.x, self.held_out = flat(x), flat(held_out)
        self.image_shape = course.image_shape(self.axes)
        self.loss, self.scale = "unknown", 1.0
        self.seen: keras_step.Seen | None = None
        self.fed_noise = Noise()
        self.made: dict[str, Compiled] = {}
        self.looked = False

    @property
    def output_scale(self) -> tuple[Any, Any]:
        """What the examples are multiplied with, and what is added, where the loss compares them."""
        return (np.float64(1), np.float64(0)) if self.seen is None else (self.seen.target.a, self.seen.target.b)

    def anatomy(self, seed: int) -> Anatomy:
        with self._alone(seed):
            return self._look(seed)

    def _look(self, seed: int) -> Anatomy:
        trainee = Trainee(self, seed)
        plan, model = trainee.plan, trainee.plan.users
        unseen, facts = [], list[Fact]()
        if plan.loss is not None:
            if plan.whole is not None:
                shape = tuple(side or 1 for side in model.output_shape[1:])
            else:
                with users_code():
                    shape = np.shape(model.predict_on_batch(self.one()))[1:]
            self.loss, self.scale = recognised(plan.loss, (min(self.batch_size, len(self.x)), *shape))
        if self.loss == "unknown":
            unseen.append("how the loss compares the output with the target")
        if plan.whole is None:
            unseen.append("the layers, since the model is not declared as layers that Keras can build anew")
        trainee.loss = self.loss
        trainee.begin()
        if self.step is not None:
            facts += self._look_at_step(trainee, unseen)
        self.looked = True
        layers, last = plan.layers, plan.last
        output = "linear" if last is None else str(activation(layers[last]))
        if trainee.twice:
            facts.append(Fact("C05", "the output has a sigmoid, and the loss is computed from logits: a second one"))
        sizes, weighted = trainee.sizes(), [k for k, layer in enumerate(layers) if kind(layer)]
        widths = [min(sizes[a][1], sizes[b][0]) for a, b in pairwise(weighted)] if plan.chain else []
        decay = plan.optimizer[1].get("weight_decay") or 0.0
        penalties = [p for layer in layers for p in keras_changes.regularizers(layer).values()]
        l2 = max(
            (float(p.get("config", {}).get("l2", 0.0) or 0.0) for p in penalties if isinstance(p, dict)), default=0
        )
        return Anatomy(
            framework=self.framework,
            loss=self.loss,
            scale=self.scale,
            penalty=float(bool(penalties)),
            output="sigmoid" if output == "linear" and "logits" in self.loss else output,
            hidden=tuple(a for k, layer in enumerate(layers) if (a := activation(layer)) and k != last),
            layers=tuple(str(kind(layers[k])) for k in weighted),
            code=min(widths, default=None),
            noise=self._noise(plan),
            optimizer=plan.optimizer[0].__name__,
            lr=float(model.optimizer.learning_rate),
            weight_decay=float(decay) + 2 * l2,  # l2 Σ W² has the gradient 2 l2 W
            parameters=model.count_params(),
            facts=(*facts, *self._facts(trainee)),
            unseen=tuple(unseen),
        )

    def _look_at_step(self, trainee: Trainee, unseen: list[str]) -> list[Fact]:
        assert self.step is not None
        rows = np.arange(trainee.size)
        batch = trainee.batch(rows)
        x = self.x[rows].reshape(len(rows), *self.axes)
        with users_code():
            self.seen, target = keras_step.look(trainee.model, self.step, batch, x)
        if self.seen is None or target is None:
            unseen.append("what the step feeds: it calls neither train_on_batch nor fit with as many numbers")
            return []
        self.fed_noise = self.seen.noise
        difference, size = target - self.x[rows], float(self.x[rows].std()) or 1.0
        if np.abs(difference).max() < 1e-3 * size:
            return []
        left = f"they differ by {float((difference**2).mean()) / size**2:.2g} of its variance"
        if self.seen.target.fit < 0.3:
            return [Fact("C03", f"the target is not the batch: {left}")]
        return [Fact("F24", f"the target is not the clean batch: {left}")]

    def _noise(self, plan: Plan) -> Noise:
        if self.fed_noise.kind != "none":
            return self.fed_noise
        for layer in plan.layers:
            own, name = inner(layer)["config"], inner(layer)["class_name"]
            if name == "GaussianNoise" and own["stddev"] > 0:
                return Noise("gaussian", float(own["stddev"]))
            if name == "Dropout" and own["rate"] > 0:
                return Noise("masking", float(own["rate"]))
            if kind(layer):
                break
        return Noise()

    def _facts(self, trainee: Trainee) -> list[Fact]:
        facts, plan = [], trainee.plan
        frozen = [a.name for a in live(plan.users) if weights_of(a) and not a.trainable]
        if frozen or not plan.users.trainable:
            facts.append(Fact("C02", f"{', '.join(frozen[:3]) or 'the model'} is frozen (trainable=False)"))
        strong = [inner(a)["config"]["rate"] for a in plan.layers if inner(a)["class_name"] == "Dropout"]
        if strong and max(strong) >= 0.5:
            facts.append(Fact("C08", f"dropout of {max(strong):g}"))
        most = [plan.optimizer[1].get(name) for name in ("clipnorm", "global_clipnorm")]
        if any(most) and (grads := trainee.gradients(np.arange(trainee.size))):
            norm, limit = math.sqrt(sum(float((g.astype(float) ** 2).sum()) for g in grads)), max(m for m in most if m)
            if math.isfinite(norm) and limit < NEARLY_NOTHING * norm:
                facts.append(Fact("C06", f"clipping leaves {limit / norm:.2g} of the first gradient"))
        nothing = [
            a.name for a in live(plan.users) for v in weights_of(a) if v.name == "kernel" and not np.any(to_numpy(v))
        ]
        if nothing:
            facts.append(Fact("F09", f"the first weights of {', '.join(nothing[:3])} are all 0"))
        return facts

    def train(
        self, seed: int, steps: int, changes: Sequence[Change] = (), reference: Noise = CLEAN, signs: bool = False
    ) -> Outcome:
        if not self.looked:
            self.anatomy(seed)
        with self._alone(seed):
            trainee = Trainee(self, seed, changes)
            trainee.begin()
            with trainee.stepping():
                return course.train(trainee, Examples(self.x, self.held_out), seed, steps, changes, reference, signs)

    def lines(self, change: Change) -> str:
        remedy = REMEDIES[change.name]
        return (remedy.keras or f"# {remedy.sentence}").format(
            factor=course.amount(change), what="frozen layers, clipping, its schedule, dropout, a second sigmoid"
        )

    def one(self) -> Array:
        """Return one example as it is fed."""
        return self.x[:1].reshape(1, *self.axes).astype("float32")

    @contextlib.contextmanager
    def _alone(self, seed: int) -> Iterator[None]:
        """Seed all generators, and put their states back."""
        numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
        torch = sys.modules.get("torch")
        torch_state = torch.get_rng_state() if torch else None
        store = keras.src.backend.common.global_state
        names = ("global_random_seed", "global_seed_generator")
        kept = {name: store.get_global_attribute(name) for name in names}
        try:
            keras.utils.set_random_seed(seed)
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)
            if torch:
                torch.set_rng_state(torch_state)
            for name, value in kept.items():
                store.set_global_attribute(name, value)
