"""Changes of the network: first weights, activations, the width of the code, poolings."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from scratchdae.doctor.patient import CannotChange, UsersError
from scratchdae.doctor.patients.torch_objective import first_tensor, seen_of

if TYPE_CHECKING:
    from scratchdae.doctor.patients.torch_trainee import Trainee

RECURRENT = (nn.LSTM, nn.GRU, nn.RNN)


def _matrices(trainee: "Trainee") -> Iterator[nn.Parameter]:
    for p in trainee.model.parameters():
        if p.ndim > 1:
            yield p


def he_init(trainee: "Trainee", factor: float | None) -> None:
    """Draw the first weights by He's rule, biases 0."""
    recurrent = {id(p) for m in trainee.model.modules() if isinstance(m, RECURRENT) for p in m.parameters()}
    transposed = {
        id(m.weight) for m in trainee.model.modules() if isinstance(m, nn.ConvTranspose1d | nn.ConvTranspose2d)
    }
    matrices = list(_matrices(trainee))
    with torch.no_grad():
        for p in trainee.model.parameters():
            if p.ndim < 2 and id(p) not in recurrent and not _of_norm(trainee, p):
                p.zero_()
        for p in matrices:
            if id(p) in recurrent:
                nn.init.xavier_uniform_(p) if p.shape[0] != p.shape[1] else nn.init.orthogonal_(p)
            else:
                fan = p[0].numel() if id(p) not in transposed else p.shape[0] * p[0, 0].numel()
                gain = 1.0 if p is matrices[-1] else 2.0
                p.normal_(0, math.sqrt(gain / fan))


def _of_norm(trainee: "Trainee", p: nn.Parameter) -> bool:
    kinds = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
    return any(p is q for m in trainee.model.modules() if isinstance(m, kinds) for q in m.parameters())


def smaller_init(trainee: "Trainee", factor: float | None) -> None:
    """Shrink every matrix to Glorot's spread, where it has more; biases likewise to 1 at most."""
    with torch.no_grad():
        for p in trainee.model.parameters():
            if p.ndim > 1:
                field = p[0, 0].numel()
                wanted = math.sqrt(2 / ((p.shape[0] + p.shape[1]) * field))
                if factor:
                    p.div_(factor)
                elif float(p.std()) > wanted:
                    p.mul_(wanted / float(p.std()))
            elif not _of_norm(trainee, p) and float(p.abs().max()) > 1:
                p.div_(float(p.abs().max()))


def leaky_relu(trainee: "Trainee", factor: float | None) -> None:
    """Leaky rectifiers in place of hidden ReLUs."""
    seen = seen_of(trainee)
    places = [address for address in seen.hidden_activations if address[0] == "relu"]
    if not places:
        raise CannotChange("no hidden unit is a ReLU")
    for address in places:
        trainee.rules.add(address, lambda f, a, k: F.leaky_relu(first_tensor(f, a, k), factor or 0.1))


def activation_relu(trainee: "Trainee", factor: float | None) -> None:
    """ReLUs in place of hidden sigmoids and the like, with He's first weights."""
    places = [
        address
        for address in seen_of(trainee).hidden_activations
        if address[0] in ("sigmoid", "tanh", "softmax", "hardsigmoid", "hardtanh", "softsign")
    ]
    if not places:
        raise CannotChange("no hidden unit is a sigmoid or a tanh")
    for address in places:
        trainee.rules.add(address, lambda f, a, k: F.relu(first_tensor(f, a, k)))
    he_init(trainee, None)


def add_nonlinearity(trainee: "Trainee", factor: float | None) -> None:
    """ReLU after hidden layers that have no activation; the code stays as it is where others are left."""
    seen, patient = seen_of(trainee), trainee.patient
    bare = [address for address in patient.bare_layers if address != patient.last_layer]
    if not bare or seen.hidden_activations:
        raise CannotChange("its hidden layers have activations")
    chosen = [address for address in bare if address != patient.code_layer] or bare
    for address in chosen:
        trainee.rules.add(address, lambda f, a, k: F.relu(f(*a, **k)))


