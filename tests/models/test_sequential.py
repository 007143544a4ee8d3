"""The networks that people ask about: built, compared with PyTorch step by step, trained, saved, and refused."""

import json
from contextlib import nullcontext

import numpy as np
import pytest
from optional_packages import require

from scratchdae import Corruption, NonFiniteError, Sequential, fit, gradcheck, load_model
from scratchdae.layers import (
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
    Softmax,
    Tanh,
    UpSampling2D,
)
from scratchdae.losses import l2_penalty
from scratchdae.models import layer_statistics
from scratchdae.optimizers import Adam, RMSprop
from scratchdae.training import checkpoint


def dense_on_random_numbers(width=100):
    """Question 4: six layers of 100 units, ReLU, a sigmoid at the end, on uniform numbers."""
    hidden = [layer for _ in range(5) for layer in (Dense(width), ReLU())]
    return [*hidden, Dense(width), Sigmoid()], (width,)


def small_leaky():
    """Question 4: 10-10-10-10-10 with LeakyReLU(0.1)."""
    return [layer for _ in range(4) for layer in (Dense(10), LeakyReLU(0.1))], (10,)


def convolutional_two_poolings(wide=32, narrow=16, side=28):
    """Question 2: two poolings and 16 channels, with transposed convolutions of stride 1."""
    encoder = [Conv2D(wide), ReLU(), MaxPool2D(), Conv2D(narrow), ReLU(), MaxPool2D()]
    decoder = [Conv2DTranspose(narrow), ReLU(), UpSampling2D(), Conv2DTranspose(wide), ReLU(), UpSampling2D()]
    return [*encoder, *decoder, Conv2D(1), Sigmoid()], (side, side, 1)


def convolutional_one_pooling(wide=64, narrow=32, side=28):
    """Question 2: one pooling and 32 channels, a code eight times the size of the input."""
    encoder = [Conv2D(wide), ReLU(), Conv2D(narrow), ReLU(), MaxPool2D()]
    decoder = [Conv2DTranspose(narrow), ReLU(), UpSampling2D(), Conv2D(wide), ReLU()]
    return [*encoder, *decoder, Conv2D(1), Sigmoid()], (side, side, 1)


def bottleneck_denoiser(side=256, first=128, code=16):
    """Question 1: two poolings, 16 units, and two transposed convolutions of stride 2 from first × first."""
    encoder = [Conv2D(16), ReLU(), MaxPool2D(), Conv2D(32), ReLU(), MaxPool2D(), Flatten(), Dense(code), ReLU()]
    decoder = [Dense(first * first), ReLU(), Reshape((first, first, 1))]
    decoder += [Conv2DTranspose(32, stride=2), ReLU(), Conv2DTranspose(16, stride=2), ReLU()]
    return [*encoder, *decoder, Conv2DTranspose(3), Sigmoid()], (side, side, 3)


def dense_code(code, side=32):
    """Question 3: convolutions around a dense code of 8 or 32 numbers."""
    quarter = side // 4
    encoder = [Conv2D(32), ReLU(), MaxPool2D(), Conv2D(16), ReLU(), MaxPool2D(), Flatten(), Dense(code), ReLU()]
    decoder = [Dense(quarter * quarter * 16), ReLU(), Reshape((quarter, quarter, 16))]
    decoder += [Conv2DTranspose(16), ReLU(), UpSampling2D(), Conv2DTranspose(32), ReLU(), UpSampling2D()]
    return [*encoder, *decoder, Conv2DTranspose(3), Sigmoid()], (side, side, 3)


def lstm_denoiser(activation="relu", steps=50):
    """Question 1: 32-16-repeat-16-32-dense over 50 steps of 5 features."""
    encoder = [LSTM(32, return_sequences=True, activation=activation), LSTM(16, activation=activation)]
    decoder = [LSTM(16, return_sequences=True, activation=activation)]
    decoder += [LSTM(32, return_sequences=True, activation=activation), Dense(5)]
    return [*encoder, RepeatVector(steps), *decoder], (steps, 5)


NETWORKS = {
    "dense on random numbers": dense_on_random_numbers(),
    "small leaky": small_leaky(),
    "two poolings": convolutional_two_poolings(),
    "one pooling": convolutional_one_pooling(),
    "bottleneck, mended": bottleneck_denoiser(side=64, first=16),
    "dense code of 8": dense_code(8),
    "dense code of 32": dense_code(32),
    "lstm denoiser": lstm_denoiser(),
    "lstm denoiser, tanh": lstm_denoiser("tanh"),
}


