"""The denoising autoencoder as scikit-learn has its estimators: transformers, and a classifier on top of a stack.

The training is `scratchdae.fit`, a layer after the other, and `scratchdae.finetune`; the parameters are named as there
(`nu`, `lr`, `l2`), those of the process as in scikit-learn (`max_iter`, `early_stopping`). Data are taken as they are:
255 is 255, so pictures want a scaler before. Sparse matrices are made dense. Everything is in the dtype of X, float32
or, for all others, float64.

What is reconstructed decides the loss, and ``loss="auto"`` reads it off the first data. In [0, 1], give or take the
rounding of a scaler, it is the paper's: cross-entropy of a sigmoid output. Anywhere else it is the squared error of a
linear output (Vincent et al. 2010, section 2.1), since no sigmoid reaches such data. The hidden units are sigmoids in
either case, so what lies far from 0 should be standardised first, or they saturate.
"""

import sys
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from scratchdae import autoencoder
from scratchdae.activations import sigmoid, softmax
from scratchdae.arguments import Array, Params, choice, integer, sequence
from scratchdae.corruption import Corruption
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder as Model
from scratchdae.models.layer_spec import LayerSpec
from scratchdae.models.stack import codes, finetune, stage_seed
from scratchdae.optimizers import Optimizer
from scratchdae.schedules import Schedule
from scratchdae.training import History, Training, classification_error, fit, streams
from scratchdae.training.history import Record

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_array, check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError("scratchdae.sklearn needs scikit-learn: pip install 'scratchdae[sklearn]'") from error

__all__ = ["DenoisingAutoencoder", "StackedDenoisingAutoencoder", "StackedDenoisingClassifier"]

_LR = 0.05
_ROUNDING = 1e-6  # how far a scaler's 0 and 1 may be off


