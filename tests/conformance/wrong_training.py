"""Training loops and stacks with mistakes in them, in NumPy and with PyTorch's autograd."""

import numpy as np
from wrong_answers import collection, logistic

WRONG, wrong = collection()


def train(case, step):
    """Run ``step(t, W, b, c) -> loss, W, b, c`` fifty times and keep what the case wants."""
    W, b, c = (case.inputs[name].copy() for name in ("W", "b", "b_prime"))
    answer, losses = {}, []
    for t in range(len(case.inputs["x"])):
        loss, W, b, c = step(t, W, b, c)
        losses.append(loss)
        if t + 1 in (1, 10, 50):
            answer[f"W_after_{t + 1}"] = W
    return answer | {"losses": np.array(losses), "b_after_50": b, "b_prime_after_50": c}


def gradients(case, t, W, b, c):
    x, mask = case.inputs["x"][t], case.inputs["mask"][t]
    xt = np.where(mask, 0, x)
    y = logistic(xt @ W + b)
    z = logistic(y @ W.T + c)
    d = (z - x) / len(x)
    h = d @ W * y * (1 - y)
    loss = -(x * np.log(z) + (1 - x) * np.log(1 - z)).sum() / len(x)
    return loss, xt.T @ h, d.T @ y, h.sum(0), d.sum(0)


def torch_run(case, zero):
    import torch

    names = ("W", "b", "b_prime")
    params = {n: torch.tensor(case.inputs[n], requires_grad=True) for n in names}
    optimizer = torch.optim.SGD(params.values(), lr=case.conventions["lr"])

    def step(t, *_):
        if zero(t):
            optimizer.zero_grad()
        x = torch.tensor(case.inputs["x"][t])
        y = torch.sigmoid(x * torch.tensor(~case.inputs["mask"][t]) @ params["W"] + params["b"])
        logits = y @ params["W"].T + params["b_prime"]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        loss.backward()
        optimizer.step()
        return loss.item(), *(params[n].detach().clone().numpy() for n in names)

    return train(case, step)


@wrong("train_cross_entropy", "never_zeroed", needs="torch")
def torch_forgets_zero_grad(case):
    return torch_run(case, lambda t: False)


@wrong("train_cross_entropy", "zeroed_every:5", needs="torch")
def torch_zeroes_every_fifth_step(case):
    return torch_run(case, lambda t: t % 5 == 0)


@wrong("train_cross_entropy", "encoder_term:0")
def trains_without_encoder_term(case):
    def step(t, W, b, c):
        loss, _, decoder, db, dc = gradients(case, t, W, b, c)
        lr = case.conventions["lr"]
        return loss, W - lr * decoder, b - lr * db, c - lr * dc

    return train(case, step)


@wrong("train_cross_entropy", "momentum")
def trains_with_momentum(case):
    velocity = [0.0, 0.0, 0.0]

    def step(t, W, b, c):
        loss, encoder, decoder, db, dc = gradients(case, t, W, b, c)
        velocity[:] = [0.8 * v + g for v, g in zip(velocity, (encoder + decoder, db, dc), strict=True)]
        return loss, *(p - case.conventions["lr"] * v for p, v in zip((W, b, c), velocity, strict=True))

    return train(case, step)


@wrong("train_cross_entropy", "penalty_in_gradient")
def trains_with_weight_decay(case):
    def step(t, W, b, c):
        loss, encoder, decoder, db, dc = gradients(case, t, W, b, c)
        lr = case.conventions["lr"]
        return loss, W - lr * (encoder + decoder + 0.004 * W), b - lr * db, c - lr * dc

    return train(case, step)


@wrong("train_cross_entropy", "loss_after_step")
def evaluates_after_the_step(case):
    def step(t, W, b, c):
        _, encoder, decoder, db, dc = gradients(case, t, W, b, c)
        lr = case.conventions["lr"]
        W, b, c = W - lr * (encoder + decoder), b - lr * db, c - lr * dc
        return gradients(case, t, W, b, c)[0], W, b, c

    return train(case, step)


@wrong("train_cross_entropy", "same_mask")
def never_draws_a_new_mask(case):
    def step(t, W, b, c):
        x = case.inputs["x"][t]
        xt = x * ~case.inputs["mask"][0]
        y = logistic(xt @ W + b)
        z = logistic(y @ W.T + c)
        d = (z - x) / len(x)
        h, lr = d @ W * y * (1 - y), case.conventions["lr"]
        loss = -(x * np.log(z) + (1 - x) * np.log(1 - z)).sum(1).mean()
        return loss, W - lr * (xt.T @ h + d.T @ y), b - lr * h.sum(0), c - lr * d.sum(0)

    return train(case, step)


@wrong("train_cross_entropy", "never_zeroed", "decoder_term:0")
def two_mistakes_in_training(case):
    sums = [0.0, 0.0, 0.0]

    def step(t, W, b, c):
        loss, encoder, _, db, dc = gradients(case, t, W, b, c)
        sums[:] = [s + g for s, g in zip(sums, (encoder, db, dc), strict=True)]
        return loss, *(p - case.conventions["lr"] * s for p, s in zip((W, b, c), sums, strict=True))

    return train(case, step)


