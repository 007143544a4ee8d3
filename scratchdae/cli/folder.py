"""Where a long command leaves what it finds."""

import os
from pathlib import Path


def writable_folder(option: str, out: Path) -> Path:
    """Return a folder, which need not be there yet; refuse one that could not be written, before hours are spent."""
    found = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not found.is_dir():
        raise ValueError(f"{option} must be a folder, found the file {found}")
    if not os.access(found, os.W_OK):
        raise ValueError(f"{option} must be a folder that can be written, found {found}")
    return out
