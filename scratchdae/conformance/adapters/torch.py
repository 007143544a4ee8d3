"""PyTorch: torch.nn.functional for the functions, autograd for every gradient, torch.optim for every update.

What PyTorch understands otherwise than the cases, and how it is asked for the same:

- Means run over all B·D entries; the paper's sum over D and mean over B is ``reduction="sum"`` divided by B.
- A linear map keeps W as (out, in), so the tied decoder's weight is W as it is, and the encoder's its transpose.
- Layers: see `scratchdae.conformance.adapters.torch_layers`; what version 2 asks: `torch_second`.
- ``torch.optim``: the learning rate is outside the velocity, eps outside the root, and SGD's and RMSprop's weight decay
  goes into the gradient. Cases of another convention are unsupported.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional as F

from scratchdae.arguments import Array
from scratchdae.conformance.adapter import Unsupported
from scratchdae.conformance.adapters import torch_second
from scratchdae.conformance.adapters.torch_layers import activate, apply

Arrays = Mapping[str, Array]
Conventions = Mapping[str, Any]
Tensors = dict[str, Any]


class Adapter:
    """PyTorch, on the processor."""

    name = "torch"

    def __init__(self, dtype: str = "float64") -> None:
        self.dtype = dtype
        # (1 - t) a - log s(a) cancels where a confident answer is right: a small loss has the error of a large one.
        self.tolerances = {"loss/cross_entropy_confident": 1e-12 if dtype == "float64" else 1e-4}

    def activation(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        t = _leaves(inputs)
        value = activate(conventions["function"], t["a"], conventions.get("slope", 0.01))
        return {"value": value.detach(), **_gradients(value, {"d_input": t["a"]}, t["d_output"])}

    def loss(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        t = _leaves(inputs)
        loss = _loss(conventions["loss"], t["a"], t["target"].detach(), conventions)
        return {"loss": loss.detach(), **_gradients(loss, {"d_a": t["a"]})}

    def corruption(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        return {"x_tilde": _corrupt(_leaves(inputs), conventions).detach()}

    def autoencoder(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        """Run forwards, and ask autograd for the gradient of every intermediate too."""
        t = _leaves(inputs)
        forward, loss = _reconstruct(t, conventions)
        wanted = {f"d{name}": forward[name] for name in ("a_z", "y", "a_y", "x_tilde")}
        wanted |= {f"d{name}": t[name] for name in ("W", "b", "b_prime", "W_prime") if name in t}
        wanted |= {"dW_encoder": forward.pop("encoder"), "dW_decoder": forward.pop("decoder")}
        if not conventions["tied"]:
            del wanted["dW_decoder"]
        return {name: value.detach() for name, value in (forward | loss).items()} | _gradients(loss["loss"], wanted)

    def layer(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        t = _leaves(inputs)
        if conventions["layer"] == "BatchNorm":
            found = torch_second.batch_norm(t, conventions)
        else:
            found = {"output": apply(t, conventions)}
        names = ("W", "U", "b", "b_U", "h0", "c0", "gamma", "beta", "v", "g")
        wanted = {"d_input": t["x"]} | {f"d{name}": t[name] for name in names if name in t}
        grads = _gradients(found["output"], wanted, t["d_output"])
        return {name: value.detach() for name, value in found.items()} | grads

    def optimizer(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        W, b = (torch.from_numpy(inputs[name]) for name in ("W", "b"))
        rule = _rule([W, b], conventions)
        steps: dict[str, list[torch.Tensor]] = {"W_steps": [], "b_steps": []}
        for dW, db, lr in zip(inputs["dW"], inputs["db"], inputs["lr"], strict=True):
            W.grad, b.grad = torch.from_numpy(dW), torch.from_numpy(db)
            for group in rule.param_groups:
                group["lr"] = float(lr)
            rule.step()
            steps["W_steps"].append(W.clone())
            steps["b_steps"].append(b.clone())
        return {name: torch.stack(values) for name, values in steps.items()}

    def clipping(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        """Clip with ``torch.nn.utils``, which works on the gradients of parameters."""
        params = {name: torch.empty(inputs[name].shape) for name in ("dW", "db")}
        for name, param in params.items():
            param.grad_dtype = None  # of any, whatever that of the parameter
            param.grad = torch.from_numpy(inputs[name])
        norm: Tensors = {}
        if conventions["clip"] == "value":
            torch.nn.utils.clip_grad_value_(list(params.values()), conventions["limit"])
        elif conventions["framework"] == "torch":
            norm["norm"] = torch.nn.utils.clip_grad_norm_(list(params.values()), conventions["limit"])
        else:
            raise Unsupported("clip_grad_norm_ adds 1e-6 to the norm by which it divides")
        return {f"clipped_{name}": param.grad for name, param in params.items()} | norm

    def penalty(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        t = _leaves(inputs)
        penalty = conventions["l2"] * t["W"].square().sum()
        return {"penalty": penalty.detach(), **_gradients(penalty, {"dW": t["W"]})}

    def training(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        t = _leaves(inputs)
        params = {name: t.pop(name) for name in ("W", "b", "b_prime")}
        rule = torch.optim.SGD(params.values(), conventions["lr"])
        losses, after = [], {}
        for step in range(1, conventions["steps"] + 1):
            batch = {name: array[step - 1].detach() for name, array in t.items()}
            loss = _reconstruct(params | batch, conventions)[1]["loss"]
            rule.zero_grad()
            loss.backward()
            rule.step()
            losses.append(loss.detach())
            after[step] = {name: value.detach().clone() for name, value in params.items()}
        weights = {f"W_after_{step}": after[step]["W"] for step in (1, 10, 50)}
        biases = {f"{name}_after_50": after[50][name] for name in ("b", "b_prime")}
        return {"losses": torch.stack(losses), **weights, **biases}

    def stack(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        t = _leaves(inputs)
        params = {name: t[name] for name in ("W_1", "b_1", "W_2", "b_2", "W_out", "b_out")}
        forward, loss = _classify(t)
        answer = {name: value.detach() for name, value in (forward | {"loss": loss}).items()}
        answer |= _gradients(loss, {f"d{name}": value for name, value in params.items()})
        rule = torch.optim.SGD(params.values(), conventions["lr"])
        for _ in range(conventions["steps"]):
            rule.zero_grad()
            _classify(t)[1].backward()
            rule.step()
        return answer | {f"{name}_after": value.detach() for name, value in params.items()}

    def pretrain_stack(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        """Train the second layer on clean codes of the first, which are detached from it."""
        t = _leaves(inputs)
        h_1 = torch.sigmoid(F.linear(t["x"], t["W_1"].T, t["b_1"])).detach()
        own = {name: t[f"{name}_2"] for name in ("W", "b", "b_prime")}
        options = {"output": "sigmoid", "l2": 0.0, **conventions}
        forward, loss = _reconstruct({"x": h_1, "mask": t["mask"], **own}, options)
        answer = {"h_1": h_1, "h_1_tilde": forward["x_tilde"], "z": forward["z"].detach()}
        grads = _gradients(loss["loss"], {f"d{name}_2": value for name, value in own.items()})
        return answer | {"loss": loss["loss"].detach()} | grads

    def activity_penalty(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        t = _leaves(inputs)
        found = torch_second.activity_penalty(t, conventions)
        wanted = {"d_input": t["x"]} | {f"d{name}": t[name] for name in ("W", "b") if name in t}
        grads = _gradients(found["penalty"], wanted)
        return {name: value.detach() for name, value in found.items()} | grads

    def variational(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        """Differentiate the divergence and what comes back through the sample."""
        t = _leaves(inputs)
        found = torch_second.variational(t, conventions)
        total = found["kl"] + (found["sample"] * t["d_sample"].detach()).sum()
        grads = _gradients(total, {f"d_{name}": t[name] for name in ("mu", "log_variance")})
        return {name: value.detach() for name, value in found.items()} | grads

    def schedule(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        levels = torch_second.schedule(inputs["epoch"], conventions)
        return {"level": torch.tensor(levels, dtype=getattr(torch, self.dtype))}

    def averaging(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        return torch_second.averaging(_leaves(inputs), conventions)

    def ssim(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        t = _leaves(inputs)
        found = torch_second.ssim(t, conventions)
        grads = _gradients(found["ssim"], {"d_input": t["x"]})
        return {name: value.detach() for name, value in found.items()} | grads

    def half(self, inputs: Arrays, conventions: Conventions) -> Tensors:
        t = _leaves({name: array.astype("float16") for name, array in inputs.items()})
        if conventions["function"] == "dense":
            output = torch.sigmoid(F.linear(t["x"], t["W"].T, t["b"]))
            wanted = {"d_input": t["x"], "dW": t["W"], "db": t["b"]}
            answer = {"output": output.detach(), **_gradients(output, wanted, t["d_output"])}
        else:
            loss = _loss(conventions["function"], t["a"], t["target"].detach(), {"reduction": "mean"})
            answer = {"loss": loss.detach(), **_gradients(loss, {"d_a": t["a"]})}
        return {name: value.to(getattr(torch, self.dtype)) for name, value in answer.items()}


def _leaves(inputs: Arrays) -> Tensors:
    """Make tensors that share the arrays' memory; those of floating-point numbers ask for gradients."""
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    return {name: t.requires_grad_(t.is_floating_point()) for name, t in tensors.items()}


