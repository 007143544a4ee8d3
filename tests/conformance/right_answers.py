"""Implementations without a mistake that do not compute as the reference does: none may be called wrong."""

import math

import numpy as np
from wrong_answers import collection, logistic

RIGHT, _collect = collection()


def right(case, needs=None):
    return _collect(case, needs=needs)


@right("tied_cross_entropy")
@right("tied_cross_entropy_mean")
def scalar_loops(case):
    """Nothing but Python's floats, summed from the last to the first."""
    i, n = case.inputs, case.inputs["x"].shape
    B, (D, H) = n[0], i["W"].shape
    by = B if case.conventions["reduction"] == "paper" else B * D
    z, dW, db, dc, loss = np.zeros((B, D)), np.zeros((D, H)), np.zeros(H), np.zeros(D), 0.0
    for e in reversed(range(B)):
        xt = [0.0 if i["mask"][e, k] else float(i["x"][e, k]) for k in range(D)]
        y = [1 / (1 + math.exp(-sum(xt[k] * i["W"][k, j] for k in reversed(range(D))) - i["b"][j])) for j in range(H)]
        for k in reversed(range(D)):
            a = i["b_prime"][k] + sum(y[j] * i["W"][k, j] for j in reversed(range(H)))
            z[e, k] = 1 / (1 + math.exp(-a))
            loss += (math.log1p(math.exp(-abs(a))) + max(a, 0) - i["x"][e, k] * a) / by
        delta = (z[e] - i["x"][e]) / by
        for j in reversed(range(H)):
            h = sum(delta[k] * i["W"][k, j] for k in reversed(range(D))) * y[j] * (1 - y[j])
            db[j] += h
            for k in range(D):
                dW[k, j] += xt[k] * h + delta[k] * y[j]
        dc += delta
    return {"z": z, "loss": np.array(loss), "dW": dW, "db": db, "db_prime": dc}


def passes(case, dtype=np.float64, order="C"):
    i = {name: np.asarray(v, dtype, order=order) if v.dtype.kind == "f" else v for name, v in case.inputs.items()}
    xt = i["x"] * (1 - i["mask"].astype(dtype))
    y = logistic(xt @ i["W"] + i["b"])
    z = logistic(y @ i["W"].T + i["b_prime"])
    d = (z - i["x"]) / dtype(len(z))
    h = d @ i["W"] * y * (1 - y)
    loss = -(i["x"] * np.log(z) + (1 - i["x"]) * np.log(1 - z)).sum() / dtype(len(z))
    return {"z": z, "loss": np.asarray(loss), "dW": xt.T @ h + d.T @ y, "db": h.sum(0), "db_prime": d.sum(0)}


@right("tied_cross_entropy")
def memory_by_columns(case):
    return {name: np.asarray(value, order="F") for name, value in passes(case, order="F").items()}


@right("tied_cross_entropy")
def views_with_strides(case):
    return {name: np.repeat(value[None], 2, axis=0)[::2][0] for name, value in passes(case).items()}


@right("tied_cross_entropy")
def one_example_at_a_time(case):
    """Gradients of single examples, added up."""
    import dataclasses

    B = len(case.inputs["x"])
    rows = []
    for e in range(B):
        one = {**case.inputs, "x": case.inputs["x"][e : e + 1], "mask": case.inputs["mask"][e : e + 1]}
        rows.append(passes(dataclasses.replace(case, inputs=one)))
    total = {name: sum(row[name] for row in rows) / B for name in ("loss", "dW", "db", "db_prime")}
    return {"z": np.concatenate([row["z"] for row in rows]), **total}


@right("tied_cross_entropy")
def gradients_by_complex_step(case):
    """No backward pass at all."""
    from scratchdae.autoencoder import loss_and_grads

    params = {n: case.inputs[n] for n in ("W", "b", "b_prime")}
    xt = np.where(case.inputs["mask"], 0.0, case.inputs["x"])
    answer = {"z": passes(case)["z"], "loss": np.asarray(loss_and_grads(params, xt, case.inputs["x"])[0])}
    for name, value in params.items():
        gradient = np.zeros_like(value)
        for place in np.ndindex(value.shape):
            moved = {n: v.astype(complex) for n, v in params.items()}
            moved[name][place] += 1e-30j
            gradient[place] = loss_and_grads(moved, xt, case.inputs["x"])[0].imag / 1e-30
        answer[f"d{name}"] = gradient
    return answer


