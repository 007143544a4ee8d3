"""Exercises 12 to 14: max-pooling, convolution and its transpose, and an LSTM, there and back."""

from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.exercises.exercise import Task, exercise
from scratchdae.exercises.rewritten import Lines, Rewritten, value
from scratchdae.layers import Conv2D, Conv2DTranspose, MaxPool2D, lstm


def _images(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Array]:
    """Images of few grey levels, so that windows have ties, some of them all zeros; and a gradient of the pooled."""
    shape = (sizes["B"], 2 * sizes["K"], 2 * sizes["F"])
    x = rng.integers(-1, 3, shape).astype(float)
    x[0, :2, :2], x[1, :2, :2] = -1, 0  # a window below zero, and one of zeros alone
    return {"x": x, "dy": rng.normal(size=(shape[0], shape[1] // 2, shape[2] // 2))}


def _pool(x: Array) -> Array:
    return MaxPool2D(2).forward({}, x[..., None])[0][..., 0]


def _pool_back(dy: Array, x: Array) -> Array:
    layer = MaxPool2D(2)
    return layer.backward(layer.forward({}, x[..., None])[1], dy[..., None])[0][..., 0]


def _windows(x: Array) -> Array:
    """The four pixels of each window, one behind the other: (B, rows, columns, 4)."""
    B, R, C = x.shape
    return x.reshape(B, R // 2, 2, C // 2, 2).transpose(0, 1, 3, 2, 4).reshape(B, R // 2, C // 2, 4)


def _image_of(windows: Array) -> Array:
    B, R, C, _ = windows.shape
    return windows.reshape(B, R, C, 2, 2).transpose(0, 1, 3, 2, 4).reshape(B, 2 * R, 2 * C)


def _ties(w: Array) -> Array:
    return np.asarray(w == w.max(axis=-1, keepdims=True))


def _one_of(w: Array, last: bool = False, least: bool = False) -> Array:
    w = -w if least else w
    place = 3 - w[..., ::-1].argmax(-1) if last else w.argmax(-1)
    return np.asarray(np.eye(4)[place])


def _largest_in_size(w: Array) -> Array:
    return np.asarray(np.take_along_axis(w, np.abs(w).argmax(-1)[..., None], -1)[..., 0])


def _down_first(w: Array) -> Array:
    """The first of the ties, column by column."""
    order = [0, 2, 1, 3]
    return _one_of(w[..., order])[..., order]


_pooled = Lines("x", "y", w="windows(x)", y="w.max(-1)").knowing(windows=_windows, argmax=_largest_in_size)
_unpooled = Lines("dy, x", "dx", w="windows(x)", k="one_of(w)", v="dy[..., None]", dx="image(k * v)").knowing(
    windows=_windows, image=_image_of, one_of=_one_of, ties=_ties, down_first=_down_first
)

max_pool = exercise(
    12, "max_pool",
    Task(
        "max_pool", {"x": " drawn"}, ("y",),
        _pool,
        {
            "mean": _pooled(y="w.mean(-1)"), "smallest": _pooled(y="w.min(-1)"), "sum": _pooled(y="w.sum(-1)"), "median": _pooled(y="np.median(w, -1)"), "second largest": _pooled(y="np.sort(w)[..., -2]"), "the place": _pooled(y="w.argmax(-1)"), "the root of the squares": _pooled(y="np.sqrt((w**2).sum(-1))"), "the root of the mean square": _pooled(y="np.sqrt((w**2).mean(-1))"), "product": _pooled(y="w.prod(-1)"), "log of the sum": _pooled(y="np.log(np.exp(w).sum(-1))"),
            "overlapping": lambda x: np.maximum(np.maximum(x[:, :-1, :-1], x[:, 1:, :-1]), np.maximum(x[:, :-1, 1:], x[:, 1:, 1:])), "overlapping, the first ones": lambda x: np.maximum(np.maximum(x[:, :-1, :-1], x[:, 1:, :-1]), np.maximum(x[:, :-1, 1:], x[:, 1:, 1:]))[:, : x.shape[1] // 2, : x.shape[2] // 2],
            "windows one pixel off": lambda x: _pool(np.roll(x, (-1, -1), (1, 2))), "not below zero": _pooled(y="np.maximum(w.max(-1), 0)"), "of the size": _pooled(y="w[..., 0]"), "upper right": _pooled(y="w[..., 1]"), "lower left": _pooled(y="w[..., 2]"), "lower right": _pooled(y="w[..., 3]"),
            "upper row alone": _pooled(y="w[..., :2].max(-1)"), "lower row alone": _pooled(y="w[..., 2:].max(-1)"), "left column alone": _pooled(y="w[..., ::2].max(-1)"), "right column alone": _pooled(y="w[..., 1::2].max(-1)"), "diagonal alone": _pooled(y="w[..., ::3].max(-1)"), "the other diagonal alone": _pooled(y="w[..., 1:3].max(-1)"),
            "not the first": _pooled(y="w[..., 1:].max(-1)"), "not the last": _pooled(y="w[..., :3].max(-1)"), "not the second": _pooled(y="w[..., [0, 2, 3]].max(-1)"), "not the third": _pooled(y="w[..., [0, 1, 3]].max(-1)"), "larger of means, of rows": _pooled(y="np.maximum(w[..., :2].mean(-1), w[..., 2:].mean(-1))"), "larger of means, of columns": _pooled(y="np.maximum(w[..., ::2].mean(-1), w[..., 1::2].mean(-1))"),
            "largest in size": _pooled(y="np.abs(w).max(-1)"), "largest in size, with its sign": _pooled(y="argmax(w)"), "largest in size, positive first": _pooled(y="np.where(-w.min(-1) > w.max(-1), w.min(-1), w.max(-1))"), "rows alone": lambda x: np.maximum(x[:, ::2], x[:, 1::2]),
            "columns alone": lambda x: np.maximum(x[:, :, ::2], x[:, :, 1::2]), "quarters": lambda x: x.reshape(len(x), 2, x.shape[1] // 2, 2, x.shape[2] // 2).max(axis=(1, 3)), "four in a row": lambda x: x.reshape(len(x), x.shape[1] // 2, x.shape[2] // 2, 4).max(-1),
            "four far apart": lambda x: x.reshape(len(x), 4, x.shape[1] // 2, x.shape[2] // 2).max(1), "quarters of rows": lambda x: x.reshape(len(x), 2, x.shape[1] // 2, x.shape[2] // 2, 2).max(axis=(1, 4)), "quarters of columns": lambda x: x.reshape(len(x), x.shape[1] // 2, 2, 2, x.shape[2] // 2).max(axis=(2, 3)),
            "over the windows": lambda x: x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).max(axis=(1, 3)), "over the batch": lambda x: _pool(x).max(0), "over everything": lambda x: x.max(), "of each image": lambda x: x.max(axis=(1, 2)),
            "the first image alone": lambda x: np.r_[_pool(x[:1]), 0 * _pool(x[1:])], "the first image comes back": lambda x: _pool(x[:1])[0], "the first image for all": lambda x: np.broadcast_to(_pool(x[:1]), _pool(x).shape), "rows and columns exchanged": lambda x: _pool(x).transpose(0, 2, 1),
            "in the size of x": lambda x: _pool(x).repeat(2, 1).repeat(2, 2), "the last row and column missing": lambda x: _pool(x)[:, :-1, :-1], "the last row and column empty": lambda x: np.pad(_pool(x)[:, :-1, :-1], ((0, 0), (0, 1), (0, 1))),
        },
        draw=_images,
    ),
    Task(
        "max_pool_backward", {"dy": " drawn", "x": " drawn"}, ("dx",),
        _pool_back,
        {
            "every tie": _unpooled(k="ties(w)"), "shared among ties": _unpooled(k="ties(w) / ties(w).sum(-1, keepdims=True)"), "last tie": _unpooled(k="one_of(w, last=True)"), "first tie, by columns": _unpooled(k="down_first(w)"), "last tie, by columns": _unpooled(k="one_of(w[..., [0, 2, 1, 3]], last=True)[..., [0, 2, 1, 3]]"),
            "to everyone": _unpooled(k="np.ones_like(w)"), "as for the mean": _unpooled(k="np.full_like(w, 0.25)"), "a quarter": _unpooled(v="dy[..., None] / 4"), "largest in size": _unpooled(k="one_of(np.abs(w))"), "of the first image": _unpooled(k="np.broadcast_to(one_of(w[:1]), w.shape)"), "of the last image": _unpooled(k="np.broadcast_to(one_of(w[-1:]), w.shape)"),
            "the smallest": _unpooled(k="one_of(w, least=True)"), "every smallest": _unpooled(k="ties(-w)"), "always the first": _unpooled(k="np.eye(4)[np.zeros(w.shape[:3], int)]"), "always the last": _unpooled(k="np.eye(4)[np.full(w.shape[:3], 3)]"), "all but the largest": _unpooled(k="1 - one_of(w)"), "all that are not largest": _unpooled(k="1.0 * ~ties(w)"), "the second largest": _unpooled(k="np.eye(4)[np.argsort(-w, kind='stable')[..., 1]]"), "the mirrored pixel": _unpooled(k="one_of(w)[..., ::-1]"), "row and column exchanged": _unpooled(k="one_of(w)[..., [0, 2, 1, 3]]"), "left and right exchanged": _unpooled(k="one_of(w)[..., [1, 0, 3, 2]]"), "up and down exchanged": _unpooled(k="one_of(w)[..., [2, 3, 0, 1]]"),
            "each row's largest": _unpooled(k="np.concatenate([ties(w[..., :2]), ties(w[..., 2:])], -1)"), "each column's largest": _unpooled(k="np.stack([w[..., 0] >= w[..., 2], w[..., 1] >= w[..., 3], w[..., 2] > w[..., 0], w[..., 3] > w[..., 1]], -1)"), "nothing where there is a tie": _unpooled(k="ties(w) * (ties(w).sum(-1, keepdims=True) == 1)"), "nothing at or below 0": _unpooled(k="one_of(w) * (w > 0)"), "every tie above 0": _unpooled(k="ties(w) * (w > 0)"), "all above 0": _unpooled(k="1.0 * (w > 0)"), "not where y is 0": _unpooled(k="one_of(w) * (w != 0)"), "a softmax's share": _unpooled(k="np.exp(w) / np.exp(w).sum(-1, keepdims=True)"), "the window's share": _unpooled(k="np.eye(4)[np.maximum(w.argmax(-1) - 1, 0)]"),
            "a 1": _unpooled(v="1.0"), "y in place of dy": _unpooled(v="w.max(-1, keepdims=True)"), "times x": _unpooled(v="dy[..., None] * w"), "turned": _unpooled(v="-dy[..., None]"), "doubled": _unpooled(v="2 * dy[..., None]"), "averaged again": _unpooled(v="dy[..., None] / len(x)"), "dy's sum": _unpooled(v="dy.sum()"), "dy's mean": _unpooled(v="dy.mean()"), "dy of the first image": _unpooled(v="dy[:1, ..., None]"), "dy and x added": _unpooled(v="dy[..., None] + w"), "dy in size": _unpooled(v="np.abs(dy[..., None])"), "dy, flipped": _unpooled(v="dy[:, ::-1, ::-1, None]"),
            "pooled size": _unpooled(dx="dy"), "added to x": _unpooled(dx="x + image(k * v)"), "x stays": _unpooled(dx="np.where(image(k) > 0, image(k * v), x)"), "windows not put back": _unpooled(dx="(k * v).reshape(x.shape)"), "windows as an axis": _unpooled(dx="k * v"), "the first image alone": _unpooled(dx="np.r_[image(k * v)[:1], 0 * x[1:]]"), "nothing": _unpooled(dx="0 * x"), "the last row and column missing": _unpooled(dx="image(k * np.pad((0 * k + v)[:, :-1, :-1], ((0, 0), (0, 1), (0, 1), (0, 0))))"), "the largest of the image": _unpooled(dx="image(k * v) * (x == x.max((1, 2), keepdims=True))"), "everywhere, upsampled turned": _unpooled(dx="np.tile(dy, (1, 2, 2))"),
        },
        draw=_images,
    ),
)  # fmt: skip


def _kernel(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Array]:
    B, R, C, kh, kw = sizes["B"], sizes["D"], sizes["H"], sizes["K"], sizes["F"]
    y = (B, R - kh + 1, C - kw + 1)
    shapes = {"x": (B, R, C), "W": (kh, kw), "dy": y, "y": y, "dx": (B, R, C)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def _convolve(x: Array, W: Array) -> Array:
    layer = Conv2D(1, W.shape, padding="valid")
    return layer.forward({"W": W[..., None, None], "b": np.zeros(1)}, x[..., None])[0][..., 0]


def _convolve_back(dy: Array, x: Array, W: Array) -> tuple[Array, Array]:
    layer = Conv2D(1, W.shape, padding="valid")
    cache = layer.forward({"W": W[..., None, None], "b": np.zeros(1)}, x[..., None])[1]
    dx, grads = layer.backward(cache, dy[..., None])
    return dx[..., 0], grads["W"][..., 0, 0]


def _spread(y: Array, W: Array) -> Array:
    layer = Conv2DTranspose(1, W.shape, padding="valid")
    return layer.forward({"W": W[..., None, None], "b": np.zeros(1)}, y[..., None])[0][..., 0]


def _overwritten(y: Array, W: Array, by_kernel: bool) -> Array:
    """Spread without adding: what is written last stays."""
    (B, R, C), (kh, kw) = y.shape, W.shape
    out = np.zeros((B, R + kh - 1, C + kw - 1))
    if by_kernel:
        for i in range(kh):
            for j in range(kw):
                out[:, i : i + R, j : j + C] = W[i, j] * y
        return out
    for r in range(R):
        for c in range(C):
            out[:, r : r + kh, c : c + kw] = y[:, r, c, None, None] * W
    return out


def _padded(x: Array, W: Array) -> Array:
    kh, kw = W.shape
    return np.pad(x, ((0, 0), (kh // 2, kh - 1 - kh // 2), (kw // 2, kw - 1 - kw // 2)))


def _part(W: Array, rows: slice = slice(None), columns: slice = slice(None)) -> Array:
    """The kernel with zeros but for a part of it."""
    part = np.zeros_like(W)
    part[rows, columns] = W[rows, columns]
    return part


def _half_padded(dy: Array, W: Array) -> Array:
    kh, kw = W.shape
    return np.pad(dy, ((0, 0), (kh // 2, kh - 1 - kh // 2), (kw // 2, kw - 1 - kw // 2)))


def _largest(y: Array, W: Array) -> Array:
    """Spread, and keep the largest where windows overlap."""
    B, R, C = y.shape
    kh, kw = W.shape
    out = np.full((B, R + kh - 1, C + kw - 1), -np.inf)
    for i, j in np.ndindex(kh, kw):
        out[:, i : i + R, j : j + C] = np.maximum(out[:, i : i + R, j : j + C], W[i, j] * y)
    return out


_first, _last = slice(0, 1), slice(-1, None)
_KERNELS: dict[str, Callable[[Array], Array]] = {  # what is taken for the kernel
    "flipped": lambda W: W[::-1, ::-1], "flipped up and down": lambda W: W[::-1], "flipped left and right": lambda W: W[:, ::-1], "the kernel's first row alone": lambda W: _part(W, _first), "the kernel's last row alone": lambda W: _part(W, _last), "the kernel's first column alone": lambda W: _part(W, columns=_first), "the kernel's last column alone": lambda W: _part(W, columns=_last),
    "the kernel's first entry alone": lambda W: _part(W, _first, _first), "the kernel's last entry alone": lambda W: _part(W, _last, _last), "without the kernel's last row": lambda W: _part(W, slice(-1)), "without the kernel's last column": lambda W: _part(W, columns=slice(-1)), "without the kernel's last row and column": lambda W: _part(W, slice(-1), slice(-1)), "without the kernel's first row": lambda W: _part(W, slice(1, None)), "without the kernel's first column": lambda W: _part(W, columns=slice(1, None)), "without the kernel's first row and column": lambda W: _part(W, slice(1, None), slice(1, None)),
    "the kernel's mean": lambda W: np.full_like(W, W.mean()), "ones for the kernel": np.ones_like, "the kernel normalised": lambda W: W / W.sum(), "the kernel's sum at one place": lambda W: np.pad(W.sum()[None, None], ((0, len(W) - 1), (0, W.shape[1] - 1))), "the kernel in size": np.abs, "the kernel reshaped": lambda W: W.T.reshape(W.shape), "the kernel's diagonal": lambda W: W * np.eye(*W.shape), "the kernel squared": np.square,
}  # fmt: skip


def _with_kernels(way: Callable[[Array, Array], Array]) -> dict[str, Callable[..., Array]]:
    def with_kernel(of: Callable[[Array], Array]) -> Callable[..., Array]:
        return lambda x, W: way(x, of(W))

    return {id_: with_kernel(of) for id_, of in _KERNELS.items()}


def _dx(other: Callable[[Array, Array], Array]) -> Callable[..., tuple[Array, Array]]:
    return lambda dy, x, W: (other(dy, W), _convolve_back(dy, x, W)[1])


def _dW(other: Callable[[Array, Array, Array], Array]) -> Callable[..., tuple[Array, Array]]:
    return lambda dy, x, W: (_convolve_back(dy, x, W)[0], other(dy, x, _convolve_back(dy, x, W)[1]))


convolution = exercise(
    13, "convolution",
    Task(
        "convolve", {"x": " drawn", "W": " drawn"}, ("y",),
        _convolve,
        _with_kernels(_convolve) | {
            "kernel transposed": lambda x, W: _convolve(x, W.T), "same size": lambda x, W: _convolve(_padded(x, W), W), "same size, flipped": lambda x, W: _convolve(_padded(x, W), W[::-1, ::-1]), "same size, padded behind": lambda x, W: _convolve(np.pad(x, ((0, 0), (0, len(W) - 1), (0, W.shape[1] - 1))), W),
            "same size, padded before": lambda x, W: _convolve(np.pad(x, ((0, 0), (len(W) - 1, 0), (W.shape[1] - 1, 0))), W), "same size, one more behind": lambda x, W: _convolve(np.pad(x, ((0, 0), ((len(W) - 1) // 2, len(W) // 2), ((W.shape[1] - 1) // 2, W.shape[1] // 2))), W),
            "round the edge": lambda x, W: _convolve(np.pad(x, ((0, 0), (0, len(W) - 1), (0, W.shape[1] - 1)), "wrap"), W), "one row too few": lambda x, W: _convolve(x, W)[:, :-1, :-1], "a row too few": lambda x, W: _convolve(x, W)[:, :-1], "a column too few": lambda x, W: _convolve(x, W)[:, :, :-1],
            "the first row and column missing": lambda x, W: _convolve(x, W)[:, 1:, 1:], "the last row and column empty": lambda x, W: np.pad(_convolve(x, W)[:, :-1, :-1], ((0, 0), (0, 1), (0, 1))), "every second place": lambda x, W: _convolve(x, W)[:, ::2, ::2],
            "windows side by side": lambda x, W: _convolve(x, W)[:, :: len(W), :: W.shape[1]], "a mean": lambda x, W: _convolve(x, W) / W.size, "full": lambda x, W: _spread(x, W[::-1, ::-1]), "full, flipped": _spread, "over the batch": lambda x, W: _convolve(x, W).sum(axis=0),
            "mean over the batch": lambda x, W: _convolve(x, W).mean(axis=0), "the first image": lambda x, W: _convolve(x, W)[0], "the first image, the others empty": lambda x, W: np.r_[_convolve(x, W)[:1], 0 * _convolve(x, W)[1:]],
            "the first image for all": lambda x, W: np.broadcast_to(_convolve(x, W)[:1], _convolve(x, W).shape), "the last image for all": lambda x, W: np.broadcast_to(_convolve(x, W)[-1:], _convolve(x, W).shape),
            "the largest product": lambda x, W: (np.lib.stride_tricks.sliding_window_view(x, W.shape, (1, 2)) * W).max((-1, -2)), "the mean of the window": lambda x, W: np.lib.stride_tricks.sliding_window_view(x, W.shape, (1, 2)).mean((-1, -2)), "a rectifier after it": lambda x, W: np.maximum(_convolve(x, W), 0),
            "rows and columns exchanged": lambda x, W: _convolve(x, W).transpose(0, 2, 1),
        },
        draw=_kernel, big=2,
    ),
    Task(
        "convolve_backward", {"dy": " drawn", "x": " drawn", "W": " drawn"}, ("dx", "dW"),
        _convolve_back,
        {f"dx: {id_}" if id_ != "flipped" else "dx flipped": _dx(other) for id_, other in _with_kernels(_spread).items()} | {
            "overwritten": _dx(lambda dy, W: _overwritten(dy, W, True)), "overwritten, window by window": _dx(lambda dy, W: _overwritten(dy, W, False)), "dW flipped": _dW(lambda dy, x, dW: dW[::-1, ::-1]), "dW: flipped up and down": _dW(lambda dy, x, dW: dW[::-1]),
            "dW: flipped left and right": _dW(lambda dy, x, dW: dW[:, ::-1]), "dW averaged": _dW(lambda dy, x, dW: dW / len(x)), "dW averaged over everything": _dW(lambda dy, x, dW: dW / dy.size), "dW averaged over the places": _dW(lambda dy, x, dW: dW / dy[0].size),
            "dW divided by its size": _dW(lambda dy, x, dW: dW / dW.size), "dW of the last image": _dW(lambda dy, x, dW: _convolve_back(dy[-1:], x[-1:], dW)[1]), "dW of the first image": _dW(lambda dy, x, dW: _convolve_back(dy[:1], x[:1], dW)[1]),
            "dW of the last place": _dW(lambda dy, x, dW: (dy[:, -1, -1, None, None] * x[:, -len(dW) :, -dW.shape[1] :]).sum(0)), "dW of the last place and image": _dW(lambda dy, x, dW: dy[-1, -1, -1] * x[-1, -len(dW) :, -dW.shape[1] :]),
            "dW of the first place": _dW(lambda dy, x, dW: (dy[:, 0, 0, None, None] * x[:, : len(dW), : dW.shape[1]]).sum(0)), "dW for each image": _dW(lambda dy, x, dW: np.stack([_convolve_back(dy[n : n + 1], x[n : n + 1], dW)[1] for n in range(len(x))])),
            "dW of the summed images": _dW(lambda dy, x, dW: _convolve_back(dy.sum(0, keepdims=True), x.sum(0, keepdims=True), dW)[1]), "dW of the mean images": _dW(lambda dy, x, dW: _convolve_back(dy.mean(0, keepdims=True), x.mean(0, keepdims=True), dW)[1]),
            "dW at one place": _dW(lambda dy, x, dW: np.full_like(dW, dW[0, 0])), "dW of dy alone": _dW(lambda dy, x, dW: np.full_like(dW, dy.sum())), "dW of x alone": _dW(lambda dy, x, dW: _convolve_back(np.ones_like(dy), x, dW)[1]), "dW doubled": _dW(lambda dy, x, dW: 2 * dW),
            "dW turned": _dW(lambda dy, x, dW: -dW), "no dW": _dW(lambda dy, x, dW: 0 * dW), "dW: reshaped": _dW(lambda dy, x, dW: dW.T.reshape(dW.shape)), "dW's last row missing": _dW(lambda dy, x, dW: _part(dW, slice(-1))), "dW's last column missing": _dW(lambda dy, x, dW: _part(dW, columns=slice(-1))),
            "dW's first row alone": _dW(lambda dy, x, dW: _part(dW, _first)), "dW's last entry alone": _dW(lambda dy, x, dW: _part(dW, _last, _last)), "dW's first entry alone": _dW(lambda dy, x, dW: _part(dW, _first, _first)), "averaged": lambda dy, x, W: tuple(g / len(x) for g in _convolve_back(dy, x, W)),
            "turned": lambda dy, x, W: tuple(-g for g in _convolve_back(dy, x, W)), "both flipped": lambda dy, x, W: (_spread(dy, W[::-1, ::-1]), _convolve_back(dy, x, W)[1][::-1, ::-1]), "dx cut off": _dx(lambda dy, W: _convolve(_half_padded(dy, W), W)),
            "dx cut off, flipped": _dx(lambda dy, W: _convolve(_half_padded(dy, W), W[::-1, ::-1])), "dx of dy's size": _dx(lambda dy, W: _spread(dy, W)[:, : dy.shape[1], : dy.shape[2]]), "dx a convolution": _dx(_convolve), "dx averaged": _dx(lambda dy, W: _spread(dy, W) / len(dy)),
            "dx averaged over the kernel": _dx(lambda dy, W: _spread(dy, W) / W.size), "dx averaged where windows overlap": _dx(lambda dy, W: _spread(dy, W) / _spread(np.ones_like(dy), np.ones_like(W))), "dx transposed": _dx(lambda dy, W: _spread(dy, W.T)), "no dx": _dx(lambda dy, W: 0 * _spread(dy, W)),
            "dx turned": _dx(lambda dy, W: -_spread(dy, W)), "dx of the batch's sum": _dx(lambda dy, W: np.broadcast_to(_spread(dy.sum(0, keepdims=True), W), _spread(dy, W).shape)), "dx summed over the batch": _dx(lambda dy, W: _spread(dy, W).sum(0)),
            "dx of the first image": _dx(lambda dy, W: np.broadcast_to(_spread(dy[:1], W), _spread(dy, W).shape)), "dx of the first image alone": _dx(lambda dy, W: np.r_[_spread(dy[:1], W), 0 * _spread(dy[1:], W)]), "dx of the last image alone": _dx(lambda dy, W: np.r_[0 * _spread(dy[:-1], W), _spread(dy[-1:], W)]),
            "dx without dy": _dx(lambda dy, W: _spread(np.ones_like(dy), W)), "dx is dy, padded": _dx(lambda dy, W: _half_padded(dy, W)), "dx's last window missing": _dx(lambda dy, W: _spread(np.pad(dy[:, :-1, :-1], ((0, 0), (0, 1), (0, 1))), W)),
        },
        draw=_kernel, big=2,
    ),
    Task(
        "transpose", {"y": " drawn", "W": " drawn"}, ("x",),
        _spread,
        {"a convolution, padded" if id_ == "flipped" else id_: other for id_, other in _with_kernels(_spread).items()} | {
            "a convolution": _convolve, "overwritten": lambda y, W: _overwritten(y, W, False), "overwritten, entry by entry": lambda y, W: _overwritten(y, W, True), "the largest": _largest, "kernel transposed": lambda y, W: _spread(y, W.T), "same size": lambda y, W: _spread(y, W)[:, : y.shape[1], : y.shape[2]],
            "same size, the middle": lambda y, W: _spread(y, W)[:, len(W) // 2 :, W.shape[1] // 2 :][:, : y.shape[1], : y.shape[2]], "a row and column too few": lambda y, W: _spread(y, W)[:, :-1, :-1], "a row and column too many": lambda y, W: np.pad(_spread(y, W), ((0, 0), (0, 1), (0, 1))),
            "averaged": lambda y, W: _spread(y, W) / W.size, "averaged where windows overlap": lambda y, W: _spread(y, W) / _spread(np.ones_like(y), np.ones_like(W)), "upsampled": np.kron, "the first image alone": lambda y, W: np.r_[_spread(y[:1], W), 0 * _spread(y[1:], W)],
            "the first image for all": lambda y, W: np.broadcast_to(_spread(y[:1], W), _spread(y, W).shape), "over the batch": lambda y, W: _spread(y, W).sum(0), "over the batch, for all": lambda y, W: np.broadcast_to(_spread(y, W).sum(0), _spread(y, W).shape),
            "y is not multiplied": lambda y, W: _spread(np.ones_like(y), W), "the last window missing": lambda y, W: _spread(np.pad(y[:, :-1, :-1], ((0, 0), (0, 1), (0, 1))), W), "y alone": lambda y, W: np.pad(y, ((0, 0), (0, len(W) - 1), (0, W.shape[1] - 1))), "y in the middle": lambda y, W: _half_padded(y, W),
            "the same size again": lambda y, W: _convolve(_padded(y, W), W),
        },
        draw=_kernel, big=2,
    ),
)  # fmt: skip


def _states(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Array]:
    B, F, H = sizes["B"], sizes["F"], sizes["D"]
    drawn = {
        "x": (B, F), "h": (B, H), "c": (B, H), "W": (F, 4 * H), "U": (H, 4 * H), "b": (4 * H,), "dh": (B, H), "dc": (B, H),
        "xs": (B, sizes["T"], F), "dhs": (B, sizes["T"], H),
    }  # fmt: skip
    return {name: rng.normal(size=s) / (s[0] ** 0.5 if name in "WU" else 1) for name, s in drawn.items()}


def _step(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    out, last, _ = lstm.lstm_forward({"W": W, "U": U, "b": b}, x[:, None], h, c)
    return out[:, 0], last


def _step_back(dh: Array, dc: Array, x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, ...]:
    _, _, cache = lstm.lstm_forward({"W": W, "U": U, "b": b}, x[:, None], h, c)
    dx, grads, dh0, dc0 = lstm.lstm_backward(cache, dh[:, None], dc)
    return dx[:, 0], dh0, dc0, grads["W"], grads["U"], grads["b"]


def _through_time(dhs: Array, xs: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array, Array]:
    grads = lstm.lstm_backward(lstm.lstm_forward({"W": W, "U": U, "b": b}, xs)[2], dhs)[1]
    return grads["W"], grads["U"], grads["b"]


_GATES = {
    "parts": "np.split(x @ W + h @ U + b, 4, axis=1)", "pi": "parts[0]", "pf": "parts[1]", "pg": "parts[2]", "po": "parts[3]", "i": "s(pi)", "f": "s(pf)", "g": "np.tanh(pg)", "o": "s(po)",
}  # fmt: skip
_forth = Lines("x, h, c, W, U, b", "h2, c3", **_GATES, c2="f * c + i * g", e="np.tanh(c2)", h2="o * e", c3="c2")
_back = Lines(
    "dh, dc, x, h, c, W, U, b", "dx, dh_, dc_, dW, dU, db", **_GATES, new="f * c + i * g", t="np.tanh(new)", d="dc + dh * o * (1 - t**2)", ai="d * g * i * (1 - i)", af="d * c * f * (1 - f)", ag="d * i * (1 - g**2)",
    ao="dh * t * o * (1 - o)", A="np.hstack([ai, af, ag, ao])", dx="A @ W.T", dh_="A @ U.T", dc_="d * f", dW="x.T @ A", dU="h.T @ A", db="A.sum(0)",
)  # fmt: skip
_ORDERS = ["".join(order) for order in permutations("ifgo") if "".join(order) not in ("ifgo", "ifog", "iofg", "figo")]


def _read(order: str) -> dict[str, str]:
    return {f"p{gate}": f"parts[{place}]" for place, gate in enumerate(order)}


def _time(**other: str) -> Rewritten:
    """A way back through time in which something reads otherwise: what is kept or sent between the steps, or summed."""
    return Rewritten(_time_of, other)


def _time_of(other: Mapping[str, str]) -> Callable[..., tuple[Array, ...]]:
    rule = {
        "h0": "h", "c0": "c", "order": "range(T)[::-1]", "above": "dhs[:, t]", "sum": "s_ + g", "over": "1", "dh": "dh", "dc": "dc", "x": "xs[:, t]", "before": "states[t]", "whole": "dh + above",
    } | dict(other)  # fmt: skip

    def back(dhs: Array, xs: Array, W: Array, U: Array, b: Array) -> tuple[Array, ...]:
        zero, T = np.zeros((len(xs), len(U))), xs.shape[1]
        known: dict[str, Any] = {"dhs": dhs, "xs": xs, "zero": zero, "T": T}
        states = [(zero, zero)]
        for t in range(T):
            known |= {"h": states[-1][0], "c": states[-1][1], "t": t}
            states.append(_step(value(rule["x"], known), value(rule["h0"], known), value(rule["c0"], known), W, U, b))
        dh = dc = zero
        sums = [np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)]
        for t in value(rule["order"], known):
            known |= {"t": t, "dh": dh, "dc": dc, "states": states}
            known["above"] = value(rule["above"], known)
            state, x = value(rule["before"], known), value(rule["x"], known)
            _, dh, dc, *grads = _step_back(value(rule["whole"], known), dc, x, state[0], state[1], W, U, b)
            known |= {"dh": dh, "dc": dc}
            dh, dc = value(rule["dh"], known), value(rule["dc"], known)
            sums = [value(rule["sum"], known | {"s_": s, "g": g}) for s, g in zip(sums, grads, strict=True)]
        over = value(rule["over"], known)
        return tuple(s / over for s in sums)

    return back


_PARAMETERS = {"W": " drawn", "U": " drawn", "b": " drawn"}
_STATE = {"x": " drawn", "h": " drawn", "c": " drawn"}
_READ_ANEW = {  # mistakes of the gates, whichever way
    "g is a sigmoid": {"g": "s(pg)"}, "g without tanh": {"g": "pg"}, "g a rectifier": {"g": "np.maximum(pg, 0)"}, "i without sigmoid": {"i": "pi"}, "f without sigmoid": {"f": "pf"}, "o without sigmoid": {"o": "po"}, "i a tanh": {"i": "np.tanh(pi)"}, "f a tanh": {"f": "np.tanh(pf)"}, "o a tanh": {"o": "np.tanh(po)"},
    "no sigmoids": {"i": "pi", "f": "pf", "o": "po"}, "all a tanh": {"i": "np.tanh(pi)", "f": "np.tanh(pf)", "o": "np.tanh(po)"}, "no functions": {"i": "pi", "f": "pf", "o": "po", "g": "pg"}, "s(−a)": {"i": "s(-pi)", "f": "s(-pf)", "o": "s(-po)"}, "1 for the forget gate": {"pf": "parts[1] + 1"},
    "no bias": {"parts": "np.split(x @ W + h @ U, 4, axis=1)"}, "no memory of h": {"parts": "np.split(x @ W + b, 4, axis=1)"}, "no x": {"parts": "np.split(h @ U + b, 4, axis=1)"}, "bias twice": {"parts": "np.split(x @ W + h @ U + 2 * b, 4, axis=1)"}, "c in place of h": {"parts": "np.split(x @ W + c @ U + b, 4, axis=1)"}, "products multiplied": {"parts": "np.split((x @ W) * (h @ U) + b, 4, axis=1)"}, "interleaved": {f"p{gate}": f"np.hstack(parts)[:, {n}::4]" for n, gate in enumerate("ifgo")},
    "a peephole": {"parts": "np.split(x @ W + h @ U + b + np.tile(c, 4), 4, axis=1)"},
}  # fmt: skip
_FORTH = {
    "order i f o g": _read("ifog"), "order i o f g": _read("iofg"), "h without tanh": {"e": "c2"}, "h from the old c": {"e": "np.tanh(c)"}, "h from the old c, no tanh": {"e": "c"}, "tanh around all": {"h2": "np.tanh(o * c2)"}, "s(c)": {"e": "s(c2)"}, "h from g": {"e": "g"}, "tanh(g)": {"e": "np.tanh(g)"},
    "no forgetting": {"c2": "c + i * g"}, "no memory of c": {"c2": "i * g"}, "no input gate": {"c2": "f * c + g"}, "nothing new": {"c2": "f * c"}, "gates exchanged": {"c2": "i * c + f * g"}, "1 − f in place of i": {"c2": "f * c + (1 - f) * g"}, "1 − i in place of f": {"c2": "(1 - i) * c + i * g"}, "1 − f for f": {"c2": "(1 - f) * c + i * g"}, "subtracted": {"c2": "f * c - i * g"}, "h in place of c": {"c2": "f * h + i * g"}, "gates on the sum": {"c2": "f * (c + i * g)"}, "added, not multiplied": {"c2": "f + c + i * g"}, "i + g": {"c2": "f * c + i + g"}, "o in place of i": {"c2": "f * c + o * g"}, "all multiplied": {"c2": "f * c * i * g"}, "tanh in the cell": {"c2": "np.tanh(f * c + i * g)"}, "tanh(c) in the cell": {"c2": "f * np.tanh(c) + i * g"}, "tanh of g twice": {"c2": "f * c + i * np.tanh(g)"}, "f on the new": {"c2": "c + f * i * g"},
    "no output gate": {"h2": "e"}, "o + tanh(c)": {"h2": "o + e"}, "f for the output": {"h2": "f * e"}, "i for the output": {"h2": "i * e"}, "1 − o": {"h2": "(1 - o) * e"}, "o alone": {"h2": "o"}, "the old h too": {"h2": "o * e + h"}, "tanh(c) is returned": {"c3": "e"}, "the old c is returned": {"c3": "c"}, "the old h is returned": {"h2": "h"}, "h twice": {"c3": "h2"}, "c twice": {"h2": "c2"}, "o c is returned": {"c3": "o * c2"},
}  # fmt: skip
_BACK = {
    "dh does not reach the cell": {"d": "dc"}, "dc forgotten": {"d": "dh * o * (1 - t**2)"}, "no slope of tanh in (6)": {"d": "dc + dh * o"}, "slope at c in (6)": {"d": "dc + dh * o * (1 - new**2)"}, "slope at the old c in (6)": {"d": "dc + dh * o * (1 - np.tanh(c) ** 2)"}, "no o in (6)": {"d": "dc + dh * (1 - t**2)"}, "a sigmoid's slope in (6)": {"d": "dc + dh * o * t * (1 - t)"}, "1 − tanh(c) in (6)": {"d": "dc + dh * o * (1 - t)"}, "tanh(c) in (6)": {"d": "dc + dh * o * t"}, "dh and dc added": {"d": "dc + dh"}, "dc too is given the slope": {"d": "(dc + dh) * o * (1 - t**2)"}, "dc too is given tanh's slope": {"d": "(dc + dh * o) * (1 - t**2)"}, "dh and dc exchanged": {"d": "dh + dc * o * (1 - t**2)"}, "multiplied in (6)": {"d": "dc * dh * o * (1 - t**2)"}, "o's slope in (6)": {"d": "dc + dh * o * (1 - o) * (1 - t**2)"}, "f on dc in (6)": {"d": "dc * f + dh * o * (1 - t**2)"}, "subtracted in (6)": {"d": "dc - dh * o * (1 - t**2)"},
    "the new c in df": {"af": "d * new * f * (1 - f)"}, "tanh of c in df": {"af": "d * np.tanh(c) * f * (1 - f)"}, "h in df": {"af": "d * h * f * (1 - f)"}, "no c in df": {"af": "d * f * (1 - f)"}, "no slope of f": {"af": "d * c"}, "tanh's slope of f": {"af": "d * c * (1 - f**2)"}, "f alone": {"af": "d * c * f"}, "1 − f alone": {"af": "d * c * (1 - f)"}, "df from dc": {"af": "dc * c * f * (1 - f)"}, "no df": {"af": "0 * d"}, "g in df": {"af": "d * g * f * (1 - f)"}, "slope of a in df": {"af": "d * c * s(f) * (1 - s(f))"},
    "g's slope is a sigmoid's": {"ag": "d * i * g * (1 - g)"}, "no slope of g": {"ag": "d * i"}, "no i in dg": {"ag": "d * (1 - g**2)"}, "1 − g": {"ag": "d * i * (1 - g)"}, "g twice": {"ag": "d * i * (1 - np.tanh(g) ** 2)"}, "f in dg": {"ag": "d * f * (1 - g**2)"}, "c in dg": {"ag": "d * c * (1 - g**2)"}, "dg from dc": {"ag": "dc * i * (1 - g**2)"}, "no dg": {"ag": "0 * d"}, "slope at g's a": {"ag": "d * i * (1 - pg**2)"}, "g² alone": {"ag": "d * i * g**2"},
    "no g in di": {"ai": "d * i * (1 - i)"}, "c in di": {"ai": "d * c * i * (1 - i)"}, "no slope of i": {"ai": "d * g"}, "tanh's slope of i": {"ai": "d * g * (1 - i**2)"}, "i alone": {"ai": "d * g * i"}, "1 − i alone": {"ai": "d * g * (1 - i)"}, "di from dc": {"ai": "dc * g * i * (1 - i)"}, "no di": {"ai": "0 * d"}, "g's slope in di": {"ai": "d * g * (1 - g**2) * i * (1 - i)"}, "slope of a in di": {"ai": "d * g * s(i) * (1 - s(i))"},
    "do without tanh": {"ao": "dh * new * o * (1 - o)"}, "do from d": {"ao": "d * t * o * (1 - o)"}, "tanh(c) missing in do": {"ao": "dh * o * (1 - o)"}, "the old c in do": {"ao": "dh * np.tanh(c) * o * (1 - o)"}, "no slope of o": {"ao": "dh * t"}, "tanh's slope of o": {"ao": "dh * t * (1 - o**2)"}, "o in do alone": {"ao": "dh * t * o"}, "1 − o alone": {"ao": "dh * t * (1 - o)"}, "do from dc": {"ao": "dc * t * o * (1 - o)"}, "no do": {"ao": "0 * d"}, "tanh's slope in do": {"ao": "dh * (1 - t**2) * o * (1 - o)"}, "slope of a in do": {"ao": "dh * t * s(o) * (1 - s(o))"}, "do from dh and dc": {"ao": "(dh + dc) * t * o * (1 - o)"},
    "no slopes": {"ai": "d * g", "af": "d * c", "ag": "d * i", "ao": "dh * t"}, "no slopes of the sigmoids": {"ai": "d * g", "af": "d * c", "ao": "dh * t"}, "tanh's slope in all": {"ai": "d * g * (1 - i**2)", "af": "d * c * (1 - f**2)", "ao": "dh * t * (1 - o**2)"}, "a sigmoid's slope in all": {"ag": "d * i * g * (1 - g)", "d": "dc + dh * o * t * (1 - t)"}, "i and f exchanged": {"ai": "d * c * i * (1 - i)", "af": "d * g * f * (1 - f)"}, "slope of a in all": {"ai": "d * g * s(i) * (1 - s(i))", "af": "d * c * s(f) * (1 - s(f))", "ao": "dh * t * s(o) * (1 - s(o))"},
    "dc_before without f": {"dc_": "d"}, "dc_before from dc alone": {"dc_": "dc * f"}, "dc passed on": {"dc_": "dc"}, "1 − f in dc_before": {"dc_": "d * (1 - f)"}, "i in dc_before": {"dc_": "d * i"}, "c in dc_before": {"dc_": "d * c"}, "dc added to dc_before": {"dc_": "d * f + dc"}, "no dc_before": {"dc_": "0 * d"}, "f's slope in dc_before": {"dc_": "d * f * (1 - f)"}, "f squared in dc_before": {"dc_": "d * f * f"},
    "dU with the new cell": {"dU": "new.T @ A"}, "dU with the new h": {"dU": "(o * t).T @ A"}, "dU with c": {"dU": "c.T @ A"}, "no dU": {"dU": "0 * U"}, "averaged": {"dW": "x.T @ A / len(x)", "dU": "h.T @ A / len(x)", "db": "A.mean(0)"}, "db averaged": {"db": "A.mean(0)"}, "dW averaged": {"dW": "x.T @ A / len(x)"}, "dU averaged": {"dU": "h.T @ A / len(x)"}, "matrices averaged": {"dW": "x.T @ A / len(x)", "dU": "h.T @ A / len(x)"}, "db not summed": {"db": "A"}, "db summed over the gates": {"db": "A.sum(1)"}, "db keeps an axis": {"db": "A.sum(0, keepdims=True)"}, "db of the last example": {"db": "A[-1]"}, "db of the first example": {"db": "A[0]"}, "no db": {"db": "0 * b"},
    "dW transposed": {"dW": "A.T @ x"}, "dU transposed": {"dU": "A.T @ h"}, "both transposed": {"dW": "A.T @ x", "dU": "A.T @ h"}, "of the last example": {"dW": "np.outer(x[-1], A[-1])", "dU": "np.outer(h[-1], A[-1])", "db": "A[-1]"}, "dh added to dh_before": {"dh_": "A @ U.T + dh"}, "dh passed on": {"dh_": "dh"}, "no dh_before": {"dh_": "0 * dh"}, "dh by o": {"dh_": "dh * o"}, "no dx": {"dx": "0 * x"}, "turned": {"A": "-np.hstack([ai, af, ag, ao])"}, "dx averaged": {"dx": "A @ W.T / len(x)"}, "blocks in the order i f o g": {"A": "np.hstack([ai, af, ao, ag])"}, "blocks in the order i o f g": {"A": "np.hstack([ai, ao, af, ag])"}, "blocks in the order f i g o": {"A": "np.hstack([af, ai, ag, ao])"},
    "gates anew without tanh at g": {"g": "pg"}, "gates anew: g a sigmoid": {"g": "s(pg)"}, "gates anew without sigmoids": {"i": "pi", "f": "pf", "o": "po"}, "gates anew without the bias": {"parts": "np.split(x @ W + h @ U, 4, axis=1)"}, "gates anew without h": {"parts": "np.split(x @ W + b, 4, axis=1)"}, "gates anew without x": {"parts": "np.split(h @ U + b, 4, axis=1)"}, "the c given taken for the new one": {"new": "c"}, "gates anew in the order i f o g": _read("ifog"), "gates anew in the order i o f g": _read("iofg"), "gates anew in the order f i g o": _read("figo"), "new c without forgetting": {"new": "c + i * g"}, "new c without the input gate": {"new": "f * c + g"}, "new c from i and f exchanged": {"new": "i * c + f * g"},
    "order i f o g, both ways": {**_read("ifog"), "A": "np.hstack([ai, af, ao, ag])"}, "order i o f g, both ways": {**_read("iofg"), "A": "np.hstack([ai, ao, af, ag])"}, "order f i g o, both ways": {**_read("figo"), "A": "np.hstack([af, ai, ag, ao])"},
}  # fmt: skip
_TIME = {
    "nothing from the future": {"dh": "zero", "dc": "zero"}, "no dh from the future": {"dh": "zero"}, "no dc from the future": {"dc": "zero"}, "forwards": {"order": "range(T)"}, "last step's gradient": {"sum": "g"}, "averaged over time": {"over": "T"}, "averaged over the batch": {"over": "len(xs)"}, "averaged over both": {"over": "T * len(xs)"}, "states after the step": {"before": "states[t + 1]"}, "the h after the step": {"before": "(states[t + 1][0], states[t][1])"}, "the c after the step": {"before": "(states[t][0], states[t + 1][1])"}, "states of two steps before": {"before": "states[max(t - 1, 0)]"}, "zero states": {"before": "(zero, zero)"}, "the last states": {"before": "states[-1]"}, "the last states but one": {"before": "states[-2]"}, "only the last output": {"above": "dhs[:, t] if t == T - 1 else zero"}, "only the first output": {"above": "dhs[:, t] if t == 0 else zero"}, "outputs turned round": {"above": "dhs[:, T - 1 - t]"}, "outputs one too late": {"above": "dhs[:, t - 1] if t else zero"}, "outputs one too early": {"above": "dhs[:, t + 1] if t < T - 1 else zero"}, "the last output at every step": {"above": "dhs[:, -1]"}, "outputs summed": {"above": "dhs.sum(1) if t == T - 1 else zero"}, "outputs averaged": {"above": "dhs.mean(1)"},
    "without the last step": {"order": "range(T - 1)[::-1]"}, "without the first step": {"order": "range(1, T)[::-1]"}, "the last step alone": {"order": "[T - 1]"}, "the last two steps": {"order": "[T - 1, T - 2]"}, "inputs turned round": {"x": "xs[:, T - 1 - t]"}, "the last input at every step": {"x": "xs[:, -1]"}, "the first input at every step": {"x": "xs[:, 0]"}, "h not carried": {"h0": "zero"}, "c not carried": {"c0": "zero"}, "states not carried": {"h0": "zero", "c0": "zero"}, "nothing from above": {"whole": "dh + 0 * above"}, "dh and dc exchanged": {"dh": "dc", "dc": "dh"}, "dh added up": {"dh": "dh + above"}, "dh subtracted": {"whole": "above - dh"}, "the gradients turned": {"sum": "s_ - g"}, "dhs twice": {"above": "2 * dhs[:, t]"}, "dh averaged": {"whole": "(dh + above) / 2"},
}  # fmt: skip
lstm_cell = exercise(
    14, "lstm",
    Task(
        "step", {**_STATE, **_PARAMETERS}, ("h", "c"),
        _step,
        {id_: _forth(**other) for id_, other in (_FORTH | _READ_ANEW).items()} | {f"the order {', '.join(order)}: another order": _forth(**_read(order)) for order in _ORDERS},
        draw=_states,
    ),
    Task(
        "step_backward", {"dh": " drawn", "dc": " drawn", **_STATE, **_PARAMETERS}, ("dx", "dh_before", "dc_before", "dW", "dU", "db"),
        _step_back,
        {id_: _back(**other) for id_, other in _BACK.items()},
        draw=_states,
    ),
    Task(
        "through_time", {"dhs": " drawn", "xs": " drawn", **_PARAMETERS}, ("dW", "dU", "db"),
        _through_time,
        {id_: _time(**other) for id_, other in _TIME.items()},
        draw=_states, big=0,
    ),
)  # fmt: skip
