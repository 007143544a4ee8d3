"""To Keras and back: the same outputs, in files too, and what is refused by its path."""

import re

import numpy as np
import pytest
from carried_networks import CHAINS, EACH, OTHERS, TOLERANCE, build, examples

import scratchdae
from scratchdae import interchange
from scratchdae.layers import GRU, BatchNorm, Conv1D, Conv1DTranspose, Dense, L1Activity, Sigmoid, Tanh, TiedDense
from scratchdae.models import posted
from scratchdae.models.stack import codes

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, on JAX
BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])


def close(found, expected, dtype):
    assert found.shape == expected.shape
    bound = TOLERANCE[dtype] * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


def answer(keras, network, x):
    return keras.ops.convert_to_numpy(network(x))


def both_ways(keras, network, dtype):
    x = examples(network.shapes[0], dtype)
    expected, there = network.predict(x), interchange.to_keras(network)
    close(answer(keras, there, x), expected, dtype)
    again = interchange.from_keras(there)
    assert again.dtype == dtype
    close(again.predict(x), expected, dtype)
    return there, again


ONE_EACH = dict(reversed(EACH))  # a shape each
SLOW = (Conv1D, Conv1DTranspose, GRU)  # to compile: their options in double precision, in single the defaults alone


@pytest.mark.parametrize(
    ("layer", "shape", "dtype"),
    [(layer, shape, "float64") for layer, shape in ONE_EACH.items()]
    + [(layer, shape, "float32") for layer, shape in ONE_EACH.items()
       if not isinstance(layer, SLOW) or layer in (Conv1D(3), Conv1DTranspose(3), GRU(4))],
    ids=str,
)  # fmt: skip
def test_each_layer(keras, layer, shape, dtype):
    network = build([layer], shape, dtype)
    _, again = both_ways(keras, network, dtype)
    assert [type(one) for one in again.layers] == [type(layer)]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for name in list(CHAINS)[: list(CHAINS).index("gated")] for dtype in ("float32", "float64")]
    + [(name, "float64") for name in ("normalised", "chosen", "along", "tied", "tied along")],
)  # the others are about an order of the axes that Keras has too
def test_layers_beside_each_other(keras, name, dtype):
    layers, shape = CHAINS[name]
    _, again = both_ways(keras, build(layers, shape, dtype), dtype)
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in layers]


@pytest.mark.parametrize("name", ["q1a", "q1c", "q2a", "q3c", "q4a", "q4e", "q4g"])  # the others have the same layers
def test_the_posted_networks(keras, name):
    network = posted.NETWORKS[name].model(0, "float32")
    x = posted.NETWORKS[name].data(2)[0].astype(np.float32) / (255 if name == "q3a" else 1)
    there = interchange.to_keras(network)
    close(answer(keras, there, x), network.predict(x), "float32")
    close(interchange.from_keras(there).predict(x), network.predict(x), "float32")


@BOTH
@pytest.mark.parametrize("options", [{}, {"loss": "squared_error"}, {"loss": "squared_error", "output": "linear"}])
@pytest.mark.parametrize("tied", [True, False])
def test_the_autoencoder(keras, tied, options, dtype, tmp_path):
    rng = np.random.default_rng(0)
    model = scratchdae.DenoisingAutoencoder(6, 4, rng, tied=tied, dtype=dtype, **options)
    model.params = {name: value + rng.normal(0, 0.1, value.shape).astype(dtype) for name, value in model.params.items()}
    x, there = rng.random((3, 6)).astype(dtype), interchange.to_keras(model)
    close(answer(keras, there, x), model.reconstruct(x), dtype)
    there.save(tmp_path / "model.keras")
    close(answer(keras, keras.models.load_model(tmp_path / "model.keras"), x), model.reconstruct(x), dtype)
    again = interchange.from_keras(there, reduction="paper")
    if tied:
        assert again.config | {"loss": ""} == model.config | {"loss": ""}
        assert sum(w.shape == (6, 4) for w in there.weights) == 1
    close(again.reconstruct(x) if tied else again.predict(x), model.reconstruct(x), dtype)


def test_a_stack(keras):
    x = np.random.default_rng(0).random((20, 6))
    specs = [scratchdae.LayerSpec(units, nu=0.2, epochs=2) for units in (5, 3)]
    layers, _ = scratchdae.pretrain(x, specs, dtype="float64", progress=False, backend="numpy")
    there = interchange.to_keras(layers)
    close(answer(keras, there, x), codes(layers, x), "float64")
    close(interchange.from_keras(there).predict(x), codes(layers, x), "float64")
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
    close(model.predict(given), answer(keras, network, given), "float64")
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
    close(model.predict(given), answer(keras, network, given), "float32")  # Keras' own tanh is in float32


def test_an_own_network_of_sequences(keras):
    """Both rows of a GRU's biases count, and batch normalisation without a scale."""
    k = keras.layers
    network = keras.Sequential(
        [keras.Input((6, 2)), k.GRU(3, activation="sigmoid", return_sequences=True), k.BatchNormalization(scale=False),
         k.Conv1D(4, 3, strides=2, activation="softmax"), k.Conv1DTranspose(2, 2, strides=2, padding="same"),
         k.GRU(2, activation="linear", reset_after=False, use_bias=False)]
    )  # fmt: skip
    rng = np.random.default_rng(0)
    network.set_weights([rng.random(w.shape) for w in network.get_weights()])
    model = interchange.from_keras(network)
    given = examples((6, 2), "float64")
    close(model.predict(given), answer(keras, network, given), "float32")  # Keras' own normalisation is in float32
    assert model.layers[0] == GRU(3, True, "sigmoid")
    assert model.layers[1] == BatchNorm.of("keras")


