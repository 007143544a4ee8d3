"""A training in PyTorch: the user's `build` and `step`, run as they are or by rules, and measured in between.

The user's code is not touched. A step runs under a mode that sees every torch function it calls; hooks on all
optimizers see their steps. To measure, the same step runs on held-out examples with its `backward` and its update
left out, the model in evaluation mode, and what the first layer is fed put in by us.
"""

import contextlib
import itertools
import math
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from scratchdae.arguments import Array
from scratchdae.doctor.patient import (
    NONE,
    Anatomy,
    CannotChange,
    Change,
    Noise,
    Outcome,
    UsersError,
    corrupted,
    unexplained,
)
from scratchdae.doctor.patients import torch_changes, torch_facts, torch_signs, torch_step
from scratchdae.doctor.patients.torch_layout import Layout, find
from scratchdae.doctor.patients.torch_rules import Rewriter, Rules, replaced
from scratchdae.doctor.patients.torch_step import Address
from scratchdae.doctor.remedies import lines_for

SQUARE = 256  # numbers, from here on a row of a square number of them is drawn as a picture
LARGEST = 20_000  # examples that are taken from a loader
MEASURED = 256  # examples that are measured at a time and in all
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
        self.x = _flat(self.parts[0])
        self.held_out = _flat(torch.as_tensor(held_out))
        self.image_shape = _image_shape(self.axes)
        self.at_once = MEASURED  # examples that are reconstructed in one step
        self.dtype = torch.float32
        self.exact = False  # everything in float64, to measure slopes
        self.seen: torch_step.Anatomy | None = None
        self.feed: Layout | None = None  # what the first layer is fed
        self.given: Layout | None = None  # what the model is given, where it is called as a whole
        self.fed_noise = Noise()
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
            rules.add(seen.input, lambda f, a, k: (fed.append(_numpy(a[0])), f(*a, **k))[1])  # type: ignore[func-returns-value]
        with trainee.given(lambda x: given.append(_numpy(x))):
            for _ in range(DRAWS):
                with contextlib.suppress(UsersError):
                    trainee.run(self.batch(rows), rules, learn=False)
        x = self.x[rows].reshape(len(rows), *self.axes)
        self.feed = find(x, fed[0], fed) if fed else None
        self.given = find(x, given[0], given) if given else None
        if self.feed is not None:
            self.fed_noise = noise_of(self.x[rows], self.feed.back(fed[0]))

    def awake_noise(self, trainee: "Trainee") -> bool:
        """Whether the model adds noise in evaluation mode."""
        rows, fed = np.arange(min(self.batch_size, len(self.x))), []
        rules = Rules()
        if self.seen is None or self.seen.input is None or self.given is None or self.feed is None:
            return False
        clean = torch.as_tensor(self.given.apply(self.x[rows]))
        rules.add(self.seen.input, lambda f, a, k: (fed.append(_numpy(a[0])), f(*a, **k))[1])  # type: ignore[func-returns-value]
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


