"""Averages over rows, each with its gradient in the coefficients: what the delta method needs, as sums over blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.engines import ENGINES, merge
from nelder.fit import Fit
from nelder.inference.effects.cases import Cases, Sample
from nelder.inference.effects.encoding import Encoder, encoder_of, gathered
from nelder.inference.effects.quantities import QUANTITIES, SLOPES
from nelder.inference.effects.settings import Setting
from nelder.linalg import Array
from nelder.mean import REALS, Interval, Mean
from nelder.parts import bincount
from nelder.sources import Numbers


@dataclass(frozen=True)
class Sums:
    """Σ w f (s, g), Σ w ∂f/∂β (s, g, k) and Σ w (g,) of g groups of rows at each of s settings.

    Counted are the rows at a limit, those off the pattern of the aliased columns, and those outside the link (s, g).
    """

    value: Array
    gradient: Array
    weight: Array
    limits: Array
    unknown: Array
    outside: Array

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.value + other.value,
            self.gradient + other.gradient,
            self.weight + other.weight,
            self.limits + other.limits,
            self.unknown + other.unknown,
            self.outside + other.outside,
        )

    @property
    def means(self) -> Averages:
        """The sums over the weights, a setting at a time."""
        with np.errstate(all="ignore"):
            value = (self.value / self.weight).reshape(-1)
            gradient = (self.gradient / self.weight[:, None]).reshape(len(value), -1)
        counts = tuple(int(count.max(initial=0)) for count in (self.limits, self.unknown, self.outside))
        return Averages(value, gradient, counts, int((self.weight == 0).sum()))


@dataclass(frozen=True)
class Averages:
    """m averages (m,) with their gradients (m, k); in how many rows of one of them the mean is at a limit, cannot be
    told, or is outside the link; and how many groups have no weight.
    """

    value: Array
    gradient: Array
    counts: tuple[int, ...]
    empty: int = 0


def level_kernel(cases: Cases, encoder: Encoder, settings: Sequence[Setting], quantity: str, groups: int) -> Sums:
    """Sums of a quantity of the mean at each setting."""
    with np.errstate(all="ignore"):
        parts = []
        for rows in cases.slices():
            made = [_level(setting.apply(rows), encoder, quantity, groups) for setting in settings]
            parts.append(stacked(made))
        return merge(parts)


def _level(rows: Cases, encoder: Encoder, quantity: str, groups: int) -> Sums:
    block = encoder.block(rows)
    seen = Seen(rows, groups, encoder.eta(block), encoder.loss.bounds if quantity != "link" else REALS)
    value, slope = QUANTITIES[quantity](Mean(encoder.loss.link, seen.inside))
    return seen.sums(value, [(block, np.where(np.isinf(seen.eta), 0.0, slope))])


@dataclass(frozen=True)
class Direction:
    """The variable along which a slope is taken, at a setting."""

    setting: Setting
    column: str
    spread: float


def slope_kernel(cases: Cases, encoder: Encoder, directions: Sequence[Direction], kind: str, groups: int) -> Sums:
    """Sums of a slope of the mean along each direction."""
    with np.errstate(all="ignore"):
        parts = []
        for rows in cases.slices():
            made = [_slope(direction, rows, encoder, kind, groups) for direction in directions]
            parts.append(stacked(made))
        return merge(parts)


def _slope(direction: Direction, cases: Cases, encoder: Encoder, kind: str, groups: int) -> Sums:
    rows, asked = direction.setting.apply(cases), SLOPES[kind]
    block, turned = encoder.block(rows), encoder.slope(rows, direction.column, direction.spread)
    steep = encoder.slope_of_eta(turned)
    seen = Seen(rows, groups, encoder.eta(block), encoder.loss.bounds if kind != "link" else REALS)
    rate, bend = asked.rate(Mean(encoder.loss.link, seen.inside))
    if asked.scaled:
        column = rows.chunk[direction.column]
        assert isinstance(column, Numbers)
        rate, bend = rate * column.values, bend * column.values
    value, along = rate * steep, bend * steep
    if asked.vanishes:
        still = np.isinf(seen.eta)
        value, rate, along = (np.where(still, 0.0, each) for each in (value, rate, along))
    return seen.sums(value, [(block, along), (turned, rate)])


@dataclass(frozen=True)
class Seen:
    """Rows in groups with their η (n,), of which those outside `bounds` have no mean."""

    rows: Cases
    groups: int
    eta: Array
    bounds: Interval

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Where the link has no mean (n,)."""
        return (self.eta < self.bounds[0]) | (self.eta > self.bounds[1])

    @property
    def inside(self) -> Array:
        """η, nan where the link has no mean (n,)."""
        return np.where(self.outside, np.nan, self.eta)

    def sums(self, value: Array, gradients: Sequence[tuple[Block, Array]]) -> Sums:
        """The sums at one setting, of values (n,) whose gradients are the rows of some blocks times numbers (n,)."""
        weight, group = self.rows.weight, self.rows.group
        used = weight > 0
        spread = np.zeros((self.rows.n, self.groups))
        total: Array = np.zeros((1, 1))
        for block, slope in gradients:
            known = np.where(np.isnan(value), np.nan, slope)
            spread[np.arange(self.rows.n), group] = np.where(used, weight * known, 0.0)
            total = total + gathered(block, spread).T
        weighted = np.where(used, weight * value, 0.0)
        untold = np.isnan(self.eta) | ~np.isfinite(sum(block.offset for block, _ in gradients))
        counts = [used & np.isinf(self.eta), used & untold, used & self.outside]
        whole, *found = (bincount(group, each, self.groups)[None] for each in (weighted, *counts))
        return Sums(whole, total[None], bincount(group, weight, self.groups), *found)


def stacked(made: Sequence[Sums]) -> Sums:
    """The sums at one setting after another, on the same rows."""

    def whole(name: str) -> Array:
        return np.concatenate([getattr(each, name) for each in made])

    return Sums(whole("value"), whole("gradient"), made[0].weight, whole("limits"), whole("unknown"), whole("outside"))


def levels(fit: Fit, sample: Sample, settings: Sequence[Setting], quantity: str) -> Averages:
    """The averages of a quantity over the rows of each group, at each setting; groups vary fastest."""
    return _run(fit, sample, level_kernel, (encoder_of(fit), tuple(settings), quantity))


def slopes_along(fit: Fit, sample: Sample, directions: Sequence[Direction], kind: str) -> Averages:
    """The averages of a slope over the rows of each group, along each direction; groups vary fastest."""
    return _run(fit, sample, slope_kernel, (encoder_of(fit), tuple(directions), kind))


def _run(fit: Fit, sample: Sample, kernel: Callable[..., Sums], asked: tuple[object, ...]) -> Averages:
    engine = ENGINES["threads"]() if fit.objective is None else fit.objective.engine
    handles = engine.hold(sample.split())
    return engine.total(kernel, handles, *asked, sample.groups).means
