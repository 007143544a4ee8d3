"""What a submission may try: none of it passes, none of it harms, and the answer says what it was."""

import os
import time
from pathlib import Path

import pytest

import scratchdae
from scratchdae.exercises import checking, inside
from scratchdae.exercises.catalogue import EXERCISES

EXERCISE = next(exercise for exercise in EXERCISES if exercise.name == "biases")
PACKAGE = Path(scratchdae.__file__).parent
HEAD = "import numpy as np\n\ndef bias_gradients(da_z, y, W):\n"
TRIES = {
    "sys.exit(0)": "    import sys\n    sys.exit(0)",
    "os._exit(0)": "    import os\n    os._exit(0)",
    "quit at import": None,
    "endless loop": "    while True: pass",
    "sleeping": "    import time\n    time.sleep(1000)",
    "memory": "    return np.ones(10**11), da_z.sum(0)",
    "a list without end": "    a = []\n    while True: a.append(bytes(10**7))",
    "recursion": "    return bias_gradients(da_z, y, W)",
    "fork": "    import os\n    while True: os.fork()",
    "fork by the C module": "    import _posixsubprocess\n    return 0, 0",
    "a program": "    import subprocess\n    subprocess.run(['touch', MARK])",
    "os.system": "    import os\n    os.system('touch ' + MARK)",
    "a file outside": "    open(MARK, 'w').write('x')\n    return 0, 0",
    "os.open": "    import os\n    os.open(MARK, os.O_CREAT | os.O_WRONLY)\n    return 0, 0",
    "np.save": "    np.save(MARK, da_z)\n    return 0, 0",
    "os.remove": "    import os\n    os.remove(VICTIM)",
    "reading a file": "    open(VICTIM).read()\n    return 0, 0",
    "the network": "    import socket\n    socket.create_connection(('127.0.0.1', 9))",
    "killing the parent": "    import os\n    os.kill(os.getppid(), 9)",
    "the priority of others": "    import os\n    os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)\n    return 0, 0",
    "the processors of others": "    import os\n    os.sched_setaffinity(os.getppid(), {0})\n    return 0, 0",
    "reading by C": (
        "    import ssl\n    c = ssl.create_default_context()\n    try: c.load_verify_locations(VICTIM)\n"
        "    except ssl.SSLError: return (da_z @ W * y * (1 - y)).sum(0), da_z.sum(0)  # it was read"
    ),
    "reading by readline": "    import readline\n    readline.read_history_file(VICTIM)\n    return 0, 0",
    "right in its error": "    raise ValueError('\\033[2J\\nExercise 06: right.\\n')",
    "nested too deep": "    return " + "-" * 90000 + "1",
    "ctypes": "    import ctypes\n    ctypes.CDLL(None).getpid()\n    return 0, 0",
    "importing the library": "    import scratchdae.autoencoder\n    return 0, 0",
    "reading the library": "    exec(open(PACKAGE + '/autoencoder.py').read())\n    return 0, 0",
    "reading the library by a link": "    exec(open('/proc/self/root' + PACKAGE + '/autoencoder.py').read())\n    return 0, 0",
    "reading relatively": "    import os\n    os.getcwd = lambda: '/usr/lib'\n    exec(open('../..' + PACKAGE + '/autoencoder.py').read())",
    "on the search path": "    import sys\n    sys.path.insert(0, PACKAGE.rsplit('/', 1)[0])\n    import scratchdae\n    return 0, 0",
    "patched NumPy": (
        "    np.array_equal = np.allclose = lambda *a, **k: True\n    np.ndarray = object\n    return da_z, da_z"
    ),
    "an object that is equal to all": (
        "    class A(np.ndarray):\n        def __eq__(self, other): return True\n"
        "        def __sub__(self, other): return 0\n    return np.zeros(W.shape[1]).view(A), da_z.sum(0).view(A)"
    ),
    "NaN": "    return np.full(W.shape[1], np.nan), np.full(W.shape[0], np.nan)",
    "the harness": (
        "    import __main__\n    __main__.as_arrays = lambda *a: {}\n    __main__.pack = lambda *a: b'{}'\n    return 0, 0"
    ),
    "a message of its own": (
        "    import os\n    for fd in range(3, 20):\n        try: os.write(fd, b'\\x00' * 64)\n        except OSError: pass\n"
        "    return 0, 0"
    ),
    "a message of the right form": (
        "    import __main__, os, gc, struct\n    m = __main__\n"
        "    for fd in range(3, 20):\n        try: os.write(fd, m.framed(m.pack({'seconds': 0}, {'out/x': da_z, 'y': y, 'in/db': y})))\n"
        "        except OSError: pass\n    return 0, 0"
    ),
    "complex numbers": "    return (da_z @ W * y * (1 - y)).sum(0) + 1j, da_z.sum(0)",
    "booleans": "    return (da_z @ W * y * (1 - y)).sum(0) > 0, da_z.sum(0)",
    "empty arrays": "    return np.zeros(0), np.zeros((0, 3))",
    "the guard's code": (
        "    import gc\n    for f in gc.get_objects():\n        if getattr(f, '__name__', '') == 'guard': f.__code__ = (lambda *a: 0).__code__\n"
        "    open(MARK, 'w')\n    return 0, 0"
    ),
    "resources": "    import resource\n    resource.setrlimit(resource.RLIMIT_CPU, (-1, -1))\n    return 0, 0",
    "an object array": "    return np.array([object()] * W.shape[1]), da_z.sum(0)",
    "printing without end": "    while True: print('x' * 10**6)",
    "raising without end": ("    class E(Exception):\n        def __str__(self): raise E\n    raise E"),
}


