"""What one observation does to a fit: leverage, Cook's distance and their kin, without refitting.

The numbers are R's influence.measures() for a glm (Belsley, Kuh & Welsch 1980; Cook & Weisberg 1982), with one
exception: where a link falls, R's dfbeta and dfbetas have the wrong sign, and these the right one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nelder.design import Ray
from nelder.diagnostics.residuals import known_dispersion
from nelder.diagnostics.single_rows import SingleRows, single_rows
from nelder.errors import some_rows
from nelder.fit import Fit
from nelder.inference.covariances.sandwich import bread_of, each_slice
from nelder.inference.simultaneous import f_quantile
from nelder.lazy import lazy
from nelder.linalg import Array
from nelder.table import Table

CONTOURS = (0.5, 1.0)  # of Cook's distance, as R draws them
VALUES_AT_A_TIME = 4_000_000


@dataclass(frozen=True)
class Influence:
    """Measures (n,) of one observation of each row, whose number in the caller's table is in `rows` (n,); nan where its
    leverage is 1.

    `sigma` is the residual scale without it, `cook` Cook's distance, `dffits` the shift of its own mean in standard
    errors, `covratio` the ratio of the determinants of the covariances without it and with it.
    """

    rows: NDArray[np.integer]
    leverage: Array
    sigma: Array
    cook: Array
    dffits: Array
    covratio: Array
    single: SingleRows = field(repr=False)
    fit: Fit = field(repr=False)

    @lazy
    def dfbeta(self) -> Array:
        """What one observation adds to each coefficient, β̂ − β̂ without it (n, p), by one step from its deviance
        residual; nan for coefficients that are aliased or infinite.
        """
        return self._moves(self.single.deviance * self.fit.link.sign)

    @lazy
    def dfbetas(self) -> Array:
        """`dfbeta` over the coefficient's standard error with the scale without the observation (n, p)."""
        with np.errstate(all="ignore"):
            return self.dfbeta / np.sqrt(self.fit.unscaled.diagonal()) / self.sigma[:, None]

    @lazy
    def displacement(self) -> Array:
        """Cook's (1986) likelihood displacement (n,): the deviance over φ that all observations gain where one of them
        is left out of the estimate, which is found by one Newton step (Pregibon 1981).

        The deviance is summed at n other β: time grows as n².
        """
        fit = self.fit
        objective = fit.rows_of_data("the likelihood displacement")
        moves = self._moves(self.single.pearson * fit.link.sign)[:, ~fit.aliased]
        known = ~np.isnan(fit.unscaled.diagonal())[~fit.aliased]
        base = fit.point
        if isinstance(base, Ray):
            eta = np.concatenate([block.eta(base) for block in objective.design.handles])
            objective, base = objective.without(np.flatnonzero(np.isinf(eta))), base.base
        many = max(1, VALUES_AT_A_TIME // len(moves))
        betas = base - np.where(known, moves, 0.0)
        with np.errstate(all="ignore"):
            values = np.concatenate([objective.values(betas[k : k + many]) for k in range(0, len(betas), many)])
            gained = 2.0 * (values - objective.values(base[None, :])) / fit.dispersion
        return np.where(np.isnan(betas).any(axis=1), np.nan, np.maximum(gained, 0.0))

    def _moves(self, residual: Array) -> Array:
        """(X'WX)⁻¹ x √W residual / (1 − h) for each row (n, p)."""
        moves = np.empty((len(residual), len(self.fit.names)))
        for at, some in self._each_move(residual):
            moves[at] = some
        return moves

    def _each_move(self, residual: Array) -> Iterator[tuple[slice, Array]]:
        """The same in slices of rows: all at once are as many numbers as the design has in full."""
        fit, single = self.fit, self.single
        bread, unknown = bread_of(fit), np.isnan(fit.unscaled.diagonal())
        kept, begin = np.flatnonzero(~fit.aliased), 0
        for rows in each_slice(fit.rows_of_data("influence"), bread):
            at = slice(begin, begin + len(rows.leverage))
            moves = np.full((len(rows.leverage), len(unknown)), np.nan)
            with np.errstate(all="ignore"):
                length = np.sqrt(np.einsum("ij,ij->i", rows.z, rows.z))
                root_weight = np.where(length > 0, np.sqrt(rows.leverage) / length, 0.0)
                share = residual[at] * root_weight / single.root[at] ** 2
                moves[:, kept] = (share[:, None] * rows.z) @ bread.root.T
            moves[:, unknown] = np.nan
            yield at, moves
            begin = at.stop

    def _moved_far(self) -> NDArray[np.bool_]:
        """Whether any of `dfbetas` is beyond 1 (n,)."""
        far, errors = np.zeros(len(self.rows), dtype=bool), np.sqrt(self.fit.unscaled.diagonal())
        for at, moves in self._each_move(self.single.deviance):
            far[at] = (np.abs(moves) / errors / self.sigma[at, None] > 1.0).any(axis=1)
        return far

    @lazy
    def marks(self) -> dict[str, NDArray[np.bool_]]:
        """Which measures of a row (n,) stand out, by R's is.influential: |dfbetas| > 1 for any coefficient, |dffits| >
        3 √(p/(n − p)), |1 − covratio| > 3 p/(n − p), Cook's distance above the median of F on p and n − p, leverage >
        3 p/n.
        """
        p, n = self.single.rank, self.single.total
        share = p / (n - p) if n > p else np.nan
        with np.errstate(all="ignore"):
            return {
                "dfbetas": self._moved_far(),
                "dffits": np.abs(self.dffits) > 3.0 * np.sqrt(share),
                "covratio": np.abs(1.0 - self.covratio) > 3.0 * share,
                "cook": self.cook > (f_quantile(0.5, p, n - p) if n > p > 0 else np.nan),
                "leverage": self.leverage > (3.0 * p / n if n else np.nan),
            }

    @property
    def influential(self) -> NDArray[np.bool_]:
        """Which rows stand out in any of `marks` (n,)."""
        return np.any(list(self.marks.values()), axis=0)

    def table(self, outstanding: bool = False) -> Table:
        """Columns row, leverage, cook, dffits, covratio and stands_out, which names the marks; all rows, or only those
        that stand out.
        """
        shown = np.flatnonzero(self.influential) if outstanding else np.arange(len(self.rows))
        words = [", ".join(name for name, mark in self.marks.items() if mark[row]) for row in shown]
        measures = {name: getattr(self, name)[shown] for name in ("leverage", "cook", "dffits", "covratio")}
        said = np.array(words, dtype=object) if words else np.zeros(0, dtype=str)
        return Table({"row": self.rows[shown], **measures, "stands_out": said}, notes=self.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the numbers leave out."""
        full = self.rows[self.leverage == 1.0].tolist()
        said: tuple[str, ...] = ()
        if full:
            said += (f"A coefficient fits {some_rows(full)} exactly (leverage 1): without such a row it is not known.",)
        if 0.0 < self.single.total <= self.single.rank + 1.0:
            said += ("Without one more row no scale is left to estimate, so that dffits and covratio are nan.",)
        if self.fit.limit is not None:
            said += ("Rows whose means are at a limit have no influence on the others, of which this is the fit.",)
        return said

    def __str__(self) -> str:
        table = self.table(outstanding=True)
        if not table.rows:
            return "\n".join([f"None of {len(self.rows)} rows stands out.", *table.notes])
        table.title = f"{table.rows} of {len(self.rows)} rows stand out"
        return str(table)

    __repr__ = __str__


def cook_contour(leverage: Array, distance: float, rank: float) -> Array:
    """How large standardised Pearson residuals r (n,) at leverages h (n,) are where Cook's distance D is as given, for
    a fit of rank p: D = r² h / (p (1 − h)) (Cook & Weisberg 1982); nan where there is no coefficient to be moved.
    """
    return np.sqrt(distance * (rank or np.nan) * (1.0 - leverage) / leverage)


def influence(fit: Fit) -> Influence:
    """The influence of one observation of each row; with frequencies, of one of the identical ones.

    Raises DataError for a fit without its data or dispersion, CapabilityError under a penalty.
    """
    single = single_rows(fit, "influence")
    known_dispersion(fit)
    rows = np.arange(len(single.count)) if fit.kept is None else fit.kept.rows
    n, p, h = np.float64(single.total), np.float64(single.rank), single.leverage
    with np.errstate(all="ignore"):
        outside, sigma = single.root**2, single.deleted_scale
        cook = (single.pearson / outside) ** 2 * h / (fit.dispersion * p)
        dffits = single.deviance * np.sqrt(h) / (sigma * outside)
        studentised = single.deviance / (sigma * single.root)
        covratio = 1.0 / (outside * ((n - p - 1.0 + studentised**2) / (n - p)) ** p)
    return Influence(rows, h, sigma, cook, dffits, covratio, single, fit)
