"""Losses and corruptions with mistakes in them, in NumPy and PyTorch."""

import numpy as np
from wrong_answers import collection, logistic

WRONG, wrong = collection()


@wrong("cross_entropy_extreme", "clipped_probabilities")
def clips_probabilities_like_keras(case):
    a, t = case.inputs["a"], case.inputs["target"]
    with np.errstate(over="ignore"):
        p = logistic(a)
    q = np.clip(p, 1e-7, 1 - 1e-7)
    loss = -(t * np.log(q) + (1 - t) * np.log(1 - q)).sum(1).mean()
    inside = (p > 1e-7) & (p < 1 - 1e-7)
    return {"loss": loss, "d_a": inside * (p - t) / len(a)}


@wrong("cross_entropy_extreme", "clamped_logarithms", needs="torch")
@wrong("cross_entropy_paper", "reduction:element_mean", needs="torch")
def torch_bce_loss(case):
    import torch

    a = torch.tensor(case.inputs["a"], requires_grad=True)
    loss = torch.nn.BCELoss(reduction="mean")(torch.sigmoid(a), torch.tensor(case.inputs["target"]))
    if case.name == "cross_entropy_extreme":
        loss = loss * a.shape[1]
    loss.backward()
    return {"loss": loss.detach().numpy(), "d_a": a.grad.numpy()}


@wrong("cross_entropy_extreme", "naive_logarithms")
def logarithms_of_zero(case):
    a, t = case.inputs["a"], case.inputs["target"]
    with np.errstate(all="ignore"):
        p = logistic(a)
        loss = -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum() / len(a)
    return {"loss": loss, "d_a": (p - t) / len(a)}


@wrong("cross_entropy_extreme", "epsilon_in_loss_only")
def epsilon_inside_the_logarithms(case):
    a, t = case.inputs["a"], case.inputs["target"]
    with np.errstate(over="ignore"):
        p = logistic(a)
    loss = -(t * np.log(p + 1e-12) + (1 - t) * np.log(1 - p + 1e-12)).sum() / len(a)
    return {"loss": loss, "d_a": (p - t) / len(a)}


@wrong("cross_entropy_mean", "sigmoid_twice", needs="torch")
def logits_loss_of_probabilities(case):
    import torch

    a = torch.tensor(case.inputs["a"], requires_grad=True)
    target = torch.tensor(case.inputs["target"])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.sigmoid(a), target)
    loss.backward()
    return {"loss": loss.detach().numpy(), "d_a": a.grad.numpy()}


@wrong("huber_paper", "smooth_l1", needs="torch")
def torch_smooth_l1(case):
    import torch

    a = torch.tensor(case.inputs["a"], requires_grad=True)
    target = torch.tensor(case.inputs["target"])
    loss = torch.nn.functional.smooth_l1_loss(a, target, beta=case.conventions["delta"], reduction="sum") / len(a)
    loss.backward()
    return {"loss": loss.detach().numpy(), "d_a": a.grad.numpy()}


@wrong("huber_mean", "other_delta")
def huber_with_delta_of_one(case):
    e = case.inputs["a"] - case.inputs["target"]
    terms = np.where(np.abs(e) < 1, e**2 / 2, np.abs(e) - 0.5)
    return {"loss": terms.mean(), "d_a": np.maximum(-1, np.minimum(1, e)) / e.size}


@wrong("squared_error_mean", "loss_per_element", needs="torch")
def torch_loss_not_reduced(case):
    import torch

    a = torch.tensor(case.inputs["a"], requires_grad=True)
    loss = torch.nn.functional.mse_loss(a, torch.tensor(case.inputs["target"]), reduction="none")
    loss.mean().backward()
    return {"loss": loss.detach().numpy(), "d_a": a.grad.numpy()}


@wrong("absolute_error_ties", "tie_upwards")
def absolute_error_with_a_sign_of_one(case):
    e = case.inputs["a"] - case.inputs["target"]
    return {"loss": np.abs(e).sum(1).mean(), "d_a": np.where(e >= 0, 1, -1) / len(e)}


