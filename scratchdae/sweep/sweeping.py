"""The sweep: trials that are missing are run, each is written down as it ends, and no single one can end it."""

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import closing
from pathlib import Path

from scratchdae.arguments import integer
from scratchdae.sweep.executors import Lease
from scratchdae.sweep.outcomes import Result
from scratchdae.sweep.results_file import opened
from scratchdae.sweep.trial import Trial, by_key, check_signature
from scratchdae.sweep.worker import Outcome, describe, run
from scratchdae.training.loop import progress_bar


def sweep(
    trials: Iterable[Trial],
    executor: Executor | Callable[[], Executor] | None = None,
    *,
    seed: int = 0,
    file: str | os.PathLike[str] | None = None,
    folders: str | os.PathLike[str] | None = None,
    retry_failed: bool = False,
    attempts: int = 3,
    in_flight: int | None = None,
    progress: bool = True,
) -> list[Result]:
    """Run trials, or take their results from the file.

    A trial that raises has failed; so has one whose worker dies with it. The others go on. When workers die, it cannot
    always be told which trial did it: all that were under way are suspects, and run again one by one.

    Parameters
    ----------
    trials : iterable of Trial
        No two alike; `grid` and `random_search` help to make them.
    executor : Executor or callable, optional
        This process if left out. A function that makes an executor, such as ``processes(4)`` or ``client.get_executor``
        of dask, can be asked again when a pool breaks, and what it made is shut down at the end. An executor itself is
        left running, and if it breaks the sweep stops.
    seed : int
        Of the sweep, for trials without a seed of their own.
    file : path-like, optional
        JSON lines, to be added to. Trials whose results are there are not run again.
    folders : path-like, optional
        Where each trial has a folder of its own, passed to its function as ``out``. The function makes it, and may find
        there what an interrupted attempt left.
    retry_failed : bool
        Whether to run again what the file says has failed.
    attempts : int
        How often a trial may run alone and its worker die before it has failed. Dask makes several attempts of its own
        before it reports one.
    in_flight : int, optional
        Trials submitted at a time; at least as many as there are workers keeps all of them busy. Twice the processors
        here if left out, which is too few for a cluster. In this process it is always one.
    progress : bool
        Whether to show a progress bar, on a terminal.

    Returns
    -------
    list of Result
        In the order of the trials.

    Raises
    ------
    ValueError
        If a trial or an option is refused, the file holds anything else, or another sweep has it. Nothing has run then.
    BrokenExecutor
        If the executor broke and there is no way to another. What was finished is in the file.
    KeyboardInterrupt
        After Ctrl-C. What has not begun is cancelled; what is in the file is whole. Workers of `processes` end when
        this process is interrupted or killed, wherever in their trials they are.
    """
    specified = by_key(trials, integer("seed", seed, at_least=0))
    for trial in specified.values():
        check_signature(trial, folders is not None)
    integer("attempts", attempts)
    limit = 2 * (os.cpu_count() or 1) if in_flight is None else integer("in_flight", in_flight)
    if not (executor is None or isinstance(executor, Executor) or callable(executor)):
        raise ValueError(f"executor must be an Executor, a function that makes one, or None, found {executor!r}")
    with opened(file) as results_file:
        results = {
            key: Result.of(specified[key], outcome)
            for key, outcome in results_file.outcomes.items()
            if key in specified and not (retry_failed and outcome["error"])
        }
        missing = {
            key: (trial, None if folders is None else Path(folders).absolute() / key)
            for key, trial in specified.items()
            if key not in results
        }
        failed = sum(result.error is not None for result in results.values())

        bar = progress_bar(progress, total=len(specified), initial=len(results), unit=" trials")
        with bar, closing(_outcomes(missing, executor, 1 if executor is None else limit, attempts)) as outcomes:
            for key, outcome in outcomes:
                results_file.append(specified[key], outcome)
                results[key] = Result.of(specified[key], outcome)
                failed += outcome["error"] is not None
                bar.set_postfix(failed=failed, refresh=False)
                bar.update()
        return [results[key] for key in specified]


def _outcomes(
    missing: Mapping[str, tuple[Trial, Path | None]],
    executor: Executor | Callable[[], Executor] | None,
    limit: int,
    attempts: int,
) -> Generator[tuple[str, Outcome], None, None]:
    """Run every trial; yield keys and outcomes as they come, that of a deadly trial after its last attempt."""
    if not missing:
        return
    waiting, suspects = deque(missing), deque[str]()
    deaths = Counter[str]()  # of a trial that ran alone when its worker died
    running: dict[Future[Outcome], tuple[str, bool]] = {}  # its key, and whether it runs alone
    lease = Lease(executor)
    try:
        while waiting or suspects or running:
            if lease.broken and not running:
                lease.renew()
            # Suspects wait until nothing else runs, and then run one at a time: if a worker dies then, it is theirs.
            queue, room = (suspects, 1) if suspects else (waiting, limit)
            while queue and len(running) < room and not lease.broken:
                trial, folder = missing[queue[0]]
                future = lease.submit(run, trial.call(folder))
                if future is not None:
                    running[future] = queue.popleft(), room == 1
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                key, alone = running.pop(future)
                try:
                    outcome = future.result()
                except Exception as error:  # the executor's: a trial's own never leave the worker
                    lease.note(error)
                    deaths[key] += alone
                    if deaths[key] < attempts:
                        suspects.append(key)
                        continue
                    outcome = _death(error, attempts)
                yield key, outcome
    except BaseException:  # Ctrl-C as well, and what the caller raises between two outcomes
        lease.abandon(running)
        raise
    lease.close()


def _death(error: Exception, attempts: int) -> Outcome:
    """Write down that a trial's worker died every time."""
    times = "once" if attempts == 1 else f"{attempts} times"
    said = {**describe(error), "message": f"its worker died {times} while nothing else ran: {error}"}
    return {"value": None, "error": said, "seconds": None, "worker": None}
