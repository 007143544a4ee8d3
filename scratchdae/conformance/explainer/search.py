"""Search for the smallest sets of mistakes that reproduce an answer: each alone, then two together."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import numpy as np

from scratchdae.conformance.explainer.account import Account, Named, Switch, Wrong, compatible
from scratchdae.conformance.explainer.finding import Finding, Mistake
from scratchdae.conformance.explainer.recognised import is_short, number
from scratchdae.conformance.explainer.recovery import recover, solve
from scratchdae.conformance.explainer.target import Target

LENIENT = 100.0  # allowances by which the first steps may be off: rounding in a value far below the largest


def search(account: Account, target: Target, size: int) -> tuple[Finding, ...]:
    """Find all sets of `size` mistakes that reproduce an answer."""
    findings: dict[str, Finding] = {}  # by their words: two switches with a number in them may end as the same mistake
    with np.errstate(all="ignore"):  # a mistake may well divide by zero
        reach = _reach(account, target) if size > 1 and account.begin is None else {}
        off = {name for name in target.found if target.off(name)}
        for late in (False, True)[: 3 - size]:
            some = [switch for switch in account.switches if switch.late == late]
            for switches in combinations(some, size):
                if compatible(switches) and (not reach or off <= set().union(*(reach[one.id] for one in switches))):
                    for finding in _findings(account, switches, target):
                        words = str(finding)
                        findings[words] = min(findings.get(words, finding), finding, key=lambda one: one.weight)
            if any(finding.weight < 3 for finding in findings.values()):
                break
    return tuple(findings.values())


def _reach(account: Account, target: Target) -> dict[str, set[str]]:
    """Say which arrays each mistake changes at all: no set of mistakes explains an array that none of it reaches."""
    right = {**target.expected, **account.told({})}
    reach = {}
    for switch in account.switches:
        reach[switch.id] = set(target.found)
        if switch.recover is None:
            number_in = switch.unknown
            value = True if number_in is None else (number_in.starts or (0.37 + 0.71 * number_in.neutral,))[0]
            told = {**target.expected, **account.told({switch.id: value})}
            reach[switch.id] = {n for n in target.found if not np.array_equal(told[n], right[n], equal_nan=True)}
    return reach


def cheapest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Keep the findings that assume least."""
    findings = tuple(findings)
    least = min((finding.weight for finding in findings), default=0)
    return tuple(finding for finding in findings if finding.weight == least)


def _findings(account: Account, switches: Sequence[Switch], target: Target) -> Iterator[Finding]:
    fixed: dict[str, object] = {
        switch.id: True for switch in switches if switch.unknown is None and switch.recover is None
    }
    unknown = [switch for switch in switches if switch.unknown is not None]
    special = next((switch for switch in switches if switch.recover is not None), None)
    if special is not None:
        yield from _with_recovered(account, switches, special, fixed, unknown, target)
        return
    start = None
    if account.begin is not None and (first := target.beginning(account.begin({}))).found:
        beginning = Account((), account.begin)
        if unknown:
            solution = solve(beginning, fixed, unknown, first)
            if solution is None:
                return
            start = solution[0]
        elif first.misfit(account.begin(fixed)) > LENIENT:
            return
    if unknown:
        for values, named in recover(account, fixed, unknown, target, start):
            yield Finding(tuple(_mistake(switch, values, named) for switch in switches))
    elif target.misfit(account.told(fixed)) <= 1:
        yield Finding(tuple(_mistake(switch, {}, {}) for switch in switches))


def _with_recovered(
    account: Account,
    switches: Sequence[Switch],
    special: Switch,
    fixed: Wrong,
    unknown: Sequence[Switch],
    target: Target,
) -> Iterator[Finding]:
    """Find what a switch of its own kind holds; a number beside it has to be one that has a name."""
    assert special.recover is not None
    options: list[dict[str, Named]] = [{}]
    if unknown and unknown[0].unknown is not None:
        options = [{unknown[0].id: named} for named in unknown[0].unknown.named]
    for named in options:
        values = {id: name.value for id, name in named.items()}
        value = special.recover({**fixed, **values})
        if value is not None and target.misfit(account.told({**fixed, **values, special.id: value})) <= 1:
            yield Finding(tuple(_mistake(switch, values, named) for switch in switches))


def _mistake(switch: Switch, values: dict[str, float], named: dict[str, Named]) -> Mistake:
    """Say what a switch was found to be."""
    if switch.unknown is None:
        return Mistake(switch.id, switch.sentence, turned=(switch.id, True if switch.recover is None else None))
    value = values[switch.id]
    recovered, turned = {switch.unknown.symbol: value}, (switch.id, value)
    if switch.id in named:
        return Mistake(named[switch.id].id, named[switch.id].sentence, recovered, 1, turned)
    weight = 2 if switch.unknown.symbol != "factor" and is_short(value) else 3
    return Mistake(switch.id, switch.sentence.format(value=number(value)), recovered, weight, turned)
