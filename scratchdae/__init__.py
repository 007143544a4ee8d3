"""Denoising autoencoders from scratch in NumPy, readable like the paper (Vincent et al. 2008, 2010).

to read      autoencoder (begin here), losses, corruption, rbm, layers, optimizers, activations, initializers, schedules
to build     DenoisingAutoencoder, Sequential, RestrictedBoltzmannMachine, LayerSpec, load_model,
             posted (the networks that people asked about)
to train     fit, Training, Corruption, GrowingPatience, History, NonFiniteError, pretrain, finetune, streams,
             datasets, backend (NumPy or compiled)
to doubt     gradcheck, floors, evaluate, classification_error, layer_statistics, doctor (why a training fails)
to compare   conformance (with another framework), sweep (many trainings), plots
to combine   interchange (weights to and from PyTorch and Keras), scratchdae.sklearn (estimators, by that name)
to practise  exercises (which check themselves and name the mistake)
to write     chapter (what every chapter of the book has)

``help(scratchdae.fit)`` and so on say the rest. Importing the package loads NumPy and nothing heavier; a name of the
map is imported when it is first asked for.
"""

import importlib
import signal
import sys
from typing import TYPE_CHECKING, Any

_name = "".join(sys.argv[:1]).replace("\\", "/").rpartition("/")[2]  # -m, while `python -m scratchdae` looks for it
_is_command = "scratchdae" in sys.orig_argv if _name == "-m" else _name in ("scratchdae", "scratchdae.exe")
if _is_command and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the command at once, until `cli.main` catches it

from scratchdae import kernels as kernels  # noqa: E402  # says which compiled twins there are; imports no compiler

if TYPE_CHECKING:
    from scratchdae import (
        activations,
        autoencoder,
        backend,
        chapter,
        conformance,
        corruption,
        datasets,
        doctor,
        exercises,
        floors,
        gradcheck,
        initializers,
        interchange,
        layers,
        losses,
        optimizers,
        plots,
        rbm,
        schedules,
        sweep,
    )
    from scratchdae.corruption import Corruption
    from scratchdae.models import (
        DenoisingAutoencoder,
        LayerSpec,
        RestrictedBoltzmannMachine,
        Sequential,
        finetune,
        layer_statistics,
        load_model,
        posted,
        pretrain,
    )
    from scratchdae.training import (
        GrowingPatience,
        History,
        NonFiniteError,
        Training,
        classification_error,
        evaluate,
        fit,
        streams,
    )

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022  # in the order of the map above
    "autoencoder", "losses", "corruption", "rbm", "layers", "optimizers", "activations", "initializers", "schedules",
    "DenoisingAutoencoder", "Sequential", "RestrictedBoltzmannMachine", "LayerSpec", "load_model", "posted",
    "fit", "Training", "Corruption", "GrowingPatience", "History", "NonFiniteError", "pretrain", "finetune", "streams",
    "datasets", "backend",
    "gradcheck", "floors", "evaluate", "classification_error", "layer_statistics", "doctor",
    "conformance", "sweep", "plots", "interchange",
    "exercises",
    "chapter",
]  # fmt: skip

_HOMES = {
    "corruption": ["Corruption"],
    "models": [
        "DenoisingAutoencoder", "LayerSpec", "RestrictedBoltzmannMachine", "Sequential", "finetune", "layer_statistics",
        "load_model", "posted", "pretrain",
    ],
    "training": [
        "GrowingPatience", "History", "NonFiniteError", "Training", "classification_error", "evaluate", "fit",
        "streams",
    ],
}  # fmt: skip


def __getattr__(name: str) -> Any:  # PEP 562: a name of the map is imported when it is first asked for
    if name not in __all__:
        raise AttributeError(f"module 'scratchdae' has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), None)
    found = importlib.import_module(f"scratchdae.{home or name}")
    return getattr(found, name) if home else found  # not kept here, or help() would print it whole
