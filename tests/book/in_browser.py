"""What tests of pages ask of a browser."""

import os
import time

import pytest

WIDE, NARROW = (1280, 1000), (390, 844)

# what is wider than the window, and what has no name for who cannot see it: scripts that return a list
wider = """const most = document.documentElement.clientWidth + 1;
  return [...document.querySelectorAll('body *')].filter((one) => !one.closest('.scroll, option, clipPath, #spoken')
  && one.getBoundingClientRect().right > most).map((one) => one.outerHTML.slice(0, 80))"""
nameless = """return [...document.querySelectorAll('button, input, select, canvas, svg')].filter((one) =>
  !((one.tagName !== 'svg' && one.textContent.trim()) || one.labels?.length || one.getAttribute('aria-label')))
  .map((one) => one.outerHTML.slice(0, 80))"""


def missing(message):
    """Skip on a user's machine, fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def wait(browser, script, seconds=60):
    """Wait until a script returns something true, and return that."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := browser.execute_script(script):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{script} was not true within {seconds} s")