def batch(input_shape, size=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((size, *input_shape))
    return x + 0.1 * rng.normal(size=x.shape), x


def torch_output(torch, network, params, x):
    """The same network in PyTorch, layer by layer, with our weights and channels last."""
    F = torch.nn.functional
    for name, layer, shape in zip(network.names, network.layers, network.shapes[1:], strict=True):
        own = {key.removeprefix(f"{name}."): p for key, p in params.items() if key.startswith(f"{name}.")}
        image = x.permute(0, 3, 1, 2) if x.ndim == 4 else x
        match layer:
            case Dense():
                x = x @ own["W"] + own["b"]
            case Conv2D():
                y = F.conv2d(image, own["W"].permute(3, 2, 0, 1).contiguous(), own["b"], padding="same")
                x = y.permute(0, 2, 3, 1)
            case Conv2DTranspose():
                y = F.conv_transpose2d(image, own["W"].permute(3, 2, 0, 1).contiguous(), own["b"], stride=layer.stride)
                cut = [max(k - s, 0) // 2 for k, s in zip(layer.kernel, layer.stride, strict=True)]
                x = y[:, :, cut[0] : cut[0] + shape[0], cut[1] : cut[1] + shape[1]].permute(0, 2, 3, 1)
            case MaxPool2D():
                x = F.max_pool2d(image, 2).permute(0, 2, 3, 1)
            case AveragePool2D():
                x = F.avg_pool2d(image, 2).permute(0, 2, 3, 1)
            case UpSampling2D():
                x = F.interpolate(image, scale_factor=2, mode="nearest").permute(0, 2, 3, 1)
            case Flatten() | Reshape():
                x = x.reshape(len(x), *shape)
            case ReLU():
                x = torch.relu(x)
            case LeakyReLU():
                x = F.leaky_relu(x, layer.slope)
            case Sigmoid():
                x = torch.sigmoid(x)
            case RepeatVector():
                x = x[:, None].expand(-1, layer.n, -1)
            case LSTM():
                x = torch_lstm(torch, own, x, layer)
            case _:
                raise AssertionError(f"no twin for {layer}")
    return x


def torch_lstm(torch, own, x, layer):
    phi = torch.relu if layer.activation == "relu" else torch.tanh
    h = c = x.new_zeros(len(x), layer.units)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ own["W"] + h @ own["U"] + own["b"]).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * phi(g)
        h = torch.sigmoid(o) * phi(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1) if layer.return_sequences else h


def largest_error(mine, theirs):
    """Largest difference, in units of the largest entry of all."""
    largest = max(np.abs(value).max() for value in theirs.values())
    return max(np.abs(mine[name] - theirs[name]).max() for name in theirs) / largest


CASES = [(name, backend, 0.0) for name in NETWORKS for backend in ("numpy", "auto")]
CASES += [("one pooling", "auto", 1e-3), ("bottleneck, mended, 256", "auto", 0.0)]


@pytest.mark.parametrize(("name", "backend", "l2"), CASES)
def test_ten_steps_are_those_of_torch(torch, name, backend, l2):
    """Output, loss, every gradient, and ten steps of Adam, in float64; the third convolutional one has a penalty."""
    from scratchdae.backend import using

    layers, input_shape = NETWORKS.get(name) or bottleneck_denoiser(first=64)
    network = Sequential(layers, input_shape, np.random.default_rng(5))
    x, target = batch(input_shape, size=1 if name.endswith("256") else 3)
    p = {key: torch.tensor(value, requires_grad=True) for key, value in network.params.items()}
    tx, t_target = torch.tensor(x), torch.tensor(target)
    theirs = torch.optim.Adam(p.values(), lr=1e-3)
    rule, params = Adam.of("torch"), network.params
    state = rule.init(params)
    with using(backend):
        for step in range(10):
            output = torch_output(torch, network, p, tx)
            value = torch.nn.functional.mse_loss(output, t_target)
            value = value + l2 * sum((weights**2).sum() for weights in p.values() if weights.ndim >= 2)
            theirs.zero_grad()
            value.backward()
            if step == 0:
                np.testing.assert_allclose(network.predict(x), output.detach().numpy(), rtol=0, atol=1e-12)
            loss, grads = network.loss_and_grads(params, x, target)
            penalty, decay = l2_penalty(params, l2)
            loss, grads = loss + penalty, {key: grad + decay.get(key, 0) for key, grad in grads.items()}
            assert loss == pytest.approx(value.item(), rel=1e-10)
            assert largest_error(grads, {key: tensor.grad.numpy() for key, tensor in p.items()}) < 1e-10
            params, state = rule.update(params, grads, state, 1e-3)
            theirs.step()
    assert largest_error(params, {key: tensor.detach().numpy() for key, tensor in p.items()}) < 1e-10


@pytest.mark.parametrize(
    ("layers", "input_shape"),
    [
        ([Dense(4), Tanh(), Dense(6), Sigmoid()], (6,)),
        (convolutional_two_poolings(3, 2, 8)[0], (8, 8, 1)),
        ([Conv2D(3, stride=2), Tanh(), AveragePool2D(), Flatten(), Dense(4), Dense(72), Reshape((6, 6, 2))], (6, 6, 2)),
        (lstm_denoiser("tanh", 4)[0], (4, 5)),
    ],
    ids=["dense", "convolutional", "strided", "lstm"],
)
@pytest.mark.parametrize("loss", ["squared_error", "huber", "cross_entropy"])
def test_gradients_are_the_complex_step(layers, input_shape, loss):
    if loss == "cross_entropy" and not isinstance(layers[-1], Sigmoid):
        layers = [*layers, Sigmoid()]
    rng = np.random.default_rng(2)
    network = Sequential(layers, input_shape, rng, loss=loss)
    for name in network.params:
        if name.endswith(".b"):  # zero at first: behind a dead rectifier the next one would stand on its kink
            network.params[name] = rng.normal(0, 0.1, network.params[name].shape)
    x, target = batch(input_shape)
    report = gradcheck.check(lambda p: network.loss_and_grads(p, x, target), network.params, max_entries=30)
    report.raise_on_failure()
    assert report.method == "complex"


def test_labels_and_softmax(torch):
    network = Sequential([Dense(7), ReLU(), Dense(4)], (5,), np.random.default_rng(0), loss="softmax_cross_entropy")
    x, t = np.random.default_rng(1).normal(size=(6, 5)), np.array([0, 3, 1, 2, 2, 0])
    logits = torch.tensor(network.predict(x))
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(t)).item()
    assert network.loss(network.params, x, t) == pytest.approx(expected, rel=1e-13)
    gradcheck.check(lambda p: network.loss_and_grads(p, x, t), network.params).raise_on_failure()
    history = fit(network, x, t, epochs=200, lr=0.05, optimizer=Adam(), batch_size=3)
    assert history["loss"][-1] < 0.05
    assert (network.predict(x).argmax(axis=1) == t).all()


