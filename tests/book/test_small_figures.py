"""The small figures compute what the package computes, and each page is whole, moves and can be read by anybody."""

import base64
import itertools
import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from in_browser import NARROW, WIDE, missing, nameless, wait, wider

from scratchdae import floors
from scratchdae.activations import sigmoid
from scratchdae.book import small_figures
from scratchdae.corruption import draws
from scratchdae.datasets import digits, to_float

RUN = Path(__file__).with_name("figures_run.mjs")
CLOSE = 1e-9


def key(seed, purpose, n):
    first = draws.words(np.array([seed], np.uint64), purpose, purpose + 1)[0]
    return draws.words(first, n, n + 1)[0]


def normals(seed, n, count):
    return draws.normals(key(seed, 0, n), count)[0]


@pytest.fixture(scope="module")
def ask():
    node = shutil.which("node")
    if node is None:
        missing("needs Node (node), which is not installed")

    def run(*calls):
        plain = json.dumps(calls, default=lambda array: array.tolist())
        done = subprocess.run([node, str(RUN)], input=plain, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def coarse():
    return to_float(digits().x_train[:1000], side=7)


def test_the_entropy_floor(ask):
    shapes = [(1, 1), (0.05, 0.05), (20, 20), (0.15, 0.8), (3.7, 0.06)]
    found = ask(*(("betaLosses", a, b) for a, b in shapes), *(("betaDensity", 0.3, a, b) for a, b in shapes))
    for (a, b), losses, density in zip(shapes, found, found[len(shapes) :], strict=False):
        assert losses["floor"] == pytest.approx(floors.beta_cross_entropy(a, b), abs=CLOSE)
        assert losses["constant"] == pytest.approx(floors.binary_entropy(a / (a + b)), abs=CLOSE)
        whole = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))
        assert density == pytest.approx(whole * 0.3 ** (a - 1) * 0.7 ** (b - 1), rel=CLOSE)


def test_codes_and_denoisers(ask, coarse):
    values = floors.eigenvalues(coarse)
    codes, *left = ask(("linearCodes", values), *(("wiener", values, s) for s in (0, 0.15, 0.5, 2)))
    np.testing.assert_allclose(codes, floors.linear_codes(values), rtol=CLOSE)
    np.testing.assert_allclose(left, [floors.wiener(values, s) for s in (0, 0.15, 0.5, 2)], rtol=CLOSE, atol=1e-18)


def test_the_pages_eigenvectors_are_those_of_the_digits(figures):
    """Packed into 16 bits, for the pictures; the eigenvalues are whole."""
    data = json.loads(re.search(r'id="data">(.*?)</script>', figures[7][1], re.S)[1])
    vectors = np.frombuffer(base64.b64decode(data["vectors"]), "<i2").reshape(196, 196) / 32767
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(196), atol=1e-3)
    x = to_float(digits().x_train, side=14)
    along = ((x - x.mean(axis=0)) @ vectors.T).var(axis=0)
    np.testing.assert_allclose(along, data["spectrum"], atol=1e-4 * max(data["spectrum"]))
    np.testing.assert_allclose(data["spectrum"], floors.eigenvalues(x), rtol=CLOSE)


@pytest.mark.parametrize("share", [0.01, 0.98, 1.05])
def test_descent_takes_the_steps_that_gradient_descent_takes(ask, coarse, share):
    x, sigma = coarse - coarse.mean(axis=0), 0.15
    values, C, D = floors.eigenvalues(x), x.T @ x / len(x), x.shape[1]
    lr = share / (values[0] + sigma**2)
    (found,) = ask(("descent", values, sigma, lr, 30))
    floor, W, excess = D * floors.wiener(values, sigma), np.zeros((D, D)), []
    for _ in range(31):
        rest = np.eye(D) - W
        excess.append((np.vdot(rest, C @ rest) + sigma**2 * np.vdot(W, W)) / floor - 1)
        W = W - lr * 2 * (C @ (W - np.eye(D)) + sigma**2 * W)
    np.testing.assert_allclose(found["excess"], excess, rtol=1e-7, atol=CLOSE)
    np.testing.assert_allclose(found["h"], 2 * (values + sigma**2), rtol=CLOSE)


ACTIVATIONS = {"relu": lambda a: np.maximum(a, 0), "tanh": np.tanh, "sigmoid": sigmoid}