def test_tied_layers_stay_tied_in_a_file(keras, tmp_path):
    network = build(*CHAINS["tied"])
    there = interchange.to_keras(network)
    assert sum(w.shape == (6, 5) for w in there.weights) == 1
    there.save(tmp_path / "tied.keras")
    read = keras.models.load_model(tmp_path / "tied.keras")
    assert read.layers[6].partner is read.layers[0]
    assert interchange.from_keras(read).layers[6] == TiedDense(6, 0)
    close(answer(keras, read, examples((6,), "float64")), network.predict(examples((6,), "float64")), "float64")


def test_penalties_are_carried_where_keras_has_them(keras):
    network = build([Dense(3), Sigmoid(), L1Activity(0.25), Dense(4)], (4,))
    _, again = both_ways(keras, network, "float64")
    assert again.layers[2] == L1Activity(0.25)
    for layers, shape in OTHERS:
        if not isinstance(layers[0], L1Activity):
            with pytest.raises(
                ValueError, match=f"cannot be carried over to Keras: {type(layers[0]).__name__.lower()}_1"
            ):
                interchange.to_keras(build(layers, shape))


def test_what_cannot_be_carried_over_is_named_with_its_path(keras):
    k = keras.layers

    def chain(*layers, shape=(8, 8, 2)):
        return keras.Sequential([keras.Input(shape), *layers])

    inner = keras.Sequential([keras.Input((8, 8, 2)), k.LayerNormalization(name="norm")], name="encoder")
    cases = [
        (chain(inner, k.Flatten()), "cannot be carried over: encoder/norm: LayerNormalization"),
        (chain(k.BatchNormalization(axis=1, name="norm")), "norm: BatchNormalization: axis=1, which is not the last"),
        (chain(k.Softmax(axis=1, name="soft")), "soft: Softmax: axis=1, which is not the last"),
        (chain(k.Conv1D(2, 3, padding="causal", name="conv"), shape=(5, 2)), "conv: Conv1D: padding must be one of"),
        (
            chain(k.GRU(2, recurrent_activation="tanh", name="gru"), shape=(5, 2)),
            "gru: GRU: recurrent_activation='tanh'",
        ),
        (chain(k.ActivityRegularization(l2=0.1, name="small")), "small: ActivityRegularization: its options"),
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


def test_the_example_runs(keras, tmp_path, monkeypatch):
    """The lines in the docstring of the package, one after the other."""
    nn = pytest.importorskip("torch").nn
    monkeypatch.chdir(tmp_path)
    code = "\n".join(line[4:] for line in interchange.__doc__.splitlines() if line.startswith("    "))
    names = {"scratchdae": scratchdae, "interchange": interchange, "nn": nn, "rng": np.random.default_rng(0)}
    exec(code, vars(scratchdae.layers) | names)
    assert (tmp_path / "weights.safetensors").exists()


def test_layer_statistics_look_into_a_network(keras):
    network = build([Dense(4), Tanh(), Dense(3)], (3,))
    x = examples((3,), "float64")
    assert str(scratchdae.layer_statistics(interchange.to_keras(network), x, x)) == str(
        scratchdae.layer_statistics(network, x, x)
    )


def test_layer_statistics_look_into_a_tied_autoencoder(keras):
    model = scratchdae.DenoisingAutoencoder(6, 4, np.random.default_rng(0), loss="squared_error")
    found = scratchdae.layer_statistics(interchange.to_keras(model), np.eye(6), np.eye(6))
    assert [row.name for row in found] == ["dense_1", "sigmoid_1", "tieddense_1", "sigmoid_2"]


@pytest.mark.parametrize("labels", [False, True])
def test_the_gradients_of_a_network_are_checked_by_its_own_backward_pass(keras, labels):
    """In double precision, whatever it has; a network of one's own class too; it is left as it was."""
    k = keras.layers

    class Own(keras.Model):
        def __init__(self):
            super().__init__(dtype="float32")
            self.inner = keras.Sequential([k.Dense(3, "tanh", dtype="float32"), k.BatchNormalization(dtype="float32")])
            self.out = k.Dense(4, dtype="float32")

        def call(self, x):
            return self.out(self.inner(x)) + x

    network, x = Own(), examples((4,), "float32")
    before = answer(keras, network, x)
    report = scratchdae.gradcheck.check(network, (x, np.arange(3)) if labels else x, max_entries=4)
    assert report.ok, report
    assert len(report.rows) == 6
    assert network.inner.layers[0].dtype_policy.name == "float32"
    np.testing.assert_array_equal(answer(keras, network, x), before)


def test_a_wrong_gradient_of_a_network_is_found(keras):
    import jax

    @jax.custom_vjp
    def square(a):
        return a * a

    square.defvjp(lambda a: (a * a, a), lambda a, d: (2.1 * a * d,))

    class Square(keras.layers.Layer):
        def call(self, x):
            return square(x)

    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), Square(), keras.layers.Dense(4)])
    report = scratchdae.gradcheck.check(network, examples((4,), "float64"), max_entries=4)
    assert [row.ok for row in report.rows] == [False, False, True, True]
