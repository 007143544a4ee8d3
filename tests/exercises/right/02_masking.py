# %% a permutation a row
def mask(x, nu, rng):
    out = x.copy()
    for row in out:
        row[rng.permutation(len(row))[: round(nu * len(row))]] = 0
    return out
# %% ranks of random numbers
def mask(x, nu, rng):
    k = round(nu * x.shape[1])
    ranks = rng.random(x.shape).argsort(axis=1).argsort(axis=1)
    return np.where(ranks < k, 0, x)
# %% permuted masks
def mask(x, nu, rng):
    keep = np.ones(x.shape, bool)
    keep[:, : round(nu * x.shape[1])] = False
    return x * rng.permuted(keep, axis=1)
# %% choice
def mask(x, nu, rng):
    y = np.array(x, dtype=np.float32)
    for i in range(len(x)):
        y[i, rng.choice(x.shape[1], size=round(nu * x.shape[1]), replace=False)] = 0
    return y
# %% a generator of its own
def mask(x, nu, rng):
    r = np.random.RandomState(rng.integers(2**31))
    y = x + 0
    for row in y:
        chosen = list(range(len(row)))
        r.shuffle(chosen)
        row[chosen[: int(np.rint(nu * len(row)))]] = 0.0
    return y
