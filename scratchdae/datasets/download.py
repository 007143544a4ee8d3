"""Download a file whose checksum is known, from whichever mirror delivers those bytes."""

import hashlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import urljoin

from scratchdae import atomic

TIMEOUT = 20.0  # seconds, for a connection and for every silence after it
SLOWEST = 10_000.0  # bytes a second: a mirror that has delivered less since it was asked is given up
_PART = 2**14  # bytes
_REDIRECTIONS = 10


class MirrorError(Exception):
    """Why a mirror is passed over for the next."""


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
    directory: Path,
    name: str,
    expected: str,
    mirrors: Sequence[str],
    progress: bool,
    algorithm: str = "sha256",
    most: int = 2**29,  # bytes
) -> None:
    """Download a file into a directory that exists, whole and verified or not at all.

    A mirror that is silent or slow, refuses or delivers other or more bytes than `expected`, the checksum in
    hexadecimal, is passed over for the next. If none delivers, an OSError quotes what each of them said.
    """
    said = []
    with atomic.locked(directory, folder=True):  # what a killed download left is removed
        for mirror in mirrors:
            address = f"{mirror.rstrip('/')}/{name}"
            try:
                with atomic.replacing(directory / name) as arrived:
                    with arrived.open("wb") as file:
                        file.writelines(_delivered(address, most, progress))
                    found = checksum(arrived, algorithm)
                    if found != expected:
                        raise MirrorError(f"{algorithm} must be {expected}, found {found}")
                return
            except MirrorError as error:
                said.append(f"{address}: {error}")
    raise OSError("\n".join([f"{name} could not be fetched from any of {len(mirrors)} mirrors:", *said]))


def _delivered(address: str, most: int, progress: bool) -> Iterator[bytes]:
    """Yield what an address delivers, in parts; a MirrorError where that is nothing, too much or too slow."""
    from tqdm import tqdm

    parts: SimpleQueue[bytes | int | Exception] = SimpleQueue()
    given_up, start, received = threading.Event(), time.monotonic(), 0

    def next_part() -> bytes | int:
        seconds = time.monotonic() - start
        try:
            part = parts.get(timeout=max(0.0, TIMEOUT + received / SLOWEST - seconds))
        except Empty:
            raise MirrorError(f"too slow: {received} bytes in {time.monotonic() - start:.0f} seconds") from None
        if isinstance(part, Exception):
            raise MirrorError(f"{type(part).__name__}: {part}") from part
        return part

    # In a thread, because a connection limits each silence and not all of them together: even its headers may drip.
    threading.Thread(target=_receive, args=(address, most, parts, given_up), daemon=True).start()
    try:
        silent = not (progress and sys.stderr)
        with tqdm(total=int(next_part()) or None, unit="B", unit_scale=True, disable=silent) as bar:
            while part := next_part():
                assert isinstance(part, bytes)  # the length came first
                received += len(part)
                if received > most:
                    raise MirrorError(f"too long: more than {most} bytes")
                bar.update(len(part))
                yield part
    finally:
        given_up.set()


def _receive(address: str, most: int, parts: "SimpleQueue[bytes | int | Exception]", given_up: threading.Event) -> None:
    """Ask for a file; put its length, 0 if that is not told, its parts and an empty one, or what went wrong."""
    import requests

    class OneHop(requests.Session):
        def get_redirect_target(self, response: requests.Response) -> None:
            """Follow none: what a redirection delivers beside its address would be read, and may never end."""

    try:
        for _ in range(_REDIRECTIONS):
            # As it is stored: what a mirror compresses could unpack to anything.
            headers = {"Accept-Encoding": "identity"}
            with OneHop() as session, session.get(address, stream=True, timeout=TIMEOUT, headers=headers) as response:
                response.raise_for_status()
                if response.is_redirect:
                    address = urljoin(address, response.headers["location"])
                    continue
                length = response.headers.get("content-length", "")
                parts.put(int(length) if length.isdecimal() and len(length) < 20 else 0)
                received = 0
                while received <= most and not given_up.is_set():
                    part = response.raw.read(_PART, decode_content=False)
                    parts.put(part)
                    received += len(part)
                    if not part:
                        break
                return
        raise ValueError(f"more than {_REDIRECTIONS} redirections")
    except Exception as error:  # what a mirror makes requests, urllib3 and http.client raise has no common class
        parts.put(error)
