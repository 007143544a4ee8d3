# %% [markdown]
# # A training step carries its weights fifteen times, whatever the batch, where four times would do
#
# Your training keeps a core busy, and yet a profiler finds a fraction of the multiplications that the core can do. You
# take batches of one in place of twenty, and a step takes nearly as long as before: it cannot be the sums that it waits
# for. No line of the program stands out; some of the time lies in products of matrices, some in `W -= lr * dW`.

# %% [markdown]
# ## The claim
#
# A core multiplies tens of numbers in the time in which one arrives from far away. 784 × 500 weights in single
# precision are 1.6 MB, more than the caches next to a core mostly hold: each operation on a whole array of that size
# has it carried there and, if it writes, back. On trial, with counters in place of a clock:
#
# 1. a step of `autoencoder.sgd_step`, as NumPy takes it, carries arrays as large as $W$ fifteen times, ten times to
#    read and five to write, whatever the batch;
# 2. taken by blocks of rows of $W$, each used for all that it is needed for while it is near, the same step carries
#    three reads and one write, and ends in the same weights;
# 3. so that the operations for each byte are $B/5$ in the one and $5B/8$ in the other, whatever $D$ and $H$; and alone
#    an example costs several times what it costs among twenty;
# 4. zeros of the input need neither be multiplied nor carried where a group of $n$ examples has them in common: a share
#    of $\overline{q^n}$, with $q_k$ the probability that input $k$ is zero. It concerns two of five products.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from scratchdae import DenoisingAutoencoder, autoencoder, backend
from scratchdae.activations import sigmoid
from scratchdae.chapter import Chapter
from scratchdae.corruption import masking
from scratchdae.datasets import digits, to_float
from scratchdae.plots import BLUE, ORANGE

chapter = Chapter.begin("33_traffic")

D, H, B, LR = 784, 500, 20, 0.1  # visible, hidden units, examples a batch, learning rate
STEPS, REPEATS = (10, 20) if chapter.quick else (50, 100)  # to compare the weights after; and to time a step
BLOCK = 112  # rows of W that are near together: 224 kB, less than a second-level cache
NUS = (0.0, 0.25, 0.5, 0.75)
GROUPS = (1, 4, 16)  # examples, of which all must be zero
N = 4000 if chapter.quick else 16_000  # examples whose zeros are counted
OPTIONS = ("cross_entropy", "sigmoid", "paper")

rng = np.random.default_rng(chapter.seed)
images = to_float(digits().x_train, np.float32)
x = images[rng.integers(0, len(images), (STEPS, B))]
x_tilde = np.array([masking(batch, 0.25, rng) for batch in x])
first = DenoisingAutoencoder(D, H, rng, dtype=np.float32).params

# %% [markdown]
# ## The run: what is carried
#
# An array that keeps a book: an operand as large as $W$ is read, a result as large is written, however short it lives.
# A block of rows that is fetched is read once, however often it is used before the next. No less is counted.


# %%
BOOK = []  # (operation, bytes read, bytes written, multiplications and additions of products)


class Counted(np.ndarray):
    """An array whose traffic, and that of all that is computed from it, is written into `BOOK`."""

    def __array_ufunc__(self, operation, method, *operands, out=None, **options):
        plain = [np.asarray(one) if isinstance(one, Counted) else one for one in operands]
        into = {} if out is None else {"out": tuple(np.asarray(one) for one in out)}
        result = getattr(operation, method)(*plain, **into, **options)
        read = sum(one.nbytes for one in plain if np.size(one) >= D * H)
        written = result.nbytes if result.size >= D * H else 0
        sums = 2 * plain[0].size * plain[1].shape[1] if operation is np.matmul else 0
        if read or written or sums:
            BOOK.append((operation.__name__, read, written, sums))
        return out[0] if out else result.view(Counted) if isinstance(result, np.ndarray) else result

    def __getitem__(self, rows):
        block = np.asarray(self)[rows]
        BOOK.append(("fetch", block.nbytes, 0, 0))
        return block

    def __setitem__(self, rows, block):
        np.asarray(self)[rows] = block
        BOOK.append(("put back", 0, block.nbytes, 0))


