"""What the doctor can change in a Keras training, a row of `CHANGES` each.

A change edits the plan of the model, its optimizer or loss, the data, or the first weights of a `Trainee` before it
begins.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from scratchdae.doctor.patient import CannotChange, Change
from scratchdae.doctor.patients.course import amount, rescaling
from scratchdae.doctor.patients.keras_model import Layer, activation, inner, is_alone, kind
from scratchdae.doctor.patients.keras_weights import he_init, output_bias_to_mean, output_of, smaller_init

if TYPE_CHECKING:
    from scratchdae.doctor.patients.keras_trainee import Trainee

RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf), "softplus": (0.0, math.inf),
          "softmax": (0.0, 1.0)}  # fmt: skip
CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")
RATES = ("initial_learning_rate", "end_learning_rate", "warmup_target", "values")  # of a schedule's config


def _not(condition: bool, why: str) -> None:
    if condition:
        raise CannotChange(why)


# ------------------------------------------------------------------ the steps
def rate(trainee: "Trainee", factor: float) -> None:
    """Scale the learning rate, that of a schedule too."""
    kind, config = trainee.plan.optimizer
    old = config["learning_rate"]
    if not isinstance(old, dict):
        trainee.lr_factor *= factor
        return
    schedule = old["config"]
    known = [name for name in RATES if schedule.get(name) is not None]
    _not(not known, f"the schedule {old.get('class_name')} is not known")
    scaled = {n: np.multiply(schedule[n], factor).tolist() for n in known}
    trainee.plan.optimizer = kind, {**config, "learning_rate": {**old, "config": {**schedule, **scaled}}}


def _optimizer(trainee: "Trainee", **options: Any) -> None:
    kind, config = trainee.plan.optimizer
    trainee.plan.optimizer = kind, {**config, **options}
    _not(trainee.plan.loss is None, "the model has a train_step of its own")


def clip_gradient(trainee: "Trainee", change: Change) -> None:
    """Clip the whole gradient's norm."""
    _optimizer(trainee, **{**dict.fromkeys(CLIPS), "global_clipnorm": amount(change)})


def adam(trainee: "Trainee", change: Change) -> None:
    """Take Adam in the optimizer's place."""
    _optimizer(trainee)
    trainee.plan.optimizer = keras.optimizers.Adam, keras.optimizers.Adam(amount(change)).get_config()


def less_l2(trainee: "Trainee", change: Change) -> None:
    """Take the penalties on the weights away."""
    del change
    plan, found = trainee.plan, False
    if plan.optimizer[1].get("weight_decay"):
        _optimizer(trainee, weight_decay=None)
        found = True
    if any(regularizers(layer) for layer in plan.layers):
        found = True
        for layer in plan.declared():
            for name in regularizers(layer):
                inner(layer)["config"][name] = None
    _not(not found, "there is no penalty on the weights")


def regularizers(layer: Layer) -> dict[str, Any]:
    """Return the penalties of a layer."""
    return {k: v for k, v in inner(layer)["config"].items() if k.endswith("_regularizer") and v is not None}


def _batch(trainee: "Trainee", factor: float) -> None:
    size = trainee.patient.batch_size
    less, whole = factor < 1 and size == 1, factor > 1 and size >= len(trainee.patient.x)
    _not(less or whole, f"batches of {size} cannot be {'smaller' if less else 'larger'}")
    trainee.batch_factor = factor


def fix_backward(trainee: "Trainee", change: Change) -> None:
    """Undo what can be a mistake: frozen layers, clipping, a schedule, strong dropout, a second sigmoid."""
    del change
    plan, found = trainee.plan, False
    config = plan.optimizer[1]
    if any(config.get(name) for name in CLIPS):
        _optimizer(trainee, **dict.fromkeys(CLIPS, None))
        found = True
    if isinstance(config["learning_rate"], dict):
        _optimizer(trainee, learning_rate=float(plan.users.optimizer.learning_rate))
        found = True
    if trainee.twice:
        linear(trainee)
        found = True
    for layer in plan.layers:
        own = inner(layer)["config"]
        if not (layer["config"].get("trainable", True) and own.get("trainable", True)):
            plan.declared()
            layer["config"]["trainable"] = own["trainable"] = found = True
        if inner(layer)["class_name"] in ("Dropout", "SpatialDropout2D") and own["rate"] >= 0.5:
            plan.declared()
            own["rate"], found = 0.0, True
    _not(not found, "no mistake in the training was seen that can be undone from outside")


def clean_target(trainee: "Trainee", change: Change) -> None:
    """Compare the output with the examples as they are."""
    del change
    _not(trainee.patient.step is None or trainee.patient.seen is None, "the output is compared with the clean batch")
    trainee.clean_target = True


