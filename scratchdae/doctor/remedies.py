"""What the doctor can prescribe: a row a remedy, in the words and the lines of each framework.

The lines are what the user would write, with the names that such code has: `model`, `optimizer`, `loss`, `x` (N, D),
`batch_size`, `epochs`, `lr`, the widths `D`, `H` and `K` of data, hidden layers and code. All of them run.
"""

from typing import NamedTuple


class Remedy(NamedTuple):
    """One change of a training."""

    sentence: str  # what to do, in words
    torch: str = ""  # the lines that do it; {factor} is how much
    keras: str = ""
    scratchdae: str = ""
    factor: float | None = None  # how much, where nothing else is said


_CENTRED = "x = x - x.mean(0)\nx = x / x.std()"

REMEDIES = {
    "lr_down": Remedy(
        "divide the learning rate by {factor:g}",
        'for group in optimizer.param_groups:\n    group["lr"] /= {factor:g}',
        "model.optimizer.learning_rate = float(model.optimizer.learning_rate) / {factor:g}",
        "fit(model, x, epochs=epochs, lr=lr / {factor:g})",
        10,
    ),
    "lr_up": Remedy(
        "multiply the learning rate by {factor:g}",
        'for group in optimizer.param_groups:\n    group["lr"] *= {factor:g}',
        "model.optimizer.learning_rate = float(model.optimizer.learning_rate) * {factor:g}",
        "fit(model, x, epochs=epochs, lr=lr * {factor:g})",
        10,
    ),
    "more_steps": Remedy(
        "train {factor:g} times as long",
        "epochs *= {factor:g}",
        "model.fit(x, x, epochs={factor:g} * epochs)",
        "fit(model, x, epochs={factor:g} * epochs, lr=lr)",
        10,
    ),
    "zero_grad": Remedy(
        "zero the gradients before every backward",
        "optimizer.zero_grad()\nloss.backward()\noptimizer.step()",
        "model.optimizer.apply(gradients, model.trainable_weights)  # of this batch alone, not a running sum of them",
    ),
    "logits_loss": Remedy(
        "compute the cross-entropy from the logits, without the sigmoid at the end",
        "logits = model(x)  # without its last sigmoid\nloss = F.binary_cross_entropy_with_logits(logits, x)",
        'layers.Dense(D, activation="linear")  # at the end\n'
        "model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))",
        'Sequential([*layers, Sigmoid()], (D,), rng, loss="cross_entropy")  # computes it from the logits',
    ),
    "output_bias_to_mean": Remedy(
        "begin with the output's bias where its output is the mean of the data",
        "p = torch.as_tensor(x.mean(0)).float().clip(1e-3, 1 - 1e-3)\n"
        "model[-2].bias.data = torch.log(p / (1 - p))  # of the last layer, before its sigmoid; without one, x.mean(0)",
        "p = np.clip(x.mean(0), 1e-3, 1 - 1e-3)\n"
        "model.layers[-1].bias.assign(np.log(p / (1 - p)))  # before a sigmoid; without one, x.mean(0)",
        "p = np.clip(x.mean(0), 1e-3, 1 - 1e-3)\n"
        'model.params["dense_2.b"] = np.log(p / (1 - p))  # of the last layer, before its sigmoid; else x.mean(0)',
    ),
    "linear_output": Remedy(
        "take the activation off the output",
        "model = nn.Sequential(*list(model)[:-1])  # no sigmoid, tanh or ReLU at the end",
        'layers.Dense(D, activation="linear")',
        "Sequential(layers[:-1], (D,), rng)  # no Sigmoid, Tanh or ReLU at the end",
    ),
    "sigmoid_output": Remedy(
        "put a sigmoid at the end",
        "z = torch.sigmoid(model(x))",
        'layers.Dense(D, activation="sigmoid")',
        "Sequential([*layers, Sigmoid()], (D,), rng)",
    ),
    "standardise_data": Remedy(
        "centre every column, and divide all by one spread; the output linear",
        _CENTRED,
        _CENTRED,
        _CENTRED,
    ),
    "scale_to_unit": Remedy(
        "scale the data to [0, 1]",
        "x = (x - x.min()) / (x.max() - x.min())",
        "x = (x - x.min()) / (x.max() - x.min())",
        "x = (x - x.min()) / (x.max() - x.min())",
    ),
    "he_init": Remedy(
        "draw the first weights by He's rule, biases 0",
        "for layer in model.modules():\n    if isinstance(layer, (nn.Linear, nn.Conv2d)):\n"
        '        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")\n        nn.init.zeros_(layer.bias)',
        'layers.Dense(H, kernel_initializer="he_normal")',
        'Dense(H, init_W="he_normal")',
    ),
    "smaller_init": Remedy(
        "draw smaller first weights: none with more spread than Glorot's rule gives",
        "for p in model.parameters():\n    if p.ndim > 1:\n        nn.init.xavier_normal_(p)",
        'layers.Dense(H, kernel_initializer="glorot_normal")',
        'Dense(H, init_W="glorot_normal")',
    ),
    "leaky_relu": Remedy(
        "leaky rectifiers in place of ReLUs",
        "nn.LeakyReLU(0.1)  # in place of nn.ReLU()",
        'layers.LeakyReLU(negative_slope=0.1)  # a layer, in place of activation="relu"',
        "LeakyReLU(0.1)  # in place of ReLU()",
    ),
    "activation_relu": Remedy(
        "ReLUs in place of hidden sigmoids or tanhs, and He's first weights",
        "nn.ReLU()  # in place of nn.Sigmoid() or nn.Tanh() inside\n"
        "for layer in model.modules():\n    if isinstance(layer, (nn.Linear, nn.Conv2d)):\n"
        '        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")',
        'layers.Dense(H, activation="relu", kernel_initializer="he_normal")',
        'Dense(H, init_W="he_normal"), ReLU()  # in place of Sigmoid() or Tanh() inside',
    ),
    "add_nonlinearity": Remedy(
        "an activation after the hidden layers",
        "nn.Sequential(nn.Linear(D, H), nn.ReLU(), nn.Linear(H, K))  # and so on",
        'layers.Dense(H, activation="relu")',
        "Sequential([Dense(H), ReLU(), Dense(K), Dense(H), ReLU(), Dense(D)], (D,), rng)",
    ),
    "widen_code": Remedy(
        "a code {factor:g} times as wide",
        "nn.Linear(H, {factor:g} * K)",
        "layers.Dense({factor:g} * K)",
        "Dense({factor:g} * K)",
        2,
    ),
    "narrow_code": Remedy(
        "a code narrower by {factor:g}",
        "nn.Linear(H, K // {factor:g})",
        "layers.Dense(K // {factor:g})",
        "Dense(K // {factor:g})",
        2,
    ),
    "less_noise": Remedy(
        "the noise divided by {factor:g}",
        "x_tilde = x + (s / {factor:g}) * torch.randn_like(x)  # s: the noise so far; of a mask or dropout, its rate",
        "layers.GaussianNoise(s / {factor:g})  # s: the noise so far; of a mask or dropout, its rate",
        'fit(model, x, epochs=epochs, lr=lr, corruption=Corruption("gaussian", s / {factor:g}))  # s: the level so far',
        5,
    ),
    "more_noise": Remedy(
        "noise on the input, {factor:g} of the data's standard deviation",
        "x_tilde = x + {factor:g} * x.std() * torch.randn_like(x)\n"
        "loss = F.mse_loss(model(x_tilde), x)  # the target stays clean",
        "layers.GaussianNoise({factor:g} * float(x.std()))  # the first layer",
        'fit(model, x, epochs=epochs, lr=lr, corruption=Corruption("gaussian", {factor:g} * float(x.std())))',
        0.3,
    ),
    "clean_target": Remedy(
        "compare the output with the clean batch that was fed",
        "loss = F.mse_loss(model(x_tilde), x)",
        "model.fit(x_tilde, x)",
        "fit(model, x, epochs=epochs, lr=lr, corruption=corruption)  # without a target: it is the clean x",
    ),
    "less_l2": Remedy(
        "take the weight penalty away",
        'for group in optimizer.param_groups:\n    group["weight_decay"] = 0  # nor a penalty in the loss',
        "layers.Dense(H, kernel_regularizer=None)  # and no weight_decay in the optimizer",
        "fit(model, x, epochs=epochs, lr=lr, l2=0)",
    ),
    "clip_gradient": Remedy(
        "clip the gradient's norm to {factor:g}",
        "loss.backward()\ntorch.nn.utils.clip_grad_norm_(model.parameters(), {factor:g})\noptimizer.step()",
        "model.compile(keras.optimizers.SGD(lr, global_clipnorm={factor:g}), loss=loss)",
        "fit(model, x, epochs=epochs, lr=lr, optimizer=Clipped(SGD(), max_norm={factor:g}))",
        1,
    ),
    "adam": Remedy(
        "Adam with a learning rate of {factor:g}",
        "optimizer = torch.optim.Adam(model.parameters(), lr={factor:g})",
        "model.compile(keras.optimizers.Adam({factor:g}), loss=loss)",
        "fit(model, x, epochs=epochs, lr={factor:g}, optimizer=Adam())",
        1e-3,
    ),
    "smaller_batch": Remedy(
        "batches smaller by {factor:g}, as many epochs",
        "DataLoader(x, batch_size // {factor:g}, shuffle=True)",
        "model.fit(x, x, batch_size=batch_size // {factor:g})",
        "fit(model, x, epochs=epochs, lr=lr, batch_size=batch_size // {factor:g})",
        8,
    ),
    "larger_batch": Remedy(
        "batches {factor:g} times as large, as many steps",
        "DataLoader(x, {factor:g} * batch_size, shuffle=True)  # and {factor:g} times the epochs",
        "model.fit(x, x, batch_size={factor:g} * batch_size, epochs={factor:g} * epochs)",
        "fit(model, x, epochs={factor:g} * epochs, lr=lr, batch_size={factor:g} * batch_size)",
        8,
    ),
    "fewer_pools": Remedy(
        "one pooling fewer, and one upsampling",
        "# leave out the last nn.MaxPool2d(2), and the first nn.Upsample or nn.ConvTranspose2d of stride 2",
        "# leave out the last MaxPooling2D, and the first UpSampling2D or Conv2DTranspose of stride 2",
        "# leave out the last MaxPool2D and the first UpSampling2D",
    ),
    "fix_backward": Remedy("mend the mistake in the step"),  # its lines are those of MENDS
    "more_data_or_regularise": Remedy(
        "more data, or noise or a penalty against memorising",
        "x_tilde = x + 0.3 * x.std() * torch.randn_like(x)\nloss = F.mse_loss(model(x_tilde), x)",
        "layers.GaussianNoise(0.3 * float(x.std()))  # the first layer",
        'fit(model, x, epochs=epochs, lr=lr, corruption=Corruption("gaussian", 0.3 * float(x.std())))',
    ),
    "fewer_examples": Remedy("train on one in {factor:g} of the examples, to see what more of them do", factor=2),
    "other_data": Remedy("other data: these have nothing in common that a code could use"),
    "none": Remedy("nothing is wrong"),
}

