"""What is done: kinds of work, each with settings of its own and a reference that says what is right.

`work` says what all have in common, `examples` where images and labels come from; then a file for each model whose
steps are taken. `epoch` says what a whole epoch through `fit` is, `training` of which models there is one.
"""

from scratchdae.benchmark.works.denoising import HIDDEN, PIXELS
from scratchdae.benchmark.works.finetuning import FINETUNE
from scratchdae.benchmark.works.training import FIT, FIT_ADAM, FIT_CONVOLUTIONAL, FIT_FINETUNE, FIT_LSTM

__all__ = ["EPOCHS", "KINDS", "PIXELS"]

KINDS = {kind.name: kind for kind in (PIXELS, HIDDEN, FINETUNE)}
EPOCHS = {kind.name: kind for kind in (FIT, FIT_ADAM, FIT_FINETUNE, FIT_CONVOLUTIONAL, FIT_LSTM)}