# ------------------------------------------------------------------ loss and output
def logits_loss(trainee: "Trainee", change: Change) -> None:
    """Take the cross-entropy of the sigmoid's input."""
    del change
    plan, patient = trainee.plan, trainee.patient
    _not(
        output_of(trainee) != "sigmoid" or patient.loss == "cross_entropy_from_logits",
        "the output has no sigmoid before the loss",
    )
    x = trainee.transform(patient.x)
    _not(x.min() < 0 or x.max() > 1, f"cross-entropy needs data in [0, 1], found {x.min():.3g} to {x.max():.3g}")
    linear(trainee)
    reduction = "sum" if patient.scale > 1 and "sum" in str(getattr(plan.loss, "reduction", "")) else None
    plan.loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction or "sum_over_batch_size")
    trainee.loss = "cross_entropy_from_logits"


def linear(trainee: "Trainee") -> None:
    """Take the activation off the output."""
    plan, last = trainee.plan, trainee.plan.last
    _not(last is None, "the output is linear")
    assert last is not None
    if is_alone(plan.layers[last]) and plan.chain:
        plan.remove(last)
    else:
        _set_activation(plan.declared()[last], "linear")


def linear_output(trainee: "Trainee", change: Change | None = None) -> None:
    """Take the activation off the output; a cross-entropy needs it."""
    del change
    _not("cross" in trainee.loss, "a cross-entropy needs its sigmoid")
    linear(trainee)


def sigmoid_output(trainee: "Trainee", change: Change) -> None:
    """Put a sigmoid at the end."""
    del change
    plan = trainee.plan
    last = plan.last
    _not("logits" in trainee.loss, "the loss has its sigmoid")
    _not(output_of(trainee) == "sigmoid", "the output has its sigmoid")
    if last is None:
        weighted = [k for k, layer in enumerate(plan.layers) if kind(layer)]
        _not(not weighted, "the last layer was not seen")
        last = weighted[-1]
    _set_activation(plan.declared()[last], "sigmoid")


def _set_activation(layer: Layer, name: str) -> None:
    core = inner(layer)
    if is_alone(layer) and core["class_name"] != "Activation":
        own = core["config"]
        core.update(class_name="Activation", module="keras.layers", registered_name="Activation")
        core["config"] = {"name": own["name"], "trainable": True, "dtype": own["dtype"], "activation": name}
        return
    _not("activation" not in core["config"] or core["class_name"] in ("LSTM", "GRU", "SimpleRNN"),
         f"{core['class_name']} has no activation of its own")  # fmt: skip
    core["config"]["activation"] = name


# ------------------------------------------------------------------ data and noise
def rescaled(trainee: "Trainee", change: Change) -> None:
    """Rescale the data; where they leave the output's range it becomes linear."""
    shift, size = rescaling(change.name, trainee.patient.x, change.factor)
    x = (trainee.patient.x - shift) / size
    if np.allclose(x, trainee.patient.x):
        raise CannotChange("the data are so already")
    low, high = RANGES.get(output_of(trainee) or "", (-math.inf, math.inf))
    if "cross" in trainee.loss:
        low, high = 0.0, 1.0
    if x.min() < low - 1e-9 or x.max() > high + 1e-9:
        linear_output(trainee)
    trainee.scale = (np.asarray(shift), np.asarray(size))


def less_noise(trainee: "Trainee", change: Change) -> None:
    """Divide all noise that was seen."""
    factor, found = amount(change), False
    for layer in trainee.plan.layers:
        own = inner(layer)["config"]
        for name in ("stddev", "rate"):
            if own.get(name) and inner(layer)["class_name"] in NOISY:
                trainee.plan.declared()
                own[name], found = own[name] / factor, True
    if trainee.patient.fed_noise.kind != "none":
        trainee.noise_left, found = 1 / factor, True
    _not(not found, "no noise was seen")


