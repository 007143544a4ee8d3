"""To PyTorch and back: the same outputs, the names that load_state_dict takes, and what is refused by its path."""

import pickle

import numpy as np
import pytest
from carried_networks import CHAINS, EACH, FIRST, OTHERS, build, close, examples
from optional_packages import require

torch = require("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import scratchdae  # noqa: E402
from scratchdae import interchange  # noqa: E402
from scratchdae.layers import (  # noqa: E402
    GELU,
    GRU,
    LSTM,
    AveragePool2D,
    BatchNorm,
    Conv1D,
    Conv1DTranspose,
    Dense,
    Flatten,
    MaxPool2D,
    Sigmoid,
    TiedDense,
)  # fmt: skip
from scratchdae.models import posted  # noqa: E402
from scratchdae.models.stack import codes  # noqa: E402

BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])


def there(x, first=False):
    """Examples as PyTorch has them: images with the channels first, sequences too where they are convolved."""
    return torch.from_numpy(
        np.ascontiguousarray(np.moveaxis(x, -1, 1) if x.ndim == 4 or (first and x.ndim == 3) else x)
    )


def back(y, first=False):
    y = y.detach().numpy()
    return np.moveaxis(y, 1, -1) if y.ndim == 4 or (first and y.ndim == 3) else y


def shape_there(shape, first=False):
    return (shape[-1], *shape[:-1]) if len(shape) == 3 or (first and len(shape) == 2) else shape


def both_ways(network, dtype, first=False):
    x = examples(network.shapes[0], dtype)
    module = interchange.to_torch(network)
    expected = network.predict(x)
    close(back(module(there(x, first)), first), expected, dtype)
    again = interchange.from_torch(module, shape_there(network.shapes[0], first))
    if not network.params:  # a module without them says nothing of its precision
        again.dtype = network.dtype
    close(again.predict(x), expected, dtype)
    return module, again


def lacking(layer, shape):
    """Whether PyTorch has no such layer: an LSTM of rectifiers, a GRU whose reset comes before, some poolings."""
    same = getattr(layer, "padding", "") == "same" and isinstance(layer, MaxPool2D | AveragePool2D)
    if getattr(layer, "activation", "tanh") != "tanh" or getattr(layer, "reset", "after") != "after":
        return True
    return same and any(s == 1 and k % 2 == 0 for s, k in zip(layer.stride, layer.pool, strict=True))


@BOTH
@pytest.mark.parametrize(("layer", "shape"), EACH, ids=str)
def test_each_layer(layer, shape, dtype):
    network = build([layer], shape, dtype)
    if not lacking(layer, shape):
        both_ways(network, dtype, isinstance(layer, BatchNorm | Conv1D | Conv1DTranspose))
        return
    with pytest.raises(ValueError, match=rf"cannot be carried over to PyTorch: {network.names[0]}: "):
        interchange.to_torch(network)


def test_layers_that_are_not_carried_over_are_named():
    for layers, shape in OTHERS:
        network = build(layers, shape)
        with pytest.raises(ValueError, match=f"cannot be carried over to PyTorch: {network.names[-1]}: "):
            interchange.to_torch(network)


@BOTH
@pytest.mark.parametrize("name", CHAINS)
def test_layers_beside_each_other(name, dtype):
    layers, shape = CHAINS[name]
    network = build(layers, shape, dtype)
    module, again = both_ways(network, dtype, name in FIRST)
    if "no layer" not in name and "a sequence" not in name:
        assert [type(layer) for layer in again.layers] == [type(layer) for layer in layers]
    if name == "flattened":  # nothing but PyTorch's own layers
        assert [type(one).__name__ for one in module] == ["Conv2d", "ReLU", "MaxPool2d", "Flatten", "Dropout", "Linear"]


@pytest.mark.parametrize("name", posted.NETWORKS)
def test_the_posted_networks(name):
    if name in ("q1b", "q1c"):  # one does not fit together, one has an LSTM of rectifiers
        return
    network = posted.NETWORKS[name].model(0, "float32")
    x = posted.NETWORKS[name].data(2)[0].astype(np.float32) / (255 if name == "q3a" else 1)
    expected, module = network.predict(x), interchange.to_torch(network)
    close(back(module(there(x))), expected, "float32")
    close(interchange.from_torch(module, shape_there(network.shapes[0])).predict(x), expected, "float32")


