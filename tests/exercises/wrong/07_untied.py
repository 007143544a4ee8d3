# %% held out | through W transposed as if tied => as if tied
def untied_gradients(da_z, x_tilde, y, W_prime):
    da_y = da_z @ W_prime.T * y * (1 - y)
    dW = x_tilde.T @ da_y + da_z.T @ y
    return dW, y.T @ da_z
# %% held out | the decoder's transposed => dW' transposed
def untied_gradients(da_z, x_tilde, y, W_prime):
    return x_tilde.T @ (da_z @ W_prime.T * y * (1 - y)), da_z.T @ y
# %% held out | no slope => no slope
def untied_gradients(da_z, x_tilde, y, W_prime):
    return x_tilde.T @ (da_z @ W_prime.T), y.T @ da_z
# %% held out | swapped => exchanged
def untied_gradients(da_z, x_tilde, y, W_prime):
    return y.T @ da_z, x_tilde.T @ (da_z @ W_prime.T * y * (1 - y))
# %% tanh => tanh's slope
def untied_gradients(da_z, x_tilde, y, W_prime):
    return x_tilde.T @ (da_z @ W_prime.T * (1 - y**2)), y.T @ da_z
# %% averaged => averaged again
def untied_gradients(da_z, x_tilde, y, W_prime):
    return x_tilde.T @ (da_z @ W_prime.T * y * (1 - y)) / len(y), y.T @ da_z / len(y)
# %% dW transposed => dW transposed
def untied_gradients(da_z, x_tilde, y, W_prime):
    return (da_z @ W_prime.T * y * (1 - y)).T @ x_tilde, y.T @ da_z
# %% sign => turned
def untied_gradients(da_z, x_tilde, y, W_prime):
    return -x_tilde.T @ (da_z @ W_prime.T * y * (1 - y)), -y.T @ da_z
# %% one for both => dW' from x̃
def untied_gradients(da_z, x_tilde, y, W_prime):
    dW = x_tilde.T @ (da_z @ W_prime.T * y * (1 - y))
    return dW, dW.T
# %% slope in dW' => a hidden slope in dW'
def untied_gradients(da_z, x_tilde, y, W_prime):
    return x_tilde.T @ (da_z @ W_prime.T * y * (1 - y)), (y * (1 - y)).T @ da_z
# %% y itself as slope => half a slope
def untied_gradients(da_z, x_tilde, y, W_prime):
    return x_tilde.T @ (da_z @ W_prime.T * y), y.T @ da_z
