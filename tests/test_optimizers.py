"""Ten steps with a changing learning rate reproduce each framework's own numbers; planted bugs do not."""

import itertools

import numpy as np
import pytest

from scratchdae import optimizers
from scratchdae.optimizers import SGD, Adam, AdamW, Clipped, RMSprop

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


def run_torch(torch, make):
    params, gradients = problem()
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
    optimizer = make(list(tensors.values()))
    for lr, grads in zip(RATES, gradients, strict=True):
        optimizer.param_groups[0]["lr"] = lr
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(grads[name])
        optimizer.step()
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def run_optax(optax, make):
    import jax.numpy as jnp

    params, gradients = problem()
    rates = jnp.array(RATES)
    transformation = make(lambda count: rates[count])
    tree = {name: jnp.array(value) for name, value in params.items()}
    state = transformation.init(tree)
    for grads in gradients:
        updates, state = transformation.update({name: jnp.array(g) for name, g in grads.items()}, state, tree)
        tree = optax.apply_updates(tree, updates)
    return {name: np.asarray(value) for name, value in tree.items()}


def run_keras(keras, make):
    params, gradients = problem()
    variables = [keras.Variable(value, dtype="float64", name=name) for name, value in params.items()]
    optimizer = make(keras.optimizers)
    optimizer.build(variables)
    for lr, grads in zip(RATES, gradients, strict=True):
        optimizer.learning_rate = lr
        optimizer.apply([keras.ops.convert_to_tensor(grads[v.name], "float64") for v in variables])
    return {v.name: np.asarray(v.value) for v in variables}


def distance(mine, theirs):
    return max(np.abs(mine[name] - theirs[name]).max() / np.abs(theirs[name]).max() for name in theirs)


