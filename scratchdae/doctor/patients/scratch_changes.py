"""What the doctor can change in a training of scratchdae's own, a row of `CHANGES` each.

A change edits the layers, the `Training`, the data or the first weights of a `Trainee` before it begins.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchdae import initializers
from scratchdae.arguments import Params
from scratchdae.corruption import Corruption
from scratchdae.doctor.patient import CannotChange, Change
from scratchdae.doctor.patients.course import amount, rescaling
from scratchdae.layers import (
    LSTM,
    AveragePool2D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    GaussianNoise,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
    UpSampling2D,
)
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.sequential import Sequential
from scratchdae.optimizers import Adam, Clipped
from scratchdae.schedules import Constant

if TYPE_CHECKING:
    from scratchdae.doctor.patients.scratch import Trainee

WEIGHTED = (Dense, Conv2D, Conv2DTranspose, LSTM)
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf), "softplus": (0.0, math.inf)}


# ------------------------------------------------------------------ taking apart, putting together
def as_layers(model: DenoisingAutoencoder) -> list[Layer]:
    """Return the layers that a denoising autoencoder would be."""
    ends: list[Layer] = [Sigmoid()] if model.options["output"] == "sigmoid" else []
    return [Dense(model.n_hidden, "sigmoid_uniform"), Sigmoid(), Dense(model.n_visible, "sigmoid_uniform"), *ends]


def assembled(trainee: "Trainee", rng: np.random.Generator) -> Any:
    """Return a model of the changed layers; weights that still fit are the user's, others are drawn as theirs were."""
    users = trainee.model
    made: Any
    try:
        if trainee.is_paper:
            hidden = trainee.layers[0]
            assert isinstance(hidden, Dense)
            output = "sigmoid" if len(trainee.layers) > 3 else "linear"
            made = DenoisingAutoencoder(
                users.n_visible, hidden.units, rng, tied=users.tied, loss=trainee.loss, output=output,
                reduction=trainee.reduction, dtype=users.dtype,
            )  # fmt: skip
        else:
            made = Sequential(
                trainee.layers, trainee.axes, rng, loss=trainee.loss, reduction=trainee.reduction,
                output_shape=users.shapes[-1], dtype=users.dtype,
            )  # fmt: skip
    except ValueError as error:
        raise CannotChange(f"the layers do not fit together any more: {error}") from None
    for name, value in made.params.items():
        old = users.params.get(name)
        if old is None:
            continue
        if old.shape == value.shape:
            made.params[name] = old.copy()
        elif value.ndim > 1 and value.std() > 0:  # as spread out as the user's own first weights
            made.params[name] = value * (old.std() / value.std() * math.sqrt(old.size / value.size))
    made.params = made.check_params({name: v.astype(users.dtype) for name, v in made.params.items()})
    return made


# ------------------------------------------------------------------ the steps
def _rate(trainee: "Trainee", factor: float) -> None:
    trainee.lr_factor *= factor


def clip_gradient(trainee: "Trainee", change: Change) -> None:
    """Clip the whole gradient's norm."""
    optimizer = Clipped(trainee.training.optimizer, max_norm=amount(change))
    trainee.training = replace(trainee.training, optimizer=optimizer)


def adam(trainee: "Trainee", change: Change) -> None:
    """Take Adam in the optimizer's place."""
    trainee.training = replace(trainee.training, optimizer=Adam(), lr=amount(change))


def less_l2(trainee: "Trainee", change: Change) -> None:
    """Take both penalties away: that of `fit`, and the weight decay of the update rule."""
    optimizer, rest = trainee.training.optimizer, 1 / change.factor if change.factor else 0.0

    def lighter(rule: Any) -> Any:
        if isinstance(rule, Clipped):
            return replace(rule, rule=lighter(rule.rule))
        decay = getattr(rule, "weight_decay", 0.0)
        return replace(rule, weight_decay=rest * decay) if decay else rule

    lighter_rule = lighter(optimizer)
    if not trainee.training.l2 and lighter_rule == optimizer:
        raise CannotChange("there is no penalty on the weights")
    trainee.training = replace(trainee.training, optimizer=lighter_rule, l2=rest * trainee.training.l2)


