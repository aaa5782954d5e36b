"""Columns of extreme size or far from zero: units must not matter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from problem import Problem
from problems_separation import columns
from truth import finite

FAMILIES = (("gaussian", "identity"), ("poisson", "log"), ("binomial", "logit"), ("gamma", "log"))


def problems() -> Iterator[Problem]:
    """All of this group."""
    yield from of_size()
    yield from of_uneven_size()
    yield from far_from_zero()
    yield from of_time()


def response(family: str, eta: np.ndarray, seed: int = 0) -> np.ndarray:
    """Draws with a moderate signal: means exp(η), probabilities logistic(η)."""
    random = np.random.default_rng(seed)
    if family == "binomial":
        return (random.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)
    if family == "gaussian":
        return eta + random.normal(size=len(eta))
    mean = np.exp(eta)
    return random.poisson(mean).astype(float) if family == "poisson" else random.gamma(2.0, mean / 2)


def of_size() -> Iterator[Problem]:
    """Columns with units of 1e-8, 1e8 and beyond."""
    x, z = np.random.default_rng(1).normal(size=(2, 40))
    for family, link in FAMILIES:
        y = response(family, 0.5 + x - 0.5 * z)
        yield Problem(f"1e-8 and 1e8, {family}", finite, columns(1e-8 * x, 1e8 * z), y, family, link)
        yield Problem(f"1e-90 and 1e90, {family}", finite, columns(1e-90 * x, 1e90 * z), y, family, link)
    y = response("gamma", 0.5 + x - 0.5 * z) + 0.1
    yield Problem("1e-8 and 1e8, inverse gamma", finite, columns(1e-8 * x**2, 1e8 * z**2), y, "gamma", "inverse")
    y = response("poisson", 0.5 + x - 0.5 * z)
    powers = 10.0 ** np.array([-8, -4, 0, 4, 8])
    X = np.random.default_rng(2).normal(size=(40, 5)) * powers
    yield Problem("five sizes without an intercept", finite, X, y, "poisson", "log")
    yield Problem("an intercept of 1e-8", finite, np.column_stack([np.full(40, 1e-8), x]), y, "poisson", "log")
    yield Problem("an intercept of 1e8", finite, np.column_stack([np.full(40, 1e8), x]), y, "poisson", "log")
    yield Problem("an intercept of 1e-90", finite, np.column_stack([np.full(40, 1e-90), x]), y, "poisson", "log")
    y = response("binomial", x)
    for link in ("probit", "cloglog", "cauchit"):
        yield Problem(f"1e-8 and 1e8, {link}", finite, columns(1e-8 * x, 1e8 * z), y, "binomial", link)


def of_uneven_size() -> Iterator[Problem]:
    """Columns in which a few rows are much larger than the others."""
    random = np.random.default_rng(3)
    x, z = random.normal(size=(2, 40))
    spike = np.where(np.arange(40) == 5, 1e12, x)
    y = response("gaussian", x)
    yield Problem("one row of 1e12, gaussian", finite, columns(spike, z), y)
    yield Problem("one row of 1e12, alone", finite, spike[:, None], y)
    y = response("poisson", x)
    yield Problem("one row of 1e6, poisson", finite, columns(np.where(np.arange(40) == 5, 1e6, x)), y, "poisson", "log")
    wide = 10.0 ** np.linspace(-12, 12, 40)
    yield Problem("a column from 1e-12 to 1e12, gaussian", finite, columns(wide, x), response("gaussian", x))
    yield Problem("a column from 1e-12 to 1, gamma", finite, columns(wide[:20], x[:20]), y[:20] + 0.5, "gamma", "log")
    yield Problem("two wide columns", finite, columns(wide, wide[::-1]), response("gaussian", x))
    block = np.where(np.arange(40) < 20, 1e-8, 1e8)
    y = response("gaussian", z)
    yield Problem("rows of 1e-8 and 1e8", finite, np.column_stack([x * block, z * block]), y)
    yield Problem("rows of 1e-8 and 1e8 and an intercept", finite, columns(x * block, z * block), y)
    lognormal = np.exp(5 * x)
    yield Problem("lognormal amounts", finite, columns(lognormal), response("poisson", 0.3 * z), "poisson", "log")
    heavy = random.standard_cauchy(40)
    yield Problem("a column with heavy tails", finite, columns(heavy), response("binomial", z), "binomial", "logit")


def far_from_zero() -> Iterator[Problem]:
    """Columns whose spread is small beside their mean."""
    x, z = np.random.default_rng(4).normal(size=(2, 40))
    for far in (1e4, 1e6, 1e8):
        for family, link in FAMILIES:
            y = response(family, 0.3 + x, 10 + int(np.log10(far)))
            yield Problem(f"{far:g} and noise, {family}", finite, columns(far + x), y, family, link)
    y = response("gaussian", x)
    yield Problem("two columns of 1e6 and noise", finite, columns(1e6 + x, 1e6 + z), y)
    yield Problem("1e6 and noise without an intercept", finite, (1e6 + x)[:, None], y)
    yield Problem("1e4 and noise, and its square", finite, columns(1e4 + x, (1e4 + x) ** 2), y)
    small = 1e-7 * (1 + 1e-6 * x)
    yield Problem("1e-7, and noise of 1e-13", finite, columns(small), response("poisson", x), "poisson", "log")
    y = response("gamma", 0.3 + x)
    yield Problem("1e8 and noise, Tweedie", finite, columns(1e8 + x), y, "tweedie(1.6)", "log")
    y = np.round(y)
    yield Problem("1e8 and noise, negative binomial", finite, columns(1e8 + x), y, "negative_binomial(2)", "log")


def of_time() -> Iterator[Problem]:
    """Years, dates and clocks, as numbers."""
    random = np.random.default_rng(6)
    year = np.sort(random.integers(1950, 2025, 40)).astype(float)
    since = (year - 1990) / 20
    for family, link in FAMILIES:
        y = response(family, 0.3 + 0.5 * since, 6)
        yield Problem(f"years and their squares, {family}", finite, columns(year, year**2), y, family, link)
    y = response("gaussian", since)
    yield Problem("years to the third power", finite, columns(year, year**2, year**3), y)
    y = response("poisson", 0.5 * since)
    yield Problem("years without an intercept", finite, year[:, None], y, "poisson", "log")
    yield Problem("years by an indicator", finite, columns(year, year * (year > 1990)), y, "poisson", "log")
    seconds = 1.7e9 + np.sort(random.uniform(0, 86400, 40))
    yield Problem("seconds since 1970 within a day", finite, columns(seconds), y, "poisson", "log")
    nanoseconds = 1.7e18 + 8.64e13 * np.arange(40)
    yield Problem("nanoseconds since 1970 over forty days", finite, columns(nanoseconds), y, "poisson", "log")
    julian = 2460000.5 + np.arange(40)
    wave = np.column_stack([np.cos(2 * np.pi * julian / 7), np.sin(2 * np.pi * julian / 7)]).T
    yield Problem("Julian days and a week", finite, columns(julian, *wave), y, "poisson", "log")