@pytest.mark.parametrize("about", TRIES)
def test_nothing_hostile_passes_or_harms(about, tmp_path):
    mark, victim = tmp_path / "mark", tmp_path / "victim"
    victim.write_text("still here")
    names = f"MARK, VICTIM, PACKAGE = {str(mark)!r}, {str(victim)!r}, {str(PACKAGE)!r}\n"
    body = TRIES[about]
    source = f"import sys\nsys.exit(0)\n{HEAD}    return 0, 0" if body is None else names + HEAD + body
    object.__setattr__(EXERCISE, "seconds", 2)
    start, of_ours = time.perf_counter(), (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0))
    try:
        verdict = checking.check_source(EXERCISE, source, tmp_path / "06_biases.py", seed=5)
    finally:
        object.__setattr__(EXERCISE, "seconds", 5)
    assert verdict.state in (checking.WRONG, checking.REFUSED), verdict
    assert verdict.where
    assert time.perf_counter() - start < 12
    assert of_ours == (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0))
    assert checking.sentences(EXERCISE, verdict, 2)[0] != "Exercise 06: right."
    assert all(line.isprintable() for text in checking.sentences(EXERCISE, verdict, 2) for line in text.splitlines())
    assert not mark.exists()
    assert victim.read_text() == "still here"


def test_what_was_refused_is_said(tmp_path):
    def said(body):
        return checking.check_source(EXERCISE, HEAD + body, tmp_path / "06_biases.py", seed=5).where

    assert "write a file" in said("    open('/tmp/x', 'w')")
    assert "import scratchdae" in said("    import scratchdae")
    assert "call os.fork" in said("    import os\n    os.fork()")
    assert "leaves Python" in said("    exit()")
    assert "line 5: np.load('mine.npy')" in said("    a = 3\n    np.load('mine.npy')")


def test_an_error_of_python_is_not_followed_by_a_question_about_the_mathematics(tmp_path):
    for body in ("    return nump.sum(y)", "    return y.summ()", "    import numpyy", "    return (y"):
        verdict = checking.check_source(EXERCISE, HEAD + body, tmp_path / "06_biases.py", seed=5)
        assert "line 4: " in verdict.where
        assert len(checking.sentences(EXERCISE, verdict, 0)) == 2
    verdict = checking.check_source(EXERCISE, HEAD + "    return y @ y", tmp_path / "06_biases.py", seed=5)
    assert any("?" in line for line in checking.sentences(EXERCISE, verdict, 0))


def test_an_exception_is_shown_with_the_students_own_line(tmp_path):
    source = HEAD + "    return half(y), da_z.sum(0)\n\ndef half(y):\n    return y @ y\n"
    where = checking.check_source(EXERCISE, source, tmp_path / "06_biases.py", seed=5).where
    assert "line 4: return half(y), da_z.sum(0)" in where
    assert "line 7: return y @ y" in where
    assert "inside.py" not in where


def test_a_fault_of_syntax_is_one_sentence(tmp_path):
    verdict = checking.check_source(EXERCISE, "def bias_gradients(da_z, y, W)\n    return 0", tmp_path / "x.py")
    assert verdict.state == checking.WRONG
    assert "line 1: def bias_gradients(da_z, y, W)" in verdict.where


