"""Functions and layers of Keras' kind for what Keras has not; tanh and batch normalisation in double precision too.

Keras computes some things in float32, on some backends, even where ``floatx`` is float64.
"""

from typing import Any

import keras


@keras.saving.register_keras_serializable("scratchdae")  # type: ignore[untyped-decorator]
def gelu_tanh(x: Any) -> Any:
    """Apply the approximation of the Gaussian error linear unit, which Keras has as an argument alone."""
    return keras.activations.gelu(x, approximate=True)


@keras.saving.register_keras_serializable("scratchdae")  # type: ignore[untyped-decorator]
def double_tanh(x: Any) -> Any:
    """Apply the tanh in the precision of its argument."""
    return 2 * keras.ops.sigmoid(2 * x) - 1


@keras.saving.register_keras_serializable("scratchdae")
class DoubleBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras' batch normalisation, in evaluation in the precision of its weights."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the running statistics; in training as Keras does."""
        if training:
            return super().call(inputs, training, mask)
        scale = self.gamma / keras.ops.sqrt(self.moving_variance + self.epsilon)
        return (inputs - self.moving_mean) * scale + self.beta


@keras.saving.register_keras_serializable("scratchdae")
class TiedDense(keras.layers.Layer):  # type: ignore[misc]
    """A linear layer with the kernel of an earlier one, transposed, and a bias of its own."""

    def __init__(self, partner: Any, **options: Any) -> None:
        super().__init__(**options)
        self.partner = partner

    def build(self, input_shape: Any) -> None:
        """Make the bias, of as many numbers as the partner takes."""
        del input_shape
        self.bias = self.add_weight(shape=self.partner.kernel.shape[:1], initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        """Map (..., H) to (..., D)."""
        return keras.ops.matmul(x, keras.ops.transpose(self.partner.kernel)) + self.bias

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (..., D)."""
        return (*input_shape[:-1], self.partner.kernel.shape[0])

    def get_config(self) -> dict[str, Any]:
        """Return what a file of the network holds; a file knows the partner again, by its being the same layer."""
        return {**super().get_config(), "partner": keras.saving.serialize_keras_object(self.partner)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TiedDense":
        """Make the layer of what `get_config` gave."""
        return cls(keras.saving.deserialize_keras_object(config.pop("partner")), **config)


@keras.saving.register_keras_serializable("scratchdae")
class TiedAutoencoder(keras.layers.Layer):  # type: ignore[misc]
    """An autoencoder whose decoder has the encoder's kernel, transposed; it is one weight."""

    def __init__(self, n_hidden: int, output: str = "sigmoid", **options: Any) -> None:
        super().__init__(**options)
        self.n_hidden, self.output_kind = n_hidden, output

    def build(self, input_shape: Any) -> None:
        """Make the weights: kernel (D, H), bias (H,), decoder_bias (D,)."""
        n_visible = input_shape[-1]
        shapes = {"kernel": (n_visible, self.n_hidden), "bias": (self.n_hidden,), "decoder_bias": (n_visible,)}
        for name, shape in shapes.items():
            start = "glorot_uniform" if name == "kernel" else "zeros"
            setattr(self, name, self.add_weight(shape=shape, initializer=start, name=name))

    def call(self, x: Any) -> Any:
        """Return the reconstruction (B, D)."""
        y = keras.ops.sigmoid(keras.ops.matmul(x, self.kernel) + self.bias)
        a = keras.ops.matmul(y, keras.ops.transpose(self.kernel)) + self.decoder_bias
        return a if self.output_kind == "linear" else keras.ops.sigmoid(a)

    def get_config(self) -> dict[str, Any]:
        """Return what a file of the network holds."""
        return {**super().get_config(), "n_hidden": self.n_hidden, "output": self.output_kind}
