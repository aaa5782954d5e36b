"""Responses that lie on the model, as many coefficients as rows, and what only comes near."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from problem import Problem, Verdict
from problems_separation import columns
from truth import finite, nearly_perfect, perfect

N = 24


def problems() -> Iterator[Problem]:
    """All of this group."""
    yield from of_lines()
    yield from of_curves()
    yield from of_known_dispersion()
    yield from saturated()
    yield from neighbours()


def of_lines() -> Iterator[Problem]:
    """Least squares with nothing left."""
    x = np.arange(N) - 5.0
    z = np.sqrt(2 + np.arange(N))
    yield Problem("a line of whole numbers", perfect, columns(x), 3 - 2 * x)
    yield Problem("a plane of rounded numbers", perfect, columns(x, z), 0.1 + 0.3 * x - z / 7)
    yield Problem("a constant", perfect, np.ones((N, 1)), np.full(N, 7.1))
    yield Problem("a constant beside a column", perfect, columns(z), np.full(N, 7.1))
    yield Problem("zeros", perfect, columns(x, z), np.zeros(N))
    yield Problem("a column itself", perfect, columns(x, z), z)
    yield Problem("a line of 1e100", perfect, columns(x), 1e100 * (3 - 2 * x))
    yield Problem("a line of 1e-100", perfect, columns(x), 1e-100 * (3 - 2 * x))
    yield Problem("a line through zero", perfect, x[:, None], 0.7 * x)
    yield Problem("a line at 1e6", perfect, columns(1e6 + x), 2 + 0.25 * (1e6 + x))
    weights = 10.0 ** np.linspace(-6, 6, N)
    yield Problem("a line with weights", perfect, columns(x), 3 - 2 * x, "gaussian", "identity", weights)
    spoilt = np.where(np.arange(N) == 3, 100.0, 3 - 2 * x)
    weights = (np.arange(N) != 3) + 0.0
    yield Problem("a line but for a row without weight", perfect, columns(x), spoilt, "gaussian", "identity", weights)
    yield Problem("the offset itself", perfect, columns(x), 0.1 * z, offset=0.1 * z)
    t = np.arange(21.0)
    powers = columns(*(t**k for k in range(1, 6)))
    # Wampler's first two problems (1970)
    yield Problem("a quintic of ones", perfect, powers, sum(t**k for k in range(6)))
    yield Problem("a quintic of tenths", perfect, powers, sum((t / 10) ** k for k in range(6)))


def of_curves() -> Iterator[Problem]:
    """The same through a link, with φ to be estimated from nothing."""
    x = np.linspace(0.1, 2, N)
    line = 0.5 + 1.3 * x
    yield Problem("gamma, log", perfect, columns(x), np.exp(line), "gamma", "log")
    yield Problem("gamma, inverse", perfect, columns(x), 1 / line, "gamma", "inverse")
    yield Problem("gamma, identity", perfect, columns(x), line, "gamma", "identity")
    root = line**-0.5
    yield Problem("inverse Gaussian, canonical", perfect, columns(x), root, "inverse_gaussian", "inverse_squared")
    yield Problem("inverse Gaussian, log", perfect, columns(x), np.exp(line), "inverse_gaussian", "log")
    yield Problem("Tweedie, log", perfect, columns(x), np.exp(line), "tweedie(1.5)", "log")
    yield Problem("quasi-Poisson, log", perfect, columns(x), np.exp(line), "quasipoisson", "log")
    yield Problem("quasi-Poisson, square root", perfect, columns(x), line**2, "quasipoisson", "sqrt")
    yield Problem("quasi-binomial", perfect, columns(x), 1 / (1 + np.exp(-line)), "quasibinomial", "logit")
    yield Problem("gaussian, log", perfect, columns(x), np.exp(line), "gaussian", "log")
    yield Problem("gaussian, inverse", perfect, columns(x), 1 / line, "gaussian", "inverse")
    yield Problem("one amount", perfect, columns(x), np.full(N, 3.3), "gamma", "log")
    yield Problem("gamma of 1e-100", perfect, columns(x), 1e-100 * np.exp(line), "gamma", "log")
    both = None, np.full(N, 300.0)
    yield Problem("gamma with an offset of 300", perfect, columns(x), np.exp(line), "gamma", "log", *both)


def of_known_dispersion() -> Iterator[Problem]:
    """Deviance zero where φ is 1: an ordinary optimum with honest standard errors."""
    x = np.linspace(-1, 1, N)
    line = 0.5 + 1.3 * x
    yield Problem("Poisson on its curve", finite, columns(x), np.exp(line), "poisson", "log")
    yield Problem("Poisson on its line", finite, columns(x), 3 + line, "poisson", "identity")
    yield Problem("equal counts", finite, columns(x), np.full(N, 4.0), "poisson", "log")
    yield Problem("negative binomial on its curve", finite, columns(x), np.exp(line), "negative_binomial(2)", "log")
    yield Problem("logit on its curve", finite, columns(x), 1 / (1 + np.exp(-line)), "binomial", "logit")
    yield Problem("cloglog on its curve", finite, columns(x), -np.expm1(-np.exp(line)), "binomial", "cloglog")
    yield Problem("cauchit on its curve", finite, columns(x), 0.5 + np.arctan(line) / np.pi, "binomial", "cauchit")
    yield Problem("halves", finite, columns(x), np.full(N, 0.5), "binomial", "logit")
    big = 1e12 * np.exp(line)
    yield Problem("Poisson on its curve at 1e12", finite, columns(x), big, "poisson", "log")


def saturated() -> Iterator[Problem]:
    """A coefficient a row."""
    X = np.random.default_rng(5).normal(size=(5, 5))
    y = np.array([3.0, 1.0, 4.0, 1.5, 5.0])
    five = np.full(5, 8.0)
    yield Problem("saturated, gaussian", perfect, X, y)
    yield Problem("saturated, gamma", perfect, X, y, "gamma", "log")
    yield Problem("saturated, gamma, identity", perfect, np.eye(5), y, "gamma", "identity")
    yield Problem("saturated, inverse Gaussian", perfect, X, y, "inverse_gaussian", "log")
    yield Problem("saturated, Tweedie", perfect, X, y, "tweedie(1.3)", "log")
    yield Problem("saturated, Poisson", finite, X, np.round(y), "poisson", "log")
    yield Problem("saturated, negative binomial", finite, X, np.round(y), "negative_binomial(3)", "log")
    for link in ("logit", "probit", "cloglog", "loglog", "cauchit"):
        yield Problem(f"saturated, {link}", finite, X, y / 8, "binomial", link, five)
    yield Problem("one row", perfect, np.array([[2.0]]), np.array([3.0]), "gamma", "log")
    yield Problem("one count", finite, np.array([[2.0]]), np.array([3.0]), "poisson", "log")
    group = np.eye(3)[np.arange(N) % 3]
    yield Problem("a mean a level", perfect, group, 1.0 + np.arange(N) % 3, "gamma", "log")


def neighbours() -> Iterator[Problem]:
    """Little is left, and it is not rounding: its standard errors count."""
    x = np.arange(N) - 5.0
    noise = np.random.default_rng(7).normal(size=N)
    for size in (1e-4, 1e-6):
        y = 3 - 2 * x + size * noise
        yield Problem(f"a line and noise of {size:g}", finite, columns(x), y)
        curve = np.exp(0.1 * x) * (1 + size * noise)
        yield Problem(f"a curve and noise of {size:g}, gamma", finite, columns(x), curve, "gamma", "log")
        curve = (1 + size * noise) / (30 + x)
        yield Problem(f"a curve and noise of {size:g}, inverse", finite, columns(x), curve, "gamma", "inverse")
    for size in (1e-11, 1e-13):
        # η is rounded to 1e-15 and the noise with it: the standard errors have a few digits, and that has to be said
        line = Problem("a line", nearly_perfect, columns(x), 3 - 2 * x + size * noise)
        curve = np.exp(0.1 * x) * (1 + size * noise)
        for exact in (line, Problem("a curve", nearly_perfect, columns(x), curve, "gamma", "log")):
            name = f"{exact.name} and noise of {size:g}"
            yield replace(exact, name=name, expected=Verdict.HONEST, says="rounding")
    spike = np.where(np.arange(N) == 5, 1e-5, 0.0)
    yield Problem("a line and one row off by 1e-5", finite, columns(x), 3 - 2 * x + spike)
    yield Problem("a line of 1e-100 and noise", finite, columns(x), 1e-100 * (3 - 2 * x + noise))
    yield Problem("a constant and noise of 1e-6", finite, columns(x), 7.0 + 1e-6 * noise)
    alike = np.where(np.arange(N) == 3, 5.0, 4.0)
    yield Problem("counts all alike but one", finite, columns(x), alike, "quasipoisson", "log")
