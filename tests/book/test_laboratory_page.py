"""The laboratory in a real browser, with its network off."""

import re

import numpy as np
import pytest
from in_browser import NARROW, WIDE, nameless, wait, wider


@pytest.fixture
def page(browser, page_file):
    """Open the page anew; nothing may have been said on the console in the end."""
    browser.set_window_size(*WIDE)
    browser.get("about:blank")
    browser.get_log("browser")  # what pages before it said
    browser.get(page_file.as_uri())
    wait(browser, "return document.body.dataset.ready === 'yes'")
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def press(browser, name):
    browser.execute_script("document.getElementById(arguments[0]).click()", name)


def text(browser, name):
    return browser.execute_script("return document.getElementById(arguments[0]).textContent", name)


def pick(browser, name, value):
    script = (
        "const e = document.getElementById(arguments[0]); e.value = arguments[1]; e.dispatchEvent(new Event('change'))"
    )
    browser.execute_script(script, name, value)


def held_out(browser):
    return wait(browser, "return parseFloat(document.getElementById('losses').textContent.split(' ')[2])")


def test_its_own_mathematics_agrees_in_the_browser_too(page):
    assert "47 of 47 frozen cases agree" in text(page, "badge")


def test_it_trains_pauses_and_steps(page):
    first = held_out(page)
    press(page, "run")
    wait(page, f"return parseFloat(document.getElementById('losses').textContent.split(' ')[2]) < {first / 3}")
    press(page, "run")
    wait(page, "return document.getElementById('run').getAttribute('aria-pressed') === 'false'")
    wait(page, "return !document.getElementById('status').textContent.includes('a second')")
    before = int(text(page, "status").split()[1].replace(",", ""))
    press(page, "one")
    wait(page, f"return document.getElementById('status').textContent.startsWith('step {before + 1:,}')")
    press(page, "restart")
    wait(page, "return document.getElementById('status').textContent.startsWith('step 0')")
    assert held_out(page) == first  # the same seed


@pytest.mark.parametrize("failure", ["not_zeroed", "saturated", "equal", "round_off"])
def test_a_failure_can_be_caused_and_repaired(page, failure):
    pick(page, "failure", failure)
    press(page, "breakit")
    wait(page, "return document.getElementById('told').dataset.shown === 'true'")
    assert "Known by" in text(page, "told")
    press(page, "repair")
    wait(page, "return document.getElementById('told').dataset.shown === 'false'")
    assert text(page, "told").startswith("Repaired.")


def test_a_failure_can_be_guessed(page):
    press(page, "guess")
    wait(page, "return document.getElementById('thisisit') !== null")
    assert "Known by" not in text(page, "told")
    press(page, "thisisit")
    assert text(page, "told").startswith(("Right: ", "It is another one: "))


def test_a_drawing_is_answered(page):
    press(page, "run")
    wait(page, "return parseInt(document.getElementById('status').textContent.replace(',', '').split(' ')[1]) > 1500")
    press(page, "run")
    press(page, "example")
    press(page, "noise")
    lit = wait(page, "return parseFloat(document.getElementById('walk').dataset.last)")
    assert 5 < lit < 120  # of 196 pixels: strokes, not black or white
    assert "hidden units that fire most" in text(page, "fired")


def test_the_gradient_check_is_right_and_sees_a_missing_term(page):
    press(page, "one")
    press(page, "check")
    assert float(wait(page, "return document.getElementById('rows').dataset.error")) < 1e-6
    pick(page, "failure", "no_decoder")
    press(page, "breakit")
    wait(page, "return document.getElementById('told').dataset.shown === 'true'")
    page.execute_script("delete document.getElementById('rows').dataset.error")
    press(page, "check")
    assert float(wait(page, "return document.getElementById('rows').dataset.error")) > 1e-3


def test_settings_travel_in_a_link(page, page_file):
    pick(page, "set-hidden", "37")
    press(page, "share")
    assert "hidden=37" in page.current_url
    page.get("about:blank")
    page.get(page_file.as_uri() + "#hidden=37&lr.to=100&broken=equal")
    wait(page, "return document.body.dataset.ready === 'yes'")
    assert page.execute_script("return document.getElementById('set-hidden').value") == "37"
    assert page.execute_script("return document.getElementById('set-lr').max") == "2"  # 10 to the power of
    assert page.execute_script("return document.getElementById('failure').value") == "equal"
    press(page, "share")
    assert {"hidden=37", "lr.to=100", "broken=equal"} <= set(page.current_url.partition("#")[2].split("&"))


def test_it_trains_on_pictures_of_ones_own(page, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "mine.npy", rng.integers(0, 256, (40, 28, 28), dtype=np.uint8))
    np.save(tmp_path / "other.npy", rng.random((40, 28, 28)))
    before = held_out(page)
    files = page.find_element("id", "files")
    files.send_keys(str(tmp_path / "other.npy"))
    wait(page, "return document.getElementById('status').textContent.includes('must hold uint8 pictures of 28×28')")
    page.execute_script("arguments[0].value = ''", files)  # else the driver adds to it
    files.send_keys(str(tmp_path / "mine.npy"))
    wait(page, f"return !document.getElementById('losses').textContent.startsWith('held-out loss {before:g};')")
    press(page, "one")
    wait(page, "return document.getElementById('status').textContent.startsWith('step 1')")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_nothing_is_wider_than_the_window(page, size):
    page.set_window_size(*size)
    assert page.execute_script(wider) == []


def test_every_control_has_a_name(page):
    assert page.execute_script(nameless) == []


def test_the_best_linear_denoiser_stands_beside_the_network(page):
    wait(page, "return document.getElementById('squares').textContent.includes('best linear denoiser')")
    network, linear, mean = (float(number) for number in re.findall(r"[0-9]+\.[0-9]+", text(page, "squares")))
    assert linear < mean < network  # at the first weights


def test_any_weight_can_be_checked(page):
    page.execute_script("document.getElementById('pixel').value = 97; document.getElementById('unit').value = 5000")
    press(page, "checkone")
    wait(page, "return document.getElementById('rows').dataset.error")
    assert page.execute_script("return document.querySelectorAll('#rows tr').length") == 2
    assert page.execute_script("return document.querySelector('#rows td:nth-child(2)').textContent") == "99"  # the last
