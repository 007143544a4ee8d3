"""The published archives: fetched from a server on the loopback, verified, read, kept; small ones stand in for them."""

import dataclasses
import hashlib
import io
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler

import numpy as np
import pytest

from scratchdae.datasets import fetch_larochelle, larochelle_original
from scratchdae.datasets.larochelle import PROBLEMS, locate_originals, original_files
from scratchdae.datasets.larochelle.original_files import ARCHIVES, MIRRORS

SIZES = (3, 2, 4)


def amat(x, t):
    return "\n".join(" ".join(map(str, [*row, label])) for row, label in zip(x / 255, t, strict=True)) + "\n"


def pack(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


@pytest.fixture
def data(rng):
    return rng.integers(0, 256, (9, 784), np.uint8), np.array([0, 1, 1, 0, 1, 1, 0, 0, 1], np.uint8)


@pytest.fixture
def contents(data, monkeypatch):
    """The bytes of the eight archives by their names; problems of nine images."""
    small = {name: dataclasses.replace(problem, sizes=SIZES) for name, problem in PROBLEMS.items()}
    monkeypatch.setattr(original_files, "PROBLEMS", small)
    x, t = data
    return {
        archive.name: pack({archive.train: amat(x[:5], t[:5]), archive.test: amat(x[5:], t[5:])})
        for archive in ARCHIVES.values()
    }


@pytest.fixture
def archives(contents):
    """What is published, with the checksums of the small archives."""
    return {
        problem: dataclasses.replace(archive, sha1=hashlib.sha1(contents[archive.name]).hexdigest())
        for problem, archive in ARCHIVES.items()
    }


@pytest.fixture
def folder(tmp_path, contents):
    folder = tmp_path / "larochelle"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def server(tmp_path, contents, serving):
    """A server of the archives in /good, and of others in /lying; requests are recorded."""
    requested = []
    for place in ("good", "lying"):
        (tmp_path / "served" / place).mkdir(parents=True)
        for name, content in contents.items():
            (tmp_path / "served" / place / name).write_bytes(content if place == "good" else content[:-1])

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            requested.append(self.path)
            super().do_GET()

        def log_message(self, *args):
            pass

    with serving(partial(Handler, directory=str(tmp_path / "served")), requested) as http:
        yield http


def assert_is(found, data, by_columns=False):
    x, t = data
    if by_columns:
        x = x.reshape(9, 28, 28).transpose(0, 2, 1).reshape(9, 784)
    for part, rows in (("train", slice(0, 3)), ("valid", slice(3, 5)), ("test", slice(5, 9))):
        np.testing.assert_array_equal(getattr(found, f"x_{part}"), x[rows])
        np.testing.assert_array_equal(getattr(found, f"t_{part}"), t[rows])


@pytest.mark.parametrize("problem", ARCHIVES)
def test_reading_from_the_text_and_from_what_is_kept(folder, data, archives, problem):
    sideways = problem in ("bg-rand", "bg-img")
    for _ in range(2):
        found = larochelle_original(problem, folder, archives)
        assert found.name == problem
        assert_is(found, data, sideways)
    kept = (folder / archives[problem].name).with_suffix(".npz")
    assert kept.is_file()
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_what_is_kept_is_read_instead_of_the_text(folder, data, archives, monkeypatch):
    larochelle_original("rect", folder, archives)
    monkeypatch.setattr(original_files, "parse_amat", None)  # would raise if it were called
    assert_is(larochelle_original("rect", folder, archives), data)


def test_what_is_kept_of_another_archive_is_made_anew(folder, data, archives):
    larochelle_original("rect", folder, archives)
    (folder / "rectangles.npz").rename(folder / "convex.npz")
    x, t = data
    other = pack({"convex_train.amat": amat(255 - x[:5], t[:5]), "50k/convex_test.amat": amat(255 - x[5:], t[5:])})
    (folder / "convex.zip").write_bytes(other)
    archives["convex"] = dataclasses.replace(archives["convex"], sha1=hashlib.sha1(other).hexdigest())
    assert_is(larochelle_original("convex", folder, archives), (255 - x, t))


def test_damage_to_what_is_kept_is_noticed(folder, archives):
    larochelle_original("rect", folder, archives)
    kept = folder / "rectangles.npz"
    content = bytearray(kept.read_bytes())
    content[len(content) // 3] ^= 1
    kept.write_bytes(content)
    with pytest.raises(ValueError, match=r"rectangles\.npz is damaged .*; delete it"):
        larochelle_original("rect", folder, archives)


def test_a_folder_that_cannot_be_written_is_read(folder, data, archives, monkeypatch):
    monkeypatch.setattr(original_files.os, "access", lambda path, mode: False)
    assert_is(larochelle_original("rect", folder, archives), data)
    assert not (folder / "rectangles.npz").exists()


def test_an_archive_that_is_not_the_published_one_is_refused(folder, archives):
    path = folder / "mnist.zip"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match=r"mnist\.zip is not the published archive: its sha1 must be .*, found"):
        larochelle_original("basic", folder, archives)
    assert not (folder / "mnist.npz").exists()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (lambda x, t: {"rectangles_train.amat": amat(x[:5], t[:5])}, r"must hold rectangles_test\.amat, found"),
        (
            lambda x, t: {"rectangles_train.amat": amat(x[:4], t[:4]), "rectangles_test.amat": amat(x[5:], t[5:])},
            r"rectangles_train\.amat: must hold 5 images, found 4",
        ),
        (
            lambda x, t: {"rectangles_train.amat": amat(x[:5], t[:5] + 1), "rectangles_test.amat": amat(x[5:], t[5:])},
            "labels must be less than 2, found 2",
        ),
        (
            lambda x, t: {"rectangles_train.amat": amat(x[:5], t[:5]), "rectangles_test.amat": "1 2\n"},
            r"rectangles_test\.amat: line 1: must hold 784 grey levels",
        ),
    ],
)
def test_an_archive_with_something_else_in_it_is_refused(folder, data, archives, members, message):
    content = pack(members(*data))
    (folder / "rectangles.zip").write_bytes(content)
    archives["rect"] = dataclasses.replace(archives["rect"], sha1=hashlib.sha1(content).hexdigest())
    with pytest.raises(ValueError, match=message):
        larochelle_original("rect", folder, archives)


