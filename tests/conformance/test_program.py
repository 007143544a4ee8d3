"""A program in any language: asked once a case, killed where it hangs, believed in nothing."""

import os
import re
import stat
import sys
import time

import pytest

from scratchdae.conformance.program import Program
from scratchdae.conformance.runner import examine

PROGRAM = """
import json, os, pathlib, subprocess, sys, time
import numpy as np
from safetensors.numpy import load_file, save_file
case, out = map(pathlib.Path, sys.argv[1:])
manifest = json.loads((case / "case.json").read_text())
if manifest["operation"] != "penalty":
    print("there is no corruption here", file=sys.stderr)
    sys.exit(3)
W, l2 = load_file(case / "inputs.safetensors")["W"], manifest["conventions"]["l2"]
def answer():
    save_file({"penalty": np.asarray(l2 * (W**2).sum()), "dW": 2 * l2 * W}, out / "outputs.safetensors")
"""


@pytest.fixture
def cases(ridge, masked):
    return [ridge, masked]


@pytest.fixture
def program(tmp_path):
    """Make a command that runs a program with an ending of its own."""

    def make(ending, **options):
        script = tmp_path / "my program.py"
        script.write_text(PROGRAM + ending)
        return Program(f"'{sys.executable}' '{script}' {{case_dir}} {{out_dir}}", **options)

    return make


def test_a_right_program_passes(program, cases):
    report = examine(program("answer()"), cases)
    assert [result.status for result in report.results] == ["agrees", "unsupported"]
    assert report.results[1].reason == "there is no corruption here"
    assert report.passed


def test_a_program_in_float32(program, cases):
    assert examine(program("assert W.dtype == np.float32; answer()", dtype="float32"), cases).passed


@pytest.mark.parametrize(
    ("ending", "sentence"),
    [
        ("", "exit status 0, but no outputs.safetensors, .npz, .json or NAME.npy in {out_dir}"),
        ("sys.exit(7)", "exit status 7"),
        ("raise ValueError('broken\\nin two')", "exit status 1: in two"),
        ("os.kill(os.getpid(), 11)", "killed by SIGSEGV"),
        ("(out / 'outputs.safetensors').write_text('x')", "outputs.safetensors cannot be read"),
        ("answer(); np.save(out / 'dW.npy', W)", "outputs must be in one format"),
        ("sys.stderr.buffer.write(b'\\xff\\n'); sys.exit(1)", "exit status 1: \ufffd"),
    ],
)
def test_a_failing_program_is_an_error(program, cases, ending, sentence):
    result = examine(program(ending), cases[:1]).results[0]
    assert result.status == "error"
    assert result.reason.startswith(sentence)


def test_a_program_that_hangs_is_killed_with_all_that_it_started(program, cases, tmp_path):
    alive = tmp_path / "alive"
    child = (
        "import pathlib, time\n"
        "for _ in range(600):\n"
        f"    pathlib.Path({str(alive)!r}).open('a').write('x')\n"
        "    time.sleep(0.05)\n"
    )
    ending = f"subprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(600)"
    start = time.monotonic()
    result = examine(program(ending, timeout=3), cases[:1]).results[0]
    assert result.reason == "no answer within 3 s"
    assert time.monotonic() - start < 30
    size = alive.stat().st_size
    time.sleep(0.5)
    assert alive.stat().st_size == size > 0


def test_a_program_that_never_stops_talking_is_answered_in_bounds(program, cases):
    result = examine(program("sys.stderr.write('x' * 10**7); answer()", timeout=30), cases[:1]).results[0]
    assert result.status == "agrees"
    result = examine(program("sys.stderr.write('x' * 10**7); sys.exit(1)", timeout=30), cases[:1]).results[0]
    assert result.status == "error"
    assert len(result.reason) < 5000


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("./mine {case_dir}", "command must pass {out_dir} to the program"),
        ("./mine", "command must pass {case_dir} to the program"),
        ("", "command must pass {case_dir} to the program"),
        ("{case_dir} {out_dir}", "command must pass {case_dir} to the program"),
        ("no-such-program-here {case_dir} {out_dir}", "must begin with a program that can be run"),
        ("'unclosed {case_dir} {out_dir}", "must be quoted as for a shell"),
    ],
)
def test_a_command_that_cannot_work_is_refused(command, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Program(command)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"timeout": 0.0}, "timeout must be"),
        ({"dtype": "float16"}, "dtype must be"),
        ({"form": "xml"}, "form must be"),
    ],
)
def test_bad_options_are_refused(program, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        program("answer()", **options)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permission")
def test_what_is_no_program_is_an_error(cases, tmp_path):
    script = tmp_path / "mine"
    script.write_bytes(b"\x7fELF but not really")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    result = examine(Program(f"{script} {{case_dir}} {{out_dir}}"), cases[:1]).results[0]
    assert result.reason.startswith("the program cannot be started: ")


def test_nothing_is_left_behind(program, cases, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    examine(program("answer()"), cases)
    assert list((tmp_path / "temporary").iterdir()) == []
