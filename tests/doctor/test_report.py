"""What a report says: as text, as JSON, as a page; and that the lines that it prescribes run."""

import numpy as np
import pytest
from optional_packages import require

from scratchdae.doctor.causes import CAUSES
from scratchdae.doctor.remedies import MENDS, REMEDIES, lines_for, sentence_for

D, H, K, N = 6, 5, 2, 32
ROWS = [(name, "") for name in REMEDIES] + [("fix_backward", cause) for cause in MENDS]


def test_every_change_of_a_cause_has_a_remedy_and_every_remedy_a_sentence():
    for cause in CAUSES.values():
        assert {change.name for change in cause.experiments} <= set(REMEDIES)
    assert set(MENDS) <= set(CAUSES)
    mended = {name for name, cause in CAUSES.items() if any(c.name == "fix_backward" for c in cause.experiments)}
    assert mended <= set(MENDS)
    for name, cause in ROWS:
        assert "{" not in sentence_for(name, None, cause)
    assert sentence_for("lr_down", 100) == "divide the learning rate by 100"
    assert sentence_for("standardise_data", 1) != sentence_for("standardise_data")
    assert lines_for("other_data", None, "Keras").startswith("# other data")


@pytest.mark.parametrize("framework", ["PyTorch", "Keras", "scratchdae"])
@pytest.mark.parametrize(("name", "cause"), ROWS)
def test_the_lines_run(name, cause, framework, request):
    names = NAMES[framework] if framework != "Keras" else lambda: names_of_keras(request.getfixturevalue("keras"))
    lines = {factor: lines_for(name, factor, framework, cause) for factor in (None, 0.01 if name == "adam" else 2)}
    assert all(lines.values())
    assert max(len(text.splitlines()) for text in lines.values()) <= 5
    assert max(len(line) for text in lines.values() for line in text.splitlines()) <= 110
    for text in lines.values():
        exec(compile(text, name, "exec"), names())


def names_of_torch():
    torch = require("torch")
    nn = torch.nn
    model = nn.Sequential(nn.Linear(D, H), nn.ReLU(), nn.Linear(H, D), nn.Sigmoid())
    x = torch.rand(N, D)
    return {
        "torch": torch, "nn": nn, "F": nn.functional, "DataLoader": torch.utils.data.DataLoader, "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), 0.1), "loss": model(x).mean(), "x": x, "x_tilde": x, "lr": 0.1,
        "s": 0.3, "batch_size": 8, "epochs": 1, "D": D, "H": H, "K": K, "steps": 5, "encoder": model[:2],
        "decoder": model[2:], "function": lambda x: (x**2).sum(),
    }  # fmt: skip


def names_of_keras(keras):
    model = keras.Sequential([keras.layers.Dense(H, activation="relu"), keras.layers.Dense(D, activation="sigmoid")])
    x = np.random.default_rng(0).random((N, D)).astype("float32")
    model.build((None, D))
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    model.optimizer.build(model.trainable_weights)
    fit = model.fit
    model.fit = lambda *a, **k: fit(*a, **({"verbose": 0} | k))
    return {
        "keras": keras, "layers": keras.layers, "np": np, "model": model, "optimizer": keras.optimizers.SGD(0.1),
        "x": x, "x_tilde": x, "lr": 0.1, "s": 0.3, "batch_size": 8, "epochs": 1, "D": D, "H": H, "K": K,
        "steps": 5, "loss": "mse",
        "gradients": [keras.ops.zeros(w.shape) for w in model.trainable_weights],
    }  # fmt: skip


def names_of_scratchdae():
    from scratchdae import Corruption, Sequential, fit, gradcheck, layers, optimizers

    rng, x = np.random.default_rng(0), np.random.default_rng(0).random((N, D))
    parts = [layers.Dense(H), layers.ReLU(), layers.Dense(D), layers.Sigmoid()]
    model = Sequential(parts, (D,), rng)
    return {
        "np": np, **vars(layers), **vars(optimizers), "Sequential": Sequential, "Corruption": Corruption, "x": x,
        "lr": 0.1, "fit": lambda *a, **k: fit(*a, **({"progress": False} | k)), "model": model, "layers": parts,
        "rng": rng, "s": 0.3, "batch_size": 8, "epochs": 1, "D": D, "H": H, "K": K,
        "corruption": Corruption("gaussian", 0.1), "gradcheck": gradcheck, "print": lambda *_: None,
        "loss_and_grads": lambda p: model.loss_and_grads(p, x, x),
    }  # fmt: skip


NAMES = {"PyTorch": names_of_torch, "scratchdae": names_of_scratchdae}
