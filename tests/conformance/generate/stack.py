"""Two stacked layers: the pretraining of the second on clean codes, and fine-tuning of all under a softmax."""

from collections.abc import Iterator, Mapping
from typing import Any

from generate.autoencoder import Options, forward_backward
from generate.corruption import corrupt
from generate.decimals import Decimals, exact, number, sigmoid, softmax
from generate.draw import Draw
from generate.loss import loss_and_gradient
from generate.vector import Vector
from scratchdae.arguments import Array

B, D, H_1, H_2, K = 4, 6, 5, 3, 4
LR, STEPS = 0.5, 3

_PARAMS = ("W_1", "b_1", "W_2", "b_2", "W_out", "b_out")
_MEANINGS = {
    "x": "clean input",
    "labels": "classes, from 0",
    "mask": "True where a component of the codes h_1 is destroyed",
    "W_1": "weights of layer 1, (inputs, units)",
    "b_1": "biases of layer 1",
    "W_2": "weights of layer 2, (inputs, units)",
    "b_2": "biases of layer 2",
    "b_prime_2": "visible biases of layer 2",
    "W_out": "weights of the softmax, (inputs, classes)",
    "b_out": "biases of the softmax",
    "h_1": "codes of layer 1",
    "h_1_tilde": "corrupted codes",
    "h_2": "codes of layer 2",
    "a": "logits",
    "probabilities": "softmax of the logits",
    "z": "reconstruction of h_1",
    "loss": "loss of the batch",
    "db_prime_2": "gradient with respect to b_prime_2",
    **{f"d{name}": f"gradient with respect to {name}" for name in _PARAMS},
    **{f"{name}_after": f"{name} after all steps" for name in _PARAMS},
}


def cases() -> Iterator[Vector]:
    yield _finetuning()
    for loss, aim in {
        "cross_entropy": "corrupted codes for a target, or codes of a corrupted input: layer 1 sees clean examples",
        "squared_error": "z (1 - z) left out; a gradient that goes on into layer 1",
    }.items():
        yield _pretraining(f"pretrain_second_layer_{loss}", Options(loss=loss), aim)


def finetuning_step(params: Mapping[str, Decimals], x: Decimals, labels: Array) -> dict[str, Any]:
    """Evaluate two layers and a softmax, and the gradient of the cross-entropy, in the stages of a case."""
    h_1 = sigmoid(x @ params["W_1"] + params["b_1"])
    h_2 = sigmoid(h_1 @ params["W_2"] + params["b_2"])
    a = h_2 @ params["W_out"] + params["b_out"]
    loss, da = loss_and_gradient("softmax_cross_entropy", a, labels, len(x))
    da_2 = (da @ params["W_out"].T) * h_2 * (1 - h_2)
    da_1 = (da_2 @ params["W_2"].T) * h_1 * (1 - h_1)
    gradients: dict[str, Decimals] = {}
    for name, below, delta in (("out", h_2, da), ("2", h_1, da_2), ("1", x, da_1)):
        gradients |= {f"dW_{name}": below.T @ delta, f"db_{name}": delta.sum(axis=0)}
    return {
        "forward": {"h_1": h_1, "h_2": h_2, "a": a, "probabilities": softmax(a)},
        "loss": {"loss": loss},
        "gradients": gradients,
    }


def _finetuning() -> Vector:
    draw = Draw("finetune_two_layers")
    x, labels = draw.uniform(B, D), draw.labels(B, K)
    shapes = {"W_1": (D, H_1), "b_1": (H_1,), "W_2": (H_1, H_2), "b_2": (H_2,), "W_out": (H_2, K), "b_out": (K,)}
    first = {name: draw.normal(*shape, scale=0.7) for name, shape in shapes.items()}
    params = {name: exact(value) for name, value in first.items()}
    stages = finetuning_step(params, exact(x), labels)
    gradients = stages["gradients"]
    for step in range(STEPS):
        if step:
            gradients = finetuning_step(params, exact(x), labels)["gradients"]
        params = {name: value - number(LR) * gradients[f"d{name}"] for name, value in params.items()}
    stages["updates"] = {f"{name}_after": value for name, value in params.items()}
    return Vector(
        name="finetune_two_layers",
        group="stack",
        sizes={"B": B, "D": D, "H_1": H_1, "H_2": H_2, "K": K},
        conventions={"reduction": "paper", "lr": LR, "steps": STEPS},
        in_words=(
            "h_1 = s(x W_1 + b_1), h_2 = s(h_1 W_2 + b_2), a = h_2 W_out + b_out; s the sigmoid; nothing is corrupted",
            "loss: -log softmax(a)_label in nats, averaged over the B examples",
            "every parameter, those of the layers below too, becomes θ - lr dθ, on the same batch in each step",
        ),
        aimed_at="layers that stay frozen in fine-tuning; the gradient below computed with weights already updated",
        chapter="23_vanishing_gradients",
        inputs={"x": x, "labels": labels, **first},
        stages=stages,
        required=("probabilities", "loss", *gradients, *stages["updates"]),
        meanings=_MEANINGS,
    )


def _pretraining(name: str, options: Options, aimed_at: str) -> Vector:
    draw = Draw(name)
    x, mask = draw.uniform(B, D), draw.mask(B, H_1)
    shapes = {"W_1": (D, H_1), "b_1": (H_1,), "W_2": (H_1, H_2), "b_2": (H_2,), "b_prime_2": (H_1,)}
    params = {key: draw.normal(*shape, scale=0.7) for key, shape in shapes.items()}
    h_1 = sigmoid(exact(x) @ exact(params["W_1"]) + exact(params["b_1"]))
    h_1_tilde = corrupt("masking", h_1, {"mask": mask})
    own = {key: exact(params[f"{key}_2"]) for key in ("W", "b", "b_prime")}
    found = forward_backward(own, h_1_tilde, h_1, options)
    gradients = {f"d{key}_2": found["gradients"][f"d{key}"] for key in own}
    conventions = {key: options.conventions[key] for key in ("tied", "loss", "reduction", "corruption")}
    return Vector(
        name=name,
        group="stack",
        operation="pretrain_stack",
        sizes={"B": B, "D": D, "H_1": H_1, "H_2": H_2},
        conventions=conventions,
        in_words=(
            "h_1 = s(x W_1 + b_1) of the clean x; layer 2 is an autoencoder of h_1 with W_2, b_2 and b_prime_2:",
            *(
                sentence.replace("x_tilde", "h_1_tilde").replace("clean x", "clean h_1")
                for sentence in options.in_words
            ),
        ),
        aimed_at=aimed_at,
        chapter="02_denoising",
        inputs={"x": x, "mask": mask, **params},
        stages={
            "forward": {"h_1": h_1, "h_1_tilde": h_1_tilde, "z": found["forward"]["z"]},
            "loss": {"loss": found["loss"]["loss"]},
            "gradients": gradients,
        },
        required=("z", "loss", *gradients),
        meanings=_MEANINGS,
    )
