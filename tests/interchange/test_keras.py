"""To Keras and back: the same outputs, in files too, and what is refused by its path."""

import re

import numpy as np
import pytest
from carried_networks import CHAINS, EACH, build, examples

import scratchdae
from scratchdae import interchange
from scratchdae.layers import LSTM, Dense, Sigmoid, Tanh
from scratchdae.models import posted
from scratchdae.models.stack import codes

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, on JAX
BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])


def close(found, expected, network, dtype):
    """Keras computes tanh in float32, whatever it was told."""
    single = dtype == "float32" or any(isinstance(layer, LSTM | Tanh) for layer in getattr(network, "layers", ()))
    assert found.shape == expected.shape
    bound = (1e-6 if single else 1e-12) * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


def answer(keras, network, x):
    return keras.ops.convert_to_numpy(network(x))


def both_ways(keras, network, dtype):
    x = examples(network.shapes[0], dtype)
    expected, there = network.predict(x), interchange.to_keras(network)
    close(answer(keras, there, x), expected, network, dtype)
    again = interchange.from_keras(there)
    assert again.dtype == dtype
    close(again.predict(x), expected, again, dtype)
    return there, again


@BOTH
@pytest.mark.parametrize(("layer", "shape"), dict(reversed(EACH)).items(), ids=str)
def test_each_layer(keras, layer, shape, dtype):
    network = build([layer], shape, dtype)
    _, again = both_ways(keras, network, dtype)
    assert [type(one) for one in again.layers] == [type(layer)]


@BOTH
@pytest.mark.parametrize("name", CHAINS)
def test_layers_beside_each_other(keras, name, dtype):
    layers, shape = CHAINS[name]
    _, again = both_ways(keras, build(layers, shape, dtype), dtype)
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in layers]


@pytest.mark.parametrize("name", ["q1a", "q1c", "q2a", "q3c", "q4a", "q4e", "q4g"])  # the others have the same layers
def test_the_posted_networks(keras, name):
    network = posted.NETWORKS[name].model(0, "float32")
    x = posted.NETWORKS[name].data(2)[0].astype(np.float32) / (255 if name == "q3a" else 1)
    there = interchange.to_keras(network)
    close(answer(keras, there, x), network.predict(x), network, "float32")
    close(interchange.from_keras(there).predict(x), network.predict(x), network, "float32")


@BOTH
@pytest.mark.parametrize("options", [{}, {"loss": "squared_error"}, {"loss": "squared_error", "output": "linear"}])
@pytest.mark.parametrize("tied", [True, False])
def test_the_autoencoder(keras, tied, options, dtype, tmp_path):
    rng = np.random.default_rng(0)
    model = scratchdae.DenoisingAutoencoder(6, 4, rng, tied=tied, dtype=dtype, **options)
    model.params = {name: value + rng.normal(0, 0.1, value.shape).astype(dtype) for name, value in model.params.items()}
    x, there = rng.random((3, 6)).astype(dtype), interchange.to_keras(model)
    close(answer(keras, there, x), model.reconstruct(x), model, dtype)
    there.save(tmp_path / "model.keras")
    close(answer(keras, keras.models.load_model(tmp_path / "model.keras"), x), model.reconstruct(x), model, dtype)
    again = interchange.from_keras(there, reduction="paper")
    if tied:
        assert again.config | {"loss": ""} == model.config | {"loss": ""}
        assert sum(w.shape == (6, 4) for w in there.weights) == 1
    close(again.reconstruct(x) if tied else again.predict(x), model.reconstruct(x), model, dtype)


def test_a_stack(keras):
    x = np.random.default_rng(0).random((20, 6))
    specs = [scratchdae.LayerSpec(units, nu=0.2, epochs=2) for units in (5, 3)]
    layers, _ = scratchdae.pretrain(x, specs, dtype="float64", progress=False, backend="numpy")
    there = interchange.to_keras(layers)
    close(answer(keras, there, x), codes(layers, x), None, "float64")
    close(interchange.from_keras(there).predict(x), codes(layers, x), None, "float64")
    network, _ = scratchdae.finetune(layers, x, np.arange(20) % 3, epochs=1, lr=0.1, progress=False, backend="numpy")
    both_ways(keras, network, "float64")


def test_weights_are_copied(keras):
    network = build([Dense(2)], (3,))
    there = interchange.to_keras(network)
    again = interchange.from_keras(there)
    again.params["dense_1.W"] += 1
    np.testing.assert_array_equal(there.layers[0].get_weights()[0], network.params["dense_1.W"])


