"""What is asked of a code besides the reconstruction, and an index of how alike two images are."""

from collections.abc import Iterator

import numpy as np

from generate.draw import Draw, short
from generate.second.made import made
from generate.vector import Vector

_KL = "kl = -1/2 Σ (1 + log_variance - mu² - exp(log_variance)), {}; sample = mu + exp(log_variance / 2) noise"
_OVER = {"sum": "over all entries", "paper": "over D, averaged over B", "mean": "averaged over all B·D entries"}
_SSIM = (
    "the index (2 μ_x μ_y + C1) (2 σ_xy + C2) / ((μ_x² + μ_y² + C1) (σ_x² + σ_y² + C2)) at each place of the "
    "window inside the images, and its mean",
    "means, variances and covariance of a window are weighted by a normal density of standard deviation sigma, "
    "which sums to 1; nothing is divided by n - 1",
    "C1 = (k1 range)², C2 = (k2 range)²",
)  # fmt: skip


def cases() -> Iterator[Vector]:
    aim = "a mean for the sum, or over D too; the sign; the standard deviation in place of the log of the variance"
    for reduction, over in _OVER.items():
        name = f"vae_{reduction}" if reduction != "paper" else "vae_sum_over_D"
        draw = Draw(name)
        inputs = {key: draw.normal(3, 5, scale=0.75) for key in ("mu", "log_variance", "noise", "d_sample")}
        conventions, sizes = {"reduction": reduction}, {"B": 3, "D": 5}
        yield made(name, "variational", conventions, inputs, _KL.format(over), aim, "15_wrong_objective", sizes=sizes)
    draw = Draw("sparse_kl")
    x = short(0.05 + 0.9 * draw.uniform(3, 5))
    words = (
        "mean of a unit over the batch first, then weight Σ_units rho log(rho / mean) + (1 - rho) log((1 - rho) / "
        "(1 - mean))"
    )
    aim = "the mean of the divergences in place of the divergence of the mean; a mean over the units; KL the other way"
    conventions = {"penalty": "kl", "rho": 0.0625, "weight": 0.25}
    yield made("sparse_kl", "activity_penalty", conventions, {"x": x}, words, aim, "10_memorising")
    draw = Draw("contractive")
    inputs = {"x": draw.normal(3, 5), "W": draw.normal(5, 7, scale=0.7), "b": draw.normal(7)}
    words = (
        "y = s(x W + b); penalty = weight / B Σ_b Σ_ij (∂y_j / ∂x_i)², the mean over the batch of the squared "
        "Frobenius norm"
    )
    aim = "y (1 - y) not squared; a sum over the batch; the gradient through y left out"
    conventions = {"penalty": "contractive", "weight": 0.25}
    yield made("contractive", "activity_penalty", conventions, inputs, words, aim, "10_memorising", optional=("y",))
    for name, window, sigma, scale, size in (
        ("ssim_wang", 11, 1.5, 1.0, (13, 12)),
        ("ssim_bytes", 5, 0.75, 255.0, (6, 7)),
    ):
        draw = Draw(name)
        x = draw.uniform(1, *size)
        target = short(np.clip(0.25 + 0.5 * x + 0.25 * draw.uniform(1, *size), 0, 1) * scale)
        conventions = {"window": window, "sigma": sigma, "k1": 0.01, "k2": 0.03, "range": scale}
        aim = (
            "a uniform window; variances divided by n - 1; constants without the square, or of another range; a border"
        )
        inputs = {"x": short(x * scale), "target": target}
        yield made(name, "ssim", conventions, inputs, _SSIM, aim, "15_wrong_objective", optional=("map",))
