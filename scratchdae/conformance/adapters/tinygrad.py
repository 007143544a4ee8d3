"""The methods of a Tensor of tinygrad, its gradients, and tinygrad.nn.

It computes on ``DEV=PYTHON`` unless the user's DEV says otherwise: that device interprets each kernel in Python, slow
and the same everywhere. ``DEV=CPU`` and ``DEV=CPU:LLVM`` both call clang, which tinygrad does not bring along.

What it understands otherwise than the cases, and how it is asked for the same:

- A learning rate is a tensor of ``dtypes.default_float``: here that of the adapter, only as long as an answer takes.
- An optimizer steps only in ``Context(TRAINING=1)``, and all its parameters decay: what does not has one of its own.
- SGD has the learning rate outside the velocity, or inside if it is ``classic``. Decoupled decay is that of LARS, which
  SGD is made of. There is no RMSprop, no L2 in Adam, no dampening, no clipping by a norm, and no Huber loss.
- Layers: see `scratchdae.conformance.adapters.tinygrad_layers`.

- A clone is computed when it is asked for: of a parameter that steps it is a copy only if it is realized before.

Some answers disagree, and are tinygrad's own: ``figures/findings.md`` shows each in five lines, without this library.
"""

import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from tinygrad import Context, Tensor, TinyJit
from tinygrad.nn import optim

from scratchdae.arguments import Array
from scratchdae.conformance.adapter import Unsupported
from scratchdae.conformance.adapters.tinygrad_layers import activate, apply

Arrays = Mapping[str, Array]
Conventions = Mapping[str, Any]
Tensors = dict[str, Any]


def _computed(method: Callable[..., Tensors]) -> Callable[..., Tensors]:
    """Give a method tensors in the precision of the adapter, and compute all that it answers at once."""

    @wraps(method)
    def answer(self: "Adapter", inputs: Arrays, conventions: Conventions) -> Tensors:
        with Context(DEV=os.environ.get("DEV", "PYTHON"), DEFAULT_FLOAT=self.dtype, TRAINING=1, PARALLEL=0):
            tensors = method(self, {name: Tensor(array).realize() for name, array in inputs.items()}, conventions)
            Tensor.realize(*tensors.values())
            return {name: tensor.numpy() for name, tensor in tensors.items()}

    return answer


