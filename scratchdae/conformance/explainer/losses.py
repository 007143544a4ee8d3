"""Mistakes in a loss: what is averaged, what is clipped, and a gradient of something else.

A loss is told in two parts: the terms that it sums, with the gradient of each, and what the sum is divided by. The
second part, and the mistakes in it, are the same for all losses.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer import apart, classification, probabilities
from scratchdae.conformance.explainer.account import Account, Named, Switch, Told, Unknown, Wrong, mistakes
from scratchdae.conformance.explainer.recognised import factor

NOT_REDUCED = mistakes(
    ("loss_per_example", "shape of loss", "the loss is not averaged over the batch: it has a value for each example"),
    ("loss_per_element", "shape of loss", "the loss is not reduced at all: it has a value for each entry"))  # fmt: skip
ROOTS = mistakes(
    ("root_of_mean", "root", "the loss is the root of the mean square, RMSE, not the mean square"),
    ("root_of_sum", "root", "the loss is the norm of all errors, the root of the sum of their squares"),
    ("root_of_sum:divided", "root", "the loss is the norm of all errors, not its square, over the case's divisor"),
    ("root_of_loss", "root", "the loss is the root of the case's: a square root too many"),
    ("norm_of_examples", "root", "the loss is the mean norm of each example's errors, not of their squares"),
)
SIGN = Switch("gradient_factor:sign", "gradient sign", "every gradient, but not the loss, has the wrong sign")
ERRORS: dict[str, tuple[str, Callable[[Array], Array], Callable[[Array], Array]]] = {  # of e: the loss, its gradient
    "squared_error": ("the squared error", lambda e: e * e, lambda e: 2 * e),
    "absolute_error": ("the absolute error", np.abs, np.sign),
    "log_cosh": ("log cosh", lambda e: np.logaddexp(e, -e) - np.log(2), np.tanh),
    "cubed_error": ("the cube of the absolute error", lambda e: np.abs(e) ** 3, lambda e: 3 * e * np.abs(e)),
    "fourth_power": ("the fourth power of the error", lambda e: e**4, lambda e: 4 * e**3),
    "huber_of_1": ("Huber's loss with delta = 1", lambda e: np.where(np.abs(e) <= 1, e * e / 2, np.abs(e) - 0.5),
                   lambda e: np.clip(e, -1, 1)),
}  # fmt: skip


def instead_of(loss: str, words: str) -> tuple[Switch, ...]:
    """Make a switch of each other function of the error."""
    others = ((name, what) for name, (what, _, _) in ERRORS.items() if name != loss)
    return mistakes(*((f"{name}_instead", "terms", f"{what} is computed in place of {words}") for name, what in others))


SQUARED_ERROR = mistakes(
    ("cross_entropy_instead", "terms", "the cross-entropy of logits is computed in place of the squared error")
)
ABSOLUTE_ERROR = mistakes(
    ("tie_upwards", "terms", "where reconstruction and target are equal the gradient is 1, not 0"),
    ("tie_downwards", "terms", "where reconstruction and target are equal the gradient is -1, not 0"))  # fmt: skip
HUBER = mistakes(
    ("half_missing", "terms", "within delta the loss is e², its gradient 2 e: the factor 1/2 is missing"),
    ("smooth_l1", "divided", "the loss is divided by delta: the smooth L1 loss, not Huber's"),
    ("constant_missing", "terms", "beyond delta the loss is delta |e|: the constant - delta² / 2 is missing"),
    ("branches_exchanged", "terms", "the two branches are exchanged: the square is taken beyond delta"),
    ("delta_missing_beyond", "terms", "beyond delta the loss is |e| - delta / 2 and its gradient ±1: no factor delta"),
    ("unit_gradient_beyond", "terms", "beyond delta the gradient is ±1, not ±delta"),
    ("gradient_not_cut", "terms", "the gradient is the error also beyond delta: it is not cut off there"))  # fmt: skip


def account(case: Case, _found: Mapping[str, Array], dtype: str) -> Account:
    """Tell a loss and its gradient."""
    a, target = case.inputs["a"], case.inputs["target"]
    conventions, kind = case.conventions, case.conventions["loss"]
    sizes = {"B": a.shape[0], "K" if kind == "softmax_cross_entropy" else "D": a.shape[1]}
    own: dict[str, tuple[Switch, ...]] = {
        "cross_entropy": probabilities.SWITCHES,
        "squared_error": (*instead_of(kind, "the squared error"), *SQUARED_ERROR, *ROOTS),
        "absolute_error": (*instead_of(kind, "the absolute error"), *ABSOLUTE_ERROR),
        "huber": huber_switches(conventions.get("delta", 1.0)),
        "softmax_cross_entropy": (*classification.SWITCHES, *classification.RARE),
    }

    def _tell(wrong: Wrong) -> Told:
        if kind == "softmax_cross_entropy":
            terms, gradients, rounding = classification.terms(a, target, wrong, dtype)
        else:
            terms, gradients, rounding = TERMS[kind](a, target, wrong, dtype, conventions)
        by = divisor(conventions["reduction"], a.shape, labels=kind == "softmax_cross_entropy")
        loss, scale = reduced(terms, by, wrong)
        return {"loss": loss, "d_a": scale * gradients, "±loss": np.asarray(rounding / by)}

    switches = (*own[kind], *apart.switches(own[kind]), *reductions(conventions["reduction"], sizes), *NOT_REDUCED)
    return Account(switches, lambda wrong: apart.told(_tell, wrong))


def divisor(reduction: str, shape: tuple[int, ...], labels: bool = False) -> int:
    """Return what the sum of all terms is divided by; of labels an example has one term."""
    return shape[0] if reduction == "paper" or labels else shape[0] * shape[1]


def reduced(terms: Array, by: int, wrong: Wrong) -> tuple[Array, Array | float]:
    """Tell the loss, without axes unless it is not reduced, and the factor of each term's gradient."""
    sign = -1.0 if SIGN.id in wrong else 1.0
    if "norm_of_examples" in wrong:
        norms = np.sqrt(terms.sum(axis=1, keepdims=True))
        common = wrong.get("reduction", 1.0) / len(terms)
        loss = common * wrong.get("loss_factor", 1.0) * norms.sum()
        return np.asarray(loss), common * sign * wrong.get("gradient_factor", 1.0) / (2 * norms)
    over = {"root_of_mean": terms.size, "root_of_sum": 1, "root_of_loss": by, "root_of_sum:divided": 1}
    for id, n in over.items():
        if id in wrong:
            root, common = np.sqrt(terms.sum() / n), wrong.get("reduction", 1.0) / (by if "divided" in id else 1)
            slope = common * sign * wrong.get("gradient_factor", 1.0) / (2 * root * n)
            return np.asarray(common * wrong.get("loss_factor", 1.0) * root), slope
    common = wrong.get("reduction", 1.0) / by
    loss = common * wrong.get("loss_factor", 1.0) * terms.sum()
    if "loss_per_element" in wrong:
        loss = terms
    elif "loss_per_example" in wrong:
        loss = terms.reshape(len(terms), -1).sum(axis=1)
    return np.asarray(loss), common * sign * wrong.get("gradient_factor", 1.0)


