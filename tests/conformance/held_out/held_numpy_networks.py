# ruff: noqa: E501, E731
# fmt: off
"""Mistakes in NumPy: the denoising autoencoder, its training, and stacks of it."""

import numpy as np
from held_numpy import s, softmax
from held_row import Rows

ROWS = Rows("numpy", "np")
wrong = ROWS.wrong


def corrupted(i, c):
    x = i["x"]
    kind = c["corruption"]
    if kind == "gaussian":
        return x + c["sigma"] * i["noise"]
    if kind == "none":
        return x.copy()
    return np.where(i["mask"], i["coin"] if kind == "salt_and_pepper" else 0, x)


class Net:
    """A denoising autoencoder as a stranger writes it: each method is one line of the derivation."""

    full = False  # answers what may come out too

    def corrupt(self):
        return corrupted(self.i, self.c)

    def target(self, x, x_tilde):
        return x

    def seen(self, x, x_tilde):  # by the encoder
        return x_tilde

    def hidden(self, a):
        return s(a)

    def dhidden(self, y, a):
        return y * (1 - y)

    def pre(self, x, W, b):
        return x @ W + b

    def decode(self, y, V, b_prime):
        return y @ V + b_prime

    def output(self, a):
        return s(a) if self.c["output"] == "sigmoid" else a

    def doutput(self, z, a):
        return s(a) * s(-a) if self.c["output"] == "sigmoid" else np.ones_like(z)

    def size(self, x):
        return x.size if self.c["reduction"] == "mean" else len(x)

    def grad_size(self, x):
        return self.size(x)

    def entries(self, a, z, t):
        if self.c["loss"] == "squared_error":
            return (z - t) ** 2
        return np.where(a >= 0, 1 - t, -t) * a + np.log1p(np.exp(-np.abs(a)))

    def dentries(self, a, z, t):  # with respect to a
        if self.c["loss"] == "squared_error":
            return 2 * (z - t) * self.doutput(z, a)
        return z - t

    def back_V(self, V, W):
        return V.T

    def encoder_part(self, x_tilde, x, da_y):
        return x_tilde.T @ da_y

    def decoder_part(self, y, a_y, da_z):  # like V
        return y.T @ da_z

    def add(self, encoder, decoder):
        return encoder + decoder

    def bias(self, d):
        return d.sum(0)

    def weights(self):
        return [self.i[k] for k in ("W", "W_prime") if k in self.i]

    def penalty(self, l2):
        return l2 * sum((w**2).sum() for w in self.weights())

    def dpenalty(self, l2, w):
        return 2 * l2 * w

    def run(self, i, c):
        with np.errstate(all="ignore"):
            return self._run(i, c)

    def _run(self, i, c):
        self.i, self.c = i, {"output": "sigmoid", "l2": 0.0, **c}
        x, W, b, b_prime, l2 = i["x"], i["W"], i["b"], i["b_prime"], self.c["l2"]
        tied = self.c["tied"]
        V = W.T if tied else i["W_prime"]
        self.x_tilde = x_tilde = self.corrupt()
        seen, t = self.seen(x, x_tilde), self.target(x, x_tilde)
        a_y = self.pre(seen, W, b)
        y = self.hidden(a_y)
        a_z = self.decode(y, V, b_prime)
        z = self.output(a_z)
        loss = self.entries(a_z, z, t).sum() / self.size(x)
        da_z = self.dentries(a_z, z, t) / self.grad_size(x)
        dy = da_z @ self.back_V(V, W)
        da_y = dy * self.dhidden(y, a_y)
        enc, dec = self.encoder_part(seen, x, da_y), self.decoder_part(y, a_y, da_z)
        answer = {"z": z, "loss": loss + self.penalty(l2), "db": self.bias(da_y), "db_prime": self.bias(da_z)}
        if tied:
            answer["dW"] = self.add(enc, dec.T) + self.dpenalty(l2, W)
        else:
            answer["dW"], answer["dW_prime"] = enc + self.dpenalty(l2, W), dec + self.dpenalty(l2, V)
        answer = self.last(answer, locals())
        if self.full:
            answer |= {"x_tilde": x_tilde, "a_y": a_y, "y": y, "a_z": a_z, "data_loss": loss, "penalty": self.penalty(l2)}
            answer |= {"da_z": da_z, "dy": dy, "da_y": da_y}
        return answer

    def last(self, answer, v):
        return answer


def net(i, c, **methods):
    """Run an autoencoder of which some methods are other ones."""
    return type("Mine", (Net,), methods)().run(i, c)


AE, CE, SE = "autoencoder/*", "autoencoder/*cross_entropy*", "autoencoder/*squared_error*"
TIED, UNTIED = "autoencoder/tied_*", "autoencoder/untied_*"
SIGMOID_SE = "autoencoder/tied_squared_error autoencoder/tied_squared_error_mean* autoencoder/tied_squared_error_saturated autoencoder/untied_squared_error"
LINEAR = "autoencoder/*linear*"
MEAN, PAPER = "autoencoder/*_mean autoencoder/*_mean_l2", "autoencoder/tied_cross_entropy autoencoder/tied_squared_error autoencoder/untied_cross_entropy autoencoder/untied_squared_error*"
L2 = "autoencoder/*_l2"

