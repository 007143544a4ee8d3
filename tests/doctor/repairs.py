"""Repairs by the evaluation itself: a prescription's name applied to the training, never through the doctor's hooks."""

import copy

REPAIRS = {  # which prescriptions answer a cause
    "F01": ["lr_up", "adam"],
    "F02": ["lr_down", "adam", "clip_gradient"],
    "F03": ["lr_down", "larger_batch", "adam"],
    "F04": ["more_steps"],
    "F05": ["standardise_data", "adam"],
    "F06": ["larger_batch", "smaller_batch"],
    "F07": ["zero_grad"],
    "F08": ["fix_backward"],
    "F09": ["he_init"],
    "F10": ["smaller_init", "he_init"],
    "F11": ["he_init", "activation_relu", "leaky_relu"],
    "F12": ["clip_gradient", "he_init", "smaller_init"],
    "F13": ["leaky_relu", "he_init", "lr_down"],
    "F14": ["linear_output", "scale_to_unit", "sigmoid_output"],
    "F15": ["logits_loss", "output_bias_to_mean", "linear_output", "lr_down"],
    "F16": ["standardise_data", "scale_to_unit", "adam"],
    "F17": ["less_noise"],
    "F18": ["more_noise"],
    "F19": ["widen_code"],
    "F20": ["more_noise", "narrow_code"],
    "F21": ["fewer_pools"],
    "F22": ["add_nonlinearity", "activation_relu", "leaky_relu"],
    "F23": ["other_data"],
    "F24": ["clean_target", "less_l2", "other_data", "less_noise"],
    "F25": ["logits_loss"],
    "H2": ["more_data_or_regularise"],
    "C01": ["fix_backward"],
    "C02": ["fix_backward"],
    "C03": ["clean_target"],
    "C04": ["fix_backward"],
    "C05": ["fix_backward", "logits_loss", "linear_output"],
    "C06": ["clip_gradient", "fix_backward"],
    "C07": ["fix_backward"],
    "C08": ["fix_backward", "less_noise"],
    "C09": ["other_data"],
    "C10": ["lr_down", "adam", "clip_gradient"],
    "C11": ["fix_backward"],
}
IN_CODE = ("C01", "C02", "C04", "C05", "C06", "C07", "C08", "C11", "F08")
LONGEST = 6000  # steps of a repaired training


def without(t, *ids):
    """Take mistakes out of the code; None where none of them is there."""
    kept = [bug for bug in t["bugs"] if bug["id"] not in ids]
    return t | {"bugs": kept} if len(kept) < len(t["bugs"]) else None


def fixed(t, f):
    """Take out every mistake that is in the code of the model, the optimizer or the step."""
    gone = {bug["id"] for bug in t["bugs"]} & set(IN_CODE)
    if not gone:
        return None
    fields = {"C06": {"clip": None}, "C07": {"gamma": None}, "C08": {"dropout": 0.0}}
    out = without(t, *gone)
    for cause in sorted(gone & set(fields)):
        out |= fields[cause]
    return out


def clean_target(t, f):
    """Compare with this batch, clean."""
    kept = [bug for bug in t["bugs"] if bug["id"] != "C03" and bug.get("mode") != "noisy_target"]
    return t | {"bugs": kept} if len(kept) < len(t["bugs"]) else None


def logits(t, f):
    """Cross-entropy from logits, in place of a sigmoid and a loss of what comes out of it."""
    if t["output"] != "sigmoid" or (t["loss"] == "bce_logits" and without(t, "C05") is None):
        return None
    return (without(t, "C05") or t) | {"loss": "bce_logits"}


def linear(t, f=None):
    """No activation at the output; a squared loss where there was cross-entropy."""
    if t["output"] == "linear":
        return None
    return (without(t, "C05") or t) | {"output": "linear", "loss": "mse" if t["loss"].startswith("bce") else t["loss"]}


def standardised(t, f):
    """Centre by column, one spread for all; an output that covers the new range."""
    return (linear(t) or t) | {"prepared": "standardise"}


def initial(**fields):
    """Make a repair of the initial weights."""
    return lambda t, f: t | {"init": t["init"] | {name: value(t, f) for name, value in fields.items()}}


def he(t, f):
    """Draw He's weights, biases zero."""
    ones = {"gain": 1.0, "recurrent_gain": 1.0, "output_gain": 1.0}
    return t | {"init": {"kind": "he", "value": 0.0, "hidden_bias": 0.0, "output_bias": 0.0, "dead": 0.0} | ones}


def glorot(t, f):
    """Draw Glorot's weights, biases as they were; or what is there, divided."""
    if f:
        return t | {"init": t["init"] | {"gain": t["init"]["gain"] / f, "output_gain": 1.0}}
    ones = {"gain": 1.0, "recurrent_gain": 1.0, "output_gain": 1.0}
    return t | {"init": t["init"] | {"kind": "glorot"} | ones}


