"""Mistakes in the layers that only move numbers: the order of the axes, and what becomes of copies in the gradient."""

from collections.abc import Callable

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Told, Wrong, mistakes
from scratchdae.conformance.explainer.recognised import factor

ORDER = mistakes(
    ("column_major", "order", "the numbers are taken in column-major order: the first axis runs fastest"),
    ("channels_first_order", "order",
     "the numbers are taken channel by channel, as a framework with (B, C, H, W) has them"),
    ("axes:whc", "order", "rows and columns are exchanged: the numbers are taken column by column"),
    ("axes:hcw", "order", "columns and channels are exchanged: the numbers are taken in the order of (H, C, W)"),
    ("axes:wch", "order", "the numbers are taken in the order of (W, C, H)"),
)  # fmt: skip
ONE_WAY = mistakes(
    *((f"{one.id}:{way}", "order", f"{one.sentence}; {rest}") for one in ORDER
      for way, rest in (("forwards", "but not on the way back"), ("backwards", "but on the way back alone"))),
    ("batch_mixed", "order", "the numbers of the whole batch are taken in column-major order: examples are mixed"),
    late=True)  # fmt: skip
EACH = mistakes(("each_repeated", "order", "each component is repeated n times in turn, not the vector"))
COPIES = mistakes(
    ("last_copy", "gradient", "the gradient is that of the last copy alone, not the sum over all"),
    ("first_copy", "gradient", "the gradient is that of the first copy alone, not the sum over all"),
    ("largest_copy", "gradient", "the gradient is the largest of the copies', not the sum over all"))  # fmt: skip
BATCH = mistakes(
    ("summed_over_batch", "gradient", "the gradient is summed over the batch too, for each example"), late=True
)
ZEROS = mistakes(("zeros_between", "order, gradient", "pixels are not repeated: zeros stand between them"), late=True)
TILED = mistakes(
    ("factors_exchanged", "order", "down and across are exchanged: the first factor widens the images"),
    ("bilinear", "order", "pixels are interpolated bilinearly, not repeated"),
    ("bilinear_forwards", "order", "pixels are interpolated bilinearly, not repeated; the gradient is that of copies"),
    ("tiled", "order", "the whole image is repeated, not each pixel"))  # fmt: skip


def account(case: Case) -> Account:
    """Tell a layer that moves or repeats numbers."""
    x, dy, kind = case.inputs["x"], case.inputs["d_output"], case.conventions["layer"]
    if kind in ("Flatten", "Reshape"):
        target = dy.shape

        def _moved(wrong: Wrong) -> Told:
            if "batch_mixed" in wrong:
                return {"output": x.ravel("F").reshape(target), "d_input": dy.ravel().reshape(x.shape, order="F")}
            ways = ({id.removesuffix(f":{way}"): True for id in wrong} for way in ("forwards", "backwards"))
            (forward, _), (_, backward) = (_orders(x.shape, target, way) for way in ways)
            return {"output": forward(x), "d_input": backward(dy)}

        return Account((*ORDER, *ONE_WAY), _moved)
    copies = dy.size // x.size
    mean = factor("gradient_factor", "the gradient", {"copies": copies, "B": len(x)}, "factor")

    def common(wrong: Wrong) -> float:
        return float(wrong.get("gradient_factor", 1.0))

    def _repeated(wrong: Wrong) -> Told:
        if "factors_exchanged" in wrong:
            down, across = case.conventions["factor"]
            return {"output": x.repeat(across, axis=1).repeat(down, axis=2)}
        spread, back = _copies(case, wrong)
        if {"bilinear", "bilinear_forwards"} & set(wrong):
            down, across = (_between(n, f) for n, f in zip(x.shape[1:3], case.conventions["factor"], strict=True))
            d_input = np.einsum("hi,wj,bhwc->bijc", down, across, dy) if "bilinear" in wrong else back(dy).sum(axis=0)
            return {"output": np.einsum("hi,wj,bijc->bhwc", down, across, x), "d_input": d_input * common(wrong)}
        parts = back(dy)  # (copies, *x.shape)
        if "largest_copy" in wrong:
            return {"output": spread(x), "d_input": common(wrong) * parts.max(axis=0)}
        if "zeros_between" in wrong:
            only = np.zeros_like(dy)
            places = (slice(None), *(slice(None, None, f) for f in case.conventions["factor"]))
            only[places] = x
            return {"output": only, "d_input": common(wrong) * dy[places]}
        if "summed_over_batch" in wrong:
            summed = parts.sum(axis=(0, 1), keepdims=True)[0]
            return {"output": spread(x), "d_input": common(wrong) * np.broadcast_to(summed, x.shape)}
        gradient = parts[-1] if "last_copy" in wrong else parts[0] if "first_copy" in wrong else parts.sum(axis=0)
        return {"output": spread(x), "d_input": common(wrong) * gradient}

    return Account((*COPIES, *BATCH, *((*TILED, *ZEROS) if kind == "UpSampling2D" else EACH), mean), _repeated)


