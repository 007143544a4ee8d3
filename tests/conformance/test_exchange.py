"""Cases and answers as files: what is written is read, and what is damaged is reported."""

import json
import os
import re

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from scratchdae.conformance import array_files, load_cases
from scratchdae.conformance.adapter import AnswerError
from scratchdae.conformance.exchange import Answers, export, write_case
from scratchdae.conformance.runner import examine

ARRAYS = {
    "W": np.array([[1.5, -0.0, 1e-310], [np.nan, np.inf, -np.inf]]),
    "loss": np.array(0.1),
    "t": np.array([3, -1]),
    "kept": np.array([[True], [False]]),
    "nothing": np.zeros((0, 3)),
    "single": np.array([0.1], np.float32),
}


def same(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert found[name].shape == array.shape


@pytest.mark.parametrize("form", array_files.FORMATS)
def test_what_is_written_is_read(form, tmp_path):
    assert array_files.read_answer(tmp_path) is None
    assert not array_files.holds_answer(tmp_path)
    array_files.write(tmp_path, "outputs", ARRAYS, form)
    folder = tmp_path / "outputs" if form == "npy" else tmp_path
    assert array_files.holds_answer(folder)
    same(array_files.read_answer(folder), ARRAYS)
    if form != "json":  # which writes -0.0 too, but reads 5 for 5.0
        assert np.signbit(array_files.read_answer(folder)["W"][0, 1])


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("outputs.safetensors", b"", "outputs.safetensors cannot be read"),
        ("outputs.safetensors", b"\xff" * 100, "outputs.safetensors cannot be read"),
        ("outputs.npz", b"PK", "outputs.npz cannot be read"),
        ("outputs.json", b"[", "outputs.json cannot be read"),
        ("outputs.json", b"[]", "outputs.json cannot be read"),
        ("outputs.json", b"[" * 10**5, "outputs.json cannot be read: RecursionError"),
        ("outputs.json", b'{"W": [1.0]}', "each array must have dtype, shape and values"),
        ("outputs.json", b'{"W": {"dtype": "O", "shape": [1], "values": [1]}}', "dtype must be one of"),
        ("outputs.json", b'{"W": {"dtype": "int64", "shape": [1], "values": [1.5]}}', "flat list of int64"),
        ("outputs.json", b'{"W": {"dtype": "bool", "shape": [1], "values": [1]}}', "flat list of bool"),
        ("outputs.json", b'{"W": {"dtype": "float64", "shape": [1], "values": [[1]]}}', "flat list of float64"),
        ("outputs.json", b'{"W": {"dtype": "float64", "shape": [1], "values": ["1"]}}', "flat list of float64"),
        ("outputs.json", b'{"W": {"dtype": "float64", "shape": [-1], "values": [1]}}', "integer of at least 0"),
        ("outputs.json", b'{"W": {"dtype": "float64", "shape": [2], "values": [1]}}', "cannot reshape"),
        ("W.npy", b"\x93NUMPY", "*.npy cannot be read"),
        ("W.npy", b"", "*.npy cannot be read"),
    ],
)
def test_a_damaged_answer_is_an_error(name, content, sentence, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AnswerError, match=re.escape(sentence)):
        array_files.read_answer(tmp_path)


def test_objects_and_promises_of_a_file_are_not_believed(tmp_path):
    np.save(tmp_path / "W.npy", np.array([None]), allow_pickle=True)
    with pytest.raises(AnswerError, match="Python objects"):
        array_files.read_answer(tmp_path)
    np.save(tmp_path / "W.npy", np.zeros((10, 10)))
    content = (tmp_path / "W.npy").read_bytes().replace(b"(10, 10)", b"(4000000000, 4000)")
    (tmp_path / "W.npy").write_bytes(content)
    with pytest.raises(AnswerError, match="cannot be read"):
        array_files.read_answer(tmp_path)


def test_an_answer_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "outputs.safetensors").open("wb") as file:
        file.truncate(10**10)  # sparse: it takes no room
    with pytest.raises(AnswerError, match="larger than 64 MiB"):
        array_files.read_answer(tmp_path)
    (tmp_path / "outputs.safetensors").unlink()
    np.savez_compressed(tmp_path / "outputs.npz", W=np.zeros(10**7))
    assert (tmp_path / "outputs.npz").stat().st_size < 10**6
    with pytest.raises(AnswerError, match="unpacked it is larger than 64 MiB"):
        array_files.read_answer(tmp_path)


def test_two_answers_are_none(tmp_path):
    array_files.write(tmp_path, "outputs", {"W": np.ones(2)}, "json")
    np.save(tmp_path / "W.npy", np.ones(2))
    with pytest.raises(AnswerError, match=r"outputs must be in one format, found outputs.json, W.npy"):
        array_files.read_answer(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "outputs.safetensors")
    assert array_files.read_answer(tmp_path) is None


@pytest.fixture
def cases(ridge, masked):
    return [ridge, masked]


