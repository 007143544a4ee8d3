"""Mistakes in long short-term memory: gates in another order, time backwards, a bias counted twice.

The equations are numbered as in `scratchdae.layers.lstm`.
"""

from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any, TypeAlias

import numpy as np

from scratchdae.activations import sigmoid
from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Told, Unknown, Wrong, mistakes
from scratchdae.conformance.explainer.recognised import factor

_Function: TypeAlias = Callable[[Array], Array]
_OWN = "ifgo"
# Old Torch has i f o g, ONNX i o f g, TensorFlow 1 i g f o.
ORDERS = {"".join(order): order for order in permutations(_OWN) if "".join(order) != _OWN}
_READ = "the gates are read in the order {}, where the case has i f g o"
_PLACES = {
    "gate": "the gates' derivative s (1 - s)", "g": "the derivative of g",
    "c": "the derivative of the activated cell state",
}  # fmt: skip
_Slopes: TypeAlias = dict[str, tuple[str, _Function]]  # of a value
_OF_GATE: _Slopes = {
    "of_a": ("a (1 - a), of the pre-activation where s belongs", lambda s: _logit(s) * (1 - _logit(s))),
    "of_gate": ("that of the sigmoid at s, which is taken twice", lambda s: sigmoid(s) * sigmoid(-s)),
    "of_tanh": ("1 - s², that of tanh", lambda s: 1 - s * s),
    "is_value": ("s alone", lambda s: s),
    "is_complement": ("1 - s alone", lambda s: 1 - s),
}
_TANH_SLOPES: _Slopes = {
    "of_a": ("1 - a², of what tanh is taken of, where its value belongs", lambda y: 1 - np.arctanh(y) ** 2),
    "of_sigmoid": ("y (1 - y), the gates'", lambda y: y * (1 - y)),
    "not_squared": ("1 - y: the square is missing", lambda y: 1 - y),
}
_GATES: dict[str, tuple[_Function, _Function]] = {
    "gate_tanh": (np.tanh, lambda s: 1 - s * s),
    "hard_sigmoid": (lambda a: np.clip(a / 6 + 0.5, 0, 1), lambda s: np.where((s > 0) & (s < 1), 1 / 6, 0.0)),
    "old_hard_sigmoid": (lambda a: np.clip(0.2 * a + 0.5, 0, 1), lambda s: np.where((s > 0) & (s < 1), 0.2, 0.0)),
}
SWITCHES = mistakes(
    *((f"gates:{order}", "gates", _READ.format(" ".join(order))) for order in ORDERS),
    ("time_reversed", "time", "the sequence is read backwards, and the outputs come in the order in which it is read"),
    ("time_reversed_and_back", "time", "the sequence is read backwards, and the outputs are put back into its order"),
    ("bias_missing", "bias", "the bias is left out"),
    ("bias_doubled", "bias", "the bias is added twice, as b_ih and b_hh; each has the gradient db"),
    ("bias_doubled_with_gradient", "bias", "the bias is added twice, and its gradient is doubled too"),
    ("rectified", "activation", "the activation is the rectifier, not the hyperbolic tangent"),
    ("tanh_instead", "activation", "the activation is the hyperbolic tangent, not the rectifier"),
    ("cell_not_activated", "activation", "the output is o ⊙ c: the activation of the cell state is missing"),
    ("candidate_linear", "candidate", "the candidate is linear: its activation is missing"),
    ("candidate_sigmoid", "candidate", "the candidate has a sigmoid, as the gates have, not the activation"),
    ("tanh_at_candidate", "candidate", "the candidate keeps tanh: the activation is that of the cell state alone"),
    ("tanh_at_cell", "cell", "the cell state keeps tanh: the activation is that of the candidate alone"),
    ("forget_missing", "forget", "there is no forget gate: all of the cell state stays"),
    ("forget_coupled", "forget", "the forget gate is 1 - i, not a gate of its own"),
    ("input_coupled", "forget", "the input gate is 1 - f, not a gate of its own"),
    ("output_missing", "output", "there is no output gate: the output is the activated cell state"),
    ("cell_not_carried", "carried", "the cell state is not carried on: each step begins with none"),
    ("output_not_carried", "carried", "the output is not carried on: h_{t-1} U is missing"),
    ("hard_sigmoid", "gate activation", "the gates have the hard sigmoid (a + 3) / 6"),
    ("old_hard_sigmoid", "gate activation", "the gates have the hard sigmoid 0.2 a + 0.5"),
    ("states_exchanged", "states", "h0 and c0 are exchanged"),
    ("states_ignored", "states", "h0 and c0 are taken for zero"),
    ("c0_ignored", "states", "c0 is taken for zero"),
    ("h0_ignored", "states", "h0 is taken for zero"),
    ("gate_tanh", "gate activation", "the gates have the hyperbolic tangent, not the sigmoid"),
    ("no_gradient_through_h", "time of backward",
     "backpropagation through time goes along c alone: da_{t+1} Uᵀ is missing"),
    ("no_gradient_through_c", "time of backward",
     "backpropagation through time goes along h alone: dc_{t+1} ⊙ f_{t+1} is missing"),
    *((f"{gate}_derivative_missing", f"{gate} derivative", f"the {words} gate's derivative s (1 - s) is missing")
      for gate, words in (("i", "input"), ("f", "forget"), ("o", "output"))),
    ("no_gradient_through_time", "time of backward",
     "nothing is propagated through time: each step has its own gradient alone"),
    *((f"{at}_derivative_missing", f"{at} derivative", f"{words} is missing") for at, words in _PLACES.items()),
    ("carried_without_forget", "carried backwards", "dc_{t+1} goes back to c_t whole, not f_{t+1} times"),
    ("forget_given_new_c", "", "the forget gate's gradient has c_t, where c_{t-1} belongs"),
    ("output_given_c", "", "the output gate's gradient has c_t, which is not activated"),
    ("input_missing", "forget", "there is no input gate: all of the candidate is added"),
    ("dW_of_last_step", "dW", "dW is that of the last step alone"),
    ("dU_of_last_step", "dU", "dU is that of the last step alone"),
    ("dU_without_first_step", "dU", "dU lacks the first step, to which h0 belongs"),
    ("dU_of_same_step", "dU", "dU takes h_t where h_{t-1} belongs"),
    ("db_of_last_step", "db", "db is that of the last step alone"),
    ("forget_bias", "forget bias", "{value} is added to the forget gate, as a forget bias that is not part of b",
     Unknown("forget_bias", 0.0, (), (1.0,))),
)  # fmt: skip
SLOPES = mistakes(
    *((f"gate_derivative_{id}", "gate derivative", f"the gates' derivative is {w}") for id, (w, _) in _OF_GATE.items()),
    *((f"{place}_derivative_{id}", f"{place} derivative", f"{_PLACES[place]} is {words}")
      for id, (words, _) in _TANH_SLOPES.items() for place in ("g", "c")), late=True)  # fmt: skip
