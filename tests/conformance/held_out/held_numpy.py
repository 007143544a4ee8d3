# ruff: noqa: E501, E731
# fmt: off
"""Mistakes in NumPy: activations, losses, corruption, clipping and penalties.

Each base is a whole implementation; a row replaces one part of it (or two) by what somebody wrote by mistake.
"""

import numpy as np
from held_row import Rows

ROWS = Rows("numpy", "np")
wrong = ROWS.wrong


def s(a):
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(a >= 0, 1 / (1 + np.exp(-np.abs(a))), np.exp(-np.abs(a)) / (1 + np.exp(-np.abs(a))))


def softmax(a, axis=-1):
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# --- activations -----------------------------------------------------------------------------------------------------


def activation(i, c, f, df):
    """f(a, c), df(a, y, d, c)."""
    a, d = i["a"], i["d_output"]
    with np.errstate(all="ignore"):
        y = f(a, c)
        return {"value": y, "d_input": df(a, y, d, c)}


def sig(a, c):
    return s(a)


def dsig(a, y, d, c):
    return d * y * s(-a)


def tanh(a, c):
    return np.tanh(a)


def dtanh(a, y, d, c):
    return d * (1 - y**2)


def soft(a, c):
    return softmax(a)


def dsoft(a, y, d, c):
    return y * (d - (y * d).sum(-1, keepdims=True))


def leaky(a, c):
    return np.where(a > 0, a, c["slope"] * a)


def dleaky(a, y, d, c):
    return d * np.where(a > 0, 1, c["slope"])


def sp(a, c):
    return np.logaddexp(0, a)


SIG, TANH, RELU, LEAKY = "activation/sigmoid_*", "activation/tanh_*", "activation/relu_*", "activation/leaky_relu_*"
SOFT, PLUS = "activation/softmax_*", "activation/softplus_*"
relu = lambda a, c: np.maximum(a, 0)