wrong("ae_no_encoder_part", "The encoder's part of the tied weights' gradient is left out.", TIED, net, add=lambda m, e, d: d)
wrong("ae_no_decoder_part", "The decoder's part of the tied weights' gradient is left out.", TIED, net, add=lambda m, e, d: e, full=True)
wrong("ae_parts_averaged", "The two parts of the tied weights' gradient are averaged, not added.", TIED, net, add=lambda m, e, d: (e + d) / 2)
wrong("ae_parts_subtracted", "The decoder's part of the tied gradient is subtracted from the encoder's.", TIED, net, add=lambda m, e, d: e - d)
wrong("ae_clean_in_encoder_part", "The encoder's part of dW uses the clean input, not the corrupted one that was encoded.", AE, net, encoder_part=lambda m, xt, x, da: x.T @ da)
wrong("ae_decoder_part_pre_activation", "The decoder's part of dW uses the hidden pre-activations in place of the hidden values.", AE, net, decoder_part=lambda m, y, a, da: a.T @ da, full=True)
wrong("ae_no_hidden_derivative", "The derivative y (1 - y) of the hidden layer is left out.", AE, net, dhidden=lambda m, y, a: 1)
wrong("ae_hidden_derivative_full", "The derivative y (1 - y) of the hidden layer is left out.", "autoencoder/tied_cross_entropy autoencoder/untied_*", net, dhidden=lambda m, y, a: 1, full=True)
wrong("ae_hidden_derivative_tanh", "The derivative of the hidden layer is that of tanh, 1 - y², where its activation is the sigmoid.", AE, net, dhidden=lambda m, y, a: 1 - y**2)
wrong("ae_hidden_derivative_of_y", "The sigmoid's derivative is evaluated at y: s(y) (1 - s(y)).", AE, net, dhidden=lambda m, y, a: s(y) * s(-y), full=True)
wrong("ae_hidden_derivative_of_a", "The hidden derivative is a (1 - a) of the pre-activation.", "autoencoder/tied_cross_entropy autoencoder/tied_squared_error autoencoder/untied_cross_entropy", net, dhidden=lambda m, y, a: a * (1 - a))
wrong("ae_hidden_derivative_relu", "The hidden derivative is that of a rectifier, 1 where the pre-activation is positive.", AE, net, dhidden=lambda m, y, a: a > 0)
wrong("ae_no_output_derivative", "The derivative z (1 - z) is left out of the squared error's gradient.", SIGMOID_SE, net, dentries=lambda m, a, z, t: 2 * (z - t))
wrong("ae_extra_output_derivative", "z (1 - z) is multiplied into the cross-entropy's z - x.", CE, net, dentries=lambda m, a, z, t: (z - t) * z * (1 - z))
wrong("ae_linear_output_derivative", "The derivative of the sigmoid is applied to an output that is linear.", LINEAR, net, doutput=lambda m, z, a: z * (1 - z))
wrong("ae_linear_output_sigmoid", "The output goes through the sigmoid where it should stay linear.", LINEAR, net, output=lambda m, a: s(a), doutput=lambda m, z, a: z * (1 - z))
wrong("ae_output_linear", "The output of the reconstruction is left linear where the sigmoid is asked.", SIGMOID_SE, net, output=lambda m, a: a, doutput=lambda m, z, a: 1)
wrong("ae_corrupted_target", "The reconstruction is compared with the corrupted input.", AE, net, target=lambda m, x, xt: xt)
wrong("ae_corrupted_target_full", "The reconstruction is compared with the corrupted input.", "autoencoder/*_gaussian autoencoder/*_salt_and_pepper autoencoder/untied_cross_entropy", net, target=lambda m, x, xt: xt, full=True)
wrong("ae_encodes_clean", "The clean input is encoded: the corrupted one is computed and not used.", AE, net, seen=lambda m, x, xt: x)
wrong("ae_corrupted_target_in_gradient", "The loss is measured against the clean input, its gradient against the corrupted one.", CE, net, dentries=lambda m, a, z, t: z - m.x_tilde)
wrong("ae_corrupted_target_in_loss", "The loss is reported against the corrupted input, but the gradient is that of the clean target.", SE, net, entries=lambda m, a, z, t: (z - m.x_tilde) ** 2)
wrong("ae_mean_for_paper", "The loss and its gradient are averaged over all entries where the sum over an example's components is asked.", PAPER, net, size=lambda m, x: x.size)
wrong("ae_paper_for_mean", "The loss and its gradient are summed over the components where the mean of all entries is asked.", MEAN, net, size=lambda m, x: len(x))
wrong("ae_loss_mean_gradient_paper", "The loss is averaged over all entries but its gradient is divided by the batch alone.", PAPER, net, size=lambda m, x: x.size, grad_size=lambda m, x: len(x))
wrong("ae_gradient_mean_loss_paper", "The gradient is divided by all entries but the loss by the batch alone.", PAPER, net, size=lambda m, x: len(x), grad_size=lambda m, x: x.size)
wrong("ae_gradient_not_divided", "The gradients are summed over the batch while the loss is averaged.", AE, net, grad_size=lambda m, x: 1)
wrong("ae_summed", "Loss and gradients are summed over the batch.", AE, net, size=lambda m, x: 1)
wrong("ae_bias_mean", "The biases' gradients are averaged over the batch a second time.", AE, net, bias=lambda m, d: d.mean(0))
wrong("ae_bias_first_example", "The biases' gradients are those of the first example alone.", AE, net, bias=lambda m, d: d[0])
wrong("ae_db_from_dy", "The hidden biases' gradient is the sum of dy, before the hidden derivative.", AE, net, last=lambda m, ans, v: ans | {"db": v["dy"].sum(0)})
wrong("ae_db_prime_error", "The visible biases' gradient is the sum of z - x, without factor 2 and derivative.", SE, net, last=lambda m, ans, v: ans | {"db_prime": (v["z"] - v["t"]).sum(0) / m.size(v["x"])})
wrong("ae_biases_frozen", "The gradients of both biases are zero: they were not made parameters.", AE, net, bias=lambda m, d: 0 * d.sum(0))
wrong("ae_no_b_prime", "The visible biases are never added.", AE, net, decode=lambda m, y, V, b: y @ V)
wrong("ae_b_twice", "The hidden biases are added twice.", AE, net, pre=lambda m, x, W, b: x @ W + 2 * b)
wrong("ae_b_before", "The visible biases are subtracted from the input before it is encoded, as some sparse autoencoders do.", "autoencoder/tied_*", net, pre=lambda m, x, W, b: (x - m.i["b_prime"]) @ W + b)
wrong("ae_tanh_hidden", "The hidden layer is tanh.", AE, net, hidden=lambda m, a: np.tanh(a), dhidden=lambda m, y, a: 1 - y**2, full=True)
wrong("ae_linear_hidden", "The hidden layer has no activation.", AE, net, hidden=lambda m, a: a, dhidden=lambda m, y, a: 1)
wrong("ae_relu_hidden", "The hidden layer is a rectifier.", AE, net, hidden=lambda m, a: np.maximum(a, 0), dhidden=lambda m, y, a: a > 0)
wrong("ae_se_half", "The squared error has a factor 1/2 in loss and gradients.", SE, net, entries=lambda m, a, z, t: (z - t) ** 2 / 2, dentries=lambda m, a, z, t: (z - t) * m.doutput(z, a))
wrong("ae_se_no_two", "The gradients lack the factor 2 of the squared error; the loss is right.", SE, net, dentries=lambda m, a, z, t: (z - t) * m.doutput(z, a), full=True)
wrong("ae_ce_clip", "Reconstructions are clipped to [1e-7, 1 - 1e-7] in the cross-entropy.", CE, net, entries=lambda m, a, z, t: -t * np.log(np.clip(z, 1e-7, 1 - 1e-7)) - (1 - t) * np.log(1 - np.clip(z, 1e-7, 1 - 1e-7)))
wrong("ae_ce_eps", "1e-8 is added inside the logarithms and in the denominators of the cross-entropy's gradient.", CE, net, entries=lambda m, a, z, t: -t * np.log(z + 1e-8) - (1 - t) * np.log(1 - z + 1e-8), dentries=lambda m, a, z, t: ((1 - t) / (1 - z + 1e-8) - t / (z + 1e-8)) * z * (1 - z))
wrong("ae_ce_naive", "The cross-entropy is computed from the rounded reconstruction as its formula stands, and is NaN or infinite where it has saturated.", "autoencoder/tied_cross_entropy_saturated", net, entries=lambda m, a, z, t: -t * np.log(1 / (1 + np.exp(-a))) - (1 - t) * np.log(1 - 1 / (1 + np.exp(-a))))
wrong("ae_ce_positive_only", "Only x log z is in the loss and its gradient; the term of 1 - x is missing.", CE, net, entries=lambda m, a, z, t: t * np.logaddexp(0, -a), dentries=lambda m, a, z, t: -t * s(-a))
wrong("ae_ce_bits", "The loss is in bits, the gradients are in nats.", CE, net, entries=lambda m, a, z, t: Net.entries(m, a, z, t) / np.log(2))
wrong("ae_se_for_ce", "The squared error is reported as the loss while z - x drives the gradients.", CE, net, entries=lambda m, a, z, t: (z - t) ** 2)
wrong("ae_masked_only", "The loss counts the destroyed components alone, and so do its gradients.", "autoencoder/tied_cross_entropy autoencoder/tied_squared_error autoencoder/untied_squared_error", net, entries=lambda m, a, z, t: Net.entries(m, a, z, t) * m.i["mask"], dentries=lambda m, a, z, t: Net.dentries(m, a, z, t) * m.i["mask"])
wrong("ae_emphasis", "Destroyed components count twice in the loss and its gradients.", "autoencoder/tied_cross_entropy autoencoder/tied_squared_error_linear autoencoder/untied_cross_entropy", net, entries=lambda m, a, z, t: Net.entries(m, a, z, t) * (1 + m.i["mask"]), dentries=lambda m, a, z, t: Net.dentries(m, a, z, t) * (1 + m.i["mask"]))
wrong("ae_mask_inverted", "The mask is taken for what is kept.", "autoencoder/tied_cross_entropy autoencoder/tied_cross_entropy_[ov]* autoencoder/tied_squared_error autoencoder/untied_squared_error", net, corrupt=lambda m: m.i["x"] * m.i["mask"])
wrong("ae_mask_rescaled", "The corrupted input is scaled up by the part that was kept, as dropout does.", "autoencoder/tied_cross_entropy autoencoder/tied_squared_error autoencoder/untied_cross_entropy", net, corrupt=lambda m: np.where(m.i["mask"], 0, m.i["x"]) / (1 - m.i["mask"].mean()))
wrong("ae_corruption_off", "The input is not corrupted at all.", AE, net, corrupt=lambda m: m.i["x"], full=True)
wrong("ae_gauss_variance", "sigma is squared in the Gaussian corruption.", "autoencoder/*gaussian", net, corrupt=lambda m: m.i["x"] + m.c["sigma"] ** 2 * m.i["noise"])
wrong("ae_gauss_clip", "The noisy input is clipped to [0, 1].", "autoencoder/*gaussian", net, corrupt=lambda m: np.clip(m.i["x"] + m.c["sigma"] * m.i["noise"], 0, 1))
wrong("ae_pepper", "Salt and pepper noise is pepper alone.", "autoencoder/*salt_and_pepper", net, corrupt=lambda m: np.where(m.i["mask"], 0, m.i["x"]))
wrong("ae_inplace_corruption", "The input is corrupted in place, so the target is corrupted as well.", "autoencoder/tied_cross_entropy autoencoder/tied_cross_entropy_s* autoencoder/tied_squared_error* autoencoder/untied_cross_entropy*", net, corrupt=lambda m: _destroy(m.i))
wrong("ae_reports_clean_z", "The reconstruction that is reported is that of the clean input.", AE, net, last=lambda m, ans, v: ans | {"z": m.output(m.decode(m.hidden(m.pre(v["x"], v["W"], v["b"])), v["V"], v["b_prime"]))})
wrong("ae_untied_decodes_tied", "The decoder uses the transpose of the encoder's weights although it has weights of its own.", UNTIED, net, decode=lambda m, y, V, b: y @ m.i["W"].T + b)
wrong("ae_untied_back_through_W", "The gradient goes back through the encoder's weights, not through the decoder's.", UNTIED, net, back_V=lambda m, V, W: W)
wrong("ae_untied_prime_into_W", "The decoder's gradient is added to the encoder's as if the weights were tied.", UNTIED, net, last=lambda m, ans, v: ans | {"dW": ans["dW"] + v["dec"].T})
wrong("ae_untied_prime_reshaped", "The gradient of W_prime is computed for its transpose and reshaped, not transposed.", UNTIED, net, last=lambda m, ans, v: ans | {"dW_prime": ans["dW_prime"].T.reshape(ans["dW_prime"].shape)})
wrong("ae_l2_missing", "The penalty is in the loss but not in dW.", L2, net, dpenalty=lambda m, l2, w: 0)
wrong("ae_l2_missing_in_loss", "The penalty is in dW but not in the loss.", L2, net, penalty=lambda m, l2: 0)
wrong("ae_l2_half", "The penalty has a factor 1/2, in the loss and in dW.", L2, net, penalty=lambda m, l2: Net.penalty(m, l2) / 2, dpenalty=lambda m, l2, w: l2 * w, full=True)
wrong("ae_l2_gradient_half", "The penalty's gradient is l2 W, without the factor 2.", L2, net, dpenalty=lambda m, l2, w: l2 * w)
wrong("ae_l2_twice", "The penalty counts the tied weights twice, once for the encoder and once for the decoder.", "autoencoder/tied*l2", net, penalty=lambda m, l2: 2 * Net.penalty(m, l2), dpenalty=lambda m, l2, w: 4 * l2 * w)
wrong("ae_l2_averaged", "The penalty is divided by the batch size, in the loss and in dW.", L2, net, penalty=lambda m, l2: Net.penalty(m, l2) / len(m.i["x"]), dpenalty=lambda m, l2, w: 2 * l2 * w / len(m.i["x"]))
wrong("ae_l2_l1", "The penalty is that of absolute values.", L2, net, penalty=lambda m, l2: l2 * sum(np.abs(w).sum() for w in m.weights()), dpenalty=lambda m, l2, w: l2 * np.sign(w))
wrong("ae_l2_biases", "The penalty includes the biases.", L2, net, last=lambda m, ans, v: ans | {"loss": ans["loss"] + v["l2"] * ((v["b"] ** 2).sum() + (v["b_prime"] ** 2).sum()), "db": ans["db"] + 2 * v["l2"] * v["b"], "db_prime": ans["db_prime"] + 2 * v["l2"] * v["b_prime"]})
wrong("ae_l2_encoder_only", "Only the encoder's weights are in the penalty.", "autoencoder/untied*l2", net, weights=lambda m: [m.i["W"]], last=lambda m, ans, v: ans | {"dW_prime": v["dec"]})
wrong("ae_l2_sign", "The penalty's gradient is subtracted.", L2, net, dpenalty=lambda m, l2, w: -2 * l2 * w)
wrong("ae_gradient_sign", "The gradient is that of x - z: all signs are wrong.", CE, net, dentries=lambda m, a, z, t: t - z)
wrong("ae_half_precision", "All is computed in half precision.", AE, lambda i, c: {k: np.asarray(v, np.float64) for k, v in net({k: v.astype(np.float16) if v.dtype.kind == "f" else v for k, v in i.items()}, c).items()})
wrong("ae_single_in_double", "All is computed in single precision though double is announced.", AE, lambda i, c: {k: np.asarray(v, np.float64) for k, v in net({k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in i.items()}, c).items()})
wrong("ae_last_example", "The loop over the batch overwrites the gradient of W in place of adding to it: that of the last example is left.", AE, net, encoder_part=lambda m, xt, x, da: np.outer(xt[-1], da[-1]), decoder_part=lambda m, y, a, da: np.outer(y[-1], da[-1]))


