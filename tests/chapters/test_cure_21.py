"""Chapter 21's lines on real frameworks: a loop that never zeroes, its measurement, and the loop with the line."""

import os
import subprocess
import sys
from pathlib import Path

from cures import cure

KERAS = """
import keras, numpy as np, torch
from cures import cure

def layers():
    return [keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(k)) for k in range(2)]

class AsItCirculates(keras.Sequential):
    def train_step(self, data):
        loss = self.compute_loss(data[0], data[1], self(data[0], training=True))
        loss.backward()
        with torch.no_grad():
            self.optimizer.apply([w.value.grad for w in self.trainable_weights], self.trainable_weights)
        self.metrics[0].update_state(loss)
        return self.get_metrics_result()

x = np.random.default_rng(0).random((2000, 2), dtype=np.float32)
def last(model):
    model.compile(keras.optimizers.Adam(3e-2), "mse")
    return model.fit(x, x, epochs=15, batch_size=64, verbose=0).history["loss"][-1]

broken = last(AsItCirculates(layers()))
assert broken > 0.02, broken
repaired = last(cure("21", "Keras", layers=layers)["repaired"])
assert repaired < 1e-5, repaired
"""


def test_pytorch(torch):
    torch.manual_seed(0)
    x = torch.rand(4000, 2)
    loader, loss_fn = torch.utils.data.DataLoader(x, 64, shuffle=True), torch.nn.MSELoss()

    def model_and_optimizer():
        model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
        return {"model": model, "optimizer": torch.optim.Adam(model.parameters(), 1e-2)}

    broken = model_and_optimizer()
    for _ in range(15):
        for batch in loader:
            loss_fn(broken["model"](batch), batch).backward()
            broken["optimizer"].step()
    assert loss_fn(broken["model"](x), x) > 0.02
    assert cure("21", "PyTorch", loader=loader, loss_fn=loss_fn, epochs=0, **broken)["held"]() > 0
    repaired = cure("21", "PyTorch", loader=loader, loss_fn=loss_fn, epochs=15, **model_and_optimizer())
    assert loss_fn(repaired["model"](x), x) < 1e-5


def test_keras(keras, torch):
    """Keras computes with PyTorch here, in a process of its own."""
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"KERAS_BACKEND": "torch", "PYTHONPATH": paths}
    ended = subprocess.run([sys.executable, "-c", KERAS], env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