def reductions(reference: str, sizes: Mapping[str, int]) -> tuple[Switch, ...]:
    """Make the switches for what a loss is divided by: a factor in loss and gradients, in the one, in the others."""
    B, D = sizes.values()
    _, name = sizes
    own = f"summed over {name} and averaged over B" if reference == "paper" else f"averaged over B·{name}"
    components = f"the {name} = {D} components"
    by = 1 if reference == "paper" else D
    meanings: list[tuple[str, str, float]] = [
        ("sum", "the loss is summed over everything", B * by),
        ("element_mean", f"the loss is averaged over {components} too", by / D),
        ("batch_mean", f"the loss is summed over {components}, averaged over the batch", by),
        ("component_mean", f"the loss is averaged over {components} and summed over the batch", B * by / D),
    ]
    named = []
    for half, words in ((1.0, ""), (0.5, ", and halved"), (2.0, ", and doubled")):
        for id, meaning, value in meanings:
            if value != 1:
                suffix = {1.0: "", 0.5: "/2", 2.0: "·2"}[half]
                sentence = f"{meaning}{words}, where the case has it {own}"
                named.append(Named(value * half, f"reduction:{id}{suffix}", sentence))
    both = "the loss with all its gradients"
    named.append(Named(1 / np.log(2), "reduction:bits", f"{both} is in bits, where the case has nats"))
    named.append(Named(1 / np.log(10), "reduction:base_10", f"{both} has logarithms to base 10, not natural ones"))
    plain = factor("reduction", both, sizes, "loss factor", "gradient factor", zero=False)
    assert plain.unknown is not None
    taken = {name.value for name in named}
    named += [name for name in plain.unknown.named if not any(np.isclose(name.value, v) for v in taken)]
    bases = (
        Named(1 / np.log(2), "loss_factor:bits", "the loss, but not its gradient, is in bits, not in nats"),
        Named(1 / np.log(10), "loss_factor:base_10", "the logarithm of the loss, not its gradient's, is to base 10"),
    )
    gradient = factor("gradient_factor", "every gradient, but not the loss,", sizes, "gradient factor")
    assert gradient.unknown is not None
    twice = "; so it is where backward runs twice and adds to what is there"
    positive = (one for one in gradient.unknown.named if ":-" not in one.id and one.id != SIGN.id)
    unsigned = tuple(replace(one, sentence=one.sentence + twice * (one.value == 2)) for one in positive)
    return (
        Switch("reduction", plain.decides, plain.sentence, Unknown("factor", 1.0, tuple(named))),
        factor("loss_factor", "the loss, but not its gradient,", sizes, "loss factor, shape of loss", also=bases),
        replace(gradient, unknown=replace(gradient.unknown, named=unsigned)),
        SIGN,
    )


