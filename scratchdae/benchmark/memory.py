"""The peak of memory while training on images in a file, measured in a process of its own.

Run as a module, ``python -m scratchdae.benchmark.memory FILE DTYPE``, it is that process.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae.benchmark.epoch import epoch

IMAGES = 60_000
ALLOWANCE = 200_000_000  # bytes over the size of the file
_BATCH = 20


def measure(file: Path, dtype: str) -> dict[str, Any]:
    """Train an epoch on a memory-mapped file of uint8 images (N, D) in a fresh process, and look at its peak, in bytes.

    What is compiled is compiled beforehand and cached on disk, as it is in all but the first training on a machine.
    ``before`` (opening the file) and ``peak`` are resident sizes: pages of the file that were in memory are among them.
    ``within`` says whether the peak stayed under file plus allowance.
    """
    images = np.load(file, mmap_mode="r", allow_pickle=False)
    # Compiles here: the compiler's memory is not training's.
    epoch(np.zeros((_BATCH, images.shape[1]), np.uint8), _BATCH, dtype)
    command = [sys.executable, "-m", "scratchdae.benchmark.memory", str(file), dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"the training whose memory was to be measured failed: {done.stderr.strip().splitlines()[-1]}")
    size = file.stat().st_size
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "file": size, "allowance": ALLOWANCE, "within": found["peak"] < size + ALLOWANCE}


def peak() -> int:
    """Return the largest resident size that this process has had, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux, where getrusage would count the parent's peak before this program was loaded as well
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    raise ValueError(f"the peak of a process's memory cannot be read on {sys.platform}")


def train(file: str, dtype: str) -> dict[str, Any]:
    """Train an epoch on a memory-mapped .npy file of uint8 images."""
    images = np.load(file, mmap_mode="r", allow_pickle=False)
    epoch(
        np.zeros((_BATCH, images.shape[1]), np.uint8), _BATCH, dtype
    )  # loads everything: what is left to see is the data's
    before = peak()
    backend = epoch(images, _BATCH, dtype)
    return {"images": len(images), "backend": backend, "before": before, "peak": peak()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(train(*sys.argv[1:])) + "\n")
