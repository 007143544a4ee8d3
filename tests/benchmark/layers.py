"""Time a training step of two networks that people ask about, against PyTorch eager on the same work.

    python tests/benchmark/layers.py [--threads 2] [--rounds 15] [--backend auto|numpy]

A step is forward, mean squared error, backward and Adam, float32. The results are compared first. Rounds alternate;
each run has an unmeasured step before it, because the threads of the one before still spin. Medians, and minima in
brackets.
"""

import argparse
import os
import platform
import time

OPTIONS = argparse.ArgumentParser(description="Time a training step of layers against PyTorch.")
OPTIONS.add_argument("--threads", type=int, default=2)
OPTIONS.add_argument("--rounds", type=int, default=15)
OPTIONS.add_argument("--backend", choices=("auto", "numpy"), default="auto")
OPTIONS = OPTIONS.parse_args()
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = str(OPTIONS.threads)
# The twins share their work among threads of their own; OpenBLAS' would spin on and slow whoever comes next.
os.environ["OPENBLAS_NUM_THREADS"] = str(OPTIONS.threads if OPTIONS.backend == "numpy" else 1)

import numpy as np
import torch

import scratchdae as s
from scratchdae.backend import using
from scratchdae.layers import LSTM, Conv2D, Conv2DTranspose, Dense, MaxPool2D, ReLU, RepeatVector, Sigmoid, UpSampling2D
from scratchdae.optimizers import Adam

nn = torch.nn


class TorchLSTM(nn.Module):
    """PyTorch's own LSTM where the activation is tanh; for the rectifier, which it lacks, the loop over steps."""

    def __init__(self, sizes, relu):
        super().__init__()
        make = (lambda i, h: nn.LSTMCell(i, h)) if relu else (lambda i, h: nn.LSTM(i, h, batch_first=True))
        self.parts = nn.ModuleList(make(i, h) for i, h in sizes)
        self.last, self.relu = nn.Linear(sizes[-1][1], 5), relu

    def run(self, part, x):
        if not self.relu:
            return part(x)[0]
        h = c = x.new_zeros(len(x), part.hidden_size)
        outputs = []
        for a in (x @ part.weight_ih.T + part.bias_ih).unbind(1):
            i, f, g, o = (a + h @ part.weight_hh.T + part.bias_hh).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.relu(g)
            h = torch.sigmoid(o) * torch.relu(c)
            outputs.append(h)
        return torch.stack(outputs, 1)

    def forward(self, x):
        code = self.run(self.parts[1], self.run(self.parts[0], x))[:, -1]
        repeated = code[:, None].expand(-1, x.shape[1], -1)
        return self.last(self.run(self.parts[3], self.run(self.parts[2], repeated)))


def convolutional():
    """Conv64-Conv32-pool-ConvT32-up-Conv64-Conv1 on 28 × 28, batch 64."""
    layers = [Conv2D(64), ReLU(), Conv2D(32), ReLU(), MaxPool2D(), Conv2DTranspose(32), ReLU(), UpSampling2D()]
    layers += [Conv2D(64), ReLU(), Conv2D(1), Sigmoid()]
    network = s.Sequential(layers, (28, 28, 1), np.random.default_rng(0), dtype=np.float32)
    conv = [nn.Conv2d(1, 64, 3, padding=1), nn.Conv2d(64, 32, 3, padding=1), nn.ConvTranspose2d(32, 32, 3, padding=1)]
    conv += [nn.Conv2d(32, 64, 3, padding=1), nn.Conv2d(64, 1, 3, padding=1)]
    names = [name for name in network.names if name.startswith("conv")]
    for name, theirs in zip(names, conv, strict=True):
        theirs.weight.data = torch.tensor(np.ascontiguousarray(network.params[f"{name}.W"].transpose(3, 2, 0, 1)))
        theirs.bias.data = torch.tensor(network.params[f"{name}.b"])
    relu, up = nn.ReLU(), nn.Upsample(scale_factor=2)
    twin = nn.Sequential(
        conv[0], relu, conv[1], relu, nn.MaxPool2d(2), conv[2], relu, up, conv[3], relu, conv[4], nn.Sigmoid()
    )
    x = np.random.default_rng(1).random((64, 28, 28, 1), dtype=np.float32)
    return network, x, twin, torch.tensor(x.transpose(0, 3, 1, 2).copy())