def _gradients(output: Any, wanted: Tensors, d_output: Any = None) -> Tensors:
    """Ask autograd for some gradients, and leave the graph for more."""
    grads = torch.autograd.grad(output, list(wanted.values()), d_output, retain_graph=True)
    return {name: grad.detach() for name, grad in zip(wanted, grads, strict=True)}


def _loss(loss: str, a: Any, target: Any, conventions: Conventions) -> Any:
    losses: dict[str, Any] = {
        "cross_entropy": F.binary_cross_entropy_with_logits,
        "squared_error": F.mse_loss,
        "absolute_error": F.l1_loss,
        "huber": F.huber_loss,
        "softmax_cross_entropy": F.cross_entropy,
    }
    options = {"delta": conventions["delta"]} if loss == "huber" else {}
    if conventions["reduction"] == "mean":
        return losses[loss](a, target, **options)
    return losses[loss](a, target, reduction="sum", **options) / len(a)


def _corrupt(t: Tensors, conventions: Conventions) -> Any:
    x, corruption = t["x"], conventions["corruption"]
    if corruption == "masking":
        return x.masked_fill(t["mask"], 0)
    if corruption == "salt_and_pepper":
        return torch.where(t["mask"], t["coin"].to(x.dtype), x)
    return x + conventions["sigma"] * t["noise"] if corruption == "gaussian" else x.clone()


