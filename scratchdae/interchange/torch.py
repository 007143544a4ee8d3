"""Modules of PyTorch made of a description, and read by tracing what a ``forward`` calls, one after the other."""

import copy
import inspect
import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional as F

from scratchdae import layers
from scratchdae.arguments import Params, instance, precision, sides
from scratchdae.interchange.torch_modules import TO_FIRST, TO_LAST, Model, describe, dtype_of
from scratchdae.layers import (
    AveragePool2D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    Reshape,
    UpSampling2D,
)
from scratchdae.layers.windows import PADDINGS, grid, pair, transposed_size
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.sequential import Sequential


class Permute(nn.Module):  # type: ignore[misc]
    """Another order of the axes, the batch's included."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = tuple(axes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Put the axes in order."""
        return x.permute(self.axes)


class RepeatVector(nn.Module):  # type: ignore[misc]
    """The same vector at each of n steps."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Repeat (B, F) to (B, n, F)."""
        return x.unsqueeze(1).expand(-1, self.n, -1)


class GaussianNoise(nn.Module):  # type: ignore[misc]
    """Normal noise, in training only."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the noise."""
        return x + self.std * torch.randn_like(x) if self.training else x


class LSTM(nn.LSTM):  # type: ignore[misc]
    """PyTorch's LSTM, batch first, that returns its outputs, or the last alone, as one tensor."""

    def __init__(self, input_size: int, hidden_size: int, return_sequences: bool) -> None:
        super().__init__(input_size, hidden_size, batch_first=True)
        self.return_sequences = return_sequences

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run sequences (B, T, F) through the cells."""
        outputs, _ = super().forward(x)
        return outputs if self.return_sequences else outputs[:, -1]


class TiedAutoencoder(nn.Module):  # type: ignore[misc]
    """An autoencoder whose decoder has the encoder's weights, transposed; they are in one parameter."""

    def __init__(self, n_visible: int, n_hidden: int, output: str = "sigmoid") -> None:
        super().__init__()
        self.encoder = nn.Linear(n_visible, n_hidden)
        self.decoder_bias = nn.Parameter(torch.zeros(n_visible))
        self.output = output

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return the hidden representation (B, H) of (B, D)."""
        return torch.sigmoid(self.encoder(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the reconstruction (B, D)."""
        a = F.linear(self.encode(x), self.encoder.weight.T, self.decoder_bias)
        return a if self.output == "linear" else torch.sigmoid(a)


OWN: dict[str, type[nn.Module]] = {
    one.__name__: one for one in (Permute, RepeatVector, GaussianNoise, LSTM, TiedAutoencoder)
}


def to_torch(model: Model) -> nn.Module:
    """Make a module of a model, as `scratchdae.interchange.to_torch` says."""
    from scratchdae.interchange import state_dict

    modules = [one for group in describe(model) for one in group]
    built = [(OWN.get(one.kind) or getattr(nn, one.kind))(**one.options) for one in modules]
    module = built[0] if isinstance(built[0], TiedAutoencoder) else nn.Sequential(*built)
    weights = {name: torch.from_numpy(value) for name, value in state_dict(model).items()}
    module.to(getattr(torch, dtype_of(model))).load_state_dict(weights)
    return module.eval()


class _Step(NamedTuple):
    path: str
    module: nn.Module
    sequences: bool | None = None  # of an LSTM: whether all its outputs are taken, or the last


class _Tracer(fx.Tracer):  # type: ignore[misc]
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, tuple(OWN.values())) or super().is_leaf_module(m, module_qualified_name)


_FUNCTIONS: dict[Any, type[nn.Module]] = {
    F.relu: nn.ReLU, torch.relu: nn.ReLU, "relu": nn.ReLU, torch.sigmoid: nn.Sigmoid, F.sigmoid: nn.Sigmoid,
    "sigmoid": nn.Sigmoid, torch.tanh: nn.Tanh, F.tanh: nn.Tanh, "tanh": nn.Tanh, F.leaky_relu: nn.LeakyReLU,
    F.silu: nn.SiLU, F.elu: nn.ELU, F.gelu: nn.GELU, F.softplus: nn.Softplus, F.max_pool2d: nn.MaxPool2d,
    F.avg_pool2d: nn.AvgPool2d, F.interpolate: nn.Upsample, F.dropout: nn.Dropout, torch.flatten: nn.Flatten,
    "flatten": nn.Flatten,
}  # fmt: skip
_REFUSED = "module cannot be carried over"


