# %% by the equations
def s(a):
    return 1 / (1 + np.exp(-a))

def gates(x, h, W, U, b):
    i, f, g, o = np.split(x @ W + h @ U + b, 4, axis=1)
    return s(i), s(f), np.tanh(g), s(o)

def step(x, h, c, W, U, b):
    i, f, g, o = gates(x, h, W, U, b)
    c = f * c + i * g
    return o * np.tanh(c), c

def step_backward(dh, dc, x, h, c, W, U, b):
    i, f, g, o = gates(x, h, W, U, b)
    t = np.tanh(f * c + i * g)
    d = dc + dh * o * (1 - t**2)
    da = np.hstack([d * g * i * (1 - i), d * c * f * (1 - f), d * i * (1 - g**2), dh * t * o * (1 - o)])
    return da @ W.T, da @ U.T, d * f, x.T @ da, h.T @ da, da.sum(0)

def through_time(dhs, xs, W, U, b):
    T = xs.shape[1]
    h = c = np.zeros((len(xs), len(U)))
    states = []
    for t in range(T):
        states.append((h, c))
        h, c = step(xs[:, t], h, c, W, U, b)
    dh = dc = np.zeros_like(h)
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    for t in range(T)[::-1]:
        _, dh, dc, *grads = step_backward(dhs[:, t] + dh, dc, xs[:, t], *states[t], W, U, b)
        dW, dU, db = dW + grads[0], dU + grads[1], db + grads[2]
    return dW, dU, db
