"""Works that take no time, for the tests of the benchmark."""

from scratchdae import datasets
from scratchdae.benchmark.works import KINDS
from scratchdae.benchmark.works.work import Setting

DATA = datasets.digits()
SMALL = Setting("pixels", 7, 3)


def draw(setting, steps=6):
    return KINDS[setting.work].prepare(setting, DATA, steps)
