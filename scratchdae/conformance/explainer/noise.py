"""Mistakes in the layers that draw: what is kept and not scaled, a mask of another draw, a variance for a deviation."""

from collections.abc import Mapping

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Named, Switch, Told, Unknown, Wrong, mistakes

DROPOUT = mistakes(
    ("mask_inverted", "mask", "the mask is inverted: True is taken for dropped"),
    ("backward_missing", "mask, backward", "the gradient passes unchanged: backward knows of no dropout"),
    ("mask_missing_in_backward", "mask", "the gradient of dropped units passes too: backward has no mask"),
    ("nothing_dropped", "mask", "nothing is dropped, as at evaluation"))  # fmt: skip
NOISE = mistakes(
    ("noise_alone", "backward", "the noise alone comes back: x is not added; the gradient passes"),
    ("noise_multiplied", "backward", "the noise multiplies: output is x (1 + std · noise)"),
    ("gradient_times_noise", "backward", "the gradient is multiplied by the noise"),
    ("gradient_times_added", "backward", "the gradient is multiplied by std · noise"),
    ("gradient_times_std", "backward", "the gradient is multiplied by std"))  # fmt: skip


def dropout(case: Case, found: Mapping[str, Array]) -> Account:
    """Tell a dropout layer."""
    x, d_output, keep = (case.inputs[name] for name in ("x", "d_output", "keep"))
    rate = case.conventions["rate"]
    right = 1 / (1 - rate)

    def _told(wrong: Wrong) -> Told:
        kept = ~keep if "mask_inverted" in wrong else wrong.get("another_mask", keep)
        forward = wrong.get("scale", wrong.get("scale_forward", right))
        backward = wrong.get("scale", wrong.get("scale_backward", right))
        again = 1 if "mask_missing_in_backward" in wrong else wrong.get("mask_redrawn", kept)
        output = x if "nothing_dropped" in wrong else x * kept * forward
        passes = {"nothing_dropped", "backward_missing"} & set(wrong)
        return {"output": output, "d_input": d_output if passes else d_output * again * backward}

    def _redrawn(wrong: Wrong) -> Array | None:
        again = np.abs(found["d_input"]) > 0 if found["d_input"].shape == keep.shape else keep
        return None if np.array_equal(again, _told(wrong)["d_input"] != 0) else again

    def _other(_: Wrong) -> Array | None:
        drawn = found["output"] != 0 if found["output"].shape == keep.shape else keep
        return None if drawn.all() or not drawn.any() or np.array_equal(drawn, keep) else drawn

    def _scale(id: str, decides: str, where: str) -> Switch:
        named = (
            Named(1.0, f"{id}:missing", f"what is kept is not divided by 1 - rate {where}"),
            Named(1 / rate, f"{id}:1/rate", f"what is kept is divided by rate, not by 1 - rate, {where}"),
            Named(1 - rate, f"{id}:1-rate", f"what is kept is multiplied by 1 - rate, not divided, {where}"),
            Named(right**2, f"{id}:twice", f"what is kept is divided by 1 - rate twice {where}"),
        )
        sentence = f"what is kept is multiplied by {{value}} {where}, where the case has 1 / (1 - rate) = {right:g}"
        return Switch(id, decides, sentence, Unknown("factor", right, named))

    scales = (
        _scale("scale", "forward, backward", "in both directions"),
        _scale("scale_forward", "forward", "forwards"),
        _scale("scale_backward", "backward", "backwards"),
    )
    redrawn = Switch("mask_redrawn", "mask", "the mask is drawn again for the backward pass", recover=_redrawn)
    other = Switch("another_mask", "mask", "another mask is used than the one that is given", recover=_other, late=True)
    return Account((*scales, *DROPOUT, redrawn, other), _told)


def gaussian_noise(case: Case) -> Account:
    """Tell a layer of Gaussian noise."""
    x, d_output, noise = (case.inputs[name] for name in ("x", "d_output", "noise"))
    std = case.conventions["std"]

    def _told(wrong: Wrong) -> Told:
        added = wrong.get("other_std", std) * noise
        output = x * (1 + added) if "noise_multiplied" in wrong else ("noise_alone" not in wrong) * x + added
        d_input = d_output
        if "gradient_times_noise" in wrong:
            d_input = d_output * noise
        if "gradient_times_added" in wrong:
            d_input = d_output * added
        if "gradient_times_std" in wrong:
            d_input = d_output * std
        return {"output": output, "d_input": d_output * (1 + added) if "noise_multiplied" in wrong else d_input}

    named = (
        Named(std**2, "std_squared", f"the noise is multiplied by std² = {std**2:g}, not by std"),
        Named(std**0.5, "std_as_variance", "the noise is multiplied by the root of std, which is taken for a variance"),
        Named(1.0, "std_missing", "the noise is not multiplied by std"),
        Named(0.0, "no_noise", "no noise is added, as at evaluation"),
        Named(-std, "noise_subtracted", "the noise is subtracted"),
    )
    other = Unknown("std", std, named)
    return Account((Switch("other_std", "std", f"std is {{value}}, where the case has {std:g}", other), *NOISE), _told)
