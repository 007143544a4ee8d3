"""JAX and optax themselves agree with every case of a convention that they have."""

import pytest
from adapter_reports import ALL, NOTHING_TO_COMPUTE_WITH, disagreements, imports, left_out, report, supported

from scratchdae.conformance import check, load_cases
from scratchdae.conformance.named import Named

pytestmark = pytest.mark.usefixtures("optax")

LEFT_OUT = {
    "the derivative of jax.nn.leaky_relu at 0 is 1, not the slope": {"leaky_relu_at_the_kink", "leakyrelu_layer"},
    "the derivative of jnp.abs at 0 is 1, not 0": {"absolute_error_ties"},
    "optax.clip_by_global_norm divides by the norm itself, nothing added": {
        "clip_norm_at_the_limit_torch", "clip_norm_torch",
    },
    "optax has no eps-hat": {"adam_keras", "adam_keras_tiny", "adamw_keras"},
    "optax has no dampening": {"sgd_torch_dampening"},
}  # fmt: skip


IN_FLOAT32 = ("activation", "loss", "optimizer", "training")  # compiling all of them again would take a minute


def test_agrees_but_for_conventions_it_has_not():
    found = report("jax", "float64")
    assert disagreements(found) == []
    assert supported(found) == ALL
    assert left_out(found) == LEFT_OUT


def test_agrees_in_float32():
    assert disagreements(report("jax", "float32", IN_FLOAT32)) == []
    layers = load_cases(names=["dense", "conv_same", "lstm_sequence"])
    assert disagreements(check(Named("jax", "float32"), layers, explain=False)) == []


def test_runs_every_case_that_is_named_after_optax():
    ours = {case.name for case in load_cases(spec=1) if case.conventions.get("framework") == "optax"}
    assert len(ours) > 10
    assert not ours & set().union(*LEFT_OUT.values())


def test_sets_no_tolerance_in_float64():
    assert not any(result.overridden for result in report("jax", "float64").results)


def test_sets_tolerances_in_float32_for_optimizers_and_needs_them():
    overridden = [result for result in report("jax", "float32", IN_FLOAT32).results if result.overridden]
    assert {result.case.operation for result in overridden} == {"optimizer"}
    assert any(result.comparison.largest > result.case.tolerance("float32") for result in overridden)


def test_is_right_that_these_derivatives_are_others(jax):
    slope = jax.grad(lambda a: jax.nn.leaky_relu(a, 0.25))
    assert (float(slope(0.0)), float(slope(-1.0))) == (1.0, 0.25)
    assert float(jax.grad(jax.numpy.abs)(0.0)) == 1.0


def test_leaves_the_configuration_of_jax_as_it_was(jax):
    from scratchdae.conformance.adapters.jax import Adapter

    before = jax.config.jax_enable_x64
    try:
        for x64 in (False, True):
            jax.config.update("jax_enable_x64", x64)
            for dtype in ("float64", "float32"):
                assert disagreements(check(Adapter(dtype), groups=["penalty"], explain=False)) == []
                assert jax.config.jax_enable_x64 is x64
    finally:
        jax.config.update("jax_enable_x64", before)


def test_computes_with_jax_and_optax_alone():
    from scratchdae.conformance.adapters import jax

    assert imports(jax) == NOTHING_TO_COMPUTE_WITH


@pytest.mark.parametrize(
    ("name", "rule"),
    [("trace", "sgd"), ("scale_by_rms", "rmsprop"), ("scale_by_adam", "adam"), ("add_decayed_weights", "adamw")],
)
def test_takes_the_steps_of_optax(name, rule, optax, monkeypatch):
    from scratchdae.conformance.adapters.jax import Adapter

    monkeypatch.setattr(optax, name, lambda *_, **__: optax.identity())
    cases = [case for case in load_cases(groups=["optimizer"]) if case.conventions["rule"] == rule]
    assert "disagrees" in {result.status for result in check(Adapter(), cases, explain=False).results}
