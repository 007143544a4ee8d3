"""What is on the disk is whole and one process's: a file is written beside its place and moved there, a folder is held.

A process killed at any moment leaves the old file or the new one, never a part: temporary file, fsync, rename. The
temporary name is nobody else's and not to be guessed, so that of two who write the same file each writes it whole. What
a killed process left is removed by the next that holds the folder, or that writes there an hour later.
"""

import errno
import fnmatch
import math
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from io import FileIO
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = ".lock"  # in a folder that is held; of a file that is held beside it, after its name

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
_ABANDONED = 3600.0  # seconds after which nobody still writes a temporary file
_held: set[FileIO] = set()  # the open files of the locks of this process


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write to, of the same suffix, which becomes `path` if the block ends well.

    The folder of `path` must exist. What was written is removed if the block raises; where the system refuses to write,
    as on a full disk, the OSError names `path`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem[:50]}.{os.getpid()}-{secrets.token_hex(8)}.partial{path.suffix}")
    with _named(path, temporary):
        _remove_partial(path.parent, "*", time.time() - _ABANDONED)
        try:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS, 0o666))
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all; its folder must exist."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def append(path: str | os.PathLike[str], content: bytes) -> None:
    """Add to a file, and return when it is on the disk."""
    with _named(Path(path)), Path(path).open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def locked(path: str | os.PathLike[str] | None, *, folder: bool, wait: bool = False) -> Iterator[None]:
    """Hold a folder, or a file, while the block runs; None holds nothing.

    Whoever else asks for it gets a ValueError, or with `wait` waits until it is free.

    The lock is the system's, on an open file that says who has it, and ends with its process, however that ends: none
    is ever stale. A folder is made where there is none; what is inside it is held by itself. A file system that has no
    locks does without.
    """
    if path is None:
        yield
        return
    path = Path(path)
    lock = path / LOCK if folder else path.with_name(f".{path.name}{LOCK}")
    lock.parent.mkdir(parents=True, exist_ok=True)
    file = _take(path, lock, wait)
    _held.add(file)
    try:
        yield
    finally:
        _held.discard(file)
        with suppress(OSError):  # what cannot be removed is taken over by the next
            with closing(file):
                if sys.platform != "win32" and _is_at(file, lock):  # while it is held, so that it is nobody else's
                    lock.unlink()
            if sys.platform == "win32":
                lock.unlink()


def _take(path: Path, lock: Path, wait: bool) -> FileIO:
    """Open and hold the file of a lock, and write into it who we are."""
    with _named(lock):
        while True:
            with ExitStack() as stack:
                file = stack.enter_context(FileIO(lock, "r+", opener=_open_lock))
                try:
                    system = _hold(file)
                except BlockingIOError:
                    time.sleep(0.05)  # who has just taken it is about to say so
                    if wait:
                        continue
                    holder = file.read(200).decode(errors="replace") or "another process"
                    raise ValueError(f"{path} is in use by {holder}; wait until it ends") from None
                if not _is_at(file, lock):  # who had it has removed it meanwhile
                    continue
                file.seek(0)
                killed = re.match(rb"process (\d+) on ", file.read(200))
                if system and killed:
                    _remove_partial(lock.parent, killed[1].decode())
                file.seek(0)
                file.truncate()
                file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
                stack.pop_all()  # it stays open
                return file


def _open_lock(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_CREAT | _NO_LINKS, 0o666)


def _hold(file: FileIO) -> bool:
    """Take the system's lock on an open file, or raise BlockingIOError; False where the file system knows no locks."""
    try:
        if sys.platform == "win32":
            os.lseek(file.fileno(), 2**30, os.SEEK_SET)  # behind what others read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            raise BlockingIOError from None
        return False
    return True


def _is_at(file: FileIO, path: Path) -> bool:
    """Tell whether an open file is still the one that has this path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except (OSError, ValueError):  # a ValueError where it is closed
        return False


def _let_go() -> None:
    """Close the locks of the process that this one is a fork of, which would otherwise outlive it."""
    for file in _held:
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _remove_partial(folder: Path, process: str, before: float = math.inf) -> None:
    """Remove the temporary files of a process, or of all with ``*``, that were last written before some time."""
    with suppress(OSError):  # what cannot be removed is in nobody's way
        for name in fnmatch.filter(os.listdir(folder), f".*.{process}-????????????????.partial*"):  # noqa: PTH208
            if (folder / name).lstat().st_mtime < before:
                (folder / name).unlink()


@contextmanager
def _named(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Have what the system says of an open file, or of the temporary one, be said of `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (None, temporary, str(temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _sync(path: Path) -> None:
    """Have the system put a file's content, or a folder's entries, on the disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
