"""Mistakes in a corruption: the mask read the other way round, what is left scaled up, noise of another size."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Named, Switch, Told, Unknown, Wrong, mistakes

_DRAWN, _FILL = "what is destroyed", "what it is set to"
MISSING = Switch("corruption_missing", f"{_DRAWN}, scale of x_tilde", "nothing is corrupted: x_tilde is x")
INVERTED = Switch("mask_inverted", _DRAWN, "the mask is inverted: True is taken for kept, not for destroyed")
WITH_ONES = Switch("masked_with_ones", _FILL, "what is destroyed is set to 1, not to 0")
OTHER_MASKS = mistakes(
    ("mask_of_first_example", _DRAWN, "the mask of the first example is used for the whole batch"),
    ("mask_of_example_before", _DRAWN, "each example has the mask of the one before it in the batch"))  # fmt: skip
BY_EXAMPLE = Switch(
    "scaled_by_example",
    "scale of x_tilde",
    "what is left of each example is divided by the fraction that is left of it",
)
SALT = (
    Switch("other_pepper", "pepper", "what the coin makes 0 is {value}", Unknown("pepper", 0.0, (), (-1.0,))),
    Switch("other_salt", "salt", "what the coin makes 1 is {value}", Unknown("salt", 1.0, (), (255.0, 0.5))),
)
COIN = mistakes(
    ("coin_inverted", "coin", "the coin is read the other way round: True gives 0"),
    ("only_pepper", "coin", "what is destroyed always becomes 0"),
    ("only_salt", "coin", "what is destroyed always becomes 1"),
    ("coin_everywhere", "coin", "the coin decides for what is intact too: the mask is not used"))  # fmt: skip
FILLS = mistakes(
    ("masked_with_mean:example", _FILL, "what is destroyed is set to the mean of its example, not to 0"),
    ("masked_with_mean:component", _FILL, "what is destroyed is set to its component's mean over the batch, not to 0"),
    ("masked_with_example_before", _FILL, "what is destroyed is taken from the example before: swap noise"),
    ("masked_with_example_after", _FILL, "what is destroyed is taken from the example after: swap noise"),
    late=True)  # fmt: skip
NOISE = mistakes(
    ("noise_alone", _DRAWN, "the noise alone comes back: x is not added"),
    ("noise_multiplied", _DRAWN, "the noise multiplies: x_tilde is x (1 + sigma · noise)"),
    ("noisy_clipped", "clip of x_tilde", "x_tilde is clipped to [0, 1]"))  # fmt: skip


def account(case: Case, found: Mapping[str, Array], _dtype: str) -> Account:
    """Tell the corruption of a batch."""

    def _told(wrong: Wrong) -> Told:
        return {"x_tilde": corrupted(case.inputs["x"], case.inputs, case.conventions, wrong)}

    return Account((MISSING, *switches(case.inputs, case.conventions), *_another(case, found)), _told)


def _another(case: Case, found: Mapping[str, Array]) -> Iterator[Switch]:
    """Yield the switch for a mask that is not the one given, which x_tilde shows."""

    def _recover(_: Wrong) -> Array | None:
        x = case.inputs["x"]
        return None if found["x_tilde"].shape != x.shape else (found["x_tilde"] == 0) & (x != 0)

    if case.conventions["corruption"] == "masking" and "x_tilde" in found:
        sentence = "another mask is used than the one that is given"
        yield Switch("another_mask", _DRAWN, sentence, recover=_recover, late=True)


def switches(inputs: Mapping[str, Array], conventions: Mapping[str, Any]) -> tuple[Switch, ...]:
    """Make the switches that a corruption has."""
    kind = conventions["corruption"]
    if kind == "none":
        return ()
    if kind == "gaussian":
        return _noise(conventions["sigma"])
    share = float(1 - inputs["mask"].mean())
    fraction = f"{share:.6g}, the fraction left"
    named = [
        Named(1 / share, "scaled_as_dropout", f"what is left is divided by {fraction}, as in dropout"),
        Named(share, "scaled_by_fraction_left", f"what is left is multiplied by {fraction}"),
    ]
    if "nu" in conventions and 0 < conventions["nu"] < 1:
        kept = 1 - conventions["nu"]
        sentence = f"what is left is divided by 1 - nu = {kept:g}, as in dropout"
        named.insert(0, Named(1 / kept, "scaled_as_dropout", sentence))
    sentence = "what is left is multiplied by {value}, as inverted dropout does; corruption rescales nothing"
    unknown = Unknown("factor", 1.0, tuple(named), (1 / share if share else 1.0,))
    scaled = Switch("scaled_as_dropout", "scale of x_tilde", sentence, unknown)
    return (INVERTED, *OTHER_MASKS, *(_fill(inputs["x"]) if kind == "masking" else (*COIN, *SALT)), BY_EXAMPLE, scaled)


def _fill(x: Array) -> tuple[Switch, ...]:
    mean = float(x.mean())
    to_mean = f"what is destroyed is set to the mean of the batch, {mean:.6g}, not to 0"
    named = (Named(mean, "masked_with_mean", to_mean),)
    sentence = "what is destroyed is set to {value}, not to 0"
    return WITH_ONES, *FILLS, Switch("other_fill", _FILL, sentence, Unknown("fill", 0.0, named))


def _noise(sigma: float) -> tuple[Switch, ...]:
    named = (
        Named(sigma**2, "sigma_squared", f"the noise is multiplied by sigma² = {sigma**2:g}, not by sigma"),
        Named(sigma**0.5, "sigma_as_variance", "the noise is multiplied by the root of sigma, taken for the variance"),
        Named(1.0, "sigma_missing", "the noise is not multiplied by sigma"),
        Named(-sigma, "noise_subtracted", "the noise is subtracted"),
    )
    other = Unknown("sigma", sigma, named, (sigma, 1.0))
    return (Switch("other_sigma", _DRAWN, f"sigma is {{value}}, where the case has {sigma:g}", other), *NOISE)


def corrupted(x: Array, inputs: Mapping[str, Array], conventions: Mapping[str, Any], wrong: Wrong) -> Array:
    """Tell what becomes of a batch (B, D), given the mask, coin or noise that was drawn."""
    kind = conventions["corruption"]
    if kind == "none" or "corruption_missing" in wrong:
        return x
    if kind == "gaussian" and "noise_alone" in wrong:
        return np.asarray(conventions["sigma"] * inputs["noise"])
    if kind == "gaussian":
        sigma = wrong.get("other_sigma", conventions["sigma"])
        noisy = x * (1 + sigma * inputs["noise"]) if "noise_multiplied" in wrong else x + sigma * inputs["noise"]
        return np.clip(noisy, 0, 1) if "noisy_clipped" in wrong else np.asarray(noisy)
    mask = wrong.get("another_mask", inputs["mask"])
    if "mask_of_first_example" in wrong:
        mask = np.broadcast_to(mask[:1], mask.shape)
    if "mask_of_example_before" in wrong:
        mask = np.roll(mask, 1, axis=0)
    destroyed: Array = mask != ("mask_inverted" in wrong)
    left: Array = x * wrong.get("scaled_as_dropout", 1.0)
    if "scaled_by_example" in wrong:
        with np.errstate(all="ignore"):
            left = x * ~destroyed / (~destroyed).mean(axis=1, keepdims=True)
            destroyed = destroyed & ~np.isnan(left)
    if kind == "masking":
        return np.where(destroyed, _filled(x, wrong), left)
    coin: Array = inputs["coin"] != ("coin_inverted" in wrong)
    if "only_pepper" in wrong or "only_salt" in wrong:
        coin = np.full_like(coin, "only_salt" in wrong)
    values = np.where(coin, wrong.get("other_salt", 1.0), wrong.get("other_pepper", 0.0))
    return np.where(np.full_like(destroyed, True) if "coin_everywhere" in wrong else destroyed, values, left)


def _filled(x: Array, wrong: Wrong) -> Array | float:
    """Return what masked entries are set to."""
    for id, axis, turn in (("masked_with_mean:example", 1, 0), ("masked_with_mean:component", 0, 0),
                           ("masked_with_example_before", 0, 1), ("masked_with_example_after", 0, -1)):  # fmt: skip
        if id in wrong:
            return np.roll(x, turn, axis) if turn else np.asarray(x.mean(axis, keepdims=True))
    return 1.0 if "masked_with_ones" in wrong else float(wrong.get("other_fill", 0.0))
