"""What the doctor can change in a PyTorch training from outside, a row of `CHANGES` each.

A change acts on a `Trainee` before its first step: on the fresh model, by rules for the calls of its steps, or around
the updates of its optimizers. What it cannot do it says by `CannotChange`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from scratchdae.doctor.patient import CannotChange
from scratchdae.doctor.patients.torch_mends import fix_backward
from scratchdae.doctor.patients.torch_network import (
    activation_relu,
    add_nonlinearity,
    fewer_pools,
    he_init,
    leaky_relu,
    resized,
    smaller_init,
)
from scratchdae.doctor.patients.torch_objective import (
    clean_target,
    linear_output,
    logits_loss,
    output_bias_to_mean,
    output_range,
    seen_of,
    sigmoid_output,
)
from scratchdae.doctor.patients.torch_rules import replaced

if TYPE_CHECKING:
    from scratchdae.doctor.patients.torch_trainee import Trainee

OUTLYING = 10.0  # median deviations from the median distance, from here on an example is an outlier
RARE = 20.0  # a column's spread below the largest over this is not scaled up: rare pixels would blow up


def _rate(trainee: "Trainee", factor: float) -> None:
    def act(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
        kept = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor

        def back() -> None:
            for group, lr in zip(optimizer.param_groups, kept, strict=True):
                group["lr"] = lr

        return back

    trainee.before_update.append(act)


def clip_gradient(trainee: "Trainee", factor: float | None) -> None:
    """Clip the gradient's norm before every update."""

    def act(optimizer: torch.optim.Optimizer) -> None:
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], factor or 1.0)

    trainee.before_update.append(act)


def adam(trainee: "Trainee", factor: float | None) -> None:
    """Update by an Adam of our own; the user's optimizer finds no gradients."""
    own: dict[int, torch.optim.Adam] = {}

    def act(optimizer: torch.optim.Optimizer) -> Callable[[], None] | None:
        if optimizer in own.values():
            return None
        held = [p for group in optimizer.param_groups for p in group["params"]]
        if id(optimizer) not in own:
            own[id(optimizer)] = torch.optim.Adam(held, factor or 1e-3)
        own[id(optimizer)].step()
        kept = [(p, p.grad) for p in held]
        for p in held:
            p.grad = None

        def back() -> None:
            for p, grad in kept:
                p.grad = grad

        return back

    trainee.before_update.append(act)


