# %% sums
def bias_gradients(da_z, y, W):
    return (da_z @ W * y * (1 - y)).sum(axis=0), da_z.sum(axis=0)
# %% a dict, and products with ones
def bias_gradients(da_z, y, W):
    ones = np.ones(len(y))
    return {"db_prime": ones @ da_z, "db": ones @ (da_z @ W * y * (1 - y))}