def test_the_decoder_that_is_twice_too_large_is_refused_by_name():
    """As people post it: 256 × 256 goes in, 512 × 512 comes out."""
    layers, input_shape = bottleneck_denoiser()
    with pytest.raises(
        ValueError,
        match=r"sigmoid_1: the output must have shape \(256, 256, 3\), that of the input.*found \(512, 512, 3\)",
    ):
        Sequential(layers, input_shape, np.random.default_rng(0))


def test_the_mended_denoiser_trains():
    """At its own size, 256 × 256 × 3; measured after 30 epochs: a sixth of the best constant's error, the variance."""
    layers, input_shape = bottleneck_denoiser(first=64)
    network = Sequential(layers, input_shape, np.random.default_rng(0), dtype=np.float32)
    grid = np.linspace(0, 1, 256, dtype=np.float32)
    shades = np.stack([np.add.outer(a * grid, (1 - a) * grid) for a in (0.1, 0.4, 0.6, 0.9)])
    x = np.repeat(shades[..., None], 3, axis=3)
    noise = Corruption("gaussian", 0.1)
    history = fit(network, x, epochs=30, lr=2e-3, optimizer=Adam(), batch_size=2, corruption=noise)
    assert history["loss"][-1] < 0.4 * x.var()


@pytest.mark.parametrize(
    ("layers", "input_shape", "message"),
    [
        ([], (4,), "layers must hold at least one layer"),
        ([Dense(4), Conv2D(3)], (4,), r"conv2d_1: input_shape must be \(height, width, channels\).*found \(4,\)"),
        ([Conv2D(2, kernel=9, padding="valid")], (8, 8, 1), r"conv2d_1: kernel \(9, 9\) must fit into the image"),
        ([Reshape((3, 3))], (8,), r"reshape_1: "),
        ([LSTM(3), LSTM(3)], (5, 2), r"lstm_2: input_shape must be \(steps, features\).*found \(3,\)"),
        ([RepeatVector(3)], (5, 2), r"repeatvector_1: "),
        ([Dense(5)], (4,), r"dense_1: the output must have shape \(4,\)"),
    ],
)
def test_a_mismatch_names_the_layer_and_both_shapes(layers, input_shape, message):
    with pytest.raises(ValueError, match=message):
        Sequential(layers, input_shape, np.random.default_rng(0))