TORCH = {
    "SGD": (SGD.of("torch"), lambda t, p: t.SGD(p)),
    "SGD, L2": (SGD.of("torch", weight_decay=0.1), lambda t, p: t.SGD(p, weight_decay=0.1)),
    "momentum": (SGD.of("torch", momentum=0.9), lambda t, p: t.SGD(p, momentum=0.9)),
    "momentum, L2": (
        SGD.of("torch", momentum=0.9, weight_decay=0.1),
        lambda t, p: t.SGD(p, momentum=0.9, weight_decay=0.1),
    ),
    "dampening": (SGD.of("torch", momentum=0.9, dampening=0.3), lambda t, p: t.SGD(p, momentum=0.9, dampening=0.3)),
    "Nesterov": (SGD.of("torch", momentum=0.9, nesterov=True), lambda t, p: t.SGD(p, momentum=0.9, nesterov=True)),
    "RMSprop": (RMSprop.of("torch"), lambda t, p: t.RMSprop(p)),
    "RMSprop, momentum": (RMSprop.of("torch", momentum=0.8), lambda t, p: t.RMSprop(p, momentum=0.8)),
    "RMSprop, centred": (RMSprop.of("torch", centred=True), lambda t, p: t.RMSprop(p, centered=True)),
    "RMSprop, all": (
        RMSprop.of("torch", centred=True, momentum=0.8, weight_decay=0.1),
        lambda t, p: t.RMSprop(p, centered=True, momentum=0.8, weight_decay=0.1),
    ),
    "Adam": (Adam.of("torch"), lambda t, p: t.Adam(p)),
    "Adam, betas": (
        Adam.of("torch", beta1=0.5, beta2=0.9, eps=1e-4),
        lambda t, p: t.Adam(p, betas=(0.5, 0.9), eps=1e-4),
    ),
    "Adam, L2": (Adam.of("torch", weight_decay=0.1), lambda t, p: t.Adam(p, weight_decay=0.1)),
    "AdamW": (AdamW.of("torch"), lambda t, p: t.AdamW(p)),
}
OPTAX = {
    "SGD": (SGD.of("optax"), lambda o, lr: o.sgd(lr)),
    "momentum": (SGD.of("optax", momentum=0.9), lambda o, lr: o.sgd(lr, momentum=0.9)),
    "Nesterov": (SGD.of("optax", momentum=0.9, nesterov=True), lambda o, lr: o.sgd(lr, momentum=0.9, nesterov=True)),
    "RMSprop": (RMSprop.of("optax"), lambda o, lr: o.rmsprop(lr)),
    "RMSprop, momentum": (RMSprop.of("optax", momentum=0.8), lambda o, lr: o.rmsprop(lr, momentum=0.8)),
    "RMSprop, centred": (RMSprop.of("optax", centred=True), lambda o, lr: o.rmsprop(lr, centered=True)),
    "RMSprop, all": (
        RMSprop.of("optax", centred=True, momentum=0.8),
        lambda o, lr: o.rmsprop(lr, centered=True, momentum=0.8),
    ),
    "RMSprop, eps outside": (RMSprop.of("optax", epsilon="outside"), lambda o, lr: o.rmsprop(lr, eps_in_sqrt=False)),
    "Adam": (Adam.of("optax"), lambda o, lr: o.adam(lr)),
    "Adam, eps inside": (
        Adam.of("optax", epsilon="inside", eps=1e-6),
        lambda o, lr: o.adam(lr, eps=0.0, eps_root=1e-6),
    ),
    "AdamW": (AdamW.of("optax"), lambda o, lr: o.adamw(lr)),
    "AdamW, weights alone": (
        AdamW.of("optax", weight_decay=0.1, decayed="weights"),
        lambda o, lr: o.adamw(lr, weight_decay=0.1, mask={"W": True, "b": False}),
    ),
}
KERAS = {
    "SGD": (SGD.of("keras"), lambda k: k.SGD()),
    "SGD, decay": (SGD.of("keras", weight_decay=0.1), lambda k: k.SGD(weight_decay=0.1)),
    "momentum": (SGD.of("keras", momentum=0.9), lambda k: k.SGD(momentum=0.9)),
    "momentum, decay": (
        SGD.of("keras", momentum=0.9, weight_decay=0.1),
        lambda k: k.SGD(momentum=0.9, weight_decay=0.1),
    ),
    "Nesterov": (SGD.of("keras", momentum=0.9, nesterov=True), lambda k: k.SGD(momentum=0.9, nesterov=True)),
    "RMSprop": (RMSprop.of("keras"), lambda k: k.RMSprop()),
    "RMSprop, momentum": (RMSprop.of("keras", momentum=0.8), lambda k: k.RMSprop(momentum=0.8)),
    "RMSprop, centred": (RMSprop.of("keras", centred=True), lambda k: k.RMSprop(centered=True)),
    "RMSprop, all": (
        RMSprop.of("keras", centred=True, momentum=0.8, weight_decay=0.1),
        lambda k: k.RMSprop(centered=True, momentum=0.8, weight_decay=0.1),
    ),
    "Adam": (Adam.of("keras"), lambda k: k.Adam()),
    "Adam, decay": (Adam.of("keras", weight_decay=0.1), lambda k: k.Adam(weight_decay=0.1)),
    "AdamW": (AdamW.of("keras"), lambda k: k.AdamW()),
}


@pytest.mark.parametrize("case", TORCH)
def test_ten_steps_are_those_of_torch(torch, case):
    rule, make = TORCH[case]
    assert distance(run(rule), run_torch(torch, lambda p: make(torch.optim, p))) < BOUND


@pytest.mark.parametrize("case", OPTAX)
def test_ten_steps_are_those_of_optax(optax, case):
    rule, make = OPTAX[case]
    assert distance(run(rule), run_optax(optax, lambda lr: make(optax, lr))) < BOUND


@pytest.mark.parametrize("case", KERAS)
def test_ten_steps_are_those_of_keras(keras, case):
    rule, make = KERAS[case]
    assert distance(run(rule), run_keras(keras, make)) < BOUND