def plain_step(params, x_tilde, x, lr):
    """Broken: what `autoencoder.sgd_step` does, an operation after the other on whole arrays."""
    loss, grads = autoencoder.gradients(params, x_tilde, x, *OPTIONS)
    if np.isfinite(loss) and all(np.isfinite(grad.sum()) for grad in grads.values()):
        for name, array in params.items():
            array -= lr * grads[name]


def fused_step(params, x_tilde, x, lr):
    """Repaired: a block of rows of W is used for all that it is needed for; the gradient of W is never whole."""
    W, b, b_prime = params["W"], params["b"], params["b_prime"]
    blocks = [slice(k, k + BLOCK) for k in range(0, D, BLOCK)]
    y = sigmoid(sum(x_tilde[:, k] @ W[k] for k in blocks) + b)  # (1)
    da_z, dy = np.empty_like(x), 0
    for k in blocks:
        near = W[k]
        da_z[:, k] = autoencoder.output_loss(y @ near.T + b_prime[k], x[:, k], *OPTIONS)[1]  # (2), (5)
        dy = dy + da_z[:, k] @ near  # (9)
    da_y = dy * (y * (1 - y))  # (10)
    for k in blocks:
        W[k] = W[k] - lr * (da_z[:, k].T @ y + x_tilde[:, k].T @ da_y)  # (8), (12)
    b -= lr * da_y.sum(axis=0)  # (11)
    b_prime -= lr * da_z.sum(axis=0)  # (7)


def traffic(step, *batch):
    """Return the book of one step."""
    BOOK.clear()
    params = {name: value.copy() for name, value in first.items()}
    step(params | {"W": params["W"].view(Counted)}, *batch, LR)
    return list(BOOK)


books = {
    "plain": traffic(plain_step, x_tilde[0].view(Counted), x[0].view(Counted)),
    "fused": traffic(fused_step, x_tilde[0], x[0]),
}
size = first["W"].nbytes
carried = {name: [sum(entry[kind] for entry in book) / size for kind in (1, 2)] for name, book in books.items()}
sums = {"plain": sum(entry[3] for entry in books["plain"]), "fused": 10 * B * D * H}  # five products: (13) is left out
a_byte = {name: sums[name] / size / sum(carried[name]) for name in books}

for name, (reads, writes) in carried.items():
    print(f"{name}: {reads:.0f} read and {writes:.0f} written, {a_byte[name]:.1f} operations a byte")

# %% [markdown]
# ### And do they take the same steps?
#
# The plain step is held to the library's, bit by bit; the fused one, which adds in another order, to rounding, and with
# numba installed the one of `scratchdae.kernels`. Then the seconds of a step on one example and on twenty, the least of
# many: this machine's, so only a wide bound is asserted.

# %%
steps = {"reference": autoencoder.sgd_step, "plain": plain_step, "fused": fused_step}
if backend.choose("auto").name == "numba":
    steps["compiled"] = backend.loops(autoencoder, "numba").sgd_step
else:
    print("the compiled step is left out: numba is not installed")
ends = {name: {key: value.copy() for key, value in first.items()} for name in steps}
for name, step in steps.items():
    for batch in zip(x_tilde, x, strict=True):
        step(ends[name], *batch, LR)
change = np.abs(ends["reference"]["W"] - first["W"]).max()
errors = {name: float(np.abs(params["W"] - ends["reference"]["W"]).max() / change) for name, params in ends.items()}

seconds, again = {}, {key: value.copy() for key, value in first.items()}
for _ in range(REPEATS):
    for name, n in (("plain", 1), ("fused", 1), ("plain", B), ("fused", B)):
        begun = time.perf_counter()
        steps[name](again, x_tilde[0, :n], x[0, :n], LR)
        seconds[name, n] = min(time.perf_counter() - begun, seconds.get((name, n), np.inf))
dearer = {name: B * seconds[name, 1] / seconds[name, B] for name in books}
for name, ratio in dearer.items():
    both = " and ".join(f"{1e3 * seconds[name, n]:.2f}" for n in (1, B))
    print(f"{name} step here: {both} ms with B = 1 and {B}; alone an example costs {ratio:.0f} times as much")

