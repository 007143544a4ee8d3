"""What can be trained: an autoencoder, a network of layers, a Boltzmann machine, and stacks of them."""

from scratchdae.models import posted
from scratchdae.models.boltzmann import RestrictedBoltzmannMachine
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.layer_spec import LayerSpec
from scratchdae.models.loading import load_model
from scratchdae.models.sequential import Sequential
from scratchdae.models.stack import finetune, pretrain
from scratchdae.models.statistics import layer_statistics

__all__ = [
    "DenoisingAutoencoder",
    "LayerSpec",
    "RestrictedBoltzmannMachine",
    "Sequential",
    "finetune",
    "layer_statistics",
    "load_model",
    "posted",
    "pretrain",
]
