"""Our layers and weights for the modules that a module calls, read from the first to the last."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from scratchdae import layers
from scratchdae.arguments import sides
from scratchdae.interchange import orders
from scratchdae.interchange.torch_modules import describe, permute, pieces, put
from scratchdae.interchange.torch_own import GRU, LSTM, GaussianNoise, Permute, RepeatVector, TiedLinear
from scratchdae.interchange.torch_tracing import REFUSED, Step
from scratchdae.layers import Layer
from scratchdae.layers.windows import grid, pair, transposed_size
from scratchdae.models.sequential import Sequential


class _Read(NamedTuple):
    """A layer that was read."""

    layer: Layer
    holder: nn.Module  # who has its arrays
    first: bool | None = None  # of a change of shape: whether the module had the channels first on the other side
    zeros: Sequence[tuple[int, int]] = ()  # of a convolution: what its kernel gets before and after, along each axis


class Reader:
    """Reads modules from the first to the last, and knows where it is: the shape, and the order of the axes."""

    def __init__(self, steps: list[Step], input_shape: tuple[int, ...] | None) -> None:
        first = steps[0].module if steps else None
        if input_shape is None:
            if not isinstance(first, nn.Linear):
                raise ValueError("input_shape must be given, as the module takes it: (C, H, W) for images")
            input_shape = (first.in_features,)
        taken = sides("input_shape", input_shape)
        self.steps, self.k = steps, 0
        # whether the tensor has its channels first
        self.first = len(taken) == 3 or (len(taken) == 2 and self.begins_first())
        self.shape = (*taken[1:], taken[0]) if self.first else taken  # of an example, channels last
        self.input_shape = self.shape
        self.found: list[tuple[str, _Read]] = []

    def begins_first(self) -> bool:
        """Tell whether sequences have their channels first here, by the next module that must know."""
        turned = False
        for step in self.steps[self.k :]:
            if isinstance(step.module, Permute):
                turned = not turned
            elif isinstance(step.module, nn.Conv1d | nn.ConvTranspose1d | nn.BatchNorm1d | nn.ConstantPad1d):
                return not turned
            elif isinstance(step.module, nn.LSTM | nn.GRU | nn.Linear | TiedLinear | nn.Flatten | nn.Unflatten):
                break
        return turned

    def model(self, loss: str, reduction: str, dtype: Any) -> Sequential:
        """Read all, then take the weights."""
        while self.k < len(self.steps):
            step = self.steps[self.k]
            where = f"{step.path}: {type(step.module).__name__}"
            self.k += 1
            try:
                for read in READ[type(step.module)](self, step):
                    self.shape = read.layer.output_shape(self.shape)
                    self.found.append((where, read))
            except ValueError as error:
                raise ValueError(f"{REFUSED}: {where}: {error}") from None
        found, rng = [read.layer for _, read in self.found], np.random.default_rng(0)
        options: dict[str, Any] = {"loss": loss, "reduction": reduction, "dtype": dtype}
        network = Sequential(found, self.input_shape, rng, output_shape=self.shape, **options)
        params = {name: np.zeros(value.shape, value.dtype) for name, value in network.params.items()}
        for k, (group, (where, read)) in enumerate(zip(describe(network), self.found, strict=True)):
            if read.first is not None and read.first != orders.flat_first(network, k):
                order = "first and no" if read.first else "last and a"
                raise ValueError(f"{REFUSED}: {where}: the channels are {order} linear layer has the flat side")
            for name, entries in pieces([group]).items():
                value = getattr(read.holder, name.partition(".")[2], None)
                if value is not None:
                    array = value.detach().cpu().numpy()
                    around = [(0, 0)] * (array.ndim - len(read.zeros)) + list(read.zeros)
                    put(entries, np.pad(array, around) if name.endswith(".weight") else array, params)
                elif isinstance(read.layer, layers.BatchNorm) and name.endswith(".weight"):
                    params[entries[0].source][:] = 1  # without a scale; a bias that the module lacks stays zero
        network.params = params
        return network

    def image(self, axes: int = 2) -> tuple[int, int]:
        """Return height and width, of a sequence 1 and its steps; refused unless the tensor has its channels first."""
        if len(self.shape) != axes + 1 or not self.first:
            what = "images (C, H, W)" if axes == 2 else "sequences (C, T)"
            raise ValueError(f"it needs {what}, found {self.shape}{'' if self.first else ' with C last'}")
        rows, columns = (1, *self.shape)[-3:-1]
        return rows, columns

    def padding(self, m: Any, pad: list[tuple[int, int]], ceil: bool = False) -> tuple[str, list[tuple[int, int]]]:
        """Return the padding whose windows lie where the module's do, and the zeros around the kernel that it needs."""
        axes = len(pad)
        size, kernel, stride = self.image(axes), _across(m.kernel_size, axes), _across(m.stride, axes)
        if _across(getattr(m, "dilation", 1), axes) != (1, 1):
            raise ValueError(f"dilation={m.dilation}")
        counts, pad = [], [(0, 0), *pad][-2:]
        for n, k, s, (before, after) in zip(size, kernel, stride, pad, strict=True):
            whole, rest = divmod(n + before + after - k, s)
            counts.append(whole + 1 + (ceil and rest > 0 and (whole + 1) * s < n + before))
        tops = [before for before, _ in pad]
        inside = size[0] >= kernel[0] and size[1] >= kernel[1] and not any(tops)
        if inside and list(grid(size, kernel, stride, "valid").size) == counts:
            return "valid", [(0, 0)] * axes
        zeros: Any = [_around(*axis) for axis in zip(size, kernel, stride, counts, tops, strict=True)][-axes:]
        if None in zeros:
            where = f"kernel {kernel[-axes:]}, stride {stride[-axes:]}, padding {pad[-axes:]}"
            raise ValueError(f"{where}: windows that are neither 'valid' nor 'same'")
        return "same", zeros


