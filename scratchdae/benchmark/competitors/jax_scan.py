"""JAX as it is meant to be used: gradient and update in one compiled program, which scans over all the batches."""

import importlib.metadata
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.benchmark.competitors.competitor import Gemm
from scratchdae.benchmark.works import finetuning as finetuning_work
from scratchdae.benchmark.works.work import Batches, Work

Loss = Callable[[Any, Any, Any], Any]  # of parameters, inputs and targets


class JaxTrainer:
    """A program for one step and a program for a stretch; both are compiled here, before anything is timed."""

    def __init__(self, work: Batches, loss: Loss) -> None:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", work.inputs.dtype == np.float64)
        self._lr, self._loss = work.lr, loss
        self._carry = self._first({name: jnp.array(value) for name, value in work.params.items()})
        targets = work.targets.astype(np.int32) if work.targets.dtype.kind == "i" else work.targets
        self._batches = jnp.array(work.inputs), jnp.array(targets)
        self._one = self._batches[0][:1], self._batches[1][:1]

        def scan(carry: Any, batches: Any) -> Any:
            return jax.lax.scan(self._descend, carry, batches)

        program = jax.jit(scan, donate_argnums=0)  # the old parameters make room for the new ones
        self._step = self._compiled(program, self._carry, self._one)
        self._stretch = self._compiled(program, self._carry, self._batches)
        self._wait = jax.block_until_ready

    def _compiled(self, program: Any, *arguments: Any) -> Any:
        return program.lower(*arguments).compile()

    def _first(self, params: Any) -> Any:
        """Return what a step changes, before the first one: the parameters, and what an update rule remembers."""
        return params, ()

    def _descend(self, carry: Any, batch: Any) -> Any:
        import jax

        value, grads = jax.value_and_grad(self._loss)(carry[0], *batch)
        return self._update(carry[0], carry[1], grads), value

    def _update(self, params: Any, memory: Any, grads: Any) -> Any:
        import jax

        return jax.tree.map(lambda p, g: p - self._lr * g, params, grads), memory

    def step(self) -> None:
        self._carry, _ = self._wait(self._step(self._carry, self._one))

    def stretch(self) -> None:
        self._carry, _ = self._wait(self._stretch(self._carry, self._batches))

    def params(self) -> Params:
        return {name: np.array(value) for name, value in self._carry[0].items()}


def denoising_loss(params: Any, x_tilde: Any, x: Any) -> Any:
    """Evaluate the loss of the denoising autoencoder."""
    import jax
    import jax.numpy as jnp

    y = jax.nn.sigmoid(x_tilde @ params["W"] + params["b"])
    a_z = y @ params["W"].T + params["b_prime"]
    return jnp.sum(jax.nn.softplus(a_z) - x * a_z) / len(x)


def finetuning_loss(params: Any, x: Any, t: Any) -> Any:
    """Evaluate the loss of the network."""
    import jax
    import jax.numpy as jnp

    *hidden, (W, b) = finetuning_work.layers(params)
    for W_l, b_l in hidden:
        x = jax.nn.sigmoid(x @ W_l + b_l)
    log_p = jax.nn.log_softmax(x @ W + b)
    return -jnp.take_along_axis(log_p, t[:, None], axis=1).mean()


def denoising(work: Work, threads: int) -> JaxTrainer:
    """Compile the steps of the denoising autoencoder."""
    del threads  # JAX reads its environment when it starts, see `environment`
    return JaxTrainer(work, denoising_loss)


def finetuning(work: Work, threads: int) -> JaxTrainer:
    """Compile the steps of the network."""
    del threads  # JAX reads its environment when it starts, see `environment`
    return JaxTrainer(work, finetuning_loss)


def environment(threads: int) -> dict[str, str]:
    """Say which variables, set before JAX is imported, bound its threads: XLA's pool is as large as ``NPROC``."""
    return {"NPROC": str(threads), "JAX_PLATFORMS": "cpu"}


def _blas() -> str:
    return f"XLA's own, jaxlib {importlib.metadata.version('jaxlib')}"


def _product(a: Array, b: Array, threads: int) -> Callable[[], object]:
    del threads  # see `environment`
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", a.dtype == np.float64)
    left, right, multiply = jnp.array(a), jnp.array(b), jax.jit(jnp.matmul)
    return lambda: jax.block_until_ready(multiply(left, right))


GEMM = Gemm(_blas, _product)
