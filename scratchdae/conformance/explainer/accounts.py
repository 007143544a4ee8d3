"""The account of each operation, by the operation's name."""

from collections.abc import Mapping
from typing import Protocol

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer import (
    activations,
    autoencoder,
    corruption,
    gradients,
    layers,
    losses,
    optimizers,
    stack,
    training,
)
from scratchdae.conformance.explainer.account import Account

_NONE = Account((), lambda _: {})  # which leaves every array as it is expected


class _Tells(Protocol):
    """Tells an operation on a case; `found` is the answer, `dtype` what naive formulas in it are rounded to."""

    def __call__(self, case: Case, found: Mapping[str, Array], dtype: str, /) -> Account: ...


ACCOUNTS: dict[str, _Tells] = {
    "activation": activations.account,
    "autoencoder": autoencoder.account,
    "clipping": gradients.clipping,
    "corruption": corruption.account,
    "layer": layers.account,
    "loss": losses.account,
    "optimizer": optimizers.account,
    "penalty": gradients.penalty,
    "pretrain_stack": stack.pretraining,
    "stack": stack.account,
    "training": training.account,
}


def account_of(case: Case, found: Mapping[str, Array], dtype: str) -> Account:
    """Tell an operation on a case; where its mistakes have no names yet, with nothing to be told."""
    if case.operation not in ACCOUNTS or not (layers.knows(case) and optimizers.knows(case)):
        return _NONE
    return ACCOUNTS[case.operation](case, found, dtype)
