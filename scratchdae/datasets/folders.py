"""Where the data sets of this computer are looked for."""

import os
from collections.abc import Iterator
from pathlib import Path


def search_folders(name: str, root: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Yield the folders where a data set may be, the preferred first.

    Parameters
    ----------
    name : str
        What the folder of the data set is called.
    root : path-like, optional
        The folder that holds it, and then the only one. Without it: ``$SCRATCHDAE_DATA``, if that variable is set, then
        the cache of scratchdae.

    Yields
    ------
    Path
        A folder, which need not exist.
    """
    if root is not None:
        yield Path(root).expanduser() / name
        return
    data = os.environ.get("SCRATCHDAE_DATA")
    if data:
        yield Path(data).expanduser() / name
    import pooch  # asked last, so that a local copy is found without loading it

    yield Path(pooch.os_cache("scratchdae")) / name
