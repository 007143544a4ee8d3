"""A seeded minute of the fuzzer, and that it would notice."""

import os
import random
import sys

import api_calls
import pytest
import run
from malformed import VAST, damaged, relative
from optional_packages import require
from verdict import FINDINGS, Case, judge

import scratchdae

INPUTS = {"api": 700, "files": 300, "commands": 60, "kernels": 60}
KNOWN: dict[tuple[str, str], int] = {}  # findings that are not mended yet, by target and kind: none

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and time are Linux's")


@pytest.mark.parametrize("target", run.TARGETS)
def test_malformed_inputs_are_refused_by_a_sentence(target, tmp_path):
    if target == "kernels":
        require("numba")
    counts = run.fuzz(17, INPUTS[target], 10, tmp_path / "findings.jsonl", (target,))
    said = "\n".join([*run.table(counts), (tmp_path / "findings.jsonl").read_text()[:20_000]])
    assert counts[target].total() >= INPUTS[target], said
    assert all(counts[target][kind] <= KNOWN.get((target, kind), 0) for kind in FINDINGS), said
    assert run.named(counts) >= KNOWN.get((target, "named"), 0.97), said


def test_every_public_name_is_called_or_said_to_be_no_door():
    called = {function.__qualname__.partition(".")[0] for function, _ in api_calls.ROWS}
    assert not set(api_calls.public_names()) - called - set(" ".join(api_calls.INSIDE.values()).split())


def test_the_good_calls_are_good(tmp_path):
    api_calls.warm(tmp_path)
    for place, (function, arguments) in enumerate(api_calls.ROWS):
        (tmp_path / str(place)).mkdir()
        function(**api_calls.made(arguments, tmp_path / str(place)))


CALLS = [
    (lambda: scratchdae.streams("a"), "named"), (lambda: scratchdae.streams(3), "accepted"),
    (lambda: scratchdae.streams(), "named"), (lambda: int("two"), "unnamed"), (lambda: {}["seed"], "traceback"),
    (sys.exit, "traceback"), (lambda: len(3), "traceback"), (lambda: all(iter(lambda: 1, 0)), "hang"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "verdict"), CALLS)
def test_the_verdict(call, verdict):
    assert judge(Case("", ("seed",), call), 0.5)[0] == verdict


def test_a_refusal_that_has_changed_something_is_found(tmp_path):
    def refuse():
        (tmp_path / "left").touch()
        raise ValueError("seed must be another")

    assert judge(Case("", ("seed",), refuse, {}, tmp_path), 5)[0] == "changed"


def test_a_process_that_dies_or_falls_silent_is_found_and_the_next_inputs_are_judged(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text(
        "import os, signal, time\nfrom verdict import Case\n"
        "def warm(root): signal.setitimer = print\n"
        "def case(draw, folder):\n"
        "    run = {'1': os.abort, '3': lambda: time.sleep(60)}.get(folder.name, lambda: None)\n"
        "    return Case(folder.name, (), run)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setitem(run.TARGETS, "deadly", run.Target("deadly", 1, 1, 2))
    counts = run.fuzz(0, 5, 1, tmp_path / "findings.jsonl", ("deadly",))
    assert counts["deadly"] == {"accepted": 3, "crash": 1, "hang": 1}


def test_the_mutators_change_what_they_are_given():
    draw, content = random.Random(0), bytes(range(256)) * 5
    changed = [damaged(content, draw) for _ in range(500)]
    assert all(one != content for _, one in changed)
    assert len({did.partition(" ")[0] for did, _ in changed}) == 11
    for _ in range(500):  # a vast number of epochs is no mistake, but work for ever
        assert not any(value is one for one in VAST for value in [relative("epochs", 3, draw)[1]])
