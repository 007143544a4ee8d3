"""A small picture of each symptom, drawn from a formula or of the embedded digits, so that people find theirs by sight.

Blue is the loss, dashed the loss of the best constant answer, orange another loss, or the gradient.
"""

import base64
import io
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.datasets import digits, to_float

WIDTH, HEIGHT, EDGE = 132, 72, 6
_T = np.linspace(0, 1, 80)

Curve = Callable[[Array], Array]


def _fall(start: float, end: float, speed: float = 8) -> Curve:
    return lambda t: end + (start - end) * np.exp(-speed * t)


def _flat(level: float) -> Curve:
    return lambda t: np.full_like(t, level)


def _tremble(level: float, by: float = 0.02) -> Curve:
    return lambda t: level + by * np.sin(57 * t) * np.cos(23 * t)


def _spike(t: Array) -> Array:
    return np.asarray(0.62 + 0.36 * np.exp(-(((t - 0.12) / 0.06) ** 2)))


def _search(t: Array) -> str:
    del t
    rng = np.random.default_rng(3)
    dots = "".join(_dot(x, y) for x, y in zip(rng.uniform(0.05, 0.95, 24), rng.normal(0.55, 0.12, 24), strict=True))
    return dots + _dot(0.6, 0.12, "other") + _dot(0.6, 0.6, "hollow") + _arrow(0.6, 0.2, 0.52)


# What is seen: lines (a curve, its class), the height of the constant, words in the picture (text, x, y).
_LINES: dict[str, tuple[list[tuple[Curve, str]], float | None, list[tuple[str, float, float]]]] = {
    "The loss is flat from the first step": ([(_tremble(0.7), "loss")], None, []),
    "The loss falls, then is flat below the constant": ([(_fall(0.95, 0.35, 9), "loss")], 0.7, []),
    "The loss stays at the constant: every answer is the mean": ([(_fall(0.95, 0.6, 25), "loss")], 0.6, []),
    "The loss stays above the constant": ([(_fall(0.98, 0.8, 14), "loss")], 0.5, []),
    "A sequence network (LSTM) stays at the mean": ([(_spike, "loss")], 0.62, []),
    "The loss reaches 0.5 and stops": ([(_fall(0.9, 0.5), "loss")], None, [("0.50", 0.72, 0.6)]),
    "The loss oscillates": ([(lambda t: 0.5 + 0.36 * np.sin(27 * t), "loss")], None, []),
    "The loss is NaN from the first batch": ([], None, [("nan nan nan nan", 0.08, 0.5)]),
    "The loss becomes NaN later": ([(lambda t: np.where(t < 0.62, _fall(0.9, 0.2, 5)(t), np.nan), "loss")], None,
                                   [("nan", 0.68, 0.2)]),
    "Perfect in training, useless after": ([(_fall(0.9, 0.04, 6), "loss"),
                                            (lambda t: 0.55 + 0.4 * np.exp(-12 * t) + 0.3 * t, "other")], None, []),
    "The loss falls, but very slowly": ([(lambda t: 0.9 - 0.14 * t, "loss")], None, []),
    "The first loss is huge": ([(lambda t: 6 * np.exp(-9 * t) + 0.25, "loss")], None, [("10⁵", 0.22, 0.9)]),
    "The first loss is tiny already": ([(_fall(0.1, 0.05), "loss")], None, []),
    "The loss is negative": ([(lambda t: 0.85 - 0.75 * t, "loss")], 0.45, [("0", 0.93, 0.52)]),
    "Validation loss is below training loss": ([(_fall(0.95, 0.5, 6), "loss"),
                                                (_fall(0.8, 0.3, 6), "other")], None, []),
    "The loss differs between a framework and your own": ([(_fall(0.95, 0.55, 6), "loss"),
                                                           (_fall(0.4, 0.14, 6), "other")], None, [("≠", 0.48, 0.36)]),
    "The loss stalls while the gradients are large": ([(_fall(0.75, 0.4, 14), "loss"), (_tremble(0.85, 0.07), "other")],
                                                      None, []),
    "Training is fine, the clean evaluation is bad": ([(_fall(0.9, 0.15, 6), "loss"), (_fall(0.95, 0.72, 6), "other")],
                                                      None, []),
    "It trained yesterday, today it does not": ([(_fall(0.9, 0.1, 5), "loss"), (_tremble(0.88), "other")], None, []),
}  # fmt: skip
_BARS = {
    "Pretrained features classify no better than random ones": [0.6, 0.6],
    "More layers make the classifier worse": [0.3, 0.36, 0.52, 0.85],
    "An epoch takes too long": [0.1, 0.1, 0.12, 0.95],
}


