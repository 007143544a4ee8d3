"""The three frameworks of chapter 31, held to the cases themselves: what they do otherwise is found and named.

The chapter writes their arithmetic in NumPy; here the frameworks compute. Each is used as its documentation shows.
"""

import numpy as np
import pytest
from optional_packages import require

from scratchdae.conformance import Unsupported, check


class OneLoss:
    """An adapter that knows one loss."""

    def __init__(self, name, compute, dtype):
        self.name, self.compute, self.dtype = name, compute, dtype

    def loss(self, inputs, conventions):
        if conventions["loss"] != self.name:
            raise Unsupported(f"only {self.name}")
        loss, d_a = self.compute(inputs["a"], inputs["target"])
        return {"loss": loss, "d_a": d_a}


def named(loss, compute, dtype="float64"):
    """Return, for every case that disagrees, the sets of mistakes that explain it."""
    report = check(OneLoss(loss, compute, dtype), groups=["loss"])
    assert not [result for result in report.results if result.status == "error"], str(report)
    return {
        result.case.name: [set(finding.ids) for finding in result.explanation.findings]
        for result in report.results
        if result.explanation is not None
    }


@pytest.fixture
def bce_loss(torch):
    def compute(a, x):
        a = torch.tensor(a, requires_grad=True)
        loss = torch.nn.BCELoss()(torch.sigmoid(a), torch.tensor(x))
        loss.backward()
        return loss.detach().numpy(), a.grad.numpy()

    return compute


def test_bce_loss_of_pytorch(bce_loss):
    found = named("cross_entropy", bce_loss)
    assert found["cross_entropy_paper"] == [{"reduction:element_mean"}]
    assert found["cross_entropy_extreme"] == [{"reduction:element_mean", "clamped_logarithms"}]
    assert "cross_entropy_mean" not in found  # the convention that it follows


def test_binary_crossentropy_of_keras(jax, keras):
    """In single precision, which is its default; on JAX its means are no more exact in double precision."""
    from jax import numpy as jnp

    def compute(a, x):
        loss = keras.losses.BinaryCrossentropy(dtype="float32")
        value, d_a = jax.value_and_grad(lambda a: loss(jnp.asarray(x), keras.ops.sigmoid(a)))(jnp.asarray(a))
        return np.asarray(value), np.asarray(d_a)

    found = named("cross_entropy", compute, "float32")
    assert found["cross_entropy_paper"] == [{"reduction:element_mean"}]
    assert found["cross_entropy_extreme"] == [{"reduction:element_mean", "clipped_probabilities"}]
    assert "cross_entropy_mean" not in found


def test_mlp_regressor_of_scikit_learn():
    require("sklearn")
    from sklearn.neural_network import MLPRegressor

    def compute(a, x):
        """Let a network without hidden layers predict `a` from the unit vectors, and take one step of length 1."""
        network = MLPRegressor(
            hidden_layer_sizes=(),
            solver="sgd",
            learning_rate_init=1.0,
            momentum=0.0,
            alpha=0.0,
            batch_size=len(a),
            random_state=0,
        )
        units = np.eye(len(a))
        network.partial_fit(units, x)
        network.coefs_[0][:], network.intercepts_[0][:] = a, 0.0
        network.partial_fit(units, x)
        return network.loss_, a - network.coefs_[0]

    found = named("squared_error", compute)
    assert found["squared_error_paper"] == [{"loss_factor:1/2D", "gradient_factor:1/2"}]
    assert found["squared_error_mean"] == [{"loss_factor:1/2", "gradient_factor:D/2"}]
