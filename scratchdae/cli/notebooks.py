"""``scratchdae chapters export``: the chapters in another format, by jupytext; run, if asked, by nbclient."""

import argparse
import os
from pathlib import Path
from typing import Any

from scratchdae import atomic
from scratchdae.cli.results import writable_folder

FORMATS = {"ipynb": "ipynb", "py": "py:percent", "md": "md"}


def export(options: argparse.Namespace, scripts: list[Path], environment: dict[str, str]) -> int:
    """Write chapters into a folder; a file that is there already is not overwritten, it may hold someone's own work."""
    if options.execute and options.format != "ipynb":
        raise ValueError(f"--execute must go with --format ipynb, which alone keeps outputs, found {options.format}")
    try:
        import jupytext
    except ImportError:
        raise ImportError("chapters export needs jupytext: pip install 'scratchdae[book]'") from None
    targets = [options.folder / f"{script.stem}.{options.format}" for script in scripts]
    for target in targets:
        if target.exists():
            raise FileExistsError(f"{target} is there already: choose another folder, or remove it")
    writable_folder("DIR", options.folder)
    options.folder.mkdir(parents=True, exist_ok=True)
    for script, target in zip(scripts, targets, strict=True):
        notebook = jupytext.read(script, fmt="py:percent")
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        if options.execute:
            _execute(script.stem, notebook, options.folder, environment)
        atomic.write(target, jupytext.writes(notebook, fmt=FORMATS[options.format]).encode())
        print(f"wrote {target}", flush=True)
    return 0


def _execute(name: str, notebook: Any, folder: Path, environment: dict[str, str]) -> None:
    """Run a notebook in the folder that it goes to, whose ``figures`` then hold its results."""
    try:
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    except ImportError:
        raise ImportError("chapters export --execute needs nbclient: pip install 'scratchdae[book]'") from None
    environment.pop("MPLBACKEND", None)  # a notebook draws its figures itself
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(path).resolve()) for path in paths if path)
    try:
        client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
        client.execute(env=environment)
    except CellExecutionError as error:
        raise ValueError(f"{name}: a cell failed: {error.ename}: {error.evalue}") from None