def test_no_zip_file_is_refused(folder, archives):
    (folder / "rectangles.zip").write_bytes(b"no zip")
    archives["rect"] = dataclasses.replace(archives["rect"], sha1=hashlib.sha1(b"no zip").hexdigest())
    with pytest.raises(ValueError, match=r"rectangles\.zip must be a whole zip file"):
        larochelle_original("rect", folder, archives)


def test_an_archive_that_is_missing_is_asked_for(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"mnist\.zip was not found in .*`scratchdae data fetch larochelle basic`"
    ):
        larochelle_original("basic", tmp_path)
    with pytest.raises(ValueError, match="problem must be one of 'basic'"):
        larochelle_original("basics", tmp_path)


def test_places(folder, tmp_path, monkeypatch, data, archives, no_mnist_here):
    assert locate_originals() == {}
    cache = no_mnist_here.parent / "larochelle"
    cache.mkdir(parents=True)
    (cache / "convex.zip").write_bytes((folder / "convex.zip").read_bytes())
    (cache / "mnist.zip").write_bytes((folder / "mnist.zip").read_bytes())
    monkeypatch.setenv("SCRATCHDAE_DATA", str(tmp_path))
    (folder / "convex.zip").unlink()
    found = locate_originals()
    assert set(found) == set(ARCHIVES)
    assert found["basic"] == folder / "mnist.zip"  # the variable's folder comes first
    assert found["convex"] == cache / "convex.zip"
    assert_is(larochelle_original("convex", archives=archives), data)
    assert locate_originals(tmp_path / "elsewhere") == {}


def test_fetching_all_and_some(server, tmp_path, data, contents, archives):
    some = fetch_larochelle(["rect", "convex"], tmp_path / "some", [server.mirror("good")], False, archives)
    assert {path.name for path in some.iterdir()} == {"rectangles.zip", "convex.zip"}
    everything = fetch_larochelle(None, tmp_path / "all", [server.mirror("good")], False, archives)
    assert {path.name: path.read_bytes() for path in everything.iterdir()} == contents
    assert_is(larochelle_original("rect", everything, archives), data)
    server.requested.clear()
    fetch_larochelle(None, everything, [server.mirror("good")], False, archives)
    assert server.requested == []  # what is there is not fetched again


def test_a_mirror_that_lies_gives_way_to_the_next(server, tmp_path, contents, archives):
    mirrors = [server.mirror("nothing"), server.mirror("lying"), server.mirror("good")]
    root = fetch_larochelle(["rect"], tmp_path / "new", mirrors, False, archives)
    assert {path.name: path.read_bytes() for path in root.iterdir()} == {"rectangles.zip": contents["rectangles.zip"]}
    assert [path.split("/")[1] for path in server.requested] == ["nothing", "lying", "good"]


def test_when_all_fail_nothing_is_left(server, tmp_path, archives):
    with pytest.raises(OSError, match=r"rectangles\.zip could not be fetched(.|\n)*404(.|\n)*sha1 must be"):
        fetch_larochelle(["rect"], tmp_path / "new", [server.mirror("none"), server.mirror("lying")], False, archives)
    assert list((tmp_path / "new").iterdir()) == []


def test_a_local_file_that_differs_is_kept(server, folder, archives):
    (folder / "mnist.zip").write_bytes(b"mine")
    (folder / "convex.zip").unlink()
    with pytest.raises(FileExistsError, match=r"mnist\.zip is not the published archive; move it away"):
        fetch_larochelle(None, folder, [server.mirror("good")], False, archives)
    assert (folder / "mnist.zip").read_bytes() == b"mine"
    assert server.requested == []


def test_bad_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="problems must be one of 'basic'"):
        fetch_larochelle(["rects"], tmp_path / "new")
    with pytest.raises(ValueError, match="mirrors must be a sequence of at least one address"):
        fetch_larochelle(["rect"], tmp_path / "new", [])
    assert not (tmp_path / "new").exists()


def test_the_defaults_are_eight_different_archives():
    assert set(ARCHIVES) == set(PROBLEMS)
    assert len({archive.sha1 for archive in ARCHIVES.values()}) == 8
    assert all(len(archive.sha1) == 40 and int(archive.sha1, 16) for archive in ARCHIVES.values())
    assert MIRRORS[0].startswith("https://")