def lstm(activation):
    """LSTM32-LSTM16-repeat-LSTM16-LSTM32-dense over 50 steps of 5 features, batch 32."""
    phi = {"activation": activation}
    layers = [LSTM(32, return_sequences=True, **phi), LSTM(16, **phi), RepeatVector(50)]
    layers += [LSTM(16, return_sequences=True, **phi), LSTM(32, return_sequences=True, **phi), Dense(5)]
    network = s.Sequential(layers, (50, 5), np.random.default_rng(0), dtype=np.float32)
    twin = TorchLSTM([(5, 32), (32, 16), (16, 16), (16, 32)], activation == "relu")
    suffix = "" if activation == "relu" else "_l0"
    for k, part in enumerate(twin.parts, start=1):
        for ours, theirs in (("W", "weight_ih"), ("U", "weight_hh"), ("b", "bias_ih")):
            getattr(part, theirs + suffix).data = torch.tensor(network.params[f"lstm_{k}.{ours}"].T.copy())
        second = getattr(part, f"bias_hh{suffix}")  # PyTorch has two biases that add; one is enough
        second.data.zero_()
        second.requires_grad_(False)
    twin.last.weight.data = torch.tensor(network.params["dense_1.W"].T.copy())
    twin.last.bias.data = torch.tensor(network.params["dense_1.b"])
    x = s.datasets.sinusoids(32, 50, 5, np.random.default_rng(1)).astype(np.float32)
    return network, x, twin, torch.tensor(x)


def steps(network, x, twin, tx):
    """Return a step of ours and one of theirs; each returns its loss."""
    rule = Adam.of("torch")
    ours = {"params": network.params, "state": rule.init(network.params)}
    theirs = torch.optim.Adam(twin.parameters(), lr=1e-3)

    def mine():
        with using(OPTIONS.backend):
            loss, grads = network.loss_and_grads(ours["params"], x, x)
            ours["params"], ours["state"] = rule.update(ours["params"], grads, ours["state"], 1e-3)
        return float(loss)

    def peer():
        theirs.zero_grad(set_to_none=True)
        loss = nn.functional.mse_loss(twin(tx), tx)
        loss.backward()
        theirs.step()
        return loss.item()

    return mine, peer


def main():
    torch.set_num_threads(OPTIONS.threads)
    print(f"{platform.platform()}, {OPTIONS.threads} threads, {OPTIONS.rounds} rounds, load {os.getloadavg()[0]:.2f}")
    networks = {
        "convolutional, batch 64": convolutional(),
        "LSTM relu, batch 32": lstm("relu"),
        "LSTM tanh, batch 32": lstm("tanh"),
    }
    for name, network in networks.items():
        mine, peer = steps(*network)
        for _ in range(3):
            a, b = mine(), peer()
            assert abs(a - b) < 1e-4 * b, f"{name}: the losses differ, {a} and {b}"
        times = {mine: [], peer: []}
        for _ in range(OPTIONS.rounds):
            for run, measured in times.items():
                run()
                start = time.perf_counter()
                run()
                measured.append(1e3 * (time.perf_counter() - start))
        (ours, theirs), least = (np.median(list(times.values()), axis=1), np.min(list(times.values()), axis=1))
        print(
            f"{name:<24} scratchdae {ours:7.2f} ms ({least[0]:.2f}), PyTorch {theirs:7.2f} ms ({least[1]:.2f}), "
            f"ratio {ours / theirs:.2f} ({least[0] / least[1]:.2f})"
        )


if __name__ == "__main__":
    main()
