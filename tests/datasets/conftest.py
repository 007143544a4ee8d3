"""A miniature MNIST: four IDX files with a handful of images, and a home that hides the user's cache."""

import gzip
import hashlib
import struct
import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

import numpy as np
import pytest


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def serving(monkeypatch):
    """What serves a handler on the loopback while a block runs; `requested` is the handler's list of what was asked."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    @contextmanager
    def serve(handler, requested):
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
            thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            http.requested = requested
            http.mirror = lambda place: f"http://127.0.0.1:{http.server_port}/{place}/"
            yield http
            http.shutdown()
            thread.join()

    return serve


@pytest.fixture
def small_mnist():
    """The contents of the four files, unpacked, by name."""
    rng = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": idx(rng.integers(0, 256, (5, 28, 28), np.uint8)),
        "train-labels-idx1-ubyte": idx(np.array([3, 1, 4, 1, 9], np.uint8)),
        "t10k-images-idx3-ubyte": idx(rng.integers(0, 256, (2, 28, 28), np.uint8)),
        "t10k-labels-idx1-ubyte": idx(np.array([0, 7], np.uint8)),
    }


@pytest.fixture
def packed(small_mnist):
    """The same as .gz files, by file name."""
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in small_mnist.items()}


@pytest.fixture
def published(small_mnist, packed):
    """The checksums of both, as `mnist_files.PUBLISHED` holds them."""
    return {
        name: (hashlib.sha256(packed[f"{name}.gz"]).hexdigest(), hashlib.sha256(content).hexdigest())
        for name, content in small_mnist.items()
    }


@pytest.fixture
def no_mnist_here(tmp_path, monkeypatch):
    """Hide the data of this computer: no SCRATCHDAE_DATA, and an empty cache, which is returned."""
    import pooch

    monkeypatch.delenv("SCRATCHDAE_DATA", raising=False)
    cache = tmp_path / "cache"
    monkeypatch.setattr(pooch, "os_cache", lambda project: cache / project)
    return cache / "scratchdae" / "mnist"
