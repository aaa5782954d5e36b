"""Cross-validation: the deviance of rows that the model had not seen, beside that of a constant that had not either.

What is dealt to folds are observations: those of a row that stands for several identical ones go to several folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block, Ray
from nelder.diagnostics.fitted_rows import whole_where_whole
from nelder.diagnostics.repetitions import repetitions
from nelder.errors import DataError, InputError, a_count, a_seed
from nelder.fit import Fit
from nelder.fitting import conclusion
from nelder.inference.covariances.groups import codes_of
from nelder.inference.resamples.resampling import counted_again
from nelder.linalg import Array
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.parts import bincount
from nelder.penalties import Unpenalised
from nelder.ranks import find_aliases, selected
from nelder.shapes import shaped
from nelder.solvers import automatic
from nelder.table import Table, number
from nelder.trace import Recorder

OFF = 1e-7  # of the terms of a row: how far it may be from the combination that the training rows obey
DEALT = 10_000_000  # observations of repeated rows that are dealt evenly; of more each takes a fold by itself
CELLS = 2**22  # rows times folds that are drawn at once

Labels = NDArray[np.intp]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class CrossValidation:
    """`deviance` is Σ w d(y, μ̂) / Σ w over rows left out of the fit of μ̂, `null_deviance` the same for a constant,
    `in_sample` that of the fit itself. `predicted` (n,) are the means μ̂ and `fold` (n,) the folds of the rows, counted
    from 0. A row whose observations went to several folds has several means: there `predicted` is nan and `fold` −1.
    `portions` has them all, in columns row, fold, observations, predicted, a line for each row and fold that have
    observations in common; what judges predictions, as `roc`, takes the whole of this as `predicted=`.
    """

    deviance: float
    null_deviance: float
    in_sample: float
    folds: Table
    predicted: Array = field(repr=False)
    fold: Labels = field(repr=False)
    portions: Table = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def explained(self) -> float:
        """1 − deviance / null deviance: below zero where the model predicts worse than a constant."""
        return 1.0 - self.deviance / self.null_deviance if self.null_deviance > 0 else float("nan")

    def table(self) -> Table:
        """Columns fold, rows, deviance, null_deviance (means over the rows of the fold)."""
        return self.folds

    def __str__(self) -> str:
        share = (
            f": {number(100 * self.explained, 3)} % explained on rows not seen" if np.isfinite(self.explained) else ""
        )
        lines = [
            f"Cross-validated in {self.folds.rows} folds: mean deviance {number(self.deviance)}, of a constant "
            f"{number(self.null_deviance)}{share}",
            f"(on the rows of the fit the mean deviance is {number(self.in_sample)})",
        ]
        return "\n".join([*lines, *self.notes])

    __repr__ = __str__


def cross_validate(fit: Fit, folds: object = 10, seed: int = 0, groups: object = None) -> CrossValidation:
    """K-fold cross-validation of a fit, by the mean unit deviance of the rows left out, each by its weight.

    `folds` is their number, or names the fold of each row: an array (n,) or the name of a column; as many folds as
    observations leave one out. Observations are dealt at random by `seed`, also those of a row that stands for several;
    rows with the same value in `groups`, another such, stay together. Penalty and offset are kept. A shape such as θ
    that was estimated is estimated again without each fold, while the deviance d is that of the fit's own shape
    throughout, one measure for all. What transforms learned (knots, means) was learned from all rows. A column that the
    training rows do not tell from others, as of a level that occurs in one fold only, counts as zero there, and the
    result says so.

    Raises DataError for fewer than two folds, and for a fit without its data; CapabilityError for distinct rows of a
    table whose weights hide how many observations they are.
    """
    objective = fit.rows_of_data("cross-validation")
    names, portions = portions_of(fit, folds, seed, groups)
    if len(names) < 2:
        raise DataError("cross-validation needs rows in two folds or more: give folds=2 or more, or more rows")
    constant = np.zeros(objective.design.p, dtype=bool)
    constant[np.flatnonzero(objective.design.constant)[:1]] = True
    wanted = replace(objective, loss=replace(objective.loss, family=fit.family_to_fit))
    null = replace(wanted, design=selected(objective, constant), penalty=Unpenalised())
    losses, predicted, unseen = np.zeros((2, portions.many)), np.zeros(portions.many), Unseen(portions.unit)
    start = None if fit.limit is not None else np.asarray(fit.point).tolist()
    for each, name in enumerate(names):
        chosen = np.flatnonzero(portions.fold == each)
        try:
            made = trained(portions.left(wanted, chosen), start)
            constant_fit = trained(portions.left(null, chosen), None)
        except DataError as problem:
            raise DataError(f"the rows without fold {name} cannot be fitted: {problem}") from None
        lost = 0
        for places, block in held_out(objective, portions.row, chosen):
            losses[0, places], predicted[places], off = judged(made, block, objective)
            lost += portions.size(places[off])
        for places, block in held_out(null, portions.row, chosen):
            losses[1, places] = judged(constant_fit, block, objective)[0]
        unseen = unseen.after(name, made, lost, losses[0, chosen])
    return summed(fit, names, portions, losses, (predicted, unseen.notes))


@dataclass(frozen=True)
class Portions:
    """Observations that one row and one fold have in common: their `row` and `fold` (m,), counted from 0 and in the
    order of the rows, and how many they are, `count` (m,). Each of the rows is observed so `often` (n,).
    """

    row: Labels
    fold: Labels
    count: Array
    often: Array

    @property
    def many(self) -> int:
        """How many portions there are."""
        return len(self.row)

    @property
    def whole(self) -> bool:
        """Whether no row is parted."""
        return self.many == len(self.often)

    @property
    def unit(self) -> str:
        """What was dealt."""
        return "rows" if self.whole else "observations"

    def size(self, places: Labels) -> int:
        """How many rows, or observations if these were dealt, some of the portions are."""
        return len(places) if self.whole else int(self.count[places].sum())

    def left(self, objective: Objective, places: Labels) -> Objective:
        """The objective without some of the portions."""
        if self.whole:
            return objective.without(self.row[places])
        often = self.often.copy()
        often[self.row[places]] -= self.count[places]
        return counted_again(objective, often)

    def of_rows(self, values: NDArray[T], several: T) -> NDArray[T]:
        """What rows (n,) have of values (m,), where one is theirs alone."""
        if self.whole:
            return values
        found = np.empty(len(self.often), dtype=values.dtype)
        found[self.row] = values
        found[np.bincount(self.row) > 1] = several
        return found


def summed(
    fit: Fit, names: NDArray[np.generic], portions: Portions, losses: Array, rest: tuple[Array, tuple[str, ...]]
) -> CrossValidation:
    """The result, from unit deviances (2, m) of the model and of a constant, the means (m,) and notes."""
    blocks, (predicted, notes) = fit.rows_of_data("cross-validation").design.handles, rest
    weights, row, count = np.concatenate([block.weight for block in blocks]), portions.row, portions.count
    weight = weights[row] * (count / portions.often[row])
    columns = (weight, count, weight * losses[0], weight * losses[1])
    size, rows, own, constant = (bincount(portions.fold, column, len(names)) for column in columns)
    shown = {"fold": names, "rows": whole_where_whole(rows), "deviance": own / size, "null_deviance": constant / size}
    parts = {"row": row, "fold": names[portions.fold], "observations": whole_where_whole(count), "predicted": predicted}
    total = float(weights.sum())
    return CrossValidation(
        float(own.sum()) / total,
        float(constant.sum()) / total,
        fit.deviance / total,
        Table(shown, "Mean deviance of the rows left out"),
        portions.of_rows(predicted, np.float64(np.nan)),
        portions.of_rows(portions.fold, np.intp(-1)),
        Table(parts, "Observations of each row in each fold"),
        notes,
    )


@dataclass(frozen=True)
class Unseen:
    """What went wrong in which folds: rows (or observations, as `unit` says) off the pattern of the training rows,
    training rows that separate, fits that did not converge, and rows whose response has no chance.
    """

    unit: str
    rows: int = 0
    off: tuple[str, ...] = ()
    separated: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    impossible: tuple[str, ...] = ()

    def after(self, fold: object, made: Trained, lost: int, loss: Array) -> Unseen:
        """With another fold."""
        name = (str(fold),)
        infinite = isinstance(made.point, Ray)
        return Unseen(
            self.unit,
            self.rows + lost,
            self.off + name * (lost > 0),
            self.separated + name * infinite,
            self.unsettled + name * (not made.converged and not infinite),
            self.impossible + name * (not np.isfinite(loss).all()),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on each."""
        notes: tuple[str, ...] = ()
        if self.off:
            notes += (
                f"{self.rows} {self.unit} ({listed(self.off)}) have a level or a combination that their training rows "
                "lack: what cannot be told from those counts as zero.",
            )
        if self.separated:
            notes += (f"The training rows separate ({listed(self.separated)}): some means are at their limits.",)
        if self.impossible:
            notes += (
                f"The deviance is infinite ({listed(self.impossible)}): a response came that the model gave no chance, "
                "or a mean it cannot have: fit with penalty='firth', which keeps coefficients finite, or choose "
                "another link.",
            )
        if self.unsettled:
            notes += (f"The fit did not converge ({listed(self.unsettled)}).",)
        return notes


