"""The generator of trainings with known truth, and the repairs by which the doctor is measured."""

import copy
import importlib
import itertools

import pytest
from optional_packages import require

require("torch")

from families_development import SEVERITIES
from injections import INJECTIONS, inject
from realise import PLAIN, clearly_better, realise, run
from repairs import CHANGES, REPAIRS, repair, restored
from truth import compact, read, whole

DENSE = copy.deepcopy(PLAIN) | {
    "split": "development", "family": "factors", "n": 400, "hidden": [24, 6], "code_linear": True, "lr": 1e-2,
    "steps": 120, "noise": ["gaussian", 0.4], "metric_noise": ["gaussian", 0.4],
}  # fmt: skip
UNIT = DENSE | {"family": "spectra", "output": "sigmoid", "hidden": [32, 8]}
WIDE = DENSE | {"hidden": [64], "n": 1000, "steps": 300, "noise": ["gaussian", 0.8], "metric_noise": ["gaussian", 0.8]}
CONV = UNIT | {"family": "blobs", "kind": "conv", "channels": [6], "pools": 1, "hidden": []}
RECURRENT = DENSE | {"family": "sines", "kind": "recurrent", "hidden": [12, 6]}
FOR = {  # the network into which a cause goes
    "F12": RECURRENT, "F14": UNIT, "F15": UNIT, "F25": UNIT, "C05": UNIT, "F18": WIDE, "F21": CONV, "F23": DENSE,
    "C10": DENSE | {"optimizer": "sgd", "lr": 0.5}, "F16": DENSE | {"optimizer": "momentum", "lr": 0.1},
}  # fmt: skip


@pytest.mark.parametrize("t", [DENSE, CONV, RECURRENT], ids=lambda t: t["kind"])
def test_the_same_dict_gives_the_same_numbers(t):
    t = t | {"steps": 20}
    assert run(t, 0) == run(copy.deepcopy(t), 0)
    assert run(t, 0) != run(t, 1)


def test_every_cause_has_an_injection_severities_and_repairs():
    assert set(INJECTIONS) == set(SEVERITIES) == set(REPAIRS)
    assert {name for names in REPAIRS.values() for name in names} <= set(CHANGES)


@pytest.mark.parametrize("cause", INJECTIONS)
def test_an_injection_changes_something(cause):
    twin = FOR.get(cause, DENSE) | {"steps": 24}
    made = inject(twin, cause, SEVERITIES[cause][-2 if cause == "C08" else -1])
    assert made["causes"][0]["id"] == cause
    assert twin["causes"] == []
    assert run(made, 0) != run(twin, 0)


UNDONE = [  # an extreme severity, and the repair with the factor that undoes it (F25 needs smaller weights as well)
    ("F01", 1000, "lr_up", 1000),
    ("F02", 1000, "lr_down", 1000),
    ("F04", 30, "more_steps", 30),
    ("F07", 1, "zero_grad", None),
    ("F08", ("sign", 0), "fix_backward", None),
    ("F09", ("normal", 1e-4), "he_init", None),
    ("F10", 100, "smaller_init", 100),
    ("F13", 10, "he_init", None),
    ("F14", 255, "scale_to_unit", None),
    ("F15", (40, 1), "output_bias_to_mean", None),
    ("F16", (10000, 0), "standardise_data", None),
    ("F17", 20, "less_noise", 20),
    ("F18", 0.0, "more_noise", 0.8),
    ("F19", 1, "widen_code", 6),
    ("F21", 2, "fewer_pools", 2),
    ("F23", 1.0, "other_data", None),
    ("F24", ("l2", 0.1), "less_l2", None),
    ("H2", 10, "more_data_or_regularise", None),
    ("C01", ("loss", 0), "fix_backward", None),
    ("C02", "recreated", "fix_backward", None),
    ("C03", ("rolled", 0), "clean_target", None),
    ("C04", ("own", 0), "fix_backward", None),
    ("C05", 2, "fix_backward", None),
    ("C06", 1e-9, "clip_gradient", None),
    ("C07", 0.5, "fix_backward", None),
    ("C08", ("dropout", 0.9), "fix_backward", None),
    ("C09", ("rows", 1), "other_data", None),
    ("C10", "sum", "lr_down", 640),
    ("C11", ("never", 0), "fix_backward", None),
]


