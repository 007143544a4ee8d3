"""The command line as a whole: help, exit statuses, threads, and the groups gradcheck, data and info."""

import json
import os
import re
import shlex
import subprocess
import sys
from unittest.mock import Mock

import numpy as np
import pytest

import scratchdae
from scratchdae import autoencoder, backend, cli, datasets
from scratchdae.blas_threads import THREADS, limited
from scratchdae.cli import main

HEAVY = (
    "matplotlib",
    "numba",
    "scipy",
    "pooch",
    "requests",
    "safetensors",
    "tqdm",
    "threadpoolctl",
    "scratchdae.training",
)


def python(code, *arguments, **options):
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, **options)


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"], ["chapters", "run", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    code = f"""
import sys
from scratchdae.cli import main
try:
    main(sys.argv[1:])
except SystemExit as leaving:
    assert leaving.code == 0
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = python(code, *arguments, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert len(done.stdout.splitlines()) > 1  # it printed its help as well


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["nonsense"], []])
def test_what_no_command_needs_is_not_imported(arguments):
    """The whole of `scratchdae --help` takes less than twice as long as NumPy's own import."""
    code = "import sys; from scratchdae.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    done = python(code + "print(sorted(name for name in sys.modules if name.startswith('scratchdae.')))", *arguments)
    imported = ["scratchdae.arguments", "scratchdae.backend", "scratchdae.cli", "scratchdae.kernels"]
    assert done.stdout.splitlines()[-1] == str(imported)


