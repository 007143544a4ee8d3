"""Fetching MNIST, from a real server on the loopback: good, dead, lying and dropping mirrors."""

import gzip
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from scratchdae.datasets import download, fetch_mnist, locate_mnist, mnist, mnist_download, mnist_files

ELSEWHERE = {  # where a mirror sends one to
    "nowhere": "http://[:::/", "unspoken": "gopher://127.0.0.1/", "circular": "/circular/{name}", "blank": "",
    "local": "file:///etc/hostname", "long": "http://" + "x" * 300 + "/", "flooding": "/good/{name}",
}  # fmt: skip
LENGTHS = {"worded": "many", "negative": "-1", "twice": "5, 7", "vast": "9" * 5000, "short": "1"}


@pytest.fixture
def server(packed, serving):
    """A server whose first path component chooses how the mirror behaves; requests are recorded."""
    requested = []

    class Mirrors(BaseHTTPRequestHandler):
        def do_GET(self):
            requested.append(self.path)
            behaviour, name = self.path.strip("/").split("/")
            content = packed.get(name)
            if behaviour == "missing" or content is None:
                self.send_error(404)
                return
            if behaviour in ELSEWHERE:
                self.send_response(302)
                self.send_header("Location", ELSEWHERE[behaviour].replace("{name}", name))
                if behaviour == "flooding":
                    self.end_headers()
                    self.flood(b"no more than a page")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            if behaviour in LENGTHS:
                self.send_header("Content-Length", LENGTHS[behaviour])
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = True
                return
            if behaviour == "endless":
                self.end_headers()
                self.flood(content)
            if behaviour == "bomb":
                self.send_header("Content-Encoding", "gzip")
                content = gzip.compress(bytes(2**27))
            if behaviour == "dripping":
                self.end_headers()
                self.flood(b"x", 0.05)
            if behaviour == "dripping-header":
                self.flush_headers()
                self.flood(b"x", 0.05)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if behaviour == "corrupt":
                content = content[:-1] + bytes([content[-1] ^ 1])
            if behaviour == "closing" or (behaviour == "images-only" and "labels" in name):
                content = content[: len(content) // 2]
                self.close_connection = True
            if behaviour == "silent":
                release.wait(10)
            self.wfile.write(content)

        def flood(self, content, pause=0.0):
            self.close_connection = True
            while not release.wait(pause):
                try:
                    self.wfile.write(content)
                except OSError:
                    return

        def log_message(self, *args):
            pass

    release = threading.Event()
    with serving(Mirrors, requested) as http:
        yield http
        release.set()


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_good_mirror(server, tmp_path, packed, published):
    root = tmp_path / "new" / "mnist"
    assert fetch_mnist(root, [server.mirror("good")], progress=False, published=published) == root
    assert contents(root) == packed
    assert mnist(root).t_train.tolist() == [3, 1, 4, 1, 9]


def test_files_can_be_read_by_others(server, tmp_path, published):
    """Temporary files are private to their owner; what goes into place must not be."""
    fetch_mnist(tmp_path, [server.mirror("good")], progress=False, published=published)
    plain = tmp_path / "plain"
    plain.touch()
    assert {path.stat().st_mode for path in tmp_path.iterdir()} == {plain.stat().st_mode}


@pytest.mark.parametrize(
    "behaviour",
    [
        "missing",
        "corrupt",
        "closing",
        "bomb",
        *(place for place in ELSEWHERE if place not in ("circular", "blank", "flooding")),
    ],
)
def test_a_bad_mirror_gives_way_to_the_next(server, tmp_path, packed, published, behaviour):
    mirrors = [server.mirror(behaviour), server.mirror("good")]
    fetch_mnist(tmp_path, mirrors, progress=False, published=published)
    assert contents(tmp_path) == packed
    assert [path.split("/")[1] for path in server.requested] == [behaviour, "good"] * 4


def test_a_mirror_where_nobody_listens(server, tmp_path, packed, published):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    fetch_mnist(tmp_path, [nobody, server.mirror("good")], progress=False, published=published)
    assert contents(tmp_path) == packed


def test_a_silent_mirror_is_given_up(server, tmp_path, packed, published, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 1.0)  # a busy machine must not take the good mirror for a silent one
    for name in list(packed)[1:]:  # so that it is waited for once
        (tmp_path / name).write_bytes(packed[name])
    fetch_mnist(tmp_path, [server.mirror("silent"), server.mirror("good")], progress=False, published=published)
    assert contents(tmp_path) == packed


@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_that_cannot_be_costs_no_mirror(server, tmp_path, packed, published, length):
    fetch_mnist(tmp_path, [server.mirror(length), server.mirror("good")], progress=False, published=published)
    assert contents(tmp_path) == packed


def test_a_redirection_is_followed_and_not_read(server, tmp_path, packed, published):
    fetch_mnist(tmp_path, [server.mirror("flooding")], progress=False, published=published)
    assert contents(tmp_path) == packed
    assert [path.split("/")[1] for path in server.requested] == ["flooding", "good"] * 4


def only_labels(packed, tmp_path):
    for name in list(packed)[1:]:
        (tmp_path / name).write_bytes(packed[name])


@pytest.mark.parametrize("behaviour", ["dripping", "dripping-header"])
def test_a_mirror_that_drips_is_given_up(server, tmp_path, packed, published, monkeypatch, behaviour):
    """It is never silent, and would go on for ever."""
    monkeypatch.setattr(download, "TIMEOUT", 1.0)
    only_labels(packed, tmp_path)
    fetch_mnist(tmp_path, [server.mirror(behaviour), server.mirror("good")], progress=False, published=published)
    assert contents(tmp_path) == packed


def test_a_mirror_that_never_ends_is_given_up(server, tmp_path, packed, published, monkeypatch):
    monkeypatch.setattr(mnist_download, "_MOST", 2**20)
    only_labels(packed, tmp_path)
    with pytest.raises(OSError, match="too long: more than 1048576 bytes"):
        fetch_mnist(tmp_path, [server.mirror("endless")], progress=False, published=published)
    fetch_mnist(
        tmp_path,
        [server.mirror("circular"), server.mirror("blank"), server.mirror("good")],
        progress=False,
        published=published,
    )
    assert len(server.requested) <= 30
    assert contents(tmp_path) == packed


def test_a_full_disk_is_not_the_mirrors_fault(server, tmp_path, published, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        fetch_mnist(tmp_path, [server.mirror("good"), server.mirror("good")], progress=False, published=published)
    assert len(server.requested) == 1
    assert contents(tmp_path) == {}


KILLED = """
import sys
from scratchdae.datasets import fetch_mnist
fetch_mnist(sys.argv[1], [sys.argv[2]], progress=False)
"""


def test_what_a_killed_fetch_left_is_swept_and_two_are_not_in_one_folder(server, tmp_path, packed, published):
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), server.mirror("dripping")])
    while not server.requested:
        time.sleep(0.05)
    with pytest.raises(ValueError, match="is in use by process"):
        fetch_mnist(tmp_path, [server.mirror("good")], progress=False, published=published)
    child.kill()
    child.wait()
    assert any("partial" in path.name for path in tmp_path.iterdir())
    fetch_mnist(tmp_path, [server.mirror("good")], progress=False, published=published)
    assert contents(tmp_path) == packed


