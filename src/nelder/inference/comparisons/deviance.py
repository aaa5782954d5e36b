"""Analysis of deviance: what a larger model gains on a smaller one inside it, and whether that is more than chance.

Where φ is known the change in deviance is χ² on as many degrees of freedom as coefficients were added (Wilks 1938).
Where it is estimated, by Pearson's X² of the largest model, the change over its degrees of freedom and φ is F, exactly
so for least squares (Venables & Ripley 2002, section 7.1). Where each model estimates a shape of the family, such as θ
of the negative binomial, deviances measure different things, and twice the log-likelihood is compared instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nelder.diagnosis import PerfectFit
from nelder.errors import CapabilityError, DataError, InputError, unknown_name
from nelder.fit import Fit
from nelder.inference.comparisons.nesting import score_statistic
from nelder.inference.likelihood.tests import SHARED
from nelder.inference.simultaneous import f_tail
from nelder.linalg import Array
from nelder.submodels import deviance_lost
from nelder.table import count, number

TESTS = {"chisq": "chisq", "lr": "chisq", "lrt": "chisq", "f": "F", "rao": "rao", "score": "rao"}
REDUNDANT = "the columns are combinations of the others"
RISE = 1e-9  # of a deviance: what rounding may make of a change that is zero


def usual_test(fit: Fit, test: str | None, others: tuple[str, ...] = ()) -> str:
    """ "chisq", "F" or "rao": F where φ is estimated and χ² where it is known, unless another was asked for.

    `others` are tests that the caller knows as well, for the error.

    Raises UnknownNameError for a test that does not exist, InputError for an F test where φ is known.
    """
    known = fit.family.dispersion_known or fit.dispersion_by == "given"
    if test is None:
        return "chisq" if known or by_likelihood(fit) else "F"
    if str(test).lower() not in TESTS:
        raise unknown_name("test", test, ("chisq", "F", "rao", *others))
    chosen = TESTS[str(test).lower()]
    if chosen == "F" and known:
        raise InputError(
            f"test='F' divides by an estimate of φ, and φ of this {fit.family.label()} fit is known to be "
            f"{fit.dispersion:g}: use test='chisq', or a quasi family if the responses vary more than that"
        )
    if chosen != "chisq" and by_likelihood(fit):
        raise CapabilityError(
            f"test={test!r} compares models that share everything but columns, and {fit.family.shape_name} of "
            f"{fit.family.name} is estimated in each: use test='chisq', or give it, as family={fit.family.label()!r}"
        )
    return chosen


def by_likelihood(fit: Fit) -> bool:
    """Whether models like this one are compared by likelihoods, as each estimates a shape of the family."""
    return fit.shape is not None and fit.shape.estimated


def refuse_incomparable(fit: Fit, what: str) -> None:
    """Raise an error for a fit whose deviance is no measure, as `refuse_unsettled`, or whose covariance in use a test
    of deviances would ignore.
    """
    if fit.uncertainty is not None:
        raise CapabilityError(
            f"{what} goes by deviances, which know nothing of the covariance in use ({fit.uncertainty.name}): use "
            "wald_test or anova(test='wald'), which take it, or the fit as it was before that covariance was chosen"
        )
    refuse_unsettled(fit, what)


def refuse_unsettled(fit: Fit, what: str) -> None:
    """Raise DataError for a loaded fit, CapabilityError for a penalised one, InputError for one not converged."""
    penalty, free = fit.rows_of_data(what).penalty, fit.rows_of_data(what).free
    if penalty.strength(free).any() or penalty.adjustment is not None:
        raise CapabilityError(
            f"{what} rests on maxima of likelihoods, and this fit has a penalty ({fit.solved.penalty}), so that no "
            "statistic follows χ² or F: fit without penalty="
        )
    if not settled(fit):
        raise InputError(
            f"{what} needs the lowest deviance, and this fit did not converge ({fit.reason}): take more steps, or use "
            "solver='newton'"
        )


def settled(fit: Fit) -> bool:
    """Whether the deviance is the lowest, at finite coefficients or in the limit."""
    return fit.converged or fit.limit is not None


@dataclass(frozen=True)
class Attempt:
    """A model that was tried, and what it is called: its fit, or None where it has none, and what was found."""

    label: str
    fit: Fit | None
    found: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found, with the model it is about."""
        return tuple(f"{self.label}: {sentence}" for sentence in self.found)


def attempt(label: str, make: Callable[[], Fit], beside: Fit) -> Attempt:
    """Fit a model, and keep what is wrong with it but for findings that the fit `beside` shares or has already said."""
    try:
        made = make()
    except DataError as problem:
        return Attempt(label, None, (str(problem),))
    known = {type(finding) for finding in beside.warnings if isinstance(finding, SHARED)}
    said = {finding.sentence for finding in beside.warnings}
    new = [finding.sentence for finding in made.warnings if type(finding) not in known]
    found = tuple(sentence for sentence in new if sentence not in said)
    return Attempt(label, made if settled(made) else None, found)


@dataclass(frozen=True)
class Change:
    """What a larger model gains on a smaller: `df` coefficients and `deviance`, or twice the log-likelihood; and Rao's
    `score` where asked for.
    """

    df: float
    deviance: float
    score: float = float("nan")


