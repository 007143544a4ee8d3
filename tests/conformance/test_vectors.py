"""The frozen cases: what they cover, what their manifests promise, and that the library keeps to them."""

import json
from pathlib import Path

import numpy as np
import pytest
from generate.measure import measure

from scratchdae import activations, losses
from scratchdae.conformance import load_cases
from scratchdae.conformance.case import cases_root
from scratchdae.layers import LAYERS

CASES = load_cases(spec=1)
CHAPTERS = Path(__file__).parents[2] / "chapters"


def conventions(group, *names):
    return {tuple(case.conventions.get(name) for name in names) for case in CASES if case.group == group}


def test_there_are_about_a_hundred_and_fifty_cases_in_less_than_a_megabyte():
    size = sum(path.stat().st_size for path in cases_root().rglob("*") if path.is_file())
    assert 140 <= len(CASES) <= 160
    assert size < 700_000


def test_every_function_of_the_library_has_cases():
    assert conventions("activation", "function") == {(name,) for name in (*activations.ACTIVATIONS, "softmax")}
    assert {name for name, _ in conventions("loss", "loss", "reduction")} == set(losses.LOSSES)
    layers = {name for (name,) in conventions("layer", "layer")}
    assert layers <= set(LAYERS)  # a new layer begins with its row in tests/layers/layer_table.py
    assert len(layers) >= 17
    assert conventions("corruption", "corruption") == {("masking",), ("salt_and_pepper",), ("gaussian",)}


def test_losses_have_cases_for_both_reductions():
    found = conventions("loss", "loss", "reduction")
    for loss in set(losses.LOSSES) - {"softmax_cross_entropy"}:  # whose two reductions are one
        assert {(loss, "paper"), (loss, "mean")} <= found


def test_the_autoencoder_has_cases_for_each_option():
    found = conventions("autoencoder", "tied", "loss", "output")
    pairs = ("cross_entropy", "sigmoid"), ("squared_error", "sigmoid"), ("squared_error", "linear")
    assert found == {(tied, *pair) for tied in (True, False) for pair in pairs}
    assert {name for (name,) in conventions("autoencoder", "corruption")} == {
        "none",
        "masking",
        "salt_and_pepper",
        "gaussian",
    }
    for tied in (True, False):
        assert {(tied, "paper"), (tied, "mean")} <= conventions("autoencoder", "tied", "reduction")
        assert {(tied, 0.0), (tied, 0.0625)} <= conventions("autoencoder", "tied", "l2")


def test_every_rule_has_cases_under_each_framework():
    found = conventions("optimizer", "rule", "framework")
    assert {
        (rule, framework) for rule in ("rmsprop", "adam", "adamw") for framework in ("torch", "optax", "keras")
    } <= found
    for framework in ("torch", "optax", "keras"):
        assert ("sgd", framework, True) in conventions("optimizer", "rule", "framework", "nesterov")
        assert ("rmsprop", framework, True) in conventions("optimizer", "rule", "framework", "centred")
    assert {(kind,) for kind in ("outside", "inside", "hat")} <= conventions("optimizer", "epsilon")
    assert all(len(set(case.inputs["lr"])) > 2 for case in CASES if case.group == "optimizer")


def test_extremes_and_ties_are_there():
    by_name = {case.name: case for case in CASES}
    for name in ("sigmoid_extreme", "tanh_extreme", "softplus_extreme", "cross_entropy_extreme"):
        a = by_name[name].inputs["a"]
        assert (a.min(), a.max()) == (-800, 800)
        assert 0 in a
    assert set(np.unique(by_name["cross_entropy_extreme"].inputs["target"])) == {0, 1}
    assert (by_name["absolute_error_ties"].inputs["a"] == by_name["absolute_error_ties"].inputs["target"]).any()
    windows = by_name["max_pool_ties"].inputs["x"].reshape(2, 2, 2, 2, 2, 2)
    tied = (windows == windows.max(axis=(2, 4), keepdims=True)).sum(axis=(2, 4))
    assert (tied > 1).sum() > 4


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_manifest_keeps_its_promises(case):
    assert (CHAPTERS / f"{case.manifest['chapter']}.py").is_file()
    assert case.manifest["in_words"]
    for dtype, least, most in (("float64", 1e-13, 1e-13), ("float32", 1e-6, 2e-5)):
        assert least <= case.tolerance(dtype) <= most
    for name, value in case.expected.items():
        assert np.isfinite(value).all(), name
    for name in case.exact:  # copies, which float32 holds too
        np.testing.assert_array_equal(case.expected[name], case.expected[name].astype(np.float32))


def test_json_is_sorted_and_strict():
    for path in cases_root().rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert text.endswith("}\n")
        manifest = json.loads(text, parse_constant=pytest.fail)  # NaN and Infinity are not JSON
        assert list(manifest) == sorted(manifest)


@pytest.fixture(scope="module")
def measured():
    return measure(CASES, ["float64", "float32"])


def test_the_library_is_within_the_tolerances(measured):
    for case in CASES:
        for dtype, error in measured[case.id].items():
            assert error <= case.tolerance(dtype), (case.id, dtype)


def test_in_float64_the_library_is_much_closer(measured):
    worst = max(errors["float64"] for errors in measured.values())  # 3.5e-15, of a saturated autoencoder
    assert 1e-16 < worst < 1e-14


def test_the_tolerances_of_float32_are_not_wider_than_they_must_be(measured):
    wide = [case.id for case in CASES if case.tolerance("float32") > max(1e-6, 16 * measured[case.id]["float32"])]
    assert not wide
