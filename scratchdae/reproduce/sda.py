"""The stacked denoising autoencoder of the Theano tutorial on MNIST, and the same network in minutes.

The tutorial trains 784-1000-1000-1000-10 on 50,000 digits, chooses by 10,000 and reports 10,000: layers destroyed by
10, 20 and 30 per cent and pretrained for 15 epochs at a learning rate of 0.001, then all of it at 0.1, an example a
step throughout. Its destruction is a coin a pixel, not the paper's exact count. It says 1.3 % after 585 minutes of
pretraining and 444 of fine-tuning, on one core of a Xeon of 2.66 GHz.

The fast setting is the same network with the paper's exact count destroyed, batches of 20 and ten times the learning
rate an example in pretraining, and batches of 5 in fine-tuning, whose rate an example begins at the tutorial's and is
let down to a fiftieth of that over 15 epochs.

What differs here: the numbers drawn; the examples, which come in another order every epoch and keep theirs in the
tutorial; training stops where the tutorial's rule would, counted in epochs (see `scratchdae.GrowingPatience`), or
after 100 of its 1000 epochs, which bounds a run to three quarters of an hour; and grey levels are divided by 255 where
the tutorial's file has 256.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from scratchdae import atomic, datasets
from scratchdae.arguments import choice, integer
from scratchdae.corruption import Corruption
from scratchdae.models.layer_spec import LayerSpec
from scratchdae.reproduce.recipe import Parts, Recipe, follow
from scratchdae.schedules import Cosine
from scratchdae.training.history import Record
from scratchdae.training.options import Training
from scratchdae.training.stopping import GrowingPatience

CLASSES = 10
TUTORIAL_ERROR = 0.013
TUTORIAL_MINUTES = (585, 444)  # pretraining, fine-tuning

SETTINGS = {
    "tutorial": Recipe(
        tuple(LayerSpec(1000, Corruption("bernoulli", nu), 0.001, 15, 1) for nu in (0.1, 0.2, 0.3)),
        Training(epochs=100, lr=0.1, batch_size=1, patience=GrowingPatience()),
    ),
    "fast": Recipe(
        tuple(LayerSpec(1000, nu, 0.2, 15, 20) for nu in (0.1, 0.2, 0.3)),
        Training(epochs=15, lr=Cosine(0.5, 0.01, 15), batch_size=5, patience=15),
    ),
}


def split(root: str | os.PathLike[str] | None = None) -> Parts:
    """Cut MNIST as the tutorial does: the last 10,000 of the 60,000 training images, uint8, are for validation."""
    data = datasets.mnist(root)
    x, t = data.x_train, data.t_train
    return Parts((x[:50_000], t[:50_000]), (x[50_000:], t[50_000:]), (data.x_test, data.t_test))


def reproduce(
    settings: Sequence[str],
    seeds: Sequence[int],  # one a run
    out: str | os.PathLike[str],
    *,
    parts: Parts | None = None,  # in place of split's
    recipes: dict[str, Recipe] | None = None,  # in place of SETTINGS
    backend: str = "auto",
    progress: bool = True,
    on_run: Callable[[str, dict[str, Any]], None] | None = None,  # called with the setting and its outcome
    on_epoch: Callable[[str, int, str, Record], None] | None = None,  # with setting, seed, stage and record
) -> dict[str, Any]:
    """Train each setting once a seed; what is in `out` already, in ``SETTING/seed_N``, goes on, or is read.

    Return by setting the ``recipe``, the ``runs`` as `follow` returns them, and two means.
    """
    recipes = SETTINGS if recipes is None else recipes
    for name in settings:
        choice("setting", name, tuple(recipes))
    for seed in seeds:
        integer("seed", seed, at_least=0)
    if not settings or not seeds:
        raise ValueError(f"there must be a setting and a seed at least, found {list(settings)} and {list(seeds)}")
    parts = split() if parts is None else parts
    found: dict[str, Any] = {}
    with atomic.locked(out, folder=True):
        for name in settings:
            runs = []
            for seed in seeds:
                outcome = follow(
                    recipes[name],
                    parts,
                    seed,
                    classes=CLASSES,
                    out=Path(out) / name / f"seed_{seed}",
                    backend=backend,
                    progress=progress,
                    on_epoch=None if on_epoch is None else partial(on_epoch, name, seed),
                )
                runs.append(outcome)
                if on_run is not None:
                    on_run(name, outcome)
            found[name] = {
                "recipe": recipes[name].config,
                "runs": runs,
                "mean_test_error": mean(run["test_error"] for run in runs),
                "mean_minutes": mean(sum(run["seconds"].values()) for run in runs) / 60,
            }
    return found