OVERWRITTEN = {  # at each step, so that those of one step are left: which, and where it is
    f"{'_'.join(names)}_of_{one}_step": (names, place)
    for names in (("dW",), ("dU",), ("db",), ("dW", "dU"), ("dW", "dU", "db"))
    for one, place in (("first", 0), ("last", -1))
}
RARE = mistakes(
    *((id, "dW, dU, db", f"{', '.join(names)} of the {'first' if place == 0 else 'last'} step alone are left: "
       "they are overwritten, not summed")
      for id, (names, place) in OVERWRITTEN.items() if id not in {switch.id for switch in SWITCHES}),
    *((f"{which}_clipped", "clipped", f"{words} is cut to [-{{value}}, {{value}}] at each step",
       Unknown("limit", 1e9, (), (0.01, 0.05, 0.1, 0.5, 1.0), "log"))
      for which, words in (("dh", "da_{{t+1}} Uᵀ, which goes back to h,"), ("dc", "dc, which goes back to c,"),
                           ("da", "the gradient of the gates' pre-activations"))),
    late=True)  # fmt: skip
POOLED: dict[str, tuple[str, _Function]] = {  # of the outputs (B, T, H)
    "mean": ("the mean of all outputs", lambda h: h.mean(axis=1)),
    "sum": ("the sum of all outputs", lambda h: h.sum(axis=1)),
    "max": ("the largest of all outputs", lambda h: h.max(axis=1)), "first": ("the first output", lambda h: h[:, 0]),
}  # fmt: skip
POOLINGS = mistakes(
    *((f"{id}_pooled", "sequences", f"{words} comes back, not the last") for id, (words, _) in POOLED.items()
      if id != "first"),
    *((f"{id}_pooled:forwards", "sequences", f"{words} comes back, not the last; the gradient enters at the last step")
      for id, (words, _) in POOLED.items()), late=True)  # fmt: skip
