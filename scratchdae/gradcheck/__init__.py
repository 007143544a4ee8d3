"""Gradient checks: complex step, central difference, random direction and Taylor order.

They check any function of named arrays that returns a loss and its gradients, a user's own included::

    report = gradcheck.check(loss_and_grads, params)
    print(report)
    report.raise_on_failure()

and the backward pass of a whole model of PyTorch or Keras, ``gradcheck.check(model, x)``.

What each can tell, on a correct tied autoencoder in float64 (errors in units of the largest entry of the gradient):

=================  ===========================================  ==============  ============================
method             formula                                      measured error  needs
=================  ===========================================  ==============  ============================
complex step       Im f(θ + ih e_k) / h,  h = 1e-30             3e-16           code that takes complex arrays
central            [f(θ + h e_k) − f(θ − h e_k)] / 2h           3e-10           float64
random direction   ⟨g, v⟩ against the same along v              as above        two evaluations in all
Taylor order       |f(θ + hv) − f(θ) − h⟨g, v⟩| = O(h²)         order 2.00      no tolerance to choose
=================  ===========================================  ==============  ============================

(Squire & Trapp 1998 for the complex step.) Entry by entry costs one or two evaluations an entry; a random direction
costs two in all and sees every entry at once, but does not say which is wrong.
"""

from scratchdae.gradcheck.answers import LossAndGrads
from scratchdae.gradcheck.checking import METHODS, TOLERANCE, check
from scratchdae.gradcheck.derivatives import CENTRAL_STEP, COMPLEX_STEP, central_difference, complex_step, taylor_order
from scratchdae.gradcheck.report import Report, Row

__all__ = [
    "CENTRAL_STEP", "COMPLEX_STEP", "METHODS", "TOLERANCE", "LossAndGrads", "Report", "Row", "central_difference",
    "check", "complex_step", "taylor_order",
]  # fmt: skip
