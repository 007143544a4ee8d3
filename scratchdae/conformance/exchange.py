"""Cases and answers as files, for implementations in any language.

A case becomes a folder: ``case.json`` says what to do (its manifest, without the checksum), ``inputs.*`` holds the
inputs. The answer is ``outputs.safetensors``, ``outputs.npz``, ``outputs.json``, or a ``NAME.npy`` for each array.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from scratchdae import atomic
from scratchdae.arguments import Params, choice
from scratchdae.conformance import array_files
from scratchdae.conformance.adapter import Unsupported, as_arrays, inputs_of
from scratchdae.conformance.case import Case
from scratchdae.conformance.manifest import DTYPES


def write_case(
    folder: Path, case: Case, form: str = "safetensors", dtype: str = "float64", with_expected: bool = False
) -> None:
    """Write a case for a program into a folder, which is made; what must come out, if wanted, is always float64."""
    choice("form", form, array_files.FORMATS)
    choice("dtype", dtype, DTYPES)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {name: entry for name, entry in case.manifest.items() if name != "sha256"}
    content = json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    atomic.write(folder / "case.json", content.encode())
    array_files.write(folder, "inputs", inputs_of(case, dtype), form)
    if with_expected:
        array_files.write(folder, "expected", case.expected, form)


def export(
    root: str | os.PathLike[str],
    cases: Iterable[Case],
    form: str = "safetensors",
    dtype: str = "float64",
    with_expected: bool = False,
) -> list[Path]:
    """Write cases into an empty folder or a new one, each to ``ROOT/GROUP/NAME``; all of them or none."""
    root = Path(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ValueError(f"root must be an empty folder or a new one, found {root} with something in it")
    folders = list[Path]()
    new = [path for path in (root, *root.absolute().parents) if not path.exists()]
    try:
        for case in cases:
            folders.append(root / case.group / case.name)
            write_case(folders[-1], case, form, dtype, with_expected)
    except BaseException:  # a full disk, or Ctrl-C: nothing is left that could pass for all of the cases
        for path in new[-1:] or {folder.parent for folder in folders}:
            shutil.rmtree(path, ignore_errors=True)
        raise
    return folders


class Answers:
    """Answers that were written before: a folder for each case, GROUP/NAME or NAME.

    `cases` are all that there may be folders for; a folder that holds an answer to none of them is refused.
    """

    def __init__(self, root: str | os.PathLike[str], cases: Iterable[Case], dtype: str = "float64") -> None:
        self._root = Path(root)
        self.name, self.dtype = str(root), choice("dtype", dtype, DTYPES)
        self.tolerances: Mapping[str, float] = {}
        if not self._root.is_dir():
            raise ValueError(f"the folder of answers must exist, found none at {root}")
        cases = tuple(cases)
        folders = {folder for case in cases for folder in self._folders(case)}
        known = folders | {self._root / case.group for case in cases}
        there = {path for pattern in ("*", "*/*") for path in self._root.glob(pattern) if self._is_here(path)}
        answered = {path for path in there - known if array_files.holds_answer(path)}
        if answered:
            raise ValueError(f"each folder of answers must be named by a case, found {', '.join(map(str, answered))}")
        if not there & known:
            raise ValueError(f"{root} must hold a folder for each case, GROUP/NAME or NAME, found none")
        # What `export` wrote with what is expected, and nobody answered, is compared with itself.
        answers = any(array_files.holds_answer(folder) for folder in there & folders)
        self._stem = "outputs" if answers else "expected"
        if not answers and any(array_files.holds_answer(folder, "expected") for folder in there & folders):
            self.name += " (no answers: the expected arrays themselves)"

    def answer(self, case: Case) -> Params:
        for folder in filter(self._is_here, self._folders(case)):
            answer = array_files.read_answer(folder, self._stem)
            if answer is not None:
                return as_arrays(answer)
        raise Unsupported("there is no answer in the folder")

    def _is_here(self, folder: Path) -> bool:
        """Say whether a folder is there, and in the root itself: a link that leaves it is not followed."""
        return folder.is_dir() and folder.resolve().is_relative_to(self._root.resolve())

    def _folders(self, case: Case) -> tuple[Path, Path]:
        return self._root / case.group / case.name, self._root / case.name
