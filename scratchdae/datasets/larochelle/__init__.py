"""The benchmark of Larochelle et al. 2007: eight problems with many factors of variation."""

from scratchdae.datasets.larochelle.amat import read_amat
from scratchdae.datasets.larochelle.original_files import fetch_larochelle, larochelle_original, locate_originals
from scratchdae.datasets.larochelle.photographs import photographs
from scratchdae.datasets.larochelle.problems import PROBLEMS, Problem, larochelle

__all__ = [
    "PROBLEMS",
    "Problem",
    "fetch_larochelle",
    "larochelle",
    "larochelle_original",
    "locate_originals",
    "photographs",
    "read_amat",
]
