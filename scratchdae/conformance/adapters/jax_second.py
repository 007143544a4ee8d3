"""What version 2 asks, in JAX and optax; what is unsupported here neither has.

- ``jax.nn.gelu`` approximates unless told otherwise; ``jax.nn.standardize`` is the norm of layers and batches without
  scale and shift, and remembers nothing.
- optax' Adagrad begins at 0.1 and adds eps inside the root; its NAdam has one beta1; ``optax.ema`` corrects its
  beginning, ``optax.incremental_update`` begins with the first weights.
- Its schedules take ``transition_steps``, one less than the epochs of a case.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import optax
from jax import numpy as jnp

from scratchdae.conformance.adapter import Unsupported

Tensors = Mapping[str, Any]
Conventions = Mapping[str, Any]


def _convolved(t: Tensors, c: Conventions) -> Any:
    options = {"rhs_dilation": c.get("dilation"), "feature_group_count": c.get("groups", 1)}
    options |= {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    return jax.lax.conv_general_dilated(t["x"], t["W"], c["stride"], c["padding"].upper(), **options) + t["b"]


def _along(t: Tensors, c: Conventions) -> Any:
    images = {"x": t["x"][:, None], "W": t["W"][None], "b": t["b"]}
    return _convolved(images, {"stride": [1, c["stride"]], "padding": c["padding"]})[:, 0]


def _normalised(t: Tensors, c: Conventions) -> Any:
    return jax.nn.standardize(t["x"], axis=-1, epsilon=c["eps"]) * t["gamma"] + t["beta"]


LAYERS: Mapping[str, Callable[[Tensors, Conventions], Any]] = {
    "ELU": lambda t, c: jax.nn.elu(t["x"], c["alpha"]),
    "GELU": lambda t, c: jax.nn.gelu(t["x"], approximate=c["approximate"] == "tanh"),
    "SiLU": lambda t, _: jax.nn.silu(t["x"]),
    "Softplus": lambda t, _: jax.nn.softplus(t["x"]),
    "Softmax": lambda t, _: jax.nn.softmax(t["x"]),
    "TiedDense": lambda t, _: t["x"] @ t["W"].T + t["b"],
    "LayerNorm": _normalised,
    "Conv1D": _along,
    "DilatedConv2D": _convolved,
    "GroupedConv2D": _convolved,
}


def rescaling(c: Conventions) -> Any:
    """Make the part of a rule that divides the gradient."""
    if c["rule"] == "adagrad" and c["epsilon"] == "inside":
        return optax.scale_by_rss(c["initial"], c["eps"])
    if c["rule"] == "adadelta":
        return optax.scale_by_adadelta(c["decay_rate"], c["eps"])
    if c["rule"] == "nadam" and not c["scheduled"]:
        return optax.scale_by_adam(c["beta1"], c["beta2"], c["eps"], nesterov=True)
    raise Unsupported(f"optax has no such {c['rule']}")


def schedule(t: Tensors, c: Conventions) -> Any:
    """Ask a schedule of optax for each epoch."""
    first, steps = c["first"], c.get("epochs", 2) - 1
    rules: dict[str, Callable[[], Any]] = {
        "linear": lambda: optax.linear_schedule(first, c["last"], steps),
        "cosine": lambda: optax.cosine_decay_schedule(first, steps, c["last"] / first),
        "exponential": lambda: optax.exponential_decay(first, 1, c["factor"]),
        "geometric": lambda: optax.exponential_decay(first, steps, c["last"] / first, end_value=c["last"]),
        "step": lambda: optax.exponential_decay(first, c["every"], c["factor"], staircase=True),
    }
    if "warm_up" in c:
        raise Unsupported("a warm-up of optax ends at the first level, an epoch earlier")
    return jax.vmap(rules[c["schedule"]]())(t["epoch"])


def averaging(t: Tensors, c: Conventions) -> Any:
    """Average weights over the steps."""
    after, average = [], t["W"]
    rule = optax.ema(c["decay"])
    state = rule.init(average)
    for W in t["W_steps"]:
        if c["start"] == "zero":
            average, state = rule.update(W, state)
        else:
            average = optax.incremental_update(W, average, 1 - c["decay"])
        after.append(average)
    return jnp.stack(after)


def variational(t: Tensors, c: Conventions) -> tuple[Any, Any]:
    """Return the code that is drawn by given noise, and its divergence."""
    spread = jnp.exp(0.5 * t["log_variance"])
    kl = -0.5 * (1 + t["log_variance"] - jnp.square(t["mu"]) - jnp.square(spread))
    divisor = {"sum": 1, "paper": len(kl), "mean": kl.size}[c["reduction"]]
    return t["mu"] + spread * t["noise"], kl.sum() / divisor
