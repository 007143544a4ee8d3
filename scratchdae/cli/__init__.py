"""The command line: a table of its commands, and the one place where an error of the library becomes a sentence.

The module of a command is imported when the command is given, so that ``--help`` answers at once. Each module has
``add(parser)``, which declares options or subcommands, and for each of them a function (most are called ``run``) that
takes the parsed options, does the work and returns the exit status. An option or a file that it refuses is a ValueError
or an OSError, raised before anything is written.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from scratchdae import __version__

FAILED, MISUSED, INTERRUPTED = 1, 2, 130  # exit statuses; 130 is 128 + SIGINT, as shells have it

_COMMANDS = {  # the module beside this one, and what `scratchdae --help` says of it
    "train": ("train", "train a denoising autoencoder on digits, MNIST or a file"),
    "chapters": ("chapters", "list the chapters, run them"),
    "floors": ("floors", "what loss to expect of your data, before training"),
    "gradcheck": ("gradients", "check the gradient of a small autoencoder"),
    "conform": ("conform", "hold another implementation to the reference cases"),
    "data": ("data", "list the data sets, fetch or draw them"),
    "info": ("info", "versions, BLAS, threads, backend, data, a gradient check: for bug reports"),
    "bench": ("bench", "time the training step beside PyTorch, JAX and NumPy on this machine"),
    "reproduce": ("reproduce", "run the paper's experiments again"),
}

_FIRST_STEPS = """\
usage: scratchdae COMMAND [OPTIONS]       denoising autoencoders from scratch

  scratchdae train                        train one on digits, learn to read it
  scratchdae chapters run 01              the idea, run and checked
  scratchdae floors FILE                  the loss to expect of your own data
  scratchdae gradcheck                    is the gradient right?
  scratchdae conform run --adapter NAME   does another implementation agree?
  scratchdae COMMAND --help               its options; --help: all commands"""


class UsageError(ValueError):
    """A command line that the parser refuses."""

    def __init__(self, prog: str, message: str) -> None:
        super().__init__(message)
        self.prog = prog  # the subcommand that it belongs to


class Parser(argparse.ArgumentParser):
    """A parser that raises where argparse would print its usage and leave; its subcommands get one of its kind."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)
        self.set_defaults(run=None, parser=self)

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError."""
        raise UsageError(self.prog, message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``scratchdae``, with `arguments` in place of the command line's.

    The exit status is 0 where all went well; 1 where a training left the finite numbers, a chapter failed, or a
    gradient, a benchmark or another implementation is wrong; 2 for arguments or files that are refused; 130 after
    Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    prog = "scratchdae"
    try:
        if not arguments:
            print(_FIRST_STEPS, file=sys.stderr)
            return MISUSED
        options = _parser(arguments).parse_args(arguments)
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
    except BrokenPipeError:  # as in `scratchdae info | head -1`: nobody reads on, so there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ValueError, OSError, ImportError, MemoryError) as error:
        print(f"{getattr(error, 'prog', prog)}: error: {_sentence(error)}", file=sys.stderr)
        return MISUSED
    except ArithmeticError as error:
        from scratchdae import NonFiniteError  # here, because it imports the training, and --help does not train

        if not isinstance(error, NonFiniteError):
            raise
        print(f"{prog}: error: {error}", file=sys.stderr)
        return FAILED


def _parser(arguments: Sequence[str]) -> Parser:
    """Make the parser; only the command that is given declares its options."""
    parser = Parser(
        prog="scratchdae",
        description="Denoising autoencoders from scratch in NumPy: train them, check them, run the chapters.",
    )
    parser.add_argument("--version", action="version", version=f"scratchdae {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    given = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, (module, line) in _COMMANDS.items():
        command = commands.add_parser(name, help=line)
        if name == given:
            importlib.import_module(f"scratchdae.cli.{module}").add(command)
    return parser


def _sentence(error: Exception) -> str:
    """Say in one line what an error says."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({' '.join(str(error).split()) or 'MemoryError'})"
    return " ".join(str(error).split()) or type(error).__name__
