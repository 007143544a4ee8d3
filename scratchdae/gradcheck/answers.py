"""What a gradient check is given: a function of named arrays, a point, a direction, and what the function answers."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from scratchdae.arguments import Array, Params, function, mapping, numbers, shown

LossAndGrads: TypeAlias = Callable[[Params], tuple[Any, Mapping[str, Array]]]

MISSING = object()  # no direction was asked for


def point(loss_and_grads: object, params: object, v: object = MISSING) -> tuple[Params, Params]:
    """Return the arrays and the direction, refused where they are no numbers or have other names or shapes."""
    function("loss_and_grads", loss_and_grads)
    here = {name: numbers(f"params[{name!r}]", value) for name, value in mapping("params", params).items()}
    if v is MISSING:
        return here, {}
    if mapping("v", v).keys() != here.keys():
        raise ValueError(f"v must hold {sorted(here)}, found {shown(sorted(mapping('v', v)))}")
    along = {name: numbers(f"v[{name!r}]", value) for name, value in mapping("v", v).items()}
    for name, value in along.items():
        if value.shape != here[name].shape:
            raise ValueError(f"v[{name!r}] must have shape {here[name].shape}, found {shown(value)}")
    return here, along


def loss_of(answer: Any, kinds: str = "fiu") -> Any:
    """Return the loss of an answer, whose gradients nobody asked for; complex only where that is among the kinds."""
    loss: Any = answer[0] if isinstance(answer, tuple) and answer else None
    if np.ndim(loss) != 0:
        raise ValueError(f"loss_and_grads must return a finite scalar loss, found {shown(loss)}")
    if np.iscomplexobj(loss) and "c" not in kinds and np.imag(loss) == 0:
        loss = np.real(loss)
    if np.asarray(loss).dtype.kind not in kinds:
        raise ValueError(f"loss_and_grads must return a real number and a dict of gradients, found {shown(answer)}")
    return loss


def answer_of(answer: Any) -> tuple[Any, Mapping[str, Array]]:
    """Return loss and gradients, refused unless they are a real number and a dict."""
    loss = loss_of(answer)
    if len(answer) != 2 or not isinstance(answer[1], Mapping):
        raise ValueError(f"loss_and_grads must return a real number and a dict of gradients, found {shown(answer)}")
    return loss, answer[1]


def check_params(params: Params) -> None:
    """Refuse a point in another precision than float64, or with nothing in it."""
    if not params:
        raise ValueError("params must hold at least one array, found none")
    for name, value in params.items():
        if value.dtype != np.float64 or value.size == 0:
            raise ValueError(
                f"params[{name!r}] must be a float64 array with at least one entry, found {value.dtype} {value.shape}: "
                "a finite difference in float32 has three digits"
            )


def check_grads(grads: Mapping[str, Array], params: Params) -> Params:
    """Return the gradients in float64, refused unless there is a real one of each parameter, in its shape."""
    if set(grads) != set(params):
        found = shown(sorted(map(str, grads)))
        raise ValueError(f"loss_and_grads must return gradients for {sorted(params)}, found {found}")
    answer = {name: numbers(f"grads[{name!r}]", grads[name], "an array of real numbers") for name in params}
    for name, gradient in answer.items():
        if gradient.shape != params[name].shape or gradient.dtype.kind == "c":
            raise ValueError(f"grads[{name!r}] must be real, of shape {params[name].shape}, found {shown(gradient)}")
    return {name: gradient.astype(np.float64) for name, gradient in answer.items()}
