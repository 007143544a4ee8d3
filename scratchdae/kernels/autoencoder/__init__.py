"""The compiled twin of `scratchdae.autoencoder`'s steps of gradient descent."""

from scratchdae.kernels.autoencoder.sgd_step import sgd_step, sgd_steps

__all__ = ["sgd_step", "sgd_steps"]
