"""Mistakes in convolutions: a flipped kernel, padding a pixel off, channels in another order."""

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Told, Wrong, mistakes
from scratchdae.conformance.explainer.recognised import factor
from scratchdae.conformance.explainer.windows import BORDERS, Windows, bordered, seen, spread, switches, windows
from scratchdae.layers.windows import transposed_size

IMPOSSIBLE: Told = {"output": np.zeros(0)}  # what fits no answer
KERNEL = mistakes(
    ("kernel_flipped", "kernel",
     "the kernel is flipped both ways: a true convolution, where the case has a correlation"),
    ("kernel_flipped_vertically", "kernel", "the kernel is flipped up-down"),
    ("kernel_flipped_horizontally", "kernel", "the kernel is flipped left-right"),
    ("kernel_axes_exchanged", "kernel", "rows and columns of the kernel are exchanged"),
    ("kernel_channels_exchanged", "kernel", "the two channel axes of the kernel are taken for one another"),
    ("kernel_channels_first", "kernel", "the kernel's numbers are read as (out, in, kh, kw), without a transpose"),
)  # fmt: skip
READ = {  # the order of axes in which the numbers of a kernel (h, w, 1, 2) are read, 1 and 2 being its channel axes
    f"kernel_read:{''.join(order)}{own}": ("".join(order), own)
    for order in permutations("hw12") if "".join(order) not in ("hw12", "12hw", "21hw") for own in ("", ":forwards")
}  # fmt: skip
RARE = mistakes(
    *((id, "kernel", f"the kernel's numbers are read in the order of axes ({', '.join(order)}), where it has "
       f"(h, w, 1, 2), without a transpose{'; dW is not put back into its order' if own else ''}")
      for id, (order, own) in READ.items()), late=True)  # fmt: skip
BORDERS_CUT = mistakes(*((f"{id}:cut", "windows", f"{words}; the gradient of the border is cut off")
                         for id, (_, words) in BORDERS.items()), late=True)  # fmt: skip
IMAGE = mistakes(
    ("channels_reversed", "image", "the channels of the images are read in reverse order, as BGR for RGB"),
    ("channels_first", "image", "the images' numbers are read as (B, C, H, W), without a transpose"),
    ("image_axes_exchanged", "image", "rows and columns of the images are exchanged"))  # fmt: skip
OVERLAP = mistakes(
    ("overlap_written_over", "overlap", "where windows overlap the last writes over the others: they are not summed"),
    ("overlap_written_over_forwards", "overlap",
     "where windows overlap the last writes over the others; the gradient is that of their sum"),
)  # fmt: skip
OVERLAP_OF_GRADIENTS = mistakes(
    ("gradient_written_over", "overlap",
     "where windows overlap, the last writes its gradient over those of the others in d_input: they are not summed"),
)  # fmt: skip
BORDER = mistakes(*((id, "windows", sentence) for id, (_, sentence) in BORDERS.items()))
FILTERS = mistakes(("filters_reversed", "filters", "the filters come in reverse order"))
REST = mistakes(
    ("bias_missing", "bias", "the bias is left out"),
    ("db_not_summed_over_batch", "db", "db is summed over the pixels, not over the batch"),
    ("db_not_summed_over_pixels", "db", "db is summed over the batch, not over the pixels"),
    ("db_not_summed", "db", "db is not summed at all"),
    ("db_of_one_example", "db", "db is that of the first example alone"),
    ("dW_of_one_example", "dW", "dW is that of the first example alone"),
    ("dW_flipped", "dW", "dW is flipped up-down and left-right"),
    ("kernel_flipped_in_backward", "backward", "d_input is computed with a kernel that is flipped once too often"),
)


def account(case: Case) -> Account:
    """Tell a convolution or a transposed one."""
    inputs, conventions = case.inputs, case.conventions
    transposed = conventions["layer"] == "Conv2DTranspose"
    out = inputs["d_output"].shape
    sizes = {"B": out[0], "pixels": out[1] * out[2]}
    all_sizes = {**sizes, "C": inputs["x"].shape[3], "F": out[3]}
    of_dW = {**all_sizes, "pixels of x": inputs["x"][0, ..., 0].size}

    def _told(wrong: Wrong) -> Told:
        return layer(inputs, conventions, wrong, transposed)

    factors = (
        factor("gradient_factor", "the gradient of every parameter", sizes, "dW factor", "db factor"),
        factor("dW_factor", "dW", of_dW, "dW factor", "dW"),
        factor("db_factor", "db", sizes, "db factor", "db"),
        factor("d_input_factor", "d_input", all_sizes, "d_input factor"),
        factor("bias_factor", "the bias, with its gradient,", {}, "bias"),
    )
    own = OVERLAP if transposed else OVERLAP_OF_GRADIENTS
    own += (*BORDER, *BORDERS_CUT) if not transposed and conventions["padding"] == "same" else ()
    return Account((*KERNEL, *RARE, *IMAGE, *FILTERS, *own, *switches(dict(conventions)), *REST, *factors), _told)


