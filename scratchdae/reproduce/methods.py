"""The methods of the paper's table, and what is tried of each.

A method is a list of choices of hyperparameters, the likeliest first, and a way to make a `Recipe` of one. A budget of
n tries the first n of every list: a star around its centre, not a grid. More can be tried later, and what was tried
counts. The paper chose layer sizes, nu, learning rates and epochs on the validation error too, from lists it does not
print; here all layers have 1000 units.

SdA, SAA, DBN and MLP are one network and one program, and differ in how it comes by its first weights.
"""

from typing import Any

from scratchdae.arguments import choice, integer
from scratchdae.layer_spec import LayerSpec
from scratchdae.reproduce.recipe import Recipe

Choice = dict[str, Any]

DEPTH = 3
_NETWORK: Choice = {"units": 1000, "pretraining_lr": 0.1, "pretraining_epochs": 20, "lr": 0.1}
_DENOISING = ({"nu": 0.25}, {"nu": 0.1}, {"nu": 0.4})  # what the paper's table names: 10, 25 and 40 %
_STEPS = ({"lr": 0.03}, {"pretraining_lr": 0.02}, {"pretraining_epochs": 60}, {"lr": 0.3})

CHOICES: dict[str, tuple[Choice, ...]] = {
    "sda": tuple(_NETWORK | one for one in (*_DENOISING, *({"nu": 0.25} | step for step in _STEPS))),
    "saa": tuple(_NETWORK | one for one in ({}, *_STEPS)),
    "dbn": tuple(_NETWORK | one for one in ({}, {"pretraining_lr": 0.02}, *_STEPS[:1], *_STEPS[2:])),
    "mlp": tuple({"units": 1000} | one for one in ({"lr": 0.1}, {"lr": 0.3}, {"lr": 0.03}, {"lr": 0.01})),
    "svm": tuple(
        {"C": C, "gamma": gamma} for C, gamma in ((10, 0.02), (10, 0.005), (10, 0.05), (100, 0.01), (1, 0.02))
    ),
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


def choices(method: str, budget: int) -> tuple[Choice, ...]:
    """List what a budget tries of a method.

    Parameters
    ----------
    method : str
        One of `NAMES`.
    budget : int
        How many choices; what a list does not hold is not tried.

    Returns
    -------
    tuple of dict
        Hyperparameters by name, ready for JSON.

    Raises
    ------
    ValueError
        If there is no such method, or the budget is not positive.
    """
    return CHOICES[choice("method", method, tuple(NAMES))][: integer("budget", budget)]


def recipe(method: str, chosen: Choice) -> Recipe:
    """Make the recipe of a network.

    Parameters
    ----------
    method : str
        One of `NETWORKS`.
    chosen : dict
        One of its choices.

    Returns
    -------
    Recipe
        Three layers below the softmax, none for the logistic regression; batches of 20.

    Raises
    ------
    ValueError
        If the method is no network.
    """
    choice("method", method, NETWORKS)
    spec = None
    if method == "dbn":
        spec = LayerSpec(**_pretraining(chosen), kind="rbm")
    elif method != "logistic":
        spec = LayerSpec(**_pretraining(chosen), nu=chosen.get("nu", 0.0))
    return Recipe((spec,) * DEPTH if spec else (), lr=chosen["lr"], epochs=200, patience=10)


def _pretraining(chosen: Choice) -> dict[str, Any]:
    """Return what pretraining needs; a choice that says nothing of it, as the perceptron's, does without."""
    return {
        "units": chosen["units"],
        "lr": chosen.get("pretraining_lr", 0.1),
        "epochs": chosen.get("pretraining_epochs", 0),
        "batch_size": 20,
    }
