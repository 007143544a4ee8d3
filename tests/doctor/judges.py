"""The judges: each looks at a training and says whether it is ill, of what, and what to change first."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from realise import realise
from repairs import CHANGES, REPAIRS, repair
from torch import nn

PEERS = os.environ.get("TORCHMORTEM_PYTHON", sys.executable)  # a Python that has torchmortem, and torch


def finding(verdict, causes=(), prescription=None):
    """Make what a judge says; a prescription is a list of changes to be made together."""
    return {"verdict": verdict, "causes": list(causes), "prescription": prescription, "nearest": None}


def doctor(t, budget_s, seed):
    """Ask the doctor."""
    from scratchdae import doctor as house

    code = realise(t)
    report = house.examine(
        code.build, code.step, code.x,
        batch_size=t["batch"], steps=t["steps"], seed=0, budget_s=budget_s, held_out=code.held_out,
    )  # fmt: skip
    causes = [cause for cause, _ in report.causes]
    first = report.prescription[0] if report.prescription else None
    changes = [[first.name, first.factor], *[list(change) for change in first.together]] if first else None
    said = finding(report.verdict, causes, changes)
    said["nearest"] = report.nearest(causes[0]) if causes else None
    said["proved"] = bool(first.proved) if first else None
    return said


def fixed(t, budget_s, seed):
    """Prescribe what is always prescribed: Adam at 1e-3, He's weights, linear output, standardised data."""
    changes = []
    for name in ("linear_output", "he_init", "standardise_data", "adam"):
        changed = repair(t, name)
        if changed is not None:
            t, changes = changed, [*changes, [name, None]]
    return finding("cause", [], changes)


def random(t, budget_s, seed):
    """Prescribe one applicable change, drawn by lot, and name a cause that it answers."""
    rng = np.random.default_rng(seed)
    name = str(rng.choice([name for name in CHANGES if repair(t, name) is not None]))
    causes = [cause for cause, names in REPAIRS.items() if name in names]
    return finding("cause", [str(rng.choice(causes))] if causes else [], [[name, None]])


def traces(t):
    """Train once, and record what the published tools record: losses, gradients, activations."""
    code = realise(t)
    model, optimizer = code.build(0)
    np.random.seed(0)  # noqa: NPY002
    outputs, seen = {}, {"loss": [], "norm": [], "ratio": [], "dead": [], "saturated": [], "update": [], "without": 0}
    for name, module in model.named_modules():
        if isinstance(module, nn.ReLU | nn.Sigmoid | nn.Tanh):
            module.register_forward_hook(lambda m, _, out, name=name: outputs.__setitem__(name, (m, out.detach())))
    rng, size = np.random.default_rng(0), min(t["batch"], len(code.x))
    weights = [p for p in model.parameters() if p.dim() > 1]
    for n in range(t["steps"]):
        before = [p.detach().clone() for p in weights] if n % 10 == 0 else None
        loss = code.step(model, optimizer, code.x[rng.permutation(len(code.x))[:size]])
        seen["loss"].append(float(loss.detach()))
        if not math.isfinite(seen["loss"][-1]):
            break
        if before is None:
            continue
        grads = [float(p.grad.norm()) for p in weights if p.grad is not None]
        seen["without"] = len(weights) - len(grads)
        if grads:
            seen["norm"].append(math.hypot(*grads))
            seen["ratio"].append(grads[0] / max(grads[-1], 1e-30))
        moved = [float((p.detach() - q).norm() / (q.norm() + 1e-12)) for p, q in zip(weights, before, strict=True)]
        seen["update"].append(float(np.median(moved)))
        for module, out in outputs.values():
            if isinstance(module, nn.ReLU):
                seen["dead"].append(float((out.flatten(1) <= 0).all(0).float().mean()))
            else:
                far = (out - 0.5).abs() > 0.49 if isinstance(module, nn.Sigmoid) else out.abs() > 0.99
                seen["saturated"].append(float(far.float().mean()))
    return seen


def rules(t, budget_s, seed):
    """Judge by thresholds on traces, as published tools have them, with their usual advice."""
    seen = traces(t)
    losses, last = np.array(seen["loss"]), max(len(seen["loss"]) // 4, 1)
    if not np.isfinite(losses[-1]) or max(seen["norm"], default=0) > 1e3:
        return finding("cause", ["F12"], [["clip_gradient", 1.0]])
    if seen["without"]:
        return finding("cause", ["C01"], [["fix_backward", None]])
    if np.median(seen["ratio"] or [1]) < 1e-3 or np.median(seen["norm"] or [0]) < 1e-6:
        return finding("cause", ["F11"], [["he_init", None]])
    if max(seen["dead"][-3:], default=0) > 0.5:
        return finding("cause", ["F13"], [["leaky_relu", None]])
    if max(seen["saturated"][-3:], default=0) > 0.5:
        return finding("cause", ["F15"], [["standardise_data", None]])
    early, late = losses[:last].mean(), losses[-last:].mean()
    if late > 1.5 * losses.min() and losses[-last:].std() > 0.2 * abs(late):
        return finding("cause", ["F03"], [["lr_down", 10.0]])
    if late > 0.99 * early or np.median(seen["update"]) < 1e-5:
        return finding("cause", ["F01"], [["lr_up", 10.0]])
    return finding("healthy")


def torchmortem(t, budget_s, seed):
    """Ask a published tool, in a Python of its own; ill is what it reports as completed with issues."""
    script = str(Path(__file__).with_name("ask_torchmortem.py"))
    done = subprocess.run(
        [PEERS, script], input=json.dumps(t), capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2][:300])
    return {"nearest": None} | json.loads(done.stdout.splitlines()[-1])


def torchmortem_critical(t, budget_s, seed):
    """Ask the same tool, and count as ill only what it calls critical."""
    said = torchmortem(t, budget_s, seed)
    return said if said["critical"] else finding("healthy") | {"critical": False}


JUDGES = {
    "doctor": doctor,
    "fixed": fixed,
    "random": random,
    "rules": rules,
    "torchmortem": torchmortem,
    "torchmortem_critical": torchmortem_critical,
}
torch.set_num_threads(1)
