"""What the laboratory does in a real browser: pictures and frames a second, and its memory by the minute.

``python tests/book/measure_lab.py --minutes 60`` needs chromium and chromedriver; it prints a line every 30 seconds,
and a summary as JSON at the end. The page comes from this process, with the headers without which a browser does not
tell what its workers use, and has no network from then on.
"""

import argparse
import http.server
import json
import os
import shutil
import statistics
import sys
import threading
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from scratchdae.book import laboratory

EVERY = 30  # seconds
COUNT_FRAMES = "window.frames_ = 0; const count = () => { window.frames_++; requestAnimationFrame(count); }; count();"
NOW = """const step = Number(document.getElementById('status').textContent.replaceAll(',', '').split(' ')[1]);
return [performance.now(), step, window.frames_]"""
MEMORY = """const done = arguments[0];
performance.measureUserAgentSpecificMemory().then(({ breakdown }) => {
  const of = (worker) => breakdown.filter(({ attribution }) =>
    attribution.some(({ scope }) => scope.includes('Worker')) === worker).reduce((sum, { bytes }) => sum + bytes, 0);
  done([of(false), of(true)]);
})"""


class Page(http.server.BaseHTTPRequestHandler):
    """The laboratory, alone in its origin."""

    def do_GET(self):
        body = laboratory().encode()
        self.send_response(200)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Embedder-Policy", "require-corp"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing of requests."""


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
    switches = (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "enable-blink-features=ForceEagerMeasureMemory",
    )
    for switch in switches:
        options.add_argument(f"--{switch}")
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.execute_cdp_cmd("Network.enable", {})
    driver.set_window_size(1280, 1000)
    driver.set_script_timeout(120)
    return driver


def offline(driver, without):
    limits = {"offline": without, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", limits)


def renderers(driver):
    """Return the resident bytes and the processor's seconds of the browser's pages, with their workers, by process."""
    parents, found = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(fields[1])
            if b"--type=renderer" in (folder / "cmdline").read_bytes():
                seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                found[int(folder.name)] = (int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), seconds)
        except OSError:  # it has ended
            continue

    def ours(one):
        while one not in (0, driver.service.process.pid):
            one = parents.get(one, 0)
        return one != 0

    return {one: row for one, row in found.items() if ours(one)}


def start(driver, page, link):
    offline(driver, False)
    driver.get("about:blank")
    driver.get(page + link)
    while not driver.execute_script("return document.body.dataset.ready === 'yes'"):
        time.sleep(0.1)
    offline(driver, True)
    driver.execute_script(COUNT_FRAMES)
    driver.execute_script("document.getElementById('run').click()")
    while "best linear" not in driver.execute_script("return document.getElementById('squares').textContent"):
        time.sleep(0.5)  # another worker's time, once


def rates(driver, seconds):
    """Return, over some seconds, pictures and frames a second, pictures a second of processor, and resident bytes."""
    before, used = driver.execute_script(NOW), renderers(driver)
    time.sleep(seconds)
    after, found = driver.execute_script(NOW), renderers(driver)
    busy, resident = max((then - used.get(one, (0, 0.0))[1], size) for one, (size, then) in found.items())
    passed, pictures = (after[0] - before[0]) / 1000, 20 * (after[1] - before[1])
    return pictures / passed, (after[2] - before[2]) / passed, pictures / max(busy, 0.01), resident


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="of the watch on memory (1)")
    minutes = parser.parse_args().minutes
    driver, found = browser(), {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page, samples = f"http://127.0.0.1:{server.server_port}/", []
    try:
        for side in (14, 28):
            start(driver, page, f"#side={side}&hidden=100&batch=20")
            each = [rates(driver, 4) for _ in range(3)]
            found[f"{side}x{side}"] = [round(statistics.median(column)) for column in zip(*each, strict=True)]
            pictures, frames, alone = found[f"{side}x{side}"] = found[f"{side}x{side}"][:3]
            say(f"{side}×{side}, H = 100, B = 20: {pictures} pictures and {frames} frames a second")
            say(f"  {alone} pictures a second of the processor, where others use it too")
        start(driver, page, "#side=14&hidden=100&batch=20")
        begun = time.monotonic()
        while time.monotonic() < begun + 60 * minutes:
            pictures, frames, alone, resident = rates(driver, min(EVERY, 60 * minutes))
            parts = [*driver.execute_async_script(MEMORY), resident]
            samples.append([(time.monotonic() - begun) / 60, *(part / 1e6 for part in parts)])
            say(
                "minute {:5.1f}: page {:5.2f} MB, workers {:6.2f} MB, process {:6.1f} MB".format(*samples[-1])
                + f"; {pictures:.0f} pictures, {frames:.0f} frames a second; {alone:.0f} pictures a second of processor"
            )
    finally:
        driver.quit()
        server.shutdown()
    later = samples[len(samples) // 4 :]  # what the start needs is not growth
    minutes, *columns = zip(*later, strict=True)
    slopes = [0.0 if len(later) < 2 else 60 * statistics.linear_regression(minutes, y).slope for y in columns]
    found["page, workers, process: MB an hour"] = [round(slope, 2) for slope in slopes]
    found["page, workers, process: most MB"] = [round(max(column), 1) for column in columns]
    say(json.dumps(found))


if __name__ == "__main__":
    main()
