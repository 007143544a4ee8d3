"""Exercises 12 to 14: max-pooling, convolution and its transpose, and an LSTM, there and back."""

from collections.abc import Callable

import numpy as np

from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params
from scratchdae.exercises.exercise import Task, exercise
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


def _image(windows: Array) -> Array:
    B, R, C, _ = windows.shape
    return windows.reshape(B, R, C, 2, 2).transpose(0, 1, 3, 2, 4).reshape(B, 2 * R, 2 * C)


def _shared(dy: Array, x: Array, share: Callable[[Array], Array]) -> Array:
    return _image(share(_windows(x)) * dy[..., None])


def _ties(w: Array) -> Array:
    return np.asarray(w == w.max(axis=-1, keepdims=True))


def _one_of(w: Array, last: bool = False, least: bool = False) -> Array:
    w = -w if least else w
    place = 3 - w[..., ::-1].argmax(-1) if last else w.argmax(-1)
    return np.asarray(np.eye(4)[place])


def _down_first(w: Array) -> Array:
    """The first of the ties, column by column."""
    order = [0, 2, 1, 3]
    return _one_of(w[..., order])[..., order]


max_pool = exercise(
    12, "max_pool",
    Task(
        "max_pool", {"x": " drawn"}, ("y",),
        _pool,
        {
            "mean": lambda x: _windows(x).mean(-1),
            "smallest": lambda x: _windows(x).min(-1),
            "sum": lambda x: _windows(x).sum(-1),
            "overlapping": lambda x: np.maximum(np.maximum(x[:, :-1, :-1], x[:, 1:, :-1]), np.maximum(x[:, :-1, 1:], x[:, 1:, 1:])),
            "not below zero": lambda x: np.maximum(_pool(x), 0),
            "of the size": lambda x: x[:, ::2, ::2],
            "largest in size": lambda x: np.abs(_windows(x)).max(-1),
            "upper row alone": lambda x: np.maximum(x[:, ::2, ::2], x[:, ::2, 1::2]),
            "largest in size, with its sign": lambda x: np.where(-_windows(x).min(-1) > _pool(x), _windows(x).min(-1), _pool(x)),
            "rows alone": lambda x: np.maximum(x[:, ::2], x[:, 1::2]),
            "columns alone": lambda x: np.maximum(x[:, :, ::2], x[:, :, 1::2]),
            "quarters": lambda x: x.reshape(len(x), 2, x.shape[1] // 2, 2, x.shape[2] // 2).max(axis=(1, 3)),
        },
        draw=_images,
    ),
    Task(
        "max_pool_backward", {"dy": " drawn", "x": " drawn"}, ("dx",),
        _pool_back,
        {
            "every tie": lambda dy, x: _shared(dy, x, _ties),
            "shared among ties": lambda dy, x: _shared(dy, x, lambda w: _ties(w) / _ties(w).sum(-1, keepdims=True)),
            "last tie": lambda dy, x: _shared(dy, x, lambda w: _one_of(w, last=True)),
            "first tie, by columns": lambda dy, x: _shared(dy, x, _down_first),
            "to everyone": lambda dy, x: _shared(dy, x, np.ones_like),
            "as for the mean": lambda dy, x: _shared(dy, x, lambda w: np.full_like(w, 0.25)),
            "largest in size": lambda dy, x: _shared(dy, x, lambda w: _one_of(np.abs(w))),
            "of the first image": lambda dy, x: _shared(dy, x, lambda w: np.broadcast_to(_one_of(w[:1]), w.shape)),
            "the smallest": lambda dy, x: _shared(dy, x, lambda w: _one_of(w, least=True)),
            "always the first": lambda dy, x: _shared(dy, x, lambda w: np.eye(4)[np.zeros(w.shape[:3], int)]),
            "a 1": lambda dy, x: _pool_back(np.ones_like(dy), x),
            "y in place of dy": lambda dy, x: _pool_back(_pool(x), x),
            "times x": lambda dy, x: _pool_back(dy, x) * x,
            "pooled size": lambda dy, x: dy,
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


convolution = exercise(
    13, "convolution",
    Task(
        "convolve", {"x": " drawn", "W": " drawn"}, ("y",),
        _convolve,
        {
            "flipped": lambda x, W: _convolve(x, W[::-1, ::-1]),
            "kernel transposed": lambda x, W: _convolve(x, W.T),
            "same size": lambda x, W: _convolve(_padded(x, W), W),
            "one row too few": lambda x, W: _convolve(x, W)[:, :-1, :-1],
            "a mean": lambda x, W: _convolve(x, W) / W.size,
            "full": lambda x, W: _spread(x, W[::-1, ::-1]),
            "full, flipped": _spread,
            "over the batch": lambda x, W: _convolve(x, W).sum(axis=0),
        },
        draw=_kernel, big=2,
    ),
    Task(
        "convolve_backward", {"dy": " drawn", "x": " drawn", "W": " drawn"}, ("dx", "dW"),
        _convolve_back,
        {
            "overwritten": lambda dy, x, W: (_overwritten(dy, W, True), _convolve_back(dy, x, W)[1]),
            "overwritten, window by window": lambda dy, x, W: (_overwritten(dy, W, False), _convolve_back(dy, x, W)[1]),
            "dx flipped": lambda dy, x, W: (_spread(dy, W[::-1, ::-1]), _convolve_back(dy, x, W)[1]),
            "dW flipped": lambda dy, x, W: (_convolve_back(dy, x, W)[0], _convolve_back(dy, x, W)[1][::-1, ::-1]),
            "dW averaged": lambda dy, x, W: (_convolve_back(dy, x, W)[0], _convolve_back(dy, x, W)[1] / len(x)),
            "dW averaged over everything": lambda dy, x, W: (_convolve_back(dy, x, W)[0], _convolve_back(dy, x, W)[1] / dy.size),
            "dW of the last image": lambda dy, x, W: (_convolve_back(dy, x, W)[0], _convolve_back(dy[-1:], x[-1:], W)[1]),
            "turned": lambda dy, x, W: tuple(-g for g in _convolve_back(dy, x, W)),
            "dx cut off": lambda dy, x, W: (_convolve(np.pad(dy, ((0, 0), (W.shape[0] // 2, W.shape[0] - 1 - W.shape[0] // 2), (W.shape[1] // 2, W.shape[1] - 1 - W.shape[1] // 2))), W), _convolve_back(dy, x, W)[1]),
        },
        draw=_kernel, big=2,
    ),
    Task(
        "transpose", {"y": " drawn", "W": " drawn"}, ("x",),
        _spread,
        {
            "a convolution, padded": lambda y, W: _spread(y, W[::-1, ::-1]),
            "a convolution": _convolve,
            "overwritten": lambda y, W: _overwritten(y, W, False),
            "overwritten, entry by entry": lambda y, W: _overwritten(y, W, True),
            "kernel transposed": lambda y, W: _spread(y, W.T),
            "same size": lambda y, W: _spread(y, W)[:, : y.shape[1], : y.shape[2]],
            "averaged": lambda y, W: _spread(y, W) / W.size,
            "upsampled": np.kron,
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


def _gates(x: Array, h: Array, W: Array, U: Array, b: Array, order: str = "ifgo") -> Params:
    """The four gates by their letters."""
    parts = np.split(x @ W + h @ U + b, 4, axis=1)
    return {name: np.tanh(a) if name == "g" else sigmoid(a) for name, a in zip(order, parts, strict=True)}


def _step(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    out, last, _ = lstm.lstm_forward({"W": W, "U": U, "b": b}, x[:, None], h, c)
    return out[:, 0], last


def _other_step(
    output: str = "o * tanh(c)", cell: str = "f * c + i * g", order: str = "ifgo", first: str = "cell"
) -> Callable[..., tuple[Array, Array]]:
    """Make a step whose equations (3) and (4) read otherwise; `first` says which of them comes first."""

    def step(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
        known: dict[str, object] = {**_gates(x, h, W, U, b, order), "c": c, "tanh": np.tanh, "s": sigmoid, "h": h}
        new = eval(cell, {}, known)
        return eval(output, {}, known | ({"c": new} if first == "cell" else {})), new

    return step


def _step_back(dh: Array, dc: Array, x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, ...]:
    _, _, cache = lstm.lstm_forward({"W": W, "U": U, "b": b}, x[:, None], h, c)
    dx, grads, dh0, dc0 = lstm.lstm_backward(cache, dh[:, None], dc)
    return dx[:, 0], dh0, dc0, grads["W"], grads["U"], grads["b"]


def _other_back(**other: str) -> Callable[..., tuple[Array, ...]]:
    """Make a backward step in which one of the equations (6) to (11) reads otherwise."""
    rule = {
        "d": "dc + dh * o * (1 - t**2)", "i": "d * g * i * (1 - i)", "f": "d * c * f * (1 - f)", "g": "d * i * (1 - g**2)",
        "o": "dh * t * o * (1 - o)", "dc": "d * f", "dW": "x.T @ a", "dU": "h.T @ a", "db": "a.sum(0)", "dh": "a @ U.T",
    } | other  # fmt: skip

    def back(dh: Array, dc: Array, x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, ...]:
        known: dict[str, object] = {**_gates(x, h, W, U, b), "dh": dh, "dc": dc, "x": x, "h": h, "c": c, "U": U}
        known["new"] = _step(x, h, c, W, U, b)[1]
        known["t"] = np.tanh(known["new"])  # type: ignore[call-overload]
        known["d"] = eval(rule["d"], {}, known)
        a = np.hstack([eval(rule[gate], {}, known) for gate in "ifgo"])
        known["a"] = a
        return a @ W.T, *(eval(rule[name], {}, known) for name in ("dh", "dc", "dW", "dU", "db"))

    return back


def _through_time(dhs: Array, xs: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array, Array]:
    grads = lstm.lstm_backward(lstm.lstm_forward({"W": W, "U": U, "b": b}, xs)[2], dhs)[1]
    return grads["W"], grads["U"], grads["b"]


def _other_time(change: str) -> Callable[..., tuple[Array, ...]]:
    """Make a way back through time with a mistake: what is forgotten between the steps, or in their sum."""

    def back(dhs: Array, xs: Array, W: Array, U: Array, b: Array) -> tuple[Array, ...]:
        zero = np.zeros((len(xs), len(U)))
        states = [(zero, zero)]
        for t in range(xs.shape[1]):
            states.append(_step(xs[:, t], *states[-1], W, U, b))
        dh, dc, sums = zero, zero, [np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)]
        for t in range(xs.shape[1]) if change == "forwards" else reversed(range(xs.shape[1])):
            state = states[t + 1] if change == "states after" else states[t]
            above = dhs[:, t] if change != "last output" or t == xs.shape[1] - 1 else zero
            _, dh, dc, *grads = _step_back(above + dh, dc, xs[:, t], *state, W, U, b)
            dh = zero if change in ("no dh", "no future") else dh
            dc = zero if change in ("no dc", "no future") else dc
            sums = list(grads) if change == "overwritten" else [s + g for s, g in zip(sums, grads, strict=True)]
        return tuple(s / xs.shape[1] for s in sums) if change == "averaged" else tuple(sums)

    return back


_PARAMETERS = {"W": " drawn", "U": " drawn", "b": " drawn"}
_STATE = {"x": " drawn", "h": " drawn", "c": " drawn"}

lstm_cell = exercise(
    14, "lstm",
    Task(
        "step", {**_STATE, **_PARAMETERS}, ("h", "c"),
        _step,
        {
            "order i f o g": _other_step(order="ifog"),
            "order i o f g": _other_step(order="iofg"),
            "h without tanh": _other_step("o * c"),
            "h from the old c": _other_step(first="output"),
            "g is a sigmoid": lambda x, h, c, W, U, b: _all_sigmoid(x, h, c, W, U, b),
            "no forgetting": _other_step(cell="c + i * g"),
            "no input gate": _other_step(cell="f * c + g"),
            "gates exchanged": _other_step(cell="i * c + f * g"),
            "no memory of h": lambda x, h, c, W, U, b: _step(x, 0 * h, c, W, U, b),
            "no bias": lambda x, h, c, W, U, b: _step(x, h, c, W, U, 0 * b),
            "1 − f in place of i": _other_step(cell="f * c + (1 - f) * g"),
        },
        draw=_states,
    ),
    Task(
        "step_backward", {"dh": " drawn", "dc": " drawn", **_STATE, **_PARAMETERS}, ("dx", "dh_before", "dc_before", "dW", "dU", "db"),
        _step_back,
        {
            "dh does not reach the cell": _other_back(d="dc"),
            "dc forgotten": _other_back(d="dh * o * (1 - t**2)"),
            "no slope of tanh in (6)": _other_back(d="dc + dh * o"),
            "slope at c in (6)": _other_back(d="dc + dh * o * (1 - new**2)"),
            "the new c in df": _other_back(f="d * new * f * (1 - f)"),
            "g's slope is a sigmoid's": _other_back(g="d * i * g * (1 - g)"),
            "no slope of g": _other_back(g="d * i"),
            "dc_before without f": _other_back(dc="d"),
            "dc_before from dc alone": _other_back(dc="dc * f"),
            "do without tanh": _other_back(o="dh * new * o * (1 - o)"),
            "do from d": _other_back(o="d * t * o * (1 - o)"),
            "dU with the new cell": _other_back(dU="new.T @ a"),
            "dU with the new h": _other_back(dU="(o * t).T @ a"),
            "tanh(c) missing in do": _other_back(o="dh * o * (1 - o)"),
            "averaged": _other_back(dW="x.T @ a / len(x)", dU="h.T @ a / len(x)", db="a.mean(0)"),
            "db averaged": _other_back(db="a.mean(0)"),
        },
        draw=_states,
    ),
    Task(
        "through_time", {"dhs": " drawn", "xs": " drawn", **_PARAMETERS}, ("dW", "dU", "db"),
        _through_time,
        {
            "nothing from the future": _other_time("no future"),
            "no dh from the future": _other_time("no dh"),
            "no dc from the future": _other_time("no dc"),
            "forwards": _other_time("forwards"),
            "last step's gradient": _other_time("overwritten"),
            "averaged over time": _other_time("averaged"),
            "states after the step": _other_time("states after"),
            "only the last output": _other_time("last output"),
        },
        draw=_states, big=0,
    ),
)  # fmt: skip


def _all_sigmoid(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    i, f, g, o = np.split(sigmoid(x @ W + h @ U + b), 4, axis=1)
    new = f * c + i * g
    return o * np.tanh(new), new
