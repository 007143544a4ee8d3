"""Long short-term memory: the equations of `scratchdae.layers.lstm`, with its numbers."""

from collections.abc import Iterator

import numpy as np

from generate.activation import FUNCTIONS
from generate.decimals import Decimals, exact, sigmoid
from generate.draw import Draw
from generate.layer import Backward, layer_case
from generate.vector import Vector
from scratchdae.layers import LSTM


def cases() -> Iterator[Vector]:
    gates = "gates in another order (i f o g, i o f g); time reversed; h(1 - h) of a gate left out"
    yield _case("lstm_sequence", LSTM(3, return_sequences=True), (2, 4, 2), gates)
    yield _case("lstm_last_output", LSTM(2), (3, 3, 4), "the first output for the last; a gradient at every step")
    relu = LSTM(3, return_sequences=True, activation="relu")
    aim = "tanh left at one of its two places, the candidate or the cell state"
    yield _case("lstm_relu", relu, (2, 4, 2), aim)
    yield _case("lstm_relu_last_output", LSTM(2, activation="relu"), (2, 3, 3), aim)
    aim = "states that begin at zero whatever is given, or h0 and c0 exchanged"
    yield _case("lstm_initial_state", LSTM(3, return_sequences=True), (2, 3, 2), aim, states=True)
    yield _case("lstm_initial_state_last_output", LSTM(2), (3, 2, 3), aim, states=True)
    yield _case("lstm_one_step", LSTM(3), (2, 1, 2), "a bias counted twice; a forget gate that is not there")
    aim = "gates that have saturated: exp that overflows, derivatives that vanish"
    yield _case("lstm_saturated", LSTM(2, return_sequences=True), (2, 3, 2), aim, scale=20.0)


def _case(
    name: str,
    layer: LSTM,
    shape: tuple[int, int, int],
    aimed_at: str,
    states: bool = False,
    scale: float = 0.8,
) -> Vector:
    (B, _, F), H, draw = shape, layer.units, Draw(name)
    x = draw.normal(*shape)
    inputs = {"x": x, "W": draw.normal(F, 4 * H, scale=scale), "U": draw.normal(H, 4 * H, scale=scale)}
    inputs |= {"b": draw.normal(4 * H, scale=0.5)}
    if states:
        inputs |= {"h0": draw.normal(B, H), "c0": draw.normal(B, H)}
    h, c, gates, backward = _run({key: exact(value) for key, value in inputs.items()}, layer)

    def gradients(d_output: Decimals) -> dict[str, Decimals]:
        delta = np.zeros((B, shape[1], H), dtype=object)
        delta[:, slice(None) if layer.return_sequences else -1] = d_output
        found = backward(delta)
        return found if states else {key: value for key, value in found.items() if key not in ("dh0", "dc0")}

    return layer_case(
        name,
        layer,
        inputs,
        {"output": h if layer.return_sequences else h[:, -1], "gates": gates, "c": c},
        gradients,
        in_words="a_t = x_t W + h_{t-1} U + b, gates i f g o in this order, one bias; c_t = f c_{t-1} + i g, "
        f"h_t = o φ(c_t), φ = {layer.activation} for g and for c_t; "
        + ("h0 and c0 are given" if states else "both states begin at zero"),
        aimed_at=aimed_at,
        chapter="24_exploding_gradients",
    )


def _run(p: dict[str, Decimals], layer: LSTM) -> tuple[Decimals, Decimals, Decimals, Backward]:
    """Evaluate (1) to (4); return outputs, cell states and gates of all steps, and what evaluates (5) to (11)."""
    x, W, U = p["x"], p["W"], p["U"]
    (B, T, _), H = x.shape, layer.units
    phi, phi_derivative = FUNCTIONS[layer.activation]
    zero = np.zeros((B, H), dtype=object)
    h, c = [p.get("h0", zero)], [p.get("c0", zero)]
    a = []
    gates = []
    for t in range(T):
        a.append(x[:, t] @ W + h[t] @ U + p["b"])  # (1)
        a_i, a_f, a_g, a_o = np.split(a[t], 4, axis=1)
        gates.append((sigmoid(a_i), sigmoid(a_f), phi(a_g), sigmoid(a_o)))  # (2)
        i, f, g, o = gates[t]
        c.append(f * c[t] + i * g)  # (3)
        h.append(o * phi(c[t + 1]))  # (4)

    def backward(delta: Decimals) -> dict[str, Decimals]:
        da = np.zeros((B, T, 4 * H), dtype=object)
        dh, dc = zero, zero  # what comes from the step after
        for t in reversed(range(T)):
            i, f, g, o = gates[t]
            dh = delta[:, t] + dh  # (5)
            dc = dh * o * phi_derivative(c[t + 1]) + dc  # (6)
            di, df, dg, do = dc * g, dc * c[t], dc * i, dh * phi(c[t + 1])  # (7)
            a_g = a[t][:, 2 * H : 3 * H]
            parts = di * i * (1 - i), df * f * (1 - f), dg * phi_derivative(a_g), do * o * (1 - o)
            da[:, t] = np.concatenate(parts, axis=1)  # (8)
            dh, dc = da[:, t] @ U.T, dc * f  # (5), (6) and, in the end, (11)
        before = np.stack(h[:T], axis=1)
        return {
            "d_input": da @ W.T,  # (10)
            "dW": sum(x[:, t].T @ da[:, t] for t in range(T)),  # (9)
            "dU": sum(before[:, t].T @ da[:, t] for t in range(T)),
            "db": da.sum(axis=(0, 1)),
            "dh0": dh,
            "dc0": dc,
        }

    values = [np.concatenate(step, axis=1) for step in gates]
    return np.stack(h[1:], axis=1), np.stack(c[1:], axis=1), np.stack(values, axis=1), backward
