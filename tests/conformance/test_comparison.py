"""A comparison stops at the first array that disagrees, and says where, by how much, and in ulp."""

import re

import numpy as np
import pytest
import tiny_cases
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scratchdae.conformance.adapter import AnswerError, as_arrays, ask
from scratchdae.conformance.case import load_case
from scratchdae.conformance.comparison import compare, errors


def right(case, dtype="float64"):
    return {
        name: array.astype(dtype if array.dtype.kind == "f" else array.dtype) for name, array in case.expected.items()
    }


def test_what_is_expected_agrees_with_itself(ridge, masked):
    for case in (ridge, masked):
        comparison = compare(case, right(case))
        assert comparison.agrees
        assert comparison.agreed == tuple(case.expected)
        assert comparison.largest == 0
    assert compare(ridge, right(ridge)).relative == 1e-13


@pytest.mark.parametrize(
    ("changed", "stage", "array", "message"),
    [
        ({"dW": None}, "names", "dW", "dW is required and not there; the answer holds penalty"),
        ({"dV": 1.0}, "names", "dV", "dV is unknown; expected are penalty, dW"),
        ({"W": 1.0}, "names", "W", "W is an input; expected are penalty, dW"),
        ({"penalty": np.zeros((1,))}, "shape", "penalty", "penalty has shape (1,), expected ()"),
        ({"dW": np.zeros((3, 2))}, "shape", "dW", "dW has shape (3, 2), expected (2, 3)"),
        ({"dW": np.zeros((2, 3), np.float32)}, "dtype", "dW", "dW has dtype float32, expected float64"),
        ({"dW": np.zeros((2, 3), np.float16)}, "dtype", "dW", "dW has dtype float16, expected float64"),
        ({"dW": np.zeros((2, 3), int)}, "dtype", "dW", "dW has dtype int64, expected float64"),
        ({"dW": np.zeros((2, 3), bool)}, "dtype", "dW", "dW has dtype bool, expected float64"),
        ({"dW": np.zeros((2, 3))}, "gradients", "dW", "dW[1, 1] is 0, expected 1.5: off by 1.5, 6.76e+15 ulp"),
        ({"penalty": np.array(np.nan), "dW": np.zeros((2, 3))}, "loss", "penalty", "penalty is nan, expected 4.125"),
        ({"penalty": np.zeros((1,)), "dW": np.zeros((2, 3), np.float32)}, "shape", "penalty", "has shape (1,)"),
        ({"penalty": np.zeros(()), "dW": np.zeros((2, 3), np.float32)}, "dtype", "dW", "has dtype float32"),
        ({"penalty": np.zeros(()), "dW": np.zeros((2, 3))}, "loss", "penalty", "penalty is 0, expected 4.125"),
    ],
)
def test_the_first_stage_that_disagrees_is_named(ridge, changed, stage, array, message):
    answer = {name: value for name, value in (right(ridge) | changed).items() if value is not None}
    difference = compare(ridge, as_arrays(answer)).difference
    assert (difference.stage, difference.array) == (stage, array)
    assert message in difference.message
    assert str(difference) == f"{stage}: {difference.message}"


def test_the_worst_value_is_given_in_numbers(ridge):
    answer = right(ridge)
    answer["dW"][0, 1] += 2.0**-40
    answer["dW"][1, 2] += 2.0**-30
    found = compare(ridge, answer).difference
    assert found.index == (1, 2)
    assert (found.expected, found.found) == (-0.75, -0.75 + 2.0**-30)
    assert found.error == 2.0**-30
    assert found.allowed == 1e-13 * 1.5
    assert found.ulp == 2.0**-30 / 2.0**-53
    assert "2 of 6 values disagree" in found.message
    assert compare(ridge, answer).agreed == ("penalty",)


def test_ulp_is_that_of_the_dtype_of_the_adapter(ridge):
    answer = right(ridge, "float32")
    answer["dW"][1, 2] = np.nextafter(answer["dW"][1, 2], np.float32(0))
    assert compare(ridge, answer, "float32").agrees
    found = compare(ridge, answer, "float32", relative=1e-9).difference
    assert found.ulp == 1
    assert found.error == 2.0**-24


