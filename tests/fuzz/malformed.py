# ruff: noqa: E501, SIM905  # tables
"""Malformed relatives of a good value: tables by its kind, for arguments, for words of a command line, for bytes.

Each function returns what it did, in words, and the malformed value; `draw` is a `random.Random`.
"""

import datetime
import decimal
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

VAST = (2**31, 2**63, 10**18, 10**30)
WORK = set(  # of these a vast number is no mistake, but work for ever
    "epochs n steps max_entries attempts N visible hidden batch_size budget jobs rounds k d workers threads sizes columns "
    "image_shape every codes sample".split()
)


class Long:
    """Something whose description has a megabyte."""

    def __repr__(self):
        return "long " * 200_000


def atoms():
    """Return what is wrong nearly everywhere."""
    return [
        None, True, False, "text", "", b"bytes", 3.5, -1, 0, 1e308, np.nan, np.inf, -np.inf, 1j, [], (), {}, set(), {"a": 1}, [1],
        [[1.0], [1.0, 2.0]], ["a", None], object(), Long(), "x" * 5000, ..., range(3), lambda *a, **k: None, iter(()),
        decimal.Decimal("0.5"), np.int64(3), np.float32(0.5), np.bool_(True), np.array(3), np.array("a"), np.ones(0),
        np.ones((2, 0)), np.ones((1,) * 30), datetime.date(2008, 7, 5), Path("x"), np.random.RandomState(0), np.ma.masked,
        np.void(b"abc"), slice(3), NotImplemented, *VAST,
    ]  # fmt: skip


def _entry(array, value=0, writeable=True):
    changed = np.array(array)
    changed.flat[changed.size // 2] = value
    changed.flags.writeable = writeable
    return changed


ARRAYS = {
    "a row less": lambda a: a[:-1], "a column less": lambda a: a[..., :-1], "an axis more": lambda a: a[None],
    "a column more": lambda a: np.concatenate([a, a[..., -1:]], axis=-1), "another axis more": lambda a: a[..., None],
    "an axis less": lambda a: a[0], "transposed": lambda a: a.T.copy(), "flat": lambda a: a.ravel(),
    "one entry": lambda a: a.ravel()[:1], "no rows": lambda a: a[:0], "no columns": lambda a: a[..., :0],
    "objects": lambda a: a.astype(object), "text": lambda a: a.astype(str), "complex": lambda a: a.astype(complex),
    "half": lambda a: a.astype(np.float16), "long double": lambda a: a.astype(np.longdouble),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")), "integers": lambda a: (10 * a).astype(np.int64),
    "other precision": lambda a: a.astype(np.float32 if a.dtype == np.float64 else np.float64),
    "small integers": lambda a: (10 * a).astype(np.int8), "bytes": lambda a: (100 * a).astype(np.uint8),
    "booleans": lambda a: a > a.mean(), "dates": lambda a: np.zeros(a.shape, "datetime64[s]"),
    "records": lambda a: np.zeros(a.shape, [("a", "f4"), ("b", "i4")]), "NaN": lambda a: _entry(a, np.nan),
    "infinity": lambda a: _entry(a, np.inf), "huge": lambda a: _entry(a, np.finfo(a.dtype).max), "beyond one": lambda a: _entry(a, 1.0000001),
    "negative": lambda a: -a - 1, "masked": lambda a: np.ma.masked_array(a, a > a.mean()), "np.matrix": lambda a: np.matrix(a),
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2], "backwards": lambda a: a[::-1], "column-major": np.asfortranarray,
    "read-only": lambda a: _entry(a, writeable=False), "broadcast": lambda a: np.broadcast_to(a[:1], a.shape), "long": lambda a: np.concatenate([a] * 50),
    "lists": lambda a: a.tolist(), "ragged": lambda a: [*a.tolist(), [1.0]], "two": lambda a: (a, a), "named": lambda a: {"a": a},
}  # fmt: skip
TEXTS = {
    "upper case": str.upper, "space before": lambda t: " " + t, "space after": lambda t: t + " ", "cut": lambda t: t[:-1],
    "twice": lambda t: t + t, "in a list": lambda t: [t], "bytes": str.encode, "accent": lambda t: t + "\u0301", "zero": lambda t: t + "\0",
}  # fmt: skip
NUMBERS = {
    "text": str, "negative": lambda v: -v - 1, "in a list": lambda v: [v], "array": lambda v: np.array([v, v]), "0-D": np.array,
    "complex": lambda v: complex(v, 1), "a half more": lambda v: v + 0.5, "a triple": lambda v: (v, v, v), "more": lambda v: v + 1000.5,
}  # fmt: skip
KINDS = {np.ndarray: ARRAYS, str: TEXTS, int: NUMBERS, float: NUMBERS}


def _changed(table, good, draw):
    did = draw.choice(list(table))
    try:
        with np.errstate(all="ignore"):
            return did, table[did](good)
    except (ValueError, TypeError, IndexError, OverflowError):  # what cannot be done to this value
        return "none of it", None


