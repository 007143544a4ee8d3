"""Check one file: run it on the cases of its exercise, and say in a student's terms what came of it."""

import ast
import dataclasses
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchdae import backend
from scratchdae.exercises import process
from scratchdae.exercises.exercise import Case, Exercise, Mistake, Task
from scratchdae.exercises.judge import judge

RIGHT, WRONG, NOT_BEGUN, REFUSED = "right", "wrong", "not begun", "refused"
STATES = (RIGHT, WRONG, NOT_BEGUN, REFUSED)
_LARGEST = 200_000  # characters of a submission
_SLOW, _NOTICED = 20, 0.05  # times the library's, and seconds, from which a right answer is called slow
_OF_THE_MATHEMATICS = ("ValueError", "IndexError", "ZeroDivisionError", "FloatingPointError", "OverflowError")
_Group = tuple[Task, list[Case], Case | None]  # what is asked of one function: cases, and a large one


@dataclass(frozen=True)
class Verdict:
    """What is said of a file."""

    state: str  # one of STATES
    function: str = ""  # the one that it is about
    where: str = ""  # the first thing that is wrong, with place and numbers
    mistake: Mistake | None = None  # if it is known
    pattern: str = ""
    task: Task | None = None
    slow: str = ""
    said: str = ""  # what the file printed
    seconds: float = 0.0


@backend.using("numpy")  # a compiler would take longer than the check
def check_source(exercise: Exercise, source: str, path: Path, seed: int | None = None) -> Verdict:
    """Check the text of a solution; `seed` is of the fresh cases, by default one that nobody can know."""
    start = time.perf_counter()
    if len(source) > _LARGEST:
        return Verdict(REFUSED, where=f"the file has {len(source)} characters; at most {_LARGEST} are read")
    if exercise.judge is not None:
        return _timed(_constants(exercise, source), start)
    requests, groups = _asked(exercise, secrets.randbits(32) if seed is None else seed)
    session = process.ask(source, path, requests, exercise.seconds)
    return _timed(_judged(session, groups, source), start)


@backend.using("numpy")
def check_program(exercise: Exercise, command: str, form: str = "json") -> Verdict:
    """Check a program, called with ``{case_dir}`` and ``{out_dir}`` for each case; how slow it is, is not said."""
    from scratchdae.exercises import program

    start = time.perf_counter()
    program.served(exercise)
    requests, groups = _asked(exercise, secrets.randbits(32), large=False)
    return _timed(_judged(program.ask(command, form, requests, exercise.seconds), groups, ""), start)


def _asked(exercise: Exercise, seed: int, large: bool = True) -> tuple[list[process.Request], list[_Group]]:
    """Draw what is asked of each function."""
    groups = [
        (task, _cases(task, seed), task.case("a large case", seed, task.big) if task.big and large else None)
        for task in exercise.tasks
    ]
    requests = [
        case.request._replace(seconds=1 if case is not big and task.frozen else exercise.seconds)
        for task, cases, big in groups
        for case in (*cases, *([big] if big else []))
    ]
    return requests, groups


def _judged(session: process.Session, groups: Sequence[_Group], source: str) -> Verdict:
    """Judge the answers there are, function by function; the first that is wrong, or not there, is told."""
    done, slow = 0, ""
    for task, cases, large in groups:
        answers = session.answers[done : done + len(cases) + bool(large)]
        done += len(cases) + bool(large)
        finding = judge(cases[: len(answers)], answers[: len(cases)])
        if finding is not None:
            return Verdict(
                WRONG, task.function, finding.where, finding.mistake, finding.pattern, task, said=session.said
            )
        if len(answers) < len(cases) + bool(large):
            case = (*cases, large)[len(answers)]
            return _unanswered(session, task, case)
        if large:
            finding = judge([large], answers[len(cases) :])
            if finding is not None:
                return Verdict(WRONG, task.function, finding.where, None, finding.pattern, task, said=session.said)
            slow = slow or _slow(large, answers[-1].seconds, source)
    return Verdict(RIGHT, slow=slow, said=session.said)


