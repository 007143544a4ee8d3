"""What the patients' tests share: data that a code of a few numbers explains, patients with few experiments."""

import numpy as np

from scratchdae.doctor.causes import nearest
from scratchdae.doctor.examination import examine_patient
from scratchdae.doctor.patient import CannotChange


def curved(n=400, d=12, k=3):
    """Return examples (n, d) on a curved manifold of k dimensions, with a little noise."""
    rng = np.random.default_rng(0)
    h, w = rng.standard_normal((n, k)), rng.standard_normal((k, d))
    return np.tanh(h @ w / np.sqrt(k)) + 0.05 * rng.standard_normal((n, d))


def unit(x):
    """Return data in [0, 1]."""
    return 1 / (1 + np.exp(-3 * x))


class Few:
    """A patient on which few experiments can be made, so that a test ends soon."""

    def __init__(self, patient, only):
        self.patient, self.only = patient, only

    def __getattr__(self, name):
        return getattr(self.patient, name)

    def train(self, seed, steps, changes=(), *args):
        for change in changes:
            if change.name not in self.only:
                raise CannotChange("left out of this test")
        return self.patient.train(seed, steps, changes, *args)


def named_and_repaired(patient, steps, accepted, budget_s=600.0):
    """Examine, and hold the report to a cause among the first two, whose repair was proved on three seeds."""
    report = examine_patient(patient, steps, 0, budget_s)
    assert report.verdict == "cause", str(report)
    first = [cause.id for cause in report.causes[:2]]
    assert {*first, *map(nearest, first)} & set(accepted), str(report)
    repair = report.prescription[0]
    assert repair.proved
    assert repair.after < 0.5 * min(repair.before, 1.0)
    assert repair.lines
    return report
