"""Training: the one epoch loop, and all that a run is made of."""

from scratchdae.training.evaluation import classification_error, evaluate
from scratchdae.training.generators import Streams, streams
from scratchdae.training.history import History, Record
from scratchdae.training.loop import NonFiniteError, fit
from scratchdae.training.options import Training
from scratchdae.training.steps import Model
from scratchdae.training.stopping import GrowingPatience

__all__ = [
    "GrowingPatience",
    "History",
    "Model",
    "NonFiniteError",
    "Record",
    "Streams",
    "Training",
    "classification_error",
    "evaluate",
    "fit",
    "streams",
]
