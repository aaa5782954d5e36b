"""What may be wrong with a fit, as values with fields, each with a sentence that ends in what to do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nelder.errors import (
    WITHOUT_COMMAS,
    AliasedWarning,
    BoundaryWarning,
    ColumnWarning,
    DivergedWarning,
    IllConditionedWarning,
    NelderWarning,
    NotConvergedWarning,
    ResponseWarning,
    SeveralMinimaWarning,
    warn,
)


@dataclass(frozen=True)
class Diagnosis(ABC):
    """One finding. `sentence` says it in words; `category` is the Python warning it is raised as."""

    category: ClassVar[type[NelderWarning]]

    @property
    @abstractmethod
    def sentence(self) -> str:
        """The finding and the remedy."""

    def renumbered(self, rows: NDArray[np.integer]) -> Diagnosis:
        """The finding with the caller's numbers (n,) of the rows it names by their positions."""
        return self

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class NotConverged(Diagnosis):
    """The last step is not the optimum; `errors` is its distance from it in standard errors."""

    solver: str
    steps: int
    errors: float
    reason: str
    limited: bool = False  # whether it is the step limit that stopped it

    category = NotConvergedWarning

    @property
    def distance(self) -> str:
        """How far the coefficients are from the optimum."""
        known = math.isfinite(self.errors)
        return f"the coefficients are about {self.errors:.2g} standard errors from the optimum: " if known else ""

    @property
    def remedy(self) -> str:
        """More steps, or another way."""
        if "range of numbers" in self.reason:
            return "give y, or the columns of X, in other units, such as y / y.mean()"
        if self.solver != "newton":
            return "take more steps, or use solver='newton'"
        if self.limited:
            return f"take more steps, as solver=nd.Newton(max_steps={10 * self.steps})"
        return "choose another link or another start=, or look at fit.trace for where it halts"

    @property
    def sentence(self) -> str:
        return f"{self.solver} did not converge in {self.steps} steps: {self.reason}; {self.distance}{self.remedy}"


@dataclass(frozen=True)
class Diverged(Diagnosis):
    """A fixed rate was too large. `largest` is 2/λmax at the optimum: no larger rate can converge there."""

    solver: str
    rate: float
    step: int
    largest: float
    exploded: bool = True

    category = DivergedWarning

    @property
    def sentence(self) -> str:
        what = "diverged at" if self.exploded else "never settled and was stopped after"
        return (
            f"{self.solver} {what} step {self.step} with rate {self.rate:g}: no rate above {self.largest:.3g} "
            f"(2/λmax of the information at the optimum) can converge; use a smaller rate, rate=None for backtracking, "
            "or solver='newton'"
        )


@dataclass(frozen=True)
class Separated(Diagnosis):
    """The maximum lies at infinity: `columns` run away, along a direction that takes the means of `rows` rows to their
    limits, as their responses ask for.

    `direction` gives each column's share of one such direction; `unsigned` are the columns that others take the other
    way. `first` are the numbers of the first of these rows; `instead`, arguments of a fit with finite estimates.
    """

    columns: tuple[str, ...]
    direction: tuple[float, ...]
    rows: int
    first: tuple[int, ...]
    unsigned: tuple[str, ...] = ()
    instead: str = ""

    category = BoundaryWarning

    def renumbered(self, rows: NDArray[np.integer]) -> Separated:
        return replace(self, first=tuple(rows[list(self.first)].tolist()))

    @property
    def sentence(self) -> str:
        moves = _moves(self.columns, self.direction, self.unsigned)
        finite = f", or fit with {self.instead}, whose estimates are finite" if self.instead else ""
        return (
            f"separation: the likelihood has no maximum at finite coefficients, it rises for ever as {moves} "
            f"({self.rows} rows, such as {_some(self.first)}, then have means at their limits); deviance and means are "
            f"those of the limit, and the other estimates keep their meaning: drop or merge these columns{finite}"
        )