def _destroy(i):
    i["x"][i["mask"]] = i["coin"][i["mask"]] if "coin" in i else 0
    return i["x"]


wrong("pair_ae_decoder_hidden", ("The decoder's part of the tied gradient is left out.", "The hidden derivative y (1 - y) is left out."), TIED, net, add=lambda m, e, d: e, dhidden=lambda m, y, a: 1)
wrong("pair_ae_target_mean", ("The reconstruction is compared with the corrupted input.", "The gradients are not divided by the batch."), AE, net, target=lambda m, x, xt: xt, grad_size=lambda m, x: 1)
wrong("pair_ae_clean_bias", ("The encoder's part of dW uses the clean input.", "The biases' gradients are averaged over the batch a second time."), AE, net, encoder_part=lambda m, xt, x, da: x.T @ da, bias=lambda m, d: d.mean(0))
wrong("pair_ae_half_output", ("The factor 2 of the squared error is left out of the gradients.", "The derivative z (1 - z) of the output is left out."), SIGMOID_SE, net, dentries=lambda m, a, z, t: z - t)
wrong("pair_ae_clip_extra", ("Reconstructions are clipped to [1e-7, 1 - 1e-7] in the loss.", "z (1 - z) is multiplied into z - x."), CE, net, entries=lambda m, a, z, t: -t * np.log(np.clip(z, 1e-7, 1 - 1e-7)) - (1 - t) * np.log(1 - np.clip(z, 1e-7, 1 - 1e-7)), dentries=lambda m, a, z, t: (z - t) * z * (1 - z))
wrong("pair_ae_l2_twice_sum", ("The penalty has a factor 1/2 in the loss alone.", "The gradients of the data loss are summed over the batch."), L2, net, penalty=lambda m, l2: Net.penalty(m, l2) / 2, grad_size=lambda m, x: 1)
wrong("pair_ae_mask_half", ("The mask is taken for what is kept.", "The hidden derivative is that of tanh."), "autoencoder/tied_cross_entropy autoencoder/tied_squared_error autoencoder/untied_squared_error", net, corrupt=lambda m: m.i["x"] * m.i["mask"], dhidden=lambda m, y, a: 1 - y**2)
wrong("pair_ae_untied", ("The gradient goes back through the encoder's weights.", "The hidden biases' gradient is the sum of dy."), UNTIED, net, back_V=lambda m, V, W: W, last=lambda m, ans, v: ans | {"db": v["dy"].sum(0)})
wrong("pair_ae_variance_target", ("sigma is squared in the Gaussian corruption.", "The reconstruction is compared with the noisy input."), "autoencoder/*gaussian", net, corrupt=lambda m: m.i["x"] + m.c["sigma"] ** 2 * m.i["noise"], target=lambda m, x, xt: xt)
wrong("pair_ae_linear", ("The derivative of the sigmoid is applied to a linear output.", "The mean over all entries is taken where the sum over components is asked."), "autoencoder/tied_squared_error_linear autoencoder/untied_squared_error_linear*", net, doutput=lambda m, z, a: z * (1 - z), size=lambda m, x: x.size)

