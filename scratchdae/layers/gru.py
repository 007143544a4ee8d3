"""The gated recurrent unit, with backpropagation through time by hand.

B sequences of T steps with F features each, H units. The three gates of a step are one array (B, 3H), in the order
r z n, which is PyTorch's; Keras keeps z r h::

    (a_r, a_z) = x_t W_rz + h_{t-1} U_rz + b_rz,   r, z = s(a_r), s(a_z)       (1)
    q = h_{t-1} U_n + b_U,   n = φ(x_t W_n + b_n + r ⊙ q)                      (2)  reset="after"
    q = (r ⊙ h_{t-1}) U_n,   n = φ(x_t W_n + b_n + q)                          (3)  reset="before"
    h_t = (1 − z) ⊙ n + z ⊙ h_{t-1}                                            (4)

s is the sigmoid, φ the activation. Backwards from t = T to 1, with δ_t for what comes down from the layer above, and
dh_{t-1} summed over (6), (7) or (8), and (9)::

    dh_t = δ_t + what the step after it leaves                                 (5)
    da_n = dh ⊙ (1 − z) ⊙ φ'(a_n),   dz = dh ⊙ (h_{t-1} − n),   dh_{t-1} = dh ⊙ z         (6)
    dq = da_n ⊙ r,   dr = da_n ⊙ q,   dh_{t-1} += dq U_nᵀ                      (7)  reset="after"
    dq = da_n,   dr = dq U_nᵀ ⊙ h_{t-1},   dh_{t-1} += dq U_nᵀ ⊙ r             (8)  reset="before"
    da_r = dr ⊙ r (1 − r),   da_z = dz ⊙ z (1 − z),   dh_{t-1} += (da_r, da_z) U_rzᵀ      (9)
    dW = Σ_t x_tᵀ da,   db = Σ_t Σ_batch da,   dx_t = da Wᵀ,   db_U = Σ_t Σ_batch dq      (10)
    dU_rz = Σ_t h_{t-1}ᵀ (da_r, da_z),   dU_n = Σ_t h_{t-1}ᵀ dq, or Σ_t (r ⊙ h_{t-1})ᵀ dq         (11)

(Cho et al. 2014, whose reset is before, with z as here; Chung et al. 2014 have 1 − z in its place.)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from scratchdae import initializers
from scratchdae.activations import ACTIVATIONS, sigmoid
from scratchdae.arguments import Array, Params, choice, flag, integer, keep, shapes, sides
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.lstm import CELL_ACTIVATIONS

RESETS = ("after", "before")


class _Cache(NamedTuple):
    params: Params
    x: Array  # (T, B, F): time first, so that a step is one block of memory
    h: Array  # (T + 1, B, H): h[t] is the output before step t
    gates: Array  # (T, B, 3H): r, z, n after their activations
    q: Array  # (T, B, H), equation (2) or (3)


@dataclass(frozen=True)
class GRU:
    """A layer of gated recurrent units: (T, F) to (T, units), or to (units,), its last output.

    Each sequence begins from zeros. The parameters are ``W`` (F, 3H), ``U`` (H, 3H), ``b`` (3H,) and, with the reset
    after, ``b_U`` (H,), which r multiplies and which therefore cannot be added to b. PyTorch keeps Wᵀ and Uᵀ, and two
    biases (3H,): b is their sum, but for the part of n; it draws all from ±1/sqrt(units). Keras keeps the gates z r h,
    two rows of biases with ``reset_after=True``, its default, and one without. PyTorch knows the reset after and tanh
    alone. The equations are at the top of `scratchdae.layers.gru`.
    """

    units: int  # H
    return_sequences: bool = False  # whether the output is that of every step, or of the last alone
    activation: str = "tanh"  # φ, as for an LSTM; those without a bound bound no output
    reset: str = "after"  # or "before" the product with U_n: (2) or (3)
    init_W: str = "glorot_uniform"  # of `scratchdae.initializers`; the biases begin at zero
    init_U: str = "orthogonal"

    def __post_init__(self) -> None:
        keep(self, integer, "units")
        keep(self, flag, "return_sequences")
        keep(self, choice, "activation", choices=CELL_ACTIVATIONS)
        keep(self, choice, "reset", choices=RESETS)
        keep(self, initializers.named, "init_W", "init_U")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        steps, _ = sides("input_shape", input_shape, (2,), "be (steps, features)")
        return (steps, self.units) if self.return_sequences else (self.units,)

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        self.output_shape(input_shape)
        F, H = input_shape[1], self.units
        W = initializers.get(self.init_W)((F, 3 * H), rng, dtype)  # (F, 3H)
        U = initializers.get(self.init_U)((H, 3 * H), rng, dtype)  # (H, 3H)
        b_U = {"b_U": np.zeros(H, dtype)} if self.reset == "after" else {}
        return {"W": W, "U": U, "b": np.zeros(3 * H, dtype), **b_U}

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Cache]:
        """Run the sequences through the units, equations (1) to (4)."""
        del rng
        H, phi, after = self.units, ACTIVATIONS[self.activation].value, self.reset == "after"
        own: dict[str, tuple[Any, ...]] = {"W": ("F", 3 * H), "U": (H, 3 * H), "b": (3 * H,)}
        params = shapes("params", params, own | ({"b_U": (H,)} if after else {}))
        W, U, b, b_U = params["W"], params["U"], params["b"], params.get("b_U")
        x = batch("x", x, (None, W.shape[0]), W.dtype).swapaxes(0, 1)  # (T, B, F)
        T, B, _ = x.shape
        gates = x @ W + b  # (T, B, 3H), the inputs of all steps at once
        h, q = (np.zeros((n, B, H), gates.dtype) for n in (T + 1, T))
        for t in range(T):
            a_rz, a_n = gates[t, :, : 2 * H], gates[t, :, 2 * H :]
            a_rz[:] = sigmoid(a_rz + h[t] @ U[:, : 2 * H])  # (1)
            r, z = a_rz[:, :H], a_rz[:, H:]
            q[t] = h[t] @ U[:, 2 * H :] + b_U if after else (r * h[t]) @ U[:, 2 * H :]
            a_n[:] = phi(a_n + (r * q[t] if after else q[t]))  # (2), (3)
            h[t + 1] = (1 - z) * a_n + z * h[t]  # (4)
        return h[1:].swapaxes(0, 1) if self.return_sequences else h[T], _Cache(params, x, h, gates, q)

    def backward(self, cache: _Cache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back through time, equations (5) to (11)."""
        params, x, h, gates, q = cache
        T, B, H = q.shape
        U_rz, U_n, after = params["U"][:, : 2 * H], params["U"][:, 2 * H :], self.reset == "after"
        d_output = cotangent(d_output, (B, T, H) if self.return_sequences else (B, H), gates.dtype)
        da = np.empty(gates.shape, np.result_type(gates, d_output))
        dq, dh = np.empty(q.shape, da.dtype), np.zeros((B, H), da.dtype)
        if not self.return_sequences:
            dh += d_output
        r, z, n = gates[..., :H], gates[..., H : 2 * H], gates[..., 2 * H :]
        for t in reversed(range(T)):
            if self.return_sequences:
                dh = dh + d_output[:, t]  # (5)
            da_n = da[t, :, 2 * H :] = dh * (1 - z[t]) * ACTIVATIONS[self.activation].derivative(n[t])  # (6)
            da[t, :, H : 2 * H] = dh * (h[t] - n[t]) * z[t] * (1 - z[t])  # (6), (9)
            dq[t] = da_n * r[t] if after else da_n
            back = dq[t] @ U_n.T
            dr = da_n * q[t] if after else back * h[t]  # (7), (8)
            da[t, :, :H] = dr * r[t] * (1 - r[t])  # (9)
            dh = dh * z[t] + (back if after else back * r[t]) + da[t, :, : 2 * H] @ U_rz.T
        flat, before = da.reshape(T * B, 3 * H), h[:T].reshape(T * B, H)
        reset = before if after else before * r.reshape(T * B, H)
        dU = np.hstack([before.T @ flat[:, : 2 * H], reset.T @ dq.reshape(T * B, H)])  # (11)
        grads = {"W": x.reshape(T * B, -1).T @ flat, "U": dU, "b": flat.sum(axis=0)}  # (10)
        grads |= {"b_U": dq.sum(axis=(0, 1))} if after else {}
        return (da @ params["W"].T).swapaxes(0, 1), grads