def code(times):
    """Make a repair of the width of the code: the last hidden layer, or the last channels."""

    def change(t, f):
        where = "hidden" if t["hidden"] else "channels"
        factor = float(f or 2)
        wide = max(round(t[where][-1] * (factor if times > 0 else 1 / factor)), 1)
        return t | {where: [*t[where][:-1], wide]}

    return change


def less_noise(t, f):
    """Divide the strength of the noise; of dropout and of noise left on, too."""
    kind, strength = t["noise"]
    bugs = [bug | {"value": bug["value"] / (f or 5)} if bug.get("mode") == "left_on" else bug for bug in t["bugs"]]
    if kind == "none" and not t["dropout"] and bugs == t["bugs"]:
        return None
    return t | {"noise": [kind, strength / (f or 5)], "dropout": t["dropout"] / (f or 5), "bugs": bugs}


def more_noise(t, f):
    """Add gaussian noise, or turn up what is there."""
    kind, strength = t["noise"]
    if kind in ("masking", "salt") and strength:
        return t | {"noise": [kind, min(strength * (f or 3), 0.6)]}
    return t | {"noise": ["gaussian", max(f or 0.3, strength)], "noise_style": "torch"}


def nonlinear(act, only=None):
    """Make a repair of the activation."""
    return lambda t, f: t | {"act": act} if t["act"] != act and (only is None or t["act"] in only) else None


def batches(times):
    """Make a repair of the batch's size: smaller with as many more steps, larger with the same."""

    def change(t, f):
        n = int(f or 8)
        if times > 0:
            return t | {"batch": t["batch"] * n}
        smaller = {"batch": max(t["batch"] // n, 1), "steps": min(t["steps"] * n, LONGEST)}
        return t | smaller if t["batch"] > 1 else None

    return change


def other_data(t, f):
    """Give data that have structure, that differ, and that hold no outliers."""
    spoilt = t["shuffled"] or t["alike"] or t["outliers"] or t["rows"] or without(t, "C09") is not None
    good = {"shuffled": 0.0, "alike": None, "outliers": None, "rows": None}
    return (without(t, "C09") or t) | good if spoilt else None


CHANGES = {
    "lr_down": lambda t, f: t | {"lr": t["lr"] / (f or 10)},
    "lr_up": lambda t, f: t | {"lr": t["lr"] * (f or 10)},
    "more_steps": lambda t, f: t | {"steps": min(int(t["steps"] * max(f or 10, 4)), LONGEST)},
    "zero_grad": lambda t, f: without(t, "F07"),
    "logits_loss": logits,
    "output_bias_to_mean": initial(output_bias=lambda t, f: "mean"),
    "linear_output": linear,
    "sigmoid_output": lambda t, f: t | {"output": "sigmoid"} if t["output"] != "sigmoid" else None,
    "standardise_data": standardised,
    "scale_to_unit": lambda t, f: t | {"prepared": "unit"},
    "he_init": he,
    "smaller_init": glorot,
    "leaky_relu": nonlinear("leaky"),
    "activation_relu": nonlinear("relu"),
    "add_nonlinearity": nonlinear("relu", only=("none",)),
    "widen_code": code(1),
    "narrow_code": code(-1),
    "less_noise": less_noise,
    "more_noise": more_noise,
    "clean_target": clean_target,
    "less_l2": lambda t, f: t | {"l2": t["l2"] / f if f else 0.0} if t["l2"] else None,
    "clip_gradient": lambda t, f: (without(t, "C06") or t) | {"clip": f or 1.0},
    "adam": lambda t, f: t | {"optimizer": "adam", "lr": 1e-3},
    "smaller_batch": batches(-1),
    "larger_batch": batches(1),
    "fewer_pools": lambda t, f: t | {"pools": max(t["pools"] - int(f or 1), 0)} if t["pools"] else None,
    "fix_backward": fixed,
    "more_data_or_regularise": lambda t, f: t | {"rows": None} if t["rows"] else None,
    "other_data": other_data,
    "none": lambda t, f: None,
}


def repair(training, name, factor=None):
    """Apply a prescription to a training; None where it does not apply or its name is unknown."""
    change = CHANGES.get(name)
    out = change(copy.deepcopy(training), factor) if change else None
    return copy.deepcopy(out) if out is not None and out != training else None


def repair_all(training, changes):
    """Apply several prescriptions, each a name with a factor; None where one does not apply."""
    for name, factor in changes:
        training = repair(training, name, factor)
        if training is None:
            return None
    return training


def restored(repaired, twin, injected):
    """Judge whether an FVU closes three quarters of the gap; what diverged is no further off than the constant."""
    return repaired <= twin + 0.25 * (min(injected, 1.0) - twin)