@pytest.mark.parametrize("rule", [SGD, RMSprop, Adam, AdamW])
def test_conventions_differ_from_each_other(rule):
    """What the comparisons above compare is heard: no two conventions with momentum agree where they should not."""
    options = {} if issubclass(rule, Adam) else {"momentum": 0.9}
    ends = {name: run(rule.of(name, **options)) for name in optimizers.CONVENTIONS}
    for one, other in itertools.combinations(ends, 2):
        same = {one, other} == {"torch", "optax"} and rule in (SGD, Adam)
        assert (distance(ends[one], ends[other]) < 1e-15) == same


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
    "not centred": (RMSprop(), RMSprop(centred=True)),
}


@pytest.mark.parametrize("bug", BUGS)
def test_each_planted_bug_is_caught(bug):
    wrong, right = BUGS[bug]
    assert distance(run(wrong), run(right)) > 1e-3  # measured: at least 8e-3


RULES = [
    SGD(),
    SGD(momentum=0.9),
    SGD(momentum=0.9, dampening=0.1, weight_decay=0.1),
    SGD.of("keras", momentum=0.9, nesterov=True),
    RMSprop(),
    RMSprop(momentum=0.9, centred=True),
    Adam(),
    Adam.of("keras"),
    AdamW(),
    Clipped(Adam(), 0.5),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
class TestEveryRule:
    def test_is_pure_and_keeps_the_dtype(self, rule):
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

    def test_float32_follows_float64(self, rule):
        assert distance(run(rule, np.float32), run(rule)) < 2e-6  # measured: at most 1.8e-7

    def test_nan_stays_visible(self, rule):
        params, gradients = problem()
        gradients[0]["W"][1, 2] = np.nan
        new_params, _ = rule.update(params, gradients[0], rule.init(params), 0.1)
        assert np.isnan(new_params["W"][1, 2])

    def test_goes_downhill(self, rule):
        params = {"W": np.array([[3.0, -2.0]])}
        state = rule.init(params)
        for _ in range(300):
            params, state = rule.update(params, {"W": np.array([1.0, 10.0]) * params["W"]}, state, 0.03)
        assert np.abs(params["W"]).max() < 0.06  # RMSprop ends in a cycle of the size of the learning rate

    def test_refuses_other_gradients(self, rule):
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


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: SGD(momentum=1.0), "momentum must be less than 1"),
        (lambda: SGD(momentum=-0.1), "momentum must be a finite number, at least 0"),
        (lambda: SGD(nesterov=True), "nesterov needs momentum > 0"),
        (lambda: SGD(momentum=0.9, nesterov=True, dampening=0.1), "nesterov needs momentum > 0 and dampening = 0"),
        (lambda: SGD(dampening=0.1), "dampening and momentum_lr need momentum"),
        (lambda: SGD(momentum=0.9, momentum_lr="both"), "momentum_lr must be one of"),
        (lambda: SGD(weight_decay=-1), "weight_decay must be a finite number"),
        (lambda: SGD(decay="l2"), "decay must be one of"),
        (lambda: SGD(decayed="biases"), "decayed must be one of"),
        (lambda: SGD.of("tensorflow"), "convention must be one of"),
        (lambda: RMSprop(decay_rate=1.0), "decay_rate must be less than 1"),
        (lambda: RMSprop(eps=0.0), "eps must be a finite number, greater than 0"),
        (lambda: RMSprop(epsilon="hat"), "epsilon must be one of 'outside', 'inside', found 'hat'"),
        (lambda: Adam(beta1=1.0), "beta1 must be less than 1"),
        (lambda: Adam(beta2=np.nan), "beta2 must be a finite number"),
        (lambda: Adam(epsilon="none"), "epsilon must be one of"),
    ],
)
def test_is_refused_by_name(call, what):
    with pytest.raises(ValueError, match=what):
        call()


@pytest.mark.parametrize(
    "rule", [SGD(momentum=0.9), RMSprop(momentum=0.5, centred=True), Adam(), Clipped(AdamW(), 1.0)], ids=str
)
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