@wrong("softmax_cross_entropy_paper", "softmax_twice", needs="torch")
def torch_cross_entropy_of_a_softmax(case):
    import torch

    a = torch.tensor(case.inputs["a"], requires_grad=True)
    loss = torch.nn.functional.cross_entropy(torch.softmax(a, dim=1), torch.tensor(case.inputs["target"]))
    loss.backward()
    return {"loss": loss.detach().numpy(), "d_a": a.grad.numpy()}


@wrong("softmax_cross_entropy_paper", "softmax_over_batch", needs="torch")
def torch_softmax_over_the_wrong_axis(case):
    import torch

    a = torch.tensor(case.inputs["a"], requires_grad=True)
    logs = torch.log_softmax(a, dim=0)
    loss = torch.nn.functional.nll_loss(logs, torch.tensor(case.inputs["target"]))
    loss.backward()
    return {"loss": loss.detach().numpy(), "d_a": a.grad.numpy()}


@wrong("softmax_cross_entropy_paper", "label_smoothing", needs="torch")
def torch_label_smoothing(case):
    import torch

    a = torch.tensor(case.inputs["a"], requires_grad=True)
    loss = torch.nn.functional.cross_entropy(a, torch.tensor(case.inputs["target"]), label_smoothing=0.1)
    loss.backward()
    return {"loss": loss.detach().numpy(), "d_a": a.grad.numpy()}


@wrong("softmax_cross_entropy_extreme", "naive_softmax")
def softmax_that_overflows(case):
    a, t = case.inputs["a"], case.inputs["target"]
    with np.errstate(all="ignore"):
        p = np.exp(a) / np.exp(a).sum(1, keepdims=True)
        loss = -np.log(p[range(len(a)), t]).mean()
    p[range(len(a)), t] -= 1
    return {"loss": loss, "d_a": p / len(a)}


@wrong("gaussian", "sigma_as_variance")
def takes_sigma_for_the_variance(case):
    return {"x_tilde": case.inputs["x"] + np.sqrt(case.conventions["sigma"]) * case.inputs["noise"]}


@wrong("gaussian", "noisy_clipped")
def clips_the_noisy_input(case):
    return {"x_tilde": np.clip(case.inputs["x"] + case.conventions["sigma"] * case.inputs["noise"], 0, 1)}


@wrong("salt_and_pepper", "coin_everywhere")
def tosses_every_coin(case):
    return {"x_tilde": case.inputs["coin"].astype(float)}


@wrong("sigmoid_ordinary", "derivative_missing")
def sigmoid_with_derivative_of_one(case):
    return {"value": logistic(case.inputs["a"]), "d_input": case.inputs["d_output"]}


@wrong("tanh_ordinary", "derivative_of_the_pre_activation")
def tanh_derivative_of_its_argument(case):
    a = case.inputs["a"]
    return {"value": np.tanh(a), "d_input": case.inputs["d_output"] * (1 - a**2)}


@wrong("softmax_ordinary", "diagonal_of_jacobian")
def softmax_with_a_diagonal_jacobian(case):
    a = case.inputs["a"]
    p = np.exp(a) / np.exp(a).sum(1)[:, None]
    return {"value": p, "d_input": case.inputs["d_output"] * p * (1 - p)}


@wrong("relu_at_the_kink", "kink_above")
def rectifier_alive_at_zero(case):
    a = case.inputs["a"]
    return {"value": a * (a >= 0), "d_input": case.inputs["d_output"] * (a >= 0)}


@wrong("leaky_relu_ordinary", "other_slope", needs="torch")
def torch_leaky_relu_with_its_default(case):
    import torch

    a = torch.tensor(case.inputs["a"], requires_grad=True)
    value = torch.nn.functional.leaky_relu(a)
    value.backward(torch.tensor(case.inputs["d_output"]))
    return {"value": value.detach().numpy(), "d_input": a.grad.numpy()}


@wrong("huber_paper", "gradient_not_cut")
def huber_with_the_gradient_of_the_square(case):
    e, d = case.inputs["a"] - case.inputs["target"], case.conventions["delta"]
    terms = np.where(np.abs(e) > d, d * (np.abs(e) - d / 2), e**2 / 2)
    return {"loss": terms.sum() / len(e), "d_a": e / len(e)}


