"""Every arrow of the index by symptom has a training that shows the symptom, and whose measurements take that arrow.

The index is the lists of steps in chapters/README.md. `index_steps` makes them with the library's own functions, on the
trainings of `index_trainings`.
"""

import index_trainings as of
import numpy as np
import pytest
from index_patients import flat, gain, logit_loss
from index_steps import STEPS, clipped, first_with_an_arrow, fresh
from test_chapter_index import ARROW, SYMPTOMS


def spread(values):
    """The standard deviation over the examples, in the mean over columns."""
    return flat(values).std(axis=0).mean()


def reported_at_first(p):
    """The first loss, as a library that clips reports it."""
    return min(p.run.losses[0], clipped(p)) if p.loss == "cross_entropy" else p.run.losses[0]


def unlike(brought):
    """Whether the report and the pictures tell two stories: the number is small and they are bad, or the reverse."""
    p = brought.patient
    bad = np.square(p.answers - brought.clean).mean() / brought.clean.var(axis=0).mean()
    hidden = p.loss == "cross_entropy" and logit_loss(p) > 1.5 * brought.reported
    return hidden or (bad > 0.3 and brought.reported < 0.05) or (bad < 0.1 and brought.reported > 0.3)


SHOWS = {
    "The loss is flat from the first step": lambda p: abs(p.final / p.run.losses[0] - 1) < 0.01,
    "The loss falls, then is flat below the constant": lambda p: 0.01 < p.share < 0.99,
    "The loss stays at the constant: every answer is the mean": lambda p: abs(p.share - 1) < 0.05,
    "The loss stays above the constant": lambda p: p.share > 1.05,
    "A sequence network (LSTM) stays at the mean": lambda p: abs(p.share - 1) < 0.1,
    "The loss reaches 0.5 and stops": lambda p: 0.45 < p.final < 0.75,
    "The loss oscillates": lambda p: np.sum(np.diff(np.sign(np.diff(p.run.losses))) != 0) >= 4,
    "The loss is NaN from the first batch": lambda p: not np.isfinite(p.build().loss(p.build().params, p.x, p.t)),
    "The loss becomes NaN later": lambda p: np.isfinite(p.run.losses[0]) and not p.run.finite,
    "The picture is all black or all white": lambda p: max((p.answers < 0.02).mean(), (p.answers > 0.98).mean()) > 0.95,
    "The picture is grey, or the same for every input": lambda p: spread(p.answers) < 0.7 * spread(p.t),
    "The picture is blurred or coarse": lambda p: 0.01 < p.share < 0.9,
    "Perfect in training, useless after": lambda p: p.share < 1e-6,
    "The loss falls, but very slowly": lambda p: p.final < p.run.losses[0] and p.share > 0.05,
    "The first loss is huge": lambda p: reported_at_first(p) > 5,
    "The first loss is tiny already": lambda p: p.run.losses[0] < 1e-3,
    "The loss is negative": lambda p: p.reported < 0,
    "Validation loss is below training loss": lambda brought: brought.validation[-1] < brought.training[-1],
    "Training is fine, the clean evaluation is bad": lambda brought: brought.bad > 3 * brought.patient.final,
    "The loss looks excellent, the pictures do not (or the other way round)": unlike,
    "It removes no noise": lambda p: gain(p) > 0.9,
    "It removes noise and everything else": lambda p: np.square(p.answers - p.t).mean() > 0.2 * p.t.var(axis=0).mean(),
    "It trained yesterday, today it does not": lambda p: np.ptp([run.share for run in fresh(p)]) > 0.05,
}  # the other symptoms are what their first measurement says


