# %% held out | transposed => transposed
def decoder_part(da_z, y):
    return y.T @ da_z
# %% held out | averaged once more => averaged again
def decoder_part(da_z, y):
    return da_z.T @ y / len(y)
# %% held out | no slope => no slope
def encoder_part(da_z, x_tilde, y, W):
    return x_tilde.T @ (da_z @ W)
# %% held out | slope of tanh => tanh's slope
def encoder_part(da_z, x_tilde, y, W):
    return x_tilde.T @ ((da_z @ W) * (1 - y**2))
# %% held out | decoder's part alone => no encoder
def tied_gradient(da_z, x_tilde, y, W):
    return da_z.T @ y
# %% held out | encoder's part alone => no decoder
def tied_gradient(da_z, x_tilde, y, W):
    return x_tilde.T @ (da_z @ W * y * (1 - y))
# %% held out | mean of the two => mean of both
def tied_gradient(da_z, x_tilde, y, W):
    return (da_z.T @ y + x_tilde.T @ (da_z @ W * y * (1 - y))) / 2
# %% held out | difference => difference
def tied_gradient(da_z, x_tilde, y, W):
    return x_tilde.T @ (da_z @ W * y * (1 - y)) - da_z.T @ y
# %% held out | no slope in the sum => no slope
def tied_gradient(da_z, x_tilde, y, W):
    return da_z.T @ y + x_tilde.T @ (da_z @ W)
# %% loop that overwrites => the last example alone
def decoder_part(da_z, y):
    for d, h in zip(da_z, y):
        dW = np.outer(d, h)
    return dW
# %% sums first => summed before the product
def decoder_part(da_z, y):
    return np.outer(da_z.sum(0), y.sum(0))
# %% y is the slope => half a slope
def encoder_part(da_z, x_tilde, y, W):
    return x_tilde.T @ (da_z @ W * y)
# %% sigmoid of y => slope of a
def encoder_part(da_z, x_tilde, y, W):
    s = 1 / (1 + np.exp(-y))
    return x_tilde.T @ (da_z @ W * s * (1 - s))
# %% transposed => transposed
def encoder_part(da_z, x_tilde, y, W):
    return (da_z @ W * y * (1 - y)).T @ x_tilde
# %% /B in the sum => averaged again
def tied_gradient(da_z, x_tilde, y, W):
    return (da_z.T @ y + x_tilde.T @ (da_z @ W * y * (1 - y))) / len(y)
# %% minus => factor −1
def tied_gradient(da_z, x_tilde, y, W):
    return -(da_z.T @ y + x_tilde.T @ (da_z @ W * y * (1 - y)))
# %% slope on the input => slope of x̃
def encoder_part(da_z, x_tilde, y, W):
    return (x_tilde * (1 - x_tilde)).T @ (da_z @ W)
# %% writes into y => in place
def tied_gradient(da_z, x_tilde, y, W):
    first = da_z.T @ y
    y *= 1 - y
    return first + x_tilde.T @ (da_z @ W * y)
# %% two at once: no encoder, averaged => no encoder and decoder averaged again
def tied_gradient(da_z, x_tilde, y, W):
    return da_z.T @ y / len(y)
# %% two at once: slope and average => no slope and averaged again
def encoder_part(da_z, x_tilde, y, W):
    return x_tilde.T @ (da_z @ W) / len(y)
# %% two at once: tanh's slope, sign => tanh's slope and factor −1
def tied_gradient(da_z, x_tilde, y, W):
    return -(da_z.T @ y + x_tilde.T @ (da_z @ W * (1 - y**2)))
# %% brackets of the slope missing => y · 1 − y
def encoder_part(da_z, x_tilde, y, W):
    return x_tilde.T @ (da_z @ W * (y * 1 - y))
