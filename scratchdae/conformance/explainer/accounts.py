"""The account of each operation, by the operation's name."""

from collections.abc import Mapping
from typing import Protocol

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer import (
    activations,
    autoencoder,
    codes,
    corruption,
    gradients,
    half,
    layers,
    levels,
    losses,
    optimizers,
    stack,
    training,
)
from scratchdae.conformance.explainer.account import Account


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
    "activity_penalty": lambda case, *_: codes.activity_penalty(case),
    "averaging": lambda case, *_: levels.averaging(case),
    "half": lambda case, *_: half.account(case),
    "schedule": lambda case, *_: levels.schedule(case),
    "ssim": lambda case, *_: codes.ssim(case),
    "variational": lambda case, *_: codes.variational(case),
}
