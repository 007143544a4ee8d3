"""The checker is itself checked: it passes what is right, and catches each bug that is planted."""

import pickle
import warnings

import numpy as np
import pytest

from scratchdae import autoencoder, gradcheck, losses
from scratchdae.activations import sigmoid_derivative

B, D, H = 5, 7, 4  # unequal, so that no transpose can hide


@pytest.fixture
def problem(rng):
    params = {"W": rng.normal(0, 0.7, (D, H)), "b": rng.normal(0, 0.5, H), "b_prime": rng.normal(0, 0.5, D)}
    x = rng.random((B, D))
    return params, x * (rng.random((B, D)) > 0.4), x


def gradients(params, x_tilde, x, bug=None):
    """The backward pass once more, with one mistake in it."""
    W = params["W"]
    a_z, (_, y) = autoencoder.forward(params, x_tilde)
    loss, da_z = losses.cross_entropy(a_z, x)
    if bug == "target is the corrupted input":
        da_z = losses.cross_entropy(a_z, x_tilde)[1]
    da_y = (da_z @ W) * (1 if bug == "y(1 - y) missing" else sigmoid_derivative(y))
    source = x if bug == "x for x_tilde" else x_tilde
    encoder, decoder = source.T @ da_y, da_z.T @ y
    if bug == "wrong transpose":
        encoder = (da_y.T @ source).reshape(D, H)
    grads = {
        "W": {"decoder term missing": encoder, "encoder term missing": decoder}.get(bug, encoder + decoder),
        "b": da_y[0] if bug == "bias not summed" else da_y.sum(axis=0),
        "b_prime": da_z.sum(axis=0),
    }
    factor = {"half": 0.5, "D times": D, "B times": B, "1/D": 1 / D, "sign": -1, "0.05 % off": 1.0005}.get(bug)
    if factor:
        grads = {name: factor * value for name, value in grads.items()}
    if bug == "0.05 % off in one entry":
        grads["W"][np.unravel_index(np.abs(grads["W"]).argmax(), (D, H))] *= 1.0005
    return loss, grads


WHERE = {  # the parameters whose gradient each bug spoils; all of them where it says nothing
    "decoder term missing": {"W"},
    "encoder term missing": {"W"},
    "x for x_tilde": {"W"},
    "wrong transpose": {"W"},
    "0.05 % off in one entry": {"W"},
    "bias not summed": {"b"},
    "y(1 - y) missing": {"W", "b"},
}
BUGS = [*WHERE, "target is the corrupted input", "half", "D times", "B times", "1/D", "sign", "0.05 % off"]


@pytest.mark.parametrize("method", ["complex", "central", "auto"])
def test_right_gradients_pass_with_room_to_spare(problem, method):
    params, x_tilde, x = problem
    report = gradcheck.check(lambda p: gradients(p, x_tilde, x), params, method)
    report.raise_on_failure()
    worst = max(row.error for row in (*report.rows, report.direction))
    assert worst < (3e-9 if method == "central" else 3e-15)  # measured: 4e-10 and 5e-16
    assert report.order == pytest.approx(2, abs=0.05)
    assert report.method == ("central" if method == "central" else "complex")


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("bug", BUGS)
def test_each_planted_bug_is_caught_and_located(problem, method, bug):
    params, x_tilde, x = problem
    report = gradcheck.check(lambda p: gradients(p, x_tilde, x, bug), params, method)
    assert not report.ok
    assert {row.name for row in report.rows if not row.ok} == WHERE.get(bug, set(params))
    assert not report.direction.ok
    with pytest.raises(AssertionError, match="FAIL"):
        report.raise_on_failure()


@pytest.mark.parametrize("unit", [1e-15, 1e15])
@pytest.mark.parametrize("method", ["complex", "central", "auto"])
@pytest.mark.parametrize("bug", [None, "0.05 % off", "sign", "decoder term missing"])
def test_errors_are_relative_whatever_the_unit_of_the_loss(problem, unit, method, bug):
    params, x_tilde, x = problem

    def scaled(p):
        loss, grads = gradients(p, x_tilde, x, bug)
        return unit * loss, {name: unit * value for name, value in grads.items()}

    report = gradcheck.check(scaled, params, method)
    assert report.ok == (bug is None), report
    assert report.direction.ok == (bug is None)
    assert {row.name for row in report.rows if not row.ok} == (WHERE.get(bug, set(params)) if bug else set())


