"""Keras 3 on JAX: Keras' losses, layers and optimizers, differentiated by jax.grad.

What they understand otherwise than the cases, and how they are asked for the same:

- ``KERAS_BACKEND`` chooses the backend before Keras is imported; it is set to jax here unless the user has set it.
- Keras computes in ``floatx``, JAX in float32 unless told otherwise: both are set, only as long as an answer takes.
- Keras' type promotion never gives float64. What promotes is computed in float32 whatever ``floatx`` says: every mean,
  so every loss, and tanh, so an LSTM. In float64 the tolerances of these are float32's.
- A loss is a mean over the last axis, then over the batch; the paper's sum over D is that, times D. From logits nothing
  is clipped (from probabilities they are, to [1e-7, 1 - 1e-7]).
- Clipping is an option of an optimizer: clipped gradients are what one step of rate 1 takes from zeros.
- Layers and update rules: see `scratchdae.conformance.adapters.keras_layers` and `keras_rules` beside it.
"""

import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
from jax import numpy as jnp

from scratchdae.arguments import Array
from scratchdae.conformance.adapter import Unsupported
from scratchdae.conformance.adapters.keras_layers import activate, apply
from scratchdae.conformance.adapters.keras_rules import make_rule

MEANS = ("loss", "autoencoder", "training", "pretrain_stack")
TANHS = (
    "tanh_ordinary", "tanh_extreme", "tanh_layer", "lstm_sequence", "lstm_last_output", "lstm_one_step",
    "lstm_saturated", "lstm_initial_state", "lstm_initial_state_last_output", "tanh_small_values", "lstm_primes",
    "lstm_primes_last_output", "lstm_one_step_from_states", "gru_reset_after", "gru_reset_after_last_output",
    "gru_reset_before", "layer_norm", "layer_norm_of_sequences",  # whose means are float32
)  # fmt: skip

Arrays = Mapping[str, Array]
Conventions = Mapping[str, Any]
Answer = dict[str, Any]


