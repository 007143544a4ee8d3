"""Tables: .csv, .tsv, .amat and other text whose lines are examples, and Parquet."""

import contextlib
import csv
import io
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchdae.arguments import Array, shown
from scratchdae.datasets.reading.containers import Content
from scratchdae.datasets.reading.options import Found, Options

PARQUET = b"PAR1"
SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".amat", ".data", ".dat")
_LABELS = ("label", "labels", "class", "target", "species", "y", "t")  # columns that are usually no inputs
_IMAGES = ("image", "img", "png", "jpg", "bytes")  # columns of a published data set of pictures
_AT_A_TIME = 500  # lines
_LONGEST = 2**24  # characters of a line: what is longer is no table
_SOME = 5  # names and lines that are looked at to learn the form


@dataclass(frozen=True)
class _Form:
    """How the lines of a text are laid out."""

    delimiter: str | None  # None: blanks
    comma: bool  # 1,5 for 1.5
    names: list[str]  # of the columns; empty without a header

    def cells(self, line: str) -> list[str]:
        if self.delimiter is None:
            return line.split()
        cells = next(csv.reader([line], delimiter=self.delimiter, skipinitialspace=True), [])
        return [(cell.replace(",", ".") if self.comma else cell).strip() for cell in cells]

    def cell(self, line: str, i: int, width: int) -> str:
        """Return one; of the first and the last the others are not looked at."""
        if '"' in line or i not in (0, width - 1):
            return self.cells(line)[i]
        return (line.split(self.delimiter, 1)[0] if i == 0 else line.rsplit(self.delimiter, 1)[-1]).strip()


def text(content: Content, options: Options) -> Found:
    """Read a text of numbers; the column of the labels is left out, and numbered first columns without a name too."""
    if content.name:
        raise ValueError(f"a table has no named parts, found the name {content.name!r} asked for")
    lines = _lines(content)
    head = list(itertools.islice(lines, _SOME))
    form = _form([line for _, line in head])
    head = head[bool(form.names) :]
    if not head:
        raise ValueError("it must hold a line of numbers, below a header if it has one, found none")
    rows = [form.cells(line) for _, line in head]
    width, names = len(rows[0]), form.names
    label = _label(options.label, names or [""] * width, content.suffix)
    if label is None and options.label is None:  # a column of text, first or last, if no other is one: a species
        words = {i for row in rows for i, cell in enumerate(row) if not _is_number(cell) and not _is_missing(cell)}
        label = words.pop() if words in ({0}, {width - 1}) and width > 1 else None
    keep = [i for i in range(width) if i != label]
    parts, labels = list[Array](), list[str]()
    body = itertools.chain(head, lines)
    while batch := list(itertools.islice(body, _AT_A_TIME)):
        parts.append(_numbers(batch, form, names, width, keep))
        labels += [form.cell(line, label, width) for _, line in batch] if label is not None else []
    x = np.concatenate(parts)  # uint8 only where all of them are
    notes = [f"column {_called(label, names)} taken for labels (--label)"] if label is not None else []
    if names and not names[0] and keep[0] == 0 and width > 2 and (x[:, 0] == x[0, 0] + np.arange(len(x))).all():
        x, keep = x[:, 1:], keep[1:]
        notes.append("the first column, which has no name and counts the rows, left out")
    columns = [names[i] if names else "" for i in keep]
    return Found(x, labels=lambda: np.array(labels) if labels else None, notes=notes, columns=columns)


