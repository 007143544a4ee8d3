"""How much the compiler tries for our functions, and that everybody else's are compiled as before."""

import numpy as np
import pytest

numba = pytest.importorskip("numba", reason="numba is not installed: there is nothing to compile")


def _levels(module):
    """Compile a function of a module; return the levels at which that was done."""
    from numba.core import event

    from scratchdae.kernels.machine import effort

    class Levels(event.Listener):
        def on_start(self, event):
            seen.append(int(numba.config.OPT))

        def on_end(self, event):
            pass

    def double(x):
        return x + x

    seen, double.__module__ = [], module
    effort.install()  # which does nothing where another test has had it done
    with event.install_listener("numba:compile", Levels()):
        assert numba.njit(double)(np.float32(2)) == 4
    return seen


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="numba is told not to compile")
@pytest.mark.parametrize(
    ("module", "level"),
    [("scratchdae.kernels.rule", 1), ("scratchdae.kernels.layers.lstm", 3), ("somebody.elses", 3)],
)
def test_only_our_steps_are_compiled_with_less_effort(module, level, monkeypatch):
    monkeypatch.setattr(numba.config, "OPT", type(numba.config.OPT)(3))
    assert set(_levels(module)) == {level}
    assert numba.config.OPT == 3
