"""Where the data sets of this computer are looked for."""

import os
from collections.abc import Iterator
from pathlib import Path


def search_folders(name: str, root: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Yield where a data set may be, the preferred first: `root` alone, or `name` in $SCRATCHDAE_DATA and in the cache.

    A folder need not exist.
    """
    if root is not None:
        yield Path(root).expanduser()
        return
    data = os.environ.get("SCRATCHDAE_DATA")
    if data:
        yield Path(data).expanduser() / name
    import pooch  # asked last, so that a local copy is found without loading it

    yield Path(pooch.os_cache("scratchdae")) / name
