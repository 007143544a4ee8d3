"""A file is whole or not there, whatever else is in its folder; a folder or a file is one process's at a time."""

import errno
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from scratchdae import atomic

HOLD = """
import sys, time
from scratchdae import atomic
with atomic.locked(sys.argv[1], folder=True):
    atomic.write(sys.argv[1] + "/made.txt", b"")
    with atomic.replacing(sys.argv[1] + "/part.txt"):
        print("held", flush=True)
        time.sleep(60)
"""


@contextmanager
def holding(folder):
    """Another process that holds a folder and is in the middle of a file."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def take(folder):
    with atomic.locked(folder, folder=True):
        pass


@contextmanager
def full_disk(bytes_a_file):
    """Files beyond a size cannot be written, as on a full disk; only the sentence of the system is another."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_a_file, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    for content in (b"old", b"new"):
        atomic.write(tmp_path / "file.txt", content)
        assert (tmp_path / "file.txt").read_bytes() == content
    atomic.append(tmp_path / "file.txt", b"er")
    assert (tmp_path / "file.txt").read_bytes() == b"newer"
    with suppress(KeyboardInterrupt), atomic.replacing(tmp_path / "file.txt") as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert (tmp_path / "file.txt").read_bytes() == b"newer"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_two_who_write_one_file_leave_one_of_the_two(tmp_path):
    with atomic.replacing(tmp_path / "file.txt") as first, atomic.replacing(tmp_path / "file.txt") as second:
        assert first != second
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert (tmp_path / "file.txt").read_bytes() == b"first"  # the outer block ends last
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_a_link_in_the_way_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.secrets, "token_hex", lambda n: "0" * 16)  # as if it could be guessed
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    link = tmp_path / f".file.{os.getpid()}-{'0' * 16}.partial.txt"
    link.symlink_to(victim)
    with pytest.raises(FileExistsError, match=re.escape(str(tmp_path / "file.txt"))):
        atomic.write(tmp_path / "file.txt", b"content")
    (tmp_path / atomic.LOCK).symlink_to(victim)
    with pytest.raises(OSError, match=r"\.lock"):
        take(tmp_path)
    assert victim.read_bytes() == b"untouched"


def test_what_was_left_behind_long_ago_is_removed(tmp_path):
    names = [f".{stem}.123-{'ab' * 8}.partial.npz" for stem in ("old", "recent")]
    others = [".old.partial", ".old.123.partial.npz", "old.npz"]
    for name in names + others:
        (tmp_path / name).touch()
        if "recent" not in name:
            os.utime(tmp_path / name, (time.time() - 7200,) * 2)
    atomic.write(tmp_path / "file.txt", b"")
    assert {path.name for path in tmp_path.iterdir()} == {*others, names[1], "file.txt"}


def test_a_disk_that_is_full_is_told_with_the_name_of_the_file(tmp_path):
    file = tmp_path / "file.txt"
    atomic.write(file, b"old")
    with full_disk(100):
        for write in (atomic.write, atomic.append):
            with pytest.raises(OSError, match=re.escape(str(file))) as caught:
                write(file, b"x" * 200)
            assert caught.value.errno == errno.EFBIG
            assert caught.value.filename == str(file)
    assert file.read_bytes()[:3] == b"old"
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "nowhere" / "file.txt"))):
        atomic.write(tmp_path / "nowhere" / "file.txt", b"")


def test_an_error_of_the_block_keeps_its_own_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="another"), atomic.replacing(tmp_path / "file.txt"):
        (tmp_path / "another").read_bytes()


def test_another_process_is_refused_until_the_first_ends_and_what_it_left_is_removed(tmp_path):
    folder = tmp_path / "run"
    with holding(folder) as process:
        with pytest.raises(ValueError, match=rf"run is in use by process {process.pid} on .+; wait") as refused:
            take(folder)
        assert "\n" not in str(refused.value)
        other = folder / f".other.1{process.pid}-{'0' * 16}.partial.txt"  # of a process that is none of ours
        other.touch()
        assert len(list(folder.glob(".part.*"))) == 1
    assert (folder / atomic.LOCK).exists()  # it was killed
    with atomic.locked(folder, folder=True):
        assert not list(folder.glob(".part.*"))
    assert {path.name for path in folder.iterdir()} == {"made.txt", other.name}


def test_who_waits_takes_it_when_it_is_free(tmp_path):
    with holding(tmp_path / "run") as process:
        threading.Timer(0.3, process.kill).start()
        before = time.monotonic()
        with atomic.locked(tmp_path / "run", folder=True, wait=True):
            assert time.monotonic() - before > 0.25
            assert process.wait() != 0


def test_a_folder_is_held_once_and_what_is_inside_by_itself(tmp_path):
    with atomic.locked(tmp_path, folder=True):
        with pytest.raises(ValueError, match=f"is in use by process {os.getpid()} on "):
            take(tmp_path)
        refused = []

        def another_thread():
            try:
                take(tmp_path)
            except ValueError:
                refused.append(True)

        thread = threading.Thread(target=another_thread)
        thread.start()
        thread.join()
        assert refused
        with atomic.locked(tmp_path / "stage", folder=True), atomic.locked(tmp_path / "results", folder=False):
            assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".results.lock", "stage"]
    with atomic.locked(None, folder=True), pytest.raises(KeyboardInterrupt), atomic.locked(tmp_path, folder=True):
        raise KeyboardInterrupt
    take(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["stage"]


def test_a_lock_that_was_removed_and_taken_again_is_left_to_its_new_owner(tmp_path):
    with atomic.locked(tmp_path, folder=True):
        (tmp_path / atomic.LOCK).unlink()
        with holding(tmp_path) as process:
            pass
        process.wait()
    assert (tmp_path / atomic.LOCK).exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_does_not_keep_a_lock(tmp_path):
    """Its parent was killed, a worker that it had forked lives on."""
    script = """
import os, sys, time
from scratchdae import atomic
with atomic.locked(sys.argv[1], folder=True):
    if os.fork() == 0:
        os.close(1)
        time.sleep(60)
        os._exit(0)
    time.sleep(0.2)
    print("forked", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        process.stdout.readline()
        process.kill()
        process.wait()
        try:
            take(tmp_path)
        finally:
            os.killpg(process.pid, 9)


def test_a_file_system_without_locks_does_without(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def unknown(file, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with atomic.locked(tmp_path, folder=True), atomic.locked(tmp_path, folder=True):
        pass
    assert not list(tmp_path.iterdir())
