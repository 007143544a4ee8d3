"""Flax NNX on JAX: its layers, its modules differentiated by nnx.grad, and nnx.Optimizer around optax's rules.

Flax has layers and a loop, and takes the rest from JAX and optax: activations (``nnx.relu`` is ``jax.nn.relu``),
losses, rules and clipping are asked as `scratchdae.conformance.adapters.jax` asks them, and understood as told there.

- A tied decoder takes the transpose of the encoder's kernel, and has a bias of its own.
- Layers: see `scratchdae.conformance.adapters.flax_layers`.
"""

from collections.abc import Mapping
from typing import Any

import optax
from flax import nnx
from jax import numpy as jnp

from scratchdae.conformance.adapters import jax as of_jax
from scratchdae.conformance.adapters.flax_layers import apply, linear

Conventions = Mapping[str, Any]
Answer = dict[str, Any]


class Parameters(nnx.Module):  # type: ignore[misc]
    """Parameters under the names of the cases."""

    def __init__(self, params: Answer) -> None:
        for name, value in params.items():
            setattr(self, name, nnx.Param(value))


class Autoencoder(nnx.Module):  # type: ignore[misc]
    """Two layers, the second of which may have no kernel of its own."""

    def __init__(self, t: Answer) -> None:
        self.encoder = linear(t["W"], t["b"])
        self.decoder = linear(t["W_prime"], t["b_prime"]) if "W_prime" in t else Parameters({"bias": t["b_prime"]})

    def __call__(self, x_tilde: Any) -> Answer:
        """Return the pre-activations and the code."""
        a_y = self.encoder(x_tilde)
        y, tied = nnx.sigmoid(a_y), isinstance(self.decoder, Parameters)
        a_z = y @ self.encoder.kernel.T + self.decoder.bias if tied else self.decoder(y)
        return {"a_y": a_y, "y": y, "a_z": a_z}


LAYERS = {"1": 0, "2": 2, "out": 4}  # their places in a sequence, sigmoids between them


