"""The objective: half the deviance of a design under a family and a link, plus a penalty, as sums over blocks of rows.

Half the deviance is minus the log-likelihood up to a constant and up to φ, zero at a perfect fit, and defined for quasi
families too. Everything a solver sees of the data is one of the sums below; each is a kernel that runs where the rows
are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nelder.design import BLOCK_ROWS, Block, Design, Ray
from nelder.engines import Engine, merge
from nelder.families import Family
from nelder.linalg import Array, triangle
from nelder.mean import Interval, Link, Mean
from nelder.penalties import Penalty
from nelder.quadratic import Gram, Quadratic, Triangle
from nelder.twofold import Twofold, two_sum, twofold

ROUNDING = np.finfo(float).eps
AUDIBLE = 1e-22  # of φ: a bound on rounding above this is replaced by a sum over the rows
POSITIVE = 1e-3  # of the expected weight: an observed one that a Triangle can use
Form = type[Gram] | type[Triangle]


@dataclass(frozen=True)
class Loss:
    """A family and a link, applied to rows."""

    family: Family
    link: Link

    @cached_property
    def bounds(self) -> Interval:
        """The open interval of η with means that the family allows."""
        return self.link.eta_bounds(self.family.mean_interval)

    @cached_property
    def mean_bounds(self) -> Interval:
        """The open interval of means that both allow."""
        low = max(self.family.mean_interval[0], self.link.mean_interval[0])
        return low, min(self.family.mean_interval[1], self.link.mean_interval[1])

    def allows(self, eta: Array) -> bool:
        """Whether every η lies inside the bounds."""
        return bool(eta.size == 0 or (self.bounds[0] < eta.min() and eta.max() < self.bounds[1]))

    def start_eta(self, block: Block, instead: float) -> Array:
        """g of the family's start means (n,), and of the mean `instead` where the domain does not hold one."""
        low, high = self.mean_bounds
        mu = self.family.start_mean(block.y, block.weight)
        return self.link.link(np.where((mu > low) & (mu < high), mu, instead))

    def value(self, block: Block, eta: Array) -> float:
        """½ Σ w d(y, μ); infinite where η is not allowed or the sum overflows."""
        if not self.allows(eta):
            return np.inf
        value = 0.5 * float(block.weight @ self.family.unit_deviance(block.y, Mean(self.link, eta)))
        return value if np.isfinite(value) else np.inf

    def values(self, block: Block, etas: Array) -> Array:
        """The same for many η (k, n) at once."""
        low, high = self.bounds
        inside = (etas.min(axis=1, initial=np.inf) > low) & (etas.max(axis=1, initial=-np.inf) < high)
        values = np.full(len(etas), np.inf)
        deviance = self.family.unit_deviance(block.y, Mean(self.link, etas[inside]))
        values[inside] = 0.5 * (deviance @ block.weight)
        return np.where(np.isfinite(values), values, np.inf)


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
            value += loss.value(rows, eta)
            if not np.isfinite(value):
                return Slope(np.inf, np.full(block.p, np.nan))
            score = rows.weight * loss.family.score(rows.y, Mean(loss.link, eta))
            gradient -= rows.transpose_times(score)
            blur += ROUNDING * float(np.abs(score) @ (np.abs(eta) + np.abs(rows.offset)))
        return Slope(value, gradient, blur)


def quadratic_kernel(block: Block, beta: Array, loss: Loss, form: Form, observed: bool) -> Gram | Triangle:
    """The local model at β, with expected or observed weights."""
    with np.errstate(all="ignore"):
        parts = []
        for rows in block.slices():
            eta = rows.eta(beta)
            value = loss.value(rows, eta)
            if form is Triangle:  # its value stays that of a line search, which sees the plain η
                fine = rows.fine_eta(beta)
                eta = fine if loss.allows(fine) else eta
            mean = Mean(loss.link, eta)
            score = rows.weight * loss.family.score(rows.y, mean)
            bend = weight_of(rows.y, mean, loss.family, form if observed else None)
            pieces = (value, score, rows.weight * bend)
            parts.append(gram_of(rows, pieces, eta, beta) if form is Gram else triangle_of(rows, pieces, beta))
        model = merge(parts)
        return replace(model, observed=True) if observed and isinstance(model, Gram) else model


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
        for rows in block.slices():
            weight = rows.weight * loss.family.expected_weight(Mean(loss.link, rows.eta(beta)))
            turned = rows.fine_times(basis).rounded
            total += turned.T @ (weight[:, None] * turned)
        return total


def start_kernel(block: Block, loss: Loss, form: Form, instead: float) -> Gram | Triangle:
    """The model whose Newton step from β = 0 is the weighted least squares of R's first iteration (mustart)."""
    with np.errstate(all="ignore"):
        parts = []
        for rows in block.slices():
            mean = Mean(loss.link, loss.start_eta(rows, instead))
            weight = rows.weight * loss.family.expected_weight(mean)
            score = weight * (mean.eta - rows.offset) + rows.weight * loss.family.score(rows.y, mean)
            zero, pieces = np.zeros(block.p), (0.0, score, weight)
            parts.append(gram_of(rows, pieces, mean.eta, zero) if form is Gram else triangle_of(rows, pieces, zero))
        return merge(parts)


