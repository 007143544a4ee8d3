"""PyTorch itself agrees with every case of a convention that it has."""

import pytest
from adapter_reports import ALL, NOTHING_TO_COMPUTE_WITH, disagreements, imports, left_out, report, supported

from scratchdae.conformance import check, load_cases

pytestmark = pytest.mark.usefixtures("torch")

LEFT_OUT = {
    "clip_grad_norm_ adds 1e-6 to the norm by which it divides": {
        "clip_norm_at_the_limit_optax", "clip_norm_keras", "clip_norm_optax", "clip_norm_short",
    },
    "torch.nn.LSTM knows tanh alone, not relu": {"lstm_relu", "lstm_relu_last_output"},
    "torch.optim adds eps to the root of the corrected moment, and nowhere else": {
        "adam_keras", "adam_keras_tiny", "adam_optax_eps_root_tiny", "adamw_keras", "rmsprop_keras",
        "rmsprop_keras_centred", "rmsprop_keras_tiny", "rmsprop_optax", "rmsprop_optax_centred", "rmsprop_optax_tiny",
    },
    "torch.optim multiplies the velocity by the learning rate, which is not inside it": {
        "rmsprop_keras_momentum", "rmsprop_optax_momentum", "sgd_keras_momentum", "sgd_keras_nesterov",
    },
    "weight decay of torch.optim's rmsprop is in the gradient": {"rmsprop_keras_weight_decay"},
    "weight decay of torch.optim's sgd is in the gradient": {"sgd_keras_momentum_weight_decay"},
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_agrees_but_for_conventions_it_has_not(dtype):
    found = report("torch", dtype)
    assert disagreements(found) == []
    assert supported(found) == ALL
    assert left_out(found) == LEFT_OUT


def test_runs_every_case_that_is_named_after_it():
    ours = {case.name for case in load_cases(spec=1) if case.conventions.get("framework") == "torch"}
    assert len(ours) > 10
    assert not ours & set().union(*LEFT_OUT.values())


def test_sets_one_tolerance_and_needs_it():
    overridden = {r.case.name: r.comparison for r in report("torch", "float64").results if r.overridden}
    assert set(overridden) == {"cross_entropy_confident"}
    assert overridden["cross_entropy_confident"].largest > 1e-13


def test_computes_with_pytorch_alone():
    from scratchdae.conformance.adapters import torch

    assert imports(torch) == NOTHING_TO_COMPUTE_WITH


@pytest.mark.parametrize(
    ("place", "name", "group"),
    [
        ("torch.nn.functional", "binary_cross_entropy_with_logits", "autoencoder"),
        ("torch.nn.functional", "huber_loss", "loss"),
        ("torch.nn.functional", "conv2d", "layer"),
        ("torch.nn.functional", "cross_entropy", "stack"),
    ],
)
def test_asks_the_functions_of_pytorch(place, name, group, monkeypatch):
    import importlib

    from scratchdae.conformance.adapters.torch import Adapter

    module = importlib.import_module(place)
    function = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *arguments, **options: 2 * function(*arguments, **options))
    assert "disagrees" in {r.status for r in check(Adapter(), groups=[group], explain=False).results}


@pytest.mark.parametrize("rule", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_takes_the_steps_of_torch_optim(rule, monkeypatch):
    import torch

    from scratchdae.conformance.adapters.torch import Adapter

    monkeypatch.setattr(getattr(torch.optim, rule), "step", lambda self: None)
    cases = [case for case in load_cases(groups=["optimizer"]) if case.conventions["rule"] == rule.lower()]
    assert {r.status for r in check(Adapter(), cases, explain=False).results} <= {"disagrees", "unsupported"}
