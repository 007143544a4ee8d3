"""What one step of a PyTorch training does: its calls, in order, and what they mean.

A `Recorder` keeps every torch function that the step calls, with arguments and result. `anatomy` reads from them which
tensor is the output, which the target, how the loss is put together, and what stands between the last layer and it.
A place in the step is an address: a function's name and which of its calls it is; every step makes the same calls.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode

Address = tuple[str, int]

LOSSES = {
    "mse_loss": "squared_error",
    "l1_loss": "absolute_error",
    "smooth_l1_loss": "huber",
    "huber_loss": "huber",
    "binary_cross_entropy": "cross_entropy",
    "binary_cross_entropy_with_logits": "cross_entropy_from_logits",
}
ACTIVATIONS = (
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "softplus",
    "selu",
    "hardtanh",
    "hardsigmoid",
    "relu6",
    "mish",
    "softmax",
    "prelu",
    "rrelu",
    "celu",
    "softsign",
    "logsigmoid",
)
LAYERS = (
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "lstm",
    "gru",
    "rnn_tanh",
    "rnn_relu",
    "matmul",
    "addmm",
    "mm",
    "bmm",
)
_SHAPING = (
    "view",
    "reshape",
    "flatten",
    "unflatten",
    "squeeze",
    "unsqueeze",
    "permute",
    "transpose",
    "contiguous",
    "t",
    "to",
    "float",
    "double",
    "clone",
    "movedim",
    "swapaxes",
    "view_as",
    "__getitem__",
    "getitem",
)
_SOFTPLUS = ("softplus", "logaddexp", "relu", "clamp", "maximum")
_NAMES = {
    "subtract": "sub",
    "isub": "sub",
    "multiply": "mul",
    "rmul": "mul",
    "imul": "mul",
    "radd": "add",
    "iadd": "add",
    "true_divide": "div",
    "truediv": "div",
    "divide": "div",
    "rpow": "pow",
    "ipow": "pow",
    "absolute": "abs",
    "negative": "neg",
    "float_power": "pow",
}


def function_name(function: Any) -> str:
    """Return the name of a torch function, the same for its method, its operator and its form in place."""
    name = getattr(function, "__name__", "") or str(function)
    name = name.strip("_")
    return _NAMES.get(name, name)


class Call(NamedTuple):
    """One call of a torch function."""

    number: int  # its place among all calls
    address: Address
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any

    @property
    def tensors(self) -> Iterator[torch.Tensor]:
        """The tensors among its arguments."""
        for argument in (*self.args, *self.kwargs.values()):
            if isinstance(argument, torch.Tensor):
                yield argument
            elif isinstance(argument, list | tuple):
                yield from (part for part in argument if isinstance(part, torch.Tensor))


class Counting(TorchFunctionMode):  # type: ignore[misc]  # torch's types are not read
    """A mode that knows the address of every call."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def address(self, function: Any) -> Address:
        name = function_name(function)
        self.counts[name] += 1
        return name, self.counts[name] - 1


class Recorder(Counting):
    """Keep every call of one step; the arguments are kept alive, so that a tensor is known by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        address = self.address(func)
        result = func(*args, **kwargs)
        self.calls.append(Call(len(self.calls), address, args, kwargs, result))
        return result


class Producers:
    """Tells which call computed a tensor; one that works in place computes it anew."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls: dict[int, list[Call]] = {}
        for call in calls:
            for part in call.result if isinstance(call.result, tuple) else (call.result,):
                if isinstance(part, torch.Tensor):
                    self._calls.setdefault(id(part), []).append(call)

    def of(self, tensor: Any, before: Call | None = None) -> Call | None:
        """Return the last call that computed a tensor, before another call; None for what came from outside."""
        known: list[Call] = [c for c in self._calls.get(id(tensor), []) if before is None or c.number < before.number]
        return known[-1] if known else None

    def above(self, call: Call) -> list[Call]:
        """Return the calls that computed the tensors that a call takes."""
        found = [self.of(tensor, call) for tensor in call.tensors]
        return [one for one in found if one is not None]

    def softened(self, tensor: torch.Tensor) -> bool:
        """Whether a softplus, or a part of one, is taken of a tensor."""
        calls = (call for calls in self._calls.values() for call in calls if call.address[0] in _SOFTPLUS)
        return any(one is tensor for call in calls for one in call.tensors)

    def through_shapes(self, call: Call | None) -> Call | None:
        """Return a call, or that before it of which it changes the shape alone."""
        found = call
        while found is not None and found.address[0] in _SHAPING:
            above: list[Call] = self.above(found)
            found = above[0] if above else None
        return found