def huber_switches(delta: float) -> tuple[Switch, ...]:
    """Make the switches of Huber's loss."""
    other = Unknown("delta", delta, (), (1.0, 0.5, 2.0, 0.1, 1.35), "log")
    others = (
        one for one in instead_of("huber", "Huber's loss") if one.id != "huber_of_1_instead"
    )  # it is another delta
    return (*others, *HUBER, Switch("other_delta", "terms", f"delta is {{value}}, where the case has {delta:g}", other))


def _squared(z: Array, x: Array, wrong: Wrong, dtype: str, _: Mapping[str, object]) -> tuple[Array, Array, float]:
    return probabilities.terms(z, x, {}, dtype) if "cross_entropy_instead" in wrong else (*_of_error(z - x, wrong), 0.0)


def _of_error(e: Array, wrong: Wrong, own: str = "squared_error") -> tuple[Array, Array]:
    _, value, gradient = ERRORS[next((name for name in ERRORS if f"{name}_instead" in wrong), own)]
    return value(e), gradient(e)


def _absolute(z: Array, x: Array, wrong: Wrong, _: str, __: Mapping[str, object]) -> tuple[Array, Array, float]:
    values, gradients = _of_error(z - x, wrong, "absolute_error")
    return values, gradients + (z == x) * (("tie_upwards" in wrong) - ("tie_downwards" in wrong)), 0.0


def _huber(z: Array, x: Array, wrong: Wrong, _: str, conventions: Mapping[str, object]) -> tuple[Array, Array, float]:
    e = z - x
    if any(f"{name}_instead" in wrong for name in ERRORS):
        return *_of_error(e, wrong), 0.0
    delta = wrong.get("other_delta", conventions["delta"])
    inside: Array = (np.abs(e) <= delta) != ("branches_exchanged" in wrong)
    slope, square = (1.0 if "delta_missing_beyond" in wrong else delta), 1.0 if "half_missing" in wrong else 0.5
    beyond = slope * (np.abs(e) - (0.0 if "constant_missing" in wrong else delta / 2))
    by = delta if "smooth_l1" in wrong else 1.0
    slope = 1.0 if "unit_gradient_beyond" in wrong else slope
    if "gradient_not_cut" in wrong:
        return np.where(inside, e * e / 2, beyond) / by, e / by, 0.0
    return np.where(inside, square * e * e, beyond) / by, np.where(inside, 2 * square * e, slope * np.sign(e)) / by, 0.0


def _cross_entropy(a: Array, x: Array, wrong: Wrong, dtype: str, _: Mapping[str, object]) -> tuple[Array, Array, float]:
    return probabilities.terms(a, x, wrong, dtype)


TERMS = {"cross_entropy": _cross_entropy, "squared_error": _squared, "absolute_error": _absolute, "huber": _huber}
