"""What is done: kinds of work, each with settings of its own and a reference that says what is right.

`work` says what all have in common, `examples` where images and labels come from; then a file for each model.
"""

from scratchdae.benchmark.works.denoising import HIDDEN, PIXELS
from scratchdae.benchmark.works.finetuning import FINETUNE

__all__ = ["KINDS", "PIXELS"]

KINDS = {kind.name: kind for kind in (PIXELS, HIDDEN, FINETUNE)}
