"""Autoencoders with mistakes in them, in NumPy, as people write them: nothing here knows the explainer."""

import numpy as np
from wrong_answers import collection, logistic

WRONG, wrong = collection()


def masked(case):
    i = case.inputs
    return np.where(i["mask"], 0.0, i["x"])


def parameters(case):
    i = case.inputs
    return i["x"], i["W"], i["b"], i["b_prime"]


def cross_entropy(z, x):
    return -(x * np.log(z) + (1 - x) * np.log(1 - z))


@wrong("tied_cross_entropy", "decoder_term:0")
def only_encoder_gradient(case):
    x, W, b, c = parameters(case)
    xt = masked(case)
    y = logistic(xt @ W + b)
    z = logistic(y @ W.T + c)
    delta = (z - x) / len(x)
    hidden = (delta @ W) * y * (1 - y)
    return {"z": z, "loss": cross_entropy(z, x).sum() / len(x), "dW": xt.T @ hidden, "db": hidden.sum(0),
            "db_prime": delta.sum(0)}  # fmt: skip


@wrong("tied_cross_entropy", "encoder_term:0")
@wrong("tied_cross_entropy_mean", "encoder_term:0")
def only_decoder_gradient(case):
    x, W, b, c = parameters(case)
    y = logistic(masked(case) @ W + b)
    z = logistic(y @ W.T + c)
    n = len(x) if case.conventions["reduction"] == "paper" else x.size
    delta = (z - x) / n
    hidden = (delta @ W) * y * (1 - y)
    return {"z": z, "loss": cross_entropy(z, x).sum() / n, "dW": delta.T @ y, "db": hidden.sum(0),
            "db_prime": delta.sum(0)}  # fmt: skip


