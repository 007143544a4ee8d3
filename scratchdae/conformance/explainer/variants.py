"""What may stand in place of an expression of a formula: the slips of the hand, by the kind of expression."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np

FACTOR = "number__"  # a number that is not known, in the source of an edit
_NUMBERS = (  # what may be done to an expression with it: the value that changes nothing, and in words
    (f"({{}}) * {FACTOR}", 1.0, "is multiplied by {value}"),
    (f"({{}}) + {FACTOR}", 0.0, "has {value} added to it"),
    (f"np.clip({{}}, -{FACTOR}, {FACTOR})", 1e9, "is cut to [-{value}, {value}]"),
    (f"np.clip({{}}, {FACTOR}, 1 - {FACTOR})", 0.0, "is cut to [{value}, 1 - {value}]"),
    (f"np.maximum({{}}, {FACTOR})", -1e9, "is {value} at least"),
)
_UNARY = (
    "sigmoid",
    "np.tanh",
    "rectify",
    "softplus",
    "np.exp",
    "np.expm1",
    "np.log",
    "np.log1p",
    "np.sqrt",
    "np.abs",
    "np.sign",
    "np.square",
)
_ROUNDED = ("as_float32", "as_float16", "as_bfloat16")
_NORMALISED = ("standardised", "layer_normalised")
_REDUCING = ("sum", "mean", "max", "min")
_AXES = ("0", "1", "2", "3", "(0, 1)", "(0, 2)", "(1, 2)", "(0, 1, 2)")
_PLACES = ("{} - 1", "{} + 1", "max({} - 1, 0)", "0", "-1")  # of an index


class Variant(NamedTuple):
    """What stands in place of an expression."""

    new: ast.expr
    rank: float  # how far-fetched it is
    left_out: ast.expr | None = None  # what is left out, if that is all
    words: str = ""  # of one that holds the number FACTOR,
    neutral: float | None = None  # and the value of that which changes nothing

    def told(self, old: ast.expr) -> str:
        """Say what it is, where `old` is what it stands for."""
        if self.left_out is not None:
            return f"`{ast.unparse(self.left_out)}` is left out"
        if self.words:
            return f"`{ast.unparse(old)}` {self.words}"
        return f"`{ast.unparse(self.new)}` stands for `{ast.unparse(old)}`"


class Scope(NamedTuple):
    """The variables of a function, by their names."""

    shapes: Mapping[str, tuple[int, ...]]  # of arrays and numbers
    sizes: Mapping[str, int]  # those that are sizes, such as B
    steps: list[str]  # those that count the steps of a loop
    counted: frozenset[str]  # those that hold whole numbers or truth values
    entries: Mapping[str, ast.Subscript]  # of arrays, which the function reads: their source

    @classmethod
    def of(cls, variables: Mapping[str, Any], given: Sequence[str], nodes: Iterable[ast.AST]) -> "Scope":
        """Look at what a function left in its variables, at which of them it was given, and at its source."""
        arrays = {n: np.asarray(v) for n, v in variables.items() if isinstance(v, (np.ndarray, np.number, int, float))}
        arrays = {name: array for name, array in arrays.items() if type(variables[name]) is not bool}
        nodes = list(nodes)
        loops = (node.target for node in nodes if isinstance(node, ast.For))
        counted_by = {node.id for target in loops for node in ast.walk(target) if isinstance(node, ast.Name)}
        steps = sorted(counted_by & set(arrays))
        sizes = {name: size for name, size in sizes_of(variables, given).items() if name not in counted_by}
        counted = frozenset(name for name, array in arrays.items() if array.dtype.kind in "biu")
        read = (node for node in nodes if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load))
        return cls(
            {n: a.shape for n, a in arrays.items()}, sizes, steps, counted, {ast.unparse(node): node for node in read}
        )

    def alike(self, name: str) -> list[str]:
        """Name the other arrays of the shape of one."""
        return [other for other, shape in self.shapes.items() if shape == self.shapes.get(name) and other != name]


def sizes_of(variables: Mapping[str, Any], given: Sequence[str]) -> dict[str, int]:
    """Return the sizes that a function names, the batch's first even if it does not."""
    sizes = {name: value for name, value in sorted(variables.items()) if type(value) is int and value > 1}
    arrays = (name for name in given if np.ndim(variables[name]) > 1)
    if "B" not in sizes and (first := next(arrays, "")):
        sizes = {f"len({first})": len(variables[first]), **sizes}
    return sizes


