# ruff: noqa: E501, E741
# fmt: off
"""Mistakes in NumPy: SGD, RMSprop, Adam and AdamW."""

import numpy as np
from held_row import Rows

ROWS = Rows("numpy", "np")
wrong = ROWS.wrong


class Rule:
    """One update rule after the conventions of a case; a row replaces a method, or a convention."""

    def setup(self, c):
        return c

    def rate(self, lrs, t):
        return lrs[t]

    def count(self, t):  # of steps, for the bias correction
        return t + 1

    def decays(self, key, c):
        return c["weight_decay"] if c["decayed"] == "all" or key == "W" else 0.0

    def square(self, s, g, beta, g_raw):
        return beta * s + (1 - beta) * g**2

    def moment(self, m, g, beta):
        return beta * m + (1 - beta) * g

    def corrected(self, m, v, b1, b2, n):
        return m / (1 - b1**n), v / (1 - b2**n)

    def direction(self, m, v, c, n):
        b1, b2, eps = c["beta1"], c["beta2"], c["eps"]
        if c["epsilon"] == "hat":
            return m * np.sqrt(1 - b2**n) / (1 - b1**n) / (np.sqrt(v) + eps)
        mh, vh = self.corrected(m, v, b1, b2, n)
        return self.divided(mh, vh, c, eps)

    def divided(self, g, v, c, eps):
        return g / (np.sqrt(v + eps) if c["epsilon"] == "inside" else np.sqrt(v) + eps)

    def gradient(self, grads, t, c):
        return grads[t]

    def velocity(self, u, step, c, t):
        return c["momentum"] * u + (step if t == 0 else (1 - c.get("dampening", 0)) * step)

    def nesterov(self, step, u, before, c):
        return step + c["momentum"] * u

    def decouple(self, p, lr, k):
        return p * (1 - lr * k)

    def start(self, p):
        return np.zeros_like(p), np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)

    def centre(self, s, mean):
        return s - mean**2

    def end(self, steps):
        return np.stack(steps)

    def run(self, i, c):
        c = self.setup(dict(c))
        return {f"{key}_steps": self.end(self._one(i[key].copy(), i[f"d{key}"], i["lr"], key, c)) for key in ("W", "b")}

    def _one(self, p, grads, lrs, key, c):
        k, steps = self.decays(key, c), []
        m, v, u, mean = self.start(p)
        for t in range(len(grads)):
            lr, g = self.rate(lrs, t), self.gradient(grads, t, c)
            raw = g
            if k and c["decay"] == "gradient":
                g = self.with_decay(g, k, p)
            if c["rule"] in ("adam", "adamw"):
                m, v = self.moment(m, g, c["beta1"]), self.square(v, g, c["beta2"], raw)
                move = lr * self.direction(m, v, c, self.count(t))
            else:
                step = g
                if c["rule"] == "rmsprop":
                    v = self.square(v, g, c["decay_rate"], raw)
                    mean = c["decay_rate"] * mean + (1 - c["decay_rate"]) * g
                    step = self.divided(g, self.centre(v, mean) if c["centred"] else v, c, c["eps"])
                inside = c["momentum_lr"] == "inside"
                step = lr * step if inside else step
                if c["momentum"]:
                    before, u = u, self.velocity(u, step, c, t)
                    step = self.nesterov(step, u, before, c) if c.get("nesterov") else u
                move = step if inside else lr * step
            if k and c["decay"] == "decoupled":
                p = self.decouple(p, lr, k)
            p = p - move
            steps.append(p)
        return steps

    def with_decay(self, g, k, p):
        return g + k * p


def rule(i, c, **methods):
    with np.errstate(all="ignore"):
        return type("Mine", (Rule,), methods)().run(i, c)


def asked(**other):
    return lambda m, c: c | other


