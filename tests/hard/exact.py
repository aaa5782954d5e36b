"""Generalized linear models in extended precision: the judge of the hard problems.

Written apart from the library and as plainly as can be: means, variances and their derivatives from the textbook, in as
many digits as a problem needs, so that nothing here has to be clever about cancellation, tails or overflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import mpmath as mp
import numpy as np

Vector = list[mp.mpf]
DIGITS = 50


def named(label: str) -> tuple[str, float | None]:
    """'tweedie(1.5)' as its name and number."""
    name, _, rest = label.partition("(")
    return name, float(rest.rstrip(")")) if rest else None


@dataclass(frozen=True)
class ExactMean:
    """μ and 1 − μ, each with all its digits, and dμ/dη and d²μ/dη²."""

    mu: mp.mpf
    rest: mp.mpf
    slope: mp.mpf
    bend: mp.mpf


@dataclass(frozen=True)
class ExactLink:
    """The inverse link with its first two derivatives."""

    name: str
    argument: float | None = None

    def mean(self, eta: mp.mpf) -> ExactMean:
        """The mean at η; raises ArithmeticError where there is none."""
        if self.name in ("power", "sqrt", "inverse", "inverse_squared", "identity"):
            exponents = {"sqrt": 0.5, "inverse": -1, "inverse_squared": -2, "identity": 1}
            a = 1 / mp.mpf(exponents.get(self.name, self.argument))
            mu = eta**a
            if isinstance(mu, mp.mpc):
                raise ArithmeticError(f"the link has no mean at η = {float(eta)}")
            slope, bend = (a * mu / eta, a * (a - 1) * mu / eta**2) if eta else (mp.mpf(1), mp.mpf(0))
            return ExactMean(mu, 1 - mu, slope, bend)
        result: ExactMean = getattr(self, f"_{self.name}")(eta)
        return result

    @property
    def decreasing(self) -> bool:
        """Whether μ falls as η grows."""
        return self.name.startswith("inverse") or (self.argument is not None and self.argument < 0)

    def _log(self, eta: mp.mpf) -> ExactMean:
        mu = mp.exp(eta)
        return ExactMean(mu, -mp.expm1(eta), mu, mu)

    def _logit(self, eta: mp.mpf) -> ExactMean:
        mu, rest = 1 / (1 + mp.exp(-eta)), 1 / (1 + mp.exp(eta))
        return ExactMean(mu, rest, mu * rest, mu * rest * (rest - mu))

    def _probit(self, eta: mp.mpf) -> ExactMean:
        density = mp.npdf(eta)
        return ExactMean(mp.ncdf(eta), mp.ncdf(-eta), density, -eta * density)

    def _cloglog(self, eta: mp.mpf) -> ExactMean:
        hazard = mp.exp(eta)
        rest = mp.exp(-hazard)
        return ExactMean(-mp.expm1(-hazard), rest, hazard * rest, hazard * rest * (1 - hazard))

    def _loglog(self, eta: mp.mpf) -> ExactMean:
        hazard = mp.exp(-eta)
        mu = mp.exp(-hazard)
        return ExactMean(mu, -mp.expm1(-hazard), hazard * mu, hazard * mu * (hazard - 1))

    def _cauchit(self, eta: mp.mpf) -> ExactMean:
        slope = 1 / (mp.pi * (1 + eta**2))
        mu, rest = mp.atan2(1, -eta) / mp.pi, mp.atan2(1, eta) / mp.pi
        return ExactMean(mu, rest, slope, -2 * eta * mp.pi * slope**2)


@dataclass(frozen=True)
class ExactFamily:
    """V(μ), dV/dμ and the unit deviance d(y, μ)."""

    name: str
    argument: float | None = None

    @property
    def power(self) -> mp.mpf | None:
        """p where V(μ) = μ^p."""
        powers = {"gaussian": 0, "poisson": 1, "gamma": 2, "inverse_gaussian": 3, "tweedie": self.argument}
        name = self.name.removeprefix("quasi")
        return mp.mpf(powers[name]) if name in powers else None

    @property
    def dispersion_known(self) -> bool:
        """Whether φ is 1."""
        return self.name in ("binomial", "poisson", "negative_binomial")

    @property
    def proportions(self) -> bool:
        """Whether responses are shares of trials."""
        return self.name in ("binomial", "quasibinomial")

    def variance(self, at: ExactMean) -> tuple[mp.mpf, mp.mpf]:
        """V and dV/dμ."""
        mu = at.mu
        if self.proportions:
            return mu * at.rest, at.rest - mu
        if self.name == "negative_binomial":
            return mu + mu**2 / mp.mpf(self.argument), 1 + 2 * mu / mp.mpf(self.argument)
        p = self.power
        return mu**p, p * mu ** (p - 1) if p else mp.mpf(0)

    def residual(self, y: mp.mpf, at: ExactMean) -> mp.mpf:
        """y − μ."""
        return y * at.rest - (1 - y) * at.mu if self.proportions else y - at.mu

    def deviance(self, y: mp.mpf, at: ExactMean) -> mp.mpf:
        """Twice the integral of (y − t) / V(t) from μ to y."""
        mu = at.mu
        if self.proportions:
            return 2 * (times_log(y, mu) + times_log(1 - y, at.rest))
        if self.name == "negative_binomial":
            theta = mp.mpf(self.argument)
            return 2 * (times_log(y, mu) - (y + theta) * mp.log((y + theta) / (mu + theta)))
        p = self.power
        if p == 1:
            return 2 * (times_log(y, mu) - (y - mu))
        if p == 2:
            return 2 * (mp.log(mu / y) + y / mu - 1)
        start = y ** (2 - p) if y or p < 2 else mp.mpf(0)
        return 2 * (start / ((1 - p) * (2 - p)) - y * mu ** (1 - p) / (1 - p) + mu ** (2 - p) / (2 - p))


def times_log(y: mp.mpf, mu: mp.mpf) -> mp.mpf:
    """y log(y/μ), zero at y = 0."""
    return y * mp.log(y / mu) if y else mp.mpf(0)


@dataclass(frozen=True)
class Local:
    """The likelihood at some β: its score (p,), the sums (p,) of its terms' sizes, information, and three sums."""

    score: Vector
    gross: Vector
    expected: mp.matrix
    observed: mp.matrix
    deviance: mp.mpf
    pearson: mp.mpf
    size: mp.mpf


