"""The compiled twin of `scratchdae.autoencoder`'s steps of gradient descent."""

from scratchdae.kernels.autoencoder.steps import sgd_step, sgd_steps

__all__ = ["sgd_step", "sgd_steps"]
