"""What covariances are made of: a root of the model's own, and the score of every row in its coordinates.

With A = R R' the inverse expected information and sᵢ xᵢ the score of row i, a sandwich A (Σ sᵢ² xᵢ xᵢ') A is
R (Σ sᵢ² zᵢ zᵢ') R' for zᵢ = R'xᵢ. In these coordinates nothing is lost to the condition of the design, the leverage of
a row is its weight times |zᵢ|², and nothing depends on the units of the columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nelder.design import STILL, Block, Ray
from nelder.diagnosis import Diagnosis
from nelder.errors import CapabilityError, DataError, NelderWarning
from nelder.estimate import DISTINCT, Uncertainty
from nelder.fit import Fit
from nelder.linalg import Array, cholesky
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.quadratic import Triangle
from nelder.solvers.newton import precise_model

FULL = 1e-10  # a leverage this near 1 is 1: the row has a coefficient to itself
NO_VARIANCE = 1e-16  # of the model's variance: what residuals leave where they cancel or vanish


@dataclass(frozen=True)
class Doubt(Diagnosis):
    """What a covariance made of residuals cannot know of this fit."""

    finding: str

    category = NelderWarning

    @property
    def sentence(self) -> str:
        return self.finding


@dataclass(frozen=True)
class Found:
    """What a kind of covariance found: the covariance, or None for the model's own, and what to say about it."""

    uncertainty: Uncertainty | None
    doubts: tuple[Doubt, ...] = ()


class Covariance(ABC):
    """A way to find the covariance of the coefficients. A new one needs `name` and `found`, and a line in
    `covariance.COVARIANCES`.
    """

    name: ClassVar[str]
    sampling: ClassVar[bool] = False  # whether it is for fits with sampling weights too

    @abstractmethod
    def found(self, fit: Fit) -> Found:
        """The covariance for a fit that has its data and is not penalised."""


@dataclass(frozen=True)
class Bread:
    """The point, the link and family, and a root R (k, r) of the inverse information; `fine` asks for more digits of η.

    `whole` says that weights are part of an observation's own score, as sampling weights are; `face` that rows which R
    takes to zero are held where they are, at the edge of the means allowed.
    """

    point: Array | Ray
    loss: Loss
    root: Array
    fine: bool
    whole: bool
    face: bool


@dataclass(frozen=True)
class Scores:
    """Some rows at the estimate: z (n, r), the score of one observation `pull` (n,), how many observations a row stands
    for `count` (n,), and the leverage (n,) of one.
    """

    z: Array
    pull: Array
    count: Array
    leverage: Array


def bread_of(fit: Fit) -> Bread:
    """The root at the estimate. Raises DataError where the information is singular."""
    objective = fit.rows_of_data("this covariance")
    whole, face = objective.sampling, fit.at_edge
    if fit.limit is not None or face:
        unscaled = fit.limit.ray.covariance if fit.limit is not None else fit.covariance_unscaled
        kept = np.flatnonzero(~fit.aliased)
        return Bread(fit.point, objective.loss, root_of(unscaled[np.ix_(kept, kept)]), False, whole, face)
    beta = np.asarray(fit.point)
    model = precise_model(objective, beta)
    if model.factored is None:
        raise DataError("the information is singular at the coefficients: this covariance needs its inverse")
    root, fine = model.factored.spread(np.eye(len(beta))), isinstance(model, Triangle)
    turned = cholesky(objective.information_in(root, beta)) if fine else None
    root = root if turned is None else root @ turned.spread(np.eye(len(beta)))
    return Bread(beta, objective.loss, root, fine, whole, False)


def root_of(covariance: Array) -> Array:
    """A root (k, r) of a covariance (k, k) of rank r."""
    size = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    unit = np.where(size > 0, size, 1.0)
    values, vectors = np.linalg.eigh(covariance / unit / unit[:, None])
    kept = values > 1e-12 * values.max(initial=0.0)
    return np.asarray(unit[:, None] * vectors[:, kept] * np.sqrt(values[kept]))


def scores(rows: Block, bread: Bread) -> Scores:
    """The scores of some rows; zero where the mean is at its limit or held at an edge."""
    loss, root = bread.loss, bread.root
    eta = rows.fine_eta(bread.point) if bread.fine else rows.eta(bread.point)
    mean = Mean(loss.link, eta)
    z = rows.fine_times(root).rounded
    free = np.isfinite(eta)
    if bread.face:
        free &= np.linalg.norm(z, axis=1) > STILL * np.linalg.norm(np.abs(rows.dense()) @ np.abs(root), axis=1)
    own = rows.weight if bread.whole else rows.own_precision
    leverage = np.where(free, own * loss.family.expected_weight(mean) * np.einsum("ij,ij->i", z, z), 0.0)
    pull = np.where(free & (leverage < 1 - FULL), own * loss.family.score(rows.y, mean), 0.0)
    return Scores(z, pull, rows.weight / own, leverage)


