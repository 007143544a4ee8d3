"""Mistakes in pooling: padding that counts, ties that are shared, the mean for the largest."""

from itertools import product

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Switch, Told, Unknown, Wrong, mistakes
from scratchdae.conformance.explainer.recognised import factor
from scratchdae.conformance.explainer.windows import Windows, seen, spread, switches, windows

MAX = mistakes(
    ("padding_counts", "what", "padding counts: a zero outside the image can be the largest"),
    ("smallest_instead", "what", "the smallest of each window is taken, not its largest"),
    ("average_instead", "what", "the mean of each window is taken, not its largest"),
    ("ties_share", "gradient", "equal pixels share the gradient, where the first has all of it"),
    ("ties_all", "gradient", "each of several equal pixels gets the whole gradient"),
    ("last_of_ties", "gradient", "of equal pixels the last gets the gradient, not the first"),
    ("gradient_times_value", "gradient", "the gradient of each window is multiplied by its largest pixel"),
    ("gradient_to_all", "gradient", "the gradient of each window goes whole to each of its pixels"),
    ("gradient_shared_by_all", "gradient", "the gradient of each window goes in equal parts to all of its pixels"),
    ("gradient_shared_with_padding", "gradient",
     "the gradient of each window goes in equal parts to all of its pixels and to those of the padding"),
    ("overlap_not_summed", "gradient",
     "where windows overlap, a pixel gets the gradient of the last alone, not of all"),
)  # fmt: skip
RARE = mistakes(
    ("over_channels", "what, gradient",
     "the largest is taken over the channels too; each gets the whole gradient of its own window"),
    ("root_of_squares", "what, gradient", "the root of the sum of squares of each window is taken, as by LP pooling"),
    ("root_of_mean_square", "what, gradient", "the root of the mean square of each window is taken"),
    ("divided_by", "what", "the sum of each window is divided by {value}, whatever its size",
     Unknown("divisor", 1e9, (), (2.0, 3.0, 4.0, 9.0), "log")),
    ("divided_by_rows", "what", "the sum of each window is divided by the number of its rows alone"),
    ("divided_by_columns", "what", "the sum of each window is divided by the number of its columns alone"),
    late=True)  # fmt: skip
ADAPTIVE = Switch(
    "adaptive_windows", "windows, what, gradient",
    "the windows are those of adaptive pooling, which reach from end to end of the image and differ in size",
)  # fmt: skip
AVERAGE = mistakes(
    ("padding_counts", "what", "padding counts: the sum is divided by the size of the window, also at the edge"),
    ("sum_instead", "what", "the sum of each window is taken, not its mean"),
    ("max_instead", "what", "the largest of each window is taken, not the mean"),
    ("gradient_not_divided", "gradient", "the gradient of each window goes whole to each of its pixels"))  # fmt: skip


