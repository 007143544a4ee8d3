"""What the ``forward`` of a module calls, one thing after the other."""

import inspect
import operator
from typing import Any, NamedTuple

import torch
from torch import fx, nn
from torch.nn import functional as F

from scratchdae.interchange.torch_own import OWN, Permute, RepeatVector, TiedAutoencoder, TiedLinear


class Step(NamedTuple):
    """One thing that a module does."""

    path: str
    module: nn.Module
    sequences: bool | None = None  # of an LSTM or a GRU: whether all its outputs are taken, or the last


class _Tracer(fx.Tracer):  # type: ignore[misc]
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, tuple(OWN.values())) or super().is_leaf_module(m, module_qualified_name)


_FUNCTIONS: dict[Any, type[nn.Module]] = {
    F.relu: nn.ReLU, torch.relu: nn.ReLU, "relu": nn.ReLU, torch.sigmoid: nn.Sigmoid, F.sigmoid: nn.Sigmoid,
    "sigmoid": nn.Sigmoid, torch.tanh: nn.Tanh, F.tanh: nn.Tanh, "tanh": nn.Tanh, F.leaky_relu: nn.LeakyReLU,
    F.silu: nn.SiLU, F.elu: nn.ELU, F.gelu: nn.GELU, F.softplus: nn.Softplus, F.max_pool2d: nn.MaxPool2d,
    F.avg_pool2d: nn.AvgPool2d, F.softmax: nn.Softmax, torch.softmax: nn.Softmax, "softmax": nn.Softmax,
    F.interpolate: nn.Upsample, F.dropout: nn.Dropout, torch.flatten: nn.Flatten,
    "flatten": nn.Flatten,
}  # fmt: skip
_ANSWERS = {nn.LSTM: "outputs and states", nn.GRU: "outputs and output"}  # tuples
_TAKEN = {
    "outputs and states 0": "outputs", "outputs and states 1": "states", "outputs and output 0": "outputs",
    "outputs and output 1": "states 0",
}  # fmt: skip
REFUSED = "module cannot be carried over"


def steps_of(module: nn.Module) -> list[Step]:
    """Return what a module does, one thing after the other; refused unless it is a chain."""
    tracer = _Tracer()
    try:
        graph = tracer.trace(nn.Sequential(module) if tracer.is_leaf_module(module, "") else module)
    except Exception as error:  # whatever a forward does that needs numbers
        raise ValueError(f"module must be a chain of layers, and its forward cannot be traced: {error}") from error
    found: list[Step] = []
    current: Any = None
    parts: dict[Any, str] = {}  # nodes beside the chain: sizes, and what is taken out of an LSTM's or a GRU's answer
    for node in graph.nodes:
        first, path = node.args[0] if node.args else None, str(node.target if node.op == "call_module" else node.name)
        part = _part(parts.get(first, ""), node)
        if node.op == "placeholder" and current is None:
            current = node
        elif node.op == "output":
            if first is not current or parts.get(current) in _ANSWERS.values():
                raise ValueError(f"module must return what its last layer gives, found {first}")
        elif part:
            parts[node] = part
            if part in ("outputs", "last"):
                current, found[-1] = node, found[-1]._replace(sequences=part == "outputs")
        elif parts.get(first) == "vector" and node.target in ("repeat", "expand"):
            current = node
            found.append(Step(path, RepeatVector(int(node.args[2]))))
        elif node.target is F.linear and first is current:
            _tie(found, [parts.get(one, "") for one in (*node.args[1:], *node.kwargs.values())], module, path)
            current = node
        elif first is not current or not all(parts.get(one) == "size" for one in node.all_input_nodes[1:]):
            raise ValueError(f"module must be a chain of layers, found something else at {path}: {node.format_node()}")
        else:
            owner = tracer.root if node.op == "call_module" else None
            step = Step(path, _function(node, path) if owner is None else owner.get_submodule(path))
            if type(step.module) in _ANSWERS:
                parts[node] = _ANSWERS[type(step.module)]
            found.append(step)
            current = node
    return found


def _part(whole: str, node: fx.Node) -> str:
    """Tell what a node is that is no layer by itself; nothing for one that is."""
    taken = node.args[1] if len(node.args) > 1 else None
    if node.op == "get_attr":
        return f"parameter {node.target}"
    if whole.startswith("parameter") and (node.target in ("t", "transpose") or taken == "T"):
        return f"transposed {whole}"
    if node.target == "size" or node.target is getattr or (whole == "size" and node.op == "call_function"):
        return "size"
    if node.target == "unsqueeze" and taken == 1:
        return "vector"
    if node.target == "squeeze" and whole == "states 0" and taken == 0:
        return "last"
    if node.target is not operator.getitem:
        return ""
    if whole == "states 0" or (whole == "outputs" and isinstance(taken, tuple) and taken[:2] == (slice(None), -1)):
        return "last"
    return _TAKEN.get(f"{whole} {taken}", f"{whole} {taken}" if whole else "")


def _tie(found: list[Step], sources: list[str], root: nn.Module, path: str) -> None:
    """Append the linear function of an earlier layer's weights, transposed; with one sigmoid layer it is one module."""
    owners = {f"transposed parameter {step.path}.weight": step.module for step in found}
    partner: Any = owners.get(sources[0] if sources else "")
    if not isinstance(partner, nn.Linear):
        raise ValueError(f"{REFUSED}: {path}: linear, but where it has the transposed weights of an earlier layer")
    bias = root.get_parameter(sources[1].removeprefix("parameter ")) if any(sources[1:]) else None
    if [type(step.module) for step in found] == [nn.Linear, nn.Sigmoid]:
        tied: Any = TiedAutoencoder(partner.in_features, partner.out_features, "linear").to(partner.weight.dtype)
        with torch.no_grad():
            tied.encoder.weight.copy_(partner.weight)
            tied.encoder.bias.copy_(partner.bias if partner.bias is not None else torch.zeros(partner.out_features))
        found.clear()
    else:
        tied = TiedLinear(partner)
    own = tied.decoder_bias if isinstance(tied, TiedAutoencoder) else tied.bias
    with torch.no_grad():
        if bias is not None:
            own.data = bias.detach().clone()
    found.append(Step(path, tied))


def _function(node: fx.Node, path: str) -> nn.Module:
    """Return the module that a function in a ``forward`` stands for."""
    rest: Any = node.args[1:]
    rest = tuple(rest[0]) if len(rest) == 1 and isinstance(rest[0], tuple | list) else rest
    if node.target in ("view", "reshape", torch.reshape):
        return nn.Flatten() if rest[1:] == (-1,) else nn.Unflatten(1, rest[1:])
    if node.target in ("permute", torch.permute):
        return Permute(rest)
    if node.target in ("transpose", torch.transpose, "swapaxes") and {axis % 3 for axis in rest} == {1, 2}:
        return Permute((0, 2, 1))
    kind = _FUNCTIONS.get(node.target)
    if kind is None:
        raise ValueError(f"{REFUSED}: {path}: {getattr(node.target, '__name__', node.target)}")
    taken = inspect.signature(kind).parameters
    return kind(*node.args[1:], **{name: value for name, value in node.kwargs.items() if name in taken})
