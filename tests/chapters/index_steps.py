"""The index by symptom, measurement by measurement: each function is one numbered step of chapters/README.md.

It takes what somebody brings, and returns the chapters that it has an arrow to, or nothing: then the next one is made.
"""

from dataclasses import replace

import numpy as np
from index_patients import (
    about_the_mean,
    code_floor,
    conditioning,
    dead,
    fading,
    flat,
    further,
    gain,
    grid_floor,
    grows_by_layer,
    logit_loss,
    more_steps,
    noise_floor,
    nonlinear,
    on,
    on_floor,
    onwards,
    promise,
    range_floor,
    saturated,
    scaled,
    shuffled,
    shuffled_codes,
    standardised,
    still_falls,
    tenfold,
)

from scratchdae import evaluate, floors, gradcheck
from scratchdae.conformance import check
from scratchdae.layers import BatchNorm, Dense, L1Activity, ReLU

STEPS = {}


def steps_of(symptom):
    """Take the functions of a class, in order, as the steps of a symptom."""

    def keep(table):
        STEPS[symptom] = [step for name, step in vars(table).items() if not name.startswith("_")]
        return table

    return keep


def first_with_an_arrow(symptom, brought):
    """Make the measurements of a symptom in order; return the number of the first with an arrow, and its chapters."""
    for number, step in enumerate(STEPS[symptom], 1):
        chapters = step(brought)
        if chapters:
            return number, set(chapters.split())
    return None, set()


def entropy(p):
    return "09" if p.loss == "cross_entropy" and on_floor(p, floors.cross_entropy(flat(p.t))) else None


def output_range(p):
    return "12" if p.loss == "squared_error" and range_floor(p) > 0.9 * p.final > 0 else None


def dead_units(p):
    return "25" if dead(p) else None


def unscaled(p):
    return "11" if np.abs(p.x).max() > 10 and further(on(p, scaled), p) else None


def off_centre(p):
    return "19" if about_the_mean(p.x) > 100 and further(on(p, standardised), p) else None


def rate(p):
    return "17" if tenfold(p) else None


def bends(p):
    """Whether a deep network without a nonlinearity gets further with one."""
    linear = len(p.layers) > 2 and all(isinstance(layer, Dense) for layer in p.layers)
    return linear and further(nonlinear(p), p)


def fresh(p, n=10):
    """The same training with other random numbers."""
    return [replace(p, seed=seed, options=p.options | {"seed": seed}) for seed in range(n)]


def jumped(p):
    """Whether the loss of an epoch was ten times the least before it, or none."""
    watched = p.run.losses
    return not p.run.finite or bool((watched[1:] > 10 * np.minimum.accumulate(watched)[:-1]).any())


@steps_of("The loss is flat from the first step")
class _:
    one = output_range
    two = entropy

    def three(p):
        return "25" if dead(p) else "13" if saturated(p) else None

    four = fading
    five = rate


@steps_of("The loss falls, then is flat below the constant")
class _:
    one = entropy
    two = output_range

    def three(p):
        return "06" if on_floor(p, noise_floor(p)) else None

    def four(p):
        return "08" if on_floor(p, grid_floor(p)) else None

    def five(p):
        if not on_floor(p, code_floor(p)):
            return None
        return "14" if bends(p) else "05" if shuffled_codes(p) else "07"

    def six(p):
        return "18" if still_falls(p) else "04"


@steps_of("The loss stays at the constant: every answer is the mean")
class _:
    one = output_range

    def two(p):
        return "05" if shuffled_codes(p) else "06" if noise_floor(p) > 0.95 * p.constant else None

    def three(p):
        if not dead(p):
            return None
        without = tuple(layer for layer in p.layers if not isinstance(layer, L1Activity))
        return "35" if without != p.layers and further(replace(p, layers=without), p) else "25"

    four = fading
    five = off_centre

    def six(p):
        return "17" if tenfold(p) else "18" if more_steps(p) else None


@steps_of("The loss stays above the constant")
class _:
    one = output_range

    def two(p):
        black, white = np.square(p.t).mean(), np.square(1 - p.t).mean()
        return "13" if min(abs(p.final / black - 1), abs(p.final / white - 1)) < 0.02 and saturated(p) else None

    three = unscaled
    four = off_centre
    five = rate


@steps_of("A sequence network (LSTM) stays at the mean")
class _:
    def one(p):
        return "24" if p.run.losses.max() > 10 * p.run.losses[0] else None

    two = rate

    def three(p):
        return "18" if more_steps(p) else None


