"""Chapter 35's lines on real frameworks: one network by three weights of its penalty, from the same first weights."""

import numpy as np
from cures import cure

from scratchdae import datasets


def pictures():
    return datasets.to_float(datasets.digits().x_train[:300], np.float32, side=14)


def test_pytorch(torch):
    torch.manual_seed(0)
    batch, loss_fn = torch.tensor(pictures()), torch.nn.MSELoss(reduction="sum")
    model = torch.nn.Sequential(torch.nn.Linear(196, 64), torch.nn.ReLU(), torch.nn.Linear(64, 196))

    def code_of(model, batch):
        return model[:2](batch)

    def train(model, weight):
        optimizer = torch.optim.Adam(model.parameters(), 5e-3)
        for _ in range(40):
            for rows in batch.split(50):
                optimizer.zero_grad()
                code = code_of(model, rows)
                loss = (loss_fn(model[2](code), rows) + weight * code.abs().sum()) / len(rows)
                loss.backward()
                optimizer.step()

    own = {"model": model, "loss_fn": loss_fn, "batch": batch, "code_of": code_of, "train": train, "strong": 5.0}
    names = cure("35", "PyTorch", **own)
    constant = float(batch.var(dim=0, unbiased=False).sum() * len(batch))
    assert names["losses"][5.0] > 0.95 * constant
    assert names["losses"][5.0 / 30] < 0.5 * constant
    assert names["losses"][0.0] < 0.3 * constant
    assert names["on"] > 0.5  # of the last, without a penalty


def test_keras(keras):
    batch = pictures()

    def build(weight):
        keras.utils.set_random_seed(0)
        sparse = keras.regularizers.L1(weight)
        layers = [keras.layers.Dense(64, "relu", activity_regularizer=sparse), keras.layers.Dense(196)]
        model = keras.Sequential([keras.Input((196,)), *layers])
        model.compile(keras.optimizers.Adam(5e-3), "mse")
        return model

    strong = 5.0 / 196  # beside the mean over the pixels
    names = cure("35", "Keras", batch=batch, build=build, strong=strong, epochs=40)
    constant = float(batch.var(axis=0).mean())
    assert names["losses"][strong] > 0.95 * constant
    assert names["losses"][strong / 30] < 0.5 * constant
    assert names["losses"][0.0] < 0.3 * constant
