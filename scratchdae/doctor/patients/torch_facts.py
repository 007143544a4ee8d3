"""What is seen directly in the first steps of a PyTorch training: its anatomy, and mistakes that are certain."""

from __future__ import annotations

import contextlib
import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from scratchdae.arguments import Array
from scratchdae.doctor.patient import Anatomy, Fact
from scratchdae.doctor.patients import torch_mends, torch_step
from scratchdae.doctor.patients.torch_examples import rounding
from scratchdae.doctor.patients.torch_layout import Layout, find
from scratchdae.doctor.patients.torch_slopes import custom_functions, wrong_gradient
from scratchdae.doctor.patients.torch_step import ACTIVATIONS, LAYERS, Call, Producers, Recorder

if TYPE_CHECKING:
    from scratchdae.doctor.patients.torch import TorchPatient
    from scratchdae.doctor.patients.torch_trainee import Trainee

STRONG = 0.15  # a dropout from here on is looked at: an autoencoder that is not too large needs none
STEPS = 5  # that are looked at
NEARLY_NOTHING = 0.05  # of a gradient is left
SELF_ACTIVATED = ("lstm", "gru", "rnn_tanh", "rnn_relu")


class Glance:
    """What hooks see in the first steps."""

    def __init__(self, trainee: Trainee) -> None:
        self.trainee = trainee
        self.carried: list[bool] = []  # a step: whether gradients of before were added to
        self.fresh: dict[int, torch.Tensor] = {}  # the gradient of this step
        self.applied: list[float] = []  # a step: norm of what the optimizer got over that of the fresh gradient
        self.graded: set[int] = set()
        self.held: set[int] = set()
        self.stepped = 0
        self.fed: torch.Tensor | None = None  # what the first layer got in the first step
        self.asleep: set[str] = set()
        self.order: list[tuple[str, int, int]] = []  # module, and which calls of the recorder it made
        self._first: set[int] = set()

    def watch(self, stack: contextlib.ExitStack, recorder: Recorder) -> None:
        for p in self.trainee.model.parameters():
            if p.requires_grad:
                stack.callback(p.register_hook(lambda grad, p=p: self._grad(p, grad)).remove)
        stack.callback(register_optimizer_step_pre_hook(lambda o, *_: self._update(o)).remove)
        for name, module in self.trainee.model.named_modules():
            if next(module.children(), None) is None:
                begun: list[int] = []
                stack.callback(
                    module.register_forward_pre_hook(lambda *_, b=begun: b.append(len(recorder.calls))).remove
                )

                def after(module: nn.Module, *_: Any, name: str = name, begun: list[int] = begun) -> None:
                    self.order.append((name, begun.pop(), len(recorder.calls)))
                    if not module.training and isinstance(
                        module, nn.modules.dropout._DropoutNd | nn.modules.batchnorm._BatchNorm
                    ):
                        self.asleep.add(name)

                stack.callback(module.register_forward_hook(after).remove)

    def _grad(self, p: nn.Parameter, grad: torch.Tensor) -> None:
        if id(p) not in self._first:
            self._first.add(id(p))
            if p.grad is not None and bool(p.grad.count_nonzero()):
                self.carried[-1] = True
        self.graded.add(id(p))
        self.fresh[id(p)] = grad.detach().clone() + self.fresh.get(id(p), 0.0)

    def _update(self, optimizer: torch.optim.Optimizer) -> None:
        self.stepped += 1
        held = [p for group in optimizer.param_groups for p in group["params"]]
        self.held |= {id(p) for p in held}
        pairs = [(p.grad, self.fresh[id(p)]) for p in held if p.grad is not None and id(p) in self.fresh]
        whole = math.sqrt(sum(float(f.double().square().sum()) for _, f in pairs))
        if whole > 0 and not self.carried[-1]:
            self.applied.append(math.sqrt(sum(float(g.double().square().sum()) for g, _ in pairs)) / whole)

    def begin(self) -> None:
        self.carried.append(False)
        self.fresh.clear()
        self._first.clear()


