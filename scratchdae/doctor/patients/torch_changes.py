"""What the doctor can change in a PyTorch training from outside, a row of `CHANGES` each.

A change acts on a `Trainee` before its first step: on the fresh model, by rules for the calls of its steps, or around
the updates of its optimizers. What it cannot do it says by `CannotChange`.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from scratchdae.doctor.patient import CannotChange, UsersError
from scratchdae.doctor.patients.torch_rules import replaced
from scratchdae.doctor.patients.torch_step import LAYERS, MEANS, Term

if TYPE_CHECKING:
    from scratchdae.doctor.patients.torch import Trainee

DENSE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
RECURRENT = (nn.LSTM, nn.GRU, nn.RNN)
OUTLYING = 10.0  # median deviations from the median distance, from here on an example is an outlier
RARE = 20.0  # a column's spread below the largest over this is not scaled up: rare pixels would blow up


# ------------------------------------------------------------------ around the update
def _rate(trainee: "Trainee", factor: float) -> None:
    def act(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
        kept = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor

        def back() -> None:
            for group, lr in zip(optimizer.param_groups, kept, strict=True):
                group["lr"] = lr

        return back

    trainee.before_update.append(act)


def clip_gradient(trainee: "Trainee", factor: float | None) -> None:
    def act(optimizer: torch.optim.Optimizer) -> None:
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], factor or 1.0)

    trainee.before_update.append(act)


def adam(trainee: "Trainee", factor: float | None) -> None:
    """Update by an Adam of our own; the user's optimizer finds no gradients."""
    own: dict[int, torch.optim.Adam] = {}

    def act(optimizer: torch.optim.Optimizer) -> Callable[[], None] | None:
        if optimizer in own.values():
            return None
        held = [p for group in optimizer.param_groups for p in group["params"]]
        if id(optimizer) not in own:
            own[id(optimizer)] = torch.optim.Adam(held, factor or 1e-3)
        own[id(optimizer)].step()
        kept = [(p, p.grad) for p in held]
        for p in held:
            p.grad = None

        def back() -> None:
            for p, grad in kept:
                p.grad = grad

        return back

    trainee.before_update.append(act)


