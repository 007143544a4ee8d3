"""JAX and optax: jax.nn and optax's losses for the functions, jax.grad for every gradient, optax for every update.

What they understand otherwise than the cases, and how they are asked for the same:

- JAX computes in float32 unless it is told otherwise: here ``jax.enable_x64``, and only as long as an answer takes.
- optax's losses keep every entry; the reduction is written out. ``optax.l2_loss`` has a factor 1/2, ``squared_error``
  has none.
- optax composes: weight decay before the rule is L2 in the gradient, after it decoupled; the learning rate before the
  velocity's ``trace`` is inside it, after it outside. ``optax.rmsprop`` and ``optax.adam`` are such chains, so all
  conventions can be had but two: there is no dampening, and no Adam with eps-hat.
- The derivatives of ``jnp.abs`` and ``jax.nn.leaky_relu`` at 0 are those from above, 1; the cases' are 0 and the slope.
  Inputs that hold an exact 0 there are unsupported.
- Layers: see `scratchdae.conformance.adapters.jax_layers`; what version 2 asks: `jax_second`.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import jax
import optax
from jax import numpy as jnp

from scratchdae.arguments import Array
from scratchdae.conformance.adapter import Unsupported
from scratchdae.conformance.adapters import jax_second
from scratchdae.conformance.adapters.jax_layers import activate, apply

Arrays = Mapping[str, Array]
Conventions = Mapping[str, Any]
Answer = dict[str, Any]


def precise(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """Let JAX compute in the precision of the adapter, and leave its configuration as it was."""

    @wraps(method)
    def answer(self: "Adapter", inputs: Arrays, conventions: Conventions) -> Answer:
        with jax.enable_x64(self.dtype == "float64"):
            return method(self, {name: jnp.asarray(array) for name, array in inputs.items()}, conventions)

    return answer


class Adapter:
    """JAX, on its default device."""

    name = "jax"
    apply = staticmethod(apply)

    def __init__(self, dtype: str = "float64") -> None:
        self.dtype = dtype
        # In float32 Adam's 1 - 0.999^t has lost four digits at the first step.
        self.tolerances = {} if dtype == "float64" else {"optimizer": 1e-5}

    @precise
    def activation(self, t: Answer, conventions: Conventions) -> Answer:
        function, slope = conventions["function"], conventions.get("slope", 0.01)
        value, pull_back = jax.vjp(lambda a: activate(function, a, slope), t["a"])
        return {"value": value, "d_input": pull_back(t["d_output"])[0]}

    @precise
    def loss(self, t: Answer, conventions: Conventions) -> Answer:
        if conventions["loss"] == "absolute_error" and (t["a"] == t["target"]).any():
            raise Unsupported("the derivative of jnp.abs at 0 is 1, not 0")
        loss, d_a = jax.value_and_grad(loss_of)(t["a"], t["target"], conventions)
        return {"loss": loss, "d_a": d_a}

    @precise
    def corruption(self, t: Answer, conventions: Conventions) -> Answer:
        return {"x_tilde": corrupt(t, conventions)}

    @precise
    def autoencoder(self, t: Answer, conventions: Conventions) -> Answer:
        """Run forwards, and differentiate with respect to the parameters and the corrupted input."""
        params = {name: t[name] for name in ("W", "b", "b_prime", "W_prime") if name in t}
        wanted = params | {"x_tilde": corrupt(t, conventions)}
        (loss, forward), grads = _reconstruct_with_grads(wanted, t["x"], conventions)
        return {"x_tilde": wanted["x_tilde"], "loss": loss, **forward, **named(grads)}

    @precise
    def layer(self, t: Answer, conventions: Conventions) -> Answer:
        d_output, drawn = t.pop("d_output"), {name: t.pop(name) for name in ("keep", "noise") if name in t}
        output, pull_back = jax.vjp(lambda wanted: self.apply(wanted | drawn, conventions), t)
        grads = named(pull_back(d_output)[0])
        return {"output": output, "d_input": grads.pop("dx")} | grads

    @precise
    def optimizer(self, t: Answer, conventions: Conventions) -> Answer:
        params = {name: t[name] for name in ("W", "b")}
        rule = make_rule(conventions, lambda count: t["lr"][count])
        state, after = rule.init(params), []
        for dW, db in zip(t["dW"], t["db"], strict=True):
            updates, state = rule.update({"W": dW, "b": db}, state, params)
            params = optax.apply_updates(params, updates)
            after.append(params)
        return {f"{name}_steps": jnp.stack([params[name] for params in after]) for name in params}

    @precise
    def clipping(self, t: Answer, conventions: Conventions) -> Answer:
        if conventions["clip"] == "norm" and conventions["framework"] == "torch":
            raise Unsupported("optax.clip_by_global_norm divides by the norm itself, nothing added")
        clip = optax.clip if conventions["clip"] == "value" else optax.clip_by_global_norm
        clipped, _ = clip(conventions["limit"]).update(t, optax.EmptyState())
        return {f"clipped_{name}": value for name, value in clipped.items()}

    @precise
    def penalty(self, t: Answer, conventions: Conventions) -> Answer:
        penalty, dW = jax.value_and_grad(lambda W: conventions["l2"] * jnp.square(W).sum())(t["W"])
        return {"penalty": penalty, "dW": dW}

    @precise
    def training(self, t: Answer, conventions: Conventions) -> Answer:
        """Train with optax.sgd, all steps in one scan."""
        params = {name: t.pop(name) for name in ("W", "b", "b_prime")}
        rule = optax.sgd(conventions["lr"])

        def step(carry: Any, batch: Answer) -> Any:
            params, state = carry
            wanted = params | {"x_tilde": corrupt(batch, conventions)}
            (loss, _), grads = _reconstruct_with_grads(wanted, batch["x"], conventions)
            updates, state = rule.update({name: grads[name] for name in params}, state)
            params = optax.apply_updates(params, updates)
            return (params, state), (loss, params)

        _, (losses, after) = jax.lax.scan(step, (params, rule.init(params)), t)
        weights = {f"W_after_{step}": after["W"][step - 1] for step in (1, 10, 50)}
        return {"losses": losses} | weights | {f"{name}_after_50": after[name][49] for name in ("b", "b_prime")}

    @precise
    def stack(self, t: Answer, conventions: Conventions) -> Answer:
        x, labels, params = t.pop("x"), t.pop("labels"), t
        (loss, forward), grads = _classify_with_grads(params, x, labels)
        rule = optax.sgd(conventions["lr"])
        state, after = rule.init(params), params
        for _ in range(conventions["steps"]):
            updates, state = rule.update(_classify_with_grads(after, x, labels)[1], state)
            after = optax.apply_updates(after, updates)
        last = {f"{name}_after": value for name, value in after.items()}
        return {"loss": loss, **forward, **named(grads), **last}

    @precise
    def pretrain_stack(self, t: Answer, conventions: Conventions) -> Answer:
        """Train the second layer on clean codes of the first: they are data, nothing is differentiated through them."""
        h_1 = jax.nn.sigmoid(t["x"] @ t["W_1"] + t["b_1"])
        h_1_tilde = corrupt({"x": h_1, "mask": t["mask"]}, conventions)
        own = {name: t[f"{name}_2"] for name in ("W", "b", "b_prime")}
        options = {"output": "sigmoid", "l2": 0.0, **conventions}
        (loss, forward), grads = _reconstruct_with_grads(own | {"x_tilde": h_1_tilde}, h_1, options)
        answer = {"h_1": h_1, "h_1_tilde": h_1_tilde, "z": forward["z"], "loss": loss}
        return answer | {f"d{name}_2": grads[name] for name in own}

    @_precise
    def variational(self, t: Answer, conventions: Conventions) -> Answer:
        wanted = {name: t[name] for name in ("mu", "log_variance")}
        found, pull_back = jax.vjp(lambda code: jax_second.variational({**t, **code}, conventions), wanted)
        (grads,) = pull_back((t["d_sample"], jnp.ones((), found[1].dtype)))
        return dict(zip(("sample", "kl"), found, strict=True)) | {f"d_{name}": grad for name, grad in grads.items()}

    @_precise
    def schedule(self, t: Answer, conventions: Conventions) -> Answer:
        return {"level": jax_second.schedule(t, conventions).astype(self.dtype)}

    @_precise
    def averaging(self, t: Answer, conventions: Conventions) -> Answer:
        return {"average_steps": jax_second.averaging(t, conventions)}


def named(grads: Answer) -> Answer:
    """Name gradients after what they are with respect to."""
    return {f"d{name}": grad for name, grad in grads.items()}


def loss_of(a: Any, target: Any, conventions: Conventions) -> Any:
    """Reduce one of optax's losses."""
    losses: dict[str, Callable[[Any, Any], Any]] = {
        "cross_entropy": optax.sigmoid_binary_cross_entropy,
        "squared_error": optax.squared_error,
        "absolute_error": lambda a, target: jnp.abs(a - target),
        "huber": lambda a, target: optax.huber_loss(a, target, delta=conventions["delta"]),
        "softmax_cross_entropy": optax.softmax_cross_entropy_with_integer_labels,
    }
    entries = losses[conventions["loss"]](a, target)
    return entries.mean() if conventions["reduction"] == "mean" else entries.sum() / len(a)