@dataclass(frozen=True)
class Optimum:
    """A certified optimum: β*, standard errors, deviance, means (n,); `steps` are sizes of the last Newton steps.

    `size` is Σ w V⁻¹ (dμ/dη)² η²: a relative error of ε in η is worth ε² of it in the deviance. `condition` is that of
    the weighted design with unit columns.
    """

    beta: np.ndarray
    se: np.ndarray
    deviance: float
    mu: np.ndarray
    steps: tuple[float, ...]
    size: float
    condition: float


@dataclass(frozen=True)
class Exact:
    """Data of one problem, and its likelihood in `digits` digits."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    family: ExactFamily
    link: ExactLink
    digits: int = DIGITS

    @cached_property
    def rows(self) -> list[tuple[Vector, mp.mpf, mp.mpf, mp.mpf]]:
        """x, y, w and the offset of each row that counts."""
        columns = zip(self.X.tolist(), self.y.tolist(), self.weights.tolist(), self.offset.tolist(), strict=True)
        return [([mp.mpf(v) for v in x], mp.mpf(y), mp.mpf(w), mp.mpf(o)) for x, y, w, o in columns if w > 0]

    def local(self, beta: Sequence[mp.mpf]) -> Local:
        """Score, information and sums at β."""
        scores, weights, curves = [], [], []
        deviance = pearson = size = mp.mpf(0)
        for x, y, w, offset in self.rows:
            eta = mp.fdot(x, beta) + offset
            at = self.link.mean(eta)
            variance, variance_slope = self.family.variance(at)
            residual = self.family.residual(y, at)
            natural = at.slope / variance
            weight = w * at.slope * natural
            scores.append(w * residual * natural)
            weights.append(weight)
            curves.append(weight - w * residual * (at.bend / variance - natural**2 * variance_slope))
            deviance += w * self.family.deviance(y, at)
            pearson += w * residual**2 / variance
            size += weight * eta**2
        columns = list(zip(*(row[0] for row in self.rows), strict=True))
        terms = [[x * s for x, s in zip(column, scores, strict=True)] for column in columns]
        score, gross = [mp.fsum(t) for t in terms], [mp.fsum(t, absolute=True) for t in terms]
        return Local(score, gross, cross(columns, weights), cross(columns, curves), deviance, pearson, size)

    def polish(self, beta: Sequence[float], limit: int = 12) -> Optimum:
        """Newton's method from β to the optimum next to it, in full precision.

        Raises ArithmeticError where it does not converge quadratically to a point with a positive definite Hessian:
        then there is no regular optimum near β.
        """
        with mp.workdps(self.digits):
            at, sizes = [mp.mpf(float(b)) for b in beta], []
            for _ in range(limit):
                here = self.local(at)
                step = solve_positive(here.observed, here.score)
                at = [a + s for a, s in zip(at, step, strict=True)]
                sizes.append(mp.sqrt(mp.fdot(step, here.score)))
                unit = mp.mpf(1) if self.family.dispersion_known else mp.sqrt(abs(here.deviance))
                small = mp.mpf(10) ** (-self.digits // 3)
                if sizes[-1] <= small * max(unit, small * mp.sqrt(here.size)):
                    return self._optimum(at, here, sizes)
        raise ArithmeticError(f"no quadratic convergence from {list(map(float, beta))}: steps {[*map(float, sizes)]}")

    def _optimum(self, at: Vector, here: Local, sizes: list[mp.mpf]) -> Optimum:
        n, p = len(self.rows), len(at)
        phi = mp.mpf(1) if self.family.dispersion_known else here.pearson / (n - p) if n > p else mp.nan
        inverse, condition = inverted(here.expected)
        se = [mp.sqrt(phi * inverse[j, j]) for j in range(p)]
        mu = [float(self.link.mean(mp.fdot(x, at) + offset).mu) for x, _, _, offset in self.rows]
        steps = tuple(map(float, sizes[-3:]))
        numbers = float(here.deviance), np.array(mu), steps, float(here.size), float(condition)
        return Optimum(np.array(at, dtype=float), np.array(se, dtype=float), *numbers)

    def deviance(self, beta: Sequence[float]) -> float:
        """The deviance at β."""
        with mp.workdps(self.digits):
            return float(self.local([mp.mpf(float(b)) for b in beta]).deviance)


def cross(columns: Sequence[Sequence[mp.mpf]], weights: Vector) -> mp.matrix:
    """X'WX."""
    p = len(columns)
    matrix = mp.zeros(p)
    for i in range(p):
        weighted = [x * w for x, w in zip(columns[i], weights, strict=True)]
        for j in range(i + 1):
            matrix[i, j] = matrix[j, i] = mp.fdot(weighted, columns[j])
    return matrix


