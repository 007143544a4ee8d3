"""The library itself agrees with every case, and the adapter runs the library and nothing of its own."""

import numpy as np
import pytest
from adapter_reports import ALL, disagreements, left_out, report, supported

from scratchdae import activations, autoencoder, corruption, losses
from scratchdae.conformance import check
from scratchdae.conformance.adapters import reference, reference_draws
from scratchdae.layers import Dropout
from scratchdae.optimizers import SGD


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_agrees_with_every_case(dtype):
    found = report("reference", dtype)
    assert disagreements(found) == []
    assert left_out(found) == {}
    assert supported(found) == ALL


def test_sets_no_tolerance_of_its_own():
    assert not any(result.overridden for result in report("reference", "float32").results)


# A part of the library, what is put in its place, and a group that must notice.
BROKEN = [
    (autoencoder, "sigmoid", lambda a: a, "autoencoder"),
    (losses.LOSSES, "huber", lambda a, x, reduction, delta: losses.squared_error(a, x, reduction), "loss"),
    (activations.ACTIVATIONS, "tanh", activations.ACTIVATIONS["sigmoid"], "activation"),
    (reference_draws, "destroy", lambda x, mask, to: x, "corruption"),
    (reference_draws, "disturb", lambda x, sigma, noise: x, "corruption"),
    (Dropout, "_scaled", lambda self, x, kept: x * kept, "layer"),
    (SGD, "update", lambda self, params, grads, state, lr: (params, state), "optimizer"),
    (SGD, "update", lambda self, params, grads, state, lr: (params, state), "stack"),
    (autoencoder, "_step", lambda *_: (0.0, True), "training"),
    (losses, "l2_penalty", lambda params, l2: (l2, params), "penalty"),
    (reference.optimizers, "clip_by_value", lambda grads, limit: grads, "clipping"),
]


@pytest.mark.parametrize(("place", "name", "other", "group"), BROKEN, ids=[f"{b[3]}-{b[1]}" for b in BROKEN])
def test_notices_when_the_library_is_broken(place, name, other, group, monkeypatch):
    if isinstance(place, dict):
        monkeypatch.setitem(place, name, other)
    else:
        monkeypatch.setattr(place, name, other)
    statuses = {result.status for result in check(reference.Adapter(), groups=[group], explain=False).results}
    assert "disagrees" in statuses


@pytest.mark.parametrize("process", [*corruption.CORRUPTIONS.values()][:4])
def test_hands_its_draws_to_what_the_processes_call(process, monkeypatch):
    name = "disturb" if process is corruption.gaussian else "destroy"
    assert getattr(reference_draws, name) is getattr(corruption.processes, name)
    monkeypatch.setattr(corruption.processes, name, lambda x, *_: x + 1)
    x = np.full((2, 3), 0.5)
    np.testing.assert_array_equal(process(x, 0.25, np.random.default_rng(0)), x + 1)
