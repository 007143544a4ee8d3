"""Right numbers in an array of another shape: transposed, in another layout of images, with an axis too many.

Which of these could be meant is plain from the shapes of the answer, so only those become switches.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import permutations, product
from typing import TypeAlias

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.explainer.account import Account, Switch, Told, Wrong
from scratchdae.conformance.explainer.target import Target

_Form: TypeAlias = tuple[Switch, Callable[[Mapping[str, Array]], Told]]
LAYOUTS = 24  # so many combinations of axes are tried at most
_NAMES = {
    (0, 3, 1, 2): "channels first, (B, C, H, W)",
    (3, 2, 0, 1): "as PyTorch keeps kernels, with the two channel axes first and exchanged",
    (2, 3, 0, 1): "with the two channel axes first",
    (0, 1, 3, 2): "with the two channel axes exchanged",
    (1, 0, 2): "time first",
}
_RESHAPED = {"axis_of_length_1": "an axis of length 1 is too many or missing in", "flattened": "flattened is"}
# What can be done to any array: a name and a sentence without the arrays.
ANY_SHAPE = (
    ("input_given_back", "an array is an input, unchanged"),
    ("transposed", "an array is transposed, or has its axes in another order"),
    *((id, f"{words} an array") for id, words in _RESHAPED.items()),
)


def presented(account: Account, target: Target, inputs: Mapping[str, Array]) -> Account:
    """Add the mistakes of presentation that the shapes of an answer allow, and inputs that come back as answers."""
    ways = [*_transposed(target), *_reshaped(target), *_given_back(target, inputs)]
    forms = {switch.id: (switch, change) for switch, change in ways}
    told = _or_nothing(account.told, target)

    def _told(wrong: Wrong) -> Told:
        arrays = told(wrong)
        for id, (_, change) in forms.items():
            if id in wrong:
                arrays = change({**target.expected, **arrays})
        return arrays

    begin = None if forms or account.begin is None else _or_nothing(account.begin, target)  # it knows no other shapes
    return Account((*account.switches, *(switch for switch, _ in forms.values())), _told, begin)


def _or_nothing(tell: Callable[[Wrong], Told], target: Target) -> Callable[[Wrong], Told]:
    """Answer NaN where a mistake cannot be told with the number that was recovered, as Adam with a beta of 1."""

    def _told(wrong: Wrong) -> Told:
        try:
            return tell(wrong)
        except ArithmeticError:
            return {name: np.full_like(expected, np.nan, np.float64) for name, expected in target.expected.items()}

    return _told


def _transposed(target: Target) -> Iterator[_Form]:
    """Yield the orders of axes that fit the shapes that are found; a square matrix may be transposed unseen."""
    orders: dict[str, list[tuple[int, ...]]] = {}
    for name, found in target.found.items():
        shape = target.expected[name].shape
        if found.shape != shape and sorted(found.shape) == sorted(shape):
            fits = (p for p in permutations(range(len(shape))) if tuple(shape[axis] for axis in p) == found.shape)
            orders[name] = sorted(fits, key=lambda order: order not in _NAMES)
    all_orders = [dict(zip(orders, order, strict=True)) for order in product(*orders.values())] if orders else []
    if not all_orders:
        squares = (name for name, found in target.found.items() if found.ndim == 2 and len(set(found.shape)) == 1)
        all_orders = [{name: (1, 0)} for name in squares if target.found[name].size > 1]
    for axes in all_orders[:LAYOUTS]:
        id = "transposed:" + "+".join(
            name if order == (1, 0) else f"{name}({','.join(map(str, order))})" for name, order in axes.items()
        )
        sentence = ", ".join(_order_in_words(name, order) for name, order in axes.items())
        yield Switch(id, "layout", sentence), partial(_transpose, axes=axes)


def _reshaped(target: Target) -> Iterator[_Form]:
    """Yield the arrays with axes of length 1 too many or too few, and those that are flattened."""
    table: dict[str, list[str]] = {id: [] for id in _RESHAPED}
    for name, found in target.found.items():
        shape = target.expected[name].shape
        if found.shape != shape and [n for n in found.shape if n > 1] == [n for n in shape if n > 1]:
            table["axis_of_length_1"].append(name)
        elif found.shape != shape and found.shape == (int(np.prod(shape)),):
            table["flattened"].append(name)
    for id, names in table.items():
        if names:
            found_shapes = " and ".join(f"{name}, of shape {target.found[name].shape}" for name in names)
            shapes = {name: target.found[name].shape for name in names}
            yield Switch(id, "layout", f"{_RESHAPED[id]} {found_shapes}"), partial(_reshape, shapes=shapes)


def _given_back(target: Target, inputs: Mapping[str, Array]) -> Iterator[_Form]:
    """Yield the arrays, all in one, that are inputs: a bias in place of its gradient."""
    of: dict[str, str] = {}
    values = {given: value for given, value in inputs.items() if given[0] != "d" and value.size > 1 and value.any()}
    for name, found in target.found.items():
        for given, value in values.items():
            if name.startswith("d") and target.off(name) and np.array_equal(found, value):
                of.setdefault(name, given)
    if of:
        sentence = " and ".join(f"{name} is the input {given} itself" for name, given in of.items())
        values = {name: inputs[given] for name, given in of.items()}
        yield Switch("input_given_back", "layout", sentence), lambda arrays: {**arrays, **values}


def _order_in_words(name: str, order: tuple[int, ...]) -> str:
    if order == (1, 0):
        return f"{name} is transposed"
    return f"{name} has its axes in the order {order}" + (f": {_NAMES[order]}" if order in _NAMES else "")


def _transpose(arrays: Mapping[str, Array], axes: Mapping[str, tuple[int, ...]]) -> Told:
    fits = {name: order for name, order in axes.items() if np.ndim(arrays[name]) == len(order)}
    return {**arrays, **{name: np.asarray(arrays[name]).transpose(order) for name, order in fits.items()}}


def _reshape(arrays: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]]) -> Told:
    fits = {name: shape for name, shape in shapes.items() if np.size(arrays[name]) == int(np.prod(shape))}
    return {**arrays, **{name: np.reshape(arrays[name], shape) for name, shape in fits.items()}}
