"""Every small change of a formula that an implementer may have made without meaning to: what a search tries one by one.

A formula is the source of a function of `scratchdae.conformance.plain`. An edit replaces statements of it by others: an
expression is left out or taken for another, a sum runs over other axes, a step takes what belongs to the step before,
statements come in another order. Nothing here knows what the formula computes.
"""

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from scratchdae.conformance.explainer.variants import FACTOR, Scope, Variant, of_array, parsed, variants, whole

_WHOLE = ("is left out", "comes ")  # said of a whole statement


@dataclass(frozen=True, eq=False)
class Edit:
    """One change of a formula."""

    function: str  # the function of the formula that it is made in
    at: ast.stmt  # the statement
    statements: Mapping[int, list[ast.stmt]]  # what stands in place of which statement, by its `id`
    rank: float  # how far-fetched: of edits that compute the same, the least is told
    words: Callable[[], str]  # what it is; ``{value}`` stands for its number
    start: tuple[ast.stmt, ...] = ()  # what is added at the beginning of the function
    old: ast.expr | None = None  # if it replaces one expression: which,
    new: ast.expr | None = None  # and by what
    neutral: float | None = None  # where it holds the number FACTOR, the value of it that changes nothing

    @cached_property
    def sentence(self) -> str:
        """Say what it is, and in which statement."""
        words = self.words()
        if not self.statements:
            return words
        return f"{'' if words.startswith(_WHOLE) else 'in '}`{_head(self.at)}` {words}"


def edits(
    function: str, given: Sequence[str], body: list[ast.stmt], live: set[int], variables: Mapping[str, Any]
) -> Iterator[Edit]:
    """Make every edit of the lines of a function that were run.

    It is told by its name, by the names of what it is given, and by what it left in its variables.
    """
    scope = Scope.of(
        variables,
        [name for name in given if name in variables],
        (node for top in body if top.lineno in live for node in ast.walk(top)),
    )
    yield from _of_block(function, body, live, scope, False)
    for name, value in variables.items():
        if type(value) is float:
            said = partial(str, f"`{name}` is {{value}}, where the case has {value:g}")
            yield Edit(function, body[0], {}, 4, said, _statements(f"{name} = {FACTOR}"), neutral=value)
        elif name in given and isinstance(value, np.ndarray) and value.dtype.kind == "f":
            node = ast.Name(name, ast.Load())
            found = (*of_array(name, node, scope), *whole(node, value.shape, scope))
            for variant in {ast.unparse(one.new): one for one in found}.values():
                start = ast.Assign([ast.Name(name, ast.Store())], variant.new, lineno=0)
                words = partial(_throughout, node, variant)
                yield Edit(function, body[0], {}, variant.rank + 0.5, words, (start,), neutral=variant.neutral)


def _throughout(node: ast.expr, variant: Variant) -> str:
    return f"{variant.told(node)}, wherever it is used"


def apart(one: Edit, other: Edit) -> bool:
    """Say whether two edits can be made together: of different statements, or of different parts of one."""
    if not set(one.statements) & set(other.statements):
        return True
    if one.old is None or other.old is None or one.at is not other.at:
        return False
    return not {id(node) for node in ast.walk(one.old)} & {id(node) for node in ast.walk(other.old)}


def rebuilt(function: ast.FunctionDef, made: tuple[Edit, ...]) -> ast.FunctionDef:
    """Return a function with edits made."""
    whole = copy.copy(function)
    whole.body = [*(one for edit in made for one in edit.start), *replaced(function.body, made)]
    return whole


def replaced(body: list[ast.stmt], made: tuple[Edit, ...]) -> list[ast.stmt]:
    """Return statements with edits made."""
    statements: dict[int, list[ast.stmt]] = {}
    for edit in made:
        for key, new in edit.statements.items():
            if key in statements and edit.old is not None and edit.new is not None:  # another part of it is edited
                both = _replaced(statements[key][0], edit.old, edit.new)
                statements[key] = [both] if isinstance(both, ast.stmt) else statements[key]
            else:
                statements[key] = new
    return _block(body, statements)


def _block(body: list[ast.stmt], statements: Mapping[int, list[ast.stmt]]) -> list[ast.stmt]:
    found = []
    for old in body:
        for one in statements.get(id(old), [old]):
            if isinstance(one, (ast.For, ast.If)):
                one = copy.copy(one)
                one.body = _block(one.body, statements)
                one.orelse = _block(one.orelse, statements)
            found.append(one)
    return found


def _of_block(name: str, body: list[ast.stmt], live: set[int], scope: Scope, looped: bool) -> Iterator[Edit]:
    body = [one for one in body if one.lineno in live]
    for one in body:
        for old, variant in _of_statement(one, scope):
            made = _replaced(one, old, variant.new)
            if isinstance(made, ast.stmt):
                words = partial(variant.told, old)
                yield Edit(name, one, {id(one): [made]}, variant.rank, words, (), old, variant.new, variant.neutral)
        if isinstance(one, (ast.For, ast.If)):
            yield from _of_block(name, one.body, live, scope, looped or isinstance(one, ast.For))
            yield from _of_block(name, one.orelse, live, scope, looped)
        if isinstance(one, ast.Assign):
            yield from _everywhere(name, one, scope)
            yield Edit(name, one, {id(one): [ast.Pass()]}, 1, partial(str, "is left out"))
    yield from _moved(name, body)
    if looped:
        yield from _of_other_steps(name, body)