def listed(names: Sequence[str]) -> str:
    """`fold 3`, or `folds 1, 2, 5 and 4 more`."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"fold{'s' if len(names) > 1 else ''} {', '.join(names[:5])}{more}"


def portions_of(fit: Fit, folds: object, seed: int, groups: object) -> tuple[NDArray[np.generic], Portions]:
    """The names of the folds (k,), and what they hold: of rows that stand for several observations these are dealt,
    unless folds or groups say where rows belong.
    """
    objective = fit.rows_of_data("cross-validation")
    often = np.concatenate([block.frequency for block in objective.design.handles])
    if groups is None and not names_folds(folds):
        count = repetitions(objective, often)
        if (count > 1.0).any():
            return spread_out(count, a_count(folds, "folds"), seed)
    names, fold = np.unique(labels_of(fit, folds, seed, groups), return_inverse=True)
    return names, Portions(np.arange(len(fold)), fold, often, often)


def spread_out(often: Array, many: int, seed: int) -> tuple[NDArray[np.generic], Portions]:
    """So many folds of about equal size, of observations of which each row has some (n,)."""
    count, total, parts = often.astype(np.intp), int(often.sum()), []
    if total <= DEALT:
        places = np.repeat(np.arange(len(count)), count) * many + dealt(total, many, seed, "observations")
        parts.append(np.unique(places, return_counts=True))
    else:
        random, size = np.random.default_rng(a_seed(seed)), max(1, CELLS // many)
        for begin in range(0, len(count), size):
            drawn = random.multinomial(count[begin : begin + size], np.full(many, 1.0 / many)).reshape(-1)
            filled = np.flatnonzero(drawn)
            parts.append((begin * many + filled, drawn[filled]))
    place, common = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    names, fold = np.unique(place % many + 1, return_inverse=True)
    return names, Portions(place // many, fold, common.astype(float), often)


def names_folds(folds: object) -> bool:
    """Whether folds are named, for each row or by a column, and not a number of them."""
    return isinstance(folds, str) or np.ndim(folds) > 0  # type: ignore[arg-type]


def labels_of(fit: Fit, folds: object, seed: int, groups: object) -> NDArray[np.generic]:
    """The fold of each row (n,): given, or dealt at random, a group at a time."""
    n = fit.rows_of_data("cross-validation").design.rows
    if names_folds(folds):
        if groups is not None:
            raise InputError("folds= already says where each row goes: leave out groups=")
        return given_labels(fit, folds, "folds")
    many = a_count(folds, "folds")
    units = np.arange(n) if groups is None else codes_of(fit, groups, "groups")
    return dealt(int(units.max()) + 1, many, seed, "rows" if groups is None else "groups")[units] + 1


def dealt(there: int, many: int, seed: int, what: str) -> Labels:
    """The folds, from 0, of so many units, as evenly as can be."""
    random = np.random.default_rng(a_seed(seed))
    if many > there:
        raise DataError(f"folds={many} for {there} {what}: at most one fold for each, folds={there}")
    dealt = np.empty(there, dtype=np.intp)
    dealt[random.permutation(there)] = np.arange(there) % many
    return dealt


def given_labels(fit: Fit, given: object, argument: str) -> NDArray[np.generic]:
    """The labels (n,) of the rows of the fit, given for each row or by the name of a column; none may be missing."""
    codes = codes_of(fit, given, argument)
    if isinstance(given, str) or fit.kept is None:
        return codes
    labels = fit.kept.aligned(given, argument)
    return labels.astype(str) if labels.dtype.kind == "O" else labels


@dataclass(frozen=True)
class Trained:
    """What was learned without a fold: the columns `kept` (p,) that can be told apart, their coefficients `point`, and
    how the others are combinations of them (p, p).
    """

    point: Array | Ray
    kept: NDArray[np.bool_]
    combination: Array | None
    converged: bool = True


def trained(objective: Objective, start: Sequence[float] | None) -> Trained:
    """The optimum on the rows that are left, from a start."""
    p = objective.design.p
    if not p:
        return Trained(np.zeros(0), np.ones(0, dtype=bool), None)
    handles = [block for block in objective.design.handles if block.n]
    n = sum(float(block.frequency.sum()) for block in handles)
    less = replace(objective, design=replace(objective.design, handles=handles, n=n))
    with np.errstate(all="ignore"):
        kept, alias, combination = find_aliases(less)
        if alias is not None:
            less = replace(less, design=selected(less, kept))
            start = None if start is None else np.asarray(start)[kept].tolist()
        less = shaped(less).objective
        adjusted = objective.penalty.adjustment is not None
        _, _, end = conclusion(less, None if adjusted else replace(automatic(less), start=start), Recorder(()))
    return Trained(end.point, kept, combination, end.certified)


def held_out(objective: Objective, row: Labels, places: Labels) -> Iterator[tuple[Labels, Block]]:
    """The rows (m,) at these places, sorted both, a block at a time, with their places."""
    rows, before = row[places], 0
    for block in objective.design.handles:
        inside = (rows >= before) & (rows < before + block.n)
        if inside.any():
            yield places[inside], block.rows(rows[inside] - before)
        before += block.n


def judged(made: Trained, block: Block, objective: Objective) -> tuple[Array, Array, NDArray[np.intp]]:
    """d(y, μ̂) and μ̂ (n,) of rows left out, and which of them the training rows say nothing of."""
    loss = objective.loss
    with np.errstate(all="ignore"):
        eta = block.select(np.flatnonzero(made.kept)).eta(made.point)
        lost = off_pattern(block, made.combination, made.kept)
        low, high = loss.bounds
        mean, outside = Mean(loss.link, eta), (eta < low) | (eta > high)
        deviance = loss.family.unit_deviance(block.y, mean)
        return np.where(outside | np.isnan(deviance), np.inf, deviance), np.where(outside, np.nan, mean.mu), lost


def off_pattern(block: Block, combination: Array | None, kept: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Which rows are not the combination of columns that the training rows obey."""
    if combination is None:
        return np.zeros(0, dtype=np.intp)
    X = block.dense()
    off = X @ combination - np.where(kept, 0.0, X)
    size = np.abs(X) @ np.abs(combination) + np.abs(X)
    return np.flatnonzero((np.abs(off) > OFF * size).any(axis=1))
