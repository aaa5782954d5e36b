"""Any family, link, design, weights, offset, on wild scales: each fit is certified by its own score, or diagnosed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from problem import Problem, Verdict, found, outcome
from truth import aliased, boundary, finite, perfect, runaway, separated

import nelder as nd
from nelder.links import LINKS

RESPONSES = {
    "gaussian": ("normal", "heavy", "positive"),
    "binomial": ("zeros and ones", "proportions"),
    "poisson": ("counts", "sparse counts", "huge counts"),
    "gamma": ("positive", "tiny", "huge"),
    "inverse_gaussian": ("positive", "tiny"),
    "negative_binomial(0.7)": ("counts", "sparse counts"),
    "tweedie(1.5)": ("amounts", "sparse counts"),
    "quasipoisson": ("counts", "amounts"),
}
LABELS = [*sorted(set(LINKS) - {"power"}), "power(0.5)", "power(-1.5)"]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """A small problem of any kind."""
    family = draw(st.sampled_from(sorted(RESPONSES)))
    kind, link = draw(st.sampled_from(RESPONSES[family])), draw(st.sampled_from(LABELS))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, p = draw(st.integers(3, 25)), draw(st.integers(1, 3))
    X = design(random, n, p, draw(st.sampled_from(["normal", "levels", "shifted", "duplicate"])))
    X = X * 10.0 ** np.array([draw(st.integers(-8, 8)) for _ in range(p)])
    weights = draw(st.sampled_from([None, 10.0 ** random.uniform(-6, 6, n), random.integers(1, 4, n) + 0.0]))
    offset = draw(st.sampled_from([None, random.normal(size=n), np.full(n, 0.3)]))
    return Problem(f"{kind}, {n} x {p}", certified, X, response(random, n, kind), family, link, weights, offset)


def design(random: np.random.Generator, n: int, p: int, kind: str) -> np.ndarray:
    """An intercept and other columns."""
    others = {
        "normal": lambda: random.normal(size=(n, p - 1)),
        "levels": lambda: random.integers(0, 2, (n, p - 1)) + 0.0,
        "shifted": lambda: 1e6 + random.normal(size=(n, p - 1)),
        "duplicate": lambda: np.repeat(random.normal(size=(n, 1)), p - 1, axis=1),
    }[kind]()
    return np.column_stack([np.ones(n), others])


def response(random: np.random.Generator, n: int, kind: str) -> np.ndarray:
    """Values of one kind, with no regard to the design."""
    values = {
        "normal": lambda: random.normal(size=n),
        "heavy": lambda: random.standard_cauchy(n),
        "positive": lambda: random.gamma(1.5, 2.0, n) + 1e-3,
        "zeros and ones": lambda: random.integers(0, 2, n),
        "proportions": lambda: random.uniform(0, 1, n),
        "counts": lambda: random.poisson(4.0, n),
        "sparse counts": lambda: random.poisson(0.4, n),
        "huge counts": lambda: random.poisson(1e12, n),
        "tiny": lambda: 1e-100 * random.gamma(1.5, 2.0, n) + 1e-103,
        "huge": lambda: 1e80 * random.gamma(1.5, 2.0, n) + 1e77,
        "amounts": lambda: random.gamma(1.0, 3.0, n) * random.integers(0, 2, n),
    }[kind]()
    return np.asarray(values, dtype=float)


def certified(problem: Problem, fit: nd.Fit) -> str | None:
    """What the fit claims holds, whatever it is."""
    kinds = found(fit)
    if kinds & {"NotConverged", "Diverged"}:
        return "it says that it did not converge"
    if "Separated" in kinds:
        return separated(problem, fit)
    if "Runaway" in kinds:
        return runaway(problem, fit)
    if "Boundary" in kinds:
        return boundary(problem, fit)
    if "Aliased" in kinds:
        return aliased(*np.flatnonzero(np.isnan(fit.coef)).tolist())(problem, fit)
    return perfect(problem, fit) if "PerfectFit" in kinds else finite(problem, fit)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(problem=problems())
def test_any_fit_is_certified_or_diagnosed(problem: Problem) -> None:
    result = outcome(problem)
    event(result.verdict.value)
    assert result.verdict in (Verdict.SOLVED, Verdict.HONEST), f"{result.verdict.value}: {result.reason}"


@pytest.mark.slow
@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(problem=problems())
def test_many_more_fits_are_certified_or_diagnosed(problem: Problem) -> None:
    result = outcome(problem)
    assert result.verdict in (Verdict.SOLVED, Verdict.HONEST), f"{result.verdict.value}: {result.reason}"
