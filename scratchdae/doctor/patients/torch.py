"""A training in PyTorch: the user's `build` and `step`, run as they are or by rules, and measured in between.

The user's code is not touched. A step runs under a mode that sees every torch function it calls; hooks on all
optimizers see their steps. To measure, the same step runs on held-out examples with its `backward` and its update
left out, the model in evaluation mode, and what the first layer is fed put in by us.
"""

import contextlib
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from scratchdae.arguments import Array
from scratchdae.doctor.patient import NONE, Anatomy, Change, Noise, Outcome, UsersError, noise_of
from scratchdae.doctor.patients import torch_facts, torch_step
from scratchdae.doctor.patients.torch_examples import examples_of, flat, image_shape, numpy_of, rounding
from scratchdae.doctor.patients.torch_layout import Layout, find
from scratchdae.doctor.patients.torch_rules import Rules
from scratchdae.doctor.patients.torch_step import Address
from scratchdae.doctor.patients.torch_trainee import MEASURED, Trainee, generators
from scratchdae.doctor.remedies import lines_for

DRAWS = 8  # of the noise, to see what it is added to


class TorchPatient:
    """A `build`, a `step` and the data, as the user has them."""

    framework = "PyTorch"

    def __init__(
        self, build: Callable[[int], Any], step: Callable[..., Any], data: Any, batch_size: int, held_out: Any = None
    ) -> None:
        self.build, self.step, self.batch_size = build, step, batch_size
        parts, self.tupled = examples_of(data)
        self.parts = tuple(torch.as_tensor(part) for part in parts)  # examples first; then what else a batch holds
        examples = self.parts[0]
        if examples.ndim < 2 or len(examples) < 4 or examples.is_complex():
            found = f"{tuple(examples.shape)} {examples.dtype}"
            raise ValueError(f"x must be at least 4 examples (N, ...) of real numbers, found {found}")
        if any(len(part) != len(examples) for part in self.parts):
            raise ValueError(f"x must hold as many rows in every part, found {[len(part) for part in self.parts]}")
        self.floating = isinstance(parts[0], np.ndarray) and examples.is_floating_point()  # then it takes the model's
        if held_out is None:
            rows = max(1, min(1000, len(examples) // 5))
            held_out, self.parts = examples[-rows:], tuple(part[:-rows] for part in self.parts)
        elif tuple(np.shape(held_out))[1:] != tuple(examples.shape[1:]):
            wanted, found = tuple(examples.shape[1:]), np.shape(held_out)[1:]
            raise ValueError(f"held_out must hold examples of shape {wanted}, found {found}")
        self.axes = tuple(examples.shape[1:])
        self.x = flat(self.parts[0])
        self.held_out = flat(torch.as_tensor(held_out))
        self.image_shape = image_shape(self.axes)
        self.at_once = MEASURED  # examples that are reconstructed in one step
        self.dtype = torch.float32
        self.exact = False  # everything in float64, to measure slopes
        self.seen: torch_step.Anatomy | None = None
        self.feed: Layout | None = None  # what the first layer is fed
        self.given: Layout | None = None  # what the model is given, where it is called as a whole
        self.fed_noise = Noise()
        self.awake = False  # the model adds noise in evaluation mode too
        self.output: Layout | None = None
        self.order: list[str] = []  # the modules with parameters, as they are called
        self.spatial: list[str] = []  # those without
        self.code: int | None = None  # numbers an example is squeezed into
        self.code_layer: Address | None = None
        self.code_module: tuple[str | None, int] = (None, 0)  # and its width
        self.last_layer: Address | None = None
        self.bare_layers: list[Address] = []  # those without an activation
        self.custom_functions: list[Any] = []
        self.mends: list[Callable[[Trainee], None]] = []

    # ------------------------------------------------------------------ what it is made of
    def anatomy(self, seed: int) -> Anatomy:
        """Look at the first steps of a training, which is then thrown away."""
        with self._alone(seed):
            return torch_facts.look(self, seed)

    @property
    def output_scale(self) -> tuple[Array, Array]:
        """What the examples are multiplied with, and what is added, where the loss compares them."""
        return (self.output.a, self.output.b) if self.output is not None else (np.float64(1), np.float64(0))  # type: ignore[return-value]

    def begin(self, seed: int, changes: Sequence[Change] = ()) -> "Trainee":
        """Build a fresh model, with the changes that are made before the first step."""
        return Trainee(self, seed, changes)

    def batch(self, rows: Array, transform: Callable[[Array], Array] | None = None) -> Any:
        """Return a batch of the training examples, as the user's step takes it."""
        parts = [part[rows] for part in self.parts]
        if transform is not None:
            parts[0] = torch.as_tensor(transform(self.x[rows])).reshape(len(rows), *self.axes)
        if self.floating or transform is not None or self.exact:
            parts[0] = parts[0].to(torch.float64 if self.exact else self.dtype)
        return tuple(parts) if self.tupled else parts[0]

    def find_layouts(self, trainee: "Trainee", seen: torch_step.Anatomy, first: torch.Tensor) -> None:
        """Find how what the model and its first layer are fed lies to the examples, and with what noise."""
        rows = np.arange(len(first))
        fed: list[Array] = []
        given: list[Array] = []  # to the model itself
        rules = Rules()
        if seen.input is not None:
            rules.add(seen.input, lambda f, a, k: (fed.append(numpy_of(a[0])), f(*a, **k))[1])  # type: ignore[func-returns-value]
        with trainee.given(lambda x: given.append(numpy_of(x))):
            for _ in range(DRAWS):
                with contextlib.suppress(UsersError):
                    trainee.run(self.batch(rows), rules, learn=False)
        x = self.x[rows].reshape(len(rows), *self.axes)
        self.feed = find(x, fed[0], fed) if fed else None
        self.given = find(x, given[0], given) if given else None
        if self.feed is not None:
            self.fed_noise = noise_of(self.x[rows], self.feed.back(fed[0]), rounding(self.x, self.dtype))

    def awake_noise(self, trainee: "Trainee") -> bool:
        """Whether the model adds noise in evaluation mode."""
        rows, fed = np.arange(min(self.batch_size, len(self.x))), []
        rules = Rules()
        if self.seen is None or self.seen.input is None or self.given is None or self.feed is None:
            return False
        clean = torch.as_tensor(self.given.apply(self.x[rows]))
        rules.add(self.seen.input, lambda f, a, k: (fed.append(numpy_of(a[0])), f(*a, **k))[1])  # type: ignore[func-returns-value]
        with contextlib.suppress(UsersError), trainee.given(lambda x: clean.to(x)):
            trainee.run(self.batch(rows), rules, learn=False, evaluation=True)
        size = float(self.x.std()) or 1.0
        return bool(fed) and noise_of(self.x[rows], self.feed.back(fed[0])).level > 0.02 * size

    # ------------------------------------------------------------------ training
    def train(
        self, seed: int, steps: int, changes: Sequence[Change] = (), reference: Noise = NONE, signs: bool = False
    ) -> Outcome:
        """Train from the beginning."""
        if self.seen is None:
            self.anatomy(seed)
        began = time.perf_counter()
        with self._alone(seed):
            trainee = self.begin(seed, changes)
            outcome = trainee.train(steps, reference, signs)
        outcome.seconds = time.perf_counter() - began
        return outcome

    def lines(self, change: Change) -> str:
        """Return a change as the lines that the user would write."""
        return lines_for(change.name, change.factor, self.framework)

    @contextlib.contextmanager
    def _alone(self, seed: int) -> Iterator[None]:
        """Seed all generators, and put their states back."""
        compiled = "torch._dynamo" in sys.modules  # what is compiled shows no calls
        eager = getattr(torch.compiler, "set_stance", None) if compiled else None
        with generators(), eager("force_eager") if eager else contextlib.nullcontext(), torch.enable_grad():
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002  # the user's code may draw from it
            random.seed(seed)
            yield
