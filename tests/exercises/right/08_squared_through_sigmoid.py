# %% chain rule
def squared_error(a, x):
    z = 1 / (1 + np.exp(-a))
    return ((z - x) ** 2).sum() / len(x), 2 * (z - x) * z * (1 - z) / len(x)