def _steps(module: nn.Module) -> list[_Step]:
    """Return what a module does, one thing after the other; refused unless it is a chain."""
    tracer = _Tracer()
    try:
        graph = tracer.trace(nn.Sequential(module) if tracer.is_leaf_module(module, "") else module)
    except Exception as error:  # whatever a forward does that needs numbers
        raise ValueError(f"module must be a chain of layers, and its forward cannot be traced: {error}") from error
    found: list[_Step] = []
    current: Any = None
    parts: dict[Any, str] = {}  # nodes beside the chain: sizes, and what is taken out of an LSTM's answer
    for node in graph.nodes:
        first, path = node.args[0] if node.args else None, str(node.target if node.op == "call_module" else node.name)
        part = _part(parts.get(first, ""), node)
        if node.op == "placeholder" and current is None:
            current = node
        elif node.op == "output":
            if first is not current or parts.get(current) == "answer":
                raise ValueError(f"module must return what its last layer gives, found {first}")
        elif part:
            parts[node] = part
            if part in ("outputs", "last"):
                current, found[-1] = node, found[-1]._replace(sequences=part == "outputs")
        elif parts.get(first) == "vector" and node.target in ("repeat", "expand"):
            current = node
            found.append(_Step(path, RepeatVector(int(node.args[2]))))
        elif node.target is F.linear and first is current:
            found[:] = [_Step(path, _tied(found, [parts.get(one, "") for one in node.args[1:]], module, path))]
            current = node
        elif first is not current or not all(parts.get(one) == "size" for one in node.all_input_nodes[1:]):
            raise ValueError(f"module must be a chain of layers, found something else at {path}: {node.format_node()}")
        else:
            owner = tracer.root if node.op == "call_module" else None
            step = _Step(path, _function(node, path) if owner is None else owner.get_submodule(path))
            if type(step.module) is nn.LSTM:
                parts[node] = "answer"
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
    return {"answer 0": "outputs", "answer 1": "states"}.get(f"{whole} {taken}", f"{whole} {taken}" if whole else "")


def _tied(found: list[_Step], sources: list[str], root: nn.Module, path: str) -> nn.Module:
    """Return the tied autoencoder that one hidden layer and a linear function of its transposed weights are."""
    kinds = [type(step.module) for step in found]
    encoder: Any = found[0].module if kinds == [nn.Linear, nn.Sigmoid] else None
    if encoder is None or sources[:1] != [f"transposed parameter {found[0].path}.weight"]:
        raise ValueError(f"{_REFUSED}: {path}: linear, but where it has the transposed weights of one sigmoid layer")
    tied = TiedAutoencoder(encoder.in_features, encoder.out_features, "linear").to(encoder.weight.dtype)
    with torch.no_grad():
        tied.encoder.weight.copy_(encoder.weight)
        tied.encoder.bias.copy_(encoder.bias if encoder.bias is not None else torch.zeros(encoder.out_features))
        if sources[1:]:
            tied.decoder_bias.copy_(root.get_parameter(sources[1].removeprefix("parameter ")))
    return tied


def _function(node: fx.Node, path: str) -> nn.Module:
    """Return the module that a function in a ``forward`` stands for."""
    rest: Any = node.args[1:]
    rest = tuple(rest[0]) if len(rest) == 1 and isinstance(rest[0], tuple | list) else rest
    if node.target in ("view", "reshape", torch.reshape):
        return nn.Flatten() if rest[1:] == (-1,) else nn.Unflatten(1, rest[1:])
    if node.target in ("permute", torch.permute):
        return Permute(rest)
    kind = _FUNCTIONS.get(node.target)
    if kind is None:
        raise ValueError(f"{_REFUSED}: {path}: {getattr(node.target, '__name__', node.target)}")
    taken = inspect.signature(kind).parameters
    return kind(*node.args[1:], **{name: value for name, value in node.kwargs.items() if name in taken})


