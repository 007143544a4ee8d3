"""Bad input, a case a line: each ends in a ValueError that names the argument and what was found, and changes nothing."""

import numpy as np
import pytest
from optional_packages import require

from scratchdae import (
    Corruption,
    DenoisingAutoencoder,
    History,
    Sequential,
    Training,
    autoencoder,
    corruption,
    evaluate,
    fit,
    gradcheck,
    initializers,
    losses,
    schedules,
    streams,
)  # fmt: skip
from scratchdae.backend import choose, loops
from scratchdae.layers import Dense
from scratchdae.optimizers import SGD
from scratchdae.plots import tile

RNG = np.random.default_rng(0)
W = {"w": np.ones(3)}
X = RNG.random((6, 4))
PIXELS = RNG.integers(0, 256, (6, 4), dtype=np.uint8)
NAN = np.where(np.arange(24).reshape(6, 4) == 5, np.nan, X)
MASKED = np.ma.masked_greater(X, 0.5)
INF = np.where(np.arange(24).reshape(6, 4) == 5, np.inf, X)


def model(**options):
    return DenoisingAutoencoder(4, 3, np.random.default_rng(0), **options)


def params(**changes):
    return model().params | changes


def cast(dtype):
    return {name: value.astype(dtype) for name, value in params().items()}


def with_params(change):
    changed = model()
    changed.params = change(changed.params)
    return changed


def network():
    return Sequential([Dense(4)], (4,), np.random.default_rng(0))


def classifier():
    return Sequential([Dense(4)], (4,), np.random.default_rng(0), loss="softmax_cross_entropy")


def train(x=X, **options):
    return lambda: fit(options.pop("model", None) or model(), x, **({"epochs": 1, "lr": 0.1} | options))


def chosen(backend):
    if backend == "numba":
        require("numba")
    return loops(autoencoder, backend)


def step(x_tilde=X, x=X, lr=0.1, p=None, backend="numpy", **options):
    return lambda: chosen(backend).sgd_step(params() if p is None else p, x_tilde, x, lr, **options)


def check(function, p=None, **options):
    return lambda: gradcheck.check(function, {"w": np.ones(3)} if p is None else p, **options)


def square(p):
    return (p["w"] ** 2).sum(), {"w": 2 * p["w"]}