wrong("sigmoid_prime_of_output", "The sigmoid's derivative is evaluated at the output in place of the pre-activation: s(y)(1 - s(y)).", SIG, activation, f=sig, df=lambda a, y, d, c: d * s(y) * (1 - s(y)))
wrong("sigmoid_prime_raw", "The sigmoid's derivative is a(1 - a) of the pre-activation, as if it were the output.", "activation/sigmoid_ordinary", activation, f=sig, df=lambda a, y, d, c: d * a * (1 - a))
wrong("sigmoid_no_derivative", "The backward pass of the sigmoid hands the gradient on unchanged.", SIG, activation, f=sig, df=lambda a, y, d, c: d)
wrong("sigmoid_prime_y", "The sigmoid's derivative is y, without the factor 1 - y.", SIG, activation, f=sig, df=lambda a, y, d, c: d * y)
wrong("sigmoid_no_d_output", "The backward pass returns the derivative of the sigmoid and forgets to multiply by the gradient from above.", SIG, activation, f=sig, df=lambda a, y, d, c: y * s(-a))
wrong("sigmoid_overflow", "The sigmoid is exp(a) / (1 + exp(a)), which overflows to NaN for large pre-activations.", SIG, activation, f=lambda a, c: np.exp(a) / (1 + np.exp(a)), df=lambda a, y, d, c: d * y * (1 - y))
wrong("sigmoid_clipped_15", "The pre-activation is clipped to [-15, 15] before the sigmoid so that exp does not overflow.", SIG, activation, f=lambda a, c: s(np.clip(a, -15, 15)), df=lambda a, y, d, c: d * y * (1 - y))
wrong("sigmoid_hard", "The hard sigmoid clip(0.2 a + 0.5, 0, 1) stands in place of the sigmoid.", SIG, activation, f=lambda a, c: np.clip(0.2 * a + 0.5, 0, 1), df=lambda a, y, d, c: d * np.where(np.abs(a) < 2.5, 0.2, 0))
wrong("sigmoid_inplace", "The sigmoid overwrites its argument, and the backward pass applies the sigmoid again to what it takes for the pre-activation.", SIG, activation, f=sig, df=lambda a, y, d, c: d * s(y) * s(-y))
wrong("sigmoid_plus_sign", "The sigmoid is 1 / (1 + exp(a)): the minus sign is forgotten.", SIG, activation, f=lambda a, c: s(-a), df=lambda a, y, d, c: d * y * (1 - y))
wrong("sigmoid_half", "The sigmoid is computed in half precision.", SIG, activation, f=lambda a, c: s(a.astype(np.float16)).astype(np.float64), df=lambda a, y, d, c: d * y * (1 - y))
wrong("sigmoid_tanh_scale", "The sigmoid is written as (1 + tanh(a)) / 2, without halving the argument.", SIG, activation, f=lambda a, c: (1 + np.tanh(a)) / 2, df=lambda a, y, d, c: d * y * (1 - y))
wrong("tanh_prime_not_squared", "The derivative of tanh is 1 - y in place of 1 - y squared.", TANH, activation, f=tanh, df=lambda a, y, d, c: d * (1 - y))
wrong("tanh_prime_of_a", "The derivative of tanh is 1 - a squared: the pre-activation is used where the output belongs.", "activation/tanh_ordinary", activation, f=tanh, df=lambda a, y, d, c: d * (1 - a**2))
wrong("tanh_prime_sigmoid", "The derivative of tanh is y (1 - y), that of the sigmoid.", TANH, activation, f=tanh, df=lambda a, y, d, c: d * y * (1 - y))
wrong("tanh_twice", "tanh was applied in place and is applied again in the backward pass, before 1 - y squared.", TANH, activation, f=tanh, df=lambda a, y, d, c: d * (1 - np.tanh(y) ** 2))
wrong("tanh_lecun", "LeCun's scaled tanh, 1.7159 tanh(2a/3), is used.", TANH, activation, f=lambda a, c: 1.7159 * np.tanh(2 * a / 3), df=lambda a, y, d, c: d * 1.7159 * 2 / 3 * (1 - np.tanh(2 * a / 3) ** 2))
wrong("tanh_exp_quotient", "tanh is (exp(a) - exp(-a)) / (exp(a) + exp(-a)), which is NaN for large arguments.", TANH, activation, f=lambda a, c: (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a)), df=dtanh)
wrong("relu_at_zero_one", "The derivative of ReLU at exactly 0 is 1, because a >= 0 is tested.", RELU, activation, f=relu, df=lambda a, y, d, c: d * (a >= 0))
wrong("relu_at_zero_half", "The derivative of ReLU at exactly 0 is one half.", RELU, activation, f=relu, df=lambda a, y, d, c: d * np.heaviside(a, 0.5))
wrong("relu_guided", "The backward pass of ReLU masks by the sign of the incoming gradient and not by that of the pre-activation.", RELU, activation, f=relu, df=lambda a, y, d, c: np.maximum(d, 0))
wrong("relu_times_value", "The backward pass of ReLU multiplies the gradient by the output in place of the 0/1 derivative.", RELU, activation, f=relu, df=lambda a, y, d, c: d * y)
wrong("relu6", "ReLU6 is used: values above 6 are cut.", RELU, activation, f=lambda a, c: np.clip(a, 0, 6), df=lambda a, y, d, c: d * ((a > 0) & (a < 6)))
wrong("leaky_default_slope", "The slope of leaky ReLU is the default 0.01, whatever is asked.", LEAKY, activation, f=lambda a, c: np.where(a > 0, a, 0.01 * a), df=lambda a, y, d, c: d * np.where(a > 0, 1, 0.01))
wrong("leaky_dead_backward", "The backward pass of leaky ReLU is that of ReLU: the slope is left out for negative pre-activations.", LEAKY, activation, f=leaky, df=lambda a, y, d, c: d * (a > 0))
wrong("leaky_at_zero", "The derivative of leaky ReLU at exactly 0 is 1.", LEAKY, activation, f=leaky, df=lambda a, y, d, c: d * np.where(a >= 0, 1, c["slope"]))
wrong("leaky_divides", "Negative values are divided by the slope, not multiplied by it.", LEAKY, activation, f=lambda a, c: np.where(a > 0, a, a / c["slope"]), df=lambda a, y, d, c: d * np.where(a > 0, 1, 1 / c["slope"]))
wrong("leaky_elu", "ELU is used in place of leaky ReLU, with the slope as its alpha.", LEAKY, activation, f=lambda a, c: np.where(a > 0, a, c["slope"] * np.expm1(np.minimum(a, 0))), df=lambda a, y, d, c: d * np.where(a > 0, 1, y + c["slope"]))
wrong("leaky_negated_slope", "Negative pre-activations are multiplied by minus the slope, so the output is an absolute value of a kind.", LEAKY, activation, f=lambda a, c: np.where(a > 0, a, -c["slope"] * a), df=lambda a, y, d, c: d * np.where(a > 0, 1, -c["slope"]))
wrong("softplus_prime_of_value", "The derivative of softplus is the sigmoid of its value, not of its pre-activation.", PLUS, activation, f=sp, df=lambda a, y, d, c: d * s(y))
wrong("softplus_overflow", "Softplus is log(1 + exp(a)) as written, which is infinite for large pre-activations.", PLUS, activation, f=lambda a, c: np.log(1 + np.exp(a)), df=lambda a, y, d, c: d * s(a))
wrong("softplus_clip", "The pre-activation is clipped at 30 before softplus, so large values are cut.", PLUS, activation, f=lambda a, c: np.log1p(np.exp(np.minimum(a, 30))), df=lambda a, y, d, c: d * s(a))
wrong("softplus_relu_backward", "The backward pass of softplus is that of ReLU.", PLUS, activation, f=sp, df=lambda a, y, d, c: d * (a > 0))
wrong("softplus_log2", "Softplus is taken to base 2.", PLUS, activation, f=lambda a, c: np.logaddexp2(0, a), df=lambda a, y, d, c: d / (1 + 2.0 ** -np.clip(a, -1000, 1000)))
wrong("softmax_axis0", "The softmax runs over the batch axis.", SOFT, activation, f=lambda a, c: softmax(a, 0), df=lambda a, y, d, c: y * (d - (y * d).sum(0)))
wrong("softmax_all", "The softmax is normalised over the whole batch: the sum has no axis.", "activation/softmax_ordinary", activation, f=lambda a, c: np.exp(a - a.max()) / np.exp(a - a.max()).sum(), df=dsoft)
wrong("softmax_diagonal", "The backward pass of the softmax uses only the diagonal of its Jacobian, y (1 - y).", SOFT, activation, f=soft, df=lambda a, y, d, c: d * y * (1 - y))
wrong("softmax_no_max", "The softmax does not take out the largest pre-activation, so exp overflows.", SOFT, activation, f=lambda a, c: np.exp(a) / np.exp(a).sum(-1, keepdims=True), df=dsoft)
wrong("softmax_global_max", "The softmax takes out the largest pre-activation of the whole batch, so other rows underflow to 0/0.", SOFT, activation, f=lambda a, c: np.exp(a - a.max()) / np.exp(a - a.max()).sum(-1, keepdims=True), df=dsoft)
wrong("softmax_unweighted", "In the backward pass of the softmax the plain sum of the gradient is subtracted, not the sum weighted by y.", SOFT, activation, f=soft, df=lambda a, y, d, c: y * (d - d.sum(-1, keepdims=True)))
wrong("softmax_fused", "The backward pass of the softmax is y - d_output, as if it were fused with the cross-entropy and the gradient were a target.", SOFT, activation, f=soft, df=lambda a, y, d, c: y - d)
wrong("softmax_eps", "1e-8 is added to the denominator of the softmax.", SOFT, activation, f=lambda a, c: np.exp(a - a.max(-1, keepdims=True)) / (np.exp(a - a.max(-1, keepdims=True)).sum(-1, keepdims=True) + 1e-8), df=dsoft)
wrong("softmax_backward_batch_sum", "In the backward pass of the softmax the inner product is summed over the batch as well as the classes.", SOFT, activation, f=soft, df=lambda a, y, d, c: y * (d - (y * d).sum()))
wrong("softmax_no_y", "The backward pass of the softmax centres the gradient but does not multiply by y.", SOFT, activation, f=soft, df=lambda a, y, d, c: d - (y * d).sum(-1, keepdims=True))
wrong("identity_no_gradient", "The backward pass of the identity returns ones and forgets the gradient from above.", "activation/identity_ordinary", activation, f=lambda a, c: a, df=lambda a, y, d, c: np.ones_like(d))
wrong("identity_times_a", "The backward pass of the identity multiplies the gradient by the value.", "activation/identity_ordinary", activation, f=lambda a, c: a, df=lambda a, y, d, c: d * y)