def test_an_error_that_no_entry_shows_is_seen_along_the_direction(rng):
    """However small the loss: the entry that is wrong is not among those looked at."""
    params = {"w": rng.normal(size=2000)}

    def wrong_somewhere(p):
        gradient = 2e-15 * p["w"]
        gradient[:1000] *= 1.01
        return 1e-15 * (p["w"] ** 2).sum(), {"w": gradient}

    report = gradcheck.check(wrong_somewhere, params, max_entries=1)
    assert not report.direction.ok
    scale = np.linalg.norm(wrong_somewhere(params)[1]["w"])
    assert report.direction.error == pytest.approx(abs(report.direction.analytic - report.direction.numeric) / scale)


@pytest.mark.parametrize(("curvature", "heard"), [(3e-11, 1), (3e-10, 2), (3e-9, 3)])
def test_two_remainders_are_the_fewest_that_have_an_order(curvature, heard):
    """A tenth of the step's square each: those above 1e-13 of the loss stand clear of its round-off."""

    def parabola(p):
        return 1 + curvature * (p["w"] ** 2).sum(), {"w": 2 * curvature * p["w"]}

    order = gradcheck.taylor_order(parabola, {"w": np.zeros(1)}, {"w": np.ones(1)})
    assert order == pytest.approx(2, abs=0.01) if heard >= 2 else np.isnan(order)


@pytest.mark.parametrize("bug", [bug for bug in BUGS if "one entry" not in bug])
def test_taylor_order_alone_catches_it_without_a_tolerance(problem, bug):
    params, x_tilde, x = problem
    report = gradcheck.check(lambda p: gradients(p, x_tilde, x, bug), params)
    assert report.order < 1.5 if bug != "0.05 % off" else report.order < 2.5


def test_the_report_names_the_entry_and_both_values(problem):
    params, x_tilde, x = problem

    def wrong(p):
        loss, grads = gradients(p, x_tilde, x)
        grads["b"] = grads["b"] + np.array([0, 0, 0.25, 0])
        return loss, grads

    report = gradcheck.check(wrong, params)
    row = next(row for row in report.rows if row.name == "b")
    assert row.index == (2,)
    assert row.analytic - row.numeric == pytest.approx(0.25, rel=1e-12)
    text = str(report)
    assert "FAIL  b" in text
    assert "(2,)" in text
    assert f"{row.numeric:.9e}" in text


def test_code_that_drops_the_imaginary_part_falls_back_to_differences(rng):
    params = {"w": rng.uniform(0.5, 1, 4)}

    def absolute(p):  # abs is not analytic: of a complex number it is the modulus
        return np.abs(p["w"]).sum() ** 2, {"w": 2 * np.abs(p["w"]).sum() * np.sign(p["w"].real)}

    def real(p):
        w = np.asarray(p["w"], dtype=np.float64)  # a cast that warns, and would lose the derivative
        return (w**3).sum(), {"w": 3 * w**2}

    def scalar(p):
        return float((p["w"] ** 3).sum()), {"w": 3 * p["w"] ** 2}

    for function in (absolute, real, scalar):
        report = gradcheck.check(function, params)
        assert report.method == "central"
        report.raise_on_failure()
    with pytest.raises(ValueError, match="does not take complex arrays"):
        gradcheck.check(scalar, params, "complex")


@pytest.mark.parametrize("unit", [1e-15, 1.0, 1e15])
def test_an_imaginary_part_that_is_dropped_in_silence_is_told(rng, unit):
    def silent(p):
        loss = (p["w"].real ** 3).sum() + 0 * p["w"].sum()  # complex where they are
        return unit * loss, {"w": 3 * unit * p["w"].real ** 2}

    report = gradcheck.check(silent, {"w": rng.random(3)})
    assert report.method == "central"
    assert report.reason == "the loss takes complex arrays but is not analytic in them"
    assert report.ok


@pytest.mark.parametrize(("size", "entries"), [(200, 200), (201, 200)])
def test_two_hundred_entries_are_looked_at(rng, size, entries):
    report = gradcheck.check(lambda p: ((p["w"] ** 2).sum(), {"w": 2 * p["w"]}), {"w": rng.random(size)})
    assert report.rows[0].entries == entries


def test_a_cast_is_told_also_where_warnings_are_ignored(rng):
    def real(p):
        w = np.asarray(p["w"], dtype=np.float64)
        return (w**3).sum() + 0j, {"w": 3 * w**2}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="does not take complex arrays"):
            gradcheck.check(real, {"w": rng.random(3)}, "complex")
    gradcheck.check(real, {"w": rng.random(3)}).raise_on_failure()


@pytest.mark.parametrize("method", ["complex", "central"])
def test_a_loss_that_depends_on_nothing_has_no_gradient(method):
    params = {"w": np.ones(3)}
    report = gradcheck.check(lambda p: (0 * p["w"].sum() + 2, {"w": np.zeros(3)}), params, method)
    assert report.ok
    assert [row.error for row in (*report.rows, report.direction)] == [0, 0]
    assert np.isnan(report.order)
    assert not gradcheck.check(lambda p: (p["w"].sum(), {"w": np.zeros(3)}), params, method).ok