@dataclass(frozen=True)
class Meat:
    """Σ s² z z' (r, r), and how many rows have a leverage of 1."""

    total: Array
    full: int

    def __add__(self, other: Meat) -> Meat:
        return Meat(self.total + other.total, self.full + other.full)


def meat_kernel(block: Block, bread: Bread, power: float) -> Meat:
    """Σ s² z z' / (1 − h)^power over the observations with leverage h below 1."""
    with np.errstate(all="ignore"):
        total, many = np.zeros((bread.root.shape[1],) * 2), 0
        for rows in block.slices(filled=True):
            found = scores(rows, bread)
            full = found.leverage >= 1 - FULL
            size = np.sqrt(found.count) * found.pull / np.where(full, 1.0, 1 - found.leverage) ** (power / 2)
            each = size[:, None] * found.z  # squared after: the square of a score alone may be out of range
            total += each.T @ each
            many += int(full.sum())
        return Meat(total, many)


def curvature_kernel(block: Block, bread: Bread) -> Array:
    """The observed information R'HR (r, r) of some rows."""
    with np.errstate(all="ignore"):
        total = np.zeros((bread.root.shape[1],) * 2)
        for rows in block.slices(filled=True):
            eta = rows.fine_eta(bread.point) if bread.fine else rows.eta(bread.point)
            z = rows.fine_times(bread.root).rounded
            bend = rows.weight * bread.loss.family.observed_weight(rows.y, Mean(bread.loss.link, eta))
            known = np.isfinite(eta)
            if bread.face:
                known &= scores(rows, bread).leverage > 0
            total += z.T @ (np.where(known, bend, 0.0)[:, None] * z)
        return total


def each_slice(objective: Objective, bread: Bread) -> Iterator[Scores]:
    """The scores of all rows in order."""
    with np.errstate(all="ignore"):
        for block in objective.design.handles:
            for rows in block.slices(filled=True):
                yield scores(rows, bread)


def full_rows(fit: Fit, bread: Bread) -> NDArray[np.integer]:
    """The numbers, in the caller's table, of the rows whose leverage is 1."""
    objective = fit.rows_of_data("leverage")
    leverage = np.concatenate([found.leverage for found in each_slice(objective, bread)])
    rows = np.flatnonzero(leverage >= 1 - FULL)
    return rows if fit.kept is None else fit.kept.rows[rows]


def finished(fit: Fit, bread: Bread, meat: Array, named: tuple[str, float]) -> Found:
    """R meat R' with a name and degrees of freedom; nan, and a word, where residuals leave a coefficient no variance.

    Raises DataError where they leave none to any.
    """
    name, df = named
    covariance = bread.root @ meat @ bread.root.T
    unscaled = np.einsum("ij,ij->i", bread.root, bread.root)
    covariance = (covariance + covariance.T) / 2
    gone = (np.diagonal(covariance) <= NO_VARIANCE * fit.dispersion * unscaled) & (unscaled > 0)
    if gone.sum() == (unscaled > 0).sum() or fit.perfect:
        raise DataError(
            f"the residuals are zero, or cancel, throughout, measured by φ = {fit.dispersion:g}: covariance {name!r} "
            "is made of them; use another"
        )
    doubts: tuple[Doubt, ...] = ()
    if gone.any():
        names = [name for name, aliased in zip(fit.names, fit.aliased, strict=True) if not aliased]
        listed = ", ".join(names[j] for j in np.flatnonzero(gone)[:10])
        covariance[gone, :] = covariance[:, gone] = np.nan
        doubts = (
            Doubt(
                f"{name}: the residuals behind {listed} are zero or cancel, so that they say nothing of its error, and "
                "its standard error is nan: use another covariance for it"
            ),
        )
    return Found(Uncertainty(name, covariance, df), doubts)


def refuse_without_residuals(fit: Fit, name: str) -> None:
    """Raise DataError where no degrees of freedom are left for residuals."""
    if not fit.df_resid > 0:
        raise DataError(
            f"covariance {name!r} is made of residuals, and this fit leaves {fit.df_resid:g} degrees of freedom for "
            "them: fit fewer coefficients or more rows"
        )


def model_df(fit: Fit) -> float:
    """The degrees of freedom of tests with the model's own covariance."""
    return replace(fit, uncertainty=None).df_reference


def refuse_frequencies(fit: Fit, name: str) -> None:
    """Raise CapabilityError where rows stand for several observations, which have no order among themselves."""
    objective = fit.rows_of_data("this covariance")
    if fit.kept is not None and fit.kept.distinct:
        raise CapabilityError(f"covariance {name!r} needs rows in order, and {DISTINCT}")
    for block in objective.design.handles:
        if block.precision is not None and (block.weight != block.precision).any():
            raise CapabilityError(
                f"covariance {name!r} needs rows in order, and with nd.frequency a row stands for several: give one "
                "row for each observation"
            )