def test_the_posted_lstm_of_rectifiers_is_refused_by_its_name():
    layers = posted.NETWORKS["q1c"].layers(4, 6)
    with pytest.raises(ValueError, match=r"cannot be carried over to PyTorch: lstm_1: LSTM\(units=4"):
        interchange.to_torch(build(layers, (6, 5)))


@BOTH
@pytest.mark.parametrize("options", [{}, {"loss": "squared_error"}, {"loss": "squared_error", "output": "linear"}])
@pytest.mark.parametrize("tied", [True, False])
def test_the_autoencoder(tied, options, dtype):
    rng = np.random.default_rng(0)
    model = scratchdae.DenoisingAutoencoder(6, 4, rng, tied=tied, dtype=dtype, **options)
    model.params = {name: value + rng.normal(0, 0.1, value.shape).astype(dtype) for name, value in model.params.items()}
    x, module = rng.random((3, 6)).astype(dtype), interchange.to_torch(model)
    close(back(module(there(x))), model.reconstruct(x), dtype)
    again = interchange.from_torch(module, reduction="paper")
    if tied:
        assert len(list(module.parameters())) == 3
        assert again.config | {"loss": ""} == model.config | {"loss": ""}
        close(back(module.encode(there(x))), model.encode(x), dtype)
        close(again.reconstruct(x), model.reconstruct(x), dtype)
    else:
        assert list(module.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
        close(again.predict(x), model.reconstruct(x), dtype)


@pytest.mark.parametrize("kind", ["autoencoder", "rbm"])
def test_a_stack(kind):
    x = np.random.default_rng(0).random((20, 6))
    more = {"kind": kind} if kind == "rbm" else {"nu": 0.2}
    specs = [scratchdae.LayerSpec(units, epochs=2, **more) for units in (5, 3)]
    layers, _ = scratchdae.pretrain(x, specs, dtype="float64", progress=False, backend="numpy")
    module = interchange.to_torch(layers)
    close(back(module(there(x))), codes(layers, x), "float64")
    close(interchange.from_torch(module).predict(x), codes(layers, x), "float64")
    network, _ = scratchdae.finetune(layers, x, np.arange(20) % 3, epochs=1, lr=0.1, progress=False, backend="numpy")
    both_ways(network, "float64")


def test_a_training_step_goes_the_same_way():
    """What PyTorch's autograd makes of the module is the gradient of the model, tied weights and all."""
    rng = np.random.default_rng(0)
    model = scratchdae.DenoisingAutoencoder(6, 4, rng)
    x, x_tilde = rng.random((5, 6)), rng.random((5, 6))
    module = interchange.to_torch(model)
    z = module(there(x_tilde))
    (F.binary_cross_entropy(z, there(x), reduction="sum") / 5).backward()
    _, grads = model.loss_and_grads(model.params, x_tilde, x)
    np.testing.assert_allclose(module.encoder.weight.grad.numpy().T, grads["W"], rtol=1e-10)
    np.testing.assert_allclose(module.decoder_bias.grad.numpy(), grads["b_prime"], rtol=1e-10)


def test_weights_are_copied():
    network = build([Dense(2)], (3,))
    before, x = network.predict(np.ones((1, 3))), np.ones((1, 3))
    module = interchange.to_torch(network)
    with torch.no_grad():
        module[0].weight.zero_()
    np.testing.assert_array_equal(network.predict(x), before)
    again = interchange.from_torch(module)
    again.params["dense_1.W"] += 1
    assert float(module[0].weight.detach().abs().max()) == 0


def test_a_file_that_pytorch_reads_and_one_that_it_wrote(tmp_path):
    safetensors = require("safetensors.torch")
    network = build(*CHAINS["flattened"])
    interchange.save_safetensors(network, tmp_path / "ours.safetensors")
    module = interchange.to_torch(build(*CHAINS["flattened"], seed=5))
    module.load_state_dict(safetensors.load_file(tmp_path / "ours.safetensors"))
    x = examples((6, 4, 2), "float64")
    close(back(module(there(x))), network.predict(x), "float64")

    safetensors.save_file(module.state_dict(), tmp_path / "theirs.safetensors")
    other = build(*CHAINS["flattened"], seed=7)
    interchange.load_safetensors(other, tmp_path / "theirs.safetensors")
    close(other.predict(x), network.predict(x), "float64")


def test_both_biases_of_an_lstm_count():
    network = build([LSTM(3)], (4, 2))
    arrays = interchange.state_dict(network)
    arrays["0.bias_hh_l0"] = arrays["0.bias_hh_l0"] + 0.5
    arrays["0.bias_ih_l0"] = arrays["0.bias_ih_l0"] - 0.5
    expected = network.predict(np.ones((1, 4, 2)))
    interchange.load_state_dict(network, arrays)
    np.testing.assert_allclose(network.predict(np.ones((1, 4, 2))), expected, rtol=1e-12)


def test_a_second_bias_of_a_gru_is_no_part_of_the_first():
    """Those of r and z are added; that of n is multiplied by r."""
    torch.manual_seed(0)
    module, x = nn.Sequential(interchange.to_torch(build([GRU(3)], (4, 2)))[0]), examples((4, 2), "float64")
    for name in ("bias_ih_l0", "bias_hh_l0"):
        nn.init.normal_(getattr(module[0], name))
    network = build([GRU(3)], (4, 2))
    interchange.load_state_dict(network, module.state_dict())
    close(network.predict(x), back(module(there(x))), "float64")
    read = interchange.from_torch(module, (4, 2))
    np.testing.assert_array_equal(read.params["gru_1.b_U"], network.params["gru_1.b_U"])
    assert list(interchange.state_dict(network)) == list(module.state_dict())


def test_running_statistics_and_their_convention(tmp_path):
    """What each calls momentum; a file of PyTorch counts batches besides; a module without a scale."""
    safetensors = require("safetensors.torch")
    network = build([Dense(4), BatchNorm(0.8, 1e-3)], (3,), "float32")
    module, x = interchange.to_torch(network), examples((3,), "float32")
    assert (module[1].momentum, module[1].eps) == (0.2, 1e-3)
    module.train()(there(x))  # (4) of the layer is PyTorch's
    _, caches = network.forward(network.params, x, np.random.default_rng(0))
    for there_, here in (("running_mean", "running_mean"), ("running_var", "running_variance")):
        close(getattr(module[1], there_).numpy(), caches[1].statistics[here], "float32")
    safetensors.save_file(module.state_dict(), tmp_path / "trained.safetensors")
    interchange.load_safetensors(network, tmp_path / "trained.safetensors")
    close(network.predict(x), back(module.eval()(there(x))), "float32")
    again = interchange.from_torch(module)
    assert again.layers[1] == BatchNorm(0.8, 1e-3)
    module.load_state_dict({n: torch.from_numpy(a) for n, a in interchange.state_dict(again).items()})  # strictly
    plain = nn.Sequential(nn.BatchNorm1d(3, affine=False)).eval()
    close(interchange.from_torch(plain, (3,)).predict(x), back(plain(there(x))), "float32")


def test_a_state_dict_of_ones_own_names_fits_in_its_order():
    own, network = Parts(), build([Dense(4), Sigmoid(), Dense(6), Sigmoid()], (6,), "float32")
    with pytest.raises(ValueError, match=r"encoder\.0\.weight \(4, 6\) has no place.* The shapes fit in their order"):
        interchange.load_state_dict(network, own.state_dict())
    found = dict(zip(interchange.state_dict(network), own.state_dict().values(), strict=True))
    interchange.load_state_dict(network, found)
    np.testing.assert_array_equal(network.params["dense_2.W"], own.decoder[0].weight.detach().numpy().T)


def test_arrays_that_do_not_fit_are_named_with_their_shapes(tmp_path):
    network = build([Dense(2), Sigmoid(), Dense(3)], (3,))
    arrays = interchange.state_dict(network)
    arrays["decoder.weight"] = arrays.pop("2.weight")
    arrays["0.bias"] = np.zeros(4)
    with pytest.raises(ValueError, match="arrays of the model") as error:
        interchange.load_state_dict(network, arrays)
    for said in ("2.weight (3, 2) is missing", "decoder.weight (3, 2) has no place", "0.bias must be (2,), found (4,)"):
        assert said in str(error.value)
    del network.params["dense_1.b"]
    for use in (interchange.to_torch, interchange.state_dict, lambda model: interchange.load_state_dict(model, {})):
        with pytest.raises(ValueError, match=r"the params of model must hold .*dense_1\.b"):
            use(network)
    network = build([Dense(2), Sigmoid(), Dense(3)], (3,))
    (tmp_path / "no.safetensors").write_bytes(b"text")
    with pytest.raises(ValueError, match="path must be a safetensors file"):
        interchange.load_safetensors(network, tmp_path / "no.safetensors")


# People's own modules.


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 2, 3, padding="same", bias=False)
        self.code, self.wide = nn.Linear(2 * 2 * 3, 5), nn.Linear(5, 12)
        self.up, self.out = nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1), nn.ConvTranspose2d(3, 1, 2, stride=2)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.first(x)), 2)
        x = F.max_pool2d(torch.tanh(self.second(x)), 2)
        x = x.reshape(x.size(0), -1)
        x = F.leaky_relu(self.wide(F.dropout(self.code(x), 0.2, training=self.training)), 0.2)
        x = x.view(-1, 2, 2, 3)
        return torch.sigmoid(self.out(F.elu(self.up(x))))


