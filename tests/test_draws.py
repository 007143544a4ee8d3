"""What chance decides: every subset alike, fair coins, normal noise, and nothing in common between two examples.

Each property is a statistic whose distribution is known, drawn for many sets of keys: random ones and those that a weak
function would show up at, such as 0, 1, 2 … The p-values of all must look like uniform numbers. Planted mistakes must
be noticed by the same tests.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae.corruption import draws

SETS = 24  # of keys


def key_sets(n, sets=SETS):
    """Sets of n keys: random ones, and consecutive ones in the low, middle and high bits."""
    rng = np.random.default_rng(7)
    for k in range(sets):
        if k % 2:
            yield draws.keys(n, rng)
        else:
            yield (np.arange(n, dtype=np.uint64) << np.uint64((0, 7, 20, 32, 48)[k // 2 % 5])) + np.uint64(k)


def tail(statistic, freedom):
    """The probability of a chi-square statistic that is larger (Wilson and Hilferty 1931)."""
    scale = 2 / (9 * freedom)
    return math.erfc(((statistic / freedom) ** (1 / 3) - (1 - scale)) / math.sqrt(2 * scale)) / 2


def chi_square(observed, expected):
    return tail(((observed - expected) ** 2 / expected).sum(), observed.size - 1)


def looks_random(p):
    """Refuse p-values of many sets that are not those of chance: too small, too large, or all on one side."""
    p = np.asarray(p)
    assert len(p) >= 20
    assert 1e-4 / len(p) < p.min() and p.max() < 1 - 1e-4 / len(p), p  # noqa: PT018
    distance = np.abs(np.sort(p) - (np.arange(len(p)) + 0.5) / len(p)).max()
    assert distance * math.sqrt(len(p)) < 1.8, p  # Kolmogorov and Smirnov: 0.3 %


# The stream


def test_the_words_are_those_of_splitmix64():
    """The first five numbers that the published program gives for the seed 1234567."""
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    key = np.array([1234567], np.uint64)
    assert draws.words(key, 0, 5)[0].tolist() == expected
    assert draws.words(key, 2, 4)[0].tolist() == expected[2:4]
    low, high = [w & 2**32 - 1 for w in expected], [w >> 32 for w in expected]
    assert draws.halves(key, 10)[0].tolist() == low + high
    assert draws.halves(key, 9)[0].tolist() == low + high[:4]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(0, 99))
def test_keys_of_many_batches_are_those_of_batch_after_batch(sizes, seed):
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    np.testing.assert_array_equal(np.concatenate([draws.keys(n, one) for n in sizes]), draws.keys(sum(sizes), other))
    assert one.bit_generator.state == other.bit_generator.state


DRAWN = {
    "subsets": lambda keys: draws.subsets(keys, 50, 12),
    "the other subsets": lambda keys: draws.subsets(keys, 51, 40),
    "halves": lambda keys: draws.halves(keys, 13),
    "coins": lambda keys: draws.coins(keys, 3, 70),
    "normals": lambda keys: draws.normals(keys, 9),
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_an_example_gets_depends_on_its_key_alone(name):
    keys = draws.keys(40, np.random.default_rng(3))
    together, order = DRAWN[name](keys), np.random.default_rng(4).permutation(40)
    np.testing.assert_array_equal(DRAWN[name](keys[order]), together[order])
    for i in (0, 17):
        np.testing.assert_array_equal(DRAWN[name](keys[i : i + 1])[0], together[i])


# Subsets


def floyd(key, d, count):
    """The algorithm as it was published, with a set."""
    drawn, chosen = min(count, d - count), set()
    numbers = draws.halves(np.array([key], np.uint64), drawn)[0].tolist()
    for j, u in zip(range(d - drawn, d), numbers, strict=True):
        t = u * (j + 1) >> 32
        chosen.add(j if t in chosen else t)
    return chosen if drawn == count else set(range(d)) - chosen


@given(d=st.integers(1, 60), share=st.floats(0, 1), seed=st.integers(0, 2**64 - 1))
def test_subsets_are_those_of_the_published_algorithm(d, share, seed):
    count, keys = round(share * d), np.array([seed, seed // 3, 1], np.uint64)
    for key, row in zip(keys, draws.subsets(keys, d, count), strict=True):
        assert set(np.flatnonzero(row)) == floyd(int(key), d, count)


@pytest.mark.parametrize("d", [1, 2, 7, 784, 10_000])
def test_a_subset_has_as_many_as_were_asked_for(d):
    for count in {0, 1, d // 2, d - 1, d}:
        mask = draws.subsets(draws.keys(30, np.random.default_rng(d)), d, count)
        assert mask.shape == (30, d)
        assert (mask.sum(axis=1) == count).all()


def every_subset_is_as_likely(subsets):
    """All of C(d, count) are counted, where that is few: components, pairs and whatever else is in them."""
    for d, count in ((7, 3), (7, 5), (6, 1), (5, 4), (4, 2)):
        places = {sum(1 << k for k in members): i for i, members in enumerate(itertools.combinations(range(d), count))}
        p = []
        for keys in key_sets(300 * len(places)):
            mask = subsets(keys, d, count)
            assert (mask.sum(axis=1) == count).all()
            found = [places[code] for code in (mask @ (1 << np.arange(d))).tolist()]
            p.append(chi_square(np.bincount(found, minlength=len(places)), 300))
        looks_random(p)


def every_component_is_as_likely(subsets):
    for d, count in ((784, 196), (784, 1), (784, 500), (300, 299)):
        n, share, p = 3000, count / d, []
        for keys in key_sets(n):
            hits = subsets(keys, d, count).sum(axis=0)
            scale = n * share * (1 - share) * d / (d - 1)  # a count that is fixed takes one degree of freedom
            p.append(tail(((hits - n * share) ** 2).sum() / scale, d - 1))
        looks_random(p)


def every_pair_is_as_likely(subsets):
    d, count, n = 784, 196, 4000
    together = count * (count - 1) / (d * (d - 1))
    for keys in key_sets(n, 4):
        mask = subsets(keys, d, count).astype(np.float32)
        pairs = (mask.T @ mask)[np.triu_indices(d, 1)].astype(float)
        z = (pairs - n * together) / math.sqrt(n * together * (1 - together))
        assert abs(pairs.sum() - n * together * len(z)) < 1e-6 * pairs.sum()
        assert abs((z * z).mean() - 1) < 0.02
        assert np.abs(z).max() < 6.3  # of 300,000: once in ten thousand times


def examples_have_nothing_in_common(subsets):
    """How many components two neighbours share is hypergeometric."""
    d, count, n = 784, 196, 4000
    mean, variance = count**2 / d, (count * (d - count)) ** 2 / (d * d * (d - 1))
    z, p = [], []
    for keys in key_sets(n):
        mask = subsets(keys, d, count)
        shared = (mask[0::2] & mask[1::2]).sum(axis=1)
        z.append((shared.mean() - mean) / math.sqrt(variance / len(shared)))
        p.append(tail(((shared - mean) ** 2).sum() / variance, len(shared)))
    looks_random([math.erfc(value / math.sqrt(2)) / 2 for value in z])
    looks_random(p)


SUBSETS = [
    every_subset_is_as_likely,
    every_component_is_as_likely,
    every_pair_is_as_likely,
    examples_have_nothing_in_common,
]


@pytest.mark.parametrize("check", SUBSETS, ids=lambda check: check.__name__)
def test_of_subsets(check):
    check(draws.subsets)


def floyd_with(place, collision=lambda j, t, chosen: j):
    """Subsets by another place for each number, or by another rule for what was taken before."""

    def subsets(keys, d, count):
        drawn = min(count, d - count)
        numbers = draws.halves(keys, drawn)
        mask = np.zeros((len(keys), d), bool)
        for chosen, row in zip(mask, numbers, strict=True):
            for j, u in zip(range(d - drawn, d), row.tolist(), strict=True):
                t = place(u, j)
                chosen[collision(j, t, chosen) if chosen[t] else t] = True
        return mask if drawn == count else ~mask

    return subsets


def scaled(u, j):
    return u * (j + 1) >> 32


def next_free(j, t, chosen):
    return t + int(np.argmin(chosen[t:])) if not chosen[t:].all() else int(np.argmin(chosen))


def unmixed(keys, first, last):
    return keys[:, None] + draws.GOLDEN * np.arange(first + 1, last + 1, dtype=np.uint64)


WRONG_SUBSETS = {
    "the collision forgotten": floyd_with(scaled, lambda j, t, chosen: t),
    "the next one that is free": floyd_with(scaled, next_free),
    "one place too few": floyd_with(lambda u, j: u * max(j, 1) >> 32),
    "sixteen bits, the remainder": floyd_with(lambda u, j: (u & 15) % (j + 1)),
    "one key for all": lambda keys, d, count: draws.subsets(0 * keys, d, count),
    "one key for two": lambda keys, d, count: draws.subsets(np.repeat(keys[::2], 2), d, count),
}


@pytest.mark.parametrize("wrong", WRONG_SUBSETS)
def test_wrong_subsets_are_noticed(wrong):
    check = examples_have_nothing_in_common if "key" in wrong else every_subset_is_as_likely
    with pytest.raises(AssertionError):
        check(WRONG_SUBSETS[wrong])


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("words", unmixed),
        ("halves", lambda keys, n: np.tile(draws.words(keys, 0, -(-n // 2)) & 2**32 - 1, 2)[:, :n].astype(np.uint32)),
    ],
)
def test_a_weak_stream_is_noticed(name, wrong, monkeypatch):
    monkeypatch.setattr(draws, name, wrong)
    with pytest.raises(AssertionError):
        _ = [check(draws.subsets) for check in SUBSETS]


# Coins


def coins_are_fair(drawn):
    """At the chosen components, each by itself; and as often with one neighbour's side as with the other."""
    for d, count in ((40, 1), (784, 196), (130, 65)):
        alone, paired, n = [], [], 4000
        for keys in key_sets(n):
            mask, coin = drawn(keys, d, count)
            heads, tossed = (mask & coin).sum(axis=0), mask.sum(axis=0)
            alone.append(tail(((2 * heads - tossed) ** 2 / tossed).sum(), d))
            sign = 2 * coin.astype(np.float32) - 1
            products = (sign[:, 1:] * sign[:, :-1]).sum(axis=0), (sign[1:] * sign[:-1]).sum(axis=0)
            paired.append(tail((products[0] ** 2).sum() / n + (products[1] ** 2).sum() / (n - 1), 2 * d - 1))
        looks_random(alone)
        looks_random(paired)