def _between(n: int, factor: int) -> Array:
    """Return the matrix of linear interpolation to `factor` times as many pixels, by their centres."""
    at = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)  # (n · factor,)
    return np.asarray(np.maximum(1 - np.abs(at[:, None] - np.arange(n)), 0))


def _orders(
    shape: tuple[int, ...], target: tuple[int, ...], wrong: Wrong
) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Return the rearrangement of the numbers, and its inverse."""
    places = np.arange(int(np.prod(shape[1:]))).reshape(shape[1:])
    new = target[1:]
    if "column_major" in wrong:
        order = places.reshape(new, order="F")
    elif "channels_first_order" in wrong:
        channel_by_channel = np.moveaxis(places, -1, 0).ravel() if places.ndim == 3 else places.ravel()
        order = channel_by_channel.reshape(new)
        if len(new) == 3:
            order = np.moveaxis(channel_by_channel.reshape(new[-1], *new[:-1]), 0, -1)
    elif (axes := next((id[5:] for id in wrong if id.startswith("axes:") and id.count(":") == 1), "")) and 3 in (
        places.ndim,
        len(new),
    ):
        own = ["hwc".index(axis) for axis in axes]
        order = places.transpose(own).reshape(new) if places.ndim == 3 else places.reshape([new[k] for k in own])
        order = order if places.ndim == 3 else order.transpose(np.argsort(own))
    else:
        order = places.reshape(new)
    inverse = np.argsort(order.ravel())
    return (
        lambda x: x.reshape(len(x), -1)[:, order.ravel()].reshape(target),
        lambda dy: dy.reshape(len(dy), -1)[:, inverse].reshape(shape),
    )


def _copies(case: Case, wrong: Wrong) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Return what repeats an input, and what gives each copy's part of an output."""
    if case.conventions["layer"] == "RepeatVector":
        n = case.conventions["n"] if "n" in case.conventions else case.inputs["d_output"].shape[1]
        if "each_repeated" in wrong:
            return (
                lambda x: x.repeat(n, axis=1).reshape(len(x), n, -1),
                lambda dy: np.moveaxis(dy.reshape(len(dy), -1, n), 2, 0),
            )
        return lambda x: np.stack([x] * n, axis=1), lambda dy: np.moveaxis(dy, 1, 0)
    fh, fw = case.conventions["factor"]
    H, W = case.inputs["x"].shape[1:3]
    if "tiled" in wrong:
        places = [(slice(i * H, (i + 1) * H), slice(j * W, (j + 1) * W)) for i in range(fh) for j in range(fw)]
        return lambda x: np.tile(x, (1, fh, fw, 1)), lambda dy: np.stack([dy[:, r, c] for r, c in places])
    every = [(slice(i, None, fh), slice(j, None, fw)) for i in range(fh) for j in range(fw)]
    return lambda x: x.repeat(fh, axis=1).repeat(fw, axis=2), lambda dy: np.stack([dy[:, r, c] for r, c in every])
