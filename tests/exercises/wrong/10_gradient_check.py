# %% held out | forward difference => one-sided
def numerical_gradient(f, theta):
    g, h = np.zeros_like(theta), 1e-5
    for i in np.ndindex(theta.shape):
        other = theta.copy()
        other[i] += h
        g[i] = (f(other) - f(theta)) / h
    return g
# %% held out | theta not restored => θ not restored
def numerical_gradient(f, theta):
    g, h = np.zeros_like(theta), 1e-5
    theta = theta.copy()
    for i in np.ndindex(theta.shape):
        theta[i] += h
        up = f(theta)
        theta[i] -= 2 * h
        g[i] = (up - f(theta)) / (2 * h)
    return g
# %% held out | divided by h => not divided by 2
def numerical_gradient(f, theta):
    g, h = np.zeros_like(theta), 1e-5
    for i in np.ndindex(theta.shape):
        e = np.zeros_like(theta)
        e[i] = h
        g[i] = (f(theta + e) - f(theta - e)) / h
    return g
# %% held out | step far too small => step too small
def numerical_gradient(f, theta):
    g, h = np.zeros_like(theta), 1e-15
    for i in np.ndindex(theta.shape):
        e = np.zeros_like(theta)
        e[i] = h
        g[i] = (f(theta + e) - f(theta - e)) / (2 * h)
    return g
# %% held out | all entries at once => all entries at once
def numerical_gradient(f, theta):
    h = 1e-5
    return np.full_like(theta, (f(theta + h) - f(theta - h)) / (2 * h))
# %% held out | works on the caller's array => in place
def numerical_gradient(f, theta):
    g, h = np.zeros_like(theta), 1e-5
    for i in np.ndindex(theta.shape):
        theta[i] += h
        up = f(theta)
        theta[i] -= 2 * h
        g[i] = (up - f(theta)) / (2 * h)
        theta[i] += h
    return g
# %% backward difference => one-sided
def numerical_gradient(f, theta):
    g, h = np.zeros_like(theta), 1e-4
    for i in np.ndindex(theta.shape):
        e = np.zeros_like(theta)
        e[i] = h
        g[i] = (f(theta) - f(theta - e)) / h
    return g
# %% sign => turned
def numerical_gradient(f, theta):
    g, h = np.zeros_like(theta), 1e-5
    for i in np.ndindex(theta.shape):
        e = np.zeros_like(theta)
        e[i] = h
        g[i] = (f(theta - e) - f(theta + e)) / (2 * h)
    return g
# %% / 2 * h => not divided
def numerical_gradient(f, theta):
    g, h = np.zeros_like(theta), 1e-5
    for i in np.ndindex(theta.shape):
        e = np.zeros_like(theta)
        e[i] = h
        g[i] = (f(theta + e) - f(theta - e)) / 2 * h
    return g
# %% one number => the sum alone
def numerical_gradient(f, theta):
    h = 1e-5
    return (f(theta + h) - f(theta - h)) / (2 * h)
# %% far too large => step too large
def numerical_gradient(f, theta):
    g, h = np.zeros_like(theta), 1e-2
    for i in np.ndindex(theta.shape):
        e = np.zeros_like(theta)
        e[i] = h
        g[i] = (f(theta + e) - f(theta - e)) / (2 * h)
    return g


# %% in single precision => in float32
def numerical_gradient(f, theta):
    theta = theta.astype(np.float32)
    g = np.zeros_like(theta)
    for i in np.ndindex(theta.shape):
        e = np.zeros_like(theta)
        e[i] = 1e-5
        g[i] = (f(theta + e) - f(theta - e)) / 2e-5
    return g
