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
_LABELS = (
    "label",
    "labels",
    "class",
    "target",
    "species",
    "y",
    "t",
)  # columns that are no inputs, by their usual names
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


def text(content: Content, options: Options) -> Found:
    """Read a text of numbers; the column of the labels is left out, and numbered first columns without a name too."""
    if content.name:
        raise ValueError(
            f"a table has no named parts, found the name {content.name!r} asked for; --label names a column"
        )
    lines = _lines(content)
    head = list(itertools.islice(lines, _SOME))
    if not head:
        raise ValueError("it must hold a line of numbers at least, found none")
    form = _form([line for _, line in head])
    body = itertools.chain(head[1:] if form.names else head, lines)
    first = next(body, None)
    if first is None:
        raise ValueError("it must hold a line of numbers below its header, found none")
    width, names = len(form.cells(first[1])), form.names
    if names and len(names) == width - 1:
        names = ["", *names]  # as R writes the names of the rows, without one of their own
    label = _label(options.label, names or [""] * width, content.suffix)
    if label is None and options.label is None:  # a column of text alone, first or last, such as a species
        label = next((i for i in (width - 1, 0) if i == _only_text(form, head[bool(form.names) :], width)), None)
    keep = [i for i in range(width) if i != label]
    parts, labels = list[Array](), list[str]()
    body = itertools.chain([first], body)
    while batch := list(itertools.islice(body, _AT_A_TIME)):
        parts.append(_numbers(batch, form, names, width, keep))
        labels += [form.cells(line)[label] for _, line in batch] if label is not None else []
    x = np.concatenate(parts)  # uint8 only where all of them are
    notes = [f"column {_called(label, names)} taken for labels (--label)"] if label is not None else []
    if names and not names[0] and keep[0] == 0 and width > 2 and _counts(x[:, 0]):
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
    comma = (
        delimiter in (";", "\t")
        and not any("." in line for line in lines[1:])
        and any("," in line for line in lines[1:])
    )
    form = _Form(delimiter, comma, [])
    rows = [form.cells(line) for line in lines]
    return _Form(delimiter, comma, rows[0] if _is_header(rows) else [])


def _is_header(rows: list[list[str]]) -> bool:
    """Tell names from numbers: where no cell is one, or one stands above a number, or the names count the columns."""
    numeric = [_is_number(cell) for cell in rows[0]]
    if not any(numeric):
        return True
    if not rows[0][0] and rows[0][1:] == [str(i) for i in range(len(rows[0]) - 1)]:
        return True
    pairs = zip(rows[0], rows[1], strict=False) if len(rows) > 1 else ()
    return any(
        above and not _is_number(above) and not _is_missing(above) and _is_number(below) for above, below in pairs
    )


def _only_text(form: _Form, lines: list[tuple[int, str]], width: int) -> int | None:
    """Return which column holds text in each of some lines, if only one does."""
    found = set[int]()
    for _, line in lines:
        cells = form.cells(line)
        found |= {i for i, cell in enumerate(cells) if not _is_number(cell) and not _is_missing(cell)}
    return found.pop() if len(found) == 1 and width > 1 else None


def _label(asked: str | None, names: list[str], suffix: str) -> int | None:
    """Find the column of the labels, of one that is asked for or has a usual name; .amat has it last."""
    if asked == "none":
        return None
    if asked is not None:
        if asked in names:
            return names.index(asked)
        if asked.isdecimal() and int(asked) < len(names):
            return int(asked)
        raise ValueError(
            f"--label must be a column, found {asked!r} beside {shown([name for name in names if name] or len(names))}"
        )
    if suffix == ".amat":
        return len(names) - 1
    lower = [name.lower() for name in names]
    return next((i for i in (0, len(names) - 1) if lower[i] in _LABELS), None) if len(names) > 1 else None