class Trainee:
    """One training in progress."""

    def __init__(self, patient: TorchPatient, seed: int, changes: Sequence[Change] = ()) -> None:
        self.patient, self.seed, self.changes = patient, seed, tuple(changes)
        with users_code():
            built = patient.build(seed)
        if not isinstance(built, tuple) or len(built) < 2 or not isinstance(built[0], torch.nn.Module):
            raise UsersError(f"build must return (model, optimizer), found {type(built).__name__}")
        self.model, self.optimizer = built[0], built[1]
        optimizers = self.optimizer if isinstance(self.optimizer, list | tuple) else [self.optimizer]
        if isinstance(self.optimizer, dict):
            optimizers = list(self.optimizer.values())
        self.optimizers: list[torch.optim.Optimizer] = [o for o in optimizers if isinstance(o, torch.optim.Optimizer)]
        first = next(self.model.parameters(), None)
        patient.dtype = first.dtype if first is not None else torch.float32
        self.rules, self.outer = Rules(), Rules()  # those that change a call, and those that see what comes of it
        self.before_step: list[Callable[[], None]] = []
        self.after_step: list[Callable[[torch.Tensor | None], None]] = []
        self.before_update: list[Callable[[torch.optim.Optimizer], Callable[[], None] | None]] = []
        self.around: list[Callable[[], contextlib.AbstractContextManager[None]]] = []
        self.scale: tuple[Array, Array] | None = None  # what is taken off every column, and what it is divided by
        seen = patient.seen
        logits = seen is not None and seen.term is not None and seen.term.kind == "cross_entropy_from_logits"
        self.predict: Callable[[torch.Tensor], torch.Tensor] = torch.sigmoid if logits else lambda z: z
        self.batch_factor = 1.0
        self.rows: Array = np.arange(len(patient.x))  # the examples that are trained on
        self.learning = True  # not while it is measured
        self.clean: Array | None = None  # (B, D), the examples of the batch at hand, as fed to the step
        for change in self.changes:
            if change.name not in torch_changes.CHANGES:
                raise CannotChange("it cannot be tried from outside")
            torch_changes.CHANGES[change.name](self, change.factor)

    def transform(self, x: Array) -> Array:
        """Return examples (n, D) as the changed training is given them."""
        return x if self.scale is None else (x - self.scale[0]) / self.scale[1]

    def train(self, steps: int, reference: Noise, signs: bool) -> Outcome:
        """Take the steps and measure."""
        patient, outcome = self.patient, Outcome(self.seed, steps, self.changes)
        rng = np.random.default_rng(self.seed)
        size = max(1, min(round(patient.batch_size * self.batch_factor), len(self.rows)))
        losses = []
        marks = {round(steps * k / (6 if signs else 3)) for k in range(6 if signs else 3)}
        watch = torch_signs.Signs(self, steps) if signs else None
        order: Array = np.zeros(0, int)
        for step in range(steps):
            if step in marks:
                outcome.at.append(step)
                outcome.unexplained.append(self.measure(patient.held_out, reference)[0])
                if watch:
                    watch.look(step)
            if len(order) < size:
                order = rng.permutation(self.rows)
            rows, order = order[:size], order[size:]
            losses.append(self.step(rows))
            if not np.isfinite(losses[-1]):
                break
        outcome.loss = np.array(losses)
        outcome.at.append(len(losses))
        outcome.score, outcome.reconstructions = self.measure(patient.held_out, reference)
        outcome.unexplained.append(outcome.score)
        outcome.clean = self.measure(patient.held_out, Noise())[0] if reference.kind != "none" else outcome.score
        outcome.train = self.measure(patient.x, reference)[0]
        if watch:
            outcome.signs = watch.done(outcome)
        return outcome

    def step(self, rows: Array) -> float:
        """Take one step of the user's, with the rules."""
        batch = self.patient.batch(rows, None if self.scale is None else self.transform)
        self.clean = self.transform(self.patient.x[rows])
        loss = self.run(batch)
        return float(loss.detach().double().mean()) if isinstance(loss, torch.Tensor) else _number(loss)

    def run(self, batch: Any, extra: Rules | None = None, *, learn: bool = True, evaluation: bool = False) -> Any:
        """Call the user's step; without learning it changes nothing."""
        self.learning = learn
        with contextlib.ExitStack() as stack:
            if learn:
                for act in self.before_step:
                    act()
                if self.before_update:
                    undo: list[Callable[[], None]] = []
                    stack.enter_context(_hook(register_optimizer_step_pre_hook, lambda o, *_: self._before(o, undo)))
                    stack.enter_context(_hook(register_optimizer_step_post_hook, lambda *_: _undo(undo)))
            else:
                stack.enter_context(self._quiet(evaluation))
            for enter in self.around:
                stack.enter_context(enter())
            active = [rules for rules in (None if learn else WITHOUT_BACKWARD, self.rules, self.outer, extra) if rules]
            if active:
                mode = stack.enter_context(Rewriter(*active))
                if learn:  # an optimizer's arithmetic is nobody's concern, and slow under a mode
                    stack.enter_context(_hook(register_optimizer_step_pre_hook, lambda *_: mode.pause()))
                    stack.enter_context(_hook(register_optimizer_step_post_hook, lambda *_: mode.go_on()))
            with users_code():
                loss = self.patient.step(self.model, self.optimizer, batch)
        if learn:
            for finish in self.after_step:
                with users_code():
                    finish(loss if isinstance(loss, torch.Tensor) else None)
        return loss

    @contextlib.contextmanager
    def _quiet(self, evaluation: bool) -> Iterator[None]:
        """Let a step run that leaves model, optimizers, schedules and generators as they were.

        Without gradients an optimizer has nothing to do. In evaluation the model stays so, whatever the step says.
        """
        held = [p for o in self.optimizers for group in o.param_groups for p in group["params"]]
        kept = {id(p): (p, p.grad) for p in (*self.model.parameters(), *held)}
        modes = [(module, module.training) for module in self.model.modules()]
        schedules = [(kind, kind.step) for kind in (LRScheduler, ReduceLROnPlateau)]
        with generators():
            try:
                for p, _ in kept.values():
                    p.grad = None
                for kind, _ in schedules:
                    kind.step = lambda *_, **__: None
                if evaluation:
                    self.model.eval()
                    for module, _ in modes:
                        object.__setattr__(module, "train", lambda mode=True, module=module: module)
                yield
            finally:
                for kind, step in schedules:
                    kind.step = step
                for module, training in modes:
                    module.__dict__.pop("train", None)
                    module.training = training
                for p, grad in kept.values():
                    p.grad = grad

    @contextlib.contextmanager
    def given(self, act: Callable[[torch.Tensor], Any]) -> Iterator[None]:
        """Call `act` with what the model is given, and give it what that returns, if it is a tensor."""

        def hook(module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
            del module
            result = act(args[0]) if args and isinstance(args[0], torch.Tensor) else None
            return (result, *args[1:]) if isinstance(result, torch.Tensor) else None

        handle = self.model.register_forward_pre_hook(hook)
        try:
            yield
        finally:
            handle.remove()

    def _before(self, optimizer: torch.optim.Optimizer, undo: list[Callable[[], None]]) -> None:
        for act in self.before_update:
            back = act(optimizer)
            if back is not None:
                undo.append(back)

    def measure(
        self, x: Array, noise: Noise, look: Callable[[Rules], None] | None = None
    ) -> tuple[float, Array | None]:
        """Return what is unexplained of up to `MEASURED` examples, and the reconstructions of these."""
        patient, seen = self.patient, self.patient.seen
        if seen is None or seen.output is None or patient.output is None:
            return float("nan"), None
        x = x[:MEASURED]
        rng = np.random.default_rng(12345)
        try:
            z = self._reconstruct(x[: patient.at_once], noise, rng, look)
        except UsersError:
            if patient.at_once == patient.batch_size:
                raise
            patient.at_once = patient.batch_size  # its step takes batches of that size alone
            z = self._reconstruct(x[: patient.at_once], noise, rng, look)
        return unexplained(z, x[: len(z)]), z

    def _reconstruct(
        self, x: Array, noise: Noise, rng: np.random.Generator, look: Callable[[Rules], None] | None
    ) -> Array:
        patient, seen = self.patient, self.patient.seen
        assert seen is not None
        assert seen.output is not None
        assert patient.output is not None
        given = self.transform(x)
        own = patient.parts[0].dtype if self.scale is None and not patient.floating else patient.dtype
        batch_tensor = torch.as_tensor(given).to(own).reshape(len(x), *patient.axes)
        rest = tuple(part[: len(x)] for part in patient.parts[1:])
        rules, kept = Rules(), []
        into = patient.given or patient.feed
        fed: torch.Tensor | None = None
        if into is not None:
            values = into.apply(self.transform(corrupted(x, noise, rng)) if noise.kind == "gaussian" else given)
            if noise.kind in ("masking", "dropout"):
                values = values * (rng.random(values.shape) >= noise.level)
                values = values / (1 - noise.level) if noise.kind == "dropout" else values
            if noise.kind == "salt":
                low, high, u = values.min(), values.max(), rng.random(values.shape)
                values = np.where(u < noise.level / 2, low, np.where(u > 1 - noise.level / 2, high, values))
            fed = torch.as_tensor(values)

        def instead(tensor: torch.Tensor) -> torch.Tensor:
            return tensor if fed is None else fed.to(tensor)

        if patient.given is None and seen.input is not None:
            rules.add(seen.input, lambda f, a, k: f(*replaced(a, k, 0, instead(a[0]))[0], **k))

        def keep(f: Any, a: Any, k: Any) -> Any:
            result = f(*a, **k)
            kept.append(result)
            return result

        rules.add(seen.output, keep)
        if look is not None:
            look(rules)
        self.clean = given
        with self.given(instead) if patient.given is not None else contextlib.nullcontext():
            self.run((batch_tensor, *rest) if patient.tupled else batch_tensor, rules, learn=False, evaluation=True)
        if not kept:
            raise UsersError("the step does not compute its output in every step")
        z = kept[0][0] if isinstance(kept[0], tuple) else kept[0]
        z = _numpy(self.predict(z.detach()))
        back = patient.output.back(z)
        return back if self.scale is None else back * self.scale[1] + self.scale[0]


def examples_of(data: Any) -> tuple[tuple[Any, ...], bool]:
    """Return the parts of the data, examples first, and whether a batch holds several; batches are joined."""
    if isinstance(data, np.ndarray | torch.Tensor):
        return (data,), False
    if isinstance(data, tuple | list) and data and all(isinstance(part, np.ndarray | torch.Tensor) for part in data):
        return tuple(data), True
    if not isinstance(data, Iterable) or isinstance(data, str | dict):
        raise ValueError(f"x must be an array, a tensor, a tuple of them or batches, found {type(data).__name__}")
    batches: list[tuple[Any, ...]] = []
    several = False
    for batch in itertools.islice(data, LARGEST // 8):
        several = isinstance(batch, tuple | list)
        parts = tuple(batch) if several else (batch,)
        if not parts or not all(isinstance(part, np.ndarray | torch.Tensor) for part in parts):
            raise ValueError(f"x must give batches of arrays or tensors, found {type(batch).__name__}")
        batches.append(tuple(torch.as_tensor(part) for part in parts))
        if sum(len(parts[0]) for parts in batches) >= LARGEST:
            break
    if not batches:
        raise ValueError("x must give at least one batch, found none")
    return tuple(torch.cat(part) for part in zip(*batches, strict=True)), several


WITHOUT_BACKWARD = Rules()
WITHOUT_BACKWARD.add("backward", lambda f, a, k: None)


@contextlib.contextmanager
def generators() -> Iterator[None]:
    """Put the states of the global generators back."""
    numpy_state, python_state, torch_state = np.random.get_state(), random.getstate(), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
        torch.set_rng_state(torch_state)


@contextlib.contextmanager
def users_code() -> Iterator[None]:
    """Turn an exception in the user's code into a UsersError that names its line."""
    try:
        yield
    except (UsersError, CannotChange):
        raise
    except Exception as error:
        here = str(__file__)
        frames = [
            f
            for f in traceback.extract_tb(error.__traceback__)
            if "/torch/" not in f.filename and f.filename != here and not f.filename.startswith(here.rsplit("/", 1)[0])
        ]
        place = f"{frames[-1].filename}, line {frames[-1].lineno}: {frames[-1].line}" if frames else "unknown"
        raise UsersError(f"{type(error).__name__}: {' '.join(str(error).split())} (at {place})") from error


@contextlib.contextmanager
def _hook(register: Callable[..., Any], hook: Callable[..., None]) -> Iterator[None]:
    handle = register(hook)
    try:
        yield
    finally:
        handle.remove()


def _undo(undo: list[Callable[[], None]]) -> None:
    while undo:
        undo.pop()()


def _flat(x: torch.Tensor) -> Array:
    return np.asarray(x.detach().cpu().double()).reshape(len(x), -1)


def _numpy(x: torch.Tensor) -> Array:
    return np.asarray(x.detach().cpu().double())


def _number(loss: Any) -> float:
    try:
        return float(loss)
    except (TypeError, ValueError):
        return 0.0  # a step that returns nothing


def _image_shape(axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of the pictures that examples are, channels last, if they can be drawn as they lie."""
    side = math.isqrt(axes[0])
    if len(axes) == 1 and side * side == axes[0] >= SQUARE:
        return side, side
    if len(axes) == 2 or (len(axes) == 3 and axes[2] <= 4):
        return axes
    return axes[1:] if len(axes) == 3 and axes[0] == 1 else None


def noise_of(x: Array, fed: Array) -> Noise:
    """Tell what noise makes `fed` of examples x, both (B, D)."""
    size, difference = float(x.std()) or 1.0, fed - x
    if np.abs(difference).max() < 1e-4 * size:
        return Noise()
    changed = np.abs(difference) > 1e-6 * size
    extreme = np.isin(fed[changed], (x.min(), x.max())) if x.min() < x.max() else changed[changed]
    if 0.02 < changed.mean() < 0.98 and extreme.mean() > 0.98 and np.ptp(fed[changed]) > 0.5 * np.ptp(x):
        return Noise("salt", float(changed.mean()))
    inner = x != 0
    unchanged = np.abs(difference[inner]) < 1e-6 * size
    if inner.any() and unchanged.mean() > 0.02:
        return Noise("masking", float(1 - unchanged.mean()))
    holes = np.abs(fed[inner]) < 1e-9 * size
    if inner.any() and holes.mean() > 0.02:  # as dropout makes them, what is left scaled up
        return Noise("dropout", float(holes.mean()))
    return Noise("gaussian", float(difference.std()))
