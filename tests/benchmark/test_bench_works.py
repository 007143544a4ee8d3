"""What competitors are given: the same batches every time, real images and labels, as many as training takes."""

import numpy as np
import pytest
from small_works import DATA, SMALL, draw

from scratchdae.benchmark import measure
from scratchdae.benchmark.works import KINDS
from scratchdae.benchmark.works.denoising import HIDDEN, NU, PIXELS
from scratchdae.benchmark.works.finetuning import FINETUNE
from scratchdae.benchmark.works.work import Setting


@pytest.mark.parametrize("kind", KINDS)
def test_work_is_the_same_every_time(kind):
    setting = Setting(kind, 7, 3)
    first, again = draw(setting, 4), draw(setting, 4)
    D = 7 if kind == "hidden" else 784
    assert first.inputs.shape == (4, 3, D)
    assert first.samples == 12
    assert {array.dtype for array in (first.inputs, *first.params.values())} == {np.dtype(np.float32)}
    assert np.array_equal(first.inputs, again.inputs)
    assert np.array_equal(first.targets, again.targets)
    assert all(np.array_equal(value, again.params[name]) for name, value in first.params.items())


def test_images_are_masked_as_the_paper_does():
    task = draw(SMALL, 4)
    changed = task.inputs != task.targets
    assert not task.inputs[changed].any()  # only zeros were put in
    lit = (task.targets > 0).sum()
    assert changed.sum() == pytest.approx(NU * lit, rel=0.1)  # 0.2484 of the lit pixels were found


def test_a_hidden_layer_is_given_dense_numbers_of_which_a_quarter_is_masked():
    task = draw(Setting("hidden", 40, 50), 4)
    assert 0 < task.targets.min() < 0.1
    assert 0.9 < task.targets.max() < 1
    assert task.targets.std(axis=(0, 1)).min() > 0.05  # every unit says something about the image; 0.17 were found
    assert ((task.inputs == 0).sum(axis=-1) == 10).all()
    assert np.array_equal(task.inputs[task.inputs != 0], task.targets[task.inputs != 0])


def test_fine_tuning_sees_images_with_their_own_labels():
    task = draw(Setting("finetune", 7, 20), 4)
    assert task.targets.shape == (4, 20)
    known = {image.tobytes(): label for image, label in zip(DATA.x_train, DATA.t_train, strict=True)}
    images = np.rint(task.inputs * 255).astype(np.uint8).reshape(-1, 784)
    assert [known[image.tobytes()] for image in images] == list(task.targets.ravel())
    assert [value.shape for value in task.params.values()][::2] == [(784, 7), (7, 7), (7, 7), (7, 10)]


@pytest.mark.parametrize(
    ("kind", "H", "operations"),
    [
        (PIXELS, 500, 10 * 784 * 500),
        (HIDDEN, 2000, 10 * 2000 * 2000),
        (FINETUNE, 1000, 4 * 784_000 + 6 * (1_000_000 + 1_000_000 + 10_000)),
    ],
    ids=KINDS,
)
def test_operations_are_those_of_the_products(kind, H, operations):
    assert kind.operations(H) == operations


def test_the_grids_are_those_of_the_targets():
    grid = [(s.n_hidden, s.batch_size) for s in PIXELS.settings("full", "float32")]
    assert grid == [(H, B) for H in (500, 1000, 2000) for B in (1, 20, 100, 512)]
    assert [(s.n_hidden, s.batch_size) for s in HIDDEN.settings("full", "float64")] == grid
    assert [s.batch_size for s in FINETUNE.settings("full", "float32")] == [1, 20, 100, 512]
    assert [str(s) for s in FINETUNE.settings("small", "float64")] == [
        "finetune, H = 1000, B = 1, float64", "finetune, H = 1000, B = 20, float64",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_stretch_has_as_many_steps_as_are_validated_or_more_and_as_training_takes_at_once_or_fewer(kind):
    steps = [KINDS[kind].steps(Setting(kind, H, B)) for H, B in ((2, 1), (1000, 20), (10**5, 512))]
    assert steps[0] == 256
    assert steps == sorted(steps, reverse=True)
    assert steps[2] == measure.VALIDATED_STEPS