class Adapter:
    """Ask tinygrad, on its interpreting device or the user's."""

    name = "tinygrad"

    def __init__(self, dtype: str = "float64") -> None:
        self.dtype = dtype
        # In float32 the 1 - 0.999^t of Adam has lost four digits at the first step.
        self.tolerances = {} if dtype == "float64" else {"optimizer": 1e-5}

    @_computed
    def activation(self, t: Tensors, conventions: Conventions) -> Tensors:
        value = activate(conventions["function"], t["a"], conventions.get("slope", 0.01))
        return {"value": value, "d_input": value.gradient(t["a"], gradient=t["d_output"])[0]}

    @_computed
    def loss(self, t: Tensors, conventions: Conventions) -> Tensors:
        loss = _loss(t["a"], t["target"], conventions)
        return {"loss": loss, "d_a": loss.gradient(t["a"])[0]}

    @_computed
    def corruption(self, t: Tensors, conventions: Conventions) -> Tensors:
        return {"x_tilde": _corrupt(t, conventions)}

    @_computed
    def autoencoder(self, t: Tensors, conventions: Conventions) -> Tensors:
        """Run forwards, and ask for the gradient of every intermediate too."""
        forward, wanted = _reconstruct(t, conventions)
        wanted |= {f"d{name}": t[name] for name in ("W", "b", "b_prime", "W_prime") if name in t}
        return forward | _gradients(forward["loss"], wanted)

    @_computed
    def layer(self, t: Tensors, conventions: Conventions) -> Tensors:
        output = apply(t, conventions)
        wanted = {"d_input": t["x"]} | {f"d{name}": t[name] for name in ("W", "U", "b", "h0", "c0") if name in t}
        return {"output": output} | _gradients(output, wanted, t["d_output"])

    @_computed
    def optimizer(self, t: Tensors, conventions: Conventions) -> Tensors:
        params = {name: t[name] for name in ("W", "b")}
        rules = _rules(params, conventions)
        steps: dict[str, list[Any]] = {name: [] for name in params}
        for step in range(len(t["lr"])):
            for name, param in params.items():
                param.grad = t[f"d{name}"][step]
            for rule in rules:
                rule.lr.assign(t["lr"][step : step + 1].cast(rule.lr.dtype))
                rule.step()
            for name, param in params.items():
                steps[name].append(param.clone().realize())  # a clone of what comes next, unless it is realized
        return {f"{name}_steps": Tensor.stack(*values) for name, values in steps.items()}

    @_computed
    def clipping(self, t: Tensors, conventions: Conventions) -> Tensors:
        if conventions["clip"] == "norm":
            raise Unsupported("tinygrad clips no norm")
        limit = conventions["limit"]
        return {f"clipped_{name}": value.clip(-limit, limit) for name, value in t.items()}

    @_computed
    def penalty(self, t: Tensors, conventions: Conventions) -> Tensors:
        penalty = conventions["l2"] * t["W"].square().sum()
        return {"penalty": penalty, "dW": penalty.gradient(t["W"])[0]}

    @_computed
    def training(self, t: Tensors, conventions: Conventions) -> Tensors:
        params = {name: t.pop(name) for name in ("W", "b", "b_prime")}
        rule = optim.SGD(list(params.values()), conventions["lr"])

        @TinyJit  # type: ignore[untyped-decorator]
        def train(batch: Tensors) -> Any:
            loss = _reconstruct(params | batch, conventions)[0]["loss"]
            rule.zero_grad()
            loss.backward()
            return loss.realize(*rule.schedule_step())

        batches = {name: array.numpy() for name, array in t.items()}  # a slice of a tensor is compiled for each place
        losses, after = [], {}
        for step in range(1, conventions["steps"] + 1):
            batch = {name: Tensor(array[step - 1]).realize() for name, array in batches.items()}
            losses.append(train(batch).clone().realize())
            if step in (1, 10, 50):
                after[step] = {name: value.clone().realize() for name, value in params.items()}
        weights = {f"W_after_{step}": after[step]["W"] for step in (1, 10, 50)}
        biases = {f"{name}_after_50": after[50][name] for name in ("b", "b_prime")}
        return {"losses": Tensor.stack(*losses)} | weights | biases

    @_computed
    def stack(self, t: Tensors, conventions: Conventions) -> Tensors:
        params = {name: t[name] for name in ("W_1", "b_1", "W_2", "b_2", "W_out", "b_out")}
        forward = _classify(t)
        answer = forward | _gradients(forward["loss"], {f"d{name}": value for name, value in params.items()})
        Tensor.realize(*answer.values())
        rule = optim.SGD(list(params.values()), conventions["lr"])
        for _ in range(conventions["steps"]):
            rule.zero_grad()
            _classify(t)["loss"].backward()
            rule.step()
        return answer | {f"{name}_after": value for name, value in params.items()}

    @_computed
    def pretrain_stack(self, t: Tensors, conventions: Conventions) -> Tensors:
        """Train the second layer on clean codes of the first, which are detached from it."""
        h_1 = t["x"].linear(t["W_1"], t["b_1"]).sigmoid().detach()
        own = {name: t[f"{name}_2"] for name in ("W", "b", "b_prime")}
        options = {"output": "sigmoid", "l2": 0.0, **conventions}
        forward, _ = _reconstruct({"x": h_1, "mask": t["mask"], **own}, options)
        answer = {"h_1": h_1, "h_1_tilde": forward["x_tilde"], "z": forward["z"], "loss": forward["loss"]}
        return answer | _gradients(forward["loss"], {f"d{name}_2": value for name, value in own.items()})


def _gradients(output: Any, wanted: Tensors, d_output: Any = None) -> Tensors:
    return dict(zip(wanted, output.gradient(*wanted.values(), gradient=d_output), strict=True))


