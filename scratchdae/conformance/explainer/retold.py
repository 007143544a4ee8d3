"""Operations told forwards alone: the complex step differentiates them, whatever mistakes are switched on.

A forward pass that is wrong takes its gradient with it, as autograd would; what is taken for a constant in backward is
its real part. The derivative of Σ cotangent · output in every entry of every input is found at once: each entry has a
copy of the inputs, along an axis before all others, in which it alone has an imaginary part.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Row, Switch, Told, Wrong, mistakes
from scratchdae.conformance.explainer.recognised import factor

STEP = 1e-30  # no difference is taken, so that nothing cancels
Forward: TypeAlias = Callable[[Mapping[str, Array], Mapping[str, Any], Wrong], Params]


def retold(
    case: Case,
    forward: Forward,
    rows: tuple[Row, ...],
    wanted: Mapping[str, str],  # what has a gradient, and the gradient's name
    cotangents: Mapping[str, Array],  # of what comes out
    sizes: Mapping[str, int],
    *others: Switch,
) -> Account:
    """Tell an operation; every gradient may be off by a factor besides, and what is one number without its gradient."""
    scalars = [name for name, cotangent in cotangents.items() if not cotangent.ndim]

    def _told(wrong: Wrong) -> Told:
        with np.errstate(all="ignore"):
            found = dict(forward(case.inputs, case.conventions, wrong))
            grads = _gradients(forward, case, wanted, cotangents, wrong)
        found |= {name: wrong.get(f"{name}_alone", 1.0) * found[name] for name in scalars}
        return found | {name: wrong.get(f"{name}_factor", 1.0) * value for name, value in grads.items()}

    factors = [factor(f"{name}_factor", name, sizes, f"{name} factor") for name in wanted.values()]
    factors += [factor(f"{name}_alone", f"{name}, not its gradient,", sizes, f"{name} alone") for name in scalars]
    return Account((*mistakes(*rows), *others, *factors), _told)


def _gradients(
    forward: Forward, case: Case, wanted: Mapping[str, str], cotangents: Mapping[str, Array], wrong: Wrong
) -> Told:
    given = {name: case.inputs[name] for name in wanted}
    total, inputs, at = sum(array.size for array in given.values()), dict(case.inputs), 0
    for name, array in given.items():
        copies = np.repeat(array[None].astype(complex), total, axis=0)
        copies.reshape(total, -1)[range(at, at + array.size), range(array.size)] += 1j * STEP
        inputs[name] = copies
        at += array.size
    found = forward(inputs, case.conventions, wrong)
    parts = (
        (np.imag(found[name]) * cotangent).reshape(total, -1).sum(axis=1) for name, cotangent in cotangents.items()
    )
    derivative = np.asarray(sum(parts)) / STEP
    told, at = {}, 0
    for name, array in given.items():
        told[wanted[name]] = derivative[at : at + array.size].reshape(array.shape)
        at += array.size
    return told


def of_layer(case: Case, forward: Forward, rows: tuple[Row, ...], sizes: Mapping[str, int] | None = None) -> Account:
    """Tell a layer."""
    names = ("x", "W", "U", "b", "b_U", "gamma", "beta", "v", "g")
    wanted = {name: "d_input" if name == "x" else f"d{name}" for name in names if name in case.inputs}
    sizes = sizes or {"B": len(case.inputs["x"])}
    return retold(case, forward, rows, wanted, {"output": case.inputs["d_output"]}, sizes)
