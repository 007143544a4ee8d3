"""Whether the gradients of a PyTorch step are the slopes of its loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from scratchdae.arguments import Array
from scratchdae.doctor.patient import UsersError
from scratchdae.doctor.patients.torch_rules import Rules

if TYPE_CHECKING:
    from scratchdae.doctor.patients.torch import TorchPatient


def custom_functions(loss: Any) -> list[Any]:
    """Return the user's own autograd functions in the graph of a loss."""
    found, passed = [], set[int]()
    queue = [getattr(loss, "grad_fn", None)]
    while queue and len(passed) < 5000:
        node = queue.pop()
        if node is None or id(node) in passed:
            continue
        passed.add(id(node))
        kind = getattr(type(node), "_forward_cls", None)
        if kind is not None and kind not in found:
            found.append(kind)
        queue += [one for one, _ in node.next_functions]
    return found


def wrong_gradient(patient: TorchPatient, seed: int, rows: Array) -> str | None:
    """Return the parameter whose gradient is not the slope of the loss, if there is one; all in float64."""
    trainee = patient.begin(seed)
    trainee.model.double()
    named = [(name, p) for name, p in trainee.model.named_parameters() if p.requires_grad]

    def loss(derive: bool = False) -> tuple[float, list[torch.Tensor | None]]:
        found: list[Any] = [float("nan"), []]

        def backward(f: Any, a: Any, k: Any) -> None:
            found[0] = float(a[0].detach())
            if derive:
                found[1] = torch.autograd.grad(a[0], [p for _, p in named], allow_unused=True)

        rules = Rules()
        rules.add("backward", backward)
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        trainee.run(patient.batch(rows), rules, learn=False)
        return found[0], found[1]

    patient.exact = True
    try:
        value, grads = loss(derive=True)
        if not math.isfinite(value) or abs(loss()[0] - value) > 1e-9 * abs(value):
            return None  # its noise is drawn anew each time: a slope cannot be measured
        for (name, p), grad in zip(named, grads, strict=False):
            if grad is not None and _off(p, grad, value, lambda: loss()[0]):
                return str(name)
        return None
    except (UsersError, RuntimeError):
        return None  # its step does not take float64, or its loss has no gradient
    finally:
        patient.exact = False


def _off(p: nn.Parameter, grad: torch.Tensor, value: float, loss: Callable[[], float]) -> bool:
    """Whether a gradient is not the slope along itself, by central differences of two sizes."""
    norm, size = float(grad.norm()), float(p.detach().norm())
    if not math.isfinite(norm) or norm * size <= 1e-6 * abs(value) or value == 0:
        return False
    ratios = []
    for share in (1e-4, 1e-5):
        epsilon = min(share * abs(value) / norm, 1e-3 * (size or 1.0))
        slopes = []
        for sign in (1, -1):
            move = (sign * epsilon / norm) * grad
            with torch.no_grad():
                p.add_(move)
            slopes.append(loss())
            with torch.no_grad():
                p.sub_(move)
        ratios.append((slopes[0] - slopes[1]) / (2 * epsilon * norm))
    return all(abs(ratio - 1) > 0.2 for ratio in ratios) and abs(ratios[0] - ratios[1]) < 0.1 * (1 + abs(ratios[0]))