def _everywhere(function: str, statement: ast.Assign, scope: Scope) -> Iterator[Edit]:
    """Yield a statement in which a variable that it reads more than once is another throughout."""
    read = [node for node in ast.walk(statement.value) if isinstance(node, ast.Name) and node.id in scope.shapes]
    for own in sorted({node.id for node in read if sum(other.id == node.id for other in read) > 1}):
        shape = scope.shapes[own]
        others = [name for name in scope.shapes if name != own and scope.shapes[name] == shape]
        for other in (*others, f"(1 - {own})", f"(2 * {own})", f"({own} ** 2)"):
            made: ast.AST = statement
            for node in read:
                if node.id == own:
                    made = _replaced(made, node, parsed(other)) or made
            if isinstance(made, ast.stmt):
                words = partial(str, f"`{other.strip('()')}` stands for `{own}` throughout")
                yield Edit(function, statement, {id(statement): [made]}, 1, words)


def _of_statement(statement: ast.stmt, scope: Scope) -> Iterator[tuple[ast.expr, Variant]]:
    """Yield an expression of a statement, and what to put there."""
    roots: list[ast.expr] = []
    if isinstance(statement, ast.For):
        roots = [statement.iter]
    elif isinstance(statement, ast.If):
        for truth in (True, False):
            yield statement.test, Variant(ast.Constant(truth), 1)
    elif isinstance(statement, ast.Assign):
        roots = [statement.value, *(target for target in statement.targets if isinstance(target, ast.Subscript))]
    elif isinstance(statement, ast.Return) and statement.value is not None:
        roots = list(statement.value.values) if isinstance(statement.value, ast.Dict) else [statement.value]
    if isinstance(statement, (ast.Assign, ast.Return)):
        for value in roots[:1] if isinstance(statement, ast.Assign) else roots:
            name = statement.targets[0] if isinstance(statement, ast.Assign) else value
            shape = scope.shapes.get(name.id) if isinstance(name, ast.Name) else None
            yield from ((value, variant) for variant in whole(value, shape, scope))
    for root in roots:
        for node in ast.walk(root):
            if isinstance(node, ast.expr):
                yield from ((node, variant) for variant in variants(node, scope))


def _moved(name: str, body: list[ast.stmt]) -> Iterator[Edit]:
    """Yield a statement in another place of its block, where another statement can tell."""
    stored, read = [_names(one, ast.Store) for one in body], [_names(one, ast.Load) for one in body]
    for k, one in enumerate(body):
        for n, other in enumerate(body):
            between = range(k + 1, n + 1) if n > k else range(n, k)
            tell = any(stored[k] & (read[m] | stored[m]) or read[k] & stored[m] for m in between)
            if tell and isinstance(one, ast.Assign) and not isinstance(other, ast.Return):
                order = [other, one] if n > k else [one, other]
                words = f"comes {'after' if n > k else 'before'} `{_head(other)}`"
                yield Edit(name, one, {id(one): [], id(other): order}, 2 + abs(n - k) / 100, partial(str, words))


def _of_other_steps(name: str, body: list[ast.stmt]) -> Iterator[Edit]:
    """Yield what takes a value of another step of a loop, or adds to it."""
    stored = {own for one in body for own in _names(one, ast.Store)}
    for one in body:
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            own = one.targets[0].id
            summed = [one, *_statements(f"{own} = {own} + before__\nbefore__ = {own}")]
            words = f"`{own}` is added to what it was at the steps before"
            yield Edit(name, one, {id(one): summed}, 1, partial(str, words), _statements("before__ = 0"))
            kept = [one, *_statements(f"before__ = {own} if before__ is None else before__\n{own} = before__")]
            words = f"`{own}` is that of the first step throughout"
            yield Edit(name, one, {id(one): kept}, 1, partial(str, words), _statements("before__ = None"))
        loads = (n for n in ast.walk(one) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id in stored)
        for node in loads if not isinstance(one, (ast.For, ast.If)) else ():
            for first, words in ((node.id, ""), (f"0 * {node.id}", ", at the first step zero")):
                made = _replaced(one, node, parsed(f"({first} if before__ is None else before__)"))
                after = _statements(f"before__ = {node.id}")
                if isinstance(made, ast.stmt):
                    last = body[-1]
                    both = {id(one): [made, *after]} if one is last else {id(one): [made], id(last): [last, *after]}
                    told = partial(str, f"`{node.id}` is that of the step before{words}")
                    yield Edit(name, one, both, 1, told, _statements("before__ = None"))


def _statements(source: str) -> tuple[ast.stmt, ...]:
    return tuple(ast.parse(source).body)


def _names(statement: ast.stmt, kind: type[ast.expr_context]) -> set[str]:
    found = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, kind)}
    if kind is ast.Store:  # an entry of an array is a part of it
        targets = (n for n in ast.walk(statement) if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store))
        found |= {target.value.id for target in targets if isinstance(target.value, ast.Name)}
    return found


def _replaced(tree: ast.AST, old: ast.expr, new: ast.expr) -> ast.AST | None:
    """Return a copy in which one node is another; what is not on the way to it is shared. None if it is not in it."""
    if tree is old:
        return new
    for name, value in ast.iter_fields(tree):
        if isinstance(tree, (ast.For, ast.If)) and name in ("body", "orelse"):
            continue
        entries = value if isinstance(value, list) else [value]
        for k, entry in enumerate(entries):
            if isinstance(entry, ast.AST) and (made := _replaced(entry, old, new)) is not None:
                found = copy.copy(tree)
                setattr(found, name, [*entries[:k], made, *entries[k + 1 :]] if isinstance(value, list) else made)
                return found
    return None


def _head(statement: ast.stmt) -> str:
    """Print a statement, of a loop or a branch its first line."""
    if isinstance(statement, ast.For):
        return f"for {ast.unparse(statement.target)} in {ast.unparse(statement.iter)}"
    if isinstance(statement, ast.If):
        return f"if {ast.unparse(statement.test)}"
    return ast.unparse(statement)