@dataclass(frozen=True)
class Runaway(Diagnosis):
    """No finite minimum was found as low as a limit at infinity, though some rows object to it: the deviance is not
    convex. Fields as for `Separated`.
    """

    columns: tuple[str, ...]
    direction: tuple[float, ...]
    rows: int
    first: tuple[int, ...]
    unsigned: tuple[str, ...] = ()

    category = BoundaryWarning

    def renumbered(self, rows: NDArray[np.integer]) -> Runaway:
        return replace(self, first=tuple(rows[list(self.first)].tolist()))

    @property
    def sentence(self) -> str:
        moves = _moves(self.columns, self.direction, self.unsigned)
        return (
            f"the lowest deviance that was found lies at infinity, as {moves} "
            f"({self.rows} rows, such as {_some(self.first)}, then have means at their limits); deviance and means are "
            "those of the limit: look whether the link can reach the responses, and use one that can, such as the "
            "family's own"
        )


def _moves(columns: tuple[str, ...], direction: tuple[float, ...], unsigned: tuple[str, ...]) -> str:
    ends = ["either" if c in unsigned else "+" if d > 0 else "-" for c, d in zip(columns, direction, strict=True)]
    return ", ".join(f"{c} to {'either ' if e == 'either' else e}inf" for c, e in zip(columns, ends, strict=True))


def _some(rows: tuple[int, ...]) -> str:
    return ", ".join(map(str, rows))


@dataclass(frozen=True)
class Aliased(Diagnosis):
    """Columns that are linear combinations of columns before them; `combinations` writes them out."""

    columns: tuple[str, ...]
    combinations: tuple[str, ...]

    category = AliasedWarning

    @property
    def sentence(self) -> str:
        return (
            f"{len(self.columns)} of the columns cannot be told from the others and are left out (coefficient nan): "
            f"{'; '.join(self.combinations)}: fit X[:, ~fit.aliased], or a formula without their terms"
        )


@dataclass(frozen=True)
class IllConditioned(Diagnosis):
    """The columns are nearly combinations of each other; `condition` is that of the weighted, unit-norm design."""

    condition: float

    category = IllConditionedWarning

    @property
    def sentence(self) -> str:
        return (
            f"the design is ill-conditioned (condition {self.condition:.1e}): about {_digits(self.condition)} digits "
            "of the coefficients are certain; centre or rescale columns, or use poly() and bs() instead of powers"
        )


def _digits(condition: float) -> int:
    return max(0, int(15.9 - math.log10(condition))) if math.isfinite(condition) else 0


@dataclass(frozen=True)
class Imprecise(Diagnosis):
    """Rounding in the linear predictor alone can move a coefficient by `errors` standard errors, and the dispersion by
    the share `dispersion` of itself.
    """

    errors: float
    dispersion: float

    category = IllConditionedWarning

    @property
    def sentence(self) -> str:
        return (
            f"rounding alone can move the coefficients by {self.errors:.0e} standard errors and the dispersion by "
            f"{self.dispersion:.0e} of itself: large terms cancel in the linear predictor, or some rows are fitted all "
            "but perfectly; centre or rescale columns, or look at the rows with the largest weights"
        )


@dataclass(frozen=True)
class OddResponse(Diagnosis):
    """A response that can be fitted but does not look like the family."""

    family: str
    finding: str

    category = ResponseWarning

    @property
    def sentence(self) -> str:
        return f"the response does not look {self.family}: {self.finding}"


@dataclass(frozen=True)
class NumbersAsText(Diagnosis):
    """A column that is a factor of `levels` for a few `texts` among its numbers, or many numbers with `commas`."""

    column: str
    levels: int
    texts: tuple[str, ...]
    commas: bool = False

    category = ColumnWarning

    @property
    def sentence(self) -> str:
        more = ", …" if self.commas else ""
        remedy = WITHOUT_COMMAS if self.commas else "leave those cells empty"
        return (
            f"column {self.column!r} is text because of {', '.join(map(repr, self.texts))}{more}, and so a factor of "
            f"{self.levels} levels: {remedy} if it holds numbers, or write C({self.column})"
        )