class Recurrent(nn.Module):
    def __init__(self, last):
        super().__init__()
        self.encoder = nn.LSTM(2, 4, batch_first=True)
        self.decoder = nn.LSTM(4, 3, batch_first=True)
        self.out, self.last = nn.Linear(3, 2), last

    def forward(self, x):
        out, (h, _) = self.encoder(x)
        code = {"slice": out[:, -1], "whole slice": out[:, -1, :], "state": h[-1], "squeezed": h.squeeze(0)}[self.last]
        decoded, _ = self.decoder(code.unsqueeze(1).repeat(1, 5, 1))
        return self.out(decoded)


class Parts(nn.Module):
    def __init__(self, *inside):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), *inside)
        self.decoder = nn.Sequential(nn.Linear(4, 6), nn.Sigmoid())

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code)


def test_an_own_convolutional_module():
    torch.manual_seed(0)
    module, x = Convolutional().double().eval(), examples((8, 12, 1), "float64")
    model = interchange.from_torch(module, (1, 8, 12), loss="cross_entropy")
    close(model.predict(x), back(module(there(x))), "float64")
    assert [type(layer).__name__ for layer in model.layers[:4]] == ["Conv2D", "ReLU", "MaxPool2D", "Conv2D"]
    both_ways(model, "float64")


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 2, 1), (5, 2, 2), (3, 3, 1), ((3, 5), (2, 1), (1, 2))])
@pytest.mark.parametrize("sides", [(12, 6), (11, 9)])
def test_symmetric_padding_is_same_of_a_wider_kernel(kernel, stride, padding, sides):
    """As in most convolutional autoencoders of PyTorch: on even sides `same` has its windows elsewhere."""
    torch.manual_seed(0)
    module, x = nn.Sequential(nn.Conv2d(2, 3, kernel, stride, padding)).double(), examples((*sides, 2), "float64")
    model = interchange.from_torch(module, (2, *sides))
    close(model.predict(x), back(module(there(x))), "float64")
    assert model.layers[0].padding == "same"
    if not isinstance(kernel, tuple) and stride == 2:
        more = [int(side % 2 == 0) for side in sides]
        assert model.layers[0].kernel == (kernel + more[0], kernel + more[1])
        up = nn.Sequential(nn.ConvTranspose2d(2, 3, kernel, 2, padding, output_padding=1)).double()
        model = interchange.from_torch(up, (2, *sides))
        close(model.predict(x), back(up(there(x))), "float64")
        along = nn.Sequential(
            nn.Conv1d(2, 3, kernel, 2, padding), nn.ConvTranspose1d(3, 2, kernel, 2, padding, 1)
        ).double()
        model, x = interchange.from_torch(along, (2, sides[0])), x[:, :, 0]
        close(model.predict(x), back(along(there(x, True)), True), "float64")


