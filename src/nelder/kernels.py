"""The sums over rows that everything is made of: functions of a block and of what is small, run where the rows are.

What a kernel returns can be added to its like. Rows are taken in slices, so that no n × p array is made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nelder.arrow import Matrix
from nelder.design import SLICE_NUMBERS, Block, Ray
from nelder.engines import merge
from nelder.families import Family
from nelder.linalg import Array, all_finite, triangle
from nelder.loss import Loss, NaturalLoss
from nelder.mean import Mean
from nelder.quadratic import Diagonal, Gram, Triangle
from nelder.twofold import Twofold, two_sum, twofold

ROUNDING = np.finfo(float).eps
POSITIVE = 1e-3  # of the expected weight: an observed one that a Triangle can use
Form = type[Gram] | type[Triangle]
Pieces = tuple[float, Array, Array]  # the value of some rows, their weighted scores (n,) and weights (n,)


@dataclass(frozen=True)
class Slope:
    """value and gradient (p,) of some rows, and how much rounding in η can change the value (see `quadratic`)."""

    value: float
    gradient: Array
    blur: float = 0.0

    def __add__(self, other: Slope) -> Slope:
        return Slope(self.value + other.value, self.gradient + other.gradient, self.blur + other.blur)


@dataclass(frozen=True)
class Totals:
    """Sums at a fit: Σw, deviance and Pearson's X²."""

    weight: float
    deviance: float
    pearson: float

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.weight + other.weight,
            self.deviance + other.deviance,
            self.pearson + other.pearson,
        )


def values_kernel(block: Block, betas: Array, loss: Loss) -> Array:
    """Half the deviance at each of betas (k, p), in one pass over the rows."""
    with np.errstate(all="ignore"):
        total = np.zeros(len(betas))
        for rows in block.slices():
            total += loss.values(rows, rows.etas(betas))
        return total


def slope_kernel(block: Block, beta: Array, loss: Loss) -> Slope:
    """Half the deviance and its gradient −X'w(score)."""
    with np.errstate(all="ignore"):
        value, gradient, blur = 0.0, np.zeros(block.p), 0.0
        for rows in block.slices():
            eta = rows.eta(beta)
            score = np.empty_like(eta)
            for few, bare in rows.bare_slices():  # of what is one number a row
                mean = Mean(loss.link, eta[few])
                value += loss.value(bare, mean)
                if not math.isfinite(value):
                    return Slope(math.inf, np.full(block.p, math.nan))
                np.multiply(bare.weight, loss.family.score(bare.y, mean), out=score[few])
            blur += blur_of(rows, score, eta)
            gradient -= rows.transpose_times(score)
        return Slope(value, gradient, blur)


def quadratic_kernel(block: Block, beta: Array, loss: Loss, form: Form, observed: bool) -> Gram | Triangle:
    """The local model at β, with expected or observed weights."""
    with np.errstate(all="ignore"):
        weighing = form if observed else None
        return block.over_slices(lambda rows: model_at(rows, beta, loss, form, weighing), filled=form is Triangle)


def model_at(rows: Block, beta: Array, loss: Loss, form: Form, observed_for: Form | None) -> Gram | Triangle:
    """One slice's model at β."""
    eta = fine = rows.eta(beta)
    if form is Gram:
        return gram_of(rows, pieces_of(rows, eta, fine, loss, observed_for), eta, beta, observed_for is not None)
    fine = rows.fine_eta(beta)  # its value stays that of a line search, which sees the plain η
    fine = fine if loss.allows(fine) else eta
    return triangle_of(rows, pieces_of(rows, eta, fine, loss, observed_for), beta)


def pieces_of(rows: Block, eta: Array, fine: Array, loss: Loss, observed_for: Form | None) -> Pieces:
    """What the rows of a model are made of: their value at η (n,), their weighted scores and weights at a finer one."""
    value, score, weight = 0.0, np.empty(rows.n), np.empty(rows.n)
    for few, bare in rows.bare_slices():  # of what is one number a row
        plain = Mean(loss.link, eta[few])
        value += loss.value(bare, plain)
        mean = plain if fine is eta else Mean(loss.link, fine[few])
        np.multiply(bare.weight, loss.family.score(bare.y, mean), out=score[few])
        np.multiply(bare.weight, weight_of(bare.y, mean, loss.family, observed_for), out=weight[few])
    return value, score, weight


