"""The methods of the paper's table, and what is tried of each.

A method is a list of choices of hyperparameters, the likeliest first, and a way to make a `Recipe` of one. A budget of
n tries the first n of every list, beginning with two learning rates of fine-tuning, and with the three nu that the
paper found, or two lengths of pretraining. The paper chose layer sizes, nu, learning rates and epochs on the validation
error too, from lists it does not print, but says which nu it found; that one is tried first. All layers have 1000 units
here. Pretraining is counted in steps, in batches of 20, because the problems have 1,000 to 10,000 examples to learn
from.

The ways to fine-tune are far apart on purpose. The noise of a step goes with the rate over the batch, and on some
problems networks generalise better for it. 1 over 20 is half of the Theano tutorial's 0.1 on one example, 0.1 over 20 a
twentieth, and 0.5 over 5 all of it: a rate of 2 over 20 would be as noisy, but its steps are too long. At the paper's
nu the three validate at 2.80, 3.10 and 2.60 % on basic, at 37.90, 39.85 and 40.75 % on rot-bg-img.

SdA, SAA, DBN and MLP are one network and one program, and differ in how it comes by its first weights.
"""

from typing import Any

from scratchdae.arguments import choice, integer
from scratchdae.models.layer_spec import LayerSpec
from scratchdae.reproduce.published import NU
from scratchdae.reproduce.recipe import Recipe
from scratchdae.training.options import Training

Choice = dict[str, Any]

DEPTH = 3
BATCH_SIZE = 20  # of pretraining, and of fine-tuning where a choice has no other
_STACK: Choice = {"units": 1000, "pretraining_lr": 0.1, "pretraining_steps": 30_000}
_FAST: Choice = {"lr": 1.0}
_SLOW: Choice = {"lr": 0.1}
_NOISY: Choice = {"lr": 0.5, "batch_size": 5}
_SHORT: Choice = {"pretraining_steps": 10_000}
_UNCORRUPTED = tuple(_STACK | one for one in (_FAST, _SLOW, _SHORT | _FAST, _SHORT | _SLOW, _NOISY, _SHORT | _NOISY))

_CHOICES: dict[str, tuple[Choice, ...]] = {
    "saa": _UNCORRUPTED,
    "dbn": _UNCORRUPTED,
    "mlp": tuple({"units": 1000} | one for one in (_FAST, _SLOW, {"lr": 0.3}, _NOISY)),
    "svm": tuple({"C": C, "gamma": gamma} for C, gamma in ((10, 0.02), (10, 0.005), (10, 0.05), (100, 0.01))),
    "logistic": tuple({"lr": lr} for lr in (0.03, 0.003, 0.3)),
}
NAMES = {
    "sda": "SdA-3",
    "saa": "SAA-3",
    "dbn": "DBN-3",
    "mlp": "MLP-3",
    "svm": "SVM rbf",
    "logistic": "logistic",
}
NETWORKS = ("sda", "saa", "dbn", "mlp", "logistic")


def choices(method: str, problem: str, budget: int) -> tuple[Choice, ...]:
    """List what a budget tries of a method, ready for JSON; what a list does not hold is not tried.

    The problem, one of the paper's, says where the search for nu begins.
    """
    choice("method", method, tuple(NAMES))
    choice("problem", problem, tuple(NU))
    integer("budget", budget)
    return (_denoising(NU[problem]) if method == "sda" else _CHOICES[method])[:budget]


def _denoising(nu: float) -> tuple[Choice, ...]:
    """Begin with the paper's nu, fine-tuned at two rates, then take the others, which it found elsewhere."""
    near, far = ({"nu": other} for other in sorted(set(NU.values()) - {nu}, key=lambda other: abs(other - nu)))
    star = (_FAST, _SLOW, near | _FAST, far | _FAST, near | _SLOW, _NOISY, near | _NOISY, far | _NOISY)
    return tuple(_STACK | {"nu": nu} | one for one in star)


def recipe(method: str, chosen: Choice, examples: int) -> Recipe:
    """Make the recipe of one of `NETWORKS`: three layers below the softmax, none for the logistic regression.

    How many `examples` there are to learn from says how many epochs the steps of pretraining make.
    """
    choice("method", method, NETWORKS)
    layers: tuple[LayerSpec, ...] = ()
    if method != "logistic":
        pretraining = {  # a choice that says nothing of it, as the perceptron's, does without
            "units": chosen["units"],
            "lr": chosen.get("pretraining_lr", 0.1),
            "epochs": round(chosen.get("pretraining_steps", 0) * BATCH_SIZE / examples),
            "batch_size": BATCH_SIZE,
        }
        how = {"kind": "rbm"} if method == "dbn" else {"nu": chosen.get("nu", 0.0)}
        layers = (LayerSpec(**pretraining, **how),) * DEPTH
    batch_size = chosen.get("batch_size", BATCH_SIZE)
    return Recipe(layers, Training(epochs=200, lr=chosen["lr"], batch_size=batch_size, patience=10))
