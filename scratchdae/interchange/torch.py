"""Modules of PyTorch made of a description, and models made of what a module calls, one after the other."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from scratchdae.arguments import Array, instance, precision
from scratchdae.interchange.torch_gradients import loss_and_grads as loss_and_grads
from scratchdae.interchange.torch_modules import Model, describe, dtype_of
from scratchdae.interchange.torch_own import (
    GRU,
    LSTM,
    OWN,
    GaussianNoise,
    Permute,
    RepeatVector,
    TiedAutoencoder,
    TiedLinear,
)
from scratchdae.interchange.torch_reading import READ, Reader
from scratchdae.interchange.torch_tracing import REFUSED, Step, steps_of
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.sequential import Sequential

__all__ = [  # files of modules look for these here
    "GRU", "LSTM", "GaussianNoise", "Permute", "RepeatVector", "TiedAutoencoder", "TiedLinear", "from_torch",
    "loss_and_grads", "runner", "to_torch",
]  # fmt: skip


def to_torch(model: Model) -> nn.Module:
    """Make a module of a model, as `scratchdae.interchange.to_torch` says."""
    from scratchdae.interchange import state_dict

    built: list[list[nn.Module]] = []  # of each layer
    for group in describe(model):
        built.append([])
        for kind, options, _ in group:
            if kind == "TiedLinear":
                made: nn.Module = TiedLinear(next(m for m in built[options["partner"]] if isinstance(m, nn.Linear)))
            else:
                made = (OWN.get(kind) or getattr(nn, kind))(**options)
            built[-1].append(made)
    modules = [one for group in built for one in group]
    module = modules[0] if isinstance(modules[0], TiedAutoencoder) else nn.Sequential(*modules)
    weights = {name: torch.from_numpy(value) for name, value in state_dict(model).items()}
    module.to(getattr(torch, dtype_of(model))).load_state_dict(weights)
    return module.eval()


def runner(module: nn.Module) -> Callable[[Array], Array]:
    """Return what gives the outputs of a module in evaluation mode, where and in the precision that its weights are."""
    like = next(iter(module.parameters()), torch.empty(0))

    def run(x: Array) -> Array:
        modes = [(one, one.training) for one in module.modules()]
        try:
            with torch.no_grad():
                found: Array = module.eval()(torch.as_tensor(x).to(like)).cpu().numpy()
                return found
        finally:
            for one, training in modes:
                one.training = training

    return run


class Found(NamedTuple):
    """A model, and the order in which the module takes and gives images and sequences."""

    model: Sequential | DenoisingAutoencoder
    takes_first: bool = False  # channels first
    gives_first: bool = False


def from_torch(module: nn.Module, input_shape: tuple[int, ...] | None, loss: str, reduction: str) -> Found:
    """Make a model of a module, as `scratchdae.interchange.from_torch` says."""
    instance("module", module, nn.Module, "a torch.nn.Module")
    dtypes = {p.dtype for p in module.parameters()} or {torch.float32}
    dtype = precision("the dtype of module", ", ".join(sorted(str(one).removeprefix("torch.") for one in dtypes)))
    steps = steps_of(module)
    first: Any = steps[0].module if steps else None
    if isinstance(first, TiedAutoencoder) and [type(one.module) for one in steps[1:]] in ([], [nn.Sigmoid]):
        return Found(_autoencoder(first, first.output if len(steps) == 1 else "sigmoid", loss, reduction, dtype))
    steps = [part for step in steps for part in _parts(step)]
    unknown = [f"{step.path}: {type(step.module).__name__}" for step in steps if type(step.module) not in READ]
    if unknown:
        raise ValueError(f"{REFUSED}: {', '.join(unknown)}")
    reader = Reader(steps, input_shape)
    takes_first = reader.first
    network = reader.model(loss, reduction, dtype)
    return Found(network, takes_first, reader.first)


def _autoencoder(tied: TiedAutoencoder, output: str, loss: str, reduction: str, dtype: Any) -> DenoisingAutoencoder:
    from scratchdae.interchange import load_state_dict

    name = "squared_error" if output == "linear" or loss == "squared_error" else loss
    options: dict[str, Any] = {"loss": name, "output": output, "reduction": reduction, "dtype": dtype}
    sizes = tied.encoder.in_features, tied.encoder.out_features
    model = DenoisingAutoencoder(*sizes, np.random.default_rng(0), **options)
    load_state_dict(model, tied.state_dict())
    return model


def _parts(step: Step) -> list[Step]:
    """Return a tied autoencoder as the layers that it has; anything else as it is."""
    whole: Any = step.module
    if not isinstance(whole, TiedAutoencoder):
        return [step]
    decoder = TiedLinear(whole.encoder)
    decoder.bias = whole.decoder_bias
    parts = [whole.encoder, nn.Sigmoid(), decoder, *([] if whole.output == "linear" else [nn.Sigmoid()])]
    return [Step(step.path, part) for part in parts]