def test_an_ulp_of_nothing_is_not_given(ridge):
    answer = right(ridge)
    answer["dW"][1, 0] = 0.5  # where 0 is expected
    found = compare(ridge, answer).difference
    assert (found.index, found.expected, found.ulp) == ((1, 0), 0, None)
    assert "ulp" not in found.message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_the_worst(ridge, value):
    answer = right(ridge)
    answer["dW"][0, 0] = 1e300
    answer["dW"][1, 1] = value
    found = compare(ridge, answer).difference
    assert (found.index, found.error, found.ulp) == ((1, 1), np.inf, None)
    assert "2 of 6 values disagree" in found.message


def test_the_tolerance_is_a_fraction_of_the_largest_value(ridge):
    answer = right(ridge)
    answer["dW"][1, 0] = 1.5e-13 * 0.99  # where 0 is expected: small beside 1.5
    comparison = compare(ridge, answer)
    assert comparison.agrees
    assert comparison.largest == pytest.approx(0.99e-13)
    answer["dW"][1, 0] = 1.5e-13 * 1.01
    assert not compare(ridge, answer).agrees
    assert compare(ridge, answer, relative=1.1e-13).agrees


def test_float32_has_its_own_tolerance_and_dtype(ridge):
    answer = right(ridge, "float32")
    answer["dW"] *= np.float32(1 + 4e-7)
    assert compare(ridge, answer, "float32").agrees
    assert compare(ridge, answer, "float32").relative == 1e-6
    assert compare(ridge, right(ridge), "float32").difference.stage == "dtype"
    with pytest.raises(ValueError, match="dtype must be one of 'float64', 'float32', found 'float16'"):
        compare(ridge, answer, "float16")


def test_numbers_of_python_are_float64(ridge):
    answer = right(ridge) | {"penalty": 4.125}
    assert compare(ridge, as_arrays(answer)).agrees
    answer = right(ridge, "float32") | {"penalty": 4.125}
    assert (
        compare(ridge, as_arrays(answer), "float32").difference.message == "penalty has dtype float64, expected float32"
    )


def test_exact_arrays_have_no_tolerance(masked):
    answer = right(masked)
    answer["x_tilde"][0, 0] = -0.0  # the same number
    assert compare(masked, answer).agrees
    answer["x_tilde"][0, 1] = np.nextafter(2.0, 3.0)
    found = compare(masked, answer, relative=1.0).difference
    assert (found.index, found.ulp, found.allowed) == ((0, 1), 1, 0)


def case_of(tmp_path, **expected):
    return load_case(tiny_cases.arrays_case(tmp_path, expected))


def test_zeros_are_exact_unless_the_manifest_says_otherwise(tmp_path):
    tiny = {"d": np.array([0.0, 1e-300])}
    assert not compare(case_of(tmp_path / "a", d=np.zeros(2)), tiny, relative=1.0).agrees
    tolerances = tiny_cases.TOLERANCES | {"float64": {"relative": 1e-13, "absolute": 1e-200, "reason": "underflow"}}
    case = load_case(tiny_cases.arrays_case(tmp_path / "b", {"d": np.zeros(2)}, tolerances=tolerances))
    assert case.absolute_tolerance("float64") == 1e-200
    assert compare(case, tiny).agrees
    assert not compare(case, {"d": np.array([0.0, 1e-199])}).agrees


def test_nan_and_inf_are_expected_where_they_are(tmp_path):
    case = case_of(tmp_path, d=np.array([np.nan, np.inf, -np.inf, 2.0]))
    assert compare(case, right(case)).agrees
    assert compare(case, right(case) | {"d": np.array([np.nan, np.inf, -np.inf, 2.0 + 1e-13])}).agrees
    for i, value in ((0, 0.0), (0, np.inf), (1, np.nan), (1, 1e308), (2, np.inf), (3, np.nan)):
        answer = right(case)
        answer["d"][i] = value
        assert compare(case, answer).difference.index == (i,)


