"""A class: check a folder of submissions, each in processes of its own, and make a table of who made which mistake."""

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from scratchdae import atomic
from scratchdae.arguments import number
from scratchdae.exercises.catalogue import EXERCISES
from scratchdae.exercises.checking import NOT_BEGUN, REFUSED, RIGHT, Verdict, check_file
from scratchdae.exercises.exercise import Exercise
from scratchdae.exercises.progress import find, solution


class Due(NamedTuple):
    """An exercise that a course asks for."""

    exercise: Exercise
    weight: float


@dataclass(frozen=True)
class Row:
    """One student: a verdict for each exercise that is due."""

    student: str
    verdicts: tuple[Verdict, ...]
    points: float

    @property
    def line(self) -> str:
        """What is said while the others are being checked."""
        return f"{sum(v.state == RIGHT for v in self.verdicts)} of {len(self.verdicts)} right, {self.points:g} points"


def read_course(path: Path | None) -> tuple[Due, ...]:
    """Read ``[weights]`` and ``due`` of a TOML file; without one all exercises are due and count 1."""
    if path is None:
        return tuple(Due(exercise, 1.0) for exercise in EXERCISES)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be a TOML file ({error})") from None
    weights, due = found.get("weights", {}), found.get("due")
    if not isinstance(weights, dict) or not isinstance(due, list | None) or set(found) - {"weights", "due"}:
        raise ValueError(f"{path} must hold due, a list of exercises, and a table [weights], found {', '.join(found)}")
    values = {find(str(which)).number: number(f"weights.{which}", w, at_least=0) for which, w in weights.items()}
    chosen = sorted(values) if due is None else sorted(find(str(which)).number for which in due)
    by_number = {exercise.number: exercise for exercise in EXERCISES}
    return tuple(Due(by_number[n], values.get(n, 1.0)) for n in chosen or by_number)


def grade(folder: Path, course: Sequence[Due], jobs: int, told: Callable[[Row], None]) -> list[Row]:
    """Check all submissions, a folder for each student or one of one; `told` is called with each as it is done."""
    if not folder.is_dir():
        raise ValueError(f"{folder} must be a folder of submissions")
    students = sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.is_symlink() and path.name[0] != "."
    )
    if not students or any(solution(folder, due.exercise).is_file() for due in course):
        students = [folder]  # of one: a classroom repository
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(_row, student, course) for student in students]
        rows = []
        try:
            for done in as_completed(waiting):
                rows.append(done.result())
                told(rows[-1])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return sorted(rows, key=lambda row: row.student)


def _row(student: Path, course: Sequence[Due]) -> Row:
    verdicts = []
    for due in course:
        path = solution(student, due.exercise)
        if path.is_symlink() or not path.is_file():
            verdicts.append(Verdict(NOT_BEGUN, where="no file"))
        else:
            try:
                verdicts.append(check_file(due.exercise, path))
            except Exception as error:  # one submission must not cost the others theirs
                verdicts.append(Verdict(REFUSED, where=f"the checker failed: {type(error).__name__}: {error}"))
    points = sum(due.weight for due, verdict in zip(course, verdicts, strict=True) if verdict.state == RIGHT)
    return Row(student.name, tuple(verdicts), points)


def cell(verdict: Verdict) -> str:
    """Say a verdict in a few words: the mistake's name where it is known."""
    if verdict.mistake is not None:
        return f"{verdict.function}: {verdict.mistake.id}"
    if verdict.state == RIGHT and verdict.slow:
        return "right, slow"
    return (
        verdict.state if not verdict.function or verdict.state == NOT_BEGUN else f"{verdict.state}: {verdict.function}"
    )


def table(rows: Sequence[Row], course: Sequence[Due]) -> list[str]:
    """Make the lines of the table of a terminal: a mark each, and the most frequent mistakes."""
    marks = {RIGHT: "✓", NOT_BEGUN: "·", REFUSED: "!"}
    width = max([len(row.student) for row in rows] + [7])
    lines = [f"{'':<{width}}  {' '.join(due.exercise.id for due in course)}  points"]
    for row in rows:
        cells = " ".join(f"{marks.get(v.state, '✗'):>2}" for v in row.verdicts)
        lines.append(f"{row.student:<{width}}  {cells}  {row.points:g} of {sum(due.weight for due in course):g}")
    lines += ["", "✓ right   ✗ wrong   · not begun   ! refused (a loop without end, a file it may not read, ...)"]
    found = frequent(rows, course)
    return lines + (["", "The most frequent mistakes:"] if found else []) + [f"{n:>4}  {what}" for what, n in found]


