"""Table 1 of Vincent et al. 2008: test errors on the problems of Larochelle et al. 2007, in per cent."""

TEST_EXAMPLES = 50_000  # of each problem; the paper's intervals follow from them

TABLE = {
    "basic": {"svm": 3.03, "dbn": 3.11, "saa": 3.46, "sda": 2.80},
    "rot": {"svm": 11.11, "dbn": 10.30, "saa": 10.30, "sda": 10.29},
    "bg-rand": {"svm": 14.58, "dbn": 6.73, "saa": 11.28, "sda": 10.38},
    "bg-img": {"svm": 22.61, "dbn": 16.31, "saa": 23.00, "sda": 16.68},
    "rot-bg-img": {"svm": 55.18, "dbn": 47.39, "saa": 51.93, "sda": 44.49},
    "rect": {"svm": 2.15, "dbn": 2.60, "saa": 2.41, "sda": 1.99},
    "rect-img": {"svm": 24.04, "dbn": 22.50, "saa": 24.05, "sda": 21.59},
    "convex": {"svm": 19.13, "dbn": 18.63, "saa": 18.41, "sda": 19.06},
}
NU = {  # the destroyed fraction that the paper chose for SdA-3
    "basic": 0.10, "rot": 0.10, "bg-rand": 0.40, "bg-img": 0.25, "rot-bg-img": 0.25, "rect": 0.10, "rect-img": 0.25,
    "convex": 0.10,
}  # fmt: skip


def published(problem: str, method: str) -> float | None:
    """Return the test error that the paper reports, as a fraction; None for a method that is not in its table."""
    percent = TABLE[problem].get(method)
    return None if percent is None else percent / 100
