"""Hand in what is meant to harm or to pass unearned, and look what came of it.

Each file of `hostile/` is a submission (its first line says what it tries). It is checked through the command line, in
a scratch folder with a file, a process, a server and another student's solution that it may go for.

    python tests/exercises/held_out/hostile_hand_in.py SCRATCH answers.json [NAME ...]
"""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import scratchdae

HERE = Path(__file__).parent
LIMIT = 240  # seconds for one check


def text_of(source: str, values: dict[str, str]) -> str:
    """The submission, with @50000*.a@ written out and the names of what it may go for."""
    for name, value in values.items():
        source = source.replace(f"@{name}@", value)
    return re.sub(r"@(\d+)\*(.+?)@", lambda found: found[2] * int(found[1]), source)


def left_running(mark: str) -> list[str]:
    """Processes that the check began and left."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"HELD_OUT_RUN={mark}".encode() in (folder / "environ").read_bytes():
                found.append(f"{folder.name} {(folder / 'cmdline').read_bytes()[:80]!r}")
    return found


def files_left(scratch: Path) -> list[str]:
    """Files that a submission is to write nowhere."""
    folders = (scratch, Path("/tmp"), Path("/dev/shm"), Path.home())
    return [str(path) for folder in folders for path in folder.glob("*held_out_harm*")] + [
        str(path) for path in scratch.rglob("*held_out_harm*")
    ]


def check_one(source: Path, scratch: Path) -> dict[str, Any]:
    """Run one through the checker; return what was said, and what was harmed."""
    shutil.rmtree(scratch, ignore_errors=True)
    canary = scratch / "teacher" / "grades.txt"
    other = scratch / "class" / "ada" / "05_tied_gradient.py"
    path = scratch / "class" / "eve" / f"{source.stem}.py"
    for file in (canary, other, path):
        file.parent.mkdir(parents=True)
    canary.write_text("all fine\n", encoding="utf-8")
    right = tomllib.loads((HERE / "held_05.toml").read_text(encoding="utf-8"))["right"][0]["source"]
    other.write_text(f"import numpy as np\n\n{right}", encoding="utf-8")
    before = canary.stat()
    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    port = server.getsockname()[1]
    local = socket.socket(socket.AF_UNIX)
    local.bind(f"\0held_out_harm_{port}")
    local.listen()
    local.setblocking(False)
    victim = subprocess.Popen(["sleep", "600"], start_new_session=True)
    limits = resource.prlimit(victim.pid, resource.RLIMIT_NOFILE)
    values = {
        "CANARY": str(canary),
        "OTHER": str(other),
        "PACKAGE": str(Path(scratchdae.__file__).parent),
        "SCRATCH": str(scratch),
        "PORT": str(port),
        "VICTIM": str(victim.pid),
    }
    path.write_text(text_of(source.read_text(encoding="utf-8"), values), encoding="utf-8")
    submitted = path.read_bytes()
    mark = f"{os.getpid()}_{port}"
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    checker = subprocess.Popen(
        [sys.executable, "-m", "scratchdae", "exercises", "check", str(path)],
        cwd=scratch,
        env={**os.environ, "HELD_OUT_RUN": mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    harm = []
    try:
        out = checker.communicate(timeout=LIMIT)[0]
    except subprocess.TimeoutExpired:
        harm.append(f"the check did not end in {LIMIT} s")
        os.killpg(checker.pid, signal.SIGKILL)
        out = checker.communicate()[0]
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall, cpu = time.monotonic() - began, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    for word, listener in (("127.0.0.1", server), ("an abstract socket", local)):
        with contextlib.suppress(BlockingIOError):
            listener.accept()
            harm.append(f"connected to {word}")
        listener.close()
    if victim.poll() is not None:
        harm.append(f"the other process was ended ({victim.returncode})")
    else:
        if resource.prlimit(victim.pid, resource.RLIMIT_NOFILE) != limits:
            harm.append("the other process's limits were changed")
        if os.getpriority(os.PRIO_PROCESS, victim.pid) != os.getpriority(os.PRIO_PROCESS, 0):
            harm.append("the other process's priority was changed")
        if os.sched_getaffinity(victim.pid) != os.sched_getaffinity(0):
            harm.append("the other process's processors were changed")
        if os.sched_getscheduler(victim.pid) != os.SCHED_OTHER:
            harm.append("the other process's scheduling was changed")
        victim.kill()
    victim.wait()
    if not canary.exists() or canary.read_text(encoding="utf-8") != "all fine\n":
        harm.append("the teacher's file is gone or changed")
    elif (after := canary.stat())[:6] != before[:6] or after.st_mtime_ns != before.st_mtime_ns:
        harm.append("the mode, the owner or the times of the teacher's file were changed")
    if path.read_bytes() != submitted:
        harm.append("the submission was rewritten")
    harm += [f"written: {name}" for name in files_left(scratch)] + [f"left running: {p}" for p in left_running(mark)]
    for left in left_running(mark):
        with contextlib.suppress(OSError):
            os.kill(int(left.split()[0]), signal.SIGKILL)
    said = out.decode("utf-8", "backslashreplace")
    return {
        "name": source.stem,
        "tries": submitted.decode("utf-8", "replace").split('"""')[1] if b'"""' in submitted else source.stem,
        "passed": checker.returncode == 0,
        "harm": harm,
        "status": checker.returncode,
        "wall": round(wall, 1),
        "cpu": round(cpu, 1),
        "characters": len(said),
        "said": said[:1500],
    }


if __name__ == "__main__":
    chosen = [HERE / "hostile" / f"{name}.txt" for name in sys.argv[3:]] or sorted((HERE / "hostile").glob("*.txt"))
    rows = []
    for one in chosen:
        rows.append(check_one(one, Path(sys.argv[1]).absolute()))
        row = rows[-1]
        sys.stderr.write(f"{row['name']}: passed={row['passed']} harm={row['harm']} {row['wall']} s\n")
        Path(sys.argv[2]).write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
