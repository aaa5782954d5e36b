"""Formulas: text → terms → what one look at the table learned (`Schema`) → columns."""

from __future__ import annotations

from nelder.formula.expressions import Expression, parse
from nelder.formula.grammar import Formula, Term, parse_formula, quoted
from nelder.formula.schema import Schema, complete_rows, learn, numeric_column, restricted

__all__ = [
    "Expression",
    "Formula",
    "Schema",
    "Term",
    "complete_rows",
    "learn",
    "numeric_column",
    "parse",
    "parse_formula",
    "quoted",
    "restricted",
]
