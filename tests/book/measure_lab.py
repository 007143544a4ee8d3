"""What the laboratory does in a real browser: pictures and frames a second, and its memory by the minute.

``python tests/book/measure_lab.py --minutes 60`` needs chromium and chromedriver; it prints a line every 30 seconds,
and a summary as JSON at the end. The network is off.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from scratchdae.book import laboratory

EVERY = 30  # seconds
COUNT_FRAMES = "window.frames_ = 0; const count = () => { window.frames_++; requestAnimationFrame(count); }; count();"
NOW = """const step = Number(document.getElementById('status').textContent.replaceAll(',', '').split(' ')[1]);
return [performance.now(), step, window.frames_, performance.memory.usedJSHeapSize]"""


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
    switches = ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "enable-precise-memory-info")
    for switch in switches:
        options.add_argument(f"--{switch}")
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    driver.set_window_size(1280, 1000)
    return driver


def process_of(driver):
    """Return the resident bytes and the processor's seconds of the page and its worker: the largest renderer."""
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

    return max((row for one, row in found.items() if ours(one)), default=(0, 0.0))


def start(driver, page, link):
    driver.get("about:blank")
    driver.get(page.as_uri() + link)
    while not driver.execute_script("return document.body.dataset.ready === 'yes'"):
        time.sleep(0.1)
    driver.execute_script(COUNT_FRAMES)
    driver.execute_script("document.getElementById('run').click()")
    time.sleep(3)


def rates(driver, seconds):
    """Return, over some seconds of training, pictures and frames a second, and pictures a second of the processor."""
    before, (_, used) = driver.execute_script(NOW), process_of(driver)
    time.sleep(seconds)
    after, (_, used_then) = driver.execute_script(NOW), process_of(driver)
    passed, pictures = (after[0] - before[0]) / 1000, 20 * (after[1] - before[1])
    return pictures / passed, (after[2] - before[2]) / passed, pictures / max(used_then - used, 0.01)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="of the watch on memory (1)")
    minutes = parser.parse_args().minutes
    driver, found = browser(), {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "lab.html")
            page.write_text(laboratory(), encoding="utf-8")
            for side in (14, 28):
                start(driver, page, f"#side={side}&hidden=100&batch=20")
                each = [rates(driver, 4) for _ in range(3)]
                found[f"{side}x{side}"] = [round(statistics.median(column)) for column in zip(*each, strict=True)]
                pictures, frames, alone = found[f"{side}x{side}"]
                say(f"{side}×{side}, H = 100, B = 20: {pictures} pictures and {frames} frames a second")
                say(f"  {alone} pictures a second of the processor, where others use it too")
            start(driver, page, "#side=14&hidden=100&batch=20")
            samples, begun = [], time.monotonic()
            while time.monotonic() < begun + 60 * minutes:
                pictures, frames, alone = rates(driver, min(EVERY, 60 * minutes))
                driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})  # else the sample is of what is not yet freed
                _, step, _, heap = driver.execute_script(NOW)
                at, process = (time.monotonic() - begun) / 60, process_of(driver)[0]
                samples.append((at, heap / 1e6, process / 1e6))
                say(
                    f"minute {at:5.1f}: heap {heap / 1e6:6.2f} MB, process {process / 1e6:6.1f} MB, "
                    f"{pictures:6.0f} pictures, {frames:4.1f} frames a second, "
                    f"{alone:6.0f} pictures a second of processor, step {step:,}"
                )
    finally:
        driver.quit()
    later = samples[len(samples) // 4 :]  # what the start needs is not growth
    minutes, *columns = zip(*later, strict=True)
    slopes = [0.0 if len(later) < 2 else 60 * statistics.linear_regression(minutes, y).slope for y in columns[:2]]
    found["memory"] = {"MB an hour, heap and process": [round(slope, 2) for slope in slopes]}
    found["memory"] |= {"largest MB, heap and process": [round(max(column), 1) for column in columns[:2]]}
    say(json.dumps(found))


if __name__ == "__main__":
    main()
