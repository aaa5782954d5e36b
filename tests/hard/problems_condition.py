"""Designs that are nearly singular: conditions, of unit columns, from 1e4 to 1e12."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from problem import Problem, Verdict
from problems_columns import FAMILIES, response
from problems_separation import columns
from truth import finite

N = 30


def problems() -> Iterator[Problem]:
    """All of this group."""
    yield from of_given_condition()
    yield from nearly_collinear()
    yield from of_polynomials()
    yield from of_hilbert()
    yield from of_rows()
    yield from of_weights()


def orthonormal(seed: int, n: int, p: int) -> np.ndarray:
    """Random orthonormal columns (n, p)."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, p)))[0]


def of_given_condition() -> Iterator[Problem]:
    """Random designs with singular values in geometric progression."""
    for power in (4, 6, 8, 10, 12):
        for family, link in FAMILIES:
            left, right = orthonormal(power, N, 4), orthonormal(power + 50, 4, 4)
            X = left * 10.0 ** np.linspace(0, -power, 4) @ right.T
            y = response(family, 2 * left[:, 0] + 0.5, power)
            # at 1e12 a standard error, read off a QR of the rows, has four digits
            expected, says = (Verdict.HONEST, "ill-conditioned") if power == 12 else (Verdict.SOLVED, "")
            name = f"condition 1e{power}, {family}"
            yield Problem(name, finite, X, y, family, link, expected=expected, says=says)


def nearly_collinear() -> Iterator[Problem]:
    """A column beside another, and a little of a third."""
    x, z, u = np.random.default_rng(1).normal(size=(3, N))
    for apart in (1e-4, 1e-6, 1e-8):
        for family, link in FAMILIES:
            y = response(family, 0.5 + 0.5 * x, 3)
            yield Problem(f"apart by {apart:g}, {family}", finite, columns(x, x + apart * z), y, family, link)
    y = response("gamma", 0.5 + 0.5 * x) + 0.5
    yield Problem("apart by 1e-6, inverse gamma", finite, columns(x**2, x**2 + 1e-6 * z**2), y, "gamma", "inverse")
    events = response("binomial", x)
    yield Problem("apart by 1e-7, probit", finite, columns(x, x + 1e-7 * z), events, "binomial", "probit")
    yield Problem("three alike within 1e-5", finite, columns(x, x + 1e-5 * z, x + 1e-5 * u), y, "gamma", "log")
    yield Problem("a sum within 1e-7", finite, columns(x, z, x + z + 1e-7 * u), y)
    yield Problem("an intercept within 1e-7", finite, columns(1 + 1e-7 * z, x), np.round(y), "poisson", "log")


def of_polynomials() -> Iterator[Problem]:
    """Raw powers."""
    t = np.linspace(0, 1, N)
    for family, link in FAMILIES:
        y = response(family, 1 + np.sin(3 * t), 5)
        yield Problem(f"a quintic on (0, 1), {family}", finite, columns(*(t**k for k in range(1, 6))), y, family, link)
        near = 5 + t
        powers = columns(*(near**k for k in range(1, 5)))
        yield Problem(f"a quartic on (5, 6), {family}", finite, powers, y, family, link)
    x = np.arange(21.0)
    bumps = x + 3 * np.cos(5 * x)
    # in the manner of Wampler (1970): a fifth degree on 0, 1, …, 20
    yield Problem("a quintic on 0 to 20", finite, columns(*(x**k for k in range(1, 6))), bumps)
    wild = sum(x**k for k in range(6)) + 1e5 * np.cos(7 * x)
    yield Problem("a quintic with loud noise", finite, columns(*(x**k for k in range(1, 6))), wild)
    year = 1990.0 + np.arange(N)
    y = response("gaussian", np.sin(t))
    yield Problem("a cubic of years", finite, columns(year, year**2, year**3), y)
    y = np.round(y**2)
    yield Problem("a cubic of years, Poisson", finite, columns(year, year**2, year**3), y, "poisson", "log")


def of_hilbert() -> Iterator[Problem]:
    """Columns 1/(i + j), Cauchy's matrix and Läuchli's."""
    i = np.arange(N)[:, None]
    for p in (4, 6):
        X = 1.0 / (1 + i + np.arange(p))
        for family, link in FAMILIES:
            y = response(family, 0.5 + np.cos(i[:, 0]), p)
            yield Problem(f"Hilbert's columns, {p}, {family}", finite, X, y, family, link)
    y = response("gaussian", np.cos(i[:, 0]))
    kernels = 1.0 / (1.0 + (np.linspace(-1, 1, N)[:, None] - np.linspace(-0.2, 0.2, 5)) ** 2)
    yield Problem("five kernels side by side", finite, kernels, y)
    waves = np.cos(np.linspace(0, 1, N)[:, None] * np.linspace(1, 1.5, 5))
    yield Problem("five waves of nearly one length", finite, waves, y + 0.0)
    for small in (1e-4, 1e-7):
        X = np.vstack([np.ones((1, 3)), small * np.eye(3), small * np.eye(3)[::-1]])
        yield Problem(f"Läuchli's matrix, {small:g}", finite, X, np.array([3.0, 1, 2, 3, 1, 0, 1]))


def of_rows() -> Iterator[Problem]:
    """Rows of very different size, after Powell and Reid: what is lost depends on their order."""
    random = np.random.default_rng(8)
    X, y = random.normal(size=(N, 4)), random.normal(size=N)
    for size in (1e6, 1e10):
        scale = np.where(np.arange(N) < 3, size, 1.0)
        yield Problem(f"three rows of {size:g} first", finite, X * scale[:, None], y * scale)
        yield Problem(f"three rows of {size:g} last", finite, X[::-1] * scale[::-1, None], y * scale[::-1])
    scale = 10.0 ** np.linspace(0, -10, N)
    yield Problem("rows from 1 to 1e-10", finite, X * scale[:, None], y * scale)
    mixed = np.where(np.arange(N) % 10 == 0, 1e8, 1.0)
    rows = X * mixed[:, None]
    yield Problem("rows of 1e8 among others", finite, rows, np.round(np.abs(y) * 3), "gaussian", "identity")


def of_weights() -> Iterator[Problem]:
    """Designs that are harmless until they are weighted."""
    random = np.random.default_rng(9)
    x = np.linspace(-1, 1, N)
    level = np.where(np.arange(N) < 5, 1.0, 0.0)
    heavy = np.where(level == 1, 1e-14, 1.0)
    y = random.gamma(2.0, 1.0, N)
    yield Problem("a line within a faint level", finite, columns(level, level * x, x), y, "gamma", "log", heavy)
    heavy = np.where(level == 1, 1e14, 1.0)
    yield Problem("a line within a heavy level", finite, columns(level, level * x, x), y, "gamma", "log", heavy)
    counts = np.r_[np.round(1e12 * y[:5]), np.round(3 * y[5:])]
    yield Problem("a line within a level of 1e12", finite, columns(level, level * x, x), counts, "poisson", "log")
    offset = np.where(level == 1, -25.0, 0.0)
    small = np.r_[1.0, np.zeros(4), np.round(3 * y[5:])]
    yield Problem("an unlikely count", finite, columns(x, level * x), small, "poisson", "log", None, offset)
    steep = 60 * x
    y = (x > 0) + 0.0
    y[[14, 15]] = 1.0, 0.0
    yield Problem("weights from 1e-20 to 1", finite, columns(steep, steep**2), y, "binomial", "logit")