wrong("pair_softmax_axis_diagonal", ("The softmax runs over the batch axis.", "Its backward pass uses the diagonal of the Jacobian alone."), SOFT, activation, f=lambda a, c: softmax(a, 0), df=lambda a, y, d, c: d * y * (1 - y))
wrong("pair_leaky_slope_zero", ("The slope of leaky ReLU is 0.01, whatever is asked.", "Its derivative at exactly 0 is 1."), "activation/leaky_relu_at_the_kink", activation, f=lambda a, c: np.where(a > 0, a, 0.01 * a), df=lambda a, y, d, c: d * np.where(a >= 0, 1, 0.01))
wrong("pair_sigmoid_clip_y", ("The pre-activation is clipped to [-15, 15] before the sigmoid.", "The derivative is y, without the factor 1 - y."), SIG, activation, f=lambda a, c: s(np.clip(a, -15, 15)), df=lambda a, y, d, c: d * y)
wrong("pair_tanh_lecun_plain", ("LeCun's scaled tanh is used.", "Its derivative is 1 - y squared, without the scales."), TANH, activation, f=lambda a, c: 1.7159 * np.tanh(2 * a / 3), df=dtanh)
wrong("pair_softplus_log2_relu", ("Softplus is taken to base 2.", "Its backward pass is that of ReLU."), PLUS, activation, f=lambda a, c: np.logaddexp2(0, a), df=lambda a, y, d, c: d * (a > 0))

# --- losses ----------------------------------------------------------------------------------------------------------


def divisor(a, c):
    return a.size if c["reduction"] == "mean" else len(a)


def loss(i, c, entry, slope, loss_by=divisor, grad_by=None, after=lambda L: L):
    """entry(a, t, c) and slope(a, t, c) of each component, and what both are divided by."""
    a, t = i["a"], i["target"]
    with np.errstate(all="ignore"):
        L = after(entry(a, t, c).sum() / loss_by(a, c))
        return {"loss": L, "d_a": slope(a, t, c) / (grad_by or loss_by)(a, c)}


def bce(a, t, c):
    return np.where(a >= 0, 1 - t, -t) * a + np.log1p(np.exp(-np.abs(a)))


def dbce(a, t, c):
    return s(a) - t


def se(a, t, c):
    return (a - t) ** 2


def dse(a, t, c):
    return 2 * (a - t)


def ae(a, t, c):
    return np.abs(a - t)


def dae(a, t, c):
    return np.sign(a - t)


def hub(a, t, c):
    e, k = np.abs(a - t), c["delta"]
    return np.where(e <= k, e**2 / 2, k * (e - k / 2))


def dhub(a, t, c):
    return np.clip(a - t, -c["delta"], c["delta"])


LOSSES = {"cross_entropy": (bce, dbce), "squared_error": (se, dse), "absolute_error": (ae, dae), "huber": (hub, dhub)}
BY_MEAN, BY_BATCH, BY_NOTHING, BY_WIDTH = (lambda a, c: a.size), (lambda a, c: len(a)), (lambda a, c: 1), (lambda a, c: a.shape[-1])
CE, SQ, AB, HU = "loss/cross_entropy_*", "loss/squared_error_*", "loss/absolute_error_*", "loss/huber_*"
for short, name in (("bce", "cross_entropy"), ("mse", "squared_error"), ("mae", "absolute_error"), ("huber", "huber")):
    f, df = LOSSES[name]
    words = name.replace("_", " ")
    paper, mean = f"loss/{name}_paper", f"loss/{name}_mean"
    if short in ("bce", "huber"):
        wrong(f"{short}_mean_for_paper", f"The {words} is averaged over all entries where it should be summed over an example's components.", paper, loss, entry=f, slope=df, loss_by=BY_MEAN)
        wrong(f"{short}_grad_not_divided", f"The {words} is averaged, but its gradient is not divided by anything.", f"{paper} {mean}", loss, entry=f, slope=df, grad_by=BY_NOTHING)
    if short in ("mse", "mae"):
        wrong(f"{short}_paper_for_mean", f"The {words} is summed over the components where the mean over all entries is asked.", mean, loss, entry=f, slope=df, loss_by=BY_BATCH)
        wrong(f"{short}_sum_over_batch", f"The {words} is summed over the batch as well, in the loss and in its gradient.", paper, loss, entry=f, slope=df, loss_by=BY_NOTHING)
