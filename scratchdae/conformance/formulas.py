"""What a case computes, written out, where its manifest names a rule and does not print it."""

from collections.abc import Callable, Mapping
from typing import Any

from scratchdae.conformance.case import Case

Conventions = Mapping[str, Any]


def formulas(case: Case) -> list[str]:
    """Write an update rule out as the conventions of a case have it, one line a formula; nothing for others."""
    rule = case.conventions.get("rule")
    if case.operation != "optimizer" or rule not in _RULES:
        return []
    c = case.conventions
    return [*_decay(c), *_RULES[rule](c), "t counts the steps from 1; what is remembered begins at 0 unless said."]


def _decay(c: Conventions) -> list[str]:
    if not c["weight_decay"]:
        return ["g = the gradient given"]
    which = "" if c["decayed"] == "all" else ", for W alone"
    if c["decay"] == "decoupled":
        return ["g = the gradient given", f"θ ← θ - lr · weight_decay · θ before the step{which}"]
    return [f"g = the gradient given + weight_decay · θ{which}"]


def _sgd(c: Conventions) -> list[str]:
    if not c["momentum"]:
        return ["θ ← θ - lr · g"]
    inner, outer = ("lr · ", "") if c["momentum_lr"] == "inside" else ("", "lr · ")
    fresh = "(1 - dampening) · " if c["dampening"] else ""
    ahead = f"({inner}g + momentum · u), with the new u" if c["nesterov"] else "u"
    first = [f"u ← {inner}g at the first step, undamped"] if c["dampening"] else []
    return [f"u ← momentum · u + {fresh}{inner}g", *first, f"θ ← θ - {outer}{ahead}"]


def _rmsprop(c: Conventions) -> list[str]:
    mean = ["w ← decay_rate · w + (1 - decay_rate) · g"] if c["centred"] else []
    v = "v - w²" if c["centred"] else "v"
    lines = ["v ← decay_rate · v + (1 - decay_rate) · g²", *mean, f"s = g / {_root(v, c['epsilon'])}"]
    if not c["momentum"]:
        return [*lines, "θ ← θ - lr · s"]
    inside = c["momentum_lr"] == "inside"
    return [*lines, f"u ← momentum · u + {'lr · ' if inside else ''}s", f"θ ← θ - {'' if inside else 'lr · '}u"]


def _adam(c: Conventions) -> list[str]:
    moments = ["m ← beta1 · m + (1 - beta1) · g", "v ← beta2 · v + (1 - beta2) · g²"]
    if c["epsilon"] == "hat":
        return [*moments, "θ ← θ - lr · sqrt(1 - beta2^t) / (1 - beta1^t) · m / (sqrt(v) + eps)"]
    return [*moments, f"θ ← θ - lr · m / (1 - beta1^t) / {_root('v / (1 - beta2^t)', c['epsilon'])}"]


def _adagrad(c: Conventions) -> list[str]:
    return ["v ← v + g², v = initial before the first step", f"θ ← θ - lr · g / {_root('v', c['epsilon'])}"]


def _root(v: str, epsilon: str) -> str:
    return f"sqrt({v} + eps)" if epsilon == "inside" else f"(sqrt({v}) + eps)"


_RULES: dict[str, Callable[[Conventions], list[str]]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adam,
    "adagrad": _adagrad,
}
