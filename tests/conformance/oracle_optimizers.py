"""Update rules at fifty digits, each as the framework of its convention writes it down: one number at a time."""

import numpy as np
from mpmath import mp, mpf
from oracle_numbers import values


def optimizer(inputs, conventions):
    """Take the steps of every entry; a generator for each keeps what the rule remembers."""
    rule = RULES[conventions["rule"], conventions["framework"]]
    lrs, steps = values(inputs["lr"]), {}
    options = {name: mpf(given) if isinstance(given, float) else given for name, given in conventions.items()}
    for name in ("W", "b"):
        first, grads = values(inputs[name]), values(inputs[f"d{name}"])
        spared = name == "b" and options["decayed"] == "weights"
        own = options | {"weight_decay": mpf(0)} if spared else options
        after = np.empty(grads.shape, dtype=object)
        for index in np.ndindex(first.shape):
            after[(slice(None), *index)] = list(rule(first[index], list(grads[(slice(None), *index)]), lrs, own))
        steps[f"{name}_steps"] = after
    return steps


def torch_sgd(p, grads, lrs, o):
    buffer = None
    for g, lr in zip(grads, lrs, strict=True):
        g = g + o["weight_decay"] * p
        if o["momentum"]:
            buffer = g if buffer is None else o["momentum"] * buffer + (1 - o["dampening"]) * g
            g = g + o["momentum"] * buffer if o["nesterov"] else buffer
        p = p - lr * g
        yield p


def optax_sgd(p, grads, lrs, o):
    trace = mpf(0)
    for g, lr in zip(grads, lrs, strict=True):
        trace = g + o["momentum"] * trace
        p = p + -lr * (g + o["momentum"] * trace if o["nesterov"] else trace)
        yield p


def keras_sgd(p, grads, lrs, o):
    velocity = mpf(0)
    for g, lr in zip(grads, lrs, strict=True):
        p = p - p * o["weight_decay"] * lr
        velocity = o["momentum"] * velocity - lr * g
        p = p + (o["momentum"] * velocity - lr * g if o["nesterov"] else velocity)
        yield p


def torch_rmsprop(p, grads, lrs, o):
    square, mean, buffer = mpf(0), mpf(0), mpf(0)
    for g, lr in zip(grads, lrs, strict=True):
        g = g + o["weight_decay"] * p
        square = o["decay_rate"] * square + (1 - o["decay_rate"]) * g * g
        mean = mean + (1 - o["decay_rate"]) * (g - mean)
        denominator = mp.sqrt(square - mean * mean if o["centred"] else square) + o["eps"]
        buffer = o["momentum"] * buffer + g / denominator
        p = p - lr * buffer
        yield p


def keras_rmsprop(p, grads, lrs, o):
    """Keras' rule; optax' chain of scale_by_rms, learning rate and trace is the same."""
    velocity, average, momentum = mpf(0), mpf(0), mpf(0)
    for g, lr in zip(grads, lrs, strict=True):
        p = p - p * o["weight_decay"] * lr
        velocity = o["decay_rate"] * velocity + (1 - o["decay_rate"]) * g**2
        average = o["decay_rate"] * average + (1 - o["decay_rate"]) * g
        denominator = velocity - (average**2 if o["centred"] else 0) + o["eps"]
        momentum = o["momentum"] * momentum + lr * g / mp.sqrt(denominator)
        p = p - momentum
        yield p


def torch_adam(p, grads, lrs, o):
    """PyTorch's Adam and AdamW; optax' are the same, with eps_root inside the root."""
    m, v = mpf(0), mpf(0)
    for t, (g, lr) in enumerate(zip(grads, lrs, strict=True), start=1):
        if o["decay"] == "decoupled":
            p = p * (1 - lr * o["weight_decay"])
        else:
            g = g + o["weight_decay"] * p
        m = m + (g - m) * (1 - o["beta1"])
        v = o["beta2"] * v + (1 - o["beta2"]) * g * g
        step_size, correction = lr / (1 - o["beta1"] ** t), 1 - o["beta2"] ** t
        inside = o["epsilon"] == "inside"
        denominator = mp.sqrt(v / correction + o["eps"]) if inside else mp.sqrt(v) / mp.sqrt(correction) + o["eps"]
        p = p - step_size * m / denominator
        yield p


def keras_adam(p, grads, lrs, o):
    m, v = mpf(0), mpf(0)
    for t, (g, lr) in enumerate(zip(grads, lrs, strict=True), start=1):
        p = p - p * o["weight_decay"] * lr
        alpha = lr * mp.sqrt(1 - o["beta2"] ** t) / (1 - o["beta1"] ** t)
        m = m + (g - m) * (1 - o["beta1"])
        v = v + (g**2 - v) * (1 - o["beta2"])
        p = p - m * alpha / (mp.sqrt(v) + o["eps"])
        yield p


def adagrad(p, grads, lrs, o):
    total = o["initial"]
    for g, lr in zip(grads, lrs, strict=True):
        g, p = decayed(g, p, lr, o)
        total = total + g * g
        inside = o["epsilon"] == "inside"
        p = p - lr * g / (mp.sqrt(total + o["eps"]) if inside else mp.sqrt(total) + o["eps"])
        yield p


def adadelta(p, grads, lrs, o):
    square, step = mpf(0), mpf(0)
    for g, lr in zip(grads, lrs, strict=True):
        g, p = decayed(g, p, lr, o)
        square = o["decay_rate"] * square + (1 - o["decay_rate"]) * g * g
        delta = mp.sqrt(step + o["eps"]) / mp.sqrt(square + o["eps"]) * g
        step = o["decay_rate"] * step + (1 - o["decay_rate"]) * delta * delta
        p = p - lr * delta
        yield p


def nadam(p, grads, lrs, o):
    """Dozat's rule with the beta1 of each step, as PyTorch and Keras have it, or with the same always, as optax."""

    def beta1(t):
        return o["beta1"] * (1 - mpf(0.5) * mpf(0.96) ** (t * o["momentum_decay"])) if o["scheduled"] else o["beta1"]

    m, v, product = mpf(0), mpf(0), mpf(1)
    for t, (g, lr) in enumerate(zip(grads, lrs, strict=True), start=1):
        now, following = beta1(t), beta1(t + 1)
        product = product * now
        m = o["beta1"] * m + (1 - o["beta1"]) * g
        v = o["beta2"] * v + (1 - o["beta2"]) * g * g
        step = following * m / (1 - product * following) + (1 - now) * g / (1 - product)
        p = p - lr * step / (mp.sqrt(v / (1 - o["beta2"] ** t)) + o["eps"])
        yield p


def decayed(g, p, lr, o):
    """Decay by the gradient, or the parameter itself."""
    if o["decay"] == "gradient":
        return g + o["weight_decay"] * p, p
    return g, p - lr * o["weight_decay"] * p


RULES = {
    **{(rule.__name__, name): rule for rule in (adagrad, adadelta, nadam) for name in ("torch", "optax", "keras")},
    ("sgd", "none"): torch_sgd,
    ("sgd", "torch"): torch_sgd,
    ("sgd", "optax"): optax_sgd,
    ("sgd", "keras"): keras_sgd,
    ("rmsprop", "torch"): torch_rmsprop,
    ("rmsprop", "optax"): keras_rmsprop,
    ("rmsprop", "keras"): keras_rmsprop,
    ("adam", "torch"): torch_adam,
    ("adam", "optax"): torch_adam,
    ("adam", "keras"): keras_adam,
    ("adamw", "torch"): torch_adam,
    ("adamw", "optax"): torch_adam,
    ("adamw", "keras"): keras_adam,
}