wrong("bce_loss_mean_grad_paper", "The cross-entropy is the mean of all entries, but its gradient is divided by the batch size alone.", f"{CE}", loss, entry=bce, slope=dbce, loss_by=BY_MEAN, grad_by=BY_BATCH)
wrong("mse_by_width", "The squared error is divided by the number of components and summed over the batch: the axes of mean and sum are exchanged.", "loss/squared_error_paper loss/squared_error_ties", loss, entry=se, slope=dse, loss_by=BY_WIDTH)
wrong("mse_half_both", "The squared error has a factor 1/2, in the loss and in its gradient.", SQ, loss, entry=lambda a, t, c: se(a, t, c) / 2, slope=lambda a, t, c: a - t)
wrong("mse_half_loss", "The squared error has a factor 1/2 but the gradient is that of the full square.", SQ, loss, entry=lambda a, t, c: se(a, t, c) / 2, slope=dse)
wrong("mse_no_two", "The factor 2 is left out of the squared error's gradient.", SQ, loss, entry=se, slope=lambda a, t, c: a - t)
wrong("mse_sign", "The gradient of the squared error is 2 (target - a): its sign is wrong.", SQ, loss, entry=se, slope=lambda a, t, c: 2 * (t - a))
wrong("rmse", "The loss is the root of the mean squared error, but the gradient is that of the square.", SQ, loss, entry=se, slope=dse, after=np.sqrt)
wrong("mae_at_zero", "The sign of a zero error is taken as 1, so the absolute error has a gradient where target and value are equal.", AB, loss, entry=ae, slope=lambda a, t, c: np.where(a >= t, 1.0, -1.0))
wrong("mae_smooth", "The absolute error is smoothed, sqrt(e² + 1e-6).", AB, loss, entry=lambda a, t, c: np.sqrt((a - t) ** 2 + 1e-6), slope=lambda a, t, c: (a - t) / np.sqrt((a - t) ** 2 + 1e-6))
wrong("mae_gradient_of_square", "The gradient of the absolute error is the error itself, not its sign.", AB, loss, entry=ae, slope=lambda a, t, c: a - t)
wrong("mae_sign", "The gradient of the absolute error is sign(target - a).", AB, loss, entry=ae, slope=lambda a, t, c: np.sign(t - a))
wrong("huber_smooth_l1", "Smooth L1 stands in for Huber: everything is divided by delta.", HU, loss, entry=lambda a, t, c: hub(a, t, c) / c["delta"], slope=lambda a, t, c: dhub(a, t, c) / c["delta"])
wrong("huber_delta_one", "The delta of the Huber loss is 1, whatever is asked.", HU, loss, entry=lambda a, t, c: hub(a, t, {"delta": 1.0}), slope=lambda a, t, c: dhub(a, t, {"delta": 1.0}))
wrong("huber_no_offset", "The linear part of the Huber loss is delta |e|, without - delta² / 2.", HU, loss, entry=lambda a, t, c: np.where(ae(a, t, c) <= c["delta"], se(a, t, c) / 2, c["delta"] * ae(a, t, c)), slope=dhub)
wrong("huber_no_half", "The quadratic part of the Huber loss has no factor 1/2, nor has its gradient.", HU, loss, entry=lambda a, t, c: np.where(ae(a, t, c) <= c["delta"], se(a, t, c), hub(a, t, c)), slope=lambda a, t, c: np.where(ae(a, t, c) <= c["delta"], dse(a, t, c), dhub(a, t, c)))
wrong("huber_unit_slope", "The gradient of the Huber loss beyond delta is the sign of the error, without the factor delta.", HU, loss, entry=hub, slope=lambda a, t, c: np.where(ae(a, t, c) <= c["delta"], a - t, np.sign(a - t)))
wrong("huber_unclipped", "The gradient of the Huber loss is the error everywhere: it is not cut at delta.", HU, loss, entry=hub, slope=lambda a, t, c: a - t)
wrong("huber_log_cosh", "log cosh of the error is used for the Huber loss.", "loss/huber_mean loss/huber_paper", loss, entry=lambda a, t, c: np.log(np.cosh(a - t)), slope=lambda a, t, c: np.tanh(a - t))
wrong("bce_double_sigmoid", "The logits are put through the sigmoid and then handed to a loss that expects logits.", CE, loss, entry=lambda a, t, c: bce(s(a), t, c), slope=lambda a, t, c: (s(s(a)) - t) * s(a) * s(-a))
wrong("bce_clip_1e7", "Probabilities are clipped to [1e-7, 1 - 1e-7] before the logarithm.", CE, loss, entry=lambda a, t, c: -t * np.log(np.clip(s(a), 1e-7, 1 - 1e-7)) - (1 - t) * np.log(1 - np.clip(s(a), 1e-7, 1 - 1e-7)), slope=dbce)
wrong("bce_eps_in_log", "1e-8 is added inside both logarithms of the cross-entropy.", CE, loss, entry=lambda a, t, c: -t * np.log(s(a) + 1e-8) - (1 - t) * np.log(s(-a) + 1e-8), slope=dbce)
wrong("bce_log_clamp", "The logarithms of the cross-entropy are cut off at -100.", CE, loss, entry=lambda a, t, c: -t * np.maximum(np.log(s(a)), -100) - (1 - t) * np.maximum(np.log(s(-a)), -100), slope=dbce)
wrong("bce_bits", "The cross-entropy is measured in bits, with log2, and its gradient is that in nats.", CE, loss, entry=lambda a, t, c: bce(a, t, c) / np.log(2), slope=dbce)
wrong("bce_positive_only", "Only the term x log z of the cross-entropy is there; (1 - x) log(1 - z) is left out.", CE, loss, entry=lambda a, t, c: t * np.logaddexp(0, -a), slope=lambda a, t, c: -t * s(-a))
wrong("bce_loss_positive_only", "The loss leaves the term (1 - x) log(1 - z) out, but the gradient is z - x.", CE, loss, entry=lambda a, t, c: t * np.logaddexp(0, -a), slope=dbce)
wrong("bce_grad_wrt_z", "The gradient of the cross-entropy is given with respect to the probability, (z - x) / (z (1 - z)), and not to the logit.", "loss/cross_entropy_paper loss/cross_entropy_mean loss/cross_entropy_undecided", loss, entry=bce, slope=lambda a, t, c: (s(a) - t) / (s(a) * s(-a)))
wrong("bce_extra_derivative", "The derivative of the sigmoid is multiplied into z - x once more.", CE, loss, entry=bce, slope=lambda a, t, c: (s(a) - t) * s(a) * s(-a))
wrong("bce_sign", "The gradient of the cross-entropy is x - z.", CE, loss, entry=bce, slope=lambda a, t, c: t - s(a))
wrong("bce_loss_sign", "The minus sign of the cross-entropy is forgotten in the loss; the gradient is right.", CE, loss, entry=lambda a, t, c: -bce(a, t, c), slope=dbce)
wrong("bce_rounded", "1 - z is formed from a z that has rounded to 1, so the logarithm is infinite.", CE, loss, entry=lambda a, t, c: -t * np.log(s(a)) - (1 - t) * np.log(1 - s(a)), slope=dbce)
wrong("bce_targets_rounded", "The targets are rounded to 0 and 1 before the cross-entropy.", "loss/cross_entropy_paper loss/cross_entropy_mean", loss, entry=lambda a, t, c: bce(a, np.round(t), c), slope=lambda a, t, c: dbce(a, np.round(t), c))
wrong("bce_label_smoothing", "The targets are smoothed by 0.1 towards one half.", CE, loss, entry=lambda a, t, c: bce(a, 0.9 * t + 0.05, c), slope=lambda a, t, c: dbce(a, 0.9 * t + 0.05, c))
wrong("bce_kl", "The loss is the Kullback-Leibler divergence: the entropy of the targets is subtracted.", "loss/cross_entropy_paper loss/cross_entropy_mean loss/cross_entropy_undecided", loss, entry=lambda a, t, c: bce(a, t, c) + np.where(t > 0, t * np.log(np.where(t > 0, t, 1)), 0) + np.where(t < 1, (1 - t) * np.log(np.where(t < 1, 1 - t, 1)), 0), slope=dbce)
wrong("bce_swapped", "Target and reconstruction are exchanged in the cross-entropy.", "loss/cross_entropy_paper loss/cross_entropy_mean", loss, entry=lambda a, t, c: -s(a) * np.log(np.clip(t, 1e-12, 1)) - s(-a) * np.log(np.clip(1 - t, 1e-12, 1)), slope=dbce)
wrong("bce_is_mse", "The squared error of the probabilities is taken for the cross-entropy, with z - x for a gradient.", CE, loss, entry=lambda a, t, c: (s(a) - t) ** 2, slope=dbce)
wrong("bce_as_values", "The argument is taken for probabilities, not logits, and clipped into (0, 1).", "loss/cross_entropy_paper loss/cross_entropy_mean", loss, entry=lambda a, t, c: -t * np.log(np.clip(a, 1e-7, 1 - 1e-7)) - (1 - t) * np.log(1 - np.clip(a, 1e-7, 1 - 1e-7)), slope=lambda a, t, c: np.clip(a, 1e-7, 1 - 1e-7) - t)

