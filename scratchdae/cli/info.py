"""``scratchdae info``: what one pastes into a bug report."""

import argparse
import importlib.metadata
import itertools
import os
import platform
import sys
import time
from collections.abc import Callable

import scratchdae
from scratchdae import backend
from scratchdae.autoencoder import LOSSES, OUTPUTS
from scratchdae.blas_threads import THREADS
from scratchdae.cli import data, gradients
from scratchdae.losses import REDUCTIONS

_PACKAGES = ("numpy", "scipy", "numba", "matplotlib", "safetensors", "tqdm", "pooch", "threadpoolctl")


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print what a bug report should say about this installation. It takes a few seconds."
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print everything, whatever of it fails; status 1 if something did, or a gradient is wrong."""
    del options  # there are none
    sound = True
    sections: tuple[tuple[str, Callable[[], tuple[list[str], bool]]], ...] = (
        ("versions", _versions),
        ("machine", _machine),
        ("backend", _backend),
        ("blas", _blas),
        ("data", data.describe),
        ("gradients", _gradients),
    )
    for name, section in sections:
        try:
            lines, ok = section()
        except Exception as error:  # a broken part must not hide the others: it is why somebody runs this
            lines, ok = [f"failed: {type(error).__name__}: {error}"], False
        sound = sound and ok
        for i, line in enumerate(lines):
            print(f"{name if i == 0 else '':<10} {line}", flush=True)
    return 0 if sound else 1


def _versions() -> tuple[list[str], bool]:
    lines = [f"scratchdae {scratchdae.__version__}, Python {platform.python_version()} ({sys.executable})"]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{package}: not installed")
    return [lines[0], ", ".join(lines[1:])], True


def _machine() -> tuple[list[str], bool]:
    given = ", ".join(f"{name}={os.environ[name]}" for name in THREADS if name in os.environ)
    return [f"{platform.platform()}, {os.cpu_count()} processors; {given or 'no variable limits the threads'}"], True


def _backend() -> tuple[list[str], bool]:
    there = "numba and scipy are there" if backend.numba_available() else "numba and scipy are not both there"
    chosen = backend.choose("auto")
    return [f"{there}; auto takes {chosen.name} ({chosen.reason})"], True


def _blas() -> tuple[list[str], bool]:
    from threadpoolctl import threadpool_info

    if backend.numba_available():
        import scipy.linalg  # noqa: F401  # its BLAS, which the compiled core uses, is listed once it is loaded

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    lines = [
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', 'unknown architecture')}), "
        f"{pool['num_threads']} threads, {pool['filepath']}"
        for pool in pools
    ]
    return lines or ["none that threadpoolctl knows"], True


def _gradients() -> tuple[list[str], bool]:
    start = time.perf_counter()
    reports = {
        f"{loss}, {output}, {reduction}, {'tied' if tied else 'untied'}": gradients.check(
            tied=tied, loss=loss, output=output, reduction=reduction
        )
        for loss, output, reduction, tied in itertools.product(LOSSES, OUTPUTS, REDUCTIONS, (True, False))
        if (loss, output) != ("cross_entropy", "linear")  # refused: a linear output is no probability
    }
    worst = max(row.error for report in reports.values() for row in (*report.rows, report.direction))
    right = sum(report.ok for report in reports.values())
    lines = [
        f"{right} of {len(reports)} right (losses, outputs, reductions, tied and untied), largest error {worst:.1e} "
        f"of max|g|, {time.perf_counter() - start:.1f} s"
    ]
    for name, report in reports.items():
        lines += [] if report.ok else [f"wrong: {name}", *str(report).splitlines()]
    return lines, right == len(reports)
