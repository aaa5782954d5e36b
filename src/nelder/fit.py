"""A fit: a frozen value that holds what was estimated and how, and opens the rooms that read it.

The methods are doors, one line each: what they open lives in `inference`, `diagnostics`, `report` and `saving`, and is
imported when called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nelder.estimate import Estimate, Kept, Limit, Shape, Solved, Statistics, Terms, Uncertainty
from nelder.linalg import Array
from nelder.table import Table

if TYPE_CHECKING:
    from nelder.diagnostics.calibration import Calibration
    from nelder.diagnostics.check import Check
    from nelder.diagnostics.cross_validation import CrossValidation
    from nelder.diagnostics.discrimination import RocCurve
    from nelder.diagnostics.hosmer_lemeshow import HosmerLemeshow
    from nelder.diagnostics.influence import Influence
    from nelder.diagnostics.lift import Lift
    from nelder.explanation import Explanation
    from nelder.families import Family
    from nelder.inference.comparisons.stepwise import Steps
    from nelder.inference.effects.marginal_means import MarginalMeans
    from nelder.inference.estimates import Estimates
    from nelder.inference.likelihood.profile import Profile
    from nelder.inference.resamples.bootstrap import Bootstrap
    from nelder.mean import Link
    from nelder.penalties import Penalty
    from nelder.plots.door import Plots
    from nelder.report.summary import Summary
    from nelder.solvers import Solver

__all__ = ["Estimate", "Fit", "Kept", "Limit", "Shape", "Solved", "Statistics", "Terms", "Uncertainty"]


@dataclass(frozen=True)
class Fit(Estimate):
    """The result of `glm` or `glm_fit`, or of `load`; its numbers are the properties of `Estimate`."""

    def covariance(self, kind: object = None) -> Array:
        """The covariance (p, p) in use, or of a kind; see `inference.covariances.covariance.covariance`."""
        from nelder.inference.covariances.covariance import covariance

        return covariance(self, kind)

    def with_covariance(self, kind: object) -> Fit:
        """The same fit with robust or other standard errors; see `inference.covariances.covariance.with_covariance`."""
        from nelder.inference.covariances.covariance import with_covariance

        return with_covariance(self, kind)

    def with_dispersion(self, method: str | float) -> Fit:
        """The same fit with φ by another method, or as given; see `inference.dispersions.with_dispersion`."""
        from nelder.inference.dispersions import with_dispersion

        return with_dispersion(self, method)

    def table(self, level: float = 0.95, intervals: str = "wald", exponentiate: bool = False) -> Table:
        """The coefficient table; see `inference.coefficients.coefficient_table`."""
        from nelder.inference.coefficients import coefficient_table

        return coefficient_table(self, level, intervals, exponentiate)

    def confint(
        self, level: float = 0.95, kind: str = "wald", adjust: str = "none", terms: str | Sequence[str] | None = None
    ) -> Table:
        """Intervals of the coefficients: Wald, profile or score; see `inference.intervals.confint`."""
        from nelder.inference.intervals import confint

        return confint(self, level, kind, adjust, terms)

    def relativities(self, level: float = 0.95) -> Table:
        """Exponentiated coefficients, base levels among them; see `inference.effects.relativities.relativities`."""
        from nelder.inference.effects.relativities import relativities

        return relativities(self, level)

    def profile(self, name: str, points: object = 21) -> Profile:
        """The profile likelihood of a coefficient; see `inference.likelihood.profile.profile`."""
        from nelder.inference.likelihood.profile import profile

        return profile(self, name, points)

    def delta(self, function: object, level: float = 0.95) -> Table:
        """Any function of the coefficients, by the delta method; see `inference.hypotheses.delta.delta`."""
        from nelder.inference.hypotheses.delta import delta

        return delta(self, function, level)

    def hypotheses(self, given: object, level: float = 0.95, adjust: str = "none") -> Table:
        """Linear hypotheses in words, each by itself; see `inference.hypotheses.linear.hypotheses`."""
        from nelder.inference.hypotheses.linear import hypotheses

        return hypotheses(self, given, level, adjust)

    def wald_test(self, given: object) -> Table:
        """The joint Wald test of linear hypotheses; see `inference.hypotheses.linear.wald_test`."""
        from nelder.inference.hypotheses.linear import wald_test

        return wald_test(self, given)

    def likelihood_ratio(self, given: object) -> Table:
        """The likelihood-ratio test of linear hypotheses; see `inference.likelihood.tests.likelihood_ratio`."""
        from nelder.inference.likelihood.tests import likelihood_ratio

        return likelihood_ratio(self, given)

    def score_test(self, given: object) -> Table:
        """Rao's score test of linear hypotheses; see `inference.likelihood.score.score_test`."""
        from nelder.inference.likelihood.score import score_test

        return score_test(self, given)

    def compare(self, *others: Fit, test: str | None = None) -> Table:
        """Nested fits to the same rows, in order and tested; see `inference.comparisons.comparison.compare`."""
        from nelder.inference.comparisons.comparison import compare

        return compare(self, others, test)

    def anova(self, type: int | str = 2, test: str | None = None) -> Table:
        """The analysis of deviance by terms, type 1, 2 or 3; see `inference.comparisons.anova.anova`."""
        from nelder.inference.comparisons.anova import anova

        return anova(self, type, test)

    def drop1(self, scope: object = None, test: str | None = None) -> Table:
        """The model without each of its terms; see `inference.comparisons.selection.drop1`."""
        from nelder.inference.comparisons.selection import drop1

        return drop1(self, scope, test)

    def add1(self, scope: object, test: str | None = None) -> Table:
        """The model with each of some terms added; see `inference.comparisons.selection.add1`."""
        from nelder.inference.comparisons.selection import add1

        return add1(self, scope, test)

    def step(self, scope: object = None, criterion: str = "aic", direction: str = "both") -> Steps:
        """Stepwise selection, with its warning; see `inference.comparisons.stepwise.step`."""
        from nelder.inference.comparisons.stepwise import step

        return step(self, scope, criterion, direction)

    def dispersions(self) -> Table:
        """φ by Pearson's X², deviance and maximum likelihood; see `inference.dispersions.dispersions`."""
        from nelder.inference.dispersions import dispersions

        return dispersions(self)

    def shape_interval(self, level: float = 0.95) -> Table:
        """The interval of a shape that was estimated; see `inference.shapes.shape_interval`."""
        from nelder.inference.shapes import shape_interval

        return shape_interval(self, level)

    def predict(
        self,
        new: object = None,
        kind: str = "response",
        interval: str | None = None,
        level: float = 0.95,
        offset: object = None,
    ) -> Array | Table:
        """Means or linear predictors, at new rows or those of the fit; see `predictions.prediction.predict`."""
        from nelder.inference.predictions.prediction import Request, predict

        return predict(self, new, Request(kind, interval, level), offset)

    def predict_to(
        self,
        path: str | Path,
        new: object,
        kind: str = "response",
        interval: str | None = None,
        keep: Sequence[str] = (),
    ) -> int:
        """Predictions written to Parquet, part by part; see `predictions.written.predict_to`."""
        from nelder.inference.predictions.prediction import Request
        from nelder.inference.predictions.written import predict_to

        return predict_to(self, path, new, Request(kind, interval), keep)

    @property
    def fitted(self) -> Array:
        """The means at the rows of the fit (n,)."""
        return np.asarray(self.predict())

    def deviance_at(self, betas: object) -> Array:
        """The deviance at other coefficients, one (p,) or many (k, p), to sweep or to draw."""
        from nelder.inference.likelihood.tests import deviance_at

        return deviance_at(self, betas)

    def predictions(
        self, by: object = None, at: object = None, scale: str = "response", others: object = "observed"
    ) -> Estimates:
        """Average predictions, by groups or at values; see `inference.effects.predictions.predictions`."""
        from nelder.inference.effects.averaging import Averaging
        from nelder.inference.effects.predictions import predictions

        return predictions(self, Averaging(by, at, others), scale)

    def slopes(
        self,
        variables: object = None,
        by: object = None,
        at: object = None,
        kind: str = "dydx",
        others: object = "observed",
    ) -> Estimates:
        """Average marginal effects; see `inference.effects.slopes.slopes`."""
        from nelder.inference.effects.averaging import Averaging
        from nelder.inference.effects.slopes import slopes

        return slopes(self, variables, Averaging(by, at, others), kind)

    def comparisons(
        self,
        variables: object = None,
        kind: str = "difference",
        by: object = None,
        at: object = None,
        others: object = "observed",
    ) -> Estimates:
        """Average differences or ratios of means; see `inference.effects.comparisons.comparisons`."""
        from nelder.inference.effects.averaging import Averaging
        from nelder.inference.effects.comparisons import comparisons

        return comparisons(self, variables, Averaging(by, at, others), kind)

    def emmeans(
        self, specs: object = None, by: object = None, at: object = None, weights: str = "equal", scale: str = "link"
    ) -> MarginalMeans:
        """Estimated marginal means, and their contrasts; see `inference.effects.marginal_means.emmeans`."""
        from nelder.inference.effects.marginal_means import Averaged, emmeans

        return emmeans(self, specs, Averaged(by, at, weights), scale)

    def residuals(self, kind: str = "deviance", seed: int | None = None) -> Array:
        """Residuals (n,); see `diagnostics.residuals.residuals`."""
        from nelder.diagnostics.residuals import residuals

        return residuals(self, kind, seed)

    def influence(self) -> Influence:
        """Leverage, Cook's distance and their like, row by row; see `diagnostics.influence.influence`."""
        from nelder.diagnostics.influence import influence

        return influence(self)

    def check(self, level: float = 0.05) -> Check:
        """The checks that apply, in plain words; see `diagnostics.check.check`."""
        from nelder.diagnostics.check import check

        return check(self, level)

    def goodness_of_fit(self) -> Table:
        """Pearson's, the deviance's and Osius and Rojek's test; see `diagnostics.goodness_of_fit.goodness_of_fit`."""
        from nelder.diagnostics.goodness_of_fit import goodness_of_fit

        return goodness_of_fit(self)

    def dispersion_tests(self, alternative: str = "greater") -> Table:
        """Tests of φ = 1; see `diagnostics.dispersion_tests.dispersion_tests`."""
        from nelder.diagnostics.dispersion_tests import dispersion_tests

        return dispersion_tests(self, alternative)

    def zero_inflation(self) -> Table:
        """Zeros seen and expected; see `diagnostics.zero_inflation.zero_inflation`."""
        from nelder.diagnostics.zero_inflation import zero_inflation

        return zero_inflation(self)

    def hosmer_lemeshow(self, groups: int = 10) -> HosmerLemeshow:
        """Observed and expected by groups of the mean; see `diagnostics.hosmer_lemeshow.hosmer_lemeshow`."""
        from nelder.diagnostics.hosmer_lemeshow import hosmer_lemeshow

        return hosmer_lemeshow(self, groups)

    def link_test(self, level: float = 0.95) -> Table:
        """Pregibon's test of the link; see `diagnostics.link_test.link_test`."""
        from nelder.diagnostics.link_test import link_test

        return link_test(self, level)

    def spread_test(self) -> Table:
        """Whether residuals vary as the family says; see `diagnostics.spread.spread_test`."""
        from nelder.diagnostics.spread import spread_test

        return spread_test(self)

    def normality(self, seed: int = 0) -> Table:
        """Whether quantile residuals are normal; see `diagnostics.normality.normality`."""
        from nelder.diagnostics.normality import normality

        return normality(self, seed)

    def outliers(self, rows: int = 5) -> Table:
        """The least likely responses; see `diagnostics.outliers.outliers`."""
        from nelder.diagnostics.outliers import outliers

        return outliers(self, rows)

    def vif(self) -> Table:
        """Variance inflation factors, generalised for terms; see `diagnostics.collinearity.vif`."""
        from nelder.diagnostics.collinearity import vif

        return vif(self)

    def condition_indices(self) -> Table:
        """Near dependencies among the columns; see `diagnostics.collinearity.condition_indices`."""
        from nelder.diagnostics.collinearity import condition_indices

        return condition_indices(self)

    def calibration(self, bands: int = 10, level: float = 0.95, predicted: object = None) -> Calibration:
        """Means promised and seen; see `diagnostics.calibration.calibration`."""
        from nelder.diagnostics.calibration import calibration

        return calibration(self, bands, level, predicted)

    def brier_score(self, bands: int = 10, predicted: object = None) -> Table:
        """The Brier score and its parts; see `diagnostics.calibration.brier_score`."""
        from nelder.diagnostics.calibration import brier_score

        return brier_score(self, bands, predicted)

    def lift(self, bands: int = 10, exposure: object = None, predicted: object = None) -> Lift:
        """Lift by bands of the mean, and Gini; see `diagnostics.lift.lift`."""
        from nelder.diagnostics.lift import lift

        return lift(self, bands, exposure, predicted)

    def roc(self, level: float = 0.95, predicted: object = None) -> RocCurve:
        """The ROC curve and its area; see `diagnostics.discrimination.roc`."""
        from nelder.diagnostics.discrimination import roc

        return roc(self, level, predicted)

    def compare_roc(self, other: object, level: float = 0.95) -> Table:
        """Whether another ranks the rows as well; see `diagnostics.discrimination.compare_roc`."""
        from nelder.diagnostics.discrimination import compare_roc

        return compare_roc(self, other, level)

    def pseudo_r_squared(self) -> Table:
        """Five relatives of R²; see `diagnostics.pseudo_r_squared.pseudo_r_squared`."""
        from nelder.diagnostics.pseudo_r_squared import pseudo_r_squared

        return pseudo_r_squared(self)

    def cross_validate(self, folds: object = 10, seed: int = 0, groups: object = None) -> CrossValidation:
        """The deviance at rows left out of the fit; see `diagnostics.cross_validation.cross_validate`."""
        from nelder.diagnostics.cross_validation import cross_validate

        return cross_validate(self, folds, seed, groups)

    def simulate(self, draws: int = 1, seed: int | None = None) -> Array:
        """New responses (draws, n) from the fitted model; see `simulation.simulate_fit`."""
        from nelder.simulation import simulate_fit

        return simulate_fit(self, draws, seed)

    def bootstrap(
        self,
        draws: int = 1000,
        kind: str = "parametric",
        seed: int | None = None,
        statistic: Callable[[Fit], object] | None = None,
        groups: object = None,
    ) -> Bootstrap:
        """Refits to simulated or resampled rows; see `inference.resamples.bootstrap.bootstrap`."""
        from nelder.inference.resamples.bootstrap import Resampling, bootstrap

        return bootstrap(self, Resampling(draws, kind, seed, statistic, groups))

    def summary(self, level: float = 0.95) -> Summary:
        """The page that R's summary() prints; see `report.summary`."""
        from nelder.report.summary import Summary

        return Summary(self, level)

    def tidy(self, level: float = 0.95, exponentiate: bool = False) -> Table:
        """One row a coefficient, with broom's names; see `report.broom.tidy`."""
        from nelder.report.broom import tidy

        return tidy(self, level, exponentiate)

    def glance(self) -> Table:
        """One row for the fit, with broom's names; see `report.broom.glance`."""
        from nelder.report.broom import glance

        return glance(self)

    def augment(self) -> Table:
        """One row for each row of the fit, with broom's names; see `report.broom.augment`."""
        from nelder.report.broom import augment

        return augment(self)

    def explain(self) -> Explanation:
        """What happened and what to do about it, in plain words; see `explanation.explain`."""
        from nelder.explanation import explain

        return explain(self)

    def update(
        self,
        formula: str | None = None,
        family: str | Family | None = None,
        link: str | Link | None = None,
        solver: str | Solver | None = None,
        penalty: str | Penalty | None = None,
    ) -> Fit:
        """The same rows fitted again with something changed; see `updating.update`."""
        from nelder.updating import Changes, update

        return update(self, Changes(formula, family, link, solver, penalty))

    def report(self, path: str | Path, level: float = 0.95) -> Path:
        """Write one HTML page with all that there is to see, and a replay of the steps; see `report.page.report`."""
        from nelder.report.page import report

        return report(self, path, level)

    @property
    def plot(self) -> Plots:
        """Pictures: fit.plot() draws the four usual checks, fit.plot.loss() and others one each; see `plots.door`."""
        from nelder.plots.door import Plots

        return Plots(self)

    def save(self, path: str | Path) -> None:
        """Write the fit as JSON, without the data; see `saving.save`."""
        from nelder.saving import save

        save(self, path)

    def __str__(self) -> str:
        return str(self.summary())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()