wrong("pair_mse_half_sign", ("The squared error has a factor 1/2 in loss and gradient.", "The gradient's sign is wrong."), SQ, loss, entry=lambda a, t, c: se(a, t, c) / 2, slope=lambda a, t, c: t - a)
wrong("pair_mse_half_mean", ("The squared error has a factor 1/2 in loss and gradient.", "It is averaged over all entries where it should be summed over the components."), "loss/squared_error_paper loss/squared_error_ties", loss, entry=lambda a, t, c: se(a, t, c) / 2, slope=lambda a, t, c: a - t, loss_by=BY_MEAN)
wrong("pair_huber_smooth_one", ("The gradient of the Huber loss beyond delta lacks the factor delta.", "The gradient is not divided by the batch."), HU, loss, entry=hub, slope=lambda a, t, c: np.where(ae(a, t, c) <= c["delta"], a - t, np.sign(a - t)), grad_by=BY_NOTHING)
wrong("pair_bce_bits_mean", ("The cross-entropy is measured in bits.", "It is averaged over all entries where it should be summed over the components."), "loss/cross_entropy_paper", loss, entry=lambda a, t, c: bce(a, t, c) / np.log(2), slope=dbce, loss_by=BY_MEAN)
wrong("pair_bce_clip_extra", ("Probabilities are clipped to [1e-7, 1 - 1e-7] before the logarithm.", "The gradient has a factor z (1 - z) too many."), CE, loss, entry=lambda a, t, c: -t * np.log(np.clip(s(a), 1e-7, 1 - 1e-7)) - (1 - t) * np.log(1 - np.clip(s(a), 1e-7, 1 - 1e-7)), slope=lambda a, t, c: (s(a) - t) * s(a) * s(-a))
wrong("pair_mae_zero_sum", ("The gradient of the absolute error at zero is 1.", "Loss and gradient are summed over the batch."), "loss/absolute_error_ties", loss, entry=ae, slope=lambda a, t, c: np.where(a >= t, 1.0, -1.0), loss_by=BY_NOTHING)

