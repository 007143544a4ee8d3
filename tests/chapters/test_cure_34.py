"""Chapter 34's lines on real frameworks: one batch in both modes, and the statistics gathered anew."""

import numpy as np
import pytest
from cures import cure

from scratchdae import datasets


def pictures():
    return datasets.to_float(datasets.digits().x_train[:400], np.float32, side=14)


def test_pytorch(torch):
    torch.manual_seed(0)
    target = torch.tensor(pictures())
    layers = [torch.nn.Linear(196, 64), torch.nn.BatchNorm1d(64, momentum=0.01), torch.nn.ReLU()]
    model, loss_fn = torch.nn.Sequential(*layers, torch.nn.Linear(64, 196)), torch.nn.MSELoss()
    loader = torch.utils.data.DataLoader(255 * target, 50)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        for rows, wanted in zip(loader, target.split(50), strict=True):
            optimizer.zero_grad()
            loss_fn(model(rows), wanted).backward()
            optimizer.step()
    names = cure("34", "PyTorch", model=model, loss_fn=loss_fn, loader=loader, batch=255 * target, target=target)
    constant = float(target.var(dim=0, unbiased=False).mean())
    assert names["in_evaluation"] > 3 * constant
    assert names["in_training"] < constant
    assert names["gathered_anew"] == pytest.approx(names["in_training"], rel=0.1)


def test_keras(keras):
    keras.utils.set_random_seed(0)
    target = pictures()
    norm = keras.layers.BatchNormalization()
    layers = [keras.Input((196,)), keras.layers.Dense(64), norm, keras.layers.ReLU(), keras.layers.Dense(196)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    model.fit(255 * target, target, batch_size=50, epochs=3, verbose=0)
    batches = [255 * target[i : i + 50] for i in range(0, 400, 50)] * 5
    own = {"model": model, "loss_fn": keras.losses.MeanSquaredError(), "batches": batches}
    names = cure("34", "Keras", **own, batch=255 * target, target=target)
    constant = float(target.var(axis=0).mean())
    assert names["in_evaluation"] > 3 * constant
    assert names["in_training"] < constant
    assert names["gathered_anew"] == pytest.approx(names["in_training"], rel=0.1)
