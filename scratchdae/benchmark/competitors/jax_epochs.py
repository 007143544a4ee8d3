"""An epoch in JAX: one compiled program shuffles, then scans over the batches, and each draws its masks inside."""

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.benchmark.competitors.jax_scan import JaxTrainer, Loss, denoising_loss, finetuning_loss
from scratchdae.benchmark.works.epoch import Epoch
from scratchdae.corruption import Corruption
from scratchdae.optimizers import SGD, Adam


class JaxEpoch(JaxTrainer):
    """A program for an epoch of so many examples, beside those for steps."""

    def __init__(self, work: Epoch, loss: Loss) -> None:
        import jax
        import jax.numpy as jnp

        self._adam = work.optimizer if work.optimizer != SGD() else None
        super().__init__(work, loss)
        self._key, self._corrupt = jax.random.key(0), corrupter(work.corruption)
        self._all = work.x, None if work.labels is None else work.labels.astype(np.int32)
        dtype, B = self._batches[0].dtype, work.batch_size

        def epoch(carry: Any, x: Any, labels: Any, key: Any) -> Any:
            shuffling, masks = jax.random.split(key)
            order = jax.random.permutation(shuffling, len(x)).reshape(-1, B)

            def batch(carry: Any, drawn: Any) -> Any:
                rows, key = drawn
                clean = x[rows].astype(dtype)
                clean = clean / 255 if x.dtype == jnp.uint8 else clean
                return self._descend(carry, (self._corrupt(key, clean), clean if labels is None else labels[rows]))

            return jax.lax.scan(batch, carry, (order, jax.random.split(masks, len(order))))

        self._program, self._n = jax.jit(epoch, donate_argnums=0), 0

    def _compiled(self, program: Any, *arguments: Any) -> Any:
        """Leave the steps to their first call, which is not timed; often there is none."""
        del arguments
        return program

    def _first(self, params: Any) -> Any:
        import jax
        import jax.numpy as jnp

        if self._adam is None:
            return super()._first(params)
        return params, (jnp.zeros((), jnp.int32), *(jax.tree.map(jnp.zeros_like, params) for _ in range(2)))

    def _update(self, params: Any, memory: Any, grads: Any) -> Any:
        import jax
        import jax.numpy as jnp

        if not isinstance(self._adam, Adam):
            return super()._update(params, memory, grads)
        beta1, beta2, eps, lr = self._adam.beta1, self._adam.beta2, self._adam.eps, self._lr
        t, m, v = memory[0] + 1, memory[1], memory[2]
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, grads)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, grads)
        first, second = 1 - beta1**t, 1 - beta2**t
        changed = jax.tree.map(lambda p, m, v: p - lr * m / first / (jnp.sqrt(v / second) + eps), params, m, v)
        return changed, (t, m, v)

    def corrupt(self, x: Array) -> Array:
        import jax

        self._key, key = jax.random.split(self._key)
        return np.asarray(jax.jit(self._corrupt)(key, x))

    def ready(self, n: int) -> None:
        import jax.numpy as jnp

        if n != self._n:
            self._data = tuple(None if part is None else jnp.array(part[:n]) for part in self._all)
            self._epoch = super()._compiled(self._program, self._carry, *self._data, self._key)
            self._n = n

    def epoch(self, n: int) -> None:
        import jax

        self.ready(n)
        self._key, key = jax.random.split(self._key)
        self._carry, _ = self._wait(self._epoch(self._carry, *self._data, key))


def corrupter(corruption: Corruption | None) -> Callable[[Any, Any], Any]:
    """Return the function of key and batch that corrupts; exact masks are drawn the fastest of four ways tried."""
    import jax
    import jax.numpy as jnp

    if corruption is None:
        return lambda _key, x: x
    kind, level = corruption.kind, corruption.at(0)

    def masking(key: Any, x: Any) -> Any:
        places = jax.lax.top_k(jax.random.uniform(key, x.shape, jnp.float32), round(level * x.shape[1]))[1]
        return x.at[jnp.arange(len(x))[:, None], places].set(0)

    return {
        "masking": masking,
        "bernoulli": lambda key, x: jnp.where(jax.random.uniform(key, x.shape, jnp.float32) < level, 0, x),
    }[kind]


def denoising(work: Epoch, threads: int) -> JaxEpoch:
    """Compile the steps of the denoising autoencoder."""
    del threads  # see `jax_scan.environment`
    return JaxEpoch(work, denoising_loss)


def finetuning(work: Epoch, threads: int) -> JaxEpoch:
    """Compile the steps of the network."""
    del threads  # see `jax_scan.environment`
    return JaxEpoch(work, finetuning_loss)
