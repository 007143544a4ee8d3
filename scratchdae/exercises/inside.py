"""Runs in the child: a student's file, on inputs that come through a pipe; its answers go back through another.

What is right is not known here, so nothing that the file does to this process can make it right. The child is a Python
of its own, which knows nothing of scratchdae; this file imports nothing of the package.
Before the file is run the child gives up what it does not need (`bounds`); for submissions of strangers use a container
as well.
"""

import ast
import contextlib
import json
import os
import signal
import struct
import sys
import time
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

PEERS = {  # what a file may use besides NumPy, and what wakes it before the doors are shut
    "torch": "import torch",
    "jax": "import jax.numpy\njax.numpy.zeros(1)",
    "scipy": "import scipy",
}
_DRAWS = ("matplotlib", "seaborn")
_SHOWN, _LINE = 400, 120  # characters of an error's message, and of a line of the file


def pack(about: Any, arrays: Mapping[str, Any]) -> bytes:
    """Put arrays, and what JSON can hold about them, into bytes."""
    held = {name: np.ascontiguousarray(value).reshape(np.shape(value)) for name, value in arrays.items()}
    shapes = {name: [value.dtype.str, list(value.shape)] for name, value in held.items()}
    head = json.dumps([about, shapes]).encode()
    return struct.pack("<Q", len(head)) + head + b"".join(value.tobytes() for value in held.values())


