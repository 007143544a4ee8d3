"""Update rules with mistakes in them, with NumPy, and PyTorch's own optimizers where the case has another's."""

import numpy as np
from wrong_answers import collection

WRONG, wrong = collection()


def loop(case, update, decays=lambda name: True):
    """Call ``update(value, gradient, lr, step, memory) -> value`` for ten steps of both parameters."""
    answer = {}
    for name in ("W", "b"):
        value, memory, values = case.inputs[name].copy(), {}, []
        for t, lr in enumerate(case.inputs["lr"]):
            value = update(value, case.inputs[f"d{name}"][t], lr, t, memory)
            values.append(value)
        answer[f"{name}_steps"] = np.array(values)
    return answer


def torch_steps(case, make):
    """Run one of PyTorch's optimizers."""
    import torch

    params = {name: torch.tensor(case.inputs[name], requires_grad=True) for name in ("W", "b")}
    optimizer = make(torch.optim, list(params.values()))
    steps = {name: [] for name in params}
    for t, lr in enumerate(case.inputs["lr"]):
        for group in optimizer.param_groups:
            group["lr"] = float(lr)
        for name, p in params.items():
            p.grad = torch.tensor(case.inputs[f"d{name}"][t])
        optimizer.step()
        for name, p in params.items():
            steps[name].append(p.detach().clone().numpy())
    return {f"{name}_steps": np.array(values) for name, values in steps.items()}


@wrong("sgd_keras_momentum", "lr_outside_velocity", needs="torch")
def torch_momentum_for_keras(case):
    return torch_steps(case, lambda o, p: o.SGD(p, lr=1.0, momentum=case.conventions["momentum"]))


@wrong("sgd_torch_momentum", "nesterov", needs="torch")
def torch_nesterov(case):
    return torch_steps(case, lambda o, p: o.SGD(p, lr=1.0, momentum=case.conventions["momentum"], nesterov=True))


@wrong("sgd_torch_momentum", "other_dampening", needs="torch")
def torch_dampening(case):
    return torch_steps(case, lambda o, p: o.SGD(p, lr=1.0, momentum=case.conventions["momentum"], dampening=0.3))


@wrong("sgd_torch_momentum", "other_momentum", needs="torch")
@wrong("sgd_keras_momentum", "other_momentum", "lr_outside_velocity", needs="torch")
def torch_momentum_of_nine_tenths(case):
    return torch_steps(case, lambda o, p: o.SGD(p, lr=1.0, momentum=0.9))


@wrong("sgd_torch_dampening", "first_step_damped")
def damps_the_first_step(case):
    m, d = case.conventions["momentum"], case.conventions["dampening"]

    def update(value, g, lr, t, memory):
        memory["u"] = m * memory.get("u", 0) + (1 - d) * g
        return value - lr * memory["u"]

    return loop(case, update)


@wrong("sgd_torch_momentum", "averaged_velocity")
def exponential_average_of_gradients(case):
    m = case.conventions["momentum"]

    def update(value, g, lr, t, memory):
        memory["u"] = m * memory.get("u", 0) + (1 - m) * g
        return value - lr * memory["u"]

    return loop(case, update)


@wrong("sgd_plain", "never_zeroed", needs="torch")
def torch_without_zero_grad(case):
    import torch

    answer = {}
    for name in ("W", "b"):
        p, steps = torch.tensor(case.inputs[name], requires_grad=True), []
        for g, lr in zip(case.inputs[f"d{name}"], case.inputs["lr"], strict=True):
            (p * torch.tensor(g)).sum().backward()
            with torch.no_grad():
                p -= float(lr) * p.grad
            steps.append(p.detach().clone().numpy())
        answer[f"{name}_steps"] = np.array(steps)
    return answer


@wrong("sgd_plain", "zeroed_every:3")
def zeroes_every_third_step(case):
    def update(value, g, lr, t, memory):
        if t % 3 == 0:
            memory["sum"] = 0
        memory["sum"] = memory["sum"] + g
        return value - lr * memory["sum"]

    return loop(case, update)


@wrong("sgd_plain", "constant_lr")
def never_changes_the_learning_rate(case):
    return loop(case, lambda value, g, lr, t, memory: value - case.inputs["lr"][0] * g)


@wrong("sgd_plain", "lr_a_step_late")
def scheduler_steps_too_late(case):
    return loop(case, lambda value, g, lr, t, memory: value - case.inputs["lr"][max(t - 1, 0)] * g)


