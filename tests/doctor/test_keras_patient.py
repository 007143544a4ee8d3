"""A training in Keras as a patient: broken in one way, it is told which; what is seen of models; what a change does."""

import numpy as np
import pytest
from small_trainings import Few, curved, named_and_repaired, unit

from scratchdae.doctor.examination import examine_patient
from scratchdae.doctor.patient import CannotChange, Change, Noise, UsersError
from scratchdae.doctor.patients.kinds import is_keras
from scratchdae.doctor.remedies import REMEDIES

X = curved()
D = X.shape[1]
pytestmark = [
    pytest.mark.usefixtures("keras"),  # in single precision
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras' own, on torch
]
COMPILED = {}  # models that are compiled, for all tests


def patient_of(build, x, batch_size=32, step=None):
    from scratchdae.doctor.patients.keras import KerasPatient

    patient = KerasPatient(build, x, batch_size, step=step)
    patient.made = COMPILED
    return patient


def network(hidden="tanh", init="glorot_normal", out=None, lr=0.01, rule="Adam", bias=0.0, dead=0.0, l2=0.0, noise=0.0,
            wide=24, code=5):  # fmt: skip
    """Return the build of a small network; `bias` is that of the output at first, `dead` that of the code."""
    import keras
    from keras import layers

    def dense(units, activation, first=0.0):
        return layers.Dense(
            units, activation, kernel_initializer=keras.initializers.get(init),
            bias_initializer=keras.initializers.Constant(first),
            kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
        )  # fmt: skip

    def build(seed):
        first = [layers.GaussianNoise(noise)] if noise else []
        body = [dense(wide, hidden), dense(code, hidden, dead), dense(wide, hidden), dense(D, out, bias)]
        model = keras.Sequential([keras.Input((D,)), *first, *body])
        model.compile(getattr(keras.optimizers, rule)(lr), "mse")
        return model

    return build


DECOYS = (
    "lr_down",
    "lr_up",
    "he_init",
    "more_noise",
)  # tried everywhere, beside what repairs: nothing is compiled anew
BROKEN = {
    "rate too low": ({"lr": 1e-4}, X, {"F01"}, ()),
    "rate too high": ({"lr": 2.0}, X, {"F02", "F03"}, ()),
    "output saturated": (
        {"out": "sigmoid", "bias": -30.0}, unit(X), {"F15"}, ("output_bias_to_mean", "smaller_init", "logits_loss"),
    ),
    "output out of reach": ({"out": "sigmoid"}, X, {"F14"}, ("linear_output", "scale_to_unit")),
    "weights too small": ({"init": {"class_name": "RandomNormal", "config": {"stddev": 1e-6}}}, X, {"F09"}, ()),
    "dead rectifiers": ({"hidden": "relu", "dead": -30.0, "init": "he_normal"}, X, {"F13"}, ("leaky_relu",)),
    "noise too strong": ({"noise": 0.75}, X / 4, {"F17"}, ("less_noise",)),
    "a strong penalty": ({"l2": 0.3}, X, {"F24"}, ("less_l2",)),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_training_is_named_and_repaired(name):
    options, x, accepted, repairs = BROKEN[name]
    named_and_repaired(Few(patient_of(network(**options), x), (*DECOYS, *repairs)), 100, accepted)


def test_a_copier_is_named():
    few = Few(patient_of(network(wide=48, code=48, lr=0.003), curved(k=2)), ("more_noise",))
    named_and_repaired(few, 200, {"F18", "F20"})


def test_a_healthy_training_is_healthy():
    report = examine_patient(Few(patient_of(network(), X), DECOYS), 150, 0, 600)
    assert report.verdict in ("healthy", "at_floor"), str(report)
    assert report.score < 0.1


def test_the_same_seed_gives_the_same_numbers_and_global_state_is_put_back():
    patient = patient_of(network(noise=0.1), X)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, two, other = (patient.train(seed, 10, (), Noise("gaussian", 0.1)) for seed in (0, 0, 1))
    assert np.array_equal(one.loss, two.loss)
    assert one.score == two.score
    assert not np.array_equal(one.loss, other.loss)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# ------------------------------------------------------------------ what is seen
def nested(keras):
    """A convolutional autoencoder of two models, as tutorials have it."""
    from keras import layers as kl

    def build(seed):
        encoder = keras.Sequential([
            keras.Input((8, 8, 1)), kl.Conv2D(4, 3, padding="same", activation="relu"), kl.MaxPooling2D(),
            kl.Conv2D(2, 3, padding="same"), kl.LeakyReLU(0.2), kl.MaxPooling2D(),
        ])  # fmt: skip
        code = keras.Input((2, 2, 2))
        h = kl.UpSampling2D()(kl.Conv2DTranspose(4, 3, padding="same", activation="relu")(code))
        z = kl.Conv2D(1, 3, padding="same", activation="sigmoid")(kl.UpSampling2D()(h))
        given = keras.Input((8, 8, 1))
        model = keras.Model(given, keras.Model(code, z)(encoder(given)))
        model.compile("adam", keras.losses.BinaryCrossentropy())
        return model

    return build


def recurrent(keras):
    """An LSTM autoencoder."""
    from keras import layers as kl

    def build(seed):
        model = keras.Sequential([
            keras.Input((6, 2)), kl.LSTM(5), kl.RepeatVector(6), kl.LSTM(8, return_sequences=True),
            kl.TimeDistributed(kl.Dense(2)),
        ])  # fmt: skip
        model.compile(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)), "mae")
        return model

    return build


