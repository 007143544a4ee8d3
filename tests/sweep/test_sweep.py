"""What a trial may be, what a sweep returns, what its file holds, and what a second start runs."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import sweep_trials

from scratchdae.sweep import Failure, Result, Trial, best, sweep


def logged(log, xs):
    return [Trial(sweep_trials.logged, {"x": x, "log": str(log)}) for x in xs]


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


# Trials


def local(seed):
    def inner(seed):
        return seed

    return inner


@pytest.mark.parametrize(
    "function", [lambda seed: seed, local(0), np.random.default_rng(0).normal, "sweep_trials.draw", 3, None]
)
def test_a_function_that_no_worker_could_import_is_refused(function):
    with pytest.raises(ValueError, match="function must be one that a worker can import by name"):
        Trial(function, {})


@pytest.mark.parametrize(
    "arguments",
    [
        {"x": (1, 2)},
        {"x": np.arange(3)},
        {"x": np.int64(3)},
        {"x": math.nan},
        {"x": {1: 2}},
        {"x": object()},
        {"x": len},
        {3: 4},
        [("x", 1)],
        None,
    ],
)
def test_arguments_that_json_would_change_or_lose_are_refused(arguments):
    with pytest.raises(ValueError, match="arguments must be named, and be what JSON returns unchanged"):
        Trial(sweep_trials.draw, arguments)


@pytest.mark.parametrize("name", ["seed", "out"])
def test_what_the_sweep_gives_is_not_an_argument(name):
    with pytest.raises(ValueError, match=f"arguments must leave '{name}' to the sweep"):
        Trial(sweep_trials.draw, {"x": 1, name: 2})


@pytest.mark.parametrize("seed", [-1, 1.0, True, "1"])
def test_a_seed_is_an_integer_of_at_least_zero(seed, tmp_path):
    with pytest.raises(ValueError, match="seed must be an integer of at least 0"):
        Trial(sweep_trials.draw, {"x": 1}, seed)
    with pytest.raises(ValueError, match="seed must be an integer of at least 0"):
        sweep([], seed=seed)


@pytest.mark.parametrize(
    ("trials", "options", "message"),
    [
        ([{"y": 1}], {}, r"arguments must fit sweep_trials.draw\(x, seed\), which also gets seed; found \['y'\]"),
        ([{"x": 1, "y": 1}], {}, "unexpected keyword argument 'y'"),
        ([{"x": 1}], {"folders": "runs"}, "which also gets seed and out"),
        ([{"x": 1}, {"x": 2}, {"x": 1}], {}, r"found trials\[2\] the same as trials\[0\]: sweep_trials.draw with"),
        ([{"x": 1}], {"attempts": 0}, "attempts must be an integer of at least 1"),
        ([{"x": 1}], {"in_flight": 0}, "in_flight must be an integer of at least 1"),
    ],
)
def test_nothing_runs_or_is_written_where_one_trial_or_option_is_refused(trials, options, message, tmp_path):
    log, file = tmp_path / "log", tmp_path / "results.jsonl"
    trials = [*logged(log, [1]), *(Trial(sweep_trials.draw, arguments) for arguments in trials)]
    message = message.replace("trials\\[2\\]", "trials\\[3\\]").replace("trials\\[0\\]", "trials\\[1\\]")
    with pytest.raises(ValueError, match=message):
        sweep(trials, file=file, **options)
    assert not list(tmp_path.iterdir())


def test_something_else_among_the_trials_is_refused():
    with pytest.raises(ValueError, match=r"trials\[1\] must be a Trial, found \{'x': 1\}"):
        sweep([Trial(sweep_trials.draw, {"x": 1}), {"x": 1}])


def test_the_key_is_of_function_arguments_and_seed_alone():
    trial = Trial(sweep_trials.draw, {"x": {"b": 1, "a": [1.5, None, True]}}, 7)
    assert trial.key == "eb5ca5ac8ac2f01f4f3ca8b8a4c343b0"  # in files that exist: it must never change
    assert Trial(sweep_trials.draw, {"x": {"a": [1.5, None, True], "b": 1}}, 7).key == trial.key
    others = [
        Trial(sweep_trials.logged, trial.arguments, 7),
        Trial(sweep_trials.Method.draw, trial.arguments, 7),
        Trial(sweep_trials.draw, {"x": 1}, 7),
        Trial(sweep_trials.draw, {"x": True}, 7),
        Trial(sweep_trials.draw, trial.arguments, 8),
        Trial(sweep_trials.draw, trial.arguments),
    ]
    assert len({trial.key for trial in [trial, *others]}) == 7


def test_a_seed_of_its_own_is_kept_and_another_is_derived():
    own, derived = sweep([Trial(sweep_trials.draw, {"x": 1}, 3), Trial(sweep_trials.draw, {"x": 1})], seed=11)
    assert own.trial.seed == own.value["seed"] == 3
    assert derived.trial.seed == derived.value["seed"] != 3
    assert 0 <= derived.trial.seed < 2**53
    assert sweep([Trial(sweep_trials.draw, {"x": 1})], seed=11) == [derived]


# Results


def test_results_come_in_the_order_of_the_trials_as_json_returns_them():
    array, pair = sweep([Trial(sweep_trials.returns, {"value": value}, 0) for value in ("array", "tuple")])
    assert array.value == (np.arange(3, dtype=np.float32) / 3).tolist()
    assert pair.value == [1, 2, True]
    assert array.seconds > 0
    assert array.worker.endswith(f":{os.getpid()}")
    assert sweep([Trial(sweep_trials.Method.draw, {"x": 4}, 0)])[0].value["x"] == 4


@pytest.mark.parametrize("value", ["nan", "set"])
def test_a_value_that_does_not_go_into_json_fails_its_trial(value):
    (result,) = sweep([Trial(sweep_trials.returns, {"value": value}, 0)])
    assert result.value is None
    assert result.error.message.startswith("a trial's value must be what goes into JSON, found ")


def test_a_trial_that_raises_has_failed_and_the_others_go_on(tmp_path):
    file = tmp_path / "results.jsonl"
    trials = [Trial(sweep_trials.fail_at_three, {"x": x}) for x in (2, 3, 4)]
    results = sweep([*trials, Trial(sweep_trials.leave, {})], file=file)
    assert [result.value for result in results] == [2, None, 4, None]
    assert (results[1].error.type, results[1].error.message) == ("ArithmeticError", "three is refused")
    assert 'raise ArithmeticError("three is refused")' in results[1].error.traceback
    assert (results[3].error.type, results[3].error.message) == ("SystemExit", "enough")
    assert sweep([*trials, Trial(sweep_trials.leave, {})], file=file) == results


def test_the_best_is_the_least_or_the_greatest_of_those_that_have_a_value():
    trial = Trial(sweep_trials.draw, {"x": 1}, 0)
    failed = Result(trial, None, Failure("ValueError", "", ""), 0.0, "")
    results = [failed, *(Result(trial, {"loss": loss}, None, 0.0, "") for loss in (2.0, 1.0, 3.0))]
    assert best(results, "loss") is results[2]
    assert best(results, "loss", maximize=True) is results[3]
    assert best(results, lambda value: abs(value["loss"] - 2.1)) is results[1]
    with pytest.raises(ValueError, match="at least one trial that did not fail"):
        best([failed], "loss")
    with pytest.raises(ValueError, match="key must name an entry of every value, found 'error'"):
        best(results, "error")


def test_no_bar_where_there_is_no_terminal(capsys, tmp_path):
    sweep(logged(tmp_path / "log", [1, 2]))
    assert capsys.readouterr() == ("", "")


# The file


def test_a_line_a_trial_and_nothing_else(tmp_path):
    file = tmp_path / "new" / "results.jsonl"
    (result,) = sweep([Trial(sweep_trials.draw, {"x": 1})], file=file, seed=2)
    (line,) = lines(file)
    assert line == {
        "key": result.trial.key,
        "function": "sweep_trials.draw",
        "arguments": {"x": 1},
        "seed": result.trial.seed,
        "value": result.value,
        "error": None,
        "seconds": result.seconds,
        "worker": result.worker,
    }
    assert [path.name for path in file.parent.iterdir()] == ["results.jsonl"]


def test_a_second_start_runs_what_is_missing_only(tmp_path):
    log, file = tmp_path / "log", tmp_path / "results.jsonl"
    first = sweep(logged(log, [1, 2]), file=file)
    content = file.read_bytes()
    results = sweep(logged(log, [3, 2, 1]), file=file)
    assert log.read_text().split() == ["1", "2", "3"]
    assert [result.value for result in results] == [3, 2, 1]
    assert results[1:] == first[::-1]
    assert [result.seconds for result in results[1:]] == [result.seconds for result in first[::-1]]
    assert file.read_bytes().startswith(content)
    assert len(lines(file)) == 3


def test_another_seed_or_another_function_is_another_trial(tmp_path):
    log, file = tmp_path / "log", tmp_path / "results.jsonl"
    sweep(logged(log, [1]), file=file, seed=0)
    sweep(logged(log, [1]), file=file, seed=1)
    sweep([Trial(sweep_trials.slow, {"x": 1, "log": str(log)})], file=file, seed=0)
    assert log.read_text().split() == ["1", "1", "1"]
    assert len({line["key"] for line in lines(file)}) == 3


def test_failed_trials_run_again_only_if_asked(tmp_path):
    file, marker = tmp_path / "results.jsonl", str(tmp_path / "marker")
    trials = [Trial(sweep_trials.fail_once, {"marker": marker}, 4)]
    assert sweep(trials, file=file)[0].error.message == "not yet"
    assert sweep(trials, file=file)[0].error.message == "not yet"
    assert sweep(trials, file=file, retry_failed=True)[0].value == 4
    assert sweep(trials, file=file)[0].value == 4  # the last line counts
    assert [line["value"] for line in lines(file)] == [None, 4]


@pytest.mark.parametrize("kept", [1, 9, 40, -2, -1])
def test_a_torn_line_is_removed_and_its_trial_runs_again(kept, tmp_path):
    log, file = tmp_path / "log", tmp_path / "results.jsonl"
    whole = sweep(logged(log, [1, 2, 3]), file=file)
    first, second, last = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + second + last[:kept])  # -1: all but the line's end
    with pytest.warns(UserWarning, match=r"results\.jsonl: the last line was torn") as caught:
        assert sweep(logged(log, [1, 2, 3]), file=file) == whole
    assert Path(caught[0].filename) == Path(__file__)
    assert log.read_text().split() == ["1", "2", "3", "3"]
    assert file.read_bytes().startswith(first + second)
    assert [line["value"] for line in lines(file)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"hello", 1),  # no line's end, but no beginning of a record either
        (b'{"epoch": 1, "loss": 2.0}\n', 1),
        (b"[]\n", 1),
        (b'{"key": "0"}\n', 1),
        (b'RECORD\n{"key": "1", torn\nRECORD\n', 2),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(content, line, tmp_path):
    log, file = tmp_path / "log", tmp_path / "results.jsonl"
    sweep(logged(log, [1]), file=file)
    content = content.replace(b"RECORD", file.read_bytes().strip())
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"results\.jsonl, line {line}: expected a sweep's result, found"):
        sweep(logged(log, [2]), file=file)
    assert file.read_bytes() == content
    assert log.read_text().split() == ["1"]


@pytest.mark.parametrize("make", [Path.mkdir, getattr(os, "mkfifo", Path.mkdir)])
def test_what_is_no_file_is_refused_without_waiting_for_it(make, tmp_path):
    make(tmp_path / "there")
    with pytest.raises(ValueError, match=r"file must be a file of results, or one to be made, found .*there"):
        sweep([Trial(sweep_trials.draw, {"x": 1})], file=tmp_path / "there")
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]
