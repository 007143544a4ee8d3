"""The source of a function of `plain`, which can be run with edits made."""

import ast
import copy
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer import analytic
from scratchdae.conformance.explainer.account import Told
from scratchdae.conformance.explainer.edits import Edit, edits, rebuilt, replaced
from scratchdae.conformance.explainer.retold import STEP
from scratchdae.conformance.explainer.variants import FACTOR, sizes_of
from scratchdae.conformance.plain.elementary import rectify, sigmoid, softplus

_SOURCE, _RESULT = "formula", "result_"


class Made(NamedTuple):
    """Edits that are made."""

    edits: tuple[Edit, ...] = ()
    value: float = 1.0  # of the number that one of them holds
    differentiated: bool = False  # whether the gradients are those of what is computed then
    scaled: frozenset[str] = frozenset()  # what comes out is multiplied besides,
    by: str = "1"  # and by what: a number, a size, or one over a size

    @property
    def cost(self) -> tuple[float, int]:
        """Return how far-fetched it is, and how long to tell."""
        return sum(one.rank for one in self.edits) + self.differentiated + bool(self.scaled), sum(
            len(one.sentence) for one in self.edits
        )


class Formula:
    """The source of a function of `plain` and of those that it calls, which can be run with edits made.

    The statements of the function are compiled one by one, so that an edit costs the compiling of one of them. `sizes`
    has the sizes of the case that was edited last, by their names.
    """

    def __init__(self, entry: Callable[..., Told]) -> None:
        module = inspect.getmodule(entry)
        self._functions = dict(_functions(module, entry.__name__))
        self._body = self._functions.pop(entry.__name__).body
        self._entry = entry.__name__
        self.sizes: dict[str, int] = {}
        self._namespace = {**vars(module), **_BESIDE}
        self._parameters = inspect.signature(entry).parameters
        self._tops = {id(inner): top for top in self._body for inner in ast.walk(top) if isinstance(inner, ast.stmt)}

    def told(self, made: Made, case: Case) -> Told | None:
        """Return the arrays of a case with edits made; None where they cannot be."""
        found = self.run(made, {**case.conventions, **case.inputs})
        return found and {name: array for name, array in found.items() if name in case.expected}

    def run(self, made: Made, given: Mapping[str, Any]) -> Told | None:
        """Return the arrays with edits made; None where they cannot be."""
        found = self._run(made, given, {})
        if found is None or not made.differentiated:
            return found
        return {**found, **self._gradients(made, given, found)}

    def _gradients(self, made: Made, given: Mapping[str, Any], found: Told) -> Told:
        """Return the gradients of what comes out, by the complex step: an entry of an input at a time."""
        gradients: Told = {}
        for name, array in given.items():
            of = {"x": "d_input", "a": "d_input" if "d_input" in found else "d_a", "mu": "d_mu"}.get(name, f"d{name}")
            of = "d_log_variance" if name == "log_variance" else of
            if of not in found or not isinstance(array, np.ndarray) or found[of].shape != array.shape:
                continue
            slope = np.zeros(array.shape)
            for at in np.ndindex(array.shape):
                moved = array.astype(complex)
                moved[at] += 1j * STEP
                told = self._run(made, {**given, name: moved}, analytic.BESIDE)
                slope[at] = np.nan if told is None else sum(_weighed(told, given)).imag / STEP
            gradients[of] = slope
        return gradients

    def _run(self, made: Made, given: Mapping[str, Any], beside: Mapping[str, Any]) -> Told | None:
        namespace = {**self._namespace, **beside, FACTOR: made.value}
        namespace |= {name: one.default for name, one in self._parameters.items()}
        namespace |= {name: _kept(given[name]) for name in self._parameters if name in given}
        try:
            for code in _codes(self, made.edits, bool(beside)):
                exec(code, namespace)  # our own source
            found = {
                name: np.asarray(array, complex if beside else float) for name, array in namespace[_RESULT].items()
            }
            factor = eval(made.by, namespace)  # our own source
            return {name: factor * array if name in made.scaled else array for name, array in found.items()}
        except Exception:  # an edit may make nonsense of a formula in any way
            return None

    def codes(self, made: tuple[Edit, ...], real: bool) -> Iterator[CodeType]:
        """Compile what is to be run; if `real`, so that it compares the real parts of numbers alone."""
        for name, function in self._functions.items():
            own = tuple(edit for edit in made if edit.function == name)
            yield _compiled(rebuilt(function, own), real) if own else _once(function, real)
        own = tuple(edit for edit in made if edit.function == self._entry)
        touched = {id(self._tops[key]) for edit in own for key in edit.statements}
        for edit in own:
            yield from (_compiled(one, real) for one in edit.start)
        for top in self._body:
            if id(top) in touched:
                yield from (_compiled(one, real) for one in replaced([top], own))
            else:
                yield _once(top, real)

    def edits(self, case: Case) -> Iterator[Edit]:
        """Make every edit of the lines that a case runs."""
        live: set[int] = set()
        last: dict[str, Mapping[str, Any]] = {}

        def _trace(frame: FrameType, event: str, _: object) -> Any:
            if frame.f_code.co_filename != _SOURCE:
                return None
            live.add(frame.f_lineno)
            if event == "return":
                last[frame.f_code.co_name] = dict(frame.f_locals)
            return _trace

        before = sys.gettrace()
        sys.settrace(_trace)
        try:
            self.told(Made(), case)
        finally:
            sys.settrace(before)
        own = {*self._namespace, FACTOR, _RESULT} - set(self._parameters)
        variables = {name: value for name, value in last.pop("<module>", {}).items() if name not in own}
        self.sizes = sizes_of(variables, [name for name in self._parameters if name in variables])
        yield from edits(self._entry, list(self._parameters), self._body, live, variables)
        for name, here in last.items():
            function = self._functions[name]
            yield from edits(name, [one.arg for one in function.args.args], function.body, live, here)


