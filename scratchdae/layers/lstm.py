"""Long short-term memory, with backpropagation through time by hand.

B sequences of T steps with F features each, H units. The four gates of a step are one array ``a_t`` (B, 4H), in the
order i f g o, which is PyTorch's (i f g o) and Keras' (i f c o)::

    a_t = x_t W + h_{t-1} U + b                                        (1)
    i, f, o = s(a_i), s(a_f), s(a_o),   g = φ(a_g)                     (2)
    c_t = f ⊙ c_{t-1} + i ⊙ g                                          (3)  the cell state
    h_t = o ⊙ φ(c_t)                                                   (4)  the output

s is the sigmoid, φ the activation: tanh, the rectifier, the sigmoid, or none (identity). Backwards from t = T to 1,
with dv for the gradient of the loss with respect to v, and δ_t for what comes down from the layer above::

    dh_t = δ_t + da_{t+1} Uᵀ                                           (5)  from above, and from the future
    dc_t = dh_t ⊙ o ⊙ φ'(c_t) + dc_{t+1} ⊙ f_{t+1}                     (6)
    di = dc ⊙ g,   df = dc ⊙ c_{t-1},   dg = dc ⊙ i,   do = dh ⊙ φ(c)  (7)
    da_t = (di ⊙ i (1 − i), df ⊙ f (1 − f), dg ⊙ φ'(a_g), do ⊙ o (1 − o))      (8)
    dW = Σ_t x_tᵀ da_t,   dU = Σ_t h_{t-1}ᵀ da_t,   db = Σ_t Σ_batch da_t      (9)
    dx_t = da_t Wᵀ                                                     (10)
    dh_0 = da_1 Uᵀ,   dc_0 = dc_1 ⊙ f_1                                (11)

(Hochreiter & Schmidhuber 1997; the forget gate f is from Gers, Schmidhuber & Cummins 2000.) The parameters are
``W`` (F, 4H), ``U`` (H, 4H) and one bias ``b`` (4H,). PyTorch keeps the transposes, ``weight_ih_l0`` = Wᵀ and
``weight_hh_l0`` = Uᵀ, and two biases that it adds.
"""

import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from scratchdae import backend, initializers
from scratchdae.activations import ACTIVATIONS, sigmoid
from scratchdae.arguments import (
    Array,
    Params,
    choice,
    flag,
    integer,
    keep,
    mapping,
    number,
    numbers,
    shapes,
    shown,
    sides,
)
from scratchdae.layers.inputs import batch, cotangent

_LOOPS = sys.modules[__name__]  # its functions have compiled twins

