"""What the doctor can prescribe: a row a remedy, in the words and the lines of each framework."""

from typing import NamedTuple


class Remedy(NamedTuple):
    """One change of a training."""

    sentence: str  # what to do, in words
    torch: str = ""  # the lines that do it; {factor} is how much
    keras: str = ""
    scratchdae: str = ""
    factor: float | None = None  # how much, where nothing else is said


REMEDIES = {
    "lr_down": Remedy(
        "divide the learning rate by {factor:g}",
        'for group in optimizer.param_groups:\n    group["lr"] /= {factor:g}',
        "model.optimizer.learning_rate = float(model.optimizer.learning_rate) / {factor:g}",
        "fit(model, x, lr=lr / {factor:g}, ...)",
        10,
    ),
    "lr_up": Remedy(
        "multiply the learning rate by {factor:g}",
        'for group in optimizer.param_groups:\n    group["lr"] *= {factor:g}',
        "model.optimizer.learning_rate = float(model.optimizer.learning_rate) * {factor:g}",
        "fit(model, x, lr=lr * {factor:g}, ...)",
        10,
    ),
    "more_steps": Remedy(
        "train {factor:g} times as long",
        "epochs *= {factor:g}",
        "model.fit(x, x, epochs={factor:g} * epochs)",
        "fit(model, x, epochs={factor:g} * epochs, ...)",
        10,
    ),
    "zero_grad": Remedy(
        "zero the gradients before every backward", "optimizer.zero_grad()\nloss.backward()\noptimizer.step()"
    ),
    "logits_loss": Remedy(
        "compute the cross-entropy from the logits, without the sigmoid at the end",
        "logits = model(x)  # its last sigmoid taken out\nloss = F.binary_cross_entropy_with_logits(logits, x)",
        'model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))  # the last activation "linear"',
        'Sequential([..., Sigmoid()], ..., loss="cross_entropy")',
    ),
    "output_bias_to_mean": Remedy(
        "begin with the output's bias where its output is the mean of the data",
        "p = x.mean(0).clamp(1e-3, 1 - 1e-3)\nlast.bias.data = torch.log(p / (1 - p))  # after a sigmoid; else p",
        "p = np.clip(x.mean(0), 1e-3, 1 - 1e-3)\nlast.bias.assign(np.log(p / (1 - p)))  # after a sigmoid; else p",
        'Dense(D, bias=...)  # or model.params["dense_2.b"] = np.log(p / (1 - p))',
    ),
    "linear_output": Remedy(
        "take the activation off the output",
        "decoder = nn.Sequential(*list(decoder)[:-1])  # no sigmoid, tanh or ReLU at the end",
        'layers.Dense(D, activation="linear")',
        "Sequential(layers[:-1], ...)",
    ),
    "sigmoid_output": Remedy(
        "put a sigmoid at the end",
        "z = torch.sigmoid(model(x))",
        'layers.Dense(D, activation="sigmoid")',
        "Sequential([*layers, Sigmoid()], ...)",
    ),
    "standardise_data": Remedy(
        "centre every column, and divide all by one spread; the output linear",
        "x = (x - x.mean(0)) / x.std()",
        "x = (x - x.mean(0)) / x.std()",
        "x = (x - x.mean(0)) / x.std()",
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
        "        nn.init.kaiming_normal_(layer.weight)\n        nn.init.zeros_(layer.bias)",
        'layers.Dense(H, kernel_initializer="he_normal")',
        'Dense(H, init="he")',
    ),
    "smaller_init": Remedy(
        "draw smaller first weights, by Glorot's rule",
        "for p in model.parameters():\n    if p.ndim > 1:\n        nn.init.xavier_normal_(p)",
        'layers.Dense(H, kernel_initializer="glorot_normal")',
        'Dense(H, init="glorot")',
    ),
    "leaky_relu": Remedy(
        "leaky rectifiers in place of ReLUs",
        "nn.LeakyReLU(0.1)  # in place of nn.ReLU()",
        "layers.LeakyReLU(0.1)",
        "LeakyReLU(0.1)",
    ),
    "activation_relu": Remedy(
        "ReLUs in place of hidden sigmoids or tanhs, and He's first weights",
        "nn.ReLU()  # in place of nn.Sigmoid() or nn.Tanh(); then nn.init.kaiming_normal_ on the weights",
        'layers.Dense(H, activation="relu", kernel_initializer="he_normal")',
        "ReLU()",
    ),
    "add_nonlinearity": Remedy(
        "an activation after the hidden layers",
        "nn.Sequential(nn.Linear(D, H), nn.ReLU(), nn.Linear(H, K), ...)",
        'layers.Dense(H, activation="relu")',
        "Sequential([Dense(H), ReLU(), Dense(K), ...], ...)",
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
        "a {factor:g}th of the noise",
        "noise = noise / {factor:g}",
        "layers.GaussianNoise(s / {factor:g})",
        'corruption=Corruption("gaussian", s / {factor:g})',
        5,
    ),
    "more_noise": Remedy(
        "noise on the input, {factor:g} of the data's standard deviation",
        "x_tilde = x + {factor:g} * x.std() * torch.randn_like(x)\nz = model(x_tilde)  # the target stays x",
        "layers.GaussianNoise({factor:g} * x.std())  # the first layer",
        'corruption=Corruption("gaussian", {factor:g} * x.std())',
        0.3,
    ),
    "clean_target": Remedy(
        "compare the output with the clean batch that was fed",
        "loss = F.mse_loss(model(x_tilde), x)",
        "model.fit(x_tilde, x)",
        "fit(model, x, corruption=...)  # the target is x",
    ),
    "less_l2": Remedy(
        "take the weight penalty away",
        'for group in optimizer.param_groups:\n    group["weight_decay"] = 0',
        "layers.Dense(H, kernel_regularizer=None)",
        "fit(model, x, l2=0, ...)",
    ),
    "clip_gradient": Remedy(
        "clip the gradient's norm to {factor:g}",
        "loss.backward()\ntorch.nn.utils.clip_grad_norm_(model.parameters(), {factor:g})\noptimizer.step()",
        "keras.optimizers.SGD(lr, global_clipnorm={factor:g})",
        "Clipped(SGD(), norm={factor:g})",
        1,
    ),
    "adam": Remedy(
        "Adam with a learning rate of {factor:g}",
        "optimizer = torch.optim.Adam(model.parameters(), lr={factor:g})",
        "model.compile(keras.optimizers.Adam({factor:g}), ...)",
        "fit(model, x, optimizer=Adam(), lr={factor:g}, ...)",
        1e-3,
    ),
    "smaller_batch": Remedy(
        "batches of an {factor:g}th, as many epochs",
        "DataLoader(x, batch_size // {factor:g})",
        "model.fit(x, x, batch_size=batch_size // {factor:g})",
        "fit(model, x, batch_size=batch_size // {factor:g}, ...)",
        8,
    ),
    "larger_batch": Remedy(
        "batches {factor:g} times as large, as many steps",
        "DataLoader(x, {factor:g} * batch_size)",
        "model.fit(x, x, batch_size={factor:g} * batch_size)",
        "fit(model, x, batch_size={factor:g} * batch_size, ...)",
        8,
    ),
    "fewer_pools": Remedy(
        "one pooling fewer, and one upsampling",
        "# leave out the last nn.MaxPool2d(2) and the first nn.Upsample",
        "# leave out the last MaxPooling2D and the first UpSampling2D",
        "# leave out the last MaxPool and the first Upsampling",
    ),
    "fix_backward": Remedy("mend the step: {what}"),
    "more_data_or_regularise": Remedy(
        "more data, or noise or a penalty against memorising",
        "x_tilde = x + 0.3 * x.std() * torch.randn_like(x)",
        "layers.GaussianNoise(0.3 * x.std())",
        'corruption=Corruption("gaussian", 0.3 * x.std())',
    ),
    "other_data": Remedy("other data: these have nothing in common that a code could use"),
    "none": Remedy("nothing is wrong"),
}
