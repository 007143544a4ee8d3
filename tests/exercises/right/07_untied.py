# %% matrices
def untied_gradients(da_z, x_tilde, y, W_prime):
    return x_tilde.T @ (da_z @ W_prime.T * y * (1 - y)), y.T @ da_z