@dataclass(frozen=True)
class Term:
    """The part of the loss that compares an output with a target."""

    kind: str  # a value of LOSSES, or "hand-written cross-entropy"
    result: Address  # whose value is the term
    output: Address  # the call that computes the output
    target: tuple[Address, int]  # the call that takes the target, and which of its tensors that is
    scale: float  # the term, divided by the mean over all entries


@dataclass
class Anatomy:
    """What a step is made of."""

    term: Term | None = None
    penalties: tuple[Address, ...] = ()  # other terms of the loss
    output_activation: Address | None = None  # between the last layer and the loss
    hidden_activations: tuple[Address, ...] = ()
    input: Address | None = None  # the first layer's call, whose first tensor is what the network is fed
    output: Address | None = None  # the call that gives the reconstruction
    compared: int = 0  # numbers that the loss compares
    twice: tuple[Address, ...] = ()  # activations of what is activated already, the last first
    detached: tuple[Address, ...] = ()  # calls of detach between input and loss
    without_gradient: tuple[Address, ...] = ()  # layers that were computed under no_grad
    backward: int = 0  # how often backward was called
    elsewhere: bool = False  # the loss does not see what the last layer gave
    loss_value: float = float("nan")
    unseen: list[str] = field(default_factory=list)


def anatomy(calls: list[Call], loss: torch.Tensor | None, numel: int) -> Anatomy:
    """Read the calls of one step on a batch of `numel` numbers."""
    found = Anatomy()
    ends = [index for index, call in enumerate(calls) if call.address[0] == "backward"]
    found.backward = len(ends)
    if ends:
        loss = next(iter(calls[ends[0]].tensors), loss)
        calls = calls[: ends[0]]
    producer = Producers(calls)
    layers = [call for call in calls if call.address[0] in LAYERS]
    found.input = layers[0].address if layers else None
    terms = [] if loss is None else [_term(part, producer) for part in _summands(loss, producer)]
    seen = [term for term in terms if term is not None and not isinstance(term, Call)]
    found.penalties = tuple(call.address for call in terms if isinstance(call, Call)) if seen else ()
    layer = next((call for call in reversed(layers) if _first(call).numel() == numel), None)
    compared: torch.Tensor | None = None
    if seen:
        found.term, compared, _ = seen[0]
        found.compared = compared.numel()
    else:
        found.unseen.append("how the loss compares the output with the target")
    output = producer.of(compared) if compared is not None and (layer is None or compared.numel() == numel) else None
    if output is None and layer is not None:
        output = _activated(layer, calls, producer)
    if output is None:
        return found
    found.output = output.address
    passed = _ancestors(output, producer)
    if layer is not None and found.term is not None:
        target = producer.of(seen[0][2])
        own = target is not None and layer.address in _ancestors(target, producer)
        found.elsewhere = found.compared != numel or layer.address not in passed or own
    _activations(found, calls, output, passed, producer)
    end = producer.of(loss)
    below = passed if end is None else passed | _ancestors(end, producer)
    found.detached = tuple(
        call.address for call in calls
        if call.address[0] == "detach" and call.address in below and next(call.tensors).requires_grad
    )  # fmt: skip
    found.without_gradient = tuple(
        call.address for call in layers
        if not _first(call).requires_grad and any(_trained(tensor) for tensor in call.tensors)
    )  # fmt: skip
    return found


def _trained(tensor: torch.Tensor) -> bool:
    return isinstance(tensor, torch.nn.Parameter) and tensor.requires_grad


def _first(call: Call) -> torch.Tensor:
    result: torch.Tensor = call.result[0] if isinstance(call.result, tuple) else call.result
    return result


def _activated(layer: Call, calls: list[Call], producer: Producers) -> Call:
    """Return the last of the activations that follow a layer, or the layer."""
    for call in calls[layer.number + 1 :]:
        if call.address[0] in ACTIVATIONS and producer.through_shapes(next(iter(producer.above(call)), None)) is layer:
            return _activated(call, calls, producer)
    return layer


def _activations(found: Anatomy, calls: list[Call], output: Call, inside: set[Address], producer: Producers) -> None:
    chain = []  # activations one after the other, the last first
    call = producer.through_shapes(output)
    while call is not None and call.address[0] in ACTIVATIONS:
        chain.append(call.address)
        call = producer.through_shapes(next(iter(producer.above(call)), None))
    squashing = [address for address in chain if address[0] in ("sigmoid", "tanh", "softmax")]
    logits = found.term is not None and found.term.kind == "cross_entropy_from_logits"
    found.output_activation = chain[0] if chain else None
    found.twice = tuple(squashing) if logits else tuple(squashing[:-1])
    found.hidden_activations = tuple(
        call.address
        for call in calls
        if call.address[0] in ACTIVATIONS and call.address in inside and call.address not in chain
    )


