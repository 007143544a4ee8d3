"""The networks of `posted` are those of the four questions, layer by layer: the table below is written from the posts.

It names layers in words of its own, so that a slip in one of the two is seen.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from optional_packages import require

from scratchdae import Sequential, evaluate, fit, posted, streams
from scratchdae.layers import LSTM, Conv2D, Conv2DTranspose, Dense, LeakyReLU, MaxPool2D, UpSampling2D
from scratchdae.losses import l2_penalty
from scratchdae.optimizers import Adam

DENSE_CODE = "conv32 relu pool conv16 relu pool flatten dense{code} relu | dense1024 relu reshape8x8x16 "
DENSE_CODE += "turn16 relu up turn32 relu up turn3 {output}"
ONE_POOLING = "conv64 relu conv32 relu pool | turn32 relu up conv64 relu conv1 sigmoid"
LAYERS = {
    "q1a": "dense5 relu | dense10",
    "q1b": "conv16 relu pool conv32 relu pool flatten dense16 relu | dense16384 relu reshape128x128x1 "
    "turn32/2 relu turn16/2 relu turn3 sigmoid",
    "q1c": "lstm32:relu lstm16:relu:last | repeat50 lstm16:relu lstm32:relu dense5",
    "q2a": "conv32 relu pool conv16 relu pool | turn16 relu up turn32 relu up conv1 sigmoid",
    "q2b": ONE_POOLING,
    "q2c": ONE_POOLING,
    "q3a": DENSE_CODE.format(code=32, output="sigmoid"),
    "q3b": DENSE_CODE.format(code=8, output="sigmoid"),
    "q3c": DENSE_CODE.format(code=32, output="relu"),
    "q4a": "dense100 relu dense100 relu dense100 relu | dense100 relu dense100 relu dense100 sigmoid",
    "q4b": "dense2 | dense2",
    "q4c": "dense2 | dense2 sigmoid",
    "q4d": "dense2 | dense2 sigmoid",
    "q4e": "dense10 leaky0.1 dense10 | dense10 leaky0.1 dense10",
    "q4f": "dense1 | dense10",
    "q4g": "dense2 | dense2 sigmoid",
}
CODE = {
    "q1a": 5, "q1b": 16, "q1c": 16, "q2a": 7 * 7 * 16, "q2b": 14 * 14 * 32, "q2c": 14 * 14 * 32, "q3a": 32, "q3b": 8,
    "q3c": 32, "q4a": 100, "q4b": 2, "q4c": 2, "q4d": 2, "q4e": 10, "q4f": 1, "q4g": 2,
}  # fmt: skip
NOTHING_OF_IT = "batch_size code epochs first_weights layers lr optimizer rows"
TRAINING = {  # examples, loss, learning rate, batch, epochs; what is assumed of all this
    "q1a": (100, "squared_error", 1e-3, 32, 10, ""),
    "q1b": (None, "squared_error", 1e-3, 32, 20, "data rows noise"),
    "q1c": (None, "squared_error", 1e-6, 32, 100, "data rows noise"),
    "q2a": (None, "squared_error", 1e-3, 32, 100, "data rows"),
    "q2b": (None, "squared_error", 1e-3, 64, 200, "data rows"),
    "q2c": (None, "squared_error", 1e-4, 128, 200, "data rows"),
    "q3a": (1000, "squared_error", 1e-3, 32, 10, ""),
    "q3b": (1000, "squared_error", 1e-3, 32, 10, ""),
    "q3c": (1000, "squared_error", 1e-3, 32, 10, ""),
    "q4a": (30_000, None, None, None, 500, "loss optimizer lr batch_size"),
    "q4b": (30_000, "squared_error", 1e-5, 128, None, "epochs first_weights"),
    "q4c": (30_000, "cross_entropy", 1e-4, 128, None, "epochs first_weights"),
    "q4d": (30_000, "cross_entropy", 1e-4, 128, None, "epochs first_weights"),
    "q4e": (30_000, "squared_error", None, None, 310, "optimizer lr batch_size first_weights"),
    "q4f": (None, None, None, None, None, f"columns loss {NOTHING_OF_IT}"),
    "q4g": (None, "cross_entropy", None, None, None, f"data {NOTHING_OF_IT}"),
}
PARAMETERS = {  # kernel · inputs · outputs and the biases, added by hand
    "q1a": 55 + 60,
    "q1b": 448 + 4640 + (64 * 64 * 32 * 16 + 16) + 17 * 16384 + 320 + 4624 + 435,
    "q1c": 4 * 32 * (5 + 32 + 1) + 4 * 16 * (32 + 16 + 1) + 4 * 16 * (16 + 16 + 1) + 4 * 32 * (16 + 32 + 1) + 165,
    "q2a": 320 + 4624 + 2320 + 4640 + 289,
    "q2b": 640 + 18464 + 9248 + 18496 + 577,
    "q3a": 896 + 4624 + 1025 * 32 + 33 * 1024 + 2320 + 4640 + 867,
    "q3b": 896 + 4624 + 1025 * 8 + 9 * 1024 + 2320 + 4640 + 867,
    "q4a": 6 * 10100,
    "q4b": 2 * 6,
    "q4e": 4 * 110,
    "q4f": 11 + 20,
} | {"q2c": 47425, "q3c": 79939, "q4c": 12, "q4d": 12, "q4g": 12}


def spelt(layer):
    """Return a layer in the words of the table; what it does not say is what all layers of the posts have."""
    if isinstance(layer, Dense):
        return f"dense{layer.units}"
    if isinstance(layer, LSTM):
        return f"lstm{layer.units}:{layer.activation}{'' if layer.return_sequences else ':last'}"
    if isinstance(layer, LeakyReLU):
        return f"leaky{layer.slope}"
    if isinstance(layer, Conv2D | Conv2DTranspose):
        assert layer.kernel == (3, 3)
        assert layer.padding == "same"
        stride = {(1, 1): "", (2, 2): "/2"}[layer.stride]
        return f"{'conv' if isinstance(layer, Conv2D) else 'turn'}{layer.filters}{stride}"
    if isinstance(layer, MaxPool2D | UpSampling2D):
        assert layer == type(layer)()  # by 2
        return "pool" if isinstance(layer, MaxPool2D) else "up"
    name = type(layer).__name__.lower()
    if name == "repeatvector":
        return f"repeat{layer.n}"
    return f"reshape{'x'.join(map(str, layer.shape))}" if name == "reshape" else name


def built(network, dtype=np.float32):
    """Build the network; Q1b with the output that it has."""
    shape = (512, 512, 3) if network is posted.NETWORKS["q1b"] else None
    rng = streams(0).initialisation
    return Sequential(network.layers(), network.shape, rng, loss=network.loss, output_shape=shape, dtype=dtype)


def test_the_networks_are_those_of_the_questions_in_order():
    assert list(posted.NETWORKS) == list(LAYERS) == list(TRAINING)


@pytest.mark.parametrize("name", LAYERS)
def test_the_layers_are_those_that_were_posted(name):
    network = posted.NETWORKS[name]
    words = [spelt(layer) for layer in network.layers()]
    assert " ".join([*words[: network.encoder], "|", *words[network.encoder :]]) == LAYERS[name]
    model = built(network)
    assert (np.prod(model.shapes[network.encoder]), network.code) == (CODE[name], CODE[name])
    assert sum(value.size for value in model.params.values()) == PARAMETERS[name]


@pytest.mark.parametrize("name", TRAINING)
def test_the_training_is_that_which_was_posted_and_says_what_it_assumes(name):
    rows, loss, lr, batch_size, epochs, assumed = TRAINING[name]
    network = posted.NETWORKS[name]
    training = network.training
    assert sorted(network.assumed) == sorted(assumed.split())
    for what, found, expected in (
        ("rows", network.rows, rows), ("loss", network.loss, loss), ("lr", training.lr, lr),
        ("batch_size", training.batch_size, batch_size), ("epochs", training.epochs, epochs),
    ):  # fmt: skip
        assert found == expected if expected is not None else what in assumed.split(), what
    assert isinstance(training.optimizer, Adam)
    assert training.corruption is None
    assert training.l2 == (0.001 if name == "q2c" else 0)
    assert network.working_lr == (1e-3 if name == "q1c" else None)
    assert bool(network.noise) == name.startswith("q1")


@pytest.mark.parametrize("name", LAYERS)
def test_the_data_are_those_that_were_posted(name):
    network = posted.NETWORKS[name]
    fed, x = network.data(2 if name == "q1b" else 40, 3)
    assert x.shape == fed.shape == (len(x), *network.shape)
    assert np.array_equal(network.data(len(x), 3)[0], fed)
    assert (fed is x) == (network.noise == 0)
    shape = {"q1": (10,), "q2": (28, 28, 1), "q3": (32, 32, 3), "q4": (2,)}[name[:2]]
    assert network.shape == {
        "q1b": (256, 256, 3), "q1c": (50, 5), "q4a": (100,), "q4e": (10,), "q4f": (10,)
    }.get(name, shape)  # fmt: skip
    most = 255 if name == "q3a" else 1
    assert 0 <= x.min() < 0.1 * most
    assert 0.9 * most < x.max() <= most
    if name == "q3a":
        assert np.array_equal(x, np.rint(x))
    if name in ("q4d", "q4g"):
        assert set(np.unique(x)) == {0, 1}
    if name == "q4f":
        assert np.array_equal(x, np.broadcast_to(x[:, :1], x.shape))


def test_as_many_examples_come_as_were_posted_and_the_noise_is_a_fifth_of_their_deviation():
    network = posted.NETWORKS["q1a"]
    fed, x = network.data()
    assert len(x) == 100
    assert np.std(fed - x) == pytest.approx(0.2 * x.std(), rel=0.1)
    assert len(posted.NETWORKS["q4e"].data()[1]) == 30_000
    for n in (0, 5000):
        with pytest.raises(ValueError, match=r"^n must"):
            posted.NETWORKS["q2a"].data(n)


def test_q1b_ends_at_512_and_is_refused():
    network = posted.NETWORKS["q1b"]
    assert built(network).shapes[-1] == (512, 512, 3)
    with pytest.raises(ValueError, match=r"must have shape \(256, 256, 3\).* found \(512, 512, 3\)"):
        network.model(0)


def test_q2c_spares_the_last_kernel_which_fit_does_not():
    network = posted.NETWORKS["q2c"]
    params = network.model(0).params
    kernels = [key for key, value in params.items() if value.ndim > 1]
    assert network.unpenalised == (kernels[-1],)
    spared = l2_penalty({key: params[key] for key in kernels[:-1]}, 1.0)[0]
    assert spared < l2_penalty(params, 1.0)[0]


def test_a_posted_network_trains_in_one_call():
    network = posted.NETWORKS["q1a"]
    model = network.model(0)
    before = evaluate(model, network.data()[1])
    history = fit(model, *network.data(), training=network.training, progress=False)
    assert len(history["loss"]) == 10
    assert evaluate(model, network.data()[1]) < before


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "q4g"])
def test_it_has_as_many_parameters_as_the_same_in_pytorch(name):
    """The doctor's tests hold the posts in PyTorch, written by another hand."""
    require("torch")
    path = Path(__file__).parents[1] / "doctor" / "posted_torch.py"
    spec = importlib.util.spec_from_file_location("posted_in_pytorch", path)
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    other = getattr(theirs, name)()
    model, _ = other.build(0)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]
    assert other.batch_size == posted.NETWORKS[name].training.batch_size or name == "q1b"  # four, to be quick