FIRST_OUTPUT, EVERY_STEP, ALL_OUTPUTS, LAST_OUTPUT = mistakes(
    ("first_output", "sequences", "the first output comes back, not the last"),
    ("gradient_at_every_step", "sequences", "the gradient of the last output enters at every step"),
    ("all_outputs", "sequences", "the outputs of all steps come back, where the case asks for the last"),
    ("last_output", "sequences", "the last output comes back alone, where the case asks for all"))  # fmt: skip


def account(case: Case) -> Account:
    """Tell a layer of long short-term memory."""
    inputs, conventions = case.inputs, case.conventions
    sizes = {"B": inputs["x"].shape[0], "T": inputs["x"].shape[1]}
    tanh = conventions["activation"] == "tanh"
    given = [s for s in SWITCHES if ("states" not in s.excludes or "h0" in inputs) and not (tanh and "tanh_at" in s.id)]
    given += RARE
    given += [switch for switch in SLOPES if tanh or switch.id.startswith("gate")]
    given = [switch for switch in given if switch.id != "dU_without_first_step" or "h0" in inputs]
    given += [LAST_OUTPUT] if conventions["return_sequences"] else [FIRST_OUTPUT, EVERY_STEP, ALL_OUTPUTS, *POOLINGS]
    factors = (
        factor("gradient_factor", "the gradient of every parameter", sizes, "dW factor", "dU factor", "db factor"),
        factor("dW_factor", "dW", sizes, "dW factor"),
        factor("dU_factor", "dU", sizes, "dU factor"),
        factor("db_factor", "db", sizes, "db factor", "bias"),
        factor("bias_factor", "the bias, with its gradient,", {}, "bias"),
    )

    def _told(wrong: Wrong) -> Told:
        return layer(inputs, conventions, wrong)

    return Account((*given, *factors), _told)