def whole(value: ast.expr, own: tuple[int, ...] | None, scope: Scope) -> Iterator[Variant]:
    """Yield what may be done to the whole of what a statement computes, if that is of the shape `own`."""
    if isinstance(value, (ast.Tuple, ast.Constant)) or (isinstance(value, ast.Attribute) and value.attr == "shape"):
        return
    twice = [name for name, size in scope.sizes.items() if size == 2]
    for pattern, words in (("({}) / {}", "divided"), ("({}) * {}", "multiplied")):
        also = f"is {words} by 2, which is {' and '.join(twice)} too" if twice else ""
        yield Variant(parsed(pattern, value, "2"), 2, None, also)
        for size in scope.sizes:
            yield Variant(parsed(pattern, value, size), 3)
    for pair in combinations(scope.sizes, 2):
        yield Variant(parsed("({}) / ({} * {})", value, *pair), 4)
    for pattern in ("-({})", "0 * ({})", "1 - ({})", "({}) ** 2", "({})[::-1]", "({}) - ({}).mean()"):
        yield Variant(parsed(pattern, *[value] * pattern.count("{}")), 3)
    for part in ("({}).mean(axis=0, keepdims=True)", "({}).mean(axis=1, keepdims=True)", "({}).mean()", "({})[:1]"):
        yield Variant(parsed(f"{part} + 0 * ({{}})", value, value), 4)
    for step in scope.steps:
        for name in (name for name, shape in scope.shapes.items() if not shape and name not in scope.counted):
            yield Variant(parsed("({}) / (1 - {} ** ({} + 1))", value, name, step), 3)
        for pattern, neutral, words in (("({}) * {} ** {}", 1.0, "a step"), ("({}) / (1 + {} * {})", 0.0, "")):
            said = f"is multiplied by {{value}} {words}" if words else f"is divided by 1 + {{value}} {step}"
            yield Variant(parsed(pattern, value, FACTOR, step), 5, None, said, neutral)
    for function in (*_UNARY, *_ROUNDED, *_NORMALISED):
        yield Variant(parsed(f"{function}({{}})", value), 3)
    yield from _numbers(value)
    norm = f"({{}}) * np.minimum(1, {FACTOR} / np.sqrt((({{}}) ** 2).sum()))"
    yield Variant(parsed(norm, value, value), 5, None, "is scaled to the norm {value} where it has more", 1e9)
    for name, shape in scope.shapes.items():
        if shape and shape == own:
            for function in _UNARY:
                yield Variant(parsed(f"{function}({{}})", name), 4)
            yield Variant(parsed("({}) * {}", value, name), 4)
            yield Variant(parsed("({}) * ({} * (1 - {}))", value, name, name), 4)
            added = f"has {{value}} times `{name}` added to it"
            yield Variant(parsed("({}) + {} * {}", value, FACTOR, name), 6, None, added, 0.0)


def variants(node: ast.expr, scope: Scope) -> Iterator[Variant]:
    """Yield what may stand in place of an expression."""
    match node:
        case ast.BinOp(left, op, right):
            yield from _of_operator(left, op, right, scope)
        case ast.UnaryOp(ast.USub(), operand):
            yield Variant(operand, 1)
        case ast.Compare(left, [op], [right]):
            for kind in (ast.Lt, ast.LtE, ast.Gt, ast.GtE):
                if not isinstance(op, kind):
                    yield Variant(ast.Compare(left, [kind()], [right]), 1)
        case ast.Call():
            yield from _of_call(node)
        case ast.Attribute(value, "T"):
            yield Variant(value, 1)
            yield Variant(parsed("({}).reshape(({}).T.shape)", value, value), 1)
        case ast.Subscript():
            yield from _of_entry(node, scope)
        case ast.Name(name) if scope.shapes.get(name) == ():
            yield from _of_number(name, node, scope)
        case ast.Name(name) if name in scope.shapes:
            yield from of_array(name, node, scope)
        case ast.Constant(number) if isinstance(number, (int, float)) and not isinstance(number, bool):
            for other in sorted({0, 1, 2, -1, number + 1, number - 1} - {number}):
                yield Variant(ast.Constant(other), 2)
            for name, shape in scope.shapes.items():
                if not shape:
                    yield Variant(parsed(name), 2)
            if isinstance(number, float):
                yield Variant(parsed(FACTOR), 4, None, "is {value}", number)


def parsed(pattern: str, *parts: ast.expr | str) -> ast.expr:
    """Return the expression that a pattern is with these in its places."""
    for k, part in enumerate(parts):
        pattern = pattern.replace("{}", part if isinstance(part, str) else f"part_{k}", 1)
    tree = ast.parse(pattern, mode="eval").body
    found: ast.expr = _Filling({f"part_{k}": part for k, part in enumerate(parts)}).visit(tree)
    return found


