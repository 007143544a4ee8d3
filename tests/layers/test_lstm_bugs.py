"""Bugs planted in the LSTM's steps, one at a time: the checks of `test_lstm` must fail for each, and pass for none."""

import numpy as np
import pytest
from test_lstm import check_torch, problem, scalar

from scratchdae import gradcheck
from scratchdae.activations import ACTIVATIONS
from scratchdae.layers import lstm


def wrong_forward(bug):
    def steps(gates, U, b, h, c, phi_c, activation):
        H = h.shape[2]
        if bug == "gates permuted":  # i f o g, the order of some older code
            order = np.r_[0 : 2 * H, 3 * H : 4 * H, 2 * H : 3 * H]
            gates[:] = gates[:, :, order]
            U, b = U[:, order], b[order]
        if bug == "time reversed":
            gates[:] = gates[::-1].copy()
        if bug == "bias forgotten":
            b = np.zeros_like(b)
        if bug == "recurrence forgotten":
            U = np.zeros_like(U)
        if bug == "initial cell state ignored":
            c[0] = 0
        lstm.forward_steps(gates, U, b, h, c, phi_c, activation)
        if bug == "output without its activation":
            h[1:] = gates[:, :, 3 * H :] * c[1:]

    return steps


def wrong_backward(bug):
    def steps(gates, U, c, phi_c, delta, dc, da, activation):
        T, H = len(gates), c.shape[2]
        derivative = ACTIVATIONS[activation].derivative
        dh_future = np.zeros_like(dc)
        for t in reversed(range(T)):
            i, f, g, o = (gates[t][:, k * H : (k + 1) * H] for k in range(4))
            dh = delta[t] + dh_future
            if bug == "gradient of the future forgotten":
                dh = delta[t].copy()
            if bug == "cell gradient not accumulated":
                dc[:] = 0
            dc += dh * o * (1 if bug == "φ' of the cell forgotten" else derivative(phi_c[t]))
            blocks = [
                dc * g * i * (1 - i),
                dc * c[t + 1 if bug == "new cell state for the old" else t] * f * (1 - f),
                dc * i * derivative(g),
                dh * phi_c[t] * o * (1 - o),
            ]
            if bug == "forget gate's term forgotten":
                blocks[1] = np.zeros_like(blocks[1])
            if bug == "output gate's term forgotten":
                blocks[3] = np.zeros_like(blocks[3])
            if bug == "slope of the input gate forgotten":
                blocks[0] = dc * g
            if bug == "gates of the gradient permuted":
                blocks[2], blocks[3] = blocks[3], blocks[2]
            if bug == "gradient 0.05 % off":
                blocks[2] = 1.0005 * blocks[2]
            da[t] = np.concatenate(blocks, axis=1)
            if bug != "cell gradient without its forget gate":
                dc *= f
            dh_future = da[t] @ U.T
        if bug == "gradient not summed over time":
            da[1:] = 0
        return np.zeros_like(dh_future) if bug == "no gradient of h0" else dh_future

    return steps


BACKWARD_BUGS = [
    "gradient of the future forgotten", "cell gradient not accumulated", "φ' of the cell forgotten",
    "new cell state for the old", "forget gate's term forgotten", "output gate's term forgotten",
    "slope of the input gate forgotten", "gates of the gradient permuted", "gradient 0.05 % off",
    "cell gradient without its forget gate", "gradient not summed over time", "no gradient of h0",
]  # fmt: skip
FORWARD_BUGS = [
    "gates permuted", "time reversed", "bias forgotten", "recurrence forgotten", "initial cell state ignored",
    "output without its activation",
]  # fmt: skip


def plant(monkeypatch, **functions):
    """Put wrong steps in place of the right ones: `backend.twin` finds the module's functions by name at every call."""

    class Planted:
        forward_steps = staticmethod(functions.get("forward", lstm.forward_steps))
        backward_steps = staticmethod(functions.get("backward", lstm.backward_steps))

    monkeypatch.setattr(lstm.backend, "twin", lambda *_: Planted)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("bug", [None, *BACKWARD_BUGS])
def test_each_bug_planted_in_the_backward_pass_is_caught(monkeypatch, bug, activation):
    arrays, dh, dc = problem((3, 4, 2, 5), 3)
    plant(monkeypatch, backward=wrong_backward(bug))
    report = gradcheck.check(scalar(dh, dc, activation), arrays, "central")
    assert report.ok == (bug is None)


@pytest.mark.parametrize("bug", [None, *FORWARD_BUGS])
def test_each_bug_planted_in_the_forward_pass_is_caught(monkeypatch, torch, bug):
    """A forward pass that is another function has a right gradient: only an oracle tells."""
    plant(monkeypatch, forward=wrong_forward(bug))
    if bug is None:
        check_torch(torch)
    else:
        with pytest.raises(AssertionError):
            check_torch.hypothesis.inner_test(torch, (3, 4, 2, 5), 3)