# --- training --------------------------------------------------------------------------------------------------------


def training(i, c, model=None, change=lambda g, p, t, past: g, lr=lambda c, t, B: c["lr"], batch=lambda t: t, mask=lambda t: t, order=None, alias=False, after=(1, 10, 50), loss_after=False, report=lambda a: a):
    """Fifty steps of gradient descent; what may be changed is a name of a parameter."""
    p = {k: i[k].copy() for k in ("W", "b", "b_prime")}
    losses, kept, past = [], {}, []
    mine = type("Mine", (Net,), model or {})
    for t in range(c["steps"]):
        one = {"x": i["x"][batch(t)].copy(), "mask": i["mask"][mask(t)]}
        if order:  # one parameter after the other, each from a fresh gradient
            got = mine().run(one | p, c)
            for k in order:
                p[k] = p[k] - c["lr"] * mine().run(one | p, c)[f"d{k}"]
        else:
            got = mine().run(one | p, c)
            g = change({k: got[f"d{k}"] for k in p}, p, t, past)
            rate = lr(c, t, len(one["x"]))
            for k in p:
                p[k] -= rate * g[k]
        losses.append(mine().run(one | p, c)["loss"] if loss_after else got["loss"])
        kept[t + 1] = {k: v if alias else v.copy() for k, v in p.items()}
    kept[0] = {k: i[k] for k in p}
    answer = {"losses": np.array(losses)} | {f"W_after_{n}": kept[m]["W"] for n, m in zip((1, 10, 50), after, strict=True)}
    return report(answer | {"b_after_50": kept[after[2]]["b"], "b_prime_after_50": kept[after[2]]["b_prime"]})


