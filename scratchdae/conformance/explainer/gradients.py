"""Mistakes in what is done to gradients and weights: clipping, and the penalty of the weights' squares."""

from collections.abc import Iterator, Mapping

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Named, Switch, Told, Unknown, Wrong, mistakes
from scratchdae.conformance.explainer.recognised import factor

BY_NORM = mistakes(
    ("norm_of_each_array", "norm",
     "each array is clipped by a norm of its own, as by Keras' clipnorm, not by that of all"),
    ("largest_entry", "norm", "the norm is the largest entry"),
    ("sum_of_entries", "norm", "the norm is the sum of the entries' absolute values"),
    ("root_of_mean_square", "norm", "the norm is the root of the mean square, not of the sum of squares"),
    ("norm_not_rooted", "norm", "the norm is a sum of squares, of which no root is taken"),
    ("clipped_by_value", "norm", "each entry is cut to the limit, where the case clips the norm"),
    ("weights_alone", "norm", "the norm is that of dW alone, and only dW is clipped"),
    ("always_rescaled", "when", "gradients shorter than the limit are made longer"),
    ("not_clipped", "when", "nothing is clipped"),
    ("normalised_to_1", "when", "what is too long is shortened to 1, not to the limit"),
)  # fmt: skip
RARE = mistakes(
    ("norm_of_each_array:not_rooted", "norm", "each array is clipped by a norm of its own, of which no root is taken"),
    late=True)  # fmt: skip
BY_VALUE = mistakes(
    ("clipped_by_norm", "cut", "the norm is clipped, where the case cuts each entry"),
    ("only_from_above", "cut", "entries are cut from above alone"),
    ("only_from_below", "cut", "entries are cut from below alone"),
    ("zeroed_beyond", "cut", "entries beyond the limit become 0"),
    ("zeroed_from_the_limit", "cut", "entries at the limit and beyond become 0"),
    ("not_clipped", "cut", "nothing is clipped"),
    ("sign_lost", "cut", "entries beyond the limit become the limit, whatever their sign"),
    ("signs_alone", "cut", "every entry becomes the limit with its own sign"),
    ("scaled_by_largest", "cut", "each array is scaled as a whole, so that its largest entry is at the limit"),
)
NO_EPSILON = Switch("no_epsilon_in_norm", "epsilon", "nothing is added to the norm, where PyTorch adds 1e-6")
PENALTY = mistakes(
    ("root", "norm", "the penalty is the norm of W, not its square"),
    ("absolute_values", "norm", "the penalty is Σ |W|: L1, not L2"))  # fmt: skip
_TORCH = Named(1e-6, "epsilon_in_norm", "1e-6 is added to the norm, as in PyTorch")


def clipping(case: Case, _found: Mapping[str, Array], _dtype: str) -> Account:
    """Tell the clipping of gradients."""
    grads = {name: case.inputs[name] for name in ("dW", "db")}
    limit, framework = case.conventions["limit"], case.conventions["framework"]
    own_epsilon = 1e-6 if framework == "torch" else 0.0
    bound = factor("limit_factor", "the limit", {}, "limit", zero=False)

    def _by_value(wrong: Wrong) -> Told:
        bound = limit * wrong.get("limit_factor", 1.0)
        return {f"clipped_{name}": _cut(g, bound, wrong, grads) for name, g in grads.items()}

    def _by_norm(wrong: Wrong) -> Told:
        epsilon = wrong.get("epsilon_in_norm", 0.0 if "no_epsilon_in_norm" in wrong else own_epsilon)
        clipped = dict(_shortened(grads, limit * wrong.get("limit_factor", 1.0), epsilon, wrong))
        norm = _norm([grads["dW"]] if "weights_alone" in wrong else list(grads.values()), wrong)
        return {**{f"clipped_{name}": g for name, g in clipped.items()}, "norm": np.asarray(norm)}

    if case.conventions["clip"] == "value":
        return Account((*BY_VALUE, bound), _by_value)
    unknown = Unknown("epsilon", own_epsilon, () if own_epsilon else (_TORCH,), (1e-8, 1e-6, 1e-3), "log")
    sentence = f"{{value}} is added to the norm, where the case adds {own_epsilon:g}"
    epsilon = Switch("epsilon_in_norm", "epsilon", sentence, unknown)
    return Account((*BY_NORM, *RARE, epsilon, *((NO_EPSILON,) if own_epsilon else ()), bound), _by_norm)


