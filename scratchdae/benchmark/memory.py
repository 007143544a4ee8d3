"""The peak of memory while training on images in a file, measured in a process of its own.

Run as a module, ``python -m scratchdae.benchmark.memory FILE DTYPE``, it is that process.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.corruption import Corruption
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.training.generators import streams
from scratchdae.training.loop import fit

IMAGES = 60_000
ALLOWANCE = 200_000_000  # bytes over the size of the file
_HIDDEN, _BATCH = 500, 20


def measure(file: Path, dtype: str) -> dict[str, Any]:
    """Train an epoch on a memory-mapped file in a fresh process, and look at its peak.

    What is compiled is compiled beforehand and cached on disk, as it is in all but the first training on a machine.

    Parameters
    ----------
    file : Path
        A .npy file of uint8 images, shape (N, D).
    dtype : {"float32", "float64"}
        Of the parameters.

    Returns
    -------
    dict
        Bytes of the file, of the process before it opened the file and at its peak (``before`` and ``peak``: resident,
        the pages of the file that were in memory included), and whether the peak stayed under file plus allowance.

    Raises
    ------
    ValueError
        If the process fails, or the system does not tell a process's peak.
    """
    images = np.load(file, mmap_mode="r", allow_pickle=False)
    # Compiles here: the compiler's memory is not training's.
    _epoch(np.zeros((_BATCH, images.shape[1]), np.uint8), dtype)
    command = [sys.executable, "-m", "scratchdae.benchmark.memory", str(file), dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"the training whose memory was to be measured failed: {done.stderr.strip().splitlines()[-1]}")
    size = file.stat().st_size
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "file": size, "allowance": ALLOWANCE, "within": found["peak"] < size + ALLOWANCE}


def peak() -> int:
    """Return the largest resident size that this process has had.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    ValueError
        If the system does not tell.
    """
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
    """Train an epoch on a memory-mapped file.

    Parameters
    ----------
    file : str
        A .npy file of uint8 images.
    dtype : {"float32", "float64"}
        Of the parameters.

    Returns
    -------
    dict
        Number of images, backend, and the peak in bytes before the file was opened and after the epoch.
    """
    images = np.load(file, mmap_mode="r", allow_pickle=False)
    D = images.shape[1]
    _epoch(np.zeros((_BATCH, D), np.uint8), dtype)  # loads everything: what is left to see is the data's
    before = peak()
    backend = _epoch(images, dtype)
    return {"images": len(images), "backend": backend, "before": before, "peak": peak()}


def _epoch(images: Array, dtype: str) -> str:
    model = DenoisingAutoencoder(images.shape[1], _HIDDEN, streams(0).initialisation, dtype=dtype)
    corruption = Corruption("masking", 0.25)
    return fit(model, images, epochs=1, lr=0.1, batch_size=_BATCH, corruption=corruption, progress=False).backend


if __name__ == "__main__":
    sys.stdout.write(json.dumps(train(*sys.argv[1:])) + "\n")
