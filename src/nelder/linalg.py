"""Linear algebra of small symmetric and triangular matrices: the only page that calls LAPACK.

Everything here works on p × p (or slice × p) float64 matrices. Columns are brought to comparable size by powers of two,
which is exact, before anything is factored (van der Sluis 1969: near-optimal conditioning).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RANK_TOLERANCE = 2e-14  # a unit column whose part outside the earlier ones is shorter than this is aliased


@cache
def lapack() -> Any:
    """SciPy's LAPACK, imported when first needed so that `import nelder` stays light."""
    from scipy.linalg import lapack as routines

    return routines


def triangular_solve(upper: Array, right: Array, transposed: bool = False) -> Array:
    """R⁻¹ right or R'⁻¹ right, for R (p, p) and right (p,) or (p, k). Raises LinAlgError for a zero on R's diagonal.

    By BLAS where there are many columns: LAPACK's dtrtrs then starts threads, which for small matrices takes longer
    than the solving.
    """
    if right.ndim == 1 and right.size:
        solution, zero = lapack().dtrtrs(upper, right, trans=int(transposed))
    else:
        from scipy.linalg import blas

        zero = not upper.diagonal().all()
        solution = blas.dtrsm(1.0, upper, right, trans_a=int(transposed)) if right.size and not zero else right
    if zero:
        raise np.linalg.LinAlgError("a triangle with a zero on its diagonal has no inverse")
    return np.asarray(solution)


class _Room(threading.local):
    numbers: Array = np.empty(0)


_room = _Room()


def scratch(n: int, k: int) -> Array:
    """A matrix (n, k) to write into, the same memory each time in the same thread: fresh pages cost as much as a
    product.
    """
    if _room.numbers.size < n * k:
        _room.numbers = np.empty(n * k)
    return _room.numbers[: n * k].reshape(n, k)


def all_finite(array: Array) -> bool:
    """Whether every number is finite: if the sum of their squares is, each is, and that is told fastest."""
    return math.isfinite(np.vdot(array, array)) or bool(np.isfinite(array).all())


def powers_of_two(sizes: Array) -> Array:
    """Exact scales s (p,) with s * sizes in [1, 2); 1 where a size is zero or not finite."""
    usable = np.isfinite(sizes) & (sizes > 0)
    if usable.all():
        return np.ldexp(1.0, 1 - np.frexp(sizes)[1])
    exponent = np.frexp(np.where(usable, sizes, 0.5))[1]
    return np.where(usable, np.ldexp(1.0, 1 - exponent), 1.0)


@dataclass(frozen=True)
class Factored:
    """A = S⁻¹ U'U S⁻¹ with S a diagonal of powers of two; `condition` estimates that of U'U in the 1-norm."""

    upper: Array
    scale: Array
    condition: float

    def solve(self, right: Array) -> Array:
        """A⁻¹ right, for right (p,) or (p, k)."""
        scale = self.scale if right.ndim == 1 else self.scale[:, None]
        solution, _ = lapack().dpotrs(self.upper, scale * right)
        return np.asarray(scale * solution)

    def half_solve(self, right: Array) -> Array:
        """U'⁻¹ S right: its squared length is right' A⁻¹ right."""
        scale = self.scale if right.ndim == 1 else self.scale[:, None]
        return triangular_solve(self.upper, scale * right, transposed=True)

    def spread(self, right: Array) -> Array:
        """S U⁻¹ right, for right (p, k): columns of standard normal numbers become ones with covariance A⁻¹."""
        return self.scale[:, None] * triangular_solve(self.upper, right)

    def inverse(self) -> Array:
        """A⁻¹ (p, p), exactly symmetric."""
        inverse = self.solve(np.eye(len(self.scale)))
        return (inverse + inverse.T) / 2

    def inverse_diagonal(self) -> Array:
        """The diagonal of A⁻¹ (p,)."""
        return self.inverse().diagonal()


def cholesky(matrix: Array) -> Factored | None:
    """The Cholesky factor of a symmetric matrix (p, p) after equilibration; None where it is not positive definite."""
    scale = np.ldexp(1.0, 1 - (np.frexp(matrix.diagonal())[1] + 1 >> 1))  # as `powers_of_two` of the root
    scaled = scale[:, None] * matrix * scale
    norm = lapack().dlange("1", scaled)
    if not math.isfinite(norm):
        return None
    upper, info = lapack().dpotrf(scaled, clean=True)
    if info != 0:
        return None
    if not len(scale):  # of which LAPACK says on the screen that it has no condition
        return Factored(upper, scale, 1.0)
    reciprocal, _ = lapack().dpocon(upper, norm)
    return Factored(upper, scale, 1 / reciprocal if reciprocal > 0 else np.inf)


