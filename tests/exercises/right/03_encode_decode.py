# %% matrices
def s(a):
    return 1 / (1 + np.exp(-a))

def encode(x, W, b):
    return s(x @ W + b)

def decode(y, W, b_prime):
    return s(y @ W.T + b_prime)
