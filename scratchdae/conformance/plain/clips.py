"""The clipping of gradients, by the norm of all or by the value of each."""

import numpy as np

from scratchdae.arguments import Array


def clipping_norm(dW: Array, db: Array, limit: float, framework: str) -> dict[str, Array]:
    """Clipping by the norm of all gradients together; PyTorch adds 1e-6 to the norm that it divides by."""
    squares = (dW * dW).sum() + (db * db).sum()
    norm = np.sqrt(squares)
    length = norm
    if framework == "torch":
        length = norm + 1e-6
    share = np.minimum(1, limit / length)
    return {"norm": np.asarray(norm), "clipped_dW": share * dW, "clipped_db": share * db}


def clipping_value(dW: Array, db: Array, limit: float) -> dict[str, Array]:
    """Clipping of every entry of the gradients to [-limit, limit]."""
    entries = np.concatenate([dW.ravel(), db.ravel()])
    entries = np.maximum(entries, -limit)
    entries = np.minimum(entries, limit)
    clipped_dW = entries[: dW.size].reshape(dW.shape)
    clipped_db = entries[dW.size :].reshape(db.shape)
    return {"clipped_dW": clipped_dW, "clipped_db": clipped_db}