def test_the_signal_by_depth(ask):
    n, examples, depth = 12, 5, 4
    cases = [*itertools.product(ACTIVATIONS, (0.6, 1.0, 3.0))]
    drawn, *expected = ask(
        ("drawn", {"seed": 3, "n": n, "examples": examples, "depth": depth}),
        *(("expectedSizes", *case, depth) for case in cases),
    )
    signals = ask(*(("signal", *case, drawn) for case in cases))
    nodes, weights = np.polynomial.legendre.leggauss(400)  # on ±10, in two halves: a rectifier bends at 0
    u, weights = np.append(5 * nodes - 5, 5 * nodes + 5), np.tile(5 * weights, 2)
    for (kind, scale), computed, rows in zip(cases, expected, signals, strict=True):
        phi, sizes = ACTIVATIONS[kind], [1.0]
        for _ in range(depth):
            inside = phi(scale * sizes[-1] * u) ** 2 * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
            sizes.append(math.sqrt(weights @ inside))
        np.testing.assert_allclose(computed, sizes, rtol=CLOSE)
        y = normals(3, 0, examples * n).reshape(examples, n)
        for layer, row in enumerate(rows):
            assert row["size"] == pytest.approx(np.sqrt(np.mean(y**2)), rel=CLOSE)
            assert row["spread"] == pytest.approx(np.sqrt(y.var(axis=0).mean()), rel=CLOSE)
            if layer < depth:
                y = phi(scale / np.sqrt(n) * y @ normals(3, layer + 1, n * n).reshape(n, n))


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_dead_units(ask, shift):
    x = 1 - to_float(digits().x_train[:40], side=7)
    x -= shift * x.mean(axis=0)
    D, H = x.shape[1], 24
    (network,) = ask(("rectifiers", 4, D, H))
    W = normals(4, 0, D * H).reshape(D, H) * np.sqrt(2 / D)
    decoder = normals(4, 1, D * H).reshape(D, H) / np.sqrt(H)
    np.testing.assert_allclose(network["W"], W.ravel(), rtol=1e-12)
    (rates,) = ask(("deadlyRates", x.ravel(), network))
    a = x @ W
    dy = 2 / x.size * (np.maximum(a, 0) @ decoder.T - x) @ decoder
    da = dy * (a > 0)
    s = (x @ x.T + 1) @ da
    least = np.divide(a, s, out=np.zeros_like(a), where=s > 0).max(axis=0)
    most = np.divide(a, s, out=np.full_like(a, np.inf), where=s < 0).min(axis=0)
    possible = (least <= most) & ~((s == 0) & (a > 0)).any(axis=0)
    found = np.array([[float(one) for one in pair] for pair in rates]).T
    np.testing.assert_allclose(found, np.where(possible, [least, most], np.inf), rtol=CLOSE, atol=1e-12)
    for lr in (0.1, 1.0, 30.0):  # and the step itself
        after = x @ (W - lr * x.T @ da) - lr * da.sum(axis=0)
        assert ((found[0] <= lr) & (lr <= found[1])).sum() == (after.max(axis=0) <= 0).sum()


def expected_error(map_, x, mean_seen, second, cross):
    """Compute E|z − x|² of an affine map from the moments of what it sees: tr C − 2 tr WᵀX + tr WᵀKW."""
    W = np.array(map_["W"]).reshape(len(cross), -1)
    np.testing.assert_allclose(map_["seen"], mean_seen, atol=1e-12)
    C = np.cov(x.T, bias=True)
    return np.trace(C) - 2 * np.vdot(W, cross) + np.vdot(W, second @ W)


@pytest.mark.parametrize("hidden", [5, 49])
def test_the_best_linear_denoiser(ask, coarse, hidden):
    """Of the page, in the closed forms of the package, and of rank `hidden` by a decomposition of NumPy's."""
    D, nu = 49, 0.25
    S, mean, C = coarse.T @ coarse / len(coarse), coarse.mean(axis=0), np.cov(coarse.T, bias=True)
    settings = {"nu": nu, "hidden": hidden}
    masked, noisy, clean = ask(
        *(("bestLinear", coarse.ravel(), D, {**settings, "noise": noise}) for noise in ("masking", "gaussian", "none"))
    )
    values = floors.eigenvalues(coarse)
    found = expected_error(noisy, coarse, mean, C + nu**2 * np.eye(D), C)
    assert found == pytest.approx(D * floors.wiener(values, nu, hidden), rel=1e-8)
    assert expected_error(clean, coarse, mean, C, C) == pytest.approx(D * floors.linear_codes(values)[hidden], abs=1e-8)

    kept = (D - round(nu * D)) / D
    pairs = kept * (D * kept - 1) / (D - 1)
    K = pairs * S + (kept - pairs) * np.diag(S.diagonal()) - kept**2 * np.outer(mean, mean)
    floor, W = floors.masking(S, nu, mean, exact_count=True)
    lost = np.linalg.eigvalsh(kept * C @ W)[::-1][hidden:].sum()
    assert expected_error(masked, coarse, kept * mean, K, kept * C) == pytest.approx(D * floor + lost, rel=1e-8)


