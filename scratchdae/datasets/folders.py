"""Where the data sets of this computer are looked for."""

import os
from collections.abc import Iterator
from pathlib import Path


def at_home(path: str | os.PathLike[str]) -> Path:
    """Put the user's home in the place of a leading ``~``; of a user that there is not, it stays."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  # Path's own raises a RuntimeError


def refuse_endless(path: Path, expected: str) -> None:
    """Refuse what is there and neither a file nor a folder: to read it may never end, or never begin."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(f"{path} must be {expected}, found a pipe, a socket or a device")


def search_folders(name: str, root: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Yield where a data set may be, the preferred first: `root` alone, or `name` in $SCRATCHDAE_DATA and in the cache.

    A folder need not exist.
    """
    if root is not None:
        yield at_home(root)
        return
    data = os.environ.get("SCRATCHDAE_DATA")
    if data:
        yield at_home(data) / name
    import pooch  # asked last, so that a local copy is found without loading it

    yield Path(pooch.os_cache("scratchdae")) / name
