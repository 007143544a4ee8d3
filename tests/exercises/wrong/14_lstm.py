# %% held out | i f o g => order i f o g
def step(x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, o, g = s(a[:, :H]), s(a[:, H:2*H]), s(a[:, 2*H:3*H]), np.tanh(a[:, 3*H:])
    c = f * c + i * g
    return o * np.tanh(c), c
# %% held out | no tanh of c => h without tanh
def step(x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    c = f * c + i * g
    return o * c, c
# %% held out | h from the old c => h from the old c
def step(x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    return o * np.tanh(c), f * c + i * g
# %% held out | sigmoid of the candidate => g is a sigmoid
def step(x, h, c, W, U, b):
    H = h.shape[1]
    a = 1 / (1 + np.exp(-(x @ W + h @ U + b)))
    i, f, g, o = a[:, :H], a[:, H:2*H], a[:, 2*H:3*H], a[:, 3*H:]
    c = f * c + i * g
    return o * np.tanh(c), c
# %% held out | dh's way into the cell forgotten => dh does not reach the cell
def step_backward(dh, dc, x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    new = f * c + i * g
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh * np.tanh(new) * o * (1 - o)])
    return da @ W.T, da @ U.T, dc * f, x.T @ da, h.T @ da, da.sum(0)
# %% held out | dc of the future forgotten => dc forgotten
def step_backward(dh, dc, x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    new = f * c + i * g
    d = dh * o * (1 - np.tanh(new)**2)
    da = np.hstack([d * g * i * (1 - i), d * c * f * (1 - f), d * i * (1 - g**2), dh * np.tanh(new) * o * (1 - o)])
    return da @ W.T, da @ U.T, d * f, x.T @ da, h.T @ da, da.sum(0)
# %% no forget gate => no forgetting
def step(x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    c = c + i * g
    return o * np.tanh(c), c
# %% the other order of the answer => exchanged
def step(x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    c = f * c + i * g
    return c, o * np.tanh(c)
# %% sigmoid slope for g => g's slope is a sigmoid's
def step_backward(dh, dc, x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    new = f * c + i * g
    d = dc + dh * o * (1 - np.tanh(new)**2)
    da = np.hstack([d * g * i * (1 - i), d * c * f * (1 - f), d * i * g * (1 - g), dh * np.tanh(new) * o * (1 - o)])
    return da @ W.T, da @ U.T, d * f, x.T @ da, h.T @ da, da.sum(0)
# %% old dc handed on => dc_before from dc alone
def step_backward(dh, dc, x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    new = f * c + i * g
    d = dc + dh * o * (1 - np.tanh(new)**2)
    da = np.hstack([d * g * i * (1 - i), d * c * f * (1 - f), d * i * (1 - g**2), dh * np.tanh(new) * o * (1 - o)])
    return da @ W.T, da @ U.T, dc * f, x.T @ da, h.T @ da, da.sum(0)
# %% every step by itself => nothing from the future
def _step(x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    new = f * c + i * g
    return i, f, g, o, new, np.tanh(new)

def through_time(dhs, xs, W, U, b):
    B, T, F = xs.shape
    h = c = np.zeros((B, len(U)))
    dW, dU, db = 0 * W, 0 * U, 0 * b
    for t in range(T):
        i, f, g, o, new, tc = _step(xs[:, t], h, c, W, U, b)
        dh = dhs[:, t]
        d = dh * o * (1 - tc**2)
        da = np.hstack([d * g * i * (1 - i), d * c * f * (1 - f), d * i * (1 - g**2), dh * tc * o * (1 - o)])
        dW, dU, db = dW + xs[:, t].T @ da, dU + h.T @ da, db + da.sum(0)
        h, c = o * tc, new
    return dW, dU, db
# %% two at once: order and no forget gate => order i f o g and no forgetting
def step(x, h, c, W, U, b):
    H = h.shape[1]
    a = x @ W + h @ U + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, o, g = s(a[:, :H]), s(a[:, H:2*H]), s(a[:, 2*H:3*H]), np.tanh(a[:, 3*H:])
    c = c + i * g
    return o * np.tanh(c), c
# %% two at once: g, bias => g is a sigmoid and no bias
def step(x, h, c, W, U, b):
    s = lambda a: 1 / (1 + np.exp(-a))
    i, f, g, o = np.split(x @ W + h @ U, 4, axis=1)
    c = s(f) * c + s(i) * s(g)
    return s(o) * np.tanh(c), c
