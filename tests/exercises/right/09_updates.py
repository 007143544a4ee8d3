# %% as written
def sgd(theta, g, lr):
    return theta - lr * g

def momentum(theta, g, velocity, lr, mu):
    u = mu * velocity + g
    return theta - lr * u, u

def adam(theta, g, m, v, steps, lr, beta1, beta2, eps):
    t = steps + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v