def look(patient: TorchPatient, seed: int) -> Anatomy:
    """Take the first steps of a fresh training, and read them."""
    trainee = patient.begin(seed)
    rng = np.random.default_rng(seed)
    size = min(patient.batch_size, len(patient.x))
    glance, recorder = Glance(trainee), Recorder()
    first = np.arange(size)
    with contextlib.ExitStack() as stack:
        glance.watch(stack, recorder)
        glance.begin()
        with recorder:
            loss = trainee.run(patient.batch(first))
        order = list(glance.order)
        again, second = Recorder(), first
        for number in range(STEPS - 1):
            glance.begin()
            rows = rng.choice(len(patient.x), size, replace=False)
            with again if number == 0 else contextlib.nullcontext():
                trainee.run(patient.batch(rows))
            if number == 0:
                second = rows
    calls = recorder.calls
    layers = layers_of(calls)
    glance.fed = next(layers[0].tensors).detach() if layers else None
    value = loss if isinstance(loss, torch.Tensor) else None
    seen = torch_step.anatomy(calls, value, patient.x[first].size)
    patient.seen = seen
    trainee = patient.begin(seed)
    target = _structure(patient, trainee, seen, calls, order, first)
    facts, mends = facts_of(patient, trainee, seen, calls, glance)
    if target is not None and patient.output is not None and not seen.elsewhere:
        late = _taken(again.calls, seen)
        fact = _target(patient, target, first, glance.fed)
        if fact is None and late is not None:
            fact = _target(patient, late, second, None)
        facts += [] if fact is None else [fact]
    wrong = wrong_gradient(patient, seed, first)
    patient.custom_functions = custom_functions(loss)
    if wrong:
        facts.append(
            Fact("F08", f"the gradient of {wrong} is not the slope of the loss: finite differences say otherwise")
        )
        if patient.custom_functions:
            mends.append(torch_mends.differentiated)
    patient.mends = mends
    group = trainee.optimizers[0].param_groups[0] if trainee.optimizers else {}
    term = seen.term
    unseen = [*seen.unseen]
    if patient.feed is None or patient.feed.fit < 0.5:
        unseen.append("how what the network is fed lies to the examples; noise is not told apart")
    if patient.dtype == torch.float16:
        unseen.append(
            "whether float16 is the cause: it ends at 65,504, and Adam's eps of 1e-8 is 0 in it; try bfloat16"
        )
    return Anatomy(
        framework=patient.framework,
        loss=term.kind if term else "unknown",
        scale=term.scale if term else 1.0,
        output=seen.output_activation[0] if seen.output_activation else "linear",
        hidden=tuple(address[0] for address in seen.hidden_activations),
        layers=tuple(call.address[0] for call in layers_of(calls)),
        code=patient.code,
        noise=patient.fed_noise,
        optimizer=type(trainee.optimizers[0]).__name__ if trainee.optimizers else "none",
        lr=float(group.get("lr", 0.0)),
        weight_decay=float(group.get("weight_decay", 0.0) or 0.0),
        parameters=sum(p.numel() for p in trainee.model.parameters()),
        facts=tuple(facts),
        unseen=tuple(unseen),
        penalty=1.0 if seen.penalties else 0.0,
    )


def layers_of(calls: list[Call]) -> list[Call]:
    """Return the calls of layers before the first backward."""
    ends = [index for index, call in enumerate(calls) if call.address[0] == "backward"]
    kept = calls[: ends[0]] if ends else calls
    return [call for call in kept if call.address[0] in LAYERS and next(call.tensors, None) is not None]


def result_of(call: Call) -> torch.Tensor:
    """Return what a call gives; of several tensors, the first."""
    return call.result[0] if isinstance(call.result, tuple) else call.result


