# ruff: noqa: E501, I001  # a table: a call a line
"""The API: a good call of every public function and class, one argument of which is replaced by a malformed relative.

A public name that has no row here is in `INSIDE`, with the reason why it is no door.
"""

import copy
from pathlib import Path
from types import ModuleType

import numpy as np
from malformed import relative
from verdict import Case

import scratchdae as s
from scratchdae import autoencoder, conformance, corruption, datasets, exercises, floors, gradcheck, initializers, interchange, layers, losses, optimizers, plots, rbm, schedules, sweep  # fmt: skip

HERE = Path()  # stands for the folder that a call may use
NAME, F = "tied_cross_entropy", "float64"


def x(rows=6, columns=4):
    return np.random.default_rng(1).random((rows, columns))


def rng():
    return np.random.default_rng(0)


def dae(dtype=np.float64):
    return s.DenoisingAutoencoder(4, 3, rng(), dtype=dtype)


def net():
    return s.Sequential([layers.Dense(5), layers.Sigmoid(), layers.Dense(3)], (4,), rng(), loss="softmax_cross_entropy")


def machine():
    return s.RestrictedBoltzmannMachine(4, 3, rng())


def options(**more):
    return {"epochs": 1, "lr": 0.1, "batch_size": 2, "seed": 0, "backend": "numpy", "progress": False} | more


def square(params):
    return sum((v * v).sum() for v in params.values()), {name: 2 * v for name, v in params.items()}


def trial(a, seed):
    return a + seed


def axes():
    from matplotlib.figure import Figure

    return Figure().subplots()


