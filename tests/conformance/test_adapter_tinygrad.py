"""tinygrad itself: what agrees, what disagrees and is known to, and what it has not.

A case takes a second where convolutions are interpreted in Python, so some are asked here, of every operation, and all
by ``scratchdae conform run --adapter tinygrad``.
"""

import pytest
from adapter_reports import ALL, NOTHING_TO_COMPUTE_WITH, imports, left_out, supported
from optional_packages import require

from scratchdae.conformance import check, load_cases

LEFT_OUT = {
    "tinygrad clips no norm": {
        "clip_norm_at_the_limit_optax", "clip_norm_at_the_limit_torch", "clip_norm_keras", "clip_norm_optax",
        "clip_norm_short", "clip_norm_torch",
    },
    "tinygrad has no Huber loss": {"huber_mean", "huber_paper", "huber_ties"},
    "tinygrad has no RMSprop": {
        "rmsprop_keras", "rmsprop_keras_centred", "rmsprop_keras_momentum", "rmsprop_keras_tiny",
        "rmsprop_keras_weight_decay", "rmsprop_optax", "rmsprop_optax_centred", "rmsprop_optax_momentum",
        "rmsprop_optax_tiny", "rmsprop_torch", "rmsprop_torch_centred", "rmsprop_torch_momentum", "rmsprop_torch_tiny",
        "rmsprop_torch_weight_decay",
    },
    "tinygrad has no dampening": {"sgd_torch_dampening"},
    "tinygrad adds eps to the root of the corrected moment, and nowhere else": {
        "adam_keras", "adam_keras_tiny", "adam_optax_eps_root_tiny", "adamw_keras",
    },
    "tinygrad's Adam has no weight decay": {"adam_torch_l2"},
    "tinygrad's LSTMCell knows tanh alone, not relu": {"lstm_relu", "lstm_relu_last_output"},
}  # fmt: skip

KNOWN = {  # case: the names that the explainer gives; figures/findings.md tells of each
    "leaky_relu_at_the_kink": [{"kink_above"}],
    "leakyrelu_layer": [{"kink_above"}],
    "max_pool_ties": [{"ties_share"}],
    "softplus_extreme": [{"small_values_lost"}],
    "tanh_extreme": [{"small_values_lost"}],
    "sigmoid_extreme": [],
    "adam_torch": [],
}

VELOCITY = "RuntimeError: assign dtype mismatch dtypes.float != dtypes.double"  # of SGD with momentum, in float64

AGREE = (
    "tied_cross_entropy_l2", "untied_squared_error_linear_gaussian", "conv_transpose_valid_stride_2", "dense",
    "dropout", "lstm_one_step", "upsampling_3_by_2", "gaussian_noise", "flatten", "clip_value", "l2_small",
    "sgd_weight_decay_weights_alone", "train_squared_error", "pretrain_second_layer_cross_entropy",
    "finetune_two_layers", "masking", "salt_and_pepper", "gaussian", "relu_at_the_kink", "softmax_extreme",
    "cross_entropy_extreme", "absolute_error_ties", "softmax_cross_entropy_extreme", "squared_error_paper",
)  # fmt: skip


@pytest.fixture(scope="module")
def adapter():
    require("tinygrad")
    from scratchdae.conformance.adapters.tinygrad import Adapter

    return Adapter


@pytest.fixture(scope="module")
def report(adapter):
    return check(adapter(), load_cases(names=[*AGREE, *KNOWN, "sgd_torch_momentum", *set().union(*LEFT_OUT.values())]))


def test_agrees_but_for_what_it_has_not_and_what_is_known(report):
    status = {result.case.name: result.status for result in report.results}
    assert {name for name, found in status.items() if found == "agrees"} == set(AGREE)
    assert {name for name, found in status.items() if found == "disagrees"} == set(KNOWN)
    assert {name for name, found in status.items() if found == "error"} == {"sgd_torch_momentum"}
    assert supported(report) == ALL
    assert left_out(report) == LEFT_OUT


def test_what_disagrees_is_named(report):
    named = {
        result.case.name: [set(finding.ids) for finding in result.explanation.findings]
        for result in report.results
        if result.status == "disagrees"
    }
    assert named == KNOWN


def test_an_error_of_tinygrad_is_told(report):
    (error,) = (result for result in report.results if result.status == "error")
    assert error.reason.startswith(VELOCITY)


def test_in_float32_momentum_steps(adapter):
    names = ["sgd_keras_momentum_weight_decay", "adam_torch"]
    found = check(adapter("float32"), load_cases(names=names), explain=False)
    assert {result.status for result in found.results} == {"agrees"}
    assert {result.case.operation for result in found.results if result.overridden} == {"optimizer"}


def test_computes_with_tinygrad_alone(adapter):
    from scratchdae.conformance.adapters import tinygrad

    assert imports(tinygrad) == NOTHING_TO_COMPUTE_WITH


def test_asks_the_methods_of_tinygrad(adapter, monkeypatch):
    from tinygrad import Tensor

    leaky_relu = Tensor.leaky_relu
    monkeypatch.setattr(Tensor, "leaky_relu", lambda self, slope: 2 * leaky_relu(self, slope))
    found = check(adapter(), load_cases(names=["leaky_relu_ordinary"]), explain=False)
    assert {result.status for result in found.results} == {"disagrees"}


def test_computes_where_the_user_says(adapter, monkeypatch):
    monkeypatch.setenv("DEV", "NOWHERE")
    (result,) = check(adapter(), load_cases(names=["l2_small"]), explain=False).results
    assert "nowhere" in result.reason.lower()
