"""How a factor is coded, and which factors need all their levels.

Coding matrices other than treatment come from formulaic. The rule for redundancy is Patsy's (N. J. Smith): a term is
the sum of all products of its factors without their constant; what earlier terms already span is left out, and the rest
is put together into as few products as possible.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nelder.errors import FormulaError, unknown_name
from nelder.formula.transforms import CONTRASTS, Contrast
from nelder.parts import Coding
from nelder.sources import Level


@dataclass(frozen=True)
class FactorCoding:
    """A coding and the name of each of its columns."""

    coding: Coding
    names: tuple[str, ...]


def full_coding(name: str, levels: Sequence[Level]) -> FactorCoding:
    """One indicator a level."""
    kept = np.arange(len(levels))
    return FactorCoding(Coding(len(levels), kept), tuple(f"{name}[{level}]" for level in levels))


def reduced_coding(name: str, levels: Sequence[Level], contrast: Any) -> FactorCoding:
    """One column fewer than levels: indicators of all but a base level, or the contrast asked for."""
    chosen = contrast or Contrast("treatment")
    if not isinstance(chosen, Contrast):
        return _matrix_of_ones_own(name, levels, chosen)
    if chosen.name in ("treatment", "SAS"):
        base = _base(name, levels, chosen)
        kept = np.array([place for place in range(len(levels)) if place != base], dtype=np.intp)
        return FactorCoding(Coding(len(levels), kept), tuple(f"{name}[T.{levels[place]}]" for place in kept))
    return _by_formulaic(name, levels, chosen)


def _base(name: str, levels: Sequence[Level], contrast: Contrast) -> int:
    named = dict(contrast.named)
    given = contrast.arguments[0] if contrast.arguments else named.pop("base", None)
    if named or len(contrast.arguments) > 1:
        raise FormulaError(f"contr.{contrast.name} of {name} takes one argument, the base level")
    if given is None:
        return len(levels) - 1 if contrast.name == "SAS" else 0
    if given not in levels:
        raise unknown_name(f"base level of {name}", given, [str(level) for level in levels])
    return list(levels).index(given)


def _by_formulaic(name: str, levels: Sequence[Level], contrast: Contrast) -> FactorCoding:
    from formulaic.transforms.contrasts import ContrastsRegistry

    assert contrast.name in CONTRASTS  # the expression's allow-list saw to it
    try:
        made = getattr(ContrastsRegistry, contrast.name)(*contrast.arguments, **dict(contrast.named))
    except TypeError as problem:
        raise FormulaError(f"contr.{contrast.name} of {name}: {problem}") from None
    try:
        matrix = np.asarray(made.get_coding_matrix(list(levels), reduced_rank=True), dtype=float)
    except (TypeError, ValueError, IndexError) as problem:
        raise FormulaError(
            f"contr.{contrast.name} of {name} does not fit its {len(levels)} levels: {problem}"
        ) from None
    fields = made.get_coding_column_names(list(levels), reduced_rank=True)
    pattern = made.get_factor_format(list(levels), reduced_rank=True)
    return FactorCoding(Coding(len(levels), matrix=matrix), tuple(pattern.format(name=name, field=f) for f in fields))


def _matrix_of_ones_own(name: str, levels: Sequence[Level], rows: Any) -> FactorCoding:
    try:
        matrix = np.asarray(rows, dtype=float)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.ndim != 2 or len(matrix) != len(levels) or not np.isfinite(matrix).all():
        raise FormulaError(
            f"the contrast of {name} is contr.sum or one of its kind, or a matrix [[…], …] of finite numbers with one "
            f"row for each of its {len(levels)} levels"
        )
    fields = tuple(f"{name}[{column + 1}]" for column in range(matrix.shape[1]))
    return FactorCoding(Coding(len(levels), matrix=matrix), fields)


Scoped = tuple[tuple[str, bool], ...]  # factors in order, each with whether it is reduced


def scope(terms: Sequence[Sequence[tuple[str, bool]]]) -> list[list[Scoped]]:
    """For each term, given as (factor, is categorical) pairs, the products that it adds to the terms before it."""
    spanned: set[frozenset[tuple[str, bool]]] = set()
    result = []
    for factors in terms:
        choices = [((name, True), None) if is_categorical else ((name, False),) for name, is_categorical in factors]
        products = [tuple(part for part in product if part) for product in itertools.product(*choices)]
        new = [product for product in products if frozenset(product) not in spanned]
        spanned.update(frozenset(product) for product in products)
        result.append(_simplified(new))
    return result


def _simplified(products: Sequence[Scoped]) -> list[Scoped]:
    """Apply  x + x:reduced(f) → x:full(f)  until nothing changes."""
    terms: list[Scoped] = []
    for product in sorted(products, key=len):
        for existing in terms:
            extra = set(product) - set(existing)
            if len(product) == len(existing) + 1 and len(extra) == 1 and next(iter(extra))[1]:
                name = next(iter(extra))[0]
                whole = tuple((f, False) if f == name else (f, reduced) for f, reduced in product)
                terms = _simplified([*(term for term in terms if term is not existing), whole])
                break
        else:
            terms.append(product)
    return terms
