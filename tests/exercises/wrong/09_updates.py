# %% held out | ascent => upwards
def sgd(theta, g, lr):
    return theta + lr * g
# %% held out | in place => in place
def sgd(theta, g, lr):
    theta -= lr * g
    return theta
# %% held out | rate inside and outside => rate twice
def momentum(theta, g, velocity, lr, mu):
    velocity = mu * velocity + lr * g
    return theta - lr * velocity, velocity
# %% held out | average => an average
def momentum(theta, g, velocity, lr, mu):
    velocity = mu * velocity + (1 - mu) * g
    return theta - lr * velocity, velocity
# %% held out | no correction => no correction
def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * m / (np.sqrt(v) + eps), m, v
# %% held out | t from 0 => t from 0
def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * m / (1 - beta1**steps) / (np.sqrt(v / (1 - beta2**steps)) + eps), m, v
# %% held out | eps inside => eps inside the root
def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    t = steps + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t) + eps), m, v
# %% held out | corrected moments are kept => corrected moments kept
def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    t = steps + 1
    m = (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)
    v = (beta2 * v + (1 - beta2) * g**2) / (1 - beta2**t)
    return theta - lr * m / (np.sqrt(v) + eps), m, v
# %% held out | no square root => no root
def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    t = steps + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps), m, v
# %% only the step => the step alone
def sgd(theta, g, lr):
    return -lr * g
# %% sign => the sign of the gradient
def sgd(theta, g, lr):
    return theta - lr * np.sign(g)
# %% no lr => no rate
def sgd(theta, g, lr):
    return theta - g
# %% keras => rate inside, plus
def momentum(theta, g, velocity, lr, mu):
    velocity = mu * velocity - lr * g
    return theta + velocity, velocity
# %% old velocity => the old velocity
def momentum(theta, g, velocity, lr, mu):
    return theta - lr * velocity, mu * velocity + g
# %% nesterov => Nesterov
def momentum(theta, g, velocity, lr, mu):
    u = mu * velocity + g
    return theta - lr * (g + mu * u), u
# %% velocity returned as it was => velocity not kept
def momentum(theta, g, velocity, lr, mu):
    return theta - lr * (mu * velocity + g), velocity
# %% velocity written into => in place
def momentum(theta, g, velocity, lr, mu):
    velocity *= mu
    velocity += g
    return theta - lr * velocity, velocity
# %% m alone corrected => only m corrected
def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    t = steps + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(v) + eps), m, v
# %% keras form => eps hat
def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    t = steps + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + eps), m, v
# %% v of g => v of |g|
def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    t = steps + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * np.abs(g)
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v
# %% two at once: t from 0 and eps inside => t from 0 and eps inside the root
def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * m / (1 - beta1**steps) / np.sqrt(v / (1 - beta2**steps) + eps), m, v
# %% two at once: no correction, no root => no correction and no root
def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * m / (v + eps), m, v