class _Filling(ast.NodeTransformer):
    def __init__(self, parts: Mapping[str, ast.expr | str]) -> None:
        self._parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        part = self._parts.get(node.id, node)
        return part if isinstance(part, ast.expr) else node


def _numbers(value: ast.expr) -> Iterator[Variant]:
    for pattern, neutral, words in _NUMBERS:
        yield Variant(parsed(pattern, *[value] * pattern.count("{}")), 5, None, words, neutral)


def _of_operator(left: ast.expr, op: ast.operator, right: ast.expr, scope: Scope) -> Iterator[Variant]:
    yield Variant(left, 0, right)
    match op:
        case ast.Add() | ast.Sub():
            adds = isinstance(op, ast.Add)
            yield Variant(right if adds else ast.UnaryOp(ast.USub(), right), 0, left)
            yield Variant(ast.BinOp(left, ast.Sub() if adds else ast.Add(), right), 0)
            yield Variant(ast.BinOp(right, ast.Sub(), left), 1)
            yield Variant(ast.BinOp(left, ast.Mult(), right), 2)
        case ast.Mult():
            yield Variant(right, 0, left)
            if ast.unparse(right) == f"1 - {ast.unparse(left)}":  # the sigmoid's derivative for another
                yield Variant(parsed("1 - ({}) ** 2", left), 1)
                for name in scope.entries if "[" in ast.unparse(left) else scope.alike(ast.unparse(left)):
                    yield Variant(parsed("(({}) > 0)", name), 2)
            yield Variant(ast.BinOp(left, ast.Div(), right), 1)
            yield Variant(ast.BinOp(left, ast.Add(), right), 2)
        case ast.Div():
            yield Variant(ast.BinOp(left, ast.Mult(), right), 1)
            yield Variant(ast.BinOp(right, ast.Div(), left), 2)
            for pattern in ("({}) / np.sqrt({})", "({}) / ({}) ** 2"):
                yield Variant(parsed(pattern, left, right), 2)
            words = "has {value} added to its denominator"
            yield Variant(parsed("({}) / (({}) + {})", left, right, FACTOR), 5, None, words, 0.0)
        case ast.FloorDiv():
            yield Variant(ast.BinOp(left, ast.Div(), right), 1)
        case ast.MatMult():
            yield Variant(right, 1, left)
            for pattern in ("({}).T @ ({})", "({}) @ ({}).T", "({}) * ({})"):
                yield Variant(parsed(pattern, left, right), 1)
            for pattern in ("({})[:, :1] @ ({})[:1]", "({})[:, -1:] @ ({})[-1:]"):
                yield Variant(parsed(pattern, left, right), 2)
            yield Variant(parsed("({}) @ ({}).reshape(({}).T.shape)", left, right, right), 2)
            yield Variant(parsed("({}).reshape(({}).T.shape) @ ({})", left, left, right), 2)
        case ast.Pow():
            for part in ("mean", "sum", "max"):
                yield Variant(parsed(f"(({{}}) ** ({{}})).{part}()", left, right), 2)
            for power in (3, 4):
                yield Variant(ast.BinOp(left, op, ast.Constant(power)), 1)
            yield Variant(parsed("np.abs({})", left), 1)


def _of_call(call: ast.Call) -> Iterator[Variant]:
    name, own = ast.unparse(call.func), call.args
    if name in _UNARY:
        yield Variant(own[0], 0)
        for other in _UNARY:
            if other != name:
                yield Variant(parsed(f"{other}({{}})", own[0]), 1)
    elif name in ("np.maximum", "np.minimum"):
        yield from (Variant(one, 1) for one in own)
        yield Variant(parsed(f"np.{'minimum' if 'max' in name else 'maximum'}({{}}, {{}})", *own), 1)
    elif name == "np.where":
        for pattern, one in (
            (f"np.where({{}}, {FACTOR} * ({{}}), {{}})", own[2]),
            (f"np.where({{}}, {{}}, {FACTOR} * ({{}}))", own[1]),
        ):
            words = f"has {{value}} times `{ast.unparse(one)}` in its other branch too"
            yield Variant(parsed(pattern, own[0], one, one), 5, None, words, 1.0)
        yield from (Variant(one, 1) for one in own[1:])
        yield Variant(parsed("np.where({}, {}, {})", own[0], own[2], own[1]), 1)
    elif name == "np.clip" or (name == "reversed" and own):
        yield Variant(own[0], 1)
    elif name == "range" and len(own) == 1:
        for pattern in ("reversed(range({}))", "range(1, {})", "range({} - 1)", "range(1)"):
            yield Variant(parsed(pattern, *own[: pattern.count("{}")]), 1)
    elif isinstance(call.func, ast.Attribute) and call.func.attr in _REDUCING and not name.startswith("np."):
        yield from _of_sum(call, call.func.value, call.func.attr)