def corrupt(t: Answer, conventions: Conventions) -> Any:
    """Corrupt an input as it was drawn."""
    x, corruption = t["x"], conventions["corruption"]
    if corruption == "masking":
        return jnp.where(t["mask"], 0, x)
    if corruption == "salt_and_pepper":
        return jnp.where(t["mask"], t["coin"].astype(x.dtype), x)
    return x + conventions["sigma"] * t["noise"] if corruption == "gaussian" else x


def _reconstruct(wanted: Answer, x: Any, conventions: Conventions) -> Any:
    """Encode, decode and compare with the clean input."""
    W_prime = wanted.get("W_prime", wanted["W"].T)
    a_y = wanted["x_tilde"] @ wanted["W"] + wanted["b"]
    y = jax.nn.sigmoid(a_y)
    a_z = y @ W_prime + wanted["b_prime"]
    z = jax.nn.sigmoid(a_z) if conventions["output"] == "sigmoid" else a_z
    data_loss = loss_of(a_z if conventions["loss"] == "cross_entropy" else z, x, conventions)
    penalty = conventions["l2"] * sum(jnp.square(wanted[name]).sum() for name in ("W", "W_prime") if name in wanted)
    return data_loss + penalty, {"a_y": a_y, "y": y, "a_z": a_z, "z": z, "data_loss": data_loss, "penalty": penalty}


