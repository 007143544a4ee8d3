"""Exercises 03, 05, 06 and 07: the autoencoder there and back, equations (1) to (12) of `scratchdae.autoencoder`."""

import numpy as np

from scratchdae import autoencoder
from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params
from scratchdae.exercises.exercise import Task, exercise
from scratchdae.exercises.rewritten import Lines, Rewritten


def _encode(x: Array, W: Array, b: Array) -> Array:
    return autoencoder.encode({"W": W, "b": b}, x)


def _decode(y: Array, W: Array, b_prime: Array) -> Array:
    return sigmoid(autoencoder.decode({"W": W, "b_prime": b_prime}, y))


_there = Lines("x, W, b", "y", u="x", p="u @ W", a="p + b", v="s(a)", y="v")
_again = Lines("u, W, b", "z", y="u", V="W.T", p="y @ V", a="p + b", v="s(a)", z="v")


def _ways(way: Lines, out: str) -> dict[str, Rewritten]:
    """The mistakes of one layer, whichever way it leads."""
    return {
        "no sigmoid": way(v="a"), "twice": way(v="s(s(a))"), "falls": way(v="s(-a)"), "tanh": way(v="np.tanh(a)"),
        "softmax": way(v="softmax(a)"), "softmax over the batch": way(v="softmax(a, 0)"), "rectifier": way(v="np.maximum(a, 0)"),
        "tanh of half": way(v="np.tanh(a / 2)"), "of 2a": way(v="s(2 * a)"), "slope in place of value": way(v="s(a) * (1 - s(a))"),
        "the exponential alone": way(v="np.exp(a)"), "1 + exp alone": way(v="1 + np.exp(-a)"),
        "softplus": way(v="np.logaddexp(0, a)"), "1 − exp": way(v="1 / (1 - np.exp(-a))"), "exp(a) over 1 + exp(−a)": way(v="np.exp(a) / (1 + np.exp(-a))"),
        "of |a|": way(v="s(np.abs(a))"), "of −|a|": way(v="s(-np.abs(a))"), "0 below 0": way(v="s(a) * (a >= 0)"), "a leaky rectifier": way(v="np.where(a > 0, a, 0.01 * a)"),
        "no bias": way(a="p"), "the exponent of a part": way(a="p - b"), "bias times": way(a="p * b"), "bias twice": way(a="p + 2 * b"),
        "bias outside": way(**{"a": "p", out: "v + b"}), "bias summed": way(a="p + b.sum()"), "bias averaged": way(a="p + b.mean()"), "first bias for all": way(a="p + b[0]"),
        "product divided by its length": way(p=f"{'u' if out == 'y' else 'y'} @ {'W' if out == 'y' else 'V'} / W.shape[{int(out == 'z')}]"),
        "product divided by the root": way(p=f"{'u' if out == 'y' else 'y'} @ {'W' if out == 'y' else 'V'} / W.shape[{int(out == 'z')}] ** 0.5"),
        "product divided by B": way(p=f"{'u' if out == 'y' else 'y'} @ {'W' if out == 'y' else 'V'} / len(u)"),
        "columns": way(**{out: "v.T"}), "mean of the batch": way(**{out: "v.mean(0)"}), "sum of the batch": way(**{out: "v.sum(0)"}),
        "only the first": way(**{out: "np.r_[v[:1], 0 * v[1:]]"}), "only the last": way(**{out: "np.r_[0 * v[:-1], v[-1:]]"}), "the first example's": way(**{out: "v[0]"}), "the last example's": way(**{out: "v[-1]"}),
        "1 − the value": way(**{out: "1 - v ** 2"}), "rounded": way(**{out: "np.round(v)"}), "cut to whole numbers": way(**{out: "np.floor(v)"}),
    }  # fmt: skip


