"""``scratchdae train --log``: the history of a run for TensorBoard, or as a table."""

import csv
import io
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scratchdae import atomic
from scratchdae.arguments import Params

LOGS = ("csv", "tensorboard")
Record = dict[str, Any]  # of `scratchdae.training.History`, which the options must not import
OnEpoch = Callable[[Record, Params], None]


@contextmanager
def logged(kind: str | None, out: Path) -> Generator[OnEpoch | None]:
    """Give what `fit` is to call after every epoch; a run that goes on goes on in its log."""
    if kind is None:
        yield None
    elif kind == "csv":
        yield lambda record, _: _add_row(out / "log.csv", record)
    else:
        writers: list[Any] = []
        make = _summary_writer()

        def add(record: Record, params: Params) -> None:
            del params
            if not writers:  # what a killed run wrote of this epoch and after it is left out
                writers.append(make(str(out / "tensorboard"), purge_step=record["epoch"]))
            for name, value in record.items():
                if name != "epoch" and value is not None:
                    writers[0].add_scalar(name, value, record["epoch"])
            writers[0].flush()

        try:
            yield add
        finally:
            for writer in writers:
                writer.close()


def _add_row(path: Path, record: Record) -> None:
    rows: list[dict[str, Any]] = []
    if path.exists() and record["epoch"] > 1:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if int(row["epoch"]) < record["epoch"]]
    table = io.StringIO()
    writer = csv.DictWriter(table, list(record), lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows, record])  # None is an empty cell
    atomic.write(path, table.getvalue().encode())


def _summary_writer() -> Any:
    """Return the class that writes for TensorBoard, PyTorch's or tensorboardX's."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ImportError(
                "--log tensorboard needs PyTorch and tensorboard, or tensorboardX: pip install tensorboardX"
            ) from None
    return SummaryWriter
