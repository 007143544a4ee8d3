"""A training of scratchdae's own as a patient: broken in one way, it is told which; and runs in folders."""

import dataclasses

import numpy as np
import pytest
from small_trainings import Few, curved, named_and_repaired, unit

from scratchdae import DenoisingAutoencoder, Sequential, fit
from scratchdae.corruption import Corruption
from scratchdae.doctor.examination import examine_patient
from scratchdae.doctor.patient import CannotChange, Change, Noise, UsersError
from scratchdae.doctor.patients.kinds import is_keras, is_scratch
from scratchdae.doctor.patients.scratch import patient_of
from scratchdae.doctor.patients.scratch_run import optimizer_of, patient_of_run
from scratchdae.doctor.remedies import REMEDIES
from scratchdae.layers import Conv2D, Dense, Dropout, GaussianNoise, MaxPool2D, ReLU, Sigmoid, Tanh, UpSampling2D
from scratchdae.optimizers import SGD, Adadelta, Adam, Clipped
from scratchdae.schedules import Linear
from scratchdae.training import Training
from scratchdae.training.generators import streams

X = curved()
D = X.shape[1]


def network(hidden=ReLU, init="he_normal", last="glorot_uniform", code=5, wide=24, end=(), bias=None, **training):
    """Return the build of a small network; `bias` is added to those of a layer by its name."""
    loss = training.pop("loss", "squared_error")
    options = {"epochs": 10, "lr": 0.01, "batch_size": 32, "optimizer": Adam(), **training}

    def build(seed):
        layers = [Dense(wide, init), hidden(), Dense(code, init), hidden(), Dense(wide, init), hidden(), Dense(D, last)]
        model = Sequential([*layers, *end], (D,), np.random.default_rng(seed), loss=loss)
        for name, value in (bias or {}).items():
            model.params[f"{name}.b"] += value
        return model, Training(**options)

    return build


