"""The bootstrap: how estimates vary over new samples, drawn from the fitted model or from its own observations.

Davison & Hinkley (1997), *Bootstrap Methods and their Application*, sections 7.2 and 3.8.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError, InputError, InputTypeError, a_count, a_seed, refuse_unknown
from nelder.fit import Fit
from nelder.inference.covariances.groups import codes_of
from nelder.inference.covariances.sandwich import bread_of, curvature_kernel, each_slice
from nelder.inference.resamples.refits import SEPARATED, named, refitted_coefficients, refitted_statistic
from nelder.inference.resamples.resampled_intervals import INTERVALS, Draws
from nelder.inference.resamples.resampling import check_groups, pairs, parametric
from nelder.inference.wald import checked_level
from nelder.linalg import Array, cholesky
from nelder.simulation import random_stream
from nelder.table import Named, Table

KINDS = ("pairs", "parametric")
STREAM = 2


@dataclass(frozen=True)
class Resampling:
    """How to bootstrap: how many draws, kind "parametric" or "pairs", a seed, a statistic of a fit or None for the
    coefficients, and groups to draw as wholes, labels (n,) or the name of a column.
    """

    draws: int = 1000
    kind: str = "parametric"
    seed: int | None = None
    statistic: Callable[[Fit], object] | None = None
    groups: object = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "draws", a_count(self.draws, "draws"))
        object.__setattr__(self, "seed", a_seed(self.seed))
        refuse_unknown("kind of bootstrap", self.kind, KINDS)
        if self.draws < 2:
            raise InputError(f"draws={self.draws}: a spread needs at least 2 draws")
        if self.kind == "parametric" and self.groups is not None:
            raise CapabilityError("groups= are drawn by kind='pairs'; the fitted model knows no groups to draw")
        if self.statistic is not None and not callable(self.statistic):
            raise InputTypeError(
                "statistic must be a function of a fit, such as lambda fit: fit.coef['x'], not "
                f"{type(self.statistic).__name__}"
            )


@dataclass(frozen=True)
class Bootstrap:
    """`draws` (B, q) of q numbers called `names`, whose estimates are `estimate` (q,).

    A draw has infinite coefficients where its sample separates, and nan where it gives no answer; `failures` says how
    many did what. `acceleration` (q,) is known for coefficients and kind "pairs".
    """

    draws: Array
    estimate: Named
    kind: str
    failures: Mapping[str, int] = field(default_factory=dict)
    acceleration: Array | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the q numbers are called."""
        return self.estimate.names

    @property
    def covariance(self) -> Array:
        """The covariance (q, q) of the draws that gave an answer; nan where one of them is infinite."""
        known = self.draws[~np.isnan(self.draws).any(axis=1)]
        with np.errstate(invalid="ignore"):
            return np.atleast_2d(np.cov(known.T)) if len(known) > 1 else np.full((len(self.names),) * 2, np.nan)

    @property
    def se(self) -> Named:
        """The standard deviations (q,) of the draws; nan where one is infinite."""
        return Named([_spread(self._known(j)) for j in range(len(self.names))], self.names)

    @property
    def bias(self) -> Named:
        """The mean (q,) of the draws less the estimate; nan where one is infinite."""
        with np.errstate(invalid="ignore"):
            means = [known.mean() if len(known := self._known(j)) else np.nan for j in range(len(self.names))]
            bias = np.array(means) - np.asarray(self.estimate)
        return Named(np.where(np.isfinite(bias), bias, np.nan), self.names)

    def table(self, level: float = 0.95, interval: str = "percentile") -> Table:
        """Columns term, estimate, bias, se, lower and upper; `interval` is "percentile", "basic" or "bca".

        Raises CapabilityError for "bca" where the acceleration is not known.
        """
        refuse_unknown("bootstrap interval", interval, INTERVALS)
        checked_level(level)
        ends = [INTERVALS[interval](self._draws(j), level) for j in range(len(self.names))]
        lower, upper = np.array(ends).reshape(-1, 2).T
        columns = {
            "term": np.array(self.names),
            "estimate": np.asarray(self.estimate),
            "bias": np.asarray(self.bias),
            "se": np.asarray(self.se),
            "lower": lower,
            "upper": upper,
        }
        title = f"{len(self.draws)} {self.kind} bootstrap draws, {interval} intervals at {level:g}"
        return Table(columns, title, self.notes(level))

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """What went wrong in draws, and what that does to the numbers."""
        total, said = len(self.draws), []
        for reason, many in self.failures.items():
            part = "counted as infinite" if reason == SEPARATED else "left out"
            said.append(f"In {many} of {total} draws {reason}: {part}.")
        if np.isinf(self.draws).any():
            said.append("Numbers that are infinite in some draws have no standard error.")
        if (total + 1) * (1.0 - level) / 2.0 < 1.0:
            said.append(f"{total} draws are too few for intervals at {level:g}: the outermost draws are shown.")
        return tuple(said)

    def _known(self, j: int) -> Array:
        return self.draws[~np.isnan(self.draws[:, j]), j]

    def _draws(self, j: int) -> Draws:
        known = None if self.acceleration is None else float(self.acceleration[j])
        return Draws(self._known(j), float(np.asarray(self.estimate)[j]), known)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__


