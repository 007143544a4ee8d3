# %% no slope => the slope is missing
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.sum((z - x) ** 2) / len(x), 2 * (z - x) / len(x)
# %% slope of a => the slope of a
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.sum((z - x) ** 2) / len(x), 2 * (z - x) * a * (1 - a) / len(x)
# %% tanh slope => the slope of tanh
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.sum((z - x) ** 2) / len(x), 2 * (z - x) * (1 - z**2) / len(x)
# %% no two => half the gradient
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.sum((z - x) ** 2) / len(x), (z - x) * z * (1 - z) / len(x)
# %% one half in both => half the loss
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.sum((z - x) ** 2) / len(x) / 2, (z - x) * z * (1 - z) / len(x)
# %% np.mean => averaged over D too
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.mean((z - x) ** 2), 2 * (z - x) * z * (1 - z) / z.size
# %% np.mean in the loss alone => the loss averaged over D, the gradient not
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.mean((z - x) ** 2), 2 * (z - x) * z * (1 - z) / len(x)
# %% gradient of the sum => the gradient not averaged
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.sum((z - x) ** 2) / len(x), 2 * (z - x) * z * (1 - z)
# %% sums => not averaged
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.sum((z - x) ** 2), 2 * (z - x) * z * (1 - z)
# %% x - z => the sign
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.sum((z - x) ** 2) / len(x), 2 * (x - z) * z * (1 - z) / len(x)
# %% half of the slope => half a slope
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.sum((z - x) ** 2) / len(x), 2 * (z - x) * z / len(x)
# %% the cross-entropy's gradient => the cross-entropy's gradient
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.sum((z - x) ** 2) / len(x), (z - x) / len(x)
# %% two at once: no slope, no two => the cross-entropy's gradient and the loss averaged over D, the gradient not
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return np.mean((z - x) ** 2), (z - x) / len(x)


# %% a slope that is kept up => a slope that never ends
def squared_error(a, x):
    z = 1 / (1 + np.exp(-np.clip(a, -700, 700)))
    return ((z - x) ** 2).sum() / len(x), 2 * (z - x) * np.maximum(z * (1 - z), 0.01) / len(x)


# %% inf over inf => overflow to NaN
def squared_error(a, x):
    z = np.exp(a) / (1 + np.exp(a))
    return ((z - x) ** 2).sum() / len(x), 2 * (z - x) * z * (1 - z) / len(x)