def _of_sum(call: ast.Call, array: ast.expr, kind: str) -> Iterator[Variant]:
    rest = ", ".join(ast.unparse(word) for word in call.keywords)
    kept = ", ".join(ast.unparse(word) for word in call.keywords if word.arg != "axis")
    yield Variant(array, 1)
    for other in _REDUCING:
        if other != kind:
            yield Variant(parsed(f"({{}}).{other}({rest})", array), 1)
    for axes in ("", *(f"axis={axis}" for axis in _AXES)):
        for keep in dict.fromkeys((kept, "keepdims=True")):
            if (words := ", ".join(one for one in (axes, keep) if one)) != rest:
                yield Variant(parsed(f"({{}}).{kind}({words})", array), 1)
    for at in ("0", "-1", ":, 0", ":, -1"):
        yield Variant(parsed(f"({{}})[{at}]", array), 2)
    yield Variant(parsed(f"np.sqrt((({{}}) ** 2).{kind}({rest}))", array), 3)


def _of_entry(node: ast.Subscript, scope: Scope) -> Iterator[Variant]:
    entries = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    written = isinstance(node.ctx, ast.Store)
    for k, entry in enumerate(entries):
        for pattern in _PLACES if isinstance(entry, (ast.Name, ast.BinOp, ast.UnaryOp, ast.Constant)) else ():
            changed = [*entries[:k], parsed(pattern, *[entry] * pattern.count("{}")), *entries[k + 1 :]]
            at = ast.Tuple(changed, ast.Load()) if isinstance(node.slice, ast.Tuple) else changed[0]
            yield Variant(ast.Subscript(node.value, at, node.ctx), 3 if written else 1)
    if not written:
        yield Variant(node.value, 2)
        own = ast.unparse(node)
        for name, other in scope.entries.items():
            if name != own:
                yield Variant(other, 1)
            yield Variant(parsed("1 - ({})", other), 4)


def _of_number(name: str, node: ast.expr, scope: Scope) -> Iterator[Variant]:
    for other, shape in scope.shapes.items():
        if other != name and shape == ():
            yield Variant(parsed(other), 1 + 3 * ((other in scope.counted) != (name in scope.counted)))
    for pattern in ("2 * {}", "{} / 2", "{} ** 2", "np.sqrt({})", "{} + 1", "{} - 1", "0", "1", "1 - {}", "-{}"):
        yield Variant(parsed(pattern, *[node] * pattern.count("{}")), 2)
    for size in scope.sizes:
        if size != name:
            yield Variant(parsed(f"{{}} / {size}", node), 3)
            yield Variant(parsed(f"{{}} * {size}", node), 3)
    if name not in scope.counted:
        yield Variant(parsed("{} * {}", node, FACTOR), 4, None, "is multiplied by {value}", 1.0)


def of_array(name: str, node: ast.expr, scope: Scope) -> Iterator[Variant]:
    """Yield what may stand in place of an array."""
    shape = scope.shapes[name]
    for other, own in scope.shapes.items():
        if other != name and own == shape:
            yield Variant(parsed(other), 3 * ((other in scope.counted) != (name in scope.counted)))
    for pattern in ("-{}", "0 * {}", "2 * {}", "{} / 2", "1 - {}", "{} ** 2",
                    "np.roll({}, 1, axis=0)", "np.roll({}, -1, axis=0)"):  # fmt: skip
        yield Variant(parsed(pattern, node), 2)
    for function in (*_UNARY, *_ROUNDED):
        yield Variant(parsed(f"{function}({{}})", node), 3)
    yield Variant(parsed("2 * {} - 1", node), 2)
    yield Variant(parsed("({})[:1] + 0 * {}", node, node), 3)
    moves = ["shifted({}, (1, 2), 1)", "shifted({}, (1, 2), -1)"] if len(shape) == 4 else []
    for move in (*moves, *(f"shifted({{}}, ({axis},), {by})" for axis in range(len(shape)) for by in (1, -1))):
        yield Variant(parsed(move, node), 3)
    for axis in range(len(shape)):
        if shape[axis] > 1:
            yield Variant(parsed(f"np.flip({{}}, {axis})", node), 2)
            yield Variant(parsed(f"({{}}).mean(axis={axis}, keepdims=True) + 0 * {{}}", node, node), 3)
    for order in permutations(range(len(shape))):
        if list(order) != sorted(order):
            yield Variant(parsed(f"read_as({{}}, {order})", node), 2)
            yield Variant(parsed(f"({{}}).transpose({order}).reshape(({{}}).shape)", node, node), 2)
    yield from _numbers(node)
