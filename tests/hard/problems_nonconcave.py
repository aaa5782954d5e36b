"""Likelihoods that are not concave: several minima, plateaus, observed information that is not positive definite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from problem import Problem
from problems_separation import columns
from truth import finite, lowest

N = 40


def problems() -> Iterator[Problem]:
    """All of this group."""
    yield from of_cauchit()
    yield from of_curves()
    yield from of_amounts()
    yield from of_counts()
    yield from of_proportions()


def of_cauchit() -> Iterator[Problem]:
    """The Cauchy quantile: outliers pull next to nothing, so that the likelihood has several hills."""
    x = np.linspace(-3, 3, N)
    for seed in range(3):
        random = np.random.default_rng(seed)
        y = (random.random(N) < 1 / (1 + np.exp(-3 * x))).astype(float)
        y[[1, 4, -3]] = 1.0, 1.0, 0.0
        yield Problem(f"cauchit with outliers, {seed}", lowest(8.0), columns(x), y, "binomial", "cauchit")
    y = np.where(np.abs(x) < 1, 1.0, 0.0)
    yield Problem("cauchit, ones in the middle", lowest(8.0), columns(x), y, "binomial", "cauchit")
    y = np.where(x < -2, 1.0, np.where(x > 0, 1.0, 0.0))
    yield Problem("cauchit, two steps", lowest(8.0), columns(x), y, "binomial", "cauchit")
    wide = 10.0 ** np.linspace(-4, 4, N)
    y = (np.random.default_rng(5).random(N) < 0.7).astype(float)
    yield Problem("cauchit, a wide column", finite, columns(wide), y, "binomial", "cauchit")
    z = np.random.default_rng(6).normal(size=(2, N))
    y = (np.arctan(3 * z[0] - z[1]) / np.pi + 0.5 > np.random.default_rng(7).random(N)).astype(float)
    yield Problem("cauchit, two columns", lowest(10.0), columns(*z), y, "binomial", "cauchit")
    trials = np.where(np.arange(N) % 2 == 0, 1e6, 1.0)
    share = np.clip(np.arctan(2 * x - 1) / np.pi + 0.5 + 0.05 * np.cos(7 * x), 0, 1)
    yield Problem("cauchit, uneven trials", lowest(8.0), columns(x), share, "binomial", "cauchit", trials)


def of_curves() -> Iterator[Problem]:
    """Least squares on a curve."""
    random = np.random.default_rng(11)
    x = np.linspace(0, 3, N)
    y = np.exp(1 - 2 * x) + 0.1 * random.normal(size=N)
    yield Problem("a falling exponential through zero", lowest(5.0), columns(x), y, "gaussian", "log")
    y = np.exp(0.1 + 2 * x) + 20 * random.normal(size=N)
    yield Problem("a rising exponential in noise", lowest(5.0), columns(x), y, "gaussian", "log")
    y = 1 / (0.2 + 0.5 * x) + 0.2 * random.normal(size=N)
    yield Problem("a hyperbola", lowest(5.0), columns(x), y, "gaussian", "inverse")
    y = 5 * x / (0.3 + x) + 0.2 * random.normal(size=N)
    reciprocal = columns(1 / x[1:])
    yield Problem("Michaelis and Menten's curve", lowest(3.0), reciprocal, y[1:], "gaussian", "inverse")
    y = 1 / (1 + np.exp(3 - 2 * x)) + 0.15 * random.normal(size=N)
    yield Problem("a logistic curve in noise", lowest(9.0), columns(x), y, "gaussian", "logit")
    yield Problem("a probit curve in noise", lowest(6.0), columns(x), y, "gaussian", "probit")
    yield Problem("a Gompertz curve in noise", lowest(9.0), columns(x), y, "gaussian", "loglog")
    yield Problem("a Cauchy curve in noise", lowest(9.0), columns(x), y, "gaussian", "cauchit")
    y = (0.5 + x) ** 2 + random.normal(size=N)
    yield Problem("a parabola", lowest(4.0), columns(x), y, "gaussian", "sqrt")
    y = np.sqrt(0.5 + x) + 0.3 * random.normal(size=N)
    yield Problem("a root", lowest(5.0), columns(x), y, "gaussian", "power(2)")
    y = np.where(np.arange(N) == 0, 40.0, np.exp(0.5 * x)) + 0.1 * random.normal(size=N)
    yield Problem("an exponential with an outlier", lowest(5.0), columns(x), y, "gaussian", "log")
    y = np.where(x < 1.5, 1.0, -1.0) + 0.1 * random.normal(size=N)
    yield Problem("an exponential below zero", lowest(5.0), columns(x), y + 0.3, "gaussian", "log")


def of_amounts() -> Iterator[Problem]:
    """Gamma, inverse Gaussian and Tweedie with links that are not their own."""
    random = np.random.default_rng(21)
    x = np.linspace(0.1, 3, N)
    line = random.gamma(1.0, 0.5 + 2 * x)
    spread = random.gamma(0.3, (0.5 + 2 * x) / 0.3) + 1e-6
    waits = random.wald(0.5 + x, 0.5)
    claims = np.where(random.random(N) < 0.4, 0.0, line)
    yield Problem("gamma, identity", finite, columns(x), line, "gamma", "identity")
    yield Problem("gamma of shape 0.3, identity", finite, columns(x), spread, "gamma", "identity")
    yield Problem("gamma of shape 0.3, log", finite, columns(x), spread, "gamma", "log")
    yield Problem("gamma of shape 0.3, square root", finite, columns(x), spread, "gamma", "sqrt")
    yield Problem("gamma, inverse square", finite, columns(x), 1 / line, "gamma", "inverse_squared")
    yield Problem("gamma, square", finite, columns(x), line, "gamma", "power(2)")
    yield Problem("inverse Gaussian, log", lowest(5.0), columns(x), waits, "inverse_gaussian", "log")
    yield Problem("inverse Gaussian, identity", finite, columns(x), waits, "inverse_gaussian", "identity")
    yield Problem("inverse Gaussian, inverse", finite, columns(x), 1 / waits, "inverse_gaussian", "inverse")
    yield Problem("inverse Gaussian, square root", finite, columns(x), waits, "inverse_gaussian", "sqrt")
    outlier = np.where(np.arange(N) == 0, 1e3, waits)
    yield Problem("inverse Gaussian with an outlier, log", lowest(12.0), columns(x), outlier, "inverse_gaussian", "log")
    speck = np.where(np.arange(N) == N - 1, 1e-4, waits)
    yield Problem("inverse Gaussian with a speck, log", lowest(12.0), columns(x), speck, "inverse_gaussian", "log")
    yield Problem("Tweedie, identity", finite, columns(x), claims, "tweedie(1.5)", "identity")
    yield Problem("Tweedie, square root", finite, columns(x), claims, "tweedie(1.2)", "sqrt")
    yield Problem("Tweedie of power 3.5, log", lowest(6.0), columns(x), line, "tweedie(3.5)", "log")
    yield Problem("Tweedie of power 2.5, identity", finite, columns(x), line, "tweedie(2.5)", "identity")


def of_counts() -> Iterator[Problem]:
    """Poisson and negative binomial with links that are not their own."""
    random = np.random.default_rng(31)
    x = np.linspace(0.1, 3, N)
    over = random.poisson(random.gamma(0.5, (0.5 + 3 * x) / 0.5)).astype(float)
    over[0] = 2.0
    for theta in ("0.1", "1", "50"):
        family = f"negative_binomial({theta})"
        yield Problem(f"theta {theta}, identity", finite, columns(x), over + 1, family, "identity")
        yield Problem(f"theta {theta}, square root", finite, columns(x), over, family, "sqrt")
    high = np.where(np.arange(N) == 0, 1e4, over)
    yield Problem("theta 0.1 with an outlier, log", finite, columns(x), high, "negative_binomial(0.1)", "log")
    high = high + 1
    yield Problem("theta 0.1 with an outlier, identity", finite, columns(x), high, "negative_binomial(0.1)", "identity")
    falling = random.poisson(5 / x).astype(float)
    yield Problem("Poisson, inverse", finite, columns(x), falling, "poisson", "inverse")
    yield Problem("negative binomial, inverse", finite, columns(x), falling, "negative_binomial(1)", "inverse")
    yield Problem("Poisson, square", finite, columns(x), falling + 1, "poisson", "power(2)")
    rare = (np.arange(N) % 9 == 0) + 0.0
    yield Problem("quasi-Poisson with a logit", finite, columns(x), 0.1 + 0.5 * rare, "quasipoisson", "logit")


def of_proportions() -> Iterator[Problem]:
    """Binomial links that bend the likelihood: power links, and tails."""
    x = np.linspace(0.1, 3, N)
    random = np.random.default_rng(41)
    y = (random.random(N) < (0.2 + 0.2 * x) ** 2).astype(float)
    yield Problem("binomial, square root", finite, columns(x), y, "binomial", "sqrt")
    y = (random.random(N) < np.sqrt(0.1 + 0.2 * x)).astype(float)
    yield Problem("binomial, square", finite, columns(x), y, "binomial", "power(2)")
    y = (random.random(N) < 1 / (1.2 + 2 * x)).astype(float)
    yield Problem("binomial, inverse", finite, columns(x), y, "binomial", "inverse")
    for link in ("probit", "cloglog", "loglog"):
        far = (x > 1.5).astype(float)
        far[[0, -1]] = 1.0, 0.0
        yield Problem(f"{link} with two rows far out", finite, columns(4 * (x - 1.5)), far, "binomial", link)
        near = np.where(np.arange(N) == 0, 1e-3, 1.0)
        yield Problem(f"{link} with a faint row far out", finite, columns(4 * (x - 1.5)), far, "binomial", link, near)