def _numbers(
    batch: list[tuple[int, str]], form: _Form, names: list[str], width: int, keep: list[int]
) -> Array:  # (n, len(keep)) uint8 where all are integers from 0 to 255
    """Read some lines fast, and where that fails or a value is missing, say in which line and column."""
    lines = [line.replace(",", ".") if form.comma else line for _, line in batch]
    try:
        x = np.loadtxt(lines, delimiter=form.delimiter, ndmin=2, comments=None, quotechar='"', usecols=keep)
        whole = len(x) == len(batch) and all(_width(line, form) == width for line in lines)
    except ValueError:
        whole = False
    if not whole or not np.isfinite(x).all():
        for place, line in batch:
            _refuse(place, form.cells(line), names, width, keep)
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
            raise ValueError(
                f"{where} must be a number, found {shown(cells[i])}; --label NAME takes a column for labels"
            )
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


def _counts(x: Array) -> bool:
    return len(x) > 1 and bool((x == x[0] + np.arange(len(x))).all())


def is_text(content: Content) -> bool:
    """Tell by the suffix; without one, by what it begins with."""
    if content.suffix in SUFFIXES:
        return bool(content.magic)
    return not content.suffix and content.magic.isascii() and bytes(content.magic).decode().isprintable()


# ------------------------------------------------------------------ Parquet
def parquet(content: Content, options: Options) -> Found:
    """Read the pictures of a column called image, or a column of lists, or all columns of numbers but the labels."""
    from scratchdae.datasets.reading.science import needs

    needs("pyarrow", "a Parquet file")
    import pyarrow
    import pyarrow.parquet

    from scratchdae.datasets.reading import pictures

    file = pyarrow.parquet.ParquetFile(content.seekable())
    schema = file.schema_arrow
    names: list[str] = list(schema.names)
    label = _label(options.label, names, "") if names else None
    labels = _column_reader(content, names[label]) if label is not None else lambda: None
    notes = [f"column {names[label]} taken for labels (--label)"] if label is not None else []
    wanted = [content.name] if content.name else [one for one in names if one.lower() in _IMAGES]
    if content.name and content.name not in names:
        raise ValueError(f"it must have a column named {content.name}, found {', '.join(names)[:200]}")
    for name in wanted:
        kind = schema.field(name).type
        if pyarrow.types.is_struct(kind) or pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
            column = file.read(columns=[name]).column(0).combine_chunks()
            encoded = column.field("bytes") if pyarrow.types.is_struct(kind) else column
            found = pictures.column([one.as_py() for one in encoded], content.said, options)
            return Found(found, labels=labels, notes=[f"pictures of column {name}", *notes])
    wanted = [content.name] if content.name else [one for i, one in enumerate(names) if i != label]
    numbers, listed = list[str](), list[str]()
    for name in wanted:
        kind = schema.field(name).type
        if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_boolean(kind):
            numbers.append(name)
        elif hasattr(kind, "value_type") and not pyarrow.types.is_dictionary(kind):
            listed.append(name)
        else:
            raise ValueError(f"column {name} must hold numbers, found {kind}; --label NAME takes a column for labels")
    table = file.read(columns=numbers or listed[:1])
    for i, name in enumerate(table.column_names):
        if table.column(i).null_count:
            row = table.column(i).is_null().to_numpy().argmax()
            raise ValueError(f"row {row}, column {name}: a value is missing, found null; fill it, or leave the row out")
    if not numbers:
        x = np.array(table.column(0).to_pylist())  # a ragged list is refused by NumPy
        return Found(x, labels=labels, notes=[f"lists of column {listed[0]}", *notes])
    notes += [f"column {one}, of lists, left out" for one in listed]
    x = np.stack([np.asarray(table.column(i)) for i in range(len(numbers))], axis=1)
    return Found(x, labels=labels, notes=notes, columns=numbers)


def _column_reader(content: Content, name: str) -> Any:
    import pyarrow.parquet

    source = content.path if content.plain else content.seekable().read()

    def read() -> Array:
        file = source if not isinstance(source, bytes) else io.BytesIO(source)
        return np.asarray(pyarrow.parquet.ParquetFile(file).read(columns=[name]).column(0))

    return read
