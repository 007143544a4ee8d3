"""Put a cause of failure into a healthy training: the number that is wrong, or the mistake in the code."""

import copy
import math


def width(t):
    """Count the inputs of a dense network, from its family's data."""
    from realise import data  # the data are cached

    return data(t)[0][0].numel()


def change(**fields):
    """Make an injection that sets fields from the severity."""
    return lambda t, s: t | {name: value(t, s) for name, value in fields.items()}


def init(**fields):
    """Make an injection that sets fields of the initialisation from the severity."""
    return lambda t, s: t | {"init": t["init"] | {name: value(s) for name, value in fields.items()}}


def bug(cause, pair=True):
    """Make an injection of a mistake in the code; a severity is a mode with a value, or a value."""
    return lambda t, s: (
        t | {"bugs": [*t["bugs"], {"id": cause, "mode": s[0], "value": s[1]} if pair else {"id": cause, "value": s}]}
    )


def plain_descent(t, s):
    """F05: plain gradient descent at a small rate, on columns off centre."""
    if t["output"] != "linear" or t["noise"][0] == "masking" or (t["kind"] != "dense" and s[1]):
        return None
    return t | {"optimizer": "sgd", "lr": s[0], "shift": float(s[1])}


def batch(t, s):
    """F06: a batch so small that the steps are noise, or so large that they are few for the same epochs."""
    if s[0] == "small":
        return t | {"batch": s[1]} if t["norm"] is None else None
    return t | {"batch": min(t["batch"] * s[1], t["n"] * 4 // 5), "steps": max(t["steps"] // s[1], 4)}


def deeper(act, gain):
    """Make an injection of more layers of the same width, inside a dense network."""

    def inject(t, s):
        if t["kind"] != "dense" or len(t["hidden"]) < 2 or t["norm"]:
            return None
        count, times = s if isinstance(s, tuple) else (s, 1)
        hidden = [t["hidden"][0]] * count + t["hidden"]
        return t | {"hidden": hidden, "act": act or t["act"], "init": t["init"] | gain(times)}

    return inject


def explode(t, s):
    """F12: ReLU in a recurrent layer, or a deep dense network, with gains above one."""
    if t["kind"] == "recurrent":
        return t | {"cell": "rnn_relu", "init": t["init"] | {"recurrent_gain": float(s[1])}}
    return deeper("relu", lambda times: {"kind": "he", "gain": 1.0 + times / 4})(t, s)


def dead(t, s):
    """F13: hidden biases so low that few units are active."""
    if t["act"] != "relu" or t["norm"] or t["kind"] == "recurrent":
        return None
    return t | {"init": t["init"] | {"hidden_bias": -float(s)}}


def range_of_output(t, s):
    """F14: an output that does not cover the data: squashed on signed data, or data too large for it."""
    if isinstance(s, str):
        return t | {"output": s} if t["output"] == "linear" and t["loss"] in ("mse", "huber") else None
    if t["output"] != "sigmoid" or t["loss"] != "mse":
        return None
    return t | {"scale": float(s)}


def saturate(t, s):
    """F15: an output sigmoid that starts far out, under a loss whose gradient it takes with it."""
    if t["output"] != "sigmoid" or t["loss"] == "bce_logits":
        return None
    return t | {"loss": "mse", "init": t["init"] | {"output_bias": -float(s[0]), "output_gain": float(s[1])}}


def scaled(t, s):
    """F16: data in units far from one, or far from centre."""
    if t["output"] != "linear" or (s[1] and t["noise"][0] in ("masking", "salt")):
        return None
    return t | {"scale": float(s[0]), "shift": float(s[1])}


def stronger(t, s):
    """F17: noise of the twin's kind, several times as strong; gaussian where it has none."""
    kind, strength = t["noise"]
    if t["noise_style"] == "dropout":
        return None
    if kind in ("masking", "salt"):
        return t | {"noise": [kind, 1 - (1 - strength) / (1 + s)]}
    return t | {"noise": ["gaussian", max(strength, 0.5) * s]}


def weaker(t, s):
    """F18: a code as wide as the input with little noise or none."""
    if t["kind"] == "conv" and not t["hidden"]:
        pass
    elif t["kind"] != "dense" or t["hidden"][-1] < width(t) or t["noise_style"] == "dropout":
        return None
    return t | {"noise": [t["noise"][0] if s else "none", t["noise"][1] * s]}


def identity(t, s):
    """F20: a code wider than the input, without the noise."""
    if t["kind"] != "dense" or t["noise"][0] == "none" or t["noise_style"] == "dropout":
        return None
    return t | {"hidden": [*t["hidden"][:-1], s * width(t)], "noise": ["none", 0.0]}


def narrower(t, s):
    """F19: fewer units of code than the data have directions."""
    return t | {"hidden": [*t["hidden"][:-1], s]} if t["hidden"] and t["hidden"][-1] > s else None


def pooled(t, s):
    """F21: more levels of pooling, with no more channels."""
    if t["kind"] != "conv" or t["hidden"]:
        return None
    channels = t["channels"] + [t["channels"][-1]] * max(t["pools"] + s - len(t["channels"]), 0)
    return t | {"channels": channels, "pools": t["pools"] + s}


def objective(t, s):
    """F24: the wrong target, a penalty that rules, outliers under a squared loss, noise left on in evaluation."""
    mode, value = s
    if mode == "l2":
        return t | {"l2": value, "l2_style": "hand"}
    if mode == "outliers":
        return t | {"outliers": list(value)} if t["loss"] == "mse" and t["output"] == "linear" else None
    clean = t["noise"][0] == "none" or t["noise_style"] == "dropout" or t["loss"].startswith("bce")
    if mode == "noisy_target" and clean:
        return None
    return t | {"bugs": [*t["bugs"], {"id": "F24", "mode": mode, "value": value}]}


def roundoff(t, s):
    """F25: cross-entropy of probabilities, written out without a guard, with far pre-activations."""
    if t["output"] != "sigmoid":
        return None
    return t | {"loss": "bce_hand", "init": t["init"] | {"output_gain": float(s)}}


def twice(t, s):
    """C05: the output's activation in the model and again, or in the model under a loss that applies it."""
    return bug("C05", pair=False)(t, s) if t["output"] != "linear" else None


def clipped(t, s):
    """C06: gradients clipped to nearly nothing."""
    return t | {"clip": s, "bugs": [*t["bugs"], {"id": "C06", "value": s}]}


def to_zero(t, s):
    """C07: a schedule that goes to zero."""
    style = "hand" if t["style"]["zero_first"] else "scheduler"
    return t | {"gamma": s, "gamma_style": style, "bugs": [*t["bugs"], {"id": "C07", "value": s}]}


def left(t, s):
    """C08: dropout much too strong, or the model in evaluation mode while it trains."""
    applies = t["kind"] != "recurrent" if s[0] == "dropout" else t["norm"] == "batch"
    return t | {"dropout": s[1], "bugs": [*t["bugs"], {"id": "C08", "mode": s[0]}]} if applies else None


def alike(t, s):
    """C09: a loader that gives the same examples over and over."""
    if s[0] == "rows":
        return t | {"alike": s[1]}
    return t | {"bugs": [*t["bugs"], {"id": "C09", "mode": "step"}]} if t["norm"] is None else None


def summed(t, s):
    """C10: a loss summed where the rate was chosen for a mean."""
    adaptive = t["optimizer"] not in ("sgd", "momentum", "nesterov")  # for those it is harmless: some are enough
    return t | {"reduction": s} if not adaptive or s == "sum" else None


def unheld(t, s):
    """C02: the optimizer does not hold some parameters."""
    return t | {"bugs": [*t["bugs"], {"id": "C02", "mode": s}]}


INJECTIONS = {
    "F01": change(lr=lambda t, s: t["lr"] / s),
    "F02": change(lr=lambda t, s: t["lr"] * s),
    "F03": change(lr=lambda t, s: t["lr"] * s),
    "F04": change(steps=lambda t, s: max(math.ceil(t["steps"] / s), 3)),
    "F05": plain_descent,
    "F06": batch,
    "F07": bug("F07", pair=False),
    "F08": bug("F08"),
    "F09": init(kind=lambda s: s[0], value=lambda s: s[1]),
    "F10": init(gain=float),
    "F11": deeper("sigmoid", lambda times: {}),
    "F12": explode,
    "F13": dead,
    "F14": range_of_output,
    "F15": saturate,
    "F16": scaled,
    "F17": stronger,
    "F18": weaker,
    "F19": narrower,
    "F20": identity,
    "F21": pooled,
    "F22": lambda t, s: t | {"act": "none"} if t["act"] != "none" and t["kind"] != "recurrent" else None,
    "F23": change(shuffled=lambda t, s: s),
    "F24": objective,
    "F25": roundoff,
    "H2": change(rows=lambda t, s: s),
    "C01": bug("C01"),
    "C02": unheld,
    "C03": bug("C03"),
    "C04": bug("C04"),
    "C05": twice,
    "C06": clipped,
    "C07": to_zero,
    "C08": left,
    "C09": alike,
    "C10": summed,
    "C11": bug("C11"),
}


def inject(t, cause, severity):
    """Put a cause into a training; None where it does not apply. The metric keeps the twin's noise."""
    out = INJECTIONS[cause](copy.deepcopy(t), severity)
    if out is not None:
        out = copy.deepcopy(out)
        out["causes"] = [*t["causes"], {"id": cause, "severity": severity}]
    return out
