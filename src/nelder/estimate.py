"""What was estimated and how: the frozen value that everything after the solver reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nelder.arrow import Variances, in_full
from nelder.design import Ray
from nelder.diagnosis import Diagnosis, PerfectFit
from nelder.errors import DataError
from nelder.families import Family
from nelder.formula import Schema
from nelder.lazy import lazy
from nelder.linalg import Array
from nelder.loading import Apart
from nelder.mean import Link
from nelder.objective import Objective
from nelder.observations import same_rows
from nelder.quadratic import Factor
from nelder.solvers import Reason
from nelder.solvers.newton import precise_model
from nelder.sources import Chunk
from nelder.table import Named
from nelder.trace import Trace


@dataclass(frozen=True)
class Statistics:
    """Numbers of the fit as a whole. `loglik` is nan for quasi families; `rank` counts the coefficients that were
    estimated.
    """

    n: float
    rank: float
    deviance: float
    null_deviance: float
    df_null: float
    pearson: float
    dispersion: float
    loglik: float


@dataclass(frozen=True)
class Terms:
    """How to make rows like those of the fit: the names of the columns, the formula's schema, and where the offset came
    from.

    `offset_given` says that an array was passed as offset, which new rows then need too.
    """

    names: tuple[str, ...]
    response: str
    schema: Schema | None = None
    offset_given: bool = False


@dataclass(frozen=True)
class Solved:
    """How the solver ended. `form` is the local model it ended on: Gram, or Triangle where the design was ill-
    conditioned.
    """

    solver: str
    steps: int
    reason: str
    converged: bool
    form: str
    penalty: str = "unpenalised"


@dataclass(frozen=True)
class Limit:
    """Where an optimum that is not finite lies: a ray in the coefficients (p,), which are aliased (p,), and whether the
    ray is the only one. A fit that was loaded remembers what its rows had `settled` (k, k): see `inference.estimable`.
    """

    ray: Ray
    aliased: NDArray[np.bool_]
    unique: bool = True
    settled: Array | None = None


# why a column, or an order, is not to be had of a fit that keeps columns but no table: see `Kept.distinct`
DISTINCT = "this fit holds the distinct rows of its table in the columns of its formula only: fit with compress=False"


@dataclass(frozen=True)
class Kept:
    """The rows of a fit: their `numbers` in the caller's table (n,), and how many rows that had.

    A fit by formula also keeps their columns, and the table itself for columns that the formula did not use, unless
    its rows were counted where they lie. Of a table that was read in parts, `apart` finds numbers and columns when they
    are asked for.
    """

    numbers: NDArray[np.integer] | None
    total: int
    chunk: Chunk | None = None
    data: object = None
    apart: Apart | None = None

    @property
    def distinct(self) -> bool:
        """Whether its rows are the distinct ones of a table, counted where they lie."""
        return self.chunk is not None and self.data is None

    @property
    def rows(self) -> NDArray[np.integer]:
        """The numbers of the rows in the caller's table (n,)."""
        if self.numbers is not None:
            return self.numbers
        assert self.apart is not None
        return self.apart.numbers

    @property
    def known(self) -> Chunk:
        """The columns that the formula reads at the rows of the fit: from one reading, where they are not held."""
        assert self.chunk is not None
        return self.chunk if self.apart is None else self.apart.columns(tuple(self.chunk))

    def refuse_others(self, values: object, argument: str) -> None:
        """Raise DataError for values with the labels of other rows than the table's, or than those of the fit."""
        same_rows(self.data, {argument: values}, self.numbers)

    def aligned(self, values: object, argument: str) -> NDArray[np.generic]:
        """Values (n,) at the rows of the fit, from one a row of the caller's table or one a row of the fit.

        Raises DataError for any other length, or labels of other rows.
        """
        self.refuse_others(values, argument)
        given = np.asarray(values)
        if given.ndim != 1 or len(given) not in (self.total, len(self.rows)):
            fitted = "" if self.total == len(self.rows) else f", of which {len(self.rows)} were fitted"
            raise DataError(
                f"{argument} has shape {given.shape}; it needs one value for each of the {self.total} rows of the "
                f"data{fitted}"
            )
        return given[self.rows] if len(given) == self.total else given


