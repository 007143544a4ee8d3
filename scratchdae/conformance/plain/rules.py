"""Update rules: one parameter after each step, and the weights and biases of a case by the same rule."""

import numpy as np

from scratchdae.arguments import Array


def sgd(
    theta: Array, gradients: Array, lr: Array, momentum: float, nesterov: bool, dampening: float,
    momentum_lr: str, weight_decay: float, decay: str,
) -> Array:  # fmt: skip
    """One parameter after each step of gradient descent with momentum."""
    steps = np.zeros(gradients.shape)
    u = np.zeros(theta.shape)
    for n in range(len(gradients)):
        g = gradients[n]
        rate = lr[n]
        if decay == "gradient":
            g = g + weight_decay * theta
        else:  # decoupled: not through the gradient
            theta = theta - rate * weight_decay * theta
        inner, outer = 1.0, rate  # where the learning rate enters: before the momentum, or after it
        if momentum_lr == "inside":
            inner, outer = rate, 1.0
        g = inner * g
        damped = (1 - dampening) * g
        if n == 0:  # the first step is not damped
            damped = g
        u = momentum * u + damped
        s = u
        if nesterov:
            s = g + momentum * u
        theta = theta - outer * s
        steps[n] = theta
    return steps


def optimizer_sgd(
    W: Array, b: Array, dW: Array, db: Array, lr: Array, momentum: float, nesterov: bool, dampening: float,
    momentum_lr: str, weight_decay: float, decay: str, decayed: str,
) -> dict[str, Array]:  # fmt: skip
    """Gradient descent with momentum on weights and biases."""
    of_weights = weight_decay
    of_biases = 0.0
    if decayed == "all":
        of_biases = weight_decay
    W_steps = sgd(W, dW, lr, momentum, nesterov, dampening, momentum_lr, of_weights, decay)
    b_steps = sgd(b, db, lr, momentum, nesterov, dampening, momentum_lr, of_biases, decay)
    return {"W_steps": W_steps, "b_steps": b_steps}


def rmsprop(
    theta: Array, gradients: Array, lr: Array, decay_rate: float, momentum: float, centred: bool, eps: float,
    epsilon: str, momentum_lr: str, weight_decay: float, decay: str,
) -> Array:  # fmt: skip
    """One parameter after each step of RMSprop."""
    steps = np.zeros(gradients.shape)
    u = np.zeros(theta.shape)
    v = np.zeros(theta.shape)
    mean = np.zeros(theta.shape)
    for n in range(len(gradients)):
        g = gradients[n]
        rate = lr[n]
        if decay == "gradient":
            g = g + weight_decay * theta
        else:  # decoupled: not through the gradient
            theta = theta - rate * weight_decay * theta
        v = decay_rate * v + (1 - decay_rate) * g**2
        mean = decay_rate * mean + (1 - decay_rate) * g
        size = v
        if centred:
            size = v - mean**2
        root = np.sqrt(size) + eps
        if epsilon == "inside":
            root = np.sqrt(size + eps)
        s = g / root
        inner, outer = 1.0, rate  # where the learning rate enters: before the momentum, or after it
        if momentum_lr == "inside":
            inner, outer = rate, 1.0
        u = momentum * u + inner * s
        theta = theta - outer * u
        steps[n] = theta
    return steps


def optimizer_rmsprop(
    W: Array, b: Array, dW: Array, db: Array, lr: Array, decay_rate: float, momentum: float, centred: bool,
    eps: float, epsilon: str, momentum_lr: str, weight_decay: float, decay: str, decayed: str,
) -> dict[str, Array]:  # fmt: skip
    """RMSprop on weights and biases."""
    of_weights = weight_decay
    of_biases = 0.0
    if decayed == "all":
        of_biases = weight_decay
    W_steps = rmsprop(W, dW, lr, decay_rate, momentum, centred, eps, epsilon, momentum_lr, of_weights, decay)
    b_steps = rmsprop(b, db, lr, decay_rate, momentum, centred, eps, epsilon, momentum_lr, of_biases, decay)
    return {"W_steps": W_steps, "b_steps": b_steps}


def adam(
    theta: Array, gradients: Array, lr: Array, beta1: float, beta2: float, eps: float, epsilon: str,
    weight_decay: float, decay: str,
) -> Array:  # fmt: skip
    """One parameter after each step of Adam."""
    steps = np.zeros(gradients.shape)
    m = np.zeros(theta.shape)
    v = np.zeros(theta.shape)
    for n in range(len(gradients)):
        t = n + 1
        g = gradients[n]
        rate = lr[n]
        if decay == "gradient":
            g = g + weight_decay * theta
        else:  # decoupled: not through the gradient
            theta = theta - rate * weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        root = np.sqrt(v_hat) + eps
        if epsilon == "inside":
            root = np.sqrt(v_hat + eps)
        if epsilon == "hat":  # added before the bias of v is corrected
            root = (np.sqrt(v) + eps) / np.sqrt(1 - beta2**t)
        theta = theta - rate * m_hat / root
        steps[n] = theta
    return steps