@wrong("sgd_weight_decay_weights_alone", "biases_decay", needs="torch")
def torch_decays_biases(case):
    return torch_steps(case, lambda o, p: o.SGD(p, lr=1.0, weight_decay=case.conventions["weight_decay"]))


@wrong("rmsprop_torch", "epsilon_inside", "other_eps")
def rmsprop_with_epsilon_inside(case):
    c = case.conventions

    def update(value, g, lr, t, memory):
        memory["v"] = c["decay_rate"] * memory.get("v", 0) + (1 - c["decay_rate"]) * g**2
        return value - lr * g / np.sqrt(memory["v"] + 1e-6)

    return loop(case, update)


@wrong("rmsprop_optax", "convention:torch", needs="torch")
def torch_rmsprop_for_optax(case):
    return torch_steps(case, lambda o, p: o.RMSprop(p, lr=1.0))


@wrong("rmsprop_torch_centred", "not_centred", needs="torch")
def torch_rmsprop_not_centred(case):
    return torch_steps(case, lambda o, p: o.RMSprop(p, lr=1.0, alpha=case.conventions["decay_rate"]))


@wrong("rmsprop_torch", "other_decay_rate", needs="torch")
def torch_rmsprop_with_another_decay_rate(case):
    return torch_steps(case, lambda o, p: o.RMSprop(p, lr=1.0, alpha=0.93))


@wrong("rmsprop_torch_momentum", "lr_inside_velocity")
def rmsprop_velocity_with_learning_rate(case):
    c = case.conventions

    def update(value, g, lr, t, memory):
        memory["v"] = c["decay_rate"] * memory.get("v", 0) + (1 - c["decay_rate"]) * g**2
        memory["u"] = c["momentum"] * memory.get("u", 0) + lr * g / (np.sqrt(memory["v"]) + c["eps"])
        return value - memory["u"]

    return loop(case, update)


def moments(memory, g, beta1=0.9, beta2=0.999):
    memory["m"] = beta1 * memory.get("m", 0) + (1 - beta1) * g
    memory["v"] = beta2 * memory.get("v", 0) + (1 - beta2) * g * g
    return memory["m"], memory["v"]


@wrong("adam_torch", "no_bias_correction")
def adam_without_correction(case):
    def update(value, g, lr, t, memory):
        m, v = moments(memory, g)
        return value - lr * m / (np.sqrt(v) + 1e-8)

    return loop(case, update)


@wrong("adam_torch", "steps_counted_from_2")
def adam_counts_too_far(case):
    def update(value, g, lr, t, memory):
        m, v = moments(memory, g)
        t = t + 2
        return value - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)

    return loop(case, update)


@wrong("adam_torch", "correction_stored")
def adam_overwrites_its_moments(case):
    def update(value, g, lr, t, memory):
        moments(memory, g)
        memory["m"] /= 1 - 0.9 ** (t + 1)
        memory["v"] /= 1 - 0.999 ** (t + 1)
        return value - lr * memory["m"] / (np.sqrt(memory["v"]) + 1e-8)

    return loop(case, update)


@wrong("adam_torch", "doubled_bias_correction")
def adam_corrects_twice(case):
    def update(value, g, lr, t, memory):
        m, v = moments(memory, g)
        for _ in range(2):
            m, v = m / (1 - 0.9 ** (t + 1)), v / (1 - 0.999 ** (t + 1))
        return value - lr * m / (v**0.5 + 1e-8)

    return loop(case, update)


@wrong("adam_torch_tiny", "epsilon_hat")
def adam_epsilon_hat(case):
    def update(value, g, lr, t, memory):
        m, v = moments(memory, g)
        rate = lr * np.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
        return value - rate * m / (np.sqrt(v) + 1e-8)

    return loop(case, update)


@wrong("adam_keras_tiny", "convention:torch", needs="torch")
def torch_adam_for_keras(case):
    return torch_steps(case, lambda o, p: o.Adam(p, lr=1.0))


@wrong("adam_torch", "other_eps", needs="torch")
@wrong("adam_torch_tiny", "other_eps", needs="torch")
def torch_adam_with_another_epsilon(case):
    return torch_steps(case, lambda o, p: o.Adam(p, lr=1.0, eps=3e-5))


@wrong("adam_torch_l2", "decay_decoupled", needs="torch")
def torch_adamw_for_adam(case):
    return torch_steps(case, lambda o, p: o.AdamW(p, lr=1.0, weight_decay=case.conventions["weight_decay"]))


