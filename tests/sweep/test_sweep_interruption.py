"""What is left when a sweep is interrupted, and that the next start runs the rest and nothing else."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sweep_trials

from scratchdae.sweep import Trial, best, sweep


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_an_interruption_leaves_the_file_whole_and_the_rest_to_the_next_start(tmp_path):
    file, marker = tmp_path / "results.jsonl", str(tmp_path / "marker")
    trials = [Trial(sweep_trials.interrupt_once, {"x": x, "marker": marker}) for x in range(4)]
    with pytest.raises(KeyboardInterrupt):
        sweep(trials, file=file)
    assert [line["value"] for line in lines(file)] == [0, 1]
    assert [result.value for result in sweep(trials, file=file)] == [0, 1, 2, 3]
    assert [line["value"] for line in lines(file)] == [0, 1, 2, 3]


def test_ctrl_c_ends_a_pool_and_a_second_start_runs_the_rest(tmp_path):
    """As a user does it: a script with functions of its own, its whole group of processes interrupted."""
    script, log, file = tmp_path / "many.py", tmp_path / "log", tmp_path / "results.jsonl"
    script.write_text(f"""
import time
from pathlib import Path
from scratchdae.sweep import Trial, processes, sweep

def slow(x, seed):
    time.sleep(0.1)
    with Path({str(log)!r}).open("a") as file:
        file.write(f"{{x}}\\n")
    return x

if __name__ == "__main__":
    results = sweep([Trial(slow, {{"x": x}}) for x in range(30)], processes(1), file={str(file)!r}, in_flight=4)
    print(sum(result.value for result in results), results[0].trial.name)
""")
    command = [sys.executable, str(script)]
    child = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not file.exists() or len(file.read_bytes().splitlines()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGINT
    assert said.count("Traceback") == 1  # this process's, none of a worker's
    before = log.read_text().split()
    done = [str(line["value"]) for line in lines(file)]
    assert 3 <= len(done) <= len(before) < 30
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert (printed.stdout, printed.stderr) == (f"{sum(range(30))} many.slow\n", "")
    assert log.read_text().split()[len(before) :] == [str(x) for x in range(30) if str(x) not in done]
    assert len(lines(file)) == 30


def alive(pid):
    """Whether a process runs: not one that has ended and waits to be asked how."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to look for processes in")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent_and_the_next_start_runs_the_rest(tmp_path, how):
    script, log, file = tmp_path / "many.py", tmp_path / "log", tmp_path / "results.jsonl"
    script.write_text(f"""
import os, time
from pathlib import Path
from scratchdae.sweep import Trial, processes, sweep

def slow(x, seed, out):
    with Path({str(log)!r}).open("a") as file:
        file.write(f"{{os.getpid()}}\\n")
    time.sleep(x)
    return x

if __name__ == "__main__":
    seconds = [0.01, 0.02, 0.03] if Path({str(file)!r}).exists() else [0.01, 0.02, 60]
    trials = [Trial(slow, {{"x": x}}) for x in seconds]
    sweep(trials, processes(2), file={str(file)!r}, folders={str(tmp_path / "runs")!r})
""")
    command, deadline = [sys.executable, str(script)], time.monotonic() + 60
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not file.exists() or len(file.read_bytes().splitlines()) < 2 or len(log.read_text().split()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(how)  # to it alone, where a terminal would interrupt its workers too
    _, said = child.communicate(timeout=30)
    assert child.returncode == -how
    assert said.count("Traceback") == (how == signal.SIGINT)
    workers = [int(pid) for pid in log.read_text().split()]
    end = time.monotonic() + 10  # one of them would sleep for a minute, the other wait for ever
    while any(map(alive, workers)):
        assert time.monotonic() < end
        time.sleep(0.02)
    subprocess.run(command, check=True, timeout=60)
    assert [line["value"] for line in lines(file)] == [0.01, 0.02, 0.03]
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_second_sweep_of_the_same_file_is_refused(tmp_path):
    file = tmp_path / "results.jsonl"
    trials = [Trial(sweep_trials.sweep_again, {"file": str(file)}), Trial(sweep_trials.draw, {"x": 1})]
    first, second = sweep(trials, file=file)
    assert (
        first.error.message
        == f"{file} is in use by process {os.getpid()} on {socket.gethostname()}; wait until it ends"
    )
    assert second.error is None
    assert len(lines(file)) == 2
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path):
    resource = pytest.importorskip("resource")
    before, file = resource.getrlimit(resource.RLIMIT_FSIZE), tmp_path / "results.jsonl"
    trials = [Trial(sweep_trials.draw, {"x": x}) for x in range(3)]
    sweep(trials[:1], file=file)
    size = file.stat().st_size
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, before[1]))
        with pytest.raises(OSError, match=r"results\.jsonl"):
            sweep(trials, file=file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.warns(UserWarning, match="the last line was torn"):
        assert [result.value["x"] for result in sweep(trials, file=file)] == [0, 1, 2]


def test_an_interrupted_training_goes_on_where_it_stopped_to_the_same_bits(tmp_path):
    def trials(stop):
        settings = {"lr": 0.1, "nu": 0.3, "n_hidden": 12, "epochs": 4, "stop": stop}
        return [Trial(sweep_trials.train, {**settings, "lr": lr}, 5) for lr in (0.05, 0.1)]

    options = {"file": tmp_path / "results.jsonl", "folders": tmp_path / "runs"}
    for _ in range(2):  # each trial stops the sweep once, in its second epoch
        with pytest.raises(KeyboardInterrupt):
            sweep(trials(stop=True), **options)
    interrupted = sweep(trials(stop=True), **options)
    uninterrupted = sweep(trials(stop=False), **options)
    for one, other in zip(interrupted, uninterrupted, strict=True):
        assert one.value["epochs"] == [2, 3, 4]
        assert other.value["epochs"] == [1, 2, 3, 4]
        assert one.value["loss"] == other.value["loss"]
        assert one.value["validation_loss"] == other.value["validation_loss"]
    assert best(interrupted, "validation_loss").trial.arguments["lr"] == 0.1
    keys = {result.trial.key for result in [*interrupted, *uninterrupted]}
    assert {folder.name for folder in (tmp_path / "runs").iterdir()} == keys
