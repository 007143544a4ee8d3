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
