"""What a worker does: find the function, call it, and hand back its value or what went wrong.

Nothing but names and JSON travels, so a worker needs no pickled code; and a trial's own errors never leave it as
exceptions. Whatever an executor raises is therefore about the executor: a worker died, or the pool is gone.
"""

import importlib
import os
import socket
import time
import traceback
from dataclasses import dataclass
from typing import Any

from scratchdae.arguments import json_value

Outcome = dict[str, Any]  # value, error, seconds, worker: what a line of the file says beside the specification


@dataclass(frozen=True)
class Call:
    """A trial on its way to a worker."""

    module: str
    qualname: str
    arguments: dict[str, Any]  # all its keyword arguments, the seed and the folder among them
    # Tells one attempt from another: an executor that remembers results by their inputs would otherwise answer a
    # second attempt with the first.
    submission: str


def find(module: str, qualname: str) -> Any:
    """Import a function by name."""
    found = importlib.import_module(module)
    for name in qualname.split("."):
        found = getattr(found, name)
    return found


def run(call: Call) -> Outcome:
    """Run a trial: its value is as JSON returns it, its error None or from `describe`, its worker host and process."""
    started, value, error = time.perf_counter(), None, None
    try:
        value = json_value("a trial's value", find(call.module, call.qualname)(**call.arguments))
    except (Exception, SystemExit) as caught:  # sys.exit in a trial ends the trial, not the worker
        error = describe(caught)
    seconds = time.perf_counter() - started
    return {"value": value, "error": error, "seconds": seconds, "worker": f"{socket.gethostname()}:{os.getpid()}"}


def describe(error: BaseException) -> dict[str, str]:
    """Write an exception down as its ``type``, ``message`` and ``traceback``."""
    text = "".join(traceback.format_exception(error))
    return {"type": type(error).__name__, "message": str(error), "traceback": text}
