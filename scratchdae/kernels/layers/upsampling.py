"""Compiled twin of the loops in `scratchdae.layers.upsampling`.

What it does differently: the gradient is read once, in the order in which it lies in memory, and images are shared
among threads.
"""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.machine import threads
from scratchdae.kernels.machine.jit import njit


@njit()
def _upsample(x: Array, y: Array, fh: int, fw: int, begin: int, end: int) -> None:
    _, H, W, C = y.shape  # the larger images
    for image in range(begin, end):
        for h in range(H):
            for w in range(W):
                source, target = x[image, h // fh, w // fw], y[image, h, w]
                for k in range(C):
                    target[k] = source[k]


@njit()
def _block_sums(dy: Array, dx: Array, fh: int, fw: int, begin: int, end: int) -> None:
    _, H, W, C = dx.shape  # the smaller ones
    for image in range(begin, end):
        for h in range(H):
            for w in range(W):
                target = dx[image, h, w]
                target[:] = dy[image, h * fh, w * fw]
                for i in range(fh):
                    for j in range(fw):
                        source = dy[image, h * fh + i, w * fw + j]
                        if i + j > 0:
                            for k in range(C):
                                target[k] += source[k]


def upsample(x: Array, factor: tuple[int, int]) -> Array:  # how often, down and across
    (B, H, W, C), (fh, fw) = x.shape, factor
    y = np.empty((B, H * fh, W * fw, C), x.dtype)
    threads.run(_upsample, *threads.parts(B), np.ascontiguousarray(x), y, fh, fw)
    return y


def block_sums(dy: Array, factor: tuple[int, int]) -> Array:
    (B, H, W, C), (fh, fw) = dy.shape, factor
    dx = np.empty((B, H // fh, W // fw, C), dy.dtype)
    threads.run(_block_sums, *threads.parts(B), np.ascontiguousarray(dy), dx, fh, fw)
    return dx
