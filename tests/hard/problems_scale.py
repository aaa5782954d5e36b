"""Responses, weights and offsets of extreme size, and families at the ends of their parameter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from problem import Problem, Verdict
from problems_separation import columns
from truth import finite, refused

N = 30


def problems() -> Iterator[Problem]:
    """All of this group."""
    yield from of_responses()
    yield from beyond_numbers()
    yield from across_responses()
    yield from of_counts()
    yield from of_weights()
    yield from of_weight_ratios()
    yield from of_offsets()
    yield from of_tweedie_powers()
    yield from of_theta()


def base(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A column x in (0, 2), and gamma responses around exp(x)."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 2, N)
    return x, random.gamma(4.0, np.exp(x) / 4)


def of_responses() -> Iterator[Problem]:
    """The same responses in units of 1e-150 to 1e120."""
    x, y = base(1)
    for size in (1e-149, 1e-80, 1e-10, 1e10, 1e80, 1e120):
        yield Problem(f"y of {size:g}, gaussian", finite, columns(x), size * y)
        yield Problem(f"y of {size:g}, gamma, log", finite, columns(x), size * y, "gamma", "log")
    for size in (1e-100, 1e-8, 1e100):
        yield Problem(f"y of {size:g}, gamma, inverse", finite, columns(x), size / (x + y), "gamma", "inverse")
        yield Problem(f"y of {size:g}, gamma, identity", finite, columns(x), size * y, "gamma", "identity")
        yield Problem(f"y of {size:g}, Tweedie", finite, columns(x), size * y * (y > 1), "tweedie(1.5)", "log")
        yield Problem(f"y of {size:g}, quasi-Poisson", finite, columns(x), size * y * (y > 1), "quasipoisson", "log")
        yield Problem(f"y of {size:g}, inverse Gaussian", finite, columns(x), size * y, "inverse_gaussian", "log")
    for size in (1e-60, 1e-6, 1e60):
        y = size * np.random.default_rng(2).wald((0.5 + x) ** -0.5, 5.0)
        canonical = "inverse_squared"
        yield Problem(f"y of {size:g}, canonical", finite, columns(x), y, "inverse_gaussian", canonical)
    tiny = np.where(x > 1, 1e-120, 2e-120) * y / y.mean()
    yield Problem("y of 1e-120, square root", finite, columns(x), tiny, "quasipoisson", "sqrt")
    yield Problem("y of 1e-120, cube root", finite, columns(x), tiny, "gamma", "power(0.3333)")
    yield Problem("y of 1e8 and noise, gaussian", finite, columns(x), 1e8 + y)
    yield Problem("y of 1e10 and noise, gamma", finite, columns(x), 1e10 + 1e6 * y, "gamma", "log")


def beyond_numbers() -> Iterator[Problem]:
    """Squares of coefficients that no number can hold: a standard error of zero, or an edge, would be an invention."""
    x, y = base(1)
    sound = Problem("", refused, columns(x), y, expected=Verdict.HONEST, says="in other units")
    for family, link, size in (
        ("gaussian", "power(2)", 1e-100),
        ("gaussian", "power(2)", 1e100),
        ("quasi(mu)", "power(2)", 1e-150),
        ("inverse_gaussian", "inverse_squared", 1e100),
        ("tweedie(3.5)", "inverse_squared", 1e100),
        ("gamma", "inverse_squared", 1e-149),
    ):
        name = f"y of {size:g}, {family}, {link}"
        yield replace(sound, name=name, y=size * (x + y) ** 0.5, family=family, link=link)


def across_responses() -> Iterator[Problem]:
    """Responses of very different size in one fit."""
    x = np.linspace(-1, 1, N)
    random = np.random.default_rng(3)
    steep = 300 * x + random.normal(size=N)
    yield Problem("y from 1e-130 to 1e130, gamma", finite, columns(x), np.exp(steep), "gamma", "log")
    yield Problem("y from 1e-40 to 1e40, gamma", finite, columns(x), np.exp(steep / 3), "gamma", "log")
    y = np.exp(steep / 3)
    yield Problem("y from 1e-40 to 1e40, inverse Gaussian", finite, columns(x), y, "inverse_gaussian", "log")
    yield Problem("y from 1e-40 to 1e40, Tweedie", finite, columns(x), y, "tweedie(1.5)", "log")
    yield Problem("y from 1e-40 to 1e40, Poisson", finite, columns(x), y, "quasipoisson", "log")
    y = np.where(np.arange(N) == 3, 1e60, random.normal(size=N))
    yield Problem("one y of 1e60, gaussian", finite, columns(x, x**2), y)
    y = np.where(np.arange(N) == 3, 1e30, random.gamma(1.0, size=N))
    yield Problem("one y of 1e30, gamma", finite, columns(x), y, "gamma", "log")
    y = np.where(np.arange(N) == 3, 1e-30, random.gamma(1.0, size=N))
    yield Problem("one y of 1e-30, gamma", finite, columns(x), y, "gamma", "log")
    yield Problem("one y of 1e-30, inverse Gaussian", finite, columns(x), y, "inverse_gaussian", "log")


def of_counts() -> Iterator[Problem]:
    """Counts and trials of 1e12."""
    x, y = base(4)
    large = np.round(1e12 * y)
    yield Problem("counts of 1e12, Poisson", finite, columns(x), large, "poisson", "log")
    yield Problem("counts of 1e12, Poisson, identity", finite, columns(x), large, "poisson", "identity")
    yield Problem("counts of 1e12, Poisson, square root", finite, columns(x), large, "poisson", "sqrt")
    yield Problem("counts of 1e12, negative binomial", finite, columns(x), large, "negative_binomial(2)", "log")
    mixed = np.where(np.arange(N) % 3 == 0, large, np.round(y))
    yield Problem("counts of 0 to 1e12, Poisson", finite, columns(x), mixed, "poisson", "log")
    yield Problem("counts of 0 to 1e12, negative binomial", finite, columns(x), mixed, "negative_binomial(0.5)", "log")
    share = 1 / (1 + y)
    trials = np.full(N, 1e12)
    for link in ("logit", "probit", "cloglog", "cauchit"):
        yield Problem(f"trials of 1e12, {link}", finite, columns(x), share, "binomial", link, trials)
    uneven = 10.0 ** (12 * x / 2)
    yield Problem("trials of 1 to 1e12", finite, columns(x), share, "binomial", "logit", np.round(uneven))
    yield Problem("counts of 1e15", finite, columns(x), np.round(1e15 * y), "poisson", "log")


def of_weights() -> Iterator[Problem]:
    """Weights that are all tiny, or all huge."""
    x, y = base(5)
    events = (y > 4) + 0.0
    for size in (1e-100, 1e-12, 1e12, 1e100):
        weights = size * (1 + x)
        yield Problem(f"weights of {size:g}, gaussian", finite, columns(x), y, "gaussian", "identity", weights)
        yield Problem(f"weights of {size:g}, gamma", finite, columns(x), y, "gamma", "log", weights)
        yield Problem(f"weights of {size:g}, Poisson", finite, columns(x), np.round(y), "poisson", "log", weights)
        yield Problem(f"weights of {size:g}, cloglog", finite, columns(x), events, "binomial", "cloglog", weights)


def of_weight_ratios() -> Iterator[Problem]:
    """Weights of very different size in one fit."""
    x, y = base(6)
    events = (y + np.cos(9 * x) > 4) + 0.0
    wide = 10.0 ** np.linspace(-6, 6, N)[np.argsort(np.cos(np.arange(N)))]
    for family, link, response in (
        ("gaussian", "identity", y),
        ("gamma", "log", y),
        ("poisson", "log", np.round(y)),
        ("binomial", "logit", events),
    ):
        name = f"weights from 1e-6 to 1e6, {family}"
        yield Problem(name, finite, columns(x, x**2), response, family, link, wide)
    few = np.where(np.arange(N) < 2, 1e12, 1.0)
    yield Problem("two rows decide the line", finite, columns(x), y, "gaussian", "identity", few)
    one = np.where(np.arange(N) < 1, 1e12, 1.0)
    yield Problem("one row decides a point of the line", finite, columns(x), y, "gaussian", "identity", one)
    yield Problem("one row decides a point of the curve", finite, columns(x), np.round(y), "poisson", "log", one)
    faint = np.where(x > 1, 1e-12, 1.0)
    yield Problem("half of the rows are faint", finite, columns(x, x > 1), y, "gamma", "log", faint)
    yield Problem("a faint half is a level, Poisson", finite, columns(x > 1), np.round(y), "poisson", "log", faint)
    huge, none = np.where(x > 1, 1e140, y), np.where(x > 1, 0.0, 1.0)
    yield Problem("zero weights and huge y there", finite, columns(x), huge, "gamma", "log", none)


def of_offsets() -> Iterator[Problem]:
    """Offsets as large as ±700."""
    x, y = base(7)
    counts, events = np.round(y), (y + np.cos(9 * x) > 4) + 0.0
    spread = np.linspace(-300, 300, N)
    for far in (-700.0, 700.0):
        both = None, np.full(N, far)
        yield Problem(f"offset {far:g}, Poisson", finite, columns(x), counts, "poisson", "log", *both)
        yield Problem(f"offset {far:g}, gamma", finite, columns(x), y, "gamma", "log", *both)
        yield Problem(f"offset {far:g}, logit", finite, columns(x), events, "binomial", "logit", *both)
        yield Problem(f"offset {far:g}, probit", finite, columns(x), events, "binomial", "probit", *both)
        yield Problem(f"offset {far:g}, cloglog", finite, columns(x), events, "binomial", "cloglog", *both)
        yield Problem(f"offset {far:g}, no intercept", finite, x[:, None] + 1, counts, "poisson", "log", *both)
    far = 1e8 + np.cos(np.arange(N))
    yield Problem("an offset of 1e8 and noise", finite, columns(x), counts, "poisson", "log", None, far)
    for family in ("gamma", "tweedie(1.5)", "quasipoisson"):
        name = f"exposures of 1e-130 to 1e130, {family}"
        yield Problem(name, finite, columns(x), y * np.exp(spread), family, "log", None, spread)
    certain = np.where(events == 1, 700.0, -700.0) * (np.arange(N) % 2)
    yield Problem("half of the rows are certain", finite, columns(x), events, "binomial", "logit", None, certain)
    wrong = -certain * (np.arange(N) % 6 == 1)
    yield Problem("some rows are certainly wrong", finite, columns(x), events, "binomial", "logit", None, wrong)


def of_tweedie_powers() -> Iterator[Problem]:
    """Powers near 1 and 2, and beyond 2."""
    x, y = base(8)
    claims = np.where(np.arange(N) % 3 == 0, 0.0, y)
    for power in (1.000001, 1.01, 1.99, 1.999999):
        yield Problem(f"power {power}, claims", finite, columns(x), claims, f"tweedie({power})", "log")
        yield Problem(f"power {power}, y of 1e-50", finite, columns(x), 1e-50 * y, f"tweedie({power})", "log")
    for power in (2.0, 2.000001, 2.5, 3.0, 6.0):
        yield Problem(f"power {power}", finite, columns(x), y, f"tweedie({power})", "log")
    yield Problem("power 1.2, identity", finite, columns(x), 1 + claims, "tweedie(1.2)", "identity")
    yield Problem("power 1.9, inverse", finite, columns(x), 1 + 1 / y, "tweedie(1.9)", "inverse")


def of_theta() -> Iterator[Problem]:
    """Negative binomial θ near zero and near infinity."""
    x, y = base(9)
    counts = np.round(y)
    for theta in ("1e-8", "1e-3", "1e3", "1e10", "1e100"):
        family = f"negative_binomial({theta})"
        yield Problem(f"theta {theta}", finite, columns(x), counts, family, "log")
        yield Problem(f"theta {theta}, counts of 1e6", finite, columns(x), np.round(1e6 * y), family, "log")
    for theta in ("1e-3", "1e10"):
        family = f"negative_binomial({theta})"
        yield Problem(f"theta {theta}, identity", finite, columns(x), counts + 1, family, "identity")
        yield Problem(f"theta {theta}, square root", finite, columns(x), counts + 1, family, "sqrt")