def less_l2(trainee: "Trainee", factor: float | None) -> None:
    def act(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
        kept = [group.get("weight_decay") for group in optimizer.param_groups]
        for group, decay in zip(optimizer.param_groups, kept, strict=True):
            if decay is not None:
                group["weight_decay"] = decay / factor if factor else 0.0

        def back() -> None:
            for group, decay in zip(optimizer.param_groups, kept, strict=True):
                if decay is not None:
                    group["weight_decay"] = decay

        return back

    trainee.before_update.append(act)
    for address in _seen(trainee).penalties:
        trainee.rules.add(address, lambda f, a, k: f(*a, **k) * (1 / factor if factor else 0.0))


def zero_grad(trainee: "Trainee", factor: float | None) -> None:
    def act() -> None:
        for p in trainee.model.parameters():
            p.grad = None

    trainee.before_step.append(act)


# ------------------------------------------------------------------ the loss
def _seen(trainee: "Trainee") -> Any:
    if trainee.patient.seen is None:
        raise CannotChange("the step could not be read")
    return trainee.patient.seen


def _term(trainee: "Trainee") -> Term:
    term: Term | None = _seen(trainee).term
    if term is None:
        raise CannotChange("how the loss compares output and target could not be seen")
    return term


def _objective(
    trainee: "Trainee",
    kind: str,
    output: Callable[[], torch.Tensor | None] | None = None,
    target: Callable[[torch.Tensor], torch.Tensor] = lambda t: t,
) -> None:
    """Let another comparison take the place of the user's, on the same scale."""
    term, kept = _term(trainee), {}
    scale = term.scale if math.isfinite(term.scale) else 1.0

    def keep_output(f: Any, a: Any, k: Any) -> Any:
        kept["output"] = f(*a, **k)
        return kept["output"]

    def keep_target(f: Any, a: Any, k: Any) -> Any:
        tensors = [t for t in (*a, *k.values()) if isinstance(t, torch.Tensor)]
        kept["target"] = tensors[term.target[1]]
        return compare() if term.target[0] == term.result else f(*a, **k)

    def compare(*_: Any) -> torch.Tensor:
        z = output() if output is not None else kept["output"]
        z = z[0] if isinstance(z, tuple) else z
        assert z is not None
        t = target(kept["target"])
        return scale * MEANS[kind](z.reshape(t.shape), t)

    trainee.outer.add(term.output, keep_output)
    trainee.outer.add(term.target[0], keep_target)
    if term.target[0] != term.result:
        trainee.outer.add(term.result, compare)


def logits_loss(trainee: "Trainee", factor: float | None) -> None:
    """Cross-entropy of the sigmoid's input, in place of a loss of its result."""
    seen, kept = _seen(trainee), {}
    place = seen.output_activation
    if place is None or place[0] != "sigmoid" or _term(trainee).kind == "cross_entropy_from_logits":
        raise CannotChange("the output has no sigmoid before the loss")
    x, output = trainee.patient.x, trainee.patient.output
    assert output is not None
    low, high = (float(v) for v in (output.apply(x[:2048]).min(), output.apply(x[:2048]).max()))
    if low < 0 or high > 1:
        raise CannotChange(f"cross-entropy needs targets in [0, 1], found {low:.3g} to {high:.3g}")

    def keep(f: Any, a: Any, k: Any) -> Any:
        kept["logits"] = next(t for t in (*a, *k.values()) if isinstance(t, torch.Tensor))
        if getattr(f, "__name__", "").endswith("_"):
            kept["logits"] = kept["logits"].clone()
        return f(*a, **k)

    trainee.rules.add(place, keep)
    _objective(trainee, "cross_entropy_from_logits", lambda: kept["logits"])


def clean_target(trainee: "Trainee", factor: float | None) -> None:
    def target(t: torch.Tensor) -> torch.Tensor:
        assert trainee.clean is not None
        return torch.as_tensor(trainee.patient.output.apply(trainee.clean)).to(t)  # type: ignore[union-attr]

    _objective(trainee, _term(trainee).kind, None, target)


# ------------------------------------------------------------------ the output
def linear_output(trainee: "Trainee", factor: float | None) -> None:
    seen, term = _seen(trainee), _term(trainee)
    if seen.output_activation is None:
        raise CannotChange("the output is linear")
    if "cross" in term.kind:
        raise CannotChange("a cross-entropy needs its sigmoid")
    trainee.rules.add(seen.output_activation, _first_tensor)


def _first_tensor(f: Any, a: Any, k: Any) -> torch.Tensor:
    return next(t for t in (*a, *k.values()) if isinstance(t, torch.Tensor))


def sigmoid_output(trainee: "Trainee", factor: float | None) -> None:
    seen, term = _seen(trainee), _term(trainee)
    if term.kind == "cross_entropy_from_logits" or (seen.output_activation or ("",))[0] == "sigmoid":
        raise CannotChange("the output has its sigmoid")
    place = seen.output_activation or seen.output
    if place is None:
        raise CannotChange("the output was not seen")
    if seen.output_activation is None:
        trainee.rules.add(place, lambda f, a, k: torch.sigmoid(f(*a, **k)))
    else:
        trainee.rules.add(place, lambda f, a, k: torch.sigmoid(_first_tensor(f, a, k)))


def output_bias_to_mean(trainee: "Trainee", factor: float | None) -> None:
    module = next((m for m in reversed(_called(trainee)) if isinstance(m, DENSE) and m.bias is not None), None)
    output = trainee.patient.output
    if module is None or output is None:
        raise CannotChange("the last layer has no bias")
    assert module.bias is not None
    target = output.apply(trainee.transform(trainee.patient.x[:4096]))
    size = len(module.bias)
    flat = target.reshape(len(target), -1)
    if flat.shape[1] == size:
        mean = flat.mean(axis=0)
    elif target.ndim > 2 and target.shape[1] == size and not isinstance(module, nn.Linear):
        mean = np.moveaxis(target, 1, 0).reshape(size, -1).mean(axis=1)
    elif target.shape[-1] == size:
        mean = target.reshape(-1, size).mean(axis=0)
    else:
        raise CannotChange("the last layer's bias does not lie as the data do")
    name = (_seen(trainee).output_activation or ("",))[0]
    if name == "sigmoid" or _term(trainee).kind == "cross_entropy_from_logits":
        mean = np.clip(mean, 1e-3, 1 - 1e-3)
        mean = np.log(mean / (1 - mean))
    elif name == "tanh":
        mean = np.arctanh(np.clip(mean, -0.99, 0.99))
    with torch.no_grad():
        module.bias.copy_(torch.as_tensor(mean))


# ------------------------------------------------------------------ the data
def _range(trainee: "Trainee") -> tuple[float, float]:
    name = (_seen(trainee).output_activation or ("",))[0]
    if name == "sigmoid" or "cross" in _term(trainee).kind:
        return 0.0, 1.0
    return {"tanh": (-1.0, 1.0), "relu": (0.0, math.inf), "softplus": (0.0, math.inf)}.get(name, (-math.inf, math.inf))


def _rescaled(trainee: "Trainee", shift: Any, size: Any) -> None:
    x = (trainee.patient.x - shift) / size
    low, high = _range(trainee)
    if x.min() < low - 1e-9 or x.max() > high + 1e-9:
        linear_output(trainee, None)
    trainee.scale = (np.asarray(shift), np.asarray(size))


def standardise_data(trainee: "Trainee", factor: float | None) -> None:
    """Centre every column; one spread for all, or with a factor each its own where it is no rare column."""
    x = trainee.patient.x
    spread = x.std(axis=0)
    size = np.maximum(spread, spread.max() / RARE) if factor else np.sqrt((spread**2).mean())
    _rescaled(trainee, x.mean(axis=0), size)


def scale_to_unit(trainee: "Trainee", factor: float | None) -> None:
    x = trainee.patient.x
    _rescaled(trainee, x.min(), (x.max() - x.min()) or 1.0)


def _noise_scaled(trainee: "Trainee", factor: float) -> None:
    """Let a part of the noise through that the first layer is fed; of a mask, a part of its holes."""
    patient, seen = trainee.patient, _seen(trainee)
    if patient.feed is None or seen.input is None:
        raise CannotChange("what the first layer is fed does not lie to the examples in a way that can be seen")
    rng = np.random.default_rng(trainee.seed + 1)

    def rule(f: Any, a: Any, k: Any) -> Any:
        if not trainee.learning:
            return f(*a, **k)
        assert trainee.clean is not None
        assert patient.feed is not None
        fed = a[0].detach()
        clean = torch.as_tensor(patient.feed.apply(trainee.clean)).to(fed).reshape(fed.shape)
        if patient.fed_noise.kind != "gaussian":
            kept = torch.as_tensor(rng.random(tuple(fed.shape)) < factor)
            fed = torch.where(kept, fed, clean)
        else:
            fed = clean + factor * (fed - clean)
        return f(*replaced(a, k, 0, fed)[0], **k)

    trainee.rules.add(seen.input, rule)


def less_noise(trainee: "Trainee", factor: float | None) -> None:
    dropouts = [m for m in trainee.model.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0]
    for module in dropouts:
        module.p /= factor or 5
    if trainee.patient.fed_noise.kind != "none":
        _noise_scaled(trainee, 1 / (factor or 5))
    elif not dropouts:
        raise CannotChange("no noise was seen")


def more_noise(trainee: "Trainee", factor: float | None) -> None:
    patient, seen = trainee.patient, _seen(trainee)
    if seen.input is None:
        raise CannotChange("the first layer was not seen")
    spread = float(np.sqrt(patient.x.var(axis=0).mean())) * (factor or 0.3)
    generator = torch.Generator().manual_seed(trainee.seed + 1)

    def rule(f: Any, a: Any, k: Any) -> Any:
        if not trainee.learning:
            return f(*a, **k)
        size = spread / (float(np.mean(trainee.scale[1])) if trainee.scale else 1.0)
        if patient.feed is not None:
            size *= float(np.mean(np.abs(patient.feed.a)))
        fed = a[0] + size * torch.randn(a[0].shape, generator=generator).to(a[0])
        return f(*replaced(a, k, 0, fed)[0], **k)

    trainee.rules.add(seen.input, rule)


# ------------------------------------------------------------------ the network
def _called(trainee: "Trainee") -> list[nn.Module]:
    """Return the layers with parameters, in the order in which they are called."""
    names = trainee.patient.order
    modules = dict(trainee.model.named_modules())
    return [modules[name] for name in names if name in modules]


def _matrices(trainee: "Trainee") -> Iterator[nn.Parameter]:
    for p in trainee.model.parameters():
        if p.ndim > 1:
            yield p


def he_init(trainee: "Trainee", factor: float | None) -> None:
    recurrent = {id(p) for m in trainee.model.modules() if isinstance(m, RECURRENT) for p in m.parameters()}
    transposed = {
        id(m.weight) for m in trainee.model.modules() if isinstance(m, nn.ConvTranspose1d | nn.ConvTranspose2d)
    }
    matrices = list(_matrices(trainee))
    with torch.no_grad():
        for p in trainee.model.parameters():
            if p.ndim < 2 and id(p) not in recurrent and not _of_norm(trainee, p):
                p.zero_()
        for p in matrices:
            if id(p) in recurrent:
                nn.init.xavier_uniform_(p) if p.shape[0] != p.shape[1] else nn.init.orthogonal_(p)
            else:
                fan = p[0].numel() if id(p) not in transposed else p.shape[0] * p[0, 0].numel()
                gain = 1.0 if p is matrices[-1] else 2.0
                p.normal_(0, math.sqrt(gain / fan))


def _of_norm(trainee: "Trainee", p: nn.Parameter) -> bool:
    kinds = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
    return any(p is q for m in trainee.model.modules() if isinstance(m, kinds) for q in m.parameters())


def smaller_init(trainee: "Trainee", factor: float | None) -> None:
    """Shrink every matrix to Glorot's spread, where it has more; biases likewise to 1 at most."""
    with torch.no_grad():
        for p in trainee.model.parameters():
            if p.ndim > 1:
                field = p[0, 0].numel()
                wanted = math.sqrt(2 / ((p.shape[0] + p.shape[1]) * field))
                if factor:
                    p.div_(factor)
                elif float(p.std()) > wanted:
                    p.mul_(wanted / float(p.std()))
            elif not _of_norm(trainee, p) and float(p.abs().max()) > 1:
                p.div_(float(p.abs().max()))


def leaky_relu(trainee: "Trainee", factor: float | None) -> None:
    seen = _seen(trainee)
    places = [address for address in seen.hidden_activations if address[0] == "relu"]
    if not places:
        raise CannotChange("no hidden unit is a ReLU")
    for address in places:
        trainee.rules.add(address, lambda f, a, k: F.leaky_relu(_first_tensor(f, a, k), factor or 0.1))


def activation_relu(trainee: "Trainee", factor: float | None) -> None:
    places = [
        address
        for address in _seen(trainee).hidden_activations
        if address[0] in ("sigmoid", "tanh", "softmax", "hardsigmoid", "hardtanh", "softsign")
    ]
    if not places:
        raise CannotChange("no hidden unit is a sigmoid or a tanh")
    for address in places:
        trainee.rules.add(address, lambda f, a, k: F.relu(_first_tensor(f, a, k)))
    he_init(trainee, None)


def add_nonlinearity(trainee: "Trainee", factor: float | None) -> None:
    """ReLU after hidden layers that have no activation; the code stays as it is where others are left."""
    seen, patient = _seen(trainee), trainee.patient
    bare = [address for address in patient.bare_layers if address != patient.last_layer]
    if not bare or seen.hidden_activations:
        raise CannotChange("its hidden layers have activations")
    chosen = [address for address in bare if address != patient.code_layer] or bare
    for address in chosen:
        trainee.rules.add(address, lambda f, a, k: F.relu(f(*a, **k)))


def _resized(trainee: "Trainee", factor: float) -> None:
    """Make the narrowest layer wider or narrower: it and those that read from it are built anew."""
    modules, names = dict(trainee.model.named_modules()), trainee.patient.order
    place, old = trainee.patient.code_module
    if place is None or place not in names:
        raise CannotChange("the layer that makes the code could not be told")
    new = max(1, round(old * factor))
    following = names[names.index(place) + 1 :]
    _exchange(trainee, place, _like(modules[place], out=new))
    for name in following:
        module = modules[name]
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            _exchange(trainee, name, type(module)(new))
            continue
        _exchange(trainee, name, _like(module, into=_inputs(module) // old * new))
        return
    raise CannotChange("the layer that reads the code could not be told")


def _inputs(module: nn.Module) -> int:
    for name in ("in_features", "in_channels", "input_size"):
        if hasattr(module, name):
            return int(getattr(module, name))
    raise CannotChange(f"{type(module).__name__} is a layer of a kind that cannot be resized")


def _like(module: nn.Module, out: int | None = None, into: int | None = None) -> nn.Module:
    bias = getattr(module, "bias", None) is not None
    made: nn.Module
    if isinstance(module, nn.Linear):
        made = nn.Linear(into or module.in_features, out or module.out_features, bias)
    elif isinstance(module, RECURRENT):
        options = {
            name: getattr(module, name) for name in ("num_layers", "bias", "batch_first", "dropout", "bidirectional")
        }
        made = type(module)(into or module.input_size, out or module.hidden_size, **options)
    elif isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d):
        options = {name: getattr(module, name) for name in ("kernel_size", "stride", "padding", "dilation", "groups")}
        if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d):
            options["output_padding"] = module.output_padding
        made = type(module)(into or module.in_channels, out or module.out_channels, bias=bias, **options)
    else:
        raise CannotChange(f"{type(module).__name__} is a layer of a kind that cannot be resized")
    with torch.no_grad():  # as spread out as the user's own first weights
        for (name, p), (_, q) in zip(made.named_parameters(), module.named_parameters(), strict=True):
            if p.numel() > 1 and q.numel() > 1:
                fans = math.sqrt(q[0].numel() / p[0].numel()) if p.ndim > 1 else 1.0
                p.normal_(float(q.mean()), float(q.std()) * fans)
            del name
    return made.to(next(module.parameters()))


def _exchange(trainee: "Trainee", name: str, new: nn.Module) -> None:
    """Put a module in the place of another, in the optimizers too."""
    parent, _, last = name.rpartition(".")
    owner = trainee.model.get_submodule(parent)
    old = getattr(owner, last) if not last.isdigit() else owner._modules[last]
    pairs = dict(zip((id(p) for p in old.parameters()), new.parameters(), strict=True))
    for optimizer in trainee.optimizers:
        for group in optimizer.param_groups:
            group["params"] = [pairs.get(id(p), p) for p in group["params"]]
    owner._modules[last] = new
    if last in owner.__dict__:
        owner.__dict__[last] = new


POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)