def unpack(content: bytes) -> tuple[Any, dict[str, Any]]:
    """Take them out again; a ValueError for bytes that `pack` did not make: numbers alone are read."""
    try:
        (length,) = struct.unpack_from("<Q", content)
        about, shapes = json.loads(content[8 : 8 + length])
        offset, arrays = 8 + length, {}
        for name, (kind, shape) in shapes.items():
            dtype = np.dtype(kind)
            if dtype.kind not in "fiub":
                raise ValueError(f"{name} holds no numbers")
            count = int(np.prod(shape, dtype=object)) if shape else 1
            arrays[name] = np.frombuffer(content, dtype, count, offset).reshape(shape)
            offset += count * dtype.itemsize
    except (struct.error, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no message: {error}") from None
    return about, arrays


def frames(content: bytes) -> Iterator[bytes]:
    """Yield the messages that `framed` put one behind the other; what is cut off is left."""
    while len(content) >= 8:
        (length,) = struct.unpack_from("<Q", content)
        if len(content) < 8 + length:
            return
        yield content[8 : 8 + length]
        content = content[8 + length :]


def framed(content: bytes) -> bytes:
    """Put the length of a message before it."""
    return struct.pack("<Q", len(content)) + content


def arguments(prepare: str, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Make a function's arguments of the inputs of a case: numbers of arrays without axes, and what `prepare` makes."""
    values = {name: value.item() if value.ndim == 0 else value for name, value in inputs.items()}
    if not prepare:
        return tuple(values.values())
    namespace: dict[str, Any] = {"np": np}
    exec(prepare, namespace)
    made: tuple[Any, ...] = namespace["arguments"](**values)
    return made


def as_arrays(result: Any, names: list[str]) -> dict[str, Any]:
    """Make arrays of what a function returned: one, a tuple or a dict; of NumPy, PyTorch or JAX."""
    if result is None:
        raise TypeError("nothing is returned: is a `return` missing?")
    if isinstance(result, dict):
        missing = [name for name in names if name not in result]
        if missing:
            raise TypeError(f"returned a dict without {', '.join(missing)}")
        result = [result[name] for name in names]
    elif len(names) == 1:
        result = result if isinstance(result, tuple) and len(result) == 1 else [result]
    elif not isinstance(result, tuple | list) or len(result) != len(names):
        found = f"{len(result)} values" if isinstance(result, tuple | list) else type(result).__name__
        raise TypeError(f"must return {', '.join(names)}, in this order; returned {found}")
    arrays = {}
    for name, value in zip(names, result, strict=True):
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"returned {type(value).__name__} as {name}, where real numbers are expected")
        arrays[name] = array if array.dtype.kind == "f" else array.astype(float)
    return arrays


def main(package: str) -> None:
    """Answer the request on standard input; `package` is the folder that the file may not read."""
    sent = sys.stdin.buffer.read()
    results = os.dup(1)
    os.dup2(2, 1)  # what the file prints is shown, and is no answer
    request, arrays = unpack(sent)
    path, source, limits = request["path"], request["source"], request["limits"]
    lines, write, clock = source.splitlines(), os.write, time.process_time

    def tell(about: Any, arrays: Mapping[str, Any]) -> None:
        content = framed(pack(about, arrays))
        while content:
            content = content[write(results, content) :]

    try:
        tree = ast.parse(source, path)
    except (SyntaxError, ValueError) as error:
        at = getattr(error, "lineno", None)
        tell({"error": ["SyntaxError", str(getattr(error, "msg", error)), _places([at] if at else [], lines)]}, {})
        return
    except (MemoryError, RecursionError):
        tell({"error": ["SyntaxError", "the file is nested too deep", []]}, {})
        return
    harmless = types.ModuleType("_posixsubprocess")  # numpy.testing imports subprocess, and uses nothing of it
    harmless.fork_exec = None  # type: ignore[attr-defined]
    sys.modules["_posixsubprocess"] = harmless
    imported = {name for node in ast.walk(tree) for name in _imports(node)}
    for name in imported:
        if name.partition(".")[0] in _DRAWS:
            parts = name.split(".")
            sys.modules |= {".".join(parts[:n]): _Nothing(name) for n in range(1, len(parts) + 1)}
    used = {name.partition(".")[0] for name in imported}.intersection(PEERS)
    for peer in used:
        with contextlib.suppress(ImportError):  # said where the file imports it
            exec(PEERS[peer])
            if peer == "torch" and "optim" in source:  # which imports a compiler, and that wants to write
                exec("import torch\ntorch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)")
    bounds: dict[str, Any] = {"__name__": "bounds"}
    exec(Path(__file__).with_name("bounds.py").read_text(encoding="utf-8"), bounds)
    bounds["shut"](limits["seconds"], limits["memory"], bool(used), package, path, lines)
    virtual = getattr(signal, "ITIMER_VIRTUAL", 0)
    timer: Any = (lambda *_: None) if used or sys.platform == "win32" else signal.setitimer
    module = types.ModuleType("exercise")
    module.__file__ = path
    sys.modules["exercise"] = module
    try:
        exec(compile(tree, path, "exec"), module.__dict__)
        for number, task in enumerate(request["tasks"]):
            inputs = {name: arrays[f"{number}/{name}"].copy() for name in task["inputs"]}
            function = getattr(module, task["function"], None)
            if not callable(function):
                tell({"absent": task["function"]}, {})
                return
            given = arguments(task["prepare"], inputs)
            timer(virtual, task["seconds"])  # which ends the process
            start = clock()
            result = function(*given)
            seconds = clock() - start
            timer(virtual, 0)
            outputs = as_arrays(result, task["outputs"])
            tell(
                {"seconds": seconds},
                {f"out/{k}": v for k, v in outputs.items()} | {f"in/{k}": v for k, v in inputs.items()},
            )
    except BaseException as error:  # SystemExit too: a file that leaves has not answered
        message = ""
        with contextlib.suppress(BaseException):  # an error of the file's own may fail to say what it is
            message = str(error)[:_SHOWN]
        own, trace = [], error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == path:
                own.append(trace.tb_lineno)
            trace = trace.tb_next
        tell({"error": [type(error).__name__, message, _places(own[-3:], lines)]}, {})


def _places(numbers: list[int], lines: list[str]) -> list[tuple[int, str]]:
    return [(n, lines[n - 1].strip()[:_LINE] if n <= len(lines) else "") for n in numbers]


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


class _Nothing(types.ModuleType):
    """Stands for a library that draws: whatever is asked of it does nothing."""

    def __getattr__(self, name: str) -> "_Nothing":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: object, **__: object) -> "_Nothing":
        return self

    def __iter__(self) -> Iterator["_Nothing"]:
        return iter((self, self))  # fig, ax = plt.subplots()


if __name__ == "__main__":
    end = os._exit
    main(sys.argv[1])
    with contextlib.suppress(BaseException):
        sys.stderr.flush()
        sys.stdout.flush()
    end(0)  # a thread that the file began is not waited for
