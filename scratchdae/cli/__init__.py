"""The command line: a parser, and the one place where an error of the library becomes a sentence.

Each file beside this one holds a group of subcommands: ``add`` declares their options, and a function that takes the
parsed options does the work and returns the exit status. What is heavy is imported inside that function, so that
``--help`` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from scratchdae import NonFiniteError, __version__
from scratchdae.cli import bench, chapters, conform, data, floors, gradients, info, reproduce, train

FAILED, MISUSED, INTERRUPTED = 1, 2, 130  # exit statuses; 130 is 128 + SIGINT, as shells have it


class UsageError(ValueError):
    """A command line that the parser refuses.

    Parameters
    ----------
    prog : str
        The subcommand that it belongs to.
    message : str
        What is wrong with it.
    """

    def __init__(self, prog: str, message: str) -> None:
        super().__init__(message)
        self.prog = prog


class Parser(argparse.ArgumentParser):
    """A parser that raises where argparse would print its usage and leave."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Parameters
        ----------
        message : str
            What is wrong with it.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(self.prog, message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``scratchdae``.

    Parameters
    ----------
    arguments : sequence of str, optional
        In place of the command line's.

    Returns
    -------
    int
        The exit status: 0 where all went well; 1 where a training left the finite numbers, a chapter failed, or a
        gradient, a benchmark or another implementation is wrong; 2 for arguments or files that are refused; 130 after
        Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    prog = "scratchdae"
    try:
        options = _parser().parse_args(arguments)
        prog = options.parser.prog
        if options.run is None:  # a group without its subcommand
            options.parser.print_help(sys.stderr)
            return MISUSED
        options.arguments = arguments
        status: int = options.run(options)
        sys.stdout.flush()  # here, where a closed pipe can still be caught
        return status
    except KeyboardInterrupt as interruption:
        print(f"{prog}: {str(interruption) or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    except NonFiniteError as error:
        print(f"{prog}: error: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # as in `scratchdae info | head -1`: nobody reads on, so there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ValueError, OSError, ImportError, MemoryError) as error:
        print(f"{getattr(error, 'prog', prog)}: error: {_sentence(error)}", file=sys.stderr)
        return MISUSED


def _parser() -> Parser:
    parser = Parser(
        prog="scratchdae",
        description="Denoising autoencoders from scratch in NumPy: train them, check them, run the chapters.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"scratchdae {__version__}")
    parser.set_defaults(run=None, parser=parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for group in (train, chapters, floors, gradients, conform, data, info, bench, reproduce):
        group.add(commands)
    return parser


def _sentence(error: Exception) -> str:
    """Say in one line what an error says."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({' '.join(str(error).split()) or 'MemoryError'})"
    return " ".join(str(error).split()) or type(error).__name__
