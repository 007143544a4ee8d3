"""Update rules: (params, grads, state, lr) -> (params, state), pure.

The learning rate is an argument, so a schedule needs nothing from the rule. The state is a flat dict of arrays, with
names such as ``velocity/W``, so a checkpoint can hold it as it is. Frameworks differ in where they put the learning
rate, epsilon and weight decay: each place is a named option, and ``RULE.of("torch")``, ``"optax"`` or ``"keras"`` sets
them together, with that framework's default numbers.
"""

from scratchdae.optimizers.adadelta import Adadelta
from scratchdae.optimizers.adagrad import Adagrad
from scratchdae.optimizers.adam import Adam, AdamW
from scratchdae.optimizers.clipping import Clipped, clip_by_norm, clip_by_value, global_norm
from scratchdae.optimizers.rmsprop import RMSprop
from scratchdae.optimizers.rule import CONVENTIONS, Optimizer
from scratchdae.optimizers.sgd import SGD

__all__ = [
    "CONVENTIONS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clipped",
    "Optimizer",
    "RMSprop",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
]
