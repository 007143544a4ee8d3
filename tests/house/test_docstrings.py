"""Where whole sections stand: what the map lists, and the mathematics. A sentence is enough elsewhere."""

import ast
import inspect

import pytest
from size import ROOT

import scratchdae
from scratchdae import autoencoder, corruption, floors, gradcheck, losses, optimizers, rbm

numpydoc = pytest.importorskip("numpydoc.validate")

MAP = [getattr(scratchdae, name) for name in scratchdae.__all__ if not inspect.ismodule(getattr(scratchdae, name))]
MATHEMATICS = [
    autoencoder.loss_and_grads,
    autoencoder.sgd_steps,
    *losses.LOSSES.values(),
    losses.l2_penalty,
    *corruption.CORRUPTIONS.values(),
    rbm.energy,
    rbm.free_energy,
    rbm.contrastive_divergence,
    rbm.log_pseudo_likelihood,
    *(function for name in floors.__all__ if inspect.isfunction(function := getattr(floors, name))),
    gradcheck.check,
    optimizers.SGD,
    optimizers.RMSprop,
    optimizers.Adam,
    optimizers.AdamW,
    optimizers.Clipped,
]


@pytest.mark.parametrize("thing", [*MAP, *MATHEMATICS], ids=lambda thing: thing.__qualname__)
def test_the_sections_are_whole(thing):
    name = f"{thing.__module__}.{thing.__qualname__}"
    fields = "\nAttributes\n" in inspect.cleandoc(thing.__doc__)
    if isinstance(thing, type) and (fields or issubclass(thing, Exception)):
        return  # a dataclass documents its fields as attributes, an exception in its sentence
    missing = [text for code, text in numpydoc.validate(name)["errors"] if code in ("GL08", "PR01", "RT01")]
    assert missing == []


def test_every_module_class_and_function_says_what_it_is():
    """But for the commands' two, which scratchdae.cli documents once, and the layers' compiled twins."""
    silent = []
    for path in sorted((ROOT / "scratchdae").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        things = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef))]
        names = {id(node): getattr(node, "name", "") for node in things if ast.get_docstring(node) is None}
        if "kernels/layers" in path.as_posix():
            continue  # the reference of the same name has it
        done = ("add", "run") if path.parent.name == "cli" else ()
        silent += [f"{path.name}: {name}" for name in names.values() if not name.startswith("_") and name not in done]
    assert silent == []
