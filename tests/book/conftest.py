"""The laboratory in Node."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from in_browser import missing

from scratchdae.book import laboratory as page

RUN = Path(__file__).with_name("lab_run.mjs")


@pytest.fixture(scope="session")
def in_node():
    """Return a function that runs a part of the laboratory and returns what it says."""
    node = shutil.which("node")
    if node is None:
        missing("needs Node (node), which is not installed")

    def run(what, **given):
        answer = subprocess.run(
            [node, str(RUN), what], input=json.dumps(given), capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return run


@pytest.fixture(scope="session")
def pictures():
    """Return the digits of the page, as Node takes them."""
    from scratchdae.book.laboratory import TRAINED
    from scratchdae.book.laboratory import pictures as digits

    x = digits()
    return {
        name: base64.b64encode(part.tobytes()).decode()
        for name, part in (("train", x[:TRAINED]), ("test", x[TRAINED:]))
    }


@pytest.fixture(scope="session")
def page_file(tmp_path_factory):
    """Write the page."""
    path = tmp_path_factory.mktemp("lab") / "lab.html"
    path.write_text(page(), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
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
