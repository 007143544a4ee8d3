"""A run that is killed and resumed ends in the same bits; a file that is no checkpoint is refused with a sentence."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from optional_packages import require
from safetensors.numpy import save_file

from scratchdae import (
    Corruption,
    DenoisingAutoencoder,
    RestrictedBoltzmannMachine,
    Sequential,
    fit,
    load_model,
    streams,
)
from scratchdae.layers import (
    ELU,
    GELU,
    LSTM,
    AveragePool2D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    RepeatVector,
    Reshape,
    Sigmoid,
    Softplus,
    Tanh,
    UpSampling2D,
)
from scratchdae.optimizers import SGD, Adagrad, Adam, Clipped, RMSprop
from scratchdae.schedules import Geometric
from scratchdae.training import checkpoint

ENDS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
FILES = ("checkpoint.safetensors", "history.jsonl", "config.json")

TRAIN = """
import sys
import numpy as np
import scratchdae as s
x = np.random.default_rng(0).random((120, 30)).astype(np.float32)
model = s.DenoisingAutoencoder(30, 40, s.streams(0).initialisation, dtype=np.float32)
print("ready", flush=True)
lr, corruption = s.schedules.Linear(0.2, 0.05, 60), s.Corruption("masking", 0.3)
s.fit(model, x[:100], epochs=60, lr=lr, corruption=corruption, validation=x[100:], patience=60, l2=1e-5, batch_size=7,
      out=sys.argv[1], backend=sys.argv[2], resume=True)
"""


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def length(path):
    return path.stat().st_size if path.exists() else -1


def test_killed_at_any_moment_and_resumed_ends_in_the_same_bits(tmp_path, backend):
    def start(out):
        command = [sys.executable, "-c", TRAIN, str(out), backend]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    begin = time.monotonic()
    whole = start(tmp_path / "whole")
    whole.communicate()
    assert whole.returncode == 0
    patience, rng = 4 * (time.monotonic() - begin), np.random.default_rng(0)

    kills = 0
    for attempt in range(25):
        process = start(tmp_path / "killed")
        process.stdout.read(5)  # the imports are done: from here on the clock hits the training
        if attempt < 24:
            # Wait for the next change on disk, then a moment more: kills fall before, between and after the writes.
            history = tmp_path / "killed" / "history.jsonl"
            size, end = history.stat().st_size if history.exists() else -1, time.monotonic() + patience
            while (
                process.poll() is None
                and time.monotonic() < end
                and (history.stat().st_size if history.exists() else -1) == size
            ):
                time.sleep(0.0002)
            time.sleep(rng.uniform(0, 0.02))
            process.send_signal(ENDS[attempt % 3])
        _, said = process.communicate()
        kills += process.returncode < 0
        if process.returncode == 0:
            break
    assert process.returncode == 0, said
    assert kills >= 3
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert {path.name for path in (tmp_path / "killed").iterdir()} == set(FILES)


def train(out, epochs, *, resume=False, **options):
    x = np.random.default_rng(0).random((30, 12))
    model = DenoisingAutoencoder(12, 5, streams(0).initialisation)
    arguments = {"lr": 0.1, "corruption": Corruption("masking", 0.25), "validation": x[20:], "seed": 4, **options}
    history = fit(model, arguments.pop("x", x[:20]), epochs=epochs, out=out, resume=resume, batch_size=6, **arguments)
    return model, history


@pytest.mark.parametrize("patience", [None, 2])
def test_resumed_in_parts_is_the_whole(tmp_path, patience):
    lr = Geometric(0.05, 5.0, 12)
    whole, history = train(tmp_path / "whole", 12, lr=lr, patience=patience)
    for epochs in (1, 5, 12):
        parts, again = train(tmp_path / "parts", epochs, resume=True, lr=lr, patience=patience)
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    assert again.records == history.records
    for name, value in whole.params.items():
        np.testing.assert_array_equal(value, parts.params[name])
        np.testing.assert_array_equal(value, load_model(tmp_path / "parts").params[name])


def test_history_is_mended_from_the_checkpoint(tmp_path):
    """Killed between its two files, a run's history is one line behind."""
    train(tmp_path / "run", 3)
    before = contents(tmp_path / "run")
    lines = before["history.jsonl"].splitlines(keepends=True)
    (tmp_path / "run" / "history.jsonl").write_bytes(b"".join(lines[:-1]))
    train(tmp_path / "run", 3, resume=True)
    assert contents(tmp_path / "run") == before


