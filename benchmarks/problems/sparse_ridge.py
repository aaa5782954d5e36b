"""Logistic regression with a small ridge on a sparse matrix: 20 ones a row, drawn at random (a few coincide)."""

import numpy as np

from problems.base import Problem
from problems.drawing import response

TITLE = "Sparse logistic with a small ridge"
FAIR = (
    "Everyone gets the same SciPy CSR matrix and the same penalty, ½|β|² beside half the deviance, the intercept free. "
    "Standard errors are not asked for; distances are in units of 1/√(diagonal of the information), which is less "
    "than a standard error. glum runs by its lbfgs, which forms no square matrix of the columns."
)
SIZES = {"full": (200_000, 20_000), "quick": (20_000, 2_000), "tiny": (2_000, 50)}
GOALS = {"glum": 0.7}
ONES = 20


def make(n: int, p: int) -> Problem:
    """n rows, p columns."""
    from scipy import sparse

    random = np.random.default_rng(7)
    indices = random.integers(0, p, size=n * ONES)
    X = sparse.csr_array((np.ones(n * ONES), indices, np.arange(0, n * ONES + 1, ONES)), shape=(n, p))
    X.sum_duplicates()
    X.data[:] = 1.0
    truth = np.concatenate([[-0.5], random.normal(scale=0.3, size=p)])
    y = response("binomial", truth[0] + X @ truth[1:], random)
    return Problem("binomial", "logit", y, truth, X, ridge=1.0)
