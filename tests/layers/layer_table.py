"""The table of layers: a row each, which buys every check of `layer_checks`. `test_every_layer` runs them.

PyTorch's twins take and return what the layers do, channels last and the parameters as the layers keep them, so the
gradients that autograd gives compare as they are.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from scratchdae.activations import sigmoid
from scratchdae.layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    AveragePool2D,
    BatchNorm,
    ContractiveDense,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Identity,
    KLSparsity,
    L1Activity,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    RepeatVector,
    Reshape,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    TiedDense,
    UpSampling2D,
)


class Row(NamedTuple):
    """What the checks need to know of a layer."""

    examples: Sequence[Layer]  # the defaults, and other values of each option
    shapes: Sequence[tuple[int, ...]]  # of inputs, without the batch axis
    torch: Callable[..., Any] | None = None  # (torch, layer, x, **params) -> y, of tensors; None: there is no twin
    refuses: tuple[int, ...] = (0,)  # shape of an input that the layer cannot take
    seed: int | None = None  # of the noise in training; None: the layer is the same in training
    mixes: bool = False  # whether in training the examples of a batch act on one another
    inputs: Callable[..., Any] = lambda x: x  # what makes inputs that it takes out of normal ones
    shared: tuple[str, ...] = ()  # parameters that are another layer's in a network, one that comes before it
    method: str = "complex"  # of the gradient check
    tolerance: float | None = None  # of the gradient check, of max|g|; None: that of `scratchdae.gradcheck`
    bound: float = 5e-15  # of the difference to PyTorch, of the largest entry; measured: at most 7e-16


def padded(torch, x, sizes, kernel, stride, padding, value=0.0):
    """TensorFlow's padding of images (B, C, H, W), of which one axis has as many pixels as `sizes` says."""
    pads = []
    for n, k, s in reversed(list(zip(sizes, kernel, stride, strict=True))):
        total = max((-(-n // s) - 1) * s + k - n, 0) if padding == "same" else 0
        pads += [total // 2, total - total // 2]
    return torch.nn.functional.pad(x, pads, value=value), pads


def dense(torch, layer, x, W, b):
    return torch.nn.functional.linear(x, W.T, b)


def tied(torch, layer, x, W, b):
    return torch.nn.functional.linear(x, W, b)


def batch_norm(torch, layer, x, gamma, beta, running_mean, running_variance):
    """In evaluation, by hand: PyTorch's own has no derivative with respect to its statistics."""
    return (x - running_mean) / (running_variance + layer.eps).sqrt() * gamma + beta


def conv(torch, layer, x, W, b):
    images = x.permute(0, 3, 1, 2).contiguous()  # PyTorch refuses some gradients of images of one channel otherwise
    images, _ = padded(torch, images, x.shape[1:3], layer.kernel, layer.stride, layer.padding)
    y = torch.nn.functional.conv2d(images, W.permute(3, 2, 0, 1).contiguous(), b, layer.stride)
    return y.permute(0, 2, 3, 1)


def conv_transpose(torch, layer, x, W, b):
    """The image that the convolution pads to, without the padding."""
    height, width, _ = layer.output_shape(x.shape[1:])
    images, kernels = x.permute(0, 3, 1, 2).contiguous(), W.permute(3, 2, 0, 1).contiguous()
    y = torch.nn.functional.conv_transpose2d(images, kernels, None, layer.stride)
    _, (left, right, top, bottom) = padded(torch, y, (height, width), layer.kernel, layer.stride, layer.padding)
    short = [max(width + left + right - y.shape[3], 0), max(height + top + bottom - y.shape[2], 0)]
    y = torch.nn.functional.pad(y, [0, short[0], 0, short[1]])  # no window sees the last pixels
    return y[:, :, top : top + height, left : left + width].permute(0, 2, 3, 1) + b


def sequences(of_images):
    """A layer of sequences by its twin for images of one row."""

    def twin(torch, layer, x, W, b):
        return of_images(torch, layer._of_images, x[:, None], W[None], b)[:, 0]

    return twin


def max_pool(torch, layer, x):
    images, _ = padded(torch, x.permute(0, 3, 1, 2), x.shape[1:3], layer.pool, layer.stride, layer.padding, -torch.inf)
    return torch.nn.functional.max_pool2d(images, layer.pool, layer.stride).permute(0, 2, 3, 1)


def average_pool(torch, layer, x):
    """The mean of what is real: divided by the mean of ones."""
    images, ones = (
        padded(torch, t.permute(0, 3, 1, 2), x.shape[1:3], layer.pool, layer.stride, layer.padding)[0]
        for t in (x, torch.ones_like(x))
    )
    means, parts = (torch.nn.functional.avg_pool2d(t, layer.pool, layer.stride) for t in (images, ones))
    return (means / parts).permute(0, 2, 3, 1)


def upsample(torch, layer, x):
    return torch.nn.functional.interpolate(x.permute(0, 3, 1, 2), scale_factor=layer.factor).permute(0, 2, 3, 1)


def lstm(torch, layer, x, W, U, b):
    """The loop that people write where PyTorch's LSTM does not offer the activation."""
    h = c = x.new_zeros(len(x), layer.units)
    phi, outputs = getattr(torch, layer.activation, lambda a: a), []
    for step in x.unbind(1):
        i, f, g, o = (step @ W + h @ U + b).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * phi(g)
        h = torch.sigmoid(o) * phi(c)
        outputs.append(h)
    return torch.stack(outputs, 1) if layer.return_sequences else h


def gru(torch, layer, x, W, U, b, b_U=0):
    h, H, outputs = x.new_zeros(len(x), layer.units), layer.units, []
    phi = getattr(torch, layer.activation, lambda a: a)
    for step in x.unbind(1):
        a = step @ W + b
        r, z = torch.sigmoid(a[:, : 2 * H] + h @ U[:, : 2 * H]).chunk(2, 1)
        after = layer.reset == "after"
        n = phi(a[:, 2 * H :] + (r * (h @ U[:, 2 * H :] + b_U) if after else (r * h) @ U[:, 2 * H :]))
        h = (1 - z) * n + z * h
        outputs.append(h)
    return torch.stack(outputs, 1) if layer.return_sequences else h


def pools(kind):
    return [kind(), kind((1, 3)), kind(3, 2, "same"), kind(2, (1, 3))]


def convolutions(kind):
    return [kind(3), kind(5, (3, 2), 2, "same", "he_normal"), kind(2, (2, 3), (3, 1), "valid"), kind(18, 2, 1, "valid")]


def along(kind):
    return [kind(3), kind(5, 2, 2, "same", "he_normal"), kind(2, 3, 3, "valid"), kind(4, 5, 2)]


ANY = [(4, 5), (6,), (3, 4, 2)]
IMAGES, IMAGE = [(6, 5, 2), (4, 7, 3)], (6, 5)

ROWS = [
    Row([Dense(3), Dense(4, "he_normal")], [(4,), (3, 4), (2, 3, 5)], dense, refuses=()),
    Row([TiedDense(4, 0), TiedDense(2, 0)], [(5,), (2, 3)], tied, refuses=(), shared=("W",)),
    Row([ContractiveDense(3), ContractiveDense(2, "he_normal", 0.0)], [(4,), (1,)],
        lambda torch, layer, x, W, b: torch.sigmoid(dense(torch, layer, x, W, b)), refuses=(2, 3), seed=3),
    Row([L1Activity(0.3), L1Activity(0.0)], ANY, lambda torch, _, x: 1 * x, seed=3),
    Row([KLSparsity(0.05, 0.3)], ANY, lambda torch, _, x: 1 * x, seed=3, mixes=True, inputs=sigmoid),
    Row([BatchNorm(), BatchNorm.of("keras"), BatchNorm(0.0, 1.0, "biased")], [(4,), (5, 2), (4, 3, 2)], batch_norm,
        refuses=(), seed=3, mixes=True),
    Row(convolutions(Conv2D), IMAGES, conv, refuses=IMAGE),
    Row(convolutions(Conv2DTranspose), IMAGES, conv_transpose, refuses=IMAGE),
    Row(along(Conv1D), [(6, 2), (7, 3)], sequences(conv), refuses=(6,)),
    Row(along(Conv1DTranspose), [(6, 2), (7, 3)], sequences(conv_transpose), refuses=(6,)),
    Row(pools(MaxPool2D), IMAGES, max_pool, refuses=IMAGE),
    Row(pools(AveragePool2D), IMAGES, average_pool, refuses=IMAGE),
    Row([UpSampling2D(), UpSampling2D((1, 3))], IMAGES, upsample, refuses=IMAGE),
    Row([Flatten()], ANY, lambda torch, _, x: torch.flatten(x, 1)),
    Row([Reshape((8, 3)), Reshape((24,)), Reshape((2, 3, 4))], [(24,), (3, 4, 2)],
        lambda torch, layer, x: x.reshape(-1, *layer.shape), refuses=(7,)),
    Row([RepeatVector(3), RepeatVector(1)], [(5,)],
        lambda torch, layer, x: x.unsqueeze(1).expand(-1, layer.n, -1), refuses=(2, 3)),
    Row([LSTM(4), LSTM(3, True, "relu", 0.0, "he_normal", "glorot_uniform"), LSTM(3, True, "sigmoid"),
         LSTM(2, False, "identity")], [(5, 2), (1, 3)], lstm, refuses=(5,)),
    Row([GRU(4), GRU(3, True, "relu", "after", "he_normal", "glorot_uniform"), GRU(3, True, "sigmoid", "before"),
         GRU(2, False, "identity", "before")], [(5, 2), (1, 3)], gru, refuses=(5,)),
    Row([Sigmoid()], ANY, lambda torch, _, a: torch.sigmoid(a)),
    Row([Tanh()], ANY, lambda torch, _, a: torch.tanh(a)),
    Row([Identity()], ANY, lambda torch, _, a: 1 * a),
    Row([ReLU()], ANY, lambda torch, _, a: torch.relu(a)),
    Row([LeakyReLU(), LeakyReLU(0.3)], ANY, lambda torch, layer, a: torch.nn.functional.leaky_relu(a, layer.slope)),
    Row([ELU(), ELU(0.3)], ANY, lambda torch, layer, a: torch.nn.functional.elu(a, layer.alpha)),
    Row([GELU(), GELU("tanh")], ANY,
        lambda torch, layer, a: torch.nn.functional.gelu(a, approximate=layer.approximate)),
    Row([SiLU()], ANY, lambda torch, _, a: torch.nn.functional.silu(a)),
    Row([Softmax()], ANY, lambda torch, _, a: torch.softmax(a, -1)),
    Row([Softplus()], ANY, lambda torch, _, a: torch.nn.functional.softplus(a, threshold=40)),
    Row([Dropout(0.3), Dropout(0.0)], ANY, lambda torch, layer, x: torch.dropout(x, layer.rate, train=False), seed=3),
    Row([GaussianNoise(0.5)], ANY, lambda torch, _, x: 1 * x, seed=3),
]  # fmt: skip
