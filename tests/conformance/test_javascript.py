"""A small implementation in JavaScript, with a safetensors reader of its own, run by Node through ``--exec``."""

import os
import shutil
from pathlib import Path

import pytest

from scratchdae.cli import main
from scratchdae.conformance import load_cases
from scratchdae.conformance.program import Program
from scratchdae.conformance.runner import examine

FOLDER = Path(__file__).parent / "javascript"
GROUPS = ("activation", "loss", "corruption", "autoencoder")


@pytest.fixture(scope="module")
def command():
    """The command line of the implementation; without Node a test skips on a user's machine and fails in CI."""
    node = shutil.which("node")
    if node is None:
        message = "needs Node (node), which is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return f"'{node}' '{FOLDER / 'conform.mjs'}' {{case_dir}} {{out_dir}}"


@pytest.mark.parametrize("group", GROUPS)
def test_agrees_with_every_case_of_a_group(command, group):
    found = examine(Program(command), load_cases(groups=[group]), explain=False)
    assert [f"{r.case.id}: {r.sentence()}" for r in found.results if r.status != "agrees"] == []


def test_agrees_with_gradient_descent_under_all_conventions_and_leaves_out_other_rules(command):
    cases = load_cases(groups=["optimizer"])
    sgd = [case for case in cases if case.conventions["rule"] == "sgd"]
    others = {case.conventions["rule"]: case for case in cases if case.conventions["rule"] != "sgd"}
    assert len(sgd) >= 12
    found = examine(Program(command), sgd, explain=False)
    assert [f"{r.case.id}: {r.sentence()}" for r in found.results if r.status != "agrees"] == []
    found = examine(Program(command), others.values(), explain=False)
    assert {r.case.conventions["rule"]: (r.status, r.reason) for r in found.results} == {
        rule: ("unsupported", f"there is no {rule} here, only sgd")
        for rule in ("rmsprop", "adam", "adamw", "adagrad", "adadelta", "nadam")
    }


def test_says_what_is_wrong_with_its_inputs(command):
    found = examine(Program(command, dtype="float32"), load_cases(names=["masking"]), explain=False)
    assert [(r.status, r.reason) for r in found.results] == [
        ("error", "exit status 1: x must be of dtype F64, I64, BOOL, found F32")
    ]


def test_runs_from_the_command_line(command, capsys):
    arguments = ["conform", "run", "--exec", command, "--group", "corruption", "--group", "penalty"]
    assert main(arguments) == 0
    assert "there is no penalty here" in capsys.readouterr().out


def test_is_explained_where_it_is_wrong(command, tmp_path):
    wrong = tmp_path / "javascript"
    shutil.copytree(FOLDER, wrong)
    operations = (wrong / "operations.mjs").read_text(encoding="utf-8")
    right, one_part = "{ dW_decoder, dW: decay(W, dW_encoder, dW_decoder) }", "{ dW: decay(W, dW_encoder) }"
    assert operations.count(right) == 1
    (wrong / "operations.mjs").write_text(operations.replace(right, one_part), encoding="utf-8")
    program = Program(command.replace(str(FOLDER), str(wrong)))
    (result,) = examine(program, load_cases(names=["tied_cross_entropy"])).results
    assert result.status == "disagrees"
    assert "decoder" in "\n".join(result.explained())
