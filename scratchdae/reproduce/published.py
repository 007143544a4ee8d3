"""Table 1 of Vincent et al. 2008: test errors on the problems of Larochelle et al. 2007."""

from typing import NamedTuple

TEST_EXAMPLES = 50_000  # of each problem; the paper's intervals follow from them


class Published(NamedTuple):
    """One row: test errors in per cent, and the destroyed fraction that the paper chose."""

    svm: float
    dbn: float
    saa: float
    sda: float
    nu: float


TABLE = {
    "basic": Published(3.03, 3.11, 3.46, 2.80, 0.10),
    "rot": Published(11.11, 10.30, 10.30, 10.29, 0.10),
    "bg-rand": Published(14.58, 6.73, 11.28, 10.38, 0.40),
    "bg-img": Published(22.61, 16.31, 23.00, 16.68, 0.25),
    "rot-bg-img": Published(55.18, 47.39, 51.93, 44.49, 0.25),
    "rect": Published(2.15, 2.60, 2.41, 1.99, 0.10),
    "rect-img": Published(24.04, 22.50, 24.05, 21.59, 0.25),
    "convex": Published(19.13, 18.63, 18.41, 19.06, 0.10),
}


def published(problem: str, method: str) -> float | None:
    """Return what the paper reports.

    Parameters
    ----------
    problem : str
        One of `TABLE`.
    method : str
        Any method.

    Returns
    -------
    float or None
        The test error as a fraction; None for a method that is not in the table.
    """
    value = getattr(TABLE[problem], method, None) if method != "nu" else None
    return None if value is None else value / 100
