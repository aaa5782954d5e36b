"""Sums of terms that cancel, against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nelder.design import Block
from nelder.parts import Coded, Coding, Dense, Part
from nelder.twofold import Twofold, exact_bits, leading, two_sum, twofold

EPS = np.finfo(float).eps
FINER = 2.0**-18  # of what rounding would leave without the rest
NUMBERS = st.integers(-(10**15), 10**15).map(lambda k: k / 1000)  # far from underflow
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40)


def exact_product(rows: np.ndarray, values: list[Fraction]) -> list[Fraction]:
    """rows (m, k) @ values (k,) without rounding."""
    return [sum((Fraction(x) * v for x, v in zip(row, values, strict=True)), Fraction(0)) for row in rows.tolist()]


def fractions(values: np.ndarray) -> list[Fraction]:
    return [Fraction(value) for value in values.tolist()]


def block_of(parts: tuple[Part, ...], p: int, offset: np.ndarray) -> Block:
    return Block(parts, p, np.zeros(len(offset)), np.ones(len(offset)), offset)


def cancelling(kind: str) -> Block:
    """Three columns of 1e8 and some noise (90, 3), that differ by level where they are coded."""
    random = np.random.default_rng(3)
    n = 90
    X = 1e8 + random.normal(size=(n, 3))
    codes = np.arange(n) % 2
    parts: dict[str, tuple[Part, ...]] = {
        "dense": (Dense(np.arange(3), X),),
        "two dense parts": (Dense(np.array([0]), X[:, :1]), Dense(np.array([2, 1]), X[:, 1:])),
        "dense and indicators": (Dense(np.array([2]), X[:, 2:]), Coded(np.arange(2), codes, Coding(2, np.arange(2)))),
        "dense and coded by a covariate": (
            Dense(np.array([2]), X[:, 2:]),
            Coded(np.arange(2), codes, Coding(2, np.arange(2)), X[:, 0]),
        ),
    }
    return block_of(parts[kind], 3, -1e8 + random.normal(size=n))


# with these, every linear predictor is what is left of 1e8
CANCELLING = {
    "dense": np.array([1 / 3, 2 / 3, 1e-9]),
    "two dense parts": np.array([1 / 3, 2 / 3, 1e-9]),
    "dense and indicators": np.array([2e8 / 3, 2e8 / 3, 1 / 3]),
    "dense and coded by a covariate": np.array([2 / 3, 2 / 3, 1 / 3]),
}


@given(PAIRS)
def test_products_of_leading_parts_add_up_without_rounding(pairs: list[tuple[float, float]]) -> None:
    bits = exact_bits(len(pairs))
    a, b = (leading(np.array(side), bits) for side in zip(*pairs, strict=True))
    assert Fraction(float(a @ b)) == exact_product(a[None, :], fractions(b))[0]
    assert Fraction(float(np.sum((a * b)[::-1]))) == exact_product(a[None, :], fractions(b))[0]


@given(st.lists(NUMBERS, min_size=1, max_size=40), st.integers(5, 26))
def test_a_leading_part_and_the_rest_are_the_number(values: list[float], bits: int) -> None:
    whole = np.array(values)
    lead = leading(whole, bits)
    rest = whole - lead
    assert [Fraction(a) + Fraction(b) for a, b in zip(lead.tolist(), rest.tolist(), strict=True)] == fractions(whole)
    assert np.abs(rest).max() <= 2.0**-bits * 2 * np.abs(whole).max()


@given(st.integers(1, 10**9))
def test_so_many_products_of_exact_bits_fit_into_a_double(terms: int) -> None:
    bits = exact_bits(terms)
    assert terms * 2 ** (2 * bits) <= 2**53
    assert terms * 2 ** (2 * bits) > 2**50  # and hardly a bit is given away


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_a_sum_of_two_loses_nothing(a: float, b: float) -> None:
    total = two_sum(np.array([a]), np.array([b]))
    assert Fraction(float(total.lead[0])) + Fraction(float(total.rest[0])) == Fraction(a) + Fraction(b)


@given(st.lists(NUMBERS, min_size=2, max_size=30))
def test_what_cancels_in_a_long_sum_keeps_its_digits(values: list[float]) -> None:
    total = twofold(np.zeros(1))
    for value in values:
        total = total + twofold(np.array([value]))
    exact = sum(map(Fraction, values), Fraction(0))
    rounding = len(values) ** 2 * Fraction(EPS) ** 2 * sum(abs(Fraction(value)) for value in values)
    assert abs(Fraction(float(total.rounded[0])) - exact) <= Fraction(EPS) * abs(exact) + rounding


@pytest.mark.parametrize("kind", list(CANCELLING))
def test_linear_predictors_that_cancel_are_rounded_once(kind: str) -> None:
    block = cancelling(kind)
    beta = CANCELLING[kind]
    exact = exact_product(block.dense(), fractions(beta))
    wanted = [x + offset for x, offset in zip(exact, fractions(block.offset), strict=True)]
    size = float(block.magnitude(np.abs(beta)).max())
    away = [abs(float(Fraction(e) - w)) for e, w in zip(block.fine_eta(beta).tolist(), wanted, strict=True)]
    assert max(away) <= EPS * max(abs(float(w)) for w in wanted) + FINER * EPS * size


@pytest.mark.parametrize("kind", list(CANCELLING))
def test_scores_that_cancel_keep_their_digits(kind: str) -> None:
    block = cancelling(kind)
    values = np.random.default_rng(4).normal(size=block.n)
    values -= values.reshape(-1, 2).mean(axis=0)[np.arange(block.n) % 2]  # they sum to zero in each level
    rest = EPS / 4 * values[::-1]
    whole = [a + b for a, b in zip(fractions(values), fractions(rest), strict=True)]
    wanted = exact_product(block.dense().T, whole)
    got = block.fine_transpose_times(Twofold(values, rest)).rounded
    size = np.abs(block.dense()).T @ np.abs(values)
    away = np.array([abs(float(Fraction(g) - w)) for g, w in zip(got.tolist(), wanted, strict=True)])
    assert np.all(away <= EPS * np.abs(np.array(wanted, dtype=float)) + FINER * EPS * size)


def test_plain_products_would_not_keep_them() -> None:
    block = cancelling("dense")
    beta = np.array([1.0 / 3, 2.0 / 3, 1e-9])
    wanted = [
        x + o for x, o in zip(exact_product(block.dense(), fractions(beta)), fractions(block.offset), strict=True)
    ]
    plain, fine = (
        max(abs(float(Fraction(e) - w)) for e, w in zip(eta.tolist(), wanted, strict=True))
        for eta in (block.eta(beta), block.fine_eta(beta))
    )
    assert fine < 1e-3 * plain


def test_many_vectors_at_once_are_each_alone() -> None:
    block, random = cancelling("dense"), np.random.default_rng(5)
    betas, values = random.normal(size=(3, 4)), random.normal(size=(block.n, 4))
    together = block.fine_times(betas).rounded
    back = block.fine_transpose_times(twofold(values)).rounded
    for j in range(4):
        assert together[:, j] == pytest.approx(block.fine_times(betas[:, j]).rounded, rel=1e-14, abs=1e-12)
        assert back[:, j] == pytest.approx(block.fine_transpose_times(twofold(values[:, j])).rounded, rel=1e-14)


@pytest.mark.parametrize("size", [1e-99, 1e-50, 1e50, 1e99])
def test_columns_as_large_or_small_as_are_allowed_have_predictors_to_the_last_digit(size: float) -> None:
    X = size * np.random.default_rng(6).uniform(1, 2, size=(20, 2))
    beta = np.array([1.0, -0.5]) / size
    block = block_of((Dense(np.arange(2), X),), 2, np.zeros(20))
    wanted = [float(value) for value in exact_product(X, fractions(beta))]
    assert block.fine_eta(beta) == pytest.approx(wanted, rel=1e-15)
