"""A run in its folder, as `fit` and `scratchdae train` leave it, made a training that can be begun anew.

The folder has the model, the `Training` as text, and a fingerprint of the data; not the data, nor by which rule the
first weights were drawn. The embedded digits, MNIST and a file are found again by the fingerprint.
"""

import ast
import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae import optimizers
from scratchdae.arguments import Array, shown
from scratchdae.corruption import Corruption
from scratchdae.datasets import files, to_float
from scratchdae.doctor.patients.scratch import ScratchPatient
from scratchdae.layers import LAYERS, Layer
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.sequential import Sequential
from scratchdae.optimizers import Clipped, Optimizer
from scratchdae.schedules import Constant, parse
from scratchdae.training import checkpoint
from scratchdae.training.generators import streams
from scratchdae.training.history import History
from scratchdae.training.options import Training
from scratchdae.training.state import fingerprint

RULES = {name: getattr(optimizers, name) for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta")}
NAMED = ("digits", "mnist")  # data that can be looked for without being told


def patient_of_run(folder: str | os.PathLike[str], data: str | Array | None = None) -> tuple[ScratchPatient, int, int]:
    """Return the patient of a run, the steps that it took, and its seed.

    `data` is what it was trained on, an array (N, ...) or the name of a file: where it is left out, the embedded
    digits and MNIST are looked at.
    """
    folder = Path(folder)
    config = _config(folder)
    try:
        model, described, fingerprints = config["model"], config["training"], config["data"]
        if model["model"] not in ("autoencoder", "sequential") or model["loss"] == "softmax_cross_entropy":
            raise ValueError(f"{folder} must hold the run of an autoencoder, found {shown(model)}")
        epochs = max(1, _epochs(folder))
        training = training_of(described, epochs)
        whole = int(fingerprints["train"]["shape"][0])
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{folder / 'config.json'} is not what fit leaves, it lacks {shown(error)}") from None
    if data is None and isinstance(config.get("origin"), dict) and isinstance(config["origin"].get("data"), str):
        data = config["origin"]["data"]
    x, held_out = _data(folder, fingerprints, data)

    def build(seed: int) -> tuple[Any, Training]:
        rng = streams(seed).initialisation
        made: Any
        if model["model"] == "autoencoder":
            options = {name: value for name, value in model.items() if name not in ("model", "n_visible", "n_hidden")}
            made = DenoisingAutoencoder(model["n_visible"], model["n_hidden"], rng, **options)
        else:
            options = {name: model[name] for name in ("loss", "reduction", "dtype")}
            given, gives = tuple(model["input_shape"]), tuple(model["output_shape"])
            made = Sequential(_layers(model), given, rng, output_shape=gives, **options)
        backend = "numpy" if config.get("backend") == "numpy" else "auto"
        return made, dataclasses.replace(training, seed=seed, backend=backend)

    unseen: tuple[str, ...] = ()
    if model["model"] == "autoencoder":
        unseen = ("by which rule the first weights were drawn: sigmoid_uniform is taken, as the model's default",)
    patient = ScratchPatient(build, x, held_out, unseen)
    return patient, epochs * math.ceil(whole / training.batch_size), training.seed


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: expected JSON ({str(error)[:80]})") from None
        if isinstance(found, dict):
            return found
        raise ValueError(f"{path}: expected a JSON object, found {shown(found)}")
    if (folder / checkpoint.FILE).is_file():
        found = checkpoint.load(folder)[1].get("config")
        if isinstance(found, dict):
            return found
    raise ValueError(f"{folder} must be the folder of a run, with config.json, found none")


def _epochs(folder: Path) -> int:
    path = folder / "history.jsonl"
    return len(History.read(path)) if path.is_file() else 1


def training_of(described: dict[str, Any], epochs: int) -> Training:
    """Read a `Training` from how a run's config describes it."""
    schedule = parse("lr", described["lr"])
    return Training(
        epochs, schedule.level if isinstance(schedule, Constant) else schedule, int(described["batch_size"]),
        optimizer_of(described["optimizer"]), Corruption.parse(described["corruption"]), float(described["l2"]),
        seed=int(described["seed"]),
    )  # fmt: skip


def optimizer_of(text: str) -> Optimizer:
    """Read an update rule from the form in which it prints, such as ``Clipped(SGD(momentum=0.9), max_norm=1.0)``."""
    try:
        return _rule(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError, IndexError):
        raise ValueError(f"optimizer must be one of {', '.join(RULES)} as it prints, found {shown(text)}") from None


def _rule(node: Any) -> Optimizer:
    values = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
    if node.func.id == "Clipped":
        return Clipped(_rule(node.args[0]), **values)
    if node.func.id not in RULES or node.args:
        raise ValueError(node.func.id)
    made: Optimizer = RULES[node.func.id](**values)
    return made


def _layers(config: dict[str, Any]) -> list[Layer]:
    """Return the layers of a sequence from its config."""
    return [
        LAYERS[entry["layer"]](
            **{name: tuple(v) if isinstance(v, list) else v for name, v in entry.items() if name != "layer"}
        )
        for entry in config["layers"]
    ]


# ------------------------------------------------------------------ data
def _data(folder: Path, fingerprints: dict[str, Any], data: str | Array | None) -> tuple[Array, Array | None]:
    """Find what a run was trained on, and what it was validated on: the last of the same file."""
    wanted, validation = fingerprints["train"], fingerprints.get("validation")
    if data is not None and not isinstance(data, str | os.PathLike):
        x = np.asarray(data)
        found = _parts(x, wanted, validation)
        return found if found is not None else (_fitting(x, wanted), None)
    tried = []
    for name in NAMED if data is None else (os.fspath(data),):
        try:
            x = np.asarray(files.read(name).x)
        except (OSError, ValueError) as error:
            if data is not None:
                raise
            tried.append(f"{name} ({str(error)[:60]})")
            continue
        found = _parts(x, wanted, validation) or _parts(x.reshape(len(x), -1), wanted, validation)
        if found is not None:
            return found
        tried.append(name)
        if data is not None:
            return _fitting(x.reshape(len(x), *wanted["shape"][1:]), wanted), None
    raise ValueError(
        f"the data of {folder}, {wanted['shape'][0]} examples of shape {tuple(wanted['shape'][1:])} and dtype "
        f"{wanted['dtype']}, are not {' nor '.join(tried)}: give them as data="
    )


def _parts(x: Array, wanted: dict[str, Any], validation: dict[str, Any] | None) -> tuple[Array, Array | None] | None:
    """Split data as `scratchdae train` does, if that gives what the run had."""
    count = wanted["shape"][0]
    held = validation["shape"][0] if validation else 0
    if list(x.shape[1:]) != wanted["shape"][1:] or len(x) < count:
        return None
    if fingerprint(x[:count], x[:count]) != wanted:
        return None
    return x[:count], (x[count : count + held] if held and len(x) >= count + held else None)


def _fitting(x: Array, wanted: dict[str, Any]) -> Array:
    """Take other data than the run's where they have its shape."""
    if list(x.shape[1:]) != wanted["shape"][1:]:
        raise ValueError(f"data must have examples of shape {tuple(wanted['shape'][1:])}, found {x.shape[1:]}")
    return to_float(x, np.float64)
