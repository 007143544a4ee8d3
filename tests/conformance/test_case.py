"""A case is read whole or refused with a sentence that says what is wrong with it."""

import hashlib
import json
import pickle
import re

import numpy as np
import pytest
import tiny_cases

from scratchdae.conformance import load_cases
from scratchdae.conformance.case import cases_root, load_case


def edited(path, **changed):
    """Change entries of a manifest; return its path."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    return path


def test_a_case_is_what_was_written(tmp_path):
    case = load_case(tiny_cases.penalty(tmp_path))
    inputs, stages = tiny_cases.penalty_arrays()
    assert (case.id, case.operation) == ("penalty/ridge", "penalty")
    assert case.conventions == {"l2": 0.25}
    assert case.stages == (("loss", ("penalty",)), ("gradients", ("dW",)))
    assert case.required == ("penalty", "dW")
    assert case.exact == ()
    assert (case.tolerance("float64"), case.tolerance("float32")) == (1e-13, 1e-6)
    assert case.absolute_tolerance("float64") == 0
    assert list(case.expected) == ["penalty", "dW"]
    np.testing.assert_array_equal(case.inputs["W"], inputs["W"])
    np.testing.assert_array_equal(case.expected["dW"], stages["gradients"]["dW"])
    assert pickle.loads(pickle.dumps(case)).id == case.id  # noqa: S301


def test_nobody_can_change_a_case(ridge):
    with pytest.raises(ValueError, match="read-only"):
        ridge.inputs["W"][0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        ridge.expected["dW"] += 1


def test_a_dtype_nobody_has_is_refused(ridge):
    with pytest.raises(ValueError, match="dtype must be one of 'float64', 'float32', found 'float16'"):
        ridge.tolerance("float16")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"spec": 3}, "spec must be 1 or 2, the versions of the cases that this scratchdae reads, found 3"),
        ({"spec": True}, "spec must be 1"),
        ({"spec": None}, "spec must be 1"),
        ({"surprise": 1}, "found the unknown surprise"),
        ({"group": "../penalty"}, "group must be names of letters"),
        ({"operation": "__init__"}, "operation must be names of letters"),
        ({"name": 3}, "name must be names of letters"),
        ({"dtype": "float32"}, "dtype must be one of 'float64'"),
        ({"aimed_at": " "}, "aimed_at must be text"),
        ({"chapter": 3}, "chapter must be text"),
        ({"in_words": "sum"}, "in_words must be a list"),
        ({"in_words": [1]}, "in_words must be text"),
        ({"sizes": {"D": 0}}, "sizes must be an integer of at least 1"),
        ({"sizes": [3]}, "sizes must be an object"),
        ({"conventions": None}, "conventions must be an object"),
        ({"inputs": ["W", "W"]}, "inputs must name nothing twice"),
        ({"inputs": []}, "inputs and stages must name every one of arrays once"),
        ({"inputs": ["W", "V"]}, "inputs and stages must name every one of arrays once"),
        ({"inputs": [["W"]]}, "inputs must be names"),
        ({"stages": []}, "inputs and stages must name every one of arrays once"),
        ({"stages": [{"stage": "loss"}]}, "each of stages must have stage and arrays"),
        ({"stages": [{"stage": "a", "arrays": ["penalty"]}, {"stage": "a", "arrays": ["dW"]}]}, "stages must name no"),
        ({"stages": [{"stage": "a", "arrays": ["penalty", "dW", "W"]}]}, "every one of arrays once"),
        ({"required": ["W"]}, "required must name arrays of the stages, found W"),
        ({"required": []}, "required must name at least one"),
        ({"exact": ["W"]}, "exact must name arrays of the stages, found W"),
        ({"tolerances": {}}, "tolerances must be for float64 and float32"),
        ({"tolerances": tiny_cases.TOLERANCES | {"float64": {"relative": 1e-9}}}, "must have relative, reason"),
        ({"tolerances": tiny_cases.TOLERANCES | {"float64": {"relative": -1, "reason": "x"}}}, "at least 0"),
        ({"tolerances": tiny_cases.TOLERANCES | {"float64": {"relative": 2, "reason": "x"}}}, "at most 1"),
        ({"tolerances": tiny_cases.TOLERANCES | {"float64": {"relative": 1e-9, "reason": ""}}}, "must be text"),
        ({"arrays": []}, "arrays must be an object"),
        ({"sha256": "0" * 64}, "must have the sha256 of its manifest"),
    ],
)  # fmt: skip
def test_a_manifest_that_breaks_a_rule_is_refused(tmp_path, changed, sentence):
    path = edited(tiny_cases.penalty(tmp_path), **changed)
    with pytest.raises(ValueError, match=re.escape(sentence)) as refusal:
        load_case(path)
    assert str(path.with_suffix("")) in str(refusal.value)


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        ({"shape": [2, 3], "dtype": "float64"}, "must have shape, dtype and meaning"),
        ({"shape": [2, -3], "dtype": "float64", "meaning": "W"}, "must be an integer of at least 0, found -3"),
        ({"shape": 6, "dtype": "float64", "meaning": "W"}, "shape must be a list"),
        ({"shape": [2, 3], "dtype": "float16", "meaning": "W"}, "dtype must be one of"),
        ({"shape": [3, 2], "dtype": "float64", "meaning": "W"}, "W must be float64 of shape [3, 2], found float64 of"),
        ({"shape": [2, 3], "dtype": "int64", "meaning": "W"}, "W must be int64 of shape [2, 3], found float64 of"),
    ],
)
def test_an_array_that_is_not_as_described_is_refused(tmp_path, about, sentence):
    path = tiny_cases.penalty(tmp_path)
    edited(path, arrays=json.loads(path.read_text())["arrays"] | {"W": about})
    with pytest.raises(ValueError, match=re.escape(sentence)):
        load_case(path)


@pytest.mark.parametrize("entry", ["spec", "name", "stages", "required", "tolerances", "arrays", "sha256"])
def test_every_entry_is_needed(tmp_path, entry):
    path = tiny_cases.penalty(tmp_path)
    manifest = json.loads(path.read_text())
    del manifest[entry]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"spec must be 1|found no " + entry):
        load_case(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"x"', b"NaN"])
def test_a_file_that_is_no_manifest_is_refused(tmp_path, content):
    path = tiny_cases.penalty(tmp_path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is not a JSON file|a manifest must be an object"):
        load_case(path)


def test_damaged_arrays_are_refused(tmp_path):
    path = tiny_cases.penalty(tmp_path)
    arrays = path.with_suffix(".safetensors")
    whole = arrays.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + b"\1", b""):
        arrays.write_bytes(damaged)
        with pytest.raises(ValueError, match="must have the sha256 of its manifest"):
            load_case(path)
    arrays.unlink()
    with pytest.raises(FileNotFoundError):
        load_case(path)


def test_what_is_no_safetensors_file_is_refused_though_its_checksum_is_right(tmp_path):
    path = tiny_cases.penalty(tmp_path)
    path.with_suffix(".safetensors").write_bytes(b"no arrays")
    edited(path, sha256=hashlib.sha256(b"no arrays").hexdigest())
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        load_case(path)


def test_an_array_too_many_is_refused(tmp_path):
    inputs, stages = tiny_cases.penalty_arrays()
    described = tiny_cases.manifest("ridge", "penalty", inputs, stages, ["dW"], {})
    path = tiny_cases.write(tmp_path, described, inputs | stages["loss"] | stages["gradients"] | {"V": np.ones(2)})
    with pytest.raises(ValueError, match="must hold the arrays of its manifest, found V, W, dW, penalty"):
        load_case(path)


def test_an_input_that_float32_cannot_hold_is_refused(tmp_path):
    inputs, stages = {"W": np.array([0.1])}, {"loss": {"penalty": np.array(1.0)}}
    described = tiny_cases.manifest("ridge", "penalty", inputs, stages, ["penalty"], {})
    with pytest.raises(ValueError, match="every value of the input W must be a float32 as well"):
        load_case(tiny_cases.write(tmp_path, described, inputs | stages["loss"]))


def test_a_case_in_another_place_is_refused(tmp_path):
    path = tiny_cases.penalty(tmp_path)
    path = path.rename(path.with_stem("other"))
    with pytest.raises(ValueError, match=r"must lie at GROUP/NAME.json, found penalty/ridge inside"):
        load_case(path)


class TestChoosing:
    @pytest.fixture
    def root(self, tmp_path):
        tiny_cases.penalty(tmp_path)
        tiny_cases.penalty(tmp_path, "lasso")
        tiny_cases.corruption(tmp_path)
        return tmp_path

    @pytest.mark.parametrize(
        ("options", "ids"),
        [
            ({}, ["corruption/masked", "penalty/lasso", "penalty/ridge"]),
            ({"groups": ["penalty"]}, ["penalty/lasso", "penalty/ridge"]),
            ({"groups": "penalty"}, ["penalty/lasso", "penalty/ridge"]),
            ({"names": ["ridge"]}, ["penalty/ridge"]),
            ({"names": ["penalty/ridge", "masked"]}, ["corruption/masked", "penalty/ridge"]),
            ({"names": ["lasso"], "groups": ["penalty"]}, ["penalty/lasso"]),
        ],
    )
    def test_by_group_and_name(self, root, options, ids):
        assert [case.id for case in load_cases(root, **options)] == ids

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"groups": ["penalties"]}, "groups must be among corruption, penalty, found penalties"),
            ({"names": ["rigde"]}, "names must be among .*penalty/ridge.*, found rigde"),
            ({"names": ["masked"], "groups": ["penalty"]}, "found masked"),
        ],
    )
    def test_what_is_not_there_is_refused(self, root, options, sentence):
        with pytest.raises(ValueError, match=sentence):
            load_cases(root, **options)

    def test_two_cases_of_one_name_are_refused(self, root):
        tiny_cases.corruption(root, "ridge")
        with pytest.raises(ValueError, match="must not hold two cases of one name, found ridge"):
            load_cases(root)

    def test_a_folder_without_cases_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"must hold cases at GROUP/NAME.json, found none"):
            load_cases(tmp_path / "nowhere")


def test_the_cases_of_the_package_are_whole():
    cases = load_cases()
    assert len({case.name for case in cases}) == len(cases) == len(list(cases_root().parent.glob("v*/*/*.safetensors")))