def _precise(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """Let Keras and JAX compute in the precision of the adapter, and leave their configuration as it was."""

    @wraps(method)
    def answer(self: "Adapter", inputs: Arrays, conventions: Conventions) -> Answer:
        before = keras.config.floatx()
        keras.config.set_floatx(self.dtype)
        try:
            with jax.enable_x64(self.dtype == "float64"):
                return method(self, {name: jnp.asarray(array) for name, array in inputs.items()}, conventions)
        finally:
            keras.config.set_floatx(before)

    return answer


class Adapter:
    """Keras 3, on JAX; refused if Keras was imported with another backend."""

    name = "keras"

    def __init__(self, dtype: str = "float64") -> None:
        if keras.backend.backend() != "jax":
            raise ValueError(f"KERAS_BACKEND must be jax for this adapter, found {keras.backend.backend()}")
        self.dtype = dtype
        self.tolerances = dict.fromkeys(MEANS, 5e-7) | dict.fromkeys(TANHS, 2e-6)
        if dtype == "float32":
            self.tolerances = {"optimizer": 1e-5}  # Adam's 1 - 0.999^t has lost four digits at the first step

    @_precise
    def activation(self, t: Answer, conventions: Conventions) -> Answer:
        function, slope = conventions["function"], conventions.get("slope", 0.2)
        value, pull_back = jax.vjp(lambda a: activate(function, a, slope), t["a"])
        return {"value": value, "d_input": pull_back(t["d_output"])[0]}

    @_precise
    def loss(self, t: Answer, conventions: Conventions) -> Answer:
        if conventions["loss"] == "absolute_error" and (t["a"] == t["target"]).any():
            raise Unsupported("the derivative of Keras' abs at 0 is 1 on JAX, not 0")
        loss, d_a = jax.value_and_grad(_loss)(t["a"], t["target"], conventions)
        return {"loss": loss, "d_a": d_a}

    @_precise
    def corruption(self, t: Answer, conventions: Conventions) -> Answer:
        return {"x_tilde": _corrupt(t, conventions)}

    @_precise
    def autoencoder(self, t: Answer, conventions: Conventions) -> Answer:
        """Run forwards, and differentiate with respect to the parameters and the corrupted input."""
        params = {name: t[name] for name in ("W", "b", "b_prime", "W_prime") if name in t}
        wanted = params | {"x_tilde": _corrupt(t, conventions)}
        (loss, forward), grads = _reconstruct_with_grads(wanted, t["x"], conventions)
        return {"x_tilde": wanted["x_tilde"], "loss": loss, **forward, **_named(grads)}

    @_precise
    def layer(self, t: Answer, conventions: Conventions) -> Answer:
        d_output, drawn = t.pop("d_output"), {name: t.pop(name) for name in ("keep", "noise") if name in t}
        output, pull_back = jax.vjp(lambda wanted: apply(wanted | drawn, conventions), t)
        grads = _named(pull_back(d_output)[0])
        return {"output": output, "d_input": grads.pop("dx")} | grads

    @_precise
    def optimizer(self, t: Answer, conventions: Conventions) -> Answer:
        params, rule = {name: keras.Variable(t[name]) for name in ("W", "b")}, make_rule(conventions)
        if conventions["decayed"] == "weights":
            rule.exclude_from_weight_decay(var_list=[params["b"]])
        after: dict[str, list[Any]] = {name: [] for name in params}
        for dW, db, lr in zip(t["dW"], t["db"], t["lr"], strict=True):
            rule.learning_rate = lr
            rule.apply([dW, db], list(params.values()))
            for name, param in params.items():
                after[name].append(param.value)
        return {f"{name}_steps": jnp.stack(values) for name, values in after.items()}

    @_precise
    def clipping(self, t: Answer, conventions: Conventions) -> Answer:
        if conventions["clip"] == "norm" and conventions["framework"] == "torch":
            raise Unsupported("global_clipnorm divides by the norm itself, nothing added")
        option = {"value": "clipvalue", "norm": "global_clipnorm"}[conventions["clip"]]
        params = {name: keras.Variable(jnp.zeros_like(value)) for name, value in t.items()}
        keras.optimizers.SGD(1.0, **{option: conventions["limit"]}).apply(list(t.values()), list(params.values()))
        return {f"clipped_{name}": -param.value for name, param in params.items()}

    @_precise
    def penalty(self, t: Answer, conventions: Conventions) -> Answer:
        """Take Keras' regularizer, which has no factor 1/2 either."""
        penalty, dW = jax.value_and_grad(keras.regularizers.L2(conventions["l2"]))(t["W"])
        return {"penalty": penalty, "dW": dW}

    @_precise
    def training(self, t: Answer, conventions: Conventions) -> Answer:
        params = {name: keras.Variable(t.pop(name)) for name in ("W", "b", "b_prime")}
        rule, losses, after = keras.optimizers.SGD(conventions["lr"]), [], {}
        for step in range(1, conventions["steps"] + 1):
            batch = {name: array[step - 1] for name, array in t.items()}
            wanted = {name: param.value for name, param in params.items()} | {"x_tilde": _corrupt(batch, conventions)}
            (loss, _), grads = _reconstruct_with_grads(wanted, batch["x"], conventions)
            rule.apply([grads[name] for name in params], list(params.values()))
            losses.append(loss)
            after[step] = {name: param.value for name, param in params.items()}
        weights = {f"W_after_{step}": after[step]["W"] for step in (1, 10, 50)}
        biases = {f"{name}_after_50": after[50][name] for name in ("b", "b_prime")}
        return {"losses": jnp.stack(losses)} | weights | biases

    @_precise
    def stack(self, t: Answer, conventions: Conventions) -> Answer:
        x, labels = t.pop("x"), t.pop("labels")
        (loss, forward), grads = _classify_with_grads(t, x, labels)
        answer = {"loss": loss, **forward, **_named(grads)}
        params = {name: keras.Variable(value) for name, value in t.items()}
        rule = keras.optimizers.SGD(conventions["lr"])
        for _ in range(conventions["steps"]):
            grads = _classify_with_grads({name: param.value for name, param in params.items()}, x, labels)[1]
            rule.apply([grads[name] for name in params], list(params.values()))
        return answer | {f"{name}_after": param.value for name, param in params.items()}

    @_precise
    def pretrain_stack(self, t: Answer, conventions: Conventions) -> Answer:
        """Train the second layer on clean codes of the first: they are data, nothing is differentiated through them."""
        h_1 = keras.ops.sigmoid(t["x"] @ t["W_1"] + t["b_1"])
        h_1_tilde = _corrupt({"x": h_1, "mask": t["mask"]}, conventions)
        own = {name: t[f"{name}_2"] for name in ("W", "b", "b_prime")}
        options = {"output": "sigmoid", "l2": 0.0, **conventions}
        (loss, forward), grads = _reconstruct_with_grads(own | {"x_tilde": h_1_tilde}, h_1, options)
        answer = {"h_1": h_1, "h_1_tilde": h_1_tilde, "z": forward["z"], "loss": loss}
        return answer | {f"d{name}_2": grads[name] for name in own}


def _named(grads: Answer) -> Answer:
    return {f"d{name}": grad for name, grad in grads.items()}


def _loss(a: Any, target: Any, conventions: Conventions) -> Any:
    losses, loss = keras.losses, conventions["loss"]
    function = {
        "cross_entropy": lambda: losses.BinaryCrossentropy(from_logits=True),
        "squared_error": losses.MeanSquaredError,
        "absolute_error": losses.MeanAbsoluteError,
        "huber": lambda: losses.Huber(conventions["delta"]),
        "softmax_cross_entropy": lambda: losses.SparseCategoricalCrossentropy(from_logits=True),
    }[loss]()
    terms = a.shape[1] if conventions["reduction"] == "paper" and loss != "softmax_cross_entropy" else 1
    return terms * function(target, a)


def _corrupt(t: Answer, conventions: Conventions) -> Any:
    x, corruption = t["x"], conventions["corruption"]
    if corruption == "masking":
        return keras.ops.where(t["mask"], 0, x)
    if corruption == "salt_and_pepper":
        return keras.ops.where(t["mask"], keras.ops.cast(t["coin"], x.dtype), x)
    return x + conventions["sigma"] * t["noise"] if corruption == "gaussian" else x


def _reconstruct(wanted: Answer, x: Any, conventions: Conventions) -> Any:
    """Encode, decode and compare with the clean input."""
    W_prime = wanted.get("W_prime", wanted["W"].T)
    a_y = wanted["x_tilde"] @ wanted["W"] + wanted["b"]
    y = keras.ops.sigmoid(a_y)
    a_z = y @ W_prime + wanted["b_prime"]
    z = keras.ops.sigmoid(a_z) if conventions["output"] == "sigmoid" else a_z
    data_loss = _loss(a_z if conventions["loss"] == "cross_entropy" else z, x, conventions)
    l2 = keras.regularizers.L2(conventions["l2"])
    penalty = sum(l2(wanted[name]) for name in ("W", "W_prime") if name in wanted)
    return data_loss + penalty, {"a_y": a_y, "y": y, "a_z": a_z, "z": z, "data_loss": data_loss, "penalty": penalty}


def _classify(params: Answer, x: Any, labels: Any) -> Any:
    h_1 = keras.ops.sigmoid(x @ params["W_1"] + params["b_1"])
    h_2 = keras.ops.sigmoid(h_1 @ params["W_2"] + params["b_2"])
    a = h_2 @ params["W_out"] + params["b_out"]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, a)
    return loss, {"h_1": h_1, "h_2": h_2, "a": a, "probabilities": keras.ops.softmax(a)}


_reconstruct_with_grads = jax.value_and_grad(_reconstruct, has_aux=True)
_classify_with_grads = jax.value_and_grad(_classify, has_aux=True)
