# %% batches of 20, with masking
def train(x, rng):
    D, H, lr = x.shape[1], 100, 0.1
    x = x.astype(np.float32)
    r = np.sqrt(6 / (D + H))
    W, b, c = rng.uniform(-r, r, (D, H)).astype(np.float32), np.zeros(H, np.float32), np.zeros(D, np.float32)
    s = lambda a: 1 / (1 + np.exp(-a))
    for epoch in range(6):
        for rows in np.split(rng.permutation(len(x)), len(x) // 20):
            t = x[rows]
            n = t * (rng.random(t.shape) > 0.1)
            y = s(n @ W + b)
            d = (s(y @ W.T + c) - t) / len(t)
            e = d @ W * y * (1 - y)
            W -= lr * (d.T @ y + n.T @ e)
            b -= lr * e.sum(0)
            c -= lr * d.sum(0)
    return W, b, c
