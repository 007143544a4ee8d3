"""What the process that runs a student's file gives up, for good, before it does: runs in the child.

Time, memory, files and processes (the system's limits); writing, programs, network, signals, and reading beyond the
libraries (Landlock, seccomp and a network namespace, where Linux has them); and, by an audit hook, which cannot be
taken off again, whatever of this Python would ask for. An audit hook is no wall against machine code.
"""

import contextlib
import ctypes
import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REFUSED = 77  # the exit status after something that a file may not do while it is checked
_LINE = 120  # characters of a line of the file
_READS = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.putenv", "os.unsetenv", "os.getxattr", "os.listxattr")
_FORBIDDEN = (
    "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "fcntl.", "gc.", "pty.", "resource.", "signal.pthread_kill",
    "sqlite3.", "sys._current", "code.__new__", "cpython.PyInterpreterState_New", "winreg.", "msvcrt.",
)  # fmt: skip
_NEEDED = (  # by the libraries themselves, besides where they are
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/proc/self", "/proc/cpuinfo", "/proc/meminfo",
    "/sys/devices/system/cpu", "/dev/null", "/dev/urandom",
)  # fmt: skip
_CLOSED = ("scratchdae", "cffi", "_posixsubprocess", "_xxsubinterpreters", "_interpreters", "readline")


def shut(seconds: int, memory: int, peers: bool, package: str, path: str, lines: list[str]) -> None:
    """Give up what is not needed, for good; PyTorch and JAX need threads, and eight times the memory."""
    memory *= 8 if peers else 1
    with contextlib.suppress(ImportError):  # Windows has none
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        bounds = {"CPU": seconds + int(time.process_time()), "FSIZE": 0, "CORE": 0, "NOFILE": 64} | (
            {} if peers else {"NPROC": 0}
        )
        for kind, most in bounds.items():
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (most, most))
    roots = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path, "/usr/share/zoneinfo"}
    roots = {root for root in roots if len(root) > 1}
    held = False
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None, use_errno=True)
            held = _landlock(libc, [*roots, *_NEEDED, path], package)
            _seccomp(libc)
    hook = _guard(tuple(root + os.sep for root in roots), package + os.sep, path, lines, held)
    sys.addaudithook(hook)


