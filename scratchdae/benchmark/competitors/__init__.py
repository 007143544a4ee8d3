"""Who takes part: every competitor takes the same steps, from the same parameters, on the same batches.

A competitor has a function for each model that it can train, which makes a `Trainer` of a `Work`; what it needs to
convert, allocate or compile it does then, not in what is timed. Its library is imported then as well.
"""

from scratchdae.benchmark.competitors import (
    compiled,
    fitting,
    jax_epochs,
    jax_scan,
    reference,
    torch_autograd,
    torch_epochs,
    torch_inplace,
    torch_inplace_epochs,
)
from scratchdae.benchmark.competitors.competitor import Competitor, EpochTrainer, Trainer
from scratchdae.benchmark.works.denoising import Denoising
from scratchdae.benchmark.works.epoch import (
    AdamEpoch,
    ConvolutionalEpoch,
    DenoisingEpoch,
    FinetuningEpoch,
    RecurrentEpoch,
)
from scratchdae.benchmark.works.finetuning import Finetuning

__all__ = ["BARE", "PEERS", "SCRATCHDAE", "Competitor", "EpochTrainer", "Trainer"]

_EPOCHS = (DenoisingEpoch, AdamEpoch, FinetuningEpoch, ConvolutionalEpoch, RecurrentEpoch)

SCRATCHDAE = Competitor(
    "scratchdae",
    "scratchdae's compiled steps, or `fit` with them",
    ("numba", "scipy"),
    {Denoising: compiled.denoising, Finetuning: compiled.finetuning, **dict.fromkeys(_EPOCHS, fitting.by_default)},
)
BARE = Competitor(
    "bare steps",
    "scratchdae's compiled steps on batches drawn beforehand: what `fit` cannot be faster than",
    ("numba", "scipy"),
    {DenoisingEpoch: fitting.bare},
)
PEERS = {
    peer.name: peer
    for peer in (
        Competitor(
            "torch",
            "PyTorch eager, autograd and torch.optim",
            ("torch",),
            {
                Denoising: torch_autograd.denoising,
                Finetuning: torch_autograd.finetuning,
                DenoisingEpoch: torch_epochs.denoising,
                AdamEpoch: torch_epochs.denoising,
                FinetuningEpoch: torch_epochs.finetuning,
                ConvolutionalEpoch: torch_epochs.ConvolutionalTorchEpoch,
                RecurrentEpoch: torch_epochs.RecurrentTorchEpoch,
            },
            gemm=torch_autograd.GEMM,
        ),
        Competitor(
            "torch-inplace",
            "PyTorch by hand, in place, no autograd",
            ("torch",),
            {
                Denoising: torch_inplace.DenoisingTrainer,
                Finetuning: torch_inplace.FinetuningTrainer,
                DenoisingEpoch: torch_inplace_epochs.DenoisingEpochTrainer,
            },
        ),
        Competitor(
            "jax",
            "JAX, jit and scan over the batches",
            ("jax",),
            {
                Denoising: jax_scan.denoising,
                Finetuning: jax_scan.finetuning,
                DenoisingEpoch: jax_epochs.denoising,
                AdamEpoch: jax_epochs.denoising,
                FinetuningEpoch: jax_epochs.finetuning,
            },
            gemm=jax_scan.GEMM,
        ),
        Competitor(
            "numpy",
            "scratchdae's NumPy reference",
            (),
            {Denoising: reference.plain, Finetuning: reference.plain, **dict.fromkeys(_EPOCHS, fitting.plain)},
            gemm=reference.GEMM,
        ),
        Competitor(
            "sklearn",
            "scikit-learn's multi-layer perceptron",
            ("sklearn",),
            {},
            {
                Denoising: "scikit-learn's MLPRegressor can neither tie its weights nor train sigmoid outputs by the "
                "cross-entropy: it would be timed on other work",
                Finetuning: "scikit-learn's MLPClassifier checks, encodes and shuffles the examples in every call: it "
                "would be timed on more than the step",
            },
        ),
    )
}
