# %% over the kernel
def convolve(x, W):
    kh, kw = W.shape
    R, C = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    return sum(W[i, j] * x[:, i:i + R, j:j + C] for i in range(kh) for j in range(kw))

def convolve_backward(dy, x, W):
    R, C = dy.shape[1:]
    dW = np.array([[(x[:, i:i + R, j:j + C] * dy).sum() for j in range(W.shape[1])] for i in range(W.shape[0])])
    return transpose(dy, W), dW

def transpose(y, W):
    kh, kw = W.shape
    R, C = y.shape[1:]
    x = np.zeros((len(y), R + kh - 1, C + kw - 1))
    for i in range(kh):
        for j in range(kw):
            x[:, i:i + R, j:j + C] += W[i, j] * y
    return x
