"""Run a training under torchmortem and write what it finds in this evaluation's names. Runs where that package is.

Reads a training from standard input. What the package calls an issue is a critical finding or a warning.
"""

import json
import logging
import sys

import numpy as np
from realise import realise

ISSUES = {  # a part of the title: the cause, and the first of the advised changes that has a name here
    "Training divergence": ("F02", "lr_down", 10.0),
    "Exploding gradients": ("F12", "clip_gradient", 1.0),
    "Vanishing gradients": ("F11", "activation_relu", None),
    "Gradient stalling": ("F11", "he_init", None),
    "Dead units": ("F13", "leaky_relu", None),
    "Activation saturation": ("F15", "activation_relu", None),
    "Update ratio too low": ("F01", "lr_up", 10.0),
    "Update ratio too high": ("F03", "lr_down", 10.0),
    "Weight norm explosion": ("F02", "lr_down", 10.0),
    "Stagnant weight norms": ("F01", "lr_up", 10.0),
    "weight norm imbalance": ("F05", "adam", None),
    "Loss plateau": ("F01", "lr_up", 10.0),
    "gradient noise": ("F06", "larger_batch", None),
    "Rank collapse": ("F24", "less_l2", None),
}


def ask(t):
    """Train under the package's hooks."""
    from torchmortem import Autopsy

    logging.disable(logging.CRITICAL)
    code = realise(t)
    model, optimizer = code.build(0)
    np.random.seed(0)  # noqa: NPY002
    rng, size, order = np.random.default_rng(0), min(t["batch"], len(code.x)), np.empty(0, dtype=int)
    autopsy = Autopsy(model, optimizer=optimizer)
    autopsy.attach()
    for _ in range(t["steps"]):
        if len(order) < size:
            order = rng.permutation(len(code.x))
        now, order = order[:size], order[size:]
        autopsy.step(loss=float(code.step(model, optimizer, code.x[now]).detach()))
    autopsy.detach()
    found = [finding for finding in autopsy.get_report().findings if finding.severity.name != "INFO"]
    said = {"verdict": "cause" if found else "healthy", "causes": [], "prescription": None, "critical": False}
    said["critical"] = any(finding.severity.name == "CRITICAL" for finding in found)
    for finding in found:
        for title, (cause, change, factor) in ISSUES.items():
            if title in finding.title:
                said["causes"] += [cause] * (cause not in said["causes"])
                said["prescription"] = said["prescription"] or [[change, factor]]
    return said


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(ask(json.load(sys.stdin))) + "\n")
