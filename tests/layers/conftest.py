"""How every layer is checked: by its gradients, by PyTorch, and on both backends."""

import pytest
from hypothesis import HealthCheck, settings

from scratchdae.backend import using

pytest.register_assert_rewrite("layer_checks")
import layer_checks  # noqa: E402

of_the_run = settings.get_profile(settings.get_current_profile_name())
settings.register_profile(
    "layers",
    parent=of_the_run,
    max_examples=min(40, of_the_run.max_examples),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(params=["numpy", "numba"])
def loops(request):
    """Each test that asks for it runs once on each backend: a twin runs the tests of its reference."""
    if request.param == "numba":
        pytest.importorskip("numba")
    with using(request.param):
        yield request.param


@pytest.fixture
def check_gradients():
    """Check a layer's gradients, of parameters and input, with a random cotangent."""
    return layer_checks.check_gradients
