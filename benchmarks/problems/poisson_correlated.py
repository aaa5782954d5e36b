"""Poisson regression on neighbouring columns correlated by 0.9, on scales from a hundredth to a hundred."""

import numpy as np

from problems.base import Problem
from problems.drawing import dense

TITLE = "Poisson, correlated columns on many scales"
FAIR = (
    "As logistic_dense. The columns stay on the scales they came with: standardising them first is up to the library, "
    "not to its user."
)
SIZES = {"full": (1_000_000, 20), "quick": (100_000, 20), "tiny": (1_000, 5)}
GOALS = {"X'X": 6.0, "megabytes": 50.0}
CORRELATION = 0.9


def make(n: int, p: int) -> Problem:
    """n rows, p coefficients with the intercept."""
    random = np.random.default_rng(2)
    X = random.normal(size=(n, p - 1))
    for k in range(1, p - 1):
        X[:, k] *= np.sqrt(1 - CORRELATION**2)
        X[:, k] += CORRELATION * X[:, k - 1]
    scales = np.geomspace(1e-2, 1e2, p - 1)
    truth = np.concatenate([[0.3], random.normal(scale=0.2 / np.sqrt(p), size=p - 1) / scales])
    X *= scales
    return dense("poisson", "log", X, truth, random)
