"""``scratchdae train``: train an autoencoder, leave its run and three pictures."""

import argparse
import shlex
from pathlib import Path

from scratchdae import backend
from scratchdae.autoencoder import LOSSES, OUTPUTS
from scratchdae.blas_threads import limited
from scratchdae.cli import reading_options
from scratchdae.cli.logs import LOGS
from scratchdae.corruption import CORRUPTIONS
from scratchdae.losses import REDUCTIONS


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Train a denoising autoencoder; leave checkpoint, history, configuration and three pictures."
    parser.epilog = (
        "A schedule is a number, linear(FIRST, LAST, EPOCHS), geometric(FIRST, LAST, EPOCHS), "
        "cosine(FIRST, LAST, EPOCHS), step(FIRST, FACTOR, EVERY), exponential(FIRST, FACTOR) or "
        "warmup(EPOCHS, SCHEDULE). "
        "Ctrl-C keeps the last whole epoch; --resume goes on from it, to the same bits."
    )
    parser.set_defaults(run=run)
    data = parser.add_argument_group("data")
    data.add_argument("--data", default="digits", metavar="NAME|FILE[:NAME]", help=f"(digits) {reading_options.KINDS}")
    data.add_argument("--limit", type=int, metavar="N", help="use the first N training examples only")
    data.add_argument(
        "--validation", type=float, default=1 / 6, metavar="FRACTION", help="held out of those, from the end (1/6)"
    )
    reading_options.add(parser)
    model = parser.add_argument_group("model")
    model.add_argument("--hidden", type=int, default=500, metavar="H", help="hidden units (500)")
    model.add_argument("--untied", action="store_true", help="give the decoder weights of its own")
    model.add_argument("--loss", choices=LOSSES, default="cross_entropy", help="(cross_entropy)")
    model.add_argument("--output", choices=OUTPUTS, default="sigmoid", help="linear for real-valued data (sigmoid)")
    model.add_argument(
        "--reduction", choices=REDUCTIONS, default="paper", help="sum over components, or mean, in the loss (paper)"
    )
    model.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="(float32)")
    training = parser.add_argument_group("training")
    training.add_argument(
        "--corruption",
        default="masking:0.3",
        metavar="KIND:LEVEL|none",
        help=f"{', '.join(CORRUPTIONS)}; the level is a schedule (masking:0.3)",
    )
    training.add_argument("--epochs", type=int, default=15, metavar="N", help="a resumed run may be given more (15)")
    training.add_argument("--lr", default="0.1", metavar="SCHEDULE", help="learning rate (0.1)")
    training.add_argument("--batch-size", type=int, default=20, metavar="B", help="(20)")
    training.add_argument("--l2", type=float, default=0.0, metavar="C", help="penalty C·ΣW² (0)")
    training.add_argument(
        "--patience", type=int, metavar="N", help="stop after N epochs without a lower validation loss, keep the best"
    )
    training.add_argument("--corrupt-validation", action="store_true", help="validate on corrupted inputs")
    training.add_argument("--seed", type=int, default=0, help="of the weights, the order and the corruption (0)")
    training.add_argument("--backend", choices=backend.BACKENDS, default="auto", help="(auto)")
    training.add_argument(
        "--threads", type=int, metavar="N", help="of the BLAS; it decides the last bits (1, or as in the environment)"
    )
    training.add_argument("--no-progress", action="store_true", help="no progress bar")
    result = parser.add_argument_group("result")
    result.add_argument("--out", type=Path, metavar="RUN", help="folder of the run (runs/ and the name of the data)")
    result.add_argument("--log", choices=LOGS, help="keep the history as RUN/log.csv, or for TensorBoard, too")
    result.add_argument("--resume", action="store_true", help="go on with the run that is there")


def run(options: argparse.Namespace) -> int:
    """Train, and say what was done; where it diverges or is interrupted, the last whole epoch is kept."""
    from scratchdae.cli import training_run  # here, because its help does not train

    out = options.out or Path("runs") / Path(options.data).stem
    try:
        with limited(options.threads) as threads:
            training_run.train(options, out, threads)
    except KeyboardInterrupt:
        again = [*options.arguments, *(() if options.resume else ("--resume",))]
        raise KeyboardInterrupt(
            f"interrupted after {training_run.epochs_done(out)} of {options.epochs} epochs; "
            f"to go on: {shlex.join(['scratchdae', *again])}"
        ) from None
    return 0
