# %% where, of exponents that are not positive
def sigmoid(a):
    e = np.exp(-np.abs(a))
    return np.where(a >= 0, 1, e) / (1 + e)

def cross_entropy(a, x):
    return np.sum(np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a))) - x * a) / len(x)
# %% masks, and a mean of sums
def sigmoid(a):
    out = np.empty_like(a)
    pos = a >= 0
    out[pos] = 1 / (1 + np.exp(-a[pos]))
    e = np.exp(a[~pos])
    out[~pos] = e / (1 + e)
    return out

def cross_entropy(a, x):
    return np.mean(np.sum(np.logaddexp(0, a) - x * a, axis=1))
# %% tanh, and x weighted
def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))

def cross_entropy(a, x):
    return float((x * np.logaddexp(0, -a) + (1 - x) * np.logaddexp(0, a)).sum(1).mean(0))
# %% float32
def sigmoid(a):
    a = a.astype(np.float32)
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-a))

def cross_entropy(a, x):
    a, x = a.astype(np.float32), x.astype(np.float32)
    return np.sum(np.logaddexp(np.float32(0), a) - x * a, dtype=np.float32) / np.float32(len(x))
# %% loops over the examples
def sigmoid(a):
    return np.array([1 / (1 + np.exp(-v)) if v >= 0 else np.exp(v) / (1 + np.exp(v)) for v in a.ravel()]).reshape(a.shape)

def cross_entropy(a, x):
    total = 0.0
    for row, target in zip(a, x):
        total += sum(np.logaddexp(0, v) - t * v for v, t in zip(row, target))
    return total / len(x)
