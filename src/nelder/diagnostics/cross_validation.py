"""Cross-validation: the deviance of rows that the model had not seen, beside that of a constant that had not either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block, Ray
from nelder.diagnostics.fitted_rows import whole_where_whole
from nelder.errors import DataError, InputError, a_count
from nelder.fit import Fit
from nelder.fitting import conclusion
from nelder.inference.covariances.groups import codes_of
from nelder.linalg import Array
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.parts import bincount
from nelder.penalties import Unpenalised
from nelder.ranks import find_aliases, selected
from nelder.shapes import shaped
from nelder.simulation import check_seed
from nelder.solvers import automatic
from nelder.table import Table, number
from nelder.trace import Recorder

OFF = 1e-7  # of the terms of a row: how far it may be from the combination that the training rows obey

Labels = NDArray[np.intp]


@dataclass(frozen=True)
class CrossValidation:
    """`deviance` is Σ w d(y, μ̂) / Σ w over rows left out of the fit of μ̂, `null_deviance` the same for a constant,
    `in_sample` that of the fit itself. `predicted` (n,) are the means μ̂ and `fold` (n,) the folds of the rows.
    """

    deviance: float
    null_deviance: float
    in_sample: float
    folds: Table
    predicted: Array = field(repr=False)
    fold: Labels = field(repr=False)
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

    `folds` is their number, or names the fold of each row: an array (n,) or the name of a column; as many folds as rows
    leave one out. Rows are dealt at random by `seed`; rows with the same value in `groups`, another such, stay
    together. Penalty and offset are kept. A shape such as θ that was estimated is estimated again without each fold,
    while the deviance d is that of the fit's own shape throughout, one measure for all. What transforms learned (knots,
    means) was learned from all rows. A column that the training rows do not tell from others, as of a level that occurs
    in one fold only, counts as zero there, and the result says so.

    Raises DataError for fewer than two folds, and for a fit without its data.
    """
    objective = fit.rows_of_data("cross-validation")
    names, fold = np.unique(labels_of(fit, folds, seed, groups), return_inverse=True)
    if len(names) < 2:
        raise DataError("cross-validation needs rows in two folds or more: give folds=2 or more, or more rows")
    constant = np.zeros(objective.design.p, dtype=bool)
    constant[np.flatnonzero(objective.design.constant)[:1]] = True
    wanted = replace(objective, loss=replace(objective.loss, family=fit.family_to_fit))
    null = replace(wanted, design=selected(objective, constant), penalty=Unpenalised())
    losses, predicted, unseen = np.zeros((2, len(fold))), np.zeros(len(fold)), Unseen()
    start = None if fit.limit is not None else np.asarray(fit.point).tolist()
    for each, name in enumerate(names):
        rows = np.flatnonzero(fold == each)
        try:
            made, constant_fit = trained(wanted, rows, start), trained(null, rows, None)
        except DataError as problem:
            raise DataError(f"the rows without fold {name} cannot be fitted: {problem}") from None
        lost = 0
        for places, block in held_out(objective, rows):
            losses[0, places], predicted[places], off = judged(made, block, objective)
            lost += off
        for places, block in held_out(null, rows):
            losses[1, places] = judged(constant_fit, block, objective)[0]
        unseen = unseen.after(name, made, lost, losses[0, rows])
    return summed(fit, names, fold, losses, (predicted, unseen.notes))


def summed(fit: Fit, names: Array, fold: Labels, losses: Array, rest: tuple[Array, tuple[str, ...]]) -> CrossValidation:
    """The result, from unit deviances (2, n) of the model and of a constant."""
    blocks = fit.rows_of_data("cross-validation").design.handles
    weight = np.concatenate([block.weight for block in blocks])
    times = np.concatenate([block.frequency for block in blocks])
    columns = (weight, times, weight * losses[0], weight * losses[1])
    size, rows, own, constant = (bincount(fold, column, len(names)) for column in columns)
    shown = {"fold": names, "rows": whole_where_whole(rows), "deviance": own / size, "null_deviance": constant / size}
    total = float(weight.sum())
    return CrossValidation(
        float(own.sum()) / total,
        float(constant.sum()) / total,
        fit.deviance / total,
        Table(shown, "Mean deviance of the rows left out"),
        rest[0],
        fold,
        rest[1],
    )


@dataclass(frozen=True)
class Unseen:
    """What went wrong in which folds: rows off the pattern of the training rows, training rows that separate, fits that
    did not converge, and rows whose response has no chance.
    """

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
                f"{self.rows} rows ({listed(self.off)}) have a level or a combination that their training rows lack: "
                "what cannot be told from those counts as zero.",
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


def labels_of(fit: Fit, folds: object, seed: int, groups: object) -> NDArray[np.generic]:
    """The fold of each row (n,): given, or dealt at random, a group at a time."""
    n = fit.rows_of_data("cross-validation").design.rows
    if isinstance(folds, str) or np.ndim(folds) > 0:  # type: ignore[arg-type]
        if groups is not None:
            raise InputError("folds= already says where each row goes: leave out groups=")
        return given_labels(fit, folds, "folds")
    many = a_count(folds, "folds")
    check_seed(seed)
    units = np.arange(n) if groups is None else codes_of(fit, groups, "groups")
    there = int(units.max()) + 1
    if many > there:
        what = "rows" if groups is None else "groups"
        raise DataError(f"folds={many} for {there} {what}: at most one fold for each, folds={there}")
    dealt = np.empty(there, dtype=np.intp)
    dealt[np.random.default_rng(seed).permutation(there)] = np.arange(there) % many
    return dealt[units] + 1


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


def trained(objective: Objective, rows: Labels, start: Sequence[float] | None) -> Trained:
    """The optimum without these rows, from a start."""
    p = objective.design.p
    if not p:
        return Trained(np.zeros(0), np.ones(0, dtype=bool), None)
    handles = [block for block in objective.without(rows).design.handles if block.n]
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


def held_out(objective: Objective, rows: Labels) -> Iterator[tuple[Labels, Block]]:
    """These rows (sorted), a block at a time, with their places."""
    before = 0
    for block in objective.design.handles:
        inside = rows[(rows >= before) & (rows < before + block.n)]
        if len(inside):
            yield inside, block.rows(inside - before)
        before += block.n


def judged(made: Trained, block: Block, objective: Objective) -> tuple[Array, Array, int]:
    """d(y, μ̂) and μ̂ (n,) of rows left out, and how many of them the training rows say nothing of."""
    loss = objective.loss
    with np.errstate(all="ignore"):
        eta = block.select(np.flatnonzero(made.kept)).eta(made.point)
        lost = 0 if made.combination is None else off_pattern(block, made.combination, made.kept)
        low, high = loss.bounds
        mean, outside = Mean(loss.link, eta), (eta < low) | (eta > high)
        deviance = loss.family.unit_deviance(block.y, mean)
        return np.where(outside | np.isnan(deviance), np.inf, deviance), np.where(outside, np.nan, mean.mu), lost


def off_pattern(block: Block, combination: Array, kept: NDArray[np.bool_]) -> int:
    """How many rows are not the combination of columns that the training rows obey."""
    X = block.dense()
    off = X @ combination - np.where(kept, 0.0, X)
    size = np.abs(X) @ np.abs(combination) + np.abs(X)
    return int((np.abs(off) > OFF * size).any(axis=1).sum())
