# %% held out | every component by chance => by chance
def mask(x, nu, rng):
    return np.where(rng.random(x.shape) < nu, 0, x)
# %% held out | writes into x => in place
def mask(x, nu, rng):
    for row in x:
        row[rng.choice(len(row), round(nu * len(row)), replace=False)] = 0
    return x
# %% held out | the same components in each row => one choice for all rows
def mask(x, nu, rng):
    out = x.copy()
    out[:, rng.permutation(x.shape[1])[: round(nu * x.shape[1])]] = 0
    return out
# %% held out | rescaled as dropout does => rescaled
def mask(x, nu, rng):
    k = round(nu * x.shape[1])
    keep = np.ones(x.shape)
    for row in keep:
        row[rng.permutation(x.shape[1])[:k]] = 0
    return x * keep / (1 - nu)
# %% held out | keeps nu => ν is kept
def mask(x, nu, rng):
    out = x.copy()
    for row in out:
        row[rng.permutation(len(row))[round(nu * len(row)):]] = 0
    return out
# %% held out | with replacement => drawn with replacement
def mask(x, nu, rng):
    out = x.copy()
    for row in out:
        row[rng.integers(0, len(row), round(nu * len(row)))] = 0
    return out
# %% int cuts => rounded down
def mask(x, nu, rng):
    out = x.copy()
    for row in out:
        row[rng.permutation(len(row))[:int(nu * len(row))]] = 0
    return out
# %% the first ones => always the first ones
def mask(x, nu, rng):
    out = x.copy()
    out[:, :round(nu * x.shape[1])] = 0
    return out
# %% the mask => the mask itself
def mask(x, nu, rng):
    out = np.ones(x.shape)
    for row in out:
        row[rng.permutation(len(row))[:round(nu * len(row))]] = 0
    return out
# %% to one => set to 1
def mask(x, nu, rng):
    out = x.copy()
    for row in out:
        row[rng.permutation(len(row))[:round(nu * len(row))]] = 1
    return out
# %% count of the whole batch => counted over the whole batch
def mask(x, nu, rng):
    out = x.flatten()
    out[rng.permutation(out.size)[:round(nu * out.size)]] = 0
    return out.reshape(x.shape)
# %% two at once: by chance, and rescaled => rescaled
def mask(x, nu, rng):
    return x * (rng.random(x.shape) > nu) / (1 - nu)
# %% two at once: one row for all, keeps nu => ν is kept
def mask(x, nu, rng):
    out = x.copy()
    out[:, rng.permutation(x.shape[1])[round(nu * x.shape[1]):]] = 0
    return out
# %% gaussian noise => noise added
def mask(x, nu, rng):
    return x + nu * rng.standard_normal(x.shape)
# %% salt and pepper => salt and pepper
def mask(x, nu, rng):
    out = x.copy()
    for row in out:
        chosen = rng.permutation(len(row))[:round(nu * len(row))]
        row[chosen] = rng.integers(0, 2, len(chosen))
    return out


# %% one draw for the batch, moved on from row to row => each row a shift of the one before
def mask(x, nu, rng):
    x_tilde = x.copy()
    n, D = x.shape
    k, start = round(nu * D), rng.integers(D)
    for i in range(n):
        x_tilde[i, (start + 7 * i + np.arange(k)) % D] = 0
    return x_tilde


# %% a block of neighbours in each row => neighbours
def mask(x, nu, rng):
    x_tilde = x.copy()
    n, D = x.shape
    for i in range(n):
        x_tilde[i, (rng.integers(D) + np.arange(round(nu * D))) % D] = 0
    return x_tilde


# %% from the first two thirds of the components alone
def mask(x, nu, rng):
    x_tilde = x.copy()
    n, D = x.shape
    for i in range(n):
        x_tilde[i, rng.permutation(2 * D // 3)[: round(nu * D)]] = 0
    return x_tilde


# %% a seed of its own => a generator of its own
def mask(x, nu, rng):
    rng, x = np.random.default_rng(0), x.copy()
    for row in x:
        row[rng.permutation(len(row))[: round(nu * len(row))]] = 0
    return x


# %% the global generator => a generator of its own
def mask(x, nu, rng):
    x = x.copy()
    for row in x:
        row[np.random.permutation(len(row))[: round(nu * len(row))]] = 0
    return x


# %% sorted along axis 0 => along the wrong axis
def mask(x, nu, rng):
    return np.where(rng.random(x.shape).argsort(axis=0).argsort(axis=0) < round(nu * len(x)), 0, x)


# %% a part of the rows, not of the columns => everything destroyed
def mask(x, nu, rng):
    x = x.copy()
    for row in x:
        row[rng.permutation(len(row))[: round(nu * len(x))]] = 0
    return x
