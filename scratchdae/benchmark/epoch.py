"""An epoch of the library's own training, on images that may lie in a file: what `memory` and `scale` measure."""

from scratchdae.arguments import Array
from scratchdae.corruption import Corruption
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.training.generators import streams
from scratchdae.training.loop import fit

HIDDEN = 500


def epoch(images: Array, batch_size: int, dtype: str) -> str:
    """Train for an epoch, and return which backend it was."""
    model = DenoisingAutoencoder(images.shape[1], HIDDEN, streams(0).initialisation, dtype=dtype)
    corruption = Corruption("masking", 0.25)
    return fit(model, images, epochs=1, lr=0.1, batch_size=batch_size, corruption=corruption, progress=False).backend
