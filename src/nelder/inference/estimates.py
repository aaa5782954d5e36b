"""Functions of the coefficients with their joint covariance: what hypotheses, effects and the delta method hand out."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.arrow import Variances, in_full
from nelder.errors import InputError
from nelder.inference.simultaneous import Adjusted, adjustment
from nelder.linalg import Array
from nelder.links import Log
from nelder.mean import REALS, Interval, Link, Mean
from nelder.table import Table


def apart(name: str, taken: Container[str]) -> str:
    """The column of a variable's levels: its name, or `variable name` where another column is called so."""
    return f"variable {name}" if name in taken else name


@dataclass(frozen=True)
class Shown:
    """How estimates are shown: carried through `link` from the scale of the test, within `bounds` of that scale, in a
    column `name`; with the test, or without where nobody asks whether they are zero.
    """

    link: Link | None = None
    name: str = "estimate"
    tested: bool = True
    bounds: Interval = REALS


@dataclass(frozen=True)
class Adjusting:
    """How a family of estimates is adjusted unless told otherwise: `method`, within each combination of the labels
    `within`. `pairwise` says whether they are all differences of some means; None where nobody knows.
    """

    method: str = "none"
    within: tuple[str, ...] = ()
    pairwise: bool | None = None


@dataclass(frozen=True, repr=False)
class Estimates:
    """k numbers `values` (k,) with `covariance` (k, k), named by columns of `labels`; tests take Student's t on `df`.

    `null` (k,) is what each is tested against. `exponentiated` means that values are logarithms to be shown as ratios.
    """

    labels: Mapping[str, Sequence[object]]
    values: Array
    covariance: Array | Variances
    df: float
    null: Array | float = 0.0
    exponentiated: bool = False
    title: str = ""
    notes: tuple[str, ...] = ()
    shown: Shown = Shown()
    adjusting: Adjusting = Adjusting()

    @property
    def se(self) -> Array:
        """Standard errors (k,), nan where there is no variance."""
        variance = self.covariance.diagonal()
        return np.sqrt(np.where(variance > 0, variance, np.nan))

    @property
    def statistic(self) -> Array:
        """(value − null) / standard error (k,)."""
        with np.errstate(all="ignore"):
            return np.asarray((self.values - self.null) / self.se)

    def select(self, rows: Sequence[int] | NDArray[np.integer]) -> Estimates:
        """Some of them."""
        chosen = np.asarray(rows, dtype=np.intp)
        labels = {name: np.asarray(column)[chosen].tolist() for name, column in self.labels.items()}
        null = np.broadcast_to(self.null, self.values.shape)[chosen]
        whole = np.array_equal(chosen, np.arange(len(self.values)))  # then it need not be copied
        covariance = self.covariance
        if isinstance(covariance, Variances):
            covariance = Variances(covariance.values[chosen])
        elif not whole:
            covariance = covariance[np.ix_(chosen, chosen)]
        some = replace(self, labels=labels, values=self.values[chosen], covariance=covariance, null=null)
        if len(chosen) == len(self.values) or not self.adjusting.pairwise:
            return some
        return replace(some, adjusting=replace(self.adjusting, pairwise=False))  # no longer all of the differences

    def combined(self, weights: Array, labels: Mapping[str, Sequence[object]], null: Array | float = 0.0) -> Estimates:
        """The combinations weights (m, k) @ values."""
        covariance = weights @ in_full(self.covariance) @ weights.T
        made = replace(self, labels=labels, values=weights @ self.values, covariance=covariance, null=null)
        return replace(made, adjusting=Adjusting())

    def table(self, level: float = 0.95, adjust: str | None = None) -> Table:
        """Columns: the labels, estimate, se, z or t, p, lower, upper; p and intervals adjusted for their number. A
        label that is called as a measure, as a variable p is, has the column `variable p`.

        `adjust` is one of `simultaneous.ADJUSTMENTS`, by default that of `adjusting`. Where estimates are shown through
        a link, so are their intervals, and se is by the delta method, while test and p are those of the values.
        """
        family = self._adjusted(self.adjusting.method if adjust is None else adjust, level)
        name = "z" if np.isinf(self.df) else "t"
        estimate, se, lower, upper = self._carried(family.reach)
        columns = {self.shown.name: estimate, "se": se}
        columns |= {name: self.statistic, "p": family.p} if self.shown.tested else {}
        columns |= {"lower": lower, "upper": upper}
        labels = {apart(each, columns): given for each, given in self.labels.items()}
        notes = (*self.notes, family.note) if family.note else self.notes
        return Table({**labels, **columns}, self.title, notes, own=labels)

    def _carried(self, reach: Array | float) -> tuple[Array, Array, Array, Array]:
        """Estimate, se, lower and upper as they are shown."""
        link = Log() if self.exponentiated else self.shown.link
        with np.errstate(all="ignore"):
            ends = np.stack([self.values - reach * self.se, self.values + reach * self.se])
            if link is None:
                return self.values, self.se, ends[0], ends[1]
            ends = link.mean(np.clip(ends, *self.shown.bounds))
            lower, upper = ends if link.increasing else ends[::-1]
            return link.mean(self.values), np.abs(Mean(link, self.values).slope) * self.se, lower, upper

    def _adjusted(self, name: str, level: float) -> Adjusted:
        """p-values and reach, a family at a time."""
        method = adjustment(name)
        if name == "tukey" and self.adjusting.pairwise is False:
            raise InputError("adjust='tukey' is for all pairwise differences of means, which these are not: use 'holm'")
        families = self._families()
        if len(families) == 1:
            return method(self, level)
        p, reach, note = np.empty(len(self.values)), np.empty(len(self.values)), ""
        for rows in families:
            part = method(self.select(rows), level)
            p[rows], reach[rows], note = part.p, part.reach, part.note
        return Adjusted(p, reach, f"{note}, within each {' and '.join(self.adjusting.within)}" if note else "")

    def _families(self) -> list[NDArray[np.integer]]:
        """The rows of each family."""
        keys = list(zip(*(self.labels[name] for name in self.adjusting.within), strict=True))
        if not keys:
            return [np.arange(len(self.values))]
        return [np.flatnonzero([key == each for each in keys]) for key in dict.fromkeys(keys)]

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
