"""The compiled core agrees where there is one, and it is the compiled core that answers."""

import pytest
from adapter_reports import disagreements, left_out, report, supported

from scratchdae.conformance import load_cases
from scratchdae.conformance.runner import check

IN_NUMPY_ALONE = {"activation", "loss", "corruption", "optimizer", "clipping", "penalty", "pretrain_stack"}


@pytest.fixture(autouse=True)
def compiled():
    from optional_packages import require

    require("scipy")
    if require("numba").config.DISABLE_JIT:
        pytest.skip("the compiler is switched off")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_agrees_where_there_is_a_twin(dtype):
    found = report("numba", dtype)
    assert disagreements(found) == []
    assert supported(found) == {"autoencoder", "training", "layer", "stack"}


def test_leaves_out_what_has_no_twin():
    cases = load_cases(spec=1)
    expected = {
        "the library computes this in NumPy alone": {case.name for case in cases if case.operation in IN_NUMPY_ALONE}
    }
    twins = {"Conv2D", "Conv2DTranspose", "LSTM", "MaxPool2D", "ReLU", "UpSampling2D"}
    for layer in {case.conventions["layer"] for case in cases if case.group == "layer"} - twins:
        names = {case.name for case in cases if case.conventions.get("layer") == layer}
        expected[f"{layer} has no compiled twin"] = names
    assert left_out(report("numba", "float64")) == expected
    layers = [r for r in report("numba", "float64").results if r.case.group == "layer"]
    assert {r.case.conventions["layer"] for r in layers if r.status == "agrees"} == twins


def test_runs_the_fused_steps(monkeypatch):
    from scratchdae.conformance.adapters.numba_core import Adapter
    from scratchdae.kernels.autoencoder import steps as module

    def broken(W, *rest):
        taken = steps(W, *rest)
        W += 1
        return taken

    steps = module._fused
    monkeypatch.setattr(module, "_fused", broken)
    found = check(Adapter(), groups=["autoencoder", "training"], explain=False)
    by_tying = {tied: {r.status for r in found.results if r.case.conventions["tied"] is tied} for tied in (True, False)}
    assert by_tying == {True: {"disagrees"}, False: {"agrees"}}  # untied weights take the general step


@pytest.mark.parametrize(
    ("module", "function", "layer"),
    [
        ("correlation", "correlate", "Conv2D"),
        ("correlation", "spread", "Conv2DTranspose"),
        ("pooling", "max_pool_gradient", "MaxPool2D"),
        ("upsampling", "block_sums", "UpSampling2D"),
        ("activation", "relu", "ReLU"),
        ("lstm", "forward_steps", "LSTM"),
    ],
)
def test_runs_the_compiled_loops_of_layers(module, function, layer, monkeypatch):
    import importlib

    from scratchdae.conformance.adapters.numba_core import Adapter

    kernels = importlib.import_module(f"scratchdae.kernels.layers.{module}")
    loop = getattr(kernels, function)

    def broken(*arguments):
        found = loop(*arguments)
        arguments[0][...] += 1  # what works in place
        return found if found is None else found + 1

    monkeypatch.setattr(kernels, function, broken)
    cases = [case for case in load_cases(groups=["layer"]) if case.conventions["layer"] == layer]
    assert {r.status for r in check(Adapter(), cases, explain=False).results} == {"disagrees"}
