"""Draw healthy trainings: the twins of the injected ones, and the odd ones."""

import copy
from typing import Any, NamedTuple

from realise import PLAIN, clearly_better, run


class Family(NamedTuple):
    """A kind of data."""

    draw: Any  # (rng, n) -> examples
    kind: str  # of network: dense, conv, recurrent; "floor" where nothing can be compressed
    domain: str  # signed, positive, unit, binary
    code: int  # units of code that do


def pick(rng, options):
    """Draw one of a list as plain Python."""
    return options[int(rng.integers(len(options)))]


def draw(split, families, options, rng, name=None):
    """Draw a training with nothing wrong in it, not yet known to be healthy."""
    t = copy.deepcopy(PLAIN)
    name = name or pick(rng, [n for n, family in families.items() if family.kind != "floor"])
    family = families[name]
    t |= {"split": split, "family": name, "data_seed": int(rng.integers(1000)), "n": pick(rng, options["n"])}
    kind = "dense" if family.kind == "floor" or (family.kind == "conv" and rng.random() < 0.25) else family.kind
    t |= {"kind": kind, "act": pick(rng, options["act"]), "code_linear": bool(rng.random() < 0.6)}
    t |= {name: pick(rng, options[name]) for name in ("batch", "steps")}
    t["optimizer"] = pick(rng, options["optimizers"])
    t["lr"] = pick(rng, options["rates"][t["optimizer"]])
    t["noise"] = pick(rng, options["noise"])
    t["norm"] = pick(rng, options["norm"])
    code = family.code + int(rng.integers(0, 3))
    if kind == "dense":
        t["hidden"] = [*pick(rng, options["widths"]), code]
        if family.kind == "dense" and rng.random() < 0.2:  # wider than its input: only noise gives it a task
            t["hidden"], t["noise"] = options.get("wide", [64]), pick(rng, options["wide_noise"])
    elif kind == "conv":
        t |= {"channels": pick(rng, options["channels"]), "kernel": pick(rng, options["kernel"])}
        t |= {"down": pick(rng, options["down"]), "up": pick(rng, options["up"]), "pools": 1}
        t["hidden"] = [code] if pick(rng, options["conv_code"]) else []
        if not t["hidden"] and t["noise"][0] == "none":
            t["noise"] = pick(rng, options["wide_noise"])
    else:
        t |= {"cell": pick(rng, options["cell"]), "hidden": [pick(rng, options["cell_width"]), code], "norm": None}
    if family.domain in ("signed", "positive"):
        t["output"], t["loss"] = "linear", pick(rng, options.get("losses", ["mse", "mse", "mse", "huber"]))
    else:
        ends = [("sigmoid", "bce_logits"), ("sigmoid", "bce"), ("sigmoid", "mse"), ("linear", "mse")]
        t["output"], t["loss"] = pick(rng, ends)
    if t["noise"][0] == "salt" and family.domain in ("signed", "positive"):
        t["noise"] = ["gaussian", 0.3]
    if t["noise"][0] == "masking":
        t["noise_style"] = pick(rng, options["noise_style"])
    else:
        t["noise_style"] = pick(rng, ["torch", "bernoulli", "numpy"])
    t["metric_noise"] = list(t["noise"])
    module = pick(rng, options["module"])
    t["style"] = {
        "module": module,
        "loss": pick(rng, options["loss_style"]),
        "split_step": module == "encoder_decoder" and bool(rng.random() < 0.5),
        "flatten": kind == "dense" and family.kind == "conv",
        "raw255": family.domain == "unit" and bool(rng.random() < 0.3),
        "zero_first": bool(rng.random() < 0.6),
    }
    return t


def variants(t):
    """Say what must not make a healthy training clearly better."""
    yield t | {"lr": 3 * t["lr"]}
    yield t | {"lr": t["lr"] / 3}
    yield t | {"optimizer": "adam", "lr": 1e-3}
    yield t | {"steps": 4 * t["steps"]}


def accepted(t, floor=False):
    """Decide whether a training is healthy: it has learned, and no usual change makes it clearly better."""
    reached = run(t, 0)
    if reached >= 0.6 and not floor:
        return False
    return not any(clearly_better(run(variant, 0), reached) for variant in variants(t))


ODD = ("floor", "floor", "third_dead", "saturated", "lr_edge", "strong_noise", "never_zeroed", "tiny_l2", "idle_part")
ODD += ("eval_norm",)


def odd(t, which, rng):
    """Make a healthy training look odd; None where that is impossible. `floor` is drawn with its own data."""
    t = copy.deepcopy(t)
    if which == "third_dead" and t["act"] == "relu" and t["kind"] != "recurrent" and not t["norm"]:
        t["init"]["dead"] = 0.34
    elif which == "saturated" and t["output"] == "sigmoid":
        t["init"]["output_gain"] = 6.0
    elif which == "lr_edge":
        t["lr"] *= 3
    elif which == "strong_noise" and t["noise"][0] == "gaussian":
        t["noise"] = ["gaussian", 1.6 * t["noise"][1]]
    elif which == "never_zeroed" and t["optimizer"] == "adam":
        t["bugs"] = [{"id": "F07"}]
    elif which == "tiny_l2":
        t |= {"l2": 1e-7, "l2_style": pick(rng, ["decay", "hand"])}
    elif which == "idle_part" and t["style"]["module"] != "sequential":
        t["extra_head"] = True
    elif which == "eval_norm" and t["kind"] == "dense":
        t |= {"norm": "batch", "bugs": [{"id": "C08", "mode": "eval"}]}
    else:
        return None
    return t