def test_torch_opens_it(tmp_path, torch):
    from safetensors.torch import load_file

    model, _ = train(tmp_path / "run", 2)
    tensors = load_file(tmp_path / "run" / checkpoint.FILE)
    np.testing.assert_array_equal(tensors["W"].numpy(), model.params["W"])


def test_an_existing_run_is_not_overwritten(tmp_path):
    train(tmp_path / "run", 1)
    before = contents(tmp_path / "run")
    with pytest.raises(ValueError, match="holds a run already; resume it, or choose another folder"):
        train(tmp_path / "run", 1)
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"lr": 0.2}, r"training\.lr = '0\.1'.*'0\.2'"),
        ({"seed": 5}, r"training\.seed = 4"),
        ({"corruption": None}, r"training\.corruption = 'masking:0\.25'.*'none'"),
        ({"patience": 2}, r"training\.patience = None"),
        ({"x": np.zeros((20, 12))}, r"data\.train\.sha256_of_sample"),
        ({"x": np.zeros((21, 12))}, r"data\.train\.s"),
        ({"backend": "numpy"}, r"backend = 'numba' and cannot be resumed with 'numpy'"),
    ],
)
def test_resuming_with_other_options_is_refused(tmp_path, options, what):
    if "backend" in options:
        require("numba")
    train(tmp_path / "run", 2)
    before = contents(tmp_path / "run")
    with pytest.raises(ValueError, match=what):
        train(tmp_path / "run", 3, resume=True, **options)
    assert contents(tmp_path / "run") == before


def test_truncated_anywhere_is_refused(tmp_path):
    train(tmp_path / "run", 2)
    whole = (tmp_path / "run" / checkpoint.FILE).read_bytes()
    cut = tmp_path / "cut.safetensors"
    for length in [0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1]:
        cut.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is not a whole safetensors file"):
            checkpoint.load(cut)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint here"):
        checkpoint.load(tmp_path / "nothing")


def _state(**changes):
    model = DenoisingAutoencoder(3, 2, streams(0).initialisation)
    state = {"format": 1, "config": {"model": model.config}, "kept": "", "history": [], "generators": {}}
    return model.params, state | changes


@pytest.mark.filterwarnings("ignore:.*saved no digest")
@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        (None, "no checkpoint of scratchdae"),
        ({"format": "pt"}, "no checkpoint of scratchdae"),
        ({"scratchdae": "not JSON"}, "has a header that is no checkpoint's"),
        ({"scratchdae": "[]"}, "has a header that is no checkpoint's"),
        ({"scratchdae": "{}"}, "has a header that is no checkpoint's"),
        (
            {"scratchdae": json.dumps(_state(format=2)[1])},
            "has checkpoint format 2, this version of scratchdae reads format 1",
        ),
        ({"scratchdae": json.dumps(_state(config={})[1])}, "does not say which model it holds"),
        (
            {"scratchdae": json.dumps(_state(config={"model": {"model": "GAN"}})[1])},
            "does not say which model it holds",
        ),
        ({"scratchdae": json.dumps(_state(config={"model": {"model": "autoencoder"}})[1])}, "config must be that of"),
        ({"scratchdae": json.dumps(_state(kept="best")[1])}, r"params must hold \['W', 'b', 'b_prime'\], found \[\]"),
    ],
)
def test_foreign_files_are_refused(tmp_path, metadata, what):
    save_file(_state()[0], tmp_path / "foreign.safetensors", metadata=metadata)
    with pytest.raises(ValueError, match=what):
        load_model(tmp_path / "foreign.safetensors")


def test_a_state_that_no_json_holds_leaves_no_file(tmp_path):
    params, state = _state()
    with pytest.raises(ValueError, match="JSON"):
        checkpoint.save(tmp_path / checkpoint.FILE, params, state | {"history": [{"loss": float("nan")}]})
    assert list(tmp_path.iterdir()) == []


