"""What the checks at the door return: Python's own numbers, which JSON can hold and which upcast nothing."""

import json
from dataclasses import asdict, fields

import numpy as np
import pytest

from scratchdae import Corruption, GrowingPatience, LayerSpec, Sequential, Training, arguments, fit, layers, schedules
from scratchdae.optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, Clipped, RMSprop

HALF, THREE = np.float32(0.5), np.int64(3)
KEPT = [
    SGD(momentum=HALF, nesterov=np.True_, weight_decay=HALF),
    SGD(momentum=HALF, dampening=HALF, momentum_lr=np.str_("inside")),
    RMSprop(decay_rate=HALF, momentum=HALF, centred=np.True_, eps=HALF, epsilon=np.str_("inside")),
    Adam(beta1=HALF, beta2=HALF, eps=HALF, decayed=np.str_("all")),
    AdamW(weight_decay=HALF),
    Adadelta(eps=HALF),
    Adagrad(initial=HALF, eps=HALF),
    Clipped(SGD(), max_norm=HALF, limit=np.int64(1)),
    schedules.Constant(HALF),
    schedules.Linear(HALF, HALF, THREE),
    schedules.Geometric(HALF, HALF, THREE),
    schedules.Cosine(HALF, HALF, THREE),
    schedules.Step(HALF, HALF, THREE),
    schedules.Exponential(HALF, HALF),
    schedules.WarmUp(THREE, schedules.Constant(0.5)),
    Corruption(np.str_("masking"), HALF),
    GrowingPatience(THREE, np.float32(2), HALF),
    LayerSpec(THREE, nu=HALF, lr=HALF, epochs=THREE, batch_size=THREE, loss=np.str_("squared_error")),
    Training(THREE, HALF, THREE, l2=HALF, patience=THREE, seed=THREE, backend=np.str_("numpy")),
    layers.Dense(np.prod((3, 1)), np.str_("he_normal")),
    layers.Dropout(HALF),
    layers.LSTM(THREE, return_sequences=np.True_, forget_bias=HALF),
    layers.Conv2D(THREE, (THREE, THREE), np.int64(1)),
]


@pytest.mark.parametrize("thing", KEPT, ids=lambda thing: type(thing).__name__)
def test_what_a_check_returns_is_kept(thing):
    for field in fields(thing):
        assert not isinstance(getattr(thing, field.name), np.generic), field.name
    assert "np." not in str(thing)
    json.dumps({name: value for name, value in asdict(thing).items() if name not in ("rule", "optimizer", "level")})


def test_an_int_stays_an_int_for_runs_are_known_by_how_their_options_print():
    assert str(Clipped(SGD(), max_norm=1)) == "Clipped(SGD(), max_norm=1, convention='optax')"
    assert str(schedules.Linear(1, 0, 5)) == "linear(1, 0, 5)"


def test_numpys_numbers_train_and_are_saved(tmp_path):
    network = Sequential(
        [layers.Dense(np.prod((2, 2))), layers.Dropout(HALF)], (np.int64(4),), np.random.default_rng(0)
    )
    rates = schedules.Linear(HALF, np.float32(0.25), THREE)
    options = {"epochs": THREE, "lr": rates, "seed": THREE, "l2": HALF, "patience": THREE, "batch_size": THREE}
    x = np.random.default_rng(1).random((6, 4))
    history = fit(network, x, out=tmp_path, validation=x, progress=False, **options)
    assert [type(lr) for lr in history.records[0].values() if lr is not None] == [int, float, float, float, float]


def test_epochs_without_number_are_no_reason_to_count_them():
    assert Training(2**31, 0.1).epochs == 2**31
    assert Training(2**31, schedules.Linear(0.1, 0.01, 2**31)).epochs == 2**31
    with pytest.raises(ValueError, match=r"lr must be a finite number, at least 0, found -0\.1"):
        Training(2**31, schedules.Linear(0.1, -0.1, 2**31))


def test_grey_levels_are_scaled_as_fit_scales_them():
    network = Sequential([layers.Dense(4)], (4,), np.random.default_rng(0))
    grey = np.arange(24, dtype=np.uint8).reshape(6, 4) * 10
    np.testing.assert_array_equal(network.predict(grey), network.predict(grey / 255))


class Silent:
    def __repr__(self):
        raise RuntimeError

    __array__ = __repr__


@pytest.mark.parametrize(
    "value", ["x" * 500, "a\nb", [0.5] * 900, 10**9999, Silent(), np.ones((3, 4)), {1: "a"}, None], ids=range(8)
)
def test_what_was_found_is_one_line_of_eighty_characters(value):
    shown = arguments.shown(value)
    assert len(shown) <= 80
    assert "\n" not in shown


def test_letters_stand_for_sides():
    given = {"b": np.zeros(3), "W": np.ones((4, 3))}
    assert list(arguments.shapes("p", given, {"W": "DH", "b": "H"})) == ["W", "b"]
    with pytest.raises(ValueError, match=r"p\['b'\] must be an array of shape \(3,\), found \(4,\)"):
        arguments.shapes("p", given | {"b": np.zeros(4)}, {"W": "DH", "b": "H"})
    with pytest.raises(ValueError, match=r"p\['W'\] must be an array of shape \(D, H\), found \(3,\)"):
        arguments.shapes("p", given | {"W": np.zeros(3)}, {"W": "DH", "b": "H"})