encode_decode = exercise(
    3, "encode_decode",
    Task(
        "encode", {"x": "BD unit", "W": "DH weights", "b": "H"}, ("y",),
        _encode,
        _ways(_there, "y") | {
            "centred": _there(u="x - x.mean(0)"), "standardised": _there(u="(x - x.mean(0)) / x.std(0)"), "rows centred": _there(u="x - x.mean(1, keepdims=True)"), "s(x)": _there(u="s(x)"), "x turned round": _there(u="1 - x"), "x binary": _there(u="np.round(x)"), "x to ±1": _there(u="2 * x - 1"),
            "x normalised": _there(u="x / np.linalg.norm(x, axis=1, keepdims=True)"), "x made a distribution": _there(u="x / x.sum(1, keepdims=True)"), "of the mean example": _there(u="x.mean(0)"),
        },
    ),
    Task(
        "decode", {"y": "BH unit", "W": "DH weights", "b_prime": "D"}, ("z",),
        _decode,
        _ways(_again, "z") | {
            "reshaped": _again(V="W.reshape(W.shape[::-1])"), "the inverse": _again(V="np.linalg.pinv(W)"), "W turned": _again(V="-W.T"), "W flipped": _again(V="W[::-1].T"), "s(y)": _again(y="s(u)"), "y centred": _again(y="u - u.mean(0)"), "y turned round": _again(y="1 - u"), "y binary": _again(y="np.round(u)"),
            "the pre-activation in place of y": _again(y="np.log(u / (1 - u))"), "W by its columns' lengths": _again(V="(W / np.linalg.norm(W, axis=0)).T"),
        },
    ),
)  # fmt: skip


def _back(da_z: Array, x_tilde: Array, y: Array, params: Params) -> Params:
    H, D = y.shape[1], da_z.shape[1]
    whole = {"b": np.zeros(H), "b_prime": np.zeros(D)} | params
    return autoencoder.backward(da_z, autoencoder.Cache(x_tilde, y), whole)[1]


def _decoder(da_z: Array, y: Array) -> Array:
    return da_z.T @ y


def _encoder(da_z: Array, x_tilde: Array, y: Array, W: Array) -> Array:
    return _back(da_z, x_tilde, y, {"W": W})["W"] - _decoder(da_z, y)


def _tied(da_z: Array, x_tilde: Array, y: Array, W: Array) -> Array:
    return _back(da_z, x_tilde, y, {"W": W})["W"]


_SLOPES = {  # between dy and da_y
    "no slope": "1.0", "tanh's slope": "1 - y**2", "half a slope": "y", "the other half": "1 - y", "slope of a": "s(y) * (1 - s(y))",
    "the slope twice": "(y * (1 - y)) ** 2", "y² (1 − y)": "y**2 * (1 - y)", "y (1 − y)²": "y * (1 - y) ** 2", "y (1 + y)": "y * (1 + y)", "y (1 − y²)": "y * (1 - y**2)",
    "1 − y (1 − y)": "1 - y * (1 - y)", "divided by the slope": "1 / (y * (1 - y))", "slope averaged": "(y * (1 - y)).mean(0)", "slope of the mean": "y.mean(0) * (1 - y.mean(0))",
    "y + (1 − y)²": "(1 - y) ** 2", "y²": "y**2", "log y": "np.log(y)", "1 − y twice": "2 * y * (1 - y)", "y · 1 − y": "y * 1 - y",
}  # fmt: skip
_WAYS = {  # dy
    "not by way of W": "da_z.sum(1, keepdims=True)", "mean, not by way of W": "da_z.mean(1, keepdims=True)", "W reshaped": "da_z @ W.T.reshape(W.shape)",
    "da_z never enters": "y", "the slope alone": "1.0", "the batch's mean goes back": "da_z.mean(0) @ W", "the batch's sum goes back": "da_z.sum(0) @ W",
    "dy by the signs of W": "da_z @ np.sign(W)", "dy divided by D": "da_z @ W / len(W)", "dy divided by H": "da_z @ W / W.shape[1]",
}  # fmt: skip
_TO_X = {  # what meets da_y
    "from da_z, not from x̃": "da_z", "1 − x̃": "1 - x_tilde", "x̃ centred": "x_tilde - x_tilde.mean(0)", "s(x̃)": "s(x_tilde)", "x̃ binary": "np.round(x_tilde)", "x̃ averaged": "np.broadcast_to(x_tilde.mean(0), x_tilde.shape)",
    "y Wᵀ in place of x̃": "y @ W.T", "s(y Wᵀ) in place of x̃": "s(y @ W.T)", "x̃ absent": "np.ones_like(x_tilde)", "x̃ squared": "x_tilde**2", "s(da_z)": "s(da_z)",
}  # fmt: skip