def fewer_pools(trainee: "Trainee", factor: float | None) -> None:
    """Leave out the last poolings and, where the sizes then ask for it, the first of what undoes them."""
    for _ in range(round(factor or 1)):
        _without_pool(trainee)


def _without_pool(trainee: "Trainee") -> None:
    modules, patient = dict(trainee.model.named_modules()), trainee.patient
    if any(isinstance(modules[name], nn.Linear) for name in patient.order):
        raise CannotChange("a dense layer fixes the size of the picture")
    pools = [name for name in patient.spatial if isinstance(modules[name], POOLS)]
    strided = [n for n in patient.order if isinstance(modules[n], nn.Conv2d) and _pair(modules[n].stride) == (2, 2)]
    kinds = (nn.Upsample, nn.ConvTranspose2d)
    ups = [n for n in modules if isinstance(modules[n], kinds) and _pair(getattr(modules[n], "stride", 2)) == (2, 2)]
    if not pools and not strided:
        raise CannotChange("no pooling was found")
    removed = [strided[-1]] if strided else []
    if pools and (not strided or isinstance(modules[pools[-1]], nn.AdaptiveAvgPool2d)):
        removed.append(pools[-1])  # behind a strided layer, one that only rounds the side
    for name in removed:
        _keep_size(trainee, name, modules[name])
    for up in (None, *ups[:1]):
        if up is not None:
            _keep_size(trainee, up, modules[up])
        try:
            trainee.run(patient.batch(np.arange(min(2, len(patient.x)))), learn=False)
        except UsersError:
            continue
        return
    raise CannotChange("without a pooling the sizes do not fit")


