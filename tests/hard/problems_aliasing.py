"""Columns that are combinations of others, and columns that only seem to be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from problem import Problem
from problems_separation import columns
from truth import aliased, finite

from nelder import frequency


def problems() -> Iterator[Problem]:
    """All of this group."""
    yield from of_numbers()
    yield from of_time()
    yield from of_categories()
    yield from by_formula()
    yield from more_columns_than_rows()
    yield from neighbours()


def draws(seed: int, n: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two normal columns and Poisson counts that follow the first."""
    random = np.random.default_rng(seed)
    x, z = random.normal(size=(2, n))
    return x, z, random.poisson(np.exp(1 + 0.5 * x)).astype(float)


def of_numbers() -> Iterator[Problem]:
    """Combinations of columns of numbers, in exact arithmetic or to rounding."""
    x, z, y = draws(1)
    up = y + 0.5
    yield Problem("a column twice", aliased(3), columns(x, z, x), up)
    yield Problem("the first of three alike is kept", aliased(2, 3), columns(x, x, -x), y, "poisson", "log")
    yield Problem("a sum", aliased(3), columns(x, z, x + z), y, "poisson", "log")
    yield Problem("two combinations", aliased(3, 5), columns(x, z, x - z, x**2, 3 * x**2 + z), up, "gamma", "log")
    yield Problem("a difference with a share of 1e-12", aliased(3), columns(x, z, x - 1e-12 * z), up)
    yield Problem("in other units", aliased(2, 3), columns(x, 1e8 * x, 1e-8 * x), (y > 1) + 0.0, "binomial", "logit")
    yield Problem("in units of 1e90 and 1e-90", aliased(2, 3), columns(x, 1e90 * x, 1e-90 * x), up, "gamma", "log")
    yield Problem("degrees of two scales", aliased(2), columns(20 + x, 32 + 1.8 * (20 + x)), up, "gamma", "inverse")
    yield Problem("a constant of 1e8", aliased(2), columns(x, np.full(30, 1e8)), y, "poisson", "log")
    yield Problem("a constant of 1e-8", aliased(2), columns(x, np.full(30, 1e-8)), y, "quasipoisson", "log")
    yield Problem("a column of zeros", aliased(1), columns(0 * x, x), y, "negative_binomial(2)", "log")
    shares = np.random.default_rng(4).dirichlet([2.0, 3.0, 4.0], 30)
    yield Problem("shares of a whole", aliased(3), columns(*shares.T), up, "tweedie(1.5)", "log")
    yield Problem("shares and no intercept", finite, shares, up, "tweedie(1.5)", "log")
    yield Problem("beside 1e8 + x", aliased(2), columns(x, 1e8 + x), up)
    both = columns(x, z, x, np.ones(30))
    yield Problem("twice over", aliased(3, 4), both, np.arange(30) % 3 / 2, "binomial", "probit", np.full(30, 2.0))


def of_time() -> Iterator[Problem]:
    """Ages, periods and cohorts."""
    random = np.random.default_rng(7)
    period = random.integers(1950, 2020, 40).astype(float)
    age = random.integers(20, 80, 40).astype(float)
    deaths = random.poisson(np.exp(0.05 * (age - 40))).astype(float)
    yield Problem("age, period and cohort", aliased(3), columns(age, period, period - age), deaths, "poisson", "log")
    squares = columns(period, period**2, (period - 1985) ** 2)
    yield Problem("years, squared twice", aliased(3), squares, deaths, "poisson", "log")
    lag = np.r_[0.0, age[:-1]]
    yield Problem("levels, lags and changes", aliased(3), columns(age, lag, age - lag), deaths + 0.1, "gamma", "log")
    year = np.repeat([2019.0, 2020.0, 2021.0], 10)
    dummies = (year[:, None] == [2020, 2021]).T.astype(float)
    yield Problem("years as numbers and as levels", aliased(3), columns(year, *dummies), deaths[:30], "poisson", "log")
    three = year - 2018
    yield Problem("the cube of three values", aliased(3), columns(three, three**2, three**3), deaths[:30] + 0.1)
    yield Problem("the cube of three years", aliased(3), columns(year, year**2, year**3), deaths[:30] + 0.1)


def indicators(codes: np.ndarray, levels: int) -> np.ndarray:
    """One column of zeros and ones a level (n, levels)."""
    return (codes[:, None] == np.arange(levels)).astype(float)


def of_categories() -> Iterator[Problem]:
    """Levels written out as zeros and ones."""
    code = np.arange(36) % 3
    other = np.arange(36) // 3 % 4
    _, z, y = draws(5, 36)
    level = indicators(code, 3).T
    yield Problem("all levels and an intercept", aliased(3), columns(*level), y, "poisson", "log")
    yield Problem("all levels, then a constant", aliased(3), np.column_stack([*level, np.full(36, 2.0)]), y + 0.0)
    nested = indicators(other, 4)[:, 1:].T
    school = (other >= 2).astype(float)
    yield Problem("schools within districts", aliased(4), columns(school, *nested), y + 0.5, "gamma", "log")
    weights = np.where(code == 2, 0.0, 1.0)
    yield Problem("a level without weight", aliased(2), columns(*level[1:]), y, "poisson", "log", weights)
    counts = frequency(weights)
    yield Problem("a level that occurs no times", aliased(2), columns(*level[1:]), y, "poisson", "log", counts)
    effects = level[:2] - level[2]
    yield Problem("sums to zero and a level", aliased(3), columns(*effects, level[0]), y + 0.5, "gamma", "log")
    yield Problem("a level that is the offset too", finite, columns(level[1], z), y, "poisson", "log", None, level[1])


