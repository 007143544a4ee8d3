"""A PyTorch loop that is the user's own, seen by hooks: the first steps call by call, later ones now and then.

In the first steps stand the hooks of `torch_facts.Glance`, and in the very first a recorder of all calls. Later a mode
waits in every so-many-th step for `backward`, and reads the graph that the loss hangs on: what it compares, and what
rectifiers and sigmoids gave. A mode is only set while there is none of the user's, so that each pops their own.
"""

import contextlib
from collections import deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode, _get_current_function_mode

from scratchdae.arguments import Array
from scratchdae.doctor.patient import Anatomy, Fact, Noise, Outcome, noise_of
from scratchdae.doctor.patients import torch_facts, torch_step
from scratchdae.doctor.patients.torch_facts import STEPS, Glance
from scratchdae.doctor.patients.torch_step import Call, Recorder

_COMPARED = {  # nodes that keep the output and the target
    "MseLossBackward0", "L1LossBackward0", "SmoothL1LossBackward0", "HuberLossBackward0", "BinaryCrossEntropyBackward0",
    "BinaryCrossEntropyWithLogitsBackward0",
}  # fmt: skip
_LAYERS = ("Addmm", "Convolution", "Mm", "Bmm", "MkldnnRnn", "Lstm", "CudnnRnn")  # how the names of layers' nodes begin
_SATURATED = {"Sigmoid": (0.01, 0.99), "Tanh": (-0.98, 0.98)}
_NODES = 500  # of a graph that are looked at
_ROWS = 8  # of the first batch that are looked for among the examples
_SAME, _NOISY = 1e-6, 0.5  # of the variance: the same example; the same with noise
_UNITS = 0.3  # by which the variance of a batch may differ from that of the examples
_GLANCED = 16  # examples of a batch whose saturation is looked at
_KEPT = 4  # looks over which a unit must be silent to be called dead


