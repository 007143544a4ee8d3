"""The exercises, in an order in which each uses what came before."""

from scratchdae.exercises.catalogue import autoencoder, corruption, diagnosis, layers, losses, training, updates
from scratchdae.exercises.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = (
    losses.stable_loss,
    corruption.masking,
    autoencoder.encode_decode,
    losses.output_delta,
    autoencoder.tied_gradient,
    autoencoder.biases,
    autoencoder.untied,
    losses.squared_through_sigmoid,
    updates.updates,
    updates.gradient_check,
    training.initial_weights,
    layers.max_pool,
    layers.convolution,
    layers.lstm_cell,
    training.pretraining,
    training.training,
    *diagnosis.DIAGNOSES,
)