COMPILED = ("tanh", "relu")
CELL_ACTIVATIONS = (*COMPILED, "sigmoid", "identity")  # "identity" is Keras' "linear"


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass: time first, so that a step is one block of memory."""

    params: Params
    x: Array  # (T, B, F)
    gates: Array  # (T, B, 4H): i, f, g, o after their activations
    h: Array  # (T + 1, B, H): h[t] is the output before step t
    c: Array  # (T + 1, B, H): c[t] is the cell state before step t
    phi_c: Array  # (T, B, H): φ of the cell state after step t
    activation: str


def _check(
    params: Params, x: Array, h0: Array | None, c0: Array | None, activation: str
) -> tuple[Array, Array | None, Array | None, np.dtype[Any]]:
    """Refuse what does not go together; return x, h0, c0 in the dtype of the results, and that dtype."""
    choice("activation", activation, CELL_ACTIVATIONS)
    x = batch("x", x, (None, None))
    U = mapping("params", params).get("U")
    if not isinstance(U, np.ndarray) or U.ndim != 2:
        raise ValueError(f"params must hold W, U and b, found {shown(sorted(params))}")
    n_units = U.shape[0]
    shapes("params", params, {"U": ("H", 4 * n_units), "W": (x.shape[2], 4 * n_units), "b": (4 * n_units,)})
    for name, state in (("h0", h0), ("c0", c0)):
        if state is not None and numbers(name, state).shape != (x.shape[0], n_units):
            raise ValueError(f"{name} must have shape {(x.shape[0], n_units)}, found {np.shape(state)}")
    own = params["W"].dtype
    given = [array for array in (x, h0, c0) if array is not None]
    dtype = np.result_type(own, *given) if any(np.iscomplexobj(array) for array in given) else own
    cast = [None if array is None else np.asarray(array, dtype=dtype) for array in (h0, c0)]
    return x.astype(dtype, copy=False), cast[0], cast[1], np.dtype(dtype)


def _loops(activation: str, *arrays: Array) -> Any:
    """Return the module that has the loops: the twins know two activations."""
    return backend.twin(_LOOPS, *arrays) if activation in COMPILED else _LOOPS


def lstm_forward(
    params: Params,  # W (F, 4H), U (H, 4H), b (4H,)
    x: Array,  # (B, T, F)
    h0: Array | None = None,  # (B, H), the output before the first step; zeros if left out
    c0: Array | None = None,  # (B, H), the cell state before the first step; zeros if left out
    activation: str = "tanh",  # φ of (2) and (4), one of CELL_ACTIVATIONS
) -> tuple[Array, Array, Cache]:  # (B, T, H); (B, H): with the last output it is what another LSTM can begin from
    """Run the sequences through the cells, equations (1) to (4); return the outputs, the last cell state, a cache."""
    x, h0, c0, dtype = _check(params, x, h0, c0, activation)
    W, U, b = params["W"], params["U"], params["b"]
    (B, T, F), H = x.shape, U.shape[0]
    x = np.ascontiguousarray(x.swapaxes(0, 1))  # (T, B, F)
    gates = np.empty((T, B, 4 * H), dtype)
    np.matmul(x.reshape(T * B, F), W, out=gates.reshape(T * B, 4 * H))  # (1), the inputs of all steps at once
    h, c = np.empty((T + 1, B, H), dtype), np.empty((T + 1, B, H), dtype)
    h[0], c[0] = (0 if state is None else state for state in (h0, c0))
    phi_c = np.empty((T, B, H), dtype)
    _loops(activation, gates, U, b).forward_steps(gates, U, b, h, c, phi_c, activation)
    return h[1:].swapaxes(0, 1), c[T], Cache(params, x, gates, h, c, phi_c, activation)


def forward_steps(
    gates: Array,  # (T, B, 4H): the inputs' part of (1), x_t W; it becomes the gates i, f, g, o
    U: Array,  # (H, 4H)
    b: Array,  # (4H,)
    h: Array,  # (T + 1, B, H): the outputs; the first is given, the others are written
    c: Array,  # (T + 1, B, H): the cell states, likewise
    phi_c: Array,  # (T, B, H): written, φ of the cell states
    activation: str,
) -> None:
    """Take the steps from the first to the last, equations (1) to (4), in place."""
    phi, H = ACTIVATIONS[activation].value, h.shape[2]
    for t in range(len(gates)):
        a = gates[t]
        a += h[t] @ U  # (1)
        a += b
        g = np.array(phi(a[:, 2 * H : 3 * H]))  # (2), a copy where φ is none
        a[:] = sigmoid(a)  # all four at once is faster than three by themselves
        a[:, 2 * H : 3 * H] = g
        i, f, _, o = _blocks(a)
        np.multiply(f, c[t], out=c[t + 1])  # (3)
        c[t + 1] += i * g
        phi_c[t] = phi(c[t + 1])
        np.multiply(o, phi_c[t], out=h[t + 1])  # (4)


def lstm_backward(
    cache: Cache,
    dh: Array,  # (B, T, H), with respect to the outputs
    dc: Array | None = None,  # (B, H), with respect to the last cell state; none if left out
) -> tuple[Array, Params, Array, Array]:  # (B, T, F); under the parameters' names; (B, H); (B, H)
    """Propagate a gradient back through time, equations (5) to (11); return dx, the gradients, dh_0 and dc_0."""
    delta, dc = _check_cotangents(cache, dh, dc)
    params, x, gates, h, c, phi_c, activation = cache
    U, (T, B, F) = params["U"], x.shape
    da = np.empty(gates.shape, np.result_type(gates, dh, dc) if np.iscomplexobj(dh) else gates.dtype)
    dc0 = np.array(dc, dtype=da.dtype, order="C")  # a copy, on which the steps work
    delta = np.ascontiguousarray(delta, dtype=da.dtype)
    steps = _loops(activation, gates, U, da)
    dh0 = steps.backward_steps(gates, U, c, phi_c, delta, dc0, da, activation)
    flat, before = da.reshape(T * B, -1), h[:T].reshape(T * B, -1)
    ones = np.ones(T * B, da.dtype)  # a product with them is a sum, at the speed of a product
    grads = {"W": x.reshape(T * B, F).T @ flat, "U": before.T @ flat, "b": ones @ flat}  # (9), all steps at once
    dx = (flat @ params["W"].T).reshape(T, B, F)  # (10), likewise
    return dx.swapaxes(0, 1), grads, dh0, dc0


def backward_steps(
    gates: Array,  # (T, B, 4H), from `forward_steps`
    U: Array,  # (H, 4H)
    c: Array,  # (T + 1, B, H), from `forward_steps`
    phi_c: Array,  # (T, B, H), from `forward_steps`
    delta: Array,  # (T, B, H): what comes from above
    dc: Array,  # (B, H): with respect to the last cell state; it becomes that with respect to the first
    da: Array,  # (T, B, 4H): written, with respect to the pre-activations
    activation: str,
) -> Array:  # (B, H)
    """Take the steps from the last to the first, equations (5) to (8) and (11), in place; return dh_0."""
    derivative = ACTIVATIONS[activation].derivative
    dh_future = np.zeros_like(dc)  # nothing comes after the last step
    for t in reversed(range(len(gates))):
        i, f, g, o = _blocks(gates[t])
        da_i, da_f, da_g, da_o = _blocks(da[t])
        dh = delta[t] + dh_future  # (5)
        dc += dh * o * derivative(phi_c[t])  # (6)
        np.multiply(dc * g, i * (1 - i), out=da_i)  # (7), (8)
        np.multiply(dc * c[t], f * (1 - f), out=da_f)
        np.multiply(dc * i, derivative(g), out=da_g)
        np.multiply(dh * phi_c[t], o * (1 - o), out=da_o)
        dc *= f  # the second term of (6), one step earlier; (11) in the end
        dh_future = da[t] @ U.T  # likewise (5) and (11)
    return dh_future


def _check_cotangents(cache: Cache, dh: Array, dc: Array | None) -> tuple[Array, Array]:
    """Refuse gradients of other shapes; return dh with time first, and dc or zeros."""
    T, B, H = cache.phi_c.shape
    if numbers("dh", dh).shape != (B, T, H):
        raise ValueError(f"dh must have the shape of the outputs, {(B, T, H)}, found {np.shape(dh)}")
    if dc is not None and numbers("dc", dc).shape != (B, H):
        raise ValueError(f"dc must have the shape of the cell state, {(B, H)}, found {np.shape(dc)}")
    return dh.swapaxes(0, 1), np.zeros((B, H), cache.c.dtype) if dc is None else dc


def _blocks(array: Array) -> tuple[Array, Array, Array, Array]:
    """Return views of the four gates' columns, i f g o."""
    H = array.shape[-1] // 4
    return array[:, :H], array[:, H : 2 * H], array[:, 2 * H : 3 * H], array[:, 3 * H :]


