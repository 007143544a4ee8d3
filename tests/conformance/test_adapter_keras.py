"""Keras 3 itself, on JAX, agrees with every case of a convention that it has."""

import os
import subprocess
import sys

import pytest
from adapter_reports import ALL, NOTHING_TO_COMPUTE_WITH, disagreements, imports, left_out, report, supported
from optional_packages import require

from scratchdae.conformance import check, load_cases
from scratchdae.conformance.named import Named

pytestmark = pytest.mark.usefixtures("keras")

LEFT_OUT = {
    "the derivative of Keras' leaky_relu at 0 is 1 on JAX, not the slope": {
        "leaky_relu_at_the_kink", "leakyrelu_layer",
    },
    "the derivative of Keras' abs at 0 is 1 on JAX, not 0": {"absolute_error_ties"},
    "global_clipnorm divides by the norm itself, nothing added": {"clip_norm_at_the_limit_torch", "clip_norm_torch"},
    "eps is inside the root in Keras' RMSprop, and Adam is the eps-hat form": {
        "adam_optax", "adam_optax_eps_root_tiny", "adam_optax_tiny", "adam_torch", "adam_torch_betas",
        "adam_torch_tiny", "adamw_optax", "adamw_torch", "rmsprop_torch", "rmsprop_torch_centred", "rmsprop_torch_tiny",
    },
    "weight decay is decoupled in Keras": {
        "adam_torch_l2", "sgd_torch_weight_decay", "sgd_weight_decay_weights_alone",
    },
    "in Keras the velocity contains the learning rate": {
        "rmsprop_torch_momentum", "rmsprop_torch_weight_decay", "sgd_optax_momentum", "sgd_optax_nesterov",
        "sgd_torch_momentum", "sgd_torch_nesterov", "sgd_torch_nesterov_weight_decay",
    },
    "Keras has no dampening": {"sgd_torch_dampening"},
}  # fmt: skip


IN_FLOAT32 = ("activation", "loss", "optimizer", "training")  # compiling all of them again would take a minute


def test_agrees_but_for_conventions_it_has_not():
    found = report("keras", "float64")
    assert disagreements(found) == []
    assert supported(found) == ALL
    assert left_out(found) == LEFT_OUT


def test_agrees_in_float32():
    assert disagreements(report("keras", "float32", IN_FLOAT32)) == []
    layers = load_cases(names=["dense", "conv_same", "lstm_sequence"])
    assert disagreements(check(Named("keras", "float32"), layers, explain=False)) == []


def test_runs_every_case_that_is_named_after_it():
    ours = {case.name for case in load_cases(spec=1) if case.conventions.get("framework") == "keras"}
    assert len(ours) > 10
    assert not ours & set().union(*LEFT_OUT.values())


def test_tolerances_in_float64_are_those_of_what_keras_computes_in_float32(keras):
    assert keras.backend.result_type("float64", "float32") == "float32"  # the cause
    needed = {
        result.case.operation
        for result in report("keras", "float64").results
        if result.status == "agrees" and result.comparison.largest > result.case.tolerance("float64")
    }
    assert needed == {"activation", "loss", "autoencoder", "training", "pretrain_stack", "layer"}
    exact = {
        result.case.name: result.overridden
        for result in report("keras", "float64").results
        if result.case.name in ("sigmoid_ordinary", "conv2d_same", "lstm_relu", "finetune_two_layers", "adam_keras")
    }
    assert exact
    assert not any(exact.values())


def test_leaves_the_configuration_of_keras_as_it_was(keras):
    from scratchdae.conformance.adapters.keras import Adapter

    before = keras.config.floatx()
    try:
        for floatx in ("float32", "float64"):
            keras.config.set_floatx(floatx)
            for dtype in ("float64", "float32"):
                assert disagreements(check(Adapter(dtype), groups=["penalty"], explain=False)) == []
                assert keras.config.floatx() == floatx
    finally:
        keras.config.set_floatx(before)


def test_computes_with_keras_and_jax_alone():
    from scratchdae.conformance.adapters import keras

    assert imports(keras) == NOTHING_TO_COMPUTE_WITH


def adapter_in_a_new_process(environment):
    """Import the adapter where Keras is not imported yet, and make one."""
    program = (
        "import os; from scratchdae.conformance.adapters.keras import Adapter; "
        "Adapter(); print(os.environ['KERAS_BACKEND'])"
    )
    clean = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    return subprocess.run(
        [sys.executable, "-c", program], env=clean | environment, capture_output=True, text=True, check=False
    )


def test_chooses_jax_where_the_user_chose_nothing():
    ended = adapter_in_a_new_process({})
    assert ended.stdout.strip() == "jax", ended.stderr


def test_respects_another_choice_and_says_what_it_needs():
    require("torch")
    ended = adapter_in_a_new_process({"KERAS_BACKEND": "torch"})
    assert ended.returncode != 0
    assert ended.stderr.strip().endswith("ValueError: KERAS_BACKEND must be jax for this adapter, found torch")


@pytest.mark.parametrize("rule", ["SGD", "RMSprop", "Adam"])
def test_takes_the_steps_of_keras(rule, keras, monkeypatch):
    from scratchdae.conformance.adapters.keras import Adapter

    monkeypatch.setattr(getattr(keras.optimizers, rule), "update_step", lambda *_: None)
    cases = [case for case in load_cases(groups=["optimizer"]) if case.conventions["rule"] == rule.lower()]
    assert {result.status for result in check(Adapter(), cases, explain=False).results} == {"disagrees", "unsupported"}