def _classify(params: Answer, x: Any, labels: Any) -> Any:
    h_1 = jax.nn.sigmoid(x @ params["W_1"] + params["b_1"])
    h_2 = jax.nn.sigmoid(h_1 @ params["W_2"] + params["b_2"])
    a = h_2 @ params["W_out"] + params["b_out"]
    loss = optax.softmax_cross_entropy_with_integer_labels(a, labels).mean()
    return loss, {"h_1": h_1, "h_2": h_2, "a": a, "probabilities": jax.nn.softmax(a)}


_reconstruct_with_grads = jax.value_and_grad(_reconstruct, has_aux=True)
_classify_with_grads = jax.value_and_grad(_classify, has_aux=True)


def make_rule(c: Conventions, lr: Callable[[Any], Any]) -> Any:
    """Compose a rule: weight decay, rescaling, velocity and learning rate, in the order of the conventions."""
    if c.get("dampening") or c.get("epsilon") == "hat":
        raise Unsupported(f"optax has no {'dampening' if c.get('dampening') else 'eps-hat'}")
    momentum, decay, inside = c.get("momentum", 0), c["weight_decay"], c.get("epsilon") == "inside"
    mask = None if c["decayed"] == "all" else lambda params: jax.tree.map(lambda param: param.ndim > 1, params)
    rescale = optax.identity()
    if c["rule"] in ("adagrad", "adadelta", "nadam"):
        return optax.chain(jax_second.rescaling(c), optax.scale_by_learning_rate(lr))
    if c["rule"] == "rmsprop":
        scale = optax.scale_by_stddev if c["centred"] else optax.scale_by_rms
        rescale = scale(c["decay_rate"], c["eps"], eps_in_sqrt=inside)
    elif c["rule"] != "sgd":
        eps, eps_root = (0.0, c["eps"]) if inside else (c["eps"], 0.0)
        rescale = optax.scale_by_adam(c["beta1"], c["beta2"], eps, eps_root)
    velocity = optax.trace(momentum, c.get("nesterov", False)) if momentum else optax.identity()
    chain = [rescale, velocity, optax.scale_by_learning_rate(lr)]
    if c.get("momentum_lr") == "inside":
        chain = [rescale, optax.scale_by_learning_rate(lr), velocity]
    if decay and c["decay"] == "gradient":
        chain = [optax.add_decayed_weights(decay, mask), *chain]
    elif decay:  # decoupled from all, the velocity too
        chain = [*chain, optax.add_decayed_weights(lambda count: -lr(count) * decay, mask)]
    return optax.chain(*chain)