def diagonal_kernel(block: Block, beta: Array, loss: Loss) -> Diagonal:
    """What can be summed of the local model at β with expected weights, of columns too many for a matrix."""
    with np.errstate(all="ignore"):
        mean = Mean(loss.link, block.eta(beta))
        score, weight = (
            block.weight * loss.family.score(block.y, mean),
            block.weight * loss.family.expected_weight(mean),
        )
        diagonal, width = block.squares(weight), block.width
        noise = noise_of(width, beta**2 @ diagonal + weight @ block.offset**2)
        gradient = -block.transpose_times(score)
        return Diagonal(loss.value(block, mean), gradient, diagonal, width, noise, blur_of(block, score, mean.eta))


def weighted_kernel(block: Block, beta: Array, loss: Loss) -> Block:
    """The rows with their expected weights at β, and no offset."""
    with np.errstate(all="ignore"):
        return replace(block, weight=expected(block, beta, loss), offset=np.broadcast_to(0.0, block.n), precision=None)


def product_kernel(block: Block, direction: Array) -> Array:
    """X'W X direction (p,), of rows that have these weights and no offset."""
    return block.transpose_times(block.weight * block.eta(direction))


def weight_of(y: Array, mean: Mean, family: Family, observed_for: Form | None) -> Array:
    """Expected weights (n,), or observed ones; a Triangle, which needs them positive, takes those that are."""
    if observed_for is None:
        return family.expected_weight(mean)
    bend = family.observed_weight(y, mean)
    if observed_for is Gram:
        return bend
    expected = family.expected_weight(mean)
    return np.where(bend > POSITIVE * expected, bend, expected)


def noise_kernel(block: Block, beta: Array, loss: Loss, observed: bool) -> Array:
    """What rounding in η can do, (noise, blur) of `quadratic`, from the size of what cancels there."""
    with np.errstate(all="ignore"):
        total = np.zeros(2)
        for rows in block.slices():
            mean, size = Mean(loss.link, rows.eta(beta)), ROUNDING * rows.magnitude(beta)
            weight = rows.weight * weight_of(rows.y, mean, loss.family, Gram if observed else None)
            score = rows.weight * loss.family.score(rows.y, mean)
            total += (float(np.abs(weight) @ size**2), float(np.abs(score) @ size))
        return total


def residual_kernel(block: Block, beta: Array) -> Twofold:
    """X'w(y − offset − Xβ): minus the gradient of least squares, to more digits than y itself need have."""
    with np.errstate(all="ignore"):
        parts = []
        for rows in block.slices():
            residual = two_sum(rows.y, -rows.offset) + rows.fine_times(-beta)
            parts.append(rows.fine_transpose_times(residual.times(rows.weight)))
        return merge(parts)


def basis_kernel(block: Block, beta: Array, loss: Loss, basis: Array) -> Array:
    """(XB)'W(XB) for a basis B (p, p), with expected weights at β; XB keeps its digits however much cancels in it."""
    with np.errstate(all="ignore"):
        total = np.zeros_like(basis)
        for rows in block.slices(filled=True):
            weight = expected(rows, beta, loss)
            turned = rows.fine_times(basis).rounded
            total += np.dot(turned.T, weight[:, None] * turned)
        return total


def start_kernel(block: Block, loss: Loss, form: Form, instead: float) -> Gram | Triangle:
    """The model whose Newton step from β = 0 is the weighted least squares of R's first iteration (mustart)."""

    def model(rows: Block) -> Gram | Triangle:
        mean = Mean(loss.link, loss.start_eta(rows, instead))
        weight = rows.weight * loss.family.expected_weight(mean)
        score = weight * (mean.eta - rows.offset) + rows.weight * loss.family.score(rows.y, mean)
        if form is Gram:
            return Gram(0.0, -rows.transpose_times(score), rows.cross(weight), 0.0)
        return triangle_of(rows, (0.0, score, weight), np.zeros(block.p))

    with np.errstate(all="ignore"):
        return block.over_slices(model, filled=form is Triangle)


def sample_kernel(block: Block, loss: Loss, many: int, instead: float) -> tuple[Array, Array]:
    """Evenly spaced rows: X (m, p), and the linear predictors less offset (m,) that would fit them."""
    rows = block.rows(np.unique(np.linspace(0, block.n - 1, min(block.n, many)).astype(np.intp)))
    with np.errstate(all="ignore"):
        return rows.dense(), loss.start_eta(rows, instead) - rows.offset