class TestExport:
    @pytest.mark.parametrize("form", array_files.FORMATS)
    def test_a_folder_a_case_without_the_expected_values(self, cases, form, tmp_path):
        folders = export(tmp_path / "out", cases, form)
        assert folders == [tmp_path / "out/penalty/ridge", tmp_path / "out/corruption/masked"]
        manifest = json.loads((folders[0] / "case.json").read_text())
        assert manifest == {key: value for key, value in cases[0].manifest.items() if key != "sha256"}
        found = sorted(str(path.relative_to(folders[0])) for path in folders[0].rglob("*") if path.is_file())
        assert found == ["case.json", "inputs/W.npy" if form == "npy" else f"inputs.{form}"]

    def test_with_the_expected_values_and_in_float32(self, cases, tmp_path):
        folder = export(tmp_path / "out", cases, "safetensors", "float32", with_expected=True)[0]
        same(load_file(folder / "inputs.safetensors"), {"W": cases[0].inputs["W"].astype(np.float32)})
        same(load_file(folder / "expected.safetensors"), cases[0].expected)

    def test_nothing_is_mixed_with_what_is_there(self, cases, tmp_path):
        export(tmp_path / "out", cases)
        with pytest.raises(ValueError, match="root must be an empty folder or a new one"):
            export(tmp_path / "out", cases)
        with pytest.raises(ValueError, match="root must be an empty folder or a new one"):
            export(next((tmp_path / "out").rglob("case.json")), cases)

    def test_an_unknown_format_is_refused(self, cases, tmp_path):
        with pytest.raises(ValueError, match="form must be one of"):
            write_case(tmp_path / "out", cases[0], "hdf5")
        assert not (tmp_path / "out").exists()

    def test_every_case_of_the_package_survives_every_format(self, tmp_path):
        cases = load_cases(groups=["activation", "loss"])
        for form in array_files.FORMATS:
            for case, folder in zip(cases, export(tmp_path / form, cases, form, with_expected=True), strict=True):
                for path in folder.glob("expected*"):
                    path.rename(folder / path.name.replace("expected", "outputs"))
                answers = folder / "outputs" if form == "npy" else folder
                same(array_files.read_answer(answers), case.expected)


class TestAnswers:
    @pytest.mark.parametrize("layout", ["penalty/ridge", "ridge"])
    def test_answers_of_before_are_compared(self, cases, layout, tmp_path):
        folder = tmp_path / "out" / layout
        folder.mkdir(parents=True)
        save_file(dict(cases[0].expected), folder / "outputs.safetensors")
        report = examine(Answers(tmp_path / "out", cases), cases)
        assert [result.status for result in report.results] == ["agrees", "unsupported"]
        assert report.passed
        np.save(folder / "dW.npy", np.zeros((2, 3)))
        report = examine(Answers(tmp_path / "out", cases), cases)
        assert [result.status for result in report.results] == ["error", "unsupported"]

    def test_an_export_that_was_not_answered_is_unsupported(self, cases, tmp_path):
        export(tmp_path / "out", cases, "npy")
        report = examine(Answers(tmp_path / "out", cases), cases)
        assert report.count("unsupported") == 2

    @pytest.mark.parametrize("form", ["safetensors", "npz", "npy", "json"])
    def test_what_is_expected_is_read_where_nothing_is_answered_and_says_so(self, cases, form, tmp_path):
        export(tmp_path / "out", cases, form, with_expected=True)
        report = examine(Answers(tmp_path / "out", cases), cases)
        assert report.count("agrees") == 2
        assert report.name.endswith("(no answers: the expected arrays themselves)")
        save_file(dict(cases[0].expected), tmp_path / "out/penalty/ridge/outputs.safetensors")
        report = examine(Answers(tmp_path / "out", cases), cases)  # one answer, and the other is none
        assert [result.status for result in report.results] == ["agrees", "unsupported"]

    def test_links_out_of_the_folder_are_not_followed(self, cases, tmp_path):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        save_file(dict(cases[0].expected), elsewhere / "outputs.safetensors")
        (tmp_path / "out/ridge").mkdir(parents=True)
        (tmp_path / "out/ridge/outputs.safetensors").symlink_to(elsewhere / "outputs.safetensors")
        (tmp_path / "out/masked").symlink_to(elsewhere)
        report = examine(Answers(tmp_path / "out", cases), cases)
        assert report.count("unsupported") == 2

    def test_null_is_nan(self, cases, tmp_path):
        folder = tmp_path / "out/ridge"
        folder.mkdir(parents=True)
        arrays = '{"penalty": {"dtype": "float64", "shape": [], "values": [null]}, "dW": {"dtype": "float64", "shape": '
        (folder / "outputs.json").write_text(arrays + '[2, 3], "values": [1, 2, 3, 4, 5, null]}}')
        assert "penalty is nan" in examine(Answers(tmp_path / "out", cases), cases).results[0].sentence()

    def test_their_dtype_is_compared(self, cases, tmp_path):
        folder = tmp_path / "out/ridge"
        folder.mkdir(parents=True)
        for name, array in cases[0].expected.items():
            np.save(folder / f"{name}.npy", array.astype(np.float32))
        assert examine(Answers(tmp_path / "out", cases, "float32"), cases).passed
        result = examine(Answers(tmp_path / "out", cases), cases).results[0]
        assert result.difference.stage == "dtype"

    def test_a_folder_of_no_case_is_refused(self, cases, tmp_path):
        for name, sentence in (
            ("rigde", "must be named by a case, found .*rigde"),
            ("penalty/rigde", "named by a case"),
        ):
            folder = tmp_path / name.replace("/", "_") / name
            folder.mkdir(parents=True)
            (folder / "outputs.json").write_text("{}")
            with pytest.raises(ValueError, match=sentence):
                Answers(tmp_path / name.replace("/", "_"), cases)

    def test_a_folder_without_cases_is_refused(self, cases, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(ValueError, match="must hold a folder for each case"):
            Answers(tmp_path / "empty", cases)
        with pytest.raises(ValueError, match="must exist, found none"):
            Answers(tmp_path / "nowhere", cases)
