# ruff: noqa: E501  # a table: a line a line
"""The command line: good lines, one word of which is replaced by a malformed one.

Most run in this process; every twelfth as a user's terminal does it: an encoding that lacks most letters, a closed output,
no home, a picture library told nonsense.
"""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from malformed import WORK, odd_files, word
from verdict import Case

from scratchdae import cli, floors

TRAIN = "train --data {0}/good.npy --hidden 3 --epochs 1 --backend numpy --out {1}/new --validation 0.2 --limit 20 --batch-size 5 "
LINES = {  # and what the sentence says that refuses a line although nothing in it is malformed
    TRAIN + "--loss cross_entropy --output sigmoid --reduction mean --dtype float64 --threads 1": "\0",
    TRAIN + "--corruption masking:0.3 --lr linear(0.1,0.2,3) --l2 0.1 --patience 2 --seed 1": "\0",
    "floors {0}/images.npy --codes 1,2 --nu 0.1,0.2 --sigma 0.1 --sample 20 --seed 1 --pool 2": "\0",
    "floors {0}/good.npy --range 0 1 --corruption gaussian:0.1 --json": "\0",
    "doctor --history {0}/losses.csv --data {0}/good.npy --loss bce --json {1}/d.json --html {1}/d.html": "unrecognized arguments",
    "gradcheck --visible 3 --hidden 2 --batch-size 2 --loss cross_entropy --output sigmoid --method auto --seed 1": "\0",
    "conform run --adapter reference --timeout 0 --dtype float64 --group autoencoder --case tied_cross_entropy": "\0",
    "conform run --adapter reference --case tied_cross_entropy --timeout 0 --json {1}/a.json --junit {1}/a.xml": "\0",
    "conform export {1}/cases --format json --dtype float32 --group autoencoder --case tied_cross_entropy": "\0",
    "conform compare {0}/answers --dtype float64 --case tied_cross_entropy --markdown {1}/a.md": "\0",
    "data draw 3 --out {1}/d.npz --seed 1": "\0",
    "data sheet rect --out {1}/s.png --seed 1": "\0",
    "reproduce sda --setting fast --seeds 0,1 --threads 1 --root {0}/empty --out {1}/r": "MNIST was not found",
    "chapters run nosuch": "\0",
    "info surplus": "\0",
    "bench --work pixels --grid small --dtype float32 --data digits --memory --scale --out {1}/b": "not allowed with argument",
}
ALSO = {  # what a sentence may call an option besides
    "hidden": ("n_hidden", "memory"), "visible": ("n_visible", "memory"), "batch-size": ("B",), "setting": ("settings",), "pool": ("pools",),
    "corruption": ("level", "nu", "sigma"), "sigma": ("noises",), "nu": ("masks",), "N": ("n", "memory"), "case": ("cases", "names"), "group": ("groups",),
    "seeds": ("seed",), "range": ("low", "high", "limits"), "adapter": ("module", "object"), "limit": ("examples",), "root": ("MNIST", "folder"), "run": ("chapter", "NAME"), "history": ("losses",),
}  # fmt: skip
ENVIRONMENTS = [
    {"PYTHONIOENCODING": "cp1252"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"MPLBACKEND": "nonsense"},
    {"HOME": "/proc/none"}, {"TERM": "dumb", "COLUMNS": "1"}, {"PYTHONOPTIMIZE": "2"}, {"closed": "stdout"}, {"closed": "stderr"},
]  # fmt: skip


def warm(root):
    """Make the good and the odd files."""
    good = np.random.default_rng(0).random((40, 16))
    odd_files(root / "odd", good)
    np.save(root / "good.npy", good)
    np.save(root / "images.npy", good.reshape(40, 4, 4))
    (root / "empty").mkdir()
    (root / "losses.csv").write_text(f"loss\n{floors.cross_entropy(good)}\n")  # at its floor
    here(["conform", "export", f"{root}/answers", "--case", "tied_cross_entropy", "--with-expected"])
    for path in (root / "answers").rglob("expected.*"):
        path.rename(path.with_stem("outputs"))


def case(draw, folder):
    """Draw a line, a word of it, mostly the value of an option, and a malformed one in its place."""
    line = draw.choice(list(LINES))
    words = line.format(folder.parent, folder).split()
    places = range(2 if words[1].isalpha() and words[0] != "info" else 1, len(words))
    place = draw.choice(
        [place for place in places if not words[place].startswith("--") or draw.random() < 0.2] or places
    )
    before, good = words[place - 1], words[place]
    option = before.removeprefix("--") if before.startswith("-") else {"draw": "N", "0": "range"}.get(before, before)
    changed = word(good, draw, folder.parent / "odd", option.replace("-", "_") in WORK)
    if before.startswith("--") and draw.random() < 0.3:
        words[place - 1 : place + 1] = [f"{before}={changed}"]
    else:
        words[place] = changed
    path = Path(changed[:200])  # a sentence may name what it found, or the file that it is about
    found = {
        changed,
        " ".join(changed.split()),
        repr(changed)[1:-1],
        *map(str, (path.name, path.parent)),
        *changed.rsplit(":", 1),
    }
    names = (option, option.replace("-", "_"), *ALSO.get(option, ()), good.removeprefix("--"), *(found - {"."}))
    environment = draw.choice(ENVIRONMENTS) if draw.random() < 1 / 12 else None
    label = f"{words[0]} {option} {changed[:80]!r} {environment or ''}"
    return Case(label, names, lambda: run(words, environment, folder), {}, None if environment else folder, LINES[line])


def run(words, environment=None, folder=None):
    """Run a command; raise the sentence of a refusal, and whatever else went wrong."""
    status, said = here(words) if environment is None else elsewhere(words, environment, folder)
    if "Traceback" in said:
        raise RuntimeError(said.strip().splitlines()[-1])
    if status == cli.MISUSED:
        lines = [line for line in said.splitlines() if "error: " in line] if environment else [said.strip()]
        raise ValueError("\n".join(lines).partition("error: ")[2])
    if status not in (0, cli.FAILED):
        raise RuntimeError(f"exit status {status}: {said[-300:]}")


def here(words):
    """Run a command in this process; return its status and what it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            return cli.main(words), said.getvalue()
        except SystemExit as error:  # of --help
            return error.code or 0, said.getvalue()


def elsewhere(words, environment, folder):
    """Run a command in a process of its own."""
    close = {"stdout": ">&-", "stderr": "2>&-"}.get(environment.get("closed"), "")
    command = ["sh", "-c", f'exec "$@" {close}', "sh", sys.executable, "-m", "scratchdae", *words]
    done = subprocess.run(
        list(map(os.fsencode, command)), env=os.environ | environment, cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60,
    )  # fmt: skip
    unheard = close == "2>&-" and done.returncode == cli.MISUSED
    return 0 if unheard else done.returncode, done.stderr.decode(errors="replace")
