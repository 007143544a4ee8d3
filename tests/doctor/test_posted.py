"""The doctor on the networks of the four questions, as they were posted: what it says of each."""

import pytest
from optional_packages import require

torch = require("torch")

import posted_torch as posted

from scratchdae import doctor

torch.set_num_threads(1)


def examine(training, steps, budget_s=1500.0):  # no machine is too slow for a verdict
    return doctor.examine(
        training.build, training.step, training.x, batch_size=training.batch_size, steps=steps, budget_s=budget_s
    )


def first(report):
    return report.causes[0].id if report.causes else None


def remedies(report):
    return [prescription.name for prescription in report.prescription]


def test_q1a_has_taken_too_few_steps_whatever_its_noise():
    """Forty steps; its noise of a fifth of a standard deviation is no cause."""
    report = examine(posted.q1a(), 40)
    assert report.verdict == "cause"
    assert first(report) in ("F01", "F04")
    assert "F17" not in [cause for cause, _ in report.causes]
    assert report.trials[0].outcome.score > 1.5  # worse than the constant
    assert min(min(trial.scores.values(), default=9) for trial in report.trials) > 0.2  # the columns are independent


def test_q1b_does_not_fit_its_targets():
    """Twice the picture's sides come out: an error in the step, with its line."""
    report = examine(posted.q1b(), 10)
    assert report.verdict == "contract"
    assert report.status == 2
    assert "512" in report.sentence
    assert "posted_torch.py" in report.sentence


def test_q1c_hardly_moves():
    """Adam at 1e-6 goes nowhere in any number of steps that one waits for."""
    report = examine(posted.q1c(), 25)
    assert report.verdict == "cause"
    assert first(report) == "F01"
    assert report.prescription[0].name == "lr_up"


@pytest.mark.parametrize(("network", "lr"), [(posted.q4b, 1e-5), (posted.q4c, 1e-4), (posted.q4d, 1e-4)])
def test_q4b_to_d_take_steps_that_are_too_short(network, lr):
    """What was called iterations are epochs: in 500 steps Adam moves a weight by at most 500 lr."""
    report = examine(network(), 500)
    assert report.verdict == "cause"
    assert first(report) == "F01"
    assert report.prescription[0].factor * lr >= 1e-3
    assert report.prescription[0].after < 0.05


def test_q4c_trained_long_is_at_the_entropy_of_its_targets():
    """Half a nat an entry is the entropy of uniform targets: nothing is wrong."""
    report = examine(posted.q4c(lr=1e-2), 1500)
    assert report.verdict == "at_floor", str(report)
    assert first(report) == "H1"
    assert report.status == 0
    assert "0.5" in report.sentence


def test_q4e_is_healthy_but_short_and_its_loop_forgets_the_gradients():
    report = examine(posted.q4e(), 500)
    assert first(report) == "F04"
    assert "more_steps" in remedies(report)
    report = examine(posted.q4e(zero_grad=False), 300)
    assert first(report) == "F07"
    assert report.prescription[0].name == "zero_grad"


def test_q4f_compresses_one_column_repeated():
    report = examine(posted.q4f(), 600)
    assert report.verdict in ("healthy", "at_floor"), str(report)


@pytest.mark.parametrize(("network", "repair"), [(posted.q3a, {"scale_to_unit", "standardise_data", "linear_output"})])
def test_q3a_cannot_reach_its_targets(network, repair):
    """Grey levels to 255 under a sigmoid; and once they are in reach, independent pixels cannot be compressed."""
    report = examine(network(n=150), 20)
    assert report.verdict == "cause"
    assert first(report) == "F14"
    assert report.prescription[0].name in repair
    assert "F23" in [cause for cause, _ in report.causes]
    assert report.prescription[0].after == pytest.approx(1, abs=0.1)  # the constant


@pytest.mark.parametrize(
    ("code", "output", "steps"), [(8, torch.nn.Sigmoid, 20), (32, torch.nn.ReLU, 60)], ids=["q3b", "q3c"]
)
def test_q3b_and_c_have_nothing_to_compress(code, output, steps):
    """Independent pixels: neither the code nor the output's activation is what keeps the loss up.

    A sigmoid begins at the constant; a ReLU is there after 45 steps.
    """
    report = examine(posted.q3a(code, True, output, n=300), steps)
    assert report.verdict == "at_floor", str(report)
    assert first(report) == "F23"


def test_q2a_is_saturated():
    """All black: cross-entropy from logits, an output bias or a linear output repair it with the same bottleneck."""
    report = examine(posted.q2a(n=300), 45)
    assert report.verdict == "cause", str(report)
    assert first(report) == "F15"
    assert report.prescription[0].name in ("logits_loss", "output_bias_to_mean", "linear_output", "lr_down")
    assert report.prescription[0].proved


def test_q2b_is_short_of_steps_and_not_of_room():
    """Its code holds eight times as many numbers as a picture; a fraction of an epoch is all that is wrong here."""
    report = examine(posted.q2b(n=100), 8, budget_s=60)
    assert first(report) in ("F01", "F04", "F05", None), str(report)
    assert not {"F19", "F20", "F21"} & {cause for cause, _ in report.causes}
    assert report.anatomy.code == 6272


def test_q2c_is_short_of_steps_and_its_loss_is_a_third_penalty():
    """At 1e-4 a few steps have moved nothing, with the penalty or without; in the end it is nine tenths of the loss."""
    report = examine(posted.q2b(1e-4, 128, 0.001, n=128), 6)
    assert report.verdict == "cause", str(report)
    assert first(report) in ("F01", "F04")
    assert report.prescription[0].proved
    assert not {"F19", "F20", "F21"} & {cause for cause, _ in report.causes}
    assert [fact.cause for fact in report.facts] == ["F24"]
    assert 0.2 < float(report.facts[0].text.split()[1]) / 100 < 0.5


def test_q4a_has_no_single_cause():
    """Deep, independent columns, no bottleneck: first weights, leaks and steps each help by a little; none heals."""
    report = examine(posted.q4a(), 150)
    assert report.verdict == "unknown", str(report)
    assert "nearest came " in report.sentence
    left = {trial.name: trial.outcome.score for trial in report.trials if trial.outcome is not None}
    assert left["more_steps"] < left["as it is"]
    assert left["he_init"] < left["as it is"]
    assert min(left.values()) > 0.5  # of the variance