SCE = "loss/softmax_cross_entropy_*"


def class_loss(i, c, logp=None, grad=None, label=lambda t, k: t, loss_by=len, grad_by=None):
    """-log p of the label, and p minus its one-hot row."""
    a, t = i["a"], label(i["target"], i["a"].shape[1])
    with np.errstate(all="ignore"):
        p, one_hot = softmax(a), np.eye(a.shape[1])[t]
        lp = logp(a) if logp else a - a.max(1, keepdims=True) - np.log(np.exp(a - a.max(1, keepdims=True)).sum(1, keepdims=True))
        d = grad(p, one_hot, a) if grad else p - one_hot
        return {"loss": -lp[np.arange(len(a)), t].sum() / loss_by(a), "d_a": d / (grad_by or loss_by)(a)}


wrong("sce_mean_all", "The softmax cross-entropy is averaged over examples and classes, in loss and gradient.", SCE, class_loss, loss_by=lambda a: a.size)
wrong("sce_grad_sum", "The gradient of the softmax cross-entropy is not divided by the batch.", SCE, class_loss, grad_by=lambda a: 1)
wrong("sce_sum", "The softmax cross-entropy is summed over the batch, in loss and gradient.", SCE, class_loss, loss_by=lambda a: 1)
wrong("sce_one_based", "Labels are taken to be counted from 1, so that each class is the one before it.", SCE, class_loss, label=lambda t, k: t - 1)
wrong("sce_sign", "The gradient of the softmax cross-entropy is one_hot - p.", SCE, class_loss, grad=lambda p, o, a: o - p)
wrong("sce_no_one_hot", "The one-hot row of the label is never subtracted in the gradient.", SCE, class_loss, grad=lambda p, o, a: p)
wrong("sce_label_only", "Only the label's entry has a gradient, p - 1; the other classes are left at 0.", SCE, class_loss, grad=lambda p, o, a: (p - 1) * o)
wrong("sce_softmax_twice", "The softmax is applied twice: its probabilities are taken for logits.", SCE, class_loss, logp=lambda a: np.log(softmax(softmax(a))), grad=lambda p, o, a: softmax(p) - o)
wrong("sce_log_of_rounded", "The logarithm is taken of a softmax that has rounded to 0.", SCE, class_loss, logp=lambda a: np.log(softmax(a)))
wrong("sce_eps", "1e-12 is added to the probabilities before the logarithm.", SCE, class_loss, logp=lambda a: np.log(softmax(a) + 1e-12))
wrong("sce_log10", "The logarithm of the softmax cross-entropy is that to base 10.", "loss/softmax_cross_entropy_paper", class_loss, logp=lambda a: np.log10(softmax(a)))
wrong("sce_probability_loss", "The loss is minus the probability of the label: the logarithm is left out.", SCE, class_loss, logp=softmax)
wrong("sce_aliased", "The one-hot row is subtracted from the probabilities in place, and the loss is then the logarithm of a negative number.", "loss/softmax_cross_entropy_paper", class_loss, logp=lambda a: np.log(softmax(a) - 1))
wrong("sce_smoothing", "The gradient is taken of labels smoothed by 0.1, the loss of hard ones.", SCE, class_loss, grad=lambda p, o, a: p - (0.9 * o + 0.1 / o.shape[1]))
wrong("sce_no_max", "The largest logit is not taken out before exp, so it overflows.", SCE, class_loss, logp=lambda a: a - np.log(np.exp(a).sum(1, keepdims=True)))
wrong("pair_sce_sum_one_based", ("The softmax cross-entropy is summed over the batch.", "Labels are taken to be counted from 1."), SCE, class_loss, loss_by=lambda a: 1, label=lambda t, k: t - 1)
wrong("pair_sce_eps_sign", ("1e-12 is added to the probabilities before the logarithm.", "The gradient is one_hot - p."), SCE, class_loss, logp=lambda a: np.log(softmax(a) + 1e-12), grad=lambda p, o, a: o - p)

# --- corruption ------------------------------------------------------------------------------------------------------


def corruption(i, c, how):
    return {"x_tilde": how(i["x"], i.get("mask"), i.get("coin"), i.get("noise"), c.get("sigma"))}


