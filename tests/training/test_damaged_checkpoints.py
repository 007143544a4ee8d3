"""A checkpoint with a bit changed is refused or harmless, and nothing has changed then; an old one has no digest."""

import json
import warnings

import numpy as np
import pytest
from safetensors.numpy import save_file

from scratchdae import Corruption, DenoisingAutoencoder, Sequential, fit, load_model, streams
from scratchdae.layers import LSTM, Dense, Dropout, Sigmoid
from scratchdae.training import checkpoint, state

LAYERS = [LSTM(2, return_sequences=True), Dropout(0.2), Dense(3), Sigmoid()]
NETWORKS = {
    "autoencoder": (lambda: DenoisingAutoencoder(6, 4, streams(0).initialisation), (9, 6)),
    "network": (lambda: Sequential(LAYERS, (2, 3), streams(0).initialisation), (9, 2, 3)),
}


def train(model, x, out, epochs):
    options = {"corruption": Corruption("masking", 0.3), "validation": x[:3], "patience": 9, "backend": "numpy"}
    return fit(model, x, epochs=epochs, lr=0.1, batch_size=4, out=out, resume=True, **options)


@pytest.fixture(params=NETWORKS)
def run(request, tmp_path):
    """A run of two epochs: what makes its model, its data, its folder."""
    make, shape = NETWORKS[request.param]
    x = np.random.default_rng(0).random(shape)
    train(make(), x, tmp_path / "run", 2)
    return make, x, tmp_path / "run"


def equal(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def damaged(whole, rng):
    """Some bits changed, most often in the header; or the end cut off; or something put behind it."""
    content, header = bytearray(whole), 8 + int.from_bytes(whole[:8], "little")
    kind = rng.integers(10)
    if kind == 0:
        return bytes(content[: rng.integers(len(content))])
    if kind == 1:
        return bytes(content) + rng.bytes(rng.integers(1, 20))
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        content[rng.integers(header if kind < 6 else len(content))] ^= 1 << rng.integers(8)
    return bytes(content)


def test_every_damage_is_refused_or_harmless(run):
    make, x, out = run
    file = out / checkpoint.FILE
    whole, before = file.read_bytes(), {path.name: path.read_bytes() for path in out.iterdir()}
    right, rng, refused = load_model(out).params, np.random.default_rng(17), 0
    for _ in range(250):  # of each network
        content = damaged(whole, rng)
        file.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*saved no digest")
                loaded = load_model(out)
        except ValueError as error:
            refused, said = refused + 1, str(error)
            model = make()
            params = {name: value.copy() for name, value in model.params.items()}
            with pytest.raises(ValueError, match="checkpoint"):
                train(model, x, out, 3)
            assert (str(out) in said, "\n" in said) == (True, False)
            assert equal(model.params, params)
            assert {p.name: p.read_bytes() for p in out.iterdir()} == before | {checkpoint.FILE: content}
        else:  # the name of the digest was hit
            assert equal(loaded.params, right)
    assert refused >= 240


def without_digest(out, **changes):
    arrays, found = checkpoint.load(out)
    save_file(arrays, out / checkpoint.FILE, metadata={"scratchdae": json.dumps(found | changes)})
    return found


def test_a_checkpoint_without_a_digest_loads_with_a_word_and_goes_on_to_the_same_bits(run):
    make, x, out = run
    without_digest(out)
    with pytest.warns(UserWarning, match=r"checkpoint\.safetensors is of a version that saved no digest"):
        train(make(), x, out, 4)
    train(make(), x, out.with_name("whole"), 4)
    assert (out / checkpoint.FILE).read_bytes() == (out.with_name("whole") / checkpoint.FILE).read_bytes()


DEEP = json.loads("[" * 300 + "]" * 300)
BITS = {"bit_generator": "PCG64", "state": {"state": 1, "inc": 1}, "has_uint32": 0, "uinteger": 0}
RECORD = {"epoch": 1, "loss": 1.0, "penalty": 0.0, "validation_loss": 1.0, "validation_error": None, "lr": 0.1}


@pytest.mark.filterwarnings("ignore:.*saved no digest")
@pytest.mark.parametrize(
    "changes",
    [
        {"config": None},
        {"config": [1]},
        {"history": None},
        {"history": 7},
        {"history": "epochs"},
        {"history": [None]},
        {"history": [{}]},
        {"history": [RECORD | {"epoch": 2}]},
        {"history": [RECORD | {"loss": "1"}]},
        {"history": [RECORD | {"loss": DEEP}]},
        {"history": {"epoch": 1}},
        {"generators": None},
        {"generators": {}},
        *(
            {"generators": {"shuffling": BITS, "corruption": BITS, "layers": wrong}}
            for wrong in (
                None,
                [],
                {},
                BITS | {"bit_generator": "MT19937"},
                BITS | {"state": None},
                BITS | {"state": {"state": 2**200, "inc": -1}},
                BITS | {"state": {"state": "1", "inc": 1}},
                BITS | {"uinteger": 2**80},
                BITS | {"has_uint32": 1e308},
            )
        ),
    ],
)
def test_a_state_that_cannot_be_read_is_one_sentence_and_changes_nothing(run, changes, monkeypatch):
    make, x, out = run
    without_digest(out, **changes)
    runs, load = [], state.Run.load

    def watched(self, path):
        runs.append((self, [stream.bit_generator.state for stream in self.streams]))
        load(self, path)

    monkeypatch.setattr(state.Run, "load", watched)
    content, model = (out / checkpoint.FILE).read_bytes(), make()
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors lacks part of its state, or holds another"):
        train(model, x, out, 3)
    ((one, before),) = runs
    assert [stream.bit_generator.state for stream in one.streams] == before
    assert one.history.records == []
    assert equal(model.params, make().params)
    assert (out / checkpoint.FILE).read_bytes() == content


@pytest.mark.filterwarnings("ignore:.*saved no digest")
@pytest.mark.parametrize("path", [("layers",), ("layers", 0), ("layers", 2, "units"), ("input_shape",), ("loss",)])
@pytest.mark.parametrize("wrong", [None, 7, -1, 1e400, "x", [], {}, 10**30, [[]], [None]])
def test_a_model_that_cannot_be_rebuilt_is_one_sentence(tmp_path, path, wrong):
    make, _ = NETWORKS["network"]
    model = make()
    config = json.loads(json.dumps(model.config))
    at = config
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = wrong
    found = {"format": 1, "config": {"model": config}, "kept": ""}
    save_file(model.params, tmp_path / checkpoint.FILE, metadata={"scratchdae": json.dumps(found)})
    with pytest.raises(ValueError, match=str(tmp_path)) as refused:
        load_model(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_digest_is_of_values_whatever_their_order_in_memory(tmp_path):
    x = np.arange(6.0).reshape(2, 3)
    checkpoint.save(tmp_path / checkpoint.FILE, {"a": x.T, "b": x.astype(">f8"), "c": np.zeros((0, 2))}, {"kept": ""})
    arrays, _ = checkpoint.load(tmp_path)
    assert equal(arrays, {"a": x.T, "b": x, "c": np.zeros((0, 2))})
