"""Ask the explainer of the conformance cases for a mistake that an exercise's own table does not have.

It serves where a function of an exercise is, in other names, an operation of the cases. A name is taken only where the
explainer says "this, and nothing else known" of one case, and no other case speaks against it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.exercises.exercise import Case, Mistake

_WITH_NUMBERS = ("clipped_pre_activation", "forget_bias")
_WITHIN = 1e-9  # of the largest entry: what is computed in float32 is not explained, since too much would fit


class _Operation(NamedTuple):
    """What a function is called among the cases."""

    operation: str
    conventions: Mapping[str, Any]
    inputs: Callable[[Params], Params]  # of the case, from the function's
    outputs: Mapping[str, str]  # of the function: of the case
    words: Mapping[str, str] = {}  # what a sentence calls otherwise than the exercise
    shape: Callable[[Array], Array] = np.asarray  # of an output, as the case has it


def _loss(kind: str, a: Callable[[Params], Array], output: str) -> _Operation:
    own = "loss" if output == "loss" else "d_a"
    conventions = {"loss": kind, "reduction": "paper", "from": "logits"}
    words = {"d_a": output, "target": "x"}
    return _Operation("loss", conventions, lambda i: {"a": a(i), "target": i["x"]}, {output: own}, words)


def _sigmoid(a: Callable[[Params], Array], d: Callable[[Params], Array], output: str) -> _Operation:
    names = {output: "d_input" if output == "da" else "value"}
    words = {"d_input": output, "d_output": "dz", "value": output}
    return _Operation("activation", {"function": "sigmoid"}, lambda i: {"a": a(i), "d_output": d(i)}, names, words)


def _image(layer: str, outputs: Mapping[str, str]) -> _Operation:
    """A layer of images: with a channel, a bias of zero, and a gradient from above where the function has none."""
    transposed, pool = layer == "Conv2DTranspose", [2, 2] if layer == "MaxPool2D" else [1, 1]

    def channel(array: Array) -> Array:
        return array[..., None, None] if array.ndim == 2 else array[..., None]

    def inputs(given: Params) -> Params:
        x, W = given["y" if transposed else "x"], given.get("W", np.ones((1, 1)))
        sizes = [n // m + (k - 1 if transposed else 1 - k) for n, m, k in zip(x.shape[1:], pool, W.shape, strict=True)]
        dy = given.get("dy", np.ones((len(x), *sizes)))
        return {"x": channel(x), "W": channel(W), "b": np.zeros(1), "d_output": channel(dy)}

    conventions = {"layer": layer, "padding": "valid", "stride": pool, "pool": pool}
    return _Operation("layer", conventions, inputs, outputs, {"d_input": "dx", "d_output": "dy"}, channel)


def _step(i: Params) -> Params:
    return {**i, "x": i["x"][:, None], "h0": i["h"], "c0": i["c"], "d_output": np.ones_like(i["h"])[:, None]}


_LSTM: dict[str, Any] = {"layer": "LSTM", "activation": "tanh", "return_sequences": True}
_OPERATIONS: dict[str, _Operation] = {
    "sigmoid": _sigmoid(lambda i: i["a"], lambda i: np.ones_like(i["a"]), "s"),
    "cross_entropy": _loss("cross_entropy", lambda i: i["a"], "loss"),
    "cross_entropy_delta": _loss("cross_entropy", lambda i: np.log(i["z"] / (1 - i["z"])), "da_z"),
    "squared_error_delta": _loss("squared_error", lambda i: i["z"], "da_z"),
    "squared_error": _sigmoid(
        lambda i: i["a"], lambda i: 2 * (1 / (1 + np.exp(-i["a"])) - i["x"]) / len(i["x"]), "da"
    ),
    "encode": _sigmoid(lambda i: i["x"] @ i["W"] + i["b"], lambda i: i["x"] @ i["W"], "y"),
    "decode": _sigmoid(lambda i: i["y"] @ i["W"].T + i["b_prime"], lambda i: i["y"] @ i["W"].T, "z"),
    "max_pool": _image("MaxPool2D", {"y": "output"}),
    "max_pool_backward": _image("MaxPool2D", {"dx": "d_input"}),
    "convolve": _image("Conv2D", {"y": "output"}),
    "convolve_backward": _image("Conv2D", {"dx": "d_input", "dW": "dW"}),
    "transpose": _image("Conv2DTranspose", {"x": "output"}),
    "step": _Operation("layer", _LSTM, _step, {"h": "output", "c": "c"}, {"output": "h"}, lambda array: array[:, None]),
    "through_time": _Operation(
        "layer", _LSTM, lambda i: {**i, "x": i["xs"], "d_output": i["dhs"]}, {"dW": "dW", "dU": "dU", "db": "db"}
    ),
}  # fmt: skip


@np.errstate(all="ignore")
def explained(cases: Sequence[Case], expected: Sequence[Params], found: Sequence[Params]) -> Mistake | None:
    """Return what the explainer calls the mistake in all of the cases that it is asked, if it is sure."""
    task = cases[0].task
    asked = _OPERATIONS.get(task.function)
    if asked is None:
        return None
    from scratchdae.conformance.case import Case as Asked
    from scratchdae.conformance.comparison import by_value, compare
    from scratchdae.conformance.explainer import ACCOUNTS, Answered, Explanation, Finding, judge
    from scratchdae.conformance.explainer.finding import ALONE
    from scratchdae.conformance.explainer.presentation import presented
    from scratchdae.conformance.explainer.search import cheapest, search
    from scratchdae.conformance.explainer.target import Target

    answered, alone = list[Answered](), tuple[Finding, ...]()
    for case, right, own in zip(cases, expected, found, strict=True):
        names = asked.outputs
        if any(not np.allclose(right[name], own[name], rtol=1e-6) for name in right if name not in names):
            return None
        manifest = {
            "conventions": asked.conventions, "stages": [{"stage": "answer", "arrays": list(names.values())}],
            "spec": 1, "required": list(names.values()), "tolerances": {"float64": {"relative": _WITHIN}},
        }  # fmt: skip
        try:
            outputs = {other: asked.shape(right[name]) for name, other in names.items()}
            answer = {other: asked.shape(own[name]).astype(float) for name, other in names.items()}
            inputs = asked.inputs(case.inputs)
            whole = Asked(task.function, "exercises", asked.operation, manifest, inputs, outputs)
            difference = compare(whole, answer, "float64", _WITHIN).difference
            if difference is not None and not alone:  # two mistakes at once are not looked for: it takes too long
                target = Target(outputs, answer, _WITHIN, by_value(whole))
                account = presented(ACCOUNTS[asked.operation](whole, answer, "float64"), target, inputs)
                alone = cheapest(search(account, target, 1))
                if not alone:
                    return None
        except (ArithmeticError, ValueError, IndexError):  # an answer of another shape
            return None
        explanation = Explanation(() if any(one.explanation for one in answered) else alone, difference)
        answered.append(Answered(whole, answer, "float64", _WITHIN, explanation if difference else None))
    judged = [one for one in judge(answered) if one is not None]
    sure = [one.findings[0] for one in judged if one.confidence == ALONE and not one.refuted]
    if not sure or len(sure) < len(judged) or len({finding.ids for finding in sure}) > 1:
        return None
    (mistake,) = sure[0].mistakes
    if mistake.weight > 1 and mistake.id not in _WITH_NUMBERS:  # a number that fits explains nothing
        return None
    if mistake.id.startswith("function:") and "d_input" in asked.outputs.values():  # it is known by its slope alone
        return None
    sentence = mistake.sentence.replace("the case", "the exercise")
    for other, name in asked.words.items():
        sentence = re.sub(rf"\b{other}\b", name, sentence)
    sentence = f"It seems that {sentence} (this, and nothing else known, gives your numbers)."
    return Mistake(mistake.id, task.question, sentence)