UNKNOWN = Change(float("nan"), float("nan"))


def change(larger: Fit | None, smaller: Fit | None, score: bool = False) -> Change:
    """The change between two fits; all nan where one of them has no fit, or deviance that rose where it must fall."""
    if larger is None or smaller is None:
        return UNKNOWN
    df, fallen = larger.statistics.rank - smaller.statistics.rank, deviance_lost(larger, smaller)
    if by_likelihood(larger) and larger.dispersion > 0:
        fallen = fallen / larger.dispersion  # twice the log-likelihood itself
    if fallen < 0:
        rounding = -fallen <= RISE * max(larger.deviance, smaller.deviance, 1e-300)
        fallen = 0.0 if rounding or PerfectFit in map(type, larger.warnings) else float("nan")
    if not score:
        return Change(df, fallen)
    return Change(df, fallen, score_statistic(larger, smaller))


@dataclass(frozen=True)
class Reference:
    """What changes are held against: χ² after division by φ, or F with φ on `df` degrees of freedom."""

    test: str
    dispersion: float
    df: float

    @property
    def column(self) -> str:
        """The name of the statistic in tables."""
        return "F" if self.test == "F" else "chi2"

    def statistic(self, made: Change) -> float:
        """χ² or F; nan without degrees of freedom, or without φ."""
        gained = made.score if self.test == "rao" else made.deviance
        if not (made.df > 0 and self.dispersion > 0):
            return float("nan")
        return gained / self.dispersion / (made.df if self.test == "F" else 1.0)

    def columns(self, changes: Sequence[Change]) -> dict[str, Array]:
        """The columns of statistics and p-values."""
        statistics = np.array([self.statistic(made) for made in changes])
        return {self.column: statistics, "p": tails(statistics, [made.df for made in changes], self)}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the statistics were divided by, or why there are none."""
        if not self.dispersion > 0:
            return ("no φ can be estimated, as nothing is left over after the fit: there is nothing to test against",)
        if self.dispersion == 1.0 and np.isinf(self.df):
            return ()
        on = "" if np.isinf(self.df) else f" on {count(self.df)} residual degrees of freedom"
        return (f"φ = {number(self.dispersion)}{on}",)

    def remarks(self, terms: Sequence[str], changes: Sequence[Change], idle_as: str = REDUNDANT) -> tuple[str, ...]:
        """A word on every change that is on no degrees of freedom, `idle_as`, or has no statistic."""
        pairs = list(zip(terms, changes, strict=True))
        idle = [term for term, made in pairs if made.df <= 0]
        odd = [term for term, made in pairs if made.df > 0 and np.isnan(made.deviance)]
        unscored = [term for term, made in pairs if self.test == "rao" and made.df > 0 and np.isnan(made.score)]
        notes = []
        if idle:
            notes.append(f"no degrees of freedom at {', '.join(idle)}: {idle_as}")
        if odd:
            notes.append(
                f"the smaller model has the lower deviance at {', '.join(odd)}: one of the two fits is not at its "
                "lowest minimum"
            )
        if unscored:
            notes.append(
                f"no score at {', '.join(unscored)}: the smaller model lies at an edge of the means allowed, where "
                "none need vanish; use test='chisq'"
            )
        return tuple(notes)


def tails(statistics: Array, dfs: Sequence[float], reference: Reference) -> Array:
    """P(reference > statistic) for χ² or F on each of some degrees of freedom."""
    by_df = reference.test == "F"
    pairs = zip(statistics, dfs, strict=True)
    return np.array(
        [
            f_tail(np.array([value if by_df else value / df]), df, reference.df)[0] if df > 0 else np.nan
            for value, df in pairs
        ]
    )


def reference_of(fit: Fit, test: str) -> Reference:
    """φ and degrees of freedom as the largest model estimates them; no φ where the fit is perfect to rounding."""
    if by_likelihood(fit):
        return Reference(test, 1.0 if fit.dispersion > 0 else float("nan"), np.inf)
    df = fit.df_resid if test == "F" else np.inf
    return Reference(test, float("nan") if fit.perfect else fit.dispersion, df)


def fallen(changes: Sequence[Change], fit: Fit) -> dict[str, Array]:
    """The column of what deviances fell by; none where likelihoods are compared, whose statistic it is."""
    return {} if by_likelihood(fit) else {"deviance": np.array([made.deviance for made in changes])}


def left_over(fits: Sequence[Fit | None], fit: Fit) -> dict[str, Array]:
    """The column of deviances that models leave, or those of shapes and log-likelihoods where these are compared."""
    if not by_likelihood(fit):
        return {"resid_deviance": np.array([np.nan if each is None else each.deviance for each in fits])}
    shapes = [np.nan if each is None else each.family.shape for each in fits]
    logliks = [np.nan if each is None else each.loglik for each in fits]
    return {fit.family.shape_name: np.array(shapes), "loglik": np.array(logliks)}


def shape_note(fit: Fit) -> tuple[str, ...]:
    """That likelihoods are compared, where they are."""
    if not by_likelihood(fit):
        return ()
    return (
        f"{fit.family.shape_name} is estimated in each model, so that log-likelihoods are compared and not deviances",
    )
