"""Small figures inside chapters: one slider or three, and numbers that the page computes as it is moved.

Each is a page of its own, whole, that asks for nothing: the modules of ``lab/`` that it needs, one after the other, and
the eigenvalues or pictures that it shows. It says its height to the page that it stands in (``{height}``, a message).
"""

import base64
import json
import re
from typing import Any

import numpy as np

from scratchdae import floors
from scratchdae.arguments import Array
from scratchdae.book.laboratory import plain, text
from scratchdae.datasets import digits, to_float

SIDE, COARSE = 14, 7  # pixels of a side; chapter 17's
SIGMA = 0.15  # chapter 17's noise
SHOWN, FEW = 6, 200  # digits as pictures, and to count dead units on

FIGURES = {  # chapter: module, title, what to do
    6: ("wiener_floor", "What noise destroys, no linear denoiser brings back", "Make the noise stronger: the error "
        "of the best linear denoiser rises from 0 to that of the mean picture."),
    7: ("code_width", "A linear code leaves the eigenvalues that it drops", "Widen the code, and see what each "
        "number brings back to digits that it was not made of."),
    9: ("entropy_floor", "Cross-entropy stops at the entropy of its targets", "Move the targets away from 0 and 1, "
        "and the least possible loss rises. Then read your own loss."),
    17: ("step_size", "Descent is stable below 2 / hₘₐₓ, and only there", "Raise the learning rate through the "
         "limit: one direction's error changes its sign at each step, and then grows."),
    22: ("initial_scale", "The first weights set a factor per layer", "Change the size of the first weights, and see "
         "what ten layers make of it before any training."),
    25: ("dead_units", "One step too large kills rectifiers of data that are not centred", "Raise the rate, then "
         "subtract the mean picture."),
}  # fmt: skip


def small_figures() -> dict[int, tuple[str, str]]:
    """Return by chapter a figure's title and its page.

    Returns
    -------
    dict of int to (str, str)
        The number of the chapter; the title, and a whole HTML page that makes no request.
    """
    data = _data()
    return {number: (title, _page(number, data[number])) for number, (_, title, _) in FIGURES.items()}


def _page(number: int, data: dict[str, Any]) -> str:
    module, title, lead = FIGURES[number]
    names = ("dae", "draws", "closed", "drawing", f"figures/{module}")
    parts = {
        "TITLE": title,
        "LEAD": lead,
        "STYLE": text("lab.css") + text("figure.css"),
        "DATA": json.dumps(data, separators=(",", ":")),
        "CORE": "\n".join(plain(f"{name}.mjs") for name in names),
    }
    return re.sub(r"/\*([A-Z]+)\*/", lambda place: parts[place[1]], text("figure.html"))


def _data() -> dict[int, dict[str, Any]]:
    """Return what each figure shows of the digits, ready for JSON."""
    data = digits()
    x, coarse = to_float(data.x_train, side=SIDE), to_float(data.x_train, side=COARSE)
    vectors = np.linalg.eigh(np.cov(x.T, bias=True))[1].T[::-1]  # the first belongs to the largest eigenvalue
    held_out = to_float(data.x_test, side=SIDE)
    first = [int(np.flatnonzero(data.t_test == digit)[0]) for digit in (0, 2, 3, 4, 5, 8)][:SHOWN]
    shown = {
        "side": SIDE,
        "spectrum": floors.eigenvalues(x).tolist(),
        "mean": x.mean(axis=0).round(5).tolist(),
        "vectors": _packed(np.rint(32767 * vectors).astype("<i2")),
        "digits": _packed(_bytes(held_out[first])),
    }
    return {
        6: shown,
        7: shown,
        9: {},
        17: {"spectrum": floors.eigenvalues(coarse).tolist(), "sigma": SIGMA},
        22: {},
        25: {"side": SIDE, "count": FEW, "images": _packed(_bytes(x[:FEW]))},
    }


def _bytes(x: Array) -> Array:
    return np.asarray(np.rint(255 * x), np.uint8)


def _packed(array: Array) -> str:
    return base64.b64encode(array.tobytes()).decode()