def layer(inputs: Mapping[str, Array], conventions: Mapping[str, Any], wrong: Wrong, transposed: bool) -> Told:
    """Tell a layer, forwards and backwards; the output alone where the gradient from above does not fit it."""
    x, W, b, dy = (inputs[name] for name in ("x", "W", "b", "d_output"))
    x = _read_image(x, wrong)
    K = _read_kernel(W, wrong)
    if K is None or K.shape[3 if transposed else 2] != x.shape[3]:
        return IMPOSSIBLE
    kernel, stride = (K.shape[0], K.shape[1]), tuple(conventions["stride"])
    if transposed:
        own_stride = stride[::-1] if "strides_exchanged" in wrong else stride
        size = transposed_size(x.shape[1:3], kernel, own_stride, conventions["padding"])
        where = windows(size, kernel, stride, conventions["padding"], wrong)
        if where is None or where.size != x.shape[1:3]:
            return IMPOSSIBLE
        values = np.einsum("brck,ijfk->brcijf", x, K)
        on_top = _on_top(values.shape, size, where, wrong)
        output = spread(values * on_top, size, where)
    else:
        size = x.shape[1:3]
        where = windows(size, kernel, stride, conventions["padding"], wrong)
        if where is None:
            return IMPOSSIBLE
        if (padded := _bordered(x, kernel, where, wrong)) is not None:
            x, where, fold = padded
        output = np.einsum("brcijk,ijkf->brcf", seen(x, kernel, where), K)
    bias = wrong.get("bias_factor", 1.0)
    output = output + ("bias_missing" not in wrong) * bias * b
    dy = dy[..., ::-1] if "filters_reversed" in wrong else dy
    dy = dy.swapaxes(1, 2) if "image_axes_exchanged" in wrong else dy
    if output.shape != dy.shape:
        return {"output": _given_back(output, wrong)}
    back = K[::-1, ::-1] if "kernel_flipped_in_backward" in wrong else K
    if transposed:
        of_windows = seen(dy, kernel, where) * (1.0 if "overlap_written_over_forwards" in wrong else on_top)
        dW = np.einsum("brcijf,brck->ijfk", of_windows, x)
        d_input = np.einsum("brcijf,ijfk->brck", of_windows, back)
    else:
        dW = np.einsum("brcijk,brcf->ijkf", seen(x, kernel, where), dy)
        of_windows = np.einsum("brcf,ijkf->brcijk", dy, back)
        d_input = spread(of_windows * _on_top(of_windows.shape, x.shape[1:3], where, wrong), x.shape[1:3], where)
        d_input = d_input if padded is None else np.einsum("brck,rh,cw->bhwk", d_input, *fold)
    if "dW_of_one_example" in wrong:
        first = (x[:1], dy[:1])
        dW = (np.einsum("brcijf,brck->ijfk", seen(first[1], kernel, where), first[0]) if transposed
              else np.einsum("brcijk,brcf->ijkf", seen(first[0], kernel, where), first[1]))  # fmt: skip
    summed = dy[:1] if "db_of_one_example" in wrong else dy
    common = wrong.get("gradient_factor", 1.0)
    dW = _kernel_given_back(dW, W.shape, wrong)
    return {
        "output": _given_back(output, wrong),
        "d_input": wrong.get("d_input_factor", 1.0) * _image_given_back(d_input, inputs["x"].shape, wrong),
        "dW": common * wrong.get("dW_factor", 1.0) * (dW[::-1, ::-1] if "dW_flipped" in wrong else dW),
        "db": common * bias * wrong.get("db_factor", 1.0) * summed.sum(axis=_summed(wrong)),
    }


