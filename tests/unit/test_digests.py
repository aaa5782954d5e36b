"""What is learned from sums and extremes is the same however a column was cut."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nelder as nd
from nelder.formula.digests import Digest

ANY = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(ANY, min_size=1, max_size=30), st.integers(0, 30))
def test_sums_are_exact_however_values_are_cut(values, cut):
    x = np.array(values)
    digest = Digest.of(x[:cut]) + Digest.of(x[cut:])
    exact = [Fraction(value) for value in values]
    assert digest.total == sum(exact) and digest.squares == sum(value * value for value in exact)
    assert (digest.count, digest.low, digest.high) == (len(x), x.min(), x.max())
    assert digest == Digest.of(x)


def test_sums_of_many_values_are_exact():
    random = np.random.default_rng(4)
    x = random.normal(size=40_000) * 10.0 ** random.integers(-30, 30, 40_000)
    digest = Digest.of(x)
    assert digest.total == sum(map(Fraction, x.tolist()))
    assert digest.squares == sum(Fraction(value) ** 2 for value in x.tolist())


def test_a_deviation_keeps_its_digits_where_the_mean_is_large_or_squares_overflow():
    near = 1e9 + np.arange(5.0)
    assert Digest.of(near).spread(None, 1) == np.sqrt(2.5) and Digest.of(near).mean == 1e9 + 2
    assert Digest.of(np.array([1e200, 3e200])).spread(None, 1) == pytest.approx(np.sqrt(2) * 1e200, rel=1e-15)
    assert Digest.of(np.full(7, 0.1)).spread(None, 1) == 0.0
    assert np.isnan(Digest.of(np.ones(1)).spread(None, 1))


def test_values_that_are_not_finite_show():
    digest = Digest.of(np.array([1.0, np.inf])) + Digest.of(np.array([2.0, -np.inf, 3.0]))
    assert np.isnan(digest.mean) and np.isnan(digest.spread(None, 1))
    assert Digest.of(np.array([1.0, np.inf])).mean == np.inf
    assert np.isnan(Digest.of(np.full(3, np.nan)).ends).all()


@pytest.mark.parametrize(
    "term", ["scale(x)", "center(x)", "scale(x, ddof=0)", "scale(x, center=False)", "scale(x, 2, 3)"]
)
def test_scaled_columns_are_those_of_formulaic(term):
    from formulaic import model_matrix
    from pandas import DataFrame

    random = np.random.default_rng(2)
    x = random.gamma(2.0, size=500)
    fit = nd.glm(f"y ~ 0 + {term}", {"x": x, "y": random.normal(size=500)})
    theirs = np.asarray(model_matrix(f"0 + {term}", DataFrame({"x": x})))
    assert fit.objective.design.handles[0].dense() == pytest.approx(theirs, rel=1e-12)
