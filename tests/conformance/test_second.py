"""Version 2 of the cases: beside version 1, which stays as it is, and held to the same promises."""

import hashlib
import json

import numpy as np
import pytest
from generate.__main__ import main as generate
from generate.measure import measure
from oracle import OPERATIONS, recompute

from scratchdae.cli import main
from scratchdae.conformance import check, load_cases
from scratchdae.conformance.case import cases_root
from scratchdae.conformance.comparison import compare
from scratchdae.conformance.explainer import ACCOUNTS
from scratchdae.conformance.report import UNSUPPORTED, heading

FIRST, CASES = load_cases(spec=1), load_cases(spec=2)
BY_NAME = {case.name: case for case in CASES}


def files(spec):
    root = cases_root().with_name(f"v{spec}")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.*"))}


def test_not_a_byte_of_version_1_has_changed():
    digest = hashlib.sha256()
    for name, content in files(1).items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    assert digest.hexdigest() == "498c1f2710e57754f16a4f1f5e3de7a25f150391b825836acad49d375d952078"


def test_both_versions_are_less_than_a_megabyte():
    assert (len(FIRST), len(CASES)) == (149, 72)
    assert sum(map(len, (files(1) | files(2)).values())) < 1_000_000


def test_versions_are_read_apart_and_together():
    assert load_cases(names=["tied_cross_entropy"], spec="1")[0].spec == 1
    assert [case.id for case in load_cases()] == [case.id for case in (*FIRST, *CASES)]
    assert len({case.name for case in load_cases()}) == len(FIRST) + len(CASES)  # a name is of one case
    assert {case.spec for case in FIRST} == {1}
    assert {case.spec for case in CASES} == {2}
    root = cases_root().with_name("v2")
    assert [case.id for case in load_cases(root)] == [case.id for case in CASES]
    assert load_cases(root, spec=1) == ()
    for wrong in (0, 3, True, "both"):
        with pytest.raises(ValueError, match="spec must be one of '1', '2', 'all'"):
            load_cases(spec=wrong)


def test_the_command_line_takes_a_version(capsys):
    assert main(["conform", "list", "--spec", "2", "--group", "ssim"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["ssim/ssim_bytes", "ssim/ssim_wang"]
    assert main(["conform", "list", "--spec", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 149
    command = ["conform", "run", "--adapter", "reference", "--timeout", "0", "--group", "activation"]
    for spec, said in (("1", "1"), ("2", "2"), ("all", "1 and 2")):
        assert main([*command, "--spec", spec]) == 0
        assert capsys.readouterr().out.splitlines()[0] == f"adapter    reference, float64; cases of spec {said}"


def test_reports_name_the_versions(tmp_path):
    both = [FIRST[0], BY_NAME["sigmoid_small_values"]]
    right = type("Right", (), {"activation": lambda self, i, c: {}})()
    assert check(right, both[:1], explain=False).as_json()["spec"] == 1
    assert check(right, both, explain=False).as_json()["spec"] == [1, 2]
    assert heading("x", "float64", {}, (1, 2)) == ["adapter    x, float64; cases of spec 1 and 2"]


def test_the_files_of_the_package_are_those_that_are_generated(capsys):
    assert generate(["--check", "--spec", "2"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_value_is_the_nearest_float64_at_fifty_digits(case):
    found = recompute(case.operation, case.inputs, case.conventions)
    for name, expected in case.expected.items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name, strict=True)


def test_manifests_keep_their_promises():
    assert {case.operation for case in load_cases()} == set(OPERATIONS)
    for case in CASES:
        half = case.operation == "half"  # eleven bits
        for dtype, least, most in (("float64", 1e-13, 1e-13), ("float32", 1e-6, 2e-5)):
            assert (1e-3 if half else least) <= case.tolerance(dtype) <= (4e-3 if half else most)
        assert all(np.isfinite(value).all() for value in case.expected.values())
    for content in (content for name, content in files(2).items() if name.endswith(".json")):
        manifest = json.loads(content, parse_constant=pytest.fail)
        assert list(manifest) == sorted(manifest)


def test_the_library_is_far_within_the_tolerances():
    for name, errors in measure(CASES, ["float64", "float32"]).items():
        case = BY_NAME[name.partition("/")[2]]
        assert errors["float64"] < (1e-3 if case.operation == "half" else 1e-14), name
        assert errors["float32"] <= case.tolerance("float32"), name


def test_sizes_tell_each_other_apart():
    for name in ("conv_primes_valid", "conv_primes_same", "conv_transpose_primes_valid", "conv_transpose_primes_same"):
        inputs = BY_NAME[name].inputs
        B, _, _, C = inputs["x"].shape
        assert len({B, C, len(inputs["b"])}) == 3
    for name in ("conv_odd_batch", "conv_transpose_odd_batch"):  # whatever a gradient is off by has one name
        case = BY_NAME[name]
        for switch in ACCOUNTS["layer"](case, {key: case.expected[key] for key in case.required}, "float64").switches:
            if switch.id.endswith("_factor"):
                # (the pixels of x are B·pixels in conv_odd_batch: there the other cases tell)
                values = [named.value for named in switch.unknown.named if "pixels of x" not in named.id]
                assert len(set(values)) == len(values), switch.id
    for name in (name for name in BY_NAME if name.startswith("lstm")):
        assert all(BY_NAME[name].inputs[state].all() for state in ("h0", "c0"))
    between = BY_NAME["softplus_between"].inputs["a"]
    assert ((between > 16.7) & (between < 36.8)).sum() > 4


@pytest.mark.parametrize("name", ["sigmoid_small_values", "tanh_small_values", "softplus_small_values", "elu_layer"])
def test_small_values_count_by_themselves(name):
    case = BY_NAME[name]
    (key,) = case.manifest["by_value"]
    value = case.expected[key].copy()
    smallest = np.flatnonzero(value)[np.abs(value[value != 0]).argmin()]
    value.flat[smallest] *= 1 + 1e-9
    assert compare(case, {**case.expected, key: value}).difference.index == np.unravel_index(smallest, value.shape)


LEFT_OUT = {  # cases of version 2 that an adapter of the package answers with `Unsupported`
    "reference": set(),
    "torch": {
        "average_from_zero", "batch_norm_biased", "gru_reset_before", "gru_reset_before_relu", "lstm_primes_relu",
        "adagrad_keras", "adagrad_optax", "nadam_optax", "schedule_geometric", "schedule_step_after_warm_up",
    },
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LEFT_OUT)
def test_adapters_agree_but_for_what_they_have_not(name, dtype):
    module = pytest.importorskip(f"scratchdae.conformance.adapters.{name}")
    found = check(module.Adapter(dtype), CASES, explain=False)
    assert found.passed, str(found)
    assert {result.case.name for result in found.results if result.status == UNSUPPORTED} == LEFT_OUT[name]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("jax", ("gelu_layer", "conv_dilated_same", "adagrad_optax", "average_from_zero")),
        ("keras", ("conv_grouped", "adadelta_keras", "nadam_keras")),
    ],
)
def test_adapters_that_compile_are_asked_a_few(name, asked):
    module = pytest.importorskip(f"scratchdae.conformance.adapters.{name}")
    assert check(module.Adapter(), [BY_NAME[one] for one in asked], explain=False).count("agrees") == len(asked)
