"""The restricted Boltzmann machine with binary units, and contrastive divergence by hand.

Hinton 2002; stacked in Hinton, Osindero & Teh 2006 and in Bengio et al. 2007. It is to a deep belief network what the
denoising autoencoder is to the stacked one. Batches are rows: v (B, D) are visible units, h (B, H) hidden ones, all 0
or 1. The parameters have the names and shapes of a tied autoencoder's, ``W`` (D, H), ``b`` (H,) of the hidden and
``b_prime`` (D,) of the visible units, because (3) is its encoder and (4) its decoder::

    E(v, h) = −v·b' − h·b − v W hᵀ                      p(v, h) = exp(−E) / Z           (1)  energy
    F(v)    = −v·b' − Σ_j softplus(a_h,j),  a_h = v W + b,  p(v) = exp(−F) / Z          (2)  free energy
    p(h_j = 1 | v) = s(a_h,j)                                                           (3)
    p(v_i = 1 | h) = s(a_v,i),              a_v = h Wᵀ + b'                             (4)

Learning is to lessen −log p(v) = F(v) + log Z, whose gradient is a difference: the free energy of an example is to
fall, that of what the model draws, v* ~ p, is to rise. ::

    d[−log p(v)] = dF(v) − E_v* dF(v*)                                                  (5)
    dF/dW = −vᵀ p(h|v),   dF/db = −p(h|v),   dF/db' = −v                                (6)

The expectation sums over 2^D pictures. A Gibbs chain that goes on for ever draws from it; contrastive divergence
begins the chain at the example and takes k steps, often one (CD-k)::

    h_t ~ p(h | v_t),   v_t+1 ~ p(v | h_t),   v_0 = v                                   (7)
    d = mean over the batch of  dF(v_0) − dF(v_k)                                       (8)

(8) is the gradient of nothing (Sutskever & Tieleman 2010); it tends to (5) as k grows. What is drawn and what is a
probability follows the recipe of Hinton's practical guide (2010, section 3.4). Hidden units that carry the chain on are
always drawn, so that no more than a bit each gets through. The statistics (6) of both phases take the probabilities
p(h|v), which have the mean of draws and less noise. The visible units of (7) are by default replaced by their
probabilities; drawn, they make the chain that has p for its limit. Grey levels in [0, 1] count as probabilities of a 1.

No function here has a generator: they are given uniform numbers, so every statistic can be checked to the last digit.
"""

import numpy as np

from scratchdae.activations import sigmoid, softplus
from scratchdae.arguments import Array, Params, matrix, numbers, same_shape, shown, unit_interval
from scratchdae.autoencoder import check_params, decode, encode
from scratchdae.losses import cross_entropy


def energy(params: Params, v: Array, h: Array) -> Array:
    """Return the energy of states of all units, equation (1).

    Parameters
    ----------
    params : dict of str to ndarray
        ``W`` (D, H), ``b`` (H,) and ``b_prime`` (D,).
    v : ndarray, shape (B, D)
        Visible units.
    h : ndarray, shape (B, H)
        Hidden units.

    Returns
    -------
    ndarray, shape (B,)
        The energy, in nats; the more of it, the less probable the state.
    """
    W, b, b_prime = check_params(params), params["b"], params["b_prime"]
    v, h = matrix("v", v, columns=W.shape[0], dtype=W.dtype), matrix("h", h, columns=W.shape[1], dtype=W.dtype)
    return np.asarray(-v @ b_prime - h @ b - ((v @ W) * h).sum(axis=1))  # (1)


def free_energy(params: Params, v: Array) -> Array:
    """Return the free energy of visible states, −log Σ_h exp(−E(v, h)), equation (2).

    Differences between examples mean something, the value alone does not, for Z is unknown. To see overfitting,
    compare its mean over training examples with that over others: a gap that grows (Hinton 2010, section 6).

    Parameters
    ----------
    params : dict of str to ndarray
        ``W`` (D, H), ``b`` (H,) and ``b_prime`` (D,).
    v : ndarray, shape (B, D)
        Visible units.

    Returns
    -------
    ndarray, shape (B,)
        The free energy, in nats.
    """
    W, b, b_prime = check_params(params), params["b"], params["b_prime"]
    v = matrix("v", v, columns=W.shape[0], dtype=W.dtype)
    return np.asarray(-v @ b_prime - softplus(v @ W + b).sum(axis=1))  # (2)


def free_energy_grads(params: Params, v: Array, dF: Array) -> Params:
    """Gradient of a weighted sum of free energies, ``Σ_n dF_n F(v_n)``, equation (6).

    Parameters
    ----------
    params : dict of str to ndarray
        ``W`` (D, H), ``b`` (H,) and ``b_prime`` (D,).
    v : ndarray, shape (B, D)
        Visible units.
    dF : ndarray, shape (B,)
        The weights, of either sign: any cotangent will do.

    Returns
    -------
    dict of str to ndarray
        Gradient of each parameter, under its name.
    """
    W = check_params(params)
    v, dF = matrix("v", v, columns=W.shape[0], dtype=W.dtype), numbers("dF", dF)
    same_shape("dF", dF, "the rows of v", v[:, 0])
    da_h = -dF[:, None] * encode(params, v)
    return {"W": v.T @ da_h, "b": da_h.sum(axis=0), "b_prime": -dF @ v}  # (6)


def draw(p: Array, uniforms: Array) -> Array:
    """Return units, 0 or 1 in the dtype of `p`, that are 1 with probability `p`, from independent uniform numbers."""
    return _draw(numbers("p", p), uniforms)