@dataclass(eq=False, repr=False)  # whose __init__ stores what it is given and nothing else, as scikit-learn wants it
class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What all three share: the door to data, and the parameters of a training."""

    _: KW_ONLY
    nu: float | Corruption = 0.3
    loss: str = "auto"
    output: str = "auto"
    lr: str | float | Schedule = "auto"
    max_iter: int = 30
    batch_size: int = 20
    optimizer: Optimizer | None = None
    l2: float = 0.0
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    warm_start: bool = False
    random_state: Any = None
    verbose: bool = False
    backend: str = "auto"

    def _data(self, X: Any, first: bool, **more: Any) -> Any:
        """Return X as a matrix of float64 or float32, and y, if there is one; `first` is to begin anew."""
        options: dict[str, Any] = {"accept_sparse": "csr", "dtype": [np.float64, np.float32], **more, "reset": first}
        if hasattr(self, "_validate_data"):  # scikit-learn below 1.6
            found = self._validate_data(X, **options)
        else:
            from sklearn.utils.validation import validate_data

            found = validate_data(self, X, **options)
        return (_dense(found[0]), found[1]) if isinstance(found, tuple) else _dense(found)

    def _training(self, epochs: int, lr: Any, seed: int, **more: Any) -> Training:
        options: dict[str, Any] = {} if self.optimizer is None else {"optimizer": self.optimizer}
        options["patience"] = self.n_iter_no_change if self.early_stopping else None
        return Training(epochs, lr, self.batch_size, l2=self.l2, backend=self.backend, seed=seed, **options, **more)

    def _hold_out(self, *arrays: Array, seed: int, **options: Any) -> list[Array]:
        """Split arrays for early stopping: the training part and the held-out part of each."""
        found: list[Array] = train_test_split(
            *arrays, test_size=self.validation_fraction, random_state=seed % 2**32, **options
        )
        return found

    def _seed(self, anew: bool) -> int:
        """Draw the seed of a training; those of the calls that go on come from the same stream."""
        if anew:
            self._random = check_random_state(self.random_state)
        return int(self._random.randint(2**31 - 1))

    def _saying(self, what: str) -> Callable[[Record, Params], None] | None:
        def say(record: Record, params: Params) -> None:
            del params
            sys.stdout.write(f"{what}epoch {record['epoch']}, loss = {record['loss']:.8g}\n")

        return say if self.verbose else None

    def _refuse_early_stopping(self) -> None:
        if self.early_stopping:
            raise ValueError("partial_fit must be called with early_stopping=False, found True: it has no data to hold")

    def _more_tags(self) -> dict[str, Any]:  # scikit-learn below 1.6
        return {"preserves_dtype": [np.float64, np.float32]}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class _Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _Estimator):  # type: ignore[misc]
    """A stack of denoising autoencoders, of one layer or several, each trained on the clean codes of those below."""

    def _units(self) -> tuple[int, ...]:
        raise NotImplementedError

    def fit(self, X: Any, y: Any = None) -> Any:
        """Train on examples (N, D); `y` is not looked at. With `warm_start` go on from what was trained before."""
        del y
        return self._train(X, self.max_iter, anew=not self.warm_start)

    def partial_fit(self, X: Any, y: Any = None) -> Any:
        """Train one epoch more, on these examples (N, D), from whatever was trained before."""
        del y
        self._refuse_early_stopping()
        return self._train(X, 1, anew=False)

    def _train(self, X: Any, epochs: int, anew: bool) -> Any:
        anew = anew or not hasattr(self, "layers_")
        x, seed = self._data(X, anew), self._seed(anew)
        if anew:
            x = self._begin(x, seed)
        else:
            x = _in_range(x, **{name: self.layers_[0].options[name] for name in ("loss", "output")})
        held_out = None
        if self.early_stopping:
            x, held_out = self._hold_out(x, seed=seed)
        histories = []
        corruption = LayerSpec(1, nu=self.nu).corruption
        for k, layer in enumerate(self.layers_, start=1):
            what = f"layer {k}, " if len(self.layers_) > 1 else ""
            history = History()
            if epochs != 0:
                training = self._training(epochs, self._lr(layer), stage_seed(seed, k), corruption=corruption)
                saying = self._saying(what)
                history = fit(layer, x, training=training, validation=held_out, progress=False, on_epoch=saying)
            histories.append(history)
            if k < len(self.layers_):
                x, held_out = codes([layer], x), None if held_out is None else codes([layer], held_out)
        self.histories_ = histories
        self._record([[record["loss"] for record in history] for history in histories], anew)
        return self

    def _lr(self, layer: Model) -> Any:
        if not isinstance(self.lr, str):
            return self.lr
        choice("lr", self.lr, ("auto",))
        return min(_LR, 1 / layer.n_hidden) if layer.options["output"] == "linear" else _LR

    def _begin(self, x: Array, seed: int) -> Array:
        loss, output = choice("loss", self.loss, ("auto", *autoencoder.LOSSES)), self.output
        choice("output", output, ("auto", *autoencoder.OUTPUTS))
        inside = bool(x.min() >= -_ROUNDING and x.max() <= 1 + _ROUNDING)
        if loss == "auto":
            loss = "cross_entropy" if inside and output != "linear" else "squared_error"
        if output == "auto":
            output = "sigmoid" if inside or loss == "cross_entropy" else "linear"
        x, n_visible, layers = _in_range(x, loss, output), x.shape[1], []
        for k, units in enumerate(self._units(), start=1):
            shape, rng = (n_visible, integer("hidden units", units)), streams(stage_seed(seed, k)).initialisation
            tied = getattr(self, "tied", True)
            layers.append(Model(*shape, rng, tied=tied, loss=loss, output=output, dtype=x.dtype))
            n_visible, output = units, "sigmoid"  # codes lie in [0, 1]
        self.layers_: list[Model] = layers
        return x

    def _record(self, curves: list[list[float]], anew: bool) -> None:
        before: list[list[float]] = [[] for _ in curves] if anew else self.loss_curve_
        self.loss_curve_: list[Any] = [old + new for old, new in zip(before, curves, strict=True)]
        self.n_iter_ = max(map(len, self.loss_curve_))

    @property
    def _n_features_out(self) -> int:
        top: Model = self.layers_[-1]
        return top.n_hidden

    @property
    def components_(self) -> Array:
        """The weights of the first hidden units, (units, D): each row is a filter."""
        W: Array = self.layers_[0].params["W"].T
        return W

    def transform(self, X: Any) -> Array:
        """Return the hidden representation (N, units) of clean examples (N, D), in the dtype of the training."""
        check_is_fitted(self)
        return codes(self.layers_, self._data(X, first=False))

    def inverse_transform(self, X: Any) -> Array:
        """Return the examples (N, D) that hidden representations (N, units) decode to."""
        check_is_fitted(self)
        y: Array = check_array(X, dtype=[np.float64, np.float32])
        if y.shape[1] != self._n_features_out:
            raise ValueError(f"X must have {self._n_features_out} columns, what transform returns, found {y.shape[1]}")
        for layer in reversed(self.layers_):
            a = autoencoder.decode(layer.params, y)
            y = a if layer.options["output"] == "linear" else sigmoid(a)
        return y

    def score(self, X: Any, y: Any = None) -> float:
        """Return the share of the variance of clean examples (N, D) that their reconstruction explains, at most 1.

        It is 0 for the best constant, the mean of these examples, and means the same for every loss, so that a search
        may choose among them.
        """
        del y
        check_is_fitted(self)
        x = self._data(X, first=False)
        z = self.inverse_transform(codes(self.layers_, x))
        left, all_of_it = (np.square(x - other, dtype=np.float64).sum() for other in (z, x.mean(axis=0)))
        return float(1 - left / all_of_it) if all_of_it else float(left == 0)  # of one example: 1 or 0, as r2_score has


@dataclass(eq=False, repr=False)
class DenoisingAutoencoder(_Transformer):
    """The denoising autoencoder as a transformer: from examples to its hidden representation.

    Attributes
    ----------
    n_components : int
        Hidden units; there may be more than columns.
    nu : float or Corruption
        Fraction of each example that is set to zero in training, or another corruption. 0 is an ordinary autoencoder.
    tied : bool
        Whether the decoder's weights are the encoder's, transposed.
    loss : {"auto", "cross_entropy", "squared_error"}
        Of the reconstruction, summed over the columns. ``auto`` is the cross-entropy for data in [0, 1], where alone
        there is one, and the squared error otherwise; the first data decide, and later ones must fit.
    output : {"auto", "sigmoid", "linear"}
        Of the decoder. ``auto`` is a sigmoid for data in [0, 1], and linear otherwise.
    lr : "auto", float or schedule
        Learning rate, per epoch. ``auto`` is 0.05 through a sigmoid. For a linear output it is at most one over the
        hidden units, since the curvature of its squared error grows with them: about 2 Σ y², so that steps above
        1 / Σ y² diverge.
    max_iter : int
        Epochs.
    batch_size : int
        Examples a step.
    optimizer : Optimizer, optional
        Update rule of `scratchdae.optimizers`; plain gradient descent if left out. What it remembers begins anew with
        each call of `fit` and `partial_fit`.
    l2 : float
        Coefficient of the penalty ``Σ W²``.
    early_stopping : bool
        Whether to hold out data, stop where their loss has not fallen for a while, and keep the best parameters.
    validation_fraction : float
        How much to hold out.
    n_iter_no_change : int
        How many epochs are a while.
    warm_start : bool
        Whether `fit` goes on from what was trained before.
    random_state : int, RandomState or None
        Of everything random. An int makes every `fit` the same.
    verbose : bool
        Whether to print the loss of every epoch.
    backend : {"auto", "numpy", "numba"}
        What computes the steps.
    model_ : scratchdae.DenoisingAutoencoder
        The trained model.
    components_ : ndarray, shape (n_components, n_features)
        The encoder's weights.
    loss_curve_ : list of float
        Training loss after each epoch, of corrupted examples.
    histories_ : list of History
        What the last call of `fit` recorded, the loss of the held-out data included.
    n_iter_ : int
        Epochs so far.
    n_features_in_, feature_names_in_ : int, ndarray of str
        Of the first data.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from scratchdae.sklearn import DenoisingAutoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> features = DenoisingAutoencoder(200, random_state=0)
    >>> model = make_pipeline(MinMaxScaler(), features, LogisticRegression(max_iter=1000)).fit(X[:1000], y[:1000])
    >>> bool(model.score(X[1000:], y[1000:]) > 0.9)
    True
    """

    n_components: int = 100
    tied: bool = field(default=True, kw_only=True)

    def _units(self) -> tuple[int, ...]:
        return (self.n_components,)

    def _record(self, curves: list[list[float]], anew: bool) -> None:
        self.loss_curve_ = ([] if anew else self.loss_curve_) + curves[0]
        self.n_iter_ = len(self.loss_curve_)

    @property
    def model_(self) -> Model:
        """The trained model."""
        return self.layers_[0]


@dataclass(eq=False, repr=False)
class StackedDenoisingAutoencoder(_Transformer):
    """A stack of denoising autoencoders as a transformer, trained one after the other on clean codes.

    The parameters are those of `DenoisingAutoencoder`, but for `hidden_layer_sizes`, a tuple of the layers' units, the
    lowest first. All weights are tied. Loss and output are those of the lowest layer; the others reconstruct codes,
    which are in [0, 1], through sigmoids. Trained is what `scratchdae.pretrain` trains, to the bit; `partial_fit` takes
    an epoch of each layer in turn. ``layers_`` is the list of models, the lowest first, and ``loss_curve_`` has a list
    for each.
    """

    hidden_layer_sizes: tuple[int, ...] = (100, 100)

    def _units(self) -> tuple[int, ...]:
        units = sequence("hidden_layer_sizes", self.hidden_layer_sizes, "a tuple of integers")
        if not units:
            raise ValueError("hidden_layer_sizes must hold at least one layer, found none")
        return units


@dataclass(eq=False, repr=False)
class StackedDenoisingClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A stack of denoising autoencoders, pretrained without labels, then a softmax on top and all trained with them.

    The parameters are those of `StackedDenoisingAutoencoder` for the pretraining, its rate and epochs being
    `pretraining_lr` and `pretraining_max_iter` (0 makes it a multilayer perceptron). `lr`, `max_iter`, `l2` and
    early stopping, by the error on held-out examples, are those of the training with labels. `partial_fit` pretrains
    on the examples of its first call, and then takes an epoch with labels at every call. ``network_`` is the trained
    `scratchdae.Sequential`, ``classes_`` the labels, ``loss_curve_`` the loss with labels after each epoch.
    """

    hidden_layer_sizes: tuple[int, ...] = (100, 100)
    lr: str | float | Schedule = field(default=0.1, kw_only=True)
    max_iter: int = field(default=100, kw_only=True)
    pretraining_lr: str | float | Schedule = field(default="auto", kw_only=True)
    pretraining_max_iter: int = field(default=30, kw_only=True)

    def fit(self, X: Any, y: Any) -> Any:
        """Train on examples (N, D) and labels (N,), of any kind; `warm_start` goes on with labels alone."""
        return self._train(X, y, self.max_iter, anew=not self.warm_start)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Any:
        """Train one epoch more; all `classes` must be told at the first call, unless `y` holds them."""
        self._refuse_early_stopping()
        return self._train(X, y, 1, anew=False, classes=classes)

    def _train(self, X: Any, y: Any, epochs: int, anew: bool, classes: Any = None) -> Any:
        anew = anew or not hasattr(self, "network_")
        x, y = self._data(X, anew, y=y)
        check_classification_targets(y)
        if anew:
            self.classes_ = np.unique(y if classes is None else np.asarray(classes))
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y must hold classes of {self.classes_.tolist()}, found {unknown.tolist()}")
        labels, seed = np.searchsorted(self.classes_, y), self._seed(anew)
        training, validation = self._training(epochs, self.lr, seed), None
        if self.early_stopping:
            x, x_valid, labels, labels_valid = self._hold_out(x, labels, seed=seed)
            validation = (x_valid, labels_valid)
        options: dict[str, Any] = {"progress": False, "on_epoch": self._saying("")}
        if anew:
            self.pretrained_ = self._pretrain(x, seed)
            classes = len(self.classes_)
            self.network_, history = finetune(
                self.pretrained_, x, labels, training, classes=classes, validation=validation, **options
            )
        else:
            error = None if validation is None else classification_error
            history = fit(self.network_, x, labels, training, validation=validation, error=error, **options)
        self.histories_ = [history]
        before: list[float] = [] if anew else self.loss_curve_
        self.loss_curve_: list[float] = before + [record["loss"] for record in history]
        self.n_iter_ = len(self.loss_curve_)
        return self

    def _pretrain(self, x: Array, seed: int) -> list[Model]:
        if len(sequence("hidden_layer_sizes", self.hidden_layer_sizes, "a tuple of integers")) == 0:
            return []
        names = ("nu", "loss", "output", "batch_size", "optimizer", "verbose", "backend")
        stack = StackedDenoisingAutoencoder(
            self.hidden_layer_sizes,
            lr=self.pretraining_lr,
            max_iter=self.pretraining_max_iter,
            random_state=seed,
            **{name: getattr(self, name) for name in names},
        )
        layers: list[Model] = stack.fit(x).layers_
        return layers

    def decision_function(self, X: Any) -> Array:
        """Return what the softmax is taken of, (N, classes), or, of two classes, (N,): the second less the first."""
        a = self._logits(X)
        return a[:, 1] - a[:, 0] if len(self.classes_) == 2 else a

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of `predict_proba`; none is -inf because the probability is too small for a number."""
        a = self._logits(X)
        log_p: Array = a - np.logaddexp.reduce(a, axis=1, keepdims=True)
        return log_p

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (N, classes), in the order of ``classes_``."""
        return softmax(self._logits(X))

    def _logits(self, X: Any) -> Array:
        check_is_fitted(self)
        return self.network_.predict(self._data(X, first=False))

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each example, (N,)."""
        best = self._logits(X).argmax(axis=1)
        found: Array = self.classes_[best]
        return found


def _dense(X: Any) -> Array:
    dense: Array = X.toarray() if hasattr(X, "toarray") else X
    return dense


def _in_range(x: Array, loss: str, output: str) -> Array:
    """Return x, its rounding beyond [0, 1] cut off where it must lie inside; refuse what lies outside."""
    if output == "linear":
        return x
    low, high = float(x.min()), float(x.max())
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        which = f"loss={loss!r}" if loss == "cross_entropy" else f"output={output!r}"
        raise ValueError(
            f"X must lie in [0, 1] for {which}, found values from {low} to {high}: scale it (MinMaxScaler(clip=True)), "
            "or take loss='squared_error' with output='linear', as loss='auto' does where the first data lie outside"
        )
    return np.clip(x, 0, 1) if low < 0 or high > 1 else x