def _batch(trainee: "Trainee", factor: float) -> None:
    size = trainee.training.batch_size
    if (factor < 1 and size == 1) or (factor > 1 and size >= len(trainee.patient.x)):
        raise CannotChange(f"batches of {size} cannot be {'smaller' if factor < 1 else 'larger'}")
    trainee.batch_factor = factor


def fix_backward(trainee: "Trainee", change: Change) -> None:
    """Undo what can be a mistake: clipping to nearly nothing, a schedule that ends near 0, strong dropout."""
    del change
    training, before = trainee.training, (trainee.training, tuple(trainee.layers))
    if isinstance(training.optimizer, Clipped):
        training = replace(training, optimizer=training.optimizer.rule)
    if not isinstance(training.schedule, Constant):
        first = training.rate(0) or max(training.rate(epoch) for epoch in range(training.epochs))
        training = replace(training, lr=first)
    trainee.training = training
    trainee.layers = [replace(a, rate=0.0) if isinstance(a, Dropout) and a.rate >= 0.5 else a for a in trainee.layers]
    if before == (trainee.training, tuple(trainee.layers)):
        raise CannotChange("no mistake was seen; gradients of scratchdae's own are held to finite differences")


# ------------------------------------------------------------------ loss and output
def _not(condition: bool, why: str) -> None:
    if condition:
        raise CannotChange(why)


def _range(trainee: "Trainee") -> tuple[float, float]:
    from scratchdae.doctor.patients.scratch import name_of

    return (-math.inf, math.inf) if trainee.last is None else RANGES.get(
        name_of(trainee.layers[trainee.last]), (-math.inf, math.inf)
    )  # fmt: skip


def logits_loss(trainee: "Trainee", change: Change) -> None:
    """Take the cross-entropy of the sigmoid's input."""
    del change
    last = trainee.last
    _not(trainee.loss == "cross_entropy", "the cross-entropy is computed from the logits already")
    _not(
        last is None or not isinstance(trainee.layers[last], Sigmoid) or last + 1 < len(trainee.layers),
        "the output has no sigmoid before the loss",
    )
    x = trainee.transform(trainee.patient.x)
    _not(x.min() < 0 or x.max() > 1, f"cross-entropy needs data in [0, 1], found {x.min():.3g} to {x.max():.3g}")
    trainee.loss = "cross_entropy"


def linear_output(trainee: "Trainee", change: Change | None = None) -> None:
    """Take the activation off the output; a cross-entropy needs it."""
    del change
    _not(trainee.last is None, "the output is linear")
    _not(trainee.loss == "cross_entropy", "a cross-entropy needs its sigmoid")
    assert trainee.last is not None
    del trainee.layers[trainee.last]


def sigmoid_output(trainee: "Trainee", change: Change) -> None:
    """Put a sigmoid at the end."""
    del change
    last = trainee.last
    if last is None:
        trainee.layers.append(Sigmoid())
    else:
        _not(isinstance(trainee.layers[last], Sigmoid), "the output has its sigmoid")
        trainee.layers[last] = Sigmoid()


def output_bias_to_mean(trainee: "Trainee", change: Change) -> None:
    """Begin with the output's bias where its output is the mean of the data."""
    del change
    kind = None if trainee.last is None else type(trainee.layers[trainee.last])

    def act(params: Params) -> None:
        name = "b_prime" if trainee.is_paper else [key for key in params if key.endswith(".b")][-1]
        bias = params[name]
        x = trainee.transform(trainee.patient.x)
        _not(x.shape[1] % len(bias) != 0, "the last layer's bias does not lie as the data do")
        mean = x.reshape(-1, len(bias)).mean(axis=0)
        if kind is Sigmoid:
            mean = np.clip(mean, 1e-3, 1 - 1e-3)
            mean = np.log(mean / (1 - mean))
        elif kind is Tanh:
            mean = np.arctanh(np.clip(mean, -0.99, 0.99))
        params[name] = mean.astype(bias.dtype)

    last = [layer for layer in trainee.layers if isinstance(layer, WEIGHTED)][-1]
    _not(isinstance(last, LSTM), "the last layer, an LSTM, has the biases of its gates alone")
    trainee.after.append(act)


