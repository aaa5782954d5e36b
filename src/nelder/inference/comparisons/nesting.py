"""Whether the linear predictors of a smaller model lie among those of a larger one, and what that makes of tests.

The rows decide, not the names of the columns: `x` and `I(x**2)` lie inside poly(x, 2), and a + b inside a*b however
they are coded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nelder.design import Block, Ray
from nelder.fit import Fit
from nelder.inference.likelihood.score import at_rest, scaled_score
from nelder.kernels import gram_kernel
from nelder.linalg import Array, independent_columns, powers_of_two, triangular_solve
from nelder.objective import Objective
from nelder.parts import Dense
from nelder.quadratic import Triangle

OUTSIDE = 1e-11  # of the size of the columns that cancel: what is left of a column that is no combination of others


@dataclass(frozen=True)
class Nesting:
    """Smaller X γ + offset = larger X (basis γ + origin) + offset, with basis (k, m) and origin (k,).

    `outside` names the columns of the smaller model, and "offset", for which that does not hold.
    """

    basis: Array
    origin: Array
    outside: tuple[str, ...]


def nesting(larger: Objective, smaller: Objective) -> Nesting:
    """How a model lies in another on the same rows, by one QR of the columns of both and the difference of offsets.

    The columns of the larger model must not be aliased.
    """
    engine, k = larger.engine, larger.design.p
    both = engine.derive(beside, larger.design.handles, each=[(block,) for block in smaller.design.handles])
    rows: Triangle = engine.total(gram_kernel, both, Triangle)
    scale = powers_of_two(np.sqrt(np.einsum("ij,ij->j", rows.upper, rows.upper)))
    unit = rows.upper * scale
    shares = triangular_solve(unit[:k, :k], unit[:k, k:]) if k else unit[:0, k:]
    rest = np.sqrt(np.einsum("ij,ij->j", unit[k:, k:], unit[k:, k:]))
    outside = rest > OUTSIDE * (1.0 + np.abs(shares).sum(axis=0))
    names = (*smaller.design.names, "offset")
    weights = shares * scale[:k, None] / scale[k:]
    named = tuple(name for name, lost in zip(names, outside, strict=True) if lost)
    return Nesting(weights[:, :-1], weights[:, -1], named)


def beside(larger: Block, smaller: Block) -> Block:
    """One block with the columns of both, and the difference of their offsets as the last."""
    moved = [replace(part, columns=part.columns + larger.p) for part in smaller.parts]
    last = larger.p + smaller.p
    offset = Dense(np.array([last]), (smaller.offset - larger.offset)[:, None])
    return replace(larger, parts=(*larger.parts, *moved, offset), p=last + 1)


def score_statistic(larger: Fit, smaller: Fit) -> float:
    """U' I⁻¹ U, with score and expected information of the larger model at the estimate of the smaller (Rao 1948).

    Not divided by φ. Rows at their limits, where the smaller model separates, add nothing to it; nan where its estimate
    lies at an edge of the means allowed.
    """
    objective, point = larger.rows_of_data("the score test"), smaller.point
    if smaller.at_edge:
        return float("nan")
    own = smaller.rows_of_data("the score test")
    objective = replace(objective, loss=own.loss)  # with the shape that goes with the smaller model's estimate
    nest = nesting(objective, own)
    if isinstance(point, Ray):
        moved = np.concatenate([np.isinf(point.eta(block)) for block in own.design.handles])
        objective, point = objective.without(np.flatnonzero(moved)), point.base
    model = at_rest(objective, nest.basis @ point + nest.origin)
    columns = np.flatnonzero(independent_columns(model.upper)[0])
    score = scaled_score(model, columns)
    return float(score @ score)


def beyond(covariance: Array, larger: Array, smaller: Array) -> Array:
    """The combinations (d, k) of coefficients by which a larger model exceeds a smaller one, both inside a fit.

    Models are bases (k, ·) of the coefficients that they allow. The combinations are zero in the smaller model and
    uncorrelated, under a covariance (k, k), with all that are zero in both. Where the larger is the fit itself there
    are none of the latter, and this is the usual hypothesis; in least squares its Wald test is the F test.
    """
    se = np.sqrt(np.diagonal(covariance))
    se = np.where(se > 0, se, 1.0)
    zero, both = complement(smaller / se[:, None]), complement(larger / se[:, None])
    if both.shape[1] and zero.shape[1]:
        spread = zero.T @ (covariance / se / se[:, None]) @ zero
        zero = zero @ np.linalg.qr(spread @ (zero.T @ both), mode="complete")[0][:, both.shape[1] :]
    return np.asarray(zero.T / se)


def complement(basis: Array) -> Array:
    """An orthonormal basis (k, k − rank) of what is orthogonal to the columns of a basis (k, m)."""
    length = np.sqrt(np.einsum("ij,ij->j", basis, basis))
    left, sizes, _ = np.linalg.svd(basis / np.where(length > 0, length, 1.0))
    return np.asarray(left[:, int(np.sum(sizes > 1e-9)) :])
