"""Links that do not keep every mean inside: optima inside the domain, far from the usual starts, and at its edge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from problem import Problem
from problems_separation import columns
from truth import boundary, finite


def problems() -> Iterator[Problem]:
    """All of this group."""
    yield from at_the_edge()
    yield from at_the_edge_in_odd_units()
    yield from inside()


def at_the_edge() -> Iterator[Problem]:
    """The likelihood would rise beyond the means that are allowed."""
    ramp = np.linspace(0.0, 1.0, 30)
    for seed in range(2):
        random = np.random.default_rng(seed)
        y = (random.random(30) < ramp).astype(float)
        y[-4:], y[0] = 1.0, 0.0
        yield Problem(f"log-binomial through one, {seed}", boundary, columns(ramp), y, "binomial", "log")
        y = random.poisson(8 * ramp) * (ramp > 0.15)
        yield Problem(f"identity-Poisson through zero, {seed}", boundary, columns(ramp), y + 0.0, "poisson")
        X = columns(ramp, random.normal(size=30))
        y = np.r_[np.zeros(8), random.poisson(6.0, 22)].astype(float)
        yield Problem(f"identity-Poisson in two columns, {seed}", boundary, X, y, "poisson")
    y = np.r_[np.zeros(6), (np.arange(18) % 3 > 0), np.ones(6)].astype(float)
    yield Problem("identity-binomial at both ends", boundary, columns(ramp), y, "binomial", "identity")
    group = np.repeat([0.0, 1.0], 10)
    y = np.where(group == 1, 1.0, np.arange(20) % 2)
    yield Problem("log-binomial with a cell of ones", boundary, columns(group), y, "binomial", "log")
    y = np.where(group == 1, 0.0, np.arange(20) % 4)
    yield Problem("identity-Poisson with a cell of zeros", boundary, columns(group), y, "poisson")
    yield Problem("identity-Poisson, all zeros", boundary, columns(ramp), np.zeros(30), "poisson")
    yield Problem("ones alone under a square root", boundary, np.ones((3, 1)), np.ones(3), "binomial", "sqrt")
    yield Problem("identity negative binomial", boundary, columns(group), y, "negative_binomial(1.5)", "identity")
    yield Problem("identity Tweedie", boundary, columns(group), y, "tweedie(1.4)", "identity")
    counts = np.r_[0.0, 0.0, 0.0, 2.0, 9.0, 20.0]
    yield Problem("identity-Poisson, a convex curve", boundary, columns(np.arange(6.0)), counts, "poisson")


def at_the_edge_in_odd_units() -> Iterator[Problem]:
    """The same with weights, offsets, scales and links of other kinds."""
    ramp = np.linspace(0.0, 1.0, 30)
    group = np.repeat([0.0, 1.0], 15)
    counts = np.where(group == 1, 0.0, np.arange(30) % 4)
    yield Problem("quasi-Poisson of 1e-100, a cell of zeros", boundary, columns(group), 1e-100 * counts, "quasipoisson")
    yield Problem("a cell of zeros, power 2", boundary, columns(group), counts, "poisson", "power(2)")
    weights = np.where(group == 1, 1e-9, 1.0)
    yield Problem("a cell of zeros that weighs 1e-9", boundary, columns(group), counts, "poisson", "identity", weights)
    both = None, 1.0 + group
    yield Problem("a cell of zeros and an offset", boundary, columns(group), counts, "poisson", "identity", *both)
    yield Problem("a cell of zeros in units of 1e8", boundary, columns(1e8 * group), counts, "poisson")
    yield Problem("a cell of zeros in units of 1e-8", boundary, columns(1e-8 * group), counts, "poisson")
    late = np.maximum(np.arange(30) - 10.0, 0.0)
    year = 1990.0 + np.arange(30)
    yield Problem("nothing until 2000", boundary, columns(year), late, "poisson")
    yield Problem("a late start, theta 3", boundary, columns(ramp), late, "negative_binomial(3)", "identity")
    steps = np.where(np.arange(30) < 12, (np.arange(30) % 3 == 0) + 0.0, 1.0)
    yield Problem("log-binomial, ones from a third on", boundary, columns(ramp), steps, "binomial", "log")
    trials = np.full(30, 50.0)
    yield Problem("log-binomial of trials", boundary, columns(ramp), steps, "binomial", "log", trials)
    yield Problem("inverse binomial, ones from a third on", boundary, columns(ramp), steps, "binomial", "inverse")
    yield Problem("quasi-binomial, ones from a third on", boundary, columns(ramp), steps, "quasibinomial", "identity")


def inside() -> Iterator[Problem]:
    """A regular optimum, though the data's own means or zero are no feasible start."""
    for seed in range(2):
        random = np.random.default_rng(seed)
        x = np.linspace(0.0, 3.0, 40)
        y = random.poisson(2.0 + 4 * x).astype(float)
        yield Problem(f"identity-Poisson, {seed}", finite, columns(x), y, "poisson")
        mean = 1.0 / (0.2 + x)
        yield Problem(f"inverse gamma, {seed}", finite, columns(x), random.gamma(3.0, mean / 3), "gamma", "inverse")
        y = random.gamma(3.0, (0.1 + x) / 3)
        yield Problem(f"identity gamma, {seed}", finite, columns(x), y, "gamma", "identity")
        y = random.wald((0.3 + x) ** -0.5, 5.0)
        yield Problem(f"inverse Gaussian, {seed}", finite, columns(x), y, "inverse_gaussian", "inverse_squared")
        y = random.wald(0.3 + x, 5.0)
        yield Problem(f"identity inverse Gaussian, {seed}", finite, columns(x), y, "inverse_gaussian", "identity")
        y = (random.random(40) < np.exp(-2.2 + 0.6 * x)).astype(float)
        yield Problem(f"log-binomial, {seed}", finite, columns(x), y, "binomial", "log")
        y = (random.random(40) < 0.1 + 0.25 * x).astype(float)
        y[0], y[-1] = 1.0, 0.0
        yield Problem(f"identity-binomial, {seed}", finite, columns(x), y, "binomial", "identity")
        y = random.poisson((0.5 + x) ** 2).astype(float)
        yield Problem(f"square-root Poisson, {seed}", finite, columns(x), y, "poisson", "sqrt")
        y = random.gamma(4.0, (0.5 + x) ** 3 / 4)
        yield Problem(f"cube-root gamma, {seed}", finite, columns(x), y, "gamma", "power(0.333)")