O, SGD, MOM, RMS, ADAM = "optimizer/*", "optimizer/sgd_*", "optimizer/sgd_*momentum* optimizer/sgd_*nesterov* optimizer/sgd_*dampening", "optimizer/rmsprop_*", "optimizer/adam*"
ADAMS = "optimizer/adam_torch* optimizer/adam_keras* optimizer/adam_optax optimizer/adam_optax_tiny"
NESTEROV, WD = "optimizer/sgd_*nesterov*", "optimizer/*weight_decay* optimizer/adam_torch_l2 optimizer/adamw_*"
DECOUPLED = "optimizer/adamw_* optimizer/rmsprop_keras_weight_decay optimizer/sgd_keras_momentum_weight_decay"
COUPLED = "optimizer/adam_torch_l2 optimizer/rmsprop_torch_weight_decay optimizer/sgd_torch_*weight_decay optimizer/sgd_weight_decay*"
wrong("opt_ascent", "The step is added to the parameters.", SGD, rule, rate=lambda m, lrs, t: -lrs[t])
wrong("opt_stale_gradient", "Each step uses the gradient of the step before (the first its own).", SGD, rule, gradient=lambda m, g, t, c: g[max(t - 1, 0)])
wrong("opt_next_gradient", "Each step uses the gradient of the step after it.", "optimizer/sgd_plain optimizer/sgd_torch_momentum", rule, gradient=lambda m, g, t, c: g[min(t + 1, len(g) - 1)])
wrong("opt_first_lr", "The learning rate of the first step is used throughout.", O, rule, rate=lambda m, lrs, t: lrs[0])
wrong("opt_lr_shifted", "The learning rate is that of the step before: the scheduler is called too late.", O, rule, rate=lambda m, lrs, t: lrs[max(t - 1, 0)])
wrong("opt_lr_early", "The scheduler is called before the step, so the learning rate is that of the next step.", O, rule, rate=lambda m, lrs, t: lrs[min(t + 1, len(lrs) - 1)])
wrong("opt_accumulated", "Gradients are not set to zero: each step takes the sum of all until then.", "optimizer/sgd_plain optimizer/sgd_torch_weight_decay optimizer/adam_torch", rule, gradient=lambda m, g, t, c: g[: t + 1].sum(0))
wrong("opt_before_step", "Parameters are recorded before each step, not after it.", O, lambda i, c: _recorded_before(i, c))
wrong("sgd_momentum_averaged", "The velocity is a moving average: the gradient is multiplied by 1 - momentum.", MOM, rule, velocity=lambda m, u, st, c, t: c["momentum"] * u + (1 - c["momentum"]) * st)
wrong("sgd_momentum_default", "The momentum is 0.9, whatever is asked.", MOM, rule, setup=asked(momentum=0.9))
wrong("sgd_no_momentum", "The momentum is left out.", MOM, rule, setup=asked(momentum=0.0))
wrong("sgd_lr_inside", "The learning rate is inside the velocity where it should multiply it.", "optimizer/sgd_torch_*m* optimizer/sgd_torch_nest* optimizer/sgd_optax_* optimizer/sgd_torch_dampening", rule, setup=asked(momentum_lr="inside"))
wrong("sgd_lr_outside", "The learning rate multiplies the velocity where it should be inside it.", "optimizer/sgd_keras_*", rule, setup=asked(momentum_lr="outside"))
wrong("sgd_nesterov_off", "Nesterov's momentum is left out, or looks ahead along the old velocity, which is the same.", NESTEROV, rule, setup=asked(nesterov=False))
wrong("sgd_nesterov_twice", "Nesterov's step adds the velocity and the look-ahead.", NESTEROV, rule, nesterov=lambda m, st, u, before, c: u + c["momentum"] * u)
wrong("sgd_nesterov_on", "Nesterov's momentum is switched on where the ordinary one is asked.", "optimizer/sgd_*_momentum*", rule, setup=asked(nesterov=True))
wrong("sgd_first_damped", "The first step is damped as well.", "optimizer/sgd_torch_dampening", rule, velocity=lambda m, u, st, c, t: c["momentum"] * u + (1 - c["dampening"]) * st)
wrong("sgd_dampening_ignored", "The dampening is ignored.", "optimizer/sgd_torch_dampening", rule, setup=asked(dampening=0.0))
wrong("sgd_momentum_after_gradient", "The gradient is added before the velocity is multiplied by the momentum, so that it is damped by it at once.", "optimizer/sgd_torch_dampening", rule, velocity=lambda m, u, st, c, t: c["momentum"] * (u + (st if t == 0 else (1 - c["dampening"]) * st)))
wrong("wd_half", "Weight decay has a factor 1/2.", WD, rule, setup=lambda m, c: c | {"weight_decay": c["weight_decay"] / 2})
wrong("wd_double", "Weight decay has a factor 2, that of the square's derivative.", WD, rule, setup=lambda m, c: c | {"weight_decay": 2 * c["weight_decay"]})
wrong("wd_none", "The weight decay is ignored.", WD, rule, setup=asked(weight_decay=0.0))
wrong("wd_biases_free", "The biases do not decay.", "optimizer/sgd_torch*weight_decay optimizer/adam_torch_l2 optimizer/adamw_* optimizer/rmsprop_*weight_decay optimizer/sgd_keras*weight_decay", rule, setup=asked(decayed="weights"))
wrong("wd_biases_too", "The biases decay although the weights alone should.", "optimizer/sgd_weight_decay_weights_alone", rule, setup=asked(decayed="all"))
wrong("wd_l2_for_decoupled", "The weight decay goes into the gradient where it should be decoupled.", DECOUPLED, rule, setup=asked(decay="gradient"))
wrong("wd_decoupled_for_l2", "The weight decay is decoupled where it should go into the gradient.", "optimizer/adam_torch_l2 optimizer/rmsprop_torch_weight_decay optimizer/sgd_torch_nesterov_weight_decay", rule, setup=asked(decay="decoupled"))
wrong("wd_without_lr", "Decoupled decay is not multiplied by the learning rate.", DECOUPLED, rule, decouple=lambda m, p, lr, k: p * (1 - k))
wrong("wd_sign", "The weight decay is subtracted from the gradient.", COUPLED, rule, with_decay=lambda m, g, k, p: g - k * p)
wrong("wd_l1", "The weight decay is that of absolute values.", COUPLED, rule, with_decay=lambda m, g, k, p: g + k * np.sign(p))
wrong("wd_shrinks_gradient", "The gradient is multiplied by 1 - decay, not the parameter.", DECOUPLED, rule, decouple=lambda m, p, lr, k: p, gradient=lambda m, g, t, c: g[t] * (1 - c["weight_decay"]))
wrong("rms_rate_keras", "The decay rate of the mean square is 0.9 where 0.99 is asked.", "optimizer/rmsprop_torch*", rule, setup=asked(decay_rate=0.9))
wrong("rms_rate_torch", "The decay rate of the mean square is 0.99 where 0.9 is asked.", "optimizer/rmsprop_keras* optimizer/rmsprop_optax*", rule, setup=asked(decay_rate=0.99))
wrong("rms_adagrad", "The squares are summed up, as Adagrad does.", RMS, rule, square=lambda m, v, g, beta, raw: v + g**2)
wrong("rms_rates_exchanged", "The decay rate multiplies the new square and 1 - rate the old mean.", RMS, rule, square=lambda m, v, g, beta, raw: (1 - beta) * v + beta * g**2)
wrong("rms_no_root", "The root of the mean square is left out.", "optimizer/rmsprop_keras optimizer/rmsprop_torch optimizer/rmsprop_optax optimizer/rmsprop_torch_momentum", rule, divided=lambda m, g, v, c, eps: g / (v + eps))
wrong("rms_eps_outside", "eps is added to the root where it should be inside it.", "optimizer/rmsprop_keras* optimizer/rmsprop_optax*", rule, setup=asked(epsilon="outside"))
wrong("rms_eps_inside", "eps is added inside the root where it should be outside.", "optimizer/rmsprop_torch*", rule, setup=asked(epsilon="inside"))
wrong("rms_starts_at_one", "The mean square begins at 1, as TensorFlow's does.", RMS, rule, start=lambda m, p: (0 * p, 0 * p + 1, 0 * p, 0 * p))
wrong("rms_first_square", "The mean square begins at the first squared gradient.", RMS, rule, square=lambda m, v, g, beta, raw: np.where(v == 0, g**2, beta * v + (1 - beta) * g**2))
wrong("rms_not_centred", "The mean is not subtracted from the mean square.", "optimizer/rmsprop_*_centred", rule, setup=asked(centred=False))
wrong("rms_centred_plain", "The mean is subtracted from the mean square without being squared.", "optimizer/rmsprop_*_centred", rule, centre=lambda m, v, mean: np.abs(v - mean))
wrong("rms_bias_corrected", "The mean square is corrected for its bias as Adam's.", "optimizer/rmsprop_keras optimizer/rmsprop_torch optimizer/rmsprop_optax", lambda i, c: rule(i, c, **_counted()))
wrong("rms_momentum_outside", "The learning rate multiplies the velocity where it should be inside it.", "optimizer/rmsprop_keras_* optimizer/rmsprop_optax_momentum", rule, setup=asked(momentum_lr="outside"))
wrong("rms_momentum_inside", "The learning rate is inside the velocity where it should multiply it.", "optimizer/rmsprop_torch_momentum optimizer/rmsprop_torch_weight_decay", rule, setup=asked(momentum_lr="inside"))
wrong("rms_square_without_decay", "The mean square is that of the gradient before the weight decay was added.", "optimizer/rmsprop_torch_weight_decay optimizer/adam_torch_l2", rule, square=lambda m, v, g, beta, raw: beta * v + (1 - beta) * raw**2)
wrong("rms_old_square", "The step is divided by the mean square of the step before.", RMS, lambda i, c: rule(i, c, **_lagging()))
wrong("rms_eps_1e6", "eps is 1e-6, whatever is asked.", RMS, rule, setup=asked(eps=1e-6))
wrong("rms_tensorwise", "The mean square is one number for a whole array.", RMS, rule, square=lambda m, v, g, beta, raw: beta * v + (1 - beta) * (g**2).mean())
wrong("adam_no_correction", "Adam's moments are not corrected for their bias.", ADAMS, rule, direction=lambda m, mo, v, c, n: m.divided(mo, v, c, c["eps"]))
wrong("adam_counts_from_zero", "Adam's step counter begins at 0, with the first correction skipped.", ADAM, rule, count=lambda m, t: max(t, 1))
wrong("adam_counts_from_two", "Adam's step counter is raised twice before the first step.", ADAM, rule, count=lambda m, t: t + 2)
wrong("adam_counter_per_array", "The step counter is raised once for each array, so that it runs twice as fast.", ADAM, rule, count=lambda m, t: 2 * t + 1)
wrong("adam_counter_fixed", "The bias correction of the first step is used in all steps.", ADAM, rule, count=lambda m, t: 1)
wrong("adam_first_moment_only", "Only the first moment is corrected for its bias.", "optimizer/adam_torch* optimizer/adam_optax*", rule, corrected=lambda m, mo, v, b1, b2, n: (mo / (1 - b1**n), v))
wrong("adam_second_moment_only", "Only the second moment is corrected for its bias.", "optimizer/adam_torch* optimizer/adam_optax*", rule, corrected=lambda m, mo, v, b1, b2, n: (mo, v / (1 - b2**n)))
wrong("adam_correction_accumulates", "The corrected moments are stored, so the correction is applied again and again.", "optimizer/adam_torch optimizer/adam_torch_betas optimizer/adam_optax", lambda i, c: rule(i, c, **_stored()))
wrong("adam_betas_exchanged", "The two decay rates are exchanged.", ADAM, rule, setup=lambda m, c: c | {"beta1": c["beta2"], "beta2": c["beta1"]})
wrong("adam_default_betas", "The decay rates are 0.9 and 0.999, whatever is asked.", "optimizer/adam_torch_betas", rule, setup=asked(beta1=0.9, beta2=0.999))
wrong("adam_beta2_099", "The second decay rate is 0.99.", ADAM, rule, setup=asked(beta2=0.99))
wrong("adam_no_root", "The root of the second moment is left out.", "optimizer/adam_torch optimizer/adam_torch_betas optimizer/adam_optax", rule, divided=lambda m, g, v, c, eps: g / (v + eps))
wrong("adam_eps_inside", "eps is added inside the root.", "optimizer/adam_torch* optimizer/adam_optax optimizer/adam_optax_tiny optimizer/adam_keras*", rule, setup=asked(epsilon="inside"))
wrong("adam_eps_hat", "eps is added before the bias of the second moment is corrected.", "optimizer/adam_torch* optimizer/adam_optax optimizer/adam_optax_tiny", rule, setup=asked(epsilon="hat"))
wrong("adam_eps_not_hat", "eps is added after the bias correction where Keras adds it before.", "optimizer/adam_keras* optimizer/adamw_keras", rule, setup=asked(epsilon="outside"))
wrong("adam_eps_keras", "eps is 1e-7, whatever is asked.", "optimizer/adam_torch* optimizer/adam_optax*", rule, setup=asked(eps=1e-7))
wrong("adam_no_eps", "eps is left out, so an entry whose gradient is 0 becomes NaN.", "optimizer/adam*tiny", rule, setup=asked(eps=0.0))
wrong("adam_amsgrad", "The largest second moment so far is used, as AMSGrad does.", "optimizer/adam_torch optimizer/adam_torch_betas", lambda i, c: rule(i, c, **_largest()))
wrong("adam_no_square", "The second moment is that of absolute values.", ADAM, rule, square=lambda m, v, g, beta, raw: beta * v + (1 - beta) * np.abs(g))
wrong("adam_momentum_unweighted", "The first moment adds the whole gradient, without 1 - beta1.", ADAM, rule, moment=lambda m, mo, g, beta: beta * mo + g)
wrong("pair_adam_correction_eps", ("Adam's moments are not corrected for their bias.", "eps is added inside the root."), ADAMS, rule, setup=asked(epsilon="inside"), direction=lambda m, mo, v, c, n: m.divided(mo, v, c, c["eps"]))
wrong("pair_adam_betas_count", ("The two decay rates are exchanged.", "The step counter begins one step too late."), "optimizer/adam_torch optimizer/adam_torch_betas optimizer/adam_optax optimizer/adam_keras", rule, setup=lambda m, c: c | {"beta1": c["beta2"], "beta2": c["beta1"]}, count=lambda m, t: t + 2)
wrong("pair_sgd_average_lr", ("The velocity is a moving average.", "The learning rate is that of the step before."), MOM, rule, velocity=lambda m, u, st, c, t: c["momentum"] * u + (1 - c["momentum"]) * st, rate=lambda m, lrs, t: lrs[max(t - 1, 0)])
wrong("pair_sgd_nesterov_wd", ("Nesterov's step looks ahead along the old velocity.", "Weight decay has a factor 2."), "optimizer/sgd_torch_nesterov_weight_decay", rule, nesterov=lambda m, st, u, before, c: st + c["momentum"] * before, setup=lambda m, c: c | {"weight_decay": 2 * c["weight_decay"]})
wrong("pair_rms_rate_eps", ("The decay rate of the mean square is that of another framework.", "eps is on the other side of the root."), "optimizer/rmsprop_keras optimizer/rmsprop_torch optimizer/rmsprop_optax optimizer/rmsprop_*_tiny", rule, setup=lambda m, c: c | {"decay_rate": 1.89 - c["decay_rate"], "epsilon": "outside" if c["epsilon"] == "inside" else "inside"})
wrong("pair_adamw_l2_biases", ("The weight decay goes into the gradient where it should be decoupled.", "The biases do not decay."), "optimizer/adamw_*", rule, setup=asked(decay="gradient", decayed="weights"))
wrong("pair_rms_centred_momentum", ("The mean is not subtracted from the mean square.", "The decay rates are exchanged."), "optimizer/rmsprop_*_centred", rule, setup=asked(centred=False), square=lambda m, v, g, beta, raw: (1 - beta) * v + beta * g**2)