# ------------------------------------------------------------------ data and noise
def rescaled(trainee: "Trainee", change: Change) -> None:
    """Rescale the data; where they leave the output's range it becomes linear."""
    shift, size = rescaling(change.name, trainee.patient.x, change.factor)
    x = (trainee.patient.x - shift) / size
    if np.allclose(x, trainee.patient.x):
        raise CannotChange("the data are so already")
    low, high = _range(trainee)
    if x.min() < low - 1e-9 or x.max() > high + 1e-9:
        linear_output(trainee)
    trainee.scale = (np.asarray(shift), np.asarray(size))


def _less(corruption: Corruption, factor: float) -> Corruption:
    level = corruption.level
    less = level.level / factor if isinstance(level, Constant) else (lambda epoch: corruption.at(epoch) / factor)
    return Corruption(corruption.kind, less)  # type: ignore[arg-type]


def less_noise(trainee: "Trainee", change: Change) -> None:
    """Divide all noise that was seen."""
    factor, corruption, layers = amount(change), trainee.training.corruption, list(trainee.layers)
    if corruption is not None and corruption.at(0) > 0:
        trainee.training = replace(trainee.training, corruption=_less(corruption, factor))
    for k, layer in enumerate(layers):
        if isinstance(layer, GaussianNoise):
            trainee.layers[k] = replace(layer, std=layer.std / factor)
        elif isinstance(layer, Dropout):
            trainee.layers[k] = replace(layer, rate=layer.rate / factor)
    _not(corruption is trainee.training.corruption and layers == trainee.layers, "there is no noise")


def more_noise(trainee: "Trainee", change: Change) -> None:
    """Add Gaussian noise to what is fed, in standard deviations of the data."""
    trainee.extra_noise = amount(change) * float(np.sqrt(trainee.patient.x.var(axis=0).mean()))


# ------------------------------------------------------------------ first weights
def he_init(trainee: "Trainee", change: Change | None = None) -> None:
    """Draw weights by He's rule, the last ones by LeCun's, an LSTM's by Glorot's; biases 0."""
    del change
    rng = np.random.default_rng([trainee.seed, 2])

    def act(params: Params) -> None:
        matrices = [name for name, value in params.items() if value.ndim > 1]
        for name, value in params.items():
            lstm = name.startswith("lstm")
            if value.ndim < 2:
                params[name] = value if lstm else np.zeros_like(value)
            elif lstm:
                rule = initializers.orthogonal if name.endswith(".U") else initializers.glorot_uniform
                params[name] = rule(value.shape, rng, value.dtype)
            else:
                last = name == matrices[-1] and len(matrices) > 1
                rule = initializers.lecun_normal if last else initializers.he_normal
                shape = value.shape
                if name.startswith("conv2dtranspose"):  # its kernels are (kh, kw, filters, C)
                    params[name] = rule((*shape[:2], shape[3], shape[2]), rng, value.dtype).swapaxes(2, 3)
                else:
                    params[name] = rule(shape, rng, value.dtype)

    trainee.after.append(act)


def smaller_init(trainee: "Trainee", change: Change) -> None:
    """Shrink every matrix to Glorot's spread, where it has more; biases likewise to 1 at most."""

    def act(params: Params) -> None:
        for name, value in params.items():
            if value.ndim > 1:
                wanted = math.sqrt(2 / sum(initializers.fans(value.shape)))
                by = change.factor or max(1.0, float(value.std()) / wanted)
            else:
                by = max(1.0, float(np.abs(value).max()))
            params[name] = (value / by).astype(value.dtype)

    trainee.after.append(act)


# ------------------------------------------------------------------ layers
def _activation(trainee: "Trainee", old: tuple[type, ...], new: Layer, why: str) -> None:
    last = trainee.last
    places = [k for k, layer in enumerate(trainee.layers) if isinstance(layer, old) and k != last]
    _not(not places, why)
    _not(trainee.is_paper, "the paper's autoencoder has sigmoid units; a Sequential may have others")
    for k in places:
        trainee.layers[k] = new