def from_torch(
    module: nn.Module, input_shape: tuple[int, ...] | None, loss: str, reduction: str
) -> Sequential | DenoisingAutoencoder:
    """Make a model of a module, as `scratchdae.interchange.from_torch` says."""
    from scratchdae.interchange import load_state_dict

    instance("module", module, nn.Module, "a torch.nn.Module")
    dtypes = {p.dtype for p in module.parameters()} or {torch.float32}
    dtype = precision("the dtype of module", ", ".join(sorted(str(one).removeprefix("torch.") for one in dtypes)))
    steps = _steps(module)
    first: Any = steps[0].module if steps else None
    if isinstance(first, TiedAutoencoder) and [type(step.module) for step in steps[1:]] in ([], [nn.Sigmoid]):
        output = first.output if len(steps) == 1 else "sigmoid"
        name = "squared_error" if output == "linear" or loss == "squared_error" else loss
        options: dict[str, Any] = {"loss": name, "output": output, "reduction": reduction, "dtype": dtype}
        sizes = first.encoder.in_features, first.encoder.out_features
        model = DenoisingAutoencoder(*sizes, np.random.default_rng(0), **options)
        load_state_dict(model, {key: value.detach().cpu().numpy() for key, value in first.state_dict().items()})
        return model
    unknown = [f"{step.path}: {type(step.module).__name__}" for step in steps if type(step.module) not in _READ]
    if unknown:
        raise ValueError(f"{_REFUSED}: {', '.join(unknown)}")
    return _Reader(steps, input_shape).model(loss, reduction, dtype)


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


class _Read(NamedTuple):
    """A layer that was read."""

    layer: Layer
    holder: nn.Module  # who has its arrays
    turned: bool | None = None  # of a change of an image's shape: whether the module had its channels last


class _Reader:
    """Reads modules from the first to the last, and knows where it is: the shape, and the order of the axes."""

    def __init__(self, steps: list[_Step], input_shape: tuple[int, ...] | None) -> None:
        first = steps[0].module if steps else None
        if input_shape is None:
            if not isinstance(first, nn.Linear):
                raise ValueError("input_shape must be given, as the module takes it: (C, H, W) for images")
            input_shape = (first.in_features,)
        taken = sides("input_shape", input_shape)
        self.shape = (*taken[1:], taken[0]) if len(taken) == 3 else taken  # of an example, channels last
        self.input_shape, self.steps, self.k = self.shape, steps, 0
        self.last = False  # whether the tensor itself has the channels last

    def model(self, loss: str, reduction: str, dtype: Any) -> Sequential:
        """Read all, then take the weights."""
        found: list[tuple[str, _Read]] = []
        while self.k < len(self.steps):
            step = self.steps[self.k]
            where = f"{step.path}: {type(step.module).__name__}"
            self.k += 1
            try:
                for read in _READ[type(step.module)](self, step):
                    self.shape = read.layer.output_shape(self.shape)
                    found.append((where, read))
            except ValueError as error:
                raise ValueError(f"{_REFUSED}: {where}: {error}") from None
        layers, rng = [read.layer for _, read in found], np.random.default_rng(0)
        options: dict[str, Any] = {"loss": loss, "reduction": reduction, "dtype": dtype}
        network = Sequential(layers, self.input_shape, rng, output_shape=self.shape, **options)
        network.params = {name: np.zeros(value.shape, value.dtype) for name, value in network.params.items()}
        for group, (where, read) in zip(describe(network), found, strict=True):
            if read.turned is not None and read.turned != any(one.kind == "Permute" for one in group):
                order = "last and a" if read.turned else "first and no"
                raise ValueError(f"{_REFUSED}: {where}: the channels are {order} linear layer has the flat side")
            for entry in (entry for one in group for entry in one.entries):
                value = getattr(read.holder, entry.name, None)  # a bias that the module lacks stays zero
                if value is not None:
                    target = network.params[entry.source]
                    places = entry.turn(np.arange(target.size).reshape(target.shape))
                    np.add.at(target.reshape(-1), places.ravel(), value.detach().cpu().numpy().ravel())
        return network

    def image(self) -> tuple[int, int]:
        """Return height and width, refused unless the tensor is an image with its channels first."""
        if len(self.shape) != 3 or self.last:
            raise ValueError(f"it needs images (C, H, W), found {self.shape}{' with C last' if self.last else ''}")
        return self.shape[0], self.shape[1]

    def padding(self, m: Any, pad: list[tuple[int, int]], ceil: bool = False) -> str:
        """Return the padding whose windows lie where the module's do; refused where there is none."""
        size, kernel, stride = self.image(), pair("kernel", m.kernel_size), pair("stride", m.stride)
        if pair("dilation", getattr(m, "dilation", 1)) != (1, 1):
            raise ValueError(f"dilation={m.dilation}")
        counts = []
        for n, k, s, (before, after) in zip(size, kernel, stride, pad, strict=True):
            whole, rest = divmod(n + before + after - k, s)
            counts.append(whole + 1 + (ceil and rest > 0 and (whole + 1) * s < n + before))
        for padding in PADDINGS:
            if padding == "same" or (size[0] >= kernel[0] and size[1] >= kernel[1]):
                windows = grid(size, kernel, stride, padding)
                if list(windows.size) == counts and list(windows.before) == [before for before, _ in pad]:
                    return padding
        raise ValueError(
            f"kernel {kernel}, stride {stride}, padding {pad}: windows that are neither 'valid' nor 'same'"
        )