def from_triangle(upper: Array) -> Factored | None:
    """The factorisation of R'R given R (p, p); None where R is singular to working accuracy."""
    scale = powers_of_two(np.sqrt(np.einsum("ij,ij->j", upper, upper)))
    scaled = np.ascontiguousarray(upper * scale)
    if not np.all(np.isfinite(scaled)) or np.any(np.diagonal(scaled) == 0):
        return None
    # R'R does not see the sign of a row; Cholesky's factor has a positive diagonal
    scaled = scaled * np.sign(np.diagonal(scaled))[:, None]
    reciprocal, _ = lapack().dtrcon(scaled)
    return Factored(scaled, scale, 1 / reciprocal**2 if reciprocal > 1e-150 else np.inf)


BLOCKED = 32  # columns that LAPACK reflects at once, as it would choose by itself


def triangle(rows: Array) -> Array:
    """R (k, k) of a QR of rows (m, k), largest rows first, which keeps row-wise relative accuracy (Cox & Higham 1998).

    Fewer than k rows give an R with zero rows below, so that the shapes of what is merged are always the same.
    """
    size = np.abs(rows).max(axis=1, initial=0.0)
    ordered = rows[np.argsort(-size, kind="stable")]
    k = rows.shape[1]
    if len(ordered) < k:
        ordered = np.vstack([ordered, np.zeros((k - len(ordered), k))])
    # SciPy leaves LAPACK room for blocks of three columns unless told otherwise
    factored, _, _, _ = lapack().dgeqrf(ordered, lwork=BLOCKED * k)
    return np.triu(factored[:k])


def independent_columns(upper: Array, tolerance: float = RANK_TOLERANCE) -> tuple[NDArray[np.bool_], Array]:
    """Which columns of R (p, p) are not combinations of the columns to their left, and which combinations the others
    are.

    Left to right, on unit columns, with one re-orthogonalisation ("twice is enough", Kahan & Parlett). Returns the mask
    `kept` (p,) and `combination` (p, p): for an aliased column j, column j = Σ_i combination[i, j] · column i over kept
    i.
    """
    p = upper.shape[1]
    scale = powers_of_two(np.abs(upper).max(axis=0, initial=0.0))
    unit = upper * scale
    length = np.sqrt(np.einsum("ij,ij->j", unit, unit))
    unit = unit / np.where(length > 0, length, 1.0)
    kept = np.zeros(p, dtype=bool)
    room, inverses, rank = np.zeros(upper.shape, order="F"), np.zeros((p, p), order="F"), 0
    for j in range(p):
        basis, inverse = room[:, :rank], inverses[:rank, :rank]  # kept columns @ inverse = basis
        first = basis.T @ unit[:, j]
        rest = unit[:, j] - basis @ first
        second = basis.T @ rest
        rest = rest - basis @ second
        size = float(np.sqrt(rest @ rest))
        # `rest` is column j less these shares of the others, and holds the rounding of each of them
        shares = inverse @ (first + second)
        if size > tolerance * max(1.0, float(np.abs(shares).sum())) and length[j] > 0:
            kept[j] = True
            room[:, rank] = rest / size
            inverses[:rank, rank], inverses[rank, rank] = -shares / size, 1.0 / size
            rank += 1
    combination = np.zeros((p, p))
    if not kept.all() and kept.any():
        solved = np.linalg.lstsq(unit[:, kept], unit[:, ~kept], rcond=None)[0]
        size_of = np.where(length > 0, length, 1.0) / scale
        combination[np.ix_(kept, ~kept)] = solved * size_of[~kept] / size_of[kept][:, None]
    return kept, combination


def null_space(matrix: Array, tolerance: float = 1e-10) -> Array:
    """An orthonormal basis (p, k) of the vectors that rows (m, p) of an orthonormal design take to zero."""
    _, sizes, right = np.linalg.svd(matrix)
    rank = int(np.sum(sizes > tolerance))
    return np.asarray(right[rank:].T)


@dataclass(frozen=True)
class Eliminated:
    """The solutions of m equations in p unknowns: x = origin + basis γ, with γ the unknowns that are not `pivots` (m,).

    `consistent` says that there are any; fewer pivots than equations, that some equations follow from others.
    """

    basis: Array
    origin: Array
    pivots: NDArray[np.integer]
    consistent: bool


def eliminate(matrix: Array, right: Array, tolerance: float = 1e-12) -> Eliminated:
    """Solve matrix (m, p) @ x = right (m,) for the unknowns it fixes (Gauss & Jordan, complete pivoting)."""
    size = np.abs(matrix).max(axis=1, initial=0.0)
    unit = np.where(size > 0, size, 1.0)
    left, value = matrix / unit[:, None], right / unit
    open_rows, pivots, rows = np.ones(len(matrix), dtype=bool), [], []
    while open_rows.any():
        inside = np.where(open_rows[:, None], np.abs(left), 0.0)
        row, column = np.unravel_index(int(np.argmax(inside)), inside.shape) if inside.size else (0, 0)
        if not inside.size or inside[row, column] <= tolerance:
            break
        value[row], left[row] = value[row] / left[row, column], left[row] / left[row, column]
        share = np.where(np.arange(len(left)) == row, 0.0, left[:, column])
        value, left = value - share * value[row], left - share[:, None] * left[row]
        open_rows[row] = False
        pivots.append(int(column))
        rows.append(int(row))
    p = matrix.shape[1]
    free = np.setdiff1d(np.arange(p), pivots)
    origin, basis = np.zeros(p), np.zeros((p, len(free)))
    origin[pivots] = value[rows]
    basis[free, np.arange(len(free))] = 1.0
    basis[pivots] = -left[rows][:, free]
    consistent = bool((np.abs(value[open_rows]) <= 1e-9 * (1.0 + np.abs(value).max(initial=0.0))).all())
    return Eliminated(basis, origin, np.array(pivots, dtype=np.intp), consistent)


