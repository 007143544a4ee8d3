"""This library's compiled kernels, through the same doors as in training.

The fused steps return a loss and leave the parameters changed; they keep no gradient. What a case asks for besides is
read off the change:

- A gradient is what a step took away, divided by the learning rate. That rate is 2⁴⁰, so that what is rounded is the
  gradient, and not the parameter that it is taken from.
- A reconstruction z is the gradient of b' for one example, a target of 0 and the cross-entropy, z - 0; or half that of
  the squared error where the output is linear. Probabilities are, likewise, that of the last bias plus the one-hot
  label.

Layers run with ``backend.using("numba")``; those without a compiled twin are unsupported, and so is everything else
that the library computes in NumPy alone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchdae import autoencoder, backend, kernels
from scratchdae.arguments import Array, Params
from scratchdae.conformance.adapter import Unsupported
from scratchdae.conformance.adapters.reference import train
from scratchdae.conformance.adapters.reference_draws import corrupt
from scratchdae.conformance.adapters.reference_layers import run_layer
from scratchdae.losses import l2_penalty

Conventions = Mapping[str, Any]
TWINS = ("Conv2D", "Conv2DTranspose", "LSTM", "MaxPool2D", "ReLU", "UpSampling2D")
_RATE = 2.0**40


class Adapter:
    """The library, compiled; it needs numba and scipy."""

    name = "numba"

    def __init__(self, dtype: str = "float64") -> None:
        self.dtype = dtype
        self._steps = backend.loops(autoencoder, "numba").sgd_steps

    def autoencoder(self, inputs: Params, conventions: Conventions) -> Params:
        """Read loss and gradients off one step."""
        x, x_tilde = inputs["x"], corrupt(inputs, conventions)
        params: Params = {name: inputs[name] for name in ("W", "b", "b_prime", "W_prime") if name in inputs}
        data_loss, grads = self._step(params, x_tilde, x, conventions)
        penalty = l2_penalty(params, conventions["l2"])[0]
        losses = {"data_loss": data_loss, "penalty": penalty, "loss": data_loss + penalty}
        answer = {name: np.asarray(value, x.dtype) for name, value in losses.items()}
        return {"x_tilde": x_tilde, "z": self._z(params, x_tilde, conventions["output"])} | answer | grads

    def training(self, inputs: Params, conventions: Conventions) -> Params:
        return train(self._steps, inputs, conventions)

    def layer(self, inputs: Params, conventions: Conventions) -> Params:
        if conventions["layer"] not in TWINS:
            raise Unsupported(f"{conventions['layer']} has no compiled twin")
        with backend.using("numba"):
            return run_layer(inputs, conventions)

    def stack(self, inputs: Params, conventions: Conventions) -> Params:
        """Fine-tune with the fused steps of sigmoid layers under a softmax."""
        steps = kernels.perceptron_steps()
        if steps is None:
            raise Unsupported("the steps of a stack are written for the compiler, which is switched off")
        x, t = inputs["x"], inputs["labels"]

        def step(rows: slice, rate: float, count: int = 1) -> tuple[float, Params]:
            params = {name: value.copy() for name, value in inputs.items() if name[:2] in ("W_", "b_")}
            weights, biases = ([params[f"{letter}_{k}"] for k in ("1", "2", "out")] for letter in "Wb")
            losses, taken = steps(weights, biases, *(np.stack([a[rows]] * count) for a in (x, t)), rate)
            assert taken == count
            return float(losses[0]), params

        loss, changed = step(slice(None), _RATE)
        alone = [step(slice(i, i + 1), _RATE)[1]["b_out"] for i in range(len(x))]
        one_hot = np.eye(len(alone[0]), dtype=x.dtype)[t]
        probabilities = (inputs["b_out"] - np.stack(alone)) / x.dtype.type(_RATE) + one_hot
        answer = {"probabilities": probabilities, "loss": np.asarray(loss, x.dtype)} | _gradients(inputs, changed)
        last = step(slice(None), conventions["lr"], conventions["steps"])[1]
        return answer | {f"{name}_after": value for name, value in last.items()}

    def _in_numpy_alone(self, _: Params, __: Conventions) -> Params:
        raise Unsupported("the library computes this in NumPy alone")

    activation = loss = corruption = optimizer = clipping = penalty = pretrain_stack = _in_numpy_alone

    def _step(self, params: Params, x_tilde: Array, x: Array, conventions: Conventions) -> tuple[float, Params]:
        """Take one step; return the loss, and the gradients that it took."""
        changed = {name: value.copy() for name, value in params.items()}
        options = {name: conventions[name] for name in ("loss", "output", "reduction", "l2")}
        losses, finite = self._steps(changed, x_tilde[None], x[None], _RATE, **options)
        assert finite
        return float(losses[0]), _gradients(params, changed)

    def _z(self, params: Params, x_tilde: Array, output: str) -> Array:
        linear = output == "linear"
        loss = "squared_error" if linear else "cross_entropy"
        options = {"loss": loss, "output": output, "reduction": "paper", "l2": 0.0}
        rows = [self._step(params, row, np.zeros_like(row), options)[1]["db_prime"] for row in x_tilde[:, None]]
        z: Array = np.stack(rows) / x_tilde.dtype.type(2 if linear else 1)
        return z


def _gradients(before: Params, after: Params) -> Params:
    """Return what a step took from each parameter, divided by the learning rate."""
    return {f"d{name}": (before[name] - value) / value.dtype.type(_RATE) for name, value in after.items()}