def test_what_is_seen_of_models_inside_models(keras):
    seen = patient_of(nested(keras), unit(curved(40, 64)).reshape(40, 8, 8, 1), 8).anatomy(0)
    assert seen.layers == ("conv2d", "conv2d", "conv_transpose2d", "conv2d")
    assert seen.hidden == ("relu", "leaky_relu", "relu")
    assert (seen.output, seen.loss, seen.code, seen.optimizer) == ("sigmoid", "cross_entropy", 8, "Adam")
    assert seen.scale == pytest.approx(1, abs=1e-3)
    seen = patient_of(recurrent(keras), curved(40).reshape(40, 6, 2), 8).anatomy(0)
    assert (seen.layers, seen.code, seen.loss) == (("lstm", "lstm", "linear"), 5, "absolute_error")


def test_mistakes_are_facts(keras):
    def build(seed):
        model = network(out="sigmoid")(seed)
        model.layers[0].trainable = False
        model.compile(keras.optimizers.SGD(0.1, clipnorm=1e-6), keras.losses.BinaryCrossentropy(from_logits=True))
        return model

    patient = patient_of(build, unit(X))
    seen = patient.anatomy(0)
    assert {fact.cause for fact in seen.facts} == {"C02", "C05", "C06"}
    assert patient.train(0, 3, (Change("fix_backward"),)).finite


def begun(patient, *names):
    """Return a training with changes before its first step: what would be done otherwise."""
    from scratchdae.doctor.patients.keras_trainee import Trainee

    trainee = Trainee(patient, 0, [Change(name) for name in names])
    trainee.begin()
    return trainee


def told(trainee):
    """Return all by which trainings can differ before their first step."""
    numbers = (trainee.size, trainee.rate, trainee.extra_noise, trainee.noise_left, trainee.clean_target, trainee.loss)
    arrays = [value.tobytes() for value in (trainee.x, *(v.numpy() for v in trainee.model.trainable_variables))]
    return numbers, arrays, trainee.plan.key()


@pytest.mark.parametrize("make", [nested, recurrent])
def test_changes_of_the_structure_are_made(keras, make):
    x = unit(curved(40, 64)).reshape(40, 8, 8, 1) if make is nested else curved(40).reshape(40, 6, 2)
    patient = patient_of(make(keras), x, 8)
    base = told(begun(patient))
    for name in ("fewer_pools", "leaky_relu", "narrow_code") if make is nested else ("widen_code", "lr_up", "he_init"):
        changed = begun(patient, name)
        assert told(changed) != base, name
        assert changed.model.output_shape[1:] == x.shape[1:]
        assert np.isfinite(changed.reconstruct(patient.x[:4])).all()


def test_every_change_changes_something_or_says_why_not():
    patient = patient_of(network(noise=0.1, l2=1e-3, out="sigmoid", lr=0.1, rule="SGD"), unit(X))
    patient.anatomy(0)
    base, unused = told(begun(patient)), {}
    for name in REMEDIES:
        assert patient.lines(Change(name))
        try:
            changed = begun(patient, name)
        except CannotChange as why:
            unused[name] = str(why)
            continue
        if name not in ("more_steps", "smaller_init"):  # of steps, and of what is small already
            assert told(changed) != base, name
    assert all(len(why) > 10 for why in unused.values())
    assert set(unused) == {
        "zero_grad", "clean_target", "sigmoid_output", "leaky_relu", "add_nonlinearity", "fewer_pools", "fix_backward",
        "more_data_or_regularise", "fewer_examples", "other_data", "none",
    }  # fmt: skip


def test_a_step_of_ones_own_is_seen_and_its_noise_changed():
    rng = np.random.default_rng(0)

    def step(model, batch):
        noisy = batch + rng.normal(0, 0.3, batch.shape)
        return model.train_on_batch(noisy.astype("float32"), noisy.astype("float32"))

    patient = patient_of(network(), X, step=step)
    seen = patient.anatomy(0)
    assert seen.noise.kind == "gaussian"
    assert seen.noise.level == pytest.approx(0.3, rel=0.15)
    assert {fact.cause for fact in seen.facts} == {"F24"}  # the target is noisy too
    noisy, clean = patient.train(0, 60), patient.train(0, 60, (Change("clean_target"), Change("less_noise", 100)))
    assert clean.loss[-10:].mean() < 0.7 * noisy.loss[-10:].mean()


def test_a_model_of_a_subclass_trains_as_it_is_and_says_what_cannot_be_changed(keras):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.inside, self.out = keras.layers.Dense(4, "relu"), keras.layers.Dense(D)

        def call(self, x):
            return self.out(self.inside(x))

    def build(seed):
        model = Own()
        model.compile("adam", "mse")
        assert is_keras(model)
        return model

    patient = patient_of(build, X)
    assert "not declared" in patient.anatomy(0).unseen[0]
    assert patient.train(0, 3, (Change("lr_up"),)).finite
    with pytest.raises(CannotChange, match="not declared"):
        patient.train(0, 3, (Change("leaky_relu"),))


def test_a_build_that_does_not_fit_is_the_users_error(keras):
    with pytest.raises(UsersError, match="build must return a compiled Keras model"):
        patient_of(lambda seed: keras.Sequential([keras.layers.Dense(D)]), X).anatomy(0)
    with pytest.raises(UsersError, match="ZeroDivisionError"):
        patient_of(lambda seed: 1 / 0, X).anatomy(0)
