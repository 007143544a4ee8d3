"""Where a long command leaves what it finds, and on which machine it found it."""

import argparse
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratchdae import atomic


def writable_file(option: str, path: Path, suffixes: Sequence[str]) -> None:
    """Refuse a file that could not be written, before it is computed."""
    if path.suffix not in suffixes or (path.exists() and not path.is_file()) or not path.parent.is_dir():
        raise ValueError(f"{option} must be a {' or '.join(suffixes)} file in a folder that exists, found {path}")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"{option} must be a file in a folder that can be written, found {path}")


def writable_picture(option: str, path: Path) -> None:
    """Refuse a picture that could not be drawn or written, before it is computed."""
    writable_file(option, path, (".png", ".PNG"))
    drawable()


def drawable() -> None:
    """Have Matplotlib read its settings now: a fault in them must not cost what was computed for a picture."""
    try:
        import matplotlib  # noqa: F401
    except ValueError:  # the only one that it raises rather than warns of
        found = os.environ.get("MPLBACKEND")
        raise ValueError(f"MPLBACKEND in the environment must be a backend of Matplotlib, found {found!r}") from None


def printable(text: str) -> str:
    """Put escapes in the place of what a name may have and no font: bytes that are not UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def writable_folder(option: str, out: Path) -> Path:
    """Return a folder, which need not be there yet; refuse one that could not be written, before hours are spent."""
    drawable()  # since all that have such a folder leave pictures in it
    found = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not found.is_dir():
        raise ValueError(f"{option} must be a folder, found the file {found}")
    if not os.access(found, os.W_OK):
        raise ValueError(f"{option} must be a folder that can be written, found {found}")
    return out


def origin(options: argparse.Namespace, threads: int) -> dict[str, Any]:
    """Say what was asked for, and the machine, its threads and the versions that numbers of it depend on."""
    from scratchdae.benchmark import machine

    return {
        "command": shlex.join(["scratchdae", *options.arguments]),
        "machine": machine.describe(),
        "threads": threads,
        "versions": machine.versions(),
    }


def write_numbers(path: Path, content: dict[str, Any], indent: int) -> None:
    """Write JSON, and make its folder where it is not there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(path, (json.dumps(content, indent=indent, allow_nan=False) + "\n").encode())