def non_negative(matrix: Array, right: Array) -> tuple[Array, float]:
    """The x ≥ 0 (k,) that minimises |matrix x − right|, and that length (Lawson & Hanson 1974, algorithm 23.10)."""
    k = matrix.shape[1]
    x, free = np.zeros(k), np.zeros(k, dtype=bool)
    length = np.sqrt(np.einsum("ij,ij->j", matrix, matrix))
    for _ in range(3 * k + 10):
        left = right - matrix @ x
        pull = np.where(free | (length == 0), 0.0, matrix.T @ left)
        best = int(np.argmax(pull)) if k else 0
        if not k or pull[best] <= 1e-13 * length[best] * float(np.sqrt(right @ right)):
            break
        free[best] = True
        while True:
            trial = np.zeros(k)
            trial[free] = np.linalg.lstsq(matrix[:, free] / length[free], right, rcond=None)[0] / length[free]
            if not (trial[free] <= 0).any():
                break
            losing = free & (trial <= 0)
            share = float(np.min(x[losing] / (x[losing] - trial[losing])))
            x = np.where(free, x + share * (trial - x), 0.0)
            free &= (x > 0) & ~(losing & (x <= 1e-15 * x.max()))
        x = trial
    left = right - matrix @ x
    return x, float(np.sqrt(left @ left))


def least_distance(factored: Factored, gradient: Array, normals: Array, floor: Array) -> tuple[Array, Array]:
    """The δ (p,) that minimises g'δ + ½ δ'Aδ subject to normals @ δ ≥ floor (m,) ≤ 0, and its multipliers (m,).

    With A = U'U and v = U δ + U'⁻¹g this is the point nearest to zero in a polyhedron, and the dual of that is a
    problem of non-negative least squares (Lawson & Hanson 1974, chapter 23, section 4).
    """
    pull = factored.half_solve(gradient)
    unit = float(np.sqrt(pull @ pull))
    if not len(floor) or unit == 0:
        return -factored.solve(gradient), np.zeros(len(floor))
    turned = factored.half_solve(normals.T)
    length = np.sqrt(np.einsum("ij,ij->j", turned, turned))
    turned = turned / length
    distance = (floor / length + pull @ turned) / unit
    last = np.zeros(len(gradient) + 1)
    last[-1] = 1.0
    weight, _ = non_negative(np.vstack([turned, distance]), last)
    multipliers = unit * weight / (1.0 - float(distance @ weight)) / length
    return factored.solve(normals.T @ multipliers - gradient), multipliers


def conjugate_gradients(
    product: Callable[[Array], Array],
    right: Array,
    metric: Callable[[Array], Array],
    diagonal: Array,
    near: tuple[float, int],
) -> tuple[Array, float, float]:
    """x ≈ A⁻¹ right, for A known by its products with vectors (p,), by a metric near A⁻¹ (Hestenes & Stiefel 1952).

    Beside x: right'x, and r'D⁻¹r of what is left, r = right − A x, for a diagonal D (p,). near = (share, most): that is
    at most `share` of right'x, after fewer steps than `most`. r'A⁻¹r, by which right'x falls short of right'A⁻¹ right,
    is no more than r'D⁻¹r over the smallest eigenvalue of D⁻¹A.
    """
    x, left, worth = np.zeros_like(right), right.copy(), 0.0
    turned = along = metric(left)
    length = float(left @ turned)
    for _ in range(near[1]):
        if not float(left @ (left / diagonal)) > near[0] * worth or not length > 0:
            break
        bent = product(along)
        step = length / float(along @ bent)
        x += step * along
        worth += step * length
        left -= step * bent
        turned = metric(left)
        before, length = length, float(left @ turned)
        along = turned + (length / before) * along
    return x, worth, float(left @ (left / diagonal))


def largest_eigenvalue(matrix: Array) -> float:
    """λmax of a symmetric matrix: a fixed-rate descent is stable only below 2/λmax."""
    return float(np.linalg.eigvalsh(matrix)[-1]) if len(matrix) else 0.0


def largest_eigenvalue_by(product: Callable[[Array], Array], begin: Array) -> float:
    """The same of a matrix that is known by its products with vectors (p,), by Lanczos' method from one of them."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    operator = LinearOperator((len(begin), len(begin)), matvec=product, dtype=np.float64)
    return float(eigsh(operator, k=1, which="LA", v0=begin, return_eigenvectors=False, tol=1e-10)[0])