MASK, SP, GAUSS = "corruption/masking*", "corruption/salt_and_pepper", "corruption/gaussian"
wrong("mask_inverted", "The mask is taken for what is kept: intact components are set to 0.", MASK, corruption, how=lambda x, m, k, n, v: x * m)
wrong("mask_rescaled", "What is left after masking is scaled up by the part that was kept, as dropout does.", "corruption/masking", corruption, how=lambda x, m, k, n, v: np.where(m, 0, x) / (1 - m.mean()))
wrong("mask_half", "Destroyed components are set to 0.5.", MASK, corruption, how=lambda x, m, k, n, v: np.where(m, 0.5, x))
wrong("mask_mean_fill", "Destroyed components are set to the mean of their example.", MASK, corruption, how=lambda x, m, k, n, v: np.where(m, x.mean(1, keepdims=True), x))
wrong("mask_first_row", "The first example's mask is used for the whole batch.", MASK, corruption, how=lambda x, m, k, n, v: np.where(m[0], 0, x))
wrong("mask_nothing", "The mask is ignored: the input is left intact.", MASK, corruption, how=lambda x, m, k, n, v: x)
wrong("mask_rescaled_per_row", "Each example is rescaled by its own part of kept components, which divides by 0 where nothing is kept.", MASK, corruption, how=lambda x, m, k, n, v: _quiet(np.where(m, 0, x), (~m).mean(1, keepdims=True)))
wrong("mask_ones", "Destroyed components are set to 1 in place of 0.", MASK, corruption, how=lambda x, m, k, n, v: np.where(m, 1.0, x))
wrong("pepper_only", "Destroyed components are always set to 0: the coin is not looked at.", SP, corruption, how=lambda x, m, k, n, v: np.where(m, 0, x))
wrong("salt_inverted", "The coin is read the wrong way round: heads gives 0.", SP, corruption, how=lambda x, m, k, n, v: np.where(m, ~k, x))
wrong("salt_everywhere", "The mask is inverted for salt and pepper: the coin falls on intact components.", SP, corruption, how=lambda x, m, k, n, v: np.where(m, x, k))
wrong("salt_min_max", "Salt and pepper are the largest and the smallest value of the batch, not 1 and 0.", SP, corruption, how=lambda x, m, k, n, v: np.where(m, np.where(k, x.max(), x.min()), x))
wrong("salt_minus_one", "Pepper is -1 in place of 0.", SP, corruption, how=lambda x, m, k, n, v: np.where(m, 2.0 * k - 1, x))
wrong("salt_of_coin_alone", "Every component whose coin shows heads becomes 1, destroyed or not.", SP, corruption, how=lambda x, m, k, n, v: np.where(k, 1, np.where(m, 0, x)))
wrong("gauss_variance", "sigma is squared before the noise is multiplied by it.", GAUSS, corruption, how=lambda x, m, k, n, v: x + v**2 * n)
wrong("gauss_root", "sigma is taken for a variance: the noise is multiplied by its root.", GAUSS, corruption, how=lambda x, m, k, n, v: x + np.sqrt(v) * n)
wrong("gauss_clipped", "The noisy input is clipped to [0, 1].", GAUSS, corruption, how=lambda x, m, k, n, v: np.clip(x + v * n, 0, 1))
wrong("gauss_multiplicative", "The noise is multiplied into the input, x (1 + sigma noise).", GAUSS, corruption, how=lambda x, m, k, n, v: x * (1 + v * n))
wrong("gauss_unscaled", "The noise is added without sigma.", GAUSS, corruption, how=lambda x, m, k, n, v: x + n)
wrong("gauss_one_row", "One row of noise is drawn and used for all examples.", GAUSS, corruption, how=lambda x, m, k, n, v: x + v * n[0])
wrong("gauss_noise_alone", "The input is not added: the noise alone is returned.", GAUSS, corruption, how=lambda x, m, k, n, v: v * n)
wrong("gauss_uint8", "The noisy input is quantised to 256 levels as an image of bytes.", GAUSS, corruption, how=lambda x, m, k, n, v: np.round((x + v * n) * 255) / 255)
wrong("pair_gauss_variance_clip", ("sigma is squared before the noise is multiplied by it.", "The noisy input is clipped to [0, 1]."), GAUSS, corruption, how=lambda x, m, k, n, v: np.clip(x + v**2 * n, 0, 1))
wrong("pair_mask_inverted_scaled", ("The mask is taken for what is kept.", "What is left is scaled up by the part that was kept."), "corruption/masking", corruption, how=lambda x, m, k, n, v: x * m / m.mean())
wrong("pair_salt_both", ("The mask is inverted.", "The coin is read the wrong way round."), SP, corruption, how=lambda x, m, k, n, v: np.where(m, x, ~k))


def _quiet(x, by):
    with np.errstate(all="ignore"):
        return x / by


# --- clipping and penalties ------------------------------------------------------------------------------------------


def clipping(i, c, how):
    """how(dW, db, limit) -> both."""
    dW, db = how(i["dW"], i["db"], c["limit"])
    return {"clipped_dW": dW, "clipped_db": db}


def each(f):
    return lambda dW, db, v: (f(dW, v), f(db, v))


def together(f):
    def how(dW, db, v):
        k = f(np.sqrt((dW**2).sum() + (db**2).sum()), v)
        return dW * k, db * k

    return how