@dataclass(frozen=True)
class Uncertainty:
    """Another covariance than the model's: its `name`, the matrix (k, k) of the coefficients of `point`, and the
    degrees of freedom that tests and intervals take with it, infinite for the normal distribution; the `kind` that it
    was asked by, for another fit, which files do not keep.
    """

    name: str
    covariance: Array
    df: float
    kind: object = field(default=None, repr=False)


@dataclass(frozen=True)
class Shape:
    """The shape parameter of a family, such as θ of the negative binomial: its `name`, `value`, and whether it was
    `estimated`, with the standard error `se`, which is nan otherwise.
    """

    name: str
    value: float
    se: float
    estimated: bool


@dataclass(frozen=True)
class Estimate:
    """What `Fit` holds; it keeps, and does not copy, the arrays it was fitted to.

    `unscaled` (p, p) is the inverse expected information at φ = 1, or its diagonal alone. `combination` (p, p) writes
    each aliased column, in its column, as a combination of the others. `objective` has the columns that are not
    aliased. Without it, `root` (k, k) may hold what its rows had said: see `inference.variances`.
    """

    coef: Named
    unscaled: Array | Variances
    family: Family
    link: Link
    statistics: Statistics
    terms: Terms
    solved: Solved
    warnings: tuple[Diagnosis, ...] = ()
    limit: Limit | None = None
    combination: Array | None = None
    notes: tuple[str, ...] = ()
    trace: Trace = field(default=Trace((), (), ""), repr=False)
    objective: Objective | None = field(default=None, repr=False, compare=False)
    kept: Kept | None = field(default=None, repr=False, compare=False)
    uncertainty: Uncertainty | None = field(default=None, repr=False)
    shape: Shape | None = None
    dispersion_by: str = "pearson"  # how φ was had: pearson, deviance, ml, or given
    root: Array | None = field(default=None, repr=False)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # a value, whose rows may be in a file or on a cluster

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the p coefficients."""
        return self.terms.names

    @property
    def covariance_unscaled(self) -> Array:
        """The inverse expected information (p, p) at φ = 1. Raises CapabilityError where it was too large to make."""
        return in_full(self.unscaled)

    @property
    def se(self) -> Named:
        """Standard errors (p,): expected information, φ as in `dispersion`, unless `with_covariance` chose otherwise.

        nan where a coefficient is aliased, penalised, infinite, or held at the edge of the means allowed.
        """
        held = ~(self.unscaled.diagonal() > 0)  # φ may be zero, what it multiplies is not
        variance = self.known_covariance.diagonal()
        return Named(np.sqrt(np.where(held | ~(variance >= 0), np.nan, variance)), self.names)

    @property
    def known_covariance(self) -> Array | Variances:
        """The covariance (p, p) in use, or its diagonal where no more is known."""
        if self.uncertainty is None and isinstance(self.unscaled, Variances):
            return Variances(self.dispersion * self.unscaled.values)
        return self.covariance_in_use

    @property
    def deviance(self) -> float:
        """Σ w d(y, μ): twice the log-likelihood lost against a perfect fit, times φ."""
        return self.statistics.deviance

    @property
    def null_deviance(self) -> float:
        """The deviance with an intercept only, or with none where the model has none; offsets are kept."""
        return self.statistics.null_deviance

    @property
    def loglik(self) -> float:
        """The log-likelihood with all constants, as R's logLik; nan for quasi families."""
        return self.statistics.loglik

    @property
    def df_resid(self) -> float:
        """Observations less estimated coefficients."""
        return self.statistics.n - self.statistics.rank

    @property
    def df_null(self) -> float:
        """Residual degrees of freedom of the null model."""
        return self.statistics.df_null

    @property
    def dispersion(self) -> float:
        """φ: 1 where the family fixes it, else Pearson's X² over its degrees of freedom, unless `with_dispersion` chose
        otherwise.
        """
        return self.statistics.dispersion

    @property
    def parameters(self) -> float:
        """What AIC counts: coefficients, φ where it is estimated, and a shape that was."""
        shapes = 1 if self.shape is not None and self.shape.estimated else 0
        return self.statistics.rank + (0 if self.family.dispersion_known else 1) + shapes

    @property
    def family_to_fit(self) -> Family:
        """The family as other fits to the same response take it: with its shape to estimate, if it was estimated."""
        estimated = self.shape is not None and self.shape.estimated
        return self.family.with_shape(None) if estimated else self.family

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2 parameters − 2 loglik; nan for quasi families."""
        return 2 * self.parameters - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion, log(n) parameters − 2 loglik; nan for quasi families."""
        return float(np.log(self.statistics.n)) * self.parameters - 2 * self.loglik

    @property
    def converged(self) -> bool:
        """Whether the coefficients are the optimum, to rounding. `reason` says why not."""
        return self.solved.converged

    @property
    def perfect(self) -> bool:
        """Whether nothing is left of the response but rounding."""
        return any(isinstance(finding, PerfectFit) for finding in self.warnings)

    @property
    def reason(self) -> str:
        """Why the solver stopped, in words."""
        return self.solved.reason

    @property
    def at_edge(self) -> bool:
        """Whether that is the edge of the means allowed, where some row has the last mean of its domain."""
        return self.reason == Reason.AT_EDGE.value

    @property
    def steps(self) -> int:
        """How many steps the solver took after its start."""
        return self.solved.steps

    @property
    def aliased(self) -> NDArray[np.bool_]:
        """Which columns were left out as combinations of others (p,)."""
        return np.isnan(np.asarray(self.coef)) if self.limit is None else self.limit.aliased

    @property
    def point(self) -> Array | Ray:
        """The estimate in the columns that are not aliased: β, or a ray where the optimum is not finite."""
        kept = np.flatnonzero(~self.aliased)
        return np.asarray(self.coef)[kept] if self.limit is None else self.limit.ray.select(kept)

    @property
    def point_covariance(self) -> Array:
        """The covariance in use of the coefficients of `point`: zero along a ray."""
        if self.uncertainty is not None:
            return self.uncertainty.covariance
        kept = np.flatnonzero(~self.aliased)
        if self.withholds_errors:
            return np.broadcast_to(np.nan, (len(kept), len(kept)))
        unscaled = self.covariance_unscaled if self.limit is None else self.limit.ray.covariance
        return self.dispersion * unscaled[np.ix_(kept, kept)]

    @property
    def covariance_in_use(self) -> Array:
        """The covariance (p, p) that standard errors, tests and intervals take; nan where nothing can be said."""
        if self.uncertainty is None:
            return self.covariance_unscaled if self.withholds_errors else self.dispersion * self.covariance_unscaled
        covariance, kept = np.full_like(self.covariance_unscaled, np.nan), np.flatnonzero(~self.aliased)
        covariance[np.ix_(kept, kept)] = self.uncertainty.covariance
        return np.where(np.isnan(self.covariance_unscaled), np.nan, covariance)

    @property
    def withholds_errors(self) -> bool:
        """Whether a penalty leaves no standard errors: those of a ridge would not mean what they seem to."""
        return self.solved.penalty != "unpenalised" and bool(np.isnan(self.unscaled.diagonal()).all())

    @property
    def df_reference(self) -> float:
        """The degrees of freedom of Student's t in tests and intervals: infinite, for the normal, where φ is known."""
        if self.uncertainty is not None:
            return self.uncertainty.df
        known = self.family.dispersion_known or self.dispersion_by == "given"
        return np.inf if known else self.df_resid

    @lazy
    def information_factor(self) -> Factor:
        """The factor of the expected information at a finite estimate, for which the rows are passed over once. Raises
        DataError where that is singular, and without the data.
        """
        factored = precise_model(self.rows_of_data("the information"), np.asarray(self.point)).factored
        if factored is None:
            raise DataError("the information is singular at the coefficients: leverages need its inverse")
        return factored

    def rows_of_data(self, what: str) -> Objective:
        """The objective of a fit that still has its data; raises DataError for one that was loaded without."""
        if self.objective is None:
            raise DataError(f"this fit was loaded without its data: {what} needs the rows")
        return self.objective
