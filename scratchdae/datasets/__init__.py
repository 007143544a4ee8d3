"""Data to learn from: embedded digits, MNIST, and toy distributions whose moments are known."""

from scratchdae.datasets.dataset import Dataset, to_float
from scratchdae.datasets.embedded_digits import digits, freeze_digits
from scratchdae.datasets.idx import read_idx
from scratchdae.datasets.mnist_download import fetch_mnist
from scratchdae.datasets.mnist_files import MnistFiles, locate_mnist
from scratchdae.datasets.mnist_images import mnist
from scratchdae.datasets.stroke_digits import draw_digits, draw_labelled_digits
from scratchdae.datasets.toy import (
    bernoulli,
    curve,
    curved_manifold,
    project_to_curve,
    redundant_columns,
    sinusoids,
    uniform,
)

__all__ = [
    "Dataset",
    "MnistFiles",
    "bernoulli",
    "curve",
    "curved_manifold",
    "digits",
    "draw_digits",
    "draw_labelled_digits",
    "fetch_mnist",
    "freeze_digits",
    "locate_mnist",
    "mnist",
    "project_to_curve",
    "read_idx",
    "redundant_columns",
    "sinusoids",
    "to_float",
    "uniform",
]