def _bordered(
    x: Array, kernel: tuple[int, int], where: Windows, wrong: Wrong
) -> tuple[Array, Windows, tuple[Array, Array]] | None:
    """Pad images with pixels: return them, the windows on them, and what puts the gradient back; None if with zeros."""
    maps = []
    for n, k, m, s, before in zip(x.shape[1:3], kernel, *where, strict=True):
        which = bordered(n, before, max((m - 1) * s + k - n - before, 0), wrong)
        if which is None:
            return None
        maps.append(which)
    fold = (np.eye(x.shape[1])[maps[0]], np.eye(x.shape[2])[maps[1]])
    if any(id.endswith(":cut") for id in wrong):
        fold = (np.eye(len(maps[0]), x.shape[1], -where.before[0]), np.eye(len(maps[1]), x.shape[2], -where.before[1]))
    return x[:, maps[0]][:, :, maps[1]], where._replace(before=(0, 0)), fold


def _on_top(shape: tuple[int, ...], size: tuple[int, ...], where: Windows, wrong: Wrong) -> Array | float:
    """Say which value of each window (B, rows, columns, kh, kw, F) none after it writes over."""
    if not {"overlap_written_over", "overlap_written_over_forwards", "gradient_written_over"} & set(wrong):
        return 1.0
    top, last = np.zeros((1, *shape[1:5], 1)), np.full(size, -1)
    place: dict[int, tuple[int, ...]] = {}
    for r, c, i, j in np.ndindex(*shape[1:5]):
        h, w = (a * s + k - p for a, s, k, p in zip((r, c), where.stride, (i, j), where.before, strict=True))
        if 0 <= h < size[0] and 0 <= w < size[1]:
            last[h, w] = len(place)
            place[len(place)] = (r, c, i, j)
    for n in last[last >= 0]:
        top[0, *place[int(n)], 0] = 1.0
    return top


def _summed(wrong: Wrong) -> tuple[int, ...]:
    if "db_not_summed" in wrong:
        return ()
    if "db_not_summed_over_batch" in wrong:
        return 1, 2
    return (0,) if "db_not_summed_over_pixels" in wrong else (0, 1, 2)


def _read_kernel(W: Array, wrong: Wrong) -> Array | None:
    if "kernel_channels_first" in wrong:
        kh, kw, first, second = W.shape
        return W.reshape(second, first, kh, kw).transpose(2, 3, 1, 0)
    if (read := next((READ[id][0] for id in wrong if id in READ), "")) != "":
        own = ["hw12".index(axis) for axis in read]
        return W.reshape([W.shape[k] for k in own]).transpose(np.argsort(own))
    if "kernel_channels_exchanged" in wrong:
        return W.swapaxes(2, 3) if W.shape[2] == W.shape[3] else None
    return _turned(W, wrong)


def _kernel_given_back(dW: Array, shape: tuple[int, ...], wrong: Wrong) -> Array:
    """Return the gradient of the kernel in the order in which the kernel was given."""
    if "kernel_channels_first" in wrong:
        return dW.transpose(3, 2, 0, 1).reshape(shape)
    if (read := next((READ[id][0] for id in wrong if id in READ and not READ[id][1]), "")) != "":
        return dW.transpose(["hw12".index(axis) for axis in read]).reshape(shape)
    return dW.swapaxes(2, 3) if "kernel_channels_exchanged" in wrong else _turned(dW, wrong)


def _turned(W: Array, wrong: Wrong) -> Array:
    """Flip or exchange the rows and columns of a kernel; twice is as if not at all."""
    if "kernel_axes_exchanged" in wrong:
        return W.swapaxes(0, 1)
    up = {"kernel_flipped", "kernel_flipped_vertically"} & set(wrong)
    left = {"kernel_flipped", "kernel_flipped_horizontally"} & set(wrong)
    return W[:: -1 if up else 1, :: -1 if left else 1]


def _read_image(x: Array, wrong: Wrong) -> Array:
    if "channels_reversed" in wrong:
        return x[..., ::-1]
    if "channels_first" in wrong:
        B, H, W, C = x.shape
        return x.reshape(B, C, H, W).transpose(0, 2, 3, 1)
    return x.swapaxes(1, 2) if "image_axes_exchanged" in wrong else x


def _image_given_back(dx: Array, shape: tuple[int, ...], wrong: Wrong) -> Array:
    if "channels_reversed" in wrong:
        return dx[..., ::-1]
    if "channels_first" in wrong:
        return dx.transpose(0, 3, 1, 2).reshape(shape)
    return dx.swapaxes(1, 2) if "image_axes_exchanged" in wrong else dx


def _given_back(output: Array, wrong: Wrong) -> Array:
    output = output.swapaxes(1, 2) if "image_axes_exchanged" in wrong else output
    return output[..., ::-1] if "filters_reversed" in wrong else output
