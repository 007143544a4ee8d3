"""This library's own functions, the NumPy ones: how `scratchdae` itself is held to the cases.

- Corruptions and layers: see `scratchdae.conformance.adapters.reference_draws` and `reference_layers` beside it.
- The parts of a tied dW come from the untied backward pass, given W' = Wᵀ.
- What version 2 asks beyond the library is in `reference_second`, by hand.
- Update rules are the library's dataclasses, whose fields are the conventions.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scratchdae import activations, autoencoder, losses, optimizers
from scratchdae.arguments import Params
from scratchdae.backend import using
from scratchdae.conformance.adapters import reference_second
from scratchdae.conformance.adapters.reference_draws import corrupt
from scratchdae.conformance.adapters.reference_layers import run_layer
from scratchdae.layers import Dense, Layer, Sigmoid
from scratchdae.models.sequential import Sequential

Conventions = Mapping[str, Any]
RULES: dict[str, Callable[..., optimizers.Optimizer]] = {
    "sgd": optimizers.SGD, "rmsprop": optimizers.RMSprop, "adam": optimizers.Adam, "adamw": optimizers.AdamW,
    "adagrad": optimizers.Adagrad, "adadelta": optimizers.Adadelta,
}  # fmt: skip


class Adapter:
    """The library, in NumPy."""

    name = "reference"

    def __init__(self, dtype: str = "float64") -> None:
        self.dtype = dtype

    def activation(self, inputs: Params, conventions: Conventions) -> Params:
        """Compute the value, and the gradient from the value."""
        a, d_output, function = inputs["a"], inputs["d_output"], conventions["function"]
        if function == "softmax":
            value = activations.softmax(a)
            return {"value": value, "d_input": activations.softmax_backward(value, d_output)}
        if function == "leaky_relu":
            value = activations.leaky_relu(a, conventions["slope"])
            derivative = activations.leaky_relu_derivative(value, conventions["slope"])
            return {"value": value, "d_input": d_output * derivative}
        value = activations.ACTIVATIONS[function].value(a)
        return {"value": value, "d_input": d_output * activations.ACTIVATIONS[function].derivative(value)}

    def loss(self, inputs: Params, conventions: Conventions) -> Params:
        options = {name: conventions[name] for name in ("reduction", "delta") if name in conventions}
        function: Callable[..., Any] = losses.LOSSES[conventions["loss"]]
        loss, d_a = function(inputs["a"], inputs["target"], **options)
        return {"loss": np.asarray(loss), "d_a": d_a}

    def corruption(self, inputs: Params, conventions: Conventions) -> Params:
        return {"x_tilde": corrupt(inputs, conventions)}

    def autoencoder(self, inputs: Params, conventions: Conventions) -> Params:
        return _reconstruct(inputs, conventions)

    def layer(self, inputs: Params, conventions: Conventions) -> Params:
        with using("numpy"):
            return run_layer(inputs, conventions)

    def optimizer(self, inputs: Params, conventions: Conventions) -> Params:
        if conventions["rule"] == "nadam":
            return reference_second.nadam(inputs, conventions)
        fields = {name: value for name, value in conventions.items() if name not in ("rule", "framework")}
        rule = RULES[conventions["rule"]](**fields)
        params = {name: inputs[name] for name in ("W", "b")}
        state, after = rule.init(params), []
        for dW, db, lr in zip(inputs["dW"], inputs["db"], inputs["lr"], strict=True):
            params, state = rule.update(params, {"W": dW, "b": db}, state, float(lr))
            after.append(params)
        return {f"{name}_steps": np.stack([params[name] for params in after]) for name in params}

    def clipping(self, inputs: Params, conventions: Conventions) -> Params:
        if conventions["clip"] == "value":
            clipped = optimizers.clip_by_value(inputs, conventions["limit"])
        else:
            clipped = optimizers.clip_by_norm(inputs, conventions["limit"], conventions["framework"])
        return {f"clipped_{name}": value for name, value in clipped.items()}

    def penalty(self, inputs: Params, conventions: Conventions) -> Params:
        penalty, grads = losses.l2_penalty(inputs, conventions["l2"])
        return {"penalty": np.asarray(penalty), "dW": grads["W"]}

    def training(self, inputs: Params, conventions: Conventions) -> Params:
        return train(autoencoder.sgd_steps, inputs, conventions)

    def stack(self, inputs: Params, conventions: Conventions) -> Params:
        x, t = inputs["x"], inputs["labels"]
        rng, units = np.random.default_rng(0), [len(inputs[f"b_{name}"]) for name in ("1", "2", "out")]
        layers: list[Layer] = [Dense(units[0]), Sigmoid(), Dense(units[1]), Sigmoid(), Dense(units[2])]
        network = Sequential(layers, (x.shape[1],), rng, loss="softmax_cross_entropy", dtype=self.dtype)
        names = {f"dense_{k}.{key}": f"{key}_{name}" for k, name in enumerate(("1", "2", "out"), 1) for key in "Wb"}
        params = {name: inputs[theirs] for name, theirs in names.items()}
        depths = {"h_1": 2, "h_2": 4, "a": 5}
        forward = {name: network.forward(params, x, depth=depth)[0] for name, depth in depths.items()}
        loss, grads = network.loss_and_grads(params, x, t)
        answer = forward | {"probabilities": activations.softmax(forward["a"]), "loss": np.asarray(loss)}
        answer |= {f"d{names[name]}": grad for name, grad in grads.items()}
        rule = optimizers.SGD()
        for _ in range(conventions["steps"]):
            params, _ = rule.update(params, network.loss_and_grads(params, x, t)[1], {}, conventions["lr"])
        return answer | {f"{names[name]}_after": value for name, value in params.items()}

    def pretrain_stack(self, inputs: Params, conventions: Conventions) -> Params:
        """Train the second layer on clean codes of the first."""
        h_1 = autoencoder.encode({"W": inputs["W_1"], "b": inputs["b_1"]}, inputs["x"])
        own = {name: inputs[f"{name}_2"] for name in ("W", "b", "b_prime")}
        found = _reconstruct({"x": h_1, "mask": inputs["mask"], **own}, conventions)
        answer = {"h_1": h_1, "h_1_tilde": found["x_tilde"], "z": found["z"], "loss": found["loss"]}
        return answer | {f"d{name}_2": found[f"d{name}"] for name in own}

    def activity_penalty(self, inputs: Params, conventions: Conventions) -> Params:
        return reference_second.activity_penalty(inputs, conventions)

    def variational(self, inputs: Params, conventions: Conventions) -> Params:
        return reference_second.variational(inputs, conventions)

    def schedule(self, inputs: Params, conventions: Conventions) -> Params:
        return {"level": reference_second.schedule(inputs, conventions).astype(self.dtype)}

    def averaging(self, inputs: Params, conventions: Conventions) -> Params:
        return {"average_steps": reference_second.averaging(inputs, conventions)}

    def ssim(self, inputs: Params, conventions: Conventions) -> Params:
        return reference_second.ssim(inputs, conventions)

    def half(self, inputs: Params, conventions: Conventions) -> Params:
        return reference_second.half(inputs, conventions)


def _reconstruct(inputs: Params, conventions: Conventions) -> Params:
    x, x_tilde = inputs["x"], corrupt(inputs, conventions)
    params: Params = {name: inputs[name] for name in ("W", "b", "b_prime", "W_prime") if name in inputs}
    options = conventions["loss"], conventions.get("output", "sigmoid"), conventions["reduction"]
    a_z, cache = autoencoder.forward(params, x_tilde)
    loss, da_z = autoencoder.output_loss(a_z, x, *options)
    dx_tilde, grads = autoencoder.backward(da_z, cache, params)
    penalty, decay = losses.l2_penalty(params, conventions.get("l2", 0.0))
    answer = {f"d{name}": grad + decay.get(name, 0) for name, grad in grads.items()}
    if "W_prime" not in params:
        parts = autoencoder.backward(da_z, cache, params | {"W_prime": params["W"].T})[1]
        answer |= {"dW_encoder": parts["W"], "dW_decoder": parts["W_prime"].T}
    z = activations.sigmoid(a_z) if options[1] == "sigmoid" else a_z
    forward = {"x_tilde": x_tilde, "y": cache.y, "a_z": a_z, "z": z}
    scalars = {"data_loss": loss, "penalty": penalty, "loss": loss + penalty}
    scalars = {name: np.asarray(value, x.dtype) for name, value in scalars.items()}
    return forward | scalars | {"da_z": da_z, "dx_tilde": dx_tilde, "dW_penalty": decay["W"]} | answer


def train(sgd_steps: Any, inputs: Params, conventions: Conventions) -> Params:
    """Take the steps of a case, in as many calls as there are parameters to show.

    `sgd_steps` is that of `scratchdae.autoencoder`, or its compiled twin.
    """
    x, mask = inputs["x"], inputs["mask"]
    x_tilde = np.stack([corrupt({"x": batch, "mask": m}, conventions) for batch, m in zip(x, mask, strict=True)])
    params: Params = {name: inputs[name] for name in ("W", "b", "b_prime")}
    options = {name: conventions[name] for name in ("loss", "output", "reduction", "l2")}
    step_losses, answer = [], {}
    for begin, end in ((0, 1), (1, 10), (10, 50)):
        found, _ = sgd_steps(params, x_tilde[begin:end], x[begin:end], conventions["lr"], **options)
        step_losses.append(found.astype(x.dtype))
        answer[f"W_after_{end}"] = params["W"].copy()
    last = {f"{name}_after_50": params[name] for name in ("b", "b_prime")}
    return {"losses": np.concatenate(step_losses)} | answer | last
