"""All that changes while a run goes on, and so all that a checkpoint must hold to resume it to the bit."""

import hashlib
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.training import checkpoint
from scratchdae.training.generators import Streams
from scratchdae.training.history import History, Record
from scratchdae.training.stopping import GrowingPatience

# The other streams are spent before the first epoch, or begin anew in each.
RESUMED_STREAMS = ("shuffling", "corruption", "layers")


@dataclass
class Run:
    """The state of a training run."""

    config: dict[str, Any]  # model, options, fingerprint of the data, backend: what must be the same to resume
    params: Params  # after the last step
    optimizer_state: Params  # what the update rule remembers
    streams: Streams
    history: History  # the epochs so far
    keep_best: bool  # whether the parameters of the best epoch are kept
    best: Params = field(default_factory=dict)  # those parameters; empty before the first epoch

    def record(self, record: Record) -> None:
        """Add an epoch to the history, and keep its parameters if they are the best so far."""
        self.history.records.append(record)
        if self.keep_best and self.history.best_epoch == record["epoch"]:
            self.best = {name: value.copy() for name, value in self.params.items()}

    def stalled(self, patience: int | GrowingPatience | None) -> bool:
        """Tell whether what is watched has not fallen for so many epochs, or by that rule; None has no limit."""
        if isinstance(patience, GrowingPatience):
            return patience.over(self.history.watched)
        best = self.history.best_epoch
        return patience is not None and best is not None and len(self.history) - best >= patience

    def kept_params(self) -> Params:
        """Return the parameters that the run ends with: the best, if they are kept; otherwise the last."""
        return self.best if self.best else self.params

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint."""
        arrays = dict(self.params)
        arrays |= {f"best/{name}": value for name, value in self.best.items()}
        arrays |= {f"optimizer/{name}": value for name, value in self.optimizer_state.items()}
        state = {
            "config": self.config,
            "kept": "best" if self.keep_best else "",
            "history": self.history.records,
            "generators": {name: getattr(self.streams, name).bit_generator.state for name in RESUMED_STREAMS},
        }
        checkpoint.save(path, arrays, state)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go on from a checkpoint.

        One that is not whole, or of a run with other options or data, is refused; nothing is changed then.
        """
        arrays, state = checkpoint.load(path)
        try:
            difference = _first_difference(state["config"], self.config)
            history = _checked(state["history"])
            generators = {name: _generator(state["generators"][name]) for name in RESUMED_STREAMS}
        except checkpoint.UNREADABLE as error:
            raise ValueError(f"{path} lacks part of its state, or holds another in its place ({error!r:.80})") from None
        if difference is not None:
            what, found, expected = difference
            raise ValueError(
                f"{path} is of a run with {what} = {found!r:.80} and cannot be resumed with {expected!r:.80}"
            )
        params, best, optimizer_state = (checkpoint.group(arrays, prefix) for prefix in ("", "best", "optimizer"))
        for what, loaded, like in (
            ("parameters", params, self.params),
            ("best parameters", best, self.params if self.keep_best else {}),
            ("optimizer state", optimizer_state, self.optimizer_state),
        ):
            if _layout(loaded) != _layout(like):
                raise ValueError(f"{path} must hold {what} {_layout(like)}, found {_layout(loaded)}")
        self.params, self.best = _ordered(params, self.params), _ordered(best, self.params) if best else {}
        self.optimizer_state = _ordered(optimizer_state, self.optimizer_state)
        self.streams = self.streams._replace(**generators)
        self.history.records = history


def _checked(records: list[Record]) -> list[Record]:
    """Return the records of a run's epochs if they are that: numbered, of numbers, with what is watched."""
    if [record["epoch"] for record in records] != list(range(1, len(records) + 1)):
        raise ValueError("epochs that do not follow each other")
    for record in records:
        if not all(value is None or isinstance(value, int | float) for value in record.values()):
            raise TypeError(f"epoch {record['epoch']} with more than numbers")
        record["loss"], record["validation_loss"]
    return records


def _generator(state: Any) -> np.random.Generator:
    """Make a generator anew: one whose state is half set would be neither the old nor the new."""
    generator = np.random.default_rng(0)
    generator.bit_generator.state = state
    return generator


def fingerprint(x: Array | None, target: Array | None) -> dict[str, Any] | None:
    """Tell one data set from another by shape, dtype and a digest of up to 64 evenly spaced examples."""
    if x is None or target is None:
        return None
    digest = hashlib.sha256()
    for array in (x, target):
        digest.update(np.ascontiguousarray(array[:: -(-len(array) // 64)]).tobytes())
    return {"shape": list(x.shape), "dtype": x.dtype.name, "sha256_of_sample": digest.hexdigest()}


def _ordered(arrays: Params, like: Params) -> Params:
    """Put arrays in the model's order, in which penalties and norms are summed: a file has them in another."""
    return {name: arrays[name] for name in like}


def _layout(arrays: Params) -> dict[str, str]:
    return {name: f"{array.dtype.name} {array.shape}" for name, array in arrays.items()}


def _first_difference(found: dict[str, Any], expected: dict[str, Any], prefix: str = "") -> tuple[str, Any, Any] | None:
    for name in sorted(found.keys() | expected.keys(), key=lambda name: (name == "backend", name)):  # that follows
        a, b = (_by_name(config.get(name)) for config in (found, expected))
        if isinstance(a, dict) and isinstance(b, dict):
            deeper = _first_difference(a, b, f"{prefix}{name}.")
            if deeper is not None:
                return deeper
        elif a != b:
            return f"{prefix}{name}", a, b
    return None


def _by_name(part: Any) -> Any:
    return {str(k): value for k, value in enumerate(part)} if isinstance(part, list) else part
