"""Small matrices: exact scales, factors that solve, and rank judged from left to right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nelder.linalg import (
    cholesky,
    from_triangle,
    independent_columns,
    largest_eigenvalue,
    powers_of_two,
    triangle,
)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


@settings(max_examples=100)
@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=6))
def test_powers_of_two_are_exact_and_bring_sizes_to_one(sizes):
    sizes = np.array(sizes)
    scale = powers_of_two(sizes)
    assert np.all(np.frexp(scale)[0] == 0.5)
    assert np.all((scale * sizes >= 1) & (scale * sizes < 2))
    assert np.array_equal(scale * sizes / scale, sizes)


def test_sizes_that_are_no_size_are_left_alone():
    assert np.array_equal(powers_of_two(np.array([0.0, np.inf, np.nan, -1.0])), np.ones(4))


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 6), st.lists(st.integers(-150, 150), min_size=6, max_size=6))
def test_cholesky_solves_at_any_scale(seed, p, powers):
    scale = np.ldexp(1.0, powers[:p])
    X = normal(seed, 20, p)
    factored = cholesky(scale[:, None] * (X.T @ X) * scale)
    right = normal(seed + 1, p)
    # 20 rows of normal numbers have a condition of some hundreds at most, and powers of two change no digit
    expected = np.linalg.solve(X.T @ X, right)
    assert scale * factored.solve(scale * right) == pytest.approx(expected, rel=1e-10, abs=1e-12)
    half = factored.half_solve(scale * right)
    assert half @ half == pytest.approx(right @ expected, rel=1e-10)
    inverse = factored.inverse()
    assert np.array_equal(inverse, inverse.T)
    assert scale[:, None] * inverse * scale == pytest.approx(np.linalg.inv(X.T @ X), rel=1e-9, abs=1e-12)
    both = scale[:, None] * factored.solve(scale[:, None] * np.column_stack([right, right]))
    assert both == pytest.approx(np.column_stack([expected, expected]), rel=1e-10, abs=1e-12)
    assert 1 - 1e-12 <= factored.condition <= 100 * np.linalg.cond(X) ** 2


@pytest.mark.parametrize(
    "matrix",
    [[[1.0, 2.0], [2.0, 1.0]], [[0.0]], [[-1.0]], [[np.nan]], [[np.inf]], [[1.0, 1.0], [1.0, 1.0]]],
)
def test_no_factor_without_positive_definiteness(matrix):
    assert cholesky(np.array(matrix)) is None


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 5))
def test_triangle_has_the_cross_products_of_the_rows(seed, m, k):
    """With fewer rows than columns too: R is square, and R'R = A'A."""
    rows = normal(seed, m, k)
    upper = triangle(rows)
    assert upper.shape == (k, k) and np.array_equal(upper, np.triu(upper))
    assert upper.T @ upper == pytest.approx(rows.T @ rows, rel=1e-12, abs=1e-13 * m)
    assert np.array_equal(triangle(np.zeros((0, k))), np.zeros((k, k)))


def test_triangle_keeps_rows_of_very_different_size():
    """Row-wise accuracy: a row of 1e-12 beside rows of 1e12 still decides the coefficient that only it sees."""
    rows = np.array([[1e-12, 2e-12, 5e-12], [1e12, 1e12, 3e12], [0.0, 0.0, 0.0]])
    upper = triangle(rows)
    delta = np.linalg.solve(upper[:2, :2], upper[:2, 2])
    assert delta == pytest.approx([1.0, 2.0], rel=1e-11)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 5), st.lists(st.integers(-20, 20), min_size=5, max_size=5))
def test_a_triangle_solves_least_squares_in_any_units(seed, p, powers):
    A, z, scale = normal(seed, 20, p), normal(seed + 1, 20), 10.0 ** np.array(powers[:p])
    factored = from_triangle(triangle(A * scale))
    delta = factored.solve((A * scale).T @ z)
    assert scale * delta == pytest.approx(np.linalg.lstsq(A, z, rcond=None)[0], rel=1e-9, abs=1e-11)
    inverse = scale[:, None] * factored.inverse() * scale
    assert inverse == pytest.approx(np.linalg.inv(A.T @ A), rel=1e-9, abs=1e-12)


def test_a_singular_triangle_has_no_factor():
    assert from_triangle(np.array([[1.0, 1.0], [0.0, 0.0]])) is None


def test_no_columns_have_a_factor_and_lapack_prints_nothing(capfd):
    assert cholesky(np.zeros((0, 0))).condition == 1.0
    assert capfd.readouterr().err == ""


def test_condition_is_of_equilibrated_columns():
    X = normal(0, 50, 3)
    plain = cholesky(X.T @ X).condition
    scaled = X * [1.0, 2.0**40, 2.0**-40]
    assert cholesky(scaled.T @ scaled).condition == plain
    assert from_triangle(triangle(scaled)).condition == pytest.approx(plain, rel=9)  # two estimates of one number
    nearly = np.column_stack([X[:, 0], X[:, 0] + 1e-5 * X[:, 1]])
    assert 1e9 < cholesky(nearly.T @ nearly).condition < 1e13
    assert 1e9 < from_triangle(triangle(nearly)).condition < 1e13


@settings(max_examples=100)
@given(
    st.integers(0, 10_000),
    st.lists(st.booleans(), min_size=1, max_size=7),
    st.lists(st.integers(-30, 30), min_size=7, max_size=7),
)
def test_dependent_columns_are_found_from_left_to_right(seed, free, powers):
    """Columns marked free are new directions; the others are whole-number combinations of free ones before them."""
    random = np.random.default_rng(seed)
    X, mixes = random.normal(size=(40, len(free))), np.zeros((len(free), len(free)))
    for j, new in enumerate(free):
        if not new:
            mixes[:j, j] = random.integers(-3, 4, j) * np.array(free[:j], dtype=bool)
            X[:, j] = X @ mixes[:, j]
    scale = np.ldexp(1.0, powers[: len(free)])
    kept, combination = independent_columns(triangle(X * scale))
    assert kept.tolist() == free
    # column j · s_j = Σ m_ij column i · s_j, in units of column i · s_i
    expected = mixes * scale / scale[:, None]
    assert scale[:, None] * combination / scale == pytest.approx(mixes, rel=1e-9, abs=1e-9)
    assert (X * scale) @ expected[:, ~kept] == pytest.approx((X * scale)[:, ~kept], rel=1e-9, abs=1e-9 * scale.max())


@pytest.mark.parametrize(("noise", "independent"), [(1e-12, True), (1e-13, True), (1e-16, False), (0.0, False)])
def test_ill_conditioned_is_not_aliased(noise, independent):
    X = normal(1, 40, 3)
    X[:, 2] = X[:, 0] + X[:, 1] + noise * X[:, 2]
    kept, _ = independent_columns(triangle(X))
    assert kept.tolist() == [True, True, independent]


def test_columns_of_zeros_are_aliased_to_nothing():
    X = np.column_stack([np.zeros(5), np.ones(5), np.zeros(5)])
    kept, combination = independent_columns(triangle(X))
    assert kept.tolist() == [False, True, False] and not combination.any()


def test_largest_eigenvalue():
    assert largest_eigenvalue(np.array([[2.0, 1.0], [1.0, 2.0]])) == pytest.approx(3.0, rel=1e-14)
    assert largest_eigenvalue(np.zeros((0, 0))) == 0.0
