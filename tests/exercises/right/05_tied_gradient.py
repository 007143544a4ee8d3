# %% matrices
def decoder_part(da_z, y):
    return da_z.T @ y

def encoder_part(da_z, x_tilde, y, W):
    return x_tilde.T @ (da_z @ W * y * (1 - y))

def tied_gradient(da_z, x_tilde, y, W):
    return decoder_part(da_z, y) + encoder_part(da_z, x_tilde, y, W)
# %% einsum
def decoder_part(da_z, y):
    return np.einsum("bd,bh->dh", da_z, y)

def encoder_part(da_z, x_tilde, y, W):
    return np.einsum("bd,bk,kh,bh->dh", x_tilde, da_z, W, y * (1 - y), optimize=True)

def tied_gradient(da_z, x_tilde, y, W):
    return encoder_part(da_z, x_tilde, y, W) + decoder_part(da_z, y)
# %% example by example
def decoder_part(da_z, y):
    return sum(np.outer(d, h) for d, h in zip(da_z, y))

def encoder_part(da_z, x_tilde, y, W):
    dW = np.zeros_like(W)
    for d, x, h in zip(da_z, x_tilde, y):
        dW += np.outer(x, (W.T @ d) * h * (1 - h))
    return dW

def tied_gradient(da_z, x_tilde, y, W):
    return decoder_part(da_z, y) + encoder_part(da_z, x_tilde, y, W)
# %% float32
def decoder_part(da_z, y):
    return da_z.astype("float32").T @ y.astype("float32")

def encoder_part(da_z, x_tilde, y, W):
    da_z, x_tilde, y, W = (v.astype("float32") for v in (da_z, x_tilde, y, W))
    return x_tilde.T @ (da_z @ W * y * (1 - y))

def tied_gradient(da_z, x_tilde, y, W):
    return decoder_part(da_z, y) + encoder_part(da_z, x_tilde, y, W)
# %% the whole first, a part as the difference
def decoder_part(da_z, y):
    return (y.T @ da_z).T

def tied_gradient(da_z, x_tilde, y, W):
    dy = np.dot(da_z, W)
    da_y = dy * (y - y**2)
    return np.concatenate([da_z.T, x_tilde.T], axis=1) @ np.concatenate([y, da_y])

def encoder_part(da_z, x_tilde, y, W):
    return tied_gradient(da_z, x_tilde, y, W) - decoder_part(da_z, y)
