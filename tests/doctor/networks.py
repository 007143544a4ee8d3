"""The networks of the trainings: real PyTorch modules, in the styles in which people write them."""

import torch
import torch.nn.functional as F
from torch import nn

ACTIVATIONS = {  # as a module, as a function
    "relu": (nn.ReLU, F.relu),
    "leaky": (lambda: nn.LeakyReLU(0.1), lambda h: F.leaky_relu(h, 0.1)),
    "tanh": (nn.Tanh, torch.tanh),
    "sigmoid": (nn.Sigmoid, torch.sigmoid),
    "elu": (nn.ELU, F.elu),
    "gelu": (nn.GELU, F.gelu),
    "silu": (nn.SiLU, F.silu),
    "softplus": (nn.Softplus, F.softplus),
    "selu": (nn.SELU, F.selu),
    "mish": (nn.Mish, F.mish),
    "hardswish": (nn.Hardswish, F.hardswish),
    "none": (nn.Identity, lambda h: h),
    "linear": (nn.Identity, lambda h: h),
}
CELLS = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
    "rnn_relu": lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
}


class WrongBackward(torch.autograd.Function):
    """Pass a value on; hand a wrong gradient back."""

    @staticmethod
    def forward(ctx, h, mode, value):
        ctx.mode, ctx.value = mode, value
        return h.view_as(h)

    @staticmethod
    def backward(ctx, g):
        if ctx.mode == "sign":
            return -g, None, None
        if ctx.mode == "rolled":
            return g.roll(1, 0), None, None
        return g * ctx.value, None, None  # scale


class Between(nn.Module):
    """What is done to the code on its way to the decoder: nothing, or a mistake."""

    def __init__(self, bug):
        super().__init__()
        self.bug = bug

    def forward(self, h):
        if self.bug["id"] == "F08":
            return WrongBackward.apply(h, self.bug["mode"], self.bug.get("value"))
        kept = h.shape[1] - round(h.shape[1] * self.bug["value"])  # C01: a part of the units, or all
        return torch.cat([h[:, :kept], h[:, kept:].detach()], 1)


class Last(nn.Module):
    """A recurrent layer's output at the last step."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x):
        return self.cell(x)[0][:, -1]


class Unroll(nn.Module):
    """Repeat a code for every step, run a recurrent layer over it, read each step out."""

    def __init__(self, cell, readout, length):
        super().__init__()
        self.cell, self.readout, self.length = cell, readout, length

    def forward(self, h):
        return self.readout(self.cell(h[:, None].repeat(1, self.length, 1))[0])


class AlwaysNoisy(nn.Module):
    """Drop inputs in training and, by mistake, in evaluation too."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        return F.dropout(x, self.p, training=True)