def _lines(content: Content) -> Iterator[tuple[int, str]]:
    """Yield the lines that hold something, and which line of the file each is, from 1."""
    begin = content.magic
    encoding = "utf-16" if begin[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    file = io.TextIOWrapper(content.file, encoding, errors="replace", newline=None)
    try:
        for number in itertools.count(1):
            line = file.readline(_LONGEST)
            if not line:
                return
            if len(line) == _LONGEST:
                raise ValueError(f"line {number} must have fewer than {_LONGEST} characters, found more")
            if "\0" in line:
                raise ValueError(f"line {number} must be text, found a byte of 0")
            line = line.strip("\n\r \ufeff")
            if line and not line.startswith(("#", "%", "@")):
                yield number, line
    finally:
        with contextlib.suppress(ValueError):  # closed, where a line was refused
            file.detach()


def _form(lines: list[str]) -> _Form:
    delimiter = next((mark for mark in "\t;," if 2 * sum(mark in line for line in lines) >= len(lines)), None)
    below = "".join(lines[1:])
    comma = delimiter in (";", "\t") and "." not in below and "," in below
    rows = [_Form(delimiter, comma, []).cells(line) for line in lines]
    return _Form(delimiter, comma, rows[0] if rows and _is_header(rows) else [])


def _is_header(rows: list[list[str]]) -> bool:
    """Tell names from numbers: where no cell is one, or one stands above a number, or the names count the columns."""
    numeric = [_is_number(cell) for cell in rows[0]]
    if not any(numeric):
        return True
    if not rows[0][0] and rows[0][1:] == [str(i) for i in range(len(rows[0]) - 1)]:
        return True
    pairs = zip(rows[0], rows[1], strict=False) if len(rows) > 1 else ()
    return any(not _is_number(above) and not _is_missing(above) and _is_number(below) for above, below in pairs)


def _label(asked: str | None, names: list[str], suffix: str) -> int | None:
    """Find the column of the labels, of one that is asked for or has a usual name; .amat has it last."""
    if asked == "none":
        return None
    if asked is not None:
        if asked in names:
            return names.index(asked)
        if asked.isdecimal() and int(asked) < len(names):
            return int(asked)
        raise ValueError(f"--label must be a column, found {asked!r}, and columns {shown(list(filter(None, names)))}")
    if suffix == ".amat":
        return len(names) - 1
    lower = [name.lower() for name in names]
    return next((i for i in (0, len(names) - 1) if lower[i] in _LABELS), None) if len(names) > 1 else None


def _numbers(
    batch: list[tuple[int, str]], form: _Form, names: list[str], width: int, keep: list[int]
) -> Array:  # (n, len(keep)) uint8 where all are integers from 0 to 255
    """Read some lines fast, and where that fails or a value is missing, say in which line and column."""
    lines = [line.replace(",", ".") if form.comma else line for _, line in batch]
    x = np.empty(0)
    with contextlib.suppress(ValueError):
        x = np.loadtxt(lines, delimiter=form.delimiter, ndmin=2, comments=None, quotechar='"', usecols=keep)
    if len(x) != len(batch) or not np.isfinite(x).all() or any(_width(line, form) != width for line in lines):
        for place, line in batch:
            _refuse(place, form.cells(line), names, width, keep)
        raise ValueError(f"lines {batch[0][0]} to {batch[-1][0]} must hold numbers, found what cannot be told")
    grey = (x >= 0) & (x <= 255) & (x == np.floor(x))
    return x.astype(np.uint8) if grey.all() else x


def _width(line: str, form: _Form) -> int:
    if form.delimiter is None:
        return len(line.split())
    return line.count(form.delimiter) + 1 if '"' not in line else len(form.cells(line))


def _refuse(place: int, cells: list[str], names: list[str], width: int, keep: list[int]) -> None:
    if len(cells) != width:
        raise ValueError(f"line {place} must have {width} columns, found {len(cells)}")
    for i in keep:
        where = f"line {place}, column {_called(i, names)}"
        if _is_missing(cells[i]):
            raise ValueError(f"{where}: a value is missing, found {cells[i]!r}; fill it, or leave the row out")
        if not _is_number(cells[i]):
            raise ValueError(f"{where} must be a number, found {shown(cells[i])}; --label leaves a column out")
        if not math.isfinite(float(cells[i])):
            raise ValueError(f"{where} must be finite, found {cells[i]}")


def _called(i: int, names: list[str]) -> str:
    return f"{i} ({names[i]})" if names and names[i] else str(i)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _is_missing(cell: str) -> bool:
    return cell.lower() in ("", "na", "n/a", "nan", "null", "none", "?", "-")


def is_text(content: Content) -> bool:
    """Tell by the suffix; without one, by what it begins with."""
    if content.suffix in SUFFIXES:
        return bool(content.magic)
    return not content.suffix and content.magic.isascii() and bytes(content.magic).decode().isprintable()


# ------------------------------------------------------------------ Parquet
def parquet(content: Content, options: Options) -> Found:
    """Read the pictures of a column, or the lists of one, or all columns of numbers but the labels."""
    from scratchdae.datasets.reading.science import needs

    needs("pyarrow", "a Parquet file")
    import pyarrow.parquet
    from pyarrow import types

    from scratchdae.datasets.reading import pictures

    table = pyarrow.parquet.read_table(content.seekable())
    names: list[str] = table.column_names
    if content.name and content.name not in names:
        raise ValueError(f"it must have a column named {content.name}, found {shown(names)}")
    label = _label(options.label, names, "")
    labels = None if label is None else table.column(label)
    notes = [] if label is None else [f"column {names[label]} taken for labels (--label)"]
    wanted = [content.name] if content.name else [one for i, one in enumerate(names) if i != label]
    wanted.sort(key=lambda one: one.lower() not in _IMAGES)
    for name in wanted:
        column, kind = table[name], table[name].type
        if column.null_count:
            row = column.is_null().to_numpy().argmax()
            raise ValueError(f"row {row}, column {name}: a value is missing, found null; fill it, or leave the row out")
        x: Any = None
        if types.is_struct(kind) or types.is_binary(kind) or types.is_large_binary(kind):
            encoded = [one["bytes"] if isinstance(one, dict) else one for one in column.to_pylist()]
            x = pictures.Pictures([(one, -1, f"{content.said}, row {i}") for i, one in enumerate(encoded)], options)
        elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            x = np.array(column.to_pylist())  # a ragged list is refused by NumPy
        elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
            raise ValueError(f"column {name} must hold numbers, found {kind}; --label leaves a column out")
        if x is not None:
            return Found(
                x, lambda: None if labels is None else np.asarray(labels), notes=[f"column {name} alone", *notes]
            )
    x = np.stack([np.asarray(table[name]) for name in wanted], axis=1)
    return Found(x, lambda: None if labels is None else np.asarray(labels), notes=notes, columns=wanted)