def _each(lines: Lines, name: str, table: dict[str, str], *but: str) -> dict[str, Rewritten]:
    return {id_: lines(**{name: line}) for id_, line in table.items() if id_ not in but}


_product = Lines("da_z, y", "dW", d="da_z", h="y", dW="d.T @ h")
_encoding = Lines(
    "da_z, x_tilde, y, W", "dW", dy="da_z @ W", f="y * (1 - y)", i="x_tilde", da_y="dy * f", dW="i.T @ da_y"
)
_both = Lines(
    "da_z, x_tilde, y, W",
    "dW",
    h="y",
    d="da_z",
    i="x_tilde",
    dec="d.T @ h",
    dy="da_z @ W",
    f="y * (1 - y)",
    da_y="dy * f",
    enc="i.T @ da_y",
    dW="dec + enc",
)
_OF_Y = {  # what the decoder's part takes for y
    "a slope too many": "y * (1 - y)", "slope in place of y": "1 - y", "y (slope)": "y * y * (1 - y)", "s(y)": "s(y)", "y centred": "y - y.mean(0)", "y averaged": "np.broadcast_to(y.mean(0), y.shape)", "y binary": "np.round(y)",
    "y squared": "y**2", "1 − y²": "1 - y**2", "y's pre-activation": "np.log(y / (1 - y))", "y absent": "np.ones_like(y)",
}  # fmt: skip
_OF_DA_Z = {
    "da_z's signs": "np.sign(da_z)",
    "da_z squared": "da_z**2",
    "s(da_z)": "s(da_z)",
    "da_z with a slope": "da_z * (1 - da_z)",
    "da_z² (1 − da_z)": "da_z * da_z * (1 - da_z)",
    "da_z in size": "np.abs(da_z)",
}