T, X, W, RNG, P = np.arange(6) % 3, x(), np.ones((3, 4)) / 3, rng(), dae().params
IMAGES, CASES = np.random.default_rng(2).random((3, 8, 8)), conformance.load_cases(names=[NAME])
KINDS = {"loss": "cross_entropy", "output": "sigmoid", "reduction": "paper"}
EPOCH = {
    "epoch": 1,
    "loss": 0.5,
    "penalty": 0.0,
    "validation_loss": 0.4,
    "validation_error": None,
    "lr": 0.1,
    "corruption": 0.1,
}
HISTORY, NETWORKS = [EPOCH, EPOCH | {"epoch": 2}], {"input_shape": (4,), "rng": RNG, "loss": "squared_error", "reduction": "mean", "output_shape": (2,), "dtype": F}  # fmt: skip
VALUES, TANGENT = {"w": np.ones((2, 2))}, {"w": np.ones((2, 2)) / 2}
ROWS = [  # what is called, and its arguments, copied for each call; a path is inside the call's folder
    (s.fit, {"model": dae(), "x": X, "target": X, "validation": X, "out": HERE / "run", "resume": False, "corrupt_validation": False, "error": None,
             "origin": {"a": 1}, "on_epoch": None, "patience": 3, "l2": 0.01, "optimizer": optimizers.Adam(), "corruption": s.Corruption("masking", 0.3), **options()}),
    (s.fit, {"model": net(), "x": X, "target": T, "validation": (X, T), "error": s.classification_error, **options()}),
    (s.fit, {"model": machine(), "x": X, "training": s.Training(1, 0.1), "progress": False}),
    (s.Training, {"epochs": 2, "lr": 0.1, "batch_size": 5, "optimizer": optimizers.SGD(), "corruption": s.Corruption("masking", 0.1), "l2": 0.1, "patience": 2, "seed": 1, "backend": "numpy"}),
    (s.evaluate, {"model": dae(), "x": X, "target": X, "params": P, "noise": (s.Corruption("masking", 0.1), 0, RNG)}),
    (s.classification_error, {"model": net(), "x": X, "labels": T, "params": net().params}),
    (s.layer_statistics, {"network": net(), "x": X, "target": T, "params": net().params, "updated": net().params, "rng": RNG}),
    (s.pretrain, {"x": X, "specs": [s.LayerSpec(3, epochs=1), s.LayerSpec(2, epochs=1)], "validation": X, "seed": 1, "dtype": np.float32, "backend": "numpy", "out": HERE / "p", "resume": False, "progress": False, "on_epoch": None}),
    (s.finetune, {"layers": [dae()], "x": X, "labels": T, "classes": 3, "init_W": "zeros", "validation": (X, T), "out": HERE / "f", "resume": False, "on_epoch": None, **options()}),
    (s.streams, {"seed": 3}), (s.GrowingPatience, {"epochs": 2, "factor": 2.0, "threshold": 0.9}), (s.GrowingPatience().over, {"errors": np.ones(4)}),
    (s.History, {"records": HISTORY, "backend": "numpy"}), (s.History(HISTORY).write, {"path": HERE / "written.jsonl"}),
    (s.History.read, {"path": HERE / "history.jsonl"}), (s.load_model, {"path": HERE / "checkpoint.safetensors"}),
    (s.DenoisingAutoencoder, {"n_visible": 4, "n_hidden": 3, "rng": RNG, "tied": True, "dtype": F, "initializer": initializers.sigmoid_uniform, **KINDS}),
    (s.RestrictedBoltzmannMachine, {"n_visible": 4, "n_hidden": 3, "rng": RNG, "k": 1, "visible": "samples", "dtype": "float32", "initializer": initializers.normal}),
    (s.Sequential, {"layers": [layers.Dense(3), layers.ReLU(), layers.Dense(2)], **NETWORKS}),
    (s.LayerSpec, {"units": 3, "nu": 0.1, "lr": 0.1, "epochs": 2, "batch_size": 5, "loss": "cross_entropy", "kind": "autoencoder", "k": 1}),
    (s.LayerSpec(3).build, {"n_visible": 4, "rng": RNG, "dtype": F}),
    *[(type(model).from_config, {"config": model.config, "params": model.params}) for model in (dae(), net(), machine())],
    (dae().loss_and_grads, {"params": P, "x_tilde": X, "x": X}), (dae().loss, {"params": P, "x_tilde": X, "x": X}),
    (net().loss_and_grads, {"params": net().params, "x": X, "target": T, "rng": RNG}), (net().loss, {"params": net().params, "x": X, "target": T}),
    (machine().loss_and_grads, {"params": machine().params, "x": X, "target": X, "rng": RNG}),
    (dae().encode, {"x": X}), (dae().reconstruct, {"x": X}), (machine().encode, {"x": X}), (net().predict, {"x": X}),
    (autoencoder.encode, {"params": P, "x": X}), (autoencoder.decode, {"params": P, "y": x(6, 3)}), (autoencoder.forward, {"params": P, "x_tilde": X}),
    (autoencoder.loss_and_grads, {"params": P, "x_tilde": X, "x": X, **KINDS}), (autoencoder.sgd_step, {"params": P, "x_tilde": X, "x": X, "lr": 0.1, "l2": 0.1, **KINDS}),
    (autoencoder.sgd_steps, {"params": P, "x_tilde": X[None], "x": X[None], "lr": 0.1, "l2": 0.1, **KINDS}),
    (losses.cross_entropy, {"a_z": X, "x": X, "reduction": "paper"}), (losses.squared_error, {"z": X, "x": X, "reduction": "mean"}),
    (losses.absolute_error, {"z": X, "x": X, "reduction": "mean"}), (losses.huber, {"z": X, "x": X, "reduction": "mean", "delta": 1.0}),
    (losses.softmax_cross_entropy, {"a": X, "t": T, "reduction": "mean"}), (losses.l2_penalty, {"params": {"W": W}, "l2": 0.1}),
    *[(function, {"x": X, "nu": 0.3, "rng": RNG}) for function in (corruption.masking, corruption.bernoulli_masking, corruption.salt_and_pepper)],
    (corruption.gaussian, {"x": X, "sigma": 0.3, "rng": RNG}), (corruption.block, {"x": IMAGES, "nu": 0.3, "rng": RNG}),
    (s.Corruption, {"kind": "masking", "level": 0.3}), (s.Corruption.parse, {"text": "masking:linear(0, 0.3, 9)"}),
    (s.Corruption("gaussian", 0.1).corrupt, {"x": X, "rng": RNG, "epoch": 1}),
    (rbm.energy, {"params": machine().params, "v": X, "h": x(6, 3)}), (rbm.free_energy, {"params": machine().params, "v": X}),
    (rbm.contrastive_divergence, {"params": machine().params, "v": X, "hidden": np.full((1, 6, 3), 0.5), "visible": np.full((1, 6, 4), 0.5)}),
    (rbm.log_pseudo_likelihood, {"params": machine().params, "v": X, "units": np.zeros(6, int)}),
    (layers.LeakyReLU, {"slope": 0.1}), (layers.ELU, {"alpha": 1.0}), (layers.GELU, {"approximate": "tanh"}), (layers.Dense, {"units": 3, "init_W": "zeros"}),
    *[(kind, {"filters": 2, "kernel": (3, 3), "stride": 2, "padding": "same", "init_W": "he_normal"}) for kind in (layers.Conv2D, layers.Conv2DTranspose)],
    (layers.LSTM, {"units": 3, "return_sequences": True, "activation": "relu", "forget_bias": 1.0, "init_W": "zeros", "init_U": "zeros"}),
    (layers.BatchNorm, {"decay_rate": 0.9, "eps": 1e-3, "running": "biased"}), (layers.BatchNorm.of, {"convention": "keras"}), (layers.TiedDense, {"units": 3, "tied_to": 0}),
    (layers.L1Activity, {"weight": 0.1}), (layers.KLSparsity, {"rho": 0.05, "weight": 0.1}), (layers.ContractiveDense, {"units": 3, "init_W": "zeros", "weight": 0.1}),
    *[(kind, {"filters": 2, "kernel": 3, "stride": 2, "padding": "same", "init_W": "he_normal"}) for kind in (layers.Conv1D, layers.Conv1DTranspose)],
    (layers.GRU, {"units": 3, "return_sequences": True, "activation": "identity", "reset": "before", "init_W": "zeros", "init_U": "zeros"}),
    (layers.Dropout, {"rate": 0.5}), (layers.GaussianNoise, {"std": 0.1}), (layers.RepeatVector, {"n": 3}), (layers.Reshape, {"shape": (2, 2)}),
    *[(kind, {"pool": 2, "stride": (2, 2), "padding": "valid"}) for kind in (layers.AveragePool2D, layers.MaxPool2D)], (layers.UpSampling2D, {"factor": (2, 2)}),
    *[(getattr(layer, name), {"input_shape": shape, **more}) for name, more in (("output_shape", {}), ("init", {"rng": RNG, "dtype": F}))
      for layer, shape in ((layers.Dense(3), (4,)), (layers.Conv2D(2), (8, 8, 1)), (layers.LSTM(3), (5, 2)), (layers.Flatten(), (2, 2)), (layers.MaxPool2D(), (8, 8, 1)))],
    (optimizers.SGD, {"momentum": 0.9, "nesterov": True, "dampening": 0.0, "momentum_lr": "outside", "weight_decay": 0.1, "decay": "gradient", "decayed": "weights"}),
    (optimizers.Adadelta, {"decay_rate": 0.9, "eps": 1e-6, "weight_decay": 0.1}),
    (optimizers.Adagrad, {"initial": 0.1, "eps": 1e-8, "epsilon": "inside", "weight_decay": 0.1}), (optimizers.Adam, {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "epsilon": "outside"}),
    (optimizers.AdamW, {"weight_decay": 0.1, "beta1": 0.9, "decayed": "all"}), (optimizers.RMSprop, {"decay_rate": 0.9, "momentum": 0.1, "centred": True, "eps": 1e-8, "momentum_lr": "inside"}),
    (optimizers.Clipped, {"rule": optimizers.SGD(), "max_norm": 1.0, "limit": None, "convention": "optax"}),
    (optimizers.Adam().update, {"params": VALUES, "grads": TANGENT, "state": optimizers.Adam().init(VALUES), "lr": 0.1}),
    (optimizers.clip_by_norm, {"grads": TANGENT, "max_norm": 0.1, "convention": "torch"}), (optimizers.clip_by_value, {"grads": TANGENT, "limit": 0.1}),
    *[(kind, {"first": 0.1, "last": 0.2, "epochs": 3}) for kind in (schedules.Linear, schedules.Geometric, schedules.Cosine)], (schedules.Constant, {"level": 0.1}),
    (schedules.Step, {"first": 1.0, "factor": 0.5, "every": 2}), (schedules.Exponential, {"first": 0.1, "factor": 0.9}),
    (schedules.WarmUp, {"epochs": 3, "then": schedules.Constant(0.1)}), (schedules.parse, {"name": "lr", "text": "warmup(3, linear(0.1, 0.2, 9))"}),
    *[(initializers.get(name), {"shape": (3, 4), "rng": RNG, "dtype": F}) for name in ("glorot_uniform", "he_normal", "orthogonal", "normal", "zeros")],
    (initializers.constant, {"value": 0.1}), (initializers.get, {"name_or_callable": "zeros"}), (s.backend.choose, {"name": "numpy"}),
    (gradcheck.check, {"loss_and_grads": square, "params": VALUES, "method": "auto", "rng": RNG, "tolerance": 1e-6, "max_entries": 3}),
    *[(function, {"loss_and_grads": square, "params": VALUES, "v": TANGENT, "step": 1e-6}) for function in (gradcheck.complex_step, gradcheck.central_difference)],
    (floors.survey, {"x": x(9, 16), "rng": RNG, "codes": (1, 2), "noises": (0.1,), "masks": (0.1, 0.5), "exact_count": True, "limits": (0.0, 1.0), "image_shape": (4, 4), "pools": (2,)}),
    (floors.cross_entropy, {"x": W}), (floors.pca, {"x": W}), (floors.eigenvalues, {"x": W}), (floors.constant, {"x": W, "loss": "squared_error"}),
    (floors.output_range, {"x": W, "low": 0.0, "high": 1.0}), (floors.average_pooling, {"images": IMAGES, "k": 2}), (floors.masking_binary, {"p": W[0], "nu": 0.3}),
    (floors.masking, {"S": W.T @ W, "nu": 0.3, "mean": W[0], "exact_count": True}), (floors.binary_entropy, {"p": W[0]}), (floors.digamma, {"x": 0.5}),
    (floors.wiener, {"eigenvalues": W[0], "s": 0.1, "k": 2}), (floors.linear_codes, {"values": W[0]}), (floors.independent, {"k": 1, "d": 2, "variance": 0.1}),
    (floors.standing, {"model": lambda x: x, "x": W, "target": W, "loss": "cross_entropy"}),
    (floors.relative_excess, {"loss": 0.3, "floor": 0.1, "ceiling": 0.5}),
    (datasets.to_float, {"x": W, "dtype": F}), (datasets.to_float, {"x": np.zeros((2, 16)), "side": 2}), (datasets.bernoulli, {"n": 3, "d": 2, "rng": RNG, "p": 0.5}), (datasets.uniform, {"n": 3, "d": 2, "rng": RNG}),
    (datasets.curve, {"t": W[0]}), (datasets.curved_manifold, {"n": 3, "rng": RNG, "noise": 0.1}), (datasets.sinusoids, {"n": 2, "steps": 3, "features": 1, "rng": RNG}),
    (datasets.draw_digits, {"n": 2, "rng": RNG}), (datasets.draw_labelled_digits, {"t": np.arange(3), "rng": RNG}), (datasets.read_idx, {"path": HERE / "a.idx"}),
    (datasets.read, {"text": "digits", "sets": ("digits",), "shape": (28, 28), "channels": "last", "transpose": True, "label": "none", "scale": 255.0, "alpha": "black", "frame": 2, "hop": 1}),
    (datasets.rotate, {"images": (9 * IMAGES).astype(np.uint8), "angles": np.ones(3)}), (datasets.larochelle, {"problem": "rect", "seed": 0, "sizes": (2, 2, 2)}),
    (conformance.load_cases, {"root": None, "groups": ["autoencoder"], "names": [NAME], "spec": 1}),
    (exercises.check, {"path": HERE / "05_tied_gradient.py", "hints": 2}),
    (conformance.check, {"adapter": "reference", "cases": CASES, "explain": False, "groups": ["autoencoder"], "timeout": None}),
    (conformance.explain, {"case": CASES[0], "answer": dict(CASES[0].expected), "dtype": F}), (sweep.Trial, {"function": trial, "arguments": {"a": 1}, "seed": 3}),
    (sweep.sweep, {"trials": [sweep.Trial(trial, {"a": a}) for a in (1, 2)], "seed": 1, "executor": None, "file": HERE / "r.jsonl", "folders": None, "retry_failed": False, "attempts": 2, "in_flight": 1, "progress": False}),
    (sweep.grid, {"a": [1, 2], "b": ["c"]}), (sweep.Uniform, {"low": 0.1, "high": 0.2}), (sweep.LogUniform, {"low": 0.1, "high": 0.2}), (sweep.Integers, {"low": 1, "high": 3}),
    (sweep.Choice, {"values": [1, 2]}), (sweep.processes, {"workers": 1, "threads": 1}), (sweep.random_search, {"n": 2, "rng": RNG, "a": sweep.Uniform(0.1, 0.2)}),
    (sweep.best, {"results": sweep.sweep([sweep.Trial(trial, {"a": 1})], progress=False), "key": float, "maximize": True}),
    (interchange.state_dict, {"model": net()}), (interchange.load_state_dict, {"model": net(), "found": interchange.state_dict(net())}),
    (interchange.save_safetensors, {"model": dae(), "path": HERE / "saved.safetensors"}), (interchange.load_safetensors, {"model": net(), "path": HERE / "weights.safetensors"}),
    (plots.tile, {"images": IMAGES.reshape(3, 64), "image_shape": (8, 8), "columns": 2, "gap": 0.0}),
    (lambda **given: plots.filters(axes(), **given), {"W": x(4, 3), "image_shape": (2, 2), "n": 2, "columns": 2}),
    (lambda **given: plots.reconstructions(axes(), **given), {"corrupted": X, "reconstructed": X, "clean": X, "image_shape": (2, 2), "n": 3}),
]  # fmt: skip
INSIDE = {
    "protocols and records": "Posted Activation AnySchedule Cache Case Chapter Dataset Failure Floor Initializer Layer MnistFiles NonFiniteError Optimizer Report Result Row Rule Standing Stored Survey ThreePartDataset Unsupported",
    "activations, which compute on whatever NumPy does": "identity identity_derivative leaky_relu leaky_relu_derivative relu relu_derivative sigmoid sigmoid_derivative softmax softmax_backward softplus softplus_derivative tanh tanh_derivative",
    "behind a check": "cross_entropy_alone absolute_error_over backward check_batch check_options check_params named cross_entropy_over divisor draw fans free_energy_grads gibbs_step gradients huber_over output_loss softmax_cross_entropy_over squared_error_over bernoulli_mask exact_mask global_norm taylor_order",
    "without arguments, or like a row": "Flatten Identity MaxPool2D ReLU SiLU Sigmoid Softmax Softplus Tanh digits he_uniform glorot_normal lecun_normal lecun_uniform sigmoid_uniform beta_cross_entropy best_constant permute_features project_to_curve redundant_columns sample_pca",
    "of PyTorch and Keras, in tests/interchange": "from_keras from_torch to_keras to_torch",
    "the doctor, which tests/doctor gives broken trainings and curves": "examine from_history watch",
    "networks and folders, fuzzed by files and the command line": "fetch_larochelle fetch_mnist freeze_digits larochelle_original locate_mnist mnist",
    "the switch, and pictures of what was checked": "numba_available provide loops using twin parametrize_with_vectors code_floors curves filters floor_bars floor_line legend logarithmic noise_floors picture_rows points reconstructions save sheet tiles",
}  # fmt: skip
ALSO = {  # what a sentence may call an argument besides
    "level": ("nu", "sigma"), "noise": ("corruption", "epoch", "rng"), "labels": ("target", "t"), "specs": ("units",), "records": ("record",), "network": ("model",),
    "target": ("labels",), "layers": ("layer",), "groups": ("group",), "names": ("name",), "trials": ("Trial",), "arguments": ("argument",), "file": ("path",),
    "config": ("model",), "init_W": ("initializer",), "init_U": ("initializer",), "name_or_callable": ("initializer",), "kind": ("corruption",),
    "name": ("backend", "lr"), "text": ("lr", "corruption"), "low": ("high",), "first": ("last",),
}  # fmt: skip
FILES: dict[str, bytes] = {}  # good ones, by the name of the path that asks for them


