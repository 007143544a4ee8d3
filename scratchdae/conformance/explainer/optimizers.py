"""Mistakes in an update rule: another framework's convention, a bias that is not corrected, a decay of another kind.

`update_rule` tells all rules with a field for every convention; a mistake is a field that differs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer import levels
from scratchdae.conformance.explainer.account import Account, Named, Switch, Told, Unknown, Wrong
from scratchdae.conformance.explainer.recognised import factor
from scratchdae.conformance.explainer.update_rule import OTHERS, RIGHT, trajectory
from scratchdae.optimizers import CONVENTIONS, SGD, Adam, AdamW, RMSprop

RULES: dict[str, type[SGD | RMSprop | Adam]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}
FRAMEWORKS = {"torch": "PyTorch", "optax": "optax", "keras": "Keras"}


class _Flag(NamedTuple):
    id: str
    of: str  # the rules that have it: a tag of `_tags`
    sets: dict[str, Any]
    sentence: str
    late: bool = False


_FLAGS = (
    _Flag("lr_outside_velocity", "momentum", {"momentum_lr": "outside"},
          "the learning rate multiplies the velocity, as in PyTorch, where the case has it inside"),
    _Flag("lr_inside_velocity", "momentum", {"momentum_lr": "inside"},
          "the learning rate is inside the velocity, as in Keras, where the case has it outside"),
    _Flag("nesterov", "sgd momentum", {"nesterov": True}, "the step is Nesterov's, where the case has plain momentum"),
    _Flag("not_nesterov", "sgd momentum", {"nesterov": False},
          "the momentum is plain, where the case has Nesterov's; so it is where Nesterov's step goes along "
          "the velocity before its update"),
    _Flag("nesterov_added", "nesterov", {"lookahead": "added"},
          "Nesterov's step is the velocity and momentum times it, where the gradient and the latter belong", True),
    _Flag("gradient_damped", "sgd momentum", {"velocity_keeps": "share"},
          "the gradient is added before the velocity is multiplied by the momentum: it is damped at once", True),
    _Flag("gradient_a_step_early", "any", {"gradient_is": "next"},
          "each step uses the gradient of the step after it, the last its own", True),
    _Flag("squares_summed", "adaptive", {"v_kept": False, "v_weight": "one"},
          "the squares are summed up, as in Adagrad, not averaged", True),
    _Flag("mean_not_squared", "centred", {"centre": "mean"},
          "the mean is not squared before it is subtracted from the mean square", True),
    _Flag("mean_not_squared:absolute", "centred", {"centre": "mean, absolute"},
          "the mean is not squared before it is subtracted from the mean square, and the sign is lost", True),
    _Flag("decay_shrinks_gradient", "decoupled", {"decay": "shrinks gradient", "decay_times": "nothing"},
          "the gradient is multiplied by 1 - weight_decay, not the parameter", True),
    _Flag("decay_shrinks_gradient:lr", "decoupled", {"decay": "shrinks gradient"},
          "the gradient is multiplied by 1 - lr · weight_decay, not the parameter", True),
    _Flag("first_step_damped", "dampening", {"first_velocity": "damped"}, "dampening concerns the first step too"),
    _Flag("averaged_velocity", "sgd momentum", {"dampening": "momentum", "first_velocity": "damped"},
          "the velocity is an average: the gradient enters it times 1 - momentum"),
    _Flag("no_dampening", "dampening", {"dampening": 0.0}, "the velocity is not damped"),
    _Flag("epsilon_outside", "adaptive", {"epsilon": "outside"},
          "eps is added to the root, where the case has it elsewhere"),
    _Flag("epsilon_inside", "adaptive", {"epsilon": "inside"},
          "eps is added inside the root, where the case has it outside"),
    _Flag("epsilon_hat", "adam", {"epsilon": "hat"},
          "eps is added to the root of the moment before its bias is corrected, as in Keras' Adam"),
    _Flag("epsilon_missing", "adaptive", {"eps": 0.0}, "there is no eps"),
    _Flag("epsilon_twice", "adaptive", {"epsilon": "both"}, "eps is added both inside the root and to it"),
    _Flag("root_missing", "adaptive", {"rooted": False}, "the root of the mean square is not taken"),
    _Flag("mean_square_from_first", "adaptive", {"mean_square_from": "first square"},
          "the mean square begins at the square of the first gradient, not at 0"),
    _Flag("counted_per_array", "adam", {"counted": "arrays"},
          "t is counted on with every array that is updated, not once a step"),
    _Flag("counted_twice", "adam", {"counted": "twice"}, "t is counted on twice in a step: it is 1, 3, 5"),
    _Flag("counted_twice:before", "adam", {"counted": "twice, before"},
          "t is counted on twice before each step: it is 2, 4, 6"),
    _Flag("counted_never", "adam", {"counted": "never"},
          "t stays 1: the bias is corrected in all steps as in the first"),
    _Flag("gradient_a_step_late", "any", {"gradient_is": "last, zero first"},
          "each step uses the gradient of the step before, the first none"),
    _Flag("gradient_a_step_late:first", "any", {"gradient_is": "last, itself first"},
          "each step uses the gradient of the step before, the first its own"),
    _Flag("biases_frozen", "any", {"bias_lr": 0.0}, "the biases are not updated"),
    _Flag("biases_doubled", "any", {"bias_lr": 2.0}, "the biases are updated with twice the learning rate"),
    *(_Flag(f"rule:{rule}", "any", {"rule": rule, "counted": "steps"}, f"the rule is {rule}, with PyTorch's numbers")
      for rule in OTHERS),
    _Flag("no_bias_correction", "adam", {"correction": "none"}, "the bias of both moments is not corrected"),
    _Flag("no_first_correction", "adam", {"correction": "second"}, "the bias of the first moment is not corrected"),
    _Flag("no_second_correction", "adam", {"correction": "first"}, "the bias of the second moment is not corrected"),
    _Flag("doubled_bias_correction", "adam", {"correction": "doubled"}, "the bias of both moments is corrected twice"),
    _Flag("correction_stored", "adam", {"correction": "stored"},
          "the corrected moments are kept, and so corrected again in the next step"),
    _Flag("steps_counted_from_0", "adam", {"first_step": 0},
          "steps are counted from 0: the first correction divides by 0"),
    _Flag("steps_counted_from_2", "adam", {"first_step": 2},
          "steps are counted from 2: the correction is a step ahead"),
    _Flag("betas_exchanged", "adam", {"betas": "exchanged"}, "beta1 and beta2 are exchanged"),
    _Flag("amsgrad", "adam", {"maximum": True}, "the largest second moment so far is used: AMSGrad"),
    _Flag("old_mean_square", "adaptive", {"mean_square": "old"},
          "the step divides by the mean square from before this gradient"),
    _Flag("old_mean_square:first", "adaptive", {"mean_square": "old, first its own"},
          "the step divides by the mean square from before this gradient, the first by its own"),
    _Flag("gradient_not_weighted", "adam", {"m_weight": "one"},
          "the gradient enters the first moment whole, not 1 - beta1 times"),
    _Flag("square_not_weighted", "adaptive", {"v_weight": "one"},
          "the squared gradient enters its mean whole, not times one less the decay rate"),
    _Flag("mean_square_from_1", "adaptive", {"mean_square_from": 1.0},
          "the mean square begins at 1, as in TensorFlow 1"),
    _Flag("centred", "rmsprop", {"centred": True}, "the mean is subtracted from the mean square: centred RMSprop"),
    _Flag("not_centred", "rmsprop", {"centred": False}, "the mean is not subtracted from the mean square"),
    _Flag("decay_decoupled", "any", {"decay": "decoupled"},
          "weight decay is decoupled: θ shrinks by lr · weight_decay, where the case adds it to the gradient"),
    _Flag("decay_in_gradient", "any", {"decay": "gradient"},
          "weight decay is added to the gradient, as L2, where the case has it decoupled"),
    _Flag("decay_without_lr", "decay", {"decay": "decoupled", "decay_times": "nothing"},
          "weight decay is decoupled and not multiplied by the learning rate"),
    _Flag("decay_after_step", "decay", {"decay": "decoupled", "decay_comes": "after"},
          "decoupled weight decay comes after the step, and shrinks that too"),
    _Flag("biases_decay", "decay", {"decayed": "all"}, "biases decay too, where the case decays weights alone"),
    _Flag("biases_do_not_decay", "decay", {"decayed": "weights"}, "biases do not decay, where the case lets them"),
    _Flag("weight_decay:sign", "decay", {"decay_sign": -1.0}, "weight decay has the wrong sign: weights grow by it"),
    _Flag("no_decay", "decay", {"weight_decay": 0.0}, "nothing decays"),
    _Flag("no_momentum", "momentum", {"momentum": 0.0}, "there is no momentum"),
    _Flag("constant_lr", "any", {"lr_of": "first step"}, "the learning rate of the first step is used in all"),
    _Flag("lr_a_step_late", "any", {"lr_of": "last step"}, "each step uses the learning rate of the step before"),
    _Flag("lr_a_step_early", "any", {"lr_of": "next step"}, "each step uses the learning rate of the next"),
    _Flag("sign_of_gradient", "any", {"gradient_is": "sign"}, "only the sign of each gradient is used"),
    _Flag("never_zeroed", "any", {"zeroed_every": 0},
          "gradients are never zeroed: each step takes the sum of all so far"),
    *(_Flag(f"zeroed_every:{n}", "any", {"zeroed_every": n},
            f"gradients are zeroed every {n} steps alone: they accumulate over {n} steps") for n in (2, 3, 4, 5)),
)  # fmt: skip
OTHER_EPSILONS = {"epsilon_squared": "eps is squared", "epsilon_rooted": "the root of eps is taken"}
_BY_ID = {flag.id: flag.sets for flag in _FLAGS}
# field: where it is, values that people use, how it is looked for
_NUMBERS = {
    "momentum": ("sgd or rmsprop", (0.9, 0.5, 0.99), "rate"),
    "dampening": ("sgd momentum", (0.5, 0.1, 0.9), "rate"),
    "decay_rate": ("rmsprop", (0.9, 0.99, 0.95, 0.5), "rate"),
    "beta1": ("adam", (0.9, 0.5), "rate"),
    "beta2": ("adam", (0.999, 0.99, 0.9), "rate"),
    "eps": ("adaptive", (1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3), "log"),
    "weight_decay": ("any", (0.1, 0.01, 1e-3, 1e-4), "log"),
}


def account(case: Case, _found: Mapping[str, Array], _dtype: str) -> Account:
    """Tell the steps of an update rule."""
    if case.conventions["rule"] not in RULES:
        return levels.rule(case)
    W, b, dW, db, lr = (case.inputs[name] for name in ("W", "b", "dW", "db", "lr"))
    theta = np.concatenate([W.ravel(), b])
    gradients = np.concatenate([dW.reshape(len(dW), -1), db], axis=1)
    is_weight = np.arange(theta.size) < W.size
    own = {**RIGHT, **case.conventions}
    conventions = dict(_conventions(own))
    sets = _BY_ID | {id: fields for id, (fields, _) in conventions.items()}

    def _told(wrong: Wrong) -> Told:
        fields = dict(own)
        for id, value in wrong.items():
            fields |= sets.get(id, {id.removeprefix("other_"): value})
        steps = trajectory(theta, gradients, lr, is_weight, fields)
        return {"W_steps": steps[:, : W.size].reshape(-1, *W.shape), "b_steps": steps[:, W.size :]}

    if "eps" in own:
        sets |= {"epsilon_squared": {"eps": own["eps"] ** 2}, "epsilon_rooted": {"eps": own["eps"] ** 0.5}}
    whole = [Switch(id, ", ".join(fields), sentence) for id, (fields, sentence) in conventions.items()]
    whole += [Switch(id, "eps", sentence) for id, sentence in OTHER_EPSILONS.items() if "eps" in own]
    return Account((*_flags(own), *_numbers(own), *whole), _told)


def _tags(own: Mapping[str, Any]) -> set[str]:
    rule = "adam" if own["rule"] == "adamw" else own["rule"]
    sgd, momentum = rule == "sgd", bool(own["momentum"])
    tags = {
        "any": True, rule: True, "adaptive": not sgd, "sgd or rmsprop": rule != "adam", "momentum": momentum,
        "decay": own["weight_decay"], "sgd momentum": sgd and momentum,
        "nesterov": sgd and momentum and own["nesterov"], "dampening": sgd and momentum and own["dampening"],
        "centred": rule == "rmsprop" and own["centred"],
        "decoupled": own["weight_decay"] and own["decay"] == "decoupled",
    }  # fmt: skip
    return {tag for tag, holds in tags.items() if holds}


def _flags(own: Mapping[str, Any]) -> Iterator[Switch]:
    """Yield the mistakes that can be made in a rule, without those that would change nothing."""
    tags = _tags(own)
    for flag in _FLAGS:
        same = flag.id in (f"rule:{RULES[own['rule']].__name__}", "rule:Adam" if own["rule"] == "adamw" else "")
        same |= flag.id == "rule:plain SGD" and own["rule"] == "sgd"  # which is no momentum
        if not same and flag.of in tags and any(own.get(field) != value for field, value in flag.sets.items()):
            yield Switch(flag.id, ", ".join(flag.sets), flag.sentence, late=flag.late)


def _numbers(own: Mapping[str, Any]) -> Iterator[Switch]:
    """Yield the numbers of a rule that may be other ones."""
    tags = _tags(own)
    for field, (of, starts, scale) in _NUMBERS.items():
        if of in tags:
            has = f"where the case has {own[field]:g}" if own[field] else "where the case has none"
            named = tuple(_related(field, own[field]))
            unknown = Unknown(field, own[field], named, tuple(start for start in starts if start != own[field]), scale)
            yield Switch(f"other_{field}", field, f"{field} is {{value}}, {has}", unknown)
    yield factor("lr_factor", "the learning rate", {}, "lr_factor", zero=False)
    yield factor("gradient_factor", "the gradient", {}, "gradient_factor", zero=False)


def _related(field: str, value: float) -> Iterator[Named]:
    """Yield the numbers that people make of a case's own."""
    if field == "weight_decay" and value:
        yield Named(2 * value, "weight_decay:2", f"weight_decay is doubled: 2 · {value:g}")
        yield Named(value / 2, "weight_decay:1/2", f"weight_decay has a factor 1/2: {value:g}/2")
    if value and field in ("momentum", "decay_rate", "beta1", "beta2") and value != 0.5:
        yield Named(1 - value, f"{field}_complement", f"{field} is 1 - {value:g}: the two shares are exchanged")


def _conventions(own: Mapping[str, Any]) -> Iterator[tuple[str, tuple[dict[str, Any], str]]]:
    """Yield the other frameworks' conventions of a rule, with their default numbers: what differs in each."""
    rule = RULES[own["rule"]]
    kept = {"momentum", "nesterov", "dampening", "weight_decay", "centred", "decayed"}
    kept |= set() if own["weight_decay"] else {"decay"}
    options = {"momentum": own["momentum"]} if own["momentum"] else {}
    told: list[dict[str, Any]] = []
    for framework in CONVENTIONS:
        theirs = asdict(rule.of(framework, **options))
        fields = {field: value for field, value in theirs.items() if field not in kept and own[field] != value}
        if len(fields) > 1 and fields not in told:  # one field alone has a name of its own
            told.append(fields)
            differs = ", ".join(f"{field} = {value}" for field, value in fields.items())
            yield f"convention:{framework}", (fields, f"the rule is {FRAMEWORKS[framework]}'s, with {differs}")
