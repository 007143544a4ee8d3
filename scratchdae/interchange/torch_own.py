"""Small modules of PyTorch's kind for what ``torch.nn`` has not."""

import torch
from torch import nn
from torch.nn import functional as F


class Permute(nn.Module):  # type: ignore[misc]
    """Another order of the axes, the batch's included."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = tuple(axes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Put the axes in order."""
        return x.permute(self.axes)


class RepeatVector(nn.Module):  # type: ignore[misc]
    """The same vector at each of n steps."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Repeat (B, F) to (B, n, F)."""
        return x.unsqueeze(1).expand(-1, self.n, -1)


class GaussianNoise(nn.Module):  # type: ignore[misc]
    """Normal noise, in training only."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the noise."""
        return x + self.std * torch.randn_like(x) if self.training else x


class LSTM(nn.LSTM):  # type: ignore[misc]
    """PyTorch's LSTM, batch first, that returns its outputs, or the last alone, as one tensor."""

    def __init__(self, input_size: int, hidden_size: int, return_sequences: bool) -> None:
        super().__init__(input_size, hidden_size, batch_first=True)
        self.return_sequences = return_sequences

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run sequences (B, T, F) through the cells."""
        outputs, _ = super().forward(x)
        return outputs if self.return_sequences else outputs[:, -1]


class GRU(nn.GRU):  # type: ignore[misc]
    """PyTorch's GRU, likewise."""

    def __init__(self, input_size: int, hidden_size: int, return_sequences: bool) -> None:
        super().__init__(input_size, hidden_size, batch_first=True)
        self.return_sequences = return_sequences

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run sequences (B, T, F) through the units."""
        outputs, _ = super().forward(x)
        return outputs if self.return_sequences else outputs[:, -1]


class TiedLinear(nn.Module):  # type: ignore[misc]
    """A linear layer with the weights of an earlier one, transposed, and a bias of its own.

    The weights are in the other's parameter alone: an optimizer and a file see them once.
    """

    def __init__(self, partner: nn.Linear) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(partner.in_features))
        self._partner = (partner,)  # in a tuple, so that it is no part of this module

    @property
    def partner(self) -> nn.Linear:
        """The layer that has the weights."""
        return self._partner[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (..., H) to (..., D)."""
        return F.linear(x, self.partner.weight.T, self.bias)


class TiedAutoencoder(nn.Module):  # type: ignore[misc]
    """An autoencoder whose decoder has the encoder's weights, transposed; they are in one parameter."""

    def __init__(self, n_visible: int, n_hidden: int, output: str = "sigmoid") -> None:
        super().__init__()
        self.encoder = nn.Linear(n_visible, n_hidden)
        self.decoder_bias = nn.Parameter(torch.zeros(n_visible))
        self.output = output

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return the hidden representation (B, H) of (B, D)."""
        return torch.sigmoid(self.encoder(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the reconstruction (B, D)."""
        a = F.linear(self.encode(x), self.encoder.weight.T, self.decoder_bias)
        return a if self.output == "linear" else torch.sigmoid(a)


OWN: dict[str, type[nn.Module]] = {
    one.__name__: one for one in (Permute, RepeatVector, GaussianNoise, LSTM, GRU, TiedLinear, TiedAutoencoder)
}