@pytest.mark.parametrize(("cause", "severity", "name", "factor"), UNDONE, ids=lambda value: str(value))
def test_a_repair_undoes_an_extreme_injection(cause, severity, name, factor):
    twin = FOR.get(cause, DENSE)
    made = inject(twin, cause, severity)
    well, ill = run(twin, 0), run(made, 0)
    assert clearly_better(well, ill)
    assert restored(run(repair(made, name, factor), 0), well, ill)


STYLES = [
    {"module": "encoder_decoder"},
    {"module": "encoder_decoder", "split_step": True},
    {"module": "functional"},
    {"loss": "function"},
    {"loss": "hand"},
    {"zero_first": False},
    {"raw255": True},
]


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("t", [UNIT, CONV, RECURRENT], ids=lambda t: t["kind"])
def test_a_style_changes_nothing(t, style):
    t = t | {"steps": 30}
    assert run(t | {"style": t["style"] | style}, 0) == pytest.approx(run(t, 0), rel=2e-2)


def test_flattened_images_are_those_of_the_step():
    t = UNIT | {"family": "blobs", "steps": 30}
    assert realise(t).x.dim() == 4
    assert run(t | {"style": t["style"] | {"flatten": True}}, 0) == run(t, 0)


@pytest.mark.parametrize("kind", ["gaussian", "masking"])
def test_the_ways_to_draw_noise_agree(kind):
    t = DENSE | {"noise": [kind, 0.3], "metric_noise": [kind, 0.3]}
    found = [run(t | {"noise_style": style}, 0) for style in ("torch", "bernoulli", "numpy")]
    assert max(found) - min(found) < 0.05


def test_what_is_kept_compactly_comes_back_whole():
    t = DENSE | {"style": DENSE["style"] | {"loss": "hand"}}
    assert whole(compact(t)) == t


def test_data_in_other_units_leave_the_metric_alone():
    t = DENSE | {"steps": 30}
    scaled = t | {"scale": 100.0, "shift": 30.0, "prepared": "standardise"}
    assert run(scaled, 0) == pytest.approx(run(t | {"prepared": "standardise"}, 0), rel=1e-2)


LEAST = {  # of each split the trainings that are well, and those that are ill
    "development": (110, 120), "earlier": (220, 200), "second": (210, 200), "held_out": (200, 110),
}  # fmt: skip


@pytest.mark.parametrize(("split", "well", "ill"), [(split, *least) for split, least in LEAST.items()])
def test_the_truth_is_whole(split, well, ill):
    trainings, twins = read(split)
    status = [line["status"] for line in trainings]
    assert status.count("healthy") + status.count("at_floor") >= well
    assert status.count("failing") >= ill
    assert len({line["id"] for line in trainings}) == len(trainings)
    families = importlib.import_module(f"families_{split}").FAMILIES
    assert {line["training"]["family"] for line in trainings} == set(families)
    for line in trainings:
        if line["twin"] is not None:
            assert line["twin_fvu"] == twins[line["twin"]]["fvu"] < 0.6
    failing = [line for line in trainings if line["status"] == "failing"]
    assert {cause["id"] for line in failing for cause in line["training"]["causes"]} == set(INJECTIONS)


@pytest.mark.parametrize("others", list(itertools.combinations(LEAST, 2)))
def test_two_splits_have_nothing_in_common(others):
    one, other = (importlib.import_module(f"families_{split}") for split in others)
    assert not set(one.FAMILIES) & set(other.FAMILIES)
    for cause, severities in one.SEVERITIES.items():
        numbers = {s for s in severities if isinstance(s, int | float) and s > 2}
        assert not numbers & set(other.SEVERITIES[cause])
