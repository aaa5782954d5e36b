"""The answer that every library is held to, by none of them: Fisher scoring from the coefficients that made the data.

Plain, in float64, and carried on until a step is below 1e-9 standard errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from problems.base import Factor, Problem

SETTLED = 1e-9
MANY = 2_500  # columns of which no square matrix is formed
ROWS = 50_000


@dataclass(frozen=True)
class Reference:
    """beta (p,), the unit its error is measured in (p,), and standard errors (p,) where they are compared."""

    beta: np.ndarray
    unit: np.ndarray
    errors: np.ndarray | None


def reference(problem: Problem) -> Reference:
    """Solve a problem. Raises RuntimeError where scoring does not settle."""
    design = Design(problem)
    beta = problem.truth.copy()
    for _ in range(50):
        score, weight, pearson = design.pass_over(beta)
        held = np.full(len(beta), problem.ridge)
        held[0] = 0.0
        information = design.information(weight, held)
        step = information.solve(score - held * beta)
        beta += step
        if np.max(np.abs(step) / information.unit) < SETTLED:
            spread = pearson / (len(problem.y) - len(beta)) if problem.family == "gamma" else 1.0
            root = np.sqrt(spread)
            return Reference(beta, root * information.unit, root * information.unit if information.exact else None)
    raise RuntimeError("the reference answer did not settle")


class Design:
    """The columns of a problem, the intercept first: dense in blocks of rows, or sparse."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.sparse = None if problem.kind == "dense" else sparse_design(problem)
        self.levels = level_range(problem)

    def blocks(self) -> Iterator[tuple[slice, Any]]:
        """Slices of rows, with their columns."""
        n = len(self.problem.y)
        if self.sparse is not None:
            yield slice(0, n), self.sparse
            return
        for start in range(0, n, ROWS):
            rows = slice(start, min(n, start + ROWS))
            yield rows, np.column_stack([np.ones(rows.stop - start), self.problem.X[rows]])

    def pass_over(self, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """The score (p,), the weights of the expected information (n,), and Pearson's statistic."""
        problem, score, pearson = self.problem, np.zeros(len(beta)), 0.0
        weight = np.empty(len(problem.y))
        for rows, A in self.blocks():
            eta = A @ beta + (0.0 if problem.offset is None else problem.offset[rows])
            residual, weight[rows], squares = KERNELS[problem.family](problem.y[rows], eta)
            score += A.T @ residual
            pearson += squares
        return score, weight, pearson

    def information(self, weight: np.ndarray, held: np.ndarray) -> Any:
        """A'WA with the penalty on its diagonal, ready to solve."""
        if self.sparse is not None and len(held) > MANY and self.levels is None:
            return Product(self.sparse, weight, held)
        if self.sparse is not None:
            full = (self.sparse.T @ self.sparse.multiply(weight[:, None]).tocsr()).tocsr()
            return Square(full.toarray() + np.diag(held)) if len(held) <= MANY else Arrow(full, *self.levels)
        return Square(sum(A.T @ (weight[rows, None] * A) for rows, A in self.blocks()) + np.diag(held))


def poisson(y: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Derivative in eta, weight, and the sum of squared Pearson residuals; log link."""
    mu = np.exp(eta)
    return y - mu, mu, float(np.sum((y - mu) ** 2 / mu))


def binomial(y: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """As `poisson`, with logit link."""
    small = np.exp(-np.abs(eta))
    mu, weight = np.where(eta > 0, 1.0, small) / (1 + small), small / (1 + small) ** 2
    return y - mu, weight, float(np.sum((y - mu) ** 2 / weight))


def gamma(y: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """As `poisson`, with log link."""
    relative = y * np.exp(-eta) - 1
    return relative, np.ones_like(eta), float(relative @ relative)


KERNELS = {"poisson": poisson, "binomial": binomial, "gamma": gamma}


class Square:
    """An information matrix (p, p) that is small enough to factor."""

    exact = True

    def __init__(self, matrix: np.ndarray) -> None:
        scale = 1 / np.sqrt(np.diag(matrix))
        self.inverse = np.linalg.inv(matrix * scale * scale[:, None]) * scale * scale[:, None]
        self.unit = np.sqrt(np.diag(self.inverse))

    def solve(self, score: np.ndarray) -> np.ndarray:
        """The step."""
        return self.inverse @ score


class Arrow:
    """An information matrix that is diagonal in the columns from first to last, which are eliminated."""

    exact = True

    def __init__(self, matrix: Any, first: int, last: int) -> None:
        self.block = np.arange(first, last)
        self.rest = np.r_[:first, last : matrix.shape[0]]
        self.diagonal = matrix.diagonal()[self.block]
        self.border = matrix[self.block][:, self.rest].toarray()
        self.ratio = self.border / self.diagonal[:, None]
        self.small = Square(matrix[self.rest][:, self.rest].toarray() - self.border.T @ self.ratio)
        self.unit = np.empty(matrix.shape[0])
        self.unit[self.rest] = self.small.unit
        inner = np.einsum("ij,jk,ik->i", self.ratio, self.small.inverse, self.ratio)
        self.unit[self.block] = np.sqrt(1 / self.diagonal + inner)

    def solve(self, score: np.ndarray) -> np.ndarray:
        """The step."""
        step = np.empty_like(score)
        step[self.rest] = self.small.solve(score[self.rest] - self.ratio.T @ score[self.block])
        step[self.block] = score[self.block] / self.diagonal - self.ratio @ step[self.rest]
        return step


class Product:
    """An information matrix that is only multiplied by: steps by conjugate gradients, units from its diagonal."""

    exact = False

    def __init__(self, A: Any, weight: np.ndarray, held: np.ndarray) -> None:
        self.A, self.weight, self.held = A, weight, held
        self.diagonal = A.multiply(A).T @ weight + held
        self.unit = 1 / np.sqrt(self.diagonal)

    def solve(self, score: np.ndarray) -> np.ndarray:
        """The step."""
        from scipy.sparse.linalg import LinearOperator, cg

        shape = (len(score), len(score))
        product = LinearOperator(shape, lambda v: self.A.T @ (self.weight * (self.A @ v)) + self.held * v)
        scaling = LinearOperator(shape, lambda v: v / self.diagonal)
        return cg(product, score, rtol=1e-10, M=scaling, maxiter=2_000)[0]


def sparse_design(problem: Problem) -> Any:
    """The columns of a sparse problem or of a table, as CSR with the intercept first."""
    from scipy import sparse

    if problem.kind == "sparse":
        return problem.with_intercept()
    n = len(problem.y)
    parts = [sparse.csr_array(np.ones((n, 1)))]
    for column in problem.columns.values():
        if isinstance(column, Factor):
            inside = column.codes > 0
            places = (np.flatnonzero(inside), column.codes[inside] - 1)
            parts.append(sparse.csr_array((np.ones(inside.sum()), places), shape=(n, len(column.levels) - 1)))
        else:
            parts.append(sparse.csr_array(column[:, None]))
    return sparse.hstack(parts, format="csr")


def level_range(problem: Problem) -> tuple[int, int] | None:
    """The columns of the factor with the most levels, from first to last; None without factors."""
    start, widest = 1, None
    for column in problem.columns.values():
        width = len(column.levels) - 1 if isinstance(column, Factor) else 1
        if isinstance(column, Factor) and (widest is None or width > widest[1] - widest[0]):
            widest = (start, start + width)
        start += width
    return widest