def _reconstruct(t: Tensors, conventions: Conventions) -> tuple[Tensors, Tensors]:
    """Corrupt, encode, decode and compare with the clean input: the intermediates, and the parts of the loss."""
    x_tilde, encoder = _corrupt(t, conventions), t["W"].clone()
    decoder = t["W"].clone() if conventions["tied"] else t["W_prime"].T  # a clone has a gradient of its own
    a_y = F.linear(x_tilde, encoder.T, t["b"])
    y = torch.sigmoid(a_y)
    a_z = F.linear(y, decoder, t["b_prime"])
    z = torch.sigmoid(a_z) if conventions["output"] == "sigmoid" else a_z.clone()
    of = a_z if conventions["loss"] == "cross_entropy" else z
    data_loss = _loss(conventions["loss"], of, t["x"].detach(), conventions)
    penalty = conventions["l2"] * sum(t[name].square().sum() for name in ("W", "W_prime") if name in t)
    forward = {"x_tilde": x_tilde, "a_y": a_y, "y": y, "a_z": a_z, "z": z, "encoder": encoder, "decoder": decoder}
    return forward, {"data_loss": data_loss, "penalty": penalty, "loss": data_loss + penalty}


def _classify(t: Tensors) -> tuple[Tensors, Any]:
    h_1 = torch.sigmoid(F.linear(t["x"], t["W_1"].T, t["b_1"]))
    h_2 = torch.sigmoid(F.linear(h_1, t["W_2"].T, t["b_2"]))
    a = F.linear(h_2, t["W_out"].T, t["b_out"])
    return {"h_1": h_1, "h_2": h_2, "a": a, "probabilities": F.softmax(a, dim=-1)}, F.cross_entropy(a, t["labels"])


def _rule(params: list[Any], c: Conventions) -> torch.optim.Optimizer:
    """Make the rule of `torch.optim`, with a group of parameters each: biases may decay or not."""
    decays = [c["weight_decay"] if c["decayed"] == "all" or param.ndim >= 2 else 0.0 for param in params]
    groups = [{"params": [param], "weight_decay": decay} for param, decay in zip(params, decays, strict=True)]
    if c["rule"] in ("adagrad", "adadelta", "nadam"):
        return torch_second.rule(groups, c)
    if c["weight_decay"] and (c["decay"] == "decoupled") != (c["rule"] == "adamw"):
        where = "decoupled" if c["rule"] == "adamw" else "in the gradient"
        raise Unsupported(f"weight decay of torch.optim's {c['rule']} is {where}")
    if c.get("momentum") and c["momentum_lr"] == "inside":
        raise Unsupported("torch.optim multiplies the velocity by the learning rate, which is not inside it")
    if c.get("epsilon", "outside") != "outside":
        raise Unsupported("torch.optim adds eps to the root of the corrected moment, and nowhere else")
    if c["rule"] == "sgd":
        return torch.optim.SGD(groups, momentum=c["momentum"], dampening=c["dampening"], nesterov=c["nesterov"])
    if c["rule"] == "rmsprop":
        options = {"alpha": c["decay_rate"], "momentum": c["momentum"], "centered": c["centred"]}
        return torch.optim.RMSprop(groups, eps=c["eps"], **options)
    adam = torch.optim.AdamW if c["rule"] == "adamw" else torch.optim.Adam
    return adam(groups, betas=(c["beta1"], c["beta2"]), eps=c["eps"])
