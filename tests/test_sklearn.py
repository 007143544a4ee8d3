"""The estimators are scikit-learn's in every convention, and train what the package's own functions train."""

import io
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from optional_packages import require

sklearn = require("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

import scratchdae  # noqa: E402
from scratchdae import optimizers, schedules  # noqa: E402
from scratchdae.models.stack import codes  # noqa: E402
from scratchdae.sklearn import (  # noqa: E402
    DenoisingAutoencoder,
    StackedDenoisingAutoencoder,
    StackedDenoisingClassifier,
)

ALL = (DenoisingAutoencoder, StackedDenoisingAutoencoder, StackedDenoisingClassifier)
X, Y = load_digits(return_X_y=True)
X = X[:400] / 16
Y = Y[:400]
QUICK = {"max_iter": 3, "random_state": 0, "backend": "numpy"}
small = DenoisingAutoencoder(12, **QUICK)
stack = StackedDenoisingAutoencoder((12, 7), **QUICK)
classifier = StackedDenoisingClassifier((30, 20), pretraining_max_iter=3, **QUICK | {"max_iter": 30})


@pytest.mark.parametrize("kind", ALL)
def test_every_check_of_scikit_learn_passes(kind):
    """Without exception; scikit-learn itself skips what needs an array API that is not asked for."""
    if not hasattr(sklearn.utils, "Tags"):  # below 1.6
        for estimator, check in check_estimator(kind(), generate_only=True):
            check(estimator)
        return
    found = check_estimator(kind(), on_fail=None, on_skip=None)
    refused = {one["check_name"]: one["exception"] for one in found if one["status"] not in ("passed", "skipped")}
    assert refused == {}
    assert {one["check_name"] for one in found if one["status"] == "skipped"} <= {"check_array_api_input"}


def test_it_trains_what_fit_trains():
    found = clone(small).fit(X)
    (layer,), (history,) = scratchdae.pretrain(
        X,
        [scratchdae.LayerSpec(12, nu=0.3, lr=0.05, epochs=3)],
        seed=np.random.RandomState(0).randint(2**31 - 1),
        dtype=X.dtype,
        backend="numpy",
        progress=False,
    )
    assert found.loss_curve_ == history["loss"].tolist()
    for name, value in layer.params.items():
        np.testing.assert_array_equal(found.model_.params[name], value)
    np.testing.assert_array_equal(found.components_, layer.params["W"].T)
    np.testing.assert_array_equal(found.transform(X), layer.encode(X))
    np.testing.assert_allclose(found.inverse_transform(found.transform(X)), layer.reconstruct(X), rtol=1e-12)


def test_a_stack_is_what_pretrain_trains():
    found = clone(stack).fit(X)
    specs = [scratchdae.LayerSpec(units, nu=0.3, lr=0.05, epochs=3) for units in (12, 7)]
    seed = np.random.RandomState(0).randint(2**31 - 1)
    layers, histories = scratchdae.pretrain(X, specs, seed=seed, dtype=X.dtype, backend="numpy", progress=False)
    np.testing.assert_array_equal(found.transform(X), codes(layers, X))
    assert found.loss_curve_ == [history["loss"].tolist() for history in histories]
    assert found.inverse_transform(found.transform(X)).shape == X.shape


def test_a_classifier_is_pretrain_and_finetune():
    found = clone(classifier).fit(X, Y)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    own = np.random.RandomState(seed).randint(2**31 - 1)
    specs = [scratchdae.LayerSpec(units, nu=0.3, lr=0.05, epochs=3) for units in (30, 20)]
    layers, _ = scratchdae.pretrain(X, specs, seed=own, dtype=X.dtype, backend="numpy", progress=False)
    options = {"epochs": 30, "lr": 0.1, "seed": seed, "backend": "numpy", "progress": False}
    network, history = scratchdae.finetune(layers, X, Y, classes=10, **options)
    assert found.loss_curve_ == history["loss"].tolist()
    np.testing.assert_array_equal(found.decision_function(X), network.predict(X))
    np.testing.assert_array_equal(found.predict(X), network.predict(X).argmax(axis=1))
    np.testing.assert_allclose(found.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.exp(found.predict_log_proba(X)), found.predict_proba(X), rtol=1e-10)
    assert found.score(X, Y) > 0.8


def test_labels_may_be_words():
    words = np.array(["nought", "one"])[(Y > 4).astype(int)]
    found = StackedDenoisingClassifier((20,), pretraining_max_iter=0, **QUICK | {"max_iter": 20}).fit(X, words)
    assert set(found.predict(X)) == {"nought", "one"}
    assert found.decision_function(X).shape == (400,)
    np.testing.assert_array_equal(found.decision_function(X) > 0, found.predict(X) == "one")
    with pytest.raises(ValueError, match="y must hold classes of \\['nought', 'one'\\], found \\['two'\\]"):
        found.partial_fit(X, np.full(400, "two"))


def test_a_range_decides_the_loss():
    assert clone(small).fit(X).model_.options == {"loss": "cross_entropy", "output": "sigmoid", "reduction": "paper"}
    found = clone(small).fit(10 * X - 5)
    assert (found.model_.options["loss"], found.model_.options["output"]) == ("squared_error", "linear")
    assert found.inverse_transform(found.transform(10 * X - 5)).min() < -1
    tall = clone(stack).fit(10 * X - 5)
    assert [layer.options["output"] for layer in tall.layers_] == ["linear", "sigmoid"]
    squared = clone(small).set_params(loss="squared_error").fit(X)
    assert (squared.model_.options["loss"], squared.model_.options["output"]) == ("squared_error", "sigmoid")


@pytest.mark.parametrize(
    ("named", "options"),
    [
        ("loss='cross_entropy'", {"loss": "cross_entropy"}),
        ("output='sigmoid'", {"loss": "squared_error", "output": "sigmoid"}),
    ],
)
def test_what_lies_outside_is_refused_with_the_way_out(named, options):
    said = f"X must lie in [0, 1] for {named}, found values from -1.0 to 1.0"
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        clone(small).set_params(**options).fit(2 * X - 1)
    assert "MinMaxScaler" in str(error.value)
    assert "loss='squared_error'" in str(error.value)


def test_the_first_data_decide_and_later_ones_must_fit():
    found = clone(small).partial_fit(X)
    with pytest.raises(ValueError, match="X must lie in"):
        found.partial_fit(3 * X)
    assert found.transform(3 * X).shape == (400, 12)  # codes have no range to ask for


def test_the_rounding_of_a_scaler_is_forgiven():
    rounded = X.copy()
    rounded[0, 0], rounded[1, 1] = 1 + 2e-16, -1e-17
    assert clone(small).fit(rounded).model_.options["loss"] == "cross_entropy"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"loss": "mse"}, "loss must be one of 'auto'"),
        ({"output": "tanh"}, "output must be one of 'auto'"),
        ({"lr": "fast"}, "lr must be one of 'auto'"),
        ({"lr": 0}, "lr must be a finite number"),
        ({"n_components": 0}, "hidden units must be an integer"),
        ({"nu": 2}, "nu must be"),
        ({"max_iter": -1}, "epochs must be an integer"),
        ({"backend": "cuda"}, "backend must be one of"),
    ],
)
def test_bad_parameters_are_refused_when_they_are_used(options, match):
    with pytest.raises(ValueError, match=match):
        clone(small).set_params(**options).fit(X)


