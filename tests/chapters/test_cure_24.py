"""What chapter 24 offers for PyTorch and Keras tells a recurrent layer that explodes from one that does not."""

import numpy as np
import pytest
from cures import cure

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own


@pytest.fixture(scope="module")
def x():
    """Draw levels with a wave, as the chapter does: 100 series of 20 steps and 5 features."""
    rng = np.random.default_rng(0)
    turns = np.arange(20)[:, None] / 20 + np.arange(5) / 5
    wave = 0.3 * np.sin(2 * np.pi * (turns + rng.random((100, 1, 1))))
    return (3 * (rng.uniform(-1, 1, (100, 1, 1)) + wave)).astype(np.float32)


def test_pytorch(torch, x):
    torch.manual_seed(0)
    x = torch.tensor(x)

    class Autoencoder(torch.nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer, self.code, self.read = layer, torch.nn.Linear(32, 16), torch.nn.Linear(32, 5)
            self.decoder = torch.nn.LSTM(16, 32, batch_first=True)

        def forward(self, x):
            code = self.code(self.layer(x)[0][:, -1])
            return self.read(self.decoder(code[:, None].expand(-1, x.shape[1], -1))[0])

    def after_one_large_step(layer):
        with torch.no_grad():
            layer.weight_hh_l0 += 0.1  # what Adam does at the rate 0.1 where all gradients have one sign
        return layer

    layer = after_one_large_step(torch.nn.RNN(5, 32, nonlinearity="relu", batch_first=True))
    names = cure("24", "PyTorch", torch=torch, layer=layer, x=x)
    assert names["growth"] > 1.2
    again = cure("24", "PyTorch", torch=torch, layer=after_one_large_step(names["layer"]), x=x)
    assert again["growth"] < 1.1

    model = Autoencoder(torch.nn.LSTM(5, 32, batch_first=True))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(150):
        names["step"](model, optimizer, x)
    loss = torch.nn.functional.mse_loss(model(x), x).item()
    assert loss < 0.2 * x.var(dim=0).mean().item()


def test_keras(keras, x):
    keras.utils.set_random_seed(0)

    def autoencoder(layer):
        code, repeat = keras.layers.LSTM(16), keras.layers.RepeatVector(20)
        decoder, read = keras.layers.LSTM(32, return_sequences=True), keras.layers.Dense(5)
        return keras.Sequential([keras.Input((20, 5)), layer, code, repeat, decoder, read])

    broken = keras.layers.LSTM(32, activation="relu", return_sequences=True)
    model = autoencoder(broken)
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(x, x, batch_size=100, epochs=1, verbose=0)
    names = cure("24", "Keras", keras=keras, layer=broken, x=x)
    assert names["growth"] > 1.2

    model = autoencoder(names["layer"])
    names["optimizer"].learning_rate = 5e-3
    model.compile(names["optimizer"], "mse")
    model.fit(x, x, batch_size=100, epochs=150, verbose=0)
    assert cure("24", "Keras", keras=keras, layer=names["layer"], x=x)["growth"] < 1.1
    assert model.evaluate(x, x, verbose=0) < 0.2 * x.var(axis=0).mean()