def _pair(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def _keep_size(trainee: "Trainee", name: str, module: Any) -> None:
    """Put in the place of a module one that leaves the picture's size as it is."""
    made: nn.Module = nn.Identity()
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        made = nn.Conv2d(module.in_channels, module.out_channels, 3, padding=1, bias=module.bias is not None)
        made = made.to(module.weight)
    _exchange(trainee, name, made)


# ------------------------------------------------------------------ mistakes in the code
def fix_backward(trainee: "Trainee", factor: float | None) -> None:
    """Undo every mistake of the step that was seen and can be undone: `torch_facts` says which."""
    mends = trainee.patient.mends
    if not mends:
        raise CannotChange("no mistake in the step was seen that can be undone from outside")
    for mend in mends:
        mend(trainee)


def undetach(trainee: "Trainee") -> None:
    """Let gradients through where the step detaches or computes under no_grad."""
    for address in _seen(trainee).detached:
        trainee.rules.add(address, lambda f, a, k: a[0])


def with_gradient(trainee: "Trainee") -> None:
    for name in LAYERS:
        trainee.rules.add(name, _enabled)
    for name in {address[0] for address in _seen(trainee).hidden_activations} | {
        "relu",
        "sigmoid",
        "tanh",
        "view",
        "reshape",
        "flatten",
    }:
        trainee.rules.add(name, _enabled)


def _enabled(f: Any, a: Any, k: Any) -> Any:
    with torch.enable_grad():
        return f(*a, **k)


def hold_all(trainee: "Trainee") -> None:
    """Let the optimizer hold every parameter of the model, and none be frozen."""
    held = {id(p) for o in trainee.optimizers for group in o.param_groups for p in group["params"]}
    missing = [p for p in trainee.model.parameters() if id(p) not in held]
    for p in trainee.model.parameters():
        p.requires_grad_(True)
    if missing and trainee.optimizers:
        trainee.optimizers[0].add_param_group({"params": missing})


def once(trainee: "Trainee") -> None:
    """Leave out the activations of what is activated already."""
    for address in _seen(trainee).twice:
        trainee.rules.add(address, _first_tensor)


def output_in_loss(trainee: "Trainee") -> None:
    """Compare the last layer's output with the clean batch."""
    patient, kept = trainee.patient, {}

    def keep(f: Any, a: Any, k: Any) -> Any:
        kept["z"] = f(*a, **k)
        return kept["z"]

    def target(t: torch.Tensor) -> torch.Tensor:
        assert trainee.clean is not None
        assert patient.output is not None
        return torch.as_tensor(patient.output.apply(trainee.clean)).to(t)

    seen = _seen(trainee)
    if seen.output is None or patient.output is None:
        raise CannotChange("no layer gives as many numbers as an example has")
    trainee.outer.add(seen.output, keep)
    if seen.term is not None:
        _objective(trainee, seen.term.kind, lambda: kept["z"], target)
    else:
        trainee.rules.add("backward", lambda f, a, k: f(MEANS["squared_error"](kept["z"], target(kept["z"]))))


def awake(trainee: "Trainee") -> None:
    """Keep the model in training mode, without dropout."""
    for module in trainee.model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0

    def act() -> None:
        trainee.model.train()
        for module in trainee.model.modules():
            object.__setattr__(module, "eval", lambda module=module: module)

    trainee.before_step.append(act)


def stepping(trainee: "Trainee") -> None:
    """Call backward and the optimizers after a step that leaves them out."""
    stepped: list[torch.optim.Optimizer] = []

    def note(optimizer: torch.optim.Optimizer) -> None:
        stepped.append(optimizer)
        if not _seen(trainee).backward:  # it has old gradients to go by, if any
            for group in optimizer.param_groups:
                for p in group["params"]:
                    p.grad = None

    trainee.before_update.append(note)

    def finish(loss: torch.Tensor | None) -> None:
        whole = bool(_seen(trainee).backward) and bool(stepped)
        stepped.clear()
        if whole or loss is None or not loss.requires_grad:
            return
        if not _seen(trainee).backward:
            for p in trainee.model.parameters():
                p.grad = None
            loss.backward()
        for optimizer in trainee.optimizers:
            optimizer.step()

    trainee.after_step.append(finish)


def unclipped(trainee: "Trainee") -> None:
    """Update by the gradients as backward left them."""
    fresh: dict[int, torch.Tensor] = {}
    for p in trainee.model.parameters():
        p.register_post_accumulate_grad_hook(lambda p: fresh.__setitem__(id(p), p.grad.clone()))

    def act(optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            for p in group["params"]:
                if id(p) in fresh and p.grad is not None:
                    p.grad.copy_(fresh[id(p)])

    trainee.before_update.append(act)


def held_rate(trainee: "Trainee") -> None:
    """Keep the learning rate that the optimizer began with."""
    first: dict[int, list[Any]] = {id(o): [group["lr"] for group in o.param_groups] for o in trainee.optimizers}

    def act(optimizer: torch.optim.Optimizer) -> None:
        for group, lr in zip(optimizer.param_groups, first.get(id(optimizer), []), strict=False):
            group["lr"] = group.get("initial_lr", lr)

    trainee.before_update.append(act)


def differentiated(trainee: "Trainee") -> None:
    """Let autograd differentiate what custom functions compute, in place of their own backward."""

    class Context:  # what a forward asks of its ctx
        def __getattr__(self, name: str) -> Any:
            return lambda *args: None

    known = {(kind.__module__, kind.__qualname__) for kind in trainee.patient.custom_functions}
    function = torch.autograd.Function

    def apply(kind: Any, *args: Any, **kwargs: Any) -> Any:
        if (kind.__module__, kind.__qualname__) not in known:
            return original.__func__(kind, *args, **kwargs)
        alone = kind.setup_context is not function.setup_context
        return kind.forward(*args, **kwargs) if alone else kind.forward(Context(), *args, **kwargs)

    original = function.__dict__["apply"]

    @contextlib.contextmanager
    def plain() -> Iterator[None]:
        function.apply = classmethod(apply)
        try:
            yield
        finally:
            function.apply = original

    trainee.around.append(plain)


def other_data(trainee: "Trainee", factor: float | None) -> None:
    """Leave out examples that lie far from all others."""
    x = trainee.patient.x
    distance = np.sqrt(((x - np.median(x, axis=0)) ** 2).sum(axis=1))
    middle = float(np.median(distance))
    spread = float(np.median(np.abs(distance - middle))) or 1e-12
    kept = distance <= middle + (factor or OUTLYING) * spread
    if kept.all() or kept.mean() < 0.5:
        raise CannotChange("no examples lie far from all others")
    trainee.rows = np.flatnonzero(kept)


def fewer_examples(trainee: "Trainee", factor: float | None) -> None:
    """Train on a part of the examples: no repair, but it tells whether more would help."""
    trainee.rows = trainee.rows[: max(1, round(len(trainee.rows) / (factor or 2)))]


def _batch(trainee: "Trainee", factor: float) -> None:
    trainee.batch_factor = factor


CHANGES: dict[str, Callable[["Trainee", float | None], None]] = {
    "lr_down": lambda trainee, factor: _rate(trainee, 1 / (factor or 10)),
    "lr_up": lambda trainee, factor: _rate(trainee, factor or 10),
    "more_steps": lambda trainee, factor: None,  # the doctor takes them
    "clip_gradient": clip_gradient,
    "adam": adam,
    "less_l2": less_l2,
    "zero_grad": zero_grad,
    "logits_loss": logits_loss,
    "clean_target": clean_target,
    "linear_output": linear_output,
    "sigmoid_output": sigmoid_output,
    "output_bias_to_mean": output_bias_to_mean,
    "standardise_data": standardise_data,
    "scale_to_unit": scale_to_unit,
    "less_noise": less_noise,
    "more_noise": more_noise,
    "other_data": other_data,
    "fewer_examples": fewer_examples,
    "more_data_or_regularise": lambda trainee, factor: more_noise(trainee, factor or 0.3),
    "he_init": he_init,
    "smaller_init": smaller_init,
    "leaky_relu": leaky_relu,
    "activation_relu": activation_relu,
    "add_nonlinearity": add_nonlinearity,
    "widen_code": lambda trainee, factor: _resized(trainee, factor or 2),
    "narrow_code": lambda trainee, factor: _resized(trainee, 1 / (factor or 2)),
    "smaller_batch": lambda trainee, factor: _batch(trainee, 1 / (factor or 8)),
    "larger_batch": lambda trainee, factor: _batch(trainee, factor or 8),
    "fewer_pools": fewer_pools,
    "fix_backward": fix_backward,
}
