"""What is compared, and with what: the changes of the loss and of the output."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from scratchdae.doctor.patient import CannotChange
from scratchdae.doctor.patients.torch_step import MEANS, Term

if TYPE_CHECKING:
    from scratchdae.doctor.patients.torch_trainee import Trainee

DENSE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)


def seen_of(trainee: "Trainee") -> Any:
    """Return what was read of the step; CannotChange where it could not be."""
    if trainee.patient.seen is None:
        raise CannotChange("the step could not be read")
    return trainee.patient.seen


def term_of(trainee: "Trainee") -> Term:
    """Return the comparison in the loss; CannotChange where it was not seen."""
    term: Term | None = seen_of(trainee).term
    if term is None:
        raise CannotChange("how the loss compares output and target could not be seen")
    return term


def objective(
    trainee: "Trainee",
    kind: str,
    output: Callable[[], torch.Tensor | None] | None = None,
    target: Callable[[torch.Tensor], torch.Tensor] = lambda t: t,
) -> None:
    """Let another comparison take the place of the user's, on the same scale."""
    term, kept = term_of(trainee), {}
    scale = term.scale if math.isfinite(term.scale) and term.scale else 1.0  # a loss of 0 has none

    def keep_output(f: Any, a: Any, k: Any) -> Any:
        kept["output"] = f(*a, **k)
        return kept["output"]

    def keep_target(f: Any, a: Any, k: Any) -> Any:
        tensors = [t for t in (*a, *k.values()) if isinstance(t, torch.Tensor)]
        kept["target"] = tensors[term.target[1]]
        return compare() if term.target[0] == term.result else f(*a, **k)

    def compare(*_: Any) -> torch.Tensor:
        z = output() if output is not None else kept["output"]
        z = z[0] if isinstance(z, tuple) else z
        assert z is not None
        t = target(kept["target"])
        return scale * MEANS[kind](z.reshape(t.shape), t)

    trainee.outer.add(term.output, keep_output)
    trainee.outer.add(term.target[0], keep_target)
    if term.target[0] != term.result:
        trainee.outer.add(term.result, compare)


def logits_loss(trainee: "Trainee", factor: float | None) -> None:
    """Cross-entropy of the sigmoid's input, in place of a loss of its result."""
    seen, kept = seen_of(trainee), {}
    place = seen.output_activation
    if place is None or place[0] != "sigmoid" or term_of(trainee).kind == "cross_entropy_from_logits":
        raise CannotChange("the output has no sigmoid before the loss")
    x, output = trainee.patient.x, trainee.patient.output
    assert output is not None
    low, high = (float(v) for v in (output.apply(x[:2048]).min(), output.apply(x[:2048]).max()))
    if low < 0 or high > 1:
        raise CannotChange(f"cross-entropy needs targets in [0, 1], found {low:.3g} to {high:.3g}")

    def keep(f: Any, a: Any, k: Any) -> Any:
        kept["logits"] = next(t for t in (*a, *k.values()) if isinstance(t, torch.Tensor))
        if getattr(f, "__name__", "").endswith("_"):
            kept["logits"] = kept["logits"].clone()
        return f(*a, **k)

    trainee.rules.add(place, keep)
    objective(trainee, "cross_entropy_from_logits", lambda: kept["logits"])


def clean_target(trainee: "Trainee", factor: float | None) -> None:
    """Compare the output with the clean batch."""

    def target(t: torch.Tensor) -> torch.Tensor:
        assert trainee.clean is not None
        return torch.as_tensor(trainee.patient.output.apply(trainee.clean)).to(t)  # type: ignore[union-attr]

    objective(trainee, term_of(trainee).kind, None, target)


def linear_output(trainee: "Trainee", factor: float | None) -> None:
    """Leave out the activation of the output."""
    seen, term = seen_of(trainee), term_of(trainee)
    if seen.output_activation is None:
        raise CannotChange("the output is linear")
    if "cross" in term.kind:
        raise CannotChange("a cross-entropy needs its sigmoid")
    trainee.rules.add(seen.output_activation, first_tensor)


def first_tensor(f: Any, a: Any, k: Any) -> torch.Tensor:
    """Return the first tensor that a call takes, in place of what it computes."""
    return next(t for t in (*a, *k.values()) if isinstance(t, torch.Tensor))


def sigmoid_output(trainee: "Trainee", factor: float | None) -> None:
    """Put a sigmoid at the output, in place of what is there."""
    seen, term = seen_of(trainee), term_of(trainee)
    if term.kind == "cross_entropy_from_logits" or (seen.output_activation or ("",))[0] == "sigmoid":
        raise CannotChange("the output has its sigmoid")
    place = seen.output_activation or seen.output
    if place is None:
        raise CannotChange("the output was not seen")
    if seen.output_activation is None:
        trainee.rules.add(place, lambda f, a, k: torch.sigmoid(f(*a, **k)))
    else:
        trainee.rules.add(place, lambda f, a, k: torch.sigmoid(first_tensor(f, a, k)))


def output_bias_to_mean(trainee: "Trainee", factor: float | None) -> None:
    """Begin with the output's bias where its output is the mean of the data."""
    module = next((m for m in reversed(called(trainee)) if isinstance(m, DENSE) and m.bias is not None), None)
    output = trainee.patient.output
    if module is None or output is None:
        raise CannotChange("the last layer has no bias")
    assert module.bias is not None
    target = output.apply(trainee.transform(trainee.patient.x[:4096]))
    size = len(module.bias)
    flat = target.reshape(len(target), -1)
    if flat.shape[1] == size:
        mean = flat.mean(axis=0)
    elif target.ndim > 2 and target.shape[1] == size and not isinstance(module, nn.Linear):
        mean = np.moveaxis(target, 1, 0).reshape(size, -1).mean(axis=1)
    elif target.shape[-1] == size:
        mean = target.reshape(-1, size).mean(axis=0)
    else:
        raise CannotChange("the last layer's bias does not lie as the data do")
    name = (seen_of(trainee).output_activation or ("",))[0]
    if name == "sigmoid" or term_of(trainee).kind == "cross_entropy_from_logits":
        mean = np.clip(mean, 1e-3, 1 - 1e-3)
        mean = np.log(mean / (1 - mean))
    elif name == "tanh":
        mean = np.arctanh(np.clip(mean, -0.99, 0.99))
    with torch.no_grad():
        module.bias.copy_(torch.as_tensor(mean))


def output_range(trainee: "Trainee") -> tuple[float, float]:
    """Return the least and the most that the output can be."""
    name = (seen_of(trainee).output_activation or ("",))[0]
    if name == "sigmoid" or "cross" in term_of(trainee).kind:
        return 0.0, 1.0
    return {"tanh": (-1.0, 1.0), "relu": (0.0, math.inf), "softplus": (0.0, math.inf)}.get(name, (-math.inf, math.inf))


def called(trainee: "Trainee") -> list[nn.Module]:
    """Return the layers with parameters, in the order in which they are called."""
    names = trainee.patient.order
    modules = dict(trainee.model.named_modules())
    return [modules[name] for name in names if name in modules]