_BY_COLUMN = "spread = x.std(0)\nspread[spread < spread.max() / 20] = spread.max() / 20\nx = (x - x.mean(0)) / spread"
BY_COLUMN = Remedy(  # "standardise_data" with a factor
    "centre every column, and divide each by its own spread; rare ones by no less than a twentieth of the largest",
    _BY_COLUMN,
    _BY_COLUMN,
    _BY_COLUMN,
)

MENDS = {  # of "fix_backward": a row a mistake that only code can make, by its cause
    "C01": Remedy(
        "let the gradient through: no detach() and no no_grad() between the input and the loss",
        "z = decoder(encoder(x))",
    ),
    "C02": Remedy(
        "give the optimizer every parameter, none of them frozen",
        "model.requires_grad_(True)\noptimizer = type(optimizer)(model.parameters(), lr=lr)",
        "model.trainable = True\nmodel.compile(optimizer, loss=loss)",
    ),
    "C04": Remedy("compute the loss on what the last layer gives", "z = model(x)\nloss = F.mse_loss(z, x)"),
    "C05": Remedy(
        "apply the activation once",
        "model = nn.Sequential(*list(model)[:-1])  # or leave it out of the loss",
    ),
    "C06": Remedy(
        "clip the gradient to a norm that it seldom has, or not at all",
        "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
        "model.compile(keras.optimizers.SGD(lr, global_clipnorm=1.0), loss=loss)",
        "fit(model, x, epochs=epochs, lr=lr, optimizer=Clipped(SGD(), max_norm=1.0))",
    ),
    "C07": Remedy(
        "keep the learning rate, or count the schedule in the steps that there are",
        "scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)  # called once a step",
        "model.compile(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(lr, steps)), loss=loss)",
        "fit(model, x, epochs=epochs, lr=lr)",
    ),
    "C08": Remedy(
        "train in training mode, with little dropout",
        "model.train()\nnn.Dropout(0.1)",
        "model(x, training=True)\nlayers.Dropout(0.1)",
        "Dropout(0.1)",
    ),
    "C11": Remedy(
        "call backward and the optimizer's step in every step",
        "optimizer.zero_grad()\nloss.backward()\noptimizer.step()",
        "model.optimizer.apply(gradients, model.trainable_weights)",
    ),
    "F07": REMEDIES["zero_grad"],
    "F08": Remedy(
        "let autograd compute the gradient, or check yours against finite differences",
        "torch.autograd.gradcheck(function, x.double().requires_grad_())",
        "",
        "print(gradcheck.check(loss_and_grads, model.params))",
    ),
    "F24": REMEDIES["clean_target"],
    "C03": REMEDIES["clean_target"],
}

_COLUMNS = {"PyTorch": "torch", "Keras": "keras", "scratchdae": "scratchdae"}


def remedy(name: str, factor: float | None = None, cause: str = "") -> Remedy:
    """Return the row of a change; of "fix_backward", that of the mistake which it mends."""
    if name == "fix_backward":
        return MENDS.get(cause, REMEDIES[name])
    return BY_COLUMN if name == "standardise_data" and factor else REMEDIES[name]


def sentence_for(name: str, factor: float | None = None, cause: str = "") -> str:
    """Return a change in words."""
    row = remedy(name, factor, cause)
    return row.sentence.format(factor=factor or row.factor or 1)


def lines_for(name: str, factor: float | None, framework: str, cause: str = "") -> str:
    """Return a change as the user would write it; a comment that says it in words where the framework has no lines."""
    row = remedy(name, factor, cause)
    lines: str = getattr(row, _COLUMNS.get(framework, "torch"))
    return lines.format(factor=factor or row.factor or 1) if lines else f"# {sentence_for(name, factor, cause)}"
