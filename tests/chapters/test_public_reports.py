"""Ten trainings of the kinds that people report, rebuilt in a few lines, and where the index by symptom must lead.

Each is brought with the row that its reporter would look up, and begins with ordinary first weights. What was posted
without its data has data here that are made in the same way; sizes are smaller where nothing depends on them.
"""

import numpy as np
import pytest
from index_patients import ADAM, Patient, standardised
from index_steps import first_with_an_arrow
from index_trainings import watched
from test_index_arrows import SHOWS

from scratchdae import posted
from scratchdae.datasets import digits, redundant_columns, to_float, uniform
from scratchdae.layers import Dense, Dropout, ReLU, Sigmoid

BATCHES = ADAM | {"batch_size": 32}  # as Keras has them, if nothing is said


def mixtures(n, d, k, seed=0):
    """Draw standardised columns that k hidden ones tell."""
    rng = np.random.default_rng(seed)
    return standardised(rng.standard_normal((n, k)) @ rng.standard_normal((k, d)))


def sigmoid_stack():
    """784-100-50-100-784, a sigmoid after every layer, cross-entropy, Adam: the same grey digit for every input."""
    x = to_float(digits().x_train[:300]).reshape(300, 784)
    layers = [layer for units in (100, 50, 100, 784) for layer in (Dense(units), Sigmoid())]
    return Patient(tuple(layers), x, 10, 1e-3, loss="cross_entropy", options=BATCHES)


def standardised_under_a_sigmoid():
    """Thirty standardised features, the sigmoid of the tutorial at the output: a loss of about 0.6."""
    x = mixtures(400, 30, 6)
    return Patient((Dense(16), ReLU(), Dense(30), Sigmoid()), x, 60, 1e-3, options=BATCHES)


def columns_about_a_number():
    """84 columns, all near 1.109, which differ in the third digit: the loss is 1e-4, every answer is the same."""
    x = 1.109 + 0.01 * mixtures(400, 84, 6)
    return Patient((Dense(32), ReLU(), Dense(84)), x, 30, 1e-3, options=BATCHES)


def rectified_output():
    """Signed data, a rectifier at the output: zeros."""
    x = 2 * redundant_columns(300, 20, 4, np.random.default_rng(0))[0] - 1.6
    return Patient((Dense(16), ReLU(), Dense(20), ReLU()), x, 30, 1e-3, options=BATCHES)


def cepstral_coefficients():
    """143 columns (13 coefficients of 11 frames), as they come, a sigmoid at the output: a loss of about 54."""
    x = 7.5 * mixtures(400, 143, 20) - 1.5
    return Patient((Dense(64), ReLU(), Dense(143), Sigmoid()), x, 30, 1e-3, options=BATCHES)


def grey_levels_under_a_cross_entropy():
    """Grey levels in [0, 1] under a cross-entropy, at 0.56 where the constant is at 0.69: the pictures are good."""
    x = 1 / (1 + np.exp(-1.3 * mixtures(400, 12, 3)))
    return Patient((Dense(16), ReLU(), Dense(12), Sigmoid()), x, 100, 1e-2, loss="cross_entropy", options=BATCHES)


def noise_pictures():
    """Q3b of `scratchdae.posted`, in small: pictures of independent pixels, a code of 8."""
    x = uniform(300, 192, np.random.default_rng(3)).reshape(-1, 8, 8, 3)
    return Patient(tuple(posted.NETWORKS["q3b"].layers(side=8, width=4)), x, 15, 1e-3, options=BATCHES)


def recurrent_at_a_millionth():
    """Q1c of `scratchdae.posted`, in small: Adam at 1e-6."""
    network = posted.NETWORKS["q1c"]
    fed, clean = (part[:40, :10] for part in network.data(60))
    layers = tuple(network.layers(units=8, steps=10))
    return Patient(layers, fed - 0.5, 20, network.training.lr, target=clean - 0.5, options=BATCHES)


def convolutional_and_black():
    """Q2a of `scratchdae.posted`, on digits of 16×16."""
    x = np.pad(to_float(digits().x_train[:40]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)), ((0, 0), (1, 1), (1, 1)))
    layers = tuple(posted.NETWORKS["q2a"].layers())
    return Patient(layers, x[..., None], 8, 1e-3, options=ADAM | {"batch_size": 4}, dtype=np.float32)


def worse_in_training():
    """Dropout: the validation loss lies below the training loss from the first epoch to the last."""
    return watched([Dense(40), ReLU(), Dropout(0.3), Dense(10)], 60, 0.01)


AT = "The loss stays at the constant: every answer is the mean"
BELOW = "The loss falls, then is flat below the constant"
GREY, BLACK = "The picture is grey, or the same for every input", "The picture is all black or all white"
REPORTS = [
    (sigmoid_stack, AT, "23"),
    (sigmoid_stack, GREY, "23"),
    (standardised_under_a_sigmoid, BELOW, "12"),
    (standardised_under_a_sigmoid, "The loss reaches 0.5 and stops", "12"),
    (columns_about_a_number, "The loss stays above the constant", "19"),
    (columns_about_a_number, GREY, "19"),
    (rectified_output, BLACK, "12"),
    (cepstral_coefficients, BELOW, "12"),
    (grey_levels_under_a_cross_entropy, "The loss reaches 0.5 and stops", "09"),
    (noise_pictures, AT, "05"),
    (recurrent_at_a_millionth, "A sequence network (LSTM) stays at the mean", "17"),
    (convolutional_and_black, BLACK, "13"),
    (worse_in_training, "Validation loss is below training loss", "15"),
]


@pytest.mark.parametrize(("report", "symptom", "chapter"), REPORTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_report_is_led_to_its_cause(report, symptom, chapter):
    brought = report()
    assert SHOWS[symptom](brought), "it does not show the symptom"
    _, chapters = first_with_an_arrow(symptom, brought)
    assert chapters == {chapter}
