"""How far a test error is to be trusted: 95 % intervals of a fraction of n examples.

With p̂ the fraction found wrong and z = 1.96, the normal distribution's quantile for 95 %::

    p̂ ± z √(p̂ (1 − p̂) / n)                                                                  (1)  normal
    [p̂ + z²/2n ± z √(p̂ (1 − p̂) / n + z²/4n²)] / (1 + z²/n)                                  (2)  Wilson 1927

(1) is what Larochelle et al. 2007 and Vincent et al. 2008 print behind their test errors. It takes the error for the
truth when it asks how much errors vary, so it is too short for few mistakes and has no width for none. (2) asks for
which true rates p̂ would be no surprise; it stays within [0, 1]. On 50,000 examples the two agree. Either tells only
how the test examples vary, not the seeds of training or what was chosen.
"""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from scratchdae.arguments import choice, integer, number

METHODS = ("normal", "wilson")


class Interval(NamedTuple):
    """The ends of an interval, as fractions."""

    low: float
    high: float


def interval(
    error: float,  # fraction of the n examples that were misclassified, in [0, 1]
    n: int,
    method: str = "normal",  # equation (1), as in the paper's table, or "wilson", (2)
    confidence: float = 0.95,  # how often such intervals are to hold the true rate, in (0, 1)
) -> Interval:
    """Return the confidence interval of an error rate, a fraction; the ends of (1) may lie outside [0, 1]."""
    p, n = number("error", error, at_least=0, at_most=1), integer("n", n)
    choice("method", method, METHODS)
    if number("confidence", confidence, above=0, at_most=1) == 1:
        raise ValueError("confidence must be less than 1, found 1: that interval is everything")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    if method == "normal":
        half = z * sqrt(p * (1 - p) / n)  # (1)
        return Interval(p - half, p + half)
    shrink = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / shrink
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / shrink  # (2)
    return Interval(centre - half, centre + half)
