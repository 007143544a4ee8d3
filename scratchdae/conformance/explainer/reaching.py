"""Mistakes in convolutions of one axis, with holes or in groups: told as those of images with a kernel written out."""

from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Row, Told, Wrong, mistakes
from scratchdae.conformance.explainer.convolution import KERNEL, OVERLAP, REST, layer
from scratchdae.conformance.explainer.recognised import factor
from scratchdae.conformance.explainer.windows import switches

_DILATED: tuple[Row, ...] = (
    ("dilation_missing", "dilation", "the kernel has no holes: the dilation is 1"),
    ("dilations_exchanged", "dilation", "the two dilations are exchanged"),
    ("dilation_one_more", "dilation", "the dilation is taken for the number of holes, which is one less"),
    ("padding_without_holes", "windows", "the padding is that of a kernel without holes"),
)
_GROUPED: tuple[Row, ...] = (
    ("groups_in_turn", "groups", "the filters are dealt out to the groups in turn, not in blocks"),
    ("first_group_alone", "groups", "every filter sees the channels of the first group"),
)
_OF_TWO_AXES = {
    "kernel_flipped_vertically", "kernel_flipped_horizontally", "kernel_axes_exchanged", "kernel_channels_first",
    "windows_one_early", "windows_one_late", "strides_exchanged", "db_not_summed_over_pixels", "db_not_summed",
    "db_not_summed_over_batch",
}  # fmt: skip


def account(case: Case) -> Account:
    """Tell one of them."""
    c, given, one = case.conventions, case.inputs, case.inputs["x"].ndim == 3
    transposed = c["layer"] == "Conv1DTranspose"
    stride = [1, c["stride"]] if one else c["stride"]
    out = given["d_output"].shape
    sizes = {"B": out[0], "places": out[1] if one else out[1] * out[2], "C": given["x"].shape[-1], "F": out[-1]}

    def _told(wrong: Wrong) -> Told:
        inputs = {name: given[name][:, None] if one else given[name] for name in ("x", "d_output")}
        inputs |= {"W": given["W"][None] if one else given["W"], "b": given["b"]}
        full, picked = _written_out(inputs["W"], c, given["x"].shape[-1], wrong)
        padding, margins = c["padding"], [(0, 0)] * 4
        if "padding_without_holes" in wrong:
            padding, margins = "valid", _margins(inputs, stride, full.shape)
        framed = np.pad(inputs["x"], margins)
        with np.errstate(all="ignore"):
            found = layer(inputs | {"x": framed, "W": full}, {"stride": stride, "padding": padding}, wrong, transposed)
        if "dW" not in found:
            return {"output": found["output"][:, 0] if one and found["output"].ndim == 4 else found["output"]}
        inside = tuple(slice(before, n - after) for (before, after), n in zip(margins, framed.shape, strict=True))
        found["d_input"], found["dW"] = found["d_input"][inside], found["dW"][picked].reshape(inputs["W"].shape)
        if not one:
            return found
        return {name: a[0] if name == "dW" else a if name == "db" else a[:, 0] for name, a in found.items()}

    rows: tuple[Row, ...] = _DILATED if "dilation" in c else _GROUPED if "groups" in c else ()
    rows = tuple(row for row in rows if row[0] != "padding_without_holes" or c["padding"] == "same")
    factors = (factor(f"{name}_factor", name, sizes, f"{name} factor", name) for name in ("dW", "db", "d_input"))
    known = (*(KERNEL if "groups" not in c else ()), *(OVERLAP if transposed else ()), *REST)
    own = [*known, *switches({"stride": stride, "padding": c["padding"]})]
    own = [switch for switch in own if not one or switch.id not in _OF_TWO_AXES]
    return Account((*mistakes(*rows), *own, *factors), _told)


def _written_out(W: Array, c: Any, channels: int, wrong: Wrong) -> tuple[Array, tuple[Array, ...]]:
    """Return a kernel with its holes, and zeros for what a filter does not see; and where its numbers are in it."""
    dilation, groups = c.get("dilation", [1, 1]), c.get("groups", 1)
    dilation = [1, 1] if "dilation_missing" in wrong else dilation
    dilation = dilation[::-1] if "dilations_exchanged" in wrong else dilation
    dilation = [d + 1 for d in dilation] if "dilation_one_more" in wrong else dilation
    kh, kw, per, F = W.shape
    i, j, k, f = np.indices(W.shape)
    group = f % groups if "groups_in_turn" in wrong else f // (F // groups)
    group = 0 * f if "first_group_alone" in wrong else group
    places = (i * dilation[0], j * dilation[1], k + group * per, np.asarray(f))
    reach = ((kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1)
    full = np.zeros((*reach, channels if groups > 1 else per, F))
    full[places] = W
    return full, places


def _margins(inputs: Params, stride: list[int], reach: tuple[int, ...]) -> list[tuple[int, int]]:
    margins = [(0, 0)]
    for n, k, s, r in zip(inputs["x"].shape[1:3], inputs["W"].shape, stride, reach, strict=False):
        count = -(-n // s)
        before = max((count - 1) * s + k - n, 0) // 2
        margins.append((before, max((count - 1) * s + r - n - before, 0)))
    return [*margins, (0, 0)]