def _landlock(libc: Any, roots: list[str], package: str) -> bool:
    """No writing, no programs, no network, no signals to others, no reading beyond some folders: by the kernel."""
    libc.unshare(0x10000000 | 0x40000000)  # a user and a network namespace, where it may
    version = libc.syscall(444, None, 0, 1)  # landlock_create_ruleset, LANDLOCK_CREATE_RULESET_VERSION
    if version < 1:
        return False
    file, folder = 1 << 2, 1 << 3  # LANDLOCK_ACCESS_FS_READ_FILE, READ_DIR
    every = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    rules = struct.pack("<QQQ", every, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    ruleset = libc.syscall(444, rules, size, 0)

    def allow(place: str) -> None:
        around = (package + os.sep).startswith(place.rstrip(os.sep) + os.sep)
        if place == package or not Path(place).exists():
            return
        rights = folder if around else file | folder if Path(place).is_dir() else file
        there = os.open(place, os.O_PATH)
        libc.syscall(445, ruleset, 1, struct.pack("<Qi", rights, there), 0)  # landlock_add_rule, PATH_BENEATH
        os.close(there)
        for beneath in Path(place).iterdir() if around else ():  # all but the package
            allow(str(beneath))

    for root in roots:
        allow(os.path.realpath(root))
    held: int = libc.syscall(446, ruleset, 0)  # landlock_restrict_self
    os.close(ruleset)
    return held == 0


# By architecture: its number, clone, clone3, prlimit64, and what is refused, which neither Landlock nor the audit hook
# holds: priority, processors and memory of others, signals, owners and dates of files, what outlives a process.
_CALLS: dict[str, tuple[int, int, int, int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, 56, 435, 302, (
        29, 41, 57, 58, 59, 62, 64, 68, 90, 91, 92, 93, 94, 101, 132, 141, 142, 144, 159, 161, 164, 165, 166, 167,
        168, 169, 170, 175, 176, 188, 189, 190, 197, 198, 199, 200, 203, 227, 234, 235, 240, 248, 249, 250, 251, 260,
        261, 268, 272, 280, 297, 298, 308, 310, 311, 313, 314, 321, 322, 323, 424, 425, 434, 452,
    )),
    "aarch64": (0xC00000B7, 220, 435, 261, (
        5, 6, 7, 14, 15, 16, 30, 39, 40, 51, 52, 53, 54, 55, 88, 97, 105, 106, 112, 117, 118, 119, 122, 129, 130, 131,
        138, 140, 142, 161, 170, 171, 180, 186, 190, 194, 198, 217, 218, 219, 221, 224, 225, 240, 241, 268, 270, 271,
        273, 274, 280, 281, 282, 424, 425, 434, 452,
    )),
}  # fmt: skip


def _seccomp(libc: Any) -> None:
    """Refuse system calls; of `clone` what makes a thread is let through, of `prlimit64` what is of oneself."""
    number, clone, clone3, limits, refused = _CALLS.get(os.uname().machine, (0, 0, 0, 0, ()))
    load, equal, at_least, has, give = 0x20, 0x15, 0x35, 0x45, 0x06  # of the filter's language
    deny, absent, allow = 0x50000 | 1, 0x50000 | 38, 0x7FFF0000  # EPERM; ENOSYS, on which the C library takes clone
    rows = [(load, 0, 0, 4), (equal, 1, 0, number), (give, 0, 0, deny), (load, 0, 0, 0)]
    rows += [(at_least, 0, 1, 0x40000000), (give, 0, 0, deny)]
    for call in refused:
        rows += [(equal, 0, 1, call), (give, 0, 0, deny)]
    rows += [(equal, 0, 1, clone3), (give, 0, 0, absent)]
    for call, test, value in ((clone, has, 0x10000), (limits, equal, 0)):
        rows += [(equal, 0, 4, call), (load, 0, 0, 16), (test, 1, 0, value), (give, 0, 0, deny), (give, 0, 0, allow)]
    content = b"".join(struct.pack("<HBBI", *row) for row in [*rows, (give, 0, 0, allow)])
    buffer = ctypes.create_string_buffer(content)
    program = struct.pack("@HP", len(content) // 8, ctypes.addressof(buffer))
    if number:
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        libc.prctl(22, 2, program, 0, 0)  # PR_SET_SECCOMP, a filter


def _guard(
    roots: tuple[str, ...], package: str, path: str, lines: list[str], held: bool
) -> Callable[[str, tuple[Any, ...]], None]:
    """Make the audit hook. It raises nothing, since an error would carry its frame to the file; it ends the process."""
    own: list[Any] = []
    numbered = {n: f"\nline {n}: {line.strip()[:_LINE]}" for n, line in enumerate(lines, 1)}

    reads = (*_READS, *(("os.mkdir", "code.__new__") if held else ()))  # libraries do so; the kernel holds them
    bits = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def guard(  # all that it uses is bound here, out of the file's reach
        event: str, args: tuple[Any, ...], forbidden: Any = _FORBIDDEN, reads: Any = reads, kernel: bool = held,
        closed: Any = _CLOSED, leave: Any = os._exit, write: Any = os.write, status: int = REFUSED, kind: Any = type,
        text: Any = str, frame: Any = sys._getframe, own: Any = own, whole: Any = int, up: str = os.sep + "..",
        inside: str = f"{os.sep}scratchdae{os.sep}", writing: int = bits,
    ) -> None:  # fmt: skip
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
                file = frame(1).f_code.co_filename
                why = "" if kernel and kind(file) is text and file != path else "write a file"  # a library may try
        elif event == "import":
            if args[0].partition(".")[0] in closed:
                why = "import " + args[0].partition(".")[0]
        elif event == "object.__setattr__" or event == "object.__delattr__":
            file = frame(1).f_code.co_filename
            library = kernel and kind(file) is text and file != path
            why = "change a function's code" if args[0] is own[0] or (args[1] == "__code__" and not library) else ""
        elif event.startswith(forbidden) and event not in reads:
            why = "call " + event
        if why:
            why += " (" + args[0][:100] + ")" if event == "open" and kind(args[0]) is text else ""
            here = frame(1)
            while here is not None and (kind(here.f_code.co_filename) is not text or here.f_code.co_filename != path):
                here = here.f_back
            why += "" if here is None else numbered.get(here.f_lineno, "")
            write(2, ("\nrefused: " + why + "\n").encode())
            leave(status)

    own.append(guard)
    return guard