def frequent(rows: Sequence[Row], course: Sequence[Due], most: int = 10) -> list[tuple[str, int]]:
    """Count the named mistakes of a class."""
    count: Counter[str] = Counter()
    for row in rows:
        for due, verdict in zip(course, row.verdicts, strict=True):
            if verdict.mistake is not None:
                count[f"{due.exercise.id} {verdict.function}, {verdict.mistake.id}: {verdict.mistake.sentence}"] += 1
    return count.most_common(most)


def write(path: Path, rows: Sequence[Row], course: Sequence[Due], form: str) -> None:
    """Write what was found: ``json``, ``junit`` or ``html``."""
    text = {"json": _json, "junit": _junit, "html": _html}[form](rows, course)
    atomic.write(path, text.encode(errors="backslashreplace"))


def _json(rows: Sequence[Row], course: Sequence[Due]) -> str:
    found = [
        {
            "student": row.student, "points": row.points,
            "exercises": {
                due.exercise.id: {
                    "state": v.state, "function": v.function, "where": v.where, "seconds": round(v.seconds, 2),
                    "mistake": v.mistake and v.mistake.id, "sentence": v.mistake and v.mistake.sentence,
                }
                for due, v in zip(course, row.verdicts, strict=True)
            },
        }
        for row in rows
    ]  # fmt: skip
    weights = {due.exercise.id: due.weight for due in course}
    return json.dumps({"weights": weights, "students": found}, indent=1, ensure_ascii=False) + "\n"


def _plain(text: str) -> str:
    """What XML and a page can hold: no control characters, which a student's file may print."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def _junit(rows: Sequence[Row], course: Sequence[Due]) -> str:
    suites = ElementTree.Element("testsuites")
    for row in rows:
        states = [v.state for v in row.verdicts]
        suite = ElementTree.SubElement(
            suites, "testsuite", name=_plain(row.student), tests=str(len(states)),
            failures=str(sum(s not in (RIGHT, NOT_BEGUN) for s in states)), skipped=str(states.count(NOT_BEGUN)),
        )  # fmt: skip
        for due, v in zip(course, row.verdicts, strict=True):
            case = ElementTree.SubElement(
                suite, "testcase", classname=_plain(row.student), name=due.exercise.stem, time=f"{v.seconds:.2f}"
            )
            if v.state == NOT_BEGUN:
                ElementTree.SubElement(case, "skipped")
            elif v.state != RIGHT:
                said = v.mistake.question if v.mistake else v.where
                ElementTree.SubElement(case, "failure", message=_plain(cell(v))).text = _plain(f"{v.where}\n{said}")
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


_STYLE = (
    "body{font:16px/1.5 sans-serif;margin:2em;max-width:80em}td,th{padding:.2em .6em;text-align:left;"
    "vertical-align:top;border-bottom:1px solid #ddd;font-size:14px}"
    ".right{background:#dff0d8}.wrong{background:#f8e0d0}.refused{background:#f0c8c8}.scroll{overflow-x:auto}"
)


def _html(rows: Sequence[Row], course: Sequence[Due]) -> str:
    """Make a page by itself: how many have each exercise right, the most frequent mistakes, and who made which."""
    total = sum(due.weight for due in course)
    head = "".join(f"<th title='{escape(due.exercise.teaches, quote=True)}'>{due.exercise.id}</th>" for due in course)
    right = [sum(row.verdicts[k].state == RIGHT for row in rows) for k in range(len(course))]
    body = [f"<tr><th>right, of {len(rows)}</th>{''.join(f'<td>{n}</td>' for n in right)}<td></td></tr>"]
    for row in rows:
        cells = "".join(
            f"<td class='{v.state.split()[0]}' title='{escape(_plain(v.where), quote=True)}'>{escape(cell(v))}</td>"
            for v in row.verdicts
        )
        body.append(f"<tr><th>{escape(_plain(row.student))}</th>{cells}<td>{row.points:g} of {total:g}</td></tr>")
    mistakes = "".join(f"<tr><td>{n}</td><td>{escape(what)}</td></tr>" for what, n in frequent(rows, course, 20))
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Exercises</title>"
        f"<style>{_STYLE}</style>"
        f"<h1>Exercises of {len(rows)} students</h1><h2>The most frequent mistakes</h2><table>{mistakes}</table>"
        f"<h2>Who has done what</h2><div class='scroll'><table><tr><th></th>{head}<th>points</th></tr>{''.join(body)}"
        "</table></div></html>\n"
    )