CASES = {
    # a batch that is none
    "encode a vector": (lambda: autoencoder.encode(params(), X[0]), "x must be a matrix"),
    "encode a cube": (lambda: autoencoder.encode(params(), X[None]), "x must be a matrix"),
    "encode nothing": (lambda: autoencoder.encode(params(), X[:0]), "x must not be empty"),
    "encode no columns": (lambda: autoencoder.encode(params(), X[:, :0]), "x must not be empty"),
    "encode pixels": (lambda: autoencoder.encode(params(), PIXELS), "x must be floating-point, found dtype uint8; scale"),
    "encode integers": (lambda: autoencoder.encode(params(), np.ones((2, 4), int)), "x must be floating-point"),
    "encode booleans": (lambda: autoencoder.encode(params(), np.ones((2, 4), bool)), "x must be floating-point"),
    "encode objects": (lambda: autoencoder.encode(params(), np.ones((2, 4), object)), "x must be floating-point"),
    "encode text": (lambda: autoencoder.encode(params(), np.full((2, 4), "a")), "x must be floating-point"),
    "encode None": (lambda: autoencoder.encode(params(), None), "x must be a matrix"),
    "encode too few columns": (lambda: autoencoder.encode(params(), X[:, :3]), "x must have 4 columns"),
    "encode transposed": (lambda: autoencoder.encode(params(), X.T), "x must have 4 columns"),
    "decode too many columns": (lambda: autoencoder.decode(params(), X), "y must have 3 columns"),
    "decode a vector": (lambda: autoencoder.decode(params(), X[0, :3]), "y must be a matrix"),
    "forward transposed": (lambda: autoencoder.forward(params(), X.T), "x_tilde must have 4 columns"),
    "loss_and_grads target columns": (lambda: autoencoder.loss_and_grads(params(), X, X[:, :3]), "x must have 4 columns"),
    "loss_and_grads target rows": (lambda: autoencoder.loss_and_grads(params(), X, X[:5]), "x must have the shape of x_tilde"),
    "loss_and_grads NaN target": (lambda: autoencoder.loss_and_grads(params(), X, NAN), r"x must lie in \[0, 1\], found values from nan"),
    "loss_and_grads target 255": (lambda: autoencoder.loss_and_grads(params(), X, 255 * X), r"x must lie in \[0, 1\]"),
    "loss_and_grads loss": (lambda: autoencoder.loss_and_grads(params(), X, X, "mse"), "loss must be one of 'cross_entropy'"),
    "loss_and_grads output": (lambda: autoencoder.loss_and_grads(params(), X, X, output="tanh"), "output must be one of"),
    "loss_and_grads linear entropy": (lambda: autoencoder.loss_and_grads(params(), X, X, output="linear"), "output must be 'sigmoid'"),
    "loss_and_grads reduction": (lambda: autoencoder.loss_and_grads(params(), X, X, reduction="sum"), "reduction must be one of"),
    "reconstruct pixels": (lambda: model().reconstruct(PIXELS), "must be floating-point"),
    # a model that cannot be
    "no visible units": (lambda: DenoisingAutoencoder(0, 3, RNG), "n_visible must be an integer of at least 1, found 0"),
    "negative hidden units": (lambda: DenoisingAutoencoder(4, -3, RNG), "n_hidden must be an integer"),
    "half a hidden unit": (lambda: DenoisingAutoencoder(4, 2.5, RNG), "n_hidden must be an integer"),
    "hidden units in words": (lambda: DenoisingAutoencoder(4, "three", RNG), "n_hidden must be an integer"),
    "True hidden units": (lambda: DenoisingAutoencoder(4, True, RNG), "n_hidden must be an integer"),
    "a seed for a generator": (lambda: DenoisingAutoencoder(4, 3, 0), "rng must be a numpy.random.Generator"),
    "the old generator": (lambda: DenoisingAutoencoder(4, 3, np.random.RandomState(0)), "rng must be a numpy.random.Generator"),
    "integer model": (lambda: model(dtype=np.int32), "dtype must be one of"),
    "half precision": (lambda: model(dtype=np.float16), "dtype must be one of"),
    "complex model": (lambda: model(dtype=complex), "dtype must be one of"),
    "unknown loss": (lambda: model(loss="hinge"), "loss must be one of"),
    "unknown reduction": (lambda: model(reduction=None), "reduction must be one of"),
    "unknown output": (lambda: model(output="softmax"), "output must be one of"),
    "linear entropy model": (lambda: model(output="linear"), "output must be 'sigmoid' for the cross-entropy"),
    "configuration of another": (lambda: DenoisingAutoencoder.from_config({"model": "autoencoder", "depth": 3}, params()), "config must be"),
    "parameters missing": (lambda: DenoisingAutoencoder.from_config(model().config, {"W": X}), "params must hold"),
    "parameters of another shape": (
        lambda: DenoisingAutoencoder.from_config(model().config, params(b=np.zeros(4))), r"params\['b'\] must be an array of shape \(3,\)"),
    "parameters of two dtypes": (
        lambda: DenoisingAutoencoder.from_config(model().config, params(b=np.zeros(3, np.float32))), "must share one floating-point dtype"),
    "parameters of integers": (
        lambda: DenoisingAutoencoder.from_config(model().config, {k: v.astype(int) for k, v in params().items()}), "floating-point dtype"),
    # parameters and what hides entries
    "parameters None": (lambda: autoencoder.encode(None, X), "params must be a dict of named arrays, found None"),
    "a bias missing": (lambda: autoencoder.forward({"W": params()["W"], "b": params()["b"]}, X), "params must hold"),
    "a bias cut short": (lambda: autoencoder.loss_and_grads(params(b_prime=np.zeros(1)), X, X), r"params\['b_prime'\] must be an array of shape \(4,\), found \(1,\)"),
    "a bias that is a list": (lambda: autoencoder.forward(params(b=[0.0] * 3), X), r"params\['b'\] must be an array of shape \(3,\), found \[0.0"),
    "weights transposed": (lambda: autoencoder.decode(params(W=X[:3].copy()), X), r"params\['b_prime'\] must be an array of shape \(3,\), found \(4,\)"),
    "a parameter too many": (lambda: autoencoder.encode(params(c=np.zeros(3)), X), r"params must hold \['W', 'b', 'b_prime'\], found \['W', 'b', 'b_prime', 'c'\]"),
    "parameters of half precision": (lambda: autoencoder.encode(cast(np.float16), X), "must share one floating-point dtype, .* found float16"),
    "parameters of big-endian numbers": (lambda: autoencoder.encode(cast(">f8"), X), "must share one floating-point dtype, .* found >f8"),
    "masked entries": (lambda: autoencoder.encode(params(), MASKED), "x must have no masked entries"),
    "masked targets": (lambda: losses.squared_error(X, MASKED), "x must have no masked entries"),
    "masked data": (train(MASKED), "x must have no masked entries"),
    "masked validation": (train(validation=MASKED), "validation must have no masked entries"),
    "ragged lists": (lambda: autoencoder.encode(params(), [[0.1], [0.2, 0.3]]), r"x must be a matrix with one example a row, found \[\[0.1\], \[0.2, 0.3\]\]"),
    **{
        f"fit, {name}": (train(model=with_params(changed)), what)
        for name, changed, what in (
            ("a bias cut short", lambda p: p | {"b_prime": p["b_prime"][:1]}, r"model.params\['b_prime'\] must be an array of shape \(4,\)"),
            ("a name", lambda p: {"V": p["W"], "b": p["b"], "b_prime": p["b_prime"]}, "model.params must hold"),
            ("half precision", lambda p: {k: v.astype(np.float16) for k, v in p.items()}, "model.params must .* found float16"),
            ("complex", lambda p: {k: v.astype(complex) for k, v in p.items()}, "model.params must have the model's dtype, float64, found complex128"),
            ("big-endian", lambda p: {k: v.astype(">f8") for k, v in p.items()}, "model.params must .* found >f8"),
            ("single precision", lambda p: {k: v.astype(np.float32) for k, v in p.items()}, "the model's dtype, float64, found float32"),
            ("None", lambda p: None, "model.params must be a dict of named arrays, found None"),
        )
    },
    "evaluate, parameters": (lambda: evaluate(model(), X, params=params(b=np.zeros(1))), r"params\['b'\] must be an array of shape"),
    "evaluate, surplus targets": (lambda: evaluate(model(), X, np.vstack([X, X])), "x and its target must have as many examples, found 6 and 12"),
    "evaluate, noise": (lambda: evaluate(model(), X, noise=(0.3, 0, RNG)), "noise's corruption must be a Corruption, found 0.3"),
    "loss of a target that would broadcast": (lambda: model().loss(params(), X, X[:1]), "x must have the shape of x_tilde"),
    "network, target of another shape": (lambda: network().loss(network().params, X, X.reshape(3, 8)), "target must have as many examples as x, 6, found"),
    "network, input of another shape": (lambda: network().predict(X[:, :3]), r"x must have shape \(B, 4\), found \(6, 3\)"),
    "network, parameters": (lambda: network().forward({}, X), r"params must hold \['dense_1.W', 'dense_1.b'\], found \[\]"),
    "network of None": (lambda: Sequential(None, (4,), RNG), "layers must be a sequence of layers, found None"),
    "network of a class": (lambda: Sequential([Dense], (4,), RNG), r"layers\[0\] must be a layer of scratchdae.layers, found <class"),
    "network of half an input": (lambda: Sequential([Dense(4)], (4.5,), RNG), "input_shape must be a tuple of integers, each at least 1"),
    "a dtype that is none": (lambda: model(dtype="nonsense"), "dtype must be one of 'float32', 'float64', found 'nonsense'"),
    "tied in words": (lambda: model(tied="False"), "tied must be True or False, found 'False'"),
    "an initializer that is none": (lambda: model(initializer=3), "initializer must be one of .* found 3"),
    "an initializer that draws nothing": (lambda: model(initializer=lambda *arguments: None), r"initializer\['W'\] must be an array of shape \(4, 3\), found None"),
    "a value of a thousand letters": (lambda: model(loss="x" * 1000), r"found 'x{76}\.\.\.$"),
    "a number of 400 digits": (step(lr=10**400), r"lr must be a finite number, at least 0, found 10{76}\.\.\.$"),
    "a number of 10000 digits": (step(lr=10**10000), "lr must be a finite number, at least 0, found a int that does not print"),
    "just above one": (lambda: losses.cross_entropy(X, np.where(X.max() == X, 1.0000001, X)), r"x must lie in \[0, 1\], found values from .* to 1.0000001$"),
    # a step
    **{
        f"{backend} step: {name}": (step(backend=backend, **arguments), what)
        for backend in ("numpy", "numba")
        for name, arguments, what in (
            ("negative lr", {"lr": -0.1}, "lr must be a finite number, at least 0, found -0.1"),
            ("lr NaN", {"lr": np.nan}, "lr must be a finite number"),
            ("lr in words", {"lr": "0.1"}, "lr must be a finite number"),
            ("lr None", {"lr": None}, "lr must be a finite number"),
            ("negative l2", {"l2": -1e-3}, "l2 must be a finite number"),
            ("l2 inf", {"l2": np.inf}, "l2 must be a finite number"),
            ("pixels", {"x_tilde": PIXELS}, "x_tilde must be floating-point"),
            ("target pixels", {"x": PIXELS}, "x must be floating-point"),
            ("vector", {"x_tilde": X[0]}, "x_tilde must be a matrix"),
            ("columns", {"x_tilde": X[:, :2]}, "x_tilde must have 4 columns"),
            ("target columns", {"x": X[:, :2]}, "x must have 4 columns"),
            ("target rows", {"x": X[:2]}, "x must have the shape of"),
            ("target range", {"x": X + 0.5}, r"x must lie in \[0, 1\]"),
            ("target negative", {"x": X - 0.5}, r"x must lie in \[0, 1\]"),
            ("target NaN", {"x": NAN}, r"x must lie in \[0, 1\]"),
            ("unknown loss", {"loss": "bce"}, "loss must be one of"),
            ("unknown output", {"output": "relu"}, "output must be one of"),
            ("unknown reduction", {"reduction": "none"}, "reduction must be one of"),
            ("linear entropy", {"output": "linear"}, "output must be 'sigmoid'"),
        )
    },
    "numba step: transposed weights": (
        step(backend="numba", p=params(W=np.asfortranarray(X[:4, :3]))), r"params\['W'\] must be C-contiguous"),
    "unknown backend": (lambda: choose("cuda"), "backend must be one of 'auto', 'numpy', 'numba', found 'cuda'"),
    # losses
    "cross-entropy of vectors": (lambda: losses.cross_entropy(X[0], X[0]), "a_z must be a matrix"),
    "cross-entropy of two shapes": (lambda: losses.cross_entropy(X, X[:3]), "x must have the shape of a_z"),
    "cross-entropy of pixels": (lambda: losses.cross_entropy(X, PIXELS), "x must be floating-point"),
    "cross-entropy of integers": (lambda: losses.cross_entropy(PIXELS, X), "a_z must be floating-point"),
    "cross-entropy of labels": (lambda: losses.cross_entropy(X, np.arange(6)), "x must be a matrix"),
    "cross-entropy, reduction": (lambda: losses.cross_entropy(X, X, "batchmean"), "reduction must be one of"),
    "cross-entropy of nothing": (lambda: losses.cross_entropy(X[:0], X[:0]), "a_z must not be empty"),
    "squared error of two shapes": (lambda: losses.squared_error(X, X[:, :1]), "x must have the shape of z"),
    "squared error that would broadcast": (lambda: losses.squared_error(X, X[:1]), "x must have the shape of z"),
    "squared error, reduction": (lambda: losses.squared_error(X, X, 1), "reduction must be one of"),
    "squared error of text": (lambda: losses.squared_error(X, X.astype(str)), "x must be floating-point"),
    "negative penalty": (lambda: losses.l2_penalty(params(), -1.0), "l2 must be a finite number"),
    # corruption
    **{
        f"{kind}: {name}": (call, what)
        for kind, function in corruption.CORRUPTIONS.items()
        for name, call, what in (
            ("negative level", lambda f=function: f(X, -0.1, RNG), "must be a finite number, at least 0"),
            ("level NaN", lambda f=function: f(X, np.nan, RNG), "must be a finite number"),
            ("level in words", lambda f=function: f(X, "half", RNG), "must be a finite number"),
            ("a seed", lambda f=function: f(X, 0.5, 0), "rng must be a numpy.random.Generator"),
            ("pixels", lambda f=function: f(PIXELS, 0.5, RNG), "x must be floating-point"),
            ("vector", lambda f=function: f(X[0], 0.5, RNG), "x must be a matrix"),
            ("nothing", lambda f=function: f(X[:0], 0.5, RNG), "x must not be empty"),
        )
    },
    "masking more than all": (lambda: corruption.masking(X, 1.01, RNG), "nu must be a finite number, at least 0 and at most 1, found 1.01"),
    "masking per cent": (lambda: corruption.bernoulli_masking(X, 30, RNG), "nu must be a finite number"),
    "salting more than all": (lambda: corruption.salt_and_pepper(X, 2, RNG), "nu must be a finite number"),
    "unknown corruption": (lambda: Corruption("dropout", 0.5), "corruption must be one of"),
    "corruption level None": (lambda: Corruption("masking", None), "corruption level must be a finite number"),
    "corruption that grows past one": (lambda: Corruption("masking", schedules.Linear(0.5, 1.5, 3)), "masking level must be"),
    "corruption without level": (lambda: Corruption.parse("masking"), "corruption must be KIND:LEVEL"),
    "corruption of a percentage": (lambda: Corruption.parse("masking:30%"), "corruption level must be a number, linear"),
    "corruption misspelt": (lambda: Corruption.parse("maskng:0.3"), "corruption must be one of 'masking'"),
    "corruption empty": (lambda: Corruption.parse(""), "corruption must be one of"),
    "corruption negative": (lambda: Corruption.parse("gaussian:-1"), "gaussian level must be a finite number"),
    # schedules
    "schedule of NaN": (lambda: schedules.Constant(np.nan), "level must be a finite number"),
    "schedule of one epoch": (lambda: schedules.Linear(1, 0, 1), "epochs must be an integer of at least 2"),
    "schedule of half an epoch": (lambda: schedules.Linear(1, 0, 2.5), "epochs must be an integer"),
    "schedule to zero by factors": (lambda: schedules.Geometric(1, 0, 5), "last must be a finite number, greater than 0"),
    "schedule from below zero by factors": (lambda: schedules.Geometric(-1, 1, 5), "first must be a finite number"),
    # initializers
    "weights of three axes": (lambda: initializers.glorot_uniform((2, 3, 4), RNG), r"shape must be \(fan_in, fan_out\)"),
    "weights of no axes": (lambda: initializers.sigmoid_uniform((), RNG), r"shape must be \(fan_in, fan_out\)"),
    "weights of no units": (lambda: initializers.glorot_normal((0, 3), RNG), "both at least 1"),
    "weights from a seed": (lambda: initializers.glorot_uniform((2, 3), 1), "rng must be a numpy.random.Generator"),
    "constant NaN": (lambda: initializers.constant(np.nan), "value must be a finite number"),
    # optimizer
    "SGD, negative lr": (lambda: SGD().update({"w": X}, {"w": X}, {}, -1), "lr must be a finite number"),
    "SGD, other gradients": (lambda: SGD().update({"w": X}, {"v": X}, {}, 1), r"grads must hold \['w'\], found \['v'\]"),
    # training
    "no epochs": (train(epochs=0), "epochs must be an integer of at least 1, found 0"),
    "epochs and a half": (train(epochs=1.5), "epochs must be an integer"),
    "no batch": (train(batch_size=0), "batch_size must be an integer"),
    "negative batch": (train(batch_size=-20), "batch_size must be an integer"),
    "lr zero": (train(lr=0), "lr must be a finite number, greater than 0"),
    "lr negative": (train(lr=-0.1), "lr must be a finite number"),
    "lr NaN": (train(lr=np.nan), "lr must be a finite number"),
    "lr in words": (train(lr="fast"), "lr must be a finite number"),
    "lr zero throughout": (train(lr=schedules.Constant(0)), "lr must be greater than 0 in some epoch"),
    "training in words": (lambda: fit(model(), X, training="fast"), "training must be a Training, or its fields by name, found 'fast'"),
    "training twice": (lambda: fit(model(), X, training=Training(1, 0.1), epochs=1), "training must be a Training, or its fields by name"),
    "lr zero in the epochs there are": (train(lr=lambda epoch: 0.1 * (epoch > 1), epochs=2), "lr must be greater than 0 in some epoch"),
    "lr negative in the last epoch, before the first": (lambda: Training(3, schedules.Linear(0.1, -0.1, 3)), "lr must be a finite number, at least 0"),
    "lr that turns negative": (train(lr=schedules.Linear(0.1, -0.1, 3), epochs=3), "lr must be a finite number, at least 0"),
    "l2 negative": (train(l2=-1), "l2 must be a finite number"),
    "patience without validation": (train(patience=3), "patience needs validation data"),
    "patience zero": (train(patience=0, validation=X), "patience must be an integer"),
    "corrupting no validation": (train(corrupt_validation=True, corruption=Corruption("masking", 0.5)), "corrupt_validation needs"),
    "corrupting validation with nothing": (train(corrupt_validation=True, validation=X), "corrupt_validation needs"),
    "resuming nowhere": (train(resume=True), "resume needs the folder"),
    "seed negative": (train(seed=-1), "seed must be an integer of at least 0"),
    "seed a generator": (train(seed=RNG), "seed must be an integer"),
    "seed None": (train(seed=None), "seed must be an integer"),
    "backend unknown": (train(backend="tpu"), "backend must be one of"),
    "backend without a twin": (
        lambda: require("numba") and train(backend="numba", optimizer=type("Mine", (SGD,), {})())(), "has no compiled twin"),
    "data a list": (train([[0.1, 0.2, 0.3, 0.4]]), "x must be an array of at least one example, found list"),
    "data None": (train(None), "x must be an array of at least one example, found NoneType"),
    "data empty": (train(X[:0]), "x must be an array of at least one example"),
    "data without columns": (train(X[:, :0]), "x does not fit the model"),
    "data a scalar": (train(np.array(1.0)), "x must be an array"),
    "data a vector": (train(X[0]), "x does not fit the model: x must be a matrix"),
    "data images": (train(X.reshape(6, 2, 2)), "x does not fit the model: x must be a matrix"),
    "data columns": (train(X[:, :3]), "x does not fit the model: x must have 4 columns"),
    "data NaN": (train(NAN), "x must be finite, found NaN or inf in example 1"),
    "data inf": (train(INF), "x must be finite, found NaN or inf in example 1"),
    "data inf for the squared error": (train(INF, model=model(loss="squared_error")), "x must be finite"),
    "data of 16-bit pixels": (train(PIXELS.astype(np.uint16)), "uint8"),
    "data of labels": (train(np.arange(6)), "uint8"),
    "data of text": (train(X.astype(str)), "uint8"),
    "data of objects": (train(X.astype(object)), "uint8"),
    "data complex": (train(X.astype(complex)), "uint8"),
    "data above one": (train(X * 2), r"x does not fit the model: target must lie in \[0, 1\]"),
    "data above one late": (train(np.vstack([np.tile(X, (400, 1)), 2 * X])), r"target must lie in \[0, 1\]"),
    "data of 0 to 255": (train(PIXELS.astype(float)), r"target must lie in \[0, 1\]"),
    "target rows": (train(target=X[:5]), "x and its target must have as many examples, found 6 and 5"),
    "target columns": (train(target=X[:, :3]), "target must have 4 columns"),
    "target NaN": (train(target=NAN), r"target must lie in \[0, 1\]"),
    "target labels": (train(target=np.arange(6)), "target must be a matrix"),
    "target None rows": (train(target=X[:0]), "x's target must be an array of at least one example"),
    "validation columns": (train(validation=X[:, :3]), "validation does not fit the model"),
    "validation NaN": (train(validation=NAN), "validation must be finite"),
    "validation empty": (train(validation=X[:0]), "validation must be an array of at least one example"),
    "validation target rows": (train(validation=(X, X[:2])), "validation and its target must have as many examples"),
    "validation range": (train(validation=X * 3), r"validation does not fit the model: target must lie in \[0, 1\]"),
    "validation that is to be corrupted, and is not there": (train(corruption=Corruption("masking", 0.3), corrupt_validation=True), "corrupt_validation needs a corruption and validation data"),
    "validation that is to be corrupted, by nothing": (train(validation=X, corrupt_validation=True), "corrupt_validation needs a corruption and validation data"),
    "noise of two": (lambda: evaluate(model(), X, noise=(Corruption("masking", 0.3), 0)), "noise must be a corruption, an epoch and a generator"),
    "noise in words": (lambda: evaluate(model(), X, noise=("masking", 0, RNG)), "noise's corruption must be a Corruption"),
    "validation of three": (train(validation=(X, X, X)), "validation must be inputs, or inputs and targets"),
    "resume in words": (train(resume="no"), "resume must be True or False, found 'no'"),
    "progress an array": (train(progress=X), "progress must be True or False, found float64 of shape"),
    "out a number": (train(out=3), "out must be a path, found 3"),
    "out empty": (train(out=""), "out must be a path, found ''"),
    "on_epoch in words": (train(on_epoch="print"), "on_epoch must be a function, found 'print'"),
    "optimizer in words": (train(optimizer="adam"), "optimizer must be an update rule of scratchdae.optimizers, found 'adam'"),
    "corruption in words": (train(corruption="masking:0.3"), "corruption must be a Corruption, found 'masking:0.3'"),
    "a model that is none": (train(model="autoencoder"), "model must be a model, such as DenoisingAutoencoder, found 'autoencoder'"),
    "target of text": (train(target=np.array(list("abcdef")), model=network()), "x's target must be labels, uint8 .* or floating-point, found dtype <U1"),
    "target of objects": (train(target=np.array([None] * 6), model=network()), "x's target must be labels, .* found dtype object"),
    "target of records": (train(target=np.zeros(6, [("x", "f8")])), "x's target must be labels, .* found dtype"),
    "validation target of text": (train(validation=(X, np.array(list("abcdef"))), model=network()), "validation's target must be labels, .* found dtype <U1"),
    "target inf for the squared error": (train(target=INF, model=model(loss="squared_error")), "x's target must be finite, found NaN or inf in example 1"),
    "streams of a fraction": (lambda: streams(0.5), "seed must be an integer"),
    "evaluate columns": (lambda: evaluate(model(), X[:, :3]), "must have 4 columns"),
    # gradient check
    "gradcheck of nothing": (check(square, {}), "params must hold at least one array"),
    "gradcheck of float32": (check(square, {"w": np.ones(3, np.float32)}), r"params\['w'\] must be a float64 array"),
    "gradcheck of integers": (check(square, {"w": np.ones(3, int)}), r"params\['w'\] must be a float64 array"),
    "gradcheck of an empty array": (check(square, {"w": np.ones(0)}), "at least one entry"),
    "gradcheck, method": (check(square, method="forward"), "method must be one of"),
    "gradcheck, entries": (check(square, max_entries=0), "max_entries must be an integer"),
    "gradcheck, tolerance": (check(square, tolerance=0), "tolerance must be a finite number, greater than 0"),
    "gradcheck, a seed": (check(square, rng=0), "rng must be a numpy.random.Generator"),
    "gradcheck, gradient missing": (check(lambda p: (p["w"].sum(), {})), r"must return gradients for \['w'\], found \[\]"),
    "gradcheck, gradient shape": (check(lambda p: (p["w"].sum(), {"w": np.ones(2)})), r"grads\['w'\] must be real, of shape \(3,\), found float64 of shape \(2,\)"),
    "gradcheck, loss per example": (check(lambda p: (p["w"], {"w": p["w"]})), "must return a finite scalar loss"),
    "gradcheck, loss NaN": (check(lambda p: (np.nan, {"w": p["w"]})), "must return a finite scalar loss"),
    "gradcheck, loss that varies": (check(lambda p: (RNG.random(), {"w": p["w"]})), "must return the same loss for the same arrays"),
    "gradcheck, complex step impossible": (check(lambda p: (float(p["w"].sum().real), {"w": p["w"]}), method="complex"), "complex arrays"),
    "gradcheck, a loss of text": (check(lambda p: ("low", {"w": p["w"]})), "loss_and_grads must return a real number and a dict"),
    "gradcheck, a complex loss": (check(lambda p: (1j, {"w": p["w"]})), "loss_and_grads must return a real number and a dict"),
    "gradcheck, a gradient of text": (check(lambda p: (1.0, {"w": "steep"})), r"grads\['w'\] must be an array of real numbers, found 'steep'"),
    "gradcheck, a gradient of objects": (check(lambda p: (1.0, {"w": p["w"].astype(object)})), r"grads\['w'\] must be an array of real numbers"),
    **{
        f"{method.__name__}, {name}": (lambda f=f, p=p, v=v, method=method: method(f, p, v), what)
        for method in (gradcheck.complex_step, gradcheck.central_difference, gradcheck.taylor_order)
        for name, f, p, v, what in (
            ("no answer", lambda p: None, W, W, "loss_and_grads must return"),
            ("a loss per example", lambda p: (p["w"], p), W, W, "loss_and_grads must return"),
            ("no loss", lambda p: (None, p), W, W, "loss_and_grads"),
            ("a point of text", square, {"w": np.array(["a"])}, {"w": np.ones(1)}, r"params\['w'\] must be an array of numbers"),
            ("a direction of dates", square, W, {"w": np.ones(3, "M8[s]")}, r"v\['w'\] must be an array of numbers"),
            ("a direction of objects", square, W, {"w": np.array([None] * 3)}, r"v\['w'\] must be an array of numbers"),
        )
    },
    "central difference, a loss of text": (lambda: gradcheck.central_difference(lambda p: ("low", p), W, W), "must return a real number and a dict"),
    "Taylor order, another gradient": (lambda: gradcheck.taylor_order(lambda p: (1.0, {"b": p["w"]}), W, W), r"must return gradients for \['w'\], found \['b'\]"),
    "Taylor order, gradient shape": (lambda: gradcheck.taylor_order(lambda p: (1.0, {"w": np.ones(2)}), W, W), r"grads\['w'\] must be real, of shape \(3,\)"),
    # pictures
    "tiles of another shape": (lambda: tile(X, (3, 3), 2), r"images must have shape \(N, 9\)"),
    "tiles of nothing": (lambda: tile(X[:0], (2, 2), 2), "images must have shape"),
    "tiles in no columns": (lambda: tile(X, (2, 2), 0), "columns must be an integer"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "what"), CASES.values(), ids=CASES)