def _norm(arrays: list[Array], wrong: Wrong) -> float:
    flat = np.abs(np.concatenate([array.ravel() for array in arrays]))
    if "largest_entry" in wrong:
        return float(flat.max())
    if "sum_of_entries" in wrong:
        return float(flat.sum())
    if "root_of_mean_square" in wrong:
        return float(np.sqrt((flat**2).mean()))
    return float((flat**2).sum() if "norm_not_rooted" in wrong else np.sqrt((flat**2).sum()))


def _shortened(grads: Mapping[str, Array], limit: float, epsilon: float, wrong: Wrong) -> Iterator[tuple[str, Array]]:
    for name, g in grads.items():
        alone = "norm_of_each_array" in wrong or ("weights_alone" in wrong and name == "dW")
        length = _norm([g] if alone else list(grads.values()), wrong) + epsilon
        length = (g**2).sum() if "norm_of_each_array:not_rooted" in wrong else length
        share = (1.0 if "normalised_to_1" in wrong else limit) / length
        untouched = "not_clipped" in wrong or ("weights_alone" in wrong and name != "dW")
        if "clipped_by_value" in wrong:
            yield name, np.clip(g, -limit, limit)
        elif untouched or not (length > limit or "always_rescaled" in wrong):
            yield name, g
        else:
            yield name, share * g


def _cut(g: Array, limit: float, wrong: Wrong, grads: Mapping[str, Array]) -> Array:
    if "not_clipped" in wrong:
        return g
    if "clipped_by_norm" in wrong:
        return g * min(1.0, limit / _norm(list(grads.values()), {}))
    if "scaled_by_largest" in wrong:
        return g * min(1.0, limit / float(np.abs(g).max()))
    if "zeroed_beyond" in wrong:
        return np.where(np.abs(g) > limit, 0, g)
    if "zeroed_from_the_limit" in wrong:
        return np.where(np.abs(g) >= limit, 0, g)
    if "sign_lost" in wrong:
        return np.where(np.abs(g) > limit, limit, g)
    if "signs_alone" in wrong:
        return limit * np.sign(g)
    low = -np.inf if "only_from_above" in wrong else -limit
    return np.clip(g, low, np.inf if "only_from_below" in wrong else limit)


def penalty(case: Case, _found: Mapping[str, Array], _dtype: str) -> Account:
    """Tell the penalty of the weights' squares."""
    W, l2 = case.inputs["W"], case.conventions["l2"]
    sizes = {"P": W.shape[0], "Q": W.shape[1]}

    def _told(wrong: Wrong) -> Told:
        if "root" in wrong:
            value, gradient = np.sqrt((W**2).sum()), W / np.sqrt((W**2).sum())
        elif "absolute_values" in wrong:
            value, gradient = np.abs(W).sum(), np.sign(W)
        else:
            value, gradient = (W**2).sum(), 2 * W
        common = l2 * wrong.get("penalty_factor", 1.0)
        return {
            "penalty": np.asarray(common * wrong.get("loss_factor", 1.0) * value),
            "dW": common * wrong.get("gradient_factor", 1.0) * gradient,
        }

    squared = Named(l2, "penalty_factor:l2", f"the coefficient l2 = {l2:g} is multiplied in twice")
    factors = (
        factor(
            "penalty_factor", "the penalty with its gradient", sizes, "loss factor", "gradient factor", also=(squared,)
        ),
        factor("loss_factor", "the penalty, but not its gradient,", sizes, "loss factor"),
        factor("gradient_factor", "the penalty's gradient, but not the penalty,", sizes, "gradient factor"),
    )
    return Account((*PENALTY, *factors), _told)
