"""Which framework a model is of, told without importing one that is not there."""

import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchdae.doctor.patient import UsersError


def is_keras(model: Any) -> bool:
    """Whether a model is one of Keras: nobody has one who has not imported it."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, getattr(keras, "Model", ()))


def is_scratch(model: Any) -> bool:
    """Whether a model is one of scratchdae's own that reconstructs."""
    from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
    from scratchdae.models.sequential import Sequential

    return isinstance(model, DenoisingAutoencoder | Sequential)


def first(build: Callable[[int], Any], seed: int) -> Any:
    """Return what `build` returns, the states of the global generators put back; a UsersError if it fails."""
    torch = sys.modules.get("torch")
    states = np.random.get_state(), random.getstate(), torch.get_rng_state() if torch else None  # noqa: NPY002
    try:
        return build(seed)
    except Exception as error:
        line = error.__traceback__.tb_next if error.__traceback__ is not None else None
        place = f" (at {line.tb_frame.f_code.co_filename}, line {line.tb_lineno})" if line is not None else ""
        raise UsersError(f"build: {type(error).__name__}: {' '.join(str(error).split())}{place}") from error
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        random.setstate(states[1])
        if torch:
            torch.set_rng_state(states[2])
