"""All floors of one data set at once: what loss to expect before anything is trained."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scratchdae.arguments import Array, flag, generator, integer, number, sequence, shown
from scratchdae.arguments import sides as shape_of
from scratchdae.floors import constants, denoising, entropy, reach, spectrum
from scratchdae.floors.examples import finite_matrix, permute_features

RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "ReLU": (0.0, math.inf)}
NOISES = (0.1, 0.2, 0.5, 1.0)  # in standard deviations of the data
MASKS = (0.1, 0.25, 0.5, 0.75)
LARGEST_MASKED = 2000  # columns; beyond, a covariance of D×D for every level takes minutes


@dataclass(frozen=True)
class Floor:
    """One floor, and what it is the floor of.

    Of the kinds only entropy and range bound every model; code, gaussian, masking and pooling are what the best linear
    code, linear denoiser, or pooling and repeating leaves, and other models may go below.
    """

    kind: str  # constant, entropy, range, code, gaussian, masking or pooling
    name: str  # what it is, for people
    loss: str  # the loss that it is about, as `scratchdae.losses.LOSSES` names it
    value: float  # the mean over elements
    level: float | None = None  # units of the code, standard deviation or fraction of the noise, side of the block


@dataclass(frozen=True, eq=False)
class Survey:
    """The floors of a data set.

    Where `codes` lies no lower than `shuffled`, there is nothing that a linear code could use.
    """

    n: int  # examples
    d: int  # components
    low: float  # the least value
    high: float
    mean: float
    variance: float  # the mean of the columns' variances
    floors: tuple[Floor, ...]  # the constants first
    codes: Array  # (D + 1,), squared error that a linear code of k units leaves, for every k
    shuffled: Array  # (D + 1,), the same after each column was shuffled by itself, which leaves no dependence
    eigenvalues: Array  # (D,), of the covariance, the largest first
    shuffled_eigenvalues: Array  # (D,)
    left_out: tuple[str, ...]  # what was not computed, and why

    def constant(self, loss: str = "squared_error") -> float:
        """Return the loss of the best constant; refused where the data have none, as a cross-entropy beyond [0, 1]."""
        for floor in self.floors:
            if floor.kind == "constant" and floor.loss == loss:
                return floor.value
        raise ValueError(f"loss must be one that these data have a constant for, found {loss!r}")

    def share(self, floor: Floor) -> float | None:
        """Return a floor as a share of the best constant's loss; None where that is 0.

        From 0 (no loss is excused) to 1 (nothing can be learned) and, for an output out of reach, beyond.
        """
        constant = self.constant(floor.loss)
        return floor.value / constant if constant > 0 else None

    def as_json(self) -> dict[str, Any]:
        """Return everything but the eigenvalues, ready for JSON."""
        names = ("n", "d", "low", "high", "mean", "variance")
        found: dict[str, Any] = {name: getattr(self, name) for name in names}
        found["floors"] = [asdict(floor) | {"share_of_constant": self.share(floor)} for floor in self.floors]
        found["codes"], found["shuffled"] = self.codes.tolist(), self.shuffled.tolist()
        found["left_out"] = list(self.left_out)
        return found


def survey(
    x: Array,
    rng: np.random.Generator,
    *,
    codes: Iterable[int] | None = None,
    noises: Iterable[float] | None = None,
    masks: Iterable[float] | None = None,
    exact_count: bool = True,
    limits: tuple[float, float] | None = None,
    image_shape: tuple[int, ...] | None = None,
    pools: Iterable[int] | None = None,
) -> Survey:
    """Compute all floors of a data set: what loss to expect.

    Parameters
    ----------
    x : ndarray, shape (N, D)
        Examples, scaled as the model will see them.
    rng : numpy.random.Generator
        Source of randomness, for shuffling the columns.
    codes : iterable of int, optional
        Units of the codes to list; the powers of 2 up to D if left out.
    noises : iterable of float, optional
        Standard deviations of Gaussian noise, in units of the data; `NOISES` times that of the data if left out.
    masks : iterable of float, optional
        Fractions destroyed; `MASKS` if left out.
    exact_count : bool
        Whether masking destroys the same number of components in each example, as in the paper.
    limits : (float, float), optional
        A range of the output beside those of sigmoid, tanh and ReLU.
    image_shape : tuple of int, optional
        (rows, columns) or (rows, columns, channels) of an example, if it is an image.
    pools : iterable of int, optional
        Sides of the blocks of average pooling; of 2 and 4 those that divide the image if left out.

    Returns
    -------
    Survey
        All that could be computed, and what was left out.
    """
    x, rng, exact_count = finite_matrix("x", x), generator("rng", rng), flag("exact_count", exact_count)
    if limits is not None and len(sequence("limits", limits, "two numbers")) != 2:
        raise ValueError(f"limits must be two numbers, found {shown(limits)}")
    n, d = x.shape
    eigenvalues, mean = spectrum.eigenvalues(x), x.mean(axis=0)
    by_code = spectrum.linear_codes(eigenvalues)
    deviation = math.sqrt(by_code[0])
    low, high = float(x.min()), float(x.max())
    inside = low >= 0 and high <= 1
    found, left_out = _constants(x, inside), []
    if not inside:
        left_out.append(f"cross-entropy: it needs values in [0, 1], found {low} to {high}")

    ranges = RANGES if limits is None else {"as asked for": limits, **RANGES}
    for name, (least, most) in ranges.items():
        try:
            beyond = reach.output_range(x, least, most)
        except ValueError as error:
            raise ValueError(f"limits: {error}") from None
        found.append(Floor("range", f"output from {least:g} to {most:g} ({name})", "squared_error", beyond))

    for k in _powers(d) if codes is None else sequence("codes", codes):
        if integer("codes", k) > d:
            raise ValueError(f"codes must be at most D = {d}, found {k}")
        found.append(Floor("code", f"linear code of {k} unit{'s' * (k > 1)}", "squared_error", float(by_code[k]), k))

    for s in [level * deviation for level in NOISES] if noises is None else sequence("noises", noises):
        left = denoising.wiener(eigenvalues, number("noises", s, at_least=0, at_most=denoising.LARGEST_NOISE))
        found.append(Floor("gaussian", f"Gaussian noise of {s:.4g}, linear denoiser", "squared_error", left, s))

    masks = masks if masks is None else list(sequence("masks", masks))
    if d > LARGEST_MASKED and masks != []:
        if masks:
            raise ValueError(f"masks needs at most {LARGEST_MASKED} components an example, found {d}")
        left_out.append(f"masking: its floor needs a matrix of D×D, done up to D = {LARGEST_MASKED}, found {d}")
    else:
        S = x.T @ x / n
        for nu in MASKS if masks is None else masks:
            left, _ = denoising.masking(S, number("masks", nu, at_least=0, at_most=1), mean, exact_count)
            found.append(Floor("masking", f"masking of {nu:.4g}, linear denoiser", "squared_error", left, nu))

    found += _pooled(x, image_shape, pools)
    shuffled = spectrum.eigenvalues(permute_features(x, rng))
    statistics = (n, d, low, high, float(x.mean()), float(by_code[0]))
    return Survey(
        *statistics, tuple(found), by_code, spectrum.linear_codes(shuffled), eigenvalues, shuffled, tuple(left_out)
    )


def _constants(x: Array, in_unit_interval: bool) -> list[Floor]:
    found = [
        Floor("constant", "best constant, the mean", "squared_error", constants.constant(x)),
        Floor("constant", "best constant, the median", "absolute_error", constants.constant(x, "absolute_error")),
    ]
    if in_unit_interval:
        best = constants.constant(x, "cross_entropy")
        found.append(Floor("constant", "best constant, the mean", "cross_entropy", best))
        found.append(Floor("entropy", "entropy of the targets", "cross_entropy", entropy.cross_entropy(x)))
    return found


def _powers(d: int) -> list[int]:
    return [2**i for i in range(d.bit_length()) if 2**i <= d]


def _pooled(x: Array, image_shape: tuple[int, ...] | None, pools: Iterable[int] | None) -> list[Floor]:
    """Return the floors of average pooling, each channel an image of its own."""
    if image_shape is None:
        if pools is not None:
            raise ValueError("pools needs examples that are images, found image_shape=None")
        return []
    image_shape = shape_of("image_shape", image_shape, (2, 3), f"be two or three sides whose product is {x.shape[1]}")
    if math.prod(image_shape) != x.shape[1]:
        raise ValueError(f"image_shape must be two or three sides whose product is {x.shape[1]}, found {image_shape}")
    rows, columns = image_shape[:2]
    by_channel = np.moveaxis(x.reshape(len(x), rows, columns, -1), -1, 1).reshape(-1, rows, columns)
    sides = (
        [k for k in (2, 4) if rows % k == 0 and columns % k == 0]
        if pools is None
        else [integer("pools", k) for k in sequence("pools", pools)]
    )
    return [
        Floor("pooling", f"{k}×{k} average pooling, repeated", "squared_error", reach.average_pooling(by_channel, k), k)
        for k in sides
    ]
