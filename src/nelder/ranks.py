"""Which columns of a design can be told apart, judged once and without weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nelder.arrow import Arrow
from nelder.design import Block, Design
from nelder.diagnosis import Aliased
from nelder.errors import CapabilityError, DataError
from nelder.kernels import gram_kernel, squares_kernel
from nelder.linalg import Array, cholesky, independent_columns, triangle
from nelder.objective import Objective
from nelder.quadratic import SAFE_FOR_STEPS, Gram, Triangle
from nelder.sparse import WIDE, refuse_wide

LARGEST = 1e100
PER_COLUMN = 50  # so many rows for each column tell whether columns differ, mostly
BLOCKS = 8  # and those of so many blocks, mostly: to open each of many takes longer than the rows


def find_aliases(objective: Objective) -> tuple[NDArray[np.bool_], Aliased | None, Array | None]:
    """Which columns (p,) are estimable; where some are not, a finding and their combinations (p, p) of the others.

    A safe Gram of any rows has full rank, and so have all; only where none is safe, the QR of all rows decides, left to
    right. A column that a penalty holds is told from the others by it.
    """
    names = objective.design.names
    if objective.design.wide:
        told_apart_by_penalty(objective)
        return np.ones(len(names), dtype=bool), None, None
    if any(rows.over_rows(gram_kernel, Gram).safe for rows in ever_more(objective)):
        return np.ones(len(names), dtype=bool), None, None
    if objective.design.vast:
        refuse_aliases(objective)
    upper = rank_of_rows(objective)
    refuse_extreme_columns(upper, names)
    upper = triangle(np.vstack([upper, np.diag(np.sqrt(objective.penalty.strength(objective.free)))]))
    kept, combination = independent_columns(upper)
    if kept.all():
        return kept, None, None
    if not kept.any():
        raise DataError(f"every column of the design is zero: {', '.join(map(repr, names[:10]))}")
    lost = np.flatnonzero(~kept)
    written = tuple(_combination(names, combination[:, j], names[j]) for j in lost)
    return kept, Aliased(tuple(names[j] for j in lost), written), combination


def ever_more(objective: Objective) -> Iterator[Objective]:
    """Rows that may tell columns apart, the cheapest first."""
    enough = PER_COLUMN * objective.design.p
    if objective.design.rows <= 8 * enough or objective.design.long is not None:
        yield objective
        return
    some = objective.among(BLOCKS)
    yield some.sampled(enough)
    if some is not objective:
        yield objective.sampled(enough)


def refuse_aliases(objective: Objective) -> None:
    """Raise DataError that names a column which a long factor and the columns before it make redundant."""
    model: Gram = objective.over_rows(gram_kernel, Gram)
    names, arrow = objective.design.names, model.matrix
    assert isinstance(arrow, Arrow)
    empty = arrow.layout.long[arrow.levels <= 0]
    if len(empty):
        raise DataError(f"column {names[empty[0]]!r} is zero in every row that counts: leave its level out")
    rest = arrow.complement()
    for column, name in enumerate(arrow.layout.short):
        before = cholesky(rest[: column + 1, : column + 1])
        if before is None or before.condition * arrow.corner[column, column] / rest[column, column] > SAFE_FOR_STEPS:
            raise DataError(
                f"column {names[name]!r} is a combination of the levels of the long factor and the columns before it, "
                f"or nearly: leave it out (with {len(names)} columns that is not worked out further)"
            )


def told_apart_by_penalty(objective: Objective) -> None:
    """Raise CapabilityError where a design too wide for any matrix of its columns has no penalty that tells them apart.

    One column may be free, the intercept.
    """
    p, names, strength = objective.design.p, objective.design.names, objective.penalty.strength(objective.free)
    constant = np.flatnonzero(objective.design.constant)
    if not strength.any():
        raise CapabilityError(
            f"{p} sparse columns: {objective.penalty.name} fits of more than {WIDE} need matrices of {p} by {p} "
            f"numbers, {8e-9 * p**2:.1f} GB each; use penalty=nd.Ridge(alpha), which needs none, or fewer columns"
        )
    if len(constant) > 1:
        raise DataError(
            f"columns {names[constant[0]]!r} and {names[constant[1]]!r} are each the same in every row, and a penalty "
            "leaves both free: keep one of them as the intercept"
        )
    if objective.sampling:
        raise CapabilityError(
            f"{p} sparse columns: the standard errors of a sample need matrices of {p} by {p} numbers; give bare "
            "weights, for the same coefficients without errors, or fewer columns"
        )
    sizes = np.sqrt(objective.over_rows(squares_kernel))
    refuse_extreme_columns(sizes[None, :], names)


def rank_of_rows(objective: Objective) -> Array:
    """R (p, p) of the QR of all rows. Raises CapabilityError for a wide design."""
    if objective.design.wide or objective.design.vast:
        raise refuse_wide("this", objective.design.p, objective.design.p)
    rows: Triangle = objective.over_rows(gram_kernel, Triangle)
    return rows.upper


def refuse_extreme_columns(upper: Array, names: Sequence[str]) -> None:
    """Raise DataError for a column, seen through R of the QR, whose squares leave the range of numbers."""
    size = np.abs(upper).max(axis=0)
    for j in np.flatnonzero(~(size < LARGEST) | ((size > 0) & (size < 1 / LARGEST))).tolist():
        raise DataError(
            f"column {names[j]!r} has values too {'small' if size[j] < 1 else 'large'} to square (beyond 1e±100): "
            "give it in other units"
        )


def _combination(names: Sequence[str], weights: Array, name: str) -> str:
    """`x3 = 2 x1 - x2`."""
    size = np.abs(weights).max(initial=0.0)
    used = [(w, n) for w, n in zip(weights, names, strict=True) if abs(w) > 1e-9 * size]
    text = " ".join(f"{'-' if w < 0 else '+'} {'' if np.isclose(abs(w), 1) else f'{abs(w):.6g} '}{n}" for w, n in used)
    return f"{name} = {text.removeprefix('+ ') or '0'}"


def selected(objective: Objective, kept: NDArray[np.bool_]) -> Design:
    """The design with only the columns kept."""
    chosen, design = np.flatnonzero(kept), objective.design
    handles = objective.engine.derive(Block.select, design.handles, chosen)
    return Design(handles, tuple(design.names[j] for j in chosen), design.constant[kept], design.n)
