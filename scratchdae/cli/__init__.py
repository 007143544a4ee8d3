"""The command line: a table of its commands, and the one place where an error of the library becomes a sentence.

The module of a command is imported when the command is given, so that ``--help`` answers at once. Each module has
``add(parser)``, which declares options or subcommands, and for each of them a function (most are called ``run``) that
takes the parsed options, does the work and returns the exit status. An option or a file that it refuses is a ValueError
or an OSError, raised before anything is written.
"""

import argparse
import importlib
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from scratchdae import __version__
from scratchdae.arguments import literal

FAILED, MISUSED, INTERRUPTED = 1, 2, 130  # exit statuses; 130 is 128 + SIGINT, as shells have it
_SHOWN = 80  # characters of an argument that a sentence repeats

_COMMANDS = {  # the module beside this one, and what `scratchdae --help` says of it
    "train": ("train", "train a denoising autoencoder on digits, MNIST or a file"),
    "doctor": ("doctor", "find out why your own training fails, in PyTorch, Keras or here"),
    "chapters": ("chapters", "list the chapters, run them, write them as notebooks"),
    "exercises": ("exercises", "write it yourself: exercises that name the mistake"),
    "floors": ("floors", "what loss to expect of your data, before training"),
    "gradcheck": ("gradients", "check the gradient of a small autoencoder"),
    "conform": ("conform", "hold another implementation to the reference cases"),
    "book": ("book", "the chapters as a book of pages; the laboratory, a training to break"),
    "data": ("data", "list the data sets, fetch or draw them"),
    "info": ("info", "versions, BLAS, threads, backend, data, a gradient check: for bug reports"),
    "bench": ("bench", "time the training step beside PyTorch, JAX and NumPy on this machine"),
    "reproduce": ("reproduce", "run the paper's experiments again"),
}

_FIRST_STEPS = """\
usage: scratchdae COMMAND [OPTIONS]       denoising autoencoders from scratch

  scratchdae train                        train one on digits, learn to read it
  scratchdae doctor FILE.py               why does your own training fail?
  scratchdae chapters run 01              the idea, run and checked
  scratchdae exercises                    write it yourself, with a checker
  scratchdae floors FILE                  the loss to expect of your own data
  scratchdae gradcheck                    is the gradient right?
  scratchdae conform run --adapter NAME   does another implementation agree?
  scratchdae COMMAND --help               its options; --help: all commands"""


class UsageError(ValueError):
    """A command line that the parser refuses."""

    def __init__(self, prog: str, message: str) -> None:
        super().__init__(message)
        self.prog = prog  # the subcommand that it belongs to


def _typed(text: str, kind: Callable[[str], Any]) -> Any:
    """Read an option's value; an empty path would be the working directory."""
    try:
        if kind is not Path:
            return literal(int if kind is int else float, text)
        if not text:
            raise ValueError("must be a path, found ''")
        return Path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class Parser(argparse.ArgumentParser):
    """A parser that raises where argparse would print its usage and leave; its subcommands get one of its kind."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)
        for kind in (int, float, Path):
            self.register("type", kind, partial(_typed, kind=kind))
        self.set_defaults(run=None, parser=self)

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError."""
        raise UsageError(self.prog, message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``scratchdae``, with `arguments` in place of the command line's.

    The exit status is 0 where all went well; 1 where a training left the finite numbers, a chapter failed, or a
    gradient, a benchmark or another implementation is wrong, or the doctor found a cause; 2 for arguments or files
    that are refused; 3 where the doctor does not know; 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    prog = "scratchdae"
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # since `scratchdae` was imported
            signal.signal(signal.SIGINT, signal.default_int_handler)
        _open_streams()
        try:
            if not arguments:
                print(_FIRST_STEPS, file=sys.stderr)
                return MISUSED
            for word in arguments:
                if word.startswith("--") and word.endswith("=--"):  # argparse would make it an empty list
                    raise UsageError(prog, f"argument {word[:-3]}: must have a value, found '--'")
            options = _parser(arguments).parse_args(arguments)
            prog = options.parser.prog
            if options.run is None:  # a group without its subcommand
                options.parser.print_help(sys.stderr)
                return MISUSED
            options.arguments = arguments
            status: int = options.run(options)
            return status
        finally:
            _flush()  # here, where a closed pipe can still be caught
    except KeyboardInterrupt as interruption:
        print(f"{prog}: {str(interruption) or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # as in `scratchdae info | head -1`: nobody reads on, so there is nobody to tell
        return FAILED
    except (ValueError, OSError, ImportError, MemoryError) as error:
        print(f"{getattr(error, 'prog', prog)}: error: {_shortened(_sentence(error), arguments)}", file=sys.stderr)
        return MISUSED
    except ArithmeticError as error:
        from scratchdae import NonFiniteError  # here, because it imports the training, and --help does not train

        if not isinstance(error, NonFiniteError):
            raise
        print(f"{prog}: error: {error}", file=sys.stderr)
        return FAILED


def _open_streams() -> None:
    """Let there be an output and an error stream, closed or not, that take every character in some form."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115  # for as long as the process lives
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):  # a notebook's is none
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Write out what was printed; where that fails, nothing is left for the end of the process to try again."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise OSError(error.errno, error.strerror, "standard output") from None


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


def _shortened(sentence: str, arguments: Sequence[str]) -> str:
    """Take the middle out of long arguments, their values and their levels, where a sentence repeats them."""
    for argument in arguments:
        for part in (argument, argument.partition("=")[2], argument.partition(":")[2]):
            if len(part) > _SHOWN:
                sentence = sentence.replace(part, _cut(part))
    return re.sub(r"\S{200,}", lambda word: _cut(word[0]), " ".join(sentence.splitlines()))


def _cut(text: str) -> str:
    return f"{text[: _SHOWN // 2]}…{text[1 - _SHOWN // 2 :]}"


def _sentence(error: Exception) -> str:
    """Say in one line what an error says."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    if (
        isinstance(error, OSError) and error.strerror and len(error.args) == 2
    ):  # of what is written, only output has no name
        return f"standard output: {error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({' '.join(str(error).split()) or 'MemoryError'})"
    return " ".join(str(error).split()) or type(error).__name__