def test_labels_may_be_of_any_integer_and_masks_are_bool(tmp_path):
    case = case_of(tmp_path, chosen=np.array([3, 1]), kept=np.array([True, False]))
    assert compare(case, {"chosen": np.array([3, 1], np.uint8), "kept": np.array([True, False])}).agrees
    found = compare(case, {"chosen": np.array([3, 2]), "kept": np.array([True, False])}).difference
    assert (found.array, found.index, found.error, found.ulp) == ("chosen", (1,), 1, None)
    found = compare(case, {"chosen": np.array([3.0, 1.0]), "kept": np.array([True, False])}).difference
    assert found.message == "chosen has dtype float64, expected int64"
    found = compare(case, {"chosen": np.array([3, 1]), "kept": np.array([1, 0])}).difference
    assert found.message == "kept has dtype int64, expected bool"


def test_what_may_be_left_out_is_compared_where_it_is_there(tmp_path):
    case = load_case(tiny_cases.arrays_case(tmp_path, {"first": np.ones(2), "last": np.ones(2)}, ["last"]))
    assert compare(case, {"last": np.ones(2)}).agreed == ("last",)
    assert compare(case, {"last": np.ones(2), "first": np.zeros(2)}).difference.array == "first"


def test_an_empty_array_agrees(tmp_path):
    case = case_of(tmp_path, d=np.zeros((0, 3)))
    assert compare(case, {"d": np.zeros((0, 3))}).agrees
    assert compare(case, {"d": np.zeros((3, 0))}).difference.stage == "shape"


numbers = st.floats(width=64)


@given(hnp.arrays(np.float64, (3, 2), elements=numbers), hnp.arrays(np.float64, (3, 2), elements=numbers))
def test_errors_are_zero_only_where_values_are_the_same(found, expected):
    error = errors(found, expected)
    assert not np.isnan(error).any()
    same = np.array([a == b or (a != a and b != b) for a, b in zip(found.flat, expected.flat, strict=True)])
    np.testing.assert_array_equal(error.ravel() == 0, same)
    np.testing.assert_array_equal(errors(expected, found), error)


class Wrapped:
    def __init__(self, array):
        self._array = array


class HasArray(Wrapped):
    def __array__(self, dtype=None, copy=None):
        return self._array


class HasDLPack(Wrapped):
    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class Broken(Wrapped):
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("call detach() first")


class TestReadingAnswers:
    @pytest.mark.parametrize(
        "wrap", [HasArray, HasDLPack, np.ndarray.tolist, np.asfortranarray, lambda x: x[::-1][::-1]]
    )
    def test_arrays_of_any_kind(self, wrap):
        array = np.random.default_rng(0).random((3, 4))
        read = as_arrays({"d": wrap(array)})["d"]
        np.testing.assert_array_equal(read, array)
        assert read.dtype == np.float64
        assert read.flags.c_contiguous
        assert not np.shares_memory(read, array)

    def test_another_byte_order_is_the_same_dtype(self, ridge):
        answer = {name: array.astype(">f8") for name, array in ridge.expected.items()}
        assert compare(ridge, as_arrays(answer)).agrees

    @pytest.mark.parametrize(
        ("answer", "sentence"),
        [
            (None, "an answer must be a mapping of names to arrays, found NoneType"),
            ([1.0], "must be a mapping of names to arrays, found list"),
            ({1: 1.0}, "the names of an answer must be text, found 1"),
            ({"d": None}, "d must be an array of real numbers, found NoneType of dtype object"),
            ({"d": "1.0"}, "d must be an array of real numbers, found str"),
            ({"d": 1j}, "d must be an array of real numbers, found complex"),
            ({"d": [[1], [1, 2]]}, "d cannot be read as an array: ValueError"),
            ({"d": Broken(1)}, "d cannot be read as an array: RuntimeError: call detach() first"),
            ({"d": np.broadcast_to(1.0, (10**9, 10**9))}, "an answer must be at most 64 MiB, found more at d"),
        ],
    )
    def test_what_is_no_answer_is_refused(self, answer, sentence):
        with pytest.raises(AnswerError, match=re.escape(sentence)):
            as_arrays(answer)

    def test_whatever_is_raised_says_where(self):
        class Adapter:
            def loss(self, inputs, conventions):
                raise SystemExit("the end")

        with pytest.raises(AnswerError, match=r"SystemExit: the end \(test_comparison.py, line \d+\)"):
            ask(Adapter(), "loss", {}, {})
