"""Every update rule is a row of `ROWS`, which buys it the suite.

Ten steps with a changing learning rate reproduce each framework's own numbers; then purity, dtype, NaN, descent, bad
input, checkpoints, printing. The suite is itself tested with planted bugs, and so are the numbers.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
import pytest

from scratchdae import optimizers
from scratchdae.optimizers import CONVENTIONS, SGD, Adadelta, Adagrad, Adam, AdamW, Clipped, RMSprop
from scratchdae.training import checkpoint


class Row(NamedTuple):
    """What the suite is told of a rule."""

    suite: list[Any]  # rules of this class that go through all of CHECKS
    twins: list[tuple[Any, ...]]  # a framework, options here, and there if they are other ones
    refused: list[tuple[dict[str, Any], str]]  # options, and what the error says
    differ_with: dict[str, Any]  # options with which the frameworks' rules differ from each other
    alike: frozenset[str] = frozenset()  # but for these two
    rate: float = 0.03  # at which it goes downhill in 300 steps


ROWS = {
    SGD: Row(
        suite=[
            SGD(),
            SGD(momentum=0.9),
            SGD(momentum=0.9, dampening=0.1, weight_decay=0.1),
            SGD.of("keras", momentum=0.9, nesterov=True),
        ],
        twins=[
            ("torch", {}),
            ("torch", {"weight_decay": 0.1}),
            ("torch", {"momentum": 0.9}),
            ("torch", {"momentum": 0.9, "weight_decay": 0.1}),
            ("torch", {"momentum": 0.9, "dampening": 0.3}),
            ("torch", {"momentum": 0.9, "nesterov": True}),
            ("optax", {}),
            ("optax", {"momentum": 0.9}),
            ("optax", {"momentum": 0.9, "nesterov": True}),
            ("keras", {}),
            ("keras", {"weight_decay": 0.1}),
            ("keras", {"momentum": 0.9}),
            ("keras", {"momentum": 0.9, "weight_decay": 0.1}),
            ("keras", {"momentum": 0.9, "nesterov": True}),
        ],
        refused=[
            ({"momentum": 1.0}, "momentum must be less than 1"),
            ({"momentum": -0.1}, "momentum must be a finite number, at least 0"),
            ({"nesterov": True}, "nesterov needs momentum > 0"),
            ({"momentum": 0.9, "nesterov": True, "dampening": 0.1}, "nesterov needs momentum > 0 and dampening = 0"),
            ({"momentum": 0.9, "dampening": -0.1}, "dampening must be a finite number, at least 0 and at most 1"),
            ({"momentum": 0.9, "dampening": 1.1}, "dampening must be a finite number, at least 0 and at most 1"),
            ({"dampening": 0.1}, "dampening and momentum_lr need momentum"),
            ({"momentum": 0.9, "momentum_lr": "both"}, "momentum_lr must be one of"),
        ],
        differ_with={"momentum": 0.9},
        alike=frozenset({"torch", "optax"}),
    ),
    RMSprop: Row(
        suite=[RMSprop(), RMSprop(momentum=0.9, centred=True)],
        twins=[
            ("torch", {}),
            ("torch", {"momentum": 0.8}),
            ("torch", {"centred": True}),
            ("torch", {"centred": True, "momentum": 0.8, "weight_decay": 0.1}),
            ("optax", {}),
            ("optax", {"momentum": 0.8}),
            ("optax", {"centred": True}),
            ("optax", {"centred": True, "momentum": 0.8}),
            ("optax", {"epsilon": "outside"}, {"eps_in_sqrt": False}),
            ("keras", {}),
            ("keras", {"momentum": 0.8}),
            ("keras", {"centred": True}),
            ("keras", {"centred": True, "momentum": 0.8, "weight_decay": 0.1}),
        ],
        refused=[
            ({"decay_rate": 1.0}, "decay_rate must be less than 1"),
            ({"eps": 0.0}, "eps must be a finite number, greater than 0"),
            ({"epsilon": "hat"}, "epsilon must be one of 'outside', 'inside', found 'hat'"),
        ],
        differ_with={"momentum": 0.9},
    ),
    Adam: Row(
        suite=[Adam(), Adam.of("keras")],
        twins=[
            ("torch", {}),
            ("torch", {"beta1": 0.5, "beta2": 0.9, "eps": 1e-4}, {"betas": (0.5, 0.9), "eps": 1e-4}),
            ("torch", {"weight_decay": 0.1}),
            ("optax", {}),
            ("optax", {"epsilon": "inside", "eps": 1e-6}, {"eps": 0.0, "eps_root": 1e-6}),
            ("keras", {}),
            ("keras", {"weight_decay": 0.1}),
        ],
        refused=[
            ({"beta1": 1.0}, "beta1 must be less than 1"),
            ({"beta2": np.nan}, "beta2 must be a finite number"),
            ({"epsilon": "none"}, "epsilon must be one of"),
        ],
        differ_with={},
        alike=frozenset({"torch", "optax"}),
    ),
    AdamW: Row(
        suite=[AdamW()],
        twins=[
            ("torch", {}),
            ("optax", {}),
            (
                "optax",
                {"weight_decay": 0.1, "decayed": "weights"},
                {"weight_decay": 0.1, "mask": {"W": True, "b": False}},
            ),
            ("keras", {}),
        ],
        refused=[],
        differ_with={},
    ),
    Adagrad: Row(
        suite=[Adagrad(), Adagrad.of("keras", weight_decay=0.1)],
        twins=[
            ("torch", {}),
            ("torch", {"initial": 0.1}, {"initial_accumulator_value": 0.1}),
            ("torch", {"weight_decay": 0.1, "eps": 1e-4}),
            ("optax", {}),
            ("optax", {"initial": 0.0, "eps": 1e-4}, {"initial_accumulator_value": 0.0, "eps": 1e-4}),
            ("keras", {}),
            ("keras", {"weight_decay": 0.1, "initial": 1.0}, {"weight_decay": 0.1, "initial_accumulator_value": 1.0}),
        ],
        refused=[
            ({"initial": -0.1}, "initial must be a finite number, at least 0"),
            ({"eps": 0.0}, "eps must be a finite number, greater than 0"),
            ({"epsilon": "hat"}, "epsilon must be one of 'outside', 'inside', found 'hat'"),
        ],
        differ_with={},
        alike=frozenset({"optax", "keras"}),
        rate=0.5,
    ),
    Adadelta: Row(
        suite=[Adadelta(), Adadelta.of("keras", weight_decay=0.01)],
        twins=[
            ("torch", {}),
            (
                "torch",
                {"decay_rate": 0.5, "eps": 1e-3, "weight_decay": 0.1},
                {"rho": 0.5, "eps": 1e-3, "weight_decay": 0.1},
            ),
            ("optax", {}),
            ("optax", {"decay_rate": 0.5, "eps": 1e-3}, {"rho": 0.5, "eps": 1e-3}),
            ("keras", {}),
            ("keras", {"decay_rate": 0.5, "weight_decay": 0.1}, {"rho": 0.5, "weight_decay": 0.1}),
        ],
        refused=[
            ({"decay_rate": 1.0}, "decay_rate must be less than 1"),
            ({"eps": 0.0}, "eps must be a finite number, greater than 0"),
        ],
        differ_with={},
        alike=frozenset({"torch", "optax"}),
        rate=5.0,
    ),
    Clipped: Row(
        suite=[Clipped(Adam(), 0.5), Clipped(AdamW(), 1.0)], twins=[], refused=[], differ_with={}
    ),  # its numbers and its refusals are in test_clipping.py
}
RULES = [rule for rule, row in ROWS.items() if row.twins]


def test_every_rule_has_a_row():
    public = (getattr(optimizers, name) for name in optimizers.__all__)
    assert {thing for thing in public if isinstance(thing, type)} - {optimizers.Optimizer} == set(ROWS)
    assert all(row.suite for row in ROWS.values())
    for rule in RULES:
        assert {framework for framework, *_ in ROWS[rule].twins} == set(CONVENTIONS)


# The numbers of the frameworks

RATES = [0.1, 0.1, 0.1, 0.01, 0.01, 0.05, 0.2, 0.2, 0.001, 0.03]
BOUND = 1e-12  # of the largest entry; measured: 5e-16 for PyTorch, 6e-16 for optax, 5e-16 for Keras


def problem(dtype=np.float64):
    """Parameters, and ten gradients of very different sizes: of the size of epsilon, too, and some exactly zero."""
    rng = np.random.default_rng(1986)
    params = {"W": rng.normal(size=(3, 4)).astype(dtype), "b": rng.normal(size=4).astype(dtype)}
    sizes = {"W": 10.0 ** rng.uniform(-8, 1, (3, 4)), "b": np.array([1.0, 1e-3, 1e-7, 0.0])}
    return params, [{n: (rng.normal(size=v.shape) * sizes[n]).astype(dtype) for n, v in params.items()} for _ in RATES]


def run(rule, dtype=np.float64):
    params, gradients = problem(dtype)
    state = rule.init(params)
    for lr, grads in zip(RATES, gradients, strict=True):
        params, state = rule.update(params, grads, state, lr)
    return params


def by_torch(torch, name, options):
    params, gradients = problem()
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
    optimizer = getattr(torch.optim, name)(list(tensors.values()), **options)
    for lr, grads in zip(RATES, gradients, strict=True):
        optimizer.param_groups[0]["lr"] = lr
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(grads[name])
        optimizer.step()
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def by_optax(optax, name, options):
    import jax.numpy as jnp

    params, gradients = problem()
    rates = jnp.array(RATES)
    transformation = getattr(optax, name.lower())(lambda count: rates[count], **options)
    tree = {name: jnp.array(value) for name, value in params.items()}
    state = transformation.init(tree)
    for grads in gradients:
        updates, state = transformation.update({name: jnp.array(g) for name, g in grads.items()}, state, tree)
        tree = optax.apply_updates(tree, updates)
    return {name: np.asarray(value) for name, value in tree.items()}


def by_keras(keras, name, options):
    params, gradients = problem()
    variables = [keras.Variable(value, dtype="float64", name=name) for name, value in params.items()]
    optimizer = getattr(keras.optimizers, name)(**options)
    optimizer.build(variables)
    for lr, grads in zip(RATES, gradients, strict=True):
        optimizer.learning_rate = lr
        optimizer.apply([keras.ops.convert_to_tensor(grads[v.name], "float64") for v in variables])
    return {v.name: np.asarray(v.value) for v in variables}


BY = {"torch": by_torch, "optax": by_optax, "keras": by_keras}


def distance(mine, theirs):
    return max(np.abs(mine[name] - theirs[name]).max() / np.abs(theirs[name]).max() for name in theirs)


TWINS = [(rule, *twin) for rule, row in ROWS.items() for twin in row.twins]


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: f"{twin[0].__name__}-{twin[1]}-{twin[2]}")
def test_ten_steps_are_those_of_the_framework(twin, request):
    rule, framework, options, *theirs = twin
    other = theirs[0] if theirs else {{"centred": "centered"}.get(key, key): value for key, value in options.items()}
    expected = BY[framework](request.getfixturevalue(framework), rule.__name__, other)
    assert distance(run(rule.of(framework, **options)), expected) < BOUND


@pytest.mark.parametrize("rule", RULES)
def test_conventions_differ_from_each_other(rule):
    """What the comparisons above compare is heard: no two conventions agree where they should not."""
    ends = {name: run(rule.of(name, **ROWS[rule].differ_with)) for name in CONVENTIONS}
    for one, other in itertools.combinations(ends, 2):
        assert (distance(ends[one], ends[other]) < 1e-15) == ({one, other} == ROWS[rule].alike)


# Planted bugs: the rule once more, with one mistake, measured against the right one as the frameworks are above.


class NoBiasCorrection(Adam):
    def update(self, params, grads, state, lr):
        late = dict(state, step=np.array(10**6))  # β^t is 0 there
        params, new = super().update(params, grads, late, lr)
        return params, dict(new, step=state["step"] + 1)


class BiasCorrectionOneStepLate(Adam):
    def init(self, params):
        return super().init(params) | {"step": np.array(1)}


class StepNotCounted(Adam):
    def update(self, params, grads, state, lr):
        params, new = super().update(params, grads, state, lr)
        return params, dict(new, step=np.array(0))


class MomentForgotten(Adam):
    def update(self, params, grads, state, lr):
        fresh = {name: np.zeros_like(value) for name, value in state.items() if name.startswith("first")}
        return super().update(params, grads, state | fresh, lr)


class VelocityNotKept(SGD):
    def update(self, params, grads, state, lr):
        return super().update(params, grads, state, lr)[0], state


BUGS = {
    "bias correction missing": (NoBiasCorrection(), Adam()),
    "bias correction one step late": (BiasCorrectionOneStepLate(), Adam()),
    "step not counted": (StepNotCounted(), Adam()),
    "first moment forgotten": (MomentForgotten(), Adam()),
    "betas swapped": (Adam(beta1=0.999, beta2=0.9), Adam()),
    "epsilon inside the root (Adam)": (Adam(epsilon="inside"), Adam()),
    "epsilon hat for epsilon": (Adam(epsilon="hat"), Adam()),
    "L2 for decoupled decay": (AdamW(decay="gradient"), AdamW()),
    "decay of the biases": (AdamW(decayed="all"), AdamW()),
    "decay twice as strong": (AdamW(weight_decay=0.02), AdamW()),
    "learning rate inside the momentum": (SGD(momentum=0.9, momentum_lr="inside"), SGD(momentum=0.9)),
    "velocity not kept": (VelocityNotKept(momentum=0.9), SGD(momentum=0.9)),
    "Nesterov forgotten": (SGD(momentum=0.9), SGD(momentum=0.9, nesterov=True)),
    "first step damped": (
        type("Damped", (SGD,), {"init": lambda s, p: SGD.init(s, p) | {"step": np.array(1)}})(
            momentum=0.9, dampening=0.3
        ),
        SGD(momentum=0.9, dampening=0.3),
    ),
    "epsilon inside the root (RMSprop)": (RMSprop(epsilon="inside"), RMSprop()),
    "learning rate inside RMSprop's momentum": (
        RMSprop(momentum=0.8, momentum_lr="inside"),
        RMSprop(momentum=0.8),
    ),
    "epsilon inside the root (Adagrad)": (Adagrad(epsilon="inside"), Adagrad()),
    "a first v of 0": (Adagrad(), Adagrad(initial=0.1)),
    "sum not kept": (
        type("NotKept", (Adagrad,), {"update": lambda s, p, g, k, lr: (Adagrad.update(s, p, g, k, lr)[0], k)})(),
        Adagrad(),
    ),
    "steps not remembered": (
        type(
            "Forgets",
            (Adadelta,),
            {
                "update": lambda s, p, g, k, lr: Adadelta.update(
                    s, p, g, k | {n: 0 * v for n, v in k.items() if n.startswith("mean_step")}, lr
                )
            },
        )(eps=1e-3),
        Adadelta(eps=1e-3),
    ),
    "an epsilon for another rule": (Adadelta(eps=1e-4), Adadelta()),
    "not centred": (RMSprop(), RMSprop(centred=True)),
}


@pytest.mark.parametrize("bug", BUGS)
def test_each_planted_bug_is_caught(bug):
    wrong, right = BUGS[bug]
    assert distance(run(wrong), run(right)) > 1e-3  # measured: at least 8e-3


# The suite


def is_pure_and_keeps_the_dtype(rule, _):
    for dtype in (np.float32, np.float64):
        params, gradients = problem(dtype)
        state = rule.init(params)
        new_params, new_state = rule.update(params, gradients[0], state, 0.1)
        before = [{name: value.copy() for name, value in arrays.items()} for arrays in (new_params, new_state)]
        again, _ = rule.update(params, gradients[0], state, 0.1)
        rule.update(new_params, gradients[1], new_state, 0.1)
        for name, value in again.items():
            assert value.dtype == new_params[name].dtype == dtype
            np.testing.assert_array_equal(value, new_params[name])
        for kept, arrays in zip(before, (new_params, new_state), strict=True):
            for name, value in arrays.items():
                np.testing.assert_array_equal(value, kept[name])
        for name, value in new_state.items():
            assert value.dtype == (dtype if "/" in name else np.dtype(int))
            assert value.shape == state[name].shape
        assert set(new_state) == set(state)
        for name, value in problem(dtype)[0].items():
            np.testing.assert_array_equal(value, params[name])


def follows_float64_in_float32(rule, _):
    assert distance(run(rule, np.float32), run(rule)) < 2e-6  # measured: at most 1.8e-7


def shows_nan(rule, _):
    params, gradients = problem()
    gradients[0]["W"][1, 2] = np.nan
    new_params, _ = rule.update(params, gradients[0], rule.init(params), 0.1)
    assert np.isnan(new_params["W"][1, 2])


def goes_downhill(rule, _):
    params, rate = {"W": np.array([[3.0, -2.0]])}, ROWS.get(type(rule), ROWS[SGD]).rate
    state = rule.init(params)
    for _ in range(300):
        params, state = rule.update(params, {"W": np.array([1.0, 10.0]) * params["W"]}, state, rate)
    assert np.abs(params["W"]).max() < 0.06  # RMSprop ends in a cycle of the size of the learning rate


def refuses_other_gradients(rule, _):
    params, gradients = problem()
    state = rule.init(params)
    with pytest.raises(ValueError, match=r"grads must hold \['W', 'b'\], found \['W'\]"):
        rule.update(params, {"W": gradients[0]["W"]}, state, 0.1)
    with pytest.raises(ValueError, match=r"grads\['b'\] must have shape \(4,\), found \(1,\)"):
        rule.update(params, gradients[0] | {"b": np.ones(1)}, state, 0.1)
    with pytest.raises(ValueError, match="lr must be a finite number, at least 0"):
        rule.update(params, gradients[0], state, -0.1)
    if state:
        with pytest.raises(ValueError, match="state must hold"):
            rule.update(params, gradients[0], {}, 0.1)


def goes_on_from_a_checkpoint_to_the_same_bits(rule, folder):
    """Params and state go through a file after every step."""
    params, gradients = problem()
    state = rule.init(params)
    for lr, grads in zip(RATES, gradients, strict=True):
        params, state = rule.update(params, grads, state, lr)
        checkpoint.save(
            folder / "run",
            {f"{group}.{n}": v for group, some in (("p", params), ("s", state)) for n, v in some.items()},
            {},
        )
        arrays, _ = checkpoint.load(folder / "run")
        params, state = ({n[2:]: v for n, v in arrays.items() if n.startswith(group)} for group in ("p.", "s."))
    for name, value in run(rule).items():
        np.testing.assert_array_equal(params[name], value)


def prints_as_it_is_made(rule, _):
    assert eval(str(rule), vars(optimizers)) == rule  # a run's configuration holds the rule as it prints


CHECKS = {
    check.__name__: check
    for check in (
        is_pure_and_keeps_the_dtype,
        follows_float64_in_float32,
        shows_nan,
        goes_downhill,
        refuses_other_gradients,
        goes_on_from_a_checkpoint_to_the_same_bits,
        prints_as_it_is_made,
    )
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("rule", [rule for row in ROWS.values() for rule in row.suite], ids=str)
def test_every_rule(rule, check, tmp_path):
    CHECKS[check](rule, tmp_path)


# Planted bugs of the suite: a rule that each of its checks must notice.


class InPlace(SGD):
    def update(self, params, grads, state, lr):
        for name, value in params.items():
            value -= lr * grads[name]
        return params, state


class ForgetsTheGradientsThatAreNotThere(SGD):
    def update(self, params, grads, state, lr):
        return {name: value - lr * grads.get(name, 0) for name, value in params.items()}, state


class CountsInItself(Adam):
    counted: list[int] = []  # noqa: RUF012  # the bug

    def update(self, params, grads, state, lr):
        self.counted.append(1)
        new, state = super().update(params, grads, dict(state, step=np.array(len(self.counted) - 1)), lr)
        return new, state


SUITE_BUGS = {
    "writes into the parameters": (InPlace(), "is_pure_and_keeps_the_dtype"),
    "counts steps in itself": (CountsInItself(), "goes_on_from_a_checkpoint_to_the_same_bits"),
    "upcasts": (
        type("Upcasts", (SGD,), {"step": lambda s, v, g, k, lr, t: (v - np.float64(lr) * g, {})})(),
        "is_pure_and_keeps_the_dtype",
    ),
    "hides NaN": (
        type("Hides", (SGD,), {"step": lambda s, v, g, k, lr, t: (v - lr * np.nan_to_num(g), {})})(),
        "shows_nan",
    ),
    "goes uphill": (type("Up", (SGD,), {"step": lambda s, v, g, k, lr, t: (v + lr * g, {})})(), "goes_downhill"),
    "takes what gradients there are": (ForgetsTheGradientsThatAreNotThere(), "refuses_other_gradients"),
    "prints without its options": (
        type("SGD", (SGD,), {"__str__": lambda s: "SGD()"})(momentum=0.5),
        "prints_as_it_is_made",
    ),
    "rounds too far": (
        type("Rounds", (SGD,), {"step": lambda s, v, g, k, lr, t: ((v - lr * g).round(v.itemsize), {})})(),
        "follows_float64_in_float32",
    ),
}


@pytest.mark.parametrize("bug", SUITE_BUGS)
def test_the_suite_notices(bug, tmp_path):
    rule, check = SUITE_BUGS[bug]
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        CHECKS[check](rule, tmp_path)


# What is special about one rule


def test_the_plain_rule_is_itself_and_prints_short():
    assert SGD() == SGD(momentum=0.0, weight_decay=0.0)
    assert SGD() != SGD(momentum=0.5)
    assert str(SGD()) == "SGD()"
    assert str(SGD(momentum=0.9, nesterov=True)) == "SGD(momentum=0.9, nesterov=True)"
    assert str(AdamW()) == "AdamW()"
    assert str(Adam.of("keras")) == "Adam(decay='decoupled', decayed='all', eps=1e-07, epsilon='hat')"
    assert str(Clipped(Adam(), 1.0)) == "Clipped(Adam(), max_norm=1.0, convention='optax')"
    assert SGD().init({"W": np.ones(2)}) == {}


def test_first_adam_step_is_the_learning_rate():
    """Kingma & Ba 2015, section 2.1: with bias correction the first step is ±lr, whatever the gradient's size."""
    params, grads = {"W": np.zeros((1, 3))}, {"W": np.array([[1e-3, -5.0, 1e4]])}
    new, _ = Adam().update(params, grads, Adam().init(params), 0.01)
    np.testing.assert_allclose(new["W"], [[-0.01, 0.01, -0.01]], rtol=2e-5)