tied_gradient = exercise(
    5, "tied_gradient",
    Task(
        "decoder_part", {"da_z": "BD", "y": "BH unit"}, ("dW",),
        _decoder,
        {
            "transposed": _product(dW="h.T @ d"), "averaged again": _product(dW="d.T @ h / len(y)"), "turned": _product(dW="-d.T @ h"), "the first example alone": _product(dW="np.outer(d[0], h[0])"), "the last example alone": _product(dW="np.outer(d[-1], h[-1])"),
            "all but the last example": _product(dW="d[:-1].T @ h[:-1]"), "all but the first example": _product(dW="d[1:].T @ h[1:]"), "summed before the product": _product(dW="np.outer(d.sum(0), h.sum(0))"), "averaged before the product": _product(dW="np.outer(d.mean(0), h.mean(0))"),
            "not summed": _product(dW="d[:, :, None] * h[:, None]"), "not summed, transposed": _product(dW="h[:, :, None] * d[:, None]"), "reshaped": _product(dW="(h.T @ d).reshape(d.shape[1], -1)"), "everything divided": _product(dW="d.T @ h / d.size"),
        } | _each(_product, "h", _OF_Y) | _each(_product, "d", _OF_DA_Z),
    ),
    Task(
        "encoder_part", {"da_z": "BD", "x_tilde": "BD unit", "y": "BH unit", "W": "DH weights"}, ("dW",),
        _encoder,
        _each(_encoding, "f", _SLOPES, "1 − y twice") | _each(_encoding, "dy", _WAYS, "dy divided by D", "dy divided by H") | _each(_encoding, "i", _TO_X) | {
            "averaged again": _encoding(dW="i.T @ da_y / len(y)"), "turned": _encoding(dW="-i.T @ da_y"), "transposed": _encoding(dW="da_y.T @ i"), "reshaped": _encoding(dW="(da_y.T @ i).reshape(W.shape)"), "slope of x̃": _encoding(f="1.0", i="x_tilde * (1 - x_tilde)"),
            "x̃ times the slope of x̃": _encoding(f="1.0", i="x_tilde * x_tilde * (1 - x_tilde)"), "both slopes": _encoding(i="x_tilde * (1 - x_tilde)"), "slope before W": _encoding(dy="(da_z * (1 - da_z)) @ W"), "slope of x̃ on da_z": _encoding(dy="(da_z * x_tilde * (1 - x_tilde)) @ W", f="1.0"),
            "slope of x̃ on da_z too": _encoding(dy="(da_z * x_tilde * (1 - x_tilde)) @ W"), "the last example alone": _encoding(dW="np.outer(i[-1], da_y[-1])"), "the first example alone": _encoding(dW="np.outer(i[0], da_y[0])"), "summed before the product": _encoding(dW="np.outer(i.sum(0), da_y.sum(0))"),
            "averaged before the product": _encoding(dW="np.outer(i.mean(0), da_y.mean(0))"), "times W": _encoding(dW="i.T @ da_y * W"), "the decoder's part": lambda da_z, x, y, W: da_z.T @ y, "from da_z, no way back": lambda da_z, x, y, W: da_z.T @ (y * (1 - y)), "both parts": _tied,
        },
    ),
    Task(
        "tied_gradient", {"da_z": "BD", "x_tilde": "BD unit", "y": "BH unit", "W": "DH weights"}, ("dW",),
        _tied,
        {
            "no encoder": _both(dW="dec"), "no decoder": _both(dW="enc"), "mean of both": _both(dW="(dec + enc) / 2"), "difference": _both(dW="enc - dec"), "difference, turned": _both(dW="dec - enc"), "averaged again": _both(dW="(dec + enc) / len(y)"), "encoder doubled": _both(dW="2 * enc"),
            "decoder doubled": _both(dW="2 * dec"), "encoder averaged again": _both(enc="i.T @ da_y / len(y)"), "decoder averaged again": _both(dec="d.T @ h / len(y)"), "encoder twice": _both(dW="dec + 2 * enc"), "decoder twice": _both(dW="2 * dec + enc"), "multiplied": _both(dW="dec * enc"),
            "the encoder's part: reshaped": _both(enc="(da_y.T @ i).reshape(W.shape)"), "the decoder's part: reshaped": _both(dec="(h.T @ d).reshape(W.shape)"), "reshaped": _both(dW="(dec + enc).T.reshape(W.shape)"), "x̃ Wᵀ for y": _both(h="x_tilde @ W"), "s(x̃ W) for y": _both(h="s(x_tilde @ W)"),
            "decoder from x̃": _both(d="x_tilde"), "the last example alone": _both(dec="np.outer(d[-1], h[-1])", enc="np.outer(i[-1], da_y[-1])"), "the first example alone": _both(dec="np.outer(d[0], h[0])", enc="np.outer(i[0], da_y[0])"),
            "summed before the product": _both(dec="np.outer(d.sum(0), h.sum(0))", enc="np.outer(i.sum(0), da_y.sum(0))"), "slope of x̃": _both(f="1.0", i="x_tilde * (1 - x_tilde)"), "both slopes": _both(i="x_tilde * (1 - x_tilde)"), "W decays": _both(dW="dec + enc + W"),
            "encoder by the decoder's input": _both(enc="d.T @ (dy * f)", dec="i.T @ h"),
        } | _each(_both, "f", _SLOPES, "1 − y twice", "y · 1 − y") | _each(_both, "dy", _WAYS) | _each(_both, "i", _TO_X, "x̃ averaged") | _each(_both, "h", _OF_Y, "y averaged"),
    ),
)  # fmt: skip


def _biases(da_z: Array, y: Array, W: Array) -> tuple[Array, Array]:
    grads = _back(da_z, np.zeros_like(da_z), y, {"W": W})
    return grads["b"], grads["b_prime"]


