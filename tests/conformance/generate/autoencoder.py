"""The denoising autoencoder of `scratchdae.autoencoder`: every intermediate, and each part of each gradient.

The equations' numbers are those of that module, and the arrays its names. What it adds up is kept apart here: the
encoder's and the decoder's part of a tied dW, and the penalty's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from generate.corruption import IN_WORDS, MEANINGS, SIGMA, corrupt, drawn
from generate.decimals import Decimals, exact, number, sigmoid
from generate.draw import Draw
from generate.loss import loss_and_gradient
from generate.vector import Vector
from scratchdae.arguments import Array

L2 = 0.0625

_MEANINGS = MEANINGS | {
    "W": "encoder's weights, (visible, hidden)",
    "b": "hidden biases",
    "b_prime": "visible biases",
    "W_prime": "decoder's weights, (hidden, visible)",
    "a_y": "pre-activations of the hidden representation",
    "y": "hidden representation",
    "a_z": "pre-activations of the reconstruction",
    "z": "reconstruction",
    "data_loss": "loss of the reconstruction alone",
    "penalty": "l2 times the sum of the squared weights",
    "loss": "data_loss + penalty",
    "da_z": "gradient with respect to a_z",
    "db_prime": "gradient with respect to b_prime",
    "dW_decoder": "the decoder's part of dW",
    "dW_prime": "gradient with respect to W_prime",
    "dy": "gradient with respect to y",
    "da_y": "gradient with respect to a_y",
    "db": "gradient with respect to b",
    "dW_encoder": "the encoder's part of dW",
    "dW_penalty": "the penalty's part of dW, 2 l2 W",
    "dW": "gradient with respect to W, all its parts",
    "dx_tilde": "gradient with respect to x_tilde",
}
_LOSSES = {
    "cross_entropy": "loss of an entry: -x log z - (1 - x) log(1 - z)",
    "squared_error": "loss of an entry: (z - x)², without a factor 1/2",
}
_REDUCTIONS = {
    "paper": "the loss is summed over the D components and averaged over the B examples",
    "mean": "the loss is averaged over all B·D entries",
}


@dataclass(frozen=True)
class Options:
    """Conventions of a case."""

    tied: bool = True  # whether the decoder's weights are the encoder's, transposed
    loss: str = "cross_entropy"  # cross_entropy or squared_error: of the reconstruction
    output: str = "sigmoid"  # sigmoid or linear: what makes the reconstruction of its pre-activations
    reduction: str = "paper"  # paper or mean: sum over D and mean over B, or mean over B·D
    corruption: str = "masking"  # none, masking, salt_and_pepper, gaussian: of the input
    l2: float = 0.0  # coefficient of the penalty

    @property
    def conventions(self) -> dict[str, Any]:
        """Return the options as a manifest names them, with ``sigma`` where there is one."""
        return vars(self) | ({"sigma": SIGMA} if self.corruption == "gaussian" else {})

    @property
    def in_words(self) -> tuple[str, ...]:
        """Return the options in words, a convention a sentence."""
        words = [
            "batches are rows; y = s(x_tilde W + b), s the sigmoid",
            "a_z = y Wᵀ + b_prime: W is used twice" if self.tied else "a_z = y W_prime + b_prime",
            "z = s(a_z)" if self.output == "sigmoid" else "z = a_z",
            IN_WORDS[self.corruption] + "; the target is the clean x",
            _LOSSES[self.loss],
            _REDUCTIONS[self.reduction],
        ]
        if self.l2:
            weights = "Σ W²" if self.tied else "(Σ W² + Σ W_prime²)"
            words.append(f"penalty = l2 {weights}, not divided by anything and without a factor 1/2; biases are free")
        return tuple(words)


def forward_backward(
    params: Mapping[str, Decimals], x_tilde: Decimals, x: Decimals, options: Options
) -> dict[str, Any]:
    """Evaluate equations (1) to (13) of `scratchdae.autoencoder`: in three stages every intermediate under its name."""
    W, l2 = params["W"], number(options.l2)
    W_prime = W.T if options.tied else params["W_prime"]
    weights = [W] if options.tied else [W, W_prime]
    divisor = len(x) * (x.shape[1] if options.reduction == "mean" else 1)

    a_y = x_tilde @ W + params["b"]
    y = sigmoid(a_y)  # (1)
    a_z = y @ W_prime + params["b_prime"]
    z = sigmoid(a_z) if options.output == "sigmoid" else a_z  # (2)

    if options.loss == "cross_entropy":
        data_loss, da_z = loss_and_gradient("cross_entropy", a_z, x, divisor)  # (3), (5)
    else:
        data_loss, dz = loss_and_gradient("squared_error", z, x, divisor)  # (4)
        da_z = dz * z * (1 - z) if options.output == "sigmoid" else dz  # (6)
    penalty = l2 * sum((w * w).sum() for w in weights)

    dW_decoder = (y.T @ da_z).T  # (8)
    dy = da_z @ W_prime.T  # (9)
    da_y = dy * y * (1 - y)  # (10)
    dW_encoder = x_tilde.T @ da_y  # (12)
    dW_penalty = 2 * l2 * W
    decoder = {"dW_decoder": dW_decoder} if options.tied else {"dW_prime": dW_decoder.T + 2 * l2 * W_prime}
    return {
        "forward": {"x_tilde": x_tilde, "a_y": a_y, "y": y, "a_z": a_z, "z": z},
        "loss": {"data_loss": data_loss, "penalty": penalty, "loss": data_loss + penalty},
        "gradients": {
            "da_z": da_z,
            "db_prime": da_z.sum(axis=0),  # (7)
            **decoder,
            "dy": dy,
            "da_y": da_y,
            "db": da_y.sum(axis=0),  # (11)
            "dW_encoder": dW_encoder,
            "dW_penalty": dW_penalty,
            "dW": dW_encoder + dW_penalty + (dW_decoder if options.tied else 0),
            "dx_tilde": da_y @ W.T,  # (13)
        },
    }


def parameters(draw: Draw, D: int, H: int, tied: bool, scale: float = 0.7) -> dict[str, Array]:
    """Draw the parameters of an autoencoder; `scale` is the standard deviation of the weights."""
    params = {"W": draw.normal(D, H, scale=scale), "b": draw.normal(H, scale=0.3), "b_prime": draw.normal(D, scale=0.3)}
    return params if tied else params | {"W_prime": draw.normal(H, D, scale=scale)}


_SQUARED, _UNTIED = {"loss": "squared_error"}, {"tied": False}
_MEAN, _LINEAR = {"reduction": "mean"}, {"output": "linear"}
_DIVISOR = "a divisor that the loss has and its gradient has not, or the reverse"
_OF_SIGMOID = "z (1 - z) left out, or y (1 - y); a factor 1/2"
_OF_LINEAR = "a derivative of the sigmoid where the output is linear; a factor 1/2"
_CASES = (  # name, what differs from `Options()`, chapter, what it is aimed at, and what else `_case` is told
    ("tied_cross_entropy", {}, "26_wrong_backward",
     "the encoder's or the decoder's part of dW left out; a derivative of the output"),
    ("tied_cross_entropy_mean", _MEAN, "31_conformance", _DIVISOR),
    ("tied_squared_error", _SQUARED, "26_wrong_backward", _OF_SIGMOID),
    ("tied_squared_error_mean", _SQUARED | _MEAN, "31_conformance", _DIVISOR),
    ("tied_squared_error_linear", _SQUARED | _LINEAR, "26_wrong_backward", _OF_LINEAR),
    ("tied_squared_error_linear_mean", _SQUARED | _LINEAR | _MEAN, "31_conformance", _DIVISOR),
    ("untied_cross_entropy", _UNTIED, "26_wrong_backward",
     "W_prime's gradient transposed, or put into dW; a derivative of the output"),
    ("untied_cross_entropy_mean", _UNTIED | _MEAN, "31_conformance", _DIVISOR),
    ("untied_squared_error", _UNTIED | _SQUARED, "26_wrong_backward", _OF_SIGMOID),
    ("untied_squared_error_linear", _UNTIED | _SQUARED | _LINEAR, "26_wrong_backward", _OF_LINEAR),
    ("tied_cross_entropy_none", {"corruption": "none"}, "02_denoising",
     "a corruption that is left on, or an input that is clipped or scaled"),
    ("tied_cross_entropy_salt_and_pepper", {"corruption": "salt_and_pepper"}, "02_denoising",
     "the corrupted input for a target, or the clean one encoded"),
    ("tied_cross_entropy_gaussian", {"corruption": "gaussian"}, "02_denoising",
     "the corrupted input for a target, or sigma for a variance"),
    ("untied_squared_error_linear_gaussian", _UNTIED | _SQUARED | _LINEAR | {"corruption": "gaussian"},
     "12_output_range", "values outside [0, 1] clipped, in the input or in the reconstruction"),
    ("tied_cross_entropy_l2", {"l2": L2}, "15_wrong_objective",
     "the penalty left out of the loss or of dW; counted twice because W is used twice; a factor 1/2"),
    ("tied_squared_error_mean_l2", _SQUARED | _MEAN | {"l2": L2}, "15_wrong_objective",
     "the penalty averaged with the loss"),
    ("untied_cross_entropy_l2", _UNTIED | {"l2": L2}, "15_wrong_objective",
     "the penalty of the encoder alone, or of biases"),
    ("tied_cross_entropy_saturated", {}, "13_saturated_output",
     "a clip or an epsilon in the logarithm: pre-activations up to 58, targets 0 and 1",
     {"scale": 30.0, "binary": True}),
    ("tied_squared_error_saturated", _SQUARED, "13_saturated_output",
     "a gradient that is lost where the output has saturated", {"scale": 6.0, "binary": True}),
    ("tied_cross_entropy_one_example", {}, "26_wrong_backward",
     "a batch axis dropped or a sum over it that is a mean", {"shape": (1, 5, 3)}),
    ("tied_cross_entropy_overcomplete", {}, "26_wrong_backward",
     "D and H taken for one another: more hidden than visible units", {"shape": (3, 4, 6)}),
)  # fmt: skip


def cases() -> Iterator[Vector]:
    for name, options, chapter, aim, *more in _CASES:
        yield _case(name, Options(**options), aim, chapter, **(more[0] if more else {}))


def _case(
    name: str,
    options: Options,
    aimed_at: str,
    chapter: str,
    shape: tuple[int, int, int] = (3, 7, 5),
    scale: float = 0.7,
    binary: bool = False,
) -> Vector:
    (B, D, H), draw = shape, Draw(name)
    params = parameters(draw, D, H, options.tied, scale)
    x = draw.uniform(B, D) if options.output == "sigmoid" else draw.normal(B, D)
    x = np.round(x) if binary else x
    given = drawn(options.corruption, draw, (B, D))
    clean = exact(x)
    exact_params = {key: exact(value) for key, value in params.items()}
    stages = forward_backward(exact_params, corrupt(options.corruption, clean, given), clean, options)
    return Vector(
        name=name,
        group="autoencoder",
        sizes={"B": B, "D": D, "H": H},
        conventions=options.conventions,
        in_words=options.in_words,
        aimed_at=aimed_at,
        chapter=chapter,
        inputs={"x": x, **given, **params},
        stages=stages,
        required=("z", "loss", "dW", "db", "db_prime", *(() if options.tied else ("dW_prime",))),
        meanings=_MEANINGS,
    )
