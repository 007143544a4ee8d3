"""Keras' optimizers: the learning rate is inside the velocity, and weight decay is decoupled.

RMSprop adds eps inside the root; Adam is the eps-hat form. Cases of another convention are unsupported: no option of
Keras leads to them.
"""

from collections.abc import Mapping
from typing import Any

import keras

from scratchdae.conformance.adapter import Unsupported


def make_rule(c: Mapping[str, Any]) -> Any:
    """Make the rule of a case, with a learning rate of 0, which each step sets."""
    decay = c["weight_decay"] or None
    if c.get("dampening"):
        raise Unsupported("Keras has no dampening")
    if c.get("momentum") and c["momentum_lr"] == "outside":
        raise Unsupported("in Keras the velocity contains the learning rate")
    if decay and c["decay"] == "gradient":
        raise Unsupported("weight decay is decoupled in Keras")
    options = {"learning_rate": 0.0, "weight_decay": decay}
    if c["rule"] == "sgd":
        return keras.optimizers.SGD(momentum=c["momentum"], nesterov=c["nesterov"], **options)
    if c["rule"] in ("adagrad", "adadelta", "nadam"):
        return _of_version_2(c, options)
    if c["epsilon"] != ("inside" if c["rule"] == "rmsprop" else "hat"):
        raise Unsupported("eps is inside the root in Keras' RMSprop, and Adam is the eps-hat form")
    options["epsilon"] = c["eps"]
    if c["rule"] == "rmsprop":
        return keras.optimizers.RMSprop(rho=c["decay_rate"], momentum=c["momentum"], centered=c["centred"], **options)
    adam = keras.optimizers.AdamW if c["rule"] == "adamw" else keras.optimizers.Adam
    return adam(beta_1=c["beta1"], beta_2=c["beta2"], **options)


def _of_version_2(c: Mapping[str, Any], options: dict[str, Any]) -> Any:
    options["epsilon"] = c["eps"]
    if c["rule"] == "adadelta":
        return keras.optimizers.Adadelta(rho=c["decay_rate"], **options)
    if c["rule"] == "adagrad" and c["epsilon"] == "inside":
        return keras.optimizers.Adagrad(initial_accumulator_value=c["initial"], **options)
    if c["rule"] == "nadam" and c["momentum_decay"] == 1:
        return keras.optimizers.Nadam(beta_1=c["beta1"], beta_2=c["beta2"], **options)
    raise Unsupported(f"Keras has no such {c['rule']}")