def _summands(value: torch.Tensor, producer: Producers, before: Call | None = None) -> list[torch.Tensor]:
    """Return the tensors whose sum a loss is, numbers and factors aside."""
    call = producer.of(value, before)
    if call is None:
        return [value]
    name, tensors = call.address[0], list(call.tensors)
    scalars = all(t.numel() == 1 for t in tensors)
    if name in ("add", "sub") and scalars and tensors:
        return [part for t in tensors for part in _summands(t, producer, call)]
    if name in ("mul", "div", "neg", "mean", "sum", "detach", "requires_grad") and len(tensors) == 1 and scalars:
        inner = _summands(tensors[0], producer, call)
        return inner if len(inner) > 1 else [value]
    return [value]


def _term(value: torch.Tensor, producer: Producers) -> tuple[Term, torch.Tensor, torch.Tensor] | Call | None:
    """Find the comparison below one summand of the loss; the summand's own call where it is another penalty."""
    top = producer.of(value)
    queue: list[tuple[Call, str]] = [(top, "")] if top else []
    passed: set[Address] = set()
    while queue:
        call, above = queue.pop(0)
        if call.address in passed or len(passed) > 60 or call.address[0] in LAYERS:
            continue
        passed.add(call.address)
        found = _comparison(call, above, producer)
        if found is not None and top is not None:
            kind, output, place = found
            target, made = list(call.tensors)[place], producer.of(output, call)
            mean = float(MEANS[kind](output.detach().double(), target.detach().double()))
            scale = float(value.detach().double().sum()) / mean if mean else float("nan")
            address = made.address if made else ("nothing", 0)
            return Term(kind, top.address, address, (call.address, place), scale), output, target
        queue += [(one, call.address[0]) for one in producer.above(call)]
    return top


def _comparison(call: Call, above: str, producer: Producers) -> tuple[str, torch.Tensor, int] | None:
    """Return the kind, the output, and which tensor of the call is the target, if a call compares the two.

    `above` is the function that takes its result.
    """
    name = call.address[0]
    pair = list(call.tensors)[:2]
    if len(pair) < 2 or pair[0].shape != pair[1].shape or pair[0].numel() < 2:
        return None
    if name in LOSSES:
        return LOSSES[name], pair[0], 1
    if any(isinstance(t, torch.nn.Parameter) for t in pair):
        return None
    if name == "sub" and above in ("pow", "square", "mul", "abs", "norm", "linalg_vector_norm", "linalg_norm"):
        kind = "absolute_error" if above == "abs" else "squared_error"
        first = pair[0].requires_grad or not pair[1].requires_grad
        return (kind, pair[0], 1) if first else (kind, pair[1], 0)
    if name == "mul":  # t * log(z), or z * t beside softplus(z)
        for place in (0, 1):
            given, target = pair[1 - place], pair[place]
            if target.requires_grad or not given.requires_grad:
                continue
            log, reached = producer.of(given, call), None
            while log is not None and log.address[0] in ("log", "clamp", "clip", "add"):
                reached, log = next(log.tensors), producer.of(next(log.tensors), log)
            if reached is not None and not (log is not None and log.address[0] in ("sub", "rsub")):
                return "hand-written cross-entropy", reached, place
            if reached is None and above == "sub" and producer.softened(given):
                return "cross_entropy_from_logits", given, place
    return None


def _ancestors(call: Call, producer: Producers) -> set[Address]:
    """Return the addresses of a call and of all that it was computed from."""
    found: set[Address] = set()
    queue = [call]
    while queue:
        one = queue.pop()
        if one.address not in found:
            found.add(one.address)
            queue += producer.above(one)
    return found


def squared(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Mean squared error."""
    return ((z - t) ** 2).mean()


MEANS = {
    "squared_error": squared,
    "absolute_error": lambda z, t: (z - t).abs().mean(),
    "huber": torch.nn.functional.smooth_l1_loss,
    "cross_entropy": lambda z, t: -(torch.xlogy(t, z) + torch.xlogy(1 - t, 1 - z)).mean(),
    "hand-written cross-entropy": lambda z, t: -(torch.xlogy(t, z) + torch.xlogy(1 - t, 1 - z)).mean(),
    "cross_entropy_from_logits": torch.nn.functional.binary_cross_entropy_with_logits,
}
