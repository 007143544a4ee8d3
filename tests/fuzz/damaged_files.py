# ruff: noqa: E501  # a table: a kind of file a line
"""Files: every kind that the library reads, with bytes flipped, cut, moved, doubled; heads more often than the rest.

A refusal names the file. A checkpoint that is not refused must give what the good one gives: no other number.
"""

import bz2
import gzip
import lzma
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from api_calls import HISTORY, T, X, dae, machine, net, options, trial
from command_lines import run as command
from malformed import damaged
from matplotlib.image import imsave
from verdict import Case, SilentlyOtherError

import scratchdae as s
from scratchdae import conformance, datasets, optimizers, sweep
from scratchdae.datasets import files

MODELS = {
    "dae": (dae, {"x": X, "validation": X, "patience": 9, "optimizer": optimizers.Adam()}),
    "net": (net, {"x": X, "target": T}),
    "machine": (machine, {"x": X}),
}
ADAPTER = b"""import numpy as np

class A:
    name, dtype = "mine", "float64"

    def autoencoder(self, case):
        return {"loss": np.float64(0.5), "dW": np.zeros((3, 2))}
"""
COMPARE = ["--case", "tied_cross_entropy", "--no-explain"]
CASES = Path(conformance.__file__).parent / "vectors" / "v1" / "autoencoder"


class Kind(NamedTuple):
    """A file, and what reads it."""

    make: Callable[[Path], object]  # fills a folder
    file: str  # the one that is damaged
    read: Callable[[Path], object]  # is given the folder
    compared: bool = False  # whether it must return what it returns of a good file


def train(name, out, epochs):
    """Train, or go on; return the parameters to the bit."""
    make, given = MODELS[name]
    model = make()
    s.fit(model, out=out, resume=True, **given, **options(epochs=epochs))
    return bits(model)


def bits(model):
    return {key: value.tobytes() for key, value in model.params.items()}


def total(path):
    return float(np.asarray(files.read(str(path)).x[np.arange(2)]).astype(float).sum())


def _pictures(folder):
    for name in ("a.png", "b.png"):
        imsave(folder / name, REAL, cmap="gray")


def _answer(folder, form):
    command(["conform", "export", f"{folder}/all", *COMPARE[:2], "--format", form, "--with-expected"])
    (folder / "tied_cross_entropy").mkdir()
    next((folder / "all").rglob(f"expected.{form}")).rename(folder / "tied_cross_entropy" / f"outputs.{form}")
    shutil.rmtree(folder / "all")


def _sweep(folder):
    trials = [sweep.Trial(trial, {"a": a}) for a in (1, 2, 3)]
    return sweep.sweep(trials, file=folder / "results.jsonl", progress=False)


def _holding(name, content):
    return lambda folder: (folder / name).write_bytes(content)


REAL = np.random.default_rng(1).random((20, 16))
IDX = bytes([0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 4]) + (255 * REAL[:5]).astype(np.uint8).tobytes()
CSV = "\n".join(["a,b,c", *(",".join(map(str, row)) for row in REAL[:, :3])]).encode()
FORMAT = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
WAV = b"RIFF" + struct.pack("<I", 4036) + b"WAVE" + FORMAT + b"data" + struct.pack("<I", 4000) + bytes(range(250)) * 16
ROWS = {
    **{f"load_model, {name}": Kind(lambda f, name=name: train(name, f, 2), "checkpoint.safetensors", lambda f: bits(s.load_model(f)), True) for name in MODELS},
    **{f"resume, {name}": Kind(lambda f, name=name: train(name, f, 2), "checkpoint.safetensors", lambda f, name=name: train(name, f, 4), True) for name in MODELS},
    **{f"resume, {file}": Kind(lambda f: train("dae", f, 2), file, lambda f: train("dae", f, 4), True) for file in ("history.jsonl", "config.json")},
    "History.read": Kind(lambda f: s.History(HISTORY).write(f / "h.jsonl"), "h.jsonl", lambda f: s.History.read(f / "h.jsonl")),
    "npy": Kind(lambda f: np.save(f / "a.npy", REAL), "a.npy", lambda f: total(f / "a.npy")),
    "npz": Kind(lambda f: np.savez(f / "a.npz", x=REAL), "a.npz", lambda f: total(f / "a.npz"), True),
    "npz, deflated": Kind(lambda f: np.savez_compressed(f / "a.npz", x=REAL), "a.npz", lambda f: total(f / "a.npz"), True),
    "idx": Kind(_holding("a-idx3-ubyte", IDX), "a-idx3-ubyte", lambda f: total(f / "a-idx3-ubyte")),
    "idx.gz": Kind(_holding("a.gz", gzip.compress(IDX)), "a.gz", lambda f: total(f / "a.gz"), True),
    "idx.xz": Kind(_holding("a.xz", lzma.compress(IDX)), "a.xz", lambda f: total(f / "a.xz"), True),
    "csv": Kind(_holding("a.csv", CSV), "a.csv", lambda f: total(f / "a.csv")),
    "csv.bz2": Kind(_holding("a.csv.bz2", bz2.compress(CSV)), "a.csv.bz2", lambda f: total(f / "a.csv.bz2"), True),
    "wav": Kind(_holding("a.wav", WAV), "a.wav", lambda f: total(f / "a.wav")),
    "read_idx": Kind(_holding("a.gz", gzip.compress(IDX)), "a.gz", lambda f: datasets.read_idx(f / "a.gz").sum(), True),
    "pictures": Kind(_pictures, "a.png", total),
    "case, manifest": Kind(lambda f: shutil.copytree(CASES, f / "autoencoder", ignore=shutil.ignore_patterns("*_*_*_*")), "autoencoder/tied_cross_entropy.json", conformance.load_cases),
    "case, arrays": Kind(lambda f: shutil.copytree(CASES, f / "autoencoder", ignore=shutil.ignore_patterns("*_*_*_*")), "autoencoder/tied_cross_entropy.safetensors", conformance.load_cases),
    **{f"answer, {form}": Kind(lambda f, form=form: _answer(f, form), f"tied_cross_entropy/outputs.{form}", lambda f: command(["conform", "compare", str(f), *COMPARE])) for form in ("json", "npz", "safetensors")},
    "adapter": Kind(_holding("mine.py", ADAPTER), "mine.py", lambda f: command(["conform", "run", "--adapter", f"{f}/mine.py:A", *COMPARE, "--timeout", "0"])),
    "sweep": Kind(_sweep, "results.jsonl", _sweep),
}  # fmt: skip
CHECKPOINTS = [name for name, kind in ROWS.items() if kind.file == "checkpoint.safetensors"]
EXPECTED: dict[str, object] = {}  # of a good file


def warm(root):
    """Make the good files, and read them."""
    for name, kind in ROWS.items():
        folder, again = root / "good" / name, root / "again" / name
        folder.mkdir(parents=True)
        kind.make(folder)
        shutil.copytree(folder, again)
        EXPECTED[name] = kind.read(again)


def case(draw, folder):
    """Draw a kind of file, and damage one; a sentence names the file, its folder, or the adapter that it holds."""
    name = draw.choice([*ROWS, *CHECKPOINTS * 3])
    kind, files = ROWS[name], folder / "files"
    shutil.copytree(folder.parent / "good" / name, files)
    path = files / kind.file
    did, content = damaged(path.read_bytes(), draw)
    path.write_bytes(content)

    def read():
        found = kind.read(files)
        if kind.compared and found != EXPECTED[name]:
            raise SilentlyOtherError("other numbers")

    return Case(f"{name}: {did}", (path.name, path.parent.name, name), read, {}, files)
