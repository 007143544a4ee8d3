"""Where a model stands between the floor and the best constant of the data that it is given."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchdae.arguments import Array, array, choice, framework, function, unit_interval
from scratchdae.floors import constants, entropy, spectrum
from scratchdae.floors.examples import finite_matrix


@dataclass(frozen=True)
class Standing:
    """The loss of a model beside what its data allow; it prints as a few sentences."""

    loss: str  # which loss
    value: float  # of the model, the mean over elements; inf where a probability of 0 came true
    floor: float  # the entropy of the targets for the cross-entropy; 0 for the others
    constant: float  # the best constant's
    excess: float  # (value − floor) / (constant − floor): from 0 to 1, and beyond; NaN where there is nothing to learn
    varies: float  # spread of the outputs over the examples, in that of the targets: 0 where all answers are the same
    units: int | None  # of the smallest linear code that leaves as little squared error; None where it was not sought

    def __str__(self) -> str:
        lines = [
            f"{self.loss} {self.value:.4g}, the mean over elements; floor {self.floor:.4g}, best constant "
            f"{self.constant:.4g}: {self.excess:.1%} of the way from the floor to the constant"
        ]
        if self.units:
            lines.append(f"as little as a linear code of {self.units} unit{'s' * (self.units != 1)} leaves")
        if self.excess >= 1:
            lines.append("no better than the constant, which ignores the input")
        differ = "hardly differ" if self.varies < 0.01 else "differ"
        return "\n".join([*lines, f"the outputs {differ} between examples: {self.varies:.2g} of what the targets do"])


def standing(model: Any, x: Any, target: Any = None, *, loss: str = "squared_error") -> Standing:
    """Measure a model's loss beside the floor and the best constant of its targets.

    Parameters
    ----------
    model : torch.nn.Module, keras.Model, Sequential, DenoisingAutoencoder or callable
        The model, trained or not, in evaluation mode whatever mode it is in; or a function that returns its outputs.
        Any layers will do: it is only run.
    x : array_like, shape (B, ...)
        Examples, as the model takes them.
    target : array_like, shape (B, ...), optional
        What it should give, such as the clean examples; `x` if left out.
    loss : {"squared_error", "absolute_error", "cross_entropy"}
        Which loss; the cross-entropy is that of probabilities, so of a network that gives logits take the sigmoid.

    Returns
    -------
    Standing
        ``print`` it; its numbers are means over elements.
    """
    choice("loss", loss, constants.LOSSES)
    inputs = _numbers("x", x)
    targets = _matrix("x", inputs) if target is None else _matrix("target", _numbers("target", target))
    if inputs.dtype.kind == "f":
        _matrix("x", inputs)  # finite
    outputs = _matrix("the output of model", _numbers("the output of model", _run(model, inputs)))
    if outputs.shape != targets.shape:
        raise ValueError(f"model must give outputs of the targets' shape, {targets.shape} flat, found {outputs.shape}")
    constant, floor, units = constants.constant(targets, loss), 0.0, None
    if loss == "cross_entropy":
        value, floor = _cross_entropy(outputs, targets), entropy.cross_entropy(targets)
    else:
        error = np.abs(outputs - targets)
        value = float((error * error if loss == "squared_error" else error).mean())
    if loss == "squared_error" and min(targets.shape) <= 2000:  # beyond, eigenvalues of the covariance take minutes
        units = int(np.argmax(spectrum.pca(targets) <= value))
    spread, distance = _spread(targets), constant - floor
    return Standing(
        loss, value, floor, constant, (value - floor) / distance if distance > 0 else float("nan"),
        _spread(outputs) / spread if spread else float("nan"), units,
    )  # fmt: skip


def _spread(values: Array) -> float:
    """Return the standard deviation over the examples; 0 exactly where all are the same."""
    return float((values - values[:1]).std(axis=0).mean())


def _run(model: Any, x: Array) -> Any:
    if framework(model):
        from scratchdae import interchange

        return interchange.as_outputs(model, x)
    for name in ("reconstruct", "predict"):
        if hasattr(model, name):
            return getattr(model, name)(x)
    return function("model", model, "a model, or a function that returns its outputs")(x)


def _numbers(name: str, given: Any) -> Array:
    return array(name, given.detach().cpu().numpy() if hasattr(given, "detach") else given)


def _matrix(name: str, given: Array) -> Array:
    return finite_matrix(name, given.reshape(len(given), -1) if given.ndim > 1 and given.size else given)


def _cross_entropy(z: Array, t: Array) -> float:
    unit_interval("the output of model", z)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(t > 0, t * np.log(z), 0) + np.where(t < 1, (1 - t) * np.log(1 - z), 0)
    return -float(terms.mean())