def less_l2(trainee: "Trainee", factor: float | None) -> None:
    """Take the weight decay and other penalties away, or a part of them."""

    def act(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
        kept = [group.get("weight_decay") for group in optimizer.param_groups]
        for group, decay in zip(optimizer.param_groups, kept, strict=True):
            if decay is not None:
                group["weight_decay"] = decay / factor if factor else 0.0

        def back() -> None:
            for group, decay in zip(optimizer.param_groups, kept, strict=True):
                if decay is not None:
                    group["weight_decay"] = decay

        return back

    trainee.before_update.append(act)
    for address in seen_of(trainee).penalties:
        trainee.rules.add(address, lambda f, a, k: f(*a, **k) * (1 / factor if factor else 0.0))


def zero_grad(trainee: "Trainee", factor: float | None) -> None:
    """Forget the gradients before every step."""

    def act() -> None:
        for p in trainee.model.parameters():
            p.grad = None

    trainee.before_step.append(act)


def _rescaled(trainee: "Trainee", shift: Any, size: Any) -> None:
    x = (trainee.patient.x - shift) / size
    low, high = output_range(trainee)
    if x.min() < low - 1e-9 or x.max() > high + 1e-9:
        linear_output(trainee, None)
    trainee.scale = (np.asarray(shift), np.asarray(size))


def standardise_data(trainee: "Trainee", factor: float | None) -> None:
    """Centre every column; one spread for all, or with a factor each its own where it is no rare column."""
    x = trainee.patient.x
    spread = x.std(axis=0)
    size = np.maximum(spread, spread.max() / RARE) if factor else np.sqrt((spread**2).mean())
    _rescaled(trainee, x.mean(axis=0), size)


def scale_to_unit(trainee: "Trainee", factor: float | None) -> None:
    """Scale the data to [0, 1], all columns alike."""
    x = trainee.patient.x
    _rescaled(trainee, x.min(), (x.max() - x.min()) or 1.0)


def _noise_scaled(trainee: "Trainee", factor: float) -> None:
    """Let a part of the noise through that the first layer is fed; of a mask, a part of its holes."""
    patient, seen = trainee.patient, seen_of(trainee)
    if patient.feed is None or seen.input is None:
        raise CannotChange("what the first layer is fed does not lie to the examples in a way that can be seen")
    rng = np.random.default_rng(trainee.seed + 1)

    def rule(f: Any, a: Any, k: Any) -> Any:
        if not trainee.learning:
            return f(*a, **k)
        assert trainee.clean is not None
        assert patient.feed is not None
        fed = a[0].detach()
        clean = torch.as_tensor(patient.feed.apply(trainee.clean)).to(fed).reshape(fed.shape)
        if patient.fed_noise.kind != "gaussian":
            kept = torch.as_tensor(rng.random(tuple(fed.shape)) < factor)
            fed = torch.where(kept, fed, clean)
        else:
            fed = clean + factor * (fed - clean)
        return f(*replaced(a, k, 0, fed)[0], **k)

    trainee.rules.add(seen.input, rule)


def _quieter(trainee: "Trainee", factor: float) -> None:
    """Let a part of the noise through that the model itself adds in evaluation."""

    def rule(f: Any, a: Any, k: Any) -> Any:
        handed = trainee.handed
        if trainee.learning or handed is None or handed.shape != a[0].shape:
            return f(*a, **k)
        return f(*replaced(a, k, 0, handed + factor * (a[0] - handed))[0], **k)

    trainee.rules.add(seen_of(trainee).input, rule)


def less_noise(trainee: "Trainee", factor: float | None) -> None:
    """Let a part of the noise through, dropout included."""
    dropouts = [m for m in trainee.model.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0]
    for module in dropouts:
        module.p /= factor or 5
    if trainee.patient.awake:
        _quieter(trainee, 1 / (factor or 5))
    if trainee.patient.fed_noise.kind != "none":
        _noise_scaled(trainee, 1 / (factor or 5))
    elif not dropouts and not trainee.patient.awake:
        raise CannotChange("no noise was seen")


def more_noise(trainee: "Trainee", factor: float | None) -> None:
    """Add Gaussian noise to what the first layer is fed."""
    patient, seen = trainee.patient, seen_of(trainee)
    if seen.input is None:
        raise CannotChange("the first layer was not seen")
    spread = float(np.sqrt(patient.x.var(axis=0).mean())) * (factor or 0.3)
    generator = torch.Generator().manual_seed(trainee.seed + 1)

    def rule(f: Any, a: Any, k: Any) -> Any:
        if not trainee.learning:
            return f(*a, **k)
        size = spread / (float(np.mean(trainee.scale[1])) if trainee.scale else 1.0)
        if patient.feed is not None:
            size *= float(np.mean(np.abs(patient.feed.a)))
        fed = a[0] + size * torch.randn(a[0].shape, generator=generator).to(a[0])
        return f(*replaced(a, k, 0, fed)[0], **k)

    trainee.rules.add(seen.input, rule)


def other_data(trainee: "Trainee", factor: float | None) -> None:
    """Leave out examples that lie far from all others."""
    x = trainee.patient.x
    distance = np.sqrt(((x - np.median(x, axis=0)) ** 2).sum(axis=1))
    middle = float(np.median(distance))
    spread = float(np.median(np.abs(distance - middle))) or 1e-12
    kept = distance <= middle + (factor or OUTLYING) * spread
    if kept.all() or kept.mean() < 0.5:
        raise CannotChange("no examples lie far from all others")
    trainee.rows = np.flatnonzero(kept)


def fewer_examples(trainee: "Trainee", factor: float | None) -> None:
    """Train on a part of the examples: no repair, but it tells whether more would help."""
    trainee.rows = trainee.rows[: max(1, round(len(trainee.rows) / (factor or 2)))]


def _batch(trainee: "Trainee", factor: float) -> None:
    trainee.batch_factor = factor


CHANGES: dict[str, Callable[["Trainee", float | None], None]] = {
    "lr_down": lambda trainee, factor: _rate(trainee, 1 / (factor or 10)),
    "lr_up": lambda trainee, factor: _rate(trainee, factor or 10),
    "more_steps": lambda trainee, factor: None,  # the doctor takes them
    "clip_gradient": clip_gradient,
    "adam": adam,
    "less_l2": less_l2,
    "zero_grad": zero_grad,
    "logits_loss": logits_loss,
    "clean_target": clean_target,
    "linear_output": linear_output,
    "sigmoid_output": sigmoid_output,
    "output_bias_to_mean": output_bias_to_mean,
    "standardise_data": standardise_data,
    "scale_to_unit": scale_to_unit,
    "less_noise": less_noise,
    "more_noise": more_noise,
    "other_data": other_data,
    "fewer_examples": fewer_examples,
    "more_data_or_regularise": lambda trainee, factor: more_noise(trainee, factor or 0.3),
    "he_init": he_init,
    "smaller_init": smaller_init,
    "leaky_relu": leaky_relu,
    "activation_relu": activation_relu,
    "add_nonlinearity": add_nonlinearity,
    "widen_code": lambda trainee, factor: resized(trainee, factor or 2),
    "narrow_code": lambda trainee, factor: resized(trainee, 1 / (factor or 2)),
    "smaller_batch": lambda trainee, factor: _batch(trainee, 1 / (factor or 8)),
    "larger_batch": lambda trainee, factor: _batch(trainee, factor or 8),
    "fewer_pools": fewer_pools,
    "fix_backward": fix_backward,
}
