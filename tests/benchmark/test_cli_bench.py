"""`scratchdae bench`: the files it leaves, what it says, when it fails."""

import dataclasses
import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from planted_competitors import competitor, forgetful, raising, trained

from scratchdae.benchmark.competitors import PEERS
from scratchdae.benchmark.competitors.competitor import Gemm
from scratchdae.benchmark.works import KINDS
from scratchdae.cli import bench, main


@pytest.mark.parametrize("kind", KINDS)
def test_bench_leaves_numbers_and_a_figure(kind, tiny, tmp_path, capsys):
    out = tmp_path / "a" / "b"
    arguments = ["bench", "--work", kind, "--peers", "numpy,sklearn", "--rounds", "2", "--out", str(out)]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert f"{kind}, H = 9, B = 4, float32: samples a second, median (least to most) of 2 rounds" in said
    assert PEERS["sklearn"].cannot[KINDS[kind].work] in said
    assert sorted(path.name for path in out.iterdir()) == ["bench.json", "bench.png"]
    assert (out / "bench.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    content = json.loads((out / "bench.json").read_text())
    assert content["command"] == " ".join(["scratchdae", *arguments])
    assert content["threads"] == 1
    assert content["versions"]["numpy"] == np.__version__
    assert content["machine"]["processors"] == 1
    assert content["machine"]["blas"] in said
    assert content["work"]["name"] == kind
    assert content["work"]["operations_a_sample"]["9"] == KINDS[kind].operations(9)
    assert content["finding"] in said
    assert content["limits"]["gemm_gflops"]["numpy"] > 0
    assert content["limits"]["gemm_blas"]["numpy"] in said
    assert set(content["limits"]["dense_samples_per_second"]) == {"5", "9"}
    names = ["numpy"] if importlib.util.find_spec("numba") is None else ["scratchdae", "numpy"]
    found = [tuple(row[key] for key in ("name", "work", "n_hidden", "batch_size", "dtype")) for row in content["rows"]]
    assert found == [(name, kind, H, B, "float32") for H in (5, 9) for B in (1, 4) for name in names]
    for entry in content["rows"]:
        rates = entry["samples_per_second"]
        assert 0 < rates["minimum"] <= rates["median"] <= rates["maximum"]
        assert entry["right"]
        assert entry["update_error"] < 1e-4
        assert entry["rounds"] == 2
    assert "sklearn" in [entry["name"] for entry in content["left_out"]]
    if "scratchdae" in names:
        beside = content["scratchdae_beside_products"]
        assert len(beside) == 4
        # The limits are the best of all minutes.
        assert max(one["gemm_gflops"]["numpy"] for one in beside) == content["limits"]["gemm_gflops"]["numpy"]
        assert "products    H = 9, B = 4: scratchdae does the work of" in said


def test_a_peer_that_is_not_installed_is_named(tiny, monkeypatch, tmp_path, capsys):
    absent = dataclasses.replace(PEERS["torch"], packages=("no_such_package",))
    monkeypatch.setitem(PEERS, "torch", absent)
    assert main(["bench", "--peers", "torch,numpy", "--rounds", "1", "--out", str(tmp_path)]) == 0
    assert "left out    torch: no_such_package is not installed" in capsys.readouterr().out
    left_out = json.loads((tmp_path / "bench.json").read_text())["left_out"]
    assert {"name": "torch", "reason": "no_such_package is not installed"} in left_out


def test_bench_fails_where_a_competitor_is_wrong(tiny, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(PEERS, "numpy", competitor("numpy", forgetful))
    assert main(["bench", "--peers", "numpy", "--rounds", "1", "--out", str(tmp_path)]) == 1
    assert "WRONG, not timed" in capsys.readouterr().out
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert [row["samples_per_second"] for row in rows if row["name"] == "numpy"] == [None] * 4


def test_bench_fails_where_a_competitor_does_and_times_the_others(tiny, monkeypatch, tmp_path, capsys):
    broken = dataclasses.replace(trained("torch", raising), gemm=Gemm(str, raising))
    monkeypatch.setitem(PEERS, "torch", broken)
    assert main(["bench", "--peers", "torch,numpy", "--rounds", "1", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    failure = "while it was validated: RuntimeError: the machine is on fire"
    assert said.count(f"torch         FAILED {failure}") == 4
    assert "the matrix product of torch FAILED: RuntimeError: the machine is on fire" in said
    content = json.loads((tmp_path / "bench.json").read_text())
    for entry in content["rows"]:
        assert entry["failure"] == (failure if entry["name"] == "torch" else None)
        assert (entry["samples_per_second"] is None) == (entry["name"] == "torch")
    assert content["limits"]["gemm_failed"] == {"torch": "RuntimeError: the machine is on fire"}
    assert (tmp_path / "bench.png").exists()


def test_a_run_in_which_nobody_was_timed_leaves_no_figure(tiny, monkeypatch, tmp_path):
    (tmp_path / "bench.png").write_bytes(b"an earlier run's")
    monkeypatch.setattr(bench, "SCRATCHDAE", trained("scratchdae", raising))
    monkeypatch.setitem(PEERS, "numpy", competitor("numpy", forgetful))
    assert main(["bench", "--peers", "numpy", "--rounds", "1", "--out", str(tmp_path)]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--peers", "tensorflow"],
            "--peers must be one of 'torch', 'torch-inplace', 'jax', 'numpy', 'sklearn', found",
        ),
        (["--peers", "torch,,numpy"], "'sklearn', found ''"),
        (["--peers", ""], "'sklearn', found ''"),
        (["--work", "pixel"], "invalid choice: 'pixel'"),
        (["--dtype", "float16"], "invalid choice: 'float16'"),
        (["--data", "cifar"], "invalid choice: 'cifar'"),
        (["--rounds", "two"], "argument --rounds: must be an integer, found 'two'"),
        (["--threads", "1.5"], "argument --threads: must be an integer, found '1.5'"),
        (["--rounds", "0"], "rounds must be an integer of at least 1, found 0"),
        (["--threads", "0"], "threads must be an integer of at least 1, found 0"),
        (["--threads", "100000"], "threads must be at most"),
        (["--grid", "huge"], "invalid choice: 'huge'"),
        (["--memory", "--scale"], "not allowed with"),
        (["--memory", "--rounds", "3"], "--rounds does not go with --memory"),
        (["--memory", "--work", "pixels"], "--work does not go with --memory"),
        (["--scale", "--work", "hidden"], "--work does not go with --scale"),
        (["--scale", "--peers", "numpy"], "--peers does not go with --scale"),
        (["--scale", "--data", "mnist"], "--scale draws its digits"),
        (["--out", __file__], "--out must be a folder, found the file"),
        (["--out", f"{__file__}/runs/bench"], "--out must be a folder, found the file"),
    ],
)
def test_bad_arguments_are_a_sentence(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("scratchdae bench: error: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_help_imports_no_peer():
    code = """
import sys
from scratchdae.cli import main
try:
    main(["bench", "--help"])
except SystemExit:
    pass
heavy = ("torch", "jax", "sklearn", "numba", "scipy", "matplotlib", "threadpoolctl", "tqdm", "safetensors")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
