"""Denoising autoencoders from scratch in NumPy, readable like the paper (Vincent et al. 2008, 2010).

Begin with `scratchdae.autoencoder`. Importing the package loads NumPy and nothing heavier.
"""

from scratchdae import (
    activations,
    autoencoder,
    checkpoint,
    corruption,
    datasets,
    floors,
    gradcheck,
    initializers,
    kernels,
    layers,
    losses,
    optimizers,
    rbm,
    schedules,
    stacked,
    training,
)
from scratchdae.checkpoint import load_model
from scratchdae.corruption import Corruption
from scratchdae.history import History
from scratchdae.layer_spec import LayerSpec
from scratchdae.layer_statistics import layer_statistics
from scratchdae.model import DenoisingAutoencoder
from scratchdae.network import Sequential
from scratchdae.rbm_model import RestrictedBoltzmannMachine
from scratchdae.run import streams
from scratchdae.stacked import finetune, pretrain
from scratchdae.stopping import GrowingPatience
from scratchdae.training import NonFiniteError, classification_error, evaluate, fit

__version__ = "0.1.0"

__all__ = [
    "Corruption",
    "DenoisingAutoencoder",
    "GrowingPatience",
    "History",
    "LayerSpec",
    "NonFiniteError",
    "RestrictedBoltzmannMachine",
    "Sequential",
    "activations",
    "autoencoder",
    "checkpoint",
    "classification_error",
    "corruption",
    "datasets",
    "evaluate",
    "finetune",
    "fit",
    "floors",
    "gradcheck",
    "initializers",
    "kernels",
    "layer_statistics",
    "layers",
    "load_model",
    "losses",
    "optimizers",
    "pretrain",
    "rbm",
    "schedules",
    "stacked",
    "streams",
    "training",
]
