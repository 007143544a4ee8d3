"""A trial: a function that can be imported, arguments that go into JSON, a seed; and the key made of the three."""

import hashlib
import inspect
import json
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scratchdae.arguments import integer, sequence
from scratchdae.sweep.worker import Call, find

GIVEN = ("seed", "out")  # what the sweep passes, beside the trial's own arguments


@dataclass(frozen=True)
class Trial:
    """One call of ``function(**arguments, seed=seed)``, and ``out=folder`` where the sweep has folders.

    Attributes
    ----------
    function : callable
        A function of a module, not a lambda and not defined inside another: workers import it by its name. What it
        returns must go into JSON (NumPy's numbers and arrays do, NaN does not).
    arguments : mapping of str to object
        What JSON holds and returns unchanged: numbers, strings, True, False, None, lists, dicts with names for keys.
    seed : int, optional
        At least 0. Without it the sweep derives one from its own seed and this specification.
    """

    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse what a worker could not be told."""
        _check_importable(self.function)
        object.__setattr__(self, "arguments", _plain_arguments(self.arguments))
        if self.seed is not None:
            object.__setattr__(self, "seed", integer("seed", self.seed, at_least=0))

    @property
    def name(self) -> str:
        """Module and qualified name of the function; one of the script that was started bears the name of its file."""
        return f"{_module_name(self.function)}.{self.function.__qualname__}"

    @property
    def specification(self) -> dict[str, Any]:
        """What makes this trial this one, ready for JSON; nothing in it depends on the clock or on the machine."""
        return {"function": self.name, "arguments": self.arguments, "seed": self.seed}

    @property
    def key(self) -> str:
        """The digest of the specification, 32 hexadecimal digits."""
        return _digest(self.specification)[:32]

    def seeded(self, sweep_seed: int) -> "Trial":
        """Return the trial with a seed: its own, or one derived from the sweep's and the specification."""
        if self.seed is not None:
            return self
        digest = _digest({**self.specification, "sweep": sweep_seed})
        return replace(self, seed=int(digest[:16], 16) >> 11)  # below 2⁵³, which any reader of JSON holds exactly

    def call(self, folder: Path | None) -> Call:
        """Return what a worker is told; every time with another submission."""
        given = {"seed": self.seed, "out": None if folder is None else str(folder)}
        arguments = {**self.arguments, **{name: value for name, value in given.items() if value is not None}}
        return Call(self.function.__module__, self.function.__qualname__, arguments, uuid.uuid4().hex)


def by_key(trials: Iterable[Trial], sweep_seed: int) -> dict[str, Trial]:
    """Give every trial a seed and a key, and refuse two alike."""
    found: dict[str, Trial] = {}
    for number, trial in enumerate(sequence("trials", trials, "trials")):
        if not isinstance(trial, Trial):
            raise ValueError(f"trials[{number}] must be a Trial, found {trial!r:.200}")
        trial = trial.seeded(sweep_seed)
        if trial.key in found:
            raise ValueError(
                f"trials must differ, found trials[{number}] the same as trials[{list(found).index(trial.key)}]: "
                f"{trial.name} with {trial.arguments} and seed {trial.seed}"
            )
        found[trial.key] = trial
    return found


def check_signature(trial: Trial, with_folder: bool) -> None:
    """Refuse a trial whose function would not take its arguments."""
    given = dict.fromkeys(GIVEN if with_folder else GIVEN[:1])
    try:
        inspect.signature(trial.function).bind(**trial.arguments, **given)
    except TypeError as error:
        raise ValueError(
            f"arguments must fit {trial.name}{inspect.signature(trial.function)}, which also gets "
            f"{' and '.join(given)}; found {sorted(trial.arguments)} ({error})"
        ) from None


def _check_importable(function: Any) -> None:
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    try:
        importable = callable(function) and find(str(module), str(qualname)) is function
    except (ImportError, AttributeError):
        importable = False
    if not importable:
        raise ValueError(
            f"function must be one that a worker can import by name, defined at the top of a module, found {function!r}"
        )


def _plain_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    expected = "arguments must be named, and be what JSON returns unchanged (a list, not a tuple; no NaN)"
    if not isinstance(arguments, Mapping):
        raise ValueError(f"{expected}, found {arguments!r:.200}")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(arguments), allow_nan=False, sort_keys=True))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{expected}, found {arguments!r:.200} ({error})") from None
    if plain != arguments:
        raise ValueError(f"{expected}, found {arguments!r:.200}")
    for name in GIVEN:
        if name in plain:
            raise ValueError(f"arguments must leave {name!r} to the sweep, found {name} = {plain[name]!r}")
    return plain


def _module_name(function: Any) -> str:
    if function.__module__ != "__main__":
        return str(function.__module__)
    main = sys.modules["__main__"]  # named by its file, it is the same trial when another script imports it
    if main.__spec__ is not None:  # started by python -m
        return main.__spec__.name
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else "__main__"


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
