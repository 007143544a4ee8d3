# %% held out | mean over the batch again => averaged again
def bias_gradients(da_z, y, W):
    return (da_z @ W * y * (1 - y)).mean(axis=0), da_z.mean(axis=0)
# %% held out | other order => exchanged
def bias_gradients(da_z, y, W):
    return da_z.sum(axis=0), (da_z @ W * y * (1 - y)).sum(axis=0)
# %% held out | axis 1 => over the wrong axis
def bias_gradients(da_z, y, W):
    return (da_z @ W * y * (1 - y)).sum(axis=1), da_z.sum(axis=1)
# %% held out | not summed => not summed
def bias_gradients(da_z, y, W):
    return da_z @ W * y * (1 - y), da_z
# %% held out | slope forgotten => no slope
def bias_gradients(da_z, y, W):
    return (da_z @ W).sum(axis=0), da_z.sum(axis=0)
# %% keepdims => kept an axis
def bias_gradients(da_z, y, W):
    return (da_z @ W * y * (1 - y)).sum(axis=0, keepdims=True), da_z.sum(axis=0, keepdims=True)
# %% one number => a sum of everything
def bias_gradients(da_z, y, W):
    return (da_z @ W * y * (1 - y)).sum(), da_z.sum()
# %% tanh => tanh's slope
def bias_gradients(da_z, y, W):
    return (da_z @ W * (1 - y**2)).sum(axis=0), da_z.sum(axis=0)
# %% mean of db' alone => db': averaged again
def bias_gradients(da_z, y, W):
    return (da_z @ W * y * (1 - y)).sum(axis=0), np.mean(da_z, axis=0)
# %% sign => turned
def bias_gradients(da_z, y, W):
    return -(da_z @ W * y * (1 - y)).sum(axis=0), -da_z.sum(axis=0)
# %% slope y => half a slope
def bias_gradients(da_z, y, W):
    return (da_z @ W * y).sum(axis=0), da_z.sum(axis=0)
# %% two at once: exchanged and averaged => averaged again and exchanged
def bias_gradients(da_z, y, W):
    return da_z.mean(axis=0), (da_z @ W * y * (1 - y)).mean(axis=0)
# %% two at once: no slope, averaged => averaged again and no slope
def bias_gradients(da_z, y, W):
    return (da_z @ W).mean(axis=0), da_z.mean(axis=0)
# %% one mistake in each answer => db': averaged again and no slope
def bias_gradients(da_z, y, W):
    return (da_z @ W).sum(0), da_z.mean(0)