class Observer:
    """What is seen of a loop while it runs."""

    def __init__(self, model: torch.nn.Module, optimizers: list[Any], x: Array, every: int) -> None:
        self.model, self.optimizers, self.x, self.every = model, optimizers, x, every
        self._variance = float(x.var(axis=0).mean()) or 1.0
        self.steps = 0
        self.at: list[int] = []
        self.loss: list[float] = []
        self.shares: list[float] = []
        self.signs: dict[str, float] = {}
        self.read: torch_step.Anatomy | None = None
        self.unseen: list[str] = []
        self._glance = Glance(SimpleNamespace(model=model))  # type: ignore[arg-type]  # of a trainee it wants no more
        self._recorder, self._eye = _First(self), _Eye(self)
        self._mode: TorchFunctionMode | None = None
        self._first_steps, self._hooks = contextlib.ExitStack(), contextlib.ExitStack()
        self._stepping: Any = None  # the optimizer whose steps are counted
        self._active: dict[int, deque[torch.Tensor]] = {}
        self._rates: list[float] = []
        self._calls: list[Call] = []
        self._found: list[Fact] = []
        self._code: int | None = None
        self._noise, self._layers, self._batch = Noise(), tuple[str, ...](), 0

    # ------------------------------------------------------------------ while it runs
    def begin(self) -> None:
        """Set the hooks."""
        self._glance.watch(self._first_steps, self._recorder)
        self._glance.begin()
        self._hooks.callback(register_optimizer_step_pre_hook(lambda *_: self._unset()).remove)
        self._hooks.callback(register_optimizer_step_post_hook(lambda o, *_: self._stepped(o)).remove)
        self._set(self._recorder)

    def end(self) -> None:
        """Remove them all."""
        self._unset()
        self._first_steps.close()
        self._hooks.close()
        self._glance.fresh.clear()
        if self.read is None:
            self._read()

    def _set(self, mode: TorchFunctionMode) -> None:
        if self._mode is None and _get_current_function_mode() is None:
            mode.__enter__()
            self._mode = mode

    def _unset(self) -> None:
        if self._mode is not None and _get_current_function_mode() is self._mode:
            self._mode.__exit__(None, None, None)
            self._mode = None

    def _stepped(self, optimizer: Any) -> None:
        self._stepping = self._stepping or optimizer
        if optimizer is not self._stepping:
            return
        self.steps += 1
        if self.read is None:
            self._read()
        if self.steps < STEPS:
            self._glance.begin()
        elif self.steps == STEPS:
            self._first_steps.close()
            self._glance.fresh.clear()
        if self.steps % self.every == 0:
            self._set(self._eye)

    def look(self, loss: torch.Tensor) -> None:
        """Look at a loss before its backward."""
        self.at.append(self.steps)
        self.loss.append(float(loss.detach().mean()))
        with torch.no_grad(), contextlib.suppress(RuntimeError):  # a graph whose tensors are kept elsewhere
            self.shares.append(self._graph(loss))
        optimizer = self._stepping or (self.optimizers[0] if self.optimizers else None)
        if optimizer is not None:
            self._rates.append(float(optimizer.param_groups[0].get("lr", 0.0)))

    def _graph(self, loss: torch.Tensor) -> float:
        """Read the graph below a loss; return what of the target's variance is unexplained."""
        share, rectifiers, saturated, output_seen = float("nan"), 0, [0.0], False
        for name, node, inside in _nodes(loss):
            if name in _COMPARED and np.isnan(share):
                z, target = node._saved_self, node._saved_target
                if "Logits" in name:
                    self.signs["output_saturated"] = float((z[:_GLANCED].abs() > 4.6).float().mean())
                    z = torch.sigmoid(z)
                share = self._share(z - target, target)
            elif name == "PowBackward0" and np.isnan(share) and not inside:  # (z - x) ** 2
                residual = node._saved_self
                if residual.numel() % self.x.shape[1] == 0 and residual.numel() > 1:
                    share = self._share(residual, None)
            elif name == "ReluBackward0":
                active = node._saved_result > 0
                active = active.amax(dim=tuple(range(2, active.ndim))) if active.ndim > 3 else active.flatten(0, -2)
                if not inside and not output_seen:
                    self.signs["output_dead"] = 1 - float(active.any(0).float().mean())
                    output_seen = True
                    continue
                kept = self._active.setdefault(rectifiers, deque(maxlen=_KEPT))
                kept.append(active.any(0))
                rectifiers += 1
            elif name in ("SigmoidBackward0", "TanhBackward0"):
                low, high = _SATURATED[name.removesuffix("Backward0")]
                result = node._saved_result[:_GLANCED]
                part = float(((result < low) | (result > high)).float().mean())
                if not inside and not output_seen:
                    self.signs["output_saturated"], output_seen = part, True
                else:
                    saturated.append(part)
        self.signs["saturated"] = max(saturated)
        if len(self.at) == 1:
            self.signs["saturated_first"] = max(saturated)
        return share

    def _share(self, residual: torch.Tensor, target: torch.Tensor | None) -> float:
        """Return what is left of the variance: that of x, or of the first targets where these have other units."""
        if len(self.at) == 1 and target is not None and len(target) > 1:
            variance = float(target.float().var(0).mean())
            if abs(variance / self._variance - 1) > _UNITS:
                self._variance = variance or 1.0
        return float(residual.float().square().mean()) / self._variance

    # ------------------------------------------------------------------ what it was
    def _read(self) -> None:
        """Read the calls of the first step, and keep no more of them than facts need."""
        calls, self._recorder.calls = self._recorder.calls, []
        layers = torch_facts.layers_of(calls)
        fed = next(layers[0].tensors).detach() if layers else None
        self._batch = len(fed) if fed is not None else 0
        self._glance.fed = fed
        self.read = seen = torch_step.anatomy(calls, None, self._batch * self.x.shape[1])
        self.unseen += seen.unseen
        self._layers = tuple(call.address[0] for call in layers)
        if self._batch:
            outer = [torch_facts.result_of(call).numel() for call in layers]
            inner = [next(call.tensors).numel() for call in layers[1:]]
            widths = [min(pair) // self._batch for pair in zip(outer, inner, strict=False)]
            self._code = min(widths, default=None)
        if seen.term is not None and fed is not None:
            place, which = seen.term.target
            target = list(next(call for call in calls if call.address == place).tensors)[which]
            self._compare(target, fed)
        for call in calls:
            held = tuple(t for t in call.tensors if isinstance(t, torch.nn.Parameter))
            if held or call.address[0] == "backward":
                self._calls.append(Call(call.number, call.address, held, {}, None))

    def _compare(self, target: torch.Tensor, fed: torch.Tensor) -> None:
        """Find target and input among the examples."""
        d = self.x.shape[1]
        if target.numel() != self._batch * d or fed.numel() != self._batch * d:
            self.unseen.append("how what the network is fed lies to the examples")
            return
        values, given = (t.detach().cpu().double().reshape(-1, d).numpy()[:_ROWS] for t in (target, fed))
        rows, far = _nearest(values, self.x)
        fed_rows, fed_far = _nearest(given, self.x)
        if np.median(far) > _NOISY:
            self.unseen.append("the target is not among x: other units, or other data")
            return
        if np.median(far) > _SAME:
            self._found.append(
                Fact("F24", f"the target is not a clean example: they differ by {np.median(far):.2g} of its variance")
            )
        elif np.median(fed_far) < _NOISY and (rows != fed_rows).all() and len(rows) > 1:
            self._found.append(Fact("C03", "the target is another example than the one that is fed"))
        else:
            self._noise = noise_of(self.x[rows], given)

    def facts(self) -> tuple[Fact, ...]:
        """Return what is certain."""
        assert self.read is not None
        if not self.at and not self.steps:
            return ()
        self._glance.stepped = STEPS if self.steps else 0  # of a loop that had fewer none is missing
        patient: Any = SimpleNamespace(
            x=self.x, batch_size=self._batch or 1, output=None, given=None, fed_noise=Noise()
        )
        known, _ = torch_facts.facts_of(patient, patient, self.read, self._calls, self._glance)
        known += self._found
        if len(self._rates) > 1 and 0 <= self._rates[-1] < 1e-2 * self._rates[0]:
            left = self._rates[-1] / self._rates[0]
            known.append(Fact("C07", f"the schedule left {left:.2g} of the learning rate at the end"))
        return tuple(known)

    def anatomy(self) -> Anatomy:
        """Return what the training is made of."""
        seen, term = self.read, self.read.term if self.read else None
        assert seen is not None
        optimizer = self._stepping or (self.optimizers[0] if self.optimizers else None)
        group = optimizer.param_groups[0] if optimizer is not None else {}
        return Anatomy(
            framework="PyTorch",
            loss=term.kind if term else "unknown",
            scale=term.scale if term else 1.0,
            penalty=1.0 if seen.penalties else 0.0,
            output=seen.output_activation[0] if seen.output_activation else "linear",
            hidden=tuple(address[0] for address in seen.hidden_activations),
            layers=self._layers,
            code=self._code,
            noise=self._noise,
            optimizer=type(optimizer).__name__ if optimizer is not None else "none",
            lr=float(group.get("lr", 0.0)),
            weight_decay=float(group.get("weight_decay", 0.0) or 0.0),
            parameters=sum(p.numel() for p in self.model.parameters()),
            facts=self.facts(),
            unseen=tuple(self.unseen),
        )

    def outcome(self) -> Outcome:
        """Return the trace; its shares are of the batches that were trained on."""
        found = Outcome(0, self.steps, loss=np.array(self.loss), at=list(self.at), unexplained=list(self.shares))
        last = [share for share in self.shares[-5:] if not np.isnan(share)]
        found.score = found.clean = found.train = float(np.median(last)) if last else float("nan")
        found.signs = dict(self.signs)
        silent = [1 - float(torch.stack(list(kept)).any(0).float().mean()) for kept in self._active.values()]
        found.signs["dead"] = max(silent, default=0.0)
        return found

    @property
    def batch(self) -> int:
        """Examples of a step."""
        return self._batch


class _First(Recorder):
    """Record the first step."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self.observer = observer

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.backward:
            with torch._C.DisableTorchFunction():
                self.observer.look(args[0])
        return super().__torch_function__(func, types, args, kwargs)


class _Eye(TorchFunctionMode):  # type: ignore[misc]  # torch's types are not read
    """Wait for backward."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self.observer = observer

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.backward:
            self.observer.look(args[0])
        return func(*args, **(kwargs or {}))


def _nodes(loss: torch.Tensor) -> Iterator[tuple[str, Any, bool]]:
    """Give the nodes below a loss, the nearest first: name, node, and whether a layer lies between."""
    queue: deque[tuple[Any, bool]] = deque([(loss.grad_fn, False)])
    passed: set[Any] = set()
    while queue and len(passed) < _NODES:
        node, inside = queue.popleft()
        if node is None or node in passed:
            continue
        passed.add(node)
        name = type(node).__name__
        yield name, node, inside
        inside = inside or name.startswith(_LAYERS)
        queue += [(below, inside) for below, _ in node.next_functions]


def _nearest(rows: Array, x: Array) -> tuple[Array, Array]:
    """Return which example each row is nearest to, and how far: the mean square over the data's variance."""
    distances = (x**2).sum(axis=1) - 2 * rows @ x.T  # (n, N), but for what is the same in a row
    chosen = distances.argmin(axis=1)
    return chosen, ((rows - x[chosen]) ** 2).mean(axis=1) / (float(x.var(axis=0).mean()) or 1.0)
