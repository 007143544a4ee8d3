"""The strip at the top of the README: a picture becomes numbers and a picture again; blots; and what they are for.

`python figures/00_what_it_is.py` trains three small networks on the embedded digits and draws it again.
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrow

from scratchdae import Corruption, DenoisingAutoencoder, fit, streams
from scratchdae.activations import sigmoid
from scratchdae.autoencoder import decode
from scratchdae.chapter import Chapter
from scratchdae.corruption import exact_mask
from scratchdae.datasets import digits, to_float
from scratchdae.plots import BLUE, GREY

chapter = Chapter.begin("00_what_it_is")

NARROW, WIDE = 32, 500  # hidden units; 500 is what `scratchdae train` takes
NU = 0.5  # fraction of the pixels that is blotted out
EPOCHS = 2 if chapter.quick else 15
SHOWN = 7  # which held-out digit

data = digits()
x_train, x_test = to_float(data.x_train, np.float32), to_float(data.x_test, np.float32)


def train(n_hidden, nu):
    """Train with tied weights on clean targets; nu = 0 shows the network the clean picture itself."""
    model = DenoisingAutoencoder(784, n_hidden, streams(chapter.seed).initialisation, dtype=np.float32)
    corruption = Corruption("masking", nu) if nu else None
    options = {"corruption": corruption, "seed": chapter.seed, "backend": "numpy", "progress": False}
    fit(model, x_train, epochs=EPOCHS, lr=0.1, batch_size=20, **options)
    return model


narrow, copier, denoiser = train(NARROW, 0), train(WIDE, 0), train(WIDE, NU)


def answer(model, x):
    """Return z, the picture that a network makes of x."""
    return sigmoid(decode(model.params, model.encode(x)))


mask = exact_mask(x_test.shape, NU, np.random.default_rng([chapter.seed, 1]))
blotted = np.where(mask, np.float32(0), x_test)
answers = {"trained without blots": answer(copier, blotted), "trained with blots": answer(denoiser, blotted)}


def error(z, where):
    """Return the mean squared error on some pixels of the held-out digits."""
    return float(np.square(z - x_test, dtype=np.float64)[where].mean())


errors = {name: error(z, mask) for name, z in answers.items()}
mean_picture = error(np.broadcast_to(x_train.mean(axis=0), x_test.shape), mask)
narrow_error = error(answer(narrow, x_test), np.ones_like(mask))

assert narrow_error < 0.5 * mean_picture, f"32 numbers must carry most of a digit, found {narrow_error:.4f}"
assert errors["trained with blots"] < 0.5 * mean_picture < errors["trained without blots"], errors

WIDTH, HEIGHT, SIDE = 8.18, 1.7, 0.097  # inches, 900 pixels wide; a picture's side, as a share of the width
BOTTOM, HIGH = 0.265, SIDE * WIDTH / HEIGHT
figure = Figure(figsize=(WIDTH, HEIGHT))


def place(left, caption, width=SIDE):
    """Return axes without ticks, with a caption below."""
    ax = figure.add_axes((left, BOTTOM, width, HIGH))
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(caption, fontsize=8.5, labelpad=3)
    return ax


def show(left, image, caption):
    """Draw one picture with its caption."""
    place(left, caption).imshow(image.reshape(28, 28), cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def arrow(left):
    """Draw an arrow between two pictures."""
    shape = {"width": 0.01, "head_width": 0.06, "head_length": 0.008, "length_includes_head": True}
    figure.add_artist(FancyArrow(left, BOTTOM + HIGH / 2, 0.022, 0, color=GREY, lw=0, **shape))


clean, holes = x_test[SHOWN], blotted[SHOWN]
copied, filled = answers["trained without blots"][SHOWN], answers["trained with blots"][SHOWN]
titles = {
    0.01: "1  Numbers, and a picture again",
    0.365: "2  Blot it out, ask for the clean one",
    0.745: "3  Why: else it copies",
}
for left, title in titles.items():
    figure.text(left, 0.85, title, fontsize=9, weight="bold")

show(0.01, clean, "784 pixels")
arrow(0.112)
bars = place(0.139, f"{NARROW} numbers", width=0.055)
bars.barh(range(NARROW), narrow.encode(clean[None])[0], color=BLUE, height=0.7)
bars.set_xlim(0, 1)
arrow(0.199)
show(0.226, answer(narrow, clean[None])[0], "784 pixels")

show(0.365, holes, "half blotted out")
arrow(0.467)
show(0.494, filled, "its answer")
show(0.61, clean, "what was there")

show(0.755, copied, "trained\nwithout blots")
show(0.875, filled, "trained\nwith blots")

chapter.finish(
    figure,
    {
        "squared_error_on_blotted_pixels": errors | {"mean picture": mean_picture},
        "squared_error_of_32_numbers": narrow_error,
    },
)