@dataclass(frozen=True)
class Remembered(Diagnosis):
    """The words of a finding of a fit that was saved and loaded."""

    words: str

    category = NelderWarning

    @property
    def sentence(self) -> str:
        return self.words


@dataclass(frozen=True)
class Boundary(Diagnosis):
    """The best mean lies, in some rows, at the edge of what link and family allow, where no score need vanish.

    `link` names one that keeps means inside by itself, if one is known.
    """

    rows: int
    first: tuple[int, ...]
    link: str | None = None

    category = BoundaryWarning

    def renumbered(self, rows: NDArray[np.integer]) -> Boundary:
        return replace(self, first=tuple(rows[list(self.first)].tolist()))

    @property
    def sentence(self) -> str:
        some = ", ".join(map(str, self.first))
        instead = f"; use link={self.link!r}, which keeps the mean inside" if self.link else ""
        return (
            f"the optimum lies at the edge of the means allowed ({self.rows} rows, such as {some}), and the likelihood "
            f"would rise beyond it: standard errors take those rows as fixed and tests mean little{instead}"
        )


@dataclass(frozen=True)
class SeveralMinima(Diagnosis):
    """The deviance has several minima, as it may where it is not convex; `others` are those met beside the lowest."""

    lowest: float
    others: tuple[float, ...]

    category = SeveralMinimaWarning

    @property
    def sentence(self) -> str:
        others = ", ".join(f"{value:.6g}" for value in self.others[:3])
        return (
            f"the deviance has several minima: the lowest that was found is {self.lowest:.6g}, others are {others}; "
            "estimates and standard errors are those of the lowest: compare with a link for which there is only one, "
            "such as the family's own, or try your own solver=nd.Newton(start=...)"
        )


@dataclass(frozen=True)
class ShapeAtEnd(Diagnosis):
    """A shape parameter that was estimated is likeliest at an end of its range; `meaning` says what that means."""

    name: str
    value: float
    meaning: str

    category = BoundaryWarning

    @property
    def sentence(self) -> str:
        return (
            f"the likelihood is highest at the end of the range of {self.name}, {self.name} = {self.value:g}, with no "
            f"standard error: {self.meaning}"
        )


@dataclass(frozen=True)
class ShapeUnknown(Diagnosis):
    """A shape parameter could not be estimated, and `value` was taken instead."""

    name: str
    value: float
    why: str
    family: str

    category = NotConvergedWarning

    @property
    def sentence(self) -> str:
        return (
            f"{self.name} cannot be estimated, as {self.why}; {self.name} = {self.value:g} is taken instead, for want "
            f"of a better: use a family without it, or write out another, such as family='{self.family}(1.5)'"
        )


@dataclass(frozen=True)
class SeveralShapes(Diagnosis):
    """The likelihood has several maxima in a shape parameter; `others` are those nearly as high as the one taken."""

    name: str
    value: float
    others: tuple[float, ...]
    family: str

    category = SeveralMinimaWarning

    @property
    def sentence(self) -> str:
        others = ", ".join(f"{value:.6g}" for value in self.others)
        return (
            f"the likelihood has several maxima in {self.name}: the highest is at {self.value:.6g}, and nearly as high "
            f"at {others}: look for rows of two kinds, and compare with family='{self.family}({self.others[0]:.6g})'"
        )


@dataclass(frozen=True)
class PerfectFit(Diagnosis):
    """Nothing is left of the response but rounding."""

    deviance: float

    category = ResponseWarning

    @property
    def sentence(self) -> str:
        return (
            f"the fit is perfect to rounding (deviance {self.deviance:.2g}): standard errors, tests, dispersion and "
            "likelihood mean nothing; use fewer columns, or look for the response among the predictors"
        )


def announce(findings: Iterable[Diagnosis]) -> None:
    """Raise each finding once as a Python warning."""
    for finding in findings:
        warn(finding.sentence, finding.category)