@wrong("tied_cross_entropy", "decoder_not_in_sum")
def forgets_to_add_the_decoder(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    decoder = ((answer["z"] - x) / len(x)).T @ logistic(masked(case) @ W + b)
    encoder = answer["dW"] - decoder
    return answer | {"dW_encoder": encoder, "dW_decoder": decoder, "dW": encoder}


def backprop(x, target, xt, W, b, c, *, delta=None, slope=None, seen_again=None):
    """The passes without a mistake, for those that make it before or after."""
    y = logistic(xt @ W + b)
    z = logistic(y @ W.T + c)
    d = (z - target) / len(x) if delta is None else delta(z)
    h = (d @ W) * (y * (1 - y) if slope is None else slope(y, xt @ W + b))
    dW = (xt if seen_again is None else seen_again).T @ h + d.T @ y
    return {"z": z, "loss": cross_entropy(z, target).sum(1).mean(), "dW": dW, "db": h.sum(0), "db_prime": d.sum(0)}


@wrong("tied_cross_entropy", "clean_input")
def encodes_clean_input(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, x, W, b, c)


@wrong("tied_cross_entropy", "clean_input_in_backward")
def clean_input_in_weight_gradient(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, masked(case), W, b, c, seen_again=x)


@wrong("tied_cross_entropy", "corrupted_target")
@wrong("tied_cross_entropy_gaussian", "corrupted_target")
def compares_with_corrupted_input(case):
    x, W, b, c = parameters(case)
    i = case.inputs
    xt = masked(case) if "mask" in i else x + case.conventions["sigma"] * i["noise"]
    with np.errstate(invalid="ignore"):
        return backprop(x, xt, xt, W, b, c)


@wrong("tied_cross_entropy", "mask_inverted")
def keeps_what_is_masked(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, x * case.inputs["mask"], W, b, c)


@wrong("tied_cross_entropy", "scaled_as_dropout")
def corrupts_like_dropout(case):
    x, W, b, c = parameters(case)
    keep = 1.0 - case.inputs["mask"]
    return backprop(x, x, x * keep / (1 - 0.4), W, b, c)


@wrong("tied_cross_entropy", "mask_redrawn")
@wrong("tied_cross_entropy_l2", "mask_redrawn", "penalty:missing")
def draws_the_mask_again(case):
    x, W, b, c = parameters(case)
    other = x * (np.random.default_rng(5).random(x.shape) > 0.4)
    return backprop(x, x, masked(case), W, b, c, seen_again=other)


@wrong("tied_cross_entropy", "hidden_derivative_missing")
def forgets_hidden_derivative(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, masked(case), W, b, c, slope=lambda y, a: 1.0)


@wrong("tied_cross_entropy", "hidden_derivative_of_a")
def derivative_of_pre_activation(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, masked(case), W, b, c, slope=lambda y, a: a * (1 - a))


@wrong("tied_cross_entropy", "hidden_derivative_of_y")
def derivative_calls_sigmoid_again(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, masked(case), W, b, c, slope=lambda y, a: logistic(y) * (1 - logistic(y)))


@wrong("tied_cross_entropy", "output_derivative_extra")
def cross_entropy_with_output_derivative(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, masked(case), W, b, c, delta=lambda z: (z - x) * z * (1 - z) / len(x))


@wrong("tied_cross_entropy", "gradient_factor:sign")
def gradient_ascent(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, masked(case), W, b, c, delta=lambda z: (x - z) / len(x))


@wrong("tied_cross_entropy", "gradient_factor:B")
def gradient_not_averaged(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, masked(case), W, b, c, delta=lambda z: z - x)


@wrong("tied_cross_entropy", "loss_factor:1/D")
def loss_averaged_over_outputs_like_scikit_learn(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    return answer | {"loss": cross_entropy(answer["z"], x).mean()}


@wrong("tied_cross_entropy", "db_not_summed")
def hidden_bias_gradient_not_summed(case):
    x, W, b, c = parameters(case)
    xt = masked(case)
    y = logistic(xt @ W + b)
    d = (logistic(y @ W.T + c) - x) / 3
    return backprop(x, x, xt, W, b, c) | {"db": d @ W * y * (1 - y)}


@wrong("tied_cross_entropy", "db_factor:1/B")
def hidden_bias_gradient_averaged(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    y = logistic(masked(case) @ W + b)
    d = (answer["z"] - x) / 3
    return answer | {"db": np.mean(d @ W * y * (1 - y), axis=0)}


@wrong("tied_cross_entropy", "transposed:dW")
@wrong("tied_cross_entropy_overcomplete", "transposed:dW")
def weights_like_torch(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    return answer | {"dW": answer["dW"].T}


@wrong("tied_cross_entropy", "axis_of_length_1")
def biases_kept_as_rows(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    return answer | {"db": answer["db"][None, :], "db_prime": answer["db_prime"][None, :]}


@wrong("tied_cross_entropy", "penalty")
def weight_decay_that_nobody_asked_for(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    return answer | {"loss": answer["loss"] + 0.013 * (W**2).sum(), "dW": answer["dW"] + 2 * 0.013 * W}


@wrong("tied_cross_entropy", "penalty_in_gradient")
def weight_decay_in_the_gradient_alone(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    return answer | {"dW": answer["dW"] + 5e-4 * W}


@wrong("tied_cross_entropy_l2", "penalty:1/2")
def penalty_with_a_half(case):
    x, W, b, c = parameters(case)
    answer, l2 = backprop(x, x, masked(case), W, b, c), case.conventions["l2"]
    return answer | {"loss": answer["loss"] + l2 / 2 * (W**2).sum(), "dW": answer["dW"] + l2 * W}


@wrong("tied_cross_entropy_l2", "penalty_of_biases")
def penalises_biases(case):
    x, W, b, c = parameters(case)
    answer, l2 = backprop(x, x, masked(case), W, b, c), case.conventions["l2"]
    loss = answer["loss"] + l2 * sum((p**2).sum() for p in (W, b, c))
    return answer | {"loss": loss, "dW": answer["dW"] + 2 * l2 * W, "db": answer["db"] + 2 * l2 * b,
                     "db_prime": answer["db_prime"] + 2 * l2 * c}  # fmt: skip


@wrong("tied_squared_error", "reduction:1/2")
def half_squared_error(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c, delta=lambda z: (z - x) * z * (1 - z) / 3)
    return answer | {"loss": ((answer["z"] - x) ** 2).sum() / 2 / 3}


@wrong("tied_squared_error", "output_derivative_missing")
def squared_error_without_output_derivative(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c, delta=lambda z: 2 * (z - x) / 3)
    return answer | {"loss": ((answer["z"] - x) ** 2).sum() / 3}


@wrong("tied_squared_error", "reduction:1/2", "encoder_term:0")
def two_mistakes_half_and_no_encoder_term(case):
    x, W, b, c = parameters(case)
    y = logistic(masked(case) @ W + b)
    z = logistic(y @ W.T + c)
    d = (z - x) * z * (1 - z) / 3
    h = d @ W * y * (1 - y)
    return {"z": z, "loss": 0.5 * ((z - x) ** 2).sum(1).mean(), "dW": d.T @ y, "db": h.sum(0), "db_prime": d.sum(0)}


@wrong("tied_cross_entropy", "gradient_factor:sign", "hidden_derivative_missing")
def two_mistakes_sign_and_derivative(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, masked(case), W, b, c, delta=lambda z: (x - z) / 3, slope=lambda y, a: np.ones_like(y))


@wrong("tied_cross_entropy", "corrupted_target", "decoder_term:0")
def two_mistakes_target_and_decoder_term(case):
    x, W, b, c = parameters(case)
    xt = masked(case)
    answer = backprop(x, xt, xt, W, b, c)
    y = logistic(xt @ W + b)
    return answer | {"dW": answer["dW"] - ((answer["z"] - xt) / 3).T @ y}


@wrong("tied_cross_entropy", "reduction:element_mean", "clean_input")
def two_mistakes_mean_and_clean_input(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, x, W, b, c, delta=lambda z: (z - x) / x.size)
    return answer | {"loss": cross_entropy(answer["z"], x).mean()}


@wrong("tied_cross_entropy", "transposed:dW", "penalty")
def two_mistakes_transposed_and_decayed(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    return answer | {"loss": answer["loss"] + 1e-4 * (W**2).sum(), "dW": (answer["dW"] + 2e-4 * W).T}


@wrong("untied_cross_entropy", "dW_prime_factor:0")
def decoder_weights_never_trained(case):
    x, W, b, c = parameters(case)
    V, xt = case.inputs["W_prime"], masked(case)
    y = logistic(xt @ W + b)
    z = logistic(y @ V + c)
    d = (z - x) / 3
    h = d @ V.T * y * (1 - y)
    return {"z": z, "loss": cross_entropy(z, x).sum() / 3, "dW": xt.T @ h, "db": h.sum(0), "db_prime": d.sum(0),
            "dW_prime": np.zeros_like(V)}  # fmt: skip


@wrong("tied_cross_entropy_salt_and_pepper", "coin_inverted")
def pepper_and_salt(case):
    x, W, b, c = parameters(case)
    xt = x.copy()
    xt[case.inputs["mask"] & case.inputs["coin"]] = 0
    xt[case.inputs["mask"] & ~case.inputs["coin"]] = 1
    return backprop(x, x, xt, W, b, c)


@wrong("tied_cross_entropy_gaussian", "sigma_squared")
def noise_of_the_variance(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, x + case.conventions["sigma"] ** 2 * case.inputs["noise"], W, b, c)


@wrong("tied_cross_entropy", "float32")
def computes_in_float32(case):
    x, W, b, c = (value.astype(np.float32) for value in parameters(case))
    answer = backprop(x, x, masked(case).astype(np.float32), W, b, c)
    return {name: np.asarray(value, np.float64) for name, value in answer.items()}


@wrong("tied_cross_entropy", "float32", "decoder_term:0")
def computes_in_float32_without_decoder_term(case):
    x, W, b, c = (value.astype(np.float32) for value in parameters(case))
    xt = masked(case).astype(np.float32)
    answer = backprop(x, x, xt, W, b, c)
    y = logistic(xt @ W + b)
    h = ((answer["z"] - x) / np.float32(3)) @ W * y * (1 - y)
    return answer | {"dW": xt.T @ h}


@wrong("tied_cross_entropy", "clean_reported")
def reports_the_clean_input(case):
    x, W, b, c = parameters(case)
    z = logistic(logistic(x @ W + b) @ W.T + c)
    return backprop(x, x, masked(case), W, b, c) | {"z": z, "loss": cross_entropy(z, x).sum(1).mean()}


@wrong("tied_cross_entropy", "clean_z_reported")
def shows_the_clean_reconstruction(case):
    x, W, b, c = parameters(case)
    return backprop(x, x, masked(case), W, b, c) | {"z": logistic(logistic(x @ W + b) @ W.T + c)}


def with_penalty(case, share):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    return answer | {"loss": answer["loss"] + share * (W**2).sum(), "dW": answer["dW"] + 2 * share * W}


@wrong("tied_cross_entropy_l2", "penalty:mean")
def averages_the_squares_of_the_weights(case):
    return with_penalty(case, case.conventions["l2"] / case.inputs["W"].size)


@wrong("tied_cross_entropy_l2", "penalty:sign")
def rewards_large_weights(case):
    return with_penalty(case, -case.conventions["l2"])


@wrong("tied_cross_entropy", "reduction:2", "decoder_term:0")
def two_mistakes_doubled_without_the_decoder(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    decoder = ((answer["z"] - x) / len(x)).T @ logistic(masked(case) @ W + b)
    both = {name: 2 * answer[name] for name in ("loss", "db", "db_prime")}
    return answer | both | {"dW": 2 * (answer["dW"] - decoder)}


@wrong("tied_cross_entropy", "dW_factor:2", "decoder_term:0")
def two_mistakes_dW_doubled_without_the_decoder(case):
    x, W, b, c = parameters(case)
    answer = backprop(x, x, masked(case), W, b, c)
    return answer | {"dW": 2 * (answer["dW"] - ((answer["z"] - x) / len(x)).T @ logistic(masked(case) @ W + b))}
