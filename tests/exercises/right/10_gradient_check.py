# %% central
def numerical_gradient(f, theta):
    g, h = np.zeros_like(theta), 1e-5
    for i in np.ndindex(theta.shape):
        e = np.zeros_like(theta)
        e[i] = h
        g[i] = (f(theta + e) - f(theta - e)) / (2 * h)
    return g
# %% of fourth order
def numerical_gradient(f, theta):
    flat, h = theta.ravel(), 1e-3
    def at(i, k):
        p = flat.copy()
        p[i] += k * h
        return f(p.reshape(theta.shape))
    return np.array([(8 * (at(i, 1) - at(i, -1)) - at(i, 2) + at(i, -2)) / (12 * h) for i in range(flat.size)]).reshape(theta.shape)
