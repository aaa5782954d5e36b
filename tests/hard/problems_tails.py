"""Rare events, certain events, means at the ends of the range of numbers, and rows far out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from problem import Problem
from problems_separation import columns
from truth import finite

N = 40
UNIT_LINKS = ("logit", "probit", "cloglog", "loglog", "cauchit")


def problems() -> Iterator[Problem]:
    """All of this group."""
    yield from of_rare_events()
    yield from of_tiny_proportions()
    yield from of_rows_far_out()
    yield from of_means()
    yield from of_contradictions()


def of_rare_events() -> Iterator[Problem]:
    """One event, or one exception."""
    x = np.random.default_rng(1).normal(size=N)
    middle = int(np.argsort(x)[N // 2])
    one = (np.arange(N) == middle) + 0.0
    for link in UNIT_LINKS:
        yield Problem(f"one event, {link}", finite, columns(x), one, "binomial", link)
        yield Problem(f"all but one, {link}", finite, columns(x), 1 - one, "binomial", link)
        trials = np.full(N, 1e6)
        yield Problem(f"one event in forty million, {link}", finite, columns(x), one / 1e6, "binomial", link, trials)
    yield Problem("one count", finite, columns(x), one, "poisson", "log")
    yield Problem("one count, theta 0.01", finite, columns(x), one, "negative_binomial(0.01)", "log")
    yield Problem("one claim", finite, columns(x), 1e5 * one, "tweedie(1.5)", "log")
    yield Problem("one count of 1e6", finite, columns(x), 1e6 * one, "poisson", "log")
    exposure = np.full(N, 20.0)
    yield Problem("one count in 1e10 years", finite, columns(x), one, "poisson", "log", None, exposure)


def of_tiny_proportions() -> Iterator[Problem]:
    """Probabilities down to 1e-300, along a line."""
    x = np.linspace(-1, 1, N)
    wave = 0.1 * np.cos(9 * np.arange(N))
    for depth in (20.0, 100.0, 300.0):
        trials = np.full(N, 1.0)
        eta = -depth * (1.1 + x) + wave
        for link in ("logit", "cloglog"):
            name = f"probabilities down to exp(-{2.1 * depth:g}), {link}"
            yield Problem(name, finite, columns(x), np.exp(eta), "binomial", link, trials)
    for depth in (3.0, 10.0, 17.0):
        share = np.exp(-0.5 * (depth * (1.1 + x)) ** 2) * (1 + wave) / 4
        name = f"normal tails out to {2.1 * depth:g}, probit"
        yield Problem(name, finite, columns(x), share, "binomial", "probit")
    near = -np.expm1(-np.exp(-25 * (1.1 + x) + wave))
    yield Problem("probabilities down to 1e-23, loglog", finite, columns(x), near, "binomial", "loglog")
    share = 10.0 ** (-4.5 - 4 * x + wave)
    yield Problem("probabilities down to 1e-8, cauchit", finite, columns(x), share, "binomial", "cauchit")
    two = np.repeat([0.0, 1.0], N // 2)
    p = np.where(two == 1, 1e-40, 1e-20) * (1 + wave)
    yield Problem("two groups at 1e-20 and 1e-40", finite, columns(two), p, "binomial", "logit", np.full(N, 1e10))
    for link in ("logit", "probit", "cloglog"):
        q = np.where(two == 1, 1 - 2.0**-52, 0.5 + wave)
        yield Problem(f"a group at one less 2e-16, {link}", finite, columns(two), q, "binomial", link)


def of_rows_far_out() -> Iterator[Problem]:
    """One row far from the others, in agreement or not."""
    random = np.random.default_rng(3)
    x = random.normal(size=N)
    y = (random.random(N) < 1 / (1 + np.exp(-x))).astype(float)
    for link in UNIT_LINKS:
        far = np.where(np.arange(N) == 0, 1e3, x)
        agrees = np.where(np.arange(N) == 0, 1.0, y)
        yield Problem(f"a row at 1e3 that agrees, {link}", finite, columns(far), agrees, "binomial", link)
        yield Problem(f"a row at 1e3 that does not, {link}", finite, columns(far), 1 - agrees, "binomial", link)
    counts = random.poisson(np.exp(0.3 * x)).astype(float)
    far = np.where(np.arange(N) == 0, 100.0, x)
    yield Problem("a zero at 100, Poisson", finite, columns(far), counts * (far < 50), "poisson", "log")
    yield Problem("a three at 100, Poisson", finite, columns(far), np.where(far > 50, 3.0, counts), "poisson", "log")
    yield Problem("a zero at -100, Poisson", finite, columns(-far), counts * (far < 50), "poisson", "log")
    huge = np.where(far > 50, 1e20, counts)
    yield Problem("1e20 at 100, Poisson", finite, columns(far), huge, "poisson", "log")


def of_means() -> Iterator[Problem]:
    """Means from nothing to 1e300, and steep curves."""
    random = np.random.default_rng(4)
    x = np.linspace(-1, 1, N)
    for rate in (20.0, 100.0, 300.0):
        y = np.round(np.exp(rate * x + 0.1 * np.cos(9 * np.arange(N))))
        yield Problem(f"Poisson, steep as exp({rate:g} x)", finite, columns(x), y, "poisson", "log")
        name = f"theta 2, steep as exp({rate:g} x)"
        yield Problem(name, finite, columns(x), y, "negative_binomial(2)", "log", digits=300)
        yield Problem(f"Tweedie, steep as exp({rate:g} x)", finite, columns(x), y, "tweedie(1.7)", "log")
    y = random.poisson(np.exp(8 * x)).astype(float)
    yield Problem("Poisson on a cubic, steep", finite, columns(x, x**2, x**3), y, "poisson", "log")
    last = np.where(np.arange(N) == N - 1, 1e12, 0.0) + (np.arange(N) == 20)
    yield Problem("zeros, a one and 1e12", finite, columns(x), last, "poisson", "log")
    yield Problem("zeros, a one and 1e12, theta 1", finite, columns(x), last, "negative_binomial(1)", "log")
    hyperbola = 1 / (1e-6 + (1 + x)) * random.gamma(9.0, 1 / 9, N)
    yield Problem("a pole just outside, gamma", finite, columns(x), hyperbola, "gamma", "inverse")
    rising = (1e-6 + (1 + x)) * random.gamma(9.0, 1 / 9, N)
    yield Problem("a root just inside, gamma", finite, columns(x), rising, "gamma", "identity")
    first = np.r_[1e-9, 1.0, random.poisson(5 * (1 + x[2:]))]
    yield Problem("a mean of 1e-9 at one end", finite, columns(1 + x), first, "quasipoisson", "identity")


def of_contradictions() -> Iterator[Problem]:
    """Rows whose probability under the others is next to nothing."""
    x = np.linspace(-4, 4, N)
    y = (x > 0) + 0.0
    y[[N // 2 - 1, N // 2]] = 1.0, 0.0
    for link in UNIT_LINKS:
        for weight in (1.0, 1e-6):
            wrong = np.where(np.arange(N) == 0, 1.0, y)
            weights = np.where(np.arange(N) == 0, weight, 1.0)
            name = f"a one at the bottom that weighs {weight:g}, {link}"
            yield Problem(name, finite, columns(x), wrong, "binomial", link, weights)
            wrong = np.where(np.arange(N) == N - 1, 0.0, y)
            name = f"a zero at the top that weighs {weight:g}, {link}"
            yield Problem(name, finite, columns(x), wrong, "binomial", link, weights[::-1].copy())
    offset = np.where(np.arange(N) == 3, -50.0, 0.0)
    y = np.random.default_rng(6).poisson(2.0, N) + 1.0
    yield Problem("counts at a rate of exp(-50)", finite, columns(x), y, "poisson", "log", None, offset)
    level = (np.arange(N) == 3) + 0.0
    yield Problem("and a level for it", finite, columns(level, x), y, "poisson", "log", None, offset)
    offset = np.where(np.arange(N) == 3, 50.0, 0.0)
    yield Problem("counts at a rate of exp(50)", finite, columns(x), y, "poisson", "log", None, offset)
    yield Problem("amounts at a rate of exp(50)", finite, columns(x), y, "gamma", "log", None, offset)
