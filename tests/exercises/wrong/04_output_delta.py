# %% other way => z as the target
def cross_entropy_delta(z, x):
    return (x - z) / len(x)
# %% slope kept => the slope twice
def cross_entropy_delta(z, x):
    return (z - x) * z * (1 - z) / len(x)
# %% no mean => not averaged
def cross_entropy_delta(z, x):
    return z - x
# %% over everything => averaged over D too
def cross_entropy_delta(z, x):
    return (z - x) / x.size
# %% dL/dz => stopped at z
def cross_entropy_delta(z, x):
    return (z - x) / (z * (1 - z)) / len(x)
# %% dL/dz of one term => only one term
def cross_entropy_delta(z, x):
    return -x * (1 - z) / len(x)
# %% two => the square's gradient
def cross_entropy_delta(z, x):
    return 2 * (z - x) / z.shape[0]
# %% summed to one row => one row for the batch
def cross_entropy_delta(z, x):
    return np.mean(z - x, axis=0)
# %% in place => in place
def cross_entropy_delta(z, x):
    z -= x
    z /= len(x)
    return z
# %% no two => half
def squared_error_delta(z, x):
    return (z - x) / len(x)
# %% sigmoid's slope => a slope where there is no sigmoid
def squared_error_delta(z, x):
    return 2 * (z - x) * z * (1 - z) / len(x)
# %% sign => the sign
def squared_error_delta(z, x):
    return -2 * (z - x) / len(x)
# %% mse as frameworks have it => averaged over D too
def squared_error_delta(z, x):
    return 2 * (z - x) / z.size
# %% a sign only => the absolute error's
def squared_error_delta(z, x):
    return np.sign(z - x) / len(x)
# %% no mean => not averaged
def squared_error_delta(z, x):
    return 2 * (z - x)
# %% the error itself => the loss itself
def squared_error_delta(z, x):
    return (z - x) ** 2 / len(x)
# %% two at once: sign and no mean => z as the target and not averaged
def cross_entropy_delta(z, x):
    return x - z
# %% two at once: no two, slope => a slope where there is no sigmoid and half
def squared_error_delta(z, x):
    return (z - x) * z * (1 - z) / len(x)
# %% three at once => the slope twice and factor −1 and factor B
def cross_entropy_delta(z, x):
    return (x - z) * z * (1 - z)
