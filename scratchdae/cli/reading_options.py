"""The options of every command that reads a user's data: what a file does not say about itself."""

import argparse
import re
from pathlib import Path

from scratchdae.arguments import literal
from scratchdae.datasets import files

KINDS = f"digits or mnist, or {files.KINDS}; FILE:NAME chooses an array or a member"


def add(parser: argparse.ArgumentParser, root: bool = True) -> None:
    """Add the options, in a group of their own; `root` is that of MNIST."""
    group = parser.add_argument_group("how to read the data (found by looking if left out)")
    if root:
        group.add_argument("--root", type=Path, metavar="DIR", help="folder of the four files of MNIST")
    group.add_argument("--shape", metavar="RxC[xCH]|D", help="of an example; a number alone: it is no image")
    group.add_argument("--channels", choices=("first", "last"), help="where the channels of images are")
    group.add_argument("--transpose", action="store_true", help="exchange rows and columns of images (EMNIST)")
    group.add_argument("--label", metavar="COLUMN|none", help="of a table, left out: its name, or number from 0")
    scale = group.add_mutually_exclusive_group()
    scale.add_argument(
        "--scale",
        metavar="N|range|standard",
        help="divide by N; bring least and largest to 0 and 1; or each column to mean 0 and deviation 1",
    )
    scale.add_argument("--raw", action="store_true", help="take integers, and grey levels from 0…255, as they are")
    group.add_argument("--alpha", choices=("black", "white"), help="what is behind transparent pixels")
    group.add_argument("--frame", type=int, metavar="N", help="samples of a sound in an example (512)")
    group.add_argument("--hop", type=int, metavar="N", help="samples from one example to the next (as --frame)")


def read(text: str, options: argparse.Namespace, scale: str | None = None) -> files.Stored:
    """Read data with the options of a command; `scale` is what is done where they do not say."""
    root = getattr(options, "root", None)
    if root is not None and text != "mnist":
        raise ValueError(f"--root is the folder of MNIST and goes with --data mnist, found {text}")
    return files.read(
        text,
        root=root,
        shape=None if options.shape is None else _shape(options.shape),
        channels=options.channels,
        transpose=options.transpose,
        label=options.label,
        scale="raw" if options.raw else scale if options.scale is None else _scale(options.scale),
        alpha=options.alpha,
        frame=options.frame,
        hop=options.hop,
    )


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(literal(int, part) for part in re.split("[x×,]", text))
    except ValueError:
        raise ValueError(f"--shape must be like 28x28, 32x32x3 or 784, found {text!r}") from None


def _scale(text: str) -> float | str:
    try:
        return text if text in ("range", "standard") else literal(float, text)
    except ValueError:
        raise ValueError(f"--scale must be a number, range or standard, found {text!r}") from None