def test_an_own_network_of_parts(keras):
    k = keras.layers
    encoder = keras.Sequential(
        [keras.Input((8, 12, 1)), k.Conv2D(3, 3, activation="relu", padding="same"), k.MaxPooling2D(), k.Flatten(),
         k.Dense(5, activation="leaky_relu", use_bias=False)], name="encoder",
    )  # fmt: skip
    x = keras.Input((8, 12, 1))
    h = k.Dense(24, activation="elu")(encoder(x))
    h = k.Reshape((4, -1, 1))(h)
    out = k.Activation("sigmoid")(k.Conv2DTranspose(1, 3, strides=2, padding="same")(k.ReLU(negative_slope=0.1)(h)))
    network = keras.Model(x, out)
    model = interchange.from_keras(network, loss="cross_entropy")
    given = examples((8, 12, 1), "float64")
    close(model.predict(given), answer(keras, network, given), model, "float64")
    assert [type(layer).__name__ for layer in model.layers] == [
        "Conv2D", "ReLU", "MaxPool2D", "Flatten", "Dense", "LeakyReLU", "Dense", "ELU", "Reshape", "LeakyReLU",
        "Conv2DTranspose", "Sigmoid",
    ]  # fmt: skip


def test_an_own_recurrent_network(keras):
    k = keras.layers
    network = keras.Sequential(
        [keras.Input((5, 2)), k.LSTM(4, activation="relu"), k.RepeatVector(5), k.LSTM(3, return_sequences=True),
         k.TimeDistributed(k.Dense(2))]
    )  # fmt: skip
    model = interchange.from_keras(network)
    given = examples((5, 2), "float64")
    close(model.predict(given), answer(keras, network, given), model, "float32")


def test_what_cannot_be_carried_over_is_named_with_its_path(keras):
    k = keras.layers

    def chain(*layers, shape=(8, 8, 2)):
        return keras.Sequential([keras.Input(shape), *layers])

    inner = keras.Sequential([keras.Input((8, 8, 2)), k.BatchNormalization(name="norm")], name="encoder")
    cases = [
        (chain(inner, k.Flatten()), "cannot be carried over: encoder/norm: BatchNormalization"),
        (chain(k.Conv2D(2, 3, dilation_rate=2, name="conv")), r"conv: Conv2D: dilation_rate=\(2, 2\)"),
        (chain(k.Conv2D(2, 3, groups=2, name="conv")), "conv: Conv2D: groups=2"),
        (chain(k.Dense(2, activation="selu", name="dense")), "dense: Dense: activation='selu'"),
        (chain(k.UpSampling2D(2, interpolation="bilinear", name="up")), "up: UpSampling2D: interpolation='bilinear'"),
        (chain(k.LSTM(2, go_backwards=True, name="lstm"), shape=(5, 2)), "lstm: LSTM: go_backwards=True"),
        (chain(k.LSTM(2, activation="softsign", name="lstm"), shape=(5, 2)), "lstm: LSTM: activation must be one of"),
        (chain(k.Dense(2), shape=(None, 2)), "an input of a fixed shape"),
        (keras.Sequential([k.Dense(2)]), "network must be built"),
    ]
    for network, said in cases:
        with pytest.raises(ValueError, match=said):
            interchange.from_keras(network)
    x = keras.Input((3,))
    dense = k.Dense(3)
    for out in (k.Add(name="sum")([x, dense(x)]), dense(k.Dense(3)(dense(x)))):
        with pytest.raises(ValueError, match=re.escape("network must be a chain of layers")):
            interchange.from_keras(keras.Model(x, out))
    with pytest.raises(ValueError, match=r"network must be a keras\.Model"):
        interchange.from_keras(k.Dense(2))


def test_the_class_of_ones_own_is_refused(keras):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x):
            return self.dense(x) + x

    own = Own()
    own(np.ones((1, 3)))
    with pytest.raises(ValueError, match="network must be a chain of layers"):
        interchange.from_keras(own)


def test_a_file_of_weights_goes_between_the_frameworks(keras, tmp_path):
    torch = pytest.importorskip("torch")
    network = build([Dense(4), Sigmoid(), Dense(3)], (3,))
    x = examples((3,), "float64")
    from_keras = interchange.from_keras(interchange.to_keras(network))
    module = interchange.to_torch(from_keras)
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), network.predict(x), rtol=1e-12)


def test_layer_statistics_look_into_a_network(keras):
    network = build([Dense(4), Tanh(), Dense(3)], (3,))
    x = examples((3,), "float64")
    assert str(scratchdae.layer_statistics(interchange.to_keras(network), x, x)) == str(
        scratchdae.layer_statistics(network, x, x)
    )
