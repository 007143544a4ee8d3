"""Search for the smallest sets of mistakes that reproduce an answer: each alone, then two together."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from scratchdae.conformance.explainer.account import Account, Named, Switch, Wrong, compatible
from scratchdae.conformance.explainer.finding import Finding, Mistake
from scratchdae.conformance.explainer.recognised import number
from scratchdae.conformance.explainer.recovery import recover, solve
from scratchdae.conformance.explainer.target import Target

LENIENT = 100.0  # allowances by which the first steps may be off: rounding in a value far below the largest


def search(account: Account, target: Target, size: int) -> tuple[Finding, ...]:
    """Find all sets of `size` mistakes that reproduce an answer."""
    findings: dict[str, Finding] = {}  # by their words: two switches with a number in them may end as the same mistake
    with np.errstate(all="ignore"):  # a mistake may well divide by zero
        for switches in combinations(account.switches, size):
            if compatible(switches):
                findings |= {str(finding): finding for finding in _findings(account, switches, target)}
    return tuple(findings.values())


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
        return Mistake(switch.id, switch.sentence)
    value = values[switch.id]
    recovered = {switch.unknown.symbol: value}
    if switch.id in named:
        return Mistake(named[switch.id].id, named[switch.id].sentence, recovered)
    return Mistake(switch.id, switch.sentence.format(value=number(value)), recovered)