def drawn_kernel(block: Block, share: float) -> Block:
    """A share of the rows: one drawn from each of as many stretches, so that sorted rows are all represented."""
    return block.rows(one_of_each(block.n, max(1, round(share * block.n))))


@lru_cache(maxsize=4)  # blocks mostly have as many rows as each other
def one_of_each(n: int, many: int) -> NDArray[np.intp]:
    """About so many of n rows, in their order: one from each of as many stretches, the same ones each time."""
    drawn = ((np.arange(many) + np.random.default_rng(0).random(many)) * (n / many)).astype(np.intp)
    drawn = drawn[np.diff(drawn, prepend=-1) > 0]  # a row on the border of two stretches may be drawn twice
    drawn.flags.writeable = False
    return drawn


def block_kernel(block: Block) -> Block:
    """The rows themselves."""
    return block


def level_kernel(block: Block, eta: float, loss: Loss) -> float:
    """Half the deviance where X adds the same η to the offset of every row; it does not need X."""
    with np.errstate(all="ignore"):
        total = 0.0
        for _, rows in block.bare_slices():
            deviance = loss.family.unit_deviance(rows.y, Mean(loss.link, rows.offset + eta))
            total += 0.5 * float(rows.weight @ deviance)
        return total


def forms_kernel(block: Block, eta: float, loss: Loss, natural: NaturalLoss) -> Array:
    """Half the deviance and the natural loss where η is the same in every row; it does not need X."""
    with np.errstate(all="ignore"):
        total = np.zeros(2)
        for _, rows in block.bare_slices():
            mean = Mean(loss.link, np.full(rows.n, eta))
            total += loss.total(rows, mean), natural.total(rows, mean)
        return total


def rate_kernel(block: Block, power: float) -> Array:
    """(Σ w e^(1 − p) y, Σ w e^(2 − p)) for exposures e, the exponentials of offsets: their ratio is the m at which the
    means m e fit best, where the variance is the power p of the mean.
    """
    with np.errstate(all="ignore"):
        total = np.zeros(2)
        for _, rows in block.bare_slices():
            exposed = rows.weight * np.exp((1.0 - power) * rows.offset)
            total += exposed @ rows.y, exposed @ np.exp(rows.offset)
        return total


def gram_kernel(block: Block, form: Form) -> Gram | Triangle:
    """X'X, without weights: what rank and column sizes are judged on."""
    zero = np.zeros(block.p)

    def model(rows: Block) -> Gram | Triangle:
        if form is Gram:
            return Gram(0.0, zero, rows.cross(np.ones(rows.n)), 0.0)
        return Triangle(0.0, zero, triangle(rows.dense()), 0.0)

    return block.over_slices(model, filled=form is Triangle)


@dataclass(frozen=True)
class Constants:
    """The value of each column that is the same in every row (p,), 0 for the others."""

    value: Array

    def __add__(self, other: Constants) -> Constants:
        return Constants(np.where(self.value == other.value, self.value, 0.0))


