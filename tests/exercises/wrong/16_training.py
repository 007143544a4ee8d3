# %% held out | nothing is learned => nothing learned
def train(x, rng):
    return rng.normal(0, 0.05, (x.shape[1], 100)), np.zeros(100), np.zeros(x.shape[1])
# %% held out | steps upwards => worse than nothing
def train(x, rng):
    D, H = x.shape[1], 100
    W, b, c = rng.uniform(-0.08, 0.08, (D, H)), np.zeros(H), np.zeros(D)
    s = lambda a: 1 / (1 + np.exp(-a))
    for i in range(0, len(x), 20):
        t = x[i:i + 20]
        y = s(t @ W + b)
        z = s(y @ W.T + c)
        d = (z - t) / len(t)
        e = d @ W * y * (1 - y)
        W = W + 0.1 * (d.T @ y + t.T @ e); b = b + 0.1 * e.sum(0); c = c + 0.1 * d.sum(0)
    return W, b, c
# %% held out | one step an epoch => the mean picture
def train(x, rng):
    D, H = x.shape[1], 100
    W, b, c = rng.uniform(-0.08, 0.08, (D, H)), np.zeros(H), np.zeros(D)
    s = lambda a: 1 / (1 + np.exp(-a))
    for epoch in range(10):
        y = s(x @ W + b)
        z = s(y @ W.T + c)
        d = (z - x) / len(x)
        e = d @ W * y * (1 - y)
        W = W - 0.1 * (d.T @ y + x.T @ e); b = b - 0.1 * e.sum(0); c = c - 0.1 * d.sum(0)
    return W, b, c
# %% held out | the biases alone => the biases alone
def train(x, rng):
    p = x.mean(0).clip(0.01, 0.99)
    return np.zeros((x.shape[1], 100)), np.zeros(100), np.log(p / (1 - p))
# %% rate of a sum: NaN => not finite
def train(x, rng):
    W, b, c = rng.normal(0, 1, (784, 50)), np.zeros(50), np.zeros(784)
    return W * np.nan, b, c
# %% one epoch => not enough learned
def train(x, rng):
    D, H = x.shape[1], 100
    W, b, c = rng.uniform(-0.08, 0.08, (D, H)), np.zeros(H), np.zeros(D)
    s = lambda a: 1 / (1 + np.exp(-a))
    for i in range(0, len(x), 20):
        t = x[i:i + 20]
        y = s(t @ W + b)
        z = s(y @ W.T + c)
        d = (z - t) / len(t)
        e = d @ W * y * (1 - y)
        W = W - 0.1 * (d.T @ y + t.T @ e); b = b - 0.1 * e.sum(0); c = c - 0.1 * d.sum(0)
    return W, b, c
# %% W never updated but biases => the biases alone
def train(x, rng):
    D, H = x.shape[1], 50
    W, b, c = rng.normal(0, 1e-4, (D, H)), np.zeros(H), np.zeros(D)
    s = lambda a: 1 / (1 + np.exp(-a))
    for epoch in range(2):
        for i in range(0, len(x), 20):
            t = x[i:i + 20]
            y = s(t @ W + b)
            z = s(y @ W.T + c)
            d = (z - t) / len(t)
            c = c - 0.1 * d.sum(0)
    return W, b, c
# %% rate too small => nothing learned
def train(x, rng):
    D, H = x.shape[1], 100
    W, b, c = rng.uniform(-0.08, 0.08, (D, H)), np.zeros(H), np.zeros(D)
    s = lambda a: 1 / (1 + np.exp(-a))
    for i in range(0, len(x), 20):
        t = x[i:i + 20]
        y = s(t @ W + b)
        z = s(y @ W.T + c)
        d = (z - t) / len(t)
        e = d @ W * y * (1 - y)
        W = W - 1e-5 * (d.T @ y + t.T @ e); b = b - 1e-5 * e.sum(0); c = c - 1e-5 * d.sum(0)
    return W, b, c


# %% W comes back transposed => W transposed
def train(x, rng):
    return np.zeros((100, 784)), np.zeros(100), np.zeros(784)


# %% the biases in the other order => biases exchanged
def train(x, rng):
    return np.zeros((784, 100)), np.zeros(784), np.zeros(100)


# %% weights that begin at zero => all units alike
def train(x, rng):
    W, b, c = np.zeros((784, 30)), np.zeros(30), np.zeros(784)
    for i in range(0, 2000, 20):
        X = x[i : i + 20]
        y = 1 / (1 + np.exp(-(X @ W + b)))
        d = (1 / (1 + np.exp(-(y @ W.T + c))) - X) / 20
        dy = d @ W * y * (1 - y)
        W, b, c = W - 0.1 * (d.T @ y + X.T @ dy), b - 0.1 * dy.sum(0), c - 0.1 * d.sum(0)
    return W, b, c


# %% three hidden units => few hidden units
def train(x, rng):
    W, b, c = rng.normal(0, 0.05, (784, 3)), np.zeros(3), np.zeros(784)
    for i in range(0, 2000, 20):
        X = x[i : i + 20]
        y = 1 / (1 + np.exp(-(X @ W + b)))
        d = (1 / (1 + np.exp(-(y @ W.T + c))) - X) / 20
        dy = d @ W * y * (1 - y)
        W, b, c = W - 0.1 * (d.T @ y + X.T @ dy), b - 0.1 * dy.sum(0), c - 0.1 * d.sum(0)
    return W, b, c


# %% a linear output with the squared error => an output without a sigmoid
def train(x, rng):
    W, b, c = rng.normal(0, 0.05, (784, 30)), np.zeros(30), np.zeros(784)
    for i in range(0, 2000, 20):
        X = x[i : i + 20]
        y = 1 / (1 + np.exp(-(X @ W + b)))
        d = 2 * (y @ W.T + c - X) / 20
        dy = d @ W * y * (1 - y)
        W, b, c = W - 0.02 * (d.T @ y + X.T @ dy), b - 0.02 * dy.sum(0), c - 0.02 * d.sum(0)
    return W, b, c
