"""Every layer through every check; and the checks themselves through planted bugs."""

from dataclasses import MISSING, dataclass, field, fields

import layer_checks
import numpy as np
import pytest
from layer_table import ROWS, Row

from scratchdae import backend
from scratchdae.layers import LAYERS, Conv2D, Dense, Dropout, Identity, LeakyReLU, ReLU, Tanh, activation


def named(value):
    return getattr(value, "__name__", type(value).__name__)


CASES = [pytest.param(row, layer, id=str(layer)) for row in ROWS for layer in row.examples]


@pytest.mark.parametrize("check", layer_checks.ON_BOTH_BACKENDS, ids=named)
@pytest.mark.parametrize(("row", "layer"), CASES)
def test_on_both_backends(loops, row, layer, check):
    for shape in row.shapes:
        check(row, layer, shape)


@pytest.mark.parametrize("check", layer_checks.ONCE, ids=named)
@pytest.mark.parametrize(("row", "layer"), CASES)
def test_once(row, layer, check):
    for shape in row.shapes:
        check(row, layer, shape)


def test_every_layer_has_a_row():
    """Whoever adds a layer adds a row: that is all the testing that it needs to begin with."""
    assert [type(row.examples[0]) for row in ROWS if len({type(layer) for layer in row.examples}) != 1] == []
    assert sorted(type(row.examples[0]).__name__ for row in ROWS) == sorted(LAYERS)


DEFAULTS = [
    "AveragePool2D(pool=(2, 2), stride=(2, 2), padding='valid')",
    "BatchNorm(decay_rate=0.9, eps=1e-05, running='unbiased')",
    "ContractiveDense(units=4, init_W='glorot_uniform', weight=0.1)",
    "Conv1D(filters=4, kernel=3, stride=1, padding='same', init_W='glorot_uniform')",
    "Conv1DTranspose(filters=4, kernel=3, stride=1, padding='same', init_W='glorot_uniform')",
    "Conv2D(filters=4, kernel=(3, 3), stride=(1, 1), padding='same', init_W='glorot_uniform')",
    "Conv2DTranspose(filters=4, kernel=(3, 3), stride=(1, 1), padding='same', init_W='glorot_uniform')",
    "Dense(units=4, init_W='glorot_uniform')",
    "ELU(alpha=1.0)",
    "GELU(approximate='none')",
    "GRU(units=4, return_sequences=False, activation='tanh', reset='after', init_W='glorot_uniform', "
    "init_U='orthogonal')",
    "LSTM(units=4, return_sequences=False, activation='tanh', forget_bias=1.0, init_W='glorot_uniform', "
    "init_U='orthogonal')",
    "LeakyReLU(slope=0.01)",
    "MaxPool2D(pool=(2, 2), stride=(2, 2), padding='valid')",
    "UpSampling2D(factor=(2, 2))",
]


@pytest.mark.parametrize("printed", DEFAULTS)
def test_defaults_are_those_of_the_documentation(printed):
    """A network that says nothing else is built of them: another default is another network."""
    layer_class = LAYERS[printed.partition("(")[0]]
    needed = [4 for f in fields(layer_class) if f.default is MISSING]
    assert str(layer_class(*needed)) == printed


def test_every_default_is_in_the_list():
    with_defaults = {name for name, kind in LAYERS.items() if any(f.default is not MISSING for f in fields(kind))}
    assert with_defaults == {printed.partition("(")[0] for printed in DEFAULTS}


class NoDerivative(Tanh):
    def _gradient(self, dy, y):
        return dy


class InputGradientSlightlyOff(Dense):
    def backward(self, cache, d_output):
        dx, grads = super().backward(cache, d_output)
        return 1.0005 * dx, grads


class MaskDrawnAgain(Dropout):
    def backward(self, cache, d_output):
        return super().backward(np.roll(cache, 1), d_output)


class AnotherFunction(Tanh):
    """Its gradient is right: only PyTorch tells."""

    def _value(self, a):
        return np.tanh(a / 2)

    def _gradient(self, dy, y):
        return dy * (1 - y * y) / 2


class ActiveAtTheKink(ReLU):
    def backward(self, cache, d_output):
        return d_output * (cache >= 0), {}

    def _value(self, a):
        return np.where(a.real >= 0, a, -1e-300)  # so that the gradient check, off the kink, is content


class InPlace(ReLU):
    def _value(self, a):
        return np.maximum(a, 0, out=a)


class CotangentInPlace(Tanh):
    def _gradient(self, dy, y):
        dy *= 1 - y * y
        return dy


