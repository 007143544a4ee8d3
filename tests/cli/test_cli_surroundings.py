"""Where the command line is called: encodings, closed and full streams, names that are no text, Ctrl-C at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scratchdae.cli import pictures

SIX = sorted(["checkpoint.safetensors", "history.jsonl", "config.json", *pictures.NAMES])
COMMAND = [sys.executable, "-m", "scratchdae"]
TRAIN = ["train", "--hidden", "3", "--epochs", "1", "--backend", "numpy", "--no-progress"]


@pytest.fixture
def good(tmp_path):
    np.save(tmp_path / "good.npy", np.random.default_rng(0).random((40, 16), dtype=np.float32))
    return tmp_path / "good.npy"


def trained(folder):
    return sorted(path.name for path in folder.iterdir()) == SIX


@pytest.mark.parametrize(
    "encoding",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_train_says_what_it_does_in_any_encoding(encoding, good, tmp_path):
    command = [*COMMAND, *TRAIN, "--data", str(good), "--out", str(tmp_path / "run")]
    done = subprocess.run(command, env=os.environ | encoding, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"16 \\u2192 3 \\u2192 16, tied weights" in done.stdout
    assert trained(tmp_path / "run")


@pytest.mark.parametrize("name", [b"\xff\xfe.npy", b"a$x^$.npy", "½→.npy".encode(), b"a\nb.npy"])
def test_any_name_of_a_file_will_do(name, good, tmp_path):
    path = tmp_path / os.fsdecode(name)
    try:
        path.write_bytes(good.read_bytes())
    except OSError:
        pytest.skip("this system has no such names")
    command = [*TRAIN, "--data", path, "--out", tmp_path / os.fsdecode(name + b"-run")]
    done = subprocess.run([*COMMAND, *command], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert trained(tmp_path / os.fsdecode(name + b"-run"))
    subprocess.run([*COMMAND, "floors", path, "--plot", tmp_path / "floors.png"], stdout=subprocess.DEVNULL, check=True)
    done = subprocess.run([*COMMAND, "floors", f"{path}x"], capture_output=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-"])
def test_with_its_output_closed_the_work_is_done(closed, good, tmp_path):
    words = " ".join(f"'{word}'" for word in [*COMMAND, *TRAIN, "--data", str(good), "--out", str(tmp_path / "run")])
    done = subprocess.run(f"{words} {closed}", shell=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert trained(tmp_path / "run")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")  # noqa: PTH110
def test_a_full_disk_behind_the_output_is_a_sentence():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([*COMMAND, "data", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "scratchdae data list: error: standard output: no space left on device\n",
    )


def test_a_backend_of_nonsense_is_told_before_the_training(good, tmp_path):
    environment = os.environ | {"MPLBACKEND": "nonsense"}
    run, picture = tmp_path / "run", tmp_path / "picture.png"
    for command in (
        [*TRAIN, "--data", good, "--out", run],
        ["floors", good, "--plot", picture],
        ["data", "sheet", "rect", "--out", picture],
        ["bench", "--out", run],
        ["reproduce", "sda", "--out", run],
        ["chapters", "run", "1", "--out", run],
    ):
        done = subprocess.run([*COMMAND, *command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "MPLBACKEND in the environment must be a backend of Matplotlib, found 'nonsense'" in done.stderr
        assert (done.stdout, list(tmp_path.iterdir())) == ("", [good])
    subprocess.run([*COMMAND, "floors", good], env=environment, stdout=subprocess.DEVNULL, check=True)


def test_ctrl_c_at_once_leaves_no_traceback(tmp_path):
    """From the first line of the package on; what Python does before is its own."""
    hook = "import signal, sys; from importlib.abc import MetaPathFinder\n"
    for name in ("scratchdae.kernels", "numpy", "scratchdae.cli", "scratchdae.cli.info", "threadpoolctl"):
        (tmp_path / "sitecustomize.py").write_text(
            hook + "class Interrupting(MetaPathFinder):\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            f"        if name == {name!r}:\n"
            "            signal.raise_signal(signal.SIGINT)\n"
            "sys.meta_path.insert(0, Interrupting())\n"
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
        done = subprocess.run([*COMMAND, "info"], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (-signal.SIGINT, 130), (name, done)
        assert "Traceback" not in done.stderr


def test_the_library_leaves_ctrl_c_alone():
    code = "import signal, scratchdae; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_a_training_of_endless_epochs_begins_at_once(good, tmp_path):
    """Its learning rates are not listed beforehand."""
    run = tmp_path / "run"
    command = [*COMMAND, *TRAIN, "--data", str(good), "--out", str(run), "--epochs", "2147483648"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    history = run / "history.jsonl"
    while not (history.exists() and history.read_text()) and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    assert "of 2147483648 epochs; to go on: " in child.communicate(timeout=60)[1]
    assert child.returncode == 130
    assert json.loads(history.read_text().splitlines()[0])["epoch"] == 1


NO_STREAMS = """
import sys
sys.path[:0] = {path!r}
sys.stdin = sys.stdout = sys.stderr = None  # as without a console
import numpy as np
from sweep_trials import draw
import scratchdae as s
from scratchdae import sweep
x = np.random.default_rng(0).random((10, 4), dtype=np.float32)
history = s.fit(s.DenoisingAutoencoder(4, 3, s.streams(0).initialisation), x, epochs=2, lr=0.1)
results = sweep.sweep([sweep.Trial(draw, {{"x": x}}) for x in (1.0, 2.0)])
open({out!r}, "w").write(f"{{len(history)}} {{len(results)}}")
"""


def test_the_library_needs_no_streams(tmp_path):
    path = [str(Path(__file__).parents[1] / "sweep"), *sys.path]
    code = NO_STREAMS.format(path=path, out=str(tmp_path / "out"))
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "out").read_text() == "2 2"