def _sides(padding: Any) -> list[tuple[int, int]]:
    return [(n, n) for n in ((padding, padding) if isinstance(padding, int) else padding)]


def _zero_pad(reader: _Reader, step: _Step) -> Iterator[_Read]:
    """Read a padding with the convolution that follows it."""
    following = reader.steps[reader.k] if reader.k < len(reader.steps) else step
    if not isinstance(following.module, nn.Conv2d):
        raise ValueError("it is no part of a convolution")
    reader.k += 1
    left, right, top, bottom = step.module.padding
    yield from _conv(reader, following, [(top, bottom), (left, right)])


def _conv(reader: _Reader, step: _Step, more: list[tuple[int, int]] | None = None) -> Iterator[_Read]:
    m: Any = step.module
    if m.groups != 1 or m.padding_mode != "zeros":
        raise ValueError(f"groups={m.groups}, padding_mode={m.padding_mode!r}")
    own = [(0, 0), (0, 0)] if m.padding == "valid" else None if m.padding == "same" else _sides(m.padding)
    if own is None:
        own = [((k - 1) // 2, k // 2) for k in m.kernel_size]
    pad = [(a + c, b + d) for (a, b), (c, d) in zip(own, more or [(0, 0), (0, 0)], strict=True)]
    yield _Read(Conv2D(m.out_channels, m.kernel_size, m.stride, reader.padding(m, pad)), m)


def _conv_transpose(reader: _Reader, step: _Step) -> Iterator[_Read]:
    """Read a transposed convolution, with the pixels that a negative padding after it cuts off."""
    m: Any = step.module
    if m.groups != 1 or m.dilation != (1, 1):
        raise ValueError(f"groups={m.groups}, dilation={m.dilation}")
    cut, size = [(0, 0), (0, 0)], reader.image()
    following: Any = reader.steps[reader.k].module if reader.k < len(reader.steps) else None
    if isinstance(following, nn.ZeroPad2d) and max(following.padding) <= 0:
        left, right, top, bottom = following.padding
        cut, reader.k = [(-top, -bottom), (-left, -right)], reader.k + 1
    made, tops = [], []
    axes = zip(size, m.kernel_size, m.stride, m.padding, m.output_padding, cut, strict=True)
    for n, k, s, p, more, (first, last) in axes:
        made.append((n - 1) * s - 2 * p + k + more - first - last)
        tops.append(p + first)
    for padding in PADDINGS:
        found = transposed_size(size, m.kernel_size, m.stride, padding)
        if list(found) == made and list(grid(found, m.kernel_size, m.stride, padding).before) == tops:
            yield _Read(Conv2DTranspose(m.out_channels, m.kernel_size, m.stride, padding), m)
            return
    raise ValueError(f"{m.extra_repr()}: kernels that lie neither as for 'valid' nor as for 'same'")


def _pool(reader: _Reader, step: _Step) -> Iterator[_Read]:
    m: Any = step.module
    average = isinstance(m, nn.AvgPool2d)
    pad = _sides(m.padding)
    if getattr(m, "return_indices", False) or getattr(m, "divisor_override", None):
        raise ValueError("return_indices or divisor_override")
    if average and m.count_include_pad and any(n for n, _ in pad):
        raise ValueError("count_include_pad=True")
    layer = AveragePool2D if average else MaxPool2D
    yield _Read(layer(m.kernel_size, m.stride, reader.padding(m, pad, m.ceil_mode)), m)


def _upsample(reader: _Reader, step: _Step) -> Iterator[_Read]:
    m: Any = step.module
    size = reader.image()
    wanted = m.size if m.size is not None else m.scale_factor
    wanted = wanted if isinstance(wanted, tuple | list) else (wanted, wanted)
    factors = [w / n if m.size is not None else float(w) for w, n in zip(wanted, size, strict=True)]
    if m.mode != "nearest" or not all(factor.is_integer() for factor in factors):
        raise ValueError(f"mode={m.mode!r}, factors {factors}")
    yield _Read(UpSampling2D((int(factors[0]), int(factors[1]))), m)


def _linear(reader: _Reader, step: _Step) -> Iterator[_Read]:
    if len(reader.shape) == 3 and not reader.last:
        raise ValueError("it mixes the columns of an image; flatten it first")
    yield _Read(Dense(step.module.out_features), step.module)


def _permute(reader: _Reader, step: _Step) -> Iterator[_Read]:
    axes = tuple(step.module.axes)
    if len(reader.shape) != 3 or axes != (TO_FIRST if reader.last else TO_LAST).options["axes"]:
        raise ValueError(f"axes {axes} of examples {reader.shape}")
    reader.last = not reader.last
    yield from ()


def _flatten(reader: _Reader, step: _Step) -> Iterator[_Read]:
    m: Any = step.module
    if (m.start_dim, m.end_dim) != (1, -1):
        raise ValueError(m.extra_repr())
    turned, reader.last = reader.last if len(reader.shape) == 3 else None, False
    yield _Read(Flatten(), m, turned)


def _unflatten(reader: _Reader, step: _Step) -> Iterator[_Read]:
    size = tuple(step.module.unflattened_size)
    if len(reader.shape) != 1 or step.module.dim not in (1, -1):
        raise ValueError(f"dim={step.module.dim} of examples {reader.shape}")
    following = reader.steps[reader.k].module if reader.k < len(reader.steps) else None
    reader.last = isinstance(following, Permute)
    image = size if len(size) != 3 or reader.last else (*size[1:], size[0])
    yield _Read(Reshape(image), step.module, reader.last if len(size) == 3 else None)


def _lstm(_: _Reader, step: _Step) -> Iterator[_Read]:
    m: Any = step.module
    sequences = m.return_sequences if isinstance(m, LSTM) else step.sequences
    if sequences is None or not m.batch_first or m.num_layers != 1 or m.bidirectional or m.proj_size:
        raise ValueError(f"{m.extra_repr()}: it must be one layer, batch_first, one way, all outputs or the last taken")
    yield _Read(layers.LSTM(m.hidden_size, sequences), m)


def _plain(make: Callable[[Any], Layer]) -> Callable[[_Reader, _Step], Iterator[_Read]]:
    return lambda _, step: iter([_Read(make(step.module), step.module)])


def _softplus(m: Any) -> Layer:
    if m.beta != 1 or m.threshold < 20:
        raise ValueError(m.extra_repr())
    return layers.Softplus()


_READ: dict[type, Callable[[_Reader, _Step], Iterator[_Read]]] = {
    nn.Identity: _plain(lambda _: layers.Identity()), nn.Sigmoid: _plain(lambda _: layers.Sigmoid()),
    nn.Tanh: _plain(lambda _: layers.Tanh()), nn.ReLU: _plain(lambda _: layers.ReLU()),
    nn.LeakyReLU: _plain(lambda m: layers.LeakyReLU(m.negative_slope)), nn.ELU: _plain(lambda m: layers.ELU(m.alpha)),
    nn.GELU: _plain(lambda m: layers.GELU(m.approximate)), nn.Softplus: _plain(_softplus),
    nn.SiLU: _plain(lambda _: layers.SiLU()),
    nn.Dropout: _plain(lambda m: layers.Dropout(m.p)), GaussianNoise: _plain(lambda m: layers.GaussianNoise(m.std)),
    RepeatVector: _plain(lambda m: layers.RepeatVector(m.n)), nn.Linear: _linear, nn.Conv2d: _conv,
    nn.ConvTranspose2d: _conv_transpose, nn.ZeroPad2d: _zero_pad, nn.MaxPool2d: _pool, nn.AvgPool2d: _pool,
    nn.Upsample: _upsample, nn.Flatten: _flatten, nn.Unflatten: _unflatten, Permute: _permute, nn.LSTM: _lstm,
    LSTM: _lstm,
}  # fmt: skip