_sums = Lines(
    "da_z, y, W", "one, two", dy="da_z @ W", f="y * (1 - y)", da_y="dy * f", db="da_y.sum(0)", dbp="da_z.sum(0)",
    one="db", two="dbp",
)  # fmt: skip
_SUMMED = {  # of a gradient (B, n)
    "averaged again": "{}.mean(0)", "not summed": "{}", "over the wrong axis": "{}.sum(1)", "averaged over the wrong axis": "{}.mean(1)", "a sum of everything": "{}.sum()", "a mean of everything": "{}.mean()",
    "kept an axis": "{}.sum(0, keepdims=True)", "the last example alone": "{}[-1]", "the first example alone": "{}[0]", "turned": "-{}.sum(0)", "the largest": "{}.max(0)", "sizes summed": "np.abs({}).sum(0)",
    "squares summed": "({} ** 2).sum(0)", "zeros": "np.zeros({}.shape[1])", "ones in place of the gradient": "np.full({0}.shape[1], 1.0 * len({0}))", "averaged over the units too": "{0}.sum(0) / {0}.shape[1]",
    "the total for each": "np.full({0}.shape[1], {0}.sum())", "added up as it goes": "{}.cumsum(0)", "added up twice": "2 * {}.sum(0)", "all but the first example": "{}[1:].sum(0)", "all but the last example": "{}[:-1].sum(0)",
}  # fmt: skip

biases = exercise(
    6, "biases",
    Task(
        "bias_gradients", {"da_z": "BD", "y": "BH unit", "W": "DH weights"}, ("db", "db_prime"),
        _biases,
        {id_: _sums(db=line.format("da_y"), dbp=line.format("da_z")) for id_, line in _SUMMED.items()}
        | {f"db: {id_}": _sums(db=line.format("da_y")) for id_, line in _SUMMED.items()}
        | {f"db': {id_}": _sums(dbp=line.format("da_z")) for id_, line in _SUMMED.items()}
        | _each(_sums, "f", _SLOPES, "1 − y twice", "y² (1 − y)", "y · 1 − y") | _each(_sums, "dy", _WAYS, "the batch's mean goes back", "the batch's sum goes back", "dy divided by H") | {
            "exchanged": _sums(one="dbp", two="db"), "y itself in db": _sums(db="y.sum(0)"), "y averaged in db": _sums(db="y.mean(0)"), "db of da_z": _sums(db="da_z.sum(0)"), "times y": _sums(db="(da_y * y).sum(0)"), "slope of the sum": _sums(db="dy.sum(0) * y.sum(0) * (1 - y.sum(0))"),
            "slope after the sum": _sums(db="dy.sum(0) * (y * (1 - y)).sum(0)"), "db' with a slope": _sums(dbp="(da_z * (1 - da_z)).sum(0)"), "db' with da_z's whole slope": _sums(dbp="(da_z * da_z * (1 - da_z)).sum(0)"), "db' with s(da_z)": _sums(dbp="(da_z * s(da_z) * (1 - s(da_z))).sum(0)"),
            "db' from y": _sums(dbp="(y @ W.T).sum(0)"), "db' from da_y": _sums(dbp="(da_y @ W.T).sum(0)"), "db of W": _sums(db="W.sum(0)"), "da_z with a slope": _sums(dy="(da_z * (1 - da_z)) @ W"),
        },
    ),
)  # fmt: skip


def _untied(da_z: Array, x_tilde: Array, y: Array, W_prime: Array) -> tuple[Array, Array]:
    grads = _back(da_z, x_tilde, y, {"W": np.zeros_like(W_prime.T), "W_prime": W_prime})
    return grads["W"], grads["W_prime"]


_apart = Lines(
    "da_z, x_tilde, y, W_prime", "one, two", W="W_prime.T", h="y", d="da_z", dy="da_z @ W", f="y * (1 - y)", da_y="dy * f", i="x_tilde", dW="i.T @ da_y", dWp="h.T @ d", one="dW", two="dWp",
)  # fmt: skip

