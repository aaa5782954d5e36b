"""Likelihoods without a maximum at finite coefficients, and their neighbours that have one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from problem import Problem
from truth import finite, separated

UNIT_LINKS = ("logit", "probit", "cloglog", "loglog", "cauchit")
COUNTS = ("poisson", "negative_binomial(2)", "tweedie(1.5)", "quasipoisson")


def columns(*parts: np.ndarray) -> np.ndarray:
    """An intercept and these columns."""
    return np.column_stack([np.ones(len(parts[0])), *parts])


def problems() -> Iterator[Problem]:
    """All of this group."""
    yield from of_proportions()
    yield from of_counts()
    yield from of_reference_levels()
    yield from of_other_families()
    yield from beside_other_trouble()
    yield from neighbours()


def of_proportions() -> Iterator[Problem]:
    """Zeros and ones that some direction tells apart, wholly or in part."""
    for seed, link in enumerate(UNIT_LINKS):
        random = np.random.default_rng(seed)
        x, z = random.normal(size=(2, 30))
        yield Problem(f"complete, {link}", separated, columns(x), (x > 0.3).astype(float), "binomial", link)
        group = np.repeat([0.0, 1.0], 15)
        half = np.where(group == 1, 1.0, np.arange(30) % 2)
        yield Problem(f"a cell of ones, {link}", separated, columns(group), half, "binomial", link)
        mixed = np.where(group == 1, (np.arange(30) % 3 == 0), 0.0)
        yield Problem(f"a cell of zeros beside a slope, {link}", separated, columns(group, z), mixed, "binomial", link)
        tied = np.r_[x[:28], 0.0, 0.0]
        y = np.r_[(x[:28] > 0).astype(float), 0.0, 1.0]
        yield Problem(f"quasi-complete by a tie, {link}", separated, columns(tied), y, "binomial", link)
    yield Problem("all ones", separated, columns(np.arange(12.0)), np.ones(12), "binomial", "logit")
    x = np.random.default_rng(9).normal(size=25)
    for scale in (1e-8, 1e8):
        y = (x > 0).astype(float)
        yield Problem(f"complete, units of {scale:g}", separated, columns(scale * x), y, "binomial", "logit")
    direction = np.random.default_rng(5).normal(size=(40, 4))
    y = (direction @ [1.0, -2.0, 0.5, 1.0] > 0).astype(float)
    yield Problem("complete along four columns", separated, columns(direction), y, "binomial", "logit")
    cells = np.indices((3, 4)).reshape(2, -1).repeat(6, axis=1)
    a, b = np.eye(3)[cells[0]][:, 1:], np.eye(4)[cells[1]][:, 1:]
    y = np.where(cells[0] == 2, 1.0, np.random.default_rng(2).integers(0, 2, cells.shape[1]))
    yield Problem("a level of a factor all ones", separated, columns(a, b), y, "binomial", "logit")


def of_counts() -> Iterator[Problem]:
    """Counts and amounts that are zero wherever some direction leads."""
    for seed, family in enumerate(COUNTS):
        random = np.random.default_rng(seed)
        group, x = np.repeat([0.0, 1.0], 15), random.normal(size=30)
        y = np.where(group == 1, 0.0, random.poisson(3.0, 30))
        yield Problem(f"a cell without counts, {family}", separated, columns(group), y, family, "log")
        yield Problem(f"a cell without counts beside a slope, {family}", separated, columns(group, x), y, family, "log")
        ramp = np.maximum(x, 0.0)
        y = np.where(ramp > 0, 0.0, random.poisson(2.0, 30))
        yield Problem(f"a ramp of zeros, {family}", separated, columns(ramp), y, family, "log")
    yield Problem("no counts at all", separated, columns(np.arange(10.0)), np.zeros(10), "poisson", "log")
    cells = np.indices((3, 3)).reshape(2, -1).repeat(4, axis=1)
    both = (np.eye(3)[cells[0]][:, :, None] * np.eye(3)[cells[1]][:, None, :]).reshape(36, 9)
    y = np.where((cells[0] == 1) & (cells[1] == 2), 0.0, np.arange(36) % 4 + 1.0)
    yield Problem("an empty cell of an interaction", separated, both, y, "poisson", "log")


def of_reference_levels() -> Iterator[Problem]:
    """A few rows that are empty, in the level that all others are compared with: they fade in an intercept of many."""
    for rows in (500, 5_000):
        random = np.random.default_rng(rows)
        level = np.where(np.arange(rows) < 5, 0, random.integers(1, 5, rows))
        empty, levels = level == 0, np.eye(5)[level][:, 1:]
        for family in COUNTS:
            y = np.where(empty, 0.0, random.poisson(1.5, rows))
            yield Problem(f"an empty base, {rows} rows, {family}", separated, columns(levels), y, family, "log")
        for link in UNIT_LINKS:
            y = np.where(empty, 0.0, random.random(rows) < 0.4).astype(float)
            yield Problem(f"an empty base, {rows} rows, {link}", separated, columns(levels), y, "binomial", link)


def of_other_families() -> Iterator[Problem]:
    """Responses beyond what a mean can reach."""
    random = np.random.default_rng(12)
    group, x = np.repeat([0.0, 1.0], 15), random.normal(size=30)
    y = np.where(group == 1, -1.0 - x**2, np.exp(0.3 * x))
    yield Problem("a cell below zero, gaussian", separated, columns(group), y, "gaussian", "log")
    y = np.where(group == 1, 1.0 + x**2, 0.5 + 0.1 * x)
    yield Problem("a cell above one, gaussian", separated, columns(group), y, "gaussian", "logit")
    y = np.where(group == 1, 3.0, np.arange(30) % 2 * 0.6)
    yield Problem("a cell above one, quasi-Poisson", separated, columns(group), y, "quasipoisson", "probit")
    y = np.where(group == 1, 0.0, 0.3 + 0.2 * np.sin(x))
    yield Problem("a cell of zeros, quasi-binomial", separated, columns(group), y, "quasibinomial", "logit")
    yield Problem("a cell of zeros, theta 1e-3", separated, columns(group), y, "negative_binomial(1e-3)", "log")
    yield Problem("a cell of zeros, power 1.01", separated, columns(group), y, "tweedie(1.01)", "log")
    yield Problem("a cell of zeros, power 1.99", separated, columns(group), y, "tweedie(1.99)", "log")


def beside_other_trouble() -> Iterator[Problem]:
    """Separation with aliased columns, weights, offsets, units and scales."""
    random = np.random.default_rng(13)
    group, x = np.repeat([0.0, 1.0, 2.0], 10), random.normal(size=30)
    a, b = (group == 1) + 0.0, (group == 2) + 0.0
    half = np.arange(30) % 2
    y = np.where(group == 2, 1.0, np.where(group == 1, 0.0, half))
    yield Problem("a cell of ones and one of zeros", separated, columns(a, b), y, "binomial", "logit")
    y = np.where(group == 2, 1.0, half)
    yield Problem("a cell of ones, and a column twice", separated, columns(a, b, b), y, "binomial", "logit")
    yield Problem("a cell of ones, twice by sums", separated, columns(a, b, a + b), y, "binomial", "cloglog")
    faint = np.where(group == 2, 1e-12, 1.0)
    yield Problem("a cell of ones that weighs 1e-12", separated, columns(a, b, x), y, "binomial", "logit", faint)
    trials = np.full(30, 1e9)
    yield Problem("a cell of ones of 1e9", separated, columns(a, b), 0.5 * y + 0.5 * b, "binomial", "probit", trials)
    offset = np.where(group == 2, -700.0, 0.0)
    yield Problem("a cell of ones at an offset", separated, columns(a, b, x), y, "binomial", "logit", None, offset)
    counts = np.where(group == 2, 0.0, 1.0 + np.arange(30) % 4)
    both = None, -offset
    yield Problem("a cell without counts at an offset", separated, columns(a, b), counts, "poisson", "log", *both)
    wide = columns(1e-8 * a, 1e8 * b, 1e8 + x)
    yield Problem("a cell without counts in odd units", separated, wide, counts, "poisson", "log")
    few = random.normal(size=(4, 6))
    yield Problem("fewer rows than columns, logit", separated, few, np.array([0.0, 1.0, 1.0, 0.0]), "binomial", "logit")
    yield Problem("one row, logit", separated, np.ones((1, 1)), np.ones(1), "binomial", "logit")
    yield Problem("one row of no counts", separated, np.ones((1, 1)), np.zeros(1), "poisson", "log")
    near = x + 1e-6 * random.normal(size=30)
    above = (near > x) + 0.0
    yield Problem("by the difference of two columns", separated, columns(x, near), above, "binomial", "logit")
    year = 1990.0 + np.arange(30)
    yield Problem("by a year", separated, columns(year), (year > 2003) + 0.0, "binomial", "probit")
    late = (year > 2003) + 0.0
    yield Problem("by years and their squares", separated, columns(year, year**2), late, "binomial", "logit")
    table = {"y": y, "g": np.array(["p", "q", "r"])[group.astype(int)], "x": x}
    X = columns(a, b, x)
    yield Problem("by formula", separated, X, y, "binomial", "logit", formula="y ~ g + x", table=table)


def neighbours() -> Iterator[Problem]:
    """What looks like separation and is not: a finite optimum, however far away."""
    for seed, (link, apart) in enumerate(zip(UNIT_LINKS, (1, 1, 6, 6, 1), strict=True)):
        x = np.sort(np.clip(np.random.default_rng(seed).normal(size=40), -1, 1))
        first = int(np.sum(x <= 0))
        y = (x > 0).astype(float)
        y[first - apart], y[first + apart - 1] = 1.0, 0.0
        yield Problem(f"one pair out of order, {link}", finite, columns(x), y, "binomial", link)
    x = np.random.default_rng(3).normal(size=60)
    y = np.zeros(60)
    y[np.argsort(x)[[30, 50]]] = 1.0
    yield Problem("two events in sixty", finite, columns(x), y, "binomial", "logit")
    group = np.repeat([0.0, 1.0], 30)
    y = np.r_[np.zeros(29), 1.0, np.ones(29), 0.0]
    yield Problem("one exception a cell", finite, columns(group), y, "binomial", "logit")
    y = np.r_[np.arange(30) % 5.0, np.zeros(29), 1.0]
    yield Problem("one count in a cell", finite, columns(group), y, "poisson", "log")
    weights = np.where(y == 1, 1e-9, 1.0)
    y = np.r_[np.arange(30) % 2.0, np.ones(29), 0.0]
    weights = np.where((group == 1) & (y == 0), 1e-9, 1.0)
    yield Problem("an exception that weighs 1e-9", finite, columns(group), y, "binomial", "logit", weights)
    p = np.array([1e-10, 1e-5, 1 - 1e-9])
    yield Problem("proportions of 1e-10", finite, np.eye(3), p, "binomial", "logit", np.full(3, 1e12))
