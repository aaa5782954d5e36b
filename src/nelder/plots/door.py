"""`fit.plot`: every picture of a fit by name, and called by itself the page of the four usual checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from nelder.plots.bands import calibration, lift, roc, rootogram
from nelder.plots.descent import fits_by_name, loss, paths, race
from nelder.plots.estimates import forest, truth
from nelder.plots.frames import curves, steps
from nelder.plots.model_checks import checks, leverage, quantiles, residuals, scale_location
from nelder.plots.surfaces import contour, profile, sweep
from nelder.plots.terms import effect, partial

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

    from nelder.fit import Fit


@dataclass(frozen=True)
class Plots:
    """The pictures of a fit. Each takes `ax=`, to draw into, and returns it; without, it makes a figure."""

    fit: Fit

    def __call__(self, ax: Any = None) -> NDArray[np.object_]:
        """The four usual checks; see `plots.model_checks.checks`."""
        return checks(self.fit, ax)

    def checks(self, ax: Any = None) -> NDArray[np.object_]:
        """The four usual checks; see `plots.model_checks.checks`."""
        return checks(self.fit, ax)

    def loss(self, optimum: float | None = None, ax: Any = None) -> Axes:
        """How far each step was from the optimum; see `plots.descent.loss`."""
        return loss(self.fit, optimum, ax)

    def paths(self, terms: object = None, ax: Any = None) -> Axes:
        """Each coefficient by step; see `plots.descent.paths`."""
        return paths(self.fit, terms, ax)

    def race(self, others: Mapping[str, Fit], by: str = "step", ax: Any = None) -> Axes:
        """This fit against those of other solvers; see `plots.descent.race`."""
        return race({self.fit.solved.solver: self.fit, **fits_by_name(others)}, by, ax)

    def sweep(self, name: str | None = None, values: object = None, ax: Any = None) -> Axes:
        """The log-likelihood along one coefficient; see `plots.surfaces.sweep`."""
        return sweep(self.fit, name, values, ax)

    def contour(self, names: Sequence[str] | None = None, points: int | None = None, ax: Any = None) -> Axes:
        """The log-likelihood over two coefficients, and the path; see `plots.surfaces.contour`."""
        return contour(self.fit, names, points, ax)

    def profile(self, name: str | None = None, level: float = 0.95, points: int = 21, ax: Any = None) -> Axes:
        """The profile log-likelihood of a coefficient; see `plots.surfaces.profile`."""
        return profile(self.fit, name, level, points, ax)

    def curves(self, variable: str | None = None, frames: int = 8, ax: Any = None) -> Axes:
        """The fitted curve after some of the steps; see `plots.frames.curves`."""
        return curves(self.fit, variable, frames, ax)

    def steps(self, variable: str | None = None, frames: int = 6, ax: Any = None) -> NDArray[np.object_]:
        """The fit as it happens, in small panels; see `plots.frames.steps`."""
        return steps(self.fit, variable, frames, ax)

    def forest(self, terms: object = None, exponentiate: bool = False, intervals: str = "wald", ax: Any = None) -> Axes:
        """Estimates and intervals, one below the other; see `plots.estimates.forest`."""
        return forest(self.fit, terms, exponentiate, intervals, ax)

    def truth(self, true: object, level: float = 0.95, ax: Any = None) -> Axes:
        """Estimates against the coefficients that made the data; see `plots.estimates.truth`."""
        return truth(self.fit, true, level, ax)

    def residuals(self, kind: str | None = None, ax: Any = None) -> Axes:
        """Residuals against fitted; see `plots.model_checks.residuals`."""
        return residuals(self.fit, kind, ax)

    def quantiles(self, kind: str | None = None, level: float = 0.95, ax: Any = None) -> Axes:
        """Residuals against normal quantiles; see `plots.model_checks.quantiles`."""
        return quantiles(self.fit, kind, level, ax)

    def scale_location(self, kind: str | None = None, ax: Any = None) -> Axes:
        """Spread against fitted; see `plots.model_checks.scale_location`."""
        return scale_location(self.fit, kind, ax)

    def leverage(self, ax: Any = None) -> Axes:
        """Residuals against leverage; see `plots.model_checks.leverage`."""
        return leverage(self.fit, ax)

    def effect(
        self, variable: str | None = None, scale: str = "response", others: object = "mean", ax: Any = None
    ) -> Axes:
        """The mean along a variable; see `plots.terms.effect`."""
        return effect(self.fit, variable, scale, others, ax)

    def partial(self, term: str | None = None, ax: Any = None) -> Axes:
        """A term with its partial residuals; see `plots.terms.partial`."""
        return partial(self.fit, term, ax)

    def calibration(self, bands: int = 10, level: float = 0.95, predicted: object = None, ax: Any = None) -> Axes:
        """Observed against predicted means; see `plots.bands.calibration`."""
        return calibration(self.fit, bands, level, predicted, ax)

    def roc(self, level: float = 0.95, predicted: object = None, ax: Any = None) -> Axes:
        """The ROC curve; see `plots.bands.roc`."""
        return roc(self.fit, level, predicted, ax)

    def lift(self, bands: int = 10, exposure: object = None, predicted: object = None, ax: Any = None) -> Axes:
        """Rates by bands of the predictions; see `plots.bands.lift`."""
        return lift(self.fit, bands, exposure, predicted, ax)

    def rootogram(self, most: int = 60, ax: Any = None) -> Axes:
        """Observed and expected counts; see `plots.bands.rootogram`."""
        return rootogram(self.fit, most, ax)

    def __repr__(self) -> str:
        names = [name for name in dir(type(self)) if not name.startswith("_") and name != "fit"]
        return f"pictures of this fit: {', '.join(sorted(names))}; fit.plot() draws the page of checks"