def test_effective_rate_of_momentum():
    """A constant gradient is in the end followed at lr / (1 − momentum)."""
    params, rule = {"W": np.zeros((1, 1))}, SGD(momentum=0.9)
    state = rule.init(params)
    for _ in range(400):
        before = params["W"]
        params, state = rule.update(params, {"W": np.ones((1, 1))}, state, 0.01)
    assert (before - params["W"]).item() == pytest.approx(0.01 / (1 - 0.9), rel=1e-10)


# Bad arguments: those that all rules have, and each rule's own

COMMON = [
    ({"weight_decay": -1}, "weight_decay must be a finite number"),
    ({"decay": "l2"}, "decay must be one of"),
    ({"decayed": "biases"}, "decayed must be one of"),
]


@pytest.mark.parametrize(
    ("rule", "options", "what"),
    [(rule, *refusal) for rule in RULES for refusal in (*COMMON, *ROWS[rule].refused)],
)
def test_is_refused_by_name(rule, options, what):
    with pytest.raises(ValueError, match=what):
        rule(**options)
    with pytest.raises(ValueError, match="convention must be one of"):
        rule.of("tensorflow", **options)


@pytest.mark.parametrize("rule", [row.suite[-1] for row in ROWS.values()], ids=str)
def test_a_stopped_run_goes_on_to_the_same_bits(rule, tmp_path):
    from scratchdae import DenoisingAutoencoder, fit

    x = np.random.default_rng(0).random((12, 5))
    ends = []
    for epochs in ((4,), (2, 4)):
        model = DenoisingAutoencoder(5, 3, np.random.default_rng(1))
        for n in epochs:
            fit(model, x, epochs=n, lr=0.01, batch_size=4, optimizer=rule, out=tmp_path / str(epochs), resume=True)
        ends.append(model.params)
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name])
