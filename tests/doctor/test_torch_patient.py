"""Trainings in PyTorch: each cause planted in a small healthy one is named, and its repair is seen to help."""

import random
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from scratchdae import doctor  # noqa: E402
from scratchdae.doctor.patient import Change  # noqa: E402
from scratchdae.doctor.patients.torch import TorchPatient  # noqa: E402
from scratchdae.doctor.patients.torch_changes import CHANGES  # noqa: E402
from tests.doctor.small_torch import Net, factors, training  # noqa: E402

torch.set_num_threads(1)
X = factors()


def examine(build: Any, step: Any, x: Any = X, **options: Any) -> doctor.Report:
    return doctor.examine(build, step, x, **{"batch_size": 32, "steps": 300, "budget_s": 300, "seed": 0} | options)


def detached() -> nn.Module:
    class Detached(Net):
        def forward(self, x: Any) -> Any:
            return self.output(self.decoder(self.encoder(x).detach()))

    return Detached()


def wrong_backward() -> nn.Module:
    class Sign(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return -grad

    class Wrong(Net):
        def forward(self, x: Any) -> Any:
            return self.output(self.decoder(Sign.apply(self.encoder(x))))

    return Wrong()


def scaled(factor: float, bias: float = 0.0) -> Any:
    def make() -> nn.Module:
        net = Net()
        with torch.no_grad():
            for p in net.parameters():
                p.mul_(factor)
            net.decoder[2].bias.add_(bias)
        return net

    return make


def constant() -> nn.Module:
    net = Net()
    for p in net.parameters():
        nn.init.constant_(p, 0.05 if p.ndim > 1 else 0.0)
    return net


def linear() -> nn.Module:
    return Net(hidden=nn.Identity, output=lambda z: z)


CAUSES = {  # name: the training, the ids of which one must come first, a remedy among the prescriptions
    "healthy": (training(), None, "none"),
    "rate too low": (training(1e-5), {"F01", "F05"}, "lr_up"),
    "rate too high": (training(3.0, optimizer=torch.optim.SGD, momentum=0.99), {"F02", "F03", "F15", "F13"}, "lr_down"),
    "not zeroed": (training(zero=False), {"F07"}, "zero_grad"),
    "never stepped": (training(update=False), {"C11"}, "fix_backward"),
    "detached": (training(make=detached), {"C01"}, "fix_backward"),
    "wrong backward": (training(make=wrong_backward), {"F08"}, "fix_backward"),
    "rolled target": (training(target=lambda x, x_tilde: x.roll(1, 0)), {"C03"}, "clean_target"),
    "noisy target": (training(noise=0.25, target=lambda x, x_tilde: x_tilde), {"F24"}, "clean_target"),
    "twice": (training(make=lambda: Net(output=lambda z: torch.sigmoid(torch.sigmoid(z)))), {"C05"}, "fix_backward"),
    "saturated": (training(make=scaled(1.0, -30.0)), {"F15", "F10"}, "output_bias_to_mean"),
    "alike": (training(make=constant), {"F09"}, "he_init"),
    "strong penalty": (training(weight_decay=0.3), {"F24"}, "less_l2"),
    "no nonlinearity": (training(make=linear), None, "none"),
    "strong noise": (training(noise=3.0), {"F17"}, "less_noise"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_a_planted_cause_is_named_and_its_repair_is_proved(name: str) -> None:
    (build, step), ids, remedy = CAUSES[name]
    report = examine(build, step)
    if ids is None:
        assert report.verdict in ("healthy", "at_floor"), str(report)
        assert report.status == 0
        return
    assert report.verdict == "cause", str(report)
    assert report.causes[0].id in ids, str(report)
    assert remedy in [p.name for p in report.prescription], str(report)
    first = report.prescription[0]
    assert first.proved
    assert first.after < 0.5 * first.before
    assert report.status == 1
