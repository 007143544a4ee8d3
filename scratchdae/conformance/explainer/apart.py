"""A loss of one kind with the gradients of another: what is wrong in the one alone, though it belongs to both."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from scratchdae.conformance.explainer.account import Switch, Told, Wrong

_LOSSES = {"loss", "data_loss", "±loss", "±data_loss"}
_DECIDE = {"terms", "root", "labels", "target", "divided"}  # what a loss and its gradients have in common
_WORDS = {
    ":in_loss": "in the loss alone, whose gradients are right",
    ":in_gradients": "in the gradients alone; the loss is right",
}
# Those that concern one of the two anyway, or have a name of their own there.
_NAMED = {
    "kl_divergence", "squared_error_in_loss", "epsilon_in_loss_only", "epsilon_in_softmax", "constant_missing",
    "unit_gradient_beyond", "gradient_not_cut", "tie_upwards", "tie_downwards", "naive_logarithms", "naive_softmax",
    "gradient_of_probabilities", "kl_div:in_gradients", "squared_error_instead:in_loss",
    "epsilon_in_logarithm:in_loss", "squared_error_of_a:in_gradients", "delta_missing_beyond:in_gradients",
}  # fmt: skip


def switches(both: Iterable[Switch]) -> list[Switch]:
    """Make a switch of each mistake of loss and gradients for either alone."""
    found = []
    for switch in both:
        for suffix, words in _WORDS.items() if _DECIDE & switch.excludes else ():
            if not {switch.id, id := switch.id + suffix} & _NAMED:
                unknown = switch.unknown and replace(switch.unknown, named=())
                found.append(Switch(id, switch.decides, f"{switch.sentence}: {words}", unknown, late=True))
    return found


def told(tell: Callable[[Wrong], Told], wrong: Wrong) -> Told:
    """Tell an operation with the mistakes of one of the two among those that are on."""
    for id, value in wrong.items():
        for suffix in _WORDS:
            if id.endswith(suffix):
                others = {key: on for key, on in wrong.items() if key != id}
                right, other = tell(others), tell({**others, id.removesuffix(suffix): value})
                loss, rest = (other, right) if suffix == ":in_loss" else (right, other)
                return {**rest, **{name: array for name, array in loss.items() if name in _LOSSES}}
    return tell(wrong)
