"""Mistakes in a training loop: gradients that are not zeroed, a mask that stays, a loss of another moment.

All mistakes of the autoencoder can be made in every step of it too.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Named, Switch, Told, Unknown, Wrong, mistakes
from scratchdae.conformance.explainer.autoencoder import pass_through, switches
from scratchdae.conformance.explainer.losses import SIGN
from scratchdae.conformance.explainer.recognised import factor
from scratchdae.conformance.explainer.update_rule import OTHERS

BEGIN = 4  # steps that are told first: momentum shows in the third loss
NAMES = ("W", "b", "b_prime")
_STATE = ("m", "v", "w", "max")
ZEROED_EVERY = {f"zeroed_every:{n}": n for n in (2, 3, 4, 5, 8, 10, 25)}
CLIPS = {
    "clipped_by_norm": "the gradient is clipped by its norm",
    "clipped_by_norms": "each gradient is clipped by a norm of its own",
    "clipped_by_value": "each entry of the gradient is cut",
}
LIMITS = (0.05, 0.25)
RATES: dict[str, tuple[str, Callable[[int, int], float]]] = {  # of the step's number from 0, and of how many there are
    "lr_falls": ("falls as 1/t", lambda t, _: 1 / (t + 1)),
    **{f"lr_warms_up:{n}{':0' * z}": (f"warms up over {n} steps, as {'(t - 1)' if z else 't'}/{n}",
                                      lambda t, _, n=n, z=z: min(1, (t + 1 - z) / n))  # type: ignore[misc]
       for z in (0, 1) for n in (2, 3, 4, 5, 8, 10, 20, 50, 100)},
    "lr_falls_as_root": ("falls as 1/√t", lambda t, _: (t + 1) ** -0.5),
    "lr_falls_to_0": ("falls to 0 in a straight line", lambda t, n: 1 - t / n),
    "lr_cosine": ("falls to 0 along a cosine", lambda t, n: 0.5 * (1 + math.cos(math.pi * t / n))),
    **{f"lr_times:{k:g}": (f"is multiplied by {k:g} after every step", lambda t, _, k=k: k**t)  # type: ignore[misc]
       for k in (0.99, 0.95, 0.9, 0.5, 0.1)},
}  # fmt: skip
IN_TURN = {f"in_turn:{'-'.join(order)}": order for order in permutations(("W", "b", "b_prime"))}
OTHER_RULES = ("RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Adamax")
# a second number beside a limit or a decay, for which a search would be long
ALONE = "dW factor, db, db_prime, encoder term, decoder term, gradient factor, momentum, penalty in gradient"
LOOP = mistakes(
    ("never_zeroed", "gradient sum", "gradients are never zeroed: each step takes the sum of all so far"),
    *((id, "gradient sum", f"gradients are zeroed every {n} steps alone: they accumulate over {n}")
      for id, n in ZEROED_EVERY.items()),
    ("same_mask", "mask", "the mask of the first step is used in all"),
    ("mask_of_last_step", "mask", "each step uses the mask of the step before"),
    ("input_of_last_step", "input of step", "each step encodes the input of the step before; its target is its own"),
    ("batch_of_last_step", "batch", "each step uses the batch of the step before, with its own mask"),
    ("gradient_of_last_step", "gradient sum", "each step uses the gradient of the step before, the first its own"),
    ("lr_falls", "lr", f"the learning rate {RATES['lr_falls'][0]}"),
    ("same_batch", "batch", "the first batch is used in every step"),
    ("batches_reversed", "batch", "the batches come in reverse order"),
    ("loss_after_step", "losses", "the losses are those after each step, not before it"),
    ("running_mean_of_losses", "losses", "the losses are running means"),
    ("a_step_too_few", "steps", "the first batch is evaluated, but no step is taken on it"),
    ("reported_last", "reported", "all parameters shown are those of the end: what is kept is one array that changes"),
    ("reported_before_step", "reported", "the parameters shown after a step are those from before it"),
    ("weights_in_turn", "order of updates", "the biases are updated first, and dW is computed with the new ones"),
    *((id, f"clip, {ALONE}", f"{words} to {{value}} before each step", Unknown("limit", 1e9, (), LIMITS))
      for id, words in CLIPS.items()),
)  # fmt: skip
RARE = mistakes(
    *((id, "lr", f"the learning rate {words}") for id, (words, _) in RATES.items() if id != "lr_falls"),
    *((id, "order of updates", f"{', '.join(order)} are updated in turn, each with a gradient of its own forward pass")
      for id, order in IN_TURN.items()),
    *((f"rule:{rule}", "rule", f"the rule is {rule}, with PyTorch's numbers") for rule in OTHER_RULES),
    ("sign_of_gradient", "rule", "only the sign of each gradient is used"), late=True)  # fmt: skip
_MOMENTUM = Unknown("momentum", 0.0, (), (0.9, 0.5), "rate")
_DECAY = Unknown("weight_decay", 0.0, (), (0.1, 0.01, 1e-3, 1e-4), "log")


def of_a_step(alone: str) -> tuple[Switch, ...]:
    """Make the switches of what a step has besides its gradients; `alone` is what is not off beside them."""
    has = "there is momentum, {value}"
    return mistakes(
        ("momentum", "momentum", f"{has}, where the case has none", _MOMENTUM),
        ("nesterov", f"momentum, {alone}", f"{has}, of Nesterov's kind, where the case has none", _MOMENTUM),
        ("weight_decay", f"decay, {alone}", "there is weight decay, {value}, of weights and biases", _DECAY),
        ("weights_decay", f"decay, {alone}", "there is weight decay, {value}, of the weights alone", _DECAY),
        ("rule:Adam", "rule, momentum", "the rule is Adam, where the case has gradient descent"),
    )


def learning_rate(lr: float, *excludes: str) -> Switch:
    """Make the switch of a learning rate that is another, perhaps one that somebody's framework has of itself."""
    plain = factor("lr_factor", "the learning rate", {}, *excludes, zero=False)
    assert plain.unknown is not None
    rates = {1e-3: "a default of PyTorch and of Keras' Adam", 0.01: "the default of Keras' SGD", 0.1: "a usual one"}
    named = [
        Named(rate / lr, f"lr_is:{rate:g}", f"the learning rate is {rate:g}, {words}, where the case has {lr:g}")
        for rate, words in rates.items()
        if not any(math.isclose(rate / lr, one.value) for one in (*plain.unknown.named, Named(1.0, "", "")))
    ]
    starts = (1.0, *(one.value for one in named))
    return replace(plain, unknown=replace(plain.unknown, named=(*plain.unknown.named, *named), starts=starts))


