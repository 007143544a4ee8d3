"""Why an autoencoder does not train: a row a cause, with what gives it away and the experiments that confirm it.

The ids are those of the chapters' index. F01 to F25, H1 and H2 are failures of the training; C01 and on are mistakes
that only code can make, each with the failure that it comes nearest to.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from scratchdae.doctor.evidence import Evidence
from scratchdae.doctor.patient import Change


class Cause(NamedTuple):
    """One cause."""

    name: str
    suspicion: Callable[[Evidence], float]  # from 0 to 1, what the evidence says before any experiment
    experiments: tuple[Change, ...]  # the first that restores health is the repair
    nearest: str  # an id of the failures of training
    chapter: str  # the number of the chapter that is about it


def _fact(cause: str) -> Callable[[Evidence], float]:
    return lambda e: 0.95 if cause in e.facts else 0.0


def _never(e: Evidence) -> float:
    """No experiment speaks for it: the floors do."""
    del e
    return 0.0


def _step(value: float, at: float, width: float) -> float:
    """Rise from 0 to 1 around a value, on a scale of its own."""
    if math.isnan(value):
        return 0.0
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, (value - at) / width))))


def _faint(e: Evidence) -> float:
    """Suspect first weights that are too small: reconstructions hardly differ between examples, in mid-range."""
    faint = _step(-math.log10(max(e.sign("spread_first"), 1e-12)), 3.0, 0.5)
    saturated = e.sign("output_saturated_first")
    return faint * (1 - (0.0 if math.isnan(saturated) else saturated))


def _sluggish(e: Evidence) -> float:
    """Suspect a learning rate that is too low: weights hardly move, and what is unexplained still falls."""
    small = _step(-math.log10(max(e.sign("update"), 1e-12)), 3.0, 0.25)
    return 0.1 + 0.75 * small * (1 - 0.5 * _step(e.sign("dead"), 0.9, 0.05))


def _diverging(e: Evidence) -> float:
    if not e.base.finite:
        return 0.7
    return 0.15 + 0.6 * max(
        _step(e.growth, 2.0, 0.5), _step(math.log10(max(e.sign("update_first"), 1e-12)), -0.7, 0.15)
    )


BIT = Change

CAUSES: dict[str, Cause] = {
    # ---- mistakes in the code, seen directly
    "C11": Cause("backward or the update is never called", _fact("C11"), (BIT("fix_backward"),), "F08", "21"),
    "C01": Cause("parameters get no gradient", _fact("C01"), (BIT("fix_backward"),), "F08", "26"),
    "C02": Cause("the optimizer does not hold all parameters", _fact("C02"), (BIT("fix_backward"),), "F08", "26"),
    "C03": Cause("the target is not the batch that was fed", _fact("C03"), (BIT("clean_target"),), "F24", "15"),
    "C04": Cause(
        "the loss is computed on something else than the output", _fact("C04"), (BIT("fix_backward"),), "F24", "15"
    ),
    "C05": Cause(
        "an activation is applied twice", _fact("C05"), (BIT("fix_backward"), BIT("linear_output")), "F14", "12"
    ),
    "C06": Cause(
        "gradients are clipped to nearly nothing",
        _fact("C06"),
        (BIT("fix_backward"), BIT("lr_up", 10), BIT("lr_up", 100)),
        "F01",
        "24",
    ),
    "C07": Cause(
        "the schedule takes the learning rate to zero",
        _fact("C07"),
        (BIT("fix_backward"), BIT("lr_up", 10)),
        "F01",
        "17",
    ),
    "C08": Cause(
        "a layer trains in evaluation mode, or dropout is much too strong",
        _fact("C08"),
        (BIT("fix_backward"), BIT("less_noise")),
        "F24",
        "15",
    ),
    "C09": Cause("the examples are all alike", _fact("C09"), (), "F23", "05"),
    "C10": Cause(
        "the loss is a sum where the learning rate was chosen for a mean",
        lambda e: (
            (0.75 if not e.base.finite or e.share > 0.5 else 0.45)
            * _step(math.log10(max(e.anatomy.scale, 1e-9)), 0.7, 0.1)
            * (1.0 if e.anatomy.optimizer == "SGD" else 0.3)
        ),
        (BIT("lr_down", 10), BIT("lr_down", 100)),
        "F02",
        "04",
    ),
    "C12": Cause("the model adds noise in evaluation too", _fact("C12"), (BIT("less_noise", 20),), "F24", "15"),
    "F07": Cause("gradients are not zeroed", _fact("F07"), (BIT("zero_grad"),), "F07", "21"),
    "F08": Cause("a backward pass is wrong", _fact("F08"), (BIT("fix_backward"),), "F08", "26"),
    "F24": Cause(
        "the wrong objective: a noisy target or too strong a penalty",
        lambda e: max(
            _fact("F24")(e), 0.6 if e.anatomy.weight_decay > 3e-4 or e.anatomy.penalty or e.outlying else 0.0
        ),
        (BIT("clean_target"), BIT("less_l2"), BIT("other_data")),
        "F24",
        "15",
    ),
    # ---- the output
    "F14": Cause(
        "the output cannot reach the targets",
        lambda e: max(0.95 * _step(e.expected.output, 0.08, 0.02), 0.6 * _step(e.sign("output_dead"), 0.1, 0.05)),
        (BIT("linear_output"), BIT("standardise_data"), BIT("scale_to_unit")),
        "F14",
        "12",
    ),
    "F15": Cause(
        "the output is saturated: all black, all white",
        lambda e: (
            0.85 * _step(e.sign("output_saturated"), 0.7, 0.08) * (1 if e.share > 0.3 else 0.4)
            if e.anatomy.output in ("sigmoid", "tanh") and e.expected.output < 0.1
            else 0.0
        ),
        (BIT("logits_loss"), BIT("output_bias_to_mean"), BIT("lr_down", 10), BIT("linear_output"), BIT("smaller_init")),
        "F15",
        "13",
    ),
    "F25": Cause(
        "cross-entropy of probabilities: round-off",
        lambda e: (
            (0.9 if not e.base.finite else 0.5 * _step(e.sign("output_saturated"), 0.5, 0.1) + 0.1)
            if e.anatomy.output == "sigmoid" and "cross" in e.anatomy.loss and "logits" not in e.anatomy.loss
            else 0.0
        ),
        (BIT("logits_loss"), BIT("lr_down", 10)),
        "F25",
        "16",
    ),
    # ---- the network
    "F13": Cause(
        "dead rectifiers",
        lambda e: (
            0.8 * _step(e.sign("dead"), 0.75, 0.05) * (1 - _step(e.sign("alike_first"), 0.9, 0.03))
            + (0.1 if "relu" in e.anatomy.hidden else 0.0)
        ),
        (BIT("leaky_relu"), BIT("he_init"), BIT("lr_down", 10)),
        "F13",
        "25",
    ),
    "F22": Cause(
        "no nonlinearity",
        lambda e: 0.75 if not e.anatomy.hidden and e.deep and e.close else 0.0,
        (BIT("add_nonlinearity"),),
        "F22",
        "14",
    ),
    "F11": Cause(
        "gradients vanish with depth",
        lambda e: (
            0.8
            * _step(-math.log10(max(e.sign("gradient_ratio_first"), 1e-12)), 1.3, 0.3)
            * (1.0 if {"sigmoid", "tanh", "softmax"} & set(e.anatomy.hidden) else 0.4)
            + (0.1 if len(e.anatomy.hidden) > 2 else 0.0)
        ),
        (BIT("activation_relu"), BIT("he_init"), BIT("adam")),
        "F11",
        "23",
    ),
    "F12": Cause(
        "gradients explode",
        lambda e: (0.6 if e.recurrent else 0.35) if not e.base.finite else 0.3 * _step(e.growth, 2.0, 0.5),
        (BIT("clip_gradient"), BIT("he_init")),
        "F12",
        "24",
    ),
    "F10": Cause(
        "first weights are too large",
        lambda e: (
            0.8
            * max(
                _step(e.first / e.nothing, 2.5, 0.4),
                _step(e.sign("saturated_first"), 0.6, 0.1),
                _step(math.log10(max(e.sign("weights_largest"), 1e-12)), 0.5, 0.06),
            )
        ),
        (BIT("smaller_init"), BIT("he_init")),
        "F10",
        "22",
    ),
    "F09": Cause(
        "first weights are too small, or all alike",
        lambda e: (
            0.9
            * max(
                _faint(e),
                _step(e.sign("alike_first"), 0.9, 0.03),
                _step(-math.log10(max(e.sign("weights_smallest"), 1e-12)), 0.8, 0.06),
            )
        ),
        (BIT("he_init"),),
        "F09",
        "22",
    ),
    "F19": Cause(
        "the bottleneck is too narrow",
        lambda e: 0.7 if e.narrow else 0.0,
        (BIT("widen_code", 2), BIT("widen_code", 4)),
        "F19",
        "07",
    ),
    "F21": Cause(
        "too much downsampling",
        lambda e: 0.6 * (1 - 0.3 * e.saturation) if e.pooled and not e.roomy and e.share > 0.05 else 0.0,
        (BIT("fewer_pools", 1), BIT("fewer_pools", 2)),
        "F21",
        "08",
    ),
    # ---- data and noise
    "F16": Cause(
        "data are not scaled or not centred",
        lambda e: 0.8 * max(_step(abs(e.offset), 2.5, 0.5), _step(abs(math.log10(max(e.size, 1e-12))), 1.0, 0.15)),
        (BIT("standardise_data"), BIT("scale_to_unit"), BIT("adam"), BIT("standardise_data", 1)),
        "F16",
        "11",
    ),
    "F17": Cause(
        "the noise is too strong",
        lambda e: 0.8 * _step(e.noise, 1.0, 0.05),
        (BIT("less_noise", 5),),
        "F17",
        "06",
    ),
    "F18": Cause(
        "the noise is too weak: the network copies",
        lambda e: (0.8 if e.copier else 0.4 * e.untasked) if e.anatomy.noise.kind != "none" else 0.0,
        (BIT("more_noise", 0.6),),
        "F18",
        "06",
    ),
    "F20": Cause(
        "too wide without noise: the identity",
        lambda e: (0.8 if e.copier else 0.4 * e.untasked) if e.anatomy.noise.kind == "none" else 0.0,
        (BIT("more_noise", 0.6), BIT("narrow_code", 4)),
        "F20",
        "07",
    ),
    "H2": Cause(
        "it memorises",
        lambda e: 0.7 * _step(e.gap, 0.12, 0.03),
        (BIT("more_data_or_regularise"), BIT("more_noise", 0.3)),
        "H2",
        "10",
    ),
    # ---- the steps
    "F02": Cause(
        "the learning rate is too high: it diverges", _diverging, (BIT("lr_down", 10), BIT("lr_down", 100)), "F02", "17"
    ),
    "F03": Cause(
        "the learning rate is too high: a noisy plateau",
        lambda e: 0.15 + 0.5 * _step(e.jitter, 0.25, 0.08),
        (BIT("lr_down", 10), BIT("larger_batch", 8)),
        "F03",
        "17",
    ),
    "F01": Cause("the learning rate is too low", _sluggish, (BIT("lr_up", 10), BIT("lr_up", 100)), "F01", "17"),
    "F06": Cause(
        "the batch size: too few updates, or too noisy ones",
        lambda e: 0.1 + 0.5 * _step(math.log2(e.batch), 7.5, 0.4) + 0.5 * _step(-math.log2(e.batch), -1.6, 0.4),
        (BIT("smaller_batch", 8), BIT("larger_batch", 8)),
        "F06",
        "20",
    ),
    "F05": Cause(
        "conditioning: the optimizer crawls",
        lambda e: (
            0.15 + 0.4 * _step(math.log10(max(e.expected.condition, 1)), 2.0, 0.3) * (e.anatomy.optimizer == "SGD")
        ),
        (BIT("adam"), BIT("standardise_data")),
        "F05",
        "19",
    ),
    "F04": Cause(
        "stopped too early",
        lambda e: 0.1 + 0.5 * _step(e.slope, 0.12, 0.04),
        (BIT("more_steps", 4),),
        "F04",
        "18",
    ),
    # ---- nothing is wrong
    "F23": Cause("these data cannot be compressed", _never, (), "F23", "05"),
    "H1": Cause("nothing is wrong: it is at its floor", _never, (), "H1", "09"),
}


def nearest(cause: str) -> str:
    """Return the failure of training that a cause comes nearest to: itself, or that of a mistake in code."""
    return CAUSES[cause].nearest
