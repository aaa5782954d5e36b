"""Contrasts of means: which differences, what they are called, and whether they are all the pairs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nelder.errors import DataError, InputError, unknown_name
from nelder.linalg import Array
from nelder.observations import vector_of


@dataclass(frozen=True)
class Contrasts:
    """c combinations (c, m) of m means, and their names, with a sign in the place of {}."""

    matrix: Array
    names: tuple[str, ...]
    pairwise: bool = False


def pairwise(labels: Sequence[str], reference: int) -> Contrasts:
    """Each mean less each later one."""
    pairs = list(itertools.combinations(range(len(labels)), 2))
    return _differences(labels, pairs, True)


def control(labels: Sequence[str], reference: int) -> Contrasts:
    """Each other mean less that of the reference."""
    return _differences(labels, [(k, reference) for k in range(len(labels)) if k != reference])


def consecutive(labels: Sequence[str], reference: int) -> Contrasts:
    """Each mean less the one before."""
    return _differences(labels, [(k + 1, k) for k in range(len(labels) - 1)])


def effects(labels: Sequence[str], reference: int) -> Contrasts:
    """Each mean less the average of all."""
    m = len(labels)
    return Contrasts(np.eye(m) - 1.0 / m, tuple(f"{label} effect" for label in labels))


METHODS: dict[str, Callable[[Sequence[str], int], Contrasts]] = {
    "consecutive": consecutive,
    "control": control,
    "effects": effects,
    "pairwise": pairwise,
}


def _differences(labels: Sequence[str], pairs: Sequence[tuple[int, int]], every: bool = False) -> Contrasts:
    matrix = np.zeros((len(pairs), len(labels)))
    for row, (plus, minus) in enumerate(pairs):
        matrix[row, plus], matrix[row, minus] = 1.0, -1.0
    return Contrasts(matrix, tuple(f"{labels[plus]} {{}} {labels[minus]}" for plus, minus in pairs), every)


def contrasts_of(method: object, labels: Sequence[str], reference: object = None) -> Contrasts:
    """Contrasts by name, or {name: weights}, of means with these labels; `reference` is the label of the control.

    Raises UnknownNameError for a method or label that does not exist, DataError for weights of another number.
    """
    if isinstance(method, Mapping):
        return custom(method, labels)
    if not isinstance(method, str) or method not in METHODS:
        raise unknown_name("contrast", method, METHODS)
    if reference is not None and method != "control":
        raise InputError(f"reference= belongs to the contrast 'control', not to {method!r}")
    if reference is not None and str(reference) not in labels:
        raise unknown_name("mean as reference", str(reference), labels)
    if len(labels) == 1:
        raise InputError(f"there is one mean in each group, {labels[0]!r}: nothing to compare it with")
    return METHODS[method](labels, 0 if reference is None else list(labels).index(str(reference)))


def custom(given: Mapping[object, object], labels: Sequence[str]) -> Contrasts:
    """Contrasts with weights of one's own."""
    rows = []
    for name, weights in given.items():
        row = vector_of(weights, f"the contrast {name!r}")
        if len(row) != len(labels):
            listed = ", ".join(labels[:20])
            raise DataError(f"the contrast {name!r} has {len(row)} weights for {len(labels)} means: {listed}")
        if not row.any():
            raise DataError(f"the contrast {name!r} has no weight that is not 0")
        rows.append(row)
    if not rows:
        raise InputError("the dictionary of contrasts is empty: give {'a vs rest': [1, -0.5, -0.5]}")
    names = tuple(str(name).replace("{", "{{").replace("}", "}}") for name in given)
    return Contrasts(np.array(rows), names)
