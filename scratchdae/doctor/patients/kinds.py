"""Which framework a model is of, told without importing one that is not there."""

import sys
from typing import Any


def is_keras(model: Any) -> bool:
    """Whether a model is one of Keras: nobody has one who has not imported it."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, getattr(keras, "Model", ()))


def is_scratch(model: Any) -> bool:
    """Whether a model is one of scratchdae's own that reconstructs."""
    from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
    from scratchdae.models.sequential import Sequential

    return isinstance(model, DenoisingAutoencoder | Sequential)