def solve_positive(matrix: mp.matrix, right: Vector) -> Vector:
    """The solution of a positive definite system; raises ArithmeticError where it is not."""
    p = matrix.rows
    if not all(matrix[j, j] > 0 for j in range(p)):
        raise ArithmeticError("the observed information is not positive definite")
    unit, length = equilibrated(matrix)
    try:
        solution = mp.cholesky_solve(unit, mp.matrix([right[j] / length[j] for j in range(p)]))
    except (ValueError, ZeroDivisionError) as error:
        raise ArithmeticError(f"the observed information is not positive definite: {error}") from None
    return [solution[j] / length[j] for j in range(p)]


def inverted(matrix: mp.matrix) -> tuple[mp.matrix, mp.mpf]:
    """The inverse of a positive definite X'X, and the condition of X with unit columns."""
    p = matrix.rows
    unit, length = equilibrated(matrix)
    inverse = unit**-1
    condition = mp.sqrt(mp.mnorm(unit, 1) * mp.mnorm(inverse, 1))
    return mp.matrix([[inverse[i, j] / length[i] / length[j] for j in range(p)] for i in range(p)]), condition


def equilibrated(matrix: mp.matrix) -> tuple[mp.matrix, Vector]:
    """X'X for unit columns, and the lengths of the columns."""
    p = matrix.rows
    length = [mp.sqrt(matrix[j, j]) for j in range(p)]
    return mp.matrix([[matrix[i, j] / length[i] / length[j] for j in range(p)] for i in range(p)]), length
