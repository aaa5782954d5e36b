"""New samples like an old one: its own observations or clusters drawn again, or responses drawn from the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.errors import CapabilityError, DataError, InputError
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.simulation import checked_mean, draw


def own_weight(objective: Objective, block: Block) -> Array:
    """The weight (n,) that goes with one observation: all of it but frequencies."""
    return block.weight if objective.sampling else block.own_precision


def frequencies(objective: Objective) -> Array:
    """How many observations each row stands for (n,)."""
    return np.concatenate([block.weight / own_weight(objective, block) for block in objective.design.handles])


def pairs(objective: Objective, groups: NDArray[np.integer] | None, random: np.random.Generator) -> Iterator[Objective]:
    """Samples of as many observations, or of as many groups (n,) as there are, each drawn with replacement."""
    often = frequencies(objective)
    if groups is None:
        many = int(np.round(often.sum()))
        while True:
            yield counted_again(objective, random.multinomial(many, often / often.sum()).astype(float))
    clusters = int(groups.max()) + 1
    while True:
        drawn = np.bincount(random.integers(0, clusters, clusters), minlength=clusters)
        yield counted_again(objective, often * drawn[groups])


def counted_again(objective: Objective, count: Array) -> Objective:
    """The objective in which each row stands for `count` (n,) observations; rows without any are left out."""
    pieces, begin = [], 0
    for block in objective.design.handles:
        times = count[begin : begin + block.n]
        begin += block.n
        used = np.flatnonzero(times)
        weight = own_weight(objective, block) * times
        precision = block.own_precision
        if len(used):
            pieces.append(replace(block, weight=weight, precision=precision).rows(used))
    handles = objective.engine.hold(pieces)
    return replace(objective, design=replace(objective.design, handles=handles, n=float(count.sum())))


def parametric(fit: Fit, objective: Objective, random: np.random.Generator) -> Iterator[Objective]:
    """The same rows, one for each observation, with responses drawn at the fitted means and φ.

    Raises CapabilityError for quasi families and sampling weights, DataError where φ is not known.
    """
    if not fit.family.has_likelihood:
        raise CapabilityError(f"{fit.family.label()} has no distribution to draw from: use kind='pairs'")
    if objective.sampling:
        raise CapabilityError("sampling weights leave the distribution of a response open: use kind='pairs'")
    if not (np.isfinite(fit.dispersion) and fit.dispersion > 0):
        raise DataError(f"the dispersion of this fit is {fit.dispersion:g}: nothing can be drawn from it")
    blocks = [one_by_one(block) for block in objective.design.handles]
    mean = checked_mean(objective.loss, np.concatenate([block.eta(fit.point) for block in blocks]))
    spread = (fit.dispersion, np.concatenate([block.own_precision for block in blocks]))
    cuts = np.cumsum([block.n for block in blocks])[:-1]
    while True:  # all rows at once, so that where they are cut changes no draw
        drawn = np.split(draw(fit.family, mean, spread, random), cuts)
        handles = objective.engine.hold([replace(block, y=y) for block, y in zip(blocks, drawn, strict=True)])
        yield replace(objective, design=replace(objective.design, handles=handles))


def one_by_one(block: Block) -> Block:
    """The block with a row for each observation, where rows have frequencies."""
    count = np.round(block.frequency).astype(np.intp)
    return replace(block, weight=block.own_precision).rows(np.repeat(np.arange(block.n), count))


def check_groups(groups: NDArray[np.integer]) -> None:
    """Raise InputError for a single group, which cannot be resampled."""
    if groups.max() < 1:
        raise InputError("groups= puts every row into one group: at least two are needed to draw from")
