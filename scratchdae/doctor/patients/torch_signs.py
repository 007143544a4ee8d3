"""Scale-free statistics of a PyTorch training, looked at now and then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from scratchdae.doctor.patient import Noise, Outcome, spread_of
from scratchdae.doctor.patients import torch_mends
from scratchdae.doctor.patients.torch_step import Address

if TYPE_CHECKING:
    from scratchdae.doctor.patients.torch_trainee import Trainee

VANISHED = 1e-2  # of a learning rate is left


class Signs:
    """Scale-free statistics of a training, looked at now and then."""

    def __init__(self, trainee: Trainee, steps: int) -> None:
        self.trainee, self.steps = trainee, steps
        self.found: dict[str, list[float]] = {}
        self.rates = [group["lr"] for o in trainee.optimizers for group in o.param_groups]
        self.ratios: list[float] = []
        self.before: list[torch.Tensor] = []
        trainee.before_update.append(self._gradients)
        sizes = [_size(p) for p in trainee.model.parameters() if p.ndim > 1]
        if sizes:
            self.found |= {"weights_largest": [max(sizes)], "weights_smallest": [min(sizes)]}
        self._due = False

    def _gradients(self, optimizer: torch.optim.Optimizer) -> Any:
        if not self._due:
            return None
        self._due = False
        matrices = [p for group in optimizer.param_groups for p in group["params"] if p.ndim > 1 and p.grad is not None]
        if len(matrices) > 1:
            sizes = [float(p.grad.double().square().mean().sqrt()) for p in matrices]
            self._keep("gradient_ratio", sizes[0] / sizes[-1] if sizes[-1] > 0 else math.inf)
        before = [p.detach().clone() for p in matrices]

        def after() -> None:
            moves = [float((p.detach() - b).norm() / (b.norm() + 1e-12)) for p, b in zip(matrices, before, strict=True)]
            if moves:
                self._keep("update", float(np.median(moves)))

        return after

    def _keep(self, name: str, value: float) -> None:
        self.found.setdefault(name, []).append(value)

    def look(self, step: int) -> None:
        """Look at activations of held-out examples, and at the next update."""
        self._due = True
        patient, seen = self.trainee.patient, self.trainee.patient.seen
        if seen is None or seen.output is None or patient.output is None:
            return
        kept: list[tuple[Address, torch.Tensor, torch.Tensor]] = []

        def watch(rules: Any) -> None:
            for address in (*seen.hidden_activations, *([seen.output_activation] if seen.output_activation else [])):

                def rule(f: Any, a: Any, k: Any, address: Address = address) -> Any:
                    given = next(t for t in (*a, *k.values()) if isinstance(t, torch.Tensor)).detach().clone()
                    result = f(*a, **k)
                    kept.append((address, given, result.detach()))
                    return result

                rules.add(address, rule)

        _, z = self.trainee.measure(patient.held_out, Noise(), watch)
        if z is not None:
            self._keep("spread", spread_of(z, patient.held_out[: len(z)]))
        dead, saturated, alike = [0.0], [0.0], [0.0]
        by_address: dict[Address, list[tuple[torch.Tensor, torch.Tensor]]] = {}
        for address, given, result in kept:
            by_address.setdefault(address, []).append((given, result))
        for address, pairs in by_address.items():
            given = torch.cat([one for one, _ in pairs]).float()
            output = address == seen.output_activation
            if not output:
                alike.append(_alike(given))
            if address[0] == "relu":
                active = (given > 0).flatten(2).any(-1) if given.ndim > 2 and given.ndim != 3 else given > 0
                active = active.reshape(-1, active.shape[-1])
                share_dead = 1 - float(active.any(0).double().mean())
                self._keep("output_dead", share_dead) if output else dead.append(share_dead)
            elif address[0] in ("sigmoid", "tanh"):
                share_high = float((given.abs() > (4.6 if address[0] == "sigmoid" else 2.3)).double().mean())
                self._keep("output_saturated", share_high) if output else saturated.append(share_high)
        self._keep("dead", max(dead))
        self._keep("saturated", max(saturated))
        self._keep("alike", max(alike))

    def done(self, outcome: Outcome) -> dict[str, float]:
        """Sum up."""
        self.look(self.steps)
        signs = {name: values[-1] for name, values in self.found.items()}
        signs |= {f"{name}_first": values[0] for name, values in self.found.items()}
        rates = [group["lr"] for o in self.trainee.optimizers for group in o.param_groups]
        if self.rates and self.rates[0]:
            signs["rate_left"] = float(rates[0]) / float(self.rates[0])
            if signs["rate_left"] < VANISHED and torch_mends.held_rate not in self.trainee.patient.mends:
                self.trainee.patient.mends.append(torch_mends.held_rate)
        return signs


def _size(p: torch.Tensor) -> float:
    """Return the spread of a matrix over that of Glorot's rule."""
    field = p[0, 0].numel()
    return float(p.detach().double().std()) / math.sqrt(2 / ((p.shape[0] + p.shape[1]) * field))


def _alike(given: torch.Tensor) -> float:
    """Return the share of units (the last axis, or the second of pictures) that are equal to another."""
    units = (
        given.transpose(1, -1).reshape(-1, given.shape[1]).T
        if given.ndim == 4
        else given.reshape(-1, given.shape[-1]).T
    )
    size = float(units.abs().max())
    if len(units) < 2 or size == 0:
        return 0.0
    distinct = len(torch.unique((units / size * 1e4).round(), dim=0))
    return 1 - (distinct - 1) / (len(units) - 1)
