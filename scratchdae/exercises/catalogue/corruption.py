"""Exercise 02: masking, which destroys an exact count of the components of each example."""

import numpy as np

from scratchdae import corruption
from scratchdae.arguments import Array, Params
from scratchdae.exercises.exercise import Shows, Task, exercise


def _batch(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Array | int | float]:
    """Rows enough that chance shows, and a fraction that leaves no whole number."""
    x = rng.uniform(0.05, 0.95, (3 * sizes["H"], sizes["D"]))
    return {"x": x, "nu": int(rng.integers(3, 6)) / 10 + 0.013, "seed": int(rng.integers(2**31))}


def _measure(inputs: Params, outputs: Params) -> Params:
    """What is certain of a random answer: how many are destroyed, what is left of the others, whether rows differ."""
    x, found = inputs["x"], outputs["x_tilde"]
    same = found.shape == x.shape
    gone = (found if same else x) == 0
    alike = np.array(float((gone == gone[0]).all() and gone.any() and not gone.all()))
    return {
        "destroyed in each row": gone.sum(axis=1).astype(float),
        "x_tilde": np.where(gone, x, found) if same else found,  # what is not destroyed stays as it was
        "rows with the same components": alike,
        "components chosen by chance (1: yes)": np.array(float(not _by_rule(gone))),
    }


def _by_rule(gone: Array) -> str:
    """Say which rule the choice follows, where chance would give what is seen once in a million times; or nothing.

    Bounds in standard deviations, as measured on 20,000 batches of exact masks: 3.2 at most, 1.9, and 4.6.
    """
    (n, D), k = gone.shape, float(gone.sum(axis=1).mean())
    if not 1 < k < D or len(set(gone.sum(axis=1))) > 1:
        return ""
    pairs = k * (k - 1) / (D * (D - 1))  # how often two given components are destroyed together
    row = np.fft.rfft(gone, axis=1)
    shifts = np.fft.irfft(row[:-1] * row[1:].conj(), n=D, axis=1).mean(axis=0) / k  # of each row against the next
    if (shifts.max() - k / D) * np.sqrt(n * k) > 3.2:
        return "shifted"
    if abs((gone[:, 1:] & gone[:, :-1]).mean() - pairs) > 4.5 * np.sqrt(pairs / (n * (D - 1))):
        return "neighbours"
    share = k / D
    return "uneven" if np.abs(gone.mean(axis=0) - share).max() > 6 * np.sqrt(share * (1 - share) / n) else ""


def _rule(found: Params, inputs: Params, rule: str) -> bool:
    return (
        _kept(inputs, found)
        and bool((_gone(found) == _count(inputs)).all())
        and _by_rule(found["x_tilde"] == 0) == rule
    )


def _count(inputs: Params) -> int:
    return corruption.processes.how_many(float(inputs["nu"]), inputs["x"].shape[1])


def _gone(found: Params) -> Array:
    return np.asarray((found["x_tilde"] == 0).sum(axis=1))


def _kept(inputs: Params, found: Params) -> bool:
    """Whether the answer has x's shape, and what is not zero is x."""
    x, own = inputs["x"], found["x_tilde"]
    return bool(x.shape == own.shape and np.allclose(own[own != 0], x[own != 0], rtol=1e-5))


def _varies(inputs: Params, found: Params) -> bool:
    """Whether the count varies from row to row."""
    return len(set(_gone(found))) > 1


def _whole(inputs: Params, found: Params) -> bool:
    """Whether the count of the whole batch is exact: of all its entries, or as many as its rows should lose together."""
    exact = (round(float(inputs["nu"]) * inputs["x"].size), len(inputs["x"]) * _count(inputs))
    return bool(_gone(found).sum() in exact)


def _fewer(inputs: Params, found: Params) -> bool:
    """Whether no row loses more than the exact count, and most lose less: a component drawn twice counts once."""
    gone, count = _gone(found), _count(inputs)
    return bool((gone <= count).all() and gone.mean() < 0.97 * count)


def _one_of_three(inputs: Params, found: Params) -> bool:
    """Whether each entry is 0, 1 or x, and there are some of each."""
    x, own = inputs["x"], found["x_tilde"]
    if own.shape != x.shape:
        return False
    some = ((own == value).any() for value in (0, 1, x))
    return bool(np.isin(own[own != x], (0, 1)).all() and all(some))


def _all_lose(inputs: Params, found: Params, count: int) -> bool:
    return bool((_gone(found) == count).all())


def _another_value(inputs: Params, found: Params, right: Params) -> bool:
    """Whether what is not x is the same number everywhere, in every row the right number of times."""
    x, own = inputs["x"], found["x_tilde"]
    if own.shape != x.shape or not (own != x).any():
        return False
    values = own[own != x]
    return bool(values[0] not in (0, 1) and (values == values[0]).all())


