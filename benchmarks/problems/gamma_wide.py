"""Gamma regression with log link on 200 columns: the cross product dominates everything else."""

import numpy as np

from problems.base import Problem
from problems.drawing import dense, normal

TITLE = "Gamma with log link, 200 columns"
FAIR = "As logistic_dense. Standard errors by the expected information and Pearson's estimate of the dispersion."
SIZES = {"full": (200_000, 200), "quick": (10_000, 200), "tiny": (1_000, 10)}
GOALS = {"X'X": 3.0, "megabytes": 50.0}


def make(n: int, p: int) -> Problem:
    """n rows, p coefficients with the intercept."""
    random = np.random.default_rng(3)
    return dense("gamma", "log", *normal(n, p, random), random)