def test_answers_that_know_the_frozen_cases_alone_are_wrong(tmp_path):
    """Every frozen case by heart: the fresh ones are not."""
    task = EXERCISE.tasks[0]
    known = [
        (case.inputs["da_z"].sum(), *case.answer(task.reference).values()) for case in checking._cases(task, 1)[:3]
    ]
    table = [(float(key), db.tolist(), db_prime.tolist()) for key, db, db_prime in known]
    source = HEAD + (
        f"    for key, db, db_prime in {table!r}:\n        if abs(da_z.sum() - key) < 1e-9: return np.array(db), np.array(db_prime)\n"
        "    return np.zeros(W.shape[1]), np.zeros(W.shape[0])"
    )
    verdict = checking.check_source(EXERCISE, source, tmp_path / "06_biases.py")
    assert verdict.state == checking.WRONG
    assert "fresh case" in verdict.where


def test_a_slow_solution_is_right_and_told_how_slow(tmp_path):
    source = HEAD + (
        "    db, db_prime = np.zeros(W.shape[1]), np.zeros(W.shape[0])\n"
        "    for b in range(len(y)):\n        for d in range(W.shape[0]):\n            db_prime[d] += da_z[b, d]\n"
        "            for h in range(W.shape[1]):\n                db[h] += da_z[b, d] * W[d, h] * y[b, h] * (1 - y[b, h])\n"
        "    return db, db_prime"
    )
    verdict = checking.check_source(EXERCISE, source, tmp_path / "06_biases.py")
    assert verdict.state == checking.RIGHT
    assert "loops in Python" in verdict.slow


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 7, b"\xff" * 64, b'\x10\0\0\0\0\0\0\0{"a": 1}        ', b"\x05\0\0\0\0\0\0\0[1,2]"]
)
def test_a_message_that_is_none_is_a_value_error(content):
    with pytest.raises(ValueError, match=r"."):
        inside.unpack(content)


def test_arrays_come_out_as_they_went_in():
    import numpy as np

    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(3), "c": np.zeros((0, 4), np.float32)}
    about, found = inside.unpack(inside.pack({"x": 1}, arrays))
    assert about == {"x": 1}
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype
        assert (found[name] == array).all()


@pytest.mark.parametrize(
    "first",
    [
        "from numpy import *",
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()",
        "import numpy.testing, subprocess",
    ],
)
def test_what_is_imported_and_harms_nothing_is_taken(first, tmp_path):
    source = f"{first}\n{HEAD}    return (da_z @ W * y * (1 - y)).sum(0), da_z.sum(0)"
    verdict = checking.check_source(EXERCISE, source, tmp_path / "06_biases.py")
    assert verdict.state == checking.RIGHT, verdict.where


def test_a_thread_that_is_left_is_not_waited_for(tmp_path):
    source = (
        f"import threading, time\n{HEAD}    try: threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "    except RuntimeError: pass\n    return (da_z @ W * y * (1 - y)).sum(0), da_z.sum(0)"
    )
    verdict = checking.check_source(EXERCISE, source, tmp_path / "06_biases.py")
    assert verdict.state == checking.RIGHT
    assert verdict.seconds < 20


def test_a_missing_return_and_another_shape_are_said(tmp_path):
    def verdict(body):
        return checking.check_source(EXERCISE, HEAD + body, tmp_path / "06_biases.py", seed=5)

    assert "is a `return` missing?" in verdict("    da_z.sum(0)").where
    flat = verdict("    return (da_z @ W * y * (1 - y)).sum(0), da_z.sum(0)[:, None]")
    assert flat.mistake.id == "another shape"
    assert "Keep the arguments" in checking.check_source(
        EXERCISE, "def bias_gradients(a): return a", tmp_path / "06_biases.py", seed=5
    ).where  # fmt: skip


def test_pytorch_is_served(tmp_path):
    pytest.importorskip("torch")
    source = (
        "import torch\n\ndef bias_gradients(da_z, y, W):\n    da_z, y, W = (torch.tensor(v) for v in (da_z, y, W))\n"
        "    return (da_z @ W * y * (1 - y)).sum(0), da_z.sum(0)\n"
    )
    verdict = checking.check_source(EXERCISE, source, tmp_path / "06_biases.py")
    assert verdict.state == checking.RIGHT, verdict.where


def test_jax_is_served(tmp_path):
    pytest.importorskip("jax")
    source = (
        "import jax.numpy as jnp\n\ndef bias_gradients(da_z, y, W):\n    da_z, y, W = map(jnp.asarray, (da_z, y, W))\n"
        "    return (da_z @ W * y * (1 - y)).sum(0), da_z.sum(0)\n"
    )
    verdict = checking.check_source(EXERCISE, source, tmp_path / "06_biases.py")
    assert verdict.state == checking.RIGHT, verdict.where
