"""Where the windows of a convolution or a pooling lie, rightly or not, and the two ways to use them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.explainer.account import Switch, Wrong, mistakes
from scratchdae.layers.windows import grid

SWITCHES = mistakes(
    ("padding_before", "windows",
     "where `same` needs an odd number of padding pixels the extra one comes first, not last"),
    ("windows_one_early", "windows",
     "the windows lie a pixel too far up and left: a pixel of padding too many comes first"),
    ("windows_one_late", "windows",
     "the windows lie a pixel too far down and right: a pixel of padding too few comes first"),
    ("symmetric_padding", "windows",
     "the padding is (k - 1) // 2 pixels on all sides, as in PyTorch, where `same` asks for as many windows as there "
     "are steps"),
    ("half_kernel_padding", "windows", "the padding is k // 2 pixels on all sides, as is often written for PyTorch"),
    ("valid_instead", "windows", "there is no padding: `valid`, where the case has `same`"),
    ("same_instead", "windows", "there is padding: `same`, where the case has `valid`"),
    ("stride_ignored", "windows", "the stride is 1"),
    ("strides_exchanged", "windows", "the two strides are exchanged"),
    ("strides_exchanged_in_place", "windows", "the two strides are exchanged; there are as many windows as before"),
)  # fmt: skip


class Windows(NamedTuple):
    """How many windows there are down and across, their stride, and the padding before the first."""

    size: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int]


def windows(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: str, wrong: Wrong
) -> Windows | None:
    """Lay the windows over an image of this size; None if not one fits."""
    if "stride_ignored" in wrong:
        stride = (1, 1)
    if "strides_exchanged" in wrong:
        stride = stride[::-1]
    if "symmetric_padding" in wrong or "half_kernel_padding" in wrong:
        pads = [k // 2 if "half_kernel_padding" in wrong else (k - 1) // 2 for k in kernel]
        counts = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, pads, kernel, stride, strict=True)]
        return Windows((counts[0], counts[1]), stride, (pads[0], pads[1])) if min(counts) > 0 else None
    padding = "valid" if "valid_instead" in wrong else "same" if "same_instead" in wrong else padding
    if padding == "valid" and any(n < k for n, k in zip(size, kernel, strict=True)):
        return None
    right = grid(size, kernel, stride, padding)
    rows, columns = (
        max(before + _shift(m, s, k, n, wrong), 0)
        for before, m, s, k, n in zip(right.before, right.size, stride, kernel, size, strict=True)
    )
    stride = stride[::-1] if "strides_exchanged_in_place" in wrong else stride
    return Windows(right.size, stride, (rows, columns))


def _shift(m: int, s: int, k: int, n: int, wrong: Wrong) -> int:
    if "padding_before" in wrong:
        return max((m - 1) * s + k - n, 0) % 2
    return ("windows_one_early" in wrong) - ("windows_one_late" in wrong)


def switches(conventions: dict[str, Any]) -> list[Switch]:
    """Return the mistakes with the padding and stride of a case, without those that would change nothing."""
    stride, padding = tuple(conventions["stride"]), conventions["padding"]
    idle = {f"{padding}_instead"}
    idle |= {"padding_before"} if padding == "valid" else set()
    idle |= {"stride_ignored"} if stride == (1, 1) else set()
    idle |= {"strides_exchanged", "strides_exchanged_in_place"} if stride[0] == stride[1] else set()
    return [switch for switch in SWITCHES if switch.id not in idle]


BORDERS = {
    "border_repeated": ("edge", "the border is padded with its own pixels, not with zeros"),
    "border_reflected": ("reflect", "the border is padded with its reflection, not with zeros"),
    "border_mirrored": ("symmetric", "the border is padded with its mirror image, the edge twice, not with zeros"),
    "border_wrapped": ("wrap", "the border is padded with the pixels of the other side, not with zeros"),
}


def bordered(size: int, before: int, after: int, wrong: Wrong) -> Array | None:
    """Return which pixel stands at each place of an axis that is padded with pixels; None if with zeros."""
    mode = next((mode for id, (mode, _) in BORDERS.items() if {id, f"{id}:cut"} & set(wrong)), None)
    if mode is None or (mode == "reflect" and max(before, after) >= size):
        return None
    return np.asarray(np.pad(np.arange(size), (before, after), mode=mode))  # type: ignore[call-overload]


def seen(x: Array, kernel: tuple[int, int], where: Windows, fill: float = 0.0) -> Array:
    """Return what the windows see of images (B, H, W, C), and `fill` outside: (B, rows, columns, kh, kw, C)."""
    out = np.full((len(x), *where.size, *kernel, x.shape[3]), fill)
    for i, j, to, of in _places(kernel, where, x.shape[1:3]):
        out[:, to[0], to[1], i, j] = x[:, of[0], of[1]]
    return out


def spread(values: Array, size: tuple[int, int], where: Windows) -> Array:
    """Add values (B, rows, columns, kh, kw, C) of windows to the pixels that they see: the transpose of `seen`."""
    out = np.zeros((len(values), *size, values.shape[5]))
    for i, j, to, of in _places((values.shape[3], values.shape[4]), where, size):
        out[:, of[0], of[1]] += values[:, to[0], to[1], i, j]
    return out


def _places(
    kernel: tuple[int, int], where: Windows, size: tuple[int, ...]
) -> Iterator[tuple[int, int, list[slice], list[slice]]]:
    """Yield each place of a window, the windows that have it inside the image, and the pixels there."""
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            to, of = [], []
            for place, m, s, before, n in zip((i, j), *where, size, strict=True):
                inside = [r for r in range(m) if 0 <= r * s + place - before < n]
                if not inside:
                    break
                first, last = inside[0], inside[-1]
                to.append(slice(first, last + 1))
                of.append(slice(first * s + place - before, last * s + place - before + 1, s))
            if len(of) == 2:
                yield i, j, to, of