def layer(inputs: Mapping[str, Array], conventions: Mapping[str, Any], wrong: Wrong) -> Told:
    """Tell the layer, forwards and backwards."""
    x, d_output, U = inputs["x"], inputs["d_output"], inputs["U"]
    B, T, H = len(x), x.shape[1], U.shape[0]
    read = _columns(H, next((order for order in ORDERS if f"gates:{order}" in wrong), _OWN))
    W, U, b = (inputs[name][..., read] for name in ("W", "U", "b"))
    doubled = {"bias_doubled", "bias_doubled_with_gradient"} & set(wrong)
    b = (2 if doubled else 0 if "bias_missing" in wrong else 1) * b
    b = wrong.get("bias_factor", 1.0) * b + wrong.get("forget_bias", 0.0) * (np.arange(4 * H) // H == 1)
    backwards = bool({"time_reversed", "time_reversed_and_back"} & set(wrong))
    x = x[:, ::-1] if backwards else x
    h, c = _states(inputs, B, H, wrong)
    phi, d_phi = _activation(conventions["activation"], wrong)
    gate_of, slope_of = _gate_of(wrong)
    of_candidate, d_candidate = _candidate(phi, d_phi, wrong)
    if "tanh_at_cell" in wrong:
        phi, d_phi = _activation("tanh", {})

    gates, cells, outputs = [], [c], [h]
    for t in range(T):
        a = x[:, t] @ W + ("output_not_carried" not in wrong) * (h @ U) + b  # (1)
        i, f, o = (gate_of(a[:, k * H : (k + 1) * H]) for k in (0, 1, 3))
        f = np.ones_like(f) if "forget_missing" in wrong else 1 - i if "forget_coupled" in wrong else f
        i = 1 - f if "input_coupled" in wrong else i
        i = np.ones_like(i) if "input_missing" in wrong else i
        o = np.ones_like(o) if "output_missing" in wrong else o
        g = of_candidate(a[:, 2 * H : 3 * H])  # (2)
        c = f * c * ("cell_not_carried" not in wrong) + i * g  # (3)
        h = o * (c if "cell_not_activated" in wrong else phi(c))  # (4)
        gates.append((i, f, g, o))
        cells.append(c)
        outputs.append(h)
    turned = backwards and "time_reversed_and_back" in wrong
    begins = "first_output" in wrong or (turned and not conventions["return_sequences"])  # with the step read first
    delta = _from_above(d_output, (B, T, H), conventions, turned, begins, wrong)
    pooled = next((id for id in wrong if "_pooled" in id), "")
    if pooled and "forwards" not in pooled:
        whole = np.stack(outputs[1:], axis=1)
        share = {"mean": 1 / T, "sum": 1.0, "max": whole == whole.max(axis=1, keepdims=True)}[pooled[:-7]]
        delta = share * np.broadcast_to(d_output[:, None], (B, T, H))

    da, dh_future, dc = np.zeros((T, B, 4 * H)), np.zeros((B, H)), np.zeros((B, H))
    for t in reversed(range(T)):
        i, f, g, o = gates[t]
        dh = delta[:, t] + dh_future  # (5)
        activated = cells[t + 1] if "cell_not_activated" in wrong else phi(cells[t + 1])
        slope = 1 if {"cell_not_activated", "c_derivative_missing"} & set(wrong) else d_phi(activated)
        slope = next((of(activated) for id, (_, of) in _TANH_SLOPES.items() if f"c_derivative_{id}" in wrong), slope)
        dc = dc + dh * o * slope  # (6)
        of_g = 1 if "g_derivative_missing" in wrong else d_candidate(g)
        of_g = next((of(g) for id, (_, of) in _TANH_SLOPES.items() if f"g_derivative_{id}" in wrong), of_g)
        of_f = cells[t + ("forget_given_new_c" in wrong)]
        of_o = cells[t + 1] if "output_given_c" in wrong else activated
        dc = _cut(dc, "dc", wrong)
        before = ((dc * g, i, "i"), (dc * of_f, f, "f"), (dh * of_o, o, "o"))
        di, df, do = (d * (1 if f"{id}_derivative_missing" in wrong else slope_of(gate)) for d, gate, id in before)
        carried = "cell_not_carried" not in wrong
        if "forget_coupled" in wrong:
            di, df = di - dc * cells[t] * slope_of(i), 0 * df
        if "input_coupled" in wrong:
            di, df = 0 * di, df - dc * g * slope_of(f)
        di = di * ("input_missing" not in wrong)
        df = df * carried * ("forget_missing" not in wrong)
        do = do * ("output_missing" not in wrong)
        da[t] = _cut(np.concatenate([di, df, dc * i * of_g, do], axis=1), "da", wrong)  # (7), (8)
        none = "no_gradient_through_time" in wrong
        f = np.ones_like(f) if "carried_without_forget" in wrong else f
        dc = 0 * dc if none or not carried or "no_gradient_through_c" in wrong else dc * f
        cut = none or {"no_gradient_through_h", "output_not_carried"} & set(wrong)
        dh_future = 0 * dh if cut else _cut(da[t] @ U.T, "dh", wrong)

    output = np.stack(outputs[1:], axis=1)
    d_input = (da @ W.T).swapaxes(0, 1)
    h = outputs[1] if begins else POOLED[pooled.split("_pooled")[0]][1](output) if pooled else h
    all_steps = (conventions["return_sequences"] or "all_outputs" in wrong) and "last_output" not in wrong
    return {
        "output": (output[:, ::-1] if turned else output) if all_steps else h,
        "gates": np.stack([np.concatenate(step, axis=1) for step in gates], axis=1),
        "c": np.stack(cells[1:], axis=1),
        "d_input": d_input[:, ::-1] if backwards else d_input,
        **_sums(x, np.stack(outputs), da, np.argsort(read), wrong),
        "dh0": dh_future,
        "dc0": dc,
    }


def _sums(x: Array, h: Array, da: Array, back: Array, wrong: Wrong) -> Told:
    """Sum the gradients of the parameters over the steps, equation (9), in the order in which the gates are given."""
    before = h[1:] if "dU_of_same_step" in wrong else h[:-1]
    before = 0 * before if "output_not_carried" in wrong else before
    db = da[-1].sum(axis=0) if "db_of_last_step" in wrong else da.sum(axis=(0, 1))
    db = 2 * db if "bias_doubled_with_gradient" in wrong else db
    of_W, of_U = (
        slice(-1 if "dW_of_last_step" in wrong else 0, None),
        slice(int("dU_without_first_step" in wrong), None),
    )
    of_U = slice(-1, None) if "dU_of_last_step" in wrong else of_U
    sums = {"dW": np.einsum("btf,tbh->fh", x[:, of_W], da[of_W]), "db": db}
    sums["dU"] = np.einsum("tbk,tbh->kh", before[of_U], da[of_U])
    names, t = next((OVERWRITTEN[id] for id in wrong if id in OVERWRITTEN), ((), 0))
    of_step = {"dW": x[:, t].T @ da[t], "dU": before[t].T @ da[t], "db": da[t].sum(axis=0)}
    sums |= {name: of_step[name] for name in names}
    sums["db"] = wrong.get("bias_factor", 1.0) * sums["db"]
    common = wrong.get("gradient_factor", 1.0)
    return {name: common * wrong.get(f"{name}_factor", 1.0) * value[..., back] for name, value in sums.items()}


def _cut(d: Array, which: str, wrong: Wrong) -> Array:
    limit = wrong.get(f"{which}_clipped", np.inf)
    return np.clip(d, -limit, limit)


def _columns(H: int, order: str) -> Array:
    """Return the columns in which i f g o stand for one who reads them in another order."""
    return np.concatenate([np.arange(order.index(gate) * H, (order.index(gate) + 1) * H) for gate in _OWN])


def _states(inputs: Mapping[str, Array], B: int, H: int, wrong: Wrong) -> tuple[Array, Array]:
    zero = np.zeros((B, H))
    if "states_ignored" in wrong:
        return zero, zero
    inputs = {name: value for name, value in inputs.items() if f"{name}_ignored" not in wrong}
    names = ("c0", "h0") if "states_exchanged" in wrong else ("h0", "c0")
    return inputs.get(names[0], zero), inputs.get(names[1], zero)


def _candidate(phi: _Function, d_phi: _Function, wrong: Wrong) -> tuple[_Function, _Function]:
    """Return the activation of the candidate, and its derivative from the value."""
    if "tanh_at_candidate" in wrong:
        return _activation("tanh", {})
    if "candidate_linear" in wrong:
        return lambda a: a, np.ones_like
    return (sigmoid, lambda y: y * (1 - y)) if "candidate_sigmoid" in wrong else (phi, d_phi)


def _from_above(
    d_output: Array, shape: tuple[int, ...], conventions: Mapping[str, Any], turned: bool, begins: bool, wrong: Wrong
) -> Array:
    """Return the gradient of every step's output, δ."""
    if conventions["return_sequences"]:
        return d_output[:, ::-1] if turned else d_output
    delta = np.zeros(shape)
    delta[:, slice(None) if "gradient_at_every_step" in wrong else [0 if begins else -1]] = d_output[:, None]
    return delta


def _activation(name: str, wrong: Wrong) -> tuple[_Function, _Function]:
    """Return φ, and its derivative from the value."""
    if (name == "tanh" and "rectified" not in wrong) or "tanh_instead" in wrong:
        return np.tanh, lambda y: 1 - y * y
    return lambda a: np.maximum(a, 0), lambda y: (y > 0).astype(np.float64)


def _logit(s: Array) -> Array:
    return np.asarray(np.log(s) - np.log1p(-s))


def _gate_of(wrong: Wrong) -> tuple[_Function, _Function]:
    """Return what the gates are, and their derivative from the value."""
    value, slope = next((pair for id, pair in _GATES.items() if id in wrong), (sigmoid, lambda s: s * (1 - s)))
    slope = np.ones_like if "gate_derivative_missing" in wrong else slope
    return value, next((of for id, (_, of) in _OF_GATE.items() if f"gate_derivative_{id}" in wrong), slope)
