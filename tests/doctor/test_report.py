"""What a report says: as text, as JSON, as a page; and that the lines that it prescribes run."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from optional_packages import require

from scratchdae import doctor
from scratchdae.doctor import table
from scratchdae.doctor.causes import CAUSES
from scratchdae.doctor.laboratory import Trial
from scratchdae.doctor.patient import Anatomy, Change, Fact, Outcome
from scratchdae.doctor.remedies import MENDS, REMEDIES, lines_for, sentence_for
from scratchdae.doctor.report import Floor, Named, Prescription, Report

D, H, K, N = 6, 5, 2, 32
ROWS = [(name, "") for name in REMEDIES] + [("fix_backward", cause) for cause in MENDS]


def test_every_change_of_a_cause_has_a_remedy_and_every_remedy_a_sentence():
    for cause in CAUSES.values():
        assert {change.name for change in cause.experiments} <= set(REMEDIES)
    package = Path(doctor.__file__).parent
    made = {name for path in package.glob("*.py") for name in re.findall(r'Change\("(\w+)"', path.read_text("utf-8"))}
    assert "fewer_examples" in made  # of the verdict's own experiments: what was tried is printed in words
    assert made <= set(REMEDIES)
    assert set(MENDS) <= set(CAUSES)
    mended = {name for name, cause in CAUSES.items() if any(c.name == "fix_backward" for c in cause.experiments)}
    assert mended <= set(MENDS)
    for name, cause in ROWS:
        assert "{" not in sentence_for(name, None, cause)
    assert sentence_for("lr_down", 100) == "divide the learning rate by 100"
    assert sentence_for("standardise_data", 1) != sentence_for("standardise_data")
    assert lines_for("other_data", None, "Keras").startswith("# other data")


@pytest.mark.parametrize("framework", ["PyTorch", "Keras", "scratchdae"])
@pytest.mark.parametrize(("name", "cause"), ROWS)
def test_the_lines_run(name, cause, framework, request):
    names = NAMES[framework] if framework != "Keras" else lambda: names_of_keras(request.getfixturevalue("keras"))
    lines = {factor: lines_for(name, factor, framework, cause) for factor in (None, 0.01 if name == "adam" else 2)}
    assert all(lines.values())
    assert max(len(text.splitlines()) for text in lines.values()) <= 5
    assert max(len(line) for text in lines.values() for line in text.splitlines()) <= 110
    for text in lines.values():
        exec(compile(text, name, "exec"), names())


def names_of_torch():
    torch = require("torch")
    nn = torch.nn
    model = nn.Sequential(nn.Linear(D, H), nn.ReLU(), nn.Linear(H, D), nn.Sigmoid())
    x = torch.rand(N, D)
    return {
        "torch": torch, "nn": nn, "F": nn.functional, "DataLoader": torch.utils.data.DataLoader, "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), 0.1), "loss": model(x).mean(), "x": x, "x_tilde": x, "lr": 0.1,
        "s": 0.3, "batch_size": 8, "epochs": 1, "D": D, "H": H, "K": K, "steps": 5, "encoder": model[:2],
        "decoder": model[2:], "function": lambda x: (x**2).sum(),
    }  # fmt: skip


def names_of_keras(keras):
    model = keras.Sequential([keras.layers.Dense(H, activation="relu"), keras.layers.Dense(D, activation="sigmoid")])
    x = np.random.default_rng(0).random((N, D)).astype("float32")
    model.build((None, D))
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    model.optimizer.build(model.trainable_weights)
    fit = model.fit
    model.fit = lambda *a, **k: fit(*a, **({"verbose": 0} | k))
    return {
        "keras": keras, "layers": keras.layers, "np": np, "model": model, "optimizer": keras.optimizers.SGD(0.1),
        "x": x, "x_tilde": x, "lr": 0.1, "s": 0.3, "batch_size": 8, "epochs": 1, "D": D, "H": H, "K": K,
        "steps": 5, "loss": "mse",
        "gradients": [keras.ops.zeros(w.shape) for w in model.trainable_weights],
    }  # fmt: skip


def names_of_scratchdae():
    from scratchdae import Corruption, Sequential, fit, gradcheck, layers, optimizers

    rng, x = np.random.default_rng(0), np.random.default_rng(0).random((N, D))
    parts = [layers.Dense(H), layers.ReLU(), layers.Dense(D), layers.Sigmoid()]
    model = Sequential(parts, (D,), rng)
    return {
        "np": np, **vars(layers), **vars(optimizers), "Sequential": Sequential, "Corruption": Corruption, "x": x,
        "lr": 0.1, "fit": lambda *a, **k: fit(*a, **({"progress": False} | k)), "model": model, "layers": parts,
        "rng": rng, "s": 0.3, "batch_size": 8, "epochs": 1, "D": D, "H": H, "K": K,
        "corruption": Corruption("gaussian", 0.1), "gradcheck": gradcheck, "print": lambda *_: None,
        "loss_and_grads": lambda p: model.loss_and_grads(p, x, x),
    }  # fmt: skip


NAMES = {"PyTorch": names_of_torch, "scratchdae": names_of_scratchdae}


# ------------------------------------------------------------------ what is told


def a_report(**other):
    """Return a report as an examination leaves it, of a training of NumPy alone."""
    rng = np.random.default_rng(0)
    held_out = rng.random((12, 16))
    changes = [(), (Change("lr_up", 10),), (Change("adam"), Change("clip_gradient")), (Change("fewer_pools"),)]
    trials = []
    for k, one in enumerate(changes):
        outcome = Outcome(0, 50, one, rng.random(50) + 0.1, [0, 25, 50], [1.2, 0.9 - 0.2 * k, 0.8 - 0.2 * k])
        outcome.reconstructions = held_out + 0.3 * rng.standard_normal(held_out.shape) / (k + 1)
        trials.append(Trial(one, {0: 0.8 - 0.2 * k, 1000: 0.7 - 0.2 * k, 2000: np.inf if k == 0 else 0.3}, outcome))
    trials[-1] = Trial(changes[-1], why_not="there is <no> pooling")
    first = Prescription("lr_up", 10.0, (), "unexplained 80 % → 60 % on 3 seeds", True, 0.8, 0.6, "F01", "")
    second = Prescription("adam", 1e-3, (("clip_gradient", 1.0),), "on 1 seed", False, 0.8, 0.4, "F05", "")
    fields = {
        "causes": [Named("F01", 0.9), Named("F05", 0.2)], "prescription": [first, second], "held_out": held_out,
        "rejected": [("F05", "adam leaves less, but the evidence speaks against it")], "image_shape": (4, 4),
        "floors": [Floor("the best constant", 1.0), Floor("a linear code of 4 numbers", 0.5)],
        "facts": (Fact("F07", "gradients are never zeroed & <added>"),), "unseen": ("the noise",), "score": 0.8,
        "anatomy": Anatomy("PyTorch", "squared_error"), "judged": "held-out examples, clean", "trials": trials,
        "about": {"framework": "PyTorch", "examples": 1200, "steps": 50, "seconds": 1.5},
    }  # fmt: skip
    return Report("cause", "the learning rate is too low <b>", **(fields | other))


def test_the_text_says_finding_evidence_repair_and_what_to_read_in_this_order():
    text = str(a_report())
    order = ["A CAUSE: the learning rate is too low (F01)", "90 % sure", "before 80 %, after 60 %", "what is left",
             "seen directly", "\nrepair\n", 'group["lr"] *= 10', "to read", "17_step_size.py", "tried", "rejected",
             "could not be seen", "1,200 examples"]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert max(map(len, text.splitlines())) <= 100
    assert "proved: unexplained" in text
    assert "not proved: on 1 seed" in text
    assert text.index("YOURS, as it is") < text.index("YOURS, repaired") < text.index("a linear code of 4 numbers")
    tried = text[text.index("\ntried") : text.index("\nrejected")]
    assert re.findall(r"as it is|lr_up|adam \+|fewer_pools", tried) == ["as it is", "adam +", "lr_up", "fewer_pools"]
    assert "there is <no> pooling" in tried


def test_a_fact_that_does_no_harm_is_said_to():
    tried = Trial((Change("zero_grad"),), {0: 0.8})
    report = a_report()
    assert "harmless" not in str(report)  # nobody tried
    assert "(harmless here" in str(a_report(trials=[*report.trials, tried]))
    assert "(harmless here" not in str(a_report(causes=[Named("F07", 0.9)], trials=[*report.trials, tried]))


def test_the_json_is_finite_and_whole():
    report = a_report()
    found = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert list(found) == [
        "verdict", "sentence", "status", "causes", "prescription", "rejected", "floors", "facts", "unseen", "trials",
        "loss", "anatomy", "score", "judged", "about",
    ]  # fmt: skip
    assert all(name in table.__doc__ for name in found)
    assert (found["verdict"], found["status"]) == ("cause", 1)
    assert found["causes"][0] == {
        "id": "F01", "name": "the learning rate is too low", "confidence": 0.9, "nearest": "F01", "chapter": "17"
    }  # fmt: skip
    assert found["trials"][0]["scores"] == {"0": 0.8, "1000": 0.7, "2000": None}
    assert found["trials"][3] == {
        "changes": [{"name": "fewer_pools", "factor": None}], "scores": {}, "why_not": "there is <no> pooling",
        "at": None, "unexplained": None, "clean": None, "train": None, "seconds": None,
    }  # fmt: skip
    assert found["prescription"][1]["together"] == [{"name": "clip_gradient", "factor": 1.0}]
    assert "optim.Adam" in found["prescription"][1]["lines"]
    assert "clip_grad_norm_" in found["prescription"][1]["lines"]
    assert len(found["loss"]) == 50


@pytest.mark.parametrize("image_shape", [(4, 4), None, (2, 2, 4)])
def test_the_page_needs_nothing_else_and_escapes_what_it_is_told(image_shape):
    text = a_report(image_shape=image_shape).html()
    assert text.count("data:image/png;base64,") == 3
    assert "<script" not in text
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    for told in ("&lt;b&gt;", "&amp; &lt;added&gt;", "&lt;no&gt;"):
        assert told in text
    assert "<b>" not in text
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert text == a_report(image_shape=image_shape).html()  # the same report is the same bytes


class Balanced(HTMLParser):
    """Every element that is opened is closed, in turn."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("verdict", ["healthy", "at_floor", "unknown", "contract"])
def test_a_report_with_next_to_nothing_in_it_is_told_too(verdict):
    report = Report(verdict, "as it is")
    assert "as it is" in str(report)
    assert json.dumps(report.as_json(), allow_nan=False)
    assert report.html().count("<img") == 0
    assert report.status == {"healthy": 0, "at_floor": 0, "contract": 2, "unknown": 3}[verdict]


def test_what_diverged_is_told():
    trials = [
        Trial((), {0: np.inf}, Outcome(0, 3, loss=np.array([1.0, 5.0, np.inf]), at=[0, 2], unexplained=[1.0, np.inf]))
    ]
    report = a_report(trials=trials, score=np.inf, prescription=[], causes=[Named("F02", 0.9)])
    assert "diverged" in str(report)
    assert report.html()


def test_the_chapters_named_are_there():
    assert all("_" in table._chapter(cause.chapter) for cause in CAUSES.values())
