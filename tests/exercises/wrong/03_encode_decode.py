# %% held out | no sigmoid => no sigmoid
def encode(x, W, b):
    return x @ W + b
# %% held out | bias forgotten => no bias
def encode(x, W, b):
    return 1 / (1 + np.exp(-(x @ W)))
# %% held out | bias outside => bias outside
def encode(x, W, b):
    return 1 / (1 + np.exp(-(x @ W))) + b
# %% held out | transposed result => columns
def encode(x, W, b):
    return 1 / (1 + np.exp(-(W.T @ x.T + b[:, None])))
# %% held out | linear output => no sigmoid
def decode(y, W, b_prime):
    return y @ W.T + b_prime
# %% held out | wrong sign of the exponent => falls
def decode(y, W, b_prime):
    return 1 / (1 + np.exp(y @ W.T + b_prime))
# %% held out | no bias => no bias
def decode(y, W, b_prime):
    return 1 / (1 + np.exp(-(y @ W.T)))
# %% held out | tanh => tanh
def decode(y, W, b_prime):
    return np.tanh(y @ W.T + b_prime)
# %% minus reaches the product alone => the exponent of a part
def encode(x, W, b):
    return 1 / (1 + np.exp(-x @ W + b))
# %% softmax => softmax
def encode(x, W, b):
    e = np.exp(x @ W + b)
    return e / e.sum(axis=1, keepdims=True)
# %% relu => rectifier
def encode(x, W, b):
    return np.maximum(0, x @ W + b)
# %% bias outside => bias outside
def decode(y, W, b_prime):
    return 1 / (1 + np.exp(-(y @ W.T))) + b_prime
# %% pinv => the inverse
def decode(y, W, b_prime):
    return 1 / (1 + np.exp(-(y @ np.linalg.pinv(W) + b_prime)))
# %% W not transposed
def decode(y, W, b_prime):
    return 1 / (1 + np.exp(-(y @ W + b_prime)))
# %% two at once: no bias, tanh => tanh and no bias
def encode(x, W, b):
    return np.tanh(x @ W)