def _draw(p: Array, uniforms: Array, of: str = "") -> Array:
    uniforms = numbers(f"{of}uniforms", uniforms)
    same_shape(f"{of}uniforms", uniforms, "the units", p)
    return (uniforms < p).astype(p.dtype)


def gibbs_step(params: Params, v: Array, hidden: Array, visible: Array | None = None) -> tuple[Array, Array]:
    """Go one step along the chain, equation (7).

    Parameters
    ----------
    params : dict of str to ndarray
        ``W`` (D, H), ``b`` (H,) and ``b_prime`` (D,).
    v : ndarray, shape (B, D)
        Visible units.
    hidden : ndarray, shape (B, H)
        Uniform numbers that draw the hidden units.
    visible : ndarray, shape (B, D), optional
        Uniform numbers that draw the visible units; left out, these are their probabilities.

    Returns
    -------
    a_v : ndarray, shape (B, D)
        Pre-activations of the new visible units.
    v : ndarray, shape (B, D)
        The new visible units.
    """
    W = check_params(params)
    v = matrix("v", v, columns=W.shape[0], dtype=W.dtype)
    h = _draw(encode(params, v), hidden, "hidden: ")  # (3)
    a_v = decode(params, h)
    p_v = sigmoid(a_v)  # (4)
    return a_v, p_v if visible is None else _draw(p_v, visible, "visible: ")


def contrastive_divergence(
    params: Params, v: Array, hidden: Array, visible: Array | None = None
) -> tuple[np.inexact, Params]:
    """Walk k steps away from a batch and return what CD-k descends, equations (7) and (8).

    Parameters
    ----------
    params : dict of str to ndarray
        ``W`` (D, H), ``b`` (H,) and ``b_prime`` (D,).
    v : ndarray, shape (B, D)
        Examples in [0, 1].
    hidden : ndarray, shape (k, B, H)
        Uniform numbers that draw the hidden units, a step each.
    visible : ndarray, shape (k, B, D), optional
        Uniform numbers that draw the visible units; left out, these are their probabilities.

    Returns
    -------
    reconstruction : scalar
        Cross-entropy between the batch and p(v | h_0), summed over D, mean over B, in nats: something to look at. It is
        not what is lessened, and falls as well when the chain moves ever less.
    grads : dict of str to ndarray
        The difference (8), to be subtracted as a gradient is.
    """
    W, hidden = check_params(params), numbers("hidden", hidden)
    v, visible = (
        matrix("v", v, columns=W.shape[0], dtype=W.dtype),
        None if visible is None else numbers("visible", visible),
    )
    if hidden.ndim != 3 or len(hidden) == 0 or (visible is not None and visible.shape[:1] != hidden.shape[:1]):
        found = f"{hidden.shape} and {None if visible is None else visible.shape}"
        raise ValueError(f"hidden and visible must hold numbers for each of k >= 1 steps, found shapes {found}")
    visible_at = [None] * len(hidden) if visible is None else list(visible)
    a_v, v_k = gibbs_step(params, v, hidden[0], visible_at[0])
    reconstruction, _ = cross_entropy(a_v, v)
    for t in range(1, len(hidden)):
        _, v_k = gibbs_step(params, v_k, hidden[t], visible_at[t])  # (7)
    dF = np.full(len(v), 1 / len(v), v.dtype)
    return reconstruction, free_energy_grads(params, np.concatenate([v, v_k]), np.concatenate([dF, -dF]))  # (8)


def log_pseudo_likelihood(params: Params, v: Array, units: Array | None = None) -> Array:
    """Return ``Σ_i log p(v_i | all other visible units)``, which needs no Z (Besag 1975).

    Flipping unit i changes the free energy, and the sigmoid of the change is the conditional: with a_h the hidden
    pre-activations without that unit, ::

        log p(v_i=1|·) − log p(v_i=0|·) = b'_i + Σ_j [softplus(a_h,j + W_ij) − softplus(a_h,j)]     (9)

    Each grey level counts as the probability of a 1. The sum costs D passes. With one unit an example, picked at
    random, D times its term has the same mean, for two passes in all.

    Parameters
    ----------
    params : dict of str to ndarray
        ``W`` (D, H), ``b`` (H,) and ``b_prime`` (D,).
    v : ndarray, shape (B, D)
        Examples in [0, 1].
    units : ndarray of int, shape (B,), optional
        Which visible unit to ask of each example; all of them if left out.

    Returns
    -------
    ndarray, shape (B,)
        The logarithm of the pseudo-likelihood in nats, or that estimate; never above 0.
    """
    W = check_params(params)
    D, v = W.shape[0], matrix("v", v, columns=W.shape[0], dtype=W.dtype)
    unit_interval("v", v)
    a_h = v @ W + params["b"]
    if units is None:
        return np.asarray(sum(_log_conditional(params, v, a_h, np.full(len(v), i)) for i in range(D)))
    units = numbers("units", units)
    if units.shape != (len(v),) or units.dtype.kind not in "iu" or units.min() < 0 or units.max() >= D:
        raise ValueError(f"units must be {len(v)} integers from 0 to {D - 1}, found {shown(units)}")
    return np.asarray(D * _log_conditional(params, v, a_h, units))


def _log_conditional(params: Params, v: Array, a_h: Array, i: Array) -> Array:
    """Return log p(v_i | the others) for one unit an example, from (9)."""
    W, v_i = params["W"], v[np.arange(len(v)), i]
    without = a_h - v_i[:, None] * W[i]
    logit = params["b_prime"][i] + (softplus(without + W[i]) - softplus(without)).sum(axis=1)  # (9)
    return np.asarray(-v_i * softplus(-logit) - (1 - v_i) * softplus(logit))
