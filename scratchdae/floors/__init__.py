"""Floors: the least loss that the data, the noise or the architecture allows, known before anything is trained.

Data are matrices of finite floats, one example a row. A floor is the mean over elements: squared error per component
(in squared units of the data), absolute error per component, or nats per component, as the reduction ``"mean"`` of
`scratchdae.losses` gives it; times D it is the reduction ``"paper"``. What a loss means is where it lies between the
floor and the best constant: `relative_excess`, and of a model, one of PyTorch or Keras too, `standing`.

Two things are called a floor here. A *bound* holds for every model, whatever its weights: the entropy of the targets
(`cross_entropy`, `beta_cross_entropy`), of independent bits after masking (`masking_binary`), the range of the output
(`output_range`). A *linear reference* is what the best linear map leaves: a code (`linear_codes`, `pca`, `independent`,
`sample_pca`), a denoiser (`wiener`, `masking`). It bounds models that are linear, and `average_pooling` those that pool
and repeat; any other model may go below, so for it they are levels to compare with. (For normal data `wiener` of full
rank is a bound too.)
"""

from scratchdae.floors.constants import best_constant, constant, relative_excess
from scratchdae.floors.denoising import masking, masking_binary, wiener
from scratchdae.floors.entropy import beta_cross_entropy, binary_entropy, cross_entropy, digamma
from scratchdae.floors.examples import permute_features
from scratchdae.floors.model import Standing, standing
from scratchdae.floors.overview import Floor, Survey, survey
from scratchdae.floors.reach import average_pooling, output_range
from scratchdae.floors.spectrum import eigenvalues, independent, linear_codes, pca, sample_pca

__all__ = [
    "Floor", "Standing", "Survey", "average_pooling", "best_constant", "beta_cross_entropy", "binary_entropy",
    "constant", "cross_entropy", "digamma", "eigenvalues", "independent", "linear_codes", "masking", "masking_binary",
    "output_range", "pca", "permute_features", "relative_excess", "sample_pca", "standing", "survey", "wiener",
]  # fmt: skip