def sample_kernel(block: Block, loss: Loss, many: int, instead: float) -> tuple[Array, Array]:
    """Evenly spaced rows: X (m, p), and the linear predictors less offset (m,) that would fit them."""
    rows = block.rows(np.unique(np.linspace(0, block.n - 1, min(block.n, many)).astype(np.intp)))
    with np.errstate(all="ignore"):
        return rows.dense(), loss.start_eta(rows, instead) - rows.offset


def drawn_kernel(block: Block, share: float) -> Block:
    """A share of the rows, drawn without replacement."""
    many = max(1, round(share * block.n))
    return block.rows(np.sort(np.random.default_rng(0).choice(block.n, many, replace=False)))


def gram_kernel(block: Block, form: Form) -> Gram | Triangle:
    """X'X, without weights: what rank and column sizes are judged on."""
    zero, zeros = np.zeros(block.p), np.zeros(block.n)
    parts: list[Gram | Triangle] = []
    for rows in block.slices():
        pieces = (0.0, zeros[: rows.n], zeros[: rows.n] + 1.0)
        parts.append(gram_of(rows, pieces, zeros[: rows.n], zero) if form is Gram else triangle_of(rows, pieces, zero))
    return merge(parts)


def totals_kernel(block: Block, beta: Array | Ray, loss: Loss, fine: bool) -> Totals:
    """Deviance and Pearson's X² at β."""
    with np.errstate(all="ignore"):
        return merge(
            [totals_of(rows, rows.fine_eta(beta) if fine else rows.eta(beta), loss) for rows in block.slices()]
        )


def totals_of(rows: Block, eta: Array, loss: Loss) -> Totals:
    """One slice's sums at η (n,)."""
    family, mean = loss.family, Mean(loss.link, eta)
    deviance = float(rows.weight @ family.unit_deviance(rows.y, mean))
    # in halves of the exponent, so that μ³ at μ = 1e120 does not overflow
    residual = family.residual(rows.y, mean)
    scaled = np.where(residual == 0, 0.0, residual / np.exp(0.5 * family.log_variance(mean)))
    return Totals(float(rows.weight.sum()), deviance, float(rows.weight @ scaled**2))


