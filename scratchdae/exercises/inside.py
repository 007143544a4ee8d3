"""Runs in the child: a student's file, on inputs that come through a pipe; its answers go back through another.

What is right is not known here, so nothing that the file does to this process can make it right. The child is a Python
of its own, which knows nothing of scratchdae; this file imports nothing of the package.

Before the file is run the child gives up what it does not need: time, memory, files and processes (the system's
limits), writing, programs, network and signals to others (Landlock and a network namespace, where Linux has them), and,
by an audit hook, which cannot be taken off again, whatever of this Python would ask for, and reading beyond the
libraries. An audit hook is no wall against machine code; for submissions of strangers use a container as well.
"""

import ast
import contextlib
import ctypes
import json
import os
import struct
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

REFUSED = 77  # the exit status after something that a file may not do while it is checked
PEERS = {  # what a file may use besides NumPy, and what wakes it before the doors are shut
    "torch": "import torch",
    "jax": "import jax.numpy\njax.numpy.zeros(1)",
    "scipy": "import scipy",
}
_SHOWN = 400  # characters of an error's message
_READS = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.putenv", "os.unsetenv", "os.getxattr", "os.listxattr")
_FORBIDDEN = (
    "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "fcntl.", "gc.", "pty.", "resource.", "signal.pthread_kill",
    "sqlite3.", "sys._current", "code.__new__", "cpython.PyInterpreterState_New", "winreg.", "msvcrt.",
)  # fmt: skip
_CLOSED = ("scratchdae", "ctypes", "_ctypes", "cffi", "_posixsubprocess", "_xxsubinterpreters", "_interpreters")


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
    lines, write = source.splitlines(), os.write

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
    used = {name for node in ast.walk(tree) for name in _imports(node)}.intersection(PEERS)
    for peer in used:
        with contextlib.suppress(ImportError):  # said where the file imports it
            exec(PEERS[peer])
    _shut(limits["seconds"], limits["memory"], bool(used), package, path, lines)
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
            start = time.perf_counter()
            result = function(*given)
            seconds = time.perf_counter() - start
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
    return [(n, lines[n - 1].strip() if n <= len(lines) else "") for n in numbers]


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    return [node.module.partition(".")[0]] if isinstance(node, ast.ImportFrom) and node.module else []


def _shut(seconds: int, memory: int, peers: bool, package: str, path: str, lines: list[str]) -> None:
    """Give up what is not needed, for good; PyTorch and JAX need threads, and eight times the memory."""
    memory *= 8 if peers else 1
    with contextlib.suppress(ImportError):  # Windows has none
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        bounds = {"CPU": seconds, "FSIZE": 0, "CORE": 0, "NOFILE": 64} | ({} if peers else {"NPROC": 0})
        for kind, most in bounds.items():
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (most, most))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            _landlock(ctypes.CDLL(None, use_errno=True))
    roots = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path}
    sys.addaudithook(_guard(tuple(root + os.sep for root in roots if len(root) > 1), package + os.sep, path, lines))


def _landlock(libc: Any) -> None:
    """No writing, no programs, no network, no signals to others; by the kernel, as far as this one knows how."""
    libc.unshare(0x10000000 | 0x40000000)  # a user and a network namespace, where it may
    version = libc.syscall(444, None, 0, 1)  # landlock_create_ruleset, LANDLOCK_CREATE_RULESET_VERSION
    if version < 1:
        return
    read = 1 << 2 | 1 << 3
    every = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    rules = struct.pack("<QQQ", every & ~read, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    ruleset = libc.syscall(444, rules, size, 0)
    libc.syscall(446, ruleset, 0)  # landlock_restrict_self
    os.close(ruleset)


def _guard(
    roots: tuple[str, ...], package: str, path: str, lines: list[str]
) -> Callable[[str, tuple[Any, ...]], None]:
    """Make the audit hook. It raises nothing, since an error would carry its frame to the file; it ends the process."""
    lines = [f"\nline {n}: {line.strip()[:200]}" for n, line in enumerate(lines, 1)]

    def guard(
        event: str,
        args: tuple[Any, ...],
        forbidden: Any = _FORBIDDEN,  # all that it uses is bound here, out of the file's reach
        reads: Any = _READS,
        closed: Any = _CLOSED,
        leave: Any = os._exit,
        write: Any = os.write,
        status: int = REFUSED,
        kind: Any = type,
        text: Any = str,
        frame: Any = sys._getframe,
        whole: Any = int,
        up: str = os.sep + "..",
        inside: str = f"{os.sep}scratchdae{os.sep}",
        writing: int = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND,
    ) -> None:
        why = ""
        if event == "open":
            name, mode, flags = args
            if kind(name) is whole:
                return
            if kind(name) is not text or up in name or not name.startswith(roots):
                why = "" if kind(name) is text and name == path else "read a file"
            elif name.startswith(package) or inside in name:
                why = "read the package"
            if flags & writing or (mode is not None and ("w" in mode or "a" in mode or "x" in mode or "+" in mode)):
                why = "write a file"
        elif event == "import":
            if args[0].partition(".")[0] in closed:
                why = "import " + args[0].partition(".")[0]
        elif event == "object.__setattr__" or event == "object.__delattr__":
            why = "change a function's code" if args[1] == "__code__" else ""
        elif event.startswith(forbidden) and event not in reads:
            why = "call " + event
        if why:
            why += " (" + args[0][:100] + ")" if event == "open" and kind(args[0]) is text else ""
            here = frame(1)
            while here is not None and here.f_code.co_filename != path:
                here = here.f_back
            why += "" if here is None else lines[here.f_lineno - 1]
            write(2, ("\nrefused: " + why + "\n").encode())
            leave(status)

    return guard


if __name__ == "__main__":
    main(sys.argv[1])