@lru_cache(maxsize=8)  # what is run with one number after the other
def _codes(formula: Formula, made: tuple[Edit, ...], real: bool) -> tuple[CodeType, ...]:
    return tuple(formula.codes(made, real))


def _weighed(told: Told, given: Mapping[str, Any]) -> Iterator[complex]:
    """Yield what the gradients are those of: what comes out times the gradient from above, or a loss."""
    if "d_output" in given:
        yield (told["output" if "output" in told else "value"] * given["d_output"]).sum()
    elif "d_sample" in given:
        yield (told["sample"] * given["d_sample"]).sum() + complex(told["kl"])
    else:
        yield complex(next(told[name] for name in ("loss", "penalty", "ssim") if name in told))


def _compiled(statement: ast.stmt, real: bool) -> CodeType:
    """Compile a statement; if `real`, so that it compares the real parts of numbers alone."""
    if real:
        statement = analytic.OfRealParts().visit(copy.deepcopy(statement))
    if isinstance(statement, ast.Return) and statement.value is not None:
        statement = ast.Assign([ast.Name(_RESULT, ast.Store())], statement.value)
    return compile(ast.fix_missing_locations(ast.Module([statement], [])), _SOURCE, "exec")


_once = cache(_compiled)


@cache
def _functions(module: Any, entry: str) -> dict[str, ast.FunctionDef]:
    """Return a function and those of its module that it calls, by their names."""
    tree = ast.parse(inspect.getsource(module))
    known = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    found: dict[str, ast.FunctionDef] = {}
    wanted = [entry]
    while wanted:
        name = wanted.pop()
        found[name] = known[name]
        called = {node.id for node in ast.walk(known[name]) if isinstance(node, ast.Name)}
        wanted += [other for other in called if other in known and other not in found]
    return found


def _kept(value: Any) -> Any:
    """Return an array that nothing can write into; lists of whole numbers as tuples."""
    if isinstance(value, np.ndarray):
        value = value.view()
        value.flags.writeable = False
        return value
    return tuple(value) if isinstance(value, list) else value


def read_as(x: Array, order: tuple[int, ...]) -> Array:
    """Read the numbers of an array as if its axes lay in another order."""
    return x.reshape([x.shape[k] for k in order]).transpose(np.argsort(order))


def shifted(x: Array, axes: tuple[int, ...], by: int) -> Array:
    """Move an array a place along some axes; zeros come in."""
    for axis in axes:
        x = np.moveaxis(np.roll(x, by, axis), axis, 0).copy()
        x[0 if by > 0 else -1] = 0
        x = np.moveaxis(x, 0, axis)
    return x


def standardised(x: Array) -> Array:
    """Normalise over the first axis, as batch normalisation does, with its usual eps."""
    centred = x - x.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=0) + 1e-5))


def layer_normalised(x: Array) -> Array:
    """Normalise over the last axis, with the usual eps of layer normalisation."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5))


def as_float32(x: Array) -> Array:
    """Round to single precision."""
    return np.asarray(x, np.float32).astype(np.float64)


def as_float16(x: Array) -> Array:
    """Round to half precision."""
    return np.asarray(x, np.float16).astype(np.float64)


def as_bfloat16(x: Array) -> Array:
    """Round to the eight digits of bfloat16."""
    mantissa, exponent = np.frexp(x)
    return np.asarray(np.ldexp(np.rint(mantissa * 256) / 256, exponent))


_BESIDE = {
    "sigmoid": sigmoid, "rectify": rectify, "softplus": softplus, "read_as": read_as, "shifted": shifted,
    "standardised": standardised, "layer_normalised": layer_normalised,
    "as_float32": as_float32, "as_float16": as_float16, "as_bfloat16": as_bfloat16,
}  # fmt: skip