def accumulated(g, p, t, past):
    past.append(g)
    return {k: sum(one[k] for one in past) for k in g}


def stale(g, p, t, past):
    past.append(g)
    return past[-2] if len(past) > 1 else {k: 0 * v for k, v in g.items()}


def momentum(g, p, t, past):
    v = {k: 0.9 * past[-1][k] + g[k] if past else g[k] for k in g}
    past.append(v)
    return v


def unit(g):
    n = np.sqrt(sum((v**2).sum() for v in g.values()))
    return {k: v * min(1, 0.1 / n) for k, v in g.items()}


T = "training/*"
TCE, TSE = "training/train_cross_entropy*", "training/train_squared_error"
wrong("train_accumulates", "Gradients are never set to zero: each step takes all before it as well.", T, training, change=accumulated)
wrong("train_stale", "Each step takes the gradient of the batch before it; the first does nothing.", T, training, change=stale)
wrong("train_momentum", "A momentum of 0.9 is left switched on.", T, training, change=momentum)
wrong("train_ascent", "The gradient is added to the parameters, not subtracted.", T, training, lr=lambda c, t, B: -c["lr"])
wrong("train_lr_over_batch", "The learning rate is divided by the batch size though the gradient is a mean already.", T, training, lr=lambda c, t, B: c["lr"] / B)
wrong("train_lr_decay", "The learning rate decays as 1 / (1 + 0.01 t).", T, training, lr=lambda c, t, B: c["lr"] / (1 + 0.01 * t))
wrong("train_lr_warmup", "The learning rate warms up over the first five steps.", T, training, lr=lambda c, t, B: c["lr"] * min(1, (t + 1) / 5))
wrong("train_first_batch", "The first batch is used in every step.", T, training, batch=lambda t: 0, mask=lambda t: 0)
wrong("train_mask_once", "The mask is drawn once, before training, and used in every step.", T, training, mask=lambda t: 0)
wrong("train_mask_shifted", "The mask of the step before is used (that of the first step twice).", T, training, mask=lambda t: max(t - 1, 0))
wrong("train_reversed", "The batches are taken in the opposite order.", T, training, batch=lambda t: 49 - t, mask=lambda t: 49 - t)
wrong("train_alias", "The parameters that are kept after steps 1 and 10 are the same array, changed in place, and show the end.", T, training, alias=True)
wrong("train_off_by_one", "Parameters are kept one step too early: those before the step, counted from 0.", T, training, after=(0, 9, 49))
wrong("train_loss_after", "The loss of each step is measured after the step, on the same batch.", T, training, loss_after=True)
wrong("train_biases_frozen", "The biases are not updated.", T, training, change=lambda g, p, t, past: g | {"b": 0, "b_prime": 0})
wrong("train_b_prime_frozen", "The visible biases are not updated.", T, training, change=lambda g, p, t, past: g | {"b_prime": 0})
wrong("train_sequential", "Each parameter is updated in turn, and the next gradient is computed with those that have moved already.", T, training, order=("b_prime", "W", "b"))
wrong("train_weight_decay", "A weight decay of 1e-4 is left switched on.", T, training, change=lambda g, p, t, past: g | {"W": g["W"] + 1e-4 * p["W"]})
wrong("train_clipped", "Gradients are clipped to a norm of 0.1.", T, training, change=lambda g, p, t, past: unit(g))
wrong("train_sign", "The sign of the gradient is taken for the gradient.", T, training, change=lambda g, p, t, past: {k: np.sign(v) for k, v in g.items()})
wrong("train_corrupted_target", "The network is trained towards the corrupted batch.", T, training, model={"target": lambda m, x, xt: xt})
wrong("train_no_corruption", "Training sees clean batches.", T, training, model={"corrupt": lambda m: m.i["x"]})
wrong("train_summed", "The gradient is summed over the batch; the loss is right.", T, training, model={"grad_size": lambda m, x: 1})
wrong("train_encoder_part", "The tied gradient lacks the decoder's part.", T, training, model={"add": lambda m, e, d: e})
wrong("train_hidden_derivative", "The hidden derivative is left out.", T, training, model={"dhidden": lambda m, y, a: 1})
wrong("train_no_output_derivative", "The derivative of the output is left out of the squared error's gradient.", TSE, training, model={"dentries": lambda m, a, z, t: 2 * (z - t)})
wrong("train_half", "The factor 2 of the squared error is left out of the gradient.", TSE, training, model={"dentries": lambda m, a, z, t: (z - t) * z * (1 - z)})
wrong("train_running_loss", "The losses that are reported are a running mean.", T, training, report=lambda a: a | {"losses": np.cumsum(a["losses"]) / np.arange(1, 51)})
wrong("train_loss_summed", "The reported losses are summed over the batch.", T, training, report=lambda a: a | {"losses": a["losses"] * 2})
wrong("train_single", "Parameters are kept in single precision and updated there, though double is announced.", T, lambda i, c: {k: v.astype(np.float64) for k, v in training({k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in i.items()}, c).items()})
wrong("pair_train_target_frozen", ("The network is trained towards the corrupted batch.", "The visible biases are not updated."), T, training, model={"target": lambda m, x, xt: xt}, change=lambda g, p, t, past: g | {"b_prime": 0})
wrong("pair_train_momentum_after", ("A momentum of 0.9 is left switched on.", "The loss is measured after the step."), T, training, change=momentum, loss_after=True)
wrong("pair_train_encoder_lr", ("The tied gradient lacks the decoder's part.", "The learning rate is divided by the batch size."), T, training, model={"add": lambda m, e, d: e}, lr=lambda c, t, B: c["lr"] / B)
wrong("pair_train_alias_accumulate", ("Gradients are never set to zero.", "The parameters that are kept are one array, changed in place."), T, training, change=accumulated, alias=True)