@right("tied_cross_entropy_saturated", needs="torch")
@right("tied_cross_entropy", needs="torch")
@right("tied_cross_entropy_l2", needs="torch")
def torch_autograd(case):
    import torch

    p = {n: torch.tensor(case.inputs[n], requires_grad=True) for n in ("W", "b", "b_prime")}
    x = torch.tensor(case.inputs["x"])
    y = torch.sigmoid(torch.where(torch.tensor(case.inputs["mask"]), 0.0, x) @ p["W"] + p["b"])
    a = torch.nn.functional.linear(y, p["W"], p["b_prime"])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(a, x) * x.shape[1]
    loss = loss + case.conventions["l2"] * (p["W"] ** 2).sum()
    loss.backward()
    gradients = {f"d{n}": v.grad.numpy() for n, v in p.items()}
    return {"z": torch.sigmoid(a).detach().numpy(), "loss": loss.detach().numpy(), **gradients}


@right("cross_entropy_mean")
@right("cross_entropy_paper")
def naive_cross_entropy_where_it_is_harmless(case):
    a, t = case.inputs["a"], case.inputs["target"]
    p = np.exp(a) / (1 + np.exp(a))
    by = a.size if case.conventions["reduction"] == "mean" else len(a)
    return {"loss": -np.sum(np.log(np.where(t > 1, 0, p)) * t + np.log1p(-p) * (1 - t)) / by, "d_a": (p - t) / by}


@right("cross_entropy_extreme")
def logaddexp(case):
    a, t = case.inputs["a"], case.inputs["target"]
    loss = math.fsum((t * np.logaddexp(0, -a) + (1 - t) * np.logaddexp(0, a)).ravel().tolist()) / len(a)
    return {"loss": np.array(loss), "d_a": (0.5 * (1 + np.tanh(a / 2)) - t) / len(a)}


@right("softmax_cross_entropy_paper")
def softmax_with_another_shift(case):
    a, t = case.inputs["a"] + 1.5, case.inputs["target"]
    e = np.exp(a)
    one_hot = t[:, None] == np.arange(a.shape[1])
    p = e / e.sum(1, keepdims=True)
    return {"loss": -np.log(p[one_hot]).mean(), "d_a": (p - one_hot) / len(a)}


@right("sgd_torch_momentum")
def momentum_as_one_sum(case):
    """θ_t from all gradients at once, without a velocity."""
    m, answer = case.conventions["momentum"], {}
    for n in ("W", "b"):
        g, lr = case.inputs[f"d{n}"], case.inputs["lr"]
        moves = [lr[t] * sum(m ** (t - s) * g[s] for s in range(t + 1)) for t in range(len(g))]
        answer[f"{n}_steps"] = case.inputs[n] - np.cumsum(moves, axis=0)
    return answer


@right("adam_torch", needs="torch")
def torch_adam(case):
    from wrong_optimizers import torch_steps

    return torch_steps(case, lambda o, p: o.Adam(p, lr=1.0))


@right("conv_valid", needs="torch")
def torch_convolution(case):
    from wrong_layers import torch_conv, torch_gradients

    return torch_gradients(case, torch_conv)


@right("lstm_sequence", needs="torch")
@right("lstm_initial_state_last_output", needs="torch")
def torch_long_short_term_memory(case):
    from wrong_layers import torch_lstm

    return torch_lstm(case)


@right("train_cross_entropy", needs="torch")
def torch_training(case):
    from wrong_training import torch_run

    return torch_run(case, lambda t: True)


@right("finetune_two_layers", needs="torch")
def torch_finetuning(case):
    from wrong_training import torch_stack

    return torch_stack(case)


@right("max_pool_overlapping")
def pooling_pixel_by_pixel(case):
    x, dy = case.inputs["x"], case.inputs["d_output"]
    (kh, kw), (sh, sw) = case.conventions["pool"], case.conventions["stride"]
    output, dx = np.zeros(dy.shape), np.zeros(x.shape)
    for n, r, c, k in np.ndindex(dy.shape):
        pixels = [(h, w) for h in range(r * sh, r * sh + kh) for w in range(c * sw, c * sw + kw)]
        h, w = max(pixels, key=lambda place: x[n, place[0], place[1], k])
        output[n, r, c, k] = x[n, h, w, k]
        dx[n, h, w, k] += dy[n, r, c, k]
    return {"output": output, "d_input": dx}


@right("gaussian")
def noise_added_in_place(case):
    x = case.inputs["noise"] * case.conventions["sigma"]
    x += case.inputs["x"]
    return {"x_tilde": x}
