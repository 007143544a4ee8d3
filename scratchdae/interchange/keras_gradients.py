"""The gradients that Keras itself computes, by JAX or by PyTorch, in double precision."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from scratchdae.arguments import Array, Params

BACKENDS = ("jax", "torch")


def loss_and_grads(network: Any, x: Any, target: Any) -> tuple[Callable[[Params], tuple[float, Params]], Params]:
    """Return loss and gradients of a network, in evaluation mode, as a function of its parameters, and those."""
    if keras.backend.backend() not in BACKENDS:
        found = keras.backend.backend()
        raise ValueError(f"loss_and_grads of a network of Keras needs one of the backends {BACKENDS}, found {found}")
    if not network.built:
        raise ValueError("loss_and_grads must be a built network: call it once, or begin it with keras.Input")
    x, target = _array(x), _array(target)
    labels = target.ndim == 1 and target.dtype.kind in "iu"
    x, target = x.astype(np.float64), target.astype(np.int32 if labels else np.float64)
    trained, held = (
        {w.path: _array(w) for w in some} for some in (network.trainable_weights, network.non_trainable_weights)
    )
    held = {name: value.astype(np.float64) if value.dtype.kind == "f" else value for name, value in held.items()}

    def loss(trained: list[Any], held: list[Any], x: Any, target: Any) -> Any:
        output = network.stateless_call(trained, held, x)[0]  # without being told to train
        if labels:
            logs = output - keras.ops.logsumexp(output, axis=-1, keepdims=True)
            return -keras.ops.mean(keras.ops.take_along_axis(logs, target[:, None], axis=-1))
        return keras.ops.mean(keras.ops.square(output - target))

    differentiate = _by_jax(loss) if keras.backend.backend() == "jax" else _by_torch(loss)

    def answer(params: Params) -> tuple[float, Params]:
        if any(np.iscomplexobj(value) for value in params.values()):
            raise TypeError("Keras' networks are real")
        with _in_double(network):
            value, grads = differentiate([params[name] for name in trained], list(held.values()), x, target)
        return value, dict(zip(trained, grads, strict=True))

    return answer, {name: value.astype(np.float64) for name, value in trained.items()}


def _array(given: Any) -> Array:
    return np.array(keras.ops.convert_to_numpy(given))


@contextlib.contextmanager
def _in_double(network: Any) -> Iterator[None]:
    """Let a network compute in double precision, and leave it and Keras as they were."""
    from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE as halved  # what Keras rounds without being asked

    layers = [network, *network._flatten_layers(include_self=False)]
    dtypes = [(weight, weight.dtype) for weight in network.weights if "float" in weight.dtype]
    policies, floatx, rule = [layer.dtype_policy for layer in layers], keras.config.floatx(), halved["float64"]
    with contextlib.ExitStack() as stack:
        if keras.backend.backend() == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        try:
            keras.config.set_floatx("float64")
            halved["float64"] = "float64"
            for layer in layers:
                layer.dtype_policy = "float64"
            for weight, _ in dtypes:
                weight._dtype = "float64"  # its value stays; what takes its place for a call is not rounded
            yield
        finally:
            keras.config.set_floatx(floatx)
            halved["float64"] = rule
            for layer, policy in zip(layers, policies, strict=True):
                layer.dtype_policy = policy
            for weight, dtype in dtypes:
                weight._dtype = dtype


def _by_jax(loss: Callable[..., Any]) -> Callable[..., tuple[float, list[Array]]]:
    import jax

    compiled = jax.jit(jax.value_and_grad(loss))

    def differentiate(*given: Any) -> tuple[float, list[Array]]:
        value, grads = compiled(*given)
        return float(value), [np.array(gradient) for gradient in grads]

    return differentiate


def _by_torch(loss: Callable[..., Any]) -> Callable[..., tuple[float, list[Array]]]:
    import torch

    def differentiate(trained: list[Array], *given: Any) -> tuple[float, list[Array]]:
        tensors = [torch.tensor(value, requires_grad=True) for value in trained]
        held, x, target = ([torch.tensor(one) for one in given[0]], *map(torch.tensor, given[1:]))
        value = loss(tensors, held, x, target)
        grads = torch.autograd.grad(value, tensors, allow_unused=True)
        none = [np.zeros(one.shape) for one in trained]
        return value.item(), [zero if g is None else g.numpy() for g, zero in zip(grads, none, strict=True)]

    return differentiate