def saturated_kernel(block: Block, loss: Loss, phi: float) -> float:
    """The log-likelihood of a perfect fit; it does not need X."""
    with np.errstate(all="ignore"):
        total = 0.0
        for start in range(0, block.n, BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            y, weight = block.y[rows], block.weight[rows]
            precision = weight if block.precision is None else block.precision[rows]
            total += float(weight / precision @ loss.family.log_saturated(y, phi, precision))
        return total


def mean_kernel(block: Block) -> Array:
    """(Σ w y, Σ w), which make the mean response, and Σ |offset|."""
    return np.array([block.weight @ block.y, block.weight.sum(), np.abs(block.offset).sum()])


Pieces = tuple[float, Array, Array]  # the value of some rows, their weighted scores (n,) and weights (n,)


def gram_of(rows: Block, pieces: Pieces, eta: Array, beta: Array) -> Gram:
    """One slice's model at η (n,) = Xβ + offset.

    What rounding in η can do is bounded, without another product with |X|, by (Σ aⱼ)² ≤ (p + 1) Σ aⱼ².
    """
    value, score, weight = pieces
    information = rows.cross(weight)
    squares = beta**2 @ np.abs(np.diagonal(information)) + np.abs(weight) @ rows.offset**2
    noise = ROUNDING**2 * (rows.p + 1) * float(squares)
    blur = ROUNDING * float(np.abs(score) @ (np.abs(eta) + np.abs(rows.offset)))
    return Gram(value, -rows.transpose_times(score), information, noise, blur)


def triangle_of(rows: Block, pieces: Pieces, beta: Array) -> Triangle:
    """The same as R of a QR, with the size of what cancels in η itself."""
    value, score, weight = pieces
    size = rows.magnitude(beta)
    noise = float(np.abs(weight) @ (ROUNDING * size) ** 2)
    blur = ROUNDING * float(np.abs(score) @ size)
    upper = triangle(np.sqrt(np.maximum(weight, 0.0))[:, None] * rows.dense())
    return Triangle(value, -rows.fine_transpose_times(twofold(score)).rounded, upper, noise, blur)


@dataclass(frozen=True)
class Objective:
    """design × loss (family, link) × penalty, on an engine. Values are half deviances plus the penalty.

    `sampling` says that weights are those of a sample: then there is no likelihood, but a pseudo-likelihood.
    """

    design: Design
    loss: Loss
    penalty: Penalty
    engine: Engine
    sampling: bool = False

    @cached_property
    def free(self) -> Array:
        """1 for coefficients that a penalty may hold, 0 for intercepts (p,)."""
        return np.asarray(self.design.constant == 0, dtype=float)

    @property
    def is_quadratic(self) -> bool:
        """Whether the objective is a parabola, so that one Newton step from anywhere is the answer."""
        return self.loss.family.constant_variance and self.loss.link.linear

    def dispersion_at(self, value: float) -> float:
        """φ for judging distances at a value of the objective: 1 where it is known, else the mean deviance."""
        return 1.0 if self.loss.family.dispersion_known else 2.0 * value / self.design.n

    @property
    def is_convex(self) -> bool:
        """Whether there can be only one minimum."""
        return self.loss.link.name in self.loss.family.convex_links

    def quadratic(self, beta: Array, form: Form = Gram, observed: bool = False) -> Quadratic:
        """The local model at β (p,). A Triangle takes observed weights where they are positive."""
        observed = observed and self.loss.link != self.loss.family.canonical
        model = merge(self.engine.map(quadratic_kernel, self.design.handles, beta, self.loss, form, observed))
        if isinstance(model, Gram) and model.noise > AUDIBLE * self.dispersion_at(model.value):
            noise, blur = merge(self.engine.map(noise_kernel, self.design.handles, beta, self.loss, observed))
            model = replace(model, noise=float(noise), blur=float(blur))
        return self.penalty.added_to(model, beta, self.free)

    def slope(self, beta: Array) -> Slope:
        """Value and gradient (p,) at β, for half the price of a Gram."""
        total = merge(self.engine.map(slope_kernel, self.design.handles, beta, self.loss))
        return total + Slope(self.penalty.value(beta, self.free), self.penalty.gradient(beta, self.free))

    def fine_gradient(self, beta: Array) -> Array:
        """The gradient (p,) at β where the objective is quadratic, to some twenty bits more."""
        total = merge(self.engine.map(residual_kernel, self.design.handles, beta))
        return self.penalty.gradient(beta, self.free) - total.rounded

    def information_in(self, basis: Array, beta: Array) -> Array:
        """B'HB (p, p): the expected information at β, with the penalty's, in a basis B (p, p)."""
        total: Array = merge(self.engine.map(basis_kernel, self.design.handles, beta, self.loss, basis))
        return total + basis.T @ (self.penalty.strength(self.free)[:, None] * basis)

    def values(self, betas: Array) -> Array:
        """The objective at each of betas (k, p): a whole line search in one pass."""
        total = merge(self.engine.map(values_kernel, self.design.handles, betas, self.loss))
        if not self.penalty.strength(self.free).any():
            return total
        return total + np.array([self.penalty.value(beta, self.free) for beta in betas])

    def start(self, form: Form = Gram) -> Quadratic:
        """The model of the first weighted least squares; see `start_kernel`."""
        return merge(self.engine.map(start_kernel, self.design.handles, self.loss, form, self.mean_response))

    def sample(self, many: int) -> list[tuple[Array, Array]]:
        """Some rows of each block; see `sample_kernel`."""
        return self.engine.map(sample_kernel, self.design.handles, self.loss, many, self.mean_response)

    def totals(self, beta: Array | Ray, fine: bool = False) -> Totals:
        """Deviance and Pearson's X² at β, without the penalty; `fine` takes more digits of η."""
        return merge(self.engine.map(totals_kernel, self.design.handles, beta, self.loss, fine))

    def loglik(self, deviance: float, phi: float) -> float:
        """The log-likelihood at a deviance and φ: infinite at φ = 0, where a perfect fit leaves a density without
        limit; nan where there is none.
        """
        if self.sampling or not self.loss.family.has_likelihood:
            return np.nan
        if phi == 0:
            return np.inf
        saturated = merge(self.engine.map(saturated_kernel, self.design.handles, self.loss, phi))
        return float(saturated) - 0.5 * deviance / phi

    @cached_property
    def _sums(self) -> Array:
        return merge(self.engine.map(mean_kernel, self.design.handles))

    @property
    def mean_response(self) -> float:
        """Σ w y / Σ w."""
        return float(self._sums[0] / self._sums[1])

    @property
    def has_offset(self) -> bool:
        """Whether any offset is not zero."""
        return bool(self._sums[2] > 0)

    def without(self, rows: NDArray[np.integer]) -> Objective:
        """The same objective without the rows at these positions."""
        pairs, before = [], 0
        for block in self.design.handles:
            pairs.append((block, np.setdiff1d(np.arange(block.n), rows - before)))
            before += block.n
        handles = self.engine.load(pairs, lambda pair: Block.rows(*pair))
        return replace(self, design=replace(self.design, handles=handles))

    def sampled(self, size: int) -> Objective:
        """The same objective on about `size` rows drawn without replacement, the same ones each time."""
        design = self.design
        rows = sum(block.n for block in design.handles)
        handles = self.engine.map(drawn_kernel, design.handles, size / rows)
        drawn = sum(block.n for block in handles)
        return replace(self, design=replace(design, handles=handles, n=design.n * drawn / rows))

    def batches(self, random: np.random.Generator, size: int) -> Sequence[Block]:
        """The rows of this process in random order, in batches of at most `size`."""
        batches = []
        for block in self.design.handles:
            order = random.permutation(block.n)
            batches += [block.rows(order[i : i + size]) for i in range(0, block.n, size)]
        return [batches[i] for i in random.permutation(len(batches))]