def _structure(
    patient: TorchPatient,
    trainee: Trainee,
    seen: torch_step.Anatomy,
    calls: list[Call],
    order: list[tuple[str, int, int]],
    rows: Array,
) -> torch.Tensor | None:
    """Find the code, the layers without an activation, and how output and input lie to the examples."""
    layers = layers_of(calls)
    modules = dict(trainee.model.named_modules())
    patient.order = list(
        dict.fromkeys(name for name, _, _ in order if next(modules[name].parameters(), None) is not None)
    )
    patient.spatial = list(
        dict.fromkeys(name for name, _, _ in order if next(modules[name].parameters(), None) is None)
    )
    owner = {calls[index].address: name for name, low, high in order for index in range(low, min(high, len(calls)))}
    count = len(rows)
    widths = [
        min(result_of(one).numel(), next(two.tensors).numel()) // count for one, two in itertools.pairwise(layers)
    ]
    patient.code, patient.code_layer, patient.code_module = None, None, (None, 0)
    if widths:
        index = int(np.argmin(widths))
        patient.code, patient.code_layer = widths[index], layers[index].address
        result = result_of(layers[index])
        recurrent = layers[index].address[0] in SELF_ACTIVATED
        width = result.shape[-1] if layers[index].address[0] == "linear" or recurrent else result.shape[1]
        patient.code_module = (owner.get(layers[index].address), int(width))
    patient.last_layer = layers[-1].address if layers else None
    producer, activated = Producers(calls), set()
    for call in calls:
        if call.address[0] in ACTIVATIONS:
            below = next(iter(producer.above(call)), None)
            while below is not None and below.address[0] not in (*LAYERS, *ACTIVATIONS):
                below = next(iter(producer.above(below)), None)
            if below is not None:
                activated.add(below.address)
    patient.bare_layers = [
        c.address for c in layers if c.address not in activated and c.address[0] not in SELF_ACTIVATED
    ]
    patient.find_layouts(trainee, seen, patient.parts[0][rows])
    patient.output = None
    if seen.output is None:
        return None
    output = result_of(next(call for call in calls if call.address == seen.output)).detach()
    target = _taken(calls, seen)
    x = patient.x[rows].reshape(count, *patient.axes)
    whole = target is not None and target.numel() == x.size
    values = np.asarray((target if target is not None and whole else output).cpu().double())
    found = find(x, values)
    if found is not None and not whole:  # nothing tells its units but the data's
        found = Layout(found.order, found.shape, found.axes, np.ones(()), np.zeros(()), 1.0)
    elif found is not None and found.fit < 0.5:  # another batch, or noise: the same layout, scaled by the moments
        size = float(values.std() / (x.std() or 1.0)) or 1.0
        size = 1.0 if abs(size - 1) < 0.1 else size
        shift = 0.0 if size == 1.0 else float(values.mean() - size * x.mean())
        plain = patient.feed if patient.feed is not None and len(patient.feed.shape) == values.ndim else found
        found = Layout(plain.order, found.shape, plain.axes, np.float64(size), np.float64(shift), found.fit)  # type: ignore[arg-type]
    patient.output = found
    return target


