"""Rebuild a trained model from its file."""

import os
from typing import Any

from scratchdae import arguments
from scratchdae.models.boltzmann import RestrictedBoltzmannMachine
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.sequential import Sequential
from scratchdae.training import checkpoint

MODELS: dict[str, Any] = {
    "autoencoder": DenoisingAutoencoder,
    "rbm": RestrictedBoltzmannMachine,
    "sequential": Sequential,
}


def load_model(path: str | os.PathLike[str]) -> Any:
    """Rebuild the trained model of a run: with its best parameters if it was to stop early, otherwise with the last.

    Parameters
    ----------
    path : path-like
        The checkpoint, or the folder of the run.

    Returns
    -------
    DenoisingAutoencoder, RestrictedBoltzmannMachine or Sequential
        The model, of the class that was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no checkpoint or a damaged one, or its arrays are not those of its model. Damage to one of a version
        that saved no digest is not noticed: a warning says so.
    """
    arrays, state = checkpoint.load(arguments.path("path", path))
    try:
        config, kept = state["config"]["model"], state["kept"]
        build = MODELS[config["model"]].from_config
    except checkpoint.UNREADABLE:
        raise ValueError(f"{path} does not say which model it holds; known are {', '.join(MODELS)}") from None
    try:
        return build(config, checkpoint.group(arrays, kept))
    except checkpoint.UNREADABLE as error:
        what = str(error) if isinstance(error, ValueError) else f"holds no such model ({error!r:.80})"
        raise ValueError(f"{path}: {what}") from None