DECOYS = ("lr_down", "lr_up", "he_init", "more_noise")  # tried everywhere, beside what repairs
BROKEN = {
    "rate too low": (network(lr=1e-4), X, {"F01"}, ()),
    "rate too high": (network(lr=8.0, optimizer=SGD(), hidden=Tanh), X, {"F02", "F03"}, ("clip_gradient",)),
    "output saturated": (
        network(hidden=Tanh, end=(Sigmoid(),), bias={"dense_4": -30}), unit(X), {"F15"},
        ("logits_loss", "output_bias_to_mean", "linear_output", "smaller_init"),
    ),
    "output out of reach": (network(end=(Sigmoid(),)), X, {"F14"}, ("linear_output", "scale_to_unit")),
    "weights too small": (network(hidden=Tanh, init="normal(1e-6)", last="normal(1e-6)"), X, {"F09"}, ("adam",)),
    "dead rectifiers": (network(bias={"dense_2": -30}), X, {"F13"}, ("leaky_relu", "smaller_init")),
    "noise too strong": (network(corruption=Corruption("gaussian", 3.0)), X, {"F17"}, ("less_noise",)),
    "a strong penalty": (network(l2=0.3), X, {"F24"}, ("less_l2",)),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_training_is_named_and_repaired(name):
    build, x, accepted, repairs = BROKEN[name]
    named_and_repaired(Few(patient_of(build, x), (*DECOYS, *repairs)), 120, accepted)


def test_a_copier_is_named():
    x = curved(d=12, k=2)
    build = network(code=48, wide=48, hidden=Tanh, init="lecun_normal", lr=0.003)
    few = Few(patient_of(build, x), ("more_noise", "narrow_code"))
    named_and_repaired(few, 300, {"F18", "F20"})


def test_a_healthy_training_is_healthy():
    report = examine_patient(Few(patient_of(network(), X), (*DECOYS, "more_steps")), 200, 0, 600)
    assert report.verdict in ("healthy", "at_floor"), str(report)
    assert report.score < 0.1


def test_the_same_seed_gives_the_same_numbers():
    patient = patient_of(network(corruption=Corruption("masking", 0.2)), X)
    one, two, other = (patient.train(seed, 20, (), Noise("gaussian", 0.1)) for seed in (0, 0, 1))
    assert np.array_equal(one.loss, two.loss)
    assert one.score == two.score
    assert not np.array_equal(one.loss, other.loss)


def everything(seed):
    """A network with something in it for every change."""
    layers = [
        GaussianNoise(0.1), Conv2D(3), ReLU(), MaxPool2D(), Conv2D(2), Tanh(), MaxPool2D(), Conv2D(2), UpSampling2D(),
        Conv2D(3, init_W="normal(2.0)"), ReLU(), UpSampling2D(), Dropout(0.5), Conv2D(1), Sigmoid(),
    ]  # fmt: skip
    model = Sequential(layers, (8, 8, 1), np.random.default_rng(seed))
    return model, Training(
        5,
        Linear(0.5, 0.0, 5),
        8,
        Clipped(SGD(momentum=0.9), max_norm=10.0),
        Corruption("masking", 0.2),
        l2=0.01,
        backend="numpy",
    )


def paper(seed):
    """The paper's model."""
    model = DenoisingAutoencoder(D, 4, streams(seed).initialisation, loss="squared_error", output="sigmoid")
    return model, Training(5, 0.1, 16, backend="numpy")


@pytest.mark.parametrize(
    ("build", "x"),
    [(everything, unit(curved(60, 64)).reshape(60, 8, 8, 1)), (paper, unit(X)), (network(), X)],
    ids=["convolutions", "the paper's", "dense"],
)
def test_every_change_changes_something_or_says_why_not(build, x):
    patient = patient_of(build, x)
    base, made, unused = patient.train(0, 4), [], []
    assert base.finite
    for name in REMEDIES:
        change = Change(name)
        assert patient.lines(change)
        try:
            outcome = patient.train(0, 4, (change,))
        except CannotChange as why:
            unused.append(str(why))
            continue
        made.append(name)
        if name not in ("more_steps", "smaller_init", "clip_gradient"):  # of steps, and of what is small already
            assert not np.array_equal(outcome.loss, base.loss) or outcome.score != base.score, name
    assert all(len(why) > 10 for why in unused)
    assert {"lr_up", "adam", "he_init", "more_noise", "narrow_code"} <= set(made)
    if build is everything:
        assert {"fewer_pools", "less_noise", "less_l2", "linear_output", "logits_loss", "fix_backward"} <= set(made)


def test_what_is_seen_of_a_training():
    seen = patient_of(everything, unit(curved(60, 64)).reshape(60, 8, 8, 1)).anatomy(0)
    assert seen.hidden == ("relu", "tanh", "relu")
    assert (seen.output, seen.loss, seen.scale, seen.code) == ("sigmoid", "squared_error", 1.0, 8)
    assert seen.noise == Noise("masking", 0.2)
    assert {fact.cause for fact in seen.facts} == {"C08"}
    seen = patient_of(paper, unit(X)).anatomy(0)
    assert (seen.layers, seen.code, seen.scale, seen.optimizer) == (("linear", "linear"), 4, D, "SGD")


def test_mistakes_of_a_training_are_facts():
    zero = patient_of(network(init="normal(1e-9)", optimizer=Clipped(SGD(), max_norm=1e-4)), X).anatomy(0)
    assert "C06" in {fact.cause for fact in zero.facts}
    nothing = patient_of(network(init="zeros"), X).anatomy(0)
    assert "F09" in {fact.cause for fact in nothing.facts}


def test_a_build_that_does_not_fit_is_the_users_error():
    with pytest.raises(UsersError, match=r"build must return \(model, Training\)"):
        patient_of(lambda seed: network()(seed)[0], X)
    with pytest.raises(UsersError, match="ZeroDivisionError"):
        patient_of(lambda seed: 1 / 0, X)
    with pytest.raises(UsersError, match=r"target must lie in \[0, 1\]|\[0, 1\]"):
        patient_of(network(end=(Sigmoid(),), loss="cross_entropy"), X).anatomy(0)


def test_the_models_kind_is_told_without_importing_a_framework():
    model, _ = paper(0)
    assert is_scratch(model)
    assert not is_keras(model)


# ------------------------------------------------------------------ a run in its folder
def test_a_run_is_begun_anew_from_its_folder(tmp_path):
    model, training = network(corruption=Corruption("gaussian", 0.1), l2=1e-4, seed=3)(3)
    fit(model, X[:320], training=training, validation=X[320:], out=tmp_path, progress=False)
    patient, steps, seed = patient_of_run(tmp_path, data=X)
    assert (steps, seed, patient.batch_size) == (100, 3, 32)
    assert len(patient.x) == 320
    assert len(patient.held_out) == 80
    again, described = patient.build(3)
    assert again.config == model.config
    assert dataclasses.replace(described, seed=3, backend=training.backend) == training
    assert patient.train(seed, 10).finite


def test_a_run_on_the_embedded_digits_finds_them(tmp_path):
    from scratchdae.datasets import digits

    x = digits().x_train.reshape(-1, 784)[:200]
    model = DenoisingAutoencoder(784, 8, streams(0).initialisation)
    fit(model, x, epochs=2, lr=0.1, out=tmp_path, progress=False, backend="numpy")
    patient, steps, _ = patient_of_run(tmp_path)
    assert steps == 20
    assert len(patient.x) + len(patient.held_out) == 200
    assert patient.anatomy(0).unseen  # by which rule the first weights were drawn


def test_data_that_cannot_be_found_again_are_asked_for(tmp_path):
    model, training = network(epochs=1)(0)
    fit(model, X, training=training, out=tmp_path, progress=False)
    with pytest.raises(ValueError, match="give them as data="):
        patient_of_run(tmp_path)
    with pytest.raises(ValueError, match=r"data must have examples of shape \(12,\)"):
        patient_of_run(tmp_path, data=X[:, :5])
    with pytest.raises(ValueError, match="must be the folder of a run"):
        patient_of_run(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "rule", [SGD(momentum=0.9), Adam(), Adadelta.of("keras"), Clipped(SGD(), max_norm=1.0)], ids=str
)
def test_an_update_rule_is_read_from_the_form_in_which_it_prints(rule):
    assert optimizer_of(str(rule)) == rule


@pytest.mark.parametrize("text", ["SGD", "__import__('os')", "Other()", "SGD(momentum=open('x'))"])
def test_another_text_is_no_update_rule(text):
    with pytest.raises(ValueError, match="optimizer must be one of"):
        optimizer_of(text)