def activation_relu(trainee: "Trainee", change: Change) -> None:
    """Take ReLUs in the place of hidden sigmoids and tanhs, and He's first weights."""
    _activation(trainee, (Sigmoid, Tanh), ReLU(), "no hidden unit is a sigmoid or a tanh")
    he_init(trainee, change)


def add_nonlinearity(trainee: "Trainee", change: Change) -> None:
    """ReLU after hidden layers that have no activation; the code stays as it is where others are left."""
    del change
    from scratchdae.doctor.patients.scratch import is_activation

    layers, last = trainee.layers, trainee.last
    hidden = [k for k, layer in enumerate(layers) if is_activation(layer) and k != last]
    bare = [k for k, layer in enumerate(layers) if isinstance(layer, WEIGHTED) and not isinstance(layer, LSTM)][:-1]
    _not(bool(hidden) or not bare, "its hidden layers have activations")
    code = _code(trainee)
    for k in reversed([k for k in bare if k != code] or bare):
        trainee.layers.insert(k + 1, ReLU())


def _code(trainee: "Trainee") -> int:
    """Return the place of the layer that makes the narrowest representation."""
    shapes = trainee.shapes
    places = [k for k, layer in enumerate(trainee.layers) if isinstance(layer, WEIGHTED)]
    widths = [min(math.prod(shapes[a + 1]), math.prod(shapes[b])) for a, b in pairwise(places)]
    _not(not widths, "there is one layer alone, and so no code")
    return places[int(np.argmin(widths))]


def _resized(trainee: "Trainee", factor: float) -> None:
    place = _code(trainee)
    layer: Any = trainee.layers[place]
    field = "units" if hasattr(layer, "units") else "filters"
    new = max(1, round(getattr(layer, field) * factor))
    _not(new == getattr(layer, field), "the code cannot be narrower")
    trainee.layers[place] = replace(layer, **{field: new})


def fewer_pools(trainee: "Trainee", change: Change) -> None:
    """Leave out the last poolings and the first of what undoes them."""
    for _ in range(round(change.factor or 1)):
        _without_pool(trainee)


def _without_pool(trainee: "Trainee") -> None:
    pools = [k for k, layer in enumerate(trainee.layers) if isinstance(layer, MaxPool2D | AveragePool2D)]
    ups = [k for k, layer in enumerate(trainee.layers) if isinstance(layer, UpSampling2D)]
    strided = [k for k, a in enumerate(trainee.layers) if isinstance(a, Conv2D) and a.stride in (2, (2, 2))]
    turned = [k for k, a in enumerate(trainee.layers) if isinstance(a, Conv2DTranspose) and a.stride in (2, (2, 2))]
    _not(not (pools or strided) or not (ups or turned), "no pooling and what undoes it were found")
    if turned and not (ups and ups[0] < turned[0]):
        trainee.layers[turned[0]] = replace(trainee.layers[turned[0]], stride=1)  # type: ignore[type-var]
    else:
        del trainee.layers[ups[0]]
    if strided and not (pools and pools[-1] > strided[-1]):
        trainee.layers[strided[-1]] = replace(trainee.layers[strided[-1]], stride=1)  # type: ignore[type-var]
    else:
        del trainee.layers[pools[-1]]


CHANGES: dict[str, Callable[["Trainee", Change], None]] = {
    "lr_down": lambda trainee, change: _rate(trainee, 1 / amount(change)),
    "lr_up": lambda trainee, change: _rate(trainee, amount(change)),
    "clip_gradient": clip_gradient,
    "adam": adam,
    "less_l2": less_l2,
    "smaller_batch": lambda trainee, change: _batch(trainee, 1 / amount(change)),
    "larger_batch": lambda trainee, change: _batch(trainee, amount(change)),
    "fix_backward": fix_backward,
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
    "leaky_relu": lambda trainee, change: _activation(
        trainee, (ReLU,), LeakyReLU(change.factor or 0.1), "no hidden unit is a ReLU"
    ),
    "activation_relu": activation_relu,
    "add_nonlinearity": add_nonlinearity,
    "widen_code": lambda trainee, change: _resized(trainee, amount(change)),
    "narrow_code": lambda trainee, change: _resized(trainee, 1 / amount(change)),
    "fewer_pools": fewer_pools,
}