# %% [markdown]
# ## The run: what can be left out
#
# The embedded digits, which a program draws, chosen independently, so that the $n$ of a group are; of each exactly
# $\nu D$ pixels destroyed, every one with probability $\nu$. With $p_k$ the share of them in which pixel $k$ is zero,
#
# $$ q_k = 1 - (1 - p_k)(1 - \nu), \qquad \text{left out} = \frac1D \sum_k q_k^n. \qquad (1) $$
#
# The encoder's part of the gradient, $\tilde x^\top da_y$, has it the other way round: a group is four neighbouring
# pixels of one example. They are not independent.

# %%
p = (images == 0).mean(axis=0)
chosen = images[rng.integers(0, len(images), N)]


def left_out(nu, n=4, strangers=False):
    """Return the closed form (1) for n examples; or for four pixels, as if neighbours were strangers."""
    q = 1 - (1 - p) * (1 - nu)
    return float(q.reshape(-1, 4).prod(axis=1).mean() if strangers else (q**n).mean())


found, neighbours = {}, {}
for nu in NUS:
    zero = masking(chosen, nu, rng) == 0
    found |= {(nu, n): float(zero.reshape(-1, n, D).all(axis=1).mean()) for n in GROUPS}
    neighbours[nu] = float(zero.reshape(N, -1, 4).all(axis=2).mean())
saved = {nu: (found[nu, 4] + neighbours[nu]) / 5 for nu in NUS}  # of the five products of a step
for nu in NUS:
    by_group = ", ".join(f"{n}: {found[nu, n]:.3f} ({left_out(nu, n):.3f})" for n in GROUPS)
    print(f"ν = {nu}: left out by groups of {by_group}; of neighbours {neighbours[nu]:.3f}; of all {saved[nu]:.0%}")

# %% [markdown]
# ## The check

# %%
TABLE = [  # operation, arrays as large as W that it reads and writes, in the order of the step; x̃ W and y Wᵀ first
    ("matmul", 1, 0),
    ("matmul", 1, 0),
    ("matmul", 0, 1),  # yᵀ da_z, the decoder's part of dW
    ("matmul", 1, 0),  # da_z W
    ("matmul", 0, 1),  # x̃ᵀ da_y, the encoder's part
    ("matmul", 1, 0),  # da_y Wᵀ, the gradient of the input, which nobody asks for
    ("add", 2, 1),  # dW, the sum of both parts
    ("add", 1, 0),  # is it finite?
    ("multiply", 1, 1),  # lr dW
    ("subtract", 2, 1),  # W − lr dW
]
seen = [(operation, read / size, written / size) for operation, read, written, _ in books["plain"]]
assert seen == TABLE, f"the plain step must carry what the table says, found {seen}"
assert carried == {"plain": [10, 5], "fused": [3, 1]}, f"reads and writes of W, found {carried}"
assert sums["plain"] == 12 * B * D * H, f"there must be six products of 2 B D H operations, found {sums['plain']}"
assert a_byte == {"plain": B / 5, "fused": 5 * B / 8}, f"operations a byte must be B/5 and 5B/8, found {a_byte}"
assert all(np.array_equal(ends["plain"][name], ends["reference"][name]) for name in first), "not the same bits"
for name, error in errors.items():
    assert error < 1e-4, f"{name} must take the reference's steps, W is off by {error:.0e} of its change"
assert dearer["plain"] > 2, f"alone an example must be dear, found {dearer['plain']:.1f} times as much"

for (nu, n), share in found.items():
    assert abs(share - left_out(nu, n)) < 0.01, f"ν = {nu}, groups of {n}: {share:.4f} against {left_out(nu, n):.4f}"
for nu in NUS:
    more = neighbours[nu] - left_out(nu, strangers=True)
    assert more > 0.005, f"neighbours must have more in common than strangers, found {more:+.3f} at ν = {nu}"
    assert 0.2 < saved[nu] < 0.4, "of five products two have a factor that is zero, and mostly is"

