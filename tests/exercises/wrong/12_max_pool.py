# %% held out | mean => mean
def max_pool(x):
    B, R, C = x.shape
    return x.reshape(B, R // 2, 2, C // 2, 2).mean(axis=(2, 4))
# %% held out | overlapping => overlapping
def max_pool(x):
    return np.maximum(np.maximum(x[:, :-1, :-1], x[:, 1:, :-1]), np.maximum(x[:, :-1, 1:], x[:, 1:, 1:]))
# %% held out | all ties => every tie
def max_pool_backward(dy, x):
    big = np.repeat(np.repeat(max_pool(x), 2, 1), 2, 2)
    return (x == big) * np.repeat(np.repeat(dy, 2, 1), 2, 2)

def max_pool(x):
    B, R, C = x.shape
    return x.reshape(B, R // 2, 2, C // 2, 2).max(axis=(2, 4))
# %% held out | shared among ties => shared among ties
def max_pool_backward(dy, x):
    B, R, C = x.shape
    w = x.reshape(B, R // 2, 2, C // 2, 2)
    m = w == w.max(axis=(2, 4), keepdims=True)
    m = m / m.sum(axis=(2, 4), keepdims=True)
    return (m * dy[:, :, None, :, None]).reshape(x.shape)
# %% held out | to everyone => to everyone
def max_pool_backward(dy, x):
    return np.repeat(np.repeat(dy, 2, axis=1), 2, axis=2)
# %% held out | the last of the ties => last tie
def max_pool_backward(dy, x):
    dx = np.zeros_like(x, dtype=float)
    B, R, C = dy.shape
    for b in range(B):
        for r in range(R):
            for c in range(C):
                best, at = -np.inf, None
                for i in range(2):
                    for j in range(2):
                        if x[b, 2 * r + i, 2 * c + j] >= best:
                            best, at = x[b, 2 * r + i, 2 * c + j], (b, 2 * r + i, 2 * c + j)
                dx[at] = dy[b, r, c]
    return dx
# %% begins at 0 => not below zero
def max_pool(x):
    B, R, C = x.shape
    y = np.zeros((B, R // 2, C // 2))
    for i in range(2):
        for j in range(2):
            y = np.maximum(y, x[:, i::2, j::2])
    return y
# %% every second => of the size
def max_pool(x):
    return x[:, ::2, ::2]
# %% reshape into quarters => quarters
def max_pool(x):
    B, R, C = x.shape
    return x.reshape(B, 2, R // 2, 2, C // 2).max(axis=(1, 3))
# %% quarter each => as for the mean
def max_pool_backward(dy, x):
    return np.repeat(np.repeat(dy, 2, axis=1), 2, axis=2) / 4
# %% loop, >= in the copy => first tie, by columns
def max_pool_backward(dy, x):
    dx = np.zeros_like(x)
    B, R, C = dy.shape
    for b in range(B):
        for r in range(R):
            for c in range(C):
                w = x[b, 2*r:2*r+2, 2*c:2*c+2].T
                j, i = np.unravel_index(w.argmax(), w.shape)
                dx[b, 2*r+i, 2*c+j] = dy[b, r, c]
    return dx
# %% two at once: ties, no dy => every tie and a 1
def max_pool_backward(dy, x):
    up = x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2)
    return ((up == up.max((2, 4), keepdims=True)) * 1.0).reshape(x.shape)
