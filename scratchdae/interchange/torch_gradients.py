"""The gradients that PyTorch's own backward pass gives."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from scratchdae.arguments import Params


def loss_and_grads(module: nn.Module, x: Any, target: Any) -> tuple[Callable[[Params], tuple[float, Params]], Params]:
    """Return loss and gradients as a function of parameters, as a copy of the module in float64 has them, and those."""
    own = copy.deepcopy(module).double().eval()
    named = dict(own.named_parameters())
    x, target = (torch.as_tensor(one).detach().cpu() for one in (x, target))
    labels = target.ndim == 1 and not target.is_floating_point()
    x, target = x.double(), target.long() if labels else target.double()

    def answer(params: Params) -> tuple[float, Params]:
        if any(np.iscomplexobj(value) for value in params.values()):
            raise TypeError("PyTorch's modules are real")
        with torch.no_grad():
            for name, p in named.items():
                p.copy_(torch.from_numpy(params[name]))
        own.zero_grad()
        loss = F.cross_entropy(own(x), target) if labels else F.mse_loss(own(x), target)
        loss.backward()
        grads = {name: np.zeros(p.shape) if p.grad is None else p.grad.numpy().copy() for name, p in named.items()}
        return loss.item(), grads

    return answer, {name: p.detach().numpy().copy() for name, p in named.items()}