def entropy_of(case):
    a, t = case.inputs["a"], case.inputs["target"]
    return np.logaddexp(0, a) - a * t, (logistic(a) - t) / len(a)


@wrong("cross_entropy_paper", "loss_factor:base_10")
def takes_decimal_logarithms(case):
    terms, gradient = entropy_of(case)
    return {"loss": terms.sum() / len(terms) / np.log(10), "d_a": gradient}


@wrong("cross_entropy_paper", "squared_error_in_loss")
def prints_the_squared_error(case):
    loss = ((logistic(case.inputs["a"]) - case.inputs["target"]) ** 2).sum(1).mean()
    return {"loss": loss, "d_a": entropy_of(case)[1]}


@wrong("cross_entropy_paper", "squared_error_of_a")
def squared_error_of_logits(case):
    e = case.inputs["a"] - case.inputs["target"]
    return {"loss": (e * e).sum(1).mean(), "d_a": 2 * e / len(e)}


@wrong("cross_entropy_paper", "reduction:1/2", "gradient_factor:sign")
def two_mistakes_halved_and_uphill(case):
    terms, gradient = entropy_of(case)
    return {"loss": terms.sum(1).mean() / 2, "d_a": -gradient / 2}


@wrong("cross_entropy_paper", "reduction:-1/2")
def maximises_half_of_it(case):
    terms, gradient = entropy_of(case)
    return {"loss": -terms.sum(1).mean() / 2, "d_a": -gradient / 2}


@wrong("squared_error_mean", "root_of_sum:divided")
@wrong("squared_error_paper", "root_of_sum:divided")
def norm_divided_like_the_loss(case):
    e = case.inputs["a"] - case.inputs["target"]
    n, norm = e.size if case.conventions["reduction"] == "mean" else len(e), np.linalg.norm(e)
    return {"loss": norm / n, "d_a": e / norm / n}


def classes(case):
    a = case.inputs["a"]
    p = np.exp(a - a.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True), np.eye(a.shape[1])[case.inputs["target"]]


@wrong("softmax_cross_entropy_paper", "gradient_of_probabilities")
def stops_at_the_probabilities(case):
    p, hot = classes(case)
    return {"loss": -np.log(p[hot == 1]).mean(), "d_a": -hot / p / len(p)}


@wrong("softmax_cross_entropy_paper", "squared_error_in_loss")
def prints_the_squared_error_of_classes(case):
    p, hot = classes(case)
    return {"loss": ((p - hot) ** 2).sum() / len(p), "d_a": (p - hot) / len(p)}


@wrong("softmax_cross_entropy_paper", "squared_error_of_a")
def squares_the_logits_of_classes(case):
    e = case.inputs["a"] - classes(case)[1]
    return {"loss": (e**2).sum() / len(e), "d_a": 2 * e / len(e)}


def guarded(a):
    e = np.exp(a - a.max(-1, keepdims=True))
    return e / (e.sum(-1, keepdims=True) + 1e-3)


@wrong("softmax_cross_entropy_paper", "epsilon_in_softmax")
def classes_of_a_guarded_softmax(case):
    p, (_, hot) = guarded(case.inputs["a"]), classes(case)
    return {"loss": -np.log(p[hot == 1]).mean(), "d_a": (p - hot) / len(p)}


@wrong("softmax_ordinary", "epsilon_in_softmax")
def softmax_with_a_guard(case):
    y, d = guarded(case.inputs["a"]), case.inputs["d_output"]
    return {"value": y, "d_input": y * (d - (d * y).sum(1, keepdims=True))}


@wrong("softmax_ordinary", "weights_missing_in_sum")
def softmax_gradient_with_a_plain_sum(case):
    p, d = np.exp(case.inputs["a"]), case.inputs["d_output"]
    p = p / p.sum(1, keepdims=True)
    return {"value": p, "d_input": p * (d - d.sum(1, keepdims=True))}


@wrong("softmax_ordinary", "weights_missing_outside")
def softmax_gradient_without_its_factor(case):
    p, d = np.exp(case.inputs["a"]), case.inputs["d_output"]
    p = p / p.sum(1, keepdims=True)
    return {"value": p, "d_input": d - (d * p).sum(1, keepdims=True)}
