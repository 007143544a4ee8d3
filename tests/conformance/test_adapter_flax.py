"""Flax NNX itself agrees where it computes; what it takes from JAX and optax is in test_adapter_jax.

Compiling every case would take half a minute: some are asked, of every layer and every module.
"""

import pytest
from adapter_reports import ALL, NOTHING_TO_COMPUTE_WITH, disagreements, imports, supported
from optional_packages import require

from scratchdae.conformance import check, load_cases

AGREE = (
    "untied_cross_entropy_l2", "conv_valid_stride_2_1", "conv_transpose_same_stride_2", "max_pool_ties",
    "average_pool_same", "dense_of_sequences", "lstm_initial_state", "lstm_relu_last_output",
    "finetune_two_layers", "sgd_weight_decay_weights_alone", "train_cross_entropy",
    "pretrain_second_layer_cross_entropy", "relu_layer", "sigmoid_ordinary", "cross_entropy_paper", "masking",
    "clip_value", "l2_small",
)  # fmt: skip


@pytest.fixture(scope="module")
def adapter():
    require("flax")
    from scratchdae.conformance.adapters.flax import Adapter

    return Adapter


def test_agrees(adapter):
    report = check(adapter(), load_cases(names=AGREE), explain=False)
    assert disagreements(report) == []
    assert {result.case.name for result in report.results if result.status == "agrees"} == set(AGREE)
    assert supported(report) == ALL
    assert not any(result.overridden for result in report.results)


def test_agrees_in_float32(adapter):
    cases = load_cases(names=["dense", "lstm_one_step"])
    assert disagreements(check(adapter("float32"), cases, explain=False)) == []


def test_leaves_out_what_jax_and_optax_have_not(adapter):
    from test_adapter_jax import LEFT_OUT

    (result,) = check(adapter(), load_cases(names=["leakyrelu_layer"]), explain=False).results
    assert "leakyrelu_layer" in LEFT_OUT[result.reason]


def test_computes_with_flax_jax_and_optax_alone(adapter):
    from scratchdae.conformance.adapters import flax

    others = {"scratchdae.conformance.adapters.jax", "scratchdae.conformance.adapters.jax_layers"}
    assert imports(flax) <= NOTHING_TO_COMPUTE_WITH | others


@pytest.mark.parametrize(
    ("layer", "case"), [("Linear", "dense"), ("Conv", "conv_valid"), ("OptimizedLSTMCell", "lstm_one_step")]
)
def test_asks_the_layers_of_flax(layer, case, adapter, monkeypatch):
    from flax import nnx

    monkeypatch.delattr(getattr(nnx, layer), "__call__")
    (result,) = check(adapter(), load_cases(names=[case]), explain=False).results
    assert result.status != "agrees"


def test_takes_the_steps_of_flax(adapter, monkeypatch):
    from flax import nnx

    monkeypatch.setattr(nnx.Optimizer, "update", lambda *_: None)
    found = check(adapter(), load_cases(names=["sgd_plain"]), explain=False)
    assert {result.status for result in found.results} == {"disagrees"}