CASES = {
    "The loss is flat from the first step": {
        (1, "12"): of.out_of_range,
        (2, "09"): of.at_the_entropy,
        (3, "25"): of.killed,
        (3, "13"): of.black,
        (4, "22"): of.faint,
        (4, "23"): of.sigmoids,
        (5, "17"): of.slow,
    },
    "The loss falls, then is flat below the constant": {
        (1, "09"): of.at_the_entropy,
        (2, "12"): of.out_of_range_signed,
        (3, "06"): lambda: of.denoising(0.5),
        (4, "08"): of.pooled,
        (5, "05"): of.incompressible,
        (5, "14"): of.deep_linear,
        (5, "07"): of.narrow,
        (6, "18"): of.stopped,
        (6, "04"): of.on_its_way,
    },
    "The loss stays at the constant: every answer is the mean": {
        (1, "12"): of.faint_range,
        (2, "05"): of.incompressible_at_the_constant,
        (2, "06"): lambda: of.denoising(20.0),
        (3, "35"): of.penalised,
        (3, "25"): of.killed,
        (4, "22"): of.faint,
        (4, "23"): of.sigmoids,
        (5, "19"): of.hardly_varying,
        (6, "17"): of.slow_from_the_mean,
        (6, "18"): of.before_the_saddle,
    },
    "The loss stays above the constant": {
        (1, "12"): of.out_of_range,
        (2, "13"): of.black,
        (3, "11"): of.tanh_on_grey_levels,
        (5, "17"): of.slow,
        (4, "19"): of.hardly_varying_at_first,
    },
    "A sequence network (LSTM) stays at the mean": {
        (1, "24"): of.exploded_sequence,
        (2, "17"): of.slow_sequence,
        (3, "18"): of.short_sequence,
    },
    "The loss reaches 0.5 and stops": {
        (1, "09"): of.at_the_entropy,
        (1, "17"): of.slow_coin,
        (2, "12"): of.out_of_range_signed,
    },
    "The loss oscillates": {(1, "21"): of.never_zeroed, (2, "20"): of.noisy_batches, (3, "17"): of.too_fast},
    "The loss is NaN from the first batch": {
        (1, "11"): of.nan_in_the_data,
        (2, "22"): of.overflowing,
        (3, "16"): of.rounded,
    },
    "The loss becomes NaN later": {
        (1, "16"): of.rounded_later,
        (2, "24"): of.long_sequence,
        (3, "17"): of.diverging,
        (3, "11"): of.diverging_unscaled,
    },
    "The picture is all black or all white": {
        (1, "11"): of.scaled_twice,
        (2, "25"): lambda: of.rectified(hidden=True),
        (2, "12"): of.rectified,
        (3, "12"): of.out_of_range,
        (3, "13"): of.black,
    },
    "The picture is grey, or the same for every input": {
        (1, "25"): of.killed,
        (2, "22"): of.faint,
        (2, "23"): of.sigmoids,
        (3, "19"): of.hardly_varying,
        (4, "05"): of.incompressible_at_the_constant,
        (4, "18"): of.stopped,
    },
    "The picture is blurred or coarse": {
        (1, "08"): of.pooled,
        (2, "18"): of.stopped,
        (3, "06"): of.noisy_copy,
        (4, "07"): of.narrow,
        (4, "14"): of.deep_linear,
    },
    "Perfect in training, useless after": {
        (1, "10"): of.memorised,
        (2, "15"): of.own_noise,
        (3, "07"): lambda: of.copying(10),
        (3, "02"): lambda: of.copying(20),
    },
    "The loss falls, but very slowly": {
        (1, "26"): of.wrong_backward,
        (2, "11"): of.tanh_on_grey_levels,
        (2, "19"): of.hardly_varying_at_first,
        (3, "17"): of.slow,
        (4, "19"): of.crawling,
        (5, "20"): of.large_batches,
        (5, "18"): of.long_way,
    },
    "The first loss is huge": {
        (1, "04"): of.summed,
        (2, "11"): of.tanh_on_grey_levels,
        (3, "16"): of.sure_and_wrong,
        (4, "22"): of.overflowing_mildly,
    },
    "The first loss is tiny already": {(1, "11"): of.scaled_twice, (2, "04"): of.small_units},
    "The loss is negative": {(1, "12"): of.signed_cross_entropy, (1, "11"): of.grey_level_cross_entropy},
    "Validation loss is below training loss": {(1, "15"): of.dropout, (2, "18"): of.first_epochs},
    "The loss differs between a framework and your own": {
        (1, "31"): lambda: of.Other(adapter=of.MeanOverAll()),
        (2, "04"): lambda: of.Other(factor=6.0),
        (2, "16"): lambda: of.Other(clip=True),
        (3, "26"): lambda: of.Other(wrong=True),
        (3, "01"): lambda: of.Other(wrong=True),
        (4, "17"): lambda: of.Other(rule=of.KERAS),
    },
    "The loss stalls while the gradients are large": {
        (1, "26"): of.wrong_backward,
        (1, "01"): of.wrong_backward,
        (2, "17"): of.jumping,
    },
    "Training is fine, the clean evaluation is bad": {
        (1, "34"): of.lagging,
        (2, "10"): of.bad_on_new,
        (2, "15"): of.left_in_training,
        (2, "02"): of.noisy_comes_back_noisy,
        (3, "06"): of.never_shown_clean,
    },
    "The loss looks excellent, the pictures do not (or the other way round)": {
        (1, "16"): of.clip_hides,
        (2, "15"): of.own_noise_report,
        (3, "09"): of.solved,
        (3, "04"): of.small_units_report,
    },
    "It removes no noise": {
        (1, "06"): lambda: of.copying(20, 0.01),
        (2, "07"): lambda: of.copying(10),
        (2, "02"): lambda: of.copying(20),
    },
    "It removes noise and everything else": {(1, "06"): lambda: of.denoising(20.0), (2, "07"): of.ignored},
    "Hidden units are all alike, or most are never active": {
        (1, "22"): of.alike,
        (2, "25"): of.mostly_dead,
        (3, "07"): lambda: of.copying(20),
    },
    "It trained yesterday, today it does not": {
        (1, "24"): of.sometimes_explodes,
        (2, "25"): of.sometimes_dead,
        (3, "27"): of.scattered,
    },
    "The settings that won the search are no good": {
        (1, "05"): of.hopeless_map,
        (2, "06"): of.noise_map,
        (3, "27"): of.luck_map,
    },
    "The filters look like static, or each is one white dot": {
        (1, "22"): of.alike,
        (2, "02"): of.static,
        (3, "28"): of.texture,
    },
    "Pretrained features classify no better than random ones": {
        (1, "10"): lambda: of.Features(memorises=True),
        (2, "29"): of.Features,
        (2, "28"): lambda: of.Features(tell=False),
    },
    "More layers make the classifier worse": {(1, "23"): of.deep_classifier, (2, "30"): of.overfitting_classifier},
    "An epoch takes too long": {
        (1, "33"): lambda: of.Timed(1),
        (1, "20"): lambda: of.Timed(1),
        (2, "18"): lambda: of.Timed(256, of.stopped()),
    },
    "None of these, or several at once": {(1, "32"): lambda: of.ask_the_doctor},
}

ARROWS = {
    symptom: {(number, chapter) for number, step in enumerate(steps, 1) for chapter in ARROW.findall(step)}
    for symptom, steps in SYMPTOMS.items()
}


def test_no_arrow_is_without_its_training_and_no_step_without_its_measurement():
    assert {symptom: set(cases) for symptom, cases in CASES.items()} == ARROWS
    assert {symptom: len(steps) for symptom, steps in STEPS.items()} == {s: len(steps) for s, steps in SYMPTOMS.items()}


@pytest.mark.parametrize(
    ("symptom", "number", "chapter"),
    [
        pytest.param(symptom, *arrow, id=f"{symptom[:40]}: {arrow[0]} → {arrow[1]}")
        for symptom, cases in CASES.items()
        for arrow in cases
    ],
)
def test_the_measurements_lead_to_the_chapter(symptom, number, chapter):
    brought = CASES[symptom][number, chapter]()
    with np.errstate(all="ignore"):  # some of them overflow
        assert SHOWS.get(symptom, bool)(brought), "it does not show the symptom"
        found, chapters = first_with_an_arrow(symptom, brought)
    assert found == number
    assert chapter in chapters
