"""The one baseline of the paper's table that is no stack of layers: a support vector machine with an RBF kernel.

It takes the same three parts as every experiment here and names its results alike. The others need no code of their
own: SAA, DBN and the multilayer perceptron are recipes whose layers are ``LayerSpec(nu=0)``, ``LayerSpec(kind="rbm")``
and ``LayerSpec(epochs=0)``, and logistic regression is one without layers.
"""

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchdae.arguments import Array, integer, number
from scratchdae.datasets import to_float
from scratchdae.reproduce.recipe import Parts
from scratchdae.training.evaluation import EVALUATION_BATCH

CACHE_MB = 500  # the kernel of 10,000 examples in the four bytes that libsvm keeps of a number is 400 MB


def svm_rbf(
    parts: Parts,
    *,
    C: float,  # cost of an example on the wrong side of its margin, positive
    gamma: float,  # one over twice the squared width of the kernel, in pixels' units, positive
    test: bool = True,
    cache_mb: int = CACHE_MB,  # memory for rows of the kernel, in megabytes
) -> dict[str, Any]:
    """Fit scikit-learn's SVC with the kernel exp(−γ ‖x − x'‖²) on all pixels, scaled to [0, 1].

    Several classes are decided by votes of one against one (libsvm). Nothing is random: there is no seed. What is
    tested is fitted again, on training and validation examples together, as Larochelle et al. 2007 did with their
    support vectors once C and γ were chosen (and not with networks, whose early stopping needs the validation). A
    search for C and γ does without both: with ``test=False`` the ``test_error`` is None. Errors are fractions;
    ``support_vectors`` are those of the training examples alone; ``seconds`` are those of each part.
    """
    C, gamma = number("C", C, above=0), number("gamma", gamma, above=0)
    cache_mb = integer("cache_mb", cache_mb)
    machine = sklearn_svm().SVC(C=C, gamma=gamma, kernel="rbf", cache_size=cache_mb)
    seconds: dict[str, float] = {}

    def _timed(name: str, call: Callable[..., Any], *given: Any) -> Any:
        begin = time.perf_counter()
        result = call(*given)
        seconds[name] = round(time.perf_counter() - begin, 1)
        return result

    (x, t), (x_valid, t_valid) = parts.train, parts.validation
    _timed("fit", machine.fit, to_float(x), t)
    vectors, test_error = int(machine.n_support_.sum()), None
    validation_error = _timed("validation", _error, machine, x_valid, t_valid)
    if test:
        both = to_float(np.concatenate([x, x_valid])), np.concatenate([t, t_valid])
        _timed("fit_again", machine.fit, *both)
        test_error = _timed("test", _error, machine, *parts.test)
    return {
        "C": C,
        "gamma": gamma,
        "validation_error": validation_error,
        "test_error": test_error,
        "support_vectors": vectors,
        "seconds": seconds,
    }


def _error(machine: Any, x: Array, t: Array) -> float:
    """Return the fraction that a classifier gets wrong, a thousand examples at a time."""
    wrong = 0
    for start in range(0, len(x), EVALUATION_BATCH):
        rows = slice(start, start + EVALUATION_BATCH)
        wrong += int(np.sum(machine.predict(to_float(x[rows])) != t[rows]))
    return wrong / len(x)


def sklearn_svm() -> Any:
    """Import scikit-learn's machines, or say how to get them."""
    try:
        return importlib.import_module("sklearn.svm")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the SVM needs scikit-learn, which is not installed: pip install 'scratchdae[sklearn]' ({error})"
        ) from None
