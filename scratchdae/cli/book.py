"""``scratchdae book``: pages made of what the project has."""

import argparse
import webbrowser
from pathlib import Path

from scratchdae import atomic
from scratchdae.cli.results import writable_file


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write pages made of what the project has: each one file, which asks no other machine."
    actions = parser.add_subparsers(title="pages", metavar="PAGE")
    parser = actions.add_parser(
        "lab",
        help="a training in the browser that can be broken and repaired",
        description="Write the laboratory: one page that trains a denoising autoencoder on the embedded digits, shows "
        "seventeen failures and the number by which each is known, takes drawings, and checks its own gradient and its "
        "own mathematics. It asks nothing of any other machine.",
    )
    parser.set_defaults(run=lab)
    parser.add_argument("--out", type=Path, default=Path("lab.html"), metavar="FILE", help="the page (lab.html)")
    parser.add_argument("--open", action="store_true", help="open it in the browser")


def lab(options: argparse.Namespace) -> int:
    """Write the page, whole or not at all."""
    from scratchdae.book import laboratory

    writable_file("--out", options.out, (".html", ".htm"))
    atomic.write(options.out, laboratory().encode())
    print(f"page {options.out}")
    if options.open:
        webbrowser.open(options.out.absolute().as_uri())
    return 0
