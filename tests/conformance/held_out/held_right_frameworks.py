# ruff: noqa: E501
# fmt: off
"""Right implementations in PyTorch, by automatic differentiation, in double and single precision."""

import held_torch as pt
import held_torch_layers as pl
import torch
from held_row import Rows
from torch.nn import functional as F

ROWS = Rows("torch", "ok_pt")
right = ROWS.right

right("autoencoder", "The autoencoder with autograd.", "autoencoder/*", pt.ae)
right("autoencoder_float32", "The autoencoder with autograd in single precision.", "autoencoder/tied_cross_entropy* autoencoder/untied*", pt.ae, "float32")
right("training", "Training with torch.optim.SGD.", "training/*", pt.training)
right("stack", "Fine-tuning with torch.optim.SGD.", "stack/finetune*", pt.stack)
right("pretrain", "Pretraining with autograd.", "stack/pretrain*", pt.pretrain)
right("conv", "conv2d of a picture padded beforehand.", "layer/conv_same* layer/conv_valid*", pl.layer, f=pl.conv)
right("conv_unfold", "Convolution by unfold and a product.", "layer/conv_valid", pl.layer, f=lambda t, c: (F.unfold(pl.nchw(t["x"]), c["kernel"]).transpose(1, 2) @ t["W"].permute(2, 0, 1, 3).reshape(-1, t["W"].shape[3]) + t["b"]).reshape(t["d_output"].shape))
right("conv_transpose", "conv_transpose2d with the border cut off.", "layer/conv_transpose*", pl.layer, f=pl.convt)
right("max_pool", "max_pool2d padded with minus infinity.", "layer/max_pool*", pl.layer, f=pl.pool_max)
right("lstm", "nn.LSTM with its second bias at zero.", "layer/lstm_sequence layer/lstm_last_output layer/lstm_one_step layer/lstm_initial*", pl.layer, f=pl.lstm)
right("adam", "torch.optim.Adam.", "optimizer/adam_torch optimizer/adam_torch_betas optimizer/adam_torch_tiny", pt.optimizer, make=lambda p, c: torch.optim.Adam(p, betas=(c["beta1"], c["beta2"]), eps=c["eps"]))
right("adam_foreach", "torch.optim.Adam with foreach for optax's cases.", "optimizer/adam_optax optimizer/adam_optax_tiny", pt.optimizer, make=lambda p, c: torch.optim.Adam(p, foreach=True))
right("softmax", "F.softmax with autograd.", "activation/softmax_*", pt.activation, f=lambda a, c: F.softmax(a, -1))
right("cross_entropy", "F.cross_entropy.", "loss/softmax_cross_entropy_*", pt.loss, f=lambda a, t, c: F.cross_entropy(a, t))