def as_salt_and_pepper(keys, d, count):
    return draws.subsets(keys, d, count), draws.coins(keys, draws.spent(d, count), d)


def test_coins_are_fair_and_know_nothing_of_the_subset():
    coins_are_fair(as_salt_and_pepper)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda keys, d, count: (draws.subsets(keys, d, count), draws.coins(keys, 0, d)),  # the words of the subset
        lambda keys, d, count: (draws.subsets(keys, d, count), draws.halves(keys, d) < 2.1e9),
        lambda keys, d, count: (
            draws.subsets(keys, d, count),
            draws.coins(keys, 400, d // 2 + 1)[:, np.arange(d) // 2],
        ),
    ],
)
def test_coins_that_are_not_are_noticed(wrong):
    with pytest.raises(AssertionError):
        coins_are_fair(wrong)


# Numbers


def numbers_are_uniform(halves):
    """In 64 bins, each of the first and of the last places; and in pairs."""
    n = 6400
    single, pairs = [], []
    for keys in key_sets(n):
        u = halves(keys, 32) >> 26
        single += [chi_square(np.bincount(u[:, k], minlength=64), n / 64) for k in (0, 15, 16, 31)]
        for a, b in ((0, 1), (0, 16), (15, 31)):
            pairs.append(chi_square(np.bincount((u[:, a] >> 3) * 8 + (u[:, b] >> 3), minlength=64), n / 64))
    looks_random(single)
    looks_random(pairs)