class TiedByHand(nn.Module):
    def __init__(self, way, sigmoid):
        super().__init__()
        self.encoder, self.bias, self.way, self.sigmoid = nn.Linear(6, 4), nn.Parameter(torch.randn(6)), way, sigmoid

    def forward(self, x):
        W = self.encoder.weight
        turned = {"t": lambda: W.t(), "T": lambda: W.T, "transpose": lambda: W.transpose(0, 1)}[self.way]()
        a = F.linear(torch.sigmoid(self.encoder(x)), turned, self.bias)
        return torch.sigmoid(a) if self.sigmoid else a


@pytest.mark.parametrize("sigmoid", [True, False])
@pytest.mark.parametrize("way", ["t", "T", "transpose"])
def test_weights_tied_by_hand(way, sigmoid):
    torch.manual_seed(0)
    module, x = TiedByHand(way, sigmoid).double().eval(), examples((6,), "float64")
    model = interchange.from_torch(module)
    assert isinstance(model, scratchdae.DenoisingAutoencoder)
    assert model.tied
    close(model.reconstruct(x), module(there(x)).detach().numpy(), "float64")


class TiedDeep(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 3)
        self.b, self.c = nn.Parameter(torch.randn(5)), nn.Parameter(torch.randn(6))

    def forward(self, x):
        h = torch.tanh(self.second(torch.tanh(self.first(x))))
        h = torch.tanh(F.linear(h, self.second.weight.t(), self.b))
        return torch.sigmoid(F.linear(h, self.first.weight.t(), bias=self.c))