def check_file(exercise: Exercise, path: Path) -> Verdict:
    """Check a file; one that is not there, or not text, is not begun or refused."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST * 4)
        source = content.decode("utf-8-sig")
    except FileNotFoundError:
        return Verdict(NOT_BEGUN, where=f"{path} is not there: scratchdae exercises start {exercise.id}")
    except UnicodeDecodeError:
        return Verdict(REFUSED, where=f"{path} is not a text in UTF-8")
    if path.suffix == ".ipynb":
        from scratchdae.exercises.notebook import code

        try:
            source = code(source)
        except ValueError as error:
            return Verdict(REFUSED, where=f"{path}: {error}")
    return check_source(exercise, source, path)


def _cases(task: Task, seed: int) -> list[Case]:
    frozen = [task.case(f"case {number}", number) for number in range(1, task.frozen + 1)]
    fresh = [task.case(f"a fresh case ({seed + number})", seed + number) for number in range(task.fresh)]
    if frozen and task.measure and "seed" in task.inputs:
        other = {**fresh[-1].inputs, "seed": fresh[-1].inputs["seed"] + 1}
        fresh.append(dataclasses.replace(fresh[-1], label="the same again"))
        fresh.append(dataclasses.replace(fresh[-1], label="the same with another generator", inputs=other))
    return frozen + fresh


def _timed(verdict: Verdict, start: float) -> Verdict:
    return Verdict(**{**vars(verdict), "seconds": time.perf_counter() - start})


def _meeting(task: Task, case: Case | None, message: str) -> Mistake | None:
    """Name the two axes that an error says do not fit, by the letters of the exercise."""
    found = [tuple(map(int, pair)) for pair in re.findall(r"size (\d+) is different from (\d+)", message)]
    shapes = [
        re.findall(r"\d+", one) for one in re.findall(r"\((\d+(?:[,x] ?\d+)*,?)\)", message.replace(" and ", ") ("))
    ]
    if not found and len(shapes) == 2 and re.search("broadcast|multipl|aligned", message):
        one, other = ([int(n) for n in shape] for shape in shapes)
        found = [(one[-1], other[0])] if "broadcast" not in message else []
        found = found or [(a, b) for a, b in zip(one[::-1], other[::-1], strict=False) if a != b and 1 not in (a, b)]
    letters = {axis for text in task.inputs.values() for axis in text.partition(" ")[0]}
    sizes = {case.sizes[axis]: axis for axis in letters} if case else {}
    if not found or not all(n in sizes for n in found[0]) or len(sizes) < len(letters):
        return None
    a, b = (f"{n} ({sizes[n]})" for n in found[0])
    sentence = (
        f"An axis of length {a} meets one of {b}, which do not fit: a transpose is missing, or one is too many, or the "
        "factors stand in the wrong order."
    )
    return Mistake("shapes", "Which two axes meet in that line, and which are meant to?", sentence)


def _unanswered(session: process.Session, task: Task, case: Case | None) -> Verdict:
    """Say why there is no answer to a case."""
    label = case.label if case else ""
    if session.absent:
        where = f"there is no function {session.absent} in the file: it was there when you began"
        return Verdict(REFUSED, session.absent, where, task=task, said=session.said)
    if session.error is None:
        return Verdict(REFUSED, task.function, f"{label}: {session.stopped}", task=task, said=session.said)
    kind, message, places = session.error
    if kind == "NotImplementedError":
        return Verdict(NOT_BEGUN, task.function, f"{task.function} still has its gap", task=task, said=session.said)
    if kind == "SystemExit":
        message = "the file leaves Python (exit) where an answer is expected"
    if re.search(r"\b\d\d_\w", " ".join([message, *(line for _, line in places if "import" in line)])):
        message += ". The file is checked alone: copy the function into it"
    if "positional argument" in message:
        message += ". Keep the arguments as `start` wrote them"
    lines = "".join(f"\n    line {number}: {line}" for number, line in places)
    told = task if kind in _OF_THE_MATHEMATICS else None  # a question about it would mislead
    known = _meeting(task, case, message) if kind in ("ValueError", "RuntimeError") else None
    where = f"{label}: {kind}: {message}{lines}"
    return Verdict(WRONG, task.function, where, known, task=task if known else told, said=session.said)


def _slow(case: Case, seconds: float, source: str) -> str:
    """Say how much slower than the library a right answer is, and why."""
    start = time.process_time()
    case.answer(case.task.reference)
    own = max(time.process_time() - start, 1e-4)
    if seconds < _NOTICED or seconds < _SLOW * own:
        return ""
    loops = [
        node.lineno
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef) and function.name == case.task.function
        for node in ast.walk(function)
        if isinstance(node, ast.For | ast.While | ast.comprehension | ast.ListComp) and hasattr(node, "lineno")
    ]
    why = f": line {loops[0]} loops in Python over what one product or sum of arrays can do at once" if loops else ""
    return f"{case.task.function} takes {1e3 * seconds:.0f} ms where {1e3 * own:.1f} ms are enough{why}"


def _constants(exercise: Exercise, source: str) -> Verdict:
    """Read the constants of a diagnosis, without running the file, and have them judged."""
    found: dict[str, Any] = {}
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return Verdict(REFUSED, where=f"FLOOR, CAUSE and REPAIR must be plain constants: {error}")
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            name = node.targets[0].id
            try:
                found[name] = ast.literal_eval(node.value)
            except (ValueError, TypeError, MemoryError, RecursionError):
                where = (
                    f"line {node.lineno}: {name} must be a plain constant and no expression: print it, and copy that"
                )
                return Verdict(REFUSED, name, where)
    verdict: Verdict = exercise.judge(found)
    return verdict


def sentences(exercise: Exercise, verdict: Verdict, hints: int) -> Sequence[str]:
    """Put a verdict into words; each hint says more, none the code."""
    if verdict.state == RIGHT:
        return [f"Exercise {exercise.id}: right.", *([f"But slow: {verdict.slow}."] if verdict.slow else [])]
    name = f", {verdict.function}" if verdict.function else ""
    functions = [task.function for task in exercise.tasks]
    done = functions[: functions.index(verdict.function)] if verdict.function in functions else []
    lines = [f"Exercise {exercise.id}, {function}: right." for function in done]
    lines += [f"Exercise {exercise.id}{name}: {verdict.state}.", f"  {verdict.where}"]
    if verdict.state != WRONG:
        return lines
    lines += [f"  {verdict.pattern}."] if verdict.pattern else []
    about = verdict.mistake or verdict.task
    if about is None:
        return lines
    lines += ["", f"  {about.question}"]
    if hints:
        lines += [f"  {about.sentence}"]
    if hints > 1 and verdict.task is not None:
        lines += [
            f"  {verdict.task.equation}",
            f"  Explained in chapter {exercise.chapter}: scratchdae chapters run {exercise.chapter}",
        ]
    if hints < 2:
        lines += ["", f"  More: scratchdae exercises check {exercise.id} {'--hint ' * (hints + 1)}".rstrip()]
    return lines