# --- stacks ----------------------------------------------------------------------------------------------------------


def classify(p, x, t, size=len, act=s, dact=lambda h: h * (1 - h), dout=lambda q, o: q - o, label=lambda t: t):
    h1 = act(x @ p["W_1"] + p["b_1"])
    h2 = act(h1 @ p["W_2"] + p["b_2"])
    a = h2 @ p["W_out"] + p["b_out"]
    q, o = softmax(a), np.eye(a.shape[1])[label(t)]
    d3 = dout(q, o) / size(x)
    d2 = d3 @ p["W_out"].T * dact(h2)
    d1 = d2 @ p["W_2"].T * dact(h1)
    g = {"W_out": h2.T @ d3, "b_out": d3.sum(0), "W_2": h1.T @ d2, "b_2": d2.sum(0), "W_1": x.T @ d1, "b_1": d1.sum(0)}
    return h1, h2, a, q, -(o * np.log(q)).sum() / size(x), g


def stack(i, c, change=lambda g, first, p: g, steps=lambda n: n, lr=lambda v: v, turn=False, tell=lambda a: a, gradient=lambda g, p: g, **how):
    p = {k: v.copy() for k, v in i.items() if k not in ("x", "labels")}
    x, t = i["x"], i["labels"]
    _h1, _h2, _a, q, loss, first = classify(p, x, t, **how)
    first = gradient(first, p)
    answer = {"probabilities": q, "loss": loss} | {f"d{k}": v for k, v in first.items()}
    for _ in range(steps(c["steps"])):
        if turn:  # from the top, with weights above that have been updated
            for name in ("out", "2", "1"):
                g = classify(p, x, t, **how)[5]
                for k in (f"W_{name}", f"b_{name}"):
                    p[k] = p[k] - lr(c["lr"]) * g[k]
            continue
        g = change(gradient(classify(p, x, t, **how)[5], p), first, p)
        p = {k: p[k] - lr(c["lr"]) * g[k] for k in p}
    return tell(answer | {f"{k}_after": v for k, v in p.items()})