def test_is_refused_by_name(call, what):
    with pytest.raises(ValueError, match=what):
        call()


@pytest.mark.parametrize(
    "options", [{"x": NAN}, {"x": X[:, :3]}, {"epochs": 0}, {"seed": -1}, {"backend": "tpu"}, {"patience": 1}]
)
def test_a_refused_training_writes_and_changes_nothing(options, tmp_path):
    trained = model()
    before = {name: value.copy() for name, value in trained.params.items()}
    arguments = {"x": X, "epochs": 1, "lr": 0.1} | options
    with pytest.raises(ValueError, match=r"must|needs|fit"):
        fit(trained, arguments.pop("x"), out=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()
    for name, value in trained.params.items():
        np.testing.assert_array_equal(value, before[name])


def test_labels_of_uint8_beside_images_are_all_looked_at(tmp_path):
    with pytest.raises(ValueError, match="target must be integer labels from 0 to 3, found labels from 0 to 4"):
        train(PIXELS, target=np.array([0, 1, 2, 3, 3, 4], np.uint8), model=classifier(), out=tmp_path / "run")()
    assert not (tmp_path / "run").exists()


def test_a_refused_step_changes_nothing(backend):
    mine = params()
    before = {name: value.copy() for name, value in mine.items()}
    for options in ({"x": NAN}, {"lr": -1.0}, {"l2": np.nan}, {"loss": "bce"}):
        with pytest.raises(ValueError, match="must"):
            step(p=mine, backend=backend, **options)()
    for name, value in mine.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("text", [b"{", b"[1]", b'"a"', b'{"epoch": 1}\nnonsense', b"\xff{}", b"[" * 10_000])
def test_a_history_that_is_none(text, tmp_path):
    (tmp_path / "history.jsonl").write_bytes(text)
    with pytest.raises(ValueError, match=r"history.jsonl, line \d: expected"):
        History.read(tmp_path / "history.jsonl")
