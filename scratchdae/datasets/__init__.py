"""Data to learn from: embedded digits, MNIST, the eight problems of Larochelle et al., toy distributions."""

from scratchdae.datasets.dataset import Dataset, ThreePartDataset, to_float
from scratchdae.datasets.embedded_digits import digits, freeze_digits
from scratchdae.datasets.idx import read_idx
from scratchdae.datasets.larochelle import fetch_larochelle, larochelle, larochelle_original
from scratchdae.datasets.larochelle.rotation import rotate
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
    "ThreePartDataset",
    "bernoulli",
    "curve",
    "curved_manifold",
    "digits",
    "draw_digits",
    "draw_labelled_digits",
    "fetch_larochelle",
    "fetch_mnist",
    "freeze_digits",
    "larochelle",
    "larochelle_original",
    "locate_mnist",
    "mnist",
    "project_to_curve",
    "read_idx",
    "redundant_columns",
    "rotate",
    "sinusoids",
    "to_float",
    "uniform",
]