class CacheSpent(Tanh):
    def backward(self, cache, d_output):
        da, grads = super().backward(cache, d_output)
        cache[:] = 0
        return da, grads


class DrawsByItself(Identity):
    def _value(self, a):
        return a + np.random.default_rng().normal()


class OneUnitMore(Dense):
    def output_shape(self, input_shape):
        return (*input_shape[:-1], self.units + 1)


class Upcasts(Identity):
    def _value(self, a):
        return np.float64(1) * a


class UpcastsBackwards(Identity):
    def backward(self, cache, d_output):
        return np.float64(1) * d_output, {}


class FloatAlways(Dense):
    def init(self, input_shape, rng, dtype=np.float64):
        return super().init(input_shape, rng)


class RealPartOnly(Tanh):
    def _value(self, a):
        return np.tanh(a.real)


class HidesNaN(Tanh):
    def _value(self, a):
        return np.tanh(np.nan_to_num(a))


class HidesNaNBackwards(ReLU):
    def _gradient(self, dy, y):
        return np.nan_to_num(dy) * (y.real > 0)


class AnotherWhereCompiled(Tanh):
    def _value(self, a):
        return np.tanh(a) if backend.twin(activation, a) is activation else (1 + 1e-9) * np.tanh(a)


class Unchecked(Tanh):
    def forward(self, params, x, rng=None):
        return np.tanh(x), np.tanh(x)


class DrawsForAnyShape(Dense):
    def init(self, input_shape, rng, dtype=np.float64):
        return {"W": np.zeros((max(input_shape[-1:], default=1), 3)), "b": np.zeros(3)}


class OfAnyShape(Dense):
    def output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


class TwoAtLeast(Dense):
    def output_shape(self, input_shape):
        if min(input_shape) < 2:
            raise ValueError(f"input_shape must have sides of at least 1, found {input_shape}")
        return super().output_shape(input_shape)


class NoSideUnseen(Conv2D):
    def output_shape(self, input_shape):
        """Without a look at the channels."""
        return super().output_shape((*input_shape[:2], 1) if len(input_shape) == 3 else input_shape)


@dataclass(frozen=True)
class HoldsAnArray(Identity):
    scale: np.ndarray = field(default_factory=lambda: np.ones(3))


class AsGiven(LeakyReLU):
    def __post_init__(self):
        pass


@dataclass
class Thawed:
    slope: float = 0.01


PLANTED = {
    layer_checks.gradient: [NoDerivative(), InputGradientSlightlyOff(3), MaskDrawnAgain(0.5)],
    layer_checks.agrees_with_torch: [AnotherFunction(), ActiveAtTheKink()],
    layer_checks.pure: [InPlace(), CotangentInPlace(), CacheSpent(), DrawsByItself(), OneUnitMore(3)],
    layer_checks.keeps_the_dtype: [Upcasts(), UpcastsBackwards(), FloatAlways(3)],
    layer_checks.complex_passes: [RealPartOnly()],
    layer_checks.what_is_not_a_number_shows: [HidesNaN(), HidesNaNBackwards()],
    layer_checks.twin_agrees: [AnotherWhereCompiled()],
    layer_checks.survives_a_checkpoint: [HoldsAnArray(), NoDerivative()],  # of which a checkpoint cannot know the class
    layer_checks.refuses_by_name: [Unchecked(), DrawsForAnyShape(3), OfAnyShape(3), NoSideUnseen(2)],
    layer_checks.is_rebuilt_from_json: [HoldsAnArray()],
    layer_checks.takes_numpys_numbers: [AsGiven()],
    layer_checks.is_frozen: [Thawed()],
    layer_checks.is_exported: [NoDerivative()],
    layer_checks.takes_sides_of_one: [TwoAtLeast(3)],
}  # fmt: skip


@pytest.mark.parametrize(("check", "bug"), [(check, bug) for check, bugs in PLANTED.items() for bug in bugs], ids=named)
def test_planted_bugs_are_caught(check, bug):
    """Each fails its check, which the layer that it spoils passes (`test_on_both_backends` and `test_once`)."""
    base = type(bug).__base__.__name__
    row = next((row for row in ROWS if type(row.examples[0]).__name__ == base), Row([bug], [(4, 5)]))
    failures = (AssertionError, ValueError, TypeError, pytest.fail.Exception)
    with backend.using("numpy"), pytest.raises(failures):
        check(row, bug, row.shapes[0])


def test_a_layer_without_a_row_is_told(monkeypatch):
    monkeypatch.setitem(LAYERS, "NoDerivative", NoDerivative)
    with pytest.raises(AssertionError):
        test_every_layer_has_a_row()
