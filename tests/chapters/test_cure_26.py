"""A backward pass of one's own, right and wrong: the ratio of decrease and promise tells, and so does the check."""

import cures
import numpy as np
import pytest
import trainings


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(26).random((50, 12)).astype(np.float32)


def test_pytorch(x):
    torch = pytest.importorskip("torch")

    class Slope(torch.autograd.Function):
        """A sigmoid whose backward pass is right, or forgets the slope."""

        @staticmethod
        def forward(ctx, a, wrong):
            y = torch.sigmoid(a)
            ctx.save_for_backward(y)
            ctx.wrong = wrong
            return y

        @staticmethod
        def backward(ctx, dy):
            (y,) = ctx.saved_tensors
            return dy if ctx.wrong else dy * y * (1 - y), None

    class Network(torch.nn.Module):
        def __init__(self, wrong):
            super().__init__()
            torch.manual_seed(26)
            self.encoder, self.decoder, self.wrong = torch.nn.Linear(12, 12), torch.nn.Linear(12, 12), wrong

        def forward(self, x):
            return self.decoder(Slope.apply(self.encoder(x), self.wrong))

    given = {"torch": torch, "x": torch.tensor(x), "loss_function": torch.nn.MSELoss()}
    inputs = (torch.randn(3, 4, dtype=torch.float64, requires_grad=True),)
    for wrong in (True, False):
        model = Network(wrong)
        trainings.with_torch(torch, model, given["x"], given["loss_function"], steps=300)
        found = cures.cure(
            "26", "PyTorch", model=model, operation=lambda a, w=wrong: Slope.apply(a, w), inputs=inputs, **given
        )
        assert found["right"] is not wrong
        assert (abs(found["ratio"] - 1) > 0.05) is wrong, found["ratio"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras' own configuration
def test_keras(x):
    keras = trainings.single_keras(pytest)

    def network(wrong):
        keras.utils.set_random_seed(26)

        @keras.ops.custom_gradient
        def no_slope(a):
            return keras.ops.sigmoid(a), lambda upstream: upstream

        slope = keras.layers.Lambda(no_slope) if wrong else keras.layers.Activation("sigmoid")
        return keras.Sequential([keras.Input((12,)), keras.layers.Dense(12), slope, keras.layers.Dense(12)])

    ratios = [cures.cure("26", "Keras", keras=keras, model=network(wrong), x=x)["ratio"] for wrong in (True, False)]
    assert abs(ratios[0] - 1) > 0.1
    assert abs(ratios[1] - 1) < 0.1