NORM, VALUE = "clipping/clip_norm_*", "clipping/clip_value*"
wrong("clip_per_array", "Each array is clipped by a norm of its own, not by the global norm.", NORM, clipping, how=each(lambda g, v: g * min(1, v / np.sqrt((g**2).sum()))))
wrong("clip_rescale_always", "Gradients are scaled to the limit also when they are shorter than it.", NORM, clipping, how=together(lambda n, v: v / n))
wrong("clip_no_root", "The root is left out of the global norm: its square is compared with the limit.", NORM, clipping, how=together(lambda n, v: min(1, v / n**2)))
wrong("clip_sum_of_norms", "The global norm is the sum of the norms of the arrays.", NORM, clipping, how=lambda dW, db, v: tuple(g * min(1, v / (np.linalg.norm(dW) + np.linalg.norm(db))) for g in (dW, db)))
wrong("clip_by_norm_alone", "Long gradients are divided by their norm and not multiplied by the limit.", NORM, clipping, how=together(lambda n, v: 1 if n <= v else 1 / n))
wrong("clip_value_for_norm", "Each entry is cut to the limit where the norm should be clipped.", NORM, clipping, how=each(lambda g, v: np.clip(g, -v, v)))
wrong("clip_l1_norm", "The norm is the sum of absolute values.", NORM, clipping, how=lambda dW, db, v: tuple(g * min(1, v / (np.abs(dW).sum() + np.abs(db).sum())) for g in (dW, db)))
wrong("clip_mean_square", "The norm is the root of the mean square, not of the sum of squares.", NORM, clipping, how=lambda dW, db, v: tuple(g * min(1, v / np.sqrt(((dW**2).sum() + (db**2).sum()) / (dW.size + db.size))) for g in (dW, db)))
wrong("clip_eps", "1e-6 is added to the norm where the limit is divided by the norm itself.", "clipping/clip_norm_*keras clipping/clip_norm_*optax", clipping, how=together(lambda n, v: min(1, v / (n + 1e-6))))
wrong("clip_weights_only", "Only the weights' gradient is clipped; the biases' is left as it is.", NORM, clipping, how=lambda dW, db, v: (dW * min(1, v / np.linalg.norm(dW)), db))
wrong("clip_spectral", "The largest singular value of dW is taken for its norm.", NORM, clipping, how=lambda dW, db, v: tuple(g * min(1, v / np.sqrt(np.linalg.norm(dW, 2) ** 2 + (db**2).sum())) for g in (dW, db)))
wrong("clip_upper_only", "Entries are cut at the upper limit only.", VALUE, clipping, how=each(lambda g, v: np.minimum(g, v)))
wrong("clip_norm_for_value", "The norm is clipped where each entry should be cut.", VALUE, clipping, how=together(lambda n, v: min(1, v / n)))
wrong("clip_zeroed", "Entries beyond the limit are set to 0 in place of the limit.", VALUE, clipping, how=each(lambda g, v: np.where(np.abs(g) > v, 0, g)))
wrong("clip_sign_lost", "Entries beyond the limit become plus the limit, whatever their sign.", VALUE, clipping, how=each(lambda g, v: np.where(np.abs(g) > v, v, g)))
wrong("clip_max_scaled", "The whole gradient is divided by its largest entry so that none exceeds the limit.", VALUE, clipping, how=each(lambda g, v: g * min(1, v / np.abs(g).max())))
wrong("pair_clip_array_no_root", ("Each array is clipped by a norm of its own.", "The root is left out of that norm."), NORM, clipping, how=each(lambda g, v: g * min(1, v / (g**2).sum())))
wrong("pair_clip_upper_biases", ("Entries are cut at the upper limit only.", "The biases' gradient is not clipped."), VALUE, clipping, how=lambda dW, db, v: (np.minimum(dW, v), db))


def penalty(i, c, f, df):
    return {"penalty": f(i["W"], c["l2"]), "dW": df(i["W"], c["l2"])}


P = "penalty/*"
wrong("l2_half", "The penalty has a factor 1/2 and its gradient is l2 W.", P, penalty, f=lambda W, k: k * (W**2).sum() / 2, df=lambda W, k: k * W)
wrong("l2_half_loss", "The penalty has a factor 1/2, its gradient is 2 l2 W.", P, penalty, f=lambda W, k: k * (W**2).sum() / 2, df=lambda W, k: 2 * k * W)
wrong("l2_gradient_no_two", "The factor 2 is left out of the penalty's gradient.", P, penalty, f=lambda W, k: k * (W**2).sum(), df=lambda W, k: k * W)
wrong("l2_mean", "The penalty is a mean over the weights, and so is its gradient.", P, penalty, f=lambda W, k: k * (W**2).mean(), df=lambda W, k: 2 * k * W / W.size)
wrong("l2_root", "The penalty is the norm of the weights, not its square.", P, penalty, f=lambda W, k: k * np.linalg.norm(W), df=lambda W, k: k * W / np.linalg.norm(W))
wrong("l1", "The penalty is that of absolute values, L1.", P, penalty, f=lambda W, k: k * np.abs(W).sum(), df=lambda W, k: k * np.sign(W))
wrong("l2_squared_coefficient", "The coefficient is squared with the weights: the sum of (l2 W)².", P, penalty, f=lambda W, k: ((k * W) ** 2).sum(), df=lambda W, k: 2 * k**2 * W)
wrong("l2_by_rows", "The penalty and its gradient are divided by the number of rows of W, as if they were a batch.", P, penalty, f=lambda W, k: k * (W**2).sum() / max(len(W), 2), df=lambda W, k: 2 * k * W / max(len(W), 2))
wrong("pair_l2_half_sign", ("The penalty has a factor 1/2.", "Its gradient has the wrong sign."), P, penalty, f=lambda W, k: k * (W**2).sum() / 2, df=lambda W, k: -2 * k * W)
wrong("pair_l1_half", ("The penalty is that of absolute values.", "Its gradient is that of the square without a factor 2."), P, penalty, f=lambda W, k: k * np.abs(W).sum(), df=lambda W, k: k * W)