def torch_stack(case, *, freeze=(), logits=lambda a: a, reduction="mean", squash=None, steps=3):
    import torch

    squash = squash or torch.sigmoid
    names = ("W_1", "b_1", "W_2", "b_2", "W_out", "b_out")
    params = {n: torch.tensor(case.inputs[n], requires_grad=True) for n in names}
    x, labels = torch.tensor(case.inputs["x"]), torch.tensor(case.inputs["labels"])
    answer = {}
    for t in range(steps):
        h_1 = squash(x @ params["W_1"] + params["b_1"])
        h_2 = squash(h_1 @ params["W_2"] + params["b_2"])
        a = h_2 @ params["W_out"] + params["b_out"]
        loss = torch.nn.functional.cross_entropy(logits(a), labels, reduction=reduction)
        grads = dict(zip(names, torch.autograd.grad(loss, list(params.values())), strict=True))
        if t == 0:
            answer = {"probabilities": torch.softmax(a, 1).detach().numpy(), "loss": loss.detach().numpy()}
            answer |= {f"d{n}": g.numpy() for n, g in grads.items()}
        with torch.no_grad():
            for n in names:
                if n not in freeze:
                    params[n] -= case.conventions["lr"] * grads[n]
    return answer | {f"{n}_after": p.detach().numpy() for n, p in params.items()}


@wrong("finetune_two_layers", "layers_frozen", needs="torch")
def torch_trains_the_softmax_alone(case):
    return torch_stack(case, freeze=("W_1", "b_1", "W_2", "b_2"))


@wrong("finetune_two_layers", "softmax_twice", needs="torch")
def torch_cross_entropy_of_probabilities(case):
    import torch

    return torch_stack(case, logits=lambda a: torch.softmax(a, 1))


@wrong("finetune_two_layers", "reduction:sum", needs="torch")
def torch_sums_over_the_batch(case):
    return torch_stack(case, reduction="sum")


@wrong("finetune_two_layers", "hidden_tanh", needs="torch")
def torch_stack_of_tanh(case):
    import torch

    return torch_stack(case, squash=torch.tanh)


@wrong("finetune_two_layers", "a_step_too_few", "reduction:sum", needs="torch")
def torch_two_mistakes_in_the_stack(case):
    return torch_stack(case, reduction="sum", steps=2)


@wrong("pretrain_second_layer_cross_entropy", "corrupted_target")
def second_layer_repeats_corrupted_codes(case):
    i = case.inputs
    codes = logistic(i["x"] @ i["W_1"] + i["b_1"])
    corrupted = codes * ~i["mask"]
    y = logistic(corrupted @ i["W_2"] + i["b_2"])
    z = logistic(y @ i["W_2"].T + i["b_prime_2"])
    d = (z - corrupted) / len(codes)
    h = d @ i["W_2"] * y * (1 - y)
    loss = -(corrupted * np.log(z) + (1 - corrupted) * np.log(1 - z)).sum(1).mean()
    return {"z": z, "loss": loss, "dW_2": corrupted.T @ h + d.T @ y, "db_2": h.sum(0), "db_prime_2": d.sum(0)}


def trains_by(case, change):
    """Train with gradients changed by ``change(grads, params) -> grads``, of dW, db and db_prime."""

    def step(t, W, b, c):
        loss, encoder, decoder, db, dc = gradients(case, t, W, b, c)
        grads = change((encoder + decoder, db, dc), (W, b, c))
        return loss, *(p - case.conventions["lr"] * g for p, g in zip((W, b, c), grads, strict=True))

    return train(case, step)


@wrong("train_cross_entropy", "weight_decay")
def trains_with_weight_decay_of_everything(case):
    return trains_by(case, lambda grads, params: [g + 0.02 * p for g, p in zip(grads, params, strict=True)])


@wrong("train_cross_entropy", "clipped_by_norm")
def trains_with_a_clipped_norm(case):
    def shorten(grads, _):
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        return [g * min(1, 0.75 / norm) for g in grads]

    return trains_by(case, shorten)


@wrong("train_cross_entropy", "clipped_by_norms")
def trains_with_clipped_norms(case):
    return trains_by(case, lambda grads, _: [g * min(1, 0.5 / np.linalg.norm(g)) for g in grads])


@wrong("train_cross_entropy", "clipped_by_value")
def trains_with_clipped_entries(case):
    return trains_by(case, lambda grads, _: [g.clip(-0.2, 0.2) for g in grads])


@wrong("finetune_two_layers", "hidden_1_tanh", needs="torch")
def torch_stack_with_one_layer_of_tanh(case):
    import torch

    calls = iter(range(100))
    return torch_stack(case, squash=lambda a: torch.sigmoid(a) if next(calls) % 2 else torch.tanh(a))
