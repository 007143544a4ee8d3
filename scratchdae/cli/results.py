"""Where a long command leaves what it finds, and on which machine it found it."""

import argparse
import json
import os
import shlex
from pathlib import Path
from typing import Any

from scratchdae import atomic


def writable_folder(option: str, out: Path) -> Path:
    """Return a folder, which need not be there yet; refuse one that could not be written, before hours are spent."""
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
