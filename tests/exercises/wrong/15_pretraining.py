# %% held out | the second layer learns from x => second layer from x
def pretrain(x, sizes, train):
    W1, b1 = train(x, sizes[0])
    W2, b2 = train(x, sizes[1])
    y = 1 / (1 + np.exp(-(x @ W1 + b1)))
    return W1, b1, W2, b2, y
# %% held out | linear codes => linear codes
def pretrain(x, sizes, train):
    W1, b1 = train(x, sizes[0])
    y = x @ W1 + b1
    W2, b2 = train(y, sizes[1])
    return W1, b1, W2, b2, y @ W2 + b2
# %% held out | from the reconstruction => from the reconstruction
def pretrain(x, sizes, train):
    s = lambda a: 1 / (1 + np.exp(-a))
    W1, b1 = train(x, sizes[0])
    y = s(x @ W1 + b1)
    z = s(y @ W1.T)
    W2, b2 = train(z, sizes[1])
    return W1, b1, W2, b2, s(z @ W2 + b2)
# %% held out | the code of the first layer => the first code
def pretrain(x, sizes, train):
    s = lambda a: 1 / (1 + np.exp(-a))
    W1, b1 = train(x, sizes[0])
    y = s(x @ W1 + b1)
    W2, b2 = train(y, sizes[1])
    return W1, b1, W2, b2, y
# %% sizes reversed => sizes turned
def pretrain(x, sizes, train):
    s = lambda a: 1 / (1 + np.exp(-a))
    W1, b1 = train(x, sizes[1])
    y = s(x @ W1 + b1)
    W2, b2 = train(y, sizes[0])
    return W1, b1, W2, b2, s(y @ W2 + b2)
# %% no bias => no bias
def pretrain(x, sizes, train):
    s = lambda a: 1 / (1 + np.exp(-a))
    W1, b1 = train(x, sizes[0])
    y = s(x @ W1)
    W2, b2 = train(y, sizes[1])
    return W1, b1, W2, b2, s(y @ W2)
# %% relu => rectifier
def pretrain(x, sizes, train):
    s = lambda a: np.maximum(0, a)
    W1, b1 = train(x, sizes[0])
    y = s(x @ W1 + b1)
    W2, b2 = train(y, sizes[1])
    return W1, b1, W2, b2, s(y @ W2 + b2)
# %% last one linear => last code linear
def pretrain(x, sizes, train):
    W1, b1 = train(x, sizes[0])
    y = 1 / (1 + np.exp(-(x @ W1 + b1)))
    W2, b2 = train(y, sizes[1])
    return W1, b1, W2, b2, y @ W2 + b2
# %% two at once: no bias, sizes => no bias and sizes turned
def pretrain(x, sizes, train):
    s = lambda a: 1 / (1 + np.exp(-a))
    W1, b1 = train(x, sizes[1])
    y = s(x @ W1)
    W2, b2 = train(y, sizes[0])
    return W1, b1, W2, b2, s(y @ W2)
# %% the wrong stacking: three layers' worth of training on x => the first code: linear, no bias code
def pretrain(x, sizes, train):
    W1, b1 = train(x, sizes[0])
    W2, b2 = train(x @ W1, sizes[1])
    return W1, b1, W2, b2, 1 / (1 + np.exp(-(x @ W1 @ W2 + b2)))
