"""The profile of the likelihood: how low the deviance can be with one coefficient held, and where that is too much.

With D(b) the lowest deviance at β_j = b, the signed root sign(b − β̂_j) √((D(b) − D) / φ) is near a straight line, and
normal, or Student's t where φ is estimated, to a higher order than Wald's statistic. The interval holds the b at which
it is within a quantile (Venzon & Moolgavkar 1988; Venables & Ripley 2002, section 8.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nelder.errors import CapabilityError, InputError, a_count, refuse_unknown
from nelder.fit import Fit
from nelder.inference.likelihood.ends import SAME, End, Limit, end
from nelder.inference.likelihood.held import Held
from nelder.inference.likelihood.paths import Path, path_along
from nelder.inference.likelihood.tests import held_shape, likelihood_of
from nelder.inference.wald import two_sided_quantile
from nelder.linalg import Array
from nelder.observations import vector_of
from nelder.table import Table

WIDE = 0.99  # the level of the interval that a profile covers
PRECISE = 1e-13  # of a quantile
SLIGHT = 1e-9  # of a quantile: no more is left to rounding
FADED = 0.1  # of a quantile: where the profile of an infinite coefficient is left
ROUNDING = np.finfo(float).eps

Measure = Callable[[Fit, Path, Held], float]  # a statistic, negative below the estimate and positive above


@dataclass(frozen=True)
class Profile:
    """The best fits with the coefficient `name` held at `values` (m,): their `deviance` (m,), its signed root (m,) in
    units of √φ, and all `coefficients` (m, p), by `names`.
    """

    name: str
    values: Array
    root: Array
    deviance: Array
    coefficients: Array
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def table(self) -> Table:
        """Columns: the coefficient, `signed root` and `deviance`, and the other coefficients by their names; one
        that is called as another column is `coefficient deviance`.
        """
        measures = {"signed root": self.root, "deviance": self.deviance}
        called = {name: f"coefficient {name}" if name in measures else name for name in self.names}
        columns = {called[self.name]: self.values, **measures}
        for name, column in zip(self.names, self.coefficients.T, strict=True):
            columns.setdefault(called[name], column)
        own = columns.keys() - measures.keys()
        return Table(columns, f"Profile of {self.name}", self.notes, own=own)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def signed_root(fit: Fit, path: Path, held: Held) -> float:
    """sign(b − β̂_j) √((D(b) − D) / φ). Raises InputError where D(b) is below the D of the fit itself."""
    lost = held.half - path.least
    if lost < -SAME * max(path.least, fit.dispersion):
        raise InputError(
            f"with {path.name} held at {held.value:.6g} the deviance is {2 * held.half:.8g}, below the "
            f"{2 * path.least:.8g} of the fit itself, which stands at a minimum that is not the lowest: fit it again "
            f"from solver=nd.Newton(start={np.round(held.beta, 6).tolist()})"
        )
    lost = risen(path, held, lost)
    return float(np.sign(held.value - path.estimate) * np.sqrt(2.0 * max(lost, 0.0) / fit.dispersion))


def risen(path: Path, held: Held, lost: float) -> float:
    """By how much half the deviance has risen from a finite estimate: what was `lost`, as a difference, or where that
    is rounding in large numbers, as over billions of rows, what the slopes and curvatures at both ends say.
    """
    start, width = path.start, held.value - path.start.value
    if start.value != path.estimate:
        return lost
    bend = width**2 / 12.0 * (start.curvature - held.curvature)
    along = 0.5 * width * (start.slope + held.slope) + bend
    # the next term of Euler and Maclaurin is about as much smaller as this one is
    near = np.sqrt(4.0 * ROUNDING * path.least) * np.sqrt(max(along, 0.0))
    return along if abs(bend) <= near else lost


def end_of(fit: Fit, path: Path, side: float, reach: float, measure: Measure = signed_root) -> End:
    """Where, on one side of an estimate, −1 or +1, a measure reaches a quantile."""
    return end(path, side, limit_of(fit, path, side, reach, measure))


def limit_of(fit: Fit, path: Path, side: float, reach: float, measure: Measure = signed_root) -> Limit:
    """What ends an interval on one side: where a measure, turned outward, reaches a quantile."""
    noise = min(4.0 * ROUNDING * path.least / (fit.dispersion * reach), SLIGHT * reach)
    return Limit(lambda held: side * measure(fit, path, held), reach, PRECISE * reach + noise, reach * path.scale)


def profile(fit: Fit, name: str, points: object = 21) -> Profile:
    """The profile of one coefficient, as R's profile.glm, over its 99 % interval or at given points.

    `points` is their number, or an array of values (m,). φ is that of the fit. Where an end is infinite the profile
    stops where it has become flat. Raises UnknownNameError for a coefficient that the fit does not have,
    CapabilityError for one that is aliased or of which the data say nothing, and the errors of `likelihood_of`.
    """
    likelihood_of(fit, "a profile")
    j = place_of(fit, name)
    if fit.aliased[j]:
        raise CapabilityError(f"{name!r} is aliased: its column is a combination of others, and it has no profile")
    path = path_along(fit, int(np.sum(~fit.aliased[:j])))
    if path.flat:
        raise CapabilityError(
            f"the data say nothing about {name!r}: they separate, and the lowest deviance is the same at all its values"
        )
    many = np.asarray(points).ndim == 0
    values = grid(fit, path, a_count(points, "points")) if many else vector_of(points, "points")
    if not len(values):
        raise InputError(f"points is empty: give their number, or values of {name!r}")
    held = walked(path, values)
    gained = 2.0 * (np.array([each.half for each in held]) - path.least)
    coefficients = np.full((len(values), len(fit.names)), np.nan)
    coefficients[:, ~fit.aliased] = [path.coefficients(each) for each in held]
    coefficients[~np.isfinite(gained)] = np.nan
    coefficients[:, j] = values
    root = np.array([signed_root(fit, path, each) for each in held])
    return Profile(name, values, root, fit.deviance + gained, coefficients, fit.names, held_shape(fit))


def place_of(fit: Fit, name: object) -> int:
    """The place of a coefficient among the p; raises UnknownNameError for one that the fit does not have."""
    refuse_unknown("coefficient", name, fit.names)
    return fit.names.index(name)


def walked(path: Path, values: Array) -> list[Held]:
    """The fits at some values, in their order; each from the one before it on the way out from the start."""
    found: dict[int, Held] = {}
    for side in (-1.0, 1.0):
        here = path.start
        outward = side * (values - here.value)
        for k in np.argsort(outward, kind="stable"):
            if outward[k] > 0 or (outward[k] == 0 and side > 0):
                here = found[int(k)] = path.at(float(values[k]), here)
    return [found[k] for k in range(len(values))]


def grid(fit: Fit, path: Path, many: int) -> Array:
    """Values between the ends of the wide interval; an infinite end is replaced by one where little is left to see."""
    reach = two_sided_quantile(fit.df_reference, WIDE)
    ends = [end_of(fit, path, side, reach).value for side in (-1.0, 1.0)]
    for k, side in enumerate((-1.0, 1.0)):
        if path.estimate == side * np.inf:
            ends[k] = end_of(fit, path, -side, FADED * reach).value
        elif np.isinf(ends[k]):
            ends[k] = path.estimate + side * 3.0 * reach * path.scale
    # a domain is open: its own ends belong to no fit
    inset = 1e-9 * (ends[1] - ends[0])
    return np.linspace(ends[0] + inset, ends[1] - inset, many)