def _loss(a: Any, target: Any, conventions: Conventions) -> Any:
    loss = conventions["loss"]
    if loss == "huber":
        raise Unsupported("tinygrad has no Huber loss")
    if loss == "softmax_cross_entropy":
        return a.sparse_categorical_crossentropy(target)
    if loss == "cross_entropy":
        entries = a.binary_crossentropy_logits(target, reduction="none")
    else:
        entries = (a - target).square() if loss == "squared_error" else (a - target).abs()
    return entries.mean() if conventions["reduction"] == "mean" else entries.sum() / len(a)


def _corrupt(t: Tensors, conventions: Conventions) -> Any:
    x, corruption = t["x"], conventions["corruption"]
    if corruption == "masking":
        return x.masked_fill(t["mask"], 0)
    if corruption == "salt_and_pepper":
        return t["mask"].where(t["coin"].cast(x.dtype), x)
    return x + conventions["sigma"] * t["noise"] if corruption == "gaussian" else x.clone()


def _reconstruct(t: Tensors, conventions: Conventions) -> tuple[Tensors, Tensors]:
    """Corrupt, encode, decode and compare with the clean input; and what there is a gradient of on the way."""
    x_tilde = _corrupt(t, conventions).contiguous()
    W_prime = t["W"].T if conventions["tied"] else t["W_prime"]
    a_y = x_tilde.linear(t["W"], t["b"])
    y = a_y.sigmoid()
    a_z = y.linear(W_prime, t["b_prime"])
    z = a_z.sigmoid() if conventions["output"] == "sigmoid" else a_z
    data_loss = _loss(a_z if conventions["loss"] == "cross_entropy" else z, t["x"].detach(), conventions)
    penalty = conventions["l2"] * sum(t[name].square().sum() for name in ("W", "W_prime") if name in t)
    forward = {"x_tilde": x_tilde, "a_y": a_y, "y": y, "a_z": a_z, "z": z, "data_loss": data_loss}
    wanted = {"da_z": a_z, "dy": y, "da_y": a_y, "dx_tilde": x_tilde}
    return forward | {"penalty": penalty, "loss": data_loss + penalty}, wanted


def _classify(t: Tensors) -> Tensors:
    h_1 = t["x"].linear(t["W_1"], t["b_1"]).sigmoid()
    h_2 = h_1.linear(t["W_2"], t["b_2"]).sigmoid()
    a = h_2.linear(t["W_out"], t["b_out"])
    loss = a.sparse_categorical_crossentropy(t["labels"])
    return {"h_1": h_1, "h_2": h_2, "a": a, "probabilities": a.softmax(), "loss": loss}


def _rules(params: Tensors, c: Conventions) -> list[Any]:
    """Make the rule of a case: one for each parameter, since all parameters of one decay alike."""
    momentum, decay = c.get("momentum", 0.0), c.get("weight_decay", 0.0)
    if c["rule"] not in ("sgd", "adam", "adamw") or c.get("dampening"):
        what = "dampening" if c.get("dampening") else {"rmsprop": "RMSprop"}.get(c["rule"], c["rule"])
        raise Unsupported(f"tinygrad has no {what}")
    if c.get("epsilon", "outside") != "outside":
        raise Unsupported("tinygrad adds eps to the root of the corrected moment, and nowhere else")
    if c["rule"] == "adam" and decay:
        raise Unsupported("tinygrad's Adam has no weight decay")

    def rule(param: Any, decay: float) -> Any:
        if c["rule"] == "adam":
            return optim.Adam([param], 0.0, c["beta1"], c["beta2"], c["eps"])
        if c["rule"] == "adamw":
            return optim.AdamW([param], 0.0, c["beta1"], c["beta2"], c["eps"], decay)
        classic = c["momentum_lr"] == "inside"
        if decay and c["decay"] == "decoupled":
            options = {"classic": classic, "pre_wd": False, "tcoef": 0.0}
            return optim.LARS([param], 0.0, momentum, decay, nesterov=c["nesterov"], **options)
        return optim.SGD([param], 0.0, momentum, decay, c["nesterov"], classic)

    return [rule(params["W"], decay), rule(params["b"], decay if c["decayed"] == "all" else 0.0)]