def _recorded_before(i, c):
    after = rule(i, c)
    return {k: np.concatenate([i[k[0]][None], v[:-1]]) for k, v in after.items()}


def _counted():
    n = [0]

    def start(m, p):
        n[0] = 0
        return Rule.start(m, p)

    def divided(m, g, v, c, eps):
        n[0] += 1
        return Rule.divided(m, g, v / (1 - c["decay_rate"] ** n[0]), c, eps)

    return {"start": start, "divided": divided}


def _lagging():
    old = [0]

    def start(m, p):
        old[0] = None
        return Rule.start(m, p)

    def divided(m, g, v, c, eps):
        used, old[0] = (v if old[0] is None else old[0]), v
        return Rule.divided(m, g, used, c, eps)

    return {"start": start, "divided": divided}


def _largest():
    top = [0]

    def start(m, p):
        top[0] = 0 * p
        return Rule.start(m, p)

    def corrected(m, mo, v, b1, b2, n):
        top[0] = np.maximum(top[0], v)
        return mo / (1 - b1**n), top[0] / (1 - b2**n)

    return {"start": start, "corrected": corrected}


def _stored():
    def corrected(m, mo, v, b1, b2, n):
        mo /= 1 - b1**n
        v /= 1 - b2**n
        return mo, v

    return {"corrected": corrected}