def test_an_empty_stack_is_refused_and_an_empty_classifier_is_logistic_regression():
    with pytest.raises(ValueError, match="hidden_layer_sizes must hold at least one layer"):
        StackedDenoisingAutoencoder(()).fit(X)
    assert StackedDenoisingClassifier((), **QUICK | {"max_iter": 30}).fit(X, Y).score(X, Y) > 0.9


@pytest.mark.parametrize("estimator", [small, stack, classifier])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(estimator, dtype):
    found = clone(estimator).set_params(max_iter=1).fit(X.astype(dtype), Y)
    given = X.astype(dtype)
    outputs = [found.predict_proba(given)] if estimator is classifier else [found.transform(given)]
    if estimator is not classifier:
        outputs.append(found.inverse_transform(outputs[0]))
    assert [one.dtype for one in outputs] == [dtype] * len(outputs)


@pytest.mark.parametrize("estimator", [small, stack])
@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "coo_matrix", "csr_array"])
def test_sparse_input_is_the_dense_one(estimator, form):
    sparse = require("scipy.sparse")
    given = getattr(sparse, form)(X)
    dense, found = clone(estimator).fit(X), clone(estimator).fit(given)
    np.testing.assert_array_equal(found.transform(given), dense.transform(X))
    assert found.score(given) == dense.score(X)