def array(good, draw):
    """Make another array of a good one."""
    while not isinstance((made := _changed(ARRAYS, good, draw))[1], np.ndarray):
        pass
    return made


def relative(name, good, draw):
    """Make a malformed argument of a good one, which may be inside a dict or a sequence."""
    if draw.random() < 0.6:
        if isinstance(good, Mapping) and good:
            return _of_mapping(name, good, draw)
        if isinstance(good, list | tuple) and good:
            return _of_sequence(name, good, draw)
        for kind, table in KINDS.items():
            if isinstance(good, kind):
                return _changed(table, good, draw)
    values = [one for one in enumerate(atoms()) if name not in WORK or type(one[1]) is not int or one[1] not in VAST]
    place, value = draw.choice(values)
    return f"atom {place}", value


def _of_mapping(name, good, draw):
    key = draw.choice(list(good))
    if draw.random() < 0.6:
        did, changed = relative(name, good[key], draw)
        return f"{did} in {key}", {**good, key: changed}
    return draw.choice([
        (f"lacks {key}", {k: v for k, v in good.items() if k != key}), ("surplus", {**good, "surplus": good[key]}),
        (f"renames {key}", {("other" if k == key else k): v for k, v in good.items()}), ("items", list(good.items())),
        ("values", list(good.values())), ("numbered", dict(enumerate(good.values()))),
    ])  # fmt: skip


def _of_sequence(name, good, draw):
    if draw.random() < 0.3:
        return draw.choice([("empty", type(good)()), ("longer", good * 3), ("its first", good[0])])
    place = draw.randrange(len(good))
    did, changed = relative(name, good[place], draw)
    return f"{did} at {place}", [*good[:place], changed, *good[place + 1 :]]


NUMERALS = "-1 0 1.5 1e400 nan inf -inf two \u0661\u0662 1_0 0x10 + -0 1e308 None".split()
PATHS = "~nosuchuser ~nosuchuser/x /dev/zero /dev/full /dev/null /proc/none/x /proc/self/mem /proc {0}/none/x {0}/fifo {0}/file {0}/file/below {0} {0}/loop"
LISTS = ", 1,,2 1,2, 1,1 1;2 : x: a:b:c = 1:2".split()
SCHEDULES = ["warmup(1, " * 1500 + "1", *(
    "gaussian:1e308 masking: masking:2 masking:nan linear(1,2) linear( step(1,0,0) linear(0,0,9) none:1 masking:linear(1) "
    "exponential(1e308,1e308) geometric(0,1,2)").split()]  # fmt: skip
LETTERS = ["", " ", "--", "-", "a\nb", "\u00e9", "\udcff", "x" * 5000, "%s", "{}", "\u2192", "\x1b[31m", "*"]


def word(good, draw, odd, work):
    """Make a malformed word of a command line of a good one; `odd` is a folder that `odd_files` has filled."""
    near = [good.upper(), f" {good}", f"{good} ", good[:-1], good + good, f"={good}", f"{good},{good}"]
    numerals = NUMERALS if work else [*NUMERALS, "9" * 30, "2147483648"]
    array = f"{odd}/{draw.randrange(len(ARRAYS))}.npy"
    return draw.choice(
        [*map(draw.choice, (numerals, PATHS.format(odd).split(), LISTS, SCHEDULES, LETTERS, near)), array]
    )


def odd_files(folder, good):
    """Fill a folder with what `word` speaks of: no regular files, and a file for each malformed array."""
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "file").touch()
    (folder / "loop").symlink_to(folder / "loop")
    for place, change in enumerate(ARRAYS.values()):
        with (folder / f"{place}.npy").open("wb") as file, np.errstate(all="ignore"):
            try:
                np.save(file, np.array(change(good)), allow_pickle=True)
            except ValueError:  # ragged: there is no such array
                file.write(b"\x93NUMPY")


def damaged(content, draw):
    """Change bytes, a third of the time of the head, where the structure is; what is returned differs from `content`."""
    while True:
        at = draw.randrange(min(512, len(content)) if draw.random() < 0.3 else len(content))
        n = draw.choice([1, 1, 2, 4, 8, 64])
        before, part, after = content[:at], content[at : at + n], content[at + n :]
        digit = next((place for place in range(at, len(content)) if content[place] in b"0123456789"), at)
        number = draw.choice([b"9", b"-1", b"1e999", b"null", b"NaN", b"[]", b'"1"'])
        changes = {
            "flip": before + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :], "cut": before,
            "lack": before + after, "double": before + part * 2 + after, "zero": before + bytes(len(part)) + after,
            "ones": before + b"\xff" * len(part) + after, "surplus": content + draw.randbytes(n), "move": part + before + after,
            "digit": content[:digit] + number + content[digit + 1 :], "end": content[:-n], "empty": b"",
        }  # fmt: skip
        did = draw.choice([*changes, "flip", "flip", "flip"])
        if changes[did] != content:
            return f"{did} {n} at {at}", changes[did]
