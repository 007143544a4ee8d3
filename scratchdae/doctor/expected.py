"""What a network of this shape can reach on these data, before it is trained: shares of the variance."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array
from scratchdae.doctor.patient import NONE, Anatomy, Noise
from scratchdae.floors import binary_entropy, masking, output_range

LARGEST = 2000  # examples whose eigenvectors are computed
STRONG = 1.0  # noise from here on, in standard deviations, is judged by a weaker one
PROBE = 0.6  # the noise by which a network is judged that could copy
STRONG_MASK = 0.6
WORTH = 0.85  # of what each column by itself leaves of the noise: data that leave more are judged without
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf), "softmax": (0.0, 1.0)}


@dataclass(frozen=True)
class Expected:
    """Floors, in shares of the variance of held-out examples; the eigenvectors are those of the training examples."""

    reference: Noise  # by which reconstructions are judged
    codes: Array  # (K + 1,) what a linear code of k numbers leaves of held-out examples, under the reference noise
    shuffled: Array  # (K + 1,) the same once each column was shuffled by itself
    code: int | None  # numbers of the network's code
    output: float  # out of the output's range
    copying: float  # what a network that returns its input leaves: the noise itself
    entropy: float  # the mean binary entropy of the targets, nats; NaN where they are not in [0, 1]
    spread: float  # the largest column's standard deviation over the middle one
    condition: float  # largest over middle eigenvalue of the second moments, which the first steps see

    @property
    def linear(self) -> float:
        """What the best linear network with this code leaves."""
        return self.at(self.code)

    def at(self, k: int | None, shuffled: bool = False) -> float:
        """What a linear code of k numbers leaves."""
        codes = self.shuffled if shuffled else self.codes
        return float(codes[min(len(codes) - 1, len(codes) if k is None else k)])


def expect(
    x: Array, held_out: Array, anatomy: Anatomy, rng: np.random.Generator, output: tuple[Array, Array]
) -> Expected:
    """Compute the floors of data x (N, D), for held-out examples; `output` is the scale and shift before the loss."""
    x, held_out = x[:LARGEST], held_out[:LARGEST]
    spread = x.std(axis=0)
    size = float(np.sqrt((spread**2).mean()))
    reference = judged_by(anatomy, size, x.shape[1])
    s = reference.level if reference.kind == "gaussian" else 0.0
    columns = np.stack([rng.permutation(column) for column in x.T], axis=1)
    apart = np.stack([rng.permutation(column) for column in held_out.T], axis=1)
    codes, shuffled = _codes(x, held_out, s, reference), _codes(columns, apart, s, reference)
    if anatomy.noise.kind == "none" and codes[-1] > WORTH * shuffled[-1]:  # columns that do not tell each other's noise
        reference, s = NONE, 0.0
        codes, shuffled = _codes(x, held_out, s, reference), _codes(columns, apart, s, reference)
    low, high = RANGES.get(anatomy.output, (-np.inf, np.inf))
    if anatomy.loss == "cross_entropy_from_logits":
        low, high = 0.0, 1.0
    target = output[0] * held_out + output[1]
    variance = float(target.var(axis=0).mean())
    moments = np.linalg.eigvalsh((x.T @ x if x.shape[1] <= len(x) else x @ x.T) / len(x))[::-1]
    return Expected(
        reference,
        codes,
        shuffled,
        anatomy.code,
        output_range(target, low, high) / variance if variance > 0 else 0.0,
        _copying(held_out, reference),
        _entropy(target),
        float(spread.max() / max(float(np.median(spread)), 1e-12)),
        float(moments[0] / max(float(moments[len(moments) // 2]), 1e-12 * float(moments[0]))),
    )


def judged_by(anatomy: Anatomy, size: float, d: int) -> Noise:
    """Choose the noise that judges reconstructions: the user's, unless it is too strong or too weak to matter."""
    noise, copies = anatomy.noise, anatomy.code is not None and anatomy.code >= d
    if noise.kind == "gaussian":
        if noise.level > STRONG * size:
            return Noise("gaussian", PROBE * size)
        if not copies or noise.level > 0.3 * size:
            return noise
    if noise.kind in ("masking", "dropout", "salt"):
        if noise.level > STRONG_MASK:
            return Noise(noise.kind, 0.3)
        if not copies or noise.level > 0.1:
            return noise
    return Noise("gaussian", PROBE * size) if copies else Noise()


def _copying(x: Array, noise: Noise) -> float:
    variance = float(x.var(axis=0).mean())
    if noise.kind == "none" or variance == 0:
        return 0.0
    return (noise.level**2 if noise.kind == "gaussian" else noise.level * float((x**2).mean())) / variance


def _codes(x: Array, held_out: Array, s: float, noise: Noise) -> Array:
    """Return what rank-k linear denoisers, learned on x (N, D), leave of held-out examples, for every k."""
    mean = x.mean(axis=0)
    _, values, vectors = np.linalg.svd(x - mean, full_matrices=False)
    eigenvalues = values**2 / len(x)
    gain = eigenvalues / np.maximum(eigenvalues + s**2, 1e-300)
    along = (held_out - mean) @ vectors.T  # (n, K)
    power = (along**2).sum(axis=0)
    whole = float(((held_out - held_out.mean(axis=0)) ** 2).sum()) or 1.0
    left = float(((held_out - mean) ** 2).sum()) + np.concatenate(
        [[0.0], np.cumsum((1 - gain) ** 2 * power + len(held_out) * gain**2 * s**2 - power)]
    )
    codes = np.maximum(left, 0.0) / whole
    if noise.kind in (
        "masking",
        "dropout",
    ):  # a linear denoiser that knows the pattern fills holes from what is left, at best
        codes = np.maximum(codes, _masked(x, noise.level))
    return codes


def _masked(x: Array, nu: float) -> float:
    """Share that a linear denoiser leaves of x (N, D) whose components are destroyed with probability nu."""
    if x.shape[1] > 1000:
        return 0.0
    variance = float(x.var(axis=0).mean())
    left, _ = masking(x.T @ x / len(x), nu, x.mean(axis=0))
    return left / variance if variance > 0 else 0.0


def _entropy(target: Array) -> float:
    if target.min() < 0 or target.max() > 1:
        return float("nan")
    return float(binary_entropy(target).mean())