NOISY = ("GaussianNoise", "GaussianDropout", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout")


def more_noise(trainee: "Trainee", change: Change) -> None:
    """Add Gaussian noise to what is fed, in standard deviations of the data."""
    _not(trainee.patient.step is not None and trainee.patient.seen is None, "what the step feeds was not seen")
    trainee.extra_noise = amount(change) * float(np.sqrt(trainee.patient.x.var(axis=0).mean()))


# ------------------------------------------------------------------ layers
def _hidden(trainee: "Trainee", names: tuple[str, ...], why: str) -> list[int]:
    plan = trainee.plan
    last = plan.last
    places = [k for k, layer in enumerate(plan.declared()) if activation(layer) in names and k != last]
    _not(not places, why)
    return places


def leaky_relu(trainee: "Trainee", change: Change) -> None:
    """Take leaky rectifiers in the place of hidden ReLUs."""
    plan, slope = trainee.plan, change.factor or 0.1
    for k in reversed(_hidden(trainee, ("relu",), "no hidden unit is a ReLU")):
        core = inner(plan.layers[k])
        if core["class_name"] == "ReLU":
            core["config"]["negative_slope"] = slope
        elif plan.chain:
            _set_activation(plan.layers[k], "linear")
            plan.insert(k + 1, keras.layers.LeakyReLU(slope))
        else:
            _set_activation(plan.layers[k], "leaky_relu")  # Keras' own slope, 0.2


def activation_relu(trainee: "Trainee", change: Change) -> None:
    """Take ReLUs in the place of hidden sigmoids and tanhs, and He's first weights."""
    old = ("sigmoid", "tanh", "softmax", "hard_sigmoid", "softsign", "hard_tanh")
    for k in _hidden(trainee, old, "no hidden unit is a sigmoid or a tanh"):
        _set_activation(trainee.plan.layers[k], "relu")
    he_init(trainee, change)


def add_nonlinearity(trainee: "Trainee", change: Change) -> None:
    """ReLU in hidden layers that have no activation; the code stays as it is where others are left."""
    del change
    plan = trainee.plan
    layers, last = plan.declared(), plan.last
    hidden = [k for k, layer in enumerate(layers) if activation(layer) and k != last]
    bare = [k for k, layer in enumerate(layers) if kind(layer) and "activation" in inner(layer)["config"]
            and kind(layer) not in ("lstm", "gru", "rnn_tanh")][:-1]  # fmt: skip
    _not(bool(hidden) or not bare, "its hidden layers have activations")
    code = _code(trainee)
    for k in [k for k in bare if k != code] or bare:
        _set_activation(layers[k], "relu")


def _code(trainee: "Trainee") -> int:
    """Return the place of the layer that makes the narrowest representation."""
    sizes = trainee.sizes()
    places = [k for k, layer in enumerate(trainee.plan.layers) if kind(layer)]
    widths = [min(sizes[a][1], sizes[b][0]) for a, b in pairwise(places)]
    _not(not widths, "there is one layer alone, and so no code")
    return places[int(np.argmin(widths))]


def _resized(trainee: "Trainee", factor: float) -> None:
    own = inner(trainee.plan.declared()[_code(trainee)])["config"]
    field = "units" if "units" in own else "filters"
    new = max(1, round(own[field] * factor))
    _not(new == own[field], "the code cannot be narrower")
    own[field] = new


def fewer_pools(trainee: "Trainee", change: Change) -> None:
    """Leave out the last poolings and the first of what undoes them."""
    for _ in range(round(change.factor or 1)):
        _without_pool(trainee)


def _without_pool(trainee: "Trainee") -> None:
    layers = trainee.plan.chained()
    names = [layer["class_name"] for layer in layers]
    _not("Dense" in names, "a dense layer fixes the size of the picture")
    pools = [k for k, name in enumerate(names) if name in ("MaxPooling2D", "AveragePooling2D")]
    halving = [list(layer["config"].get("strides") or []) == [2, 2] for layer in layers]
    strided = [k for k, name in enumerate(names) if name == "Conv2D" and halving[k]]
    ups = [k for k, name in enumerate(names) if name == "UpSampling2D"]
    turned = [
        k for k, a in enumerate(layers) if names[k] == "Conv2DTranspose" and list(a["config"]["strides"]) == [2, 2]
    ]
    _not(not (pools or strided) or not (ups or turned), "no pooling and what undoes it were found")
    if turned and not (ups and ups[0] < turned[0]):
        layers[turned[0]]["config"]["strides"] = (1, 1)
    else:
        trainee.plan.remove(ups[0])
    if strided and not (pools and pools[-1] > strided[-1]):
        layers[strided[-1]]["config"]["strides"] = (1, 1)
    else:
        trainee.plan.remove(pools[-1])


CHANGES: dict[str, Callable[["Trainee", Change], None]] = {
    "lr_down": lambda trainee, change: rate(trainee, 1 / amount(change)),
    "lr_up": lambda trainee, change: rate(trainee, amount(change)),
    "clip_gradient": clip_gradient,
    "adam": adam,
    "less_l2": less_l2,
    "smaller_batch": lambda trainee, change: _batch(trainee, 1 / amount(change)),
    "larger_batch": lambda trainee, change: _batch(trainee, amount(change)),
    "fix_backward": fix_backward,
    "clean_target": clean_target,
    "logits_loss": logits_loss,
    "linear_output": linear_output,
    "sigmoid_output": sigmoid_output,
    "output_bias_to_mean": output_bias_to_mean,
    "standardise_data": rescaled,
    "scale_to_unit": rescaled,
    "less_noise": less_noise,
    "more_noise": more_noise,
    "he_init": he_init,
    "smaller_init": smaller_init,
    "leaky_relu": leaky_relu,
    "activation_relu": activation_relu,
    "add_nonlinearity": add_nonlinearity,
    "widen_code": lambda trainee, change: _resized(trainee, amount(change)),
    "narrow_code": lambda trainee, change: _resized(trainee, 1 / amount(change)),
    "fewer_pools": fewer_pools,
}