@wrong("adamw_torch", "decay_in_gradient", needs="torch")
def torch_adam_for_adamw(case):
    return torch_steps(case, lambda o, p: o.Adam(p, lr=1.0, weight_decay=case.conventions["weight_decay"]))


@wrong("adamw_optax", "other_weight_decay", needs="torch")
def torch_default_decay_for_optax(case):
    return torch_steps(case, lambda o, p: o.AdamW(p, lr=1.0))


@wrong("adam_torch", "amsgrad", needs="torch")
def torch_amsgrad(case):
    return torch_steps(case, lambda o, p: o.Adam(p, lr=1.0, amsgrad=True))


@wrong("adam_torch", "other_beta2", "no_first_correction")
def two_mistakes_in_adam(case):
    def update(value, g, lr, t, memory):
        m, v = moments(memory, g, beta2=0.99)
        return value - lr * m / (np.sqrt(v / (1 - 0.99 ** (t + 1))) + 1e-8)

    return loop(case, update)


@wrong("clip_norm_torch", "norm_of_each_array", needs="torch")
def torch_clips_each_parameter(case):
    import torch

    answer = {}
    for name in ("dW", "db"):
        p = torch.zeros(case.inputs[name].shape, dtype=torch.float64, requires_grad=True)
        p.grad = torch.tensor(case.inputs[name])
        torch.nn.utils.clip_grad_norm_([p], case.conventions["limit"])
        answer[f"clipped_{name}"] = p.grad.numpy()
    return answer


@wrong("clip_norm_optax", "epsilon_in_norm", needs="torch")
def torch_clipping_for_optax(case):
    import torch

    params = [torch.zeros(case.inputs[name].shape, dtype=torch.float64) for name in ("dW", "db")]
    for p, name in zip(params, ("dW", "db"), strict=True):
        p.grad = torch.tensor(case.inputs[name])
    torch.nn.utils.clip_grad_norm_(params, case.conventions["limit"])
    return {"clipped_dW": params[0].grad.numpy(), "clipped_db": params[1].grad.numpy()}


@wrong("clip_value", "clipped_by_norm")
def clips_the_norm(case):
    norm = np.sqrt(sum((case.inputs[n] ** 2).sum() for n in ("dW", "db")))
    return {f"clipped_{n}": case.inputs[n] * case.conventions["limit"] / norm for n in ("dW", "db")}


@wrong("l2_small", "penalty_factor:1/2")
def half_the_squares(case):
    W, l2 = case.inputs["W"], case.conventions["l2"]
    return {"penalty": l2 / 2 * np.sum(W * W), "dW": l2 * W}


@wrong("sgd_torch_weight_decay", "weight_decay:sign")
def weights_that_grow(case):
    wd = case.conventions["weight_decay"]
    return loop(case, lambda value, g, lr, t, memory: value - lr * (g - wd * value))


@wrong("rmsprop_torch", "square_not_weighted")
def rmsprop_that_adds_whole_squares(case):
    c = case.conventions

    def update(value, g, lr, t, memory):
        memory["v"] = c["decay_rate"] * memory.get("v", 0) + g**2
        return value - lr * g / (np.sqrt(memory["v"]) + c["eps"])

    return loop(case, update)


@wrong("rmsprop_torch", "old_mean_square:first")
def rmsprop_that_divides_first_and_updates_then(case):
    c = case.conventions

    def update(value, g, lr, t, memory):
        now = c["decay_rate"] * memory.get("v", 0) + (1 - c["decay_rate"]) * g**2
        by, memory["v"] = memory.get("v", now), now
        return value - lr * g / (np.sqrt(by) + c["eps"])

    return loop(case, update)


@wrong("adam_torch", "gradient_not_weighted")
def adam_with_a_heavy_ball(case):
    c = case.conventions

    def update(value, g, lr, t, memory):
        m = memory["m"] = c["beta1"] * memory.get("m", 0) + g
        v = memory["v"] = c["beta2"] * memory.get("v", 0) + (1 - c["beta2"]) * g * g
        root = np.sqrt(v / (1 - c["beta2"] ** (t + 1)))
        return value - lr * m / (1 - c["beta1"] ** (t + 1)) / (root + c["eps"])

    return loop(case, update)


@wrong("rmsprop_torch", "other_decay_rate", "epsilon_inside")
def two_mistakes_decay_rate_and_place_of_epsilon(case):
    def update(value, g, lr, t, memory):
        memory["v"] = 0.95 * memory.get("v", 0) + 0.05 * g**2
        return value - lr * g / np.sqrt(memory["v"] + case.conventions["eps"])

    return loop(case, update)