class Adapter(of_jax.Adapter):
    """Flax NNX, on the default device of JAX."""

    name = "flax"
    apply = staticmethod(apply)

    @of_jax.precise
    def autoencoder(self, t: Answer, conventions: Conventions) -> Answer:
        """Run forwards, and differentiate with respect to the parameters and the corrupted input."""
        x_tilde = of_jax.corrupt(t, conventions)
        (loss, forward), (grads, dx_tilde) = _reconstruct_with_grads(Autoencoder(t), x_tilde, t["x"], conventions)
        answer = {"x_tilde": x_tilde, "loss": loss, "dx_tilde": dx_tilde, **forward}
        return answer | of_jax.named(_of_autoencoder(grads))

    @of_jax.precise
    def optimizer(self, t: Answer, conventions: Conventions) -> Answer:
        params = Parameters({name: t[name] for name in ("W", "b")})
        rule = of_jax.make_rule(conventions, lambda count: t["lr"][count])
        optimizer, steps = nnx.Optimizer(params, rule, wrt=nnx.Param), []
        for dW, db in zip(t["dW"], t["db"], strict=True):
            optimizer.update(params, nnx.state(Parameters({"W": dW, "b": db})))
            steps.append((params.W[...], params.b[...]))
        W_steps, b_steps = (jnp.stack(values) for values in zip(*steps, strict=True))
        return {"W_steps": W_steps, "b_steps": b_steps}

    @of_jax.precise
    def training(self, t: Answer, conventions: Conventions) -> Answer:
        """Train with optax.sgd, one compiled step at a time."""
        model = Autoencoder({name: t.pop(name) for name in ("W", "b", "b_prime")})
        optimizer = nnx.Optimizer(model, optax.sgd(conventions["lr"]), wrt=nnx.Param)

        @nnx.jit  # type: ignore[untyped-decorator]
        def train(model: Any, optimizer: Any, batch: Answer) -> Any:
            x_tilde = of_jax.corrupt(batch, conventions)
            (loss, _), (grads, _) = _reconstruct_with_grads(model, x_tilde, batch["x"], conventions)
            optimizer.update(model, grads)
            return loss

        losses, after = [], {}
        for step in range(1, conventions["steps"] + 1):
            losses.append(train(model, optimizer, {name: array[step - 1] for name, array in t.items()}))
            after[step] = _of_autoencoder(nnx.state(model))
        weights = {f"W_after_{step}": after[step]["W"] for step in (1, 10, 50)}
        return (
            {"losses": jnp.stack(losses)} | weights | {f"{name}_after_50": after[50][name] for name in ("b", "b_prime")}
        )

    @of_jax.precise
    def stack(self, t: Answer, conventions: Conventions) -> Answer:
        first, second, last = (linear(t[f"W_{name}"], t[f"b_{name}"]) for name in LAYERS)
        model = nnx.Sequential(first, nnx.sigmoid, second, nnx.sigmoid, last)
        (loss, forward), grads = _classify_with_grads(model, t["x"], t["labels"])
        answer = {"loss": loss, **forward, **of_jax.named(_of_classifier(grads))}
        optimizer = nnx.Optimizer(model, optax.sgd(conventions["lr"]), wrt=nnx.Param)
        for _ in range(conventions["steps"]):
            optimizer.update(model, _classify_with_grads(model, t["x"], t["labels"])[1])
        return answer | {f"{name}_after": value for name, value in _of_classifier(nnx.state(model)).items()}

    @of_jax.precise
    def pretrain_stack(self, t: Answer, conventions: Conventions) -> Answer:
        """Train the second layer on clean codes of the first: they are data, nothing is differentiated through them."""
        h_1 = nnx.sigmoid(linear(t["W_1"], t["b_1"])(t["x"]))
        h_1_tilde = of_jax.corrupt({"x": h_1, "mask": t["mask"]}, conventions)
        model = Autoencoder({name: t[f"{name}_2"] for name in ("W", "b", "b_prime")})
        options = {"output": "sigmoid", "l2": 0.0, **conventions}
        (loss, forward), (grads, _) = _reconstruct_with_grads(model, h_1_tilde, h_1, options)
        answer = {"h_1": h_1, "h_1_tilde": h_1_tilde, "z": forward["z"], "loss": loss}
        return answer | {f"d{name}_2": grad for name, grad in _of_autoencoder(grads).items()}


def _of_autoencoder(state: Any) -> Answer:
    """Return a state of an autoencoder, or its gradients, by the names of the cases."""
    found = {"W": state["encoder"]["kernel"], "b": state["encoder"]["bias"], "b_prime": state["decoder"]["bias"]}
    if "kernel" in state["decoder"]:
        found["W_prime"] = state["decoder"]["kernel"]
    return {name: value[...] for name, value in found.items()}


def _of_classifier(state: Any) -> Answer:
    layers = {name: state["layers"][place] for name, place in LAYERS.items()}
    found = {f"W_{name}": layer["kernel"][...] for name, layer in layers.items()}
    return found | {f"b_{name}": layer["bias"][...] for name, layer in layers.items()}


def _reconstruct(model: Any, x_tilde: Any, x: Any, conventions: Conventions) -> Any:
    """Encode, decode and compare with the clean input."""
    forward = model(x_tilde)
    a_z = forward["a_z"]
    z = nnx.sigmoid(a_z) if conventions["output"] == "sigmoid" else a_z
    data_loss = of_jax.loss_of(a_z if conventions["loss"] == "cross_entropy" else z, x, conventions)
    kernels = [value for name, value in _of_autoencoder(nnx.state(model)).items() if name in ("W", "W_prime")]
    penalty = conventions["l2"] * sum(jnp.square(kernel).sum() for kernel in kernels)
    return data_loss + penalty, forward | {"z": z, "data_loss": data_loss, "penalty": penalty}


def _classify(model: Any, x: Any, labels: Any) -> Any:
    a = model(x)
    loss = optax.softmax_cross_entropy_with_integer_labels(a, labels).mean()
    return loss, {"a": a, "probabilities": nnx.softmax(a)}


_reconstruct_with_grads = nnx.value_and_grad(_reconstruct, argnums=(0, 1), has_aux=True)
_classify_with_grads = nnx.jit(nnx.value_and_grad(_classify, has_aux=True))
