"""What training recorded, an epoch a line: as arrays in memory, as JSON lines on disk.

Nothing in it depends on the clock, so two runs with the same seed leave the same bytes.
"""

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from scratchdae import arguments, atomic
from scratchdae.arguments import Array, instance, sequence

Record = dict[str, Any]


class History:
    """The records of a run's epochs.

    Parameters
    ----------
    records : iterable of dict
        One an epoch: ``epoch`` (counted from 1), ``loss`` (mean over the epoch's batches, on corrupted inputs,
        without the penalty), ``penalty`` (after the epoch), ``validation_loss`` (on clean inputs unless asked
        otherwise), ``validation_error`` (where `fit` was given an `error`), ``lr`` and ``corruption`` (the level).
        What a run does not have is None.
    backend : str
        What computed the steps, and why.
    """

    def __init__(self, records: Iterable[Record] = (), backend: str = "") -> None:
        self.records: list[Record] = [
            instance(f"records[{k}]", record, dict) for k, record in enumerate(sequence("records", records))
        ]
        self.backend = instance("backend", backend, str, "text")

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __getitem__(self, name: str) -> Array:
        """Return one quantity over the epochs, an array (epochs,) with NaN for None; KeyError if no record has it."""
        return np.array([np.nan if record[name] is None else record[name] for record in self.records])

    @property
    def watched(self) -> Array:
        """What early stopping watches: the validation error, where there is none the validation loss, or NaN."""
        has_error = any(record.get("validation_error") is not None for record in self)
        return self["validation_error" if has_error else "validation_loss"]

    @property
    def best_epoch(self) -> int | None:
        """The first epoch, counted from 1, of the least of what is watched; None without validation."""
        values = self.watched
        return None if np.isnan(values).all() else int(self["epoch"][np.nanargmin(values)])

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the records as JSON lines, whole or not at all."""
        lines = (json.dumps(record, allow_nan=False) + "\n" for record in self)
        atomic.write(arguments.path("path", path), "".join(lines).encode())

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "History":
        """Read the records of a file that `write` made."""
        path, records = arguments.path("path", path), []
        text = path.read_text(encoding="utf-8", errors="replace")  # what is replaced is no JSON
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}, line {number}: expected JSON, found {line[:40]!r} ({error})") from None
            if not isinstance(record, dict):
                raise ValueError(f"{path}, line {number}: expected a JSON object, found {line[:40]!r}")
            records.append(record)
        return cls(records)