S = "stack/finetune*"
top = lambda g, first, p: {k: v if k.endswith("out") else 0 for k, v in g.items()}
wrong("stack_frozen", "Only the softmax layer is trained: the layers below stay as they were pretrained.", S, stack, change=top)
wrong("stack_first_frozen", "The first layer stays frozen in fine-tuning.", S, stack, change=lambda g, first, p: {k: 0 if k.endswith("_1") else v for k, v in g.items()})
wrong("stack_same_gradient", "The gradient of the first step is used in all three.", S, stack, change=lambda g, first, p: first)
wrong("stack_in_turn", "Layers are updated from the top down, and the gradient below is computed with weights that have moved.", S, stack, turn=True)
wrong("stack_one_step_few", "One step too few is taken.", S, stack, steps=lambda n: n - 1)
wrong("stack_one_step_many", "One step too many is taken.", S, stack, steps=lambda n: n + 1)
wrong("stack_summed", "Loss and gradients are summed over the batch.", S, stack, size=lambda x: 1)
wrong("stack_one_based", "Labels are taken to be counted from 1.", S, stack, label=lambda t: t - 1)
wrong("stack_no_derivative", "The sigmoid's derivative is left out of both hidden layers.", S, stack, dact=lambda h: 1)
wrong("stack_tanh", "The hidden layers are tanh.", S, stack, act=np.tanh, dact=lambda h: 1 - h**2)
wrong("stack_tanh_derivative", "The hidden derivative is that of tanh.", S, stack, dact=lambda h: 1 - h**2)
wrong("stack_ascent", "The gradients are added.", S, stack, lr=lambda v: -v)
wrong("stack_biases", "The biases are not updated, though their gradients are right.", S, stack, change=lambda g, first, p: {k: 0 if k[0] == "b" else v for k, v in g.items()})
wrong("stack_output_derivative", "p (1 - p) is multiplied into p - one_hot, as for a sigmoid with the squared error.", S, stack, dout=lambda q, o: (q - o) * q * (1 - q))
wrong("stack_gradient_of_end", "The gradients that are reported are divided by the batch twice, those that are applied once.", S, stack, tell=lambda a: {k: v / 4 if k[0] == "d" else v for k, v in a.items()})
wrong("stack_weight_decay", "A weight decay of 1e-3 is left switched on.", S, stack, change=lambda g, first, p: {k: v + 1e-3 * p[k] for k, v in g.items()})
wrong("stack_layerwise_lr", "The layers below are trained with a tenth of the learning rate.", S, stack, change=lambda g, first, p: {k: v if k.endswith("out") else v / 10 for k, v in g.items()})
wrong("stack_sigmoid_out", "The probabilities are those of independent sigmoids.", S, lambda i, c: stack(i, c) | {"probabilities": s(classify({k: v for k, v in i.items() if k[0] in "Wb"}, i["x"], i["labels"])[2])})
wrong("pair_stack_frozen_sum", ("Only the softmax layer is trained.", "Loss and gradients are summed over the batch."), S, stack, change=top, size=lambda x: 1)
wrong("pair_stack_derivative_steps", ("The sigmoid's derivative is left out of both hidden layers.", "One step too few is taken."), S, stack, dact=lambda h: 1, steps=lambda n: n - 1)
wrong("pair_stack_label_same", ("Labels are taken to be counted from 1.", "The gradient of the first step is used in all three."), S, stack, label=lambda t: t - 1, change=lambda g, first, p: first)