def optimizer_adam(
    W: Array, b: Array, dW: Array, db: Array, lr: Array, beta1: float, beta2: float, eps: float, epsilon: str,
    weight_decay: float, decay: str, decayed: str,
) -> dict[str, Array]:  # fmt: skip
    """Adam on weights and biases."""
    of_weights = weight_decay
    of_biases = 0.0
    if decayed == "all":
        of_biases = weight_decay
    W_steps = adam(W, dW, lr, beta1, beta2, eps, epsilon, of_weights, decay)
    b_steps = adam(b, db, lr, beta1, beta2, eps, epsilon, of_biases, decay)
    return {"W_steps": W_steps, "b_steps": b_steps}


def optimizer_adamw(
    W: Array, b: Array, dW: Array, db: Array, lr: Array, beta1: float, beta2: float, eps: float, epsilon: str,
    weight_decay: float, decayed: str,
) -> dict[str, Array]:  # fmt: skip
    """AdamW on weights and biases: Adam, with a weight decay that is no part of the gradient."""
    of_weights = weight_decay
    of_biases = 0.0
    if decayed == "all":
        of_biases = weight_decay
    W_steps = adam(W, dW, lr, beta1, beta2, eps, epsilon, of_weights, decay="decoupled")
    b_steps = adam(b, db, lr, beta1, beta2, eps, epsilon, of_biases, decay="decoupled")
    return {"W_steps": W_steps, "b_steps": b_steps}


def adagrad(theta: Array, gradients: Array, lr: Array, eps: float, epsilon: str, initial: float) -> Array:
    """One parameter after each step of Adagrad."""
    steps = np.zeros(gradients.shape)
    v = np.full(theta.shape, initial)
    for n in range(len(gradients)):
        g = gradients[n]
        rate = lr[n]
        v = v + g**2
        root = np.sqrt(v) + eps
        if epsilon == "inside":
            root = np.sqrt(v + eps)
        theta = theta - rate * g / root
        steps[n] = theta
    return steps


def optimizer_adagrad(
    W: Array, b: Array, dW: Array, db: Array, lr: Array, eps: float, epsilon: str, initial: float
) -> dict[str, Array]:
    """Adagrad on weights and biases."""
    W_steps = adagrad(W, dW, lr, eps, epsilon, initial)
    b_steps = adagrad(b, db, lr, eps, epsilon, initial)
    return {"W_steps": W_steps, "b_steps": b_steps}


def adadelta(theta: Array, gradients: Array, lr: Array, decay_rate: float, eps: float) -> Array:
    """One parameter after each step of Adadelta."""
    steps = np.zeros(gradients.shape)
    v = np.zeros(theta.shape)
    u = np.zeros(theta.shape)
    for n in range(len(gradients)):
        g = gradients[n]
        rate = lr[n]
        v = decay_rate * v + (1 - decay_rate) * g**2
        s = g * np.sqrt(u + eps) / np.sqrt(v + eps)
        u = decay_rate * u + (1 - decay_rate) * s**2
        theta = theta - rate * s
        steps[n] = theta
    return steps


def optimizer_adadelta(
    W: Array, b: Array, dW: Array, db: Array, lr: Array, decay_rate: float, eps: float
) -> dict[str, Array]:
    """Adadelta on weights and biases."""
    W_steps = adadelta(W, dW, lr, decay_rate, eps)
    b_steps = adadelta(b, db, lr, decay_rate, eps)
    return {"W_steps": W_steps, "b_steps": b_steps}


def nadam(
    theta: Array, gradients: Array, lr: Array, beta1: float, beta2: float, eps: float, momentum_decay: float,
    scheduled: bool,
) -> Array:  # fmt: skip
    """One parameter after each step of NAdam."""
    steps = np.zeros(gradients.shape)
    m = np.zeros(theta.shape)
    v = np.zeros(theta.shape)
    product = 1.0  # of all mu so far
    for n in range(len(gradients)):
        t = n + 1
        g = gradients[n]
        rate = lr[n]
        mu = beta1
        mu_next = beta1
        if scheduled:
            mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
            mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
        product = product * mu
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
        v_hat = v / (1 - beta2**t)
        theta = theta - rate * m_hat / (np.sqrt(v_hat) + eps)
        steps[n] = theta
    return steps


def optimizer_nadam(
    W: Array, b: Array, dW: Array, db: Array, lr: Array, beta1: float, beta2: float, eps: float,
    momentum_decay: float, scheduled: bool,
) -> dict[str, Array]:  # fmt: skip
    """NAdam on weights and biases."""
    W_steps = nadam(W, dW, lr, beta1, beta2, eps, momentum_decay, scheduled)
    b_steps = nadam(b, db, lr, beta1, beta2, eps, momentum_decay, scheduled)
    return {"W_steps": W_steps, "b_steps": b_steps}
