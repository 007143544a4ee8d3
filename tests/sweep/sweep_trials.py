"""Trials for the tests of sweeps: workers import them by name."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from scratchdae import Corruption, DenoisingAutoencoder, datasets, fit, streams
from scratchdae.sweep import Trial, sweep


def draw(x, seed):
    """Two draws from the trial's own seed, and who drew them."""
    return {"x": x, "seed": seed, "noise": np.random.default_rng(seed).random(2)}


def logged(x, log, seed):
    """Leave a line a call, to count the calls."""
    with Path(log).open("a") as file:
        file.write(f"{x}\n")
    return x


def fail_at_three(x, seed):
    if x == 3:
        raise ArithmeticError("three is refused")
    return x


def fail_once(marker, seed):
    if not Path(marker).exists():
        Path(marker).touch()
        raise OSError("not yet")
    return seed


def leave(seed):
    sys.exit("enough")


def interrupt_once(x, marker, seed):
    if x == 2 and not Path(marker).exists():
        Path(marker).touch()
        raise KeyboardInterrupt
    return x


def die_once(x, marker, seed):
    """Kill the worker at the first call with 2."""
    if x == 2 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(x, seed)


def die_at_two(x, log, seed):
    """Kill the worker at every call with 2."""
    logged(x, log, seed)
    if x == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def sweep_again(file, seed):
    """A sweep inside a trial, which wants the file of the one outside."""
    return len(sweep([Trial(draw, {"x": 0})], file=file))


def returns(value, seed):
    return {
        "nan": float("nan"),
        "set": {1, 2},
        "array": np.arange(3, dtype=np.float32) / 3,
        "tuple": (1, np.int64(2), np.bool_(True)),
    }[value]


def slow(x, log, seed):
    logged(x, log, seed)
    time.sleep(0.2)
    return x


def worker_settings(seed):
    """How many threads a product may take, and what Ctrl-C does."""
    from threadpoolctl import threadpool_info

    threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {"threads": threads, "interrupt": signal.getsignal(signal.SIGINT).name}


def train(lr, nu, n_hidden, epochs, stop, seed, out):
    """Train on the embedded digits; the first time stop after an epoch, as a killed process would."""
    x = datasets.digits().x_train[:300]
    model = DenoisingAutoencoder(x.shape[1], n_hidden, streams(seed).initialisation)
    began = []

    def on_epoch(record, params):
        began.append(record["epoch"])
        if stop and record["epoch"] == 2 and began[0] == 1:
            raise KeyboardInterrupt

    history = fit(
        model,
        x[:200],
        epochs=epochs,
        lr=lr,
        corruption=Corruption("masking", nu),
        validation=x[200:],
        seed=seed,
        backend="numpy",
        out=out,
        resume=True,
        progress=False,
        on_epoch=on_epoch,
    )
    return {"validation_loss": history["validation_loss"].min(), "loss": history["loss"], "epochs": began}


class Method:
    @staticmethod
    def draw(x, seed):
        return draw(x, seed)
