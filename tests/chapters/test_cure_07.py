"""The lines of chapter 07 for PyTorch and Keras: what they measure of a narrow and of a wide code, and the noise."""

import numpy as np
import pytest
from cures import cure

D, FACTORS, NARROW, WIDE, STEPS, LR = 16, 4, 2, 32, 800, 3e-2


@pytest.fixture(scope="module")
def rows():
    """Columns of variance 1, mixtures of four numbers with a little noise of their own."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal((1000, FACTORS)) @ rng.standard_normal((FACTORS, D)) + 0.8 * rng.standard_normal((1000, D))
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


def copying_and_wiener(rows):
    """Return the error of a copier and of the best linear denoiser, for noise of 0.5."""
    values = np.linalg.eigvalsh(np.cov(rows.T))
    return 0.25, np.mean(values * 0.25 / (values + 0.25))


def test_the_numbers_of_the_first_exercise():
    values = np.array([4, 2, 1, 1])
    assert values[2:].sum() / values.sum() == 2 / 8
    for noise, left in ((1, 0.617), (0.73, 0.5)):
        assert np.mean(values * noise / (values + noise)) == pytest.approx(left, abs=2e-3)


def torch_autoencoder(torch, code):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(D, code), torch.nn.Linear(code, D))
    return model, torch.optim.Adam(model.parameters(), lr=LR)


def test_pytorch(torch, rows):
    x = torch.tensor(rows)
    draw = torch.Generator().manual_seed(1)
    found = {}
    for code in (NARROW, WIDE):
        model, optimizer = torch_autoencoder(torch, code)
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = LR * 0.01 ** (step / STEPS)
            batch = x[torch.randint(len(x), (50,), generator=draw)]
            optimizer.zero_grad()
            (model(batch) - batch).square().mean().backward()
            optimizer.step()
        # The lines of the repair need a batch; its gradients are thrown away.
        names = cure("07", "PyTorch", torch=torch, model=model, x=x, k=min(code, D), batch=x[:50])
        found[code] = names["back"], names["floor"], (model(x) - x).square().mean().item()
    back, floor, loss = found[NARROW]
    assert back == pytest.approx(1 - NARROW / D, abs=0.05)
    assert loss == pytest.approx(floor, rel=0.05)
    back, floor, loss = found[WIDE]
    assert max(back, loss) < 1e-2
    assert floor == 0

    model, optimizer = torch_autoencoder(torch, WIDE)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = LR * 0.01 ** (step / STEPS)
        optimizer.zero_grad()
        batch = x[torch.randint(len(x), (50,), generator=draw)]
        cure("07", "PyTorch", torch=torch, model=model, x=x[:50], k=D, batch=batch)
        optimizer.step()
    copying, wiener = copying_and_wiener(rows)
    error = (model(x + 0.5 * torch.randn(x.shape, generator=draw)) - x).square().mean().item()
    assert wiener * 0.95 < error < wiener * 1.1 < copying


def test_keras(keras, rows):
    def fit(model):
        rate = keras.optimizers.schedules.ExponentialDecay(LR, STEPS, 0.01)
        model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse")
        model.fit(rows, rows, batch_size=50, epochs=STEPS // 20, verbose=0)
        return np.mean((model.predict(rows, verbose=0) - rows) ** 2)

    for code in (NARROW, WIDE):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Input((D,)), keras.layers.Dense(code), keras.layers.Dense(D)])
        loss = fit(model)
        names = cure("07", "Keras", keras=keras, np=np, model=model, x=rows, k=min(code, D))
        assert names["back"] == pytest.approx(max(0, 1 - code / D), abs=0.05)
        assert loss == pytest.approx(names["floor"], rel=0.05, abs=1e-2)

    copying, wiener = copying_and_wiener(rows)
    repaired = names["model"]
    fit(repaired)
    noisy = rows + 0.5 * np.random.default_rng(2).standard_normal(rows.shape)
    error = np.mean((repaired.predict(noisy, verbose=0) - rows) ** 2)
    assert wiener * 0.95 < error < wiener * 1.1 < copying
