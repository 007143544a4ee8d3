"""The mathematics of every case once more, at fifty digits and without scratchdae."""

from mpmath import mp
from oracle_autoencoder import autoencoder, pretrain_stack, stack, training
from oracle_functions import activation, clipping, corruption, loss, penalty
from oracle_layers import layer
from oracle_numbers import DIGITS, nearest
from oracle_optimizers import optimizer
from oracle_second import activity_penalty, averaging, half, schedule, ssim, variational

OPERATIONS = {
    function.__name__: function
    for function in (
        activation,
        loss,
        corruption,
        autoencoder,
        layer,
        optimizer,
        clipping,
        penalty,
        training,
        stack,
        pretrain_stack,
        activity_penalty,
        variational,
        schedule,
        averaging,
        half,
        ssim,
    )
}


def recompute(operation, inputs, conventions, digits=DIGITS):
    """Return the float64 nearest to each value that the formulas give."""
    with mp.workdps(digits):
        found = OPERATIONS[operation](inputs, conventions)
        return {name: nearest(array) for name, array in found.items()}