def sizes(t, image):
    """Give the side of the images at each level of a convolutional encoder, the input's first."""
    found = [image[-1]]
    for n in range(len(t["channels"])):
        found.append(max(found[-1] // 2, 1) if n < t["pools"] else found[-1])
    return found


def parts(t, shape):
    """Make the layers of the encoder and those of the decoder; an activation is a module or a function."""
    functional = t["style"]["module"] == "functional"

    def act(name):
        module, function = ACTIVATIONS[name]
        return function if functional else module()

    def hidden(layer, width, last=False, image=False):
        out = [layer]
        if t["norm"] == "batch" and not last:
            out.append(nn.BatchNorm2d(width) if image else nn.BatchNorm1d(width))
        if t["norm"] == "layer" and not last and not image:
            out.append(nn.LayerNorm(width))
        out.append(act("linear" if last and t["code_linear"] else t["act"]))
        if t["dropout"]:
            out.append(nn.Dropout(t["dropout"]))
        return out

    if t["kind"] == "dense":
        width = [int(torch.Size(shape).numel()), *t["hidden"]]
        code = len(width) - 1
        encoder = []
        for n in range(code):
            encoder += hidden(nn.Linear(*width[n : n + 2]), width[n + 1], n == code - 1)
        back = width[::-1]
        decoder = [layer for n in range(code - 1) for layer in hidden(nn.Linear(*back[n : n + 2]), back[n + 1])]
        decoder.append(nn.Linear(*back[-2:]))
    elif t["kind"] == "conv":
        encoder, decoder = convolutional(t, shape, hidden)
    else:
        length, features = shape
        cell = CELLS[t["cell"]]
        width, code = t["hidden"]
        reader = cell(features, width, batch_first=True, num_layers=t["layers"])
        encoder = [Last(reader), nn.Linear(width, code)]
        inside = cell(code, width, batch_first=True, num_layers=t["layers"])
        decoder = [Unroll(inside, nn.Linear(width, features), length)]
    # where the loss takes logits, the network ends before the sigmoid: unless by mistake
    twice = next((bug["value"] for bug in t["bugs"] if bug["id"] == "C05"), 0)
    times = twice + (t["loss"] != "bce_logits")
    decoder += [act(t["output"]) for _ in range(times if t["output"] != "linear" else 0)]
    return encoder, decoder


def convolutional(t, shape, hidden):
    """Make the layers of a convolutional pair: pooled, averaged or strided, then resized or transposed."""
    side, channels, k = sizes(t, shape), [shape[0], *t["channels"]], t["kernel"]
    encoder, decoder, levels = [], [], len(t["channels"])
    for n in range(levels):
        down = side[n + 1] < side[n]
        stride = 2 if down and t["down"] == "stride" else 1
        conv = nn.Conv2d(channels[n], channels[n + 1], k, stride, k // 2)
        encoder += hidden(conv, channels[n + 1], last=n == levels - 1 and not t["hidden"], image=True)
        if down and stride == 1:
            pool = nn.AdaptiveMaxPool2d if t["down"] == "max" else nn.AdaptiveAvgPool2d
            encoder.append(pool(side[n + 1]))
        if stride == 2:
            encoder.append(nn.AdaptiveAvgPool2d(side[n + 1]))  # rounds an odd side down
    if t["hidden"]:
        flat = channels[-1] * side[-1] ** 2
        encoder += [nn.Flatten(), *hidden(nn.Linear(flat, t["hidden"][-1]), t["hidden"][-1], last=True)]
        decoder += hidden(nn.Linear(t["hidden"][-1], flat), flat)
        decoder.append(nn.Unflatten(1, (channels[-1], side[-1], side[-1])))
    for n in reversed(range(levels)):
        inner, outer = channels[n + 1], channels[n]
        double = side[n] == 2 * side[n + 1] and t["up"] == "transpose"
        if not double and side[n] != side[n + 1]:
            decoder.append(nn.Upsample(size=(side[n], side[n])))
        one = nn.ConvTranspose2d(inner, outer, 2, 2) if double else nn.Conv2d(inner, outer, k, 1, k // 2)
        decoder += hidden(one, outer, image=True) if n else [one]
    return encoder, decoder


class EncoderDecoder(nn.Module):
    """Two halves with names."""

    def __init__(self, encoder, between, decoder):
        super().__init__()
        self.encoder = nn.Sequential(*encoder)
        self.between = between
        self.decoder = nn.Sequential(*decoder)

    def forward(self, x):
        code = self.encoder(x)
        if self.between is not None:
            code = self.between(code)
        return self.decoder(code)


class Functional(nn.Module):
    """Layers with parameters are attributes; what has none is called in forward."""

    def __init__(self, encoder, between, decoder):
        super().__init__()
        self.calls = []
        for n, layer in enumerate([*encoder, between, *decoder]):
            if isinstance(layer, nn.Module):
                setattr(self, f"layer{n}", layer)
                self.calls.append(f"layer{n}")
            elif layer is not None:
                self.calls.append(layer)

    def forward(self, x):
        for call in self.calls:
            x = getattr(self, call)(x) if isinstance(call, str) else call(x)
        return x


def network(t, shape):
    """Make the network of a training for data of a shape, with PyTorch's own initial weights."""
    encoder, decoder = parts(t, shape)
    bug = next((bug for bug in t["bugs"] if bug["id"] == "F08" or (bug["id"] == "C01" and bug["mode"] == "code")), None)
    between = Between(bug) if bug else None
    if t["noise_style"] == "dropout":
        encoder.insert(0, nn.Dropout(t["noise"][1]))
    left_on = next((bug["value"] for bug in t["bugs"] if bug["id"] == "F24" and bug["mode"] == "left_on"), 0)
    if left_on:
        encoder.insert(0, AlwaysNoisy(left_on))
    style = t["style"]["module"]
    if style == "sequential":
        return nn.Sequential(*encoder, *([between] if between else []), *decoder)
    made = (Functional if style == "functional" else EncoderDecoder)(encoder, between, decoder)
    if t["extra_head"]:
        made.head = nn.Linear(4, 2)  # a part that no loss sees
    return made


def layers_with_weights(model):
    """List the modules that hold weights of their own, first to last."""
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.LSTM, nn.GRU, nn.RNN)
    return [(name, module) for name, module in model.named_modules() if isinstance(module, kinds)]


@torch.no_grad()
def initialise(model, t, mean):
    """Change the initial weights as the training says; `mean` is the data's, for an output bias."""
    init = t["init"]
    layers = layers_with_weights(model)
    layers = [(name, module) for name, module in layers if name != "head"]
    for _, module in layers:
        for name, p in module.named_parameters():
            if p.dim() < 2:
                if init["kind"] != "default":
                    p.zero_()
                continue
            if init["kind"] == "he":
                nn.init.kaiming_normal_(p)
            elif init["kind"] == "glorot":
                nn.init.xavier_uniform_(p)
            elif init["kind"] == "normal":
                p.normal_(0, init["value"])
            elif init["kind"] == "constant":
                p.fill_(init["value"])
            gain = init["recurrent_gain"] if "weight_hh" in name else 1.0
            p.mul_(init["gain"] * gain)
    for _, module in layers[:-1]:
        if init["hidden_bias"] and hasattr(module, "bias") and isinstance(module.bias, torch.Tensor):
            module.bias.fill_(init["hidden_bias"])
    first = layers[0][1]
    if init["dead"] and isinstance(getattr(first, "bias", None), torch.Tensor):
        first.bias[: int(len(first.bias) * init["dead"])] = -100.0
    last = layers[-1][1]
    last.weight.mul_(init["output_gain"])
    if init["output_bias"] == "mean":
        value = mean if len(mean) == len(last.bias) else mean.mean().expand(len(last.bias))
        last.bias.copy_(torch.logit(value.clamp(0.01, 0.99)) if t["output"] == "sigmoid" else value)
    elif init["output_bias"]:
        last.bias.fill_(init["output_bias"])