def test_when_all_fail_each_is_quoted_and_nothing_is_left(server, tmp_path, published):
    mirrors = [server.mirror(behaviour) for behaviour in ("missing", "corrupt", "closing")]
    with pytest.raises(
        OSError, match=r"train-images-idx3-ubyte\.gz could not be fetched from any of 3 mirrors"
    ) as raised:
        fetch_mnist(tmp_path, mirrors, progress=False, published=published)
    lines = str(raised.value).splitlines()[1:]
    assert [line.startswith(mirror) for line, mirror in zip(lines, mirrors, strict=True)] == [True] * 3
    assert "404" in lines[0]
    assert "sha256 must be" in lines[1]
    assert contents(tmp_path) == {}


def test_files_that_arrived_before_the_failure_stay_whole(server, tmp_path, packed, published):
    with pytest.raises(OSError, match=r"train-labels-idx1-ubyte\.gz could not be fetched"):
        fetch_mnist(tmp_path, [server.mirror("images-only")], progress=False, published=published)
    images = "train-images-idx3-ubyte.gz"
    assert contents(tmp_path) == {images: packed[images]}
    fetch_mnist(tmp_path, [server.mirror("good")], progress=False, published=published)
    assert f"/good/{images}" not in server.requested  # it went on where it stopped
    assert contents(tmp_path) == packed


def test_what_is_there_is_not_fetched_again(server, tmp_path, small_mnist, packed, published):
    for name, content in list(packed.items())[:2]:
        (tmp_path / name).write_bytes(content)
    for name, content in list(small_mnist.items())[2:]:
        (tmp_path / name).write_bytes(content)  # unpacked is as good
    fetch_mnist(tmp_path, [server.mirror("good")], progress=False, published=published)
    assert server.requested == []


def test_a_local_file_that_differs_is_kept(server, tmp_path, published):
    mine = tmp_path / "train-labels-idx1-ubyte"
    mine.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="train-labels-idx1-ubyte is not the published file; move it away"):
        fetch_mnist(tmp_path, [server.mirror("good")], progress=False, published=published)
    assert contents(tmp_path) == {mine.name: b"mine"}
    assert server.requested == []


def test_the_default_place_is_the_variable_then_the_cache(server, tmp_path, monkeypatch, published, no_mnist_here):
    mirrors = [server.mirror("good")]
    assert fetch_mnist(mirrors=mirrors, progress=False, published=published) == no_mnist_here
    assert locate_mnist().root == no_mnist_here
    monkeypatch.setenv("SCRATCHDAE_DATA", str(tmp_path / "data"))
    assert fetch_mnist(mirrors=mirrors, progress=False, published=published) == tmp_path / "data" / "mnist"
    assert locate_mnist().root == tmp_path / "data" / "mnist"


def test_progress_goes_to_stderr(server, tmp_path, published, capsys):
    fetch_mnist(tmp_path, [server.mirror("good")], published=published)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "100%" in captured.err


@pytest.mark.parametrize("mirrors", [[], "http://127.0.0.1/"])
def test_mirrors_are_checked(tmp_path, mirrors):
    with pytest.raises(ValueError, match="mirrors must be a sequence of at least one address"):
        fetch_mnist(tmp_path / "new", mirrors)
    assert not (tmp_path / "new").exists()


def test_the_defaults_are_the_published_files_over_https():
    assert len(mnist_download.MIRRORS) == 3
    assert all(mirror.startswith("https://") for mirror in mnist_download.MIRRORS)
    empty = hashlib.sha256(b"").hexdigest()
    sums = [sum_ for pair in mnist_files.PUBLISHED.values() for sum_ in pair]
    assert len(set(sums)) == 8
    assert all(len(sum_) == len(empty) and int(sum_, 16) for sum_ in sums)
