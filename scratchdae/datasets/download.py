"""Download a file whose checksum is known, from whichever mirror delivers those bytes."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

TIMEOUT = 20.0  # seconds, for a connection and for every silence after it


def choose_mirrors(mirrors: Sequence[str] | None, default: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses of directories to download from, the preferred first: `mirrors`, without them `default`."""
    addresses = tuple(default if mirrors is None else mirrors)
    if isinstance(mirrors, str) or not addresses:
        raise ValueError(f"mirrors must be a sequence of at least one address, found {mirrors!r}")
    return addresses


def checksum(path: Path, algorithm: str = "sha256") -> str:
    """Return the checksum of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def fetch_file(
    directory: Path, name: str, expected: str, mirrors: Sequence[str], progress: bool, algorithm: str = "sha256"
) -> None:
    """Download a file into a directory that exists, whole and verified or not at all.

    A mirror that is silent, refuses or delivers other bytes than `expected`, the checksum in hexadecimal, is passed
    over for the next. If none delivers, an OSError quotes what each of them said.
    """
    import pooch
    import requests

    said = []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{name}"
        # Downloaded beside its place, in a directory of its own that goes away whatever happens.
        with tempfile.TemporaryDirectory(dir=directory, prefix=".fetching-") as staging:
            arrived = Path(staging) / name
            try:
                pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT)(address, str(arrived), None)
            except requests.RequestException as error:
                said.append(f"{address}: {error}")
                continue
            found = checksum(arrived, algorithm)
            if found != expected:
                said.append(f"{address}: {algorithm} must be {expected}, found {found}")
                continue
            with arrived.open("rb+") as file:
                os.fsync(file.fileno())
            arrived.replace(directory / name)
            return
    raise OSError("\n".join([f"{name} could not be fetched from any of {len(mirrors)} mirrors:", *said]))