def public_names():
    """List the functions and classes of the map and of its modules."""
    for name in s.__all__:
        found = getattr(s, name)
        if not isinstance(found, ModuleType):
            yield name
            continue
        for one in getattr(found, "__all__", None) or vars(found):
            value = getattr(found, one)
            if not one.startswith("_") and callable(value) and value.__module__.startswith(found.__name__):
                yield one


def made(arguments, folder):
    """Copy the arguments of a call, and put its paths into a folder, with the files that it reads."""
    for path in arguments.values():
        if isinstance(path, Path) and path.name in FILES:
            (folder / path).write_bytes(FILES[path.name])
    return {
        name: folder / value if isinstance(value, Path) else copy.deepcopy(value) for name, value in arguments.items()
    }


def warm(root):
    """Compile the loops of layers, which must not count as a call that hangs; make the good files."""
    net().loss_and_grads(net().params, X, T, rng())
    s.fit(dae(), X, out=root / "good", **options())
    interchange.save_safetensors(net(), root / "good" / "weights.safetensors")
    FILES.update(
        {path.name: path.read_bytes() for path in (root / "good").iterdir()}, **{"a.idx": b"\0\0\x08\x01\0\0\0\x02ab"}
    )


def case(draw, folder):
    """Draw a call, an argument of it, and a malformed relative."""
    function, good = draw.choice(ROWS)
    arguments = made(good, folder)
    argument = draw.choice([one for one in arguments if one != "progress"])
    did, arguments[argument] = relative(argument, arguments[argument], draw)
    if draw.random() < 0.02:
        did = "left out"
        del arguments[argument]
    names = (argument, *ALSO.get(argument, ()), *map(str, good[argument] if isinstance(good[argument], dict) else ()))
    if isinstance(good[argument], Path):  # a file is named by its path
        names += (str(arguments.get(argument)),)
    label = f"{getattr(function, '__qualname__', function)}({argument}: {did})"
    others = {name: value for name, value in arguments.items() if name != argument}
    return Case(label, names, lambda: function(**arguments), others, folder)
