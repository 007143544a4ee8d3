"""The laboratory in a real browser, with its network off."""

import shutil
import time

import pytest
from conftest import missing

WIDE, NARROW = (1280, 1000), (390, 844)


@pytest.fixture(scope="module")
def browser():
    selenium = pytest.importorskip("selenium", reason="needs selenium, which is not installed")
    del selenium
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        missing("needs a browser (chromium) and its driver (chromedriver), which are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(driver))
    found.execute_cdp_cmd("Network.enable", {})
    found.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    yield found
    found.quit()


@pytest.fixture
def page(browser, page_file):
    """Open the page anew; nothing may have been said on the console in the end."""
    browser.set_window_size(*WIDE)
    browser.get("about:blank")
    browser.get(page_file.as_uri())
    wait(browser, "return document.body.dataset.ready === 'yes'")
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def wait(browser, script, seconds=60):
    """Wait until a script returns something true, and return that."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := browser.execute_script(script):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{script} was not true within {seconds} s")


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


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_nothing_is_wider_than_the_window(page, size):
    page.set_window_size(*size)
    wider = """const most = document.documentElement.clientWidth + 1;
      return [...document.querySelectorAll('body *')].filter((one) => !one.closest('.scroll, option')
      && one.getBoundingClientRect().right > most).map((one) => one.outerHTML.slice(0, 80))"""
    assert page.execute_script(wider) == []


def test_every_control_has_a_name(page):
    nameless = """return [...document.querySelectorAll('button, input, select, canvas')].filter((one) =>
      !(one.textContent.trim() || one.labels?.length || one.getAttribute('aria-label'))).map((one) => one.outerHTML)"""
    assert page.execute_script(nameless) == []