def test_data_frames_in_and_out():
    pandas = require("pandas")
    frame = pandas.DataFrame(X, columns=[f"pixel_{k}" for k in range(64)], index=np.arange(400) + 7)
    found = clone(small).set_output(transform="pandas").fit(frame)
    out = found.transform(frame)
    assert list(out.columns) == [f"denoisingautoencoder{k}" for k in range(12)]
    assert list(out.index) == list(frame.index)
    assert list(found.feature_names_in_) == list(frame.columns)
    assert found.n_features_in_ == 64
    assert found.inverse_transform(out).shape == (400, 64)
    with pytest.raises(ValueError, match="feature names should match"):
        found.transform(frame.rename(columns={"pixel_0": "other"}))


def test_in_a_search_over_a_pipeline_in_two_processes():
    pipeline = make_pipeline(clone(small), LogisticRegression(max_iter=500))
    grid = {"denoisingautoencoder__nu": [0.0, 0.3], "denoisingautoencoder__n_components": [10, 30]}
    found = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, Y)
    assert found.best_params_["denoisingautoencoder__n_components"] == 30
    one = GridSearchCV(pipeline, grid, cv=2).fit(X, Y)
    np.testing.assert_array_equal(found.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"])


def test_a_search_without_labels_compares_losses_by_the_same_score():
    grid = {"loss": ["cross_entropy", "squared_error"], "optimizer": [None, optimizers.Adam()]}
    found = GridSearchCV(clone(small).set_params(lr=0.01), grid, cv=2, error_score="raise").fit(X)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert found.best_score_ <= 1


@pytest.mark.parametrize("estimator", [small, stack, classifier])
def test_it_goes_into_files_and_copies(estimator, tmp_path):
    joblib = require("joblib")
    found = clone(estimator).fit(X, Y)
    joblib.dump(found, tmp_path / "model.joblib")
    for back in (pickle.loads(pickle.dumps(found)), joblib.load(tmp_path / "model.joblib")):  # noqa: S301  # its own
        method = "predict_proba" if estimator is classifier else "transform"
        np.testing.assert_array_equal(getattr(back, method)(X), getattr(found, method)(X))
    again = clone(found)
    assert not hasattr(again, "n_iter_")
    assert again.get_params() == found.get_params()


@pytest.mark.parametrize("estimator", [small, stack, classifier])
def test_the_same_seed_is_the_same_fit(estimator):
    a, b = clone(estimator).fit(X, Y), clone(estimator).fit(X, Y)
    other = clone(estimator).set_params(random_state=1).fit(X, Y)
    assert a.loss_curve_ == b.loss_curve_ != other.loss_curve_
    assert clone(estimator).set_params(random_state=np.random.RandomState(0)).fit(X, Y).loss_curve_ == a.loss_curve_


@pytest.mark.parametrize("estimator", [small, stack, classifier])
def test_warm_starts_go_on_and_cold_ones_begin_anew(estimator):
    warm, epochs = clone(estimator).set_params(warm_start=True), estimator.max_iter
    first = warm.fit(X, Y).loss_curve_
    assert warm.n_iter_ == epochs
    warm.fit(X, Y)
    assert warm.n_iter_ == 2 * epochs
    top = (lambda curve: curve[-1]) if estimator is stack else (lambda curve: curve)
    assert top(warm.loss_curve_)[:epochs] == top(first)
    assert top(warm.loss_curve_)[-1] < top(first)[-1]
    cold = clone(estimator).fit(X, Y).fit(X, Y)
    assert cold.n_iter_ == epochs
    assert cold.loss_curve_ == first


@pytest.mark.parametrize("estimator", [small, stack, classifier])
def test_partial_fit_takes_an_epoch_at_a_time(estimator):
    found, more = clone(estimator), {"classes": np.arange(10)} if estimator is classifier else {}
    for k, part in enumerate(np.array_split(np.arange(400), 4)):
        found.partial_fit(X[part], Y[part], **(more if k == 0 else {}))
        assert found.n_iter_ == k + 1
    with pytest.raises(ValueError, match="partial_fit must be called with early_stopping=False"):
        found.set_params(early_stopping=True).partial_fit(X, Y)


def test_partial_fit_draws_another_corruption_each_time():
    found = clone(small).partial_fit(X)
    first = found.loss_curve_[0]
    model = pickle.loads(pickle.dumps(found.model_))  # noqa: S301  # its own
    found.partial_fit(X)
    seed = np.random.RandomState(0).randint(2**31 - 1)  # of the first call
    options = {"epochs": 1, "lr": 0.05, "corruption": scratchdae.Corruption("masking", 0.3), "backend": "numpy"}
    same_draws = scratchdae.fit(model, X, seed=scratchdae.models.stack.stage_seed(seed, 1), progress=False, **options)
    assert found.loss_curve_[0] == first
    assert found.loss_curve_[1] != same_draws["loss"][0]


@pytest.mark.parametrize("estimator", [small, stack, classifier])
def test_early_stopping_holds_data_out_and_keeps_the_best(estimator):
    options = {"early_stopping": True, "n_iter_no_change": 2, "validation_fraction": 0.25, "max_iter": 400}
    found = clone(estimator).set_params(lr=0.3, **options).fit(X, Y)
    for history in found.histories_:
        assert len(history) < 400
        assert len(history) == history.best_epoch + 2
    watched = "validation_error" if estimator is classifier else "validation_loss"
    assert np.isfinite(found.histories_[0][watched]).all()


@pytest.mark.parametrize(("estimator", "lines"), [(small, 3), (stack, 6), (classifier, 30)])
def test_verbose_prints_a_line_an_epoch(estimator, lines, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    clone(estimator).set_params(verbose=True).fit(X, Y)
    said = [line for line in out.getvalue().splitlines() if not line.startswith("layer") or estimator is stack]
    assert len(said) == lines
    assert all(re.fullmatch(r"(layer [12], )?epoch \d+, loss = [\d.]+", line) for line in said)


def test_options_of_the_package_pass_through():
    options = {"optimizer": optimizers.Adam(), "lr": schedules.Linear(0.01, 0.001, 3), "l2": 1e-4, "tied": False}
    found = clone(small).set_params(nu=scratchdae.Corruption("gaussian", 0.1), **options).fit(X)
    assert found.histories_[0]["lr"].tolist() == pytest.approx([0.01, 0.0055, 0.001])
    assert found.histories_[0]["corruption"].tolist() == [0.1] * 3
    assert found.histories_[0]["penalty"].min() > 0
    assert "W_prime" in found.model_.params


def test_the_score_is_the_share_of_the_variance_explained():
    found = clone(small).fit(X)
    z = found.inverse_transform(found.transform(X))
    expected = 1 - ((X - z) ** 2).sum() / ((X - X.mean(axis=0)) ** 2).sum()
    assert found.score(X) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="X must have 12 columns, what transform returns, found 64"):
        found.inverse_transform(X)


def test_standardised_data_do_not_diverge_by_default():
    from sklearn.datasets import load_breast_cancer, load_wine
    from sklearn.preprocessing import StandardScaler

    for load in (load_breast_cancer, load_wine):
        x = StandardScaler().fit_transform(load(return_X_y=True)[0])
        assert DenoisingAutoencoder(random_state=0, max_iter=15).fit(x).score(x) > 0.5


def test_without_scikit_learn_a_sentence_names_the_extra():
    code = """
import sys
sys.modules["sklearn"] = None
import scratchdae
try:
    from scratchdae.sklearn import DenoisingAutoencoder
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "scratchdae.sklearn needs scikit-learn: pip install 'scratchdae[sklearn]'\n"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_book_says_what_codes_do_for_a_linear_classifier():
    """One of its five draws: training helps, first weights and principal components do not."""
    page = Path(scratchdae.__file__).parent.joinpath("book", "pages", "features.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.S)[1].replace("range(5)", "range(1)")
    names = {}
    exec(compile(code, "features.md", "exec"), names)
    right = {name: rates[0] for name, rates in names["right"].items()}
    told = {row[0]: row for row in re.findall(r"^\| (.*?) \| [\d.]+ % \| ([\d.]+) to ([\d.]+)", page, re.M)}
    assert set(told) == set(right)
    for name, rate in right.items():
        assert float(told[name][1]) - 1 < rate < float(told[name][2]) + 1, (name, rate)
    trained = min(right["256 units, no noise"], right["256 units, half of the pixels destroyed"])
    assert trained > max(right["pixels"], right["50 principal components"], right["256 units, untrained"]) + 0.3