@steps_of("The loss reaches 0.5 and stops")
class _:
    def one(p):
        return entropy(p) or ("17" if p.loss == "cross_entropy" and p.final > 0.99 * np.log(2) and tenfold(p) else None)

    two = output_range


@steps_of("The loss oscillates")
class _:
    def one(p):
        slow = replace(p, lr=p.lr / 10).run.losses
        swings = [watched[len(watched) // 4 :] for watched in (p.run.losses, slow)]
        high = swings[1].max() / swings[0].max()
        crossings = [np.sum(np.diff(np.sign(swing - swing.mean())) > 0) for swing in swings]
        long = crossings[0] / max(crossings[1], 1)
        return "21" if 0.7 < high < 1.4 and abs(long / np.sqrt(10) - 1) < 0.2 else None

    def two(p):
        floor = code_floor(p)
        larger = onwards(p, options=p.options | {"batch_size": 4 * p.options.get("batch_size", len(p.x))}).run
        excess = [watched[len(watched) // 2 :].mean() - floor for watched in (p.run.losses, larger.losses)]
        return "20" if 0.1 < excess[1] / excess[0] < 0.45 else None

    def three(p):
        slow = onwards(p, lr=p.lr / 10).run.losses
        half = len(slow) // 2
        return "17" if np.ptp(slow[half:]) < 0.2 * np.ptp(p.run.losses[half:]) else None


@steps_of("The loss is NaN from the first batch")
class _:
    def one(p):
        return None if np.isfinite(p.x).all() else "11"

    def two(p):
        return "22" if grows_by_layer(p) else None

    def three(p):
        return "16" if p.loss == "cross_entropy" and np.isfinite(logit_loss(p)) else None


@steps_of("The loss becomes NaN later")
class _:
    def one(p):
        return "16" if p.loss == "cross_entropy" and logit_loss(p) < p.constant else None

    def two(p):
        steps = p.run.losses[1:] / p.run.losses[:-1]
        recurrent = any(name.startswith("lstm") for name in p.run.model.names)
        return "24" if recurrent and (steps.max() > 10 or not p.run.finite) else None

    def three(p):
        growth = p.run.losses[2:] / p.run.losses[1:-1]
        assert (growth > 1).all()
        return "11" if on(p, scaled).run.finite and np.abs(p.x).max() > 10 else "17"


@steps_of("The picture is all black or all white")
class _:
    def one(p):
        return "11" if np.isclose(p.x.max(), 1 / 255, rtol=0.1) else None

    def two(p):
        if p.output is not ReLU or (p.answers > 0).mean() > 0.05:
            return None
        return "25" if hidden_dead(p) else "12" if p.t.min() < 0 else None

    def three(p):
        if not saturated(p):
            return None
        return "12" if p.t.min() < 0 or p.t.max() > 1 else "13" if not dead(p) else None


def hidden_dead(p):
    """Whether all units of a hidden rectified layer are dead, that of the output apart."""
    sizes = p.run.model.shapes[1:]
    return any(row.dead == size[-1] for row, size in list(zip(p.table, sizes, strict=True))[:-1])


@steps_of("The picture is grey, or the same for every input")
class _:
    one = dead_units
    two = fading
    three = off_centre

    def four(p):
        same = on(p, shuffled)
        if same.final > 0.95 * p.final and same.final < 1.05 * p.final:
            return "05"
        return "18" if still_falls(p) else None


@steps_of("The picture is blurred or coarse")
class _:
    def one(p):
        if p.x.ndim != 4:
            return None
        residual = (p.x - p.answers)[..., 0]
        n, height, width = residual.shape
        means = residual.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
        return "08" if np.abs(means).max() < 1e-3 * residual.std() else None

    def two(p):
        return "18" if still_falls(p) else None

    def three(p):
        clean = evaluate(p.run.model, p.x, p.t)
        return "06" if clean < 0.5 * p.final else None

    def four(p):
        if not on_floor(p, code_floor(p)):
            return None
        if bends(p):
            return "14"
        wider = floors.linear_codes(floors.eigenvalues(flat(p.t)))[p.width + 1]
        return "07" if wider < 0.95 * p.final else None


@steps_of("Perfect in training, useless after")
class _:
    def one(p):
        apart = evaluate(p.run.model, p.new, p.new) > 10 * max(p.final, 1e-12)
        return "10" if apart and on(p, shuffled).final < 2 * p.final + 1e-12 else None

    def two(p):
        return "15" if p.clean is not None and np.square(p.answers - p.clean).mean() > 10 * p.final else None

    def three(p):
        static = np.random.default_rng(3).random(p.x.shape)
        if np.square(p.run.model.predict(static) - static).mean() > 0.01 * static.var():
            return None
        return "07" if p.width == p.x.shape[1] else "02" if p.width > p.x.shape[1] else None


@steps_of("The loss falls, but very slowly")
class _:
    def one(p):
        return "26" if abs(promise(p) - 1) > 0.01 else None

    def two(p):
        return unscaled(p) or off_centre(p)

    three = rate

    def four(p):
        large = conditioning(p.x) > 10 * conditioning(standardised(p.x))
        return "19" if large and further(on(p, standardised), p) else None

    def five(p):
        batch = p.options.get("batch_size", len(p.x))
        smaller = replace(p, options=p.options | {"batch_size": max(1, min(batch, len(p.x)) // 10)})
        return "20" if further(smaller, p) else "18" if more_steps(p) else None


@steps_of("The first loss is huge")
class _:
    def one(p):
        by_hand = np.square(p.build().predict(p.x) - p.t).mean()
        ordinary = by_hand < 10 * np.square(p.t).mean()
        return "04" if ordinary and np.isclose(p.run.losses[0], by_hand * flat(p.x).shape[1]) else None

    def two(p):
        return "11" if p.x.std() > 10 else None

    def three(p):
        if p.loss != "cross_entropy":
            return None
        return "16" if logit_loss(p) > 1.5 * clipped(p) and clipped(p) < 16.2 else None

    def four(p):
        return "22" if grows_by_layer(p) else None


def clipped(p, least=1e-7):
    """The cross-entropy as it is computed from probabilities, which a library clips."""
    z = np.clip(p.answers, least, 1 - least)
    return float(-(p.t * np.log(z) + (1 - p.t) * np.log(1 - z)).mean())


@steps_of("The first loss is tiny already")
class _:
    def one(p):
        return "11" if np.isclose(p.x.max(), 1 / 255, rtol=0.1) else None

    def two(p):
        return "04" if 0.3 < p.run.losses[0] / p.constant < 30 else None


@steps_of("The loss is negative")
class _:
    def one(p):
        return "12" if p.t.min() < 0 else "11" if p.t.max() > 1 else None


@steps_of("Validation loss is below training loss")
class _:
    def one(brought):
        same_way = evaluate(brought.model, brought.x, brought.x, params=brought.params)
        if same_way > 1.1 * brought.validation[-1] or not brought.random_in_training:
            return None
        return "15"

    def two(brought):
        falling = brought.training[-1] < 0.9 * brought.training[-2]
        return "18" if falling and not brought.random_in_training else None


@steps_of("The loss differs between a framework and your own")
class _:
    def one(other):
        if other.adapter is None:
            return None
        report = check(other.adapter, groups=["loss"])
        return "31" if any(result.explanation is not None for result in report.results) else None

    def two(other):
        small, large = (other.loss(scale) / other.own_loss(scale) for scale in (1.0, 40.0))
        if abs(small - 1) > 1e-9:
            return "04"
        return "16" if abs(large - 1) > 1e-9 else None

    def three(other):
        return None if gradcheck.check(other.loss_and_grads, other.params).ok else "26 01"

    def four(other):
        own, theirs = other.after_one_step()
        return "17" if any(not np.allclose(own[name], theirs[name], rtol=1e-9, atol=0) for name in own) else None


@steps_of("The loss stalls while the gradients are large")
class _:
    def one(p):
        if abs(promise(p) - 1) < 0.01:
            return None
        model = p.run.model
        report = gradcheck.check(lambda params: model.loss_and_grads(params, p.x, p.t), model.params)
        assert not report.ok
        assert report.method == "complex"
        assert {row.name for row in report.rows if not row.ok} == {"dense_1.W", "dense_1.b"}
        return "26 01"

    def two(p):
        slow = onwards(p, lr=p.lr / 10).run.losses
        return "17" if slow[-1] < 0.9 * p.run.losses[len(p.run.losses) // 2 :].mean() else None


@steps_of("Training is fine, the clean evaluation is bad")
class _:
    def one(brought):
        p = brought.patient
        if not any(isinstance(layer, BatchNorm) for layer in p.layers):
            return None
        in_training = p.run.model.loss_and_grads(p.run.model.params, p.x, p.t, np.random.default_rng(0))[0]
        return "34" if evaluate(p.run.model, p.x, p.t) > 2 * in_training else None

    def two(brought):
        p, bad = brought.patient, brought.bad
        training, new = evaluate(p.run.model, p.x, p.x), evaluate(p.run.model, p.new, p.new)
        if training < 0.5 * bad:
            if new > 0.5 * bad:
                return "10"
            return "15" if brought.random_in_evaluation else "02" if brought.comes_back_noisy() else None
        return None

    def three(brought):
        p = brought.patient
        return "06" if evaluate(p.run.model, p.x, p.x, noise=p.noise) < 0.5 * brought.bad else None


@steps_of("The loss looks excellent, the pictures do not (or the other way round)")
class _:
    def one(brought):
        p = brought.patient
        return "16" if p.loss == "cross_entropy" and logit_loss(p) > 1.5 * brought.reported else None

    def two(brought):
        p = brought.patient
        if p.loss != "squared_error":
            return None
        by_hand = np.square(p.answers - brought.clean).mean()
        return "15" if abs(by_hand - brought.reported) > 0.5 * max(by_hand, brought.reported) else None

    def three(brought):
        return entropy(brought.patient) or "04"


@steps_of("It removes no noise")
class _:
    def one(p):
        return "06" if gain(p) > 0.9 and p.noise is not None else None

    def two(p):
        return None if gain(p) < 0.9 else "07" if p.width == p.x.shape[1] else "02"


@steps_of("It removes noise and everything else")
class _:
    def one(p):
        floor = noise_floor(p)
        return "06" if floor > 0.5 * p.constant and abs(p.final / floor - 1) < 0.05 else None

    def two(p):
        return "07" if noise_floor(p) < 0.1 * p.final else None


@steps_of("Hidden units are all alike, or most are never active")
class _:
    def one(p):
        W = p.run.model.params["dense_1.W"]
        return "22" if np.allclose(W, W[:, :1], rtol=1e-9) else None

    def two(p):
        return "25" if p.table[1].dead > p.width / 2 else None

    def three(p):
        y = p.run.model.forward(p.run.model.params, p.x, depth=2)[0] > 0
        return "07" if p.noise is None and (y.all(axis=0) | ~y.any(axis=0)).all() else None


@steps_of("It trained yesterday, today it does not")
class _:
    def one(p):
        return "24" if 0 < sum(map(jumped, fresh(p))) < 10 else None

    def two(p):
        stuck = [run.share > 0.95 and dead(run) for run in fresh(p)]
        return "25" if 0 < sum(stuck) < 10 else None

    def three(p):
        found = [run.final for run in fresh(p)]
        return "27" if max(found) > 1.05 * min(found) else None


@steps_of("The settings that won the search are no good")
class _:
    def one(cells):
        return "05" if all(cell.share > 0.95 for cell in cells) else None

    def two(cells):
        levels = [cell.noise[0].at(0) if cell.noise else 0.0 for cell in cells]
        best = np.argmin([cell.final for cell in cells])
        return "06" if len(set(levels)) > 1 and levels[best] == min(levels) else None

    def three(cells):
        winner = min(cells, key=lambda cell: cell.final)
        again = np.array([run.final for run in fresh(winner)[1:]])
        worse = (again.mean() - winner.final) / again.std()
        return "27" if 0.3 < worse < 4 else None


def _cosines(p):
    now, then = p.run.model.params["dense_1.W"], p.run.first["dense_1.W"]
    return (now * then).sum(axis=0) / np.linalg.norm(now, axis=0) / np.linalg.norm(then, axis=0)


@steps_of("The filters look like static, or each is one white dot")
class _:
    def one(p):
        W = p.run.model.params["dense_1.W"]
        return "22" if np.allclose(W, W[:, :1], rtol=1e-9) else None

    def two(p):
        return "02" if _cosines(p).mean() > 0.9 and gain(p) > 0.9 else None

    def three(p):
        return "28" if _cosines(p).mean() < 0.7 else None


@steps_of("Pretrained features classify no better than random ones")
class _:
    def one(brought):
        p = brought.patient(0.0)
        return "10" if evaluate(p.run.model, p.new, p.new) > 5 * max(p.final, 1e-9) else None

    def two(brought):
        least, middle, most = (np.mean([brought.error(nu, seed) for seed in range(2)]) for nu in (0.0, 0.75, 1.0))
        return "29" if middle < min(least, most) - 0.05 else "28" if abs(middle - least) < 0.05 else None


@steps_of("More layers make the classifier worse")
class _:
    def one(p):
        return "23" if p.longer().final > 0.95 * p.chance else None

    def two(p):
        longer = p.longer()
        return "30" if longer.final < 0.05 * p.chance and longer.test_error > 0.9 * p.test_error else None


@steps_of("An epoch takes too long")
class _:
    def one(brought):
        return "33 20" if brought.seconds(2) < 1.6 * brought.seconds(1) else None

    def two(brought):
        return "18" if more_steps(brought.training) else None


@steps_of("None of these, or several at once")
class _:
    def one(brought):
        return "32" if brought().verdict != "healthy" else None