def constants_kernel(block: Block) -> Constants:
    """The constant columns of some rows."""
    few = block.rows(slice(0, max(2, min(1000, SLICE_NUMBERS // max(block.p, 1))))).dense()
    value = few[0]
    same = (few == value).all(axis=0) & (value != 0)
    if len(few) == block.n:
        return Constants(np.where(same, value, 0.0))
    result = np.zeros(block.p)
    for column in np.flatnonzero(same):
        whole = block.column(int(column))
        result[column] = value[column] if (whole == value[column]).all() else 0.0
    return Constants(result)


def odd_kernel(block: Block, family: Family, sampling: bool) -> int:
    """How many responses do not look like a family's, each as often as it was observed; once where the weights are
    those of a sample.
    """
    odd = family.odd(block.y, block.density[1])
    return int(np.sum(odd)) if sampling else round(float(block.frequency[odd].sum()))


def squares_kernel(block: Block) -> Array:
    """Σ x² of each column (p,)."""
    with np.errstate(all="ignore"):
        return block.squares(np.ones(block.n))


def movement_kernel(block: Block, beta: Array, ahead: Array, loss: Loss) -> Array:
    """Σ w x² (p, 2) with the expected weights at β and at another."""
    with np.errstate(all="ignore"):
        total = np.zeros((block.p, 2))
        for rows in block.slices():
            total += rows.squares(np.stack([expected(rows, beta, loss), expected(rows, ahead, loss)], axis=1))
        return total


def turn_kernel(block: Block, beta: Array, ahead: Array, loss: Loss) -> Matrix:
    """X'(V − W)X of the expected weights W at β and V at another."""
    with np.errstate(all="ignore"):
        return block.over_slices(lambda rows: rows.cross(expected(rows, ahead, loss) - expected(rows, beta, loss)))


def expected(rows: Block, beta: Array, loss: Loss) -> Array:
    """Expected weights (n,) at β."""
    return rows.weight * loss.family.expected_weight(Mean(loss.link, rows.eta(beta)))


def totals_kernel(block: Block, beta: Array | Ray, loss: Loss, fine: bool) -> Totals:
    """Deviance and Pearson's X² at β."""

    def totals(rows: Block) -> Totals:
        mean = Mean(loss.link, rows.fine_eta(beta) if fine else rows.eta(beta))
        return totals_of(rows, mean, pearson_residuals(rows.y, mean, loss.family), loss)

    with np.errstate(all="ignore"):
        return block.over_slices(totals)


def totals_of(rows: Block, mean: Mean, scaled: Array, loss: Loss) -> Totals:
    """One slice's sums at means (n,) and Pearson's residuals (n,)."""
    deviance = float(rows.weight @ loss.family.unit_deviance(rows.y, mean))
    return Totals(float(rows.weight.sum()), deviance, float(rows.weight @ scaled**2))


def pearson_residuals(y: Array, mean: Mean, family: Family) -> Array:
    """(y − μ) / √V(μ) (n,), without weights."""
    residual = family.residual(y, mean)
    # in halves of the exponent, so that μ³ at μ = 1e120 does not overflow
    scaled = residual / np.exp(0.5 * family.log_variance(mean))
    if not all_finite(scaled):
        scaled[residual == 0] = 0.0
    return np.asarray(scaled)


def saturated_kernel(block: Block, loss: Loss, phi: float) -> float:
    """The log-likelihood of a perfect fit; it does not need X."""
    with np.errstate(all="ignore"):
        total = 0.0
        for _, rows in block.bare_slices():
            times, precision = rows.density
            total += float(times @ loss.family.log_saturated(rows.y, phi, precision))
        return total


def gram_of(rows: Block, pieces: Pieces, eta: Array, beta: Array, observed: bool = False) -> Gram:
    """One slice's model at η (n,) = Xβ + offset."""
    value, score, weight = pieces
    information = rows.cross(weight)
    noise = noise_of(rows.width, beta**2 @ np.abs(information.diagonal()) + np.abs(weight) @ rows.offset**2)
    return Gram(value, -rows.transpose_times(score), information, noise, blur_of(rows, score, eta), observed)


def noise_of(terms: int, squares: Array) -> float:
    """A bound on what rounding in η can do, without another product with |X|: (Σ aⱼ)² ≤ (k + 1) Σ aⱼ² for the k terms
    of η and the offset, whose weighted `squares` are summed.
    """
    return ROUNDING**2 * (terms + 1) * float(squares)


def blur_of(rows: Block, score: Array, eta: Array) -> float:
    """How much that can change the value: Σ |s| (|η| + |offset|), bounded by lengths (Cauchy & Schwarz)."""
    return ROUNDING * length(score) * (length(eta) + length(rows.offset))


def length(values: Array) -> float:
    """The Euclidean length of a vector (n,)."""
    return math.sqrt(np.vdot(values, values))


def triangle_of(rows: Block, pieces: Pieces, beta: Array) -> Triangle:
    """The same as R of a QR, with the size of what cancels in η itself."""
    value, score, weight = pieces
    size = rows.magnitude(beta)
    noise = float(np.abs(weight) @ (ROUNDING * size) ** 2)
    blur = ROUNDING * float(np.abs(score) @ size)
    upper = triangle(np.sqrt(np.maximum(weight, 0.0))[:, None] * rows.dense())
    return Triangle(value, -rows.fine_transpose_times(twofold(score)).rounded, upper, noise, blur)