def test_a_softmax_is_not_applied_twice():
    layers = [Dense(4), Softmax()]
    with pytest.raises(ValueError, match=r"takes pre-activations, found a last layer Softmax\(\)"):
        Sequential(layers, (4,), np.random.default_rng(0), loss="softmax_cross_entropy")
    Sequential([*layers, Dense(4)], (4,), np.random.default_rng(0), loss="softmax_cross_entropy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse"}, "loss must be one of"),
        ({"reduction": "sum"}, "reduction must be one of"),
        ({"dtype": np.float16}, "dtype must be one of"),
        ({"loss": "cross_entropy"}, "the cross-entropy needs a last layer Sigmoid"),
        ({"output_shape": (5,)}, r"the output must have shape \(5,\), as asked for, found \(4,\)"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        Sequential([Dense(4)], (4,), np.random.default_rng(0), **options)


def test_batches_that_do_not_fit():
    network = Sequential([Dense(4), Sigmoid()], (4,), np.random.default_rng(0), loss="cross_entropy")
    x = np.random.default_rng(0).random((6, 4))
    for data, target, message in (
        (x[:, :3], None, r"x must have shape \(B, 4\)"),
        (x, x[:, :3], r"target must have shape \(B, 4\)"),
        (x, x + 1, r"target must lie in \[0, 1\]"),
        (x, np.zeros(6, int), r"target must have shape \(B, 4\)"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(network, data, target, epochs=1, lr=0.1)
    classifier = Sequential([Dense(3)], (4,), np.random.default_rng(0), loss="softmax_cross_entropy")
    for labels in (np.full(6, 3), np.full(6, -1), np.zeros(6), x):
        with pytest.raises(ValueError, match=r"labels from 0 to 2|floating"):
            fit(classifier, x, labels, epochs=1, lr=0.1)


def test_summary_is_the_table_people_know():
    network = Sequential(*convolutional_one_pooling(), np.random.default_rng(0))
    assert repr(network.summary()) == str(network.summary())
    lines = network.summary().splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters"]
    rows = {line.split()[0]: line for line in lines if "_" in line}
    assert rows["conv2d_1"].endswith("640")
    assert "(28, 28, 64)" in rows["conv2d_1"]
    assert rows["conv2d_2"].endswith("18,464")
    assert "(14, 14, 32)" in rows["maxpool2d_1"]
    assert lines[-1].split() == ["total", f"{sum(value.size for value in network.params.values()):,}"]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_rebuilds_from_its_configuration(name):
    layers, input_shape = NETWORKS[name]
    network = Sequential(layers, input_shape, np.random.default_rng(1), dtype=np.float32)
    again = Sequential.from_config(json.loads(json.dumps(network.config)), dict(reversed(network.params.items())))
    assert again.layers == network.layers
    assert list(again.params) == list(network.params)  # a file has them in another order
    assert again.config == network.config
    x = batch(input_shape)[0].astype(np.float32)
    np.testing.assert_array_equal(again.predict(x), network.predict(x))


@pytest.mark.parametrize("optimizer", [Adam(), RMSprop(momentum=0.9, centred=True)], ids=str)
def test_stopped_and_resumed_is_the_whole(tmp_path, optimizer):
    """Dropout and noise draw from a stream that the checkpoint keeps; the rule's state is kept too."""
    x = np.random.default_rng(0).random((20, 8, 8, 1))

    def run(folder, epochs, resume=False):
        layers = [
            Conv2D(4),
            ReLU(),
            Dropout(0.3),
            MaxPool2D(),
            GaussianNoise(0.1),
            UpSampling2D(),
            Conv2D(1),
            Sigmoid(),
        ]
        network = Sequential(layers, (8, 8, 1), np.random.default_rng(7))
        options = {"lr": 1e-3, "batch_size": 6, "validation": x[:5], "corruption": Corruption("masking", 0.2)}
        fit(network, x, epochs=epochs, optimizer=optimizer, out=folder, resume=resume, **options)
        return network

    whole = run(tmp_path / "whole", 5)
    run(tmp_path / "parts", 2)
    run(tmp_path / "parts", 5, resume=True)
    assert (tmp_path / "parts" / checkpoint.FILE).read_bytes() == (tmp_path / "whole" / checkpoint.FILE).read_bytes()
    loaded = load_model(tmp_path / "parts")
    assert isinstance(loaded, Sequential)
    np.testing.assert_array_equal(loaded.predict(x), whole.predict(x))


@pytest.mark.parametrize(
    ("layers", "what"),
    [
        ([Dense(3), ReLU(), Dense(4)], r"model\.layers\.1\.layer = 'Tanh' and cannot be resumed with 'ReLU'"),
        ([Dense(2), Tanh(), Dense(4)], r"model\.layers\.0\.units = 3 and cannot be resumed with 2"),
        ([Dense(3), Tanh(), Dense(4), Tanh()], r"model\.layers\.3 = None and cannot be resumed with {'layer': 'Tanh'}"),
    ],
)
def test_resuming_another_network_is_refused_by_the_layer(tmp_path, layers, what):
    x = np.random.default_rng(0).random((8, 4))
    for made, resume in (([Dense(3), Tanh(), Dense(4)], False), (layers, True)):
        network = Sequential(made, (4,), np.random.default_rng(0))
        with pytest.raises(ValueError, match=what) if resume else nullcontext():
            fit(network, x, epochs=2, lr=0.1, out=tmp_path, resume=resume)


def test_noise_and_dropout_act_in_training_only():
    network = Sequential([Dropout(0.5), GaussianNoise(0.3), Dense(4)], (4,), np.random.default_rng(0))
    x = np.random.default_rng(0).random((5, 4))
    quiet = network.loss(network.params, x, x)
    assert network.loss_and_grads(network.params, x, x)[0] == quiet
    assert network.loss_and_grads(network.params, x, x, np.random.default_rng(1))[0] != quiet


def test_backends_agree():
    require("numba")
    x = np.random.default_rng(0).random((12, 28, 28, 1), dtype=np.float32)
    results = {}
    for backend in ("numpy", "numba"):
        layers, input_shape = convolutional_two_poolings(4, 3)
        network = Sequential(layers, input_shape, np.random.default_rng(0), dtype=np.float32)
        history = fit(network, x, epochs=2, lr=0.05, batch_size=4, backend=backend)
        assert history.backend.startswith(backend)
        results[backend] = network.params
    assert largest_error(results["numba"], results["numpy"]) < 1e-5


def test_divergence_names_the_parameter():
    network = Sequential([Dense(6), ReLU(), Dense(6)], (6,), np.random.default_rng(0), dtype=np.float32)
    x = np.random.default_rng(0).random((10, 6), dtype=np.float32)
    with pytest.raises(NonFiniteError, match=r"(the loss became|the gradient of 'dense_\d\.[Wb]' is not finite)"):
        fit(network, x, epochs=100, lr=100.0)


class TestLayerStatistics:
    """What each layer is doing, on networks whose answer is known."""

    def test_a_dead_layer_is_told(self):
        network = Sequential([Dense(5), ReLU(), Dense(4)], (4,), np.random.default_rng(0))
        network.params["dense_1.b"][:] = [-100, 0, 0, -100, 0]
        x = np.random.default_rng(1).normal(size=(50, 4))
        rows = {row.name: row for row in layer_statistics(network, x, x)}
        assert rows["relu_1"].dead == 2
        assert rows["dense_1"].dead is None
        lines = str(layer_statistics(network, x, x)).splitlines()
        assert lines[0].split()[:7] == ["layer", "mean", "std", "varies", "of_input", "saturated", "dead"]
        assert lines[2].split()[0] == "relu_1"
        assert lines[2].split()[6] == "2"

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_a_collapsed_network_is_told_where_it_collapses(self, dtype):
        """The same answer to every input, units that differ from each other: an ordinary `std`, and nothing varies."""
        layers = [Dense(6), ReLU(), Dense(5), ReLU(), Dense(4)]
        network = Sequential(layers, (4,), np.random.default_rng(0), dtype=dtype)
        network.params["dense_2.W"][:] = 0
        network.params["dense_2.b"][:] = [0.1, 0.2, 0.3, 1, 2]
        x = np.random.default_rng(1).normal(size=(50, 4)).astype(dtype)
        rows = {row.name: row for row in layer_statistics(network, x, x)}
        assert np.ptp(network.predict(x), axis=0).max() == 0
        assert [rows[name].varies for name in ("dense_2", "relu_2", "dense_3")] == [0, 0, 0]
        assert rows["dense_3"].std > 0.3
        assert rows["dense_3"].of_input == 0
        assert rows["dense_1"].of_input > 0.3
        assert str(layer_statistics(network, x, x)).splitlines()[-1].split()[3:5] == ["0", "0"]

    def test_what_varies_is_each_unit_over_the_examples_in_the_mean_over_units(self):
        network = Sequential([Dense(3), Dense(4)], (4,), np.random.default_rng(0))
        x = np.random.default_rng(1).normal(size=(50, 4)) * [1, 2, 3, 4] + [0, 100, 0, -100]
        row = layer_statistics(network, x, x)[0]
        own = (x @ network.params["dense_1.W"]).std(axis=0).mean()
        assert row.varies == pytest.approx(own, rel=1e-12)
        assert row.of_input == pytest.approx(own / x.std(axis=0).mean(), rel=1e-12)
        assert row.std > 5 * row.varies

    def test_of_an_image_each_entry_is_a_unit(self):
        network = Sequential([Conv2D(1, 1), Conv2D(1, 1)], (5, 5, 1), np.random.default_rng(0))
        same = np.random.default_rng(1).normal(size=(1, 5, 5, 1)).repeat(6, axis=0)
        row = layer_statistics(network, same, same)[0]
        assert (row.varies, row.of_input) == (0, None)
        assert row.std > 0

    def test_a_dead_channel_is_told(self):
        network = Sequential([Conv2D(3, 3), ReLU(), Conv2D(1, 3)], (5, 5, 1), np.random.default_rng(0))
        network.params["conv2d_1.b"][:] = [-100, 0, -100]
        x = np.random.default_rng(1).normal(size=(6, 5, 5, 1))
        assert {row.name: row.dead for row in layer_statistics(network, x, x)}["relu_1"] == 2

    def test_saturation_is_told(self):
        network = Sequential([Dense(4), Tanh(), Dense(4), Sigmoid()], (4,), np.random.default_rng(0))
        network.params["dense_2.b"][:] = [30, -30, 0, 0]
        x = 1e-3 * np.random.default_rng(1).normal(size=(50, 4))
        rows = {row.name: row for row in layer_statistics(network, x, np.abs(x))}
        assert rows["sigmoid_1"].saturated == 0.5
        assert rows["tanh_1"].saturated == 0

    def test_signal_vanishes_by_a_sixteenth_and_more_a_sigmoid(self):
        """A sigmoid's slope is at most 1/4; with weights of variance 1/n the gradient shrinks at least fourfold."""
        layers = [layer for _ in range(6) for layer in (Dense(64, init_W="lecun_normal"), Sigmoid())]
        network = Sequential(layers, (64,), np.random.default_rng(0))
        x = np.random.default_rng(1).random((100, 64))
        signal = [row.signal for row in layer_statistics(network, x, x) if row.name.startswith("sigmoid")]
        ratios = np.array(signal[:-1]) / np.array(signal[1:])
        assert (ratios < 0.3).all()
        assert (ratios > 0.15).all()

    def test_norms_and_update_are_those_of_the_step(self):
        network = Sequential(
            [Dense(4), ReLU(), Dense(4), Sigmoid()], (4,), np.random.default_rng(0), loss="cross_entropy"
        )
        x = np.random.default_rng(1).random((9, 4))
        _, grads = network.loss_and_grads(network.params, x, x)
        updated = {name: value - 0.1 * grads[name] for name, value in network.params.items()}
        rows = layer_statistics(network, x, x, updated=updated)
        assert [row.name for row in rows] == list(network.names)
        norm = np.sqrt(sum((grads[f"dense_1.{key}"] ** 2).sum() for key in "Wb"))
        assert rows[0].gradient == pytest.approx(norm, rel=1e-13)
        assert rows[0].update == pytest.approx(0.1 * norm / rows[0].weight, rel=1e-12)
        assert rows[0].mean == pytest.approx((x @ network.params["dense_1.W"]).mean(), rel=1e-12)
        assert rows[-1].signal is None
        assert rows[1].gradient is None