masking = exercise(
    2, "masking",
    Task(
        "mask", {"x": " drawn", "nu": " drawn", "seed": " drawn"}, ("x_tilde",),
        corruption.masking,
        {
            "everything destroyed": Shows(lambda i, f, e: f["x_tilde"].shape == i["x"].shape and not f["x_tilde"].any()),
            "along the wrong axis": Shows(lambda i, f, e: _kept(i, f) and _varies(i, f) and len(set((f["x_tilde"] == 0).sum(axis=0))) == 1),
            "counted over the whole batch": Shows(lambda i, f, e: _kept(i, f) and _whole(i, f) and _varies(i, f)),
            "drawn with replacement": Shows(lambda i, f, e: _kept(i, f) and _varies(i, f) and _fewer(i, f)),
            "always the first ones": Shows(lambda i, f, e: _kept(i, f) and _count(i) > 0 and bool((f["x_tilde"][:, : _count(i)] == 0).all() and (_gone(f) == _count(i)).all())),
            "one choice for all rows": Shows(lambda i, f, e: _kept(i, f) and bool((_gone(f) == _count(i)).all() and f["x_tilde"][:, (f["x_tilde"] == 0).all(axis=0)].shape[1] == _count(i))),
            "rescaled": Shows(lambda i, f, e: f["x_tilde"].shape == i["x"].shape and bool(np.allclose(f["x_tilde"][f["x_tilde"] != 0] * (1 - i["nu"]), i["x"][f["x_tilde"] != 0], rtol=1e-4))),
            "ν is kept": Shows(lambda i, f, e: _kept(i, f) and bool(abs(_gone(f).mean() - (i["x"].shape[1] - _count(i))) < 1)),
            "the mask itself": Shows(lambda i, f, e: bool(np.isin(f["x_tilde"], (0, 1)).all()) and f["x_tilde"].shape == i["x"].shape and bool((f["x_tilde"] == 1).any())),
            "nothing destroyed": Shows(lambda i, f, e: f["x_tilde"].shape == i["x"].shape and bool((f["x_tilde"] == i["x"]).all())),
            "rounded down": Shows(lambda i, f, e: _kept(i, f) and bool((_gone(f) == int(i["nu"] * i["x"].shape[1])).all())),
            "rounded up": Shows(lambda i, f, e: _kept(i, f) and _all_lose(i, f, int(np.ceil(i["nu"] * i["x"].shape[1])))),
            "one too many": Shows(lambda i, f, e: _kept(i, f) and _all_lose(i, f, _count(i) + 1)),
            "one too few": Shows(lambda i, f, e: _kept(i, f) and _all_lose(i, f, _count(i) - 1)),
            "one row alone": Shows(lambda i, f, e: _kept(i, f) and int((_gone(f) > 0).sum()) == 1),
            "whole rows": Shows(lambda i, f, e: _kept(i, f) and set(_gone(f)) == {0, i["x"].shape[1]}),
            "no number": Shows(lambda i, f, e: f["x_tilde"].shape == i["x"].shape and bool(np.isnan(f["x_tilde"]).any() and (np.isnan(f["x_tilde"]) | (f["x_tilde"] == i["x"])).all())),
            "another value": Shows(_another_value),
            "entries exchanged": Shows(lambda i, f, e: f["x_tilde"].shape == i["x"].shape and (f["x_tilde"] != i["x"]).any() and np.array_equal(np.sort(f["x_tilde"], 1), np.sort(i["x"], 1))),
            "all entries made smaller": Shows(lambda i, f, e: f["x_tilde"].shape == i["x"].shape and (f["x_tilde"] != i["x"]).all() and np.allclose(f["x_tilde"] / i["x"], (f["x_tilde"] / i["x"]).flat[0])),
            "what is left alone": Shows(lambda i, f, e: f["x_tilde"].shape == (len(i["x"]), i["x"].shape[1] - _count(i)) and bool(f["x_tilde"].all())),
            "noise added": Shows(lambda i, f, e: f["x_tilde"].shape == i["x"].shape and bool((f["x_tilde"] % 1 != 0).all() and (f["x_tilde"] != i["x"]).mean() > 0.05) and not bool(np.allclose(f["x_tilde"] / i["x"], (f["x_tilde"] / i["x"]).flat[0]))),
            "salt and pepper": Shows(lambda i, f, e: _one_of_three(i, f)),
            "set to 1": Shows(lambda i, f, e: f["x_tilde"].shape == i["x"].shape and bool((f["x_tilde"] == 1).any() and ((f["x_tilde"] == 1) | (f["x_tilde"] == i["x"])).all())),
            "each row a shift of the one before": Shows(lambda i, f, e: _rule(f, i, "shifted")),
            "neighbours": Shows(lambda i, f, e: _rule(f, i, "neighbours")),
            "by chance": Shows(lambda i, f, e: _kept(i, f) and _varies(i, f) and not _fewer(i, f) and abs(_gone(f).mean() / i["x"].shape[1] - i["nu"]) < 0.1),
        },
        draw=_batch, prepare="import numpy as np\ndef arguments(x, nu, seed):\n    return x, nu, np.random.default_rng(seed)\n", measure=_measure,
    ),
)  # fmt: skip