@pytest.mark.parametrize("command", cli._COMMANDS)
def test_a_command_has_the_help_of_its_own_module(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    said = capsys.readouterr().out
    assert said.startswith(f"usage: scratchdae {command} ")
    assert len(said.splitlines()) > 8 or command == "info"  # options or subcommands beside --help


def test_the_first_steps_are_commands_that_there_are(capsys):
    assert main([]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert max(map(len, lines)) <= 80
    commands = [shlex.split(line[:41].partition("scratchdae ")[2]) for line in lines[2:-1]]
    assert [command[0] for command in commands] == [
        "train",
        "doctor",
        "chapters",
        "exercises",
        "floors",
        "gradcheck",
        "conform",
    ]
    for command in commands:
        assert callable(cli._parser(command).parse_args(command).run)


def test_module_and_entry_point_are_the_same_command():
    done = subprocess.run([sys.executable, "-m", "scratchdae", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"scratchdae {scratchdae.__version__}\n"


@pytest.mark.parametrize(("arguments", "named"), [([], "train"), (["data"], "fetch"), (["chapters"], "list")])
def test_without_a_subcommand_it_prints_help_and_exits_2(arguments, named, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("usage: scratchdae")
    assert named in said.err


def test_every_default_of_train_is_the_one_its_help_states(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for option, default in [
        ("--data", "digits"), ("--hidden", "500"), ("--corruption", "masking:0.3"), ("--loss", "cross_entropy"),
        ("--epochs", "15"), ("--lr", "0.1"), ("--batch-size", "20"), ("--backend", "auto"), ("--validation", "1/6"),
        ("--dtype", "float32"), ("--output", "sigmoid"), ("--reduction", "paper"), ("--l2", "0"),
    ]:  # fmt: skip
        assert re.search(rf"{option} [^()]*\({re.escape(default)}\)", said), option


@pytest.mark.parametrize("unbuffered", ["", "1"])  # whether the pipe is found closed at the end, or at the first line
def test_a_closed_pipe_ends_quietly(unbuffered, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "scratchdae", "data", "list"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ImportError("Numba needs NumPy 2.3 or less"), "Numba needs NumPy 2.3 or less"),
        (MemoryError("Unable to allocate 9 TiB"), "there is not enough memory (Unable to allocate 9 TiB)"),
        (OSError("first line\nsecond line"), "first line second line"),
        (FileNotFoundError(2, "No such file or directory", "x.npy"), "x.npy: no such file or directory"),
    ],
)
def test_an_error_of_the_machine_is_a_sentence_too(error, sentence, monkeypatch, capsys):
    monkeypatch.setattr(datasets, "draw_digits", Mock(side_effect=error))
    assert main(["data", "draw", "3", "--out", "x.npz"]) == 2
    assert capsys.readouterr().err == f"scratchdae data draw: error: {sentence}\n"


def test_an_unforeseen_error_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(datasets, "draw_digits", Mock(side_effect=KeyError("a bug of ours")))
    with pytest.raises(KeyError):
        main(["data", "draw", "3", "--out", "x.npz"])


def test_threads_reach_every_blas_and_leave_no_trace():
    """Also the BLAS that SciPy brings along, which is loaded after the limit was set."""
    code = """
import os
from scratchdae.blas_threads import THREADS, limited
from threadpoolctl import threadpool_info
with limited() as words:
    import scipy.linalg
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert pools and all(pool["num_threads"] == 1 for pool in pools), pools
    assert all(os.environ[name] == "1" for name in THREADS)
assert not any(name in os.environ for name in THREADS)
print(words)
"""
    pytest.importorskip("scipy")
    free = {name: value for name, value in os.environ.items() if name not in THREADS}
    assert python(code, env=free, check=True).stdout == "1 thread\n"


def test_threads_of_the_environment_are_kept_unless_asked(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    with limited() as words:
        assert "OPENBLAS_NUM_THREADS=3" in words
    with limited(1) as words:
        assert words == "1 thread"


@pytest.mark.parametrize("loss", [[], ["--loss", "squared_error"], ["--loss", "squared_error", "--output", "linear"]])
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("tying", [[], ["--untied"]])
def test_gradcheck_passes(loss, method, tying, capsys):
    assert main(["gradcheck", "--method", method, "--reduction", "mean", *loss, *tying]) == 0
    said = capsys.readouterr().out
    assert f"gradient check, {method} (asked for)" in said
    assert "FAIL" not in said
    assert ("W_prime" in said) == bool(tying)


def test_gradcheck_takes_the_sizes_it_is_given(capsys):
    assert main(["gradcheck", "--visible", "2", "--hidden", "1", "--batch-size", "1", "--seed", "5"]) == 0
    assert re.search(r"ok +W +\([01], 0\)", capsys.readouterr().out)


def test_gradcheck_fails_a_backward_pass_without_its_decoder(monkeypatch, capsys):
    right = autoencoder.backward

    def wrong(da_z, cache, params):
        dx_tilde, grads = right(da_z, cache, params)
        decoder = 0 if "W_prime" in params else da_z.T @ cache.y
        return dx_tilde, grads | {"W": grads["W"] - decoder}

    monkeypatch.setattr(autoencoder, "backward", wrong)
    assert main(["gradcheck"]) == 1
    assert re.search(r"FAIL +W ", capsys.readouterr().out)
    assert main(["info"]) == 1
    assert "6 of 12 right" in capsys.readouterr().out  # the untied half has no such term


def test_info_says_what_a_bug_report_needs(capsys):
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    numba = "numba" if backend.numba_available() else "numpy"
    for part in (
        f"scratchdae {scratchdae.__version__}, Python {sys.version.split()[0]}",
        f"numpy {np.__version__}",
        f"auto takes {numba} (",
        "processors",
        "digits  embedded, sha256 as published: 4000 training and 1000 test images of 28×28",
        "12 of 12 right",
    ):
        assert part in said
    assert re.search(r"^blas +\w+ \S+ .*\d+ threads", said, re.MULTILINE)


def test_info_outlives_a_broken_part(monkeypatch, capsys):
    monkeypatch.setattr(backend, "choose", Mock(side_effect=ImportError("Numba needs NumPy 2.3 or less")))
    assert main(["info"]) == 1
    said = capsys.readouterr().out
    assert "failed: ImportError: Numba needs NumPy 2.3 or less" in said
    assert "12 of 12 right" in said


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


@pytest.fixture
def small_mnist(tmp_path):
    """Make a folder with eighteen images in the form of MNIST."""
    rng = np.random.default_rng(0)
    for part, n in (("train", 12), ("t10k", 6)):
        images = idx(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(images)
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(rng.integers(0, 10, n, dtype=np.uint8)))
    return tmp_path


def test_data_list_tells_published_files_from_others(small_mnist, capsys):
    assert main(["data", "list", "--root", str(small_mnist)]) == 0
    said = capsys.readouterr().out
    assert "digits  embedded, sha256 as published: 4000 training and 1000 test images" in said
    assert f"mnist   in {small_mnist}: 12 training and 6 test images of 28×28" in said
    assert said.count("not the published bytes") == 4


def test_data_list_says_what_is_missing_or_damaged(small_mnist, capsys):
    labels = small_mnist / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1])
    assert main(["data", "list", "--root", str(small_mnist)]) == 1
    assert "damaged" in capsys.readouterr().out
    labels.unlink()
    assert main(["data", "list", "--root", str(small_mnist)]) == 0
    assert f"mnist   not found in {small_mnist}; `scratchdae data fetch mnist`" in capsys.readouterr().out


def test_train_takes_mnist_from_its_folder(small_mnist, tmp_path_factory, capsys):
    out = tmp_path_factory.mktemp("mnist") / "run"
    options = ["--hidden", "3", "--epochs", "1", "--backend", "numpy", "--out", str(out)]
    assert main(["train", "--data", "mnist", "--root", str(small_mnist), *options]) == 0
    said = capsys.readouterr().out
    assert "10 training, 2 validation, 6 test images of 28×28" in said
    assert "not the published bytes" in said
    config = json.loads((out / "config.json").read_text())
    assert config["data"]["train"]["shape"] == [10, 784]


def test_data_fetch_hands_on_its_root(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(datasets, "fetch_mnist", lambda root: f"<{root}>")
    assert main(["data", "fetch", "mnist", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"mnist   is in <{tmp_path}>\n"


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_data_draw_writes_what_the_library_draws(suffix, tmp_path, capsys):
    out = tmp_path / f"drawn{suffix}"
    assert main(["data", "draw", "11", "--out", str(out), "--seed", "4"]) == 0
    x, t = datasets.draw_digits(11, np.random.default_rng(4))
    found = np.load(out, mmap_mode="r", allow_pickle=False)
    assert np.array_equal(found if suffix == ".npy" else found["x"], x)
    if suffix == ".npy":
        assert isinstance(found, np.memmap)
    else:
        assert np.array_equal(found["t"], t)
        found.close()
    assert [path.name for path in tmp_path.iterdir()] == [out.name]  # no temporary file is left
    assert "11 images" in capsys.readouterr().out
