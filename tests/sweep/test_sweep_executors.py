"""The same results from this process, a pool of processes and a dask cluster; a worker that dies loses one trial."""

import json
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
import sweep_trials
from optional_packages import require

from scratchdae.sweep import Trial, processes, sweep
from scratchdae.sweep.executors import InProcess
from scratchdae.sweep.results_file import ResultsFile

DRAWS = [Trial(sweep_trials.draw, {"x": x}) for x in range(6)]


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes under a scheduler that gives a trial a second attempt by itself."""
    distributed = require("distributed")
    import dask

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(**options, silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def here():
    return sweep(DRAWS, seed=5)


@pytest.fixture(params=["processes", "cluster"])
def pool(request):
    """What makes an executor whose workers may die."""
    return processes(2) if request.param == "processes" else request.getfixturevalue("cluster").get_executor


def test_every_executor_gives_the_same_results(pool, here):
    results = sweep(DRAWS, pool, seed=5)
    assert results == here
    assert {result.worker for result in results}.isdisjoint({result.worker for result in here})
    assert [result.value["x"] for result in results] == [0, 1, 2, 3, 4, 5]


def test_neither_order_nor_workers_nor_other_trials_matter(here):
    assert sweep(DRAWS[::-1], ThreadPoolExecutor(3), seed=5)[::-1] == here
    assert sweep(DRAWS[2:4], InProcess(), seed=5) == here[2:4]
    assert sweep(DRAWS[2:4], seed=6) != here[2:4]
    assert len({result.value["seed"] for result in here}) == 6
    assert len({result.value["noise"][0] for result in here}) == 6


def test_a_worker_that_dies_once_loses_nothing(pool, tmp_path, here):
    marker, file = str(tmp_path / "marker"), tmp_path / "results.jsonl"
    trials = [Trial(sweep_trials.die_once, {"x": x, "marker": marker}) for x in range(6)]
    results = sweep(trials, pool, seed=5, file=file, in_flight=3)
    assert Path(marker).exists()
    assert results == sweep(trials, seed=5)
    assert [json.loads(line)["error"] for line in file.read_text().splitlines()] == [None] * 6


def test_a_deadly_trial_is_found_out_and_the_others_go_on(tmp_path):
    log, file = tmp_path / "log", tmp_path / "results.jsonl"
    trials = [Trial(sweep_trials.die_at_two, {"x": x, "log": str(log)}) for x in range(6)]
    results = sweep(trials, processes(2), file=file, attempts=2, in_flight=3)
    assert [result.value for result in results] == [0, 1, None, 3, 4, 5]
    failure = results[2]
    assert failure.error.type == "BrokenProcessPool"
    assert failure.error.message.startswith("its worker died 2 times while nothing else ran: ")
    assert (failure.seconds, failure.worker) == (None, None)
    calls = log.read_text().split()
    assert calls.count("2") == 3  # once beside others, then twice alone
    assert max(calls.count(x) for x in "01345") <= 2
    assert sweep(trials, file=file) == results  # in this process, which would not survive it: all is in the file


def test_a_deadly_trial_of_a_cluster_has_failed(cluster, tmp_path):
    log = tmp_path / "log"
    trials = [Trial(sweep_trials.die_at_two, {"x": x, "log": str(log)}) for x in (1, 2, 3)]
    results = sweep(trials, cluster.get_executor, attempts=1, in_flight=3)
    assert [result.value for result in results] == [1, None, 3]
    assert results[1].error.type == "KilledWorker"
    assert log.read_text().split().count("2") == 4  # twice beside others and twice alone: dask tries everything twice


@pytest.mark.parametrize("owned", [True, False])
def test_an_interruption_cancels_what_has_not_begun(pool, owned, tmp_path, monkeypatch):
    log, file = tmp_path / "log", tmp_path / "results.jsonl"
    trials = [Trial(sweep_trials.slow, {"x": x, "log": str(log)}) for x in range(30)]

    def interrupted(self, trial, outcome):
        raise KeyboardInterrupt

    executor = pool if owned else pool()
    monkeypatch.setattr(ResultsFile, "append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(trials, executor, file=file, in_flight=20)
    assert file.read_bytes() == b""
    if not owned:
        assert executor.submit(len, "what the owner does next").result() == 24
        executor.shutdown()
    time.sleep(1.0)  # five trials' time
    assert len(log.read_text().split()) < 12


def test_an_executor_of_the_caller_is_left_running(here):
    with processes(1)() as executor:
        assert sweep(DRAWS, executor, seed=5) == here
        assert sweep(DRAWS[:1], executor, seed=5) == here[:1]


def test_a_broken_executor_of_the_caller_ends_the_sweep_and_the_file_goes_on(tmp_path):
    file, marker = tmp_path / "results.jsonl", str(tmp_path / "marker")
    trials = [Trial(sweep_trials.die_once, {"x": x, "marker": marker}) for x in range(4)]
    with (
        processes(1)() as executor,
        pytest.raises(BrokenExecutor, match="belongs to the caller; give sweep a function"),
    ):
        sweep(trials, executor, file=file, in_flight=1)
    assert len(file.read_text().splitlines()) == 2
    assert [result.value["x"] for result in sweep(trials, processes(1), file=file)] == [0, 1, 2, 3]


def test_a_pool_that_cannot_start_ends_the_sweep(tmp_path):
    class Stillborn(InProcess):
        def submit(self, fn, /, *args, **kwargs):
            raise BrokenExecutor("no worker started")

    file = tmp_path / "results.jsonl"
    with pytest.raises(BrokenExecutor, match=r'before it ran anything.*if __name__ == "__main__"'):
        sweep(DRAWS, Stillborn, file=file)
    assert file.read_bytes() == b""


def test_no_more_are_in_flight_than_asked():
    class Counting(ThreadPoolExecutor):
        unfinished = most = 0

        def submit(self, fn, /, *args, **kwargs):
            self.futures = [f for f in getattr(self, "futures", []) if not f.done()]
            self.futures.append(super().submit(fn, *args, **kwargs))
            self.most = max(self.most, len(self.futures))
            return self.futures[-1]

    with Counting(8) as executor:
        sweep([Trial(sweep_trials.draw, {"x": x}) for x in range(40)], executor, in_flight=3)
    assert 1 <= executor.most <= 3


def test_workers_of_a_pool_take_the_threads_they_were_given_and_end_at_ctrl_c():
    (result,) = sweep([Trial(sweep_trials.worker_settings, {}, seed=0)], processes(1, threads=2))
    assert set(result.value["threads"]) <= {2}  # the environment of the tests says 1; Accelerate says nothing
    assert result.value["interrupt"] == "SIG_DFL"


@pytest.mark.parametrize("executor", ["processes", 4, [processes(1)]])
def test_anything_else_is_refused(executor, tmp_path):
    with pytest.raises(ValueError, match="executor must be an Executor, a function that makes one, or None, found"):
        sweep(DRAWS, executor, file=tmp_path / "results.jsonl")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": 1.5}, {"workers": 1, "threads": 0}])
def test_impossible_pools_are_refused(options):
    with pytest.raises(ValueError, match="must be an integer of at least 1"):
        processes(**options)
