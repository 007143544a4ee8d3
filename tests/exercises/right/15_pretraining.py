# %% a loop over the layers
def pretrain(x, sizes, train):
    y, found = x, []
    for units in sizes:
        W, b = train(y, units)
        y = 1 / (1 + np.exp(-(y @ W + b)))
        found += [W, b]
    return (*found, y)