untied = exercise(
    7, "untied",
    Task(
        "untied_gradients", {"da_z": "BD", "x_tilde": "BD unit", "y": "BH unit", "W_prime": "HD weights"}, ("dW", "dW_prime"),
        _untied,
        {
            "the last example alone": _apart(dW="np.outer(i[-1], da_y[-1])", dWp="np.outer(h[-1], d[-1])"), "the first example alone": _apart(dW="np.outer(i[0], da_y[0])", dWp="np.outer(h[0], d[0])"), "exchanged": _apart(one="dWp", two="dW"), "nothing in dW": _apart(dW="0 * W"),
            "nothing in dW'": _apart(dWp="0 * W_prime"), "W' reshaped": _apart(W="W_prime.reshape(W_prime.shape[::-1])"), "as if tied": _apart(dW="i.T @ da_y + da_z.T @ y"), "dW' as if tied": _apart(dWp="h.T @ d + (i.T @ da_y).T"),
            "as if tied, both": _apart(dW="i.T @ da_y + da_z.T @ y", dWp="h.T @ d + (i.T @ da_y).T"), "dW is the decoder's": _apart(dW="da_z.T @ y"), "dW' transposed": _apart(dWp="d.T @ h"), "dW transposed": _apart(dW="da_y.T @ i"), "both transposed": _apart(dW="da_y.T @ i", dWp="d.T @ h"),
            "dW: reshaped": _apart(dW="(da_y.T @ i).reshape(W.shape)"), "dW': reshaped": _apart(dWp="(d.T @ h).reshape(W_prime.shape)"), "dW' from x̃": _apart(dWp="da_y.T @ i"), "averaged again": _apart(dW="i.T @ da_y / len(y)", dWp="h.T @ d / len(y)"), "dW' averaged again": _apart(dWp="h.T @ d / len(y)"),
            "dW averaged again": _apart(dW="i.T @ da_y / len(y)"), "turned": _apart(dW="-i.T @ da_y", dWp="-h.T @ d"), "dW: turned": _apart(dW="-i.T @ da_y"), "dW': turned": _apart(dWp="-h.T @ d"), "dW: doubled": _apart(dW="2 * i.T @ da_y"), "dW': doubled": _apart(dWp="2 * h.T @ d"),
            "dW' from x̃ W": _apart(dWp="(x_tilde @ W).T @ d"), "dW' from s(x̃ W)": _apart(dWp="s(x_tilde @ W).T @ d"), "slope of x̃": _apart(f="1.0", i="x_tilde * (1 - x_tilde)"), "both slopes": _apart(i="x_tilde * (1 - x_tilde)"), "both halved": _apart(dW="i.T @ da_y / 2", dWp="h.T @ d / 2"),
            "summed before the product": _apart(dW="np.outer(i.sum(0), da_y.sum(0))", dWp="np.outer(h.sum(0), d.sum(0))"), "dW: summed before the product": _apart(dW="np.outer(i.sum(0), da_y.sum(0))"), "dW': summed before the product": _apart(dWp="np.outer(h.sum(0), d.sum(0))"),
            "dW: the last example alone": _apart(dW="np.outer(i[-1], da_y[-1])"), "dW': the last example alone": _apart(dWp="np.outer(h[-1], d[-1])"), "dW: the first example alone": _apart(dW="np.outer(i[0], da_y[0])"), "dW': the first example alone": _apart(dWp="np.outer(h[0], d[0])"),
            "one part for both": _apart(dW="(i.T @ da_y + d.T @ h) / 2", dWp="(i.T @ da_y + d.T @ h).T / 2"), "dW not by way of the encoder": _apart(dW="i.T @ y"), "da_z with a slope": _apart(d="da_z * (1 - da_z)"), "the slope on dW' and not on dW": _apart(f="1.0", h="y * (1 - y)"),
        } | {("a hidden slope in dW'" if id_ == "a slope too many" else f"dW': {id_}"): _apart(h=line) for id_, line in _OF_Y.items() if id_ != "y averaged"} | {("dW from da_z" if id_.startswith("from") else id_): _apart(i=line) for id_, line in _TO_X.items()} | _each(_apart, "f", _SLOPES, "1 − y twice", "y · 1 − y") | _each(_apart, "dy", _WAYS, "W reshaped"),
    ),
)  # fmt: skip
