"""Rows in groups by the levels of columns, which need not be in the formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InputError
from nelder.fit import Fit
from nelder.inference.effects.cases import Population, Sample, in_rows
from nelder.inference.effects.rows import beside
from nelder.sources import Column, Labels

GROUPS = 1000  # that a table may have


def grouped(fit: Fit, sample: Sample, over: Population, by: Sequence[str]) -> tuple[Sample, tuple[str, ...]]:
    """The sample in groups by the levels of some columns, which need not be in the formula, and notes.

    Rows without a level are left out. Raises InputError for more groups than anybody reads.
    """
    if not by:
        return sample, ()
    chunk, _ = beside(fit, over, by)
    codes, labels, lost = combined([chunk[name] for name in by])
    if len(labels) > GROUPS:
        raise InputError(f"by={list(by)!r} has {len(labels)} combinations of levels, allowed are {GROUPS}: bin them")
    ends = np.cumsum([part.n for part in sample.parts])[:-1]
    pieces = zip(sample.parts, np.split(codes, ends), strict=True)
    parts = tuple(replace(part, group=np.maximum(code, 0), weight=part.weight * (code >= 0)) for part, code in pieces)
    notes = (f"left out for want of a value of {' or '.join(by)}: {in_rows(lost)}",) if lost else ()
    return Sample(parts, {name: [label[k] for label in labels] for k, name in enumerate(by)}), notes


def combined(columns: Sequence[Column]) -> tuple[NDArray[np.integer], list[tuple[object, ...]], int]:
    """One code a row for the levels of several columns, −1 where one is missing, what the codes stand for, and how many
    are missing.
    """
    coded, names = [], []
    for column in columns:
        if isinstance(column, Labels):
            coded.append(column.codes.astype(np.int64))
            names.append(list(column.levels))
            continue
        distinct, codes = np.unique(column.values[~column.missing], return_inverse=True)
        full = np.full(len(column), -1, dtype=np.int64)
        full[~column.missing] = codes
        coded.append(full)
        type_of = {"b": bool, "i": int, "u": int}.get(column.kind, float)
        names.append([type_of(value) for value in distinct])
    table = np.stack(coded, axis=1)
    present = (table >= 0).all(axis=1)
    found, codes = np.unique(table[present], axis=0, return_inverse=True)
    whole = np.full(len(table), -1, dtype=np.intp)
    whole[present] = codes.reshape(-1)
    labels = [tuple(names[k][code] for k, code in enumerate(row)) for row in found]
    return whole, labels, int((~present).sum())
