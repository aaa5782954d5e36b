"""Covariances for rows that belong together: by clusters (Liang & Zeger 1986), two ways at once (Cameron, Gelbach &
Miller 2011), and by the design of a sample. The numbers are those of R's sandwich::vcovCL and survey::svyglm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError, DataError, a_truth
from nelder.fit import Fit
from nelder.inference.covariances.groups import Codes, codes_of, crossed, rows_of
from nelder.inference.covariances.sandwich import (
    FULL,
    Bread,
    Covariance,
    Doubt,
    Found,
    Meat,
    Scores,
    bread_of,
    each_slice,
    finished,
    meat_kernel,
    model_df,
    refuse_without_residuals,
)
from nelder.linalg import Array, triangle

DESIGN = "sampling design"
NEGATIVE = 1e-12  # of the largest eigenvalue: less is rounding
ALONE = 1e-8  # how near a cluster's leverage is to 1, and how much of a coefficient it concerns
AT_ONCE = 2**26  # numbers of rows that are held to look at clusters one by one


@dataclass(frozen=True, eq=False)
class Clustered(Covariance):
    """Scores are summed within clusters and squared after; `also` is a second way of clustering, for errors that are
    shared in either.

    `groups` are labels of any type, one a row, or the name of a column. `correction` multiplies by G/(G − 1) · (n −
    1)/(n − p) for G clusters, or for a sample by G/(G − 1). Where φ is estimated, tests take Student's t on G − 1
    degrees of freedom, of the way with fewer clusters; for a sample on G − p.
    """

    groups: object = field(repr=False)
    also: object = field(default=None, repr=False)
    correction: bool = True

    name = "clustered"
    sampling = True

    def __post_init__(self) -> None:
        a_truth(self.correction, f"correction of {self.name}")

    def found(self, fit: Fit) -> Found:
        refuse_without_residuals(fit, self.name)
        ways = [codes_of(fit, self.groups, "groups")]
        if self.also is not None:
            ways.append(codes_of(fit, self.also, "also"))
        counts = [int(codes.max()) + 1 for codes in ways]
        for argument, count in zip(("groups", "also"), counts, strict=False):
            if count < 2:
                raise DataError(f"{argument} has a single cluster: a covariance needs two or more, and better many")
        bread = bread_of(fit)
        meat = self.meat(fit, bread, ways[0])
        doubts: tuple[Doubt, ...] = ()
        if len(ways) == 2:
            meat += self.meat(fit, bread, ways[1]) - self.meat(fit, bread, crossed(*ways))
            meat, doubts = positive(meat)
        label = f"{DESIGN}, {self.label(counts)}" if bread.whole else self.label(counts)
        found = finished(fit, bread, meat, (label, self.df(fit, min(counts))))
        alone = np.any([resting_on_one(fit, bread, codes) for codes in ways], axis=0)
        if alone.any():
            names = [name for name, aliased in zip(fit.names, fit.aliased, strict=True) if not aliased]
            doubts += (Doubt(f"{label}: {words_for([names[j] for j in np.flatnonzero(alone)])}"),)
        return Found(found.uncertainty, (*doubts, *found.doubts))

    def meat(self, fit: Fit, bread: Bread, codes: Codes) -> Array:
        """The squared sums of scores by cluster (r, r), corrected for their number."""
        clusters = int(codes.max()) + 1
        sums = np.zeros((clusters, bread.root.shape[1]))
        for at, found in each_cluster(fit, bread, codes):
            np.add.at(sums, at, (found.count * found.pull)[:, None] * found.z)
        factor = clusters / (clusters - 1) if self.correction else 1.0
        if self.correction and not bread.whole:
            factor *= (fit.statistics.n - 1) / fit.df_resid
        return factor * (sums.T @ sums)

    def df(self, fit: Fit, clusters: int) -> float:
        """The degrees of freedom of tests. Raises DataError where a sample leaves none."""
        if not fit.rows_of_data("clusters").sampling:
            return np.inf if np.isinf(model_df(fit)) else clusters - 1.0
        if clusters <= fit.statistics.rank:
            raise DataError(
                f"a sample of {clusters} clusters leaves no degrees of freedom for {fit.statistics.rank:g} coefficients"
            )
        return clusters - fit.statistics.rank

    def label(self, counts: list[int]) -> str:
        """The name with what it was clustered by, and how many there were."""
        given = zip((self.groups, self.also), counts, strict=False)
        words = [f"{column} ({count})" if isinstance(column, str) else f"{count} groups" for column, count in given]
        return f"clustered by {' and '.join(words)}"


@dataclass(frozen=True)
class Sampled(Covariance):
    """Each row was drawn by itself, with a probability in proportion to 1/weight: n/(n − 1) A (Σ w² s² x x') A."""

    name = "sampling"
    sampling = True

    def found(self, fit: Fit) -> Found:
        objective = fit.rows_of_data("residuals")
        if not objective.sampling:
            raise CapabilityError("covariance 'sampling' is for fits with weights=nd.sampling(w); 'HC1' is like it")
        refuse_without_residuals(fit, self.name)
        bread, n = bread_of(fit), rows_of(fit)
        meat: Meat = objective.over_rows(meat_kernel, bread, 0.0)
        return finished(fit, bread, n / (n - 1) * meat.total, (DESIGN, fit.df_resid))


def each_cluster(fit: Fit, bread: Bread, codes: Codes) -> Iterator[tuple[Codes, Scores]]:
    """The scores of all rows in slices, each with the clusters of its rows."""
    done = 0
    for found in each_slice(fit.rows_of_data("clusters"), bread):
        yield codes[done : done + len(found.pull)], found
        done += len(found.pull)


def resting_on_one(fit: Fit, bread: Bread, codes: Codes) -> NDArray[np.bool_]:
    """Which coefficients (k,) could not be told without some one cluster, so that its error is all in them.

    The leverages of a cluster are the eigenvalues of Σ w z z' over its rows; they sum to one in each direction, so that
    at most r clusters can have one of 1.
    """
    r, many = bread.root.shape[1], int(codes.max()) + 1
    total, rows = np.zeros(many), np.bincount(codes, minlength=many)
    for at, found in each_cluster(fit, bread, codes):
        np.add.at(total, at, found.count * found.leverage)
    heavy = np.flatnonzero(total >= 1 - FULL)
    room = np.cumsum(np.minimum(rows[heavy], 2 * r) * r) // AT_ONCE
    alone = np.zeros(len(bread.root), dtype=bool)
    scale = np.linalg.norm(bread.root, axis=1)
    for turn in np.unique(room):
        whole = directions_of_one(fit, bread, codes, heavy[room == turn])
        alone |= (np.abs(bread.root @ whole.T) > ALONE * scale[:, None]).any(axis=1)
    return alone


def directions_of_one(fit: Fit, bread: Bread, codes: Codes, clusters: Codes) -> Array:
    """The directions (many, r) in which one of these clusters has a leverage of 1: the singular vectors of its rows
    √(w) z with a value of 1. Of a cluster with more rows than columns the triangle of their QR is kept.
    """
    r = bread.root.shape[1]
    held = dict.fromkeys(clusters.tolist(), np.zeros((0, r)))
    for at, found in each_cluster(fit, bread, codes):
        size = np.einsum("ij,ij->i", found.z, found.z)
        root = np.sqrt(found.count * found.leverage / np.where(size > 0, size, 1.0))
        here = np.flatnonzero(np.isin(at, clusters))
        here = here[np.argsort(at[here], kind="stable")]
        names, begins = np.unique(at[here], return_index=True)
        for name, own in zip(names.tolist(), np.split(here, begins[1:]), strict=True):
            joined = np.vstack([held[name], root[own, None] * found.z[own]])
            held[name] = joined if len(joined) <= 2 * r else triangle(joined)
    parts = [np.zeros((0, r))]
    for joined in held.values():
        _, values, vectors = np.linalg.svd(joined, full_matrices=False)
        parts.append(vectors[values**2 >= 1 - ALONE])
    return np.vstack(parts)


def words_for(names: list[str]) -> str:
    """What to say of coefficients that rest on one cluster."""
    listed = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    return (
        f"without some one of the clusters nothing would be known of {listed}, so that its error does not show in the "
        "residuals, and their standard errors are too small; those of the others keep their meaning"
    )


def positive(meat: Array) -> tuple[Array, tuple[Doubt, ...]]:
    """The nearest positive semidefinite matrix (r, r), and a word where that is another one.

    Two-way sums are differences, and need not be positive. Here, where the model's covariance is the unit matrix, the
    result does not depend on the units of the columns.
    """
    values, vectors = np.linalg.eigh((meat + meat.T) / 2)
    fixed = (vectors * np.maximum(values, 0.0)) @ vectors.T
    if values.min(initial=0.0) >= -NEGATIVE * values.max(initial=0.0):
        return fixed, ()
    return fixed, (
        Doubt(
            "two-way clustering left a negative variance for some combinations of coefficients, as it may with few "
            "clusters; it was set to zero, which makes other standard errors a little larger"
        ),
    )
