# %% held out | flipped kernel => flipped
def convolve(x, W):
    kh, kw = W.shape
    R, C = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    return sum(W[kh - 1 - i, kw - 1 - j] * x[:, i:i + R, j:j + C] for i in range(kh) for j in range(kw))
# %% held out | same size => same size
def convolve(x, W):
    kh, kw = W.shape
    p = np.pad(x, ((0, 0), (kh // 2, kh - 1 - kh // 2), (kw // 2, kw - 1 - kw // 2)))
    R, C = x.shape[1:]
    return sum(W[i, j] * p[:, i:i + R, j:j + C] for i in range(kh) for j in range(kw))
# %% held out | overwritten instead of added => overwritten
def convolve_backward(dy, x, W):
    kh, kw = W.shape
    R, C = dy.shape[1:]
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for i in range(kh):
        for j in range(kw):
            dx[:, i:i + R, j:j + C] = W[i, j] * dy
            dW[i, j] = (x[:, i:i + R, j:j + C] * dy).sum()
    return dx, dW
# %% held out | flipped on the way back => dx flipped
def convolve_backward(dy, x, W):
    kh, kw = W.shape
    R, C = dy.shape[1:]
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for i in range(kh):
        for j in range(kw):
            dx[:, i:i + R, j:j + C] += W[kh - 1 - i, kw - 1 - j] * dy
            dW[i, j] = (x[:, i:i + R, j:j + C] * dy).sum()
    return dx, dW
# %% held out | mean over the batch => dW averaged
def convolve_backward(dy, x, W):
    kh, kw = W.shape
    R, C = dy.shape[1:]
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for i in range(kh):
        for j in range(kw):
            dx[:, i:i + R, j:j + C] += W[i, j] * dy
            dW[i, j] = (x[:, i:i + R, j:j + C] * dy).sum(axis=(1, 2)).mean()
    return dx, dW
# %% held out | a convolution again => a convolution, padded
def transpose(y, W):
    kh, kw = W.shape
    p = np.pad(y, ((0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1)))
    R, C = p.shape[1] - kh + 1, p.shape[2] - kw + 1
    return sum(W[i, j] * p[:, i:i + R, j:j + C] for i in range(kh) for j in range(kw))
# %% held out | spread without adding => overwritten
def transpose(y, W):
    kh, kw = W.shape
    out = np.zeros((len(y), y.shape[1] + kh - 1, y.shape[2] + kw - 1))
    for r in range(y.shape[1]):
        for c in range(y.shape[2]):
            out[:, r:r + kh, c:c + kw] = y[:, r, c, None, None] * W
    return out
# %% a row too few => one row too few
def convolve(x, W):
    kh, kw = W.shape
    R, C = x.shape[1] - kh, x.shape[2] - kw
    return sum(W[i, j] * x[:, i:i + R, j:j + C] for i in range(kh) for j in range(kw))
# %% all images => over the batch
def convolve(x, W):
    kh, kw = W.shape
    R, C = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    return sum(W[i, j] * x[:, i:i + R, j:j + C].sum(axis=0) for i in range(kh) for j in range(kw))
# %% minus one on both => dW flipped
def convolve_backward(dy, x, W):
    kh, kw = W.shape
    R, C = dy.shape[1:]
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for i in range(kh):
        for j in range(kw):
            dx[:, i:i + R, j:j + C] += W[i, j] * dy
            dW[kh - 1 - i, kw - 1 - j] = (x[:, i:i + R, j:j + C] * dy).sum()
    return dx, dW
# %% wrong order => exchanged
def convolve_backward(dy, x, W):
    kh, kw = W.shape
    R, C = dy.shape[1:]
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for i in range(kh):
        for j in range(kw):
            dx[:, i:i + R, j:j + C] += W[i, j] * dy
            dW[i, j] = (x[:, i:i + R, j:j + C] * dy).sum()
    return dW, dx
# %% the convolution itself => a convolution
def transpose(y, W):
    kh, kw = W.shape
    R, C = y.shape[1] - kh + 1, y.shape[2] - kw + 1
    return sum(W[i, j] * y[:, i:i + R, j:j + C] for i in range(kh) for j in range(kw))
