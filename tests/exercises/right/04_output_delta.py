# %% as derived
def cross_entropy_delta(z, x):
    return (z - x) / len(x)

def squared_error_delta(z, x):
    return 2 * (z - x) / len(x)
