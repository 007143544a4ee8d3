"""Chapters run as notebooks, two at a time, and kept by their content: what has not changed is not run again."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scratchdae import __file__ as package
from scratchdae import atomic

SECONDS = 900  # a cell may take so long, on a machine that is busy
_SOURCES = ("book", "cli", "exercises")  # what no chapter's output depends on
_FIRST = """import sys
sys.argv = [{name!r}, "--quick", "--out", "figures"]
%config InlineBackend.figure_format = "retina"
"""


class ChapterFailed(ValueError):
    """Chapters that raised, each with its error."""


def notebook(script: Path) -> Any:
    """Read a chapter as a notebook whose cells have the same names at every reading."""
    import jupytext

    found = jupytext.reads(script.read_text(encoding="utf-8"), fmt="py:percent")
    found.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(found.cells):
        cell["id"] = f"cell-{number}"
    return found


def run(scripts: Sequence[Path], kept: Path, environment: Mapping[str, str], jobs: int) -> int:
    """Run the chapters, in quick size, that `kept` does not hold; return how many those were."""
    package_digest = _package_digest()
    wanted = {script: kept / script.stem / _digest(script, package_digest) for script in scripts}
    missing = [script for script, mark in wanted.items() if not mark.is_file()]
    if missing:
        failures = asyncio.run(_run_all({script: wanted[script] for script in missing}, environment, jobs))
        if failures:
            raise ChapterFailed("; ".join(failures))
    return len(missing)


def outputs(script: Path, kept: Path) -> list[list[Any]]:
    """Return what each cell of a chapter printed and drew when it was last run."""
    import nbformat

    ran = nbformat.read(kept / script.stem / "notebook.ipynb", as_version=4)
    return [cell.get("outputs", []) for cell in ran.cells]


async def _run_all(marks: Mapping[Path, Path], environment: Mapping[str, str], jobs: int) -> list[str]:
    turn = asyncio.Semaphore(jobs)

    async def one(script: Path, mark: Path) -> str:
        async with turn:
            return await _run_one(script, mark, environment)

    return [text for text in await asyncio.gather(*(one(*pair) for pair in marks.items())) if text]


async def _run_one(script: Path, mark: Path, environment: Mapping[str, str]) -> str:
    """Run a chapter in a folder of its own, which then holds its figure; return its error, or nothing."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    folder, found = mark.parent, notebook(script)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.done"):
        old.unlink()
    found.cells.insert(0, nbformat.v4.new_code_cell(_FIRST.format(name=script.name), id="options"))
    client = NotebookClient(
        found,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--Application.log_level=40"],  # the kernel's advice about its own transport
    )
    try:
        await client.async_execute(env={name: text for name, text in environment.items() if name != "MPLBACKEND"})
    except CellExecutionError as error:
        return f"{script.stem} raised {error.ename}: {error.evalue}"
    except (CellTimeoutError, DeadKernelError) as error:
        return f"{script.stem}: {str(error).splitlines()[0]}"
    del found.cells[0]
    atomic.write(folder / "notebook.ipynb", nbformat.writes(found).encode())
    atomic.write(mark, b"")
    sys.stdout.write(f"ran {script.stem}\n")
    sys.stdout.flush()
    return ""


def _digest(script: Path, package_digest: str) -> str:
    text = json.dumps([script.read_text(encoding="utf-8"), package_digest, sys.version, _FIRST])
    return hashlib.sha256(text.encode()).hexdigest()[:16] + ".done"


def _package_digest() -> str:
    folder, digest = Path(package).parent, hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        part = path.relative_to(folder).parts[0]
        if part not in _SOURCES and not part.startswith("_c"):
            digest.update(path.read_bytes())
    return digest.hexdigest()
