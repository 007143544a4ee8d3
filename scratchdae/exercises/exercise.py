"""What an exercise is: data. A row of `scratchdae.exercises.catalogue`, and a skeleton file of the same name.

A function of an exercise is asked on cases, which are drawn here: some from fixed seeds, the same for ever, and some
from a fresh seed at every check. All sizes of a case differ, so that a transpose or a wrong divisor cannot hide.
"""

import dataclasses
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratchdae import backend
from scratchdae.arguments import Params
from scratchdae.exercises import process
from scratchdae.exercises.inside import as_arrays

_FOLDER = Path(__file__).parent
_SIZES = {"B": (4, 8), "D": (9, 13), "H": (14, 18), "F": (3, 4), "T": (5, 7), "K": (2, 3)}  # from, up to


@dataclass(frozen=True)
class Mistake:
    """A mistake that students make."""

    id: str
    question: str  # what a tutor would ask first
    sentence: str  # what it is, said plainly
    wrong: Callable[..., Any] | None = None  # the function with the mistake in it, called as the student's
    shows: Callable[[Params, Params, Params], bool] | None = None  # or: does it show in (inputs, found, expected)?
    always: bool = False  # does it make an answer wrong that is right to the digits asked for?


class Shows(NamedTuple):
    """A mistake of a random answer, by a test of whether it shows."""

    test: Callable[[Params, Params, Params], bool]  # of inputs, found, expected
    always: bool = False  # also of answers that are right to the digits asked for


@dataclass(frozen=True)
class Task:
    """One function of an exercise; what is said about it and about its mistakes stands in the exercise's TOML file."""

    function: str
    inputs: Mapping[str, str]  # by name: the sizes of its axes, as in "BD", and how it is drawn, as in "BD unit"
    outputs: tuple[str, ...]
    reference: Callable[..., Any]  # the library's answer, called as the student's
    wrong: Mapping[str, Callable[..., Any] | Shows]  # by the mistake's id; of several that show, the first is named
    draw: Callable[[np.random.Generator, dict[str, int]], dict[str, Any]] = (
        lambda _rng, _sizes: {}
    )  # inputs of another kind
    prepare: str = ""  # source of ``arguments(**inputs) -> tuple``, for functions and generators among the arguments
    measure: Callable[[Params, Params], Params] | None = (
        None  # what of (inputs, outputs) is compared, where it is random
    )
    rtol: float = 2e-5  # of the largest entry: float32 is right
    frozen: int = 3  # cases that are the same for ever
    fresh: int = 3  # cases that are new at every check
    mistakes: tuple[Mistake, ...] = ()  # `wrong` with its texts
    question: str = ""  # for a mistake that is not known
    sentence: str = ""
    equation: str = ""
    big: int = 8  # how many times larger the case is that tells fast from slow; 0 for none

    def case(self, label: str, seed: int, scale: int = 1) -> "Case":
        """Draw a case."""
        rng = np.random.default_rng([seed, *self.function.encode()])
        sizes = {name: scale * int(rng.integers(low, high + 1)) for name, (low, high) in _SIZES.items()}
        inputs: dict[str, Any] = {}
        for name, text in self.inputs.items():
            axes, _, kind = text.partition(" ")
            shape = tuple(sizes[axis] for axis in axes)
            if kind == "unit":
                inputs[name] = rng.uniform(0.05, 0.95, shape)
            elif kind != "drawn":
                inputs[name] = rng.normal(size=shape) * (math.sqrt(1 / shape[0]) if kind == "weights" else 1)
        inputs |= self.draw(rng, sizes)
        ordered = {name: np.asarray(inputs[name]) for name in self.inputs}
        return Case(self, label, ordered, sizes)


@dataclass(frozen=True)
class Case:
    """Inputs of a function, and the right answer."""

    task: Task
    label: str
    inputs: Params
    sizes: Mapping[str, int]

    @property
    def request(self) -> process.Request:
        """What the student's process is asked."""
        return process.Request(self.task.function, self.inputs, self.task.outputs, self.task.prepare)

    def answer(self, function: Callable[..., Any]) -> Params:
        """What a function of ours answers."""
        with np.errstate(all="ignore"), backend.using("numpy"):
            return as_arrays(function(*process.arguments(self.request)), list(self.task.outputs))

    def measured(self, outputs: Params) -> Params:
        """What of the outputs is compared."""
        with np.errstate(all="ignore"):
            return outputs if self.task.measure is None else self.task.measure(self.inputs, outputs)


@dataclass(frozen=True)
class Exercise:
    """One exercise: one or more functions, or, in a diagnosis, constants that are read and tried."""

    number: int
    name: str
    teaches: str
    builds_on: tuple[int, ...]
    chapter: str  # the number of the one that explains it
    tasks: tuple[Task, ...]
    seconds: int = 5  # of a processor, for all cases
    judge: Any = field(default=None)  # of a diagnosis: constants of the file to a Verdict

    @property
    def id(self) -> str:
        """Two digits, as on the command line."""
        return f"{self.number:02}"

    @property
    def stem(self) -> str:
        """The name of its file, without the suffix."""
        return f"{self.id}_{self.name}"

    @property
    def skeleton(self) -> str:
        """The text of the file that a student begins with."""
        return (_FOLDER / "skeletons" / f"{self.stem}.py").read_text(encoding="utf-8")


def exercise(number: int, name: str, *tasks: Task, **more: Any) -> Exercise:
    """Make an exercise, with the texts of ``catalogue/NN_name.toml``."""
    texts = tomllib.loads((_FOLDER / "catalogue" / f"{number:02}_{name}.toml").read_text(encoding="utf-8"))
    about = {"teaches": texts["teaches"], "builds_on": tuple(texts["builds_on"]), "chapter": texts["chapter"]}
    return Exercise(number, name, **about, tasks=tuple(_told(task, texts[task.function]) for task in tasks), **more)


def _told(task: Task, texts: dict[str, Any]) -> Task:
    mistakes, shared = [], tomllib.loads((_FOLDER / "catalogue" / "shared.toml").read_text(encoding="utf-8"))
    for id_, wrong in task.wrong.items():
        test, function = (wrong.test, None) if isinstance(wrong, Shows) else (None, wrong)
        place, _, kind = id_.partition(": ")  # "dW: no slope" is no slope in dW
        question, sentence = texts["mistakes"].get(id_) or shared.get(id_) or shared[kind]
        sentence = sentence if id_ in texts["mistakes"] or id_ in shared else f"In {place}: {sentence}"
        mistakes.append(Mistake(id_, question, sentence, function, test, isinstance(wrong, Shows) and wrong.always))
    said = {name: texts[name] for name in ("question", "sentence", "equation")}
    return dataclasses.replace(task, mistakes=tuple(mistakes), **said)
