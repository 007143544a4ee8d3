"""Stacked denoising autoencoders: layer after layer pretrained without labels, then all trained with them.

Vincent et al. 2008, section 2.4, and 2010. Layer k is a denoising autoencoder of its own: its clean input is what the
layers below make of *uncorrupted* examples, and it alone is trained to undo the corruption of that input. Corruption
happens inside its own training and nowhere else; once it is trained its decoder is laid aside. With s the sigmoid::

    h_0 = x,   h_k = s(h_{k-1} W_k + b_k)                                  (1)  the codes of layer k
    E L(h_{k-1}, s(s(h̃_{k-1} W_k + b_k) W_kᵀ + b'_k)),  h̃ a corrupted h    (2)  what W_k, b_k, b'_k are to lessen
    p(class | x) = softmax(h_n W + b)                                      (3)  from here all W_k, b_k, W, b learn

`pretrain` does (2) and `finetune` (3), both with `scratchdae.fit`. The paper's baselines differ in the specification of
their layers alone. ``nu=0`` is its SAA; ``kind="rbm"`` its DBN, where contrastive divergence takes the place of (2);
``epochs=0`` leaves the first weights as they were drawn, which is the multilayer perceptron; and a stack of no layers
is logistic regression.

A run in a folder `out` has a sub-folder a stage, ``layer_1``, ``layer_2``, ..., ``finetune``; killed and resumed it
ends in the same bits. Codes are not written there: they are computed again, a thousand examples at a time, and kept in
memory in the dtype of the parameters, for two layers at most. For 50,000 examples and 1000 units in float32 they are
200 MB, and a layer's take less time than half an epoch.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import (
    Array,
    Params,
    array,
    choice,
    flag,
    function,
    instance,
    integer,
    path,
    precision,
    sequence,
    shown,
)
from scratchdae.backend import BACKENDS
from scratchdae.datasets import to_float
from scratchdae.layers import Dense, Layer, Sigmoid
from scratchdae.models.layer_spec import LayerSpec, StackedLayer
from scratchdae.models.sequential import Sequential
from scratchdae.training.evaluation import EVALUATION_BATCH, classification_error
from scratchdae.training.generators import streams
from scratchdae.training.history import History, Record
from scratchdae.training.loop import fit
from scratchdae.training.options import Training

FINETUNE = 0  # its number among the stages; layer k is stage k


def stage_seed(seed: int, stage: int) -> int:
    """Return the seed of one stage; no other stage shares its streams.

    A layer's does not depend on how many there are above it, nor that of fine-tuning on how many there are, so stacks
    that differ in depth or in pretraining see the same examples in the same order.
    """
    key = integer("stage", stage, at_least=0)
    sequence = np.random.SeedSequence(integer("seed", seed, at_least=0, at_most=None), spawn_key=(key,))
    return int(sequence.generate_state(1, np.uint64)[0])


def codes(layers: Sequence[StackedLayer], x: Array) -> Array:
    """Return the codes (N, H) that a stack, the lowest layer first, makes of clean examples (N, D), equation (1)."""
    layers = sequence("layers", layers, "a sequence of layers")
    if not layers:
        raise ValueError("layers must hold at least one layer, found none")
    dtype = _check_stack(layers, _columns(x))
    h = np.empty((len(x), layers[-1].n_hidden), dtype)
    for start in range(0, len(x), EVALUATION_BATCH):
        part = to_float(x[start : start + EVALUATION_BATCH], dtype)
        for layer in layers:
            part = layer.encode(part)
        h[start : start + EVALUATION_BATCH] = part
    return h


def pretrain(
    x: Array,
    specs: Sequence[LayerSpec],
    *,
    validation: Array | None = None,
    seed: int = 0,
    dtype: npt.DTypeLike = np.float32,
    backend: str = "auto",
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    on_epoch: Callable[[str, Record, Params], None] | None = None,
) -> tuple[list[StackedLayer], list[History]]:
    """Train a stack of layers greedily, one after the other, each on the clean codes of those below.

    Parameters
    ----------
    x : ndarray, shape (N, D)
        Examples in [0, 1], or uint8 grey levels.
    specs : sequence of LayerSpec
        The layers, the lowest first.
    validation : ndarray, shape (V, D), optional
        Examples on whose clean codes the loss of each layer is evaluated after each of its epochs.
    seed : int
        Of everything random; each layer has streams of its own.
    dtype : {float32, float64}
        Of the parameters and the codes.
    backend : {"auto", "numpy", "numba"}
        What computes the steps.
    out : path-like, optional
        Folder for a run a layer: ``layer_1``, ``layer_2``, ...
    resume : bool
        Continue what is in `out`: trained layers are read, an unfinished one goes on, others begin. Layers may be
        added above; those that are there must have the same specification, number of epochs included.
    progress : bool
        Whether to show progress bars, on a terminal.
    on_epoch : callable, optional
        Called after every epoch with the stage's name, the record and the parameters, which it must not change.

    Returns
    -------
    layers : list of DenoisingAutoencoder or RestrictedBoltzmannMachine
        The autoencoders with tied weights; the lowest first.
    histories : list of History
        One a layer; without records where `epochs` is 0.

    Raises
    ------
    NonFiniteError
        As `fit`, at the first layer that diverges.
    """
    specs = sequence("specs", specs, "a sequence of LayerSpec")
    for index, spec in enumerate(specs):
        if not isinstance(spec, LayerSpec):
            raise ValueError(f"specs[{index}] must be a LayerSpec, found {shown(spec)}")
    dtype, backend = precision("dtype", dtype), choice("backend", backend, BACKENDS)
    if validation is not None:
        _columns(validation, "validation")
    _check_run(out, resume, progress, on_epoch)
    layers: list[StackedLayer] = []
    histories: list[History] = []
    origin: dict[str, Any] = {
        "seed": integer("seed", seed, at_least=0, at_most=None)
    }  # and the layers up to the one in training
    h, h_valid, encoded = x, validation, 0  # codes of the first `encoded` layers
    n_visible = _columns(x)
    for stage, spec in enumerate(specs, start=1):
        name, own = f"layer_{stage}", stage_seed(seed, stage)
        origin |= {name: spec.config}
        layer = spec.build(n_visible, streams(own).initialisation, dtype)
        n_visible = spec.units
        history = History()
        if spec.epochs:
            if encoded < len(layers):
                h_valid = None if h_valid is None else codes(layers[encoded:], h_valid)
                h, encoded = codes(layers[encoded:], h), len(layers)
            history = fit(
                layer,
                h,
                training=spec.training(own, backend),
                validation=h_valid,
                out=None if out is None else Path(out) / name,
                resume=resume,
                origin=origin,
                progress=progress,
                on_epoch=None if on_epoch is None else partial(on_epoch, name),
            )
        layers.append(layer)
        histories.append(history)
    return layers, histories


def finetune(
    layers: Sequence[StackedLayer],
    x: Array,
    labels: Array,
    training: Training | None = None,
    *,
    classes: int | None = None,
    init_W: str = "zeros",
    validation: tuple[Array, Array] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    on_epoch: Callable[[Record, Params], None] | None = None,
    **options: Any,
) -> tuple[Sequential, History]:
    """Put a softmax on a stack and train all of it with labels, equation (3).

    The network begins with the layers' weights and biases, copied, and an output layer of its own. Early stopping
    watches the fraction of validation examples that are misclassified, not the loss, which can rise while that falls.

    Parameters
    ----------
    layers : sequence of DenoisingAutoencoder or RestrictedBoltzmannMachine
        From `pretrain`, the lowest first; an empty one makes a logistic regression.
    x : ndarray, shape (N, D)
        Examples, uint8 or floating-point.
    labels : ndarray of int, shape (N,)
        Their classes, counted from 0.
    training : Training, optional
        How to train; or its fields by name, among the `options`. Patience watches the validation error; the Theano
        tutorial's is ``GrowingPatience()``, with 1000 epochs. The seed is also the output layer's, where that is drawn.
    classes : int, optional
        How many there are; one more than the largest of the labels if left out.
    init_W : str
        Initializer of the output layer, in `scratchdae.initializers`. Zeros, as in the Theano tutorial, do no harm
        there: each unit has a class of its own, and so a gradient of its own.
    validation : (ndarray, ndarray), optional
        Examples and labels; loss and error on them are recorded after each epoch.
    out : path-like, optional
        Folder in which to leave the run, as ``finetune``; that of `pretrain` will do.
    resume : bool
        Continue the run in `out`; begin it if there is none yet. It must have begun with the same weights.
    progress : bool
        Whether to show a progress bar, on a terminal.
    on_epoch : callable, optional
        Called after every epoch with its record and the parameters, which it must not change.
    **options : object
        The fields of `Training`: epochs and lr; batch_size, l2, patience, seed, backend ...

    Returns
    -------
    network : Sequential
        With an output a class, before the softmax; in the dtype of the layers or, without any, of floating-point
        examples, float32 for grey levels.
    history : History
        With ``validation_error``, if there is validation.

    Raises
    ------
    NonFiniteError
        As `fit`.
    """
    training = Training.of(training, options)
    n_visible, layers = _columns(x), sequence("layers", layers, "a sequence of layers")
    _check_run(out, resume, progress, on_epoch)
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.size == 0 or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be a vector of integers, found {_found(labels)}")
    if validation is not None and len(instance("validation", validation, tuple, "examples and labels")) != 2:
        raise ValueError(f"validation must be examples and labels, found {shown(validation)}")
    dtype = _check_stack(layers, n_visible) if layers else np.dtype(x.dtype if x.dtype.kind == "f" else np.float32)
    classes = int(labels.max()) + 1 if classes is None else integer("classes", classes)
    hidden: list[Layer] = []
    for layer in layers:
        hidden += [Dense(layer.n_hidden, "sigmoid_uniform"), Sigmoid()]
    own = stage_seed(training.seed, FINETUNE)
    network = Sequential(
        [*hidden, Dense(classes, init_W)],
        (n_visible,),
        streams(own).initialisation,
        loss="softmax_cross_entropy",
        dtype=dtype,
    )
    for k, layer in enumerate(layers, start=1):
        for key in ("W", "b"):
            network.params[f"dense_{k}.{key}"] = layer.params[key].copy()
    history = fit(
        network,
        x,
        labels,
        replace(training, seed=own),
        validation=validation,
        error=None if validation is None else classification_error,
        out=None if out is None else Path(out) / "finetune",
        resume=resume,
        origin={"seed": int(training.seed), "sha256_of_first_params": _digest(network.params)},
        progress=progress,
        on_epoch=on_epoch,
    )
    return network, history


def _check_run(out: object, resume: object, progress: object, on_epoch: object) -> None:
    """Refuse what would only be found after the first layer."""
    if out is not None:
        path("out", out)
    flag("resume", resume)
    flag("progress", progress)
    if on_epoch is not None:
        function("on_epoch", on_epoch)


def _columns(x: Array, name: str = "x") -> int:
    """Refuse examples that are no matrix; return how many numbers one has."""
    if not isinstance(x, np.ndarray) or x.ndim != 2 or x.size == 0:
        raise ValueError(f"{name} must be a matrix with one example a row, found {_found(x)}")
    return int(array(name, x).shape[1])


def _found(x: object) -> str:
    return f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else f"{type(x).__name__} {shown(x)}"


def _check_stack(layers: Sequence[StackedLayer], n_visible: int) -> np.dtype[Any]:
    """Refuse layers that do not fit each other or the input; return the dtype they share."""
    for k, layer in enumerate(layers, start=1):
        if not isinstance(layer, StackedLayer):
            raise ValueError(
                f"layer {k} must be a DenoisingAutoencoder or RestrictedBoltzmannMachine, found {type(layer).__name__}"
            )
        if layer.n_visible != n_visible:
            below = "columns of x" if k == 1 else f"hidden units of layer {k - 1}"
            raise ValueError(f"layer {k} must have as many inputs as the {n_visible} {below}, found {layer.n_visible}")
        if layer.dtype != layers[0].dtype:
            raise ValueError(f"layer {k} must have the dtype of layer 1, {layers[0].dtype}, found {layer.dtype}")
        n_visible = layer.n_hidden
    return layers[0].dtype


def _digest(params: Params) -> str:
    digest = hashlib.sha256()
    for name, value in params.items():
        digest.update(f"{name} {value.shape} {value.dtype}".encode() + np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