def test_numbers_are_uniform_in_all_bits():
    numbers_are_uniform(draws.halves)
    bits = np.unpackbits(draws.words(np.arange(20_000, dtype=np.uint64), 0, 1).view(np.uint8), axis=1).sum(axis=0)
    looks_random([math.erfc((int(k) - 10_000) / math.sqrt(2 * 5_000)) / 2 for k in bits])


def test_a_key_that_differs_in_one_bit_has_other_words():
    key = draws.keys(200, np.random.default_rng(1))
    for bit in range(64):
        changed = draws.words(key, 0, 4) ^ draws.words(key ^ np.uint64(1 << bit), 0, 4)
        flipped = np.unpackbits(changed.view(np.uint8)).mean()
        assert abs(flipped - 0.5) < 6 * 0.5 / math.sqrt(200 * 4 * 64)


def test_numbers_of_a_weak_stream_are_noticed(monkeypatch):
    monkeypatch.setattr(draws, "words", unmixed)
    with pytest.raises(AssertionError):
        numbers_are_uniform(draws.halves)


def noise_is_normal(normals):
    n, d = 4000, 50
    distances, squares, related = [], [], []
    for keys in key_sets(n):
        z = normals(keys, d)
        ordered = np.sort(z.ravel())
        below = np.array([math.erfc(-value / math.sqrt(2)) / 2 for value in ordered[::50]])
        distances.append(np.abs(below - np.arange(0, len(ordered), 50) / len(ordered)).max() * math.sqrt(len(ordered)))
        squares.append(tail((z * z).sum(), z.size))
        for a, b in ((z[:, :-1], z[:, 1:]), (z[:, : d // 2], z[:, d // 2 :]), (z[:-1], z[1:])):
            related.append((a * b).mean() * math.sqrt(a.size))
            related.append(((a * a - 1) * (b * b - 1)).mean() * math.sqrt(a.size) / 2)
    assert max(distances) < 2.3
    looks_random(squares)
    assert np.abs(related).max() < 5


def test_noise_is_normal_and_independent():
    noise_is_normal(draws.normals)
    far = draws.normals(np.arange(200_000, dtype=np.uint64), 20)
    assert np.isfinite(far).all()
    for limit in (3, 4, 4.5):
        expected = far.size * math.erfc(limit / math.sqrt(2))
        assert abs((np.abs(far) > limit).sum() - expected) < 5 * math.sqrt(expected)


def test_the_least_uniform_gives_the_farthest_noise_and_the_largest_none(monkeypatch):
    for low, radius in ((0, math.sqrt(64 * math.log(2))), (2**32 - 1, 0.0)):
        words = np.array([[low + (turn << 30 << 32) for turn in range(4)]], np.uint64)
        monkeypatch.setattr(draws, "words", lambda keys, first, last, words=words: words)
        z = draws.normals(np.zeros(1, np.uint64), 8)[0]
        np.testing.assert_allclose(z, radius * np.array([1, 0, -1, 0, 0, 1, 0, -1]), atol=1e-14)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda keys, n: draws.normals(keys, n) * 1.01,
        lambda keys, n: np.abs(draws.normals(keys, n)),
        lambda keys, n: np.tile(draws.normals(keys, n // 2), 2),
        lambda keys, n: (draws.halves(keys, n) / 2**32 - 0.5) * math.sqrt(12),
        lambda keys, n: np.repeat(draws.normals(keys[::2], n), 2, axis=0),
    ],
)
def test_noise_that_is_not_is_noticed(wrong):
    with pytest.raises(AssertionError):
        noise_is_normal(wrong)
