"""One training in PyTorch: the user's step by rules, and the same step on held-out examples to measure."""

import contextlib
import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from scratchdae.arguments import Array
from scratchdae.doctor.patient import CannotChange, Change, Noise, Outcome, UsersError, corrupted, unexplained
from scratchdae.doctor.patients import torch_changes, torch_signs
from scratchdae.doctor.patients.torch_examples import numpy_of
from scratchdae.doctor.patients.torch_rules import Rewriter, Rules, replaced

if TYPE_CHECKING:
    from scratchdae.doctor.patients.torch import TorchPatient

MEASURED = 256  # examples that are measured at a time and in all
WITHOUT_BACKWARD = Rules()
WITHOUT_BACKWARD.add("backward", lambda f, a, k: None)


class Trainee:
    """One training in progress."""

    def __init__(self, patient: "TorchPatient", seed: int, changes: Sequence[Change] = ()) -> None:
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
        self.handed: torch.Tensor | None = None  # what the model was given last, while it was measured
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
            self.handed = tensor if fed is None else fed.to(tensor)
            return self.handed

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
        z = numpy_of(self.predict(z.detach()))
        back = patient.output.back(z)
        return back if self.scale is None else back * self.scale[1] + self.scale[0]


@contextlib.contextmanager
def generators() -> Iterator[None]:
    """Put the states of the global generators back, those of every device."""
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with torch.random.fork_rng():
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)


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


def _number(loss: Any) -> float:
    try:
        return float(loss)
    except (TypeError, ValueError):
        return 0.0  # a step that returns nothing