def test_weights_tied_by_hand_through_more_than_one_layer():
    torch.manual_seed(0)
    module, x = TiedDeep().double(), examples((6,), "float64")
    model = interchange.from_torch(module)
    close(model.predict(x), back(module(there(x))), "float64")
    assert model.layers[4:7:2] == (TiedDense(5, 2), TiedDense(6, 0))
    there_ = interchange.to_torch(model)
    names = ["0.weight", "0.bias", "2.weight", "2.bias", "4.bias", "6.bias"]
    assert list(there_.state_dict()) == names  # each matrix once
    assert [tuple(p.shape) for p in there_.parameters()] == [tuple(p.shape) for p in (module.first.weight,
        module.first.bias, module.second.weight, module.second.bias, module.b, module.c)]  # fmt: skip
    twin = pickle.loads(pickle.dumps(there_))  # noqa: S301
    assert twin[6].partner is twin[0]
    layered = scratchdae.layer_statistics(TiedByHand("t", True), torch.rand(4, 6), torch.rand(4, 6))
    assert [row.name for row in layered] == ["dense_1", "sigmoid_1", "tieddense_1", "sigmoid_2"]


class Along(nn.Module):
    """Sequences (T, C), turned for the convolutions and back."""

    def __init__(self):
        super().__init__()
        self.gru, self.out = nn.GRU(2, 4, batch_first=True), nn.GRU(4, 3, batch_first=True)
        self.conv, self.norm = nn.Conv1d(4, 5, 3, padding="same"), nn.BatchNorm1d(5)
        self.up = nn.ConvTranspose1d(5, 4, 2, stride=2)

    def forward(self, x):
        x, _ = self.gru(x)
        x = F.softmax(self.norm(self.conv(x.transpose(1, 2))), dim=1)
        _, h = self.out(self.up(x).permute(0, 2, 1))
        return h.squeeze(0)


def test_an_own_module_of_sequences():
    torch.manual_seed(0)
    module, x = Along().double().eval(), examples((6, 2), "float64")
    nn.init.normal_(module.norm.running_mean)
    model = interchange.from_torch(module, (6, 2))
    close(model.predict(x), back(module(there(x))), "float64")
    assert [type(layer).__name__ for layer in model.layers] == [
        "GRU", "Conv1D", "BatchNorm", "Softmax", "Conv1DTranspose", "GRU",
    ]  # fmt: skip
    first = nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.ReLU(), nn.Conv1d(3, 2, 3, padding=1)).double()
    found = scratchdae.layer_statistics(first, there(x, True), there(x, True))
    network = interchange.from_torch(first, (2, 6))
    assert str(found) == str(scratchdae.layer_statistics(network, x, x))


def test_upsampling_by_a_function():
    class Functions(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 1, 3, padding=1)

        def forward(self, x):
            return self.last(F.interpolate(F.avg_pool2d(self.first(x), 2), scale_factor=2))

    torch.manual_seed(0)
    module, x = Functions().double(), examples((8, 6, 1), "float64")
    model = interchange.from_torch(module, (1, 8, 6))
    close(model.predict(x), back(module(there(x))), "float64")