def pretrain(i, c, code=lambda x, W, b: s(x @ W + b), corrupt=None, **methods):
    h = code(i["x"], i["W_1"], i["b_1"])
    own = {k: i[f"{k}_2"] for k in ("W", "b", "b_prime")}
    got = net({"x": h, "mask": i["mask"], **own}, c, **methods)
    return {"z": got["z"], "loss": got["loss"]} | {f"d{k}_2": got[f"d{k}"] for k in own}


PRE, PSE, PCE = "stack/pretrain*", "stack/pretrain*squared_error", "stack/pretrain*cross_entropy"
wrong("pre_corrupted_target", "The second layer reconstructs corrupted codes.", PRE, pretrain, target=lambda m, x, xt: xt)
wrong("pre_no_corruption", "The second layer sees clean codes: they are not corrupted.", PRE, pretrain, seen=lambda m, x, xt: x)
wrong("pre_linear_codes", "The codes of the first layer are its pre-activations.", PSE, pretrain, code=lambda x, W, b: x @ W + b)
wrong("pre_tanh_codes", "The codes of the first layer are tanh.", PRE, pretrain, code=lambda x, W, b: np.tanh(x @ W + b))
wrong("pre_binary_codes", "The codes of the first layer are rounded to 0 and 1 before they train the second.", PRE, pretrain, code=lambda x, W, b: np.round(s(x @ W + b)))
wrong("pre_no_b1", "The first layer's biases are left out of its codes.", PRE, pretrain, code=lambda x, W, b: s(x @ W))
wrong("pre_rescaled", "The corrupted codes are scaled up by the part that is kept.", PRE, pretrain, seen=lambda m, x, xt: xt / (1 - m.i["mask"].mean()))
wrong("pre_mask_inverted", "The mask of the codes is inverted.", PRE, pretrain, seen=lambda m, x, xt: x * m.i["mask"])
wrong("pre_standardised_codes", "The codes are standardised before they train the second layer.", PSE, pretrain, code=lambda x, W, b: (s(x @ W + b) - s(x @ W + b).mean(0)) / s(x @ W + b).std(0))
wrong("pre_half", "The squared error of the codes has a factor 1/2.", PSE, pretrain, entries=lambda m, a, z, t: (z - t) ** 2 / 2, dentries=lambda m, a, z, t: (z - t) * z * (1 - z))
wrong("pre_no_output_derivative", "z (1 - z) is left out of the gradient.", PSE, pretrain, dentries=lambda m, a, z, t: 2 * (z - t))
wrong("pre_mean", "The loss is averaged over all entries.", PRE, pretrain, size=lambda m, x: x.size)
wrong("pre_decoder_part", "The tied gradient of W_2 lacks the decoder's part.", PRE, pretrain, add=lambda m, e, d: e)
wrong("pair_pre_target_mean", ("The second layer reconstructs corrupted codes.", "The loss is averaged over all entries."), PRE, pretrain, target=lambda m, x, xt: xt, size=lambda m, x: x.size)
wrong("pair_pre_b1_hidden", ("The first layer's biases are left out of its codes.", "The hidden derivative of the second layer is left out."), PRE, pretrain, code=lambda x, W, b: s(x @ W), dhidden=lambda m, y, a: 1)
