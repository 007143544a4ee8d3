"""``scratchdae gradcheck``: check the gradient of a small autoencoder."""

import argparse

import numpy as np

from scratchdae import gradcheck
from scratchdae.arguments import integer
from scratchdae.autoencoder import LOSSES, OUTPUTS
from scratchdae.corruption import bernoulli_masking
from scratchdae.losses import REDUCTIONS
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder

VISIBLE, HIDDEN, BATCH_SIZE = 7, 5, 3  # unequal, so that a transposed matrix cannot hide

_MOST = 10_000_000  # multiplications in a step, of which there are two for every parameter


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Check the backward pass of a small autoencoder, in float64, against its own loss."
    parser.set_defaults(run=run)
    parser.add_argument("--visible", type=int, default=VISIBLE, metavar="D", help=f"visible units ({VISIBLE})")
    parser.add_argument("--hidden", type=int, default=HIDDEN, metavar="H", help=f"hidden units ({HIDDEN})")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, metavar="B", help=f"examples ({BATCH_SIZE})")
    parser.add_argument("--untied", action="store_true", help="give the decoder weights of its own")
    parser.add_argument("--loss", choices=LOSSES, default="cross_entropy", help="(cross_entropy)")
    parser.add_argument("--output", choices=OUTPUTS, default="sigmoid", help="(sigmoid)")
    parser.add_argument("--reduction", choices=REDUCTIONS, default="paper", help="(paper)")
    parser.add_argument("--method", choices=gradcheck.METHODS, default="auto", help="(auto)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights, the batch and the direction (0)")


def run(options: argparse.Namespace) -> int:
    """Check, and print the report."""
    if options.visible * options.hidden * options.batch_size > _MOST:
        sizes = f"{options.visible}, {options.hidden} and {options.batch_size}"
        raise ValueError(f"the product of visible, hidden and batch_size must be at most {_MOST}, found {sizes}")
    report = check(
        options.visible,
        options.hidden,
        options.batch_size,
        tied=not options.untied,
        loss=options.loss,
        output=options.output,
        reduction=options.reduction,
        method=options.method,
        seed=options.seed,
    )
    print(report)
    return 0 if report.ok else 1


def check(
    visible: int = VISIBLE,  # D
    hidden: int = HIDDEN,  # H
    batch_size: int = BATCH_SIZE,  # B
    *,
    tied: bool = True,
    loss: str = "cross_entropy",  # this, output and reduction: as in `scratchdae.autoencoder.loss_and_grads`
    output: str = "sigmoid",
    reduction: str = "paper",
    method: str = "auto",  # as in `scratchdae.gradcheck.check`
    seed: int = 0,  # of everything random
) -> gradcheck.Report:
    """Check the gradient of an autoencoder at random weights, biases and data."""
    rng = np.random.default_rng(integer("seed", seed, at_least=0))
    integer("batch_size", batch_size)
    model = DenoisingAutoencoder(visible, hidden, rng, tied=tied, loss=loss, output=output, reduction=reduction)
    for bias in ("b", "b_prime"):  # zero at first, where a factor in their gradient could hide
        model.params[bias] = rng.normal(0, 0.5, model.params[bias].shape)
    x = rng.random((batch_size, visible))
    x_tilde = bernoulli_masking(x, 0.3, rng)
    return gradcheck.check(lambda params: model.loss_and_grads(params, x_tilde, x), model.params, method, rng=rng)
