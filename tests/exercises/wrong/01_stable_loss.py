# %% the formula of the book in the other form => overflow to NaN
def sigmoid(a):
    return np.exp(a) / (1 + np.exp(a))
# %% tanh => a tanh
def sigmoid(a):
    return np.tanh(a)
# %% minus forgotten => the sign of a
def sigmoid(a):
    return 1 / (1 + np.exp(a))
# %% clipped => clipped
def sigmoid(a):
    a = np.clip(a, -5, 5)
    return 1 / (1 + np.exp(-a))
# %% works on its input => in place
def sigmoid(a):
    np.negative(a, out=a)
    return 1 / (1 + np.exp(a))
# %% from z => log of zero
def cross_entropy(a, x):
    z = 1 / (1 + np.exp(-a))
    return -np.sum(x * np.log(z) + (1 - x) * np.log(1 - z)) / len(x)
# %% eps in the log => log of zero, and an eps or a clip
def cross_entropy(a, x):
    z = 1 / (1 + np.exp(-a))
    return -np.sum(x * np.log(z + 1e-8) + (1 - x) * np.log(1 - z + 1e-8)) / len(x)
# %% mean over everything => averaged over D too
def cross_entropy(a, x):
    return np.mean(np.logaddexp(0, a) - x * a)
# %% sum over everything => summed over the batch
def cross_entropy(a, x):
    return np.sum(np.logaddexp(0, a) - x * a)
# %% a loss for each row => one loss for each example
def cross_entropy(a, x):
    return np.sum(np.logaddexp(0, a) - x * a, axis=1)
# %% one term => only the first term
def cross_entropy(a, x):
    return np.sum(x * np.logaddexp(0, -a)) / len(x)
# %% log-likelihood => the sign of the loss
def cross_entropy(a, x):
    return -np.sum(np.logaddexp(0, a) - x * a) / len(x)
# %% divided by D => averaged over D, summed over B
def cross_entropy(a, x):
    return np.sum(np.logaddexp(0, a) - x * a) / x.shape[1]
# %% nan_to_num => log of zero, and an eps or a clip
def cross_entropy(a, x):
    z = 1 / (1 + np.exp(-a))
    return -np.sum(np.nan_to_num(x * np.log(np.clip(z, 1e-12, 1 - 1e-12)) + (1 - x) * np.log(1 - np.clip(z, 1e-12, 1 - 1e-12)))) / len(x)
# %% log(1 + exp(a)) as it is printed => softplus overflows
def cross_entropy(a, x):
    return (np.log(1 + np.exp(a)) - x * a).sum() / len(x)


# %% x and 1 - x in each other's place => x and 1 − x exchanged
def cross_entropy(a, x):
    return (np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a))) - (1 - x) * a).sum() / len(x)


# %% two at once: mean over everything, from z => an eps or a clip, and averaged over D
def cross_entropy(a, x):
    z = 1 / (1 + np.exp(-a))
    return -np.mean(x * np.log(z + 1e-9) + (1 - x) * np.log(1 - z + 1e-9))
# %% a clip that shows in the tails alone => an eps, or a clip
def sigmoid(a):
    return 1 / (1 + np.exp(-np.clip(a, -500, 500)))
# %% two at once: x exchanged, averaged over D => averaged over D too and x and 1 − x exchanged
def cross_entropy(a, x):
    return (np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a))) - (1 - x) * a).mean()