# %% [markdown]
# ## The figure

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
reads, writes = ([carried[name][kind] for name in books] for kind in (0, 1))
left.barh([0, 1], reads, 0.5, color=BLUE, label="read")
left.barh([0, 1], writes, 0.5, reads, color=ORANGE, label="written")
for row, name in enumerate(books):
    left.text(sum(carried[name]) + 0.3, row, f"{a_byte[name]} operations\na byte", va="center")
left.set_yticks([0, 1], ["an operation\nafter the other", "by blocks\nof rows"])
left.set(xlim=(0, 21.5), xlabel="arrays as large as W that a step carries", title="The same step, the same weights")
left.invert_yaxis()
left.legend(loc="lower right", frameon=False)
fine = np.linspace(0, 1, 101)
for n, mark in zip(GROUPS, "o^s", strict=True):
    right.plot(fine, [left_out(nu, n) for nu in fine], color="k", linewidth=1)
    right.plot(NUS, [found[nu, n] for nu in NUS], mark, color=BLUE, label=f"{n} example{'s' * (n > 1)} at a time")
right.plot(NUS, list(neighbours.values()), "D", color=ORANGE, label="4 neighbouring pixels")
right.set(xlabel="fraction destroyed ν", ylabel="share of the inputs", ylim=(0.2, 1.02))
right.set_title("Zeros that need not be carried")
right.legend(loc="lower right", frameon=False)

# %% [markdown]
# Left: what a step carries. Right: what the two products with $\tilde x$ can leave out; the lines are (1).
#
# ## The cause
#
# **A step takes as long as the slower of two things.** With $R$ operations and $\beta$ bytes a second at most,
# $t \ge \max(\text{operations}/R, \text{bytes}/\beta)$. Which it is depends on $R/\beta$, the operations for which a
# byte has to be good: about 1 where a large cache holds the weights, 5 to 50 where they come from memory. The plain
# step has $12\,BDH$ operations and $15 \cdot 4\,DH$ bytes, $B/5$ a byte: 0.2 for a batch of one, which waits
# everywhere, and 4 for a batch of 20. The fused one has $10\,BDH$ and $4 \cdot 4\,DH$, $5B/8$ a byte: 0.6 and 12.5.
# $D$ and $H$ cancel. Only a larger batch helps besides; chapter 20 says what that costs.
#
# **With 20 examples both count.** Where a cache holds the weights, the products are then the larger part of the plain
# step, and to carry less saves only the rest. What is left are sums, and of those zeros save a quarter to a third: the
# digits are four fifths zeros, and more after masking, but the code, the output's gradient and the weights have none.
# Groups of one would leave out more, and carry more: a row that is fetched would serve one example, not four.
#
# **In NumPy the counters promise more than the clock keeps.** Each product of a block is a call, and the BLAS prepares
# thin ones like large ones. A compiled step has blocks that fit into registers, lists of what is not zero, one pass for
# a dozen. The rungs up to the fastest: `scratchdae bench --work rungs`, and what they are: `help(scratchdae.kernels)`.

# %% [markdown]
# ## Exercises
#
# 1. *From which batch on does each step compute rather than wait, where a byte must be good for 10 operations?*
#
#    The plain one from $B = 50$, the fused one from $B = 16$. In double precision a weight has eight bytes, and a
#    processor mostly half the rate: the same.
#
# 2. *Adam remembers two numbers a weight. What does its fused step carry?* Two reads and two writes more, eight in all.
#
# 3. *Can a step on one example do with fewer than three reads?*
#
#    Yes: the decoder's part of a row's update then needs nothing but the row's own output, so it is made while the row
#    is near (`scratchdae/kernels/autoencoder/online.py`).

# %%
chapter.finish(
    figure,
    {
        "carried": {name: {"read": reads, "written": writes} for name, (reads, writes) in carried.items()},
        "operations_a_byte": a_byte,
        "W_off_by": errors,
        "left_out_and_closed_form": {f"{nu}, {n}": [share, left_out(nu, n)] for (nu, n), share in found.items()},
        "neighbours_and_strangers": {nu: [neighbours[nu], left_out(nu, strangers=True)] for nu in NUS},
        "saved_of_all_products": saved,
        "alone_times_as_dear_here": dearer,
    },
)
