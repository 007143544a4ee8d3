"""Trainings in PyTorch: each cause planted in a small healthy one is named, and its repair is seen to help."""

import random
import sys
from typing import Any

import numpy as np
import pytest
from optional_packages import require

torch = require("torch")

import torch.nn.functional as F
from small_torch import Net, factors, training
from torch import nn

from scratchdae import doctor
from scratchdae.doctor.patient import CannotChange, Change
from scratchdae.doctor.patients.torch import TorchPatient
from scratchdae.doctor.patients.torch_changes import CHANGES

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


class Noisy(nn.Module):
    """Add noise, in evaluation too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.4 * torch.randn_like(x)


def always_noisy() -> nn.Module:
    net = Net()
    net.encoder.insert(0, Noisy())
    return net


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
    "noise in evaluation": (training(make=always_noisy), {"C12"}, "less_noise"),
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
    assert first.after < 0.6 * first.before
    assert report.status == 1


# ------------------------------------------------------------------ ways in which people write a training
def _as_loader() -> tuple[Any, Any, Any]:
    build, step = training()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(X), torch.zeros(len(X))), 50)
    return build, lambda model, optimizer, batch: step(model, optimizer, batch[0]), loader


def _in_float64() -> tuple[Any, Any, Any]:
    build, step = training(make=lambda: Net().double())
    return build, step, X.astype(np.float64)


def _halves_called_apart() -> tuple[Any, Any, Any]:
    build, _ = training()

    def step(model: Any, optimizer: Any, batch: Any) -> Any:
        mask = torch.from_numpy(np.random.rand(*batch.shape) > 0.2).float()  # noqa: NPY002
        code = model.encoder(batch * mask)
        loss = ((torch.sigmoid(model.decoder(code)) - batch) ** 2).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return build, step, torch.tensor(X)


def _grey_levels_scaled_in_the_step() -> tuple[Any, Any, Any]:
    build, step = training()
    return (
        build,
        lambda model, optimizer, batch: step(model, optimizer, batch.float() / 255),
        (X * 255).astype(np.uint8),
    )


def _two_optimizers_and_a_schedule() -> tuple[Any, Any, Any]:
    def build(seed: int) -> Any:
        model = Net()
        optimizers = [torch.optim.Adam(half.parameters(), 1e-2) for half in (model.encoder, model.decoder)]
        model.schedule = torch.optim.lr_scheduler.StepLR(optimizers[0], 1000)
        return model, optimizers

    def step(model: Any, optimizers: Any, batch: Any) -> Any:
        loss = F.mse_loss(model(batch), batch)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        model.schedule.step()
        return loss

    return build, step, X


def _tied_weights() -> tuple[Any, Any, Any]:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W, self.b = nn.Parameter(0.3 * torch.randn(20, 6)), nn.Parameter(torch.zeros(6))
            self.b_prime = nn.Parameter(torch.zeros(20))

        def forward(self, x: Any) -> Any:
            return torch.sigmoid(torch.tanh(x @ self.W + self.b) @ self.W.t() + self.b_prime)

    build, step = training(make=Tied)
    return build, step, X


def _compiled() -> tuple[Any, Any, Any]:
    build, step = training(make=lambda: torch.compile(Net()))
    return build, step, X


def _in_bfloat16() -> tuple[Any, Any, Any]:
    build, step = training(make=lambda: Net().bfloat16())
    return build, step, X


def _mixed_precision() -> tuple[Any, Any, Any]:
    build, plain = training()

    def step(model: Any, optimizer: Any, batch: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return plain(model, optimizer, batch)

    return build, step, X


WAYS = [_as_loader, _in_float64, _in_bfloat16, _mixed_precision, _halves_called_apart,
        _grey_levels_scaled_in_the_step, _two_optimizers_and_a_schedule, _tied_weights, _compiled]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # PyTorch's own, where it compiles
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_a_training_is_read_however_it_is_written(way: Any) -> None:
    build, step, x = way()
    patient = TorchPatient(build, step, x, 32)
    anatomy = patient.anatomy(0)
    assert anatomy.loss == "squared_error"
    assert anatomy.output == "sigmoid"
    assert anatomy.facts == ()
    assert anatomy.noise.kind == ("masking" if way is _halves_called_apart else "none")
    outcome = patient.train(0, 200)
    assert outcome.score < 0.5
    again = patient.train(0, 200)
    assert again.score == outcome.score


def test_float16_is_told_of() -> None:
    """Adam's eps is 0 in it, and what then divides by 0 is no fault of the network's."""
    build, step = training(make=lambda: Net().half())
    report = examine(build, step, steps=40, budget_s=20)
    assert any("float16" in text for text in report.unseen), str(report)


def test_nothing_global_is_changed() -> None:
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    expected = torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    build, step = training(noise=0.1)
    examine(build, step, steps=40)
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected  # noqa: NPY002
    assert not torch.nn.modules.module._global_forward_pre_hooks
    assert not sys.modules["torch.optim.optimizer"]._global_optimizer_pre_hooks
    assert len(torch.overrides._get_current_function_mode_stack()) == 0


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_each_change_changes_the_training_or_says_why_not(name: str) -> None:
    build, step = training(noise=0.1, weight_decay=1e-2, optimizer=torch.optim.SGD, lr=0.1, momentum=0.9)
    patient = TorchPatient(build, step, X, 32)
    plain = patient.train(0, 30)
    try:
        changed = patient.train(0, 30, [Change(name, 1e-3 if name == "clip_gradient" else None)])
    except CannotChange:
        assert name in {
            "zero_grad",
            "fix_backward",
            "add_nonlinearity",
            "activation_relu",
            "sigmoid_output",
            "fewer_pools",
            "other_data",
        }
        return
    if name not in {
        "more_steps",
        "clean_target",
        "zero_grad",
    }:  # the doctor takes the steps; the target is clean, the gradients zeroed
        assert not np.array_equal(changed.loss, plain.loss)
    assert changed.finite


def test_bad_input_is_named() -> None:
    build, step = training()
    with pytest.raises(ValueError, match="x must be"):
        doctor.examine(build, step, "digits")
    with pytest.raises(ValueError, match="x must be at least 4 examples"):
        doctor.examine(build, step, X[:2])
    with pytest.raises(ValueError, match="held_out must hold examples of shape"):
        doctor.examine(build, step, X, held_out=X[:, :3])
    with pytest.raises(ValueError, match="step must be given"):
        doctor.examine(build, None, X)
    broken = X.copy()
    broken[7, 3] = np.nan
    report = examine(build, step, broken)
    assert report.verdict == "contract"
    assert "row 7, column 3" in report.sentence
    report = examine(lambda seed: 1 / 0, step)
    assert report.verdict == "contract"
    assert "ZeroDivisionError" in report.sentence
    assert "test_torch_patient.py" in report.sentence
    report = examine(build, lambda model, optimizer, batch: model(batch[:, :5]))
    assert report.verdict == "contract"
    assert report.status == 2