def _spread(values: Array) -> float:
    finite = len(values) > 1 and bool(np.isfinite(values).all())
    return float(values.std(ddof=1)) if finite else float("nan")


def bootstrap(fit: Fit, plan: Resampling | None = None) -> Bootstrap:
    """Refit to new samples: responses drawn from the model (kind "parametric"), or observations drawn again ("pairs"),
    which trusts the model for the mean alone.

    A row with frequency 2 is two observations. Refits start at the estimate; a shape that was estimated, such as θ, is
    estimated again. Raises DataError for a fit without its data, CapabilityError where its own coefficients are
    infinite or not converged, and for kind "parametric" of quasi families.
    """
    plan = plan or Resampling()
    objective, statistic = fit.rows_of_data("the bootstrap"), plan.statistic
    if fit.limit is not None or not fit.converged:
        raise CapabilityError(
            f"the bootstrap starts from an optimum with finite coefficients, and this fit has none ({fit.reason}; see "
            "fit.warnings): refit with penalty='firth'"
        )
    if statistic is not None and fit.aliased.any():
        raise CapabilityError("a bootstrapped statistic= needs a fit without aliased columns: leave them out")
    random = random_stream(plan.seed, STREAM)
    groups = None if plan.groups is None else codes_of(fit, plan.groups, "groups")
    if groups is not None:
        check_groups(groups)
    samples = pairs(objective, groups, random) if plan.kind == "pairs" else parametric(fit, objective, random)
    estimate = named(fit.coef if statistic is None else statistic(fit))
    draws, reasons = np.full((plan.draws, len(estimate.names)), np.nan), Counter[str]()
    for row, sample in zip(draws, itertools.islice(samples, plan.draws), strict=True):
        found = refitted_coefficients(fit, sample) if statistic is None else refitted_statistic(fit, sample, statistic)
        reasons.update([found.reason] if found.reason else [])
        if found.values is not None:
            row[:] = found.values
    known = plan.kind == "pairs" and statistic is None and objective.penalty.adjustment is None
    known &= not objective.holds
    return Bootstrap(draws, estimate, plan.kind, dict(reasons), accelerations(fit, groups) if known else None)


def accelerations(fit: Fit, groups: NDArray[np.integer] | None) -> Array | None:
    """Σ l³ / 6 (Σ l²)^(3/2) of each coefficient (p,), with l what one observation or group adds to it: its score over
    the observed information, the empirical influence values (Efron 1987). None where that is not positive definite.
    """
    objective, bread = fit.rows_of_data("the bootstrap"), bread_of(fit)
    total = objective.over_rows(curvature_kernel, bread)
    factored = cholesky((total + total.T) / 2)
    if factored is None:
        return None
    turned = bread.root @ factored.inverse()
    many = 0 if groups is None else int(groups.max()) + 1
    sums, square, cube, begin = np.zeros((many, len(turned))), np.zeros(len(turned)), np.zeros(len(turned)), 0
    for rows in each_slice(objective, bread):
        influence = (rows.pull[:, None] * rows.z) @ turned.T
        if groups is None:
            square, cube = square + rows.count @ influence**2, cube + rows.count @ influence**3
        else:
            np.add.at(sums, groups[begin : begin + len(influence)], rows.count[:, None] * influence)
        begin += len(influence)
    if groups is not None:
        square, cube = np.sum(sums**2, axis=0), np.sum(sums**3, axis=0)
    found = np.full(len(fit.names), np.nan)
    with np.errstate(all="ignore"):
        found[~fit.aliased] = cube / (6.0 * square**1.5)
    return found
