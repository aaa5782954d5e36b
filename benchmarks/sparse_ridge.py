"""A logistic ridge with 200,000 rows and 20,000 sparse columns, 20 ones a row, against glum's L-BFGS.

python3 benchmarks/sparse_ridge.py [rounds]

Times count only beside the distance to the optimum that was reached, in standard errors: √g'D⁻¹g of the penalised score
g, with D the diagonal of the information.
"""

import statistics
import sys
import time

import numpy as np
from glum import GeneralizedLinearRegressor
from scipy import sparse

import nelder as nd

ROWS, COLUMNS, ONES, ALPHA = 200_000, 20_000, 20, 1.0


def problem():
    """X (n, p) with an intercept in its first column, and y."""
    random = np.random.default_rng(0)
    places, ends = random.integers(0, COLUMNS, ROWS * ONES), np.arange(0, ROWS * ONES + 1, ONES)
    X = sparse.csr_array((np.ones(ROWS * ONES), places, ends), (ROWS, COLUMNS))
    X.sum_duplicates()
    y = random.binomial(1, 1 / (1 + np.exp(0.5 - X @ (0.5 * random.normal(size=COLUMNS))))).astype(float)
    return sparse.hstack([np.ones((ROWS, 1)), X]).tocsr(), y


def distance(X, y, beta):
    """How far β is from the optimum."""
    mu, held = 1 / (1 + np.exp(-(X @ beta))), ALPHA * (np.arange(X.shape[1]) > 0)
    score = X.T @ (y - mu) - held * beta
    return float(np.sqrt(score @ (score / ((X**2).T @ (mu * (1 - mu)) + held))))


def with_nelder(X, y):
    """nelder's coefficients."""
    return np.asarray(nd.glm_fit(X, y, "binomial", penalty=nd.Ridge(ALPHA)).coef)


def with_glum(tolerance):
    """glum's, at a tolerance of its gradient."""

    def fit(X, y):
        model = GeneralizedLinearRegressor(
            family="binomial", alpha=ALPHA / ROWS, l1_ratio=0, solver="lbfgs", gradient_tol=tolerance, max_iter=1000
        )
        model.fit(X, y)
        return np.concatenate([[model.intercept_], model.coef_])

    return fit


def main(rounds):
    """Alternating rounds; medians and ratios."""
    X, y = problem()
    bare = sparse.csr_matrix(X[:, 1:])  # glum adds its own intercept
    rivals = {"nelder": with_nelder, "glum, 1e-4": with_glum(1e-4), "glum, 1e-9": with_glum(1e-9)}
    seconds = {name: [] for name in rivals}
    reached = {}
    for _ in range(rounds):
        for name, fit in rivals.items():
            begun = time.perf_counter()
            beta = fit(X if name == "nelder" else bare, y)
            seconds[name].append(time.perf_counter() - begun)
            reached[name] = distance(X, y, beta)
    ours = statistics.median(seconds["nelder"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:12} {median:7.2f} s, nelder takes {ours / median:5.2f} x that; distance {reached[name]:.1e}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