def resized(trainee: "Trainee", factor: float) -> None:
    """Make the narrowest layer wider or narrower: it and those that read from it are built anew."""
    modules, names = dict(trainee.model.named_modules()), trainee.patient.order
    place, old = trainee.patient.code_module
    if place is None or place not in names:
        raise CannotChange("the layer that makes the code could not be told")
    new = max(1, round(old * factor))
    following = names[names.index(place) + 1 :]
    _exchange(trainee, place, _like(modules[place], out=new))
    for name in following:
        module = modules[name]
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            _exchange(trainee, name, type(module)(new))
            continue
        _exchange(trainee, name, _like(module, into=_inputs(module) // old * new))
        return
    raise CannotChange("the layer that reads the code could not be told")


def _inputs(module: nn.Module) -> int:
    for name in ("in_features", "in_channels", "input_size"):
        if hasattr(module, name):
            return int(getattr(module, name))
    raise CannotChange(f"{type(module).__name__} is a layer of a kind that cannot be resized")


def _like(module: nn.Module, out: int | None = None, into: int | None = None) -> nn.Module:
    bias = getattr(module, "bias", None) is not None
    made: nn.Module
    if isinstance(module, nn.Linear):
        made = nn.Linear(into or module.in_features, out or module.out_features, bias)
    elif isinstance(module, RECURRENT):
        options = {
            name: getattr(module, name) for name in ("num_layers", "bias", "batch_first", "dropout", "bidirectional")
        }
        made = type(module)(into or module.input_size, out or module.hidden_size, **options)
    elif isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d):
        options = {name: getattr(module, name) for name in ("kernel_size", "stride", "padding", "dilation", "groups")}
        if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d):
            options["output_padding"] = module.output_padding
        made = type(module)(into or module.in_channels, out or module.out_channels, bias=bias, **options)
    else:
        raise CannotChange(f"{type(module).__name__} is a layer of a kind that cannot be resized")
    with torch.no_grad():  # as spread out as the user's own first weights
        for (name, p), (_, q) in zip(made.named_parameters(), module.named_parameters(), strict=True):
            if p.numel() > 1 and q.numel() > 1:
                fans = math.sqrt(q[0].numel() / p[0].numel()) if p.ndim > 1 else 1.0
                p.normal_(float(q.mean()), float(q.std()) * fans)
            del name
    return made.to(next(module.parameters()))


def _exchange(trainee: "Trainee", name: str, new: nn.Module) -> None:
    """Put a module in the place of another, in the optimizers too."""
    parent, _, last = name.rpartition(".")
    owner = trainee.model.get_submodule(parent)
    old = getattr(owner, last) if not last.isdigit() else owner._modules[last]
    pairs = dict(zip((id(p) for p in old.parameters()), new.parameters(), strict=True))
    for optimizer in trainee.optimizers:
        for group in optimizer.param_groups:
            group["params"] = [pairs.get(id(p), p) for p in group["params"]]
    owner._modules[last] = new
    if last in owner.__dict__:
        owner.__dict__[last] = new


POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)


def fewer_pools(trainee: "Trainee", factor: float | None) -> None:
    """Leave out the last poolings and, where the sizes then ask for it, the first of what undoes them."""
    for _ in range(round(factor or 1)):
        _without_pool(trainee)


def _without_pool(trainee: "Trainee") -> None:
    modules, patient = dict(trainee.model.named_modules()), trainee.patient
    if any(isinstance(modules[name], nn.Linear) for name in patient.order):
        raise CannotChange("a dense layer fixes the size of the picture")
    pools = [name for name in patient.spatial if isinstance(modules[name], POOLS)]
    strided = [n for n in patient.order if isinstance(modules[n], nn.Conv2d) and _pair(modules[n].stride) == (2, 2)]
    kinds = (nn.Upsample, nn.ConvTranspose2d)
    ups = [n for n in modules if isinstance(modules[n], kinds) and _pair(getattr(modules[n], "stride", 2)) == (2, 2)]
    if not pools and not strided:
        raise CannotChange("no pooling was found")
    removed = [strided[-1]] if strided else []
    if pools and (not strided or isinstance(modules[pools[-1]], nn.AdaptiveAvgPool2d)):
        removed.append(pools[-1])  # behind a strided layer, one that only rounds the side
    for name in removed:
        _keep_size(trainee, name, modules[name])
    for up in (None, *ups[:1]):
        if up is not None:
            _keep_size(trainee, up, modules[up])
        try:
            trainee.run(patient.batch(np.arange(min(2, len(patient.x)))), learn=False)
        except UsersError:
            continue
        return
    raise CannotChange("without a pooling the sizes do not fit")


def _pair(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def _keep_size(trainee: "Trainee", name: str, module: Any) -> None:
    """Put in the place of a module one that leaves the picture's size as it is."""
    made: nn.Module = nn.Identity()
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        made = nn.Conv2d(module.in_channels, module.out_channels, 3, padding=1, bias=module.bias is not None)
        made = made.to(module.weight)
    _exchange(trainee, name, made)