@pytest.mark.parametrize("last", ["slice", "whole slice", "state", "squeezed"])
def test_an_own_recurrent_module(last):
    torch.manual_seed(0)
    module, x = Recurrent(last).double().eval(), examples((5, 2), "float64")
    model = interchange.from_torch(module, (5, 2))
    close(model.predict(x), back(module(there(x))), "float64")
    assert not hasattr(module.encoder, "return_sequences")


def test_own_names_take_the_weights_in_order():
    module, own = interchange.to_torch(build([Dense(4), Sigmoid(), Dense(6), Sigmoid()], (6,), "float32")), Parts()
    own.load_state_dict(dict(zip(own.state_dict(), module.state_dict().values(), strict=True)))
    torch.testing.assert_close(own.decoder[0].weight, module[2].weight)


@pytest.mark.parametrize(
    ("module", "shape", "said"),
    [
        (Parts(nn.LayerNorm(4)), (6,), r"cannot be carried over: encoder\.2: LayerNorm$"),
        (Parts(nn.LayerNorm(4), nn.SELU()), (6,), r"encoder\.2: LayerNorm, encoder\.3: SELU$"),
        (Parts(nn.BatchNorm1d(4, track_running_stats=False)), (6,), r"encoder\.2: BatchNorm1d: momentum=0.1, track_"),
        (nn.Sequential(nn.BatchNorm2d(2, momentum=None)), (2, 4, 4), "0: BatchNorm2d: momentum=None"),
        (nn.Sequential(nn.BatchNorm1d(2)), (2, 4, 4), "0: BatchNorm1d: examples"),
        (nn.Sequential(nn.Softmax(2)), (2, 4, 4), "0: Softmax: dim=2, which is not that of the channels"),
        (nn.Sequential(nn.Conv1d(1, 2, 3, stride=2, padding=2)), (1, 8), r"0: Conv1d: kernel \(3,\), stride \(2,\)"),
        (nn.Sequential(nn.Conv1d(1, 2, 3), nn.Linear(6, 6)), (1, 8), r"1: Linear: it mixes the steps of a sequence"),
        (nn.Sequential(nn.GRU(2, 3, batch_first=True)), (5, 2), "return what its last layer gives"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding=2)), (1, 8, 8), r"0: Conv2d: kernel \(3, 3\), stride"),
        (nn.Sequential(nn.MaxPool2d(3, 2, 1)), (1, 8, 8), r"0: MaxPool2d: kernel 3, stride 2"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, groups=2)), (2, 8, 8), "0: Conv2d: groups=2"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, dilation=2)), (2, 8, 8), r"0: Conv2d: dilation=\(2, 2\)"),
        (nn.Sequential(nn.ConvTranspose2d(2, 2, 3, 2, 1)), (2, 8, 8), "0: ConvTranspose2d: "),
        (nn.Sequential(nn.Softplus(beta=2)), (3,), "0: Softplus: beta=2"),
        (nn.Sequential(nn.AvgPool2d(3, 2, 1)), (1, 8, 8), "0: AvgPool2d: count_include_pad=True"),
        (nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear")), (1, 8, 8), "0: Upsample: mode='bilinear'"),
        (nn.Sequential(nn.Linear(8, 8)), (1, 8, 8), "0: Linear: it mixes the columns of an image"),
        (nn.Sequential(nn.LSTM(2, 3, batch_first=True)), (5, 2), "return what its last layer gives"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.ReLU()), (1, 4, 4), "1: Flatten: the channels are first"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), None, "input_shape must be given"),
        (nn.Sequential(nn.ZeroPad2d(1), nn.ReLU()), (1, 8, 8), "0: ZeroPad2d: it is no part of a convolution"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_over_is_named_with_its_path(module, shape, said):
    with pytest.raises(ValueError, match=said):
        interchange.from_torch(module, shape)


def test_what_is_no_chain_is_refused():
    class Skip(Parts):
        def forward(self, x):
            return x + self.decoder(self.encoder(x))

    class Branches(Parts):
        def forward(self, x):
            return self.decoder(self.encoder(x)) if x.sum() > 0 else x

    class Function(Parts):
        def forward(self, x):
            return torch.cumsum(self.encoder(x), 1)

    class Cat(Parts):
        def forward(self, x):
            return torch.cat([self.encoder(x), x], 1)

    for module, said in (
        (Cat(), "found something else at cat"),
        (Skip(), "found something else at add"),
        (Branches(), "cannot be traced"),
        (Function(), "cumsum: cumsum"),
    ):
        with pytest.raises(ValueError, match=said):
            interchange.from_torch(module)
    for module in (None, 3, nn.Linear, "net"):
        with pytest.raises(ValueError, match=r"module must be a torch\.nn\.Module"):
            interchange.from_torch(module)
    with pytest.raises(ValueError, match="the dtype of module must be one of"):
        interchange.from_torch(nn.Linear(2, 2).half())


def test_a_layer_alone_and_a_module_without_biases():
    layer = nn.Linear(3, 2, bias=False).double()
    model = interchange.from_torch(layer)
    x = examples((3,), "float64")
    close(model.predict(x), layer(there(x)).detach().numpy(), "float64")


def test_modules_go_into_files():
    module = interchange.to_torch(build(*CHAINS["sequences"]))
    x = examples((5, 2), "float64")
    close(pickle.loads(pickle.dumps(module))(there(x)).detach().numpy(), module(there(x)).detach().numpy(), "float64")  # noqa: S301


def test_what_is_no_model_is_refused():
    for given in (None, 3, "model", [3], {}):
        with pytest.raises(ValueError, match="model"):
            interchange.to_torch(given)
    with pytest.raises(ValueError, match=r"maxpool2d_1: .* a pixel further down"):
        interchange.to_torch(build([MaxPool2D(2, 1, "same")], (4, 4, 1)))
    with pytest.raises(ValueError, match=r"averagepool2d_1: "):
        interchange.to_torch(build([AveragePool2D(2, 1, "same")], (4, 4, 1)))


def test_the_variants_of_a_layer_are_kept():
    model = interchange.from_torch(
        interchange.to_torch(build([GELU("tanh"), Flatten(), Dense(2)], (2, 3, 1))), (1, 2, 3)
    )
    assert model.layers[0] == GELU("tanh")


def test_layer_statistics_look_into_a_module():
    torch.manual_seed(0)
    module, x = Convolutional().double().eval(), examples((8, 12, 1), "float64")
    found = scratchdae.layer_statistics(module, there(x), there(x))
    network = interchange.from_torch(module, (1, 8, 12))
    assert str(found) == str(scratchdae.layer_statistics(network, x, x))
    small, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.rand(5, 3)
    labels = scratchdae.layer_statistics(small, x, torch.tensor([0, 1, 0, 1, 1]))
    assert [row.name for row in labels] == ["dense_1", "relu_1", "dense_2"]
    with pytest.raises(ValueError, match=r"encoder\.2: LayerNorm"):
        scratchdae.layer_statistics(Parts(nn.LayerNorm(4)), torch.rand(2, 6), torch.rand(2, 6))


class Wrong(torch.autograd.Function):
    """A square whose backward pass is 5 % too large."""

    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * a

    @staticmethod
    def backward(ctx, d_output):
        (a,) = ctx.saved_tensors
        return 2.1 * a * d_output


def test_the_gradients_of_a_module_are_checked_by_its_own_backward_pass():
    torch.manual_seed(0)
    module, x = Parts(), torch.rand(5, 6)
    before = module.state_dict()["encoder.0.weight"].clone()
    report = scratchdae.gradcheck.check(module, x, max_entries=10)
    assert report.ok, report
    assert {row.name for row in report.rows} == set(module.state_dict())
    assert torch.equal(before, module.state_dict()["encoder.0.weight"])
    assert module.training
    classifier = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))  # whatever layers it has
    assert scratchdae.gradcheck.check(classifier, (x, torch.tensor([0, 1, 2, 1, 0])), max_entries=5).ok

    class Mistaken(Parts):
        def forward(self, x):
            return self.decoder(Wrong.apply(self.encoder(x)))

    class Detached(Parts):
        def forward(self, x):
            return self.decoder(self.encoder(x).detach())

    for wrong in (Mistaken(), Detached()):
        found = scratchdae.gradcheck.check(wrong, x, max_entries=10)
        assert {row.name for row in found.rows if not row.ok} == {"encoder.0.weight", "encoder.0.bias"}