def facts_of(
    patient: TorchPatient,
    trainee: Trainee,
    seen: torch_step.Anatomy,
    calls: list[Call],
    glance: Glance,
) -> tuple[list[Fact], list[Any]]:
    """List mistakes that are certain, and what undoes them."""
    facts: list[Fact] = []
    mends: list[Any] = []

    def tell(cause: str, text: str, mend: Any = None) -> None:
        facts.append(Fact(cause, text))
        if mend is not None and mend not in mends:
            mends.append(mend)

    if not seen.backward:
        tell("C11", "the step never calls backward", torch_mends.stepping)
    elif glance.stepped < STEPS and not any(glance.carried):  # else gradients are gathered over several steps
        tell("C11", f"the optimizer's step was called in {glance.stepped} of {STEPS} steps", torch_mends.stepping)
    if glance.carried[1:] and all(glance.carried[1:]):
        tell(
            "F07",
            f"gradients are never zeroed: in each of {len(glance.carried) - 1} steps they were added to the last ones",
        )
    names = parameter_names(glance.trainee.model)
    used = {id(t) for call in calls for t in call.tensors if isinstance(t, nn.Parameter)}
    parameters = list(glance.trainee.model.parameters())
    if seen.backward:
        lost = [names[id(p)] for p in parameters if p.requires_grad and id(p) in used and id(p) not in glance.graded]
        if lost:
            why = (
                "detach" if seen.detached else "no_grad" if seen.without_gradient else "the loss does not depend on it"
            )
            tell("C01", f"{_some(lost)} gets no gradient ({why})", torch_mends.undetach if seen.detached else None)
            if seen.without_gradient:
                mends.append(torch_mends.with_gradient)
        elif seen.detached:
            tell("C01", "a part of the network is detached: no gradient goes through it", torch_mends.undetach)
    if glance.stepped:
        frozen = [names[id(p)] for p in parameters if not p.requires_grad and id(p) in used]
        missing = [names[id(p)] for p in parameters if id(p) in glance.graded and id(p) not in glance.held]
        if missing:
            tell("C02", f"no optimizer holds {_some(missing)}", torch_mends.hold_all)
        if frozen:
            tell("C02", f"{_some(frozen)} is frozen", torch_mends.hold_all)
    size = patient.x[: min(patient.batch_size, len(patient.x))].size
    if seen.elsewhere:
        what = f"{seen.compared} numbers of a batch of {size}" if seen.compared != size else "something else"
        tell(
            "C04",
            f"the loss compares {what}, not what the last layer gives with the batch",
            torch_mends.output_in_loss,
        )
    if seen.twice:
        tell("C05", f"{seen.twice[0][0]} is applied to what is activated already", torch_mends.once)
    if len(glance.applied) >= STEPS - 2 and max(glance.applied) < NEARLY_NOTHING:
        share = float(np.median(glance.applied))
        tell("C06", f"the optimizer gets {share:.2g} of the gradient: it is clipped or scaled", torch_mends.unclipped)
    strong = [
        m.p for m in glance.trainee.model.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.p >= STRONG
    ]
    patient.awake = patient.given is not None and patient.awake_noise(glance.trainee)
    if patient.awake:
        tell("C12", "the model adds noise in evaluation mode too: draw it only `if self.training`")
    if glance.asleep:
        tell("C08", f"{_some(sorted(glance.asleep))} trains in evaluation mode", torch_mends.awake)
    if strong and not (patient.fed_noise.kind == "dropout" and len(strong) == 1):  # that is its noise
        tell("C08", f"dropout of {max(strong):g}", torch_mends.awake)
    fed = glance.fed
    if (
        fed is not None
        and len(fed) > 1
        and bool((fed[1:] == fed[:1]).all())
        and np.ptp(patient.x[: len(fed)], axis=0).any()
    ):
        tell("C09", "the network is fed one example in every row of the batch")
    return facts, mends


def _taken(calls: list[Call], seen: torch_step.Anatomy) -> torch.Tensor | None:
    """Return the target of the loss."""
    if seen.term is None:
        return None
    place, which = seen.term.target
    tensors = [list(call.tensors) for call in calls if call.address == place]
    return tensors[0][which].detach() if tensors and len(tensors[0]) > which else None


def _target(patient: TorchPatient, target: torch.Tensor, rows: Array, fed: torch.Tensor | None) -> Fact | None:
    """Compare the loss's target with the examples that were fed."""
    layout, x = patient.output, patient.x[rows]
    values = np.asarray(target.cpu().double())
    if layout is None or values.size != x.size:
        return None
    difference = layout.back(values) - x
    size = float(x.std()) or 1.0
    if np.abs(difference).max() < max(1e-3 * size, rounding(x, patient.dtype)):
        return None
    left = float((difference**2).mean()) / size**2
    found = find(x.reshape(len(x), *patient.axes), values)
    noisy = fed is not None and fed.numel() == target.numel() and bool((fed.reshape(target.shape) == target).all())
    if not noisy and (found is None or found.fit < 0.3):
        return Fact("C03", f"the target is not the batch: they differ by {left:.2g} of its variance")
    return Fact("F24", f"the target is not the clean batch: they differ by {left:.2g} of its variance")


def parameter_names(model: nn.Module) -> dict[int, str]:
    """Return the parameters' names by id."""
    return {id(p): name for name, p in model.named_parameters()}


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