def _around(n: int, k: int, s: int, count: int, top: int) -> tuple[int, int] | None:
    """Return the fewest zeros before and after a kernel with which `same` lets its windows begin there."""
    for more in range(s + 1 if count == -(-n // s) else 0):
        for first in range(more + 1):
            if max((count - 1) * s + k + more - n, 0) // 2 == top + first:
                return first, more - first
    return None


def _across(value: Any, axes: int) -> tuple[int, int]:
    """Return a size down and across; a sequence is an image of one row."""
    if axes == 2:
        return pair("size", value)
    return 1, *(value if isinstance(value, tuple) else (value,))


def _sides(padding: Any, axes: int) -> list[tuple[int, int]]:
    return [(n, n) for n in ((padding,) * axes if isinstance(padding, int) else padding)]


def _zero_pad(reader: Reader, step: Step) -> Iterator[_Read]:
    """Read a padding with the convolution that follows it."""
    following: Any = reader.steps[reader.k] if reader.k < len(reader.steps) else step
    m: Any = step.module
    if not isinstance(following.module, nn.Conv2d if len(m.padding) == 4 else nn.Conv1d) or m.value:
        raise ValueError("it is no part of a convolution")
    reader.k += 1
    yield from _conv(reader, following, _pairs(m.padding))


def _pairs(padding: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return what comes before and after each axis, of what PyTorch has from the last axis to the first."""
    return list(zip(padding[::2], padding[1::2], strict=True))[::-1]


def _conv(reader: Reader, step: Step, more: list[tuple[int, int]] | None = None) -> Iterator[_Read]:
    m: Any = step.module
    axes = len(m.kernel_size)
    if m.groups != 1 or m.padding_mode != "zeros":
        raise ValueError(f"groups={m.groups}, padding_mode={m.padding_mode!r}")
    own = [((k - 1) // 2, k // 2) for k in m.kernel_size]
    if m.padding != "same":
        own = _sides(0 if m.padding == "valid" else m.padding, axes)
    pad = [(a + c, b + d) for (a, b), (c, d) in zip(own, more or [(0, 0)] * axes, strict=True)]
    yield _convolution(m, *reader.padding(m, pad), transposed=False)


def _convolution(m: Any, padding: str, zeros: list[tuple[int, int]], transposed: bool) -> _Read:
    """Return a convolution whose kernel has zeros around that of the module."""
    axes = len(zeros)
    kernel = tuple(k + first + last for k, (first, last) in zip(m.kernel_size, zeros, strict=True))
    kind = getattr(layers, f"Conv{axes}D{'Transpose' * transposed}")
    sizes = (kernel[0], m.stride[0]) if axes == 1 else (kernel, m.stride)
    return _Read(kind(m.out_channels, *sizes, padding), m, zeros=zeros)


def _conv_transpose(reader: Reader, step: Step) -> Iterator[_Read]:
    """Read a transposed convolution, with the pixels that a negative padding after it cuts off."""
    m: Any = step.module
    axes = len(m.kernel_size)
    if m.groups != 1 or any(n != 1 for n in m.dilation):
        raise ValueError(f"groups={m.groups}, dilation={m.dilation}")
    cut, size = [(0, 0)] * axes, reader.image(axes)
    kernel, stride = _across(m.kernel_size, axes), _across(m.stride, axes)
    following: Any = reader.steps[reader.k].module if reader.k < len(reader.steps) else None
    if isinstance(following, nn.ZeroPad2d if axes == 2 else nn.ConstantPad1d) and max(following.padding) <= 0:
        cut, reader.k = [(-first, -last) for first, last in _pairs(following.padding)], reader.k + 1
    made, tops = [1] * (2 - axes), [0] * (2 - axes)
    each = zip(size[-axes:], m.kernel_size, m.stride, m.padding, m.output_padding, cut, strict=True)
    for n, k, s, p, more, (first, last) in each:
        made.append((n - 1) * s - 2 * p + k + more - first - last)
        tops.append(p + first)
    if list(transposed_size(size, kernel, stride, "valid")) == made and not any(tops):
        yield _convolution(m, "valid", [(0, 0)] * axes, transposed=True)
        return
    zeros: Any = [_around(*axis) for axis in zip(made, kernel, stride, size, tops, strict=True)][-axes:]
    if list(transposed_size(size, kernel, stride, "same")) == made and None not in zeros:
        yield _convolution(m, "same", zeros, transposed=True)
        return
    raise ValueError(f"{m.extra_repr()}: kernels that lie neither as for 'valid' nor as for 'same'")


def _pool(reader: Reader, step: Step) -> Iterator[_Read]:
    m: Any = step.module
    average = isinstance(m, nn.AvgPool2d)
    pad = _sides(m.padding, 2)
    if getattr(m, "return_indices", False) or getattr(m, "divisor_override", None):
        raise ValueError("return_indices or divisor_override")
    if average and m.count_include_pad and any(n for n, _ in pad):
        raise ValueError("count_include_pad=True")
    layer = layers.AveragePool2D if average else layers.MaxPool2D
    padding, zeros = reader.padding(m, pad, m.ceil_mode)
    if any(first + last for first, last in zeros):
        raise ValueError(f"kernel {m.kernel_size}, stride {m.stride}, padding {pad}: windows that are not of 'same'")
    yield _Read(layer(m.kernel_size, m.stride, padding), m)


def _upsample(reader: Reader, step: Step) -> Iterator[_Read]:
    m: Any = step.module
    size = reader.image()
    wanted = m.size if m.size is not None else m.scale_factor
    wanted = wanted if isinstance(wanted, tuple | list) else (wanted, wanted)
    factors = [w / n if m.size is not None else float(w) for w, n in zip(wanted, size, strict=True)]
    if m.mode != "nearest" or not all(factor.is_integer() for factor in factors):
        raise ValueError(f"mode={m.mode!r}, factors {factors}")
    yield _Read(layers.UpSampling2D((int(factors[0]), int(factors[1]))), m)


def _linear(reader: Reader, step: Step) -> Iterator[_Read]:
    m: Any = step.module
    if len(reader.shape) in (2, 3) and reader.first:
        what = "columns of an image" if len(reader.shape) == 3 else "steps of a sequence (C, T)"
        raise ValueError(f"it mixes the {what}; flatten it first")
    if isinstance(m, nn.Linear):
        yield _Read(layers.Dense(m.out_features), m)
        return
    places = [k for k, (_, read) in enumerate(reader.found) if read.holder is m.partner]
    if len(places) != 1:
        raise ValueError("its partner is not one linear layer before it")
    yield _Read(layers.TiedDense(m.partner.in_features, places[0]), m)


def _permute(reader: Reader, step: Step) -> Iterator[_Read]:
    axes, n = tuple(step.module.axes), len(reader.shape)
    if n not in (2, 3) or axes != permute(n, not reader.first).options["axes"]:
        raise ValueError(f"axes {axes} of examples {reader.shape}")
    reader.first = not reader.first
    yield from ()


def _flatten(reader: Reader, step: Step) -> Iterator[_Read]:
    m: Any = step.module
    if (m.start_dim, m.end_dim) != (1, -1):
        raise ValueError(m.extra_repr())
    first, reader.first = reader.first if len(reader.shape) in (2, 3) else None, False
    yield _Read(layers.Flatten(), m, first)


def _unflatten(reader: Reader, step: Step) -> Iterator[_Read]:
    size = tuple(step.module.unflattened_size)
    if len(reader.shape) != 1 or step.module.dim not in (1, -1):
        raise ValueError(f"dim={step.module.dim} of examples {reader.shape}")
    following = reader.steps[reader.k].module if reader.k < len(reader.steps) else None
    reader.first = reader.begins_first() if len(size) == 2 else len(size) == 3 and not isinstance(following, Permute)
    shape = (*size[1:], size[0]) if reader.first else size
    yield _Read(layers.Reshape(shape), step.module, reader.first if len(size) in (2, 3) else None)


def _recurrent(reader: Reader, step: Step) -> Iterator[_Read]:
    m: Any = step.module
    sequences = m.return_sequences if isinstance(m, LSTM | GRU) else step.sequences
    proj = getattr(m, "proj_size", 0)
    if sequences is None or not m.batch_first or m.num_layers != 1 or m.bidirectional or proj:
        raise ValueError(f"{m.extra_repr()}: it must be one layer, batch_first, one way, all outputs or the last taken")
    if reader.first:
        raise ValueError(f"it needs sequences (T, C), found {reader.shape[::-1]} with C first")
    yield _Read((layers.GRU if isinstance(m, nn.GRU) else layers.LSTM)(m.hidden_size, sequences), m)


def _repeat(reader: Reader, step: Step) -> Iterator[_Read]:
    reader.first = False
    yield _Read(layers.RepeatVector(step.module.n), step.module)


def _batch_norm(reader: Reader, step: Step) -> Iterator[_Read]:
    m: Any = step.module
    if m.running_mean is None or m.momentum is None:
        raise ValueError(f"momentum={m.momentum}, track_running_stats={m.track_running_stats}: it needs both")
    axes = len(reader.shape) - 1
    if axes != 2 if isinstance(m, nn.BatchNorm2d) else axes > 1:
        raise ValueError(f"examples {reader.shape}")
    if axes and not reader.first:
        raise ValueError("the channels are last")
    yield _Read(layers.BatchNorm(round(1 - m.momentum, 12), m.eps), m)


def _softmax(reader: Reader, step: Step) -> Iterator[_Read]:
    dim, axes = getattr(step.module, "dim", -3), len(reader.shape) + 1
    if dim is None or dim % axes != (1 if reader.first or axes == 2 else axes - 1):
        raise ValueError(f"dim={dim}, which is not that of the channels")
    yield _Read(layers.Softmax(), step.module)


def _plain(make: Callable[[Any], Layer]) -> Callable[[Reader, Step], Iterator[_Read]]:
    return lambda _, step: iter([_Read(make(step.module), step.module)])


def _softplus(m: Any) -> Layer:
    if m.beta != 1 or m.threshold < 20:
        raise ValueError(m.extra_repr())
    return layers.Softplus()


READ: dict[type, Callable[[Reader, Step], Iterator[_Read]]] = {
    nn.Identity: _plain(lambda _: layers.Identity()), nn.Sigmoid: _plain(lambda _: layers.Sigmoid()),
    nn.Tanh: _plain(lambda _: layers.Tanh()), nn.ReLU: _plain(lambda _: layers.ReLU()),
    nn.LeakyReLU: _plain(lambda m: layers.LeakyReLU(m.negative_slope)), nn.ELU: _plain(lambda m: layers.ELU(m.alpha)),
    nn.GELU: _plain(lambda m: layers.GELU(m.approximate)), nn.Softplus: _plain(_softplus),
    nn.SiLU: _plain(lambda _: layers.SiLU()), nn.Softmax: _softmax, nn.Softmax2d: _softmax,
    nn.Dropout: _plain(lambda m: layers.Dropout(m.p)), GaussianNoise: _plain(lambda m: layers.GaussianNoise(m.std)),
    RepeatVector: _repeat, nn.Linear: _linear, TiedLinear: _linear, nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm, nn.Conv1d: _conv, nn.Conv2d: _conv, nn.ConvTranspose1d: _conv_transpose,
    nn.ConvTranspose2d: _conv_transpose, nn.ZeroPad1d: _zero_pad, nn.ConstantPad1d: _zero_pad, nn.ZeroPad2d: _zero_pad,
    nn.MaxPool2d: _pool, nn.AvgPool2d: _pool, nn.Upsample: _upsample, nn.Flatten: _flatten, nn.Unflatten: _unflatten,
    Permute: _permute, nn.LSTM: _recurrent, LSTM: _recurrent, nn.GRU: _recurrent, GRU: _recurrent,
}  # fmt: skip
