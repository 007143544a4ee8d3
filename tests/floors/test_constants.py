"""The best constant, against a search on a grid."""

import numpy as np
import pytest

from scratchdae import floors, losses
from scratchdae.datasets import uniform


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "cross_entropy"])
def test_best_constant_is_where_the_loss_itself_is_least(loss, rng):
    x = rng.beta(0.7, 2, (101, 3))
    grid = np.linspace(0.001, 0.999, 999)
    as_output = np.log(grid / (1 - grid)) if loss == "cross_entropy" else grid
    table = np.array(
        [[losses.LOSSES[loss](np.full((101, 1), c), x[:, [k]], "mean")[0] for c in as_output] for k in range(3)]
    )
    assert floors.constant(x, loss) == pytest.approx(table.min(axis=1).mean(), abs=3e-6)
    assert floors.constant(x, loss) <= table.min(axis=1).mean() + 1e-15
    np.testing.assert_allclose(floors.best_constant(x, loss), grid[table.argmin(axis=1)], atol=0.001)


@pytest.mark.parametrize(
    ("loss", "limit"), [("squared_error", 1 / 12), ("absolute_error", 1 / 4), ("cross_entropy", np.log(2))]
)
def test_constants_of_uniform_data(loss, limit, rng):
    assert floors.constant(uniform(20000, 10, rng), loss) == pytest.approx(limit, rel=0.005)


def test_one_constant_a_column_not_one_for_all():
    x = np.array([[0.0, 1.0], [0.0, 1.0]])
    for loss in ("squared_error", "absolute_error", "cross_entropy"):
        assert floors.constant(x, loss) == 0


def test_relative_excess_places_floor_and_constant():
    assert floors.relative_excess(0.25, 0.25, 1.0) == 0
    assert floors.relative_excess(1.0, 0.25, 1.0) == 1
    assert floors.relative_excess(0.1, 0.25, 1.0) == pytest.approx(-0.2)
    with pytest.raises(ValueError, match=r"ceiling must exceed floor = 0.5, found 0.5"):
        floors.relative_excess(0.6, 0.5, 0.5)
    with pytest.raises(ValueError, match="loss must be a finite number, found nan"):
        floors.relative_excess(np.nan, 0.5, 1)