class _LayerCache(NamedTuple):
    cache: Cache
    return_sequences: bool


@dataclass(frozen=True)
class LSTM:
    """A layer of long short-term memory: (T, F) to (T, units), or to (units,), its last output.

    Each sequence begins from zero states; for others call `lstm_forward`. Not to be confused with the variant with
    peephole connections (Gers & Schmidhuber 2000). Where frameworks differ: PyTorch's LSTM knows no other activation
    than tanh, and draws all parameters from ±1/sqrt(units); Keras draws them as here. A forget bias of 1 lets the cells
    remember at the start (Jozefowicz et al. 2015), as in Keras; 0 is as in PyTorch.
    """

    units: int  # H, the number of cells
    return_sequences: bool = False  # whether the output is that of every step, or of the last alone
    activation: str = "tanh"  # φ; "relu", which many recipes for LSTM autoencoders ask for, bounds no cell state
    # nor does "identity", Keras' "linear"; with "sigmoid" no output is below 0
    forget_bias: float = 1.0  # first bias of the forget gate; the other biases begin at zero
    init_W: str = "glorot_uniform"  # of `scratchdae.initializers`
    init_U: str = "orthogonal"

    def __post_init__(self) -> None:
        keep(self, integer, "units")
        keep(self, flag, "return_sequences")
        keep(self, choice, "activation", choices=CELL_ACTIVATIONS)
        keep(self, number, "forget_bias")
        keep(self, initializers.named, "init_W", "init_U")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        steps, _ = sides("input_shape", input_shape, (2,), "be (steps, features)")
        return (steps, self.units) if self.return_sequences else (self.units,)

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        self.output_shape(input_shape)
        F, H = input_shape[1], self.units
        b = initializers.zeros((4 * H,), dtype=dtype)
        b[H : 2 * H] = self.forget_bias
        W = initializers.get(self.init_W)((F, 4 * H), rng, dtype)  # (F, 4H)
        return {"W": W, "U": initializers.get(self.init_U)((H, 4 * H), rng, dtype), "b": b}

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _LayerCache]:
        """Run the sequences through the cells, equations (1) to (4)."""
        del rng
        h, _, cache = lstm_forward(params, x, activation=self.activation)
        return h if self.return_sequences else h[:, -1], _LayerCache(cache, self.return_sequences)

    def backward(self, cache: _LayerCache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back through time, equations (5) to (11)."""
        T, B, H = cache.cache.phi_c.shape
        shape = (B, T, H) if cache.return_sequences else (B, H)
        dh = d_output = cotangent(d_output, shape, cache.cache.h.dtype)
        if not cache.return_sequences:
            dh = np.zeros((B, T, H), d_output.dtype)
            dh[:, -1] = d_output
        dx, grads, _, _ = lstm_backward(cache.cache, dh)
        return dx, grads