def test_arrays_that_are_not_the_models_are_refused(tmp_path):
    params, state = _state()
    for wrong in ({"W": params["W"]}, params | {"W": params["W"].T}, params | {"b": params["b"].astype(np.float32)}):
        checkpoint.save(tmp_path / checkpoint.FILE, wrong, state)
        with pytest.raises(ValueError, match=f"^{re.escape(str(tmp_path))}: params"):
            load_model(tmp_path)


def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch):
    train(tmp_path / "run", 1)
    before = contents(tmp_path / "run")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        train(tmp_path / "run", 2, resume=True)
    monkeypatch.undo()
    assert contents(tmp_path / "run") == before
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(FILES)
    train(tmp_path / "run", 2, resume=True)


NOISE = Corruption("gaussian", 0.1)
DEEP = [layer for _ in range(9) for layer in (Dense(8), Sigmoid())]  # dense_10 stands before dense_2 in a file


def network(*layers, shape, loss="squared_error", **options):
    return partial(Sequential, layers, shape, loss=loss), shape, options


IMAGE = (4, 4, 1)
KINDS = {
    "ten dense layers": network(*DEEP, Dense(8), shape=(8,), loss="softmax_cross_entropy"),
    "dense before convolutions": network(
        Dense(2), Conv2D(3, 2, padding="same"), ReLU(), Conv2D(1, 2, padding="same"), shape=IMAGE
    ),
    "pooled": network(Conv2D(3, 2, padding="same"), MaxPool2D(), GELU(), UpSampling2D(), Dense(1), shape=IMAGE),
    "averaged": network(AveragePool2D(), ELU(), Conv2DTranspose(1, 2, stride=2), LeakyReLU(), shape=IMAGE),
    "flattened": network(Flatten(), Dense(16), Softplus(), Reshape(IMAGE), shape=IMAGE, optimizer=Adagrad()),
    "drawing": network(GaussianNoise(0.1), Dense(9), Dropout(0.3), Dense(8), shape=(8,), optimizer=RMSprop()),
    "recurrent": network(LSTM(4, return_sequences=True), Dense(3), shape=(5, 3)),
    "recurrent, Adam": network(
        LSTM(4), RepeatVector(5), LSTM(3, return_sequences=True), shape=(5, 3), optimizer=Adam()
    ),
    "clipped": network(
        Dense(6), Tanh(), *[Dense(8)] * 10, shape=(8,), optimizer=Clipped(SGD(momentum=0.9), max_norm=0.01)
    ),
    "tied": (partial(DenoisingAutoencoder, 8, 5), (8,), {"corruption": Corruption("salt_and_pepper", 0.3)}),
    "untied": (
        partial(DenoisingAutoencoder, 8, 5, tied=False),
        (8,),
        {"corrupt_validation": True, "corruption": NOISE},
    ),
    "float32": (partial(DenoisingAutoencoder, 8, 5, dtype=np.float32), (8,), {"corruption": NOISE}),
    "machine": (partial(RestrictedBoltzmannMachine, 8, 5, k=2), (8,), {"backend": "auto"}),
}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_resumes_to_the_same_bits(tmp_path, kind, backend):
    """A file has its arrays by name; the model's order, in which layers are taken and norms summed, is another."""
    if backend == "numba":
        require("numba")
    make, shape, options = KINDS[kind]
    rng = np.random.default_rng(0)
    x, labels = rng.random((23, *shape)), rng.integers(0, 8, 23)
    target = labels if make.keywords.get("loss") == "softmax_cross_entropy" else x

    def run(out, epochs):
        model = make(rng=streams(1).initialisation)
        arguments = {"lr": 0.5, "l2": 1e-3, "batch_size": 5, "backend": backend, "validation": (x, target)} | options
        history = fit(model, x, target, epochs=epochs, out=out, resume=True, patience=9, **arguments)
        return model, history.records

    whole, records = run(tmp_path / "whole", 4)
    run(tmp_path / "parts", 2)
    parts, again = run(tmp_path / "parts", 4)
    loaded = load_model(tmp_path / "parts")
    assert again == records
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    assert list(parts.params) == list(loaded.params) == list(whole.params)
    for name, value in whole.params.items():
        np.testing.assert_array_equal(parts.params[name], value)
        np.testing.assert_array_equal(loaded.params[name], value)
