"""What undoes the mistakes of a step that were seen: `torch_facts` says which."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from scratchdae.doctor.patient import CannotChange
from scratchdae.doctor.patients.torch_objective import (
    first_tensor,
    objective,
    seen_of,
)
from scratchdae.doctor.patients.torch_step import LAYERS, MEANS

if TYPE_CHECKING:
    from scratchdae.doctor.patients.torch_trainee import Trainee


def fix_backward(trainee: "Trainee", factor: float | None) -> None:
    """Undo every mistake of the step that was seen and can be undone: `torch_facts` says which."""
    mends = trainee.patient.mends
    if not mends:
        raise CannotChange("no mistake in the step was seen that can be undone from outside")
    for mend in mends:
        mend(trainee)


def undetach(trainee: "Trainee") -> None:
    """Let gradients through where the step detaches or computes under no_grad."""
    for address in seen_of(trainee).detached:
        trainee.rules.add(address, lambda f, a, k: a[0])


def with_gradient(trainee: "Trainee") -> None:
    """Compute layers and activations with gradients, whatever the step says."""
    for name in LAYERS:
        trainee.rules.add(name, _enabled)
    for name in {address[0] for address in seen_of(trainee).hidden_activations} | {
        "relu",
        "sigmoid",
        "tanh",
        "view",
        "reshape",
        "flatten",
    }:
        trainee.rules.add(name, _enabled)


def _enabled(f: Any, a: Any, k: Any) -> Any:
    with torch.enable_grad():
        return f(*a, **k)


def hold_all(trainee: "Trainee") -> None:
    """Let the optimizer hold every parameter of the model, and none be frozen."""
    held = {id(p) for o in trainee.optimizers for group in o.param_groups for p in group["params"]}
    missing = [p for p in trainee.model.parameters() if id(p) not in held]
    for p in trainee.model.parameters():
        p.requires_grad_(True)
    if missing and trainee.optimizers:
        trainee.optimizers[0].add_param_group({"params": missing})


def once(trainee: "Trainee") -> None:
    """Leave out the activations of what is activated already."""
    for address in seen_of(trainee).twice:
        trainee.rules.add(address, first_tensor)


def output_in_loss(trainee: "Trainee") -> None:
    """Compare the last layer's output with the clean batch."""
    patient, kept = trainee.patient, {}

    def keep(f: Any, a: Any, k: Any) -> Any:
        kept["z"] = f(*a, **k)
        return kept["z"]

    def target(t: torch.Tensor) -> torch.Tensor:
        assert trainee.clean is not None
        assert patient.output is not None
        return torch.as_tensor(patient.output.apply(trainee.clean)).to(t)

    seen = seen_of(trainee)
    if seen.output is None or patient.output is None:
        raise CannotChange("no layer gives as many numbers as an example has")
    trainee.outer.add(seen.output, keep)
    if seen.term is not None:
        objective(trainee, seen.term.kind, lambda: kept["z"], target)
    else:
        trainee.rules.add("backward", lambda f, a, k: f(MEANS["squared_error"](kept["z"], target(kept["z"]))))


def awake(trainee: "Trainee") -> None:
    """Keep the model in training mode, without dropout."""
    for module in trainee.model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0

    def act() -> None:
        trainee.model.train()
        for module in trainee.model.modules():
            object.__setattr__(module, "eval", lambda module=module: module)

    trainee.before_step.append(act)


def stepping(trainee: "Trainee") -> None:
    """Call backward and the optimizers after a step that leaves them out."""
    stepped: list[torch.optim.Optimizer] = []

    def note(optimizer: torch.optim.Optimizer) -> None:
        stepped.append(optimizer)
        if not seen_of(trainee).backward:  # it has old gradients to go by, if any
            for group in optimizer.param_groups:
                for p in group["params"]:
                    p.grad = None

    trainee.before_update.append(note)

    def finish(loss: torch.Tensor | None) -> None:
        whole = bool(seen_of(trainee).backward) and bool(stepped)
        stepped.clear()
        if whole or loss is None or not loss.requires_grad:
            return
        if not seen_of(trainee).backward:
            for p in trainee.model.parameters():
                p.grad = None
            loss.backward()
        for optimizer in trainee.optimizers:
            optimizer.step()

    trainee.after_step.append(finish)


def unclipped(trainee: "Trainee") -> None:
    """Update by the gradients as backward left them."""
    fresh: dict[int, torch.Tensor] = {}
    for p in trainee.model.parameters():
        p.register_post_accumulate_grad_hook(lambda p: fresh.__setitem__(id(p), p.grad.clone()))

    def act(optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            for p in group["params"]:
                if id(p) in fresh and p.grad is not None:
                    p.grad.copy_(fresh[id(p)])

    trainee.before_update.append(act)


def held_rate(trainee: "Trainee") -> None:
    """Keep the learning rate that the optimizer began with."""
    first: dict[int, list[Any]] = {id(o): [group["lr"] for group in o.param_groups] for o in trainee.optimizers}

    def act(optimizer: torch.optim.Optimizer) -> None:
        for group, lr in zip(optimizer.param_groups, first.get(id(optimizer), []), strict=False):
            group["lr"] = group.get("initial_lr", lr)

    trainee.before_update.append(act)


def differentiated(trainee: "Trainee") -> None:
    """Let autograd differentiate what custom functions compute, in place of their own backward."""

    class Context:  # what a forward asks of its ctx
        def __getattr__(self, name: str) -> Any:
            return lambda *args: None

    known = {(kind.__module__, kind.__qualname__) for kind in trainee.patient.custom_functions}
    function = torch.autograd.Function

    def apply(kind: Any, *args: Any, **kwargs: Any) -> Any:
        if (kind.__module__, kind.__qualname__) not in known:
            return original.__func__(kind, *args, **kwargs)
        alone = kind.setup_context is not function.setup_context
        return kind.forward(*args, **kwargs) if alone else kind.forward(Context(), *args, **kwargs)

    original = function.__dict__["apply"]

    @contextlib.contextmanager
    def plain() -> Iterator[None]:
        function.apply = classmethod(apply)
        try:
            yield
        finally:
            function.apply = original

    trainee.around.append(plain)