def account(case: Case, found: Mapping[str, Array], dtype: str) -> Account:
    """Tell a run of gradient descent."""
    conventions = case.conventions
    own = [switch for switch in switches(case.inputs, conventions) if "not_summed" not in switch.id]
    own = [switch for switch in own if switch.excludes != {"shape of loss"}]
    own = [switch for switch in own if switch.id not in ("clean_z_reported", SIGN.id)]
    lr = learning_rate(conventions["lr"], "gradient factor")
    assert lr.unknown is not None
    up = "the step goes uphill: the gradient is added, not subtracted, or has the wrong sign"
    named = (replace(one, sentence=up) if one.id == "lr_factor:sign" else one for one in lr.unknown.named)
    lr = replace(lr, unknown=replace(lr.unknown, named=tuple(named)))

    def _told(wrong: Wrong) -> Told:
        losses, params = run(case.inputs, conventions, wrong, dtype, len(case.inputs["x"]))
        arrays = {"losses": losses}
        for name in case.expected:
            if "_after_" in name:
                key, step = name.split("_after_")
                at = -1 if "reported_last" in wrong else int(step) - ("reported_before_step" in wrong)
                arrays[name] = params[at][key]
        return arrays

    def _begin(wrong: Wrong) -> Told:
        losses, params = run(case.inputs, conventions, wrong, dtype, BEGIN)
        told = {"losses": losses, "W_after_1": params["reported_before_step" not in wrong]["W"]}
        return told | ({"W_after_1": found["W_after_1"]} if "reported_last" in wrong and "W_after_1" in found else {})

    return Account((*own, *LOOP, *RARE, *of_a_step(f"clip, {ALONE}"), lr), _told, _begin)