def test_the_best_linear_denoiser_of_salt_and_pepper(ask):
    """Every mask and coin of two of five pixels, one after the other."""
    D, count = 5, 2
    x = np.random.default_rng(0).random((30, D))
    seen = []
    for rows in itertools.combinations(range(D), count):
        for coins in itertools.product((0, 1), repeat=count):
            seen.append(x.copy())
            seen[-1][:, rows] = coins
    x_tilde, targets = np.concatenate(seen), np.tile(x, (len(seen), 1))
    settings = {"nu": count / D, "hidden": D, "noise": "salt_and_pepper"}
    (found,) = ask(("bestLinear", x.ravel(), D, settings))
    design = np.column_stack([x_tilde, np.ones(len(x_tilde))])
    best = np.linalg.lstsq(design, targets, rcond=None)[0]
    np.testing.assert_allclose(np.reshape(found["W"], (D, D)), best[:D], atol=CLOSE)


def test_a_number_that_is_none_is_told_with_its_step_and_its_cause(ask):
    linear = {"units": "linear", "output": "linear", "loss": "squared_error", "lr": 30, "hidden": 4}
    naive, grown = ask(("why", {"naive": True, "scale": 100, "hidden": 4}, 5), ("why", linear, 60))
    assert "logarithm of 0" in naive["why"]
    assert naive["step"] >= 1
    assert "overshot" in grown["why"]
    assert grown["step"] > 1


# ---- the pages


@pytest.fixture(scope="module")
def figures():
    return small_figures()


def test_each_belongs_to_a_chapter_and_asks_nothing_of_another_machine(figures):
    chapters = Path(__file__).parents[2] / "chapters"
    assert len(figures) == 6
    for number, (title, page) in figures.items():
        assert len(list(chapters.glob(f"{number:02}_*.py"))) == 1
        assert f"<h1>{title}</h1>" in page
        text = re.sub(r'<script type="application/json" id="data">[^<]*', "", page)
        assert not re.search(r"https?:|//[a-z]+\.|\bfetch\(|\bXMLHttp|@import|\bimport\b.*from|/\*[A-Z]+\*/", text)
        assert len(page) < 200_000


@pytest.fixture(scope="module", params=[6, 7, 9, 17, 22, 25])
def shown(request, browser, figures, tmp_path_factory):
    path = tmp_path_factory.mktemp("figure") / "figure.html"
    path.write_text(figures[request.param][1], encoding="utf-8")
    browser.get("about:blank")
    browser.get_log("browser")  # what pages before it said
    browser.set_window_size(*WIDE)
    browser.get(path.as_uri())
    wait(browser, "return document.body.dataset.ready === 'yes' && document.getElementById('says').textContent")
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def says(browser):
    return browser.execute_script("return document.getElementById('says').textContent")


def test_each_control_changes_what_is_said(shown):
    names = shown.execute_script("return [...document.querySelectorAll('#controls [id]')].map((one) => one.id)")
    assert names
    for name in names:
        before = says(shown)
        shown.execute_script(
            "const e = document.getElementById(arguments[0]);"
            "if (e.tagName === 'SELECT') { e.selectedIndex = 1; e.dispatchEvent(new Event('change')); }"
            "else { e.value = e.min; e.dispatchEvent(new Event('input')); }",
            name,
        )
        if says(shown) == before:  # it stood at its least
            shown.execute_script(
                "const e = document.getElementById(arguments[0]); e.value = e.max; e.dispatchEvent(new Event('input'))",
                name,
            )
        assert says(shown) != before, name


def test_each_button_sets_what_it_says(shown):
    heard = []
    for button in shown.find_elements("css selector", "#presets button"):
        button.click()
        heard.append(says(shown))
    assert len(set(heard)) == len(heard) > 1
    assert "NaN" not in "".join(heard)
    assert "undefined" not in "".join(heard)
    wait(shown, "return document.getElementById('spoken').textContent === document.getElementById('says').textContent")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_figure_fits_and_has_names(shown, size):
    shown.set_window_size(*size)
    assert shown.execute_script(wider) == []
    assert shown.execute_script(nameless) == []