def cells(n: int = 48) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes of two factors of 2 and 3 levels without the cell (1, 2), and counts."""
    random = np.random.default_rng(11)
    a, b = random.integers(0, 2, 2 * n), random.integers(0, 3, 2 * n)
    filled = np.flatnonzero((a != 1) | (b != 2))[:n]
    return a[filled], b[filled], random.poisson(4.0, n).astype(float)


def by_formula() -> Iterator[Problem]:
    """Interactions with cells that no row fills, by formula and so by category codes."""
    a, b, y = cells()
    A, B = indicators(a, 2)[:, 1:], indicators(b, 3)[:, 1:]
    crossed = np.column_stack([np.ones(len(y)), A, B, A * B])
    table = {"y": y, "a": np.array(["k", "l"])[a], "b": np.array(["r", "s", "t"])[b], "x": np.cos(np.arange(len(y)))}
    for family, link in (("poisson", "log"), ("gamma", "log"), ("gaussian", "identity"), ("binomial", "logit")):
        response = {"binomial": (y > 3) + 0.0, "gamma": y + 0.5}.get(family, y)
        given = {**table, "y": response}
        name = f"an empty cell, {family}"
        yield Problem(name, aliased(5), crossed, response, family, link, formula="y ~ a * b", table=given)
    x = table["x"][:, None]
    slopes = np.column_stack([np.ones(len(y)), A, x, x])
    yield Problem("a number twice", aliased(3), slopes, y, "poisson", "log", formula="y ~ a + x + I(1*x)", table=table)
    group = np.array(["p", "q", "q"])[b]
    nested = np.column_stack([np.ones(len(y)), B.sum(axis=1), B])
    given = {**table, "g": group}
    yield Problem("levels within levels", aliased(3), nested, y, "poisson", "log", formula="y ~ g + b", table=given)
    first = np.where((a == 0) & (b == 0), 1, a)
    A = indicators(first, 2)[:, 1:]
    crossed = np.column_stack([np.ones(len(y)), A, B, A * B])
    given = {**table, "a": np.array(["k", "l"])[first]}
    lost = aliased(4, 5)
    yield Problem("without the first cell", lost, crossed, y, "poisson", "log", formula="y ~ a * b", table=given)


def more_columns_than_rows() -> Iterator[Problem]:
    """As many coefficients as rows, and no more."""
    X = np.random.default_rng(3).normal(size=(4, 6))
    y = np.array([3.0, 1.0, 4.0, 2.0])
    yield Problem("n < p, gaussian", aliased(4, 5), X, y)
    yield Problem("n < p, poisson", aliased(4, 5), X, y, "poisson", "log")
    yield Problem("n < p, gamma", aliased(4, 5), X, y, "gamma", "log")
    yield Problem("n < p, logit", aliased(4, 5), X, y / 5, "binomial", "logit", np.full(4, 5.0))
    yield Problem("n < p, identity inverse Gaussian", aliased(4, 5), X, y, "inverse_gaussian", "identity")
    yield Problem("one row", aliased(1, 2), np.array([[1.0, 2.0, 3.0]]), np.array([7.0]), "poisson", "log")
    yield Problem("two columns alike and n < p", aliased(1, 5), X[:, [0, 0, 1, 2, 3, 4]], y, "poisson", "log")


def neighbours() -> Iterator[Problem]:
    """Columns that look alike, and can be told apart."""
    x, z, y = draws(2)
    yield Problem("columns apart by 1e-6", finite, columns(x, x + 1e-6 * z), y + 0.5)
    yield Problem("columns apart by 1e-7", finite, columns(x, x + 1e-7 * z), y, "poisson", "log")
    yield Problem("1e8 and noise", finite, columns(1e8 + z), y, "poisson", "log")
    yield Problem("columns of 1e8 and 1e-8", finite, columns(1e8 * x, 1e-8 * z), y, "poisson", "log")
    yield Problem("columns of 1e90 and 1e-90", finite, columns(1e90 * x, 1e-90 * z), y + 0.5, "gamma", "log")
    rounded = np.round(np.random.default_rng(4).dirichlet([2.0, 3.0, 4.0], 30), 4)
    yield Problem("rounded shares of a whole", finite, columns(*rounded.T), y + 0.5)
    weights = np.where(np.arange(30) < 3, 1e-30, 1.0)
    level = (np.arange(30) < 3) + 0.0
    yield Problem("a level that weighs 1e-30", finite, columns(level, x), y + 0.5, "gamma", "log", weights)
    yield Problem("a dot in a column", finite, columns((np.arange(30) == 7) * 1e-12, x), y + 0.5)