def sketch(title: str) -> str:
    """Return the picture of a symptom as SVG; a question mark for one that is not known."""
    if title in _LINES:
        curves, constant, words = _LINES[title]
        parts = [_line(_flat(constant)(_T), "constant")] if constant is not None else []
        parts += [_line(curve(_T), kind) for curve, kind in curves]
        content = "".join(parts + [_word(*word) for word in words])
    elif title in _BARS:
        content = _bars(_BARS[title])
    elif title == "The settings that won the search are no good":
        content = _search(_T)
    elif title in _pictures():
        content = "".join(_image(picture, place) for place, picture in enumerate(_pictures()[title]))
    else:
        content = _word("?", 0.44, 0.4, "large")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true"><path class="axes" d="M{EDGE} {EDGE}V{HEIGHT - EDGE}'
        f'H{WIDTH - EDGE}"/>{content}</svg>'
    )


def known() -> set[str]:
    """Return the symptoms that have a picture of their own."""
    return {*_LINES, *_BARS, *_pictures(), "The settings that won the search are no good"}


def _at(x: float, y: float) -> tuple[float, float]:
    return EDGE + x * (WIDTH - 2 * EDGE), HEIGHT - EDGE - y * (HEIGHT - 2 * EDGE)


def _line(y: Array, kind: str) -> str:
    points = [_at(x, value) for x, value in zip(_T, y, strict=True) if np.isfinite(value) and value <= 1]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    return f'<polyline class="{kind}" points="{path}"/>'


def _word(text: str, x: float, y: float, kind: str = "word") -> str:
    a, b = _at(x, y)
    return f'<text class="{kind}" x="{a:.0f}" y="{b:.0f}">{text}</text>'


def _dot(x: float, y: float, kind: str = "dot") -> str:
    a, b = _at(x, y)
    return f'<circle class="{kind}" cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>'


def _arrow(x: float, start: float, end: float) -> str:
    (a, b), (_, c) = _at(x, start), _at(x, end)
    return f'<path class="other" d="M{a:.0f} {b:.0f}V{c:.0f}m-3 5l3 -5l3 5"/>'


def _bars(heights: Sequence[float]) -> str:
    step = (WIDTH - 2 * EDGE) / len(heights)
    drawn = ((EDGE + step * (n + 0.2), height * (HEIGHT - 2 * EDGE)) for n, height in enumerate(heights))
    return "".join(
        f'<rect class="bar" x="{x:.1f}" y="{HEIGHT - EDGE - h:.1f}" width="{0.6 * step:.1f}" height="{h:.1f}"/>'
        for x, h in drawn
    )


def _image(picture: Array, place: int) -> str:
    import matplotlib.image

    file = io.BytesIO()
    shades: dict[str, Any] = {"vmin": 0, "vmax": 1, "cmap": "gray", "metadata": {"Software": None}}
    matplotlib.image.imsave(file, picture, format="png", **shades)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<image x="{EDGE + 4 + 60 * place}" y="{EDGE + 2}" width="54" height="54" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{data}"/>'
    )


@cache
def _pictures() -> dict[str, tuple[Array, Array]]:
    """Return two pictures for a symptom that is seen in pictures: what went in or was hoped for, and what came out."""
    x, rng = to_float(digits().x_train).reshape(-1, 28, 28), np.random.default_rng(0)
    digit, mean = x[7], x.mean(axis=0)
    noisy = digit + rng.normal(0, 0.35, digit.shape)
    pooled = digit.reshape(7, 4, 7, 4).mean(axis=(1, 3)).repeat(4, 0).repeat(4, 1)
    static = 0.5 + 0.2 * rng.normal(size=digit.shape)
    dot = np.full((28, 28), 0.35)
    dot[9:11, 17:19] = 1
    alike = np.tile(0.5 + 0.3 * np.random.default_rng(5).normal(size=(7, 7)), (4, 4))
    silent = np.zeros((28, 28))
    silent[7:14, 14:21] = alike[:7, :7]
    return {
        "The picture is all black or all white": (digit, np.zeros((28, 28))),
        "The picture is grey, or the same for every input": (digit, mean),
        "The picture is blurred or coarse": (digit, pooled),
        "The loss looks excellent, the pictures do not (or the other way round)": (digit, static),
        "It removes no noise": (noisy, 0.95 * noisy),
        "It removes noise and everything else": (noisy, mean),
        "Hidden units are all alike, or most are never active": (alike, silent),
        "The filters look like static, or each is one white dot": (static, dot),
    }
