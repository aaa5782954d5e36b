"""Logistic regression on a tall dense matrix: independent normal columns."""

import numpy as np

from problems.base import Problem
from problems.drawing import dense, normal

TITLE = "Logistic, dense"
FAIR = "Everyone gets the same float64 array, row by row; each library's own intercept counts as its column of ones."
SIZES = {"full": (1_000_000, 50), "quick": (50_000, 50), "tiny": (1_000, 5)}
GOALS = {"X'X": 4.0, "megabytes": 50.0}


def make(n: int, p: int) -> Problem:
    """n rows, p coefficients with the intercept."""
    random = np.random.default_rng(1)
    return dense("binomial", "logit", *normal(n, p, random), random)