def account(case: Case) -> Account:
    """Tell a pooling."""
    conventions, (x, dy) = case.conventions, (case.inputs[name] for name in ("x", "d_output"))
    pool, stride = tuple(conventions["pool"]), tuple(conventions["stride"])
    of_largest = conventions["layer"] == "MaxPool2D"

    def _told(wrong: Wrong) -> Told:
        if "adaptive_windows" in wrong:
            output, d_input = _adaptive(x, dy, of_largest)
            return {"output": output, "d_input": wrong.get("gradient_factor", 1.0) * d_input}
        where = windows(x.shape[1:3], pool, stride, conventions["padding"], wrong)
        if where is None:
            return {"output": np.zeros(0)}  # fits no answer
        inside = seen(np.ones_like(x), pool, where)
        largest = (of_largest and "average_instead" not in wrong) or "max_instead" in wrong
        if largest:
            sign = -1.0 if "smallest_instead" in wrong else 1.0
            pixels = seen(sign * x, pool, where, 0.0 if "padding_counts" in wrong else -np.inf)
            output = sign * pixels.max(axis=(3, 4))
            if "over_channels" in wrong:
                output = np.broadcast_to(output.max(axis=3, keepdims=True), output.shape)
            share = _largest(pixels, wrong)
            share = np.where(share > 0, share * sign * pixels, 0) if "gradient_times_value" in wrong else share
            if {"gradient_to_all", "gradient_shared_by_all", "gradient_shared_with_padding"} & set(wrong):
                parts = inside.sum(axis=(3, 4), keepdims=True) if "gradient_shared_by_all" in wrong else np.prod(pool)
                share = inside / (1 if "gradient_to_all" in wrong else parts)
        else:
            count = 1.0 if "sum_instead" in wrong else inside.sum(axis=(3, 4), keepdims=True)
            count = float(np.prod(pool)) if "padding_counts" in wrong else count
            count = wrong.get("divided_by", count)
            count = pool[0] if "divided_by_rows" in wrong else pool[1] if "divided_by_columns" in wrong else count
            output = (seen(x, pool, where) / count).sum(axis=(3, 4))
            share = inside / (1.0 if "gradient_not_divided" in wrong else count)
        if {"root_of_squares", "root_of_mean_square"} & set(wrong):
            count = np.prod(pool) if "root_of_mean_square" in wrong else 1
            pixels = seen(x, pool, where)
            output = np.sqrt((pixels**2).sum(axis=(3, 4)) / count)
            share = pixels / count / output[:, :, :, None, None]
        if output.shape != dy.shape:
            return {"output": output}
        values = share * dy[:, :, :, None, None]
        d_input = spread(values, x.shape[1:3], where)
        if "overlap_not_summed" in wrong:
            d_input = _assigned(values, x, where)
        return {"output": output, "d_input": wrong.get("gradient_factor", 1.0) * d_input}

    own: tuple[Switch, ...] = MAX if of_largest else AVERAGE
    own += tuple(one for one in RARE if ("divided" not in one.id if of_largest else one.id != "over_channels"))
    if conventions["padding"] == "valid":
        own = tuple(switch for switch in own if switch.id != "gradient_shared_with_padding")
    gradient = factor("gradient_factor", "the gradient", {"B": len(x), "pool": int(np.prod(pool))}, "factor")
    return Account((*own, ADAPTIVE, *switches(dict(conventions)), gradient), _told)


def _adaptive(x: Array, dy: Array, of_largest: bool) -> tuple[Array, Array]:
    """Pool as many windows as there are, each from the floor of its beginning to the ceiling of its end."""
    output, d_input = np.empty_like(dy), np.zeros_like(x)
    spans = [
        [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)] for n, m in zip(x.shape[1:], dy.shape[1:3], strict=False)
    ]
    for (r, rows), (c, columns) in product(enumerate(spans[0]), enumerate(spans[1])):
        patch = x[:, slice(*rows), slice(*columns)]
        flat = patch.reshape(len(x), -1, x.shape[3])
        share = np.full_like(flat, 1 / flat.shape[1])
        if of_largest:
            share = (np.arange(flat.shape[1])[None, :, None] == flat.argmax(axis=1)[:, None]).astype(np.float64)
        output[:, r, c] = (share * flat).sum(axis=1)
        d_input[:, slice(*rows), slice(*columns)] += (share * dy[:, r, c][:, None]).reshape(patch.shape)
    return output, d_input


def _largest(pixels: Array, wrong: Wrong) -> Array:
    """Say which pixels of each window get its gradient, and how much of it."""
    is_largest: Array = (pixels == pixels.max(axis=(3, 4), keepdims=True)).astype(np.float64)
    if "ties_all" in wrong:
        return is_largest
    if "ties_share" in wrong:
        return np.asarray(is_largest / is_largest.sum(axis=(3, 4), keepdims=True))
    flat = is_largest.reshape(*pixels.shape[:3], -1, pixels.shape[5])
    which = flat.shape[3] - 1 - flat[:, :, :, ::-1].argmax(axis=3) if "last_of_ties" in wrong else flat.argmax(axis=3)
    one = np.zeros_like(flat)
    np.put_along_axis(one, which[:, :, :, None], 1.0, axis=3)
    return np.asarray(one.reshape(pixels.shape))


def _assigned(values: Array, x: Array, where: Windows) -> Array:
    """Write each window's gradient over what earlier windows have written."""
    out = np.zeros_like(x)
    for r in range(where.size[0]):
        for c in range(where.size[1]):
            for i, j in np.ndindex(values.shape[3], values.shape[4]):
                h, w = r * where.stride[0] + i - where.before[0], c * where.stride[1] + j - where.before[1]
                if 0 <= h < x.shape[1] and 0 <= w < x.shape[2]:
                    value = values[:, r, c, i, j]
                    out[:, h, w] = np.where(value != 0, value, out[:, h, w])
    return out
