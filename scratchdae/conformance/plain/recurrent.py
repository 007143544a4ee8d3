"""Layers that read sequences step by step."""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.plain.elementary import rectify, sigmoid


def lstm(
    x: Array, W: Array, U: Array, b: Array, activation: str, return_sequences: bool, d_output: Array,
    h0: Array | None = None, c0: Array | None = None,
) -> dict[str, Array]:  # fmt: skip
    """Long short-term memory: gate i lets the candidate g into the cell c, gate f keeps c, and gate o shows it."""
    B, T, _ = x.shape
    H = len(U)
    for_i, for_f, for_g, for_o = np.arange(4 * H).reshape(4, H)  # columns of W, U and b
    i = np.zeros((B, T, H))
    f = np.zeros((B, T, H))
    g = np.zeros((B, T, H))
    o = np.zeros((B, T, H))
    shown = np.zeros((B, T, H))
    h = np.zeros((B, T + 1, H))  # one more than steps: h[:, t] is the state before step t
    c = np.zeros((B, T + 1, H))
    if h0 is not None:
        h[:, 0] = h0
    if c0 is not None:
        c[:, 0] = c0
    for t in range(T):
        a = x[:, t] @ W + h[:, t] @ U + b
        i[:, t] = sigmoid(a[:, for_i])
        f[:, t] = sigmoid(a[:, for_f])
        o[:, t] = sigmoid(a[:, for_o])
        g[:, t] = np.tanh(a[:, for_g])
        if activation == "relu":
            g[:, t] = rectify(a[:, for_g])
        c[:, t + 1] = f[:, t] * c[:, t] + i[:, t] * g[:, t]
        shown[:, t] = np.tanh(c[:, t + 1])
        if activation == "relu":
            shown[:, t] = rectify(c[:, t + 1])
        h[:, t + 1] = o[:, t] * shown[:, t]
    gates = np.concatenate([i, f, g, o], axis=2)

    d_above = np.zeros((B, T, H))  # what comes back from the output, at each step
    if return_sequences:
        output = h[:, 1:]
        d_above = d_output
    else:
        output = h[:, -1]
        d_above[:, -1] = d_output

    d_input = np.zeros(x.shape)
    dW = np.zeros(W.shape)
    dU = np.zeros(U.shape)
    db = np.zeros(b.shape)
    dh_next = np.zeros((B, H))
    dc_next = np.zeros((B, H))
    for t in reversed(range(T)):
        slope_g = 1 - g[:, t] ** 2
        slope_c = 1 - shown[:, t] ** 2
        if activation == "relu":
            slope_g = (g[:, t] > 0).astype(float)
            slope_c = (shown[:, t] > 0).astype(float)
        dh = d_above[:, t] + dh_next
        d_shown = dh * o[:, t]
        dc = d_shown * slope_c + dc_next
        di = dc * g[:, t]
        df = dc * c[:, t]
        dg = dc * i[:, t]
        do = dh * shown[:, t]
        da = np.zeros((B, 4 * H))
        da[:, for_i] = di * i[:, t] * (1 - i[:, t])
        da[:, for_f] = df * f[:, t] * (1 - f[:, t])
        da[:, for_g] = dg * slope_g
        da[:, for_o] = do * o[:, t] * (1 - o[:, t])
        dW = dW + x[:, t].T @ da
        dU = dU + h[:, t].T @ da
        db = db + da.sum(axis=0)
        d_input[:, t] = da @ W.T
        dh_next = da @ U.T
        dc_next = dc * f[:, t]
    told = {"output": output, "gates": gates, "c": c[:, 1:], "d_input": d_input}
    return told | {"dW": dW, "dU": dU, "db": db, "dh0": dh_next, "dc0": dc_next}


def gru(
    x: Array, W: Array, U: Array, b: Array, activation: str, reset: str, return_sequences: bool,
    d_output: Array, b_U: Array | None = None,
) -> dict[str, Array]:  # fmt: skip
    """Gated recurrent units: gate r is how much of the past the candidate n sees, gate z how much of it stays."""
    B, T, _ = x.shape
    H = len(U)
    for_r, for_z, for_n = np.arange(3 * H).reshape(3, H)  # columns of W, U and b
    U_r = U[:, for_r]
    U_z = U[:, for_z]
    U_n = U[:, for_n]
    inner_bias = np.zeros(H)
    if b_U is not None:
        inner_bias = b_U
    r = np.zeros((B, T, H))
    z = np.zeros((B, T, H))
    n = np.zeros((B, T, H))
    inner = np.zeros((B, T, H))  # the past: multiplied by U_n if reset is after, otherwise by r
    h = np.zeros((B, T + 1, H))  # one more than steps: h[:, t] is the state before step t
    for t in range(T):
        a = x[:, t] @ W + b
        r[:, t] = sigmoid(a[:, for_r] + h[:, t] @ U_r)
        z[:, t] = sigmoid(a[:, for_z] + h[:, t] @ U_z)
        if reset == "after":
            inner[:, t] = h[:, t] @ U_n + inner_bias
            a_n = a[:, for_n] + r[:, t] * inner[:, t]
        else:
            inner[:, t] = r[:, t] * h[:, t]
            a_n = a[:, for_n] + inner[:, t] @ U_n
        n[:, t] = np.tanh(a_n)
        if activation == "relu":
            n[:, t] = rectify(a_n)
        h[:, t + 1] = (1 - z[:, t]) * n[:, t] + z[:, t] * h[:, t]

    d_above = np.zeros((B, T, H))  # what comes back from the output, at each step
    if return_sequences:
        output = h[:, 1:]
        d_above = d_output
    else:
        output = h[:, -1]
        d_above[:, -1] = d_output

    d_input = np.zeros(x.shape)
    dW = np.zeros(W.shape)
    dU = np.zeros(U.shape)
    db = np.zeros(b.shape)
    db_U = np.zeros(H)
    dh_next = np.zeros((B, H))
    for t in reversed(range(T)):
        slope_n = 1 - n[:, t] ** 2
        if activation == "relu":
            slope_n = (n[:, t] > 0).astype(float)
        dh = d_above[:, t] + dh_next
        dz = dh * (h[:, t] - n[:, t])
        dn = dh * (1 - z[:, t])
        da_n = dn * slope_n
        if reset == "after":
            dr = da_n * inner[:, t]
            d_inner = da_n * r[:, t]
            dU_n = h[:, t].T @ d_inner
            db_U = db_U + d_inner.sum(axis=0)
            dh_candidate = d_inner @ U_n.T
        else:
            d_inner = da_n @ U_n.T
            dr = d_inner * h[:, t]
            dU_n = inner[:, t].T @ da_n
            dh_candidate = d_inner * r[:, t]
        da_r = dr * r[:, t] * (1 - r[:, t])
        da_z = dz * z[:, t] * (1 - z[:, t])
        da = np.zeros((B, 3 * H))
        da[:, for_r] = da_r
        da[:, for_z] = da_z
        da[:, for_n] = da_n
        dW = dW + x[:, t].T @ da
        db = db + da.sum(axis=0)
        dU[:, for_r] = dU[:, for_r] + h[:, t].T @ da_r
        dU[:, for_z] = dU[:, for_z] + h[:, t].T @ da_z
        dU[:, for_n] = dU[:, for_n] + dU_n
        d_input[:, t] = da @ W.T
        dh_next = dh * z[:, t] + da_r @ U_r.T + da_z @ U_z.T + dh_candidate
    return {"output": output, "d_input": d_input, "dW": dW, "dU": dU, "db": db, "db_U": db_U}
