"""Who takes part: every competitor takes the same steps, from the same parameters, on the same batches.

A competitor has a function for each model that it can train, which makes a `Trainer` of a `Work`; what it needs to
convert, allocate or compile it does then, not in what is timed. Its library is imported then as well.
"""

from scratchdae.benchmark.competitors import compiled, jax_scan, reference, torch_autograd, torch_inplace
from scratchdae.benchmark.competitors.competitor import Competitor, Trainer
from scratchdae.benchmark.works.denoising import Denoising
from scratchdae.benchmark.works.finetuning import Finetuning

__all__ = ["PEERS", "SCRATCHDAE", "Competitor", "Trainer"]

SCRATCHDAE = Competitor(
    "scratchdae",
    "scratchdae's compiled steps",
    ("numba", "scipy"),
    {Denoising: compiled.denoising, Finetuning: compiled.finetuning},
)
PEERS = {
    peer.name: peer
    for peer in (
        Competitor(
            "torch",
            "PyTorch eager, autograd and torch.optim.SGD",
            ("torch",),
            {Denoising: torch_autograd.denoising, Finetuning: torch_autograd.finetuning},
            gemm=torch_autograd.GEMM,
        ),
        Competitor(
            "torch-inplace",
            "PyTorch by hand, in place, no autograd",
            ("torch",),
            {Denoising: torch_inplace.DenoisingTrainer, Finetuning: torch_inplace.FinetuningTrainer},
        ),
        Competitor(
            "jax",
            "JAX, jit and scan over the batches",
            ("jax",),
            {Denoising: jax_scan.denoising, Finetuning: jax_scan.finetuning},
            gemm=jax_scan.GEMM,
        ),
        Competitor(
            "numpy",
            "scratchdae's NumPy reference",
            (),
            {Denoising: reference.plain, Finetuning: reference.plain},
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