def run(
    inputs: Mapping[str, Array], conventions: Mapping[str, Any], wrong: Wrong, dtype: str, steps: int
) -> tuple[Array, list[dict[str, Array]]]:
    """Tell so many steps: the loss of each, and the parameters before the first and after each."""
    lr = conventions["lr"] * wrong.get("lr_factor", 1.0)
    momentum = wrong.get("momentum", wrong.get("nesterov", 0.0))
    zeroed_every = next((n for id, n in ZEROED_EVERY.items() if id in wrong), 0 if "never_zeroed" in wrong else 1)
    params = {name: inputs[name] for name in NAMES}
    velocity = {name: np.zeros_like(value) for name, value in params.items()}
    accumulated = stale = velocity
    states = {name: dict.fromkeys(_STATE, 0 * value) | {"mu": np.ones(())} for name, value in params.items()}
    rule = next((OTHERS[id.removeprefix("rule:")] for id in wrong if id.startswith("rule:")), OTHERS["plain SGD"])
    rate_of = next((RATES[id][1] for id in RATES if id in wrong), lambda *_: 1.0)
    in_turn = next((IN_TURN[id] for id in IN_TURN if id in wrong), ())

    all_params, losses = [params], []
    for step in range(steps):
        batch = _batch(inputs, step, wrong)
        told = pass_through({**batch, **params}, conventions, wrong, dtype)
        if "weights_in_turn" in wrong:
            moved = {name: params[name] - lr * told[f"d{name}"] for name in ("b", "b_prime")}
            told["dW"] = pass_through({**batch, **params, **moved}, conventions, wrong, dtype)["dW"]
        moved = dict(params)
        for name in in_turn:
            told[f"d{name}"] = pass_through({**batch, **moved}, conventions, wrong, dtype)[f"d{name}"]
            moved[name] = moved[name] - lr * told[f"d{name}"]
        fresh = zeroed_every and step % zeroed_every == 0
        accumulated = {name: told[f"d{name}"] + (0 if fresh else accumulated[name]) for name in NAMES}
        if "gradient_of_last_step" in wrong:
            accumulated, stale = stale if step else {name: told[f"d{name}"] for name in NAMES}, accumulated
        decay = dict.fromkeys(NAMES, wrong.get("weight_decay", 0.0))
        decay["W"] = wrong.get("weights_decay", decay["W"])
        if "sign_of_gradient" in wrong:
            accumulated = {name: np.sign(g) for name, g in accumulated.items()}
        clipped = _clipped({name: accumulated[name] + decay[name] * params[name] for name in NAMES}, wrong)
        velocity = {name: momentum * velocity[name] + clipped[name] for name in NAMES}
        ahead = {name: clipped[name] + momentum * velocity[name] for name in NAMES} if "nesterov" in wrong else velocity
        if not (step == 0 and "a_step_too_few" in wrong):
            rate = lr * rate_of(step, len(inputs["x"]))
            change = {name: rule(ahead[name], rate, step, states[name], {}) for name in NAMES}
            params = {name: params[name] - change[name] for name in NAMES}
        if "loss_after_step" in wrong:
            told = pass_through({**batch, **params}, conventions, wrong, dtype)
        losses.append(float(told["loss"]))
        all_params.append(params)
    of_steps = np.array(losses)
    if "running_mean_of_losses" in wrong:
        of_steps = of_steps.cumsum() / np.arange(1, steps + 1)
    return of_steps, all_params


def _clipped(grads: dict[str, Array], wrong: Wrong) -> dict[str, Array]:
    id = next((id for id in CLIPS if id in wrong), "")
    if not id:
        return grads
    limit = wrong[id]
    if id == "clipped_by_value":
        return {name: np.clip(g, -limit, limit) for name, g in grads.items()}
    norms = {name: float(np.sqrt((g**2).sum())) for name, g in grads.items()}
    if id == "clipped_by_norm":
        norms = dict.fromkeys(norms, float(np.sqrt(sum(norm**2 for norm in norms.values()))))
    return {name: g * min(1.0, limit / norms[name]) if norms[name] else g for name, g in grads.items()}


def _batch(inputs: Mapping[str, Array], step: int, wrong: Wrong) -> dict[str, Array]:
    """Return the batch and the mask of a step."""
    of_x = 0 if "same_batch" in wrong else -1 - step if "batches_reversed" in wrong else step
    of_mask, before = of_x, max(step - 1, 0)
    if "batch_of_last_step" in wrong:
        of_x, of_mask = before, step
    of_mask = 0 if "same_mask" in wrong else before if "mask_of_last_step" in wrong else of_mask
    batch = {"x": inputs["x"][of_x], "mask": inputs["mask"][of_mask]}
    if "input_of_last_step" in wrong:
        batch["encoded"] = inputs["x"][before]
    return batch
