"""A schema as JSON and back. The formula is read again on loading, through the allow-list; only what it learned is
stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nelder.errors import SavedFitError
from nelder.formula.contrasts import FactorCoding, full_coding
from nelder.formula.expressions import Expression
from nelder.formula.grammar import parse_formula
from nelder.formula.schema import CategoricalFactor, Factor, NumericFactor, Schema, assemble
from nelder.parts import Coding
from nelder.sources import Level


def schema_to_json(schema: Schema) -> dict[str, Any]:
    """Formula, the columns that `.` may stand for, factors and states."""
    return {
        "formula": schema.formula.text,
        "available": list(schema.formula.available) if "." in schema.formula.text else list(schema.formula.columns),
        "factors": {name: _factor_to_json(factor) for name, factor in schema.factors.items()},
        "states": schema.states,
    }


def schema_from_json(saved: Any) -> Schema:
    """The schema again. Raises SavedFitError or FormulaError for anything that does not fit together."""
    formula = parse_formula(saved["formula"], [str(name) for name in saved["available"]])
    expressions = {factor.text: factor for term in formula.terms for factor in term.factors}
    if set(expressions) != set(saved["factors"]):
        raise SavedFitError("its factors are not those of its formula")
    factors = {name: _factor_from_json(expressions[name], saved["factors"][name]) for name in expressions}
    states = saved["states"]
    if not isinstance(states, dict) or not all(
        isinstance(state, dict) and _is_plain(state) for state in states.values()
    ):
        raise SavedFitError("the states of its transforms are not plain numbers")
    return assemble(formula, factors, states)


def _factor_to_json(factor: Factor) -> dict[str, Any]:
    if isinstance(factor, NumericFactor):
        return {"columns": list(factor.names)} | ({"truth": True} if factor.truth else {})
    coding = factor.reduced.coding
    return {
        "levels": list(factor.levels),
        "names": list(factor.reduced.names),
        "kept": None if coding.kept is None else coding.kept.tolist(),
        "matrix": None if coding.matrix is None else coding.matrix.tolist(),
    }


def _factor_from_json(expression: Expression, saved: Any) -> Factor:
    if "columns" in saved:
        names = tuple(_word(name) for name in saved["columns"])
        return NumericFactor(expression, names, saved.get("truth") is True)
    levels: tuple[Level, ...] = tuple(saved["levels"])
    if not all(isinstance(level, str | int | float | bool) for level in levels) or len(set(levels)) < len(levels):
        raise SavedFitError(f"the levels of {expression.text!r} are not levels")
    names = tuple(_word(name) for name in saved["names"])
    if saved["kept"] is not None:
        kept = np.array(saved["kept"], dtype=np.intp)
        good = kept.shape == (len(names),) and bool(np.all((kept >= 0) & (kept < len(levels))))
        coding = Coding(len(levels), kept)
    else:
        matrix = np.array(saved["matrix"], dtype=float)
        good = matrix.shape == (len(levels), len(names)) and bool(np.isfinite(matrix).all())
        coding = Coding(len(levels), matrix=matrix)
    if not good:
        raise SavedFitError(f"the coding of {expression.text!r} does not fit its levels")
    return CategoricalFactor(expression, levels, full_coding(expression.text, levels), FactorCoding(coding, names))


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise SavedFitError(f"{value!r:.80} stands where a name should")
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
