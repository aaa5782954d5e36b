"""The studentized range: its tail against integrals in extended precision and against Student's t."""

import mpmath as mp
import numpy as np
import pytest
from scipy import special, stats

from nelder.inference.studentized_range import range_tail, studentized_quantile, studentized_tail


def exact_tail(width, means):
    """m ∫ φ(z) (Φ(z)^(m−1) − (Φ(z) − Φ(z − w))^(m−1)) dz, with 25 digits."""

    def density(z):
        below = mp.ncdf(z)
        return means * mp.npdf(z) * (below ** (means - 1) - (below - mp.ncdf(z - width)) ** (means - 1))

    with mp.workdps(25):
        return float(mp.quad(density, sorted({-12, -3, 0, 3, width / 2, width / 2 + 4, width / 2 + 12})))


@pytest.mark.parametrize(("width", "means"), [(0.01, 2), (2.0, 10), (8.0, 3), (14.0, 5)])
def test_the_tail_of_a_range_keeps_its_digits(width, means):
    assert range_tail(np.array([width]), means)[0] == pytest.approx(exact_tail(width, means), rel=1e-10)


@pytest.mark.parametrize("df", [1, 2, 5, 30, 1000, np.inf])
def test_two_means_are_a_t_test(df):
    t = np.array([0.0, 0.01, 0.7, 2.0, 6.0, 25.0])
    tail = 2 * special.ndtr(-t) if np.isinf(df) else 2 * stats.t.sf(t, df)
    assert studentized_tail(np.sqrt(2) * t, 2, df) == pytest.approx(tail, rel=1e-9)


@pytest.mark.parametrize(("q", "means", "df"), [(3.5, 3, 10), (1.0, 20, 3), (4.4, 6, 24)])
def test_it_is_that_of_scipy_where_that_has_digits(q, means, df):
    theirs = stats.studentized_range.sf(q, means, df)
    assert studentized_tail(np.array([q]), means, df)[0] == pytest.approx(theirs, rel=1e-9)


def test_quantiles_are_those_of_the_tables():
    """To the three decimals of Tukey's tables, and back through the tail."""
    for means, df, shown in ((3, 10, 3.877), (4, 20, 3.958), (10, 60, 4.646), (5, np.inf, 3.858)):
        q = studentized_quantile(0.05, means, df)
        assert round(q, 3) == shown
        assert studentized_tail(np.array([q]), means, df)[0] == pytest.approx(0.05, rel=1e-10)


def test_what_cannot_be_told_is_nan():
    assert np.isnan(studentized_tail(np.array([np.nan, 1.0]), 3, 0.0)).all()
    assert np.isnan(studentized_tail(np.array([np.nan]), 3, 5.0)).all()
    assert np.isnan(studentized_tail(np.array([np.nan]), 3, np.inf)).all()
    assert np.isnan(studentized_quantile(0.05, 3, 0.0))
    assert studentized_tail(np.array([np.inf]), 3, np.inf)[0] == 0