def test_a_users_own_model(rng):
    """Two parameters of three and no axes, a loss of one's own."""
    params = {"kernel": rng.normal(size=(2, 3, 2)), "scale": np.array(0.7)}
    x = rng.normal(size=(4, 2))

    def loss_and_grads(p):
        h = np.tanh(np.einsum("bi,ijk->bjk", x, p["kernel"]))
        dh = p["scale"] * (1 - h * h)
        return p["scale"] * h.sum(), {"kernel": np.einsum("bi,bjk->ijk", x, dh), "scale": h.sum()}

    gradcheck.check(loss_and_grads, params).raise_on_failure()


def test_large_arrays_are_sampled_and_the_direction_sees_the_rest(rng):
    params = {"w": rng.normal(size=5000)}
    bad = 4321

    def wrong_somewhere(p):
        grads = 2 * p["w"].copy()
        grads[bad] *= 3
        return (p["w"] ** 2).sum(), {"w": grads}

    report = gradcheck.check(wrong_somewhere, params, max_entries=20)
    assert report.rows[0].entries == 20
    assert not report.direction.ok


def test_a_report_goes_into_a_file_under_the_name_it_always_had(problem):
    params, x_tilde, x = problem
    report = gradcheck.check(lambda p: gradients(p, x_tilde, x, "half"), params)
    written = pickle.dumps(report)
    assert pickle.loads(written) == report  # noqa: S301
    assert {type(one).__module__ for one in (report, report.direction)} == {"scratchdae.gradcheck"}


def test_parameters_are_left_alone(problem):
    params, x_tilde, x = problem
    before = {name: value.copy() for name, value in params.items()}
    gradcheck.check(lambda p: gradients(p, x_tilde, x), params)
    for name, value in params.items():
        np.testing.assert_array_equal(value, before[name])


READ = {
    "half": "every gradient is 2 times too small",
    "D times": "every gradient is 7 times too large: your batch, or another axis of 7 (W has an axis of 7, b_prime",
    "B times": "every gradient is 5 times too large: your batch, or another axis of 5? Then one of loss and gradient",
    "1/D": "every gradient is 7 times too small",
    "sign": "every gradient is right but for its sign",
    "0.05 % off": "every gradient is 1.0005 times what was measured, everywhere",
    "decoder term missing": "W: no factor explains it: a term is missing or wrong",
    "x for x_tilde": "b, b_prime right, so look at the lines that make the gradient of W alone",
    "bias not summed": "W, b_prime right, so look at the lines that make the gradient of b alone",
    "0.05 % off in one entry": "W: its gradient is wrong in row ",
}


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("bug", READ)
def test_it_says_what_is_wrong(problem, bug, method):
    params, x_tilde, x = problem
    report = gradcheck.check(lambda p: gradients(p, x_tilde, x, bug), params, method)
    assert READ[bug] in str(report)


def test_a_right_gradient_has_nothing_to_read(problem):
    params, x_tilde, x = problem
    assert gradcheck.check(lambda p: gradients(p, x_tilde, x), params).readings == ()


def test_what_is_wrong_with_one_parameter(rng):
    params = {"W": rng.normal(size=(3, 3)), "b": rng.normal(size=3)}
    x = rng.normal(size=(4, 3))

    def readings(change):
        def loss_and_grads(p):
            a = x @ p["W"] + p["b"]
            grads = {"W": 2 * x.T @ a + 0.5 * p["W"], "b": 2 * a.sum(axis=0)}
            return (a * a).sum() + 0.25 * (p["W"] ** 2).sum(), grads | change(p, grads)

        return " · ".join(gradcheck.check(loss_and_grads, params).readings)

    assert "W: its gradient is zero: never computed" in readings(lambda p, g: {"W": 0 * g["W"]})
    assert "W: its gradient is transposed" in readings(lambda p, g: {"W": g["W"].T.copy()})
    lacks = readings(lambda p, g: {"W": g["W"] - 0.5 * p["W"]})
    assert "W: its gradient lacks 0.5 times the parameter: a penalty of its square, l2 = 0.25" in lacks
    assert "b: its gradient is 4 times too small" in readings(lambda p, g: {"b": g["b"] / 4})


def test_an_entry_that_was_not_looked_at_is_told(rng):
    def wrong_somewhere(p):
        grads = 2 * p["w"].copy()
        grads[4321] *= 3
        return (p["w"] ** 2).sum(), {"w": grads}

    report = gradcheck.check(wrong_somewhere, {"w": rng.normal(size=5000)}, max_entries=20)
    assert "one of the others is wrong" in str(report)
