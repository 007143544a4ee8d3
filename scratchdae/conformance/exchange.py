"""Cases and answers as files, for implementations in any language.

A case becomes a folder: ``case.json`` says what to do (its manifest, without the checksum), ``inputs.*`` holds the
inputs. The answer is ``outputs.safetensors``, ``outputs.npz``, ``outputs.json``, or a ``NAME.npy`` for each array.
"""

import json
import os
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
    """Write a case for a program.

    Parameters
    ----------
    folder : Path
        Where; made if it is not there, with the folders above it.
    case : Case
        The case.
    form : {"safetensors", "npz", "npy", "json"}
        The format of the arrays.
    dtype : {"float64", "float32"}
        Of the floating-point inputs; both hold the same numbers.
    with_expected : bool
        Whether to write what must come out as well, always in float64.

    Raises
    ------
    ValueError
        If the format or the dtype is unknown.
    """
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
    """Write cases, a folder each.

    Parameters
    ----------
    root : path-like
        The folder to fill.
    cases : iterable of Case
        The cases.
    form : {"safetensors", "npz", "npy", "json"}
        The format of the arrays.
    dtype : {"float64", "float32"}
        Of the floating-point inputs.
    with_expected : bool
        Whether to write what must come out as well.

    Returns
    -------
    list of Path
        The folders, ``ROOT/GROUP/NAME``.

    Raises
    ------
    ValueError
        If `root` holds anything already, or an option is unknown.
    """
    root = Path(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ValueError(f"root must be an empty folder or a new one, found {root} with something in it")
    folders = []
    for case in cases:
        folders.append(root / case.group / case.name)
        write_case(folders[-1], case, form, dtype, with_expected)
    return folders


class Answers:
    """Answers that were written before: a folder for each case, GROUP/NAME or NAME.

    Parameters
    ----------
    root : path-like
        The folder that holds them.
    cases : iterable of Case
        All cases that there may be folders for.
    dtype : {"float64", "float32"}
        What they were computed in.

    Raises
    ------
    ValueError
        If there is no such folder, or none of its folders is a case's, or one holds an answer to no case.
    """

    def __init__(self, root: str | os.PathLike[str], cases: Iterable[Case], dtype: str = "float64") -> None:
        self._root = Path(root)
        self.name, self.dtype = str(root), choice("dtype", dtype, DTYPES)
        self.tolerances: Mapping[str, float] = {}
        if not self._root.is_dir():
            raise ValueError(f"the folder of answers must exist, found none at {root}")
        cases = tuple(cases)
        known = {folder for case in cases for folder in self._folders(case)} | {
            self._root / case.group for case in cases
        }
        there = {path for pattern in ("*", "*/*") for path in self._root.glob(pattern) if path.is_dir()}
        answered = {path for path in there - known if array_files.holds_answer(path)}
        if answered:
            raise ValueError(f"each folder of answers must be named by a case, found {', '.join(map(str, answered))}")
        if not there & known:
            raise ValueError(f"{root} must hold a folder for each case, GROUP/NAME or NAME, found none")

    def answer(self, case: Case) -> Params:
        """Read the answer to a case.

        Parameters
        ----------
        case : Case
            The case.

        Returns
        -------
        dict of str to ndarray
            The answer.

        Raises
        ------
        Unsupported
            If there is none.
        AnswerError
            If it is damaged.
        """
        for folder in self._folders(case):
            answer = array_files.read_answer(folder)
            if answer is not None:
                return as_arrays(answer)
        raise Unsupported("there is no answer in the folder")

    def _folders(self, case: Case) -> tuple[Path, Path]:
        return self._root / case.group / case.name, self._root / case.name
